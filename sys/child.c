/* SPDX-License-Identifier: ISC */
/* Owns no state: the kernel does. */
#include "sys/child.h"

#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FIRST = STDERR_FILENO + 1,
	BY_HAND_MAX = 65536, /* descriptors that are closed one by one before Linux 5.9 */
};

pid_t child_fork(void)
{
#if defined(__GLIBC__) && __GLIBC__ == 2 && __GLIBC_MINOR__ < 34
	return fork(); /* there is no other yet */
#else
	return _Fork();
#endif
}

static int close_range_of(unsigned first, unsigned last)
{
	return first > last ? 0 : (int)syscall(SYS_close_range, first, last, 0U);
}

void child_close_descriptors(int keep)
{
	if (keep < FIRST)
		keep = FIRST - 1;
	if (close_range_of(FIRST, (unsigned)keep - 1) == 0 &&
	    close_range_of((unsigned)keep + 1, ~0U) == 0)
		return;
	long limit = sysconf(_SC_OPEN_MAX);
	if (limit < 0 || limit > BY_HAND_MAX)
		limit = BY_HAND_MAX;
	for (int fd = FIRST; fd < limit; fd++)
		if (fd != keep)
			close(fd);
}

void child_end(pid_t child)
{
	/* Where somebody else has waited for it, the id may be another process's by now. */
	if (child <= 0 || waitpid(child, NULL, WNOHANG) != 0)
		return;
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}
