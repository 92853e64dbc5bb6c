/* SPDX-License-Identifier: ISC */
/*
 * Sending over time: tail probes, flow control, and the limit for a server that acknowledges at once.
 * test_gre_session_servers.c has models of servers.
 */
#include "path_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static bool send_ack_only_at(int64_t at_us, struct gre_header *h)
{
	if (!gre_session_ack_is_due(&session, at_us, h))
		return false;
	gre_session_on_ack_only(&session, at_us);
	return true;
}

/* One packet, alone, which is acknowledged after that time. */
static void round_trip(struct send_window *w, int64_t us)
{
	seq32 seq = send_window_send(w, now_us);
	now_us += us;
	send_window_on_ack(w, now_us, seq, 0);
}

/* How long the next packet is waited for. */
static int64_t timeout_us(struct send_window *w)
{
	send_window_send(w, now_us);
	return send_window_deadline(w) - now_us;
}

/* RFC 2637 section 4.4, with alpha 1/8, beta 1/4 and chi 4. */
START_TEST(flow_control_computes_the_timeout_from_round_trip_and_deviation)
{
	static const int64_t second_us[] = {180 * MS, 20 * MS, 100 * MS};
	static const int64_t expected_us[] = {
	    110 * MS + 4 * 57500, 90 * MS + 4 * 57500, 100 * MS + 4 * 37500};
	struct send_window w;
	for (size_t i = 0; i < 3; i++) {
		send_window_init(&w, true, 8, 0);
		round_trip(&w, 100 * MS);
		round_trip(&w, second_us[i]);
		ck_assert_int_eq(timeout_us(&w), expected_us[i]);
	}
}
END_TEST

START_TEST(flow_control_doubles_the_round_trip_at_each_timeout)
{
	static const int64_t expected_us[] = {
	    300 * MS, 400 * MS, 600 * MS, 1000 * MS, 1800 * MS, 3 * SECOND, 3 * SECOND};
	struct send_window w;
	send_window_init(&w, true, 8, 0);
	round_trip(&w, 100 * MS);
	for (size_t i = 0; i < COUNT(expected_us); i++) {
		ck_assert_int_eq(timeout_us(&w), expected_us[i]);
		now_us += expected_us[i];
		send_window_on_deadline(&w, now_us);
	}
}
END_TEST

START_TEST(a_round_trip_half_of_which_the_server_may_have_waited_is_taken)
{
	struct send_window w;
	send_window_init(&w, true, 8, 0);
	seq32 seq = send_window_send(&w, now_us);
	now_us += 100 * MS;
	send_window_on_ack(&w, now_us, seq, 50 * MS + 1);
	ck_assert_int_eq(send_window_rtt_us(&w), 0);
	seq = send_window_send(&w, now_us);
	now_us += 100 * MS;
	send_window_on_ack(&w, now_us, seq, 50 * MS);
	ck_assert_int_eq(send_window_rtt_us(&w), 100 * MS);
}
END_TEST

/* What may be sent when an acknowledgment comes `late_us` after a round trip of `us` behind one of
 * 3 ms; sending has paused all that time. */
static uint32_t space_after_pause(int64_t us, int64_t late_us)
{
	struct send_window w;
	uint64_t waits = 0;
	send_window_init(&w, false, 64, 0);
	round_trip(&w, 3 * MS);
	round_trip(&w, us);
	const int64_t last_us = now_us;
	const seq32 first = w.snd_nxt;
	while (send_window_space(&w, now_us, &waits) > 0)
		send_window_send(&w, now_us);
	now_us = last_us + late_us;
	send_window_on_ack(&w, now_us, first, 0);
	return w.window;
}

START_TEST(the_path_is_known_for_half_a_second_by_a_round_trip_of_up_to_twice_its_own)
{
	ck_assert_uint_eq(space_after_pause(6 * MS, 500 * MS), 45);
	ck_assert_uint_eq(space_after_pause(6 * MS, 500 * MS + 1), 8);
	ck_assert_uint_eq(space_after_pause(6 * MS + 1, 500 * MS), 8);
}
END_TEST

START_TEST(a_round_trip_that_the_clock_cannot_see_is_one_microsecond)
{
	struct gre_header h;
	start();
	for (int i = 0; i < 10; i++) {
		gre_session_send(&session, now_us, 40, &h);
		struct gre_header ack = {.has_ack = true, .ack = h.seq};
		gre_session_receive(&session, now_us, &ack, NULL, true);
		ck_assert_uint_gt(gre_session_send_space(&session, now_us), 0);
	}
	ck_assert_int_eq(session.send_window.path_us, 1);
}
END_TEST

