/* SPDX-License-Identifier: ISC */
/*
 * Drives a control connection by messages and by time as an argument. What happened is compared as
 * text, one word per event: S7/100 sent type 7 for call 100, R8 received type 8, "up/100",
 * "over/100:refused", "closed:local", "ignored9", "excess2".
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
	PEER = 900
};

static struct ctrl *c;
static struct ctrl_config config;
static int64_t now;
static char happened[65536];
static struct ctrl_event last; /* of the kind asked for by `keep` */
static enum ctrl_event_type keep;
static struct msg sent[512];
static size_t sent_count;

static inline const char *why_word(enum ctrl_why why)
{
	static const char *const words[] = {"none", "local", "start-refused", "channel-exists",
	    "bad-version", "start-timeout", "collision", "refused", "call-timeout", "disconnected",
	    "cleared", "stopped", "echo-timeout", "lost-sync", "short", "stop-timeout",
	    "tcp-closed"};
	return words[why];
}

static inline void write_event(const struct ctrl_event *e)
{
	static const char *const words[] = {[CTRL_EV_SENT] = "S",
	    [CTRL_EV_RECEIVED] = "R",
	    [CTRL_EV_STARTED] = "started",
	    [CTRL_EV_CALL_UP] = "up",
	    [CTRL_EV_CALL_OVER] = "over",
	    [CTRL_EV_CLOSED] = "closed",
	    [CTRL_EV_LINK_INFO] = "link-info",
	    [CTRL_EV_WAN_ERROR] = "wan-error",
	    [CTRL_EV_IGNORED] = "ignored",
	    [CTRL_EV_EXCESS] = "excess"};
	size_t at = strlen(happened), cap = sizeof(happened);
	at += (size_t)snprintf(happened + at, cap - at, "%s%s", at ? " " : "", words[e->type]);
	if (e->type == CTRL_EV_SENT || e->type == CTRL_EV_RECEIVED || e->type == CTRL_EV_IGNORED ||
	    e->type == CTRL_EV_EXCESS)
		at += (size_t)snprintf(happened + at, cap - at, "%u", e->msg_type);
	if (e->call_id)
		at += (size_t)snprintf(happened + at, cap - at, "/%u", e->call_id);
	if (e->why)
		snprintf(happened + at, cap - at, ":%s", why_word(e->why));
}

static inline void drain(void)
{
	struct ctrl_event e;
	while (ctrl_next_event(c, now, &e)) {
		ck_assert_ptr_nonnull(e.note);
		if (e.type == keep)
			last = e;
		write_event(&e);
	}
}

/* All that happened since the last question. */
static inline const char *events(void)
{
	static char answer[sizeof(happened)];
	drain();
	memcpy(answer, happened, sizeof(answer));
	happened[0] = 0;
	return answer;
}

/* Takes the output away and decodes it into sent[]. */
static inline void take_output(void)
{
	const uint8_t *octets;
	size_t len = ctrl_output(c, &octets), used;
	sent_count = 0;
	for (size_t at = 0; at < len; at += used) {
		struct msg m;
		ck_assert_uint_eq(msg_decode(octets + at, len - at, &m, &used), MSG_COMPLETE);
		if (sent_count < 512)
			sent[sent_count++] = m;
	}
	ctrl_output_done(c, len);
	ck_assert_uint_eq(ctrl_output(c, &octets), 0);
}

static inline size_t waiting(void)
{
	const uint8_t *octets;
	return ctrl_output(c, &octets);
}

static inline void input(const uint8_t *octets, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = ctrl_input(c, now, octets + at, len - at);
		at += n;
		drain();
		ck_assert_uint_gt(n, 0);
	}
}

static inline void feed(const struct msg *m)
{
	uint8_t octets[MSG_LEN_MAX];
	input(octets, msg_encode(m, octets, sizeof(octets)));
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

static inline bool open_call(uint16_t id)
{
	struct ctrl_call_request request = {.call_id = id, .window = 64, .processing_delay = 3};
	strcpy(request.phone, "5551234");
	return ctrl_call_open(c, now, &request);
}

/* Lets time pass to the next deadline, which must be `wait_us` from now. */
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
					  .max_channels = 0,
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
	    .server_address = 0x0A000002};
	now = START;
	keep = CTRL_EV_CLOSED;
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
	take_output();
}

static inline void establish(void)
{
	start();
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 started");
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
}

/* Call ID stands, the server's id is PEER. */
static inline void call(void)
{
	establish();
	ck_assert(open_call(ID));
	ck_assert_str_eq(events(), "S7/100");
	feed_call_reply(PEER, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 up/100");
	ck_assert_int_eq(ctrl_call_state(c, ID), CTRL_CALL_ESTABLISHED);
	take_output();
}

/* ... in the state `state`, whatever led there. */
static inline void call_in(enum ctrl_call_state state)
{
	if (state == CTRL_CALL_IDLE) {
		start();
		ck_assert(open_call(ID));
	} else if (state == CTRL_CALL_WAIT_REPLY) {
		establish();
		ck_assert(open_call(ID));
	} else {
		call();
		if (state == CTRL_CALL_WAIT_DISCONNECT)
			ctrl_call_close(c, now, ID);
	}
	(void)events();
	take_output();
	ck_assert_int_eq(ctrl_call_state(c, ID), state);
}

static inline void connection_in(enum ctrl_state state)
{
	switch (state) {
	case CTRL_IDLE:
		break;
	case CTRL_WAIT_CTL_REPLY:
		start();
		break;
	case CTRL_ESTABLISHED:
		establish();
		break;
	case CTRL_WAIT_STOP_REPLY:
		establish();
		ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
		break;
	case CTRL_CLOSED:
		establish();
		ctrl_on_tcp_closed(c, now);
		break;
	}
	(void)events();
	take_output();
	ck_assert_int_eq(ctrl_state(c), state);
}

#endif
