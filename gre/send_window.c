/* SPDX-License-Identifier: ISC */
/*
 * Pacing of the sender.
 *
 * With flow control, the window of RFC 2637 sections 4.2 and 4.4: it starts at half of what the server
 * advertised, opens by one packet for each window-full acknowledged, and halves when the adaptive
 * timeout passes. What was in flight then is written off, so that sending always continues.
 *
 * Without it, a server that acknowledges late or never must not be waited for. But one in user space,
 * as poptop, reads from a socket buffer: the kernel's default of 208 KiB holds about 90 full packets.
 * What a burst brings beyond that is lost, although a pause of some milliseconds would have saved it,
 * and poptop then waits 0.3 s for it. So, as long as acknowledgments come at once, the packets in
 * flight are those that the path holds, and QUEUE_PACKETS more, which wait at the server. The path
 * holds what was acknowledged within its own round trip, without the wait: the share of the packets in
 * flight that this is of the round trip with the wait.
 */
#include "gre/send_window.h"

#include <stdlib.h>
#include <string.h>

#include "lib/deadline.h"

/* Bounds of the adaptive timeout; a server may itself delay an acknowledgment by some 100 ms. */
#define ATO_MIN_US (100 * USEC_PER_MSEC)
#define ATO_MAX_US (3 * USEC_PER_SEC)
#define ATO_UNKNOWN_US (1 * USEC_PER_SEC)

/* Half of what poptop's socket holds: the path's round trip includes what the server takes for a packet. */
#define QUEUE_PACKETS 45
/* Behind fewer packets than this the server is idle, and the shorter one of two such round trips is the
 * path's own: once it may have waited for its processor. */
#define FEW_PACKETS 8
/* After this time without such round trips sending pauses for them where the limit is reached: the path
 * may have become longer, or the server be busy with a download, whose acknowledgments must not wait. */
#define PATH_KNOWN_MAX_US (500 * USEC_PER_MSEC)
/* After a longer round trip of the path there is no limit: the acknowledgment may have waited for data,
 * and on a long path the limit would grow too slowly for the start of a TCP connection. */
#define AT_ONCE_US (10 * USEC_PER_MSEC)
/* How long sending waits for an acknowledgment where none comes. poptop may have to wait for its
 * processor for some scheduler ticks. */
#define BLOCKED_MAX_US (30 * USEC_PER_MSEC)

/*
 * poptop takes packets out of its reorder queue only when another packet arrives, even those for whose
 * predecessor it has waited long enough. A tail probe makes it look: when its acknowledgment is
 * overdue, for packets in order, and when its wait of 0.3 s (SERVER_REORDER_US has a margin) has
 * ended. That wait began with the first packet behind the lost one: the second after the last
 * acknowledged, or if that was lost as well, a later one, at the latest the last one sent. Probes
 * for an overdue acknowledgment must leave half of them for the end of the wait: otherwise each lost
 * packet delays the sender by its retransmission timeout.
 */
#define TAIL_PROBE_MIN_US (20 * USEC_PER_MSEC)
#define TAIL_PROBE_MAX_US (250 * USEC_PER_MSEC)
#define SERVER_REORDER_US (303 * USEC_PER_MSEC)
#define TAIL_PROBES_MAX 4

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
	return a_us > b_us ? a_us : b_us;
}

void send_window_init(
    struct send_window *w, bool enforced, uint32_t server_window, int64_t server_delay_us)
{
	memset(w, 0, sizeof(*w));
	w->window = SEND_WINDOW_UNLIMITED;
	if (enforced) {
		w->limit = server_window > 0 ? server_window : 1;
		w->window = (w->limit + 1) / 2;
	}
	w->path_us = w->before_us = INT64_MAX;
	w->timed_us = w->blocked_us = DEADLINE_NEVER;
	/* From 1: the Linux kernel's driver drops the RFC's first number, 0, as late. */
	w->snd_nxt = 1;
	w->snd_una = 1;
	w->snd_acked = 0;
	w->rtt_us = server_delay_us;
}

uint32_t send_window_space(struct send_window *w, int64_t now_us, uint64_t *waits)
{
	if (w->window == SEND_WINDOW_UNLIMITED)
		return SEND_WINDOW_UNLIMITED;
	uint32_t used = send_window_in_flight(w);
	if (used < w->window) {
		w->blocked_us = DEADLINE_NEVER;
		return w->window - used;
	}
	if (w->blocked_us == DEADLINE_NEVER) {
		w->blocked_us = now_us;
		++*waits;
	}
	return 0;
}

seq32 send_window_send(struct send_window *w, int64_t now_us)
{
	if (send_window_in_flight(w) == 0)
		w->progress_us = now_us;
	if (w->timed_us == DEADLINE_NEVER) {
		w->timed = w->snd_nxt;
		w->timed_us = now_us;
		w->timed_in_flight = send_window_in_flight(w);
	}
	w->sent_us[w->snd_nxt % SEND_WINDOW_TIMES] = now_us;
	return w->snd_nxt++;
}

void send_window_on_delay(struct send_window *w)
{
	w->timed_us = DEADLINE_NEVER;
}

/* The gains of section 4.4, with which the deviation never falls to 0 again. The first sample replaces the
 * estimate: nothing was known before. */
static void update_rtt(struct send_window *w, int64_t sample_us)
{
	if (w->dev_us) {
		int64_t diff_us = sample_us - w->rtt_us;
		w->dev_us += (llabs(diff_us) - w->dev_us) / 4;
		w->rtt_us += diff_us / 8;
	} else {
		w->rtt_us = sample_us;
		w->dev_us = sample_us > 0 ? (sample_us + 1) / 2 : 1;
	}
}

/* Without flow control. `sample_us` is the round trip of a packet that was sent behind
 * timed_in_flight others. */
