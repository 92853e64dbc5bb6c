/* SPDX-License-Identifier: ISC */
/*
 * Control connection and calls of RFC 2637 section 3, client (PNS) role: states, what is sent in
 * each, deadlines, echo. Octets and the time go in; octets, events and the next deadline come out.
 * No descriptor, no clock, no log: the call manager feeds it and does what the events say.
 */
#ifndef PPTP_CTRL_H
#define PPTP_CTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/deadline.h"
#include "control/pptp_msg.h"

enum {
	CTRL_CALLS_MAX = 128, /* calls on one control connection */
	/* Octets waiting for the server to read, beyond which replies to it are left out and new
	 * calls refused: a server that writes and never reads makes nothing grow. */
	CTRL_OUTPUT_MAX = 32768,
};

/* Who we say we are, and how: defaults and quirks alike are values of these fields. */
struct ctrl_identity {
	uint32_t start_framing; /* SCCRQ */
	uint32_t start_bearer;
	uint16_t max_channels;
	uint16_t firmware;
	const char *host_name;
	const char *vendor;
	uint32_t call_framing; /* OCRQ */
	uint32_t call_bearer;
	uint32_t min_bps;
	uint32_t max_bps;
	bool send_link_info; /* a Set-Link-Info with both ACCMs ffffffff after OCRP */
};

struct ctrl_config {
	struct ctrl_identity identity; /* strings stay the caller's and outlive the connection */
	int64_t reply_wait_us;         /* for SCCRP and OCRP */
	int64_t close_wait_us;         /* for StopCCRP and CDN, once we end */
	int64_t idle_wait_us;          /* silence before an Echo-Request; 0 = never */
	int64_t echo_wait_us;          /* silence after it before giving up; 0 = for ever */
	uint32_t our_address;          /* host order: decides a collision (section 3.1.3) */
	uint32_t server_address;
};

enum ctrl_state { /* section 3.1.1, originator */
	CTRL_IDLE,
	CTRL_WAIT_CTL_REPLY,
	CTRL_ESTABLISHED,
	CTRL_WAIT_STOP_REPLY,
	CTRL_CLOSED, /* the owner closes the TCP connection after flushing the output */
};

enum ctrl_call_state { /* section 3.2.3.1, PNS outgoing call */
	CTRL_CALL_FREE,
	CTRL_CALL_IDLE, /* wanted; OCRQ goes out when the connection is established */
	CTRL_CALL_WAIT_REPLY,
	CTRL_CALL_ESTABLISHED,
	CTRL_CALL_WAIT_DISCONNECT,
};

/* Why a connection or a call ended or was refused; the call manager makes sentences of it. */
enum ctrl_why {
	CTRL_WHY_NONE,
	CTRL_WHY_LOCAL,             /* we ended it */
	CTRL_WHY_START_REFUSED,     /* SCCRP with a result that is no success: result, error */
	CTRL_WHY_CHANNEL_EXISTS,    /* ... result 3: one control connection per pair of hosts */
	CTRL_WHY_BAD_VERSION,       /* ... result 5, or a version that is not ours */
	CTRL_WHY_START_TIMEOUT,     /* no SCCRP in time */
	CTRL_WHY_COLLISION,         /* the server's connection wins (section 3.1.3) */
	CTRL_WHY_CALL_REFUSED,      /* OCRP: result, error, cause */
	CTRL_WHY_CALL_TIMEOUT,      /* no OCRP in time */
	CTRL_WHY_CALL_DISCONNECTED, /* CDN: result, error, cause */
	CTRL_WHY_CALL_CLEARED,      /* Call-Clear-Request from the server */
	CTRL_WHY_STOPPED,           /* StopCCRQ from the server: result holds the reason */
	CTRL_WHY_ECHO_TIMEOUT,      /* silence */
	CTRL_WHY_LOST_SYNC,         /* wrong magic or impossible length: octets */
	CTRL_WHY_SHORT_MESSAGE,     /* shorter than its type: octets */
	CTRL_WHY_STOP_TIMEOUT,      /* no StopCCRP in time after our StopCCRQ */
	CTRL_WHY_TCP_CLOSED,        /* the owner said so: ctrl_on_tcp_closed */
};

enum ctrl_event_type {
	CTRL_EV_SENT,      /* msg_type went to the output (for the log) */
	CTRL_EV_RECEIVED,  /* msg_type came in (for the log) */
	CTRL_EV_STARTED,   /* the control connection is established; msg holds the SCCRP */
	CTRL_EV_CALL_UP,   /* call; msg holds the OCRP */
	CTRL_EV_CALL_OVER, /* call: why it was refused or ended; its slot is free again */
	CTRL_EV_CLOSED,    /* the connection: why; every call is over before */
	CTRL_EV_LINK_INFO, /* call; msg holds the Set-Link-Info */
	CTRL_EV_WAN_ERROR, /* call; msg holds the WAN-Error-Notify */
	CTRL_EV_IGNORED,   /* msg_type came in and has no place here: note says why (static text) */
	CTRL_EV_EXCESS,    /* msg_type was longer than its type: msg.excess octets were ignored */
};

#define CTRL_EVENT_OCTETS 32

struct ctrl_event {
	enum ctrl_event_type type;
	enum ctrl_why why;
	unsigned msg_type;
	uint16_t call_id; /* ours; 0 = about the connection */
	uint8_t result;
	uint8_t error;
	uint16_t cause;
	const char *note; /* never NULL */
	/* The message received that led to the event; of any use only where said above. */
	struct msg msg;
	/* With why LOST_SYNC and SHORT_MESSAGE: the octets in question; else none. */
	size_t octet_count;
	uint8_t octets[CTRL_EVENT_OCTETS];
};

