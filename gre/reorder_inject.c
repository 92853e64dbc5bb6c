/* SPDX-License-Identifier: ISC */
/*
 * Holds back one group at a time. The orders that pptp-linux's manual page prints, for a rate of 4:
 *
 *	type 1: 1 2 3 4 6 5 7 8 9
 *	type 2: 1 2 3 4 16 6 7 8 9 10 11 12 13 14 15 17 18 19 20
 *	type 3: 1 2 3 4 16 15 14 13 12 11 10 9 8 7 6 5 17 18 19 20
 *
 * A group follows each `rate` packets that pass in order: here 5 and 6, or 5 to 16. The page's list
 * for type 2 lacks 5; since no packet may be lost and the page calls that order "out of order but
 * ascending", 5 goes between 16 and 6. (pptp-linux 1.10.0 holds ten and sends the eleventh first,
 * 1 2 3 4 15 5 6 ... 14 16; in type 3 it loses the first of the ten; it never sends an unfinished
 * group.)
 */
#include "gre/reorder_inject.h"

#include <string.h>

#include "lib/deadline.h"

void reorder_inject_init(struct reorder_inject *t, enum reorder_inject_type type, uint32_t rate,
    uint8_t *slots, size_t slot_len)
{
	memset(t, 0, sizeof(*t));
	t->type = type;
	t->rate = rate;
	t->slots = slots;
	t->slot_len = slot_len;
}

static size_t group_size(const struct reorder_inject *t)
{
	if (t->type == REORDER_INJECT_NONE)
		return 1;
	return t->type == REORDER_INJECT_SWAP ? 2 : REORDER_INJECT_GROUP_MAX;
}

size_t reorder_inject_add(
    struct reorder_inject *t, int64_t now_us, const uint8_t *datagram, size_t len)
{
	if (t->ready)
		t->held = t->ready = 0;
	memcpy(t->slots + t->held * t->slot_len, datagram, len);
	t->lens[t->held++] = len;
	t->last_us = now_us;
	if (t->passed < t->rate) {
		t->passed++;
		t->ready = t->held;
	} else if (t->held == group_size(t)) {
		t->passed = 0;
		t->ready = t->held;
	}
	return t->ready;
}

const uint8_t *reorder_inject_get(const struct reorder_inject *t, size_t i, size_t *len)
{
	size_t slot = i;
	/* Others are one that passes, or an unfinished group. */
	if (t->ready == group_size(t))
		slot = t->type == REORDER_INJECT_ADVANCE && i > 0 ? i - 1 : t->ready - 1 - i;
	*len = t->lens[slot];
	return t->slots + slot * t->slot_len;
}

int64_t reorder_inject_deadline(const struct reorder_inject *t)
{
	return t->held > t->ready ? t->last_us + REORDER_INJECT_QUIET_US : DEADLINE_NEVER;
}

size_t reorder_inject_flush(struct reorder_inject *t)
{
	t->passed = 0;
	t->ready = t->held;
	return t->ready;
}
