/* SPDX-License-Identifier: ISC */
/*
 * Who talks to the call manager over UNIX sockets: its own gateway, gateways whose calls joined,
 * askers of status. Owns their descriptors and the bounds on them; what happens to a call is
 * pptp_callmgr.c's. A client is struck off at once but freed by the sweep, so that whoever walks
 * the list or runs in its callback still holds memory.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "callmgr.h"

enum {
	SEND_TRIES = 32
};

static void client_ready(void *context, short revents, int64_t now_us);
static void client_gone(struct callmgr_client *client, int64_t now_us);

struct callmgr_client *client_with_call(struct callmgr *cm, uint16_t call_id)
{
	for (struct callmgr_client *c = cm->clients; c; c = c->next)
		if (c->kind == CLIENT_GATEWAY && !c->gone && c->request.call_id == call_id)
			return c;
	return NULL;
}

size_t clients_wanting(const struct callmgr *cm)
{
	size_t n = 0;
	for (const struct callmgr_client *c = cm->clients; c; c = c->next)
		n += c->kind == CLIENT_GATEWAY && !c->gone && !c->closing &&
		     c->end.reason == REASON_NONE;
	return n;
}

/* Those for whom there is no room wait in the listener's backlog until one of those here is gone. */
static void watch_listener(struct callmgr *cm)
{
	bool room = cm->client_count < CALLMGR_CLIENTS_MAX &&
	            cm->accept_timer.deadline_us == DEADLINE_NEVER;
	cm->listener.events = room ? POLLIN : LOOP_OFF;
}

void client_drop(struct callmgr_client *client)
{
	struct callmgr *cm = client->cm;
	if (client->gone)
		return;
	client->gone = true;
	loop_remove(&cm->loop, &client->watch);
	loop_timer_remove(&cm->loop, &client->timer);
	close(client->watch.fd);
	if (cm->own == client)
		cm->own = NULL;
	cm->client_count--;
	cm->accept_timer.deadline_us = DEADLINE_NEVER; /* its descriptor is free */
	watch_listener(cm);
	cm->sweep.deadline_us = 0;
}

void clients_sweep(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	struct callmgr_client **link = &cm->clients;
	(void)now_us;
	while (*link) {
		struct callmgr_client *c = *link;
		if (!c->gone) {
			link = &c->next;
			continue;
		}
		*link = c->next;
		if (c != &cm->own_client)
			free(c);
	}
}

void clients_free(struct callmgr *cm)
{
	for (struct callmgr_client *c = cm->clients; c; c = c->next)
		client_drop(c);
	clients_sweep(cm, 0);
}

static void first_word_due(void *context, int64_t now_us)
{
	struct callmgr_client *client = context;
	(void)now_us;
	log_debug("a client of the socket said nothing and is dropped");
	client_drop(client);
}

int client_add(struct callmgr *cm, struct callmgr_client *c, int fd, int64_t now_us)
{
	c->cm = cm;
	c->watch =
	    (struct loop_watch){.fd = fd, .events = POLLIN, .ready = client_ready, .context = c};
	c->timer = (struct loop_timer){
	    .deadline_us = now_us + CALLMGR_FIRST_WORD_US, .expired = first_word_due, .context = c};
	int rc = loop_add(&cm->loop, &c->watch);
	if (rc < 0)
		return rc;
	loop_timer_add(&cm->loop, &c->timer);
	c->next = cm->clients;
	cm->clients = c;
	cm->client_count++;
	watch_listener(cm);
	return 0;
}

/* Whoever it was is still there, and would be reported again at once and for ever. */
static void accept_later(struct callmgr *cm, int64_t now_us, int error)
{
	uint64_t left_out;
	if (log_allowed(&cm->accept_budget, now_us, &left_out))
		log_info("cannot take another client of the socket now: %s", strerror(error));
	cm->accept_timer.deadline_us = now_us + CALLMGR_ACCEPT_PAUSE_US;
	watch_listener(cm);
}

void clients_accept_due(void *context, int64_t now_us)
{
	(void)now_us;
	watch_listener(context);
}

void clients_accept(void *context, short revents, int64_t now_us)
{
	struct callmgr *cm = context;
	(void)revents;
	int fd = ipc_accept(cm->listener.fd);
	if (fd == -EPERM)
		log_info("a stranger at the socket was turned away");
	else if (fd < 0)
		accept_later(cm, now_us, -fd);
	if (fd < 0)
		return;
	struct callmgr_client *c = calloc(1, sizeof(*c));
	if (!c || client_add(cm, c, fd, now_us) < 0) {
		free(c);
		close(fd);
	}
}

