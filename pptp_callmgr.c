/* SPDX-License-Identifier: ISC */
/*
 * The coordinator of the call manager: the course from name to address, TCP, control connection and
 * call, and to the end. The modules of callmgr/ wait and talk, and report here what happened; what
 * follows from it is decided in this file alone. All waiting is in the loop; each wait has a
 * deadline.
 */
#include "pptp_callmgr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/ipc_msg.h"
#include "lib/msg_limits.h"
#include "sys/error_text.h"
#include "sys/anon_mmap.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/netsock.h"
#include "sys/sandbox.h"
#include "sys/stderr_owner.h"
#include "callmgr/call_end.h"
#include "callmgr/clients.h"
#include "callmgr/ctrl_conn.h"
#include "callmgr/resolve.h"
#include "callmgr/status_text.h"

/* The gateway answers an IPC_STATS_REQUEST within this time, or counts as hanging. */
#define STATS_WAIT_US USEC_PER_SEC
/* All of closing; a little less than the parent waits for us to exit. */
#define CLOSING_US (CLOSE_WAIT_US - 200 * USEC_PER_MSEC)
/* A user at a terminal begins to wonder after that long. */
#define PROGRESS_US USEC_PER_SEC
/* A server that has answered nothing yet holds nothing that would have to be taken down. */
#define CLOSING_UNANSWERED_US (300 * USEC_PER_MSEC)
/* A name server that fails for the moment (EAI_AGAIN) is asked again, in the pty form, where pppd
 * would only start us anew: after this pause, until this long after our start. NetworkManager gives
 * up after 10 s. */
#define RESOLVE_PAUSE_US USEC_PER_SEC
#define RESOLVE_RETRY_US (8 * USEC_PER_SEC)

struct callmgr {
	struct callmgr_config config;
	const struct pptp_options *options;
	struct loop loop;
	struct loop_watch parent; /* events LOOP_OFF: it has exited */
	enum callmgr_stage stage;
	struct loop_timer step;     /* the deadline of the stage: see enter_stage */
	struct loop_timer progress; /* shell form: when the user is told what is waited for */
	int64_t started_us;
	int exit_status;
	char server_text[320]; /* the server for the user: name and address */
	bool ended;            /* IPC_ENDED is sent: no further address */

	struct resolver resolver;
	struct loop_watch resolver_watch;
	struct in_addr addresses[RESOLVE_MAX];
	size_t address_count;
	size_t address_at;
	unsigned attempts;
	bool tried_again; /* the last address, whose server closed without an answer at first */

	struct loop_watch connecting; /* the TCP socket until it is connected; fd -1: none */
	struct ctrl_conn conn;
	struct in_addr local; /* our end of the control connection */
	struct call_end end;  /* of the current address */
	bool was_up;          /* the call was established, with this server */
	bool has_received;    /* ... and a packet of it has come */
	int64_t up_since_us;
	uint16_t peer_call_id;
	uint16_t peer_window;
	uint16_t call_serial; /* of the last call; they differ within a process, too */

	enum ipc_route route;
	int64_t unit; /* pppd's; -1: not known (yet) */
	struct clients clients;
	struct loop_timer heartbeat;
	struct loop_timer stats_timer;
	struct stderr_owner stderr_owner;
};

static void request_address(struct callmgr *cm);

/* The only writer of the stage and its timers. */
static void enter_stage(struct callmgr *cm, enum callmgr_stage stage, int64_t deadline_us)
{
	bool shown = cm->options->launch_pppd && stage < STAGE_CLOSE;
	cm->stage = stage;
	cm->step.deadline_us = deadline_us;
	cm->progress.deadline_us = shown ? loop_now_us(&cm->loop) + PROGRESS_US : DEADLINE_NEVER;
	if (stage == STAGE_CLOSED)
		loop_stop(&cm->loop);
}

static struct in_addr current_address(const struct callmgr *cm)
{
	return cm->addresses[cm->address_at];
}

/* The parent reads until it exits; where that has happened, on_parent sees it. */
static void send_to_parent(struct callmgr *cm, const struct ipc_message *m)
{
	int error = ipc_send(cm->config.parent, m);
	if (!ipc_is_refused(error) && !ipc_may_pass(error))
		return;
	log_fatal("the call manager cannot send to the parent (sendmsg): %s", error_text(-error));
	loop_stop(&cm->loop); /* an answer would be waited for in vain */
}

