/* SPDX-License-Identifier: ISC */
/*
 * pppd in the shell form: the pty that it will run on, its argument vector, exec. Nothing after exec.
 */
#ifndef PPTP_PPPD_H
#define PPTP_PPPD_H

#include <stdbool.h>
#include <stddef.h>

#define PPPD_TTY_NAME_MAX 64

/* A pty pair, raw, close-on-exec; the master non-blocking. Writes the slave's name. 0 or a negative errno. */
int pppd_open_pty(int *master, int *slave, char name[PPPD_TTY_NAME_MAX]);

/*
 * Whether PPP's line discipline is on pppd's end of the pty whose master this is. Until then the
 * plain terminal would take what is written, and lose it. True also where nothing can be told
 * (a pipe, a kernel before 4.13).
 */
bool pppd_listens(int master);

/*
 * Replaces this process by "pppd tty_name argv..." (argc options): the compiled-in path first, then
 * PATH, with no signal blocked and SIGPIPE not ignored. Returns only on failure, a negative errno.
 */
int pppd_exec(const char *tty_name, int argc, char *const argv[]);

#endif
