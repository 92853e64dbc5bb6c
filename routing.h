/* SPDX-License-Identifier: ISC */
/*
 * The host route to the server, through rtnetlink: added where it is needed, left as it is while
 * its next hop works, removed exactly where we added it. It belongs to every live call that holds
 * it (sys/route_holder.h); one that no call holds is a left-over, known by its protocol number, that
 * the next start replaces.
 *
 * While the only path left leads into our own tunnel, an "unreachable" route with the same mark, the
 * unreachable guard, keeps packets from looping. Our tunnel is the device with the index that the
 * caller gives; no other device is taken for it.
 */
#ifndef PPTP_ROUTING_H
#define PPTP_ROUTING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/deadline.h"
#include "sys/route_holder.h"
#include "sys/route_msg.h"
#include "sys/rtnl.h"

enum {
	ROUTE_DEVICE_MAX = 16, /* IFNAMSIZ */
};

/* Whether the kernel has a path to the server. */
enum route_state {
	ROUTE_STATE_GOOD,
	ROUTE_STATE_NONE, /* for the moment */
	ROUTE_STATE_LOOP, /* into our own tunnel */
};

enum route_event {
	ROUTE_EVENT_NONE,
	ROUTE_EVENT_MOVED, /* our host route was added, or leads elsewhere, or was removed while the
	                          kernel has another path */
	ROUTE_EVENT_RESTORED,  /* our host route was removed by someone: it is there again */
	ROUTE_EVENT_CONTESTED, /* once too often: from now on we only look */
	ROUTE_EVENT_LOST,      /* no path for the moment */
	ROUTE_EVENT_BACK,      /* there is one again, or at last */
	ROUTE_EVENT_LOOP, /* the kernel's path to the server leads into our own tunnel and we cannot
	                     change that */
	ROUTE_EVENT_SOURCE_LOST, /* our local address was removed and the server is reached from
	                            another one: the connection cannot live. Reported once */
};

struct host_route_request {
	struct in_addr server; /* one unicast address */
	struct in_addr local;  /* INADDR_ANY: no source is asked for */
	uint32_t mark;
	bool manage;           /* false (--nohostroute): only look and report */
	unsigned tunnel_index; /* interface index of our own tunnel; 0: not known (yet) */
};

/* A next hop that a table has for the server. */
struct route_candidate {
	bool found;
	uint8_t type;
	uint8_t prefix;
	struct in_addr destination;
	uint32_t metric;
	uint32_t table;
	struct route_hop hop;
};

struct host_route {
	/* For reading. */
	struct rtnl events;            /* notifications; fd -1: none */
	char device[ROUTE_DEVICE_MAX]; /* of the last path outside the tunnel */
	bool added;                    /* the call uses a host route of ours, or waits to */
	bool guarded;                  /* the unreachable guard is in place */
	enum route_state state;

	/* Private. */
	struct host_route_request request; /* `manage` until contested */
	bool decided; /* there was a good path, and a host route was added or found unnecessary */
	bool wanted;  /* a host route is needed, whether or not we could add it */
	bool present; /* ours is in the kernel: `hop`, in `table` */
	bool removed; /* at the last look it was not, although we did not remove it */
	bool relevant;
	bool source_set;       /* by host_route_set_source */
	bool source_local;     /* `source` is an address of this host */
	bool source_lost;      /* reported, or there is nothing to report */
	struct in_addr source; /* from which the connection is; INADDR_ANY: not known yet */
	int source_device;     /* that carries it */
	unsigned restores;     /* since restores_since_us */
	int64_t restores_since_us;
	uint32_t table;
	struct route_hop hop;
	/* The route from which ours was copied: where the call began. Not found: ours was another
	 * call's, only its hop is known. */
	struct route_candidate home;
	int home_index; /* of its device, also where no route was needed */
	char home_name[ROUTE_DEVICE_MAX];
	bool holding; /* `table` is the one that we hold, even if no socket says so */
	struct route_holder hold, tunnel, uplink;
	struct rtnl rtnl; /* requests */
};

/*
 * Looks for a path to the server, adds a host route where one is needed (none for a server on-link,
 * on this host, or with a host route already), and subscribes to changes. 0; -ENETUNREACH: no path;
 * -ELOOP: the only one leads into our tunnel; -EPERM: no right to add the route; -EOPNOTSUPP: the
 * route encapsulates and cannot be repeated; or another negative errno. Whatever it returns,
 * changes are watched if events.fd is there, and host_route_end is in order.
 */
int host_route_begin(struct host_route *r, const struct host_route_request *request);

/* After events.fd became readable: processes the notifications, repairs the route, reports a change
 * once. Before there was a path, a ROUTE_EVENT_BACK says that the host route was begun, too. */
enum route_event host_route_on_events(struct host_route *r, int64_t now_us);

/* The tunnel's interface index has become known: looks at once whether the path leads there. */
enum route_event host_route_set_tunnel(struct host_route *r, unsigned index, int64_t now_us);

/* The local address of the established TCP connection; from then on its removal is watched. */
void host_route_set_source(struct host_route *r, struct in_addr source);

/* Removes the host route unless another live call holds it; closes all descriptors. */
void host_route_end(struct host_route *r);

#endif
