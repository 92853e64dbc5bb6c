/* SPDX-License-Identifier: ISC */
/*
 * The host route to the server, through rtnetlink: looked up, added where it is needed, followed
 * when the uplink changes, removed exactly where we added it. Routes of ours carry a protocol
 * number of their own, so that one left behind by a killed process is recognised and taken over.
 */
#ifndef PPTP_ROUTING_H
#define PPTP_ROUTING_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "deadline.h"

enum {
	ROUTE_PROTOCOL = 0x2f, /* rtm_protocol of our routes: the number of GRE, unused by others */
	ROUTE_DEVICE_MAX = 16,
};

/* How the kernel would send a packet to the server now. */
struct route_path {
	struct in_addr gateway; /* INADDR_ANY: on-link */
	struct in_addr source;
	int device_index;
	char device[ROUTE_DEVICE_MAX];
	bool point_to_point; /* the device is a ppp, tun or the like */
	bool local;          /* to this host itself */
};

struct route_keeper {
	struct in_addr server;
	struct in_addr local; /* INADDR_ANY: no source asked for */
	uint32_t mark;
	bool manage;  /* false (--nohostroute): only look and warn */
	bool added;   /* a route of ours is in the kernel: `path` */
	bool watching;
	struct route_path path;
	int events_fd;  /* rtnetlink notifications; -1 where there are none */
};

enum route_change {
	ROUTE_UNCHANGED,
	ROUTE_MOVED, /* our host route now follows another uplink */
	ROUTE_LOST,  /* no route for the moment: kept as it is, looked at again on the next change */
	ROUTE_LOOP,  /* the kernel's route to the server leads into the tunnel's own interface */
};

/* Asks the kernel; 0, or -ENETUNREACH and other negative errnos. */
int route_lookup(struct in_addr server, struct in_addr local, uint32_t mark, struct route_path *path);

/*
 * Looks the server up, adds a host route where one is needed (none for a server on-link, on this
 * host, or with a host route already; a stale one of ours is taken over), and subscribes to
 * changes. 0 or a negative errno; a missing right to add one is -EPERM with everything else set up.
 */
int route_begin(struct route_keeper *k, struct in_addr server, struct in_addr local, uint32_t mark,
    bool manage);

/* After events_fd became readable: takes in the notifications and follows the uplink. `tunnel_address`
 * is our end of the tunnel's inner address family where known, else INADDR_ANY. */
enum route_change route_on_events(struct route_keeper *k);

/* Removes what we added, and nothing else; closes events_fd. */
void route_end(struct route_keeper *k);

#endif
