/* SPDX-License-Identifier: ISC */
/*
 * Layout of a packet: version, type, then the contents as they are in memory: both ends are processes of
 * one start of the program. Only the status, a string, goes to another program.
 */
#include "sys/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	HEAD_LEN = 2,
	/* As the kernel counts: about 16 small messages, of some 200 that a socket holds. */
	OPTIONAL_UNREAD_MAX = 16384,
	SEND_TRIES = 32, /* for one message */
	BACKLOG = 4096,  /* the kernel's own limit; SOMAXCONN is 128 with musl */
};

/* Bytes of u in a packet; other types but IPC_STATUS have no contents. */
static const uint16_t contents[IPC_STATUS + 1] = {
    [IPC_CONNECT_REQUEST] = sizeof(struct ipc_connect_request),
    [IPC_CALL_UP] = sizeof(struct ipc_call_up),
    [IPC_STATS] = sizeof(struct ipc_stats),
    [IPC_ENDED] = sizeof(struct ipc_ended),
    [IPC_CONNECT_REPLY] = sizeof(struct ipc_connect_reply),
    [IPC_ROUTE_STATE] = sizeof(enum ipc_route),
    [IPC_UNIT] = sizeof(uint32_t),
    [IPC_DRAIN] = sizeof(uint8_t),
};

/* Only a reply without an error comes with a descriptor. */
static bool has_descriptor(const struct ipc_message *m)
{
	return m->type == IPC_CONNECT_REPLY && m->u.reply.error == 0;
}

/* Whether a packet of `len` bytes that begins with `head` has filled in *m; sets its type. */
static bool decode(const uint8_t head[HEAD_LEN], size_t len, struct ipc_message *m)
{
	uint8_t type = head[1];
	if (len < HEAD_LEN || head[0] != IPC_VERSION || type < IPC_CONNECT_REQUEST ||
	    type >= IPC_STATUS || len != HEAD_LEN + (size_t)contents[type])
		return false;
	m->type = (enum ipc_type)type;
	if (type == IPC_ENDED)
		return memchr(m->u.ended.text, '\0', sizeof(m->u.ended.text)) != NULL;
	if (type == IPC_STATS)
		return memchr(m->u.stats.notice.text, '\0', sizeof(m->u.stats.notice.text)) != NULL;
	if (type == IPC_CONNECT_REPLY)
		return m->u.reply.route <= IPC_ROUTE_LOST;
	return type != IPC_ROUTE_STATE || m->u.route <= IPC_ROUTE_LOST;
}

bool ipc_may_pass(int error)
{
	return error == -EAGAIN || error == -ENOMEM || error == -ENOBUFS;
}

bool ipc_is_refused(int error)
{
	return error && !ipc_may_pass(error) && error != -EPIPE && error != -ECONNRESET &&
	       error != -ECONNREFUSED && error != -ETOOMANYREFS;
}

/* A shortage of memory is reported like a full socket: both want another try later. */
static int to_result(int error)
{
	return ipc_may_pass(-error) ? -EAGAIN : -error;
}

int ipc_send(int fd, const struct ipc_message *m)
{
	uint8_t head[HEAD_LEN] = {IPC_VERSION, (uint8_t)m->type};
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	const void *bytes = &m->u;
	size_t len = contents[m->type];
	if (m->type == IPC_STATUS && m->u.status) { /* not from ipc_send_type */
		bytes = m->u.status;
		len = strnlen(m->u.status, IPC_STATUS_MAX - 1);
	}
	struct iovec parts[2] = {{.iov_base = head, .iov_len = sizeof(head)}, {.iov_len = len}};
	/* sendmsg writes through no pointer; iovec has the type for readers, too. */
	memcpy(&parts[1].iov_base, &bytes, sizeof(bytes));
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	if (has_descriptor(m)) {
		if (m->fd < 0)
			return -EINVAL;
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
	}
	ssize_t n;
	int tries = 0;
	/* No message is to be lost to a failure that passes at once. EAGAIN is also that of a receiver
	 * that does not read, and stays. */
	do
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && (errno == EINTR || ipc_may_pass(-errno)) && ++tries < SEND_TRIES);
	return n < 0 ? -errno : 0;
}