int client_send(int fd, const struct ipc_message *m)
{
	int rc = ipc_send(fd, m);
	for (int tries = 1; tries < SEND_TRIES; tries++) {
		if (rc != -ENOMEM && rc != -ENOBUFS && rc != -EAGAIN && rc != -EINTR)
			break;
		rc = ipc_send(fd, m);
	}
	return rc;
}

void client_over(struct callmgr_client *client, int64_t now_us)
{
	struct callmgr *cm = client->cm;
	struct ipc_message m = {.type = IPC_CALL_OVER, .fd = -1};
	(void)now_us;
	if (client->gone)
		return;
	m.u.over.was_up = client->was_up;
	m.u.over.exit_status = callmgr_exit_status(&client->end, client->was_up);
	callmgr_text(m.u.over.text, sizeof(m.u.over.text), cm, &client->end);
	log_info("call %u is over: %s", client->request.call_id, m.u.over.text);
	if (client == cm->own)
		cm->exit_status = m.u.over.exit_status;
	(void)client_send(client->watch.fd, &m); /* a gateway that is gone needs no last word */
	client_drop(client);
}

void client_up(struct callmgr_client *client, int64_t now_us, const struct ctrl_event *event)
{
	const struct callmgr *cm = client->cm;
	const struct msg_outgoing_call_reply *reply = &event->msg.u.outgoing_call_reply;
	struct ipc_message m = {.type = IPC_CALL_UP, .fd = -1};
	m.u.up = (struct ipc_call_up){
	    .server = callmgr_address(cm),
	    .local = cm->local,
	    .call_id = client->request.call_id,
	    .peer_call_id = reply->call_id,
	    .server_window = reply->window,
	    .server_delay = reply->processing_delay,
	    .connect_bps = reply->connect_bps,
	};
	client->was_up = true;
	client->up_since_us = now_us;
	client->peer_call_id = reply->call_id;
	if (client_send(client->watch.fd, &m) < 0)
		client_gone(client, now_us);
}

/* The last word lies unread: a second one says nothing more, and would fill the socket in time. */
static bool unread(int fd)
{
	int octets = 0;
	return ioctl(fd, SIOCOUTQ, &octets) == 0 && octets > 0;
}

/* ---- status ---- */

static bool stats_complete(const struct callmgr *cm)
{
	for (const struct callmgr_client *c = cm->clients; c; c = c->next)
		if (c->kind == CLIENT_GATEWAY && !c->gone && c->was_up && !c->stats_known)
			return false;
	return true;
}

static void answer_askers(struct callmgr *cm, int64_t now_us)
{
	char text[IPC_STATUS_MAX];
	struct ipc_message m = {.type = IPC_STATUS, .fd = -1, .u.status = text};
	callmgr_status_text(text, sizeof(text), cm, now_us);
	for (struct callmgr_client *c = cm->clients; c; c = c->next) {
		if (c->kind != CLIENT_ASKER || c->gone)
			continue;
		(void)client_send(c->watch.fd, &m);
		client_drop(c);
	}
	cm->stats_timer.deadline_us = DEADLINE_NEVER;
}

void clients_stats_due(void *context, int64_t now_us)
{
	answer_askers(context, now_us);
}

static void ask_gateways(struct callmgr *cm, int64_t now_us)
{
	struct ipc_message m = {.type = IPC_STATS_REQUEST, .fd = -1};
	if (cm->stats_timer.deadline_us != DEADLINE_NEVER)
		return; /* they are asked already */
	for (struct callmgr_client *c = cm->clients; c; c = c->next) {
		c->stats_known = false;
		if (c->kind == CLIENT_GATEWAY && !c->gone && c->was_up && !unread(c->watch.fd))
			(void)client_send(c->watch.fd, &m);
	}
	cm->stats_timer.deadline_us = now_us + CALLMGR_STATS_WAIT_US;
}

static void status_asked(struct callmgr_client *client, int64_t now_us)
{
	struct callmgr *cm = client->cm;
	client->kind = CLIENT_ASKER;
	loop_timer_remove(&cm->loop, &client->timer); /* answered in bounded time from here on */
	ask_gateways(cm, now_us);
	if (stats_complete(cm))
		answer_askers(cm, now_us);
}

