/* SPDX-License-Identifier: ISC */
/*
 * What calls to one server tell each other about its host route, whatever user they run as: that
 * they need it, which device is their tunnel, which device is their uplink. Each statement is a
 * bound abstract UNIX socket: visible in the whole network namespace, and closed with its process.
 * Any local user can bind such a name, so a statement may keep a route from being changed, but no
 * call is ended because of one. For routing.c, and for diagnose/reach.c to look.
 */
#ifndef PPTP_ROUTE_HOLDER_H
#define PPTP_ROUTE_HOLDER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum route_holder_kind {
	ROUTE_HOLDER_TABLE,  /* "I need the host route in this table" */
	ROUTE_HOLDER_TUNNEL, /* "the device with this index is my tunnel" */
	ROUTE_HOLDER_UPLINK, /* "my connection began through the device with this index" */
};

/* Private; ROUTE_HOLDER_NONE before the first use. */
struct route_holder {
	int fd;        /* negative: none */
	unsigned slot; /* which of the sockets with the same statement is ours */
};

#define ROUTE_HOLDER_NONE ((struct route_holder){.fd = -1})

/* Makes the statement, in place of an earlier one of `h`. 0 or a negative errno; then `h` makes none. */
int route_holder_take(
    struct route_holder *h, enum route_holder_kind kind, struct in_addr server, uint32_t number);
void route_holder_release(struct route_holder *h);

/* Whether a live call other than `self` makes the statement. It leaves no trace that another call
 * could see. False where no socket is to be had for looking. */
bool route_holder_others(const struct route_holder *self, enum route_holder_kind kind,
    struct in_addr server, uint32_t number);

#endif
