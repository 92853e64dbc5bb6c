/* SPDX-License-Identifier: ISC */
/*
 * Search for the largest packet that passes a path undivided, by packets of chosen sizes that each
 * get an answer, get none, or come to a router that names the largest one that it takes. Sizes are
 * bytes of IP datagrams, header included. No I/O: the caller sends a packet of `size`, waits, and
 * says what became of it.
 */
#ifndef PPTP_MTU_SEARCH_H
#define PPTP_MTU_SEARCH_H

#include <stdbool.h>

enum {
	MTU_SEARCH_FLOOR =
	    576,              /* RFC 1122 section 3.3.3: every host takes datagrams of that size */
	MTU_SEARCH_TRIES = 2, /* a lost packet is no proof */
};

struct mtu_search {
	/* For reading. */
	unsigned size;   /* the next one to try; 0 = the search is over */
	unsigned passed; /* the largest that was answered; 0 = none was */
	unsigned named;  /* the smallest limit that a router has named; 0 = none has */
	bool lost;       /* a size was given up although no router named a limit below it */

	/* Private. */
	unsigned too_large; /* the smallest that is known not to pass */
	unsigned tries;     /* of `size` so far */
};

/* Starts with the size `top`, MTU_SEARCH_FLOOR at least. */
void mtu_search_begin(struct mtu_search *s, unsigned top);

/* The packet of `size` bytes was answered. */
void mtu_search_on_answer(struct mtu_search *s, unsigned size);

/* A router takes packets up to `limit` only; a limit that teaches nothing new counts as a loss. */
void mtu_search_on_limit(struct mtu_search *s, unsigned limit);

/* No answer came in time. */
void mtu_search_on_silence(struct mtu_search *s);

#endif
