/* SPDX-License-Identifier: ISC */
/*
 * The events that the control connection's state machine reports to its owner: their types, reasons
 * for an end, and a phrase for each reason. pptp_ctrl decides which event is due, ctrl_queue keeps
 * their order.
 */
#ifndef PPTP_CTRL_EVENT_H
#define PPTP_CTRL_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "control/pptp_msg.h"

/* Why the connection or its call ended or was refused. Codes named here are fields of the event. */
enum ctrl_why {
	CTRL_WHY_NONE,
	CTRL_WHY_LOCAL,             /* we ended it */
	CTRL_WHY_START_REFUSED,     /* SCCRP with a result that is no success: result, error */
	CTRL_WHY_CHANNEL_EXISTS,    /* ... result 3: result, error */
	CTRL_WHY_BAD_VERSION,       /* ... result 5, or a version that is not ours */
	CTRL_WHY_START_TIMEOUT,     /* no SCCRP in time */
	CTRL_WHY_COLLISION,         /* the server's own connection has precedence (section 3.1.3) */
	CTRL_WHY_CALL_REFUSED,      /* OCRP: result, error, cause */
	CTRL_WHY_CALL_TIMEOUT,      /* no OCRP in time */
	CTRL_WHY_CALL_DISCONNECTED, /* CDN: result, error, cause */
	CTRL_WHY_CALL_CLEARED,      /* Call-Clear-Request from the server */
	CTRL_WHY_STOPPED,           /* StopCCRQ from the server: result holds its reason */
	CTRL_WHY_ECHO_TIMEOUT,      /* no message after our Echo-Request */
	CTRL_WHY_LOST_SYNC,         /* wrong magic or impossible length: bytes */
	CTRL_WHY_SHORT_REPLY,  /* no SCCRP or OCRP in time but one with fields missing: msg_type */
	CTRL_WHY_OTHER_CALL,   /* OCRP to a request that we did not make: msg holds it */
	CTRL_WHY_STOP_TIMEOUT, /* no StopCCRP in time after our StopCCRQ */
	CTRL_WHY_TCP_CLOSED,   /* ctrl_on_tcp_closed */
};

enum ctrl_event_type {
	CTRL_EV_SENT, /* msg_type was added to the output; call_id = 0 if it is not about the call */
	CTRL_EV_RECEIVED,    /* msg_type was received; its consequences follow */
	CTRL_EV_ESTABLISHED, /* the control connection; msg holds the SCCRP */
	CTRL_EV_CALL_UP,     /* the call is established; msg holds the OCRP */
	CTRL_EV_CALL_ENDED,  /* why the call was refused or ended; once for each connection */
	CTRL_EV_CLOSED,      /* why the connection was closed; the last event of all */
	CTRL_EV_LINK_INFO,   /* about the call; msg holds the Set-Link-Info */
	CTRL_EV_WAN_ERROR,   /* about the call; msg holds the WAN-Error-Notify */
	CTRL_EV_IGNORED,     /* msg_type was received and changes nothing: detail says why */
	CTRL_EV_EXCESS,      /* msg_type was longer than its type: msg.excess bytes were ignored */
};

enum {
	CTRL_EVENT_BYTES_MAX = 32 /* enough to recognise another protocol by its first line */
};

struct ctrl_event {
	enum ctrl_event_type type;
	enum ctrl_why why; /* of CTRL_EV_CALL_ENDED and CTRL_EV_CLOSED, else CTRL_WHY_NONE */
	unsigned msg_type; /* of the message that was sent or received; 0 = none */
	uint16_t call_id;  /* ours; 0 = about the connection */
	uint8_t result;
	uint8_t error;
	uint16_t cause;
	const char *detail; /* static text, never NULL */
	/* The message received last; defined only if the event's type names it. */
	struct msg msg;
	/* With CTRL_WHY_LOST_SYNC the bytes that led to it, else none. */
	size_t byte_count;
	uint8_t bytes[CTRL_EVENT_BYTES_MAX];
};

/* A short phrase, never NULL. */
const char *ctrl_why_text(enum ctrl_why why);

#endif
