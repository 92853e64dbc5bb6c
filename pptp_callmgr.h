/* SPDX-License-Identifier: ISC */
/*
 * The call manager: the process that holds the control connection (TCP 1723) of one call, or of the
 * calls that share it, keeps the host route, and answers at its UNIX socket to those who ask for
 * status or for a further call. Packets are the gateway's.
 */
#ifndef PPTP_CALLMGR_H
#define PPTP_CALLMGR_H

#include "sys/ipc.h"
#include "pptp_options.h"

/*
 * Runs in a child forked for it, until the last call is over; returns the status to exit with.
 * `gateway_fd` is one end of an ipc_pair and becomes the call manager's. The call id in `call` is
 * reserved, and its GRE socket open, already.
 *
 * To the gateway come, in this order: IPC_CALL_PENDING each IPC_PENDING_US, as a sign of life
 * until the call stands or is over; IPC_CALL_UP once the call stands (never for a refused one);
 * IPC_CALL_MOVED, right after it, where another call manager has the connection: from then on the
 * call's messages come over the descriptor in it, and this process ends; IPC_STATS_REQUEST now and
 * then; IPC_CALL_OVER as the last, always, with the sentence that the gateway's side shows as its
 * last line ("Call manager exited with error: ..." where the call never stood). End-of-file without
 * it means that the call manager was killed.
 *
 * From the gateway: IPC_CALL_CLOSE to end the call, answered by IPC_CALL_OVER within CLOSE_WAIT_US;
 * IPC_STATS. End-of-file ends the call as IPC_CALL_CLOSE does.
 */
int callmgr_main(const struct pptp_options *o, int gateway_fd, const struct ipc_call_request *call);

#endif
