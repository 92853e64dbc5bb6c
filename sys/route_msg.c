/* SPDX-License-Identifier: ISC */
/*
 * Encoding and decoding of the messages about IPv4 routes. What they mean for the host route is
 * routing.c's.
 */
#include "sys/route_msg.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum {
	HOST = 32, /* prefix length of a host route */
};

bool route_hop_same_gateway(const struct route_hop *a, const struct route_hop *b)
{
	return a->device_index == b->device_index && a->gateway.s_addr == b->gateway.s_addr &&
	       a->has_gateway6 == b->has_gateway6 &&
	       memcmp(a->gateway6, b->gateway6, sizeof(a->gateway6)) == 0;
}

bool route_hop_equal(const struct route_hop *a, const struct route_hop *b)
{
	return route_hop_same_gateway(a, b) && a->on_link_flag == b->on_link_flag &&
	       a->source.s_addr == b->source.s_addr && a->metrics_len == b->metrics_len &&
	       memcmp(a->metrics, b->metrics, a->metrics_len) == 0;
}

bool route_hop_is_direct(const struct route_hop *hop)
{
	return hop->gateway.s_addr == htonl(INADDR_ANY) && !hop->has_gateway6;
}

static void parse_address(const struct rtnl_attribute *a, struct in_addr *to)
{
	if (a->len >= sizeof(to->s_addr))
		memcpy(&to->s_addr, a->data, sizeof(to->s_addr));
}

/* RTA_VIA: the family in two bytes, then the address. */
static void parse_via(const struct rtnl_attribute *a, struct route_hop *hop)
{
	uint16_t family;
	if (a->len < sizeof(family))
		return;
	memcpy(&family, a->data, sizeof(family));
	const uint8_t *address = a->data + sizeof(family);
	size_t len = a->len - sizeof(family);
	if (family == AF_INET6 && len >= sizeof(hop->gateway6)) {
		memcpy(hop->gateway6, address, sizeof(hop->gateway6));
		hop->has_gateway6 = true;
	} else if (family == AF_INET && len >= sizeof(hop->gateway.s_addr)) {
		memcpy(&hop->gateway.s_addr, address, sizeof(hop->gateway.s_addr));
	}
}

/* The attributes that a route has for its one hop, or a multipath route for each. */
static void parse_hop_attribute(const struct rtnl_attribute *a, struct route_hop *hop)
{
	if (a->type == RTA_GATEWAY)
		parse_address(a, &hop->gateway);
	else if (a->type == RTA_VIA)
		parse_via(a, hop);
	else if (a->type == RTA_ENCAP)
		hop->incomplete = true;
}

static void parse_multipath(struct route_msg *m, const struct rtnl_attribute *a)
{
	struct rtnl_view all = {a->data, a->len};
	struct rtnexthop next;
	struct route_hop common = m->hops[0];
	m->hop_count = 0;
	while (m->hop_count < ROUTE_HOPS_MAX && all.len >= sizeof(next)) {
		memcpy(&next, all.bytes, sizeof(next));
		if (next.rtnh_len < sizeof(next) || next.rtnh_len > all.len)
			break;
		struct rtnl_view attributes = {
		    all.bytes + sizeof(next), next.rtnh_len - sizeof(next)};
		struct route_hop hop = common;
		struct rtnl_attribute part;
		hop.device_index = next.rtnh_ifindex;
		hop.on_link_flag = next.rtnh_flags & RTNH_F_ONLINK;
		while (rtnl_next(&attributes, &part))
			parse_hop_attribute(&part, &hop);
		if (!(next.rtnh_flags & RTNH_F_DEAD))
			m->hops[m->hop_count++] = hop;
		rtnl_skip(&all, next.rtnh_len);
	}
}

bool route_msg_parse(struct rtnl_view body, struct route_msg *m)
{
	*m = (struct route_msg){.hop_count = 1};
	if (!rtnl_fixed(&body, &m->fixed, sizeof(m->fixed)) || m->fixed.rtm_family != AF_INET)
		return false;
	struct route_hop *hop = &m->hops[0];
	struct rtnl_attribute a, multipath = {0};
	m->table = m->fixed.rtm_table;
	hop->on_link_flag = m->fixed.rtm_flags & RTNH_F_ONLINK;
	while (rtnl_next(&body, &a)) {
		if (a.type == RTA_DST)
			parse_address(&a, &m->destination);
		else if (a.type == RTA_TABLE)
			m->table = rtnl_u32(&a);
		else if (a.type == RTA_PRIORITY)
			m->metric = rtnl_u32(&a);
		else if (a.type == RTA_OIF)
			hop->device_index = (int)rtnl_u32(&a);
		else if (a.type == RTA_PREFSRC)
			parse_address(&a, &hop->source);
		else if (a.type == RTA_MULTIPATH)
			multipath = a;
		else if (a.type == RTA_METRICS && a.len <= sizeof(hop->metrics)) {
			memcpy(hop->metrics, a.data, a.len);
			hop->metrics_len = a.len;
		} else
			parse_hop_attribute(&a, hop);
	}
	if (m->fixed.rtm_type == RTN_UNICAST && hop->device_index == 0)
		hop->incomplete = !multipath.data;
	if (multipath.data)
		parse_multipath(m, &multipath);
	return true;
}

