/* SPDX-License-Identifier: ISC */
/* No option is asked for, so none has to be negotiated: a Nak or Reject is not answered. */
#include "ppp/lcp_probe.h"

#include "ppp/ppp_cp.h"

enum {
	ECHO_REPLY = 10,
	REQUEST_ID = 1, /* a repeated request keeps its identifier (RFC 1661 section 5.1) */
	OPTION_AUTHENTICATION = 3,
	CHAP_MD5 = 5, /* RFC 1994, 2433, 2759 */
	CHAP_MS = 0x80,
	CHAP_MS_V2 = 0x81,
};

static void put_header(struct wire_writer *w, uint8_t code, uint8_t id, size_t data_len)
{
	wire_put_u8(w, PPP_ADDRESS);
	wire_put_u8(w, PPP_CONTROL);
	wire_put_be16(w, PPP_LCP);
	wire_put_u8(w, code);
	wire_put_u8(w, id);
	wire_put_be16(w, (uint16_t)(PPP_CP_HEADER_LEN + data_len));
}

static size_t written(const struct wire_writer *w)
{
	return w->failed ? 0 : w->at;
}

size_t lcp_probe_request(uint8_t *out, size_t cap)
{
	struct wire_writer w = wire_write(out, cap);
	put_header(&w, PPP_CONFIGURE_REQUEST, REQUEST_ID, 0);
	return written(&w);
}

size_t lcp_probe_echo(uint8_t id, size_t frame_len, uint8_t *out, size_t cap)
{
	struct wire_writer w = wire_write(out, cap);
	if (frame_len < LCP_PROBE_FRAME_MIN || frame_len > LCP_PROBE_FRAME_MAX)
		return 0;
	/* The magic number was not negotiated: zero, as is the data behind it (section 5.8). */
	size_t data_len = frame_len - LCP_PROBE_FRAME_MIN + sizeof(uint32_t);
	put_header(&w, PPP_ECHO_REQUEST, id, data_len);
	wire_put_zeros(&w, data_len);
	return written(&w);
}

/* The same packet with another code, as Configure-Ack and Echo-Reply are. */
static size_t put_reply(uint8_t code, const struct ppp_cp *cp, const uint8_t *data, size_t len,
    uint8_t *out, size_t cap)
{
	struct wire_writer w = wire_write(out, cap);
	put_header(&w, code, cp->id, len);
	wire_put_copy(&w, data, len);
	return written(&w);
}

static size_t put_echo_reply(const struct ppp_cp *cp, uint8_t *out, size_t cap)
{
	struct wire_reader r = cp->options;
	struct wire_writer w = wire_write(out, cap);
	size_t len = wire_left(&r);
	if (len < sizeof(uint32_t))
		return 0;
	put_header(&w, ECHO_REPLY, cp->id, len);
	wire_put_zeros(&w, sizeof(uint32_t)); /* the sender's magic number: ours, which is none */
	wire_skip(&r, sizeof(uint32_t));
	wire_put_copy(&w, r.bytes + r.at, wire_left(&r));
	return written(&w);
}

static const char *name_authentication(const struct ppp_cp_option *option)
{
	struct wire_reader r = wire_read(option->bytes, option->len);
	wire_skip(&r, PPP_OPTION_HEADER_LEN);
	uint16_t protocol = wire_get_be16(&r);
	uint8_t algorithm = protocol == PPP_CHAP ? wire_get_u8(&r) : 0;
	if (protocol == PPP_PAP)
		return "PAP";
	if (protocol == PPP_EAP)
		return "EAP";
	return algorithm == CHAP_MS_V2 ? "MS-CHAPv2"
	       : algorithm == CHAP_MS  ? "MS-CHAP"
	       : algorithm == CHAP_MD5 ? "CHAP"
	                               : NULL;
}

static void process_request(struct lcp_probe *p, struct wire_reader options)
{
	struct ppp_cp_option option;
	p->authentication = NULL;
	while (ppp_cp_option_next(&options, &option))
		if (option.type == OPTION_AUTHENTICATION)
			p->authentication = name_authentication(&option);
}

static struct lcp_probe_answer process_packet(
    struct lcp_probe *p, const struct ppp_cp *cp, size_t frame_len, uint8_t *reply, size_t cap)
{
	struct lcp_probe_answer a = {.verdict = LCP_PROBE_OTHER};
	struct wire_reader r = cp->options;
	size_t len = wire_left(&r);
	const uint8_t *data = r.bytes + r.at;
	switch (cp->code) {
	case PPP_CONFIGURE_REQUEST:
		a.verdict = LCP_PROBE_REQUEST;
		process_request(p, cp->options);
		a.reply_len = put_reply(PPP_CONFIGURE_ACK, cp, data, len, reply, cap);
		p->theirs_accepted = p->theirs_accepted || a.reply_len > 0;
		break;
	case PPP_CONFIGURE_ACK:
		p->ours_accepted = p->ours_accepted || cp->id == REQUEST_ID;
		a.verdict = cp->id == REQUEST_ID ? LCP_PROBE_ACCEPTED : LCP_PROBE_OTHER;
		break;
	case PPP_CONFIGURE_NAK:
	case PPP_CONFIGURE_REJECT:
		a.verdict = cp->id == REQUEST_ID ? LCP_PROBE_REFUSED : LCP_PROBE_OTHER;
		break;
	case PPP_TERMINATE_REQUEST:
		a.verdict = LCP_PROBE_TERMINATED;
		a.reply_len = put_reply(PPP_TERMINATE_ACK, cp, NULL, 0, reply, cap);
		break;
	case PPP_ECHO_REQUEST:
		a.verdict = LCP_PROBE_ECHO_REQUEST;
		a.reply_len = put_echo_reply(cp, reply, cap);
		break;
	case ECHO_REPLY:
		a.verdict = LCP_PROBE_ECHO_REPLY;
		a.echo_id = cp->id;
		a.echo_len = frame_len;
		break;
	default:
		break;
	}
	return a;
}

struct lcp_probe_answer lcp_probe_receive(
    struct lcp_probe *p, const uint8_t *frame, size_t len, uint8_t *reply, size_t cap)
{
	struct lcp_probe_answer other = {.verdict = LCP_PROBE_OTHER};
	uint16_t protocol;
	size_t at = ppp_cp_protocol(frame, len, &protocol);
	if (!at || protocol != PPP_LCP)
		return other;
	struct ppp_cp cp = ppp_cp_parse(frame + at, len - at);
	return cp.valid ? process_packet(p, &cp, len, reply, cap) : other;
}

bool lcp_probe_is_open(const struct lcp_probe *p)
{
	return p->ours_accepted && p->theirs_accepted;
}
