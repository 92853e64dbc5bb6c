/* SPDX-License-Identifier: ISC */
/* The names are those of RFC 792 and RFC 1812 section 5.2.7.1. */
#include "sys/icmp_error.h"

#include <errno.h>
#include <time.h> /* errqueue.h uses it */
#include <linux/errqueue.h>
#include <netinet/ip_icmp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "sys/error_text.h"

enum {
	/* The kernel's struct and the address behind it (SO_EE_OFFENDER). */
	CONTROL_CAP = CMSG_SPACE(sizeof(struct sock_extended_err) + sizeof(struct sockaddr_in)),
};

int icmp_error_enable(int fd)
{
	int on = 1;
	return setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) < 0 ? -errno : 0;
}

static void decode(const struct cmsghdr *c, struct icmp_error *e)
{
	struct sock_extended_err ee;
	struct sockaddr_in from = {0};
	size_t len = c->cmsg_len - CMSG_LEN(0);
	if (len < sizeof(ee))
		return;
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	if (len >= sizeof(ee) + sizeof(from))
		memcpy(&from, CMSG_DATA(c) + sizeof(ee), sizeof(from));
	e->error = (int)ee.ee_errno;
	e->from_network = ee.ee_origin == SO_EE_ORIGIN_ICMP;
	e->type = ee.ee_type;
	e->code = ee.ee_code;
	e->mtu = ee.ee_errno == EMSGSIZE ? ee.ee_info : 0;
	if (from.sin_family == AF_INET)
		e->from = from.sin_addr;
}

int icmp_error_read(int fd, struct icmp_error *e)
{
	union {
		struct cmsghdr alignment;
		char bytes[CONTROL_CAP];
	} control;
	struct iovec part = {.iov_base = e->quoted, .iov_len = sizeof(e->quoted)};
	struct msghdr m = {.msg_iov = &part,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	*e = (struct icmp_error){0};
	ssize_t n;
	do
		n = recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	e->quoted_len = (size_t)n;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR)
			decode(c, e);
	return 0;
}

/* None of the words that programs take for the end of a call, such as "unreachable". */
const char *icmp_error_text(const struct icmp_error *e)
{
	if (!e->from_network)
		return error_text(e->error);
	if (e->type == ICMP_TIME_EXCEEDED)
		return "time exceeded: routers send it round in a loop";
	if (e->type != ICMP_DEST_UNREACH)
		return "that we do not know";
	switch (e->code) {
	case ICMP_NET_UNREACH:
	case ICMP_NET_UNKNOWN:
	case ICMP_NET_UNR_TOS:
		return "network not reachable: there is no route from there on";
	case ICMP_HOST_UNREACH:
	case ICMP_HOST_UNKNOWN:
	case ICMP_HOST_UNR_TOS:
		return "host not reachable: the server cannot be found from there";
	case ICMP_PROT_UNREACH:
		return "protocol not supported: GRE (IP protocol 47) is rejected or not known there";
	case ICMP_PORT_UNREACH:
		return "port not reachable: a packet filter there rejects GRE (IP protocol 47)";
	case ICMP_NET_ANO:
	case ICMP_HOST_ANO:
	case ICMP_PKT_FILTERED:
		return "administratively prohibited: a packet filter there rejects GRE (IP protocol 47)";
	default:
		return "destination not reachable";
	}
}
