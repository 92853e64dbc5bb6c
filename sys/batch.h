/* SPDX-License-Identifier: ISC */
/*
 * Several datagrams for one system call, with every C library and kernel: where recvmmsg or sendmmsg is
 * refused (ENOSYS before Linux 2.6.33 and 3.0, EPERM by seccomp profiles of containers), one by one.
 */
#ifndef PPTP_BATCH_H
#define PPTP_BATCH_H

#include <sys/socket.h>

/* As recvmmsg and sendmmsg with MSG_DONTWAIT: how many, at least 1, or -1 and errno. `messages` were
 * zeroed before their fields were set: padding in them, with musl, is the kernel's. */
int batch_receive(int fd, struct mmsghdr *messages, unsigned count);
int batch_send(int fd, struct mmsghdr *messages, unsigned count);

#endif
