/* SPDX-License-Identifier: ISC */
/* The directory of each kind of user, in a mount namespace with /run and /tmp of the test's own. */
#include "sys/rundir.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

enum {
	USER = 12345,
	OTHER = 54321
};

static bool elevated; /* hides the environment */
static char path[RUNDIR_PATH_MAX];

char *secure_getenv(const char *name)
{
	return elevated ? NULL : getenv(name);
}

static bool enter_namespace(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/run", "tmpfs", 0, "mode=755") == 0 &&
	       mount("none", "/tmp", "tmpfs", 0, "mode=1777") == 0;
}

static void set_up(void)
{
	ck_assert(enter_namespace());
	unsetenv("XDG_RUNTIME_DIR");
}

/* Calls `get` with these real and effective user ids; `path` is what it writes. */
static int call(int (*get)(char *), uid_t real, uid_t effective)
{
	int fds[2], status = 0;
	ck_assert_int_eq(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		if (setresuid(real, effective, effective) < 0)
			_exit(99);
		int rc = get(path);
		if (geteuid() != effective || write(fds[1], path, sizeof(path)) < 0)
			_exit(98);
		_exit(-rc);
	}
	ck_assert_int_eq(read(fds[0], path, sizeof(path)), sizeof(path));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	close(fds[0]);
	close(fds[1]);
	return -WEXITSTATUS(status);
}

static void make_directory(const char *name, uid_t owner, mode_t mode)
{
	ck_assert_int_eq(mkdir(name, 0700), 0);
	ck_assert_int_eq(chown(name, owner, owner), 0);
	ck_assert_int_eq(chmod(name, mode), 0);
}

static void check_directory(const char *wanted, uid_t owner, mode_t mode)
{
	struct stat st;
	ck_assert_str_eq(path, wanted);
	ck_assert_int_eq(lstat(path, &st), 0);
	ck_assert(S_ISDIR(st.st_mode));
	ck_assert_uint_eq(st.st_uid, owner);
	ck_assert_uint_eq(st.st_mode & 07777, mode);
}

START_TEST(rundir_of_root_is_in_run_whatever_the_environment_says)
{
	make_directory("/tmp/runtime", 0, 0700);
	setenv("XDG_RUNTIME_DIR", "/tmp/runtime", 1);
	ck_assert_int_eq(call(rundir_make, 0, 0), 0);
	check_directory("/var/run/pptp", 0, 0700);
	ck_assert_int_eq(access("/run/pptp", F_OK), 0);
}
END_TEST

START_TEST(rundir_of_root_does_without_var_run)
{
	ck_assert_int_eq(mount("none", "/var", "tmpfs", 0, "mode=755"), 0);
	ck_assert_int_eq(symlink("/none", "/var/run"), 0);
	ck_assert_int_eq(call(rundir_make, 0, 0), 0);
	check_directory("/run/pptp", 0, 0700);
}
END_TEST

