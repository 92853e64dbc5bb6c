/* SPDX-License-Identifier: ISC */
/*
 * Watches LCP go by, to know which octets pppd wants escaped in what it receives (RFC 1662 sections
 * 6 and 7: an asynchronous-to-synchronous converter may follow the negotiated ACCM).
 *
 * The map that pppd asked for counts only once pppd uses it: the server's Configure-Ack is not
 * proof, because frames right behind it reach pppd's kernel side before pppd has read it. The first
 * frame from pppd that is not LCP is proof: pppd sends none before it has set up its link. Any
 * Configure-Request either way resets the map to "all".
 */
#ifndef PPTP_LCP_ACCM_H
#define PPTP_LCP_ACCM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lcp_accm {
	uint32_t accm;    /* in force for frames to pppd that are not LCP */
	uint32_t pending; /* asked for by pppd and acknowledged by the server ... */
	bool has_pending; /* ... waiting for proof that pppd uses it */
	bool has_request; /* pppd's last Configure-Request, to be matched with the acknowledgment */
	uint8_t request_id;
	uint32_t request_accm;
};

/* Starts with HDLC_ACCM_ALL in force. */
void lcp_accm_init(struct lcp_accm *w);

/* A frame from pppd (towards the server) goes by. Cheap for frames that are not LCP. */
void lcp_accm_from_pppd(struct lcp_accm *w, const uint8_t *frame, size_t len);

/* A frame to pppd goes by: returns the map to encode it with (LCP frames: HDLC_ACCM_ALL, always). */
uint32_t lcp_accm_to_pppd(struct lcp_accm *w, const uint8_t *frame, size_t len);

#endif
