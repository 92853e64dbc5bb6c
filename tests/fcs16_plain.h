/* SPDX-License-Identifier: ISC */
/* FCS-16 from its definition, bit by bit: the polynomial x^16 + x^12 + x^5 + 1, low bit first. */
#ifndef PPTP_TESTS_FCS16_PLAIN_H
#define PPTP_TESTS_FCS16_PLAIN_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t fcs16_plain(uint16_t fcs, const uint8_t *bytes, size_t len)
{
	uint32_t v = fcs;
	for (size_t i = 0; i < len; i++) {
		v ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			v = v & 1 ? v >> 1 ^ 0x8408 : v >> 1;
	}
	return (uint16_t)v;
}

#endif
