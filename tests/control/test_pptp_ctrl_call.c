/* SPDX-License-Identifier: ISC */
/* Calls on a control connection (RFC 2637 section 3.2). */
#include "tests/ctrl_driver.h"

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

START_TEST(ctrl_disconnect_of_an_unknown_id_ends_none_of_those_that_share_a_connection)
{
	static const uint16_t unknown[] = {0, 1, 2, 7777, 0xffff};
	keep = CTRL_EV_IGNORED;
	establish();
	for (uint16_t id = 1; id <= 2; id++) {
		ck_assert(open_call(id));
		feed_call_reply((uint16_t)(PEER + id), id, MSG_RESULT_OK);
	}
	(void)events();
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		feed_disconnect(unknown[i]);
		ck_assert_str_eq(events(), "R13 ignored13");
		ck_assert_str_eq(last.note, "no such call");
	}
	ck_assert_int_eq(ctrl_call_state(c, 1), CTRL_CALL_ESTABLISHED);
	feed_disconnect(PEER + 1);
	ck_assert_str_eq(events(), "R13 over/1:disconnected");
	ck_assert_int_eq(ctrl_call_state(c, 2), CTRL_CALL_ESTABLISHED);
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

/* Nobody has told us the server's id yet: of the only call there ever was, any will do. */
START_TEST(ctrl_disconnect_instead_of_a_reply_ends_the_call_with_its_codes)
{
	static const uint16_t ids[] = {PEER, ID, 0};
	for (size_t i = 0; i < 3; i++) {
		init();
		keep = CTRL_EV_CALL_OVER;
		call_in(CTRL_CALL_WAIT_REPLY);
		feed_disconnect(ids[i]);
		ck_assert_str_eq(events(), "R13 over/100:disconnected");
		ck_assert_uint_eq(last.result, MSG_CDN_ADMIN_SHUTDOWN);
		ck_assert_uint_eq(last.error, 6);
		ck_assert_uint_eq(last.cause, 0x1234);
		ck_assert_int_eq(ctrl_state(c), CTRL_ESTABLISHED);
	}
}
END_TEST

/* On a shared connection it may be a late word about a call that is over. */
START_TEST(ctrl_disconnect_instead_of_a_reply_must_name_one_of_several_calls)
{
	call();
	ck_assert(open_call(1));
	ck_assert(open_call(2));
	(void)events();
	feed_disconnect(7777);
	ck_assert_str_eq(events(), "R13 ignored13");
	feed_disconnect(2);
	ck_assert_str_eq(events(), "R13 over/2:disconnected");
	feed_disconnect(7777);
	ck_assert_str_eq(events(), "R13 ignored13");
	ck_assert_int_eq(ctrl_call_state(c, 1), CTRL_CALL_WAIT_REPLY);
	ck_assert_int_eq(ctrl_call_state(c, ID), CTRL_CALL_ESTABLISHED);
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

START_TEST(ctrl_events_come_in_order_however_many_wait_and_have_gone_before)
{
	enum {
		WAITING = 200,
		ALL = 4 * CTRL_NOTES_SIZE
	};
	struct ctrl_event e;
	for (uint16_t id = 1; id <= ALL + WAITING; id++) {
		ck_assert(open_call(id));
		ctrl_call_close(c, now, id);
		if (id <= WAITING)
			continue;
		ck_assert(ctrl_next_event(c, now, &e));
		ck_assert_int_eq(e.type, CTRL_EV_CALL_OVER);
		ck_assert_uint_eq(e.call_id, id - WAITING);
	}
}
END_TEST

/* As many wait as can, when all that is left comes to its end as well. */
START_TEST(ctrl_loses_no_event_of_an_owner_that_does_not_ask_for_them)
{
	struct ctrl_event e;
	uint16_t id = 1;
	size_t noted = 0, over = 0;
	config.idle_wait_us = 0;
	init();
	establish();
	for (; id < CTRL_CALLS_MAX; id++) {
		ck_assert(open_call(id));
		feed_call_reply((uint16_t)(1000 + id), id, MSG_RESULT_OK);
	}
	(void)events();
	for (; open_call(id); id++, noted++) {
		ctrl_call_close(c, now, id);
		take_output();
		now = ctrl_deadline(c);
		ctrl_on_deadline(c, now);
	}
	ck_assert_uint_gt(noted, CTRL_NOTES_HIGH / 3); /* sent, cleared, over */
	ctrl_stop(c, now, MSG_STOP_NONE);
	now = ctrl_deadline(c);
	ctrl_on_deadline(c, now);
	while (ctrl_next_event(c, now, &e))
		over += e.type == CTRL_EV_CALL_OVER;
	ck_assert_uint_eq(over, noted + CTRL_CALLS_MAX - 1);
	ck_assert_int_eq(e.type, CTRL_EV_CLOSED);
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

int main(void)
{
	Suite *suite = suite_create("pptp_ctrl_calls");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
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
	tcase_add_test(
	    all, ctrl_disconnect_of_an_unknown_id_ends_none_of_those_that_share_a_connection);
	tcase_add_test(all, ctrl_disconnect_with_swapped_id_confirms_a_cleared_call);
	tcase_add_test(all, ctrl_disconnect_with_unclear_id_ends_none_of_several);
	tcase_add_test(all, ctrl_disconnect_instead_of_a_reply_ends_the_call_with_its_codes);
	tcase_add_test(all, ctrl_disconnect_instead_of_a_reply_must_name_one_of_several_calls);
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
	tcase_add_test(all, ctrl_events_come_in_order_however_many_wait_and_have_gone_before);
	tcase_add_test(all, ctrl_loses_no_event_of_an_owner_that_does_not_ask_for_them);
	tcase_add_test(all, ctrl_serials_are_unique_while_calls_come_and_go);
	tcase_add_test(all, ctrl_serials_that_come_round_spare_those_in_use);
	tcase_add_test(all, ctrl_calls_come_and_go_in_any_order);
	tcase_add_test(all, ctrl_deadline_is_the_earliest_of_all);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
