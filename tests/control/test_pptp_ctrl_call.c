/* SPDX-License-Identifier: ISC */
/* The call of a control connection (RFC 2637 section 3.2). */
#include "ctrl_driver.h"

/* Fills the output with replies, as a server does that writes and never reads. */
static void flood(void)
{
	for (uint32_t i = 0; i < 1000; i++)
		feed_echo(MSG_ECHO_REQUEST, i);
	event_text[0] = 0;
}

START_TEST(ctrl_call_is_requested_when_the_connection_is_established)
{
	start();
	ck_assert_int_eq(c->call_state, CTRL_CALL_IDLE);
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 established S7/100");
	ck_assert_int_eq(c->call_state, CTRL_CALL_WAIT_REPLY);
	ck_assert_int_eq(ctrl_deadline(c), now + 30 * SEC);
}
END_TEST

START_TEST(ctrl_deadline_is_the_earlier_of_connection_and_call)
{
	config.idle_wait_us = 20 * SEC;
	init();
	establish();
	expire(20 * SEC);
	ck_assert_str_eq(events(), "S5");
	feed_echo(MSG_ECHO_REPLY, 1);
	ck_assert_str_eq(events(), "R6");
	expire(10 * SEC);
	ck_assert_str_eq(events(), "S12/100 ended/100:call-timeout");
	ck_assert_int_eq(ctrl_deadline(c), now + 10 * SEC);
}
END_TEST

START_TEST(ctrl_call_request_holds_what_was_configured)
{
	establish();
	ck_assert_uint_eq(sent_count, 1);
	const struct msg_outgoing_call_request *f = &sent[0].u.outgoing_call_request;
	ck_assert_uint_eq(f->call_id, ID);
	ck_assert_uint_eq(f->serial, SERIAL);
	ck_assert_uint_eq(f->min_bps, 2400);
	ck_assert_uint_eq(f->max_bps, 10000000);
	ck_assert_uint_eq(f->bearer, MSG_BEARER_ANY);
	ck_assert_uint_eq(f->framing, MSG_FRAMING_ANY);
	ck_assert_uint_eq(f->window, 64);
	ck_assert_uint_eq(f->processing_delay, 0);
	ck_assert_uint_eq(f->phone_len, 7);
	ck_assert_str_eq(f->phone, "5551234");
	ck_assert_str_eq(f->subaddress, "");
}
END_TEST

/* Only the caller knows the serial numbers of its other calls. */
START_TEST(ctrl_call_serial_is_the_callers_and_not_the_call_id)
{
	static const uint16_t serials[] = {0, 1, ID + 1, 0xFFFF};
	for (size_t i = 0; i < 4; i++) {
		config.call.serial = serials[i];
		init();
		establish();
		ck_assert_uint_eq(sent[0].u.outgoing_call_request.serial, serials[i]);
		ck_assert_uint_eq(sent[0].u.outgoing_call_request.call_id, ID);
	}
}
END_TEST

START_TEST(ctrl_call_request_without_a_number_has_an_empty_one)
{
	config.call.phone[0] = '\0';
	init();
	establish();
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.phone_len, 0);
	ck_assert_str_eq(sent[0].u.outgoing_call_request.phone, "");
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
	config.call =
	    (struct ctrl_call_request){.call_id = 0x1234, .serial = SERIAL, .phone = "RELAY_PPP1"};
	init();
	ctrl_start(c, now);
	fetch_output();
	ck_assert_uint_eq(sent[0].u.start.framing, 1);
	ck_assert_uint_eq(sent[0].u.start.bearer, 1);
	ck_assert_uint_eq(sent[0].u.start.firmware, 0x6021);
	ck_assert_str_eq(sent[0].u.start.host_name, "RELAY_PPP1");
	ck_assert_str_eq(sent[0].u.start.vendor, "MS Win NT");
	feed_start_reply(MSG_VERSION, 0, 0);
	fetch_output();
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.call_id, 0x1234);
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.serial, SERIAL);
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.bearer, 2);
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.framing, 3);
	ck_assert_uint_eq(sent[0].u.outgoing_call_request.phone_len, 10);
	(void)events();
	feed_call_reply(PEER, 0x1234, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 up/4660 S15/4660");
	fetch_output();
	ck_assert_uint_eq(sent[0].u.set_link_info.peer_call_id, PEER);
	ck_assert_uint_eq(sent[0].u.set_link_info.send_accm, 0xFFFFFFFF);
	ck_assert_uint_eq(sent[0].u.set_link_info.receive_accm, 0xFFFFFFFF);
}
END_TEST

