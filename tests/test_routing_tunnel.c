/* SPDX-License-Identifier: ISC */
/*
 * The host route with the tunnel known: no path into the tunnel is used, and the unreachable guard
 * is there only while no other path is left.
 */
#include <errno.h>

#include "route_fixture.h"

/* A call from up0 whose tunnel, tun9, has become the default route, as by pppd's
 * replacedefaultroute. */
static void begin_below_tunnel(struct host_route *r, const char *server)
{
	ck_assert_int_eq(begin_with(r, server, (struct options){0}), 0);
	host_route_set_source(r, address("192.0.2.2"));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(r, "tun9"), ROUTE_EVENT_NONE);
	after(r, "ip route replace default dev tun9", ROUTE_EVENT_NONE, NULL);
}

/* The routes that are not ours. */
#define OTHERS "ip -4 route show table all | grep -v 'proto 47'"

static void end_as_before(struct host_route *r)
{
	char before[2048];
	output(OTHERS, before, sizeof(before));
	end(r);
	expect(OTHERS, before);
}

static void expect_no_path_to(const char *server)
{
	struct host_route path;
	ck_assert_int_eq(
	    begin_with(&path, server, (struct options){.look_only = true}), -EHOSTUNREACH);
	host_route_end(&path);
}

static void expect_path_through(const char *server, const char *device)
{
	struct host_route path;
	ck_assert_int_eq(begin_with(&path, server, (struct options){.look_only = true}), 0);
	ck_assert_str_eq(path.device, device);
	host_route_end(&path);
}

START_TEST(route_is_unmoved_by_the_tunnel_becoming_the_default)
{
	struct host_route r;
	begin_below_tunnel(&r, SERVER);
	expect(OURS, BY_UP0);
	expect_path_through(SERVER, "up0");
	end_as_before(&r);
}
END_TEST

START_TEST(route_comes_before_a_tunnel_whose_other_end_is_the_server)
{
	struct host_route r;
	ck_assert_int_eq(begin_with(&r, "192.0.2.77", (struct options){0}), 0);
	ck_assert(!r.added);
	add_tunnel("tun9", "10.9.0.2", "192.0.2.77");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_MOVED);
	expect_path_through("192.0.2.77", "up0");
	after(&r, "ip link set tun9 down && ip link set tun9 up", ROUTE_EVENT_NONE, NULL);
	expect_path_through("192.0.2.77", "up0");
	end(&r);
}
END_TEST

START_TEST(route_begun_below_a_default_through_the_tunnel_uses_the_uplink)
{
	struct host_route r;
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip route add default via 192.0.2.1 metric 100 && ip route del default metric 0 && "
	    "ip route add default dev tun9");
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.tunnel = "tun9"}), 0);
	expect(OURS, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_begun_below_the_tunnel_finds_the_uplink_in_the_table_behind_main)
{
	struct host_route r;
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip route replace default dev tun9 && ip route add default via 192.0.2.1 table default");
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.tunnel = "tun9"}), 0);
	expect(OURS, BY_UP0);
	end(&r);
}
END_TEST

/* As with pppd's demand and defaultroute. */
START_TEST(route_begun_where_only_the_tunnel_leads_to_the_server_is_a_loop)
{
	struct host_route r;
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	run("ip route replace default dev tun9");
	for (int manage = 0; manage < 2; manage++) {
		struct options o = {.tunnel = "tun9", .look_only = !manage};
		ck_assert_int_eq(begin_with(&r, SERVER, o), -ELOOP);
		ck_assert_int_eq(r.state, ROUTE_STATE_LOOP);
		expect(OURS, "");
		if (manage)
			after(&r, "ip route add default via 192.0.2.1 metric 9", ROUTE_EVENT_BACK,
			    BY_UP0);
		end(&r);
	}
}
END_TEST

START_TEST(route_loop_is_reported_once_each_time_where_routes_are_only_looked_at)
{
	struct host_route r;
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.look_only = true}), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	for (int i = 0; i < 2; i++) {
		after(&r, "ip route replace default dev tun9", ROUTE_EVENT_LOOP, NULL);
		after(&r, "ip route add default via 192.0.2.1 metric 900", ROUTE_EVENT_NONE, NULL);
		after(&r, "ip route del default dev tun9", ROUTE_EVENT_BACK, NULL);
		run("ip route add default via 192.0.2.1");
		run("ip route del default metric 900");
	}
	expect(OURS, "");
	host_route_end(&r);
}
END_TEST

