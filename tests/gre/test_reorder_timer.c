/* SPDX-License-Identifier: ISC */
/* The wait for missing packets: the session's reorder timer over simulated networks. */
#include "path_fixture.h"

/* What the network does to a packet: its delay, or -1 to lose it. */
typedef int64_t network(seq32 seq);

static seq32 stream_seq;

/* The server sends one packet each `spacing_us` over a network. */
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
				wire_put(&to_us, now_us + delay_us, &h);
		}
		run_gateway();
	}
}

static void start_stream(void)
{
	start();
	stream_seq = 0;
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

/* From packet 3000 on the path is 50 ms shorter; the network card interrupts once a millisecond. */
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
	ck_assert_int_eq(reorder_timer_wait_us(&session.reorder_timer), REORDER_TIMER_FLOOR_US);
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

START_TEST(nothing_is_dropped_with_a_reorder_delay_of_5ms)
{
	check_nothing_dropped_after_a_second(late_by_5ms, 500);
	ck_assert_int_lt(reorder_timer_wait_us(&session.reorder_timer), 12 * MS);
}
END_TEST

START_TEST(nothing_is_dropped_with_a_reorder_delay_of_40ms)
{
	check_nothing_dropped_after_a_second(late_by_40ms, 500);
	ck_assert_int_lt(reorder_timer_wait_us(&session.reorder_timer), 60 * MS);
	ck_assert_int_le(quantile_us(0.5), 42 * MS);
}
END_TEST

START_TEST(nothing_is_dropped_if_a_quarter_overtakes_by_10ms)
{
	check_nothing_dropped_after_a_second(early_by_10ms, 500);
	check_nothing_dropped_after_a_second(early_by_10ms, 100);
}
END_TEST

/* on_delivery checks the order. */
START_TEST(the_stream_does_not_move_back_when_the_path_becomes_shorter_by_more_than_the_window)
{
	start_stream();
	stream(moves_to_a_shorter_path, 100, 2 * SECOND);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
	ck_assert_uint_ge(stats.rx_accepted + stats.rx_lost, last_delivered - stats.rx_over_win);
	ck_assert_uint_le(stats.rx_accepted + stats.rx_lost, last_delivered);
}
END_TEST

START_TEST(nothing_is_dropped_if_pairs_are_swapped)
{
	start_stream();
	stream(in_order, 500, SECOND / 100);
	stream(swapped_pairs, 500, 5 * SECOND);
	ck_assert_uint_eq(stats.rx_lost, 0);
	ck_assert_uint_eq(stats.rx_under_win, 0);
	ck_assert_int_lt(reorder_timer_wait_us(&session.reorder_timer), 6 * MS);
}
END_TEST

START_TEST(the_wait_grows_and_shrinks_with_the_reorder_delay)
{
	start_stream();
	stream(loses_one_percent, 500, 5 * SECOND);
	ck_assert_int_eq(reorder_timer_wait_us(&session.reorder_timer), REORDER_TIMER_FLOOR_US);
	stream(late_by_40ms, 500, SECOND);
	ck_assert_int_gt(reorder_timer_wait_us(&session.reorder_timer), 40 * MS);
	struct pptp_stats before = stats;
	stream(late_by_40ms, 500, 5 * SECOND);
	ck_assert_uint_eq(stats.rx_lost, before.rx_lost);
	stream(loses_one_percent, 500, 6 * SECOND);
	ck_assert_int_eq(reorder_timer_wait_us(&session.reorder_timer), REORDER_TIMER_FLOOR_US);
}
END_TEST

START_TEST(the_wait_does_not_grow_for_a_delay_beyond_its_upper_bound)
{
	start_stream();
	stream(late_by_400ms, 2000, 20 * SECOND);
	ck_assert_uint_gt(stats.rx_under_win, 50);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	ck_assert_int_eq(reorder_timer_wait_us(&session.reorder_timer), REORDER_TIMER_FLOOR_US);
}
END_TEST

START_TEST(the_wait_never_exceeds_its_upper_bound)
{
	config.max_wait_us = 20 * MS;
	start_stream();
	stream(late_by_5ms, 500, SECOND);
	stream(late_by_40ms, 500, SECOND);
	ck_assert_int_le(reorder_timer_wait_us(&session.reorder_timer), 20 * MS);
	config.max_wait_us = 2 * MS;
	start_stream();
	ck_assert_int_eq(reorder_timer_wait_us(&session.reorder_timer), 2 * MS);
}
END_TEST

START_TEST(a_delay_counts_for_less_than_two_periods)
{
	const int64_t period_us = 2500 * MS;
	struct reorder_timer timer;
	for (int64_t early_us = 0; early_us < 2; early_us++) {
		reorder_timer_init(&timer, 0, 300 * MS);
		reorder_timer_on_reordered(&timer, period_us, 20 * MS);
		reorder_timer_on_reordered(&timer, 3 * period_us - early_us, 0);
		ck_assert_int_eq(reorder_timer_wait_us(&timer),
		    REORDER_TIMER_FLOOR_US + (early_us ? 25 * MS : 0));
	}
}
END_TEST

/* The sanitizers see what is read behind the last gap. */
START_TEST(a_late_packet_of_no_gap_that_is_known_changes_nothing)
{
	static struct reorder_timer timer;
	reorder_timer_init(&timer, 0, 300 * MS);
	const int64_t before_us = reorder_timer_wait_us(&timer);
	for (seq32 seq = 0; seq <= REORDER_TIMER_GIVEN_UP; seq++)
		reorder_timer_on_give_up(&timer, 1000 + 10 * seq, 2, 0);
	reorder_timer_on_late(&timer, 20 * MS, 1000); /* of the oldest, which was forgotten */
	reorder_timer_on_late(&timer, 20 * MS, 1012);
	ck_assert_int_eq(reorder_timer_wait_us(&timer), before_us);
	reorder_timer_on_late(&timer, 20 * MS, 1011);
	ck_assert_int_eq(reorder_timer_wait_us(&timer), before_us + 25 * MS);
}
END_TEST

START_TEST(a_fixed_wait_does_not_adapt)
{
	config.fixed_wait_us = 30 * MS;
	start_stream();
	stream(late_by_40ms, 500, 5 * SECOND);
	ck_assert_int_eq(reorder_timer_wait_us(&session.reorder_timer), 30 * MS);
	ck_assert_uint_gt(stats.rx_lost, 50);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reorder_timer");
	TCase *tc = tcase_create("reorder_timer");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, loss_alone_costs_a_few_milliseconds);
	tcase_add_test(tc, nothing_is_dropped_with_a_reorder_delay_of_5ms);
	tcase_add_test(tc, nothing_is_dropped_with_a_reorder_delay_of_40ms);
	tcase_add_test(tc, nothing_is_dropped_if_a_quarter_overtakes_by_10ms);
	tcase_add_test(tc,
	    the_stream_does_not_move_back_when_the_path_becomes_shorter_by_more_than_the_window);
	tcase_add_test(tc, nothing_is_dropped_if_pairs_are_swapped);
	tcase_add_test(tc, the_wait_grows_and_shrinks_with_the_reorder_delay);
	tcase_add_test(tc, the_wait_does_not_grow_for_a_delay_beyond_its_upper_bound);
	tcase_add_test(tc, the_wait_never_exceeds_its_upper_bound);
	tcase_add_test(tc, a_delay_counts_for_less_than_two_periods);
	tcase_add_test(tc, a_late_packet_of_no_gap_that_is_known_changes_nothing);
	tcase_add_test(tc, a_fixed_wait_does_not_adapt);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
