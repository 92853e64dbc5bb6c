/* SPDX-License-Identifier: ISC */
/*
 * From the network to pppd: many packets for one recvmmsg, one write for all that became ready.
 * What order they are in is the session's to say; when to read and write is gre_path.c's.
 */
#include "gateway/datapath.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Where the batch's packet i begins. */
static uint8_t *slot(struct gre_path *p, size_t i)
{
	return p->slots[RX_BATCH - 1 - i];
}

void gre_rx_init(struct gre_path *p)
{
	for (size_t i = 0; i < RX_BATCH; i++) {
		p->rx.pieces[i][0] = (struct iovec){.iov_base = slot(p, i), .iov_len = RX_SLOT};
		p->rx.pieces[i][1] = (struct iovec){.iov_base = p->tails[i], .iov_len = RX_TAIL};
		struct msghdr *m = &p->rx.messages[i].msg_hdr;
		m->msg_iov = p->rx.pieces[i];
		m->msg_iovlen = 2;
		m->msg_control = p->rx.control;
		m->msg_controllen = sizeof(p->rx.control);
	}
}

static bool may_receive(const struct gre_path *p)
{
	if (!p->rx.open || gre_session_is_full(&p->session))
		return false;
	return p->rx.stalled || gre_rx_waiting(p) <= OUT_LOW;
}

bool gre_rx_wanted(const struct gre_path *p)
{
	return may_receive(p) && (p->rx.stalled || gre_rx_waiting(p) == 0);
}

/* Whether a packet of `len` octets can be put into `out` whatever its octets are. */
static bool has_room(const struct gre_path *p, size_t len)
{
	if (p->config.sync)
		return gre_sync_has_room(p);
	return OUT_CAP - p->rx.out_len >= HDLC_ENCODED_MAX(len);
}

