/* SPDX-License-Identifier: ISC */
/*
 * The course of a call manager: addresses one after the other, TCP, the control machine, the end.
 * Owns the control connection's descriptor and does what pptp_ctrl.c asks; knows no message layout
 * and no protocol state. All waiting is in the loop, each wait has a deadline.
 */
#include "pptp_callmgr.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "callmgr.h"
#include "sys/child.h"
#include "fresh_memory.h"
#include "sys/netsock.h"

static void begin_address(struct callmgr *cm, int64_t now_us);

struct in_addr callmgr_address(const struct callmgr *cm)
{
	return cm->addresses[cm->address_at];
}

void callmgr_finish(struct callmgr *cm)
{
	cm->stage = STAGE_OVER;
	loop_stop(&cm->loop);
}

static void close_tcp(struct callmgr *cm)
{
	if (cm->tcp.fd < 0)
		return;
	loop_remove(&cm->loop, &cm->tcp);
	close(cm->tcp.fd);
	cm->tcp.fd = -1;
}

static void end_route(struct callmgr *cm)
{
	if (!cm->route_begun)
		return;
	loop_remove(&cm->loop, &cm->route_watch);
	route_end(&cm->traces->route);
	cm->route_begun = false;
}

/* ---- the end ---- */

static bool is_last_address(const struct callmgr *cm)
{
	return cm->address_at + 1 >= cm->address_count;
}

/*
 * A server that closes the connection instead of answering is asked once more where it has no other
 * address. poptop does so when another client's connection ends while it waits for the first message on
 * ours: the signal interrupts its wait, and it takes ours for too slow.
 */
static bool worth_another_try(const struct callmgr *cm)
{
	return !cm->tried_again && is_last_address(cm) && cm->end.reason == REASON_CONTROL &&
	       cm->end.stage == STAGE_CONTROL && cm->end.event.why == CTRL_WHY_TCP_CLOSED;
}

/* Everything that is left of this address goes; calls that still stand end with cm->end. */
static void leave_address(struct callmgr *cm, int64_t now_us)
{
	struct callmgr_client *next;
	bool elsewhere = cm->channel_exists || cm->end.reason == REASON_SIGNAL ||
	                 cm->end.reason == REASON_CLOSED || worth_another_try(cm);
	close_tcp(cm);
	end_route(cm);
	join_unlisten(cm);
	join_leave(cm);
	cm->step.deadline_us = DEADLINE_NEVER;
	cm->ctrl_timer.deadline_us = DEADLINE_NEVER;
	cm->ctrl_alive = false;
	for (struct callmgr_client *c = cm->clients; c; c = next) {
		next = c->next;
		if (c->kind == CLIENT_NEW)
			client_drop(c); /* came for this address */
		if (c == cm->own || c->kind != CLIENT_GATEWAY || c->gone)
			continue;
		/* Who still waits for his call is better served by another call manager, or as one. */
		if (elsewhere && !c->was_up) {
			client_drop(c);
			continue;
		}
		if (c->end.reason == REASON_NONE)
			c->end = cm->end;
		client_over(c, now_us);
	}
}

static bool try_next_address(struct callmgr *cm, int64_t now_us)
{
	struct callmgr_client *own = cm->own;
	if (!own || own->closing || cm->any_up)
		return false;
	if (worth_another_try(cm)) {
		log_info("%s closed the connection without an answer: trying once more",
		    cm->server_text);
		cm->tried_again = true;
	} else if (is_last_address(cm)) {
		return false;
	} else {
		cm->address_at++;
	}
	own->opened = false;
	own->end = (struct callmgr_end){.reason = REASON_NONE};
	begin_address(cm, now_us);
	return true;
}

void callmgr_address_failed(struct callmgr *cm, int64_t now_us)
{
	leave_address(cm, now_us);
	if (try_next_address(cm, now_us))
		return;
	if (cm->own) {
		if (cm->own->end.reason == REASON_NONE)
			cm->own->end = cm->end;
		client_over(cm->own, now_us);
	}
	callmgr_finish(cm);
}

