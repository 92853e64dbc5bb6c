/* SPDX-License-Identifier: ISC */
/* When a stream has moved, by numbers and times alone. test_gre_session_moves.c has the packets. */
#include "unit.h"

#include "gre/resync.h"

#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)

enum {
	WINDOW = 300
};

static struct resync resync;
static int64_t now_us;
static uint64_t dropped; /* by our own socket */

/* A stream whose packets come at this interval, until now. */
static void start_with_interval(int64_t interval_us)
{
	resync_init(&resync, WINDOW);
	now_us = 0;
	dropped = 0;
	for (int i = 0; i < 100; i++) {
		now_us += interval_us;
		ck_assert(!resync_on_in_window(&resync, now_us, dropped));
	}
}

static enum resync_verdict packet(seq32 rcv_nxt, seq32 seq)
{
	return resync_on_out_of_window(&resync, now_us, dropped, rcv_nxt, seq, true);
}

START_TEST(resync_holds_two_packets_and_moves_at_the_third)
{
	static const seq32 runs[][3] = {{5000, 5001, 5002}, {5002, 5001, 5000}, {5000, 5300, 5150}};
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		for (seq32 nxt = 0u - 6000; nxt != 1000; nxt += 500) { /* across the wrap */
			start_with_interval(MS);
			now_us += SECOND;
			ck_assert_int_eq(packet(nxt, nxt + runs[i][0]), RESYNC_HOLD);
			ck_assert_int_eq(packet(nxt, nxt + runs[i][0]), RESYNC_DROP);
			ck_assert_int_eq(packet(nxt, nxt + runs[i][1]), RESYNC_HOLD);
			ck_assert_int_eq(packet(nxt, nxt + runs[i][1]), RESYNC_DROP);
			ck_assert_int_eq(packet(nxt, nxt + runs[i][2]), RESYNC_MOVE);
		}
}
END_TEST

START_TEST(resync_begins_another_run_where_numbers_do_not_belong_together)
{
	start_with_interval(MS);
	now_us += SECOND;
	ck_assert_int_eq(packet(1, 5000), RESYNC_HOLD);
	ck_assert_int_eq(packet(1, 5001), RESYNC_HOLD);
	ck_assert_int_eq(packet(1, 9000), RESYNC_RENEW);
	ck_assert_int_eq(packet(1, 5002), RESYNC_RENEW);
	ck_assert_int_eq(packet(1, 5003), RESYNC_HOLD);
	ck_assert_int_eq(packet(1, 5004), RESYNC_MOVE);
}
END_TEST

START_TEST(resync_takes_numbers_for_one_run_up_to_the_window_and_two_apart)
{
	const seq32 near = WINDOW + 2;
	for (seq32 nxt = 0u - 6000; nxt != 1000; nxt += 500) { /* across the wrap */
		start_with_interval(MS);
		now_us += SECOND;
		ck_assert_int_eq(packet(nxt, nxt + 5000), RESYNC_HOLD);
		ck_assert_int_eq(packet(nxt, nxt + 5000 + near), RESYNC_HOLD);
		ck_assert_int_eq(packet(nxt, nxt + 4999), RESYNC_RENEW);
		ck_assert_int_eq(packet(nxt, nxt + 4999 - near), RESYNC_HOLD);
		ck_assert_int_eq(packet(nxt, nxt + 5000), RESYNC_RENEW);
	}
}
END_TEST

START_TEST(resync_forgets_a_run_when_a_packet_in_the_window_arrives)
{
	start_with_interval(MS);
	now_us += SECOND;
	ck_assert_int_eq(packet(1, 5000), RESYNC_HOLD);
	ck_assert_int_eq(packet(1, 5001), RESYNC_HOLD);
	ck_assert(resync_on_in_window(&resync, now_us, dropped));
	now_us += SECOND;
	ck_assert(!resync_on_in_window(&resync, now_us, dropped));
	now_us += SECOND;
	ck_assert_int_eq(packet(1, 5002), RESYNC_HOLD);
}
END_TEST

