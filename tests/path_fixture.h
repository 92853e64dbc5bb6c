/* SPDX-License-Identifier: ISC */
/*
 * A data session between a simulated network and PPP's side. Time advances in small steps; each
 * step is one iteration of the gateway's loop.
 */
#ifndef PPTP_TESTS_PATH_FIXTURE_H
#define PPTP_TESTS_PATH_FIXTURE_H

#include "unit.h"

#include <string.h>

#include "gre/gre_session.h"
#include "cases.h"

enum {
	CAPACITY = 2048,
	SLOT = 8,
	WIRE_MAX = 1 << 17
};
#define STEP_US INT64_C(50)
#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)

static struct gre_session session;
static struct gre_session_config config;
static struct pptp_stats stats;
static struct pqueue queue;
static struct pqueue_entry entries[CAPACITY];
static uint8_t slots[CAPACITY * SLOT];
static int64_t now_us;

/* When the data path would call the session next, with nothing arriving. */
static inline int64_t next_deadline(void)
{
	return deadline_earlier(
	    gre_session_timeout_deadline(&session), gre_session_ack_deadline(&session));
}

static inline bool one_in(uint32_t n)
{
	return random32() % n == 0;
}

/* One direction of the path: packets with the time at which they arrive. */
struct wire {
	struct {
		int64_t at_us;
		struct gre_header h;
	} packets[WIRE_MAX];
	/* [first, end), modulo WIRE_MAX, may hold packets; those received have at_us < 0. */
	size_t first, end;
};

static struct wire to_us, to_server;

static inline void wire_put(struct wire *w, int64_t at_us, const struct gre_header *h)
{
	ck_assert_uint_lt(w->end - w->first, WIRE_MAX);
	w->packets[w->end % WIRE_MAX].at_us = at_us;
	w->packets[w->end % WIRE_MAX].h = *h;
	w->end++;
}

/* The next packet that has arrived, in the order of arrival. */
static inline bool wire_take(struct wire *w, struct gre_header *h)
{
	size_t found = w->end;
	for (size_t i = w->first; i < w->end; i++) {
		int64_t at_us = w->packets[i % WIRE_MAX].at_us;
		if (at_us >= 0 && at_us <= now_us &&
		    (found == w->end || at_us < w->packets[found % WIRE_MAX].at_us))
			found = i;
	}
	if (found == w->end)
		return false;
	*h = w->packets[found % WIRE_MAX].h;
	w->packets[found % WIRE_MAX].at_us = -1;
	while (w->first < w->end && w->packets[w->first % WIRE_MAX].at_us < 0)
		w->first++;
	return true;
}

/* What PPP's side saw: the latency of each packet, and the last sequence number. */
#define SEQ_MAX 250000
static int64_t sent_us[SEQ_MAX];
static int latencies_us[SEQ_MAX];
static size_t latency_count;
static seq32 last_delivered;

static inline void start(void)
{
	memset(&stats, 0, sizeof(stats));
	to_us.first = to_us.end = to_server.first = to_server.end = 0;
	now_us = 5 * SECOND;
	random_state = 0x2545f491;
	pqueue_init(&queue, entries, slots, CAPACITY, SLOT);
	gre_session_init(&session, &config, &queue, &stats);
	latency_count = 0;
}

static inline void set_up(void)
{
	config = (struct gre_session_config){
	    .peer_call_id = 1,
	    .server_window = 64,
	    .reorder = true,
	    .max_wait_us = 300 * MS,
	    .missing_window = 300,
	};
	start();
}

static inline void on_delivery(seq32 seq)
{
	ck_assert(latency_count == 0 || seq > last_delivered);
	last_delivered = seq;
	latencies_us[latency_count++] = (int)(now_us - sent_us[seq]);
}

static inline void drain(void)
{
	const uint8_t *payload;
	size_t len;
	while (gre_session_dequeue(&session, &payload, &len)) {
		seq32 seq;
		memcpy(&seq, payload, sizeof(seq));
		on_delivery(seq);
	}
}

/* One iteration of the gateway: receives what arrived, then handles the deadline. */
static inline void run_gateway(void)
{
	struct gre_header h;
	while (wire_take(&to_us, &h)) {
		uint8_t payload[SLOT];
		memcpy(payload, &h.seq, sizeof(h.seq));
		if (gre_session_receive(&session, now_us, &h, payload, true) == GRE_RX_DELIVER)
			on_delivery(h.seq);
		drain();
	}
	gre_session_on_deadline(&session, now_us);
	drain();
}

static inline int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static inline int quantile_us(double q)
{
	qsort(latencies_us, latency_count, sizeof(latencies_us[0]), compare_ints);
	return latencies_us[(size_t)(q * (double)(latency_count - 1))];
}

/* A server at a distance of 10 ms that keeps up to `window` packets in flight. */
struct server {
	uint32_t window;
	seq32 sent, acked;   /* of its own packets */
	seq32 received;      /* the highest of ours */
	bool acks_at_once;   /* with ACK-onlys */
	uint64_t ack_onlys;  /* from us */
	uint64_t received_n; /* packets of ours */
};

#define ONE_WAY_US (10 * MS)

static inline void server_receive(struct server *s)
{
	struct gre_header h;
	while (wire_take(&to_server, &h)) {
		if (h.has_ack && seq32_after(h.ack, s->acked))
			s->acked = h.ack;
		if (!h.has_seq) {
			s->ack_onlys++;
			continue;
		}
		s->received_n++;
		s->received = h.seq;
		if (s->acks_at_once) {
			struct gre_header ack = {.has_ack = true, .ack = h.seq};
			wire_put(&to_us, now_us + ONE_WAY_US, &ack);
		}
	}
}

static inline void server_send(struct server *s)
{
	if (s->sent - s->acked >= s->window)
		return;
	struct gre_header h = {
	    .has_seq = true,
	    .seq = ++s->sent,
	    .payload_len = 4,
	    .has_ack = s->received_n > 0,
	    .ack = s->received,
	};
	sent_us[h.seq % SEQ_MAX] = now_us;
	wire_put(&to_us, now_us + ONE_WAY_US, &h);
}

/* As net_tx.c does when the socket takes it. */
static inline bool send_ack_only(struct gre_header *h)
{
	if (!gre_session_ack_is_due(&session, now_us, h))
		return false;
	gre_session_on_ack_only(&session, now_us);
	return true;
}

static inline void send_ack_only_if_due(void)
{
	struct gre_header h;
	if (send_ack_only(&h)) {
		ck_assert(!h.has_seq);
		ck_assert(h.has_ack);
		wire_put(&to_server, now_us + ONE_WAY_US, &h);
	}
}

#endif
