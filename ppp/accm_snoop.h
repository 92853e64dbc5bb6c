/* SPDX-License-Identifier: ISC */
/*
 * Snoops on LCP to learn which bytes pppd wants escaped in what it receives: its Async Control
 * Character Map, ACCM (RFC 1662 section 7.1). An asynchronous-to-synchronous converter, which the
 * gateway is, escapes for the synchronous side (section 6). Changes no frame and does no I/O.
 *
 * The ACCM that pppd has requested takes effect only once pppd uses it. The server's Configure-Ack
 * does not prove that: frames right behind it reach pppd's kernel side before pppd has read it. The
 * first frame from pppd that is not LCP does, because pppd sends none before it has configured its
 * link. Any Configure-Request, in either direction, resets the ACCM to "all".
 */
#ifndef PPTP_ACCM_SNOOP_H
#define PPTP_ACCM_SNOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct accm_snoop {
	uint32_t accm;    /* in effect for frames to pppd that are not LCP */
	uint32_t pending; /* requested by pppd and acknowledged by the server ... */
	bool has_pending; /* ... but not yet known to be in use by pppd */
	bool has_request; /* pppd's last Configure-Request is not answered: */
	uint8_t request_id;
	uint32_t request_accm;
};

/* HDLC_ACCM_ALL is in effect first. */
void accm_snoop_init(struct accm_snoop *s);

/* Call for each frame from pppd (without FCS, `len` bytes). Cheap for frames that are not LCP. */
void accm_snoop_from_pppd(struct accm_snoop *s, const uint8_t *frame, size_t len);

/* Call for each frame to pppd; returns the ACCM to encode it with: for LCP always HDLC_ACCM_ALL. */
uint32_t accm_snoop_to_pppd(struct accm_snoop *s, const uint8_t *frame, size_t len);

#endif
