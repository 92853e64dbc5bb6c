/* SPDX-License-Identifier: ISC */
/* The table of counter names. What each counter counts: see the header and the manual page. */
#include "lib/stats.h"

#include <string.h>

#define COUNTER(name, field)                                                                       \
	{                                                                                          \
		name, offsetof(struct pptp_stats, field), 1                                        \
	}

const struct stats_entry stats_table[STATS_COUNT] = {
    COUNTER("rx accepted", rx_accepted),
    COUNTER("rx lost", rx_lost),
    COUNTER("rx under win", rx_under_win),
    COUNTER("rx over win", rx_over_win),
    COUNTER("rx buffered", rx_buffered),
    COUNTER("rx OS errors", rx_os_errors),
    COUNTER("rx truncated", rx_truncated),
    COUNTER("rx invalid", rx_invalid),
    COUNTER("rx acks", rx_acks),
    COUNTER("tx sent", tx_sent),
    COUNTER("tx failed", tx_failed),
    COUNTER("tx short", tx_short),
    COUNTER("tx acks", tx_acks),
    COUNTER("tx oversize", tx_oversize),
    {"round trip", offsetof(struct pptp_stats, round_trip_us), 1000},
    COUNTER("rx kernel drops", rx_kernel_drops),
    COUNTER("rx resyncs", rx_resyncs),
    COUNTER("rx pty cut", rx_pty_cut),
    COUNTER("tx bad frames", tx_bad_frames),
    COUNTER("tx blocked", tx_blocked),
    COUNTER("reorder depth", reorder_depth),
    {"reorder wait", offsetof(struct pptp_stats, reorder_wait_us), 1000},
    COUNTER("pty queue bytes", pty_queue_bytes),
    COUNTER("send queue", send_queue),
    COUNTER("in flight", in_flight),
};

uint64_t stats_display_value(const struct pptp_stats *stats, const struct stats_entry *entry)
{
	uint64_t value;
	memcpy(&value, (const unsigned char *)stats + entry->offset, sizeof(value));
	return value / entry->units_per_one;
}
