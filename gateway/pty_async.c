/* SPDX-License-Identifier: ISC */
/*
 * HDLC both ways. Frames from pppd are decoded to where net_tx.c sends them from; frames for pppd are
 * encoded into one buffer, which one write empties.
 */
#include "gateway/pty_async.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ppp/ppp_cp.h"

static struct pty_async *async_of(struct pty *p)
{
	return (struct pty_async *)p; /* its first member */
}

/* Decodes input until it ends or the batch is full. */
static void decode_frames(struct pty_async *a)
{
	struct net_tx *tx = a->pty.tx;
	struct hdlc_decoder *d = &a->decoder;

	while (a->in_at < a->in_len && !net_tx_is_full(tx)) {
		size_t used;
		enum hdlc_event event =
		    hdlc_decode(d, a->in + a->in_at, a->in_len - a->in_at, &used);
		a->in_at += used;
		switch (event) {
		case HDLC_MORE:
			break;
		case HDLC_FRAME:
			accm_snoop_from_pppd(&a->accm, d->frame, d->frame_len);
			net_tx_add(tx, d->frame_len);
			/* Is not used before flush_frames if the batch is full now. */
			hdlc_decoder_set_buffer(d, net_tx_frame_buffer(tx), NET_TX_FRAME_CAP);
			break;
		case HDLC_OVERSIZE:
			a->pty.stats->tx_oversize++;
			break;
		case HDLC_BAD_FCS:
		case HDLC_SHORT:
		case HDLC_ABORTED:
			a->pty.stats->tx_bad_frames++;
			break;
		}
	}
}

static bool flush_frames(struct pty_async *a, int64_t now_us)
{
	if (!net_tx_flush(a->pty.tx, now_us, a->decoder.len))
		return false;
	a->decoder.frame = net_tx_frame_buffer(a->pty.tx);
	return true;
}

static void read_frames(struct pty_async *a, int64_t now_us)
{
	if (net_tx_queued(a->pty.tx) && !flush_frames(a, now_us))
		return;
	bool more = true; /* the last read was a full one, or the end is to be found */
	for (int reads = 0;;) {
		if (a->in_at == a->in_len) {
			if (!more || reads++ == PTY_READS)
				return;
			a->in_at = 0;
			a->in_len = pty_read_bytes(&a->pty, a->in);
			more = a->in_len >= PTY_READ_CAP || a->pty.was_closed;
		}
		decode_frames(a);
		/* Send before the next read: meanwhile the receiver may go to sleep, and waking it up
		 * costs more than a system call. */
		if (!flush_frames(a, now_us))
			return;
	}
}

static void async_read(struct pty *p, int64_t now_us)
{
	struct pty_async *a = async_of(p);

	read_frames(a, now_us);
	p->has_input = a->in_at < a->in_len;
}

static void set_queued(struct pty_async *a, size_t at, size_t len)
{
	size_t left = sizeof(a->out) - at - len;

	a->out_at = at;
	a->pty.queued = len;
	a->pty.space = left < HDLC_ENCODED_MAX(0) ? 0 : (left - HDLC_ENCODED_MAX(0)) / 2;
}

static void async_deliver(struct pty *p, const uint8_t *frame, size_t len)
{
	struct pty_async *a = async_of(p);
	uint32_t accm = accm_snoop_to_pppd(&a->accm, frame, len);
	/* The flag that closed the last frame opens this one if one write has both. */
	bool open_flag = p->queued == 0;

	uint8_t *end = a->out + a->out_at + p->queued;
	set_queued(a, a->out_at, p->queued + hdlc_encode(a->fcs, frame, len, accm, open_flag, end));
}

static void async_flush(struct pty *p)
{
	struct pty_async *a = async_of(p);
	ssize_t n;

	if (p->queued == 0)
		return;
	do
		n = write(p->config.out, a->out + a->out_at, p->queued);
	while (n < 0 && errno == EINTR);
	/* A pty that took a part is full: another write would be a system call in vain. */
	if (n < 0 && errno != EAGAIN)
		pty_hang_up(p, errno);
	if (n <= 0)
		return;
	p->written += (size_t)n;
	set_queued(a, a->out_at + (size_t)n, p->queued - (size_t)n);
	/* Not after each write: most of a full buffer would be moved many times over. With so little
	 * queued the next batch comes, and needs the space. */
	if (p->queued <= PTY_QUEUED_LOW) {
		memmove(a->out, a->out + a->out_at, p->queued);
		set_queued(a, 0, p->queued);
	}
}

/* In HDLC 03 would be escaped: no asynchronous frame begins like this, as the first one of each other does. */
static const struct pty_ops async_ops = {
    .read = async_read,
    .deliver = async_deliver,
    .flush = async_flush,
    .mismatch = {PPP_ADDRESS, PPP_CONTROL},
    .mismatch_len = 2,
    .mismatch_text = "pppd has its option sync, but --sync was not given (pppd's first bytes are "
		     "ff 03, not 7e): give both or neither",
};

void pty_async_init(struct pty_async *a, const struct pty_config *config, struct net_tx *tx,
    struct pptp_stats *stats)
{
	pty_init(&a->pty, &async_ops, config, tx, stats);
	a->fcs = fcs16_fastest();
	accm_snoop_init(&a->accm);
	hdlc_decoder_init(&a->decoder, a->fcs, net_tx_frame_buffer(tx), NET_TX_FRAME_CAP);
	a->in_at = a->in_len = 0;
	set_queued(a, 0, 0);
}