/* ---- the end ---- */

/* Keeps the first reason. */
static void set_end(struct callmgr *cm, enum call_end_reason reason, int code)
{
	if (cm->end.reason == CALL_END_NONE)
		cm->end = (struct call_end){.reason = reason, .code = code, .stage = cm->stage};
}

/* Tells the parent, once. */
static void report_end(struct callmgr *cm)
{
	if (cm->ended)
		return;
	cm->ended = true;
	struct call_end_facts facts = {.options = cm->options,
	    .server_text = cm->server_text,
	    .address = current_address(cm),
	    .resolver_errno = cm->resolver.os_error,
	    .was_up = cm->was_up};
	struct ipc_message m = {.type = IPC_ENDED, .fd = -1};
	m.u.ended.exit_status = call_end_exit_status(&cm->end, cm->was_up);
	m.u.ended.by_server = call_end_is_by_server(&cm->end);
	call_end_text(m.u.ended.text, sizeof(m.u.ended.text), &cm->end, &facts);
	cm->exit_status = m.u.ended.exit_status;
	send_to_parent(cm, &m);
}

static bool is_last_address(const struct callmgr *cm)
{
	return cm->address_at + 1 >= cm->address_count;
}

static bool ended_on_this_side(const struct callmgr *cm)
{
	return cm->end.reason == CALL_END_SIGNAL || cm->end.reason == CALL_END_REQUESTED;
}

/*
 * A server that closes the connection instead of answering is asked once more where it has no other
 * address. poptop does so when another client's connection ends while it waits for the first message
 * on ours: the signal interrupts its wait, and it takes ours for too slow.
 */
static bool is_worth_another_try(const struct callmgr *cm)
{
	return !cm->tried_again && is_last_address(cm) && cm->end.reason == CALL_END_CONTROL &&
	       cm->end.stage == STAGE_CONTROL && cm->end.event.why == CTRL_WHY_TCP_CLOSED;
}

/* A server that takes the call and ends it before any packet came from it counts as one that refused:
 * pppd has heard nothing yet. */
static bool may_try_further(const struct callmgr *cm)
{
	return !cm->ended && !ended_on_this_side(cm) && !(cm->was_up && cm->has_received) &&
	       (is_worth_another_try(cm) || !is_last_address(cm));
}

/* This address will not do: on to the next, or to the end. */
static void leave_address(struct callmgr *cm)
{
	loop_close(&cm->loop, &cm->connecting);
	ctrl_conn_end(&cm->conn);
	if (!may_try_further(cm)) {
		report_end(cm);
		enter_stage(cm, STAGE_CLOSED, DEADLINE_NEVER);
		return;
	}
	if (is_worth_another_try(cm)) {
		log_info("%s closed the connection without an answer: trying once more",
		    cm->server_text);
		cm->tried_again = true;
	} else {
		if (cm->was_up)
			log_info(
			    "%s ended the call before any packet came: trying the next address",
			    cm->server_text);
		cm->address_at++;
	}
	request_address(cm);
}

/* Takes leave of the server, in bounded time; ctrl_conn_ops.finished follows. */
static void close_connection(struct callmgr *cm, int64_t now_us, const char *why)
{
	int64_t wait_us = cm->stage == STAGE_CONTROL ? CLOSING_UNANSWERED_US : CLOSING_US;
	enter_stage(cm, STAGE_CLOSE, now_us + wait_us);
	ctrl_conn_stop(&cm->conn, now_us, why);
}

/* Ends whatever is going on from this side, in STAGE_CLOSE the search for an address that takes the call.
 * A second signal ends the wait for the server. The first one after the parent's request does not: a
 * service manager signals all processes of a call at once. */
static void end_here(struct callmgr *cm, int64_t now_us, enum call_end_reason reason, int code)
{
	bool closing = cm->stage == STAGE_CLOSE;
	bool again = closing && reason == CALL_END_SIGNAL && cm->end.reason == CALL_END_SIGNAL;
	if (cm->stage == STAGE_CLOSED)
		return;
	set_end(cm, reason, code);
	report_end(cm);
	if (closing && !again)
		return;
	if (again || !ctrl_conn_is_open(&cm->conn)) {
		leave_address(cm);
		return;
	}
	close_connection(cm, now_us, reason == CALL_END_SIGNAL ? "signal" : "shutdown");
	ctrl_conn_serve(&cm->conn, now_us);
}

