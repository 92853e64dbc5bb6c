/* SPDX-License-Identifier: ISC */
/* Takes apart what RFC 1661 sections 5 and 6 lay out; see the header. */
#include "ppp/ppp_cp.h"

struct ppp_packet ppp_read_packet(const uint8_t *octets, size_t len)
{
	struct wire_reader r = wire_read(octets, len);
	struct ppp_packet p = {.code = wire_get_u8(&r)};
	p.id = wire_get_u8(&r);
	uint16_t packet_len = wire_get_be16(&r);
	p.sound = !r.failed && packet_len >= PPP_PACKET_HEADER_LEN && packet_len <= len;
	if (p.sound)
		p.options = wire_read(octets + r.at, packet_len - r.at);
	return p;
}

bool ppp_next_option(struct wire_reader *options, struct ppp_option *option)
{
	if (wire_left(options) == 0)
		return false;
	struct wire_reader header = *options;
	option->type = wire_get_u8(&header);
	option->len = wire_get_u8(&header);
	option->octets = wire_get(options, option->len);
	if (option->len < PPP_OPTION_HEADER_LEN)
		options->failed = true;
	return !options->failed;
}
