/* SPDX-License-Identifier: ISC */
/*
 * Sequence numbers of enhanced GRE (RFC 2637 section 4.1): 32 bits that wrap, so "before" and
 * "after" are serial number arithmetic (RFC 1982). A plain < between two seq32 is a bug.
 */
#ifndef PPTP_SEQ32_H
#define PPTP_SEQ32_H

#include <stdbool.h>
#include <stdint.h>

typedef uint32_t seq32;

/* How far a is ahead of b: negative if it is behind, -2^31 if they are 2^31 apart. */
static inline int32_t seq32_diff(seq32 a, seq32 b)
{
	uint32_t d = a - b;
	return d <= INT32_MAX ? (int32_t)d : -(int32_t)(UINT32_MAX - d) - 1;
}

static inline bool seq32_before(seq32 a, seq32 b)
{
	return seq32_diff(a, b) < 0;
}

static inline bool seq32_after(seq32 a, seq32 b)
{
	return seq32_diff(a, b) > 0;
}

#endif
