/* SPDX-License-Identifier: ISC */
/*
 * Any packet on the socket between the processes, or from a status client, with and without descriptors:
 * what is taken for a message is one that the sender could have encoded, with the same contents, texts end
 * within their space, and no descriptor stays open that the message does not name.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/ipc.h"
#include "fuzz.h"

enum {
	DESCRIPTORS_MAX = 3,
};

/* Sends the message again and receives it: nothing of it is lost. */
static void check_message(const int fds[2], const struct ipc_message *m)
{
	struct ipc_message again;
	uint8_t packet[2][4096];
	if (m->type == IPC_ENDED)
		require(memchr(m->u.ended.text, '\0', sizeof(m->u.ended.text)));
	if (m->type == IPC_STATS)
		require(memchr(m->u.stats.notice.text, '\0', sizeof(m->u.stats.notice.text)));
	require(ipc_send(fds[0], m) == 0);
	ssize_t n = recv(fds[1], packet[0], sizeof(packet[0]), MSG_PEEK | MSG_DONTWAIT);
	require(n > 0 && ipc_receive(fds[1], &again) == 1 && again.type == m->type);
	require((again.fd >= 0) == (m->fd >= 0));
	require(ipc_send(fds[0], &again) == 0);
	require(recv(fds[1], packet[1], sizeof(packet[1]), MSG_DONTWAIT) == n);
	require(memcmp(packet[0], packet[1], (size_t)n) == 0);
	if (again.fd >= 0)
		close(again.fd);
}

static bool send_with(int fd, const uint8_t *bytes, size_t len, size_t descriptors)
{
	int lent[DESCRIPTORS_MAX] = {0, 1, 2};
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(lent))] = {0};
	uint8_t packet[65536];
	memcpy(packet, bytes, len);
	struct iovec part = {packet, len};
	struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
	if (descriptors) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(descriptors * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(descriptors * sizeof(int));
		memcpy(CMSG_DATA(c), lent, descriptors * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT) == (ssize_t)len;
}

/* The lowest number that is free: a descriptor that stays open has it. */
static int next_descriptor(void)
{
	int fd = dup(0);
	require(fd >= 0 && close(fd) == 0);
	return fd;
}

/* The first byte says how many descriptors come along. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static int fds[2] = {-1, -1};
	struct ipc_message m;
	char text[64];
	if (fds[0] < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	if (len < 1 || len > 4096)
		return 0;
	size_t descriptors = bytes[0] % (DESCRIPTORS_MAX + 1);
	int next = next_descriptor();
	bytes++;
	len--;
	require(send_with(fds[0], bytes, len, descriptors));
	require(send_with(fds[0], bytes, len, descriptors));
	int n = ipc_receive(fds[1], &m);
	require(n == 1 || n == -EBADMSG || (n == 0 && len == 0 && descriptors == 0));
	int status = ipc_receive_status(fds[1], text, sizeof(text));
	require(status < 0 || memchr(text, '\0', sizeof(text)));
	require(status < 0 || n < 0); /* no packet is both */
	require((n == 1 && m.fd >= 0) || next_descriptor() == next);
	if (n == 1) {
		require((m.fd >= 0) == (descriptors == 1));
		check_message(fds, &m);
		if (m.fd >= 0)
			close(m.fd);
	}
	require(next_descriptor() == next);
	return 0;
}
