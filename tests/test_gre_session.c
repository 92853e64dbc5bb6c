/* SPDX-License-Identifier: ISC */
/*
 * The data session, one packet at a time: what is delivered in which order, what each counter
 * counts, what is acknowledged, how the numbers wrap. Pace over time is tests/test_gre_pace.c's.
 */
#include "unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../gre_session.h"

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

static void start_with(size_t capacity)
{
	memset(&stats, 0, sizeof(stats));
	delivered_count = 0;
	now_us = 1000000;
	pqueue_init(&queue, entries, slots, capacity, SLOT);
	gre_session_init(&session, &config, &queue, &stats);
}

static void start(void)
{
	start_with(CAPACITY);
}

static void set_up(void)
{
	config = (struct gre_session_config){
	    .peer_call_id = 0x1234,
	    .our_window = 1024,
	    .server_window = 64,
	    .reorder = true,
	    .max_wait_us = 300000,
	    .missing_window = 300,
	};
	start();
}

static void record(const uint8_t *payload, size_t len)
{
	seq32 seq;
	ck_assert_uint_eq(len, sizeof(seq));
	memcpy(&seq, payload, sizeof(seq));
	ck_assert_uint_lt(delivered_count, DELIVERED_MAX);
	delivered[delivered_count++] = seq;
}

static void drain(void)
{
	const uint8_t *payload;
	size_t len;
	while (gre_session_next(&session, now_us, &payload, &len))
		record(payload, len);
}

static enum gre_rx receive_held_back(seq32 seq)
{
	uint8_t payload[SLOT];
	memcpy(payload, &seq, sizeof(seq));
	struct gre_header h = {.has_seq = true, .seq = seq, .payload_len = sizeof(seq)};
	return gre_session_receive(&session, now_us, &h, payload, false);
}

static enum gre_rx receive(seq32 seq)
{
	uint8_t payload[SLOT];
	memcpy(payload, &seq, sizeof(seq));
	struct gre_header h = {.has_seq = true, .seq = seq, .payload_len = sizeof(seq)};
	enum gre_rx verdict = gre_session_receive(&session, now_us, &h, payload, true);
	if (verdict == GRE_RX_DELIVER)
		record(payload, sizeof(seq));
	if (verdict != GRE_RX_NOTHING)
		drain();
	return verdict;
}

static void receive_ack(seq32 ack)
{
	struct gre_header h = {.has_ack = true, .ack = ack};
	ck_assert_int_eq(gre_session_receive(&session, now_us, &h, NULL, true), GRE_RX_NOTHING);
}

static void pass_to(int64_t at_us)
{
	now_us = at_us;
	gre_session_on_deadline(&session, now_us);
	drain();
}

static seq32 send_one(struct gre_header *h)
{
	struct gre_header own;
	if (!h)
		h = &own;
	gre_session_send(&session, now_us, 10, h);
	return h->seq;
}

static void expect_delivered(size_t n, const seq32 *expected)
{
	ck_assert_uint_eq(delivered_count, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(delivered[i], expected[i]);
	ck_assert_uint_eq(stats.rx_accepted, n);
}

#define EXPECT_DELIVERED(...)                                                                      \
	do {                                                                                       \
		const seq32 list[] = {__VA_ARGS__};                                                \
		expect_delivered(sizeof(list) / sizeof(list[0]), list);                            \
	} while (0)

static void expect_rx(uint64_t lost, uint64_t under, uint64_t over, uint64_t buffered)
{
	ck_assert_uint_eq(stats.rx_lost, lost);
	ck_assert_uint_eq(stats.rx_under_win, under);
	ck_assert_uint_eq(stats.rx_over_win, over);
	ck_assert_uint_eq(stats.rx_buffered, buffered);
}

/* The acknowledgment number that data sent now carries; none where nothing is new. */
static bool ack_carried(seq32 *ack)
{
	struct gre_header h;
	send_one(&h);
	*ack = h.ack;
	return h.has_ack;
}

static void expect_ack(seq32 expected)
{
	seq32 ack;
	ck_assert(ack_carried(&ack));
	ck_assert_uint_eq(ack, expected);
	ck_assert(!ack_carried(&ack));
}

START_TEST(session_waits_for_nothing_at_first)
{
	struct gre_header h;
	const uint8_t *payload;
	size_t len;
	ck_assert_int_eq(gre_session_deadline(&session), DEADLINE_NEVER);
	ck_assert(!gre_session_next(&session, now_us, &payload, &len));
	ck_assert(!gre_session_ack_due(&session, now_us, &h));
	ck_assert(!gre_session_is_full(&session));
	ck_assert_uint_gt(gre_session_send_room(&session, now_us), 1000);
}
END_TEST

START_TEST(session_accepts_any_first_number)
{
	static const seq32 firsts[] = {0, 1, 2, 300, 301, 0x7fffffff, 0x80000000, 0xffffffff};
	for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		start();
		ck_assert_int_eq(receive(firsts[i]), GRE_RX_DELIVER);
		ck_assert_int_eq(receive(firsts[i] + 1), GRE_RX_DELIVER);
		EXPECT_DELIVERED(firsts[i], firsts[i] + 1);
		expect_rx(0, 0, 0, 0);
		expect_ack(firsts[i] + 1);
	}
}
END_TEST

