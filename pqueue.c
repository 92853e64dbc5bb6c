/* SPDX-License-Identifier: ISC */
/*
 * The list and the pool of pqueue.h. Owns the order of the entries and the use of their memory;
 * does not know timeouts, nor when a gap is given up.
 */
#include "pqueue.h"

#include <string.h>

void pqueue_init(struct pqueue *q, struct pqueue_entry *entries, uint8_t *slots, size_t capacity,
    size_t slot_len)
{
	*q = (struct pqueue){
	    .entries = entries,
	    .slots = slots,
	    .capacity = capacity,
	    .slot_len = slot_len,
	};
}

static struct pqueue_entry *alloc_entry(struct pqueue *q)
{
	struct pqueue_entry *e = q->free;
	if (e) {
		q->free = e->next;
	} else if (q->fresh < q->capacity) {
		e = &q->entries[q->fresh];
		e->payload = q->slots + q->fresh * q->slot_len;
		q->fresh++;
	}
	return e;
}

/*
 * The last entry that is not after seq, NULL if all are. The search starts at the end that is nearer
 * in sequence numbers: a packet in order goes behind the tail, one that fills the first gap goes
 * before the head, so both cost one step.
 */
static struct pqueue_entry *find_predecessor(const struct pqueue *q, seq32 seq)
{
	struct pqueue_entry *e = q->tail;
	if (!e || !seq32_after(e->seq, seq))
		return e;
	if (seq32_diff(e->seq, seq) <= seq32_diff(seq, q->head->seq)) {
		while (e && seq32_after(e->seq, seq))
			e = e->prev;
		return e;
	}
	e = q->head;
	while (!seq32_after(e->seq, seq))
		e = e->next; /* ends at the tail at the latest, which is after seq */
	return e->prev;
}

static void link_after(struct pqueue *q, struct pqueue_entry *prev, struct pqueue_entry *e)
{
	struct pqueue_entry **next = prev ? &prev->next : &q->head;
	e->prev = prev;
	e->next = *next;
	*next = e;
	*(e->next ? &e->next->prev : &q->tail) = e;
}

enum pqueue_result pqueue_add(struct pqueue *q, seq32 seq, const uint8_t *payload, size_t len,
    int64_t now_us, const struct pqueue_entry **added)
{
	struct pqueue_entry *prev = find_predecessor(q, seq);
	if (prev && prev->seq == seq)
		return PQUEUE_DUPLICATE;
	if (len > q->slot_len)
		return PQUEUE_TOO_LONG;
	struct pqueue_entry *e = alloc_entry(q);
	if (!e)
		return PQUEUE_FULL;

	e->seq = seq;
	e->len = len;
	if (len > 0)
		memcpy(e->payload, payload, len);
	link_after(q, prev, e);
	/* All entries behind came earlier; all before know of an arrival at least as early. */
	e->known_since_us = e->next ? e->next->known_since_us : now_us;
	q->count++;
	if (added)
		*added = e;
	return PQUEUE_ADDED;
}

const struct pqueue_entry *pqueue_head(const struct pqueue *q)
{
	return q->head;
}

static void free_entry(struct pqueue *q, struct pqueue_entry *e)
{
	if (!e)
		return;
	*(e->prev ? &e->prev->next : &q->head) = e->next;
	*(e->next ? &e->next->prev : &q->tail) = e->prev;
	q->count--;
	e->next = q->free;
	q->free = e;
}

void pqueue_pop(struct pqueue *q)
{
	free_entry(q, q->head);
}

void pqueue_pop_tail(struct pqueue *q)
{
	free_entry(q, q->tail);
}
