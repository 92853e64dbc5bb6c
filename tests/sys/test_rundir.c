/* SPDX-License-Identifier: ISC */
/* The socket folder: private, never somebody else's, and its lock binds all who use the name. */
#include "sys/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit.h"

static char folder[64];

static void set_up(void)
{
	strcpy(folder, "/tmp/test-run-folder-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(run_folder_says_so_when_its_path_does_not_fit)
{
	char little[4];
	ck_assert_int_eq(run_folder_make(little, sizeof(little)), -ENAMETOOLONG);
}
END_TEST

/* `get` as a user who cannot write /run, with `runtime` as XDG_RUNTIME_DIR. */
static int as_another_user(
    int (*get)(char *path, size_t cap), const char *runtime, char *path, size_t cap)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		char found[128] = "";
		if (runtime)
			setenv("XDG_RUNTIME_DIR", runtime, 1);
		else
			unsetenv("XDG_RUNTIME_DIR");
		if (setgid(65533) < 0 || setuid(65533) < 0)
			_exit(99);
		int rc = get(found, sizeof(found));
		_exit(write(fds[1], found, sizeof(found)) < 0 ? 98 : -rc);
	}
	int status = 0;
	memset(path, 0, cap);
	ck_assert_int_ge(read(fds[0], path, cap - 1), 0);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	close(fds[0]);
	close(fds[1]);
	return -WEXITSTATUS(status);
}

static int folder_of_another_user(const char *runtime, char *path, size_t cap)
{
	return as_another_user(run_folder_make, runtime, path, cap);
}