/* ---- signs of life ---- */

void clients_pending_due(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	struct ipc_message m = {.type = IPC_CALL_PENDING, .fd = -1};
	bool any = false;
	for (const struct callmgr_client *c = cm->clients; c; c = c->next) {
		if (c->kind != CLIENT_GATEWAY || c->gone || c->was_up)
			continue;
		if (!unread(c->watch.fd))
			(void)ipc_send(c->watch.fd, &m);
		any = true;
	}
	if (any && cm->stage < STAGE_CONTROL)
		join_show(cm); /* that has taken long enough to be asked about */
	cm->pending_timer.deadline_us = any ? now_us + IPC_PENDING_US : DEADLINE_NEVER;
}

/* ---- requests ---- */

static void call_asked(
    struct callmgr_client *client, const struct ipc_call_request *request, int64_t now_us)
{
	struct callmgr *cm = client->cm;
	bool taken = request->call_id == 0 || client_with_call(cm, request->call_id);
	client->kind = CLIENT_GATEWAY;
	client->request = *request;
	loop_timer_remove(&cm->loop, &client->timer);
	log_info("call %u joins the control connection to %s", request->call_id, cm->server_text);
	if (taken) {
		client->end = (struct callmgr_end){.reason = REASON_REFUSED, .stage = cm->stage};
		client_over(client, now_us);
		return;
	}
	callmgr_open_call(cm, client, now_us);
	cm->pending_timer.deadline_us = 0;
	if (cm->ctrl_alive)
		control_serve(cm, now_us);
}

static void client_gone(struct callmgr_client *client, int64_t now_us)
{
	struct callmgr *cm = client->cm;
	if (client->kind != CLIENT_GATEWAY) {
		client_drop(client);
		return;
	}
	log_debug("the gateway of call %u is gone", client->request.call_id);
	client->watch.events = LOOP_OFF; /* its call is ended properly first */
	if (client->end.reason == REASON_NONE && !client->closing)
		client->end = (struct callmgr_end){.reason = REASON_GONE, .stage = cm->stage};
	callmgr_close_call(cm, client, now_us);
}

static void misbehaved(struct callmgr_client *client, int64_t now_us)
{
	log_info("a client of the socket sent what is no message for us and is dropped");
	client_gone(client, now_us);
}

static void gateway_said(struct callmgr_client *client, const struct ipc_message *m, int64_t now_us)
{
	struct callmgr *cm = client->cm;
	switch (m->type) {
	case IPC_CALL_CLOSE:
		callmgr_close_call(cm, client, now_us);
		break;
	case IPC_STATS:
		client->stats = m->u.stats;
		client->stats_known = true;
		if (cm->stats_timer.deadline_us != DEADLINE_NEVER && stats_complete(cm))
			answer_askers(cm, now_us);
		break;
	case IPC_CALL_REQUEST:
	case IPC_CALL_UP:
	case IPC_CALL_OVER:
	case IPC_CALL_MOVED:
	case IPC_STATS_REQUEST:
	case IPC_STATUS_REQUEST:
	case IPC_STATUS:
	case IPC_CALL_PENDING:
		misbehaved(client, now_us);
		break;
	}
}

static void client_ready(void *context, short revents, int64_t now_us)
{
	struct callmgr_client *client = context;
	struct ipc_message m;
	if (client->gone)
		return;
	/* Who has given up waiting for us to read his question makes the call elsewhere. */
	if (client->kind == CLIENT_NEW && (revents & POLLHUP)) {
		client_drop(client);
		return;
	}
	int rc = ipc_receive(client->watch.fd, &m);
	if (rc == -EAGAIN)
		return;
	if (rc == -EBADMSG) {
		misbehaved(client, now_us);
		return;
	}
	if (rc <= 0) {
		client_gone(client, now_us);
		return;
	}
	if (m.fd >= 0)
		close(m.fd); /* nobody has a reason to hand us one */
	if (client->kind == CLIENT_GATEWAY)
		gateway_said(client, &m, now_us);
	else if (client->kind == CLIENT_NEW && m.type == IPC_CALL_REQUEST)
		call_asked(client, &m.u.request, now_us);
	else if (client->kind == CLIENT_NEW && m.type == IPC_STATUS_REQUEST)
		status_asked(client, now_us);
	else
		misbehaved(client, now_us);
}
