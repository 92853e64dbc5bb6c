/* SPDX-License-Identifier: ISC */
/* Lengths of frames; see the header. RFC 1661 sections 2, 5 and 6.5, 6.6; RFC 1662 section 3.1. */
#include "ppp/ppp_framing.h"

#include <stdbool.h>
#include <string.h>

#include "ppp/ppp_cp.h"

enum {
	IPV6_HEADER_LEN = 40,
	CONTROL_CODE_MAX = 15, /* of LCP and CCP; others have fewer */
	FULL_HEADER_LEN = 4,
	MPPE_HEADER_LEN = 6, /* with flags and count */
};

static bool is_control(unsigned protocol)
{
	/* Network control protocols; LCP, PAP, CHAP, EAP. Link quality reports state no length. */
	return (protocol & 0xff00) == 0x8000 || protocol == PPP_LCP || protocol == PPP_PAP ||
	       protocol == PPP_CHAP || protocol == PPP_EAP;
}

static bool is_known(unsigned protocol)
{
	return is_control(protocol) || protocol == PPP_IP || protocol == PPP_IPV6 ||
	       protocol == PPP_COMPRESSED || protocol == PPP_VJ_COMPRESSED ||
	       protocol == PPP_VJ_UNCOMPRESSED;
}

/* Reads up to the payload; 0 where no protocol of ours is there. */
static unsigned read_protocol(struct wire_reader *r)
{
	unsigned first = wire_get_u8(r);

	if (first == PPP_ADDRESS) {
		if (wire_get_u8(r) != PPP_CONTROL)
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
		if (len < PPP_PACKET_HEADER_LEN)
			len = 0;
	} else if (protocol == PPP_IP) {
		size_t header = (wire_get_u8(r) & 0x0fU) * 4U;
		wire_skip(r, 1);
		len = wire_get_be16(r);
		if (len < header)
			len = 0;
	} else if (protocol == PPP_IPV6) {
		wire_skip(r, 4);
		len = IPV6_HEADER_LEN + (size_t)wire_get_be16(r);
	}
	return r->failed ? 0 : len;
}

static enum ppp_end ends_at(size_t len, enum ppp_end end, size_t *first)
{
	*first = len;
	return end;
}

/* Whether an MPPE frame with this number stands here: 48 bits that must agree. */
static bool is_mppe(const uint8_t *octets, size_t len, unsigned flags_and_count)
{
	return len >= MPPE_HEADER_LEN && octets[0] == PPP_ADDRESS && octets[1] == PPP_CONTROL &&
	       octets[2] == 0 && octets[3] == PPP_COMPRESSED && octets[4] == flags_and_count >> 8 &&
	       octets[5] == (flags_and_count & 0xff);
}

/* Whether a control packet stands here whose end is the end of all, or the start of a frame. */
static bool is_whole_control(const uint8_t *octets, size_t len)
{
	struct wire_reader r = wire_read(octets, len);
	unsigned protocol = read_protocol(&r);

	if (!is_control(protocol) || octets[0] != PPP_ADDRESS ||
	    wire_left(&r) < PPP_PACKET_HEADER_LEN)
		return false;
	unsigned code = octets[r.at];
	size_t end = r.at;
	end += stated_length(&r, protocol);
	if (code == 0 || code > CONTROL_CODE_MAX || r.failed ||
	    end < FULL_HEADER_LEN + PPP_PACKET_HEADER_LEN)
		return false;
	return end == len ||
	       (end + 2 <= len && octets[end] == PPP_ADDRESS && octets[end + 1] == PPP_CONTROL);
}

/*
 * Where within `limit` octets the frame starts once more; 0 where it does not. Where the pty has no
 * room for a whole frame it takes a part, and Linux' synchronous line discipline then writes all of
 * the frame again.
 */
static size_t repeated_at(const uint8_t *octets, size_t len, size_t limit)
{
	if (octets[0] != PPP_ADDRESS)
		return 0;
	for (size_t at = 1; at < limit && at + MPPE_HEADER_LEN <= len; at++) {
		const uint8_t *found = memchr(octets + at, PPP_ADDRESS, limit - at);
		if (!found)
			break;
		at = (size_t)(found - octets);
		struct wire_reader r = wire_read(found, len - at);
		size_t common = at < len - at ? at : len - at;
		if (len - at >= MPPE_HEADER_LEN && memcmp(octets, found, common) == 0 &&
		    read_protocol(&r))
			return at;
	}
	return 0;
}

static enum ppp_end first_mppe(const uint8_t *octets, size_t len, size_t *first)
{
	if (len < MPPE_HEADER_LEN)
		return ends_at(len, PPP_CUT, first);
	unsigned number = (unsigned)octets[4] << 8 | octets[5];
	unsigned next = (number & 0xf000) | ((number + 1) & 0x0fff);

	for (size_t at = MPPE_HEADER_LEN; at < len; at++) {
		const uint8_t *found = memchr(octets + at, PPP_ADDRESS, len - at);
		if (!found)
			break;
		at = (size_t)(found - octets);
		/* Of the next header, up to two octets that were taken in part go for padding: they may
		 * be this frame's. */
		size_t again = repeated_at(found, len - at, MPPE_HEADER_LEN);
		if (again > 2 && is_mppe(found + again, len - at - again, next))
			return ends_at(at, PPP_ENDS, first);
		if (is_mppe(found, len - at, next) || is_whole_control(found, len - at))
			return ends_at(at, PPP_ENDS, first);
	}
	return ends_at(len, PPP_OPEN, first);
}

enum ppp_end ppp_first_frame(const uint8_t *octets, size_t len, size_t *first)
{
	struct wire_reader r = wire_read(octets, len);
	unsigned protocol = read_protocol(&r);
	size_t header = r.at;

	if (wire_left(&r) == 0)
		return ends_at(len, PPP_CUT, first);
	size_t payload = protocol ? stated_length(&r, protocol) : 0;
	size_t limit = payload && payload < len - header ? header + payload : len;
	size_t repeated = repeated_at(octets, len, limit);
	if (repeated)
		return ends_at(repeated, PPP_AGAIN, first);
	if (header == FULL_HEADER_LEN && protocol == PPP_COMPRESSED)
		return first_mppe(octets, len, first);
	if (r.failed || payload > len - header)
		return ends_at(len, PPP_CUT, first);
	if (payload == 0)
		return ends_at(len, PPP_OPEN, first);
	if (payload == len - header)
		return ends_at(len, PPP_ENDS, first);
	struct wire_reader next = wire_read(octets + header + payload, len - header - payload);
	if (read_protocol(&next) ||
	    repeated_at(octets + header + payload, len - header - payload, MPPE_HEADER_LEN))
		return ends_at(header + payload, PPP_ENDS, first);
	/* Too little to tell whether a frame starts there, or padding. */
	return ends_at(len, wire_left(&next) == 0 ? PPP_CUT : PPP_OPEN, first);
}

size_t ppp_next_start(const uint8_t *octets, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		const uint8_t *found = memchr(octets + at, PPP_ADDRESS, len - at);
		if (!found)
			break;
		at = (size_t)(found - octets);
		struct wire_reader r = wire_read(found, len - at);
		/* Where little is left it may be one. */
		if (at + 1 == len ||
		    (found[1] == PPP_CONTROL && (at + 4 >= len || at == 0 || read_protocol(&r))))
			return at;
	}
	return len;
}
