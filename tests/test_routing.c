/* SPDX-License-Identifier: ISC */
/* The host route: what is added, what it follows, and that nothing of it is left. */
#include <errno.h>
#include <sys/resource.h>

#include "route_fixture.h"

START_TEST(route_is_added_for_a_server_behind_a_gateway_and_removed_exactly)
{
	struct host_route r;
	char before[2048], after[2048];
	output("ip -4 route show table all", before, sizeof(before));
	ck_assert_int_eq(begin(&r), 0);
	ck_assert(r.added);
	ck_assert_str_eq(r.device, "up0");
	expect(OURS, BY_UP0);
	host_route_end(&r);
	ck_assert_str_eq(output("ip -4 route show table all", after, sizeof(after)), before);
}
END_TEST

START_TEST(route_is_not_added_for_a_server_on_link)
{
	struct host_route r;
	ck_assert_int_eq(begin_with(&r, "192.0.2.77", (struct options){0}), 0);
	ck_assert(!r.added);
	expect(OURS, "");
	host_route_end(&r);
}
END_TEST

START_TEST(route_is_not_added_for_this_host_itself)
{
	struct host_route r;
	ck_assert_int_eq(begin_with(&r, "127.0.0.2", (struct options){0}), 0);
	ck_assert(!r.added);
	expect(OURS, "");
	host_route_end(&r);
}
END_TEST

START_TEST(route_of_another_to_the_host_is_left_alone)
{
	struct host_route r;
	run("ip route add " SERVER " via 198.51.100.1 metric 50");
	ck_assert_int_eq(begin(&r), 0);
	ck_assert(!r.added);
	ck_assert_str_eq(r.device, "up1");
	expect("ip -4 route show " SERVER, SERVER " via 198.51.100.1 dev up1 metric 50");
	host_route_end(&r);
	expect("ip -4 route show " SERVER, SERVER " via 198.51.100.1 dev up1 metric 50");
}
END_TEST

START_TEST(route_without_the_host_route_option_is_only_looked_at)
{
	struct host_route r;
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.look_only = true}), 0);
	ck_assert_str_eq(r.device, "up0");
	expect(OURS, "");
	host_route_end(&r);
}
END_TEST

START_TEST(route_over_a_default_without_gateway_names_the_device)
{
	struct host_route r;
	run("ip route del default && ip route add default dev up1");
	ck_assert_int_eq(begin(&r), 0);
	expect(OURS, SERVER " dev up1 scope link");
	end(&r);
}
END_TEST

START_TEST(route_repeats_onlink_mtu_and_source_of_the_default)
{
	struct host_route r;
	run("ip addr add 192.0.2.3/24 dev up0");
	run("ip route replace default via 10.9.9.9 dev up0 onlink src 192.0.2.3 mtu 1400");
	ck_assert_int_eq(begin(&r), 0);
	expect(OURS, SERVER " via 10.9.9.9 dev up0 src 192.0.2.3 onlink mtu 1400");
	after(&r, "ip route add default via 192.0.2.254 metric 900", ROUTE_EVENT_NONE,
	    NULL); /* makes it look again */
	end(&r);
}
END_TEST

START_TEST(route_over_an_ipv6_gateway_keeps_it)
{
	struct host_route r;
	run("ip -4 route del default && ip -4 route add default via inet6 fe80::1 dev up0");
	ck_assert_int_eq(begin(&r), 0);
	expect(OURS, SERVER " via inet6 fe80::1 dev up0");
	after(&r, "ip route add default via 192.0.2.254 metric 900", ROUTE_EVENT_NONE,
	    NULL); /* makes it look again */
	end(&r);
}
END_TEST

START_TEST(route_over_a_multipath_default_takes_one_hop_and_stays_with_it)
{
	struct host_route r;
	char first[256], later[256];
	run("ip route replace default nexthop via 192.0.2.1 nexthop via 198.51.100.1");
	ck_assert_int_eq(begin(&r), 0);
	output(OURS, first, sizeof(first));
	ck_assert(strstr(first, SERVER " via ") == first);
	after(&r, "ip route add default via 192.0.2.254 metric 900", ROUTE_EVENT_NONE, NULL);
	ck_assert_str_eq(output(OURS, later, sizeof(later)), first);
	end(&r);
}
END_TEST

