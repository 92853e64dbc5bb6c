/* SPDX-License-Identifier: ISC */
/*
 * The data path in its loop: what is read, sent and given up on, and when. Socket pairs play the raw
 * socket and pppd's pty; packets and frames are whole.
 */
#include <errno.h>
#include <poll.h>
#include <time.h>

#include "datapath_fixture.h"
#include "fcs16_plain.h"

enum {
	FRAME = 1000,
	LARGE = 1400,
	OUR_CALL = 7,
};

/* The server sends a packet whose payload begins with its sequence number. */
static void send_packet_of(seq32 seq, uint16_t payload_len)
{
	uint8_t datagram[IP_HEADER + GRE_HEADER_MAX + PACKET_MAX + 1] = {0x45};
	struct gre_header h = {
	    .call_id = OUR_CALL, .payload_len = payload_len, .has_seq = true, .seq = seq};
	size_t len = IP_HEADER + gre_header_encode(&h, datagram + IP_HEADER);
	memcpy(datagram + len, &seq, sizeof(seq));
	len += payload_len;
	ck_assert_int_eq(send(network, datagram, len, 0), (ssize_t)len);
}

static void send_packet(seq32 seq)
{
	send_packet_of(seq, 4);
}

static void send_ack(seq32 ack)
{
	uint8_t datagram[IP_HEADER + GRE_HEADER_MAX] = {0x45};
	struct gre_header h = {.call_id = OUR_CALL, .has_ack = true, .ack = ack};
	size_t len = IP_HEADER + gre_header_encode(&h, datagram + IP_HEADER);
	ck_assert_int_eq(send(network, datagram, len, 0), (ssize_t)len);
}

static void write_frame_from_pppd(void)
{
	uint8_t frame[FRAME] = {0xff, 0x03, 0x00, 0x21};
	uint8_t bytes[HDLC_ENCODED_MAX(FRAME)];
	size_t len = hdlc_encode(fcs16_plain, frame, sizeof(frame), HDLC_ACCM_NONE, true, bytes);
	ck_assert_int_eq(write(pppd, bytes, len), (ssize_t)len);
}

static void drop_packets_to_the_server(void)
{
	uint8_t bytes[2048];
	while (recv(network, bytes, sizeof(bytes), 0) > 0)
		;
}

START_TEST(overdue_packet_in_the_socket_is_not_given_up_on)
{
	send_packet(1);
	send_packet(3);
	run_for(WAIT_US / 10);
	ck_assert_uint_eq(path->stats.rx_buffered, 1);
	send_packet(2);
	/* The gateway is not scheduled until long after the deadline. */
	(void)poll(NULL, 0, (int)(WAIT_US / USEC_PER_MSEC) + 50);
	run_for(WAIT_US / 10);
	ck_assert_uint_eq(path->stats.rx_accepted, 3);
	ck_assert_uint_eq(path->stats.rx_lost, 0);
}
END_TEST

START_TEST(overdue_packet_behind_many_others_is_not_given_up_on)
{
	send_packet(1);
	send_packet(3);
	run_for(WAIT_US / 10);
	for (seq32 seq = 4; seq <= 200; seq++)
		send_packet(seq);
	send_packet(2);
	(void)poll(NULL, 0, (int)(WAIT_US / USEC_PER_MSEC) + 50);
	run_for(WAIT_US / 10);
	ck_assert_uint_eq(path->stats.rx_accepted, 200);
	ck_assert_uint_eq(path->stats.rx_lost, 0);
}
END_TEST

START_TEST(what_is_behind_a_missing_packet_is_delivered_when_its_wait_ends)
{
	send_packet(1);
	send_packet(3);
	run_for(2 * WAIT_US);
	ck_assert_uint_eq(path->stats.rx_accepted, 2);
	ck_assert_uint_eq(path->stats.rx_lost, 1);
}
END_TEST

/* So much the kernel returns of a pty at once: the rest is not left to the next wait. */
START_TEST(a_full_read_of_pppd_is_followed_by_another)
{
	uint8_t bytes[PTY_READ_CAP + 1];
	memset(bytes, 0x7e, sizeof(bytes)); /* flags, between which there is no frame */
	ck_assert_int_eq(write(pppd, bytes, sizeof(bytes)), (ssize_t)sizeof(bytes));
	path->in_watch.revents = POLLIN;
	path->in_watch.ready(path, loop_now_us(&loop));
	ck_assert_int_eq(recv(near_pty, bytes, 1, MSG_PEEK), -1);
}
END_TEST

static int64_t cpu_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