START_TEST(session_numbers_what_it_sends_from_one)
{
	struct gre_header h;
	ck_assert_uint_eq(send_one(&h), 1);
	ck_assert_uint_eq(h.call_id, 0x1234);
	ck_assert_uint_eq(h.payload_len, 10);
	ck_assert(h.has_seq);
	ck_assert(!h.has_ack);
	ck_assert_uint_eq(send_one(&h), 2);
}
END_TEST

START_TEST(session_delivers_in_order_across_wrap)
{
	for (seq32 seq = UINT32_MAX - 500; seq != 500; seq++)
		ck_assert_int_eq(receive(seq), GRE_RX_DELIVER);
	ck_assert_uint_eq(stats.rx_accepted, 1001);
	expect_rx(0, 0, 0, 0);
	expect_ack(499);
}
END_TEST

START_TEST(session_holds_what_is_ahead_until_the_missing_one_comes)
{
	receive(10);
	ck_assert_int_eq(receive(12), GRE_RX_HELD);
	ck_assert_int_eq(receive(13), GRE_RX_HELD);
	EXPECT_DELIVERED(10);
	ck_assert_int_eq(receive(11), GRE_RX_DELIVER);
	EXPECT_DELIVERED(10, 11, 12, 13);
	expect_rx(0, 0, 0, 2);
	ck_assert_int_eq(receive(14), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_fills_two_gaps_one_after_the_other)
{
	receive(1);
	receive(3);
	receive(5);
	receive(2);
	EXPECT_DELIVERED(1, 2, 3);
	receive(4);
	EXPECT_DELIVERED(1, 2, 3, 4, 5);
	expect_rx(0, 0, 0, 2);
}
END_TEST

/* A packet that fills a gap behind another one is ahead of sequence still, and counts as such. */
START_TEST(session_fills_the_later_gap_first)
{
	receive(1);
	receive(3);
	receive(5);
	receive(4);
	EXPECT_DELIVERED(1);
	receive(2);
	EXPECT_DELIVERED(1, 2, 3, 4, 5);
	expect_rx(0, 0, 0, 3);
}
END_TEST

/* Puts first..first+n-1 in through every order; the first of all comes first. */
static void check_permutations(seq32 first, unsigned n)
{
	seq32 order[7];
	unsigned swaps[7] = {0};
	for (unsigned i = 0; i < n; i++)
		order[i] = first + 1 + i;
	for (unsigned i = 0; i < n;) {
		if (i == 0) {
			start();
			receive(first);
			for (unsigned k = 0; k < n; k++)
				receive(order[k]);
			ck_assert_uint_eq(delivered_count, n + 1);
			for (unsigned k = 0; k <= n; k++)
				ck_assert_uint_eq(delivered[k], first + k);
			expect_rx(0, 0, 0, stats.rx_buffered);
			expect_ack(first + n);
			i = 1;
		}
		if (swaps[i] < i) {
			unsigned j = i % 2 ? swaps[i] : 0;
			seq32 t = order[i];
			order[i] = order[j];
			order[j] = t;
			swaps[i]++;
			i = 0;
		} else {
			swaps[i++] = 0;
		}
	}
}

START_TEST(session_orders_every_permutation)
{
	check_permutations(100, 6);
	for (unsigned before = 0; before < 7; before++)
		check_permutations(UINT32_MAX - before, 5);
	check_permutations(0x7fffffff - 3, 5);
}
END_TEST

START_TEST(session_drops_a_duplicate_of_a_delivered_packet)
{
	receive(10);
	receive(11);
	ck_assert_int_eq(receive(11), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(10), GRE_RX_NOTHING);
	EXPECT_DELIVERED(10, 11);
	expect_rx(0, 2, 0, 0);
}
END_TEST

/* The old client lost packets, or looped for ever, over a duplicate of a queued packet. */
START_TEST(session_drops_a_duplicate_of_a_held_packet_and_keeps_the_rest)
{
	receive(10);
	receive(12);
	receive(13);
	ck_assert_int_eq(receive(12), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(13), GRE_RX_NOTHING);
	receive(11);
	EXPECT_DELIVERED(10, 11, 12, 13);
	expect_rx(0, 2, 0, 2);
}
END_TEST

/* The old client's order broke at the wrap: fffffffe, 1, ffffffff. */
START_TEST(session_reorders_across_wrap)
{
	receive(0xfffffffd);
	receive(0xfffffffe);
	receive(1);
	receive(0xffffffff);
	EXPECT_DELIVERED(0xfffffffd, 0xfffffffe, 0xffffffff);
	receive(0);
	EXPECT_DELIVERED(0xfffffffd, 0xfffffffe, 0xffffffff, 0, 1);
	expect_rx(0, 0, 0, 1);
}
END_TEST

START_TEST(session_knows_old_numbers_across_wrap)
{
	receive(0xffffffff);
	receive(0);
	receive(1);
	ck_assert_int_eq(receive(0xffffffff), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(0xfffffff0), GRE_RX_NOTHING);
	expect_rx(0, 2, 0, 0);
}
END_TEST

START_TEST(session_holds_up_to_the_missing_window_and_not_beyond)
{
	static const seq32 bases[] = {1000, UINT32_MAX - 150, UINT32_MAX, 0x7fffffff};
	for (size_t i = 0; i < 4; i++) {
		start();
		receive(bases[i]);
		seq32 next = bases[i] + 1;
		ck_assert_int_eq(receive(next + 301), GRE_RX_NOTHING);
		expect_rx(0, 0, 1, 0);
		ck_assert_int_eq(receive(next + 300), GRE_RX_HELD);
		ck_assert_int_eq(receive(next + 1), GRE_RX_HELD);
		expect_rx(0, 0, 1, 2);
		ck_assert_int_eq(receive(next), GRE_RX_DELIVER);
		ck_assert_int_eq(receive(next + 302), GRE_RX_HELD);
		ck_assert_int_eq(receive(next + 303), GRE_RX_NOTHING);
		expect_rx(0, 0, 2, 3);
	}
}
END_TEST

START_TEST(session_takes_a_missing_window_of_any_size)
{
	config.missing_window = UINT32_MAX;
	start();
	receive(5);
	ck_assert_int_eq(receive(5 + (1u << 30)), GRE_RX_HELD);
	receive(6);
	EXPECT_DELIVERED(5, 6);
	config.missing_window = 0;
	start();
	receive(5);
	ck_assert_int_eq(receive(7), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(6), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_waits_exactly_the_fixed_time_for_a_gap)
{
	config.fixed_wait_us = 500000;
	start();
	receive(1);
	now_us += 100;
	int64_t known_us = now_us;
	receive(3);
	now_us += 200000;
	receive(4);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), 500000);
	pass_to(known_us + 499999);
	EXPECT_DELIVERED(1);
	pass_to(known_us + 500000);
	EXPECT_DELIVERED(1, 3, 4);
	expect_rx(1, 0, 0, 2);
	expect_ack(4);
}
END_TEST

