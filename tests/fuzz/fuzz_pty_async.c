/* SPDX-License-Identifier: ISC */
/*
 * The data path of an asynchronous pty, both ways. Frames from pppd, in reads that end anywhere and with
 * noise between them, reach the server once each, whole and in order. Packets from the server, in an order
 * that differs by a few places, some twice, and with anything between them, reach pppd once each, in the
 * order of their numbers, however little it takes at once. Socket pairs play pty and network.
 */
#include <string.h>
#include <sys/socket.h>

#include "gateway/net_rx.h"
#include "gateway/net_tx.h"
#include "gateway/pty_async.h"
#include "fuzz.h"

enum {
	PACKETS = 48,
	FRAME_MAX = 1504,
	GRE_LEN = 12, /* with a sequence number */
	IP_LEN = 20,
	CALL_ID = 3,
	NEAR = 4, /* places by which a packet may be early */
	SEND_BUFFER = 4608,
};

static struct {
	struct pty_async pty;
	struct net_rx rx;
	struct net_tx tx;
	struct gre_session session;
	struct pqueue queue;
	struct pqueue_entry entries[PACKETS];
	uint8_t slots[PACKETS * PACKET_MAX];
	struct pptp_stats stats;
	int pppd, pty_fd, server, gre;
	uint8_t frames[PACKETS][FRAME_MAX];
	size_t lens[PACKETS];
	unsigned count;
	unsigned arrived;
	struct hdlc_decoder decoder; /* pppd's */
	uint8_t frame[FRAME_MAX + FCS16_LEN];
} r;

int setpriority(int which, unsigned who, int value);

/* In place of the C library's: nothing is paced here, and the fuzzer needs the processor. */
int setpriority(int which, unsigned who, int value)
{
	(void)which;
	(void)who;
	(void)value;
	return 0;
}

/* IPv4 as far as its first bytes, so that nothing is taken for a control packet. */
static void make_frames(struct input *in)
{
	static const uint8_t head[] = {0xff, 0x03, 0x00, 0x21, 0x45};
	r.count = 1 + take(in) % PACKETS;
	for (unsigned i = 0; i < r.count; i++) {
		unsigned how = take(in);
		size_t len = 6 + (how & 1 ? take(in) << 2 : how >> 1);
		uint8_t *f = r.frames[i];
		r.lens[i] = len;
		memset(f, (int)how, len);
		memcpy(f, head, sizeof(head));
		f[sizeof(head)] = (uint8_t)i;
		for (size_t at = 6; how & 2 && at < len && at < 12; at++)
			f[at] = (uint8_t)take(in);
	}
}

/*
 * From pppd to the server.
 */

static void check_server(void)
{
	uint8_t packet[GRE_LEN + 4 + FRAME_MAX];
	ssize_t n;
	while ((n = recv(r.server, packet, sizeof(packet), 0)) > 0) {
		require(r.arrived < r.count);
		size_t len = r.lens[r.arrived];
		require((size_t)n >= GRE_LEN + len);
		require(memcmp(packet + n - len, r.frames[r.arrived++], len) == 0);
	}
}

static void read_pty(void)
{
	struct pty *p = &r.pty.pty;
	do {
		p->ops->read(p, 0);
		check_server();
		net_tx_on_writable(&r.tx, 0);
	} while (p->has_input || net_tx_queued(&r.tx));
}

static void send_up(struct input *in)
{
	static uint8_t stream[PACKETS * (HDLC_ENCODED_MAX(FRAME_MAX) + 4)];
	size_t len = 0;
	unsigned noise = 0;
	for (unsigned i = 0; i < r.count; i++) {
		unsigned how = take(in);
		if (how & 1) { /* a frame that is broken off, bad or too short */
			memset(stream + len, (int)(how | 2), how >> 6);
			len += how >> 6;
			stream[len++] = 0x7e;
			noise++;
		}
		len += hdlc_encode(fcs16_sliced, r.frames[i], r.lens[i], how & 2 ? 0 : 0xffffffff,
		    i == 0 || how & 4 || how & 1, stream + len);
	}
	for (size_t at = 0; at < len; read_pty()) {
		size_t n = in->len ? 1 + (take(in) | take(in) << 4) : len;
		n = n < len - at ? n : len - at;
		ssize_t sent = send(r.pppd, stream + at, n, 0);
		at += sent > 0 ? (size_t)sent : 0;
	}
	/* What was written at once can be more than one call reads, and a call that finds none is the last. */
	for (uint64_t before = UINT64_MAX; before != r.stats.tx_sent; read_pty())
		before = r.stats.tx_sent;
	require(r.arrived == r.count && r.stats.tx_sent == r.count);
	require(r.stats.tx_bad_frames <= noise && r.stats.tx_oversize == 0);
}

