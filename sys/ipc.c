/* SPDX-License-Identifier: ISC */
/*
 * Layout of a packet: version, type, then the fields of the type in big-endian, text last and up to
 * the end of the packet.
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

#include "lib/wire.h"

enum {
	/* All but the text of IPC_STATUS; not longer, as it lies on the stack. */
	PACKET_CAP = 16 + sizeof(struct pptp_stats) + IPC_TEXT_MAX,
	/* As the kernel counts: about 16 small messages, of some 200 that a socket holds. */
	OPTIONAL_UNREAD_MAX = 16384,
	SEND_TRIES = 32, /* for one message */
	BACKLOG = 4096,  /* the kernel's own limit; SOMAXCONN is 128 with musl */
};

_Static_assert(sizeof(struct pptp_stats) == STATS_COUNT * sizeof(uint64_t),
    "stats_table names each counter: the order of the table is the order on the wire");

static void put_text(struct wire_writer *w, const char *text, size_t cap)
{
	wire_put_copy(w, text, strnlen(text, cap - 1));
}

/* The rest of the packet; a NUL in it, or more than fits, spoils the packet. */
static void get_text(struct wire_reader *r, char *text, size_t cap)
{
	size_t len = wire_left(r);
	if (len >= cap || (len > 0 && memchr(r->bytes + r->at, '\0', len)))
		r->failed = true;
	else
		wire_get_copy(r, text, len);
	text[r->failed ? 0 : len] = '\0';
}

static void put_address(struct wire_writer *w, struct in_addr address)
{
	wire_put_copy(w, &address.s_addr, sizeof(address.s_addr)); /* in network order already */
}

static void get_address(struct wire_reader *r, struct in_addr *address)
{
	wire_get_copy(r, &address->s_addr, sizeof(address->s_addr));
}

static void put_stats(struct wire_writer *w, const struct ipc_stats *stats)
{
	for (size_t i = 0; i < STATS_COUNT; i++) {
		uint64_t value;
		memcpy(
		    &value, (const char *)&stats->counters + stats_table[i].offset, sizeof(value));
		wire_put_be64(w, value);
	}
	wire_put_be64(w, (uint64_t)stats->notice.at_us);
	put_text(w, stats->notice.text, sizeof(stats->notice.text));
}

static void get_stats(struct wire_reader *r, struct ipc_stats *stats)
{
	for (size_t i = 0; i < STATS_COUNT; i++) {
		uint64_t value = wire_get_be64(r);
		memcpy((char *)&stats->counters + stats_table[i].offset, &value, sizeof(value));
	}
	stats->notice.at_us = (int64_t)wire_get_be64(r);
	get_text(r, stats->notice.text, sizeof(stats->notice.text));
}

static int encode(struct wire_writer *w, const struct ipc_message *m)
{
	wire_put_u8(w, IPC_VERSION);
	wire_put_u8(w, (uint8_t)m->type);
	switch (m->type) {
	case IPC_CONNECT_REQUEST:
		put_address(w, m->u.connect.server);
		wire_put_u8(w, m->u.connect.is_last);
		break;
	case IPC_CONNECT_REPLY:
		wire_put_be32(w, m->u.reply.error);
		wire_put_u8(w, (uint8_t)m->u.reply.route);
		break;
	case IPC_ROUTE_STATE:
		wire_put_u8(w, (uint8_t)m->u.route);
		break;
	case IPC_UNIT:
		wire_put_be32(w, m->u.unit);
		break;
	case IPC_CALL_UP:
		put_address(w, m->u.up.server);
		put_address(w, m->u.up.local);
		wire_put_be16(w, m->u.up.call_id);
		wire_put_be16(w, m->u.up.peer_call_id);
		wire_put_be16(w, m->u.up.server_window);
		wire_put_be16(w, m->u.up.server_delay);
		break;
	case IPC_ENDED:
		wire_put_u8(w, m->u.ended.exit_status);
		wire_put_u8(w, m->u.ended.by_server);
		put_text(w, m->u.ended.text, sizeof(m->u.ended.text));
		break;
	case IPC_DRAIN:
		wire_put_u8(w, m->u.linger);
		break;
	case IPC_STATS:
		put_stats(w, &m->u.stats);
		break;
	case IPC_STATUS: /* the text follows by itself */
	case IPC_HEARTBEAT:
	case IPC_STATS_REQUEST:
	case IPC_READY:
	case IPC_RECEIVED:
	case IPC_PPPD_OPEN:
	case IPC_CLOSE:
	case IPC_STATS_DUMP:
	case IPC_STATUS_REQUEST:
		break;
	}
	return w->failed ? -EINVAL : 0;
}

static enum ipc_route get_route(struct wire_reader *r)
{
	uint8_t route = wire_get_u8(r);
	if (route > IPC_ROUTE_LOST)
		r->failed = true;
	return r->failed ? IPC_ROUTE_NONE : (enum ipc_route)route;
}

static void decode_up(struct wire_reader *r, struct ipc_call_up *up)
{
	get_address(r, &up->server);
	get_address(r, &up->local);
	up->call_id = wire_get_be16(r);
	up->peer_call_id = wire_get_be16(r);
	up->server_window = wire_get_be16(r);
	up->server_delay = wire_get_be16(r);
}

