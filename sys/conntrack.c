/* SPDX-License-Identifier: ISC */
/* The request names the connection by the addresses and ports of the direction in which it was opened. */
#include "sys/conntrack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/rtnl.h"

enum {
	GET = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET,
	ANSWER = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW,
};

static void put_tuple(
    struct rtnl_request *q, const struct sockaddr_in *from, const struct sockaddr_in *to)
{
	struct rtnl_request ip = {.len = 0}, proto = {.len = 0}, tuple = {.len = 0};
	uint8_t tcp = IPPROTO_TCP;
	rtnl_put(&ip, CTA_IP_V4_SRC, &from->sin_addr, sizeof(from->sin_addr));
	rtnl_put(&ip, CTA_IP_V4_DST, &to->sin_addr, sizeof(to->sin_addr));
	rtnl_put(&proto, CTA_PROTO_NUM, &tcp, sizeof(tcp));
	rtnl_put(&proto, CTA_PROTO_SRC_PORT, &from->sin_port, sizeof(from->sin_port));
	rtnl_put(&proto, CTA_PROTO_DST_PORT, &to->sin_port, sizeof(to->sin_port));
	rtnl_put_nested(&tuple, CTA_TUPLE_IP, &ip);
	rtnl_put_nested(&tuple, CTA_TUPLE_PROTO, &proto);
	rtnl_put_nested(q, CTA_TUPLE_ORIG, &tuple);
}

static void parse_help(const struct rtnl_attribute *help, struct conntrack_entry *entry)
{
	struct rtnl_view parts = {help->data, help->len};
	struct rtnl_attribute a;
	while (rtnl_next(&parts, &a))
		if (a.type == CTA_HELP_NAME && a.len < sizeof(entry->helper))
			memcpy(entry->helper, a.data, a.len);
}

static void on_answer(void *context, uint16_t type, struct rtnl_view body)
{
	struct conntrack_entry *entry = context;
	struct nfgenmsg fixed;
	struct rtnl_attribute a;
	if (type != ANSWER || !rtnl_fixed(&body, &fixed, sizeof(fixed)))
		return;
	entry->tracked = true;
	while (rtnl_next(&body, &a))
		if (a.type == CTA_HELP)
			parse_help(&a, entry);
}

int conntrack_find_entry(int tcp, struct conntrack_entry *entry)
{
	struct nfgenmsg fixed = {.nfgen_family = AF_INET, .version = NFNETLINK_V0};
	struct sockaddr_in from = {0}, to = {0};
	socklen_t from_len = sizeof(from), to_len = sizeof(to);
	struct rtnl_request q;
	struct rtnl rtnl;
	*entry = (struct conntrack_entry){0};
	if (getsockname(tcp, (struct sockaddr *)&from, &from_len) < 0 ||
	    getpeername(tcp, (struct sockaddr *)&to, &to_len) < 0)
		return -errno;
	int rc = rtnl_open(&rtnl, NETLINK_NETFILTER, 0);
	if (rc < 0)
		return rc;
	rtnl_start(&q, GET, 0, &fixed, sizeof(fixed));
	put_tuple(&q, &from, &to);
	rc = rtnl_talk(&rtnl, &q, on_answer, entry);
	rtnl_close(&rtnl);
	return rc == -ENOENT ? 0 : rc;
}

/* Of this network namespace. */
static const char counter[] = "/proc/sys/net/netfilter/nf_conntrack_count";

bool conntrack_is_possible(void)
{
	return access(counter, F_OK) == 0;
}

int conntrack_open(void)
{
	return open(counter, O_RDONLY | O_CLOEXEC);
}

/* Our own control connection is among those that are counted. */
bool conntrack_read(int fd)
{
	char count[2] = "";
	ssize_t n = fd < 0 ? -1 : read(fd, count, sizeof(count));
	if (fd >= 0)
		close(fd);
	return n > 0 && count[0] != '0';
}
