/* SPDX-License-Identifier: ISC */
/* Parses the formats of RFC 1661 sections 5 and 6; see the header. */
#include "ppp/ppp_cp.h"

struct ppp_cp ppp_cp_parse(const uint8_t *bytes, size_t len)
{
	struct wire_reader r = wire_read(bytes, len);
	struct ppp_cp p = {.code = wire_get_u8(&r)};
	p.id = wire_get_u8(&r);
	uint16_t packet_len = wire_get_be16(&r);
	p.valid = !r.failed && packet_len >= PPP_CP_HEADER_LEN && packet_len <= len;
	if (p.valid)
		p.options = wire_read(bytes + r.at, packet_len - r.at);
	return p;
}

bool ppp_cp_option_next(struct wire_reader *options, struct ppp_cp_option *option)
{
	if (wire_left(options) == 0)
		return false;
	struct wire_reader header = *options;
	option->type = wire_get_u8(&header);
	option->len = wire_get_u8(&header);
	option->bytes = wire_get(options, option->len);
	if (option->len < PPP_OPTION_HEADER_LEN)
		options->failed = true;
	return !options->failed;
}

bool ppp_cp_is_lcp_request(const uint8_t *frame, size_t len)
{
	uint16_t protocol;
	size_t at = ppp_cp_protocol(frame, len, &protocol);
	return at && protocol == PPP_LCP && len > at &&
	       (frame[at] == PPP_CONFIGURE_REQUEST || frame[at] == PPP_ECHO_REQUEST);
}
