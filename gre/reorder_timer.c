/* SPDX-License-Identifier: ISC */
/*
 * The adaptive wait: the largest lateness of the last seconds, with a margin. Lateness is measured
 * as it will be used, from the moment a gap became known to the moment its packet came. Packets
 * that were waited for and packets that came after the wait teach alike; those that never come
 * teach nothing, so that loss alone leaves the wait at its floor.
 */
#include "gre/reorder_timer.h"

#include <string.h>

/* On top of a quarter of the lateness: late packets that are not late by the same time each, on hosts
 * whose own timers and schedulers are some milliseconds out. */
#define MARGIN_US INT64_C(3000)

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

void gre_gap_init(struct gre_gap *g, int64_t fixed_us, int64_t max_us)
{
	memset(g, 0, sizeof(*g));
	g->fixed_us = fixed_us;
	g->max_us = max_us;
	g->wait_us = fixed_us > 0 ? fixed_us : smaller(GRE_GAP_FLOOR_US, max_us);
}

static int64_t largest_lateness(const struct gre_gap *g)
{
	int64_t late_us = 0;
	for (size_t i = 0; i < GRE_GAP_BUCKETS; i++)
		if (g->late_us[i] > late_us)
			late_us = g->late_us[i];
	return late_us;
}

/*
 * The round trip widens the margin of a path that does reorder: queues that differ in length differ
 * by more on a longer path. It never adds more than was seen, for the measured round trip contains
 * whatever the server waits before it acknowledges.
 */
static void set_wait(struct gre_gap *g, int64_t rtt_us)
{
	if (g->fixed_us > 0)
		return;
	int64_t late_us = largest_lateness(g);
	int64_t wait_us = GRE_GAP_FLOOR_US;
	if (late_us > 0) {
		int64_t covers_us =
		    late_us + late_us / 4 + MARGIN_US + smaller(rtt_us / 8, late_us);
		if (covers_us > wait_us)
			wait_us = covers_us;
	}
	g->wait_us = smaller(wait_us, g->max_us);
}

static void advance_buckets(struct gre_gap *g, int64_t now_us)
{
	int64_t spans = (now_us - g->bucket_us) / GRE_GAP_BUCKET_US;
	if (spans <= 0)
		return;
	for (int64_t i = 0; i < smaller(spans, GRE_GAP_BUCKETS); i++) {
		g->bucket = (g->bucket + 1) % GRE_GAP_BUCKETS;
		g->late_us[g->bucket] = 0;
	}
	g->bucket_us += spans * GRE_GAP_BUCKET_US;
}

void gre_gap_refresh(struct gre_gap *g, int64_t now_us, int64_t rtt_us)
{
	advance_buckets(g, now_us);
	set_wait(g, rtt_us);
}

void gre_gap_learn(struct gre_gap *g, int64_t now_us, int64_t late_us, int64_t rtt_us)
{
	advance_buckets(g, now_us);
	/* To wait for what comes later than the bound allows would hold up the rest for nothing. */
	if (late_us <= g->max_us && late_us > g->late_us[g->bucket])
		g->late_us[g->bucket] = late_us;
	set_wait(g, rtt_us);
}

void gre_gap_gave_up(struct gre_gap *g, seq32 first, uint32_t count, int64_t known_since_us)
{
	g->passed[g->next_passed] = (struct gre_gap_passed){
	    .first = first,
	    .count = count,
	    .known_since_us = known_since_us,
	};
	g->next_passed = (g->next_passed + 1) % GRE_GAP_REMEMBERED;
}

void gre_gap_came_behind(struct gre_gap *g, int64_t now_us, seq32 seq, int64_t rtt_us)
{
	for (size_t i = 0; i < GRE_GAP_REMEMBERED; i++) {
		const struct gre_gap_passed *p = &g->passed[i];
		if (seq - p->first < p->count) {
			gre_gap_learn(g, now_us, now_us - p->known_since_us, rtt_us);
			return;
		}
	}
}
