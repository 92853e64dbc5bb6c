/* SPDX-License-Identifier: ISC */
/*
 * main: the order of set-up and the exit status. In the shell form it forks the parent, waits until
 * the call is established, and becomes pppd, which thereby has its process id, terminal and exit
 * status; in the pty form it is the parent itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/msg_limits.h"
#include "sys/error_text.h"
#include "sys/anon_mmap.h"
#include "sys/child.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "sys/pppd.h"
#include "sys/privs.h"
#include "pptp_options.h"
#include "callmgr/status_cli.h"
#include "pptp_diagnose.h"
#include "pptp_parent.h"

enum {
	MESSAGE_CAP = 512,
	INHERITED_FD = 100, /* at least: scripts around pppd use the lower numbers */
};

/* Descriptors 0 to 2 are open from here on, so that no other file of ours gets such a number. */
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

/* As pppd does in its own: the argument after its option "password" is not for other users' ps. From
 * the end on, as the argument before may be a user of that name. `keep`: pppd gets a copy. */
static void hide_passwords(const struct pptp_options *o, bool keep)
{
	for (int i = o->pppd_argc - 2; i >= 0; i--) {
		char *password = o->pppd_argv[i + 1];
		if (strcmp(o->pppd_argv[i], "password") != 0)
			continue;
		if (keep) {
			size_t size = strlen(password) + 1;
			char *copy = anon_mmap(size);
			if (!copy)
				continue;
			o->pppd_argv[i + 1] = memcpy(copy, password, size);
		}
		memset(password, '?', strlen(password));
	}
}

static int run_parent(const struct pptp_options *o, int main_fd, const char *warnings)
{
	hide_passwords(o, false); /* main's copies, which are main's alone */
	/* What the parent makes is the user's alone, and theirs to use, whatever the caller's mask is. */
	(void)umask(S_IRWXG | S_IRWXO);
	/* A signal for statistics must not kill a process that has none, or none yet. */
	signal(SIGUSR1, SIG_IGN);
	/* What the caller left open: it may wait for the end of a pipe that we would hold open for
	 * as long as the call lasts. */
	child_keep_descriptors(&main_fd, 1);
	/* Out of the terminal's reach: Ctrl-C is pppd's to answer, by ending the link in order. */
	if (!o->debug && main_fd >= 0)
		(void)setsid();
	log_own_terminal();
	open_log(o);
	if (warnings[0])
		log_warn("%s", warnings);
	return parent_main(o, main_fd);
}

/* main, while it waits for the call. */
struct waiting {
	pid_t parent;
	bool ready;      /* the call is established: `message` has come */
	bool given_up;   /* the parent does not exit */
	bool left_alone; /* the parent, which is still closing the call */
	int signo;       /* the signal that ends the wait; 0 = none */
	struct parent_ready message;
	struct loop loop;
	struct loop_watch parent_watch;
	struct loop_timer limit; /* for the parent to clean up after a signal */
};

/* The exit status of a parent that has exited before the call was established. */
static int wait_for_parent(const struct waiting *w, const char *server)
{
	int status;
	pid_t pid;
	do
		pid = waitpid(w->parent, &status, 0);
	while (pid < 0 && errno == EINTR);
	if (pid == w->parent && WIFEXITED(status))
		return WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_FAILED;
	if (pid == w->parent && WIFSIGNALED(status))
		log_fatal("the parent process was ended by signal %d before the call to %s was "
			  "established",
		    WTERMSIG(status), server);
	else
		log_fatal(
		    "the parent process has exited before the call to %s was established", server);
	return EXIT_FAILED;
}

/*
 * Becomes pppd. The end of the pair stays open across exec, the one thing besides the caller's own
 * that pppd inherits: its closing tells the parent that pppd has exited.
 */
static int become_pppd(const struct pptp_options *o, int parent_fd, const char *tty_name)
{
	if (fcntl(parent_fd, F_DUPFD, INHERITED_FD) < 0)
		(void)fcntl(parent_fd, F_SETFD, 0);
	int error = pppd_exec(tty_name, o->pppd_argc, o->pppd_argv, !privs_is_elevated());
	log_fatal("cannot start pppd: %s%s", error_text(-error),
	    error == -ENOENT ? "; is it installed (Debian: ppp)?" : "");
	return EXIT_FAILED;
}

static void on_parent(void *context, int64_t now_us)
{
	struct waiting *w = context;
	(void)now_us;
	ssize_t n = recv(w->parent_watch.fd, &w->message, sizeof(w->message), MSG_DONTWAIT);
	int error = n < 0 ? errno : 0;
	bool passes = error == EAGAIN || error == EINTR || error == ENOMEM;
	if (passes && loop_pause(&w->loop, &w->parent_watch))
		return;
	if (error) {
		log_fatal("cannot receive from the parent (recv): %s", error_text(error));
		w->given_up = true;
	}
	bool ready = n == (ssize_t)sizeof(w->message);
	w->ready = w->ready || ready;
	/* A parent that has been signalled is waited for until it exits. */
	if (!ready || !w->signo)
		loop_stop(&w->loop);
}

