/* SPDX-License-Identifier: ISC */
/* The orders of --test-type as the manual page prints them; no datagram is lost or kept. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "lib/deadline.h"
#include "gre/reorder_inject.h"

enum {
	SLOT = 16,
	OUT_MAX = 4096
};

static struct reorder_inject order;
static uint8_t slots[REORDER_INJECT_GROUP_MAX * SLOT];
static unsigned out[OUT_MAX];
static size_t out_count;

static void start(enum reorder_inject_type type, uint32_t rate)
{
	memset(slots, 0xa5, sizeof(slots));
	out_count = 0;
	reorder_inject_init(&order, type, rate, slots, SLOT);
}

static void send(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len;
		const uint8_t *datagram = reorder_inject_get(&order, i, &len);
		unsigned n;
		ck_assert_uint_ge(len, sizeof(n));
		memcpy(&n, datagram, sizeof(n));
		ck_assert_uint_eq(len, sizeof(n) + n % 12);
		ck_assert_uint_lt(out_count, OUT_MAX);
		out[out_count++] = n;
	}
}

static void send_from_to(unsigned first, unsigned last)
{
	for (unsigned n = first; n <= last; n++) {
		uint8_t datagram[SLOT] = {0};
		memcpy(datagram, &n, sizeof(n));
		send(reorder_inject_add(&order, n, datagram, sizeof(n) + n % 12));
	}
}

#define EXPECT_OUT(...)                                                                            \
	do {                                                                                       \
		const unsigned list[] = {__VA_ARGS__};                                             \
		ck_assert_uint_eq(out_count, sizeof(list) / sizeof(list[0]));                      \
		for (size_t i = 0; i < out_count; i++)                                             \
			ck_assert_uint_eq(out[i], list[i]);                                        \
	} while (0)

START_TEST(type_0_keeps_the_order)
{
	start(REORDER_INJECT_NONE, 1);
	send_from_to(1, 100);
	ck_assert_uint_eq(out_count, 100);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(out[i], i + 1);
}
END_TEST

START_TEST(type_1_swaps_two_as_the_manual_page_prints)
{
	start(REORDER_INJECT_SWAP, 4);
	send_from_to(1, 9);
	EXPECT_OUT(1, 2, 3, 4, 6, 5, 7, 8, 9);
}
END_TEST

/* With 5, which the manual page's list lacks, at its position in ascending order. */
START_TEST(type_2_sends_one_ahead_as_the_manual_page_prints)
{
	start(REORDER_INJECT_ADVANCE, 4);
	send_from_to(1, 20);
	EXPECT_OUT(1, 2, 3, 4, 16, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20);
}
END_TEST

/* The old client lost a packet here. */
START_TEST(type_3_reverses_as_the_manual_page_prints)
{
	start(REORDER_INJECT_REVERSE, 4);
	send_from_to(1, 20);
	EXPECT_OUT(1, 2, 3, 4, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 17, 18, 19, 20);
}
END_TEST

START_TEST(the_rate_is_the_number_of_packets_between_two_groups)
{
	start(REORDER_INJECT_SWAP, 3);
	send_from_to(1, 13);
	EXPECT_OUT(1, 2, 3, 5, 4, 6, 7, 8, 10, 9, 11, 12, 13);
	start(REORDER_INJECT_REVERSE, 100);
	send_from_to(1, 100);
	ck_assert_uint_eq(out_count, 100);
	send_from_to(101, 111);
	ck_assert_uint_eq(out_count, 100);
	send_from_to(112, 212);
	ck_assert_uint_eq(out_count, 212);
	ck_assert_uint_eq(out[100], 112);
	ck_assert_uint_eq(out[111], 101);
	ck_assert_uint_eq(out[112], 113);
	ck_assert_uint_eq(out[211], 212);
}
END_TEST

START_TEST(no_type_and_rate_loses_or_duplicates_a_packet)
{
	for (int type = REORDER_INJECT_NONE; type <= REORDER_INJECT_REVERSE; type++) {
		for (uint32_t rate = 0; rate < 40; rate++) {
			bool seen[1000] = {false};
			start((enum reorder_inject_type)type, rate);
			send_from_to(0, 999);
			if (reorder_inject_deadline(&order) != DEADLINE_NEVER)
				send(reorder_inject_flush(&order));
			ck_assert_uint_eq(out_count, 1000);
			for (size_t i = 0; i < 1000; i++) {
				ck_assert(!seen[out[i]]);
				seen[out[i]] = true;
			}
		}
	}
}
END_TEST

START_TEST(an_unfinished_group_is_sent_in_order_after_a_quiet_second)
{
	start(REORDER_INJECT_REVERSE, 2);
	ck_assert_int_eq(reorder_inject_deadline(&order), DEADLINE_NEVER);
	send_from_to(1, 2);
	ck_assert_int_eq(reorder_inject_deadline(&order), DEADLINE_NEVER);
	send_from_to(3, 6);
	EXPECT_OUT(1, 2);
	ck_assert_int_eq(reorder_inject_deadline(&order), 6 + REORDER_INJECT_QUIET_US);
	send(reorder_inject_flush(&order));
	EXPECT_OUT(1, 2, 3, 4, 5, 6);
	ck_assert_int_eq(reorder_inject_deadline(&order), DEADLINE_NEVER);
	send_from_to(7, 8); /* the next group is again `rate` packets away */
	EXPECT_OUT(1, 2, 3, 4, 5, 6, 7, 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reorder_inject");
	TCase *tc = tcase_create("reorder_inject");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, type_0_keeps_the_order);
	tcase_add_test(tc, type_1_swaps_two_as_the_manual_page_prints);
	tcase_add_test(tc, type_2_sends_one_ahead_as_the_manual_page_prints);
	tcase_add_test(tc, type_3_reverses_as_the_manual_page_prints);
	tcase_add_test(tc, the_rate_is_the_number_of_packets_between_two_groups);
	tcase_add_test(tc, no_type_and_rate_loses_or_duplicates_a_packet);
	tcase_add_test(tc, an_unfinished_group_is_sent_in_order_after_a_quiet_second);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
