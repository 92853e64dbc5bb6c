/* SPDX-License-Identifier: ISC */
/*
 * Where a PPP frame ends, by the length that its payload states. Needed for a synchronous pty
 * only: one keeps no boundaries, so that a read may hold several frames. Owns no state.
 */
#ifndef PPTP_PPP_FRAME_H
#define PPTP_PPP_FRAME_H

#include <stddef.h>
#include <stdint.h>

/*
 * Length of the first of the frames that `len` octets hold, one behind the other: RFC 1661's
 * control packets, PAP, CHAP, EAP, IPv4 and IPv6 state theirs; with address, control and the
 * protocol's first octet there or left out. All of `len` where the payload states none (MPPE,
 * compressed data), where it is not complete, or where what follows cannot be the start of a frame.
 */
size_t ppp_first_frame(const uint8_t *octets, size_t len);

#endif
