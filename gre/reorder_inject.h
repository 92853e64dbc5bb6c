/* SPDX-License-Identifier: ISC */
/*
 * --test-type: reorders the datagrams sent, so that a server's reordering can be tested. Datagrams
 * enter in order and leave in the order that the manual page prints; none is lost. Knows neither
 * their contents nor the socket.
 */
#ifndef PPTP_REORDER_INJECT_H
#define PPTP_REORDER_INJECT_H

#include <stddef.h>
#include <stdint.h>

enum reorder_inject_type {
	REORDER_INJECT_NONE = 0,
	REORDER_INJECT_SWAP = 1,    /* a pair, second datagram first */
	REORDER_INJECT_ADVANCE = 2, /* a group, last datagram first, the others in order */
	REORDER_INJECT_REVERSE = 3, /* a group, in reverse order */
};

/* Datagrams in a group; the manual page's examples have so many. */
enum {
	REORDER_INJECT_GROUP_MAX = 12
};

/*
 * Microseconds without a new datagram after which an unfinished group is sent in order: well below
 * the 3 s after which pppd repeats an LCP or IPCP request.
 */
#define REORDER_INJECT_QUIET_US INT64_C(1000000)

/* Embed it; its fields are private. */
struct reorder_inject {
	enum reorder_inject_type type;
	uint32_t rate;   /* datagrams sent in order between two groups */
	uint32_t passed; /* of them, sent since the last group */
	uint8_t *slots;
	size_t slot_len; /* bytes */
	size_t lens[REORDER_INJECT_GROUP_MAX];
	size_t held;     /* datagrams in the slots, in the order of arrival */
	size_t ready;    /* `held` if they are to be sent now, else 0 */
	int64_t last_us; /* arrival of the last datagram */
};

/*
 * Starts without any datagram. `slots` must hold REORDER_INJECT_GROUP_MAX datagrams of slot_len bytes
 * each; the caller owns it and keeps it as long as *t. `rate` may be 0.
 */
void reorder_inject_init(struct reorder_inject *t, enum reorder_inject_type type, uint32_t rate,
    uint8_t *slots, size_t slot_len);

/* Copies the next datagram of `len` bytes, slot_len at most. Returns how many datagrams are to be sent
 * now: reorder_inject_get has them until the next call. */
size_t reorder_inject_add(
    struct reorder_inject *t, int64_t now_us, const uint8_t *datagram, size_t len);

/* Datagram number `i`, from 0, of those that are to be sent now. */
const uint8_t *reorder_inject_get(const struct reorder_inject *t, size_t i, size_t *len);

/* When to call reorder_inject_flush; DEADLINE_NEVER while no unfinished group is held. */
int64_t reorder_inject_deadline(const struct reorder_inject *t);

/* The datagrams of an unfinished group are to be sent now, in order. Returns how many they are. */
size_t reorder_inject_flush(struct reorder_inject *t);

#endif
