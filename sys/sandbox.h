/* SPDX-License-Identifier: ISC */
/*
 * The system calls that are left to a process which reads from the network: a seccomp filter. What
 * else the process asks for fails with EPERM, and the kernel logs it; what only an exploit asks for
 * kills the process.
 */
#ifndef PPTP_SANDBOX_H
#define PPTP_SANDBOX_H

enum sandbox_process {
	SANDBOX_GATEWAY = 1,
	SANDBOX_CALLMGR = 2,
};

/* For the rest of this process's life. To be called after set-up, and with no_new_privs set, without
 * which only root may. 0, or a negative errno where the kernel or a policy forbids it, or where this
 * processor has no list (-ENOSYS): then nothing has changed. */
int sandbox_enter(enum sandbox_process process);

#endif
