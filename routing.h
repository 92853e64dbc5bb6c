/* SPDX-License-Identifier: ISC */
/*
 * The host route to the server, through rtnetlink: looked up, added where it is needed, followed
 * when the uplink changes, removed exactly where we added it. Routes of ours carry a protocol
 * number of their own, so that one left behind by a killed process is recognised and taken over.
 *
 * Several live calls to one server share the route: each holds a lock that stands for server and
 * table, and the one that ends last, seen from that, removes it. Whoever finds it gone all the same
 * puts it back (each hears of the removal).
 *
 * While the uplink is gone and what is left leads into the tunnel, an "unreachable" route with the
 * same mark stands in for it: nothing goes round in the tunnel, and the call may outlive the gap.
 */
#ifndef PPTP_ROUTING_H
#define PPTP_ROUTING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/deadline.h"
#include "sys/rtnl.h"

enum {
	ROUTE_PROTOCOL = 0x2f, /* rtm_protocol of our routes: the number of GRE, unused by others */
	ROUTE_DEVICE_MAX = 16,
	ROUTE_METRICS_MAX = 64,
};

/* How the kernel would send a packet to the server now. */
struct route_path {
	struct in_addr gateway; /* INADDR_ANY: on-link (or through an IPv6 gateway) */
	struct in_addr source;
	int device_index;
	char device[ROUTE_DEVICE_MAX];
	bool point_to_point; /* the device is a ppp, tun or the like */
	bool local;          /* to this host itself */
	uint32_t table;      /* where the kernel found it */
};

/* What a route in the kernel says of the next hop, as far as our host route repeats it. */
struct route_hop {
	struct in_addr gateway;
	uint8_t gateway6[16]; /* a gateway that is reached by IPv6, where has_gateway6 */
	bool has_gateway6;
	bool on_link_flag; /* the gateway is taken to be on-link although no prefix says so */
	int device_index;
	struct in_addr source;              /* preferred source, INADDR_ANY: none given */
	uint8_t metrics[ROUTE_METRICS_MAX]; /* attributes of RTA_METRICS (mtu and the like) */
	size_t metrics_len;
};

/* Whether the kernel has a way to the server. */
enum route_state {
	ROUTE_STATE_GOOD,
	ROUTE_STATE_NONE, /* for the moment */
	ROUTE_STATE_LOOP, /* into the tunnel itself */
};

/* What is asked for. */
struct route_request {
	struct in_addr server;
	struct in_addr local; /* INADDR_ANY: no source asked for */
	uint32_t mark;
	bool manage;        /* false (--nohostroute): only look and warn */
	const char *folder; /* by which calls to one server know of each other; lives on */
};

/* Private but for events_fd, path, added and state. */
struct route_keeper {
	struct in_addr server;
	struct in_addr local;
	uint32_t mark;
	bool manage; /* may end earlier: see count_restore() */
	const char *folder;
	bool added;   /* a route of ours is in the kernel: `hop`, in `table`; or was, and its device
	                is gone for the moment */
	bool blocked; /* "unreachable" stands in for it, in `table` */
	bool missing; /* at the last look `hop` was not there, nobody having asked us */
	unsigned restores; /* how often it was put back all the same since ... */
	int64_t restores_since_us;
	bool watching;
	bool begun;
	enum route_state state;
	bool relevant;          /* a notification came that may concern the server */
	struct route_path path; /* as of the last look, without the tunnel */
	struct route_hop hop;
	uint32_t table;
	int share_fd;     /* says that this call needs the route; negative: none */
	struct rtnl rtnl; /* requests */
	struct rtnl events;
	int events_fd; /* rtnetlink notifications; -1 where there are none */
};

enum route_change {
	ROUTE_UNCHANGED,
	ROUTE_MOVED, /* our host route was added, moved to another uplink, or is needed no more */
	ROUTE_RESTORED,  /* somebody had removed our host route: it is there again */
	ROUTE_CONTESTED, /* once more, and for the last time: from now on we only look and warn */
	ROUTE_LOST,      /* no way for the moment: looked for again on each change */
	ROUTE_BACK,      /* there is one again */
	ROUTE_LOOP, /* the kernel's route to the server leads into the tunnel's own interface, and
	               there is nothing that we could do about it */
};

/* Asks the kernel; 0, or -ENETUNREACH (also for a local address that is not there) and other
 * negative errnos. */
int route_lookup(
    struct in_addr server, struct in_addr local, uint32_t mark, struct route_path *path);

/*
 * Looks the server up, adds a host route where one is needed (none for a server on-link, on this
 * host, or with a host route already; a stale one of ours is taken over), and subscribes to
 * changes. Also without `manage`, what a killed call has left to block the server goes, if nothing
 * else. 0 or a negative errno; a missing right to add one is -EPERM with everything else set up.
 * Whatever it returns, route_end is then in order.
 */
int route_begin(struct route_keeper *k, const struct route_request *wanted);

/*
 * After events_fd became readable: takes in the notifications and follows the uplink; tells each
 * change once. The tunnel's own interface is a point-to-point one that was not the path when the
 * call began, unless its name is that of the path; no host route is ever made to lead there.
 */
enum route_change route_on_events(struct route_keeper *k, int64_t now_us);

/* The folder is another one under the old name: who looks there is told of our need again. */
void route_share_again(struct route_keeper *k);

/* Removes what we added, and nothing else; closes all descriptors. */
void route_end(struct route_keeper *k);

/* After the death of the process that had `dead`, which another one can read at any moment of its
 * life: removes what it added and nobody else needs. 1 where there was anything, 0 where not, or the
 * negative errno for which nobody could look. */
int route_clear_up(const struct route_keeper *dead);

#endif
