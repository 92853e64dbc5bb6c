/* SPDX-License-Identifier: ISC */
/*
 * The policy of bare acknowledgments.
 *
 * A server may hold itself to any window up to the one that we advertised, and does not say to
 * which. What it can be seen to have outstanding is the number of packets that come without an
 * acknowledgment from us: that much is proven. Acknowledging each share of it keeps such a server
 * going, whatever its window and the round trip; fewer packets than that are left to ride on data.
 *
 * - It proves more: packets come in a batch, or a probe lets more gather and they do come. The proven
 *   number grows, acknowledgments become fewer.
 * - It proves less: twice in a row the server fell silent, and went on as soon as it was acknowledged.
 *   It had stood still at that number: that becomes the proven one.
 */
#include "gre/ack_policy.h"

#include <string.h>

#include "lib/deadline.h"

enum {
	PROVEN_AT_START = 16, /* servers that know a window at all rarely use a smaller one */
	FEW = 8,              /* an acknowledgment for so many packets or less is one too often */
	PROBE_INTERVAL_MIN = 64,
	PROBE_INTERVAL_MAX = 4096,
};

/* Long enough for the answer of an application to come by; short enough for a server's own time-outs. */
#define PATIENCE_MIN_US (250 * USEC_PER_MSEC)
#define PATIENCE_MAX_US (1000 * USEC_PER_MSEC)
/* How long data may take to go out where acknowledgments have been riding on it. */
#define GRACE_US (5 * USEC_PER_MSEC)
/* Silence after which a probe has failed: more than a round trip, which may not be known. */
#define PROBE_SILENCE_MIN_US (10 * USEC_PER_MSEC)
#define PROBE_SILENCE_MAX_US (250 * USEC_PER_MSEC)
#define PROBE_SILENCE_UNKNOWN_US (60 * USEC_PER_MSEC)

void gre_ack_init(struct gre_ack *a, uint32_t limit)
{
	memset(a, 0, sizeof(*a));
	a->limit = limit > 0 ? limit : 1;
	a->proven = a->limit < PROVEN_AT_START ? a->limit : PROVEN_AT_START;
	a->patience_us = PATIENCE_MIN_US;
	a->woke_us = -1;
	a->probe_interval = PROBE_INTERVAL_MIN;
	a->until_probe = PROBE_INTERVAL_MIN;
}

/*
 * How many pending packets call for an acknowledgment: a share of what may be outstanding, so that
 * the rest is on its way meanwhile. The smaller the share the evener the flow, and a share that
 * divides the window leaves nothing of it unused; but where it would be few packets, a larger one
 * has to do, up to all of it, which is one acknowledgment for each round trip. Where even that is
 * few, the bare acknowledgments cannot be rare, and keeping the server going comes first.
 */
static uint32_t enough(const struct gre_ack *a)
{
	if (a->probe_target > 0)
		return a->probe_target;
	for (uint32_t divisor = 8; divisor > 0; divisor /= 2)
		if (a->proven / divisor > FEW)
			return a->proven / divisor;
	return a->proven > 1 ? a->proven / 2 : 1;
}

/* The server was merely slow: let more come together the next time. */
static void have_more_patience(struct gre_ack *a)
{
	a->stalled_count = 0;
	if (a->patience_us < PATIENCE_MAX_US)
		a->patience_us *= 2;
}

/*
 * The first packet after an acknowledgment that a silence had called for. Where it came about as
 * soon as it could, the acknowledgment is what it had been waiting for.
 */
static void judge_silence(struct gre_ack *a, int64_t now_us, int64_t rtt_us)
{
	int64_t soon_us = a->silence_us / 2;
	if (soon_us < rtt_us + rtt_us / 2)
		soon_us = rtt_us + rtt_us / 2;
	bool stalled = a->silence_us >= PATIENCE_MIN_US / 2 && now_us - a->woke_us <= soon_us;
	a->woke_us = -1;
	if (!stalled) {
		have_more_patience(a);
		return;
	}
	a->patience_us = PATIENCE_MIN_US;
	if (a->stalled_count == 0) {
		a->stalled_count = a->woke_count;
		return;
	}
	uint32_t count = a->woke_count > a->stalled_count ? a->woke_count : a->stalled_count;
	if (count < a->proven)
		a->proven = count;
	a->stalled_count = 0;
}

void gre_ack_on_receipt(struct gre_ack *a, int64_t now_us, uint32_t count, int64_t rtt_us)
{
	if (a->woke_us >= 0)
		judge_silence(a, now_us, rtt_us);
	a->rtt_us = rtt_us;
	uint32_t before = a->pending;
	if (before == 0)
		a->pending_since_us = now_us;
	a->pending += count;
	a->last_receipt_us = now_us;
	if (a->pending > a->proven)
		a->proven = a->pending < a->limit ? a->pending : a->limit;
	uint32_t needed = enough(a);
	if (before < needed && a->pending >= needed)
		a->enough_since_us = now_us;
}

void gre_ack_on_data(struct gre_ack *a)
{
	if (a->woke_us >= 0) {
		/* What comes now may be the answer to this data, and the acknowledgment could have ridden. */
		a->woke_us = -1;
		have_more_patience(a);
	}
	if (a->pending == 0)
		return;
	a->rode_on_data = true;
	a->pending = 0;
	a->probe_target = 0;
}

static void end_probe(struct gre_ack *a)
{
	if (a->pending >= a->probe_target)
		a->probe_interval = PROBE_INTERVAL_MIN;
	else if (a->probe_interval < PROBE_INTERVAL_MAX)
		a->probe_interval *= 2;
	a->until_probe = a->probe_interval;
	a->probe_target = 0;
}

static void count_towards_probe(struct gre_ack *a)
{
	if (a->until_probe > 0)
		a->until_probe--;
	if (a->until_probe == 0 && a->proven < a->limit)
		a->probe_target = a->proven < a->limit / 2 ? 2 * a->proven : a->limit;
}

void gre_ack_on_bare(struct gre_ack *a, int64_t now_us)
{
	if (a->pending == 0)
		return;
	if (a->probe_target > 0) {
		end_probe(a);
	} else if (a->pending >= enough(a)) {
		a->stalled_count = 0;
		count_towards_probe(a);
	} else if (now_us - a->pending_since_us >= a->patience_us) {
		a->woke_us = now_us;
		a->silence_us = now_us - a->last_receipt_us;
		a->woke_count = a->pending;
	}
	a->rode_on_data = false;
	a->pending = 0;
}

static int64_t probe_silence_us(const struct gre_ack *a)
{
	int64_t silence_us = a->rtt_us + a->rtt_us / 2;
	if (a->rtt_us == 0)
		return PROBE_SILENCE_UNKNOWN_US;
	if (silence_us < PROBE_SILENCE_MIN_US)
		return PROBE_SILENCE_MIN_US;
	return silence_us < PROBE_SILENCE_MAX_US ? silence_us : PROBE_SILENCE_MAX_US;
}

int64_t gre_ack_deadline(const struct gre_ack *a)
{
	if (a->pending == 0)
		return DEADLINE_NEVER;
	if (a->pending >= enough(a))
		return a->enough_since_us + (a->rode_on_data ? GRACE_US : 0);
	if (a->probe_target > 0 && a->pending >= a->proven)
		return a->last_receipt_us + probe_silence_us(a);
	return a->pending_since_us + a->patience_us;
}
