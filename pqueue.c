/* SPDX-License-Identifier: ISC */
/*
 * The list and the pool of pqueue.h. Owns the order of what is held and the memory it is held in;
 * knows neither time-outs nor what a gap means.
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

static struct pqueue_entry *take_entry(struct pqueue *q)
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
 * The last entry that does not come after seq, NULL where all do. Searched from the end that is
 * nearer in numbers: packets in order belong behind the tail, and what fills the first gap belongs
 * before the head, so that both cost one step.
 */
static struct pqueue_entry *find_place(const struct pqueue *q, seq32 seq)
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
		e = e->next; /* the tail comes after seq: the walk ends there at the latest */
	return e->prev;
}

static void link_after(struct pqueue *q, struct pqueue_entry *place, struct pqueue_entry *e)
{
	e->prev = place;
	e->next = place ? place->next : q->head;
	if (e->prev)
		e->prev->next = e;
	else
		q->head = e;
	if (e->next)
		e->next->prev = e;
	else
		q->tail = e;
}

enum pqueue_result pqueue_add(struct pqueue *q, seq32 seq, const uint8_t *payload, size_t len,
    int64_t now_us, const struct pqueue_entry **added)
{
	struct pqueue_entry *place = find_place(q, seq);
	if (place && place->seq == seq)
		return PQUEUE_DUPLICATE;
	if (len > q->slot_len)
		return PQUEUE_TOO_LONG;
	struct pqueue_entry *e = take_entry(q);
	if (!e)
		return PQUEUE_FULL;

	e->seq = seq;
	e->len = len;
	if (len > 0)
		memcpy(e->payload, payload, len);
	link_after(q, place, e);
	/* What is behind came earlier; what is before knows of something at least as early already.
	 */
	e->known_since_us = e->next ? e->next->known_since_us : now_us;
	q->count++;
	q->octets += len;
	if (added)
		*added = e;
	return PQUEUE_ADDED;
}

const struct pqueue_entry *pqueue_head(const struct pqueue *q)
{
	return q->head;
}

void pqueue_pop(struct pqueue *q)
{
	struct pqueue_entry *e = q->head;
	if (!e)
		return;
	q->head = e->next;
	if (q->head)
		q->head->prev = NULL;
	else
		q->tail = NULL;
	q->count--;
	q->octets -= e->len;
	e->next = q->free;
	q->free = e;
}
