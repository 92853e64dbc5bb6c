/* SPDX-License-Identifier: ISC */
/*
 * Receiving over time, against simulated networks and servers: how long the session waits for
 * missing packets, and when it acknowledges.
 */
#include "tests/path_fixture.h"

#include <stdio.h>

/* What the network does to a packet: its delay, or -1 to lose it. */
typedef int64_t network(seq32 seq);

static seq32 stream_seq;

/* A stream to us of one packet each `spacing_us` over a network. */
static void stream(network *net, int64_t spacing_us, int64_t duration_us)
{
	int64_t end_us = now_us + duration_us, next_us = now_us;
	for (; now_us < end_us; now_us += STEP_US) {
		if (now_us >= next_us) {
			next_us += spacing_us;
			struct gre_header h = {
			    .has_seq = true, .seq = ++stream_seq, .payload_len = 4};
			sent_us[h.seq] = now_us;
			int64_t delay_us = net(h.seq);
			if (delay_us >= 0)
				put(&to_us, now_us + delay_us, &h);
		}
		take_turn();
	}
}

static void start_stream(void)
{
	start();
	stream_seq = 0;
	latency_count = 0;
}

static int64_t in_order(seq32 seq)
{
	(void)seq;
	return 2 * MS;
}

static int64_t loses_one_percent(seq32 seq)
{
	return seq > 10 && one_in(100) ? -1 : in_order(seq);
}

static int64_t late_by_5ms(seq32 seq)
{
	return seq > 10 && one_in(100) ? 7 * MS : in_order(seq);
}

static int64_t late_by_40ms(seq32 seq)
{
	return seq > 10 && one_in(100) ? 42 * MS : in_order(seq);
}

static int64_t early_by_10ms(seq32 seq) /* netem: delay 10ms reorder 25% */
{
	return seq > 10 && one_in(4) ? 2 * MS : 12 * MS;
}

static int64_t swapped_pairs(seq32 seq)
{
	return seq % 2 ? 2 * MS + 600 : 2 * MS;
}

static int64_t late_by_400ms(seq32 seq)
{
	return seq > 10 && one_in(100) ? 402 * MS : in_order(seq);
}

/* From packet 3000 on a path that is 50 ms shorter; a network card hands over once a millisecond. */
static int64_t moves_to_a_shorter_path(seq32 seq)
{
	int64_t delay_us = seq < 3000 ? 52 * MS : 2 * MS;
	return delay_us + MS - (now_us + delay_us) % MS;
}

START_TEST(loss_alone_costs_a_few_milliseconds)
{
	start_stream();
	stream(loses_one_percent, 500, 20 * SECOND);
	ck_assert_uint_gt(stats.rx_lost, 200);
	ck_assert_uint_eq(stats.rx_under_win, 0);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
	ck_assert_int_le(quantile_us(0.5), 2 * MS + STEP_US);
	ck_assert_int_le(quantile_us(0.99), 2 * MS + 6 * MS);
	ck_assert_int_le(quantile_us(1.0), 2 * MS + 12 * MS);
}
END_TEST

static void check_nothing_dropped_after_a_second(network *net, int64_t spacing_us)
{
	start_stream();
	stream(net, spacing_us, SECOND);
	struct pptp_stats before = stats;
	stream(net, spacing_us, 20 * SECOND);
	ck_assert_uint_eq(stats.rx_lost, before.rx_lost);
	ck_assert_uint_eq(stats.rx_under_win, before.rx_under_win);
	ck_assert_uint_gt(stats.rx_buffered, before.rx_buffered);
}

START_TEST(nothing_is_dropped_where_packets_are_late_by_5ms)
{
	check_nothing_dropped_after_a_second(late_by_5ms, 500);
	ck_assert_int_lt(gre_session_gap_wait_us(&session), 9 * MS);
}
END_TEST

