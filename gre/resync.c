/* SPDX-License-Identifier: ISC */
/*
 * A blind sender, who spoofs the server's address and tries call IDs, can send any numbers, also
 * consecutive ones. It cannot know where the stream is and whether it flows, so a move needs
 *  - RESYNC_PACKETS numbers that belong together, in any order, because a path may reorder;
 *  - numbers ahead, no further than the server can have sent since the last packet in the window;
 *  - silence of the old position, for longer than the stream's own pauses, unless our own socket has
 *    dropped as many packets as are missing (350,000 packets/s of 1400 bytes fill 4 MB in 8 ms, and to
 *    wait for silence then cost a fifth of the throughput);
 *  - an acknowledgment of something that we have sent, if they carry any. To carry none is no way around
 *    the rest, nor is a plausible one.
 * While the link is idle, the silence says nothing and a forged run may move the stream. So the old
 * position is kept, and the first packet there takes the move back. Only the acknowledgment of something
 * that we sent since the run began would tell it from a real one, and it cannot be had in time: servers
 * acknowledge with data, each number once (poptop, Linux). After an outage in a download, what they send
 * has none until they have something new from us, and as long as nothing is delivered that is pppd's next
 * LCP echo, in half a minute or never.
 */
#include "gre/resync.h"

#include <string.h>

/*
 * A path is silent for some milliseconds also while the stream flows: schedulers of both hosts, Wi-Fi
 * aggregation, a link that is longer than another one. The sum of these, with a margin.
 */
#define SILENCE_MIN_US 20000
/*
 * How long a pause is remembered, and the longest one that counts: with two to three packets a second
 * or fewer the link is idle. A power of two, for a division at each packet of a slow stream.
 */
#define PAUSE_MAX_US (1 << 18)
/*
 * After so many times of arrival at the new position the next move starts from there; before, the older
 * position is kept, so that two forged runs do not make us forget the stream. To try all call IDs with
 * so many packets takes a blind sender 2^24 packets, for a chance of at most 1 in 1000 for each second
 * that the link is idle.
 */
#define TRUSTED_CONFIRMATIONS 256

void resync_init(struct resync *r, uint32_t window)
{
	memset(r, 0, sizeof(*r));
	r->window = window;
	r->in_window_us = -1;
}

void resync_forget_run(struct resync *r)
{
	r->run_count = 0;
}

bool resync_confirm(struct resync *r, int64_t now_us, uint64_t dropped)
{
	if (r->in_window_us >= 0) {
		int64_t pause_us = now_us - r->in_window_us;
		if (pause_us > PAUSE_MAX_US)
			pause_us = PAUSE_MAX_US;
		r->pause_us -= r->pause_us * pause_us / PAUSE_MAX_US;
		if (r->pause_us < pause_us)
			r->pause_us = pause_us;
	}
	r->in_window_us = now_us;
	r->dropped_before = r->dropped;
	r->dropped = dropped;
	r->confirmations++;
	bool had_run = r->run_count > 0;
	r->run_count = 0;
	return had_run;
}

/* Twice the longest pause: the intervals of a steady stream vary by less. */
static int64_t silence_needed_us(const struct resync *r)
{
	return 2 * r->pause_us > SILENCE_MIN_US ? 2 * r->pause_us : SILENCE_MIN_US;
}

static bool may_be_moved(const struct resync *r, int64_t now_us, uint64_t dropped, seq32 rcv_nxt,
    seq32 seq, bool plausible_ack)
{
	int64_t silence_us = now_us - r->in_window_us;
	uint64_t dropped_here = dropped - r->dropped_before;
	int32_t ahead = seq32_diff(seq, rcv_nxt);
	if (!plausible_ack || ahead <= 0)
		return false;
	if (dropped_here && (uint64_t)ahead <= dropped_here + r->window)
		return true;
	/* The server sends no more than a packet each microsecond: 1 Gbit/s of packets with 125 bytes, more
	 * than one processor of either host tunnels. */
	return silence_us >= silence_needed_us(r) && ahead <= silence_us;
}

/* In a window of a packet or two, too, the numbers of a run have space. */
static bool is_near(const struct resync *r, seq32 a, seq32 b)
{
	uint32_t distance = seq32_before(a, b) ? b - a : a - b;
	return distance < r->window + RESYNC_PACKETS;
}

/* Nothing speaks for the first packet, which may be of an older call with the same call ID: where two
 * are near each other the stream begins, and only the first of them is dropped. */
static enum resync_verdict restart(struct resync *r, seq32 seq)
{
	if (r->run_count && seq != r->run[0] && is_near(r, r->run[0], seq))
		return RESYNC_RESTART;
	r->run[0] = seq;
	r->run_count = 1;
	return RESYNC_DROP;
}

enum resync_verdict resync_on_out_of_window(struct resync *r, int64_t now_us, uint64_t dropped,
    seq32 rcv_nxt, seq32 seq, bool plausible_ack)
{
	if (r->in_window_us < 0)
		return restart(r, seq);
	if (r->skipped && seq - r->origin <= r->window)
		return RESYNC_RETURN;
	if (!may_be_moved(r, now_us, dropped, rcv_nxt, seq, plausible_ack))
		return RESYNC_DROP;
	enum resync_verdict verdict = RESYNC_HOLD;
	for (unsigned i = 0; i < r->run_count; i++) {
		if (r->run[i] == seq)
			return RESYNC_DROP;
		if (!is_near(r, r->run[i], seq))
			verdict = RESYNC_RENEW;
	}
	if (verdict == RESYNC_RENEW)
		r->run_count = 0;
	else if (r->run_count == RESYNC_PACKETS - 1)
		return RESYNC_MOVE;
	r->run[r->run_count++] = seq;
	return verdict;
}

void resync_on_move(struct resync *r, int64_t now_us, seq32 from, seq32 to)
{
	if (!r->skipped || r->confirmations >= TRUSTED_CONFIRMATIONS) {
		r->origin = from;
		r->skipped = 0;
	}
	r->skipped += to - from;
	r->confirmations = 0;
	r->run_count = 0;
	r->in_window_us = now_us;
}

seq32 resync_return(struct resync *r, int64_t now_us, uint64_t *skipped)
{
	*skipped = r->skipped;
	r->skipped = 0;
	r->run_count = 0;
	r->in_window_us = now_us;
	return r->origin;
}
