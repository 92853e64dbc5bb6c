/* SPDX-License-Identifier: ISC */
/* A data session with its queue and a simulated clock, and the checks that its suites share. */
#ifndef PPTP_TESTS_SESSION_FIXTURE_H
#define PPTP_TESTS_SESSION_FIXTURE_H

#include "unit.h"

#include <string.h>

#include "gre/gre_session.h"

enum {
	CAPACITY = 512,
	SLOT = 8,
	DELIVERED_MAX = 20000
};

static struct gre_session session;
static struct gre_session_config config;
static struct pptp_stats stats;
static struct pqueue queue;
static struct pqueue_entry entries[CAPACITY];
static uint8_t slots[CAPACITY * SLOT];
static seq32 delivered[DELIVERED_MAX];
static size_t delivered_count;
static int64_t now_us;

/* When the data path would call the session next, with nothing arriving. */
static inline int64_t next_deadline(void)
{
	return deadline_earlier(
	    gre_session_timeout_deadline(&session), gre_session_ack_deadline(&session));
}

static inline void start_with(size_t capacity)
{
	memset(&stats, 0, sizeof(stats));
	delivered_count = 0;
	now_us = 1000000;
	pqueue_init(&queue, entries, slots, capacity, SLOT);
	gre_session_init(&session, &config, &queue, &stats);
}

static inline void start(void)
{
	start_with(CAPACITY);
}

static inline void set_up(void)
{
	config = (struct gre_session_config){
	    .peer_call_id = 0x1234,
	    .server_window = 64,
	    .reorder = true,
	    .max_wait_us = 300000,
	    .missing_window = 300,
	};
	start();
}

static inline void record_delivery(const uint8_t *payload, size_t len)
{
	seq32 seq;
	ck_assert_uint_eq(len, sizeof(seq));
	memcpy(&seq, payload, sizeof(seq));
	ck_assert_uint_lt(delivered_count, DELIVERED_MAX);
	delivered[delivered_count++] = seq;
}

static inline void drain(void)
{
	const uint8_t *payload;
	size_t len;
	while (gre_session_dequeue(&session, &payload, &len))
		record_delivery(payload, len);
}

/* A packet arrives while PPP's side has no space. */
static inline enum gre_rx receive_without_space(seq32 seq)
{
	uint8_t payload[SLOT];
	memcpy(payload, &seq, sizeof(seq));
	struct gre_header h = {.has_seq = true, .seq = seq, .payload_len = sizeof(seq)};
	return gre_session_receive(&session, now_us, &h, payload, false);
}

static inline enum gre_rx receive(seq32 seq)
{
	uint8_t payload[SLOT];
	memcpy(payload, &seq, sizeof(seq));
	struct gre_header h = {.has_seq = true, .seq = seq, .payload_len = sizeof(seq)};
	enum gre_rx verdict = gre_session_receive(&session, now_us, &h, payload, true);
	if (verdict == GRE_RX_DELIVER)
		record_delivery(payload, sizeof(seq));
	if (verdict != GRE_RX_NOTHING)
		drain();
	return verdict;
}

static inline void receive_ack(seq32 ack)
{
	struct gre_header h = {.has_ack = true, .ack = ack};
	ck_assert_int_eq(gre_session_receive(&session, now_us, &h, NULL, true), GRE_RX_NOTHING);
}

static inline void advance_to(int64_t at_us)
{
	now_us = at_us;
	gre_session_on_deadline(&session, now_us);
	drain();
}

static inline seq32 send_one(struct gre_header *h)
{
	struct gre_header own;
	if (!h)
		h = &own;
	gre_session_send(&session, now_us, 10, h);
	return h->seq;
}

static inline void expect_delivered(size_t n, const seq32 *want)
{
	ck_assert_uint_eq(delivered_count, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(delivered[i], want[i]);
	ck_assert_uint_eq(stats.rx_accepted, n);
}

#define EXPECT_DELIVERED(...)                                                                      \
	do {                                                                                       \
		const seq32 list[] = {__VA_ARGS__};                                                \
		expect_delivered(sizeof(list) / sizeof(list[0]), list);                            \
	} while (0)

static inline void expect_rx(uint64_t lost, uint64_t under, uint64_t over, uint64_t buffered)
{
	ck_assert_uint_eq(stats.rx_lost, lost);
	ck_assert_uint_eq(stats.rx_under_win, under);
	ck_assert_uint_eq(stats.rx_over_win, over);
	ck_assert_uint_eq(stats.rx_buffered, buffered);
}

/* Sends data; false unless an acknowledgment is piggybacked on it, whose number is *ack then. */
static inline bool send_piggybacked(seq32 *ack)
{
	struct gre_header h;
	send_one(&h);
	*ack = h.ack;
	return h.has_ack;
}

static inline void expect_ack(seq32 want)
{
	seq32 ack;
	ck_assert(send_piggybacked(&ack));
	ck_assert_uint_eq(ack, want);
	ck_assert(!send_piggybacked(&ack));
}

#endif
