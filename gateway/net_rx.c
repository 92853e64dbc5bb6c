/* SPDX-License-Identifier: ISC */
/*
 * Receiving in batches. A packet that is next in order is encoded for pppd from where recvmmsg put
 * it; only held packets are copied, into the session's queue.
 */
#include "gateway/net_rx.h"

#include <errno.h>
#include <string.h>

#include "ppp/ppp_cp.h"
#include "sys/batch.h"

enum {
	/* Full batches in a row before the other direction is polled. */
	BATCHES = 2,
};

void net_rx_init(struct net_rx *rx, const struct net_rx_config *config, struct gre_session *session,
    struct pqueue *queue, struct pty *pty, struct pptp_stats *stats)
{
	memset(rx, 0, offsetof(struct net_rx, slots));
	rx->config = *config;
	rx->session = session;
	rx->queue = queue;
	rx->pty = pty;
	rx->stats = stats;
	for (size_t i = 0; i < NET_RX_BATCH; i++) {
		rx->pieces[i][0] = (struct iovec){.iov_base = rx->slots[i], .iov_len = NET_RX_SLOT};
		rx->pieces[i][1] = (struct iovec){.iov_base = rx->tails[i], .iov_len = NET_RX_TAIL};
		struct msghdr *m = &rx->messages[i].msg_hdr;
		m->msg_iov = rx->pieces[i];
		m->msg_iovlen = 2;
		m->msg_control = rx->control;
		m->msg_controllen = sizeof(rx->control);
	}
}

static bool may_receive(const struct net_rx *rx)
{
	if (!rx->is_open || gre_session_is_full(rx->session))
		return false;
	return rx->stalled || rx->pty->queued <= PTY_QUEUED_LOW;
}

bool net_rx_is_wanted(const struct net_rx *rx)
{
	return may_receive(rx) && (rx->stalled || rx->pty->queued == 0);
}

/* Packets that were held and are next in order now, while there is space. */
static void deliver_held(struct net_rx *rx)
{
	const struct pqueue_entry *head;

	while ((head = pqueue_head(rx->queue)) && head->len <= rx->pty->space) {
		const uint8_t *payload;
		size_t len;
		if (!gre_session_dequeue(rx->session, &payload, &len))
			break;
		rx->pty->ops->deliver(rx->pty, payload, len);
	}
}

void net_rx_flush(struct net_rx *rx)
{
	deliver_held(rx);
	if (rx->pty->queued)
		rx->pty->ops->flush(rx->pty);
	/* What there was no space for before: with nothing queued, POLLOUT would not bring us back here. */
	deliver_held(rx);
}

/* The bytes of packet i of the batch in one piece. */
static const uint8_t *datagram(struct net_rx *rx, size_t i, size_t len)
{
	if (len <= NET_RX_SLOT)
		return rx->slots[i];
	memcpy(rx->whole, rx->slots[i], NET_RX_SLOT);
	memcpy(rx->whole + NET_RX_SLOT, rx->tails[i], len - NET_RX_SLOT);
	return rx->whole;
}

static void process_packet(struct net_rx *rx, const uint8_t *bytes, size_t len, int64_t now_us)
{
	struct gre_header h;
	const uint8_t *payload;

	switch (gre_header_decode(bytes, len, &h, &payload)) {
	case GRE_OK:
		break;
	case GRE_TRUNCATED:
		rx->stats->rx_truncated++;
		return;
	case GRE_INVALID:
		rx->stats->rx_invalid++;
		return;
	}
	/* From another host, before the socket was connected. */
	if (memcmp(h.source, &rx->config.server, sizeof(h.source)) != 0) {
		rx->stats->rx_invalid++;
		memcpy(&rx->other_source, h.source, sizeof(h.source));
		return;
	}
	rx->datagrams++;
	bool has_space = h.payload_len <= rx->pty->space;
	enum gre_rx verdict = gre_session_receive(rx->session, now_us, &h, payload, has_space);
	/* A server that hears nothing of ours sends LCP's requests, and acknowledges none of our packets. */
	rx->answers += (h.has_ack && gre_session_is_heard(rx->session)) ||
	               (payload && !ppp_cp_is_lcp_request(payload, h.payload_len));
	if (verdict == GRE_RX_DELIVER)
		rx->pty->ops->deliver(rx->pty, payload, h.payload_len);
	if (rx->queue->count)
		deliver_held(rx);
}

