/* SPDX-License-Identifier: ISC */
/* Netlink's framing by its bytes: a socket pair plays the kernel. test_routing.c has the real one. */
#include "sys/rtnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

enum {
	PACKET = 8192, /* what rtnl_open maps */
	HEADER = 16,
	TYPE = RTM_NEWROUTE,
};

static struct rtnl rtnl;
static int kernel;
static uint8_t packet[PACKET + 4];
static size_t packet_len;

/* What the handler saw: the length and the first byte of each body. */
static struct {
	size_t count;
	size_t len[8];
	uint8_t first[8];
} seen;

static void set_up(void)
{
	int fds[2];
	ck_assert_int_eq(rtnl_open(&rtnl, NETLINK_ROUTE, 0), 0);
	close(rtnl.fd);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	rtnl.fd = fds[0];
	kernel = fds[1];
	packet_len = 0;
	memset(&seen, 0, sizeof(seen));
}

static void tear_down(void)
{
	rtnl_close(&rtnl);
	close(kernel);
}

static void handle(void *context, uint16_t type, struct rtnl_view body)
{
	ck_assert_ptr_eq(context, &seen);
	ck_assert_uint_eq(type, TYPE);
	if (seen.count < sizeof(seen.first)) {
		seen.len[seen.count] = body.len;
		seen.first[seen.count] = body.len ? body.bytes[0] : 0;
	}
	seen.count++;
}

static void add_message(uint16_t type, uint16_t flags, uint32_t seq, const void *body, size_t len)
{
	const struct nlmsghdr h = {.nlmsg_len = (uint32_t)(HEADER + len),
	    .nlmsg_type = type,
	    .nlmsg_flags = flags,
	    .nlmsg_seq = seq};
	memcpy(packet + packet_len, &h, sizeof(h));
	memset(packet + packet_len + HEADER, 0, NLMSG_ALIGN(len));
	memcpy(packet + packet_len + HEADER, body, len);
	packet_len += HEADER + NLMSG_ALIGN(len);
}

static void send_packet(void)
{
	ck_assert_int_eq(send(kernel, packet, packet_len, 0), (ssize_t)packet_len);
	packet_len = 0;
}

static int notifications(void)
{
	return rtnl_notifications(&rtnl, handle, &seen);
}

/* The outcome of a request; what the kernel answers has been sent. */
static int talk(void)
{
	struct rtnl_request q;
	rtnl_start(&q, RTM_GETROUTE, 0, NULL, 0);
	return rtnl_talk(&rtnl, &q, handle, &seen);
}

static void add_outcome(uint16_t type, int32_t error)
{
	add_message(type, 0, 1, &error, sizeof(error));
}

START_TEST(rtnl_pads_what_it_sends_to_multiples_of_four)
{
	struct rtnl_request q, inner;
	struct {
		struct nlmsghdr h;
		uint8_t fixed[4];
		uint8_t first[8], second[8], nested[12];
	} wanted = {.h = {.nlmsg_len = sizeof(wanted),
			.nlmsg_type = TYPE,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
			.nlmsg_seq = 1}};
	uint8_t got[64];

	add_outcome(NLMSG_ERROR, 0);
	send_packet();
	rtnl_start(&q, TYPE, 0, "f", 1);
	memcpy(wanted.fixed, "f", 1);
	rtnl_put(&q, 5, "a", 1);
	memcpy(wanted.first, &(struct rtattr){.rta_type = 5, .rta_len = 5}, 4);
	wanted.first[4] = 'a';
	rtnl_put(&q, 6, "abcd", 4);
	memcpy(wanted.second, &(struct rtattr){.rta_type = 6, .rta_len = 8}, 4);
	memcpy(wanted.second + 4, "abcd", 4);
	rtnl_start(&inner, TYPE, 0, NULL, 0);
	inner.len = 0;
	rtnl_put(&inner, 7, "xyz", 3);
	rtnl_put_nested(&q, 8, &inner);
	memcpy(wanted.nested, &(struct rtattr){.rta_type = 8 | NLA_F_NESTED, .rta_len = 12}, 4);
	memcpy(wanted.nested + 4, &(struct rtattr){.rta_type = 7, .rta_len = 7}, 4);
	memcpy(wanted.nested + 8, "xyz", 3);
	ck_assert_int_eq(rtnl_talk(&rtnl, &q, NULL, NULL), 0);
	ck_assert_int_eq(recv(kernel, got, sizeof(got), 0), (ssize_t)sizeof(wanted));
	ck_assert_mem_eq(got, &wanted, sizeof(wanted));
}
END_TEST

