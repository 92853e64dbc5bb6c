/* SPDX-License-Identifier: ISC */
/*
 * Any packets at any time into a session: each one is delivered, counted or queued, but for those
 * without payload, which use up a number; the queue is in order; what is delivered has not been
 * delivered before; once deadlines are handled and something is sent none is in the past; and a full
 * queue can always be drained, because the socket is not read meanwhile.
 */
#include <string.h>

#include "gre/gre_session.h"
#include "fuzz.h"

enum {
	CAPACITY = 9,
	SLOT = sizeof(seq32)
};

struct run {
	struct gre_session session;
	struct pqueue queue;
	struct pqueue_entry entries[CAPACITY];
	uint8_t slots[CAPACITY * SLOT];
	struct pptp_stats stats;
	int64_t now_us;
	uint64_t received;
	uint64_t empty; /* of them without payload */
	/* The last delivered since the stream began or moved. */
	bool has_last;
	seq32 last;
	uint64_t resyncs;
};

static void check_delivery(struct run *r, const uint8_t *payload, size_t len)
{
	seq32 seq;
	require(len == SLOT);
	memcpy(&seq, payload, SLOT);
	/* The first packets of a stream come in any order. */
	if (r->has_last && r->resyncs == r->stats.rx_resyncs &&
	    r->session.resync.in_window_us >= 0 && seq > 16)
		require(seq32_after(seq, r->last));
	r->has_last = r->session.resync.in_window_us >= 0;
	r->last = seq;
	r->resyncs = r->stats.rx_resyncs;
}

static void check_queue(const struct run *r)
{
	const struct gre_session *s = &r->session;
	bool behind_gap = false, in_run = false;
	size_t count = 0;
	const struct pqueue_entry *before = NULL;
	for (const struct pqueue_entry *e = r->queue.head; e; before = e, e = e->next, count++) {
		behind_gap = behind_gap || e == s->behind_gap;
		in_run = in_run || e == s->run;
		require(e->prev == before);
		require(!before || seq32_before(before->seq, e->seq));
		require(!in_run || behind_gap);
		if (behind_gap && !in_run)
			require(seq32_after(e->seq, s->rcv_nxt));
		else if (!behind_gap)
			require(seq32_before(e->seq, s->rcv_nxt));
		require(e->known_since_us <= r->now_us);
	}
	require(before == r->queue.tail && count == r->queue.count);
	require(behind_gap == (s->behind_gap != NULL) && in_run == (s->run != NULL));
	/* Full means that something is ready, so that it can be drained. */
	if (gre_session_is_full(s))
		require(r->queue.head != s->behind_gap);
}

static void check(const struct run *r)
{
	const struct pptp_stats *st = &r->stats;
	uint64_t found = st->rx_accepted + st->rx_under_win + st->rx_over_win + r->queue.count;
	require(found <= r->received && found >= r->received - r->empty);
	require(st->rx_lost < UINT64_C(1) << 40); /* not below 0 */
	check_queue(r);
}

static void receive_len(struct run *r, seq32 seq, uint16_t len, bool has_ack, bool may_deliver)
{
	uint8_t payload[SLOT];
	struct gre_header h = {
	    .has_seq = true, .seq = seq, .payload_len = len, .has_ack = has_ack, .ack = seq % 8};
	if (gre_session_is_full(&r->session))
		return;
	memcpy(payload, &seq, SLOT);
	r->received++;
	r->empty += len == 0;
	if (gre_session_receive(&r->session, r->now_us, &h, payload, may_deliver) == GRE_RX_DELIVER)
		check_delivery(r, payload, len);
}

static void receive(struct run *r, seq32 seq, bool has_ack, bool may_deliver)
{
	receive_len(r, seq, SLOT, has_ack, may_deliver);
}

static void receive_ack(struct run *r, seq32 ack)
{
	struct gre_header h = {.has_ack = true, .ack = ack};
	require(gre_session_receive(&r->session, r->now_us, &h, NULL, true) == GRE_RX_NOTHING);
}

static void send_data(struct run *r)
{
	struct gre_header h;
	gre_session_send(&r->session, r->now_us, 1, &h);
	require(h.has_seq && (!h.has_ack || h.ack == r->session.rcv_nxt - 1));
}

static void drain(struct run *r, unsigned count)
{
	const uint8_t *payload;
	size_t len;
	while (count-- && gre_session_dequeue(&r->session, &payload, &len))
		check_delivery(r, payload, len);
}

static void run_deadline(struct run *r)
{
	gre_session_on_deadline(&r->session, r->now_us);
	require(gre_session_timeout_deadline(&r->session) > r->now_us);
	/* Whatever is sent is an acknowledgment and a tail probe, too. */
	if (gre_session_send_space(&r->session, r->now_us)) {
		send_data(r);
		require(gre_session_timeout_deadline(&r->session) > r->now_us);
		require(gre_session_ack_deadline(&r->session) > r->now_us);
	}
}

static void step(struct run *r, uint8_t op, uint8_t arg)
{
	static const int64_t steps_us[] = {1, 100, 3000, 20000, 50000, 600000, 5000000, 4000000000};
	seq32 nxt = r->session.rcv_nxt;
	switch (op % 8) {
	case 0:
	case 1:
		receive(r, nxt + (arg & 15) - 4, arg & 128, arg & 16);
		break;
	case 2:
		receive(r, nxt + ((seq32)arg << (op >> 3)), op & 64, op & 128);
		break;
	case 3:
		receive(r, r->session.resync.origin + (arg & 15) - 4, arg & 128, arg & 16);
		break;
	case 4:
		r->now_us += steps_us[arg % 8] * (1 + (arg >> 6));
		break;
	case 5:
		run_deadline(r);
		break;
	case 6:
		drain(r, arg & 15);
		break;
	default:
		if (arg < 8) {
			gre_session_skip_gaps(&r->session, r->now_us);
			require(!r->session.behind_gap);
		} else if (arg < 64) {
			receive_len(r, nxt + (arg & 7), 0, false, arg & 16);
		} else if (arg < 128) {
			receive_ack(r, (seq32)(arg & 63) - 4);
		} else {
			send_data(r);
		}
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct run r;
	if (len < 3)
		return 0;
	memset(&r, 0, sizeof(r));
	r.now_us = 1000000;
	const struct gre_session_config config = {
	    .server_window = 8,
	    .reorder = !(bytes[0] & 1),
	    .max_wait_us = 300000,
	    .fixed_wait_us = bytes[0] & 2 ? 30000 : 0,
	    .missing_window = bytes[1] & 15,
	    .flow_control = bytes[0] & 8,
	};
	pqueue_init(&r.queue, r.entries, r.slots, CAPACITY, SLOT);
	gre_session_init(&r.session, &config, &r.queue, &r.stats);
	receive(&r, (seq32)(int8_t)bytes[2], false, bytes[0] & 4); /* on both sides of the wrap */
	check(&r);
	for (size_t i = 3; i + 1 < len; i += 2) {
		step(&r, bytes[i], bytes[i + 1]);
		check(&r);
	}
	run_deadline(&r);
	drain(&r, CAPACITY);
	check(&r);
	gre_session_skip_gaps(&r.session, r.now_us);
	drain(&r, CAPACITY);
	check(&r);
	require(r.queue.count == 0);
	return 0;
}
