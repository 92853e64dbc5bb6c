/* SPDX-License-Identifier: ISC */
/*
 * A synchronous pty in the data path: where the frames in what is read end, what is counted, and what the
 * filter of options does to either side. A socket pair plays the pty, another one the raw socket.
 */
#include "datapath_fixture.h"

enum {
	OUR_CALL = 7,
	FRAME = 1365, /* three of them fill a read of the pty */
	OVERSIZE = PACKET_MAX + 100,
	GRE_LEN = 12, /* with a sequence number */
};

#define REQUEST_ACFC "\xff\x03\xc0\x21\x01\x07\x00\x06\x08\x02"
#define REJECT_ACFC "\xff\x03\xc0\x21\x04\x07\x00\x06\x08\x02"
#define REQUEST_DEFLATE "\xff\x03\x80\xfd\x01\x07\x00\x08\x1a\x04\x78\x00"
#define REJECT_DEFLATE "\xff\x03\x80\xfd\x04\x07\x00\x08\x1a\x04\x78\x00"
#define ACK_VJ "\xff\x03\x80\x21\x02\x07\x00\x0a\x02\x06\x00\x2d\x0f\x01"

static void set_up_sync(void)
{
	uint8_t empty[64];
	set_up();
	datapath_stop(path);
	start_path(true);
	run_for(USEC_PER_MSEC);
	while (recv(network, empty, sizeof(empty), 0) > 0)
		;
}

static void write_as_pppd(const void *bytes, size_t len)
{
	ck_assert_int_eq(write(pppd, bytes, len), (ssize_t)len);
}

/* A frame of IPv4 that states its length; the rest of it is `mark`. */
static void make_frame(uint8_t *to, size_t len, uint8_t mark)
{
	memset(to, mark, len);
	memcpy(to, "\xff\x03\x00\x21\x45", 5);
	to[6] = (uint8_t)((len - 4) >> 8);
	to[7] = (uint8_t)(len - 4);
}

/* Soon: the data path's socket holds no more than a few packets. */
static void expect_at_server(const void *frame, size_t len)
{
	uint8_t packet[GRE_LEN + PACKET_MAX];
	ssize_t n = -1;
	for (int i = 0; n < 0 && i < 100; i++) {
		n = recv(network, packet, sizeof(packet), 0);
		if (n < 0)
			run_for(USEC_PER_MSEC);
	}
	ck_assert_int_eq(n, (ssize_t)(GRE_LEN + len));
	ck_assert_mem_eq(packet + GRE_LEN, frame, len);
}

static void expect_nothing_at_server(void)
{
	uint8_t byte;
	ck_assert_int_lt(recv(network, &byte, 1, 0), 0);
}

static void send_from_server(const void *frame, uint16_t len)
{
	uint8_t datagram[IP_HEADER + GRE_HEADER_MAX + 64] = {0x45};
	struct gre_header h = {.call_id = OUR_CALL, .payload_len = len, .has_seq = true, .seq = 1};
	size_t header = IP_HEADER + gre_header_encode(&h, datagram + IP_HEADER);
	memcpy(datagram + header, frame, len);
	ck_assert_int_eq(send(network, datagram, header + len, 0), (ssize_t)(header + len));
}

START_TEST(frames_of_one_read_are_sent_one_by_one)
{
	uint8_t frames[2 * FRAME];
	make_frame(frames, FRAME, 1);
	make_frame(frames + FRAME, FRAME, 2);
	write_as_pppd(frames, sizeof(frames));
	run_for(USEC_PER_MSEC);
	expect_at_server(frames, FRAME);
	expect_at_server(frames + FRAME, FRAME);
	expect_nothing_at_server();
}
END_TEST

START_TEST(frame_in_two_reads_is_sent_whole)
{
	uint8_t frame[FRAME];
	make_frame(frame, FRAME, 1);
	write_as_pppd(frame, 100);
	run_for(5 * USEC_PER_MSEC);
	expect_nothing_at_server();
	write_as_pppd(frame + 100, FRAME - 100);
	run_for(USEC_PER_MSEC);
	expect_at_server(frame, FRAME);
}
END_TEST

/* MPPE's frames state no length: the pty has been full, and the rest of this one may follow. */
START_TEST(frame_of_unknown_length_is_sent_soon_though_the_pty_was_full)
{
	uint8_t bytes[3 * FRAME + 600];
	uint8_t *mppe = bytes + 3 * FRAME;
	for (uint8_t i = 0; i < 3; i++)
		make_frame(bytes + i * FRAME, FRAME, i);
	memset(mppe, 0x11, 600);
	memcpy(mppe, "\xff\x03\x00\xfd\x90\x00", 6);
	write_as_pppd(bytes, sizeof(bytes));
	run_for(20 * USEC_PER_MSEC);
	for (uint8_t i = 0; i < 3; i++)
		expect_at_server(bytes + i * FRAME, FRAME);
	expect_at_server(mppe, 600);
	ck_assert_uint_eq(path->stats.tx_bad_frames, 0);
}
END_TEST

