/* SPDX-License-Identifier: ISC */
/*
 * main: the order of set-up, what the user reads when it fails, and the exit status. In the shell
 * form it forks the gateway, waits until the call stands, and becomes pppd, which thereby has its
 * process id, terminal and exit status; in the pty form it is the gateway itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "pppd.h"
#include "pptp_gre.h"
#include "pptp_options.h"

enum {
	MESSAGE_CAP = 512,
	INHERITED_FD = 100, /* at least */
};

/* Descriptors 0 to 2 are open from here on: nothing else of ours can come to lie there. */
static void ensure_standard_fds(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

/*
 * Closes what the caller left open beyond the standard three, but `keep` (-1: nothing). Somebody
 * may wait for the end of a pipe that we would hold open for as long as the call lasts.
 */
static void close_strays(int keep)
{
#ifdef SYS_close_range
	unsigned first = STDERR_FILENO + 1;
	if (keep >= (int)first) {
		if (keep > (int)first)
			(void)syscall(SYS_close_range, first, (unsigned)keep - 1, 0);
		first = (unsigned)keep + 1;
	}
	(void)syscall(SYS_close_range, first, ~0U, 0);
#else
	(void)keep;
#endif
}

static void open_log(const struct pptp_options *o)
{
	log_open(o->logstring, o->loglevel);
	log_copy_to_stderr(o->debug);
}

static int be_gateway(const struct pptp_options *o, int main_fd)
{
	/* Whoever asks all of us for statistics must not kill those that have none, or none yet. */
	signal(SIGUSR1, SIG_IGN);
	close_strays(main_fd);
	/* Out of the terminal's reach: Ctrl-C is pppd's to answer, by ending the link in order. */
	if (!o->debug && main_fd >= 0)
		(void)setsid();
	open_log(o);
	return gateway_main(o, main_fd);
}

/* The status of the gateway, which has ended before the call stood. */
static int gateway_status(pid_t pid)
{
	int status;
	pid_t ended;
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended == pid && WIFEXITED(status))
		return WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILED;
	if (ended == pid && WIFSIGNALED(status))
		log_fatal("the gateway was ended by signal %d", WTERMSIG(status));
	else
		log_fatal("the gateway has vanished");
	return EXIT_FAILED;
}

/*
 * Becomes pppd. The end of the pair stays open across exec, the one thing besides the caller's own
 * that pppd inherits: its closing tells the gateway that pppd is gone, for as long as pppd has not
 * opened the pty (pptp_gre.c).
 */
static int be_pppd(const struct pptp_options *o, int gateway_fd, const char *tty_name)
{
	/* Where no script around pppd puts files of its own. */
	if (fcntl(gateway_fd, F_DUPFD, INHERITED_FD) < 0)
		(void)fcntl(gateway_fd, F_SETFD, 0);
	int error = pppd_exec(tty_name, o->pppd_argc, o->pppd_argv);
	log_fatal("cannot start pppd: %s", strerror(-error));
	return EXIT_FAILED;
}

static int shell_form(const struct pptp_options *o)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		fprintf(stderr, "pptp: cannot make a socket pair: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	/* An ignored SIGCHLD would be inherited by pppd, which counts its children. */
	signal(SIGCHLD, SIG_DFL);
	pid_t pid = fork();
	if (pid < 0) {
		fprintf(stderr, "pptp: cannot fork: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	if (pid == 0)
		exit(be_gateway(o, pair[1]));
	close(pair[1]);
	open_log(o);

	struct gateway_ready word;
	ssize_t n;
	do
		n = recv(pair[0], &word, sizeof(word), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(word))
		return gateway_status(pid);
	return be_pppd(o, pair[0], word.tty_name);
}

int main(int argc, char *argv[])
{
	ensure_standard_fds();
	struct pptp_options o;
	char message[MESSAGE_CAP];
	char **pppd_argv = calloc((size_t)argc + 1, sizeof(*pppd_argv));
	if (!pppd_argv) {
		fprintf(stderr, "pptp: out of memory\n");
		return EXIT_FAILED;
	}
	int status = EXIT_FAILED;
	switch (options_parse(&o, argc, argv, pppd_argv, message, sizeof(message))) {
	case OPTIONS_HELP:
		options_help(stdout, argv[0]);
		status = fflush(stdout) ? EXIT_FAILED : 0;
		break;
	case OPTIONS_VERSION:
		printf("pptp version %s\n", PPTP_VERSION);
		status = fflush(stdout) ? EXIT_FAILED : 0;
		break;
	case OPTIONS_USAGE:
		options_usage(stderr, argv[0]);
		fprintf(stderr, "pptp: %s; see pptp --help\n", message);
		status = EXIT_BAD_USAGE;
		break;
	case OPTIONS_BAD_VALUE:
		fprintf(stderr, "pptp: %s\n", message);
		status = EXIT_BAD_VALUE;
		break;
	case OPTIONS_RUN:
		status = o.launch_pppd ? shell_form(&o) : be_gateway(&o, -1);
		break;
	}
	free(pppd_argv);
	return status;
}
