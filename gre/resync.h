/* SPDX-License-Identifier: ISC */
/*
 * Whether a packet that is out of window shows that the stream has moved: after an outage that lost
 * more packets than the window has, say. Forged packets, whose sender knows neither our numbers nor
 * the server's, must not look like that. Receives sequence numbers and their times in microseconds, and
 * returns verdicts; gre_session.c holds, delivers and drops the packets.
 */
#ifndef PPTP_RESYNC_H
#define PPTP_RESYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/seq32.h"

/*
 * So many distinct numbers within a window of each other are a stream. More would cost a slow stream
 * time: three of 100 packets/s take 20 ms, and of some servers one answer to an LCP echo is all that
 * comes in half a minute.
 */
#define RESYNC_PACKETS 3

/* Embed it; its fields are private. */
struct resync {
	uint32_t window;      /* packets */
	unsigned run_count;   /* of `run` */
	int64_t in_window_us; /* the last packet in the window; -1 = none since the first packet */
	int64_t pause_us;     /* the longest time between two of them, which fades */
	uint32_t confirmations; /* times of such packets since the last move */
	uint64_t dropped;       /* by our own socket, when the last of them came ... */
	/* ... and when the one before that came: some of a batch are in the window, some behind it. */
	uint64_t dropped_before;
	uint64_t skipped; /* numbers between the origin and the place moved to; 0 = there is none */
	seq32 origin;     /* rcv_nxt before the move, at which the stream may go on */
	seq32
	    run[RESYNC_PACKETS - 1]; /* numbers out of window that may be a stream that has moved */
};

enum resync_verdict {
	RESYNC_DROP,  /* no part of a stream */
	RESYNC_HOLD,  /* hold it, with those held before: the stream may have moved there */
	RESYNC_RENEW, /* drop those held before and hold this one */
	RESYNC_MOVE, /* hold it: the stream goes on at the lowest number held; call resync_on_move */
	RESYNC_RETURN, /* forged packets moved the stream, which goes on at resync_return() */
	RESYNC_RESTART, /* the stream begins with this packet: the only one delivered was none of it */
};

/* Starts with the first packet of a stream; `window` is --missing-window, in packets. */
void resync_init(struct resync *r, uint32_t window);

/*
 * A packet in the window, at or ahead of rcv_nxt, but not the first of the stream: it shows that the
 * stream has not moved. True if packets that are held out of window have to be dropped. `dropped`: how
 * many packets our own socket has dropped so far, because it was full.
 */
bool resync_confirm(struct resync *r, int64_t now_us, uint64_t dropped);
static inline bool resync_on_in_window(struct resync *r, int64_t now_us, uint64_t dropped)
{
	return now_us != r->in_window_us && resync_confirm(r, now_us, dropped);
}

/*
 * What to do with a packet out of window. `plausible_ack` is false if it carries an acknowledgment that
 * the server cannot have sent.
 */
enum resync_verdict resync_on_out_of_window(struct resync *r, int64_t now_us, uint64_t dropped,
    seq32 rcv_nxt, seq32 seq, bool plausible_ack);

/* No packet is held any more. */
void resync_forget_run(struct resync *r);

/* The stream has moved from rcv_nxt = `from` to `to`. */
void resync_on_move(struct resync *r, int64_t now_us, seq32 from, seq32 to);

/*
 * The move is taken back: returns the rcv_nxt before it, and in *skipped (of any move since) how many
 * numbers were counted as lost by it.
 */
seq32 resync_return(struct resync *r, int64_t now_us, uint64_t *skipped);

#endif
