/* SPDX-License-Identifier: ISC */
/*
 * Bounds-checked cursors over byte buffers: all parsers and encoders of network messages
 * (big-endian, RFC 2637 section 1.4) use them.
 *
 * Failure is sticky: the first read or write that does not fit sets `failed`; every later read
 * returns zeros and every later write does nothing. A parser can therefore read a message from top
 * to bottom and check once, at the end. The buffer stays the caller's; lengths are in bytes.
 */
#ifndef PPTP_WIRE_H
#define PPTP_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Reading: bytes [at, len) are unread. */
struct wire_reader {
	const uint8_t *bytes;
	size_t len;
	size_t at;
	bool failed;
};

/* Writing: `at` bytes of `cap` are written. */
struct wire_writer {
	uint8_t *bytes;
	size_t cap;
	size_t at;
	bool failed;
};

static inline struct wire_reader wire_read(const uint8_t *bytes, size_t len)
{
	return (struct wire_reader){.bytes = bytes, .len = len};
}

static inline struct wire_writer wire_write(uint8_t *bytes, size_t cap)
{
	return (struct wire_writer){.bytes = bytes, .cap = cap};
}

/* How many bytes are unread; 0 once the cursor has failed. */
static inline size_t wire_left(const struct wire_reader *r)
{
	return r->failed ? 0 : r->len - r->at;
}

/* Returns the next n bytes and steps over them; NULL, and the cursor fails, if fewer are left. */
static inline const uint8_t *wire_get(struct wire_reader *r, size_t n)
{
	if (r->failed || r->len - r->at < n) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *p = r->bytes + r->at;
	r->at += n;
	return p;
}

static inline void wire_skip(struct wire_reader *r, size_t n)
{
	(void)wire_get(r, n);
}

static inline uint8_t wire_get_u8(struct wire_reader *r)
{
	const uint8_t *p = wire_get(r, 1);
	return p ? p[0] : 0;
}

static inline uint16_t wire_get_be16(struct wire_reader *r)
{
	const uint8_t *p = wire_get(r, 2);
	if (!p)
		return 0;
	return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t wire_get_be32(struct wire_reader *r)
{
	const uint8_t *p = wire_get(r, 4);
	return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

/* Copies n bytes to `to`; fills it with zeros if fewer are left. */
static inline void wire_get_copy(struct wire_reader *r, void *to, size_t n)
{
	const uint8_t *p = wire_get(r, n);
	if (p)
		memcpy(to, p, n);
	else
		memset(to, 0, n);
}

/* Returns space for n bytes and steps over it; NULL, and the cursor fails, if less is free. */
static inline uint8_t *wire_put(struct wire_writer *w, size_t n)
{
	if (w->failed || w->cap - w->at < n) {
		w->failed = true;
		return NULL;
	}
	uint8_t *p = w->bytes + w->at;
	w->at += n;
	return p;
}

static inline void wire_put_u8(struct wire_writer *w, uint8_t v)
{
	uint8_t *p = wire_put(w, 1);
	if (p)
		p[0] = v;
}

static inline void wire_put_be16(struct wire_writer *w, uint16_t v)
{
	uint8_t *p = wire_put(w, 2);
	if (p) {
		p[0] = (uint8_t)(v >> 8);
		p[1] = (uint8_t)v;
	}
}

static inline void wire_put_be32(struct wire_writer *w, uint32_t v)
{
	uint8_t *p = wire_put(w, 4);
	if (p) {
		p[0] = (uint8_t)(v >> 24);
		p[1] = (uint8_t)(v >> 16);
		p[2] = (uint8_t)(v >> 8);
		p[3] = (uint8_t)v;
	}
}

static inline void wire_put_copy(struct wire_writer *w, const void *from, size_t n)
{
	uint8_t *p = wire_put(w, n);
	if (p && n)
		memcpy(p, from, n);
}

static inline void wire_put_zeros(struct wire_writer *w, size_t n)
{
	uint8_t *p = wire_put(w, n);
	if (p && n)
		memset(p, 0, n);
}

#endif
