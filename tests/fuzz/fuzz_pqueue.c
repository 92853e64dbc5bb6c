/* SPDX-License-Identifier: ISC */
/* Any bytes as additions and removals: the queue must behave like a bitmap of sequence numbers. */
#include <stdlib.h>
#include <string.h>

#include "pqueue.h"
#include "fuzz.h"

enum {
	CAPACITY = 24,
	SPREAD = 64,
	SLOT = 4
};

static void pop_lowest(struct pqueue *q, seq32 first, uint64_t *held)
{
	const struct pqueue_entry *head = pqueue_head(q);
	if (!*held) {
		if (head)
			abort();
		pqueue_pop(q);
		return;
	}
	seq32 offset = 0;
	while (!(*held >> offset & 1))
		offset++;
	if (!head || head->seq != first + offset || head->len != offset % (SLOT + 1))
		abort();
	for (size_t i = 0; i < head->len; i++)
		if (head->payload[i] != (uint8_t)offset)
			abort();
	pqueue_pop(q);
	*held &= ~(UINT64_C(1) << offset);
}

static void add(struct pqueue *q, seq32 first, uint64_t *held, seq32 offset, int64_t now_us)
{
	uint8_t payload[SLOT];
	memset(payload, (int)offset, sizeof(payload));
	enum pqueue_result want = PQUEUE_ADDED;
	if (*held >> offset & 1)
		want = PQUEUE_DUPLICATE;
	else if (q->count == CAPACITY)
		want = PQUEUE_FULL;
	if (pqueue_add(q, first + offset, payload, offset % (SLOT + 1), now_us, NULL) != want)
		abort();
	if (want == PQUEUE_ADDED)
		*held |= UINT64_C(1) << offset;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct pqueue q;
	struct pqueue_entry entries[CAPACITY];
	uint8_t slots[CAPACITY * SLOT];
	if (len < 1)
		return 0;
	seq32 first = (seq32)bytes[0] - 128; /* on both sides of the wrap */
	uint64_t held = 0;
	pqueue_init(&q, entries, slots, CAPACITY, SLOT);
	for (size_t i = 1; i < len; i++) {
		if (bytes[i] < 3 * SPREAD)
			add(&q, first, &held, bytes[i] % SPREAD, (int64_t)i);
		else
			pop_lowest(&q, first, &held);
	}
	while (held)
		pop_lowest(&q, first, &held);
	pop_lowest(&q, first, &held);
	return 0;
}
