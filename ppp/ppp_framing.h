/* SPDX-License-Identifier: ISC */
/*
 * Where a PPP frame ends in a stream without marks, which is what a synchronous pty makes of them:
 * by the length that its payload states, or by where the next frame must stand. Owns no state.
 */
#ifndef PPTP_PPP_FRAME_H
#define PPTP_PPP_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum ppp_end {
	PPP_ENDS,  /* here, for certain */
	PPP_AGAIN, /* here, and it is to be left out: all of the frame stands behind it once more */
	/* In both of these all octets are the frame's. */
	PPP_OPEN, /* where the octets end, unless more are to come: nothing in it tells */
	PPP_CUT,  /* later: it says that it is longer than what is there */
};

/*
 * Length of the first of the frames that `len` octets hold, one behind the other. RFC 1661's control
 * packets, PAP, CHAP, EAP, IPv4 and IPv6 state their length, with address, control and the
 * protocol's first octet there or left out. An MPPE frame with a whole header ends where the header
 * of the next stands, which is known to the bit (RFC 3078: the count is one more), or a control
 * packet that fits in. Other compressed data tell nothing, nor does what is in front of no start of
 * a frame.
 */
enum ppp_end ppp_first_frame(const uint8_t *octets, size_t len, size_t *first);

/* How many octets stand before what may be the start of a frame with a whole header. */
size_t ppp_next_start(const uint8_t *octets, size_t len);

#endif
