/* SPDX-License-Identifier: ISC */
/*
 * The data session: classifies each packet received as next in order, ahead, behind or out of window,
 * owns the use of the reorder queue, and combines three policies: how long to wait for a missing
 * packet (reorder_timer.c), when to acknowledge (ack_policy.c), how many packets may be in flight
 * (send_window.c).
 *
 * The queue holds, in this order: packets that are ready but for which PPP's side had no space; then,
 * from `behind_gap` on, packets that wait for a missing one; then, from `run` on, packets out of window
 * that wait for the verdict that the stream has moved (resync.c). rcv_nxt and the acknowledgments
 * follow what was received, not what was delivered.
 */
#include "gre/gre_session.h"

#include <string.h>

/* A stream begins with 0 or 1: a first packet up to this number may have overtaken others. One that has
 * reached twice this number is no longer at its beginning. */
#define EARLY_FIRST_MAX 8
/* So many packets behind a gap are the stream, and what fills the gap would have to overtake them all. */
#define STREAM_MIN 64

void gre_session_init(struct gre_session *s, const struct gre_session_config *config,
    struct pqueue *queue, struct pptp_stats *stats)
{
	memset(s, 0, sizeof(*s));
	s->config = *config;
	s->queue = queue;
	while (queue->head)
		pqueue_pop(queue);
	s->stats = stats;
	reorder_timer_init(&s->reorder_timer, config->fixed_wait_us, config->max_wait_us);
	send_window_init(
	    &s->send_window, config->flow_control, config->server_window, config->server_delay_us);
}

static bool has_ready(const struct gre_session *s)
{
	return s->queue->head && s->queue->head != s->behind_gap;
}

static enum gre_rx drop(uint64_t *counter)
{
	++*counter;
	return GRE_RX_NOTHING;
}

/* Packets without payload use up a sequence number but are not delivered. */
static void drop_ready_empty(struct gre_session *s)
{
	while (has_ready(s) && pqueue_head(s->queue)->len == 0)
		pqueue_pop(s->queue);
}

/* All before `nxt` were received or given up: moves rcv_nxt there and past the entries that follow. */
static void advance(struct gre_session *s, int64_t now_us, seq32 nxt)
{
	seq32 before = s->rcv_nxt;
	while (s->behind_gap && s->behind_gap != s->run && s->behind_gap->seq == nxt) {
		nxt++;
		s->behind_gap = s->behind_gap->next;
	}
	s->rcv_nxt = nxt;
	ack_policy_on_receipt(&s->ack_policy, now_us, nxt - before);
	drop_ready_empty(s);
}

static void count_lost(struct gre_session *s, uint32_t count, int64_t known_since_us)
{
	s->stats->rx_lost += count;
	reorder_timer_on_give_up(&s->reorder_timer, s->rcv_nxt, count, known_since_us);
}

static void give_up_gap(struct gre_session *s, int64_t now_us)
{
	seq32 behind = s->behind_gap->seq;
	count_lost(s, behind - s->rcv_nxt, s->behind_gap->known_since_us);
	advance(s, now_us, behind);
}

/* A packet that is next in order; or with --nobuffer ahead, which gives up the gap before it. */
static enum gre_rx process_next(struct gre_session *s, int64_t now_us, const struct gre_header *h,
    const uint8_t *payload, bool may_deliver)
{
	bool deliver = may_deliver && !has_ready(s);
	if (!deliver &&
	    pqueue_add(s->queue, h->seq, payload, h->payload_len, now_us, NULL) != PQUEUE_ADDED)
		return GRE_RX_NOTHING; /* as if it had not arrived */
	if (h->seq != s->rcv_nxt) {
		s->stats->rx_buffered++;
		count_lost(s, h->seq - s->rcv_nxt, now_us);
	} else if (s->behind_gap) {
		reorder_timer_on_reordered(
		    &s->reorder_timer, now_us, now_us - s->behind_gap->known_since_us);
	}
	advance(s, now_us, h->seq + 1);
	if (!deliver || h->payload_len == 0)
		return GRE_RX_HELD;
	s->stats->rx_accepted++;
	return GRE_RX_DELIVER;
}

