/* SPDX-License-Identifier: ISC */
/* When the second raw socket watches and when it is parked, on the loopback device of a network namespace. */
#include "gateway/silence_watch.h"

#include <fcntl.h>

#include "sys/gre_watch.h"
#include "sys/netsock.h"
#include "raw_fixture.h"
#include "datapath_fixture.h"

enum {
	CALL = 0x1234,
	OTHER_CALL = 0x7777, /* of no process of this host */
};

static struct silence_watch watch;
static int watch_fd, conntrack = -1;

static void set_up_watch(void)
{
	static const struct netsock_options none = {0};
	ck_assert(private_net_enter());
	set_up();
	watch_fd = netsock_gre_watch_open(CALL, &none);
	ck_assert_int_ge(watch_fd, 0);
	watch = (struct silence_watch){.loop = &loop,
	    .path = path,
	    .fd = watch_fd,
	    .conntrack = &conntrack,
	    .details = {.local = address("127.0.0.1"),
		.server = address("127.0.0.2"),
		.call_id = CALL,
		.peer_call_id = SERVERS_CALL}};
	silence_watch_start(&watch);
}

static void tear_down_watch(void)
{
	silence_watch_stop(&watch);
	silence_watch_stop(&watch);
	close(watch_fd);
	tear_down();
}

static void tick(void)
{
	watch.timer.expired(&watch, loop_now_us(&loop));
}

static void send_other_call(void)
{
	const uint8_t packet[12] = {
	    0x30, 0x01, 0x88, 0x0b, 0, 0, OTHER_CALL >> 8, OTHER_CALL & 0xff};
	send_gre("127.0.0.2", packet, sizeof(packet));
}

/* Whether the socket gets what the server sends for another call. */
static bool is_watching(void)
{
	struct gre_watch_event event;
	send_other_call();
	return gre_watch_read(watch_fd, &event);
}

START_TEST(silence_watch_watches_until_the_server_has_answered_and_while_it_owes_an_answer)
{
	ck_assert(is_watching());
	tick();
	ck_assert(is_watching());
	path->rx.answers++;
	tick();
	ck_assert(!is_watching());
	ck_assert_int_eq(watch.timer.deadline_us, DEADLINE_NEVER);
	path->tx.asked++;
	tick();
	ck_assert(is_watching());
	ck_assert_int_ne(watch.timer.deadline_us, DEADLINE_NEVER);
	path->rx.answers++;
	tick();
	ck_assert(!is_watching());
}
END_TEST

START_TEST(silence_watch_counts_packets_for_another_call_until_the_server_answers)
{
	send_other_call();
	tick();
	ck_assert_uint_eq(path->stats.rx_invalid, 1);
	ck_assert_int_eq(watch.facts.seen, SILENCE_OTHER_CALL);
	ck_assert_uint_eq(watch.details.other_call, OTHER_CALL);
	path->rx.answers++;
	tick();
	ck_assert_int_eq(watch.facts.seen, SILENCE_NONE);
	ck_assert_uint_eq(path->stats.rx_invalid, 1);
}
END_TEST

START_TEST(silence_watch_sees_ICMP_errors_of_this_call_alone)
{
	send_icmp(3, 13, "127.0.0.2", SERVERS_CALL + 1);
	tick();
	ck_assert_int_eq(watch.facts.seen, SILENCE_NONE);
	send_icmp(3, 13, "127.0.0.2", SERVERS_CALL);
	tick();
	ck_assert_int_eq(watch.facts.seen, SILENCE_ICMP);
	ck_assert_uint_eq(watch.details.icmp.code, 13);
}
END_TEST

/* With what conntrack_open gives, once; the line goes to stderr. */
START_TEST(silence_watch_asks_whether_this_host_tracks_connections_when_there_is_a_line)
{
	int fds[2], null = open("/dev/null", O_WRONLY);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(write(fds[1], "7\n", 2), 2);
	ck_assert_int_eq(dup2(null, STDERR_FILENO), STDERR_FILENO);
	conntrack = fds[0];
	path->tx.asked++;
	tick();
	ck_assert_int_eq(conntrack, fds[0]);
	for (int i = 0; i < 100; i++)
		tick();
	ck_assert_int_eq(conntrack, -1);
	ck_assert(watch.details.tracks_connections);
	close(null);
	close(fds[1]);
}
END_TEST

START_TEST(silence_watch_ticks_a_quarter_of_a_second_after_the_question)
{
	int64_t before_us = loop_now_us(&loop);
	ck_assert_int_eq(watch.timer.deadline_us, DEADLINE_NEVER);
	silence_watch_on_asked(&watch);
	int64_t due_us = watch.timer.deadline_us;
	ck_assert_int_ge(due_us, before_us + 250 * USEC_PER_MSEC);
	ck_assert_int_le(due_us, loop_now_us(&loop) + 250 * USEC_PER_MSEC);
	silence_watch_on_asked(&watch);
	ck_assert_int_eq(watch.timer.deadline_us, due_us);
}
END_TEST

START_TEST(silence_watch_tells_the_next_call_again_what_it_told_the_one_before)
{
	int null = open("/dev/null", O_WRONLY);
	ck_assert_int_eq(dup2(null, STDERR_FILENO), STDERR_FILENO);
	for (int call = 0; call < 2; call++) {
		path->tx.asked++;
		for (int i = 0; i < 100; i++)
			tick();
		ck_assert_int_eq(watch.silence.reported, SILENCE_UNEXPLAINED);
		silence_watch_stop(&watch);
		watch.loop = &loop;
		silence_watch_start(&watch);
		ck_assert_int_eq(watch.silence.reported, SILENCE_NONE);
	}
	close(null);
}
END_TEST

START_TEST(silence_watch_remembers_an_icmp_error_when_the_server_asks_for_something)
{
	watch.facts.seen = SILENCE_ICMP;
	path->tx.asked++;
	tick();
	path->rx.datagrams++;
	tick();
	ck_assert_int_eq(watch.facts.seen, SILENCE_ICMP);
	path->rx.answers++;
	tick();
	ck_assert_int_eq(watch.facts.seen, SILENCE_NONE);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("silence_watch");
	TCase *tc = tcase_create("silence_watch");
	if (!private_net_possible()) {
		puts("ok 1 - silence_watch # SKIP neither root nor user namespaces\n1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tc, set_up_watch, tear_down_watch);
	tcase_add_test(
	    tc, silence_watch_watches_until_the_server_has_answered_and_while_it_owes_an_answer);
	tcase_add_test(tc, silence_watch_counts_packets_for_another_call_until_the_server_answers);
	tcase_add_test(tc, silence_watch_sees_ICMP_errors_of_this_call_alone);
	tcase_add_test(
	    tc, silence_watch_asks_whether_this_host_tracks_connections_when_there_is_a_line);
	tcase_add_test(tc, silence_watch_ticks_a_quarter_of_a_second_after_the_question);
	tcase_add_test(tc, silence_watch_tells_the_next_call_again_what_it_told_the_one_before);
	tcase_add_test(
	    tc, silence_watch_remembers_an_icmp_error_when_the_server_asks_for_something);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
