/* SPDX-License-Identifier: ISC */
/*
 * Sending over time, against simulated servers: nudges, flow control, and the limit towards a server
 * that acknowledges at once.
 */
#include "tests/path_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* poptop empties its reorder queue only when another packet comes. */
START_TEST(a_standstill_of_the_servers_acknowledgment_is_nudged_and_not_again_and_again)
{
	struct gre_header h, first = {.has_seq = true, .seq = 1, .payload_len = 4};
	start();
	put(&to_us, now_us, &first);
	take_turn();
	for (int i = 0; i < 10; i++) {
		gre_session_send(&session, now_us, 40, &h);
		struct gre_header ack = {.has_ack = true, .ack = h.seq};
		put(&to_us, now_us + MS, &ack);
		now_us += MS;
		take_turn();
	}
	gre_session_send(&session, now_us, 40, &h);
	int64_t sent = now_us;
	ck_assert(!gre_session_ack_due(&session, sent + 19 * MS, &h));
	ck_assert_int_le(gre_session_deadline(&session), sent + 30 * MS);
	now_us = gre_session_deadline(&session);
	ck_assert(gre_session_ack_due(&session, now_us, &h));
	ck_assert(h.has_ack);
	ck_assert_uint_eq(h.ack, 1);
	ck_assert(!gre_session_ack_due(&session, now_us + 200 * MS, &h));
	/* Once more when poptop's own wait for a lost packet has passed. */
	now_us = gre_session_deadline(&session);
	ck_assert_int_gt(now_us, sent + 300 * MS);
	ck_assert_int_lt(now_us, sent + 306 * MS);
	ck_assert(gre_session_ack_due(&session, now_us, &h));
	ck_assert_int_eq(gre_session_deadline(&session), DEADLINE_NEVER);
	ck_assert(!gre_session_ack_due(&session, now_us + 600 * SECOND, &h));
}
END_TEST

/* Sends so many packets at once, of which the first five are acknowledged; the time of that. */
static int64_t send_and_hear_of_five(unsigned count)
{
	struct gre_header h, first = {.has_seq = true, .seq = 1, .payload_len = 4};
	start();
	put(&to_us, now_us, &first);
	take_turn();
	for (unsigned i = 0; i < count; i++)
		gre_session_send(&session, now_us, 40, &h);
	struct gre_header ack = {.has_ack = true, .ack = 5};
	put(&to_us, now_us + MS, &ack);
	now_us += MS;
	take_turn();
	return now_us;
}

/* The wait began with the first packet behind the lost one, whatever TCP sends again meanwhile. */
START_TEST(a_server_that_waits_for_a_lost_packet_is_nudged_as_soon_as_its_wait_is_over)
{
	struct gre_header h;
	const int64_t progress = send_and_hear_of_five(10);
	unsigned nudges = 0;
	bool in_time = false;
	for (; now_us < progress + SECOND; now_us += MS) {
		if (now_us == progress + 230 * MS)
			gre_session_send(&session, now_us, 40, &h);
		if (!gre_session_ack_due(&session, now_us, &h))
			continue;
		nudges++;
		in_time = in_time || (now_us > progress + 300 * MS && now_us < progress + 306 * MS);
	}
	ck_assert(in_time);
	ck_assert_uint_le(nudges, 4);
}
END_TEST

/* The wait may begin long after the last acknowledgment: TCP acknowledges a lone segment late. What it
 * sends again on its own time-out must not use up the nudges, the last of which is for a wait that
 * began with the last packet. */
START_TEST(the_first_packet_behind_a_lost_one_tells_when_the_servers_wait_is_over)
{
	static const int64_t sent[] = {60 * MS, 200 * MS, 290 * MS}; /* times since the progress */
	static const int64_t due[] = {20 * MS, 80 * MS, 363 * MS, 593 * MS};
	const int64_t progress = send_and_hear_of_five(6);
	struct gre_header h;
	size_t nudges = 0, sends = 0;
	for (; now_us < progress + SECOND; now_us += MS) {
		if (sends < COUNT(sent) && now_us == progress + sent[sends]) {
			gre_session_send(&session, now_us, 40, &h);
			sends++;
		}
		if (!gre_session_ack_due(&session, now_us, &h))
			continue;
		ck_assert_uint_lt(nudges, COUNT(due));
		ck_assert_int_ge(now_us, progress + due[nudges]);
		ck_assert_int_le(now_us, progress + due[nudges] + 3 * MS);
		nudges++;
	}
	ck_assert_uint_eq(nudges, COUNT(due));
}
END_TEST

/* The time that the nudge for the server's wait comes, since the progress: 60 ms later the first of
 * `count` packets goes out behind a lost one, the others 140 ms after it. */