START_TEST(rtnl_sends_no_request_that_is_too_long)
{
	struct rtnl_request q, whole;
	static const uint8_t bytes[sizeof(q.bytes)];
	uint8_t got[sizeof(q.bytes)];

	for (size_t over = 0; over < 2; over++) {
		rtnl_start(&q, TYPE, 0, NULL, 0);
		rtnl_put(&q, 5, bytes, sizeof(q.bytes) - HEADER - 4 + over);
		add_outcome(NLMSG_ERROR, 0);
		send_packet();
		ck_assert_int_eq(rtnl_talk(&rtnl, &q, NULL, NULL), over ? -EMSGSIZE : 0);
		ck_assert_int_eq(
		    recv(kernel, got, sizeof(got), 0), over ? -1 : (ssize_t)sizeof(got));
	}
	rtnl_start(&whole, TYPE, 0, NULL, 0);
	rtnl_put_nested(&whole, 5, &q);
	ck_assert_int_eq(rtnl_talk(&rtnl, &whole, NULL, NULL), -EMSGSIZE);
}
END_TEST

START_TEST(rtnl_does_not_ask_for_an_acknowledgment_of_a_dump)
{
	struct rtnl_request q;
	struct nlmsghdr h;

	rtnl_start(&q, RTM_GETROUTE, NLM_F_DUMP, NULL, 0);
	add_outcome(NLMSG_DONE, 0);
	send_packet();
	ck_assert_int_eq(rtnl_talk(&rtnl, &q, NULL, NULL), 0);
	ck_assert_int_eq(recv(kernel, &h, sizeof(h), 0), (ssize_t)sizeof(h));
	ck_assert_uint_eq(h.nlmsg_flags, NLM_F_REQUEST | NLM_F_DUMP);
}
END_TEST

START_TEST(rtnl_returns_the_outcome_after_the_messages_before_it)
{
	add_message(TYPE, 0, 1, "abcde", 5);
	add_message(TYPE, 0, 1, "", 0);
	send_packet();
	add_message(TYPE, 0, 1, "x", 1);
	add_outcome(NLMSG_ERROR, -ENODEV);
	add_message(TYPE, 0, 1, "y", 1);
	send_packet();
	ck_assert_int_eq(talk(), -ENODEV);
	ck_assert_uint_eq(seen.count, 3);
	ck_assert_uint_eq(seen.len[0], 5);
	ck_assert_uint_eq(seen.first[0], 'a');
	ck_assert_uint_eq(seen.len[1], 0);
	ck_assert_uint_eq(seen.first[2], 'x');
}
END_TEST

START_TEST(rtnl_reads_on_behind_an_empty_packet)
{
	send_packet();
	add_outcome(NLMSG_ERROR, -ENODEV);
	send_packet();
	ck_assert_int_eq(talk(), -ENODEV);
}
END_TEST

START_TEST(rtnl_takes_an_end_without_an_errno_for_success)
{
	add_message(NLMSG_DONE, 0, 1, "abc", 3);
	send_packet();
	ck_assert_int_eq(talk(), 0);
}
END_TEST

START_TEST(rtnl_ignores_what_answers_another_request)
{
	const int32_t error = -ENODEV;

	add_message(TYPE, NLM_F_DUMP_INTR, 77, "a", 1);
	add_message(NLMSG_ERROR, 0, 77, &error, sizeof(error));
	add_message(TYPE, 0, 1, "b", 1);
	add_outcome(NLMSG_DONE, 0);
	send_packet();
	ck_assert_int_eq(talk(), 0);
	ck_assert_uint_eq(seen.count, 1);
	ck_assert_uint_eq(seen.first[0], 'b');
}
END_TEST

