/* SPDX-License-Identifier: ISC */
/*
 * The data session over time, against simulated networks and servers: how long it waits for missing
 * packets, when it acknowledges, how it paces what it sends. Simulated time moves in small steps;
 * a step is one turn of the gateway's loop.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "../gre_session.h"

enum {
	CAPACITY = 2048,
	SLOT = 8,
	WIRE_MAX = 1 << 17
};
#define STEP_US INT64_C(50)
#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)

static struct gre_session session;
static struct gre_session_config config;
static struct pptp_stats stats;
static struct pqueue queue;
static struct pqueue_entry entries[CAPACITY];
static uint8_t slots[CAPACITY * SLOT];
static int64_t now_us;
static uint32_t random_state;

static uint32_t random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

static bool one_in(uint32_t n)
{
	return random32() % n == 0;
}

/* One direction of the path: packets with the time at which they arrive. */
struct wire {
	struct {
		int64_t at_us;
		struct gre_header h;
	} packets[WIRE_MAX];
	/* Places, modulo WIRE_MAX: [first, end) may hold packets; those taken have at_us < 0. */
	size_t first, end;
};

static struct wire to_us, to_server;

static void put(struct wire *w, int64_t at_us, const struct gre_header *h)
{
	ck_assert_uint_lt(w->end - w->first, WIRE_MAX);
	w->packets[w->end % WIRE_MAX].at_us = at_us;
	w->packets[w->end % WIRE_MAX].h = *h;
	w->end++;
}

/* The next packet that has arrived, in the order of arrival. */
static bool take(struct wire *w, struct gre_header *h)
{
	size_t found = w->end;
	for (size_t i = w->first; i < w->end; i++) {
		int64_t at_us = w->packets[i % WIRE_MAX].at_us;
		if (at_us >= 0 && at_us <= now_us &&
		    (found == w->end || at_us < w->packets[found % WIRE_MAX].at_us))
			found = i;
	}
	if (found == w->end)
		return false;
	*h = w->packets[found % WIRE_MAX].h;
	w->packets[found % WIRE_MAX].at_us = -1;
	while (w->first < w->end && w->packets[w->first % WIRE_MAX].at_us < 0)
		w->first++;
	return true;
}

static void start(void)
{
	memset(&stats, 0, sizeof(stats));
	to_us.first = to_us.end = to_server.first = to_server.end = 0;
	now_us = 5 * SECOND;
	random_state = 0x2545f491;
	pqueue_init(&queue, entries, slots, CAPACITY, SLOT);
	gre_session_init(&session, &config, &queue, &stats);
}

static void set_up(void)
{
	config = (struct gre_session_config){
	    .peer_call_id = 1,
	    .our_window = 1024,
	    .server_window = 64,
	    .reorder = true,
	    .max_wait_us = 300 * MS,
	    .missing_window = 300,
	};
	start();
}

/* What PPP's side saw: the latency of each packet, the order of them all. */
#define SEQ_MAX 250000
static int64_t sent_us[SEQ_MAX];
static int latencies_us[SEQ_MAX];
static size_t latency_count;
static seq32 last_delivered;

static void on_delivery(seq32 seq)
{
	ck_assert(latency_count == 0 || seq > last_delivered);
	last_delivered = seq;
	latencies_us[latency_count++] = (int)(now_us - sent_us[seq]);
}

static void drain(void)
{
	const uint8_t *payload;
	size_t len;
	while (gre_session_next(&session, now_us, &payload, &len)) {
		seq32 seq;
		memcpy(&seq, payload, sizeof(seq));
		on_delivery(seq);
	}
}

/* The gateway's turn: takes in what arrived, then lets the deadline pass. */
static void take_turn(void)
{
	struct gre_header h;
	while (take(&to_us, &h)) {
		uint8_t payload[SLOT];
		memcpy(payload, &h.seq, sizeof(h.seq));
		if (gre_session_receive(&session, now_us, &h, payload, true) == GRE_RX_DELIVER)
			on_delivery(h.seq);
		drain();
	}
	gre_session_on_deadline(&session, now_us);
	drain();
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;
	return (x > y) - (x < y);
}

