/* SPDX-License-Identifier: ISC */
/* The string and its bounds; what it says is up to call_end.c and status_text.c. */
#include "callmgr/text.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>

struct text text_make(char *buffer, size_t cap)
{
	buffer[0] = '\0';
	return (struct text){.string = buffer, .cap = cap};
}

void text_add(struct text *t, const char *format, ...)
{
	size_t space = t->cap - t->len;
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->string + t->len, space, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n < space ? (size_t)n : space - 1;
}

void text_add_printable(struct text *t, const char *string, size_t max)
{
	for (size_t i = 0; i < max && string[i]; i++) {
		unsigned char c = (unsigned char)string[i];
		text_add(t, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
	}
}

void text_add_address(struct text *t, struct in_addr address)
{
	char string[INET_ADDRSTRLEN] = "";
	inet_ntop(AF_INET, &address, string, sizeof(string));
	text_add(t, "%s", string);
}
