/* SPDX-License-Identifier: ISC */
/* The answer to a status client: lines of name=value, as pptp.8 lists them. */
#ifndef PPTP_STATUS_TEXT_H
#define PPTP_STATUS_TEXT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/ipc_msg.h"
#include "lib/stats.h"
#include "pptp_options.h"

struct status_facts {
	const struct pptp_options *options;
	struct in_addr address; /* of the server; INADDR_ANY: not known yet */
	struct in_addr local;
	const char *state;
	const char *call_state;
	enum ipc_route route;
	unsigned attempts; /* connections that were tried since the start */
	int64_t unit;      /* pppd's; -1: not known */
	uint16_t call_id;
	uint16_t peer_call_id;
	uint16_t peer_window; /* packets */
	int64_t since;        /* Unix time at which the call was established */
	bool was_up;
	int64_t up_us;            /* how long the call has been established */
	struct ipc_notice notice; /* the last warning */
	const char *hanging;      /* the process that does not answer; NULL = none is known to */
	const struct pptp_stats
	    *stats; /* NULL: the gateway did not answer in time, or was not asked */
};

/* Writes the lines, cut to cap - 1 bytes. */
void status_text_write(char *string, size_t cap, const struct status_facts *facts);

#endif
