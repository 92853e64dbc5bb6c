/* SPDX-License-Identifier: ISC */
/*
 * rtnetlink framing: builds requests, decodes answers and dumps, knows nothing of their meaning.
 * For routing and sys/route_msg, and for sys/conntrack: netfilter's netlink has the same framing.
 * Everything is copied out of the packets; no struct is laid over them.
 */
#ifndef PPTP_RTNL_H
#define PPTP_RTNL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rtnl {
	int fd;
	uint32_t sequence; /* of the last request */
	uint8_t *packet;   /* receive buffer: not on the stack, which would keep its pages */
};

struct rtnl_request {
	uint8_t bytes[512];
	size_t len;
	bool failed; /* something did not fit; rtnl_talk then refuses it */
};

/* Bytes still to be decoded; the packet's buffer stays where it is. */
struct rtnl_view {
	const uint8_t *bytes;
	size_t len;
};

struct rtnl_attribute {
	uint16_t type;
	const uint8_t *data;
	size_t len;
};

/* Called for each message of an answer; `body` is what follows the netlink header, and is invalid once
 * the same socket is used again, which the handler must not do. */
typedef void rtnl_handler(void *context, uint16_t type, struct rtnl_view body);

/* Opens a socket of a NETLINK_* protocol that joins the multicast `groups` (a mask of RTMGRP_*; 0 for a
 * socket for requests). 0 or a negative errno. */
int rtnl_open(struct rtnl *r, int protocol, uint32_t groups);
void rtnl_close(struct rtnl *r);

/* Starts a request: its type, its NLM_F_* flags and the fixed part behind the netlink header. */
void rtnl_start(
    struct rtnl_request *q, uint16_t type, uint16_t flags, const void *fixed, size_t len);
void rtnl_put(struct rtnl_request *q, uint16_t type, const void *data, size_t len);

/* Puts what `inner` holds as one nested attribute; start `inner` zeroed. */
void rtnl_put_nested(struct rtnl_request *q, uint16_t type, const struct rtnl_request *inner);

/*
 * Sends the request and hands the answer to `handler` (NULL: only the outcome counts). 0, the
 * negative errno that the kernel answered with, or -EAGAIN where a dump was interrupted by changes: ask again.
 */
int rtnl_talk(struct rtnl *r, struct rtnl_request *q, rtnl_handler *handler, void *context);

/*
 * Processes the notifications that are there (more may be left), without blocking: 0; -ENOBUFS where the
 * kernel had to leave some out (look at everything again); or another negative errno.
 */
int rtnl_notifications(struct rtnl *r, rtnl_handler *handler, void *context);

/* Copies the fixed part off the front; false where it is not there in full. */
bool rtnl_fixed(struct rtnl_view *v, void *fixed, size_t len);

/* Steps over `len` bytes and the padding to a multiple of 4, or to the end. */
void rtnl_skip(struct rtnl_view *v, size_t len);

/* The next attribute; false at the end, or where what is left is none. */
bool rtnl_next(struct rtnl_view *v, struct rtnl_attribute *attribute);

/* The value of an attribute of 32 bits in host order; 0 where it is shorter. */
uint32_t rtnl_u32(const struct rtnl_attribute *attribute);

#endif