/* The control connection is closed, its output written or given up. */
void callmgr_connection_over(struct callmgr *cm, int64_t now_us)
{
	if (cm->channel_exists && !cm->any_up && cm->own && !cm->own->closing) {
		struct callmgr_end refusal = cm->end;
		leave_address(cm, now_us);
		cm->own->opened = false;
		cm->own->end = (struct callmgr_end){.reason = REASON_NONE};
		cm->end = refusal;
		if (join_elect(cm, JOIN_OTHERS, now_us))
			return;
	}
	callmgr_address_failed(cm, now_us);
}

static void note_end(struct callmgr *cm, enum callmgr_reason reason, int code)
{
	if (cm->end.reason != REASON_NONE)
		return;
	cm->end = (struct callmgr_end){.reason = reason, .code = code, .stage = cm->stage};
}

/* Ends all that is going on, as properly as the stage allows; bounded. */
static void end_all(struct callmgr *cm, int64_t now_us, enum callmgr_reason reason, int code)
{
	if (cm->stage == STAGE_OVER)
		return;
	if (cm->stage == STAGE_CLOSE) {
		/* Asked again while closing: no more patience. */
		if (reason == REASON_SIGNAL)
			callmgr_address_failed(cm, now_us);
		return;
	}
	note_end(cm, reason, code);
	if (cm->own)
		cm->own->closing = true; /* no further address, no other call manager */
	if (!cm->ctrl_alive) {
		callmgr_address_failed(cm, now_us);
		return;
	}
	control_stop(cm, now_us, reason == REASON_SIGNAL ? "signal" : "shutdown");
	control_serve(cm, now_us);
}

/* ---- connecting ---- */

static void connect_failed(struct callmgr *cm, int64_t now_us, int error)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr server = callmgr_address(cm);
	inet_ntop(AF_INET, &server, address, sizeof(address));
	/* Not for stderr, whose readers take it for the end of the story; of the last address the
	 * gateway's last line says so. */
	if (cm->address_at + 1 < cm->address_count)
		log_info("Could not open control connection to %s: %s", address, strerror(error));
	note_end(cm, REASON_CONNECT, error);
	callmgr_address_failed(cm, now_us);
}

static void connect_ready(void *context, short revents, int64_t now_us)
{
	struct callmgr *cm = context;
	(void)revents;
	int rc = netsock_connect_result(cm->tcp.fd);
	if (rc == -EINPROGRESS || rc == -EALREADY)
		return;
	if (rc == 0)
		rc = netsock_local_address(cm->tcp.fd, &cm->local);
	if (rc < 0)
		connect_failed(cm, now_us, -rc);
	else
		control_start(cm, now_us);
}

/* At once, whatever follows: to take leave of the server is in vain then, and takes its time. */
static void warn_loop(const struct callmgr *cm)
{
	char text[IPC_TEXT_MAX];
	struct callmgr_end end = {.reason = REASON_ROUTE_LOOP, .stage = cm->stage};
	callmgr_text(text, sizeof(text), cm, &end);
	log_warn("%s", text);
}

static void tell_route(const struct callmgr *cm, enum route_change change)
{
	const char *device = cm->traces->route.path.device;
	switch (change) {
	case ROUTE_UNCHANGED:
		break;
	case ROUTE_MOVED:
		log_info("the route to %s now leaves through %s", cm->server_text, device);
		break;
	case ROUTE_RESTORED:
		log_info("somebody removed the host route to %s: it is there again, through %s",
		    cm->server_text, device);
		break;
	case ROUTE_CONTESTED:
		log_warn("somebody removes the host route to %s again and again (see: ip monitor "
			 "route): it is not put back any more",
		    cm->server_text);
		break;
	case ROUTE_LOST:
		log_info(
		    "there is no route to %s for the moment: waiting for one", cm->server_text);
		break;
	case ROUTE_BACK:
		log_info("there is a route to %s again, through %s", cm->server_text, device);
		break;
	case ROUTE_LOOP:
		warn_loop(cm);
		break;
	}
}

