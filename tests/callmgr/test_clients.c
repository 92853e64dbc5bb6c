/* SPDX-License-Identifier: ISC */
/* Status clients on a listener in a directory of the test's own: bounds on number, time and requests. */
#include "callmgr/clients.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/ipc_msg.h"
#include "sys/ipc.h"

#include "loop_fixture.h"

static struct clients clients;
static char directory[32];
static char path[64];
static unsigned requests;
static bool answers; /* at once, as the coordinator does before the call is established */

static void on_request(void *context, int64_t now_us)
{
	(void)now_us;
	ck_assert_ptr_eq(context, &loop);
	requests++;
	if (answers)
		clients_answer(&clients, "calls=1\n");
}

static void set_up(void)
{
	static const struct clients_ops ops = {.status_requested = on_request};
	strcpy(directory, "/tmp/pptp-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/socket", directory);
	ck_assert_int_eq(loop_init(&loop, LOOP_MONOTONIC), 0);
	ck_assert_int_eq(clients_init(&clients, &loop, ipc_listen(path), getuid(), &ops, &loop), 0);
	requests = 0;
	answers = true;
}

static void tear_down(void)
{
	clients_end(&clients);
	loop_free(&loop);
	unlink(path);
	rmdir(directory);
}

static void run(void)
{
	run_for(10 * USEC_PER_MSEC);
}

static int connect_client(void)
{
	int fd = ipc_connect(path, getuid());
	ck_assert_int_ge(fd, 0);
	return fd;
}

static bool is_closed(int fd)
{
	struct pollfd p = {.fd = fd};
	return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP);
}

static unsigned served(void)
{
	unsigned n = 0;
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		n += clients.slots[i].watch.fd >= 0;
	return n;
}

START_TEST(clients_that_ask_get_the_status_and_are_closed)
{
	char text[IPC_STATUS_MAX];
	int fd = connect_client();
	ck_assert_int_eq(ipc_send_type(fd, IPC_STATUS_REQUEST), 0);
	run();
	ck_assert_uint_eq(requests, 1);
	ck_assert_int_eq(ipc_receive_status(fd, text, sizeof(text)), 0);
	ck_assert_str_eq(text, "calls=1\n");
	ck_assert_int_eq(ipc_receive_status(fd, text, sizeof(text)), -ECONNRESET);
	close(fd);
}
END_TEST

START_TEST(clients_get_one_answer_for_all_that_wait_and_none_without_a_request)
{
	char text[IPC_STATUS_MAX];
	int asking[2], silent = connect_client();
	answers = false;
	for (size_t i = 0; i < 2; i++) {
		asking[i] = connect_client();
		ck_assert_int_eq(ipc_send_type(asking[i], IPC_STATUS_REQUEST), 0);
	}
	run();
	clients_answer(&clients, "calls=1\n");
	for (size_t i = 0; i < 2; i++)
		ck_assert_int_eq(ipc_receive_status(asking[i], text, sizeof(text)), 0);
	ck_assert(!is_closed(silent));
	ck_assert_int_eq(ipc_receive_status(silent, text, sizeof(text)), -EAGAIN);
}
END_TEST

START_TEST(clients_that_send_something_else_or_ask_twice_are_closed)
{
	static const enum ipc_type others[] = {IPC_HEARTBEAT, IPC_CLOSE, IPC_STATS_REQUEST};
	answers = false;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		int fd = connect_client();
		ck_assert_int_eq(ipc_send_type(fd, others[i]), 0);
		run();
		ck_assert(is_closed(fd));
		close(fd);
	}
	int fd = connect_client();
	ck_assert_int_eq(ipc_send_type(fd, IPC_STATUS_REQUEST), 0);
	ck_assert_int_eq(ipc_send_type(fd, IPC_STATUS_REQUEST), 0);
	run();
	ck_assert(is_closed(fd));
	ck_assert_uint_eq(requests, 1);
	close(fd);
	fd = connect_client();
	ck_assert_int_eq(write(fd, "x", 1), 1);
	run();
	ck_assert(is_closed(fd));
	close(fd);
	ck_assert_uint_eq(served(), 0);
}
END_TEST

START_TEST(clients_that_ask_nothing_are_closed_after_two_seconds)
{
	int fd = connect_client();
	run();
	struct loop_timer *timer = &clients.slots[0].timer;
	int64_t left_us = timer->deadline_us - loop_now_us(&loop);
	ck_assert_int_gt(left_us, 1800 * USEC_PER_MSEC);
	ck_assert_int_le(left_us, 2000 * USEC_PER_MSEC);
	ck_assert(!is_closed(fd));
	timer->deadline_us = loop_now_us(&loop);
	run();
	ck_assert(is_closed(fd));
	close(fd);
}
END_TEST

