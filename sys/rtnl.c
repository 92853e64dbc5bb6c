/* SPDX-License-Identifier: ISC */
/*
 * The transport half of routing: netlink framing. Owns no route and knows of none.
 */
#include "sys/rtnl.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/anon_mmap.h"

enum {
	RTNL_PACKET_MAX = 8192, /* what the kernel's packets are fitted to, or less */
	EVENTS_BUFFER = 256 << 10,
	PACKETS_AT_ONCE = 64, /* a storm of notifications must not hold up the loop */
	TYPE_MASK = 0x3fff,   /* without the flags for nested and big-endian */
};

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

static size_t aligned(size_t len)
{
	return (len + 3) & ~(size_t)3;
}

void rtnl_skip(struct rtnl_view *v, size_t len)
{
	size_t step = aligned(len) < v->len ? aligned(len) : v->len;
	v->bytes += step;
	v->len -= step;
}

static int open_socket(int protocol, uint32_t groups)
{
	int type = SOCK_RAW | SOCK_CLOEXEC | (groups ? SOCK_NONBLOCK : 0);
	int fd = socket(AF_NETLINK, type, protocol);
	if (fd < 0)
		return -errno;
	int value = 1;
	/* Lets the kernel leave out tables that a dump does not ask for; without it, we do. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &value, sizeof(value));
	if (groups) {
		value = EVENTS_BUFFER;
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, sizeof(value));
	}
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int rc = -errno;
	close(fd);
	return rc;
}

int rtnl_open(struct rtnl *r, int protocol, uint32_t groups)
{
	*r = (struct rtnl){.fd = -1, .packet = anon_mmap(RTNL_PACKET_MAX)};
	if (!r->packet)
		return -errno;
	int fd = open_socket(protocol, groups);
	if (fd < 0) {
		rtnl_close(r);
		return fd;
	}
	r->fd = fd;
	return 0;
}

void rtnl_close(struct rtnl *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	if (r->packet)
		munmap(r->packet, RTNL_PACKET_MAX);
	r->packet = NULL;
}

/* It has been decoded; its pages are not needed for hours. */
static void forget_packet(struct rtnl *r)
{
	(void)madvise(r->packet, RTNL_PACKET_MAX, MADV_DONTNEED);
}

/* Appends `len` bytes and zeros up to the next multiple of 4. */
static void append(struct rtnl_request *q, const void *data, size_t len)
{
	if (q->failed || sizeof(q->bytes) - q->len < aligned(len)) {
		q->failed = true;
		return;
	}
	memset(q->bytes + q->len, 0, aligned(len));
	if (len)
		memcpy(q->bytes + q->len, data, len);
	q->len += aligned(len);
}

void rtnl_start(
    struct rtnl_request *q, uint16_t type, uint16_t flags, const void *fixed, size_t len)
{
	struct nlmsghdr header = {.nlmsg_type = type, .nlmsg_flags = flags};
	q->len = 0;
	q->failed = false;
	append(q, &header, sizeof(header));
	append(q, fixed, len);
}

void rtnl_put(struct rtnl_request *q, uint16_t type, const void *data, size_t len)
{
	struct rtattr header = {
	    .rta_len = (unsigned short)(sizeof(header) + len), .rta_type = type};
	append(q, &header, sizeof(header));
	append(q, data, len);
}

void rtnl_put_nested(struct rtnl_request *q, uint16_t type, const struct rtnl_request *inner)
{
	q->failed = q->failed || inner->failed;
	rtnl_put(q, type | NLA_F_NESTED, inner->bytes, inner->len);
}

static int send_request(struct rtnl *r, struct rtnl_request *q)
{
	if (q->failed)
		return -EMSGSIZE;
	struct nlmsghdr header;
	memcpy(&header, q->bytes, sizeof(header));
	header.nlmsg_len = (uint32_t)q->len;
	header.nlmsg_seq = ++r->sequence;
	header.nlmsg_flags |= NLM_F_REQUEST;
	if (!(header.nlmsg_flags & NLM_F_DUMP))
		header.nlmsg_flags |= NLM_F_ACK; /* so that each answer has an end */
	memcpy(q->bytes, &header, sizeof(header));
	ssize_t n;
	do
		n = send(r->fd, q->bytes, q->len, 0);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* One packet from the kernel (and from no other sender): its length, or a negative errno. */
static ssize_t receive(struct rtnl *r)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec part = {.iov_base = r->packet, .iov_len = RTNL_PACKET_MAX};
		struct msghdr msg = {.msg_name = &from,
		    .msg_namelen = sizeof(from),
		    .msg_iov = &part,
		    .msg_iovlen = 1};
		ssize_t n = recvmsg(r->fd, &msg, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (from.nl_pid != 0)
			continue;
		return msg.msg_flags & MSG_TRUNC ? -ENOBUFS : n;
	}
}

static bool next_message(struct rtnl_view *v, struct nlmsghdr *header, struct rtnl_view *body)
{
	if (v->len < sizeof(*header))
		return false;
	memcpy(header, v->bytes, sizeof(*header));
	if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > v->len)
		return false;
	*body = (struct rtnl_view){v->bytes + sizeof(*header), header->nlmsg_len - sizeof(*header)};
	rtnl_skip(v, header->nlmsg_len);
	return true;
}