static int64_t wait_nudged_with(unsigned count)
{
	const int64_t progress = send_and_hear_of_five(6);
	struct gre_header h;
	for (; now_us < progress + 200 * MS; now_us += MS) {
		if (now_us == progress + 60 * MS)
			gre_session_send(&session, now_us, 40, &h);
		(void)gre_session_ack_due(&session, now_us, &h);
	}
	for (unsigned i = 1; i < count; i++)
		gre_session_send(&session, now_us, 40, &h);
	while (!gre_session_ack_due(&session, now_us, &h))
		now_us += MS;
	return now_us - progress;
}

START_TEST(of_so_many_behind_a_lost_one_it_is_known_when_the_first_went_out)
{
	int64_t at_us = wait_nudged_with(GRE_WINDOW_TIMES);
	ck_assert_int_ge(at_us, 363 * MS);
	ck_assert_int_le(at_us, 366 * MS);
}
END_TEST

START_TEST(with_more_behind_a_lost_one_the_progress_tells_when_the_servers_wait_is_over)
{
	int64_t at_us = wait_nudged_with(GRE_WINDOW_TIMES + 1);
	ck_assert_int_ge(at_us, 303 * MS);
	ck_assert_int_le(at_us, 306 * MS);
}
END_TEST

START_TEST(data_that_goes_on_needs_no_nudge)
{
	struct gre_header h, first = {.has_seq = true, .seq = 1, .payload_len = 4};
	start();
	put(&to_us, now_us, &first);
	take_turn();
	for (int i = 0; i < 1000; i++, now_us += 5 * MS) {
		gre_session_send(&session, now_us, 40, &h);
		ck_assert(!gre_session_ack_due(&session, now_us, &h));
	}
}
END_TEST

/* Sends all that there is room for, to a server that is `lossy`; what the server got. */
static uint64_t upload(struct server *s, int64_t duration_us, uint32_t lossy)
{
	uint64_t sent = 0;
	for (int64_t end_us = now_us + duration_us; now_us < end_us; now_us += STEP_US) {
		server_takes(s);
		take_turn();
		struct gre_header h;
		if (gre_session_send_room(&session, now_us) > 0) {
			gre_session_send(&session, now_us, 1400, &h);
			sent++;
			if (!one_in(lossy))
				put(&to_server, now_us + ONE_WAY_US, &h);
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
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 4);
	for (unsigned window = 4; window < 8; window++) {
		for (unsigned i = 0; i < window; i++)
			gre_session_send(&session, now_us, 10, &h);
		ck_assert_uint_eq(gre_session_send_room(&session, now_us), 0);
		struct gre_header ack = {.has_ack = true, .ack = h.seq};
		gre_session_receive(&session, now_us, &ack, NULL, true);
		ck_assert_uint_eq(gre_session_send_room(&session, now_us), window + 1);
	}
	for (unsigned i = 0; i < 8; i++)
		gre_session_send(&session, now_us, 10, &h);
	struct gre_header ack = {.has_ack = true, .ack = h.seq};
	gre_session_receive(&session, now_us, &ack, NULL, true);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 8);
	ck_assert_uint_eq(stats.tx_blocked, 4);
}
END_TEST

START_TEST(flow_control_halves_on_a_time_out_and_goes_on)
{
	config.flow_control = true;
	config.server_window = 16;
	start();
	struct gre_header h;
	for (unsigned left = 8; left > 0; left /= 2) {
		ck_assert_uint_eq(gre_session_send_room(&session, now_us), left);
		for (unsigned i = 0; i < left; i++)
			gre_session_send(&session, now_us, 10, &h);
		ck_assert_uint_eq(gre_session_send_room(&session, now_us), 0);
		ck_assert_int_gt(gre_session_deadline(&session), now_us);
		now_us = gre_session_deadline(&session);
		gre_session_on_deadline(&session, now_us);
	}
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 1);
}
END_TEST

START_TEST(flow_control_takes_a_window_of_0_as_1)
{
	config.flow_control = true;
	config.server_window = 0;
	start();
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 1);
}
END_TEST

/* The server's processing delay, in tenths of a second up to 65535, is its word for the first wait. */
START_TEST(flow_control_does_not_wait_for_hours_because_the_server_says_so)
{
	struct gre_header h;
	config.flow_control = true;
	config.server_window = 1;
	config.server_delay_us = 65535 * SECOND / 10;
	start();
	gre_session_send(&session, now_us, 10, &h);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 0);
	now_us += 4 * SECOND;
	gre_session_on_deadline(&session, now_us);
	ck_assert_uint_eq(gre_session_send_room(&session, now_us), 1);
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
	/* The server falls silent for a minute: still some packets, and all speed afterwards. */
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

