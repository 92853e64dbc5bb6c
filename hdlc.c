/* SPDX-License-Identifier: ISC */
/*
 * RFC 1662 framing, both directions, sixteen octets at a time: a chunk in which nothing is to be
 * done is copied whole, else a bit mask says where. Owns the framing; the FCS itself is hdlc_fcs.c,
 * the choice of the ACCM lcp_accm.c, and who reads or writes the pty pptp_gre.c.
 */
#include "hdlc.h"

#include <string.h>

#include "hdlc_fcs.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
	CHUNK = HDLC_FCS_STEP,
};

#ifdef __SSE2__

/* Bit n is set where octet n of the chunk is one of the two (or, for controls, below 0x20). */
static inline uint32_t match_either(const uint8_t *p, uint8_t a, uint8_t b, bool controls)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i hit = _mm_or_si128(
	    _mm_cmpeq_epi8(v, _mm_set1_epi8((char)a)), _mm_cmpeq_epi8(v, _mm_set1_epi8((char)b)));
	if (controls)
		hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
	return (uint32_t)_mm_movemask_epi8(hit);
}

#else

#define EVERY_OCTET(v) ((v)*UINT64_C(0x0101010101010101))

/* The top bit of each octet that is zero; no carry from one octet into the next. */
static inline uint64_t zero_octets(uint64_t v)
{
	const uint64_t low = EVERY_OCTET(0x7f);
	return ~(((v & low) + low) | v | low);
}