static void route_ready(void *context, short revents, int64_t now_us)
{
	struct callmgr *cm = context;
	uint64_t left_out;
	(void)revents;
	enum route_change change = route_on_events(&cm->traces->route, now_us);
	if (change == ROUTE_UNCHANGED)
		return;
	if (change == ROUTE_LOOP && cm->options->host_route) {
		warn_loop(cm);
		end_all(cm, now_us, REASON_ROUTE_LOOP, 0);
		return;
	}
	/* An uplink that comes and goes must not fill the log; this one is said once in any case. */
	bool once = change == ROUTE_CONTESTED;
	if (!log_allowed(&cm->route_budget, now_us, &left_out) && !once)
		return;
	if (left_out)
		log_info("%llu lines about the route were left out", (unsigned long long)left_out);
	tell_route(cm, change);
}

/* Without a host route the call is still worth trying; whether there is a way at all, connecting says. */
static void begin_route(struct callmgr *cm)
{
	const struct pptp_options *o = cm->options;
	struct route_request wanted = {.server = callmgr_address(cm),
	    .local = o->localbind,
	    .mark = o->rtmark,
	    .manage = o->host_route,
	    .folder = join_folder(cm)};
	int rc = route_begin(&cm->traces->route, &wanted);
	cm->route_begun = true;
	if (rc == -EPERM)
		log_warn("no right to add a host route to %s (CAP_NET_ADMIN): going on without one",
		    cm->server_text);
	else if (rc < 0 && rc != -ENETUNREACH)
		log_info("no host route to %s: %s", cm->server_text, strerror(-rc));
	if (cm->traces->route.events_fd < 0)
		return;
	cm->route_watch = (struct loop_watch){.fd = cm->traces->route.events_fd,
	    .events = POLLIN,
	    .ready = route_ready,
	    .context = cm};
	(void)loop_add(&cm->loop, &cm->route_watch);
}

void callmgr_connect(struct callmgr *cm, int64_t now_us)
{
	const struct pptp_options *o = cm->options;
	struct netsock_options so = {.local = o->localbind, .mark = o->rtmark};
	cm->stage = STAGE_CONNECT;
	begin_route(cm);
	int rc = netsock_tcp_connect(callmgr_address(cm), &so);
	if (rc >= 0) {
		cm->tcp = (struct loop_watch){
		    .fd = rc, .events = POLLOUT, .ready = connect_ready, .context = cm};
		rc = loop_add(&cm->loop, &cm->tcp);
	}
	if (rc < 0) {
		connect_failed(cm, now_us, -rc);
		return;
	}
	cm->step.deadline_us = now_us + o->connect_timeout_us;
}

static void name_server(struct callmgr *cm)
{
	char address[INET_ADDRSTRLEN] = "";
	struct in_addr server = callmgr_address(cm);
	inet_ntop(AF_INET, &server, address, sizeof(address));
	if (strcmp(address, cm->options->server) == 0)
		snprintf(cm->server_text, sizeof(cm->server_text), "%s", address);
	else
		snprintf(cm->server_text, sizeof(cm->server_text), "%.255s (%s)",
		    cm->options->server, address);
}

static void begin_address(struct callmgr *cm, int64_t now_us)
{
	name_server(cm);
	cm->end = (struct callmgr_end){.reason = REASON_NONE};
	cm->channel_exists = false;
	cm->tcp_error = 0;
	cm->joins = 0;
	cm->joins_silent = 0;
	cm->silent_path[0] = '\0';
	log_info("Connecting to %s (address %zu of %zu)", cm->server_text, cm->address_at + 1,
	    cm->address_count);
	if (cm->options->share_control && join_elect(cm, JOIN_BECOME_OR_JOIN, now_us))
		return;
	callmgr_connect(cm, now_us);
}

/* ---- names ---- */

static void resolver_ready(void *context, short revents, int64_t now_us)
{
	struct callmgr *cm = context;
	(void)revents;
	int rc = resolver_answer(&cm->resolver, cm->addresses, &cm->address_count);
	loop_remove(&cm->loop, &cm->resolver_watch);
	resolver_end(&cm->resolver);
	cm->step.deadline_us = DEADLINE_NEVER;
	if (cm->resolver.left_out)
		log_info("'%.255s' has %zu addresses, of which the first %zu are tried",
		    cm->options->server, cm->address_count + cm->resolver.left_out,
		    cm->address_count);
	if (rc == 0) {
		begin_address(cm, now_us);
		return;
	}
	note_end(cm, REASON_RESOLVE, rc);
	callmgr_address_failed(cm, now_us);
}

