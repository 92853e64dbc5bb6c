/* SPDX-License-Identifier: ISC */
/* --test-type in the data path: frames of pppd's reach the server in the order that it makes, and all of them. */
#include "datapath_fixture.h"
#include "fcs16_plain.h"

enum {
	FRAME = 100,
	GRE_SEQ_AT = 8,
};

static void set_up_swapped(void)
{
	uint8_t empty[64];
	set_up();
	datapath_stop(path);
	test_type = REORDER_INJECT_SWAP;
	start_path(false);
	run_for(USEC_PER_MSEC);
	while (recv(network, empty, sizeof(empty), 0) > 0)
		;
}

static void write_frames(int count)
{
	uint8_t frame[FRAME] = {0xff, 0x03, 0x00, 0x21};
	uint8_t bytes[HDLC_ENCODED_MAX(FRAME)];
	size_t len = hdlc_encode(fcs16_plain, frame, sizeof(frame), HDLC_ACCM_NONE, true, bytes);
	while (count--)
		ck_assert_int_eq(write(pppd, bytes, len), (ssize_t)len);
}

/* The low byte of the next packet's sequence number; -1 = there is none. */
static int next_seq(void)
{
	uint8_t packet[GRE_HEADER_MAX + FRAME];
	ssize_t n = recv(network, packet, sizeof(packet), 0);
	return n < GRE_SEQ_AT + 4 ? -1 : packet[GRE_SEQ_AT + 3];
}

START_TEST(pairs_leave_swapped)
{
	write_frames(4);
	run_for(USEC_PER_MSEC);
	ck_assert_int_eq(next_seq(), 2);
	ck_assert_int_eq(next_seq(), 1);
	ck_assert_int_eq(next_seq(), 4);
	ck_assert_int_eq(next_seq(), 3);
	ck_assert_uint_eq(path->stats.tx_sent, 4);
}
END_TEST

START_TEST(half_a_pair_leaves_when_nothing_follows)
{
	write_frames(1);
	run_for(USEC_PER_MSEC);
	ck_assert_int_eq(next_seq(), -1);
	run_for(REORDER_INJECT_QUIET_US + 100 * USEC_PER_MSEC);
	ck_assert_int_eq(next_seq(), 1);
}
END_TEST

START_TEST(refused_packets_are_counted_and_end_nothing)
{
	ck_assert_int_eq(shutdown(near_gre, SHUT_WR), 0);
	write_frames(2);
	run_for(USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_failed, 2);
	ck_assert_uint_eq(path->stats.tx_sent, 0);
	ck_assert_int_eq(hung_up_events, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net_tx");
	TCase *tc = tcase_create("test_type");
	tcase_add_checked_fixture(tc, set_up_swapped, tear_down);
	tcase_add_test(tc, pairs_leave_swapped);
	tcase_add_test(tc, half_a_pair_leaves_when_nothing_follows);
	tcase_add_test(tc, refused_packets_are_counted_and_end_nothing);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
