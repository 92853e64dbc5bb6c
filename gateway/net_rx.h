/* SPDX-License-Identifier: ISC */
/*
 * From the network to pppd: many packets for one recvmmsg, one write for all frames that are next in
 * order. Owns the receive buffers and decides whether to read the socket: while pppd takes nothing,
 * packets had better gather there. gre_session.c puts packets in order, the pty's operations
 * (pty.h) pass them on; datapath.c decides when to poll.
 */
#ifndef PPTP_NET_RX_H
#define PPTP_NET_RX_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "lib/msg_limits.h"
#include "lib/stats.h"
#include "pqueue.h"
#include "gre/gre_header.h"
#include "gre/gre_session.h"
#include "gateway/pty.h"

enum {
	/* Packets for one recvmmsg: more than the 16 that bring most of what a batch can. */
	NET_RX_BATCH = 32,
	/* A packet of usual size fits the slot; a longer one goes on in a tail that is hardly ever
	 * touched, so that its pages cost nothing. */
	NET_RX_SLOT = 2048,
	NET_RX_FAILURES_MAX = 32,
	NET_RX_DATAGRAM_MAX = GRE_IPV4_HEADER_MAX + GRE_HEADER_MAX + PACKET_MAX,
	NET_RX_TAIL = NET_RX_DATAGRAM_MAX - NET_RX_SLOT,
};

struct net_rx_config {
	int fd; /* raw GRE socket, non-blocking; lent. Connected once a packet has come */
	struct in_addr server; /* packets from elsewhere are dropped */
};

/* Embed it; its fields are private but for the first ones, which may be read. */
struct net_rx {
	bool stalled;       /* pppd takes nothing: read on, so that acknowledgments get through */
	uint64_t datagrams; /* received from the server: well-formed packets */
	uint64_t answers;   /* ... of which show that it hears us */
	struct in_addr other_source; /* of a packet of this call; INADDR_ANY: none came */
	struct net_rx_config config;
	struct gre_session *session;
	struct pqueue *queue; /* the session's */
	struct pty *pty;
	struct pptp_stats *stats;
	bool
	    is_open; /* pppd listens, and the call has not ended: else packets stay in the socket */
	uint32_t kernel_drops; /* SO_RXQ_OVFL as last seen */
	unsigned failures;     /* of reads, one after the other: see net_rx_is_failing */
	struct mmsghdr messages[NET_RX_BATCH];
	struct iovec pieces[NET_RX_BATCH][2];
	/* Shared by all messages: the kernel fills them in order, so the last packet's value remains. */
	_Alignas(struct cmsghdr) uint8_t control[64];
	/* Last, and untouched until used. */
	uint8_t slots[NET_RX_BATCH][NET_RX_SLOT];
	uint8_t tails[NET_RX_BATCH][NET_RX_TAIL];
	uint8_t whole[NET_RX_DATAGRAM_MAX]; /* slot and tail of a long packet, joined */
};

/*
 * Initialises `rx`, whatever it held before; it reads nothing until net_rx_open. The rest is the
 * caller's, initialised, and outlives `rx`; `queue` is the session's. Counts rx_os_errors,
 * rx_truncated, rx_invalid and rx_kernel_drops.
 */
void net_rx_init(struct net_rx *rx, const struct net_rx_config *config, struct gre_session *session,
    struct pqueue *queue, struct pty *pty, struct pptp_stats *stats);

/* pppd listens: packets may be read from now on. */
static inline void net_rx_open(struct net_rx *rx)
{
	rx->is_open = true;
}

/* Whether to wake up for packets. */
bool net_rx_is_wanted(const struct net_rx *rx);

/* Receives packets as long as they may be delivered or held, and passes them on. */
void net_rx_poll(struct net_rx *rx, int64_t now_us);

/* Reads fail as they would for ever: so many errors come from no path, which reports one for a packet. */
static inline bool net_rx_is_failing(const struct net_rx *rx)
{
	return rx->failures > NET_RX_FAILURES_MAX;
}

/* The pty has space again: passes on what is held and polls. True if pppd has taken something. */
bool net_rx_on_pty_writable(struct net_rx *rx, int64_t now_us);

/* The pty has taken nothing for a while: from now on, until it does, packets are read all the same. */
void net_rx_on_pty_stalled(struct net_rx *rx);

/* Clears and counts an error of the socket, that of an ICMP message, say, which neither a read nor a
 * send would clear now: poll(2) does not wait while it is there. */
void net_rx_clear_error(struct net_rx *rx);

/* A wait for a missing packet or for an acknowledgment has timed out: looks for it in the socket
 * before it is given up on. */
void net_rx_poll_overdue(struct net_rx *rx, int64_t now_us);

/* Passes on held packets that are next in order, and writes what is queued for pppd. */
void net_rx_flush(struct net_rx *rx);

/* The call has ended: reads what is in the socket, up to about a thousand packets, gives up on all
 * gaps and passes on what pppd takes. The socket is not read after it. */
void net_rx_drain(struct net_rx *rx, int64_t now_us);

#endif
