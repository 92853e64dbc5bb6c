/* SPDX-License-Identifier: ISC */
/*
 * State machine of a control connection and its one call: RFC 2637 section 3, client (PNS) role. It
 * decides what is sent in each state, the deadlines, and the keepalive. Bytes and the time go in;
 * bytes, events and the next deadline come out. It has no descriptor, no clock and no log: the call
 * manager moves the bytes and acts on the events.
 */
#ifndef PPTP_CTRL_H
#define PPTP_CTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/deadline.h"
#include "control/ctrl_event.h"
#include "control/ctrl_queue.h"
#include "control/pptp_msg.h"

/* How the client presents itself; a quirk is other values here. */
struct ctrl_identity {
	uint32_t start_framing; /* SCCRQ */
	uint32_t start_bearer;
	uint16_t firmware;
	const char *host_name; /* cut to MSG_NAME_LEN bytes; NULL = "" */
	const char *vendor;
	uint32_t call_framing; /* OCRQ */
	uint32_t call_bearer;
	uint32_t min_bps;
	uint32_t max_bps;
	bool send_link_info; /* after the OCRP, a Set-Link-Info with both ACCMs ffffffff */
};

/* The call's fields of the Outgoing-Call-Request. */
struct ctrl_call_request {
	uint16_t call_id;             /* ours, not 0 */
	uint16_t serial;              /* differs between calls from one address (section 2.7) */
	uint16_t window;              /* packets */
	char phone[MSG_NAME_LEN + 1]; /* "" = none */
};

struct ctrl_config {
	struct ctrl_identity identity; /* its strings must outlive ctrl_start */
	struct ctrl_call_request call;
	int64_t reply_wait_us;   /* for SCCRP, then for OCRP */
	int64_t close_wait_us;   /* for StopCCRP */
	int64_t idle_wait_us;    /* silence before an Echo-Request; 0 = never */
	int64_t echo_wait_us;    /* silence after it before the connection is closed; 0 = never */
	uint32_t our_address;    /* host order; the two decide a collision (section 3.1.3) */
	uint32_t server_address; /* host order */
};

enum ctrl_state { /* section 3.1.1, originator */
	CTRL_IDLE,
	CTRL_WAIT_CTL_REPLY,
	CTRL_ESTABLISHED,
	CTRL_WAIT_STOP_REPLY,
	CTRL_CLOSED, /* the owner writes the output and closes the TCP connection */
};

enum ctrl_call_state {  /* section 3.2.3.1, PNS outgoing call */
	CTRL_CALL_IDLE, /* its OCRQ follows the SCCRP */
	CTRL_CALL_WAIT_REPLY,
	CTRL_CALL_ESTABLISHED,
	CTRL_CALL_WAIT_DISCONNECT, /* with CTRL_WAIT_STOP_REPLY only */
	CTRL_CALL_ENDED,
};

enum {
	/* The longest message that msg_decode accepts, so that a full buffer always holds one. */
	CTRL_INPUT_SIZE = MSG_STREAM_LEN_MAX
};

/* About 4 KiB. The owner embeds it; its fields are private. */
struct ctrl {
	struct ctrl_config config;
	enum ctrl_state state;
	int64_t deadline_us; /* of the connection's state */
	enum ctrl_call_state call_state;
	int64_t call_deadline_us; /* of the call's state */
	bool answered;            /* an OCRP has named peer_call_id, the server's id of the call */
	uint16_t peer_call_id;
	bool echo_waiting;   /* for any message since our Echo-Request */
	uint32_t echo_id;    /* of our last Echo-Request; the first is 1 */
	enum ctrl_why why;   /* in CTRL_WAIT_STOP_REPLY: why we stopped */
	struct msg received; /* the last one; none is decoded while events wait */
	unsigned short_type; /* of the last message that was shorter than its type; 0 = none */
	size_t bad_count;    /* bytes at the start of the input that were no valid message */
	size_t input_len;
	uint8_t input[CTRL_INPUT_SIZE];
	struct ctrl_queue queue;
};

/* Makes an idle connection of any memory. */
void ctrl_init(struct ctrl *c, const struct ctrl_config *config);

/* TCP is connected: sends SCCRQ. OCRQ follows when the SCCRP is good. No effect unless idle. */
void ctrl_start(struct ctrl *c, int64_t now_us);

/*
 * Ends call and connection: sends Call-Clear-Request if the call was requested and has not ended,
 * and Stop-Control-Connection-Request with that reason (MSG_STOP_...). CTRL_EV_CLOSED follows when the
 * server has answered, after close_wait_us, or at once if nothing was sent yet. No effect if the
 * connection is stopping or closed.
 *
 * After CTRL_EV_CALL_ENDED alone the connection stays established until the owner calls this.
 */
void ctrl_stop(struct ctrl *c, int64_t now_us, uint8_t reason);

/*
 * Bytes from the server. Returns how many of len were taken: fewer, or none, while events wait. Fetch
 * them, then offer the rest. Once closed, all are taken and ignored. Write the output after each
 * CTRL_INPUT_SIZE bytes at the latest: with more than CTRL_OUTPUT_MAX waiting, replies are dropped.
 */
size_t ctrl_input(struct ctrl *c, int64_t now_us, const uint8_t *bytes, size_t len);

/* TCP is closed (EOF, reset, error): so is the connection, and its output is dropped. The reason is
 * CTRL_WHY_TCP_CLOSED, or our own if we had stopped it. */
void ctrl_on_tcp_closed(struct ctrl *c, int64_t now_us);

/* The next event; false if there is none. Fetch all after each call of a function that takes
 * now_us: input that was taken is processed only when no event waits, also in here. */
bool ctrl_next_event(struct ctrl *c, int64_t now_us, struct ctrl_event *event);

/* Bytes for the server: *bytes points into `c` until the next call. Returns their number. They are to
 * be written in CTRL_CLOSED, too. */
size_t ctrl_output(const struct ctrl *c, const uint8_t **bytes);
/* The first n of them were written. */
void ctrl_output_done(struct ctrl *c, size_t n);

/* When to call ctrl_on_deadline; DEADLINE_NEVER = not at all. */
int64_t ctrl_deadline(const struct ctrl *c);
/* No effect before the deadline. */
void ctrl_on_deadline(struct ctrl *c, int64_t now_us);

enum ctrl_state ctrl_state(const struct ctrl *c);
const char *ctrl_state_name(enum ctrl_state state); /* as in the RFC, in lower case; never NULL */

#endif
