/* SPDX-License-Identifier: ISC */
/*
 * RFC 1662 framing, both directions, a chunk of octets at a time: bit masks say where in it
 * something is to be done. Owns the framing; the FCS itself is hdlc_fcs.c, the choice of the ACCM
 * lcp_accm.c, and who reads or writes the pty gre_path.c.
 */
#include "ppp/hdlc.h"

#include <string.h>

#include "chunk.h"

_Static_assert(HDLC_AHEAD >= 2 * CHUNK, "what put_sparse_chunk writes behind its octets");

/*
 * One chunk where escapes are few: copied whole, then copied again from each octet to be escaped
 * on, one place further. The first is done without asking whether there is one, as that could not
 * be predicted: it may stand behind the chunk, and what is written then does not count. Reads up to
 * CHUNK octets past the chunk, and writes as far and one more past its end.
 */
static inline uint8_t *put_sparse_chunk(uint8_t *out, const uint8_t *in)
{
	uint32_t mask = chunk_match(in, HDLC_ESCAPE) | chunk_match(in, HDLC_FLAG);
	memcpy(out, in, CHUNK);
	do {
		unsigned at = chunk_first(mask);
		memcpy(out + at + 1, in + at, CHUNK);
		out[at] = HDLC_ESCAPE;
		out[at + 1] = in[at] ^ HDLC_ESCAPE_BIT;
		out += mask != 0;
		mask &= mask - 1;
	} while (mask);
	return out + CHUNK;
}

/* With no control octet to be escaped. The last octets and the FCS are made up to whole chunks. */
static uint8_t *put_sparse(uint8_t *out, const uint8_t *in, size_t len, const uint8_t *fcs)
{
	size_t i = 0;
	for (; len - i >= 2 * CHUNK; i += CHUNK)
		out = put_sparse_chunk(out, in + i);

	uint8_t tail[4 * CHUNK] = {0};
	size_t left = len - i;
	memcpy(tail, in + i, left);
	memcpy(tail + left, fcs, HDLC_FCS_LEN);
	left += HDLC_FCS_LEN;
	for (i = 0; i < left; i += CHUNK)
		out = put_sparse_chunk(out, tail + i);
	return out - (i - left);
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

/* Writes two octets, whatever it returns. */
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
    uint8_t *out, const struct dense_entry *table, const uint8_t *in, size_t len)
{
	size_t i = 0;
	for (; len - i >= 8; i += 8)
		out = put_dense_word(out, table, load_le64(in + i));
	for (; i < len; i++)
		out = put_dense_octet(out, table, in[i]);
	return out;
}

/* An ACCM between the extremes is rare, and the table for it soon made. */
static void make_table(struct dense_entry *table, uint32_t accm)
{
	memcpy(table, dense, sizeof(dense));
	for (uint8_t c = 0; c < 0x20; c++) {
		if (!(accm >> c & 1))
			table[c] = (struct dense_entry){.octets = {c, c}, .count = 1};
	}
}

size_t hdlc_encode(hdlc_fcs_fn *take_fcs, const uint8_t *frame, size_t len, uint32_t accm,
    bool open_flag, uint8_t *out)
{
	uint8_t *const begin = out;
	unsigned sum = take_fcs(HDLC_FCS_INITIAL, frame, len) ^ 0xffffu;
	const uint8_t fcs[HDLC_FCS_LEN] = {(uint8_t)sum, (uint8_t)(sum >> 8)};
	if (open_flag)
		*out++ = HDLC_FLAG;
	if (accm == HDLC_ACCM_NONE) {
		out = put_sparse(out, frame, len, fcs);
	} else {
		struct dense_entry own[256];
		const struct dense_entry *table = dense;
		if (accm != HDLC_ACCM_ALL) {
			make_table(own, accm);
			table = own;
		}
		out = put_dense(out, table, frame, len);
		out = put_dense(out, table, fcs, sizeof(fcs));
	}
	*out++ = HDLC_FLAG;
	return (size_t)(out - begin);
}

