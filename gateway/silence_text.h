/* SPDX-License-Identifier: ISC */
/* The sentence for the user that explains why nothing comes from the server. Reads nothing but its arguments. */
#ifndef PPTP_SILENCE_TEXT_H
#define PPTP_SILENCE_TEXT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gre/silence.h"
#include "sys/icmp_error.h"

enum {
	SILENCE_TEXT_MAX = 512, /* bytes with the NUL: longer than any of them */
};

/* What the sentence names, where its cause is that. */
struct silence_details {
	struct in_addr local;
	struct in_addr server;
	uint16_t call_id;            /* ours */
	uint16_t peer_call_id;       /* the server's */
	struct in_addr other_source; /* SILENCE_OTHER_SOURCE */
	uint16_t other_call;         /* SILENCE_OTHER_CALL */
	struct icmp_error icmp;      /* SILENCE_ICMP */
	bool tracks_connections;     /* this host does */
};

/* Writes the sentence, NUL-terminated; `cause` is not SILENCE_NONE, and came with the other two. */
void silence_text(char text[SILENCE_TEXT_MAX], enum silence_cause cause, const struct silence *s,
    const struct silence_facts *f, const struct silence_details *d);

#endif
