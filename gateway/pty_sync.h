/* SPDX-License-Identifier: ISC */
/*
 * pppd behind a synchronous pty (--sync): no HDLC, so that each frame is a write of its own, at least
 * 0.1 ms after the one before, and what is read has to be cut into frames again. Owns pacing,
 * padding and cutting. ppp_framing.c finds the end of a frame, sync_filter.c keeps the two sides from
 * agreeing on what would make that impossible.
 */
#ifndef PPTP_PTY_SYNC_H
#define PPTP_PTY_SYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ppp/sync_filter.h"
#include "gateway/pty.h"

enum {
	/* A longer write is cut in two by the kernel. */
	PTY_SYNC_WRITE_MAX = 1792,
	/* One read on top of the longest start of a frame that may wait for its end. */
	PTY_SYNC_IN_CAP = 16384,
};

/* Embed it; its fields are private. */
struct pty_sync {
	struct pty pty;
	struct sync_filter filter;
	size_t in_at; /* bytes [in_at, in_len) of `in` are not cut into frames yet */
	size_t in_len;
	size_t run; /* bytes read since the pty was found empty */
	bool held;  /* the end of `in` may be the start of a frame: it waits for the rest */
	bool quiet; /* the rest has not come in time: only the start of a frame is still held */
	/* Last, and untouched until used. The one frame that waits for pppd is queued bytes of `out`. */
	uint8_t out[PTY_SYNC_WRITE_MAX];
	uint8_t in[PTY_SYNC_IN_CAP];
};

/* Initialises `s`, whatever it held before, and gives the process the lowest priority (the pacing
 * needs it). `tx` is initialised, `stats` the caller's; both outlive `s`. Counts rx_pty_cut,
 * tx_oversize and tx_bad_frames. */
void pty_sync_init(struct pty_sync *s, const struct pty_config *config, struct net_tx *tx,
    struct pptp_stats *stats);

#endif
