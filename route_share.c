/* SPDX-License-Identifier: ISC */
/*
 * Names and sockets of route_share.h. A name is claimed by binding it, and found by connecting to it.
 */
#include "route_share.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	SHARES_MAX = 256, /* live calls to one server that are told apart */
};

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static socklen_t write_name(
    struct sockaddr_un *address, struct in_addr server, uint32_t table, int number)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	int len = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
	    "pptp-route-%08lx-%lu-%d", (unsigned long)ntohl(server.s_addr), (unsigned long)table,
	    number);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
}

int route_share_take(struct in_addr server, uint32_t table)
{
	struct sockaddr_un address;
	int fd = open_socket();
	for (int n = 0; n < SHARES_MAX && fd >= 0; n++) {
		socklen_t len = write_name(&address, server, table, n);
		if (bind(fd, (const struct sockaddr *)&address, len) == 0 || errno != EADDRINUSE)
			break;
	}
	return fd;
}

bool route_share_lives(struct in_addr server, uint32_t table)
{
	struct sockaddr_un address;
	int fd = open_socket();
	bool found = false;
	for (int n = 0; n < SHARES_MAX && fd >= 0 && !found; n++) {
		socklen_t len = write_name(&address, server, table, n);
		found = connect(fd, (const struct sockaddr *)&address, len) == 0;
	}
	if (fd >= 0)
		close(fd);
	return found;
}
