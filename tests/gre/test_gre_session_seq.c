/* SPDX-License-Identifier: ISC */
/*
 * The numbers of the data session: streams that move on, what is acknowledged, what is sent, the
 * round trip; and receiving as a whole against a naive model.
 */
#include "tests/session_fixture.h"

#include "tests/cases.h"

START_TEST(session_follows_a_stream_that_moved_on)
{
	static const seq32 moves[] = {302, 5000, 0x7ffffff0, 0x80000010, (seq32)-303, (seq32)-5000};
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++) {
		start();
		receive(0xfffffff0);
		receive(0xfffffff1);
		now_us += 300000;
		seq32 there = 0xfffffff2 + moves[i];
		ck_assert_int_eq(receive(there), GRE_RX_NOTHING);
		ck_assert_int_eq(receive(there + 1), GRE_RX_NOTHING);
		ck_assert_uint_eq(stats.rx_resyncs, 0);
		ck_assert_int_eq(receive(there + 2), GRE_RX_DELIVER);
		ck_assert_int_eq(receive(there + 3), GRE_RX_DELIVER);
		EXPECT_DELIVERED(0xfffffff0, 0xfffffff1, there + 2, there + 3);
		ck_assert_uint_eq(stats.rx_resyncs, 1);
		ck_assert_uint_eq(stats.rx_over_win + stats.rx_under_win, 2);
		expect_ack(there + 3);
	}
}
END_TEST

/* A number is accepted, lost or too far ahead: each once. A start anew elsewhere loses nothing. */
START_TEST(session_counts_as_lost_what_a_stream_that_moved_on_left_out)
{
	receive(1000);
	for (seq32 seq = 6000; seq < 6010; seq++)
		receive(seq);
	expect_rx(4999, 0, 2, 0);
	ck_assert_uint_eq(stats.rx_accepted, 9);
	for (seq32 seq = 1000000000; seq < 1000000010; seq++)
		receive(seq);
	expect_rx(4999, 0, 4, 0);
}
END_TEST

START_TEST(session_counts_what_was_held_and_what_was_left_out_where_the_stream_moved_on)
{
	receive(1000);
	receive(1003);
	for (seq32 seq = 5000; seq < 5005; seq++)
		receive(seq);
	ck_assert_uint_eq(stats.rx_accepted, 5); /* 1000, 1003, 5002 to 5004 */
	expect_rx(5005 - 1000 - 5 - 2, 0, 2, 1);
}
END_TEST

START_TEST(session_goes_back_to_lower_numbers_only_when_the_higher_ones_have_ended)
{
	receive(7000);
	for (seq32 seq = 1; seq < 20; seq++) {
		now_us += 10000;
		ck_assert_int_eq(receive(seq), GRE_RX_NOTHING);
	}
	now_us += 120000;
	ck_assert_int_eq(receive(20), GRE_RX_DELIVER);
	ck_assert_int_eq(receive(21), GRE_RX_DELIVER);
	EXPECT_DELIVERED(7000, 20, 21);
	expect_rx(0, 19, 0, 0);
}
END_TEST

START_TEST(session_is_not_moved_by_a_forged_packet_far_ahead)
{
	receive(1);
	ck_assert_int_eq(receive(100000), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(2), GRE_RX_DELIVER);
	ck_assert_int_eq(receive(100001), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(3), GRE_RX_DELIVER);
	ck_assert_int_eq(receive(100002), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(4), GRE_RX_DELIVER);
	expect_rx(0, 0, 3, 0);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	expect_ack(4);
}
END_TEST