static void limit_queue(struct send_window *w, int64_t now_us, int64_t sample_us)
{
	if (sample_us < 1)
		sample_us = 1;
	if (w->timed_in_flight < FEW_PACKETS) {
		w->path_us = sample_us < w->before_us ? sample_us : w->before_us;
		w->before_us = sample_us;
		if (sample_us <= 2 * w->path_us)
			w->path_known_us = now_us;
	} else if (sample_us < w->path_us) {
		w->path_us = sample_us;
	}
	if (w->path_us > AT_ONCE_US)
		w->window = SEND_WINDOW_UNLIMITED;
	else if (w->blocked_us != DEADLINE_NEVER && now_us - w->path_known_us > PATH_KNOWN_MAX_US)
		w->window = FEW_PACKETS;
	else
		w->window = QUEUE_PACKETS + (uint32_t)(w->timed_in_flight * w->path_us / sample_us);
}

static void open_window(struct send_window *w, uint32_t acked)
{
	w->opened += acked;
	while (w->opened >= w->window) {
		w->opened -= w->window;
		if (w->window < w->limit)
			w->window++;
	}
}

void send_window_on_ack(
    struct send_window *w, int64_t now_us, seq32 ack, int64_t may_have_waited_us)
{
	if (!seq32_after(ack, w->snd_acked) || !seq32_before(ack, w->snd_nxt))
		return;
	w->snd_acked = ack;
	w->progress_us = now_us;
	w->tail_probes = 0;
	if (w->timed_us != DEADLINE_NEVER && !seq32_after(w->timed, ack)) {
		int64_t sample_us = now_us - w->timed_us;
		w->timed_us = DEADLINE_NEVER;
		if (may_have_waited_us <= sample_us / 2)
			update_rtt(w, sample_us);
		if (!w->limit)
			limit_queue(w, now_us, sample_us);
	}
	if (!seq32_before(ack, w->snd_una)) {
		if (w->limit)
			open_window(w, ack + 1 - w->snd_una);
		w->snd_una = ack + 1;
		w->blocked_us = DEADLINE_NEVER;
	}
}

int64_t send_window_rtt_us(const struct send_window *w)
{
	return w->dev_us ? w->rtt_us : 0;
}

static int64_t adaptive_timeout_us(const struct send_window *w)
{
	if (!w->dev_us)
		return clamp(w->rtt_us, ATO_UNKNOWN_US, ATO_MAX_US);
	return clamp(w->rtt_us + 4 * w->dev_us, ATO_MIN_US, ATO_MAX_US);
}

int64_t send_window_deadline(const struct send_window *w)
{
	if (w->limit)
		return send_window_in_flight(w) > 0 ? w->progress_us + adaptive_timeout_us(w)
		                                    : DEADLINE_NEVER;
	if (w->blocked_us == DEADLINE_NEVER)
		return DEADLINE_NEVER;
	return later(w->blocked_us, w->progress_us) + BLOCKED_MAX_US;
}

void send_window_on_deadline(struct send_window *w, int64_t now_us)
{
	if (now_us < send_window_deadline(w))
		return;
	w->blocked_us = DEADLINE_NEVER;
	if (!w->limit) {
		w->window = SEND_WINDOW_UNLIMITED;
		w->path_us = w->before_us = INT64_MAX;
		return;
	}
	w->window = w->window > 1 ? w->window / 2 : 1;
	w->opened = 0;
	w->snd_una = w->snd_nxt;
	/* The timed packet remains timed: it is never sent again, so its sample is as good as any. */
	w->rtt_us = clamp(2 * w->rtt_us, 0, ATO_MAX_US);
}

static int64_t last_sent_us(const struct send_window *w)
{
	return w->sent_us[(w->snd_nxt - 1) % SEND_WINDOW_TIMES];
}

/*
 * When the first packet was sent that waits in the server's reorder queue if the next one to be
 * acknowledged is lost.
 */
static int64_t server_reorder_since_us(const struct send_window *w)
{
	seq32 first = w->snd_acked + 2;
	uint32_t count = w->snd_nxt - first;
	if (count == 0)
		return last_sent_us(w);
	/* Its time is no longer kept; with so many sent since, it was about that of the progress. */
	return count > SEND_WINDOW_TIMES ? w->progress_us : w->sent_us[first % SEND_WINDOW_TIMES];
}

int64_t send_window_tail_probe_deadline(const struct send_window *w)
{
	if (w->snd_nxt == w->snd_acked + 1 || w->tail_probes >= TAIL_PROBES_MAX)
		return DEADLINE_NEVER;
	int64_t active_us = later(w->progress_us, last_sent_us(w));
	int64_t overdue_us = clamp(w->rtt_us + 4 * w->dev_us, TAIL_PROBE_MIN_US, TAIL_PROBE_MAX_US);
	const int64_t reasons_us[] = {
	    active_us + overdue_us,
	    server_reorder_since_us(w) + SERVER_REORDER_US,
	    active_us + SERVER_REORDER_US,
	};
	/* Any packet sent since has had the effect of a probe. */
	int64_t probed_us = later(last_sent_us(w), w->last_ack_only_us);
	int64_t at_us = DEADLINE_NEVER;
	size_t first = w->tail_probes < TAIL_PROBES_MAX / 2 ? 0 : 1;
	for (size_t i = first; i < sizeof(reasons_us) / sizeof(reasons_us[0]); i++)
		if (reasons_us[i] > probed_us)
			at_us = deadline_earlier(at_us, reasons_us[i]);
	return at_us;
}

void send_window_on_ack_only(struct send_window *w, int64_t now_us)
{
	if (now_us >= send_window_tail_probe_deadline(w))
		w->tail_probes++;
	w->last_ack_only_us = now_us;
}
