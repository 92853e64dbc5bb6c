/* SPDX-License-Identifier: ISC */
/*
 * A share is a read lock on one octet of the folder itself (a directory has no octets, but may be
 * locked in parts all the same), the octet standing for server, table and network namespace.
 */
#include "route_share.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	REST_BITS = 31, /* what 63 bits of an offset leave behind the address */
};

_Static_assert(sizeof(off_t) == sizeof(uint64_t), "_FILE_OFFSET_BITS=64: 63 bits name an octet");

#define GOLDEN UINT32_C(0x9e3779b1) /* spreads small numbers (Knuth, volume 3, section 6.4) */

/* Two tables or namespaces may meet in one octet, one time in 2^31: a route then stays for longer. */
static struct flock octet_of(struct in_addr server, uint32_t table, short type)
{
	struct stat net = {0};
	(void)stat("/proc/self/ns/net", &net);
	uint32_t rest = (table * GOLDEN ^ (uint32_t)net.st_ino) & ~(UINT32_C(1) << REST_BITS);
	uint64_t octet = (uint64_t)ntohl(server.s_addr) << REST_BITS | rest;
	return (struct flock){
	    .l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)octet, .l_len = 1};
}

static int open_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int route_share_take(const char *folder, struct in_addr server, uint32_t table)
{
	struct flock lock = octet_of(server, table, F_RDLCK);
	int fd = open_folder(folder);
	if (fd < 0)
		return open_folder("/");
	(void)fcntl(fd, F_OFD_SETLK, &lock);
	return fd;
}

bool route_share_lives(const char *folder, struct in_addr server, uint32_t table)
{
	/* Asked for, not taken: this would stand in the way of any share. */
	struct flock lock = octet_of(server, table, F_WRLCK);
	int fd = open_folder(folder);
	if (fd < 0)
		return false;
	bool lives = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return lives;
}
