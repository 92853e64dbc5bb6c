/* SPDX-License-Identifier: ISC */
/*
 * The control connection and the call of a diagnosis: opened as a call manager does, kept while the
 * other steps need it, and ended in order.
 */
#ifndef PPTP_CALL_CHECK_H
#define PPTP_CALL_CHECK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pptp_options.h"
#include "callmgr/call_end.h"
#include "callmgr/ctrl_conn.h"
#include "diagnose/report.h"
#include "diagnose/step_wait.h"

struct call_check {
	/* Of the caller. */
	const struct pptp_options *options;
	struct step_wait *wait;
	struct report *report;
	const char *server_text;
	struct in_addr server;
	struct in_addr local;
	uint16_t call_id; /* ours */

	/* For reading, once the call is established. */
	uint16_t peer_call_id;
	bool ended; /* by the server, or it has failed */

	/* Private. */
	struct ctrl_conn conn;
	struct call_end end;
	struct msg_start start;
	struct msg_outgoing_call_reply reply;
	int64_t begun_us, established_us, up_us; /* 0 = not yet */
	bool finished;
};

/* Starts on the connected socket, which is this one's from now on, and waits until the call is established
 * (true), or fails. The results are in the report. */
bool call_check_begin(struct call_check *c, int tcp);

/* Why the call has ended, as a sentence. */
void call_check_end_text(const struct call_check *c, char *string, size_t cap);

/* Takes leave of the server, and waits at most a second for its answer. Call it in any case. */
void call_check_end(struct call_check *c);

#endif
