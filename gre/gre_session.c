/* SPDX-License-Identifier: ISC */
/*
 * The data session: sorts each packet received into "next", "ahead", "behind" or "far off", keeps
 * the queue of those that wait, and joins the three policies that it is told to follow: how long to
 * wait for a missing packet (gre_gap.c), when to acknowledge (gre_ack.c), how many packets may be on
 * their way (gre_window.c).
 *
 * The queue holds, in this order: packets that are ready but that PPP's side had no room for; then,
 * from `behind_gap` on, those that wait for a missing one. `expected` and what we acknowledge follow
 * what was received, not what was delivered.
 */
#include "gre/gre_session.h"

#include <string.h>

/* So many packets in a row from elsewhere, in consecutive order, and the stream has moved on. */
#define STRAYS_TO_RESYNC 3
/* A stream begins with 0 or 1: a first packet with a number up to this may have overtaken others. */
#define FIRST_NUMBERS 8
/* With a number beyond this the stream has long begun. */
#define BEGINNING_LAST 16
/* A stream that goes back has begun anew, for which the one before has to have ended: where packets
 * from before and behind a gap alternate, a path has become shorter. */
#define STREAM_ENDED_US (300 * USEC_PER_MSEC)
/* A stream that moves further on has begun anew; no loss so long leaves the call standing. */
#define LOSS_MAX (1u << 20)
/* A window in which "ahead" and "behind" stay different things. */
#define MISSING_WINDOW_MAX (1u << 30)

void gre_session_init(struct gre_session *s, const struct gre_session_config *config,
    struct pqueue *queue, struct pptp_stats *stats)
{
	memset(s, 0, sizeof(*s));
	s->config = *config;
	if (s->config.missing_window > MISSING_WINDOW_MAX)
		s->config.missing_window = MISSING_WINDOW_MAX;
	s->queue = queue;
	s->stats = stats;
	gre_gap_init(&s->gap, config->fixed_wait_us, config->max_wait_us);
	gre_ack_init(&s->ack, config->our_window);
	gre_window_init(
	    &s->tx, config->flow_control, config->server_window, config->server_delay_us);
}

static bool has_ready(const struct gre_session *s)
{
	const struct pqueue_entry *head = pqueue_head(s->queue);
	return head && head != s->behind_gap;
}

static int64_t rtt_us(const struct gre_session *s)
{
	return gre_window_rtt_us(&s->tx);
}

static enum gre_rx drop(uint64_t *counter)
{
	++*counter;
	return GRE_RX_NOTHING;
}

/* Packets without payload take their numbers' turn, but are nothing to hand over. */
static void pass_over_empty(struct gre_session *s)
{
	while (has_ready(s) && pqueue_head(s->queue)->len == 0)
		pqueue_pop(s->queue);
}

/* Everything before `next` came or is given up on: passes over what is held from there on. */
static void advance(struct gre_session *s, int64_t now_us, seq32 next)
{
	seq32 before = s->expected;
	while (s->behind_gap && s->behind_gap->seq == next) {
		next++;
		s->behind_gap = s->behind_gap->next;
	}
	s->expected = next;
	gre_ack_on_receipt(&s->ack, now_us, next - before, rtt_us(s));
	pass_over_empty(s);
}

static void count_lost(struct gre_session *s, uint32_t count, int64_t known_since_us)
{
	s->stats->rx_lost += count;
	gre_gap_gave_up(&s->gap, s->expected, count, known_since_us);
}

static void give_up_gap(struct gre_session *s, int64_t now_us)
{
	seq32 found = s->behind_gap->seq;
	count_lost(s, found - s->expected, s->behind_gap->known_since_us);
	advance(s, now_us, found);
}

/* The packet is the next one; with --nobuffer it may be further on, which loses what is between. */
static enum gre_rx take_next(struct gre_session *s, int64_t now_us, const struct gre_header *h,
    const uint8_t *payload, bool may_deliver)
{
	bool deliver = may_deliver && !has_ready(s);
	if (!deliver &&
	    pqueue_add(s->queue, h->seq, payload, h->payload_len, now_us, NULL) != PQUEUE_ADDED)
		return GRE_RX_NOTHING; /* as if it had not come */
	if (h->seq != s->expected) {
		s->stats->rx_buffered++;
		count_lost(s, h->seq - s->expected, now_us);
	} else if (s->behind_gap) {
		gre_gap_learn(&s->gap, now_us, now_us - s->behind_gap->known_since_us, rtt_us(s));
	}
	advance(s, now_us, h->seq + 1);
	if (!deliver || h->payload_len == 0)
		return GRE_RX_HELD;
	s->stats->rx_accepted++;
	return GRE_RX_DELIVER;
}

