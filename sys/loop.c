/* SPDX-License-Identifier: ISC */
/*
 * One turn of the loop: wait in ppoll, read the clock, then signals, timers and descriptors, in
 * this order. Knows nothing of what the descriptors are.
 *
 * Signals are blocked except while waiting, and their handler only sets a flag, so that callbacks
 * never run in the middle of others and none is lost between looking and waiting. Callbacks may
 * remove anything at any time: the walks below therefore keep their place in the loop's struct,
 * where removal can see and mend it.
 */
#include "sys/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef NSIG
#define NSIG 65
#endif

enum {
	NO_SLOT = -1,
	POLL_RETRIES = 100, /* how often in a row the kernel may be out of memory for ppoll */
};

/* Signals are let in at least this often, however busy the descriptors are. */
#define SIGNAL_WAIT_US (5 * USEC_PER_MSEC)

/* Signal handlers have no context: the one place where they can leave word. */
static volatile sig_atomic_t arrived[NSIG];

static void note_signal(int signo)
{
	arrived[signo] = 1;
}

int64_t loop_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Back to the room that the loop brings itself. */
static void shrink(struct loop *l)
{
	if (l->polled != l->few_polled) {
		free(l->polled);
		free(l->owners);
	}
	l->polled = l->few_polled;
	l->owners = l->few_owners;
	l->polled_cap = LOOP_FEW;
	l->polled_count = 0;
}

int loop_init(struct loop *l)
{
	*l = (struct loop){0};
	shrink(l);
	sigemptyset(&l->signals);
	return sigprocmask(SIG_BLOCK, NULL, &l->wait_mask) < 0 ? -errno : 0;
}

void loop_free(struct loop *l)
{
	shrink(l);
	l->watches = NULL;
	l->timers = NULL;
}

int loop_signals(struct loop *l, const int *signos, size_t count,
    void (*on_signal)(void *context, int signo, int64_t now_us), void *context)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction note = {.sa_handler = note_signal};
	sigemptyset(&ignore.sa_mask);
	sigfillset(&note.sa_mask);
	l->on_signal = on_signal;
	l->signal_context = context;
	for (size_t i = 0; i < count; i++) {
		if (signos[i] <= 0 || signos[i] >= NSIG)
			return -EINVAL;
		arrived[signos[i]] =
		    0; /* what a parent heard before it forked us is the parent's */
		sigaddset(&l->signals, signos[i]);
		sigdelset(&l->wait_mask, signos[i]);
	}
	if (sigprocmask(SIG_BLOCK, &l->signals, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < count; i++) {
		struct sigaction was;
		if (sigaction(signos[i], NULL, &was) < 0)
			return -errno;
		/* Whoever started us wants us to outlive the terminal (nohup), or its interrupts (a
		 * script's "&"). All else is our own to take, SIGTERM above all. */
		if ((signos[i] == SIGHUP || signos[i] == SIGINT) && was.sa_handler == SIG_IGN)
			continue;
		if (sigaction(signos[i], &note, NULL) < 0)
			return -errno;
	}
	return 0;
}

/* Makes room for `count` descriptors; the current turn's stay where they are in the order. */
static int grow(struct loop *l, size_t count)
{
	if (count <= l->polled_cap)
		return 0;
	size_t cap = LOOP_FEW;
	while (cap < count)
		cap *= 2;
	size_t used = l->polled_count;
	struct pollfd *polled = malloc(cap * sizeof(*polled));
	struct loop_watch **owners = malloc(cap * sizeof(struct loop_watch *));
	if (!polled || !owners) {
		free(polled);
		free(owners);
		return -ENOMEM;
	}
	memcpy(polled, l->polled, used * sizeof(*polled));
	memcpy(owners, l->owners, used * sizeof(struct loop_watch *));
	shrink(l);
	l->polled = polled;
	l->owners = owners;
	l->polled_cap = cap;
	l->polled_count = used;
	return 0;
}

int loop_add(struct loop *l, struct loop_watch *w)
{
	size_t count = 1;
	for (struct loop_watch *other = l->watches; other; other = other->next) {
		assert(other != w);
		count++;
	}
	int rc = grow(l, count);
	if (rc < 0)
		return rc;
	w->slot = NO_SLOT;
	w->next = l->watches;
	l->watches = w;
	return 0;
}

void loop_remove(struct loop *l, struct loop_watch *w)
{
	struct loop_watch **link = &l->watches;
	while (*link && *link != w)
		link = &(*link)->next;
	if (!*link)
		return;
	*link = w->next;
	w->next = NULL;
	if (w->slot != NO_SLOT)
		l->owners[w->slot] = NULL; /* its event of this turn, if any, is nobody's now */
	w->slot = NO_SLOT;
}

