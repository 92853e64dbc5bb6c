/* SPDX-License-Identifier: ISC */
/* The sentences about failures are those of a call (callmgr/call_end.c). */
#include "diagnose/reach.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/msg_limits.h"
#include "sys/error_text.h"
#include "sys/netsock.h"
#include "sys/route_holder.h"
#include "sys/route_msg.h"
#include "callmgr/call_end.h"

/* ---- what they share ---- */

static void on_ready(void *context, int64_t now_us)
{
	struct step_wait *w = context;
	(void)now_us;
	loop_stop(&w->loop);
}

/* Waits until the descriptor is ready; false at the deadline. */
static bool wait_for_fd(struct step_wait *w, int fd, short events, int64_t deadline_us)
{
	struct loop_watch watch = {.fd = fd, .events = events, .ready = on_ready, .context = w};
	if (loop_add(&w->loop, &watch))
		return false;
	bool ready = step_wait_until(w, deadline_us);
	loop_remove(&w->loop, &watch);
	return ready;
}

/* Replaces the text of a result by that of a call that ends so. */
static void describe_end(
    struct reach *r, struct report_result *result, struct call_end end, int os_error)
{
	struct call_end_facts facts = {.options = r->options,
	    .server_text = r->server_text,
	    .address = r->server,
	    .resolver_errno = os_error};
	call_end_text(result->text_buffer, sizeof(result->text_buffer), &end, &facts);
	result->state = REPORT_PROBLEM;
}

/* ---- the name ---- */

static bool fail_name(struct reach *r, enum call_end_reason reason, int code, int os_error)
{
	struct report_result *result = report_add(r->report, REPORT_NAME, REPORT_PROBLEM);
	struct call_end end = {.reason = reason, .stage = STAGE_RESOLVE, .code = code};
	describe_end(r, result, end, os_error);
	return false;
}

static bool look_up(struct reach *r)
{
	struct resolver resolver;
	int64_t begun_us = step_wait_now_us(r->wait);
	int error = resolver_start(&resolver, r->options->server);
	if (error)
		return fail_name(r, CALL_END_INTERNAL, -error, 0);
	int code = 0;
	bool answered =
	    wait_for_fd(r->wait, resolver.fd, POLLIN, begun_us + r->options->connect_timeout_us);
	if (answered)
		code = resolver_answer(&resolver, r->addresses, &r->count);
	resolver_end(&resolver);
	if (!answered || code)
		return fail_name(r, CALL_END_RESOLVE, code, resolver.os_error);
	struct report_result *result = report_add(r->report, REPORT_NAME, REPORT_OK);
	text_add(&result->text, "%.255s has %zu address%s:", r->options->server,
	    r->count + resolver.left_out, r->count > 1 ? "es" : "");
	for (size_t i = 0; i < r->count; i++) {
		text_add(&result->text, " ");
		text_add_address(&result->text, r->addresses[i]);
	}
	if (resolver.left_out)
		text_add(&result->text, "; the first %zu are tried", r->count);
	report_add_addresses(result, "addresses", r->addresses, r->count);
	report_add_ms(result, "ms", step_wait_now_us(r->wait) - begun_us);
	return true;
}

bool reach_find_name(struct reach *r)
{
	struct report_result *result;
	snprintf(r->server_text, sizeof(r->server_text), "%.255s", r->options->server);
	switch (resolve_literal(r->options->server, &r->addresses[0])) {
	case RESOLVE_IPV4:
		r->count = 1;
		result = report_add(r->report, REPORT_NAME, REPORT_OK);
		text_add(&result->text, "%s is an address, no name has to be looked up",
		    r->options->server);
		report_add_addresses(result, "addresses", r->addresses, 1);
		return true;
	case RESOLVE_IPV6:
		return fail_name(r, CALL_END_IPV6, 0, 0);
	case RESOLVE_WITH_PORT:
		return fail_name(r, CALL_END_PORT, 0, 0);
	case RESOLVE_NAME:
		break;
	}
	return look_up(r);
}

/* ---- the route ---- */

struct device {
	char name[IFNAMSIZ];
	unsigned mtu;
};

static struct device find_device(int fd, int index)
{
	struct device d = {.name = "?"};
	struct ifreq request = {.ifr_ifindex = index};
	if (ioctl(fd, SIOCGIFNAME, &request) == 0)
		memcpy(d.name, request.ifr_name, sizeof(d.name));
	if (ioctl(fd, SIOCGIFMTU, &request) == 0 && request.ifr_mtu > 0)
		d.mtu = (unsigned)request.ifr_mtu;
	return d;
}

/* A call to this server says so itself of its own tunnel. */
static bool is_tunnel_of_server(struct in_addr server, int device_index)
{
	struct route_holder none = ROUTE_HOLDER_NONE;
	return route_holder_others(&none, ROUTE_HOLDER_TUNNEL, server, (uint32_t)device_index);
}

