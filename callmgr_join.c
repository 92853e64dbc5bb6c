/* SPDX-License-Identifier: ISC */
/*
 * Names in the socket folder: "<local>:<server>" for the first call manager of a pair of
 * addresses, "<local>:<server>.<pid>" for further ones, and "connecting.<pid>" for those that have
 * no connection yet and can be asked for status only. The folder's election lock is held only
 * around looking and listening, or looking and connecting, so that of any number of starts at once
 * one becomes the call manager and all others find it. Owns the listener and the connection to the
 * call manager that was asked; what is said on sockets of clients is callmgr_clients.c's.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "callmgr.h"
#include "sys/rundir.h"

#define SHOWN_PREFIX "connecting."

enum {
	PAIR_MAX = 2 * INET_ADDRSTRLEN + 1,
	PID_MAX_LEN = 16,
	SILENCE_MAX = 3, /* times IPC_PENDING_US: then nobody is taken to be at it */
	SILENT_MAX = 2,  /* silent call managers that are waited for, one after the other */
};

static void listen_anew(void *context, short revents, int64_t now_us);

static void pair_name(char *name, size_t cap, const struct callmgr *cm)
{
	char local[INET_ADDRSTRLEN] = "255.255.255.255"; /* as the old client wrote "unbound" */
	char server[INET_ADDRSTRLEN] = "";
	struct in_addr address = callmgr_address(cm);
	if (cm->options->localbind.s_addr != htonl(INADDR_ANY))
		inet_ntop(AF_INET, &cm->options->localbind, local, sizeof(local));
	inet_ntop(AF_INET, &address, server, sizeof(server));
	snprintf(name, cap, "%s:%s", local, server);
}

static int make_folder(struct callmgr *cm)
{
	int rc = run_folder_make(cm->traces->folder, sizeof(cm->traces->folder));
	if (rc < 0)
		cm->traces->folder[0] = '\0';
	return rc;
}

const char *join_folder(struct callmgr *cm)
{
	(void)make_folder(cm);
	return cm->traces->folder;
}

/* The folder, locked: the descriptor to close, or a negative errno. */
static int lock_folder(struct callmgr *cm)
{
	int rc = make_folder(cm);
	return rc < 0 ? rc : run_folder_lock(cm->traces->folder);
}

static bool in_folder(char *path, size_t cap, const struct callmgr *cm, const char *name)
{
	int n = snprintf(path, cap, "%s/%s", cm->traces->folder, name);
	return n > 0 && (size_t)n < cap;
}

static size_t dots(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '.';
	return n;
}

/* ---- listening ---- */

static void watch_folder(struct callmgr *cm)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (fd < 0)
		return; /* the call and its control connection do not depend on it */
	cm->folder_watch =
	    (struct loop_watch){.fd = fd, .events = POLLIN, .ready = listen_anew, .context = cm};
	if (inotify_add_watch(fd, cm->traces->folder,
		IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR) < 0 ||
	    loop_add(&cm->loop, &cm->folder_watch) < 0) {
		close(fd);
		cm->folder_watch.fd = -1;
	}
}

/* The kernel takes its time for this: not before the server has heard that the call ends. */
static void unwatch_folder(struct callmgr *cm)
{
	if (cm->folder_watch.fd < 0)
		return;
	loop_remove(&cm->loop, &cm->folder_watch);
	close(cm->folder_watch.fd);
	cm->folder_watch.fd = -1;
}

static int open_listener(struct callmgr *cm, const char *path)
{
	struct stat st;
	int fd = ipc_listen(path);
	if (fd < 0)
		return fd;
	cm->listener =
	    (struct loop_watch){.fd = fd, .events = POLLIN, .ready = clients_accept, .context = cm};
	if (stat(path, &st) < 0 || loop_add(&cm->loop, &cm->listener) < 0) {
		unlink(path);
		close(fd);
		cm->listener.fd = -1;
		return -ENOMEM;
	}
	cm->socket_dev = st.st_dev;
	cm->socket_ino = st.st_ino;
	return 0;
}

