/* SPDX-License-Identifier: ISC */
/*
 * Asynchronous HDLC-like framing (RFC 1662 sections 3 and 4) between the gateway and pppd: flags,
 * escapes, FCS-16. A frame here is what GRE carries: a PPP frame without flags, escapes and FCS.
 * All state is in the decoder; any split of the input gives the same frames. Lengths are in bytes.
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
	HDLC_SLACK = 64,    /* bytes after its result that hdlc_encode may overwrite */
};

/* Async control character maps (section 7.1): bit n says that byte n (below 0x20) is sent escaped. */
#define HDLC_ACCM_ALL UINT32_C(0xffffffff)
#define HDLC_ACCM_NONE UINT32_C(0)

/* The space that hdlc_encode needs for n bytes: two flags, each byte and the FCS escaped, slack. */
#define HDLC_ENCODED_MAX(n) (2 * ((n) + FCS16_LEN) + 2 + HDLC_SLACK)

/*
 * Writes flag, frame, FCS, flag to `out`, escaping 7d, 7e and the bytes in `accm`. `out` has
 * HDLC_ENCODED_MAX(len) bytes. `open_flag` false omits the first flag: the flag that closed the
 * previous frame then serves both (section 3.1). Returns the encoded length.
 */
size_t hdlc_encode(
    fcs16_fn *fcs16, const uint8_t *frame, size_t len, uint32_t accm, bool open_flag, uint8_t *out);

enum hdlc_event {
	HDLC_MORE,     /* all input is used; no frame ended */
	HDLC_FRAME,    /* a good frame ended: the decoder's frame and frame_len */
	HDLC_BAD_FCS,  /* a frame was dropped: its FCS is wrong */
	HDLC_SHORT,    /* ... below HDLC_FRAME_MIN (no event for nothing between two flags) */
	HDLC_ABORTED,  /* ... ended by 7d 7e (section 4.3) */
	HDLC_OVERSIZE, /* ... longer than the buffer */
};

struct hdlc_decoder {
	fcs16_fn *fcs16;
	uint8_t *frame;   /* the caller's buffer, in which the current frame is assembled */
	size_t cap;       /* its size, FCS included */
	size_t len;       /* bytes in it */
	size_t frame_len; /* with HDLC_FRAME: length of the frame without FCS; else 0 */
	bool in_frame;    /* false before the first flag: input up to it is noise */
	bool escaped;     /* the last byte was 7d */
	bool oversize;    /* the current frame did not fit and is being skipped */
};

/* Starts with the buffer `frame` of `cap` bytes, which stays the caller's. */
void hdlc_decoder_init(struct hdlc_decoder *d, fcs16_fn *fcs16, uint8_t *frame, size_t cap);

/* After HDLC_FRAME the caller may keep the buffer and supply another for the next frame. */
void hdlc_decoder_set_buffer(struct hdlc_decoder *d, uint8_t *frame, size_t cap);

/*
 * Decodes until a frame ends or the input does; *used is the number of bytes used. Call again with
 * the rest after every event but HDLC_MORE.
 */
enum hdlc_event hdlc_decode(struct hdlc_decoder *d, const uint8_t *in, size_t len, size_t *used);

#endif
