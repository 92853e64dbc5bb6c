/* SPDX-License-Identifier: ISC */
/* Any octets as what getent prints: each address takes a whole line that begins with it, and a refusal
 * takes nothing. */
#include "getent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void check_line(const struct getent_output *o, size_t from, struct in_addr address)
{
	char text[INET_ADDRSTRLEN];
	const char *line = o->text + from;
	if (!inet_ntop(AF_INET, &address, text, sizeof(text)))
		abort();
	size_t len = strlen(text);
	if (o->at > o->len || o->at - from < len + 2 || memcmp(line, text, len) != 0)
		abort();
	if (line[len] != ' ' || memchr(line, '\n', o->at - from) != o->text + o->at - 1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct getent_output output;
	struct in_addr address;
	output.len = size < sizeof(output.text) ? size : sizeof(output.text) - 1;
	output.at = 0;
	memcpy(output.text, data, output.len);
	for (;;) {
		size_t from = output.at;
		int rc = getent_next(&output, &address);
		if (rc == 1) {
			check_line(&output, from, address);
			continue;
		}
		if (output.at != from || (rc == 0 ? from != output.len : rc != -EBADMSG))
			abort();
		return 0;
	}
}