void hdlc_decoder_init(struct hdlc_decoder *d, hdlc_fcs_fn *take_fcs, uint8_t *frame, size_t cap)
{
	*d = (struct hdlc_decoder){.take_fcs = take_fcs, .frame = frame, .cap = cap};
}

void hdlc_decoder_next_buffer(struct hdlc_decoder *d, uint8_t *frame, size_t cap)
{
	d->frame = frame;
	d->cap = cap;
	d->len = 0;
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
	uint64_t marks = word_match(word, HDLC_ESCAPE) & ~(uint64_t)(*after * 0xff);
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

static uint8_t *unescape_run(uint8_t *out, const uint8_t *in, size_t len, unsigned *after)
{
	size_t i = 0;
	for (; len - i >= 8; i += 8)
		out = unescape_word(out, load_le64(in + i), after);
	for (; i < len; i++)
		out = unescape_octet(out, in[i], after);
	return out;
}

/*
 * The first n octets of one chunk, no flag among them. With one escape, or none, all behind it is
 * copied again, one place back, without asking which of the two it is: that could not be predicted.
 * Reads up to CHUNK + 1 octets past the chunk, and writes 2 * CHUNK.
 */
static inline uint8_t *take_chunk(uint8_t *out, const uint8_t *in, size_t n, unsigned *after)
{
	uint32_t these = (uint32_t)((UINT64_C(1) << n) - 1);
	uint32_t last = these ^ these >> 1;
	uint32_t escapes = chunk_match(in, HDLC_ESCAPE) & these;
	if (*after || escapes & (escapes - 1) || escapes & last)
		return unescape_run(out, in, n, after);
	unsigned at = chunk_first(escapes);
	memcpy(out, in, CHUNK);
	memcpy(out + at, in + at + 1, CHUNK);
	out[at] = in[at + 1] ^ HDLC_ESCAPE_BIT;
	return out + n - (escapes != 0);
}

/* Takes in octets one by one: where the input or the buffer is nearly at its end. */
static size_t take_octets(struct hdlc_decoder *d, const uint8_t *in, size_t len)
{
	size_t i = 0;
	for (; i < len && in[i] != HDLC_FLAG; i++) {
		if (in[i] == HDLC_ESCAPE && !d->escaped) {
			d->escaped = true;
			continue;
		}
		if (d->len == d->cap) {
			d->oversize = true;
			break;
		}
		d->frame[d->len++] = d->escaped ? in[i] ^ HDLC_ESCAPE_BIT : in[i];
		d->escaped = false;
	}
	return i;
}

/* Takes in octets up to a flag, the end of the input, or one that does not fit; how many. */
static size_t take_run(struct hdlc_decoder *d, const uint8_t *in, size_t len)
{
	uint8_t *out = d->frame + d->len;
	const uint8_t *const end = d->frame + d->cap;
	unsigned after = d->escaped;
	size_t i = 0;
	for (; len - i > 2 * CHUNK && end - out >= 2 * CHUNK; i += CHUNK) {
		uint32_t flags = chunk_match(in + i, HDLC_FLAG);
		if (flags) {
			size_t n = chunk_first(flags);
			out = take_chunk(out, in + i, n, &after);
			i += n;
			break;
		}
		out = take_chunk(out, in + i, CHUNK, &after);
	}
	d->len = (size_t)(out - d->frame);
	d->escaped = after != 0;
	return i + take_octets(d, in + i, len - i);
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
	else if (d->take_fcs(HDLC_FCS_INITIAL, d->frame, d->len) != HDLC_FCS_GOOD)
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
		if (d->in_frame && !d->oversize)
			i += take_run(d, in + i, len - i);
		const uint8_t *flag = memchr(in + i, HDLC_FLAG, len - i);
		if (!flag)
			break;
		i = (size_t)(flag - in) + 1;
		enum hdlc_event event = close_frame(d);
		if (event != HDLC_MORE) {
			*used = i;
			return event;
		}
	}
	*used = len;
	return HDLC_MORE;
}