static void begin(struct callmgr *cm, int64_t now_us)
{
	const char *server = cm->options->server;
	snprintf(cm->server_text, sizeof(cm->server_text), "%.255s", server);
	cm->stage = STAGE_RESOLVE;
	switch (resolve_literal(server, &cm->addresses[0])) {
	case RESOLVE_IPV4:
		cm->address_count = 1;
		begin_address(cm, now_us);
		return;
	case RESOLVE_IPV6:
		note_end(cm, REASON_IPV6, 0);
		callmgr_address_failed(cm, now_us);
		return;
	case RESOLVE_WITH_PORT:
		note_end(cm, REASON_PORT, 0);
		callmgr_address_failed(cm, now_us);
		return;
	case RESOLVE_NAME:
		break;
	}
	int rc = resolver_start(&cm->resolver, server, RESOLVE_GETENT);
	cm->resolver_watch = (struct loop_watch){
	    .fd = cm->resolver.fd, .events = POLLIN, .ready = resolver_ready, .context = cm};
	if (rc == 0)
		rc = loop_add(&cm->loop, &cm->resolver_watch);
	if (rc < 0) {
		note_end(cm, REASON_INTERNAL, -rc);
		callmgr_address_failed(cm, now_us);
		return;
	}
	cm->step.deadline_us = now_us + cm->options->connect_timeout_us;
}

/* ---- calls ---- */

void callmgr_open_call(struct callmgr *cm, struct callmgr_client *client, int64_t now_us)
{
	struct ctrl_call_request request = {
	    .call_id = client->request.call_id, .window = client->request.window};
	const char *phone = client->request.phone;
	if (phone[0] == '\0' && cm->options->quirks.bezeq)
		phone = "RELAY_PPP1";
	snprintf(request.phone, sizeof(request.phone), "%s", phone);
	if (!cm->ctrl_alive && cm->stage < STAGE_CONTROL)
		return; /* opened once the connection stands */
	if (cm->stage >= STAGE_CLOSE) {
		client_drop(client); /* he will find another call manager, or become one */
		return;
	}
	if (cm->ctrl_alive && ctrl_call_open(&cm->ctrl, now_us, &request)) {
		client->opened = true;
		return;
	}
	client->end = (struct callmgr_end){.reason = REASON_REFUSED, .stage = cm->stage};
	client_over(client, now_us);
}

void callmgr_close_call(struct callmgr *cm, struct callmgr_client *client, int64_t now_us)
{
	if (client->closing || client->gone)
		return;
	client->closing = true;
	if (client->end.reason == REASON_NONE)
		client->end = (struct callmgr_end){.reason = REASON_CLOSED, .stage = cm->stage};
	if (cm->stage == STAGE_CLOSE || cm->stage == STAGE_OVER)
		return;
	if (clients_wanting(cm) == 0) {
		end_all(cm, now_us, REASON_CLOSED, 0);
		return;
	}
	if (!client->opened) {
		client_over(client, now_us);
		return;
	}
	ctrl_call_close(&cm->ctrl, now_us, client->request.call_id);
	control_serve(cm, now_us);
}

/* ---- set-up ---- */

static void step_due(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	switch (cm->stage) {
	case STAGE_RESOLVE:
		loop_remove(&cm->loop, &cm->resolver_watch);
		resolver_end(&cm->resolver);
		note_end(cm, REASON_RESOLVE, 0);
		callmgr_address_failed(cm, now_us);
		break;
	case STAGE_JOIN:
		join_due(cm, now_us);
		break;
	case STAGE_CONNECT:
		connect_failed(cm, now_us, ETIMEDOUT);
		break;
	case STAGE_CLOSE:
		callmgr_connection_over(cm, now_us);
		break;
	case STAGE_CONTROL:
	case STAGE_CALLS:
	case STAGE_OVER:
		break;
	}
}

static void on_signal(void *context, int signo, int64_t now_us)
{
	struct callmgr *cm = context;
	end_all(cm, now_us, REASON_SIGNAL, signo);
}

