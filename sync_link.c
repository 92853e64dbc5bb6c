/* SPDX-License-Identifier: ISC */
/* What may be negotiated over a synchronous pty; see the header. RFC 1661, 1332, 1962, 3078. */
#include "sync_link.h"

#include <string.h>

#include "wire.h"

enum {
	CONFIGURE_REQUEST = 1,
	CONFIGURE_ACK = 2,
	CONFIGURE_REJECT = 4,
	LCP_PROTOCOL_COMPRESSION = 7,
	LCP_ADDRESS_COMPRESSION = 8,
	CCP_MPPE = 18,
	CCP_MPPE_LEN = 6,
	MPPE_STATELESS = 0x01, /* in the first octet of its bits */
	IPCP_COMPRESSION = 2,
	FRAME_HEADER_LEN = 4, /* address, control, protocol */
	PACKET_HEADER_LEN = 4,
	/* A side that asks again for what was rejected will not give in. */
	REJECTS_MAX = 5,
};

struct packet {
	enum sync_protocol protocol;
	uint16_t number; /* of the protocol */
	uint8_t code;
	uint8_t id;
	struct wire_reader options;
};

struct option {
	const uint8_t *octets;
	uint8_t type;
	uint8_t len;
};

void sync_link_init(struct sync_link *w)
{
	memset(w, 0, sizeof(*w));
}

const char *sync_link_trouble(const struct sync_link *w)
{
	return w->trouble ? w->trouble : "";
}

static bool read_packet(const uint8_t *frame, size_t len, struct packet *p)
{
	struct wire_reader r = wire_read(frame, len);

	if (len >= 2 && frame[0] == 0xff && frame[1] == 0x03)
		wire_skip(&r, 2);
	p->number = wire_get_be16(&r);
	switch (p->number) {
	case 0xc021:
		p->protocol = SYNC_LCP;
		break;
	case 0x80fd:
		p->protocol = SYNC_CCP;
		break;
	case 0x8021:
		p->protocol = SYNC_IPCP;
		break;
	default:
		return false;
	}
	p->code = wire_get_u8(&r);
	p->id = wire_get_u8(&r);
	uint16_t packet_len = wire_get_be16(&r);
	if (r.failed || packet_len < PACKET_HEADER_LEN ||
	    packet_len - (size_t)PACKET_HEADER_LEN > wire_left(&r))
		return false;
	p->options = wire_read(frame + r.at, packet_len - (size_t)PACKET_HEADER_LEN);
	return true;
}

/* False at the end, or where the options do not add up: pppd throws such packets away. */
static bool next_option(struct wire_reader *r, struct option *o)
{
	if (wire_left(r) < 2)
		return false;
	o->octets = r->octets + r->at;
	o->type = o->octets[0];
	o->len = o->octets[1];
	return o->len >= 2 && wire_get(r, o->len);
}

/* Whether an option asks that its receiver sends what could not be told apart afterwards. */
static bool is_unwanted(enum sync_side from, enum sync_protocol protocol, const struct option *o)
{
	switch (protocol) {
	case SYNC_LCP:
		return from == SYNC_SERVER &&
		       (o->type == LCP_PROTOCOL_COMPRESSION || o->type == LCP_ADDRESS_COMPRESSION);
	case SYNC_CCP:
		return o->type != CCP_MPPE;
	case SYNC_IPCP:
		return o->type == IPCP_COMPRESSION;
	case SYNC_PROTOCOLS:
		break;
	}
	return false;
}

static enum sync_verdict see_request(struct sync_link *w, enum sync_side from, struct packet *p)
{
	uint8_t *rejects = &w->rejects[from][p->protocol];
	struct wire_writer out = wire_write(w->answer, sizeof(w->answer));
	struct option o;

	wire_put_be16(&out, 0xff03);
	wire_put_be16(&out, p->number);
	wire_put_u8(&out, CONFIGURE_REJECT);
	wire_put_u8(&out, p->id);
	wire_put_be16(&out, 0);
	size_t empty = out.at;
	while (next_option(&p->options, &o))
		if (is_unwanted(from, p->protocol, &o))
			wire_put_copy(&out, o.octets, o.len);
	if (out.at == empty)
		*rejects = 0;
	if (out.at == empty || out.failed || *rejects == REJECTS_MAX)
		return SYNC_PASS;
	(*rejects)++;
	size_t len = out.at - FRAME_HEADER_LEN;
	w->answer[6] = (uint8_t)(len >> 8);
	w->answer[7] = (uint8_t)len;
	w->answer_len = out.at;
	return SYNC_ANSWER;
}

static enum sync_verdict refuse(struct sync_link *w, const char *trouble)
{
	w->trouble = trouble;
	return SYNC_REFUSE;
}

static enum sync_verdict see_ack(struct sync_link *w, enum sync_side from, struct packet *p)
{
	struct option o;

	if (p->protocol == SYNC_LCP && from == SYNC_PPPD)
		w->short_headers = false;
	while (next_option(&p->options, &o)) {
		if (p->protocol == SYNC_CCP && o.type == CCP_MPPE) {
			if (o.len != CCP_MPPE_LEN || !(o.octets[2] & MPPE_STATELESS))
				return refuse(w,
				    "--sync cannot carry stateful MPPE: give pppd \"nomppe-stateful\", "
				    "or leave out its option \"sync\" and --sync");
			if (w->short_headers)
				return refuse(w,
				    "--sync cannot keep MPPE frames with compressed headers apart: "
				    "give pppd \"noaccomp nopcomp\", or leave out its option "
				    "\"sync\" and --sync");
		} else if (is_unwanted(
			       from == SYNC_PPPD ? SYNC_SERVER : SYNC_PPPD, p->protocol, &o)) {
			if (p->protocol == SYNC_CCP)
				return refuse(w,
				    "--sync cannot keep compressed frames apart: give pppd "
				    "\"nodeflate nobsdcomp\", or leave out its option \"sync\" and "
				    "--sync");
			if (p->protocol == SYNC_IPCP)
				return refuse(w,
				    "--sync cannot keep compressed TCP headers apart: give pppd "
				    "\"novj\", or leave out its option \"sync\" and --sync");
			w->short_headers = true;
		}
	}
	return SYNC_PASS;
}

enum sync_verdict sync_link_see(
    struct sync_link *w, enum sync_side from, const uint8_t *frame, size_t len)
{
	struct packet p;

	if (!read_packet(frame, len, &p))
		return SYNC_PASS;
	if (p.code == CONFIGURE_REQUEST)
		return see_request(w, from, &p);
	if (p.code == CONFIGURE_ACK)
		return see_ack(w, from, &p);
	return SYNC_PASS;
}
