/* SPDX-License-Identifier: ISC */
/* One packet at a time: hosts send few ICMP errors in a row, Linux six and then one a second. */
#include "diagnose/mtu_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#include "sys/icmp_error.h"

#define ANSWER_WAIT_US (1100 * USEC_PER_MSEC)
/* All of it: most servers answer nothing, which is known after the first two sizes. */
#define PROBE_US (8 * USEC_PER_SEC)

enum {
	PORT = 33434, /* of traceroute */
	HEADERS_LEN = 20 + 8,
	SIZE_MAX_BYTES = 1500,
	BATCH = 64, /* errors for one callback: a flood of them must not hold it up */
};

struct mtu_probe {
	int fd;
	struct step_wait *wait;
	struct mtu_search *search;
	bool waiting;
	struct loop_watch watch;
};

static void on_error(void *context, int64_t now_us)
{
	struct mtu_probe *p = context;
	struct icmp_error e;
	(void)now_us;
	for (int i = 0; i < BATCH && icmp_error_read(p->fd, &e) == 0; i++) {
		bool is_answer =
		    e.from_network && e.type == ICMP_DEST_UNREACH && e.code == ICMP_PORT_UNREACH;
		if (!p->waiting || (!is_answer && e.error != EMSGSIZE))
			continue;
		p->waiting = false;
		if (is_answer)
			mtu_search_on_answer(p->search, p->search->size);
		else
			mtu_search_on_limit(p->search, e.mtu);
		loop_stop(&p->wait->loop);
	}
}

static int prepare_socket(int fd, struct in_addr server)
{
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_addr = server, .sin_port = htons(PORT)};
	int mode = IP_PMTUDISC_PROBE;
	int rc = icmp_error_enable(fd);
	if (rc == 0 && (setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof(mode)) < 0 ||
			   connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0))
		rc = -errno;
	return rc;
}

static void send_packet(struct mtu_probe *p)
{
	const uint8_t zeros[SIZE_MAX_BYTES] = {0};
	/* An error of an earlier packet is reported by the first try. */
	for (int tries = 0; tries < 2; tries++)
		if (send(p->fd, zeros, p->search->size - HEADERS_LEN, 0) >= 0)
			return;
}

int mtu_probe_run(
    struct mtu_search *search, struct step_wait *wait, int fd, struct in_addr server, unsigned top)
{
	struct mtu_probe p = {.fd = fd, .wait = wait, .search = search};
	int64_t end_us = step_wait_now_us(wait) + PROBE_US;
	mtu_search_begin(search, top < SIZE_MAX_BYTES ? top : SIZE_MAX_BYTES);
	int error = prepare_socket(fd, server);
	if (error)
		return error;
	p.watch = (struct loop_watch){.fd = p.fd, .events = 0, .ready = on_error, .context = &p};
	error = loop_add(&wait->loop, &p.watch);
	while (!error && search->size && !wait->signo && step_wait_now_us(wait) < end_us) {
		int64_t until_us = step_wait_now_us(wait) + ANSWER_WAIT_US;
		p.waiting = true;
		send_packet(&p);
		while (p.waiting && step_wait_until(wait, until_us))
			;
		if (p.waiting)
			mtu_search_on_silence(search);
		p.waiting = false;
	}
	loop_remove(&wait->loop, &p.watch);
	return error;
}
