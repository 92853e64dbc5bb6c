/* SPDX-License-Identifier: ISC */
/*
 * Socket options of the control connection and of the GRE socket, each with its reason. Keeps no
 * descriptor: the callers own them.
 */
#include "sys/netsock.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/tcp.h>
#include <time.h>
#include <unistd.h>

#include "lib/msg_limits.h"

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

enum {
	GRE_PROTOCOL = 47,
	/* Bytes: a burst of 1000 full packets, with the kernel's overhead. */
	RECEIVE_BUFFER = 4 << 20,
	/* Bytes: some 40 packets, of which one that is not ours says all. */
	WATCH_BUFFER = 32 << 10,
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

/* Sets mark and source address, which select the route, before anything is sent. */
static int set_origin(int fd, const struct netsock_options *o)
{
	int rc = 0;
	if (o->mark)
		rc = set_int(fd, SOL_SOCKET, SO_MARK, (int)o->mark);
	if (rc == 0 && o->local.s_addr != htonl(INADDR_ANY))
		rc = bind_local(fd, o->local);
	return rc;
}

/* Returns fd, or closes it and returns rc when that is an error. */
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
	/* Defers the choice of the port to connect, which needs only a unique pair of addresses. */
	(void)set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	/* Messages are small and written whole; Nagle's algorithm would delay the call. */
	(void)set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	int rc = set_origin(fd, o);
	if (rc < 0)
		return fd_or_error(fd, rc);
	struct sockaddr_in address = ipv4(server, MSG_PORT);
	/* After EINTR the kernel goes on connecting, as after EINPROGRESS. */
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
 * decoder, which counts what it refuses. Passes our call's packets or, with `others`, the first 8 bytes
 * of all others.
 */
static int attach_filter(int fd, uint16_t call_id, bool others)
{
	enum {
		CUT = 0,
		WHOLE = 3,
		NOTHING = 4
	}; /* jumps from the last test */
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 0),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0x0007), /* version */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 8),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 2),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x880B, 0, 6),
	    BPF_STMT(BPF_LD | BPF_H | BPF_IND, 6),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call_id, others ? NOTHING : WHOLE,
		others ? CUT : NOTHING),
	    BPF_STMT(BPF_MISC | BPF_TXA, 0),
	    BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 8),
	    BPF_STMT(BPF_RET | BPF_A, 0),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {
	    .len = (unsigned short)(sizeof(code) / sizeof(code[0])), .filter = code};
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno
	                                                                                   : 0;
}

/* Discards packets from before the filter: they belong to other calls. Reads no byte of them, because
 * the process still has its privileges. */
static void discard_queued(int fd)
{
	ssize_t n;
	do
		n = recv(fd, NULL, 0, MSG_DONTWAIT);
	while (n >= 0 || errno == EINTR);
}

/* Receives through the filter from the start, for good. */
static int open_gre(uint16_t call_id, bool others, const struct netsock_options *o)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, GRE_PROTOCOL);
	if (fd < 0)
		return -errno;
	int rc = attach_filter(fd, call_id, others);
	/* The process that gets the socket must not be able to see other calls' packets with it. Kernels before
	 * 3.9 cannot see to that. */
	if (rc == 0) {
		rc = set_int(fd, SOL_SOCKET, SO_LOCK_FILTER, 1);
		rc = rc == -ENOPROTOOPT ? 0 : rc;
	}
	if (rc == 0)
		rc = set_origin(fd, o);
	if (rc == 0)
		discard_queued(fd);
	return fd_or_error(fd, rc);
}

int netsock_gre_open(uint16_t call_id, const struct netsock_options *o)
{
	int fd = open_gre(call_id, false, o);
	if (fd < 0)
		return fd;
	if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER) < 0)
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER); /* limited by net.core */
	(void)set_int(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	/*
	 * Clears "don't fragment". The payload is PPP, whose frame size pppd negotiated: it cannot
	 * be made smaller here. With the flag set, each frame that is too big for the path would be
	 * lost wherever the ICMP message about it is filtered. Fragments are slow, but arrive.
	 */
	(void)set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	return fd;
}

