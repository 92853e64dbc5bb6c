/* SPDX-License-Identifier: ISC */
/* Decodes any bytes, whole and in pieces: same events, nothing out of bounds. Decodes what it encodes. */
#include "ppp/hdlc.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum {
	CAP = 96,
};

static size_t record_events(
    fcs16_fn *fcs16, const uint8_t *in, size_t len, size_t step, uint8_t *out)
{
	uint8_t *buffer = malloc(CAP);
	struct hdlc_decoder d;
	size_t used, n = 0;
	hdlc_decoder_init(&d, fcs16, buffer, CAP);
	for (size_t at = 0; at < len; at += used) {
		size_t piece = len - at < step ? len - at : step;
		enum hdlc_event event = hdlc_decode(&d, in + at, piece, &used);
		if (event == HDLC_MORE)
			continue;
		out[n++] = (uint8_t)event;
		memcpy(out + n, d.frame, d.frame_len);
		n += d.frame_len;
	}
	free(buffer);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	fcs16_fn *fcs16 = size % 2 ? fcs16_sliced : fcs16_fastest();
	uint8_t *whole = malloc(2 * size + 2), *pieces = malloc(2 * size + 2);
	uint8_t *encoded = malloc(HDLC_ENCODED_MAX(size)), *decoded = malloc(size + FCS16_LEN);
	size_t n = record_events(fcs16, data + 1, size - 1, size, whole);
	if (record_events(fcs16, data + 1, size - 1, 1 + data[0] % 40u, pieces) != n ||
	    memcmp(whole, pieces, n))
		abort();

	struct hdlc_decoder d;
	size_t used,
	    len = hdlc_encode(fcs16, data, size, data[0] * UINT32_C(0x1010101), true, encoded);
	hdlc_decoder_init(&d, fcs16, decoded, size + FCS16_LEN);
	enum hdlc_event event = hdlc_decode(&d, encoded, len, &used);
	if (event != (size < 2 ? HDLC_SHORT : HDLC_FRAME) || used != len)
		abort();
	if (event == HDLC_FRAME && (d.frame_len != size || memcmp(d.frame, data, size)))
		abort();
	free(whole);
	free(pieces);
	free(encoded);
	free(decoded);
	return 0;
}
