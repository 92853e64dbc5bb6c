/* SPDX-License-Identifier: ISC */
/* The search for the MTU of paths of each kind, simulated: whether packets pass, and who says so. */
#include "unit.h"

#include "diagnose/mtu_search.h"

enum {
	TOP = 1500,
	PACKETS_MAX = 40,
};

struct path {
	unsigned mtu;   /* of its narrowest hop */
	unsigned names; /* what the router there says; 0 = nothing */
	bool silent;    /* the server answers nothing */
	unsigned loses; /* the first packets, whatever their size */
};

/* Packets that the search took. */
static unsigned search(struct mtu_search *s, struct path path)
{
	unsigned packets = 0;

	mtu_search_begin(s, TOP);
	for (; s->size; packets++) {
		ck_assert_uint_lt(packets, PACKETS_MAX);
		ck_assert(s->size >= MTU_SEARCH_FLOOR && s->size <= TOP);
		if (packets < path.loses)
			mtu_search_on_silence(s);
		else if (s->size <= path.mtu && !path.silent)
			mtu_search_on_answer(s, s->size);
		else if (s->size > path.mtu && path.names)
			mtu_search_on_limit(s, path.names);
		else
			mtu_search_on_silence(s);
	}
	return packets;
}

START_TEST(mtu_search_of_a_wide_path_takes_one_packet)
{
	struct mtu_search s;

	ck_assert_uint_eq(search(&s, (struct path){.mtu = TOP}), 1);
	ck_assert_uint_eq(s.passed, TOP);
	ck_assert(!s.lost && !s.named);
}
END_TEST

START_TEST(mtu_search_believes_a_router_and_makes_sure)
{
	struct mtu_search s;

	ck_assert_uint_eq(search(&s, (struct path){.mtu = 1420, .names = 1420}), 2);
	ck_assert_uint_eq(s.passed, 1420);
	ck_assert_uint_eq(s.named, 1420);
	ck_assert(!s.lost);
}
END_TEST

START_TEST(mtu_search_finds_each_size_where_no_router_says_anything)
{
	for (unsigned mtu = MTU_SEARCH_FLOOR; mtu < TOP; mtu++) {
		struct mtu_search s;
		search(&s, (struct path){.mtu = mtu});
		ck_assert_uint_le(s.passed, mtu);
		ck_assert_uint_le(mtu - s.passed, 4);
		ck_assert(s.lost && !s.named);
	}
}
END_TEST

START_TEST(mtu_search_survives_a_lost_packet)
{
	struct mtu_search s;

	search(&s, (struct path){.mtu = TOP, .loses = 1});
	ck_assert_uint_eq(s.passed, TOP);
	ck_assert(!s.lost);
}
END_TEST

START_TEST(mtu_search_of_a_silent_server_ends_after_the_floor)
{
	struct mtu_search s;

	ck_assert_uint_eq(
	    search(&s, (struct path){.mtu = TOP, .silent = true}), 2 * MTU_SEARCH_TRIES);
	ck_assert_uint_eq(s.passed, 0);
}
END_TEST

START_TEST(mtu_search_of_a_silent_server_keeps_what_a_router_names)
{
	struct mtu_search s;

	search(&s, (struct path){.mtu = 1420, .names = 1420, .silent = true});
	ck_assert_uint_eq(s.passed, 0);
	ck_assert_uint_eq(s.named, 1420);
}
END_TEST

START_TEST(mtu_search_takes_impossible_limits_for_losses)
{
	static const unsigned limits[] = {1, MTU_SEARCH_FLOOR - 1, TOP, TOP + 1, 65535};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct mtu_search s;
		search(&s, (struct path){.mtu = 1420, .names = limits[i]});
		ck_assert_uint_le(1420 - s.passed, 4);
		ck_assert_uint_eq(s.named, 0);
	}
}
END_TEST

START_TEST(mtu_search_ignores_answers_to_other_sizes)
{
	struct mtu_search s;

	mtu_search_begin(&s, TOP);
	mtu_search_on_answer(&s, TOP + 1);
	ck_assert_uint_eq(s.passed, 0);
	ck_assert_uint_eq(s.size, TOP);
	mtu_search_on_answer(&s, TOP);
	mtu_search_on_silence(&s);
	mtu_search_on_limit(&s, 1000);
	ck_assert_uint_eq(s.passed, TOP);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("mtu_search");
	TCase *tests = tcase_create("mtu_search");
	tcase_add_test(tests, mtu_search_of_a_wide_path_takes_one_packet);
	tcase_add_test(tests, mtu_search_believes_a_router_and_makes_sure);
	tcase_add_test(tests, mtu_search_finds_each_size_where_no_router_says_anything);
	tcase_add_test(tests, mtu_search_survives_a_lost_packet);
	tcase_add_test(tests, mtu_search_of_a_silent_server_ends_after_the_floor);
	tcase_add_test(tests, mtu_search_of_a_silent_server_keeps_what_a_router_names);
	tcase_add_test(tests, mtu_search_takes_impossible_limits_for_losses);
	tcase_add_test(tests, mtu_search_ignores_answers_to_other_sizes);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
