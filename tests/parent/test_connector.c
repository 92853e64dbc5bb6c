/* SPDX-License-Identifier: ISC */
/* Requests for addresses, against the kernel's routes in a network namespace of each test's own. */
#include "parent/connector.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop_fixture.h"
#include "route_fixture.h"

enum {
	NO_REPLY = -1,
};

static struct pptp_options options;
static struct connector c;
static int replied_error;
static int reply_fd; /* a duplicate */
static enum ipc_route replied_route;
static unsigned replies;
static enum ipc_route changed_route;
static char broken_text[512];

static void on_replied(void *context, int error, int fd, enum ipc_route route)
{
	ck_assert_ptr_eq(context, &loop);
	replies++;
	replied_error = error;
	replied_route = route;
	reply_fd = fd < 0 ? -1 : dup(fd);
}

static void on_route_changed(void *context, enum ipc_route route)
{
	(void)context;
	changed_route = route;
}

static void on_broken(void *context, const char *text)
{
	(void)context;
	snprintf(broken_text, sizeof(broken_text), "%s", text);
}

static void set_up_connector(void)
{
	static const struct connector_ops ops = {
	    .replied = on_replied, .route_changed = on_route_changed, .broken = on_broken};
	set_up();
	options = (struct pptp_options){.server = "vpn.test", .host_route = true};
	replies = 0;
	replied_error = NO_REPLY;
	broken_text[0] = '\0';
	ck_assert_int_eq(loop_init(&loop, LOOP_MONOTONIC), 0);
	connector_init(&c, &options, &loop, 0, &ops, &loop);
}

static void request(const char *server, bool is_last)
{
	struct ipc_connect_request r = {.server = address(server), .is_last = is_last};
	replied_error = NO_REPLY;
	connector_request(&c, &r, loop_now_us(&loop));
}

