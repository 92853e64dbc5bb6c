/* SPDX-License-Identifier: ISC */
/*
 * pppd's side of the call as the parent has it: the pty, which it holds open until it exits, pppd's
 * unit and the interface of the tunnel, and ending pppd in the shell form.
 */
#ifndef PPTP_PPPD_SIDE_H
#define PPTP_PPPD_SIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "sys/loop.h"
#include "sys/pppd.h"
#include "sys/stderr_owner.h"
#include "pptp_options.h"

/* Its fields are for reading. */
struct pppd_side {
	int main_fd; /* shell form: EOF when main, or pppd and all that it forked, has exited; else -1 */
	/* main or, in the pty form, pppd: see sys/stderr_owner.h; -1: not known */
	int stderr_owner_fd;
	struct stderr_owner stderr_owner;
	int pidfd; /* shell form: main, which becomes pppd; see pppd_side_follow. Else -1 */
	int pty_in;
	int pty_out;
	bool made_nonblocking[2]; /* pty_in, pty_out: to be undone at the end */
	bool has_detached;        /* shell form: `pidfd` is that of the process that goes on */
	int slave; /* shell form: the other end of the pty, until pppd has opened it; else -1 */
	char tty_name[PPPD_TTY_NAME_MAX];
	bool is_open;          /* shell form: pppd has opened the pty */
	int32_t unit;          /* -1: not known */
	unsigned tunnel_index; /* the index of the tunnel's interface; 0: not known */
};

/* Opens or takes over the pty. `main_fd` as in parent_main. 0, or a negative errno and in *what the
 * step that failed. Needs the privileges that we start with. */
int pppd_side_open(struct pppd_side *s, int main_fd, const char **what);

/* pty form: asks for pppd's unit. pppd has taken the tty for itself alone, so that asking needs
 * CAP_SYS_ADMIN. Best asked late in set-up: pppd gets its unit while we start. */
void pppd_side_find_unit(struct pppd_side *s);

/* The call is established: from now on stderr may have to be given back. */
void pppd_side_watch_stderr(struct pppd_side *s, struct loop *loop);

/* pppd has opened the pty of the shell form, and its unit can be known. */
void pppd_side_set_open(struct pppd_side *s);

/* Whether pppd has closed the pty. */
bool pppd_side_is_hung_up(const struct pppd_side *s);

/* Shell form, once main has exited, and again once pppd's unit is known: where pppd has detached, the
 * process that goes on is pppd from here on, under the same pidfd. Whether that has happened now; it
 * happens once. */
bool pppd_side_follow(struct pppd_side *s);

/* Shell form: sends SIGTERM to pppd. False where it has exited. */
bool pppd_side_terminate(const struct pppd_side *s);

/* Gives a terminal back as it was. */
void pppd_side_restore(const struct pppd_side *s);

/* Shell form: says that pppd does not redial there, where it is told to. */
void pppd_side_warn_persist(const struct pptp_options *o);

#endif