START_TEST(session_gives_up_gap_by_gap)
{
	config.fixed_wait_us = 10000;
	start();
	int64_t begin_us = now_us;
	receive(1);
	receive(5); /* 2 3 4 missing */
	now_us = begin_us + 4000;
	receive(9); /* 6 7 8 missing */
	now_us = begin_us + 6000;
	receive(7);
	pass_to(begin_us + 10000);
	EXPECT_DELIVERED(1, 5);
	expect_rx(3, 0, 0, 3);
	ck_assert_int_eq(session.behind_gap->known_since_us, begin_us + 4000);
	pass_to(begin_us + 14000);
	EXPECT_DELIVERED(1, 5, 7, 9);
	expect_rx(5, 0, 0, 3);
}
END_TEST

START_TEST(session_gives_up_several_gaps_in_one_turn)
{
	receive(1);
	receive(3);
	receive(5);
	receive(7);
	pass_to(now_us + 1000000);
	EXPECT_DELIVERED(1, 3, 5, 7);
	expect_rx(3, 0, 0, 3);
}
END_TEST

START_TEST(session_counts_lost_numbers_across_wrap)
{
	receive(0xfffffffe);
	receive(2);
	pass_to(now_us + 1000000);
	EXPECT_DELIVERED(0xfffffffe, 2);
	expect_rx(3, 0, 0, 1);
}
END_TEST

