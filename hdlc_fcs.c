/* SPDX-License-Identifier: ISC */
/*
 * FCS-16 of RFC 1662 section C.2: polynomial x^16 + x^12 + x^5 + 1, low bit first. The tables and
 * the loops over whole runs; the step of several octets is in hdlc_fcs.h.
 */
#include "hdlc_fcs.h"

#include "hdlc.h"

enum {
	FCS_POLYNOMIAL = 0x8408,
};

/*
 * The FCS is linear, so that eight values make a slice of 256: those of octets with one bit set.
 * XOR8(x, bits of the index from the lowest up) lists x plus every sum of them, in order.
 */
#define XOR1(x, a) (x), (x) ^ (a)
#define XOR2(x, a, b) XOR1(x, a), XOR1((x) ^ (b), a)
#define XOR3(x, a, b, c) XOR2(x, a, b), XOR2((x) ^ (c), a, b)
#define XOR4(x, a, b, c, d) XOR3(x, a, b, c), XOR3((x) ^ (d), a, b, c)
#define XOR5(x, a, b, c, d, e) XOR4(x, a, b, c, d), XOR4((x) ^ (e), a, b, c, d)
#define XOR6(x, a, b, c, d, e, f) XOR5(x, a, b, c, d, e), XOR5((x) ^ (f), a, b, c, d, e)
#define XOR7(x, a, b, c, d, e, f, g) XOR6(x, a, b, c, d, e, f), XOR6((x) ^ (g), a, b, c, d, e, f)
#define XOR8(x, a, b, c, d, e, f, g, h)                                                            \
	XOR7(x, a, b, c, d, e, f, g), XOR7((x) ^ (h), a, b, c, d, e, f, g)
#define SLICE(...)                                                                                 \
	{                                                                                          \
		XOR8(0, __VA_ARGS__)                                                               \
	}

/* From the last value of the first row backwards these are the states that the shift register takes. */
/* clang-format off */
const uint16_t hdlc_fcs_slices[HDLC_FCS_STEP][256] = {
	SLICE(0x1189, 0x2312, 0x4624, 0x8c48, 0x1081, 0x2102, 0x4204, 0x8408),
	SLICE(0x19d8, 0x33b0, 0x6760, 0xcec0, 0x9591, 0x2333, 0x4666, 0x8ccc),
	SLICE(0x5adc, 0xb5b8, 0x6361, 0xc6c2, 0x8595, 0x033b, 0x0676, 0x0cec),
	SLICE(0x1cbb, 0x3976, 0x72ec, 0xe5d8, 0xc3a1, 0x8f53, 0x16b7, 0x2d6e),
	SLICE(0x0b44, 0x1688, 0x2d10, 0x5a20, 0xb440, 0x6091, 0xc122, 0x8a55),
	SLICE(0x042b, 0x0856, 0x10ac, 0x2158, 0x42b0, 0x8560, 0x02d1, 0x05a2),
	SLICE(0x9fd5, 0x37bb, 0x6f76, 0xdeec, 0xb5c9, 0x6383, 0xc706, 0x861d),
	SLICE(0x81bf, 0x0b6f, 0x16de, 0x2dbc, 0x5b78, 0xb6f0, 0x65f1, 0xcbe2),
	SLICE(0x4dfd, 0x9bfa, 0x3fe5, 0x7fca, 0xff94, 0xf739, 0xe663, 0xc4d7),
	SLICE(0x2c27, 0x584e, 0xb09c, 0x6929, 0xd252, 0xacb5, 0x517b, 0xa2f6),
	SLICE(0x5591, 0xab22, 0x5e55, 0xbcaa, 0x7145, 0xe28a, 0xcd05, 0x921b),
	SLICE(0x8555, 0x02bb, 0x0576, 0x0aec, 0x15d8, 0x2bb0, 0x5760, 0xaec0),
	SLICE(0x05ad, 0x0b5a, 0x16b4, 0x2d68, 0x5ad0, 0xb5a0, 0x6351, 0xc6a2),
	SLICE(0x7eea, 0xfdd4, 0xf3b9, 0xef63, 0xd6d7, 0xa5bf, 0x436f, 0x86de),
	SLICE(0x482a, 0x9054, 0x28b9, 0x5172, 0xa2e4, 0x4dd9, 0x9bb2, 0x3f75),
	SLICE(0x8e10, 0x1431, 0x2862, 0x50c4, 0xa188, 0x4b01, 0x9602, 0x2415),
};
/* clang-format on */

uint16_t hdlc_fcs_plain(uint16_t fcs, const uint8_t *octets, size_t len)
{
	uint32_t v = fcs;
	for (size_t i = 0; i < len; i++) {
		v ^= octets[i];
		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ FCS_POLYNOMIAL : v >> 1;
	}
	return (uint16_t)v;
}

uint16_t hdlc_fcs(uint16_t fcs, const uint8_t *octets, size_t len)
{
	uint32_t v = fcs;
	size_t i = 0;
	for (; len - i >= HDLC_FCS_STEP; i += HDLC_FCS_STEP)
		v = hdlc_fcs_step(v, octets + i);
	for (; i < len; i++)
		v = hdlc_fcs_octet(v, octets[i]);
	return (uint16_t)v;
}
