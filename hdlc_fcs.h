/* SPDX-License-Identifier: ISC */
/*
 * The inside of FCS-16 (RFC 1662 section C.2), for hdlc.c alone, which takes the FCS in the same
 * pass as the escaping. Everyone else calls hdlc_fcs() of hdlc.h.
 */
#ifndef PPTP_HDLC_FCS_H
#define PPTP_HDLC_FCS_H

#include <stdint.h>

enum {
	HDLC_FCS_STEP = 16, /* octets that hdlc_fcs_step takes */
};

/* hdlc_fcs_slices[k][b]: what octet b, followed by k octets, adds to the FCS (all sums are xor). */
extern const uint16_t hdlc_fcs_slices[HDLC_FCS_STEP][256];

/* Eight octets, the first in the lowest bits, on any machine; compilers make one load of it. */
static inline uint64_t hdlc_load_le64(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

static inline uint32_t hdlc_fcs_octet(uint32_t fcs, uint8_t octet)
{
	return fcs >> 8 ^ hdlc_fcs_slices[0][(fcs ^ octet) & 0xff];
}

/*
 * HDLC_FCS_STEP octets at once. Only the first two of them meet the FCS so far; the look-ups of the
 * other fourteen are summed up apart, so that they do not wait for the step before.
 */
static inline uint32_t hdlc_fcs_step(uint32_t fcs, const uint8_t *p)
{
	const uint16_t(*t)[256] = hdlc_fcs_slices;
	uint64_t a = hdlc_load_le64(p);
	uint64_t b = hdlc_load_le64(p + 8);
	uint32_t rest = (uint32_t)t[7][b & 0xff] ^ t[6][b >> 8 & 0xff] ^ t[5][b >> 16 & 0xff] ^
	                t[4][b >> 24 & 0xff] ^ t[3][b >> 32 & 0xff] ^ t[2][b >> 40 & 0xff] ^
	                t[1][b >> 48 & 0xff] ^ t[0][b >> 56];
	rest ^= (uint32_t)t[13][a >> 16 & 0xff] ^ t[12][a >> 24 & 0xff] ^ t[11][a >> 32 & 0xff] ^
	        t[10][a >> 40 & 0xff] ^ t[9][a >> 48 & 0xff] ^ t[8][a >> 56];
	fcs ^= (uint32_t)a & 0xffff;
	return rest ^ ((uint32_t)t[15][fcs & 0xff] ^ t[14][fcs >> 8]);
}

#endif
