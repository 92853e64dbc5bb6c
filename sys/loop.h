/* SPDX-License-Identifier: ISC */
/*
 * The event loop of each process: descriptors, timers, signals as events, and the process's clock.
 * The only place that waits for long: set-up may wait 2 s for pppd's unit, a log line 30 ms for the
 * daemon. Watches and timers are linked lists of the callers' structs.
 * Single-threaded. Callbacks are short, and may add and remove watches and timers, even their own.
 */
#ifndef PPTP_LOOP_H
#define PPTP_LOOP_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/deadline.h"

struct loop_watch {
	int fd;
	/* POLLIN and so on; may be changed at any time. 0: errors and hang-up still call back;
	 * LOOP_OFF: nothing does. */
	short events;
	void (*ready)(void *context, int64_t now_us);
	void *context;
	short revents;           /* during the callback: what has come of `events`, or an error */
	struct loop_watch *next; /* private to the loop */
	long slot;               /* private to the loop */
	int64_t paused_until_us; /* private to the loop; 0: it is not */
	unsigned pauses;         /* private to the loop; in a row */
};

struct loop_timer {
	/* May be changed at any time. DEADLINE_NEVER: off; the loop sets that before the callback. */
	int64_t deadline_us;
	void (*expired)(void *context, int64_t now_us);
	void *context;
	struct loop_timer *next; /* private to the loop */
};

enum loop_clock {
	LOOP_MONOTONIC,
	/* Counts suspended time too: a deadline that passes while the machine is suspended is met at
	 * the resume. Costs a timerfd, because the time-outs of ppoll exclude suspended time. */
	LOOP_BOOTTIME,
};

enum {
	LOOP_WATCHES_MAX = 32 /* the call manager, with the most, has 16 clients and 6 others */
};

/* Private. */
struct loop {
	enum loop_clock clock;
	int timer_fd;     /* of LOOP_BOOTTIME; -1: none */
	int64_t armed_us; /* the deadline that it is set to */
	struct loop_watch *watches;
	struct loop_timer *timers;
	void (*on_signal)(void *context, int signo, int64_t now_us);
	void *signal_context;
	sigset_t signals;     /* handled as events ... */
	sigset_t wait_mask;   /* ... and unblocked only during the wait */
	int64_t delivered_us; /* when they were last unblocked outside it */
	bool stopped;
	size_t polled_count; /* of the current iteration, as are all below */
	struct pollfd polled[LOOP_WATCHES_MAX + 1];
	struct loop_watch *owners[LOOP_WATCHES_MAX + 1]; /* NULL: removed since, or timer_fd */
	struct loop_timer *next_timer;
};

#define LOOP_OFF ((short)-1)

/* Microseconds on the loop's clock. */
int64_t loop_now_us(const struct loop *l);

/* 0 or a negative errno. A loop without a timerfd (refused by a sandbox) works, but sees a deadline
 * that passed during a suspend late. */
int loop_init(struct loop *l, enum loop_clock clock);
void loop_free(struct loop *l);

/*
 * Blocks the `count` signals of `signos`; the loop calls on_signal for them. Ignores SIGPIPE. A
 * SIGHUP or SIGINT that is already ignored (nohup, "&" in a script) stays ignored. Mask and handlers
 * stay after loop_free: restore them before an exec. 0 or a negative errno.
 */
int loop_signals(struct loop *l, const int *signos, size_t count,
    void (*on_signal)(void *context, int signo, int64_t now_us), void *context);

/* 0, or -ENOSPC. Adding twice is a bug (assert); removing what was not added does nothing. */
int loop_add(struct loop *l, struct loop_watch *w);
void loop_remove(struct loop *l, struct loop_watch *w);
/* Removes the watch and closes its descriptor, if any: then it is -1. */
void loop_close(struct loop *l, struct loop_watch *w);
void loop_timer_add(struct loop *l, struct loop_timer *t);
void loop_timer_remove(struct loop *l, struct loop_timer *t);

/* Fill in the watch or the timer, whatever it held, and add it. */
int loop_watch_fd(struct loop *l, struct loop_watch *w, int fd, short events,
    void (*ready)(void *context, int64_t now_us), void *context);
void loop_timer_start(struct loop *l, struct loop_timer *t, int64_t deadline_us,
    void (*expired)(void *context, int64_t now_us), void *context);

/* For a failure that poll does not show, such as a shortage of memory: the watch calls back in 10 ms at
 * the earliest, where it would be called at once and for ever. False after a second of nothing but
 * pauses: what lasts so long is no passing shortage, and those who cannot do without the watch end. */
bool loop_pause(struct loop *l, struct loop_watch *w);

/*
 * Waits and calls back until loop_stop, which takes effect when the current callback returns (or at
 * once when called before loop_run). Each iteration handles signals, then descriptors, then timers, each
 * at most once. After a pause of this process timers wait until what has come is read, in bounded time.
 * 0, or a negative errno of ppoll. Not re-entrant.
 */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
