/* SPDX-License-Identifier: ISC */
/*
 * The state of the ACCM negotiation (RFC 1661 section 5, RFC 1662 section 7.1), seen from between
 * the two peers. When in doubt the ACCM is "all", which every receiver understands.
 */
#include "ppp/accm_snoop.h"

#include "ppp/hdlc.h"
#include "ppp/ppp_cp.h"

/* Keeps the stack frame that LCP needs out of the functions that run for each data frame. */
#define NOINLINE __attribute__((noinline))

enum {
	LCP_OPTION_ACCM = 2,
	LCP_OPTION_ACCM_LEN = 6,
};

void accm_snoop_init(struct accm_snoop *s)
{
	*s = (struct accm_snoop){.accm = HDLC_ACCM_ALL};
}

/* Offset of the LCP packet in the frame; 0 if the frame carries another protocol. */
static inline size_t lcp_offset(const uint8_t *frame, size_t len)
{
	uint16_t protocol;
	size_t at = ppp_cp_protocol(frame, len, &protocol);
	return at && protocol == PPP_LCP ? at : 0;
}

/* Reads the ACCM option of a Configure packet; "all" if there is none. False: malformed options. */
static bool parse_accm(struct wire_reader options, uint32_t *accm)
{
	struct ppp_cp_option o;

	*accm = HDLC_ACCM_ALL;
	while (ppp_cp_option_next(&options, &o)) {
		if (o.type != LCP_OPTION_ACCM)
			continue;
		if (o.len != LCP_OPTION_ACCM_LEN)
			return false;
		struct wire_reader r = wire_read(o.bytes, o.len);
		wire_skip(&r, PPP_OPTION_HEADER_LEN);
		*accm = wire_get_be32(&r);
	}
	return !options.failed;
}

static NOINLINE void process_lcp_from_pppd(struct accm_snoop *s, const uint8_t *bytes, size_t len)
{
	struct ppp_cp p = ppp_cp_parse(bytes, len);
	switch (p.code) {
	case PPP_CONFIGURE_REQUEST:
		accm_snoop_init(s);
		s->has_request = p.valid && parse_accm(p.options, &s->request_accm);
		s->request_id = p.id;
		break;
	case PPP_TERMINATE_REQUEST:
	case PPP_TERMINATE_ACK:
		accm_snoop_init(s);
		break;
	default:
		break;
	}
}

void accm_snoop_from_pppd(struct accm_snoop *s, const uint8_t *frame, size_t len)
{
	size_t offset = lcp_offset(frame, len);
	if (offset) {
		process_lcp_from_pppd(s, frame + offset, len - offset);
	} else if (s->has_pending && len) {
		s->accm = s->pending;
		s->has_pending = false;
	}
}

static NOINLINE void process_lcp_to_pppd(struct accm_snoop *s, const uint8_t *bytes, size_t len)
{
	struct ppp_cp p = ppp_cp_parse(bytes, len);
	uint32_t accm;
	bool answers = p.valid && s->has_request && p.id == s->request_id;
	switch (p.code) {
	case PPP_CONFIGURE_REQUEST:
		/* The pending ACCM stays: the server's own request commonly follows its Configure-Ack.
		 * If the link was up, pppd answers with a Configure-Request of its own. */
		s->accm = HDLC_ACCM_ALL;
		break;
	case PPP_CONFIGURE_ACK:
		/* pppd discards a Configure-Ack that differs from its request. */
		if (answers && parse_accm(p.options, &accm) && accm == s->request_accm) {
			s->pending = accm;
			s->has_pending = true;
			s->has_request = false;
		}
		break;
	case PPP_CONFIGURE_NAK:
	case PPP_CONFIGURE_REJECT:
		if (answers)
			s->has_request = false;
		break;
	case PPP_TERMINATE_REQUEST:
	case PPP_TERMINATE_ACK:
		accm_snoop_init(s);
		break;
	default:
		break;
	}
}

uint32_t accm_snoop_to_pppd(struct accm_snoop *s, const uint8_t *frame, size_t len)
{
	size_t offset = lcp_offset(frame, len);
	if (!offset)
		return s->accm;
	process_lcp_to_pppd(s, frame + offset, len - offset);
	return HDLC_ACCM_ALL;
}
