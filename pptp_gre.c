/* SPDX-License-Identifier: ISC */
/*
 * The course of the gateway: it waits for the call, then carries packets (gateway/datapath.c) until
 * the parent, pppd or a signal ends it. Knows neither protocol: see pptp_callmgr.c and
 * gre/gre_session.c.
 */
#include "pptp_gre.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/ipc_msg.h"
#include "lib/msg_limits.h"
#include "sys/error_text.h"
#include "sys/anon_mmap.h"
#include "sys/conntrack.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/netsock.h"
#include "sys/pppd.h"
#include "sys/sandbox.h"
#include "sys/stderr_owner.h"
#include "gateway/datapath.h"
#include "gateway/silence_watch.h"

/* A server that ends the call may have sent its reason (a refusal, a Terminate-Request) by GRE, which
 * the network delivers later than its goodbye on TCP, and pppd answers before it exits with that
 * reason: the data path goes on for so long. */
#define LINGER_US (150 * USEC_PER_MSEC)
/* Then what is held behind gaps is passed on, and pppd has this long to read it: on a busy machine 50 ms were
 * too short in 2 of 90 calls. */
#define DRAIN_US (100 * USEC_PER_MSEC)

enum {
	/* Packets that --missing-window can have held: 67 MB where each is as long as any. */
	QUEUE_MAX = 8192,
};

struct gateway {
	struct gateway_config config;
	bool up;        /* the data path runs */
	bool connected; /* the raw socket is, to a server that has sent a packet */
	bool ending;    /* the call has ended, by end_call or start_drain */
	int pty_peer;   /* pppd's side of the pty, until pppd listens or speaks; else negative */
	bool spoken;    /* pppd has, in this call or one before */
	struct in_addr server;
	struct pqueue queue;
	struct loop loop;
	struct loop_watch parent;
	struct silence_watch silence;
	struct stderr_owner stderr_owner;
	int conntrack; /* of conntrack_open; -1: none, or read */
	struct loop_timer drain_timer;
	struct datapath path; /* large, and mostly untouched until packets flow */
};

/* The parent reads until it exits; where that has happened, on_parent sees it. */
static void send_to_parent(struct gateway *g, const struct ipc_message *m)
{
	int error = ipc_send(g->config.parent, m);
	if (!ipc_is_refused(error) && !ipc_may_pass(error))
		return;
	log_fatal("the gateway cannot send to the parent (sendmsg): %s", error_text(-error));
	loop_stop(&g->loop);
}

static void send_type(struct gateway *g, enum ipc_type type)
{
	send_to_parent(g, &(struct ipc_message){.type = type, .fd = -1});
}

static void leave(struct gateway *g)
{
	datapath_stop(&g->path);
	loop_stop(&g->loop);
}

/* Ends the call from this side. */
__attribute__((format(printf, 3, 4))) static void end_call(
    struct gateway *g, uint8_t exit_status, const char *format, ...)
{
	struct ipc_message m = {.type = IPC_ENDED, .fd = -1};
	va_list args;
	if (g->ending)
		return;
	g->ending = true;
	m.u.ended.exit_status = exit_status;
	va_start(args, format);
	vsnprintf(m.u.ended.text, sizeof(m.u.ended.text), format, args);
	va_end(args);
	send_to_parent(g, &m);
	leave(g);
}

/* ---- pppd's side ---- */

static void close_peer(struct gateway *g)
{
	if (g->pty_peer >= 0)
		close(g->pty_peer);
	g->pty_peer = -1;
}

/*
 * pppd makes its tty exclusive before it sets the discipline, which may take tens of ms (the kernel loads a
 * module); only who has the tty open then can ask. In the shell form pppd starts after the first question, and
 * the parent has the tty open too until pppd speaks. Later, and in the other form, an open tty would hide a
 * hang-up; what is exclusive then counts as ready.
 */
static bool ask_pppd(void *context, bool is_last)
{
	struct gateway *g = context;
	if (g->pty_peer < 0)
		g->pty_peer = pppd_open_peer(g->config.pty_out);
	bool listens = pppd_has_ppp_discipline(g->pty_peer);
	if (listens || is_last || g->spoken || !g->config.options->launch_pppd)
		close_peer(g);
	return listens;
}

static void on_pppd_speaks(void *context)
{
	struct gateway *g = context;
	g->spoken = true;
	close_peer(g);
	send_type(g, IPC_PPPD_OPEN);
}

