/* SPDX-License-Identifier: ISC */
/*
 * The sequence numbers of the data session: counters of a moved stream, acknowledgments, packets sent,
 * the round trip; and receiving as a whole against a naive model. test_gre_session_moves.c has moved
 * streams over time.
 */
#include "session_fixture.h"

#include "cases.h"

/* Each number counts once, as accepted or lost. */
START_TEST(session_counts_as_lost_the_numbers_that_a_resync_skips)
{
	receive(999);
	receive(1000);
	now_us += 1000000;
	for (seq32 seq = 6000; seq < 6010; seq++)
		receive(seq);
	expect_rx(4999, 0, 0, 0);
	ck_assert_uint_eq(stats.rx_accepted, 12);
	expect_ack(6009);
}
END_TEST

START_TEST(session_counts_held_and_skipped_packets_at_a_resync)
{
	receive(999);
	receive(1000);
	receive(1003);
	now_us += 1000000;
	for (seq32 seq = 5000; seq < 5005; seq++)
		receive(seq);
	ck_assert_uint_eq(stats.rx_accepted, 8); /* 999, 1000, 1003, 5000 to 5004 */
	expect_rx(5005 - 999 - 8, 0, 0, 1);
}
END_TEST

START_TEST(session_ignores_forged_packets_far_ahead)
{
	receive(0);
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

START_TEST(session_does_not_resync_while_packets_in_the_window_arrive)
{
	receive(0);
	receive(1);
	now_us += 1000000;
	receive(5000);
	receive(5001);
	ck_assert_int_eq(receive(3), GRE_RX_HELD);
	ck_assert_int_eq(receive(5002), GRE_RX_NOTHING);
	ck_assert_uint_eq(stats.rx_resyncs, 0);
	receive(2);
	EXPECT_DELIVERED(0, 1, 2, 3);
	expect_rx(0, 0, 3, 1);
}
END_TEST

START_TEST(session_delivers_held_packets_before_it_resyncs)
{
	receive(0);
	receive(1);
	receive(3);
	receive(6);
	now_us += 1000000;
	receive(9000);
	receive(9001);
	EXPECT_DELIVERED(0, 1);
	ck_assert_int_eq(receive(9002), GRE_RX_HELD);
	EXPECT_DELIVERED(0, 1, 3, 6, 9000, 9001, 9002);
	expect_rx(3 + 9000 - 7, 0, 0, 2);
	ck_assert_int_eq(receive(9003), GRE_RX_DELIVER);
	ck_assert_uint_eq(stats.rx_resyncs, 1);
}
END_TEST

START_TEST(session_queues_a_moved_stream_behind_packets_that_ppp_did_not_read)
{
	receive_without_space(1);
	receive_without_space(2);
	now_us += 1000000;
	for (seq32 seq = 8000; seq < 8005; seq++)
		receive_without_space(seq);
	expect_ack(8004);
	drain();
	ck_assert_int_eq(receive(8005), GRE_RX_DELIVER);
	EXPECT_DELIVERED(1, 2, 8000, 8001, 8002, 8003, 8004, 8005);
	ck_assert_uint_eq(stats.rx_over_win, 0);
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

START_TEST(session_counts_the_number_of_an_empty_packet_and_delivers_nothing)
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

START_TEST(session_never_leaves_an_empty_packet_at_the_head_of_the_queue)
{
	const uint8_t *payload;
	size_t len;
	struct gre_header h = {.has_seq = true, .seq = 2};
	receive_without_space(1);
	gre_session_receive(&session, now_us, &h, NULL, false);
	receive_without_space(3);
	ck_assert(gre_session_dequeue(&session, &payload, &len));
	ck_assert_uint_eq(pqueue_head(&queue)->seq, 3);
	ck_assert(gre_session_dequeue(&session, &payload, &len));
	ck_assert(!gre_session_dequeue(&session, &payload, &len));
}
END_TEST

START_TEST(session_drops_a_payload_longer_than_a_slot)
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
	ck_assert(!send_piggybacked(&ack));
	receive(10);
	expect_ack(10);
	receive(12);
	ck_assert(!send_piggybacked(&ack)); /* nothing new in order */
	receive(11);
	expect_ack(12);
	receive(11);
	ck_assert(!send_piggybacked(&ack)); /* an old number is nothing new */
}
END_TEST

START_TEST(session_acknowledges_beyond_a_gap_that_it_gave_up)
{
	receive(0xfffffffe);
	expect_ack(0xfffffffe);
	receive(1);
	advance_to(now_us + 1000000);
	expect_ack(1);
}
END_TEST

START_TEST(session_ignores_acknowledgments_of_numbers_never_sent)
{
	config.flow_control = true;
	config.server_window = 4;
	start();
	unsigned space = gre_session_send_space(&session, now_us);
	ck_assert_uint_eq(space, 2);
	send_one(NULL);
	send_one(NULL);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 0);
	static const seq32 false_acks[] = {3, 4, 100, 0x7fffffff, 0x80000002, 0xffffffff, 0};
	for (size_t i = 0; i < sizeof(false_acks) / sizeof(false_acks[0]); i++) {
		receive_ack(false_acks[i]);
		ck_assert_uint_eq(gre_session_send_space(&session, now_us), 0);
	}
	ck_assert_uint_eq(stats.round_trip_us, 0);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 1);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 1);
}
END_TEST

