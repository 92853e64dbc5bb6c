/* SPDX-License-Identifier: ISC */
/*
 * One call's data session (RFC 2637 section 4): which received packet is next, which waits, which
 * is given up on; what number the next packet sent has; when an acknowledgment is due; how many
 * packets may be on their way. Headers, payloads and the time go in; verdicts, headers and the next
 * deadline come out. Knows neither octet layout nor descriptors.
 */
#ifndef PPTP_GRE_SESSION_H
#define PPTP_GRE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/deadline.h"
#include "gre/ack_policy.h"
#include "gre/reorder_timer.h"
#include "gre/send_window.h"
#include "gre/gre_header.h"
#include "pqueue.h"
#include "lib/seq32.h"
#include "lib/stats.h"

struct gre_session_config {
	uint16_t peer_call_id;   /* what we send to */
	uint16_t our_window;     /* packets: advertised to the server in OCRQ */
	uint16_t server_window;  /* packets: advertised by the server in OCRP */
	int64_t server_delay_us; /* the server's packet processing delay */
	bool reorder;            /* false (--nobuffer): accept what is ahead at once */
	int64_t fixed_wait_us;   /* --timeout: how long a gap may hold later packets; 0 = adapt */
	int64_t max_wait_us;     /* upper bound of the adaptive wait */
	uint32_t missing_window; /* packets: further ahead than this is not put in order */
	bool flow_control; /* hold to the server's window with adaptive time-outs (section 4.4) */
};

/* Embed it; its fields are private. */
struct gre_session {
	struct gre_session_config config;
	struct pqueue *queue;
	struct pptp_stats *stats;

	bool rx_started;
	unsigned early; /* bit n: packet n, lower than the first that came, may yet come */
	seq32 expected; /* all before it came or were given up on */
	seq32 told;     /* the last number that we acknowledged */
	/* The first held packet behind a gap, NULL where there is none: what is before it is ready. */
	const struct pqueue_entry *behind_gap;
	/* Packets from outside the missing window, in consecutive order and with none from inside since. */
	unsigned stray_run;
	seq32 stray_next;
	int64_t inside_us; /* when the last one came from inside the window */

	struct gre_gap gap;
	struct gre_ack ack;
	struct gre_window tx;
};

enum gre_rx {
	GRE_RX_DELIVER, /* next in order: pass the payload to PPP now, then drain gre_session_next() */
	GRE_RX_HELD,    /* copied, if it is worth keeping: drain gre_session_next() */
	GRE_RX_NOTHING, /* no payload, or dropped and counted */
};

/*
 * Starts a session. `queue` is initialised by the caller and `stats` zeroed; both stay the caller's
 * and outlive the session, which is the only one to use the queue and counts in `stats`: all rx
 * counters but rx_os_errors, rx_truncated, rx_invalid and rx_kernel_drops, and of the tx ones
 * round_trip_us and tx_blocked. What the operating system says of sending, the caller counts.
 */
void gre_session_init(struct gre_session *s, const struct gre_session_config *config,
    struct pqueue *queue, struct pptp_stats *stats);

/*
 * Takes in a decoded packet that passed gre_decode and carries our call id. Any first sequence
 * number is accepted; where it is a small one, those before it are delivered as they come. With
 * GRE_RX_DELIVER the payload counts as accepted. `may_deliver` false (PPP's side has no room) holds
 * even the packet that is next in order. Where both may happen, drain gre_session_next() before the
 * next packet: what does not fit into a full queue is lost.
 */
enum gre_rx gre_session_receive(struct gre_session *s, int64_t now_us, const struct gre_header *h,
    const uint8_t *payload, bool may_deliver);

/*
 * The next held packet whose turn has come; false where there is none. It counts as accepted and
 * stays valid until the next call of any function of the session. It is the queue's head: who has
 * little room may look at its length there first.
 */
bool gre_session_next(
    struct gre_session *s, int64_t now_us, const uint8_t **payload, size_t *payload_len);

/* True where gre_session_receive can hold no further packet: leave the rest in the socket. */
bool gre_session_is_full(const struct gre_session *s);

/*
 * How many packets with payload may be sent now, GRE_PROMPT_OPEN where nothing limits; 0 = wait for
 * an acknowledgment or the deadline. Ask when there is, or may be, something to send.
 */
unsigned gre_session_send_room(struct gre_session *s, int64_t now_us);

/* Numbers one packet with payload and fills in its header; the acknowledgment rides along where one is due. */
void gre_session_send(
    struct gre_session *s, int64_t now_us, uint16_t payload_len, struct gre_header *out);

/* What has been numbered could not be sent yet: the time until then is no part of the round trip. */
void gre_session_delayed(struct gre_session *s);

/*
 * Whether a bare acknowledgment must go out now; if so fills in its header and takes it as sent.
 * Ask once per turn of the loop, after data has been sent. Counts nothing: the caller counts tx_acks.
 */
bool gre_session_ack_due(struct gre_session *s, int64_t now_us, struct gre_header *out);

/* When to call gre_session_on_deadline; DEADLINE_NEVER where nothing is waited for. */
int64_t gre_session_deadline(const struct gre_session *s);

/* When the wait for a missing packet, or for an acknowledgment, is over; DEADLINE_NEVER where there is
 * none. */
int64_t gre_session_wait_deadline(const struct gre_session *s);

/*
 * Gives up on gaps and unacknowledged packets whose time is over; does nothing where none is. Call
 * it after what waits in the socket has been taken in, for the missing packet, or the
 * acknowledgment, may be there; then drain gre_session_next(), ask send_room and ack_due again.
 */
void gre_session_on_deadline(struct gre_session *s, int64_t now_us);

/* The wait for a missing packet as it stands (for status and tests). */
int64_t gre_session_gap_wait_us(const struct gre_session *s);

#endif
