/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as the body of a message about a route: hops and metrics stay within their arrays, and what
 * a hop is compared by is its own.
 */
#include <stdlib.h>
#include <string.h>

#include "sys/route_msg.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct route_msg m;
	uint8_t *body = malloc(len + !len); /* an allocation of exactly its length, for ASan */
	memcpy(body, bytes, len);
	if (route_msg_parse((struct rtnl_view){body, len}, &m)) {
		if (m.hop_count > ROUTE_HOPS_MAX || m.fixed.rtm_family != AF_INET)
			abort();
		for (size_t i = 0; i < m.hop_count; i++) {
			if (m.hops[i].metrics_len > ROUTE_METRICS_MAX)
				abort();
			if (!route_hop_equal(&m.hops[i], &m.hops[i]))
				abort();
		}
	}
	free(body);
	return 0;
}
