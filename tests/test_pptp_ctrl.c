/* SPDX-License-Identifier: ISC */
/*
 * The control connection, driven by messages and by time as an argument. What happened is compared
 * as text, one word per event: S7/100 sent type 7 for call 100, R8 received type 8, "up/100",
 * "over/100:refused", "closed:local", "ignored9", "excess2".
 */
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

static const char *why_word(enum ctrl_why why)
{
	static const char *const words[] = {"none", "local", "start-refused", "channel-exists",
	    "bad-version", "start-timeout", "collision", "refused", "call-timeout", "disconnected",
	    "cleared", "stopped", "echo-timeout", "lost-sync", "short", "stop-timeout",
	    "tcp-closed"};
	return words[why];
}

static void write_event(const struct ctrl_event *e)
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

static void drain(void)
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
static const char *events(void)
{
	static char answer[sizeof(happened)];
	drain();
	memcpy(answer, happened, sizeof(answer));
	happened[0] = 0;
	return answer;
}

/* Takes the output away and decodes it into sent[]. */
static void take_output(void)
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

static size_t waiting(void)
{
	const uint8_t *octets;
	return ctrl_output(c, &octets);
}

static void input(const uint8_t *octets, size_t len)
{
	for (size_t at = 0; at < len;) {
		size_t n = ctrl_input(c, now, octets + at, len - at);
		at += n;
		drain();
		ck_assert_uint_gt(n, 0);
	}
}

static void feed(const struct msg *m)
{
	uint8_t octets[MSG_LEN_MAX];
	input(octets, msg_encode(m, octets, sizeof(octets)));
}

static void feed_start_reply(uint16_t version, uint8_t result, uint8_t error)
{
	struct msg m = {.type = MSG_START_CONTROL_CONNECTION_REPLY};
	m.u.start.version = version;
	m.u.start.result = result;
	m.u.start.error = error;
	feed(&m);
}

static void feed_start_request(void)
{
	struct msg m = {.type = MSG_START_CONTROL_CONNECTION_REQUEST};
	m.u.start.version = MSG_VERSION;
	feed(&m);
}

static void feed_stop_request(uint8_t reason)
{
	struct msg m = {.type = MSG_STOP_CONTROL_CONNECTION_REQUEST};
	m.u.stop_request.reason = reason;
	feed(&m);
}

static void feed_stop_reply(void)
{
	struct msg m = {.type = MSG_STOP_CONTROL_CONNECTION_REPLY};
	m.u.stop_reply.result = MSG_RESULT_OK;
	feed(&m);
}

static void feed_echo(enum msg_type type, uint32_t identifier)
{
	struct msg m = {.type = type};
	m.u.echo.identifier = identifier;
	m.u.echo.result = MSG_RESULT_OK;
	feed(&m);
}

static void feed_call_reply(uint16_t peer, uint16_t id, uint8_t result)
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

static void feed_disconnect(uint16_t peer)
{
	struct msg m = {.type = MSG_CALL_DISCONNECT_NOTIFY};
	m.u.call_disconnect.call_id = peer;
	m.u.call_disconnect.result = MSG_CDN_ADMIN_SHUTDOWN;
	m.u.call_disconnect.error = 6;
	m.u.call_disconnect.cause = 0x1234;
	feed(&m);
}

static void feed_clear(uint16_t peer)
{
	struct msg m = {.type = MSG_CALL_CLEAR_REQUEST};
	m.u.call_clear.call_id = peer;
	feed(&m);
}

static bool open_call(uint16_t id)
{
	struct ctrl_call_request request = {.call_id = id, .window = 64, .processing_delay = 3};
	strcpy(request.phone, "5551234");
	return ctrl_call_open(c, now, &request);
}

/* Lets time pass to the next deadline, which must be `wait_us` from now. */
static void expire(int64_t wait_us)
{
	ck_assert_int_eq(ctrl_deadline(c) - now, wait_us);
	now += wait_us - 1;
	ctrl_on_deadline(c, now);
	ck_assert_str_eq(events(), "");
	now++;
	ctrl_on_deadline(c, now);
	drain();
}

static void init(void)
{
	ctrl_init(c, &config);
}

