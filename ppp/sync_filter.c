/* SPDX-License-Identifier: ISC */
/* Which options may be negotiated on a synchronous pty: RFC 1661 section 6 (LCP), RFC 1332 (IPCP),
 * RFC 1962 (CCP), RFC 3078 (MPPE). */
#include "ppp/sync_filter.h"

#include <string.h>

#include "ppp/ppp_cp.h"

enum {
	LCP_PROTOCOL_COMPRESSION = 7,
	LCP_ADDRESS_COMPRESSION = 8,
	CCP_MPPE = 18,
	CCP_MPPE_LEN = 6,
	MPPE_STATELESS = 0x01, /* bit H, in the first of the four bytes (RFC 3078 section 2.1) */
	IPCP_COMPRESSION = 2,
	LENGTH_AT = 6, /* after address, control, protocol, code and identifier */
	/* Consecutive rejects before we give in: the default of Max-Failure, after which a
	 * negotiation counts as not converging (RFC 1661 section 4.6). */
	REJECTS_MAX = 5,
};

struct packet {
	enum sync_filter_protocol protocol;
	uint16_t number; /* the protocol number */
	struct ppp_cp ppp;
};

void sync_filter_init(struct sync_filter *s)
{
	memset(s, 0, sizeof(*s));
}

const char *sync_filter_reason(const struct sync_filter *s)
{
	return s->reason ? s->reason : "";
}

static bool parse_packet(const uint8_t *frame, size_t len, struct packet *p)
{
	size_t at = ppp_cp_protocol(frame, len, &p->number);
	if (!at)
		return false;
	switch (p->number) {
	case PPP_LCP:
		p->protocol = SYNC_FILTER_LCP;
		break;
	case PPP_CCP:
		p->protocol = SYNC_FILTER_CCP;
		break;
	case PPP_IPCP:
		p->protocol = SYNC_FILTER_IPCP;
		break;
	default:
		return false;
	}
	p->ppp = ppp_cp_parse(frame + at, len - at);
	return p->ppp.valid;
}

/* Whether an option asks its receiver to send frames that could not be separated. */
static bool is_unwanted(
    enum sync_filter_side from, enum sync_filter_protocol protocol, const struct ppp_cp_option *o)
{
	if (protocol == SYNC_FILTER_LCP)
		return from == SYNC_FILTER_SERVER &&
		       (o->type == LCP_PROTOCOL_COMPRESSION || o->type == LCP_ADDRESS_COMPRESSION);
	return protocol == SYNC_FILTER_CCP ? o->type != CCP_MPPE : o->type == IPCP_COMPRESSION;
}

static enum sync_filter_verdict process_request(
    struct sync_filter *s, enum sync_filter_side from, struct packet *p)
{
	uint8_t *rejects = &s->rejects[from][p->protocol];
	struct wire_writer out = wire_write(s->answer, sizeof(s->answer));
	struct ppp_cp_option o;

	wire_put_u8(&out, PPP_ADDRESS);
	wire_put_u8(&out, PPP_CONTROL);
	wire_put_be16(&out, p->number);
	wire_put_u8(&out, PPP_CONFIGURE_REJECT);
	wire_put_u8(&out, p->ppp.id);
	wire_put_be16(&out, 0); /* the length, set below */
	size_t empty = out.at;
	while (ppp_cp_option_next(&p->ppp.options, &o))
		if (is_unwanted(from, p->protocol, &o))
			wire_put_copy(&out, o.bytes, o.len);
	if (out.at == empty)
		*rejects = 0;
	if (out.at == empty || out.failed || *rejects == REJECTS_MAX)
		return SYNC_FILTER_PASS;
	(*rejects)++;
	s->answer_len = out.at;
	out.at = LENGTH_AT;
	wire_put_be16(&out, (uint16_t)(s->answer_len - empty + PPP_CP_HEADER_LEN));
	return SYNC_FILTER_ANSWER;
}

/* Why frames cannot be separated once this option is agreed on; NULL if they can. Compressed headers alone
 * do no harm: the payload states its length. */
static const char *refusal_reason(
    const struct sync_filter *s, enum sync_filter_protocol protocol, const struct ppp_cp_option *o)
{
	if (protocol == SYNC_FILTER_IPCP && o->type == IPCP_COMPRESSION)
		return "--sync cannot keep compressed TCP headers apart: give pppd \"novj\", or leave "
		       "out its option \"sync\" and --sync";
	if (protocol != SYNC_FILTER_CCP)
		return NULL;
	if (o->type != CCP_MPPE)
		return "--sync cannot keep compressed frames apart: give pppd \"nodeflate nobsdcomp\", "
		       "or leave out its option \"sync\" and --sync";
	if (o->len != CCP_MPPE_LEN || !(o->bytes[2] & MPPE_STATELESS))
		return "--sync cannot carry stateful MPPE: give pppd \"nomppe-stateful\", or leave out "
		       "its option \"sync\" and --sync";
	if (s->short_headers)
		return "--sync cannot keep MPPE frames with compressed headers apart: give pppd "
		       "\"noaccomp nopcomp\", or leave out its option \"sync\" and --sync";
	return NULL;
}

static enum sync_filter_verdict process_ack(
    struct sync_filter *s, enum sync_filter_side from, struct packet *p)
{
	enum sync_filter_side requester =
	    from == SYNC_FILTER_PPPD ? SYNC_FILTER_SERVER : SYNC_FILTER_PPPD;
	struct ppp_cp_option o;

	if (p->protocol == SYNC_FILTER_LCP && from == SYNC_FILTER_PPPD)
		s->short_headers = false;
	while (ppp_cp_option_next(&p->ppp.options, &o)) {
		if (p->protocol == SYNC_FILTER_LCP && is_unwanted(requester, SYNC_FILTER_LCP, &o))
			s->short_headers = true;
		const char *reason = refusal_reason(s, p->protocol, &o);
		if (reason) {
			s->reason = reason;
			return SYNC_FILTER_REFUSE;
		}
	}
	return SYNC_FILTER_PASS;
}

enum sync_filter_verdict sync_filter_process(
    struct sync_filter *s, enum sync_filter_side from, const uint8_t *frame, size_t len)
{
	struct packet p;

	if (!parse_packet(frame, len, &p))
		return SYNC_FILTER_PASS;
	if (p.ppp.code == PPP_CONFIGURE_REQUEST)
		return process_request(s, from, &p);
	if (p.ppp.code == PPP_CONFIGURE_ACK)
		return process_ack(s, from, &p);
	return SYNC_FILTER_PASS;
}
