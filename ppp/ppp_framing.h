/* SPDX-License-Identifier: ISC */
/*
 * Finds where PPP frames end in a byte stream without delimiters, which is what a read from a
 * synchronous pty returns: by the length that the payload states, or by the header of the next
 * frame. No state. Lengths are in bytes; frames have neither flags nor FCS.
 */
#ifndef PPTP_PPP_FRAMING_H
#define PPTP_PPP_FRAMING_H

#include <stddef.h>
#include <stdint.h>

enum ppp_framing_end {
	PPP_FRAMING_ENDS,     /* at *first, certainly */
	PPP_FRAMING_REPEATED, /* at *first; discard it: a partial copy, the whole frame follows */
	/* In both of these *first is len. */
	PPP_FRAMING_OPEN, /* not known: where the bytes end, unless more of it arrive */
	PPP_FRAMING_CUT,  /* later: its header is incomplete, or states more than `len` bytes */
};

/*
 * Finds the length of the first of the frames in `len` bytes. Control packets (RFC 1661 section 5),
 * PAP, CHAP, EAP, IPv4 and IPv6 state their length; address, control and the first byte of the
 * protocol may be omitted. An MPPE frame with a full header ends before the header of the next one,
 * of which every bit is known (RFC 3078 section 3: the coherency count is one more), or before a
 * control packet that ends with the input or before another header. Other compressed data have no
 * known end, and neither has a frame that no start of a frame follows.
 */
enum ppp_framing_end ppp_framing_find_end(const uint8_t *bytes, size_t len, size_t *first);

/* How many bytes precede the first that may start a frame with a full header; len if none does. */
size_t ppp_framing_find_start(const uint8_t *bytes, size_t len);

#endif