static int decode(struct wire_reader *r, struct ipc_message *m)
{
	uint8_t version = wire_get_u8(r);
	uint8_t type = wire_get_u8(r);
	if (r->failed || version != IPC_VERSION || type < IPC_CONNECT_REQUEST || type >= IPC_STATUS)
		return -EBADMSG;
	m->type = (enum ipc_type)type;
	switch (m->type) {
	case IPC_CONNECT_REQUEST:
		get_address(r, &m->u.connect.server);
		m->u.connect.is_last = wire_get_u8(r) != 0;
		break;
	case IPC_CONNECT_REPLY:
		m->u.reply.error = wire_get_be32(r);
		m->u.reply.route = get_route(r);
		break;
	case IPC_ROUTE_STATE:
		m->u.route = get_route(r);
		break;
	case IPC_UNIT:
		m->u.unit = wire_get_be32(r);
		break;
	case IPC_CALL_UP:
		decode_up(r, &m->u.up);
		break;
	case IPC_ENDED:
		m->u.ended.exit_status = wire_get_u8(r);
		m->u.ended.by_server = wire_get_u8(r) != 0;
		get_text(r, m->u.ended.text, sizeof(m->u.ended.text));
		break;
	case IPC_DRAIN:
		m->u.linger = wire_get_u8(r) != 0;
		break;
	case IPC_STATS:
		get_stats(r, &m->u.stats);
		break;
	case IPC_HEARTBEAT:
	case IPC_STATS_REQUEST:
	case IPC_READY:
	case IPC_RECEIVED:
	case IPC_PPPD_OPEN:
	case IPC_CLOSE:
	case IPC_STATS_DUMP:
	case IPC_STATUS_REQUEST:
	case IPC_STATUS:
		break;
	}
	return r->failed || wire_left(r) > 0 ? -EBADMSG : 0;
}

/* Only a reply without an error comes with a descriptor. */
static bool has_descriptor(const struct ipc_message *m)
{
	return m->type == IPC_CONNECT_REPLY && m->u.reply.error == 0;
}

/* A shortage of memory is reported like a full socket: both want another try later. */
static int to_result(int error)
{
	return error == ENOMEM || error == ENOBUFS || error == EWOULDBLOCK ? -EAGAIN : -error;
}

/* A failure that may pass at once: no message is to be lost to it. EAGAIN is also that of a
 * receiver that does not read, and stays. */
static bool is_transient(int error)
{
	return error == EINTR || error == ENOMEM || error == ENOBUFS || error == EAGAIN;
}

int ipc_send(int fd, const struct ipc_message *m)
{
	uint8_t packet[PACKET_CAP];
	struct wire_writer w = wire_write(packet, sizeof(packet));
	int rc = encode(&w, m);
	if (rc < 0)
		return rc;
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec parts[2] = {{.iov_base = packet, .iov_len = w.at}};
	if (m->type == IPC_STATUS) {
		/* sendmsg writes through no pointer; iovec has the type for readers, too. */
		memcpy(&parts[1].iov_base, &m->u.status, sizeof(parts[1].iov_base));
		parts[1].iov_len = strnlen(m->u.status, IPC_STATUS_MAX - 1);
	}
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
	do
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && is_transient(errno) && ++tries < SEND_TRIES);
	if (n < 0)
		return -errno;
	return (size_t)n == parts[0].iov_len + parts[1].iov_len ? 0 : -EMSGSIZE;
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

bool ipc_may_pass(int error)
{
	return error == -EAGAIN || error == -ENOMEM || error == -ENOBUFS;
}

bool ipc_is_refused(int error)
{
	return error && !ipc_may_pass(error) && error != -EPIPE && error != -ECONNRESET &&
	       error != -ECONNREFUSED && error != -ETOOMANYREFS;
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
	uint8_t packet[PACKET_CAP];
	/* The kernel opens no more descriptors than there is space for. */
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = packet, .iov_len = sizeof(packet)};
	struct msghdr msg = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	ssize_t n = receive(fd, &msg);
	m->fd = -1;
	if (n < 0)
		return -errno;
	size_t descriptors = keep_descriptor(&msg, &m->fd);
	int rc = -EBADMSG;
	if (n == 0 && descriptors == 0) {
		rc = 0;
	} else if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		struct wire_reader r = wire_read(packet, (size_t)n);
		if (decode(&r, m) == 0 && descriptors == (has_descriptor(m) ? 1 : 0))
			rc = 1;
	}
	if (rc != 1 && m->fd >= 0) {
		close(m->fd);
		m->fd = -1;
	}
	return rc;
}

int ipc_receive_status(int fd, char *text, size_t cap)
{
	uint8_t head[2];
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

static int set_path(struct sockaddr_un *address, const char *path)
{
	size_t len = strlen(path);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len == 0)
		return -EINVAL;
	if (len >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	memcpy(address->sun_path, path, len + 1);
	return 0;
}

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

/* The descriptor again where the process at its other end is root's or the user's; else it is
 * closed, and -EACCES. */
static int trusted(int fd, uid_t uid)
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
	int rc = set_path(&address, path);
	if (rc < 0)
		return rc;
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	int fd = open_socket();
	if (fd < 0)
		return fd;
	if (fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	if (listen(fd, BACKLOG) == 0)
		return fd;
	rc = -errno;
	(void)unlink(path);
	close(fd);
	return rc;
}

int ipc_connect(const char *path, uid_t uid)
{
	struct sockaddr_un address;
	int rc = set_path(&address, path);
	if (rc < 0)
		return rc;
	int fd = open_socket();
	if (fd < 0)
		return fd;
	do
		rc = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return trusted(fd, uid);
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
	return trusted(fd, uid);
}
