/* SPDX-License-Identifier: ISC */
/*
 * From pppd to the network: frames are put together from what pppd writes, behind room for a
 * header, and go out with one sendmmsg for many. What number each has is the session's to say.
 */
#include "gateway/datapath.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/log.h"

/* IP and GRE headers, and address, control and protocol of PPP: what a PPP MTU has to leave room for. */
#define TUNNEL_OVERHEAD (20 + GRE_HEADER_MAX + 4)

static uint8_t *next_frame(struct gre_path *p)
{
	return p->arena + p->tx.arena_at + GRE_HEADER_MAX;
}

void gre_tx_init(struct gre_path *p)
{
	for (size_t i = 0; i < TX_BATCH; i++) {
		p->tx.messages[i].msg_hdr.msg_iov = &p->tx.pieces[i];
		p->tx.messages[i].msg_hdr.msg_iovlen = 1;
	}
	txorder_init(&p->tx.order, p->config.test_type, p->config.test_rate, p->order_slots[0],
	    sizeof(p->order_slots[0]));
	hdlc_decoder_init(&p->tx.decoder, p->fcs, next_frame(p), TX_FRAME_CAP);
}

bool gre_tx_full(const struct gre_path *p)
{
	return p->tx.count == TX_BATCH ||
	       p->tx.arena_at + GRE_HEADER_MAX + TX_FRAME_CAP > sizeof(p->arena);
}

/* A complete frame stands where the next one was expected: it joins the batch. */
static void add_frame(struct gre_path *p, size_t len)
{
	struct path_tx *tx = &p->tx;

	tx->pieces[tx->count++] = (struct iovec){.iov_base = next_frame(p), .iov_len = len};
	/* Up to 8 so that headers start at even addresses. */
	tx->arena_at += (GRE_HEADER_MAX + len + 7) & ~(size_t)7;
}

/* All frames have gone: the arena is used from its start again, so that few of its pages are. */
static void rewind_arena(struct gre_path *p)
{
	struct path_tx *tx = &p->tx;

	tx->sent = tx->numbered = tx->count = 0;
	if (tx->arena_at == 0)
		return;
	uint8_t *from = next_frame(p);
	tx->arena_at = 0;
	/* The frame that is only half there moves along. */
	size_t half = tx->decoder.len;
	memmove(next_frame(p), from, half);
	tx->decoder.frame = next_frame(p);
}

void gre_tx_add(struct gre_path *p, const uint8_t *frame, size_t len)
{
	memcpy(next_frame(p), frame, len);
	add_frame(p, len);
}

/* As many as there is input for, and places in the batch. */
static void take_frames(struct gre_path *p)
{
	struct path_tx *tx = &p->tx;

	while (tx->in_at < tx->in_len && !gre_tx_full(p)) {
		size_t used;
		enum hdlc_event event =
		    hdlc_decode(&tx->decoder, p->in + tx->in_at, tx->in_len - tx->in_at, &used);
		tx->in_at += used;
		switch (event) {
		case HDLC_MORE:
			break;
		case HDLC_FRAME:
			lcp_accm_from_pppd(&p->accm, tx->decoder.frame, tx->decoder.frame_len);
			add_frame(p, tx->decoder.frame_len);
			/* May point to where no whole frame fits: then the batch is full, and
			 * rewind_arena moves it before it is used. */
			hdlc_decoder_next_buffer(&tx->decoder, next_frame(p), TX_FRAME_CAP);
			break;
		case HDLC_OVERSIZE:
			p->stats.tx_oversize++;
			break;
		case HDLC_BAD_FCS:
		case HDLC_SHORT:
		case HDLC_ABORTED:
			p->stats.tx_bad_frames++;
			break;
		}
	}
}

size_t gre_tx_read(struct gre_path *p, uint8_t *to)
{
	ssize_t n;

	do
		n = read(p->config.pty_in, to, IN_CAP);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		p->tx.spoke = true;
		return (size_t)n;
	}
	if (n < 0 && errno == EAGAIN)
		return 0;
	gre_path_hang_up(p, n < 0 ? errno : 0);
	return 0;
}

