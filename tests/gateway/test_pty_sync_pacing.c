/* SPDX-License-Identifier: ISC */
/*
 * The synchronous pty by itself, with the time as the test says: padding, pacing, and what it holds.
 * test_pty_sync.c has it in the data path.
 */
#include "gateway/pty_sync.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop_fixture.h"

enum {
	PADDED = 256, /* bytes of the shortest write to pppd */
	GRE_LEN = 12, /* with a sequence number */
	GUARD = 2 * PTY_SYNC_IN_CAP,
};

static struct {
	struct pty_sync sync;
	uint8_t guard[GUARD]; /* nothing writes behind `in` */
} p;
static struct pty *pty = &p.sync.pty;
static struct net_tx tx;
static struct gre_session session;
static struct pqueue queue;
static struct pptp_stats stats;
static int pppd, near_pty, server, near_gre;
static uint8_t bytes[2 * PACKET_MAX];

/* LCP Configure-Request for header compression, and what the answer to it is. */
static const uint8_t acfc[] = {0xff, 0x03, 0xc0, 0x21, 1, 7, 0, 6, 8, 2};
static const uint8_t no_acfc[] = {0xff, 0x03, 0xc0, 0x21, 4, 7, 0, 6, 8, 2};
/* CCP Configure-Request for Deflate, and the answer. */
static const uint8_t deflate[] = {0xff, 0x03, 0x80, 0xfd, 1, 7, 0, 8, 26, 4, 0x78, 0};
static const uint8_t no_deflate[] = {0xff, 0x03, 0x80, 0xfd, 4, 7, 0, 8, 26, 4, 0x78, 0};

static void set_up(void)
{
	const struct gre_session_config config = {.server_window = 8};
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	near_pty = fds[0];
	pppd = fds[1];
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds), 0);
	near_gre = fds[0];
	server = fds[1];
	ck_assert_int_eq(loop_init(&loop, LOOP_MONOTONIC), 0);
	memset(&stats, 0, sizeof(stats));
	for (size_t i = 0; i < GUARD; i++)
		p.guard[i] = (uint8_t)(i * 7);
	gre_session_init(&session, &config, &queue, &stats);
	net_tx_init(&tx, &(struct net_tx_config){.fd = near_gre}, &session, &stats);
	int large = 1 << 16; /* for the longest frame, too */
	ck_assert_int_eq(setsockopt(near_gre, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	pty_sync_init(&p.sync, &(struct pty_config){.in = near_pty, .out = near_pty, .loop = &loop},
	    &tx, &stats);
}

static void tear_down(void)
{
	for (size_t i = 0; i < GUARD; i++)
		ck_assert_uint_eq(p.guard[i], (uint8_t)(i * 7));
	loop_free(&loop);
	close(near_pty);
	close(pppd);
	close(near_gre);
	close(server);
}

/* IPv4 of `len` bytes in all, with address and control. */
static const uint8_t *ip_frame(size_t len)
{
	static uint8_t frame[PACKET_MAX];
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i % 100 + 1);
	memcpy(frame, "\xff\x03\x00\x21\x45\x00", 6);
	frame[6] = (uint8_t)((len - 4) >> 8);
	frame[7] = (uint8_t)(len - 4);
	return frame;
}

static void pppd_writes(const void *from, size_t len)
{
	ck_assert_int_eq(send(pppd, from, len, 0), (ssize_t)len);
}

static void gateway_reads(int64_t now_us)
{
	pty->ops->read(pty, now_us);
}

static void ck_server_gets(const uint8_t *frame, size_t len)
{
	ck_assert_int_eq(recv(server, bytes, sizeof(bytes), 0), (ssize_t)(GRE_LEN + len));
	ck_assert_mem_eq(bytes + GRE_LEN, frame, len);
}

static void ck_server_gets_nothing(void)
{
	ck_assert_int_eq(recv(server, bytes, sizeof(bytes), 0), -1);
}

static void ck_pppd_gets(const uint8_t *frame, size_t len)
{
	size_t padded = len < PADDED ? PADDED : len;
	ck_assert_int_eq(read(pppd, bytes, sizeof(bytes)), (ssize_t)padded);
	ck_assert_mem_eq(bytes, frame, len);
	for (size_t i = len; i < padded; i++)
		ck_assert_uint_eq(bytes[i], 0);
}

