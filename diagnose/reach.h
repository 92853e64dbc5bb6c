/* SPDX-License-Identifier: ISC */
/*
 * From the server's name to a TCP connection: its addresses, and for one after the other the route
 * and TCP port 1723, until one of them takes the connection, as a call would. Reads nothing from the
 * network but the name server's answer, in a child.
 */
#ifndef PPTP_REACH_H
#define PPTP_REACH_H

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "pptp_options.h"
#include "callmgr/resolve.h"
#include "diagnose/report.h"
#include "diagnose/step_wait.h"

enum {
	REACH_SERVER_MAX = 320,
};

struct reach {
	/* Of the caller. */
	const struct pptp_options *options;
	struct step_wait *wait;
	struct report *report;

	/* For reading. `server` is the address that took the connection, or was tried last. */
	struct in_addr addresses[RESOLVE_MAX];
	size_t count;
	struct in_addr server;
	char server_text[REACH_SERVER_MAX]; /* for the user: name and address */
	struct in_addr local;               /* our end of the connection */
	unsigned device_mtu;                /* of the route's device; 0 = not known */
	int tcp;                            /* connected, the caller's; -1: not */
};

/* Fills in the addresses; false, with the reason in the report, where there are none. */
bool reach_find_name(struct reach *r);

/* Connects; false, with the reasons in the report, where no address takes the connection. */
bool reach_connect(struct reach *r);

#endif
