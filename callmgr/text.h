/* SPDX-License-Identifier: ISC */
/* A string that is put together piece by piece in the caller's buffer; what does not fit is cut. */
#ifndef PPTP_TEXT_H
#define PPTP_TEXT_H

#include <netinet/in.h>
#include <stddef.h>

struct text {
	char *string; /* NUL-terminated at any time */
	size_t cap;   /* bytes, with the NUL */
	size_t len;
};

/* An empty text in `buffer` of `cap` bytes, at least 1; the buffer stays the caller's. */
struct text text_make(char *buffer, size_t cap);
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* At most `max` bytes of it; those that are not printable ASCII as \xNN. */
void text_add_printable(struct text *t, const char *string, size_t max);
void text_add_address(struct text *t, struct in_addr address);

#endif
