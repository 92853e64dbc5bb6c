/* SPDX-License-Identifier: ISC */
/* The sockets on the loopback device of a network namespace that each test has for itself. */
#include "sys/netsock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "raw_fixture.h"

enum {
	CALL = 0x1234
};

static const struct netsock_options none = {0};
static struct netsock_holder holder;
static uint16_t only_random; /* what getrandom returns, unless 0 */
static bool no_getrandom;    /* as before Linux 3.17 */

ssize_t getrandom(void *to, size_t len, unsigned flags)
{
	if (no_getrandom) {
		errno = ENOSYS;
		return -1;
	}
	if (only_random == 0 || len != sizeof(only_random))
		return syscall(SYS_getrandom, to, len, flags);
	memcpy(to, &only_random, len);
	return (ssize_t)len;
}

static void (*before_filter)(void); /* what happens between socket and the filter, unless NULL */

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	if (before_filter && level == SOL_SOCKET && option == SO_ATTACH_FILTER)
		before_filter();
	return (int)syscall(SYS_setsockopt, fd, level, option, value, len);
}

static void set_up(void)
{
	ck_assert(private_net_enter());
}

/* A well-formed packet to `call` with one byte of payload. */
static void send_call(const char *source, unsigned call, char payload)
{
	uint8_t packet[] = {0x30, 0x01, 0x88, 0x0b, 0, 1, (uint8_t)(call >> 8), (uint8_t)call, 0, 0,
	    0, 0, (uint8_t)payload};
	send_gre(source, packet, sizeof(packet));
}

/* The last bytes of all queued packets; loopback delivers before send returns. */
static const char *received(int fd)
{
	static char text[128];
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

START_TEST(netsock_gre_receives_its_own_call_only)
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

static void send_to_others(void)
{
	for (unsigned call = 1; call <= 100; call++)
		send_call("127.0.0.2", call, 'x');
}

START_TEST(netsock_gre_receives_nothing_from_before_its_filter)
{
	before_filter = send_to_others;
	int fd = netsock_gre_open(CALL, &none);
	before_filter = NULL;
	ck_assert_int_ge(fd, 0);
	send_call("127.0.0.2", CALL, 'a');
	ck_assert_str_eq(received(fd), "a");
	close(fd);
}
END_TEST

START_TEST(netsock_gre_filter_cannot_be_removed)
{
	int ignored = 0;
	int fd = netsock_gre_open(CALL, &none);
	ck_assert_int_eq(
	    setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof(ignored)), -1);
	ck_assert_int_eq(errno, EPERM);
	send_call("127.0.0.2", CALL + 1, 'b');
	ck_assert_str_eq(received(fd), "");
	close(fd);
}
END_TEST

START_TEST(netsock_gre_drops_other_versions_protocols_and_short_packets)
{
	int fd = netsock_gre_open(CALL, &none);
	static const uint8_t plain[] = {0x20, 0x00, 0x88, 0x0b, 0, 1, 0x12, 0x34, 'x'};
	static const uint8_t ip[] = {0x30, 0x01, 0x08, 0x00, 0, 1, 0x12, 0x34, 0, 0, 0, 0, 'y'};
	static const uint8_t good[] = {0x20, 0x81, 0x88, 0x0b, 0, 0, 0x12, 0x34, 0, 0, 0, 'z'};
	send_gre("127.0.0.2", plain, sizeof(plain));
	send_gre("127.0.0.2", ip, sizeof(ip));
	for (size_t len = 1; len < 8; len++)
		send_gre("127.0.0.2", good, len);
	send_gre("127.0.0.2", good, sizeof(good)); /* ACK-only */
	ck_assert_str_eq(received(fd), "z");
	close(fd);
}
END_TEST

START_TEST(netsock_gre_filter_skips_ip_options)
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

START_TEST(netsock_gre_connected_receives_from_the_server_only)
{
	int fd = netsock_gre_open(CALL, &none);
	send_call("127.0.0.2", CALL, 'e');
	ck_assert_int_eq(netsock_gre_bind(fd, address("127.0.0.1")), 0);
	ck_assert_int_eq(netsock_gre_connect(fd, address("127.0.0.2")), 0);
	send_call("127.0.0.2", CALL, 'f');
	send_call("127.0.0.3", CALL, 'z');
	ck_assert_str_eq(received(fd), "ef");
	close(fd);
}
END_TEST

START_TEST(netsock_gre_can_be_bound_again_for_another_server)
{
	int fd = netsock_gre_open(CALL, &none);
	ck_assert_int_eq(netsock_gre_bind(fd, address("127.0.0.9")), 0);
	ck_assert_int_eq(netsock_gre_bind(fd, address("127.0.0.1")), 0);
	ck_assert_int_eq(netsock_gre_connect(fd, address("127.0.0.3")), 0);
	send_call("127.0.0.2", CALL, 'z');
	send_call("127.0.0.3", CALL, 'f');
	ck_assert_str_eq(received(fd), "f");
	close(fd);
}
END_TEST

START_TEST(netsock_gre_bind_fails_when_the_local_address_is_not_ours)
{
	int fd = netsock_gre_open(CALL, &none);
	ck_assert_int_eq(netsock_gre_bind(fd, address("192.0.2.1")), -EADDRNOTAVAIL);
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
	/* Forced with CAP_NET_ADMIN of the machine, else limited by net.core.rmem_max. */
	ck_assert_int_gt(get_int(fd, SOL_SOCKET, SO_RCVBUF), 64 << 10);
	close(fd);
}
END_TEST

