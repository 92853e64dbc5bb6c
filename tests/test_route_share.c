/* SPDX-License-Identifier: ISC */
/* Shares of routes, on a folder of each test's own. */
#include "route_share.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private_net.h"
#include "unit.h"

enum {
	MAIN = 254,
	OTHER = 255,
};

static char folder[] = "/tmp/test-route-share-XXXXXX";
static struct in_addr server, another;

static void set_up(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(inet_pton(AF_INET, "255.255.255.254", &server), 1);
	ck_assert_int_eq(inet_pton(AF_INET, "255.255.255.255", &another), 1);
}

static void tear_down(void)
{
	rmdir(folder);
}

START_TEST(route_share_lives_as_long_as_the_last_descriptor)
{
	ck_assert(!route_share_lives(folder, server, MAIN));
	int first = route_share_take(folder, server, MAIN);
	int second = route_share_take(folder, server, MAIN);
	ck_assert(route_share_lives(folder, server, MAIN));
	close(first);
	ck_assert(route_share_lives(folder, server, MAIN));
	close(second);
	ck_assert(!route_share_lives(folder, server, MAIN));
}
END_TEST

START_TEST(route_share_ends_with_the_process_that_had_it)
{
	int told[2], asked[2];
	char octet;
	ck_assert(pipe(told) == 0 && pipe(asked) == 0);
	pid_t child = fork();
	if (child == 0) {
		(void)route_share_take(folder, server, MAIN);
		_exit(write(told[1], "x", 1) == 1 && read(asked[0], &octet, 1) == 1 ? 0 : 1);
	}
	ck_assert_int_eq(read(told[0], &octet, 1), 1);
	ck_assert(route_share_lives(folder, server, MAIN));
	ck_assert_int_eq(write(asked[1], "x", 1), 1);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert(!route_share_lives(folder, server, MAIN));
}
END_TEST

START_TEST(route_share_is_of_one_server_and_table)
{
	int fd = route_share_take(folder, server, MAIN);
	ck_assert(!route_share_lives(folder, another, MAIN));
	ck_assert(!route_share_lives(folder, server, OTHER));
	close(fd);
}
END_TEST

START_TEST(route_share_is_of_one_network_namespace)
{
	int fd = route_share_take(folder, server, MAIN);
	ck_assert(private_net_enter());
	ck_assert(!route_share_lives(folder, server, MAIN));
	close(fd);
}
END_TEST

START_TEST(route_share_leaves_nothing_in_the_folder)
{
	close(route_share_take(folder, server, MAIN));
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(route_share_without_a_folder_is_a_descriptor_that_says_nothing)
{
	int fd = route_share_take("", server, MAIN);
	ck_assert_int_ge(fd, 0);
	ck_assert(!route_share_lives("", server, MAIN));
	ck_assert(!route_share_lives("/", server, MAIN));
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("route_share");
	TCase *tc = tcase_create("route_share");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, route_share_lives_as_long_as_the_last_descriptor);
	tcase_add_test(tc, route_share_ends_with_the_process_that_had_it);
	tcase_add_test(tc, route_share_is_of_one_server_and_table);
	if (private_net_possible())
		tcase_add_test(tc, route_share_is_of_one_network_namespace);
	tcase_add_test(tc, route_share_leaves_nothing_in_the_folder);
	tcase_add_test(tc, route_share_without_a_folder_is_a_descriptor_that_says_nothing);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
