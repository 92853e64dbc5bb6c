/* SPDX-License-Identifier: ISC */
/*
 * FCS-16 of RFC 1662 appendix C.2: polynomial x^16 + x^12 + x^5 + 1, low bit first. Implemented with
 * lookup tables, and with the carry-less multiplication of x86 processors (PCLMULQDQ).
 * tests/fcs16_plain.h has the definition.
 */
#include "ppp/fcs16.h"

#include "ppp/bytescan.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

enum {
	FCS16_STEP = 16, /* bytes processed at once */
};

/*
 * The FCS is linear, so eight values, those of the bytes with one bit set, give all 256 of a slice.
 * XOR8(x, values of index bits 0 to 7) lists x xor every combination of them, in index order.
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

/*
 * fcs_slices[k][b]: what byte b, followed by k bytes, adds to the FCS (all sums are xor). Read
 * backwards from the end of the first row, the arguments are successive states of the shift register.
 */
/* clang-format off */
static const uint16_t fcs_slices[FCS16_STEP][256] = {
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

static inline uint32_t update_byte(uint32_t fcs, uint8_t byte)
{
	return fcs >> 8 ^ fcs_slices[0][(fcs ^ byte) & 0xff];
}

/*
 * FCS16_STEP bytes at once. Only the first two depend on the FCS so far; the lookups of the other
 * fourteen have a sum of their own, so that they do not wait for the previous step.
 */
static inline uint32_t update_step(uint32_t fcs, const uint8_t *p)
{
	const uint16_t(*t)[256] = fcs_slices;
	uint64_t a = load_le64(p);
	uint64_t b = load_le64(p + 8);
	uint32_t rest = (uint32_t)t[7][b & 0xff] ^ t[6][b >> 8 & 0xff] ^ t[5][b >> 16 & 0xff] ^
	                t[4][b >> 24 & 0xff] ^ t[3][b >> 32 & 0xff] ^ t[2][b >> 40 & 0xff] ^
	                t[1][b >> 48 & 0xff] ^ t[0][b >> 56];
	rest ^= (uint32_t)t[13][a >> 16 & 0xff] ^ t[12][a >> 24 & 0xff] ^ t[11][a >> 32 & 0xff] ^
	        t[10][a >> 40 & 0xff] ^ t[9][a >> 48 & 0xff] ^ t[8][a >> 56];
	fcs ^= (uint32_t)a & 0xffff;
	return rest ^ ((uint32_t)t[15][fcs & 0xff] ^ t[14][fcs >> 8]);
}

uint16_t fcs16_sliced(uint16_t fcs, const uint8_t *bytes, size_t len)
{
	uint32_t v = fcs;
	size_t i = 0;
	for (; len - i >= FCS16_STEP; i += FCS16_STEP)
		v = update_step(v, bytes + i);
	for (; i < len; i++)
		v = update_byte(v, bytes[i]);
	return (uint16_t)v;
}

#ifdef __x86_64__

/*
 * Folding. The FCS is the remainder of (bytes * x^16) divided by the polynomial P. Anything with the
 * same remainder may replace the leading bits: 64 bits V, followed by n bits, are V * x^n, which
 * V * (x^n mod P) replaces: a product of 80 bits that overlaps the bits behind V, by one carry-less
 * multiplication. So 16 bytes, two such V, are folded into the next 16 or, in two chains that do not
 * wait for each other, into those 32 bytes further on.
 *
 * Bit 0 of a register is the highest power. The product of two 64-bit registers has 127 bits, which
 * as a 128-bit register is x times too large: so the factor for n is x^(n - 1) mod P. As a 16-bit
 * value, in which the polynomial is 0x8408, that is 0x8000 (the power 0) after n - 1 steps of
 * fcs16_plain's inner loop; POWER moves it to the end of 64 bits.
 */
#define POWER(rest) ((long long)((uint64_t)(rest) << 48))
#define FOLD_64 POWER(0x042b)                      /* x^63 */
#define FOLD_16_BYTES POWER(0x7eea), POWER(0xa95d) /* x^127, x^191 */
#define FOLD_32_BYTES POWER(0x20f3), POWER(0xaac8) /* x^255, x^319 */
/* x^80 / P without its last bit, which changes no result, and P: from x^64 and from x^16 down. */
#define QUOTIENT ((long long)UINT64_C(0x859b040b1c581911))
#define DIVISOR 0x10811LL

#define FOLDING __attribute__((target("pclmul,ssse3")))

FOLDING static inline __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Folds `folded` into `next`, at the distance that `factors` are for. */
FOLDING static inline __m128i fold(__m128i folded, __m128i factors, __m128i next)
{
	__m128i first = _mm_clmulepi64_si128(folded, factors, 0x00);
	__m128i second = _mm_clmulepi64_si128(folded, factors, 0x11);
	return _mm_xor_si128(_mm_xor_si128(first, second), next);
}

/* Folds the first half into the second; at most 16 bits are left in the first, the second time none. */
FOLDING static inline __m128i fold_half(__m128i v)
{
	__m128i second = _mm_unpackhi_epi64(_mm_setzero_si128(), v);
	return _mm_xor_si128(_mm_clmulepi64_si128(v, _mm_set_epi64x(0, FOLD_64), 0x00), second);
}

/* Barrett reduction: division by multiplication with the reciprocal, exact without carries. */
FOLDING static inline uint16_t divide(__m128i v)
{
	const __m128i by = _mm_set_epi64x(DIVISOR, QUOTIENT);
	__m128i whole = _mm_clmulepi64_si128(v, by, 0x01);
	/* v * x^16 has no low 16 bits, so those of whole * P are the remainder: the start of the
	 * second half. */
	return (uint16_t)_mm_extract_epi16(_mm_clmulepi64_si128(whole, by, 0x10), 4);
}

FOLDING static uint16_t fcs16_folded(uint16_t fcs, const uint8_t *bytes, size_t len)
{
	static const uint8_t last_bytes[2 * FCS16_STEP] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
	    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	    11, 12, 13, 14, 15};
	const __m128i by_1 = _mm_set_epi64x(FOLD_16_BYTES), by_2 = _mm_set_epi64x(FOLD_32_BYTES);

	/* The FCS so far is added to the first two bytes, which must be in one piece. */
	if (len % FCS16_STEP == 1) {
		fcs = (uint16_t)update_byte(fcs, *bytes++);
		len--;
	}
	if (len < FCS16_STEP)
		return fcs16_sliced(fcs, bytes, len);
	/* The partial piece comes first, after leading zeros, which change nothing. */
	size_t head = (len - 1) % FCS16_STEP + 1;
	__m128i v = _mm_xor_si128(load(bytes), _mm_cvtsi32_si128(fcs));
	v = _mm_shuffle_epi8(v, load(last_bytes + head));
	const uint8_t *p = bytes + head, *const end = bytes + len;
	if (end - p >= 3 * FCS16_STEP) {
		__m128i w = load(p);
		for (p += FCS16_STEP; end - p >= 2 * FCS16_STEP; p += 2 * FCS16_STEP) {
			v = fold(v, by_2, load(p));
			w = fold(w, by_2, load(p + FCS16_STEP));
		}
		v = fold(v, by_1, w);
	}
	for (; p < end; p += FCS16_STEP)
		v = fold(v, by_1, load(p));
	return divide(fold_half(fold_half(v)));
}

#endif

fcs16_fn *fcs16_fastest(void)
{
#ifdef __x86_64__
	const unsigned needed = bit_PCLMUL | bit_SSSE3;
	unsigned eax, ebx, ecx, edx;
	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & needed) == needed)
		return fcs16_folded;
#endif
	return fcs16_sliced;
}