START_TEST(session_drops_what_comes_after_it_was_given_up)
{
	receive(1);
	receive(3);
	pass_to(now_us + 1000000);
	ck_assert_int_eq(receive(2), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(4), GRE_RX_DELIVER);
	expect_rx(1, 1, 0, 1);
}
END_TEST

START_TEST(session_deadline_is_when_the_gap_is_given_up)
{
	receive(1);
	struct gre_header h;
	send_one(&h); /* carries the acknowledgment: nothing else is waited for */
	receive_ack(h.seq);
	ck_assert_int_eq(gre_session_deadline(&session), DEADLINE_NEVER);
	receive(3);
	ck_assert_int_eq(
	    gre_session_deadline(&session), now_us + gre_session_gap_wait_us(&session));
	pass_to(gre_session_deadline(&session));
	EXPECT_DELIVERED(1, 3);
}
END_TEST

START_TEST(session_gives_up_a_gap_when_the_queue_is_full_and_loses_nothing_else)
{
	start_with(8);
	receive(1);
	for (seq32 seq = 3; seq < 60; seq++)
		ck_assert_int_ne(receive(seq), GRE_RX_NOTHING);
	ck_assert_uint_eq(delivered_count, 58);
	for (size_t i = 1; i < 58; i++)
		ck_assert_uint_eq(delivered[i], i + 2);
	expect_rx(1, 0, 0, 8);
}
END_TEST

START_TEST(session_with_a_full_queue_gives_up_one_gap_at_a_time)
{
	start_with(4);
	receive(1);
	receive(9);
	receive(7);
	receive(5);
	EXPECT_DELIVERED(1);
	receive(3);
	EXPECT_DELIVERED(1, 3);
	expect_rx(1, 0, 0, 4);
	receive(4);
	EXPECT_DELIVERED(1, 3, 4, 5);
}
END_TEST

