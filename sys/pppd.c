/* SPDX-License-Identifier: ISC */
/*
 * pppd's command line is the tty's name and the user's options, unchanged. No speed: pppd needs one
 * only for a terminal that has none, and a pty has one. Owns no state; waiting for pppd and its exit
 * status are the callers'.
 */
#include "sys/pppd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ppp-ioctl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "sys/child.h"

#ifndef PPPD_PATH
#define PPPD_PATH "/usr/sbin/pppd"
#endif

enum {
	VERSION_WAIT_MS = 5000, /* 2 s were too short in a guest with much else to do */
};

/* Disables echo and line editing: PPP may pass before pppd sets up the terminal. */
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
	*slave = -1;
	*master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (*master < 0)
		return -errno;
	int rc = open_slave(*master, name);
	if (rc >= 0) {
		*slave = rc;
		return 0;
	}
	close(*master);
	*master = -1;
	return rc;
}

int pppd_open_peer(int master)
{
	int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	return slave < 0 ? -errno : slave;
}

bool pppd_has_ppp_discipline(int slave)
{
	int discipline = N_TTY;
	return ioctl(slave, TIOCGETD, &discipline) < 0 || discipline != N_TTY;
}

bool pppd_is_terminal(int fd)
{
	char name[PPPD_TTY_NAME_MAX];
	struct termios mode;
	/* A master answers for its slave, which may have become pppd's controlling terminal. */
	return ptsname_r(fd, name, sizeof(name)) != 0 && tcgetsid(fd) == getsid(0) &&
	       tcgetattr(fd, &mode) == 0 && (mode.c_lflag & ICANON);
}

int pppd_unit(int slave, unsigned *unit)
{
	int number = -1;
	/* musl's ioctl takes an int, which this request overflows. */
	if (syscall(SYS_ioctl, slave, PPPIOCGUNIT, &number) < 0)
		return -errno;
	if (number < 0)
		return -ENXIO;
	*unit = (unsigned)number;
	return 0;
}

bool pppd_has_exclusive(int slave)
{
	int exclusive = 0;
	/* As above. */
	return syscall(SYS_ioctl, slave, TIOCGEXCL, &exclusive) == 0 && exclusive;
}

static bool read_line(const char *path, char *line, int size)
{
	FILE *file = fopen(path, "re");
	bool ok = file && fgets(line, size, file);
	if (file)
		fclose(file);
	return ok;
}

static int find_pid_in(const char *directory, unsigned unit, pid_t *pid)
{
	char path[64], line[32];
	snprintf(path, sizeof(path), "%s/ppp%u.pid", directory, unit);
	long number = read_line(path, line, sizeof(line)) ? strtol(line, NULL, 10) : 0;
	snprintf(path, sizeof(path), "/proc/%ld/comm", number);
	if (number <= 0 || !read_line(path, line, sizeof(line)) || strcmp(line, "pppd\n") != 0)
		return -ESRCH;
	*pid = (pid_t)number;
	return 0;
}

int pppd_find_pid(unsigned unit, pid_t *pid)
{
	static const char *const directories[] = {"/run", "/var/run", "/run/pppd"};
	int rc = -ESRCH;
	for (size_t i = 0; rc < 0 && i < sizeof(directories) / sizeof(directories[0]); i++)
		rc = find_pid_in(directories[i], unit, pid);
	return rc;
}

int pppd_exec(const char *tty_name, int argc, char *const argv[], bool search_path)
{
	static const char program[] = "pppd";
	char **arguments = calloc((size_t)argc + 3, sizeof(*arguments));
	if (!arguments)
		return -ENOMEM;
	/* exec declares pointers to char, but does not write through them. */
	memcpy(&arguments[0], &(const char *){program}, sizeof(char *));
	memcpy(&arguments[1], &tty_name, sizeof(char *));
	if (argc > 0)
		memcpy(&arguments[2], argv, (size_t)argc * sizeof(*arguments));

	/* exec keeps the signal mask and ignored signals, which are ours and not for pppd. */
	struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
	sigset_t none, mask;
	sigemptyset(&standard.sa_mask);
	sigemptyset(&none);
	sigaction(SIGPIPE, &standard, &ours);
	sigprocmask(SIG_SETMASK, &none, &mask);
	execv(PPPD_PATH, arguments);
	int rc = -errno;
	if (search_path) {
		execvp(program, arguments);
		if (rc == -ENOENT)
			rc = -errno;
	}
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGPIPE, &ours, NULL);
	free(arguments);
	return rc;
}

/* In the child: pppd, with what it prints in the pipe. The exit status of a failed exec is its errno. */
static void exec_version(int pipe_fd, bool search_path)
{
	if (dup2(pipe_fd, STDOUT_FILENO) < 0 || dup2(pipe_fd, STDERR_FILENO) < 0)
		_exit(errno);
	child_keep_descriptors(NULL, 0);
	_exit(-pppd_exec("--version", 0, NULL, search_path));
}

/* What comes within VERSION_WAIT_MS for each piece, cut to cap - 1 bytes; false where it did not end. */
static bool read_output(int fd, char *string, size_t cap)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	ssize_t n = 1;
	while (n > 0 && len + 1 < cap && poll(&polled, 1, VERSION_WAIT_MS) > 0) {
		n = read(fd, string + len, cap - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	string[len] = '\0';
	return n <= 0 || len + 1 == cap;
}

int pppd_version(char *line, size_t cap, bool search_path)
{
	int fds[2], status = 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	pid_t child = child_fork();
	if (child == 0)
		exec_version(fds[1], search_path);
	int error = child < 0 ? errno : 0;
	close(fds[1]);
	bool ended = child > 0 && read_output(fds[0], line, cap);
	close(fds[0]);
	if (!ended) {
		child_end(child);
		return error ? -error : -ETIMEDOUT;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	line[strcspn(line, "\n")] = '\0';
	if (line[0])
		return 0;
	return WIFEXITED(status) && WEXITSTATUS(status) ? -WEXITSTATUS(status) : -EIO;
}
