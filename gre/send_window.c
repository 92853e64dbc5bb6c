/* SPDX-License-Identifier: ISC */
/*
 * Pace of sending.
 *
 * With flow control the window of RFC 2637 section 4.4: it starts at half of what the server
 * advertised, opens by one packet for each window-full acknowledged, halves when the adaptive
 * time-out passes. What was on its way then is written off, so that sending always goes on.
 *
 * Without it, servers that never send a bare acknowledgment (the Linux kernel's) must not be waited
 * for, while those in user space lose bursts that overrun their socket. So there is a limit only
 * towards servers that acknowledge at once (gre_prompt.c); when the acknowledgments stand still for
 * some ticks it is off, until they come at once again.
 */
#include "gre/send_window.h"

#include <string.h>

#include "lib/deadline.h"

/* Bounds of the adaptive time-out; servers may delay an acknowledgment by some 100 ms themselves. */
#define ATO_MIN_US (100 * USEC_PER_MSEC)
#define ATO_MAX_US (3 * USEC_PER_SEC)
#define ATO_UNKNOWN_US (1 * USEC_PER_SEC)

/*
 * The longest that sending waits for such a server without any progress. It may well have to wait
 * for its processor for some ticks, and each packet that overruns it then costs its 0.3 s; a server
 * that has stopped acknowledging costs this once.
 */
#define HOLD_US (30 * USEC_PER_MSEC)

/*
 * poptop takes packets out of its reorder queue only when another one comes, also those for whose
 * predecessor it has waited long enough. So it is nudged when its acknowledgment is overdue, for
 * what waits there in order, and when its wait of 0.3 s is over. That began at the first packet
 * behind the lost one: the second after the last one acknowledged, or should that be lost as well,
 * one that went out later, the last one of all at the latest. Nudges for the first of these reasons
 * must leave some for the others: each lost packet delays the sender by its time-out otherwise.
 */
#define NUDGE_MIN_US (20 * USEC_PER_MSEC)
#define NUDGE_MAX_US (250 * USEC_PER_MSEC)
#define SERVER_WAIT_US (303 * USEC_PER_MSEC)
#define NUDGES_MAX 4
#define NUDGES_OVERDUE_MAX 2

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

static int64_t later(int64_t a_us, int64_t b_us)
{
	return a_us > b_us ? a_us : b_us;
}

void gre_window_init(
    struct gre_window *w, bool enforced, uint32_t server_window, int64_t server_delay_us)
{
	memset(w, 0, sizeof(*w));
	w->enforced = enforced;
	gre_prompt_init(&w->prompt);
	w->limit = server_window > 0 ? server_window : 1;
	w->window = w->limit > 1 ? w->limit / 2 : 1;
	/* From 1: the RFC's 0 is dropped as late by the Linux kernel's driver. */
	w->next = 1;
	w->base = 1;
	w->acked = 0;
	w->rtt_us = server_delay_us;
}

static uint32_t on_their_way(const struct gre_window *w)
{
	return w->next - w->base;
}

static bool unacknowledged(const struct gre_window *w)
{
	return w->next != w->acked + 1;
}

static uint32_t allowed(const struct gre_window *w)
{
	return w->enforced ? w->window : gre_prompt_limit(&w->prompt);
}

static int64_t hold_deadline(const struct gre_window *w)
{
	return later(w->blocked_us, w->progress_us) + HOLD_US;
}

uint32_t gre_window_room(struct gre_window *w, int64_t now_us, bool *blocked_now)
{
	if (blocked_now)
		*blocked_now = false;
	uint32_t most = allowed(w);
	if (most == GRE_PROMPT_OPEN)
		return GRE_PROMPT_OPEN;
	uint32_t used = on_their_way(w);
	if (used < most) {
		w->blocked = false;
		return most - used;
	}
	if (!w->blocked) {
		w->blocked = true;
		w->blocked_us = now_us;
		if (blocked_now)
			*blocked_now = true;
	}
	return 0;
}

seq32 gre_window_send(struct gre_window *w, int64_t now_us)
{
	if (!unacknowledged(w) || on_their_way(w) == 0)
		w->progress_us = now_us;
	if (!w->timing) {
		w->timing = true;
		w->timed = w->next;
		w->timed_us = now_us;
		w->timed_behind = on_their_way(w);
	}
	w->last_sent_us = now_us;
	w->sent_us[w->next % GRE_WINDOW_TIMES] = (uint32_t)now_us;
	return w->next++;
}

void gre_window_delayed(struct gre_window *w)
{
	w->timing = false;
}

