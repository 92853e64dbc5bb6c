/* SPDX-License-Identifier: ISC */
/* Owns the process that becomes getent and the pipe from it, both for one call only. */
#include "getent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "sys/child.h"
#include "sys/privs.h"

/* getent's exit statuses; a wrong option is EX_USAGE. */
enum {
	EXIT_FOUND = 0,
	EXIT_NOT_FOUND = 2,
	EXIT_NOT_RUN = 127, /* as the shell says it */
};

/* What getaddrinfo heeds in any program with glibc: hostname(7), resolv.conf(5). */
static const char *const heeded[] = {"HOSTALIASES=", "LOCALDOMAIN=", "RES_OPTIONS="};

enum {
	HEEDED = sizeof(heeded) / sizeof(heeded[0])
};

static bool is_heeded(const char *variable)
{
	for (size_t i = 0; i < HEEDED; i++)
		if (strncmp(variable, heeded[i], strlen(heeded[i])) == 0)
			return true;
	return false;
}

/* Nothing where we have rights that our caller has not, as with getaddrinfo. */
static void choose_environment(char *chosen[HEEDED + 1])
{
	size_t n = 0;
	for (char **e = environ; e && *e && n < HEEDED; e++)
		if (is_heeded(*e) && !getauxval(AT_SECURE))
			chosen[n++] = *e;
	chosen[n] = NULL;
}

static bool set_descriptors(int output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		return false;
	child_close_descriptors(-1);
	return true;
}

/*
 * Of a set-user-id program's rights none is needed, and an exec that still has them would forget
 * whose end is to be ours too, as the change of user does: that comes first.
 */
static bool be_ordinary(pid_t parent)
{
	uid_t user = getuid();
	gid_t group = getgid();
	if (setresgid(group, group, group) < 0 || setresuid(user, user, user) < 0)
		return false;
	privs_drop(false);
	signal(SIGPIPE, SIG_DFL); /* an exec keeps what is ignored */
	return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() == parent;
}

static _Noreturn void become(const char *path, const char *options, const char *name)
{
	static const char program[] = "getent", database[] = "ahostsv4", end_of_options[] = "--";
	const char *const words[] = {program, options, database, end_of_options, name, NULL};
	char *arguments[sizeof(words) / sizeof(words[0])], *environment[HEEDED + 1];
	/* exec takes pointers to char but writes through none of them. */
	memcpy(arguments, words, sizeof(words));
	choose_environment(environment);
	execve(path, arguments, environment);
	_exit(EXIT_NOT_RUN);
}

/* False where it cannot be read, or is more than there is room for. */
static bool read_output(int fd, struct getent_output *output)
{
	output->len = output->at = 0;
	while (output->len < sizeof(output->text)) {
		ssize_t n =
		    read(fd, output->text + output->len, sizeof(output->text) - output->len);
		if (n == 0)
			return true;
		if (n > 0)
			output->len += (size_t)n;
		else if (errno != EINTR)
			return false;
	}
	return false;
}

/* The exit status, or -1. */
static int run(
    const char *path, const char *options, const char *name, struct getent_output *output)
{
	int fds[2], status = 0;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	pid_t parent = getpid();
	pid_t child = child_fork();
	if (child == 0) {
		if (be_ordinary(parent) && set_descriptors(fds[1]))
			become(path, options, name);
		_exit(EXIT_NOT_RUN);
	}
	close(fds[1]);
	bool all = child > 0 && read_output(fds[0], output);
	close(fds[0]);
	if (!all) {
		child_end(child);
		return -1;
	}
	pid_t ended;
	do
		ended = waitpid(child, &status, 0);
	while (ended < 0 && errno == EINTR);
	return ended == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum getent_result getent_ask(const char *path, const char *name, struct getent_output *output)
{
	/* Neither changes the name (-i) nor leaves addresses out for want of an uplink (-A); what is
	 * older than glibc 2.36 knows only the first. */
	int status = run(path, "-iA", name, output);
	if (status == EX_USAGE)
		status = run(path, "-i", name, output);
	if (status == EXIT_NOT_FOUND)
		return GETENT_UNKNOWN;
	return status == EXIT_FOUND ? GETENT_FOUND : GETENT_FAILED;
}

int getent_next(struct getent_output *output, struct in_addr *address)
{
	char text[INET_ADDRSTRLEN] = "";
	const char *line = output->text + output->at;
	if (output->at == output->len)
		return 0;
	const char *end = memchr(line, '\n', output->len - output->at);
	const char *blank = end ? memchr(line, ' ', (size_t)(end - line)) : NULL;
	size_t len = blank ? (size_t)(blank - line) : sizeof(text);
	if (len >= sizeof(text))
		return -EBADMSG;
	memcpy(text, line, len);
	if (strlen(text) != len || inet_pton(AF_INET, text, address) != 1)
		return -EBADMSG;
	output->at = (size_t)(end + 1 - output->text);
	return 1;
}
