/* SPDX-License-Identifier: ISC */
/*
 * SIGKILL in a chosen instant of the call manager's life: before or after one of the calls by which
 * something comes to be on this host, or goes. To be preloaded:
 *
 *	KILL_AT=17 KILL_AT_TELLS=/tmp/where LD_PRELOAD=./kill_at.so program
 *
 * There are two instants for each call, and one after the fork of the cleaner. KILL_AT counts them
 * from 1; the one that was struck is written to the file KILL_AT_TELLS.
 */
#include <dlfcn.h>
#include <signal.h>
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

static pid_t manager; /* in its children the instants do not count */
static long instants;

static void instant(const char *name, const char *when, const char *call)
{
	char comm[COMM_MAX] = "";
	const char *at = getenv("KILL_AT");
	const char *tells = getenv("KILL_AT_TELLS");
	prctl(PR_GET_NAME, comm);
	if (!at || !tells || strcmp(comm, name) != 0)
		return;
	if (manager == 0)
		manager = getpid();
	if (manager != getpid() || ++instants != strtol(at, NULL, 10))
		return;
	FILE *f = fopen(tells, "w");
	if (f) {
		fprintf(f, "%s %s", when, call);
		fclose(f);
	}
	kill(getpid(), SIGKILL);
}

#define WRAP(result, call, parameters, ...)                                                        \
	result call parameters                                                                     \
	{                                                                                          \
		instant("pptpcm", "before", #call);                                                \
		result r = ((__typeof__(&call))dlsym(RTLD_NEXT, #call))(__VA_ARGS__);              \
		instant("pptpcm", "after", #call);                                                 \
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

/* The call manager has the cleaner's name while it forks it. */
pid_t _Fork(void)
{
	pid_t child = ((__typeof__(&_Fork))dlsym(RTLD_NEXT, "_Fork"))();
	if (child > 0)
		instant("pptpcl", "after", "_Fork");
	return child;
}
