/* SPDX-License-Identifier: ISC */
/* Without a protocol the socket gets nothing until it is bound, when the filter is in place. */
#include "sys/gre_tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	GRE_PROTOCOL = 47,
	PROTOCOL_AT = 9, /* in the IPv4 header, with which the datagrams begin */
};

/* Locked, because the process that reads it has given up the right to see other packets. */
static int set_filter(int fd)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, PROTOCOL_AT),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GRE_PROTOCOL, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	    BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = {
	    .len = (unsigned short)(sizeof(code) / sizeof(code[0])), .filter = code};
	int on = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_LOCK_FILTER, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

int gre_tap_open(void)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
	int rc = set_filter(fd);
	if (rc == 0 && bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}
