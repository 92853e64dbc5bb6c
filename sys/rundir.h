/* SPDX-License-Identifier: ISC */
/*
 * The directory with the status sockets of a user's call managers. The user is the one who started
 * pptp (the real user id). Which directory:
 *
 *   root:  /var/run/pptp, the old client's name for /run/pptp, by which scripts look for it in what
 *          `netstat -a` lists; /run/pptp where there is no /var/run
 *   other: $XDG_RUNTIME_DIR/pptp or /run/user/UID/pptp, the first whose parent is this user's own
 *          directory and writable for no other user; else /tmp/pptp-UID
 *
 * A start with file capabilities has no XDG_RUNTIME_DIR, because the C library hides the environment.
 * A directory that another user has made, or a link, is refused, and no other is tried: the status
 * command would not find it. So another user who makes /tmp/pptp-UID first can prevent the status
 * socket, but neither the call nor a true answer.
 */
#ifndef PPTP_RUNDIR_H
#define PPTP_RUNDIR_H

enum {
	/* The 108 bytes of a UNIX socket's path less 48 for '/' and
	 * "255.255.255.255:255.255.255.255.4194304". */
	RUNDIR_PATH_MAX = 60
};

/* Makes the directory if it is missing, with mode 0700, and restores that mode. 0, or a negative
 * errno; -EEXIST: it belongs to another user. Writes the path even then, for the message. */
int rundir_make(char path[RUNDIR_PATH_MAX]);

/* Finds the same directory and changes nothing. -ENOENT: there is none. */
int rundir_find(char path[RUNDIR_PATH_MAX]);

#endif
