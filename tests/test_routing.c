/* SPDX-License-Identifier: ISC */
/*
 * The host route against a real kernel, in a network namespace of each test's own. The devices and
 * routes around it are made with ip(8), here only.
 */
#include "../routing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../privs.h"
#include "private_net.h"
#include "unit.h"

#define SERVER "203.0.113.7"

static struct in_addr address(const char *text)
{
	struct in_addr a;
	ck_assert_int_eq(inet_pton(AF_INET, text, &a), 1);
	return a;
}

static const struct in_addr any = {0};

static void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void run(const char *format, ...)
{
	char command[512];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	ck_assert_msg(system(command) == 0, "failed: %s", command);
}

/* What a command prints, blanks squeezed, without the last newline. */
static const char *output(const char *command, char *text, size_t cap)
{
	FILE *pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	size_t n = 0;
	int before = ' ';
	for (int c = fgetc(pipe); c != EOF && n + 1 < cap; c = fgetc(pipe)) {
		if (c == ' ' && (before == ' ' || before == '\n'))
			continue;
		if (c == '\n' && n > 0 && before == ' ')
			n--;
		text[n++] = (char)c;
		before = c;
	}
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	text[n] = '\0';
	ck_assert_int_eq(pclose(pipe), 0);
	return text;
}

#define OURS "ip -4 route show table all proto 47"

static void expect(const char *command, const char *wanted)
{
	char text[2048];
	ck_assert_str_eq(output(command, text, sizeof(text)), wanted);
}

/* Two uplinks: up0 192.0.2.0/24 and up1 198.51.100.0/24, the default through up0. */
static void set_up(void)
{
	ck_assert(private_net_enter());
	run("ip link add up0 type veth peer name far0 && ip link set far0 up");
	run("ip link add up1 type veth peer name far1 && ip link set far1 up");
	run("ip addr add 192.0.2.2/24 dev up0 && ip link set up0 up");
	run("ip addr add 198.51.100.2/24 dev up1 && ip link set up1 up");
	run("ip route add default via 192.0.2.1");
}

/* The tunnel's device: any point-to-point kind that this kernel, and our rights, allow. */
#define MAKE_TUNNEL                                                                                \
	"ip link add %s type ipip local 192.0.2.2 remote 192.0.2.9 2>/dev/null || "                \
	"ip tuntap add mode tun name %s 2>/dev/null"

static void add_tunnel(const char *name, const char *local, const char *remote)
{
	run(MAKE_TUNNEL, name, name);
	run("ip addr add %s peer %s dev %s && ip link set %s up", local, remote, name, name);
}

static int begin(struct route_keeper *k)
{
	return route_begin(k, address(SERVER), any, 0, true);
}

/* The outcome of all notifications that are there: the last that was no "unchanged". */
static enum route_change follow_at(struct route_keeper *k, int64_t now_us)
{
	enum route_change change = ROUTE_UNCHANGED;
	struct pollfd p = {.fd = k->events_fd, .events = POLLIN};
	while (poll(&p, 1, 50) > 0) {
		enum route_change c = route_on_events(k, now_us);
		if (c != ROUTE_UNCHANGED)
			change = c;
	}
	return change;
}

static enum route_change follow(struct route_keeper *k)
{
	return follow_at(k, 0);
}

START_TEST(route_is_added_for_a_server_behind_a_gateway_and_removed_exactly)
{
	struct route_keeper k;
	char before[2048], after[2048];
	output("ip -4 route show table all", before, sizeof(before));
	ck_assert_int_eq(begin(&k), 0);
	ck_assert(k.added);
	ck_assert_str_eq(k.path.device, "up0");
	ck_assert_uint_eq(k.path.gateway.s_addr, address("192.0.2.1").s_addr);
	ck_assert_uint_eq(k.path.source.s_addr, address("192.0.2.2").s_addr);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	ck_assert_str_eq(output("ip -4 route show table all", after, sizeof(after)), before);
}
END_TEST

