/* SPDX-License-Identifier: ISC */
/*
 * The call manager: the process that holds the control connection (TCP 1723) of one call and answers
 * status clients. It has no privilege: the parent opens for it what needs any.
 */
#ifndef PPTP_CALLMGR_H
#define PPTP_CALLMGR_H

#include <stdint.h>
#include <sys/types.h>

#include "pptp_options.h"

struct callmgr_config {
	const struct pptp_options *options;
	int parent;       /* our end of the socket pair to the parent */
	int listener;     /* for status clients; -1: none */
	uid_t uid;        /* of the user who started pptp: may ask for the status, besides root */
	int stderr_owner; /* of sys/stderr_owner.h; -1: none */
	uint16_t call_id; /* ours, reserved; its GRE socket is open already */
};

/*
 * Runs in a child forked for it until the call has ended; returns the status to exit with. The
 * descriptors become the call manager's; it has no others but 0 to 2, the log's and a timer.
 *
 * To the parent go IPC_HEARTBEAT until the call is established, IPC_CONNECT_REQUEST for one server
 * address after the other, IPC_CALL_UP, IPC_STATS_REQUEST, and IPC_ENDED once, when it is clear that
 * the call ends (the server is then still being waited for). From it come IPC_CONNECT_REPLY,
 * IPC_ROUTE_STATE, IPC_UNIT, IPC_RECEIVED, IPC_STATS and IPC_CLOSE. When the parent has exited, the
 * call and the connection are ended as with IPC_CLOSE. Either way it takes no longer than CLOSE_WAIT_US.
 */
int callmgr_main(const struct callmgr_config *config);

#endif
