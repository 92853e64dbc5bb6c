/* SPDX-License-Identifier: ISC */
/* What calls to one server tell each other about its host route. */
#include "sys/route_holder.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private_net.h"
#include "unit.h"

static const struct in_addr server = {0x0100007f};

static bool others(const struct route_holder *self, uint32_t table)
{
	return route_holder_others(self, ROUTE_HOLDER_TABLE, server, table);
}

START_TEST(holder_is_seen_by_others_until_it_releases)
{
	struct route_holder a = ROUTE_HOLDER_NONE, b = ROUTE_HOLDER_NONE;
	ck_assert(!others(&a, 254));
	ck_assert_int_eq(route_holder_take(&a, ROUTE_HOLDER_TABLE, server, 254), 0);
	ck_assert(!others(&a, 254));
	ck_assert(others(&b, 254));
	ck_assert_int_eq(route_holder_take(&b, ROUTE_HOLDER_TABLE, server, 254), 0);
	ck_assert(others(&a, 254));
	route_holder_release(&a);
	ck_assert(others(&a, 254));
	ck_assert(!others(&b, 254));
	route_holder_release(&b);
	ck_assert(!others(&a, 254));
}
END_TEST

START_TEST(holder_of_one_table_or_kind_or_server_is_none_of_another)
{
	struct route_holder a = ROUTE_HOLDER_NONE, none = ROUTE_HOLDER_NONE;
	struct in_addr elsewhere = {0x0200007f};
	ck_assert_int_eq(route_holder_take(&a, ROUTE_HOLDER_TABLE, server, 254), 0);
	ck_assert(!others(&none, 25));
	ck_assert(!route_holder_others(&none, ROUTE_HOLDER_TUNNEL, server, 254));
	ck_assert(!route_holder_others(&none, ROUTE_HOLDER_TABLE, elsewhere, 254));
	ck_assert_int_eq(route_holder_take(&a, ROUTE_HOLDER_TUNNEL, server, 7), 0);
	ck_assert(!others(&none, 254));
	ck_assert(route_holder_others(&none, ROUTE_HOLDER_TUNNEL, server, 7));
	route_holder_release(&a);
}
END_TEST

START_TEST(holder_of_another_user_is_seen_and_gone_with_its_process)
{
	struct route_holder a = ROUTE_HOLDER_NONE;
	int up[2], status;
	char byte = 0;
	ck_assert_int_eq(pipe(up), 0);
	pid_t child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		bool ok = (geteuid() != 0 || setuid(65534) == 0) &&
		          route_holder_take(&a, ROUTE_HOLDER_TABLE, server, 254) == 0 &&
		          write(up[1], &byte, 1) == 1;
		if (ok)
			pause();
		_exit(1);
	}
	ck_assert_int_eq(read(up[0], &byte, 1), 1);
	ck_assert(others(&a, 254));
	kill(child, SIGKILL);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(!others(&a, 254));
}
END_TEST

START_TEST(holders_are_limited_and_the_next_one_takes_a_free_slot)
{
	struct route_holder all[257];
	struct route_holder none = ROUTE_HOLDER_NONE;
	for (int i = 0; i < 257; i++)
		all[i] = none;
	for (int i = 0; i < 256; i++)
		ck_assert_int_eq(route_holder_take(&all[i], ROUTE_HOLDER_TABLE, server, 1), 0);
	ck_assert_int_eq(route_holder_take(&all[256], ROUTE_HOLDER_TABLE, server, 1), -EADDRINUSE);
	route_holder_release(&all[99]);
	ck_assert_int_eq(route_holder_take(&all[256], ROUTE_HOLDER_TABLE, server, 1), 0);
	ck_assert_uint_eq(all[256].slot, 99);
	for (int i = 0; i < 257; i++)
		route_holder_release(&all[i]);
	ck_assert(!others(&none, 1));
}
END_TEST

static void set_up(void)
{
	ck_assert(private_net_enter()); /* abstract names are its own as well */
}

int main(void)
{
	Suite *suite = suite_create("route_holder");
	TCase *tc = tcase_create("sockets");
	if (!private_net_possible()) {
		puts("ok 1 - route_holder # SKIP neither root nor user namespaces\n1..1");
		return EXIT_SUCCESS;
	}
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, holder_is_seen_by_others_until_it_releases);
	tcase_add_test(tc, holder_of_one_table_or_kind_or_server_is_none_of_another);
	tcase_add_test(tc, holder_of_another_user_is_seen_and_gone_with_its_process);
	tcase_add_test(tc, holders_are_limited_and_the_next_one_takes_a_free_slot);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
