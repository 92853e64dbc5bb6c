/* SPDX-License-Identifier: ISC */
/*
 * Opening the two network sockets, the TCP control connection and the raw GRE socket, with all
 * their options. Their use is the callers'. All functions return a descriptor (close-on-exec,
 * non-blocking) or a negative errno.
 */
#ifndef PPTP_NETSOCK_H
#define PPTP_NETSOCK_H

#include <netinet/in.h>
#include <stdint.h>

struct netsock_options {
	struct in_addr local; /* INADDR_ANY: the kernel's choice */
	uint32_t mark;        /* SO_MARK; 0: none (needs CAP_NET_ADMIN) */
};

/* Starts connecting to server:1723; ask netsock_connect_result when the socket is writable. */
int netsock_tcp_connect(struct in_addr server, const struct netsock_options *o);

/* 0 when connected, else the negative errno of the attempt. */
int netsock_connect_result(int fd);

/* The local address of a connected socket; 0 or a negative errno. */
int netsock_local_address(int fd, struct in_addr *local);

/*
 * A raw GRE socket that lets in only version 1, protocol 880B, key = our call id (a BPF filter in
 * the kernel), with a receive buffer as large as allowed and drops counted (SO_RXQ_OVFL). Open it
 * before the call is asked for: the server may be quicker than we are.
 */
int netsock_gre_open(uint16_t call_id, const struct netsock_options *o);

/*
 * Ties the GRE socket to the server and to our end of the control connection: from then on the
 * kernel lets in that server's packets only. What was queued before stays, as the server's own early
 * packets must not be lost (pppd there would repeat them only seconds later): the reader drops what
 * is from elsewhere. 0 or a negative errno.
 */
int netsock_gre_connect(int fd, struct in_addr server, struct in_addr local);

/*
 * Reserves a call id for this host (network namespace): held by an abstract UNIX socket that goes
 * with the process. `wanted` 0: a random one, which strangers who hold all names cannot keep from
 * us. Writes the id; returns the descriptor to keep open, or a negative errno (-EADDRINUSE: `wanted`
 * is taken).
 */
int netsock_reserve_call_id(uint16_t wanted, uint16_t *call_id);

#endif
