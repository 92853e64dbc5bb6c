/* SPDX-License-Identifier: ISC */
/*
 * The names of the counters: one table for syslog, status, tests and the manual page. Counts
 * nothing itself.
 */
#include "lib/stats.h"

#include <string.h>

#define COUNTER(name, field, meaning)                                                              \
	{                                                                                          \
		name, offsetof(struct pptp_stats, field), 1, meaning                               \
	}

const struct stats_entry stats_table[STATS_COUNT] = {
    COUNTER("rx accepted", rx_accepted, "packets passed to PPP"),
    COUNTER("rx lost", rx_lost, "packets never received, and presumed lost in the network"),
    COUNTER("rx under win", rx_under_win, "packets received twice or too late"),
    COUNTER("rx over win", rx_over_win, "packets too far ahead to be put in order"),
    COUNTER("rx buffered", rx_buffered, "packets ahead of sequence"),
    COUNTER("rx OS errors", rx_os_errors, "reads refused by the operating system"),
    COUNTER("rx truncated", rx_truncated, "packets shorter than their header says"),
    COUNTER("rx invalid", rx_invalid,
	"packets with wrong flags, version or protocol, or from elsewhere"),
    COUNTER("rx acks", rx_acks, "acknowledgments received without data"),
    COUNTER("tx sent", tx_sent, "packets sent with data"),
    COUNTER("tx failed", tx_failed, "packets refused by the operating system"),
    COUNTER("tx short", tx_short, "packets sent in part only"),
    COUNTER("tx acks", tx_acks, "acknowledgments sent without data"),
    COUNTER("tx oversize", tx_oversize, "frames too long to be sent"),
    {"round trip", offsetof(struct pptp_stats, round_trip_us), 1000,
	"estimated round-trip time in milliseconds"},
    COUNTER("rx kernel drops", rx_kernel_drops, "packets lost in the socket's receive buffer"),
    COUNTER("rx resyncs", rx_resyncs, "times that a stream which had moved on was picked up"),
    COUNTER("rx pty cut", rx_pty_cut, "packets too long for a synchronous pty"),
    COUNTER("tx bad frames", tx_bad_frames, "frames from PPP with a wrong FCS, or cut short"),
    COUNTER("tx blocked", tx_blocked, "times that sending waited for an acknowledgment"),
};

uint64_t stats_shown(const struct pptp_stats *stats, const struct stats_entry *entry)
{
	const unsigned char *field = (const unsigned char *)stats + entry->offset;
	uint64_t value;
	memcpy(&value, field, sizeof(value));
	return value / entry->units_per_one;
}
