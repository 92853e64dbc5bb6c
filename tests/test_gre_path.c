/* SPDX-License-Identifier: ISC */
/*
 * The data path in its loop: what is read, sent and given up when. Socket pairs stand for the raw
 * socket and for pppd's pty; packets and frames are whole.
 */
#include "gateway/datapath.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fresh_memory.h"
#include "unit.h"

enum {
	CAPACITY = 512,
	IP_HEADER = 20,
	FRAME = 1000,
	LARGE = 1400,
	OUR_CALL = 7,
	SERVERS_CALL = 8,
};
#define WAIT_US (200 * USEC_PER_MSEC)

static struct loop loop;
static struct gre_path *path;
static struct pqueue_entry entries[CAPACITY];
static uint8_t slots[CAPACITY * PACKET_MAX];
static struct loop_timer end;
static int network, pppd; /* the far ends */
static int near_gre, near_pty;

static void pair(int type, int *near_fd, int *far_fd)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds), 0);
	*near_fd = fds[0];
	*far_fd = fds[1];
}

static bool listens(void *context)
{
	(void)context;
	return true;
}

static void speaks(void *context)
{
	(void)context;
}

static void hung_up(void *context, int error)
{
	(void)context;
	ck_abort_msg("hung up with %d", error);
}

static void refused(void *context, const char *why)
{
	(void)context;
	ck_abort_msg("%s", why);
}

static void end_run(void *context, int64_t now_us)
{
	(void)context;
	(void)now_us;
	loop_stop(&loop);
}

static void run_for(int64_t us)
{
	end.deadline_us = loop_now_us() + us;
	ck_assert_int_eq(loop_run(&loop), 0);
}

static void set_up(void)
{
	pair(SOCK_DGRAM, &near_gre, &network);
	pair(SOCK_STREAM, &near_pty, &pppd);
	ck_assert_int_eq(loop_init(&loop), 0);
	path = fresh_memory(sizeof(*path));
	ck_assert_ptr_nonnull(path);
	struct gre_path_config config = {
	    .session =
		{
		    .peer_call_id = SERVERS_CALL,
		    .our_window = CAPACITY,
		    .server_window = CAPACITY,
		    .reorder = true,
		    .fixed_wait_us = WAIT_US,
		    .missing_window = 300,
		},
	    .pty_in = near_pty,
	    .pty_out = near_pty,
	    .gre = near_gre,
	    .queue_entries = entries,
	    .queue_slots = slots,
	    .queue_capacity = CAPACITY,
	    .queue_slot_len = PACKET_MAX,
	};
	struct gre_path_events events = {listens, speaks, hung_up, refused, NULL};
	ck_assert_int_eq(gre_path_start(path, &config, &events, &loop, loop_now_us()), 0);
	end = (struct loop_timer){.deadline_us = DEADLINE_NEVER, .expired = end_run};
	loop_timer_add(&loop, &end);
}

static void tear_down(void)
{
	gre_path_stop(path);
	loop_free(&loop);
	munmap(path, sizeof(*path));
	close(near_gre);
	close(near_pty);
	close(network);
	close(pppd);
}

/* The server sends a packet with `seq`. */
static void arrive_with(seq32 seq, uint16_t payload_len)
{
	uint8_t datagram[IP_HEADER + GRE_HEADER_MAX + LARGE] = {0x45};
	struct gre_header h = {
	    .call_id = OUR_CALL, .payload_len = payload_len, .has_seq = true, .seq = seq};
	size_t len = IP_HEADER + gre_encode(&h, datagram + IP_HEADER) + h.payload_len;
	ck_assert_int_eq(send(network, datagram, len, 0), (ssize_t)len);
}

static void arrive(seq32 seq)
{
	arrive_with(seq, 4);
}

