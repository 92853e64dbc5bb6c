/* SPDX-License-Identifier: ISC */
/*
 * The adaptive wait is the largest reorder delay of this period and the one before, a quarter of it
 * (late packets are not all late by the same time), and what hosts add. The delay is measured as it
 * will be used: from the moment a gap became known to the arrival of its packet. Packets that arrive
 * during the wait and packets that arrive after it count alike; packets that never arrive do not count,
 * so loss alone leaves the wait at its lower bound.
 */
#include "gre/reorder_timer.h"

#include <string.h>

/* A path that has reordered does so again within some seconds, or it has changed. */
#define PERIOD_US INT64_C(2500000)

static int64_t min_us(int64_t a_us, int64_t b_us)
{
	return a_us < b_us ? a_us : b_us;
}

void reorder_timer_init(struct reorder_timer *r, int64_t fixed_us, int64_t max_us)
{
	memset(r, 0, sizeof(*r));
	r->max_us = fixed_us > 0 ? fixed_us : max_us;
	r->min_us = fixed_us > 0 ? fixed_us : min_us(REORDER_TIMER_FLOOR_US, max_us);
}

int64_t reorder_timer_wait_us(const struct reorder_timer *r)
{
	int64_t delay_us = r->delay_us > r->before_us ? r->delay_us : r->before_us;
	return min_us(r->min_us + delay_us + delay_us / 4, r->max_us);
}

static void forget_old(struct reorder_timer *r, int64_t now_us)
{
	int64_t age_us = now_us - r->period_us;
	if (age_us < PERIOD_US)
		return;
	r->before_us = age_us < 2 * PERIOD_US ? r->delay_us : 0;
	r->delay_us = 0;
	r->period_us = now_us;
}

void reorder_timer_on_reordered(struct reorder_timer *r, int64_t now_us, int64_t delay_us)
{
	forget_old(r, now_us);
	/* No wait up to the bound covers a longer delay: waiting would only hold up the rest. */
	if (delay_us <= r->max_us && delay_us > r->delay_us)
		r->delay_us = delay_us;
}

void reorder_timer_on_give_up(
    struct reorder_timer *r, seq32 first, uint32_t count, int64_t known_since_us)
{
	r->given_up[r->oldest] = (struct reorder_timer_gap){
	    .first = first,
	    .count = count,
	    .known_since_us = known_since_us,
	};
	r->oldest = (r->oldest + 1) % REORDER_TIMER_GIVEN_UP;
}

void reorder_timer_on_late(struct reorder_timer *r, int64_t now_us, seq32 seq)
{
	for (size_t i = 0; i < REORDER_TIMER_GIVEN_UP; i++) {
		const struct reorder_timer_gap *gap = &r->given_up[i];
		if (seq - gap->first < gap->count) {
			reorder_timer_on_reordered(r, now_us, now_us - gap->known_since_us);
			return;
		}
	}
}
