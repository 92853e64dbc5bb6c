/* SPDX-License-Identifier: ISC */
/* Lengths of frames; see the header. RFC 1661 sections 2, 5 and 6.5, 6.6; RFC 1662 section 3.1. */
#include "ppp_frame.h"

#include <stdbool.h>

#include "wire.h"

enum {
	PROTOCOL_IP = 0x0021,
	PROTOCOL_VJ_COMPRESSED = 0x002d,
	PROTOCOL_VJ_UNCOMPRESSED = 0x002f,
	PROTOCOL_IPV6 = 0x0057,
	PROTOCOL_COMPRESSED = 0x00fd,
	ALL_STATIONS = 0xff,
	UNNUMBERED = 0x03,
	IPV6_HEADER_LEN = 40,
	CONTROL_HEADER_LEN = 4, /* code, identifier, length */
};

static bool is_control(unsigned protocol)
{
	/* Network control protocols; LCP, PAP, CHAP, EAP. Link quality reports state no length. */
	return (protocol & 0xff00) == 0x8000 || protocol == 0xc021 || protocol == 0xc023 ||
	       protocol == 0xc223 || protocol == 0xc227;
}

static bool is_known(unsigned protocol)
{
	return is_control(protocol) || protocol == PROTOCOL_IP || protocol == PROTOCOL_IPV6 ||
	       protocol == PROTOCOL_COMPRESSED || protocol == PROTOCOL_VJ_COMPRESSED ||
	       protocol == PROTOCOL_VJ_UNCOMPRESSED;
}

/* Reads up to the payload; 0 where no protocol of ours is there. */
static unsigned read_protocol(struct wire_reader *r)
{
	unsigned first = wire_get_u8(r);

	if (first == ALL_STATIONS) {
		if (wire_get_u8(r) != UNNUMBERED)
			return 0;
		first = wire_get_u8(r);
	}
	/* An odd octet ends the number: its even one was left out, or follows. */
	unsigned protocol = first & 1 ? first : first << 8 | wire_get_u8(r);
	return wire_left(r) > 0 && is_known(protocol) ? protocol : 0;
}

/* What the payload says of its length; 0 where it does not, or says what cannot be. */
static size_t stated_length(struct wire_reader *r, unsigned protocol)
{
	size_t len = 0;

	if (is_control(protocol)) {
		wire_skip(r, 2);
		len = wire_get_be16(r);
		if (len < CONTROL_HEADER_LEN)
			len = 0;
	} else if (protocol == PROTOCOL_IP) {
		size_t header = (wire_get_u8(r) & 0x0fU) * 4U;
		wire_skip(r, 1);
		len = wire_get_be16(r);
		if (len < header)
			len = 0;
	} else if (protocol == PROTOCOL_IPV6) {
		wire_skip(r, 4);
		len = IPV6_HEADER_LEN + (size_t)wire_get_be16(r);
	}
	return r->failed ? 0 : len;
}

size_t ppp_first_frame(const uint8_t *octets, size_t len)
{
	struct wire_reader r = wire_read(octets, len);
	unsigned protocol = read_protocol(&r);
	size_t header = r.at;
	size_t payload = protocol ? stated_length(&r, protocol) : 0;

	if (payload == 0 || payload >= len - header)
		return len;
	struct wire_reader next = wire_read(octets + header + payload, len - header - payload);
	return read_protocol(&next) ? header + payload : len;
}
