/* SPDX-License-Identifier: ISC */
/*
 * The pty that pppd takes for a modem, and its command line: the device's name, then the user's
 * options as they are. No speed: pppd asks for one only where a terminal has none, and a pty has
 * one from the start. Waiting for pppd, and its exit status, are the caller's.
 */
#include "sys/pppd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#ifndef PPPD_PATH
#define PPPD_PATH "/usr/sbin/pppd"
#endif

/* No echo, no line editing: PPP may pass before pppd has set up the terminal itself. */
static int make_raw(int fd)
{
	struct termios mode;
	if (tcgetattr(fd, &mode) < 0)
		return -errno;
	cfmakeraw(&mode);
	return tcsetattr(fd, TCSANOW, &mode) < 0 ? -errno : 0;
}

static int open_slave(int master, char name[PPPD_TTY_NAME_MAX])
{
	if (grantpt(master) < 0 || unlockpt(master) < 0)
		return -errno;
	int error = ptsname_r(master, name, PPPD_TTY_NAME_MAX);
	if (error)
		return error > 0 ? -error : -errno;
	int slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return -errno;
	int rc = make_raw(slave);
	if (rc == 0)
		return slave;
	close(slave);
	return rc;
}

int pppd_open_pty(int *master, int *slave, char name[PPPD_TTY_NAME_MAX])
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = open_slave(fd, name);
	if (rc >= 0) {
		*slave = rc;
		*master = fd;
		int flags = fcntl(fd, F_GETFL);
		if (flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) >= 0)
			return 0;
		rc = -errno;
		close(*slave);
	}
	close(fd);
	*master = *slave = -1;
	return rc;
}

bool pppd_listens(int master)
{
	/* The master has a line discipline of its own; the slave's is to be asked for there. */
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (slave < 0)
		return true; /* EBUSY: pppd has taken it for itself alone, as it does to start PPP */

	int discipline = N_TTY;
	bool listens = ioctl(slave, TIOCGETD, &discipline) < 0 || discipline != N_TTY;
	close(slave);
	return listens;
}

int pppd_exec(const char *tty_name, int argc, char *const argv[])
{
	static const char program[] = "pppd";
	char **arguments = calloc((size_t)argc + 3, sizeof(*arguments));
	if (!arguments)
		return -ENOMEM;
	/* exec takes pointers to char but writes through none of them. */
	memcpy(&arguments[0], &(const char *){program}, sizeof(char *));
	memcpy(&arguments[1], &tty_name, sizeof(char *));
	if (argc > 0)
		memcpy(&arguments[2], argv, (size_t)argc * sizeof(*arguments));

	/* An exec keeps the signal mask and what is ignored; pppd shall find neither of ours. */
	struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
	sigset_t none, mask;
	sigemptyset(&standard.sa_mask);
	sigemptyset(&none);
	sigaction(SIGPIPE, &standard, &ours);
	sigprocmask(SIG_SETMASK, &none, &mask);
	execv(PPPD_PATH, arguments);
	int rc = -errno;
	execvp(program, arguments);
	if (rc == -ENOENT)
		rc = -errno;
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGPIPE, &ours, NULL);
	free(arguments);
	return rc;
}
