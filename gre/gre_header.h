/* SPDX-License-Identifier: ISC */
/*
 * The enhanced GRE header of RFC 2637 section 4.1, and the IPv4 header that a raw socket hands over
 * in front of it. Octets to struct and back; no state.
 */
#ifndef PPTP_GRE_WIRE_H
#define PPTP_GRE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/seq32.h"

enum {
	GRE_IP_PROTOCOL = 47,
	GRE_PROTOCOL_PPP = 0x880B,
	GRE_VERSION = 1,
	GRE_HEADER_MAX = 16, /* with sequence and acknowledgment numbers */
	GRE_HEADER_MIN = 8,
	GRE_IPV4_HEADER_MAX = 60,
	GRE_ADDRESS_LEN = 4,
};

struct gre_header {
	uint8_t source[GRE_ADDRESS_LEN]; /* received: who says to have sent it, in IPv4's header */
	uint16_t call_id;                /* the receiver's */
	uint16_t payload_len;
	bool has_seq; /* there is a payload */
	bool has_ack;
	seq32 seq;
	seq32 ack;
};

enum gre_verdict {
	GRE_OK,
	GRE_TRUNCATED, /* shorter than its headers say */
	GRE_INVALID, /* flags, version or protocol that RFC 2637 does not know, or a payload without S */
};

/*
 * Takes apart an IPv4 datagram as a raw socket delivers it: skips the IP header by its own length
 * field, then reads the GRE header. With GRE_OK, *payload points at h->payload_len octets inside
 * `datagram` (NULL where there is no payload). Octets beyond the payload are padding and are left out.
 */
enum gre_verdict gre_decode(
    const uint8_t *datagram, size_t len, struct gre_header *h, const uint8_t **payload);

/* The length that gre_encode will write for h: 8, 12 or 16. */
size_t gre_header_len(const struct gre_header *h);

/* Writes h to `out`, which has room for gre_header_len(h); returns that length. The payload follows there. */
size_t gre_encode(const struct gre_header *h, uint8_t *out);

#endif