/* With the lock held: listens at `name` in the folder. 0 or a negative errno. */
static int listen_at(struct callmgr *cm, const char *name)
{
	char *path = cm->traces->socket_path; /* noted before it is there: see callmgr_traces */
	int rc =
	    in_folder(path, CALLMGR_PATH_MAX, cm, name) ? open_listener(cm, path) : -ENAMETOOLONG;
	if (rc < 0)
		path[0] = '\0';
	return rc;
}

/* Whose socket it is by a name that ends in a process id, else 0. */
static long pid_in(const char *name)
{
	const char *dot = strrchr(name, '.');
	const char *colon = strchr(name, ':');
	bool shown = strncmp(name, SHOWN_PREFIX, strlen(SHOWN_PREFIX)) == 0;
	/* The last of a fourth dot is behind the server's address. */
	return dot && (shown || (colon && dots(colon) == 4)) ? strtol(dot + 1, NULL, 10) : 0;
}

/*
 * With the lock held: removes sockets that killed call managers left under names of their own. A
 * pid that is in use is none of a dead one, or belongs to another namespace: left alone.
 */
static void clear_stale(struct callmgr *cm)
{
	char path[CALLMGR_PATH_MAX];
	struct run_folder_walk walk;
	if (run_folder_walk_begin(&walk, cm->traces->folder) < 0)
		return;
	const char *name;
	while ((name = run_folder_walk_next(&walk))) {
		long pid = pid_in(name);
		if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH ||
		    !in_folder(path, sizeof(path), cm, name))
			continue;
		int fd = ipc_connect(path);
		if (fd == -ECONNREFUSED)
			unlink(path);
		else if (fd >= 0)
			close(fd);
	}
	run_folder_walk_end(&walk);
}

/* With the lock held: under the pair's name, or where that is taken under one of our own. */
static int listen_somewhere(struct callmgr *cm)
{
	char pair[PAIR_MAX];
	char own[PAIR_MAX + PID_MAX_LEN];
	pair_name(pair, sizeof(pair), cm);
	clear_stale(cm);
	int rc = listen_at(cm, pair);
	if (rc == -EISDIR)
		log_info("%s/%s is a folder, where a socket should be: rm -r it",
		    cm->traces->folder, pair);
	if (rc == -EISDIR || rc == -EADDRINUSE) {
		snprintf(own, sizeof(own), "%s.%ld", pair, (long)getpid());
		rc = listen_at(cm, own);
	}
	if (rc == 0)
		watch_folder(cm);
	return rc;
}

/* Nobody looks for that name to join: two that wait for their server must not wait for each other. */
void join_show(struct callmgr *cm)
{
	char name[sizeof(SHOWN_PREFIX) + PID_MAX_LEN];
	if (cm->listener.fd >= 0 || cm->shown)
		return;
	cm->shown = true;
	int lock = lock_folder(cm);
	if (lock < 0)
		return;
	snprintf(name, sizeof(name), SHOWN_PREFIX "%ld", (long)getpid());
	(void)listen_at(cm, name);
	close(lock);
}

void join_listen(struct callmgr *cm)
{
	if (cm->shown)
		join_unlisten(cm);
	if (cm->listener.fd >= 0)
		return;
	int lock = lock_folder(cm);
	int rc = lock < 0 ? lock : listen_somewhere(cm);
	if (lock >= 0)
		close(lock);
	if (rc < 0)
		log_info("no socket for status and further calls: %s", strerror(-rc));
}

static bool socket_is_ours(const struct callmgr *cm)
{
	struct stat st;
	return cm->traces->socket_path[0] && stat(cm->traces->socket_path, &st) == 0 &&
	       st.st_dev == cm->socket_dev && st.st_ino == cm->socket_ino;
}

void join_unlisten(struct callmgr *cm)
{
	unwatch_folder(cm);
	cm->shown = false;
	if (cm->listener.fd < 0)
		return;
	/* Without the lock somebody could put a socket of his own between the look and unlink. */
	int lock = run_folder_lock(cm->traces->folder);
	if (socket_is_ours(cm))
		unlink(cm->traces->socket_path);
	loop_remove(&cm->loop, &cm->listener);
	close(cm->listener.fd);
	cm->listener.fd = -1;
	cm->traces->socket_path[0] = '\0';
	if (lock >= 0)
		close(lock);
}

