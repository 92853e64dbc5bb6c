/* SPDX-License-Identifier: ISC */
/* The portable block search, which machines with SSE2 never compile: test_hdlc runs the other one. */
#undef __SSE2__
#include "ppp/bytescan.h"

#include <string.h>

#include "unit.h"

START_TEST(bytescan_matches_a_byte_at_every_position)
{
	uint8_t block[BYTESCAN_BLOCK];
	for (unsigned byte = 0; byte < 256; byte++) {
		for (unsigned at = 0; at < BYTESCAN_BLOCK; at++) {
			/* A neighbour that differs in one bit is where a carry would show. */
			memset(block, (int)byte ^ (at % 2 ? 0x80 : 0x01), sizeof(block));
			ck_assert_uint_eq(bytescan_match(block, (uint8_t)byte), 0);
			block[at] = (uint8_t)byte;
			ck_assert_uint_eq(bytescan_match(block, (uint8_t)byte), UINT32_C(1) << at);
		}
	}
}
END_TEST

START_TEST(bytescan_matches_all_bytes_of_a_block)
{
	uint8_t block[BYTESCAN_BLOCK];
	memset(block, 0x7e, sizeof(block));
	ck_assert_uint_eq(bytescan_match(block, 0x7e), UINT32_MAX);
}
END_TEST

START_TEST(bytescan_first_is_the_lowest_bit_or_the_block_size)
{
	for (unsigned at = 0; at < BYTESCAN_BLOCK; at++)
		ck_assert_uint_eq(bytescan_first(UINT32_MAX << at), at);
	ck_assert_uint_eq(bytescan_first(0), BYTESCAN_BLOCK);
}
END_TEST

START_TEST(bytescan_loads_and_stores_the_first_byte_lowest)
{
	static const uint8_t bytes[8] = {0xf1, 2, 3, 4, 5, 6, 7, 0xf8};
	uint8_t stored[8];
	ck_assert_uint_eq(load_le64(bytes), UINT64_C(0xf8070605040302f1));
	store_le64(stored, UINT64_C(0xf8070605040302f1));
	ck_assert_mem_eq(stored, bytes, sizeof(bytes));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("bytescan");
	TCase *tc = tcase_create("bytescan");
	tcase_add_test(tc, bytescan_matches_a_byte_at_every_position);
	tcase_add_test(tc, bytescan_matches_all_bytes_of_a_block);
	tcase_add_test(tc, bytescan_first_is_the_lowest_bit_or_the_block_size);
	tcase_add_test(tc, bytescan_loads_and_stores_the_first_byte_lowest);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
