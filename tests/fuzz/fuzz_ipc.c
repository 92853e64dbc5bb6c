/* SPDX-License-Identifier: ISC */
/*
 * Any packet on the socket between the processes, or from a status client: what is taken for a message
 * is one that the sender could have encoded, with the same contents, and texts end within their space.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/ipc.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void require(bool condition)
{
	if (!condition)
		abort();
}

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
	require(ipc_send(fds[0], &again) == 0);
	require(recv(fds[1], packet[1], sizeof(packet[1]), MSG_DONTWAIT) == n);
	require(memcmp(packet[0], packet[1], (size_t)n) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static int fds[2] = {-1, -1};
	struct ipc_message m;
	char text[64];
	if (fds[0] < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	if (send(fds[0], bytes, len, 0) != (ssize_t)len || send(fds[0], bytes, len, 0) < 0)
		return 0;
	int n = ipc_receive(fds[1], &m);
	require(n == 1 || n == -EBADMSG || (n == 0 && len == 0));
	int status = ipc_receive_status(fds[1], text, sizeof(text));
	require(status < 0 || memchr(text, '\0', sizeof(text)));
	require(status < 0 || n < 0); /* no packet is both */
	if (n == 1) {
		require(m.fd == -1); /* none came along */
		check_message(fds, &m);
	}
	return 0;
}