static void on_limit(void *context, int64_t now_us)
{
	struct waiting *w = context;
	(void)now_us;
	w->given_up = true;
	loop_stop(&w->loop);
}

/* The parent cleans up and says why, as its last line; a second signal ends the wait for it, which goes on. */
static void on_signal(void *context, int signo, int64_t now_us)
{
	struct waiting *w = context;
	if (w->signo) {
		w->left_alone = true;
		loop_stop(&w->loop);
		return;
	}
	w->signo = signo;
	w->limit.deadline_us = now_us + CLOSE_WAIT_US;
	(void)kill(w->parent, signo);
}

static const int end_signals[] = {SIGTERM, SIGINT, SIGHUP};
enum {
	END_SIGNALS = sizeof(end_signals) / sizeof(end_signals[0])
};

/* Blocked from here on, so that none arrives between the fork and the wait. */
static int init_loop(struct waiting *w)
{
	int error = loop_init(&w->loop, LOOP_MONOTONIC);
	return error ? error : loop_signals(&w->loop, end_signals, END_SIGNALS, on_signal, w);
}

/* A signal that comes while we become pppd ends us as it ends pppd; an ignored one stays ignored. */
static void release_signals(void)
{
	signal(SIGUSR1, SIG_DFL);
	for (size_t i = 0; i < END_SIGNALS; i++) {
		struct sigaction action;
		if (sigaction(end_signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			signal(end_signals[i], SIG_DFL);
	}
}

static int wait_for_call(struct waiting *w, int parent_fd)
{
	loop_timer_start(&w->loop, &w->limit, DEADLINE_NEVER, on_limit, w);
	int error = loop_watch_fd(&w->loop, &w->parent_watch, parent_fd, POLLIN, on_parent, w);
	if (!error)
		error = loop_run(&w->loop);
	loop_free(&w->loop);
	return error;
}

/* The call is not established, or not wanted any more: the exit status. */
static int end_without_call(const struct waiting *w, const char *server)
{
	if (w->given_up) /* its children see it exit, and end the call */
		(void)kill(w->parent, SIGKILL);
	int status = w->given_up || w->left_alone ? EXIT_FAILED : wait_for_parent(w, server);
	/* The parent says so itself, but not where it was stopped, or the call was established. */
	if (w->signo && (w->given_up || w->ready))
		log_fatal("ended by signal %d (%s) before the call to %s was established", w->signo,
		    strsignal(w->signo), server);
	return status;
}

static int fail(const char *what, int error)
{
	fprintf(stderr, "pptp: %s: %s\n", what, error_text(error));
	return EXIT_FAILED;
}

static int run_shell_form(const struct pptp_options *o, const char *warnings)
{
	int pair[2];
	struct waiting w = {0};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return fail("cannot make a socket pair", errno);
	hide_passwords(o, true);
	/* An ignored SIGCHLD would be inherited by pppd, which counts its children. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGUSR1, SIG_IGN); /* see run_parent */
	int error = init_loop(&w);
	w.parent = error ? -1 : child_fork();
	if (w.parent < 0)
		return fail("cannot fork", error ? -error : errno);
	if (w.parent == 0)
		exit(run_parent(o, pair[1], warnings));
	close(pair[1]);
	open_log(o);

	error = wait_for_call(&w, pair[0]);
	if (error) {
		log_fatal("cannot wait for the call: %s", error_text(-error));
		return EXIT_FAILED;
	}
	if (!w.ready || w.signo)
		return end_without_call(&w, o->server);
	release_signals();
	return become_pppd(o, pair[0], w.message.tty_name);
}

static int run(const struct pptp_options *o, const char *warnings)
{
	if (o->launch_pppd)
		return run_shell_form(o, warnings);
	if (!pppd_is_terminal(STDIN_FILENO))
		return run_parent(o, -1, warnings);
	open_log(o);
	log_fatal(
	    "--nolaunchpppd is for pppd's option pty: pppd pty \"/usr/sbin/pptp %s --nolaunchpppd\" "
	    "...; on a terminal leave it out",
	    o->server);
	return EXIT_BAD_USAGE;
}

static int run_diagnosis(struct pptp_options *o, const char *warnings)
{
	hide_passwords(o, false);
	signal(SIGCHLD, SIG_DFL);
	if (!o->debug) /* the report says what the course of the call is */
		o->loglevel = 0;
	open_log(o);
	if (warnings[0])
		log_warn("%s", warnings);
	return diagnose_main(o);
}

int main(int argc, char *argv[])
{
	if (!ensure_standard_fds()) {
		fprintf(stderr, "pptp: cannot open /dev/null: %s\n", error_text(errno));
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
		status = status_main(&o);
		break;
	case OPTIONS_DIAGNOSE:
		status = run_diagnosis(&o, message);
		break;
	case OPTIONS_USAGE:
		options_usage(stderr, argv[0]);
		open_log(&o);
		log_fatal("%s; see pptp --help", message);
		status = EXIT_BAD_USAGE;
		break;
	case OPTIONS_BAD_VALUE:
		open_log(&o);
		log_fatal("%s", message);
		status = EXIT_BAD_VALUE;
		break;
	case OPTIONS_RUN:
		status = run(&o, message);
		break;
	}
	return status;
}
