/* SPDX-License-Identifier: ISC */
/*
 * The enhanced GRE header, byte by byte (RFC 2637 section 4.1). Checks every length against the bytes
 * received before it reads what follows. Does not judge sequence numbers: gre_session.c does.
 */
#include "gre/gre_header.h"

#include "lib/wire.h"

enum {
	/* In the first two bytes; all other bits but the version must be zero. */
	FLAG_KEY = 0x2000,
	FLAG_SEQ = 0x1000,
	FLAG_ACK = 0x0080,
	/* RFC 791 section 3.1, in bytes. */
	IPV4_HEADER_MIN = 20,
	IPV4_SOURCE_AT = 12,
};

/* Skips the IPv4 header, options included, but for the source address. */
static enum gre_verdict parse_ipv4(struct wire_reader *r, uint8_t *source)
{
	uint8_t first = wire_get_u8(r);
	if (r->failed)
		return GRE_TRUNCATED;
	size_t header_len = (size_t)(first & 0x0f) * 4;
	if (first >> 4 != 4 || header_len < IPV4_HEADER_MIN)
		return GRE_INVALID;
	wire_skip(r, IPV4_SOURCE_AT - 1);
	wire_get_copy(r, source, GRE_ADDRESS_LEN);
	wire_skip(r, header_len - IPV4_SOURCE_AT - GRE_ADDRESS_LEN);
	return r->failed ? GRE_TRUNCATED : GRE_OK;
}

enum gre_verdict gre_header_decode(
    const uint8_t *datagram, size_t len, struct gre_header *h, const uint8_t **payload)
{
	struct wire_reader r = wire_read(datagram, len);
	*h = (struct gre_header){0};
	*payload = NULL;

	enum gre_verdict verdict = parse_ipv4(&r, h->source);
	if (verdict != GRE_OK)
		return verdict;
	uint16_t flags = wire_get_be16(&r);
	uint16_t protocol = wire_get_be16(&r);
	h->payload_len = wire_get_be16(&r);
	h->call_id = wire_get_be16(&r);
	if (r.failed)
		return GRE_TRUNCATED;
	if ((flags & ~(FLAG_SEQ | FLAG_ACK)) != (FLAG_KEY | GRE_VERSION) ||
	    protocol != GRE_PROTOCOL_PPP)
		return GRE_INVALID;
	h->has_seq = (flags & FLAG_SEQ) != 0;
	h->has_ack = (flags & FLAG_ACK) != 0;
	if (h->payload_len && !h->has_seq)
		return GRE_INVALID;
	if (h->has_seq)
		h->seq = wire_get_be32(&r);
	if (h->has_ack)
		h->ack = wire_get_be32(&r);
	const uint8_t *bytes = wire_get(&r, h->payload_len);
	if (r.failed)
		return GRE_TRUNCATED;
	*payload = h->payload_len ? bytes : NULL;
	return GRE_OK;
}

size_t gre_header_len(const struct gre_header *h)
{
	return GRE_HEADER_MIN + (h->has_seq ? 4u : 0u) + (h->has_ack ? 4u : 0u);
}

size_t gre_header_encode(const struct gre_header *h, uint8_t *out)
{
	struct wire_writer w = wire_write(out, gre_header_len(h));
	unsigned flags = FLAG_KEY | GRE_VERSION;
	if (h->has_seq)
		flags |= FLAG_SEQ;
	if (h->has_ack)
		flags |= FLAG_ACK;
	wire_put_be16(&w, (uint16_t)flags);
	wire_put_be16(&w, GRE_PROTOCOL_PPP);
	wire_put_be16(&w, h->payload_len);
	wire_put_be16(&w, h->call_id);
	if (h->has_seq)
		wire_put_be32(&w, h->seq);
	if (h->has_ack)
		wire_put_be32(&w, h->ack);
	return w.at;
}