/* ---- the control connection ---- */

static void call_up(struct callmgr *cm, int64_t now_us, const struct ctrl_event *e)
{
	const struct msg_outgoing_call_reply *reply = &e->msg.u.outgoing_call_reply;
	log_info("Outgoing call established (call ID %u, peer's call ID %u).", e->call_id,
	    reply->call_id);
	log_info("Server in use: %s", cm->server_text);
	stderr_owner_watch(
	    &cm->stderr_owner, &cm->loop, cm->config.stderr_owner, !cm->options->launch_pppd);
	cm->was_up = true;
	cm->up_since_us = now_us;
	cm->peer_call_id = reply->call_id;
	cm->peer_window = reply->window;
	cm->heartbeat.deadline_us = DEADLINE_NEVER;
	enter_stage(cm, STAGE_CALL, DEADLINE_NEVER);
	cm->progress.deadline_us = DEADLINE_NEVER;
	struct ipc_message m = {.type = IPC_CALL_UP, .fd = -1};
	m.u.up = (struct ipc_call_up){
	    .server = current_address(cm),
	    .local = cm->local,
	    .call_id = cm->config.call_id,
	    .peer_call_id = reply->call_id,
	    .server_window = reply->window,
	    .server_delay = reply->processing_delay,
	};
	send_to_parent(cm, &m);
}

/* The event is why the call, and with it the connection, ends. */
static void end_by_event(struct callmgr *cm, const struct ctrl_event *e, int tcp_error)
{
	if (cm->end.reason == CALL_END_NONE)
		cm->end = (struct call_end){
		    .reason = CALL_END_CONTROL, .stage = cm->stage, .code = tcp_error, .event = *e};
	if (!may_try_further(cm))
		report_end(cm);
}

static void on_ctrl_event(void *context, int64_t now_us, const struct ctrl_event *e, int tcp_error)
{
	struct callmgr *cm = context;
	if (e->type == CTRL_EV_ESTABLISHED) {
		enter_stage(cm, STAGE_CALL, DEADLINE_NEVER);
	} else if (e->type == CTRL_EV_CALL_UP) {
		call_up(cm, now_us, e);
	} else if (e->type == CTRL_EV_CALL_ENDED) {
		end_by_event(cm, e, tcp_error);
		if (cm->stage == STAGE_CALL)
			close_connection(cm, now_us, "no call is left");
	} else if (e->type == CTRL_EV_CLOSED) {
		end_by_event(cm, e, tcp_error);
		if (cm->stage != STAGE_CLOSE) /* the rest of the output goes out */
			enter_stage(cm, STAGE_CLOSE, now_us + CLOSING_US);
	}
}

static void on_ctrl_finished(void *context, int64_t now_us)
{
	(void)now_us;
	leave_address(context);
}

/* ---- connecting ---- */

static void connect_failed(struct callmgr *cm, int error)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr server = current_address(cm);
	inet_ntop(AF_INET, &server, address, sizeof(address));
	/* Not for stderr, whose readers take it for the end; of the last address the parent's last
	 * line says so. */
	if (!is_last_address(cm))
		log_info("Could not open control connection to %s: %s", address, error_text(error));
	set_end(cm, CALL_END_CONNECT, error);
	leave_address(cm);
}

static void on_connect_result(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	int fd = cm->connecting.fd;
	int error = netsock_connect_result(fd);
	if (error == -EINPROGRESS || error == -EALREADY)
		return;
	if (!error)
		error = netsock_local_address(fd, &cm->local);
	if (error) {
		connect_failed(cm, -error);
		return;
	}
	loop_remove(&cm->loop, &cm->connecting);
	cm->connecting.fd = -1;
	struct ctrl_conn_config config = {.options = cm->options,
	    .server_text = cm->server_text,
	    .server = current_address(cm),
	    .local = cm->local,
	    .call_id = cm->config.call_id,
	    .call_serial = ++cm->call_serial,
	    .close_wait_us = CLOSING_US};
	enter_stage(cm, STAGE_CONTROL, DEADLINE_NEVER);
	error = ctrl_conn_start(&cm->conn, now_us, fd, &config);
	if (error) {
		set_end(cm, CALL_END_INTERNAL, -error);
		leave_address(cm);
	}
}

