/* SPDX-License-Identifier: ISC */
/*
 * GRE both ways, by the call that is established: an LCP Configure-Request goes out, repeated each
 * second, and anything that comes back counts. Where the server opens LCP, Echo-Requests follow, and
 * then some of chosen sizes that must not be divided, for the MTU of the path. What it has seen is
 * plain data for gre_check.c, which says what it means.
 */
#ifndef PPTP_GRE_PROBE_H
#define PPTP_GRE_PROBE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/seq32.h"
#include "ppp/lcp_probe.h"
#include "sys/icmp_error.h"
#include "diagnose/mtu_search.h"
#include "diagnose/step_wait.h"

enum {
	GRE_PROBE_ECHOES = 10,
};

struct gre_probe {
	/* Of the caller. */
	struct step_wait *wait;
	struct in_addr server;
	struct in_addr local;
	uint16_t call_id;      /* ours */
	uint16_t peer_call_id; /* the server's */
	const bool *ended;     /* the call has: nothing more will come */
	int gre;               /* raw socket, the caller's */
	int tap;               /* gre_tap.h, likewise; -1: none */

	/* For reading: what was seen. */
	unsigned sent;             /* packets that the kernel took */
	int send_error;            /* errno of the last that it refused; 0 = none */
	unsigned received;         /* packets of the call, from the server */
	unsigned answers;          /* of those, the ones that answer ours: ours have arrived */
	unsigned tapped;           /* packets of the call that arrived at this host */
	unsigned from_others;      /* packets for our call id from another address ... */
	struct in_addr other_from; /* ... the last one's */
	unsigned for_others;       /* packets from the server for another call ... */
	uint16_t other_call_id;    /* ... the last one's */
	unsigned icmp_errors;
	struct icmp_error icmp; /* the last of them */
	unsigned out_of_order;  /* packets with a lower number than one before */
	unsigned echoes;        /* sent, and answered, those for the MTU not counted */
	unsigned echo_replies;
	int64_t round_trip_min_us;
	int64_t round_trip_sum_us;
	struct lcp_probe lcp;
	struct mtu_search search;

	/* Private. */
	bool started_rx;
	seq32 snd_nxt;
	seq32 rcv_max;
	uint8_t echo_id; /* of the next Echo-Request */
	int64_t echo_sent_us[256];
	size_t sized_len; /* frame of the Echo-Request for the MTU that is awaited; 0 = none */
	uint8_t sized_id;
	struct loop_watch gre_watch;
	struct loop_watch tap_watch;
};

/* Sends and listens, some seconds at most. */
void gre_probe_run(struct gre_probe *g);

/* Where LCP is open: searches for the MTU of the path from `top` bytes down, in g->search. */
void gre_probe_search_mtu(struct gre_probe *g, unsigned top);

#endif
