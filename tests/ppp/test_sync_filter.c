/* SPDX-License-Identifier: ISC */
/* What may be negotiated over a synchronous pty. */
#include "tests/unit.h"

#include <string.h>

#include "ppp/sync_filter.h"

static struct sync_link link_;

static void set_up(void)
{
	sync_link_init(&link_);
}

/* A control packet of one or two options, which bring their own type and length. */
static enum sync_verdict see(
    enum sync_side from, unsigned protocol, uint8_t code, const char *options, size_t len)
{
	uint8_t frame[300] = {0xff, 0x03, (uint8_t)(protocol >> 8), (uint8_t)protocol, code, 7,
	    (uint8_t)((len + 4) >> 8), (uint8_t)(len + 4)};

	memcpy(frame + 8, options, len);
	return sync_link_see(&link_, from, frame, 8 + len + 20); /* 20 octets of padding */
}

#define SEE(from, protocol, code, options) see(from, protocol, code, options, sizeof(options) - 1)
#define ANSWERED(octets)                                                                           \
	do {                                                                                       \
		ck_assert_uint_eq(link_.answer_len, sizeof(octets) - 1);                           \
		ck_assert_mem_eq(link_.answer, octets, sizeof(octets) - 1);                        \
	} while (0)

#define STATELESS "\x12\x06\x01\x00\x00\x40"
#define STATEFUL "\x12\x06\x00\x00\x00\x40"
#define DEFLATE "\x1a\x04\x78\x00"
#define VJ "\x02\x06\x00\x2d\x0f\x01"

START_TEST(sync_link_rejects_short_headers_in_pppds_name)
{
	ck_assert_int_eq(
	    SEE(SYNC_SERVER, 0xc021, 1, "\x01\x04\x05\xdc\x07\x02\x05\x06\x01\x02\x03\x04\x08\x02"),
	    SYNC_ANSWER);
	ANSWERED("\xff\x03\xc0\x21\x04\x07\x00\x08\x07\x02\x08\x02");
	ck_assert_int_eq(SEE(SYNC_SERVER, 0xc021, 1, "\x01\x04\x05\xdc"), SYNC_PASS);
}
END_TEST

START_TEST(sync_link_lets_pppd_ask_for_short_headers)
{
	ck_assert_int_eq(SEE(SYNC_PPPD, 0xc021, 1, "\x07\x02\x08\x02"), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0xc021, 2, "\x07\x02\x08\x02"), SYNC_PASS);
	ck_assert(!link_.short_headers);
}
END_TEST

START_TEST(sync_link_gives_in_to_server_that_insists)
{
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(SEE(SYNC_SERVER, 0xc021, 1, "\x07\x02"), SYNC_ANSWER);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0xc021, 1, "\x07\x02"), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_PPPD, 0xc021, 2, "\x07\x02"), SYNC_PASS);
	ck_assert(link_.short_headers);
}
END_TEST

START_TEST(sync_link_refuses_mppe_with_short_headers_when_agreed_on)
{
	ck_assert_int_eq(SEE(SYNC_PPPD, 0xc021, 2, "\x08\x02"), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_PPPD, 0x80fd, 1, STATELESS), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0x80fd, 2, STATELESS), SYNC_REFUSE);
	ck_assert_ptr_nonnull(strstr(sync_link_trouble(&link_), "noaccomp nopcomp"));
}
END_TEST

START_TEST(sync_link_takes_stateless_mppe_with_full_headers)
{
	ck_assert_int_eq(SEE(SYNC_PPPD, 0xc021, 2, "\x08\x02"), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_PPPD, 0xc021, 2, "\x01\x04\x05\xdc"), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0x80fd, 1, STATELESS), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_PPPD, 0x80fd, 2, STATELESS), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0x80fd, 2, STATELESS), SYNC_PASS);
}
END_TEST

START_TEST(sync_link_refuses_stateful_mppe_from_either_side)
{
	ck_assert_int_eq(SEE(SYNC_SERVER, 0x80fd, 2, STATEFUL), SYNC_REFUSE);
	ck_assert_ptr_nonnull(strstr(sync_link_trouble(&link_), "stateful"));
	set_up();
	ck_assert_int_eq(SEE(SYNC_PPPD, 0x80fd, 2, STATEFUL), SYNC_REFUSE);
}
END_TEST

START_TEST(sync_link_rejects_compression_in_either_direction_but_not_mppe)
{
	ck_assert_int_eq(SEE(SYNC_PPPD, 0x80fd, 1, DEFLATE STATELESS), SYNC_ANSWER);
	ANSWERED("\xff\x03\x80\xfd\x04\x07\x00\x08" DEFLATE);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0x80fd, 1, DEFLATE), SYNC_ANSWER);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0x80fd, 2, DEFLATE), SYNC_REFUSE);
	ck_assert_ptr_nonnull(strstr(sync_link_trouble(&link_), "nodeflate"));
}
END_TEST

START_TEST(sync_link_rejects_tcp_header_compression_in_either_direction)
{
	ck_assert_int_eq(SEE(SYNC_PPPD, 0x8021, 1, "\x03\x06\x00\x00\x00\x00" VJ), SYNC_ANSWER);
	ANSWERED("\xff\x03\x80\x21\x04\x07\x00\x0a" VJ);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0x8021, 1, VJ), SYNC_ANSWER);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0x8021, 2, VJ), SYNC_REFUSE);
	ck_assert_ptr_nonnull(strstr(sync_link_trouble(&link_), "novj"));
}
END_TEST

START_TEST(sync_link_passes_whatever_is_cut_or_does_not_add_up)
{
	static const uint8_t frame[] = {0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 8, 7, 2, 8, 2};

	for (size_t len = 0; len < sizeof(frame); len++)
		ck_assert_int_eq(sync_link_see(&link_, SYNC_SERVER, frame, len), SYNC_PASS);
	ck_assert_int_eq(sync_link_see(&link_, SYNC_SERVER, frame, sizeof(frame)), SYNC_ANSWER);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0xc021, 1, "\x05\x00\x07\x02"), SYNC_PASS);
	ck_assert_int_eq(SEE(SYNC_SERVER, 0xc021, 1, "\x05\x09\x07\x02"), SYNC_PASS);
}
END_TEST

START_TEST(sync_link_passes_request_whose_answer_would_be_too_long)
{
	char options[280];

	for (size_t i = 0; i < sizeof(options); i += 4)
		memcpy(options + i, DEFLATE, 4);
	ck_assert_int_eq(see(SYNC_PPPD, 0x80fd, 1, options, sizeof(options) - 8), SYNC_PASS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sync_link");
	TCase *tc = tcase_create("sync_link");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, sync_link_rejects_short_headers_in_pppds_name);
	tcase_add_test(tc, sync_link_lets_pppd_ask_for_short_headers);
	tcase_add_test(tc, sync_link_gives_in_to_server_that_insists);
	tcase_add_test(tc, sync_link_refuses_mppe_with_short_headers_when_agreed_on);
	tcase_add_test(tc, sync_link_takes_stateless_mppe_with_full_headers);
	tcase_add_test(tc, sync_link_refuses_stateful_mppe_from_either_side);
	tcase_add_test(tc, sync_link_rejects_compression_in_either_direction_but_not_mppe);
	tcase_add_test(tc, sync_link_rejects_tcp_header_compression_in_either_direction);
	tcase_add_test(tc, sync_link_passes_whatever_is_cut_or_does_not_add_up);
	tcase_add_test(tc, sync_link_passes_request_whose_answer_would_be_too_long);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
