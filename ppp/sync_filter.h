/* SPDX-License-Identifier: ISC */
/*
 * Keeps a link with a synchronous pty such that its frames can be told apart: watches LCP, CCP and
 * IPCP go by in both directions. Options that would take away what frames are told apart by are
 * rejected in the name of the side that would get them, as that side may do itself (RFC 1661 section
 * 5.4): short headers towards the server, compression other than MPPE, and TCP header compression.
 * Where such an option is agreed on all the same, the link is refused. Does no I/O; changes no frame.
 */
#ifndef PPTP_SYNC_LINK_H
#define PPTP_SYNC_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sync_side {
	SYNC_PPPD,
	SYNC_SERVER,
	SYNC_SIDES
};

enum sync_protocol {
	SYNC_LCP,
	SYNC_CCP,
	SYNC_IPCP,
	SYNC_PROTOCOLS
};

enum sync_verdict {
	SYNC_PASS,   /* the frame goes on */
	SYNC_ANSWER, /* the frame goes no further; `answer` goes back to the side it came from */
	SYNC_REFUSE, /* the call is to be ended: sync_link_trouble says why */
};

enum {
	SYNC_ANSWER_MAX = 256,
};

struct sync_link {
	bool short_headers; /* pppd may leave out address, control and half of the protocol */
	const char *trouble;
	uint8_t rejects[SYNC_SIDES]
		       [SYNC_PROTOCOLS]; /* sent without success, by whose request it was */
	uint8_t answer[SYNC_ANSWER_MAX];
	size_t answer_len;
};

void sync_link_init(struct sync_link *w);

/* A frame goes by that comes from this side. Cheap for frames without control packets. */
enum sync_verdict sync_link_see(
    struct sync_link *w, enum sync_side from, const uint8_t *frame, size_t len);

/* After SYNC_REFUSE: a sentence for people that says why, and what to do. */
const char *sync_link_trouble(const struct sync_link *w);

#endif
