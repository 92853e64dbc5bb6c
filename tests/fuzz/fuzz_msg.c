/* SPDX-License-Identifier: ISC */
/* Arbitrary bytes as a control stream: a message that decodes must encode to the same fields. */
#include <stdlib.h>
#include <string.h>

#include "control/pptp_msg.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct msg m, again;
	uint8_t made[MSG_LEN_MAX];
	size_t used, used_again;
	for (size_t at = 0; at < len; at += used) {
		memset(&m, 0, sizeof(m));
		enum msg_verdict verdict = msg_decode(bytes + at, len - at, &m, &used);
		if (verdict != MSG_COMPLETE && verdict != MSG_UNKNOWN)
			break;
		if (used < MSG_HEADER_LEN || used > len - at)
			abort();
		if (verdict == MSG_UNKNOWN)
			continue;
		memset(&again, 0, sizeof(again));
		size_t n = msg_encode(&m, made, sizeof(made));
		if (n + m.excess != used ||
		    msg_decode(made, n, &again, &used_again) != MSG_COMPLETE || used_again != n ||
		    memcmp(&m.u, &again.u, sizeof(m.u)) != 0)
			abort();
	}
	return 0;
}
