/* SPDX-License-Identifier: ISC */
/*
 * What can be seen of this host's connection tracking: without privileges that it is in use, and not the
 * rules that need it; with CAP_NET_ADMIN also, by ctnetlink, what it knows of a connection of ours.
 */
#ifndef PPTP_CONNTRACK_H
#define PPTP_CONNTRACK_H

#include <netinet/in.h>
#include <stdbool.h>

enum {
	CONNTRACK_HELPER_MAX = 16, /* NF_CT_HELPER_NAME_LEN, with its NUL */
};

struct conntrack_entry {
	bool tracked;
	char helper[CONNTRACK_HELPER_MAX]; /* as in "pptp"; "" = none */
};

/* Whether this host can track connections at all. */
bool conntrack_is_possible(void);

/* Opens the kernel's counter, in a process that may open no file later. The caller's; -1 where the kernel
 * tracks no connections. */
int conntrack_open(void);

/* Whether connections are tracked in this network namespace; asked while there is one. False also where it
 * cannot be told. Closes `fd`. */
bool conntrack_read(int fd);

/* Looks up the connected TCP socket. 0, or a negative errno: -EPERM without CAP_NET_ADMIN, others where the
 * kernel has no connection tracking. */
int conntrack_find_entry(int tcp, struct conntrack_entry *entry);

#endif
