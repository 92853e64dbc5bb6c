/* SPDX-License-Identifier: ISC */
/*
 * Chooses, makes and checks the directory. Works as the user who started pptp, also in a set-user-id
 * start, so that the directory is this user's and this user's rights are enough. Owns no state.
 */
#include "sys/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* True when only this user can make or rename files in `path`. */
static bool is_users_own(const char *path, uid_t uid)
{
	struct stat st;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* Writes "<base>/pptp" if `base` is the user's own and the path is short enough. */
static bool choose_runtime(char path[RUNDIR_PATH_MAX], const char *base, uid_t uid)
{
	int len = snprintf(path, RUNDIR_PATH_MAX, "%s/pptp", base);
	return len > 0 && len < RUNDIR_PATH_MAX && base[0] == '/' && is_users_own(base, uid);
}

static void choose(char path[RUNDIR_PATH_MAX], uid_t uid)
{
	char base[sizeof("/run/user/4294967295")];
	const char *runtime = secure_getenv("XDG_RUNTIME_DIR");
	if (uid == 0) {
		bool has_old_name = access("/var/run/.", F_OK) == 0;
		snprintf(path, RUNDIR_PATH_MAX, "%s/pptp", has_old_name ? "/var/run" : "/run");
		return;
	}
	if (runtime && choose_runtime(path, runtime, uid))
		return;
	snprintf(base, sizeof(base), "/run/user/%lu", (unsigned long)uid);
	if (!choose_runtime(path, base, uid))
		snprintf(path, RUNDIR_PATH_MAX, "/tmp/pptp-%lu", (unsigned long)uid);
}

/* Checks the directory by its descriptor, so that no link can replace it in between. */
static int check(const char *path, uid_t uid, bool make)
{
	if (make && mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	struct stat st;
	int rc = 0;
	if (fstat(fd, &st) < 0)
		rc = -errno;
	else if (st.st_uid != uid)
		rc = -EEXIST;
	else if (make && (st.st_mode & 07777) != 0700 && fchmod(fd, 0700) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

static int choose_and_check(char path[RUNDIR_PATH_MAX], bool make)
{
	uid_t uid = getuid(), effective = geteuid();
	choose(path, uid);
	if (effective != uid && seteuid(uid) < 0)
		return -errno;
	int rc = check(path, uid, make);
	if (effective != uid && seteuid(effective) < 0)
		return -errno;
	return rc;
}

int rundir_make(char path[RUNDIR_PATH_MAX])
{
	return choose_and_check(path, true);
}

int rundir_find(char path[RUNDIR_PATH_MAX])
{
	return choose_and_check(path, false);
}
