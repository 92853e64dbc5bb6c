/* SPDX-License-Identifier: ISC */
/* Frames that one read of a synchronous pty glued together: where the first one ends. */
#include "tests/unit.h"

#include <string.h>

#include "ppp/ppp_framing.h"

/* LCP Configure-Request with a magic number, and the Echo-Request behind it. */
static const uint8_t lcp[] = {0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 10, 5, 6, 1, 2, 3, 4};
static const uint8_t echo[] = {0xff, 0x03, 0xc0, 0x21, 9, 0, 0, 8, 1, 2, 3, 4};
/* Shortest IPv4 packet, protocol in one octet, no address and control. */
static const uint8_t ip[] = {
    0x21, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
static const uint8_t mppe[] = {0xfd, 0x90, 0x01, 0xde, 0xad, 0xbe, 0xef};

/* As a synchronous pty carries it where headers are not compressed: flags, count, octets. */
static const uint8_t full_mppe[] = {0xff, 0x03, 0x00, 0xfd, 0x9f, 0xff, 0xde, 0xad, 0xbe, 0xef};
static const uint8_t next_mppe[] = {0xff, 0x03, 0x00, 0xfd, 0x90, 0x00, 0xff, 0xff, 0x03};

static void ends(const uint8_t *octets, size_t len, size_t expected)
{
	size_t first;
	enum ppp_end found = ppp_first_frame(octets, len, &first);

	ck_assert_int_eq(found, PPP_ENDS);
	ck_assert_uint_eq(first, expected);
}

static void is_whole(const uint8_t *octets, size_t len, enum ppp_end end)
{
	size_t first;
	enum ppp_end found = ppp_first_frame(octets, len, &first);

	ck_assert_int_eq(found, end);
	ck_assert_uint_eq(first, len);
}

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

	ends(both, len, sizeof(lcp));
	ends(both + sizeof(lcp), sizeof(echo), sizeof(echo));
}
END_TEST

START_TEST(ppp_frame_ends_where_ip_packet_says)
{
	uint8_t both[64];
	size_t len = glued(both, ip, sizeof(ip), mppe, sizeof(mppe));

	ends(both, len, sizeof(ip));
	len = glued(both, ip, sizeof(ip), ip, sizeof(ip));
	ends(both, len, sizeof(ip));
}
END_TEST

START_TEST(ppp_frame_ends_where_ipv6_packet_says)
{
	uint8_t both[128] = {0x00, 0x57, 0x60, 0, 0, 0, 0, 3};
	const size_t first = 2 + 40 + 3;

	memcpy(both + first, lcp, sizeof(lcp));
	ends(both, first + sizeof(lcp), first);
}
END_TEST

START_TEST(ppp_frame_without_stated_length_is_left_whole)
{
	uint8_t both[64];
	size_t len = glued(both, mppe, sizeof(mppe), lcp, sizeof(lcp));

	is_whole(both, len, PPP_OPEN);
}
END_TEST

START_TEST(ppp_frame_before_what_is_no_frame_is_left_whole)
{
	uint8_t both[64];
	const uint8_t padding[] = {0, 0, 0, 0};
	size_t len = glued(both, lcp, sizeof(lcp), padding, sizeof(padding));

	is_whole(both, len, PPP_OPEN);
}
END_TEST

START_TEST(ppp_frame_that_is_cut_is_left_whole_at_every_length)
{
	for (size_t len = 0; len < sizeof(lcp); len++)
		is_whole(lcp, len, PPP_CUT);
	for (size_t len = 0; len < sizeof(ip); len++)
		is_whole(ip, len, PPP_CUT);
}
END_TEST

START_TEST(ppp_frame_with_impossible_length_is_left_whole)
{
	uint8_t both[64];
	size_t len = glued(both, lcp, sizeof(lcp), echo, sizeof(echo));

	both[7] = 0;
	is_whole(both, len, PPP_OPEN);
	both[7] = 3;
	is_whole(both, len, PPP_OPEN);
	both[6] = both[7] = 0xff;
	is_whole(both, len, PPP_CUT);
}
END_TEST

START_TEST(ppp_frame_of_mppe_ends_where_next_count_stands)
{
	uint8_t both[64];
	size_t len = glued(both, full_mppe, sizeof(full_mppe), next_mppe, sizeof(next_mppe));

	ends(both, len, sizeof(full_mppe));
	ends(both, sizeof(full_mppe) + 6, sizeof(full_mppe));
	is_whole(both, sizeof(full_mppe) + 5, PPP_OPEN);
	is_whole(both, sizeof(full_mppe), PPP_OPEN);
	is_whole(both, 5, PPP_CUT);
	for (size_t i = 0; i < 6; i++) {
		both[sizeof(full_mppe) + i] ^= 1;
		is_whole(both, len, PPP_OPEN);
		both[sizeof(full_mppe) + i] ^= 1;
	}
}
END_TEST

