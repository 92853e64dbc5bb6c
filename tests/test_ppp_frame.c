/* SPDX-License-Identifier: ISC */
/* Frames that one read of a synchronous pty glued together: where the first one ends. */
#include "unit.h"

#include <string.h>

#include "../ppp_frame.h"

/* LCP Configure-Request with a magic number, and the Echo-Request behind it. */
static const uint8_t lcp[] = {0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 10, 5, 6, 1, 2, 3, 4};
static const uint8_t echo[] = {0xff, 0x03, 0xc0, 0x21, 9, 0, 0, 8, 1, 2, 3, 4};
/* Shortest IPv4 packet, protocol in one octet, no address and control. */
static const uint8_t ip[] = {
    0x21, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
static const uint8_t mppe[] = {0xfd, 0x90, 0x01, 0xde, 0xad, 0xbe, 0xef};

static size_t glued(
    uint8_t *to, const uint8_t *first, size_t first_len, const uint8_t *second, size_t second_len)
{
	memcpy(to, first, first_len);
	memcpy(to + first_len, second, second_len);
	return first_len + second_len;
}

START_TEST(ppp_frame_ends_where_control_packet_says)
{
	uint8_t both[64];
	size_t len = glued(both, lcp, sizeof(lcp), echo, sizeof(echo));

	ck_assert_uint_eq(ppp_first_frame(both, len), sizeof(lcp));
	ck_assert_uint_eq(ppp_first_frame(both + sizeof(lcp), sizeof(echo)), sizeof(echo));
}
END_TEST

START_TEST(ppp_frame_ends_where_ip_packet_says)
{
	uint8_t both[64];
	size_t len = glued(both, ip, sizeof(ip), mppe, sizeof(mppe));

	ck_assert_uint_eq(ppp_first_frame(both, len), sizeof(ip));
	len = glued(both, ip, sizeof(ip), ip, sizeof(ip));
	ck_assert_uint_eq(ppp_first_frame(both, len), sizeof(ip));
}
END_TEST

START_TEST(ppp_frame_ends_where_ipv6_packet_says)
{
	uint8_t both[128] = {0x00, 0x57, 0x60, 0, 0, 0, 0, 3};
	const size_t first = 2 + 40 + 3;

	memcpy(both + first, lcp, sizeof(lcp));
	ck_assert_uint_eq(ppp_first_frame(both, first + sizeof(lcp)), first);
}
END_TEST

START_TEST(ppp_frame_without_stated_length_is_left_whole)
{
	uint8_t both[64];
	size_t len = glued(both, mppe, sizeof(mppe), lcp, sizeof(lcp));

	ck_assert_uint_eq(ppp_first_frame(both, len), len);
}
END_TEST

START_TEST(ppp_frame_before_what_is_no_frame_is_left_whole)
{
	uint8_t both[64];
	const uint8_t padding[] = {0, 0, 0, 0};
	size_t len = glued(both, lcp, sizeof(lcp), padding, sizeof(padding));

	ck_assert_uint_eq(ppp_first_frame(both, len), len);
}
END_TEST

START_TEST(ppp_frame_that_is_cut_is_left_whole_at_every_length)
{
	for (size_t len = 0; len < sizeof(lcp); len++)
		ck_assert_uint_eq(ppp_first_frame(lcp, len), len);
	for (size_t len = 0; len < sizeof(ip); len++)
		ck_assert_uint_eq(ppp_first_frame(ip, len), len);
}
END_TEST

START_TEST(ppp_frame_with_impossible_length_is_left_whole)
{
	uint8_t both[64];
	size_t len = glued(both, lcp, sizeof(lcp), echo, sizeof(echo));

	both[7] = 0;
	ck_assert_uint_eq(ppp_first_frame(both, len), len);
	both[7] = 3;
	ck_assert_uint_eq(ppp_first_frame(both, len), len);
	both[6] = both[7] = 0xff;
	ck_assert_uint_eq(ppp_first_frame(both, len), len);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ppp_frame");
	TCase *tc = tcase_create("ppp_frame");

	tcase_add_test(tc, ppp_frame_ends_where_control_packet_says);
	tcase_add_test(tc, ppp_frame_ends_where_ip_packet_says);
	tcase_add_test(tc, ppp_frame_ends_where_ipv6_packet_says);
	tcase_add_test(tc, ppp_frame_without_stated_length_is_left_whole);
	tcase_add_test(tc, ppp_frame_before_what_is_no_frame_is_left_whole);
	tcase_add_test(tc, ppp_frame_that_is_cut_is_left_whole_at_every_length);
	tcase_add_test(tc, ppp_frame_with_impossible_length_is_left_whole);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
