/* SPDX-License-Identifier: ISC */
/*
 * The parent: the one process of a call that keeps privileges. It opens what needs them, forks
 * gateway and call manager, which have none, keeps the host route, and sees to it that nothing is
 * left behind, however they exit. It reads nothing from the network.
 */
#ifndef PPTP_PARENT_H
#define PPTP_PARENT_H

#include "pptp_options.h"
#include "sys/pppd.h"

/* What the parent tells main, once, when the call is established (shell form). */
struct parent_ready {
	char tty_name[PPPD_TTY_NAME_MAX];
};

/*
 * Makes the call, waits for its end and cleans up; returns the exit status. Where that is not 0 the
 * reason has been logged, and is the last line on stderr unless the call was established.
 *
 * `main_fd` -1 (pty form): pppd's pty is descriptors 0 and 1. Else (shell form) the parent opens a
 * pty of its own and sends a struct parent_ready over main_fd, its end of a SOCK_SEQPACKET pair; the
 * other end is held open by main, the parent's own parent, and after its exec by pppd: see pptp.c.
 */
int parent_main(const struct pptp_options *o, int main_fd);

#endif
