/* SPDX-License-Identifier: ISC */
/*
 * Moves the messages of lib/ipc_msg.h over SOCK_SEQPACKET sockets: one message is one packet, typed
 * and of exact length. Owns encoding, descriptors that come along, and the check of credentials. A
 * bad packet is an error of the peer, never of this process.
 */
#ifndef PPTP_IPC_H
#define PPTP_IPC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/ipc_msg.h"

/* Sends one message without blocking; 0, or a negative errno (-EAGAIN: the peer does not read). A descriptor in m->fd is duplicated to the peer; the caller keeps its own. */
int ipc_send(int fd, const struct ipc_message *m);

/* True for an error of ipc_send that is none of the receiver's state (it has exited, or does not read) and
 * of no descriptor: sending is refused, and no later message is going to arrive. */
bool ipc_is_refused(int error);

/* True for an error of ipc_send or ipc_receive that may pass: the peer does not read, there is nothing to
 * receive, a shortage of memory. What was to be sent is lost: ipc_send has tried for a while. */
bool ipc_may_pass(int error);

/* Sends a message that has no contents. */
int ipc_send_type(int fd, enum ipc_type type);

/* Receives one message without blocking: 1 = *m is filled in (m->fd is then the caller's to close),
 * 0 = the peer has closed, -EAGAIN = nothing there, -ENOMEM or -ENOBUFS = a shortage of memory, which
 * leaves the message there, -EBADMSG = a packet that is malformed (unknown type, wrong version or length; descriptors in it are closed), other
 * negative errno. IPC_STATUS is for status clients only, which are other programs, and is refused
 * here. Texts are NUL-terminated. */
int ipc_receive(int fd, struct ipc_message *m);

/* Receives the answer to IPC_STATUS_REQUEST, without blocking: 0 = `text` holds it, as a string, cut
 * to cap - 1 bytes; -ECONNRESET = the peer has closed; -EBADMSG = something else came; else a
 * negative errno. */
int ipc_receive_status(int fd, char *text, size_t cap);

/* Sends a message that may be left out: where the peer, which is stopped, say, has left others unread,
 * there has to be space for those that must arrive. */
void ipc_send_optional(int fd, enum ipc_type type);

/* Whether the peer has read all that was sent. */
bool ipc_is_read(int fd);

/* A connected pair for a process and the child that it is about to fork, close-on-exec, non-blocking. */
int ipc_pair(int fds[2]);

/* Listens at `path`, mode 0600, replacing what is there: the caller's names are its own, and an old
 * one is that of a process that was killed. Returns a descriptor, -ENAMETOOLONG beyond 107 bytes, or
 * another negative errno. */
int ipc_listen(const char *path);

/* Connects to the listener at `path` and checks that it was made by root or by `uid`: descriptor or
 * negative errno (-EACCES: by another user). */
int ipc_connect(const char *path, uid_t uid);

/* Accepts a client and checks its credentials (root, or `uid`): descriptor, or negative errno
 * (-EACCES: another user, already closed). */
int ipc_accept(int listen_fd, uid_t uid);

#endif
