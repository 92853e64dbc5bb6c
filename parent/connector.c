/* SPDX-License-Identifier: ISC */
/* Where the route leads is decided by routing.c; here is what follows from it for the connection. */
#include "parent/connector.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "sys/error_text.h"
#include "sys/netsock.h"
#include "callmgr/call_end.h"

enum {
	/* Each address once, and the last one again: see is_worth_another_try in pptp_callmgr.c. */
	REQUESTS_MAX = IPC_ADDRESSES_MAX + 1,
};

static enum ipc_route route_state(const struct connector *c)
{
	if (!c->begun || !c->route.added)
		return IPC_ROUTE_NONE;
	return c->route.state == ROUTE_STATE_GOOD ? IPC_ROUTE_ADDED : IPC_ROUTE_LOST;
}

static void reply(struct connector *c, int error, int fd)
{
	connector_cancel(c);
	c->reported = route_state(c);
	c->ops->replied(c->context, error, fd, c->reported);
}

static bool is_unroutable(int error)
{
	return error == -ENETUNREACH || error == -EHOSTUNREACH || error == -ENETDOWN;
}

/* Begins the connection and hands it over; where there is no route but one may come, later. */
static void connect_server(struct connector *c)
{
	struct netsock_options so = {.local = c->options->localbind, .mark = c->options->rtmark};
	int fd = netsock_tcp_connect(c->address, &so);
	if (fd < 0 && c->pending && is_unroutable(fd))
		return;
	reply(c, fd < 0 ? -fd : 0, fd);
	if (fd >= 0)
		close(fd);
}

static void on_wait_end(void *context, int64_t now_us)
{
	(void)now_us;
	reply(context, ENETUNREACH, -1);
}

static void log_event(struct connector *c, enum route_event event, int64_t now_us)
{
	const char *device = c->route.device;
	char text[IPC_TEXT_MAX];
	/* An uplink that comes and goes must not fill the log; this one comes once. */
	bool once = event == ROUTE_EVENT_CONTESTED;
	if (!log_rate_limit_pass(&c->rate_limit, LOG_LEVEL_INFO, now_us, "the route") && !once)
		return;
	switch (event) {
	case ROUTE_EVENT_MOVED:
		log_info("the route to %s now leaves through %s", c->server_text, device);
		break;
	case ROUTE_EVENT_RESTORED:
		log_info("another program removed the host route to %s: it is added again, through "
			 "%s",
		    c->server_text, device);
		break;
	case ROUTE_EVENT_CONTESTED:
		log_warn("another program removes the host route to %s again and again (see: ip "
			 "monitor route): it is not added any more",
		    c->server_text);
		break;
	case ROUTE_EVENT_LOST:
		log_info("there is no route to %s at the moment: waiting for one", c->server_text);
		break;
	case ROUTE_EVENT_BACK:
		log_info("there is a route to %s again, through %s", c->server_text, device);
		break;
	case ROUTE_EVENT_LOOP: /* with --nohostroute, where the route is the user's */
		call_end_loop_text(text, sizeof(text), c->server_text, c->address);
		log_warn("%s", text);
		break;
	case ROUTE_EVENT_NONE:
	case ROUTE_EVENT_SOURCE_LOST:
		break;
	}
}

static void report_broken(struct connector *c, enum route_event event)
{
	char text[IPC_TEXT_MAX];
	if (event == ROUTE_EVENT_LOOP)
		call_end_loop_text(text, sizeof(text), c->server_text, c->address);
	else
		snprintf(text, sizeof(text),
		    "The call to %s was ended: the local address that it used was removed from this "
		    "host, which now reaches the server from another one",
		    c->server_text);
	c->ops->broken(c->context, text);
}

static void process_event(struct connector *c, enum route_event event, int64_t now_us)
{
	bool loop = event == ROUTE_EVENT_LOOP && c->options->host_route;
	if (event == ROUTE_EVENT_NONE)
		return;
	if (c->pending && loop) {
		reply(c, ELOOP, -1);
		return;
	}
	if (loop || event == ROUTE_EVENT_SOURCE_LOST) {
		report_broken(c, event);
		return;
	}
	log_event(c, event, now_us);
	if (c->pending) {
		connect_server(c);
	} else if (route_state(c) != c->reported) {
		c->reported = route_state(c);
		c->ops->route_changed(c->context, c->reported);
	}
}