START_TEST(route_loop_is_reported_where_there_is_no_right_to_add_a_guard)
{
	struct host_route r;
	drop_right();
	ck_assert_int_eq(begin(&r), -EPERM);
	host_route_set_source(&r, address("192.0.2.2"));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	after(&r, "ip route replace default dev tun9", ROUTE_EVENT_LOOP, "");
	end(&r);
}
END_TEST

START_TEST(route_loop_is_reported_once_ours_is_contested)
{
	struct host_route r;
	begin_below_tunnel(&r, SERVER);
	ck_assert_int_eq(contest(&r, USEC_PER_SEC), ROUTE_EVENT_CONTESTED);
	after(&r, "ip route del " SERVER, ROUTE_EVENT_LOOP, NULL);
	end_as_before(&r);
}
END_TEST

/* What the uplinks do in mid-call: the events and our route with the right to change it, the events
 * without it. */
struct change {
	const char *command;
	enum route_event event;
	const char *ours; /* NULL: does not matter */
	enum route_event unprivileged;
};

static void play(const char *prepare, bool right, const char *source, const struct change *c)
{
	struct host_route r;
	set_up();
	run("%s", prepare);
	if (!right)
		drop_right();
	ck_assert_int_eq(begin(&r), right ? 0 : -EPERM);
	host_route_set_source(&r, address(source));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	for (; c->command; c++)
		after(&r, c->command, right ? c->event : c->unprivileged, right ? c->ours : "");
	host_route_end(&r);
	expect(OURS, "");
}

#define MAKE_PPP(name)                                                                             \
	"(ip link add " name " type ipip local 192.0.2.2 remote 192.0.2.8 2>/dev/null || "         \
	"ip tuntap add mode tun name " name ") && "                                                \
	"ip addr add 10.64.0.2 peer 10.64.0.1 dev " name " && ip link set " name " up"
#define MAKE_WWAN                                                                                  \
	"(ip link add wwan0 type ipip local 192.0.2.2 remote 192.0.2.7 2>/dev/null || "            \
	"ip tuntap add mode tun name wwan0) && ip addr add 10.70.0.2/30 dev wwan0 && "             \
	"ip link set wwan0 up"

static const struct {
	const char *name, *prepare, *source;
	struct change changes[6];
} cases[] = {
    {"uplink ppp0 comes back as ppp2 with the same address",
	MAKE_PPP("ppp0") " && ip route replace default dev ppp0", "10.64.0.2",
	{{"ip link del ppp0", ROUTE_EVENT_LOST, "", ROUTE_EVENT_LOST},
	    {MAKE_PPP("ppp2"), ROUTE_EVENT_BACK, SERVER " dev ppp2 scope link", ROUTE_EVENT_NONE},
	    {"ip route add default dev ppp2", ROUTE_EVENT_NONE, NULL, ROUTE_EVENT_BACK}}},
    {"uplink ppp0 comes back as ppp0", MAKE_PPP("ppp0") " && ip route replace default dev ppp0",
	"10.64.0.2",
	{{"ip link del ppp0", ROUTE_EVENT_LOST, "", ROUTE_EVENT_LOST},
	    {MAKE_PPP("ppp0") " && ip route add default dev ppp0", ROUTE_EVENT_BACK,
		SERVER " dev ppp0 scope link", ROUTE_EVENT_BACK}}},
    {"uplink goes down and a default through wwan0 is there",
	MAKE_WWAN " && ip route add default dev wwan0 metric 700", "192.0.2.2",
	{{"ip link set up0 down", ROUTE_EVENT_MOVED, SERVER " dev wwan0 scope link",
	     ROUTE_EVENT_NONE},
	    {"ip link set up0 up", ROUTE_EVENT_NONE, NULL, ROUTE_EVENT_NONE},
	    {"ip route add default via 192.0.2.1", ROUTE_EVENT_MOVED, BY_UP0, ROUTE_EVENT_NONE}}},
    {"default through the uplink is deleted and that through wwan0 is left",
	MAKE_WWAN " && ip route add default dev wwan0 metric 700", "192.0.2.2",
	{{"ip route del default via 192.0.2.1", ROUTE_EVENT_NONE, BY_UP0, ROUTE_EVENT_NONE}}},
    {"another VPN takes 0/1 and 128/1", MAKE_WWAN, "192.0.2.2",
	{{"ip route add 0.0.0.0/1 dev wwan0 && ip route add 128.0.0.0/1 dev wwan0",
	    ROUTE_EVENT_NONE, BY_UP0, ROUTE_EVENT_NONE}}},
    {"another VPN takes 0/1 and 128/1, and the uplink goes", MAKE_WWAN, "192.0.2.2",
	{{"ip route add 0.0.0.0/1 dev wwan0 && ip route add 128.0.0.0/1 dev wwan0",
	     ROUTE_EVENT_NONE, BY_UP0, ROUTE_EVENT_NONE},
	    {"ip link set up0 down", ROUTE_EVENT_MOVED, NULL, ROUTE_EVENT_NONE}}},
};

