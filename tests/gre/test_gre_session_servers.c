/* SPDX-License-Identifier: ISC */
/*
 * A session against models of servers, each after the behaviour of a real one: poptop, which reads
 * from a socket buffer, acknowledges on data and keeps packets behind a lost one; the Linux kernel's
 * driver, which acknowledges on data and keeps nothing; FreeBSD's, which has a window; and one that is
 * faster than poptop and acknowledges each packet at once.
 */
#include "path_fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum {
	RING = 1 << 14,
	HELD_MAX = 512,
	NO_LIMIT = RING,
	POPTOP_SOCKET = 90, /* full packets in 208 KiB */
	TICK_US = 20,
};
#define POPTOP_WAIT_US (300 * MS)

/* One direction of a path that keeps the order. */
struct link {
	struct {
		int64_t at_us;
		struct gre_header h;
	} packets[RING];
	uint32_t first, end;
};

static void link_put(struct link *l, int64_t at_us, const struct gre_header *h)
{
	ck_assert_uint_lt(l->end - l->first, RING);
	l->packets[l->end % RING].at_us = at_us;
	l->packets[l->end++ % RING].h = *h;
}

static bool link_take(struct link *l, struct gre_header *h)
{
	if (l->first == l->end || l->packets[l->first % RING].at_us > now_us)
		return false;
	*h = l->packets[l->first++ % RING].h;
	return true;
}

/* What a server does; the rest of the world behind it answers some of the packets. */
struct behaviour {
	int64_t one_way_us; /* delay of the path */
	int64_t service_us; /* to read one packet */
	uint32_t socket;    /* packets that the socket holds */
	bool acks_alone;    /* each packet at once; else on data only */
	bool holds;         /* packets behind a missing one */
	uint32_t window;    /* of its own; 0 = none */
	/* So many packets are answered by one, as TCP does, fewer (but two) if no more are there; 0: none
	 * is answered. */
	unsigned answer_each;
	int64_t answer_after_us;
};

static const struct behaviour poptop = {
    .one_way_us = 150, .service_us = 50, .socket = POPTOP_SOCKET, .holds = true, .answer_each = 2};
static const struct behaviour linux_driver = {
    .one_way_us = 150, .service_us = 1, .socket = NO_LIMIT, .answer_each = 2};
static const struct behaviour at_once = {
    .one_way_us = 150, .service_us = 5, .socket = NO_LIMIT, .acks_alone = true};

static struct {
	struct behaviour is;
	struct link to_it, to_us, answers, socket;
	int64_t busy_until_us;
	seq32 rcv_nxt, snd_nxt, acked; /* acked: of its own packets, by us */
	seq32 held[HELD_MAX];
	unsigned held_count;
	int64_t held_since_us;
	uint64_t overrun; /* packets that found the socket full */
	uint64_t accepted, acks_from_us;
	unsigned unanswered;
} server;

static void start_server(const struct behaviour *is)
{
	start();
	memset(&server, 0, sizeof(server));
	server.is = *is;
	server.rcv_nxt = session.send_window.snd_nxt;
}

static void server_send_data(void)
{
	struct gre_header h = {.has_seq = true,
	    .seq = ++server.snd_nxt,
	    .payload_len = 4,
	    .has_ack = server.accepted > 0,
	    .ack = server.rcv_nxt - 1};
	link_put(&server.to_us, now_us + server.is.one_way_us, &h);
}

static void server_accept(seq32 seq)
{
	const struct gre_header none = {.seq = 0};
	server.rcv_nxt = seq + 1;
	server.accepted++;
	server.unanswered++;
	if (server.is.answer_each &&
	    (server.unanswered >= server.is.answer_each ||
		(server.unanswered >= 2 && server.socket.first == server.socket.end))) {
		server.unanswered = 0;
		link_put(&server.answers, now_us + server.is.answer_after_us, &none);
	}
}

/* Any packet makes it look at those that it holds. */
static void server_read(const struct gre_header *h)
{
	bool waited = now_us - server.held_since_us >= POPTOP_WAIT_US;
	unsigned n = 0;
	while (n < server.held_count && (waited || server.held[n] == server.rcv_nxt))
		server_accept(server.held[n++]);
	server.held_count -= n;
	memmove(server.held, server.held + n, server.held_count * sizeof(server.held[0]));
	if (h->has_ack) {
		server.acked = h->ack;
		server.acks_from_us += !h->has_seq;
	}
	if (!h->has_seq || seq32_before(h->seq, server.rcv_nxt))
		return;
	if (!server.is.holds || h->seq == server.rcv_nxt) {
		server_accept(h->seq);
	} else {
		ck_assert_uint_lt(server.held_count, HELD_MAX);
		if (server.held_count == 0)
			server.held_since_us = now_us;
		server.held[server.held_count++] = h->seq;
	}
	if (server.is.acks_alone) {
		struct gre_header ack = {.has_ack = true, .ack = server.rcv_nxt - 1};
		link_put(&server.to_us, now_us + server.is.one_way_us, &ack);
	}
}

