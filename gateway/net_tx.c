/* SPDX-License-Identifier: ISC */
/*
 * Sending in batches. Frames lie in one arena, each behind space for the longest header, which is
 * written right in front of the frame when the frame gets its number.
 */
#include "gateway/net_tx.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/ioctl.h>

#include "ppp/ppp_cp.h"
#include "sys/batch.h"
#include "sys/error_text.h"
#include "sys/log.h"
#include "sys/netsock.h"

/* The first wait where nothing says when to go on: the kernel is short of memory, or the send buffer too
 * small for the fragments of one packet, or there is no route. Each further one is twice as long. */
#define RETRY_MIN_US USEC_PER_MSEC
/* A route comes back only when someone restores it. */
#define RETRY_MAX_US (20 * USEC_PER_MSEC)

/* The full send buffer drains in a third of this to all of it, to where POLLOUT comes. In less, a wake-up
 * that is late leaves the device idle; in more, all on the uplink wait for it. */
#define DRAIN_MAX_US (12 * USEC_PER_MSEC)

enum {
	/* The least that the kernel grants: five full packets, charged 2304 bytes each. */
	SEND_BUFFER_MIN = 2304,
	/* Packets: the shortest queue of a device in use (txqueuelen). A full one drops without a word. */
	DEVICE_QUEUE_MIN = 100,
	/* Bytes that the kernel charges for each packet besides its own, at least. */
	CHARGE_MIN = 500,
};

/*
 * With SO_SNDBUF at n, the kernel takes packets until it holds some that are charged more than 4n bytes
 * (ENOBUFS: ip_append_data has a limit of its own), and POLLOUT comes below n. So a slow device's
 * queue runs empty before it is filled again: CoDel, which drops what has waited for 5 ms all along,
 * drops nothing.
 */
