/* SPDX-License-Identifier: ISC */
/* A process that has exited makes its pidfd readable, before and after it is reaped. */
#include "sys/stderr_owner.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/log.h"

enum {
	NAME_CAP = 32,
	STAT_CAP = 512,
	/* pppd's shell, and perhaps a script and a program that sets up the process, as nice does. */
	ANCESTORS_MAX = 4,
};

int stderr_owner_open(pid_t pid)
{
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0U) : -1;
}

/* Reads name and parent of a process: "pid (name) state parent ...", where the name may hold anything. */
static pid_t read_stat(pid_t pid, char name[NAME_CAP])
{
	char path[32], text[STAT_CAP];
	long parent = 0;
	name[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = '\0';
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || strlen(close) < 4)
		return 0;
	snprintf(name, NAME_CAP, "%.*s", (int)(close - open - 1), open + 1);
	parent = strtol(close + 4, NULL, 10);
	return (pid_t)parent;
}

int stderr_owner_open_pppd(void)
{
	char name[NAME_CAP];
	pid_t pid = getppid();
	for (int i = 0; i < ANCESTORS_MAX && pid > 1; i++) {
		pid_t parent = read_stat(pid, name);
		if (strcmp(name, "pppd") == 0)
			return stderr_owner_open(pid);
		pid = parent;
	}
	return -1;
}

static void on_exited(void *context, int64_t now_us)
{
	struct stderr_owner *s = context;
	(void)now_us;
	loop_remove(s->loop, &s->watch);
	log_quiet_stderr(false);
}

void stderr_owner_watch(struct stderr_owner *s, struct loop *loop, int fd, bool unless_alone)
{
	if (s->loop)
		return;
	if (fd >= 0 && loop_watch_fd(loop, &s->watch, fd, POLLIN, on_exited, s) == 0)
		s->loop = loop;
	else
		log_quiet_stderr(unless_alone);
}