START_TEST(route_over_a_multipath_default_takes_the_hop_that_the_kernel_takes)
{
	struct host_route r;
	char server[INET_ADDRSTRLEN], ours[256];
	run("ip route replace default nexthop via 192.0.2.1 nexthop via 198.51.100.1");
	for (int i = 1; i <= 16; i++) {
		snprintf(server, sizeof(server), "203.0.113.%d", i);
		ck_assert_int_eq(begin_with(&r, server, (struct options){.look_only = true}), 0);
		const char *wanted = strcmp(r.device, "up0") == 0 ? "via 192.0.2.1 dev up0"
		                                                  : "via 198.51.100.1 dev up1";
		host_route_end(&r);
		ck_assert_int_eq(begin_with(&r, server, (struct options){0}), 0);
		ck_assert_ptr_nonnull(strstr(output(OURS, ours, sizeof(ours)), wanted));
		end(&r);
	}
}
END_TEST

START_TEST(route_left_by_a_killed_process_is_taken_over)
{
	struct host_route r;
	run("ip route add " SERVER " via 192.0.2.1 proto 47");
	ck_assert_int_eq(begin(&r), 0);
	ck_assert(r.added);
	expect(OURS, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_left_over_that_leads_elsewhere_is_replaced)
{
	struct host_route r;
	run("ip route add " SERVER " via 198.51.100.99 proto 47");
	ck_assert_int_eq(begin(&r), 0);
	expect(OURS, BY_UP0);
	ck_assert_str_eq(r.device, "up0");
	end(&r);
}
END_TEST

START_TEST(route_that_someone_removes_is_put_back)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	after(&r, "ip route del " SERVER, ROUTE_EVENT_RESTORED, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_that_someone_removes_now_and_then_is_put_back_each_time)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	ck_assert_int_eq(contest(&r, 10 * USEC_PER_SEC), ROUTE_EVENT_RESTORED);
	end(&r);
}
END_TEST

/* Its uplink is up again, but without a way to the server. */
START_TEST(route_that_has_left_its_uplink_is_put_back_where_it_was)
{
	struct host_route r;
	run("ip route add default via 198.51.100.1 metric 600");
	ck_assert_int_eq(begin(&r), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	after(&r, "ip link set up0 down", ROUTE_EVENT_MOVED, BY_UP1);
	after(&r, "ip link set up0 up", ROUTE_EVENT_NONE, BY_UP1);
	after(&r, "ip route del " SERVER, ROUTE_EVENT_RESTORED, BY_UP1);
	end(&r);
}
END_TEST

START_TEST(route_of_a_killed_call_is_removed_by_the_one_that_lives)
{
	struct host_route second;
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		struct host_route first;
		_exit(begin(&first) == 0 ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	expect(OURS, BY_UP0);
	ck_assert_int_eq(begin(&second), 0);
	end(&second);
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
			struct host_route r;
			if (begin(&r) != 0 || host_route_on_events(&r, 0) == ROUTE_EVENT_LOOP)
				_exit(1);
			host_route_end(&r);
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

START_TEST(route_without_the_right_to_add_one_is_still_watched)
{
	struct host_route r;
	drop_right();
	ck_assert_int_eq(begin(&r), -EPERM);
	ck_assert(!r.added);
	ck_assert_int_ge(r.events.fd, 0);
	ck_assert_str_eq(r.device, "up0");
	host_route_end(&r);
}
END_TEST

START_TEST(route_follows_the_source_address)
{
	struct host_route r;
	run("ip rule add from 198.51.100.2 lookup 77 && ip route add default via 198.51.100.1 table 77");
	ck_assert_int_eq(
	    begin_with(&r, SERVER, (struct options){.local = address("198.51.100.2")}), 0);
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 77");
	end(&r);
	ck_assert_int_eq(
	    begin_with(&r, SERVER, (struct options){.local = address("10.1.1.1")}), -ENETUNREACH);
	host_route_end(&r);
}
END_TEST

START_TEST(route_to_nowhere_is_an_error)
{
	struct host_route r;
	run("ip route del default");
	ck_assert_int_eq(begin(&r), -ENETUNREACH);
	host_route_end(&r);
	run("ip route add unreachable " SERVER);
	ck_assert_int_lt(begin(&r), 0);
	host_route_end(&r);
}
END_TEST

START_TEST(route_guard_left_by_a_killed_process_is_no_obstacle)
{
	struct host_route r;
	run("ip route add " GUARD " proto 47");
	ck_assert_int_eq(begin(&r), 0);
	expect(OURS, BY_UP0);
	end(&r);
	run("ip rule add fwmark 5 lookup 1000 && ip route add default via 198.51.100.1 table 1000");
	run("ip route add " GUARD " table 1000 proto 47");
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.mark = 5}), 0);
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 1000");
	end(&r);
	/* Also where nothing is to be added. */
	run("ip route add " GUARD " proto 47 && ip route add " GUARD " table 1000 proto 47");
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.look_only = true}), 0);
	expect(OURS, "");
	host_route_end(&r);
}
END_TEST

