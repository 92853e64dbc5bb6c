/* SPDX-License-Identifier: ISC */
/*
 * RFC 1662 framing in both directions, a block of 32 bytes at a time: bit masks give the positions
 * of flags and escapes. Owns the framing only: fcs16.c computes the FCS, accm_snoop.c chooses the
 * ACCM, and the gateway reads and writes the pty.
 */
#include "ppp/hdlc.h"

#include <string.h>

#include "ppp/bytescan.h"

_Static_assert(HDLC_SLACK >= 2 * BYTESCAN_BLOCK,
    "padding to a whole block, and what put_sparse_block writes past that");

/*
 * One block with few escapes: copies all of it, then again from each byte to be escaped on, one
 * place further. The first round runs even if there is no such byte, because a branch on that would
 * be mispredicted: `at` is then the end of the block, and what is written there is slack. Reads up
 * to BYTESCAN_BLOCK bytes past the block, and writes as many and one more past its end.
 */
static inline uint8_t *put_sparse_block(uint8_t *out, const uint8_t *in)
{
	uint32_t mask = bytescan_match(in, HDLC_ESCAPE) | bytescan_match(in, HDLC_FLAG);
	memcpy(out, in, BYTESCAN_BLOCK);
	do {
		unsigned at = bytescan_first(mask);
		memcpy(out + at + 1, in + at, BYTESCAN_BLOCK);
		out[at] = HDLC_ESCAPE;
		out[at + 1] = in[at] ^ HDLC_ESCAPE_BIT;
		out += mask != 0;
		mask &= mask - 1;
	} while (mask);
	return out + BYTESCAN_BLOCK;
}

/* Encodes without escapes for control bytes. The last bytes and the FCS are padded to whole blocks. */
static uint8_t *put_sparse(uint8_t *out, const uint8_t *in, size_t len, const uint8_t *fcs)
{
	size_t i = 0;
	for (; len - i >= 2 * BYTESCAN_BLOCK; i += BYTESCAN_BLOCK)
		out = put_sparse_block(out, in + i);

	uint8_t tail[4 * BYTESCAN_BLOCK] = {0};
	size_t left = len - i;
	memcpy(tail, in + i, left);
	memcpy(tail + left, fcs, FCS16_LEN);
	left += FCS16_LEN;
	for (i = 0; i < left; i += BYTESCAN_BLOCK)
		out = put_sparse_block(out, tail + i);
	return out - (i - left);
}

/*
 * With every control byte escaped, random data has an escape in nearly every block, and a branch on
 * it would be mispredicted as often: here each byte is one lookup and no branch.
 */
struct dense_entry {
	uint8_t bytes[2]; /* to be written: both, or only the first */
	uint8_t count;
	uint8_t unused;
};

#define DENSE1(c)                                                                                  \
	{                                                                                          \
		.bytes = {DENSE_ESCAPED(c) ? HDLC_ESCAPE : (c), (c) ^ HDLC_ESCAPE_BIT},            \
		.count = DENSE_ESCAPED(c) ? 2 : 1                                                  \
	}
#define DENSE_ESCAPED(c) ((c) < 0x20 || (c) == HDLC_ESCAPE || (c) == HDLC_FLAG)
#define DENSE4(c) DENSE1(c), DENSE1((c) + 1), DENSE1((c) + 2), DENSE1((c) + 3)
#define DENSE16(c) DENSE4(c), DENSE4((c) + 4), DENSE4((c) + 8), DENSE4((c) + 12)
#define DENSE64(c) DENSE16(c), DENSE16((c) + 16), DENSE16((c) + 32), DENSE16((c) + 48)

static const struct dense_entry dense[256] = {DENSE64(0), DENSE64(64), DENSE64(128), DENSE64(192)};

/* Always writes two bytes; returns the end of those that count. */
static inline uint8_t *put_dense_byte(uint8_t *out, const struct dense_entry *table, uint64_t byte)
{
	const struct dense_entry *e = &table[byte & 0xff];
	memcpy(out, e->bytes, sizeof(e->bytes));
	return out + e->count;
}

static inline uint8_t *put_dense_word(uint8_t *out, const struct dense_entry *table, uint64_t word)
{
	out = put_dense_byte(out, table, word);
	out = put_dense_byte(out, table, word >> 8);
	out = put_dense_byte(out, table, word >> 16);
	out = put_dense_byte(out, table, word >> 24);
	out = put_dense_byte(out, table, word >> 32);
	out = put_dense_byte(out, table, word >> 40);
	out = put_dense_byte(out, table, word >> 48);
	return put_dense_byte(out, table, word >> 56);
}

static uint8_t *put_dense(
    uint8_t *out, const struct dense_entry *table, const uint8_t *in, size_t len)
{
	size_t i = 0;
	for (; len - i >= 8; i += 8)
		out = put_dense_word(out, table, load_le64(in + i));
	for (; i < len; i++)
		out = put_dense_byte(out, table, in[i]);
	return out;
}

/* Any other ACCM is rare, so the table for it is made for each frame. */
static void make_table(struct dense_entry *table, uint32_t accm)
{
	memcpy(table, dense, sizeof(dense));
	for (uint8_t c = 0; c < 0x20; c++) {
		if (!(accm >> c & 1))
			table[c] = (struct dense_entry){.bytes = {c, c}, .count = 1};
	}
}

