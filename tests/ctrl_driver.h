/* SPDX-License-Identifier: ISC */
/*
 * Drives a control connection by messages, with time as an argument. Events are compared as text:
 * S7/100 sent type 7 for call 100, R8 received type 8, "established", "up/100", "ended/100:refused",
 * "closed:local", "ignored9", "excess2".
 */
#ifndef PPTP_TESTS_CTRL_DRIVER_H
#define PPTP_TESTS_CTRL_DRIVER_H

#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "pptp_ctrl.h"

#define SEC USEC_PER_SEC

enum {
	START = 1000000000,
	ID = 100,
	PEER = 900,
	SERIAL = 0xBEE5
};

static struct ctrl *c;
static struct ctrl_config config;
static int64_t now;
static char event_text[65536];
static struct ctrl_event last; /* the last one of type `keep` */
static enum ctrl_event_type keep;
static struct msg sent[512];
static size_t sent_count;

static inline const char *why_name(enum ctrl_why why)
{
	static const char *const names[] = {"none", "local", "start-refused", "channel-exists",
	    "bad-version", "start-timeout", "collision", "refused", "call-timeout", "disconnected",
	    "cleared", "stopped", "echo-timeout", "lost-sync", "short-reply", "other-call",
	    "stop-timeout", "tcp-closed"};
	return names[why];
}

static inline void write_event(const struct ctrl_event *e)
{
	static const char *const names[] = {[CTRL_EV_SENT] = "S",
	    [CTRL_EV_RECEIVED] = "R",
	    [CTRL_EV_ESTABLISHED] = "established",
	    [CTRL_EV_CALL_UP] = "up",
	    [CTRL_EV_CALL_ENDED] = "ended",
	    [CTRL_EV_CLOSED] = "closed",
	    [CTRL_EV_LINK_INFO] = "link-info",
	    [CTRL_EV_WAN_ERROR] = "wan-error",
	    [CTRL_EV_IGNORED] = "ignored",
	    [CTRL_EV_EXCESS] = "excess"};
	size_t at = strlen(event_text), cap = sizeof(event_text);
	at += (size_t)snprintf(event_text + at, cap - at, "%s%s", at ? " " : "", names[e->type]);
	if (e->type == CTRL_EV_SENT || e->type == CTRL_EV_RECEIVED || e->type == CTRL_EV_IGNORED ||
	    e->type == CTRL_EV_EXCESS)
		at += (size_t)snprintf(event_text + at, cap - at, "%u", e->msg_type);
	if (e->call_id)
		at += (size_t)snprintf(event_text + at, cap - at, "/%u", e->call_id);
	if (e->why)
		snprintf(event_text + at, cap - at, ":%s", why_name(e->why));
}

static inline void drain(void)
{
	struct ctrl_event e;
	while (ctrl_next_event(c, now, &e)) {
		ck_assert_ptr_nonnull(e.detail);
		if (e.type == keep)
			last = e;
		write_event(&e);
	}
}

/* All events since the last call. */
static inline const char *events(void)
{
	static char result[sizeof(event_text)];
	drain();
	memcpy(result, event_text, sizeof(result));
	event_text[0] = 0;
	return result;
}

/* Moves the output to sent[], decoded. */
static inline void fetch_output(void)
{
	const uint8_t *bytes;
	size_t len = ctrl_output(c, &bytes), used;
	sent_count = 0;
	for (size_t at = 0; at < len; at += used) {
		struct msg m;
		ck_assert_uint_eq(msg_decode(bytes + at, len - at, &m, &used), MSG_COMPLETE);
		if (sent_count < 512)
			sent[sent_count++] = m;
	}
	ctrl_output_done(c, len);
	ck_assert_uint_eq(ctrl_output(c, &bytes), 0);
}

static inline size_t output_len(void)
{
	const uint8_t *bytes;
	return ctrl_output(c, &bytes);
}

static inline void input(const uint8_t *bytes, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = ctrl_input(c, now, bytes + at, len - at);
		at += n;
		drain();
		ck_assert_uint_gt(n, 0);
	}
}

static inline void feed(const struct msg *m)
{
	uint8_t bytes[MSG_LEN_MAX];
	input(bytes, msg_encode(m, bytes, sizeof(bytes)));
}

static inline void feed_start_reply(uint16_t version, uint8_t result, uint8_t error)
{
	struct msg m = {.type = MSG_START_CONTROL_CONNECTION_REPLY};
	m.u.start.version = version;
	m.u.start.result = result;
	m.u.start.error = error;
	feed(&m);
}

static inline void feed_start_request(void)
{
	struct msg m = {.type = MSG_START_CONTROL_CONNECTION_REQUEST};
	m.u.start.version = MSG_VERSION;
	feed(&m);
}

static inline void feed_stop_request(uint8_t reason)
{
	struct msg m = {.type = MSG_STOP_CONTROL_CONNECTION_REQUEST};
	m.u.stop_request.reason = reason;
	feed(&m);
}