START_TEST(route_is_no_loop_and_blocks_no_path_when)
{
	ck_assert_int_lt(_i / 2, (int)(sizeof(cases) / sizeof(cases[0])));
	printf("# %s, %s the right\n", cases[_i / 2].name, _i % 2 ? "with" : "without");
	play(cases[_i / 2].prepare, _i % 2, cases[_i / 2].source, cases[_i / 2].changes);
}
END_TEST

START_TEST(route_is_guarded_while_nothing_but_the_tunnel_is_left)
{
	struct host_route r;
	begin_below_tunnel(&r, SERVER);
	after(&r, "ip link set up0 down", ROUTE_EVENT_LOST, GUARD);
	expect_no_path_to(SERVER);
	/* What does not help is not reported. */
	after(&r, "ip link set up1 down && ip link set up1 up", ROUTE_EVENT_NONE, GUARD);
	after(&r, "ip link set up0 up", ROUTE_EVENT_BACK, BY_UP0);
	ck_assert_str_eq(r.device, "up0");
	ck_assert_int_eq(events(&r), ROUTE_EVENT_NONE);
	end_as_before(&r);
}
END_TEST

/* From an address that is not there nothing can be sent, so nothing can loop. */
START_TEST(route_needs_no_guard_while_the_address_is_gone)
{
	struct host_route r;
	begin_below_tunnel(&r, SERVER);
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_LOST, "");
	after(&r, "ip addr add 192.0.2.2/24 dev up0", ROUTE_EVENT_BACK, BY_UP0);
	end_as_before(&r);
}
END_TEST

