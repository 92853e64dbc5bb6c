/* SPDX-License-Identifier: ISC */
/* The call id is reserved before the sockets are opened: their filters hold it. */
#include "parent/gre_side.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "sys/log.h"
#include "sys/netsock.h"

void gre_side_init(struct gre_side *s)
{
	*s = (struct gre_side){.call_id_fd = -1, .gre = -1, .watch = -1};
}

static int reserve_call_id(struct gre_side *s, unsigned wanted, const char **what)
{
	struct netsock_holder holder;
	s->call_id_fd = netsock_reserve_call_id((uint16_t)wanted, &s->call_id, &holder);
	if (s->call_id_fd >= 0)
		return 0;
	if (s->call_id_fd != -EADDRINUSE)
		return s->call_id_fd;
	*what = NULL;
	if (holder.pid > 0)
		log_fatal("call id %u is in use on this host, by process %ld of user %lu", wanted,
		    (long)holder.pid, (unsigned long)holder.uid);
	else
		log_fatal(
		    "call id %u is in use on this host, by another program than pptp", wanted);
	return -EADDRINUSE;
}

int gre_side_open(struct gre_side *s, const struct pptp_options *o, const char **what)
{
	struct netsock_options so = {.local = o->localbind, .mark = o->rtmark};
	*what = "cannot reserve a call id";
	int error = reserve_call_id(s, o->call_id, what);
	if (error)
		return error;
	s->gre = netsock_gre_open(s->call_id, &so);
	*what = "cannot open a raw socket for GRE";
	if (s->gre == -EADDRNOTAVAIL) {
		char address[INET_ADDRSTRLEN];
		inet_ntop(AF_INET, &o->localbind, address, sizeof(address));
		log_fatal("--localbind: %s is not an address of this host", address);
		*what = NULL;
	}
	if (s->gre < 0)
		return s->gre;
	s->watch = netsock_gre_watch_open(s->call_id, &so);
	return 0;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void gre_side_close(struct gre_side *s)
{
	close_fd(&s->gre);
	close_fd(&s->watch);
}