static void run_server(void)
{
	struct gre_header h;
	while (link_take(&server.to_it, &h)) {
		if (server.socket.end - server.socket.first < server.is.socket)
			link_put(&server.socket, now_us, &h);
		else
			server.overrun++;
	}
	while (server.busy_until_us <= now_us && link_take(&server.socket, &h)) {
		bool was_idle = server.busy_until_us < now_us - TICK_US;
		server.busy_until_us =
		    (was_idle ? now_us : server.busy_until_us) + server.is.service_us;
		server_read(&h);
	}
	while (link_take(&server.answers, &h))
		if (!server.is.window || server.snd_nxt - server.acked < server.is.window)
			server_send_data();
}

static void to_server_at(int64_t delay_us, const struct gre_header *h)
{
	link_put(&server.to_it, now_us + server.is.one_way_us + delay_us, h);
}

static seq32 send_packet(void)
{
	struct gre_header h;
	gre_session_send(&session, now_us, 1400, &h);
	to_server_at(0, &h);
	return h.seq;
}

static void run_client(void)
{
	struct gre_header h;
	const uint8_t payload[SLOT] = {0}, *out;
	size_t len;
	while (link_take(&server.to_us, &h)) {
		(void)gre_session_receive(&session, now_us, &h, payload, true);
		while (gre_session_dequeue(&session, &out, &len))
			;
	}
	gre_session_on_deadline(&session, now_us);
	while (gre_session_dequeue(&session, &out, &len))
		;
	if (send_ack_only(&h))
		to_server_at(0, &h);
}

/* `most` packets are in flight at most, as those of a TCP connection. Returns what arrived. */
static uint64_t upload(int64_t duration_us, uint32_t most)
{
	uint64_t before = server.accepted;
	for (int64_t end_us = now_us + duration_us; now_us < end_us; now_us += TICK_US) {
		run_server();
		run_client();
		while (session.send_window.snd_nxt - session.send_window.snd_acked - 1 < most &&
		       gre_session_send_space(&session, now_us) > 0)
			send_packet();
	}
	return server.accepted - before;
}

static void idle(int64_t duration_us)
{
	(void)upload(duration_us, 0);
}

/* The start of a link and of a connection: packets that are answered at once. */
static void shake_hands(void)
{
	unsigned answer_each = server.is.answer_each;
	server.is.answer_each = answer_each > 0;
	for (int i = 0; i < 20; i++) {
		send_packet();
		idle(2 * server.is.one_way_us + MS);
	}
	server.is.answer_each = answer_each;
}

static double share(uint64_t packets, int64_t duration_us, int64_t us_per_packet)
{
	return (double)packets * (double)us_per_packet / (double)duration_us;
}

START_TEST(a_fast_server_at_some_milliseconds_is_not_held_back)
{
	static const int64_t one_way_us[] = {150, 1000, 1250, 2000, 2450, 2600, 10000};
	for (size_t i = 0; i < COUNT(one_way_us); i++) {
		struct behaviour is = at_once;
		is.one_way_us = one_way_us[i];
		is.service_us = 20;
		start_server(&is);
		shake_hands();
		upload(SECOND / 2, 3000);
		uint64_t packets = upload(SECOND, 3000);
		ck_assert_double_ge(share(packets, SECOND, is.service_us), 0.93);
	}
}
END_TEST

START_TEST(a_slow_poptop_is_not_overrun_and_not_held_back)
{
	static const int64_t one_way_us[] = {150, 500, 1000, 2000};
	static const int64_t service_us[] = {40, 100, 300};
	static const unsigned answer_each[] = {1, 2, 8};
	for (size_t i = 0; i < COUNT(one_way_us); i++)
		for (size_t j = 0; j < COUNT(service_us); j++)
			for (size_t k = 0; k < COUNT(answer_each); k++) {
				struct behaviour is = poptop;
				is.one_way_us = one_way_us[i];
				is.service_us = service_us[j];
				is.answer_each = answer_each[k];
				start_server(&is);
				shake_hands();
				uint64_t packets = upload(5 * SECOND, 3000);
				ck_assert_msg(server.overrun == 0,
				    "%d us, service %d us, %u for one answer: %d overrun",
				    (int)is.one_way_us, (int)is.service_us, is.answer_each,
				    (int)server.overrun);
				ck_assert_double_ge(
				    share(packets, 5 * SECOND, is.service_us), 0.95);
			}
}
END_TEST

