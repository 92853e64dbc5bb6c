/* SPDX-License-Identifier: ISC */
/*
 * getent(1), which comes with glibc and looks names up as nsswitch.conf(5) says: for a program whose
 * own C library knows nothing of that. What it prints is checked before it is believed.
 */
#ifndef PPTP_GETENT_H
#define PPTP_GETENT_H

#include <netinet/in.h>
#include <stddef.h>

#define GETENT_PATH "/usr/bin/getent"

enum {
	GETENT_OUTPUT_MAX = 16384, /* octets: 200 addresses, each thrice */
};

struct getent_output {
	size_t len; /* < GETENT_OUTPUT_MAX */
	size_t at;  /* what getent_next has taken */
	char text[GETENT_OUTPUT_MAX];
};

enum getent_result {
	GETENT_FOUND,   /* *output is there; whether it is worth anything, getent_next says */
	GETENT_UNKNOWN, /* the host knows no IPv4 address for the name, or cannot ask now */
	GETENT_FAILED,  /* no such program, or not one that understands us */
};

/* Runs the program at `path` for the IPv4 addresses of `name`, and waits for its end: for a process
 * that may be kept waiting. getent has /dev/null and the pipe of this process's open, no rights but the
 * real user's, and ends with this process. SIGCHLD is to be at its default. */
enum getent_result getent_ask(const char *path, const char *name, struct getent_output *output);

/* The next address, as it comes, repetitions included: 1; 0 at the end; -EBADMSG where the line is
 * none of getent's, so that the lines before are not to be trusted either. */
int getent_next(struct getent_output *output, struct in_addr *address);

#endif
