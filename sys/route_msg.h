/* SPDX-License-Identifier: ISC */
/*
 * The messages about IPv4 routes: decoded, looked up, dumped, and host routes of ours added and
 * deleted. For routing.c, and diagnose/reach.c for a lookup.
 */
#ifndef PPTP_ROUTE_MSG_H
#define PPTP_ROUTE_MSG_H

#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sys/rtnl.h"

enum {
	ROUTE_PROTOCOL = 0x2f, /* rtm_protocol of our routes: the number of GRE, unused by others */
	ROUTE_HOPS_MAX = 16,   /* of a multipath route: more are not looked at */
	ROUTE_METRICS_MAX = 160, /* 15 attributes of 8 bytes and a congestion control of 20 (Linux
	                            6.18); a longer list is not copied */
};

/* The next hop of a route in the kernel, as far as our host route repeats it. */
struct route_hop {
	struct in_addr gateway;
	uint8_t gateway6[16]; /* a gateway that is reached by IPv6, where has_gateway6 */
	bool has_gateway6;
	bool on_link_flag; /* the gateway is taken to be on-link although no prefix says so */
	bool incomplete;   /* cannot be repeated: it encapsulates, or names a nexthop object only */
	int device_index;
	struct in_addr source;              /* preferred source, INADDR_ANY: none given */
	uint8_t metrics[ROUTE_METRICS_MAX]; /* attributes of RTA_METRICS (mtu and the like) */
	size_t metrics_len;
};

/* A RTM_NEWROUTE or RTM_DELROUTE. */
struct route_msg {
	struct rtmsg fixed;
	struct in_addr destination;
	uint32_t table;
	uint32_t metric;
	struct route_hop hops[ROUTE_HOPS_MAX];
	size_t hop_count;
};

/* Device and gateway. */
bool route_hop_same_gateway(const struct route_hop *a, const struct route_hop *b);
/* All that our host route repeats. */
bool route_hop_equal(const struct route_hop *a, const struct route_hop *b);
/* No gateway. */
bool route_hop_is_direct(const struct route_hop *hop);

/* False for what is no IPv4 route. A hop that the kernel marks dead is left out of a multipath one. */
bool route_msg_parse(struct rtnl_view body, struct route_msg *m);

/* How the kernel routes to `to`, with the RTM_F_* `flags`: 0; -ENETUNREACH, also where `from`
 * (INADDR_ANY: none) is no address of this host; or another negative errno. */
int route_msg_lookup(struct rtnl *rtnl, struct in_addr to, struct in_addr from, uint32_t mark,
    unsigned flags, struct route_msg *answer);

/* All routes of a table (RT_TABLE_UNSPEC: of all; older kernels always give those of all). One that
 * does not exist is empty. */
int route_msg_dump(struct rtnl *rtnl, uint32_t table, rtnl_handler *handler, void *context);

/* RTM_NEWROUTE: adds a route of ours to the host, in front of others with the same metric, 0;
 * RTM_DELROUTE: deletes it, and one that is not there is no error. NULL for `hop`: unreachable. */
int route_msg_change(struct rtnl *rtnl, uint16_t type, struct in_addr host, uint32_t table,
    const struct route_hop *hop);

#endif