static void ck_pppd_gets_nothing(void)
{
	ck_assert_int_eq(read(pppd, bytes, sizeof(bytes)), -1);
}

static void server_sends(const uint8_t *frame, size_t len)
{
	ck_assert_uint_ge(pty->space, len);
	pty->ops->deliver(pty, frame, len);
}

static void wait_for_pace(void)
{
	while (loop_now_us(&loop) < pty->write_after_us)
		;
}

START_TEST(pty_sync_has_the_lowest_priority_so_that_the_ptys_thread_runs_first)
{
	ck_assert_int_eq(getpriority(PRIO_PROCESS, 0), 19);
}
END_TEST

START_TEST(pty_sync_pads_short_frames_with_zeros)
{
	static const size_t lens[] = {1500, 40, 255, 256, 257, 1};
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		wait_for_pace();
		server_sends(ip_frame(lens[i]), lens[i]);
		ck_pppd_gets(ip_frame(lens[i]), lens[i]);
	}
	ck_assert_uint_eq(stats.rx_pty_cut, 0);
}
END_TEST

START_TEST(pty_sync_drops_what_the_kernel_would_cut_in_two)
{
	server_sends(ip_frame(PTY_SYNC_WRITE_MAX), PTY_SYNC_WRITE_MAX);
	ck_pppd_gets(ip_frame(PTY_SYNC_WRITE_MAX), PTY_SYNC_WRITE_MAX);
	ck_assert_uint_eq(stats.rx_pty_cut, 0);
	wait_for_pace();
	server_sends(ip_frame(PTY_SYNC_WRITE_MAX + 1), PTY_SYNC_WRITE_MAX + 1);
	ck_pppd_gets_nothing();
	ck_assert_uint_eq(stats.rx_pty_cut, 1);
}
END_TEST

START_TEST(pty_sync_waits_between_two_writes)
{
	int64_t before_us = loop_now_us(&loop);
	server_sends(ip_frame(40), 40);
	ck_pppd_gets(ip_frame(40), 40);
	ck_assert_int_ge(pty->write_after_us, before_us + 100);
	ck_assert_int_le(pty->write_after_us, loop_now_us(&loop) + 100);
	pty->write_after_us = INT64_MAX;
	server_sends(ip_frame(50), 50);
	ck_pppd_gets_nothing();
	ck_assert_uint_eq(pty->queued, PADDED);
	ck_assert_uint_eq(pty->space, 0);
	pty->write_after_us = loop_now_us(&loop);
	pty->ops->flush(pty);
	ck_pppd_gets(ip_frame(50), 50);
	ck_assert_uint_eq(pty->queued, 0);
	ck_assert_uint_eq(pty->written, 2 * PADDED);
	pty->write_after_us = 0;
	pty->ops->flush(pty);
	ck_pppd_gets_nothing();
}
END_TEST

