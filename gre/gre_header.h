/* SPDX-License-Identifier: ISC */
/*
 * The enhanced GRE header of RFC 2637 section 4.1, and the IPv4 header that a raw socket delivers in
 * front of it. Converts bytes to a struct in host order and back; has no state.
 */
#ifndef PPTP_GRE_HEADER_H
#define PPTP_GRE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/seq32.h"

enum {
	GRE_PROTOCOL_PPP = 0x880B,
	GRE_VERSION = 1,
	/* Lengths in bytes. */
	GRE_HEADER_MAX = 16, /* with sequence and acknowledgment numbers */
	GRE_HEADER_MIN = 8,
	GRE_IPV4_HEADER_MAX = 60,
	GRE_ADDRESS_LEN = 4,
	/* What pppd's MTU has to leave free of the path's: IPv4's header and GRE's, PPP's address, control
	 * and protocol, and MPPE, for which not every server leaves space by itself. */
	GRE_TUNNEL_OVERHEAD = 20 + GRE_HEADER_MAX + 4 + 4,
};

struct gre_header {
	uint8_t source[GRE_ADDRESS_LEN]; /* decoded only: the IPv4 source, in network order */
	uint16_t call_id;                /* the receiver's */
	uint16_t payload_len;            /* bytes, without the GRE header */
	bool has_seq;                    /* set in every packet with payload */
	bool has_ack;
	seq32 seq;
	seq32 ack;
};

enum gre_verdict {
	GRE_OK,
	GRE_TRUNCATED, /* shorter than its headers say */
	GRE_INVALID,   /* other flags, version or protocol than section 4.1, or payload without S */
};

/*
 * Decodes an IPv4 datagram of `len` bytes as a raw socket delivers it: skips the IP header by its
 * own length field, then reads the GRE header. On GRE_OK, *payload points at h->payload_len bytes
 * inside `datagram` (NULL if there is no payload); bytes behind the payload are padding. On any
 * other result *payload is NULL and *h is unspecified.
 */
enum gre_verdict gre_header_decode(
    const uint8_t *datagram, size_t len, struct gre_header *h, const uint8_t **payload);

/* The length in bytes that gre_header_encode will write for h: 8, 12 or 16. */
size_t gre_header_len(const struct gre_header *h);

/*
 * Writes h to `out`, which must hold gre_header_len(h) bytes; returns that length. The payload, which
 * the caller writes, follows there.
 */
size_t gre_header_encode(const struct gre_header *h, uint8_t *out);

#endif
