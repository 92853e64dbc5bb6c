/* SPDX-License-Identifier: ISC */
/*
 * The course of the parent: set-up with privileges, fork of the two children, then one loop over
 * their messages, rtnetlink, the pty's hang-up and signals, until both have exited. The first end
 * that is reported is the reason. Owns the host route, the status socket's name, pppd's end in the
 * shell form, the exit status and the last line for the user.
 */
#include "pptp_parent.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ipc_msg.h"
#include "lib/msg_limits.h"
#include "sys/error_text.h"
#include "sys/anon_mmap.h"
#include "sys/child.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/privs.h"
#include "sys/run_socket.h"
#include "parent/connector.h"
#include "parent/gre_side.h"
#include "parent/pppd_side.h"
#include "pptp_callmgr.h"
#include "pptp_gre.h"

/* For the children to finish; main waits CLOSE_WAIT_US for the parent, the call manager a little less
 * for the server. */
#define CHILDREN_WAIT_US (CLOSE_WAIT_US - 100 * USEC_PER_MSEC)
/* For SIGKILL to end them; a debugger, or the system, may keep it from doing so, or forbid it. */
#define KILLED_WAIT_US (50 * USEC_PER_MSEC)
/* pppd gets this long to exit after SIGTERM before the pty hangs up. */
#define PPPD_WAIT_US (250 * USEC_PER_MSEC)
/* pppd that closes the pty by itself exits soon: it gives a modem 1 s, and its scripts 5 s. One that
 * is still there wants to redial (persist or demand). */
#define PPPD_EXIT_WAIT_US (6500 * USEC_PER_MSEC)
/* pty form: where there is no route to the server, one is waited for until this long after the start.
 * pppd (2.5.3 ignores its holdoff after a hang-up) would only start us anew; NetworkManager gives up
 * after 10 s. */
#define ROUTE_WAIT_US (8 * USEC_PER_SEC)
/* pty form: a call that fails keeps pppd from redialling this long after the start: without it,
 * "persist maxfail 0" made 335 to 581 starts a minute. */
#define REDIAL_PAUSE_US (3 * USEC_PER_SEC)

enum {
	HEARTBEATS_MISSED_MAX = 20, /* 10 s: far more than a busy machine explains */
};

enum phase {
	PHASE_CALLING, /* no call is established */
	PHASE_UP,
	PHASE_CLOSING, /* the end is reported; the children finish */
	PHASE_PPPD,    /* they have exited; pppd is to exit as well */
	PHASE_PAUSE,   /* ... or kept from redialling at once */
};

/* How the reason of the end is reported. */
enum end_kind {
	END_LOGGED,   /* it has been */
	END_CALLMGR,  /* as the call manager's, before the call was established */
	END_CLAUSE,   /* a clause, for a sentence about the call */
	END_SENTENCE, /* as it is */
};

enum child_name {
	CHILD_CALLMGR,
	CHILD_GATEWAY,
	CHILD_COUNT,
};

struct parent;

struct child_process {
	struct parent *parent;
	pid_t pid;               /* -1: it has exited and is reaped */
	struct loop_watch watch; /* our end of the socket pair; fd -1: closed */
};

struct parent {
	const struct pptp_options *options;
	enum phase phase;
	bool was_up;
	bool has_call;     /* the call manager has one now; was_up: or had */
	bool has_received; /* a packet of this call has come */
	bool on_purpose;   /* ended by a signal or by pppd */
	bool killed;       /* the children, which did not finish in time */
	bool pppd_closed;  /* pppd has closed the pty by itself */
	bool by_server;    /* ended by the server */
	int exit_status;
	enum end_kind end;
	char end_text[IPC_TEXT_MAX];
	int64_t started_us;
	struct pppd_side pppd;
	struct connector connector;
	struct run_socket run_socket;
	struct gre_side gre;
	int listener;
	struct child_process children[CHILD_COUNT];
	struct privs_ids unprivileged; /* the children's */
	unsigned heartbeats_missed;    /* in a row */
	struct loop loop;
	struct loop_watch main_watch;
	struct loop_watch pppd_watch; /* its pidfd */
	struct loop_watch pty_watch;
	struct loop_timer heartbeat_timer;
	struct loop_timer end_timer; /* of the phases after PHASE_UP */
};

__attribute__((format(printf, 4, 5))) static void begin_closing(
    struct parent *p, int exit_status, enum end_kind end, const char *format, ...);