bool join_clear_up(const struct callmgr_traces *traces)
{
	if (traces->socket_path[0] == '\0')
		return false;
	/* Without the lock, what refuses may be the socket of one who is about to listen there. */
	int lock = run_folder_lock(traces->folder);
	if (lock < 0)
		return false;
	int fd = ipc_connect(traces->socket_path);
	bool dead = fd == -ECONNREFUSED && unlink(traces->socket_path) == 0;
	if (fd >= 0)
		close(fd); /* somebody has taken the name over */
	close(lock);
	return dead;
}

/* Somebody removed something in the folder; where it was our socket, we make it anew. */
static void listen_anew(void *context, short revents, int64_t now_us)
{
	struct callmgr *cm = context;
	char events[4096];
	(void)revents;
	(void)now_us;
	while (read(cm->folder_watch.fd, events, sizeof(events)) > 0)
		;
	if (socket_is_ours(cm))
		return;
	/* Whoever removes the folder as well may do so between our making and using it. */
	for (int tries = 0; tries < 3 && !socket_is_ours(cm); tries++) {
		join_unlisten(cm);
		join_listen(cm);
	}
	if (cm->route_begun)
		route_share_again(&cm->traces->route);
	if (cm->traces->socket_path[0])
		log_info(
		    "the socket was removed by somebody; %s is made anew", cm->traces->socket_path);
}

/* ---- joining ---- */

/* With the lock held: connects to `name`; what a dead process left there is cleared away. */
static int connect_at(struct callmgr *cm, const char *name)
{
	char path[CALLMGR_PATH_MAX];
	if (!in_folder(path, sizeof(path), cm, name))
		return -ENAMETOOLONG;
	if (strcmp(path, cm->traces->socket_path) == 0)
		return -ENOENT; /* that is ourselves */
	if (strcmp(path, cm->silent_path) == 0)
		return -EAGAIN;
	int fd = ipc_connect(path);
	if (fd == -ECONNREFUSED)
		unlink(path);
	if (fd >= 0)
		snprintf(cm->joined_path, sizeof(cm->joined_path), "%s", path);
	return fd;
}

/* With the lock held: any live call manager of the pair; a descriptor, or a negative errno. */
static int connect_any(struct callmgr *cm)
{
	char pair[PAIR_MAX];
	pair_name(pair, sizeof(pair), cm);
	size_t len = strlen(pair);
	int fd = connect_at(cm, pair);
	if (fd >= 0)
		return fd;
	struct run_folder_walk walk;
	int rc = run_folder_walk_begin(&walk, cm->traces->folder);
	if (rc < 0)
		return rc;
	const char *name;
	while (fd < 0 && (name = run_folder_walk_next(&walk)))
		if (strncmp(name, pair, len) == 0 && name[len] == '.')
			fd = connect_at(cm, name);
	run_folder_walk_end(&walk);
	return fd;
}

void join_leave(struct callmgr *cm)
{
	if (cm->joined.fd < 0)
		return;
	loop_remove(&cm->loop, &cm->joined);
	close(cm->joined.fd);
	cm->joined.fd = -1;
}

/* The call stands on the other's connection: our gateway goes on there, and we are done. */
static void hand_over(struct callmgr *cm, const struct ipc_message *up)
{
	struct ipc_message moved = {.type = IPC_CALL_MOVED, .fd = cm->joined.fd};
	int rc = client_send(cm->own->watch.fd, up);
	if (rc == 0)
		rc = client_send(cm->own->watch.fd, &moved);
	if (rc < 0)
		log_info("our gateway does not take its call: %s", strerror(-rc));
	else
		log_info("call %u goes on with another call manager", up->u.up.call_id);
	cm->exit_status = rc < 0 ? EXIT_FAILED : 0;
	client_drop(cm->own); /* closes; what was sent stays readable */
	callmgr_finish(cm);
}

