/* SPDX-License-Identifier: ISC */
/*
 * What the socket of netsock_gre_watch_open has seen: packets of the server for other calls than ours,
 * and ICMP errors that answer GRE of ours. For when a server is silent: otherwise it is parked, so that
 * the kernel makes no copy for it of packets that are known. The descriptor is the caller's; negative,
 * it sees nothing.
 */
#ifndef PPTP_GRE_WATCH_H
#define PPTP_GRE_WATCH_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "sys/icmp_error.h"

/* From now on, GRE of this server. Forgets what was seen before. 0 or a negative errno. */
int gre_watch_start(int fd, struct in_addr server);

/* From now on, nothing; `local` is an address of this host, which sends itself no GRE. */
void gre_watch_park(int fd, struct in_addr local);

enum gre_watch_kind {
	GRE_WATCH_CALL, /* a packet of the server's */
	GRE_WATCH_ICMP,
};

struct gre_watch_event {
	enum gre_watch_kind kind;
	uint16_t call_id; /* that it is for; ICMP: of the packet that was answered */
	struct icmp_error icmp;
};

/* The next thing seen; false where there is nothing more. */
bool gre_watch_read(int fd, struct gre_watch_event *event);

#endif
