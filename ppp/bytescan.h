/* SPDX-License-Identifier: ISC */
/*
 * Searches many bytes at once, for framing: a bit mask of where a byte value occurs in a block, and
 * eight bytes as a 64-bit word. Same results on every machine; uses SSE2 where the compiler targets
 * it.
 */
#ifndef PPTP_BYTESCAN_H
#define PPTP_BYTESCAN_H

#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	BYTESCAN_BLOCK = 32, /* bytes; bit n of a mask is byte n of the block */
};

#define EVERY_BYTE(v) ((v)*UINT64_C(0x0101010101010101))

/* Eight bytes, the first in the lowest bits; compilers make one load of it. */
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

/* Sets the top bit of each byte that equals `byte`; no carry from one byte into the next. */
static inline uint64_t bytescan_match_word(uint64_t v, uint8_t byte)
{
	const uint64_t low = EVERY_BYTE(0x7f);
	v ^= EVERY_BYTE(byte);
	return ~(((v & low) + low) | v | low);
}

#ifdef __SSE2__

static inline uint32_t bytescan_match_half(const uint8_t *p, uint8_t byte)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8((char)byte)));
}

#else

static inline uint32_t bytescan_match_8(const uint8_t *p, uint8_t byte)
{
	/* The multiplication gathers the eight marks in the top byte. */
	uint64_t marks = bytescan_match_word(load_le64(p), byte) >> 7;
	return (uint32_t)(marks * UINT64_C(0x0102040810204080) >> 56);
}

static inline uint32_t bytescan_match_half(const uint8_t *p, uint8_t byte)
{
	return bytescan_match_8(p, byte) | bytescan_match_8(p + 8, byte) << 8;
}

#endif

/* The mask of the bytes in the block at p that equal `byte`. */
static inline uint32_t bytescan_match(const uint8_t *p, uint8_t byte)
{
	return bytescan_match_half(p, byte) | bytescan_match_half(p + BYTESCAN_BLOCK / 2, byte)
	                                          << BYTESCAN_BLOCK / 2;
}

/* The index of the first byte in a mask; BYTESCAN_BLOCK if the mask is empty. */
static inline unsigned bytescan_first(uint32_t mask)
{
	return (unsigned)__builtin_ctzll(mask | UINT64_C(1) << BYTESCAN_BLOCK);
}

#endif
