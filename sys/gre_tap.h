/* SPDX-License-Identifier: ISC */
/*
 * A packet socket that sees the GRE packets that arrive at this host as IPv4 datagrams, before its packet
 * filter (nftables, iptables) drops any: what arrives here and not at a raw socket, the filter has dropped.
 */
#ifndef PPTP_GRE_TAP_H
#define PPTP_GRE_TAP_H

/* The descriptor (close-on-exec, non-blocking; the caller's), or a negative errno. Needs CAP_NET_RAW. */
int gre_tap_open(void);

#endif
