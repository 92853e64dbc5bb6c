/* SPDX-License-Identifier: ISC */
/*
 * The counters and gauges of one call: one struct that defines each, and one table that gives each the
 * name that syslog, --status, the tests and the manual page share. This module counts nothing:
 * gre/gre_session.c counts what sequence numbers and acknowledgments decide, gateway/ counts system
 * calls and frames (net_rx.c, net_tx.c, pty_async.c, pty_sync.c).
 */
#ifndef PPTP_STATS_H
#define PPTP_STATS_H

#include <stddef.h>
#include <stdint.h>

struct pptp_stats {
	/* The statistics of pptp-linux's manual page, in its order. All but the last only grow, but for
	 * rx_lost when forged packets had moved the stream and it returns. */
	uint64_t rx_accepted;   /* packets with payload that were passed to PPP */
	uint64_t rx_lost;       /* sequence numbers given up on: never received, or too late */
	uint64_t rx_under_win;  /* packets received twice, too late, or below the missing window */
	uint64_t rx_over_win;   /* packets above the missing window */
	uint64_t rx_buffered;   /* packets above a gap: held, or with --nobuffer accepted at once */
	uint64_t rx_os_errors;  /* failed reads, and pending errors of the socket (ICMP) */
	uint64_t rx_truncated;  /* packets shorter than their GRE header says */
	uint64_t rx_invalid;    /* packets with wrong flags, version, protocol or source address */
	uint64_t rx_acks;       /* ACK-only packets received */
	uint64_t tx_sent;       /* packets with payload that the kernel accepted */
	uint64_t tx_failed;     /* packets that it refused, and times the route was lost */
	uint64_t tx_short;      /* packets that it sent in part */
	uint64_t tx_acks;       /* ACK-only packets sent */
	uint64_t tx_oversize;   /* frames from PPP longer than PACKET_MAX */
	uint64_t round_trip_us; /* smoothed round-trip time, shown in milliseconds */

	/* Beyond the manual page of pptp-linux. */
	uint64_t rx_kernel_drops; /* packets lost in the socket's receive buffer (SO_RXQ_OVFL) */
	uint64_t rx_resyncs;      /* times that rcv_nxt was set anew: the stream left the window */
	uint64_t rx_pty_cut;    /* --sync: frames too long for one write to the pty, or cut by it */
	uint64_t tx_bad_frames; /* frames from PPP: too short, aborted, cut, or with a wrong FCS */
	uint64_t tx_blocked;    /* times that the send window closed and sending waited */

	/* How it is at the moment: see datapath_update_gauges. */
	uint64_t reorder_depth; /* packets in the reorder queue */
	uint64_t
	    reorder_wait_us; /* how long a gap may hold up what is behind it, shown in milliseconds */
	uint64_t pty_queue_bytes; /* bytes for pppd that it has not taken */
	uint64_t send_queue;      /* frames from PPP that wait for the send window or the socket */
	uint64_t in_flight; /* packets with payload sent and neither acknowledged nor written off */
};

/* The name is no pointer: a table of pointers would be relocated at the start of each process, which
 * then has a copy of its page. */
struct stats_entry {
	char name[20];          /* "rx accepted" */
	size_t offset;          /* of a uint64_t in struct pptp_stats */
	uint64_t units_per_one; /* field units per unit shown: 1000 for times, else 1 */
};

/* In the order of the struct: the counters, with the round trip, then the gauges. */
#define STATS_COUNTERS 20
#define STATS_COUNT 25
extern const struct stats_entry stats_table[STATS_COUNT];

/* The value of an entry in the unit in which it is shown, rounded down. */
uint64_t stats_display_value(const struct pptp_stats *stats, const struct stats_entry *entry);

#endif
