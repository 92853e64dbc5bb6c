/* SPDX-License-Identifier: ISC */
/* The pty for pppd, its command line with a script as pppd, and its unit and process id. */
/* The module with another compiled-in path, so that the machine's pppd does not run. */
#undef PPPD_PATH
#define PPPD_PATH "/nowhere/pppd"
#include "sys/pppd.c"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "unit.h"

START_TEST(pppd_pty_passes_every_byte_unchanged_in_both_directions)
{
	char name[PPPD_TTY_NAME_MAX];
	uint8_t sent[256], got[256];
	int master, slave;
	ck_assert_int_eq(pppd_open_pty(&master, &slave, name), 0);
	ck_assert_ptr_eq(strstr(name, "/dev/"), name);
	for (int i = 0; i < 256; i++)
		sent[i] = (uint8_t)i;
	for (int up = 0; up < 2; up++) {
		int from = up ? slave : master, to = up ? master : slave;
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

START_TEST(pppd_pty_has_a_speed_so_that_pppd_needs_none)
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

START_TEST(pppd_pty_is_close_on_exec_and_its_master_non_blocking)
{
	char name[PPPD_TTY_NAME_MAX], byte;
	int master, slave;
	ck_assert_int_eq(pppd_open_pty(&master, &slave, name), 0);
	ck_assert(fcntl(master, F_GETFD) & FD_CLOEXEC);
	ck_assert(fcntl(slave, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(read(master, &byte, 1), -1);
	ck_assert_int_eq(errno, EAGAIN);
	close(slave);
	close(master);
}
END_TEST

/* A script called pppd, found by PATH because the compiled-in path does not exist. */
static const char script[] = "#!/bin/sh\nfor a in \"$0\" \"$@\"; do printf '<%s>' \"$a\"; done\n"
			     "grep -E '^Sig(Blk|Ign)' /proc/self/status | tr '\\n' ' '\n";

START_TEST(pppd_command_line_is_the_tty_and_the_unchanged_options)
{
	char directory[] = "/tmp/test-pppd-XXXXXX", path[64], text[1024] = "", wanted[256];
	int fds[2];
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/pppd", directory);
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
		snprintf(value, sizeof(value), "%s:/usr/bin:/bin", directory);
		setenv("PATH", value, 1);
		pppd_exec("/dev/pts/77", 4, options, true);
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
	rmdir(directory);
	snprintf(wanted, sizeof(wanted), "<%s></dev/pts/77><user><a b><><--x>", path);
	char *masks = strstr(text, "SigBlk:");
	ck_assert_ptr_nonnull(masks);
	uint64_t blocked = 1, ignored = 1;
	ck_assert_int_eq(
	    sscanf(masks, "SigBlk: %" SCNx64 " SigIgn: %" SCNx64, &blocked, &ignored), 2);
	*masks = '\0';
	ck_assert_str_eq(text, wanted);
	ck_assert_uint_eq(blocked, 0);
	/* Other signals that our caller ignores, as nohup does, stay ignored. */
	ck_assert_uint_eq(ignored & UINT64_C(1) << (SIGPIPE - 1), 0);
}
END_TEST

/* As in an elevated start, where a pppd of the caller's must not run. */
START_TEST(pppd_is_not_searched_in_path_unless_asked)
{
	char directory[] = "/tmp/test-pppd-XXXXXX", path[64];
	char *options[] = {NULL};
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/pppd", directory);
	ck_assert_int_eq(symlink("/bin/true", path), 0);
	setenv("PATH", directory, 1);
	ck_assert_int_eq(pppd_exec("/dev/pts/77", 0, options, false), -ENOENT);
	unlink(path);
	rmdir(directory);
}
END_TEST

START_TEST(pppd_peer_is_the_slave_and_has_no_unit_before_pppd)
{
	char name[PPPD_TTY_NAME_MAX];
	struct stat a, b;
	unsigned unit = 99;
	int master, slave;
	ck_assert_int_eq(pppd_open_pty(&master, &slave, name), 0);
	int peer = pppd_open_peer(master);
	ck_assert_int_ge(peer, 0);
	ck_assert(fcntl(peer, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(fstat(slave, &a), 0);
	ck_assert_int_eq(fstat(peer, &b), 0);
	ck_assert_uint_eq(a.st_rdev, b.st_rdev);
	ck_assert_int_lt(pppd_unit(peer, &unit), 0);
	ck_assert_uint_eq(unit, 99);
	/* pppd makes it exclusive first. */
	ck_assert_int_eq(ioctl(slave, TIOCEXCL), 0);
	ck_assert(!pppd_has_ppp_discipline(peer));
	close(peer);
	close(slave);
	close(master);
}
END_TEST

START_TEST(pppd_discipline_is_assumed_where_it_cannot_be_determined)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	int peer = pppd_open_peer(fds[0]);
	ck_assert_int_lt(peer, 0);
	ck_assert(pppd_has_ppp_discipline(peer));
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static void write_file(const char *directory, const char *name, const char *text)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(pppd_process_is_that_of_the_pid_file_if_it_is_a_pppd)
{
	char directory[] = "/tmp/test-pppd-XXXXXX", text[32], command[64];
	pid_t pid = 0;
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(find_pid_in(directory, 7, &pid), -ESRCH);
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	write_file(directory, "ppp7.pid", text);
	ck_assert_int_eq(find_pid_in(directory, 7, &pid), -ESRCH);
	prctl(PR_SET_NAME, "pppdx");
	ck_assert_int_eq(find_pid_in(directory, 7, &pid), -ESRCH);
	prctl(PR_SET_NAME, "pppd");
	ck_assert_int_eq(find_pid_in(directory, 7, &pid), 0);
	ck_assert_int_eq(pid, getpid());
	ck_assert_int_eq(find_pid_in(directory, 77, &pid), -ESRCH);
	static const char *const malformed[] = {
	    "", "\n", "x\n", "-1\n", "0\n", "99999999999999999999999\n"};
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		write_file(directory, "ppp7.pid", malformed[i]);
		ck_assert_int_eq(find_pid_in(directory, 7, &pid), -ESRCH);
	}
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(pppd_that_does_not_exist_is_an_error_and_changes_nothing)
{
	char *options[] = {NULL};
	sigset_t usr1, mask;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	setenv("PATH", "/nowhere", 1);
	ck_assert_int_eq(pppd_exec("/dev/pts/77", 0, options, true), -ENOENT);
	sigprocmask(SIG_BLOCK, NULL, &mask);
	ck_assert_int_eq(sigismember(&mask, SIGUSR1), 1);
}
END_TEST

/* Writes a pppd that is this script, alone in PATH's first directory. */
static void with_script(char directory[], const char *text)
{
	char path[64], value[128];
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/pppd", directory);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(value, sizeof(value), "%s:/usr/bin:/bin", directory);
	setenv("PATH", value, 1);
}

static void without_script(const char *directory)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/pppd", directory);
	unlink(path);
	rmdir(directory);
}

START_TEST(pppd_version_is_the_first_line_on_either_stream)
{
	char directory[] = "/tmp/test-pppd-XXXXXX", line[32];
	int before = open_descriptors();
	with_script(directory, "#!/bin/sh\n[ \"$*\" = --version ] && echo pppd version 2.4.9 >&2\n"
			       "echo more\n");
	ck_assert_int_eq(pppd_version(line, sizeof(line), true), 0);
	ck_assert_str_eq(line, "pppd version 2.4.9");
	ck_assert_int_eq(pppd_version(line, 8, true), 0);
	ck_assert_str_eq(line, "pppd ve");
	without_script(directory);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(pppd_version_fails_as_the_exec_does)
{
	char directory[] = "/tmp/test-pppd-XXXXXX", line[32];
	ck_assert_int_eq(pppd_version(line, sizeof(line), false), -ENOENT);
	with_script(directory, "#!/bin/sh\nexit 0\n");
	ck_assert_int_eq(pppd_version(line, sizeof(line), true), -EIO);
	without_script(directory);
}
END_TEST

START_TEST(pppd_version_does_not_wait_for_a_pppd_that_hangs)
{
	char directory[] = "/tmp/test-pppd-XXXXXX", line[32];
	with_script(directory, "#!/bin/sh\nexec sleep 30\n");
	ck_assert_int_eq(pppd_version(line, sizeof(line), true), -ETIMEDOUT);
	without_script(directory);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pppd");
	TCase *tc = tcase_create("pppd");
	tcase_add_test(tc, pppd_pty_passes_every_byte_unchanged_in_both_directions);
	tcase_add_test(tc, pppd_pty_has_a_speed_so_that_pppd_needs_none);
	tcase_add_test(tc, pppd_pty_is_close_on_exec_and_its_master_non_blocking);
	tcase_add_test(tc, pppd_command_line_is_the_tty_and_the_unchanged_options);
	tcase_add_test(tc, pppd_is_not_searched_in_path_unless_asked);
	tcase_add_test(tc, pppd_peer_is_the_slave_and_has_no_unit_before_pppd);
	tcase_add_test(tc, pppd_discipline_is_assumed_where_it_cannot_be_determined);
	tcase_add_test(tc, pppd_process_is_that_of_the_pid_file_if_it_is_a_pppd);
	tcase_add_test(tc, pppd_that_does_not_exist_is_an_error_and_changes_nothing);
	tcase_add_test(tc, pppd_version_is_the_first_line_on_either_stream);
	tcase_add_test(tc, pppd_version_fails_as_the_exec_does);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, pppd_version_does_not_wait_for_a_pppd_that_hangs);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