static void set_send_buffer(struct net_tx *tx, int size)
{
	(void)setsockopt(tx->config.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

/*
 * After `waited_us` the queued frame can be sent. What the send buffer lets the kernel hold is out of
 * our hands: it delays all others on the uplink, and is lost where the device's queue is full. What
 * waits here stops the reading from pppd, and so the queue of pppd's interface, before it is numbered.
 * Where packets are not charged while they wait (loopback, tun), none of this ever happens.
 */
static void resize_send_buffer(struct net_tx *tx, int64_t waited_us)
{
	int charge = (int)tx->pieces[tx->sent].iov_len + CHARGE_MIN;
	int max = DEVICE_QUEUE_MIN / 4 * charge;
	int size = 0;
	socklen_t size_len = sizeof(size);
	int left = 0;

	if (getsockopt(tx->config.fd, SOL_SOCKET, SO_SNDBUF, &size, &size_len) < 0)
		return;
	size /= 2; /* the kernel tells twice what was set */
	(void)ioctl(tx->config.fd, SIOCOUTQ, &left);
	/* With nothing left we may be late, so it tells only that it was faster. The kernel goes no lower than
	 * its least. */
	if ((waited_us > DRAIN_MAX_US && left) || size > max)
		set_send_buffer(tx, size / 2);
	else if (waited_us < (left ? DRAIN_MAX_US / 3 : DRAIN_MAX_US) && size <= max / 2)
		set_send_buffer(tx, size * 2);
}

/* Where each packet is addressed; NULL: the socket is connected. */
static void set_destination(struct net_tx *tx, struct sockaddr_in *to)
{
	for (size_t i = 0; i < NET_TX_BATCH; i++) {
		tx->messages[i].msg_hdr.msg_name = to;
		tx->messages[i].msg_hdr.msg_namelen = to ? sizeof(*to) : 0;
	}
}

/* As the messages of the batch are addressed. */
static ssize_t send_packet(struct net_tx *tx, const uint8_t *bytes, size_t len)
{
	const struct msghdr *m = &tx->messages[0].msg_hdr;
	if (!m->msg_name)
		return send(tx->config.fd, bytes, len, MSG_DONTWAIT);
	return sendto(tx->config.fd, bytes, len, MSG_DONTWAIT, m->msg_name, m->msg_namelen);
}

void net_tx_init(struct net_tx *tx, const struct net_tx_config *config, struct gre_session *session,
    struct pptp_stats *stats)
{
	memset(tx, 0, offsetof(struct net_tx, arena));
	tx->config = *config;
	tx->session = session;
	tx->stats = stats;
	for (size_t i = 0; i < NET_TX_BATCH; i++) {
		tx->messages[i].msg_hdr.msg_iov = &tx->pieces[i];
		tx->messages[i].msg_hdr.msg_iovlen = 1;
	}
	tx->server = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = config->server};
	if (config->server.s_addr != htonl(INADDR_ANY))
		set_destination(tx, &tx->server);
	set_send_buffer(tx, SEND_BUFFER_MIN);
	reorder_inject_init(&tx->reorder, config->test_type, config->test_rate,
	    tx->reorder_slots[0], sizeof(tx->reorder_slots[0]));
}

void net_tx_on_connected(struct net_tx *tx)
{
	set_destination(tx, NULL);
	if (tx->longest != SIZE_MAX)
		tx->longest =
		    0; /* the kernel tells a connected socket the path's MTU, and no other */
}

void net_tx_send_empty(struct net_tx *tx, uint16_t peer_call_id)
{
	const struct gre_header h = {.call_id = peer_call_id};
	uint8_t packet[GRE_HEADER_MAX];
	size_t len = gre_header_encode(&h, packet);

	if (send_packet(tx, packet, len) < 0)
		log_debug("cannot send an empty GRE packet: %s", error_text(errno));
}

void net_tx_add(struct net_tx *tx, size_t len)
{
	if (ppp_cp_is_lcp_request(net_tx_frame_buffer(tx), len))
		tx->asked++;
	tx->pieces[tx->count++] =
	    (struct iovec){.iov_base = net_tx_frame_buffer(tx), .iov_len = len};
	/* Up to 8 so that headers start at even addresses. */
	tx->arena_at += (GRE_HEADER_MAX + len + 7) & ~(size_t)7;
}

/* All frames are sent: the arena is used from its start again, so that few of its pages are. */
static void rewind_arena(struct net_tx *tx, size_t partial_len)
{
	tx->sent = tx->numbered = tx->count = 0;
	if (tx->arena_at == 0)
		return;
	const uint8_t *partial = net_tx_frame_buffer(tx);
	tx->arena_at = 0;
	memmove(net_tx_frame_buffer(tx), partial, partial_len);
}

/*
 * The kernel cuts what is longer than the first interface's MTU into fragments, without a word: there
 * is no EMSGSIZE without "don't fragment" (see netsock.c). A frame in fragments is slow, and lost where
 * the network reorders. `len`: the longest GRE packet so far, in bytes.
 */
static void check_mtu(struct net_tx *tx, size_t len)
{
	tx->longest = len;
	if (tx->messages[0].msg_hdr.msg_name) /* the socket is not connected */
		return;
	unsigned mtu = netsock_path_mtu(tx->config.fd, tx->config.server);
	if (mtu == 0 || mtu >= sizeof(struct iphdr) + len)
		return;
	tx->longest = SIZE_MAX;
	log_warn("packets are too large for the path to the server (its MTU is %u), and sent in "
		 "fragments: give pppd \"mtu %u mru %u\"",
	    mtu, mtu - GRE_TUNNEL_OVERHEAD, mtu - GRE_TUNNEL_OVERHEAD);
}

static void number_frames(struct net_tx *tx, int64_t now_us)
{
	if (tx->numbered == tx->count)
		return;
	for (unsigned window = gre_session_send_space(tx->session, now_us);
	     window && tx->numbered < tx->count; window--) {
		struct iovec *piece = &tx->pieces[tx->numbered++];
		struct gre_header h;
		gre_session_send(tx->session, now_us, (uint16_t)piece->iov_len, &h);
		size_t len = gre_header_len(&h);
		piece->iov_base = (uint8_t *)piece->iov_base - len;
		piece->iov_len += len;
		(void)gre_header_encode(&h, piece->iov_base);
		if (piece->iov_len > tx->longest)
			check_mtu(tx, piece->iov_len);
	}
}

static void begin_retry_wait(struct net_tx *tx)
{
	int64_t twice_us = 2 * tx->retry_us;
	tx->wait = NET_TX_WAIT_RETRY;
	tx->retry_us = twice_us ? deadline_earlier(twice_us, RETRY_MAX_US) : RETRY_MIN_US;
}

/* What to do about a packet that the kernel refused. Returns true if it stays queued, false if it is
 * lost. The error is this packet's: what ICMP said of earlier ones comes to a read only. */
static bool process_send_error(struct net_tx *tx, int error, int64_t now_us)
{
	bool was_refused = tx->refusal;
	tx->wait_began_us = now_us;
	tx->refusal = 0;
	switch (error) {
	case EAGAIN:
		tx->wait = NET_TX_WAIT_SOCKET;
		return true;
	case ENOBUFS: /* the send buffer; a full queue of the device is told with IP_RECVERR only */
		if (tx->progress)
			tx->wait = NET_TX_WAIT_SOCKET;
		else
			begin_retry_wait(tx);
		return true;
	case ENOMEM:
		begin_retry_wait(tx);
		return true;
	case EPERM: /* a packet filter of this host */
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EINVAL: /* a route of type blackhole; in older kernels also: our address was removed */
	case EACCES: /* a route of type prohibit */
		/* There is no path for the moment. Packets lost now would run MPPE's coherency
		 * count away from the server's: after 4096 in a row no key fits any more. So
		 * nothing is read from pppd, and the kernel drops what does not fit before it is
		 * encrypted. */
		if (!was_refused) {
			tx->stats->tx_failed++;
			tx->asked++;
		}
		begin_retry_wait(tx);
		tx->refusal = error;
		gre_session_on_delay(tx->session);
		return true;
	default:
		break;
	}
	tx->stats->tx_failed++;
	return false;
}

static void on_sent(struct net_tx *tx)
{
	tx->progress = true;
	tx->refusal = 0;
	tx->retry_us = 0;
}

/* Sends [sent, numbered) in order; false if it has to wait. */
static bool send_frames(struct net_tx *tx, int64_t now_us)
{
	while (tx->sent < tx->numbered) {
		int n = batch_send(tx->config.fd, tx->messages + tx->sent, tx->numbered - tx->sent);
		if (n > 0) {
			for (unsigned i = tx->sent; i < tx->sent + (unsigned)n; i++)
				if (tx->messages[i].msg_len < tx->pieces[i].iov_len)
					tx->stats->tx_short++;
			tx->stats->tx_sent += (unsigned)n;
			tx->sent += (unsigned)n;
			on_sent(tx);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (process_send_error(tx, errno, now_us))
			return false;
		tx->sent++;
	}
	return true;
}

/* Sends what --test-type releases. A refused packet is lost: the order is what is being tested. */
static void send_reordered(struct net_tx *tx, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		size_t len;
		const uint8_t *datagram = reorder_inject_get(&tx->reorder, i, &len);
		if (send_packet(tx, datagram, len) < 0) {
			tx->stats->tx_failed++;
			continue;
		}
		tx->stats->tx_sent++;
		on_sent(tx);
	}
}

static void reorder_frames(struct net_tx *tx, int64_t now_us)
{
	for (; tx->sent < tx->numbered; tx->sent++) {
		struct iovec *piece = &tx->pieces[tx->sent];
		send_reordered(
		    tx, reorder_inject_add(&tx->reorder, now_us, piece->iov_base, piece->iov_len));
	}
}

bool net_tx_flush(struct net_tx *tx, int64_t now_us, size_t partial_len)
{
	number_frames(tx, now_us);
	if (tx->config.test_type)
		reorder_frames(tx, now_us);
	else if (!send_frames(tx, now_us))
		return false;
	if (net_tx_queued(tx))
		return false;
	rewind_arena(tx, partial_len);
	return true;
}

void net_tx_acknowledge(struct net_tx *tx, int64_t now_us)
{
	struct gre_header h;

	/* An acknowledgment would be refused like the frames that are queued. */
	if (tx->wait || !gre_session_ack_is_due(tx->session, now_us, &h))
		return;
	uint8_t packet[GRE_HEADER_MAX];
	size_t len = gre_header_encode(&h, packet);
	ssize_t n;
	do
		n = send_packet(tx, packet, len);
	while (n < 0 && errno == EINTR);
	if (n < 0 && process_send_error(tx, errno, now_us))
		return; /* it stays due */
	if (n >= 0) {
		tx->stats->tx_acks++;
		on_sent(tx);
	}
	gre_session_on_ack_only(tx->session, now_us);
}

/* `drained_us`: how long the full send buffer took to drain; 0: it was empty and yet too small. */
static void end_wait(struct net_tx *tx, int64_t drained_us)
{
	tx->wait = NET_TX_READY;
	tx->progress = false;
	if (net_tx_queued(tx) && !tx->refusal)
		resize_send_buffer(tx, drained_us);
}

void net_tx_on_writable(struct net_tx *tx, int64_t now_us)
{
	if (tx->wait == NET_TX_WAIT_SOCKET)
		end_wait(tx, now_us - tx->wait_began_us);
}

static int64_t retry_deadline(const struct net_tx *tx)
{
	if (tx->wait != NET_TX_WAIT_RETRY)
		return DEADLINE_NEVER;
	return tx->wait_began_us + tx->retry_us;
}

int64_t net_tx_deadline(const struct net_tx *tx)
{
	return deadline_earlier(retry_deadline(tx), reorder_inject_deadline(&tx->reorder));
}

void net_tx_on_deadline(struct net_tx *tx, int64_t now_us)
{
	if (now_us >= retry_deadline(tx))
		end_wait(tx, 0);
	if (now_us >= reorder_inject_deadline(&tx->reorder))
		send_reordered(tx, reorder_inject_flush(&tx->reorder));
}
