/* SPDX-License-Identifier: ISC */
/*
 * Names to addresses, with a getaddrinfo that says what each test wants: it runs in the child, as the
 * real one does, so that what comes back has passed through the pipe.
 */
#include "callmgr/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

enum {
	FOUND_MAX = 64,
	ANSWER_WAIT_MS = 10000,
};

static struct {
	int error;
	int os_error;
	int raises; /* a signal */
	bool hangs;
	const char *addresses[FOUND_MAX];
} names;

static struct addrinfo found[FOUND_MAX];
static struct sockaddr_in sockaddrs[FOUND_MAX];
static struct resolver r;
static struct in_addr addresses[RESOLVE_MAX];
static size_t count;

int getaddrinfo(const char *restrict node, const char *restrict service,
    const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	(void)node;
	(void)service;
	if (names.raises)
		raise(names.raises);
	while (names.hangs)
		pause();
	*result = NULL;
	for (size_t i = FOUND_MAX; i-- > 0;) {
		if (!names.addresses[i])
			continue;
		sockaddrs[i].sin_family = AF_INET;
		inet_pton(AF_INET, names.addresses[i], &sockaddrs[i].sin_addr);
		found[i] = (struct addrinfo){.ai_family = hints->ai_family,
		    .ai_addrlen = sizeof(sockaddrs[i]),
		    .ai_addr = (struct sockaddr *)&sockaddrs[i],
		    .ai_next = *result};
		*result = &found[i];
	}
	errno = names.os_error;
	return names.error;
}

void freeaddrinfo(struct addrinfo *list)
{
	(void)list;
}

static void ignore_here(int signo)
{
	(void)signo;
}

static void set_up(void)
{
	memset(&names, 0, sizeof(names));
}

/* The answer to a question asked now. */
static int answer(void)
{
	ck_assert_int_eq(resolver_start(&r, "name.test"), 0);
	struct pollfd p = {.fd = r.fd, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, ANSWER_WAIT_MS), 1);
	int rc = resolver_answer(&r, addresses, &count);
	resolver_end(&r);
	ck_assert_int_eq(waitpid(-1, NULL, 0), -1); /* no child is left */
	return rc;
}

START_TEST(resolve_tells_literals_from_names)
{
	struct in_addr a;
	ck_assert_int_eq(resolve_literal("192.0.2.7", &a), RESOLVE_IPV4);
	ck_assert_uint_eq(ntohl(a.s_addr), 0xC0000207);
	static const char *const six[] = {"::1", "2001:db8::1", "[2001:db8::1]", "fe80::1%eth0",
	    "[fe80::1%eth0]", "::ffff:192.0.2.7"};
	for (size_t i = 0; i < sizeof(six) / sizeof(six[0]); i++)
		ck_assert_int_eq(resolve_literal(six[i], &a), RESOLVE_IPV6);
	static const char *const with_port[] = {"192.0.2.7:1723", "vpn.example.com:1723", "vpn:1"};
	for (size_t i = 0; i < sizeof(with_port) / sizeof(with_port[0]); i++)
		ck_assert_int_eq(resolve_literal(with_port[i], &a), RESOLVE_WITH_PORT);
	static const char *const other[] = {"vpn.example.com", "192.0.2", "192.0.2.777", "", "[",
	    ":", ":1723", "vpn:", "vpn:pptp", "vpn:1:2",
	    "a-name-that-is-much-longer-than-any-address-could-be-in-either-family.example"};
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		ck_assert_int_eq(resolve_literal(other[i], &a), RESOLVE_NAME);
}
END_TEST

