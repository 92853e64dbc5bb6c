/* SPDX-License-Identifier: ISC */
/*
 * pppd's side where it is a synchronous pty (--sync): no HDLC, so that each frame is a write of its
 * own, in its own time, and what is read has to be cut into frames again. Owns pacing, padding and
 * cutting. Where a frame ends is ppp_frame.c's to say, what the two sides may agree on sync_link.c's;
 * the batch of what goes to the server is gre_tx.c's.
 */
#include "gateway/datapath.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ppp/ppp_framing.h"

enum {
	/* What a write has at least, and at most: longer ones are cut in two by the kernel. */
	WRITE_MIN = 256,
	WRITE_MAX = 1792,
};

/* A synchronous pty joins a write to the one before it as long as its kernel thread has not fetched
 * that one, which nothing tells: it gets time to. On another processor it needs some tens of
 * microseconds; on this one it comes first, as the lowest priority and a yield see to. */
#define PACE_US INT64_C(100)

void gre_sync_init(struct gre_path *p)
{
	if (p->config.sync)
		(void)setpriority(PRIO_PROCESS, 0, 19); /* see PACE_US */
	sync_link_init(&p->sync.link);
}

/* The pty would take the start of a frame that it has no room for, and join it to the frame before:
 * POLLOUT says that there is room for WRITE_MAX at least. */
void gre_sync_write(struct gre_path *p)
{
	struct pollfd ready = {.fd = p->config.pty_out, .events = POLLOUT};

	if (loop_now_us() < p->sync.pace_us)
		return;
	sched_yield();
	if (poll(&ready, 1, 0) <= 0)
		return;
	ssize_t n = write(p->config.pty_out, p->out, p->rx.out_len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		gre_path_hang_up(p, errno);
		return;
	}
	p->rx.taken += (size_t)n;
	p->sync.pace_us = loop_now_us() + PACE_US;
	if ((size_t)n < p->rx.out_len) /* the rest alone would be taken for a frame */
		p->stats.rx_pty_cut++;
	p->rx.out_len = 0;
}

/* Where writes are joined all the same, at least not because both were short: the kernel's buffers
 * are as long as the first write of each, rounded up to a multiple of 256, twice. PPP allows padding,
 * as what may be short (control packets, IP, also within MPPE) states its length (RFC 1661, 2). */
static size_t pad(uint8_t *frame, size_t len)
{
	if (len >= WRITE_MIN)
		return len;
	memset(frame + len, 0, WRITE_MIN - len);
	return WRITE_MIN;
}

static void write_frame(struct gre_path *p, const uint8_t *frame, size_t len)
{
	if (len > WRITE_MAX) {
		p->stats.rx_pty_cut++;
		return;
	}
	memcpy(p->out, frame, len);
	p->rx.out_len = pad(p->out, len);
	gre_sync_write(p);
}

/* To the server, in pppd's name; lost where there is no room. */
static void answer_server(struct gre_path *p)
{
	if (!gre_tx_full(p))
		gre_tx_add(p, p->sync.link.answer, p->sync.link.answer_len);
}

/* To pppd, in the server's name; lost where there is no room. */
static void answer_pppd(struct gre_path *p)
{
	if (gre_sync_has_room(p))
		write_frame(p, p->sync.link.answer, p->sync.link.answer_len);
}

void gre_sync_deliver(struct gre_path *p, const uint8_t *frame, size_t len)
{
	if (p->sync.refused)
		return;
	switch (sync_link_see(&p->sync.link, SYNC_SERVER, frame, len)) {
	case SYNC_PASS:
		write_frame(p, frame, len);
		break;
	case SYNC_ANSWER:
		answer_server(p);
		break;
	case SYNC_REFUSE:
		p->sync.refused = true;
		break;
	}
}

static void take_frame(struct gre_path *p, const uint8_t *frame, size_t len)
{
	if (len > PACKET_MAX) {
		p->stats.tx_oversize++;
		return;
	}
	switch (sync_link_see(&p->sync.link, SYNC_PPPD, frame, len)) {
	case SYNC_PASS:
		gre_tx_add(p, frame, len);
		break;
	case SYNC_ANSWER:
		answer_pppd(p);
		break;
	case SYNC_REFUSE:
		p->sync.refused = true;
		break;
	}
}

/* What a synchronous pty hands out is a stream: what pppd wrote in several goes may come in one, and
 * what it wrote in one go, in two. `last`: nothing more has come. False where the batch is full. */
static bool take_frames(struct gre_path *p, bool last)
{
	struct path_tx *tx = &p->tx;

	while (tx->in_at < tx->in_len && !p->sync.refused) {
		if (gre_tx_full(p))
			return false;
		const uint8_t *frame = p->in + tx->in_at;
		size_t len = tx->in_len - tx->in_at;
		size_t junk = p->sync.link.short_headers ? 0 : ppp_next_start(frame, len);
		if (junk) { /* the rest of a frame whose start was lost */
			p->stats.tx_bad_frames++;
			tx->in_at += junk;
			continue;
		}
		size_t first;
		enum ppp_end end = ppp_first_frame(frame, len, &first);
		bool unsure = end == PPP_OPEN || end == PPP_CUT;
		if (unsure && len <= PACKET_MAX && (end == PPP_CUT || !last))
			break;
		if (unsure && len > PACKET_MAX)
			p->stats.tx_bad_frames++;
		else if (end != PPP_AGAIN)
			take_frame(p, frame, first);
		tx->in_at += first;
	}
	return true;
}

/* The start of a frame that waits for its end moves to the front. */
static void rewind_input(struct gre_path *p)
{
	struct path_tx *tx = &p->tx;

	memmove(p->in, p->in + tx->in_at, tx->in_len - tx->in_at);
	tx->in_len -= tx->in_at;
	tx->in_at = 0;
}

/* True where all that is certain to be a frame has gone. */
static bool send_frames(struct gre_path *p, bool last, int64_t now_us)
{
	while (!take_frames(p, last) || p->tx.count >= SYNC_ENOUGH)
		if (!gre_tx_flush(p, now_us))
			return false;
	return true;
}

/* Whatever is read may end within a frame: after it comes the rest, or nothing. While the pty has
 * never been full it holds nothing back, and finding it empty means that frames are whole; after
 * that its next octets may be a moment behind. `waited`: that moment has passed. */
static void read_turn(struct gre_path *p, bool waited, int64_t now_us)
{
	struct path_tx *tx = &p->tx;
	struct path_sync *sync = &p->sync;

	if (!sync->held && !send_frames(p, false, now_us))
		return;
	for (int reads = 0; reads < TX_ROUNDS && !sync->refused; reads++) {
		rewind_input(p);
		size_t n = gre_tx_read(p, p->in + tx->in_len);
		tx->in_len += n;
		sync->run += n;
		if (n == 0 && sync->run >= IN_FULL && !waited)
			break;
		sync->quiet = n == 0;
		if (n == 0)
			sync->run = 0;
		sync->held = waited = false;
		if (!send_frames(p, n == 0, now_us))
			return;
		if (n == 0)
			break;
	}
	sync->held = tx->in_at < tx->in_len;
	if (!sync->held)
		sync->run = 0;
	if (tx->count)
		gre_tx_flush(p, now_us);
}

void gre_sync_read_turn(struct gre_path *p, int64_t now_us)
{
	read_turn(p, false, now_us);
}

void gre_sync_release(struct gre_path *p, int64_t now_us)
{
	read_turn(p, true, now_us);
}
