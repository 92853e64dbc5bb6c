/* SPDX-License-Identifier: ISC */
/*
 * As much of LCP (RFC 1661) as shows whether PPP frames reach the other side and come back: a
 * Configure-Request without options, which every peer can accept, the acceptance of whatever the peer asks
 * for, and Echo-Requests, which peers answer once both are done (section 5.8). The link is not used
 * for anything further. Frames are those of the tunnel, without HDLC. Lengths are in bytes.
 */
#ifndef PPTP_LCP_PROBE_H
#define PPTP_LCP_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LCP_PROBE_FRAME_MIN = 12,   /* of an Echo-Request: address to magic number */
	LCP_PROBE_FRAME_MAX = 1504, /* what a peer with the default MRU of 1500 takes */
};

/* Zeroed: nothing has come. */
struct lcp_probe {
	bool ours_accepted;         /* the peer has acknowledged our Configure-Request */
	bool theirs_accepted;       /* and we have its own */
	const char *authentication; /* the peer wants; NULL = none, or one unknown here */
};

enum lcp_probe_verdict {
	LCP_PROBE_OTHER,        /* no LCP, or nothing that matters here */
	LCP_PROBE_REQUEST,      /* the peer's Configure-Request */
	LCP_PROBE_ACCEPTED,     /* the acknowledgment of ours */
	LCP_PROBE_REFUSED,      /* a Configure-Nak or -Reject of ours: it has arrived, at least */
	LCP_PROBE_ECHO_REQUEST, /* of the peer's */
	LCP_PROBE_ECHO_REPLY,   /* to ours: echo_id, echo_len */
	LCP_PROBE_TERMINATED,   /* the peer ends the link */
};

struct lcp_probe_answer {
	enum lcp_probe_verdict verdict;
	uint8_t echo_id;
	size_t echo_len;  /* of the frame */
	size_t reply_len; /* the frame to send in reply; 0 = none */
};

/* Writes our Configure-Request, the same each time; returns its length, 0 where cap is too small. */
size_t lcp_probe_request(uint8_t *out, size_t cap);

/* Writes an Echo-Request whose frame has `frame_len` bytes, LCP_PROBE_FRAME_MIN to _MAX; returns that, or 0. */
size_t lcp_probe_echo(uint8_t id, size_t frame_len, uint8_t *out, size_t cap);

/* Processes a frame from the peer; the reply, if any, is written to `reply`. */
struct lcp_probe_answer lcp_probe_receive(
    struct lcp_probe *p, const uint8_t *frame, size_t len, uint8_t *reply, size_t cap);

/* Whether both sides have accepted: the peer answers echoes now. */
bool lcp_probe_is_open(const struct lcp_probe *p);

#endif
