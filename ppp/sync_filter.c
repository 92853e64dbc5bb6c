/* SPDX-License-Identifier: ISC */
/* What may be negotiated over a synchronous pty; see the header. RFC 1661, 1332, 1962, 3078. */
#include "ppp/sync_filter.h"

#include <string.h>

#include "ppp/ppp_cp.h"

enum {
	LCP_PROTOCOL_COMPRESSION = 7,
	LCP_ADDRESS_COMPRESSION = 8,
	CCP_MPPE = 18,
	CCP_MPPE_LEN = 6,
	MPPE_STATELESS = 0x01, /* in the first octet of its bits */
	IPCP_COMPRESSION = 2,
	LENGTH_AT = 6, /* behind address, control, protocol, code and identifier */
	/* A side that asks again for what was rejected will not give in. */
	REJECTS_MAX = 5,
};

struct packet {
	enum sync_protocol protocol;
	uint16_t number; /* of the protocol */
	struct ppp_packet ppp;
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

	if (len >= 2 && frame[0] == PPP_ADDRESS && frame[1] == PPP_CONTROL)
		wire_skip(&r, 2);
	p->number = wire_get_be16(&r);
	switch (p->number) {
	case PPP_LCP:
		p->protocol = SYNC_LCP;
		break;
	case PPP_CCP:
		p->protocol = SYNC_CCP;
		break;
	case PPP_IPCP:
		p->protocol = SYNC_IPCP;
		break;
	default:
		return false;
	}
	p->ppp = ppp_read_packet(frame + r.at, len - r.at);
	return p->ppp.sound;
}

/* Whether an option asks that its receiver sends what could not be told apart afterwards. */
static bool is_unwanted(
    enum sync_side from, enum sync_protocol protocol, const struct ppp_option *o)
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
	struct ppp_option o;

	wire_put_u8(&out, PPP_ADDRESS);
	wire_put_u8(&out, PPP_CONTROL);
	wire_put_be16(&out, p->number);
	wire_put_u8(&out, PPP_CONFIGURE_REJECT);
	wire_put_u8(&out, p->ppp.id);
	wire_put_be16(&out, 0); /* the length, which is yet to come */
	size_t empty = out.at;
	while (ppp_next_option(&p->ppp.options, &o))
		if (is_unwanted(from, p->protocol, &o))
			wire_put_copy(&out, o.octets, o.len);
	if (out.at == empty)
		*rejects = 0;
	if (out.at == empty || out.failed || *rejects == REJECTS_MAX)
		return SYNC_PASS;
	(*rejects)++;
	w->answer_len = out.at;
	out.at = LENGTH_AT;
	wire_put_be16(&out, (uint16_t)(w->answer_len - empty + PPP_PACKET_HEADER_LEN));
	return SYNC_ANSWER;
}

/* Why frames could not be kept apart with this option agreed on; NULL where they can. */
static const char *trouble_with(
    const struct sync_link *w, enum sync_protocol protocol, const struct ppp_option *o)
{
	switch (protocol) {
	case SYNC_CCP:
		if (o->type != CCP_MPPE)
			return "--sync cannot keep compressed frames apart: give pppd "
			       "\"nodeflate nobsdcomp\", or leave out its option \"sync\" and "
			       "--sync";
		if (o->len != CCP_MPPE_LEN || !(o->octets[2] & MPPE_STATELESS))
			return "--sync cannot carry stateful MPPE: give pppd "
			       "\"nomppe-stateful\", or leave out its option \"sync\" and --sync";
		if (w->short_headers)
			return "--sync cannot keep MPPE frames with compressed headers apart: "
			       "give pppd \"noaccomp nopcomp\", or leave out its option "
			       "\"sync\" and --sync";
		break;
	case SYNC_IPCP:
		if (o->type == IPCP_COMPRESSION)
			return "--sync cannot keep compressed TCP headers apart: give pppd "
			       "\"novj\", or leave out its option \"sync\" and --sync";
		break;
	case SYNC_LCP: /* short headers alone can be borne */
	case SYNC_PROTOCOLS:
		break;
	}
	return NULL;
}

static enum sync_verdict see_ack(struct sync_link *w, enum sync_side from, struct packet *p)
{
	enum sync_side asker = from == SYNC_PPPD ? SYNC_SERVER : SYNC_PPPD;
	struct ppp_option o;

	if (p->protocol == SYNC_LCP && from == SYNC_PPPD)
		w->short_headers = false;
	while (ppp_next_option(&p->ppp.options, &o)) {
		if (p->protocol == SYNC_LCP && is_unwanted(asker, SYNC_LCP, &o))
			w->short_headers = true;
		const char *trouble = trouble_with(w, p->protocol, &o);
		if (trouble) {
			w->trouble = trouble;
			return SYNC_REFUSE;
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
	if (p.ppp.code == PPP_CONFIGURE_REQUEST)
		return see_request(w, from, &p);
	if (p.ppp.code == PPP_CONFIGURE_ACK)
		return see_ack(w, from, &p);
	return SYNC_PASS;
}
