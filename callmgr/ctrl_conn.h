/* SPDX-License-Identifier: ISC */
/*
 * The control connection: moves bytes between the control state machine (pptp_ctrl.c) and TCP, runs
 * its deadline, and logs its messages. What an event means for the call is the coordinator's
 * (pptp_callmgr.c), which gets them in the order in which they happened.
 */
#ifndef PPTP_CTRL_CONN_H
#define PPTP_CTRL_CONN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "pptp_ctrl.h"
#include "pptp_options.h"
#include "sys/log.h"
#include "sys/loop.h"

struct ctrl_conn_ops {
	/* CTRL_EV_ESTABLISHED, _CALL_UP, _CALL_ENDED and _CLOSED. `tcp_error`: the errno that TCP
	 * reported, 0 = none. May call ctrl_conn_stop, nothing else of this module. */
	void (*event)(void *context, int64_t now_us, const struct ctrl_event *event, int tcp_error);
	/* Closed, and all output is written or given up. The last thing in a callback: the owner may
	 * call ctrl_conn_end and start another. */
	void (*finished)(void *context, int64_t now_us);
};

struct ctrl_conn_config {
	const struct pptp_options *options; /* outlives the connection */
	const char *server_text;            /* the server for the log; likewise */
	struct in_addr server;
	struct in_addr local;
	uint16_t call_id;
	uint16_t call_serial;
	int64_t close_wait_us; /* for the server's confirmation once we end */
};

/* Embed it; its fields are private. */
struct ctrl_conn {
	struct loop *loop;
	const struct ctrl_conn_ops *ops;
	void *context;
	struct ctrl_conn_config config;
	struct loop_watch tcp; /* fd -1: there is no connection */
	struct loop_timer timer;
	int tcp_error;
	unsigned unanswered; /* messages sent less those received: that many replies may come */
	struct log_rate_limit rate_limit;
	struct log_rate_limit debug_rate_limit;
	struct ctrl ctrl;
};

void ctrl_conn_init(
    struct ctrl_conn *c, struct loop *loop, const struct ctrl_conn_ops *ops, void *context);

/* Starts the state machine on the connected socket `fd`, which is the connection's from now on.
 * 0 or a negative errno. */
int ctrl_conn_start(
    struct ctrl_conn *c, int64_t now_us, int fd, const struct ctrl_conn_config *config);

/* Ends call and connection in order; CTRL_EV_CLOSED follows. `why` is for the log. */
void ctrl_conn_stop(struct ctrl_conn *c, int64_t now_us, const char *why);

/* Sends what is to be sent and reports what has happened, after ctrl_conn_stop outside of an event. */
void ctrl_conn_serve(struct ctrl_conn *c, int64_t now_us);

/* Closes TCP at once. Harmless where there is no connection. */
void ctrl_conn_end(struct ctrl_conn *c);

bool ctrl_conn_is_open(const struct ctrl_conn *c);
const char *ctrl_conn_state_name(const struct ctrl_conn *c);

#endif
