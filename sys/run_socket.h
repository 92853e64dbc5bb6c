/* SPDX-License-Identifier: ISC */
/*
 * The name of a call's status socket in the run directory: "connecting.<pid>" at first, then
 * "<local>:<server>.<pid>". `pid` is the parent's, so that the socket of one that was killed is known
 * for what it is. The descriptor belongs to the call manager.
 */
#ifndef PPTP_RUN_SOCKET_H
#define PPTP_RUN_SOCKET_H

#include <netinet/in.h>

#include "sys/rundir.h"

enum {
	RUN_SOCKET_PATH_MAX = 108, /* sun_path of a UNIX socket */
};

/* Its fields are private. */
struct run_socket {
	char directory[RUNDIR_PATH_MAX];
	char path[RUN_SOCKET_PATH_MAX]; /* "" = there is none */
};

/* Makes the directory where needed, and a listener in it. The listener's descriptor, which is the
 * caller's, or a negative errno: the call goes on without. */
int run_socket_open(struct run_socket *s);

/* Renames it after the addresses; `local` INADDR_ANY is written 255.255.255.255, as the old client
 * did. Where that fails it keeps its name. */
void run_socket_rename(struct run_socket *s, struct in_addr local, struct in_addr server);

/* Removes the sockets that killed parents have left in the directory. */
void run_socket_remove_stale(const struct run_socket *s);

/* Removes the name. Harmless where there is none. */
void run_socket_remove(struct run_socket *s);

#endif