START_TEST(session_holds_even_the_next_packet_while_ppp_has_no_room)
{
	for (seq32 seq = 1; seq <= 5; seq++)
		ck_assert_int_eq(receive_held_back(seq), GRE_RX_HELD);
	ck_assert_uint_eq(stats.rx_accepted, 0);
	expect_ack(5); /* acknowledgments go by receipt */
	expect_rx(0, 0, 0, 0);
	ck_assert_int_eq(receive_held_back(3), GRE_RX_NOTHING);
	expect_rx(0, 1, 0, 0);
	drain();
	EXPECT_DELIVERED(1, 2, 3, 4, 5);
	ck_assert_int_eq(receive(6), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_keeps_order_when_room_comes_back_before_the_queue_is_drained)
{
	uint8_t payload[SLOT];
	receive_held_back(1);
	seq32 seq = 2;
	memcpy(payload, &seq, sizeof(seq));
	struct gre_header h = {.has_seq = true, .seq = 2, .payload_len = 4};
	ck_assert_int_eq(gre_session_receive(&session, now_us, &h, payload, true), GRE_RX_HELD);
	drain();
	EXPECT_DELIVERED(1, 2);
}
END_TEST

START_TEST(session_holds_ready_packets_before_a_gap_and_others_behind_it)
{
	receive_held_back(1);
	receive_held_back(2);
	receive_held_back(4);
	receive_held_back(5);
	expect_ack(2);
	receive_held_back(3);
	expect_ack(5);
	receive_held_back(7);
	drain();
	EXPECT_DELIVERED(1, 2, 3, 4, 5);
	pass_to(now_us + 1000000);
	EXPECT_DELIVERED(1, 2, 3, 4, 5, 7);
	expect_rx(1, 0, 0, 3);
}
END_TEST

START_TEST(session_is_full_when_ppp_takes_nothing_and_goes_on_afterwards)
{
	start_with(16);
	for (seq32 seq = 1; seq <= 16; seq++) {
		ck_assert(!gre_session_is_full(&session));
		receive_held_back(seq);
	}
	ck_assert(gre_session_is_full(&session));
	ck_assert_int_eq(receive_held_back(17), GRE_RX_NOTHING);
	drain();
	for (seq32 seq = 17; seq <= 20; seq++)
		receive(seq);
	ck_assert_uint_eq(delivered_count, 20);
	expect_rx(0, 0, 0, 0);
}
END_TEST

START_TEST(session_without_reordering_accepts_what_is_ahead_at_once)
{
	config.reorder = false;
	start();
	receive(10);
	ck_assert_int_eq(receive(13), GRE_RX_DELIVER);
	EXPECT_DELIVERED(10, 13);
	expect_rx(2, 0, 0, 1);
	expect_ack(13);
}
END_TEST

/* The old client subtracted one for each gap and showed 4294967295. */
START_TEST(session_without_reordering_counts_each_skipped_number_as_lost)
{
	config.reorder = false;
	start();
	receive(0xfffffff0);
	receive(0xfffffff2);
	expect_rx(1, 0, 0, 1);
	receive(2);
	expect_rx(1 + 15, 0, 0, 2);
	ck_assert_int_eq(receive(1), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(2), GRE_RX_NOTHING);
	expect_rx(16, 2, 0, 2);
	receive(2 + 302);
	expect_rx(16, 2, 1, 2);
	receive(2 + 301);
	expect_rx(16 + 300, 2, 1, 3);
}
END_TEST

START_TEST(session_without_reordering_keeps_order_while_ppp_has_no_room)
{
	config.reorder = false;
	start();
	receive_held_back(1);
	receive_held_back(4);
	ck_assert_int_eq(receive_held_back(3), GRE_RX_NOTHING);
	drain();
	EXPECT_DELIVERED(1, 4);
	expect_rx(2, 1, 0, 1);
}
END_TEST

START_TEST(session_follows_a_stream_that_moved_on)
{
	static const seq32 moves[] = {302, 5000, 0x7ffffff0, 0x80000010, (seq32)-303, (seq32)-5000};
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		start();
		receive(0xfffffff0);
		receive(0xfffffff1);
		seq32 there = 0xfffffff2 + moves[i];
		ck_assert_int_eq(receive(there), GRE_RX_NOTHING);
		ck_assert_int_eq(receive(there + 1), GRE_RX_NOTHING);
		ck_assert_uint_eq(stats.rx_resyncs, 0);
		ck_assert_int_eq(receive(there + 2), GRE_RX_DELIVER);
		ck_assert_int_eq(receive(there + 3), GRE_RX_DELIVER);
		EXPECT_DELIVERED(0xfffffff0, 0xfffffff1, there + 2, there + 3);
		ck_assert_uint_eq(stats.rx_resyncs, 1);
		ck_assert_uint_eq(stats.rx_over_win + stats.rx_under_win, 2);
		expect_ack(there + 3);
	}
}
END_TEST

START_TEST(session_is_not_moved_by_a_forged_packet_far_ahead)
{
	receive(1);
	ck_assert_int_eq(receive(100000), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(2), GRE_RX_DELIVER);
	ck_assert_int_eq(receive(100001), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(3), GRE_RX_DELIVER);
	ck_assert_int_eq(receive(100002), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(4), GRE_RX_DELIVER);
	expect_rx(0, 0, 3, 0);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	expect_ack(4);
}
END_TEST