static enum gre_rx hold_ahead(
    struct gre_session *s, int64_t now_us, const struct gre_header *h, const uint8_t *payload)
{
	const struct pqueue_entry *added;
	switch (pqueue_add(s->queue, h->seq, payload, h->payload_len, now_us, &added)) {
	case PQUEUE_ADDED:
		break;
	case PQUEUE_DUPLICATE:
		return drop(&s->stats->rx_under_win);
	case PQUEUE_FULL:
	case PQUEUE_TOO_LONG:
		return GRE_RX_NOTHING; /* as if it had not come */
	}
	s->stats->rx_buffered++;
	if (added->next)
		gre_gap_learn(&s->gap, now_us, now_us - added->known_since_us, rtt_us(s));
	else
		gre_gap_refresh(&s->gap, now_us, rtt_us(s));
	if (!s->behind_gap || seq32_before(added->seq, s->behind_gap->seq))
		s->behind_gap = added;
	/* There is no room to wait any longer: do as at the deadline. */
	if (pqueue_is_full(s->queue) && !has_ready(s))
		give_up_gap(s, now_us);
	return GRE_RX_HELD;
}

static enum gre_rx drop_behind(struct gre_session *s, int64_t now_us, seq32 seq)
{
	gre_gap_came_behind(&s->gap, now_us, seq, rtt_us(s));
	return drop(&s->stats->rx_under_win);
}

static void start_at(struct gre_session *s, seq32 first)
{
	s->rx_started = true;
	s->expected = first;
	s->told = first - 1;
	s->early = first <= FIRST_NUMBERS ? (1u << first) - 1 : 0;
}

/* Whether it is one of the first packets, overtaken by the one that came first. */
static bool is_early(struct gre_session *s, seq32 seq)
{
	if (seq > BEGINNING_LAST)
		s->early = 0;
	return s->early && seq < FIRST_NUMBERS && (s->early >> seq & 1);
}

/*
 * What began the stream has been delivered: these packets follow as they come. They are LCP's, for
 * which the order is of no weight, where a loss would cost the link seconds.
 */
static enum gre_rx take_early(struct gre_session *s, int64_t now_us, const struct gre_header *h,
    const uint8_t *payload, bool may_deliver)
{
	s->early &= ~(1u << h->seq);
	if (h->payload_len == 0)
		return GRE_RX_NOTHING;
	if (may_deliver && !has_ready(s)) {
		s->stats->rx_accepted++;
		return GRE_RX_DELIVER;
	}
	(void)pqueue_add(s->queue, h->seq, payload, h->payload_len, now_us, NULL);
	return GRE_RX_HELD;
}

/*
 * A packet from far off is forged, or a remnant, or the stream has moved on: that takes a few in
 * consecutive order (RFC 3550 appendix A.1). True where the stream has been taken up at `seq`.
 * What is held comes first: a stream that has moved forward queues up behind it, one that has gone
 * back to lower numbers is let pass by until it has left. What moving on leaves out was lost, but
 * for the strays.
 */
static bool stream_moved_to(struct gre_session *s, int64_t now_us, seq32 seq)
{
	s->stray_run = seq == s->stray_next ? s->stray_run + 1 : 1;
	s->stray_next = seq + 1;
	if (s->stray_run < STRAYS_TO_RESYNC)
		return false;
	s->stray_run = STRAYS_TO_RESYNC;
	bool on = seq32_after(seq, s->expected);
	if (!on && now_us - s->inside_us < STREAM_ENDED_US)
		return false;
	while (s->behind_gap)
		give_up_gap(s, now_us);
	const struct pqueue_entry *head = pqueue_head(s->queue);
	if (head && !(on && seq32_after(seq, head->seq)))
		return false;
	s->stats->rx_resyncs++;
	uint32_t left_out = seq - s->expected - (STRAYS_TO_RESYNC - 1);
	if (on && left_out <= LOSS_MAX)
		count_lost(s, left_out, now_us);
	s->stray_run = 0;
	s->expected = seq;
	return true;
}