/* The election is held again, without the one that was asked. */
static void look_again(struct callmgr *cm, int64_t now_us)
{
	enum join_search search = cm->channel_exists ? JOIN_OTHERS : JOIN_BECOME_OR_JOIN;
	if (cm->joins_silent < SILENT_MAX && join_elect(cm, search, now_us))
		return;
	if (search == JOIN_OTHERS)
		callmgr_address_failed(cm, now_us);
	else
		callmgr_connect(cm, now_us);
}

/* Silence is counted, not measured: a time in which we were stopped ourselves is no fault of his. */
void join_due(struct callmgr *cm, int64_t now_us)
{
	if (now_us < cm->join_limit_us && ++cm->join_silence < SILENCE_MAX) {
		cm->step.deadline_us = now_us + IPC_PENDING_US;
		return;
	}
	log_info("the call manager at %s does not answer: going on without it", cm->joined_path);
	join_leave(cm);
	memcpy(cm->silent_path, cm->joined_path, sizeof(cm->silent_path));
	cm->joins_silent++;
	cm->end =
	    (struct callmgr_end){.reason = REASON_JOIN, .stage = cm->stage, .code = ETIMEDOUT};
	look_again(cm, now_us);
}

static void joined_ready(void *context, short revents, int64_t now_us)
{
	struct callmgr *cm = context;
	struct ipc_message m;
	(void)revents;
	int rc = ipc_receive(cm->joined.fd, &m);
	if (rc == -EAGAIN)
		return;
	if (rc == 1 && m.fd >= 0)
		close(m.fd);
	cm->join_silence = 0;
	if (rc == 1 && (m.type == IPC_STATS_REQUEST || m.type == IPC_CALL_PENDING))
		return;
	if (rc == 1 && m.type == IPC_CALL_UP && cm->own) {
		hand_over(cm, &m);
		return;
	}
	join_leave(cm);
	cm->step.deadline_us = DEADLINE_NEVER;
	if (rc == 1 && m.type == IPC_CALL_OVER) {
		cm->end = (struct callmgr_end){
		    .reason = REASON_TEXT, .stage = cm->stage, .code = m.u.over.exit_status};
		snprintf(cm->end.text, sizeof(cm->end.text), "%s", m.u.over.text);
		callmgr_address_failed(cm, now_us);
		return;
	}
	look_again(cm, now_us); /* it was on its way out */
}

static int ask(struct callmgr *cm, int fd, int64_t now_us)
{
	struct ipc_message m = {.type = IPC_CALL_REQUEST, .fd = -1};
	m.u.request = cm->own->request;
	cm->joined =
	    (struct loop_watch){.fd = fd, .events = POLLIN, .ready = joined_ready, .context = cm};
	int rc = client_send(fd, &m);
	if (rc == -EPIPE || rc == -ECONNRESET)
		rc = 0; /* gone already: end-of-file will say so */
	if (rc == 0)
		rc = loop_add(&cm->loop, &cm->joined);
	if (rc < 0) {
		close(fd);
		cm->joined.fd = -1;
		return rc;
	}
	cm->stage = STAGE_JOIN;
	/* It may have to connect first: TCP, Start and Outgoing-Call, each with its deadline. */
	cm->join_limit_us = now_us + 3 * cm->options->connect_timeout_us;
	cm->join_silence = 0;
	cm->step.deadline_us = now_us + IPC_PENDING_US;
	log_info("Joining the call manager that has a connection to %s", cm->server_text);
	return 0;
}

int join_elect(struct callmgr *cm, enum join_search search, int64_t now_us)
{
	if (!cm->own || cm->joins++ >= CALLMGR_JOINS_MAX)
		return 0;
	if (cm->shown)
		join_unlisten(cm);
	int lock = lock_folder(cm);
	if (lock < 0) {
		log_info("no folder for sockets: %s", strerror(-lock));
		return 0;
	}
	int fd = connect_any(cm);
	if (fd < 0 && search == JOIN_BECOME_OR_JOIN && cm->listener.fd < 0)
		(void)listen_somewhere(cm);
	close(lock);
	return fd >= 0 && ask(cm, fd, now_us) == 0;
}
