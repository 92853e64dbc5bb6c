/* SPDX-License-Identifier: ISC */
/*
 * The network's side of the data path as the parent opens it, with privileges, before the call is asked
 * for: our call id and the raw sockets for GRE. The gateway gets the sockets.
 */
#ifndef PPTP_GRE_SIDE_H
#define PPTP_GRE_SIDE_H

#include <stdint.h>

#include "pptp_options.h"

/* Its fields are for reading. Descriptors are -1 where they are not open. */
struct gre_side {
	int call_id_fd; /* its being open reserves the call id */
	int gre;        /* netsock_gre_open */
	int watch;      /* netsock_gre_watch_open; a call goes without it */
	uint16_t call_id;
};

/* Nothing is open. */
void gre_side_init(struct gre_side *s);

/* The server may send packets before we hear that the call is established. 0, or a negative errno, and in
 * *what the step that failed; NULL where that has been logged. */
int gre_side_open(struct gre_side *s, const struct pptp_options *o, const char **what);

/* Closes the sockets, which are the gateway's; the call id stays reserved until the process exits. */
void gre_side_close(struct gre_side *s);

#endif
