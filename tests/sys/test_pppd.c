/* SPDX-License-Identifier: ISC */
/* The pty that pppd gets, and the command line, with a script in pppd's place. */
#include "sys/pppd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit.h"

START_TEST(pppd_pty_passes_every_octet_both_ways_unchanged)
{
	char name[PPPD_TTY_NAME_MAX];
	uint8_t sent[256], got[256];
	int master, slave;
	ck_assert_int_eq(pppd_open_pty(&master, &slave, name), 0);
	ck_assert_ptr_eq(strstr(name, "/dev/"), name);
	for (int i = 0; i < 256; i++)
		sent[i] = (uint8_t)i;
	for (int way = 0; way < 2; way++) {
		int from = way ? slave : master, to = way ? master : slave;
		size_t n = 0;
		ck_assert_int_eq(write(from, sent, sizeof(sent)), 256);
		while (n < sizeof(got)) {
			struct pollfd p = {.fd = to, .events = POLLIN};
			ck_assert_int_eq(poll(&p, 1, 2000), 1);
			ssize_t r = read(to, got + n, sizeof(got) - n);
			ck_assert_int_gt(r, 0);
			n += (size_t)r;
		}
		ck_assert_mem_eq(got, sent, sizeof(got));
	}
	close(slave);
	close(master);
}
END_TEST

START_TEST(pppd_pty_has_a_speed_so_that_pppd_asks_for_none)
{
	char name[PPPD_TTY_NAME_MAX];
	struct termios mode;
	int master, slave;
	ck_assert_int_eq(pppd_open_pty(&master, &slave, name), 0);
	ck_assert_int_eq(tcgetattr(slave, &mode), 0);
	ck_assert_uint_ne(cfgetospeed(&mode), B0);
	close(slave);
	close(master);
}
END_TEST

START_TEST(pppd_pty_is_closed_on_exec_and_its_master_never_blocks)
{
	char name[PPPD_TTY_NAME_MAX], octet;
	int master, slave;
	ck_assert_int_eq(pppd_open_pty(&master, &slave, name), 0);
	ck_assert(fcntl(master, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(slave, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(read(master, &octet, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(slave);
	close(master);
}
END_TEST

/* A script called pppd, found through PATH where the compiled-in one is not. */
static const char script[] = "#!/bin/sh\nfor a in \"$0\" \"$@\"; do printf '<%s>' \"$a\"; done\n"
			     "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr '\\n' ' '\n";

START_TEST(pppd_command_line_is_the_tty_and_the_options_as_they_are)
{
	char folder[] = "/tmp/test-pppd-XXXXXX", path[64], text[1024] = "", wanted[256];
	int fds[2];
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/pppd", folder);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	ck_assert_int_eq(write(fd, script, sizeof(script) - 1), (ssize_t)sizeof(script) - 1);
	close(fd);
	ck_assert_int_eq(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		char *options[] = {
		    (char[]){"user"}, (char[]){"a b"}, (char[]){""}, (char[]){"--x"}};
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		signal(SIGPIPE, SIG_IGN);
		dup2(fds[1], STDOUT_FILENO);
		char value[128];
		snprintf(value, sizeof(value), "%s:/usr/bin:/bin", folder);
		setenv("PATH", value, 1);
		pppd_exec("/dev/pts/77", 4, options);
		_exit(1);
	}
	close(fds[1]);
	for (size_t n = 0;;) {
		ssize_t r = read(fds[0], text + n, sizeof(text) - 1 - n);
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	unlink(path);
	rmdir(folder);
	snprintf(wanted, sizeof(wanted), "<%s></dev/pts/77><user><a b><><--x>", path);
	char *masks = strstr(text, "SigBlk:");
	ck_assert_ptr_nonnull(masks);
	uint64_t blocked = 1, ignored = 1;
	ck_assert_int_eq(
	    sscanf(masks, "SigBlk: %" SCNx64 " SigIgn: %" SCNx64, &blocked, &ignored), 2);
	*masks = '\0';
	ck_assert_str_eq(text, wanted);
	ck_assert_uint_eq(blocked, 0);
	/* What our caller ignores, as nohup and make do, stays so. */
	ck_assert_uint_eq(ignored & UINT64_C(1) << (SIGPIPE - 1), 0);
}
END_TEST

START_TEST(pppd_that_is_not_there_is_an_error_and_changes_nothing)
{
	char *options[] = {NULL};
	sigset_t usr1, mask;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	setenv("PATH", "/nowhere", 1);
	ck_assert_int_eq(pppd_exec("/dev/pts/77", 0, options), -ENOENT);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	ck_assert_int_eq(sigismember(&mask, SIGUSR1), 1);
}
END_TEST

/* The module with another path compiled in, so that the machine's own pppd stays out of it. */
#undef PPPD_PATH
#define PPPD_PATH "/nowhere/pppd"
#include "sys/pppd.c"

int main(void)
{
	Suite *suite = suite_create("pppd");
	TCase *tc = tcase_create("pppd");
	tcase_add_test(tc, pppd_pty_passes_every_octet_both_ways_unchanged);
	tcase_add_test(tc, pppd_pty_has_a_speed_so_that_pppd_asks_for_none);
	tcase_add_test(tc, pppd_pty_is_closed_on_exec_and_its_master_never_blocks);
	tcase_add_test(tc, pppd_command_line_is_the_tty_and_the_options_as_they_are);
	tcase_add_test(tc, pppd_that_is_not_there_is_an_error_and_changes_nothing);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