START_TEST(netsock_gre_fragments_packets_that_are_too_big_for_the_path)
{
	static uint8_t packet[40000] = {0x20, 0x81, 0x88, 0x0b, 0, 0, 0x12, 0x34};
	int fd = netsock_gre_open(CALL, &none);
	int small = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_mtu = 1500};
	ck_assert_int_eq(ioctl(small, SIOCSIFMTU, &request), 0);
	ck_assert_int_eq(netsock_gre_connect(fd, address("127.0.0.1")), 0);
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

START_TEST(netsock_tcp_connects_from_the_given_address)
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

START_TEST(netsock_tcp_returns_why_it_failed)
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

START_TEST(netsock_connect_result_is_in_progress_while_connecting)
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
		held[i] = netsock_reserve_call_id(0, &id, &holder);
		ck_assert_int_ge(held[i], 0);
		ck_assert_uint_ne(id, 0);
		ck_assert(!taken[id]);
		taken[id] = true;
	}
	for (size_t i = 0; i < 500; i++)
		close(held[i]);
}
END_TEST

START_TEST(netsock_random_call_id_needs_no_free_one)
{
	uint16_t id = 0, same = 0;
	only_random = 4711;
	int fd = netsock_reserve_call_id(0, &id, &holder);
	int unreserved = netsock_reserve_call_id(0, &same, &holder);
	only_random = 0;
	ck_assert_int_ge(fd, 0);
	ck_assert_int_ge(unreserved, 0);
	ck_assert_uint_eq(id, 4711);
	ck_assert_uint_eq(same, 4711);
	close(fd);
	close(unreserved);
}
END_TEST

START_TEST(netsock_call_id_is_reserved_once_and_free_when_closed)
{
	uint16_t id = 0, again = 0;
	int fd = netsock_reserve_call_id(4711, &id, &holder);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(id, 4711);
	ck_assert_int_eq(netsock_reserve_call_id(4711, &again, &holder), -EADDRINUSE);
	ck_assert_int_eq(holder.pid, getpid());
	ck_assert_uint_eq(holder.uid, getuid());
	close(fd);
	fd = netsock_reserve_call_id(4711, &id, &holder);
	ck_assert_int_ge(fd, 0);
	close(fd);
}
END_TEST

/* As when the parent has reserved it, and has exited or given up its user id since. */
START_TEST(netsock_holder_is_who_reserved_and_not_who_has_the_descriptor)
{
	uint16_t id;
	int ready[2], status;
	char byte;
	if (getuid() != 0)
		return;
	ck_assert_int_eq(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		int fd = netsock_reserve_call_id(4711, &id, &holder);
		if (fd < 0 || setuid(12345) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(netsock_reserve_call_id(4711, &id, &holder), -EADDRINUSE);
		ck_assert_int_eq(holder.pid, child);
		ck_assert_uint_eq(holder.uid, 0);
	}
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
}
END_TEST

START_TEST(netsock_holder_that_does_not_listen_is_not_known)
{
	uint16_t id;
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0pptp-call-id-4711"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family) + 18), 0);
	ck_assert_int_eq(netsock_reserve_call_id(4711, &id, &holder), -EADDRINUSE);
	ck_assert_int_eq(holder.pid, 0);
	close(fd);
}
END_TEST

START_TEST(netsock_random_numbers_differ_without_getrandom)
{
	static bool seen[65536];
	int different = 0;
	no_getrandom = true;
	for (int i = 0; i < 200; i++) {
		uint16_t value = netsock_random_u16();
		different += !seen[value];
		seen[value] = true;
	}
	ck_assert_int_gt(different, 150);
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
	tcase_add_test(tc, netsock_gre_receives_its_own_call_only);
	tcase_add_test(tc, netsock_gre_receives_nothing_from_before_its_filter);
	tcase_add_test(tc, netsock_gre_filter_cannot_be_removed);
	tcase_add_test(tc, netsock_gre_drops_other_versions_protocols_and_short_packets);
	tcase_add_test(tc, netsock_gre_filter_skips_ip_options);
	tcase_add_test(tc, netsock_gre_connected_receives_from_the_server_only);
	tcase_add_test(tc, netsock_gre_can_be_bound_again_for_another_server);
	tcase_add_test(tc, netsock_gre_bind_fails_when_the_local_address_is_not_ours);
	tcase_add_test(tc, netsock_gre_has_its_options);
	tcase_add_test(tc, netsock_gre_fragments_packets_that_are_too_big_for_the_path);
	tcase_add_test(tc, netsock_tcp_connects_from_the_given_address);
	tcase_add_test(tc, netsock_tcp_returns_why_it_failed);
	tcase_add_test(tc, netsock_connect_result_is_in_progress_while_connecting);
	tcase_add_test(tc, netsock_call_ids_are_unique_and_never_zero);
	tcase_add_test(tc, netsock_random_call_id_needs_no_free_one);
	tcase_add_test(tc, netsock_call_id_is_reserved_once_and_free_when_closed);
	tcase_add_test(tc, netsock_holder_is_who_reserved_and_not_who_has_the_descriptor);
	tcase_add_test(tc, netsock_holder_that_does_not_listen_is_not_known);
	tcase_add_test(tc, netsock_random_numbers_differ_without_getrandom);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
