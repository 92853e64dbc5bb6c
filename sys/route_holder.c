/* SPDX-License-Identifier: ISC */
/*
 * A statement is a datagram socket bound to an abstract name of kind, server, number and slot.
 * connect() of an unbound datagram socket tells whether a name is bound, and its owner notices
 * nothing.
 */
#include "sys/route_holder.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SLOTS = 256, /* calls to one server at a time: looking at all of them takes 0.2 ms */
};

/* A device is the tunnel of one call only. */
static unsigned slots_of(enum route_holder_kind kind)
{
	return kind == ROUTE_HOLDER_TUNNEL ? 1 : SLOTS;
}

static socklen_t make_name(struct sockaddr_un *name, enum route_holder_kind kind,
    struct in_addr server, uint32_t number, unsigned slot)
{
	*name = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len =
	    snprintf(name->sun_path + 1, sizeof(name->sun_path) - 1, "pptp-route/%08lx/%d/%lu/%u",
		(unsigned long)ntohl(server.s_addr), (int)kind, (unsigned long)number, slot);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

int route_holder_take(
    struct route_holder *h, enum route_holder_kind kind, struct in_addr server, uint32_t number)
{
	struct sockaddr_un name;
	int error = EADDRINUSE;
	route_holder_release(h);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	for (unsigned slot = 0; slot < slots_of(kind) && error == EADDRINUSE; slot++) {
		socklen_t len = make_name(&name, kind, server, number, slot);
		if (bind(fd, (const struct sockaddr *)&name, len) == 0) {
			*h = (struct route_holder){.fd = fd, .slot = slot};
			return 0;
		}
		error = errno;
	}
	close(fd);
	return -error;
}

void route_holder_release(struct route_holder *h)
{
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

bool route_holder_others(const struct route_holder *self, enum route_holder_kind kind,
    struct in_addr server, uint32_t number)
{
	struct sockaddr_un name;
	bool found = false;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (unsigned slot = 0; fd >= 0 && slot < slots_of(kind) && !found; slot++) {
		if (self->fd >= 0 && slot == self->slot)
			continue;
		socklen_t len = make_name(&name, kind, server, number, slot);
		/* Any other error, such as EPERM of a security module, means that there is one. */
		found =
		    connect(fd, (const struct sockaddr *)&name, len) == 0 || errno != ECONNREFUSED;
	}
	if (fd >= 0)
		close(fd);
	return found;
}
