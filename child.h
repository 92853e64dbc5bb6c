/* SPDX-License-Identifier: ISC */
/*
 * What goes for each child that is forked to go on without exec: it gives up what its parent had
 * open, and it can be ended at any time. The forking itself stays where the reason for it is.
 */
#ifndef PPTP_CHILD_H
#define PPTP_CHILD_H

#include <sys/types.h>

/* In the child: closes all descriptors but 0, 1, 2 and `keep` (negative: none). Whoever waits for
 * end-of-file from the parent must get it, whatever the child is doing. log_close() before. */
void child_close_descriptors(int keep);

/* In the parent: kills the child where it still runs, and reaps it. Nothing where `child` <= 0. */
void child_end(pid_t child);

#endif
