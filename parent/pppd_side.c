/* SPDX-License-Identifier: ISC */
/*
 * Both forms of use: a pty of our own for pppd, or that of the pppd which started us.
 *
 * In the shell form the other end of the pty is held open until pppd has opened it, so that there is
 * no hang-up before; then it is closed, since it would hide the one at the end.
 */
#include "parent/pppd_side.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/child.h"
#include "sys/log.h"

enum {
	/* Enough to load a module on a slow machine; a pppd that hangs must not hang us. */
	ATTACH_MAX_MS = 2000,
};

static int set_nonblocking(int fd, bool *changed)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	*changed = !(flags & O_NONBLOCK);
	if (*changed && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

/* The mode belongs to the open file: a shell on the same terminal would have it after us. */
static void restore_blocking(int fd, bool changed)
{
	int flags = changed ? fcntl(fd, F_GETFL) : -1;
	if (flags >= 0)
		(void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

static void set_unit(struct pppd_side *s, int32_t unit)
{
	char name[IF_NAMESIZE];
	s->unit = unit;
	snprintf(name, sizeof(name), "ppp%ld", (long)unit);
	s->tunnel_index = unit < 0 ? 0 : if_nametoindex(name);
	log_debug(
	    "pppd's unit is %ld, its interface has the index %u", (long)unit, s->tunnel_index);
}

/* Shell form. The caller's terminal, or whatever 0 and 1 are, is main's and then pppd's. */
static int open_own_pty(struct pppd_side *s, const char **what)
{
	*what = "cannot open a pty for pppd";
	int error = pppd_open_pty(&s->pty_in, &s->slave, s->tty_name);
	if (error)
		return error;
	s->pty_out = s->pty_in;
	s->pidfd = (int)syscall(SYS_pidfd_open, getppid(), 0U);
	s->stderr_owner_fd = stderr_owner_open(getppid());
	*what = "cannot open /dev/null";
	return child_close_standard_fds();
}

/*
 * pty form. pppd gives us the same pty twice, or two pipes (its option `record`). No other process
 * reads or writes through these open files, so that their mode is ours to set; but a user who tries
 * this form by hand gives us a terminal, and gets it back as it was.
 */
static int use_pppd_pty(struct pppd_side *s, const char **what)
{
	*what = "standard input and output must be pppd's pty";
	s->pty_in = STDIN_FILENO;
	s->pty_out = STDOUT_FILENO;
	s->stderr_owner_fd = stderr_owner_open_pppd();
	int error = set_nonblocking(s->pty_in, &s->made_nonblocking[0]);
	return error ? error : set_nonblocking(s->pty_out, &s->made_nonblocking[1]);
}

int pppd_side_open(struct pppd_side *s, int main_fd, const char **what)
{
	*s = (struct pppd_side){.main_fd = main_fd,
	    .stderr_owner_fd = -1,
	    .pidfd = -1,
	    .pty_in = -1,
	    .pty_out = -1,
	    .slave = -1,
	    .unit = -1};
	return main_fd >= 0 ? open_own_pty(s, what) : use_pppd_pty(s, what);
}

/*
 * pppd takes the tty for itself alone and then attaches it to its unit. That takes 0.1 ms or, where
 * the kernel first has to load the line discipline, tens of ms. Before that comes pppd's connect
 * script, if any: then the unit stays unknown. A slave that stayed open would hide the hang-up.
 */
void pppd_side_find_unit(struct pppd_side *s)
{
	unsigned unit;
	int slave = s->main_fd < 0 ? pppd_open_peer(s->pty_in) : -1;
	if (slave < 0)
		return;
	int error = pppd_unit(slave, &unit);
	for (int i = 0; i < ATTACH_MAX_MS && error && pppd_has_exclusive(slave); i++) {
		(void)poll(NULL, 0, 1);
		error = pppd_unit(slave, &unit);
	}
	close(slave);
	if (!error)
		set_unit(s, (int32_t)unit);
}

/* pppd that is ended before it has opened the pty has no reason to tell: ours is needed. */
void pppd_side_watch_stderr(struct pppd_side *s, struct loop *loop)
{
	if (s->main_fd < 0 || s->stderr_owner_fd >= 0)
		stderr_owner_watch(&s->stderr_owner, loop, s->stderr_owner_fd, true);
}

void pppd_side_set_open(struct pppd_side *s)
{
	unsigned unit;
	s->is_open = true;
	if (s->stderr_owner_fd < 0)
		log_quiet_stderr(false);
	if (s->slave < 0)
		return;
	if (pppd_unit(s->slave, &unit) == 0)
		set_unit(s, (int32_t)unit);
	close(s->slave);
	s->slave = -1;
}

bool pppd_side_is_hung_up(const struct pppd_side *s)
{
	struct pollfd pty = {.fd = s->pty_in};
	return poll(&pty, 1, 0) > 0 && (pty.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static bool has_exited(int pidfd)
{
	struct pollfd process = {.fd = pidfd, .events = POLLIN};
	return poll(&process, 1, 0) > 0;
}

/*
 * pppd that detaches exits, after it has written the process id of the child that goes on to its pid
 * file. It removes the file when the link ends, also where it then redials; one that was killed
 * leaves it behind, and it may name another process by then: so it is followed once, and never again.
 */
bool pppd_side_follow(struct pppd_side *s)
{
	pid_t pid;
	if (s->has_detached || s->unit < 0 || !has_exited(s->pidfd) ||
	    pppd_find_pid((unsigned)s->unit, &pid) < 0)
		return false;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0U);
	if (fd < 0)
		return false;
	s->has_detached = !has_exited(fd) && dup3(fd, s->pidfd, O_CLOEXEC) >= 0;
	close(fd);
	return s->has_detached;
}

bool pppd_side_terminate(const struct pppd_side *s)
{
	return s->pidfd >= 0 && syscall(SYS_pidfd_send_signal, s->pidfd, SIGTERM, NULL, 0U) == 0;
}

void pppd_side_restore(const struct pppd_side *s)
{
	restore_blocking(s->pty_in, s->made_nonblocking[0]);
	restore_blocking(s->pty_out, s->made_nonblocking[1]);
}

void pppd_side_warn_persist(const struct pptp_options *o)
{
	for (int i = 0; i < o->pppd_argc; i++)
		if (strcmp(o->pppd_argv[i], "persist") == 0)
			log_warn(
			    "pppd's option persist has no effect here: pppd ends with the call; "
			    "to redial, start pppd with: pty \"/usr/sbin/pptp %s --nolaunchpppd\"",
			    o->server);
}
