/* SPDX-License-Identifier: ISC */
/*
 * Stops a process before its first read from a network socket, so that a test sees it in /proc as it
 * is before the first byte. To be preloaded:
 *
 *	STOP_AT_READ=/tmp/readers LD_PRELOAD=./stop_at_read.so program
 *
 * Each process appends its name and process id to that file, once, and sends itself SIGSTOP.
 */
#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* dlsym's way with functions is not ISO C's. */
#pragma GCC diagnostic ignored "-Wpedantic"

enum {
	COMM_MAX = 16
};

static pid_t stopped; /* a child inherits it, and is another process */

static void before_read(int fd)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof(domain);
	char comm[COMM_MAX] = "";
	const char *readers = getenv("STOP_AT_READ");
	if (!readers || stopped == getpid() ||
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 || domain != AF_INET)
		return;
	stopped = getpid();
	prctl(PR_GET_NAME, comm);
	FILE *f = fopen(readers, "ae");
	if (f) {
		fprintf(f, "%s %ld\n", comm, (long)getpid());
		fclose(f);
	}
	raise(SIGSTOP);
}

#define WRAP(result, call, wanted, parameters, ...)                                                \
	result call parameters                                                                     \
	{                                                                                          \
		if (wanted)                                                                        \
			before_read(fd);                                                           \
		return ((__typeof__(&call))dlsym(RTLD_NEXT, #call))(__VA_ARGS__);                  \
	}

/* Reading no bytes discards a datagram. */
WRAP(ssize_t, read, len > 0, (int fd, void *bytes, size_t len), fd, bytes, len)
WRAP(ssize_t, recv, len > 0, (int fd, void *bytes, size_t len, int flags), fd, bytes, len, flags)
WRAP(ssize_t, recvmsg, true, (int fd, struct msghdr *m, int flags), fd, m, flags)
WRAP(int, recvmmsg, true,
    (int fd, struct mmsghdr *m, unsigned count, int flags, struct timespec *wait), fd, m, count,
    flags, wait)
