/* SPDX-License-Identifier: ISC */
/* The data path in its loop, with socket pairs for the raw socket and for pppd's pty. */
#ifndef PPTP_TESTS_DATAPATH_FIXTURE_H
#define PPTP_TESTS_DATAPATH_FIXTURE_H

#include "gateway/datapath.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/anon_mmap.h"
#include "loop_fixture.h"

enum {
	CAPACITY = 512,
	IP_HEADER = 20,
	SERVERS_CALL = 8,
};
#define WAIT_US (200 * USEC_PER_MSEC)

static struct datapath *path;
static struct pqueue queue;
static struct pqueue_entry entries[CAPACITY];
static uint8_t slots[CAPACITY * PACKET_MAX];
static int received_events, hung_up_events;
static bool pppd_closed;
static bool may_refuse;
static bool pppd_listens;
static int questions, last_questions;      /* whether it does */
static const char *refusal;                /* of --sync */
static enum reorder_inject_type test_type; /* of the next start_path */
static int network, pppd;                  /* the far ends */
static int near_gre, near_pty;

static inline void pair(int type, int *near_fd, int *far_fd)
{
	int fds[2];
	ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds), 0);
	*near_fd = fds[0];
	*far_fd = fds[1];
}

static inline bool listens(void *context, bool is_last)
{
	(void)context;
	questions++;
	last_questions += is_last;
	return pppd_listens;
}

static inline void ignore(void *context)
{
	(void)context;
}

static inline void received(void *context)
{
	(void)context;
	received_events++;
}

static inline void hung_up(void *context, int error)
{
	(void)context;
	ck_assert(pppd_closed);
	ck_assert_int_eq(error, 0);
	hung_up_events++;
	datapath_stop(path);
}

static inline void refused(void *context, const char *why)
{
	(void)context;
	ck_assert_msg(may_refuse, "%s", why);
	refusal = why;
	datapath_stop(path);
}

static inline void start_path(bool sync)
{
	struct datapath_config config = {
	    .session =
		{
		    .peer_call_id = SERVERS_CALL,
		    .server_window = CAPACITY,
		    .reorder = true,
		    .fixed_wait_us = WAIT_US,
		    .missing_window = 300,
		},
	    .sync = sync,
	    .net = {.fd = near_gre, .test_type = test_type},
	    .pty = {.in = near_pty, .out = near_pty, .loop = &loop},
	    .queue = &queue,
	};
	struct datapath_events events = {
	    .ask_pppd = listens,
	    .pppd_speaks = ignore,
	    .received = received,
	    .asked = ignore,
	    .hung_up = hung_up,
	    .refused = refused,
	};
	ck_assert_int_eq(datapath_start(path, &config, &events, &loop, loop_now_us(&loop)), 0);
}

static inline void set_up(void)
{
	pair(SOCK_DGRAM, &near_gre, &network);
	pair(SOCK_STREAM, &near_pty, &pppd);
	ck_assert_int_eq(loop_init(&loop, LOOP_MONOTONIC), 0);
	pqueue_init(&queue, entries, slots, CAPACITY, PACKET_MAX);
	path = anon_mmap(sizeof(*path));
	ck_assert_ptr_nonnull(path);
	received_events = 0;
	hung_up_events = 0;
	pppd_closed = may_refuse = false;
	pppd_listens = true;
	questions = last_questions = 0;
	refusal = NULL;
	test_type = REORDER_INJECT_NONE;
	start_path(false);
}

static inline void tear_down(void)
{
	datapath_stop(path);
	loop_free(&loop);
	munmap(path, sizeof(*path));
	close(near_gre);
	close(near_pty);
	close(network);
	close(pppd);
}

#endif
