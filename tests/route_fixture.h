/* SPDX-License-Identifier: ISC */
/*
 * The host route against a real kernel, in a network namespace of each test's own. The devices and
 * routes around it are made with ip(8), here only.
 */
#ifndef PPTP_TESTS_ROUTE_FIXTURE_H
#define PPTP_TESTS_ROUTE_FIXTURE_H

#include "routing.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "raw_fixture.h"

#define SERVER "203.0.113.7"

static const struct in_addr any = {0};

struct options {
	struct in_addr local;
	uint32_t mark;
	bool look_only;
	const char *tunnel; /* the name of our tunnel's device; NULL: not known */
};

static inline int begin_with(struct host_route *r, const char *server, struct options o)
{
	struct host_route_request request = {.server = address(server),
	    .local = o.local,
	    .mark = o.mark,
	    .manage = !o.look_only,
	    .tunnel_index = o.tunnel ? if_nametoindex(o.tunnel) : 0};
	return host_route_begin(r, &request);
}

static inline int begin(struct host_route *r)
{
	return begin_with(r, SERVER, (struct options){0});
}

/* A shell that keeps the rights that drop_right() gives up. */
static struct {
	FILE *to, *from;
} with_right;

static inline void run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void run(const char *format, ...)
{
	char command[512];
	va_list args;
	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	int status = -1;
	if (!with_right.to)
		status = system(command);
	else if (fprintf(with_right.to, "(%s); echo $?\n", command) > 0 &&
		 fflush(with_right.to) == 0)
		ck_assert_int_eq(fscanf(with_right.from, "%d", &status), 1);
	ck_assert_msg(status == 0, "failed: %s", command);
}

/* From now on this process cannot change routes; run() still can. */
static inline void drop_right(void)
{
	int to[2], from[2];
	ck_assert(pipe(to) == 0 && pipe(from) == 0);
	pid_t shell = fork();
	ck_assert_int_ge(shell, 0);
	if (shell == 0) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[1]);
		execl("/bin/sh", "sh", (char *)NULL);
		_exit(127);
	}
	with_right.to = fdopen(to[1], "w");
	with_right.from = fdopen(from[0], "r");
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
	ck_assert_int_eq(syscall(SYS_capset, &header, none), 0);
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

/* A tun device that no program has opened has no carrier. */
#define OURS "ip -4 route show table all proto 47 | sed 's/ linkdown//'"
#define BY_UP0 SERVER " via 192.0.2.1 dev up0"
#define BY_UP1 SERVER " via 198.51.100.1 dev up1"
#define GUARD "unreachable " SERVER

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

/* The last event that all notifications that are there make, and that is none of the "none"s. */
static inline enum route_event events_at(struct host_route *r, int64_t now_us)
{
	enum route_event event = ROUTE_EVENT_NONE;
	struct pollfd p = {.fd = r->events.fd, .events = POLLIN};
	while (poll(&p, 1, 50) > 0) {
		enum route_event e = host_route_on_events(r, now_us);
		if (e != ROUTE_EVENT_NONE)
			event = e;
	}
	return event;
}

static inline enum route_event events(struct host_route *r)
{
	return events_at(r, 0);
}

/* The event that a command's changes make, and our route then, where it matters. */
static inline void after(
    struct host_route *r, const char *command, enum route_event wanted, const char *ours)
{
	run("%s", command);
	enum route_event event = events(r);
	ck_assert_msg(event == wanted, "event %d instead of %d after: %s", event, wanted, command);
	if (ours)
		expect(OURS, ours);
}

static inline void end(struct host_route *r)
{
	host_route_end(r);
	expect(OURS, "");
}

/* The route is removed each `every_us`, ten times; the event of the last. */
static inline enum route_event contest(struct host_route *r, int64_t every_us)
{
	for (int i = 0; i < 9; i++) {
		run("ip route del " SERVER);
		ck_assert_int_eq(events_at(r, i * every_us), ROUTE_EVENT_RESTORED);
	}
	run("ip route del " SERVER);
	return events_at(r, 9 * every_us);
}

/* The tunnel's device: any point-to-point kind that this kernel, and our rights, allow. */
#define MAKE_TUNNEL                                                                                \
	"ip link add %s type ipip local 192.0.2.2 remote 192.0.2.9 2>/dev/null || "                \
	"ip tuntap add mode tun name %s 2>/dev/null"

/* Also an uplink by ppp. */
static inline void add_tunnel(const char *name, const char *local, const char *remote)
{
	run(MAKE_TUNNEL, name, name);
	run("ip addr add %s peer %s dev %s && ip link set %s up", local, remote, name, name);
}

static inline enum route_event set_tunnel(struct host_route *r, const char *name)
{
	return host_route_set_tunnel(r, if_nametoindex(name), 0);
}

/* A call whose connection is established from `source` and whose tunnel is tun9. */
static inline void begin_established(struct host_route *r, const char *source)
{
	ck_assert_int_eq(begin(r), 0);
	host_route_set_source(r, address(source));
	add_tunnel("tun9", "10.9.0.2", "10.9.0.1");
	ck_assert_int_eq(set_tunnel(r, "tun9"), ROUTE_EVENT_NONE);
	(void)events(r);
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