START_TEST(resolve_hands_on_each_address_once_in_the_resolvers_order)
{
	static const char *const list[] = {"192.0.2.9", "192.0.2.1", "192.0.2.9", "192.0.2.5"};
	memcpy(names.addresses, list, sizeof(list));
	ck_assert_int_eq(answer(), 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_uint_eq(ntohl(addresses[0].s_addr), 0xC0000209);
	ck_assert_uint_eq(ntohl(addresses[1].s_addr), 0xC0000201);
	ck_assert_uint_eq(ntohl(addresses[2].s_addr), 0xC0000205);
	ck_assert_uint_eq(r.left_out, 0);
}
END_TEST

START_TEST(resolve_counts_the_addresses_that_are_too_many)
{
	static char texts[RESOLVE_MAX + 5][INET_ADDRSTRLEN];
	for (unsigned i = 0; i < RESOLVE_MAX + 5; i++) {
		snprintf(texts[i], sizeof(texts[i]), "192.0.2.%u", i + 1);
		names.addresses[i] = texts[i];
	}
	ck_assert_int_eq(answer(), 0);
	ck_assert_uint_eq(count, RESOLVE_MAX);
	ck_assert_uint_eq(r.left_out, 5);
}
END_TEST

START_TEST(resolve_keeps_the_reason_of_a_failure)
{
	names.error = EAI_NONAME;
	ck_assert_int_eq(answer(), EAI_NONAME);
	ck_assert_uint_eq(count, 0);
	names.error = EAI_SYSTEM;
	names.os_error = EMFILE;
	ck_assert_int_eq(answer(), EAI_SYSTEM);
	ck_assert_int_eq(r.os_error, EMFILE);
}
END_TEST

START_TEST(resolve_takes_success_without_an_address_for_an_unknown_name)
{
	ck_assert_int_eq(answer(), EAI_NONAME);
}
END_TEST

START_TEST(resolve_tells_a_child_that_died_from_an_error_of_the_system)
{
	names.raises = SIGKILL;
	ck_assert_int_eq(answer(), EAI_SYSTEM);
	ck_assert_int_eq(r.os_error, 0);
}
END_TEST

/* As under nohup: the look-up goes on, too. */
START_TEST(resolve_leaves_its_child_the_signals_that_are_ignored)
{
	names.addresses[0] = "192.0.2.1";
	names.raises = SIGHUP;
	signal(SIGHUP, SIG_IGN);
	ck_assert_int_eq(answer(), 0);
	signal(SIGHUP, ignore_here);
	ck_assert_int_eq(answer(), EAI_SYSTEM);
}
END_TEST

START_TEST(resolve_ends_a_child_that_hangs)
{
	names.hangs = true;
	ck_assert_int_eq(resolver_start(&r, "name.test"), 0);
	struct pollfd p = {.fd = r.fd, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, 20), 0);
	pid_t child = r.child;
	resolver_end(&r);
	ck_assert_int_eq(kill(child, 0), -1);
	ck_assert_int_eq(errno, ESRCH);
	resolver_end(&r);
}
END_TEST

/* With SIGCHLD ignored a child that has ended leaves its id to any process. */
START_TEST(resolve_end_leaves_a_process_alone_that_is_no_child)
{
	int fds[2];
	pid_t bystander = 0;
	ck_assert_int_eq(pipe(fds), 0);
	pid_t between = fork();
	if (between == 0) {
		bystander = fork();
		if (bystander == 0)
			for (;;)
				pause();
		ck_assert_int_eq(write(fds[1], &bystander, sizeof(bystander)), sizeof(bystander));
		_exit(0);
	}
	ck_assert_int_eq(waitpid(between, NULL, 0), between);
	ck_assert_int_eq(read(fds[0], &bystander, sizeof(bystander)), sizeof(bystander));
	r = (struct resolver){.child = bystander, .fd = -1};
	close(fds[1]); /* the bystander holds the other copy: end-of-file is its death */
	resolver_end(&r);
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, 100), 0);
	kill(bystander, SIGKILL);
	ck_assert_int_eq(poll(&p, 1, ANSWER_WAIT_MS), 1);
	close(fds[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("resolve");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, NULL);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, resolve_tells_literals_from_names);
	tcase_add_test(all, resolve_hands_on_each_address_once_in_the_resolvers_order);
	tcase_add_test(all, resolve_counts_the_addresses_that_are_too_many);
	tcase_add_test(all, resolve_keeps_the_reason_of_a_failure);
	tcase_add_test(all, resolve_takes_success_without_an_address_for_an_unknown_name);
	tcase_add_test(all, resolve_tells_a_child_that_died_from_an_error_of_the_system);
	tcase_add_test(all, resolve_leaves_its_child_the_signals_that_are_ignored);
	tcase_add_test(all, resolve_ends_a_child_that_hangs);
	tcase_add_test(all, resolve_end_leaves_a_process_alone_that_is_no_child);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
