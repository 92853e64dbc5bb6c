/* SPDX-License-Identifier: ISC */
/*
 * Tells the user when the server is silent, and why as far as this host can see: collects four times a second,
 * while the server owes an answer, what gre/silence.c judges by. Never touches a packet of the call.
 */
#ifndef PPTP_SILENCE_WATCH_H
#define PPTP_SILENCE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "gre/silence.h"
#include "sys/loop.h"
#include "gateway/datapath.h"
#include "gateway/silence_text.h"

/* Embed it. The owner sets the fields up to `details`, of which the addresses and call IDs; the rest is private. */
struct silence_watch {
	struct loop *loop; /* NULL while stopped */
	struct datapath *path;
	int fd;         /* of netsock_gre_watch_open; negative: there is none; lent */
	int *conntrack; /* of conntrack_open; closed, and set to -1, when it is read */
	struct silence_details details;
	struct silence silence;
	struct silence_facts facts;
	struct loop_timer timer;
	bool is_watching; /* the socket is not parked */
};

/* The call is established; `w` stays in place until silence_watch_stop. */
void silence_watch_start(struct silence_watch *w);

/* The data path reports: datapath_events.asked. */
void silence_watch_on_asked(struct silence_watch *w);

/* May be called twice, or before the start if `w` is zeroed. */
void silence_watch_stop(struct silence_watch *w);

#endif
