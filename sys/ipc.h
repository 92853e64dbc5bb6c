/* SPDX-License-Identifier: ISC */
/*
 * Messages between a gateway, its call manager and those who ask for status or for a further call,
 * over SOCK_SEQPACKET sockets: one message is one packet, typed and of exact length. Bad packets
 * are an error of the peer, never of this process.
 */
#ifndef PPTP_IPC_H
#define PPTP_IPC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/deadline.h"
#include "control/pptp_msg.h"
#include "lib/stats.h"

enum {
	/* In every packet: a call manager outlives the program's being replaced by another version,
	 * which then asks it for status or for a further call, and must not talk past it. Raised
	 * with the first change after a release to the types, their numbers, or what a packet of
	 * them holds or means; a type more is such a change too, as it is refused by who does not
	 * know it. */
	IPC_VERSION = 1,
	IPC_TEXT_MAX = 512,
	IPC_STATUS_MAX = 8192,
};

/* More than a few of these without a word, and the call manager is stopped or hangs. */
#define IPC_PENDING_US (500 * USEC_PER_MSEC)

enum ipc_type {
	IPC_CALL_REQUEST = 1, /* who wants a call -> call manager: request */
	IPC_CALL_UP,          /* call manager -> gateway: up */
	IPC_CALL_OVER,  /* call manager -> gateway, last message: over; also for a refused call */
	IPC_CALL_CLOSE, /* gateway -> call manager: end my call */
	IPC_CALL_MOVED, /* call manager -> its own gateway, with a descriptor: another call manager
	                         has the connection; the call goes on over that socket */
	IPC_STATS_REQUEST,  /* call manager -> gateway */
	IPC_STATS,          /* gateway -> call manager: stats */
	IPC_STATUS_REQUEST, /* anyone with the right -> call manager */
	IPC_STATUS,         /* call manager -> asker: text */
	IPC_CALL_PENDING,   /* call manager -> gateway, each IPC_PENDING_US until the call stands or
	                       is over: somebody is at it */
};

struct ipc_call_request {
	uint16_t call_id;
	uint16_t window;
	char phone[MSG_NAME_LEN + 1];
};

struct ipc_call_up {
	struct in_addr server; /* the address in use */
	struct in_addr local;  /* our end of the control connection */
	uint16_t call_id;
	uint16_t peer_call_id;
	uint16_t server_window; /* packets */
	uint16_t server_delay;  /* tenths of a second */
	uint32_t connect_bps;
};

struct ipc_call_over {
	bool was_up;             /* false: the call never stood */
	uint8_t exit_status;     /* what pptp should exit with */
	char text[IPC_TEXT_MAX]; /* one sentence for the user: server, stage, reason, what to try */
};

struct ipc_message {
	enum ipc_type type;
	int fd; /* a descriptor that travels along (IPC_CALL_MOVED), else -1 */
	union {
		struct ipc_call_request request;
		struct ipc_call_up up;
		struct ipc_call_over over;
		struct pptp_stats stats;
		const char *status; /* the sender's, up to IPC_STATUS_MAX - 1 octets of it */
	} u;
};

/* Sends one message without blocking; 0, or a negative errno (-EAGAIN: the peer does not read).
 * A descriptor in m->fd is duplicated to the peer; the caller keeps its own. */
int ipc_send(int fd, const struct ipc_message *m);

/* Receives one message without blocking: 1 = *m is filled in (m->fd is then the caller's to close),
 * 0 = the peer is gone, -EAGAIN = nothing there, -EBADMSG = a packet that is not ours to read
 * (unknown type, wrong version or length; descriptors in it are closed), other negative errno.
 * IPC_STATUS is only for askers, which are other programs, and is refused here.
 * A shortage of memory is -EAGAIN too. */
int ipc_receive(int fd, struct ipc_message *m);

/* Receives the answer to IPC_STATUS_REQUEST, without blocking: 0 = `text` holds it, as a string, cut
 * to cap - 1 octets; -ECONNRESET = the peer is gone; -EBADMSG = something else came; else a negative
 * errno. */
int ipc_receive_status(int fd, char *text, size_t cap);

/* A connected pair for a process and the child that it is about to fork, close-on-exec, non-blocking. */
int ipc_pair(int fds[2]);

/* Listens at `path`, replacing what a dead process left there (call with the election lock held).
 * Returns a descriptor, -EADDRINUSE where a live process listens, -EISDIR where a folder stands,
 * -ENAMETOOLONG beyond 107 octets (run_folder.h leaves room for names of 46), or another negative
 * errno. */
int ipc_listen(const char *path);

/* Connects to the listener at `path` and checks that it runs as root or as us: descriptor or negative errno. */
int ipc_connect(const char *path);

/* Accepts a client and checks its credentials (root, or our own user): descriptor, or negative errno
 * (-EPERM: a stranger, already closed). */
int ipc_accept(int listen_fd);

#endif
