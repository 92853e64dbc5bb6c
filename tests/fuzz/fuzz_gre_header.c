/* SPDX-License-Identifier: ISC */
/* Any datagram: a decoded payload lies inside it, and encoding inverts decoding. */
#include "gre/gre_header.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gre_header h;
	const uint8_t *payload;
	uint8_t again[GRE_HEADER_MAX];
	if (gre_header_decode(data, size, &h, &payload) != GRE_OK)
		return 0;
	if (payload && (payload < data || h.payload_len > size - (size_t)(payload - data)))
		abort();
	if (!payload != (h.payload_len == 0))
		abort();
	size_t ip_len = (size_t)(data[0] & 15) * 4, len = gre_header_encode(&h, again);
	if (len != gre_header_len(&h) || memcmp(again, data + ip_len, len))
		abort();
	return 0;
}
