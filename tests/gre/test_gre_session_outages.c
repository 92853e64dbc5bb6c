/* SPDX-License-Identifier: ISC */
/*
 * A path that reorders, loses and repeats packets and has one outage after the other, as a model that
 * knows nothing of the session: after each outage packets are delivered again within 50 ms of the first
 * one that arrives. Time is simulated.
 */
#include "session_fixture.h"

#define MS INT64_C(1000)
#define BACK_US (50 * MS)

enum {
	OUTAGES = 25,
	ARRIVALS_MAX = 200000,
};

struct path {
	int64_t interval_us; /* between two packets that the server sends */
	int64_t links_us;    /* by how much longer the second of two links is */
	int64_t jitter_us;   /* of each packet, at random */
	bool in_turn;        /* whether the links are used in turn or at random */
	unsigned loss;       /* of 1000 packets, besides the outages */
	unsigned repeated;   /* of 1000 packets */
	int64_t flow_us[2];  /* shortest and longest time between two outages */
	int64_t outage_us[2];
};

static struct arrival {
	int64_t at_us;
	seq32 seq;
	unsigned outages; /* before it was sent */
} arrivals[ARRIVALS_MAX];
static size_t arrival_count;
static uint32_t random_state;

static uint32_t random_below(uint32_t bound)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % bound;
}

static int64_t random_between(const int64_t range_us[2])
{
	return range_us[0] + random_below((uint32_t)(range_us[1] - range_us[0] + 1));
}

static int by_arrival(const void *a, const void *b)
{
	const struct arrival *x = a, *y = b;
	if (x->at_us != y->at_us)
		return x->at_us < y->at_us ? -1 : 1;
	return x < y ? -1 : 1;
}

static void arrive(const struct path *p, int64_t sent_us, seq32 seq, unsigned outages)
{
	bool second = p->in_turn ? seq % 2 : random_below(2);
	int64_t at_us = sent_us + (second ? p->links_us : 0);
	if (p->jitter_us)
		at_us += random_below((uint32_t)p->jitter_us);
	if (arrival_count == ARRIVALS_MAX)
		ck_abort_msg("too many packets");
	arrivals[arrival_count++] = (struct arrival){at_us, seq, outages};
}

static void send_all(const struct path *p, int64_t begin_us, seq32 seq)
{
	int64_t lost_us = begin_us + random_between(p->flow_us);
	int64_t found_us = lost_us + random_between(p->outage_us);
	unsigned outages = 0;
	arrival_count = 0;
	for (int64_t at_us = begin_us; outages <= OUTAGES; at_us += p->interval_us, seq++) {
		if (at_us >= found_us) {
			outages++;
			lost_us = at_us + random_between(p->flow_us);
			found_us = lost_us + random_between(p->outage_us);
		}
		if (at_us >= lost_us || random_below(1000) < p->loss)
			continue;
		arrive(p, at_us, seq, outages);
		if (random_below(1000) < p->repeated)
			arrive(p, at_us, seq, outages);
	}
	qsort(arrivals, arrival_count, sizeof(arrivals[0]), by_arrival);
}

/* How many outages there were before the newest packet that was delivered. */
static unsigned delivered_outages;

static void deliver(const uint8_t *payload)
{
	uint32_t i;
	memcpy(&i, payload, sizeof(i));
	if (arrivals[i].outages > delivered_outages)
		delivered_outages = arrivals[i].outages;
}

static void deliver_held(void)
{
	const uint8_t *payload;
	size_t len;
	while (gre_session_dequeue(&session, &payload, &len))
		deliver(payload);
}

/* The payload is the index of the arrival. */
static void receive_arrival(uint32_t i)
{
	uint8_t payload[sizeof(i)];
	struct gre_header h = {
	    .has_seq = true, .seq = arrivals[i].seq, .payload_len = sizeof(payload)};
	memcpy(payload, &i, sizeof(i));
	if (gre_session_receive(&session, now_us, &h, payload, true) == GRE_RX_DELIVER)
		deliver(payload);
	deliver_held();
}

static void check_path(const struct path *p, uint32_t seed)
{
	random_state = seed;
	delivered_outages = 0;
	start();
	send_all(p, now_us, seed * 77777);
	unsigned arrived = 0; /* outages before the newest packet */
	int64_t first_us = 0; /* when the first packet after them came */
	for (uint32_t i = 0; i < arrival_count; i++) {
		int64_t at_us;
		while ((at_us = gre_session_timeout_deadline(&session)) <= arrivals[i].at_us) {
			gre_session_on_deadline(&session, at_us);
			deliver_held();
		}
		now_us = arrivals[i].at_us;
		if (delivered_outages < arrived && now_us - first_us > BACK_US)
			ck_abort_msg("interval %d us, seed %u: nothing in 50 ms after outage %u",
			    (int)p->interval_us, (unsigned)seed, arrived);
		if (arrivals[i].outages > arrived) {
			arrived = arrivals[i].outages;
			first_us = now_us;
		}
		receive_arrival(i);
	}
	ck_assert_uint_eq(delivered_outages, OUTAGES);
}

static void check_paths(const struct path *paths, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (uint32_t seed = 1; seed <= 20; seed++)
			check_path(&paths[i], seed);
}

START_TEST(session_is_back_within_50ms_after_each_outage_at_100_packets_a_second)
{
	const struct path paths[] = {
	    {10 * MS, 3 * MS, 0, true, 0, 0, {300 * MS, 4000 * MS}, {50 * MS, 9000 * MS}},
	    {10 * MS, 15 * MS, 0, true, 0, 0, {300 * MS, 4000 * MS}, {50 * MS, 9000 * MS}},
	    {10 * MS, 12 * MS, 2 * MS, false, 10, 10, {300 * MS, 4000 * MS},
		{3200 * MS, 9000 * MS}},
	};
	check_paths(paths, sizeof(paths) / sizeof(paths[0]));
}
END_TEST

START_TEST(session_is_back_within_50ms_after_each_outage_at_10000_packets_a_second)
{
	const struct path paths[] = {
	    {100, 3 * MS, 0, true, 0, 0, {20 * MS, 300 * MS}, {1 * MS, 800 * MS}},
	    {100, 150, 0, true, 0, 0, {20 * MS, 300 * MS}, {1 * MS, 800 * MS}},
	    {100, 3 * MS, 1 * MS, false, 10, 10, {20 * MS, 300 * MS}, {1 * MS, 800 * MS}},
	    {100, 0, 5 * MS, true, 10, 0, {20 * MS, 300 * MS}, {20 * MS, 60 * MS}},
	};
	check_paths(paths, sizeof(paths) / sizeof(paths[0]));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_session_outages");
	TCase *tc = tcase_create("gre_session_outages");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, session_is_back_within_50ms_after_each_outage_at_100_packets_a_second);
	tcase_add_test(tc, session_is_back_within_50ms_after_each_outage_at_10000_packets_a_second);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
