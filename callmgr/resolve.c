/* SPDX-License-Identifier: ISC */
/*
 * Owns the child that calls getaddrinfo and the pipe to it. The caller says what a failure means to the
 * user.
 */
#include "callmgr/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/child.h"
#include "sys/log.h"
#include "sys/privs.h"

/* One write of less than PIPE_BUF bytes from child to parent: it arrives whole or not at all. */
struct answer {
	int error;
	int os_error;
	size_t count;
	size_t left_out;
	struct in_addr addresses[RESOLVE_MAX];
};

static bool has_port(const char *text)
{
	const char *port = strchr(text, ':');
	return port && port != text && port[1] && port[1 + strspn(port + 1, "0123456789")] == '\0';
}

enum resolve_literal resolve_literal(const char *text, struct in_addr *address)
{
	char bare[INET6_ADDRSTRLEN];
	struct in6_addr ignored;
	if (inet_pton(AF_INET, text, address) == 1)
		return RESOLVE_IPV4;
	const char *start = text[0] == '[' ? text + 1 : text;
	size_t len = strcspn(start, "]%");
	if (len >= sizeof(bare))
		return RESOLVE_NAME;
	memcpy(bare, start, len);
	bare[len] = '\0';
	if (inet_pton(AF_INET6, bare, &ignored) == 1)
		return RESOLVE_IPV6;
	return has_port(text) ? RESOLVE_WITH_PORT : RESOLVE_NAME;
}

static void add_address(struct answer *a, struct in_addr address)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->addresses[i].s_addr == address.s_addr)
			return;
	if (a->count < RESOLVE_MAX)
		a->addresses[a->count++] = address;
	else
		a->left_out++;
}

static void look_up(const char *name, struct answer *a)
{
	/* No AI_ADDRCONFIG: a host with nothing but loopback addresses can still reach itself. */
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found = NULL;
	a->error = getaddrinfo(name, NULL, &hints, &found);
	if (a->error == EAI_SYSTEM)
		a->os_error = errno;
	if (a->error)
		return;
	for (const struct addrinfo *i = found; i; i = i->ai_next) {
		struct sockaddr_in address;
		if (i->ai_family != AF_INET || i->ai_addrlen < sizeof(address))
			continue;
		memcpy(&address, i->ai_addr, sizeof(address));
		add_address(a, address.sin_addr);
	}
	if (a->count == 0)
		a->error = EAI_NONAME;
	freeaddrinfo(found);
}

/* The child holds nothing of its parent's, and ends with it. */
static void be_alone(int fd, pid_t parent)
{
	static const int caught[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction is;
	sigset_t none;
	sigemptyset(&none);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		if (sigaction(caught[i], NULL, &is) == 0 && is.sa_handler != SIG_IGN)
			signal(caught[i], SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	if (privs_permitted()) { /* a call manager has none */
		privs_begin();
		privs_drop_all(privs_unprivileged_ids());
	}
	log_close();
	child_keep_descriptors(&fd, 1);
}

int resolver_start(struct resolver *r, const char *name)
{
	int fds[2];
	*r = (struct resolver){.child = -1, .fd = -1};
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	pid_t parent = getpid();
	pid_t child = child_fork();
	if (child < 0) {
		int rc = -errno;
		close(fds[0]);
		close(fds[1]);
		return rc;
	}
	if (child == 0) {
		struct answer a = {0};
		be_alone(fds[1], parent);
		look_up(name, &a);
		_exit(write(fds[1], &a, sizeof(a)) == (ssize_t)sizeof(a) ? 0 : 1);
	}
	close(fds[1]);
	r->child = child;
	r->fd = fds[0];
	return 0;
}

int resolver_answer(struct resolver *r, struct in_addr addresses[RESOLVE_MAX], size_t *count)
{
	struct answer a;
	ssize_t n;
	do
		n = read(r->fd, &a, sizeof(a));
	while (n < 0 && errno == EINTR);
	*count = 0;
	r->os_error = n < 0 ? errno : 0;
	if (n != (ssize_t)sizeof(a))
		return EAI_SYSTEM;
	r->os_error = a.os_error;
	r->left_out = a.left_out;
	if (a.error)
		return a.error;
	if (a.count == 0 || a.count > RESOLVE_MAX)
		return EAI_FAIL;
	memcpy(addresses, a.addresses, a.count * sizeof(addresses[0]));
	*count = a.count;
	return 0;
}

void resolver_end(struct resolver *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	child_end(r->child);
	r->child = -1;
}