/* Keeps the first descriptor that came along, closes all others; returns how many there were. */
static size_t keep_descriptor(struct msghdr *msg, int *kept)
{
	size_t count = 0;
	*kept = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++, count++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count == 0)
				*kept = fd;
			else
				close(fd);
		}
	}
	return count;
}

/* ECONNRESET says once, and before anything else, that the peer closed with a message of ours unread.
 * Its final message is still to come, and then the end of file. */
static ssize_t receive(int fd, struct msghdr *msg)
{
	ssize_t n;
	do
		n = recvmsg(fd, msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n;
}

int ipc_send_type(int fd, enum ipc_type type)
{
	struct ipc_message m = {.type = type, .fd = -1};
	return ipc_send(fd, &m);
}

static int unread(int fd)
{
	int bytes = 0;
	return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? 0 : bytes;
}

bool ipc_is_read(int fd)
{
	return unread(fd) == 0;
}

void ipc_send_optional(int fd, enum ipc_type type)
{
	if (unread(fd) < OPTIONAL_UNREAD_MAX)
		(void)ipc_send_type(fd, type);
}

int ipc_receive(int fd, struct ipc_message *m)
{
	uint8_t head[HEAD_LEN] = {0};
	/* The kernel opens no more descriptors than there is space for. */
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec parts[2] = {{.iov_base = head, .iov_len = sizeof(head)},
	    {.iov_base = &m->u, .iov_len = sizeof(m->u)}};
	struct msghdr msg = {.msg_iov = parts,
	    .msg_iovlen = 2,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	ssize_t n = receive(fd, &msg);
	m->fd = -1;
	if (n < 0)
		return -errno;
	size_t descriptors = keep_descriptor(&msg, &m->fd);
	if (n == 0 && descriptors == 0)
		return 0;
	if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && decode(head, (size_t)n, m) &&
	    descriptors == (has_descriptor(m) ? 1 : 0))
		return 1;
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
	return -EBADMSG;
}

int ipc_receive_status(int fd, char *text, size_t cap)
{
	uint8_t head[HEAD_LEN];
	struct iovec parts[2] = {
	    {.iov_base = head, .iov_len = sizeof(head)}, {.iov_base = text, .iov_len = cap - 1}};
	/* No space for descriptors: none are let in. */
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n = receive(fd, &msg);
	if (n < 0)
		return to_result(errno);
	if (n == 0)
		return -ECONNRESET;
	if ((size_t)n < sizeof(head) || head[0] != IPC_VERSION || head[1] != IPC_STATUS)
		return -EBADMSG;
	text[(size_t)n - sizeof(head)] = '\0';
	return 0;
}

int ipc_pair(int fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0
	           ? -errno
	           : 0;
}

/* A socket, and the address that `path` is to it. The descriptor or a negative errno. */
static int open_socket(struct sockaddr_un *address, const char *path)
{
	size_t len = strlen(path);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, len + 1);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

/* The descriptor again where the process at its other end is root's or the user's; else it is
 * closed, and -EACCES. */
static int check_peer(int fd, uid_t uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == 0 || peer.uid == uid))
		return fd;
	close(fd);
	return -EACCES;
}

int ipc_listen(const char *path)
{
	struct sockaddr_un address;
	int fd = open_socket(&address, path);
	if (fd < 0)
		return fd;
	bool bound = (unlink(path) == 0 || errno == ENOENT) && fchmod(fd, 0600) == 0 &&
	             bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	if (bound && listen(fd, BACKLOG) == 0)
		return fd;
	int rc = -errno;
	if (bound)
		unlink(path);
	close(fd);
	return rc;
}

int ipc_connect(const char *path, uid_t uid)
{
	struct sockaddr_un address;
	int fd = open_socket(&address, path);
	if (fd < 0)
		return fd;
	int rc;
	do
		rc = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return check_peer(fd, uid);
	rc = -errno;
	close(fd);
	return rc;
}

static int accept_by_hand(int listen_fd)
{
	int fd = accept(listen_fd, NULL, NULL);
	if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

int ipc_accept(int listen_fd, uid_t uid)
{
	int fd;
	do
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && errno == EINTR);
	/* Before Linux 2.6.28, and with some seccomp profiles. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = accept_by_hand(listen_fd);
	if (fd < 0)
		return errno == ECONNABORTED ? -EAGAIN : to_result(errno);
	return check_peer(fd, uid);
}
