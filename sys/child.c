/* SPDX-License-Identifier: ISC */
/* Owns no state: the kernel does. */
#include "sys/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
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

static void close_gap(int first, int last)
{
	if (first > last || syscall(SYS_close_range, first, last, 0U) == 0)
		return;
	long limit = sysconf(_SC_OPEN_MAX);
	if (limit < 0 || limit > BY_HAND_MAX)
		limit = BY_HAND_MAX;
	for (int fd = first; fd <= last && fd < limit; fd++)
		close(fd);
}

void child_keep_descriptors(const int *keep, size_t count)
{
	int first = STDERR_FILENO + 1;
	for (;;) {
		int kept = INT_MAX; /* the lowest from `first` on */
		for (size_t i = 0; i < count; i++)
			if (keep[i] >= first && keep[i] < kept)
				kept = keep[i];
		close_gap(first, kept - 1);
		if (kept == INT_MAX)
			return;
		first = kept + 1;
	}
}

int child_close_standard_fds(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return -errno;
	int error = dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ? -errno : 0;
	close(null);
	return error;
}

void child_end(pid_t child)
{
	/* Where it was reaped elsewhere, the id may be another process's by now. */
	if (child <= 0 || waitpid(child, NULL, WNOHANG) != 0)
		return;
	kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
}
