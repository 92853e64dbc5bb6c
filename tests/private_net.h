/* SPDX-License-Identifier: ISC */
/* A network namespace of the test's own, so that its packets and routes are not seen elsewhere. */
#ifndef PPTP_TESTS_PRIVATE_NET_H
#define PPTP_TESTS_PRIVATE_NET_H

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static inline bool private_net_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

static inline bool private_net_lo_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	bool ok = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Moves this process to a new namespace with lo up: as root, or with the help of a user namespace. */
static inline bool private_net_enter(void)
{
	if (unshare(CLONE_NEWNET) == 0)
		return private_net_lo_up();
	char map[64];
	unsigned uid = (unsigned)getuid(), gid = (unsigned)getgid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return false;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (!private_net_write("/proc/self/setgroups", "deny") ||
	    !private_net_write("/proc/self/uid_map", map))
		return false;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return private_net_write("/proc/self/gid_map", map) && private_net_lo_up();
}

/* Whether it can be done here at all; tried in a process of its own. */
static inline bool private_net_possible(void)
{
	int status = 1;
	pid_t probe = fork();
	if (probe == 0)
		_exit(private_net_enter() ? 0 : 1);
	return probe > 0 && waitpid(probe, &status, 0) == probe && status == 0;
}

#endif
