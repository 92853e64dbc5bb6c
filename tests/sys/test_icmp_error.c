/* SPDX-License-Identifier: ISC */
/* What the kernel's queue of ICMP errors says of packets to ports, and of sizes, that nothing takes. */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "private_net.h"
#include "sys/icmp_error.h"

static int fd;

static void set_up(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(33434)};
	ck_assert(private_net_enter());
	to.sin_addr.s_addr = htonl(0x7f000005);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(connect(fd, (const struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(icmp_error_enable(fd), 0);
}

static void tear_down(void)
{
	close(fd);
}

START_TEST(icmp_error_of_a_closed_port_names_its_sender)
{
	struct icmp_error e;
	struct pollfd polled = {.fd = fd};

	ck_assert_int_eq(icmp_error_read(fd, &e), -EAGAIN);
	ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	ck_assert_int_eq(poll(&polled, 1, 5000), 1);
	ck_assert_int_eq(icmp_error_read(fd, &e), 0);
	ck_assert(e.from_network);
	ck_assert_int_eq(e.error, ECONNREFUSED);
	ck_assert_uint_eq(e.type, ICMP_DEST_UNREACH);
	ck_assert_uint_eq(e.code, ICMP_PORT_UNREACH);
	ck_assert_uint_eq(e.from.s_addr, htonl(0x7f000005));
	ck_assert_ptr_nonnull(strstr(icmp_error_text(&e), "port not reachable"));
	ck_assert_uint_eq(e.quoted_len, 1);
	ck_assert_uint_eq(e.quoted[0], 'x');
	ck_assert_int_eq(icmp_error_read(fd, &e), -EAGAIN);
}
END_TEST

START_TEST(icmp_error_of_this_host_names_the_largest_size)
{
	static const char bytes[2000];
	struct icmp_error e;
	struct ifreq request = {.ifr_name = "lo", .ifr_mtu = 1500};
	int mode = IP_PMTUDISC_PROBE;

	ck_assert_int_eq(ioctl(fd, SIOCSIFMTU, &request), 0);
	ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof(mode)), 0);
	ck_assert_int_eq(send(fd, bytes, sizeof(bytes), 0), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(icmp_error_read(fd, &e), 0);
	ck_assert(!e.from_network);
	ck_assert_int_eq(e.error, EMSGSIZE);
	ck_assert_uint_eq(e.mtu, 1500);
}
END_TEST

START_TEST(icmp_error_has_a_text_for_each_code)
{
	for (int code = 0; code < 256; code++) {
		struct icmp_error e = {.error = EHOSTUNREACH,
		    .from_network = true,
		    .type = ICMP_DEST_UNREACH,
		    .code = (uint8_t)code};
		ck_assert(strlen(icmp_error_text(&e)) > 0);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("icmp_error");
	TCase *tests = tcase_create("icmp_error");
	if (!private_net_possible()) {
		puts("ok 1 - icmp_error # SKIP neither root nor user namespaces\n1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, icmp_error_of_a_closed_port_names_its_sender);
	tcase_add_test(tests, icmp_error_of_this_host_names_the_largest_size);
	tcase_add_test(tests, icmp_error_has_a_text_for_each_code);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