static void process_connect_reply(struct callmgr *cm, const struct ipc_message *m, int64_t now_us)
{
	bool asked = cm->stage == STAGE_CONNECT && cm->step.deadline_us == DEADLINE_NEVER;
	if (!asked && m->fd >= 0)
		close(m->fd); /* for an address that has been given up since */
	if (!asked)
		return;
	cm->route = m->u.reply.route;
	int error = (int)m->u.reply.error;
	if (!error) {
		cm->connecting.fd = m->fd;
		error = -loop_add(&cm->loop, &cm->connecting);
	}
	if (error)
		connect_failed(cm, error);
	else
		enter_stage(cm, STAGE_CONNECT, now_us + cm->options->connect_timeout_us);
}

/* The parent sees to the route and opens the connection, and replies at once; where it is closing instead,
 * it has said so. */
static void request_address(struct callmgr *cm)
{
	struct ipc_message m = {.type = IPC_CONNECT_REQUEST, .fd = -1};
	call_end_server_text(
	    cm->server_text, sizeof(cm->server_text), cm->options->server, current_address(cm));
	cm->end = (struct call_end){.reason = CALL_END_NONE};
	cm->was_up = cm->has_received = false;
	cm->attempts++;
	log_info("Connecting to %s (address %zu of %zu)", cm->server_text, cm->address_at + 1,
	    cm->address_count);
	enter_stage(cm, STAGE_CONNECT, DEADLINE_NEVER);
	m.u.connect = (struct ipc_connect_request){
	    .server = current_address(cm), .is_last = is_last_address(cm)};
	send_to_parent(cm, &m);
}

/* The addresses are known. Name services may need any system call, so the filter is set when no name is
 * left to be looked up, and before the first byte from a server: while the parent connects, because the
 * kernel takes half a millisecond to compile it. Where that is forbidden, the gateway says so. */
static void start_connecting(struct callmgr *cm)
{
	request_address(cm);
	int error = cm->options->sandbox ? sandbox_enter(SANDBOX_CALLMGR) : 0;
	if (error == -ENOMEM)
		log_info("cannot limit system calls (seccomp): %s", error_text(-error));
}

/* ---- names ---- */

static void end_lookup(struct callmgr *cm)
{
	loop_remove(&cm->loop, &cm->resolver_watch);
	resolver_end(&cm->resolver);
}

static void lookup_failed(struct callmgr *cm, int code)
{
	end_lookup(cm);
	set_end(cm, CALL_END_RESOLVE, code);
	leave_address(cm);
}

static void on_resolver(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	int code = resolver_answer(&cm->resolver, cm->addresses, &cm->address_count);
	bool retry = code == EAI_AGAIN && !cm->options->launch_pppd &&
	             now_us + RESOLVE_PAUSE_US < cm->started_us + RESOLVE_RETRY_US;
	if (retry) {
		end_lookup(cm);
		enter_stage(cm, STAGE_RESOLVE, now_us + RESOLVE_PAUSE_US);
		return;
	}
	if (code) {
		lookup_failed(cm, code);
		return;
	}
	if (cm->resolver.left_out)
		log_info("'%.255s' has %zu addresses, of which the first %zu are tried",
		    cm->options->server, cm->address_count + cm->resolver.left_out,
		    cm->address_count);
	end_lookup(cm);
	start_connecting(cm);
}

static void start_lookup(struct callmgr *cm, int64_t now_us)
{
	int error = resolver_start(&cm->resolver, cm->options->server);
	if (!error)
		error = loop_watch_fd(
		    &cm->loop, &cm->resolver_watch, cm->resolver.fd, POLLIN, on_resolver, cm);
	if (error) {
		resolver_end(&cm->resolver);
		set_end(cm, CALL_END_INTERNAL, -error);
		leave_address(cm);
		return;
	}
	enter_stage(cm, STAGE_RESOLVE, now_us + cm->options->connect_timeout_us);
}