START_TEST(route_does_not_answer_to_changes_that_do_not_concern_it)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	(void)events(&r);
	run("ip route add 10.0.1.0/24 dev up1");
	ck_assert_int_eq(host_route_on_events(&r, 0), ROUTE_EVENT_NONE);
	ck_assert(!r.relevant);
	host_route_end(&r);
}
END_TEST

START_TEST(route_repeats_a_long_list_of_metrics)
{
	struct host_route r;
	const char *metrics =
	    "mtu 1400 window 1000 ssthresh 10 cwnd 11 advmss 1360 reordering 4 "
	    "hoplimit 9 initcwnd 8 features ecn initrwnd 7 quickack 1 congctl cubic";
	run("ip route replace default via 192.0.2.1 %s 2>/dev/null || "
	    "ip route replace default via 192.0.2.1 %.*s",
	    metrics, (int)(strstr(metrics, " congctl") - metrics), metrics);
	char wanted[512], got[512];
	output("ip route show default | sed 's/.*dev up0//'", wanted, sizeof(wanted));
	ck_assert_int_eq(begin(&r), 0);
	output("ip route show " SERVER " | sed 's/.*proto 47//'", got, sizeof(got));
	ck_assert_str_eq(got, wanted);
	end(&r);
}
END_TEST

START_TEST(route_follows_a_new_gateway_though_a_route_that_discards_has_come_too)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	after(&r,
	    "ip route replace default via 192.0.2.9 && ip route add blackhole default metric 9",
	    ROUTE_EVENT_MOVED, SERVER " via 192.0.2.9 dev up0");
	end(&r);
}
END_TEST

START_TEST(route_over_an_encapsulated_default_is_not_added_and_no_loop)
{
	struct host_route r;
	run("ip route replace default encap ip id 7 dst 10.1.1.1 via 192.0.2.1 dev up0");
	ck_assert_int_eq(begin(&r), -EOPNOTSUPP);
	ck_assert_int_eq(r.state, ROUTE_STATE_GOOD);
	ck_assert_str_eq(r.device, "up0");
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	after(&r, "ip route add default via 192.0.2.1 metric 900", ROUTE_EVENT_NONE, "");
	end(&r);
}
END_TEST

START_TEST(route_over_a_nexthop_object_is_added_and_kept)
{
	struct host_route r;
	run("ip nexthop add id 5 via 192.0.2.1 dev up0 && ip route replace default nhid 5");
	ck_assert_int_eq(begin(&r), 0);
	expect(OURS, BY_UP0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	after(&r, "ip route add default via 198.51.100.1 metric 900", ROUTE_EVENT_NONE, BY_UP0);
	/* From now on the dump names the object only. */
	run("echo 0 >/proc/sys/net/ipv4/nexthop_compat_mode");
	after(&r, "ip route del default via 198.51.100.1", ROUTE_EVENT_NONE, BY_UP0);
	end(&r);
	ck_assert_int_eq(begin(&r), -EOPNOTSUPP);
	ck_assert_int_eq(r.state, ROUTE_STATE_GOOD);
	end(&r);
}
END_TEST

/* Whatever else appears, with the tunnel known and unknown. */
static void stays_whatever_appears(struct host_route *r)
{
	static const char *const changes[] = {
	    "ip route add 203.0.0.0/8 dev up0",
	    "ip route add 203.0.113.0/24 dev up0",
	    "ip link add br9 type veth peer name br8 && ip addr add 203.0.113.1/16 dev br9 && ip link set br9 up",
	    "ip route add 0.0.0.0/1 via 198.51.100.1 && ip route add 128.0.0.0/1 via 198.51.100.1",
	    "ip route add 192.0.0.0/4 dev tun8",
	    "ip route add " SERVER " via 198.51.100.1 metric 50",
	    "ip route append default via 198.51.100.9 metric 0",
	    "ip route replace default via 198.51.100.1",
	    "ip route del default metric 0; ip route add default via 192.0.2.1 metric 20100",
	    "ip link set far0 down",
	    "ip link set far0 up",
	    "ip route prepend default dev tun8",
	};
	add_tunnel("tun8", "10.8.0.2", "10.8.0.1");
	(void)events(r);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		after(r, changes[i], ROUTE_EVENT_NONE, BY_UP0);
	run("ip route flush default");
	ck_assert_int_eq(events(r), ROUTE_EVENT_NONE);
	expect(OURS, BY_UP0);
	end(r);
}

START_TEST(route_stays_while_its_hop_works)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	stays_whatever_appears(&r);
}
END_TEST