/* The gains of section 4.4. The first sample stands for itself: nothing was known before. */
static void take_sample(struct gre_window *w, int64_t sample_us)
{
	if (w->has_rtt) {
		int64_t diff_us = sample_us - w->rtt_us;
		w->dev_us += ((diff_us < 0 ? -diff_us : diff_us) - w->dev_us) / 4;
		w->rtt_us += diff_us / 8;
	} else {
		w->has_rtt = true;
		w->rtt_us = sample_us;
		w->dev_us = sample_us / 2;
	}
}

static void open_window(struct gre_window *w, uint32_t count)
{
	w->opened += count;
	while (w->opened >= w->window) {
		w->opened -= w->window;
		if (w->window < w->limit)
			w->window++;
	}
}

void gre_window_on_ack(struct gre_window *w, int64_t now_us, seq32 ack)
{
	if (!seq32_after(ack, w->acked) || !seq32_before(ack, w->next))
		return;
	w->acked = ack;
	w->progress_us = now_us;
	w->nudges = 0;
	if (w->timing && !seq32_after(w->timed, ack)) {
		w->timing = false;
		take_sample(w, now_us - w->timed_us);
		gre_prompt_sample(&w->prompt, now_us, now_us - w->timed_us, w->timed_behind);
	}
	if (!seq32_before(ack, w->base)) {
		open_window(w, ack + 1 - w->base);
		w->base = ack + 1;
		w->blocked = false;
	}
}

int64_t gre_window_rtt_us(const struct gre_window *w)
{
	return w->has_rtt ? w->rtt_us : 0;
}

static int64_t time_out_us(const struct gre_window *w)
{
	if (!w->has_rtt)
		return clamp(w->rtt_us, ATO_UNKNOWN_US, ATO_MAX_US);
	return clamp(w->rtt_us + 4 * w->dev_us, ATO_MIN_US, ATO_MAX_US);
}

int64_t gre_window_deadline(const struct gre_window *w)
{
	if (w->enforced)
		return on_their_way(w) > 0 ? w->progress_us + time_out_us(w) : DEADLINE_NEVER;
	return w->blocked ? hold_deadline(w) : DEADLINE_NEVER;
}

void gre_window_on_deadline(struct gre_window *w, int64_t now_us)
{
	if (now_us < gre_window_deadline(w))
		return;
	w->blocked = false;
	if (!w->enforced) {
		gre_prompt_end(&w->prompt);
		return;
	}
	w->window = w->window > 1 ? w->window / 2 : 1;
	w->opened = 0;
	w->base = w->next;
	/* The packet that is being timed stays so: never sent again, its sample is as good as any. */
	w->rtt_us = clamp(2 * w->rtt_us, 0, ATO_MAX_US);
}

/* When the first packet went out that waits at the server if the next one to be acknowledged is lost. */
static int64_t waiting_since_us(const struct gre_window *w)
{
	seq32 first = w->acked + 2;
	uint32_t count = w->next - first;
	if (count == 0)
		return w->last_sent_us;
	/* Too long ago to be known; with so many on their way it was about then. */
	if (count > GRE_WINDOW_TIMES)
		return w->progress_us;
	uint32_t before_last_us = (uint32_t)w->last_sent_us - w->sent_us[first % GRE_WINDOW_TIMES];
	return w->last_sent_us - before_last_us;
}

int64_t gre_window_nudge_deadline(const struct gre_window *w)
{
	if (!unacknowledged(w) || w->nudges >= NUDGES_MAX)
		return DEADLINE_NEVER;
	int64_t moved_us = later(w->progress_us, w->last_sent_us);
	int64_t overdue_us = clamp(w->rtt_us + 4 * w->dev_us, NUDGE_MIN_US, NUDGE_MAX_US);
	const int64_t reasons_us[] = {
	    moved_us + overdue_us,
	    waiting_since_us(w) + SERVER_WAIT_US,
	    moved_us + SERVER_WAIT_US,
	};
	/* Whatever went out since has nudged as well. */
	int64_t nudged_us = later(w->last_sent_us, w->last_bare_us);
	int64_t at_us = DEADLINE_NEVER;
	size_t first = w->nudges < NUDGES_OVERDUE_MAX ? 0 : 1;
	for (size_t i = first; i < sizeof(reasons_us) / sizeof(reasons_us[0]); i++)
		if (reasons_us[i] > nudged_us)
			at_us = deadline_earlier(at_us, reasons_us[i]);
	return at_us;
}

void gre_window_on_bare(struct gre_window *w, int64_t now_us)
{
	if (now_us >= gre_window_nudge_deadline(w))
		w->nudges++;
	w->last_bare_us = now_us;
}
