/* SPDX-License-Identifier: ISC */
/*
 * RFC 1662 framing, both directions, sixteen octets at a time: a chunk in which nothing is to be
 * done is copied whole, else a bit mask says where. Owns the framing; the FCS itself is hdlc_fcs.c,
 * the choice of the ACCM lcp_accm.c, and who reads or writes the pty gre_path.c.
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

#define EVERY_OCTET(v) ((v)*UINT64_C(0x0101010101010101))

/* The top bit of each octet that is `octet`; no carry from one octet into the next. */
static inline uint64_t match_word(uint64_t v, uint8_t octet)
{
	const uint64_t low = EVERY_OCTET(0x7f);
	v ^= EVERY_OCTET(octet);
	return ~(((v & low) + low) | v | low);
}

#ifdef __SSE2__

/* Bit n is set where octet n of the chunk is one of the two. */
static inline uint32_t match_either(const uint8_t *p, uint8_t a, uint8_t b)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i hit = _mm_or_si128(
	    _mm_cmpeq_epi8(v, _mm_set1_epi8((char)a)), _mm_cmpeq_epi8(v, _mm_set1_epi8((char)b)));
	return (uint32_t)_mm_movemask_epi8(hit);
}

#else

static inline uint32_t match_either_in_word(uint64_t v, uint8_t a, uint8_t b)
{
	uint64_t hit = match_word(v, a) | match_word(v, b);
	/* The multiplication brings the eight marks side by side into the top octet. */
	return (uint32_t)((hit >> 7) * UINT64_C(0x0102040810204080) >> 56);
}

