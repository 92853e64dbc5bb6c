/* SPDX-License-Identifier: ISC */
/*
 * Any packets as the kernel's: replies to a request, and events. Each message that lies in its packet in
 * full reaches the handler, up to the one that ends an answer, whose outcome is returned; a route in it and
 * its attributes lie within the message. A socket pair plays the kernel.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "sys/route_msg.h"
#include "sys/rtnl.h"
#include "fuzz.h"

enum {
	PACKET = 8192, /* what rtnl_open maps */
	PACKETS_MAX = 8,
};

/* What the messages should lead to, by reading them here. */
struct expected {
	size_t messages;
	size_t bytes; /* of their bodies */
	bool has_end, interrupted;
	int32_t end;
};

struct seen {
	const struct rtnl *rtnl;
	size_t messages;
	size_t bytes;
};

static void expect(struct expected *e, const uint8_t *packet, size_t len, bool events)
{
	struct nlmsghdr h;
	for (size_t at = 0; len - at >= sizeof(h) && !e->has_end;) {
		memcpy(&h, packet + at, sizeof(h));
		if (h.nlmsg_len < sizeof(h) || h.nlmsg_len > len - at)
			return;
		size_t body = h.nlmsg_len - sizeof(h);
		bool ours = events || h.nlmsg_seq == 1;
		e->interrupted |= ours && h.nlmsg_flags & NLM_F_DUMP_INTR;
		if (ours && !events &&
		    (h.nlmsg_type == NLMSG_ERROR || h.nlmsg_type == NLMSG_DONE)) {
			e->has_end = true;
			if (body >= sizeof(e->end))
				memcpy(&e->end, packet + at + sizeof(h), sizeof(e->end));
		} else if (ours) {
			e->messages++;
			e->bytes += body;
		}
		at += NLMSG_ALIGN((size_t)h.nlmsg_len);
		if (at > len)
			return;
	}
}

static void handle(void *context, uint16_t type, struct rtnl_view body)
{
	struct seen *s = context;
	struct rtnl_view rest = body;
	struct rtnl_attribute a;
	struct rtmsg fixed;
	struct route_msg m;
	(void)type;
	require(body.bytes >= s->rtnl->packet);
	require(body.len <= PACKET - (size_t)(body.bytes - s->rtnl->packet));
	s->messages++;
	s->bytes += body.len;
	if (rtnl_fixed(&rest, &fixed, sizeof(fixed)))
		while (rtnl_next(&rest, &a))
			require(a.data >= body.bytes && a.data + a.len <= body.bytes + body.len);
	(void)route_msg_parse(body, &m);
}

static void check(struct rtnl *r, int kernel, const struct expected *e, bool events)
{
	struct seen s = {.rtnl = r};
	int rc;
	if (events) {
		rc = rtnl_notifications(r, handle, &s);
		require(rc == 0);
	} else {
		struct rtnl_request q;
		uint8_t request[sizeof(q.bytes)];
		rtnl_start(&q, RTM_GETROUTE, NLM_F_DUMP, NULL, 0);
		rc = rtnl_talk(r, &q, handle, &s);
		require(recv(kernel, request, sizeof(request), 0) == (ssize_t)q.len);
		if (!e->has_end || (e->end == 0 && e->interrupted))
			require(rc == -EAGAIN); /* nothing more is there, or ask again */
		else
			require(rc == e->end);
	}
	require(s.messages == e->messages && s.bytes == e->bytes);
}

/* The first byte: a reply or events; then packets, each behind two bytes of its length. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	static int fds[2] = {-1, -1};
	struct expected e = {0};
	if (len < 1)
		return 0;
	if (fds[0] < 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	struct rtnl r = {.fd = fds[0],
	    .packet =
		mmap(NULL, PACKET, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
	require(r.packet != MAP_FAILED);
	bool events = bytes[0] & 1;
	size_t at = 1;
	for (int i = 0; i < PACKETS_MAX && len - at > 2; i++) {
		size_t n = (size_t)(bytes[at] << 8 | bytes[at + 1]) % PACKET;
		at += 2;
		n = n < len - at ? n : len - at;
		if (n == 0)
			continue;
		require(send(fds[1], bytes + at, n, 0) == (ssize_t)n);
		expect(&e, bytes + at, n, events);
		at += n;
	}
	check(&r, fds[1], &e, events);
	uint8_t left[PACKET];
	while (recv(fds[0], left, sizeof(left), 0) > 0)
		;
	munmap(r.packet, PACKET);
	return 0;
}
