/* SPDX-License-Identifier: ISC */
/*
 * The data path of one call: packets from the raw GRE socket to pppd and frames from pppd to the
 * socket. Ties net_rx.c, net_tx.c and the pty (pty_async.c or pty_sync.c) to the loop: which
 * descriptor is polled when, and the timers. The descriptors are lent by the gateway (pptp_gre.c),
 * which also decides when the call ends. Looks neither at packets nor at frames.
 */
#ifndef PPTP_DATAPATH_H
#define PPTP_DATAPATH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/stats.h"
#include "pqueue.h"
#include "gre/gre_session.h"
#include "gre/reorder_inject.h"
#include "gre/silence.h"
#include "sys/loop.h"
#include "gateway/net_rx.h"
#include "gateway/net_tx.h"
#include "gateway/pty.h"
#include "gateway/pty_async.h"
#include "gateway/pty_sync.h"

/* What the data path reports to its owner. All of them are set. But for the question, they are called
 * at the end of an iteration: the owner may stop the path in them, and does so in the last two. */
struct datapath_events {
	/* Whether pppd has set its line discipline, so that what is written reaches it.
	 * `is_last`: the path writes in any case from now on. */
	bool (*ask_pppd)(void *context, bool is_last);
	void (*pppd_speaks)(void *context); /* the first bytes from pppd have come; once */
	void (*received)(void *context);    /* the first packet from the server has come; once */
	/* Packets are on the way that the server has to answer: see datapath_count_facts. */
	void (*asked)(void *context);
	/* pppd has closed its side; error 0 = end of file, else a positive errno. */
	void (*hung_up)(void *context, int error);
	/* --sync cannot carry what the two sides agreed on; `why` is a sentence for the user. */
	void (*refused)(void *context, const char *why);
	void *context;
};

struct datapath_config {
	struct gre_session_config session;
	bool sync;                /* no HDLC: one write is one frame, one read some */
	struct net_tx_config net; /* the socket, for both directions */
	struct pty_config pty;
	struct pqueue *queue; /* the reorder queue, initialised; lent */
};

/* Embed it; its fields but `stats` are private. Large, and mostly untouched until used. */
struct datapath {
	struct pptp_stats stats; /* of this call; read only for the owner */
	struct datapath_events events;
	struct loop *loop; /* NULL while stopped */
	struct loop_watch gre_watch;
	struct loop_watch in_watch;
	struct loop_watch out_watch;
	struct loop_timer
	    timer;             /* the earliest of the deadlines of all parts, and of the next two */
	int64_t listen_us;     /* when to ask again whether pppd listens; DEADLINE_NEVER: it does */
	int64_t stall_us;      /* when the pty counts as stuck; DEADLINE_NEVER: it is not, or is */
	int64_t listen_end_us; /* when that is not asked again */
	uint64_t reported_asked;
	bool reported_speaks;
	bool reported_received;
	struct gre_session session;
	struct pty *pty; /* that of `ptys` which is in use */
	struct net_rx rx;
	struct net_tx tx;
	union {
		struct pty_async async;
		struct pty_sync sync;
	} ptys;
};

/*
 * Starts carrying packets, and sends the server an empty GRE packet (net_tx_send_empty). `p` and the
 * loop stay in place until datapath_stop. All of `p` is initialised, its counters too: it need not be
 * zeroed, neither before the first start nor before another one, for another call, after a stop.
 * 0 or a negative errno.
 */
int datapath_start(struct datapath *p, const struct datapath_config *config,
    const struct datapath_events *events, struct loop *loop, int64_t now_us);

/* The owner has connected the raw socket to the server; at the first `received`, at the earliest. */
void datapath_on_connected(struct datapath *p);

/*
 * Fills in the counts of `f` and the state of sending. Asked is the server by LCP's requests from pppd, and
 * by each packet where it has acknowledged some without being asked to (ACK-only): one that never did may
 * take an upload without a word.
 */
void datapath_count_facts(const struct datapath *p, struct silence_facts *f);

/* Sets the gauges of `stats` to what they are at the moment; not of a path that is stopped. */
void datapath_update_gauges(struct datapath *p);

/* Where else a packet of this call has come from, before the socket was connected; else INADDR_ANY. */
static inline struct in_addr datapath_other_source(const struct datapath *p)
{
	return p->rx.other_source;
}

/* The owner has seen a packet that is for none of this host's calls: it is counted. */
static inline void datapath_count_invalid(struct datapath *p)
{
	p->stats.rx_invalid++;
}

/* Stops; the descriptors stay open. May be called twice, or before the start if `p` is zeroed. */
void datapath_stop(struct datapath *p);

/*
 * The server has ended the call: reads what is still in the GRE socket (about a thousand packets at
 * the most), passes on what is held in order, past gaps, and writes what pppd takes; the loop goes on
 * writing what still waits, and reads no further packets. No event comes from within this call.
 */
void datapath_drain(struct datapath *p, int64_t now_us);

#endif
