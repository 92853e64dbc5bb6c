/* SPDX-License-Identifier: ISC */
/*
 * The counters of one call: one struct with a definition for each, one table that gives them their
 * names for syslog, status, tests and the manual page. Counting is done by the owner of each event
 * (gre_session.c for sequence logic, pptp_gre.c for system calls); this module only names.
 */
#ifndef PPTP_STATS_H
#define PPTP_STATS_H

#include <stddef.h>
#include <stdint.h>

struct pptp_stats {
	/* The statistics of the manual page, in its order; all but the last only ever grow. */
	uint64_t rx_accepted;   /* packets with payload passed to PPP */
	uint64_t rx_lost;       /* sequence numbers given up on: never came, or came too late */
	uint64_t rx_under_win;  /* duplicates, or sequence numbers already passed */
	uint64_t rx_over_win;   /* too far ahead to be put in order */
	uint64_t rx_buffered;   /* ahead of sequence: held, or with --nobuffer accepted at once */
	uint64_t rx_os_errors;  /* reads that the operating system refused */
	uint64_t rx_truncated;  /* shorter than their GRE header says */
	uint64_t rx_invalid;    /* wrong flags, version or protocol; or of another host */
	uint64_t rx_acks;       /* acknowledgments without payload received */
	uint64_t tx_sent;       /* packets with payload sent */
	uint64_t tx_failed;     /* packets that the operating system refused to send */
	uint64_t tx_short;      /* packets that it sent in part */
	uint64_t tx_acks;       /* acknowledgments without payload sent */
	uint64_t tx_oversize;   /* frames from PPP longer than PACKET_MAX */
	uint64_t round_trip_us; /* smoothed round trip; shown in milliseconds */

	/* Beyond the manual page of the old client. */
	uint64_t rx_kernel_drops; /* lost in the socket's receive buffer (SO_RXQ_OVFL) */
	uint64_t rx_resyncs;      /* times the stream had moved on and was picked up again */
	uint64_t rx_pty_cut;      /* --sync: too long for one write to the pty, or cut by it */
	uint64_t tx_bad_frames;   /* frames from PPP: too short, aborted, cut, with a wrong FCS */
	uint64_t tx_blocked;      /* times sending waited for the server's acknowledgment */
};

/* Texts lie in the entries: where the program is loaded anywhere, each pointer in a table would be
 * written at the start, and its page be each tunnel's own. */
struct stats_entry {
	char name[20];          /* as syslog and the manual page show it: "rx accepted" */
	size_t offset;          /* of a uint64_t in struct pptp_stats */
	uint64_t units_per_one; /* divide by this to show it: 1000 for round trip, else 1 */
	char meaning[72];       /* one line for people */
};

/* The first STATS_DOCUMENTED entries are the fifteen of the old manual page, in its order. */
#define STATS_DOCUMENTED 15
#define STATS_COUNT 20
extern const struct stats_entry stats_table[STATS_COUNT];

/* The value of an entry in the unit in which it is shown. */
uint64_t stats_shown(const struct pptp_stats *stats, const struct stats_entry *entry);

#endif
