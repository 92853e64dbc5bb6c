/* SPDX-License-Identifier: ISC */
/* Route messages by their bytes, and when two hops are the same. test_routing.c has the kernel's. */
#include "sys/route_msg.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "unit.h"

enum {
	HEADER = 16, /* in front of a message's body */
};

static struct rtnl_request q;
static struct route_msg m;

static struct in_addr address(const char *text)
{
	struct in_addr a;
	ck_assert_int_eq(inet_pton(AF_INET, text, &a), 1);
	return a;
}

static void start(uint8_t family)
{
	const struct rtmsg fixed = {
	    .rtm_family = family, .rtm_dst_len = 24, .rtm_table = 254, .rtm_type = RTN_UNICAST};
	rtnl_start(&q, RTM_NEWROUTE, 0, &fixed, sizeof(fixed));
}

static bool parse(void)
{
	return route_msg_parse((struct rtnl_view){q.bytes + HEADER, q.len - HEADER}, &m);
}

static void put_address(uint16_t type, const char *text)
{
	const struct in_addr a = address(text);
	rtnl_put(&q, type, &a, sizeof(a));
}

static void put_u32(uint16_t type, uint32_t value)
{
	rtnl_put(&q, type, &value, sizeof(value));
}

START_TEST(hops_are_the_same_gateway_by_device_and_address)
{
	const struct route_hop hop = {.gateway = address("192.0.2.1"), .device_index = 3};
	struct route_hop other = hop;
	ck_assert(route_hop_same_gateway(&hop, &other));
	other.device_index++;
	ck_assert(!route_hop_same_gateway(&hop, &other));
	other = hop;
	other.gateway = address("192.0.2.2");
	ck_assert(!route_hop_same_gateway(&hop, &other));
	other = hop;
	other.has_gateway6 = true;
	ck_assert(!route_hop_same_gateway(&hop, &other));
	other = hop;
	other.gateway6[15] = 1;
	ck_assert(!route_hop_same_gateway(&hop, &other));
}
END_TEST

START_TEST(hops_are_equal_by_all_that_a_route_of_ours_repeats)
{
	const struct route_hop hop = {.device_index = 3, .metrics_len = 8, .metrics = {1, 2}};
	struct route_hop other = hop;
	other.metrics[8] = 77; /* behind them */
	ck_assert(route_hop_equal(&hop, &other));
	other = hop;
	other.device_index++;
	ck_assert(!route_hop_equal(&hop, &other));
	other = hop;
	other.on_link_flag = true;
	ck_assert(!route_hop_equal(&hop, &other));
	other = hop;
	other.source = address("192.0.2.2");
	ck_assert(!route_hop_equal(&hop, &other));
	other = hop;
	other.metrics_len = 16;
	ck_assert(!route_hop_equal(&hop, &other));
	ck_assert(!route_hop_equal(&other, &hop));
	other = hop;
	other.metrics[7] = 1;
	ck_assert(!route_hop_equal(&hop, &other));
}
END_TEST

START_TEST(a_hop_with_a_gateway_is_not_direct)
{
	ck_assert(route_hop_is_direct(&(struct route_hop){.device_index = 3}));
	ck_assert(!route_hop_is_direct(&(struct route_hop){.gateway = address("192.0.2.1")}));
	ck_assert(!route_hop_is_direct(&(struct route_hop){.has_gateway6 = true}));
}
END_TEST

