/* SPDX-License-Identifier: ISC */
/*
 * The data path of one call: packets from the raw GRE socket to pppd and frames from pppd to the
 * socket, in batches. Owns the buffers between the two, when to read which side, and the counting
 * of what the operating system says. Sequence numbers are gre_session.c's, octets gre_wire.c's and
 * hdlc.c's; the descriptors are lent by the gateway (pptp_gre.c), which also decides when it is over.
 *
 * gre_path.c ties the two directions to the loop; gre_rx.c is network to pppd, gre_tx.c the other;
 * gre_sync.c is pppd's side of both with --sync.
 */
#ifndef PPTP_GRE_PATH_H
#define PPTP_GRE_PATH_H

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "gre/gre_session.h"
#include "gre/gre_header.h"
#include "ppp/hdlc.h"
#include "ppp/accm_snoop.h"
#include "sys/loop.h"
#include "pptp_options.h"
#include "pqueue.h"
#include "lib/stats.h"
#include "ppp/sync_filter.h"
#include "gre/reorder_inject.h"

enum {
	/* Packets for one recvmmsg. Most of what batching brings is there at 16. */
	RX_BATCH = 32,
	/* A packet of usual size fits the slot; what is longer goes on in a tail that is hardly
	 * ever touched, so that its pages cost nothing. */
	RX_SLOT = 2048,
	RX_DATAGRAM_MAX = GRE_IPV4_HEADER_MAX + GRE_HEADER_MAX + PACKET_MAX,
	RX_TAIL = RX_DATAGRAM_MAX - RX_SLOT,
	/* Full batches in a row before the other direction has its turn. */
	RX_ROUNDS = 2,
	/* Turns to look for a packet before it is given up: some milliseconds' packets of a fast link. */
	RX_TURNS_LATE = 16,
	/* For pppd: a whole batch of packets of usual size on top of what may still wait. */
	OUT_CAP = 65536,
	/* With more than this waiting for pppd, packets stay in the socket; with less, they join what
	 * waits when pppd takes more, so that one write has both. */
	OUT_LOW = 16384,
	/* The kernel hands out at most 4095 octets of a pty at once, of a pipe more. */
	IN_CAP = 4096,
	IN_FULL = 4095,
	/* From a synchronous pty: what is read on top of the start of a frame. */
	SYNC_IN_CAP = 16384,
	/* ... and frames that are sent without trying to read more first: a read has few. */
	SYNC_ENOUGH = 16,
	/* Reads in a row, each sent at once, before the other direction has its turn. */
	TX_ROUNDS = 4,
	TX_BATCH = 16, /* frames for one sendmmsg: as above */
	TX_FRAME_CAP = PACKET_MAX + HDLC_FCS_LEN,
	TX_ARENA = 65536,
	CACHE_LINE = 64, /* octets, on common machines */
};

struct gre_path;

/* What the path tells its owner. Called at the end of a turn: the owner may stop the path then. */
struct gre_path_events {
	bool (*pppd_listens)(void *context); /* whether what is written now would reach it */
	void (*pppd_speaks)(void *context);  /* its first octets have come */
	/* pppd is gone; error 0 = end of file, else a positive errno. Told once. */
	void (*hung_up)(void *context, int error);
	/* --sync cannot carry what has been agreed on; a sentence that says why. Told once. */
	void (*refused)(void *context, const char *why);
	void *context;
};

struct gre_path_config {
	struct gre_session_config session;
	bool sync; /* no HDLC: one write is one frame, one read some */
	enum txorder_type test_type;
	uint32_t test_rate;
	int pty_in;                         /* read from pppd; non-blocking */
	int pty_out;                        /* write to pppd; non-blocking; may be the same */
	struct in_addr server;              /* data from elsewhere is dropped */
	int gre;                            /* connected raw socket; non-blocking */
	struct pqueue_entry *queue_entries; /* pool of the reorder queue, see pqueue_init ... */
	uint8_t *queue_slots;
	size_t queue_capacity;
	size_t queue_slot_len;
};

