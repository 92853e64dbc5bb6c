/* SPDX-License-Identifier: ISC */
/*
 * The gateway: the process between the raw GRE socket and pppd's pty. It has no privilege: the
 * parent has opened both for it.
 */
#ifndef PPTP_GRE_H
#define PPTP_GRE_H

#include "pptp_options.h"

struct gateway_config {
	const struct pptp_options *options;
	int parent;       /* our end of the socket pair to the parent */
	int pty_in;       /* read from pppd; non-blocking */
	int pty_out;      /* write to pppd; non-blocking; may be the same */
	int gre;          /* raw socket with its filter; non-blocking */
	int watch;        /* of netsock_gre_watch_open; -1: none */
	int stderr_owner; /* of sys/stderr_owner.h; -1: none */
};

/*
 * Runs in a child forked for it until the call has ended; returns the status to exit with. All
 * descriptors become the gateway's; it has no others but 0 to 2 and the log's.
 *
 * From the parent come IPC_CALL_UP (again, where the server that took the call dropped it and another
 * one took it), IPC_STATS_REQUEST, IPC_STATS_DUMP and IPC_DRAIN. To it go IPC_READY, IPC_RECEIVED,
 * IPC_PPPD_OPEN, IPC_STATS, and IPC_ENDED once, where the gateway is the first to know that the call
 * ends. When the parent has exited, the gateway exits.
 */
int gateway_main(const struct gateway_config *config);

#endif
