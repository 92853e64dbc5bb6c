/* SPDX-License-Identifier: ISC */
/*
 * The event loop for code that goes step by step: a step adds its watches, waits here until one of
 * its callbacks stops the loop, and goes on. A signal ends this wait and each further one.
 */
#ifndef PPTP_STEP_WAIT_H
#define PPTP_STEP_WAIT_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/loop.h"

/* Embed it where it does not move. `loop` is for the steps, the rest is private but for signo. */
struct step_wait {
	struct loop loop;
	struct loop_timer timer;
	bool expired;
	int signo; /* that has ended the wait; 0 = none */
};

/* 0 or a negative errno. */
int step_wait_init(struct step_wait *w);

/* Runs the loop until a callback stops it (true), the deadline passes or a signal comes (false). */
bool step_wait_until(struct step_wait *w, int64_t deadline_us);

/* From now on only another signal ends a wait: there is something to finish. Returns the signal so far. */
int step_wait_finish(struct step_wait *w);

int64_t step_wait_now_us(const struct step_wait *w);

#endif