/* poptop's scheduler lets it wait once in a while. */
START_TEST(a_poptop_that_waits_for_its_processor_is_not_overrun)
{
	struct behaviour is = poptop;
	start_server(&is);
	shake_hands();
	for (int i = 0; i < 50; i++) {
		server.busy_until_us = now_us + 25 * MS;
		upload(100 * MS, 3000);
	}
	ck_assert_uint_eq(server.overrun, 0);
	ck_assert_uint_gt(server.accepted, (uint64_t)(50 * 75 * MS / is.service_us * 9 / 10));
}
END_TEST

START_TEST(a_server_that_does_not_acknowledge_an_upload_holds_it_up_once_for_milliseconds)
{
	struct behaviour is = linux_driver;
	start_server(&is);
	shake_hands();
	server.is.answer_each = 0;
	int64_t from_us = now_us;
	for (unsigned sent = 0; sent < 5000; now_us += TICK_US) {
		run_server();
		run_client();
		if (gre_session_send_space(&session, now_us) > 0) {
			send_packet();
			sent++;
		}
	}
	ck_assert_int_le(now_us - from_us, 5000 * TICK_US + 31 * MS);
	ck_assert_uint_eq(stats.tx_blocked, 1);
}
END_TEST

static void check_upload_on_a_longer_path(int64_t one_way_us, int64_t after_us, bool outage)
{
	struct behaviour is = linux_driver;
	is.service_us = 20;
	start_server(&is);
	shake_hands();
	upload(3 * SECOND, 300);
	server.is.one_way_us = one_way_us;
	if (outage) {
		server.to_it.first = server.to_it.end;
		server.to_us.first = server.to_us.end;
	}
	upload(after_us, 300);
	uint64_t packets = upload(2 * SECOND, 300);
	ck_assert_double_ge(share(packets, 2 * SECOND, 2 * one_way_us / 300), 0.9);
}

/* By another uplink for instance. */
START_TEST(an_upload_goes_on_at_full_rate_after_an_outage)
{
	check_upload_on_a_longer_path(5 * MS, 200 * MS, true);
	check_upload_on_a_longer_path(20 * MS, 200 * MS, true);
}
END_TEST

START_TEST(an_upload_has_its_full_rate_on_a_path_that_has_become_longer_within_a_second)
{
	check_upload_on_a_longer_path(5 * MS, 700 * MS, false);
	check_upload_on_a_longer_path(20 * MS, 700 * MS, false);
}
END_TEST

START_TEST(the_next_connection_on_a_longer_path_has_no_limit)
{
	struct behaviour is = linux_driver;
	start_server(&is);
	shake_hands();
	upload(SECOND, 300);
	idle(SECOND);
	server.is.one_way_us = 10 * MS;
	shake_hands();
	uint64_t packets = upload(SECOND, 300);
	ck_assert_double_ge(share(packets, SECOND, 20 * MS / 300), 0.9);
}
END_TEST

/* Sends packets 1 to 10 but for `lost`; packet `late` is sent after the others. */
static void send_ten_but(seq32 lost, seq32 late)
{
	struct gre_header late_h = {.seq = 0};
	for (seq32 i = 1; i <= 10; i++) {
		struct gre_header h;
		gre_session_send(&session, now_us, 1400, &h);
		if (i == late)
			late_h = h;
		else if (i != lost)
			to_server_at(0, &h);
	}
	if (late)
		to_server_at(0, &late_h);
}

/* The server has something to acknowledge by a tail probe. */
static void receive_one(void)
{
	server_send_data();
	idle(MS);
}

START_TEST(poptop_passes_on_what_it_holds_when_its_wait_has_ended)
{
	start_server(&poptop);
	receive_one();
	send_ten_but(5, 0);
	idle(295 * MS);
	ck_assert_uint_eq(server.accepted, 4);
	idle(15 * MS);
	ck_assert_uint_eq(server.accepted, 9);
}
END_TEST

START_TEST(poptop_passes_on_packets_in_the_wrong_order_in_milliseconds)
{
	start_server(&poptop);
	receive_one();
	send_ten_but(0, 5);
	idle(25 * MS);
	ck_assert_uint_eq(server.accepted, 10);
}
END_TEST

