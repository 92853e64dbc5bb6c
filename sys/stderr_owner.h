/* SPDX-License-Identifier: ISC */
/*
 * How long standard error is ours to write to: as long as the program that gave it to us is there to show
 * it. That is pppd in the foreground (with nodetach, or updetach until the link is up); once it has
 * detached, a shell has the terminal back, and a script waits for the end of a pipe that we would hold
 * open.
 */
#ifndef PPTP_STDERR_OWNER_H
#define PPTP_STDERR_OWNER_H

#include <stdbool.h>
#include <sys/types.h>

#include "sys/loop.h"

/* A pidfd of that process, or -1 where there is none (before Linux 5.3). */
int stderr_owner_open(pid_t pid);

/* The pty form: of the pppd that started us, the nearest process above us of that name; or -1. */
int stderr_owner_open_pppd(void);

/* Embed it, zeroed; its fields are private. */
struct stderr_owner {
	struct loop *loop; /* NULL: nothing is watched */
	struct loop_watch watch;
};

/*
 * The call is established: points stderr at /dev/null once the process of `fd` has exited. With `fd` -1 at
 * once, and with `unless_alone` not where there is no log daemon either. Lines that are copied to stderr
 * (--debug) go on. May be called again, to no effect. `fd` stays the caller's.
 */
void stderr_owner_watch(struct stderr_owner *s, struct loop *loop, int fd, bool unless_alone);

#endif