void loop_timer_add(struct loop *l, struct loop_timer *t)
{
	for (struct loop_timer *other = l->timers; other; other = other->next)
		assert(other != t);
	t->next = l->timers;
	l->timers = t;
}

void loop_timer_remove(struct loop *l, struct loop_timer *t)
{
	struct loop_timer **link = &l->timers;
	while (*link && *link != t)
		link = &(*link)->next;
	if (!*link)
		return;
	if (l->timer_turn == t)
		l->timer_turn = t->next;
	*link = t->next;
	t->next = NULL;
}

static int64_t earliest_deadline(const struct loop *l)
{
	int64_t earliest_us = DEADLINE_NEVER;
	for (const struct loop_timer *t = l->timers; t; t = t->next)
		earliest_us = deadline_earlier(earliest_us, t->deadline_us);
	return earliest_us;
}

static void fill_polled(struct loop *l)
{
	size_t n = 0;
	for (struct loop_watch *w = l->watches; w; w = w->next, n++) {
		bool off = w->events == LOOP_OFF;
		l->polled[n] =
		    (struct pollfd){.fd = off ? -1 : w->fd, .events = off ? (short)0 : w->events};
		l->owners[n] = w;
		w->slot = (long)n;
	}
	l->polled_count = n;
}

/* One ppoll: 0 (with revents filled in, or all zero), or a negative errno. */
static int wait_for_events(struct loop *l)
{
	struct timespec wait = {0};
	int64_t deadline_us = earliest_deadline(l);
	if (deadline_us != DEADLINE_NEVER) {
		int64_t left_us = deadline_us - loop_now_us();
		if (deadline_us > 0 && left_us > 0) {
			wait.tv_sec = (time_t)(left_us / USEC_PER_SEC);
			wait.tv_nsec = (long)(left_us % USEC_PER_SEC) * 1000;
		}
	}
	if (ppoll(l->polled, (nfds_t)l->polled_count, deadline_us == DEADLINE_NEVER ? NULL : &wait,
		&l->wait_mask) >= 0)
		return 0;
	int rc = -errno;
	for (size_t i = 0; i < l->polled_count; i++)
		l->polled[i].revents = 0;
	return rc;
}

/*
 * A ppoll that finds a descriptor ready returns without having let a signal in, so that a loop with
 * enough to do would never hear of one.
 */
static void let_signals_in(struct loop *l, int64_t now_us)
{
	sigset_t blocked;
	if (now_us - l->let_in_us < SIGNAL_WAIT_US)
		return;
	l->let_in_us = now_us;
	if (sigprocmask(SIG_SETMASK, &l->wait_mask, &blocked) == 0)
		sigprocmask(SIG_SETMASK, &blocked, NULL);
}

static void dispatch_signals(struct loop *l, int64_t now_us)
{
	for (int signo = 1; signo < NSIG && !l->stopped; signo++) {
		if (!arrived[signo] || sigismember(&l->signals, signo) != 1)
			continue;
		arrived[signo] = 0;
		l->on_signal(l->signal_context, signo, now_us);
	}
}

/*
 * Each timer at most once: one that sets itself a deadline in the past is called again in the next
 * turn, after the descriptors have had theirs. New timers go to the front of the list and wait too.
 */
static void dispatch_timers(struct loop *l, int64_t now_us)
{
	for (struct loop_timer *t = l->timers; t && !l->stopped; t = l->timer_turn) {
		l->timer_turn = t->next;
		if (t->deadline_us > now_us)
			continue;
		t->deadline_us = DEADLINE_NEVER;
		t->expired(t->context, now_us);
	}
	l->timer_turn = NULL;
}

static void dispatch_watches(struct loop *l, int64_t now_us)
{
	for (size_t i = 0; i < l->polled_count && !l->stopped; i++) {
		struct loop_watch *w = l->owners[i];
		/* An earlier callback may have removed it, turned it off or given it another
		 * descriptor. */
		if (!w || w->events == LOOP_OFF || w->fd != l->polled[i].fd)
			continue;
		short wanted = (short)(w->events | POLLERR | POLLHUP | POLLNVAL);
		short revents = (short)(l->polled[i].revents & wanted);
		if (revents)
			w->ready(w->context, revents, now_us);
	}
}

int loop_run(struct loop *l)
{
	int failures = 0;
	int rc = 0;
	while (!l->stopped) {
		fill_polled(l);
		rc = wait_for_events(l);
		if (rc == 0 || rc == -EINTR)
			failures = 0;
		else if ((rc != -ENOMEM && rc != -EAGAIN) || ++failures > POLL_RETRIES)
			break;
		rc = 0;
		int64_t now_us = loop_now_us();
		let_signals_in(l, now_us);
		dispatch_signals(l, now_us);
		dispatch_timers(l, now_us);
		dispatch_watches(l, now_us);
	}
	l->stopped = false;
	return rc;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}
