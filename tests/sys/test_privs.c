/* SPDX-License-Identifier: ISC */
/*
 * What /proc/self/status shows after privileges are dropped, in a process of root, in one with few
 * capabilities, and in a copy of this program that is set-user-id or has file capabilities. The
 * program run with an argument is that process: it drops and prints.
 */
#include "sys/privs.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sys/log.h"
#include "unit.h"

enum {
	USER = 12345,
	OUTPUT_MAX = 8192
};
#define FEW (PRIVS_BIT(CAP_NET_RAW) | PRIVS_BIT(CAP_NET_ADMIN))

static char output[OUTPUT_MAX], directory[32], program[64];

/* The child's part: drops, then prints its log lines and its status. */
static int drop_and_print(const char *what)
{
	char line[512];
	bool elevated = privs_is_elevated();
	dup2(STDOUT_FILENO, STDERR_FILENO);
	log_copy_to_stderr(true);
	if (strcmp(what, "all") == 0) {
		privs_begin();
		privs_drop_all(privs_unprivileged_ids());
	} else {
		privs_keep(strtoull(what, NULL, 16));
	}
	struct rlimit core = {1, 1};
	getrlimit(RLIMIT_CORE, &core);
	printf("\nelevated: %d\ncore: %lu\ndumpable: %d\n", elevated, (unsigned long)core.rlim_max,
	    prctl(PR_GET_DUMPABLE));
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status))
		fputs(line, stdout);
	return fflush(stdout);
}

/* Starts the child as `uid` from `path`, with bounding, permitted and effective sets reduced to
 * `capabilities`, and reads its output. */
