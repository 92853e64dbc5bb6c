/* SPDX-License-Identifier: ISC */
/*
 * A stream that leaves the window: outages, also on paths that reorder, idle links, and packets that a
 * blind sender forges. Time is simulated. test_resync.c has the rule by itself.
 */
#include "session_fixture.h"

#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)

enum {
	ARRIVALS_MAX = 40000
};

/* Packets in the order of arrival. */
static struct arrival {
	int64_t at_us;
	seq32 seq;
} arrivals[ARRIVALS_MAX];
static size_t arrival_count;

/* Gives up what is overdue, in its order, until `at_us`. */
static void run_until(int64_t at_us)
{
	while (gre_session_timeout_deadline(&session) <= at_us)
		advance_to(gre_session_timeout_deadline(&session));
	now_us = at_us;
}

static void receive_at(int64_t at_us, seq32 seq)
{
	run_until(at_us);
	(void)receive(seq);
}

/* `count` packets in order, the first of them after one interval. Returns the next number. */
static seq32 flow(seq32 seq, unsigned count, int64_t interval_us)
{
	for (; count; count--)
		receive_at(now_us + interval_us, seq++);
	return seq;
}

static void forge(seq32 seq, unsigned count)
{
	while (count--)
		(void)receive(seq++);
}

/* What PPP's side got are `count` numbers from `first` on, all of them and in order. */
static void expect_all_from(seq32 first, size_t count)
{
	ck_assert_uint_eq(delivered_count, count);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_eq(delivered[i], first + i);
}

static void receive_with_ack(seq32 seq, seq32 ack)
{
	uint8_t payload[SLOT];
	memcpy(payload, &seq, sizeof(seq));
	struct gre_header h = {
	    .has_seq = true, .seq = seq, .has_ack = true, .ack = ack, .payload_len = sizeof(seq)};
	enum gre_rx verdict = gre_session_receive(&session, now_us, &h, payload, true);
	if (verdict == GRE_RX_DELIVER)
		record_delivery(payload, sizeof(seq));
	drain();
}

/* ---- outages ---- */

enum order {
	IN_ORDER,
	TWO_LINKS,     /* used in turn, one 3 ms longer than the other */
	SWAPPED_PAIRS, /* the second packet of each pair arrives just before the first one */
	ORDERS
};

static int by_arrival(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return seq32_before(x->seq, y->seq) ? -1 : 1;
}

/* A packet each `interval_us` from `begin_us` to `end_us`, those left out that are in flight or
 * sent from `lost_us` to `found_us`: `by_arrival_time` says when the path loses them. */
static seq32 schedule(enum order order, seq32 seq, int64_t begin_us, int64_t end_us,
    int64_t interval_us, int64_t lost_us, int64_t found_us, bool by_arrival_time)
{
	unsigned i = 0;
	arrival_count = 0;
	for (int64_t sent_us = begin_us; sent_us < end_us; sent_us += interval_us, seq++, i++) {
		int64_t at_us = sent_us;
		if (order == TWO_LINKS && i % 2)
			at_us += 3 * MS;
		if (order == SWAPPED_PAIRS && i % 2 == 0)
			at_us += interval_us + 10;
		int64_t time_us = by_arrival_time ? at_us : sent_us;
		if (time_us >= lost_us && time_us < found_us)
			continue;
		ck_assert_uint_lt(arrival_count, ARRIVALS_MAX);
		arrivals[arrival_count++] = (struct arrival){.at_us = at_us, .seq = seq};
	}
	qsort(arrivals, arrival_count, sizeof(arrivals[0]), by_arrival);
	return seq;
}