static int quantile_us(double q)
{
	qsort(latencies_us, latency_count, sizeof(latencies_us[0]), compare_ints);
	return latencies_us[(size_t)(q * (double)(latency_count - 1))];
}

/* What the network does to a packet: its delay, or -1 to lose it. */
typedef int64_t network(seq32 seq);

static seq32 stream_seq;

/* A stream to us of one packet each `spacing_us` over a network. */
static void stream(network *net, int64_t spacing_us, int64_t duration_us)
{
	int64_t end_us = now_us + duration_us, next_us = now_us;
	for (; now_us < end_us; now_us += STEP_US) {
		if (now_us >= next_us) {
			next_us += spacing_us;
			struct gre_header h = {
			    .has_seq = true, .seq = ++stream_seq, .payload_len = 4};
			sent_us[h.seq] = now_us;
			int64_t delay_us = net(h.seq);
			if (delay_us >= 0)
				put(&to_us, now_us + delay_us, &h);
		}
		take_turn();
	}
}

static void start_stream(void)
{
	start();
	stream_seq = 0;
	latency_count = 0;
}

static int64_t in_order(seq32 seq)
{
	(void)seq;
	return 2 * MS;
}

static int64_t loses_one_percent(seq32 seq)
{
	return seq > 10 && one_in(100) ? -1 : in_order(seq);
}

static int64_t late_by_5ms(seq32 seq)
{
	return seq > 10 && one_in(100) ? 7 * MS : in_order(seq);
}

static int64_t late_by_40ms(seq32 seq)
{
	return seq > 10 && one_in(100) ? 42 * MS : in_order(seq);
}

static int64_t early_by_10ms(seq32 seq) /* netem: delay 10ms reorder 25% */
{
	return seq > 10 && one_in(4) ? 2 * MS : 12 * MS;
}

static int64_t swapped_pairs(seq32 seq)
{
	return seq % 2 ? 2 * MS + 600 : 2 * MS;
}

static int64_t late_by_400ms(seq32 seq)
{
	return seq > 10 && one_in(100) ? 402 * MS : in_order(seq);
}

START_TEST(loss_alone_costs_a_few_milliseconds)
{
	start_stream();
	stream(loses_one_percent, 500, 20 * SECOND);
	ck_assert_uint_gt(stats.rx_lost, 200);
	ck_assert_uint_eq(stats.rx_under_win, 0);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
	ck_assert_int_le(quantile_us(0.5), 2 * MS + STEP_US);
	ck_assert_int_le(quantile_us(0.99), 2 * MS + 6 * MS);
	ck_assert_int_le(quantile_us(1.0), 2 * MS + 12 * MS);
}
END_TEST

static void check_nothing_dropped_after_a_second(network *net, int64_t spacing_us)
{
	start_stream();
	stream(net, spacing_us, SECOND);
	struct pptp_stats before = stats;
	stream(net, spacing_us, 20 * SECOND);
	ck_assert_uint_eq(stats.rx_lost, before.rx_lost);
	ck_assert_uint_eq(stats.rx_under_win, before.rx_under_win);
	ck_assert_uint_gt(stats.rx_buffered, before.rx_buffered);
}

START_TEST(nothing_is_dropped_where_packets_are_late_by_5ms)
{
	check_nothing_dropped_after_a_second(late_by_5ms, 500);
	ck_assert_int_lt(gre_session_gap_wait_us(&session), 9 * MS);
}
END_TEST

START_TEST(nothing_is_dropped_where_packets_are_late_by_40ms)
{
	check_nothing_dropped_after_a_second(late_by_40ms, 500);
	ck_assert_int_lt(gre_session_gap_wait_us(&session), 60 * MS);
	ck_assert_int_le(quantile_us(0.5), 42 * MS);
}
END_TEST

START_TEST(nothing_is_dropped_where_a_quarter_overtakes_by_10ms)
{
	check_nothing_dropped_after_a_second(early_by_10ms, 500);
	check_nothing_dropped_after_a_second(early_by_10ms, 100);
}
END_TEST

