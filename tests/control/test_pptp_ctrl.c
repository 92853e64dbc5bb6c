/* SPDX-License-Identifier: ISC */
/* The control connection itself: start, stop, keepalive (RFC 2637 section 3.1). */
#include "ctrl_driver.h"

START_TEST(ctrl_idle_has_no_deadline)
{
	ck_assert_int_eq(ctrl_state(c), CTRL_IDLE);
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
	ck_assert_uint_eq(output_len(), 0);
	ck_assert_str_eq(events(), "");
	ctrl_on_deadline(c, now);
	ck_assert_str_eq(events(), "");
}
END_TEST

START_TEST(ctrl_start_sends_our_identity)
{
	ctrl_start(c, now);
	ctrl_start(c, now);
	ck_assert_str_eq(events(), "S1");
	fetch_output();
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
	fetch_output();
	ck_assert_uint_eq(strlen(sent[0].u.start.host_name), MSG_NAME_LEN);
	ck_assert_str_eq(sent[0].u.start.vendor, "");
}
END_TEST

START_TEST(ctrl_is_established_by_a_good_reply)
{
	keep = CTRL_EV_ESTABLISHED;
	establish();
	ck_assert_uint_eq(last.msg.type, MSG_START_CONTROL_CONNECTION_REPLY);
	ck_assert_uint_eq(last.msg.u.start.version, MSG_VERSION);
}
END_TEST

START_TEST(ctrl_start_reply_with_result_0_is_success)
{
	start();
	feed_start_reply(MSG_VERSION, 0, 0);
	ck_assert_str_eq(events(), "R2 established S7/100");
}
END_TEST

