/* SPDX-License-Identifier: ISC */
/* When silence is worth a line: in seconds of facts, without a clock. */
#include "gre/silence.h"

#include <errno.h>

#include "unit.h"

static struct silence silence;
static struct silence_facts facts;
static int64_t now_us;

static void set_up(void)
{
	silence_init(&silence);
	facts = (struct silence_facts){0};
	now_us = 0;
}

/* What is said in so many seconds: the last cause, NONE where none is. */
static enum silence_cause said_in(int seconds)
{
	enum silence_cause last = SILENCE_NONE;
	for (int64_t left_us = seconds * USEC_PER_SEC; left_us > 0; left_us -= SILENCE_TICK_US) {
		now_us += SILENCE_TICK_US;
		enum silence_cause cause = silence_tick(&silence, &facts, now_us);
		last = cause ? cause : last;
	}
	return last;
}

START_TEST(silence_after_one_question_is_said_after_five_seconds_and_not_again_for_a_minute)
{
	facts.asked = 1;
	ck_assert(silence_is_pending(&silence, &facts));
	ck_assert_int_eq(said_in(4), SILENCE_NONE);
	ck_assert_int_eq(said_in(1), SILENCE_UNEXPLAINED);
	ck_assert_uint_eq(silence.ticks * SILENCE_TICK_US, 5 * USEC_PER_SEC);
	facts.asked = 20;
	ck_assert_int_eq(said_in(59), SILENCE_NONE);
	ck_assert_int_eq(said_in(1), SILENCE_UNEXPLAINED);
}
END_TEST

START_TEST(silence_without_a_question_is_none)
{
	ck_assert(!silence_is_pending(&silence, &facts));
	facts.sent = 100;
	ck_assert_int_eq(said_in(1000), SILENCE_NONE);
	facts.asked = facts.answers = 1;
	ck_assert_int_eq(said_in(1000), SILENCE_NONE);
	ck_assert(!silence_is_pending(&silence, &facts));
}
END_TEST

START_TEST(silence_on_a_link_that_has_carried_packets_takes_three_questions)
{
	facts.answers = facts.asked = 10;
	ck_assert_int_eq(said_in(1), SILENCE_NONE);
	facts.asked += 2;
	ck_assert_int_eq(said_in(100), SILENCE_NONE);
	facts.asked++;
	facts.sent = 5;
	ck_assert_int_eq(said_in(1), SILENCE_UNEXPLAINED);
	facts.answers++;
	ck_assert_int_eq(said_in(1), SILENCE_NONE);
	ck_assert_uint_eq(silence.ticks, 0);
	ck_assert_uint_eq(silence.sent, 5);
}
END_TEST

START_TEST(silence_is_ended_by_any_answer)
{
	for (int i = 0; i < 100; i++) {
		facts.asked += 3;
		ck_assert_int_eq(said_in(4), SILENCE_NONE);
		facts.answers++;
		ck_assert_int_eq(said_in(1), SILENCE_NONE);
	}
}
END_TEST

START_TEST(silence_names_the_most_certain_cause_and_says_again_when_it_is_more_certain_than_before)
{
	facts.asked = 1;
	ck_assert_int_eq(said_in(6), SILENCE_UNEXPLAINED);
	facts.seen = SILENCE_ICMP;
	ck_assert_int_eq(said_in(10), SILENCE_ICMP);
	facts.seen = SILENCE_OTHER_CALL;
	ck_assert_int_eq(said_in(1), SILENCE_OTHER_CALL);
	facts.seen = SILENCE_OTHER_SOURCE;
	ck_assert_int_eq(said_in(1), SILENCE_OTHER_SOURCE);
	facts.refusal = EPERM;
	ck_assert_int_eq(said_in(4), SILENCE_NONE);
	ck_assert_int_eq(said_in(1), SILENCE_REFUSED);
	facts.refusal = 0;
	ck_assert_int_eq(said_in(46), SILENCE_NONE);
}
END_TEST

START_TEST(packets_that_are_no_answers_do_not_end_the_silence)
{
	facts.asked = 2;
	for (int i = 0; i < 4; i++) {
		facts.received++;
		ck_assert_int_eq(said_in(1), SILENCE_NONE);
	}
	ck_assert_int_eq(said_in(1), SILENCE_UNEXPLAINED);
	ck_assert_uint_eq(silence.received, 0);
}
END_TEST

START_TEST(refusal_is_said_after_five_seconds_also_while_the_server_sends)
{
	for (int i = 0; i < 10; i++) {
		facts.asked++;
		facts.answers++;
		facts.refusal = i % 2 ? EPERM : 0;
		ck_assert_int_eq(said_in(1), SILENCE_NONE);
	}
	for (int i = 0; i < 3; i++) {
		facts.answers++;
		facts.refusal = EPERM;
		ck_assert_int_eq(said_in(1), SILENCE_NONE);
	}
	ck_assert_int_eq(said_in(1), SILENCE_REFUSED);
	ck_assert(silence_is_pending(&silence, &facts));
}
END_TEST

START_TEST(no_route_is_no_silence_of_the_server)
{
	facts.asked = 1;
	facts.refusal = ENETUNREACH;
	ck_assert_int_eq(said_in(100), SILENCE_NONE);
	facts.refusal = 0;
	ck_assert_int_eq(said_in(100), SILENCE_NONE);
	facts.asked++;
	ck_assert_int_eq(said_in(5), SILENCE_UNEXPLAINED);
}
END_TEST

START_TEST(links_that_fall_silent_again_and_again_are_told_once_a_minute)
{
	int lines = 0;
	facts.answers = facts.asked = 1;
	ck_assert_int_eq(said_in(1), SILENCE_NONE);
	for (int i = 0; i < 100; i++) { /* 600 s */
		facts.asked += 3;
		lines += said_in(5) != SILENCE_NONE;
		facts.answers++;
		ck_assert_int_eq(said_in(1), SILENCE_NONE);
	}
	ck_assert_int_eq(lines, 10);
}
END_TEST

/* As when a packet filter is loaded anew. */
START_TEST(silence_by_refusal_is_not_said_for_a_moment_of_it_while_an_answer_is_missing)
{
	facts.asked = facts.answers = 10;
	ck_assert_int_eq(said_in(1), SILENCE_NONE);
	facts.asked++;
	ck_assert_int_eq(said_in(30), SILENCE_NONE);
	facts.asked++;
	facts.refusal = EPERM;
	ck_assert_int_eq(said_in(4), SILENCE_NONE);
	facts.refusal = 0;
	facts.answers++;
	ck_assert_int_eq(said_in(10), SILENCE_NONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("silence");
	TCase *tc = tcase_create("silence");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(
	    tc, silence_after_one_question_is_said_after_five_seconds_and_not_again_for_a_minute);
	tcase_add_test(tc, silence_without_a_question_is_none);
	tcase_add_test(tc, silence_on_a_link_that_has_carried_packets_takes_three_questions);
	tcase_add_test(tc, silence_is_ended_by_any_answer);
	tcase_add_test(tc,
	    silence_names_the_most_certain_cause_and_says_again_when_it_is_more_certain_than_before);
	tcase_add_test(tc, packets_that_are_no_answers_do_not_end_the_silence);
	tcase_add_test(tc, refusal_is_said_after_five_seconds_also_while_the_server_sends);
	tcase_add_test(tc, no_route_is_no_silence_of_the_server);
	tcase_add_test(tc, links_that_fall_silent_again_and_again_are_told_once_a_minute);
	tcase_add_test(
	    tc, silence_by_refusal_is_not_said_for_a_moment_of_it_while_an_answer_is_missing);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
