/* SPDX-License-Identifier: ISC */
/*
 * The MTU of the path where the server answers no echoes through GRE: UDP packets that must not be divided,
 * to a port that nothing uses, as tracepath does. A router with a smaller MTU names it by ICMP, and the
 * server says that the port is unreachable, if both do. Needs no rights.
 */
#ifndef PPTP_MTU_PROBE_H
#define PPTP_MTU_PROBE_H

#include <netinet/in.h>

#include "diagnose/mtu_search.h"
#include "diagnose/step_wait.h"

/* Searches from `top` bytes down, within some seconds. `fd`: a UDP socket, lent. 0 or a negative errno of it. */
int mtu_probe_run(
    struct mtu_search *search, struct step_wait *wait, int fd, struct in_addr server, unsigned top);

#endif