START_TEST(ctrl_accepts_any_revision_of_version_1)
{
	start();
	feed_start_reply(0x0102, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 established S7/100");
}
END_TEST

START_TEST(ctrl_refusals_of_the_start_keep_their_codes)
{
	static const struct {
		uint8_t result;
		const char *events;
	} refusals[] = {{2, "R2 ended/100:start-refused closed:start-refused"},
	    {3, "R2 ended/100:channel-exists closed:channel-exists"},
	    {4, "R2 ended/100:start-refused closed:start-refused"},
	    {5, "R2 ended/100:bad-version closed:bad-version"},
	    {6, "R2 ended/100:start-refused closed:start-refused"},
	    {255, "R2 ended/100:start-refused closed:start-refused"}};
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
		start();
		feed_start_reply(versions[i], MSG_RESULT_OK, 0);
		ck_assert_str_eq(events(), "R2 ended/100:bad-version S3");
		ck_assert_int_eq(ctrl_state(c), CTRL_WAIT_STOP_REPLY);
		fetch_output();
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
	ck_assert_str_eq(events(), "R2 ended/100:bad-version S3");
	expire(2 * SEC);
	ck_assert_str_eq(events(), "closed:bad-version");
}
END_TEST

START_TEST(ctrl_start_without_reply_times_out)
{
	start();
	expire(30 * SEC);
	ck_assert_str_eq(events(), "S3 ended/100:start-timeout closed:start-timeout");
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
}
END_TEST

START_TEST(ctrl_collision_is_decided_by_address)
{
	start();
	feed_start_request();
	ck_assert_str_eq(events(), "R1 ended/100:collision closed:collision");
	config.server_address = config.our_address - 1;
	init();
	start();
	feed_start_request();
	ck_assert_str_eq(events(), "R1 ignored1");
	ck_assert_int_eq(ctrl_state(c), CTRL_WAIT_CTL_REPLY);
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 established S7/100");
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
	ck_assert_str_eq(events(), "R1 ended/100:collision closed:collision");
}
END_TEST

START_TEST(ctrl_answers_a_stop_in_every_state)
{
	static const struct {
		enum ctrl_state state;
		const char *events;
	} rows[] = {{CTRL_WAIT_CTL_REPLY, "R3 S4 ended/100:stopped closed:stopped"},
	    {CTRL_ESTABLISHED, "R3 S4 ended/100:stopped closed:stopped"},
	    {CTRL_WAIT_STOP_REPLY, "R3 S4 closed:local"}};
	for (size_t i = 0; i < 3; i++) {
		init();
		reach_state(rows[i].state);
		feed_stop_request(3);
		ck_assert_str_eq(events(), rows[i].events);
		ck_assert_uint_eq(last.result, 3);
		ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
		fetch_output();
		ck_assert_uint_eq(sent_count, 1);
		ck_assert_uint_eq(sent[0].u.stop_reply.result, MSG_RESULT_OK);
	}
}
END_TEST

START_TEST(ctrl_stop_ends_call_and_connection_in_one_go)
{
	static const enum ctrl_call_state states[] = {CTRL_CALL_WAIT_REPLY, CTRL_CALL_ESTABLISHED};
	for (size_t i = 0; i < 2; i++) {
		init();
		reach_call_state(states[i]);
		ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
		ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
		ck_assert_str_eq(events(), "S12/100 S3");
		fetch_output();
		ck_assert_uint_eq(sent_count, 2);
		ck_assert_uint_eq(sent[0].u.call_clear.call_id, ID);
		ck_assert_uint_eq(sent[1].u.stop_request.reason, MSG_STOP_LOCAL_SHUTDOWN);
		feed_disconnect(PEER);
		ck_assert_str_eq(events(), "R13 ended/100:local");
		feed_stop_reply();
		ck_assert_str_eq(events(), "R4 closed:local");
	}
}
END_TEST

START_TEST(ctrl_stop_reply_ends_a_call_without_a_disconnect)
{
	reach_call_state(CTRL_CALL_WAIT_DISCONNECT);
	feed_stop_reply();
	ck_assert_str_eq(events(), "R4 ended/100:local closed:local");
}
END_TEST

START_TEST(ctrl_stop_after_the_end_of_the_call_ends_the_connection_alone)
{
	reach_call_state(CTRL_CALL_ENDED);
	ctrl_stop(c, now, MSG_STOP_NONE);
	ck_assert_str_eq(events(), "S3");
	expire(2 * SEC);
	ck_assert_str_eq(events(), "closed:stop-timeout");
}
END_TEST

START_TEST(ctrl_stop_without_reply_times_out)
{
	establish_call();
	ctrl_stop(c, now, MSG_STOP_NONE);
	ck_assert_str_eq(events(), "S12/100 S3");
	expire(2 * SEC);
	ck_assert_str_eq(events(), "ended/100:local closed:stop-timeout");
}
END_TEST

START_TEST(ctrl_stop_before_the_start_reply_sends_a_stop_request)
{
	start();
	ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
	ck_assert_str_eq(events(), "ended/100:local S3");
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 ignored2");
	feed_stop_reply();
	ck_assert_str_eq(events(), "R4 closed:local");
}
END_TEST

START_TEST(ctrl_stop_of_an_idle_connection_sends_nothing)
{
	ctrl_stop(c, now, MSG_STOP_LOCAL_SHUTDOWN);
	ck_assert_str_eq(events(), "ended/100:local closed:local");
	ck_assert_uint_eq(output_len(), 0);
}
END_TEST

START_TEST(ctrl_tcp_closed_ends_call_and_connection_in_every_state)
{
	static const struct {
		enum ctrl_state state;
		const char *events;
	} rows[] = {{CTRL_IDLE, "ended/100:tcp-closed closed:tcp-closed"},
	    {CTRL_WAIT_CTL_REPLY, "ended/100:tcp-closed closed:tcp-closed"},
	    {CTRL_ESTABLISHED, "ended/100:tcp-closed closed:tcp-closed"},
	    {CTRL_WAIT_STOP_REPLY, "closed:local"}, {CTRL_CLOSED, ""}};
	for (size_t i = 0; i < 5; i++) {
		init();
		reach_state(rows[i].state);
		ctrl_on_tcp_closed(c, now);
		ck_assert_str_eq(events(), rows[i].events);
		ck_assert_uint_eq(output_len(), 0);
		ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
	}
}
END_TEST

START_TEST(ctrl_tcp_closed_drops_the_output)
{
	ctrl_start(c, now);
	ck_assert_uint_eq(output_len(), 156);
	ctrl_on_tcp_closed(c, now);
	ck_assert_uint_eq(output_len(), 0);
}
END_TEST

START_TEST(ctrl_tcp_closed_ends_a_cleared_call_by_our_wish)
{
	reach_call_state(CTRL_CALL_WAIT_DISCONNECT);
	ctrl_on_tcp_closed(c, now);
	ck_assert_str_eq(events(), "ended/100:local closed:local");
}
END_TEST

START_TEST(ctrl_ignores_messages_that_its_state_does_not_accept)
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
			reach_state(rows[i].state);
			keep = CTRL_EV_IGNORED;
			feed(&(struct msg){.type = (enum msg_type)type});
			ck_assert_str_eq(events(), want);
			ck_assert_str_ne(last.detail, "");
			ck_assert_uint_eq(output_len(), 0);
			ck_assert_int_eq(ctrl_state(c), rows[i].state);
		}
	}
}
END_TEST

