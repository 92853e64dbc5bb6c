/* SPDX-License-Identifier: ISC */
/*
 * The data session, one packet at a time: what is delivered in which order, and what each counter
 * counts. test_gre_session_seq.c has moved streams, acknowledgments and a model; the suites of the
 * reorder timer, the ACK policy and the send window have the session over time.
 */
#include "session_fixture.h"

#include "cases.h"

START_TEST(session_awaits_nothing_at_first)
{
	struct gre_header h;
	const uint8_t *payload;
	size_t len;
	ck_assert_int_eq(next_deadline(), DEADLINE_NEVER);
	ck_assert(!gre_session_dequeue(&session, &payload, &len));
	ck_assert(!gre_session_ack_is_due(&session, now_us, &h));
	ck_assert(!gre_session_is_full(&session));
	ck_assert_uint_gt(gre_session_send_space(&session, now_us), 1000);
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

/* Whether a server starts with 0 or 1 is unknown, and not worth a wait. */
START_TEST(session_delivers_the_first_packets_in_any_order)
{
	static const seq32 orders[][4] = {
	    {0, 1, 2, 3}, {1, 0, 2, 3}, {2, 1, 0, 3}, {3, 2, 1, 0}, {2, 3, 0, 1}};
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		start();
		for (size_t n = 0; n < 4; n++)
			ck_assert_int_ne(receive(orders[i][n]), GRE_RX_NOTHING);
		ck_assert_int_eq(receive(4), GRE_RX_DELIVER);
		ck_assert_uint_eq(stats.rx_accepted, 5);
		ck_assert_uint_eq(stats.rx_lost + stats.rx_under_win, 0);
		expect_ack(4);
		for (seq32 seq = 0; seq < 4; seq++)
			ck_assert_int_eq(receive(seq), GRE_RX_NOTHING);
		ck_assert_uint_eq(stats.rx_under_win, 4);
	}
}
END_TEST

START_TEST(session_queues_an_overtaken_first_packet_while_ppp_has_no_space)
{
	receive_without_space(1);
	receive_without_space(3);
	receive_without_space(0);
	receive_without_space(0);
	drain();
	EXPECT_DELIVERED(0, 1);
	receive(2);
	EXPECT_DELIVERED(0, 1, 2, 3);
	expect_rx(0, 1, 0, 1);
}
END_TEST

START_TEST(session_takes_an_overtaken_first_packet_without_payload_for_its_number)
{
	struct gre_header h = {.has_seq = true, .seq = 0};
	receive(1);
	ck_assert_int_eq(gre_session_receive(&session, now_us, &h, NULL, true), GRE_RX_NOTHING);
	ck_assert_uint_eq(stats.rx_under_win, 0);
	ck_assert_int_eq(receive(0), GRE_RX_NOTHING);
	ck_assert_uint_eq(stats.rx_under_win, 1);
	EXPECT_DELIVERED(1);
}
END_TEST

START_TEST(session_of_another_call_has_no_packet_of_the_one_before)
{
	receive(1);
	receive(5);
	ck_assert_uint_eq(queue.count, 1);
	gre_session_init(&session, &config, &queue, &stats);
	ck_assert_uint_eq(queue.count, 0);
	ck_assert_int_eq(next_deadline(), DEADLINE_NEVER);
	for (seq32 seq = 2; seq < 7; seq++)
		ck_assert_int_eq(receive(seq), GRE_RX_DELIVER);
	EXPECT_DELIVERED(1, 2, 3, 4, 5, 6);
}
END_TEST

