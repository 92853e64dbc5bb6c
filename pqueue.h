/* SPDX-License-Identifier: ISC */
/*
 * Packets that wait, in sequence order: a doubly linked list whose entries come from a fixed pool.
 * Adding in order at the tail is O(1); a duplicate is refused and changes nothing; entries and
 * octets are bounded. Knows no policy: when to wait, deliver or give up is gre_session.c's.
 */
#ifndef PPTP_PQUEUE_H
#define PPTP_PQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/seq32.h"

struct pqueue_entry {
	struct pqueue_entry
	    *next; /* the next higher sequence number; in the pool: the next free entry */
	struct pqueue_entry *prev;
	seq32 seq;
	int64_t known_since_us; /* arrival of the earliest of this packet and all behind it in the
				   list: since when a gap right before it is known */
	size_t len;
	uint8_t *payload; /* `slot_len` octets of the pool */
};

struct pqueue {
	struct pqueue_entry *head; /* lowest sequence number */
	struct pqueue_entry *tail;
	struct pqueue_entry *free; /* last freed first, so that few pages are ever touched */
	struct pqueue_entry *entries;
	uint8_t *slots;
	size_t capacity; /* entries */
	size_t fresh;    /* entries [fresh, capacity) were never used, are not on the free list */
	size_t slot_len; /* the longest payload */
	size_t count;    /* entries in the list */
	size_t octets;   /* payload octets in the list */
};

enum pqueue_result {
	PQUEUE_ADDED,
	PQUEUE_DUPLICATE, /* that sequence number is held already */
	PQUEUE_FULL,      /* no entry is free */
	PQUEUE_TOO_LONG,  /* payload longer than a slot */
};

/*
 * Makes an empty queue over the caller's memory: `entries` (capacity of them) and `slots` (capacity
 * * slot_len octets), which need not be initialised and are not touched before they are used.
 */
void pqueue_init(struct pqueue *q, struct pqueue_entry *entries, uint8_t *slots, size_t capacity,
    size_t slot_len);

/*
 * Copies a packet into its place; `now_us` never runs backwards. All sequence numbers held lie
 * within 2^31 of each other. A duplicate is called one even where the queue is full. With
 * PQUEUE_ADDED, *added (where added is not NULL) is the new entry, the queue's until popped.
 */
enum pqueue_result pqueue_add(struct pqueue *q, seq32 seq, const uint8_t *payload, size_t len,
    int64_t now_us, const struct pqueue_entry **added);

/* The packet with the lowest sequence number, NULL where there is none; the queue's until popped.
 */
const struct pqueue_entry *pqueue_head(const struct pqueue *q);

/* Gives the head back to the pool; an empty queue stays empty. The octets of its payload stay as
 * they are until the next pqueue_add. */
void pqueue_pop(struct pqueue *q);

static inline bool pqueue_is_full(const struct pqueue *q)
{
	return q->count == q->capacity;
}

#endif