static enum gre_rx process_ahead(
    struct gre_session *s, int64_t now_us, const struct gre_header *h, const uint8_t *payload)
{
	const struct pqueue_entry *added;
	switch (pqueue_add(s->queue, h->seq, payload, h->payload_len, now_us, &added)) {
	case PQUEUE_ADDED:
		break;
	case PQUEUE_DUPLICATE:
		return drop(&s->stats->rx_under_win);
	case PQUEUE_TOO_LONG:
		return drop(&s->stats->rx_invalid);
	case PQUEUE_FULL:
		return GRE_RX_NOTHING; /* as if it had not arrived */
	}
	s->stats->rx_buffered++;
	reorder_timer_on_reordered(&s->reorder_timer, now_us, now_us - added->known_since_us);
	if (!s->behind_gap || seq32_before(added->seq, s->behind_gap->seq))
		s->behind_gap = added;
	/* The queue cannot hold what a longer wait would bring: act as at the deadline. */
	if (pqueue_is_full(s->queue) && !has_ready(s))
		give_up_gap(s, now_us);
	return GRE_RX_HELD;
}

/*
 * The stream behind a gap leaves the window, as it does where our socket has gathered a thousand packets,
 * which are read within a wait: acts as at the deadline. Of a small window half is enough for a stream.
 */
static void follow_stream(struct gre_session *s, int64_t now_us, seq32 seq)
{
	uint32_t window = s->config.missing_window;
	uint32_t stream = window / 2 < STREAM_MIN ? window / 2 : STREAM_MIN, held = 0;
	for (const struct pqueue_entry *e = s->behind_gap; e != s->run && held <= stream;
	     e = e->next)
		held++;
	if (held <= stream || seq - s->rcv_nxt > 2 * window)
		return;
	while (s->behind_gap != s->run && seq - s->rcv_nxt > window)
		give_up_gap(s, now_us);
}

/*
 * A packet from the beginning of the stream, overtaken by the first one to arrive, which was delivered
 * already. Such packets are delivered as they arrive: they carry LCP, which does not depend on the
 * order, while a lost one would delay the link by seconds.
 */
