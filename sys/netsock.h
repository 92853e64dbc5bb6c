/* SPDX-License-Identifier: ISC */
/*
 * Opens the TCP socket of the control connection and the raw GRE socket, with all their options, and
 * reserves call ids. Functions that return a descriptor (close-on-exec, non-blocking; the caller's)
 * return a negative errno on failure.
 */
#ifndef PPTP_NETSOCK_H
#define PPTP_NETSOCK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct netsock_options {
	struct in_addr local; /* INADDR_ANY: the kernel chooses */
	uint32_t mark;        /* SO_MARK; 0: none (needs CAP_NET_ADMIN) */
};

/* Starts a connect to server:1723. Call netsock_connect_result when the socket is writable. */
int netsock_tcp_connect(struct in_addr server, const struct netsock_options *o);

/* 0 when connected, -EINPROGRESS while connecting, else the negative errno of the attempt. */
int netsock_connect_result(int fd);

/* The local address of a connected socket; 0 or a negative errno. */
int netsock_local_address(int fd, struct in_addr *local);

/*
 * A raw GRE socket with a BPF filter that passes only version 1, protocol 0x880B and our call id, a
 * receive buffer as large as the system allows, and a drop counter (SO_RXQ_OVFL). Open it before the
 * Outgoing-Call-Request: the server's first packets may precede its reply.
 */
int netsock_gre_open(uint16_t call_id, const struct netsock_options *o);

/*
 * Binds the GRE socket to the control connection's local address. May be called again, with another
 * address, as long as the socket is not connected; with the same one always. SELinux' policies for pptp
 * forbid it (EACCES): then packets have the address of the route, which is the same as a rule. 0 or a
 * negative errno.
 */
int netsock_gre_bind(int fd, struct in_addr local);

/*
 * Connects the GRE socket to the server: from then on the kernel passes only packets from there, and
 * what ICMP says of ours. Packets queued before stay, because the server's early ones must not be lost
 * (its pppd would retransmit only after seconds), so the reader must check their source. May be called
 * again, for another server; but a raw socket that is disconnected receives nothing any more. 0 or a
 * negative errno.
 */
int netsock_gre_connect(int fd, struct in_addr server);

/* A UDP socket, not connected. */
int netsock_udp_open(const struct netsock_options *o);

/*
 * The MTU in bytes of the path to the server, as this host knows it now; 0: not known. Connects the socket
 * (UDP, or raw and connected to this server already) again: a connected socket keeps its route, and once
 * that was removed the kernel tells 68, that of no device, until something is sent (Linux 6.1 to 6.18).
 */
unsigned netsock_path_mtu(int fd, struct in_addr server);

/*
 * A second raw GRE socket, to find out why nothing comes: it passes other calls' packets than ours, cut
 * after the call id so that the process that has it sees nothing of what they carry, and keeps what
 * ICMP says of GRE (gre_watch.h). Open it before privileges are given up.
 */
int netsock_gre_watch_open(uint16_t call_id, const struct netsock_options *o);

/* The process that holds a call id. */
struct netsock_holder {
	pid_t pid; /* 0: not known, as in another PID namespace */
	uid_t uid; /* undefined when pid is 0 */
};

/*
 * Reserves a call id in the network namespace, by an abstract UNIX socket that ends with its last
 * descriptor. `wanted` 0: a random id, which other users cannot prevent by holding all names. Writes
 * the id and returns the descriptor to keep open. -EADDRINUSE: `wanted` is taken, by `holder`, which
 * is the process that reserved it.
 */
int netsock_reserve_call_id(uint16_t wanted, uint16_t *call_id, struct netsock_holder *holder);

/* Whether a call of this host may have the id: false is certain. */
bool netsock_call_id_may_be_in_use(uint16_t call_id);

/* A random number, not for secrets. Never fails or blocks. */
uint16_t netsock_random_u16(void);

#endif