START_TEST(clients_beyond_the_maximum_wait_until_another_is_closed)
{
	int fds[CLIENTS_MAX + 1];
	for (size_t i = 0; i < CLIENTS_MAX + 1; i++)
		fds[i] = connect_client();
	ck_assert_int_eq(ipc_send_type(fds[CLIENTS_MAX], IPC_STATUS_REQUEST), 0);
	run();
	ck_assert_uint_eq(served(), CLIENTS_MAX);
	ck_assert_uint_eq(requests, 0);
	close(fds[0]);
	run();
	ck_assert_uint_eq(requests, 1);
	ck_assert_uint_eq(served(), CLIENTS_MAX - 1);
	for (size_t i = 1; i < CLIENTS_MAX + 1; i++)
		close(fds[i]);
}
END_TEST

/* Sets the limit of descriptors to those below `fd`. */
static void limit_descriptors(rlim_t fd)
{
	struct rlimit limit;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = fd;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

START_TEST(clients_wait_and_cost_no_time_while_there_is_no_descriptor)
{
	struct rusage before, after;
	int fd = connect_client();
	ck_assert_int_eq(ipc_send_type(fd, IPC_STATUS_REQUEST), 0);
	int next = dup(fd);
	close(next);
	limit_descriptors((rlim_t)next);
	getrusage(RUSAGE_SELF, &before);
	run_for(250 * USEC_PER_MSEC);
	getrusage(RUSAGE_SELF, &after);
	ck_assert_int_le(after.ru_nvcsw - before.ru_nvcsw, 20); /* polls: 3 pauses, not thousands */
	ck_assert_uint_eq(requests, 0);
	ck_assert_int_eq(clients.listener.events, LOOP_OFF);
	limit_descriptors(256);
	run_for(150 * USEC_PER_MSEC);
	ck_assert_uint_eq(requests, 1);
	close(fd);
}
END_TEST

START_TEST(clients_keep_their_slot_with_descriptor_0)
{
	int fds[2];
	for (size_t i = 0; i < 2; i++)
		fds[i] = connect_client();
	close(STDIN_FILENO);
	run();
	ck_assert_int_eq(clients.slots[0].watch.fd, STDIN_FILENO);
	ck_assert_uint_eq(served(), 2);
	for (size_t i = 0; i < 2; i++)
		close(fds[i]);
}
END_TEST

START_TEST(clients_are_all_closed_at_the_end)
{
	int before = open_descriptors(), fds[3];
	for (size_t i = 0; i < 3; i++)
		fds[i] = connect_client();
	run();
	clients_end(&clients);
	for (size_t i = 0; i < 3; i++) {
		ck_assert(is_closed(fds[i]));
		close(fds[i]);
	}
	ck_assert_int_eq(open_descriptors(), before - 1); /* the listener */
	ck_assert_int_eq(ipc_connect(path, getuid()), -ECONNREFUSED);
}
END_TEST

START_TEST(clients_without_a_listener_do_nothing)
{
	struct clients none;
	static const struct clients_ops ops = {.status_requested = on_request};
	ck_assert_int_eq(clients_init(&none, &loop, -1, getuid(), &ops, &loop), 0);
	run();
	clients_answer(&none, "");
	clients_end(&none);
	loop_timer_remove(&loop, &none.accept_timer);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("clients");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, clients_that_ask_get_the_status_and_are_closed);
	tcase_add_test(all, clients_get_one_answer_for_all_that_wait_and_none_without_a_request);
	tcase_add_test(all, clients_that_send_something_else_or_ask_twice_are_closed);
	tcase_add_test(all, clients_that_ask_nothing_are_closed_after_two_seconds);
	tcase_add_test(all, clients_beyond_the_maximum_wait_until_another_is_closed);
	tcase_add_test(all, clients_keep_their_slot_with_descriptor_0);
	tcase_add_test(all, clients_are_all_closed_at_the_end);
	tcase_add_test(all, clients_without_a_listener_do_nothing);
	suite_add_tcase(suite, all);
	TCase *limited = tcase_create("limited");
	tcase_add_checked_fixture(limited, set_up, tear_down);
	tcase_set_tags(limited, "descriptor_limit");
	tcase_add_test(limited, clients_wait_and_cost_no_time_while_there_is_no_descriptor);
	suite_add_tcase(suite, limited);
	return unit_run(suite);
}