START_TEST(ppp_frame_of_mppe_ends_before_control_packet_that_fits)
{
	uint8_t both[64];
	size_t len = glued(both, full_mppe, sizeof(full_mppe), echo, sizeof(echo));

	ends(both, len, sizeof(full_mppe));
	is_whole(both, len - 1, PPP_OPEN);
	len = glued(both + len, next_mppe, sizeof(next_mppe), echo, 0) + len;
	ends(both, len, sizeof(full_mppe));
	both[sizeof(full_mppe) + 7]--;
	is_whole(both, len - sizeof(next_mppe), PPP_OPEN);
}
END_TEST

START_TEST(ppp_frame_stream_comes_out_as_it_went_in_whatever_reads_cut)
{
	static uint8_t stream[8192];
	size_t starts[600], count = 0, len = 0;
	uint32_t random = 1;

	/* Like ciphertext, but richer in octets that look like a start. */
	for (unsigned number = 0xff0; len < 7000; number++) {
		uint8_t header[6] = {
		    0xff, 0x03, 0, 0xfd, (uint8_t)(0x90 | (number >> 8 & 0x0f)), (uint8_t)number};
		starts[count++] = len;
		len += glued(stream + len, header, sizeof(header), echo, 0);
		for (unsigned i = number * 7 % 61 + 1; i; i--) {
			random = random * 1103515245 + 12345;
			stream[len++] =
			    random >> 16 & 3 ? header[random >> 18 & 3] : (uint8_t)(random >> 20);
		}
		if (number % 5 == 0) {
			starts[count++] = len;
			len += glued(stream + len, echo, sizeof(echo), echo, 0);
		}
	}
	starts[count] = len;
	for (size_t step = 1; step < 100; step++) {
		size_t at = 0, found = 0;
		for (size_t end = 0; end < len; end += step) {
			size_t first;
			while (at < end &&
			       ppp_first_frame(stream + at, end - at, &first) == PPP_ENDS) {
				ck_assert_uint_eq(at, starts[found]);
				at += first;
				found++;
			}
		}
		ck_assert_uint_ge(found + 8, count);
	}
}
END_TEST

START_TEST(ppp_frame_taken_in_part_and_once_more_is_told_at_every_cut)
{
	uint8_t both[64];
	size_t first;

	for (size_t cut = 1; cut < sizeof(full_mppe); cut++) {
		size_t len = glued(both, full_mppe, cut, full_mppe, sizeof(full_mppe));
		ck_assert_int_eq(ppp_first_frame(both, len, &first), PPP_AGAIN);
		ck_assert_uint_eq(first, cut);
	}
	for (size_t cut = 1; cut < sizeof(lcp); cut++) {
		size_t len = glued(both, lcp, cut, lcp, sizeof(lcp));
		ck_assert_int_eq(ppp_first_frame(both, len, &first), PPP_AGAIN);
		ck_assert_uint_eq(first, cut);
	}
}
END_TEST

START_TEST(ppp_frame_that_is_sent_twice_is_two_frames)
{
	uint8_t both[64];

	ends(both, glued(both, echo, sizeof(echo), echo, sizeof(echo)), sizeof(echo));
}
END_TEST

START_TEST(ppp_frame_next_start_is_past_what_is_none)
{
	uint8_t octets[64];

	ck_assert_uint_eq(ppp_next_start(octets, glued(octets, ip, 5, lcp, sizeof(lcp))), 5);
	ck_assert_uint_eq(ppp_next_start(lcp, sizeof(lcp)), 0);
	ck_assert_uint_eq(ppp_next_start(ip, sizeof(ip)), sizeof(ip));
	ck_assert_uint_eq(ppp_next_start(octets, glued(octets, ip, 5, lcp, 1)), 5);
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
	tcase_add_test(tc, ppp_frame_of_mppe_ends_where_next_count_stands);
	tcase_add_test(tc, ppp_frame_of_mppe_ends_before_control_packet_that_fits);
	tcase_add_test(tc, ppp_frame_stream_comes_out_as_it_went_in_whatever_reads_cut);
	tcase_add_test(tc, ppp_frame_taken_in_part_and_once_more_is_told_at_every_cut);
	tcase_add_test(tc, ppp_frame_that_is_sent_twice_is_two_frames);
	tcase_add_test(tc, ppp_frame_next_start_is_past_what_is_none);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