START_TEST(session_is_not_moved_by_far_packets_out_of_order)
{
	receive(1);
	for (unsigned i = 0; i < 50; i++) {
		receive(100000 + 2 * i);
		receive(100000);
		receive(100000);
	}
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	ck_assert_int_eq(receive(2), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_is_not_moved_while_held_packets_show_the_stream)
{
	receive(1);
	receive(5000);
	receive(5001);
	ck_assert_int_eq(receive(3), GRE_RX_HELD);
	ck_assert_int_eq(receive(5002), GRE_RX_NOTHING);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	receive(2);
	EXPECT_DELIVERED(1, 2, 3);
}
END_TEST

START_TEST(session_delivers_what_is_held_before_it_follows)
{
	receive(1);
	receive(3);
	receive(6);
	receive(9000);
	receive(9001);
	ck_assert_int_eq(receive(9002), GRE_RX_HELD); /* lets go of what was held */
	EXPECT_DELIVERED(1, 3, 6, 9002);
	expect_rx(3 + 9000 - 7, 0, 2, 2);
	ck_assert_int_eq(receive(9003), GRE_RX_DELIVER);
	EXPECT_DELIVERED(1, 3, 6, 9002, 9003);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
}
END_TEST

START_TEST(session_follows_backwards_with_packets_held)
{
	receive(70000);
	receive(70002);
	now_us += 300000;
	for (seq32 seq = 1; seq <= 4; seq++)
		receive(seq);
	receive(6);
	receive(5);
	EXPECT_DELIVERED(70000, 70002, 4, 5, 6);
}
END_TEST

START_TEST(session_queues_a_stream_that_moved_on_behind_what_ppp_did_not_take)
{
	receive_held_back(1);
	receive_held_back(2);
	for (seq32 seq = 8000; seq < 8005; seq++)
		receive_held_back(seq);
	expect_ack(8004);
	drain();
	ck_assert_int_eq(receive(8005), GRE_RX_DELIVER);
	EXPECT_DELIVERED(1, 2, 8002, 8003, 8004, 8005);
	ck_assert_uint_eq(stats.rx_over_win, 2);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
}
END_TEST

/* "rx acks: pure acknowledgements received"; the old client never counted them. */
START_TEST(session_counts_acknowledgments_without_payload)
{
	receive_ack(0);
	receive_ack(7);
	ck_assert_uint_eq(stats.rx_acks, 2);
	uint8_t payload[4] = {0};
	struct gre_header h = {.has_seq = true, .has_ack = true, .payload_len = 4};
	gre_session_receive(&session, now_us, &h, payload, true);
	ck_assert_uint_eq(stats.rx_acks, 2);
}
END_TEST

START_TEST(session_gives_an_empty_packet_its_number_and_delivers_nothing)
{
	receive(1);
	struct gre_header h = {.has_seq = true, .seq = 2};
	gre_session_receive(&session, now_us, &h, NULL, true);
	receive(4);
	h.seq = 3;
	gre_session_receive(&session, now_us, &h, NULL, true);
	drain();
	h.seq = 6;
	gre_session_receive(&session, now_us, &h, NULL, true);
	receive(5);
	EXPECT_DELIVERED(1, 4, 5);
	expect_rx(0, 0, 0, 2);
	expect_ack(6);
}
END_TEST

START_TEST(session_never_has_an_empty_packet_at_the_head_of_the_queue)
{
	const uint8_t *payload;
	size_t len;
	struct gre_header h = {.has_seq = true, .seq = 2};
	receive_held_back(1);
	gre_session_receive(&session, now_us, &h, NULL, false);
	receive_held_back(3);
	ck_assert(gre_session_next(&session, now_us, &payload, &len));
	ck_assert_uint_eq(pqueue_head(&queue)->seq, 3);
	ck_assert(gre_session_next(&session, now_us, &payload, &len));
	ck_assert(!gre_session_next(&session, now_us, &payload, &len));
}
END_TEST

START_TEST(session_refuses_a_payload_that_no_slot_holds)
{
	uint8_t payload[SLOT + 1] = {0};
	receive(1);
	struct gre_header h = {.has_seq = true, .seq = 3, .payload_len = SLOT + 1};
	ck_assert_int_eq(gre_session_receive(&session, now_us, &h, payload, true), GRE_RX_NOTHING);
	ck_assert_int_eq(receive(2), GRE_RX_DELIVER);
}
END_TEST

START_TEST(session_acknowledges_the_highest_number_in_order)
{
	seq32 ack;
	ck_assert(!ack_carried(&ack));
	receive(10);
	expect_ack(10);
	receive(12);
	ck_assert(!ack_carried(&ack)); /* nothing new in order */
	receive(11);
	expect_ack(12);
	receive(11);
	ck_assert(!ack_carried(&ack)); /* an old one is nothing new */
}
END_TEST

START_TEST(session_acknowledges_past_a_gap_that_it_gave_up)
{
	receive(0xfffffffe);
	expect_ack(0xfffffffe);
	receive(1);
	pass_to(now_us + 1000000);
	expect_ack(1);
}
END_TEST

START_TEST(session_takes_no_acknowledgment_of_what_it_never_sent)
{
	config.flow_control = true;
	config.server_window = 4;
	start();
	unsigned room = gre_session_send_room(&session, now_us);
	ck_assert_uint_eq(room, 2);
	send_one(NULL);
	send_one(NULL);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 0);
	static const seq32 false_acks[] = {3, 4, 100, 0x7fffffff, 0x80000002, 0xffffffff, 0};
	for (size_t i = 0; i < sizeof(false_acks) / sizeof(false_acks[0]); i++) {
		receive_ack(false_acks[i]);
		ck_assert_uint_eq(gre_session_send_room(&session, now_us), 0);
	}
	ck_assert_uint_eq(stats.round_trip_us, 0);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 1);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 1);
}
END_TEST