/* The outcome in an acknowledgment, or at the end of a dump, which both begin with an errno. */
static int outcome(struct rtnl_view body)
{
	int32_t error;
	if (body.len < sizeof(error))
		return 0;
	memcpy(&error, body.bytes, sizeof(error));
	return error;
}

int rtnl_talk(struct rtnl *r, struct rtnl_request *q, rtnl_handler *handler, void *context)
{
	bool changed = false;
	int rc = send_request(r, q);
	bool done = rc < 0;
	while (!done) {
		ssize_t n = receive(r);
		struct rtnl_view view = {r->packet, n < 0 ? 0 : (size_t)n}, body;
		struct nlmsghdr header;
		if (n < 0) {
			rc = (int)n;
			done = true;
		}
		while (!done && next_message(&view, &header, &body)) {
			if (header.nlmsg_seq != r->sequence)
				continue; /* of a request that was given up */
			changed = changed || header.nlmsg_flags & NLM_F_DUMP_INTR;
			done = header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE;
			if (done)
				rc = outcome(body);
			else if (handler)
				handler(context, header.nlmsg_type, body);
		}
	}
	forget_packet(r);
	return rc == 0 && changed ? -EAGAIN : rc;
}

int rtnl_notifications(struct rtnl *r, rtnl_handler *handler, void *context)
{
	int rc = 0;
	for (int i = 0; i < PACKETS_AT_ONCE; i++) {
		ssize_t n = receive(r);
		if (n == -EAGAIN)
			break;
		if (n < 0)
			rc = (int)n;
		if (n < 0 && n != -ENOBUFS)
			break;
		struct rtnl_view view = {r->packet, n < 0 ? 0 : (size_t)n}, body;
		struct nlmsghdr header;
		while (next_message(&view, &header, &body))
			handler(context, header.nlmsg_type, body);
	}
	forget_packet(r);
	return rc;
}

bool rtnl_fixed(struct rtnl_view *v, void *fixed, size_t len)
{
	if (v->len < len)
		return false;
	memcpy(fixed, v->bytes, len);
	rtnl_skip(v, len);
	return true;
}

bool rtnl_next(struct rtnl_view *v, struct rtnl_attribute *attribute)
{
	struct rtattr header;
	if (v->len < sizeof(header))
		return false;
	memcpy(&header, v->bytes, sizeof(header));
	if (header.rta_len < sizeof(header) || header.rta_len > v->len)
		return false;
	*attribute = (struct rtnl_attribute){(uint16_t)(header.rta_type & TYPE_MASK),
	    v->bytes + sizeof(header), header.rta_len - sizeof(header)};
	rtnl_skip(v, header.rta_len);
	return true;
}

uint32_t rtnl_u32(const struct rtnl_attribute *attribute)
{
	uint32_t value = 0;
	if (attribute->len >= sizeof(value))
		memcpy(&value, attribute->data, sizeof(value));
	return value;
}
