/* SPDX-License-Identifier: ISC */
/*
 * Follows the negotiation of the async control character map (RFC 1661 section 5, RFC 1662 section
 * 7.1) as a bystander: takes part in nothing, changes no frame. When in doubt the map is "all",
 * which every receiver understands.
 */
#include "ppp/accm_snoop.h"

#include "ppp/hdlc.h"
#include "ppp/ppp_cp.h"

/* Not to be inlined: what LCP needs on the stack is not set up for each frame of data. */
#define APART __attribute__((noinline))

enum {
	LCP_OPTION_ACCM = 2,
	LCP_OPTION_ACCM_LEN = 6,
};

void lcp_accm_init(struct lcp_accm *w)
{
	*w = (struct lcp_accm){.accm = HDLC_ACCM_ALL};
}

/* How many octets are in front of the LCP packet; 0 where the frame carries something else. */
static inline size_t lcp_offset(const uint8_t *frame, size_t len)
{
	size_t at = len >= 2 && frame[0] == PPP_ADDRESS && frame[1] == PPP_CONTROL ? 2 : 0;
	if (len < at + 2 || frame[at] != PPP_LCP >> 8 || frame[at + 1] != (PPP_LCP & 0xff))
		return 0;
	return at + 2;
}

/* What the options of a Configure packet say; "all" where they say nothing. False: they do not add up. */
static bool read_accm(struct wire_reader options, uint32_t *accm)
{
	struct ppp_option o;

	*accm = HDLC_ACCM_ALL;
	while (ppp_next_option(&options, &o)) {
		if (o.type != LCP_OPTION_ACCM)
			continue;
		if (o.len != LCP_OPTION_ACCM_LEN)
			return false;
		struct wire_reader r = wire_read(o.octets, o.len);
		wire_skip(&r, PPP_OPTION_HEADER_LEN);
		*accm = wire_get_be32(&r);
	}
	return !options.failed;
}

static void link_goes_down(struct lcp_accm *w)
{
	w->accm = HDLC_ACCM_ALL;
	w->has_pending = false;
	w->has_request = false;
}

static APART void lcp_from_pppd(struct lcp_accm *w, const uint8_t *octets, size_t len)
{
	struct ppp_packet p = ppp_read_packet(octets, len);
	switch (p.code) {
	case PPP_CONFIGURE_REQUEST:
		link_goes_down(w);
		w->has_request = p.sound && read_accm(p.options, &w->request_accm);
		w->request_id = p.id;
		break;
	case PPP_TERMINATE_REQUEST:
	case PPP_TERMINATE_ACK:
		link_goes_down(w);
		break;
	default:
		break;
	}
}

void lcp_accm_from_pppd(struct lcp_accm *w, const uint8_t *frame, size_t len)
{
	size_t offset = lcp_offset(frame, len);
	if (offset) {
		lcp_from_pppd(w, frame + offset, len - offset);
	} else if (w->has_pending && len) {
		w->accm = w->pending;
		w->has_pending = false;
	}
}

static APART void lcp_to_pppd(struct lcp_accm *w, const uint8_t *octets, size_t len)
{
	struct ppp_packet p = ppp_read_packet(octets, len);
	uint32_t accm;
	bool answers = p.sound && w->has_request && p.id == w->request_id;
	switch (p.code) {
	case PPP_CONFIGURE_REQUEST:
		/* What waits for proof stays: the server's own request commonly follows its
		 * acknowledgment. Where the link was up, pppd answers with a request of its own. */
		w->accm = HDLC_ACCM_ALL;
		break;
	case PPP_CONFIGURE_ACK:
		/* An acknowledgment that differs from the request is one that pppd throws away. */
		if (answers && read_accm(p.options, &accm) && accm == w->request_accm) {
			w->pending = accm;
			w->has_pending = true;
			w->has_request = false;
		}
		break;
	case PPP_CONFIGURE_NAK:
	case PPP_CONFIGURE_REJECT:
		if (answers)
			w->has_request = false;
		break;
	case PPP_TERMINATE_REQUEST:
	case PPP_TERMINATE_ACK:
		link_goes_down(w);
		break;
	default:
		break;
	}
}

uint32_t lcp_accm_to_pppd(struct lcp_accm *w, const uint8_t *frame, size_t len)
{
	size_t offset = lcp_offset(frame, len);
	if (!offset)
		return w->accm;
	lcp_to_pppd(w, frame + offset, len - offset);
	return HDLC_ACCM_ALL;
}
