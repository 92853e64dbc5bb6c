/* SPDX-License-Identifier: ISC */
/*
 * Names are unique by the process id in them, so that nothing has to be locked.
 *
 * In a set-user-id start the directory belongs to the user who started pptp, who may replace it by a
 * link at any time, and root without CAP_DAC_OVERRIDE has no access to it. So everything in it is done
 * as that user.
 */
#include "sys/run_socket.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/error_text.h"
#include "sys/ipc.h"
#include "sys/log.h"

enum {
	ENTRIES_CAP = 1024, /* bytes of the directory that are read at once */
};

/* False where the system refuses. *effective: the user id to be restored. */
static bool act_as_user(uid_t *effective)
{
	*effective = geteuid();
	return *effective == getuid() || seteuid(getuid()) == 0;
}

static void restore_user(uid_t effective)
{
	if (geteuid() != effective && seteuid(effective) < 0)
		log_warn("cannot restore the user id: %s", error_text(errno));
}

static bool make_path(const struct run_socket *s, char path[RUN_SOCKET_PATH_MAX], const char *name)
{
	int n = snprintf(path, RUN_SOCKET_PATH_MAX, "%s/%s", s->directory, name);
	return n > 0 && n < RUN_SOCKET_PATH_MAX;
}

static int open_as_user(struct run_socket *s)
{
	char name[32];
	int error = rundir_make(s->directory);
	if (error)
		return error;
	snprintf(name, sizeof(name), "connecting.%ld", (long)getpid());
	if (!make_path(s, s->path, name))
		return -ENAMETOOLONG;
	int fd = ipc_listen(s->path);
	if (fd < 0)
		s->path[0] = '\0';
	return fd;
}

int run_socket_open(struct run_socket *s)
{
	uid_t effective;
	s->path[0] = '\0';
	if (!act_as_user(&effective))
		return -errno;
	int fd = open_as_user(s);
	restore_user(effective);
	return fd;
}

void run_socket_rename(struct run_socket *s, struct in_addr local, struct in_addr server)
{
	char from[INET_ADDRSTRLEN] = "255.255.255.255";
	char to[INET_ADDRSTRLEN] = "";
	char name[2 * INET_ADDRSTRLEN + 32];
	char path[RUN_SOCKET_PATH_MAX];
	uid_t effective;
	if (!s->path[0])
		return;
	if (local.s_addr != htonl(INADDR_ANY))
		inet_ntop(AF_INET, &local, from, sizeof(from));
	inet_ntop(AF_INET, &server, to, sizeof(to));
	snprintf(name, sizeof(name), "%s:%s.%ld", from, to, (long)getpid());
	if (!make_path(s, path, name) || !act_as_user(&effective))
		return;
	if (rename(s->path, path) == 0)
		memcpy(s->path, path, sizeof(path));
	restore_user(effective);
}

/* The process id at the end of a name of ours, else 0. */
static long pid_of_name(const char *name)
{
	const char *dot = strrchr(name, '.');
	if (!dot || !(strchr(name, ':') || strncmp(name, "connecting.", 11) == 0))
		return 0;
	char *end;
	long pid = strtol(dot + 1, &end, 10);
	return *end == '\0' ? pid : 0;
}

/* A process id that is in use is not a dead parent's, or belongs to another process namespace. */
static void remove_if_stale(const struct run_socket *s, const char *name)
{
	char path[RUN_SOCKET_PATH_MAX];
	long pid = pid_of_name(name);
	if (pid <= 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH || !make_path(s, path, name))
		return;
	int fd = ipc_connect(path, getuid());
	if (fd == -ECONNREFUSED)
		(void)unlink(path);
	else if (fd >= 0)
		close(fd);
}

/* Not by readdir(3): for it alone the parent would have a heap, of 20 KiB, for as long as the call
 * lasts. With 64-bit offsets struct dirent is laid out as the kernel's entries are. */
static void remove_stale_as_user(const struct run_socket *s)
{
	char entries[ENTRIES_CAP];
	long len;
	int dir = s->path[0] ? open(s->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (dir < 0)
		return;
	while ((len = syscall(SYS_getdents64, dir, entries, sizeof(entries))) > 0)
		for (long at = 0; at < len;) {
			unsigned short entry_len;
			memcpy(&entry_len, entries + at + offsetof(struct dirent, d_reclen),
			    sizeof(entry_len));
			remove_if_stale(s, entries + at + offsetof(struct dirent, d_name));
			at += entry_len;
		}
	close(dir);
}

void run_socket_remove_stale(const struct run_socket *s)
{
	uid_t effective;
	if (!act_as_user(&effective))
		return;
	remove_stale_as_user(s);
	restore_user(effective);
}

void run_socket_remove(struct run_socket *s)
{
	uid_t effective;
	if (s->path[0] && act_as_user(&effective)) {
		(void)unlink(s->path);
		restore_user(effective);
	}
	s->path[0] = '\0';
}
