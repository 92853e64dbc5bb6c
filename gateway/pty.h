/* SPDX-License-Identifier: ISC */
/*
 * pppd's side of the data path, as the rest of it sees it: the operations that pty_async.c (HDLC) and
 * pty_sync.c (--sync) implement, and the state that both have. Frames from pppd go into the batch of
 * net_tx.c; frames for pppd come from net_rx.c.
 */
#ifndef PPTP_PTY_H
#define PPTP_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stats.h"
#include "sys/loop.h"
#include "gateway/net_tx.h"

enum {
	/* Bytes of one read: of a pty the kernel returns no more at once. */
	PTY_READ_CAP = 4095,
	/* Reads in a row, each sent at once, before the other direction is polled. */
	PTY_READS = 4,
	/* With more bytes than this queued for pppd, packets stay in the socket; with less they join
	 * the queue when pppd takes something, so that one write has both. */
	PTY_QUEUED_LOW = 16384,
};

struct pty;

struct pty_ops {
	/* Sends what is queued in net_tx, then reads frames and sends them, until the pty is empty,
	 * sending has to wait or PTY_READS reads have been made. */
	void (*read)(struct pty *p, int64_t now_us);
	/* Writes or queues one frame from the server; `space` is at least `len`. */
	void (*deliver)(struct pty *p, const uint8_t *frame, size_t len);
	/* Writes what is queued, as much as pppd takes. */
	void (*flush)(struct pty *p);
	/* `read_deadline_us` has passed; NULL if the implementation never sets it. */
	void (*on_read_deadline)(struct pty *p, int64_t now_us);
	/* How the first bytes from pppd begin where it has the other kind of pty, and what to say. */
	uint8_t mismatch[2];
	size_t mismatch_len;
	const char *mismatch_text;
};

struct pty_config {
	int in;                  /* read from pppd; non-blocking; lent */
	int out;                 /* write to pppd; non-blocking; may be the same; lent */
	const struct loop *loop; /* its clock: how long after a write the next one may come */
};

/* Both implementations begin with it. Only they and pty.c write it; all others read it and call `ops`. */
struct pty {
	const struct pty_ops *ops;
	struct pty_config config;
	struct net_tx *tx;
	struct pptp_stats *stats;
	size_t queued;            /* bytes that wait for pppd */
	size_t space;             /* bytes of the longest frame that deliver takes now */
	size_t written;           /* bytes that pppd has taken so far; wraps */
	bool has_input;           /* what has been read may hold further frames */
	bool has_spoken;          /* the first bytes have been read */
	bool was_closed;          /* pppd has closed its side, and may have opened it again since */
	bool hung_up;             /* that was seen, and all was read that came before ... */
	int error;                /* ... with this positive errno; 0 = end of file */
	const char *refusal;      /* why this link cannot be carried; NULL = it can */
	int64_t write_after_us;   /* flush does nothing before */
	int64_t read_deadline_us; /* when on_read_deadline is to be called; DEADLINE_NEVER */
};

/* For the implementations: starts with nothing read and nothing queued. */
void pty_init(struct pty *p, const struct pty_ops *ops, const struct pty_config *config,
    struct net_tx *tx, struct pptp_stats *stats);

/* For the implementations: reads up to PTY_READ_CAP bytes; 0 if there are none now, or never again
 * (a hang-up). */
size_t pty_read_bytes(struct pty *p, uint8_t *to);

/* pppd has closed its side: `error` is a positive errno, 0 or EPIPE for end of file. */
void pty_hang_up(struct pty *p, int error);

#endif