/*
 * From the server to pppd.
 */

static void read_pppd(void)
{
	uint8_t bytes[4096];
	ssize_t n;
	while ((n = recv(r.pppd, bytes, sizeof(bytes), 0)) > 0) {
		size_t used;
		for (size_t at = 0; at < (size_t)n; at += used) {
			enum hdlc_event event =
			    hdlc_decode(&r.decoder, bytes + at, (size_t)n - at, &used);
			require(event == HDLC_MORE || event == HDLC_FRAME);
			if (event == HDLC_MORE)
				continue;
			require(r.arrived < r.count && r.decoder.frame_len == r.lens[r.arrived]);
			require(memcmp(r.decoder.frame, r.frames[r.arrived++],
				    r.decoder.frame_len) == 0);
		}
	}
}

static void flush(void)
{
	for (net_rx_flush(&r.rx); r.pty.pty.queued; net_rx_on_pty_writable(&r.rx, 0))
		read_pppd();
	read_pppd();
}

static void send_packet(unsigned number)
{
	uint8_t packet[IP_LEN + GRE_HEADER_MAX + FRAME_MAX] = {0x45, [9] = 47, [12] = 10, 0, 0, 1};
	struct gre_header h = {.call_id = CALL_ID,
	    .has_seq = true,
	    .seq = number,
	    .payload_len = (uint16_t)r.lens[number]};
	size_t len = IP_LEN + gre_header_encode(&h, packet + IP_LEN);
	memcpy(packet + len, r.frames[number], r.lens[number]);
	len += r.lens[number];
	while (send(r.server, packet, len, 0) < 0)
		net_rx_poll(&r.rx, 0);
}

/* Packet 0 first; then each of the next few, the lowest of them at the latest when it is the last of them. */
static void send_down(struct input *in)
{
	bool sent[PACKETS] = {false};
	send_packet(0);
	for (unsigned low = 1; low < r.count;) {
		unsigned how = take(in);
		unsigned near = low + how % NEAR;
		if (near < r.count && (near == low || !sent[near])) {
			send_packet(near);
			sent[near] = true;
		} else {
			send_packet(low);
			sent[low] = true;
		}
		while (low < r.count && sent[low])
			low++;
		if (how & 0x10) /* twice */
			send_packet(low - 1);
		if (how & 0x20 && in->len) { /* what is no packet of the call */
			size_t n = take(in) % 16;
			n = n < in->len ? n : in->len;
			if (n)
				(void)!send(r.server, in->bytes, n, 0);
		}
		if (how & 0x40)
			net_rx_poll(&r.rx, 0);
		if (how & 0x80)
			read_pppd();
	}
	for (int polls = 0; r.arrived < r.count; polls++) {
		require(polls < 2 * PACKETS);
		net_rx_poll(&r.rx, 0);
		flush();
	}
	require(r.stats.rx_lost == 0 && r.stats.rx_accepted == r.count);
}

static void open_pairs(void)
{
	int fds[2], size = SEND_BUFFER;
	require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	r.pppd = fds[0];
	r.pty_fd = fds[1];
	(void)setsockopt(r.pty_fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	require(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) == 0);
	r.gre = fds[0];
	r.server = fds[1];
}

static void empty(int fd)
{
	uint8_t bytes[4096];
	while (recv(fd, bytes, sizeof(bytes), 0) >= 0)
		;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = {.bytes = bytes, .len = len};
	if (!r.pppd)
		open_pairs();
	memset(&r.stats, 0, sizeof(r.stats));
	r.arrived = 0;
	unsigned way = take(&in);
	const struct gre_session_config session = {
	    .server_window = 8, .reorder = true, .max_wait_us = 300000, .missing_window = 300};
	const struct net_tx_config tx = {.fd = r.gre};
	const struct pty_config pty = {.in = r.pty_fd, .out = r.pty_fd};
	struct net_rx_config rx = {.fd = r.gre};
	memcpy(&rx.server, (const uint8_t[]){10, 0, 0, 1}, sizeof(rx.server));
	pqueue_init(&r.queue, r.entries, r.slots, PACKETS, PACKET_MAX);
	gre_session_init(&r.session, &session, &r.queue, &r.stats);
	net_tx_init(&r.tx, &tx, &r.session, &r.stats);
	pty_async_init(&r.pty, &pty, &r.tx, &r.stats);
	net_rx_init(&r.rx, &rx, &r.session, &r.queue, &r.pty.pty, &r.stats);
	net_rx_open(&r.rx);
	hdlc_decoder_init(&r.decoder, fcs16_sliced, r.frame, sizeof(r.frame));
	make_frames(&in);
	if (way & 1)
		send_up(&in);
	else
		send_down(&in);
	empty(r.gre);
	return 0;
}
