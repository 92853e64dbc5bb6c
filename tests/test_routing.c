/* SPDX-License-Identifier: ISC */
/* The host route: what is added, what it follows, and that nothing of it is left. */
#include <errno.h>
#include <sys/resource.h>

#include "sys/privs.h"
#include "tests/route_fixture.h"

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
	expect(OURS, BY_UP0);
	route_end(&k);
	ck_assert_str_eq(output("ip -4 route show table all", after, sizeof(after)), before);
}
END_TEST

START_TEST(route_is_not_added_for_a_server_on_link)
{
	struct route_keeper k;
	ck_assert_int_eq(begin_route(&k, address("192.0.2.77"), any, 0, true), 0);
	ck_assert(!k.added);
	ck_assert_uint_eq(k.path.gateway.s_addr, 0);
	expect(OURS, "");
	route_end(&k);
}
END_TEST

START_TEST(route_is_not_added_for_this_host_itself)
{
	struct route_keeper k;
	ck_assert_int_eq(begin_route(&k, address("127.0.0.2"), any, 0, true), 0);
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
	ck_assert_int_eq(begin_route(&k, address(SERVER), any, 0, false), 0);
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
	end(&k);
}
END_TEST

START_TEST(route_repeats_onlink_mtu_and_source_of_the_default)
{
	struct route_keeper k;
	run("ip addr add 192.0.2.3/24 dev up0");
	run("ip route replace default via 10.9.9.9 dev up0 onlink src 192.0.2.3 mtu 1400");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, SERVER " via 10.9.9.9 dev up0 src 192.0.2.3 onlink mtu 1400");
	after(&k, "ip route add default via 192.0.2.254 metric 900", ROUTE_UNCHANGED,
	    NULL); /* makes it look again */
	end(&k);
}
END_TEST

START_TEST(route_over_an_ipv6_gateway_keeps_it)
{
	struct route_keeper k;
	run("ip -4 route del default && ip -4 route add default via inet6 fe80::1 dev up0");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, SERVER " via inet6 fe80::1 dev up0");
	after(&k, "ip route add default via 192.0.2.254 metric 900", ROUTE_UNCHANGED,
	    NULL); /* makes it look again */
	end(&k);
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
	after(&k, "ip route add default via 192.0.2.254 metric 900", ROUTE_UNCHANGED, NULL);
	ck_assert_str_eq(output(OURS, later, sizeof(later)), first);
	end(&k);
}
END_TEST

START_TEST(route_left_by_a_killed_process_is_taken_over)
{
	struct route_keeper k;
	run("ip route add " SERVER " via 192.0.2.1 proto 47");
	ck_assert_int_eq(begin(&k), 0);
	ck_assert(k.added);
	expect(OURS, BY_UP0);
	end(&k);
}
END_TEST

START_TEST(route_left_over_that_leads_elsewhere_is_replaced)
{
	struct route_keeper k;
	run("ip route add " SERVER " via 198.51.100.99 proto 47");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, BY_UP0);
	ck_assert_str_eq(k.path.device, "up0");
	end(&k);
}
END_TEST

START_TEST(route_left_over_that_is_not_needed_goes)
{
	struct route_keeper k;
	run("ip route add 192.0.2.77 via 192.0.2.1 proto 47");
	ck_assert_int_eq(begin_route(&k, address("192.0.2.77"), any, 0, true), 0);
	expect(OURS, "");
	ck_assert_uint_eq(k.path.gateway.s_addr, 0);
	end(&k);
}
END_TEST

START_TEST(route_moves_with_the_default_route)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	after(&k, "ip route replace default via 198.51.100.1", ROUTE_MOVED, BY_UP1);
	ck_assert_str_eq(k.path.device, "up1");
	after(&k, "ip route replace default via 198.51.100.254", ROUTE_MOVED,
	    SERVER " via 198.51.100.254 dev up1");
	end(&k);
}
END_TEST

START_TEST(route_survives_a_uplink_that_goes_and_comes_back)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	after(&k, "ip link set up0 down", ROUTE_LOST, "");
	after(&k, "ip link set up0 up", ROUTE_BACK, NULL); /* by the gateway of before */
	after(&k, "ip route add default via 192.0.2.254", ROUTE_MOVED,
	    SERVER " via 192.0.2.254 dev up0");
	end(&k);
}
END_TEST

