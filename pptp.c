/* SPDX-License-Identifier: ISC */
/*
 * main: the order of set-up, what the user reads when it fails, and the exit status. In the shell
 * form it forks the gateway, waits until the call stands, and becomes pppd, which thereby has its
 * process id, terminal and exit status; in the pty form it is the gateway itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/child.h"
#include "fresh_memory.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/pppd.h"
#include "pptp_gre.h"
#include "pptp_options.h"
#include "callmgr/status_cli.h"

enum {
	MESSAGE_CAP = 512,
	INHERITED_FD = 100, /* at least */
};

/* Descriptors 0 to 2 are open from here on: nothing else of ours can come to lie there. */
static bool ensure_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

static void open_log(const struct pptp_options *o)
{
	log_open(o->logstring, o->loglevel);
	log_copy_to_stderr(o->debug);
}

/* As pppd does in its own: what follows its option "password" is not for other users' ps. From the
 * end on, as the word before may be a user of that name. */
static void hide_passwords(const struct pptp_options *o)
{
	for (int i = o->pppd_argc - 2; i >= 0; i--)
		if (strcmp(o->pppd_argv[i], "password") == 0)
			memset(o->pppd_argv[i + 1], '?', strlen(o->pppd_argv[i + 1]));
}

static int be_gateway(const struct pptp_options *o, int main_fd)
{
	hide_passwords(o);
	/* Whoever asks all of us for statistics must not kill those that have none, or none yet. */
	signal(SIGUSR1, SIG_IGN);
	/* What the caller left open: somebody may wait for the end of a pipe that we would hold
	 * open for as long as the call lasts. */
	child_close_descriptors(main_fd);
	/* Out of the terminal's reach: Ctrl-C is pppd's to answer, by ending the link in order. */
	if (!o->debug && main_fd >= 0)
		(void)setsid();
	open_log(o);
	return gateway_main(o, main_fd);
}

/* The status of the gateway, which has ended before the call stood. */
static int gateway_status(pid_t pid, const char *server)
{
	int status;
	pid_t ended;
	do
		ended = waitpid(pid, &status, 0);
	while (ended < 0 && errno == EINTR);
	if (ended == pid && WIFEXITED(status))
		return WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILED;
	if (ended == pid && WIFSIGNALED(status))
		log_fatal("the gateway was ended by signal %d before the call to %s stood",
		    WTERMSIG(status), server);
	else
		log_fatal("the gateway has vanished before the call to %s stood", server);
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
	log_fatal("cannot start pppd: %s%s", strerror(-error),
	    error == -ENOENT ? "; is it installed (Debian: ppp)?" : "");
	return EXIT_FAILED;
}

/* main, while it waits for the word that the call stands. */
struct waiting {
	pid_t gateway;
	bool ready; /* the word has come */
	bool given_up;
	int ended_by; /* the signal that has come; 0 = none */
	struct gateway_ready word;
	struct loop loop;
	struct loop_watch gateway_watch;
	struct loop_timer limit; /* of the gateway's taking leave */
};

static void on_gateway(void *context, short revents, int64_t now_us)
{
	struct waiting *w = context;
	(void)revents;
	(void)now_us;
	ssize_t n = recv(w->gateway_watch.fd, &w->word, sizeof(w->word), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOMEM))
		return;
	bool word = n == (ssize_t)sizeof(w->word);
	w->ready = w->ready || word;
	/* With a signal on its way to the gateway, its end is waited for. */
	if (!word || !w->ended_by)
		loop_stop(&w->loop);
}

/* The gateway takes all down and says why, as its last line; who asks twice does not wait for it. */
static void on_signal(void *context, int signo, int64_t now_us)
{
	struct waiting *w = context;
	if (w->ended_by) {
		w->given_up = true;
		loop_stop(&w->loop);
		return;
	}
	w->ended_by = signo;
	w->limit.deadline_us = now_us + CLOSE_WAIT_US;
	(void)kill(w->gateway, signo);
}

static void on_limit(void *context, int64_t now_us)
{
	struct waiting *w = context;
	(void)now_us;
	w->given_up = true;
	loop_stop(&w->loop);
}

