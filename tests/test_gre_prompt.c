/* SPDX-License-Identifier: ISC */
/* When a server counts as one that acknowledges at once, what limit that means, and when it is left. */
#include "gre_prompt.h"
#include "lib/deadline.h"
#include "unit.h"

enum {
	ALL = 64,
	FEWER = 40,
	HALF = 4 /* answers */
};

static struct gre_prompt p;
static int64_t now_us;

static void sample(int64_t sample_us, uint32_t ahead)
{
	now_us += sample_us;
	gre_prompt_sample(&p, now_us, sample_us, ahead);
}

static void samples(int count, int64_t sample_us, uint32_t ahead)
{
	for (int i = 0; i < count; i++)
		sample(sample_us, ahead);
}

static void set_up(void)
{
	now_us = 12345678;
	gre_prompt_init(&p);
	samples(8, 300, 0);
}

/* With all packets on their way they take so long, with fewer so long. */
static void question(int64_t all_us, int64_t fewer_us)
{
	samples(HALF, all_us, ALL - 1);
	ck_assert_uint_eq(gre_prompt_limit(&p), FEWER);
	samples(HALF, fewer_us, FEWER - 1);
}

START_TEST(eight_prompt_round_trips_in_a_row_make_a_server_prompt)
{
	gre_prompt_init(&p);
	samples(7, 5000, 0);
	ck_assert_uint_eq(gre_prompt_limit(&p), GRE_PROMPT_OPEN);
	sample(5001, 0);
	samples(7, 5000, 0);
	ck_assert_uint_eq(gre_prompt_limit(&p), GRE_PROMPT_OPEN);
	sample(5000, 0);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	gre_prompt_end(&p);
	ck_assert_uint_eq(gre_prompt_limit(&p), GRE_PROMPT_OPEN);
	samples(8, 5000, 0);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
}
END_TEST

START_TEST(late_round_trips_below_the_limit_change_nothing)
{
	samples(1000, 20000, 0);
	samples(1000, 20000, ALL - 9);
	samples(10, 60000000, ALL - 9);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
}
END_TEST

START_TEST(round_trips_that_are_as_long_with_fewer_packets_end_it_at_the_third_time)
{
	question(20000, 20000);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	question(20000, 16300);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	question(20000, 30000);
	ck_assert_uint_eq(gre_prompt_limit(&p), GRE_PROMPT_OPEN);
}
END_TEST

START_TEST(round_trips_that_are_shorter_with_fewer_packets_leave_it_in_force)
{
	question(20000, 20000);
	question(20000, 20000);
	question(20000, 16200);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	now_us += 2 * USEC_PER_SEC;
	question(20000, 20000);
	question(20000, 20000);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	question(20000, 20000);
	ck_assert_uint_eq(gre_prompt_limit(&p), GRE_PROMPT_OPEN);
}
END_TEST

START_TEST(what_waits_at_the_server_is_not_asked_about_again_for_two_seconds)
{
	question(20000, 12500);
	int64_t until_us = now_us + 2 * USEC_PER_SEC;
	for (; now_us < until_us - 20000; sample(20000, ALL - 1))
		ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	samples(HALF + 1, 20000, ALL - 1);
	ck_assert_uint_eq(gre_prompt_limit(&p), FEWER);
}
END_TEST

START_TEST(only_with_nearly_all_packets_on_their_way_a_round_trip_is_an_answer)
{
	samples(HALF - 1, 20000, ALL - 1);
	samples(20, 20000, ALL - 9);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	sample(20000, ALL - 8);
	ck_assert_uint_eq(gre_prompt_limit(&p), FEWER);
	samples(20, 20000, FEWER - 9);
	ck_assert_uint_eq(gre_prompt_limit(&p), FEWER);
	samples(HALF, 20000, FEWER - 8);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
}
END_TEST

START_TEST(a_question_that_is_not_answered_is_given_up_after_two_seconds)
{
	samples(HALF, 20000, ALL - 1);
	for (int64_t until_us = now_us + 2 * USEC_PER_SEC - HALF * 20000; now_us < until_us - 20000;
	     sample(20000, 0))
		ck_assert_uint_eq(gre_prompt_limit(&p), FEWER);
	samples(2, 20000, 0);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
}
END_TEST

START_TEST(a_prompt_round_trip_answers_the_question)
{
	question(20000, 20000);
	question(20000, 20000);
	samples(HALF, 20000, ALL - 1);
	sample(5000, FEWER - 1);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	samples(HALF - 1, 20000, ALL - 1);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	sample(20000, ALL - 1);
	samples(HALF, 20000, FEWER - 1);
	question(20000, 20000);
	ck_assert_uint_eq(gre_prompt_limit(&p), ALL);
	question(20000, 20000);
	ck_assert_uint_eq(gre_prompt_limit(&p), GRE_PROMPT_OPEN);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_prompt");
	TCase *tc = tcase_create("gre_prompt");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, eight_prompt_round_trips_in_a_row_make_a_server_prompt);
	tcase_add_test(tc, late_round_trips_below_the_limit_change_nothing);
	tcase_add_test(
	    tc, round_trips_that_are_as_long_with_fewer_packets_end_it_at_the_third_time);
	tcase_add_test(tc, round_trips_that_are_shorter_with_fewer_packets_leave_it_in_force);
	tcase_add_test(tc, what_waits_at_the_server_is_not_asked_about_again_for_two_seconds);
	tcase_add_test(tc, only_with_nearly_all_packets_on_their_way_a_round_trip_is_an_answer);
	tcase_add_test(tc, a_question_that_is_not_answered_is_given_up_after_two_seconds);
	tcase_add_test(tc, a_prompt_round_trip_answers_the_question);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