START_TEST(session_is_not_moved_by_far_packets_out_of_order)
{
	receive(1);
	for (unsigned i = 0; i < 50; i++) {
		receive(100000 + 2 * i);
		receive(100000);
		receive(100000);
	}
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	ck_assert_int_eq(receive(2), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_is_not_moved_while_held_packets_show_the_stream)
{
	receive(1);
	receive(5000);
	receive(5001);
	ck_assert_int_eq(receive(3), GRE_RX_HELD);
	ck_assert_int_eq(receive(5002), GRE_RX_NOTHING);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	receive(2);
	EXPECT_DELIVERED(1, 2, 3);
}
END_TEST

START_TEST(session_delivers_what_is_held_before_it_follows)
{
	receive(1);
	receive(3);
	receive(6);
	receive(9000);
	receive(9001);
	ck_assert_int_eq(receive(9002), GRE_RX_HELD); /* lets go of what was held */
	EXPECT_DELIVERED(1, 3, 6);
	expect_rx(3, 0, 3, 2);
	ck_assert_int_eq(receive(9003), GRE_RX_DELIVER);
	EXPECT_DELIVERED(1, 3, 6, 9003);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
}
END_TEST

START_TEST(session_follows_backwards_with_packets_held)
{
	receive(70000);
	receive(70002);
	for (seq32 seq = 1; seq <= 4; seq++)
		receive(seq);
	receive(6);
	receive(5);
	EXPECT_DELIVERED(70000, 70002, 4, 5, 6);
}
END_TEST

START_TEST(session_follows_only_when_ppp_took_what_is_held)
{
	receive_held_back(1);
	receive_held_back(2);
	for (seq32 seq = 8000; seq < 8010; seq++)
		receive_held_back(seq);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	drain();
	ck_assert_int_eq(receive(8010), GRE_RX_DELIVER);
	EXPECT_DELIVERED(1, 2, 8010);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
}
END_TEST

/* "rx acks: pure acknowledgements received"; the old client never counted them. */
START_TEST(session_counts_acknowledgments_without_payload)
{
	receive_ack(0);
	receive_ack(7);
	ck_assert_uint_eq(stats.rx_acks, 2);
	uint8_t payload[4] = {0};
	struct gre_header h = {.has_seq = true, .has_ack = true, .payload_len = 4};
	gre_session_receive(&session, now_us, &h, payload, true);
	ck_assert_uint_eq(stats.rx_acks, 2);
}
END_TEST

START_TEST(session_gives_an_empty_packet_its_number_and_delivers_nothing)
{
	receive(1);
	struct gre_header h = {.has_seq = true, .seq = 2};
	gre_session_receive(&session, now_us, &h, NULL, true);
	receive(4);
	h.seq = 3;
	gre_session_receive(&session, now_us, &h, NULL, true);
	drain();
	h.seq = 6;
	gre_session_receive(&session, now_us, &h, NULL, true);
	receive(5);
	EXPECT_DELIVERED(1, 4, 5);
	expect_rx(0, 0, 0, 2);
	expect_ack(6);
}
END_TEST

START_TEST(session_refuses_a_payload_that_no_slot_holds)
{
	uint8_t payload[SLOT + 1] = {0};
	receive(1);
	struct gre_header h = {.has_seq = true, .seq = 3, .payload_len = SLOT + 1};
	ck_assert_int_eq(gre_session_receive(&session, now_us, &h, payload, true), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(2), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_acknowledges_the_highest_number_in_order)
{
	seq32 ack;
	ck_assert(!ack_carried(&ack));
	receive(10);
	expect_ack(10);
	receive(12);
	ck_assert(!ack_carried(&ack)); /* nothing new in order */
	receive(11);
	expect_ack(12);
	receive(11);
	ck_assert(!ack_carried(&ack)); /* an old one is nothing new */
}
END_TEST

START_TEST(session_acknowledges_past_a_gap_that_it_gave_up)
{
	receive(0xfffffffe);
	expect_ack(0xfffffffe);
	receive(1);
	pass_to(now_us + 1000000);
	expect_ack(1);
}
END_TEST

START_TEST(session_takes_no_acknowledgment_of_what_it_never_sent)
{
	config.flow_control = true;
	config.server_window = 4;
	start();
	unsigned room = gre_session_send_room(&session, now_us);
	ck_assert_uint_eq(room, 2);
	send_one(NULL);
	send_one(NULL);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 0);
	static const seq32 false_acks[] = {3, 4, 100, 0x7fffffff, 0x80000002, 0xffffffff, 0};
	for (size_t i = 0; i < sizeof(false_acks) / sizeof(false_acks[0]); i++) {
		receive_ack(false_acks[i]);
		ck_assert_uint_eq(gre_session_send_room(&session, now_us), 0);
	}
	ck_assert_uint_eq(stats.round_trip_us, 0);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 1);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 1);
}
END_TEST