START_TEST(run_folder_is_found_where_it_was_made_and_not_touched_by_looking)
{
	char path[129], wanted[128];
	struct stat st;
	if (getuid() != 0)
		return;
	ck_assert_int_eq(chown(folder, 65533, 65533), 0);
	snprintf(wanted, sizeof(wanted), "%s/pptp", folder);
	ck_assert_int_eq(as_another_user(run_folder_find, folder, path, sizeof(path)), -ENOENT);
	ck_assert_int_eq(stat(wanted, &st), -1);
	ck_assert_int_eq(folder_of_another_user(folder, path, sizeof(path)), 0);
	ck_assert_int_eq(chmod(wanted, 0755), 0);
	ck_assert_int_eq(as_another_user(run_folder_find, folder, path, sizeof(path)), 0);
	ck_assert_str_eq(path, wanted);
	ck_assert_int_eq(stat(wanted, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0755);
}
END_TEST

START_TEST(run_folder_is_private_and_never_somebody_elses)
{
	char path[129], wanted[128], link[128];
	struct stat st;
	if (getuid() != 0)
		return;
	ck_assert_int_eq(chown(folder, 65533, 65533), 0);
	snprintf(wanted, sizeof(wanted), "%s/pptp", folder);
	ck_assert_int_eq(folder_of_another_user(folder, path, sizeof(path)), 0);
	ck_assert_str_eq(path, wanted);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	ck_assert_uint_eq(st.st_uid, 65533);
	/* One that is too open is closed; one of root's, or a link, is passed over for /tmp. */
	ck_assert_int_eq(chmod(wanted, 0777), 0);
	ck_assert_int_eq(folder_of_another_user(folder, path, sizeof(path)), 0);
	ck_assert_int_eq(stat(wanted, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0700);
	snprintf(link, sizeof(link), "%s/elsewhere", folder);
	ck_assert_int_eq(rename(wanted, link), 0);
	ck_assert_int_eq(symlink(link, wanted), 0);
	ck_assert_int_eq(folder_of_another_user(folder, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/tmp/pptp-65533");
	ck_assert_int_eq(rmdir("/tmp/pptp-65533"), 0);
	ck_assert_int_eq(mkdir("/tmp/pptp-65533", 0777), 0); /* root was there first */
	ck_assert_int_eq(folder_of_another_user(NULL, path, sizeof(path)), -EPERM);
	ck_assert_int_eq(rmdir("/tmp/pptp-65533"), 0);
}
END_TEST

START_TEST(run_folder_lock_excludes_others_until_it_is_let_go)
{
	int fd = run_folder_lock(folder);
	ck_assert_int_ge(fd, 0);
	int other = open(folder, O_RDONLY | O_DIRECTORY);
	ck_assert_int_eq(flock(other, LOCK_EX | LOCK_NB), -1);
	close(fd);
	ck_assert_int_eq(flock(other, LOCK_EX | LOCK_NB), 0);
	/* One who is stopped with the lock in his hands does not stop all others. */
	ck_assert_int_eq(run_folder_lock(folder), -EAGAIN);
	close(other);
	ck_assert_int_eq(run_folder_lock("/nowhere/at/all"), -ENOENT);
}
END_TEST

START_TEST(run_folder_lock_is_of_the_folder_that_has_the_name_now)
{
	char command[512], octet = 0;
	int ready[2];
	int held = run_folder_lock(folder);
	ck_assert_int_ge(held, 0);
	ck_assert_int_eq(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		close(held);
		if (write(ready[1], "x", 1) != 1)
			_exit(3);
		int mine = run_folder_lock(folder);
		struct stat a, b;
		_exit(mine >= 0 && fstat(mine, &a) == 0 && stat(folder, &b) == 0 &&
			      a.st_ino == b.st_ino
			  ? 0
			  : 1);
	}
	ck_assert_int_eq(read(ready[0], &octet, 1), 1);
	/* Somebody clears it away and makes it anew, while one waits for the lock of the old one. */
	snprintf(command, sizeof(command),
	    "mv '%s' '%s-old' && mkdir -m 700 '%s' && rmdir '%s-old'", folder, folder, folder,
	    folder);
	ck_assert_int_eq(system(command), 0);
	close(held);
	int status = 1;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

/* How often `name` comes in a walk through the folder, and how many names there are besides . and .. */
static unsigned walk_for(const char *wanted, unsigned *all)
{
	struct run_folder_walk walk;
	const char *name;
	unsigned times = 0;
	*all = 0;
	ck_assert_int_eq(run_folder_walk_begin(&walk, folder), 0);
	while ((name = run_folder_walk_next(&walk))) {
		times += strcmp(name, wanted) == 0;
		*all += strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
	}
	ck_assert_ptr_null(run_folder_walk_next(&walk));
	run_folder_walk_end(&walk);
	return times;
}

START_TEST(run_folder_walk_meets_each_name_once_however_long_and_many)
{
	enum {
		NAMES = 64,
		LONGEST = 255
	};
	char names[NAMES][LONGEST + 1];
	unsigned all;
	ck_assert_uint_eq(walk_for("none", &all), 0);
	ck_assert_uint_eq(all, 0);
	for (int i = 0; i < NAMES; i++) {
		char path[sizeof(folder) + 1 + LONGEST];
		/* From 5 octets to the longest there can be. */
		snprintf(
		    names[i], sizeof(names[i]), "%0*d", 5 + i * (LONGEST - 5) / (NAMES - 1), i);
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		ck_assert_int_ge(close(open(path, O_CREAT | O_WRONLY, 0600)), 0);
	}
	for (int i = 0; i < NAMES; i++)
		ck_assert_uint_eq(walk_for(names[i], &all), 1);
	ck_assert_uint_eq(all, NAMES);
}
END_TEST

START_TEST(run_folder_walk_says_why_there_is_none)
{
	struct run_folder_walk walk;
	ck_assert_int_eq(run_folder_walk_begin(&walk, "/dev/null"), -ENOTDIR);
	ck_assert_int_eq(run_folder_walk_begin(&walk, "/no such folder"), -ENOENT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("run_folder");
	TCase *tc = tcase_create("run_folder");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, run_folder_says_so_when_its_path_does_not_fit);
	tcase_add_test(tc, run_folder_is_found_where_it_was_made_and_not_touched_by_looking);
	tcase_add_test(tc, run_folder_is_private_and_never_somebody_elses);
	tcase_add_test(tc, run_folder_lock_excludes_others_until_it_is_let_go);
	tcase_add_test(tc, run_folder_lock_is_of_the_folder_that_has_the_name_now);
	tcase_add_test(tc, run_folder_walk_meets_each_name_once_however_long_and_many);
	tcase_add_test(tc, run_folder_walk_says_why_there_is_none);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