/* The server sends a packet each `spacing_us` as its window allows. */
static uint64_t download(int64_t spacing_us, int64_t duration_us)
{
	uint64_t before = stats.rx_accepted;
	int64_t next_us = now_us;
	for (int64_t end_us = now_us + duration_us; now_us < end_us; now_us += TICK_US) {
		run_server();
		run_client();
		if (now_us < next_us)
			continue;
		next_us += spacing_us;
		if (!server.is.window || server.snd_nxt - server.acked < server.is.window)
			server_send_data();
	}
	return stats.rx_accepted - before;
}

START_TEST(a_server_with_freebsds_window_sends_at_its_rate)
{
	static const int64_t one_way_us[] = {1 * MS, 5 * MS, 20 * MS};
	for (size_t i = 0; i < COUNT(one_way_us); i++) {
		struct behaviour is = linux_driver;
		is.one_way_us = one_way_us[i];
		is.window = 16;
		start_server(&is);
		uint64_t packets = download(100, 2 * SECOND);
		/* The second half of it waits for data to piggyback on. */
		ck_assert_double_ge(
		    share(packets, 2 * SECOND, (2 * is.one_way_us + 6 * MS) / 16), 0.9);
	}
}
END_TEST

START_TEST(a_server_that_uses_the_advertised_window_is_not_held_up)
{
	struct behaviour is = linux_driver;
	is.window = 1024;
	is.one_way_us = 200;
	start_server(&is);
	uint64_t packets = download(TICK_US, SECOND);
	ck_assert_double_ge(share(packets, SECOND, TICK_US), 0.98);
	ck_assert_uint_le(server.acks_from_us, packets / 64);
}
END_TEST

START_TEST(a_server_with_a_window_of_one_is_not_stopped)
{
	struct behaviour is = linux_driver;
	is.window = 1;
	start_server(&is);
	ck_assert_uint_ge(download(100, 10 * SECOND), 39);
}
END_TEST

/* As on a 0.3 ms link where a command runs for a while before it prints something. */
START_TEST(an_answer_that_comes_late_is_no_round_trip)
{
	static const int64_t after_us[] = {20 * SECOND, SECOND, 50 * MS};
	for (size_t i = 0; i < COUNT(after_us); i++) {
		struct behaviour is = linux_driver;
		is.answer_each = 1;
		start_server(&is);
		server.is.answer_after_us = after_us[i];
		send_packet();
		idle(after_us[i] + MS);
		ck_assert_uint_lt(stats.round_trip_us, 1000);
		server.is.answer_after_us = 0;
		for (int n = 0; n < 100; n++) {
			send_packet();
			server_send_data();
			idle(100);
		}
		idle(MS);
		ck_assert_uint_ge(stats.round_trip_us, 300);
		ck_assert_uint_lt(stats.round_trip_us, 700);
		server.is.answer_after_us = after_us[i];
		for (int n = 0; n < 3; n++) {
			send_packet();
			idle(after_us[i] + MS);
		}
		ck_assert_uint_lt(stats.round_trip_us, 1000);
	}
}
END_TEST

START_TEST(an_acknowledgment_without_data_is_a_round_trip)
{
	start_server(&at_once);
	send_packet();
	idle(SECOND);
	ck_assert_uint_ge(stats.round_trip_us, 300);
	ck_assert_uint_lt(stats.round_trip_us, 400);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_session_servers");
	TCase *tc = tcase_create("gre_session_servers");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, a_fast_server_at_some_milliseconds_is_not_held_back);
	tcase_add_test(tc, a_slow_poptop_is_not_overrun_and_not_held_back);
	tcase_add_test(tc, a_poptop_that_waits_for_its_processor_is_not_overrun);
	tcase_add_test(
	    tc, a_server_that_does_not_acknowledge_an_upload_holds_it_up_once_for_milliseconds);
	tcase_add_test(tc, an_upload_goes_on_at_full_rate_after_an_outage);
	tcase_add_test(
	    tc, an_upload_has_its_full_rate_on_a_path_that_has_become_longer_within_a_second);
	tcase_add_test(tc, the_next_connection_on_a_longer_path_has_no_limit);
	tcase_add_test(tc, poptop_passes_on_what_it_holds_when_its_wait_has_ended);
	tcase_add_test(tc, poptop_passes_on_packets_in_the_wrong_order_in_milliseconds);
	tcase_add_test(tc, a_server_with_freebsds_window_sends_at_its_rate);
	tcase_add_test(tc, a_server_that_uses_the_advertised_window_is_not_held_up);
	tcase_add_test(tc, a_server_with_a_window_of_one_is_not_stopped);
	tcase_add_test(tc, an_answer_that_comes_late_is_no_round_trip);
	tcase_add_test(tc, an_acknowledgment_without_data_is_a_round_trip);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