static enum gre_rx process_early(struct gre_session *s, int64_t now_us, const struct gre_header *h,
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

/* Drops the entries out of window. */
static void drop_run(struct gre_session *s)
{
	if (s->behind_gap == s->run)
		s->behind_gap = NULL;
	while (s->run) {
		if (s->queue->tail == s->run)
			s->run = NULL;
		pqueue_pop_tail(s->queue);
		s->stats->rx_over_win++;
	}
}

/* Holds a packet that is out of window behind all others; false if that cannot be. */
static bool hold_out_of_window(
    struct gre_session *s, int64_t now_us, const struct gre_header *h, const uint8_t *payload)
{
	const struct pqueue_entry *head = pqueue_head(s->queue);
	const struct pqueue_entry *added;
	/* The last entry stays free: while the queue is full the socket is not read. Ready packets may be
	 * from before an older move, too far behind for the queue's order. */
	if (s->queue->count + 1 >= s->queue->capacity ||
	    (head != s->run && !seq32_after(h->seq, head->seq)) ||
	    pqueue_add(s->queue, h->seq, payload, h->payload_len, now_us, &added) != PQUEUE_ADDED)
		return false;
	if (s->run && added->next != s->run)
		return true;
	if (s->behind_gap == s->run)
		s->behind_gap = added;
	s->run = added;
	return true;
}

/* The stream goes on with the entries out of window: what is missing before them is lost. */
static void move_to_run(struct gre_session *s, int64_t now_us)
{
	while (s->behind_gap != s->run)
		give_up_gap(s, now_us);
	resync_on_move(&s->resync, now_us, s->rcv_nxt, s->run->seq);
	s->stats->rx_resyncs++;
	s->run = NULL;
	do
		give_up_gap(s, now_us);
	while (s->behind_gap && !s->config.reorder);
}

/* The stream goes on where it was before a move: what came from the other position was forged. */
static void move_back(struct gre_session *s, int64_t now_us)
{
	uint64_t skipped;
	s->rcv_nxt = resync_return(&s->resync, now_us, &skipped);
	s->stats->rx_lost -= skipped;
	s->stats->rx_resyncs++;
	s->run = s->behind_gap = NULL;
	while (s->queue->tail && !seq32_before(s->queue->tail->seq, s->rcv_nxt)) {
		pqueue_pop_tail(s->queue);
		s->stats->rx_over_win++;
	}
}

/* Any number may be the first one. */
static void start_at(struct gre_session *s, seq32 seq)
{
	s->rx_started = true;
	s->rcv_nxt = seq;
	s->early = seq <= EARLY_FIRST_MAX ? (1u << seq) - 1 : 0;
	resync_init(&s->resync, s->config.missing_window);
}

static void start_again_at(struct gre_session *s, seq32 seq)
{
	for (; pqueue_head(s->queue); pqueue_pop(s->queue))
		s->stats->rx_under_win++;
	s->behind_gap = NULL;
	start_at(s, seq);
}

static enum gre_rx process_out_of_window(struct gre_session *s, int64_t now_us,
    const struct gre_header *h, const uint8_t *payload, bool may_deliver)
{
	bool plausible_ack = !h->has_ack || send_window_is_plausible_ack(
						&s->send_window, h->ack, s->config.missing_window);
	enum resync_verdict verdict = resync_on_out_of_window(
	    &s->resync, now_us, s->stats->rx_kernel_drops, s->rcv_nxt, h->seq, plausible_ack);
	switch (verdict) {
	case RESYNC_DROP:
		break;
	case RESYNC_RENEW:
		drop_run(s);
		/* fall through */
	case RESYNC_HOLD:
	case RESYNC_MOVE:
		if (!hold_out_of_window(s, now_us, h, payload)) {
			drop_run(s);
			resync_forget_run(&s->resync);
			break;
		}
		if (verdict == RESYNC_MOVE)
			move_to_run(s, now_us);
		return GRE_RX_HELD;
	case RESYNC_RETURN:
		move_back(s, now_us);
		if (h->seq != s->rcv_nxt && s->config.reorder)
			return process_ahead(s, now_us, h, payload);
		return process_next(s, now_us, h, payload, may_deliver);
	case RESYNC_RESTART:
		start_again_at(s, h->seq);
		return process_next(s, now_us, h, payload, may_deliver);
	}
	return drop(
	    seq32_after(h->seq, s->rcv_nxt) ? &s->stats->rx_over_win : &s->stats->rx_under_win);
}

enum gre_rx gre_session_receive(struct gre_session *s, int64_t now_us, const struct gre_header *h,
    const uint8_t *payload, bool may_deliver)
{
	if (h->has_ack) {
		int64_t may_have_waited_us = h->has_seq ? now_us - s->last_data_us : 0;
		send_window_on_ack(&s->send_window, now_us, h->ack, may_have_waited_us);
		s->stats->round_trip_us = (uint64_t)send_window_rtt_us(&s->send_window);
	}
	if (h->has_seq)
		s->last_data_us = now_us;
	if (!h->has_seq)
		return h->has_ack ? drop(&s->stats->rx_acks) : GRE_RX_NOTHING;
	if (!s->rx_started) {
		start_at(s, h->seq);
		return process_next(s, now_us, h, payload, may_deliver);
	}
	if (s->early) {
		if (h->seq > 2 * EARLY_FIRST_MAX)
			s->early = 0;
		else if (s->early >> h->seq & 1)
			return process_early(s, now_us, h, payload, may_deliver);
	}

	int32_t window = (int32_t)s->config.missing_window;
	if (seq32_diff(h->seq, s->rcv_nxt) > window)
		follow_stream(s, now_us, h->seq);
	int32_t ahead = seq32_diff(h->seq, s->rcv_nxt);
	if (ahead > window || ahead < -window)
		return process_out_of_window(s, now_us, h, payload, may_deliver);
	if (ahead < 0) {
		reorder_timer_on_late(&s->reorder_timer, now_us, h->seq);
		return drop(&s->stats->rx_under_win);
	}
	if (resync_on_in_window(&s->resync, now_us, s->stats->rx_kernel_drops))
		drop_run(s);
	if (ahead > 0 && s->config.reorder)
		return process_ahead(s, now_us, h, payload);
	return process_next(s, now_us, h, payload, may_deliver);
}

bool gre_session_dequeue(struct gre_session *s, const uint8_t **payload, size_t *payload_len)
{
	if (!has_ready(s))
		return false;
	const struct pqueue_entry *head = pqueue_head(s->queue);
	*payload = head->payload;
	*payload_len = head->len;
	pqueue_pop(s->queue);
	drop_ready_empty(s);
	s->stats->rx_accepted++;
	return true;
}

bool gre_session_is_heard(const struct gre_session *s)
{
	return s->send_window.snd_acked != 0; /* ours begin with 1 */
}

bool gre_session_is_full(const struct gre_session *s)
{
	return pqueue_is_full(s->queue);
}

unsigned gre_session_send_space(struct gre_session *s, int64_t now_us)
{
	return send_window_space(&s->send_window, now_us, &s->stats->tx_blocked);
}

static void fill_ack(const struct gre_session *s, struct gre_header *out)
{
	out->has_ack = true;
	out->ack = s->rcv_nxt - 1;
}

void gre_session_send(
    struct gre_session *s, int64_t now_us, uint16_t payload_len, struct gre_header *out)
{
	*out = (struct gre_header){
	    .call_id = s->config.peer_call_id,
	    .payload_len = payload_len,
	    .has_seq = true,
	    .seq = send_window_send(&s->send_window, now_us),
	};
	if (ack_policy_on_ack(&s->ack_policy))
		fill_ack(s, out);
}

void gre_session_on_delay(struct gre_session *s)
{
	send_window_on_delay(&s->send_window);
}

int64_t gre_session_ack_deadline(const struct gre_session *s)
{
	if (!s->rx_started)
		return DEADLINE_NEVER; /* nothing to acknowledge yet */
	return deadline_earlier(
	    ack_policy_deadline(&s->ack_policy), send_window_tail_probe_deadline(&s->send_window));
}

int64_t gre_session_ack_wake_up(const struct gre_session *s, int64_t now_us)
{
	if (!s->rx_started)
		return DEADLINE_NEVER;
	return deadline_earlier(ack_policy_wake_up(&s->ack_policy, now_us),
	    send_window_tail_probe_deadline(&s->send_window));
}

bool gre_session_ack_is_due(const struct gre_session *s, int64_t now_us, struct gre_header *out)
{
	if (now_us < gre_session_ack_deadline(s))
		return false;
	*out = (struct gre_header){.call_id = s->config.peer_call_id};
	fill_ack(s, out);
	return true;
}

void gre_session_on_ack_only(struct gre_session *s, int64_t now_us)
{
	(void)ack_policy_on_ack(&s->ack_policy);
	send_window_on_ack_only(&s->send_window, now_us);
}

static int64_t gap_deadline(const struct gre_session *s)
{
	if (!s->behind_gap || s->behind_gap == s->run)
		return DEADLINE_NEVER;
	/* Nothing is held up by a gap behind ready packets, and while the queue is full the socket,
	 * where the missing packet may be, is not read. */
	if (pqueue_is_full(s->queue) && has_ready(s))
		return DEADLINE_NEVER;
	return s->behind_gap->known_since_us + reorder_timer_wait_us(&s->reorder_timer);
}

int64_t gre_session_timeout_deadline(const struct gre_session *s)
{
	return deadline_earlier(gap_deadline(s), send_window_deadline(&s->send_window));
}

void gre_session_on_deadline(struct gre_session *s, int64_t now_us)
{
	while (now_us >= gap_deadline(s))
		give_up_gap(s, now_us);
	send_window_on_deadline(&s->send_window, now_us);
}

void gre_session_skip_gaps(struct gre_session *s, int64_t now_us)
{
	drop_run(s);
	resync_forget_run(&s->resync);
	while (s->behind_gap)
		give_up_gap(s, now_us);
}

void gre_session_update_gauges(struct gre_session *s)
{
	s->stats->reorder_depth = s->queue->count;
	s->stats->reorder_wait_us = (uint64_t)reorder_timer_wait_us(&s->reorder_timer);
	s->stats->in_flight = send_window_in_flight(&s->send_window);
}
