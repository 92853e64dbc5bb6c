/* SPDX-License-Identifier: ISC */
/* Names of status sockets, in a directory of the test's own in place of the user's. */
#include "sys/run_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/ipc.h"

#include "unit.h"

static char directory[RUNDIR_PATH_MAX];
static int rundir_error;
static struct run_socket s;
static struct in_addr server;

int rundir_make(char path[RUNDIR_PATH_MAX])
{
	snprintf(path, RUNDIR_PATH_MAX, "%s", directory);
	return rundir_error;
}

static void set_up(void)
{
	strcpy(directory, "/tmp/pptp-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	rundir_error = 0;
	inet_pton(AF_INET, "192.0.2.7", &server);
}

static void tear_down(void)
{
	char command[RUNDIR_PATH_MAX + 16];
	run_socket_remove(&s);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ck_assert_int_eq(system(command), 0);
}

static const char *path_of(const char *name, pid_t pid)
{
	static char path[RUN_SOCKET_PATH_MAX + 32];
	snprintf(path, sizeof(path), "%s/%s.%ld", directory, name, (long)pid);
	return path;
}

static bool exists(const char *name, pid_t pid)
{
	return access(path_of(name, pid), F_OK) == 0;
}

/* The id of a process that has exited and is reaped. */
static pid_t dead_pid(void)
{
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	return child;
}

START_TEST(run_socket_is_named_after_its_process_then_after_the_addresses)
{
	struct in_addr local = {.s_addr = htonl(INADDR_ANY)};
	int fd = run_socket_open(&s);
	ck_assert_int_ge(fd, 0);
	ck_assert(exists("connecting", getpid()));
	run_socket_rename(&s, local, server);
	ck_assert(!exists("connecting", getpid()));
	ck_assert(exists("255.255.255.255:192.0.2.7", getpid()));
	inet_pton(AF_INET, "10.0.0.1", &local);
	run_socket_rename(&s, local, server); /* the next address of the server's name */
	ck_assert(!exists("255.255.255.255:192.0.2.7", getpid()));
	int client = ipc_connect(path_of("10.0.0.1:192.0.2.7", getpid()), getuid());
	ck_assert_int_ge(client, 0);
	close(client);
	run_socket_remove(&s);
	run_socket_remove(&s);
	ck_assert(!exists("10.0.0.1:192.0.2.7", getpid()));
	close(fd);
}
END_TEST

START_TEST(run_socket_keeps_its_name_where_it_cannot_be_renamed)
{
	struct in_addr local = {.s_addr = htonl(INADDR_ANY)};
	ck_assert_int_eq(mkdir(path_of("255.255.255.255:192.0.2.7", getpid()), 0700), 0);
	int fd = run_socket_open(&s);
	run_socket_rename(&s, local, server);
	ck_assert(exists("connecting", getpid()));
	run_socket_remove(&s);
	ck_assert(!exists("connecting", getpid()));
	close(fd);
}
END_TEST

START_TEST(run_socket_that_cannot_be_made_is_an_error_without_a_name)
{
	struct in_addr local = {.s_addr = htonl(INADDR_ANY)};
	rundir_error = -EPERM;
	ck_assert_int_eq(run_socket_open(&s), -EPERM);
	run_socket_rename(&s, local, server);
	run_socket_remove_stale(&s);
	run_socket_remove(&s);
	rundir_error = 0;
	strcpy(directory, "/proc/self/no-such");
	ck_assert_int_lt(run_socket_open(&s), 0);
	ck_assert_str_eq(s.path, "");
	set_up();
}
END_TEST

START_TEST(run_socket_of_a_dead_process_is_removed_by_the_next_start)
{
	pid_t dead = dead_pid();
	close(ipc_listen(path_of("connecting", dead)));
	close(ipc_listen(path_of("255.255.255.255:192.0.2.7", dead)));
	int fd = run_socket_open(&s);
	run_socket_remove_stale(&s);
	ck_assert(!exists("connecting", dead));
	ck_assert(!exists("255.255.255.255:192.0.2.7", dead));
	ck_assert(exists("connecting", getpid()));
	close(fd);
}
END_TEST

START_TEST(run_socket_of_a_live_process_is_left_alone)
{
	pid_t live = getppid();
	close(ipc_listen(path_of("connecting", live)));
	int fd = run_socket_open(&s);
	run_socket_remove_stale(&s);
	ck_assert(exists("connecting", live));
	close(fd);
}
END_TEST

/* A parent of another PID namespace, or one whose call manager still ends its call. */
START_TEST(run_socket_with_a_listener_is_left_alone)
{
	pid_t dead = dead_pid();
	int listener = ipc_listen(path_of("connecting", dead));
	int fd = run_socket_open(&s);
	run_socket_remove_stale(&s);
	ck_assert(exists("connecting", dead));
	close(listener);
	run_socket_remove_stale(&s);
	ck_assert(!exists("connecting", dead));
	close(fd);
}
END_TEST

START_TEST(run_socket_names_of_others_are_left_alone)
{
	static const char *const names[] = {"notes", "connecting.x", "a:b.", "a:b.1x", "a:b.-1",
	    "a:b.0", "connecting.99999999999999999999"};
	char path[RUNDIR_PATH_MAX + 64];
	int fd = run_socket_open(&s);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		close(ipc_listen(path));
	}
	run_socket_remove_stale(&s);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		ck_assert_msg(access(path, F_OK) == 0, "%s was removed", names[i]);
	}
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("run_socket");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, run_socket_is_named_after_its_process_then_after_the_addresses);
	tcase_add_test(all, run_socket_keeps_its_name_where_it_cannot_be_renamed);
	tcase_add_test(all, run_socket_that_cannot_be_made_is_an_error_without_a_name);
	tcase_add_test(all, run_socket_of_a_dead_process_is_removed_by_the_next_start);
	tcase_add_test(all, run_socket_of_a_live_process_is_left_alone);
	tcase_add_test(all, run_socket_with_a_listener_is_left_alone);
	tcase_add_test(all, run_socket_names_of_others_are_left_alone);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
