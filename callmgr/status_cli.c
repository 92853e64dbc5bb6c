/* SPDX-License-Identifier: ISC */
/* Whom to ask stands in the socket folder: each name there is a call manager's (callmgr_join.c). */
#include "callmgr/status_cli.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/ipc.h"
#include "pptp_options.h"
#include "sys/rundir.h"

enum {
	/* A call manager asks its gateways first, and waits a quarter of a second for those
	 * that are stopped. */
	ANSWER_WAIT_MS = 2000,
	PATH_CAP = 256,
};

/* The answer as text, or a negative errno. */
static int ask(const char *path, char *text, size_t cap)
{
	int fd = ipc_connect(path);
	if (fd < 0)
		return fd;
	struct ipc_message question = {.type = IPC_STATUS_REQUEST, .fd = -1};
	int rc = ipc_send(fd, &question);
	struct pollfd answer = {.fd = fd, .events = POLLIN};
	if (rc == 0)
		rc = poll(&answer, 1, ANSWER_WAIT_MS) > 0 ? ipc_receive_status(fd, text, cap)
		                                          : -ETIMEDOUT;
	close(fd);
	return rc;
}

static const char *reason(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return "it does not answer; is it stopped?";
	case -EBADMSG:
		return "it answers as another version would";
	default:
		return strerror(-error);
	}
}

/* Dead, on its way out, or gone since we have read its name. */
static bool is_gone(int error)
{
	return error == -ECONNREFUSED || error == -ENOENT || error == -EPIPE ||
	       error == -ECONNRESET;
}

static unsigned ask_all(struct run_folder_walk *walk, const char *folder)
{
	unsigned answers = 0;
	const char *name;
	while ((name = run_folder_walk_next(walk))) {
		char path[PATH_CAP];
		char text[IPC_STATUS_MAX];
		int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
		if (name[0] == '.' || n < 0 || (size_t)n >= sizeof(path))
			continue;
		int rc = ask(path, text, sizeof(text));
		if (rc == 0)
			printf("%s%s", answers++ ? "\n" : "", text);
		else if (!is_gone(rc))
			fprintf(stderr, "pptp: no status from %s: %s\n", path, reason(rc));
	}
	return answers;
}

/* How many call managers have answered, or a negative errno (-ENOENT: nothing was ever started). */
static int ask_in(char *folder, size_t cap)
{
	int rc = run_folder_find(folder, cap);
	if (rc < 0)
		return rc;
	struct run_folder_walk walk;
	rc = run_folder_walk_begin(&walk, folder);
	if (rc < 0)
		return rc;
	unsigned answers = ask_all(&walk, folder);
	run_folder_walk_end(&walk);
	return (int)answers;
}

int status_main(void)
{
	char folder[PATH_CAP];
	int answers = ask_in(folder, sizeof(folder));
	if (answers == -ENOENT)
		fprintf(stderr, "pptp: no call of this user is running\n");
	else if (answers < 0)
		fprintf(stderr, "pptp: cannot look for call managers: %s\n", strerror(-answers));
	else if (answers == 0)
		fprintf(stderr, "pptp: no call is running: nobody answers in %s\n", folder);
	if (geteuid() != 0)
		fprintf(stderr,
		    "pptp: only calls of user %lu are shown here; calls of root are shown to root\n",
		    (unsigned long)geteuid());
	return fflush(stdout) == 0 && answers > 0 ? 0 : EXIT_FAILED;
}
