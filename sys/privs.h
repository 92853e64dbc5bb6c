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

/* Where the process is root: becomes the user and group 65534 for good, without further groups, and
 * so loses all capabilities too. For a process that needs no file or socket of root's any more. */
void privs_leave_root(void);

/* Names the process for ps and killall: "pptp", "pptpgw", "pptpcm", "pptpcl". Leaves argv alone. */
void privs_name_process(const char *name);

#endif
