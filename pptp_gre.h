/* SPDX-License-Identifier: ISC */
/*
 * The gateway: the process between the raw GRE socket and pppd's pty. This is its life from the
 * call's request to its end; the packets are gre_path.h's.
 */
#ifndef PPTP_GRE_H
#define PPTP_GRE_H

#include "sys/pppd.h"
#include "pptp_options.h"

/* What the gateway tells main, once, when the call stands (shell form). */
struct gateway_ready {
	char tty_name[PPPD_TTY_NAME_MAX];
};

/*
 * Makes the call, carries its packets, ends it; returns the exit status. Where that is not 0 the
 * reason has been logged, and is the last line on stderr unless the call stood.
 *
 * `main_fd` -1: pppd's pty is descriptors 0 and 1 (pty form). Else the gateway opens a pty of its
 * own and sends a struct gateway_ready over main_fd, the gateway's end of a SOCK_SEQPACKET pair; the
 * other end is held open by main, and then by pppd: see pptp.c.
 */
int gateway_main(const struct pptp_options *o, int main_fd);

#endif