static void start_course(struct callmgr *cm, int64_t now_us)
{
	const char *server = cm->options->server;
	snprintf(cm->server_text, sizeof(cm->server_text), "%.255s", server);
	enum resolve_literal literal = resolve_literal(server, &cm->addresses[0]);
	enter_stage(cm, STAGE_RESOLVE, DEADLINE_NEVER);
	if (literal == RESOLVE_NAME) {
		start_lookup(cm, now_us);
	} else if (literal == RESOLVE_IPV4) {
		cm->address_count = 1;
		start_connecting(cm);
	} else {
		set_end(cm, literal == RESOLVE_IPV6 ? CALL_END_IPV6 : CALL_END_PORT, 0);
		leave_address(cm);
	}
}

static void on_step(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	if (cm->stage == STAGE_CONNECT)
		connect_failed(cm, ETIMEDOUT);
	else if (cm->stage != STAGE_RESOLVE)
		leave_address(cm); /* STAGE_CLOSE; the others have no deadline here */
	else if (cm->resolver.fd < 0)
		start_lookup(cm, now_us);
	else
		lookup_failed(cm, 0);
}

/* Not while closing: see enter_stage. */
static void on_progress(void *context, int64_t now_us)
{
	const struct callmgr *cm = context;
	(void)now_us;
	if (cm->stage == STAGE_RESOLVE)
		log_terminal("looking up %s ...", cm->server_text);
	else if (cm->stage == STAGE_CONNECT)
		log_terminal("connecting to %s ...", cm->server_text);
	else
		log_terminal("%s is connected, waiting for its answer ...", cm->server_text);
}

/* ---- status ---- */

static const char *state_name(const struct callmgr *cm)
{
	if (cm->stage == STAGE_RESOLVE)
		return "resolving";
	if (cm->stage == STAGE_CONNECT)
		return "connecting";
	return cm->stage < STAGE_CLOSE ? ctrl_conn_state_name(&cm->conn) : "closing";
}

/* `stats`: the gateway's answer, NULL where there is none. */
static void answer_status(
    struct callmgr *cm, const struct ipc_stats *stats, const char *hanging, int64_t now_us)
{
	char string[IPC_STATUS_MAX];
	bool closing = cm->stage == STAGE_CLOSE;
	struct status_facts facts = {.options = cm->options,
	    .address = current_address(cm),
	    .local = cm->local,
	    .state = state_name(cm),
	    .call_state = closing      ? "closing"
	                  : cm->was_up ? "established"
	                               : "waiting",
	    .route = cm->route,
	    .attempts = cm->attempts,
	    .unit = cm->unit,
	    .call_id = cm->config.call_id,
	    .peer_call_id = cm->peer_call_id,
	    .peer_window = cm->peer_window,
	    .since = (int64_t)time(NULL) - (now_us - cm->up_since_us) / USEC_PER_SEC,
	    .was_up = cm->was_up,
	    .up_us = now_us - cm->up_since_us,
	    .hanging = hanging,
	    .stats = stats ? &stats->counters : NULL};
	cm->stats_timer.deadline_us = DEADLINE_NEVER;
	if (stats)
		facts.notice = stats->notice;
	log_merge_notice(&facts.notice);
	status_text_write(string, sizeof(string), &facts);
	clients_answer(&cm->clients, string);
}

/* A call that is ending may have no gateway any more. */
static void on_stats_timeout(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	const char *hanging = ipc_is_read(cm->config.parent) ? "gateway" : "parent";
	answer_status(cm, NULL, cm->stage == STAGE_CALL ? hanging : NULL, now_us);
}

static void on_status_requested(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	if (!cm->was_up) {
		answer_status(cm, NULL, NULL, now_us);
		return;
	}
	if (cm->stats_timer.deadline_us != DEADLINE_NEVER)
		return; /* the gateway is asked already */
	cm->stats_timer.deadline_us = now_us + STATS_WAIT_US;
	ipc_send_optional(cm->config.parent, IPC_STATS_REQUEST);
}

/* ---- the parent ---- */

