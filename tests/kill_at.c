/* SPDX-License-Identifier: ISC */
/*
 * A signal in a chosen instant of the life of one process, the one that names itself so first: before
 * or after one of the calls by which something comes to be on this host, or goes. To be preloaded:
 *
 *	KILL_AT=17 KILL_AT_NAME=pptpcm KILL_AT_SIGNAL=9 KILL_AT_TELLS=/tmp/where \
 *	    LD_PRELOAD=./kill_at.so program
 *
 * There are two instants for each call. KILL_AT counts them from 1; the one that was struck is
 * written to the file KILL_AT_TELLS.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* dlsym's way with functions, and glibc's with socket addresses, are not ISO C's. */
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
	kill(getpid(), (int)number("KILL_AT_SIGNAL"));
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
WRAP(int, connect, (int fd, const struct sockaddr *address, socklen_t len), fd, address, len)
WRAP(int, listen, (int fd, int backlog), fd, backlog)
WRAP(int, unlink, (const char *path), path)
WRAP(int, socket, (int domain, int type, int protocol), domain, type, protocol)
WRAP(int, close, (int fd), fd)
WRAP(ssize_t, send, (int fd, const void *octets, size_t len, int flags), fd, octets, len, flags)
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), fd, m, flags)
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t len), fd, level,
    name, value, len)

/* By the name that large files give it. The third argument has a pointer's size where it has any. */
int fcntl64(int fd, int what, ...)
{
	va_list rest;
	va_start(rest, what);
	void *value = va_arg(rest, void *);
	va_end(rest);
	instant("before", "fcntl");
	int r = ((__typeof__(&fcntl64))dlsym(RTLD_NEXT, "fcntl64"))(fd, what, value);
	instant("after", "fcntl");
	return r;
}

pid_t _Fork(void)
{
	(void)is_victim(); /* or its child, of the same name yet, would be */
	pid_t child = ((__typeof__(&_Fork))dlsym(RTLD_NEXT, "_Fork"))();
	if (child > 0)
		instant("after", "_Fork");
	return child;
}