START_TEST(nothing_at_all_is_dropped_where_pairs_are_swapped)
{
	start_stream();
	stream(in_order, 500, SECOND / 100);
	stream(swapped_pairs, 500, 5 * SECOND);
	ck_assert_uint_eq(stats.rx_lost, 0);
	ck_assert_uint_eq(stats.rx_under_win, 0);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
}
END_TEST

START_TEST(the_wait_follows_a_change_of_the_network_both_ways)
{
	start_stream();
	stream(loses_one_percent, 500, 5 * SECOND);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
	stream(late_by_40ms, 500, SECOND);
	ck_assert_int_gt(gre_session_gap_wait_us(&session), 40 * MS);
	struct pptp_stats before = stats;
	stream(late_by_40ms, 500, 5 * SECOND);
	ck_assert_uint_eq(stats.rx_lost, before.rx_lost);
	stream(loses_one_percent, 500, 6 * SECOND);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
}
END_TEST

START_TEST(the_wait_does_not_grow_for_what_no_wait_can_cover)
{
	start_stream();
	stream(late_by_400ms, 500, 5 * SECOND);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), GRE_GAP_FLOOR_US);
}
END_TEST

START_TEST(the_wait_keeps_to_its_upper_bound)
{
	config.max_wait_us = 20 * MS;
	start_stream();
	stream(late_by_5ms, 500, SECOND);
	stream(late_by_40ms, 500, SECOND);
	ck_assert_int_le(gre_session_gap_wait_us(&session), 20 * MS);
	config.max_wait_us = 2 * MS;
	start_stream();
	ck_assert_int_eq(gre_session_gap_wait_us(&session), 2 * MS);
}
END_TEST

START_TEST(a_fixed_wait_learns_nothing)
{
	config.fixed_wait_us = 30 * MS;
	start_stream();
	stream(late_by_40ms, 500, 5 * SECOND);
	ck_assert_int_eq(gre_session_gap_wait_us(&session), 30 * MS);
	ck_assert_uint_gt(stats.rx_lost, 50);
}
END_TEST

/* A server on the far side of 10 ms that keeps up to `window` packets outstanding. */
struct server {
	uint32_t window;
	seq32 sent, acked;   /* of its own packets */
	seq32 received;      /* the highest of ours */
	bool acks_at_once;   /* with bare acknowledgments */
	uint64_t bare;       /* bare acknowledgments from us */
	uint64_t received_n; /* packets of ours */
};

#define ONE_WAY_US (10 * MS)

static void server_takes(struct server *s)
{
	struct gre_header h;
	while (take(&to_server, &h)) {
		if (h.has_ack && seq32_after(h.ack, s->acked))
			s->acked = h.ack;
		if (!h.has_seq) {
			s->bare++;
			continue;
		}
		s->received_n++;
		s->received = h.seq;
		if (s->acks_at_once) {
			struct gre_header ack = {.has_ack = true, .ack = h.seq};
			put(&to_us, now_us + ONE_WAY_US, &ack);
		}
	}
}

static void server_sends(struct server *s)
{
	if (s->sent - s->acked >= s->window)
		return;
	struct gre_header h = {.has_seq = true, .seq = ++s->sent, .payload_len = 4};
	sent_us[h.seq % SEQ_MAX] = now_us;
	put(&to_us, now_us + ONE_WAY_US, &h);
}

static void send_bare_ack_where_due(void)
{
	struct gre_header h;
	if (gre_session_ack_due(&session, now_us, &h)) {
		ck_assert(!h.has_seq);
		ck_assert(h.has_ack);
		put(&to_server, now_us + ONE_WAY_US, &h);
	}
}

static void serve(struct server *s, int64_t spacing_us, int64_t duration_us)
{
	int64_t end_us = now_us + duration_us, next_us = now_us;
	for (; now_us < end_us; now_us += STEP_US) {
		server_takes(s);
		if (now_us >= next_us) {
			next_us += spacing_us;
			server_sends(s);
		}
		take_turn();
		send_bare_ack_where_due();
		latency_count = 0;
	}
}