START_TEST(rest_of_a_frame_whose_start_was_lost_is_counted_and_dropped)
{
	uint8_t bytes[30 + FRAME];
	memset(bytes, 0x11, 30);
	make_frame(bytes + 30, FRAME, 1);
	write_as_pppd(bytes, sizeof(bytes));
	run_for(USEC_PER_MSEC);
	expect_at_server(bytes + 30, FRAME);
	ck_assert_uint_eq(path->stats.tx_bad_frames, 1);
}
END_TEST

START_TEST(frame_of_unknown_length_that_is_too_long_is_counted_and_dropped)
{
	static uint8_t mppe[PACKET_MAX + 1];
	memset(mppe, 0x11, sizeof(mppe));
	memcpy(mppe, "\xff\x03\x00\xfd\x90\x00", 6);
	for (size_t at = 0; at < sizeof(mppe); at += FRAME)
		write_as_pppd(mppe + at, sizeof(mppe) - at < FRAME ? sizeof(mppe) - at : FRAME);
	run_for(20 * USEC_PER_MSEC);
	expect_nothing_at_server();
	ck_assert_uint_eq(path->stats.tx_bad_frames, 1);
}
END_TEST

START_TEST(frame_that_no_packet_carries_is_counted_and_dropped)
{
	static uint8_t bytes[OVERSIZE + FRAME];
	make_frame(bytes, OVERSIZE, 1);
	make_frame(bytes + OVERSIZE, FRAME, 2);
	write_as_pppd(bytes, sizeof(bytes));
	run_for(20 * USEC_PER_MSEC);
	expect_at_server(bytes + OVERSIZE, FRAME);
	expect_nothing_at_server();
	ck_assert_uint_eq(path->stats.tx_oversize, 1);
}
END_TEST

START_TEST(request_that_cannot_be_carried_is_rejected_to_its_sender)
{
	uint8_t bytes[512];
	write_as_pppd(REQUEST_DEFLATE, sizeof(REQUEST_DEFLATE) - 1);
	run_for(5 * USEC_PER_MSEC);
	expect_nothing_at_server();
	ck_assert_int_ge(read(pppd, bytes, sizeof(bytes)), (ssize_t)sizeof(REJECT_DEFLATE) - 1);
	ck_assert_mem_eq(bytes, REJECT_DEFLATE, sizeof(REJECT_DEFLATE) - 1);
	send_from_server(REQUEST_ACFC, sizeof(REQUEST_ACFC) - 1);
	run_for(5 * USEC_PER_MSEC);
	ck_assert_int_lt(read(pppd, bytes, sizeof(bytes)), 0);
	write_as_pppd(REJECT_DEFLATE, sizeof(REJECT_DEFLATE) - 1); /* sends what is in the batch */
	run_for(5 * USEC_PER_MSEC);
	ck_assert_int_gt(recv(network, bytes, sizeof(bytes), 0), 0);
	ck_assert_mem_eq(bytes + GRE_LEN + 4, REJECT_ACFC, sizeof(REJECT_ACFC) - 1);
}
END_TEST

START_TEST(link_on_which_frames_cannot_be_kept_apart_is_refused)
{
	may_refuse = true;
	write_as_pppd(ACK_VJ, sizeof(ACK_VJ) - 1);
	run_for(5 * USEC_PER_MSEC);
	ck_assert_ptr_nonnull(refusal);
	ck_assert_ptr_nonnull(strstr(refusal, "novj"));
	expect_nothing_at_server();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pty_sync");
	TCase *tc = tcase_create("pty_sync");
	tcase_add_checked_fixture(tc, set_up_sync, tear_down);
	tcase_add_test(tc, frames_of_one_read_are_sent_one_by_one);
	tcase_add_test(tc, frame_in_two_reads_is_sent_whole);
	tcase_add_test(tc, frame_of_unknown_length_is_sent_soon_though_the_pty_was_full);
	tcase_add_test(tc, rest_of_a_frame_whose_start_was_lost_is_counted_and_dropped);
	tcase_add_test(tc, frame_of_unknown_length_that_is_too_long_is_counted_and_dropped);
	tcase_add_test(tc, frame_that_no_packet_carries_is_counted_and_dropped);
	tcase_add_test(tc, request_that_cannot_be_carried_is_rejected_to_its_sender);
	tcase_add_test(tc, link_on_which_frames_cannot_be_kept_apart_is_refused);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