START_TEST(ctrl_closed_ignores_everything)
{
	reach_state(CTRL_CLOSED);
	for (unsigned type = 1; type <= 15; type++)
		feed(&(struct msg){.type = (enum msg_type)type});
	uint8_t garbage[100] = {0};
	ck_assert_uint_eq(ctrl_input(c, now, garbage, sizeof(garbage)), sizeof(garbage));
	ctrl_start(c, now);
	ctrl_stop(c, now, MSG_STOP_NONE);
	ctrl_on_deadline(c, INT64_MAX - 1);
	ck_assert_str_eq(events(), "");
	ck_assert_uint_eq(output_len(), 0);
	ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
}
END_TEST

START_TEST(ctrl_closed_keeps_its_output_until_it_is_written)
{
	establish();
	feed_stop_request(1);
	ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
	ck_assert_uint_eq(output_len(), 16);
	ctrl_output_done(c, 7);
	ck_assert_uint_eq(output_len(), 9);
	ctrl_output_done(c, 100);
	ck_assert_uint_eq(output_len(), 0);
}
END_TEST

START_TEST(ctrl_echo_request_is_answered_with_its_identifier)
{
	static const enum ctrl_state states[] = {
	    CTRL_WAIT_CTL_REPLY, CTRL_ESTABLISHED, CTRL_WAIT_STOP_REPLY};
	static const uint32_t identifiers[] = {0, 1, 0x01020304, 0xFFFFFFFF};
	for (size_t s = 0; s < 3; s++) {
		init();
		reach_state(states[s]);
		for (size_t i = 0; i < 4; i++) {
			feed_echo(MSG_ECHO_REQUEST, identifiers[i]);
			ck_assert_str_eq(events(), "R5 S6");
			fetch_output();
			ck_assert_uint_eq(sent[0].u.echo.identifier, identifiers[i]);
			ck_assert_uint_eq(sent[0].u.echo.result, MSG_RESULT_OK);
		}
	}
}
END_TEST

START_TEST(ctrl_silence_leads_to_an_echo_request_and_then_to_the_end)
{
	establish_call();
	expire(60 * SEC);
	ck_assert_str_eq(events(), "S5");
	fetch_output();
	expire(10 * SEC);
	ck_assert_str_eq(events(), "S12/100 S3 ended/100:echo-timeout closed:echo-timeout");
	ck_assert_uint_eq(output_len(), 32);
}
END_TEST

START_TEST(ctrl_echo_reply_restarts_the_idle_wait)
{
	establish_call();
	for (unsigned round = 0; round < 3; round++) {
		expire(60 * SEC);
		ck_assert_str_eq(events(), "S5");
		fetch_output();
		now += 9 * SEC;
		feed_echo(MSG_ECHO_REPLY, sent[0].u.echo.identifier);
		ck_assert_str_eq(events(), "R6");
	}
	ck_assert_int_eq(ctrl_deadline(c), now + 60 * SEC);
}
END_TEST