/* The share of the rate that the window allows, and the bare acknowledgments per packet. */
static void check_window(uint32_t window, double least_share, double most_acks)
{
	struct server s = {.window = window};
	start();
	serve(&s, 100, 2 * SECOND); /* to learn the window */
	seq32 sent = s.sent;
	uint64_t bare = s.bare;
	serve(&s, 100, 8 * SECOND);
	double packets = (double)(s.sent - sent);
	double ideal = 8.0 * window / 0.020;
	if (ideal > 8.0 * 10000)
		ideal = 8.0 * 10000;
	double share = packets / ideal, acks = (double)(s.bare - bare) / packets;
	printf("# window %u: %.3f of the rate, %.4f bare acknowledgments per packet\n", window,
	    share, acks);
	ck_assert_double_ge(share, least_share);
	ck_assert_double_le(acks, most_acks);
}

START_TEST(a_server_with_a_window_of_1_keeps_its_rate)
{
	check_window(1, 0.9, 1.01);
}
END_TEST

START_TEST(a_server_with_a_window_of_2_keeps_its_rate)
{
	check_window(2, 0.9, 1.01);
}
END_TEST

START_TEST(a_server_with_a_window_of_8_keeps_its_rate)
{
	check_window(8, 0.9, 0.27);
}
END_TEST

START_TEST(a_server_with_a_window_of_12_gets_few_acknowledgments)
{
	check_window(12, 0.85, 0.125);
}
END_TEST

START_TEST(a_server_with_a_window_of_64_keeps_its_rate_with_few_acknowledgments)
{
	check_window(64, 0.9, 0.1);
}
END_TEST

START_TEST(a_server_with_the_advertised_window_keeps_its_rate_with_few_acknowledgments)
{
	check_window(1024, 0.99, 0.05);
}
END_TEST

START_TEST(a_server_without_a_window_gets_few_acknowledgments)
{
	check_window(UINT32_MAX, 0.99, 0.02);
}
END_TEST

START_TEST(a_slow_one_way_stream_gets_few_acknowledgments)
{
	struct server s = {.window = 1024};
	start();
	serve(&s, 100 * MS, 60 * SECOND); /* 10 packets/s */
	ck_assert_double_lt((double)s.bare, (double)s.sent / 8);
	ck_assert_uint_gt(s.bare, 10);
}
END_TEST

/* As a TCP transfer does: one packet back for each two received, a little later. */
static uint64_t bare_acks_of_a_download(uint32_t window, int64_t reply_after_us)
{
	struct server s = {.window = window};
	int64_t reply_us = DEADLINE_NEVER, end_us;
	uint64_t seen = 0;
	start();
	end_us = now_us + 10 * SECOND;
	for (; now_us < end_us; now_us += STEP_US) {
		server_takes(&s);
		server_sends(&s);
		take_turn();
		latency_count = 0;
		if (stats.rx_accepted >= seen + 2 && reply_us == DEADLINE_NEVER) {
			seen = stats.rx_accepted;
			reply_us = now_us + reply_after_us;
		}
		if (now_us >= reply_us) {
			struct gre_header h;
			gre_session_send(&session, now_us, 40, &h);
			put(&to_server, now_us + ONE_WAY_US, &h);
			reply_us = DEADLINE_NEVER;
		}
		send_bare_ack_where_due();
	}
	ck_assert_uint_gt(s.sent, 5000);
	return s.bare;
}

START_TEST(no_bare_acknowledgment_where_data_flows_back)
{
	ck_assert_uint_le(bare_acks_of_a_download(1024, 50), 1);
	ck_assert_uint_le(bare_acks_of_a_download(1024, 1000), 1);
	ck_assert_uint_le(bare_acks_of_a_download(64, 100), 1);
}
END_TEST

/* How often a sleeping gateway would wake in `duration_us` with nothing arriving. */
static unsigned wake_ups(int64_t duration_us)
{
	unsigned n = 0;
	int64_t end_us = now_us + duration_us, at_us;
	while ((at_us = gre_session_deadline(&session)) < end_us) {
		now_us = at_us > now_us ? at_us : now_us;
		gre_session_on_deadline(&session, now_us);
		drain();
		send_bare_ack_where_due();
		ck_assert_uint_lt(++n, 100);
	}
	now_us = end_us;
	return n;
}