/* Packets from the network on their way to pppd. */
struct path_rx {
	bool open;     /* false until pppd listens: packets wait in the socket */
	bool stalled;  /* pppd has taken nothing for a while: read on to acknowledge */
	size_t taken;  /* octets that pppd has taken so far; wraps */
	size_t out_at; /* octets [out_at, out_len) of `out` wait for pppd */
	size_t out_len;
	uint32_t kernel_drops; /* SO_RXQ_OVFL as last seen */
	uint64_t datagrams;    /* received, of any kind */
	struct mmsghdr messages[RX_BATCH];
	struct iovec pieces[RX_BATCH][2];
	/* Shared: that of the last packet is the one that counts. */
	_Alignas(16) uint8_t control[64];
};

/* Frames from pppd on their way to the network. */
struct path_tx {
	bool hung_up;     /* pppd's side has ended ... */
	int error;        /* ... with this errno; 0 = end of file */
	bool spoke;       /* first octets have come */
	bool wait_socket; /* EAGAIN: go on at POLLOUT */
	bool wait_timer;  /* ENOBUFS and the like: POLLOUT would come at once */
	bool no_route;    /* the reason of wait_timer: it may take longer */
	bool warned_size;
	size_t in_at; /* octets [in_at, in_len) of `in` are not taken apart yet */
	size_t in_len;
	size_t arena_at; /* where the frame that is being put together starts, headroom included */
	/* Frames in the arena: [0, sent) gone, [sent, numbered) have their headers, [numbered, count) wait */
	unsigned sent;
	unsigned numbered;
	unsigned count;
	struct hdlc_decoder decoder;
	struct txorder order; /* --test-type */
	struct mmsghdr messages[TX_BATCH];
	struct iovec pieces[TX_BATCH];
};

/* What is particular to a synchronous pty; all zero without --sync. */
struct path_sync {
	struct sync_link link;
	bool refused;    /* by sync_link.h: nothing more is carried */
	int64_t pace_us; /* no frame is written before */
	size_t run;      /* octets read since the pty was found empty */
	bool held;       /* what is in `in` may go on; it waits, for a moment */
	bool quiet; /* what is held has waited, and stays for being the start of a frame only */
};

struct gre_path {
	struct gre_path_config config;
	struct gre_path_events events;
	struct loop *loop;
	struct loop_watch gre_watch;
	struct loop_watch in_watch;
	struct loop_watch out_watch;
	struct loop_timer session_timer; /* gaps, acknowledgments */
	struct loop_timer listen_timer;  /* when to ask again whether pppd listens */
	struct loop_timer stall_timer;
	struct loop_timer retry_timer;
	struct loop_timer pace_timer; /* --sync: when the next frame may be written */
	int64_t listen_wait_us;
	bool told_speaks;
	bool told_hung_up;
	bool told_refused;
	struct gre_session session;
	struct pqueue queue;
	struct lcp_accm accm;
	hdlc_fcs_fn *fcs; /* as this processor likes it */
	struct pptp_stats stats;
	struct path_rx rx;
	struct path_tx tx;
	struct path_sync sync;
	/* Buffers last and untouched until used: a quiet tunnel pays for few of their pages, and for
	 * none of `in`, which begins where the page of what is before it goes on. `out` begins where
	 * the slots end, the last of which is the first one used. */
	_Alignas(CACHE_LINE) uint8_t in[SYNC_IN_CAP];
	/* A little longer: the place of a next frame may be spoken of where none fits any more. */
	_Alignas(CACHE_LINE) uint8_t arena[TX_ARENA + 2 * GRE_HEADER_MAX];
	_Alignas(CACHE_LINE) uint8_t slots[RX_BATCH][RX_SLOT];
	_Alignas(CACHE_LINE) uint8_t out[OUT_CAP];
	uint8_t tails[RX_BATCH][RX_TAIL];
	uint8_t whole[RX_DATAGRAM_MAX]; /* where slot and tail of a long packet are joined */
	uint8_t order_slots[TXORDER_GROUP_MAX][GRE_HEADER_MAX + PACKET_MAX];
};