static void check_outage(
    enum order order, int64_t interval_us, int64_t outage_us, bool by_arrival_time, seq32 first)
{
	start();
	int64_t begin_us = now_us;
	int64_t lost_us = begin_us + 2000 * interval_us;
	int64_t found_us = lost_us + outage_us;
	int64_t end_us = found_us + 3000 * interval_us;
	seq32 end = schedule(
	    order, first, begin_us, end_us, interval_us, lost_us, found_us, by_arrival_time);
	int64_t first_us = 0; /* arrival of the first packet after the outage */
	int64_t again_us = 0; /* when the first of them was accepted */
	uint64_t before = 0;
	for (size_t i = 0; i < arrival_count; i++) {
		receive_at(arrivals[i].at_us, arrivals[i].seq);
		if (!first_us && arrivals[i].at_us >= found_us) {
			first_us = arrivals[i].at_us;
			before = stats.rx_accepted;
		}
		if (first_us && !again_us && stats.rx_accepted > before)
			again_us = now_us;
	}
	run_until(end_us + SECOND);
	ck_assert_int_ne(again_us, 0);
	ck_assert_int_le(again_us - first_us, 50 * MS);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
	/* A path that reorders by 3 ms may cost that much more where the first packets are late. */
	ck_assert_uint_ge(stats.rx_accepted, arrival_count - 40);
	/* One more: a packet overtaken by the first one of all is neither, unless it has number 0 to 8. */
	ck_assert_uint_ge(stats.rx_accepted + stats.rx_lost + 1, end - first);
	ck_assert_uint_eq(stats.rx_over_win, 0);
	ck_assert_uint_eq(queue.count, 0);
}

START_TEST(session_accepts_again_within_50ms_of_the_first_packet_after_an_outage)
{
	for (int order = 0; order < ORDERS; order++)
		for (int by_arrival_time = 0; by_arrival_time < 2; by_arrival_time++) {
			check_outage((enum order)order, 100, 200 * MS, by_arrival_time, 1);
			check_outage((enum order)order, 100, 35 * MS, by_arrival_time, 1);
			check_outage((enum order)order, 10 * MS, 4 * SECOND, by_arrival_time, 1);
		}
}
END_TEST

START_TEST(session_accepts_again_after_an_outage_in_which_the_numbers_wrap)
{
	for (int order = 0; order < ORDERS; order++)
		for (seq32 before = 1800; before < 4300; before += 250)
			check_outage((enum order)order, 100, 200 * MS, true, (seq32)-before);
}
END_TEST

START_TEST(session_survives_one_outage_after_the_other)
{
	seq32 seq = flow(1, 100, 100);
	for (int i = 0; i < 20; i++) {
		run_until(now_us + 50 * MS);
		uint64_t before = stats.rx_accepted;
		seq = flow(seq + 500, 100 + (unsigned)i * 10, 100);
		ck_assert_uint_eq(stats.rx_accepted - before, 100 + (unsigned)i * 10);
	}
	ck_assert_uint_eq(stats.rx_lost, 20 * 500);
	ck_assert_uint_eq(stats.rx_over_win, 0);
}
END_TEST

/* The socket's buffer was full: the packets before and behind are read at the same time. */
START_TEST(session_accepts_again_within_50ms_after_packets_were_lost_in_the_socket)
{
	seq32 seq = flow(1, 1000, 100);
	uint64_t before = stats.rx_accepted;
	forge(seq + 1000, 32);
	flow(seq + 1032, 500, 100);
	ck_assert_uint_ge(stats.rx_accepted, before + 300);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
}
END_TEST

START_TEST(session_delivers_the_first_packets_after_an_outage_in_order)
{
	static const seq32 orders[][3] = {
	    {5000, 5001, 5002}, {5001, 5000, 5002}, {5002, 5001, 5000}, {5002, 5000, 5001}};
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		start();
		flow(1, 10, MS);
		run_until(now_us + SECOND);
		for (size_t k = 0; k < 3; k++) {
			ck_assert_uint_eq(stats.rx_accepted, 10);
			receive(orders[i][k]);
			receive(orders[i][k]); /* a duplicate is no further evidence */
		}
		receive(5003);
		ck_assert_uint_eq(stats.rx_accepted, 14);
		for (size_t k = 0; k < 4; k++)
			ck_assert_uint_eq(delivered[10 + k], 5000 + k);
		ck_assert_uint_eq(stats.rx_lost, 5000 - 11);
		ck_assert_uint_eq(stats.rx_under_win + stats.rx_over_win, 3);
		expect_ack(5003);
	}
}
END_TEST

