/* SPDX-License-Identifier: ISC */
/* Frame lengths; see the header. RFC 1661 sections 2, 5, 6.5 and 6.6; RFC 1662 section 3.1. */
#include "ppp/ppp_framing.h"

#include <stdbool.h>
#include <string.h>

#include "ppp/ppp_cp.h"

enum {
	IPV6_HEADER_LEN = 40,
	CONTROL_CODE_MAX = 15, /* LCP and CCP; other protocols use fewer codes */
	FULL_HEADER_LEN = 4,
	MPPE_HEADER_LEN = 6, /* full header, flags and coherency count */
};

static bool is_control(unsigned protocol)
{
	/* The network control protocols, LCP, PAP, CHAP, EAP. Link-Quality-Reports have no length. */
	return (protocol & 0xff00) == 0x8000 || protocol == PPP_LCP || protocol == PPP_PAP ||
	       protocol == PPP_CHAP || protocol == PPP_EAP;
}

static bool is_known(unsigned protocol)
{
	return is_control(protocol) || protocol == PPP_IP || protocol == PPP_IPV6 ||
	       protocol == PPP_COMPRESSED || protocol == PPP_VJ_COMPRESSED ||
	       protocol == PPP_VJ_UNCOMPRESSED;
}

/* Reads the header up to the payload, of which there may be nothing; 0 if the protocol is unknown. */
static unsigned parse_protocol(struct wire_reader *r)
{
	unsigned first = wire_get_u8(r);

	if (first == PPP_ADDRESS) {
		if (wire_get_u8(r) != PPP_CONTROL)
			return 0;
		first = wire_get_u8(r);
	}
	/* An odd byte ends the protocol number; an even one comes before it or is omitted. */
	unsigned protocol = first & 1 ? first : first << 8 | wire_get_u8(r);
	return is_known(protocol) ? protocol : 0;
}

