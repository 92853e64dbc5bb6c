/* SPDX-License-Identifier: ISC */
/* Standard error is given back when the process that has to show it has exited, and not before. */
#include "sys/stderr_owner.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop_fixture.h"

static struct stderr_owner owner;

static void set_up(void)
{
	ck_assert_int_eq(loop_init(&loop, LOOP_MONOTONIC), 0);
	memset(&owner, 0, sizeof(owner));
}

static bool is_given_back(void)
{
	char target[64] = "";
	ssize_t n = readlink("/proc/self/fd/2", target, sizeof(target) - 1);
	return n > 0 && strcmp(target, "/dev/null") == 0;
}

static pid_t fork_sleeper(void)
{
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	ck_assert_int_gt(pid, 0);
	return pid;
}

static void end_sleeper(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(stderr_is_kept_until_its_owner_has_exited)
{
	FILE *file = tmpfile();
	ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
	pid_t pid = fork_sleeper();
	int fd = stderr_owner_open(pid);
	ck_assert_int_ge(fd, 0);
	stderr_owner_watch(&owner, &loop, fd, false);
	stderr_owner_watch(&owner, &loop, fd, false); /* another server has taken the call */
	run_for(50 * USEC_PER_MSEC);
	ck_assert(!is_given_back());
	end_sleeper(pid);
	run_for(50 * USEC_PER_MSEC);
	ck_assert(is_given_back());
}
END_TEST

/* Whether pppd is found above a process that it has started so many processes above. */
static bool finds_pppd(const char *name, int between)
{
	int status = 1;
	pid_t pppd = fork();
	if (pppd == 0) {
		prctl(PR_SET_NAME, name);
		for (int i = 0; i <= between; i++) {
			pid_t child = fork();
			if (child == 0) {
				prctl(PR_SET_NAME, ") S 1 (pppd)");
				continue;
			}
			waitpid(child, &status, 0);
			_exit(WEXITSTATUS(status));
		}
		_exit(stderr_owner_open_pppd() >= 0 ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pppd, &status, 0), pppd);
	return WEXITSTATUS(status) == 0;
}

START_TEST(pppd_is_found_by_its_name_above_the_shell_that_it_starts)
{
	ck_assert(finds_pppd("pppd", 0));
	ck_assert(finds_pppd("pppd", 1));
	ck_assert(finds_pppd("pppd", 3));
	ck_assert(!finds_pppd("pppd", 4));
	ck_assert(!finds_pppd("pppd2", 1));
}
END_TEST

START_TEST(stderr_without_an_owner_is_given_back_at_once)
{
	FILE *file = tmpfile();
	ck_assert_int_ge(dup2(fileno(file), STDERR_FILENO), 0);
	stderr_owner_watch(&owner, &loop, -1, false);
	ck_assert(is_given_back());
}
END_TEST

START_TEST(process_that_has_exited_owns_nothing)
{
	pid_t pid = fork_sleeper();
	end_sleeper(pid);
	ck_assert_int_eq(stderr_owner_open(pid), -1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stderr_owner");
	TCase *tc = tcase_create("stderr_owner");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, stderr_is_kept_until_its_owner_has_exited);
	tcase_add_test(tc, pppd_is_found_by_its_name_above_the_shell_that_it_starts);
	tcase_add_test(tc, stderr_without_an_owner_is_given_back_at_once);
	tcase_add_test(tc, process_that_has_exited_owns_nothing);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
