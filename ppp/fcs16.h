/* SPDX-License-Identifier: ISC */
/*
 * FCS-16 of RFC 1662 section C.2, in several ways that give the same. Which one to take is the
 * caller's to know: nothing is kept here.
 */
#ifndef PPTP_HDLC_FCS_H
#define PPTP_HDLC_FCS_H

#include <stddef.h>
#include <stdint.h>

enum {
	HDLC_FCS_LEN = 2,
	HDLC_FCS_INITIAL = 0xffff,
	HDLC_FCS_GOOD = 0xf0b8, /* over a frame and its FCS */
};

/* The FCS of more octets on top of `fcs`; start with HDLC_FCS_INITIAL. */
typedef uint16_t hdlc_fcs_fn(uint16_t fcs, const uint8_t *octets, size_t len);

/* Octet by octet from the definition: what the tests hold the others against. */
uint16_t hdlc_fcs_plain(uint16_t fcs, const uint8_t *octets, size_t len);

/* Sixteen octets at a time, with tables: for any machine. */
uint16_t hdlc_fcs_sliced(uint16_t fcs, const uint8_t *octets, size_t len);

/* The fastest that this processor has. Asking it takes microseconds in a virtual machine: once a call. */
hdlc_fcs_fn *hdlc_fcs_fastest(void);

#endif