/* The length that the payload states; 0 if it states none, or an impossible one. */
static size_t stated_length(struct wire_reader *r, unsigned protocol)
{
	size_t len = 0;

	if (is_control(protocol)) {
		wire_skip(r, 2);
		len = wire_get_be16(r);
		if (len < PPP_CP_HEADER_LEN)
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

static enum ppp_framing_end ends_at(size_t len, enum ppp_framing_end end, size_t *first)
{
	*first = len;
	return end;
}

/* Whether the header of an MPPE frame with these flags and count is here: 48 bits must agree. */
static bool is_mppe(const uint8_t *bytes, size_t len, unsigned flags_and_count)
{
	return len >= MPPE_HEADER_LEN && bytes[0] == PPP_ADDRESS && bytes[1] == PPP_CONTROL &&
	       bytes[2] == 0 && bytes[3] == PPP_COMPRESSED && bytes[4] == flags_and_count >> 8 &&
	       bytes[5] == (flags_and_count & 0xff);
}

/* Whether a control packet is here that ends with the input or before another header. */
static bool is_whole_control(const uint8_t *bytes, size_t len)
{
	struct wire_reader r = wire_read(bytes, len);
	unsigned protocol = parse_protocol(&r);

	size_t header = r.at;
	if (!is_control(protocol) || bytes[0] != PPP_ADDRESS)
		return false;
	size_t payload = stated_length(&r, protocol), end = header + payload;
	if (payload == 0 || bytes[header] == 0 || bytes[header] > CONTROL_CODE_MAX)
		return false;
	return end == len ||
	       (end + 2 <= len && bytes[end] == PPP_ADDRESS && bytes[end + 1] == PPP_CONTROL);
}

/* Where between `after` and `limit` the bytes begin again, as far as they go; 0 if they do not. */
static size_t begin_again_at(const uint8_t *bytes, size_t len, size_t after, size_t limit)
{
	const uint8_t *found = bytes + after;

	while ((found = memchr(found + 1, PPP_ADDRESS, (size_t)(bytes + limit - found) - 1))) {
		size_t at = (size_t)(found - bytes);
		if (memcmp(bytes, found, at < len - at ? at : len - at) == 0)
			return at;
	}
	return 0;
}

/*
 * Where within `limit` bytes the frame starts again, as far as the bytes go; 0 if it does not. A pty
 * without space for a whole frame accepts part of it, and Linux' synchronous line discipline
 * (ppp_synctty) then writes the whole frame again.
 */
static size_t repeated_at(const uint8_t *bytes, size_t len, size_t limit)
{
	size_t at = 0;

	if (limit > len)
		limit = len;
	while ((at = begin_again_at(bytes, len, at, limit)) && at + MPPE_HEADER_LEN <= len) {
		struct wire_reader r = wire_read(bytes + at, len - at);
		if (parse_protocol(&r))
			return at;
	}
	return 0;
}

/* Whether they may be a partial copy and the start of the whole frame. */
static bool end_as_they_begin(const uint8_t *bytes, size_t len)
{
	return begin_again_at(bytes, len, 0, len) > 0;
}

/* What a frame carries may look like its own first bytes; but hardly like all before them. */
static bool is_partial_copy(size_t repeated, size_t len)
{
	return repeated && repeated <= len - repeated;
}

static enum ppp_framing_end first_mppe(const uint8_t *bytes, size_t len, size_t *first)
{
	if (len < MPPE_HEADER_LEN)
		return ends_at(len, PPP_FRAMING_CUT, first);
	unsigned number = (unsigned)bytes[4] << 8 | bytes[5];
	unsigned next = (number & 0xf000) | ((number + 1) & 0x0fff);

	for (size_t at = MPPE_HEADER_LEN; at < len; at++) {
		const uint8_t *found = memchr(bytes + at, PPP_ADDRESS, len - at);
		if (!found)
			break;
		at = (size_t)(found - bytes);
		/* A partial copy of the next header of up to two bytes counts as padding: they may
		 * belong to this frame. */
		size_t again = repeated_at(found, len - at, MPPE_HEADER_LEN);
		if (again > 2 && is_mppe(found + again, len - at - again, next))
			return ends_at(at, PPP_FRAMING_ENDS, first);
		if (is_mppe(found, len - at, next) || is_whole_control(found, len - at))
			return ends_at(at, PPP_FRAMING_ENDS, first);
	}
	return ends_at(len, PPP_FRAMING_OPEN, first);
}

/* The first frame states that it ends at `end`, where the bytes end or go on. */
static enum ppp_framing_end first_stated(
    const uint8_t *bytes, size_t len, size_t end, size_t *first)
{
	bool starts = true; /* a frame, behind the first */

	if (end < len) {
		struct wire_reader next = wire_read(bytes + end, len - end);
		starts = parse_protocol(&next) > 0;
		/* With nothing left the header is incomplete, so a frame may start there. */
		if (wire_left(&next) == 0)
			return ends_at(len, PPP_FRAMING_CUT, first);
		starts = starts || repeated_at(bytes + end, len - end, MPPE_HEADER_LEN);
		if (starts && bytes[end] == PPP_ADDRESS)
			return ends_at(end, PPP_FRAMING_ENDS, first);
		/* A short header may just as well be any bytes of the whole frame. */
		size_t repeated = repeated_at(bytes, len, end);
		if (is_partial_copy(repeated, len))
			return ends_at(repeated, PPP_FRAMING_REPEATED, first);
	}
	if (starts && !end_as_they_begin(bytes, len))
		return ends_at(end, PPP_FRAMING_ENDS, first);
	return ends_at(len, PPP_FRAMING_OPEN, first); /* padding, or more has to come */
}

enum ppp_framing_end ppp_framing_find_end(const uint8_t *bytes, size_t len, size_t *first)
{
	struct wire_reader r = wire_read(bytes, len);
	unsigned protocol = parse_protocol(&r);
	size_t header = r.at;

	if (wire_left(&r) == 0)
		return ends_at(len, PPP_FRAMING_CUT, first);
	size_t payload = protocol ? stated_length(&r, protocol) : 0;
	/* A partial copy that is cut before its length states none. Any other is shorter than the
	 * whole frame behind it, so that with both there are more bytes than it states. */
	size_t repeated = repeated_at(bytes, len, payload ? r.at : len);
	if (is_partial_copy(repeated, len))
		return ends_at(repeated, PPP_FRAMING_REPEATED, first);
	if (header == FULL_HEADER_LEN && protocol == PPP_COMPRESSED)
		return first_mppe(bytes, len, first);
	if (r.failed || payload > len - header)
		return ends_at(len, PPP_FRAMING_CUT, first);
	if (payload == 0)
		return ends_at(len, PPP_FRAMING_OPEN, first);
	return first_stated(bytes, len, header + payload, first);
}

size_t ppp_framing_find_start(const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at < len; at++) {
		const uint8_t *found = memchr(bytes + at, PPP_ADDRESS, len - at);
		if (!found)
			break;
		at = (size_t)(found - bytes);
		struct wire_reader r = wire_read(found, len - at);
		/* An incomplete header may be one. */
		if (at + 1 == len ||
		    (found[1] == PPP_CONTROL && (at + 4 >= len || at == 0 || parse_protocol(&r))))
			return at;
	}
	return len;
}