/* Hands what waits to pppd's side, as much as it takes. */
static void write_out(struct gre_path *p)
{
	struct path_rx *rx = &p->rx;

	if (p->config.sync) {
		if (rx->out_len)
			gre_sync_write(p);
		return;
	}
	while (rx->out_at < rx->out_len) {
		ssize_t n = write(p->config.pty_out, p->out + rx->out_at, rx->out_len - rx->out_at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			gre_path_hang_up(p, errno);
		if (n > 0) {
			rx->out_at += (size_t)n;
			rx->taken += (size_t)n;
		}
		/* A pty that took a part is full now; trying again at once would only cost a call. */
		break;
	}
	if (rx->out_at == rx->out_len)
		rx->out_at = rx->out_len = 0;
}

static void deliver(struct gre_path *p, const uint8_t *payload, size_t len)
{
	struct path_rx *rx = &p->rx;

	if (p->config.sync) {
		gre_sync_deliver(p, payload, len);
		return;
	}
	uint32_t accm = lcp_accm_to_pppd(&p->accm, payload, len);
	/* The flag that closed the frame before opens this one, if both go out in one write. */
	bool open_flag = rx->out_len == 0;
	rx->out_len += hdlc_encode(p->fcs, payload, len, accm, open_flag, p->out + rx->out_len);
}

/* Packets that were held and whose turn has come, while there is room. */
static void deliver_held(struct gre_path *p, int64_t now_us)
{
	const struct pqueue_entry *head;

	while ((head = pqueue_head(&p->queue)) && has_room(p, head->len)) {
		const uint8_t *payload;
		size_t len;
		if (!gre_session_next(&p->session, now_us, &payload, &len))
			break;
		deliver(p, payload, len);
	}
}

void gre_rx_flush(struct gre_path *p, int64_t now_us)
{
	struct path_rx *rx = &p->rx;

	if (rx->out_len)
		write_out(p);
	/* Make the room behind a partial write usable, before the next batch needs it. */
	if (rx->out_at && (gre_rx_waiting(p) <= OUT_LOW || rx->out_at >= OUT_CAP / 2)) {
		memmove(p->out, p->out + rx->out_at, rx->out_len - rx->out_at);
		rx->out_len -= rx->out_at;
		rx->out_at = 0;
	}
	bool took_all = rx->out_len == 0;
	deliver_held(p, now_us);
	/* As long as pppd takes all: with nothing left to wait for it, nobody would come back here. */
	while (took_all && rx->out_len) {
		write_out(p);
		took_all = rx->out_len == 0;
		deliver_held(p, now_us);
	}
}

/* The octets of packet i in one piece. */
static const uint8_t *datagram(struct gre_path *p, size_t i, size_t len)
{
	if (len <= RX_SLOT)
		return slot(p, i);
	memcpy(p->whole, slot(p, i), RX_SLOT);
	memcpy(p->whole + RX_SLOT, p->tails[i], len - RX_SLOT);
	return p->whole;
}

static void take_packet(struct gre_path *p, const uint8_t *octets, size_t len, int64_t now_us)
{
	struct gre_header h;
	const uint8_t *payload;

	switch (gre_decode(octets, len, &h, &payload)) {
	case GRE_OK:
		break;
	case GRE_TRUNCATED:
		p->stats.rx_truncated++;
		return;
	case GRE_INVALID:
		p->stats.rx_invalid++;
		return;
	}
	/* A stranger's, from before the socket was connected. */
	if (memcmp(h.source, &p->config.server, sizeof(h.source)) != 0) {
		p->stats.rx_invalid++;
		return;
	}
	bool room = has_room(p, h.payload_len);
	if (gre_session_receive(&p->session, now_us, &h, payload, room) == GRE_RX_DELIVER)
		deliver(p, payload, h.payload_len);
	if (p->queue.count)
		deliver_held(p, now_us);
}

/* The kernel tells with every packet how many it had to drop before, once there were any. */
static void count_kernel_drops(struct gre_path *p, struct msghdr *last)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(last); /* nothing else was asked for */
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SO_RXQ_OVFL)
		return;
	uint32_t drops;
	memcpy(&drops, CMSG_DATA(c), sizeof(drops));
	p->stats.rx_kernel_drops += drops - p->rx.kernel_drops; /* 32 bits that wrap */
	p->rx.kernel_drops = drops;
}

/* Receives one batch; how many packets there were, 0 where there is nothing more for now. */
static size_t receive_batch(struct gre_path *p)
{
	struct path_rx *rx = &p->rx;
	/* No more than the session can hold, should pppd's side have no room for any of them. */
	size_t room = p->queue.capacity - p->queue.count;
	int n;

	do
		n = recvmmsg(p->config.gre, rx->messages,
		    (unsigned)(room < RX_BATCH ? room : RX_BATCH), MSG_DONTWAIT, NULL);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		/* The news of an ICMP error, say: reading it has cleared it, the call goes on. */
		if (errno != EAGAIN)
			p->stats.rx_os_errors++;
		return 0;
	}
	rx->datagrams += (size_t)n;
	if (n > 0 && rx->messages[n - 1].msg_hdr.msg_controllen)
		count_kernel_drops(p, &rx->messages[n - 1].msg_hdr);
	for (int i = 0; i < n; i++)
		rx->messages[i].msg_hdr.msg_controllen = sizeof(rx->control);
	return (size_t)n;
}

bool gre_rx_turn(struct gre_path *p, int64_t now_us)
{
	int round = 0;

	do {
		size_t n = may_receive(p) ? receive_batch(p) : 0;
		for (size_t i = 0; i < n; i++) {
			size_t len = p->rx.messages[i].msg_len;
			take_packet(p, datagram(p, i, len), len, now_us);
		}
		gre_rx_flush(p, now_us);
		if (n < RX_BATCH)
			return false;
	} while (++round < RX_ROUNDS && gre_rx_wanted(p));
	return gre_rx_wanted(p);
}