static void arrive_ack(seq32 ack)
{
	uint8_t datagram[IP_HEADER + GRE_HEADER_MAX] = {0x45};
	struct gre_header h = {.call_id = OUR_CALL, .has_ack = true, .ack = ack};
	size_t len = IP_HEADER + gre_encode(&h, datagram + IP_HEADER);
	ck_assert_int_eq(send(network, datagram, len, 0), (ssize_t)len);
}

static void pppd_writes_a_frame(void)
{
	uint8_t frame[FRAME] = {0xff, 0x03, 0x00, 0x21};
	uint8_t octets[HDLC_ENCODED_MAX(FRAME)];
	size_t len =
	    hdlc_encode(hdlc_fcs_plain, frame, sizeof(frame), HDLC_ACCM_NONE, true, octets);
	ck_assert_int_eq(write(pppd, octets, len), (ssize_t)len);
}

START_TEST(a_packet_that_waits_in_the_socket_is_not_given_up)
{
	arrive(1);
	arrive(3);
	run_for(WAIT_US / 10);
	ck_assert_uint_eq(path->stats.rx_buffered, 1);
	arrive(2);
	/* The gateway is not scheduled until the wait is long over. */
	(void)poll(NULL, 0, (int)(WAIT_US / USEC_PER_MSEC) + 50);
	run_for(WAIT_US / 10);
	ck_assert_uint_eq(path->stats.rx_accepted, 3);
	ck_assert_uint_eq(path->stats.rx_lost, 0);
}
END_TEST

START_TEST(a_packet_that_waits_behind_many_others_is_not_given_up)
{
	arrive(1);
	arrive(3);
	run_for(WAIT_US / 10);
	for (seq32 seq = 4; seq <= 200; seq++)
		arrive(seq);
	arrive(2);
	(void)poll(NULL, 0, (int)(WAIT_US / USEC_PER_MSEC) + 50);
	run_for(WAIT_US / 10);
	ck_assert_uint_eq(path->stats.rx_accepted, 200);
	ck_assert_uint_eq(path->stats.rx_lost, 0);
}
END_TEST

static int64_t processor_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * USEC_PER_SEC + t.tv_nsec / 1000;
}