/* Others are not for a call manager. */
static void process_message(struct callmgr *cm, const struct ipc_message *m, int64_t now_us)
{
	if (m->type == IPC_CONNECT_REPLY)
		process_connect_reply(cm, m, now_us);
	else if (m->type == IPC_ROUTE_STATE)
		cm->route = m->u.route;
	else if (m->type == IPC_UNIT)
		cm->unit = m->u.unit;
	else if (m->type == IPC_RECEIVED)
		cm->has_received = cm->was_up; /* else it is late, and of the call before */
	else if (m->type == IPC_STATS && cm->stats_timer.deadline_us != DEADLINE_NEVER)
		answer_status(cm, &m->u.stats, NULL, now_us);
	else if (m->type == IPC_CLOSE)
		end_here(cm, now_us, CALL_END_REQUESTED, 0);
}

static void on_parent(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	struct ipc_message m;
	int n = ipc_receive(cm->config.parent, &m);
	if (ipc_may_pass(n) && loop_pause(&cm->loop, &cm->parent))
		return;
	if (n == 1) {
		process_message(cm, &m, now_us);
		return;
	}
	cm->parent.events = LOOP_OFF;
	if (n < 0)
		log_fatal("the call manager cannot receive from the parent (recvmsg): %s",
		    error_text(-n));
	log_info("the parent process has exited: ending the call to %s", cm->server_text);
	end_here(cm, now_us, CALL_END_REQUESTED, 0);
}

static void on_heartbeat(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	ipc_send_optional(cm->config.parent, IPC_HEARTBEAT);
	cm->heartbeat.deadline_us = now_us + IPC_HEARTBEAT_US;
}

static void on_signal(void *context, int signo, int64_t now_us)
{
	end_here(context, now_us, CALL_END_SIGNAL, signo);
}

/* ---- set-up ---- */

static int set_up(struct callmgr *cm)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	static const struct ctrl_conn_ops conn_ops = {
	    .event = on_ctrl_event, .finished = on_ctrl_finished};
	static const struct clients_ops clients_ops = {.status_requested = on_status_requested};
	/* The keepalive counts suspended time: after a resume the echo goes out at once. */
	int error = loop_init(&cm->loop, LOOP_BOOTTIME);
	if (!error)
		error = loop_signals(
		    &cm->loop, signals, sizeof(signals) / sizeof(signals[0]), on_signal, cm);
	if (error)
		return error;
	cm->started_us = loop_now_us(&cm->loop);
	loop_timer_start(&cm->loop, &cm->step, DEADLINE_NEVER, on_step, cm);
	loop_timer_start(&cm->loop, &cm->progress, DEADLINE_NEVER, on_progress, cm);
	loop_timer_start(
	    &cm->loop, &cm->heartbeat, cm->started_us + IPC_HEARTBEAT_US, on_heartbeat, cm);
	loop_timer_start(&cm->loop, &cm->stats_timer, DEADLINE_NEVER, on_stats_timeout, cm);
	ctrl_conn_init(&cm->conn, &cm->loop, &conn_ops, cm);
	error = loop_watch_fd(&cm->loop, &cm->parent, cm->config.parent, POLLIN, on_parent, cm);
	if (!error)
		error = clients_init(
		    &cm->clients, &cm->loop, cm->config.listener, cm->config.uid, &clients_ops, cm);
	return error;
}

int callmgr_main(const struct callmgr_config *config)
{
	struct callmgr *cm = anon_mmap(sizeof(*cm));
	if (!cm) {
		log_fatal("the call manager cannot start: %s", error_text(errno));
		return EXIT_FAILED;
	}
	cm->config = *config;
	cm->options = config->options;
	cm->exit_status = EXIT_FAILED;
	cm->resolver = (struct resolver){.child = -1, .fd = -1};
	cm->unit = -1;
	cm->connecting = (struct loop_watch){
	    .fd = -1, .events = POLLOUT, .ready = on_connect_result, .context = cm};
	cm->call_serial = netsock_random_u16();
	const char *what = "start";
	int error = set_up(cm);
	if (!error) {
		what = "wait for events (ppoll)";
		start_course(cm, cm->started_us);
		error = loop_run(&cm->loop);
	}
	if (error)
		log_fatal("the call manager cannot %s: %s", what, error_text(-error));
	resolver_end(&cm->resolver);
	loop_close(&cm->loop, &cm->connecting);
	ctrl_conn_end(&cm->conn);
	clients_end(&cm->clients);
	loop_free(&cm->loop);
	int status = cm->exit_status;
	munmap(cm, sizeof(*cm));
	return status;
}