static void set_up(void)
{
	c = malloc(sizeof(*c));
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

static void tear_down(void)
{
	free(c);
}

static void start(void)
{
	ctrl_start(c, now);
	ck_assert_str_eq(events(), "S1");
	take_output();
}

static void establish(void)
{
	start();
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 started");
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
}

/* Call ID stands, the server's id is PEER. */
static void call(void)
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
static void call_in(enum ctrl_call_state state)
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

static void connection_in(enum ctrl_state state)
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

START_TEST(ctrl_idle_waits_for_nothing)
{
	ck_assert_int_eq(ctrl_state(c), CTRL_IDLE);
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
	ck_assert_uint_eq(waiting(), 0);
	ck_assert_str_eq(events(), "");
	ctrl_on_deadline(c, now);
	ck_assert_str_eq(events(), "");
}
END_TEST

START_TEST(ctrl_start_sends_who_we_are)
{
	ctrl_start(c, now);
	ctrl_start(c, now);
	ck_assert_str_eq(events(), "S1");
	take_output();
	ck_assert_uint_eq(sent_count, 1);
	const struct msg_start *f = &sent[0].u.start;
	ck_assert_uint_eq(f->version, MSG_VERSION);
	ck_assert_uint_eq(f->framing, MSG_FRAMING_ANY);
	ck_assert_uint_eq(f->bearer, MSG_BEARER_ANY);
	ck_assert_uint_eq(f->max_channels, 0);
	ck_assert_uint_eq(f->firmware, 1);
	ck_assert_str_eq(f->host_name, "local");
	ck_assert_str_eq(f->vendor, "pptp");
	ck_assert_int_eq(ctrl_state(c), CTRL_WAIT_CTL_REPLY);
}
END_TEST

START_TEST(ctrl_text_of_identity_is_cut_to_its_field)
{
	static const char longer[] =
	    "0123456789012345678901234567890123456789012345678901234567890123XXX";
	config.identity.host_name = longer;
	config.identity.vendor = NULL;
	init();
	ctrl_start(c, now);
	take_output();
	ck_assert_uint_eq(strlen(sent[0].u.start.host_name), MSG_NAME_LEN);
	ck_assert_str_eq(sent[0].u.start.vendor, "");
}
END_TEST

START_TEST(ctrl_is_established_by_a_good_reply)
{
	keep = CTRL_EV_STARTED;
	establish();
	ck_assert_uint_eq(last.msg.type, MSG_START_CONTROL_CONNECTION_REPLY);
	ck_assert_uint_eq(last.msg.u.start.version, MSG_VERSION);
	ck_assert_int_eq(ctrl_deadline(c), now + 60 * SEC);
}
END_TEST

START_TEST(ctrl_takes_result_0_of_adsl_modems_for_success)
{
	start();
	feed_start_reply(MSG_VERSION, 0, 0);
	ck_assert_str_eq(events(), "R2 started");
}
END_TEST

START_TEST(ctrl_takes_any_revision_of_version_1)
{
	start();
	feed_start_reply(0x0102, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 started");
}
END_TEST

START_TEST(ctrl_refusals_of_the_start_keep_their_codes)
{
	static const struct {
		uint8_t result;
		const char *events;
	} refusals[] = {{2, "R2 closed:start-refused"}, {3, "R2 closed:channel-exists"},
	    {4, "R2 closed:start-refused"}, {5, "R2 closed:bad-version"},
	    {6, "R2 closed:start-refused"}, {255, "R2 closed:start-refused"}};
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		init();
		start();
		feed_start_reply(MSG_VERSION, refusals[i].result, 6);
		ck_assert_str_eq(events(), refusals[i].events);
		ck_assert_uint_eq(last.result, refusals[i].result);
		ck_assert_uint_eq(last.error, 6);
		ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
	}
}
END_TEST

START_TEST(ctrl_stops_a_server_of_another_version)
{
	static const uint16_t versions[] = {0x0000, 0x0001, 0x0200, 0xFFFF};
	for (size_t i = 0; i < 4; i++) {
		init();
		ck_assert(open_call(ID));
		start();
		feed_start_reply(versions[i], MSG_RESULT_OK, 0);
		ck_assert_str_eq(events(), "R2 over/100:bad-version S3");
		ck_assert_int_eq(ctrl_state(c), CTRL_WAIT_STOP_REPLY);
		take_output();
		ck_assert_uint_eq(sent[0].u.stop_request.reason, MSG_STOP_PROTOCOL);
		feed_stop_reply();
		ck_assert_str_eq(events(), "R4 closed:bad-version");
	}
}
END_TEST

START_TEST(ctrl_stops_a_server_of_another_version_that_does_not_answer)
{
	start();
	feed_start_reply(0x0200, MSG_RESULT_OK, 0);
	(void)events();
	expire(2 * SEC);
	ck_assert_str_eq(events(), "closed:bad-version");
}
END_TEST

START_TEST(ctrl_gives_up_a_start_without_reply)
{
	ck_assert(open_call(ID));
	start();
	expire(30 * SEC);
	ck_assert_str_eq(events(), "S3 over/100:start-timeout closed:start-timeout");
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
}
END_TEST

START_TEST(ctrl_collision_is_decided_by_address)
{
	start();
	feed_start_request();
	ck_assert_str_eq(events(), "R1 closed:collision");
	config.server_address = config.our_address - 1;
	init();
	start();
	feed_start_request();
	ck_assert_str_eq(events(), "R1 ignored1");
	ck_assert_int_eq(ctrl_state(c), CTRL_WAIT_CTL_REPLY);
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 started");
	config.server_address = config.our_address;
	init();
	start();
	feed_start_request();
	ck_assert_str_eq(events(), "R1 ignored1");
}
END_TEST

START_TEST(ctrl_collision_compares_addresses_without_sign)
{
	config.our_address = 0x7F000001;
	config.server_address = 0xC0A80001;
	init();
	start();
	feed_start_request();
	ck_assert_str_eq(events(), "R1 closed:collision");
}
END_TEST

START_TEST(ctrl_answers_a_stop_in_every_state)
{
	static const struct {
		enum ctrl_state state;
		const char *events;
	} rows[] = {{CTRL_WAIT_CTL_REPLY, "R3 S4 closed:stopped"},
	    {CTRL_ESTABLISHED, "R3 S4 closed:stopped"},
	    {CTRL_WAIT_STOP_REPLY, "R3 S4 closed:local"}};
	for (size_t i = 0; i < 3; i++) {
		init();
		connection_in(rows[i].state);
		feed_stop_request(3);
		ck_assert_str_eq(events(), rows[i].events);
		ck_assert_uint_eq(last.result, 3);
		ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
		take_output();
		ck_assert_uint_eq(sent_count, 1);
		ck_assert_uint_eq(sent[0].u.stop_reply.result, MSG_RESULT_OK);
	}
}
END_TEST

START_TEST(ctrl_stop_says_everything_in_one_go)
{
	establish();
	for (uint16_t id = 1; id <= 3; id++)
		ck_assert(open_call(id));
	feed_call_reply(901, 1, MSG_RESULT_OK);
	feed_call_reply(902, 2, MSG_RESULT_OK);
	(void)events();
	take_output();
	ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
	ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
	ck_assert_str_eq(events(), "S12/1 S12/2 S12/3 S3");
	take_output();
	ck_assert_uint_eq(sent_count, 4);
	ck_assert_uint_eq(sent[2].u.call_clear.call_id, 3);
	ck_assert_uint_eq(sent[3].u.stop_request.reason, MSG_STOP_LOCAL_SHUTDOWN);
	feed_disconnect(901);
	ck_assert_str_eq(events(), "R13 over/1:local");
	feed_call_reply(903, 3, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
	feed_disconnect(903);
	ck_assert_str_eq(events(), "R13 over/3:local");
	feed_stop_reply();
	ck_assert_str_eq(events(), "R4 over/2:local closed:local");
}
END_TEST

START_TEST(ctrl_stop_waits_for_its_reply_so_long_and_no_longer)
{
	call();
	ctrl_stop(c, now, MSG_STOP_NONE);
	ck_assert_str_eq(events(), "S12/100 S3");
	expire(2 * SEC);
	ck_assert_str_eq(events(), "over/100:local closed:stop-timeout");
}
END_TEST

START_TEST(ctrl_stop_before_the_start_reply_still_stops_properly)
{
	ck_assert(open_call(ID));
	start();
	ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
	ck_assert_str_eq(events(), "over/100:local S3");
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 ignored2");
	feed_stop_reply();
	ck_assert_str_eq(events(), "R4 closed:local");
}
END_TEST

START_TEST(ctrl_stop_of_an_idle_connection_sends_nothing)
{
	ck_assert(open_call(ID));
	ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
	ck_assert_str_eq(events(), "over/100:local closed:local");
	ck_assert_uint_eq(waiting(), 0);
}
END_TEST

START_TEST(ctrl_end_of_tcp_is_an_ordinary_end_in_every_state)
{
	static const struct {
		enum ctrl_state state;
		const char *events;
	} rows[] = {{CTRL_IDLE, "closed:tcp-closed"}, {CTRL_WAIT_CTL_REPLY, "closed:tcp-closed"},
	    {CTRL_ESTABLISHED, "closed:tcp-closed"}, {CTRL_WAIT_STOP_REPLY, "closed:local"},
	    {CTRL_CLOSED, ""}};
	for (size_t i = 0; i < 5; i++) {
		init();
		connection_in(rows[i].state);
		ctrl_on_tcp_closed(c, now);
		ck_assert_str_eq(events(), rows[i].events);
		ck_assert_uint_eq(waiting(), 0);
		ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
	}
}
END_TEST

START_TEST(ctrl_end_of_tcp_ends_every_call_first)
{
	establish();
	for (uint16_t id = 1; id <= 3; id++)
		ck_assert(open_call(id));
	ctrl_call_close(c, now, 2);
	(void)events();
	ctrl_on_tcp_closed(c, now);
	ck_assert_str_eq(
	    events(), "over/1:tcp-closed over/2:local over/3:tcp-closed closed:tcp-closed");
	ck_assert_uint_eq(ctrl_call_count(c), 0);
}
END_TEST

/* What has no place in a state: one row per state, one column per message type. */
START_TEST(ctrl_ignores_what_has_no_place_in_its_state)
{
	static const struct {
		enum ctrl_state state;
		uint16_t types; /* bit n: type n is ignored */
	} rows[] = {
	    {CTRL_WAIT_CTL_REPLY, 1 << 4 | 1 << 6 | 0xFF80},
	    {CTRL_ESTABLISHED, 1 << 1 | 1 << 2 | 1 << 4 | 1 << 6 | (0xFF80 & ~(1 << 9))},
	    {CTRL_WAIT_STOP_REPLY, 1 << 1 | 1 << 2 | 1 << 6 | 0xFF80},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned type = 1; type <= 15; type++) {
			if (!(rows[i].types >> type & 1))
				continue;
			char want[32];
			snprintf(want, sizeof(want), "R%u ignored%u", type, type);
			init();
			connection_in(rows[i].state);
			keep = CTRL_EV_IGNORED;
			feed(&(struct msg){.type = (enum msg_type)type});
			ck_assert_str_eq(events(), want);
			ck_assert_str_ne(last.note, "");
			ck_assert_uint_eq(waiting(), 0);
			ck_assert_int_eq(ctrl_state(c), rows[i].state);
		}
	}
}
END_TEST

START_TEST(ctrl_closed_ignores_everything)
{
	connection_in(CTRL_CLOSED);
	for (unsigned type = 1; type <= 15; type++)
		feed(&(struct msg){.type = (enum msg_type)type});
	uint8_t rubbish[100] = {0};
	ck_assert_uint_eq(ctrl_input(c, now, rubbish, sizeof(rubbish)), sizeof(rubbish));
	ctrl_start(c, now);
	ctrl_stop(c, now, MSG_STOP_NONE);
	ctrl_call_close(c, now, ID);
	ck_assert(!open_call(ID));
	ctrl_on_deadline(c, INT64_MAX - 1);
	ck_assert_str_eq(events(), "");
	ck_assert_uint_eq(waiting(), 0);
	ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
}
END_TEST

START_TEST(ctrl_closed_still_hands_out_its_last_words)
{
	establish();
	feed_stop_request(1);
	ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
	ck_assert_uint_eq(waiting(), 16);
	ctrl_output_done(c, 7);
	ck_assert_uint_eq(waiting(), 9);
	ctrl_output_done(c, 100);
	ck_assert_uint_eq(waiting(), 0);
}
END_TEST

START_TEST(ctrl_echo_request_is_answered_with_its_identifier)
{
	static const enum ctrl_state states[] = {
	    CTRL_WAIT_CTL_REPLY, CTRL_ESTABLISHED, CTRL_WAIT_STOP_REPLY};
	static const uint32_t identifiers[] = {0, 1, 0x01020304, 0xFFFFFFFF};
	for (size_t s = 0; s < 3; s++) {
		init();
		connection_in(states[s]);
		for (size_t i = 0; i < 4; i++) {
			feed_echo(MSG_ECHO_REQUEST, identifiers[i]);
			ck_assert_str_eq(events(), "R5 S6");
			take_output();
			ck_assert_uint_eq(sent[0].u.echo.identifier, identifiers[i]);
			ck_assert_uint_eq(sent[0].u.echo.result, MSG_RESULT_OK);
		}
	}
}
END_TEST

START_TEST(ctrl_silence_is_asked_about_and_then_ends_it)
{
	call();
	expire(60 * SEC);
	ck_assert_str_eq(events(), "S5");
	take_output();
	expire(10 * SEC);
	ck_assert_str_eq(events(), "S12/100 S3 over/100:echo-timeout closed:echo-timeout");
	ck_assert_uint_eq(waiting(), 32);
}
END_TEST

START_TEST(ctrl_echo_reply_brings_back_the_idle_wait)
{
	establish();
	for (unsigned round = 0; round < 3; round++) {
		expire(60 * SEC);
		ck_assert_str_eq(events(), "S5");
		take_output();
		now += 9 * SEC;
		feed_echo(MSG_ECHO_REPLY, sent[0].u.echo.identifier);
		ck_assert_str_eq(events(), "R6");
	}
	ck_assert_int_eq(ctrl_deadline(c), now + 60 * SEC);
}
END_TEST

START_TEST(ctrl_any_message_is_life)
{
	establish();
	for (unsigned type = 1; type <= 16; type++) {
		if (type == MSG_STOP_CONTROL_CONNECTION_REQUEST)
			continue;
		expire(60 * SEC);
		now += 9 * SEC;
		if (type <= 15)
			feed(&(struct msg){.type = (enum msg_type)type});
		else
			input((const uint8_t[]){0, 12, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, 99, 0, 0},
			    12);
		ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
		ck_assert_int_eq(ctrl_deadline(c), now + 60 * SEC);
		(void)events();
	}
}
END_TEST

START_TEST(ctrl_part_of_a_message_is_no_life)
{
	establish();
	int64_t deadline = ctrl_deadline(c);
	now += SEC;
	input((const uint8_t[]){0, 16, 0, 1, 0x1A, 0x2B}, 6);
	ck_assert_int_eq(ctrl_deadline(c), deadline);
}
END_TEST

START_TEST(ctrl_echo_reply_with_foreign_identifier_is_noted)
{
	establish();
	feed_echo(MSG_ECHO_REPLY, 1);
	ck_assert_str_eq(events(), "R6 ignored6");
	expire(60 * SEC);
	(void)events();
	feed_echo(MSG_ECHO_REPLY, 2);
	ck_assert_str_eq(events(), "R6 ignored6");
	feed_echo(MSG_ECHO_REPLY, 0);
	ck_assert_str_eq(events(), "R6 ignored6");
	feed_echo(MSG_ECHO_REPLY, 1);
	ck_assert_str_eq(events(), "R6");
}
END_TEST

START_TEST(ctrl_idle_wait_0_never_asks)
{
	config.idle_wait_us = 0;
	init();
	establish();
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
	ctrl_on_deadline(c, now + 1000000 * SEC);
	ck_assert_str_eq(events(), "");
}
END_TEST

START_TEST(ctrl_echo_wait_0_waits_for_ever)
{
	config.echo_wait_us = 0;
	init();
	establish();
	expire(60 * SEC);
	ck_assert_str_eq(events(), "S5");
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
	ctrl_on_deadline(c, now + 1000000 * SEC);
	ck_assert_str_eq(events(), "");
	feed_echo(MSG_ECHO_REPLY, 1);
	ck_assert_int_eq(ctrl_deadline(c), now + 60 * SEC);
}
END_TEST

/* accel-ppp counts missed echoes and compares with a limit that 0 never meets. */
START_TEST(ctrl_dead_peer_is_noticed_with_the_shortest_waits)
{
	config.idle_wait_us = config.echo_wait_us = 1;
	init();
	establish();
	expire(1);
	ck_assert_str_eq(events(), "S5");
	expire(1);
	ck_assert_str_eq(events(), "S3 closed:echo-timeout");
}
END_TEST

START_TEST(ctrl_waits_too_long_for_the_clock_are_for_ever)
{
	config.idle_wait_us = INT64_MAX;
	init();
	establish();
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
}
END_TEST

START_TEST(ctrl_flood_of_requests_by_a_server_that_does_not_read_is_bounded)
{
	call();
	size_t most = 0;
	for (unsigned i = 0; i < 20000; i++) {
		feed_echo(MSG_ECHO_REQUEST, i);
		if (i % 3 == 0)
			feed(&(struct msg){.type = MSG_INCOMING_CALL_REQUEST});
		most = waiting() > most ? waiting() : most;
		happened[0] = 0;
	}
	ck_assert_uint_le(most, CTRL_OUTPUT_MAX);
	ck_assert_uint_gt(most, CTRL_OUTPUT_MAX - 64);
	ck_assert(!open_call(ID + 1));
	/* What we have to say ourselves still has room. */
	ctrl_stop(c, now, MSG_STOP_NONE);
	ck_assert_str_eq(events(), "S12/100 S3");
	ck_assert_uint_gt(waiting(), most);
	ck_assert_uint_le(waiting(), most + 32);
	const uint8_t *octets;
	size_t len = ctrl_output(c, &octets), used;
	struct msg m;
	for (size_t at = 0; at < len; at += used)
		ck_assert_uint_eq(msg_decode(octets + at, len - at, &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(m.type, MSG_STOP_CONTROL_CONNECTION_REQUEST);
}
END_TEST

START_TEST(ctrl_output_survives_being_taken_in_pieces)
{
	establish();
	uint32_t next = 0, expected = 0;
	uint8_t got[64];
	size_t got_len = 0;
	for (unsigned round = 0; round < 30000; round++) {
		const uint8_t *octets;
		if (waiting() < 20000)
			feed_echo(MSG_ECHO_REQUEST, next++);
		happened[0] = 0;
		size_t n = ctrl_output(c, &octets);
		n = n < 1 + round % 13 ? n : 1 + round % 13;
		memcpy(got + got_len, octets, n);
		got_len += n;
		ctrl_output_done(c, n);
		while (got_len >= 20) {
			struct msg m;
			size_t used;
			ck_assert_uint_eq(msg_decode(got, got_len, &m, &used), MSG_COMPLETE);
			ck_assert_uint_eq(m.u.echo.identifier, expected++);
			got_len -= used;
			memmove(got, got + used, got_len);
		}
	}
	ck_assert_uint_gt(expected, 5000);
}
END_TEST

START_TEST(ctrl_call_waits_for_the_connection)
{
	ck_assert(open_call(ID));
	ck_assert_int_eq(ctrl_call_state(c, ID), CTRL_CALL_IDLE);
	ctrl_start(c, now);
	ck_assert(open_call(ID + 1));
	ck_assert_str_eq(events(), "S1");
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 started S7/100 S7/101");
	ck_assert_int_eq(ctrl_call_state(c, ID), CTRL_CALL_WAIT_REPLY);
}
END_TEST

START_TEST(ctrl_call_request_says_what_was_asked)
{
	establish();
	ck_assert(open_call(ID));
	take_output();
	ck_assert_uint_eq(sent_count, 1);
	const struct msg_outgoing_call_request *f = &sent[0].u.outgoing_call_request;
	ck_assert_uint_eq(f->call_id, ID);
	ck_assert_uint_ne(f->serial, 0);
	ck_assert_uint_eq(f->min_bps, 2400);
	ck_assert_uint_eq(f->max_bps, 10000000);
	ck_assert_uint_eq(f->bearer, MSG_BEARER_ANY);
	ck_assert_uint_eq(f->framing, MSG_FRAMING_ANY);
	ck_assert_uint_eq(f->window, 64);
	ck_assert_uint_eq(f->processing_delay, 3);
	ck_assert_uint_eq(f->phone_len, 7);
	ck_assert_str_eq(f->phone, "5551234");
	ck_assert_str_eq(f->subaddress, "");
}
END_TEST

/* The old client pastes a whole packet over the request, and sends call id 0. */
START_TEST(ctrl_quirk_identity_keeps_the_real_call_id)
{
	config.identity = (struct ctrl_identity){.start_framing = 1,
	    .start_bearer = 1,
	    .firmware = 0x6021,
	    .host_name = "RELAY_PPP1",
	    .vendor = "MS Win NT",
	    .call_framing = 3,
	    .call_bearer = 2,
	    .send_link_info = true};
	init();
	struct ctrl_call_request request = {.call_id = 0x1234, .phone = "RELAY_PPP1"};
	ctrl_start(c, now);
	take_output();
	ck_assert_uint_eq(sent[0].u.start.framing, 1);
	ck_assert_uint_eq(sent[0].u.start.bearer, 1);
	ck_assert_uint_eq(sent[0].u.start.firmware, 0x6021);
	ck_assert_str_eq(sent[0].u.start.host_name, "RELAY_PPP1");
	ck_assert_str_eq(sent[0].u.start.vendor, "MS Win NT");
	feed_start_reply(MSG_VERSION, 0, 0);
	ck_assert(ctrl_call_open(c, now, &request));
	take_output();
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.call_id, 0x1234);
	ck_assert_uint_ne(sent[0].u.outgoing_call_request.serial, 0);
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.bearer, 2);
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.framing, 3);
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.phone_len, 10);
	(void)events();
	feed_call_reply(PEER, 0x1234, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 up/4660 S15/4660");
	take_output();
	ck_assert_uint_eq(sent[0].u.set_link_info.peer_call_id, PEER);
	ck_assert_uint_eq(sent[0].u.set_link_info.send_accm, 0xFFFFFFFF);
	ck_assert_uint_eq(sent[0].u.set_link_info.receive_accm, 0xFFFFFFFF);
}
END_TEST

