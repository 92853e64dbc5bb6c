/* SPDX-License-Identifier: ISC */
/*
 * The host route against a real kernel, in a network namespace of each test's own. The devices and
 * routes around it are made with ip(8), here only.
 */
#ifndef PPTP_TESTS_ROUTE_RIG_H
#define PPTP_TESTS_ROUTE_RIG_H

#include "routing.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "private_net.h"
#include "unit.h"

#define SERVER "203.0.113.7"

static inline struct in_addr address(const char *text)
{
	struct in_addr a;
	ck_assert_int_eq(inet_pton(AF_INET, text, &a), 1);
	return a;
}

static const struct in_addr any = {0};

/* All calls of a test know of each other; each test is in a network namespace of its own. */
static inline int begin_route(
    struct route_keeper *k, struct in_addr server, struct in_addr local, uint32_t mark, bool manage)
{
	struct route_request wanted = {
	    .server = server, .local = local, .mark = mark, .manage = manage, .folder = "/tmp"};
	return route_begin(k, &wanted);
}

static inline void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void run(const char *format, ...)
{
	char command[512];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	ck_assert_msg(system(command) == 0, "failed: %s", command);
}

/* What a command prints, blanks squeezed, without the last newline. */
static inline const char *output(const char *command, char *text, size_t cap)
{
	FILE *pipe = popen(command, "r");
	ck_assert_ptr_nonnull(pipe);
	size_t n = 0;
	int before = ' ';
	for (int c = fgetc(pipe); c != EOF && n + 1 < cap; c = fgetc(pipe)) {
		if (c == ' ' && (before == ' ' || before == '\n'))
			continue;
		if (c == '\n' && n > 0 && before == ' ')
			n--;
		text[n++] = (char)c;
		before = c;
	}
	while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
		n--;
	text[n] = '\0';
	ck_assert_int_eq(pclose(pipe), 0);
	return text;
}

#define OURS "ip -4 route show table all proto 47"
#define BY_UP0 SERVER " via 192.0.2.1 dev up0"
#define BY_UP1 SERVER " via 198.51.100.1 dev up1"
#define BLOCK "unreachable " SERVER

static inline void expect(const char *command, const char *wanted)
{
	char text[2048];
	ck_assert_str_eq(output(command, text, sizeof(text)), wanted);
}

/* Two uplinks: up0 192.0.2.0/24 and up1 198.51.100.0/24, the default through up0. */
static inline void set_up(void)
{
	ck_assert(private_net_enter());
	run("ip link add up0 type veth peer name far0 && ip link set far0 up");
	run("ip link add up1 type veth peer name far1 && ip link set far1 up");
	run("ip addr add 192.0.2.2/24 dev up0 && ip link set up0 up");
	run("ip addr add 198.51.100.2/24 dev up1 && ip link set up1 up");
	run("ip route add default via 192.0.2.1");
}

static inline int begin(struct route_keeper *k)
{
	return begin_route(k, address(SERVER), any, 0, true);
}

/* The outcome of all notifications that are there: the last that was no "unchanged". */
static inline enum route_change follow_at(struct route_keeper *k, int64_t now_us)
{
	enum route_change change = ROUTE_UNCHANGED;
	struct pollfd p = {.fd = k->events_fd, .events = POLLIN};
	while (poll(&p, 1, 50) > 0) {
		enum route_change c = route_on_events(k, now_us);
		if (c != ROUTE_UNCHANGED)
			change = c;
	}
	return change;
}

static inline enum route_change follow(struct route_keeper *k)
{
	return follow_at(k, 0);
}

/* What the keeper makes of a command's changes, and our route then, where it matters. */
static inline void after(
    struct route_keeper *k, const char *command, enum route_change wanted, const char *ours)
{
	run("%s", command);
	enum route_change change = follow(k);
	ck_assert_msg(change == wanted, "%d instead of %d after: %s", change, wanted, command);
	if (ours)
		expect(OURS, ours);
}

static inline void end(struct route_keeper *k)
{
	route_end(k);
	expect(OURS, "");
}

/* Somebody removes the route each `every_us`, ten times; the outcome of the last. */
static inline enum route_change contest(struct route_keeper *k, int64_t every_us)
{
	for (int i = 0; i < 9; i++) {
		run("ip route del " SERVER);
		ck_assert_int_eq(follow_at(k, i * every_us), ROUTE_RESTORED);
	}
	run("ip route del " SERVER);
	return follow_at(k, 9 * every_us);
}

/* Whether a command succeeds in a namespace of its own. */
static inline bool possible(const char *command)
{
	pid_t child = fork();
	if (child == 0)
		_exit(private_net_enter() && system(command) == 0 ? 0 : 1);
	int status = 1;
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

#endif