enum gre_rx gre_session_receive(struct gre_session *s, int64_t now_us, const struct gre_header *h,
    const uint8_t *payload, bool may_deliver)
{
	if (h->has_ack) {
		gre_window_on_ack(&s->tx, now_us, h->ack);
		s->stats->round_trip_us = (uint64_t)rtt_us(s);
	}
	if (!h->has_seq)
		return h->has_ack ? drop(&s->stats->rx_acks) : GRE_RX_NOTHING;
	if (!s->rx_started)
		start_at(s, h->seq);
	if (is_early(s, h->seq))
		return take_early(s, now_us, h, payload, may_deliver);

	int32_t ahead = seq32_diff(h->seq, s->expected);
	int32_t window = (int32_t)s->config.missing_window;
	if (ahead > window || ahead < -window) {
		if (stream_moved_to(s, now_us, h->seq))
			return take_next(s, now_us, h, payload, may_deliver);
		drop(ahead > 0 ? &s->stats->rx_over_win : &s->stats->rx_under_win);
		return has_ready(s) ? GRE_RX_HELD : GRE_RX_NOTHING;
	}
	s->stray_run = 0;
	s->inside_us = now_us;
	if (ahead < 0)
		return drop_behind(s, now_us, h->seq);
	if (ahead > 0 && s->config.reorder)
		return hold_ahead(s, now_us, h, payload);
	return take_next(s, now_us, h, payload, may_deliver);
}

bool gre_session_next(
    struct gre_session *s, int64_t now_us, const uint8_t **payload, size_t *payload_len)
{
	(void)now_us;
	if (!has_ready(s))
		return false;
	const struct pqueue_entry *head = pqueue_head(s->queue);
	*payload = head->payload;
	*payload_len = head->len;
	pqueue_pop(s->queue);
	pass_over_empty(s);
	s->stats->rx_accepted++;
	return true;
}

bool gre_session_is_full(const struct gre_session *s)
{
	return pqueue_is_full(s->queue);
}

unsigned gre_session_send_room(struct gre_session *s, int64_t now_us)
{
	bool blocked_now;
	uint32_t room = gre_window_room(&s->tx, now_us, &blocked_now);
	if (blocked_now)
		s->stats->tx_blocked++;
	return room;
}

static void fill_ack(struct gre_session *s, struct gre_header *out)
{
	out->has_ack = true;
	out->ack = s->expected - 1;
	s->told = out->ack;
}

void gre_session_send(
    struct gre_session *s, int64_t now_us, uint16_t payload_len, struct gre_header *out)
{
	*out = (struct gre_header){
	    .call_id = s->config.peer_call_id,
	    .payload_len = payload_len,
	    .has_seq = true,
	    .seq = gre_window_send(&s->tx, now_us),
	};
	if (s->rx_started && s->told != s->expected - 1)
		fill_ack(s, out);
	gre_ack_on_data(&s->ack);
}

void gre_session_delayed(struct gre_session *s)
{
	gre_window_delayed(&s->tx);
}

bool gre_session_ack_due(struct gre_session *s, int64_t now_us, struct gre_header *out)
{
	if (!s->rx_started ||
	    (now_us < gre_ack_deadline(&s->ack) && now_us < gre_window_nudge_deadline(&s->tx)))
		return false;
	*out = (struct gre_header){.call_id = s->config.peer_call_id};
	fill_ack(s, out);
	gre_ack_on_bare(&s->ack, now_us);
	gre_window_on_bare(&s->tx, now_us);
	return true;
}

static int64_t gap_deadline(const struct gre_session *s)
{
	return s->behind_gap ? s->behind_gap->known_since_us + s->gap.wait_us : DEADLINE_NEVER;
}

int64_t gre_session_wait_deadline(const struct gre_session *s)
{
	return deadline_earlier(gap_deadline(s), gre_window_deadline(&s->tx));
}

int64_t gre_session_deadline(const struct gre_session *s)
{
	int64_t at_us = gre_session_wait_deadline(s);
	if (!s->rx_started)
		return at_us; /* there is nothing yet to acknowledge */
	at_us = deadline_earlier(at_us, gre_ack_deadline(&s->ack));
	return deadline_earlier(at_us, gre_window_nudge_deadline(&s->tx));
}

void gre_session_on_deadline(struct gre_session *s, int64_t now_us)
{
	while (now_us >= gap_deadline(s))
		give_up_gap(s, now_us);
	gre_window_on_deadline(&s->tx, now_us);
}

int64_t gre_session_gap_wait_us(const struct gre_session *s)
{
	return s->gap.wait_us;
}