START_TEST(ctrl_call_up_holds_the_reply)
{
	keep = CTRL_EV_CALL_UP;
	establish_call();
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
		keep = CTRL_EV_CALL_ENDED;
		reach_call_state(CTRL_CALL_WAIT_REPLY);
		feed_call_reply(PEER, ID, (uint8_t)result);
		ck_assert_str_eq(events(), "R8 ended/100:refused");
		ck_assert_uint_eq(last.result, result);
		ck_assert_uint_eq(last.error, 4);
		ck_assert_uint_eq(last.cause, 17);
		ck_assert_int_eq(c->call_state, CTRL_CALL_ENDED);
		ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
	}
}
END_TEST

START_TEST(ctrl_call_without_reply_is_cleared_and_ends)
{
	reach_call_state(CTRL_CALL_WAIT_REPLY);
	expire(30 * SEC);
	ck_assert_str_eq(events(), "S12/100 ended/100:call-timeout");
	feed_call_reply(PEER, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
}
END_TEST

START_TEST(ctrl_call_reply_is_accepted_in_one_state_only)
{
	static const enum ctrl_call_state states[] = {
	    CTRL_CALL_IDLE, CTRL_CALL_ESTABLISHED, CTRL_CALL_WAIT_DISCONNECT, CTRL_CALL_ENDED};
	for (size_t i = 0; i < 4; i++) {
		for (uint8_t result = 1; result <= 3; result++) {
			init();
			reach_call_state(states[i]);
			feed_call_reply(PEER, ID, result);
			ck_assert_str_eq(events(), "R8 ignored8");
			ck_assert_int_eq(c->call_state, states[i]);
		}
	}
}
END_TEST

/* The only answer that comes: without it as the reason the server "gave no answer". */
START_TEST(ctrl_call_reply_with_a_foreign_id_ends_the_call_as_such_or_as_refused)
{
	keep = CTRL_EV_CALL_ENDED;
	establish();
	feed_call_reply(ID, PEER, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ended/100:other-call");
	ck_assert_uint_eq(last.msg.u.outgoing_call_reply.peer_call_id, PEER);
	init();
	establish();
	feed_call_reply(0, 0, MSG_OCRP_BUSY);
	ck_assert_str_eq(events(), "R8 ended/100:refused");
	init();
	establish_call();
	feed_call_reply(ID, PEER, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
}
END_TEST

START_TEST(ctrl_second_reply_does_not_change_the_servers_id)
{
	establish_call();
	feed_call_reply(PEER + 1, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
	feed_disconnect(PEER + 1);
	ck_assert_str_eq(events(), "R13 ignored13");
	feed_disconnect(PEER);
	ck_assert_str_eq(events(), "R13 ended/100:disconnected");
}
END_TEST

START_TEST(ctrl_disconnect_ends_the_call_with_its_codes)
{
	keep = CTRL_EV_CALL_ENDED;
	establish_call();
	feed_disconnect(PEER);
	ck_assert_str_eq(events(), "R13 ended/100:disconnected");
	ck_assert_uint_eq(last.result, MSG_CDN_ADMIN_SHUTDOWN);
	ck_assert_uint_eq(last.error, 6);
	ck_assert_uint_eq(last.cause, 0x1234);
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
	feed_disconnect(PEER);
	ck_assert_str_eq(events(), "R13 ignored13");
}
END_TEST

START_TEST(ctrl_disconnect_of_an_unknown_id_leaves_an_established_call_alone)
{
	static const uint16_t unknown[] = {0, ID - 1, ID + 1, PEER - 1, PEER + 1, 0xFFFF};
	establish_call();
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		feed_disconnect(unknown[i]);
		ck_assert_str_eq(events(), "R13 ignored13");
	}
	ck_assert_int_eq(c->call_state, CTRL_CALL_ESTABLISHED);
}
END_TEST

/* accel-ppp sends the client's id, for long with its bytes swapped; by RFC 2637 section 2.13 it is the
 * server's. */
START_TEST(ctrl_disconnect_with_our_id_ends_the_established_call)
{
	keep = CTRL_EV_CALL_ENDED;
	establish_call();
	feed_disconnect((ID & 0xFF) << 8 | ID >> 8);
	ck_assert_str_eq(events(), "R13 ended/100:disconnected");
	init();
	establish_call();
	c->config.call.call_id = 0x1357; /* no byte of which is 0 */
	feed_disconnect(0x5713);
	ck_assert_str_eq(events(), "R13 ended/4951:disconnected");
	init();
	establish_call();
	feed_disconnect(ID);
	ck_assert_str_eq(events(), "R13 ended/100:disconnected");
	ck_assert_uint_eq(last.result, MSG_CDN_ADMIN_SHUTDOWN);
	ck_assert_uint_eq(last.error, 6);
	ck_assert_uint_eq(last.cause, 0x1234);
	ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
	feed_disconnect(ID);
	ck_assert_str_eq(events(), "R13 ignored13");
}
END_TEST

START_TEST(ctrl_disconnect_ends_the_call_once_where_both_ids_are_equal)
{
	establish();
	feed_call_reply(ID, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 up/100");
	feed_disconnect(ID);
	ck_assert_str_eq(events(), "R13 ended/100:disconnected");
	feed_disconnect(ID);
	ck_assert_str_eq(events(), "R13 ignored13");
}
END_TEST

/* accel-ppp swapped the bytes of the id twice, others send ours. */
START_TEST(ctrl_disconnect_with_any_id_confirms_a_cleared_call)
{
	static const uint16_t ids[] = {PEER, (PEER & 0xFF) << 8 | PEER >> 8, ID, 0};
	for (size_t i = 0; i < 4; i++) {
		init();
		reach_call_state(CTRL_CALL_WAIT_DISCONNECT);
		feed_disconnect(ids[i]);
		ck_assert_str_eq(events(), "R13 ended/100:local");
	}
}
END_TEST

/* The server's id is not known yet, and there is one call: any id will do. */
START_TEST(ctrl_disconnect_instead_of_a_reply_ends_the_call_with_its_codes)
{
	static const uint16_t ids[] = {PEER, ID, 0};
	for (size_t i = 0; i < 3; i++) {
		init();
		keep = CTRL_EV_CALL_ENDED;
		reach_call_state(CTRL_CALL_WAIT_REPLY);
		feed_disconnect(ids[i]);
		ck_assert_str_eq(events(), "R13 ended/100:disconnected");
		ck_assert_uint_eq(last.result, MSG_CDN_ADMIN_SHUTDOWN);
		ck_assert_uint_eq(last.error, 6);
		ck_assert_uint_eq(last.cause, 0x1234);
		ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
	}
}
END_TEST

START_TEST(ctrl_clear_from_the_server_is_confirmed_under_our_id)
{
	establish_call();
	feed_clear(PEER);
	ck_assert_str_eq(events(), "R12 S13/100 ended/100:cleared");
	fetch_output();
	ck_assert_uint_eq(sent[0].u.call_disconnect.call_id, ID);
	ck_assert_uint_eq(sent[0].u.call_disconnect.result, MSG_CDN_REQUESTED);
	feed_clear(PEER);
	ck_assert_str_eq(events(), "R12 ignored12");
}
END_TEST

/* The server has given no id yet, not even 0. */
START_TEST(ctrl_clear_before_the_reply_is_ignored)
{
	establish();
	feed_clear(0);
	ck_assert_str_eq(events(), "R12 ignored12");
	ck_assert_int_eq(c->call_state, CTRL_CALL_WAIT_REPLY);
}
END_TEST

START_TEST(ctrl_clear_from_both_ends_crosses)
{
	reach_call_state(CTRL_CALL_WAIT_DISCONNECT);
	feed_clear(PEER);
	ck_assert_str_eq(events(), "R12 S13/100 ended/100:local");
}
END_TEST

START_TEST(ctrl_cleared_call_ends_when_the_server_does_not_confirm)
{
	reach_call_state(CTRL_CALL_WAIT_DISCONNECT);
	expire(2 * SEC);
	ck_assert_str_eq(events(), "ended/100:local closed:stop-timeout");
}
END_TEST

START_TEST(ctrl_call_cleared_before_its_reply_accepts_either_answer)
{
	reach_call_state(CTRL_CALL_WAIT_REPLY);
	ctrl_stop(c, now, MSG_STOP_NONE);
	(void)events();
	feed_call_reply(PEER, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 ignored8");
	feed_disconnect(PEER);
	ck_assert_str_eq(events(), "R13 ended/100:local");
	init();
	reach_call_state(CTRL_CALL_WAIT_REPLY);
	ctrl_stop(c, now, MSG_STOP_NONE);
	(void)events();
	feed_call_reply(0, ID, MSG_OCRP_BUSY);
	ck_assert_str_eq(events(), "R8 ended/100:local");
}
END_TEST

START_TEST(ctrl_stop_from_the_server_ends_the_call_first)
{
	establish_call();
	feed_stop_request(3);
	ck_assert_str_eq(events(), "R3 S4 ended/100:stopped closed:stopped");
}
END_TEST

START_TEST(ctrl_connection_stays_established_after_the_end_of_the_call)
{
	static const struct {
		void (*feed)(uint16_t peer);
		const char *events;
	} rows[] = {{feed_disconnect, "R13 ended/100:disconnected"},
	    {feed_clear, "R12 S13/100 ended/100:cleared"}};
	for (size_t i = 0; i < 2; i++) {
		init();
		establish_call();
		rows[i].feed(PEER);
		ck_assert_str_eq(events(), rows[i].events);
		ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
		fetch_output();
		expire(60 * SEC);
		ck_assert_str_eq(events(), "S5");
		feed_echo(MSG_ECHO_REPLY, 1);
		ck_assert_str_eq(events(), "R6");
	}
}
END_TEST

START_TEST(ctrl_incoming_call_is_declined)
{
	establish();
	struct msg m = {.type = MSG_INCOMING_CALL_REQUEST};
	m.u.incoming_call_request.call_id = 0xBEEF;
	feed(&m);
	ck_assert_str_eq(events(), "R9 S10");
	fetch_output();
	ck_assert_uint_eq(sent[0].u.incoming_call_reply.peer_call_id, 0xBEEF);
	ck_assert_uint_eq(sent[0].u.incoming_call_reply.result, MSG_ICRP_DO_NOT_ACCEPT);
}
END_TEST

START_TEST(ctrl_link_info_and_wan_errors_are_reported_for_the_call)
{
	establish_call();
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

START_TEST(ctrl_link_info_is_reported_only_while_the_call_is_established)
{
	static const enum ctrl_call_state states[] = {
	    CTRL_CALL_WAIT_REPLY, CTRL_CALL_WAIT_DISCONNECT, CTRL_CALL_ENDED};
	struct msg m = {.type = MSG_SET_LINK_INFO, .u.set_link_info.peer_call_id = ID};
	for (size_t i = 0; i < 3; i++) {
		init();
		reach_call_state(states[i]);
		feed(&m);
		ck_assert_str_eq(events(), "R15 ignored15");
	}
}
END_TEST

START_TEST(ctrl_output_has_space_for_our_messages_whatever_the_server_does)
{
	config.identity.send_link_info = true;
	init();
	ctrl_start(c, now);
	flood();
	feed_start_reply(MSG_VERSION, MSG_RESULT_OK, 0);
	ck_assert_str_eq(events(), "R2 established S7/100");
	flood();
	feed_call_reply(PEER, ID, MSG_RESULT_OK);
	ck_assert_str_eq(events(), "R8 up/100 S15/100");
	flood();
	ctrl_stop(c, now, MSG_STOP_NONE);
	ck_assert_str_eq(events(), "S12/100 S3");
	feed_clear(PEER);
	ck_assert_str_eq(events(), "R12 S13/100 ended/100:local");
	feed_stop_request(MSG_STOP_NONE);
	ck_assert_str_eq(events(), "R3 S4 closed:local");
	ck_assert_uint_le(output_len(), CTRL_OUTPUT_SIZE);
	fetch_output();
	ck_assert_uint_eq(sent[0].type, MSG_START_CONTROL_CONNECTION_REQUEST);
	ck_assert_uint_eq(sent[sent_count - 1].type, MSG_STOP_CONTROL_CONNECTION_REPLY);
}
END_TEST

/* Both deadlines come, and then the echo's, while the events of an SCCRP still wait. */
START_TEST(ctrl_keeps_all_events_of_an_owner_that_does_not_fetch_them)
{
	uint8_t bytes[160];
	struct msg m = {.type = MSG_START_CONTROL_CONNECTION_REPLY};
	m.u.start.version = MSG_VERSION;
	m.u.start.result = MSG_RESULT_OK;
	msg_encode(&m, bytes, sizeof(bytes));
	bytes[1] = sizeof(bytes);
	config.idle_wait_us = config.reply_wait_us;
	init();
	start();
	ck_assert_uint_eq(ctrl_input(c, now, bytes, sizeof(bytes)), sizeof(bytes));
	for (unsigned i = 0; i < 3; i++) {
		now += 30 * SEC;
		ctrl_on_deadline(c, now);
	}
	ctrl_stop(c, now, MSG_STOP_NONE);
	ctrl_on_tcp_closed(c, now);
	ck_assert_str_eq(events(), "R2 excess2 established S7/100 S5 S12/100 "
				   "ended/100:call-timeout S3 closed:echo-timeout");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pptp_ctrl_call");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, ctrl_call_is_requested_when_the_connection_is_established);
	tcase_add_test(all, ctrl_deadline_is_the_earlier_of_connection_and_call);
	tcase_add_test(all, ctrl_call_request_holds_what_was_configured);
	tcase_add_test(all, ctrl_call_serial_is_the_callers_and_not_the_call_id);
	tcase_add_test(all, ctrl_call_request_without_a_number_has_an_empty_one);
	tcase_add_test(all, ctrl_quirk_identity_keeps_the_real_call_id);
	tcase_add_test(all, ctrl_call_up_holds_the_reply);
	tcase_add_test(all, ctrl_call_refusals_keep_their_codes);
	tcase_add_test(all, ctrl_call_without_reply_is_cleared_and_ends);
	tcase_add_test(all, ctrl_call_reply_is_accepted_in_one_state_only);
	tcase_add_test(all, ctrl_call_reply_with_a_foreign_id_ends_the_call_as_such_or_as_refused);
	tcase_add_test(all, ctrl_second_reply_does_not_change_the_servers_id);
	tcase_add_test(all, ctrl_disconnect_ends_the_call_with_its_codes);
	tcase_add_test(all, ctrl_disconnect_of_an_unknown_id_leaves_an_established_call_alone);
	tcase_add_test(all, ctrl_disconnect_with_our_id_ends_the_established_call);
	tcase_add_test(all, ctrl_disconnect_ends_the_call_once_where_both_ids_are_equal);
	tcase_add_test(all, ctrl_disconnect_with_any_id_confirms_a_cleared_call);
	tcase_add_test(all, ctrl_disconnect_instead_of_a_reply_ends_the_call_with_its_codes);
	tcase_add_test(all, ctrl_clear_from_the_server_is_confirmed_under_our_id);
	tcase_add_test(all, ctrl_clear_before_the_reply_is_ignored);
	tcase_add_test(all, ctrl_clear_from_both_ends_crosses);
	tcase_add_test(all, ctrl_cleared_call_ends_when_the_server_does_not_confirm);
	tcase_add_test(all, ctrl_call_cleared_before_its_reply_accepts_either_answer);
	tcase_add_test(all, ctrl_stop_from_the_server_ends_the_call_first);
	tcase_add_test(all, ctrl_connection_stays_established_after_the_end_of_the_call);
	tcase_add_test(all, ctrl_incoming_call_is_declined);
	tcase_add_test(all, ctrl_link_info_and_wan_errors_are_reported_for_the_call);
	tcase_add_test(all, ctrl_link_info_is_reported_only_while_the_call_is_established);
	tcase_add_test(all, ctrl_output_has_space_for_our_messages_whatever_the_server_does);
	tcase_add_test(all, ctrl_keeps_all_events_of_an_owner_that_does_not_fetch_them);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