START_TEST(session_sends_across_wrap)
{
	config.flow_control = true;
	start();
	/* The counter cannot be driven there by sending. */
	session.tx.next = 0xfffffffe;
	session.tx.base = 0xfffffffe;
	session.tx.acked = 0xfffffffd;
	ck_assert_uint_eq(send_one(NULL), 0xfffffffe);
	ck_assert_uint_eq(send_one(NULL), 0xffffffff);
	ck_assert_uint_eq(send_one(NULL), 0);
	ck_assert_uint_eq(send_one(NULL), 1);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32 - 4);
	receive_ack(2);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32 - 4);
	now_us += 3000;
	receive_ack(0);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32 - 1);
	ck_assert_uint_eq(stats.round_trip_us, 3000);
	receive_ack(0xffffffff);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32 - 1);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32);
}
END_TEST

START_TEST(session_measures_the_round_trip_one_packet_at_a_time)
{
	seq32 first = send_one(NULL);
	now_us += 4000;
	seq32 second = send_one(NULL);
	now_us += 6000;
	receive_ack(first);
	ck_assert_uint_eq(stats.round_trip_us, 10000);
	receive_ack(second); /* was not timed */
	ck_assert_uint_eq(stats.round_trip_us, 10000);
	seq32 third = send_one(NULL);
	now_us += 18000;
	receive_ack(third);
	ck_assert_uint_eq(stats.round_trip_us, 11000); /* an eighth of the way */
}
END_TEST

static uint32_t random_state;

static uint32_t random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static void seed_random(void)
{
	const char *given = getenv("GRE_SESSION_SEED");
	random_state = given ? (uint32_t)strtoul(given, NULL, 0) : (uint32_t)time(NULL);
	random_state |= 1;
	printf("# GRE_SESSION_SEED=%" PRIu32 "\n", random_state);
	fflush(stdout);
}

/* The plain definition of receiving with a fixed wait: what came, by distance from the first one. */
struct model {
	int64_t arrived_us[4096]; /* -1 = not */
	int expected;
	uint64_t lost, under, over, buffered;
	int out[4096];
	int out_count;
};

static void model_advance(struct model *m)
{
	while (m->arrived_us[m->expected] >= 0)
		m->out[m->out_count++] = m->expected++;
}

static void model_receive(struct model *m, int offset, int64_t at_us)
{
	if (offset > m->expected + (int)config.missing_window) {
		m->over++;
	} else if (offset < m->expected || m->arrived_us[offset] >= 0) {
		m->under++;
	} else {
		m->buffered += offset > m->expected;
		m->arrived_us[offset] = at_us;
		model_advance(m);
	}
}

static void model_give_up(struct model *m, int64_t at_us, int end)
{
	for (;;) {
		int first = m->expected;
		while (first < end && m->arrived_us[first] < 0)
			first++;
		int64_t known_us = INT64_MAX;
		for (int i = first; i < end; i++)
			if (m->arrived_us[i] >= 0 && m->arrived_us[i] < known_us)
				known_us = m->arrived_us[i];
		if (first >= end || known_us + config.fixed_wait_us > at_us)
			return;
		m->lost += (uint64_t)(first - m->expected);
		m->expected = first;
		model_advance(m);
	}
}

static void compare_with_model(const struct model *m, seq32 base)
{
	ck_assert_int_eq((int)delivered_count, m->out_count);
	for (int i = 0; i < m->out_count; i++)
		ck_assert_uint_eq(delivered[i], base + (seq32)m->out[i]);
	ck_assert_uint_eq(stats.rx_accepted, (uint64_t)m->out_count);
	expect_rx(m->lost, m->under, m->over, m->buffered);
	ck_assert_uint_eq(session.expected, base + (seq32)m->expected);
}