START_TEST(route_is_not_added_for_a_server_on_link)
{
	struct route_keeper k;
	ck_assert_int_eq(route_begin(&k, address("192.0.2.77"), any, 0, true), 0);
	ck_assert(!k.added);
	ck_assert_uint_eq(k.path.gateway.s_addr, 0);
	expect(OURS, "");
	route_end(&k);
}
END_TEST

START_TEST(route_is_not_added_for_this_host_itself)
{
	struct route_keeper k;
	ck_assert_int_eq(route_begin(&k, address("127.0.0.2"), any, 0, true), 0);
	ck_assert(k.path.local);
	ck_assert(!k.added);
	expect(OURS, "");
	route_end(&k);
}
END_TEST

START_TEST(route_of_another_to_the_host_is_left_alone)
{
	struct route_keeper k;
	run("ip route add " SERVER " via 198.51.100.1 metric 50");
	ck_assert_int_eq(begin(&k), 0);
	ck_assert(!k.added);
	ck_assert_str_eq(k.path.device, "up1");
	expect("ip -4 route show " SERVER, SERVER " via 198.51.100.1 dev up1 metric 50");
	route_end(&k);
	expect("ip -4 route show " SERVER, SERVER " via 198.51.100.1 dev up1 metric 50");
}
END_TEST

START_TEST(route_without_the_host_route_option_is_only_looked_at)
{
	struct route_keeper k;
	ck_assert_int_eq(route_begin(&k, address(SERVER), any, 0, false), 0);
	ck_assert_str_eq(k.path.device, "up0");
	expect(OURS, "");
	route_end(&k);
}
END_TEST

START_TEST(route_over_a_default_without_gateway_names_the_device)
{
	struct route_keeper k;
	run("ip route del default && ip route add default dev up1");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, SERVER " dev up1 scope link");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_repeats_onlink_mtu_and_source_of_the_default)
{
	struct route_keeper k;
	run("ip addr add 192.0.2.3/24 dev up0");
	run("ip route replace default via 10.9.9.9 dev up0 onlink src 192.0.2.3 mtu 1400");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, SERVER " via 10.9.9.9 dev up0 src 192.0.2.3 onlink mtu 1400");
	run("ip route add default via 192.0.2.254 metric 900"); /* makes it look again */
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_over_an_ipv6_gateway_keeps_it)
{
	struct route_keeper k;
	run("ip -4 route del default && ip -4 route add default via inet6 fe80::1 dev up0");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, SERVER " via inet6 fe80::1 dev up0");
	run("ip route add default via 192.0.2.254 metric 900"); /* makes it look again */
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_over_a_multipath_default_takes_one_hop_and_stays_with_it)
{
	struct route_keeper k;
	char first[256], later[256];
	run("ip route replace default nexthop via 192.0.2.1 nexthop via 198.51.100.1");
	ck_assert_int_eq(begin(&k), 0);
	output(OURS, first, sizeof(first));
	ck_assert(strstr(first, SERVER " via ") == first);
	run("ip route add default via 192.0.2.254 metric 900");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	ck_assert_str_eq(output(OURS, later, sizeof(later)), first);
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_left_by_a_killed_process_is_taken_over)
{
	struct route_keeper k;
	run("ip route add " SERVER " via 192.0.2.1 proto 47");
	ck_assert_int_eq(begin(&k), 0);
	ck_assert(k.added);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_left_over_that_leads_elsewhere_is_replaced)
{
	struct route_keeper k;
	run("ip route add " SERVER " via 198.51.100.99 proto 47");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	ck_assert_str_eq(k.path.device, "up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_left_over_that_is_not_needed_goes)
{
	struct route_keeper k;
	run("ip route add 192.0.2.77 via 192.0.2.1 proto 47");
	ck_assert_int_eq(route_begin(&k, address("192.0.2.77"), any, 0, true), 0);
	expect(OURS, "");
	ck_assert_uint_eq(k.path.gateway.s_addr, 0);
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_moves_with_the_default_route)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	run("ip route replace default via 198.51.100.1");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect(OURS, SERVER " via 198.51.100.1 dev up1");
	ck_assert_str_eq(k.path.device, "up1");
	run("ip route replace default via 198.51.100.254");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect(OURS, SERVER " via 198.51.100.254 dev up1");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_survives_a_uplink_that_goes_and_comes_back)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect(OURS, "");
	run("ip link set up0 up");
	ck_assert_int_eq(follow(&k), ROUTE_BACK); /* by the gateway of before */
	run("ip route add default via 192.0.2.254");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect(OURS, SERVER " via 192.0.2.254 dev up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_falls_back_to_the_second_default_when_the_uplink_goes)
{
	struct route_keeper k;
	run("ip route add default via 198.51.100.1 metric 600");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect(OURS, SERVER " via 198.51.100.1 dev up1");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_stays_while_there_is_no_other)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	run("ip route del default");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_that_someone_removes_is_put_back)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	run("ip route del " SERVER);
	ck_assert_int_eq(follow(&k), ROUTE_RESTORED);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

/* Somebody removes the route each `every_us`, ten times; the outcome of the last. */
static enum route_change contest(struct route_keeper *k, int64_t every_us)
{
	for (int i = 0; i < 9; i++) {
		run("ip route del " SERVER);
		ck_assert_int_eq(follow_at(k, i * every_us), ROUTE_RESTORED);
	}
	run("ip route del " SERVER);
	return follow_at(k, 9 * every_us);
}

START_TEST(route_that_someone_removes_again_and_again_is_left_to_him)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	ck_assert_int_eq(contest(&k, USEC_PER_SEC), ROUTE_CONTESTED);
	run("ip route del " SERVER);
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED); /* the default route does as well */
	expect(OURS, "");
	route_end(&k);
}
END_TEST