/* `awaited`: the child would wait for it in vain. */
static int send_message(
    struct parent *p, enum child_name name, const struct ipc_message *m, bool awaited)
{
	const struct child_process *child = &p->children[name];
	int error = child->watch.fd < 0 ? -EPIPE : ipc_send(child->watch.fd, m);
	if (ipc_is_refused(error) || (awaited && ipc_may_pass(error)))
		begin_closing(p, EXIT_FAILED, END_SENTENCE,
		    "the parent cannot send to its children (sendmsg): %s", error_text(-error));
	return error;
}

/* ---- the end ---- */

/* Log readers of the old client look for "Call manager exited with error", and for "pptp_callmgr",
 * which they find in this function's name, before "Could not open control connection to". */
static void pptp_callmgr_error(const char *text)
{
	log_fatal("Call manager exited with error: %s", text);
}

/* The last line for the user, in the log too: after what the children log while they finish. */
static void log_end(struct parent *p)
{
	if (p->end == END_CALLMGR)
		pptp_callmgr_error(p->end_text);
	else if (p->end == END_CLAUSE && p->was_up)
		log_info("The call to %s has ended: %s", p->connector.server_text, p->end_text);
	else if (p->end == END_CLAUSE)
		log_fatal("%s before the call to %s was established", p->end_text,
		    p->connector.server_text);
	else if (p->end == END_SENTENCE && p->exit_status)
		log_fatal("%s", p->end_text);
	else if (p->end == END_SENTENCE)
		log_info("%s", p->end_text);
	p->end = END_LOGGED;
}

/* One that was stopped could not take leave. */
static void continue_child(const struct parent *p, enum child_name name)
{
	if (p->children[name].pid > 0)
		(void)kill(p->children[name].pid, SIGCONT);
}

/* The first end is the reason. Both children get to finish: the call manager takes leave of the
 * server, the gateway hands pppd what the server sent last. */
static void begin_closing(
    struct parent *p, int exit_status, enum end_kind end, const char *format, ...)
{
	struct ipc_message drain = {.type = IPC_DRAIN, .fd = -1, .u.linger = p->by_server};
	va_list args;
	if (p->phase >= PHASE_CLOSING)
		return;
	p->phase = PHASE_CLOSING;
	p->exit_status = exit_status;
	p->end = end;
	va_start(args, format);
	vsnprintf(p->end_text, sizeof(p->end_text), format, args);
	va_end(args);
	connector_cancel(&p->connector);
	p->heartbeat_timer.deadline_us = DEADLINE_NEVER;
	p->end_timer.deadline_us = loop_now_us(&p->loop) + CHILDREN_WAIT_US;
	loop_remove(&p->loop, &p->pty_watch);
	loop_remove(&p->loop, &p->main_watch);
	/* A child that does not read is ended by end_timer. */
	(void)ipc_send_type(p->children[CHILD_CALLMGR].watch.fd, IPC_CLOSE);
	(void)send_message(p, CHILD_GATEWAY, &drain, false);
	continue_child(p, CHILD_CALLMGR);
}

static void end_by_callmgr(struct parent *p, const struct ipc_ended *ended)
{
	p->by_server = ended->by_server;
	enum end_kind kind = p->was_up && p->has_call ? END_SENTENCE : END_CALLMGR;
	begin_closing(p, ended->exit_status, kind, "%s", ended->text);
}

static void end_by_gateway(struct parent *p, const struct ipc_ended *ended)
{
	bool sentence = p->was_up && ended->exit_status;
	p->on_purpose = p->on_purpose || (p->phase < PHASE_CLOSING && ended->exit_status == 0);
	begin_closing(
	    p, ended->exit_status, sentence ? END_SENTENCE : END_CLAUSE, "%s", ended->text);
}

/*
 * In the shell form pppd must not outlive the call: it would open the pty again, whose number may be
 * another program's by then. So the pty's number stays taken (by our master) until pppd has exited,
 * or is to exit. pppd that is exiting is left alone: a signal would change its exit status and end its
 * scripts.
 */
