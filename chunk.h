/* SPDX-License-Identifier: ISC */
/*
 * Many octets in one go, for framing: where in a chunk some octet stands, as a bit mask, and eight
 * octets as a word. The same on every machine, faster where there is SSE2.
 */
#ifndef PPTP_CHUNK_H
#define PPTP_CHUNK_H

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	CHUNK = 32, /* octets; bit n of a mask is octet n of the chunk */
};

#define EVERY_OCTET(v) ((v)*UINT64_C(0x0101010101010101))

/* Eight octets, the first in the lowest bits, on any machine; compilers make one load of it. */
static inline uint64_t load_le64(const uint8_t *p)
{
	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
	       (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	       (uint64_t)p[7] << 56;
}

/* Compilers make one store of it. */
static inline void store_le64(uint8_t *p, uint64_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
	p[4] = (uint8_t)(v >> 32);
	p[5] = (uint8_t)(v >> 40);
	p[6] = (uint8_t)(v >> 48);
	p[7] = (uint8_t)(v >> 56);
}

/* The top bit of each octet that is `octet`; no carry from one octet into the next. */
static inline uint64_t word_match(uint64_t v, uint8_t octet)
{
	const uint64_t low = EVERY_OCTET(0x7f);
	v ^= EVERY_OCTET(octet);
	return ~(((v & low) + low) | v | low);
}

#ifdef __SSE2__

static inline uint32_t half_chunk_match(const uint8_t *p, uint8_t octet)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)octet)));
}

#else

static inline uint32_t word_match_bits(const uint8_t *p, uint8_t octet)
{
	/* The multiplication brings the eight marks side by side into the top octet. */
	uint64_t marks = word_match(load_le64(p), octet) >> 7;
	return (uint32_t)(marks * UINT64_C(0x0102040810204080) >> 56);
}

static inline uint32_t half_chunk_match(const uint8_t *p, uint8_t octet)
{
	return word_match_bits(p, octet) | word_match_bits(p + 8, octet) << 8;
}

#endif

/* Where in the chunk the octet stands. */
static inline uint32_t chunk_match(const uint8_t *p, uint8_t octet)
{
	return half_chunk_match(p, octet) | half_chunk_match(p + CHUNK / 2, octet) << CHUNK / 2;
}

/* The place of the first octet of a mask; CHUNK where there is none. */
static inline unsigned chunk_first(uint32_t mask)
{
	return (unsigned)__builtin_ctzll(mask | UINT64_C(1) << CHUNK);
}

#endif