START_TEST(session_does_what_a_naive_model_does)
{
	static struct model m;
	seed_random();
	config.fixed_wait_us = 10000;
	for (int round = 0; round < 60; round++) {
		memset(&m, 0, sizeof(m));
		memset(m.arrived_us, -1, sizeof(m.arrived_us));
		config.missing_window = 1 + random32() % 60;
		start();
		seq32 base = random32() % 2 ? random32() : UINT32_MAX - random32() % 500;
		receive(base);
		model_receive(&m, 0, now_us);
		int sent = 1;
		uint32_t disorder = 1 + random32() % 80;
		for (int step = 0; step < 1500; step++) {
			now_us += random32() % 1000;
			/* What stays inside a window around the stream never makes it move on. */
			int offset = sent + (int)(random32() % disorder) - (int)disorder / 2;
			if (offset < m.expected - (int)config.missing_window || offset < 0)
				offset = m.expected;
			if (offset > m.expected + (int)config.missing_window + 1)
				offset = m.expected + (int)config.missing_window + 1;
			receive(base + (seq32)offset);
			model_receive(&m, offset, now_us);
			pass_to(now_us);
			model_give_up(&m, now_us, offset + 200);
			sent += random32() % 8 < 7;
			if (m.expected > sent)
				sent = m.expected;
		}
		compare_with_model(&m, base);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_session");
	TCase *tc = tcase_create("gre_session");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, session_waits_for_nothing_at_first);
	tcase_add_test(tc, session_accepts_any_first_number);
	tcase_add_test(tc, session_numbers_what_it_sends_from_one);
	tcase_add_test(tc, session_delivers_in_order_across_wrap);
	tcase_add_test(tc, session_holds_what_is_ahead_until_the_missing_one_comes);
	tcase_add_test(tc, session_fills_two_gaps_one_after_the_other);
	tcase_add_test(tc, session_fills_the_later_gap_first);
	tcase_add_test(tc, session_orders_every_permutation);
	tcase_add_test(tc, session_drops_a_duplicate_of_a_delivered_packet);
	tcase_add_test(tc, session_drops_a_duplicate_of_a_held_packet_and_keeps_the_rest);
	tcase_add_test(tc, session_reorders_across_wrap);
	tcase_add_test(tc, session_knows_old_numbers_across_wrap);
	tcase_add_test(tc, session_holds_up_to_the_missing_window_and_not_beyond);
	tcase_add_test(tc, session_takes_a_missing_window_of_any_size);
	tcase_add_test(tc, session_waits_exactly_the_fixed_time_for_a_gap);
	tcase_add_test(tc, session_gives_up_gap_by_gap);
	tcase_add_test(tc, session_gives_up_several_gaps_in_one_turn);
	tcase_add_test(tc, session_counts_lost_numbers_across_wrap);
	tcase_add_test(tc, session_drops_what_comes_after_it_was_given_up);
	tcase_add_test(tc, session_deadline_is_when_the_gap_is_given_up);
	tcase_add_test(tc, session_gives_up_a_gap_when_the_queue_is_full_and_loses_nothing_else);
	tcase_add_test(tc, session_with_a_full_queue_gives_up_one_gap_at_a_time);
	tcase_add_test(tc, session_holds_even_the_next_packet_while_ppp_has_no_room);
	tcase_add_test(tc, session_keeps_order_when_room_comes_back_before_the_queue_is_drained);
	tcase_add_test(tc, session_holds_ready_packets_before_a_gap_and_others_behind_it);
	tcase_add_test(tc, session_is_full_when_ppp_takes_nothing_and_goes_on_afterwards);
	tcase_add_test(tc, session_without_reordering_accepts_what_is_ahead_at_once);
	tcase_add_test(tc, session_without_reordering_counts_each_skipped_number_as_lost);
	tcase_add_test(tc, session_without_reordering_keeps_order_while_ppp_has_no_room);
	tcase_add_test(tc, session_follows_a_stream_that_moved_on);
	tcase_add_test(tc, session_is_not_moved_by_a_forged_packet_far_ahead);
	tcase_add_test(tc, session_is_not_moved_by_far_packets_out_of_order);
	tcase_add_test(tc, session_is_not_moved_while_held_packets_show_the_stream);
	tcase_add_test(tc, session_delivers_what_is_held_before_it_follows);
	tcase_add_test(tc, session_follows_backwards_with_packets_held);
	tcase_add_test(tc, session_follows_only_when_ppp_took_what_is_held);
	tcase_add_test(tc, session_counts_acknowledgments_without_payload);
	tcase_add_test(tc, session_gives_an_empty_packet_its_number_and_delivers_nothing);
	tcase_add_test(tc, session_refuses_a_payload_that_no_slot_holds);
	tcase_add_test(tc, session_acknowledges_the_highest_number_in_order);
	tcase_add_test(tc, session_acknowledges_past_a_gap_that_it_gave_up);
	tcase_add_test(tc, session_takes_no_acknowledgment_of_what_it_never_sent);
	tcase_add_test(tc, session_sends_across_wrap);
	tcase_add_test(tc, session_measures_the_round_trip_one_packet_at_a_time);
	tcase_add_test(tc, session_does_what_a_naive_model_does);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
