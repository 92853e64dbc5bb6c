/* SPDX-License-Identifier: ISC */
/*
 * Bytes from the server, whole and in pieces of any length: the same events and the same answers.
 */
#include <string.h>

#include "pptp_ctrl.h"
#include "fuzz.h"

enum {
	STREAM_MAX = 8192,
	RECORD_MAX = 1 << 20,
};

struct record {
	size_t len, output_len;
	uint8_t bytes[RECORD_MAX], output[RECORD_MAX];
};

static void add(struct record *r, const void *bytes, size_t len)
{
	require(r->len + len <= sizeof(r->bytes));
	memcpy(r->bytes + r->len, bytes, len);
	r->len += len;
}

/* How many bytes were there when synchronisation was lost depends on the pieces. */
static void fetch(struct ctrl *c, struct record *r)
{
	struct ctrl_event e;
	const uint8_t *output;
	while (ctrl_next_event(c, 0, &e)) {
		const unsigned fields[] = {
		    e.type, e.why, e.msg_type, e.call_id, e.result, e.error, e.cause};
		add(r, fields, sizeof(fields));
		add(r, e.detail, strlen(e.detail));
		if (e.type == CTRL_EV_ESTABLISHED || e.type == CTRL_EV_CALL_UP)
			add(r, &e.msg.u, sizeof(e.msg.u));
	}
	size_t n = ctrl_output(c, &output);
	require(r->output_len + n <= sizeof(r->output));
	memcpy(r->output + r->output_len, output, n);
	r->output_len += n;
	ctrl_output_done(c, n);
}

static void run(struct record *r, const uint8_t *bytes, size_t len, size_t pieces)
{
	static const struct ctrl_config config = {.call = {.call_id = 1, .serial = 2},
	    .identity.send_link_info = true,
	    .reply_wait_us = USEC_PER_SEC,
	    .close_wait_us = USEC_PER_SEC};
	static struct ctrl c;
	ctrl_init(&c, &config);
	ctrl_start(&c, 0);
	r->len = r->output_len = 0;
	fetch(&c, r);
	for (size_t at = 0, i = 0; at < len; i++) {
		size_t piece = pieces ? 1 + bytes[i % pieces] : len;
		piece = piece < len - at ? piece : len - at;
		for (size_t end = at + piece; at < end; fetch(&c, r))
			at += ctrl_input(&c, 0, bytes + at, end - at);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static struct record whole, split;
	if (len > STREAM_MAX)
		return 0;
	run(&whole, bytes, len, 0);
	run(&split, bytes, len, len);
	require(whole.len == split.len && memcmp(whole.bytes, split.bytes, whole.len) == 0);
	require(whole.output_len == split.output_len &&
		memcmp(whole.output, split.output, whole.output_len) == 0);
	return 0;
}
