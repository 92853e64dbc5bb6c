/* SPDX-License-Identifier: ISC */
/*
 * How long to wait for a missing packet before the ones behind it are delivered (RFC 2637 section 4.3
 * leaves this to the receiver): a time that the user fixed, or one adapted to the reorder delays
 * measured. All times are microseconds. Receives events and their time; does not know the queue.
 */
#ifndef PPTP_REORDER_TIMER_H
#define PPTP_REORDER_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include "lib/seq32.h"

/* Gaps given up whose packets may still arrive late. */
#define REORDER_TIMER_GIVEN_UP 32

/*
 * What the adaptive wait adds to the delays of the path. Packets that left in order are swapped inside a
 * host by interrupt coalescing, by receive queues on several processors, by a scheduler tick (4 ms at
 * 250 Hz) and by link-layer aggregation. None of these is a property of the path, and a shorter wait
 * would take each for a loss. 5 ms covers them, and is the most that a lost packet costs on a network
 * that keeps the order.
 */
#define REORDER_TIMER_FLOOR_US INT64_C(5000)

/* Sequence numbers that were given up. */
struct reorder_timer_gap {
	seq32 first;
	uint32_t count; /* 0 = unused entry */
	int64_t known_since_us;
};

/* Embed it; its fields are private. */
struct reorder_timer {
	int64_t min_us; /* bounds of the wait */
	int64_t max_us;
	int64_t delay_us;  /* largest reorder delay in this period and ... */
	int64_t before_us; /* ... in the one before; 0 = none */
	int64_t period_us; /* when this period began */
	size_t oldest;     /* index into given_up */
	struct reorder_timer_gap given_up[REORDER_TIMER_GIVEN_UP];
};

/* `fixed_us` > 0 is the wait for good; else the wait adapts and never exceeds `max_us`. */
void reorder_timer_init(struct reorder_timer *r, int64_t fixed_us, int64_t max_us);

/* How long to wait now. */
int64_t reorder_timer_wait_us(const struct reorder_timer *r);

/* A missing packet arrived `delay_us` after the first one behind it; 0: a gap was found, and only delays
 * that are too old are forgotten. */
void reorder_timer_on_reordered(struct reorder_timer *r, int64_t now_us, int64_t delay_us);

/* The gap [first, first + count), known since `known_since_us`, was given up. */
void reorder_timer_on_give_up(
    struct reorder_timer *r, seq32 first, uint32_t count, int64_t known_since_us);

/* A packet arrived behind the window's start: if its gap was given up, its delay counts as well. */
void reorder_timer_on_late(struct reorder_timer *r, int64_t now_us, seq32 seq);

#endif
