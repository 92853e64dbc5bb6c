/* SPDX-License-Identifier: ISC */
/*
 * The reorder queue: received packets in sequence order (RFC 2637 section 4.3), in a doubly linked
 * list whose entries come from a fixed pool. Adding at the tail in order is O(1); a duplicate is
 * refused and changes nothing; the number of entries and the bytes of each are bounded. Has no
 * policy: gre_session.c decides when to wait, to deliver and to give up.
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
	int64_t known_since_us; /* when a gap right before this entry became known: the earliest
				   arrival of this packet and of all behind it in the list */
	size_t len;             /* bytes of payload */
	uint8_t *payload;       /* `slot_len` bytes of the pool */
};

struct pqueue {
	struct pqueue_entry *head; /* lowest sequence number */
	struct pqueue_entry *tail;
	struct pqueue_entry *free; /* last freed first, so that few pages are ever touched */
	struct pqueue_entry *entries;
	uint8_t *slots;
	size_t capacity; /* entries */
	size_t fresh; /* entries [fresh, capacity) were never used and are not on the free list */
	size_t slot_len; /* bytes of the longest payload */
	size_t count;    /* entries in the list */
};

enum pqueue_result {
	PQUEUE_ADDED,
	PQUEUE_DUPLICATE, /* the queue holds that sequence number already */
	PQUEUE_FULL,      /* no entry is free */
	PQUEUE_TOO_LONG,  /* payload longer than a slot */
};

/*
 * Makes an empty queue over the caller's memory: `entries` (capacity of them) and `slots` (capacity
 * * slot_len bytes). Neither needs to be initialised, and neither is touched before it is used.
 */
void pqueue_init(struct pqueue *q, struct pqueue_entry *entries, uint8_t *slots, size_t capacity,
    size_t slot_len);

/*
 * Copies a packet of `len` bytes into the queue. `now_us` must not decrease from call to call, and
 * all sequence numbers in the queue must lie within 2^31 of each other. A duplicate is reported as
 * such even if the queue is full. On PQUEUE_ADDED, *added (unless added is NULL) is the new entry,
 * which the queue owns until it is popped; any other result changes nothing.
 */
enum pqueue_result pqueue_add(struct pqueue *q, seq32 seq, const uint8_t *payload, size_t len,
    int64_t now_us, const struct pqueue_entry **added);

/* The packet with the lowest sequence number, NULL if the queue is empty; the queue owns it. */
const struct pqueue_entry *pqueue_head(const struct pqueue *q);

/*
 * Returns the head to the pool; does nothing on an empty queue. The bytes of its payload stay intact
 * until the next pqueue_add.
 */
void pqueue_pop(struct pqueue *q);

/* Returns the packet with the highest sequence number to the pool; does nothing on an empty queue. */
void pqueue_pop_tail(struct pqueue *q);

static inline bool pqueue_is_full(const struct pqueue *q)
{
	return q->count == q->capacity;
}

#endif