START_TEST(session_drops_a_first_packet_that_arrives_after_the_beginning)
{
	for (seq32 seq = 1; seq < 30; seq++)
		receive(seq);
	ck_assert_int_eq(receive(0), GRE_RX_NOTHING);
	expect_rx(0, 1, 0, 0);
	start();
	receive(1); /* nor after a wrap */
	for (seq32 seq = 2; seq < 20; seq++)
		receive(seq);
	session.rcv_nxt = UINT32_MAX - 1;
	for (seq32 seq = UINT32_MAX - 1; seq != 3; seq++)
		ck_assert_int_eq(receive(seq), GRE_RX_DELIVER);
	ck_assert_int_eq(receive(0), GRE_RX_NOTHING);
	start();
	receive(300); /* a stream that is not at its beginning */
	ck_assert_int_eq(receive(299), GRE_RX_NOTHING);
	expect_rx(0, 1, 0, 0);
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

START_TEST(session_holds_packets_that_are_ahead_until_the_missing_one_arrives)
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

START_TEST(session_counts_a_packet_that_is_too_long_to_be_held)
{
	const uint8_t payload[SLOT + 1] = {0};
	const struct gre_header h = {.has_seq = true, .seq = 3, .payload_len = sizeof(payload)};
	start();
	receive(1);
	ck_assert_int_eq(gre_session_receive(&session, now_us, &h, payload, true), GRE_RX_NOTHING);
	ck_assert_uint_eq(stats.rx_invalid, 1);
	ck_assert_uint_eq(queue.count, 0);
}
END_TEST

START_TEST(session_takes_what_a_full_queue_cannot_hold_as_not_arrived)
{
	start_with(2);
	receive(1);
	ck_assert_int_eq(receive_without_space(2), GRE_RX_HELD);
	ck_assert_int_eq(receive_without_space(3), GRE_RX_HELD);
	ck_assert(gre_session_is_full(&session));
	ck_assert_int_eq(receive_without_space(5), GRE_RX_NOTHING);
	drain();
	receive(4);
	receive(5);
	expect_delivered(5, (const seq32[]){1, 2, 3, 4, 5});
	expect_rx(0, 0, 0, 0);
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

/* A packet that fills a gap behind another gap is still ahead of sequence, and counts as such. */
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

/* `first` arrives first, the n numbers behind it in every order. */
static void check_permutations(seq32 first, unsigned n)
{
	struct permutations p = {.n = n};
	for (unsigned i = 0; i < n; i++)
		p.order[i] = first + 1 + i;
	do {
		start();
		receive(first);
		for (unsigned k = 0; k < n; k++)
			receive(p.order[k]);
		ck_assert_uint_eq(delivered_count, n + 1);
		for (unsigned k = 0; k <= n; k++)
			ck_assert_uint_eq(delivered[k], first + k);
		expect_rx(0, 0, 0, stats.rx_buffered);
		expect_ack(first + n);
	} while (next_permutation(&p));
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

/* The old client lost packets or looped for ever on a duplicate of a queued packet. */
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

START_TEST(session_drops_old_numbers_across_wrap)
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
	static const seq32 firsts[] = {1000, UINT32_MAX - 150, UINT32_MAX, 0x7fffffff};
	for (size_t i = 0; i < 4; i++) {
		start();
		receive(firsts[i] - 1);
		receive(firsts[i]);
		seq32 nxt = firsts[i] + 1;
		ck_assert_int_eq(receive(nxt + 301), GRE_RX_NOTHING);
		expect_rx(0, 0, 1, 0);
		ck_assert_int_eq(receive(nxt + 300), GRE_RX_HELD);
		ck_assert_int_eq(receive(nxt + 1), GRE_RX_HELD);
		expect_rx(0, 0, 1, 2);
		ck_assert_int_eq(receive(nxt), GRE_RX_DELIVER);
		ck_assert_int_eq(receive(nxt + 302), GRE_RX_HELD);
		ck_assert_int_eq(receive(nxt + 303), GRE_RX_NOTHING);
		expect_rx(0, 0, 2, 3);
	}
}
END_TEST

START_TEST(session_gives_up_a_gap_when_the_stream_behind_it_leaves_the_window)
{
	start();
	receive(1);
	seq32 seq = 3;
	for (; seq <= 2 + config.missing_window; seq++)
		ck_assert_int_eq(receive(seq), GRE_RX_HELD);
	expect_rx(0, 0, 0, seq - 3);
	receive(seq);
	expect_rx(1, 0, 0, seq - 3);
	ck_assert_uint_eq(delivered_count, seq - 1);
}
END_TEST

/* 2 is missing; the window ends with 302. */
static void hold_from(seq32 first)
{
	start();
	receive(1);
	for (seq32 seq = first; seq <= 302; seq++)
		ck_assert_int_eq(receive(seq), GRE_RX_HELD);
}

START_TEST(session_takes_more_than_64_packets_for_a_stream_and_none_beyond_the_next_window)
{
	hold_from(238);
	ck_assert_int_eq(receive(2 + 2 * 300 + 1), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(2 + 2 * 300), GRE_RX_HELD);
	expect_rx(236, 0, 1, 66);
	ck_assert_uint_eq(session.rcv_nxt, 303);
	hold_from(239);
	ck_assert_int_eq(receive(303), GRE_RX_NOTHING);
	expect_rx(0, 0, 1, 64);
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
	ck_assert_int_eq(reorder_timer_wait_us(&session.reorder_timer), 500000);
	advance_to(known_us + 499999);
	EXPECT_DELIVERED(1);
	advance_to(known_us + 500000);
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
	advance_to(begin_us + 10000);
	EXPECT_DELIVERED(1, 5);
	expect_rx(3, 0, 0, 3);
	ck_assert_int_eq(session.behind_gap->known_since_us, begin_us + 4000);
	advance_to(begin_us + 14000);
	EXPECT_DELIVERED(1, 5, 7, 9);
	expect_rx(5, 0, 0, 3);
}
END_TEST

START_TEST(session_gives_up_several_gaps_in_one_iteration)
{
	receive(1);
	receive(3);
	receive(5);
	receive(7);
	advance_to(now_us + 1000000);
	EXPECT_DELIVERED(1, 3, 5, 7);
	expect_rx(3, 0, 0, 3);
}
END_TEST

START_TEST(session_counts_lost_numbers_across_wrap)
{
	receive(0xfffffffe);
	receive(2);
	advance_to(now_us + 1000000);
	EXPECT_DELIVERED(0xfffffffe, 2);
	expect_rx(3, 0, 0, 1);
}
END_TEST

START_TEST(session_drops_a_packet_that_arrives_after_it_was_given_up)
{
	receive(1);
	receive(3);
	advance_to(now_us + 1000000);
	ck_assert_int_eq(receive(2), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(4), GRE_RX_DELIVER);
	expect_rx(1, 1, 0, 1);
}
END_TEST

START_TEST(session_deadline_is_when_the_gap_is_given_up)
{
	receive(1);
	struct gre_header h;
	send_one(&h); /* carries the acknowledgment: nothing else is pending */
	receive_ack(h.seq);
	ck_assert_int_eq(next_deadline(), DEADLINE_NEVER);
	receive(3);
	ck_assert_int_eq(next_deadline(), now_us + reorder_timer_wait_us(&session.reorder_timer));
	advance_to(next_deadline());
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

START_TEST(session_holds_even_the_next_packet_while_ppp_has_no_space)
{
	for (seq32 seq = 1; seq <= 5; seq++)
		ck_assert_int_eq(receive_without_space(seq), GRE_RX_HELD);
	ck_assert_uint_eq(stats.rx_accepted, 0);
	expect_ack(5); /* acknowledgments follow receipt, not delivery */
	expect_rx(0, 0, 0, 0);
	ck_assert_int_eq(receive_without_space(3), GRE_RX_NOTHING);
	expect_rx(0, 1, 0, 0);
	drain();
	EXPECT_DELIVERED(1, 2, 3, 4, 5);
	ck_assert_int_eq(receive(6), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_keeps_order_when_space_is_back_before_the_queue_is_drained)
{
	uint8_t payload[SLOT];
	receive_without_space(1);
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
	receive_without_space(1);
	receive_without_space(2);
	receive_without_space(4);
	receive_without_space(5);
	expect_ack(2);
	receive_without_space(3);
	expect_ack(5);
	receive_without_space(7);
	drain();
	EXPECT_DELIVERED(1, 2, 3, 4, 5);
	advance_to(now_us + 1000000);
	EXPECT_DELIVERED(1, 2, 3, 4, 5, 7);
	expect_rx(1, 0, 0, 3);
}
END_TEST

START_TEST(session_is_full_when_ppp_reads_nothing_and_continues_afterwards)
{
	start_with(16);
	for (seq32 seq = 1; seq <= 16; seq++) {
		ck_assert(!gre_session_is_full(&session));
		receive_without_space(seq);
	}
	ck_assert(gre_session_is_full(&session));
	ck_assert_int_eq(receive_without_space(17), GRE_RX_NOTHING);
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

START_TEST(session_without_reordering_keeps_order_while_ppp_has_no_space)
{
	config.reorder = false;
	start();
	receive_without_space(1);
	receive_without_space(4);
	ck_assert_int_eq(receive_without_space(3), GRE_RX_NOTHING);
	drain();
	EXPECT_DELIVERED(1, 4);
	expect_rx(2, 1, 0, 1);
}
END_TEST

/* The gateway was stopped for a moment: all that the socket has gathered is read at once. */
START_TEST(session_loses_of_a_backlog_what_is_missing_and_nothing_else)
{
	static const uint32_t steps[] = {1, 7, 50, 1, 1, 1, 3, 7};
	static const uint32_t windows[] = {300, 300, 300, 1, 2, 8, 8, 63};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint32_t missing = 0;
		config.missing_window = windows[i];
		start();
		receive(1);
		for (seq32 seq = 2; seq < 5000; seq++)
			if (seq % (10 * steps[i]) < steps[i])
				missing++;
			else
				receive(seq);
		advance_to(now_us + USEC_PER_SEC);
		expect_rx(missing, 0, 0, stats.rx_buffered);
		ck_assert_uint_eq(stats.rx_accepted, 4999 - missing);
	}
}
END_TEST

START_TEST(session_waits_for_a_gap_with_few_packets_far_ahead)
{
	receive(1);
	for (seq32 seq = 240; seq < 302; seq++)
		ck_assert_int_eq(receive(seq), GRE_RX_HELD);
	for (seq32 seq = 2; seq < 240; seq++)
		ck_assert_int_eq(receive(seq), GRE_RX_DELIVER);
	ck_assert_uint_eq(stats.rx_accepted, 301);
	expect_rx(0, 0, 0, 62);
}
END_TEST

START_TEST(session_gauges_are_what_is_held_awaited_and_in_flight)
{
	receive(10);
	receive(12);
	receive(13);
	for (int i = 0; i < 5; i++)
		send_one(NULL);
	receive_ack(2);
	ck_assert_uint_eq(stats.reorder_depth + stats.in_flight, 0); /* not unasked */
	gre_session_update_gauges(&session);
	ck_assert_uint_eq(stats.reorder_depth, 2);
	ck_assert_uint_eq(stats.reorder_wait_us, REORDER_TIMER_FLOOR_US);
	ck_assert_uint_eq(stats.in_flight, 3);
	now_us += 4000;
	receive(11); /* as late as this: the wait becomes longer */
	receive_ack(5);
	gre_session_update_gauges(&session);
	ck_assert_uint_eq(stats.reorder_depth, 0);
	ck_assert_uint_gt(stats.reorder_wait_us, REORDER_TIMER_FLOOR_US);
	ck_assert_uint_eq(stats.in_flight, 0);
}
END_TEST

/* As session_loses_of_a_backlog_what_is_missing_and_nothing_else, with one burst of 160 in the network. */
START_TEST(session_loses_of_a_backlog_with_a_burst_of_loss_nothing_else)
{
	start();
	receive(1);
	for (seq32 seq = 3; seq <= 100; seq++)
		receive(seq);
	for (seq32 seq = 261; seq < 5000; seq++)
		receive(seq);
	advance_to(now_us + USEC_PER_SEC);
	expect_rx(1 + 160, 0, 0, stats.rx_buffered);
	ck_assert_uint_eq(stats.rx_accepted, 4999 - 161);
}
END_TEST

/* Of five packets two arrive, one packet each `every_us`: how many. */
static unsigned receive_two_of_five(seq32 end, int64_t every_us)
{
	unsigned arrived = 0;
	for (seq32 seq = 1; seq < end; seq++) {
		int64_t at_us = now_us + every_us;
		while (gre_session_timeout_deadline(&session) < at_us)
			advance_to(gre_session_timeout_deadline(&session));
		now_us = at_us;
		if (seq % 5 < 2) {
			arrived++;
			receive(seq);
		}
	}
	advance_to(now_us + USEC_PER_SEC);
	return arrived;
}

/* A policer on the path, say. 8000 packets/s, --timeout 0.05. */
START_TEST(session_delivers_what_comes_of_a_stream_of_which_most_is_lost)
{
	config.fixed_wait_us = 50000;
	start();
	unsigned arrived = receive_two_of_five(20000, 125);
	ck_assert_uint_eq(stats.rx_over_win, 0);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	ck_assert_uint_eq(stats.rx_accepted, arrived);
}
END_TEST

/* Defaults, 60,000 packets/s. */
START_TEST(session_delivers_what_comes_of_a_fast_stream_of_which_most_is_lost)
{
	start();
	unsigned arrived = receive_two_of_five(40000, 16);
	ck_assert_uint_eq(stats.rx_accepted, arrived);
}
END_TEST

/* --missing-window 20000: the queue holds 8192, which is never more than half a window. */
START_TEST(session_delivers_what_comes_of_a_backlog_with_a_window_beyond_its_queue)
{
	config.missing_window = 3000; /* of a queue of 512: the same ratio as 48000 of 8192 */
	start();
	receive(1);
	unsigned missing = 1, n = 1;
	for (seq32 seq = 3; seq < 12000; seq++) {
		if (seq % 10 == 0) {
			receive(seq);
			n++;
		} else
			missing++;
	}
	advance_to(now_us + USEC_PER_SEC);
	ck_assert_uint_eq(stats.rx_over_win, 0);
	ck_assert_uint_eq(stats.rx_accepted, n);
}
END_TEST

/* pppd is slow, so that much is ready, and behind a gap there is one packet: no stream to follow. */
START_TEST(session_gives_up_no_gap_for_one_packet_out_of_window_while_ppp_has_no_space)
{
	start();
	for (seq32 seq = 1; seq <= 200; seq++)
		receive_without_space(seq);
	receive_without_space(202);
	receive_without_space(201 + 301); /* forged, or a copy from elsewhere */
	receive_without_space(201);       /* was overtaken by 202 */
	drain();
	expect_rx(0, 0, 1, stats.rx_buffered);
	ck_assert_uint_eq(stats.rx_accepted, 202);
}
END_TEST

/* Our socket has dropped packets. Half a window is held exactly, so one packet out of window is held as a run;
 * with it there is more than half a window, and the next packet makes the window follow: past the run. What
 * comes at the same time is put behind the run, which no time-out ends, and is dropped with it when the next
 * batch comes. */
START_TEST(session_holds_no_run_within_the_window)
{
	start();
	receive(1);
	stats.rx_kernel_drops = 149;
	now_us += 1000;
	for (seq32 seq = 3; seq <= 100; seq++)
		receive(seq);
	for (seq32 seq = 251; seq <= 363; seq++)
		receive(seq);
	advance_to(now_us + USEC_PER_SEC);
	ck_assert_uint_eq(stats.rx_accepted, 1 + 98 + 113);
	receive(364);
	expect_rx(1 + 150, 0, 0, stats.rx_buffered);
	ck_assert_uint_eq(stats.rx_accepted, 1 + 98 + 114);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_session");
	TCase *tc = tcase_create("gre_session");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, session_awaits_nothing_at_first);
	tcase_add_test(tc, session_accepts_any_first_number);
	tcase_add_test(tc, session_delivers_the_first_packets_in_any_order);
	tcase_add_test(tc, session_queues_an_overtaken_first_packet_while_ppp_has_no_space);
	tcase_add_test(tc, session_takes_an_overtaken_first_packet_without_payload_for_its_number);
	tcase_add_test(tc, session_of_another_call_has_no_packet_of_the_one_before);
	tcase_add_test(tc, session_drops_a_first_packet_that_arrives_after_the_beginning);
	tcase_add_test(tc, session_numbers_what_it_sends_from_one);
	tcase_add_test(tc, session_delivers_in_order_across_wrap);
	tcase_add_test(tc, session_holds_packets_that_are_ahead_until_the_missing_one_arrives);
	tcase_add_test(tc, session_counts_a_packet_that_is_too_long_to_be_held);
	tcase_add_test(tc, session_takes_what_a_full_queue_cannot_hold_as_not_arrived);
	tcase_add_test(tc, session_fills_two_gaps_one_after_the_other);
	tcase_add_test(tc, session_fills_the_later_gap_first);
	tcase_add_test(tc, session_orders_every_permutation);
	tcase_add_test(tc, session_drops_a_duplicate_of_a_delivered_packet);
	tcase_add_test(tc, session_drops_a_duplicate_of_a_held_packet_and_keeps_the_rest);
	tcase_add_test(tc, session_reorders_across_wrap);
	tcase_add_test(tc, session_drops_old_numbers_across_wrap);
	tcase_add_test(tc, session_holds_up_to_the_missing_window_and_not_beyond);
	tcase_add_test(tc, session_gives_up_a_gap_when_the_stream_behind_it_leaves_the_window);
	tcase_add_test(
	    tc, session_takes_more_than_64_packets_for_a_stream_and_none_beyond_the_next_window);
	tcase_add_test(tc, session_waits_exactly_the_fixed_time_for_a_gap);
	tcase_add_test(tc, session_gives_up_gap_by_gap);
	tcase_add_test(tc, session_gives_up_several_gaps_in_one_iteration);
	tcase_add_test(tc, session_counts_lost_numbers_across_wrap);
	tcase_add_test(tc, session_drops_a_packet_that_arrives_after_it_was_given_up);
	tcase_add_test(tc, session_deadline_is_when_the_gap_is_given_up);
	tcase_add_test(tc, session_gives_up_a_gap_when_the_queue_is_full_and_loses_nothing_else);
	tcase_add_test(tc, session_with_a_full_queue_gives_up_one_gap_at_a_time);
	tcase_add_test(tc, session_holds_even_the_next_packet_while_ppp_has_no_space);
	tcase_add_test(tc, session_keeps_order_when_space_is_back_before_the_queue_is_drained);
	tcase_add_test(tc, session_holds_ready_packets_before_a_gap_and_others_behind_it);
	tcase_add_test(tc, session_is_full_when_ppp_reads_nothing_and_continues_afterwards);
	tcase_add_test(tc, session_without_reordering_accepts_what_is_ahead_at_once);
	tcase_add_test(tc, session_without_reordering_counts_each_skipped_number_as_lost);
	tcase_add_test(tc, session_without_reordering_keeps_order_while_ppp_has_no_space);
	tcase_add_test(tc, session_loses_of_a_backlog_what_is_missing_and_nothing_else);
	tcase_add_test(tc, session_waits_for_a_gap_with_few_packets_far_ahead);
	tcase_add_test(tc, session_gauges_are_what_is_held_awaited_and_in_flight);
	tcase_add_test(tc, session_loses_of_a_backlog_with_a_burst_of_loss_nothing_else);
	tcase_add_test(tc, session_delivers_what_comes_of_a_stream_of_which_most_is_lost);
	tcase_add_test(tc, session_delivers_what_comes_of_a_fast_stream_of_which_most_is_lost);
	tcase_add_test(tc, session_delivers_what_comes_of_a_backlog_with_a_window_beyond_its_queue);
	tcase_add_test(
	    tc, session_gives_up_no_gap_for_one_packet_out_of_window_while_ppp_has_no_space);
	tcase_add_test(tc, session_holds_no_run_within_the_window);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
