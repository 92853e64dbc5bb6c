/* SPDX-License-Identifier: ISC */
/* Which options may be negotiated on a synchronous pty. */
#include "unit.h"

#include <string.h>

#include "ppp/sync_filter.h"

static struct sync_filter filter;

static void set_up(void)
{
	sync_filter_init(&filter);
}

/* Filters a control packet with `len` bytes of options, type and length included. */
static enum sync_filter_verdict process(
    enum sync_filter_side from, unsigned protocol, uint8_t code, const char *options, size_t len)
{
	uint8_t frame[300] = {0xff, 0x03, (uint8_t)(protocol >> 8), (uint8_t)protocol, code, 7,
	    (uint8_t)((len + 4) >> 8), (uint8_t)(len + 4)};

	memcpy(frame + 8, options, len);
	return sync_filter_process(&filter, from, frame, 8 + len + 20); /* 20 bytes of padding */
}

#define PROCESS(from, protocol, code, options)                                                     \
	process(from, protocol, code, options, sizeof(options) - 1)
#define CHECK_ANSWER(bytes)                                                                        \
	do {                                                                                       \
		ck_assert_uint_eq(filter.answer_len, sizeof(bytes) - 1);                           \
		ck_assert_mem_eq(filter.answer, bytes, sizeof(bytes) - 1);                         \
	} while (0)

#define STATELESS "\x12\x06\x01\x00\x00\x40"
#define STATEFUL "\x12\x06\x00\x00\x00\x40"
#define DEFLATE "\x1a\x04\x78\x00"
#define VJ "\x02\x06\x00\x2d\x0f\x01"

START_TEST(sync_filter_rejects_header_compression_in_pppds_name)
{
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0xc021, 1,
			     "\x01\x04\x05\xdc\x07\x02\x05\x06\x01\x02\x03\x04\x08\x02"),
	    SYNC_FILTER_ANSWER);
	CHECK_ANSWER("\xff\x03\xc0\x21\x04\x07\x00\x08\x07\x02\x08\x02");
	ck_assert_int_eq(
	    PROCESS(SYNC_FILTER_SERVER, 0xc021, 1, "\x01\x04\x05\xdc"), SYNC_FILTER_PASS);
}
END_TEST

START_TEST(sync_filter_passes_header_compression_towards_pppd)
{
	ck_assert_int_eq(
	    PROCESS(SYNC_FILTER_PPPD, 0xc021, 1, "\x07\x02\x08\x02"), SYNC_FILTER_PASS);
	ck_assert_int_eq(
	    PROCESS(SYNC_FILTER_SERVER, 0xc021, 2, "\x07\x02\x08\x02"), SYNC_FILTER_PASS);
	ck_assert(!filter.short_headers);
}
END_TEST

START_TEST(sync_filter_stops_rejecting_after_five_requests)
{
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(
		    PROCESS(SYNC_FILTER_SERVER, 0xc021, 1, "\x07\x02"), SYNC_FILTER_ANSWER);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0xc021, 1, "\x07\x02"), SYNC_FILTER_PASS);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_PPPD, 0xc021, 2, "\x07\x02"), SYNC_FILTER_PASS);
	ck_assert(filter.short_headers);
}
END_TEST

START_TEST(sync_filter_refuses_mppe_with_compressed_headers)
{
	ck_assert_int_eq(PROCESS(SYNC_FILTER_PPPD, 0xc021, 2, "\x08\x02"), SYNC_FILTER_PASS);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_PPPD, 0x80fd, 1, STATELESS), SYNC_FILTER_PASS);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0x80fd, 2, STATELESS), SYNC_FILTER_REFUSE);
	ck_assert_ptr_nonnull(strstr(sync_filter_reason(&filter), "noaccomp nopcomp"));
	/* Agreeing on something else does not undo it. */
	ck_assert_int_eq(
	    PROCESS(SYNC_FILTER_PPPD, 0x8021, 2, "\x03\x06\x0a\x00\x00\x01"), SYNC_FILTER_PASS);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_PPPD, 0x80fd, 2, STATELESS), SYNC_FILTER_REFUSE);
}
END_TEST

START_TEST(sync_filter_passes_stateless_mppe_with_full_headers)
{
	ck_assert_int_eq(PROCESS(SYNC_FILTER_PPPD, 0xc021, 2, "\x08\x02"), SYNC_FILTER_PASS);
	ck_assert_int_eq(
	    PROCESS(SYNC_FILTER_PPPD, 0xc021, 2, "\x01\x04\x05\xdc"), SYNC_FILTER_PASS);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0x80fd, 1, STATELESS), SYNC_FILTER_PASS);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_PPPD, 0x80fd, 2, STATELESS), SYNC_FILTER_PASS);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0x80fd, 2, STATELESS), SYNC_FILTER_PASS);
}
END_TEST

