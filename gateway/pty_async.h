/* SPDX-License-Identifier: ISC */
/*
 * pppd behind an asynchronous pty: frames are wrapped in HDLC (RFC 1662). Many frames go out with one
 * write, and one read brings many. Owns the buffers of both directions, the decoder and the ACCM;
 * the encoding itself is that of hdlc.c.
 */
#ifndef PPTP_PTY_ASYNC_H
#define PPTP_PTY_ASYNC_H

#include <stddef.h>
#include <stdint.h>

#include "ppp/accm_snoop.h"
#include "ppp/fcs16.h"
#include "ppp/hdlc.h"
#include "gateway/pty.h"

enum {
	/* Bytes for pppd: a whole batch of packets of usual size on top of what may still be queued
	 * when net_rx.c receives it. */
	PTY_ASYNC_OUT_CAP = 65536,
};

/* Embed it; its fields are private. */
struct pty_async {
	struct pty pty;
	fcs16_fn *fcs; /* the fastest on this processor */
	struct accm_snoop accm;
	struct hdlc_decoder decoder;
	size_t in_at; /* bytes [in_at, in_len) of `in` are not decoded yet */
	size_t in_len;
	size_t out_at; /* bytes [out_at, out_at + queued) of `out` wait for pppd */
	/* Last, and untouched until used. */
	uint8_t in[PTY_READ_CAP];
	uint8_t out[PTY_ASYNC_OUT_CAP];
};

/* Initialises `a`, whatever it held before. `tx` is initialised, `stats` the caller's; both outlive
 * `a`. Counts tx_oversize and tx_bad_frames. */
void pty_async_init(struct pty_async *a, const struct pty_config *config, struct net_tx *tx,
    struct pptp_stats *stats);

#endif
