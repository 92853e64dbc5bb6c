/* SPDX-License-Identifier: ISC */
/*
 * A script of messages, bytes, times and the owner's calls: output and events stay within their bounds, no
 * deadline is in the past once it was handled, each end is reported once, nothing follows CTRL_EV_CLOSED,
 * and a server that falls silent, or an owner that stops, always brings the end.
 */
#include <string.h>

#include "pptp_ctrl.h"
#include "fuzz.h"

enum {
	OUR_ID = 1,
	PEER_ID = 7,
	/* Of one call of ours: those of a message that closes, and of all that comes with it. */
	EVENTS_AT_ONCE = 2 * CTRL_EVENTS_MAX + CTRL_INPUT_SIZE / MSG_HEADER_LEN * 4,
	/* Reply, Echo-Request, its wait, and the wait for the reply to a stop. */
	DEADLINES_TO_THE_END = 5,
};

struct run {
	struct ctrl c;
	int64_t now_us;
	unsigned calls; /* ends reported */
	unsigned connections;
};

static void fetch(struct run *r)
{
	struct ctrl_event e;
	const uint8_t *output;
	for (unsigned n = 0; ctrl_next_event(&r->c, r->now_us, &e); n++) {
		require(n < EVENTS_AT_ONCE && r->connections == 0);
		require(e.detail && e.byte_count <= sizeof(e.bytes));
		require(e.type != CTRL_EV_CALL_UP || r->calls == 0);
		r->calls += e.type == CTRL_EV_CALL_ENDED;
		r->connections += e.type == CTRL_EV_CLOSED;
		require(r->calls <= 1 && r->connections <= r->calls);
	}
	require(ctrl_output(&r->c, &output) <= CTRL_OUTPUT_SIZE);
	require((ctrl_state(&r->c) == CTRL_CLOSED) == (r->connections == 1));
	require(ctrl_state(&r->c) != CTRL_CLOSED || ctrl_deadline(&r->c) == DEADLINE_NEVER);
}

static void receive(struct run *r, const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at < len; fetch(r)) {
		size_t n = ctrl_input(&r->c, r->now_us, bytes + at, len - at);
		require(n > 0 && n <= len - at);
		at += n;
	}
}

/* A message of any type, with ids and results that mostly fit. */
static void receive_message(struct run *r, struct input *in)
{
	struct msg m = {0};
	uint8_t bytes[MSG_LEN_MAX];
	unsigned how = take(in);
	uint16_t ours = how & 0x10 ? (uint16_t)take(in) : OUR_ID;
	uint16_t peers = how & 0x20 ? (uint16_t)take(in) : PEER_ID;
	uint8_t result = how & 0x40 ? (uint8_t)take(in) : MSG_RESULT_OK;
	m.type = (enum msg_type)(1 + how % MSG_SET_LINK_INFO);
	if (m.type == MSG_START_CONTROL_CONNECTION_REPLY) {
		m.u.start.version = how & 0x80 ? (uint16_t)(take(in) << 8) : MSG_VERSION;
		m.u.start.result = result;
	} else if (m.type == MSG_OUTGOING_CALL_REPLY) {
		m.u.outgoing_call_reply.call_id = peers;
		m.u.outgoing_call_reply.peer_call_id = ours;
		m.u.outgoing_call_reply.result = result;
	} else if (m.type == MSG_CALL_CLEAR_REQUEST) {
		m.u.call_clear.call_id = peers;
	} else if (m.type == MSG_CALL_DISCONNECT_NOTIFY) {
		m.u.call_disconnect.call_id = peers;
	} else if (m.type == MSG_ECHO_REPLY) {
		m.u.echo.identifier = result;
	} else if (m.type == MSG_WAN_ERROR_NOTIFY || m.type == MSG_SET_LINK_INFO) {
		m.u.set_link_info.peer_call_id = ours; /* in the same place of both */
	}
	receive(r, bytes, msg_encode(&m, bytes, sizeof(bytes)));
}

static void pass_time(struct run *r, int64_t wait_us)
{
	int64_t deadline_us = ctrl_deadline(&r->c);
	require(deadline_us > r->now_us);
	if (deadline_us == DEADLINE_NEVER && wait_us > USEC_PER_SEC)
		wait_us = USEC_PER_SEC; /* that day is never to come */
	r->now_us = deadline_us - r->now_us < wait_us ? deadline_us : r->now_us + wait_us;
	ctrl_on_deadline(&r->c, r->now_us);
	fetch(r);
	require(ctrl_deadline(&r->c) > r->now_us);
}

static void step(struct run *r, struct input *in)
{
	const uint8_t *output;
	unsigned op = take(in);
	size_t n = op >> 3;
	switch (op & 7) {
	case 0:
		n = n < in->len ? n : in->len;
		receive(r, in->bytes, n);
		in->bytes += n;
		in->len -= n;
		break;
	case 1:
	case 2:
		receive_message(r, in);
		break;
	case 3:
		pass_time(r, INT64_C(1) << n);
		break;
	case 4:
		pass_time(r, DEADLINE_NEVER / 4);
		break;
	case 5:
		n = ctrl_output(&r->c, &output) * (n + 1) / 32;
		ctrl_output_done(&r->c, n);
		break;
	case 6:
		if (n < 4)
			ctrl_stop(&r->c, r->now_us, MSG_STOP_LOCAL_SHUTDOWN);
		else
			ctrl_start(&r->c, r->now_us);
		break;
	default:
		if (n == 0)
			ctrl_on_tcp_closed(&r->c, r->now_us);
		break;
	}
	fetch(r);
}

/* Nothing comes from the server any more. Where the call alone has ended, the owner has to stop. */
static void end(struct run *r, bool stop)
{
	int deadlines = 0;
	if (stop || r->calls || ctrl_state(&r->c) == CTRL_IDLE)
		ctrl_stop(&r->c, r->now_us, MSG_STOP_NONE);
	fetch(r);
	for (; ctrl_deadline(&r->c) != DEADLINE_NEVER; deadlines++) {
		require(deadlines < DEADLINES_TO_THE_END);
		pass_time(r, DEADLINE_NEVER / 4);
		if (r->calls)
			ctrl_stop(&r->c, r->now_us, MSG_STOP_NONE);
		fetch(r);
	}
	require(r->connections == 1 && r->calls == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = {bytes, len};
	unsigned how = take(&in);
	const struct ctrl_config config = {.call = {.call_id = OUR_ID, .serial = 2},
	    .identity.send_link_info = how & 1,
	    .reply_wait_us = 30 * USEC_PER_SEC,
	    .close_wait_us = 2 * USEC_PER_SEC,
	    .idle_wait_us = 60 * USEC_PER_SEC,
	    .echo_wait_us = 10 * USEC_PER_SEC,
	    .server_address = how & 2};
	struct run r = {0};
	ctrl_init(&r.c, &config);
	if (!(how & 4))
		ctrl_start(&r.c, r.now_us);
	fetch(&r);
	while (in.len)
		step(&r, &in);
	end(&r, how & 8);
	ctrl_on_tcp_closed(&r.c, r.now_us);
	fetch(&r);
	return 0;
}