static void acknowledge_after(int64_t wait_us, seq32 seq)
{
	struct gre_header ack = {.has_ack = true, .ack = seq};
	now_us += wait_us;
	gre_session_receive(&session, now_us, &ack, NULL, true);
}

START_TEST(a_quicker_answer_behind_many_packets_is_the_round_trip_of_the_path)
{
	struct gre_header h, first;
	start();
	for (int i = 0; i < 2; i++) {
		gre_session_send(&session, now_us, 40, &h);
		acknowledge_after(3 * MS, h.seq);
	}
	ck_assert_int_eq(session.send_window.path_us, 3 * MS);
	gre_session_send(&session, now_us, 40, &first);
	for (int i = 0; i < 10; i++)
		gre_session_send(&session, now_us, 40, &h);
	acknowledge_after(3 * MS, first.seq);
	gre_session_send(&session, now_us, 40, &h);
	acknowledge_after(MS, h.seq);
	ck_assert_int_eq(session.send_window.path_us, MS);
}
END_TEST

/* poptop looks at its reorder queue only when another packet arrives. */
START_TEST(an_overdue_acknowledgment_causes_two_tail_probes_and_no_more)
{
	struct gre_header h, first = {.has_seq = true, .seq = 1, .payload_len = 4};
	start();
	wire_put(&to_us, now_us, &first);
	run_gateway();
	for (int i = 0; i < 10; i++) {
		gre_session_send(&session, now_us, 40, &h);
		struct gre_header ack = {.has_ack = true, .ack = h.seq};
		wire_put(&to_us, now_us + MS, &ack);
		now_us += MS;
		run_gateway();
	}
	gre_session_send(&session, now_us, 40, &h);
	int64_t sent = now_us;
	ck_assert(!send_ack_only_at(sent + 19 * MS, &h));
	ck_assert_int_le(next_deadline(), sent + 30 * MS);
	now_us = next_deadline();
	ck_assert(send_ack_only_at(now_us, &h));
	ck_assert(h.has_ack);
	ck_assert_uint_eq(h.ack, 1);
	ck_assert(!send_ack_only_at(now_us + 200 * MS, &h));
	/* Once more when poptop's own wait for a lost packet has ended. */
	now_us = next_deadline();
	ck_assert_int_gt(now_us, sent + 300 * MS);
	ck_assert_int_lt(now_us, sent + 306 * MS);
	ck_assert(send_ack_only_at(now_us, &h));
	ck_assert_int_eq(next_deadline(), DEADLINE_NEVER);
	ck_assert(!send_ack_only_at(now_us + 600 * SECOND, &h));
}
END_TEST

/* Sends `count` packets at once, of which five are acknowledged; returns the time of the ACK. */
static int64_t send_and_receive_ack_of_five(unsigned count)
{
	struct gre_header h, first = {.has_seq = true, .seq = 1, .payload_len = 4};
	start();
	wire_put(&to_us, now_us, &first);
	run_gateway();
	for (unsigned i = 0; i < count; i++)
		gre_session_send(&session, now_us, 40, &h);
	struct gre_header ack = {.has_ack = true, .ack = 5};
	wire_put(&to_us, now_us + MS, &ack);
	now_us += MS;
	run_gateway();
	return now_us;
}

/* The wait began with the first packet behind the lost one, whatever TCP retransmits meanwhile. */
START_TEST(a_tail_probe_is_sent_when_the_servers_wait_for_a_lost_packet_ends)
{
	struct gre_header h;
	const int64_t progress = send_and_receive_ack_of_five(10);
	unsigned tail_probes = 0;
	bool in_time = false;
	for (; now_us < progress + SECOND; now_us += MS) {
		if (now_us == progress + 230 * MS)
			gre_session_send(&session, now_us, 40, &h);
		if (!send_ack_only_at(now_us, &h))
			continue;
		tail_probes++;
		in_time = in_time || (now_us > progress + 300 * MS && now_us < progress + 306 * MS);
	}
	ck_assert(in_time);
	ck_assert_uint_le(tail_probes, 4);
}
END_TEST

/*
 * The wait may begin long after the last acknowledgment: TCP delays the ACK of a lone segment. Its
 * retransmissions must not use up the tail probes, the last of which is for a wait that began with
 * the last packet.
 */
