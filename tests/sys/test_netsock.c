/* SPDX-License-Identifier: ISC */
/* The sockets over the real loopback of a network namespace of each test's own. */
#include "sys/netsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/private_net.h"
#include "tests/unit.h"

enum {
	CALL = 0x1234
};

static const struct netsock_options none = {0};
static uint16_t only_random; /* all that getrandom gives, where it is not 0 */

ssize_t getrandom(void *to, size_t len, unsigned flags)
{
	if (only_random == 0 || len != sizeof(only_random))
		return syscall(SYS_getrandom, to, len, flags);
	memcpy(to, &only_random, len);
	return (ssize_t)len;
}

static struct in_addr address(const char *text)
{
	struct in_addr a;
	ck_assert_int_eq(inet_pton(AF_INET, text, &a), 1);
	return a;
}

static void set_up(void)
{
	ck_assert(private_net_enter());
}

/* Sends a GRE packet from 127.0.0.2 (or `source`) to 127.0.0.1. */
static void send_gre(const char *source, const void *packet, size_t len)
{
	int fd = socket(AF_INET, SOCK_RAW, 47);
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = address(source)};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = address("127.0.0.1")};
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
	ck_assert_int_eq(
	    sendto(fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)len);
	close(fd);
}

/* A well-formed packet to `call` whose payload is one octet. */
static void send_call(const char *source, unsigned call, char payload)
{
	uint8_t packet[] = {0x30, 0x01, 0x88, 0x0b, 0, 1, (uint8_t)(call >> 8), (uint8_t)call, 0, 0,
	    0, 0, (uint8_t)payload};
	send_gre(source, packet, sizeof(packet));
}

/* The last octets of the packets that are there; loopback delivers before send returns. */
static const char *received(int fd)
{
	static char text[64];
	uint8_t packet[256];
	size_t count = 0;
	for (ssize_t n; (n = recv(fd, packet, sizeof(packet), 0)) > 0;)
		text[count++] = (char)packet[n - 1];
	ck_assert_int_eq(errno, EAGAIN);
	text[count] = '\0';
	return text;
}

static int get_int(int fd, int level, int option)
{
	int value = -1;
	socklen_t len = sizeof(value);
	ck_assert_int_eq(getsockopt(fd, level, option, &value, &len), 0);
	return value;
}

START_TEST(netsock_gre_lets_in_its_own_call_only)
{
	int fd = netsock_gre_open(CALL, &none);
	ck_assert_int_ge(fd, 0);
	send_call("127.0.0.2", CALL, 'a');
	send_call("127.0.0.2", CALL + 1, 'b');
	send_call("127.0.0.2", CALL ^ 0x100, 'c');
	send_call("127.0.0.2", CALL, 'd');
	ck_assert_str_eq(received(fd), "ad");
	close(fd);
}
END_TEST

START_TEST(netsock_gre_keeps_other_versions_protocols_and_stumps_out)
{
	int fd = netsock_gre_open(CALL, &none);
	static const uint8_t plain[] = {0x20, 0x00, 0x88, 0x0b, 0, 1, 0x12, 0x34, 'x'};
	static const uint8_t ip[] = {0x30, 0x01, 0x08, 0x00, 0, 1, 0x12, 0x34, 0, 0, 0, 0, 'y'};
	static const uint8_t good[] = {0x20, 0x81, 0x88, 0x0b, 0, 0, 0x12, 0x34, 0, 0, 0, 'z'};
	send_gre("127.0.0.2", plain, sizeof(plain));
	send_gre("127.0.0.2", ip, sizeof(ip));
	for (size_t len = 1; len < 8; len++)
		send_gre("127.0.0.2", good, len);
	send_gre("127.0.0.2", good, sizeof(good)); /* a bare acknowledgment */
	ck_assert_str_eq(received(fd), "z");
	close(fd);
}
END_TEST

START_TEST(netsock_gre_filter_steps_over_ip_options)
{
	int fd = netsock_gre_open(CALL, &none);
	int sender = socket(AF_INET, SOCK_RAW, 47);
	static const uint8_t no_operation[8] = {1, 1, 1, 1, 1, 1, 1, 1};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = address("127.0.0.1")};
	uint8_t packet[] = {0x30, 0x01, 0x88, 0x0b, 0, 1, 0x12, 0x34, 0, 0, 0, 0, 'o'};
	ck_assert_int_eq(setsockopt(sender, IPPROTO_IP, IP_OPTIONS, no_operation, 8), 0);
	ck_assert_int_gt(
	    sendto(sender, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)), 0);
	packet[7]++;
	ck_assert_int_gt(
	    sendto(sender, packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_str_eq(received(fd), "o");
	close(sender);
	close(fd);
}
END_TEST

START_TEST(netsock_gre_connected_hears_the_server_only)
{
	int fd = netsock_gre_open(CALL, &none);
	send_call("127.0.0.2", CALL, 'e');
	ck_assert_int_eq(netsock_gre_connect(fd, address("127.0.0.2"), address("127.0.0.1")), 0);
	send_call("127.0.0.2", CALL, 'f');
	send_call("127.0.0.3", CALL, 'z');
	ck_assert_str_eq(received(fd), "ef");
	close(fd);
}
END_TEST

START_TEST(netsock_gre_connect_says_when_the_local_address_is_not_ours)
{
	int fd = netsock_gre_open(CALL, &none);
	ck_assert_int_eq(
	    netsock_gre_connect(fd, address("127.0.0.2"), address("192.0.2.1")), -EADDRNOTAVAIL);
	close(fd);
}
END_TEST

START_TEST(netsock_gre_has_its_options)
{
	int fd = netsock_gre_open(CALL, &none);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_eq(get_int(fd, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_DONT);
	ck_assert_int_eq(get_int(fd, SOL_SOCKET, SO_RXQ_OVFL), 1);
	/* Forced as root of the machine; else what net.core.rmem_max allows. */
	ck_assert_int_gt(get_int(fd, SOL_SOCKET, SO_RCVBUF), 64 << 10);
	close(fd);
}
END_TEST

START_TEST(netsock_gre_sends_what_is_too_big_for_the_path_in_fragments)
{
	static uint8_t packet[40000] = {0x20, 0x81, 0x88, 0x0b, 0, 0, 0x12, 0x34};
	int fd = netsock_gre_open(CALL, &none);
	int small = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_mtu = 1500};
	ck_assert_int_eq(ioctl(small, SIOCSIFMTU, &request), 0);
	ck_assert_int_eq(netsock_gre_connect(fd, address("127.0.0.1"), address("127.0.0.1")), 0);
	ck_assert_int_eq(send(fd, packet, sizeof(packet), 0), (ssize_t)sizeof(packet));
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, 2000), 1);
	ck_assert_int_eq(recv(fd, packet, sizeof(packet), MSG_TRUNC), 40000 + 20);
	close(small);
	close(fd);
}
END_TEST

