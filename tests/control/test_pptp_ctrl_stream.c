/* SPDX-License-Identifier: ISC */
/* The stream under a control connection: cuts, floods, odd and hostile octets. */
#include "tests/ctrl_driver.h"

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
	Suite *suite = suite_create("pptp_ctrl_stream");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
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
