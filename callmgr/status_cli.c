/* SPDX-License-Identifier: ISC */
/*
 * Each name in the run directory is the socket of a call manager. They are asked a batch at a time, so
 * that one that hangs holds up no other; it is shown by what the name of its socket says.
 */
#include "callmgr/status_cli.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/deadline.h"
#include "lib/ipc_msg.h"
#include "sys/error_text.h"
#include "sys/ipc.h"
#include "sys/rundir.h"
#include "callmgr/status_format.h"
#include "callmgr/text.h"

enum {
	/* A call manager asks its gateway first, and waits half as long for one that is stopped. */
	ANSWER_WAIT_MS = 2000,
	BATCH = 64,
	TUNNELS_MAX = 4096, /* 32 KiB of the stack; a host's memory is full with fewer */
	PATH_CAP = RUNDIR_PATH_MAX + 256,
};

struct status {
	const char *directory;
	const char *wanted;         /* a name, server or address; NULL = all */
	char *answers[TUNNELS_MAX]; /* allocated */
	size_t count;
	bool any_hangs;
	bool any_failed;
};

static int64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void add_answer(struct status *s, char *text)
{
	status_format_clean(text);
	if (s->wanted && !status_format_matches(text, s->wanted))
		return;
	s->any_hangs = s->any_hangs || status_format_hangs(text);
	char *copy = s->count < TUNNELS_MAX ? strdup(text) : NULL;
	if (copy)
		s->answers[s->count++] = copy;
	else
		s->any_failed = true;
}

/* The name of a socket is "local:server.pid", see FILES in pptp.8; before there is a server,
 * "connecting.pid". */
static void add_hanging(struct status *s, const char *name)
{
	char text[512] = "";
	int local_len = (int)strcspn(name, ":");
	const char *server = name[local_len] ? name + local_len + 1 : NULL;
	const char *dot = strrchr(name, '.');
	int n = 0;
	if (server && dot > server)
		n = snprintf(text, sizeof(text), "address=%.*s\nlocal=%.*s\n", (int)(dot - server),
		    server, local_len, name);
	if (n >= 0 && (size_t)n < sizeof(text))
		snprintf(text + n, sizeof(text) - (size_t)n,
		    "parent=%.10s\nstate=hanging\nhanging=call manager\n", dot ? dot + 1 : "");
	s->any_hangs = true;
	add_answer(s, text);
	fprintf(stderr, "pptp: no status from %s/%s: it does not answer; is it stopped?\n",
	    s->directory, name);
}

/* It has exited, or is about to. */
static bool is_closed(int error)
{
	return error == -ECONNREFUSED || error == -ENOENT || error == -EPIPE ||
	       error == -ECONNRESET;
}

static void add_result(struct status *s, const char *name, int error, char *text)
{
	if (!error)
		add_answer(s, text);
	else if (error == -ETIMEDOUT || error == -EAGAIN) /* -EAGAIN: others wait there already */
		add_hanging(s, name);
	else if (!is_closed(error)) {
		s->any_failed = true;
		fprintf(stderr, "pptp: no status from %s/%s: %s\n", s->directory, name,
		    error == -EBADMSG ? "it answers as another version of pptp would"
				      : error_text(-error));
	}
}

struct batch {
	struct pollfd asked[BATCH];
	char names[BATCH][PATH_CAP - RUNDIR_PATH_MAX];
	nfds_t count;
};

static void ask(struct status *s, struct batch *b, const char *name)
{
	char path[PATH_CAP];
	if (name[0] == '.' || strlen(name) >= sizeof(b->names[0]))
		return;
	snprintf(path, sizeof(path), "%s/%s", s->directory, name);
	int fd = ipc_connect(path, getuid());
	int error = fd < 0 ? fd : ipc_send_type(fd, IPC_STATUS_REQUEST);
	if (error) {
		if (fd >= 0)
			close(fd);
		add_result(s, name, error, NULL);
		return;
	}
	snprintf(b->names[b->count], sizeof(b->names[0]), "%s", name);
	b->asked[b->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void receive_answer(struct status *s, struct batch *b, size_t i, int error)
{
	char text[IPC_STATUS_MAX];
	if (!error)
		error = ipc_receive_status(b->asked[i].fd, text, sizeof(text));
	close(b->asked[i].fd);
	b->asked[i].fd = -1;
	add_result(s, b->names[i], error, text);
}

static void receive_answers(struct status *s, struct batch *b)
{
	int64_t until_ms = now_ms() + ANSWER_WAIT_MS;
	size_t left = b->count;
	while (left > 0) {
		int64_t wait_ms = until_ms - now_ms();
		int ready = poll(b->asked, b->count, wait_ms > 0 ? (int)wait_ms : 0);
		if (ready < 0 && errno == EINTR)
			continue;
		for (size_t i = 0; i < b->count; i++) {
			bool answered = ready > 0 && b->asked[i].revents;
			if (b->asked[i].fd < 0 || (ready > 0 && !answered))
				continue;
			receive_answer(s, b, i, answered ? 0 : ready < 0 ? -errno : -ETIMEDOUT);
			left--;
		}
	}
	b->count = 0;
}

/* 0 or a negative errno. */
static int ask_all(struct status *s)
{
	struct batch b = {.count = 0};
	DIR *dir = opendir(s->directory);
	if (!dir)
		return -errno;
	const struct dirent *entry;
	while (errno = 0, (entry = readdir(dir))) {
		ask(s, &b, entry->d_name);
		if (b.count == BATCH)
			receive_answers(s, &b);
	}
	int error = -errno; /* of readdir */
	receive_answers(s, &b);
	closedir(dir);
	return error;
}

static void report_missing(const struct status *s, int error)
{
	char wanted[1024];
	struct text t = text_make(wanted, sizeof(wanted));
	if (s->wanted)
		text_add_printable(&t, s->wanted, sizeof(wanted));
	if (error == -EEXIST)
		fprintf(stderr, "pptp: %s belongs to another user\n", s->directory);
	else if (error && error != -ENOENT)
		fprintf(stderr, "pptp: cannot look for calls in %s: %s\n", s->directory,
		    error_text(-error));
	else if (!s->count && !s->any_failed && s->wanted)
		fprintf(stderr, "pptp: no call of this user has the name or server '%s'\n", wanted);
	else if (!s->count && !s->any_failed)
		fprintf(stderr, "pptp: no call of this user is running: there is none in %s\n",
		    s->directory);
	if (getuid() != 0)
		fprintf(stderr,
		    "pptp: only calls of user %lu are shown here; calls of root are shown to root\n",
		    (unsigned long)getuid());
}

int status_main(const struct pptp_options *o)
{
	char directory[RUNDIR_PATH_MAX];
	struct status s = {.directory = directory, .wanted = o->server};
	/* A set-user-id program shows its user what the user may see. */
	int error = seteuid(getuid()) < 0 ? -errno : rundir_find(directory);
	if (!error)
		error = ask_all(&s);
	if (s.count || o->status_format != STATUS_TEXT)
		status_format_print(
		    stdout, o->status_format, (const char *const *)s.answers, s.count);
	report_missing(&s, error);
	for (size_t i = 0; i < s.count; i++)
		free(s.answers[i]);
	if (fflush(stdout) != 0 || s.any_failed || !s.count)
		return EXIT_FAILED;
	return s.any_hangs ? EXIT_HANGING : 0;
}