static inline void feed_stop_reply(void)
{
	struct msg m = {.type = MSG_STOP_CONTROL_CONNECTION_REPLY};
	m.u.stop_reply.result = MSG_RESULT_OK;
	feed(&m);
}

static inline void feed_echo(enum msg_type type, uint32_t identifier)
{
	struct msg m = {.type = type};
	m.u.echo.identifier = identifier;
	m.u.echo.result = MSG_RESULT_OK;
	feed(&m);
}

static inline void feed_call_reply(uint16_t peer, uint16_t id, uint8_t result)
{
	struct msg m = {.type = MSG_OUTGOING_CALL_REPLY};
	m.u.outgoing_call_reply.call_id = peer;
	m.u.outgoing_call_reply.peer_call_id = id;
	m.u.outgoing_call_reply.result = result;
	m.u.outgoing_call_reply.error = 4;
	m.u.outgoing_call_reply.cause = 17;
	m.u.outgoing_call_reply.connect_bps = 100000000;
	feed(&m);
}

static inline void feed_disconnect(uint16_t peer)
{
	struct msg m = {.type = MSG_CALL_DISCONNECT_NOTIFY};
	m.u.call_disconnect.call_id = peer;
	m.u.call_disconnect.result = MSG_CDN_ADMIN_SHUTDOWN;
	m.u.call_disconnect.error = 6;
	m.u.call_disconnect.cause = 0x1234;
	feed(&m);
}

static inline void feed_clear(uint16_t peer)
{
	struct msg m = {.type = MSG_CALL_CLEAR_REQUEST};
	m.u.call_clear.call_id = peer;
	feed(&m);
}

/* Advances the time to the next deadline, which must be `wait_us` from now. */
static inline void expire(int64_t wait_us)
{
	ck_assert_int_eq(ctrl_deadline(c) - now, wait_us);
	now += wait_us - 1;
	ctrl_on_deadline(c, now);
	ck_assert_str_eq(events(), "");
	now++;
	ctrl_on_deadline(c, now);
	drain();
}

static inline void init(void)
{
	ctrl_init(c, &config);
}

static inline void set_up(void)
{
	c = calloc(1, sizeof(*c));
	ck_assert_ptr_nonnull(c);
	config = (struct ctrl_config){.identity = {.start_framing = MSG_FRAMING_ANY,
					  .start_bearer = MSG_BEARER_ANY,
					  .firmware = 1,
					  .host_name = "local",
					  .vendor = "pptp",
					  .call_framing = MSG_FRAMING_ANY,
					  .call_bearer = MSG_BEARER_ANY,
					  .min_bps = 2400,
					  .max_bps = 10000000},
	    .reply_wait_us = 30 * SEC,
	    .close_wait_us = 2 * SEC,
	    .idle_wait_us = 60 * SEC,
	    .echo_wait_us = 10 * SEC,
	    .our_address = 0x0A000001,
	    .server_address = 0x0A000002,
	    .call = {.call_id = ID, .serial = SERIAL, .window = 64, .phone = "5551234"}};
	now = START;
	keep = CTRL_EV_CLOSED;
	event_text[0] = '\0'; /* what the test before has left, where tests share a process */
	sent_count = 0;
	init();
}

static inline void tear_down(void)
{
	free(c);
}

static inline void start(void)
{
	ctrl_start(c, now);
	ck_assert_str_eq(events(), "S1");
	fetch_output();
}

/* The server has accepted the connection; the call waits for its OCRP. */
static inline void establish(void)
{
	start();
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 established S7/100");
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
	fetch_output();
}

/* The call is established, the server's id is PEER. */
static inline void establish_call(void)
{
	establish();
	feed_call_reply(PEER, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 up/100");
	fetch_output();
}

/* The call is in `state`, and the connection as far as that needs. */
static inline void reach_call_state(enum ctrl_call_state state)
{
	switch (state) {
	case CTRL_CALL_IDLE:
		start();
		break;
	case CTRL_CALL_WAIT_REPLY:
		establish();
		break;
	case CTRL_CALL_ESTABLISHED:
		establish_call();
		break;
	case CTRL_CALL_WAIT_DISCONNECT:
		establish_call();
		ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
		break;
	case CTRL_CALL_ENDED:
		establish_call();
		feed_disconnect(PEER);
		break;
	}
	(void)events();
	fetch_output();
	ck_assert_int_eq(c->call_state, state);
}

/* The connection is in `state`; with CTRL_WAIT_STOP_REPLY its call has ended before. */
static inline void reach_state(enum ctrl_state state)
{
	switch (state) {
	case CTRL_IDLE:
		break;
	case CTRL_WAIT_CTL_REPLY:
		start();
		break;
	case CTRL_ESTABLISHED:
		establish_call();
		break;
	case CTRL_WAIT_STOP_REPLY:
		reach_call_state(CTRL_CALL_ENDED);
		ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
		break;
	case CTRL_CLOSED:
		establish_call();
		ctrl_on_tcp_closed(c, now);
		break;
	}
	(void)events();
	fetch_output();
	ck_assert_int_eq(ctrl_state(c), state);
}

#endif