START_TEST(route_stays_while_its_hop_works_with_the_tunnel_known)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	stays_whatever_appears(&r);
}
END_TEST

START_TEST(route_stays_when_only_another_provider_is_left)
{
	struct host_route r;
	run("ip route add default via 198.51.100.1 metric 600");
	begin_established(&r, "192.0.2.2");
	after(&r, "ip route del default via 192.0.2.1", ROUTE_EVENT_NONE, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_moves_to_the_gateway_of_a_renewed_lease)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	after(&r, "ip route add 203.0.0.0/8 dev up0", ROUTE_EVENT_NONE, BY_UP0);
	after(&r, "ip route del default", ROUTE_EVENT_NONE, BY_UP0);
	after(&r, "ip route add default via 192.0.2.254", ROUTE_EVENT_MOVED,
	    SERVER " via 192.0.2.254 dev up0");
	after(&r, "ip route replace default via 192.0.2.1", ROUTE_EVENT_MOVED, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_stays_when_a_better_gateway_of_the_same_device_appears)
{
	struct host_route r;
	run("ip route replace default via 192.0.2.1 metric 100; ip route del default metric 0");
	begin_established(&r, "192.0.2.2");
	after(&r, "ip route add default via 192.0.2.254 metric 50", ROUTE_EVENT_NONE, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_follows_the_local_address_to_another_device)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	after(&r,
	    "ip route add default via 198.51.100.1 metric 600 && ip link add br0 type bridge && "
	    "ip link set br0 up && ip link set up0 master br0 && ip addr flush dev up0 && "
	    "ip addr add 192.0.2.2/24 dev br0 && ip route add default via 192.0.2.1 metric 900",
	    ROUTE_EVENT_MOVED, SERVER " via 192.0.2.1 dev br0");
	end(&r);
}
END_TEST

START_TEST(route_does_not_follow_the_local_address_to_the_loopback_device)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	after(&r,
	    "ip route add default via 198.51.100.1 metric 600 && ip addr add 192.0.2.2/32 dev lo && "
	    "ip link del up0",
	    ROUTE_EVENT_MOVED, BY_UP1);
	end(&r);
}
END_TEST

START_TEST(route_never_moves_while_the_tunnel_is_not_known)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	after(&r, "ip route replace default via 192.0.2.254", ROUTE_EVENT_NONE, BY_UP0);
	after(&r, "ip route add default via 198.51.100.1 metric 9", ROUTE_EVENT_NONE, BY_UP0);
	after(&r, "ip link set up0 down", ROUTE_EVENT_MOVED, "");
	ck_assert_str_eq(r.device, "up1");
	after(&r, "ip link set up0 up", ROUTE_EVENT_MOVED, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_is_back_with_its_uplink_without_a_default)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	after(&r, "ip link set up0 down", ROUTE_EVENT_LOST, "");
	after(&r, "ip link set up0 up", ROUTE_EVENT_BACK, BY_UP0);
	after(&r, "ip link del up0", ROUTE_EVENT_LOST, "");
	run("ip link add up0 type veth peer name far0 && ip link set far0 up");
	after(
	    &r, "ip addr add 192.0.2.2/24 dev up0 && ip link set up0 up", ROUTE_EVENT_BACK, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_is_put_back_after_a_flush_of_its_device)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	/* The network of the gateway is gone as well. */
	after(&r, "ip route flush dev up0", ROUTE_EVENT_RESTORED, BY_UP0 " onlink");
	end(&r);
}
END_TEST

START_TEST(route_that_flaps_is_there_in_the_end)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	run("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
	    "echo route del default; echo route add default via 192.0.2.1; done | ip -batch -");
	ck_assert_int_eq(events(&r), ROUTE_EVENT_NONE);
	expect(OURS, BY_UP0);
	run("for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
	    "echo route del " SERVER "; echo route add " SERVER " via 192.0.2.1 proto 47; done | "
	    "ip -batch - ");
	enum route_event event = events(&r);
	ck_assert(event == ROUTE_EVENT_NONE || event == ROUTE_EVENT_RESTORED);
	expect(OURS, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_that_is_removed_again_and_again_is_left_alone)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	ck_assert_int_eq(contest(&r, USEC_PER_SEC), ROUTE_EVENT_CONTESTED);
	after(
	    &r, "ip route del " SERVER, ROUTE_EVENT_NONE, ""); /* the default route does as well */
	host_route_end(&r);
}
END_TEST