START_TEST(sync_filter_refuses_stateful_mppe_from_either_side)
{
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0x80fd, 2, STATEFUL), SYNC_FILTER_REFUSE);
	ck_assert_ptr_nonnull(strstr(sync_filter_reason(&filter), "stateful"));
	set_up();
	ck_assert_int_eq(PROCESS(SYNC_FILTER_PPPD, 0x80fd, 2, STATEFUL), SYNC_FILTER_REFUSE);
}
END_TEST

START_TEST(sync_filter_rejects_compression_in_either_direction_but_not_mppe)
{
	ck_assert_int_eq(
	    PROCESS(SYNC_FILTER_PPPD, 0x80fd, 1, DEFLATE STATELESS), SYNC_FILTER_ANSWER);
	CHECK_ANSWER("\xff\x03\x80\xfd\x04\x07\x00\x08" DEFLATE);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0x80fd, 1, DEFLATE), SYNC_FILTER_ANSWER);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0x80fd, 2, DEFLATE), SYNC_FILTER_REFUSE);
	ck_assert_ptr_nonnull(strstr(sync_filter_reason(&filter), "nodeflate"));
}
END_TEST

START_TEST(sync_filter_rejects_tcp_header_compression_in_either_direction)
{
	ck_assert_int_eq(PROCESS(SYNC_FILTER_PPPD, 0x8021, 1, "\x03\x06\x00\x00\x00\x00" VJ),
	    SYNC_FILTER_ANSWER);
	CHECK_ANSWER("\xff\x03\x80\x21\x04\x07\x00\x0a" VJ);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0x8021, 1, VJ), SYNC_FILTER_ANSWER);
	ck_assert_int_eq(PROCESS(SYNC_FILTER_SERVER, 0x8021, 2, VJ), SYNC_FILTER_REFUSE);
	ck_assert_ptr_nonnull(strstr(sync_filter_reason(&filter), "novj"));
}
END_TEST

START_TEST(sync_filter_passes_what_neither_asks_nor_agrees)
{
	for (uint8_t code = 3; code < 12; code++) {
		ck_assert_int_eq(
		    PROCESS(SYNC_FILTER_SERVER, 0xc021, code, "\x07\x02"), SYNC_FILTER_PASS);
		ck_assert_int_eq(
		    PROCESS(SYNC_FILTER_PPPD, 0x80fd, code, STATEFUL), SYNC_FILTER_PASS);
	}
	ck_assert(!filter.short_headers);
}
END_TEST

START_TEST(sync_filter_passes_truncated_and_malformed_packets)
{
	static const uint8_t frame[] = {0xff, 0x03, 0xc0, 0x21, 1, 1, 0, 8, 7, 2, 8, 2};

	for (size_t len = 0; len < sizeof(frame); len++)
		ck_assert_int_eq(
		    sync_filter_process(&filter, SYNC_FILTER_SERVER, frame, len), SYNC_FILTER_PASS);
	ck_assert_int_eq(sync_filter_process(&filter, SYNC_FILTER_SERVER, frame, sizeof(frame)),
	    SYNC_FILTER_ANSWER);
	ck_assert_int_eq(
	    PROCESS(SYNC_FILTER_SERVER, 0xc021, 1, "\x05\x00\x07\x02"), SYNC_FILTER_PASS);
	ck_assert_int_eq(
	    PROCESS(SYNC_FILTER_SERVER, 0xc021, 1, "\x05\x09\x07\x02"), SYNC_FILTER_PASS);
}
END_TEST

START_TEST(sync_filter_passes_request_whose_reject_would_be_too_long)
{
	char options[280];

	for (size_t i = 0; i < sizeof(options); i += 4)
		memcpy(options + i, DEFLATE, 4);
	ck_assert_int_eq(
	    process(SYNC_FILTER_PPPD, 0x80fd, 1, options, sizeof(options) - 8), SYNC_FILTER_PASS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sync_filter");
	TCase *tc = tcase_create("sync_filter");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, sync_filter_rejects_header_compression_in_pppds_name);
	tcase_add_test(tc, sync_filter_passes_header_compression_towards_pppd);
	tcase_add_test(tc, sync_filter_stops_rejecting_after_five_requests);
	tcase_add_test(tc, sync_filter_refuses_mppe_with_compressed_headers);
	tcase_add_test(tc, sync_filter_passes_stateless_mppe_with_full_headers);
	tcase_add_test(tc, sync_filter_refuses_stateful_mppe_from_either_side);
	tcase_add_test(tc, sync_filter_rejects_compression_in_either_direction_but_not_mppe);
	tcase_add_test(tc, sync_filter_rejects_tcp_header_compression_in_either_direction);
	tcase_add_test(tc, sync_filter_passes_what_neither_asks_nor_agrees);
	tcase_add_test(tc, sync_filter_passes_truncated_and_malformed_packets);
	tcase_add_test(tc, sync_filter_passes_request_whose_reject_would_be_too_long);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
