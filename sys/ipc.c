/* SPDX-License-Identifier: ISC */
/*
 * Layout: version, type, then the fields of the type in big-endian, text last and up to the end of
 * the packet. Owns the packets and the credentials' check; what a message means is for its receiver.
 */
#include "sys/ipc.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "lib/wire.h"

enum {
	/* All but the text of IPC_STATUS; not longer, as it lies on the stack. */
	PACKET_CAP = IPC_TEXT_MAX + 16,
	BACKLOG = 4096, /* the kernel's own limit; SOMAXCONN is 128 with musl */
};

_Static_assert(sizeof(struct pptp_stats) == STATS_COUNT * sizeof(uint64_t),
    "stats_table names each counter: the order of the table is the order on the wire");
_Static_assert(2 + sizeof(struct pptp_stats) <= PACKET_CAP, "all counters fit into one packet");

static void put_text(struct wire_writer *w, const char *text, size_t cap)
{
	wire_put_copy(w, text, strnlen(text, cap - 1));
}

/* The rest of the packet; a NUL in it, or more than fits, spoils the packet. */
static void get_text(struct wire_reader *r, char *text, size_t cap)
{
	size_t len = wire_left(r);
	if (len >= cap || (len > 0 && memchr(r->octets + r->at, '\0', len)))
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

static void put_stats(struct wire_writer *w, const struct pptp_stats *stats)
{
	for (size_t i = 0; i < STATS_COUNT; i++) {
		uint64_t value;
		memcpy(&value, (const char *)stats + stats_table[i].offset, sizeof(value));
		wire_put_be64(w, value);
	}
}

static void get_stats(struct wire_reader *r, struct pptp_stats *stats)
{
	for (size_t i = 0; i < STATS_COUNT; i++) {
		uint64_t value = wire_get_be64(r);
		memcpy((char *)stats + stats_table[i].offset, &value, sizeof(value));
	}
}

static int encode(struct wire_writer *w, const struct ipc_message *m)
{
	wire_put_u8(w, IPC_VERSION);
	wire_put_u8(w, (uint8_t)m->type);
	switch (m->type) {
	case IPC_CALL_REQUEST:
		wire_put_be16(w, m->u.request.call_id);
		wire_put_be16(w, m->u.request.window);
		put_text(w, m->u.request.phone, sizeof(m->u.request.phone));
		break;
	case IPC_CALL_UP:
		put_address(w, m->u.up.server);
		put_address(w, m->u.up.local);
		wire_put_be16(w, m->u.up.call_id);
		wire_put_be16(w, m->u.up.peer_call_id);
		wire_put_be16(w, m->u.up.server_window);
		wire_put_be16(w, m->u.up.server_delay);
		wire_put_be32(w, m->u.up.connect_bps);
		break;
	case IPC_CALL_OVER:
		wire_put_u8(w, m->u.over.was_up);
		wire_put_u8(w, m->u.over.exit_status);
		put_text(w, m->u.over.text, sizeof(m->u.over.text));
		break;
	case IPC_STATS:
		put_stats(w, &m->u.stats);
		break;
	case IPC_STATUS: /* the text follows by itself */
	case IPC_CALL_CLOSE:
	case IPC_CALL_MOVED:
	case IPC_STATS_REQUEST:
	case IPC_STATUS_REQUEST:
	case IPC_CALL_PENDING:
		break;
	}
	return w->failed ? -EINVAL : 0;
}

static void decode_up(struct wire_reader *r, struct ipc_call_up *up)
{
	get_address(r, &up->server);
	get_address(r, &up->local);
	up->call_id = wire_get_be16(r);
	up->peer_call_id = wire_get_be16(r);
	up->server_window = wire_get_be16(r);
	up->server_delay = wire_get_be16(r);
	up->connect_bps = wire_get_be32(r);
}

static int decode(struct wire_reader *r, struct ipc_message *m)
{
	uint8_t version = wire_get_u8(r);
	uint8_t type = wire_get_u8(r);
	if (r->failed || version != IPC_VERSION || type < IPC_CALL_REQUEST ||
	    type > IPC_CALL_PENDING || type == IPC_STATUS)
		return -EBADMSG;
	m->type = (enum ipc_type)type;
	switch (m->type) {
	case IPC_CALL_REQUEST:
		m->u.request.call_id = wire_get_be16(r);
		m->u.request.window = wire_get_be16(r);
		get_text(r, m->u.request.phone, sizeof(m->u.request.phone));
		break;
	case IPC_CALL_UP:
		decode_up(r, &m->u.up);
		break;
	case IPC_CALL_OVER:
		m->u.over.was_up = wire_get_u8(r) != 0;
		m->u.over.exit_status = wire_get_u8(r);
		get_text(r, m->u.over.text, sizeof(m->u.over.text));
		break;
	case IPC_STATS:
		get_stats(r, &m->u.stats);
		break;
	case IPC_CALL_CLOSE:
	case IPC_CALL_MOVED:
	case IPC_STATS_REQUEST:
	case IPC_STATUS_REQUEST:
	case IPC_STATUS:
	case IPC_CALL_PENDING:
		break;
	}
	return r->failed || wire_left(r) > 0 ? -EBADMSG : 0;
}

/* A shortage of memory passes as a full socket does: both want another try later. */
static int passing(int error)
{
	return error == ENOMEM || error == ENOBUFS || error == EWOULDBLOCK ? -EAGAIN : -error;
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
		uint8_t octets[CMSG_SPACE(sizeof(int))];
	} control = {.octets = {0}};
	struct iovec parts[2] = {{.iov_base = packet, .iov_len = w.at}};
	if (m->type == IPC_STATUS) {
		/* sendmsg writes through no pointer; iovec has the type for readers, too. */
		memcpy(&parts[1].iov_base, &m->u.status, sizeof(parts[1].iov_base));
		parts[1].iov_len = strnlen(m->u.status, IPC_STATUS_MAX - 1);
	}
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	if (m->type == IPC_CALL_MOVED) {
		if (m->fd < 0)
			return -EINVAL;
		msg.msg_control = control.octets;
		msg.msg_controllen = sizeof(control.octets);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
	}
	ssize_t n;
	do
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return passing(errno);
	return (size_t)n == parts[0].iov_len + parts[1].iov_len ? 0 : -EMSGSIZE;
}