START_TEST(ctrl_any_message_is_a_sign_of_life)
{
	establish_call();
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

START_TEST(ctrl_partial_message_is_no_sign_of_life)
{
	establish_call();
	int64_t deadline = ctrl_deadline(c);
	now += SEC;
	input((const uint8_t[]){0, 16, 0, 1, 0x1A, 0x2B}, 6);
	ck_assert_int_eq(ctrl_deadline(c), deadline);
}
END_TEST

START_TEST(ctrl_echo_reply_with_a_foreign_identifier_is_reported)
{
	establish_call();
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

START_TEST(ctrl_idle_wait_0_sends_no_echo_request)
{
	config.idle_wait_us = 0;
	init();
	establish_call();
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
	ctrl_on_deadline(c, now + 1000000 * SEC);
	ck_assert_str_eq(events(), "");
}
END_TEST

START_TEST(ctrl_echo_wait_0_never_ends_the_connection)
{
	config.echo_wait_us = 0;
	init();
	establish_call();
	expire(60 * SEC);
	ck_assert_str_eq(events(), "S5");
	for (int i = 0; i < 1000;
	     i++) { /* for the NAT on the path, and so that TCP notices a dead one */
		expire(60 * SEC);
		ck_assert_str_eq(events(), "S5");
		fetch_output();
	}
	feed_echo(MSG_ECHO_REPLY, 1);
	ck_assert_int_eq(ctrl_deadline(c), now + 60 * SEC);
}
END_TEST

/* accel-ppp counts missed echoes and compares with a limit that 0 never meets. */
START_TEST(ctrl_dead_peer_is_noticed_with_the_shortest_waits)
{
	config.idle_wait_us = config.echo_wait_us = 1;
	init();
	establish_call();
	expire(1);
	ck_assert_str_eq(events(), "S5");
	expire(1);
	ck_assert_str_eq(events(), "S12/100 S3 ended/100:echo-timeout closed:echo-timeout");
}
END_TEST

START_TEST(ctrl_wait_beyond_the_clock_never_expires)
{
	config.idle_wait_us = INT64_MAX;
	init();
	establish_call();
	ck_assert_int_eq(ctrl_deadline(c), DEADLINE_NEVER);
}
END_TEST

START_TEST(ctrl_flood_of_requests_by_a_server_that_does_not_read_is_bounded)
{
	establish_call();
	size_t most = 0;
	for (unsigned i = 0; i < 20000; i++) {
		feed_echo(MSG_ECHO_REQUEST, i);
		if (i % 3 == 0)
			feed(&(struct msg){.type = MSG_INCOMING_CALL_REQUEST});
		most = output_len() > most ? output_len() : most;
		event_text[0] = 0;
	}
	ck_assert_uint_le(most, CTRL_OUTPUT_MAX);
	ck_assert_uint_gt(most, CTRL_OUTPUT_MAX - 64);
	/* There is still space for our own messages. */
	ctrl_stop(c, now, MSG_STOP_NONE);
	ck_assert_str_eq(events(), "S12/100 S3");
	ck_assert_uint_gt(output_len(), most);
	ck_assert_uint_le(output_len(), most + 32);
	const uint8_t *bytes;
	size_t len = ctrl_output(c, &bytes), used;
	struct msg m;
	for (size_t at = 0; at < len; at += used)
		ck_assert_uint_eq(msg_decode(bytes + at, len - at, &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(m.type, MSG_STOP_CONTROL_CONNECTION_REQUEST);
}
END_TEST

/* Whenever a message has restarted the keepalive, another Echo-Request is due. */
START_TEST(ctrl_echo_requests_to_a_server_that_does_not_read_are_bounded)
{
	establish_call();
	for (unsigned i = 0; i < 200; i++) {
		expire(60 * SEC);
		feed(&(struct msg){.type = MSG_SET_LINK_INFO});
		event_text[0] = 0;
	}
	ck_assert_uint_eq(output_len(), CTRL_OUTPUT_MAX);
	expire(60 * SEC);
	ck_assert_str_eq(events(), "");
	expire(10 * SEC);
	ck_assert_str_eq(events(), "S12/100 S3 ended/100:echo-timeout closed:echo-timeout");
}
END_TEST

START_TEST(ctrl_output_may_be_written_in_pieces)
{
	establish_call();
	uint32_t next = 0, next_seen = 0;
	uint8_t got[64];
	size_t got_len = 0;
	for (unsigned round = 0; round < 30000; round++) {
		const uint8_t *bytes;
		if (output_len() < CTRL_OUTPUT_MAX - 20)
			feed_echo(MSG_ECHO_REQUEST, next++);
		event_text[0] = 0;
		size_t n = ctrl_output(c, &bytes);
		n = n < 1 + round % 13 ? n : 1 + round % 13;
		memcpy(got + got_len, bytes, n);
		got_len += n;
		ctrl_output_done(c, n);
		while (got_len >= 20) {
			struct msg m;
			size_t used;
			ck_assert_uint_eq(msg_decode(got, got_len, &m, &used), MSG_COMPLETE);
			ck_assert_uint_eq(m.u.echo.identifier, next_seen++);
			got_len -= used;
			memmove(got, got + used, got_len);
		}
	}
	ck_assert_uint_gt(next_seen, 5000);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pptp_ctrl");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, ctrl_idle_has_no_deadline);
	tcase_add_test(all, ctrl_start_sends_our_identity);
	tcase_add_test(all, ctrl_text_of_identity_is_cut_to_its_field);
	tcase_add_test(all, ctrl_is_established_by_a_good_reply);
	tcase_add_test(all, ctrl_start_reply_with_result_0_is_success);
	tcase_add_test(all, ctrl_accepts_any_revision_of_version_1);
	tcase_add_test(all, ctrl_refusals_of_the_start_keep_their_codes);
	tcase_add_test(all, ctrl_stops_a_server_of_another_version);
	tcase_add_test(all, ctrl_stops_a_server_of_another_version_that_does_not_answer);
	tcase_add_test(all, ctrl_start_without_reply_times_out);
	tcase_add_test(all, ctrl_collision_is_decided_by_address);
	tcase_add_test(all, ctrl_collision_compares_addresses_without_sign);
	tcase_add_test(all, ctrl_answers_a_stop_in_every_state);
	tcase_add_test(all, ctrl_stop_ends_call_and_connection_in_one_go);
	tcase_add_test(all, ctrl_stop_reply_ends_a_call_without_a_disconnect);
	tcase_add_test(all, ctrl_stop_after_the_end_of_the_call_ends_the_connection_alone);
	tcase_add_test(all, ctrl_stop_without_reply_times_out);
	tcase_add_test(all, ctrl_stop_before_the_start_reply_sends_a_stop_request);
	tcase_add_test(all, ctrl_stop_of_an_idle_connection_sends_nothing);
	tcase_add_test(all, ctrl_tcp_closed_ends_call_and_connection_in_every_state);
	tcase_add_test(all, ctrl_tcp_closed_drops_the_output);
	tcase_add_test(all, ctrl_tcp_closed_ends_a_cleared_call_by_our_wish);
	tcase_add_test(all, ctrl_ignores_messages_that_its_state_does_not_accept);
	tcase_add_test(all, ctrl_closed_ignores_everything);
	tcase_add_test(all, ctrl_closed_keeps_its_output_until_it_is_written);
	tcase_add_test(all, ctrl_echo_request_is_answered_with_its_identifier);
	tcase_add_test(all, ctrl_silence_leads_to_an_echo_request_and_then_to_the_end);
	tcase_add_test(all, ctrl_echo_reply_restarts_the_idle_wait);
	tcase_add_test(all, ctrl_any_message_is_a_sign_of_life);
	tcase_add_test(all, ctrl_partial_message_is_no_sign_of_life);
	tcase_add_test(all, ctrl_echo_reply_with_a_foreign_identifier_is_reported);
	tcase_add_test(all, ctrl_idle_wait_0_sends_no_echo_request);
	tcase_add_test(all, ctrl_echo_wait_0_never_ends_the_connection);
	tcase_add_test(all, ctrl_dead_peer_is_noticed_with_the_shortest_waits);
	tcase_add_test(all, ctrl_wait_beyond_the_clock_never_expires);
	tcase_add_test(all, ctrl_flood_of_requests_by_a_server_that_does_not_read_is_bounded);
	tcase_add_test(all, ctrl_echo_requests_to_a_server_that_does_not_read_are_bounded);
	tcase_add_test(all, ctrl_output_may_be_written_in_pieces);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
