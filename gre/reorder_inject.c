/* SPDX-License-Identifier: ISC */
/*
 * The orders that the manual page prints, for a rate of 4:
 *
 *	type 1: 1 2 3 4 6 5 7 8 9
 *	type 2: 1 2 3 4 16 6 7 8 9 10 11 12 13 14 15 17 18 19 20
 *	type 3: 1 2 3 4 16 15 14 13 12 11 10 9 8 7 6 5 17 18 19 20
 *
 * So a group follows the packets that pass: 5 and 6, or 5 to 16. The page leaves 5 out of type 2. No
 * packet is to be lost, and what it says there is "out of order but ascending": 5 goes between 16 and
 * 6. (pptp-linux 1.10.0 holds ten and sends the eleventh first, 1 2 3 4 15 5 6 ... 14 16; in type 3 it
 * loses the first of the ten; and it keeps an unfinished group for ever.)
 */
#include "gre/reorder_inject.h"

#include <string.h>

#include "lib/deadline.h"

void txorder_init(
    struct txorder *t, enum txorder_type type, uint32_t rate, uint8_t *slots, size_t slot_len)
{
	memset(t, 0, sizeof(*t));
	t->type = type;
	t->rate = rate;
	t->slots = slots;
	t->slot_len = slot_len;
}

static size_t group_size(const struct txorder *t)
{
	switch (t->type) {
	case TXORDER_SWAP:
		return 2;
	case TXORDER_ADVANCE:
	case TXORDER_REVERSE:
		return TXORDER_GROUP_MAX;
	case TXORDER_NONE:
		break;
	}
	return 1;
}

/* Which of the slots goes out at place `out`. */
static size_t slot_at(const struct txorder *t, size_t out)
{
	if (t->in_order)
		return out;
	if (t->type == TXORDER_ADVANCE)
		return out == 0 ? t->held - 1 : out - 1;
	return t->held - 1 - out;
}

static void release(struct txorder *t, bool in_order)
{
	t->releasing = true;
	t->in_order = in_order;
	t->out = 0;
}

bool txorder_add(struct txorder *t, int64_t now_us, const uint8_t *datagram, size_t len)
{
	if (len > t->slot_len || t->releasing)
		return false;
	memcpy(t->slots + t->held * t->slot_len, datagram, len);
	t->lens[t->held++] = len;
	t->last_us = now_us;
	if (t->type == TXORDER_NONE) {
		release(t, true);
	} else if (t->passed < t->rate) {
		t->passed++;
		release(t, true);
	} else if (t->held == group_size(t)) {
		t->passed = 0;
		release(t, false);
	}
	return true;
}

bool txorder_next(struct txorder *t, const uint8_t **datagram, size_t *len)
{
	if (!t->releasing)
		return false;
	if (t->out == t->held) {
		t->releasing = false;
		t->held = 0;
		return false;
	}
	size_t slot = slot_at(t, t->out++);
	*datagram = t->slots + slot * t->slot_len;
	*len = t->lens[slot];
	return true;
}

int64_t txorder_deadline(const struct txorder *t)
{
	return t->held > 0 && !t->releasing ? t->last_us + TXORDER_QUIET_US : DEADLINE_NEVER;
}

void txorder_flush(struct txorder *t)
{
	if (t->held == 0 || t->releasing)
		return;
	t->passed = 0;
	release(t, true);
}
