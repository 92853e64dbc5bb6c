/* SPDX-License-Identifier: ISC */
/*
 * Time in all modules: int64_t microseconds on the event loop's monotonic clock, in names that end
 * in _us. The loop reads the clock once per iteration and passes the time down, so that protocol
 * code never reads a clock.
 */
#ifndef PPTP_DEADLINE_H
#define PPTP_DEADLINE_H

#include <stdint.h>

#define USEC_PER_MSEC INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)

/* No deadline: later than any time. */
#define DEADLINE_NEVER INT64_MAX

static inline int64_t deadline_earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

#endif