static void on_hung_up(void *context, int error)
{
	struct gateway *g = context;
	/* EIO is how a pty reports the hang-up; a shortage of memory says nothing about the pty. */
	bool failed = error && error != EIO && error != ENOMEM;
	log_info("short read (%d): %s", error ? -1 : 0, error_text(error ? error : EIO));
	if (g->ending)
		leave(g);
	else if (failed)
		end_call(g, EXIT_FAILED, "cannot read or write pppd's pty: %s", error_text(error));
	else
		end_call(g, 0, "pppd may have shutdown, see pppd log");
}

static void on_sync_refused(void *context, const char *why)
{
	end_call(context, EXIT_FAILED, "%s", why);
}

static void on_received(void *context)
{
	struct gateway *g = context;
	/* Not before: the next address, should this server drop the call, may be reached from another
	 * local one, and a connected raw socket cannot be bound again. */
	if (netsock_gre_connect(g->config.gre, g->server) == 0) {
		g->connected = true;
		datapath_on_connected(&g->path);
	}
	send_type(g, IPC_RECEIVED);
}

static void on_asked(void *context)
{
	struct gateway *g = context;
	silence_watch_on_asked(&g->silence);
}

/* ---- the call ---- */

/* Pages of these cost nothing until a packet is put there. */
static int map_queue(struct gateway *g)
{
	size_t capacity = g->config.options->missing_window;
	if (capacity < RECEIVE_WINDOW) /* the server may send as many ahead */
		capacity = RECEIVE_WINDOW;
	if (capacity > QUEUE_MAX)
		capacity = QUEUE_MAX;
	struct pqueue_entry *entries = anon_mmap(capacity * sizeof(*entries));
	uint8_t *slots = anon_mmap(capacity * PACKET_MAX);
	pqueue_init(&g->queue, entries, slots, capacity, PACKET_MAX);
	return entries && slots ? 0 : -errno;
}

static int start_path(struct gateway *g, const struct ipc_call_up *up, int64_t now_us)
{
	const struct pptp_options *o = g->config.options;
	struct datapath_config config = {
	    .session =
		{
		    .peer_call_id = up->peer_call_id,
		    .server_window = up->server_window,
		    .server_delay_us = up->server_delay * (USEC_PER_SEC / 10),
		    .reorder = o->reorder,
		    .fixed_wait_us = o->timeout_us,
		    .max_wait_us = o->max_timeout_us,
		    .missing_window = o->missing_window,
		    .flow_control = o->flow_control,
		},
	    .sync = o->sync,
	    .net =
		{
		    .server = up->server,
		    .fd = g->config.gre,
		    .test_type = (enum reorder_inject_type)o->test_type,
		    .test_rate = o->test_rate,
		},
	    .pty = {.in = g->config.pty_in, .out = g->config.pty_out, .loop = &g->loop},
	    .queue = &g->queue,
	};
	struct datapath_events events = {.ask_pppd = ask_pppd,
	    .pppd_speaks = on_pppd_speaks,
	    .hung_up = on_hung_up,
	    .refused = on_sync_refused,
	    .received = on_received,
	    .asked = on_asked,
	    .context = g};
	return datapath_start(&g->path, &config, &events, &g->loop, now_us);
}

static void start_silence_watch(struct gateway *g, const struct ipc_call_up *up)
{
	g->silence = (struct silence_watch){
	    .loop = &g->loop,
	    .path = &g->path,
	    .fd = g->config.watch,
	    .conntrack = &g->conntrack,
	    .details =
		{
		    .local = up->local,
		    .server = up->server,
		    .call_id = up->call_id,
		    .peer_call_id = up->peer_call_id,
		},
	};
	silence_watch_start(&g->silence);
}

/* The call is established; or another server has taken it, after the first one dropped it. */
static void call_up(struct gateway *g, const struct ipc_call_up *up, int64_t now_us)
{
	g->server = up->server;
	datapath_stop(&g->path);
	silence_watch_stop(&g->silence);
	int error = netsock_gre_bind(g->config.gre, up->local);
	/* A late packet of the server that dropped the call has come in between. */
	if (!error && g->connected)
		error = netsock_gre_connect(g->config.gre, up->server);
	const char *what = "cannot send GRE to the server";
	if (!error) {
		what = "cannot start carrying packets";
		error = start_path(g, up, now_us);
	}
	if (error) {
		end_call(g, EXIT_FAILED, "%s: %s", what, error_text(-error));
		return;
	}
	g->up = true;
	stderr_owner_watch(
	    &g->stderr_owner, &g->loop, g->config.stderr_owner, !g->config.options->launch_pppd);
	start_silence_watch(g, up);
	send_type(g, IPC_READY);
}

static void stop(void *context, int64_t now_us)
{
	struct gateway *g = context;
	(void)now_us;
	loop_stop(&g->loop);
}

