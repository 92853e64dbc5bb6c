/* SPDX-License-Identifier: ISC */
/*
 * Children that go on without exec: how they are forked, give up what their parent had open, and
 * are ended.
 */
#ifndef PPTP_CHILD_H
#define PPTP_CHILD_H

#include <sys/types.h>

/* fork(2), without what libc's fork() does for programs with threads or handlers: this one has none,
 * and what libc writes in each child would be a copy of the page. -1 and errno where it fails. */
pid_t child_fork(void);

/* In the child: closes all descriptors but 0, 1, 2 and `keep` (negative: none). Whoever waits for
 * end-of-file from the parent must get it, whatever the child is doing. log_close() before. */
void child_close_descriptors(int keep);

/* In the parent: kills the child where it still runs, and reaps it. Nothing where `child` <= 0. */
void child_end(pid_t child);

#endif
