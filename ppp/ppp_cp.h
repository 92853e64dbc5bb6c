/* SPDX-License-Identifier: ISC */
/*
 * PPP's control packets (RFC 1661 section 5), their options (section 6) and the numbers that they are
 * known by. Taken apart only: what a packet means is for those who watch it go by. No state.
 */
#ifndef PPTP_PPP_PACKET_H
#define PPTP_PPP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/wire.h"

enum {
	/* What a frame starts with, unless it is agreed to leave it out (RFC 1662 section 3.1). */
	PPP_ADDRESS = 0xff,
	PPP_CONTROL = 0x03,

	/* Protocols. */
	PPP_IP = 0x0021,
	PPP_VJ_COMPRESSED = 0x002d,
	PPP_VJ_UNCOMPRESSED = 0x002f,
	PPP_IPV6 = 0x0057,
	PPP_COMPRESSED = 0x00fd, /* MPPE, too */
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

	PPP_PACKET_HEADER_LEN = 4, /* code, identifier, length */
	PPP_OPTION_HEADER_LEN = 2, /* type, length */
};

struct ppp_packet {
	uint8_t code;
	uint8_t id;
	bool sound;                 /* all of it is there */
	struct wire_reader options; /* of a sound Configure packet; of others, what they hold */
};

/* What stands behind the protocol's number. Octets beyond the packet's own length are padding. */
struct ppp_packet ppp_read_packet(const uint8_t *octets, size_t len);

struct ppp_option {
	uint8_t type;
	uint8_t len; /* of all of it */
	const uint8_t *octets;
};

/* Steps to the next option; false at the end, or, with the cursor failed, where they do not add up. */
bool ppp_next_option(struct wire_reader *options, struct ppp_option *option);

#endif
