/* SPDX-License-Identifier: ISC */
/* How much the kernel may hold of what is sent: a socket pair plays the raw socket, `now` is the test's. */
#include "gateway/net_tx.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit.h"

#define MS INT64_C(1000)

enum {
	LEAST = 2304, /* bytes: what the buffer starts with */
	FRAME = 1000,
	HEADER = 12,
};

static struct net_tx tx;
static struct gre_session session;
static struct pqueue queue;
static struct pptp_stats stats;
static int near_gre, server;
static int64_t now_us;
static uint64_t taken; /* packets, by the server */

/* What the calls of this file's sendmmsg, which takes the place of libc's, fail with; 0: nothing. ENOBUFS: only
 * as long as the buffer is the least, as with a packet in fragments that it cannot hold. */
static int error;

static void set_up(void)
{
	const struct gre_session_config config = {.server_window = 8};
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	near_gre = fds[0];
	server = fds[1];
	memset(&stats, 0, sizeof(stats));
	now_us = 0;
	taken = 0;
	error = 0;
	gre_session_init(&session, &config, &queue, &stats);
	net_tx_init(&tx, &(struct net_tx_config){.fd = near_gre}, &session, &stats);
}

static void tear_down(void)
{
	close(near_gre);
	close(server);
}

/* Twice what was asked for is what the kernel tells. */
static int kernels_buffer(void)
{
	int size;
	socklen_t len = sizeof(size);
	ck_assert_int_eq(getsockopt(near_gre, SOL_SOCKET, SO_SNDBUF, &size, &len), 0);
	return size / 2;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	(void)count;
	if (error && (error != ENOBUFS || kernels_buffer() < 2 * LEAST)) {
		errno = error;
		return -1;
	}
	ssize_t n = sendmsg(fd, &messages->msg_hdr, flags);
	if (n < 0)
		return -1;
	messages->msg_len = (unsigned)n;
	return 1;
}

static void send_frame(void)
{
	memset(net_tx_frame_buffer(&tx), 0x11, FRAME);
	net_tx_add(&tx, FRAME);
	net_tx_flush(&tx, now_us, 0);
}

static void retry(int times)
{
	for (int i = 0; i < times && tx.wait; i++) {
		now_us = net_tx_deadline(&tx) + MS;
		net_tx_on_deadline(&tx, now_us);
		net_tx_flush(&tx, now_us, 0);
	}
}

static void fill(void)
{
	while (!tx.wait) {
		if (!net_tx_is_full(&tx)) {
			memset(net_tx_frame_buffer(&tx), 0x11, FRAME);
			net_tx_add(&tx, FRAME);
		}
		net_tx_flush(&tx, now_us, 0);
	}
	ck_assert_int_eq(tx.wait, NET_TX_WAIT_SOCKET);
}

/* The server takes all, or all but one, and the wait ends after this time. */
static void end_wait(int64_t after_us, bool leave_one)
{
	uint8_t packet[HEADER + FRAME];
	fill();
	for (; taken < stats.tx_sent - leave_one; taken++)
		ck_assert_int_eq(recv(server, packet, sizeof(packet), 0), (ssize_t)sizeof(packet));
	now_us += after_us;
	net_tx_on_writable(&tx, now_us);
	ck_assert_int_eq(tx.wait, NET_TX_READY);
}

/* A retry says nothing of how fast the buffer drains, however long it has waited. */
START_TEST(net_tx_sends_what_the_least_buffer_cannot_hold_whatever_was_refused_before)
{
	static const int before[] = {ENOMEM, ENETUNREACH};
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		uint8_t packet[HEADER + FRAME];
		tear_down();
		set_up();
		send_frame(); /* stays in the device's queue for a while */
		error = before[i];
		send_frame();
		retry(8);
		ck_assert_int_eq(tx.wait, NET_TX_WAIT_RETRY);
		ck_assert_int_gt(recv(server, packet, sizeof(packet), 0), 0);
		error = ENOBUFS;
		retry(20);
		ck_assert_uint_eq(stats.tx_sent, 2);
		ck_assert_int_eq(tx.wait, NET_TX_READY);
	}
}
END_TEST