static void end_pppd(struct parent *p)
{
	p->pppd_closed = p->pppd.is_open && pppd_side_is_hung_up(&p->pppd);
	if (!p->pppd_closed && !pppd_side_terminate(&p->pppd))
		return;
	p->phase = PHASE_PPPD;
	p->end_timer.deadline_us =
	    loop_now_us(&p->loop) + (p->pppd_closed ? PPPD_EXIT_WAIT_US : PPPD_WAIT_US);
	/* Its descriptors are closed before it has exited. */
	if (p->pppd.pidfd < 0)
		(void)loop_add(&p->loop, &p->main_watch);
	loop_remove(&p->loop, &p->pppd_watch); /* unless it has exited once */
	if (p->pppd.pidfd >= 0)
		(void)loop_add(&p->loop, &p->pppd_watch);
}

/* In the pty form pppd may have to redial for ever. */
static void pause_redial(struct parent *p)
{
	int64_t until_us = p->started_us + REDIAL_PAUSE_US;
	bool failed = p->exit_status && !p->on_purpose && !(p->was_up && p->has_received);
	if (!failed || loop_now_us(&p->loop) >= until_us || pppd_side_is_hung_up(&p->pppd))
		return;
	p->phase = PHASE_PAUSE;
	p->end_timer.deadline_us = until_us;
	(void)loop_add(&p->loop, &p->pty_watch);
}

/* Once both children have exited: what else has to happen before we do. */
static void finish(struct parent *p)
{
	log_end(p);
	connector_end(&p->connector);
	run_socket_remove(&p->run_socket);
	p->phase = PHASE_CLOSING;
	p->end_timer.deadline_us = DEADLINE_NEVER;
	if (p->pppd.main_fd < 0)
		pause_redial(p);
	else if (p->was_up)
		end_pppd(p);
	if (p->phase == PHASE_CLOSING)
		loop_stop(&p->loop);
}

static void on_end_timer(void *context, int64_t now_us)
{
	struct parent *p = context;
	if (p->phase != PHASE_CLOSING) {
		if (p->phase == PHASE_PPPD && p->pppd_closed)
			(void)pppd_side_terminate(&p->pppd);
		loop_stop(&p->loop);
		return;
	}
	if (p->killed) {
		finish(p); /* what is left of them sees our end of the socket pair close */
		return;
	}
	log_info("not waiting any longer for the call to be closed");
	p->killed = true;
	p->end_timer.deadline_us = now_us + KILLED_WAIT_US;
	for (size_t i = 0; i < CHILD_COUNT; i++)
		if (p->children[i].pid > 0)
			(void)kill(p->children[i].pid, SIGKILL);
}

/* ---- the children ---- */

/* Nothing more comes from this child; where it reported no end, it was killed or has crashed. */
static void child_exited(struct child_process *child)
{
	struct parent *p = child->parent;
	const char *server = p->connector.server_text;
	loop_close(&p->loop, &child->watch);
	if (child == &p->children[CHILD_GATEWAY])
		begin_closing(p, EXIT_FAILED, END_SENTENCE,
		    "The call to %s was ended: its gateway process has exited", server);
	else
		begin_closing(p, EXIT_FAILED, END_SENTENCE,
		    "Call manager exited with error: it exited without a final message %s the call "
		    "to %s%s",
		    p->was_up ? "and with it" : "before", server,
		    p->was_up ? "" : " was established");
}

static void reap_children(struct parent *p)
{
	bool all = true;
	for (size_t i = 0; i < CHILD_COUNT; i++) {
		struct child_process *child = &p->children[i];
		if (child->pid > 0 && waitpid(child->pid, NULL, WNOHANG) != 0)
			child->pid = -1;
		all = all && child->pid < 0 && child->watch.fd < 0;
	}
	if (all && p->phase == PHASE_CLOSING)
		finish(p);
}

/*
 * Count missed heartbeats, not elapsed time, so that our own stops are not blamed on the child. Once
 * the call manager has a call, the gateway is waited for: its IPC_READY ends this timer.
 */
static void on_heartbeat_timer(void *context, int64_t now_us)
{
	struct parent *p = context;
	if (++p->heartbeats_missed < HEARTBEATS_MISSED_MAX) {
		p->heartbeat_timer.deadline_us = now_us + IPC_HEARTBEAT_US;
		return;
	}
	begin_closing(p, EXIT_FAILED, END_CLAUSE,
	    "%s: no sign of life for %d s, it is stopped or hangs,",
	    p->has_call ? "The gateway does not start" : "Call manager exited with error",
	    (int)(HEARTBEATS_MISSED_MAX * IPC_HEARTBEAT_US / USEC_PER_SEC));
	continue_child(p, CHILD_GATEWAY);
}