START_TEST(due_acknowledgment_waits_for_a_full_socket_without_busy_loop)
{
	int small = 1; /* the kernel makes it its least */
	ck_assert_int_eq(setsockopt(near_gre, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (path->tx.wait != NET_TX_WAIT_SOCKET) {
		write_frame_from_pppd();
		run_for(USEC_PER_MSEC);
	}
	for (seq32 seq = 1; seq <= 40; seq++)
		send_packet(seq);
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.rx_accepted, 40);
	ck_assert_int_le(
	    gre_session_ack_deadline(&path->session), loop_now_us(&loop)); /* it is due */

	int64_t before_us = cpu_us();
	run_for(300 * USEC_PER_MSEC);
	ck_assert_int_lt(cpu_us() - before_us, 60 * USEC_PER_MSEC);
	ck_assert(path->tx.wait == NET_TX_WAIT_SOCKET);
}
END_TEST

static void process_packets(seq32 from, seq32 to, int64_t now_us)
{
	for (seq32 seq = from; seq <= to; seq++)
		send_packet(seq);
	path->gre_watch.revents = POLLIN;
	path->gre_watch.ready(path, now_us);
}

/* The timer is for a server that stops: each wait of a busy gateway would set it and take it back. */
START_TEST(acknowledgment_is_sent_with_the_next_packet_or_by_a_timer_that_is_not_near)
{
	run_for(10 * USEC_PER_MSEC); /* pppd listens */
	int64_t now_us = loop_now_us(&loop);
	process_packets(1, 8, now_us);
	ck_assert_int_eq(path->timer.deadline_us, now_us + 5 * USEC_PER_MSEC);
	process_packets(9, 9, now_us + 4 * USEC_PER_MSEC);
	ck_assert_int_eq(path->timer.deadline_us, now_us + 9 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_acks, 0);
	process_packets(10, 10, now_us + 5 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_acks, 1);

	process_packets(11, 18, now_us + 6 * USEC_PER_MSEC);
	path->timer.expired(path, now_us + 11 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_acks, 2);

	/* So many may be a server's whole window. */
	process_packets(19, 26, now_us + 12 * USEC_PER_MSEC);
	process_packets(27, 34, now_us + 16 * USEC_PER_MSEC);
	ck_assert_int_eq(path->timer.deadline_us, now_us + 17 * USEC_PER_MSEC);
}
END_TEST

/* How long frames from the server wait for a pppd that listens after so long. */
static int64_t await_writing(int64_t listens_us)
{
	datapath_stop(path);
	pppd_listens = false;
	questions = 0;
	start_path(false);
	int64_t start_us = path->listen_us - 20 * USEC_PER_MSEC; /* it has been asked once */
	int64_t now_us = start_us;
	while (!path->rx.is_open) {
		ck_assert_int_lt(path->timer.deadline_us, start_us + 20 * USEC_PER_SEC);
		now_us = path->timer.deadline_us;
		pppd_listens = now_us >= start_us + listens_us;
		path->timer.expired(path, now_us);
	}
	return now_us - start_us;
}

/* It was seen to take 5.4 s to start. What is written before is lost, and repeated after 3 s. */
START_TEST(frames_wait_for_a_pppd_that_takes_six_seconds_to_start)
{
	int64_t waited_us = await_writing(6 * USEC_PER_SEC);
	ck_assert_int_ge(waited_us, 6 * USEC_PER_SEC);
	ck_assert_int_le(waited_us, 6 * USEC_PER_SEC + 20 * USEC_PER_MSEC);
	ck_assert_int_eq(last_questions, 0);
}
END_TEST

START_TEST(frames_are_written_after_ten_seconds_to_a_program_that_is_not_pppd)
{
	ck_assert_int_eq(await_writing(20 * USEC_PER_SEC), 10 * USEC_PER_SEC);
	ck_assert_int_eq(questions, 501);
	ck_assert_int_eq(last_questions, 1);
}
END_TEST

START_TEST(no_packet_is_read_after_the_drain_though_pppd_begins_to_listen)
{
	datapath_stop(path);
	pppd_listens = false;
	start_path(false);
	datapath_drain(path, loop_now_us(&loop));
	pppd_listens = true;
	write_frame_from_pppd();
	run_for(100 * USEC_PER_MSEC);
	ck_assert(path->pty->has_spoken);
	ck_assert(!path->rx.is_open);
}
END_TEST

START_TEST(refused_acknowledgment_is_sent_later_and_counts_as_no_failure)
{
	uint8_t bytes[2 * FRAME] = {0};
	while (send(near_gre, bytes, sizeof(bytes), 0) > 0)
		;
	for (seq32 seq = 1; seq <= 8; seq++)
		send_packet(seq);
	run_for(300 * USEC_PER_MSEC); /* longer than an acknowledgment is delayed */
	ck_assert_uint_eq(path->stats.rx_accepted, 8);
	ck_assert_uint_eq(path->stats.tx_acks + path->stats.tx_failed, 0);
	ck_assert(path->tx.wait == NET_TX_WAIT_SOCKET);

	drop_packets_to_the_server();
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_acks, 1);
	ck_assert_uint_eq(path->stats.tx_failed, 0);
	ck_assert_int_eq(recv(network, bytes, sizeof(bytes), 0), 12);
}
END_TEST