/* Bit n is set where octet n of the chunk is one of the two. */
static inline uint32_t match_either(const uint8_t *p, uint8_t a, uint8_t b)
{
	return match_either_in_word(hdlc_load_le64(p), a, b) |
	       match_either_in_word(hdlc_load_le64(p + 8), a, b) << 8;
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
static inline uint8_t *put_sparse_chunk(uint8_t *out, const uint8_t *in)
{
	memcpy(out, in, CHUNK);
	uint32_t mask = match_either(in, HDLC_ESCAPE, HDLC_FLAG);
	for (; mask; mask &= mask - 1) {
		unsigned at = lowest(mask);
		memcpy(out + at + 1, in + at, CHUNK);
		out[at] = HDLC_ESCAPE;
		out[at + 1] = in[at] ^ HDLC_ESCAPE_BIT;
		out++;
	}
	return out + CHUNK;
}

/* With no control octet to be escaped. */
static uint8_t *put_sparse(uint8_t *out, const uint8_t *in, size_t len, uint32_t *fcs)
{
	uint32_t v = *fcs;
	size_t i = 0;
	for (; len - i >= 2 * CHUNK; i += CHUNK) {
		v = hdlc_fcs_step(v, in + i);
		out = put_sparse_chunk(out, in + i);
	}
	for (; i < len; i++) {
		v = hdlc_fcs_octet(v, in[i]);
		out = put_octet(out, in[i], HDLC_ACCM_NONE);
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

static inline uint8_t *put_dense_octet(
    uint8_t *out, const struct dense_entry *table, uint64_t octet)
{
	const struct dense_entry *e = &table[octet & 0xff];
	memcpy(out, e->octets, sizeof(e->octets));
	return out + e->count;
}

static inline uint8_t *put_dense_word(uint8_t *out, const struct dense_entry *table, uint64_t word)
{
	out = put_dense_octet(out, table, word);
	out = put_dense_octet(out, table, word >> 8);
	out = put_dense_octet(out, table, word >> 16);
	out = put_dense_octet(out, table, word >> 24);
	out = put_dense_octet(out, table, word >> 32);
	out = put_dense_octet(out, table, word >> 40);
	out = put_dense_octet(out, table, word >> 48);
	return put_dense_octet(out, table, word >> 56);
}

static uint8_t *put_dense(
    uint8_t *out, const struct dense_entry *table, const uint8_t *in, size_t len, uint32_t *fcs)
{
	uint32_t v = *fcs;
	size_t i = 0;
	for (; len - i >= CHUNK; i += CHUNK) {
		v = hdlc_fcs_step(v, in + i);
		out = put_dense_word(out, table, hdlc_load_le64(in + i));
		out = put_dense_word(out, table, hdlc_load_le64(in + i + 8));
	}
	for (; i < len; i++) {
		v = hdlc_fcs_octet(v, in[i]);
		out = put_dense_octet(out, table, in[i]);
	}
	*fcs = v;
	return out;
}

/* An ACCM between the extremes is rare, and the table for it soon made. */
static uint8_t *put_some(uint8_t *out, const uint8_t *in, size_t len, uint32_t accm, uint32_t *fcs)
{
	struct dense_entry table[256];
	memcpy(table, dense, sizeof(table));
	for (uint8_t c = 0; c < 0x20; c++) {
		if (!must_escape(c, accm))
			table[c] = (struct dense_entry){.octets = {c, c}, .count = 1};
	}
	return put_dense(out, table, in, len, fcs);
}

size_t hdlc_encode(const uint8_t *frame, size_t len, uint32_t accm, bool open_flag, uint8_t *out)
{
	uint8_t *const begin = out;
	uint32_t fcs = HDLC_FCS_INITIAL;
	if (open_flag)
		*out++ = HDLC_FLAG;
	if (accm == HDLC_ACCM_NONE)
		out = put_sparse(out, frame, len, &fcs);
	else if (accm == HDLC_ACCM_ALL)
		out = put_dense(out, dense, frame, len, &fcs);
	else
		out = put_some(out, frame, len, accm, &fcs);
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

/* One octet without a branch. *after is 1 where the octet before was an escape, else 0. */
static inline uint8_t *unescape_octet(uint8_t *out, uint8_t octet, unsigned *after)
{
	unsigned is_escape = (octet == HDLC_ESCAPE) & (*after ^ 1);
	*out = (uint8_t)(octet ^ *after << 5);
	*after = is_escape;
	return out + (is_escape ^ 1);
}

static uint8_t *unescape_octets(uint8_t *out, uint64_t word, unsigned *after)
{
	for (int shift = 0; shift < 64; shift += 8)
		out = unescape_octet(out, (uint8_t)(word >> shift), after);
	return out;
}

/* Takes out of a word the octet that `mark` names by its top bit; none where it is 0. */
static inline uint64_t close_up(uint64_t word, uint64_t mark)
{
	uint64_t below = (mark >> 7) - 1;
	return (word & below) | (word >> 8 & ~below);
}

/*
 * Eight octets in a register. Up to two escapes, which is what random data under any ACCM mostly
 * has, are taken out without a branch. Writes eight octets, whatever it returns.
 */
static inline uint8_t *unescape_word(uint8_t *out, uint64_t word, unsigned *after)
{
	uint64_t marks = match_word(word, HDLC_ESCAPE) & ~(uint64_t)(*after * 0xff);
	uint64_t second = marks & (marks - 1), third = second & (second - 1);
	if ((marks & marks << 8) | third)
		return unescape_octets(out, word, after);
	uint64_t first = marks ^ second;
	word ^= (marks >> 2 << 8) | *after << 5;
	word = close_up(close_up(word, first), second >> 8);
	*after = (unsigned)(marks >> 63);
	store_le64(out, word);
	return out + 8 - (first != 0) - (second != 0);
}

/* Undoes the escaping of octets without a flag among them, behind what the decoder already has. */
static void take_run(struct hdlc_decoder *d, const uint8_t *in, size_t len)
{
	uint8_t *out = d->frame + d->len;
	const uint8_t *const end = d->frame + d->cap;
	unsigned after = d->escaped;
	size_t i = 0;
	for (; len - i >= CHUNK && (size_t)(end - out) > CHUNK; i += CHUNK) {
		if (!after && !match_either(in + i, HDLC_ESCAPE, HDLC_ESCAPE)) {
			memcpy(out, in + i, CHUNK);
			out += CHUNK;
		} else {
			out = unescape_word(out, hdlc_load_le64(in + i), &after);
			out = unescape_word(out, hdlc_load_le64(in + i + 8), &after);
		}
	}
	d->len = (size_t)(out - d->frame);
	d->escaped = after != 0;
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