START_TEST(the_servers_wait_is_measured_from_the_first_packet_behind_a_lost_one)
{
	static const int64_t sent[] = {60 * MS, 200 * MS, 290 * MS}; /* since the progress */
	static const int64_t due[] = {20 * MS, 80 * MS, 363 * MS, 593 * MS};
	const int64_t progress = send_and_receive_ack_of_five(6);
	struct gre_header h;
	size_t tail_probes = 0, sends = 0;
	for (; now_us < progress + SECOND; now_us += MS) {
		if (sends < COUNT(sent) && now_us == progress + sent[sends]) {
			gre_session_send(&session, now_us, 40, &h);
			sends++;
		}
		if (!send_ack_only_at(now_us, &h))
			continue;
		ck_assert_uint_lt(tail_probes, COUNT(due));
		ck_assert_int_ge(now_us, progress + due[tail_probes]);
		ck_assert_int_le(now_us, progress + due[tail_probes] + 3 * MS);
		tail_probes++;
	}
	ck_assert_uint_eq(tail_probes, COUNT(due));
}
END_TEST

/*
 * The time from the progress to the tail probe for the server's wait: the first of `count` packets
 * behind a lost one is sent after 60 ms, the others 140 ms later.
 */
static int64_t tail_probe_after_us(unsigned count)
{
	const int64_t progress = send_and_receive_ack_of_five(6);
	struct gre_header h;
	for (; now_us < progress + 200 * MS; now_us += MS) {
		if (now_us == progress + 60 * MS)
			gre_session_send(&session, now_us, 40, &h);
		(void)send_ack_only_at(now_us, &h);
	}
	for (unsigned i = 1; i < count; i++)
		gre_session_send(&session, now_us, 40, &h);
	while (!send_ack_only_at(now_us, &h))
		now_us += MS;
	return now_us - progress;
}

START_TEST(up_to_32_packets_behind_a_lost_one_the_time_of_the_first_is_known)
{
	int64_t at_us = tail_probe_after_us(SEND_WINDOW_TIMES);
	ck_assert_int_ge(at_us, 363 * MS);
	ck_assert_int_le(at_us, 366 * MS);
}
END_TEST

START_TEST(with_more_behind_a_lost_one_the_servers_wait_is_measured_from_the_progress)
{
	int64_t at_us = tail_probe_after_us(SEND_WINDOW_TIMES + 1);
	ck_assert_int_ge(at_us, 303 * MS);
	ck_assert_int_le(at_us, 306 * MS);
}
END_TEST

START_TEST(continuous_data_needs_no_tail_probe)
{
	struct gre_header h, first = {.has_seq = true, .seq = 1, .payload_len = 4};
	start();
	wire_put(&to_us, now_us, &first);
	run_gateway();
	for (int i = 0; i < 1000; i++, now_us += 5 * MS) {
		gre_session_send(&session, now_us, 40, &h);
		ck_assert(!send_ack_only_at(now_us, &h));
	}
}
END_TEST

/* Sends as the window allows; one in `lossy` packets is lost. Returns the number sent. */
static uint64_t upload(struct server *s, int64_t duration_us, uint32_t lossy)
{
	uint64_t sent = 0;
	for (int64_t end_us = now_us + duration_us; now_us < end_us; now_us += STEP_US) {
		server_receive(s);
		run_gateway();
		struct gre_header h;
		if (gre_session_send_space(&session, now_us) > 0) {
			gre_session_send(&session, now_us, 1400, &h);
			sent++;
			if (!one_in(lossy))
				wire_put(&to_server, now_us + ONE_WAY_US, &h);
		}
	}
	return sent;
}

START_TEST(flow_control_starts_at_half_and_opens_by_one_for_each_window_full)
{
	config.flow_control = true;
	config.server_window = 8;
	start();
	struct gre_header h;
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 4);
	for (unsigned window = 4; window < 8; window++) {
		for (unsigned i = 0; i < window; i++)
			gre_session_send(&session, now_us, 10, &h);
		ck_assert_uint_eq(gre_session_send_space(&session, now_us), 0);
		struct gre_header ack = {.has_ack = true, .ack = h.seq};
		gre_session_receive(&session, now_us, &ack, NULL, true);
		ck_assert_uint_eq(gre_session_send_space(&session, now_us), window + 1);
	}
	for (unsigned i = 0; i < 8; i++)
		gre_session_send(&session, now_us, 10, &h);
	struct gre_header ack = {.has_ack = true, .ack = h.seq};
	gre_session_receive(&session, now_us, &ack, NULL, true);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 8);
	ck_assert_uint_eq(stats.tx_blocked, 4);
}
END_TEST