/* What is asked of the server for one call. */
struct ctrl_call_request {
	uint16_t call_id; /* ours: not 0, not in use on this connection */
	uint16_t window;  /* packets */
	uint16_t processing_delay;
	char phone[MSG_NAME_LEN + 1];
};

/* A call, private to the connection. */
struct ctrl_call {
	enum ctrl_call_state state;
	int64_t deadline_us;
	uint16_t serial;
	uint16_t peer_call_id; /* the server's; of any meaning only with peer_known */
	bool peer_known;       /* an OCRP has named it */
	struct ctrl_call_request request;
};

/* An event while it waits; `msg` and `octets` are the connection's, one at a time. */
struct ctrl_note {
	enum ctrl_event_type type;
	enum ctrl_why why;
	unsigned msg_type;
	uint16_t call_id;
	uint16_t cause;
	uint8_t result;
	uint8_t error;
	const char *note;
};

enum {
	CTRL_INPUT_SIZE = 2 * MSG_STREAM_LEN_MAX,
	/* Room for what we must say ourselves, whatever waits: SCCRQ, StopCCRQ and Echo-Request, and for
	 * each call OCRQ, Set-Link-Info and Call-Clear-Request (208 octets). */
	CTRL_OUTPUT_SIZE = CTRL_OUTPUT_MAX + CTRL_CALLS_MAX * 208 + 1024,
	CTRL_NOTES_HIGH = 256, /* with more waiting, new calls are refused */
	/* Each call has at most three events to come (sent, cleared, over), a connection a handful. */
	CTRL_NOTES_SIZE = CTRL_NOTES_HIGH + 3 * CTRL_CALLS_MAX + 64,
};

/*
 * About 100 kB, of which a connection with one call touches two or three pages: what is used first
 * of each array lies next to what comes before or behind it, so `notes` begins at its end. Off the
 * stack, please. Embed it and treat its fields as private.
 */
struct ctrl {
	struct ctrl_config config;
	enum ctrl_state state;
	int64_t deadline_us;  /* of the connection itself: the one that its state has */
	bool echo_waiting;    /* our Echo-Request is the last thing that happened */
	uint32_t echo_id;     /* the last one sent */
	uint16_t last_serial; /* the last one sent */
	enum ctrl_why why;    /* in CTRL_WAIT_STOP_REPLY: why we end */
	size_t input_len;
	size_t output_at; /* the first octet not yet written */
	size_t output_len;
	size_t note_first;
	size_t note_count;
	struct msg received; /* the last one; none is decoded while events wait */
	size_t octet_count;
	uint8_t octets[CTRL_EVENT_OCTETS];
	struct ctrl_call calls[CTRL_CALLS_MAX];
	struct ctrl_note notes[CTRL_NOTES_SIZE]; /* a ring, the first one last */
	uint8_t input[CTRL_INPUT_SIZE];
	uint8_t output[CTRL_OUTPUT_SIZE];
};

/* Makes an idle connection. `c` is zeroed memory, or was a connection before: what is still
 * untouched stays so. */
void ctrl_init(struct ctrl *c, const struct ctrl_config *config);

/* The TCP connection stands: sends SCCRQ. */
void ctrl_start(struct ctrl *c, int64_t now_us);

/* Adds a call; its OCRQ goes out at once or when the connection is established. False: no slot free,
 * the id is 0 or taken, the connection is on its way out, or the server does not read. */
bool ctrl_call_open(struct ctrl *c, int64_t now_us, const struct ctrl_call_request *request);

/* Ends a call of ours: Call-Clear-Request, then CTRL_EV_CALL_OVER when the server has confirmed or
 * close_wait_us is over. Unknown ids are ignored. */
void ctrl_call_close(struct ctrl *c, int64_t now_us, uint16_t call_id);

/* Ends everything: Call-Clear-Request for each call and Stop-Control-Connection-Request in one go;
 * CTRL_EV_CLOSED when the server has answered or close_wait_us is over. */
void ctrl_stop(struct ctrl *c, int64_t now_us, uint8_t reason);

/* Octets from the server: takes up to len, returns how many. Less when events wait to be fetched:
 * fetch them, then offer the rest. Once closed, all are taken and ignored. */
size_t ctrl_input(struct ctrl *c, int64_t now_us, const uint8_t *octets, size_t len);

/* The TCP connection is gone (EOF, reset, error): the connection is closed, the output forgotten.
 * The reason is CTRL_WHY_TCP_CLOSED, or our own where we were waiting for the server to stop. */
void ctrl_on_tcp_closed(struct ctrl *c, int64_t now_us);

/* The next event; false where there is none. Fetch all after each call of any function above and
 * below. Octets taken earlier are acted upon as the events before them are fetched. */
bool ctrl_next_event(struct ctrl *c, int64_t now_us, struct ctrl_event *event);

/* Octets for the server: *octets points into the connection until the next call. Returns their
 * number. They are to be written in CTRL_CLOSED, too. */
size_t ctrl_output(const struct ctrl *c, const uint8_t **octets);
/* The first n of them are written. */
void ctrl_output_done(struct ctrl *c, size_t n);

/* When to call ctrl_on_deadline; DEADLINE_NEVER where nothing is waited for. */
int64_t ctrl_deadline(const struct ctrl *c);
void ctrl_on_deadline(struct ctrl *c, int64_t now_us);

enum ctrl_state ctrl_state(const struct ctrl *c);
const char *ctrl_state_name(enum ctrl_state state);
size_t ctrl_call_count(const struct ctrl *c); /* calls in any state but free */
enum ctrl_call_state ctrl_call_state(const struct ctrl *c, uint16_t call_id);
const char *ctrl_why_text(enum ctrl_why why); /* a short phrase; never NULL */

#endif
