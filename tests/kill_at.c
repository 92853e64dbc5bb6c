/* SPDX-License-Identifier: ISC */
/*
 * Sends a signal to one process, the first that has a given name, at a chosen instant: before or after
 * one of the system calls by which something is made or removed on this host. To be preloaded:
 *
 *	KILL_AT=17 KILL_AT_NAME=pptp KILL_AT_SIGNAL=9 KILL_AT_TELLS=/tmp/where \
 *	    LD_PRELOAD=./kill_at.so program
 *
 * There are two instants for each call. KILL_AT counts them from 1; the one that was struck is
 * written to the file KILL_AT_TELLS.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ISO C has neither dlsym's function pointers nor glibc's socket addresses. */
#pragma GCC diagnostic ignored "-Wpedantic"

enum {
	COMM_MAX = 16
};

static pid_t victim; /* its children inherit this, and are not meant */
static long instants;

static long number(const char *variable)
{
	const char *text = getenv(variable);
	return text ? strtol(text, NULL, 10) : 0;
}

static bool is_victim(void)
{
	char comm[COMM_MAX] = "";
	const char *name = getenv("KILL_AT_NAME");
	prctl(PR_GET_NAME, comm);
	if (victim == 0 && name && strcmp(comm, name) == 0)
		victim = getpid();
	return victim == getpid();
}

static void instant(const char *when, const char *call)
{
	const char *tells = getenv("KILL_AT_TELLS");
	if (!tells || !is_victim() || ++instants != number("KILL_AT"))
		return;
	FILE *f = fopen(tells, "w");
	if (f) {
		fprintf(f, "%s %s", when, call);
		fclose(f);
	}
	(void)syscall(SYS_kill, getpid(), (int)number("KILL_AT_SIGNAL"));
}

#define WRAP(result, call, parameters, ...)                                                        \
	result call parameters                                                                     \
	{                                                                                          \
		instant("before", #call);                                                          \
		result r = ((__typeof__(&call))dlsym(RTLD_NEXT, #call))(__VA_ARGS__);              \
		instant("after", #call);                                                           \
		return r;                                                                          \
	}

WRAP(int, bind, (int fd, const struct sockaddr *address, socklen_t len), fd, address, len)
WRAP(int, listen, (int fd, int backlog), fd, backlog)
WRAP(int, unlink, (const char *path), path)
WRAP(int, rename, (const char *from, const char *to), from, to)
WRAP(int, mkdir, (const char *path, mode_t mode), path, mode)
WRAP(int, kill, (pid_t pid, int signo), pid, signo)
WRAP(pid_t, waitpid, (pid_t pid, int *status, int options), pid, status, options)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), fd, m, flags)
WRAP(int, close, (int fd), fd)
WRAP(ssize_t, send, (int fd, const void *bytes, size_t len, int flags), fd, bytes, len, flags)

pid_t _Fork(void)
{
	(void)is_victim(); /* or its child, of the same name yet, would be */
	pid_t child = ((__typeof__(&_Fork))dlsym(RTLD_NEXT, "_Fork"))();
	if (child > 0)
		instant("after", "_Fork");
	return child;
}
