/* SPDX-License-Identifier: ISC */
/*
 * The data session of one call (RFC 2637 sections 4.2 to 4.4): orders the packets received and gives
 * up those that stay missing, numbers the packets sent, and decides when an acknowledgment is due and
 * how many packets may be in flight. Takes headers, payloads and the time; returns verdicts, headers
 * and the next deadline. Does not know the wire format, and does no I/O. Times are microseconds of
 * the monotonic clock, lengths bytes, windows packets.
 */
#ifndef PPTP_GRE_SESSION_H
#define PPTP_GRE_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/deadline.h"
#include "lib/seq32.h"
#include "lib/stats.h"
#include "pqueue.h"
#include "gre/ack_policy.h"
#include "gre/gre_header.h"
#include "gre/reorder_timer.h"
#include "gre/resync.h"
#include "gre/send_window.h"

struct gre_session_config {
	uint16_t peer_call_id;   /* call ID of the packets that we send */
	uint16_t server_window;  /* advertised by the server in OCRP */
	int64_t server_delay_us; /* the server's packet processing delay, from OCRP */
	bool reorder;            /* false (--nobuffer): accept a packet that is ahead at once */
	int64_t fixed_wait_us;   /* --timeout: how long a gap may hold packets; 0 = adapt */
	int64_t max_wait_us;     /* upper bound of the adaptive wait */
	uint32_t
	    missing_window; /* packets ahead or behind up to which one is in the window: less than 2^30 */
	bool flow_control; /* hold to the server's window with adaptive timeouts */
};

/* Embed it; its fields are private. */
struct gre_session {
	struct gre_session_config config;
	struct pqueue *queue;
	struct pptp_stats *stats;

	bool rx_started;
	unsigned early; /* bit n: packet n, lower than the first to arrive, may still arrive */
	seq32 rcv_nxt;  /* all before it were received or given up */
	int64_t last_data_us; /* when the last packet with a number came */
	/* The first entry behind a gap, NULL if there is none: the entries before it are ready. */
	const struct pqueue_entry *behind_gap;
	/* The first of the entries out of window, which are the last ones in the queue; NULL if there
	 * are none. The gap before it is given up when the stream has moved there, never by time. */
	const struct pqueue_entry *run;
	struct resync resync;

	struct reorder_timer reorder_timer;
	struct ack_policy ack_policy;
	struct send_window send_window;
};

enum gre_rx {
	GRE_RX_DELIVER, /* next in order: pass the payload to PPP now, then drain the queue */
	GRE_RX_HELD,    /* the payload, if any, was copied: drain the queue */
	GRE_RX_NOTHING, /* no payload, or dropped and counted */
};

/*
 * Starts a session. The caller initialises `queue`, of RESYNC_PACKETS + 1 entries at least, and zeroes
 * `stats`, owns both and keeps them as long as the session, which alone uses the queue and empties it
 * first. The session counts in `stats` all rx counters but rx_os_errors, rx_truncated, rx_invalid,
 * rx_kernel_drops and rx_pty_cut; of the others round_trip_us and tx_blocked.
 */
void gre_session_init(struct gre_session *s, const struct gre_session_config *config,
    struct pqueue *queue, struct pptp_stats *stats);

/*
 * Processes a decoded packet that carries our call ID. Any first sequence number is accepted; if it
 * is a small one, packets with lower numbers are delivered as they arrive. On GRE_RX_DELIVER the
 * payload counts as accepted. `may_deliver` false (PPP's side has no space) queues even the packet
 * that is next in order. After DELIVER and HELD, drain the queue by gre_session_dequeue() before the
 * next packet: a packet that does not fit into a full queue is dropped as if it had not arrived.
 */
enum gre_rx gre_session_receive(struct gre_session *s, int64_t now_us, const struct gre_header *h,
    const uint8_t *payload, bool may_deliver);

/*
 * Removes the next packet that is in order from the queue; false if there is none. It counts as
 * accepted, and its payload stays valid until the next call of any function of the session. It is
 * the head of the queue, where its length may be read before.
 */
bool gre_session_dequeue(struct gre_session *s, const uint8_t **payload, size_t *payload_len);

/* Whether the server has acknowledged a packet of ours. */
bool gre_session_is_heard(const struct gre_session *s);

/* True if gre_session_receive can queue no further packet: leave the rest in the socket. */
bool gre_session_is_full(const struct gre_session *s);

/*
 * How many packets with payload may be sent now, SEND_WINDOW_UNLIMITED if nothing limits; 0 = wait for
 * an acknowledgment or the deadline. Call it only if there may be something to send: a 0 starts the
 * wait and counts in tx_blocked.
 */
unsigned gre_session_send_space(struct gre_session *s, int64_t now_us);

/* Numbers a packet with payload and fills in its header, with an acknowledgment if one is pending. */
void gre_session_send(
    struct gre_session *s, int64_t now_us, uint16_t payload_len, struct gre_header *out);

/* Numbered packets could not be sent yet: the time until then does not count as round trip. */
void gre_session_on_delay(struct gre_session *s);

/*
 * If an ACK-only is due, fills in its header and returns true. Call it once per iteration of the loop,
 * after data was sent; it stays due until gre_session_on_ack_only. The caller counts tx_acks.
 */
bool gre_session_ack_is_due(const struct gre_session *s, int64_t now_us, struct gre_header *out);

/* The ACK-only that was due is sent, or is given up on. */
void gre_session_on_ack_only(struct gre_session *s, int64_t now_us);

/* From when on an ACK-only is due; DEADLINE_NEVER if nothing is to be acknowledged. */
int64_t gre_session_ack_deadline(const struct gre_session *s);

/* When to wake up for that; later than the deadline where a packet is to be expected before. */
int64_t gre_session_ack_wake_up(const struct gre_session *s, int64_t now_us);

/*
 * When the wait for a missing packet or for an acknowledgment ends, at which gre_session_on_deadline
 * does something; DEADLINE_NEVER if nothing is awaited.
 */
int64_t gre_session_timeout_deadline(const struct gre_session *s);

/*
 * Gives up gaps and unacknowledged packets whose wait has ended, if any. Process all that is in the
 * socket before: the missing packet or the acknowledgment may be there. Afterwards drain the queue,
 * then call gre_session_send_space and gre_session_ack_is_due again.
 */
void gre_session_on_deadline(struct gre_session *s, int64_t now_us);

/* Gives up on all gaps at once, because no further packet will fill them: all that is held is next in
 * order now. Then drain gre_session_dequeue(). */
void gre_session_skip_gaps(struct gre_session *s, int64_t now_us);

/* Sets reorder_depth, reorder_wait_us and in_flight to what they are at the moment. */
void gre_session_update_gauges(struct gre_session *s);

#endif
