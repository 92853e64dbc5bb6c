/* SPDX-License-Identifier: ISC */
/*
 * Asynchronous HDLC-like framing of RFC 1662 between the gateway and pppd: flags, escapes, FCS-16.
 * Frames here are PPP frames without flags, escapes and FCS, as GRE carries them. State is in the
 * decoder; any split of the input gives the same frames.
 */
#ifndef PPTP_HDLC_H
#define PPTP_HDLC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ppp/fcs16.h"

enum {
	HDLC_FLAG = 0x7e,
	HDLC_ESCAPE = 0x7d,
	HDLC_ESCAPE_BIT = 0x20,
	HDLC_FRAME_MIN = 4, /* with FCS; a shorter frame is invalid (section 4.3) */
	HDLC_AHEAD = 64,    /* octets written that do not count */
};

/* Async control character maps: bit n says that octet n (below 0x20) is sent escaped. */
#define HDLC_ACCM_ALL UINT32_C(0xffffffff)
#define HDLC_ACCM_NONE UINT32_C(0)

/*
 * The room that hdlc_encode wants for a frame of n octets: two flags, each octet and the FCS
 * escaped, and what it writes ahead.
 */
#define HDLC_ENCODED_MAX(n) (2 * ((n) + HDLC_FCS_LEN) + 2 + HDLC_AHEAD)

/*
 * Writes flag, frame, FCS, flag to `out`, escaping 7d, 7e and what `accm` asks for. `out` has room
 * for HDLC_ENCODED_MAX(len). `open_flag` false leaves out the first flag, where the frame before
 * closed with one (section 3.1 lets one flag serve both). `take_fcs` is of hdlc_fcs.h. Returns the
 * octets that count; up to HDLC_AHEAD behind them are overwritten.
 */
size_t hdlc_encode(hdlc_fcs_fn *take_fcs, const uint8_t *frame, size_t len, uint32_t accm,
    bool open_flag, uint8_t *out);

enum hdlc_event {
	HDLC_MORE,    /* all input is used; no frame ended */
	HDLC_FRAME,   /* a good frame ended: decoder's frame and frame_len */
	HDLC_BAD_FCS, /* a frame ended and is dropped ... */
	HDLC_SHORT, /* ... below HDLC_FRAME_MIN octets (empty ones between two flags are no event) */
	HDLC_ABORTED,  /* ... 7d 7e */
	HDLC_OVERSIZE, /* ... more octets than the buffer takes */
};

struct hdlc_decoder {
	hdlc_fcs_fn *take_fcs;
	uint8_t *frame;   /* the caller's buffer: where the current frame is put together */
	size_t cap;       /* its room, FCS included */
	size_t len;       /* octets in it */
	size_t frame_len; /* with HDLC_FRAME: the frame's octets, FCS left out */
	bool in_frame;    /* false until the first flag has been seen: what comes before is noise */
	bool escaped;     /* the last octet was 7d */
	bool oversize;    /* the current frame did not fit and is being skipped */
};

/*
 * Starts with `frame` (cap octets), which stays the caller's. Octets before the first flag are
 * ignored. `take_fcs` is of hdlc_fcs.h.
 */
void hdlc_decoder_init(struct hdlc_decoder *d, hdlc_fcs_fn *take_fcs, uint8_t *frame, size_t cap);

/* After HDLC_FRAME the caller may take the buffer for its own and give another for the next frame. */
void hdlc_decoder_next_buffer(struct hdlc_decoder *d, uint8_t *frame, size_t cap);

/*
 * Reads input until a frame ends or the input does; *used says how far it got. Call again with the
 * rest after every event but HDLC_MORE.
 */
enum hdlc_event hdlc_decode(struct hdlc_decoder *d, const uint8_t *in, size_t len, size_t *used);

#endif
