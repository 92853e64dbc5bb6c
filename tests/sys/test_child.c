/* SPDX-License-Identifier: ISC */
/* The descriptors that a child keeps, and that it can be ended whatever it is doing. */
#include "sys/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

enum {
	HIGH = 200, /* a descriptor with many free ones below it */
	EOF_WAIT_MS = 10000,
};

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* From here on the kernel is as one before Linux 5.9. */
static bool disable_close_range(void)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) == 0;
}

/* Forks; in the child what is left open when `keep` is kept: bit n for 0, 1, 2, keep, and any other. */
static int left_open_by(bool old_kernel, int keep)
{
	pid_t child = child_fork();
	if (child == 0) {
		if (old_kernel && !disable_close_range())
			_exit(UCHAR_MAX);
		child_keep_descriptors(&keep, 1);
		int others = 0;
		for (int fd = 3; fd < 2 * HIGH; fd++)
			others += fd != keep && is_open(fd);
		_exit((is_open(0) && is_open(1) && is_open(2)) | (keep >= 0 && is_open(keep)) << 1 |
		      (others > 0) << 2);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int left_open_with(int keep)
{
	return left_open_by(false, keep);
}

START_TEST(closes_all_but_the_one_kept_where_the_kernel_wants_them_one_by_one)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[0], HIGH), HIGH);
	ck_assert_int_eq(left_open_by(true, HIGH), 1 | 2);
	ck_assert_int_eq(left_open_by(true, ends[0]), 1 | 2);
	ck_assert_int_eq(left_open_by(true, -1), 1);
}
END_TEST

START_TEST(closes_all_but_the_one_kept)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[0], HIGH), HIGH);
	ck_assert_int_eq(dup2(ends[0], HIGH + 1), HIGH + 1);
	ck_assert_int_eq(left_open_with(HIGH), 1 | 2);
	ck_assert_int_eq(left_open_with(HIGH + 1), 1 | 2);
	ck_assert_int_eq(left_open_with(ends[0]), 1 | 2);
	ck_assert_int_eq(left_open_with(-1), 1);
	ck_assert_int_eq(left_open_with(STDERR_FILENO), 1 | 2);
	ck_assert(is_open(HIGH) && is_open(ends[0]) && is_open(ends[1]));
}
END_TEST

START_TEST(keeps_several_descriptors_in_any_order)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	ck_assert_int_eq(dup2(ends[0], HIGH), HIGH);
	ck_assert_int_eq(dup2(ends[0], HIGH + 1), HIGH + 1);
	pid_t child = child_fork();
	if (child == 0) {
		const int keep[] = {HIGH, -1, ends[1], 1, HIGH};
		child_keep_descriptors(keep, sizeof(keep) / sizeof(keep[0]));
		_exit(is_open(HIGH) && is_open(ends[1]) && is_open(0) && !is_open(ends[0]) &&
		      !is_open(HIGH + 1));
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, W_EXITCODE(1, 0));
}
END_TEST

START_TEST(points_standard_input_and_output_at_dev_null)
{
	pid_t child = child_fork();
	if (child == 0) {
		char byte;
		bool closed = child_close_standard_fds() == 0 && read(0, &byte, 1) == 0 &&
		              write(1, "x", 1) == 1 && isatty(0) == 0;
		_exit(closed ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(ends_a_child_that_blocks_all_signals)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	pid_t child = child_fork();
	if (child == 0) {
		sigset_t all;
		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		close(ends[0]);
		for (;;)
			pause();
	}
	close(ends[1]);
	child_end(child);
	struct pollfd end = {.fd = ends[0], .events = POLLIN};
	ck_assert_int_eq(poll(&end, 1, EOF_WAIT_MS), 1);
	ck_assert_int_eq(waitpid(child, NULL, 0), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* The id of a reaped child may be any process's: here it is ours, which must survive. */
START_TEST(leaves_alone_a_process_that_is_not_its_child)
{
	child_end(0);
	child_end(-1);
	child_end(getpid());
	pid_t child = child_fork();
	if (child == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	child_end(child);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("child");
	TCase *tests = tcase_create("child");
	tcase_add_test(tests, closes_all_but_the_one_kept);
	tcase_add_test(tests, closes_all_but_the_one_kept_where_the_kernel_wants_them_one_by_one);
	tcase_add_test(tests, keeps_several_descriptors_in_any_order);
	tcase_add_test(tests, points_standard_input_and_output_at_dev_null);
	tcase_add_test(tests, ends_a_child_that_blocks_all_signals);
	tcase_add_test(tests, leaves_alone_a_process_that_is_not_its_child);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