static void number_frames(struct gre_path *p, int64_t now_us)
{
	struct path_tx *tx = &p->tx;

	if (tx->numbered == tx->count)
		return;
	for (unsigned room = gre_session_send_room(&p->session, now_us);
	     room && tx->numbered < tx->count; room--) {
		struct iovec *piece = &tx->pieces[tx->numbered++];
		struct gre_header h;
		gre_session_send(&p->session, now_us, (uint16_t)piece->iov_len, &h);
		size_t len = gre_header_len(&h);
		piece->iov_base = (uint8_t *)piece->iov_base - len;
		piece->iov_len += len;
		(void)gre_encode(&h, piece->iov_base);
	}
}

/* Says once what to do about packets that the path does not take. */
static void warn_size(struct gre_path *p)
{
	if (p->tx.warned_size)
		return;
	p->tx.warned_size = true;

	int mtu = 0;
	socklen_t len = sizeof(mtu);
	if (getsockopt(p->config.gre, IPPROTO_IP, IP_MTU, &mtu, &len) < 0 || mtu <= TUNNEL_OVERHEAD)
		log_warn("packets are too large for the path to the server: "
			 "give pppd a smaller \"mtu\"");
	else
		log_warn("packets are too large for the path to the server (its MTU is %d): "
			 "give pppd \"mtu %d mru %d\"",
		    mtu, mtu - TUNNEL_OVERHEAD, mtu - TUNNEL_OVERHEAD);
}

/* What became of a packet that could not be sent. */
enum refusal {
	REFUSAL_WAIT, /* for the socket or a moment; the packet stays */
	REFUSAL_LOST,
};

static enum refusal on_send_error(struct gre_path *p, int error)
{
	switch (error) {
	case EAGAIN:
		p->tx.wait_socket = true;
		return REFUSAL_WAIT;
	case ENOBUFS:
	case ENOMEM:
		p->tx.wait_timer = true;
		return REFUSAL_WAIT;
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EINVAL: /* a route of type blackhole; in older kernels our address is gone, too */
	case EACCES: /* a route of type prohibit */
		/* The uplink is gone for the moment (what a router says is taken by the first
		 * try). Packets lost now would run MPPE's count away from the server's: after
		 * 4096 in a row no key fits any more. So nothing is taken from pppd, and the
		 * kernel drops what does not fit before it is encrypted. */
		if (!p->tx.no_route)
			p->stats.tx_failed++;
		p->tx.wait_timer = p->tx.no_route = true;
		gre_session_delayed(&p->session);
		return REFUSAL_WAIT;
	case EMSGSIZE:
		warn_size(p);
		break;
	default:
		break;
	}
	p->stats.tx_failed++;
	return REFUSAL_LOST;
}

/*
 * sendmmsg in one system call with every C library: on 64-bit machines musl's own is a loop of
 * sendmsg, because the kernel counts in 64 bits where its struct has 32 and padding. Messages that
 * began as zeroed memory, as ours, are the same in both.
 */
static int send_batch(int fd, struct mmsghdr *messages, unsigned count)
{
#ifdef __GLIBC__
	return sendmmsg(fd, messages, count, MSG_DONTWAIT);
#else
	return (int)syscall(SYS_sendmmsg, fd, messages, count, MSG_DONTWAIT);
#endif
}