static void describe_route(struct reach *r, struct report_result *result, const struct rtnl *rtnl,
    const struct route_msg *route)
{
	const struct route_hop *hop = &route->hops[0];
	struct device device = find_device(rtnl->fd, hop->device_index);
	r->device_mtu = device.mtu;
	text_add_address(&result->text, r->server);
	text_add(&result->text, " is reached through %s", device.name);
	report_add_string(result, "device", device.name);
	report_add_number(result, "device_mtu", device.mtu);
	if (hop->gateway.s_addr != htonl(INADDR_ANY)) {
		text_add(&result->text, " by way of ");
		text_add_address(&result->text, hop->gateway);
		report_add_address(result, "gateway", hop->gateway);
	}
	text_add(&result->text, ", mtu %u", device.mtu);
	if (route->fixed.rtm_type == RTN_LOCAL)
		text_add(&result->text, ": it is an address of this host");
	if (is_tunnel_of_server(r->server, hop->device_index)) {
		result->state = REPORT_PROBLEM;
		result->text.len = 0;
		call_end_loop_text(
		    result->text_buffer, sizeof(result->text_buffer), r->server_text, r->server);
	}
}

static bool is_routed(int error, const struct route_msg *route)
{
	return !error &&
	       (route->fixed.rtm_type == RTN_UNICAST || route->fixed.rtm_type == RTN_LOCAL);
}

/* False where a connection is not worth trying. */
static bool check_route(struct reach *r)
{
	struct rtnl rtnl;
	struct route_msg route;
	struct report_result *result = report_add(r->report, REPORT_ROUTE, REPORT_OK);
	report_add_address(result, "address", r->server);
	int error = rtnl_open(&rtnl, NETLINK_ROUTE, 0);
	if (error) {
		result->state = REPORT_UNKNOWN;
		text_add(&result->text, "cannot ask for the route: %s", error_text(-error));
		return true;
	}
	error = route_msg_lookup(
	    &rtnl, r->server, r->options->localbind, r->options->rtmark, 0, &route);
	/* The unspecified address would be this host. */
	if (is_routed(error, &route) && r->server.s_addr != htonl(INADDR_ANY)) {
		describe_route(r, result, &rtnl, &route);
	} else {
		struct call_end end = {.reason = CALL_END_CONNECT,
		    .stage = STAGE_CONNECT,
		    .code = error ? -error : ENETUNREACH};
		describe_end(r, result, end, 0);
	}
	rtnl_close(&rtnl);
	return result->state == REPORT_OK;
}

/* ---- TCP ---- */

/* 0 with r->tcp and r->local, or the errno. */
static int connect_server(struct reach *r)
{
	struct netsock_options so = {.local = r->options->localbind, .mark = r->options->rtmark};
	int64_t until_us = step_wait_now_us(r->wait) + r->options->connect_timeout_us;
	int fd = netsock_tcp_connect(r->server, &so);
	if (fd < 0)
		return -fd;
	int error = -EINPROGRESS;
	while (error == -EINPROGRESS || error == -EALREADY) {
		if (!wait_for_fd(r->wait, fd, POLLOUT, until_us)) {
			error = r->wait->signo ? -EINTR : -ETIMEDOUT;
			break;
		}
		error = netsock_connect_result(fd);
	}
	if (!error)
		error = netsock_local_address(fd, &r->local);
	if (error)
		close(fd);
	else
		r->tcp = fd;
	return -error;
}

static bool check_tcp(struct reach *r)
{
	struct report_result *result = report_add(r->report, REPORT_TCP, REPORT_OK);
	int64_t begun_us = step_wait_now_us(r->wait);
	int error = connect_server(r);
	int64_t took_us = step_wait_now_us(r->wait) - begun_us;
	report_add_address(result, "address", r->server);
	if (error) {
		struct call_end end = {
		    .reason = CALL_END_CONNECT, .stage = STAGE_CONNECT, .code = error};
		describe_end(r, result, end, 0);
		report_add_string(result, "error", error_text(error));
		return false;
	}
	text_add(&result->text, "port %d takes the connection from ", MSG_PORT);
	text_add_address(&result->text, r->local);
	text_add(&result->text, " in %.1f ms", (double)took_us / 1000);
	report_add_address(result, "local", r->local);
	report_add_ms(result, "ms", took_us);
	return true;
}

/* A call goes on to the next address; the ones that fail are worth a note then. */
static void soften(struct report *report, size_t from)
{
	for (size_t i = from; i < report->count; i++)
		if (report->results[i].state == REPORT_PROBLEM)
			report->results[i].state = REPORT_NOTE;
}

bool reach_connect(struct reach *r)
{
	size_t from = r->report->count;
	for (size_t i = 0; i < r->count && !r->wait->signo; i++) {
		r->server = r->addresses[i];
		call_end_server_text(
		    r->server_text, sizeof(r->server_text), r->options->server, r->server);
		if (check_route(r) && check_tcp(r)) {
			soften(r->report, from);
			return true;
		}
	}
	return false;
}