START_TEST(rundir_of_root_is_never_elsewhere)
{
	ck_assert_int_eq(mount("none", "/run", NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	ck_assert_int_eq(call(rundir_make, 0, 0), -EROFS);
	ck_assert_str_eq(path, "/var/run/pptp");
}
END_TEST

START_TEST(rundir_of_a_user_is_in_the_runtime_directory)
{
	make_directory("/tmp/runtime", USER, 0700);
	make_directory("/run/user", 0, 0755);
	make_directory("/run/user/12345", USER, 0700);
	setenv("XDG_RUNTIME_DIR", "/tmp/runtime", 1);
	ck_assert_int_eq(call(rundir_make, USER, USER), 0);
	check_directory("/tmp/runtime/pptp", USER, 0700);
	elevated = true;
	ck_assert_int_eq(call(rundir_make, USER, USER), 0);
	check_directory("/run/user/12345/pptp", USER, 0700);
}
END_TEST

START_TEST(rundir_ignores_a_runtime_directory_that_others_can_change)
{
	static const struct {
		const char *name;
		uid_t owner;
		mode_t mode;
	} unusable[] = {{"/tmp/others", OTHER, 0777}, {"/tmp/group", USER, 0770},
	    {"/tmp/world", USER, 0702}, {"/tmp/does-not-exist", 0, 0}, {"tmp/relative", 0, 0},
	    {"/tmp/a-directory-whose-name-leaves-no-space-for-that-of-a-socket", USER, 0700}};
	for (size_t i = 0; i < sizeof(unusable) / sizeof(unusable[0]); i++) {
		if (unusable[i].mode)
			make_directory(unusable[i].name, unusable[i].owner, unusable[i].mode);
		setenv("XDG_RUNTIME_DIR", unusable[i].name, 1);
		ck_assert_int_eq(call(rundir_make, USER, USER), 0);
		check_directory("/tmp/pptp-12345", USER, 0700);
	}
	ck_assert_int_eq(mkdir("/tmp/own", 0700), 0);
	ck_assert_int_eq(chown("/tmp/own", USER, USER), 0);
	ck_assert_int_eq(symlink("/tmp/own", "/tmp/link"), 0);
	setenv("XDG_RUNTIME_DIR", "/tmp/link", 1);
	ck_assert_int_eq(call(rundir_make, USER, USER), 0);
	check_directory("/tmp/pptp-12345", USER, 0700);
}
END_TEST

START_TEST(rundir_of_a_set_user_id_start_belongs_to_the_user)
{
	ck_assert_int_eq(call(rundir_make, USER, 0), 0);
	check_directory("/tmp/pptp-12345", USER, 0700);
	ck_assert_int_eq(call(rundir_find, USER, 0), 0);
}
END_TEST

START_TEST(rundir_of_another_user_is_refused)
{
	make_directory("/tmp/pptp-12345", OTHER, 0777);
	ck_assert_int_eq(call(rundir_make, USER, USER), -EEXIST);
	ck_assert_str_eq(path, "/tmp/pptp-12345");
	ck_assert_int_eq(call(rundir_find, USER, USER), -EEXIST);
	make_directory("/run/pptp", OTHER, 0777);
	ck_assert_int_eq(call(rundir_make, 0, 0), -EEXIST);
}
END_TEST

START_TEST(rundir_that_is_a_link_or_a_file_is_refused)
{
	make_directory("/tmp/elsewhere", USER, 0755);
	ck_assert_int_eq(symlink("/tmp/elsewhere", "/tmp/pptp-12345"), 0);
	ck_assert_int_lt(call(rundir_make, USER, USER), 0);
	ck_assert_int_lt(call(rundir_find, USER, USER), 0);
	strcpy(path, "/tmp/elsewhere");
	check_directory("/tmp/elsewhere", USER, 0755);
	ck_assert_int_eq(unlink("/tmp/pptp-12345"), 0);
	ck_assert_int_eq(mknod("/tmp/pptp-12345", S_IFREG | 0600, 0), 0);
	ck_assert_int_eq(call(rundir_make, USER, USER), -ENOTDIR);
}
END_TEST

START_TEST(rundir_make_restores_a_private_mode)
{
	make_directory("/tmp/pptp-12345", USER, 0777);
	ck_assert_int_eq(call(rundir_make, USER, USER), 0);
	check_directory("/tmp/pptp-12345", USER, 0700);
}
END_TEST

START_TEST(rundir_find_changes_nothing)
{
	ck_assert_int_eq(call(rundir_find, USER, USER), -ENOENT);
	ck_assert_int_eq(call(rundir_find, 0, 0), -ENOENT);
	ck_assert_str_eq(path, "/var/run/pptp");
	make_directory("/tmp/pptp-12345", USER, 0755);
	ck_assert_int_eq(call(rundir_find, USER, USER), 0);
	check_directory("/tmp/pptp-12345", USER, 0755);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("rundir");
	TCase *tc = tcase_create("rundir");
	int status = 1;
	pid_t probe = fork();
	if (probe == 0)
		_exit(enter_namespace() ? 0 : 1);
	if (probe < 0 || waitpid(probe, &status, 0) != probe || status != 0) {
		puts("ok 1 - rundir # SKIP no right to mount");
		puts("1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, rundir_of_root_is_in_run_whatever_the_environment_says);
	tcase_add_test(tc, rundir_of_root_does_without_var_run);
	tcase_add_test(tc, rundir_of_root_is_never_elsewhere);
	tcase_add_test(tc, rundir_of_a_user_is_in_the_runtime_directory);
	tcase_add_test(tc, rundir_ignores_a_runtime_directory_that_others_can_change);
	tcase_add_test(tc, rundir_of_a_set_user_id_start_belongs_to_the_user);
	tcase_add_test(tc, rundir_of_another_user_is_refused);
	tcase_add_test(tc, rundir_that_is_a_link_or_a_file_is_refused);
	tcase_add_test(tc, rundir_make_restores_a_private_mode);
	tcase_add_test(tc, rundir_find_changes_nothing);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
