/* SPDX-License-Identifier: ISC */
/*
 * The sending side's numbers: what was sent and acknowledged, the round trip, and how many packets
 * may be on their way (RFC 2637 sections 4.2 and 4.4). Lost packets are never sent again, so all of
 * this is about pace alone.
 */
#ifndef PPTP_GRE_WINDOW_H
#define PPTP_GRE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "gre_prompt.h"
#include "lib/seq32.h"

/* Packets whose time of sending is known. */
#define GRE_WINDOW_TIMES 32

struct gre_window {
	bool enforced;  /* hold to the server's window, else only to what it acknowledges at once */
	uint32_t limit; /* the server's window, packets */

	seq32 next;  /* the number of the next packet */
	seq32 acked; /* the highest one acknowledged */
	seq32 base;  /* the first one on its way: neither acknowledged nor written off */
	int64_t last_sent_us;
	uint32_t sent_us[GRE_WINDOW_TIMES]; /* of packet n at n modulo the size, low 32 bits */
	int64_t progress_us; /* the last new acknowledgment, or the first packet after all were */

	bool has_rtt;
	int64_t rtt_us; /* smoothed; before the first sample the server's processing delay */
	int64_t dev_us; /* mean deviation */
	bool timing;    /* one packet is timed at a time */
	seq32 timed;
	int64_t timed_us;
	uint32_t timed_behind; /* packets that were on their way then */

	uint32_t window; /* of flow control: packets allowed on their way now */
	uint32_t opened; /* packets acknowledged since the window last opened */

	struct gre_prompt prompt; /* without it */
	bool blocked;             /* the last answer was "no room" */
	int64_t blocked_us;       /* since when */

	unsigned nudges;      /* sent since the last new acknowledgment */
	int64_t last_bare_us; /* bare acknowledgments of any reason nudge */
};

void gre_window_init(
    struct gre_window *w, bool enforced, uint32_t server_window, int64_t server_delay_us);

/* Packets that may be sent now, GRE_PROMPT_OPEN where nothing limits. *blocked_now (may be NULL) is set
 * where room has just run out. */
uint32_t gre_window_room(struct gre_window *w, int64_t now_us, bool *blocked_now);

/* The number of a packet that is sent now. */
seq32 gre_window_send(struct gre_window *w, int64_t now_us);

/* What has been numbered waits for a way to the server: this is no part of the round trip. */
void gre_window_delayed(struct gre_window *w);

/* The server acknowledged everything up to `ack`; what was never sent or is old news is ignored. */
void gre_window_on_ack(struct gre_window *w, int64_t now_us, seq32 ack);

/* The smoothed round trip, 0 before the first sample. */
int64_t gre_window_rtt_us(const struct gre_window *w);

/* When gre_window_on_deadline has to be called; DEADLINE_NEVER where nothing is waited for. */
int64_t gre_window_deadline(const struct gre_window *w);
void gre_window_on_deadline(struct gre_window *w, int64_t now_us);

/*
 * When any packet should go to the server because its acknowledgment stands still; DEADLINE_NEVER
 * where there is no reason. gre_window_on_bare tells that a bare acknowledgment went out.
 */
int64_t gre_window_nudge_deadline(const struct gre_window *w);
void gre_window_on_bare(struct gre_window *w, int64_t now_us);

#endif