START_TEST(resync_needs_silence_of_twice_the_interval_and_at_least_20ms)
{
	static const struct {
		int64_t interval_us, silence_us;
	} cases[] = {{100, 20 * MS}, {10 * MS, 20 * MS}, {50 * MS, 100 * MS}, {200 * MS, 400 * MS},
	    {10 * SECOND, 2 * 262144}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start_with_interval(cases[i].interval_us);
		now_us += cases[i].silence_us - 1;
		ck_assert_int_eq(packet(1, 5000), RESYNC_DROP);
		now_us++;
		ck_assert_int_eq(packet(1, 5000), RESYNC_HOLD);
	}
}
END_TEST

START_TEST(resync_needs_no_silence_for_what_our_own_socket_dropped)
{
	start_with_interval(100);
	now_us += 100;
	ck_assert_int_eq(packet(1, 5000), RESYNC_DROP);
	dropped += 4000; /* the packets behind them are in one batch with some in the window */
	resync_on_in_window(&resync, now_us, dropped);
	ck_assert_int_eq(packet(1, 1 + 4000 + WINDOW + 1), RESYNC_DROP);
	ck_assert_int_eq(packet(1, 1 + 4000 + WINDOW), RESYNC_HOLD);
	ck_assert_int_eq(packet(1, 4000), RESYNC_HOLD);
	ck_assert_int_eq(packet(1, 4001), RESYNC_MOVE);
	/* Once the stream has gone on, they explain nothing any more. */
	resync_on_in_window(&resync, now_us += 100, dropped);
	resync_on_in_window(&resync, now_us += 100, dropped);
	ck_assert_int_eq(packet(4002, 8000), RESYNC_DROP);
}
END_TEST

START_TEST(resync_remembers_the_longest_pause_for_a_while)
{
	start_with_interval(MS);
	now_us += 100 * MS;
	resync_on_in_window(&resync, now_us, dropped);
	for (int i = 0; i < 50; i++)
		resync_on_in_window(&resync, now_us += MS, dropped);
	int64_t last_us = now_us;
	now_us = last_us + 150 * MS;
	ck_assert_int_eq(packet(1, 5000), RESYNC_DROP);
	now_us = last_us + 200 * MS;
	ck_assert_int_eq(packet(1, 5000), RESYNC_HOLD);
	for (now_us = last_us; now_us < last_us + SECOND; now_us += MS)
		resync_on_in_window(&resync, now_us, dropped);
	now_us += 20 * MS;
	ck_assert_int_eq(packet(1, 5000), RESYNC_HOLD);
}
END_TEST

START_TEST(resync_accepts_one_number_for_each_microsecond_of_silence_and_none_behind)
{
	start_with_interval(MS);
	now_us += 100 * MS;
	ck_assert_int_eq(packet(7, 7 + 100001), RESYNC_DROP);
	ck_assert_int_eq(packet(7, 7 + 100000), RESYNC_HOLD);
	ck_assert_int_eq(packet(7, 7u - 301), RESYNC_DROP);
	now_us += 1000000 * SECOND;
	ck_assert_int_eq(packet(7, 7 + (1u << 31)), RESYNC_DROP);
	ck_assert_int_eq(packet(7, 7u - 301), RESYNC_DROP);
	ck_assert_int_eq(packet(7, 7 + (1u << 31) - 1), RESYNC_RENEW);
}
END_TEST

START_TEST(resync_does_not_count_a_packet_whose_acknowledgment_is_not_plausible)
{
	start_with_interval(MS);
	now_us += SECOND;
	for (seq32 seq = 5000; seq < 5010; seq++)
		ck_assert_int_eq(
		    resync_on_out_of_window(&resync, now_us, dropped, 1, seq, false), RESYNC_DROP);
	ck_assert_int_eq(packet(1, 5000), RESYNC_HOLD);
}
END_TEST

