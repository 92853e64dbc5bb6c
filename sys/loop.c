/* SPDX-License-Identifier: ISC */
/*
 * One iteration: wait in ppoll, read the clock, then call back for signals, descriptors and timers,
 * in this order. Independent of what the descriptors are.
 *
 * What a timer waits for may have come while this process was stopped, suspended or not given the
 * processor: so descriptors are first, and after such a pause, in which more may have come than they
 * read at a time, timers wait until an iteration in which none is ready.
 *
 * Signals are blocked except during the wait, and their handler only sets a flag: so callbacks never
 * interrupt each other, and no signal is lost between the check and the wait. Callbacks may remove
 * anything at any time, so the iterators below live in struct loop, where removal updates them.
 */
#include "sys/loop.h"

#include <assert.h>
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#ifndef NSIG
#define NSIG 65
#endif

enum {
	NO_SLOT = -1,
	CATCH_UP_MAX = 64,  /* iterations: enough to read full socket buffers */
	POLL_RETRIES = 100, /* consecutive failures of ppoll for lack of memory before giving up */
	PAUSES_MAX = 100,   /* of a watch, of PAUSE_US each */
};

/* Longer than a busy machine makes a process wait for its turn. */
#define LATE_US (50 * USEC_PER_MSEC)
/* Signals are unblocked at least this often, however busy the descriptors are. */
#define SIGNAL_INTERVAL_US (5 * USEC_PER_MSEC)
/* Of loop_pause: short enough for a call that a passing shortage interrupts. */
#define PAUSE_US (10 * USEC_PER_MSEC)

/* Set by the signal handler, which has no context. */
static volatile sig_atomic_t pending[NSIG];

static void handle_signal(int signo)
{
	pending[signo] = 1;
}

int64_t loop_now_us(const struct loop *l)
{
	struct timespec now;
	clock_gettime(l->clock == LOOP_BOOTTIME ? CLOCK_BOOTTIME : CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

int loop_init(struct loop *l, enum loop_clock clock)
{
	*l = (struct loop){.clock = clock, .timer_fd = -1, .armed_us = DEADLINE_NEVER};
	/* Where the system refuses, the wait for a deadline lasts longer by the suspended time. */
	if (clock == LOOP_BOOTTIME)
		l->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	sigemptyset(&l->signals);
	return sigprocmask(SIG_BLOCK, NULL, &l->wait_mask) < 0 ? -errno : 0;
}

void loop_free(struct loop *l)
{
	if (l->timer_fd >= 0)
		close(l->timer_fd);
	l->timer_fd = -1;
	l->watches = NULL;
	l->timers = NULL;
}

int loop_signals(struct loop *l, const int *signos, size_t count,
    void (*on_signal)(void *context, int signo, int64_t now_us), void *context)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction handle = {.sa_handler = handle_signal};
	sigemptyset(&ignore.sa_mask);
	sigfillset(&handle.sa_mask);
	l->on_signal = on_signal;
	l->signal_context = context;
	for (size_t i = 0; i < count; i++) {
		if (signos[i] <= 0 || signos[i] >= NSIG)
			return -EINVAL;
		pending[signos[i]] = 0; /* a signal from before the fork was the parent's */
		sigaddset(&l->signals, signos[i]);
		sigdelset(&l->wait_mask, signos[i]);
	}
	if (sigprocmask(SIG_BLOCK, &l->signals, NULL) < 0 || sigaction(SIGPIPE, &ignore, NULL) < 0)
		return -errno;
	for (size_t i = 0; i < count; i++) {
		struct sigaction was;
		if (sigaction(signos[i], NULL, &was) < 0)
			return -errno;
		/* These are ignored on purpose, by nohup and by a script's "&". Others are not. */
		if ((signos[i] == SIGHUP || signos[i] == SIGINT) && was.sa_handler == SIG_IGN)
			continue;
		if (sigaction(signos[i], &handle, NULL) < 0)
			return -errno;
	}
	return 0;
}

int loop_add(struct loop *l, struct loop_watch *w)
{
	size_t count = 0;
	for (struct loop_watch *other = l->watches; other; other = other->next) {
		assert(other != w);
		count++;
	}
	if (count == LOOP_WATCHES_MAX)
		return -ENOSPC;
	w->slot = NO_SLOT;
	w->next = l->watches;
	l->watches = w;
	return 0;
}

int loop_watch_fd(struct loop *l, struct loop_watch *w, int fd, short events,
    void (*ready)(void *context, int64_t now_us), void *context)
{
	*w = (struct loop_watch){.fd = fd, .events = events, .ready = ready, .context = context};
	return loop_add(l, w);
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
		l->owners[w->slot] = NULL; /* drops its event of this iteration */
	w->slot = NO_SLOT;
}

void loop_close(struct loop *l, struct loop_watch *w)
{
	loop_remove(l, w);
	if (w->fd >= 0)
		close(w->fd);
	w->fd = -1;
}

bool loop_pause(struct loop *l, struct loop_watch *w)
{
	w->paused_until_us = loop_now_us(l) + PAUSE_US;
	w->pauses++;
	return w->pauses < PAUSES_MAX;
}

void loop_timer_add(struct loop *l, struct loop_timer *t)
{
	for (struct loop_timer *other = l->timers; other; other = other->next)
		assert(other != t);
	t->next = l->timers;
	l->timers = t;
}

void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t deadline_us,
    void (*expired)(void *context, int64_t now_us), void *context)
{
	*t =
	    (struct loop_timer){.deadline_us = deadline_us, .expired = expired, .context = context};
	loop_timer_add(l, t);
}