START_TEST(a_route_is_parsed_with_its_attributes)
{
	start(AF_INET);
	put_address(RTA_DST, "203.0.113.0");
	put_address(RTA_GATEWAY, "192.0.2.1");
	put_u32(RTA_OIF, 3);
	put_u32(RTA_TABLE, 1000);
	put_u32(RTA_PRIORITY, 600);
	put_address(RTA_PREFSRC, "192.0.2.2");
	rtnl_put(&q, RTA_METRICS, "12345678", 8);
	ck_assert(parse());
	ck_assert_uint_eq(m.destination.s_addr, address("203.0.113.0").s_addr);
	ck_assert_uint_eq(m.table, 1000);
	ck_assert_uint_eq(m.metric, 600);
	ck_assert_uint_eq(m.hop_count, 1);
	ck_assert_uint_eq(m.hops[0].gateway.s_addr, address("192.0.2.1").s_addr);
	ck_assert_uint_eq(m.hops[0].source.s_addr, address("192.0.2.2").s_addr);
	ck_assert_int_eq(m.hops[0].device_index, 3);
	ck_assert_uint_eq(m.hops[0].metrics_len, 8);
	ck_assert_mem_eq(m.hops[0].metrics, "12345678", 8);
	ck_assert(!m.hops[0].incomplete && !m.hops[0].has_gateway6);
	start(AF_INET);
	ck_assert(parse());
	ck_assert_uint_eq(m.table, 254);
}
END_TEST

START_TEST(what_is_no_ipv4_route_is_not_parsed)
{
	start(AF_INET6);
	ck_assert(!parse());
	start(AF_INET);
	q.len--;
	ck_assert(!parse());
}
END_TEST

START_TEST(a_gateway_by_family_is_parsed_where_it_is_long_enough)
{
	struct {
		uint16_t family;
		uint8_t address[16];
	} via = {.family = AF_INET6, .address = {0xfe, 0x80, [15] = 1}};
	start(AF_INET);
	rtnl_put(&q, RTA_VIA, &via, 18);
	ck_assert(parse());
	ck_assert(m.hops[0].has_gateway6);
	ck_assert_mem_eq(m.hops[0].gateway6, via.address, 16);
	for (size_t len = 0; len < 18; len++) {
		start(AF_INET);
		rtnl_put(&q, RTA_VIA, &via, len);
		ck_assert(parse());
		ck_assert(route_hop_is_direct(&m.hops[0]));
	}
	via.family = AF_INET;
	start(AF_INET);
	rtnl_put(&q, RTA_VIA, &via, 6);
	ck_assert(parse());
	ck_assert(!m.hops[0].has_gateway6);
	ck_assert_mem_eq(&m.hops[0].gateway, via.address, 4);
	start(AF_INET);
	rtnl_put(&q, RTA_VIA, &via, 5);
	ck_assert(parse());
	ck_assert(route_hop_is_direct(&m.hops[0]));
}
END_TEST

START_TEST(a_multipath_route_has_up_to_sixteen_hops_and_no_dead_ones)
{
	struct rtnexthop hops[20];
	memset(hops, 0, sizeof(hops));
	for (int i = 0; i < 20; i++)
		hops[i] = (struct rtnexthop){.rtnh_len = sizeof(hops[0]), .rtnh_ifindex = i + 1};
	hops[1].rtnh_flags = RTNH_F_DEAD;
	start(AF_INET);
	rtnl_put(&q, RTA_MULTIPATH, hops, 3 * sizeof(hops[0]));
	ck_assert(parse());
	ck_assert_uint_eq(m.hop_count, 2);
	ck_assert_int_eq(m.hops[0].device_index, 1);
	ck_assert_int_eq(m.hops[1].device_index, 3);
	start(AF_INET);
	rtnl_put(&q, RTA_MULTIPATH, hops, sizeof(hops));
	ck_assert(parse());
	ck_assert_uint_eq(m.hop_count, ROUTE_HOPS_MAX);
	ck_assert_int_eq(m.hops[ROUTE_HOPS_MAX - 1].device_index, ROUTE_HOPS_MAX + 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route_msg");
	TCase *tc = tcase_create("route_msg");
	tcase_add_test(tc, hops_are_the_same_gateway_by_device_and_address);
	tcase_add_test(tc, hops_are_equal_by_all_that_a_route_of_ours_repeats);
	tcase_add_test(tc, a_hop_with_a_gateway_is_not_direct);
	tcase_add_test(tc, a_route_is_parsed_with_its_attributes);
	tcase_add_test(tc, what_is_no_ipv4_route_is_not_parsed);
	tcase_add_test(tc, a_gateway_by_family_is_parsed_where_it_is_long_enough);
	tcase_add_test(tc, a_multipath_route_has_up_to_sixteen_hops_and_no_dead_ones);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