START_TEST(route_that_is_removed_ten_times_in_a_minute_is_left_alone)
{
	const int64_t minute_us = 60 * USEC_PER_SEC;
	struct host_route r;
	for (int64_t late_us = 0; late_us < 2; late_us++) {
		ck_assert_int_eq(begin(&r), 0);
		for (int i = 0; i < 9; i++) {
			run("ip route del " SERVER);
			ck_assert_int_eq(events(&r), ROUTE_EVENT_RESTORED);
		}
		run("ip route del " SERVER);
		ck_assert_int_eq(events_at(&r, minute_us + late_us),
		    late_us ? ROUTE_EVENT_RESTORED : ROUTE_EVENT_CONTESTED);
		host_route_end(&r);
	}
}
END_TEST

START_TEST(route_left_over_that_is_not_needed_goes)
{
	struct host_route r;
	run("ip route add 192.0.2.77 via 192.0.2.1 proto 47");
	ck_assert_int_eq(begin_with(&r, "192.0.2.77", (struct options){0}), 0);
	ck_assert(!r.added);
	end(&r);
}
END_TEST

START_TEST(source_that_is_replaced_ends_the_call_once)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	after(&r, "ip addr add 192.0.2.3/24 dev up0", ROUTE_EVENT_NONE, BY_UP0);
	run("ip addr add 192.0.2.4/25 dev up0");
	run("ip addr del 192.0.2.2/24 dev up0 && ip route replace default via 192.0.2.1 || :");
	ck_assert_int_eq(events(&r), ROUTE_EVENT_SOURCE_LOST);
	after(&r, "ip link set up0 mtu 1400", ROUTE_EVENT_NONE, NULL);
	end(&r);
}
END_TEST

START_TEST(source_that_another_lease_replaces_ends_the_call)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	after(&r, "ip addr flush dev up0", ROUTE_EVENT_LOST, NULL);
	after(&r, "ip addr add 192.0.2.9/24 dev up0", ROUTE_EVENT_NONE, "");
	after(&r, "ip route add default via 192.0.2.1", ROUTE_EVENT_SOURCE_LOST, NULL);
	end(&r);
}
END_TEST

START_TEST(source_lost_ends_the_call_where_another_uplink_is_there)
{
	struct host_route r;
	run("ip route add default via 198.51.100.1 metric 600");
	begin_established(&r, "192.0.2.2");
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_SOURCE_LOST, NULL);
	end(&r);
}
END_TEST

START_TEST(source_lost_ends_the_call_below_its_tunnel_where_another_uplink_is_there)
{
	struct host_route r;
	run("ip route add default via 198.51.100.1 metric 600");
	begin_established(&r, "192.0.2.2");
	after(&r, "ip route replace default dev tun9", ROUTE_EVENT_NONE, BY_UP0);
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_SOURCE_LOST, NULL);
	end(&r);
}
END_TEST

START_TEST(source_lost_is_no_end_below_the_tunnel_where_what_is_left_discards)
{
	struct host_route r;
	run("ip route add blackhole default metric 600");
	begin_established(&r, "192.0.2.2");
	after(&r, "ip route replace default dev tun9", ROUTE_EVENT_NONE, BY_UP0);
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_LOST, NULL);
	end(&r);
}
END_TEST

/* An uplink that redials below a tunnel that is the default: the tunnel has an address as well. */
START_TEST(source_lost_does_not_end_the_call_where_the_other_device_may_be_the_tunnel)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	after(&r, "ip route replace default dev tun9", ROUTE_EVENT_NONE, BY_UP0);
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_LOST, "");
	after(&r, "ip addr add 192.0.2.2/24 dev up0", ROUTE_EVENT_BACK, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(source_is_watched_without_the_right_to_change_routes)
{
	struct host_route r;
	drop_right();
	ck_assert_int_eq(begin(&r), -EPERM);
	host_route_set_source(&r, address("192.0.2.2"));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_LOST, "");
	after(&r, "ip addr add 192.0.2.2/24 dev up0 && ip route add default via 192.0.2.1",
	    ROUTE_EVENT_BACK, "");
	run("ip route add default via 198.51.100.1 metric 600");
	ck_assert_int_eq(events(&r), ROUTE_EVENT_NONE);
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_SOURCE_LOST, "");
	end(&r);
}
END_TEST

