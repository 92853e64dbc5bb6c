/* SPDX-License-Identifier: ISC */
/*
 * What several calls to one server let each other know: who needs its host route. Told by locks on
 * the folder that only their user may open: they end with their descriptors, leave nothing behind,
 * and are out of reach for others. For routing.c alone.
 */
#ifndef PPTP_ROUTE_SHARE_H
#define PPTP_ROUTE_SHARE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

/* Says that a call needs the route to `server` in `table` of this network namespace, until the
 * descriptor is closed. The descriptor, or a negative errno; where there is no such folder, one that
 * says nothing. */
int route_share_take(const char *folder, struct in_addr server, uint32_t table);
/* Whether any does that looks at the same folder; a descriptor of one's own counts, too. */
bool route_share_lives(const char *folder, struct in_addr server, uint32_t table);

#endif
