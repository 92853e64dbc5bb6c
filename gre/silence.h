/* SPDX-License-Identifier: ISC */
/*
 * When the silence of a server is worth a line for the user, and by what it is explained best. Decides
 * from counts and from what else this host has seen; its owner collects that four times a second as long as
 * silence_is_pending, and puts the result into words.
 *
 * Silent is a server that has been asked and does not answer: an idle link, and a server that takes an
 * upload without a word, are healthy. And one lost packet is no silence: a link that has carried packets must have
 * left several questions without an answer.
 */
#ifndef PPTP_SILENCE_H
#define PPTP_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/deadline.h"

/* How often silence_tick is called. A silence is told by at most so much too late. */
#define SILENCE_TICK_US (250 * USEC_PER_MSEC)

/* From the least to the most certain. */
enum silence_cause {
	SILENCE_NONE,         /* there is nothing to say */
	SILENCE_UNEXPLAINED,  /* lost somewhere */
	SILENCE_ICMP,         /* a router or the server has answered GRE with an ICMP error */
	SILENCE_OTHER_CALL,   /* the server sends GRE for another call than ours */
	SILENCE_OTHER_SOURCE, /* GRE for our call comes from another address than the server's */
	SILENCE_REFUSED,      /* this host's own packet filter refuses what we send */
};

struct silence_facts {
	/* Since the call was established. */
	uint64_t asked;    /* questions to the server, see datapath_count_facts */
	uint64_t sent;     /* packets with payload */
	uint64_t received; /* well-formed packets from the server ... */
	uint64_t answers;  /* ... which show that it hears us */
	/* At the moment. */
	int refusal; /* 0, or why packets wait: EPERM if this host refuses to send them, else there is no
			route for them, which is reported as that */
	/* Since the last answer. */
	enum silence_cause seen; /* the most certain one; SILENCE_NONE */
};

/* Private, but for reading after a cause was returned: `ticks`, `sent` and `received`. */
struct silence {
	uint64_t asked; /* as of the last answer */
	uint64_t sent;
	uint64_t received;
	uint64_t answers;
	unsigned ticks; /* of silence */
	bool refused;   /* at the last tick */
	enum silence_cause reported;
	int64_t reported_us;
};

/* Starts with no packet sent or received. */
void silence_init(struct silence *s);

/* Whether a question is open, so that silence_tick has to be called. */
bool silence_is_pending(const struct silence *s, const struct silence_facts *f);

/*
 * A tick has passed, in which the server's packets were read. What the user is to be told now, at most
 * once in a minute; again before that only where a more certain cause is known than the one that was
 * told.
 */
enum silence_cause silence_tick(struct silence *s, const struct silence_facts *f, int64_t now_us);

#endif
