/* SPDX-License-Identifier: ISC */
/* Accepting, reading one request each, answering. A client can make nothing grow, wait or spin. */
#include "callmgr/clients.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "lib/ipc_msg.h"
#include "sys/error_text.h"
#include "sys/ipc.h"

/* A client asks within this time of connecting: it is a program that does nothing else. */
#define REQUEST_WAIT_US (2 * USEC_PER_SEC)
/* How long the listener is left alone where there is no descriptor for the next client. */
#define ACCEPT_PAUSE_US (100 * USEC_PER_MSEC)

static struct client *free_slot(struct clients *c)
{
	size_t i = 0;
	while (i < CLIENTS_MAX && c->slots[i].watch.fd >= 0)
		i++;
	return i < CLIENTS_MAX ? &c->slots[i] : NULL;
}

static void listen_again(struct clients *c)
{
	bool pauses = c->accept_timer.deadline_us != DEADLINE_NEVER;
	c->listener.events = free_slot(c) && !pauses ? POLLIN : LOOP_OFF;
}

static void close_client(struct client *client)
{
	struct clients *c = client->all;
	loop_close(c->loop, &client->watch);
	loop_timer_remove(c->loop, &client->timer);
	c->accept_timer.deadline_us = DEADLINE_NEVER; /* its descriptor is free */
	listen_again(c);
}

static void on_request_timeout(void *context, int64_t now_us)
{
	(void)now_us;
	close_client(context);
}

static void on_request(void *context, int64_t now_us)
{
	struct client *client = context;
	struct clients *c = client->all;
	struct ipc_message m;
	int n = ipc_receive(client->watch.fd, &m);
	if (ipc_may_pass(n) && loop_pause(c->loop, &client->watch))
		return;
	if (n == 1 && m.fd >= 0)
		close(m.fd);
	if (n != 1 || m.type != IPC_STATUS_REQUEST || client->has_asked) {
		close_client(client);
		return;
	}
	client->has_asked = true;
	c->ops->status_requested(c->context, now_us);
}

/* The client that could not be accepted is still there, and poll would report it at once for ever. */
static void pause_listener(struct clients *c, int64_t now_us, int error)
{
	if (log_rate_limit_pass(&c->rate_limit, LOG_LEVEL_INFO, now_us, "status clients"))
		log_info("cannot accept a status client at the moment: %s", error_text(error));
	c->accept_timer.deadline_us = now_us + ACCEPT_PAUSE_US;
	listen_again(c);
}

static void on_connection(void *context, int64_t now_us)
{
	struct clients *c = context;
	struct client *client = free_slot(c);
	int fd = client ? ipc_accept(c->listener.fd, c->uid) : -EMFILE;
	if (fd == -EACCES &&
	    log_rate_limit_pass(&c->rate_limit, LOG_LEVEL_INFO, now_us, "status clients"))
		log_info("refused a status client of another user");
	else if (fd < 0 && fd != -EACCES)
		pause_listener(c, now_us, -fd);
	if (fd < 0)
		return;
	*client = (struct client){.all = c};
	loop_timer_start(
	    c->loop, &client->timer, now_us + REQUEST_WAIT_US, on_request_timeout, client);
	if (loop_watch_fd(c->loop, &client->watch, fd, POLLIN, on_request, client) < 0)
		close_client(client);
	else
		listen_again(c);
}

static void on_accept_pause_end(void *context, int64_t now_us)
{
	(void)now_us;
	listen_again(context);
}

int clients_init(struct clients *c, struct loop *loop, int listener, uid_t uid,
    const struct clients_ops *ops, void *context)
{
	*c = (struct clients){
	    .loop = loop, .ops = ops, .context = context, .uid = uid, .listener.fd = -1};
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		c->slots[i].watch.fd = -1;
	loop_timer_start(loop, &c->accept_timer, DEADLINE_NEVER, on_accept_pause_end, c);
	return listener < 0 ? 0
	                    : loop_watch_fd(loop, &c->listener, listener, POLLIN, on_connection, c);
}

void clients_answer(struct clients *c, const char *status)
{
	struct ipc_message m = {.type = IPC_STATUS, .fd = -1, .u.status = status};
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		struct client *client = &c->slots[i];
		if (client->watch.fd < 0 || !client->has_asked)
			continue;
		(void)ipc_send(client->watch.fd, &m); /* a client that does not read gets none */
		close_client(client);
	}
}

void clients_end(struct clients *c)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		if (c->slots[i].watch.fd >= 0)
			close_client(&c->slots[i]);
	loop_close(c->loop, &c->listener);
}