START_TEST(rtnl_asks_for_another_try_of_a_dump_that_routes_changed_under)
{
	for (int32_t error = 0; error >= -ENODEV; error -= ENODEV) {
		add_message(TYPE, NLM_F_DUMP_INTR, rtnl.sequence + 1, "a", 1);
		add_message(TYPE, 0, rtnl.sequence + 1, "b", 1);
		add_message(NLMSG_DONE, 0, rtnl.sequence + 1, &error, sizeof(error));
		send_packet();
		ck_assert_int_eq(talk(), error ? error : -EAGAIN);
	}
}
END_TEST

START_TEST(rtnl_ends_a_talk_to_which_the_answer_fails)
{
	ck_assert_int_eq(talk(), -EAGAIN); /* this socket does not wait */
}
END_TEST

START_TEST(rtnl_stops_at_a_message_that_does_not_lie_in_its_packet)
{
	static const uint32_t wrong[] = {0, HEADER - 1, HEADER + 5, UINT32_MAX};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		memset(&seen, 0, sizeof(seen));
		add_message(TYPE, 0, 0, "abcd", 4);
		memcpy(packet + packet_len, &wrong[i], sizeof(wrong[i]));
		packet_len += HEADER + 4;
		send_packet();
		ck_assert_int_eq(notifications(), 0);
		ck_assert_uint_eq(seen.count, 1);
	}
	add_message(TYPE, 0, 0, "abcd", 4);
	packet_len--;
	send_packet();
	ck_assert_int_eq(notifications(), 0);
	ck_assert_uint_eq(seen.count, 1);
}
END_TEST

START_TEST(rtnl_passes_on_the_notifications_of_64_packets_at_once)
{
	for (int i = 0; i < 70; i++) {
		add_message(TYPE, 0, 0, "a", 1);
		add_message(TYPE, 0, 0, "", 0);
		send_packet();
	}
	ck_assert_int_eq(notifications(), 0);
	ck_assert_uint_eq(seen.count, 2 * 64);
	ck_assert_int_eq(notifications(), 0);
	ck_assert_uint_eq(seen.count, 2 * 70);
}
END_TEST

START_TEST(rtnl_reports_a_packet_that_was_cut_and_reads_the_others)
{
	packet_len = sizeof(packet);
	send_packet();
	add_message(TYPE, 0, 0, "a", 1);
	send_packet();
	ck_assert_int_eq(notifications(), -ENOBUFS);
	ck_assert_uint_eq(seen.count, 1);
}
END_TEST

/* Of the receive buffer, as the smallest page has it. */
static unsigned pages_in_memory(void)
{
	unsigned char pages[PACKET / 4096] = {0};
	unsigned count = 0;
	ck_assert_int_eq(mincore(rtnl.packet, PACKET, pages), 0);
	for (size_t i = 0; i < sizeof(pages); i++)
		count += pages[i] & 1;
	return count;
}

START_TEST(rtnl_keeps_no_memory_for_what_was_received)
{
	add_message(TYPE, 0, 1, "a", 1);
	add_outcome(NLMSG_ERROR, 0);
	send_packet();
	ck_assert_int_eq(talk(), 0);
	ck_assert_uint_eq(pages_in_memory(), 0);
	add_message(TYPE, 0, 0, "a", 1);
	send_packet();
	ck_assert_int_eq(notifications(), 0);
	ck_assert_uint_eq(pages_in_memory(), 0);
	rtnl.packet[0] = 1;
	ck_assert_uint_eq(pages_in_memory(), 1);
}
END_TEST

START_TEST(rtnl_opens_and_closes_the_descriptor_0_too)
{
	rtnl_close(&rtnl);
	close(STDIN_FILENO);
	ck_assert_int_eq(rtnl_open(&rtnl, NETLINK_ROUTE, 0), 0);
	ck_assert_int_eq(rtnl.fd, STDIN_FILENO);
	rtnl_close(&rtnl);
	ck_assert_int_eq(close(STDIN_FILENO), -1);
}
END_TEST