START_TEST(source_is_watched_where_routes_are_only_looked_at)
{
	struct host_route r;
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.look_only = true}), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(&r, "tun9"), ROUTE_EVENT_NONE);
	run("ip addr add 198.51.100.9/24 dev up1 && ip route add default via 198.51.100.1 metric 9");
	ck_assert_int_eq(events(&r), ROUTE_EVENT_NONE);
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_SOURCE_LOST, "");
	end(&r);
}
END_TEST

START_TEST(source_that_comes_back_keeps_the_call)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	for (int i = 0; i < 2; i++) {
		after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_LOST, "");
		after(&r, "ip addr add 192.0.2.2/24 dev up0", ROUTE_EVENT_BACK, BY_UP0);
		after(&r, "ip route add default via 192.0.2.1", ROUTE_EVENT_NONE, BY_UP0);
	}
	end(&r);
}
END_TEST

/* The kernel removes an address before the routes that need it. Here that moment is made to last: the
 * server is reached through the device, and from no other address. */
START_TEST(source_that_is_gone_for_a_moment_does_not_end_the_call)
{
	struct host_route r;
	run("ip link del up1"); /* the kernel would choose its address */
	ck_assert_int_eq(begin(&r), 0);
	host_route_set_source(&r, address("192.0.2.2"));
	after(&r, "ip addr del 192.0.2.2/24 dev up0; ip route add default dev up0",
	    ROUTE_EVENT_LOST, NULL);
	end(&r);
}
END_TEST

/* The kernel then chooses an address of any device for what leaves here. */
START_TEST(source_that_another_device_has_to_lend_does_not_end_the_call)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	after(&r, "ip addr del 192.0.2.2/24 dev up0; ip route add default dev up0",
	    ROUTE_EVENT_LOST, NULL);
	end(&r);
}
END_TEST

START_TEST(source_is_not_watched_before_the_connection_is_established)
{
	struct host_route r;
	run("ip route add default via 198.51.100.1 metric 600");
	ck_assert_int_eq(begin(&r), 0);
	after(&r, "ip addr del 192.0.2.2/24 dev up0", ROUTE_EVENT_MOVED, "");
	host_route_set_source(&r, address("198.51.100.2"));
	after(&r, "ip addr del 198.51.100.2/24 dev up1", ROUTE_EVENT_LOST, "");
	end(&r);
}
END_TEST

START_TEST(route_of_two_calls_stays_until_both_have_ended)
{
	struct host_route first, second;
	ck_assert_int_eq(begin(&first), 0);
	run("ip route replace default via 198.51.100.1"); /* of no effect: the first call holds it */
	ck_assert_int_eq(begin(&second), 0);
	ck_assert(second.added);
	expect(OURS, BY_UP0);
	host_route_end(&first);
	expect(OURS, BY_UP0);
	after(&second, "ip route del " SERVER, ROUTE_EVENT_RESTORED, BY_UP0);
	end(&second);
}
END_TEST

/* A process with a call of its own that lives until end_other(). */
struct other {
	pid_t pid;
	int to, from;
};

static struct other begin_other(bool privileged, int wanted)
{
	struct host_route r;
	int to[2], from[2];
	char byte = 0;
	ck_assert_int_eq(pipe(to), 0);
	ck_assert_int_eq(pipe(from), 0);
	struct other o = {.pid = fork(), .to = to[1], .from = from[0]};
	ck_assert_int_ge(o.pid, 0);
	if (o.pid == 0) {
		close(to[1]);
		if (!privileged)
			drop_right();
		bool ok = begin(&r) == wanted && write(from[1], &byte, 1) == 1 &&
		          read(to[0], &byte, 1) == 0;
		host_route_end(&r);
		_exit(ok ? 0 : 1);
	}
	ck_assert_int_eq(read(from[0], &byte, 1), 1);
	return o;
}

static void end_other(struct other o)
{
	int status;
	close(o.to);
	ck_assert_int_eq(waitpid(o.pid, &status, 0), o.pid);
	ck_assert_int_eq(status, 0);
}

START_TEST(route_is_held_by_a_call_that_has_no_right_to_add_one)
{
	struct host_route r;
	ck_assert_int_eq(begin(&r), 0);
	struct other o = begin_other(false, 0);
	host_route_end(&r);
	expect(OURS, BY_UP0);
	end_other(o);
	expect(OURS, BY_UP0); /* which cannot remove it either: a left-over */
	ck_assert_int_eq(begin(&r), 0);
	end(&r);
}
END_TEST

