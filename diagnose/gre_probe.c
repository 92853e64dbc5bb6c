/* SPDX-License-Identifier: ISC */
/*
 * All packets have "don't fragment" set, and for the MTU's sake ignore what the kernel believes of the
 * path (IP_PMTUDISC_PROBE): a packet that the kernel or a router divides would hide a smaller hop.
 * An Echo-Request of that size comes back as large, so the answer proves both directions, and does so
 * where routers send no ICMP, or hosts answer none.
 */
#include "diagnose/gre_probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/msg_limits.h"
#include "gre/gre_header.h"

#define REQUEST_INTERVAL_US USEC_PER_SEC
/* For anything to come: pppd repeats its own request after 3 s. */
#define LISTEN_US (4500 * USEC_PER_MSEC)
#define ECHO_INTERVAL_US (50 * USEC_PER_MSEC)
#define ECHO_WAIT_US USEC_PER_SEC
/* For the answer to a packet of a chosen size: some round trips, which were measured before. */
#define SIZED_WAIT_MIN_US (200 * USEC_PER_MSEC)
/* For all sizes: a server that is slow on purpose must not hold us up. */
#define SEARCH_US (8 * USEC_PER_SEC)
enum {
	/* Not 0, which some say that they have received before there was anything. */
	FIRST_SEQ = 1,
	SIZED_ROUND_TRIPS = 4,
	IPV4_HEADER_LEN = 20,
	HEADERS_LEN = IPV4_HEADER_LEN + GRE_HEADER_MAX,
	BATCH = 64, /* datagrams for one callback */
};

/* The errors that wait for the socket. A limit that a router names goes to the search. */
static void read_errors(struct gre_probe *g)
{
	struct icmp_error e;
	for (int i = 0; i < BATCH && icmp_error_read(g->gre, &e) == 0; i++) {
		if (e.error == EMSGSIZE) {
			if (g->sized_len) {
				g->sized_len = 0;
				mtu_search_on_limit(&g->search, e.mtu);
				loop_stop(&g->wait->loop);
			}
		} else if (e.from_network) {
			g->icmp_errors++;
			g->icmp = e;
		}
	}
}

static void send_frame(struct gre_probe *g, const uint8_t *frame, size_t len)
{
	uint8_t packet[GRE_HEADER_MAX + LCP_PROBE_FRAME_MAX];
	/* The acknowledgment is there in each packet of a chosen size: LCP was opened before. */
	struct gre_header h = {.call_id = g->peer_call_id,
	    .payload_len = (uint16_t)len,
	    .has_seq = true,
	    .has_ack = g->started_rx,
	    .seq = g->snd_nxt++,
	    .ack = g->rcv_max};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = g->server};
	if (len > LCP_PROBE_FRAME_MAX)
		return;
	size_t at = gre_header_encode(&h, packet);
	memcpy(packet + at, frame, len);
	if (sendto(g->gre, packet, at + len, 0, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		g->send_error = errno;
		read_errors(g);
		return;
	}
	g->sent++;
	g->send_error = 0;
}

static void process_echo(struct gre_probe *g, const struct lcp_probe_answer *a, int64_t now_us)
{
	if (g->sized_len && a->echo_id == g->sized_id && a->echo_len == g->sized_len) {
		mtu_search_on_answer(&g->search, (unsigned)(g->sized_len + HEADERS_LEN));
		g->sized_len = 0;
		loop_stop(&g->wait->loop);
		return;
	}
	int64_t sent_us = g->echo_sent_us[a->echo_id];
	if (!sent_us)
		return;
	g->echo_sent_us[a->echo_id] = 0;
	int64_t took_us = now_us - sent_us;
	if (g->echo_replies++ == 0 || took_us < g->round_trip_min_us)
		g->round_trip_min_us = took_us;
	g->round_trip_sum_us += took_us;
	if (g->echo_replies == g->echoes)
		loop_stop(&g->wait->loop);
}

static void process_frame(struct gre_probe *g, const uint8_t *frame, size_t len, int64_t now_us)
{
	uint8_t reply[LCP_PROBE_FRAME_MAX];
	bool was_open = lcp_probe_is_open(&g->lcp);
	struct lcp_probe_answer a = lcp_probe_receive(&g->lcp, frame, len, reply, sizeof(reply));
	if (a.verdict == LCP_PROBE_ACCEPTED || a.verdict == LCP_PROBE_REFUSED ||
	    a.verdict == LCP_PROBE_ECHO_REPLY)
		g->answers++;
	if (a.reply_len)
		send_frame(g, reply, a.reply_len);
	if (a.verdict == LCP_PROBE_ECHO_REPLY)
		process_echo(g, &a, now_us);
	if (!was_open && lcp_probe_is_open(&g->lcp))
		loop_stop(&g->wait->loop);
}

static void process_datagram(struct gre_probe *g, const uint8_t *bytes, size_t len, int64_t now_us)
{
	struct gre_header h;
	const uint8_t *payload;
	if (gre_header_decode(bytes, len, &h, &payload) != GRE_OK)
		return;
	if (memcmp(h.source, &g->server.s_addr, sizeof(h.source)) != 0) {
		g->from_others++;
		memcpy(&g->other_from.s_addr, h.source, sizeof(h.source));
		return;
	}
	g->received++;
	if (h.has_ack && !seq32_before(h.ack, FIRST_SEQ) && seq32_before(h.ack, g->snd_nxt))
		g->answers++;
	if (!h.has_seq)
		return;
	if (g->started_rx && seq32_before(h.seq, g->rcv_max))
		g->out_of_order++;
	else
		g->rcv_max = h.seq;
	g->started_rx = true;
	if (payload)
		process_frame(g, payload, h.payload_len, now_us);
}