START_TEST(session_without_reordering_accepts_again_after_an_outage)
{
	config.reorder = false;
	start();
	flow(1, 10, MS);
	run_until(now_us + SECOND);
	receive(5002);
	receive(5000);
	receive(5004);
	EXPECT_DELIVERED(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 5000, 5002, 5004);
	ck_assert_int_eq(receive(5005), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_accepts_again_with_the_smallest_missing_window)
{
	config.missing_window = 1;
	start();
	flow(1, 10, MS);
	run_until(now_us + SECOND);
	flow(20, 10, MS);
	ck_assert_uint_eq(stats.rx_accepted, 20);
}
END_TEST

START_TEST(session_delivers_held_packets_before_those_after_an_outage)
{
	config.max_wait_us = 2 * SECOND;
	config.fixed_wait_us = 2 * SECOND;
	start();
	flow(1, 10, MS);
	receive(12);
	receive(310); /* up to the end of the window */
	run_until(now_us + SECOND);
	receive(312);
	ck_assert_uint_eq(delivered_count, 10);
	receive(314);
	receive(313);
	ck_assert_uint_eq(delivered_count, 15);
	EXPECT_DELIVERED(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 310, 312, 313, 314);
	expect_rx(1 + 297 + 1, 0, 0, 2);
}
END_TEST

/* ---- idle links ---- */

START_TEST(session_delivers_at_once_when_an_idle_link_resumes)
{
	seq32 seq = flow(1, 100, 10 * MS);
	run_until(now_us + 600 * SECOND);
	flow(seq, 100, 10 * MS);
	expect_all_from(1, 200);
}
END_TEST

START_TEST(session_accepts_again_when_an_idle_link_resumes_after_an_outage)
{
	flow(1, 20, SECOND);
	run_until(now_us + 30 * SECOND);
	flow(1000, 20, SECOND / 100);
	ck_assert_uint_eq(stats.rx_accepted, 40);
	ck_assert_uint_eq(stats.rx_over_win, 0);
}
END_TEST

/* ---- forged packets ---- */

static const seq32 forged_distances[] = {
    301, 500, 1000, 5000, 100000, 1 << 20, 1 << 30, INT32_MAX - 3, (seq32)-400, (seq32)-100000};

enum {
	FORGED_DISTANCES = sizeof(forged_distances) / sizeof(forged_distances[0])
};

START_TEST(session_delivers_no_forged_packet_while_the_stream_flows_and_loses_nothing)
{
	static const int64_t intervals_us[] = {100, MS, 10 * MS, 50 * MS, 100 * MS};
	for (size_t i = 0; i < sizeof(intervals_us) / sizeof(intervals_us[0]); i++)
		for (size_t k = 0; k < FORGED_DISTANCES; k++) {
			start();
			seq32 seq = flow(70000, 100, intervals_us[i]);
			run_until(now_us + intervals_us[i] * 9 / 10);
			forge(seq + forged_distances[k], 3);
			seq = flow(seq, 100, intervals_us[i]);
			expect_all_from(70000, 200);
			ck_assert_uint_eq(stats.rx_resyncs, 0);
			expect_rx(0, stats.rx_under_win, 3 - stats.rx_under_win, 0);
		}
}
END_TEST

START_TEST(session_loses_nothing_to_four_forged_packets_a_second)
{
	seq32 seq = flow(70000, 10, 10 * MS);
	seq32 forged = seq + 100000;
	for (int i = 0; i < 400; i++) {
		forge(forged++, 1);
		seq = flow(seq, 25, 10 * MS);
	}
	expect_all_from(70000, 10 + 400 * 25);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
}
END_TEST

START_TEST(session_returns_at_once_when_a_stream_goes_on_after_packets_forged_while_it_was_idle)
{
	for (unsigned forged = 3; forged < 200; forged += 49) {
		start();
		seq32 seq = flow(70000, 100, 10 * MS);
		run_until(now_us + 30 * SECOND);
		forge(seq + 5000, forged);
		run_until(now_us + SECOND);
		delivered_count = 0;
		uint64_t lost = stats.rx_lost;
		receive(seq);
		ck_assert_uint_eq(delivered_count, 1);
		flow(seq + 1, 99, 10 * MS);
		expect_all_from(seq, 100);
		ck_assert_uint_le(stats.rx_lost, lost);
		expect_ack(seq + 99);
	}
}
END_TEST

START_TEST(session_returns_to_a_stream_whose_next_packet_is_late)
{
	seq32 seq = flow(70000, 100, 10 * MS);
	run_until(now_us + 30 * SECOND);
	forge(seq + 5000, 3);
	run_until(now_us + SECOND);
	delivered_count = 0;
	receive(seq + 1);
	ck_assert_uint_eq(delivered_count, 0);
	receive(seq);
	expect_all_from(seq, 2);
}
END_TEST

START_TEST(session_returns_when_the_stream_goes_on_after_endless_forgery)
{
	seq32 seq = flow(70000, 100, 10 * MS);
	seq32 forged = seq + 5000;
	run_until(now_us + 10 * SECOND);
	for (int i = 0; i < 4 * 120; i++) {
		forge(forged++, 1);
		run_until(now_us + SECOND / 4);
	}
	delivered_count = 0;
	for (int i = 0; i < 100; i++) {
		seq = flow(seq, 25, 10 * MS);
		forge(forged++, 1);
	}
	expect_all_from(seq - 2500, 2500);
}
END_TEST

/* A sender that has moved the stream once could else make the session forget where it was. */
START_TEST(session_returns_after_forged_packets_that_moved_the_stream_twice)
{
	seq32 seq = flow(70000, 100, 10 * MS);
	run_until(now_us + 30 * SECOND);
	forge(seq + 5000, 3);
	run_until(now_us + 5 * SECOND);
	forge(seq + 50000, 3);
	run_until(now_us + 5 * SECOND);
	delivered_count = 0;
	flow(seq, 100, 10 * MS);
	expect_all_from(seq, 100);
	ck_assert_uint_eq(stats.rx_lost, 0);
}
END_TEST

START_TEST(session_drops_what_it_holds_of_forged_packets_when_the_stream_goes_on)
{
	seq32 seq = flow(70000, 100, 10 * MS);
	run_until(now_us + 30 * SECOND);
	forge(seq + 5000, 2); /* not enough to move */
	delivered_count = 0;
	receive(seq);
	expect_all_from(seq, 1);
	ck_assert_uint_eq(queue.count, 0);
	expect_rx(0, 0, 2, 0);
	run_until(now_us + 30 * SECOND);
	forge(seq + 5000, 3);
	forge(seq + 5010, 2); /* behind a gap */
	delivered_count = 0;
	receive(seq + 1);
	expect_all_from(seq + 1, 1);
	ck_assert_uint_eq(queue.count, 0);
	ck_assert_int_eq(gre_session_timeout_deadline(&session), DEADLINE_NEVER);
	receive(seq + 3);
	receive(seq + 2);
	expect_all_from(seq + 1, 3);
	expect_rx(0, 0, 4, 3);
}
END_TEST

START_TEST(session_holds_packets_out_of_window_for_any_time)
{
	config.fixed_wait_us = 2 * SECOND;
	start();
	flow(1, 10, MS);
	receive(311); /* up to the end of the window */
	run_until(now_us + SECOND);
	receive(312);
	receive(313);
	run_until(now_us + 60 * SECOND);
	ck_assert_uint_eq(delivered_count, 11); /* the gap before 311 was given up, no other one */
	ck_assert_uint_eq(queue.count, 2);
	ck_assert_int_eq(gre_session_timeout_deadline(&session), DEADLINE_NEVER);
	receive(312); /* it is in the window now */
	receive(313);
	ck_assert_uint_eq(delivered_count, 13);
	expect_rx(300, 0, 2, 1);
}
END_TEST

/* A blind sender does not know the position: the number itself is evidence. */
START_TEST(session_moves_no_further_than_the_elapsed_time_allows)
{
	flow(1, 10, MS);
	run_until(now_us + SECOND);
	forge(11 + 1000000 + 1, 3);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	ck_assert_uint_eq(queue.count, 0);
	run_until(now_us + 3);
	forge(11 + 1000000 + 1, 3);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
}
END_TEST

START_TEST(session_moves_only_to_packets_within_a_window_of_each_other)
{
	flow(1, 10, MS);
	run_until(now_us + 10 * SECOND);
	for (seq32 seq = 5000; seq < 50000; seq += 400)
		receive(seq);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	ck_assert_uint_eq(delivered_count, 10);
	ck_assert_uint_le(queue.count, 2);
	flow(60000, 3, 10 * MS);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
	ck_assert_uint_eq(delivered_count, 13);
}
END_TEST

START_TEST(session_moves_only_to_packets_with_a_plausible_acknowledgment_if_any)
{
	flow(1, 10, MS);
	for (int i = 0; i < 500; i++)
		send_one(NULL);
	receive_ack(400);
	run_until(now_us + 10 * SECOND);
	static const seq32 forged_acks[] = {
	    501, 502, 1000, 0x12345678, 0x80000000, 0xffffffff, 0, 99};
	for (size_t i = 0; i < sizeof(forged_acks) / sizeof(forged_acks[0]); i++)
		for (seq32 seq = 5000; seq < 5010; seq++)
			receive_with_ack(seq, forged_acks[i]);
	ck_assert_uint_eq(delivered_count, 10);
	ck_assert_uint_eq(queue.count, 0);
	receive_with_ack(5000, 450);
	receive_with_ack(5001, 420); /* overtaken */
	receive_with_ack(5002, 500);
	ck_assert_uint_eq(delivered_count, 13);
}
END_TEST

/* ---- other numbers ---- */

/* No server does that within a call, and a blind sender could: the call is dead, as LCP will find. */
START_TEST(session_does_not_move_to_lower_numbers)
{
	flow(70000, 100, MS);
	run_until(now_us + 60 * SECOND);
	flow(0, 500, MS);
	expect_all_from(70000, 100);
	expect_rx(0, 500, 0, 0);
}
END_TEST

/* The first packet may be one of an older call with the same call ID. */
START_TEST(session_starts_anew_where_the_next_two_packets_are_far_from_the_first)
{
	receive(5000000);
	flow(0, 100, MS);
	ck_assert_uint_eq(stats.rx_accepted, 100);
	for (seq32 seq = 1; seq < 100; seq++)
		ck_assert_uint_eq(delivered[seq], seq);
	expect_ack(99);
	start();
	receive_without_space(5000000);
	receive_without_space(1);
	receive_without_space(0);
	drain();
	EXPECT_DELIVERED(0);
	expect_rx(0, 2, 0, 0);
}
END_TEST

/* ---- a full queue ---- */

/* The socket is not read then: the missing packet may be there. */
START_TEST(session_gives_up_no_gap_while_ready_packets_fill_the_queue)
{
	start_with(4);
	receive_without_space(1);
	receive_without_space(2);
	receive_without_space(4);
	ck_assert_int_ne(gre_session_timeout_deadline(&session), DEADLINE_NEVER);
	receive_without_space(5);
	ck_assert(gre_session_is_full(&session));
	ck_assert_int_eq(gre_session_timeout_deadline(&session), DEADLINE_NEVER);
	now_us += SECOND;
	gre_session_on_deadline(&session, now_us);
	ck_assert_uint_eq(stats.rx_lost, 0);
	drain();
	ck_assert_int_le(gre_session_timeout_deadline(&session), now_us);
	receive(3);
	EXPECT_DELIVERED(1, 2, 3, 4, 5);
	ck_assert_uint_eq(stats.rx_lost, 0);
}
END_TEST

START_TEST(session_never_fills_the_queue_with_packets_out_of_window)
{
	start_with(5);
	flow(1, 10, MS);
	receive(12);
	now_us += 10 * SECOND; /* the deadline of the gap has not been handled yet */
	forge(5000, 3);
	ck_assert(!gre_session_is_full(&session));
	ck_assert_uint_eq(stats.rx_resyncs, 1);
	start_with(5);
	flow(1, 10, MS);
	receive(12);
	receive(13);
	now_us += 10 * SECOND;
	for (seq32 seq = 5000; seq < 5010; seq++) {
		receive(seq);
		ck_assert(!gre_session_is_full(&session));
	}
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	receive(11);
	ck_assert_uint_eq(stats.rx_accepted, 13);
	ck_assert_uint_eq(queue.count, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_session_moves");
	TCase *tc = tcase_create("gre_session_moves");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, session_accepts_again_within_50ms_of_the_first_packet_after_an_outage);
	tcase_add_test(tc, session_accepts_again_after_an_outage_in_which_the_numbers_wrap);
	tcase_add_test(tc, session_survives_one_outage_after_the_other);
	tcase_add_test(tc, session_accepts_again_within_50ms_after_packets_were_lost_in_the_socket);
	tcase_add_test(tc, session_delivers_the_first_packets_after_an_outage_in_order);
	tcase_add_test(tc, session_without_reordering_accepts_again_after_an_outage);
	tcase_add_test(tc, session_accepts_again_with_the_smallest_missing_window);
	tcase_add_test(tc, session_delivers_held_packets_before_those_after_an_outage);
	tcase_add_test(tc, session_delivers_at_once_when_an_idle_link_resumes);
	tcase_add_test(tc, session_accepts_again_when_an_idle_link_resumes_after_an_outage);
	tcase_add_test(
	    tc, session_delivers_no_forged_packet_while_the_stream_flows_and_loses_nothing);
	tcase_add_test(tc, session_loses_nothing_to_four_forged_packets_a_second);
	tcase_add_test(tc,
	    session_returns_at_once_when_a_stream_goes_on_after_packets_forged_while_it_was_idle);
	tcase_add_test(tc, session_returns_to_a_stream_whose_next_packet_is_late);
	tcase_add_test(tc, session_returns_when_the_stream_goes_on_after_endless_forgery);
	tcase_add_test(tc, session_returns_after_forged_packets_that_moved_the_stream_twice);
	tcase_add_test(tc, session_drops_what_it_holds_of_forged_packets_when_the_stream_goes_on);
	tcase_add_test(tc, session_holds_packets_out_of_window_for_any_time);
	tcase_add_test(tc, session_moves_no_further_than_the_elapsed_time_allows);
	tcase_add_test(tc, session_moves_only_to_packets_within_a_window_of_each_other);
	tcase_add_test(tc, session_moves_only_to_packets_with_a_plausible_acknowledgment_if_any);
	tcase_add_test(tc, session_does_not_move_to_lower_numbers);
	tcase_add_test(tc, session_starts_anew_where_the_next_two_packets_are_far_from_the_first);
	tcase_add_test(tc, session_gives_up_no_gap_while_ready_packets_fill_the_queue);
	tcase_add_test(tc, session_never_fills_the_queue_with_packets_out_of_window);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
