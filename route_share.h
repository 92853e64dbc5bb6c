/* SPDX-License-Identifier: ISC */
/*
 * What several calls to one server let each other know: who needs its host route. Told by abstract
 * UNIX sockets, which last as long as their descriptors and live in the network namespace, as routes
 * do. Anybody on this host may take such a name, too: then our route, which does no harm, stays
 * until the next call to that server. For routing.c alone.
 */
#ifndef PPTP_ROUTE_SHARE_H
#define PPTP_ROUTE_SHARE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Says that a call needs the route to `server` in `table`, until the descriptor is closed. The
 * descriptor, or a negative errno; where all names are taken, one that says nothing. */
int route_share_take(struct in_addr server, uint32_t table);
/* Whether any call does. */
bool route_share_lives(struct in_addr server, uint32_t table);

#endif
