/* SPDX-License-Identifier: ISC */
/* The queues alone; test_pptp_ctrl*.c test them with the state machine. */
#include "unit.h"

#include <string.h>

#include "control/ctrl_queue.h"

static struct ctrl_queue queue;

static void set_up(void)
{
	memset(&queue, 0, sizeof(queue));
}

static void add(uint16_t call_id)
{
	ctrl_queue_event(
	    &queue, (struct ctrl_queued_event){.type = CTRL_EV_CALL_ENDED, .call_id = call_id});
}

static void fetch(uint16_t call_id)
{
	struct ctrl_event e;
	ck_assert(ctrl_queue_next_event(&queue, &e));
	ck_assert_int_eq(e.type, CTRL_EV_CALL_ENDED);
	ck_assert_uint_eq(e.call_id, call_id);
	ck_assert_str_eq(e.detail, "");
}

START_TEST(ctrl_queue_zeroed_is_empty)
{
	struct ctrl_event e;
	const uint8_t *bytes;
	ck_assert(!ctrl_queue_has_event(&queue));
	ck_assert(!ctrl_queue_next_event(&queue, &e));
	ck_assert_uint_eq(ctrl_queue_output(&queue, &bytes), 0);
}
END_TEST

START_TEST(ctrl_queue_keeps_the_order_of_events)
{
	for (uint16_t round = 0; round < 100; round++) {
		for (uint16_t i = 1; i <= CTRL_EVENTS_MAX - 2; i++)
			add(i);
		fetch(1);
		fetch(2);
		add(CTRL_EVENTS_MAX - 1);
		add(CTRL_EVENTS_MAX);
		for (uint16_t i = 3; i <= CTRL_EVENTS_MAX; i++)
			fetch(i);
		ck_assert(!ctrl_queue_has_event(&queue));
	}
}
END_TEST

START_TEST(ctrl_queue_beyond_its_size_keeps_the_first_events)
{
	for (uint16_t i = 1; i <= 3 * CTRL_EVENTS_MAX; i++)
		add(i);
	for (uint16_t i = 1; i <= CTRL_EVENTS_MAX; i++)
		fetch(i);
	ck_assert(!ctrl_queue_has_event(&queue));
}
END_TEST

START_TEST(ctrl_queue_event_keeps_its_fields)
{
	const struct ctrl_queued_event queued = {.type = CTRL_EV_IGNORED,
	    .why = CTRL_WHY_STOPPED,
	    .msg_type = MSG_ECHO_REPLY,
	    .call_id = 1,
	    .cause = 2,
	    .result = 3,
	    .error = 4,
	    .detail = "detail"};
	struct ctrl_event e;
	ctrl_queue_event(&queue, queued);
	ck_assert(ctrl_queue_next_event(&queue, &e));
	ck_assert_int_eq(e.type, CTRL_EV_IGNORED);
	ck_assert_int_eq(e.why, CTRL_WHY_STOPPED);
	ck_assert_uint_eq(e.msg_type, MSG_ECHO_REPLY);
	ck_assert_uint_eq(e.call_id, 1);
	ck_assert_uint_eq(e.cause, 2);
	ck_assert_uint_eq(e.result, 3);
	ck_assert_uint_eq(e.error, 4);
	ck_assert_str_eq(e.detail, "detail");
	ck_assert_uint_eq(e.byte_count, 0);
}
END_TEST

START_TEST(ctrl_queue_drops_replies_beyond_its_limit_and_nothing_else)
{
	const struct msg reply = {.type = MSG_ECHO_REPLY};
	const struct msg stop = {.type = MSG_STOP_CONTROL_CONNECTION_REQUEST};
	const uint8_t *bytes;
	struct ctrl_event e;
	for (size_t i = 1; i <= CTRL_OUTPUT_MAX / 20; i++) {
		ctrl_queue_send_or_drop(&queue, &reply, 0);
		ck_assert_uint_eq(ctrl_queue_output(&queue, &bytes), 20 * i);
		ck_assert(ctrl_queue_next_event(&queue, &e));
		ck_assert_int_eq(e.type, CTRL_EV_SENT);
	}
	size_t full = ctrl_queue_output(&queue, &bytes);
	ctrl_queue_send_or_drop(&queue, &reply, 0);
	ck_assert(!ctrl_queue_has_event(&queue));
	ctrl_queue_send(&queue, &stop, 0);
	ck_assert(ctrl_queue_has_event(&queue));
	ck_assert_uint_eq(ctrl_queue_output(&queue, &bytes), full + 16);
	ctrl_queue_output_done(&queue, full);
	ck_assert_uint_eq(ctrl_queue_output(&queue, &bytes), 16);
	ck_assert_uint_eq(bytes[9], MSG_STOP_CONTROL_CONNECTION_REQUEST);
}
END_TEST

START_TEST(ctrl_queue_never_writes_beyond_its_output)
{
	const struct msg longest = {.type = MSG_INCOMING_CALL_REQUEST};
	const uint8_t *bytes;
	for (unsigned i = 0; i < 100; i++)
		ctrl_queue_send(&queue, &longest, 0);
	size_t len = ctrl_queue_output(&queue, &bytes);
	ck_assert_uint_le(len, CTRL_OUTPUT_SIZE);
	ck_assert_uint_eq(len % 220, 0);
	ctrl_queue_output_done(&queue, SIZE_MAX);
	ck_assert_uint_eq(ctrl_queue_output(&queue, &bytes), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctrl_queue");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, NULL);
	tcase_add_test(all, ctrl_queue_zeroed_is_empty);
	tcase_add_test(all, ctrl_queue_keeps_the_order_of_events);
	tcase_add_test(all, ctrl_queue_beyond_its_size_keeps_the_first_events);
	tcase_add_test(all, ctrl_queue_event_keeps_its_fields);
	tcase_add_test(all, ctrl_queue_drops_replies_beyond_its_limit_and_nothing_else);
	tcase_add_test(all, ctrl_queue_never_writes_beyond_its_output);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