START_TEST(rtnl_takes_notifications_of_the_kernel_alone)
{
	struct sockaddr_nl address = {0};
	socklen_t len = sizeof(address);

	rtnl_close(&rtnl);
	ck_assert_int_eq(rtnl_open(&rtnl, NETLINK_USERSOCK, 1), 0);
	ck_assert_int_eq(getsockname(rtnl.fd, (struct sockaddr *)&address, &len), 0);
	int other = socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK);
	add_message(TYPE, 0, 0, "a", 1);
	address.nl_groups = 0;
	ck_assert_int_eq(sendto(other, packet, packet_len, 0, (const struct sockaddr *)&address,
			     sizeof(address)),
	    (ssize_t)packet_len);
	ck_assert_int_eq(notifications(), 0);
	ck_assert_uint_eq(seen.count, 0);
	close(other);
}
END_TEST

START_TEST(rtnl_attributes_end_where_one_does_not_fit)
{
	const struct attributes {
		struct rtattr first;
		uint8_t data[4];
		struct rtattr empty, last;
		uint8_t cut[3];
	} bytes = {.first = {.rta_len = 5, .rta_type = 0xc007},
	    .data = "a",
	    .empty = {.rta_len = 4, .rta_type = 8},
	    .last = {.rta_len = 8, .rta_type = 9}};
	const struct rtattr short_one = {.rta_len = 3};
	struct rtnl_view v = {(const uint8_t *)&bytes, offsetof(struct attributes, cut) + 3};
	struct rtnl_attribute a;

	ck_assert(rtnl_next(&v, &a));
	ck_assert_uint_eq(a.type, 7); /* without its flags */
	ck_assert_uint_eq(a.len, 1);
	ck_assert_uint_eq(a.data[0], 'a');
	ck_assert(rtnl_next(&v, &a));
	ck_assert_uint_eq(a.type, 8);
	ck_assert_uint_eq(a.len, 0);
	ck_assert(!rtnl_next(&v, &a));
	for (size_t len = 0; len <= sizeof(short_one); len++) {
		v = (struct rtnl_view){(const uint8_t *)&short_one, len};
		ck_assert(!rtnl_next(&v, &a));
	}
}
END_TEST

START_TEST(rtnl_takes_a_short_number_for_0)
{
	const uint32_t value = 77;
	ck_assert_uint_eq(
	    rtnl_u32(&(struct rtnl_attribute){.data = (const uint8_t *)&value, .len = 4}), 77);
	ck_assert_uint_eq(
	    rtnl_u32(&(struct rtnl_attribute){.data = (const uint8_t *)&value, .len = 3}), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rtnl");
	TCase *tc = tcase_create("rtnl");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, rtnl_pads_what_it_sends_to_multiples_of_four);
	tcase_add_test(tc, rtnl_sends_no_request_that_is_too_long);
	tcase_add_test(tc, rtnl_does_not_ask_for_an_acknowledgment_of_a_dump);
	tcase_add_test(tc, rtnl_returns_the_outcome_after_the_messages_before_it);
	tcase_add_test(tc, rtnl_reads_on_behind_an_empty_packet);
	tcase_add_test(tc, rtnl_takes_an_end_without_an_errno_for_success);
	tcase_add_test(tc, rtnl_ignores_what_answers_another_request);
	tcase_add_test(tc, rtnl_asks_for_another_try_of_a_dump_that_routes_changed_under);
	tcase_add_test(tc, rtnl_ends_a_talk_to_which_the_answer_fails);
	tcase_add_test(tc, rtnl_stops_at_a_message_that_does_not_lie_in_its_packet);
	tcase_add_test(tc, rtnl_passes_on_the_notifications_of_64_packets_at_once);
	tcase_add_test(tc, rtnl_reports_a_packet_that_was_cut_and_reads_the_others);
	tcase_add_test(tc, rtnl_keeps_no_memory_for_what_was_received);
	tcase_add_test(tc, rtnl_opens_and_closes_the_descriptor_0_too);
	tcase_add_test(tc, rtnl_takes_notifications_of_the_kernel_alone);
	tcase_add_test(tc, rtnl_attributes_end_where_one_does_not_fit);
	tcase_add_test(tc, rtnl_takes_a_short_number_for_0);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
