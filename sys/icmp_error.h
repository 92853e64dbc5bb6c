/* SPDX-License-Identifier: ISC */
/*
 * What routers and hosts say of the packets that a socket sent: the kernel's queue of ICMP errors
 * (IP_RECVERR), each with its sender, type and code. A socket that asks for it reports each error once
 * more: by the next receive, of a UDP socket by the next send too, which is to be tried again.
 */
#ifndef PPTP_ICMP_ERROR_H
#define PPTP_ICMP_ERROR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ICMP_ERROR_QUOTED = 8,
};

struct icmp_error {
	int error;           /* the errno that the kernel makes of it */
	bool from_network;   /* false: this host itself refused the packet (such as EMSGSIZE) */
	uint8_t type, code;  /* of the ICMP message, from_network */
	struct in_addr from; /* its sender, from_network */
	uint32_t mtu; /* with EMSGSIZE: the largest packet that passes there; 0 = not named */
	/* How the packet began, as the socket was given it. Of GRE any router quotes these eight. */
	uint8_t quoted[ICMP_ERROR_QUOTED];
	size_t quoted_len;
};

/* 0 or a negative errno. */
int icmp_error_enable(int fd);

/* The oldest that waits: 0, -EAGAIN where none does, or another negative errno. Never waits. */
int icmp_error_read(int fd, struct icmp_error *e);

/* What it says of GRE, for people: "administratively prohibited: ...". Never NULL. */
const char *icmp_error_text(const struct icmp_error *e);

#endif
