/* SPDX-License-Identifier: ISC */
/*
 * Socket options of the control connection and of the GRE socket, each with its reason. Owns no
 * descriptor beyond the call that made it.
 */
#include "sys/netsock.h"

#include <errno.h>
#include <linux/filter.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/tcp.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum {
	PPTP_PORT = 1723,
	GRE_PROTOCOL = 47,
	GRE_BUFFER = 4 << 20, /* octets: a burst of 1000 full packets, with the kernel's overhead */
	RANDOM_TRIES = 64,
};

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static struct sockaddr_in ipv4(struct in_addr address, uint16_t port)
{
	return (struct sockaddr_in){
	    .sin_family = AF_INET, .sin_addr = address, .sin_port = htons(port)};
}

static int bind_local(int fd, struct in_addr local)
{
	struct sockaddr_in address = ipv4(local, 0);
	return bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
}

/* Mark and source, which decide the route, before anything is sent. */
static int set_origin(int fd, const struct netsock_options *o)
{
	int rc = 0;
	if (o->mark)
		rc = set_int(fd, SOL_SOCKET, SO_MARK, (int)o->mark);
	if (rc == 0 && o->local.s_addr != htonl(INADDR_ANY))
		rc = bind_local(fd, o->local);
	return rc;
}

/* Closes fd where rc is an error; returns whichever the caller shall get. */
static int fd_or_error(int fd, int rc)
{
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int netsock_tcp_connect(struct in_addr server, const struct netsock_options *o)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* The port is then chosen when connecting, so that only pairs of ends need to differ. */
	(void)set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	/* Messages are small and written whole; a delayed one delays the call. */
	(void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	int rc = set_origin(fd, o);
	if (rc < 0)
		return fd_or_error(fd, rc);
	struct sockaddr_in address = ipv4(server, PPTP_PORT);
	/* After EINTR the attempt goes on in the kernel, as after EINPROGRESS. */
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
	    errno != EINPROGRESS && errno != EINTR)
		rc = -errno;
	return fd_or_error(fd, rc);
}

int netsock_connect_result(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	if (error)
		return -error;
	struct sockaddr_in peer;
	socklen_t peer_len = sizeof(peer);
	if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0)
		return errno == ENOTCONN ? -EINPROGRESS : -errno;
	return 0;
}

int netsock_local_address(int fd, struct in_addr *local)
{
	struct sockaddr_in address = {0};
	socklen_t len = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return -errno;
	if (len < sizeof(address) || address.sin_family != AF_INET)
		return -EAFNOSUPPORT;
	*local = address.sin_addr;
	return 0;
}

/*
 * A raw socket's filter sees the datagram from its IP header on. Fields of RFC 2637 section 4.1
 * relative to X, the length of that header: flags and version at 0, protocol at 2, call id at 6. A
 * datagram too short for them is dropped by the load that fails. Other flags are left to the
 * decoder, which counts what it refuses.
 */
static int attach_filter(int fd, uint16_t call_id)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0007), /* version */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 5),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x880B, 0, 3),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 6),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call_id, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {
	    .len = (unsigned short)(sizeof(code) / sizeof(code[0])), .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
	                                                                                   : 0;
}

/* What came in between socket() and the filter is other calls': ours was not asked for yet. */
static void discard_queued(int fd)
{
	char octet;
	ssize_t n;
	do
		n = recv(fd, &octet, sizeof(octet), MSG_DONTWAIT);
	while (n >= 0 || errno == EINTR);
}

static void set_buffer(int fd, int forced_option, int option)
{
	if (set_int(fd, SOL_SOCKET, forced_option, GRE_BUFFER) < 0)
		(void)set_int(
		    fd, SOL_SOCKET, option, GRE_BUFFER); /* as much as the system allows */
}

int netsock_gre_open(uint16_t call_id, const struct netsock_options *o)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, GRE_PROTOCOL);
	if (fd < 0)
		return -errno;
	int rc = attach_filter(fd, call_id);
	if (rc == 0)
		rc = set_origin(fd, o);
	if (rc < 0)
		return fd_or_error(fd, rc);
	discard_queued(fd);
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	(void)set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	/*
	 * Sent without "don't fragment". What is inside is PPP, whose frame size pppd agreed on
	 * with the other end: we cannot make it smaller, and with the flag set each frame that is
	 * too big for the path would vanish for ever wherever the ICMP message about it does not
	 * get through. A frame in two fragments is slower than one in none, and better than none at
	 * all.
	 */
	(void)set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	return fd;
}

int netsock_gre_connect(int fd, struct in_addr server, struct in_addr local)
{
	if (local.s_addr != htonl(INADDR_ANY)) {
		int rc = bind_local(fd, local);
		if (rc < 0)
			return rc;
	}
	struct sockaddr_in address = ipv4(server, 0);
	int rc;
	do
		rc = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

static int random_id(uint16_t *id)
{
	ssize_t n;
	do
		n = getrandom(id, sizeof(*id), 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*id) ? 0 : -EIO;
}

/* Abstract names live in the network namespace, as raw sockets do, and end with the descriptor. */
static int bind_call_id(int fd, uint16_t id)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int len = snprintf(
	    address.sun_path + 1, sizeof(address.sun_path) - 1, "pptp-call-id-%u", (unsigned)id);
	socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
	return bind(fd, (const struct sockaddr *)&address, size) < 0 ? -errno : 0;
}

/* A random one that nobody has. Where no try finds one, strangers hold the names (there cannot be so
 * many calls): the last one, unreserved. */
static int bind_random_id(int fd, uint16_t *id)
{
	int rc = -EADDRINUSE;
	for (int i = 0; i < RANDOM_TRIES && rc == -EADDRINUSE; i++) {
		rc = random_id(id);
		if (rc < 0)
			return rc;
		if (*id == 0)
			*id = 1; /* 0 names no call */
		rc = bind_call_id(fd, *id);
	}
	return rc == -EADDRINUSE ? 0 : rc;
}

int netsock_reserve_call_id(uint16_t wanted, uint16_t *call_id)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	*call_id = wanted;
	return fd_or_error(fd, wanted ? bind_call_id(fd, wanted) : bind_random_id(fd, call_id));
}
