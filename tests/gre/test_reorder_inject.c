/* SPDX-License-Identifier: ISC */
/* The orders of --test-type against the manual page, and that nothing is lost or stuck. */
#include "tests/unit.h"

#include <string.h>

#include "lib/deadline.h"
#include "gre/reorder_inject.h"

enum {
	SLOT = 16,
	OUT_MAX = 4096
};

static struct txorder order;
static uint8_t slots[TXORDER_GROUP_MAX * SLOT];
static unsigned out[OUT_MAX];
static size_t out_count;

static void start(enum txorder_type type, uint32_t rate)
{
	memset(slots, 0xa5, sizeof(slots));
	out_count = 0;
	txorder_init(&order, type, rate, slots, SLOT);
}

static void drain(void)
{
	const uint8_t *datagram;
	size_t len;
	while (txorder_next(&order, &datagram, &len)) {
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
		ck_assert(txorder_add(&order, n, datagram, sizeof(n) + n % 12));
		drain();
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
	start(TXORDER_NONE, 1);
	send_from_to(1, 100);
	ck_assert_uint_eq(out_count, 100);
	for (unsigned i = 0; i < 100; i++)
		ck_assert_uint_eq(out[i], i + 1);
}
END_TEST

START_TEST(type_1_swaps_two_as_the_manual_page_prints)
{
	start(TXORDER_SWAP, 4);
	send_from_to(1, 9);
	EXPECT_OUT(1, 2, 3, 4, 6, 5, 7, 8, 9);
}
END_TEST

/* With 5, which the manual page leaves out of its list, where ascending order has it. */
START_TEST(type_2_sends_one_ahead_as_the_manual_page_prints)
{
	start(TXORDER_ADVANCE, 4);
	send_from_to(1, 20);
	EXPECT_OUT(1, 2, 3, 4, 16, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 20);
}
END_TEST

/* The old client lost a packet here. */
START_TEST(type_3_reverses_as_the_manual_page_prints)
{
	start(TXORDER_REVERSE, 4);
	send_from_to(1, 20);
	EXPECT_OUT(1, 2, 3, 4, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 17, 18, 19, 20);
}
END_TEST

START_TEST(as_many_as_the_rate_says_pass_between_two_groups)
{
	start(TXORDER_SWAP, 3);
	send_from_to(1, 13);
	EXPECT_OUT(1, 2, 3, 5, 4, 6, 7, 8, 10, 9, 11, 12, 13);
	start(TXORDER_REVERSE, 100);
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

START_TEST(no_type_and_rate_loses_or_doubles_a_packet)
{
	for (int type = TXORDER_NONE; type <= TXORDER_REVERSE; type++) {
		for (uint32_t rate = 0; rate < 40; rate++) {
			bool seen[1000] = {false};
			start((enum txorder_type)type, rate);
			send_from_to(0, 999);
			txorder_flush(&order);
			drain();
			ck_assert_uint_eq(out_count, 1000);
			for (size_t i = 0; i < 1000; i++) {
				ck_assert(!seen[out[i]]);
				seen[out[i]] = true;
			}
		}
	}
}
END_TEST

START_TEST(an_unfinished_group_goes_out_in_order_after_a_quiet_second)
{
	start(TXORDER_REVERSE, 2);
	ck_assert_int_eq(txorder_deadline(&order), DEADLINE_NEVER);
	send_from_to(1, 2);
	ck_assert_int_eq(txorder_deadline(&order), DEADLINE_NEVER);
	send_from_to(3, 6);
	EXPECT_OUT(1, 2);
	ck_assert_int_eq(txorder_deadline(&order), 6 + TXORDER_QUIET_US);
	txorder_flush(&order);
	drain();
	EXPECT_OUT(1, 2, 3, 4, 5, 6);
	ck_assert_int_eq(txorder_deadline(&order), DEADLINE_NEVER);
	send_from_to(7, 8); /* the next group is again `rate` packets away */
	EXPECT_OUT(1, 2, 3, 4, 5, 6, 7, 8);
}
END_TEST

START_TEST(a_datagram_that_fits_no_slot_is_refused)
{
	uint8_t datagram[SLOT + 1] = {0};
	start(TXORDER_SWAP, 1);
	ck_assert(!txorder_add(&order, 0, datagram, SLOT + 1));
	ck_assert(txorder_add(&order, 0, datagram, SLOT));
	ck_assert(!txorder_add(&order, 0, datagram, 1)); /* the first one was not drained */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("txorder");
	TCase *tc = tcase_create("txorder");
	tcase_add_test(tc, type_0_keeps_the_order);
	tcase_add_test(tc, type_1_swaps_two_as_the_manual_page_prints);
	tcase_add_test(tc, type_2_sends_one_ahead_as_the_manual_page_prints);
	tcase_add_test(tc, type_3_reverses_as_the_manual_page_prints);
	tcase_add_test(tc, as_many_as_the_rate_says_pass_between_two_groups);
	tcase_add_test(tc, no_type_and_rate_loses_or_doubles_a_packet);
	tcase_add_test(tc, an_unfinished_group_goes_out_in_order_after_a_quiet_second);
	tcase_add_test(tc, a_datagram_that_fits_no_slot_is_refused);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