static void lookup_handler(void *context, uint16_t type, struct rtnl_view body)
{
	if (type == RTM_NEWROUTE)
		(void)route_msg_parse(body, context);
}

int route_msg_lookup(struct rtnl *rtnl, struct in_addr to, struct in_addr from, uint32_t mark,
    unsigned flags, struct route_msg *answer)
{
	struct rtmsg fixed = {.rtm_family = AF_INET, .rtm_dst_len = HOST, .rtm_flags = flags};
	struct rtnl_request q;
	bool from_given = from.s_addr != htonl(INADDR_ANY);
	fixed.rtm_src_len = from_given ? HOST : 0;
	rtnl_start(&q, RTM_GETROUTE, 0, &fixed, sizeof(fixed));
	rtnl_put(&q, RTA_DST, &to.s_addr, sizeof(to.s_addr));
	if (from_given)
		rtnl_put(&q, RTA_SRC, &from.s_addr, sizeof(from.s_addr));
	if (mark)
		rtnl_put(&q, RTA_MARK, &mark, sizeof(mark));
	*answer = (struct route_msg){0};
	int rc = rtnl_talk(rtnl, &q, lookup_handler, answer);
	/* Older kernels say EINVAL where the source is not one of ours. */
	return rc == -EINVAL && from_given ? -ENETUNREACH : rc;
}

static unsigned char short_table(uint32_t table)
{
	return table < 256 ? (unsigned char)table : (unsigned char)RT_TABLE_UNSPEC;
}

int route_msg_dump(struct rtnl *rtnl, uint32_t table, rtnl_handler *handler, void *context)
{
	struct rtmsg fixed = {.rtm_family = AF_INET, .rtm_table = short_table(table)};
	struct rtnl_request q;
	rtnl_start(&q, RTM_GETROUTE, NLM_F_DUMP, &fixed, sizeof(fixed));
	if (table != RT_TABLE_UNSPEC)
		rtnl_put(&q, RTA_TABLE, &table, sizeof(table));
	int rc = rtnl_talk(rtnl, &q, handler, context);
	return rc == -ENOENT ? 0 : rc;
}

static void put_hop(struct rtnl_request *q, const struct route_hop *hop)
{
	uint32_t device = (uint32_t)hop->device_index;
	rtnl_put(q, RTA_OIF, &device, sizeof(device));
	if (hop->has_gateway6) {
		struct {
			uint16_t family;
			uint8_t address[sizeof(hop->gateway6)];
		} via = {.family = AF_INET6};
		memcpy(via.address, hop->gateway6, sizeof(via.address));
		rtnl_put(q, RTA_VIA, &via, sizeof(via));
	} else if (!route_hop_is_direct(hop)) {
		rtnl_put(q, RTA_GATEWAY, &hop->gateway.s_addr, sizeof(hop->gateway.s_addr));
	}
	if (hop->source.s_addr != htonl(INADDR_ANY))
		rtnl_put(q, RTA_PREFSRC, &hop->source.s_addr, sizeof(hop->source.s_addr));
	if (hop->metrics_len)
		rtnl_put(q, RTA_METRICS, hop->metrics, hop->metrics_len);
}

int route_msg_change(struct rtnl *rtnl, uint16_t type, struct in_addr host, uint32_t table,
    const struct route_hop *hop)
{
	struct rtmsg fixed = {.rtm_family = AF_INET,
	    .rtm_dst_len = HOST,
	    .rtm_table = short_table(table),
	    .rtm_protocol = ROUTE_PROTOCOL,
	    .rtm_scope = hop && route_hop_is_direct(hop) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE,
	    .rtm_type = hop ? RTN_UNICAST : RTN_UNREACHABLE,
	    .rtm_flags = hop && hop->on_link_flag ? RTNH_F_ONLINK : 0};
	struct rtnl_request q;
	rtnl_start(&q, type, type == RTM_NEWROUTE ? NLM_F_CREATE : 0, &fixed, sizeof(fixed));
	rtnl_put(&q, RTA_DST, &host.s_addr, sizeof(host.s_addr));
	rtnl_put(&q, RTA_TABLE, &table, sizeof(table));
	if (hop)
		put_hop(&q, hop);
	int rc = rtnl_talk(rtnl, &q, NULL, NULL);
	return rc == -ESRCH ? 0 : rc;
}
