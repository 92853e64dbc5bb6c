/* SPDX-License-Identifier: ISC */
/*
 * Children that go on without exec: how they are forked, give up what their parent had open, and
 * are ended.
 */
#ifndef PPTP_CHILD_H
#define PPTP_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/* fork(2), without what libc's fork() does for programs with threads or handlers: this one has none,
 * and what libc writes in each child would be a copy of the page. -1 and errno where it fails. */
pid_t child_fork(void);

/* In the child: closes all descriptors but 0, 1, 2 and the `count` in `keep` (negative ones name none).
 * A process that waits for end of file from the parent must get it, whatever the child does.
 * log_close() before. */
void child_keep_descriptors(const int *keep, size_t count);

/* Points 0 and 1 at /dev/null. 0 or a negative errno. */
int child_close_standard_fds(void);

/* In the parent: kills the child where it still runs, and reaps it. Nothing where `child` <= 0. */
void child_end(pid_t child);

#endif
