/* SPDX-License-Identifier: ISC */
/*
 * Any command line: every outcome has its message, every value is within the range that the manual names,
 * and pppd's arguments are words of the command line, each once.
 */
#include <stdlib.h>
#include <string.h>

#include "pptp_options.h"
#include "fuzz.h"

enum {
	WORDS_MAX = 40,
	MESSAGE_CAP = 256
};

static void check_values(const struct pptp_options *o)
{
	require(o->server && o->server[0]);
	require(o->timeout_us == 0 || o->timeout_us >= 1000);
	require(o->max_timeout_us > 0 && o->max_timeout_us <= 10 * USEC_PER_SEC);
	require(o->idle_wait_us >= 0 && o->echo_wait_us >= 0);
	require(o->connect_timeout_us > 0);
	require(o->missing_window > 0);
	require(o->loglevel >= 0 && o->loglevel <= 2);
}

/* Words end at a NUL; the first is the program's name. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *argv[WORDS_MAX + 2] = {strdup("pptp")};
	char *words[WORDS_MAX + 2];
	char message[MESSAGE_CAP];
	struct pptp_options o;
	int argc = 1;
	for (size_t at = 0; at < len && argc <= WORDS_MAX;) {
		size_t n = strnlen((const char *)bytes + at, len - at);
		argv[argc++] = strndup((const char *)bytes + at, n);
		at += n + 1;
	}
	memcpy(words, argv, sizeof(words));
	memset(message, 'x', sizeof(message));
	enum options_outcome outcome = options_parse(&o, argc, argv, message, sizeof(message));
	require(memchr(message, '\0', sizeof(message)));
	require((outcome != OPTIONS_USAGE && outcome != OPTIONS_BAD_VALUE) || message[0]);
	if (outcome == OPTIONS_RUN) {
		check_values(&o);
		require(o.pppd_argc >= 0 && o.pppd_argc < argc);
		for (int i = 0; i < o.pppd_argc; i++) {
			int found = 0;
			for (int k = 1; k < argc; k++)
				found += words[k] == o.pppd_argv[i];
			require(found == 1);
		}
	}
	for (int i = 0; i < argc; i++)
		free(words[i]);
	return 0;
}
