/* SPDX-License-Identifier: ISC */
/*
 * The sender's sequence numbers: what was sent and acknowledged, the round trip, and how many packets
 * may be in flight (RFC 2637 sections 4.2 and 4.4). Lost packets are never sent again, so all of this
 * only paces the sender. Times are microseconds, windows and counts are packets with payload.
 */
#ifndef PPTP_SEND_WINDOW_H
#define PPTP_SEND_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/seq32.h"

/* The number of latest packets whose time of sending is kept. */
#define SEND_WINDOW_TIMES 32

/* Any number of packets may be in flight. */
#define SEND_WINDOW_UNLIMITED UINT32_MAX

/* Embed it; its fields are private. */
struct send_window {
	uint32_t limit; /* flow control: the server's window; 0 = without it */

	seq32 snd_nxt;   /* the number of the next packet */
	seq32 snd_acked; /* the highest number acknowledged */
	seq32 snd_una; /* the first in flight: neither acknowledged nor written off at a timeout */
	int64_t sent_us[SEND_WINDOW_TIMES]; /* of packet n at n modulo the size */
	int64_t progress_us; /* the last new acknowledgment, or packet sent with none in flight */

	int64_t rtt_us;   /* smoothed; before the first sample the server's processing delay */
	int64_t dev_us;   /* mean deviation; 0 before the first sample */
	seq32 timed;      /* one packet is timed at a time ... */
	int64_t timed_us; /* ... sent then; DEADLINE_NEVER = none is */
	uint32_t timed_in_flight; /* packets in flight before it */

	uint32_t window; /* packets allowed in flight now */
	uint32_t opened; /* with flow control: packets acknowledged since the window last opened */
	int64_t path_us; /* without it: the path's own round trip, INT64_MAX while it is unknown */
	int64_t before_us;     /* the last round trip with few packets in flight, likewise */
	int64_t path_known_us; /* when two of these agreed */
	int64_t blocked_us; /* since when send_window_space is 0; DEADLINE_NEVER while it is not */

	unsigned tail_probes;     /* sent since the last new acknowledgment */
	int64_t last_ack_only_us; /* sent for any reason: each one works as a tail probe */
};

/*
 * `enforced`: hold to `server_window` (packets, 0 counts as 1) with the adaptive timeouts of section
 * 4.4. `server_delay_us`: the server's packet processing delay, the first round-trip estimate.
 */
void send_window_init(
    struct send_window *w, bool enforced, uint32_t server_window, int64_t server_delay_us);

/*
 * How many packets may be sent now, SEND_WINDOW_UNLIMITED if nothing limits; 0 starts a wait that ends
 * with an acknowledgment or at the deadline, and adds 1 to *waits.
 */
uint32_t send_window_space(struct send_window *w, int64_t now_us, uint64_t *waits);

/* The number of a packet that is sent now. */
seq32 send_window_send(struct send_window *w, int64_t now_us);

/* Numbered packets wait for a route to the server: do not time them. */
void send_window_on_delay(struct send_window *w);

/*
 * The server acknowledged all up to `ack`; old numbers and numbers never sent are ignored. A server may
 * have kept the acknowledgment for a packet with data, for `may_have_waited_us` at most: then that is no
 * round trip.
 */
void send_window_on_ack(
    struct send_window *w, int64_t now_us, seq32 ack, int64_t may_have_waited_us);

/* Whether the server may still send this acknowledgment: of a number that was sent, and no older than
 * the last `packets` before the highest acknowledged. */
static inline bool send_window_is_plausible_ack(
    const struct send_window *w, seq32 ack, uint32_t packets)
{
	return seq32_before(ack, w->snd_nxt) && !seq32_before(ack, w->snd_acked - packets);
}

/* The smoothed round trip, 0 before the first sample. */
int64_t send_window_rtt_us(const struct send_window *w);

/* Without flow control nothing is written off: where the server never acknowledges, all that was sent. */
static inline uint32_t send_window_in_flight(const struct send_window *w)
{
	return w->snd_nxt - w->snd_una;
}

/* When to call send_window_on_deadline; DEADLINE_NEVER while no acknowledgment is awaited. */
int64_t send_window_deadline(const struct send_window *w);
void send_window_on_deadline(struct send_window *w, int64_t now_us);

/*
 * When to send an ACK-only as a tail probe, because the server's acknowledgments have stopped;
 * DEADLINE_NEVER if there is no reason. Each ACK-only sent is reported by send_window_on_ack_only.
 */
int64_t send_window_tail_probe_deadline(const struct send_window *w);
void send_window_on_ack_only(struct send_window *w, int64_t now_us);

#endif
