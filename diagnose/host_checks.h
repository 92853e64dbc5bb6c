/* SPDX-License-Identifier: ISC */
/*
 * What of this host a tunnel needs, beside the network: rights, /dev/ppp, the kernel's modules, FIPS mode
 * off, pppd. Call it with all privileges; nothing is changed, but that the kernel may load the module of
 * /dev/ppp as it is opened.
 */
#ifndef PPTP_HOST_CHECKS_H
#define PPTP_HOST_CHECKS_H

#include "diagnose/report.h"

/* Adds a result for each. */
void host_checks_run(struct report *report);

#endif
