/* SPDX-License-Identifier: ISC */
/*
 * PPP control packets (RFC 1661 section 5), their options (section 6), and the protocol and code
 * numbers. Parses only: what a packet means is for the modules that snoop on the link. No state.
 * Lengths are in bytes; all pointers are into the caller's buffer.
 */
#ifndef PPTP_PPP_CP_H
#define PPTP_PPP_CP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire.h"

enum {
	/* What a frame starts with, unless LCP has negotiated to omit it (RFC 1661 section 6.6). */
	PPP_ADDRESS = 0xff,
	PPP_CONTROL = 0x03,

	/* Protocols (IANA, PPP DLL Protocol Numbers). */
	PPP_IP = 0x0021,
	PPP_VJ_COMPRESSED = 0x002d,
	PPP_VJ_UNCOMPRESSED = 0x002f,
	PPP_IPV6 = 0x0057,
	PPP_COMPRESSED = 0x00fd, /* MPPE too */
	PPP_IPCP = 0x8021,
	PPP_CCP = 0x80fd,
	PPP_LCP = 0xc021,
	PPP_PAP = 0xc023,
	PPP_CHAP = 0xc223,
	PPP_EAP = 0xc227,

	/* Codes, the same for LCP and all network control protocols. */
	PPP_CONFIGURE_REQUEST = 1,
	PPP_CONFIGURE_ACK = 2,
	PPP_CONFIGURE_NAK = 3,
	PPP_CONFIGURE_REJECT = 4,
	PPP_TERMINATE_REQUEST = 5,
	PPP_TERMINATE_ACK = 6,
	PPP_ECHO_REQUEST = 9, /* of LCP alone */

	PPP_CP_HEADER_LEN = 4,     /* code, identifier, length */
	PPP_OPTION_HEADER_LEN = 2, /* type, length */
};

struct ppp_cp {
	uint8_t code; /* 0 if not even that is there; id likewise */
	uint8_t id;
	bool valid;                 /* all bytes that its length states are there */
	struct wire_reader options; /* what follows the header, if valid: options in Configure-* */
};

/* The protocol number of a frame, behind address and control where they are there (not compressed to one byte),
 * and the offset of what follows it; 0: the frame is too short. */
static inline size_t ppp_cp_protocol(const uint8_t *frame, size_t len, uint16_t *protocol)
{
	size_t at = len >= 2 && frame[0] == PPP_ADDRESS && frame[1] == PPP_CONTROL ? 2 : 0;
	if (len < at + 2)
		return 0;
	*protocol = (uint16_t)(frame[at] << 8 | frame[at + 1]);
	return at + 2;
}

/* Parses what follows the protocol number; bytes beyond the packet's own length are padding. */
struct ppp_cp ppp_cp_parse(const uint8_t *bytes, size_t len);

/* Whether a frame is LCP's Configure-Request or Echo-Request, which any peer that hears it answers. */
bool ppp_cp_is_lcp_request(const uint8_t *frame, size_t len);

struct ppp_cp_option {
	uint8_t type;
	uint8_t len; /* header included */
	const uint8_t *bytes;
};

/* Reads the next option; false at the end or, and `options` fails, if a length is impossible. */
bool ppp_cp_option_next(struct wire_reader *options, struct ppp_cp_option *option);

#endif
