/* SPDX-License-Identifier: ISC */
/*
 * To the network: PPP frames are collected in a batch, get their GRE headers and go out with one
 * sendmmsg. Also sends ACK-only packets, and keeps what the socket refuses. Owns the batch, the size
 * of the send buffer and the reason why sending waits. gre_session.c decides sequence numbers, the
 * send window and when an acknowledgment is due; pty_async.c and pty_sync.c read the frames from pppd.
 */
#ifndef PPTP_NET_TX_H
#define PPTP_NET_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/msg_limits.h"
#include "lib/stats.h"
#include "ppp/fcs16.h"
#include "gre/gre_header.h"
#include "gre/gre_session.h"
#include "gre/reorder_inject.h"

enum {
	/* Frames for one sendmmsg. Most of what batching brings is there at 16. */
	NET_TX_BATCH = 16,
	/* Bytes in the buffer for one frame: the FCS of the pty's framing is read into it as well. */
	NET_TX_FRAME_CAP = PACKET_MAX + FCS16_LEN,
	NET_TX_ARENA = 65536, /* bytes for a batch of frames and their headers */
};

struct net_tx_config {
	struct in_addr server; /* INADDR_ANY: the socket is connected */
	int fd;                /* raw GRE socket, non-blocking; lent */
	enum reorder_inject_type test_type;
	uint32_t test_rate;
};

/* Why queued frames are not sent. */
enum net_tx_wait {
	NET_TX_READY,
	NET_TX_WAIT_SOCKET, /* the send buffer is full: go on at POLLOUT */
	NET_TX_WAIT_RETRY,  /* no memory, no route and the like: go on at net_tx_deadline */
};

/* Embed it; its fields are private but for the first ones, which may be read. */
struct net_tx {
	enum net_tx_wait wait; /* why net_tx_flush would be in vain now */
	int refusal;           /* the errno of no route, since the last frame that was sent; 0 */
	/* How often the server was asked, by LCP's Configure-Request and Echo-Request, which any server
	 * answers; and how often this host began to refuse packets, which have to be answered for as
	 * well. */
	uint64_t asked;
	struct net_tx_config config;
	struct gre_session *session;
	struct pptp_stats *stats;
	int64_t wait_began_us;
	int64_t retry_us; /* the last NET_TX_WAIT_RETRY since something was sent; 0: none */
	bool progress;    /* something was sent since the last wait */
	size_t
	    longest; /* bytes of the longest GRE packet so far; SIZE_MAX: a longer one is not told */
	struct sockaddr_in server; /* of the messages, until the socket is connected */
	size_t arena_at;           /* offset of the next frame, its header included */
	/* Frames in the arena: [0, sent) are sent, [sent, numbered) have headers, [numbered, count) do not. */
	unsigned sent;
	unsigned numbered;
	unsigned count;
	struct reorder_inject reorder; /* --test-type */
	struct mmsghdr messages[NET_TX_BATCH];
	struct iovec pieces[NET_TX_BATCH];
	/* Last, and untouched until used: their pages cost nothing. The address of a next frame is formed
	 * even when no frame fits, so the arena ends a header later. */
	uint8_t arena[NET_TX_ARENA + GRE_HEADER_MAX];
	uint8_t reorder_slots[REORDER_INJECT_GROUP_MAX][GRE_HEADER_MAX + PACKET_MAX];
};

/* Starts with an empty batch; what `tx` held before does not matter. `session` and `stats` stay the
 * caller's and outlive `tx`. Counts tx_sent, tx_failed, tx_short and tx_acks. */
void net_tx_init(struct net_tx *tx, const struct net_tx_config *config, struct gre_session *session,
    struct pptp_stats *stats);

/*
 * Sends one GRE packet of 8 bytes, without payload, sequence and acknowledgment number (RFC 2637
 * section 4.1). It makes connection tracking on the host or on a router treat what the server sends
 * as replies. A failure is logged at debug only; nothing is counted.
 */
void net_tx_send_empty(struct net_tx *tx, uint16_t peer_call_id);

/* The owner has connected the socket to the server. */
void net_tx_on_connected(struct net_tx *tx);

/* The buffer for the next frame, NET_TX_FRAME_CAP bytes unless the batch is full. */
static inline uint8_t *net_tx_frame_buffer(struct net_tx *tx)
{
	return tx->arena + tx->arena_at + GRE_HEADER_MAX;
}

/* The frame of `len` bytes (PACKET_MAX at most) in the frame buffer joins the batch, which is not
 * full. The buffer of the next frame is another one. */
void net_tx_add(struct net_tx *tx, size_t len);

/* Whether the batch has no space for another frame of any length. */
static inline bool net_tx_is_full(const struct net_tx *tx)
{
	return tx->count == NET_TX_BATCH ||
	       tx->arena_at + GRE_HEADER_MAX + NET_TX_FRAME_CAP > NET_TX_ARENA;
}

/* Frames of the batch that are not sent yet. */
static inline unsigned net_tx_queued(const struct net_tx *tx)
{
	return tx->count - tx->sent;
}

/*
 * Numbers and sends the frames of the batch as far as the send window and the socket allow. True
 * when none is left: the batch is empty, and the first `partial_len` bytes of the frame buffer,
 * the start of an incomplete frame, have moved to the new net_tx_frame_buffer().
 */
bool net_tx_flush(struct net_tx *tx, int64_t now_us, size_t partial_len);

/* Sends an ACK-only packet if one is due and sending does not wait. One that is refused stays due. */
void net_tx_acknowledge(struct net_tx *tx, int64_t now_us);

/* POLLOUT has come: a NET_TX_WAIT_SOCKET has ended. */
void net_tx_on_writable(struct net_tx *tx, int64_t now_us);

/* When a NET_TX_WAIT_RETRY ends, or with --test-type packets that were kept back are sent all the same;
 * DEADLINE_NEVER if there is neither. */
int64_t net_tx_deadline(const struct net_tx *tx);
void net_tx_on_deadline(struct net_tx *tx, int64_t now_us);

#endif
