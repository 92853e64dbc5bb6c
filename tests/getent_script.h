/* SPDX-License-Identifier: ISC */
/* A shell script in getent's place. */
#ifndef PPTP_TESTS_GETENT_SCRIPT_H
#define PPTP_TESTS_GETENT_SCRIPT_H

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct getent_script {
	char path[64];
};

static inline void getent_script_remove(struct getent_script *s)
{
	if (s->path[0] != '\0')
		unlink(s->path);
	s->path[0] = '\0';
}

/* Takes the place of the one before. */
static inline const char *getent_script_write(struct getent_script *s, const char *commands)
{
	static const char shell[] = "#!/bin/sh\n";
	getent_script_remove(s);
	snprintf(s->path, sizeof(s->path), "/tmp/test-getent-XXXXXX");
	int fd = mkostemp(s->path, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, shell, sizeof(shell) - 1), (ssize_t)sizeof(shell) - 1);
	ck_assert_int_eq(write(fd, commands, strlen(commands)), (ssize_t)strlen(commands));
	ck_assert_int_eq(fchmod(fd, 0755), 0);
	close(fd);
	return s->path;
}

#endif