START_TEST(session_sends_across_wrap)
{
	config.flow_control = true;
	start();
	/* The counter cannot be driven there by sending. */
	session.tx.next = 0xfffffffe;
	session.tx.base = 0xfffffffe;
	session.tx.acked = 0xfffffffd;
	ck_assert_uint_eq(send_one(NULL), 0xfffffffe);
	ck_assert_uint_eq(send_one(NULL), 0xffffffff);
	ck_assert_uint_eq(send_one(NULL), 0);
	ck_assert_uint_eq(send_one(NULL), 1);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32 - 4);
	receive_ack(2);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32 - 4);
	now_us += 3000;
	receive_ack(0);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32 - 1);
	ck_assert_uint_eq(stats.round_trip_us, 3000);
	receive_ack(0xffffffff);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32 - 1);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 32);
}
END_TEST

START_TEST(session_measures_the_round_trip_one_packet_at_a_time)
{
	seq32 first = send_one(NULL);
	now_us += 4000;
	seq32 second = send_one(NULL);
	now_us += 6000;
	receive_ack(first);
	ck_assert_uint_eq(stats.round_trip_us, 10000);
	receive_ack(second); /* was not timed */
	ck_assert_uint_eq(stats.round_trip_us, 10000);
	seq32 third = send_one(NULL);
	now_us += 18000;
	receive_ack(third);
	ck_assert_uint_eq(stats.round_trip_us, 11000); /* an eighth of the way */
}
END_TEST

START_TEST(session_measures_no_round_trip_while_packets_wait_for_a_route)
{
	seq32 first = send_one(NULL);
	gre_session_delayed(&session);
	now_us += 60000000;
	receive_ack(first);
	ck_assert_uint_eq(stats.round_trip_us, 0);
	seq32 second = send_one(NULL);
	now_us += 4000;
	receive_ack(second);
	ck_assert_uint_eq(stats.round_trip_us, 4000);
}
END_TEST

/* The plain definition of receiving with a fixed wait: what came, by distance from the first one. */
struct model {
	int64_t arrived_us[4096]; /* -1 = not */
	int expected;
	uint64_t lost, under, over, buffered;
	int out[4096];
	int out_count;
};

static void model_advance(struct model *m)
{
	while (m->arrived_us[m->expected] >= 0)
		m->out[m->out_count++] = m->expected++;
}

static void model_receive(struct model *m, int offset, int64_t at_us)
{
	if (offset > m->expected + (int)config.missing_window) {
		m->over++;
	} else if (offset < m->expected || m->arrived_us[offset] >= 0) {
		m->under++;
	} else {
		m->buffered += offset > m->expected;
		m->arrived_us[offset] = at_us;
		model_advance(m);
	}
}

