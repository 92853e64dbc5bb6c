/* SPDX-License-Identifier: ISC */
/* The byte stream of a control connection: split at any byte, flooded, invalid. */
#include "ctrl_driver.h"

/* All that the server sends in a session; returns its length. */
static size_t make_session(uint8_t *bytes, size_t cap)
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
		len += msg_encode(&session[i], bytes + len, cap - len);
	return len;
}

static const char session_events[] = "S1 R2 established S7/100 R5 S6 R8 up/100 R13 "
				     "ended/100:disconnected R3 S4 closed:stopped";

START_TEST(ctrl_stream_may_be_split_at_any_byte)
{
	uint8_t bytes[1024];
	size_t len = make_session(bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= len; cut++) {
		init();
		ctrl_start(c, now);
		drain();
		input(bytes, cut);
		input(bytes + cut, len - cut);
		ck_assert_str_eq(events(), session_events);
	}
	init();
	ctrl_start(c, now);
	drain();
	for (size_t i = 0; i < len; i++)
		input(bytes + i, 1);
	ck_assert_str_eq(events(), session_events);
}
END_TEST

START_TEST(ctrl_input_stops_taking_bytes_while_events_wait)
{
	establish();
	struct msg m = {.type = MSG_ECHO_REQUEST};
	uint8_t bytes[16 * 400];
	for (size_t i = 0; i < 400; i++) {
		m.u.echo.identifier = (uint32_t)i;
		msg_encode(&m, bytes + 16 * i, 16);
	}
	size_t at = 0;
	for (unsigned i = 0; i < 400; i++)
		at += ctrl_input(c, now, bytes + at, sizeof(bytes) - at);
	ck_assert_uint_le(at, CTRL_INPUT_SIZE + 16);
	ck_assert_uint_eq(output_len(), 20);
	uint32_t answered = 0;
	for (;;) {
		fetch_output();
		for (size_t i = 0; i < sent_count; i++)
			ck_assert_uint_eq(sent[i].u.echo.identifier, answered++);
		if (answered == 400)
			break;
		if (ctrl_next_event(c, now, &(struct ctrl_event){.type = 0}))
			continue;
		at += ctrl_input(c, now, bytes + at, sizeof(bytes) - at);
	}
	ck_assert_uint_eq(at, sizeof(bytes));
}
END_TEST

/* The input is as long as one piece of it may be, and begins within a message. */
START_TEST(ctrl_answers_all_requests_of_one_piece_of_input)
{
	establish();
	uint8_t bytes[CTRL_INPUT_SIZE + 15];
	for (size_t at = 0; at + 16 <= sizeof(bytes); at += 16)
		msg_encode(&(struct msg){.type = MSG_ECHO_REQUEST}, bytes + at, 16);
	memcpy(bytes + CTRL_INPUT_SIZE, bytes, 15);
	input(bytes + CTRL_INPUT_SIZE, 15);
	memmove(bytes, bytes + 15, CTRL_INPUT_SIZE - 15);
	memcpy(bytes + CTRL_INPUT_SIZE - 15, bytes + 1, 15);
	input(bytes, CTRL_INPUT_SIZE);
	fetch_output();
	ck_assert_uint_eq(sent_count, CTRL_INPUT_SIZE / 16);
}
END_TEST

START_TEST(ctrl_message_that_fills_the_input_is_skipped)
{
	uint8_t bytes[CTRL_INPUT_SIZE] = {
	    CTRL_INPUT_SIZE >> 8, CTRL_INPUT_SIZE & 0xFF, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, 99};
	establish();
	for (unsigned i = 0; i < 3; i++) {
		input(bytes, sizeof(bytes));
		ck_assert_str_eq(events(), "ignored99");
	}
	feed_echo(MSG_ECHO_REQUEST, 1);
	ck_assert_str_eq(events(), "R5 S6");
}
END_TEST

START_TEST(ctrl_message_longer_than_its_type_is_accepted)
{
	establish_call();
	uint8_t bytes[24] = {0, 20, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, 5, 0, 0, 1, 2, 3, 4};
	keep = CTRL_EV_EXCESS;
	input(bytes, 20);
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
	ck_assert_str_eq(last.detail, "unknown control message type");
	input(management, sizeof(management));
	ck_assert_str_eq(events(), "ignored3");
	ck_assert_str_eq(last.detail, "not a control message");
	feed_echo(MSG_ECHO_REQUEST, 1);
	ck_assert_str_eq(events(), "R5 S6");
}
END_TEST

/* The old client looks for the next magic and executes what follows it. */
START_TEST(ctrl_lost_sync_closes_at_once_and_reports_the_bytes)
{
	uint8_t bytes[64] = {0, 16, 0, 1, 0x1A, 0x2B, 0x3C, 0x00, 0, 5, 0, 0, 0, 0, 0, 0};
	establish_call();
	msg_encode(&(struct msg){.type = MSG_STOP_CONTROL_CONNECTION_REQUEST}, bytes + 16, 48);
	input(bytes, 32);
	ck_assert_str_eq(events(), "ended/100:lost-sync closed:lost-sync");
	ck_assert_uint_eq(last.byte_count, 32);
	ck_assert_mem_eq(last.bytes, bytes, 32);
	ck_assert_uint_eq(output_len(), 0);
	ck_assert_int_eq(ctrl_state(c), CTRL_CLOSED);
	init();
	start();
	input((const uint8_t *)"HTTP/1.1 400 Bad Request\r\n", 26);
	ck_assert_str_eq(events(), "ended/100:lost-sync closed:lost-sync");
	ck_assert_uint_eq(last.byte_count, 26);
	ck_assert_mem_eq(last.bytes, "HTTP/1.1", 8);
}
END_TEST