int netsock_gre_watch_open(uint16_t call_id, const struct netsock_options *o)
{
	int fd = open_gre(call_id, true, o);
	if (fd < 0)
		return fd;
	(void)set_int(fd, SOL_SOCKET, SO_RCVBUF, WATCH_BUFFER);
	(void)set_int(fd, IPPROTO_IP, IP_RECVERR, 1);
	return fd;
}

int netsock_gre_bind(int fd, struct in_addr local)
{
	struct in_addr bound = {INADDR_ANY};
	if (netsock_local_address(fd, &bound) == 0 && bound.s_addr == local.s_addr)
		return 0;
	int rc = bind_local(fd, local);
	return rc == -EACCES ? 0 : rc;
}

int netsock_gre_connect(int fd, struct in_addr server)
{
	struct sockaddr_in address = ipv4(server, 0);
	int rc;
	do
		rc = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : 0;
}

int netsock_udp_open(const struct netsock_options *o)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd_or_error(fd, set_origin(fd, o));
}

unsigned netsock_path_mtu(int fd, struct in_addr server)
{
	int mtu = 0;
	socklen_t size = sizeof(mtu);
	if (netsock_gre_connect(fd, server) < 0 ||
	    getsockopt(fd, IPPROTO_IP, IP_MTU, &mtu, &size) < 0 || mtu < 0)
		return 0;
	return (unsigned)mtu;
}

uint16_t netsock_random_u16(void)
{
	uint16_t value;
	/* Not blocking: early at boot the kernel may still collect randomness. */
	if (getrandom(&value, sizeof(value), GRND_NONBLOCK) == (ssize_t)sizeof(value))
		return value;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	uint64_t mix =
	    (uint64_t)now.tv_sec << 30 ^ (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 16;
	return (uint16_t)(mix * UINT64_C(0x9E3779B97F4A7C15) >> 48);
}

/* An abstract name belongs to the network namespace, as call ids do, and ends with its socket. */
static socklen_t call_id_address(struct sockaddr_un *address, uint16_t id)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(
	    address->sun_path + 1, sizeof(address->sun_path) - 1, "pptp-call-id-%u", (unsigned)id);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

static int bind_call_id(int fd, uint16_t id)
{
	struct sockaddr_un address;
	socklen_t len = call_id_address(&address, id);
	return bind(fd, (const struct sockaddr *)&address, len) < 0 ? -errno : 0;
}

/* A random id that is free. When no try finds one, other users hold the names (a host cannot have so
 * many calls): then the last one, unreserved. */
static int bind_random_id(int fd, uint16_t *id)
{
	int rc = -EADDRINUSE;
	for (int i = 0; i < RANDOM_TRIES && rc == -EADDRINUSE; i++) {
		*id = netsock_random_u16();
		if (*id == 0)
			*id = 1; /* 0 names no call */
		rc = bind_call_id(fd, *id);
	}
	return rc == -EADDRINUSE ? 0 : rc;
}

/* The holder's socket listens, so the kernel tells its credentials to a client that connects. */
static void find_holder(uint16_t id, struct netsock_holder *holder)
{
	struct sockaddr_un address;
	socklen_t address_len = call_id_address(&address, id);
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&address, address_len) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		*holder = (struct netsock_holder){.pid = peer.pid, .uid = peer.uid};
	close(fd);
}

int netsock_reserve_call_id(uint16_t wanted, uint16_t *call_id, struct netsock_holder *holder)
{
	*call_id = wanted;
	*holder = (struct netsock_holder){0};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int rc = wanted ? bind_call_id(fd, wanted) : bind_random_id(fd, call_id);
	if (rc == 0)
		(void)listen(
		    fd, SOMAXCONN); /* for find_holder; each of its clients takes a place */
	else if (rc == -EADDRINUSE)
		find_holder(wanted, holder);
	return fd_or_error(fd, rc);
}

bool netsock_call_id_may_be_in_use(uint16_t call_id)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true;
	int rc = bind_call_id(fd, call_id);
	close(fd);
	return rc != 0;
}
