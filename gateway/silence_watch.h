/* SPDX-License-Identifier: ISC */
/*
 * Tells the user when the server is silent, and why as far as this host can see: collects four times a second,
 * while the server owes an answer, what gre/silence.c judges by. Never touches a packet of the call.
 */
#ifndef PPTP_SILENCE_WATCH_H
#define PPTP_SILENCE_WATCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "gre/silence.h"
#include "sys/loop.h"
#include "gateway/datapath.h"
#include "gateway/silence_text.h"

struct silence_watch_config {
	struct loop *loop;
	struct datapath *path;
	int fd;         /* of netsock_gre_watch_open; negative: there is none; lent */
	int *conntrack; /* of conntrack_open; closed, and set to -1, when it is read */
	struct in_addr local;
	struct in_addr server;
	uint16_t call_id;
	uint16_t peer_call_id;
};

/* Embed it; its fields are private. */
struct silence_watch {
	struct silence_watch_config config;
	struct loop_timer timer;
	int64_t due_us; /* of the next tick */
	struct silence silence;
	struct silence_facts facts;
	struct silence_details details;
	bool is_watching; /* the socket is not parked */
};

/* The call is established; `w` stays in place until silence_watch_stop. */
void silence_watch_start(struct silence_watch *w, const struct silence_watch_config *config);

/* The data path reports: datapath_events.asked. */
void silence_watch_on_asked(struct silence_watch *w);

/* May be called twice, or before the start if `w` is zeroed. */
void silence_watch_stop(struct silence_watch *w);

#endif