START_TEST(route_that_came_after_a_call_without_the_right_is_not_held_by_it)
{
	struct host_route r;
	struct other o = begin_other(false, -EPERM);
	ck_assert_int_eq(begin(&r), 0);
	end(&r);
	end_other(o);
}
END_TEST

START_TEST(route_moved_by_another_call_is_removed_by_one_that_has_not_heard_of_it)
{
	struct host_route first, second;
	ck_assert_int_eq(begin(&first), 0);
	begin_established(&second, "192.0.2.2");
	after(&second, "ip route replace default via 192.0.2.254", ROUTE_EVENT_MOVED, NULL);
	host_route_end(&second);
	expect(OURS, SERVER " via 192.0.2.254 dev up0");
	end(&first);
}
END_TEST

START_TEST(route_of_two_calls_over_a_multipath_default_comes_to_rest)
{
	struct host_route first, second;
	int changes = 0;
	run("ip route replace default nexthop via 192.0.2.1 nexthop via 198.51.100.1");
	ck_assert_int_eq(begin(&first), 0);
	const char *other =
	    strcmp(first.device, "up0") == 0 ? "via 198.51.100.1 dev up1" : "via 192.0.2.1 dev up0";
	/* As if both had looked at once, and the kernel had named each another hop. */
	run("ip route del " SERVER " && ip route add " SERVER " %s proto 47", other);
	ck_assert_int_eq(begin(&second), 0);
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	(void)set_tunnel(&first, "tun9");
	(void)set_tunnel(&second, "tun9");
	for (int i = 0; i < 10; i++) {
		changes += events(&first) != ROUTE_EVENT_NONE;
		changes += events(&second) != ROUTE_EVENT_NONE;
	}
	ck_assert_int_le(changes, 2);
	host_route_end(&first);
	end(&second);
}
END_TEST

START_TEST(route_is_removed_although_there_was_no_descriptor_to_hold_it)
{
	struct host_route r;
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	int next = dup(0);
	close(next);
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = (rlim_t)next + 2; /* for netlink: requests and notifications */
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	int rc = begin(&r);
	limit.rlim_cur = before;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	ck_assert_int_eq(rc, 0);
	ck_assert(r.added);
	after(&r, "ip route add 203.0.113.0/24 via 192.0.2.1", ROUTE_EVENT_NONE, BY_UP0);
	end(&r);
}
END_TEST

START_TEST(route_is_added_in_the_table_of_the_mark)
{
	struct host_route r;
	run("ip rule add fwmark 5 lookup 1000 && ip route add default via 198.51.100.1 table 1000");
	ck_assert_int_eq(begin_with(&r, SERVER, (struct options){.mark = 5}), 0);
	ck_assert_str_eq(r.device, "up1");
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 1000");
	end(&r);
}
END_TEST

START_TEST(route_is_added_in_the_table_that_the_found_source_leads_to)
{
	struct host_route r;
	run("ip rule add from 192.0.2.2 lookup 77 && ip route add default via 198.51.100.1 table 77");
	ck_assert_int_eq(begin(&r), 0);
	ck_assert_str_eq(r.device, "up1");
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 77");
	end(&r);
}
END_TEST

START_TEST(route_begins_when_there_is_a_path_at_last)
{
	struct host_route r;
	run("ip route del default");
	ck_assert_int_eq(begin(&r), -ENETUNREACH);
	after(&r, "ip route add default via 198.51.100.1", ROUTE_EVENT_BACK, BY_UP1);
	end(&r);
}
END_TEST

