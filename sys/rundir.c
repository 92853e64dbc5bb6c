/* SPDX-License-Identifier: ISC */
/* Where the folder is, its lock, and a walk through it; what names mean is callmgr_join.c's. */
#include "sys/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	CANDIDATES = 3,    /* places for the folder */
	NAME_ROOM = 48,    /* what a socket's name may need behind the folder's */
	LOCK_TRIES = 250,  /* for the lock ... */
	LOCK_PAUSE_MS = 2, /* ... with this between them */
};

enum purpose {
	TO_LOOK, /* it stays as it is, also where it is missing */
	TO_USE,
};

/*
 * Whether `path` is a real folder of ours that we can write. O_NOFOLLOW and fstat, so that nobody
 * can put a link in its place between looking and using.
 */
static int private_folder(const char *path, enum purpose purpose)
{
	if (purpose == TO_USE && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat st;
	int rc = 0;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (st.st_uid != geteuid())
		rc = -EPERM;
	else if (purpose == TO_USE && (st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
		rc = -errno;
	else if (faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int first_folder(char *path, size_t cap, enum purpose purpose)
{
	char candidates[CANDIDATES][sizeof(((struct sockaddr_un *)0)->sun_path)] = {
	    "/run/pptp", "", ""};
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	if (runtime && runtime[0] == '/')
		snprintf(candidates[1], sizeof(candidates[1]), "%s/pptp", runtime);
	snprintf(candidates[2], sizeof(candidates[2]), "/tmp/pptp-%lu", (unsigned long)geteuid());
	int rc = -ENOENT;
	for (size_t i = 0; i < CANDIDATES; i++) {
		size_t len = strlen(candidates[i]);
		/* One that leaves no room for a socket's name (or was cut) is no use. */
		if (len == 0 || len + NAME_ROOM > sizeof(candidates[i]))
			continue;
		if (len >= cap)
			return -ENAMETOOLONG;
		rc = private_folder(candidates[i], purpose);
		if (rc == 0) {
			memcpy(path, candidates[i], len + 1);
			return 0;
		}
	}
	return rc;
}

int run_folder_make(char *path, size_t cap)
{
	return first_folder(path, cap, TO_USE);
}

int run_folder_find(char *path, size_t cap)
{
	return first_folder(path, cap, TO_LOOK);
}

/* Whoever has the lock needs it for less than a millisecond, unless he is stopped: then nobody else
 * is to stand still with him. */
static int lock_in_time(int fd)
{
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -1;
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	errno = EAGAIN;
	return -1;
}

int run_folder_lock(const char *folder)
{
	for (;;) {
		int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		int rc = lock_in_time(fd);
		struct stat locked, named;
		if (rc < 0 || fstat(fd, &locked) < 0 || stat(folder, &named) < 0) {
			rc = -errno;
			close(fd);
			return rc;
		}
		/* Removed and made anew while we waited: that lock binds nobody any more. */
		if (locked.st_dev == named.st_dev && locked.st_ino == named.st_ino)
			return fd;
		close(fd);
	}
}

int run_folder_walk_begin(struct run_folder_walk *w, const char *folder)
{
	w->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w->at = w->len = 0;
	return w->fd < 0 ? -errno : 0;
}

/* With 64-bit offsets struct dirent is laid out as the kernel's entries are. */
const char *run_folder_walk_next(struct run_folder_walk *w)
{
	if (w->at == w->len) {
		long n = syscall(SYS_getdents64, w->fd, w->entries, sizeof(w->entries));
		if (n <= 0)
			return NULL;
		w->at = 0;
		w->len = (size_t)n;
	}
	const char *entry = w->entries + w->at;
	unsigned short len;
	memcpy(&len, entry + offsetof(struct dirent, d_reclen), sizeof(len));
	w->at += len;
	return entry + offsetof(struct dirent, d_name);
}

void run_folder_walk_end(struct run_folder_walk *w)
{
	close(w->fd);
}
