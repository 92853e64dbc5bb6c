/* SPDX-License-Identifier: ISC */
/*
 * From a server's name to its IPv4 addresses. A name is looked up in a short-lived child, so that
 * the caller's deadlines hold and what resolver libraries allocate and open goes away with it.
 */
#ifndef PPTP_RESOLVE_H
#define PPTP_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/ipc_msg.h"

enum {
	RESOLVE_MAX = IPC_ADDRESSES_MAX, /* addresses of one name that are tried */
};

struct resolver {
	pid_t child;
	int fd;          /* readable when the answer is there */
	int os_error;    /* after EAI_SYSTEM: the errno; 0 = the child ended without an answer */
	size_t left_out; /* addresses beyond RESOLVE_MAX */
};

enum resolve_literal {
	RESOLVE_IPV4, /* *address is filled in */
	RESOLVE_IPV6,
	RESOLVE_WITH_PORT, /* "HOST:1723": no address, and no name either */
	RESOLVE_NAME,
};

/* What `text` is; "[...]" and "%scope" are seen as parts of an IPv6 address. */
enum resolve_literal resolve_literal(const char *text, struct in_addr *address);

/* Starts looking `name` up with getaddrinfo. 0 or a negative errno. The caller leaves SIGCHLD at its
 * default and waits for no child that it has not made itself: the child's process
 * id is then not another's. */
int resolver_start(struct resolver *r, const char *name);

/* Takes the answer once fd is readable: 0 (and *count addresses, at least 1, in the resolver's
 * order, none twice; left_out says how many more there are), or the EAI_ value of the failure.
 * Follow with resolver_end. */
int resolver_answer(struct resolver *r, struct in_addr addresses[RESOLVE_MAX], size_t *count);

/* Ends the child, whether it has answered or not. Harmless after the first time. */
void resolver_end(struct resolver *r);

#endif
