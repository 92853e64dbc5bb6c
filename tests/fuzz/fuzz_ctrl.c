/* SPDX-License-Identifier: ISC */
/*
 * Arbitrary bytes from the server, in pieces, with time and the owner's calls in between: output and
 * events stay within their bounds, each end is reported once, and nothing follows CTRL_EV_CLOSED.
 */
#include <stdlib.h>

#include "pptp_ctrl.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct ends {
	unsigned calls;
	unsigned connections;
};

static void check(struct ctrl *c, int64_t now_us, struct ends *ends, bool reads)
{
	struct ctrl_event e;
	const uint8_t *output;
	while (ctrl_next_event(c, now_us, &e)) {
		if (ends->connections)
			abort();
		ends->calls += e.type == CTRL_EV_CALL_ENDED;
		ends->connections += e.type == CTRL_EV_CLOSED;
		if (ends->calls > 1 || ends->connections > ends->calls)
			abort();
	}
	size_t n = ctrl_output(c, &output);
	if (n > CTRL_OUTPUT_SIZE)
		abort();
	if (reads)
		ctrl_output_done(c, n);
}

/* The first byte of each piece says how long it is and what happens after it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static const struct ctrl_config config = {.call = {.call_id = 1, .serial = 2},
	    .identity.send_link_info = true,
	    .reply_wait_us = 30 * USEC_PER_SEC,
	    .close_wait_us = 2 * USEC_PER_SEC,
	    .idle_wait_us = 60 * USEC_PER_SEC,
	    .echo_wait_us = 10 * USEC_PER_SEC};
	struct ctrl c;
	struct ends ends = {0};
	int64_t now_us = 0;
	ctrl_init(&c, &config);
	ctrl_start(&c, now_us);
	for (size_t at = 0; at < len;) {
		unsigned action = bytes[at] >> 6;
		size_t end = at + 1 + 4u * (bytes[at] & 63u);
		end = end < len ? end : len;
		check(&c, now_us, &ends, action == 0);
		for (at++; at < end; check(&c, now_us, &ends, false))
			at += ctrl_input(&c, now_us, bytes + at, end - at);
		if (action == 2 && ctrl_deadline(&c) != DEADLINE_NEVER) {
			now_us = ctrl_deadline(&c);
			ctrl_on_deadline(&c, now_us);
		} else if (action == 3 && end % 4 == 0) {
			ctrl_stop(&c, now_us, MSG_STOP_NONE);
		}
	}
	ctrl_on_tcp_closed(&c, now_us);
	check(&c, now_us, &ends, true);
	if (ends.connections != 1 || ctrl_deadline(&c) != DEADLINE_NEVER)
		abort();
	return 0;
}
