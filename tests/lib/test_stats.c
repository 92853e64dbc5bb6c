/* SPDX-License-Identifier: ISC */
/* The table of counters has the documented names, and each field once. */
#include "lib/stats.h"

#include <stdbool.h>
#include <string.h>

#include "unit.h"

enum {
	OF_PPTP_LINUX = 15, /* counters in the manual page of pptp-linux */
};

START_TEST(stats_table_has_names_and_order_of_the_manual_page)
{
	static const char *const names[OF_PPTP_LINUX] = {"rx accepted", "rx lost", "rx under win",
	    "rx over win", "rx buffered", "rx OS errors", "rx truncated", "rx invalid", "rx acks",
	    "tx sent", "tx failed", "tx short", "tx acks", "tx oversize", "round trip"};
	for (int i = 0; i < OF_PPTP_LINUX; i++)
		ck_assert_str_eq(stats_table[i].name, names[i]);
}
END_TEST

START_TEST(stats_table_lists_every_field_once)
{
	ck_assert_uint_eq(sizeof(struct pptp_stats), STATS_COUNT * sizeof(uint64_t));
	for (size_t i = 0; i < STATS_COUNT; i++) {
		ck_assert_uint_eq(stats_table[i].offset, i * sizeof(uint64_t));
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(stats_table[i].name, stats_table[k].name);
	}
}
END_TEST

START_TEST(stats_table_has_the_gauges_last)
{
	ck_assert_uint_eq(
	    stats_table[STATS_COUNTERS].offset, offsetof(struct pptp_stats, reorder_depth));
	for (size_t i = 0; i < STATS_COUNT; i++) {
		bool counts = strncmp(stats_table[i].name, "rx ", 3) == 0 ||
		              strncmp(stats_table[i].name, "tx ", 3) == 0;
		bool gauge = i >= STATS_COUNTERS || strcmp(stats_table[i].name, "round trip") == 0;
		ck_assert_int_ne(counts, gauge); /* status_format.c tells them by these names */
	}
}
END_TEST

START_TEST(stats_display_value_are_plain_counts_and_times_in_milliseconds)
{
	struct pptp_stats stats = {.rx_accepted = UINT64_C(0x100000001),
	    .tx_oversize = 3,
	    .round_trip_us = 12999,
	    .tx_blocked = UINT64_MAX,
	    .reorder_wait_us = 5999};
	ck_assert_uint_eq(stats_display_value(&stats, &stats_table[0]), UINT64_C(0x100000001));
	ck_assert_uint_eq(stats_display_value(&stats, &stats_table[13]), 3);
	ck_assert_uint_eq(stats_display_value(&stats, &stats_table[14]), 12);
	ck_assert_uint_eq(stats_display_value(&stats, &stats_table[19]), UINT64_MAX);
	ck_assert_uint_eq(stats_display_value(&stats, &stats_table[21]), 5);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stats");
	TCase *tc = tcase_create("stats");
	tcase_add_test(tc, stats_table_has_names_and_order_of_the_manual_page);
	tcase_add_test(tc, stats_table_lists_every_field_once);
	tcase_add_test(tc, stats_table_has_the_gauges_last);
	tcase_add_test(tc, stats_display_value_are_plain_counts_and_times_in_milliseconds);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
