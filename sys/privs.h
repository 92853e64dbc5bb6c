/* SPDX-License-Identifier: ISC */
/*
 * Giving up privileges. No step is fatal: containers and SELinux policies forbid some of them. Each
 * step is tried whatever became of the others, and one that fails is a line in syslog.
 */
#ifndef PPTP_PRIVS_H
#define PPTP_PRIVS_H

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The bit of a capability, such as CAP_NET_ADMIN, in a set. */
#define PRIVS_BIT(capability) (UINT64_C(1) << (capability))

/* True when exec gave this process privileges that its caller lacks: set-user-id, set-group-id or file
 * capabilities. The environment is the caller's then, and not to be trusted. */
bool privs_is_elevated(void);

/* The capabilities that this process has, or may raise. */
uint64_t privs_permitted(void);

/* First, in a process that executes no other program, and forks none that does: makes effective what a file
 * only permits, drops the bounding set (once for all children: 41 system calls), and does what privs_keep
 * does. */
void privs_begin(void);

/* Keeps those of `capabilities` that the process has, permitted and effective, and no others; clears the
 * inheritable and ambient sets; sets no_new_privs. User and group ids stay. May be called again with
 * fewer. */
void privs_keep(uint64_t capabilities);

struct privs_ids {
	uid_t uid;
	gid_t gid;
};

/* Whose processes root's children are to be: the user pptp of /etc/passwd with its group, or user and group
 * 65534 where there is none, or it is root. */
struct privs_ids privs_unprivileged_ids(void);

/*
 * For the unprivileged children, behind privs_begin: drops supplementary groups, group and user id 0 and all
 * capabilities; sets no_new_privs; forbids core dumps and being traced. A process of root
 * becomes `unprivileged`, a set-user-id one the user who started it.
 */
void privs_drop_all(struct privs_ids unprivileged);

/* Names the process for ps and killall: "pptp", "pptpgw", "pptpcm". Leaves argv alone. */
void privs_name_process(const char *name);

#endif
