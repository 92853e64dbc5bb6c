/* SPDX-License-Identifier: ISC */
/*
 * Status clients: programs that connect to the socket in the run directory and ask how the call is.
 * Owns the listener, their descriptors, and the bounds on them. The answer is the coordinator's
 * (pptp_callmgr.c).
 */
#ifndef PPTP_CLIENTS_H
#define PPTP_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sys/log.h"
#include "sys/loop.h"

enum {
	CLIENTS_MAX = 16, /* more wait in the listener's backlog */
};

/* Reported as the last thing in a callback. */
struct clients_ops {
	/* At least one client waits for the status: answer with clients_answer. */
	void (*status_requested)(void *context, int64_t now_us);
};

struct clients;

/* One client. Private. */
struct client {
	struct clients *all;
	struct loop_watch watch; /* fd -1: free */
	struct loop_timer timer; /* until it has asked, and until it is answered */
	bool has_asked;
};

/* Embed it; its fields are private. */
struct clients {
	struct loop *loop;
	const struct clients_ops *ops;
	void *context;
	uid_t uid;                  /* who may ask, besides root */
	struct loop_watch listener; /* fd -1: none */
	struct loop_timer accept_timer;
	struct log_rate_limit rate_limit;
	struct client slots[CLIENTS_MAX];
};

/* Serves the listener, which is the clients' from now on; -1: there is none. `uid`: that of the user
 * who started pptp. 0 or a negative errno. */
int clients_init(struct clients *c, struct loop *loop, int listener, uid_t uid,
    const struct clients_ops *ops, void *context);

/* Sends the status to all that have asked, and closes them. */
void clients_answer(struct clients *c, const char *status);

/* Closes the listener and all clients. */
void clients_end(struct clients *c);

#endif