static void on_route(void *context, int64_t now_us)
{
	struct connector *c = context;
	process_event(c, host_route_on_events(&c->route, now_us), now_us);
}

/* Without a host route the call is still worth trying; whether there is a route at all is what
 * connecting shows. */
static int begin_route(struct connector *c)
{
	struct host_route_request request = {.server = c->address,
	    .local = c->options->localbind,
	    .mark = c->options->rtmark,
	    .manage = c->options->host_route,
	    .tunnel_index = c->tunnel_index};
	int error = host_route_begin(&c->route, &request);
	c->begun = true;
	if (error == -EPERM)
		log_warn("no right to add a host route to %s (CAP_NET_ADMIN): going on without one",
		    c->server_text);
	else if (error && error != -ELOOP && !is_unroutable(error))
		log_info("no host route to %s: %s", c->server_text, error_text(-error));
	if (c->route.events.fd >= 0)
		(void)loop_watch_fd(c->loop, &c->watch, c->route.events.fd, POLLIN, on_route, c);
	return error;
}

static bool is_unicast(struct in_addr address)
{
	uint32_t a = ntohl(address.s_addr);
	return a != INADDR_ANY && !IN_MULTICAST(a) && a != INADDR_BROADCAST;
}

void connector_init(struct connector *c, const struct pptp_options *o, struct loop *loop,
    int64_t wait_until_us, const struct connector_ops *ops, void *context)
{
	*c = (struct connector){.options = o,
	    .loop = loop,
	    .ops = ops,
	    .context = context,
	    .wait_until_us = wait_until_us};
	snprintf(c->server_text, sizeof(c->server_text), "%.255s", o->server);
	loop_timer_start(loop, &c->timer, DEADLINE_NEVER, on_wait_end, c);
}

/* The server that the user named, where that was by address, and no more addresses than a call
 * manager can have looked up. */
static bool count_request(struct connector *c, struct in_addr server)
{
	struct in_addr named;
	bool is_address = inet_pton(AF_INET, c->options->server, &named) == 1;
	return ++c->requests <= REQUESTS_MAX && (!is_address || named.s_addr == server.s_addr);
}

bool connector_request(
    struct connector *c, const struct ipc_connect_request *request, int64_t now_us)
{
	if (!count_request(c, request->server))
		return false;
	connector_cancel(c);
	connector_end(c);
	c->address = request->server;
	call_end_server_text(
	    c->server_text, sizeof(c->server_text), c->options->server, c->address);
	if (!is_unicast(c->address)) {
		reply(c, ENETUNREACH, -1);
		return true;
	}
	if (begin_route(c) == -ELOOP && c->options->host_route) {
		reply(c, ELOOP, -1);
		return true;
	}
	c->pending = request->is_last && c->route.events.fd >= 0 && now_us < c->wait_until_us;
	c->timer.deadline_us = c->pending ? c->wait_until_us : DEADLINE_NEVER;
	connect_server(c);
	if (c->pending)
		log_info("there is no route to %s: waiting for one", c->server_text);
	return true;
}

void connector_set_source(struct connector *c, struct in_addr source)
{
	if (c->begun)
		host_route_set_source(&c->route, source);
}

void connector_set_tunnel(struct connector *c, unsigned index, int64_t now_us)
{
	c->tunnel_index = index;
	if (c->begun && index)
		process_event(c, host_route_set_tunnel(&c->route, index, now_us), now_us);
}

void connector_cancel(struct connector *c)
{
	c->pending = false;
	c->timer.deadline_us = DEADLINE_NEVER;
}

void connector_end(struct connector *c)
{
	if (!c->begun)
		return;
	loop_remove(c->loop, &c->watch);
	host_route_end(&c->route);
	c->begun = false;
}