START_TEST(nothing_is_dropped_where_packets_are_late_by_40ms)
{
	check_nothing_dropped_after_a_second(late_by_40ms, 500);
	ck_assert_int_lt(gre_session_gap_wait_us(&session), 60 * MS);
	ck_assert_int_le(quantile_us(0.5), 42 * MS);
}
END_TEST

START_TEST(nothing_is_dropped_where_a_quarter_overtakes_by_10ms)
{
	check_nothing_dropped_after_a_second(early_by_10ms, 500);
	check_nothing_dropped_after_a_second(early_by_10ms, 100);
}
END_TEST

/* The order of what is delivered is checked with each delivery. */
START_TEST(the_stream_does_not_go_back_where_a_path_becomes_shorter_by_more_than_the_window)
{
	start_stream();
	stream(moves_to_a_shorter_path, 100, 2 * SECOND);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
	ck_assert_uint_ge(stats.rx_accepted + stats.rx_lost, last_delivered - stats.rx_over_win);
	ck_assert_uint_le(stats.rx_accepted + stats.rx_lost, last_delivered);
}
END_TEST

START_TEST(nothing_at_all_is_dropped_where_pairs_are_swapped)
{
	start_stream();
	stream(in_order, 500, SECOND / 100);
	stream(swapped_pairs, 500, 5 * SECOND);
	ck_assert_uint_eq(stats.rx_lost, 0);
	ck_assert_uint_eq(stats.rx_under_win, 0);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
}
END_TEST

START_TEST(the_wait_follows_a_change_of_the_network_both_ways)
{
	start_stream();
	stream(loses_one_percent, 500, 5 * SECOND);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
	stream(late_by_40ms, 500, SECOND);
	ck_assert_int_gt(gre_session_gap_wait_us(&session), 40 * MS);
	struct pptp_stats before = stats;
	stream(late_by_40ms, 500, 5 * SECOND);
	ck_assert_uint_eq(stats.rx_lost, before.rx_lost);
	stream(loses_one_percent, 500, 6 * SECOND);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
}
END_TEST

START_TEST(the_wait_does_not_grow_for_what_no_wait_can_cover)
{
	start_stream();
	stream(late_by_400ms, 2000, 20 * SECOND);
	ck_assert_uint_gt(stats.rx_under_win, 50);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
}
END_TEST

START_TEST(the_wait_keeps_to_its_upper_bound)
{
	config.max_wait_us = 20 * MS;
	start_stream();
	stream(late_by_5ms, 500, SECOND);
	stream(late_by_40ms, 500, SECOND);
	ck_assert_int_le(gre_session_gap_wait_us(&session), 20 * MS);
	config.max_wait_us = 2 * MS;
	start_stream();
	ck_assert_int_eq(gre_session_gap_wait_us(&session), 2 * MS);
}
END_TEST

START_TEST(a_fixed_wait_learns_nothing)
{
	config.fixed_wait_us = 30 * MS;
	start_stream();
	stream(late_by_40ms, 500, 5 * SECOND);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), 30 * MS);
	ck_assert_uint_gt(stats.rx_lost, 50);
}
END_TEST

static void serve(struct server *s, int64_t spacing_us, int64_t duration_us)
{
	int64_t end_us = now_us + duration_us, next_us = now_us;
	for (; now_us < end_us; now_us += STEP_US) {
		server_takes(s);
		if (now_us >= next_us) {
			next_us += spacing_us;
			server_sends(s);
		}
		take_turn();
		send_bare_ack_where_due();
		latency_count = 0;
	}
}

/* The share of the rate that the window allows, and the bare acknowledgments per packet. */
static void check_window(uint32_t window, double least_share, double most_acks)
{
	struct server s = {.window = window};
	start();
	serve(&s, 100, 2 * SECOND); /* to learn the window */
	seq32 sent = s.sent;
	uint64_t bare = s.bare;
	serve(&s, 100, 8 * SECOND);
	double packets = (double)(s.sent - sent);
	double ideal = 8.0 * window / 0.020;
	if (ideal > 8.0 * 10000)
		ideal = 8.0 * 10000;
	double share = packets / ideal, acks = (double)(s.bare - bare) / packets;
	printf("# window %u: %.3f of the rate, %.4f bare acknowledgments per packet\n", window,
	    share, acks);
	ck_assert_double_ge(share, least_share);
	ck_assert_double_le(acks, most_acks);
}