/* Starts carrying packets. `p` is zeroed memory of the caller's and stays in place, as does the loop.
 * 0 or a negative errno. */
int gre_path_start(struct gre_path *p, const struct gre_path_config *config,
    const struct gre_path_events *events, struct loop *loop, int64_t now_us);

/* Stops; the descriptors stay open. May be called twice, or before the start. */
void gre_path_stop(struct gre_path *p);

/*
 * The two directions: between gre_path.c and its parts.
 */

void gre_rx_init(struct gre_path *p);

/* Takes packets in, if there is a place for them, and writes them behind what waits; stops early
 * where pppd takes no more. True where the socket may hold more that is wanted. */
bool gre_rx_turn(struct gre_path *p, int64_t now_us);

/* Passes on packets whose turn has come, as far as there is room, and writes what waits for pppd. */
void gre_rx_flush(struct gre_path *p, int64_t now_us);

/* Whether to wake up for packets. While something waits for pppd they had better gather. */
bool gre_rx_wanted(const struct gre_path *p);

static inline size_t gre_rx_waiting(const struct gre_path *p)
{
	return p->rx.out_len - p->rx.out_at;
}

void gre_tx_init(struct gre_path *p);

/* Reads what pppd says and sends it. */
void gre_tx_turn(struct gre_path *p, int64_t now_us);

/* Numbers and sends the frames that are ready; true where none is left. */
bool gre_tx_flush(struct gre_path *p, int64_t now_us);

/* With --test-type: when packets that were held back go out after all. */
int64_t gre_tx_deadline(const struct gre_path *p);
void gre_tx_on_deadline(struct gre_path *p, int64_t now_us);

/* Sends a bare acknowledgment where one is due. */
void gre_tx_acknowledge(struct gre_path *p, int64_t now_us);

/* Frames, or input that may hold some, wait for the socket or for the server's acknowledgments. */
static inline bool gre_tx_pending(const struct gre_path *p)
{
	return p->tx.sent < p->tx.count || (p->tx.in_at < p->tx.in_len && !p->sync.held);
}

/* pppd's side has ended, with this errno; 0 = end of file. */
static inline void gre_path_hang_up(struct gre_path *p, int error)
{
	p->tx.hung_up = true;
	p->tx.error = error == EPIPE ? 0 : error;
}

/* Reads up to IN_CAP octets from pppd; 0 where there are none for now, or no more (a hang-up). */
size_t gre_tx_read(struct gre_path *p, uint8_t *to);

/* Whether the batch has no place for a frame of any length. */
bool gre_tx_full(const struct gre_path *p);

/* A whole frame joins the batch, which has a place for it. */
void gre_tx_add(struct gre_path *p, const uint8_t *frame, size_t len);

/*
 * pppd's side of both directions where it is a synchronous pty. A process that has one gets the
 * lowest priority.
 */

void gre_sync_init(struct gre_path *p);

/* For a frame for pppd: one write is one frame, one waits at the most. */
static inline bool gre_sync_has_room(const struct gre_path *p)
{
	return p->rx.out_len == 0;
}

/* Hands a frame from the server to pppd, for which there is room, or answers it. */
void gre_sync_deliver(struct gre_path *p, const uint8_t *frame, size_t len);

/* Hands pppd the frame that waits, if its time has come. */
void gre_sync_write(struct gre_path *p);

/* Reads what pppd says and sends it, but for what may be the start of a frame: that is held. */
void gre_sync_read_turn(struct gre_path *p, int64_t now_us);

/* Nothing more has come for a moment, so that what is held is all there is. */
void gre_sync_release(struct gre_path *p, int64_t now_us);

#endif