START_TEST(route_falls_back_to_the_second_default_when_the_uplink_goes)
{
	struct route_keeper k;
	run("ip route add default via 198.51.100.1 metric 600");
	ck_assert_int_eq(begin(&k), 0);
	expect(OURS, BY_UP0);
	after(&k, "ip link set up0 down", ROUTE_MOVED, BY_UP1);
	end(&k);
}
END_TEST

START_TEST(route_stays_while_there_is_no_other)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	after(&k, "ip route del default", ROUTE_UNCHANGED, BY_UP0);
	end(&k);
}
END_TEST

START_TEST(route_that_someone_removes_is_put_back)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	after(&k, "ip route del " SERVER, ROUTE_RESTORED, BY_UP0);
	end(&k);
}
END_TEST

START_TEST(route_that_someone_removes_again_and_again_is_left_to_him)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	ck_assert_int_eq(contest(&k, USEC_PER_SEC), ROUTE_CONTESTED);
	after(&k, "ip route del " SERVER, ROUTE_UNCHANGED, ""); /* the default route does as well */
	route_end(&k);
}
END_TEST

START_TEST(route_that_someone_removes_now_and_then_is_put_back_each_time)
{
	struct route_keeper k;
	ck_assert_int_eq(begin(&k), 0);
	ck_assert_int_eq(contest(&k, 10 * USEC_PER_SEC), ROUTE_RESTORED);
	end(&k);
}
END_TEST

START_TEST(route_of_two_calls_stays_until_both_have_ended)
{
	struct route_keeper first, second;
	ck_assert_int_eq(begin(&first), 0);
	ck_assert_int_eq(begin(&second), 0);
	ck_assert(second.added);
	expect(OURS, BY_UP0);
	route_end(&first);
	expect(OURS, BY_UP0);
	after(&second, "ip route replace default via 198.51.100.1", ROUTE_MOVED, NULL);
	end(&second);
}
END_TEST

START_TEST(route_that_another_call_moved_is_removed_by_a_last_one_that_has_not_heard_of_it)
{
	struct route_keeper first, second;
	ck_assert_int_eq(begin(&first), 0);
	ck_assert_int_eq(begin(&second), 0);
	after(&second, "ip route replace default via 198.51.100.1", ROUTE_MOVED, BY_UP1);
	route_end(&second);
	end(&first);
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
	end(&second);
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
	expect(OURS, BY_UP0);
	end(&k);
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
	end(&k);
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
	ck_assert_int_eq(begin_route(&k, address(SERVER), any, 5, true), 0);
	ck_assert_str_eq(k.path.device, "up1");
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 1000");
	after(&k, "ip route replace default via 198.51.100.254 table 1000", ROUTE_MOVED,
	    SERVER " via 198.51.100.254 dev up1 table 1000");
	end(&k);
}
END_TEST

START_TEST(route_follows_the_source_address)
{
	struct route_keeper k;
	run("ip rule add from 198.51.100.2 lookup 77 && ip route add default via 198.51.100.1 table 77");
	ck_assert_int_eq(begin_route(&k, address(SERVER), address("198.51.100.2"), 0, true), 0);
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 77");
	end(&k);
	ck_assert_int_eq(
	    begin_route(&k, address(SERVER), address("10.1.1.1"), 0, true), -ENETUNREACH);
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
	expect(OURS, BY_UP0);
	end(&k);
	run("ip rule add fwmark 5 lookup 1000 && ip route add default via 198.51.100.1 table 1000");
	run("ip route add " BLOCK " table 1000 proto 47");
	ck_assert_int_eq(begin_route(&k, address(SERVER), any, 5, true), 0);
	expect(OURS, SERVER " via 198.51.100.1 dev up1 table 1000");
	end(&k);
	run("ip route add " BLOCK " proto 47"); /* also where nothing is to be added */
	ck_assert_int_eq(begin_route(&k, address(SERVER), any, 0, false), 0);
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
	after(&k, "ip route replace default via 198.51.100.1", ROUTE_MOVED, BY_UP1);
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
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
