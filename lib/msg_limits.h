/* SPDX-License-Identifier: ISC */
/*
 * Sizes and times that several parts share: those that RFC 2637 fixes, and those that we chose for
 * the whole program. A constant that only one module needs is defined in that module.
 */
#ifndef PPTP_MSG_LIMITS_H
#define PPTP_MSG_LIMITS_H

#include "lib/deadline.h"

enum {
	MSG_PORT = 1723,   /* TCP port of the control connection (RFC 2637 section 1.4) */
	MSG_NAME_LEN = 64, /* bytes of a text field (section 2): NUL-padded, no NUL if full */

	/* Longest PPP frame that we carry, in bytes without FCS; the limit of pptp-linux. */
	PACKET_MAX = 8196,
	/* Receive window that we advertise to the server (section 2.7), in packets. */
	RECEIVE_WINDOW = 1024,
};

/* Longest that closing a call may take while the server does not answer. */
#define CLOSE_WAIT_US (2 * USEC_PER_SEC)

#endif