START_TEST(pty_sync_keeps_a_frame_while_the_pty_is_full)
{
	int small = 1; /* the kernel makes it its least */
	size_t taken = 0;
	ck_assert_int_eq(setsockopt(near_pty, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (pty->queued == 0) {
		wait_for_pace();
		server_sends(ip_frame(40), 40);
		taken++;
	}
	ck_assert(!pty->hung_up);
	for (size_t i = 1; i < taken; i++)
		ck_pppd_gets(ip_frame(40), 40);
	ck_pppd_gets_nothing();
	pty->ops->flush(pty);
	ck_pppd_gets(ip_frame(40), 40);
}
END_TEST

START_TEST(pty_sync_takes_a_closed_pty_for_the_end)
{
	signal(SIGPIPE, SIG_IGN);
	close(pppd);
	pppd = -1;
	server_sends(ip_frame(40), 40);
	ck_assert(pty->hung_up);
	ck_assert_int_eq(pty->error, 0);
}
END_TEST

START_TEST(pty_sync_tells_an_error_of_the_pty)
{
	pty_hang_up(pty, EIO);
	ck_assert(pty->hung_up);
	ck_assert_int_eq(pty->error, EIO);
}
END_TEST

START_TEST(pty_sync_rejects_the_servers_header_compression_in_pppds_name)
{
	server_sends(acfc, sizeof(acfc));
	ck_pppd_gets_nothing();
	ck_assert_uint_eq(net_tx_queued(&tx), 1);
	net_tx_flush(&tx, 0, 0);
	ck_server_gets(no_acfc, sizeof(no_acfc));
	while (!net_tx_is_full(&tx))
		net_tx_add(&tx, 40);
	unsigned full = net_tx_queued(&tx);
	server_sends(acfc, sizeof(acfc));
	ck_assert_uint_eq(net_tx_queued(&tx), full);
}
END_TEST

START_TEST(pty_sync_rejects_pppds_compression_in_the_servers_name)
{
	pppd_writes(deflate, sizeof(deflate));
	gateway_reads(0);
	ck_server_gets_nothing();
	ck_pppd_gets(no_deflate, sizeof(no_deflate));
	pty->write_after_us = INT64_MAX;
	server_sends(ip_frame(300), 300);
	pppd_writes(deflate, sizeof(deflate));
	gateway_reads(0);
	pty->write_after_us = 0;
	pty->ops->flush(pty);
	ck_pppd_gets(ip_frame(300), 300); /* which waited */
	ck_pppd_gets_nothing();
}
END_TEST

START_TEST(pty_sync_drops_a_partial_copy_before_the_frame)
{
	uint8_t both[160];
	memcpy(both, ip_frame(100), 60);
	memcpy(both + 60, ip_frame(100), 100);
	pppd_writes(both, sizeof(both));
	gateway_reads(0);
	ck_server_gets(ip_frame(100), 100);
	ck_server_gets_nothing();
	ck_assert_uint_eq(stats.tx_bad_frames, 0);
}
END_TEST

/* The last read brings the end of a long frame, others behind it, and the start of one that waits. */
START_TEST(pty_sync_moves_the_start_of_a_frame_to_the_front)
{
	enum {
		LONG = 8000,
		SHORT = 150,
		COUNT = 25,
		FIRST = 4000,
		SECOND = 3900,
	};
	static uint8_t stream[LONG + (COUNT + 1) * SHORT];
	const size_t all = sizeof(stream) - SHORT / 2;
	memcpy(stream, ip_frame(LONG), LONG);
	for (size_t at = LONG; at < sizeof(stream); at += SHORT)
		memcpy(stream + at, ip_frame(SHORT), SHORT);
	pppd_writes(stream, FIRST);
	gateway_reads(0);
	pppd_writes(stream + FIRST, SECOND);
	gateway_reads(0);
	ck_server_gets_nothing();
	pppd_writes(stream + FIRST + SECOND, all - FIRST - SECOND);
	gateway_reads(0);
	ck_server_gets(ip_frame(LONG), LONG);
	for (int i = 0; i < COUNT; i++)
		ck_server_gets(ip_frame(SHORT), SHORT);
	ck_server_gets_nothing();
	pppd_writes(stream + all, sizeof(stream) - all);
	gateway_reads(0);
	ck_server_gets(ip_frame(SHORT), SHORT);
	ck_assert_uint_eq(stats.tx_bad_frames, 0);
}
END_TEST

/* MPPE, whose end shows in what comes behind it alone. */
static void make_mppe(uint8_t *frame, size_t len)
{
	memset(frame, 0x11, len);
	memcpy(frame, "\xff\x03\x00\xfd\x90\x01", 6);
}

START_TEST(pty_sync_takes_an_empty_pty_for_the_end_of_the_frame)
{
	uint8_t frame[PTY_READ_CAP - 1];
	make_mppe(frame, sizeof(frame));
	pppd_writes(frame, sizeof(frame));
	gateway_reads(0);
	ck_server_gets(frame, sizeof(frame));
	ck_assert_int_eq(pty->read_deadline_us, DEADLINE_NEVER);
}
END_TEST

START_TEST(pty_sync_waits_a_millisecond_for_more_once_the_pty_was_full)
{
	uint8_t frame[PTY_READ_CAP];
	make_mppe(frame, sizeof(frame));
	pppd_writes(frame, sizeof(frame));
	gateway_reads(77);
	ck_server_gets_nothing();
	ck_assert_int_eq(pty->read_deadline_us, 77 + USEC_PER_MSEC);
	ck_assert(!pty->has_input);
	gateway_reads(500);
	ck_server_gets_nothing();
	ck_assert_int_eq(pty->read_deadline_us, 77 + USEC_PER_MSEC);
	pty->ops->on_read_deadline(pty, 77 + USEC_PER_MSEC);
	ck_server_gets(frame, sizeof(frame));
	ck_assert_int_eq(pty->read_deadline_us, DEADLINE_NEVER);
	/* The pty was found empty. */
	make_mppe(frame, 40);
	pppd_writes(frame, 40);
	gateway_reads(0);
	ck_server_gets(frame, 40);
}
END_TEST

START_TEST(pty_sync_joins_what_comes_while_it_waits)
{
	uint8_t frame[PTY_READ_CAP + 100];
	make_mppe(frame, sizeof(frame));
	pppd_writes(frame, PTY_READ_CAP);
	gateway_reads(0);
	ck_server_gets_nothing();
	pppd_writes(frame + PTY_READ_CAP, 100);
	gateway_reads(500);
	ck_server_gets_nothing();
	pty->ops->on_read_deadline(pty, 1500);
	ck_server_gets(frame, sizeof(frame));
	ck_server_gets_nothing();
}
END_TEST

/* One that states its length is waited for as long as it takes. */
START_TEST(pty_sync_keeps_the_start_of_a_frame_without_a_deadline)
{
	pppd_writes(ip_frame(100), 50);
	gateway_reads(0);
	ck_server_gets_nothing();
	ck_assert_int_eq(pty->read_deadline_us, DEADLINE_NEVER);
	ck_assert(!pty->has_input);
	pppd_writes(ip_frame(100) + 50, 50);
	gateway_reads(0);
	ck_server_gets(ip_frame(100), 100);
}
END_TEST

START_TEST(pty_sync_reads_four_times_at_once)
{
	for (unsigned i = 0; i < PTY_READS + 1; i++)
		pppd_writes(ip_frame(60), 60);
	gateway_reads(0);
	for (unsigned i = 0; i < PTY_READS; i++)
		ck_server_gets(ip_frame(60), 60);
	ck_server_gets_nothing();
	gateway_reads(0);
	ck_server_gets(ip_frame(60), 60);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pty_sync_pacing");
	TCase *tc = tcase_create("pty_sync_pacing");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, pty_sync_has_the_lowest_priority_so_that_the_ptys_thread_runs_first);
	tcase_add_test(tc, pty_sync_pads_short_frames_with_zeros);
	tcase_add_test(tc, pty_sync_drops_what_the_kernel_would_cut_in_two);
	tcase_add_test(tc, pty_sync_waits_between_two_writes);
	tcase_add_test(tc, pty_sync_keeps_a_frame_while_the_pty_is_full);
	tcase_add_test(tc, pty_sync_takes_a_closed_pty_for_the_end);
	tcase_add_test(tc, pty_sync_tells_an_error_of_the_pty);
	tcase_add_test(tc, pty_sync_rejects_the_servers_header_compression_in_pppds_name);
	tcase_add_test(tc, pty_sync_rejects_pppds_compression_in_the_servers_name);
	tcase_add_test(tc, pty_sync_drops_a_partial_copy_before_the_frame);
	tcase_add_test(tc, pty_sync_moves_the_start_of_a_frame_to_the_front);
	tcase_add_test(tc, pty_sync_takes_an_empty_pty_for_the_end_of_the_frame);
	tcase_add_test(tc, pty_sync_waits_a_millisecond_for_more_once_the_pty_was_full);
	tcase_add_test(tc, pty_sync_joins_what_comes_while_it_waits);
	tcase_add_test(tc, pty_sync_keeps_the_start_of_a_frame_without_a_deadline);
	tcase_add_test(tc, pty_sync_reads_four_times_at_once);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