START_TEST(ctrl_call_up_hands_on_the_reply)
{
	keep = CTRL_EV_CALL_UP;
	call();
	ck_assert_uint_eq(last.call_id, ID);
	ck_assert_uint_eq(last.msg.u.outgoing_call_reply.call_id, PEER);
	ck_assert_uint_eq(last.msg.u.outgoing_call_reply.connect_bps, 100000000);
	ck_assert_int_eq(ctrl_deadline(c), now + 60 * SEC);
}
END_TEST

START_TEST(ctrl_call_refusals_keep_their_codes)
{
	for (unsigned result = 0; result < 256; result++) {
		if (result == MSG_RESULT_OK)
			continue;
		init();
		keep = CTRL_EV_CALL_OVER;
		call_in(CTRL_CALL_WAIT_REPLY);
		feed_call_reply(PEER, ID, (uint8_t)result);
		ck_assert_str_eq(events(), "R8 over/100:refused");
		ck_assert_uint_eq(last.result, result);
		ck_assert_uint_eq(last.error, 4);
		ck_assert_uint_eq(last.cause, 17);
		ck_assert_int_eq(ctrl_call_state(c, ID), CTRL_CALL_FREE);
		ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
	}
}
END_TEST

START_TEST(ctrl_call_without_reply_is_cleared_and_over)
{
	call_in(CTRL_CALL_WAIT_REPLY);
	expire(30 * SEC);
	ck_assert_str_eq(events(), "S12/100 over/100:call-timeout");
	feed_call_reply(PEER, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
}
END_TEST

START_TEST(ctrl_call_reply_has_a_place_in_one_state_only)
{
	static const enum ctrl_call_state states[] = {
	    CTRL_CALL_IDLE, CTRL_CALL_ESTABLISHED, CTRL_CALL_WAIT_DISCONNECT};
	for (size_t i = 0; i < 3; i++) {
		for (uint8_t result = 1; result <= 3; result++) {
			init();
			call_in(states[i]);
			feed_call_reply(PEER, ID, result);
			ck_assert_str_eq(events(), "R8 ignored8");
			ck_assert_int_eq(ctrl_call_state(c, ID), states[i]);
		}
	}
	init();
	establish();
	feed_call_reply(PEER, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
}
END_TEST

START_TEST(ctrl_second_reply_does_not_change_the_servers_id)
{
	call();
	feed_call_reply(PEER + 1, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
	feed_disconnect(PEER + 1);
	ck_assert_str_eq(events(), "R13 ignored13");
	feed_disconnect(PEER);
	ck_assert_str_eq(events(), "R13 over/100:disconnected");
}
END_TEST

START_TEST(ctrl_disconnect_ends_the_call_with_its_codes)
{
	keep = CTRL_EV_CALL_OVER;
	call();
	feed_disconnect(PEER);
	ck_assert_str_eq(events(), "R13 over/100:disconnected");
	ck_assert_uint_eq(last.result, MSG_CDN_ADMIN_SHUTDOWN);
	ck_assert_uint_eq(last.error, 6);
	ck_assert_uint_eq(last.cause, 0x1234);
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
	feed_disconnect(PEER);
	ck_assert_str_eq(events(), "R13 ignored13");
}
END_TEST

START_TEST(ctrl_disconnect_of_another_id_leaves_a_standing_call_alone)
{
	call();
	feed_disconnect(ID);
	ck_assert_str_eq(events(), "R13 ignored13");
	feed_disconnect(PEER + 1);
	ck_assert_str_eq(events(), "R13 ignored13");
	ck_assert_int_eq(ctrl_call_state(c, ID), CTRL_CALL_ESTABLISHED);
}
END_TEST

/* accel-ppp swapped the octets of the id twice, others put ours: the wish to end is met all the same. */
START_TEST(ctrl_disconnect_with_swapped_id_confirms_a_cleared_call)
{
	static const uint16_t ids[] = {PEER, (PEER & 0xFF) << 8 | PEER >> 8, ID, 0};
	for (size_t i = 0; i < 4; i++) {
		init();
		call_in(CTRL_CALL_WAIT_DISCONNECT);
		feed_disconnect(ids[i]);
		ck_assert_str_eq(events(), "R13 over/100:local");
	}
}
END_TEST

START_TEST(ctrl_disconnect_with_unclear_id_ends_none_of_several)
{
	establish();
	for (uint16_t id = 1; id <= 2; id++) {
		ck_assert(open_call(id));
		feed_call_reply((uint16_t)(PEER + id), id, MSG_RESULT_OK);
		ctrl_call_close(c, now, id);
	}
	(void)events();
	feed_disconnect(7777);
	ck_assert_str_eq(events(), "R13 ignored13");
	feed_disconnect(2);
	ck_assert_str_eq(events(), "R13 over/2:local");
	feed_disconnect(PEER + 1);
	ck_assert_str_eq(events(), "R13 over/1:local");
}
END_TEST

START_TEST(ctrl_clear_from_the_server_is_confirmed_under_our_id)
{
	call();
	feed_clear(PEER);
	ck_assert_str_eq(events(), "R12 S13/100 over/100:cleared");
	take_output();
	ck_assert_uint_eq(sent[0].u.call_disconnect.call_id, ID);
	ck_assert_uint_eq(sent[0].u.call_disconnect.result, MSG_CDN_REQUESTED);
	feed_clear(PEER);
	ck_assert_str_eq(events(), "R12 ignored12");
}
END_TEST

START_TEST(ctrl_clear_from_both_ends_crosses)
{
	call_in(CTRL_CALL_WAIT_DISCONNECT);
	feed_clear(PEER);
	ck_assert_str_eq(events(), "R12 S13/100 over/100:local");
}
END_TEST

START_TEST(ctrl_call_close_in_every_state)
{
	static const struct {
		enum ctrl_call_state state;
		const char *events;
		enum ctrl_call_state after;
	} rows[] = {{CTRL_CALL_IDLE, "over/100:local", CTRL_CALL_FREE},
	    {CTRL_CALL_WAIT_REPLY, "S12/100", CTRL_CALL_WAIT_DISCONNECT},
	    {CTRL_CALL_ESTABLISHED, "S12/100", CTRL_CALL_WAIT_DISCONNECT},
	    {CTRL_CALL_WAIT_DISCONNECT, "", CTRL_CALL_WAIT_DISCONNECT}};
	for (size_t i = 0; i < 4; i++) {
		init();
		call_in(rows[i].state);
		ctrl_call_close(c, now, ID + 1);
		ck_assert_str_eq(events(), "");
		ctrl_call_close(c, now, ID);
		ck_assert_str_eq(events(), rows[i].events);
		ck_assert_int_eq(ctrl_call_state(c, ID), rows[i].after);
		take_output();
		if (sent_count)
			ck_assert_uint_eq(sent[0].u.call_clear.call_id, ID);
	}
}
END_TEST

START_TEST(ctrl_cleared_call_is_over_when_nobody_confirms)
{
	call_in(CTRL_CALL_WAIT_DISCONNECT);
	expire(2 * SEC);
	ck_assert_str_eq(events(), "over/100:local");
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
}
END_TEST

START_TEST(ctrl_call_cleared_before_its_reply_takes_either_answer)
{
	call_in(CTRL_CALL_WAIT_REPLY);
	ctrl_call_close(c, now, ID);
	(void)events();
	feed_call_reply(PEER, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
	feed_disconnect(PEER);
	ck_assert_str_eq(events(), "R13 over/100:local");
	init();
	call_in(CTRL_CALL_WAIT_REPLY);
	ctrl_call_close(c, now, ID);
	(void)events();
	feed_call_reply(0, ID, MSG_OCRP_BUSY);
	ck_assert_str_eq(events(), "R8 over/100:local");
}
END_TEST

START_TEST(ctrl_stop_from_the_server_ends_every_call)
{
	call();
	ck_assert(open_call(ID + 1));
	(void)events();
	feed_stop_request(3);
	ck_assert_str_eq(events(), "R3 S4 over/100:stopped over/101:stopped closed:stopped");
}
END_TEST

START_TEST(ctrl_incoming_call_is_declined)
{
	establish();
	struct msg m = {.type = MSG_INCOMING_CALL_REQUEST};
	m.u.incoming_call_request.call_id = 0xBEEF;
	feed(&m);
	ck_assert_str_eq(events(), "R9 S10");
	take_output();
	ck_assert_uint_eq(sent[0].u.incoming_call_reply.peer_call_id, 0xBEEF);
	ck_assert_uint_eq(sent[0].u.incoming_call_reply.result, MSG_ICRP_DO_NOT_ACCEPT);
}
END_TEST

START_TEST(ctrl_link_info_and_wan_errors_reach_their_call)
{
	call();
	struct msg m = {.type = MSG_SET_LINK_INFO};
	m.u.set_link_info.peer_call_id = ID;
	m.u.set_link_info.send_accm = 0x000A0000;
	keep = CTRL_EV_LINK_INFO;
	feed(&m);
	ck_assert_str_eq(events(), "R15 link-info/100");
	ck_assert_uint_eq(last.msg.u.set_link_info.send_accm, 0x000A0000);
	m.u.set_link_info.peer_call_id = PEER;
	feed(&m);
	ck_assert_str_eq(events(), "R15 ignored15");
	m = (struct msg){.type = MSG_WAN_ERROR_NOTIFY};
	m.u.wan_error.peer_call_id = ID;
	m.u.wan_error.crc_errors = 5;
	keep = CTRL_EV_WAN_ERROR;
	feed(&m);
	ck_assert_str_eq(events(), "R14 wan-error/100");
	ck_assert_uint_eq(last.msg.u.wan_error.crc_errors, 5);
	m.u.wan_error.peer_call_id = ID + 1;
	feed(&m);
	ck_assert_str_eq(events(), "R14 ignored14");
}
END_TEST

START_TEST(ctrl_call_open_refuses_bad_and_taken_ids)
{
	establish();
	ck_assert(!open_call(0));
	ck_assert(open_call(ID));
	ck_assert(!open_call(ID));
	(void)events();
	feed_call_reply(PEER, ID, MSG_OCRP_BUSY);
	(void)events();
	ck_assert(open_call(ID));
}
END_TEST

START_TEST(ctrl_call_open_is_refused_once_we_stop)
{
	establish();
	ctrl_stop(c, now, MSG_STOP_NONE);
	ck_assert(!open_call(ID));
}
END_TEST

START_TEST(ctrl_takes_as_many_calls_as_it_has_slots)
{
	for (uint16_t id = 1; id <= CTRL_CALLS_MAX; id++)
		ck_assert(open_call(id));
	ck_assert(!open_call(CTRL_CALLS_MAX + 1));
	start();
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	(void)events();
	take_output();
	ck_assert_uint_eq(sent_count, CTRL_CALLS_MAX);
	for (uint16_t id = CTRL_CALLS_MAX; id >= 1; id--)
		feed_call_reply((uint16_t)(1000 + id), id, MSG_RESULT_OK);
	ck_assert_uint_eq(ctrl_call_count(c), CTRL_CALLS_MAX);
	for (uint16_t id = 1; id <= CTRL_CALLS_MAX; id++)
		ck_assert_int_eq(ctrl_call_state(c, id), CTRL_CALL_ESTABLISHED);
	(void)events();
	ctrl_stop(c, now, MSG_STOP_NONE);
	(void)events();
	take_output();
	ck_assert_uint_eq(sent_count, CTRL_CALLS_MAX + 1);
	feed_stop_reply();
	ck_assert_uint_eq(ctrl_call_count(c), 0);
	ck_assert_ptr_nonnull(strstr(events(), "over/128:local closed:local"));
}
END_TEST

/* The server reads nothing while all that we may have to say becomes due. */
START_TEST(ctrl_output_has_room_for_all_calls_of_a_server_that_does_not_read)
{
	config.identity.send_link_info = true;
	init();
	for (uint16_t id = 1; id <= CTRL_CALLS_MAX; id++)
		ck_assert(open_call(id));
	ctrl_start(c, now);
	for (uint32_t i = 0; i < 3000; i++) {
		feed_echo(MSG_ECHO_REQUEST, i);
		happened[0] = 0;
	}
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	for (uint16_t id = 1; id <= CTRL_CALLS_MAX; id++)
		feed_call_reply((uint16_t)(1000 + id), id, MSG_RESULT_OK);
	happened[0] = 0;
	size_t before = waiting();
	ctrl_stop(c, now, MSG_STOP_NONE);
	ck_assert_uint_eq(waiting(), before + CTRL_CALLS_MAX * 16 + 16);
}
END_TEST

START_TEST(ctrl_serials_are_unique_while_calls_come_and_go)
{
	static bool seen[65536];
	establish();
	for (unsigned i = 0; i < 1000; i++) {
		uint16_t id = (uint16_t)(1 + i % 100);
		if (ctrl_call_state(c, id) != CTRL_CALL_FREE) {
			feed_call_reply(0, id, MSG_OCRP_BUSY);
			(void)events();
		}
		ck_assert(open_call(id));
		(void)events();
		take_output();
		uint16_t serial = sent[0].u.outgoing_call_request.serial;
		ck_assert(!seen[serial]);
		seen[serial] = true;
	}
}
END_TEST

START_TEST(ctrl_serials_that_come_round_spare_those_in_use)
{
	establish();
	ck_assert(open_call(1));
	(void)events();
	take_output();
	uint16_t held = sent[0].u.outgoing_call_request.serial;
	for (unsigned i = 0; i < 70000; i++) {
		ck_assert(open_call(2));
		take_output();
		ck_assert_uint_ne(sent[0].u.outgoing_call_request.serial, held);
		feed_call_reply(0, 2, MSG_OCRP_BUSY);
		happened[0] = 0;
	}
}
END_TEST

/* A model of a few lines beside it: 20 000 random openings, answers and ends in any order. */
START_TEST(ctrl_calls_come_and_go_in_any_order)
{
	enum {
		IDS = 160,
		FREE = 0,
		ASKED,
		STANDING,
		CLEARED
	};
	static unsigned char model[IDS + 1];
	unsigned seed = 2637, live = 0;
	establish();
	for (unsigned step = 0; step < 20000; step++) {
		seed = seed * 1103515245u + 12345u;
		uint16_t id = (uint16_t)(1 + (seed >> 16) % IDS);
		uint16_t peer = (uint16_t)(5000 + id);
		unsigned action = seed >> 8 & 3;
		if (model[id] == FREE) {
			bool opened = open_call(id);
			ck_assert_int_eq(opened, live < CTRL_CALLS_MAX);
			model[id] = opened ? ASKED : FREE;
			live += opened;
		} else if (model[id] == ASKED && action) {
			feed_call_reply(peer, id, action == 1 ? MSG_OCRP_BUSY : MSG_RESULT_OK);
			model[id] = action == 1 ? FREE : STANDING;
			live -= action == 1;
		} else if (model[id] == STANDING && action == 1) {
			feed_clear(peer);
			model[id] = FREE;
			live--;
		} else if (model[id] == STANDING && action == 2) {
			ctrl_call_close(c, now, id);
			model[id] = CLEARED;
		} else if (model[id] == STANDING || model[id] == CLEARED) {
			feed_disconnect(peer);
			model[id] = FREE;
			live--;
		}
		(void)events();
		take_output();
		ck_assert_uint_eq(ctrl_call_count(c), live);
	}
	for (uint16_t id = 1; id <= IDS; id++) {
		static const enum ctrl_call_state states[] = {CTRL_CALL_FREE, CTRL_CALL_WAIT_REPLY,
		    CTRL_CALL_ESTABLISHED, CTRL_CALL_WAIT_DISCONNECT};
		ck_assert_int_eq(ctrl_call_state(c, id), states[model[id]]);
	}
}
END_TEST

START_TEST(ctrl_deadline_is_the_earliest_of_all)
{
	call();
	now += 10 * SEC;
	ck_assert(open_call(1));
	ck_assert_int_eq(ctrl_deadline(c), START + 40 * SEC);
	now += SEC;
	ck_assert(open_call(2));
	ctrl_call_close(c, now, ID);
	ck_assert_int_eq(ctrl_deadline(c), START + 13 * SEC);
	(void)events();
	now = START + 13 * SEC;
	ctrl_on_deadline(c, now);
	ck_assert_str_eq(events(), "over/100:local");
	now = START + 41 * SEC;
	ctrl_on_deadline(c, now);
	ck_assert_str_eq(events(), "S12/1 over/1:call-timeout S12/2 over/2:call-timeout");
	ck_assert_int_eq(ctrl_deadline(c), START + 60 * SEC);
}
END_TEST

/* A whole session's octets from the server. */
static size_t make_session(uint8_t *octets, size_t cap)
{
	struct msg session[5] = {{.type = MSG_START_CONTROL_CONNECTION_REPLY},
	    {.type = MSG_ECHO_REQUEST}, {.type = MSG_OUTGOING_CALL_REPLY},
	    {.type = MSG_CALL_DISCONNECT_NOTIFY}, {.type = MSG_STOP_CONTROL_CONNECTION_REQUEST}};
	session[0].u.start.version = MSG_VERSION;
	session[0].u.start.result = MSG_RESULT_OK;
	session[2].u.outgoing_call_reply = (struct msg_outgoing_call_reply){
	    .call_id = PEER, .peer_call_id = ID, .result = MSG_RESULT_OK};
	session[3].u.call_disconnect.call_id = PEER;
	size_t len = 0;
	for (size_t i = 0; i < 5; i++)
		len += msg_encode(&session[i], octets + len, cap - len);
	return len;
}

static const char session_events[] = "S1 R2 started S7/100 R5 S6 R8 up/100 R13 "
				     "over/100:disconnected R3 S4 closed:stopped";

START_TEST(ctrl_stream_may_be_cut_anywhere)
{
	uint8_t octets[1024];
	size_t len = make_session(octets, sizeof(octets));
	for (size_t cut = 0; cut <= len; cut++) {
		init();
		ck_assert(open_call(ID));
		ctrl_start(c, now);
		drain();
		input(octets, cut);
		input(octets + cut, len - cut);
		ck_assert_str_eq(events(), session_events);
	}
	init();
	ck_assert(open_call(ID));
	ctrl_start(c, now);
	drain();
	for (size_t i = 0; i < len; i++)
		input(octets + i, 1);
	ck_assert_str_eq(events(), session_events);
}
END_TEST

START_TEST(ctrl_input_stops_taking_octets_while_events_wait)
{
	establish();
	struct msg m = {.type = MSG_ECHO_REQUEST};
	uint8_t octets[16 * 400];
	for (size_t i = 0; i < 400; i++) {
		m.u.echo.identifier = (uint32_t)i;
		msg_encode(&m, octets + 16 * i, 16);
	}
	size_t at = 0;
	for (unsigned i = 0; i < 400; i++)
		at += ctrl_input(c, now, octets + at, sizeof(octets) - at);
	ck_assert_uint_lt(at, sizeof(octets));
	ck_assert_uint_eq(waiting(), 20);
	while (at < sizeof(octets)) {
		drain();
		at += ctrl_input(c, now, octets + at, sizeof(octets) - at);
	}
	(void)events();
	take_output();
	ck_assert_uint_eq(sent_count, 400);
	for (uint32_t i = 0; i < 400; i++)
		ck_assert_uint_eq(sent[i].u.echo.identifier, i);
}
END_TEST

START_TEST(ctrl_events_nobody_fetches_stay_bounded)
{
	establish();
	unsigned refused = 0;
	for (unsigned i = 0; i < 5000; i++) {
		uint16_t id = (uint16_t)(1 + i);
		refused += !open_call(id);
		ctrl_call_close(c, now, id);
		now += 3 * SEC;
		ctrl_on_deadline(c, now);
	}
	ck_assert_uint_gt(refused, 4000);
	ctrl_stop(c, now, MSG_STOP_NONE);
	ctrl_on_tcp_closed(c, now);
	const char *all = events();
	ck_assert_ptr_nonnull(strstr(all, "over/1:local"));
	ck_assert_ptr_nonnull(strstr(all, "closed:"));
}
END_TEST

START_TEST(ctrl_message_longer_than_its_type_is_taken)
{
	call();
	uint8_t octets[24] = {0, 20, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, 5, 0, 0, 1, 2, 3, 4};
	keep = CTRL_EV_EXCESS;
	input(octets, 20);
	ck_assert_str_eq(events(), "R5 excess5 S6");
	ck_assert_uint_eq(last.msg.excess, 4);
}
END_TEST

START_TEST(ctrl_unknown_messages_are_skipped)
{
	static const uint8_t unknown[] = {0, 14, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, 99, 0, 0, 1, 2};
	static const uint8_t management[] = {
	    0, 16, 0, 2, 0x1A, 0x2B, 0x3C, 0x4D, 0, 3, 0, 0, 1, 0, 0, 0};
	establish();
	keep = CTRL_EV_IGNORED;
	input(unknown, sizeof(unknown));
	ck_assert_str_eq(events(), "ignored99");
	ck_assert_str_eq(last.note, "unknown control message type");
	input(management, sizeof(management));
	ck_assert_str_eq(events(), "ignored3");
	ck_assert_str_eq(last.note, "not a control message");
	feed_echo(MSG_ECHO_REQUEST, 1);
	ck_assert_str_eq(events(), "R5 S6");
}
END_TEST

/* The old client hunts for the next magic and executes what follows it. */
START_TEST(ctrl_lost_sync_closes_at_once_and_shows_the_octets)
{
	uint8_t octets[64] = {0, 16, 0, 1, 0x1A, 0x2B, 0x3C, 0x00, 0, 5, 0, 0, 0, 0, 0, 0};
	call();
	msg_encode(&(struct msg){.type = MSG_STOP_CONTROL_CONNECTION_REQUEST}, octets + 16, 48);
	input(octets, 32);
	ck_assert_str_eq(events(), "over/100:lost-sync closed:lost-sync");
	ck_assert_uint_eq(last.octet_count, 32);
	ck_assert_mem_eq(last.octets, octets, 32);
	ck_assert_uint_eq(waiting(), 0);
	ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
	init();
	start();
	input((const uint8_t *)"HTTP/1.1 400 Bad Request\r\n", 26);
	ck_assert_str_eq(events(), "closed:lost-sync");
	ck_assert_uint_eq(last.octet_count, 26);
	ck_assert_mem_eq(last.octets, "HTTP/1.1", 8);
}
END_TEST

/* accel-ppp: an unknown type with a declared length of 0 wedged the stream for ever. */
START_TEST(ctrl_length_0_with_unknown_type_closes_instead_of_wedging)
{
	static const uint8_t octets[] = {0, 0, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, 77, 0, 0};
	establish();
	input(octets, sizeof(octets));
	ck_assert_str_eq(events(), "closed:lost-sync");
	ck_assert_mem_eq(last.octets, octets, sizeof(octets));
}
END_TEST

START_TEST(ctrl_short_message_closes_at_once_and_shows_the_octets)
{
	static const uint8_t octets[] = {0, 31, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, 8, 0, 0};
	call();
	input(octets, sizeof(octets));
	ck_assert_str_eq(events(), "over/100:short closed:short");
	ck_assert_uint_eq(last.msg_type, MSG_OUTGOING_CALL_REPLY);
	ck_assert_uint_eq(last.octet_count, sizeof(octets));
	ck_assert_mem_eq(last.octets, octets, sizeof(octets));
}
END_TEST

START_TEST(ctrl_octets_inside_a_message_are_never_executed)
{
	call();
	uint8_t octets[148];
	struct msg m = {.type = MSG_CALL_DISCONNECT_NOTIFY};
	m.u.call_disconnect.call_id = PEER + 1;
	msg_encode(&m, octets, sizeof(octets));
	msg_encode(&(struct msg){.type = MSG_STOP_CONTROL_CONNECTION_REQUEST}, octets + 20, 128);
	input(octets, sizeof(octets));
	ck_assert_str_eq(events(), "R13 ignored13");
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
}
END_TEST

/* Any octets in any state: it ends closed or goes on, and stays within its bounds. */
START_TEST(ctrl_survives_random_octets)
{
	unsigned seed = 1723;
	for (unsigned round = 0; round < 3000; round++) {
		init();
		call_in((enum ctrl_call_state)(CTRL_CALL_IDLE + round % 4));
		uint8_t octets[300] = {0, 0, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D};
		for (size_t i = 8; i < sizeof(octets); i++) {
			seed = seed * 1103515245u + 12345u;
			octets[i] = (uint8_t)(seed >> 16);
		}
		octets[8] = 0;
		octets[9] &= 15;
		size_t len = msg_length(octets[9]) ? msg_length(octets[9]) : 12;
		octets[1] = (uint8_t)len;
		input(octets, sizeof(octets));
		(void)events();
		ck_assert_uint_le(waiting(), CTRL_OUTPUT_MAX);
	}
}
END_TEST

START_TEST(ctrl_states_and_reasons_have_words)
{
	for (int state = CTRL_IDLE; state <= CTRL_CLOSED; state++)
		ck_assert_str_ne(ctrl_state_name((enum ctrl_state)state), "unknown");
	ck_assert_str_eq(ctrl_state_name((enum ctrl_state)(CTRL_CLOSED + 1)), "unknown");
	for (int why = CTRL_WHY_NONE; why <= CTRL_WHY_TCP_CLOSED; why++) {
		ck_assert_ptr_nonnull(ctrl_why_text((enum ctrl_why)why));
		ck_assert_str_ne(ctrl_why_text((enum ctrl_why)why), "unknown reason");
	}
	ck_assert_str_eq(ctrl_why_text((enum ctrl_why)(CTRL_WHY_TCP_CLOSED + 1)), "unknown reason");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pptp_ctrl");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, ctrl_idle_waits_for_nothing);
	tcase_add_test(all, ctrl_start_sends_who_we_are);
	tcase_add_test(all, ctrl_text_of_identity_is_cut_to_its_field);
	tcase_add_test(all, ctrl_is_established_by_a_good_reply);
	tcase_add_test(all, ctrl_takes_result_0_of_adsl_modems_for_success);
	tcase_add_test(all, ctrl_takes_any_revision_of_version_1);
	tcase_add_test(all, ctrl_refusals_of_the_start_keep_their_codes);
	tcase_add_test(all, ctrl_stops_a_server_of_another_version);
	tcase_add_test(all, ctrl_stops_a_server_of_another_version_that_does_not_answer);
	tcase_add_test(all, ctrl_gives_up_a_start_without_reply);
	tcase_add_test(all, ctrl_collision_is_decided_by_address);
	tcase_add_test(all, ctrl_collision_compares_addresses_without_sign);
	tcase_add_test(all, ctrl_answers_a_stop_in_every_state);
	tcase_add_test(all, ctrl_stop_says_everything_in_one_go);
	tcase_add_test(all, ctrl_stop_waits_for_its_reply_so_long_and_no_longer);
	tcase_add_test(all, ctrl_stop_before_the_start_reply_still_stops_properly);
	tcase_add_test(all, ctrl_stop_of_an_idle_connection_sends_nothing);
	tcase_add_test(all, ctrl_end_of_tcp_is_an_ordinary_end_in_every_state);
	tcase_add_test(all, ctrl_end_of_tcp_ends_every_call_first);
	tcase_add_test(all, ctrl_ignores_what_has_no_place_in_its_state);
	tcase_add_test(all, ctrl_closed_ignores_everything);
	tcase_add_test(all, ctrl_closed_still_hands_out_its_last_words);
	tcase_add_test(all, ctrl_echo_request_is_answered_with_its_identifier);
	tcase_add_test(all, ctrl_silence_is_asked_about_and_then_ends_it);
	tcase_add_test(all, ctrl_echo_reply_brings_back_the_idle_wait);
	tcase_add_test(all, ctrl_any_message_is_life);
	tcase_add_test(all, ctrl_part_of_a_message_is_no_life);
	tcase_add_test(all, ctrl_echo_reply_with_foreign_identifier_is_noted);
	tcase_add_test(all, ctrl_idle_wait_0_never_asks);
	tcase_add_test(all, ctrl_echo_wait_0_waits_for_ever);
	tcase_add_test(all, ctrl_dead_peer_is_noticed_with_the_shortest_waits);
	tcase_add_test(all, ctrl_waits_too_long_for_the_clock_are_for_ever);
	tcase_add_test(all, ctrl_flood_of_requests_by_a_server_that_does_not_read_is_bounded);
	tcase_add_test(all, ctrl_output_survives_being_taken_in_pieces);
	tcase_add_test(all, ctrl_call_waits_for_the_connection);
	tcase_add_test(all, ctrl_call_request_says_what_was_asked);
	tcase_add_test(all, ctrl_quirk_identity_keeps_the_real_call_id);
	tcase_add_test(all, ctrl_call_up_hands_on_the_reply);
	tcase_add_test(all, ctrl_call_refusals_keep_their_codes);
	tcase_add_test(all, ctrl_call_without_reply_is_cleared_and_over);
	tcase_add_test(all, ctrl_call_reply_has_a_place_in_one_state_only);
	tcase_add_test(all, ctrl_second_reply_does_not_change_the_servers_id);
	tcase_add_test(all, ctrl_disconnect_ends_the_call_with_its_codes);
	tcase_add_test(all, ctrl_disconnect_of_another_id_leaves_a_standing_call_alone);
	tcase_add_test(all, ctrl_disconnect_with_swapped_id_confirms_a_cleared_call);
	tcase_add_test(all, ctrl_disconnect_with_unclear_id_ends_none_of_several);
	tcase_add_test(all, ctrl_clear_from_the_server_is_confirmed_under_our_id);
	tcase_add_test(all, ctrl_clear_from_both_ends_crosses);
	tcase_add_test(all, ctrl_call_close_in_every_state);
	tcase_add_test(all, ctrl_cleared_call_is_over_when_nobody_confirms);
	tcase_add_test(all, ctrl_call_cleared_before_its_reply_takes_either_answer);
	tcase_add_test(all, ctrl_stop_from_the_server_ends_every_call);
	tcase_add_test(all, ctrl_incoming_call_is_declined);
	tcase_add_test(all, ctrl_link_info_and_wan_errors_reach_their_call);
	tcase_add_test(all, ctrl_call_open_refuses_bad_and_taken_ids);
	tcase_add_test(all, ctrl_call_open_is_refused_once_we_stop);
	tcase_add_test(all, ctrl_takes_as_many_calls_as_it_has_slots);
	tcase_add_test(all, ctrl_output_has_room_for_all_calls_of_a_server_that_does_not_read);
	tcase_add_test(all, ctrl_serials_are_unique_while_calls_come_and_go);
	tcase_add_test(all, ctrl_serials_that_come_round_spare_those_in_use);
	tcase_add_test(all, ctrl_calls_come_and_go_in_any_order);
	tcase_add_test(all, ctrl_deadline_is_the_earliest_of_all);
	tcase_add_test(all, ctrl_stream_may_be_cut_anywhere);
	tcase_add_test(all, ctrl_input_stops_taking_octets_while_events_wait);
	tcase_add_test(all, ctrl_events_nobody_fetches_stay_bounded);
	tcase_add_test(all, ctrl_message_longer_than_its_type_is_taken);
	tcase_add_test(all, ctrl_unknown_messages_are_skipped);
	tcase_add_test(all, ctrl_lost_sync_closes_at_once_and_shows_the_octets);
	tcase_add_test(all, ctrl_length_0_with_unknown_type_closes_instead_of_wedging);
	tcase_add_test(all, ctrl_short_message_closes_at_once_and_shows_the_octets);
	tcase_add_test(all, ctrl_octets_inside_a_message_are_never_executed);
	tcase_add_test(all, ctrl_survives_random_octets);
	tcase_add_test(all, ctrl_states_and_reasons_have_words);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