/* A server at no distance, that takes a packet each `service_us` and acknowledges it at once. */
static uint32_t burst_at_prompt_server(unsigned packets, int64_t service_us)
{
	struct gre_header h;
	uint32_t most = 0;
	seq32 acked = session.tx.acked;
	for (int64_t next_us = now_us; packets > 0; now_us += STEP_US) {
		while (packets > 0 && gre_session_send_room(&session, now_us) > 0) {
			gre_session_send(&session, now_us, 1400, &h);
			packets--;
		}
		uint32_t backlog = session.tx.next - 1 - acked;
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

static void make_server_prompt(void)
{
	for (int i = 0; i < 20; i++) {
		struct gre_header h;
		gre_session_send(&session, now_us, 40, &h);
		now_us += 300;
		struct gre_header ack = {.has_ack = true, .ack = h.seq};
		gre_session_receive(&session, now_us, &ack, NULL, true);
	}
}

START_TEST(a_burst_does_not_overrun_a_server_that_acknowledges_at_once)
{
	start();
	make_server_prompt();
	ck_assert_uint_le(burst_at_prompt_server(1000, 200), GRE_PROMPT_LIMIT);
	ck_assert_uint_gt(stats.tx_blocked, 0);
}
END_TEST

enum {
	IN_FLIGHT = 1024, /* a power of two */
	SOCKET_HOLDS = 90,
	TICK_US = 50
};

/* A way, and a server at its end that reads a packet each service_us from its socket. */
struct stream {
	int64_t way_us; /* one way */
	int64_t service_us;
	uint32_t sender_max; /* what TCP has on its way at the most */
	unsigned ack_each;   /* packets that an acknowledgment stands for */
	uint64_t acked, lost;

	seq32 arrived; /* the next one to arrive */
	unsigned backlog, unacked;
	int64_t busy_until_us;
	int64_t arrives_us[IN_FLIGHT];
	uint32_t acks, acks_read;
	struct {
		int64_t arrives_us;
		seq32 ack;
	} ack[IN_FLIGHT];
};

static void start_stream(struct stream *s)
{
	start();
	make_server_prompt();
	s->arrived = session.tx.next;
}

static void send_all(struct stream *s)
{
	struct gre_header h;
	while (session.tx.next - session.tx.acked - 1 < s->sender_max &&
	       gre_session_send_room(&session, now_us) > 0) {
		gre_session_send(&session, now_us, 1400, &h);
		s->arrives_us[h.seq % IN_FLIGHT] = now_us + s->way_us;
	}
}

static void serve(struct stream *s)
{
	while (s->arrived != session.tx.next && s->arrives_us[s->arrived % IN_FLIGHT] <= now_us) {
		s->arrived++;
		if (s->backlog == SOCKET_HOLDS)
			s->lost++;
		else
			s->backlog++;
	}
	for (; s->backlog > 0 && s->busy_until_us <= now_us; s->backlog--) {
		bool was_idle = s->busy_until_us < now_us - TICK_US;
		s->busy_until_us = (was_idle ? now_us : s->busy_until_us) + s->service_us;
		if (++s->unacked % s->ack_each == 0) {
			s->ack[s->acks % IN_FLIGHT].arrives_us = now_us + s->way_us;
			s->ack[s->acks++ % IN_FLIGHT].ack = s->arrived - s->backlog;
		}
	}
}

static void hear(struct stream *s)
{
	for (; s->acks_read != s->acks; s->acks_read++) {
		if (s->ack[s->acks_read % IN_FLIGHT].arrives_us > now_us)
			break;
		struct gre_header ack = {
		    .has_ack = true, .ack = s->ack[s->acks_read % IN_FLIGHT].ack};
		s->acked += ack.ack - session.tx.acked;
		gre_session_receive(&session, now_us, &ack, NULL, true);
	}
}

/* A sender that always has something to send; the packets acknowledged. */
static uint64_t run_stream(struct stream *s, int64_t duration_us)
{
	uint64_t before = s->acked;
	for (int64_t end_us = now_us + duration_us; now_us < end_us; now_us += TICK_US) {
		send_all(s);
		serve(s);
		hear(s);
		gre_session_on_deadline(&session, now_us);
	}
	return s->acked - before;
}

START_TEST(a_slow_server_near_by_is_never_overrun)
{
	static const int64_t service_us[] = {100, 150, 300};
	static const unsigned ack_each[] = {1, 2, 8};
	for (size_t i = 0; i < COUNT(service_us); i++)
		for (size_t j = 0; j < COUNT(ack_each); j++) {
			struct stream s = {.way_us = 150,
			    .service_us = service_us[i],
			    .sender_max = 300,
			    .ack_each = ack_each[j]};
			start_stream(&s);
			double acked = (double)run_stream(&s, 60 * SECOND);
			ck_assert_uint_eq(s.lost, 0);
			ck_assert_double_ge(acked, 0.99 * 60 * SECOND / (double)s.service_us);
		}
}
END_TEST

/* Acknowledgments that the server keeps for a while, or that ride on answers from far behind it. */
START_TEST(late_acknowledgments_of_lone_packets_leave_the_limit_in_force)
{
	struct stream s = {.way_us = 150, .service_us = 150, .sender_max = 300, .ack_each = 2};
	struct gre_header h;
	start_stream(&s);
	for (int i = 0; i < 1000; i++) {
		gre_session_send(&session, now_us, 40, &h);
		now_us += 50 * MS;
		struct gre_header ack = {.has_ack = true, .ack = h.seq};
		gre_session_receive(&session, now_us, &ack, NULL, true);
	}
	s.arrived = session.tx.next;
	ck_assert_uint_gt(run_stream(&s, 10 * SECOND), 0);
	ck_assert_uint_eq(s.lost, 0);
}
END_TEST

/* By another uplink for instance: 64 packets for each round trip would be slow. */
START_TEST(a_way_that_has_become_longer_is_filled_within_seconds)
{
	static const int64_t way_us[] = {5 * MS, 10 * MS, 30 * MS};
	static const unsigned ack_each[] = {1, 2, 8};
	for (size_t i = 0; i < COUNT(way_us); i++)
		for (size_t j = 0; j < COUNT(ack_each); j++) {
			struct stream s = {.way_us = way_us[i],
			    .service_us = 50,
			    .sender_max = 150,
			    .ack_each = ack_each[j]};
			start_stream(&s);
			run_stream(&s, 4 * SECOND);
			double acked = (double)run_stream(&s, SECOND);
			ck_assert_double_ge(acked, 0.9 * 150 * SECOND / (2. * (double)s.way_us));
		}
}
END_TEST

START_TEST(a_way_that_is_short_again_has_its_limit_again)
{
	struct stream s = {.way_us = 10 * MS, .service_us = 150, .sender_max = 150, .ack_each = 2};
	start_stream(&s);
	ck_assert_uint_gt(run_stream(&s, 4 * SECOND), 0);
	s.sender_max = 0;
	ck_assert_uint_gt(run_stream(&s, SECOND), 0);
	ck_assert_uint_eq(session.tx.acked + 1, session.tx.next);
	make_server_prompt();
	s.arrived = session.tx.next;
	s.way_us = 150;
	s.sender_max = 300;
	s.lost = 0;
	ck_assert_uint_gt(run_stream(&s, 4 * SECOND), 0);
	ck_assert_uint_eq(s.lost, 0);
}
END_TEST

START_TEST(a_prompt_server_that_falls_silent_holds_up_sending_for_milliseconds_only)
{
	start();
	make_server_prompt();
	int64_t before_us = now_us;
	burst_at_prompt_server(5000, 0);
	ck_assert_int_le(now_us - before_us, 31 * MS);
	ck_assert_uint_eq(stats.tx_blocked, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_window");
	TCase *tc = tcase_create("gre_window");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(
	    tc, a_standstill_of_the_servers_acknowledgment_is_nudged_and_not_again_and_again);
	tcase_add_test(
	    tc, a_server_that_waits_for_a_lost_packet_is_nudged_as_soon_as_its_wait_is_over);
	tcase_add_test(tc, the_first_packet_behind_a_lost_one_tells_when_the_servers_wait_is_over);
	tcase_add_test(tc, of_so_many_behind_a_lost_one_it_is_known_when_the_first_went_out);
	tcase_add_test(
	    tc, with_more_behind_a_lost_one_the_progress_tells_when_the_servers_wait_is_over);
	tcase_add_test(tc, data_that_goes_on_needs_no_nudge);
	tcase_add_test(tc, flow_control_starts_at_half_and_opens_by_one_for_each_window_full);
	tcase_add_test(tc, flow_control_halves_on_a_time_out_and_goes_on);
	tcase_add_test(tc, flow_control_takes_a_window_of_0_as_1);
	tcase_add_test(tc, flow_control_does_not_wait_for_hours_because_the_server_says_so);
	tcase_add_test(tc, flow_control_fills_the_window_of_a_server_that_acknowledges);
	tcase_add_test(tc, flow_control_does_not_deadlock_on_loss);
	tcase_add_test(tc, a_server_that_never_acknowledges_slows_nothing);
	tcase_add_test(tc, a_burst_does_not_overrun_a_server_that_acknowledges_at_once);
	tcase_add_test(tc, a_slow_server_near_by_is_never_overrun);
	tcase_add_test(tc, late_acknowledgments_of_lone_packets_leave_the_limit_in_force);
	tcase_add_test(tc, a_way_that_has_become_longer_is_filled_within_seconds);
	tcase_add_test(tc, a_way_that_is_short_again_has_its_limit_again);
	tcase_add_test(
	    tc, a_prompt_server_that_falls_silent_holds_up_sending_for_milliseconds_only);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