START_TEST(session_sends_across_wrap)
{
	config.flow_control = true;
	start();
	/* Sending so many packets would take too long. */
	session.send_window.snd_nxt = 0xfffffffe;
	session.send_window.snd_una = 0xfffffffe;
	session.send_window.snd_acked = 0xfffffffd;
	ck_assert_uint_eq(send_one(NULL), 0xfffffffe);
	ck_assert_uint_eq(send_one(NULL), 0xffffffff);
	ck_assert_uint_eq(send_one(NULL), 0);
	ck_assert_uint_eq(send_one(NULL), 1);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 32 - 4);
	receive_ack(2);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 32 - 4);
	now_us += 3000;
	receive_ack(0);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 32 - 1);
	ck_assert_uint_eq(stats.round_trip_us, 3000);
	receive_ack(0xffffffff);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 32 - 1);
	receive_ack(1);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 32);
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
	ck_assert_uint_eq(stats.round_trip_us, 11000); /* plus an eighth of the difference */
}
END_TEST

START_TEST(session_measures_no_round_trip_while_packets_wait_for_a_route)
{
	seq32 first = send_one(NULL);
	gre_session_on_delay(&session);
	now_us += 60000000;
	receive_ack(first);
	ck_assert_uint_eq(stats.round_trip_us, 0);
	seq32 second = send_one(NULL);
	now_us += 4000;
	receive_ack(second);
	ck_assert_uint_eq(stats.round_trip_us, 4000);
}
END_TEST

/* The model: receiving with a fixed wait, by distance of each packet from the first one. */
struct model {
	int64_t arrived_us[4096]; /* -1 = not arrived */
	int rcv_nxt;
	uint64_t lost, under, over, buffered;
	int out[4096];
	int out_count;
};

static void model_advance(struct model *m)
{
	while (m->arrived_us[m->rcv_nxt] >= 0)
		m->out[m->out_count++] = m->rcv_nxt++;
}

/* Where half a window is held, the stream goes on although it leaves the window: the first that is missing
 * is given up. `other`: packets that are held out of window. */
static void model_follow(struct model *m, int offset, unsigned other)
{
	int window = (int)config.missing_window;
	int last = m->rcv_nxt + window;
	unsigned held = other;
	for (int i = m->rcv_nxt; i <= last; i++)
		held += m->arrived_us[i] >= 0;
	if (held <= config.missing_window / 2)
		return;
	while (offset > m->rcv_nxt + window) {
		int first = m->rcv_nxt;
		while (first <= last && m->arrived_us[first] < 0)
			first++;
		if (first > last)
			return;
		m->lost += (uint64_t)(first - m->rcv_nxt);
		m->rcv_nxt = first;
		model_advance(m);
	}
}

static void model_receive(struct model *m, int offset, int64_t at_us, unsigned other)
{
	if (offset > m->rcv_nxt + (int)config.missing_window &&
	    offset <= m->rcv_nxt + 2 * (int)config.missing_window)
		model_follow(m, offset, other);
	if (offset > m->rcv_nxt + (int)config.missing_window) {
		m->over++;
	} else if (offset < m->rcv_nxt || m->arrived_us[offset] >= 0) {
		m->under++;
	} else {
		m->buffered += offset > m->rcv_nxt;
		m->arrived_us[offset] = at_us;
		model_advance(m);
	}
}