static void process_tapped(struct gre_probe *g, const uint8_t *bytes, size_t len)
{
	struct gre_header h;
	const uint8_t *payload;
	if (gre_header_decode(bytes, len, &h, &payload) != GRE_OK)
		return;
	bool from_server = memcmp(h.source, &g->server.s_addr, sizeof(h.source)) == 0;
	if (from_server && h.call_id == g->call_id) {
		g->tapped++;
	} else if (from_server) {
		g->for_others++;
		g->other_call_id = h.call_id;
	}
}

/* False where nothing waits. */
static bool receive(int fd, uint8_t *bytes, size_t cap, size_t *len)
{
	ssize_t n;
	do
		n = recv(fd, bytes, cap, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	*len = n > 0 ? (size_t)n : 0;
	return n >= 0;
}

static void on_gre(void *context, int64_t now_us)
{
	struct gre_probe *g = context;
	uint8_t bytes[2048];
	size_t len;
	if (g->gre_watch.revents & POLLERR)
		read_errors(g);
	for (int i = 0; i < BATCH && receive(g->gre, bytes, sizeof(bytes), &len); i++)
		process_datagram(g, bytes, len, now_us);
}

static void on_tap(void *context, int64_t now_us)
{
	struct gre_probe *g = context;
	uint8_t bytes[2048];
	size_t len;
	(void)now_us;
	for (int i = 0; i < BATCH && receive(g->tap, bytes, sizeof(bytes), &len); i++)
		process_tapped(g, bytes, len);
}

static int begin(struct gre_probe *g)
{
	struct loop *loop = &g->wait->loop;
	g->gre_watch =
	    (struct loop_watch){.fd = g->gre, .events = POLLIN, .ready = on_gre, .context = g};
	g->tap_watch =
	    (struct loop_watch){.fd = g->tap, .events = POLLIN, .ready = on_tap, .context = g};
	int error = loop_add(loop, &g->gre_watch);
	if (!error && g->tap >= 0)
		error = loop_add(loop, &g->tap_watch);
	return error;
}

static void end(struct gre_probe *g)
{
	loop_remove(&g->wait->loop, &g->gre_watch);
	loop_remove(&g->wait->loop, &g->tap_watch);
}

static bool is_over(const struct gre_probe *g)
{
	return *g->ended || g->wait->signo;
}

/* Repeats our request until LCP is open, or the time is over. */
static void open_lcp(struct gre_probe *g)
{
	uint8_t frame[LCP_PROBE_FRAME_MIN];
	int64_t now_us = step_wait_now_us(g->wait);
	int64_t until_us = now_us + LISTEN_US;
	while (!is_over(g) && !lcp_probe_is_open(&g->lcp) && now_us < until_us) {
		size_t len = lcp_probe_request(frame, sizeof(frame));
		if (!g->lcp.ours_accepted)
			send_frame(g, frame, len);
		(void)step_wait_until(
		    g->wait, deadline_earlier(now_us + REQUEST_INTERVAL_US, until_us));
		now_us = step_wait_now_us(g->wait);
	}
}

static uint8_t send_echo(struct gre_probe *g, size_t frame_len)
{
	uint8_t frame[LCP_PROBE_FRAME_MAX];
	uint8_t id = g->echo_id++;
	size_t len = lcp_probe_echo(id, frame_len, frame, sizeof(frame));
	send_frame(g, frame, len);
	return id;
}

static void measure(struct gre_probe *g)
{
	for (int i = 0; i < GRE_PROBE_ECHOES && !is_over(g); i++) {
		int64_t now_us = step_wait_now_us(g->wait);
		g->echo_sent_us[g->echo_id] = now_us;
		g->echoes++;
		(void)send_echo(g, LCP_PROBE_FRAME_MIN);
		int64_t until_us =
		    now_us + (i + 1 < GRE_PROBE_ECHOES ? ECHO_INTERVAL_US : ECHO_WAIT_US);
		while (!is_over(g) && step_wait_until(g->wait, until_us))
			if (g->echo_replies == g->echoes && i + 1 == GRE_PROBE_ECHOES)
				break;
	}
}

void gre_probe_run(struct gre_probe *g)
{
	g->snd_nxt = FIRST_SEQ;
	if (begin(g) == 0) {
		open_lcp(g);
		if (lcp_probe_is_open(&g->lcp))
			measure(g);
	}
	end(g);
}

static int64_t sized_wait_us(const struct gre_probe *g)
{
	int64_t mean_us = g->echo_replies ? g->round_trip_sum_us / g->echo_replies : 0;
	int64_t wait_us = SIZED_ROUND_TRIPS * mean_us;
	return wait_us > SIZED_WAIT_MIN_US ? wait_us : SIZED_WAIT_MIN_US;
}

void gre_probe_search_mtu(struct gre_probe *g, unsigned top)
{
	int64_t end_us = step_wait_now_us(g->wait) + SEARCH_US;
	mtu_search_begin(&g->search, top);
	if (begin(g) == 0) {
		while (g->search.size && !is_over(g) && step_wait_now_us(g->wait) < end_us) {
			int64_t until_us = step_wait_now_us(g->wait) + sized_wait_us(g);
			g->sized_len = g->search.size - HEADERS_LEN;
			g->sized_id = g->echo_id;
			(void)send_echo(g, g->sized_len);
			while (g->sized_len && !is_over(g) && step_wait_until(g->wait, until_us))
				;
			if (g->sized_len)
				mtu_search_on_silence(&g->search);
			g->sized_len = 0;
		}
	}
	end(g);
}
