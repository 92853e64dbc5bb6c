/* SPDX-License-Identifier: ISC */
/*
 * Frames without HDLC. The pty's driver does not keep writes apart, so this side paces what it writes,
 * and finds the frames in what it reads.
 */
#include "gateway/pty_sync.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ppp/hdlc.h"
#include "ppp/ppp_framing.h"
#include "sys/loop.h"

/* A synchronous pty joins a write to the one before if its kernel thread has not fetched that one yet.
 * Nothing tells when it has, so it gets time. On another processor it needs some tens of
 * microseconds; on this one it runs first, owing to the lowest priority and a yield. */
#define PACE_US INT64_C(100)
/* How long the start of a frame waits for its end: what one write of pppd's brought in two reads is
 * microseconds apart. */
#define HOLD_US USEC_PER_MSEC
/* The kernel's tty buffers are as long as the first write of each, rounded up to a multiple of 256. */
#define WRITE_MIN 256

static struct pty_sync *sync_of(struct pty *p)
{
	return (struct pty_sync *)p; /* its first member */
}

/*
 * To pppd.
 */

static void set_queued(struct pty_sync *s, size_t len)
{
	s->pty.queued = len;
	s->pty.space = len ? 0 : SIZE_MAX; /* one frame waits at the most */
}

/* The pty would take the start of a frame that it has no space for, and join it to the frame before.
 * POLLOUT says that there is space for PTY_SYNC_WRITE_MAX at least. */
static void sync_flush(struct pty *p)
{
	struct pty_sync *s = sync_of(p);
	struct pollfd ready = {.fd = p->config.out, .events = POLLOUT};

	if (p->queued == 0 || loop_now_us(p->config.loop) < p->write_after_us)
		return;
	sched_yield();
	if (poll(&ready, 1, 0) <= 0)
		return;
	ssize_t n = write(p->config.out, s->out, p->queued);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		pty_hang_up(p, errno);
		return;
	}
	p->written += (size_t)n;
	p->write_after_us = loop_now_us(p->config.loop) + PACE_US;
	if ((size_t)n < p->queued) /* the rest alone would be taken for a frame */
		p->stats->rx_pty_cut++;
	set_queued(s, 0);
}

/* Two writes that the kernel joins all the same cannot be separated; frames padded to the size of
 * its buffers are at least not joined for being short. PPP allows padding because whatever may be
 * short (control packets, IP, also within MPPE) states its length (RFC 1661 section 2). */
static void write_frame(struct pty_sync *s, const uint8_t *frame, size_t len)
{
	if (len > sizeof(s->out)) {
		s->pty.stats->rx_pty_cut++;
		return;
	}
	memcpy(s->out, frame, len);
	if (len < WRITE_MIN) {
		memset(s->out + len, 0, WRITE_MIN - len);
		len = WRITE_MIN;
	}
	set_queued(s, len);
	sync_flush(&s->pty);
}

static void send_frame(struct pty_sync *s, const uint8_t *frame, size_t len)
{
	memcpy(net_tx_frame_buffer(s->pty.tx), frame, len);
	net_tx_add(s->pty.tx, len);
}

static void refuse(struct pty_sync *s)
{
	s->pty.refusal = sync_filter_reason(&s->filter);
}

static void sync_deliver(struct pty *p, const uint8_t *frame, size_t len)
{
	struct pty_sync *s = sync_of(p);

	if (p->refusal)
		return;
	switch (sync_filter_process(&s->filter, SYNC_FILTER_SERVER, frame, len)) {
	case SYNC_FILTER_PASS:
		write_frame(s, frame, len);
		break;
	case SYNC_FILTER_ANSWER: /* in pppd's name; lost if there is no space, as any packet may be */
		if (!net_tx_is_full(p->tx))
			send_frame(s, s->filter.answer, s->filter.answer_len);
		break;
	case SYNC_FILTER_REFUSE:
		refuse(s);
		break;
	}
}

/*
 * From pppd.
 */

static void process_frame(struct pty_sync *s, const uint8_t *frame, size_t len)
{
	if (len > PACKET_MAX) {
		s->pty.stats->tx_oversize++;
		return;
	}
	switch (sync_filter_process(&s->filter, SYNC_FILTER_PPPD, frame, len)) {
	case SYNC_FILTER_PASS:
		send_frame(s, frame, len);
		break;
	case SYNC_FILTER_ANSWER: /* in the server's name; lost if there is no space */
		if (s->pty.queued == 0)
			write_frame(s, s->filter.answer, s->filter.answer_len);
		break;
	case SYNC_FILTER_REFUSE:
		refuse(s);
		break;
	}
}

