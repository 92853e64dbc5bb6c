/* SPDX-License-Identifier: ISC */
/*
 * The gateway's life: it opens what needs rights, forks the call manager, waits for the call, then
 * carries packets (gre_path.c) until pppd, the server, the call manager or a signal ends it, and
 * takes leave of the call manager. Knows neither protocol: see pptp_callmgr.c and gre_session.c.
 *
 * How it learns that pppd is gone, with neither timers nor process ids: until pppd has opened the
 * pty, its other end is held open here, so that there is no hang-up; instead main's end of a socket
 * pair, which pppd inherits, tells of main's or pppd's death. With pppd's first octets pppd
 * has the pty open, and from then on the pty's own hang-up is the sign.
 */
#include "pptp_gre.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/child.h"
#include "fresh_memory.h"
#include "gateway/datapath.h"
#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/netsock.h"
#include "sys/pppd.h"
#include "pptp_callmgr.h"
#include "sys/privs.h"

/* When nothing has come back by then, something on the way swallows GRE; pppd gives up after 30 s. */
#define SILENCE_US (10 * USEC_PER_SEC)

enum {
	QUEUE_MIN = RECEIVE_WINDOW, /* packets: as many as a server may send ahead */
	QUEUE_MAX = 8192,
	WHY_CAP = 128,
	SILENT_MAX = 20, /* times IPC_PENDING_US: 10 s, far more than a busy machine explains */
};

/* For the call manager's last word: it needs a little less, and main waits a little longer. */
#define LAST_WORD_WAIT_US (CLOSE_WAIT_US - 100 * USEC_PER_MSEC)

enum phase {
	PHASE_CALLING, /* the call manager is at it */
	PHASE_UP,
	PHASE_CLOSING, /* told the call manager to end the call, or was told that it is over */
};