START_TEST(an_idle_session_costs_no_wake_up)
{
	struct server s = {.window = 1024};
	start();
	ck_assert_uint_eq(wake_ups(600 * SECOND), 0);
	serve(&s, MS, SECOND);
	struct gre_header h;
	for (int i = 0; i < 10; i++)
		gre_session_send(&session, now_us, 40, &h);
	ck_assert_uint_le(wake_ups(10 * SECOND), 4);
	ck_assert_uint_eq(wake_ups(600 * SECOND), 0);
}
END_TEST

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
	ck_assert_int_gt(now_us, sent + 320 * MS);
	ck_assert_int_lt(now_us, sent + 400 * MS);
	ck_assert(gre_session_ack_due(&session, now_us, &h));
	ck_assert_int_eq(gre_session_deadline(&session), DEADLINE_NEVER);
	ck_assert(!gre_session_ack_due(&session, now_us + 600 * SECOND, &h));
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
	ck_assert_uint_le(burst_at_prompt_server(1000, 200), GRE_WINDOW_PROMPT_LIMIT);
	ck_assert_uint_gt(stats.tx_blocked, 0);
}
END_TEST

START_TEST(a_prompt_server_that_falls_silent_holds_up_sending_for_milliseconds_only)
{
	start();
	make_server_prompt();
	int64_t before_us = now_us;
	burst_at_prompt_server(5000, 0);
	ck_assert_int_le(now_us - before_us, 6 * MS);
	ck_assert_uint_eq(stats.tx_blocked, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_pace");
	TCase *tc = tcase_create("gre_pace");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, loss_alone_costs_a_few_milliseconds);
	tcase_add_test(tc, nothing_is_dropped_where_packets_are_late_by_5ms);
	tcase_add_test(tc, nothing_is_dropped_where_packets_are_late_by_40ms);
	tcase_add_test(tc, nothing_is_dropped_where_a_quarter_overtakes_by_10ms);
	tcase_add_test(tc, nothing_at_all_is_dropped_where_pairs_are_swapped);
	tcase_add_test(tc, the_wait_follows_a_change_of_the_network_both_ways);
	tcase_add_test(tc, the_wait_does_not_grow_for_what_no_wait_can_cover);
	tcase_add_test(tc, the_wait_keeps_to_its_upper_bound);
	tcase_add_test(tc, a_fixed_wait_learns_nothing);
	tcase_add_test(tc, a_server_with_a_window_of_1_keeps_its_rate);
	tcase_add_test(tc, a_server_with_a_window_of_2_keeps_its_rate);
	tcase_add_test(tc, a_server_with_a_window_of_8_keeps_its_rate);
	tcase_add_test(tc, a_server_with_a_window_of_12_gets_few_acknowledgments);
	tcase_add_test(tc, a_server_with_a_window_of_64_keeps_its_rate_with_few_acknowledgments);
	tcase_add_test(
	    tc, a_server_with_the_advertised_window_keeps_its_rate_with_few_acknowledgments);
	tcase_add_test(tc, a_server_without_a_window_gets_few_acknowledgments);
	tcase_add_test(tc, a_slow_one_way_stream_gets_few_acknowledgments);
	tcase_add_test(tc, no_bare_acknowledgment_where_data_flows_back);
	tcase_add_test(tc, an_idle_session_costs_no_wake_up);
	tcase_add_test(
	    tc, a_standstill_of_the_servers_acknowledgment_is_nudged_and_not_again_and_again);
	tcase_add_test(tc, data_that_goes_on_needs_no_nudge);
	tcase_add_test(tc, flow_control_starts_at_half_and_opens_by_one_for_each_window_full);
	tcase_add_test(tc, flow_control_halves_on_a_time_out_and_goes_on);
	tcase_add_test(tc, flow_control_takes_a_window_of_0_as_1);
	tcase_add_test(tc, flow_control_fills_the_window_of_a_server_that_acknowledges);
	tcase_add_test(tc, flow_control_does_not_deadlock_on_loss);
	tcase_add_test(tc, a_server_that_never_acknowledges_slows_nothing);
	tcase_add_test(tc, a_burst_does_not_overrun_a_server_that_acknowledges_at_once);
	tcase_add_test(
	    tc, a_prompt_server_that_falls_silent_holds_up_sending_for_milliseconds_only);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
