/* SPDX-License-Identifier: ISC */
/*
 * Giving up rights that are no longer needed. Failing to is not fatal (SELinux policies for the
 * old client allow neither capset nor setuid): it is logged at debug level and the work goes on.
 */
#ifndef PPTP_PRIVS_H
#define PPTP_PRIVS_H

#include <stdbool.h>

/* Keeps of the effective and permitted capabilities only CAP_NET_ADMIN (keep_net_admin), or none,
 * and forbids gaining any by exec. */
void privs_drop(bool keep_net_admin);

/* Names the process for ps and killall: "pptp", "pptpgw", "pptpcm". Leaves argv alone. */
void privs_name_process(const char *name);

#endif