/* A synchronous pty hands out a stream: several writes of pppd's may come in one read, and one write
 * in two. `last`: nothing more has come. False if the batch is full and there is more. */
static bool cut_frames(struct pty_sync *s, bool last)
{
	while (s->in_at < s->in_len && !s->pty.refusal) {
		if (net_tx_is_full(s->pty.tx))
			return false;
		const uint8_t *frame = s->in + s->in_at;
		size_t len = s->in_len - s->in_at;
		size_t junk = s->filter.short_headers ? 0 : ppp_framing_find_start(frame, len);
		if (junk) { /* the rest of a frame whose start was lost */
			s->pty.stats->tx_bad_frames++;
			s->in_at += junk;
			continue;
		}
		size_t first;
		enum ppp_framing_end end = ppp_framing_find_end(frame, len, &first);
		bool unsure = end == PPP_FRAMING_OPEN || end == PPP_FRAMING_CUT;
		if (unsure && len <= PACKET_MAX && (end == PPP_FRAMING_CUT || !last))
			break;
		if (unsure && len > PACKET_MAX)
			s->pty.stats->tx_bad_frames++;
		else if (end != PPP_FRAMING_REPEATED)
			process_frame(s, frame, first);
		s->in_at += first;
	}
	return true;
}

/* True if all that is certain to be a frame has been sent or is in a batch with space. */
static bool send_frames(struct pty_sync *s, bool last, int64_t now_us)
{
	while (!cut_frames(s, last) || net_tx_is_full(s->pty.tx))
		if (!net_tx_flush(s->pty.tx, now_us, 0))
			return false;
	return true;
}

/* Any read may end within a frame: the rest follows, or never comes. As long as the pty has not been
 * full since it was last empty, it keeps nothing back: when it is empty, all frames are whole. Once
 * it has been full, its next bytes may come a moment later. `waited`: that moment has passed. */
static void read_frames(struct pty_sync *s, bool waited, int64_t now_us)
{
	if (net_tx_queued(s->pty.tx) && !net_tx_flush(s->pty.tx, now_us, 0))
		return;
	if (!s->held && !send_frames(s, false, now_us))
		return;
	for (int reads = 0; reads < PTY_READS && !s->pty.refusal; reads++) {
		/* The start of a frame that waits for its end moves to the front. */
		memmove(s->in, s->in + s->in_at, s->in_len - s->in_at);
		s->in_len -= s->in_at;
		s->in_at = 0;
		size_t n = pty_read_bytes(&s->pty, s->in + s->in_len);
		s->in_len += n;
		s->run += n;
		if (n == 0 && s->run >= PTY_READ_CAP && !waited)
			break;
		s->quiet = n == 0;
		if (n == 0)
			s->run = 0;
		s->held = waited = false;
		if (!send_frames(s, n == 0, now_us))
			return;
		if (n == 0)
			break;
	}
	s->held = s->in_at < s->in_len;
	if (!s->held)
		s->run = 0;
	if (net_tx_queued(s->pty.tx))
		net_tx_flush(s->pty.tx, now_us, 0);
}

static void read_and_hold(struct pty_sync *s, bool waited, int64_t now_us)
{
	struct pty *p = &s->pty;

	read_frames(s, waited, now_us);
	p->has_input = s->in_at < s->in_len && !s->held;
	if (!s->held || s->quiet)
		p->read_deadline_us = DEADLINE_NEVER;
	else if (p->read_deadline_us == DEADLINE_NEVER)
		p->read_deadline_us = now_us + HOLD_US;
}

static void sync_read(struct pty *p, int64_t now_us)
{
	read_and_hold(sync_of(p), false, now_us);
}

static void sync_on_read_deadline(struct pty *p, int64_t now_us)
{
	p->read_deadline_us = DEADLINE_NEVER;
	read_and_hold(sync_of(p), true, now_us);
}

static const struct pty_ops sync_ops = {
    .read = sync_read,
    .deliver = sync_deliver,
    .flush = sync_flush,
    .on_read_deadline = sync_on_read_deadline,
    .mismatch = {HDLC_FLAG},
    .mismatch_len = 1,
    .mismatch_text =
	"--sync was given, but pppd has not its option sync (pppd's first byte is 7e, not "
	"ff): give both or neither",
};

void pty_sync_init(struct pty_sync *s, const struct pty_config *config, struct net_tx *tx,
    struct pptp_stats *stats)
{
	(void)setpriority(PRIO_PROCESS, 0, 19); /* see PACE_US */
	pty_init(&s->pty, &sync_ops, config, tx, stats);
	sync_filter_init(&s->filter);
	s->in_at = s->in_len = s->run = 0;
	s->held = s->quiet = false;
	set_queued(s, 0);
}