static void model_give_up(struct model *m, int64_t at_us, int end)
{
	for (;;) {
		int first = m->rcv_nxt;
		while (first < end && m->arrived_us[first] < 0)
			first++;
		int64_t known_us = INT64_MAX;
		for (int i = first; i < end; i++)
			if (m->arrived_us[i] >= 0 && m->arrived_us[i] < known_us)
				known_us = m->arrived_us[i];
		if (first >= end || known_us + config.fixed_wait_us > at_us)
			return;
		m->lost += (uint64_t)(first - m->rcv_nxt);
		m->rcv_nxt = first;
		model_advance(m);
	}
}

static void compare_with_model(const struct model *m, seq32 origin)
{
	ck_assert_int_eq((int)delivered_count, m->out_count);
	for (int i = 0; i < m->out_count; i++)
		ck_assert_uint_eq(delivered[i], origin + (seq32)m->out[i]);
	ck_assert_uint_eq(stats.rx_accepted, (uint64_t)m->out_count);
	/* One packet out of window may still be held: it takes three to move the stream. */
	expect_rx(m->lost, m->under, m->over - (session.run ? 1 : 0), m->buffered);
	ck_assert_uint_eq(session.rcv_nxt, origin + (seq32)m->rcv_nxt);
}

START_TEST(session_behaves_like_a_naive_model)
{
	static struct model m;
	seed_random("GRE_SESSION_SEED");
	config.fixed_wait_us = 10000;
	for (int round = 0; round < 60; round++) {
		memset(&m, 0, sizeof(m));
		memset(m.arrived_us, -1, sizeof(m.arrived_us));
		config.missing_window = 1 + random32() % 60;
		start();
		seq32 origin = random32() % 2 ? random32() : UINT32_MAX - random32() % 500;
		for (int offset = 0; offset < 2; offset++) {
			receive(origin + (seq32)offset);
			model_receive(&m, offset, now_us, 0);
		}
		int sent = 2;
		uint32_t disorder = 1 + random32() % 80;
		for (int step = 0; step < 1500; step++) {
			now_us += random32() % 1000;
			/* Packets near the window never cause a resync. */
			int offset = sent + (int)(random32() % disorder) - (int)disorder / 2;
			if (offset < m.rcv_nxt - (int)config.missing_window || offset < 0)
				offset = m.rcv_nxt;
			if (offset > m.rcv_nxt + (int)config.missing_window + 1)
				offset = m.rcv_nxt + (int)config.missing_window + 1;
			unsigned other = session.run ? 1 : 0;
			receive(origin + (seq32)offset);
			model_receive(&m, offset, now_us, other);
			advance_to(now_us);
			model_give_up(&m, now_us, offset + 200);
			sent += random32() % 8 < 7;
			if (m.rcv_nxt > sent)
				sent = m.rcv_nxt;
		}
		compare_with_model(&m, origin);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_session_seq");
	TCase *tc = tcase_create("gre_session_seq");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, session_counts_as_lost_the_numbers_that_a_resync_skips);
	tcase_add_test(tc, session_counts_held_and_skipped_packets_at_a_resync);
	tcase_add_test(tc, session_ignores_forged_packets_far_ahead);
	tcase_add_test(tc, session_does_not_resync_while_packets_in_the_window_arrive);
	tcase_add_test(tc, session_delivers_held_packets_before_it_resyncs);
	tcase_add_test(tc, session_queues_a_moved_stream_behind_packets_that_ppp_did_not_read);
	tcase_add_test(tc, session_counts_acknowledgments_without_payload);
	tcase_add_test(tc, session_counts_the_number_of_an_empty_packet_and_delivers_nothing);
	tcase_add_test(tc, session_never_leaves_an_empty_packet_at_the_head_of_the_queue);
	tcase_add_test(tc, session_drops_a_payload_longer_than_a_slot);
	tcase_add_test(tc, session_acknowledges_the_highest_number_in_order);
	tcase_add_test(tc, session_acknowledges_beyond_a_gap_that_it_gave_up);
	tcase_add_test(tc, session_ignores_acknowledgments_of_numbers_never_sent);
	tcase_add_test(tc, session_sends_across_wrap);
	tcase_add_test(tc, session_measures_the_round_trip_one_packet_at_a_time);
	tcase_add_test(tc, session_measures_no_round_trip_while_packets_wait_for_a_route);
	tcase_add_test(tc, session_behaves_like_a_naive_model);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