START_TEST(connector_answers_with_a_socket_on_its_way_and_the_host_route)
{
	int flags, before = open_descriptors();
	request(SERVER, true);
	ck_assert_int_eq(replied_error, 0);
	ck_assert_int_eq(replied_route, IPC_ROUTE_ADDED);
	ck_assert_str_eq(c.server_text, "vpn.test (" SERVER ")");
	flags = fcntl(reply_fd, F_GETFL);
	ck_assert(flags & O_NONBLOCK);
	expect(OURS, BY_UP0);
	close(reply_fd);
	connector_end(&c);
	connector_end(&c);
	expect(OURS, "");
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(connector_names_a_server_that_was_given_as_an_address_once)
{
	options.server = SERVER;
	request(SERVER, true);
	ck_assert_str_eq(c.server_text, SERVER);
	connector_end(&c);
}
END_TEST

START_TEST(connector_marks_and_binds_the_socket_as_the_options_say)
{
	struct sockaddr_in local = {0};
	socklen_t len = sizeof(local), mark_len = sizeof(int);
	int mark = 0;
	options.localbind = address("192.0.2.2");
	options.rtmark = 42;
	request(SERVER, true);
	ck_assert_int_eq(replied_error, 0);
	ck_assert_int_eq(getsockname(reply_fd, (struct sockaddr *)&local, &len), 0);
	ck_assert_uint_eq(local.sin_addr.s_addr, options.localbind.s_addr);
	ck_assert_int_eq(getsockopt(reply_fd, SOL_SOCKET, SO_MARK, &mark, &mark_len), 0);
	ck_assert_int_eq(mark, 42);
	connector_end(&c);
}
END_TEST

START_TEST(connector_connects_to_unicast_addresses_only)
{
	static const char *const others[] = {
	    "0.0.0.0", "224.0.0.1", "239.1.2.3", "255.255.255.255"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		request(others[i], true);
		ck_assert_int_eq(replied_error, ENETUNREACH);
		ck_assert_int_eq(reply_fd, -1);
		ck_assert_int_eq(replied_route, IPC_ROUTE_NONE);
	}
	expect(OURS, "");
}
END_TEST

START_TEST(connector_moves_the_route_with_the_address)
{
	request("203.0.113.1", false);
	request(SERVER, true);
	ck_assert_uint_eq(replies, 2);
	expect(OURS, BY_UP0);
	connector_end(&c);
}
END_TEST

START_TEST(connector_reports_no_route_at_once_without_a_wait_or_for_an_address_that_is_not_the_last)
{
	run("ip route del default");
	request(SERVER, true);
	ck_assert_int_eq(replied_error, ENETUNREACH);
	c.wait_until_us = loop_now_us(&loop) + USEC_PER_SEC;
	request(SERVER, false);
	ck_assert_int_eq(replied_error, ENETUNREACH);
}
END_TEST

START_TEST(connector_waits_for_a_route_and_then_answers)
{
	run("ip route del default");
	c.wait_until_us = loop_now_us(&loop) + 10 * USEC_PER_SEC;
	request(SERVER, true);
	run_for(50 * USEC_PER_MSEC);
	ck_assert_int_eq(replied_error, NO_REPLY);
	run("ip route add default via 192.0.2.1");
	run_for(200 * USEC_PER_MSEC);
	ck_assert_int_eq(replied_error, 0);
	ck_assert_int_eq(replied_route, IPC_ROUTE_ADDED);
	expect(OURS, BY_UP0);
	connector_end(&c);
}
END_TEST

START_TEST(connector_gives_up_the_wait_at_its_end_and_when_it_is_cancelled)
{
	run("ip route del default");
	c.wait_until_us = loop_now_us(&loop) + 50 * USEC_PER_MSEC;
	request(SERVER, true);
	run_for(100 * USEC_PER_MSEC);
	ck_assert_int_eq(replied_error, ENETUNREACH);
	c.wait_until_us = loop_now_us(&loop) + 50 * USEC_PER_MSEC;
	request(SERVER, true);
	connector_cancel(&c);
	run_for(100 * USEC_PER_MSEC);
	ck_assert_int_eq(replied_error, NO_REPLY);
	connector_end(&c);
}
END_TEST

START_TEST(connector_refuses_a_path_into_the_tunnel)
{
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip route replace default dev tun9");
	c.tunnel_index = if_nametoindex("tun9");
	request(SERVER, true);
	ck_assert_int_eq(replied_error, ELOOP);
	ck_assert_int_eq(reply_fd, -1);
	connector_end(&c);
}
END_TEST

START_TEST(connector_reports_a_lost_route_and_its_return)
{
	request(SERVER, true);
	changed_route = IPC_ROUTE_ADDED;
	run("ip link set up0 down");
	run_for(100 * USEC_PER_MSEC);
	ck_assert_int_eq(changed_route, IPC_ROUTE_LOST);
	run("ip link set up0 up && ip route add default via 192.0.2.1");
	run_for(100 * USEC_PER_MSEC);
	ck_assert_int_eq(changed_route, IPC_ROUTE_ADDED);
	ck_assert_str_eq(broken_text, "");
	connector_end(&c);
}
END_TEST

START_TEST(connector_reports_a_removed_local_address_where_another_one_is_used)
{
	request(SERVER, true);
	connector_set_source(&c, address("192.0.2.2"));
	run("ip addr del 192.0.2.2/24 dev up0 && ip addr add 192.0.2.3/24 dev up0 && "
	    "ip route add default via 192.0.2.1");
	run_for(200 * USEC_PER_MSEC);
	ck_assert_ptr_nonnull(strstr(broken_text, "the local address that it used was removed"));
	connector_end(&c);
	expect(OURS, "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("connector");
	if (!possible("ip link show lo >/dev/null")) {
		puts("ok 1 - connector # SKIP neither root nor user namespaces, or no ip(8)\n1..1");
		return EXIT_SUCCESS;
	}
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up_connector, NULL);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, connector_answers_with_a_socket_on_its_way_and_the_host_route);
	tcase_add_test(all, connector_names_a_server_that_was_given_as_an_address_once);
	tcase_add_test(all, connector_marks_and_binds_the_socket_as_the_options_say);
	tcase_add_test(all, connector_connects_to_unicast_addresses_only);
	tcase_add_test(all, connector_moves_the_route_with_the_address);
	tcase_add_test(all,
	    connector_reports_no_route_at_once_without_a_wait_or_for_an_address_that_is_not_the_last);
	tcase_add_test(all, connector_waits_for_a_route_and_then_answers);
	tcase_add_test(all, connector_gives_up_the_wait_at_its_end_and_when_it_is_cancelled);
	if (possible("ip link add up0 type veth peer name far0 && "
		     "ip addr add 192.0.2.2/24 dev up0 && ip tuntap add mode tun name tun9"))
		tcase_add_test(all, connector_refuses_a_path_into_the_tunnel);
	tcase_add_test(all, connector_reports_a_lost_route_and_its_return);
	tcase_add_test(all, connector_reports_a_removed_local_address_where_another_one_is_used);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