void loop_timer_remove(struct loop *l, struct loop_timer *t)
{
	struct loop_timer **link = &l->timers;
	while (*link && *link != t)
		link = &(*link)->next;
	if (!*link)
		return;
	if (l->next_timer == t)
		l->next_timer = t->next;
	*link = t->next;
	t->next = NULL;
}

static int64_t earliest_deadline(const struct loop *l)
{
	int64_t earliest_us = DEADLINE_NEVER;
	for (const struct loop_timer *t = l->timers; t; t = t->next)
		earliest_us = deadline_earlier(earliest_us, t->deadline_us);
	for (const struct loop_watch *w = l->watches; w; w = w->next)
		if (w->paused_until_us)
			earliest_us = deadline_earlier(earliest_us, w->paused_until_us);
	return earliest_us;
}

static void fill_polled(struct loop *l)
{
	size_t n = 0;
	for (struct loop_watch *w = l->watches; w; w = w->next, n++) {
		if (w->paused_until_us && w->paused_until_us <= loop_now_us(l))
			w->paused_until_us = 0;
		bool off = w->events == LOOP_OFF || w->paused_until_us;
		l->polled[n] =
		    (struct pollfd){.fd = off ? -1 : w->fd, .events = off ? (short)0 : w->events};
		l->owners[n] = w;
		w->slot = (long)n;
	}
	if (l->timer_fd >= 0) {
		l->polled[n] = (struct pollfd){.fd = l->timer_fd, .events = POLLIN};
		l->owners[n++] = NULL; /* it only ends the wait */
	}
	l->polled_count = n;
}

/* Sets the timerfd to the earliest deadline. Setting also clears an expiration, so that an expired
 * timerfd stays readable only until the deadline changes. */
static void arm_timer_fd(struct loop *l, int64_t deadline_us)
{
	if (l->timer_fd < 0 || deadline_us == l->armed_us)
		return;
	struct itimerspec at = {.it_value = {0}};
	if (deadline_us != DEADLINE_NEVER && deadline_us > 0) {
		at.it_value.tv_sec = (time_t)(deadline_us / USEC_PER_SEC);
		at.it_value.tv_nsec = (long)(deadline_us % USEC_PER_SEC) * 1000;
	}
	if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) == 0)
		l->armed_us = deadline_us;
}