START_TEST(route_survives_more_notifications_than_the_buffer_takes)
{
	struct host_route r;
	begin_established(&r, "192.0.2.2");
	int small = 1;
	ck_assert_int_eq(setsockopt(r.events.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	run("for i in 1 2 3 4 5 6 7 8 9; do ip route add 10.0.$i.0/24 dev up1; done");
	after(&r, "ip route replace default via 192.0.2.254", ROUTE_EVENT_MOVED, NULL);
	host_route_end(&r);
}
END_TEST

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
	tcase_add_test(tc, route_over_a_multipath_default_takes_the_hop_that_the_kernel_takes);
	tcase_add_test(tc, route_left_by_a_killed_process_is_taken_over);
	tcase_add_test(tc, route_left_over_that_leads_elsewhere_is_replaced);
	tcase_add_test(tc, route_that_someone_removes_is_put_back);
	tcase_add_test(tc, route_that_someone_removes_now_and_then_is_put_back_each_time);
	tcase_add_test(tc, route_that_has_left_its_uplink_is_put_back_where_it_was);
	tcase_add_test(tc, route_of_a_killed_call_is_removed_by_the_one_that_lives);
	tcase_add_test(tc, route_of_many_calls_that_come_and_go_at_once_is_gone_in_the_end);
	tcase_add_test(tc, route_without_the_right_to_add_one_is_still_watched);
	tcase_add_test(tc, route_follows_the_source_address);
	tcase_add_test(tc, route_to_nowhere_is_an_error);
	tcase_add_test(tc, route_guard_left_by_a_killed_process_is_no_obstacle);
	tcase_add_test(tc, route_does_not_answer_to_changes_that_do_not_concern_it);
	tcase_add_test(tc, route_repeats_a_long_list_of_metrics);
	tcase_add_test(tc, route_follows_a_new_gateway_though_a_route_that_discards_has_come_too);
	tcase_add_test(tc, route_over_an_encapsulated_default_is_not_added_and_no_loop);
	tcase_add_test(tc, route_over_a_nexthop_object_is_added_and_kept);
	tcase_add_test(tc, route_stays_while_its_hop_works);
	tcase_add_test(tc, route_stays_while_its_hop_works_with_the_tunnel_known);
	tcase_add_test(tc, route_stays_when_only_another_provider_is_left);
	tcase_add_test(tc, route_moves_to_the_gateway_of_a_renewed_lease);
	tcase_add_test(tc, route_stays_when_a_better_gateway_of_the_same_device_appears);
	tcase_add_test(tc, route_follows_the_local_address_to_another_device);
	tcase_add_test(tc, route_does_not_follow_the_local_address_to_the_loopback_device);
	tcase_add_test(tc, route_never_moves_while_the_tunnel_is_not_known);
	tcase_add_test(tc, route_is_back_with_its_uplink_without_a_default);
	tcase_add_test(tc, route_is_put_back_after_a_flush_of_its_device);
	tcase_add_test(tc, route_that_flaps_is_there_in_the_end);
	tcase_add_test(tc, route_that_is_removed_again_and_again_is_left_alone);
	tcase_add_test(tc, route_that_is_removed_ten_times_in_a_minute_is_left_alone);
	tcase_add_test(tc, route_left_over_that_is_not_needed_goes);
	tcase_add_test(tc, source_that_is_replaced_ends_the_call_once);
	tcase_add_test(tc, source_that_another_lease_replaces_ends_the_call);
	tcase_add_test(tc, source_lost_ends_the_call_where_another_uplink_is_there);
	tcase_add_test(
	    tc, source_lost_ends_the_call_below_its_tunnel_where_another_uplink_is_there);
	tcase_add_test(tc, source_lost_is_no_end_below_the_tunnel_where_what_is_left_discards);
	tcase_add_test(
	    tc, source_lost_does_not_end_the_call_where_the_other_device_may_be_the_tunnel);
	tcase_add_test(tc, source_is_watched_without_the_right_to_change_routes);
	tcase_add_test(tc, source_is_watched_where_routes_are_only_looked_at);
	tcase_add_test(tc, source_that_comes_back_keeps_the_call);
	tcase_add_test(tc, source_that_is_gone_for_a_moment_does_not_end_the_call);
	tcase_add_test(tc, source_that_another_device_has_to_lend_does_not_end_the_call);
	tcase_add_test(tc, source_is_not_watched_before_the_connection_is_established);
	tcase_add_test(tc, route_of_two_calls_stays_until_both_have_ended);
	tcase_add_test(tc, route_is_held_by_a_call_that_has_no_right_to_add_one);
	tcase_add_test(tc, route_that_came_after_a_call_without_the_right_is_not_held_by_it);
	tcase_add_test(tc, route_moved_by_another_call_is_removed_by_one_that_has_not_heard_of_it);
	tcase_add_test(tc, route_of_two_calls_over_a_multipath_default_comes_to_rest);
	tcase_add_test(tc, route_is_removed_although_there_was_no_descriptor_to_hold_it);
	tcase_add_test(tc, route_is_added_in_the_table_of_the_mark);
	tcase_add_test(tc, route_is_added_in_the_table_that_the_found_source_leads_to);
	tcase_add_test(tc, route_begins_when_there_is_a_path_at_last);
	tcase_add_test(tc, route_survives_more_notifications_than_the_buffer_takes);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
