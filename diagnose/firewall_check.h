/* SPDX-License-Identifier: ISC */
/*
 * This host's connection tracking, and whether it helps PPTP: without its helper, the server's GRE is new
 * to it, which filters that accept what belongs to a known connection drop.
 */
#ifndef PPTP_FIREWALL_CHECK_H
#define PPTP_FIREWALL_CHECK_H

#include "sys/conntrack.h"
#include "diagnose/gre_probe.h"
#include "diagnose/report.h"

struct firewall_check {
	/* Private. */
	int error; /* negative errno; 0 = none */
	struct conntrack_entry entry;
};

/* Looks the control connection up, which needs CAP_NET_ADMIN. */
void firewall_check_look(struct firewall_check *f, int tcp);

/* What it means for GRE as `probe` has found it. */
void firewall_check_report(
    const struct firewall_check *f, const struct gre_probe *probe, struct report *report);

#endif