/*
 * What the parent had open is not ours: a pty's master held here would hide its hang-up from pppd,
 * a GRE socket would fill up unread. A working directory would keep its file system from being
 * unmounted. syslog's own descriptor is closed and opened anew.
 */
static void shed_what_is_inherited(const struct pptp_options *o, int keep)
{
	log_close();
	child_close_descriptors(keep);
	/* Now that there is surely a descriptor left for it. */
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	log_open(o->logstring, o->loglevel);
	if (chdir("/") < 0)
		log_debug("chdir: %s", strerror(errno));
}

static int set_up(struct callmgr *cm, int gateway_fd, const struct ipc_call_request *call)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	int rc = loop_init(&cm->loop);
	if (rc < 0)
		return rc;
	rc = loop_signals(&cm->loop, signals, sizeof(signals) / sizeof(signals[0]), on_signal, cm);
	if (rc < 0)
		return rc;
	cm->step =
	    (struct loop_timer){.deadline_us = DEADLINE_NEVER, .expired = step_due, .context = cm};
	cm->ctrl_timer = (struct loop_timer){
	    .deadline_us = DEADLINE_NEVER, .expired = control_due, .context = cm};
	cm->sweep = (struct loop_timer){
	    .deadline_us = DEADLINE_NEVER, .expired = clients_sweep, .context = cm};
	cm->stats_timer = (struct loop_timer){
	    .deadline_us = DEADLINE_NEVER, .expired = clients_stats_due, .context = cm};
	cm->pending_timer = (struct loop_timer){.deadline_us = loop_now_us() + IPC_PENDING_US,
	    .expired = clients_pending_due,
	    .context = cm};
	cm->accept_timer = (struct loop_timer){
	    .deadline_us = DEADLINE_NEVER, .expired = clients_accept_due, .context = cm};
	loop_timer_add(&cm->loop, &cm->accept_timer);
	loop_timer_add(&cm->loop, &cm->pending_timer);
	loop_timer_add(&cm->loop, &cm->step);
	loop_timer_add(&cm->loop, &cm->ctrl_timer);
	loop_timer_add(&cm->loop, &cm->sweep);
	loop_timer_add(&cm->loop, &cm->stats_timer);
	rc = client_add(cm, &cm->own_client, gateway_fd, loop_now_us());
	if (rc < 0)
		return rc;
	cm->own = &cm->own_client;
	cm->own->kind = CLIENT_GATEWAY;
	cm->own->request = *call;
	cm->own->timer.deadline_us = DEADLINE_NEVER;
	return 0;
}

int callmgr_main(const struct pptp_options *o, int gateway_fd, const struct ipc_call_request *call)
{
	struct callmgr *cm = fresh_memory(sizeof(*cm));
	if (!cm || !(cm->traces = shared_memory(sizeof(*cm->traces)))) {
		log_fatal("the call manager cannot start: %s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	shed_what_is_inherited(o, gateway_fd);
	/* Until a child's end is asked for, its process id must stay its own. */
	signal(SIGCHLD, SIG_DFL);
	/* Whoever asks all of us for statistics must end neither us nor a child that becomes getent. */
	signal(SIGUSR1, SIG_IGN);
	cm->options = o;
	cm->exit_status = EXIT_FAILED;
	cm->tcp.fd = -1;
	cm->listener.fd = -1;
	cm->folder_watch.fd = -1;
	cm->joined.fd = -1;
	cm->resolver = (struct resolver){.child = -1, .fd = -1};
	cleaner_start(cm);
	int rc = set_up(cm, gateway_fd, call);
	if (rc == 0) {
		begin(cm, loop_now_us());
		if (cm->stage != STAGE_OVER)
			rc = loop_run(&cm->loop);
	}
	if (rc < 0)
		log_fatal("the call manager cannot go on: %s", strerror(-rc));
	resolver_end(&cm->resolver);
	leave_address(cm, loop_now_us());
	cleaner_dismiss(cm);
	clients_free(cm);
	loop_free(&cm->loop);
	int status = cm->exit_status;
	munmap(cm, sizeof(*cm));
	return status;
}