START_TEST(resync_restarts_a_stream_of_one_packet_where_two_are_near_each_other)
{
	resync_init(&resync, WINDOW);
	now_us = 0;
	ck_assert_int_eq(packet(1, 5000), RESYNC_DROP);
	ck_assert_int_eq(packet(1, 5000), RESYNC_DROP);
	ck_assert_int_eq(packet(1, 0u - 5000), RESYNC_DROP);
	ck_assert_int_eq(packet(1, 0u - 5100), RESYNC_RESTART);
	resync_init(&resync, WINDOW);
	resync_on_in_window(
	    &resync, now_us, dropped); /* the second packet, at the time of the first */
	ck_assert_int_eq(packet(1, 5000), RESYNC_DROP);
	ck_assert_int_eq(packet(1, 5001), RESYNC_DROP);
}
END_TEST

START_TEST(resync_returns_to_the_position_before_the_move)
{
	uint64_t skipped;
	start_with_interval(MS);
	now_us += SECOND;
	resync_on_move(&resync, now_us, 100, 5000);
	ck_assert_int_eq(packet(5003, 99), RESYNC_DROP);
	ck_assert_int_eq(packet(5003, 401), RESYNC_DROP);
	ck_assert_int_eq(packet(5003, 400), RESYNC_RETURN);
	ck_assert_int_eq(packet(5003, 100), RESYNC_RETURN);
	ck_assert_uint_eq(resync_return(&resync, now_us, &skipped), 100);
	ck_assert_uint_eq(skipped, 4900);
	ck_assert_int_eq(packet(1000, 100), RESYNC_DROP);
}
END_TEST

START_TEST(resync_keeps_the_position_before_two_moves_until_the_second_is_confirmed)
{
	uint64_t skipped;
	for (int confirmations = 0; confirmations < 512; confirmations += 255) {
		start_with_interval(MS);
		now_us += SECOND;
		resync_on_move(&resync, now_us, 100, 5000);
		for (int i = 0; i < confirmations; i++)
			resync_on_in_window(&resync, now_us += MS, dropped);
		resync_on_move(&resync, now_us, 6000, 9000);
		bool trusted = confirmations >= 256;
		ck_assert_uint_eq(resync_return(&resync, now_us, &skipped), trusted ? 6000 : 100);
		ck_assert_uint_eq(skipped, trusted ? 3000 : 4900 + 3000);
	}
}
END_TEST

START_TEST(resync_takes_a_run_within_a_window_of_one_packet)
{
	resync_init(&resync, 1);
	resync_on_in_window(&resync, 0, dropped);
	now_us = SECOND;
	ck_assert_int_eq(packet(1, 12), RESYNC_HOLD);
	ck_assert_int_eq(packet(1, 10), RESYNC_HOLD);
	ck_assert_int_eq(packet(1, 11), RESYNC_MOVE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resync");
	TCase *tc = tcase_create("resync");
	tcase_add_test(tc, resync_holds_two_packets_and_moves_at_the_third);
	tcase_add_test(tc, resync_begins_another_run_where_numbers_do_not_belong_together);
	tcase_add_test(tc, resync_takes_numbers_for_one_run_up_to_the_window_and_two_apart);
	tcase_add_test(tc, resync_forgets_a_run_when_a_packet_in_the_window_arrives);
	tcase_add_test(tc, resync_needs_silence_of_twice_the_interval_and_at_least_20ms);
	tcase_add_test(tc, resync_needs_no_silence_for_what_our_own_socket_dropped);
	tcase_add_test(tc, resync_remembers_the_longest_pause_for_a_while);
	tcase_add_test(
	    tc, resync_accepts_one_number_for_each_microsecond_of_silence_and_none_behind);
	tcase_add_test(tc, resync_does_not_count_a_packet_whose_acknowledgment_is_not_plausible);
	tcase_add_test(tc, resync_restarts_a_stream_of_one_packet_where_two_are_near_each_other);
	tcase_add_test(tc, resync_returns_to_the_position_before_the_move);
	tcase_add_test(
	    tc, resync_keeps_the_position_before_two_moves_until_the_second_is_confirmed);
	tcase_add_test(tc, resync_takes_a_run_within_a_window_of_one_packet);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
