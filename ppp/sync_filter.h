/* SPDX-License-Identifier: ISC */
/*
 * Keeps the frames on a synchronous pty separable: snoops on LCP, CCP and IPCP in both directions.
 * Options after which ppp_framing.h could not find where frames end get a Configure-Reject in the
 * name of the side that they are for, which may send one itself (RFC 1661 section 5.4): compressed
 * headers towards the server, compression other than MPPE, and TCP header compression. If both sides
 * agree on such an option all the same, the filter refuses the link. Changes no frame, does no I/O.
 */
#ifndef PPTP_SYNC_FILTER_H
#define PPTP_SYNC_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sync_filter_side {
	SYNC_FILTER_PPPD,
	SYNC_FILTER_SERVER,
	SYNC_FILTER_SIDES
};

enum sync_filter_protocol {
	SYNC_FILTER_LCP,
	SYNC_FILTER_CCP,
	SYNC_FILTER_IPCP,
	SYNC_FILTER_PROTOCOLS
};

enum sync_filter_verdict {
	SYNC_FILTER_PASS,   /* forward the frame */
	SYNC_FILTER_ANSWER, /* drop it and send `answer` back to the side that it came from */
	SYNC_FILTER_REFUSE, /* end the call; sync_filter_reason says why */
};

enum {
	SYNC_FILTER_ANSWER_MAX =
	    256, /* bytes; a request that needs a longer Configure-Reject passes */
};

struct sync_filter {
	bool short_headers; /* pppd may send compressed headers: it has acknowledged ACFC or PFC */
	const char *reason;
	uint8_t rejects[SYNC_FILTER_SIDES]
		       [SYNC_FILTER_PROTOCOLS]; /* consecutive, by the side that requested */
	uint8_t answer[SYNC_FILTER_ANSWER_MAX]; /* a frame without flags and FCS */
	size_t answer_len;
};

void sync_filter_init(struct sync_filter *s);

/* Call for each frame, without FCS, with the side that sent it. Cheap without control packets. */
enum sync_filter_verdict sync_filter_process(
    struct sync_filter *s, enum sync_filter_side from, const uint8_t *frame, size_t len);

/* After SYNC_FILTER_REFUSE: a sentence for the user that says why, and what to change; else "". Static. */
const char *sync_filter_reason(const struct sync_filter *s);

#endif