START_TEST(flow_control_halves_the_window_on_a_timeout_and_continues)
{
	config.flow_control = true;
	config.server_window = 16;
	start();
	struct gre_header h;
	for (unsigned left = 8; left > 0; left /= 2) {
		ck_assert_uint_eq(gre_session_send_space(&session, now_us), left);
		for (unsigned i = 0; i < left; i++)
			gre_session_send(&session, now_us, 10, &h);
		ck_assert_uint_eq(gre_session_send_space(&session, now_us), 0);
		ck_assert_int_gt(next_deadline(), now_us);
		now_us = next_deadline();
		gre_session_on_deadline(&session, now_us);
	}
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 1);
}
END_TEST

START_TEST(flow_control_takes_a_window_of_0_as_1)
{
	config.flow_control = true;
	config.server_window = 0;
	start();
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 1);
}
END_TEST

/* The processing delay that the server advertises, in tenths of a second, is the first estimate. */
START_TEST(flow_control_bounds_the_processing_delay_that_the_server_advertises)
{
	struct gre_header h;
	config.flow_control = true;
	config.server_window = 1;
	config.server_delay_us = 65535 * SECOND / 10;
	start();
	gre_session_send(&session, now_us, 10, &h);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 0);
	now_us += 4 * SECOND;
	gre_session_on_deadline(&session, now_us);
	ck_assert_uint_eq(gre_session_send_space(&session, now_us), 1);
}
END_TEST

START_TEST(flow_control_fills_the_window_of_a_server_that_acknowledges)
{
	struct server s = {.acks_at_once = true};
	config.flow_control = true;
	start();
	upload(&s, 2 * SECOND, UINT32_MAX);
	uint64_t sent = upload(&s, 4 * SECOND, UINT32_MAX);
	ck_assert_double_ge((double)sent, 0.95 * 4 * 64 / 0.020);
	ck_assert_double_le((double)sent, 1.05 * 4 * 64 / 0.020);
}
END_TEST

START_TEST(flow_control_does_not_deadlock_on_loss)
{
	struct server s = {.acks_at_once = true};
	config.flow_control = true;
	start();
	upload(&s, 20 * SECOND, 5);
	ck_assert_uint_gt(s.received_n, 2000);
	/* The server is silent for a minute: still some packets, and the full rate afterwards. */
	s.acks_at_once = false;
	uint64_t sent = upload(&s, 60 * SECOND, UINT32_MAX);
	ck_assert_uint_ge(sent, 20);
	s.acks_at_once = true;
	upload(&s, 20 * SECOND, UINT32_MAX);
	sent = upload(&s, SECOND, UINT32_MAX);
	ck_assert_double_ge((double)sent, 0.9 * 64 / 0.020);
}
END_TEST

START_TEST(a_server_that_never_acknowledges_slows_nothing)
{
	struct server s = {.acks_at_once = false};
	start();
	uint64_t sent = upload(&s, SECOND, UINT32_MAX);
	ck_assert_uint_eq(sent, SECOND / STEP_US);
	ck_assert_uint_eq(stats.tx_blocked, 0);
}
END_TEST

/*
 * Sends a burst to an immediate-ACK peer next to us that reads a packet each `service_us` (0:
 * none). Returns the largest backlog.
 */
static uint32_t send_burst(unsigned packets, int64_t service_us)
{
	struct gre_header h;
	uint32_t most = 0;
	seq32 acked = session.send_window.snd_acked;
	for (int64_t next_us = now_us; packets > 0; now_us += STEP_US) {
		while (packets > 0 && gre_session_send_space(&session, now_us) > 0) {
			gre_session_send(&session, now_us, 1400, &h);
			packets--;
		}
		uint32_t backlog = session.send_window.snd_nxt - 1 - acked;
		most = backlog > most ? backlog : most;
		if (backlog > 0 && service_us > 0 && now_us >= next_us) {
			next_us = now_us + service_us;
			struct gre_header ack = {.has_ack = true, .ack = ++acked};
			gre_session_receive(&session, now_us, &ack, NULL, true);
		}
		gre_session_on_deadline(&session, now_us);
	}
	return most;
}