/* Keeps the first descriptor that came along, closes all others; returns how many there were. */
static size_t take_descriptors(struct msghdr *msg, int *kept)
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

/* ECONNRESET says once, and before anything else, that the peer closed with something of ours unread.
 * Its last word is still to come, and then the end. */
static ssize_t receive(int fd, struct msghdr *msg)
{
	ssize_t n;
	do
		n = recvmsg(fd, msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	return n;
}

int ipc_receive(int fd, struct ipc_message *m)
{
	uint8_t packet[PACKET_CAP];
	/* The kernel opens no more descriptors than there is room for. */
	union {
		struct cmsghdr align;
		uint8_t octets[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {.iov_base = packet, .iov_len = sizeof(packet)};
	struct msghdr msg = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = control.octets,
	    .msg_controllen = sizeof(control.octets)};
	ssize_t n = receive(fd, &msg);
	m->fd = -1;
	if (n < 0)
		return passing(errno);
	size_t descriptors = take_descriptors(&msg, &m->fd);
	int rc = -EBADMSG;
	if (n == 0 && descriptors == 0) {
		rc = 0;
	} else if (!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		struct wire_reader r = wire_read(packet, (size_t)n);
		if (decode(&r, m) == 0 && descriptors == (m->type == IPC_CALL_MOVED ? 1 : 0))
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
	/* No room for descriptors: none are let in. */
	struct msghdr msg = {.msg_iov = parts, .msg_iovlen = 2};
	ssize_t n = receive(fd, &msg);
	if (n < 0)
		return passing(errno);
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

/* The connected descriptor, or a negative errno. */
static int connect_to(const struct sockaddr_un *address)
{
	int fd = open_socket();
	if (fd < 0)
		return fd;
	int rc;
	do
		rc = connect(fd, (const struct sockaddr *)address, sizeof(*address));
	while (rc < 0 && errno == EINTR);
	if (rc == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

/* The descriptor again where the process at its other end is root's or our own user's; else it is
 * closed, and -EPERM. */
static int trusted(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	    (peer.uid == 0 || peer.uid == geteuid()))
		return fd;
	close(fd);
	return -EPERM;
}

int ipc_listen(const char *path)
{
	struct sockaddr_un address;
	int rc = set_path(&address, path);
	if (rc < 0)
		return rc;
	int probe = connect_to(&address);
	if (probe >= 0)
		close(probe);
	/* Only a refusal proves that nobody listens (EAGAIN: somebody with a full backlog does). */
	if (probe >= 0 || probe == -EAGAIN || probe == -EPROTOTYPE)
		return -EADDRINUSE;
	if (probe == -ECONNREFUSED && unlink(path) < 0 && errno != ENOENT)
		return -errno;
	int fd = open_socket();
	if (fd < 0)
		return fd;
	if (fchmod(fd, 0600) < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

int ipc_connect(const char *path)
{
	struct sockaddr_un address;
	int rc = set_path(&address, path);
	if (rc < 0)
		return rc;
	int fd = connect_to(&address);
	return fd < 0 ? fd : trusted(fd);
}

int ipc_accept(int listen_fd)
{
	int fd;
	do
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return errno == ECONNABORTED ? -EAGAIN : passing(errno);
	return trusted(fd);
}
