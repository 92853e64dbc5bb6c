/* SPDX-License-Identifier: ISC */
/* Serial number arithmetic around 0, 2^31 and 2^32. */
#include "lib/seq32.h"

#include "unit.h"

static const uint32_t edges[] = {
    0, 1, 0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};

enum {
	EDGES = sizeof(edges) / sizeof(edges[0]),
};

START_TEST(seq32_is_neither_before_nor_after_itself)
{
	for (int i = 0; i < EDGES; i++) {
		ck_assert_int_eq(seq32_diff(edges[i], edges[i]), 0);
		ck_assert(!seq32_before(edges[i], edges[i]));
		ck_assert(!seq32_after(edges[i], edges[i]));
	}
}
END_TEST

START_TEST(seq32_orders_consecutive_numbers_across_each_edge)
{
	for (int i = 0; i < EDGES; i++) {
		ck_assert_int_eq(seq32_diff(edges[i] + 1, edges[i]), 1);
		ck_assert_int_eq(seq32_diff(edges[i], edges[i] + 1), -1);
		ck_assert(seq32_after(edges[i] + 1, edges[i]));
		ck_assert(seq32_before(edges[i], edges[i] + 1));
		ck_assert(!seq32_before(edges[i] + 1, edges[i]));
	}
}
END_TEST

START_TEST(seq32_diff_spans_2_to_the_31_each_way)
{
	for (int i = 0; i < EDGES; i++) {
		ck_assert_int_eq(seq32_diff(edges[i] + 0x7fffffff, edges[i]), INT32_MAX);
		ck_assert_int_eq(seq32_diff(edges[i] - 0x7fffffff, edges[i]), -INT32_MAX);
		ck_assert_int_eq(seq32_diff(edges[i] + 0x80000000, edges[i]), INT32_MIN);
	}
}
END_TEST

START_TEST(seq32_diff_inverts_addition)
{
	for (int i = 0; i < EDGES; i++)
		for (int k = 0; k < EDGES; k++)
			ck_assert_uint_eq(
			    edges[k] + (uint32_t)seq32_diff(edges[i], edges[k]), edges[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("seq32");
	TCase *tc = tcase_create("seq32");
	tcase_add_test(tc, seq32_is_neither_before_nor_after_itself);
	tcase_add_test(tc, seq32_orders_consecutive_numbers_across_each_edge);
	tcase_add_test(tc, seq32_diff_spans_2_to_the_31_each_way);
	tcase_add_test(tc, seq32_diff_inverts_addition);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