/* Once it had to drop packets, the kernel says with each packet how many so far. */
static void count_kernel_drops(struct net_rx *rx, struct msghdr *last)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(last); /* SO_RXQ_OVFL: nothing else was asked for */
	if (!c)
		return;
	uint32_t drops;
	memcpy(&drops, CMSG_DATA(c), sizeof(drops));
	rx->stats->rx_kernel_drops += drops - rx->kernel_drops; /* 32 bits that wrap */
	rx->kernel_drops = drops;
}

/* Receives `want` packets at most; how many there were, 0 if there are none for now. */
static size_t receive_batch(struct net_rx *rx, size_t want)
{
	int n;

	do
		n = batch_receive(rx->config.fd, rx->messages, (unsigned)want);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		/* An ICMP error, say: reading it has cleared it, the call goes on. */
		if (errno != EAGAIN) {
			rx->stats->rx_os_errors++;
			rx->failures++;
		}
		return 0;
	}
	rx->failures = 0;
	if (n > 0)
		count_kernel_drops(rx, &rx->messages[n - 1].msg_hdr);
	for (int i = 0; i < n; i++)
		rx->messages[i].msg_hdr.msg_controllen = sizeof(rx->control);
	return (size_t)n;
}

/* Receives a batch, of no more than the session can hold in case pppd takes none of it, and passes on
 * what may be passed on. True if it was a full one. */
static bool poll_batch(struct net_rx *rx, int64_t now_us)
{
	size_t space = rx->queue->capacity - rx->queue->count;
	size_t want = space < NET_RX_BATCH ? space : NET_RX_BATCH;
	size_t n = want > 0 && rx->is_open ? receive_batch(rx, want) : 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = rx->messages[i].msg_len;
		process_packet(rx, datagram(rx, i, len), len, now_us);
	}
	net_rx_flush(rx);
	return n > 0 && n == want;
}

void net_rx_poll(struct net_rx *rx, int64_t now_us)
{
	if (!may_receive(rx))
		net_rx_flush(rx);
	else
		for (int i = 0; i < BATCHES && poll_batch(rx, now_us) && net_rx_is_wanted(rx); i++)
			;
}

bool net_rx_on_pty_writable(struct net_rx *rx, int64_t now_us)
{
	size_t before = rx->pty->written;

	net_rx_poll(rx, now_us);
	if (rx->pty->written == before)
		return false;
	rx->stalled = false;
	return true;
}

void net_rx_on_pty_stalled(struct net_rx *rx)
{
	rx->stalled = rx->pty->queued > 0;
}

void net_rx_clear_error(struct net_rx *rx)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(rx->config.fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error)
		rx->stats->rx_os_errors++;
}

/* While pppd is slow the socket is not read: what is overdue may be there, among what a server may have
 * sent ahead. */
void net_rx_poll_overdue(struct net_rx *rx, int64_t now_us)
{
	for (int i = 0; i < RECEIVE_WINDOW / NET_RX_BATCH; i++)
		if (now_us < gre_session_timeout_deadline(rx->session) || !poll_batch(rx, now_us))
			break;
}

void net_rx_drain(struct net_rx *rx, int64_t now_us)
{
	for (int i = 0; i < RECEIVE_WINDOW / NET_RX_BATCH && poll_batch(rx, now_us); i++)
		;
	rx->is_open = false;
	gre_session_skip_gaps(rx->session, now_us);
	net_rx_flush(rx);
}