static void make_peer_immediate(void)
{
	for (int i = 0; i < 20; i++) {
		struct gre_header h;
		gre_session_send(&session, now_us, 40, &h);
		now_us += 300;
		struct gre_header ack = {.has_ack = true, .ack = h.seq};
		gre_session_receive(&session, now_us, &ack, NULL, true);
	}
}

START_TEST(a_burst_does_not_overrun_an_immediate_ack_peer)
{
	start();
	make_peer_immediate();
	ck_assert_uint_le(send_burst(1000, 200), 68);
	ck_assert_uint_gt(stats.tx_blocked, 0);
}
END_TEST

START_TEST(an_immediate_ack_peer_that_stops_blocks_sending_for_milliseconds_only)
{
	start();
	make_peer_immediate();
	int64_t before_us = now_us;
	send_burst(5000, 0);
	ck_assert_int_le(now_us - before_us, 31 * MS);
	ck_assert_uint_eq(stats.tx_blocked, 1);
}
END_TEST

/* Counts the probes for one packet that is never acknowledged, on a path with a round trip of 300 ms. */
START_TEST(a_path_of_a_third_of_a_second_has_a_second_tail_probe)
{
	struct send_window w;
	send_window_init(&w, false, 64, 0);
	send_window_send(&w, now_us);
	now_us += 300000;
	send_window_on_ack(&w, now_us, 1, 0);
	send_window_send(&w, now_us);
	int probes = 0;
	while (send_window_tail_probe_deadline(&w) != DEADLINE_NEVER && probes < 10) {
		now_us = send_window_tail_probe_deadline(&w);
		send_window_on_ack_only(&w, now_us);
		probes++;
	}
	ck_assert_int_eq(probes, 2);
}
END_TEST

START_TEST(flow_control_takes_a_first_round_trip_of_0_for_one)
{
	struct send_window w;
	send_window_init(&w, true, 64, 0);
	send_window_send(&w, now_us);
	send_window_on_ack(&w, now_us, 1, 0);
	send_window_send(&w, now_us);
	ck_assert_int_eq(send_window_deadline(&w), now_us + 100 * USEC_PER_MSEC);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("send_window");
	TCase *tc = tcase_create("send_window");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_round_trip_that_the_clock_cannot_see_is_one_microsecond);
	tcase_add_test(tc, a_quicker_answer_behind_many_packets_is_the_round_trip_of_the_path);
	tcase_add_test(tc, flow_control_computes_the_timeout_from_round_trip_and_deviation);
	tcase_add_test(tc, flow_control_doubles_the_round_trip_at_each_timeout);
	tcase_add_test(tc, a_round_trip_half_of_which_the_server_may_have_waited_is_taken);
	tcase_add_test(
	    tc, the_path_is_known_for_half_a_second_by_a_round_trip_of_up_to_twice_its_own);
	tcase_add_test(tc, an_overdue_acknowledgment_causes_two_tail_probes_and_no_more);
	tcase_add_test(tc, a_tail_probe_is_sent_when_the_servers_wait_for_a_lost_packet_ends);
	tcase_add_test(tc, the_servers_wait_is_measured_from_the_first_packet_behind_a_lost_one);
	tcase_add_test(tc, up_to_32_packets_behind_a_lost_one_the_time_of_the_first_is_known);
	tcase_add_test(
	    tc, with_more_behind_a_lost_one_the_servers_wait_is_measured_from_the_progress);
	tcase_add_test(tc, continuous_data_needs_no_tail_probe);
	tcase_add_test(tc, flow_control_starts_at_half_and_opens_by_one_for_each_window_full);
	tcase_add_test(tc, flow_control_halves_the_window_on_a_timeout_and_continues);
	tcase_add_test(tc, flow_control_takes_a_window_of_0_as_1);
	tcase_add_test(tc, flow_control_bounds_the_processing_delay_that_the_server_advertises);
	tcase_add_test(tc, flow_control_fills_the_window_of_a_server_that_acknowledges);
	tcase_add_test(tc, flow_control_does_not_deadlock_on_loss);
	tcase_add_test(tc, a_server_that_never_acknowledges_slows_nothing);
	tcase_add_test(tc, a_burst_does_not_overrun_an_immediate_ack_peer);
	tcase_add_test(tc, an_immediate_ack_peer_that_stops_blocks_sending_for_milliseconds_only);
	tcase_add_test(tc, a_path_of_a_third_of_a_second_has_a_second_tail_probe);
	tcase_add_test(tc, flow_control_takes_a_first_round_trip_of_0_for_one);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