START_TEST(a_server_with_a_window_of_1_keeps_its_rate)
{
	check_window(1, 0.9, 1.01);
}
END_TEST

START_TEST(a_server_with_a_window_of_2_keeps_its_rate)
{
	check_window(2, 0.9, 1.01);
}
END_TEST

START_TEST(a_server_with_a_window_of_8_keeps_its_rate)
{
	check_window(8, 0.9, 0.27);
}
END_TEST

START_TEST(a_server_with_a_window_of_12_gets_few_acknowledgments)
{
	check_window(12, 0.85, 0.125);
}
END_TEST

START_TEST(a_server_with_a_window_of_64_keeps_its_rate_with_few_acknowledgments)
{
	check_window(64, 0.9, 0.1);
}
END_TEST

START_TEST(a_server_with_the_advertised_window_keeps_its_rate_with_few_acknowledgments)
{
	check_window(1024, 0.99, 0.05);
}
END_TEST

START_TEST(a_server_without_a_window_gets_few_acknowledgments)
{
	check_window(UINT32_MAX, 0.99, 0.02);
}
END_TEST

START_TEST(a_slow_one_way_stream_gets_few_acknowledgments)
{
	struct server s = {.window = 1024};
	start();
	serve(&s, 100 * MS, 60 * SECOND); /* 10 packets/s */
	ck_assert_double_lt((double)s.bare, (double)s.sent / 8);
	ck_assert_uint_gt(s.bare, 10);
}
END_TEST

/* As a TCP transfer does: one packet back for each two received, a little later. */
static uint64_t bare_acks_of_a_download(uint32_t window, int64_t reply_after_us)
{
	struct server s = {.window = window};
	int64_t reply_us = DEADLINE_NEVER, end_us;
	uint64_t seen = 0;
	start();
	end_us = now_us + 10 * SECOND;
	for (; now_us < end_us; now_us += STEP_US) {
		server_takes(&s);
		server_sends(&s);
		take_turn();
		latency_count = 0;
		if (stats.rx_accepted >= seen + 2 && reply_us == DEADLINE_NEVER) {
			seen = stats.rx_accepted;
			reply_us = now_us + reply_after_us;
		}
		if (now_us >= reply_us) {
			struct gre_header h;
			gre_session_send(&session, now_us, 40, &h);
			put(&to_server, now_us + ONE_WAY_US, &h);
			reply_us = DEADLINE_NEVER;
		}
		send_bare_ack_where_due();
	}
	ck_assert_uint_gt(s.sent, 5000);
	return s.bare;
}

START_TEST(no_bare_acknowledgment_where_data_flows_back)
{
	ck_assert_uint_le(bare_acks_of_a_download(1024, 50), 1);
	ck_assert_uint_le(bare_acks_of_a_download(1024, 1000), 1);
	ck_assert_uint_le(bare_acks_of_a_download(64, 100), 1);
}
END_TEST

/* One question each `every_us`, its answer a round trip later: bare acknowledgments for `n` of them. */
static uint64_t bare_acks_of_questions(int64_t every_us, unsigned n)
{
	struct server s = {.window = 1024};
	uint64_t answered = 0;
	start();
	for (int64_t end_us = now_us + n * every_us, ask_us = now_us; now_us < end_us;
	     now_us += STEP_US) {
		if (now_us >= ask_us) {
			ask_us += every_us;
			struct gre_header h;
			gre_session_send(&session, now_us, 40, &h);
			put(&to_server, now_us + ONE_WAY_US, &h);
		}
		server_takes(&s);
		if (s.received_n > answered) {
			answered++;
			server_sends(&s);
		}
		take_turn();
		send_bare_ack_where_due();
		latency_count = 0;
	}
	return s.bare;
}