static void drain(void *context, int64_t now_us)
{
	struct gateway *g = context;
	datapath_drain(&g->path, now_us);
	g->drain_timer.expired = stop;
	g->drain_timer.deadline_us = now_us + DRAIN_US;
}

/* The call has ended: pppd gets what the server sent last, and a moment to read it. Nothing came last where
 * we have ended it, for the server's silence, say. pppd's own exit ends the moment early; its answer to a
 * Terminate-Request does not, which would have to be found among its frames to win 0.25 s. */
static void start_drain(struct gateway *g, bool linger, int64_t now_us)
{
	if (!g->up || g->ending || !linger) {
		loop_stop(&g->loop);
		return;
	}
	g->ending = true;
	silence_watch_stop(&g->silence);
	g->drain_timer.deadline_us = now_us + LINGER_US;
}

/* ---- the parent ---- */

static void dump_stats(struct gateway *g)
{
	datapath_update_gauges(&g->path);
	for (size_t i = 0; i < STATS_COUNT; i++)
		log_stats("%s = %" PRIu64, stats_table[i].name,
		    stats_display_value(&g->path.stats, &stats_table[i]));
}

static void send_stats(struct gateway *g)
{
	struct ipc_message m = {.type = IPC_STATS, .fd = -1};
	datapath_update_gauges(&g->path);
	m.u.stats = (struct ipc_stats){.counters = g->path.stats};
	log_merge_notice(&m.u.stats.notice);
	send_to_parent(g, &m);
}

/* Others are not for a gateway. */
static void process_message(struct gateway *g, const struct ipc_message *m, int64_t now_us)
{
	if (m->type == IPC_CALL_UP)
		call_up(g, &m->u.up, now_us);
	else if (m->type == IPC_STATS_REQUEST)
		send_stats(g);
	else if (m->type == IPC_STATS_DUMP)
		dump_stats(g);
	else if (m->type == IPC_DRAIN)
		start_drain(g, m->u.linger, now_us);
}

static void on_parent(void *context, int64_t now_us)
{
	struct gateway *g = context;
	struct ipc_message m;
	int n = ipc_receive(g->config.parent, &m);
	if (ipc_may_pass(n) && loop_pause(&g->loop, &g->parent))
		return;
	if (n == 1 && m.fd >= 0)
		close(m.fd);
	if (n == 1) {
		process_message(g, &m, now_us);
		return;
	}
	if (n < 0)
		log_fatal(
		    "the gateway cannot receive from the parent (recvmsg): %s", error_text(-n));
	loop_stop(&g->loop); /* the parent has exited; the call manager takes leave */
}

static void on_signal(void *context, int signo, int64_t now_us)
{
	struct gateway *g = context;
	(void)now_us;
	if (signo == SIGUSR1)
		dump_stats(g);
	else
		end_call(
		    g, g->up ? 0 : EXIT_FAILED, "ended by signal %d (%s)", signo, strsignal(signo));
}

/* ---- set-up ---- */

static int set_up(struct gateway *g)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
	int error = loop_init(&g->loop, LOOP_MONOTONIC);
	if (!error)
		error = loop_signals(
		    &g->loop, signals, sizeof(signals) / sizeof(signals[0]), on_signal, g);
	if (!error)
		error = map_queue(g);
	if (error)
		return error;
	loop_timer_start(&g->loop, &g->drain_timer, DEADLINE_NEVER, drain, g);
	return loop_watch_fd(&g->loop, &g->parent, g->config.parent, POLLIN, on_parent, g);
}

/* One line for both children: what forbids it to one of them forbids it to the other. (Not memory, of which the
 * call manager tells.) */
static void enter_sandbox(const struct gateway *g)
{
	int error = g->config.options->sandbox ? sandbox_enter(SANDBOX_GATEWAY) : 0;
	if (error)
		log_info("cannot limit system calls (seccomp): %s", error_text(-error));
}

int gateway_main(const struct gateway_config *config)
{
	struct gateway *g = anon_mmap(sizeof(*g));
	if (!g) {
		log_fatal("the gateway cannot start: %s", error_text(errno));
		return EXIT_FAILED;
	}
	g->config = *config;
	g->pty_peer = -1;
	const char *what = "start";
	int error = set_up(g);
	if (!error) {
		g->conntrack = conntrack_open();
		enter_sandbox(g);
		what = "wait for events (ppoll)";
		error = loop_run(&g->loop);
	}
	if (error)
		log_fatal("the gateway cannot %s: %s", what, error_text(-error));
	datapath_stop(&g->path);
	loop_free(&g->loop);
	munmap(g, sizeof(*g));
	return error ? EXIT_FAILED : 0;
}