size_t hdlc_encode(
    fcs16_fn *fcs16, const uint8_t *frame, size_t len, uint32_t accm, bool open_flag, uint8_t *out)
{
	uint8_t *const begin = out;
	unsigned sum = fcs16(FCS16_INITIAL, frame, len) ^ 0xffffu;
	const uint8_t fcs[FCS16_LEN] = {(uint8_t)sum, (uint8_t)(sum >> 8)};
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

void hdlc_decoder_init(struct hdlc_decoder *d, fcs16_fn *fcs16, uint8_t *frame, size_t cap)
{
	*d = (struct hdlc_decoder){.fcs16 = fcs16, .frame = frame, .cap = cap};
}

void hdlc_decoder_set_buffer(struct hdlc_decoder *d, uint8_t *frame, size_t cap)
{
	d->frame = frame;
	d->cap = cap;
	d->len = 0;
}

/* One byte without a branch. *after is 1 if the byte before was an escape, else 0. */
static inline uint8_t *unescape_byte(uint8_t *out, uint8_t byte, unsigned *after)
{
	unsigned is_escape = (byte == HDLC_ESCAPE) & (*after ^ 1);
	*out = (uint8_t)(byte ^ *after << 5);
	*after = is_escape;
	return out + (is_escape ^ 1);
}

static uint8_t *unescape_bytes(uint8_t *out, uint64_t word, unsigned *after)
{
	for (int shift = 0; shift < 64; shift += 8)
		out = unescape_byte(out, (uint8_t)(word >> shift), after);
	return out;
}

/* Removes the byte whose top bit is `mark` from a word; none if `mark` is 0. */
static inline uint64_t remove_byte(uint64_t word, uint64_t mark)
{
	uint64_t below = (mark >> 7) - 1;
	return (word & below) | (word >> 8 & ~below);
}

/*
 * Eight bytes in a register. Up to two escapes, the usual number in random data under any ACCM, are
 * removed without a branch. Always writes eight bytes; returns the end of those that count.
 */
static inline uint8_t *unescape_word(uint8_t *out, uint64_t word, unsigned *after)
{
	uint64_t marks = bytescan_match_word(word, HDLC_ESCAPE) & ~(uint64_t)(*after * 0xff);
	uint64_t second = marks & (marks - 1), third = second & (second - 1);
	if ((marks & marks << 8) | third)
		return unescape_bytes(out, word, after);
	uint64_t first = marks ^ second;
	word ^= (marks >> 2 << 8) | *after << 5;
	word = remove_byte(remove_byte(word, first), second >> 8);
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
		out = unescape_byte(out, in[i], after);
	return out;
}

/*
 * The first n bytes of one block, no flag among them. With at most one escape, what follows it is
 * copied again, one place back; there is no branch on whether there is one, because it would be
 * mispredicted. Reads up to BYTESCAN_BLOCK + 1 bytes past the block, and writes 2 * BYTESCAN_BLOCK.
 */
static inline uint8_t *decode_block(uint8_t *out, const uint8_t *in, size_t n, unsigned *after)
{
	uint32_t these = (uint32_t)((UINT64_C(1) << n) - 1);
	uint32_t last = these ^ these >> 1;
	uint32_t escapes = bytescan_match(in, HDLC_ESCAPE) & these;
	if (*after || escapes & (escapes - 1) || escapes & last)
		return unescape_run(out, in, n, after);
	unsigned at = bytescan_first(escapes);
	memcpy(out, in, BYTESCAN_BLOCK);
	memcpy(out + at, in + at + 1, BYTESCAN_BLOCK);
	out[at] = in[at + 1] ^ HDLC_ESCAPE_BIT;
	return out + n - (escapes != 0);
}

/* Decodes byte by byte, near the end of the input or of the buffer. */
static size_t decode_bytes(struct hdlc_decoder *d, const uint8_t *in, size_t len)
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

/* Decodes up to a flag, the end of the input, or the first byte that does not fit; returns how many
 * bytes it used. */
static size_t decode_run(struct hdlc_decoder *d, const uint8_t *in, size_t len)
{
	uint8_t *out = d->frame + d->len;
	const uint8_t *const end = d->frame + d->cap;
	unsigned after = d->escaped;
	size_t i = 0;
	for (; len - i > 2 * BYTESCAN_BLOCK && end - out >= 2 * BYTESCAN_BLOCK;
	     i += BYTESCAN_BLOCK) {
		uint32_t flags = bytescan_match(in + i, HDLC_FLAG);
		if (flags) {
			size_t n = bytescan_first(flags);
			out = decode_block(out, in + i, n, &after);
			i += n;
			break;
		}
		out = decode_block(out, in + i, BYTESCAN_BLOCK, &after);
	}
	d->len = (size_t)(out - d->frame);
	d->escaped = after != 0;
	return i + decode_bytes(d, in + i, len - i);
}

/* Returns the event of the frame that a flag closes; HDLC_MORE if there is none. */
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
	else if (d->fcs16(FCS16_INITIAL, d->frame, d->len) != FCS16_GOOD)
		event = HDLC_BAD_FCS;
	d->frame_len = event == HDLC_FRAME ? d->len - FCS16_LEN : 0;
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
			i += decode_run(d, in + i, len - i);
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
