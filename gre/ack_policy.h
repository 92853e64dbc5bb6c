/* SPDX-License-Identifier: ISC */
/*
 * When a bare acknowledgment goes out. Acknowledgments ride on data wherever data goes out in time;
 * a bare one is worth its packet only where the server would otherwise stand still. Told of
 * counts and their time; knows neither numbers nor headers.
 */
#ifndef PPTP_GRE_ACK_H
#define PPTP_GRE_ACK_H

#include <stdbool.h>
#include <stdint.h>

struct gre_ack {
	uint32_t limit;           /* packets: what we advertised, no server has more outstanding */
	uint32_t proven;          /* packets that the server has been seen to have outstanding */
	uint32_t pending;         /* packets not yet acknowledged */
	int64_t pending_since_us; /* meaningful where pending > 0, as the next two */
	int64_t enough_since_us;  /* when pending came up to the share that calls for one */
	int64_t last_receipt_us;
	int64_t rtt_us;      /* as last told; 0 = unknown */
	int64_t patience_us; /* how long fewer packets than that wait for company */

	bool rode_on_data; /* the last acknowledgment did, so the next one may, too */

	/* When patience ran out after a silence; -1 = the server's answer was seen. */
	int64_t woke_us;
	int64_t silence_us;  /* that silence */
	uint32_t woke_count; /* how many packets were pending then */
	/* The same the time before, where it set the server going; else 0. */
	uint32_t stalled_count;

	/* > 0: so many are allowed to gather now, to see whether they come. */
	uint32_t probe_target;
	uint32_t until_probe;    /* acknowledgments */
	uint32_t probe_interval; /* acknowledgments between two probes */
};

/* `limit`: the window advertised to the server. */
void gre_ack_init(struct gre_ack *a, uint32_t limit);

/* There are `count` > 0 new packets to acknowledge; `rtt_us` is 0 where it is unknown. */
void gre_ack_on_receipt(struct gre_ack *a, int64_t now_us, uint32_t count, int64_t rtt_us);

/* A packet with payload is sent, with an acknowledgment of all that is pending. */
void gre_ack_on_data(struct gre_ack *a);

/* All that was pending has been acknowledged by a bare acknowledgment, whatever that went out for. */
void gre_ack_on_bare(struct gre_ack *a, int64_t now_us);

/* When a bare acknowledgment is due unless data goes out before; DEADLINE_NEVER where nothing is pending. */
int64_t gre_ack_deadline(const struct gre_ack *a);

#endif