static inline uint32_t match_word(uint64_t v, uint8_t a, uint8_t b, bool controls)
{
	uint64_t hit = zero_octets(v ^ EVERY_OCTET(a)) | zero_octets(v ^ EVERY_OCTET(b));
	if (controls)
		hit |= zero_octets(v & EVERY_OCTET(0xe0));
	/* The multiplication brings the eight marks side by side into the top octet. */
	return (uint32_t)((hit >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

/* Bit n is set where octet n of the chunk is one of the two (or, for controls, below 0x20). */
static inline uint32_t match_either(const uint8_t *p, uint8_t a, uint8_t b, bool controls)
{
	return match_word(hdlc_load_le64(p), a, b, controls) |
	       match_word(hdlc_load_le64(p + 8), a, b, controls) << 8;
}

#endif

/* The place of the lowest bit of a mask that is not 0. */
static inline unsigned lowest(uint32_t mask)
{
	return (unsigned)__builtin_ctz(mask);
}

static inline bool must_escape(uint8_t octet, uint32_t accm)
{
	return octet < 0x20 ? (accm >> octet & 1) != 0 : octet == HDLC_FLAG || octet == HDLC_ESCAPE;
}

/* Writes one or two octets without a branch; `out` has room for two. */
static inline uint8_t *put_octet(uint8_t *out, uint8_t octet, uint32_t accm)
{
	bool escape = must_escape(octet, accm);
	out[0] = HDLC_ESCAPE;
	out += escape;
	out[0] = escape ? octet ^ HDLC_ESCAPE_BIT : octet;
	return out + 1;
}

/*
 * One chunk where escapes are few: copied whole, then copied again from each octet to be escaped
 * on, one place further. Reads up to CHUNK octets past the chunk, and writes as far past its end.
 */
static inline uint8_t *put_sparse_chunk(
    uint8_t *out, const uint8_t *in, uint32_t accm, bool controls)
{
	memcpy(out, in, CHUNK);
	uint32_t mask = match_either(in, HDLC_ESCAPE, HDLC_FLAG, controls);
	for (; mask; mask &= mask - 1) {
		unsigned at = lowest(mask);
		if (controls && !must_escape(in[at], accm))
			continue;
		memcpy(out + at + 1, in + at, CHUNK);
		out[at] = HDLC_ESCAPE;
		out[at + 1] = in[at] ^ HDLC_ESCAPE_BIT;
		out++;
	}
	return out + CHUNK;
}

static inline uint8_t *put_sparse(
    uint8_t *out, const uint8_t *in, size_t len, uint32_t accm, bool controls, uint32_t *fcs)
{
	uint32_t v = *fcs;
	size_t i = 0;
	for (; len - i >= 2 * CHUNK; i += CHUNK) {
		v = hdlc_fcs_step(v, in + i);
		out = put_sparse_chunk(out, in + i, accm, controls);
	}
	for (; i < len; i++) {
		v = hdlc_fcs_octet(v, in[i]);
		out = put_octet(out, in[i], accm);
	}
	*fcs = v;
	return out;
}

/*
 * With every control octet escaped, random data has an escape in nearly every chunk, and a branch
 * for it would be mispredicted as often: here each octet is one look-up and no branch.
 */
struct dense_entry {
	uint8_t octets[2]; /* to be written: both, or the first alone */
	uint8_t count;
	uint8_t unused;
};

#define DENSE1(c)                                                                                  \
	{                                                                                          \
		.octets = {DENSE_ESCAPED(c) ? HDLC_ESCAPE : (c), (c) ^ HDLC_ESCAPE_BIT},           \
		.count = DENSE_ESCAPED(c) ? 2 : 1                                                  \
	}
#define DENSE_ESCAPED(c) ((c) < 0x20 || (c) == HDLC_ESCAPE || (c) == HDLC_FLAG)
#define DENSE4(c) DENSE1(c), DENSE1((c) + 1), DENSE1((c) + 2), DENSE1((c) + 3)
#define DENSE16(c) DENSE4(c), DENSE4((c) + 4), DENSE4((c) + 8), DENSE4((c) + 12)
#define DENSE64(c) DENSE16(c), DENSE16((c) + 16), DENSE16((c) + 32), DENSE16((c) + 48)

static const struct dense_entry dense[256] = {DENSE64(0), DENSE64(64), DENSE64(128), DENSE64(192)};

static inline uint8_t *put_dense_octet(uint8_t *out, uint8_t octet)
{
	memcpy(out, dense[octet].octets, sizeof(dense[octet].octets));
	return out + dense[octet].count;
}

static inline uint8_t *put_dense_word(uint8_t *out, uint64_t word)
{
	out = put_dense_octet(out, (uint8_t)word);
	out = put_dense_octet(out, (uint8_t)(word >> 8));
	out = put_dense_octet(out, (uint8_t)(word >> 16));
	out = put_dense_octet(out, (uint8_t)(word >> 24));
	out = put_dense_octet(out, (uint8_t)(word >> 32));
	out = put_dense_octet(out, (uint8_t)(word >> 40));
	out = put_dense_octet(out, (uint8_t)(word >> 48));
	return put_dense_octet(out, (uint8_t)(word >> 56));
}

static uint8_t *put_dense(uint8_t *out, const uint8_t *in, size_t len, uint32_t *fcs)
{
	uint32_t v = *fcs;
	size_t i = 0;
	for (; len - i >= CHUNK; i += CHUNK) {
		v = hdlc_fcs_step(v, in + i);
		out = put_dense_word(out, hdlc_load_le64(in + i));
		out = put_dense_word(out, hdlc_load_le64(in + i + 8));
	}
	for (; i < len; i++) {
		v = hdlc_fcs_octet(v, in[i]);
		out = put_dense_octet(out, in[i]);
	}
	*fcs = v;
	return out;
}

size_t hdlc_encode(const uint8_t *frame, size_t len, uint32_t accm, bool open_flag, uint8_t *out)
{
	uint8_t *const begin = out;
	uint32_t fcs = HDLC_FCS_INITIAL;
	if (open_flag)
		*out++ = HDLC_FLAG;
	if (accm == HDLC_ACCM_NONE)
		out = put_sparse(out, frame, len, accm, false, &fcs);
	else if (accm == HDLC_ACCM_ALL)
		out = put_dense(out, frame, len, &fcs);
	else
		out = put_sparse(out, frame, len, accm, true, &fcs);
	fcs = ~fcs;
	out = put_octet(out, (uint8_t)fcs, accm);
	out = put_octet(out, (uint8_t)(fcs >> 8), accm);
	*out++ = HDLC_FLAG;
	return (size_t)(out - begin);
}

void hdlc_decoder_init(struct hdlc_decoder *d, uint8_t *frame, size_t cap)
{
	*d = (struct hdlc_decoder){.frame = frame, .cap = cap};
}

void hdlc_decoder_next_buffer(struct hdlc_decoder *d, uint8_t *frame, size_t cap)
{
	d->frame = frame;
	d->cap = cap;
	d->len = 0;
}

/* Takes in octets one by one: where the run or the buffer is nearly at its end. */
static void take_octets(struct hdlc_decoder *d, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (in[i] == HDLC_ESCAPE && !d->escaped) {
			d->escaped = true;
			continue;
		}
		if (d->len == d->cap) {
			d->oversize = true;
			return;
		}
		d->frame[d->len++] = d->escaped ? in[i] ^ HDLC_ESCAPE_BIT : in[i];
		d->escaped = false;
	}
}

/* One octet without a branch. *after is 1 where the octet before was an escape, else 0. */
static inline uint8_t *unescape_octet(uint8_t *out, uint8_t octet, unsigned *after)
{
	unsigned is_escape = (octet == HDLC_ESCAPE) & (*after ^ 1);
	*out = (uint8_t)(octet ^ *after << 5);
	*after = is_escape;
	return out + (is_escape ^ 1);
}

static inline uint8_t *unescape_word(uint8_t *out, uint64_t word, unsigned *after)
{
	out = unescape_octet(out, (uint8_t)word, after);
	out = unescape_octet(out, (uint8_t)(word >> 8), after);
	out = unescape_octet(out, (uint8_t)(word >> 16), after);
	out = unescape_octet(out, (uint8_t)(word >> 24), after);
	out = unescape_octet(out, (uint8_t)(word >> 32), after);
	out = unescape_octet(out, (uint8_t)(word >> 40), after);
	out = unescape_octet(out, (uint8_t)(word >> 48), after);
	return unescape_octet(out, (uint8_t)(word >> 56), after);
}

/* A chunk with several escapes; `out` has room for a chunk and one more. */
static inline uint8_t *unescape_chunk(uint8_t *out, const uint8_t *in, bool *escaped)
{
	unsigned after = *escaped;
	out = unescape_word(out, hdlc_load_le64(in), &after);
	out = unescape_word(out, hdlc_load_le64(in + 8), &after);
	*escaped = after != 0;
	return out;
}

/* Undoes the escaping of octets without a flag among them, behind what the decoder already has. */
static void take_run(struct hdlc_decoder *d, const uint8_t *in, size_t len)
{
	uint8_t *out = d->frame + d->len;
	const uint8_t *const last = d->frame + d->cap;
	bool escaped = d->escaped;
	size_t i = 0;
	/* A chunk with a lone escape is copied in two parts, each of a whole chunk's length. */
	for (; len - i >= 2 * CHUNK && (size_t)(last - out) >= 2 * CHUNK; i += CHUNK) {
		uint32_t mask = match_either(in + i, HDLC_ESCAPE, HDLC_ESCAPE, false);
		if (escaped || (mask & (mask - 1))) {
			out = unescape_chunk(out, in + i, &escaped);
			continue;
		}
		memcpy(out, in + i, CHUNK);
		out += CHUNK;
		if (mask) {
			unsigned at = lowest(mask);
			uint8_t *hole = out - CHUNK + at;
			memcpy(hole, in + i + at + 1, CHUNK);
			hole[0] ^= at < CHUNK - 1 ? HDLC_ESCAPE_BIT : 0;
			escaped = at == CHUNK - 1;
			out--;
		}
	}
	if (len - i >= CHUNK && (size_t)(last - out) > CHUNK) {
		out = unescape_chunk(out, in + i, &escaped);
		i += CHUNK;
	}
	d->len = (size_t)(out - d->frame);
	d->escaped = escaped;
	take_octets(d, in + i, len - i);
}

/* A flag came: what is to be said of the frame that it closes; HDLC_MORE where there was none. */
static enum hdlc_event close_frame(struct hdlc_decoder *d)
{
	enum hdlc_event event = HDLC_FRAME;
	if (!d->in_frame || (d->len == 0 && !d->escaped && !d->oversize))
		event = HDLC_MORE;
	else if (d->oversize)
		event = HDLC_OVERSIZE;
	else if (d->escaped)
		event = HDLC_ABORTED;
	else if (d->len < HDLC_FRAME_MIN)
		event = HDLC_SHORT;
	else if (hdlc_fcs(HDLC_FCS_INITIAL, d->frame, d->len) != HDLC_FCS_GOOD)
		event = HDLC_BAD_FCS;
	d->frame_len = event == HDLC_FRAME ? d->len - HDLC_FCS_LEN : 0;
	d->in_frame = true;
	d->len = 0;
	d->escaped = false;
	d->oversize = false;
	return event;
}

enum hdlc_event hdlc_decode(struct hdlc_decoder *d, const uint8_t *in, size_t len, size_t *used)
{
	size_t i = 0;
	while (i < len) {
		const uint8_t *flag = memchr(in + i, HDLC_FLAG, len - i);
		size_t run = flag ? (size_t)(flag - (in + i)) : len - i;
		if (d->in_frame && !d->oversize && run)
			take_run(d, in + i, run);
		i += run;
		if (!flag)
			break;
		i++;
		enum hdlc_event event = close_frame(d);
		if (event != HDLC_MORE) {
			*used = i;
			return event;
		}
	}
	*used = len;
	return HDLC_MORE;
}