START_TEST(questions_and_answers_need_no_bare_acknowledgment)
{
	ck_assert_uint_eq(bare_acks_of_questions(50 * MS, 100), 0);
	ck_assert_uint_eq(bare_acks_of_questions(200 * MS, 100), 0);
	ck_assert_uint_le(bare_acks_of_questions(300 * MS, 100), 2);
	ck_assert_uint_le(bare_acks_of_questions(350 * MS, 100), 2);
	ck_assert_uint_le(bare_acks_of_questions(1000 * MS, 100), 2);
}
END_TEST

/* How often a sleeping gateway would wake in `duration_us` with nothing arriving. */
static unsigned wake_ups(int64_t duration_us)
{
	unsigned n = 0;
	int64_t end_us = now_us + duration_us, at_us;
	while ((at_us = gre_session_deadline(&session)) < end_us) {
		now_us = at_us > now_us ? at_us : now_us;
		gre_session_on_deadline(&session, now_us);
		drain();
		send_bare_ack_where_due();
		ck_assert_uint_lt(++n, 100);
	}
	now_us = end_us;
	return n;
}

START_TEST(an_idle_session_costs_no_wake_up)
{
	struct server s = {.window = 1024};
	start();
	ck_assert_uint_eq(wake_ups(600 * SECOND), 0);
	serve(&s, MS, SECOND);
	struct gre_header h;
	for (int i = 0; i < 10; i++)
		gre_session_send(&session, now_us, 40, &h);
	ck_assert_uint_le(wake_ups(10 * SECOND), 4);
	ck_assert_uint_eq(wake_ups(600 * SECOND), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_pace");
	TCase *tc = tcase_create("gre_pace");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, loss_alone_costs_a_few_milliseconds);
	tcase_add_test(tc, nothing_is_dropped_where_packets_are_late_by_5ms);
	tcase_add_test(tc, nothing_is_dropped_where_packets_are_late_by_40ms);
	tcase_add_test(tc, nothing_is_dropped_where_a_quarter_overtakes_by_10ms);
	tcase_add_test(
	    tc, the_stream_does_not_go_back_where_a_path_becomes_shorter_by_more_than_the_window);
	tcase_add_test(tc, nothing_at_all_is_dropped_where_pairs_are_swapped);
	tcase_add_test(tc, the_wait_follows_a_change_of_the_network_both_ways);
	tcase_add_test(tc, the_wait_does_not_grow_for_what_no_wait_can_cover);
	tcase_add_test(tc, the_wait_keeps_to_its_upper_bound);
	tcase_add_test(tc, a_fixed_wait_learns_nothing);
	tcase_add_test(tc, a_server_with_a_window_of_1_keeps_its_rate);
	tcase_add_test(tc, a_server_with_a_window_of_2_keeps_its_rate);
	tcase_add_test(tc, a_server_with_a_window_of_8_keeps_its_rate);
	tcase_add_test(tc, a_server_with_a_window_of_12_gets_few_acknowledgments);
	tcase_add_test(tc, a_server_with_a_window_of_64_keeps_its_rate_with_few_acknowledgments);
	tcase_add_test(
	    tc, a_server_with_the_advertised_window_keeps_its_rate_with_few_acknowledgments);
	tcase_add_test(tc, a_server_without_a_window_gets_few_acknowledgments);
	tcase_add_test(tc, a_slow_one_way_stream_gets_few_acknowledgments);
	tcase_add_test(tc, no_bare_acknowledgment_where_data_flows_back);
	tcase_add_test(tc, questions_and_answers_need_no_bare_acknowledgment);
	tcase_add_test(tc, an_idle_session_costs_no_wake_up);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