START_TEST(route_guard_yields_to_another_uplink_and_the_first_one_comes_back)
{
	struct host_route r;
	begin_below_tunnel(&r, SERVER);
	after(&r, "ip link set up0 down", ROUTE_EVENT_LOST, GUARD);
	after(&r, "ip route add default via 198.51.100.1 metric 600", ROUTE_EVENT_BACK, BY_UP1);
	after(&r, "ip link set up0 up", ROUTE_EVENT_NONE, BY_UP1);
	after(&r, "ip route add default via 192.0.2.1 metric 900", ROUTE_EVENT_MOVED, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_guard_is_gone_at_the_end)
{
	struct host_route r;
	begin_below_tunnel(&r, SERVER);
	after(&r, "ip link set up0 down", ROUTE_EVENT_LOST, GUARD);
	end_as_before(&r);
}
END_TEST

START_TEST(route_guard_replaces_a_network_that_the_server_is_on)
{
	struct host_route r;
	begin_below_tunnel(&r, "192.0.2.77");
	expect(OURS, "");
	after(&r, "ip link set up0 down", ROUTE_EVENT_LOST, "unreachable 192.0.2.77");
	after(&r, "ip link set up0 up", ROUTE_EVENT_BACK, "");
	expect_path_through("192.0.2.77", "up0");
	host_route_end(&r);
}
END_TEST

START_TEST(route_guard_replaces_the_host_route_of_another)
{
	struct host_route r;
	run("ip route add " SERVER " via 198.51.100.1 metric 50");
	begin_below_tunnel(&r, SERVER);
	after(&r, "ip link set up1 down", ROUTE_EVENT_LOST, GUARD);
	after(&r, "ip link set up1 up && ip route add " SERVER " via 198.51.100.1 metric 50",
	    ROUTE_EVENT_BACK, "");
	end_as_before(&r);
}
END_TEST

START_TEST(route_is_back_with_a_device_that_was_made_anew)
{
	struct host_route r;
	begin_below_tunnel(&r, SERVER);
	after(&r, "ip link del up0", ROUTE_EVENT_LOST, NULL);
	run("ip link add up0 type veth peer name far0 && ip link set far0 up");
	after(
	    &r, "ip addr add 192.0.2.2/24 dev up0 && ip link set up0 up", ROUTE_EVENT_BACK, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_guard_comes_before_a_tunnel_whose_other_end_is_the_server)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	add_tunnel("tun9", "10.9.0.2", SERVER);
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	expect_path_through(SERVER, "up0");
	after(&r, "ip link set up0 down", ROUTE_EVENT_LOST, NULL);
	expect_no_path_to(SERVER);
	run("ip link set tun9 down && ip link set tun9 up");
	(void)events(&r);
	expect_no_path_to(SERVER);
	after(&r, "ip link set up0 up", ROUTE_EVENT_BACK, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_is_guarded_while_the_kernel_skips_it_for_want_of_a_carrier)
{
	struct host_route r;
	run("echo 1 >/proc/sys/net/ipv4/conf/up0/ignore_routes_with_linkdown");
	begin_below_tunnel(&r, SERVER);
	after(&r, "ip link set far0 down", ROUTE_EVENT_LOST, NULL);
	expect_no_path_to(SERVER);
	after(&r, "ip link set up1 down && ip link set up1 up", ROUTE_EVENT_NONE, NULL);
	after(&r, "ip link set far0 up", ROUTE_EVENT_BACK, BY_UP0);
	after(&r, "ip link set far0 down", ROUTE_EVENT_LOST, NULL);
	end(&r);
}
END_TEST

START_TEST(route_moves_while_the_kernel_skips_it_for_want_of_a_carrier)
{
	struct host_route r;
	run("echo 1 >/proc/sys/net/ipv4/conf/up0/ignore_routes_with_linkdown && "
	    "ip route add default via 198.51.100.1 metric 600");
	begin_established(&r, "192.0.2.2");
	after(&r, "ip link set far0 down", ROUTE_EVENT_MOVED, BY_UP1);
	after(&r, "ip link set far0 up", ROUTE_EVENT_MOVED, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_guard_is_in_the_table_of_the_mark)
{
	struct host_route r;
	run("ip rule add fwmark 5 lookup 1000 && ip route add default via 198.51.100.1 table 1000");
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.mark = 5}), 0);
	host_route_set_source(&r, address("198.51.100.2"));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	(void)set_tunnel(&r, "tun9");
	after(&r, "ip route replace default dev tun9", ROUTE_EVENT_NONE, NULL);
	after(&r, "ip link set up1 down", ROUTE_EVENT_LOST, GUARD " table 1000");
	after(&r, "ip link set up1 up", ROUTE_EVENT_BACK,
	    SERVER " via 198.51.100.1 dev up1 table 1000");
	end(&r);
}
END_TEST

START_TEST(route_goes_to_the_table_that_a_new_rule_chooses)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	run("ip route add default dev tun9 table 77");
	after(&r, "ip rule add from all lookup 77", ROUTE_EVENT_MOVED, BY_UP0 " table 77");
	expect_path_through(SERVER, "up0");
	end(&r);
}
END_TEST

START_TEST(route_guard_of_two_calls_goes_with_the_last_of_them)
{
	struct host_route first, second;
	begin_below_tunnel(&first, SERVER);
	ck_assert_int_eq(begin(&second), 0);
	host_route_set_source(&second, address("192.0.2.2"));
	expect(OURS, BY_UP0);
	after(&first, "ip link set up0 down", ROUTE_EVENT_LOST, NULL);
	ck_assert_int_eq(events(&second), ROUTE_EVENT_LOST);
	expect(OURS, GUARD);
	host_route_end(&first);
	expect(OURS, GUARD);
	after(&second, "ip link set up0 up", ROUTE_EVENT_BACK, BY_UP0);
	host_route_end(&second);
	expect(OURS, "");
}
END_TEST

START_TEST(route_of_two_calls_leads_into_neither_tunnel)
{
	struct host_route first, second;
	begin_below_tunnel(&first, SERVER);
	ck_assert_int_eq(begin(&second), 0);
	host_route_set_source(&second, address("192.0.2.2"));
	add_tunnel("tun8", "10.8.0.2", "10.8.0.1");
	ck_assert_int_eq(set_tunnel(&second, "tun8"), ROUTE_EVENT_NONE);
	run("ip route add default dev tun8 metric 5 && ip link set up0 down");
	ck_assert_int_eq(events(&first), ROUTE_EVENT_LOST);
	ck_assert_int_eq(events(&second), ROUTE_EVENT_LOST);
	expect(OURS, GUARD);
	run("ip link set up0 up");
	ck_assert_int_eq(events(&second), ROUTE_EVENT_BACK);
	ck_assert_int_eq(events(&first), ROUTE_EVENT_BACK);
	expect(OURS, BY_UP0);
	host_route_end(&second);
	expect(OURS, BY_UP0);
	end(&first);
}
END_TEST

