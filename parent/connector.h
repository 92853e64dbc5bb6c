/* SPDX-License-Identifier: ISC */
/*
 * The path to the server, on the call manager's request for one address after the other: the host
 * route, and the TCP socket, marked and bound as the options say, whose connection is begun here and
 * handed over. Owns the route and the wait for one; nothing is read from the network.
 */
#ifndef PPTP_CONNECTOR_H
#define PPTP_CONNECTOR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/ipc_msg.h"
#include "pptp_options.h"
#include "routing.h"
#include "sys/log.h"
#include "sys/loop.h"

enum {
	CONNECTOR_TEXT_MAX = 320,
};

/* What is reported, each as the last thing in a callback. */
struct connector_ops {
	/* Answers the last request: error 0, with `fd`, which is closed afterwards; or an errno. */
	void (*replied)(void *context, int error, int fd, enum ipc_route route);
	/* The host route of the answered request has come or gone. */
	void (*route_changed)(void *context, enum ipc_route route);
	/* The call cannot live with what has become of the route; `text` is a sentence. */
	void (*broken)(void *context, const char *text);
};

/* Embed it; its fields are private but for `address` and `server_text`. */
struct connector {
	const struct pptp_options *options;
	struct loop *loop;
	const struct connector_ops *ops;
	void *context;
	int64_t wait_until_us;  /* where there is no route it is waited for until then */
	struct in_addr address; /* of the last request */
	char server_text[CONNECTOR_TEXT_MAX]; /* the server for the user: name and address */
	unsigned tunnel_index;
	unsigned requests; /* so far */
	bool pending;      /* the request waits for a route */
	bool begun;        /* the route is */
	enum ipc_route reported;
	struct host_route route;
	struct loop_watch watch;
	struct loop_timer timer;
	struct log_rate_limit rate_limit;
};

/* `wait_until_us`: see struct connector; 0 = no wait. */
void connector_init(struct connector *c, const struct pptp_options *o, struct loop *loop,
    int64_t wait_until_us, const struct connector_ops *ops, void *context);

/* A request; connector_ops.replied follows, unless the next request or connector_end comes first.
 * False, and nothing is done: one that an honest call manager does not make. */
bool connector_request(
    struct connector *c, const struct ipc_connect_request *request, int64_t now_us);

/* Our end of the control connection, once it is established: the call cannot live without it. */
void connector_set_source(struct connector *c, struct in_addr source);

/* The index of our own tunnel's interface; 0 = not known. */
void connector_set_tunnel(struct connector *c, unsigned index, int64_t now_us);

/* Forgets a request that waits. */
void connector_cancel(struct connector *c);

/* Removes the host route where no other call holds it. May be called twice. */
void connector_end(struct connector *c);

#endif