/* Sends [sent, numbered) in order; false where it has to wait. */
static bool send_frames(struct gre_path *p)
{
	struct path_tx *tx = &p->tx;
	bool tried = false; /* the first packet, once */

	while (tx->sent < tx->numbered) {
		int n = send_batch(p->config.gre, tx->messages + tx->sent, tx->numbered - tx->sent);
		if (n > 0) {
			for (unsigned i = tx->sent; i < tx->sent + (unsigned)n; i++)
				if (tx->messages[i].msg_len < tx->pieces[i].iov_len)
					p->stats.tx_short++;
			p->stats.tx_sent += (unsigned)n;
			tx->sent += (unsigned)n;
			tx->no_route = false;
			tried = false;
			continue;
		}
		int error = n < 0 ? errno : EAGAIN;
		if (error == EINTR)
			continue;
		bool may_be_old = error != EAGAIN && error != ENOBUFS && error != ENOMEM;
		if (may_be_old && !tried) {
			/* The error may be that of an earlier packet, by ICMP: it is told to the
			 * next call, whatever that is, and then forgotten. */
			tried = true;
			continue;
		}
		if (on_send_error(p, error) == REFUSAL_WAIT)
			return false;
		tx->sent++;
		tried = false;
	}
	return true;
}

/* Sends what --test-type lets go. A refused packet is lost: order is what is being tested. */
static void send_disordered(struct gre_path *p)
{
	const uint8_t *datagram;
	size_t len;

	while (txorder_next(&p->tx.order, &datagram, &len)) {
		if (send(p->config.gre, datagram, len, MSG_DONTWAIT) < 0)
			p->stats.tx_failed++;
		else
			p->stats.tx_sent++;
	}
}

static bool disorder_frames(struct gre_path *p, int64_t now_us)
{
	struct path_tx *tx = &p->tx;

	for (; tx->sent < tx->numbered; tx->sent++) {
		struct iovec *piece = &tx->pieces[tx->sent];
		(void)txorder_add(&tx->order, now_us, piece->iov_base, piece->iov_len);
		send_disordered(p);
	}
	return true;
}

int64_t gre_tx_deadline(const struct gre_path *p)
{
	return txorder_deadline(&p->tx.order);
}

void gre_tx_on_deadline(struct gre_path *p, int64_t now_us)
{
	if (now_us < txorder_deadline(&p->tx.order))
		return;
	txorder_flush(&p->tx.order);
	send_disordered(p);
}

bool gre_tx_flush(struct gre_path *p, int64_t now_us)
{
	struct path_tx *tx = &p->tx;

	number_frames(p, now_us);
	bool all = p->config.test_type ? disorder_frames(p, now_us) : send_frames(p);
	if (!all || tx->sent < tx->count)
		return false;
	rewind_arena(p);
	return true;
}

void gre_tx_turn(struct gre_path *p, int64_t now_us)
{
	struct path_tx *tx = &p->tx;

	if (tx->sent < tx->count && !gre_tx_flush(p, now_us))
		return;
	if (p->config.sync) {
		gre_sync_read_turn(p, now_us);
		return;
	}
	bool more = true; /* the last read was a full one */
	for (int reads = 0;;) {
		if (tx->in_at == tx->in_len) {
			if (!more || reads++ == TX_ROUNDS)
				break;
			tx->in_at = 0;
			tx->in_len = gre_tx_read(p, p->in);
			more = tx->in_len >= IN_FULL;
		}
		take_frames(p);
		/* Before more is read: the receiver may go to sleep meanwhile, and to wake it costs
		 * more than a system call. */
		if (!gre_tx_flush(p, now_us))
			return;
	}
}

void gre_tx_acknowledge(struct gre_path *p, int64_t now_us)
{
	struct gre_header h;

	/* Frames that wait for the socket: an acknowledgment would fare no better. */
	if (p->tx.wait_socket || p->tx.wait_timer || !gre_session_ack_due(&p->session, now_us, &h))
		return;
	uint8_t packet[GRE_HEADER_MAX];
	size_t len = gre_encode(&h, packet);
	ssize_t n = -1;
	for (int tries = 0; n < 0 && tries < 2; tries++) /* see send_frames */
		n = send(p->config.gre, packet, len, MSG_DONTWAIT);
	if (n < 0)
		p->stats.tx_failed++;
	else
		p->stats.tx_acks++;
}
