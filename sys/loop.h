/* SPDX-License-Identifier: ISC */
/*
 * The event loop of each process: descriptors, one deadline per object, signals as events, and the
 * only clock. Blocks in one place. Watches and timers are the callers' structs, linked in here.
 * Single-threaded; callbacks are short, and may add and remove watches and timers, their own too.
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
	/* POLLIN and so on; change it at will. 0: errors and hang-up still call back; -1: off. */
	short events;
	void (*ready)(void *context, short revents, int64_t now_us);
	void *context;
	struct loop_watch *next; /* the loop's */
	long slot;               /* the loop's */
};

struct loop_timer {
	/* Change it at will; DEADLINE_NEVER: off. It is reset to that before the callback. */
	int64_t deadline_us;
	void (*expired)(void *context, int64_t now_us);
	void *context;
	struct loop_timer *next; /* the loop's */
};

enum {
	LOOP_FEW = 8
};

struct loop {
	struct loop_watch *watches;
	struct loop_timer *timers;
	void (*on_signal)(void *context, int signo, int64_t now_us);
	void *signal_context;
	sigset_t signals;   /* handled as events ... */
	sigset_t wait_mask; /* ... and let in only while the loop waits */
	int64_t let_in_us;  /* when they were last let in without a wait */
	bool stopped;
	struct pollfd *polled;      /* of the current turn; grown with the number of watches */
	struct loop_watch **owners; /* of the entries in `polled`; NULL where removed since */
	size_t polled_count;
	size_t polled_cap;
	/* Where the two lie while there are few watches: most processes need no heap. */
	struct pollfd few_polled[LOOP_FEW];
	struct loop_watch *few_owners[LOOP_FEW];
	struct loop_timer *timer_turn; /* the next timer that this turn looks at */
};

#define LOOP_OFF ((short)-1)

/* Microseconds on the monotonic clock. */
int64_t loop_now_us(void);

int loop_init(struct loop *l); /* 0 or a negative errno */
void loop_free(struct loop *l);

/*
 * Blocks `signos` (count of them) and has them delivered to on_signal from within the loop. SIGPIPE
 * is ignored; a SIGHUP or SIGINT that is ignored already (nohup, "&" in a script) stays so. Mask,
 * handlers and the ignored SIGPIPE stay after loop_free: unblock before an exec. 0 or a negative
 * errno.
 */
int loop_signals(struct loop *l, const int *signos, size_t count,
    void (*on_signal)(void *context, int signo, int64_t now_us), void *context);

/* 0, or -ENOMEM. Adding twice is a bug (assert); removing what is not there does nothing. */
int loop_add(struct loop *l, struct loop_watch *w);
void loop_remove(struct loop *l, struct loop_watch *w);
void loop_timer_add(struct loop *l, struct loop_timer *t);
void loop_timer_remove(struct loop *l, struct loop_timer *t);

/*
 * Waits and calls back until loop_stop, which takes effect when the current callback returns (at
 * once where it came before loop_run). In each turn signals come first, then timers, each at most
 * once, then descriptors. 0, or a negative errno that poll cannot recover from. Not re-entrant.
 */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

#endif
