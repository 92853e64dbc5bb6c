/* SPDX-License-Identifier: ISC */
/* The cursors: byte order, bounds, and sticky failure. */
#include "lib/wire.h"

#include "unit.h"

static const uint8_t bytes[15] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

START_TEST(wire_reader_reads_big_endian_values)
{
	struct wire_reader r = wire_read(bytes, sizeof(bytes));
	ck_assert_uint_eq(wire_get_u8(&r), 0x01);
	ck_assert_uint_eq(wire_get_be16(&r), 0x0203);
	ck_assert_uint_eq(wire_get_be32(&r), 0x04050607);
	ck_assert_uint_eq(wire_left(&r), 8);
	ck_assert(!r.failed);
}
END_TEST

START_TEST(wire_reader_reads_values_with_the_top_bit_set)
{
	uint8_t high[4];
	memset(high, 0xff, sizeof(high));
	struct wire_reader a = wire_read(high, 4), b = wire_read(high, 4);
	ck_assert_uint_eq(wire_get_be16(&a), UINT16_MAX);
	ck_assert_uint_eq(wire_get_be32(&b), UINT32_MAX);
}
END_TEST

START_TEST(wire_reader_failure_is_sticky)
{
	struct wire_reader r = wire_read(bytes, 3);
	ck_assert_uint_eq(wire_get_be32(&r), 0);
	ck_assert(r.failed);
	ck_assert_uint_eq(wire_left(&r), 0);
	ck_assert_uint_eq(wire_get_u8(&r), 0); /* although a byte is left */
	ck_assert_ptr_null(wire_get(&r, 0));
	uint8_t copy[2] = {9, 9};
	wire_get_copy(&r, copy, sizeof(copy));
	ck_assert_uint_eq(copy[0] | copy[1], 0);
}
END_TEST

START_TEST(wire_reader_rejects_lengths_that_would_wrap)
{
	struct wire_reader r = wire_read(bytes, sizeof(bytes));
	wire_skip(&r, 4);
	ck_assert_ptr_null(wire_get(&r, SIZE_MAX - 2));
	ck_assert(r.failed);
}
END_TEST

START_TEST(wire_reader_reads_up_to_the_last_byte)
{
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct wire_reader exact = wire_read(bytes, len);
		ck_assert_ptr_eq(wire_get(&exact, len), bytes);
		ck_assert(!exact.failed);
		struct wire_reader over = wire_read(bytes, len);
		ck_assert_ptr_null(wire_get(&over, len + 1));
		ck_assert(over.failed);
	}
}
END_TEST

START_TEST(wire_writer_writes_big_endian_values)
{
	uint8_t out[7];
	struct wire_writer w = wire_write(out, sizeof(out));
	wire_put_u8(&w, 0x01);
	wire_put_be16(&w, 0x0203);
	wire_put_be32(&w, 0x04050607);
	ck_assert(!w.failed);
	ck_assert_uint_eq(w.at, sizeof(out));
	ck_assert_mem_eq(out, bytes, sizeof(out));
}
END_TEST

START_TEST(wire_writer_failure_is_sticky)
{
	uint8_t out[6] = {0};
	struct wire_writer w = wire_write(out, 3);
	wire_put_be16(&w, 0x0102);
	wire_put_be32(&w, UINT32_MAX);
	ck_assert(w.failed);
	wire_put_u8(&w, 0xff); /* although it would fit */
	ck_assert_uint_eq(w.at, 2);
	ck_assert_mem_eq(out, "\1\2\0\0\0\0", 6);
	ck_assert_ptr_null(wire_put(&w, 0));
}
END_TEST

START_TEST(wire_writer_copies_and_pads)
{
	uint8_t out[6];
	memset(out, 0xff, sizeof(out));
	struct wire_writer w = wire_write(out, 5);
	wire_put_copy(&w, "abc", 3);
	wire_put_zeros(&w, 2);
	ck_assert(!w.failed);
	ck_assert_mem_eq(out, "abc\0\0\xff", 6);
	wire_put_copy(&w, NULL, 0);
	ck_assert(!w.failed);
	wire_put_zeros(&w, 1);
	ck_assert(w.failed);
	ck_assert_uint_eq(out[5], 0xff);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("wire");
	TCase *tc = tcase_create("wire");
	tcase_add_test(tc, wire_reader_reads_big_endian_values);
	tcase_add_test(tc, wire_reader_reads_values_with_the_top_bit_set);
	tcase_add_test(tc, wire_reader_failure_is_sticky);
	tcase_add_test(tc, wire_reader_rejects_lengths_that_would_wrap);
	tcase_add_test(tc, wire_reader_reads_up_to_the_last_byte);
	tcase_add_test(tc, wire_writer_writes_big_endian_values);
	tcase_add_test(tc, wire_writer_failure_is_sticky);
	tcase_add_test(tc, wire_writer_copies_and_pads);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
