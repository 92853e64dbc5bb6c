/* SPDX-License-Identifier: ISC */
/*
 * What we know of pppd: the pty that it uses as its tty, its command line in the shell form, the PPP
 * unit that it has, and its process id.
 */
#ifndef PPTP_PPPD_H
#define PPTP_PPPD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PPPD_TTY_NAME_MAX 64

/* Opens a pty pair, raw and close-on-exec; the master is non-blocking. Writes the slave's name. 0 or a
 * negative errno. */
int pppd_open_pty(int *master, int *slave, char name[PPPD_TTY_NAME_MAX]);

/* Opens the slave of a pty by its master. Close it soon: an open slave hides the hang-up from the
 * master. The descriptor, or a negative errno; -EBUSY: pppd has the tty exclusively, and we lack
 * CAP_SYS_ADMIN. */
int pppd_open_peer(int master);

/*
 * True when the slave, which pppd_open_peer has opened, has PPP's line discipline. Until then the plain
 * terminal would accept what is written to the master, and lose it. True also when it cannot be determined:
 * pppd_open_peer has failed, since pppd has the tty already, the master is a pipe, or the kernel is older
 * than 4.13.
 */
bool pppd_has_ppp_discipline(int slave);

/* Whether a person sits there: our controlling terminal, with line editing. False for pppd's pty. */
bool pppd_is_terminal(int fd);

/* Writes the number of the PPP unit (ppp<unit>, unless pppd renames it) that pppd has attached to
 * this slave. 0 or a negative errno: -ENXIO before pppd attaches one, -ENOTTY or another where the
 * descriptor has not PPP's line discipline. */
int pppd_unit(int slave, unsigned *unit);

/* Whether the tty is some process's alone, as pppd makes it before it attaches it to a unit. */
bool pppd_has_exclusive(int slave);

/* Finds the process of the pppd that has the unit, by its pid file. 0, or -ESRCH. It may exit at any
 * time: open a pidfd and find it once more before a signal. */
int pppd_find_pid(unsigned unit, pid_t *pid);

/*
 * Replaces this process by "pppd tty_name argv..." (argc options), with no signal blocked and SIGPIPE
 * not ignored: by the compiled-in path, and if that does not exist and `search_path` is set, by
 * PATH. Never set it in an elevated start, whose PATH is the caller's. Returns only on failure, a
 * negative errno.
 */
int pppd_exec(const char *tty_name, int argc, char *const argv[], bool search_path);

/*
 * Writes the first line of "pppd --version", of the pppd that pppd_exec would start. 0 or a negative errno:
 * -ENOENT, -EACCES and the like of the exec, -ETIMEDOUT after 5 s.
 */
int pppd_version(char *line, size_t cap, bool search_path);

#endif
