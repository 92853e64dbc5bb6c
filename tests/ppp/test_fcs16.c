/* SPDX-License-Identifier: ISC */
/* The fast implementations against the definition. FCS16_TEST_SEED repeats a run. */
#include "ppp/fcs16.h"

#include "cases.h"
#include "fcs16_plain.h"
#include "unit.h"

enum {
	LONGEST = 2100,
	ALIGNMENTS = 16,
};

static fcs16_fn *fcs16; /* each test runs once for each implementation */

static void fill_random(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(random32() >> 24);
}

START_TEST(fcs16_of_the_check_string_is_906e)
{
	uint16_t fcs = fcs16(FCS16_INITIAL, (const uint8_t *)"123456789", 9);
	ck_assert_uint_eq(fcs ^ 0xffff, 0x906e);
	ck_assert_uint_eq(fcs16_plain(FCS16_INITIAL, (const uint8_t *)"123456789", 9), fcs);
}
END_TEST

START_TEST(fcs16_equals_the_definition_at_every_length_and_alignment)
{
	static uint8_t bytes[LONGEST + ALIGNMENTS];
	fill_random(bytes, sizeof(bytes));
	for (size_t len = 0; len <= LONGEST; len++) {
		for (size_t at = 0; at < ALIGNMENTS; at++) {
			const uint8_t *p = bytes + at;
			uint16_t start = (uint16_t)random32();
			ck_assert_uint_eq(fcs16(start, p, len), fcs16_plain(start, p, len));
		}
	}
}
END_TEST

START_TEST(fcs16_continues_from_any_byte)
{
	uint8_t bytes[100];
	fill_random(bytes, sizeof(bytes));
	uint16_t whole = fcs16(FCS16_INITIAL, bytes, sizeof(bytes));
	for (size_t split = 0; split <= sizeof(bytes); split++) {
		uint16_t fcs = fcs16(FCS16_INITIAL, bytes, split);
		ck_assert_uint_eq(fcs16(fcs, bytes + split, sizeof(bytes) - split), whole);
	}
}
END_TEST

START_TEST(fcs16_over_a_frame_and_its_fcs_is_good)
{
	uint8_t bytes[100 + FCS16_LEN];
	for (size_t len = 0; len <= 100; len++) {
		fill_random(bytes, len);
		unsigned fcs = fcs16(FCS16_INITIAL, bytes, len) ^ 0xffffu;
		bytes[len] = (uint8_t)fcs;
		bytes[len + 1] = (uint8_t)(fcs >> 8);
		ck_assert_uint_eq(fcs16(FCS16_INITIAL, bytes, len + FCS16_LEN), FCS16_GOOD);
	}
}
END_TEST

#ifdef __x86_64__
START_TEST(fcs16_fastest_is_another_where_the_processor_can_fold)
{
	bool folds = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("ssse3");
	ck_assert_int_eq(fcs16_fastest() != fcs16_sliced, folds);
}
END_TEST
#endif

static void use_sliced(void)
{
	fcs16 = fcs16_sliced;
}

/* The same as use_sliced on a processor without PCLMULQDQ. */
static void use_fastest(void)
{
	fcs16 = fcs16_fastest();
}

static TCase *all_tests(const char *name, void (*set_up)(void))
{
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, fcs16_of_the_check_string_is_906e);
	tcase_add_test(tc, fcs16_equals_the_definition_at_every_length_and_alignment);
	tcase_add_test(tc, fcs16_continues_from_any_byte);
	tcase_add_test(tc, fcs16_over_a_frame_and_its_fcs_is_good);
	return tc;
}

int main(void)
{
	seed_random("FCS16_TEST_SEED");
	Suite *suite = suite_create("fcs16");
	suite_add_tcase(suite, all_tests("sliced", use_sliced));
	TCase *fastest = all_tests("fastest", use_fastest);
#ifdef __x86_64__
	tcase_add_test(fastest, fcs16_fastest_is_another_where_the_processor_can_fold);
#endif
	suite_add_tcase(suite, fastest);
	return unit_run(suite);
}
