/* SPDX-License-Identifier: ISC */
/* What the watching socket sees on the loopback device of a network namespace that each test has for itself. */
#include "sys/gre_watch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "sys/netsock.h"
#include "raw_fixture.h"

enum {
	CALL = 0x1234,
	PEER = 0x0777,
	IP_HEADER = 20,
};

static const struct netsock_options none = {0};
static int fd;
static struct gre_watch_event event;

static void set_up(void)
{
	ck_assert(private_net_enter());
	fd = netsock_gre_watch_open(CALL, &none);
	ck_assert_int_ge(fd, 0);
}

/* A GRE packet with 100 bytes of payload from `source` to 127.0.0.1. */
static void send_call(const char *source, unsigned call)
{
	uint8_t packet[112] = {
	    0x30, 0x01, 0x88, 0x0b, 0, 100, (uint8_t)(call >> 8), (uint8_t)call, 0, 0, 0, 1};
	send_gre(source, packet, sizeof(packet));
}

START_TEST(watch_sees_the_servers_packets_for_other_calls_only)
{
	ck_assert_int_eq(gre_watch_start(fd, address("127.0.0.2")), 0);
	send_call("127.0.0.2", CALL);
	send_call("127.0.0.3", CALL + 1);
	send_call("127.0.0.2", CALL + 2);
	ck_assert(gre_watch_read(fd, &event));
	ck_assert_int_eq(event.kind, GRE_WATCH_CALL);
	ck_assert_uint_eq(event.call_id, CALL + 2);
	ck_assert(!gre_watch_read(fd, &event));
}
END_TEST

START_TEST(watch_forgets_what_came_before_the_server_was_known)
{
	for (unsigned i = 1; i < 100; i++)
		send_call("127.0.0.2", CALL + i);
	ck_assert_int_eq(gre_watch_start(fd, address("127.0.0.2")), 0);
	ck_assert(!gre_watch_read(fd, &event));
	send_call("127.0.0.2", CALL + 1);
	ck_assert(gre_watch_read(fd, &event));
}
END_TEST

START_TEST(watch_cannot_see_what_other_calls_carry)
{
	uint8_t datagram[256];
	int ignored = 0;
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof(ignored)), -1);
	ck_assert_int_eq(errno, EPERM);
	send_call("127.0.0.2", CALL + 1);
	ck_assert_int_eq(recv(fd, datagram, sizeof(datagram), MSG_TRUNC), IP_HEADER + 8);
}
END_TEST

START_TEST(watch_that_is_parked_sees_nothing_until_it_is_started_again)
{
	ck_assert_int_eq(gre_watch_start(fd, address("127.0.0.2")), 0);
	gre_watch_park(fd, address("127.0.0.1"));
	send_call("127.0.0.2", CALL + 1);
	ck_assert(!gre_watch_read(fd, &event));
	ck_assert_int_eq(gre_watch_start(fd, address("127.0.0.2")), 0);
	send_call("127.0.0.2", CALL + 1);
	ck_assert(gre_watch_read(fd, &event));
}
END_TEST

START_TEST(watch_sees_ICMP_errors_with_the_router_and_the_call_that_they_answer)
{
	ck_assert_int_eq(gre_watch_start(fd, address("127.0.0.2")), 0);
	send_icmp(3, 13, "127.0.0.2", PEER);
	send_icmp(3, 2, "127.0.0.3", PEER);
	send_icmp(11, 0, "127.0.0.2", PEER + 1);
	ck_assert(gre_watch_read(fd, &event));
	ck_assert_int_eq(event.kind, GRE_WATCH_ICMP);
	ck_assert_uint_eq(event.icmp.from.s_addr, address("127.0.0.9").s_addr);
	ck_assert_uint_eq(event.icmp.type, 3);
	ck_assert_uint_eq(event.icmp.code, 13);
	ck_assert_uint_eq(event.call_id, PEER);
	ck_assert(gre_watch_read(fd, &event));
	ck_assert_uint_eq(event.icmp.type, 11);
	ck_assert_uint_eq(event.call_id, PEER + 1);
	ck_assert(!gre_watch_read(fd, &event));
}
END_TEST

START_TEST(watch_without_a_socket_sees_nothing)
{
	ck_assert_int_eq(gre_watch_start(-1, address("127.0.0.2")), -EBADF);
	gre_watch_park(-1, address("127.0.0.1"));
	ck_assert(!gre_watch_read(-1, &event));
}
END_TEST

START_TEST(call_id_of_a_live_call_may_be_in_use_and_any_other_is_not)
{
	struct netsock_holder holder;
	uint16_t id;
	int held = netsock_reserve_call_id(CALL, &id, &holder);
	ck_assert_int_ge(held, 0);
	ck_assert(netsock_call_id_may_be_in_use(CALL));
	ck_assert(!netsock_call_id_may_be_in_use(CALL + 1));
	close(held);
	ck_assert(!netsock_call_id_may_be_in_use(CALL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_watch");
	TCase *tc = tcase_create("gre_watch");
	if (!private_net_possible()) {
		puts("ok 1 - gre_watch # SKIP neither root nor user namespaces\n1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, watch_sees_the_servers_packets_for_other_calls_only);
	tcase_add_test(tc, watch_forgets_what_came_before_the_server_was_known);
	tcase_add_test(tc, watch_cannot_see_what_other_calls_carry);
	tcase_add_test(tc, watch_that_is_parked_sees_nothing_until_it_is_started_again);
	tcase_add_test(tc, watch_sees_ICMP_errors_with_the_router_and_the_call_that_they_answer);
	tcase_add_test(tc, watch_without_a_socket_sees_nothing);
	tcase_add_test(tc, call_id_of_a_live_call_may_be_in_use_and_any_other_is_not);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
