/* SPDX-License-Identifier: ISC */
/*
 * What the kernel refuses to send, by errors that pass: it is sent later, in order, and nothing is
 * lost or counted as lost. send and sendmmsg of this file stand in for those of the C library and
 * fail as often as a test says; a socket pair plays the raw socket, another one pppd's pty.
 */
#include <errno.h>

#include "datapath_fixture.h"
#include "fcs16_plain.h"

enum {
	FRAME = 300,
	GRE_LEN = 12, /* with a sequence number */
};

static const int passing[] = {ENOBUFS, ENOMEM, EAGAIN};
static int error;        /* of the calls that fail */
static unsigned to_fail; /* of the next calls */
static unsigned cut;     /* bytes that the kernel leaves out of each packet */

static bool fails(void)
{
	if (!to_fail)
		return false;
	to_fail--;
	errno = error;
	return true;
}

ssize_t send(int fd, const void *bytes, size_t len, int flags)
{
	return fails() ? -1 : sendto(fd, bytes, len, flags, NULL, 0);
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	unsigned sent = 0;
	while (sent < count && !fails()) {
		ssize_t n = sendmsg(fd, &messages[sent].msg_hdr, flags);
		if (n < 0)
			break;
		messages[sent++].msg_len = (unsigned)n - cut;
		if (to_fail) /* after some of the batch */
			break;
	}
	return sent ? (int)sent : -1;
}

static void set_up_failures(void)
{
	uint8_t empty[64];
	to_fail = cut = 0;
	set_up();
	ck_assert_int_gt(recv(network, empty, sizeof(empty), 0), 0);
}

static void send_packet(seq32 seq)
{
	uint8_t datagram[IP_HEADER + GRE_HEADER_MAX + 4] = {0x45};
	const struct gre_header h = {.payload_len = 4, .has_seq = true, .seq = seq};
	size_t len = IP_HEADER + gre_header_encode(&h, datagram + IP_HEADER) + 4;
	ck_assert_int_eq(sendto(network, datagram, len, 0, NULL, 0), (ssize_t)len);
}

static void write_frame(uint8_t number)
{
	uint8_t frame[FRAME] = {0xff, 0x03, 0x00, 0x21, number};
	uint8_t bytes[HDLC_ENCODED_MAX(FRAME)];
	size_t len = hdlc_encode(fcs16_plain, frame, sizeof(frame), HDLC_ACCM_NONE, true, bytes);
	ck_assert_int_eq(write(pppd, bytes, len), (ssize_t)len);
}

START_TEST(frame_that_the_kernel_refuses_for_the_moment_is_sent_later_in_order)
{
	uint8_t number = 0, expected = 0;
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		for (unsigned failures = 1; failures < 5; failures++) {
			error = passing[i];
			to_fail = failures;
			for (int k = 0; k < 4; k++)
				write_frame(number++);
			run_for(30 * USEC_PER_MSEC);
			for (int k = 0; k < 1000 && path->stats.tx_sent % 256 != number; k++)
				run_for(USEC_PER_MSEC); /* the machine is busy */
			uint8_t packet[GRE_LEN + FRAME];
			while (recv(network, packet, sizeof(packet), 0) == GRE_LEN + FRAME) {
				ck_assert_uint_eq(packet[GRE_LEN + 4], expected++);
				ck_assert_uint_eq(packet[11], expected); /* the first is 1 */
			}
			ck_assert_uint_eq(expected, number);
		}
	ck_assert_uint_eq(path->stats.tx_failed, 0);
	ck_assert_uint_eq(path->stats.tx_short, 0);
	ck_assert_uint_eq(path->stats.tx_sent, number);
}
END_TEST

START_TEST(what_the_kernel_refuses_for_ever_is_tried_less_and_less_often)
{
	for (int with_frame = 0; with_frame < 2; with_frame++) {
		const unsigned many = 1000;
		error = ENOMEM;
		to_fail = many;
		if (with_frame)
			write_frame(0);
		else
			send_packet(1); /* which is acknowledged */
		run_for(500 * USEC_PER_MSEC);
		run_for(500 * USEC_PER_MSEC);
		ck_assert_uint_ge(many - to_fail, 10);
		ck_assert_uint_le(many - to_fail, 60);
		to_fail = 0;
		run_for(30 * USEC_PER_MSEC);
	}
	ck_assert_uint_ge(path->stats.tx_acks, 1);
	ck_assert_uint_eq(path->stats.tx_sent, 1);
	ck_assert_uint_eq(path->stats.tx_failed, 0);
}
END_TEST

START_TEST(packets_that_are_sent_in_part_are_counted)
{
	cut = 1;
	for (int i = 0; i < 3; i++)
		write_frame(0);
	for (int i = 0; i < 1000 && path->stats.tx_sent < 3; i++)
		run_for(USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_short, 3);
	ck_assert_uint_eq(path->stats.tx_sent, 3);
}
END_TEST

START_TEST(acknowledgment_that_the_kernel_refuses_once_is_sent_all_the_same)
{
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		seq32 seq = (seq32)i + 1;
		send_packet(seq);
		error = passing[i];
		to_fail = 1;
		run_for(700 * USEC_PER_MSEC); /* longer than an acknowledgment is delayed */
		ck_assert_uint_eq(to_fail, 0);
		uint8_t packet[64];
		/* Without sequence number the acknowledgment number is the last field. */
		ck_assert_int_eq(recv(network, packet, sizeof(packet), 0), GRE_LEN);
		ck_assert_uint_eq(packet[11], seq);
		ck_assert_int_eq(recv(network, packet, sizeof(packet), 0), -1);
		ck_assert_uint_eq(path->stats.tx_acks, i + 1);
	}
	ck_assert_uint_eq(path->stats.tx_failed, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("send_errors");
	TCase *tc = tcase_create("send_errors");
	tcase_add_checked_fixture(tc, set_up_failures, tear_down);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, frame_that_the_kernel_refuses_for_the_moment_is_sent_later_in_order);
	tcase_add_test(tc, what_the_kernel_refuses_for_ever_is_tried_less_and_less_often);
	tcase_add_test(tc, packets_that_are_sent_in_part_are_counted);
	tcase_add_test(tc, acknowledgment_that_the_kernel_refuses_once_is_sent_all_the_same);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
