/* SPDX-License-Identifier: ISC */
/* The pty of both forms, its hang-up, and the end of the process that pppd_side takes for pppd. */
#include "parent/pppd_side.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static struct pppd_side side;
static const char *what;

static bool is_nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* A pty whose master is our standard input and output, as pppd starts us; the slave. */
static int pppds_pty(void)
{
	char name[PPPD_TTY_NAME_MAX];
	int master, slave;
	ck_assert_int_eq(pppd_open_pty(&master, &slave, name), 0);
	(void)fcntl(master, F_SETFL, O_RDWR);
	dup2(master, STDIN_FILENO);
	dup2(master, STDOUT_FILENO);
	close(master);
	return slave;
}

START_TEST(pty_form_uses_standard_input_and_output_and_sees_the_hang_up)
{
	int slave = pppds_pty(), before = open_descriptors();
	ck_assert_int_eq(pppd_side_open(&side, -1, &what), 0);
	ck_assert_int_eq(side.pty_in, STDIN_FILENO);
	ck_assert_int_eq(side.pty_out, STDOUT_FILENO);
	ck_assert_int_eq(open_descriptors(), before); /* an open slave would hide the hang-up */
	ck_assert_int_eq(side.unit, -1);
	ck_assert(is_nonblocking(STDIN_FILENO));
	ck_assert(!pppd_side_is_hung_up(&side));
	close(slave);
	ck_assert(pppd_side_is_hung_up(&side));
}
END_TEST

START_TEST(pty_form_gives_a_terminal_back_as_it_was)
{
	(void)pppds_pty();
	ck_assert_int_eq(pppd_side_open(&side, -1, &what), 0);
	pppd_side_restore(&side);
	ck_assert(!is_nonblocking(STDIN_FILENO));
	(void)fcntl(STDIN_FILENO, F_SETFL, O_RDWR | O_NONBLOCK);
	ck_assert_int_eq(pppd_side_open(&side, -1, &what), 0);
	pppd_side_restore(&side);
	ck_assert(is_nonblocking(STDIN_FILENO));
}
END_TEST

START_TEST(pty_form_takes_two_pipes_for_pppds_option_record)
{
	int to_us[2], from_us[2];
	ck_assert(pipe(to_us) == 0 && pipe(from_us) == 0);
	dup2(to_us[0], STDIN_FILENO);
	dup2(from_us[1], STDOUT_FILENO);
	ck_assert_int_eq(pppd_side_open(&side, -1, &what), 0);
	ck_assert(is_nonblocking(STDIN_FILENO) && is_nonblocking(STDOUT_FILENO));
	ck_assert(!pppd_side_is_hung_up(&side));
	close(to_us[1]);
	ck_assert(pppd_side_is_hung_up(&side));
}
END_TEST

START_TEST(shell_form_holds_its_own_pty_and_leaves_the_standard_descriptors)
{
	ck_assert_int_eq(pppd_side_open(&side, 99, &what), 0);
	ck_assert_int_gt(side.pty_in, STDERR_FILENO);
	ck_assert_int_eq(side.pty_in, side.pty_out);
	ck_assert_int_eq(strncmp(side.tty_name, "/dev/pts/", 9), 0);
	ck_assert(!isatty(STDIN_FILENO) && !isatty(STDOUT_FILENO));
	ck_assert(!pppd_side_is_hung_up(&side));
	int opened = open(side.tty_name, O_RDWR | O_NOCTTY);
	ck_assert(!side.is_open);
	pppd_side_set_open(&side);
	ck_assert(side.is_open);
	ck_assert_int_eq(side.slave, -1); /* it would hide the hang-up */
	ck_assert_int_eq(side.unit, -1);  /* no PPP on this pty */
	ck_assert_uint_eq(side.tunnel_index, 0);
	ck_assert(!pppd_side_is_hung_up(&side));
	close(opened);
	ck_assert(pppd_side_is_hung_up(&side));
}
END_TEST

/* The test starts main, whose child does what the parent does; `go` is written once main is reaped. */
START_TEST(shell_form_terminates_main_and_reports_where_there_is_none)
{
	struct timespec limit = {.tv_sec = 5};
	sigset_t term;
	int go[2], result[2], status = 1;
	char byte = 0;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	ck_assert(pipe(go) == 0 && pipe(result) == 0);
	pid_t main_process = fork();
	if (main_process == 0) {
		if (fork() > 0)
			_exit(sigtimedwait(&term, NULL, &limit) == SIGTERM ? 0 : 1);
		bool ok = pppd_side_open(&side, 99, &what) == 0 && pppd_side_terminate(&side) &&
		          read(go[0], &byte, 1) == 1 && !pppd_side_terminate(&side);
		_exit(write(result[1], ok ? "y" : "n", 1) == 1 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(main_process, &status, 0), main_process);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(write(go[1], "x", 1), 1);
	ck_assert_int_eq(read(result[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'y');
}
END_TEST

START_TEST(shell_form_warns_of_an_option_that_has_no_effect)
{
	char persist[] = "persist", debug[] = "debug", text[512] = "";
	char *argv[] = {debug, persist};
	struct pptp_options options = {.server = "vpn.test", .pppd_argv = argv, .pppd_argc = 1};
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	pppd_side_warn_persist(&options);
	ck_assert_int_lt(read(fds[0], text, sizeof(text) - 1), 0);
	options.pppd_argc = 2;
	pppd_side_warn_persist(&options);
	ck_assert_int_gt(read(fds[0], text, sizeof(text) - 1), 0);
	ck_assert_ptr_nonnull(strstr(text, "pptp vpn.test --nolaunchpppd"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pppd_side");
	TCase *all = tcase_create("all");
	tcase_set_timeout(all, 30);
	tcase_add_test(all, pty_form_uses_standard_input_and_output_and_sees_the_hang_up);
	tcase_add_test(all, pty_form_gives_a_terminal_back_as_it_was);
	tcase_add_test(all, pty_form_takes_two_pipes_for_pppds_option_record);
	tcase_add_test(all, shell_form_holds_its_own_pty_and_leaves_the_standard_descriptors);
	tcase_add_test(all, shell_form_terminates_main_and_reports_where_there_is_none);
	tcase_add_test(all, shell_form_warns_of_an_option_that_has_no_effect);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
