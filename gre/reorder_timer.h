/* SPDX-License-Identifier: ISC */
/*
 * How long a missing packet is waited for. Either the time that the user fixed, or one learned from
 * how late packets really come. Told of events and their time; does not know the queue.
 */
#ifndef PPTP_GRE_GAP_H
#define PPTP_GRE_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/seq32.h"

enum {
	GRE_GAP_BUCKETS = 5,    /* how much of the past counts, in spans of GRE_GAP_BUCKET_US */
	GRE_GAP_REMEMBERED = 32 /* gaps given up on whose packets may still come and teach */
};
#define GRE_GAP_BUCKET_US INT64_C(1000000)

/*
 * The least that the adaptive wait comes to. Packets that left in order are swapped within a host
 * by interrupt coalescing, by receive queues on several processors, by a scheduler tick (4 ms at
 * 250 Hz) and by link-layer aggregation; none of these says anything about the path, and each
 * would be mistaken for a loss by a shorter wait. 5 ms covers them, and is what a lost packet costs
 * at the most where the network keeps the order.
 */
#define GRE_GAP_FLOOR_US INT64_C(5000)

/* Sequence numbers that were given up on. */
struct gre_gap_passed {
	seq32 first;
	uint32_t count; /* 0 = no entry */
	int64_t known_since_us;
};

struct gre_gap {
	int64_t wait_us;  /* as it stands */
	int64_t fixed_us; /* 0 = adapt */
	int64_t max_us;
	int64_t late_us[GRE_GAP_BUCKETS]; /* the largest lateness in each span; 0 = none */
	int64_t bucket_us;                /* when the current span began */
	size_t bucket;
	struct gre_gap_passed passed[GRE_GAP_REMEMBERED];
	size_t next_passed; /* the oldest entry */
};

void gre_gap_init(struct gre_gap *g, int64_t fixed_us, int64_t max_us);

/* A gap is open at `now_us`: lets go of what is too long ago. `rtt_us` is 0 where it is unknown. */
void gre_gap_refresh(struct gre_gap *g, int64_t now_us, int64_t rtt_us);

/* A missing packet came `late_us` after the first one behind it. */
void gre_gap_learn(struct gre_gap *g, int64_t now_us, int64_t late_us, int64_t rtt_us);

/* Numbers [first, first + count) are no longer waited for, the gap being known since then. */
void gre_gap_gave_up(struct gre_gap *g, seq32 first, uint32_t count, int64_t known_since_us);

/* A packet came that is behind: where it was given up on, it teaches how long to wait. */
void gre_gap_came_behind(struct gre_gap *g, int64_t now_us, seq32 seq, int64_t rtt_us);

#endif