/* ---- messages ---- */

static void call_up(struct parent *p, const struct ipc_message *m)
{
	if (p->phase >= PHASE_CLOSING || m->u.up.server.s_addr != p->connector.address.s_addr)
		return;
	connector_set_source(&p->connector, m->u.up.local);
	/* The gateway sees the hang-up from here on, after the last bytes; its IPC_READY may still be
	 * unread when pppd hangs up. */
	loop_remove(&p->loop, &p->pty_watch);
	p->heartbeats_missed = 0;
	p->has_call = true;
	(void)send_message(p, CHILD_GATEWAY, m, true);
}

static void on_connect_replied(void *context, int error, int fd, enum ipc_route route)
{
	struct parent *p = context;
	struct ipc_message m = {.type = IPC_CONNECT_REPLY, .fd = fd};
	m.u.reply = (struct ipc_connect_reply){.error = (uint32_t)error, .route = route};
	error = fd >= 0 ? send_message(p, CHILD_CALLMGR, &m, false) : -error;
	if (error) { /* ETOOMANYREFS: the user has too many descriptors in flight */
		m.fd = -1;
		m.u.reply.error = (uint32_t)-error;
		(void)send_message(p, CHILD_CALLMGR, &m, true);
	}
	run_socket_rename(&p->run_socket, p->options->localbind, p->connector.address);
}

static void on_route_changed(void *context, enum ipc_route route)
{
	struct ipc_message m = {.type = IPC_ROUTE_STATE, .fd = -1, .u.route = route};
	(void)send_message(context, CHILD_CALLMGR, &m, false);
}

/* Log now: a graceful close cannot reach the server any more and only costs time. */
static void on_connection_broken(void *context, const char *text)
{
	struct parent *p = context;
	if (p->phase < PHASE_CLOSING)
		log_fatal("%s", text);
	begin_closing(p, EXIT_FAILED, END_LOGGED, "%s", text);
}

