/* SPDX-License-Identifier: ISC */
/*
 * --test-type: damages the order of the datagrams sent, so that a server's reordering can be tried.
 * Datagrams go in in order and come out as the manual page prints them; none is lost. Knows neither
 * what is in a datagram nor the socket.
 */
#ifndef PPTP_TXORDER_H
#define PPTP_TXORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum txorder_type {
	TXORDER_NONE = 0,
	TXORDER_SWAP = 1,    /* two packets change places */
	TXORDER_ADVANCE = 2, /* the last of a group goes out first, the others follow in order */
	TXORDER_REVERSE = 3, /* a group goes out backwards */
};

enum {
	TXORDER_GROUP_MAX = 12
};

/* Quiet time after which an unfinished group goes out as it is; pppd would repeat itself after 3 s. */
#define TXORDER_QUIET_US INT64_C(1000000)

/* Embed it; its fields are private. */
struct txorder {
	enum txorder_type type;
	uint32_t rate;   /* datagrams that pass between two groups */
	uint32_t passed; /* since the last group */
	uint8_t *slots;
	size_t slot_len;
	size_t lens[TXORDER_GROUP_MAX];
	size_t held;     /* datagrams in the slots, in the order in which they came */
	size_t out;      /* of them, those that txorder_next has given */
	bool releasing;  /* the slots are being emptied */
	bool in_order;   /* ... as they came */
	int64_t last_us; /* when the last one came */
};

/*
 * Starts with an order of nothing yet. `slots` is the caller's and outlives this: room for
 * TXORDER_GROUP_MAX datagrams of slot_len octets each (unused with TXORDER_NONE).
 */
void txorder_init(
    struct txorder *t, enum txorder_type type, uint32_t rate, uint8_t *slots, size_t slot_len);

/*
 * Takes a copy of the next datagram; then drain txorder_next(). False, with nothing taken, where it
 * is longer than a slot or where what is to go out was not drained.
 */
bool txorder_add(struct txorder *t, int64_t now_us, const uint8_t *datagram, size_t len);

/* The next datagram to send, valid until the next txorder_add; false where there is none for now. */
bool txorder_next(struct txorder *t, const uint8_t **datagram, size_t *len);

/* When txorder_flush has to be called; DEADLINE_NEVER where nothing is held. */
int64_t txorder_deadline(const struct txorder *t);

/* Gives up waiting for the rest of a group (also at the end): drain txorder_next(). */
void txorder_flush(struct txorder *t);

#endif
