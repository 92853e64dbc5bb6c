/* SPDX-License-Identifier: ISC */
/*
 * GRE, the MTU of the path and the packet filters of a diagnosis: what gre_probe and mtu_probe have seen,
 * put into words. Open it with privileges, run it without.
 */
#ifndef PPTP_GRE_CHECK_H
#define PPTP_GRE_CHECK_H

#include "pptp_options.h"
#include "diagnose/call_check.h"
#include "diagnose/gre_probe.h"
#include "diagnose/reach.h"

struct gre_check {
	/* For reading. */
	unsigned path_mtu; /* 0 = not known */

	/* Private. */
	int open_error; /* errno; 0 = none */
	int udp;
	struct gre_probe probe;
};

/* Opens the sockets for our call id, before the call is requested: a server may speak first. */
void gre_check_open(struct gre_check *g, const struct pptp_options *o, uint16_t call_id);

/* Tries the call that is established. */
void gre_check_run(struct gre_check *g, const struct call_check *call, const struct reach *reach);

/* Closes the sockets. May be called twice. */
void gre_check_close(struct gre_check *g);

#endif