/* accel-ppp: an unknown type with a declared length of 0 wedged the stream for ever. */
START_TEST(ctrl_length_0_with_unknown_type_closes_instead_of_wedging)
{
	static const uint8_t bytes[] = {0, 0, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, 77, 0, 0};
	establish();
	input(bytes, sizeof(bytes));
	ck_assert_str_eq(events(), "ended/100:lost-sync closed:lost-sync");
	ck_assert_mem_eq(last.bytes, bytes, sizeof(bytes));
}
END_TEST

/* Feeds a message of that type with fields missing. */
static void feed_short(uint8_t type, uint8_t len)
{
	uint8_t bytes[UINT8_MAX] = {0, len, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, type};
	input(bytes, len);
}

START_TEST(ctrl_message_shorter_than_its_type_is_skipped)
{
	establish_call();
	for (uint8_t type = 1; type <= MSG_SET_LINK_INFO; type++) {
		for (uint8_t len = MSG_HEADER_LEN; len < msg_length(type); len++) {
			char expected[32];
			feed_short(type, len);
			snprintf(expected, sizeof(expected), "ignored%u", type);
			ck_assert_str_eq(events(), expected);
		}
	}
	feed_echo(MSG_ECHO_REQUEST, 5);
	ck_assert_str_eq(events(), "R5 S6");
}
END_TEST

START_TEST(ctrl_reply_that_was_too_short_is_the_reason_when_no_other_comes)
{
	start();
	feed_short(MSG_START_CONTROL_CONNECTION_REPLY, 155);
	ck_assert_str_eq(events(), "ignored2");
	expire(30 * SEC);
	ck_assert_str_eq(events(), "S3 ended/100:short-reply closed:short-reply");

	init();
	establish();
	feed_short(MSG_OUTGOING_CALL_REPLY, 31);
	ck_assert_str_eq(events(), "ignored8");
	expire(30 * SEC);
	ck_assert_str_eq(events(), "S12/100 ended/100:short-reply");
}
END_TEST

START_TEST(ctrl_message_inside_another_is_not_processed)
{
	establish_call();
	uint8_t bytes[148];
	struct msg m = {.type = MSG_CALL_DISCONNECT_NOTIFY};
	m.u.call_disconnect.call_id = PEER + 1;
	msg_encode(&m, bytes, sizeof(bytes));
	msg_encode(&(struct msg){.type = MSG_STOP_CONTROL_CONNECTION_REQUEST}, bytes + 20, 128);
	input(bytes, sizeof(bytes));
	ck_assert_str_eq(events(), "R13 ignored13");
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
}
END_TEST

START_TEST(ctrl_survives_random_bytes)
{
	unsigned seed = 1723;
	for (unsigned round = 0; round < 3000; round++) {
		init();
		reach_call_state((enum ctrl_call_state)(CTRL_CALL_IDLE + round % 5));
		uint8_t bytes[300] = {0, 0, 0, 1, 0x1A, 0x2B, 0x3C, 0x4D};
		for (size_t i = 8; i < sizeof(bytes); i++) {
			seed = seed * 1103515245u + 12345u;
			bytes[i] = (uint8_t)(seed >> 16);
		}
		bytes[8] = 0;
		bytes[9] &= 15;
		size_t len = msg_length(bytes[9]) ? msg_length(bytes[9]) : 12;
		bytes[1] = (uint8_t)len;
		input(bytes, sizeof(bytes));
		(void)events();
		ck_assert_uint_le(output_len(), CTRL_OUTPUT_MAX);
	}
}
END_TEST

START_TEST(ctrl_states_have_names)
{
	for (int state = CTRL_IDLE; state <= CTRL_CLOSED; state++)
		ck_assert_str_ne(ctrl_state_name((enum ctrl_state)state), "unknown");
	ck_assert_str_eq(ctrl_state_name((enum ctrl_state)(CTRL_CLOSED + 1)), "unknown");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pptp_ctrl_stream");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, ctrl_stream_may_be_split_at_any_byte);
	tcase_add_test(all, ctrl_input_stops_taking_bytes_while_events_wait);
	tcase_add_test(all, ctrl_answers_all_requests_of_one_piece_of_input);
	tcase_add_test(all, ctrl_message_that_fills_the_input_is_skipped);
	tcase_add_test(all, ctrl_message_longer_than_its_type_is_accepted);
	tcase_add_test(all, ctrl_unknown_messages_are_skipped);
	tcase_add_test(all, ctrl_lost_sync_closes_at_once_and_reports_the_bytes);
	tcase_add_test(all, ctrl_length_0_with_unknown_type_closes_instead_of_wedging);
	tcase_add_test(all, ctrl_message_shorter_than_its_type_is_skipped);
	tcase_add_test(all, ctrl_reply_that_was_too_short_is_the_reason_when_no_other_comes);
	tcase_add_test(all, ctrl_message_inside_another_is_not_processed);
	tcase_add_test(all, ctrl_survives_random_bytes);
	tcase_add_test(all, ctrl_states_have_names);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