START_TEST(error_of_a_full_socket_is_cleared_while_nothing_is_read)
{
	while (path->tx.wait != NET_TX_WAIT_SOCKET) {
		write_frame_from_pppd();
		run_for(USEC_PER_MSEC);
	}
	path->rx.is_open = false;
	/* The far end closes with packets unread: the near end gets an error. */
	const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
	ck_assert_int_eq(connect(network, &unspecified, sizeof(unspecified)), 0);
	struct pollfd near = {.fd = near_gre};
	ck_assert_int_eq(poll(&near, 1, 0), 1);
	path->gre_watch.revents = near.revents;
	path->gre_watch.ready(path, loop_now_us(&loop));
	ck_assert_int_eq(poll(&near, 1, 0), 0);
	ck_assert_uint_eq(path->stats.rx_os_errors, 1);
}
END_TEST

/* Packets from `seq` on until pppd's side is full; the number of the next one. */
static seq32 fill_pppd(seq32 seq)
{
	int small = 1; /* the kernel makes it its least */
	ck_assert_int_eq(setsockopt(near_pty, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (path->pty->queued == 0) {
		send_packet(seq++);
		run_for(USEC_PER_MSEC);
	}
	return seq;
}

static void read_all_as_pppd(void)
{
	uint8_t bytes[4096];
	while (read(pppd, bytes, sizeof(bytes)) > 0)
		;
}

START_TEST(packets_gather_in_the_socket_while_pppd_takes_nothing)
{
	seq32 next = fill_pppd(1);
	path->stall_us = loop_now_us(&loop) + 10 * USEC_PER_SEC; /* not this time */
	uint64_t before = path->rx.datagrams;
	for (int i = 0; i < 5; i++)
		send_packet(next++);
	run_for(20 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->rx.datagrams, before);

	read_all_as_pppd();
	path->out_watch.ready(path, loop_now_us(&loop));
	ck_assert_uint_eq(path->rx.datagrams, before + 5);
	ck_assert_uint_eq(path->stats.rx_accepted, next - 1);
	ck_assert_uint_eq(path->pty->queued, 0);
}
END_TEST

/* As when pppd reads a little now and again: too much is queued for it for the socket to be read. */
START_TEST(acknowledgment_in_the_socket_does_not_time_out)
{
	send_window_init(&path->session.send_window, true, 8, 0);
	path->session.send_window.dev_us = 1; /* so that the time-out is 0.1 s */
	fill_pppd(1);
	path->stall_us = loop_now_us(&loop) + 10 * USEC_PER_SEC;
	write_frame_from_pppd();
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_sent, 1);
	send_ack(1);
	run_for(150 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.rx_acks, 1);
	ck_assert_uint_eq(path->session.send_window.window, 4);
}
END_TEST

START_TEST(packets_are_read_while_pppd_is_stuck)
{
	seq32 next = fill_pppd(1);
	for (int i = 0; i < 200; i++)
		send_packet(next++);
	run_for(100 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->rx.datagrams, next - 1);
	ck_assert(path->rx.stalled);
	read_all_as_pppd();
	run_for(20 * USEC_PER_MSEC);
	ck_assert(!path->rx.stalled);
}
END_TEST

START_TEST(a_stuck_pppd_is_known_at_the_deadline)
{
	(void)fill_pppd(1);
	ck_assert(!path->rx.stalled);
	path->timer.expired(path, path->stall_us);
	ck_assert(path->rx.stalled);
}
END_TEST

START_TEST(held_packet_that_just_fits_is_passed_on)
{
	send_packet(1);
	run_for(10 * USEC_PER_MSEC);
	path->pty->space = 3;
	send_packet_of(2, 4);
	path->gre_watch.revents = POLLIN;
	path->gre_watch.ready(path, loop_now_us(&loop));
	ck_assert_uint_eq(queue.count, 1);
	path->pty->space = 4;
	net_rx_flush(&path->rx);
	ck_assert_uint_eq(queue.count, 0);
	ck_assert_uint_eq(path->stats.rx_accepted, 2);
}
END_TEST

START_TEST(a_packet_that_is_too_long_to_be_held_is_counted)
{
	send_packet(1);
	send_packet_of(3, PACKET_MAX + 1);
	send_packet(2);
	run_for(WAIT_US / 10);
	ck_assert_uint_eq(path->stats.rx_accepted, 2);
	ck_assert_uint_eq(path->stats.rx_invalid, 1);
}
END_TEST

/* More than the buffer for pppd has space for; then pppd takes as much as it is given. */
START_TEST(all_held_packets_are_written_once_pppd_reads)
{
	seq32 next = fill_pppd(1);
	for (int i = 0; i < 3 * PTY_ASYNC_OUT_CAP / LARGE; i++) {
		send_packet_of(next++, LARGE);
		run_for(USEC_PER_MSEC);
	}
	run_for(20 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->rx.datagrams, next - 1);

	int large = 1 << 20;
	ck_assert_int_eq(setsockopt(near_pty, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	read_all_as_pppd();
	run_for(20 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.rx_accepted, next - 1);
	ck_assert_uint_eq(path->pty->queued, 0);
}
END_TEST

/* The queue is full, so the socket is not read: the missing packet may be there. */
START_TEST(gap_is_not_given_up_while_ready_packets_fill_the_queue)
{
	seq32 next = fill_pppd(1);
	while (queue.count < CAPACITY - 100) {
		send_packet_of(next++, LARGE);
		run_for(USEC_PER_MSEC);
	}
	seq32 missing = next++;
	while (queue.count < CAPACITY) {
		send_packet_of(next++, LARGE);
		run_for(USEC_PER_MSEC / 4);
	}
	for (int i = 0; i < 50; i++)
		send_packet(next++);
	send_packet(missing);
	run_for(2 * WAIT_US);
	ck_assert_uint_eq(path->stats.rx_lost, 0);

	int large = 1 << 20;
	ck_assert_int_eq(setsockopt(near_pty, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	for (int i = 0; i < 20; i++) {
		read_all_as_pppd();
		run_for(10 * USEC_PER_MSEC);
	}
	ck_assert_uint_eq(path->stats.rx_lost, 0);
	ck_assert_uint_eq(path->stats.rx_accepted, next - 1);
}
END_TEST

START_TEST(frame_buffer_is_in_the_arena_whatever_frames_are_queued)
{
	struct net_tx *tx = &path->tx;
	for (size_t at = 0; at < NET_TX_ARENA; at += 8) {
		tx->arena_at = at;
		tx->count = 0;
		if (net_tx_is_full(tx))
			break;
		ck_assert(
		    net_tx_frame_buffer(tx) + NET_TX_FRAME_CAP <= tx->arena + sizeof(tx->arena));
		net_tx_add(tx, PACKET_MAX);
		ck_assert(net_tx_frame_buffer(tx) <= tx->arena + sizeof(tx->arena));
	}
	tx->arena_at = 0;
	tx->count = 0;
}
END_TEST

START_TEST(frame_in_two_reads_is_sent_whole_behind_others)
{
	uint8_t frame[FRAME], bytes[4 * FRAME];
	int large = 1 << 16; /* all fits */
	ck_assert_int_eq(setsockopt(near_gre, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i % 100 + 1);
	size_t len = hdlc_encode(fcs16_plain, frame, sizeof(frame), HDLC_ACCM_NONE, true, bytes);
	for (int repeat = 0; repeat < 3; repeat++) {
		write_frame_from_pppd();
		ck_assert_int_eq(write(pppd, bytes, len / 2), (ssize_t)(len / 2));
		run_for(USEC_PER_MSEC);
		ck_assert_int_eq(
		    write(pppd, bytes + len / 2, len - len / 2), (ssize_t)(len - len / 2));
		run_for(USEC_PER_MSEC);
	}
	uint8_t packet[2 * FRAME];
	ssize_t n;
	int whole = 0;
	while ((n = recv(network, packet, sizeof(packet), 0)) > 0)
		whole += n > FRAME && memcmp(packet + n - FRAME, frame, FRAME) == 0;
	ck_assert_int_eq(whole, 3);
	ck_assert_uint_eq(path->stats.tx_sent, 6);
}
END_TEST

static void write_lcp_from_pppd(const uint8_t *frame, size_t len)
{
	uint8_t bytes[HDLC_ENCODED_MAX(64)];
	len = hdlc_encode(fcs16_plain, frame, len, HDLC_ACCM_ALL, true, bytes);
	ck_assert_int_eq(write(pppd, bytes, len), (ssize_t)len);
}

/* Until frames from pppd have been sent, or a second has passed. */
static void run_until_sent(uint64_t frames)
{
	for (int i = 0; i < 1000 && path->stats.tx_sent < frames; i++)
		run_for(USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_sent, frames);
}

/* What pppd gets next. */
static size_t run_until_pppd_reads(uint8_t *bytes, size_t cap)
{
	ssize_t n = -1;
	for (int i = 0; i < 1000 && n < 0; i++) {
		run_for(USEC_PER_MSEC);
		n = read(pppd, bytes, cap);
	}
	ck_assert_int_gt(n, 0);
	return (size_t)n;
}

/* Whether a control character that the server sends reaches pppd escaped. */
static bool is_escaped_for_pppd(seq32 seq)
{
	uint8_t bytes[64];
	send_packet(seq); /* its payload has bytes of 0 */
	return memchr(bytes, 0, run_until_pppd_reads(bytes, sizeof(bytes))) == NULL;
}

/* RFC 1662 section 7.1. */
START_TEST(control_characters_are_escaped_for_pppd_until_lcp_has_agreed_on_none)
{
	const uint8_t request[] = {0xff, 0x03, 0xc0, 0x21, 1, 7, 0, 10, 2, 6, 0, 0, 0, 0};
	uint8_t datagram[IP_HEADER + GRE_HEADER_MAX + sizeof(request)] = {0x45};
	const struct gre_header h = {
	    .call_id = OUR_CALL, .payload_len = sizeof(request), .has_seq = true, .seq = 3};
	size_t len = IP_HEADER + gre_header_encode(&h, datagram + IP_HEADER);
	uint8_t *ack = datagram + len;
	memcpy(ack, request, sizeof(request));
	ack[4] = 2;
	len += sizeof(request);

	ck_assert(is_escaped_for_pppd(1));
	write_lcp_from_pppd(request, sizeof(request));
	run_until_sent(1);
	ck_assert(is_escaped_for_pppd(2));
	ck_assert_int_eq(send(network, datagram, len, 0), (ssize_t)len);
	run_until_pppd_reads(datagram, sizeof(datagram));
	ck_assert(is_escaped_for_pppd(4)); /* pppd may not have read the Configure-Ack yet */
	write_frame_from_pppd();
	run_until_sent(2);
	ck_assert(!is_escaped_for_pppd(5));
	write_lcp_from_pppd(request, sizeof(request)); /* LCP starts anew */
	run_until_sent(3);
	ck_assert(is_escaped_for_pppd(6));
}
END_TEST

START_TEST(start_sends_one_empty_packet)
{
	/* K and version 1, PPP, payload length 0, the peer's call id */
	const uint8_t empty[] = {0x20, 0x01, 0x88, 0x0b, 0, 0, 0, SERVERS_CALL};
	uint8_t bytes[64];
	run_for(USEC_PER_MSEC);
	ck_assert_int_eq(recv(network, bytes, sizeof(bytes), 0), (ssize_t)sizeof(empty));
	ck_assert_mem_eq(bytes, empty, sizeof(empty));
	ck_assert_int_eq(recv(network, bytes, sizeof(bytes), 0), -1);
	ck_assert_uint_eq(path->stats.tx_sent + path->stats.tx_acks, 0);
}
END_TEST

START_TEST(refused_empty_packet_counts_as_no_failure)
{
	datapath_stop(path);
	const struct sockaddr unspecified = {.sa_family = AF_UNSPEC};
	ck_assert_int_eq(connect(near_gre, &unspecified, sizeof(unspecified)), 0);
	start_path(false);
	ck_assert_uint_eq(path->stats.tx_failed, 0);
}
END_TEST

START_TEST(first_packet_from_the_server_is_reported_once)
{
	run_for(10 * USEC_PER_MSEC);
	ck_assert(path->rx.datagrams == 0);
	ck_assert_int_eq(received_events, 0);
	/* A forged one, whose GRE header lacks the key flag, is none of the server's. */
	const uint8_t invalid[IP_HEADER + GRE_HEADER_MIN] = {0x45};
	ck_assert_int_eq(send(network, invalid, sizeof(invalid), 0), (ssize_t)sizeof(invalid));
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.rx_invalid, 1);
	ck_assert_int_eq(received_events, 0);
	send_packet(1);
	run_for(10 * USEC_PER_MSEC);
	send_packet(2);
	run_for(10 * USEC_PER_MSEC);
	ck_assert(path->rx.datagrams > 0);
	ck_assert_int_eq(received_events, 1);
}
END_TEST

/* Frames that pppd has read so far, and the sequence number that each carries in its payload. */
static struct hdlc_decoder decoder;
static uint8_t decoded[PACKET_MAX + FCS16_LEN];
static seq32 last_read;

/* Reads once, `cap` bytes at most; adds to the frames, and is false where there was nothing. */
static bool read_bytes_as_pppd(size_t cap, unsigned *frames)
{
	uint8_t bytes[4096];
	ssize_t n = read(pppd, bytes, cap);
	size_t used;
	for (size_t at = 0; n > 0 && at < (size_t)n; at += used) {
		if (hdlc_decode(&decoder, bytes + at, (size_t)n - at, &used) != HDLC_FRAME)
			continue;
		seq32 seq;
		memcpy(&seq, decoded, sizeof(seq));
		ck_assert(seq32_after(seq, last_read));
		last_read = seq;
		++*frames;
	}
	return n > 0;
}

static unsigned read_frames_as_pppd(void)
{
	unsigned frames = 0;
	while (read_bytes_as_pppd(4096, &frames))
		;
	return frames;
}

static void start_reading_as_pppd(void)
{
	hdlc_decoder_init(&decoder, fcs16_plain, decoded, sizeof(decoded));
	last_read = 0;
}

/* Whether anything still waits for pppd. */
static bool drain(void)
{
	datapath_drain(path, loop_now_us(&loop));
	return path->pty->queued > 0 || pqueue_head(&queue);
}

START_TEST(drain_passes_on_the_socket_and_held_packets_past_gaps_in_order)
{
	start_reading_as_pppd();
	send_packet(1);
	send_packet(4);
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(read_frames_as_pppd(), 1);
	for (seq32 seq = 200; seq > 100; seq--)
		send_packet(seq);
	send_packet(3);
	ck_assert(!drain());
	ck_assert_uint_eq(read_frames_as_pppd(), 102);
	ck_assert_uint_eq(last_read, 200);
	ck_assert_uint_eq(path->stats.rx_lost, 1 + 96);
}
END_TEST

/* A flood must not keep the gateway from its end: 32 batches, here of the one packet that has space. */
START_TEST(drain_reads_32_batches_and_no_more)
{
	queue.capacity = 10;
	send_packet(1);
	for (seq32 seq = 101; seq < 110; seq++)
		send_packet(seq);
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->rx.datagrams, 10);
	ck_assert_uint_eq(queue.count, 9);
	for (seq32 seq = 2; seq < 42; seq++)
		send_packet(seq);
	drain();
	ck_assert_uint_eq(path->rx.datagrams, 10 + 32);
}
END_TEST

/* It is received in two pieces. */
START_TEST(longest_packet_reaches_pppd_whole_and_changes_nothing_behind_its_buffer)
{
	static uint8_t datagram[IP_HEADER + GRE_HEADER_MAX + PACKET_MAX] = {0x45};
	const struct gre_header h = {
	    .call_id = OUR_CALL, .payload_len = PACKET_MAX, .has_seq = true, .seq = 1};
	uint8_t *payload = datagram + IP_HEADER + gre_header_encode(&h, datagram + IP_HEADER);
	for (size_t i = 0; i < PACKET_MAX; i++)
		payload[i] = (uint8_t)(i * 7);
	const seq32 seq = 1;
	memcpy(payload, &seq, sizeof(seq));
	const size_t len = (size_t)(payload - datagram) + PACKET_MAX;
	const struct net_tx_config before = path->tx.config;

	start_reading_as_pppd();
	ck_assert_int_eq(send(network, datagram, len, 0), (ssize_t)len);
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(read_frames_as_pppd(), 1);
	ck_assert_mem_eq(decoded, payload, PACKET_MAX);
	ck_assert_mem_eq(&path->tx.config, &before, sizeof(before));
}
END_TEST

START_TEST(what_pppd_does_not_take_at_once_is_written_after_the_drain)
{
	start_reading_as_pppd();
	seq32 next = fill_pppd(1);
	for (int i = 0; i < 200; i++)
		send_packet(next++);
	ck_assert(drain());
	run_for(10 * USEC_PER_MSEC);
	ck_assert(drain());
	unsigned frames = 0;
	for (int i = 0; i < 100 && frames < next - 1; i++) {
		frames += read_frames_as_pppd();
		run_for(USEC_PER_MSEC);
	}
	ck_assert_uint_eq(frames, next - 1);
	ck_assert(!drain());
}
END_TEST

/* The buffer for pppd is emptied in parts, and filled again before it is empty. */
START_TEST(frames_reach_pppd_whole_however_little_it_takes)
{
	start_reading_as_pppd();
	seq32 next = fill_pppd(1);
	unsigned frames = 0;
	for (int i = 0; i < 2 * PTY_ASYNC_OUT_CAP / LARGE; i++) { /* what is held fills it again */
		send_packet_of(next++, LARGE);
		run_for(USEC_PER_MSEC);
	}
	while (next < 6 * PTY_ASYNC_OUT_CAP / LARGE) {
		for (int i = 0; i < 8 && path->rx.datagrams == next - 1; i++)
			send_packet_of(next + (seq32)i, LARGE);
		next += path->rx.datagrams == next - 1 ? 8 : 0;
		(void)read_bytes_as_pppd(next % 3 ? 700 : 3000, &frames);
		run_for(USEC_PER_MSEC);
	}
	for (int i = 0; i < 1000 && frames < next - 1; i++) {
		(void)read_bytes_as_pppd(1000, &frames);
		run_for(USEC_PER_MSEC);
	}
	ck_assert_uint_eq(frames, next - 1);
	ck_assert_uint_eq(path->pty->queued, 0);
}
END_TEST

static void expect_hang_up(void)
{
	pppd_closed = true;
	ck_assert_int_eq(shutdown(pppd, SHUT_RDWR), 0);
	for (int i = 0; i < 1000 && hung_up_events == 0; i++)
		run_for(USEC_PER_MSEC);
	ck_assert_int_eq(hung_up_events, 1);
}

START_TEST(hang_up_after_the_drain_is_reported)
{
	drain();
	write_frame_from_pppd();
	expect_hang_up();
}
END_TEST

/* As when the server's host is gone: no process would wait for the socket. */
START_TEST(hang_up_is_reported_while_frames_wait_for_the_socket)
{
	while (path->tx.wait != NET_TX_WAIT_SOCKET) {
		write_frame_from_pppd();
		run_for(USEC_PER_MSEC);
	}
	for (int i = 0; i < 8; i++) /* more than one read brings */
		write_frame_from_pppd();
	run_for(USEC_PER_MSEC);
	ck_assert_int_eq(hung_up_events, 0);
	expect_hang_up();
}
END_TEST

/* --sync paces its writes: the frames of one drain follow by a timer. */
START_TEST(drain_with_a_synchronous_pty_writes_one_frame_after_the_other)
{
	datapath_stop(path);
	start_path(true);
	run_for(10 * USEC_PER_MSEC);
	for (seq32 seq = 1; seq <= 3; seq++)
		send_packet(seq);
	ck_assert(drain());
	for (int i = 0; i < 100 && drain(); i++)
		run_for(10 * USEC_PER_MSEC);
	ck_assert(!drain());
	uint8_t bytes[4096];
	ck_assert_int_eq(read(pppd, bytes, sizeof(bytes)), 3 * 256);
}
END_TEST

START_TEST(write_that_was_paced_is_made_when_its_time_has_come)
{
	uint8_t bytes[512];
	datapath_stop(path);
	start_path(true);
	path->pty->write_after_us = loop_now_us(&loop) + 10 * USEC_PER_SEC;
	send_packet(1);
	run_for(USEC_PER_MSEC);
	ck_assert_uint_eq(path->pty->queued, 256);
	path->timer.expired(path, loop_now_us(&loop));
	ck_assert_int_eq(read(pppd, bytes, sizeof(bytes)), -1);
	path->pty->write_after_us = loop_now_us(&loop);
	path->timer.expired(path, loop_now_us(&loop));
	ck_assert_int_eq(read(pppd, bytes, sizeof(bytes)), 256);
}
END_TEST

/* UDP in place of the raw socket counts as well what it has no space for. */
START_TEST(packets_that_the_kernel_dropped_are_counted)
{
	enum {
		SENT = 300
	};
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int on = 1, small = 1;
	datapath_stop(path);
	close(near_gre);
	close(network);
	near_gre = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	network = socket(AF_INET, SOCK_DGRAM, 0);
	ck_assert_int_eq(bind(near_gre, (const struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(getsockname(near_gre, (struct sockaddr *)&address, &len), 0);
	ck_assert_int_eq(connect(network, (const struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(setsockopt(near_gre, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)), 0);
	ck_assert_int_eq(setsockopt(near_gre, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	start_path(false);
	seq32 seq = 1;
	for (int i = 0; i < 2; i++) {
		while (seq <= (seq32)(i + 1) * SENT)
			send_packet(seq++);
		run_for(USEC_PER_MSEC);
		send_packet(seq++); /* tells the number */
		run_for(USEC_PER_MSEC);
		ck_assert_uint_gt(path->stats.rx_kernel_drops, (uint64_t)i * SENT / 2);
		ck_assert_uint_eq(path->stats.rx_kernel_drops + path->rx.datagrams, seq - 1);
	}
}
END_TEST

/* The struct still holds the whole state of the first call: a gap, a full pty, half a frame of pppd's,
 * a blocked socket, a drain. */
START_TEST(second_start_begins_a_call_of_its_own)
{
	fill_pppd(100);
	send_packet(1000);
	while (path->tx.wait != NET_TX_WAIT_SOCKET) {
		write_frame_from_pppd();
		run_for(USEC_PER_MSEC);
	}
	ck_assert_int_eq(write(pppd, "~half", 5), 5);
	run_for(USEC_PER_MSEC);
	drain();
	datapath_stop(path);
	read_all_as_pppd();
	drop_packets_to_the_server();

	received_events = 0;
	start_path(false);
	ck_assert_uint_eq(path->stats.tx_sent, 0);
	ck_assert_uint_eq(path->stats.rx_accepted, 0);
	ck_assert(path->rx.datagrams == 0);
	drop_packets_to_the_server();
	write_frame_from_pppd();
	start_reading_as_pppd();
	send_packet(1);
	send_packet(2);
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(read_frames_as_pppd(), 2);
	ck_assert_int_eq(received_events, 1);
	ck_assert_uint_eq(path->stats.tx_sent, 1);
	uint8_t bytes[2 * FRAME];
	ck_assert_int_gt(recv(network, bytes, sizeof(bytes), 0), FRAME);
}
END_TEST

/* As where pppd redials between our poll and our read: the far end is closed no more. */
START_TEST(hang_up_is_reported_though_pppd_has_opened_the_pty_again)
{
	write_frame_from_pppd();
	pppd_closed = true;
	path->in_watch.revents = POLLIN | POLLHUP;
	path->in_watch.ready(path, loop_now_us(&loop));
	ck_assert_uint_eq(path->stats.tx_sent, 1);
	ck_assert_int_eq(hung_up_events, 1);
}
END_TEST

START_TEST(gauges_are_what_waits_for_pppd_and_for_the_socket)
{
	fill_pppd(1);
	while (path->tx.wait != NET_TX_WAIT_SOCKET) {
		write_frame_from_pppd();
		run_for(USEC_PER_MSEC);
	}
	ck_assert_uint_eq(path->stats.pty_queue_bytes + path->stats.send_queue, 0);
	datapath_update_gauges(path);
	ck_assert_uint_eq(path->stats.pty_queue_bytes, path->pty->queued);
	ck_assert_uint_gt(path->stats.pty_queue_bytes, 0);
	ck_assert_uint_eq(path->stats.send_queue, 1);
	ck_assert_uint_eq(path->stats.in_flight, path->stats.tx_sent + 1);
	datapath_stop(path);
	path->stats.send_queue = 77;
	datapath_update_gauges(path);
	ck_assert_uint_eq(path->stats.send_queue, 77);
}
END_TEST

START_TEST(facts_are_what_was_asked_sent_received_and_why_nothing_is_sent)
{
	static const uint8_t echo[] = {0xff, 0x03, 0xc0, 0x21, 9, 1, 0, 8, 1, 2, 3, 4};
	uint8_t bytes[HDLC_ENCODED_MAX(sizeof(echo))];
	struct silence_facts facts = {.seen = SILENCE_OTHER_CALL};
	size_t len = hdlc_encode(fcs16_plain, echo, sizeof(echo), HDLC_ACCM_ALL, true, bytes);
	ck_assert_int_eq(write(pppd, bytes, len), (ssize_t)len);
	write_frame_from_pppd();
	send_packet(1);
	run_for(USEC_PER_MSEC);
	datapath_count_facts(path, &facts);
	ck_assert_uint_eq(facts.asked, 1);
	ck_assert_uint_eq(facts.sent, 2);
	ck_assert_uint_eq(facts.received, 1);
	ck_assert_int_eq(facts.refusal, 0);
	ck_assert_int_eq(facts.seen, SILENCE_OTHER_CALL); /* is not the path's to know */
	path->tx.refusal = EPERM;
	datapath_count_facts(path, &facts);
	ck_assert_int_eq(facts.refusal, EPERM);
	/* A server that has acknowledged on its own is asked by each packet. */
	send_ack(1);
	run_for(USEC_PER_MSEC);
	datapath_count_facts(path, &facts);
	ck_assert_uint_eq(facts.asked, 3);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("datapath");
	TCase *tc = tcase_create("datapath");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, overdue_packet_in_the_socket_is_not_given_up_on);
	tcase_add_test(tc, overdue_packet_behind_many_others_is_not_given_up_on);
	tcase_add_test(tc, what_is_behind_a_missing_packet_is_delivered_when_its_wait_ends);
	tcase_add_test(tc, a_full_read_of_pppd_is_followed_by_another);
	tcase_add_test(tc, due_acknowledgment_waits_for_a_full_socket_without_busy_loop);
	tcase_add_test(
	    tc, acknowledgment_is_sent_with_the_next_packet_or_by_a_timer_that_is_not_near);
	tcase_add_test(tc, frames_wait_for_a_pppd_that_takes_six_seconds_to_start);
	tcase_add_test(tc, frames_are_written_after_ten_seconds_to_a_program_that_is_not_pppd);
	tcase_add_test(tc, no_packet_is_read_after_the_drain_though_pppd_begins_to_listen);
	tcase_add_test(tc, refused_acknowledgment_is_sent_later_and_counts_as_no_failure);
	tcase_add_test(tc, error_of_a_full_socket_is_cleared_while_nothing_is_read);
	tcase_add_test(tc, packets_gather_in_the_socket_while_pppd_takes_nothing);
	tcase_add_test(tc, acknowledgment_in_the_socket_does_not_time_out);
	tcase_add_test(tc, packets_are_read_while_pppd_is_stuck);
	tcase_add_test(tc, a_stuck_pppd_is_known_at_the_deadline);
	tcase_add_test(tc, held_packet_that_just_fits_is_passed_on);
	tcase_add_test(tc, a_packet_that_is_too_long_to_be_held_is_counted);
	tcase_add_test(tc, all_held_packets_are_written_once_pppd_reads);
	tcase_add_test(tc, gap_is_not_given_up_while_ready_packets_fill_the_queue);
	tcase_add_test(tc, frame_buffer_is_in_the_arena_whatever_frames_are_queued);
	tcase_add_test(tc, frame_in_two_reads_is_sent_whole_behind_others);
	tcase_add_test(tc, control_characters_are_escaped_for_pppd_until_lcp_has_agreed_on_none);
	tcase_add_test(tc, start_sends_one_empty_packet);
	tcase_add_test(tc, refused_empty_packet_counts_as_no_failure);
	tcase_add_test(tc, first_packet_from_the_server_is_reported_once);
	tcase_add_test(tc, drain_passes_on_the_socket_and_held_packets_past_gaps_in_order);
	tcase_add_test(tc, drain_reads_32_batches_and_no_more);
	tcase_add_test(tc, longest_packet_reaches_pppd_whole_and_changes_nothing_behind_its_buffer);
	tcase_add_test(tc, what_pppd_does_not_take_at_once_is_written_after_the_drain);
	tcase_add_test(tc, frames_reach_pppd_whole_however_little_it_takes);
	tcase_add_test(tc, hang_up_after_the_drain_is_reported);
	tcase_add_test(tc, hang_up_is_reported_while_frames_wait_for_the_socket);
	tcase_add_test(tc, hang_up_is_reported_though_pppd_has_opened_the_pty_again);
	tcase_add_test(tc, drain_with_a_synchronous_pty_writes_one_frame_after_the_other);
	tcase_add_test(tc, write_that_was_paced_is_made_when_its_time_has_come);
	tcase_add_test(tc, packets_that_the_kernel_dropped_are_counted);
	tcase_add_test(tc, second_start_begins_a_call_of_its_own);
	tcase_add_test(tc, gauges_are_what_waits_for_pppd_and_for_the_socket);
	tcase_add_test(tc, facts_are_what_was_asked_sent_received_and_why_nothing_is_sent);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