START_TEST(net_tx_starts_with_the_least_buffer)
{
	ck_assert_int_eq(kernels_buffer(), LEAST);
	end_wait(13 * MS, true);
	ck_assert_int_eq(kernels_buffer(), LEAST);
	end_wait(MS, true);
	ck_assert_int_eq(kernels_buffer(), 2 * LEAST);
}
END_TEST

START_TEST(net_tx_doubles_the_buffer_when_it_drains_in_less_than_4ms)
{
	end_wait(4 * MS, true);
	ck_assert_int_eq(kernels_buffer(), LEAST);
	end_wait(4 * MS - 1, true);
	ck_assert_int_eq(kernels_buffer(), 2 * LEAST);
	end_wait(MS, true);
	ck_assert_int_eq(kernels_buffer(), 4 * LEAST);
}
END_TEST

/* The host may have woken us late. */
START_TEST(net_tx_doubles_the_buffer_when_nothing_is_left_after_less_than_12ms)
{
	end_wait(12 * MS, false);
	ck_assert_int_eq(kernels_buffer(), LEAST);
	end_wait(12 * MS - 1, false);
	ck_assert_int_eq(kernels_buffer(), 2 * LEAST);
	end_wait(50 * MS, false);
	ck_assert_int_eq(kernels_buffer(), 2 * LEAST);
}
END_TEST

START_TEST(net_tx_halves_the_buffer_when_it_takes_more_than_12ms)
{
	end_wait(MS, true);
	end_wait(MS, true);
	ck_assert_int_eq(kernels_buffer(), 4 * LEAST);
	end_wait(12 * MS, true);
	ck_assert_int_eq(kernels_buffer(), 4 * LEAST);
	end_wait(12 * MS + 1, true);
	ck_assert_int_eq(kernels_buffer(), 2 * LEAST);
	end_wait(13 * MS, true);
	end_wait(13 * MS, true);
	ck_assert_int_eq(kernels_buffer(), LEAST);
}
END_TEST

/* A quarter of 100 packets of this size, which the kernel charges with 500 bytes more each. */
START_TEST(net_tx_lets_the_buffer_grow_to_what_the_shortest_device_queue_takes)
{
	for (int i = 0; i < 10; i++)
		end_wait(MS, true);
	ck_assert_int_eq(kernels_buffer(), 16 * LEAST); /* twice that were more than 37800 */
}
END_TEST

/* A pair of datagram sockets refuses an IPv4 address, as the kernel does a lost route. */
START_TEST(net_tx_gives_each_packet_the_servers_address_until_the_socket_is_connected)
{
	int fds[2];
	uint8_t packet[HEADER + FRAME];
	struct net_tx_config config = {.server.s_addr = htonl(INADDR_LOOPBACK)};
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds), 0);
	config.fd = fds[0];
	net_tx_init(&tx, &config, &session, &stats);
	memset(net_tx_frame_buffer(&tx), 0x11, FRAME);
	net_tx_add(&tx, FRAME);
	ck_assert(!net_tx_flush(&tx, 0, 0));
	ck_assert_int_eq(tx.wait, NET_TX_WAIT_RETRY);
	net_tx_on_connected(&tx);
	net_tx_on_deadline(&tx, net_tx_deadline(&tx));
	ck_assert(net_tx_flush(&tx, 0, 0));
	ck_assert_int_eq(recv(fds[1], packet, sizeof(packet), 0), (ssize_t)sizeof(packet));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("net_tx_buffer");
	TCase *tc = tcase_create("net_tx_buffer");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, net_tx_starts_with_the_least_buffer);
	tcase_add_test(
	    tc, net_tx_sends_what_the_least_buffer_cannot_hold_whatever_was_refused_before);
	tcase_add_test(tc, net_tx_doubles_the_buffer_when_it_drains_in_less_than_4ms);
	tcase_add_test(tc, net_tx_doubles_the_buffer_when_nothing_is_left_after_less_than_12ms);
	tcase_add_test(tc, net_tx_halves_the_buffer_when_it_takes_more_than_12ms);
	tcase_add_test(tc, net_tx_lets_the_buffer_grow_to_what_the_shortest_device_queue_takes);
	tcase_add_test(
	    tc, net_tx_gives_each_packet_the_servers_address_until_the_socket_is_connected);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