static int listen_at(const char *text)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = {
	    .sin_family = AF_INET, .sin_addr = address(text), .sin_port = htons(1723)};
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static int wait_connected(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	ck_assert_int_eq(poll(&p, 1, 5000), 1);
	return netsock_connect_result(fd);
}

START_TEST(netsock_tcp_connects_from_the_address_asked_for)
{
	struct netsock_options o = {.local = address("127.0.0.9"), .mark = 7};
	struct in_addr local;
	int listener = listen_at("127.0.0.2");
	int fd = netsock_tcp_connect(address("127.0.0.2"), &o);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
	ck_assert_int_ne(get_int(fd, IPPROTO_TCP, TCP_NODELAY), 0);
	ck_assert_int_eq(get_int(fd, SOL_SOCKET, SO_MARK), 7);
	ck_assert_int_eq(wait_connected(fd), 0);
	ck_assert_int_eq(netsock_local_address(fd, &local), 0);
	ck_assert_uint_eq(local.s_addr, o.local.s_addr);
	close(fd);
	close(listener);
}
END_TEST

START_TEST(netsock_tcp_says_why_it_failed)
{
	struct netsock_options stranger = {.local = address("192.0.2.1")};
	int fd = netsock_tcp_connect(address("127.0.0.2"), &none);
	ck_assert(fd == -ECONNREFUSED || wait_connected(fd) == -ECONNREFUSED);
	if (fd >= 0)
		close(fd);
	ck_assert_int_eq(netsock_tcp_connect(address("203.0.113.1"), &none), -ENETUNREACH);
	ck_assert_int_eq(netsock_tcp_connect(address("127.0.0.2"), &stranger), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(netsock_connect_result_tells_that_it_is_not_over)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(netsock_connect_result(fd), -EINPROGRESS);
	close(fd);
}
END_TEST

START_TEST(netsock_call_ids_are_unique_and_never_zero)
{
	static bool taken[65536];
	static int held[500];
	for (size_t i = 0; i < 500; i++) {
		uint16_t id = 0;
		held[i] = netsock_reserve_call_id(0, &id);
		ck_assert_int_ge(held[i], 0);
		ck_assert_uint_ne(id, 0);
		ck_assert(!taken[id]);
		taken[id] = true;
	}
	for (size_t i = 0; i < 500; i++)
		close(held[i]);
}
END_TEST

START_TEST(netsock_call_id_is_had_where_no_try_finds_a_free_one)
{
	uint16_t id = 0, same = 0;
	only_random = 4711;
	int fd = netsock_reserve_call_id(0, &id);
	int unreserved = netsock_reserve_call_id(0, &same);
	only_random = 0;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(unreserved, 0);
	ck_assert_uint_eq(id, 4711);
	ck_assert_uint_eq(same, 4711);
	close(fd);
	close(unreserved);
}
END_TEST

START_TEST(netsock_call_id_asked_for_is_had_once_and_free_again_when_closed)
{
	uint16_t id = 0, again = 0;
	int fd = netsock_reserve_call_id(4711, &id);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(id, 4711);
	ck_assert_int_eq(netsock_reserve_call_id(4711, &again), -EADDRINUSE);
	close(fd);
	fd = netsock_reserve_call_id(4711, &id);
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("netsock");
	TCase *tc = tcase_create("loopback");
	if (!private_net_possible()) {
		puts("ok 1 - netsock # SKIP neither root nor user namespaces\n1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, netsock_gre_lets_in_its_own_call_only);
	tcase_add_test(tc, netsock_gre_keeps_other_versions_protocols_and_stumps_out);
	tcase_add_test(tc, netsock_gre_filter_steps_over_ip_options);
	tcase_add_test(tc, netsock_gre_connected_hears_the_server_only);
	tcase_add_test(tc, netsock_gre_connect_says_when_the_local_address_is_not_ours);
	tcase_add_test(tc, netsock_gre_has_its_options);
	tcase_add_test(tc, netsock_gre_sends_what_is_too_big_for_the_path_in_fragments);
	tcase_add_test(tc, netsock_tcp_connects_from_the_address_asked_for);
	tcase_add_test(tc, netsock_tcp_says_why_it_failed);
	tcase_add_test(tc, netsock_connect_result_tells_that_it_is_not_over);
	tcase_add_test(tc, netsock_call_ids_are_unique_and_never_zero);
	tcase_add_test(tc, netsock_call_id_is_had_where_no_try_finds_a_free_one);
	tcase_add_test(tc, netsock_call_id_asked_for_is_had_once_and_free_again_when_closed);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