START_TEST(an_acknowledgment_waits_for_a_full_socket_without_turning_the_loop)
{
	int small = 1; /* the kernel makes it its least */
	ck_assert_int_eq(setsockopt(near_gre, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (!path->tx.wait_socket) {
		pppd_writes_a_frame();
		run_for(USEC_PER_MSEC);
	}
	for (seq32 seq = 1; seq <= 40; seq++)
		arrive(seq);
	run_for(USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.rx_accepted, 40);
	ck_assert_int_le(gre_session_deadline(&path->session), loop_now_us()); /* it is due */

	int64_t before_us = processor_us();
	run_for(300 * USEC_PER_MSEC);
	ck_assert_int_lt(processor_us() - before_us, 60 * USEC_PER_MSEC);
	ck_assert(path->tx.wait_socket);
}
END_TEST

START_TEST(an_error_of_a_full_socket_is_taken_while_nothing_is_read)
{
	while (!path->tx.wait_socket) {
		pppd_writes_a_frame();
		run_for(USEC_PER_MSEC);
	}
	path->rx.open = false;
	/* With packets unread: the near end is told by an error. */
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	ck_assert_int_eq(connect(network, &nobody, sizeof(nobody)), 0);
	struct pollfd near = {.fd = near_gre};
	ck_assert_int_eq(poll(&near, 1, 0), 1);
	path->gre_watch.ready(path, near.revents, loop_now_us());
	ck_assert_int_eq(poll(&near, 1, 0), 0);
	ck_assert_uint_eq(path->stats.rx_os_errors, 1);
}
END_TEST

/* Packets from `seq` on until pppd's side is full; the number of the next one. */
static seq32 fill_pppd(seq32 seq)
{
	int small = 1; /* the kernel makes it its least */
	ck_assert_int_eq(setsockopt(near_pty, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	while (gre_rx_waiting(path) == 0) {
		arrive(seq++);
		run_for(USEC_PER_MSEC);
	}
	return seq;
}

static void pppd_reads_all(void)
{
	uint8_t octets[4096];
	while (read(pppd, octets, sizeof(octets)) > 0)
		;
}

START_TEST(packets_gather_while_pppd_takes_nothing_and_go_out_with_what_waits)
{
	seq32 next = fill_pppd(1);
	path->stall_timer.deadline_us = loop_now_us() + 10 * USEC_PER_SEC; /* not this time */
	uint64_t before = path->rx.datagrams;
	for (int i = 0; i < 5; i++)
		arrive(next++);
	run_for(20 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->rx.datagrams, before);

	pppd_reads_all();
	path->out_watch.ready(path, POLLOUT, loop_now_us());
	ck_assert_uint_eq(path->rx.datagrams, before + 5);
	ck_assert_uint_eq(path->stats.rx_accepted, next - 1);
	ck_assert_uint_eq(gre_rx_waiting(path), 0);
}
END_TEST

/* As where pppd takes a little now and again: too much waits for it for the socket to be read. */
START_TEST(an_acknowledgment_that_waits_in_the_socket_is_not_overdue)
{
	gre_window_init(&path->session.tx, true, 8, 0);
	path->session.tx.has_rtt = true; /* so that 0.1 s is the longest wait */
	fill_pppd(1);
	path->stall_timer.deadline_us = loop_now_us() + 10 * USEC_PER_SEC;
	pppd_writes_a_frame();
	run_for(10 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.tx_sent, 1);
	arrive_ack(1);
	run_for(150 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.rx_acks, 1);
	ck_assert_uint_eq(path->session.tx.window, 4);
}
END_TEST

START_TEST(packets_are_taken_in_while_pppd_is_stuck)
{
	seq32 next = fill_pppd(1);
	for (int i = 0; i < 200; i++)
		arrive(next++);
	run_for(100 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->rx.datagrams, next - 1);
	ck_assert(path->rx.stalled);
	pppd_reads_all();
	run_for(20 * USEC_PER_MSEC);
	ck_assert(!path->rx.stalled);
}
END_TEST

/* More than `out` has room for, and then pppd takes as much as it is given. */
START_TEST(all_that_is_held_goes_out_once_pppd_takes_it)
{
	seq32 next = fill_pppd(1);
	for (int i = 0; i < 3 * OUT_CAP / LARGE; i++) {
		arrive_with(next++, LARGE);
		run_for(USEC_PER_MSEC);
	}
	run_for(20 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->rx.datagrams, next - 1);

	int large = 1 << 20;
	ck_assert_int_eq(setsockopt(near_pty, SOL_SOCKET, SO_SNDBUF, &large, sizeof(large)), 0);
	pppd_reads_all();
	run_for(20 * USEC_PER_MSEC);
	ck_assert_uint_eq(path->stats.rx_accepted, next - 1);
	ck_assert_uint_eq(gre_rx_waiting(path), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_path");
	TCase *tc = tcase_create("gre_path");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, a_packet_that_waits_in_the_socket_is_not_given_up);
	tcase_add_test(tc, a_packet_that_waits_behind_many_others_is_not_given_up);
	tcase_add_test(tc, an_acknowledgment_waits_for_a_full_socket_without_turning_the_loop);
	tcase_add_test(tc, an_error_of_a_full_socket_is_taken_while_nothing_is_read);
	tcase_add_test(tc, packets_gather_while_pppd_takes_nothing_and_go_out_with_what_waits);
	tcase_add_test(tc, an_acknowledgment_that_waits_in_the_socket_is_not_overdue);
	tcase_add_test(tc, packets_are_taken_in_while_pppd_is_stuck);
	tcase_add_test(tc, all_that_is_held_goes_out_once_pppd_takes_it);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
