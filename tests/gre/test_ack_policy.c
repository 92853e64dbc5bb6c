/* SPDX-License-Identifier: ISC */
/* When the session acknowledges: its ACK policy over time, against simulated servers. */
#include "path_fixture.h"

#include <stdio.h>

static void serve(struct server *s, int64_t spacing_us, int64_t duration_us)
{
	int64_t end_us = now_us + duration_us, next_us = now_us;
	for (; now_us < end_us; now_us += STEP_US) {
		server_receive(s);
		if (now_us >= next_us) {
			next_us += spacing_us;
			server_send(s);
		}
		run_gateway();
		send_ack_only_if_due();
		latency_count = 0;
	}
}

/* The fraction of the rate that the window allows, and the ACK-onlys per packet. */
static void check_window(uint32_t window, double least_rate, double most_acks)
{
	struct server s = {.window = window};
	start();
	serve(&s, 100, 2 * SECOND); /* to learn the window */
	seq32 sent = s.sent;
	uint64_t ack_onlys = s.ack_onlys;
	serve(&s, 100, 8 * SECOND);
	double packets = (double)(s.sent - sent);
	double ideal = 8.0 * window / 0.020;
	if (ideal > 8.0 * 10000)
		ideal = 8.0 * 10000;
	double rate = packets / ideal, acks = (double)(s.ack_onlys - ack_onlys) / packets;
	printf("# window %u: %.3f of the rate, %.4f ACK-onlys per packet\n", window, rate, acks);
	ck_assert_double_ge(rate, least_rate);
	ck_assert_double_le(acks, most_acks);
}

START_TEST(a_server_with_a_window_of_8_keeps_its_rate)
{
	check_window(8, 0.75, 0.13);
}
END_TEST

START_TEST(a_server_with_a_window_of_12_gets_few_ack_onlys)
{
	check_window(12, 0.75, 0.09);
}
END_TEST

START_TEST(a_server_with_a_window_of_64_keeps_its_rate_with_few_ack_onlys)
{
	check_window(64, 0.7, 0.06);
}
END_TEST

START_TEST(a_server_with_the_advertised_window_keeps_its_rate_with_few_ack_onlys)
{
	check_window(1024, 0.99, 0.05);
}
END_TEST

START_TEST(a_server_without_a_window_gets_few_ack_onlys)
{
	check_window(UINT32_MAX, 0.99, 0.02);
}
END_TEST

START_TEST(a_slow_one_way_stream_gets_few_ack_onlys)
{
	struct server s = {.window = 1024};
	start();
	serve(&s, 100 * MS, 60 * SECOND); /* 10 packets/s */
	ck_assert_double_lt((double)s.ack_onlys, (double)s.sent / 2.9);
	ck_assert_uint_gt(s.ack_onlys, 10);
}
END_TEST

/* As a TCP transfer does: we send one packet for each two received, `reply_after_us` later. */
static uint64_t ack_onlys_of_a_download(uint32_t window, int64_t reply_after_us)
{
	struct server s = {.window = window};
	int64_t reply_us = DEADLINE_NEVER, end_us;
	uint64_t seen = 0;
	start();
	end_us = now_us + 10 * SECOND;
	for (; now_us < end_us; now_us += STEP_US) {
		server_receive(&s);
		server_send(&s);
		run_gateway();
		latency_count = 0;
		if (stats.rx_accepted >= seen + 2 && reply_us == DEADLINE_NEVER) {
			seen = stats.rx_accepted;
			reply_us = now_us + reply_after_us;
		}
		if (now_us >= reply_us) {
			struct gre_header h;
			gre_session_send(&session, now_us, 40, &h);
			wire_put(&to_server, now_us + ONE_WAY_US, &h);
			reply_us = DEADLINE_NEVER;
		}
		send_ack_only_if_due();
	}
	ck_assert_uint_gt(s.sent, 5000);
	return s.ack_onlys;
}

START_TEST(no_ack_only_is_sent_if_data_flows_back)
{
	ck_assert_uint_le(ack_onlys_of_a_download(1024, 50), 1);
	ck_assert_uint_le(ack_onlys_of_a_download(1024, 1000), 1);
	ck_assert_uint_le(ack_onlys_of_a_download(64, 100), 1);
}
END_TEST

/* One request each `every_us`, its response a round trip later: the ACK-onlys for `n` requests. */
static uint64_t ack_onlys_of_requests(int64_t every_us, unsigned n)
{
	struct server s = {.window = 1024};
	uint64_t responses = 0;
	start();
	for (int64_t end_us = now_us + n * every_us, request_us = now_us; now_us < end_us;
	     now_us += STEP_US) {
		if (now_us >= request_us) {
			request_us += every_us;
			struct gre_header h;
			gre_session_send(&session, now_us, 40, &h);
			wire_put(&to_server, now_us + ONE_WAY_US, &h);
		}
		server_receive(&s);
		if (s.received_n > responses) {
			responses++;
			server_send(&s);
		}
		run_gateway();
		send_ack_only_if_due();
		latency_count = 0;
	}
	return s.ack_onlys;
}

START_TEST(requests_and_responses_need_no_ack_only)
{
	ck_assert_uint_eq(ack_onlys_of_requests(50 * MS, 100), 0);
	ck_assert_uint_eq(ack_onlys_of_requests(200 * MS, 100), 0);
	ck_assert_uint_le(ack_onlys_of_requests(280 * MS, 100), 100);
	ck_assert_uint_le(ack_onlys_of_requests(1000 * MS, 100), 100);
}
END_TEST

/* How often a sleeping gateway would wake in `duration_us` with nothing arriving. */
static unsigned wake_ups(int64_t duration_us)
{
	unsigned n = 0;
	int64_t end_us = now_us + duration_us, at_us;
	while ((at_us = next_deadline()) < end_us) {
		now_us = at_us > now_us ? at_us : now_us;
		gre_session_on_deadline(&session, now_us);
		drain();
		send_ack_only_if_due();
		ck_assert_uint_lt(++n, 100);
	}
	now_us = end_us;
	return n;
}

START_TEST(an_idle_session_causes_no_wake_up)
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
	Suite *suite = suite_create("ack_policy");
	TCase *tc = tcase_create("ack_policy");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_server_with_a_window_of_8_keeps_its_rate);
	tcase_add_test(tc, a_server_with_a_window_of_12_gets_few_ack_onlys);
	tcase_add_test(tc, a_server_with_a_window_of_64_keeps_its_rate_with_few_ack_onlys);
	tcase_add_test(tc, a_server_with_the_advertised_window_keeps_its_rate_with_few_ack_onlys);
	tcase_add_test(tc, a_server_without_a_window_gets_few_ack_onlys);
	tcase_add_test(tc, a_slow_one_way_stream_gets_few_ack_onlys);
	tcase_add_test(tc, no_ack_only_is_sent_if_data_flows_back);
	tcase_add_test(tc, requests_and_responses_need_no_ack_only);
	tcase_add_test(tc, an_idle_session_causes_no_wake_up);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