/* The gateway carries packets: main may become pppd. */
static void gateway_ready(struct parent *p)
{
	struct parent_ready ready = {{0}};
	if (p->phase != PHASE_CALLING)
		return;
	p->phase = PHASE_UP;
	p->was_up = true;
	p->heartbeat_timer.deadline_us = DEADLINE_NEVER;
	pppd_side_watch_stderr(&p->pppd, &p->loop);
	if (p->pppd.main_fd < 0)
		return;
	memcpy(ready.tty_name, p->pppd.tty_name, sizeof(ready.tty_name));
	(void)send(p->pppd.main_fd, &ready, sizeof(ready), MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* For --status. */
static void tell_unit(struct parent *p)
{
	struct ipc_message m = {.type = IPC_UNIT, .fd = -1, .u.unit = (uint32_t)p->pppd.unit};
	if (p->pppd.unit >= 0)
		(void)send_message(p, CHILD_CALLMGR, &m, false);
}

static void pppd_open(struct parent *p, int64_t now_us)
{
	if (p->pppd.main_fd < 0 || p->pppd.is_open || p->phase >= PHASE_CLOSING)
		return;
	pppd_side_set_open(&p->pppd);
	tell_unit(p);
	(void)pppd_side_follow(&p->pppd);
	loop_remove(&p->loop, &p->main_watch);
	connector_set_tunnel(&p->connector, p->pppd.tunnel_index, now_us);
}

static bool connect_server(
    struct parent *p, const struct ipc_connect_request *request, int64_t now_us)
{
	if (p->phase >= PHASE_CLOSING)
		return true;
	p->has_call = p->has_received = false;
	return connector_request(&p->connector, request, now_us);
}

/* False: a message that this child must not send. */
static bool process_callmgr_message(struct parent *p, const struct ipc_message *m, int64_t now_us)
{
	p->heartbeats_missed = 0;
	if (m->type == IPC_ENDED)
		end_by_callmgr(p, &m->u.ended);
	else if (m->type == IPC_CONNECT_REQUEST)
		return connect_server(p, &m->u.connect, now_us);
	else if (m->type == IPC_CALL_UP)
		call_up(p, m);
	else if (m->type == IPC_STATS_REQUEST)
		ipc_send_optional(p->children[CHILD_GATEWAY].watch.fd, m->type);
	else
		return m->type == IPC_HEARTBEAT;
	return true;
}

/* With the last warning of both. */
static void pass_stats(struct parent *p, const struct ipc_message *m)
{
	struct ipc_message both = *m;
	log_merge_notice(&both.u.stats.notice);
	(void)send_message(p, CHILD_CALLMGR, &both, false);
}

static bool process_gateway_message(struct parent *p, const struct ipc_message *m, int64_t now_us)
{
	if (m->type == IPC_ENDED)
		end_by_gateway(p, &m->u.ended);
	else if (m->type == IPC_READY)
		gateway_ready(p);
	else if (m->type == IPC_PPPD_OPEN)
		pppd_open(p, now_us);
	else if (m->type == IPC_RECEIVED)
		p->has_received = p->has_call; /* else it is late, and of the call before */
	else if (m->type == IPC_STATS)
		pass_stats(p, m);
	else
		return false;
	if (m->type == IPC_RECEIVED)
		(void)send_message(p, CHILD_CALLMGR, m, false);
	return true;
}

/* It is compromised, or another program than this one: nothing more is read from it. */
static void kill_child(struct child_process *child)
{
	log_warn("the %s sent a message that it must not send: it is killed",
	    child == &child->parent->children[CHILD_GATEWAY] ? "gateway" : "call manager");
	if (child->pid > 0)
		(void)kill(child->pid, SIGKILL);
	child_exited(child);
}

static void on_child(void *context, int64_t now_us)
{
	struct child_process *child = context;
	struct parent *p = child->parent;
	struct ipc_message m;
	int n = ipc_receive(child->watch.fd, &m);
	if (ipc_may_pass(n) && loop_pause(&p->loop, &child->watch))
		return;
	if (n <= 0 && n != -EBADMSG) {
		if (n < 0)
			log_fatal("cannot receive from a child (recvmsg): %s", error_text(-n));
		child_exited(child);
		reap_children(p);
		return;
	}
	if (n == 1 && m.fd >= 0)
		close(m.fd); /* no child has a reason to send one */
	bool callmgr = child == &p->children[CHILD_CALLMGR];
	if (n != 1 || !(callmgr ? process_callmgr_message : process_gateway_message)(p, &m, now_us))
		kill_child(child);
}

static void on_signal(void *context, int signo, int64_t now_us)
{
	struct parent *p = context;
	if (signo == SIGUSR1) {
		ipc_send_optional(p->children[CHILD_GATEWAY].watch.fd, IPC_STATS_DUMP);
	} else if (signo == SIGCHLD) {
		reap_children(p);
	} else if (p->phase == PHASE_PAUSE || p->phase == PHASE_PPPD) {
		on_end_timer(p, now_us);
	} else {
		p->on_purpose = true;
		begin_closing(p, p->was_up ? 0 : EXIT_FAILED, END_CLAUSE, "ended by signal %d (%s)",
		    signo, strsignal(signo));
	}
}

/* main, or pppd and all that it forked, has exited. */
static void on_main_exited(void *context, int64_t now_us)
{
	struct parent *p = context;
	(void)now_us;
	if (p->phase == PHASE_PPPD) {
		loop_stop(&p->loop);
		return;
	}
	p->on_purpose = true;
	if (p->was_up)
		begin_closing(p, 0, END_CLAUSE, "pppd ended without using the pty, see pppd log");
	else
		begin_closing(p, EXIT_FAILED, END_CLAUSE, "pptp itself was ended");
}

/* main, or pppd that it has become, has exited or has detached. */
static void on_pppd_exited(void *context, int64_t now_us)
{
	struct parent *p = context;
	(void)now_us;
	if (p->phase == PHASE_PPPD) {
		loop_stop(&p->loop);
		return;
	}
	if (!pppd_side_follow(&p->pppd))
		loop_remove(&p->loop, &p->pppd_watch);
}

static void on_pty(void *context, int64_t now_us)
{
	struct parent *p = context;
	if (!(p->pty_watch.revents & (POLLHUP | POLLERR | POLLNVAL)))
		return;
	if (p->phase >= PHASE_CLOSING) {
		loop_stop(&p->loop);
		return;
	}
	/* The gateway may have reported already that it carries packets: then it sees the hang-up,
	 * after the last bytes. */
	on_child(&p->children[CHILD_GATEWAY], now_us);
	if (p->phase != PHASE_CALLING)
		return;
	p->on_purpose = true;
	begin_closing(p, EXIT_FAILED, END_CLAUSE, "pppd has exited");
}

/* ---- set-up, with privileges ---- */

/* Failing to set up one of the parts: the last line on stderr, and the exit status. */
static int fail(const char *what, int error)
{
	bool rights = error == -EPERM || error == -EACCES;
	log_fatal("%s: %s%s", what, error_text(-error),
	    rights ? " (this needs root, or CAP_NET_RAW and CAP_NET_ADMIN)" : "");
	return EXIT_FAILED;
}

/* The child gives up what it does not need before it reads anything from anyone. */
static void become_child(struct parent *p, const char *name, const int *keep, size_t count)
{
	privs_name_process(name);
	log_close();
	child_keep_descriptors(keep, count);
	log_open(p->options->logstring, p->options->loglevel);
	log_prepare_quiet();
	privs_drop_all(p->unprivileged);
	munmap(p, sizeof(*p)); /* a copy from the time of the fork: two children, 8 KiB */
}

static int callmgr_child(struct parent *p, int socket)
{
	const int keep[] = {socket, p->listener, p->pppd.stderr_owner_fd};
	struct callmgr_config config = {.options = p->options,
	    .parent = socket,
	    .listener = p->listener,
	    .uid = getuid(),
	    .stderr_owner = p->pppd.stderr_owner_fd,
	    .call_id = p->gre.call_id};
	signal(SIGUSR1, SIG_IGN); /* a user may signal all processes of a call for statistics */
	signal(SIGCHLD, SIG_DFL);
	int error = child_close_standard_fds();
	become_child(p, "pptpcm", keep, sizeof(keep) / sizeof(keep[0]));
	return error ? fail("cannot open /dev/null", error) : callmgr_main(&config);
}

static int gateway_child(struct parent *p, int socket)
{
	const int keep[] = {socket, p->pppd.pty_in, p->pppd.pty_out, p->pppd.stderr_owner_fd,
	    p->gre.gre, p->gre.watch};
	struct gateway_config config = {.options = p->options,
	    .parent = socket,
	    .pty_in = p->pppd.pty_in,
	    .pty_out = p->pppd.pty_out,
	    .gre = p->gre.gre,
	    .watch = p->gre.watch,
	    .stderr_owner = p->pppd.stderr_owner_fd};
	signal(SIGCHLD, SIG_DFL);
	/* The call manager dials meanwhile. On one processor our set-up comes before its request is answered
	 * otherwise, which takes 0.3 ms of the 11 to the Outgoing-Call-Request. */
	(void)sched_yield();
	become_child(p, "pptpgw", keep, sizeof(keep) / sizeof(keep[0]));
	return gateway_main(&config);
}

static int fork_child(struct parent *p, enum child_name name, int (*run)(struct parent *, int))
{
	struct child_process *child = &p->children[name];
	int pair[2];
	int error = ipc_pair(pair);
	if (error)
		return fail("cannot make a socket pair", error);
	child->pid = child_fork();
	if (child->pid < 0) {
		error = -errno;
		close(pair[0]);
		close(pair[1]);
		return fail("cannot fork", error);
	}
	if (child->pid == 0)
		exit(run(p, pair[1]));
	close(pair[1]);
	error = loop_watch_fd(&p->loop, &child->watch, pair[0], POLLIN, on_child, child);
	return error ? fail("cannot watch a child", error) : 0;
}

/* What the children use is theirs; the route and marked sockets need CAP_NET_ADMIN, and root needs
 * CAP_KILL to signal children of another user. */
static void give_up_privileges(struct parent *p)
{
	bool net_admin = p->options->host_route || p->options->rtmark;
	uint64_t keep = net_admin ? PRIVS_BIT(CAP_NET_ADMIN) : 0;
	if (geteuid() == 0)
		keep |= PRIVS_BIT(CAP_KILL);
	gre_side_close(&p->gre);
	if (p->listener >= 0)
		close(p->listener);
	privs_keep(keep);
}

/*
 * Signals are blocked before anything is changed or forked, so that none arrives before its handler
 * can undo our changes. SIGCHLD is among them, whatever our own parent does with it: where it were
 * ignored, a child's process id could be another process's by the time it is signalled.
 */
static int init_loop(struct parent *p)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
	int error = loop_init(&p->loop, LOOP_MONOTONIC);
	if (!error)
		error = loop_signals(
		    &p->loop, signals, sizeof(signals) / sizeof(signals[0]), on_signal, p);
	if (error)
		return fail("cannot take signals", error);
	p->started_us = loop_now_us(&p->loop);
	return 0;
}

static int watch_pppd(struct parent *p)
{
	loop_timer_start(
	    &p->loop, &p->heartbeat_timer, p->started_us + IPC_HEARTBEAT_US, on_heartbeat_timer, p);
	loop_timer_start(&p->loop, &p->end_timer, DEADLINE_NEVER, on_end_timer, p);
	p->pty_watch =
	    (struct loop_watch){.fd = p->pppd.pty_in, .events = 0, .ready = on_pty, .context = p};
	p->main_watch = (struct loop_watch){
	    .fd = p->pppd.main_fd, .events = POLLIN, .ready = on_main_exited, .context = p};
	p->pppd_watch = (struct loop_watch){
	    .fd = p->pppd.pidfd, .events = POLLIN, .ready = on_pppd_exited, .context = p};
	int error = loop_add(&p->loop, p->pppd.main_fd < 0 ? &p->pty_watch : &p->main_watch);
	if (!error && p->pppd.pidfd >= 0)
		error = loop_add(&p->loop, &p->pppd_watch);
	return error ? fail("cannot watch pppd", error) : 0;
}

/* Before there are children. A local address that is missing, or a call id that is in use, may be
 * there, or free, when pppd redials. */
static int pause_start(struct parent *p, int status)
{
	if (p->pppd.main_fd >= 0 || watch_pppd(p))
		return status;
	loop_remove(&p->loop, &p->pty_watch);
	give_up_privileges(p);
	pause_redial(p);
	return p->phase == PHASE_PAUSE ? 0 : status;
}

static int set_up(struct parent *p, int main_fd)
{
	static const struct connector_ops ops = {.replied = on_connect_replied,
	    .route_changed = on_route_changed,
	    .broken = on_connection_broken};
	const char *what = "";
	int status = init_loop(p);
	if (status)
		return status;
	privs_begin();
	/* No file system is to be kept from being unmounted for as long as the call lasts. */
	if (chdir("/") < 0)
		log_debug("chdir: %s", error_text(errno));
	/* Only in the pty form a route is waited for: in the shell form a user waits for the reason. */
	int64_t wait_until_us = main_fd >= 0 ? 0 : p->started_us + ROUTE_WAIT_US;
	connector_init(&p->connector, p->options, &p->loop, wait_until_us, &ops, p);
	int error = pppd_side_open(&p->pppd, main_fd, &what);
	if (error)
		return fail(what, error);
	error = gre_side_open(&p->gre, p->options, &what);
	if (error)
		return pause_start(p, what ? fail(what, error) : EXIT_FAILED);
	p->listener = run_socket_open(&p->run_socket);
	if (p->listener < 0)
		log_info("no socket for --status: %s", error_text(-p->listener));
	p->unprivileged = privs_unprivileged_ids();
	status = fork_child(p, CHILD_CALLMGR, callmgr_child);
	if (!status)
		status = fork_child(p, CHILD_GATEWAY, gateway_child);
	if (!status)
		status = watch_pppd(p);
	if (status)
		return status;
	pppd_side_find_unit(&p->pppd);
	tell_unit(p);
	connector_set_tunnel(&p->connector, p->pppd.tunnel_index, p->started_us);
	give_up_privileges(p);
	run_socket_remove_stale(&p->run_socket);
	return 0;
}

int parent_main(const struct pptp_options *o, int main_fd)
{
	struct parent *p = anon_mmap(sizeof(*p));
	if (!p)
		return fail("cannot start", -errno);
	p->options = o;
	p->exit_status = EXIT_FAILED;
	p->listener = -1;
	gre_side_init(&p->gre);
	p->pppd.main_fd = main_fd;
	for (size_t i = 0; i < CHILD_COUNT; i++)
		p->children[i] = (struct child_process){.parent = p, .pid = -1, .watch.fd = -1};
	if (main_fd >= 0)
		pppd_side_warn_persist(o);
	int status = set_up(p, main_fd);
	if (!status) {
		int error = loop_run(&p->loop);
		status = error ? fail("cannot wait for events (ppoll)", error) : p->exit_status;
	}
	connector_end(&p->connector);
	run_socket_remove(&p->run_socket);
	pppd_side_restore(&p->pppd);
	loop_free(&p->loop);
	munmap(p, sizeof(*p));
	return status;
}
