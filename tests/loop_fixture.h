/* SPDX-License-Identifier: ISC */
/* A loop that a test runs for a time. The test calls loop_init and loop_free. */
#ifndef PPTP_TESTS_LOOP_FIXTURE_H
#define PPTP_TESTS_LOOP_FIXTURE_H

#include "sys/loop.h"

#include "unit.h"

static struct loop loop;

static inline void end_run(void *context, int64_t now_us)
{
	(void)context;
	(void)now_us;
	loop_stop(&loop);
}

/* At least so long, and until what is there has been read, on a slow machine too. */
static inline void run_for(int64_t us)
{
	struct loop_timer end;
	loop_timer_start(&loop, &end, loop_now_us(&loop) + us, end_run, NULL);
	ck_assert_int_eq(loop_run(&loop), 0);
	for (int i = 0; i < 4; i++) {
		end.deadline_us = loop_now_us(&loop);
		ck_assert_int_eq(loop_run(&loop), 0);
	}
	loop_timer_remove(&loop, &end);
}

#endif