/* One ppoll, until the deadline: 0 (with revents filled in, or all zero), or a negative errno. */
static int wait_for_events(struct loop *l, int64_t deadline_us)
{
	struct timespec wait = {0};
	arm_timer_fd(l, deadline_us);
	if (deadline_us != DEADLINE_NEVER) {
		int64_t left_us = deadline_us - loop_now_us(l);
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

/* A ppoll that finds a descriptor ready returns without delivering signals, so a busy loop would
 * never see one. */
static void deliver_signals(struct loop *l, int64_t now_us)
{
	sigset_t blocked;
	if (now_us - l->delivered_us < SIGNAL_INTERVAL_US)
		return;
	l->delivered_us = now_us;
	if (sigprocmask(SIG_SETMASK, &l->wait_mask, &blocked) == 0)
		sigprocmask(SIG_SETMASK, &blocked, NULL);
}

static void dispatch_signals(struct loop *l, int64_t now_us)
{
	for (int signo = 1; signo < NSIG && !l->stopped; signo++) {
		if (!pending[signo] || sigismember(&l->signals, signo) != 1)
			continue;
		pending[signo] = 0;
		l->on_signal(l->signal_context, signo, now_us);
	}
}

/*
 * Calls each timer at most once: one that sets itself a deadline in the past is called again in the
 * next iteration, after the descriptors. So are timers that a timer adds: loop_timer_add puts them in
 * front.
 */
static void dispatch_timers(struct loop *l, int64_t now_us)
{
	for (struct loop_timer *t = l->timers; t && !l->stopped; t = l->next_timer) {
		l->next_timer = t->next;
		if (t->deadline_us > now_us)
			continue;
		t->deadline_us = DEADLINE_NEVER;
		t->expired(t->context, now_us);
	}
	l->next_timer = NULL;
}

/* Whether a descriptor was ready. */
static bool dispatch_watches(struct loop *l, int64_t now_us)
{
	bool any = false;
	for (size_t i = 0; i < l->polled_count && !l->stopped; i++) {
		struct loop_watch *w = l->owners[i];
		/* An earlier callback may have removed it, switched it off or replaced its
		 * descriptor. */
		if (!w || w->events == LOOP_OFF || w->fd != l->polled[i].fd)
			continue;
		short wanted = (short)(w->events | POLLERR | POLLHUP | POLLNVAL);
		w->revents = (short)(l->polled[i].revents & wanted);
		if (!w->revents)
			continue;
		any = true;
		w->ready(w->context, now_us);
		if (l->owners[i] == w && !w->paused_until_us) /* neither removed nor paused */
			w->pauses = 0;
	}
	return any;
}

/* Whether we come to a deadline much later than asked for. */
static bool was_paused(int64_t deadline_us, int64_t before_us, int64_t now_us)
{
	int64_t wake_us = deadline_us > before_us ? deadline_us : before_us;
	return deadline_us != DEADLINE_NEVER && now_us - wake_us > LATE_US;
}

int loop_run(struct loop *l)
{
	int failures = 0;
	int rc = 0;
	int catch_up = 0; /* iterations for which timers wait */
	int64_t now_us = loop_now_us(l);
	while (!l->stopped) {
		int64_t deadline_us = earliest_deadline(l);
		int64_t before_us = now_us;
		fill_polled(l);
		rc = wait_for_events(l, deadline_us);
		if (rc == 0 || rc == -EINTR)
			failures = 0;
		else if ((rc != -ENOMEM && rc != -EAGAIN) || ++failures > POLL_RETRIES)
			break;
		rc = 0;
		now_us = loop_now_us(l);
		/* A process that gets the processor in slices is paused again before it has caught up. */
		if (catch_up == 0 && was_paused(deadline_us, before_us, now_us))
			catch_up = CATCH_UP_MAX;
		deliver_signals(l, now_us);
		dispatch_signals(l, now_us);
		bool any = dispatch_watches(l, now_us);
		catch_up = any && catch_up > 0 ? catch_up - 1 : 0;
		if (catch_up == 0)
			dispatch_timers(l, now_us);
	}
	l->stopped = false;
	return rc;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}
