/* SPDX-License-Identifier: ISC */
/* Frames that one read from a synchronous pty returned together: where the first one ends. */
#include "unit.h"

#include <string.h>

#include "ppp/ppp_framing.h"

/* LCP Configure-Request with a magic number, and the Echo-Request that follows it. */
static const uint8_t lcp[] = {0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 10, 5, 6, 1, 2, 3, 4};
static const uint8_t echo[] = {0xff, 0x03, 0xc0, 0x21, 9, 0, 0, 8, 1, 2, 3, 4};
/* Shortest IPv4 packet; protocol in one byte, no address and control. */
static const uint8_t ip[] = {
    0x21, 0x45, 0, 0, 20, 0, 0, 0, 0, 64, 1, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
static const uint8_t mppe[] = {0xfd, 0x90, 0x01, 0xde, 0xad, 0xbe, 0xef};

/* MPPE with a full header: flags, coherency count, ciphertext. */
static const uint8_t full_mppe[] = {0xff, 0x03, 0x00, 0xfd, 0x9f, 0xff, 0xde, 0xad, 0xbe, 0xef};
static const uint8_t next_mppe[] = {0xff, 0x03, 0x00, 0xfd, 0x90, 0x00, 0xff, 0xff, 0x03};

enum {
	HEADER_LEN = 6 /* bytes at which a partial copy of a frame is known */
};

static void check_ends(const uint8_t *bytes, size_t len, size_t end)
{
	size_t first;
	enum ppp_framing_end found = ppp_framing_find_end(bytes, len, &first);

	ck_assert_int_eq(found, PPP_FRAMING_ENDS);
	ck_assert_uint_eq(first, end);
}

static void check_whole(const uint8_t *bytes, size_t len, enum ppp_framing_end end)
{
	size_t first;
	enum ppp_framing_end found = ppp_framing_find_end(bytes, len, &first);

	ck_assert_int_eq(found, end);
	ck_assert_uint_eq(first, len);
}

static size_t join(
    uint8_t *to, const uint8_t *first, size_t first_len, const uint8_t *second, size_t second_len)
{
	memcpy(to, first, first_len);
	memcpy(to + first_len, second, second_len);
	return first_len + second_len;
}

START_TEST(ppp_framing_ends_control_packet_at_its_length)
{
	uint8_t both[64];
	size_t len = join(both, lcp, sizeof(lcp), echo, sizeof(echo));

	check_ends(both, len, sizeof(lcp));
	check_ends(both + sizeof(lcp), sizeof(echo), sizeof(echo));
}
END_TEST

START_TEST(ppp_framing_ends_packets_of_every_control_protocol_at_their_length)
{
	/* LCP, PAP, CHAP, EAP, IPCP, IPV6CP, CCP */
	static const uint16_t control[] = {0xc021, 0xc023, 0xc223, 0xc227, 0x8021, 0x8057, 0x80fd};
	static const uint16_t others[] = {0xc025, 0xc123, 0x8121, 0x4021}; /* Link-Quality-Report */
	uint8_t both[64];
	size_t len = join(both, lcp, sizeof(lcp), echo, sizeof(echo));

	for (size_t i = 0; i < sizeof(control) / sizeof(control[0]); i++) {
		both[2] = (uint8_t)(control[i] >> 8);
		both[3] = (uint8_t)control[i];
		check_ends(both, len, sizeof(lcp));
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		both[2] = (uint8_t)(others[i] >> 8);
		both[3] = (uint8_t)others[i];
		check_whole(both, len, PPP_FRAMING_OPEN);
	}
}
END_TEST

START_TEST(ppp_framing_ends_ip_packet_at_its_length)
{
	uint8_t both[64];
	size_t len = join(both, ip, sizeof(ip), mppe, sizeof(mppe));

	check_ends(both, len, sizeof(ip));
	len = join(both, ip, sizeof(ip), ip, sizeof(ip));
	check_ends(both, len, sizeof(ip));
}
END_TEST

START_TEST(ppp_framing_ends_ipv6_packet_at_its_length)
{
	uint8_t both[128] = {0x00, 0x57, 0x60, 0, 0, 0, 0, 3};
	const size_t first = 2 + 40 + 3;

	memcpy(both + first, lcp, sizeof(lcp));
	check_ends(both, first + sizeof(lcp), first);
}
END_TEST

START_TEST(ppp_framing_keeps_frame_without_length_whole)
{
	uint8_t both[64];
	size_t len = join(both, mppe, sizeof(mppe), lcp, sizeof(lcp));

	check_whole(both, len, PPP_FRAMING_OPEN);
}
END_TEST

START_TEST(ppp_framing_keeps_frame_before_padding_whole)
{
	uint8_t both[64];
	const uint8_t padding[] = {0, 0, 0, 0};
	size_t len = join(both, lcp, sizeof(lcp), padding, sizeof(padding));

	check_whole(both, len, PPP_FRAMING_OPEN);
}
END_TEST

START_TEST(ppp_framing_reports_truncated_frame_at_every_length)
{
	for (size_t len = 0; len < sizeof(lcp); len++)
		check_whole(lcp, len, PPP_FRAMING_CUT);
	for (size_t len = 0; len < sizeof(ip); len++)
		check_whole(ip, len, PPP_FRAMING_CUT);
}
END_TEST

START_TEST(ppp_framing_keeps_frame_with_impossible_length_whole)
{
	uint8_t both[64];
	size_t len = join(both, lcp, sizeof(lcp), echo, sizeof(echo));

	both[7] = 0;
	check_whole(both, len, PPP_FRAMING_OPEN);
	both[7] = 3;
	check_whole(both, len, PPP_FRAMING_OPEN);
	both[6] = both[7] = 0xff;
	check_whole(both, len, PPP_FRAMING_CUT);
}
END_TEST

START_TEST(ppp_framing_ends_mppe_before_the_next_coherency_count)
{
	uint8_t both[64];
	size_t len = join(both, full_mppe, sizeof(full_mppe), next_mppe, sizeof(next_mppe));

	check_ends(both, len, sizeof(full_mppe));
	check_ends(both, sizeof(full_mppe) + 6, sizeof(full_mppe));
	check_whole(both, sizeof(full_mppe) + 5, PPP_FRAMING_OPEN);
	check_whole(both, sizeof(full_mppe), PPP_FRAMING_OPEN);
	check_whole(both, 5, PPP_FRAMING_CUT);
	for (size_t i = 0; i < 6; i++) {
		both[sizeof(full_mppe) + i] ^= 1;
		check_whole(both, len, PPP_FRAMING_OPEN);
		both[sizeof(full_mppe) + i] ^= 1;
	}
}
END_TEST

START_TEST(ppp_framing_ends_mppe_before_a_partial_copy_of_the_next_header)
{
	for (size_t cut = 3; cut < 6; cut++) {
		uint8_t bytes[64];
		size_t len = join(bytes, full_mppe, sizeof(full_mppe), next_mppe, cut);
		memcpy(bytes + len, next_mppe, sizeof(next_mppe));
		check_ends(bytes, len + sizeof(next_mppe), sizeof(full_mppe));
	}
}
END_TEST

START_TEST(ppp_framing_ends_mppe_before_control_packet_that_fits)
{
	uint8_t both[64];
	size_t len = join(both, full_mppe, sizeof(full_mppe), echo, sizeof(echo));

	check_ends(both, len, sizeof(full_mppe));
	check_whole(both, len - 1, PPP_FRAMING_OPEN);
	len = join(both + len, next_mppe, sizeof(next_mppe), echo, 0) + len;
	check_ends(both, len, sizeof(full_mppe));
	both[sizeof(full_mppe) + 7]--;
	check_whole(both, len - sizeof(next_mppe), PPP_FRAMING_OPEN);
}
END_TEST

START_TEST(ppp_framing_ends_mppe_before_the_shortest_control_packet)
{
	const uint8_t terminate[] = {0xff, 0x03, 0xc0, 0x21, 5, 1, 0, 4};
	uint8_t both[64];
	size_t len = join(both, full_mppe, sizeof(full_mppe), terminate, sizeof(terminate));

	check_ends(both, len, sizeof(full_mppe));
	both[len - 1]--;
	check_whole(both, len, PPP_FRAMING_OPEN);
}
END_TEST

START_TEST(ppp_framing_ends_mppe_before_codes_that_exist_alone)
{
	uint8_t both[64];
	size_t len = join(both, full_mppe, sizeof(full_mppe), echo, sizeof(echo));

	for (unsigned code = 0; code < 256; code++) {
		both[sizeof(full_mppe) + 4] = (uint8_t)code;
		if (code >= 1 && code <= 15) /* CCP's Reset-Ack */
			check_ends(both, len, sizeof(full_mppe));
		else
			check_whole(both, len, PPP_FRAMING_OPEN);
	}
}
END_TEST

START_TEST(ppp_framing_ends_mppe_before_control_packet_with_a_header_behind_it_alone)
{
	uint8_t bytes[64];
	size_t control = join(bytes, full_mppe, sizeof(full_mppe), echo, sizeof(echo));

	memcpy(bytes + control, next_mppe, 2);
	check_ends(bytes, control + 2, sizeof(full_mppe));
	check_whole(bytes, control + 1, PPP_FRAMING_OPEN);
	for (size_t i = 0; i < 2; i++) {
		bytes[control + i] ^= 1;
		check_whole(bytes, control + 2, PPP_FRAMING_OPEN);
		bytes[control + i] ^= 1;
	}
}
END_TEST

START_TEST(ppp_framing_ends_control_packet_before_a_partial_copy_of_the_next_header)
{
	uint8_t bytes[64];
	size_t first;

	for (size_t cut = 1; cut <= 3; cut++) {
		size_t len = join(bytes, lcp, sizeof(lcp), echo, cut);
		memcpy(bytes + len, echo, sizeof(echo));
		for (size_t n = 0; n < HEADER_LEN; n++)
			ck_assert_int_ne(
			    ppp_framing_find_end(bytes, len + n, &first), PPP_FRAMING_ENDS);
		check_ends(bytes, len + HEADER_LEN, sizeof(lcp));
	}
}
END_TEST

START_TEST(ppp_framing_separates_a_stream_for_every_read_size)
{
	static uint8_t stream[8192];
	size_t starts[600], count = 0, len = 0;
	uint32_t random = 1;

	/* Like ciphertext, but with more bytes that look like a header. */
	for (unsigned number = 0xff0; len < 7000; number++) {
		uint8_t header[6] = {
		    0xff, 0x03, 0, 0xfd, (uint8_t)(0x90 | (number >> 8 & 0x0f)), (uint8_t)number};
		starts[count++] = len;
		len += join(stream + len, header, sizeof(header), echo, 0);
		for (unsigned i = number * 7 % 61 + 1; i; i--) {
			random = random * 1103515245 + 12345;
			stream[len++] =
			    random >> 16 & 3 ? header[random >> 18 & 3] : (uint8_t)(random >> 20);
		}
		if (number % 5 == 0) {
			starts[count++] = len;
			len += join(stream + len, echo, sizeof(echo), echo, 0);
		}
	}
	starts[count] = len;
	for (size_t step = 1; step < 100; step++) {
		size_t at = 0, found = 0;
		for (size_t end = 0; end < len; end += step) {
			size_t first;
			while (at < end && ppp_framing_find_end(stream + at, end - at, &first) ==
					       PPP_FRAMING_ENDS) {
				ck_assert_uint_eq(at, starts[found]);
				at += first;
				found++;
			}
		}
		ck_assert_uint_ge(found + 8, count);
	}
}
END_TEST

START_TEST(ppp_framing_finds_frame_repeated_after_every_partial_write)
{
	uint8_t both[64];
	size_t first;

	for (size_t cut = 1; cut < sizeof(full_mppe); cut++) {
		size_t len = join(both, full_mppe, cut, full_mppe, sizeof(full_mppe));
		ck_assert_int_eq(ppp_framing_find_end(both, len, &first), PPP_FRAMING_REPEATED);
		ck_assert_uint_eq(first, cut);
	}
	for (size_t cut = 1; cut < sizeof(lcp); cut++) {
		size_t len = join(both, lcp, cut, lcp, sizeof(lcp));
		ck_assert_int_eq(ppp_framing_find_end(both, len, &first), PPP_FRAMING_REPEATED);
		ck_assert_uint_eq(first, cut);
	}
}
END_TEST

START_TEST(ppp_framing_takes_a_frame_sent_twice_for_two)
{
	uint8_t both[64];

	check_ends(both, join(both, echo, sizeof(echo), echo, sizeof(echo)), sizeof(echo));
}
END_TEST

/* IPv4, IPv6 and LCP frames of 60 bytes whose payload states its length. */
static const struct {
	uint8_t head[10];
	size_t head_len;
} stating[] = {
    {{0xff, 0x03, 0x00, 0x21, 0x45, 0, 0, 56}, 8},
    {{0xff, 0x03, 0x00, 0x57, 0x60, 0, 0, 0, 0, 16}, 10},
    {{0xff, 0x03, 0xc0, 0x21, 9, 0, 0, 56}, 8},
};

enum {
	STATING = sizeof(stating) / sizeof(stating[0]),
	STATED_LEN = 60
};

/* One of them with a copy of its first `copied` bytes at `at`. */
static void make_frame_within_itself(uint8_t *frame, size_t i, size_t at, size_t copied)
{
	memset(frame, 0x11, STATED_LEN);
	frame[sizeof(stating[i].head) + 2] = 0xff; /* begins no copy */
	memcpy(frame, stating[i].head, stating[i].head_len);
	memmove(frame + at, frame, copied);
}

/* A packet that carries packets of this link may end as it begins. */
START_TEST(ppp_framing_ends_frame_at_its_length_though_it_ends_as_it_begins)
{
	uint8_t both[2 * STATED_LEN];
	size_t first;

	for (size_t i = 0; i < STATING; i++)
		for (size_t copied = 1; copied <= STATED_LEN / 2; copied++) {
			make_frame_within_itself(both, i, STATED_LEN - copied, copied);
			/* It may be a partial copy, whose whole frame has come in part. */
			check_whole(both, STATED_LEN, PPP_FRAMING_OPEN);
			for (size_t k = 0; k < STATING; k++) {
				make_frame_within_itself(both + STATED_LEN, k, 40, HEADER_LEN);
				check_ends(both, 2 * STATED_LEN, STATED_LEN);
				check_ends(both, STATED_LEN + 5, STATED_LEN);
			}
			/* It was one. */
			size_t at = STATED_LEN - copied;
			memmove(both + at, both, at);
			memset(both + 2 * at, 0x11, sizeof(both) - 2 * at);
			ck_assert_int_eq(ppp_framing_find_end(both, at + STATED_LEN, &first),
			    PPP_FRAMING_REPEATED);
			ck_assert_uint_eq(first, at);
		}
}
END_TEST

START_TEST(ppp_framing_waits_for_the_stated_length_wherever_a_frame_looks_like_its_start)
{
	uint8_t frame[STATED_LEN];

	for (size_t i = 0; i < STATING; i++)
		for (size_t at = stating[i].head_len; at <= STATED_LEN - HEADER_LEN; at++)
			for (size_t len = 1; len < STATED_LEN; len++) {
				make_frame_within_itself(frame, i, at, HEADER_LEN);
				check_whole(frame, len, PPP_FRAMING_CUT);
				size_t copied = at < STATED_LEN - at ? at : STATED_LEN - at;
				make_frame_within_itself(frame, i, at, copied);
				check_whole(frame, len, PPP_FRAMING_CUT);
			}
}
END_TEST

/* As long as its length has not come the partial copy states none, whatever the bytes say. */
START_TEST(ppp_framing_knows_a_partial_copy_without_a_length_before_the_whole_frame_is_there)
{
	uint8_t both[2 * STATED_LEN];
	size_t first;

	for (size_t i = 0; i < STATING; i++)
		for (size_t cut = 1; cut < stating[i].head_len; cut++) {
			make_frame_within_itself(both, i, cut, STATED_LEN);
			enum ppp_framing_end end =
			    ppp_framing_find_end(both, 2 * stating[i].head_len, &first);
			ck_assert_int_eq(end, PPP_FRAMING_REPEATED);
			ck_assert_uint_eq(first, cut);
		}
}
END_TEST

START_TEST(ppp_framing_ends_no_frame_within_a_partial_copy_wherever_a_read_ends)
{
	uint8_t both[2 * STATED_LEN];
	size_t first;

	for (size_t i = 0; i < STATING; i++)
		for (size_t cut = 2; cut < STATED_LEN; cut++) {
			memset(both, 0x21, sizeof(both)); /* could be a short header */
			memcpy(both, stating[i].head, stating[i].head_len);
			memmove(both + cut, both, STATED_LEN);
			for (size_t len = 1; len < cut + STATED_LEN; len++) {
				enum ppp_framing_end end = ppp_framing_find_end(both, len, &first);
				ck_assert_int_ne(end, PPP_FRAMING_ENDS);
				ck_assert_uint_eq(first, end == PPP_FRAMING_REPEATED ? cut : len);
			}
			ck_assert_int_eq(ppp_framing_find_end(both, cut + STATED_LEN, &first),
			    PPP_FRAMING_REPEATED);
		}
}
END_TEST

START_TEST(ppp_framing_find_start_skips_what_starts_no_frame)
{
	uint8_t bytes[64];

	ck_assert_uint_eq(ppp_framing_find_start(bytes, join(bytes, ip, 5, lcp, sizeof(lcp))), 5);
	ck_assert_uint_eq(ppp_framing_find_start(lcp, sizeof(lcp)), 0);
	ck_assert_uint_eq(ppp_framing_find_start(ip, sizeof(ip)), sizeof(ip));
	for (size_t part = 1; part <= 4; part++)
		ck_assert_uint_eq(ppp_framing_find_start(bytes, join(bytes, ip, 5, lcp, part)), 5);
	/* ff 03 and then no protocol */
	static const uint8_t none[] = {0x45, 0xff, 0x03, 0x10, 0x00, 0x45, 0x45};
	ck_assert_uint_eq(ppp_framing_find_start(none, sizeof(none)), sizeof(none));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ppp_framing");
	TCase *tc = tcase_create("ppp_framing");

	tcase_add_test(tc, ppp_framing_ends_control_packet_at_its_length);
	tcase_add_test(tc, ppp_framing_ends_packets_of_every_control_protocol_at_their_length);
	tcase_add_test(tc, ppp_framing_ends_ip_packet_at_its_length);
	tcase_add_test(tc, ppp_framing_ends_ipv6_packet_at_its_length);
	tcase_add_test(tc, ppp_framing_keeps_frame_without_length_whole);
	tcase_add_test(tc, ppp_framing_keeps_frame_before_padding_whole);
	tcase_add_test(tc, ppp_framing_reports_truncated_frame_at_every_length);
	tcase_add_test(tc, ppp_framing_keeps_frame_with_impossible_length_whole);
	tcase_add_test(tc, ppp_framing_ends_mppe_before_the_next_coherency_count);
	tcase_add_test(tc, ppp_framing_ends_mppe_before_a_partial_copy_of_the_next_header);
	tcase_add_test(tc, ppp_framing_ends_mppe_before_control_packet_that_fits);
	tcase_add_test(tc, ppp_framing_ends_mppe_before_the_shortest_control_packet);
	tcase_add_test(tc, ppp_framing_ends_mppe_before_codes_that_exist_alone);
	tcase_add_test(
	    tc, ppp_framing_ends_mppe_before_control_packet_with_a_header_behind_it_alone);
	tcase_add_test(
	    tc, ppp_framing_ends_control_packet_before_a_partial_copy_of_the_next_header);
	tcase_add_test(tc, ppp_framing_separates_a_stream_for_every_read_size);
	tcase_add_test(tc, ppp_framing_finds_frame_repeated_after_every_partial_write);
	tcase_add_test(tc, ppp_framing_takes_a_frame_sent_twice_for_two);
	tcase_add_test(tc, ppp_framing_ends_frame_at_its_length_though_it_ends_as_it_begins);
	tcase_add_test(
	    tc, ppp_framing_waits_for_the_stated_length_wherever_a_frame_looks_like_its_start);
	tcase_add_test(
	    tc, ppp_framing_knows_a_partial_copy_without_a_length_before_the_whole_frame_is_there);
	tcase_add_test(tc, ppp_framing_ends_no_frame_within_a_partial_copy_wherever_a_read_ends);
	tcase_add_test(tc, ppp_framing_find_start_skips_what_starts_no_frame);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