static void run(const char *path, const char *what, uid_t uid, uint64_t capabilities)
{
	int fds[2], status;
	ck_assert_int_eq(pipe(fds), 0);
	pid_t child = fork();
	if (child == 0) {
		gid_t groups[] = {4, 20};
		dup2(fds[1], STDOUT_FILENO);
		for (int c = 0; prctl(PR_CAPBSET_READ, c) >= 0; c++)
			if (!(capabilities & PRIVS_BIT(c)))
				prctl(PR_CAPBSET_DROP, c);
		if (setgroups(2, groups) < 0 || setresgid(uid, uid, uid) < 0 ||
		    setresuid(uid, uid, uid) < 0)
			_exit(99);
		/* As root, exec makes the bounding set permitted and effective. */
		execl(path, path, what, (char *)NULL);
		_exit(98);
	}
	close(fds[1]);
	size_t n = 0;
	for (ssize_t r; (r = read(fds[0], output + n, sizeof(output) - 1 - n)) > 0;)
		n += (size_t)r;
	output[n] = '\0';
	close(fds[0]);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

static void check_line(const char *line)
{
	char whole[256];
	snprintf(whole, sizeof(whole), "\n%s\n", line);
	ck_assert_msg(strstr(output, whole) != NULL, "no '%s' in:\n%s", line, output);
}

/* A host may have the user pptp. */
static void check_unprivileged(const char *field)
{
	const struct passwd *user = getpwnam("pptp");
	unsigned id = !user ? 65534 : field[0] == 'U' ? user->pw_uid : user->pw_gid;
	char line[64];
	snprintf(line, sizeof(line), "%s:\t%u\t%u\t%u\t%u", field, id, id, id, id);
	check_line(line);
}

static void check_capabilities(const char *set, uint64_t wanted)
{
	char line[64];
	snprintf(line, sizeof(line), "%s:\t%016llx", set, (unsigned long long)wanted);
	check_line(line);
}

static void check_dropped(void)
{
	check_capabilities("CapInh", 0);
	check_capabilities("CapPrm", 0);
	check_capabilities("CapEff", 0);
	check_capabilities("CapAmb", 0);
	check_line("NoNewPrivs:\t1");
	check_line("core: 0");
	check_line("dumpable: 0");
}

static void set_up(void)
{
	char command[256];
	strcpy(directory, "/tmp/test-privs-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chmod(directory, 0755), 0);
	snprintf(program, sizeof(program), "%s/copy", directory);
	snprintf(command, sizeof(command), "cp /proc/%d/exe %s && chmod 755 %s", (int)getpid(),
	    program, program);
	ck_assert_int_eq(system(command), 0);
}

static void tear_down(void)
{
	unlink(program);
	rmdir(directory);
}

/* Whether the copy could be given file capabilities (revision 2; magic's low bit: effective). */
static bool set_file_capabilities(uint64_t capabilities, bool effective)
{
	struct vfs_cap_data data = {
	    .magic_etc = VFS_CAP_REVISION_2 | (effective ? VFS_CAP_FLAGS_EFFECTIVE : 0)};
	for (int i = 0; i < 2; i++)
		data.data[i].permitted = (uint32_t)(capabilities >> (32 * i));
	return setxattr(program, "security.capability", &data, sizeof(data), 0) == 0;
}

START_TEST(privs_of_root_are_all_dropped)
{
	run(program, "all", 0, UINT64_MAX);
	check_line("elevated: 0");
	check_dropped();
	check_capabilities("CapBnd", 0);
	check_unprivileged("Uid");
	check_unprivileged("Gid");
	check_line("Groups:\t ");
	ck_assert_ptr_null(strstr(output, "cannot drop"));
}
END_TEST

START_TEST(privs_of_root_in_a_container_are_dropped_as_far_as_it_permits)
{
	run(program, "all", 0, FEW);
	check_dropped();
	check_capabilities("CapBnd", FEW);
	check_line("Uid:\t0\t0\t0\t0");
	ck_assert_ptr_nonnull(strstr(output, "cannot drop the bounding set: Operation not"));
	ck_assert_ptr_nonnull(strstr(output, "cannot drop supplementary groups: Operation not"));
	ck_assert_ptr_nonnull(strstr(output, "cannot drop the group id: Operation not"));
	ck_assert_ptr_nonnull(strstr(output, "cannot drop the user id: Operation not"));
}
END_TEST

START_TEST(privs_that_need_one_capability_are_dropped_without_the_others)
{
	run(program, "all", 0, PRIVS_BIT(CAP_SETPCAP));
	check_dropped();
	check_capabilities("CapBnd", 0);
	check_line("Uid:\t0\t0\t0\t0");
	run(program, "all", 0, PRIVS_BIT(CAP_SETUID));
	check_dropped();
	check_unprivileged("Uid");
	check_line("Gid:\t0\t0\t0\t0");
	run(program, "all", 0, PRIVS_BIT(CAP_SETGID));
	check_dropped();
	check_unprivileged("Gid");
	check_line("Groups:\t ");
}
END_TEST

START_TEST(privs_of_a_file_are_dropped_and_its_user_stays)
{
	if (!set_file_capabilities(FEW, _i == 1))
		return;
	run(program, "all", USER, UINT64_MAX);
	check_line("elevated: 1");
	check_dropped();
	check_line("Uid:\t12345\t12345\t12345\t12345");
}
END_TEST

START_TEST(privs_of_a_file_that_permits_it_include_the_bounding_set)
{
	if (!set_file_capabilities(FEW | PRIVS_BIT(CAP_SETPCAP), _i == 1))
		return;
	run(program, "all", USER, UINT64_MAX);
	check_dropped();
	check_capabilities("CapBnd", 0);
}
END_TEST

START_TEST(privs_of_a_set_user_id_start_go_back_to_the_user_who_started)
{
	ck_assert_int_eq(chmod(program, 06755), 0);
	run(program, "all", USER, UINT64_MAX);
	check_line("elevated: 1");
	check_dropped();
	check_capabilities("CapBnd", 0);
	check_line("Uid:\t12345\t12345\t12345\t12345");
	check_line("Gid:\t12345\t12345\t12345\t12345");
	check_line("Groups:\t ");
	ck_assert_ptr_null(strstr(output, "cannot drop"));
}
END_TEST

START_TEST(privs_of_an_ordinary_user_need_no_dropping)
{
	run(program, "all", USER, UINT64_MAX);
	check_line("elevated: 0");
	check_dropped();
	check_line("Uid:\t12345\t12345\t12345\t12345");
}
END_TEST

START_TEST(privs_keep_keeps_what_is_named_and_had)
{
	run(program, "1020", 0, FEW); /* CAP_NET_ADMIN and CAP_KILL */
	check_capabilities("CapPrm", PRIVS_BIT(CAP_NET_ADMIN));
	check_capabilities("CapEff", PRIVS_BIT(CAP_NET_ADMIN));
	check_capabilities("CapInh", 0);
	check_capabilities("CapAmb", 0);
	check_line("NoNewPrivs:\t1");
	check_line("Uid:\t0\t0\t0\t0");
	ck_assert_ptr_null(strstr(output, "cannot drop"));
}
END_TEST

START_TEST(privs_keep_raises_what_a_file_only_permits)
{
	if (!set_file_capabilities(FEW, false))
		return;
	run(program, "1000", USER, UINT64_MAX);
	check_capabilities("CapPrm", PRIVS_BIT(CAP_NET_ADMIN));
	check_capabilities("CapEff", PRIVS_BIT(CAP_NET_ADMIN));
}
END_TEST

int main(int argc, char *argv[])
{
	if (argc == 2)
		return drop_and_print(argv[1]);
	Suite *suite = suite_create("privs");
	TCase *tc = tcase_create("privs");
	if (getuid() != 0) {
		puts("ok 1 - privs # SKIP not root\n1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, privs_of_root_are_all_dropped);
	tcase_add_test(tc, privs_of_root_in_a_container_are_dropped_as_far_as_it_permits);
	tcase_add_test(tc, privs_that_need_one_capability_are_dropped_without_the_others);
	tcase_add_loop_test(tc, privs_of_a_file_are_dropped_and_its_user_stays, 0, 2);
	tcase_add_loop_test(tc, privs_of_a_file_that_permits_it_include_the_bounding_set, 0, 2);
	tcase_add_test(tc, privs_of_a_set_user_id_start_go_back_to_the_user_who_started);
	tcase_add_test(tc, privs_of_an_ordinary_user_need_no_dropping);
	tcase_add_test(tc, privs_keep_keeps_what_is_named_and_had);
	tcase_add_test(tc, privs_keep_raises_what_a_file_only_permits);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
