/* SPDX-License-Identifier: ISC */
/*
 * Reads the packets, cut after their call id, and the error queue (IP_RECVERR) of the watching socket.
 * The kernel selects both by the addresses that the socket is bound and connected to.
 */
#include "sys/gre_watch.h"

#include <errno.h>
#include <sys/socket.h>

#include "lib/wire.h"
#include "sys/netsock.h"

enum {
	DATAGRAM_MAX = 68, /* the longest IP header and 8 bytes of GRE */
	IPV4_HEADER_MIN = 20,
	CALL_ID_AT = 6, /* in the GRE header */
	/* The queue holds fewer; errors of system calls are among them. */
	FORGET_MAX = 256,
};

int gre_watch_start(int fd, struct in_addr server)
{
	struct gre_watch_event ignored;
	int rc = netsock_gre_connect(fd, server);
	for (int i = 0; i < FORGET_MAX && gre_watch_read(fd, &ignored); i++)
		;
	return rc;
}

void gre_watch_park(int fd, struct in_addr local)
{
	(void)netsock_gre_connect(fd, local);
}

static bool read_call_id(const uint8_t *gre, size_t len, uint16_t *call_id)
{
	struct wire_reader r = wire_read(gre, len);
	wire_skip(&r, CALL_ID_AT);
	*call_id = wire_get_be16(&r);
	return !r.failed;
}

static bool read_error(int fd, struct gre_watch_event *event, bool *any)
{
	struct icmp_error *e = &event->icmp;
	event->kind = GRE_WATCH_ICMP;
	*any = icmp_error_read(fd, e) == 0;
	return *any && e->from_network && read_call_id(e->quoted, e->quoted_len, &event->call_id);
}

static bool read_packet(int fd, struct gre_watch_event *event, bool *any)
{
	uint8_t datagram[DATAGRAM_MAX];
	ssize_t n = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT);
	/* An error that waits is cleared by this call; what comes behind it is there at the next. */
	*any = n >= 0 || errno != EAGAIN;
	if (n < IPV4_HEADER_MIN)
		return false;
	size_t header = (size_t)(datagram[0] & 0x0f) * 4;
	event->kind = GRE_WATCH_CALL;
	return header < (size_t)n &&
	       read_call_id(datagram + header, (size_t)n - header, &event->call_id);
}

bool gre_watch_read(int fd, struct gre_watch_event *event)
{
	*event = (struct gre_watch_event){0};
	for (int i = 0; fd >= 0 && i < FORGET_MAX; i++) {
		bool error, packet;
		if (read_error(fd, event, &error) || (!error && read_packet(fd, event, &packet)))
			return true;
		if (!error && !packet)
			break;
	}
	return false;
}