static void model_give_up(struct model *m, int64_t at_us, int end)
{
	for (;;) {
		int first = m->expected;
		while (first < end && m->arrived_us[first] < 0)
			first++;
		int64_t known_us = INT64_MAX;
		for (int i = first; i < end; i++)
			if (m->arrived_us[i] >= 0 && m->arrived_us[i] < known_us)
				known_us = m->arrived_us[i];
		if (first >= end || known_us + config.fixed_wait_us > at_us)
			return;
		m->lost += (uint64_t)(first - m->expected);
		m->expected = first;
		model_advance(m);
	}
}

static void compare_with_model(const struct model *m, seq32 base)
{
	ck_assert_int_eq((int)delivered_count, m->out_count);
	for (int i = 0; i < m->out_count; i++)
		ck_assert_uint_eq(delivered[i], base + (seq32)m->out[i]);
	ck_assert_uint_eq(stats.rx_accepted, (uint64_t)m->out_count);
	expect_rx(m->lost, m->under, m->over, m->buffered);
	ck_assert_uint_eq(session.expected, base + (seq32)m->expected);
}

START_TEST(session_does_what_a_naive_model_does)
{
	static struct model m;
	seed_random("GRE_SESSION_SEED");
	config.fixed_wait_us = 10000;
	for (int round = 0; round < 60; round++) {
		memset(&m, 0, sizeof(m));
		memset(m.arrived_us, -1, sizeof(m.arrived_us));
		config.missing_window = 1 + random32() % 60;
		start();
		seq32 base = random32() % 2 ? random32() : UINT32_MAX - random32() % 500;
		receive(base);
		model_receive(&m, 0, now_us);
		int sent = 1;
		uint32_t disorder = 1 + random32() % 80;
		for (int step = 0; step < 1500; step++) {
			now_us += random32() % 1000;
			/* What stays inside a window around the stream never makes it move on. */
			int offset = sent + (int)(random32() % disorder) - (int)disorder / 2;
			if (offset < m.expected - (int)config.missing_window || offset < 0)
				offset = m.expected;
			if (offset > m.expected + (int)config.missing_window + 1)
				offset = m.expected + (int)config.missing_window + 1;
			receive(base + (seq32)offset);
			model_receive(&m, offset, now_us);
			pass_to(now_us);
			model_give_up(&m, now_us, offset + 200);
			sent += random32() % 8 < 7;
			if (m.expected > sent)
				sent = m.expected;
		}
		compare_with_model(&m, base);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_numbers");
	TCase *tc = tcase_create("gre_numbers");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, session_follows_a_stream_that_moved_on);
	tcase_add_test(tc, session_counts_as_lost_what_a_stream_that_moved_on_left_out);
	tcase_add_test(
	    tc, session_counts_what_was_held_and_what_was_left_out_where_the_stream_moved_on);
	tcase_add_test(tc, session_goes_back_to_lower_numbers_only_when_the_higher_ones_have_ended);
	tcase_add_test(tc, session_is_not_moved_by_a_forged_packet_far_ahead);
	tcase_add_test(tc, session_is_not_moved_by_far_packets_out_of_order);
	tcase_add_test(tc, session_is_not_moved_while_held_packets_show_the_stream);
	tcase_add_test(tc, session_delivers_what_is_held_before_it_follows);
	tcase_add_test(tc, session_follows_backwards_with_packets_held);
	tcase_add_test(tc, session_queues_a_stream_that_moved_on_behind_what_ppp_did_not_take);
	tcase_add_test(tc, session_counts_acknowledgments_without_payload);
	tcase_add_test(tc, session_gives_an_empty_packet_its_number_and_delivers_nothing);
	tcase_add_test(tc, session_never_has_an_empty_packet_at_the_head_of_the_queue);
	tcase_add_test(tc, session_refuses_a_payload_that_no_slot_holds);
	tcase_add_test(tc, session_acknowledges_the_highest_number_in_order);
	tcase_add_test(tc, session_acknowledges_past_a_gap_that_it_gave_up);
	tcase_add_test(tc, session_takes_no_acknowledgment_of_what_it_never_sent);
	tcase_add_test(tc, session_sends_across_wrap);
	tcase_add_test(tc, session_measures_the_round_trip_one_packet_at_a_time);
	tcase_add_test(tc, session_measures_no_round_trip_while_packets_wait_for_a_route);
	tcase_add_test(tc, session_does_what_a_naive_model_does);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