struct gateway {
	const struct pptp_options *options;
	enum phase phase;
	bool was_up;
	int exit_status;
	char why[WHY_CAP]; /* the end was wanted here: the reason, for the last line */
	pid_t manager;     /* the call manager that we have forked; -1 = it is gone */
	unsigned pendings; /* IPC_PENDING_US without a word from it, in a row */
	int call_id_fd;    /* its being open reserves the call id */
	int gre_fd;
	int pty_in;
	int pty_out;
	bool made_nonblocking[2]; /* pty_in, pty_out: to be undone at the end */
	int slave_fd;             /* shell form, until pppd speaks */
	int main_fd;
	int ipc_fd;
	uint16_t call_id;
	char tty_name[PPPD_TTY_NAME_MAX];
	struct ipc_call_up up;
	struct pqueue_entry *queue_entries;
	uint8_t *queue_slots;
	size_t queue_capacity;
	struct loop loop;
	struct loop_watch ipc_watch;
	struct loop_watch main_watch;
	struct loop_watch pty_watch; /* for a hang-up while there is no path yet */
	struct loop_timer close_timer;
	struct loop_timer silence_timer;
	struct loop_timer manager_timer; /* while the call manager is at it */
	struct gre_path path;            /* last: large, and mostly untouched */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/*
 * Descriptors and memory.
 */

/* Pages of these cost nothing until a packet is put there. */
static bool map_queue(struct gateway *g)
{
	size_t capacity = g->options->missing_window;
	if (capacity < QUEUE_MIN)
		capacity = QUEUE_MIN;
	if (capacity > QUEUE_MAX)
		capacity = QUEUE_MAX;
	g->queue_capacity = capacity;
	g->queue_entries = fresh_memory(capacity * sizeof(*g->queue_entries));
	g->queue_slots = fresh_memory(capacity * PACKET_MAX);
	return g->queue_entries && g->queue_slots;
}

static int set_nonblocking(int fd, bool *changed)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	*changed = !(flags & O_NONBLOCK);
	if (*changed && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/* The mode belongs to the open file: a shell on the same terminal would have it after us. */
static void set_blocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

static void restore_pppd_side(const struct gateway *g)
{
	if (g->made_nonblocking[0])
		set_blocking(g->pty_in);
	if (g->made_nonblocking[1])
		set_blocking(g->pty_out);
}

/* The caller's terminal, or whatever it is, is main's and then pppd's. */
static int let_go_of_standard_fds(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	int error = dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ? -errno : 0;
	close(null);
	return error;
}

/* Failing to set up one of the parts: the last line on stderr, and the exit status. */
static int failed(const char *what, int error)
{
	bool rights = error == -EPERM || error == -EACCES;
	log_fatal("%s: %s%s", what, strerror(-error),
	    rights ? " (this needs root, or CAP_NET_RAW and CAP_NET_ADMIN)" : "");
	return EXIT_FAILED;
}

static int open_pppd_side(struct gateway *g)
{
	if (g->main_fd >= 0) {
		int error = pppd_open_pty(&g->pty_in, &g->slave_fd, g->tty_name);
		if (error)
			return failed("cannot open a pty for pppd", error);
		g->pty_out = g->pty_in;
		error = let_go_of_standard_fds();
		return error ? failed("cannot open /dev/null", error) : 0;
	}
	/* pppd gives us the same pty twice, or two pipes (its option `record`). No one else reads
	 * or writes through these open files, so that their mode is ours to set; but somebody who
	 * tries this form by hand gives us his terminal, and gets it back as it was. */
	g->pty_in = STDIN_FILENO;
	g->pty_out = STDOUT_FILENO;
	int error = set_nonblocking(g->pty_in, &g->made_nonblocking[0]);
	if (!error)
		error = set_nonblocking(g->pty_out, &g->made_nonblocking[1]);
	return error ? failed("standard input and output must be pppd's pty", error) : 0;
}

/* Before the call manager: the server may send packets before we hear that the call stands. */
static int open_network_side(struct gateway *g)
{
	const struct pptp_options *o = g->options;
	g->call_id_fd = netsock_reserve_call_id(o->call_id, &g->call_id);
	if (g->call_id_fd == -EADDRINUSE) {
		log_fatal(
		    "call id %u is in use by another call of this host", (unsigned)o->call_id);
		return EXIT_FAILED;
	}
	if (g->call_id_fd < 0)
		return failed("cannot reserve a call id", g->call_id_fd);
	struct netsock_options so = {.local = o->localbind, .mark = o->rtmark};
	g->gre_fd = netsock_gre_open(g->call_id, &so);
	if (g->gre_fd == -EADDRNOTAVAIL)
		return failed("--localbind: not an address of this host", g->gre_fd);
	if (g->gre_fd < 0)
		return failed("cannot open a raw socket for GRE", g->gre_fd);
	return 0;
}

/*
 * The end of the call.
 */

static void stop_carrying(struct gateway *g)
{
	gre_path_stop(&g->path);
	loop_remove(&g->loop, &g->pty_watch);
	loop_remove(&g->loop, &g->main_watch);
	g->silence_timer.deadline_us = DEADLINE_NEVER;
}

/* Waits, not for long, for the call manager to finish. */
static void begin_closing(struct gateway *g, int exit_status)
{
	stop_carrying(g);
	g->phase = PHASE_CLOSING;
	g->exit_status = exit_status;
	g->close_timer.deadline_us = loop_now_us() + LAST_WORD_WAIT_US;
}

/* Ends the call from our side. `why` is for the last line; NULL: the reason has been logged. */
static void end_call(struct gateway *g, int exit_status, const char *why)
{
	if (g->phase == PHASE_CLOSING)
		return;
	begin_closing(g, exit_status);
	snprintf(g->why, sizeof(g->why), "%s", why ? why : "");
	struct ipc_message m = {.type = IPC_CALL_CLOSE, .fd = -1};
	/* Where that fails the call manager is gone, or will see our end closed. */
	if (ipc_send(g->ipc_fd, &m) < 0)
		loop_stop(&g->loop);
}

static void on_close_deadline(void *context, int64_t now_us)
{
	struct gateway *g = context;
	(void)now_us;
	log_info("the call manager takes too long to end the call: not waiting any more");
	/* One that nobody else needs; with a call that stood the right to it is gone. */
	if (!g->was_up && g->manager > 0)
		(void)kill(g->manager, SIGKILL);
	loop_stop(&g->loop);
}

/* The call manager is our child, so that until here its process id is nobody else's. */
static void reap(struct gateway *g)
{
	if (g->manager > 0 && waitpid(g->manager, NULL, WNOHANG) != 0)
		g->manager = -1;
}

/*
 * The silence is counted, not measured: a time in which we were stopped ourselves is not held
 * against the call manager. It is woken up where it was stopped, so that it can take down what it
 * has set up, and else ended when the wait for its last word is over.
 */
static void on_manager_silent(void *context, int64_t now_us)
{
	struct gateway *g = context;
	if (g->phase != PHASE_CALLING)
		return;
	if (++g->pendings < SILENT_MAX) {
		g->manager_timer.deadline_us = now_us + IPC_PENDING_US;
		return;
	}
	char why[WHY_CAP];
	snprintf(why, sizeof(why),
	    "Call manager exited with error: it was silent for %d s, stopped or hanging,",
	    (int)(SILENT_MAX * IPC_PENDING_US / USEC_PER_SEC));
	end_call(g, EXIT_FAILED, why);
	if (g->manager > 0)
		(void)kill(g->manager, SIGCONT);
}

static void on_signal(void *context, int signo, int64_t now_us)
{
	struct gateway *g = context;
	(void)now_us;
	if (signo == SIGUSR1) {
		for (size_t i = 0; i < STATS_COUNT; i++)
			log_stats("%s = %" PRIu64, stats_table[i].name,
			    stats_shown(&g->path.stats, &stats_table[i]));
		return;
	}
	if (signo == SIGCHLD) {
		reap(g);
		return;
	}
	char why[WHY_CAP];
	snprintf(why, sizeof(why), "ended by signal %d (%s)", signo, strsignal(signo));
	end_call(g, g->was_up ? 0 : EXIT_FAILED, why);
}

/*
 * pppd's side.
 */

static void on_main_gone(void *context, short revents, int64_t now_us)
{
	struct gateway *g = context;
	(void)revents;
	(void)now_us;
	if (g->was_up)
		end_call(g, 0, "pppd ended without using the pty, see pppd log");
	else
		end_call(g, EXIT_FAILED, "pptp itself was ended");
}

static void on_hung_up(void *context, int error)
{
	struct gateway *g = context;
	log_info("short read (%d): %s", error ? -1 : 0, strerror(error ? error : EIO));
	end_call(g, 0, "pppd may have shutdown, see pppd log");
}

/* pppd's side before the call stands: of interest is only its going away. */
static void on_early_pty(void *context, short revents, int64_t now_us)
{
	struct gateway *g = context;
	(void)now_us;
	if (!(revents & (POLLHUP | POLLERR | POLLNVAL)))
		return;
	end_call(g, EXIT_FAILED, "pppd has gone");
}

static bool listens(void *context)
{
	struct gateway *g = context;

	return pppd_listens(g->pty_out);
}

static void on_refused(void *context, const char *why)
{
	struct gateway *g = context;

	log_fatal("%s", why);
	end_call(g, EXIT_FAILED, NULL);
}

static void on_pppd_speaks(void *context)
{
	struct gateway *g = context;
	loop_remove(&g->loop, &g->main_watch);
	close_fd(&g->main_fd);
	close_fd(&g->slave_fd);
}

static void on_silence_deadline(void *context, int64_t now_us)
{
	struct gateway *g = context;
	if (g->path.rx.datagrams)
		return;
	if (!g->path.stats.tx_sent) {
		g->silence_timer.deadline_us = now_us + SILENCE_US;
		return;
	}
	char server[INET_ADDRSTRLEN];
	const unsigned char *a = (const unsigned char *)&g->up.server.s_addr;
	snprintf(server, sizeof(server), "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
	log_warn(
	    "no GRE came back from %s in %d s: a firewall or NAT on the way may drop IP protocol 47",
	    server, (int)(SILENCE_US / USEC_PER_SEC));
}

static void tell_main(struct gateway *g)
{
	struct gateway_ready word = {{0}};
	if (g->main_fd < 0)
		return;
	memcpy(word.tty_name, g->tty_name, sizeof(word.tty_name));
	/* Nobody there: on_main_gone hears of it. */
	(void)send(g->main_fd, &word, sizeof(word), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int start_path(struct gateway *g, int64_t now_us)
{
	const struct pptp_options *o = g->options;
	struct gre_path_config config = {
	    .session =
		{
		    .peer_call_id = g->up.peer_call_id,
		    .our_window = RECEIVE_WINDOW,
		    .server_window = g->up.server_window,
		    .server_delay_us = g->up.server_delay * (USEC_PER_SEC / 10),
		    .reorder = o->reorder,
		    .fixed_wait_us = o->timeout_us,
		    .max_wait_us = o->max_timeout_us,
		    .missing_window = o->missing_window,
		    .flow_control = o->flow_control,
		},
	    .sync = o->sync,
	    .test_type = (enum txorder_type)o->test_type,
	    .test_rate = o->test_rate,
	    .pty_in = g->pty_in,
	    .pty_out = g->pty_out,
	    .server = g->up.server,
	    .gre = g->gre_fd,
	    .queue_entries = g->queue_entries,
	    .queue_slots = g->queue_slots,
	    .queue_capacity = g->queue_capacity,
	    .queue_slot_len = PACKET_MAX,
	};
	struct gre_path_events events = {listens, on_pppd_speaks, on_hung_up, on_refused, g};
	return gre_path_start(&g->path, &config, &events, &g->loop, now_us);
}

/*
 * The call manager's side.
 */

static void on_call_up(struct gateway *g, const struct ipc_call_up *up, int64_t now_us)
{
	if (g->phase != PHASE_CALLING)
		return;
	g->up = *up;
	loop_remove(&g->loop, &g->pty_watch);
	int error = netsock_gre_connect(g->gre_fd, up->server, up->local);
	if (error)
		failed("cannot send GRE to the server", error);
	else if ((error = start_path(g, now_us)))
		failed("cannot start carrying packets", error);
	if (error) {
		end_call(g, EXIT_FAILED, NULL);
		return;
	}
	g->phase = PHASE_UP;
	g->was_up = true;
	g->silence_timer.deadline_us = now_us + SILENCE_US;
	log_quiet_stderr();
	log_hurry();
	if (chdir("/") < 0)
		log_debug("chdir: %s", strerror(errno));
	privs_leave_root();
	privs_drop(false);
	tell_main(g);
}

/*
 * The user's last line. Log readers of the old client look for "Call manager exited with error", and
 * for "pptp_callmgr", which they find in this function's name, before "Could not open control
 * connection to".
 */
static void pptp_callmgr_error(const char *text)
{
	log_fatal("Call manager exited with error: %s", text);
}

static void on_call_over(struct gateway *g, const struct ipc_call_over *over)
{
	if (g->phase == PHASE_CLOSING)
		return;
	if (!over->was_up)
		pptp_callmgr_error(over->text);
	else if (over->exit_status)
		log_fatal("%s", over->text);
	else
		log_info("%s", over->text);
	begin_closing(g, over->exit_status);
}

static void on_call_manager_gone(struct gateway *g)
{
	if (g->phase != PHASE_CLOSING) {
		log_fatal(
		    "Call manager exited with error: it ended without a word %s the call to %s%s",
		    g->was_up ? "and with it" : "before", g->options->server,
		    g->was_up ? "" : " stood");
		begin_closing(g, EXIT_FAILED);
	}
	loop_stop(&g->loop);
}

static void on_moved(struct gateway *g, int fd)
{
	close(g->ipc_fd);
	g->ipc_fd = fd;
	g->ipc_watch.fd = fd;
	if (g->phase == PHASE_CLOSING) { /* the one before may have gone without passing that on */
		struct ipc_message m = {.type = IPC_CALL_CLOSE, .fd = -1};
		if (ipc_send(fd, &m) < 0)
			loop_stop(&g->loop);
	}
}

static void send_stats(struct gateway *g)
{
	struct ipc_message m = {.type = IPC_STATS, .fd = -1};
	m.u.stats = g->path.stats;
	(void)ipc_send(g->ipc_fd, &m); /* who does not read has no need of it */
}

static void on_ipc(void *context, short revents, int64_t now_us)
{
	struct gateway *g = context;
	struct ipc_message m;
	(void)revents;

	int n = ipc_receive(g->ipc_fd, &m);
	if (n == -EAGAIN)
		return;
	if (n <= 0) {
		on_call_manager_gone(g);
		return;
	}
	g->pendings = 0;
	if (m.fd >= 0 && m.type != IPC_CALL_MOVED)
		close(m.fd);
	switch (m.type) {
	case IPC_CALL_UP:
		on_call_up(g, &m.u.up, now_us);
		break;
	case IPC_CALL_OVER:
		m.u.over.text[sizeof(m.u.over.text) - 1] = '\0';
		on_call_over(g, &m.u.over);
		break;
	case IPC_CALL_MOVED:
		on_moved(g, m.fd);
		break;
	case IPC_STATS_REQUEST:
		send_stats(g);
		break;
	case IPC_CALL_PENDING:
		break; /* that it came is all it says */
	case IPC_CALL_REQUEST:
	case IPC_CALL_CLOSE:
	case IPC_STATS:
	case IPC_STATUS_REQUEST:
	case IPC_STATUS:
		break; /* not for a gateway */
	}
}

/* The child has no use for the gateway's memory; its descriptors are closed by callmgr_main. */
static int be_call_manager(struct gateway *g, int fd, const struct ipc_call_request *request)
{
	const struct pptp_options *o = g->options;
	munmap(g, sizeof(*g));
	return callmgr_main(o, fd, request);
}

static int fork_call_manager(struct gateway *g)
{
	struct ipc_call_request request = {.call_id = g->call_id, .window = RECEIVE_WINDOW};
	snprintf(request.phone, sizeof(request.phone), "%s", g->options->phone);

	int pair[2];
	int error = ipc_pair(pair);
	if (error)
		return failed("cannot make a socket pair", error);
	pid_t pid = child_fork();
	if (pid < 0)
		return failed("cannot fork", -errno);
	if (pid == 0) {
		close(pair[0]);
		exit(be_call_manager(g, pair[1], &request));
	}
	close(pair[1]);
	g->ipc_fd = pair[0];
	g->manager = pid;
	return 0;
}

static void set_watch(struct loop_watch *w, struct gateway *g, int fd, short events,
    void (*ready)(void *context, short revents, int64_t now_us))
{
	*w = (struct loop_watch){.fd = fd, .events = events, .ready = ready, .context = g};
}

/*
 * Before anything is changed or forked: none may come in between and find nobody who puts it right.
 * SIGCHLD is among them, whatever our parent does with it: who ignores it may find the call manager's
 * process id with somebody else.
 */
static int hold_signals(struct gateway *g)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD};
	int error = loop_init(&g->loop);
	if (!error)
		error = loop_signals(
		    &g->loop, signals, sizeof(signals) / sizeof(signals[0]), on_signal, g);
	return error ? failed("cannot take signals", error) : 0;
}

static int start_loop(struct gateway *g)
{
	set_watch(&g->ipc_watch, g, g->ipc_fd, POLLIN, on_ipc);
	set_watch(&g->pty_watch, g, g->pty_in, 0, on_early_pty);
	set_watch(&g->main_watch, g, g->main_fd, POLLIN, on_main_gone);
	int error = loop_add(&g->loop, &g->ipc_watch);
	if (!error)
		error = loop_add(&g->loop, &g->pty_watch);
	if (!error && g->main_fd >= 0)
		error = loop_add(&g->loop, &g->main_watch);
	g->close_timer = (struct loop_timer){
	    .deadline_us = DEADLINE_NEVER, .expired = on_close_deadline, .context = g};
	g->silence_timer = (struct loop_timer){
	    .deadline_us = DEADLINE_NEVER, .expired = on_silence_deadline, .context = g};
	g->manager_timer = (struct loop_timer){.deadline_us = loop_now_us() + IPC_PENDING_US,
	    .expired = on_manager_silent,
	    .context = g};
	loop_timer_add(&g->loop, &g->manager_timer);
	loop_timer_add(&g->loop, &g->close_timer);
	loop_timer_add(&g->loop, &g->silence_timer);
	return error;
}

static int run(struct gateway *g)
{
	int status = hold_signals(g);
	if (!status)
		status = open_pppd_side(g);
	if (!status)
		status = open_network_side(g);
	if (!status)
		status = fork_call_manager(g);
	if (status)
		return status;
	if (!map_queue(g))
		return failed("cannot make room for packets", -ENOMEM);
	int error = start_loop(g);
	if (!error)
		error = loop_run(&g->loop);
	if (error)
		return failed("the gateway's loop", error);
	return g->exit_status;
}

/* What was ended on this side: the call manager's last word cannot know why. */
static void say_why(const struct gateway *g)
{
	if (g->why[0] && g->was_up)
		log_info("The call to %s is over: %s", g->options->server, g->why);
	else if (g->why[0])
		log_fatal("%s before the call to %s stood", g->why, g->options->server);
}

int gateway_main(const struct pptp_options *o, int main_fd)
{
	privs_name_process("pptpgw");
	struct gateway *g = fresh_memory(sizeof(*g));
	if (!g)
		return failed("cannot start", -ENOMEM);
	g->options = o;
	g->exit_status = EXIT_FAILED;
	g->main_fd = main_fd;
	g->call_id_fd = g->gre_fd = g->pty_in = g->pty_out = g->slave_fd = g->ipc_fd = -1;
	int status = run(g);
	restore_pppd_side(g);
	say_why(g);
	loop_free(&g->loop);
	close_fd(&g->ipc_fd);
	close_fd(&g->gre_fd);
	close_fd(&g->call_id_fd);
	munmap(g, sizeof(*g));
	return status;
}