/* The second call knows the hop of the route that it shares, not what it was copied from. */
START_TEST(route_of_another_call_comes_back_only_through_its_gateway)
{
	struct host_route first, second;
	ck_assert_int_eq(begin(&first), 0);
	run("ip route replace default via 198.51.100.1");
	begin_established(&second, "192.0.2.2");
	expect(OURS, BY_UP0);
	host_route_end(&first);
	after(&second, "ip link set up0 down", ROUTE_EVENT_MOVED, BY_UP1);
	after(&second, "ip link set up0 up && ip route add 203.0.0.0/8 dev up0", ROUTE_EVENT_NONE,
	    BY_UP1);
	after(&second, "ip route add default via 192.0.2.1 metric 900", ROUTE_EVENT_MOVED, BY_UP0);
	end(&second);
}
END_TEST

START_TEST(route_stays_where_a_call_that_began_there_holds_it)
{
	struct host_route first, second;
	run("ip route add default via 198.51.100.1 metric 600");
	begin_established(&first, "192.0.2.2");
	after(&first, "ip link set up0 down", ROUTE_EVENT_MOVED, BY_UP1);
	ck_assert_int_eq(begin(&second), 0);
	host_route_set_source(&second, address("198.51.100.2"));
	run("ip link set up0 up && ip route add default via 192.0.2.1");
	ck_assert_int_eq(events(&first), ROUTE_EVENT_NONE);
	expect(OURS, BY_UP1);
	host_route_end(&second);
	after(&first, "ip link set up0 mtu 1400", ROUTE_EVENT_MOVED, BY_UP0);
	end(&first);
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
	tcase_add_test(tc, route_comes_before_a_tunnel_whose_other_end_is_the_server);
	tcase_add_test(tc, route_begun_below_a_default_through_the_tunnel_uses_the_uplink);
	tcase_add_test(tc, route_begun_below_the_tunnel_finds_the_uplink_in_the_table_behind_main);
	tcase_add_test(tc, route_begun_where_only_the_tunnel_leads_to_the_server_is_a_loop);
	tcase_add_test(tc, route_loop_is_reported_once_each_time_where_routes_are_only_looked_at);
	tcase_add_test(tc, route_loop_is_reported_where_there_is_no_right_to_add_a_guard);
	tcase_add_test(tc, route_loop_is_reported_once_ours_is_contested);
	tcase_add_test(tc, route_is_guarded_while_nothing_but_the_tunnel_is_left);
	tcase_add_test(tc, route_needs_no_guard_while_the_address_is_gone);
	tcase_add_test(tc, route_guard_yields_to_another_uplink_and_the_first_one_comes_back);
	tcase_add_test(tc, route_guard_is_gone_at_the_end);
	tcase_add_test(tc, route_guard_replaces_a_network_that_the_server_is_on);
	tcase_add_test(tc, route_guard_replaces_the_host_route_of_another);
	tcase_add_test(tc, route_is_back_with_a_device_that_was_made_anew);
	tcase_add_test(tc, route_guard_comes_before_a_tunnel_whose_other_end_is_the_server);
	tcase_add_test(tc, route_is_guarded_while_the_kernel_skips_it_for_want_of_a_carrier);
	tcase_add_test(tc, route_moves_while_the_kernel_skips_it_for_want_of_a_carrier);
	tcase_add_test(tc, route_guard_is_in_the_table_of_the_mark);
	tcase_add_test(tc, route_goes_to_the_table_that_a_new_rule_chooses);
	tcase_add_test(tc, route_guard_of_two_calls_goes_with_the_last_of_them);
	tcase_add_test(tc, route_of_two_calls_leads_into_neither_tunnel);
	tcase_add_test(tc, route_of_another_call_comes_back_only_through_its_gateway);
	tcase_add_test(tc, route_stays_where_a_call_that_began_there_holds_it);
	suite_add_tcase(suite, tc);
	TCase *uplinks = tcase_create("uplinks");
	tcase_set_timeout(uplinks, 60);
	tcase_add_loop_test(uplinks, route_is_no_loop_and_blocks_no_path_when, 0,
	    2 * (int)(sizeof(cases) / sizeof(cases[0])));
	suite_add_tcase(suite, uplinks);
	return unit_run(suite);
}