static const int end_signals[] = {SIGTERM, SIGINT, SIGHUP};
enum {
	END_SIGNALS = sizeof(end_signals) / sizeof(end_signals[0])
};

/* Blocked from here on, so that none comes between the fork and the wait. */
static int hold_signals(struct waiting *w)
{
	int error = loop_init(&w->loop);
	return error ? error : loop_signals(&w->loop, end_signals, END_SIGNALS, on_signal, w);
}

/* One that comes while we become pppd ends us as it ends pppd; one that is ignored stays so. */
static void release_signals(void)
{
	signal(SIGUSR1, SIG_DFL);
	for (size_t i = 0; i < END_SIGNALS; i++) {
		struct sigaction is;
		if (sigaction(end_signals[i], NULL, &is) == 0 && is.sa_handler != SIG_IGN)
			signal(end_signals[i], SIG_DFL);
	}
}

static int wait_for_call(struct waiting *w, int gateway_fd)
{
	w->gateway_watch = (struct loop_watch){
	    .fd = gateway_fd, .events = POLLIN, .ready = on_gateway, .context = w};
	w->limit =
	    (struct loop_timer){.deadline_us = DEADLINE_NEVER, .expired = on_limit, .context = w};
	loop_timer_add(&w->loop, &w->limit);
	int error = loop_add(&w->loop, &w->gateway_watch);
	if (!error)
		error = loop_run(&w->loop);
	loop_free(&w->loop);
	return error;
}

/* The call does not stand, or is not wanted any more: the exit status. */
static int end_without_call(const struct waiting *w, const char *server)
{
	if (w->given_up) /* its call manager sees it go, and ends the call */
		(void)kill(w->gateway, SIGKILL);
	int status = w->given_up ? EXIT_FAILED : gateway_status(w->gateway, server);
	/* The gateway says so itself, but not where it was stopped, or the call stood already. */
	if (w->given_up || (w->ended_by && w->ready))
		log_fatal("ended by signal %d (%s) before the call to %s stood", w->ended_by,
		    strsignal(w->ended_by), server);
	return status;
}

static int shell_form(const struct pptp_options *o)
{
	int pair[2];
	struct waiting *w = fresh_memory(sizeof(*w));
	if (!w) {
		fprintf(stderr, "pptp: cannot start: %s\n", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		fprintf(stderr, "pptp: cannot make a socket pair: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	/* An ignored SIGCHLD would be inherited by pppd, which counts its children. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGUSR1, SIG_IGN); /* see be_gateway */
	int error = hold_signals(w);
	pid_t pid = error ? -1 : child_fork();
	if (pid < 0) {
		fprintf(stderr, "pptp: cannot fork: %s\n", strerror(error ? -error : errno));
		return EXIT_FAILED;
	}
	if (pid == 0) {
		munmap(w, sizeof(*w));
		exit(be_gateway(o, pair[1]));
	}
	close(pair[1]);
	open_log(o);

	w->gateway = pid;
	error = wait_for_call(w, pair[0]);
	if (error) {
		log_fatal("cannot wait for the call: %s", strerror(-error));
		return EXIT_FAILED;
	}
	if (!w->ready || w->ended_by)
		return end_without_call(w, o->server);
	release_signals();
	return be_pppd(o, pair[0], w->word.tty_name);
}

int main(int argc, char *argv[])
{
	if (!ensure_standard_fds()) {
		fprintf(stderr, "pptp: cannot open /dev/null: %s\n", strerror(errno));
		return EXIT_FAILED;
	}
	struct pptp_options o;
	char message[MESSAGE_CAP];
	int status = EXIT_FAILED;
	switch (options_parse(&o, argc, argv, message, sizeof(message))) {
	case OPTIONS_HELP:
		options_help(stdout, argv[0]);
		status = fflush(stdout) ? EXIT_FAILED : 0;
		break;
	case OPTIONS_VERSION:
		printf("pptp version %s\n", PPTP_VERSION);
		status = fflush(stdout) ? EXIT_FAILED : 0;
		break;
	case OPTIONS_STATUS:
		status = status_main();
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
	return status;
}
