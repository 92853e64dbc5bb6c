/* SPDX-License-Identifier: ISC */
/*
 * Time as all modules speak of it: microseconds on the monotonic clock, read once per turn of the
 * loop and passed down. Cores never read a clock.
 */
#ifndef PPTP_DEADLINE_H
#define PPTP_DEADLINE_H

#include <stdint.h>

#define USEC_PER_MSEC INT64_C(1000)
#define USEC_PER_SEC INT64_C(1000000)

/* The deadline of an object that waits for nothing. */
#define DEADLINE_NEVER INT64_MAX

static inline int64_t deadline_earlier(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

#endif
