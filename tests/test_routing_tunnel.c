/* SPDX-License-Identifier: ISC */
/*
 * The host route beside the tunnel's own routes: it is not led astray by them, and while they are all
 * that is left the way to the server is blocked.
 */
#include <errno.h>

#include "sys/privs.h"
#include "tests/route_fixture.h"

/* The tunnel's device: any point-to-point kind that this kernel, and our rights, allow. */
#define MAKE_TUNNEL                                                                                \
	"ip link add %s type ipip local 192.0.2.2 remote 192.0.2.9 2>/dev/null || "                \
	"ip tuntap add mode tun name %s 2>/dev/null"

static void add_tunnel(const char *name, const char *local, const char *remote)
{
	run(MAKE_TUNNEL, name, name);
	run("ip addr add %s peer %s dev %s && ip link set %s up", local, remote, name, name);
}

START_TEST(route_is_unmoved_by_the_tunnel_becoming_the_default)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	after(&k, "ip route replace default dev tun9", ROUTE_UNCHANGED, BY_UP0);
	expect("ip -o route get " SERVER " | cut -d' ' -f1-5", BY_UP0);
	end(&k);
}
END_TEST

START_TEST(route_follows_an_uplink_below_a_tunnel_that_is_the_default)
{
	struct route_keeper k;
	run("ip route replace default via 192.0.2.1 metric 100 && ip route del default metric 0 || :");
	ck_assert_int_eq(begin(&k), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	after(&k, "ip route add default dev tun9", ROUTE_UNCHANGED, NULL);
	after(&k, "ip route add default via 198.51.100.1 metric 50", ROUTE_MOVED, BY_UP1);
	end(&k);
}
END_TEST

START_TEST(route_beats_a_tunnel_whose_other_end_is_the_server)
{
	struct route_keeper k;
	ck_assert_int_eq(begin_route(&k, address("192.0.2.77"), any, 0, true), 0);
	ck_assert(!k.added);
	add_tunnel("tun9", "10.9.0.2", "192.0.2.77");
	ck_assert_int_eq(follow(&k), ROUTE_MOVED);
	expect("ip -o route get 192.0.2.77 | cut -d' ' -f1-3", "192.0.2.77 dev up0");
	after(&k, "ip link del tun9", ROUTE_MOVED, "");
	route_end(&k);
}
END_TEST

START_TEST(route_loop_is_told_once_each_time_where_there_is_no_host_route)
{
	struct route_keeper k;
	ck_assert_int_eq(begin_route(&k, address(SERVER), any, 0, false), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	for (int i = 0; i < 2; i++) {
		after(&k, "ip route replace default dev tun9", ROUTE_LOOP, NULL);
		after(&k, "ip route add default via 192.0.2.1 metric 900", ROUTE_UNCHANGED, NULL);
		after(&k, "ip route del default dev tun9", ROUTE_BACK, NULL);
		run("ip route add default via 192.0.2.1");
		run("ip route del default metric 900");
	}
	expect(OURS, "");
	route_end(&k);
}
END_TEST

/* A call whose tunnel has become the default route, as by pppd's replacedefaultroute. */
static void begin_below_tunnel(struct route_keeper *k, const char *server)
{
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip link set tun9 down");
	ck_assert_int_eq(begin_route(k, address(server), any, 0, true), 0);
	after(k, "ip link set tun9 up && ip route replace default dev tun9", ROUTE_UNCHANGED, NULL);
}

/* What stands in the tables beside ours. */
#define OTHERS "ip -4 route show table all | grep -v 'proto 47'"

static void end_as_before(struct route_keeper *k)
{
	char before[2048];
	output(OTHERS, before, sizeof(before));
	end(k);
	expect(OTHERS, before);
}

static void expect_no_way_to(const char *server)
{
	struct route_path path;
	ck_assert_int_eq(route_lookup(address(server), any, 0, &path), -EHOSTUNREACH);
}

START_TEST(route_is_blocked_while_nothing_but_the_tunnel_is_left)
{
	struct route_keeper k;
	begin_below_tunnel(&k, SERVER);
	after(&k, "ip link set up0 down", ROUTE_LOST, BLOCK);
	expect_no_way_to(SERVER);
	/* What does not help is not told. */
	after(&k, "ip link set up1 down && ip link set up1 up", ROUTE_UNCHANGED, NULL);
	after(&k, "ip link set up0 up", ROUTE_BACK, BY_UP0);
	ck_assert_str_eq(k.path.device, "up0");
	ck_assert_int_eq(follow(&k), ROUTE_UNCHANGED);
	end_as_before(&k);
}
END_TEST

START_TEST(route_is_blocked_while_the_address_is_gone)
{
	struct route_keeper k;
	begin_below_tunnel(&k, SERVER);
	after(&k, "ip addr del 192.0.2.2/24 dev up0", ROUTE_LOST, BLOCK);
	after(&k, "ip addr add 192.0.2.2/24 dev up0", ROUTE_BACK, BY_UP0);
	end_as_before(&k);
}
END_TEST

START_TEST(route_block_gives_way_to_another_uplink)
{
	struct route_keeper k;
	begin_below_tunnel(&k, SERVER);
	after(&k, "ip link set up0 down", ROUTE_LOST, NULL);
	after(&k, "ip route add default via 198.51.100.1 metric 600", ROUTE_BACK, BY_UP1);
	end(&k);
}
END_TEST

START_TEST(route_block_is_gone_at_the_end)
{
	struct route_keeper k;
	begin_below_tunnel(&k, SERVER);
	after(&k, "ip link set up0 down", ROUTE_LOST, BLOCK);
	end_as_before(&k);
}
END_TEST

START_TEST(route_block_stands_in_for_a_network_that_the_server_is_on)
{
	struct route_keeper k;
	begin_below_tunnel(&k, "192.0.2.77");
	expect(OURS, "");
	after(&k, "ip link set up0 down", ROUTE_LOST, "unreachable 192.0.2.77");
	after(&k, "ip link set up0 up", ROUTE_BACK, "");
	expect("ip -o route get 192.0.2.77 | cut -d' ' -f1-3", "192.0.2.77 dev up0");
	route_end(&k);
}
END_TEST

START_TEST(route_block_stands_in_for_the_host_route_of_another)
{
	struct route_keeper k;
	run("ip route add " SERVER " via 198.51.100.1 metric 50");
	begin_below_tunnel(&k, SERVER);
	after(&k, "ip link set up1 down", ROUTE_LOST, BLOCK);
	after(&k, "ip link set up1 up && ip route add " SERVER " via 198.51.100.1 metric 50",
	    ROUTE_BACK, "");
	end_as_before(&k);
}
END_TEST

START_TEST(route_is_back_with_a_device_that_was_made_anew)
{
	struct route_keeper k;
	begin_below_tunnel(&k, SERVER);
	after(&k, "ip link del up0", ROUTE_LOST, BLOCK);
	run("ip link add up0 type veth peer name far0 && ip link set far0 up");
	after(&k, "ip addr add 192.0.2.2/24 dev up0 && ip link set up0 up", ROUTE_BACK, BY_UP0);
	end(&k);
}
END_TEST

START_TEST(route_block_comes_before_a_tunnel_whose_other_end_is_the_server)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	add_tunnel("tun9", "10.9.0.2", SERVER);
	(void)follow(&k);
	expect("ip -o route get " SERVER " | cut -d' ' -f1-5", BY_UP0);
	after(&k, "ip link set up0 down", ROUTE_LOST, NULL);
	expect_no_way_to(SERVER);
	run("ip link set tun9 down && ip link set tun9 up"); /* its route comes in front */
	(void)follow(&k);
	expect_no_way_to(SERVER);
	after(&k, "ip link set up0 up", ROUTE_BACK, BY_UP0);
	end(&k);
}
END_TEST

START_TEST(route_is_blocked_while_the_kernel_leaves_it_out_for_want_of_a_carrier)
{
	struct route_keeper k;
	run("echo 1 >/proc/sys/net/ipv4/conf/up0/ignore_routes_with_linkdown");
	begin_below_tunnel(&k, SERVER);
	after(&k, "ip link set far0 down", ROUTE_LOST, NULL);
	expect_no_way_to(SERVER);
	after(&k, "ip link set up1 down && ip link set up1 up", ROUTE_UNCHANGED, NULL);
	after(&k, "ip link set far0 up", ROUTE_BACK, BY_UP0);
	after(&k, "ip link set far0 down", ROUTE_LOST, NULL);
	end(&k);
}
END_TEST

START_TEST(route_block_is_in_the_table_of_the_mark)
{
	struct route_keeper k;
	run("ip rule add fwmark 5 lookup 1000 && ip route add default via 198.51.100.1 table 1000");
	ck_assert_int_eq(begin_route(&k, address(SERVER), any, 5, true), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	after(&k, "ip route replace default dev tun9", ROUTE_UNCHANGED, NULL);
	after(&k, "ip link set up1 down", ROUTE_LOST, BLOCK " table 1000");
	after(&k, "ip link set up1 up", ROUTE_BACK, SERVER " via 198.51.100.1 dev up1 table 1000");
	end(&k);
}
END_TEST

START_TEST(route_block_of_two_calls_goes_with_the_last_of_them)
{
	struct route_keeper first, second;
	begin_below_tunnel(&first, SERVER);
	ck_assert_int_eq(begin(&second), 0);
	expect(OURS, BY_UP0);
	after(&first, "ip link set up0 down", ROUTE_LOST, NULL);
	ck_assert_int_eq(follow(&second), ROUTE_LOST);
	expect(OURS, BLOCK);
	route_end(&first);
	expect(OURS, BLOCK);
	after(&second, "ip link set up0 up", ROUTE_BACK, BY_UP0);
	after(&second, "ip link set up0 down", ROUTE_LOST, NULL);
	end(&second);
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
	begin_below_tunnel(&k, SERVER);
	output(OTHERS, before, sizeof(before));
	ck_assert_int_eq(contest(&k, USEC_PER_SEC), ROUTE_CONTESTED);
	after(&k, "ip route del " SERVER, ROUTE_LOOP, NULL);
	end(&k);
	expect(OTHERS, before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("routing");
	TCase *tc = tcase_create("tunnel");
	char command[256];
	snprintf(command, sizeof(command), MAKE_TUNNEL, "tun9", "tun9");
	if (!possible("ip -V >/dev/null") || !possible(command)) {
		puts(
		    "ok 1 - routing # SKIP no right to make a namespace or a tunnel, or no ip(8)\n1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
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
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