START_TEST(route_that_someone_removes_now_and_then_is_put_back_each_time)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	ck_assert_int_eq(contest(&k, 10 * USEC_PER_SEC), ROUTE_RESTORED);
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_is_unmoved_by_the_tunnel_becoming_the_default)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip route replace default dev tun9");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	expect("ip -o route get " SERVER " | cut -d' ' -f1-5", SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_follows_an_uplink_below_a_tunnel_that_is_the_default)
{
	struct route_keeper k;
	run("ip route replace default via 192.0.2.1 metric 100 && ip route del default metric 0 || :");
	ck_assert_int_eq(begin(&k), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip route add default dev tun9");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	run("ip route add default via 198.51.100.1 metric 50");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect(OURS, SERVER " via 198.51.100.1 dev up1");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_beats_a_tunnel_whose_other_end_is_the_server)
{
	struct route_keeper k;
	ck_assert_int_eq(route_begin(&k, address("192.0.2.77"), any, 0, true), 0);
	ck_assert(!k.added);
	add_tunnel("tun9", "10.9.0.2", "192.0.2.77");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect("ip -o route get 192.0.2.77 | cut -d' ' -f1-3", "192.0.2.77 dev up0");
	run("ip link del tun9");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect(OURS, "");
	route_end(&k);
}
END_TEST

START_TEST(route_loop_is_told_once_each_time_where_there_is_no_host_route)
{
	struct route_keeper k;
	ck_assert_int_eq(route_begin(&k, address(SERVER), any, 0, false), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	for (int i = 0; i < 2; i++) {
		run("ip route replace default dev tun9");
		ck_assert_int_eq(follow(&k), ROUTE_LOOP);
		run("ip route add default via 192.0.2.1 metric 900");
		ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
		run("ip route del default dev tun9");
		ck_assert_int_eq(follow(&k), ROUTE_BACK);
		run("ip route add default via 192.0.2.1");
		run("ip route del default metric 900");
	}
	expect(OURS, "");
	route_end(&k);
}
END_TEST

/* A call whose tunnel has become the default route, as by pppd's replacedefaultroute; `before` is
 * how things are to be at the end. */
static void begin_below_tunnel(struct route_keeper *k, const char *server, char before[2048])
{
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip link set tun9 down");
	ck_assert_int_eq(route_begin(k, address(server), any, 0, true), 0);
	run("ip link set tun9 up && ip route replace default dev tun9");
	ck_assert_int_eq(follow(k), ROUTE_UNCHANGED);
	output("ip -4 route show table all | grep -v 'proto 47'", before, 2048);
}

static void expect_end(struct route_keeper *k, const char *before)
{
	char after[2048];
	route_end(k);
	expect(OURS, "");
	ck_assert_str_eq(output("ip -4 route show table all", after, sizeof(after)), before);
}

static void expect_no_way_to(const char *server)
{
	struct route_path path;
	ck_assert_int_eq(route_lookup(address(server), any, 0, &path), -EHOSTUNREACH);
}

#define BLOCK "unreachable " SERVER

START_TEST(route_is_blocked_while_nothing_but_the_tunnel_is_left)
{
	struct route_keeper k;
	char before[2048];
	begin_below_tunnel(&k, SERVER, before);
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect(OURS, BLOCK);
	expect_no_way_to(SERVER);
	run("ip link set up1 down && ip link set up1 up"); /* does not help, and is not told */
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	run("ip link set up0 up");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	ck_assert_str_eq(k.path.device, "up0");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	output("ip -4 route show table all | grep -v 'proto 47'", before, sizeof(before));
	expect_end(&k, before);
}
END_TEST

START_TEST(route_is_blocked_while_the_address_is_gone)
{
	struct route_keeper k;
	char before[2048];
	begin_below_tunnel(&k, SERVER, before);
	run("ip addr del 192.0.2.2/24 dev up0");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect(OURS, BLOCK);
	run("ip addr add 192.0.2.2/24 dev up0");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	output("ip -4 route show table all | grep -v 'proto 47'", before, sizeof(before));
	expect_end(&k, before);
}
END_TEST

START_TEST(route_block_gives_way_to_another_uplink)
{
	struct route_keeper k;
	char before[2048];
	begin_below_tunnel(&k, SERVER, before);
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	run("ip route add default via 198.51.100.1 metric 600");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, SERVER " via 198.51.100.1 dev up1");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_block_is_gone_at_the_end)
{
	struct route_keeper k;
	char before[2048];
	begin_below_tunnel(&k, SERVER, before);
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect(OURS, BLOCK);
	output("ip -4 route show table all | grep -v 'proto 47'", before, sizeof(before));
	expect_end(&k, before);
}
END_TEST

START_TEST(route_block_stands_in_for_a_network_that_the_server_is_on)
{
	struct route_keeper k;
	char before[2048];
	begin_below_tunnel(&k, "192.0.2.77", before);
	expect(OURS, "");
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect(OURS, "unreachable 192.0.2.77");
	run("ip link set up0 up");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, "");
	expect("ip -o route get 192.0.2.77 | cut -d' ' -f1-3", "192.0.2.77 dev up0");
	route_end(&k);
}
END_TEST

START_TEST(route_block_stands_in_for_the_host_route_of_another)
{
	struct route_keeper k;
	char before[2048];
	run("ip route add " SERVER " via 198.51.100.1 metric 50");
	begin_below_tunnel(&k, SERVER, before);
	run("ip link set up1 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect(OURS, BLOCK);
	run("ip link set up1 up && ip route add " SERVER " via 198.51.100.1 metric 50");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, "");
	output("ip -4 route show table all", before, sizeof(before));
	expect_end(&k, before);
}
END_TEST

START_TEST(route_is_back_with_a_device_that_was_made_anew)
{
	struct route_keeper k;
	char before[2048];
	begin_below_tunnel(&k, SERVER, before);
	run("ip link del up0");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect(OURS, BLOCK);
	run("ip link add up0 type veth peer name far0 && ip link set far0 up");
	run("ip addr add 192.0.2.2/24 dev up0 && ip link set up0 up");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_block_comes_before_a_tunnel_whose_other_end_is_the_server)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	add_tunnel("tun9", "10.9.0.2", SERVER);
	(void)follow(&k);
	expect("ip -o route get " SERVER " | cut -d' ' -f1-5", SERVER " via 192.0.2.1 dev up0");
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect_no_way_to(SERVER);
	run("ip link set tun9 down && ip link set tun9 up"); /* its route comes in front */
	(void)follow(&k);
	expect_no_way_to(SERVER);
	run("ip link set up0 up");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_is_blocked_while_the_kernel_leaves_it_out_for_want_of_a_carrier)
{
	struct route_keeper k;
	char before[2048];
	run("echo 1 >/proc/sys/net/ipv4/conf/up0/ignore_routes_with_linkdown");
	begin_below_tunnel(&k, SERVER, before);
	run("ip link set far0 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect_no_way_to(SERVER);
	run("ip link set up1 down && ip link set up1 up");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	run("ip link set far0 up");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	run("ip link set far0 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_block_is_in_the_table_of_the_mark)
{
	struct route_keeper k;
	run("ip rule add fwmark 5 lookup 1000 && ip route add default via 198.51.100.1 table 1000");
	ck_assert_int_eq(route_begin(&k, address(SERVER), any, 5, true), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip route replace default dev tun9");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	run("ip link set up1 down");
	ck_assert_int_eq(follow(&k), ROUTE_LOST);
	expect(OURS, BLOCK " table 1000");
	run("ip link set up1 up");
	ck_assert_int_eq(follow(&k), ROUTE_BACK);
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 1000");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_block_of_two_calls_goes_with_the_last_of_them)
{
	struct route_keeper first, second;
	char before[2048];
	begin_below_tunnel(&first, SERVER, before);
	ck_assert_int_eq(begin(&second), 0);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&first), ROUTE_LOST);
	ck_assert_int_eq(follow(&second), ROUTE_LOST);
	expect(OURS, BLOCK);
	route_end(&first);
	expect(OURS, BLOCK);
	run("ip link set up0 up");
	ck_assert_int_eq(follow(&second), ROUTE_BACK);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	run("ip link set up0 down");
	ck_assert_int_eq(follow(&second), ROUTE_LOST);
	route_end(&second);
	expect(OURS, "");
}
END_TEST

START_TEST(route_loop_ends_it_where_there_is_no_right_to_block)
{
	struct route_keeper k;
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	int rc = begin(&k);
	ck_assert_int_eq(rc, 0);
	run("ip route replace default dev tun9 && ip link set up0 down");
	privs_drop(false);
	ck_assert_int_eq(follow(&k), ROUTE_LOOP);
	route_end(&k);
}
END_TEST

START_TEST(route_loop_is_told_when_someone_removes_ours_again_and_again)
{
	struct route_keeper k;
	char before[2048];
	begin_below_tunnel(&k, SERVER, before);
	ck_assert_int_eq(contest(&k, USEC_PER_SEC), ROUTE_CONTESTED);
	run("ip route del " SERVER);
	ck_assert_int_eq(follow(&k), ROUTE_LOOP);
	expect_end(&k, before);
}
END_TEST

START_TEST(route_of_two_calls_stays_until_both_have_ended)
{
	struct route_keeper first, second;
	ck_assert_int_eq(begin(&first), 0);
	ck_assert_int_eq(begin(&second), 0);
	ck_assert(second.added);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&first);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	run("ip route replace default via 198.51.100.1");
	ck_assert_int_eq(follow(&second), ROUTE_MOVED);
	route_end(&second);
	expect(OURS, "");
}
END_TEST

START_TEST(route_that_another_call_moved_is_removed_by_a_last_one_that_has_not_heard_of_it)
{
	struct route_keeper first, second;
	ck_assert_int_eq(begin(&first), 0);
	ck_assert_int_eq(begin(&second), 0);
	run("ip route replace default via 198.51.100.1");
	ck_assert_int_eq(follow(&second), ROUTE_MOVED);
	expect(OURS, SERVER " via 198.51.100.1 dev up1");
	route_end(&second);
	route_end(&first);
	expect(OURS, "");
}
END_TEST

START_TEST(route_of_a_killed_call_is_removed_by_the_one_that_lives)
{
	struct route_keeper second;
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct route_keeper first;
		_exit(begin(&first) == 0 ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	ck_assert_int_eq(begin(&second), 0);
	route_end(&second);
	expect(OURS, "");
}
END_TEST

START_TEST(route_of_many_calls_that_come_and_go_at_once_is_gone_in_the_end)
{
	enum {
		CALLS = 8,
		TIMES = 10
	};
	pid_t children[CALLS];
	for (int i = 0; i < CALLS; i++) {
		children[i] = fork();
		ck_assert_int_ge(children[i], 0);
		for (int n = 0; children[i] == 0 && n < TIMES; n++) {
			struct route_keeper k;
			if (begin(&k) != 0 || route_on_events(&k, 0) == ROUTE_LOOP)
				_exit(1);
			route_end(&k);
		}
		if (children[i] == 0)
			_exit(0);
	}
	for (int i = 0; i < CALLS; i++) {
		int status;
		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
		ck_assert_int_eq(status, 0);
	}
	expect(OURS, "");
}
END_TEST

/* Who prefers which hop must not depend on who came first, or each would undo the other's choice. */
START_TEST(route_of_two_calls_over_a_multipath_default_comes_to_rest)
{
	struct route_keeper first, second;
	int moves = 0;
	run("ip route replace default nexthop via 192.0.2.1 nexthop via 198.51.100.1");
	ck_assert_int_eq(begin(&first), 0);
	const char *other = strcmp(first.path.device, "up0") == 0 ? "via 198.51.100.1 dev up1"
	                                                          : "via 192.0.2.1 dev up0";
	/* As if both had looked at once, and the kernel had named each another hop. */
	run("ip route del " SERVER " && ip route add " SERVER " %s proto 47", other);
	ck_assert_int_eq(begin(&second), 0);
	for (int i = 0; i < 10; i++) {
		moves += follow(&first) == ROUTE_MOVED;
		moves += follow(&second) == ROUTE_MOVED;
	}
	ck_assert_int_le(moves, 2);
	route_end(&first);
	route_end(&second);
	expect(OURS, "");
}
END_TEST

START_TEST(route_is_removed_also_where_there_was_no_descriptor_to_share_it_with)
{
	struct route_keeper k;
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int next = dup(0);
	close(next);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)next + 2; /* for netlink: requests and notifications */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	int rc = begin(&k);
	limit.rlim_cur = before;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(rc, 0);
	ck_assert(k.added);
	ck_assert_int_lt(k.share_fd, 0);
	run("ip route add 203.0.113.0/24 via 192.0.2.1");
	(void)follow(&k);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_is_removed_although_a_call_lives_that_could_not_add_one)
{
	struct route_keeper k;
	int to_child[2], from_child[2], status;
	char octet = 0;
	ck_assert_int_eq(pipe(to_child), 0);
	ck_assert_int_eq(pipe(from_child), 0);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		close(to_child[1]);
		privs_drop(false);
		bool ok = begin(&k) == -EPERM && write(from_child[1], &octet, 1) == 1 &&
		          read(to_child[0], &octet, 1) == 0;
		route_end(&k);
		_exit(ok ? 0 : 1);
	}
	ck_assert_int_eq(read(from_child[0], &octet, 1), 1);
	ck_assert_int_eq(begin(&k), 0);
	route_end(&k);
	expect(OURS, "");
	close(to_child[1]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(route_without_the_right_to_add_one_is_still_watched)
{
	struct route_keeper k;
	privs_drop(false);
	ck_assert_int_eq(begin(&k), -EPERM);
	ck_assert(!k.added);
	ck_assert_int_ge(k.events_fd, 0);
	ck_assert_str_eq(k.path.device, "up0");
	route_end(&k);
}
END_TEST

START_TEST(route_follows_the_mark)
{
	struct route_keeper k;
	run("ip rule add fwmark 5 lookup 1000 && ip route add default via 198.51.100.1 table 1000");
	ck_assert_int_eq(route_begin(&k, address(SERVER), any, 5, true), 0);
	ck_assert_str_eq(k.path.device, "up1");
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 1000");
	run("ip route replace default via 198.51.100.254 table 1000");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect(OURS, SERVER " via 198.51.100.254 dev up1 table 1000");
	route_end(&k);
	expect(OURS, "");
}
END_TEST

START_TEST(route_follows_the_source_address)
{
	struct route_keeper k;
	run("ip rule add from 198.51.100.2 lookup 77 && ip route add default via 198.51.100.1 table 77");
	ck_assert_int_eq(route_begin(&k, address(SERVER), address("198.51.100.2"), 0, true), 0);
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 77");
	route_end(&k);
	expect(OURS, "");
	ck_assert_int_eq(
	    route_begin(&k, address(SERVER), address("10.1.1.1"), 0, true), -ENETUNREACH);
	route_end(&k);
}
END_TEST

START_TEST(route_to_nowhere_is_an_error)
{
	struct route_keeper k;
	run("ip route del default");
	ck_assert_int_eq(begin(&k), -ENETUNREACH);
	route_end(&k);
	run("ip route add unreachable " SERVER);
	ck_assert_int_lt(begin(&k), 0);
	route_end(&k);
}
END_TEST

START_TEST(route_block_left_by_a_killed_process_is_no_obstacle)
{
	struct route_keeper k;
	run("ip route add " BLOCK " proto 47");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, SERVER " via 192.0.2.1 dev up0");
	route_end(&k);
	expect(OURS, "");
	run("ip rule add fwmark 5 lookup 1000 && ip route add default via 198.51.100.1 table 1000");
	run("ip route add " BLOCK " table 1000 proto 47");
	ck_assert_int_eq(route_begin(&k, address(SERVER), any, 5, true), 0);
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 1000");
	route_end(&k);
	expect(OURS, "");
	run("ip route add " BLOCK " proto 47"); /* also where nothing is to be added */
	ck_assert_int_eq(route_begin(&k, address(SERVER), any, 0, false), 0);
	expect(OURS, "");
	route_end(&k);
}
END_TEST

START_TEST(route_survives_more_notifications_than_the_buffer_takes)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	int small = 1;
	ck_assert_int_eq(setsockopt(k.events_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	run("for i in 1 2 3 4 5 6 7 8 9; do ip route add 10.0.$i.0/24 dev up1; done");
	run("ip route replace default via 198.51.100.1");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect(OURS, SERVER " via 198.51.100.1 dev up1");
	route_end(&k);
}
END_TEST

START_TEST(route_does_not_answer_to_changes_that_do_not_concern_it)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	(void)follow(&k);
	run("ip route add 10.0.1.0/24 dev up1");
	ck_assert_int_eq(route_on_events(&k, 0), ROUTE_UNCHANGED);
	ck_assert(!k.relevant);
	route_end(&k);
}
END_TEST

/* Whether a command succeeds in a namespace of its own. */
static bool possible(const char *command)
{
	pid_t child = fork();
	if (child == 0)
		_exit(private_net_enter() && system(command) == 0 ? 0 : 1);
	int status = 1;
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void add_tunnel_tests(TCase *tc)
{
	char command[256];
	snprintf(command, sizeof(command), MAKE_TUNNEL, "tun9", "tun9");
	if (!possible(command)) {
		puts("# the tests with a tunnel are left out: no right to make a tun device");
		return;
	}
	tcase_add_test(tc, route_is_unmoved_by_the_tunnel_becoming_the_default);
	tcase_add_test(tc, route_follows_an_uplink_below_a_tunnel_that_is_the_default);
	tcase_add_test(tc, route_beats_a_tunnel_whose_other_end_is_the_server);
	tcase_add_test(tc, route_loop_is_told_once_each_time_where_there_is_no_host_route);
	tcase_add_test(tc, route_is_blocked_while_nothing_but_the_tunnel_is_left);
	tcase_add_test(tc, route_is_blocked_while_the_address_is_gone);
	tcase_add_test(tc, route_block_gives_way_to_another_uplink);
	tcase_add_test(tc, route_block_is_gone_at_the_end);
	tcase_add_test(tc, route_block_stands_in_for_a_network_that_the_server_is_on);
	tcase_add_test(tc, route_block_stands_in_for_the_host_route_of_another);
	tcase_add_test(tc, route_is_back_with_a_device_that_was_made_anew);
	tcase_add_test(tc, route_block_comes_before_a_tunnel_whose_other_end_is_the_server);
	tcase_add_test(tc, route_is_blocked_while_the_kernel_leaves_it_out_for_want_of_a_carrier);
	tcase_add_test(tc, route_block_is_in_the_table_of_the_mark);
	tcase_add_test(tc, route_block_of_two_calls_goes_with_the_last_of_them);
	tcase_add_test(tc, route_loop_ends_it_where_there_is_no_right_to_block);
	tcase_add_test(tc, route_loop_is_told_when_someone_removes_ours_again_and_again);
}

int main(void)
{
	Suite *suite = suite_create("routing");
	TCase *tc = tcase_create("kernel");
	if (!possible("ip -V >/dev/null")) {
		puts("ok 1 - routing # SKIP neither root nor user namespaces, or no ip(8)\n1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, route_is_added_for_a_server_behind_a_gateway_and_removed_exactly);
	tcase_add_test(tc, route_is_not_added_for_a_server_on_link);
	tcase_add_test(tc, route_is_not_added_for_this_host_itself);
	tcase_add_test(tc, route_of_another_to_the_host_is_left_alone);
	tcase_add_test(tc, route_without_the_host_route_option_is_only_looked_at);
	tcase_add_test(tc, route_over_a_default_without_gateway_names_the_device);
	tcase_add_test(tc, route_repeats_onlink_mtu_and_source_of_the_default);
	tcase_add_test(tc, route_over_an_ipv6_gateway_keeps_it);
	tcase_add_test(tc, route_over_a_multipath_default_takes_one_hop_and_stays_with_it);
	tcase_add_test(tc, route_left_by_a_killed_process_is_taken_over);
	tcase_add_test(tc, route_left_over_that_leads_elsewhere_is_replaced);
	tcase_add_test(tc, route_left_over_that_is_not_needed_goes);
	tcase_add_test(tc, route_moves_with_the_default_route);
	tcase_add_test(tc, route_survives_a_uplink_that_goes_and_comes_back);
	tcase_add_test(tc, route_falls_back_to_the_second_default_when_the_uplink_goes);
	tcase_add_test(tc, route_stays_while_there_is_no_other);
	tcase_add_test(tc, route_that_someone_removes_is_put_back);
	tcase_add_test(tc, route_that_someone_removes_again_and_again_is_left_to_him);
	tcase_add_test(tc, route_that_someone_removes_now_and_then_is_put_back_each_time);
	tcase_add_test(tc, route_block_left_by_a_killed_process_is_no_obstacle);
	tcase_add_test(tc, route_of_two_calls_stays_until_both_have_ended);
	tcase_add_test(
	    tc, route_that_another_call_moved_is_removed_by_a_last_one_that_has_not_heard_of_it);
	tcase_add_test(tc, route_of_a_killed_call_is_removed_by_the_one_that_lives);
	tcase_add_test(tc, route_of_many_calls_that_come_and_go_at_once_is_gone_in_the_end);
	tcase_add_test(tc, route_of_two_calls_over_a_multipath_default_comes_to_rest);
	tcase_add_test(tc, route_is_removed_also_where_there_was_no_descriptor_to_share_it_with);
	tcase_add_test(tc, route_is_removed_although_a_call_lives_that_could_not_add_one);
	tcase_add_test(tc, route_without_the_right_to_add_one_is_still_watched);
	tcase_add_test(tc, route_follows_the_mark);
	tcase_add_test(tc, route_follows_the_source_address);
	tcase_add_test(tc, route_to_nowhere_is_an_error);
	tcase_add_test(tc, route_survives_more_notifications_than_the_buffer_takes);
	tcase_add_test(tc, route_does_not_answer_to_changes_that_do_not_concern_it);
	add_tunnel_tests(tc);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
