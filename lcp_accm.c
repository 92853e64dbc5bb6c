/* SPDX-License-Identifier: ISC */
/*
 * Follows the negotiation of the async control character map (RFC 1661 section 5, RFC 1662 section
 * 7.1) as a bystander: takes part in nothing, changes no frame. When in doubt the map is "all",
 * which every receiver understands.
 */
#include "lcp_accm.h"

#include "hdlc.h"
#include "wire.h"

enum {
	PPP_ADDRESS = 0xff,
	PPP_CONTROL = 0x03,
	PPP_LCP_HIGH = 0xc0,
	PPP_LCP_LOW = 0x21,

	LCP_CONFIGURE_REQUEST = 1,
	LCP_CONFIGURE_ACK = 2,
	LCP_CONFIGURE_NAK = 3,
	LCP_CONFIGURE_REJECT = 4,
	LCP_TERMINATE_REQUEST = 5,
	LCP_TERMINATE_ACK = 6,

	LCP_HEADER_LEN = 4,
	LCP_OPTION_HEADER_LEN = 2,
	LCP_OPTION_ACCM = 2,
	LCP_OPTION_ACCM_LEN = 6,
};

struct lcp_packet {
	uint8_t code;
	uint8_t id;
	uint32_t accm; /* what its options say; "all" where they say nothing of it */
	bool sound;    /* its length and those of its options agree */
};

void lcp_accm_init(struct lcp_accm *w)
{
	*w = (struct lcp_accm){.accm = HDLC_ACCM_ALL};
}

/* How many octets are in front of the LCP packet; 0 where the frame carries something else. */
static inline size_t lcp_offset(const uint8_t *frame, size_t len)
{
	size_t at = len >= 2 && frame[0] == PPP_ADDRESS && frame[1] == PPP_CONTROL ? 2 : 0;
	if (len < at + 2 || frame[at] != PPP_LCP_HIGH || frame[at + 1] != PPP_LCP_LOW)
		return 0;
	return at + 2;
}

static bool read_options(struct wire_reader *r, uint32_t *accm)
{
	*accm = HDLC_ACCM_ALL;
	while (wire_left(r)) {
		uint8_t type = wire_get_u8(r);
		uint8_t len = wire_get_u8(r);
		if (r->failed || len < LCP_OPTION_HEADER_LEN)
			return false;
		if (type != LCP_OPTION_ACCM)
			wire_skip(r, len - (size_t)LCP_OPTION_HEADER_LEN);
		else if (len == LCP_OPTION_ACCM_LEN)
			*accm = wire_get_be32(r);
		else
			return false;
	}
	return !r->failed;
}

static struct lcp_packet read_packet(const uint8_t *octets, size_t len)
{
	struct wire_reader r = wire_read(octets, len);
	struct lcp_packet p = {.accm = HDLC_ACCM_ALL};
	p.code = wire_get_u8(&r);
	p.id = wire_get_u8(&r);
	uint16_t packet_len = wire_get_be16(&r);
	if (r.failed || packet_len < LCP_HEADER_LEN || packet_len > len)
		return p;
	/* What is beyond the packet's own length is padding (RFC 1661 section 5). */
	r.len = packet_len;
	if (p.code == LCP_CONFIGURE_REQUEST || p.code == LCP_CONFIGURE_ACK)
		p.sound = read_options(&r, &p.accm);
	else
		p.sound = true;
	return p;
}

static void link_goes_down(struct lcp_accm *w)
{
	w->accm = HDLC_ACCM_ALL;
	w->has_pending = false;
	w->has_request = false;
}

static void lcp_from_pppd(struct lcp_accm *w, const uint8_t *octets, size_t len)
{
	struct lcp_packet p = read_packet(octets, len);
	switch (p.code) {
	case LCP_CONFIGURE_REQUEST:
		link_goes_down(w);
		w->has_request = p.sound;
		w->request_id = p.id;
		w->request_accm = p.accm;
		break;
	case LCP_TERMINATE_REQUEST:
	case LCP_TERMINATE_ACK:
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

static void lcp_to_pppd(struct lcp_accm *w, const uint8_t *octets, size_t len)
{
	struct lcp_packet p = read_packet(octets, len);
	bool answers = p.sound && w->has_request && p.id == w->request_id;
	switch (p.code) {
	case LCP_CONFIGURE_REQUEST:
		/* What waits for proof stays: the server's own request commonly follows its
		 * acknowledgment. Where the link was up, pppd answers with a request of its own. */
		w->accm = HDLC_ACCM_ALL;
		break;
	case LCP_CONFIGURE_ACK:
		/* An acknowledgment that differs from the request is one that pppd throws away. */
		if (answers && p.accm == w->request_accm) {
			w->pending = p.accm;
			w->has_pending = true;
			w->has_request = false;
		}
		break;
	case LCP_CONFIGURE_NAK:
	case LCP_CONFIGURE_REJECT:
		if (answers)
			w->has_request = false;
		break;
	case LCP_TERMINATE_REQUEST:
	case LCP_TERMINATE_ACK:
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
