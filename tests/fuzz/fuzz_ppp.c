/* SPDX-License-Identifier: ISC */
/* Any bytes as frames from pppd and the server, processed as the gateway and a diagnosis do: frames lie
 * within the input, answers are complete. */
#include "ppp/accm_snoop.h"
#include "ppp/lcp_probe.h"
#include "ppp/ppp_framing.h"
#include "ppp/ppp_cp.h"
#include "ppp/sync_filter.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

static void check_answer(const struct sync_filter *filter)
{
	const uint8_t *a = filter->answer;
	if (filter->answer_len <= 8 || filter->answer_len > SYNC_FILTER_ANSWER_MAX)
		abort();
	if (a[4] != PPP_CONFIGURE_REJECT || (size_t)(a[6] << 8 | a[7]) + 4 != filter->answer_len)
		abort();
}

static void process(struct sync_filter *filter, struct accm_snoop *accm, enum sync_filter_side from,
    const uint8_t *bytes, size_t len)
{
	uint8_t *frame = malloc(len + !len); /* an allocation of exactly its length, for ASan */
	memcpy(frame, bytes, len);
	if (from == SYNC_FILTER_PPPD)
		accm_snoop_from_pppd(accm, frame, len);
	else
		(void)accm_snoop_to_pppd(accm, frame, len);
	switch (sync_filter_process(filter, from, frame, len)) {
	case SYNC_FILTER_PASS:
		break;
	case SYNC_FILTER_ANSWER:
		check_answer(filter);
		break;
	case SYNC_FILTER_REFUSE:
		if (sync_filter_reason(filter)[0] == '\0')
			abort();
		break;
	}
	free(frame);
}

static void probe(struct lcp_probe *p, const uint8_t *frame, size_t len)
{
	uint8_t reply[32];
	struct lcp_probe_answer a = lcp_probe_receive(p, frame, len, reply, sizeof(reply));
	if (a.reply_len > sizeof(reply))
		abort();
	if (a.reply_len && (size_t)(reply[6] << 8 | reply[7]) + 4 != a.reply_len)
		abort();
}

/* Separates frames as the gateway does with what it reads from a synchronous pty. */
static void separate(const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t junk = ppp_framing_find_start(bytes, len);
		if (junk > len)
			abort();
		bytes += junk;
		len -= junk;
		size_t first = 0;
		if (len == 0)
			break;
		enum ppp_framing_end end = ppp_framing_find_end(bytes, len, &first);
		if (first == 0 || first > len)
			abort();
		if ((end == PPP_FRAMING_OPEN || end == PPP_FRAMING_CUT) && first != len)
			abort();
		bytes += first;
		len -= first;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sync_filter filter;
	struct accm_snoop accm;
	struct lcp_probe lcp = {0};
	sync_filter_init(&filter);
	accm_snoop_init(&accm);
	separate(data, size);
	/* Frames, each after one byte: bit 7 is the side that sends it, the rest its length. */
	while (size > 0) {
		size_t len = data[0] & 0x7f;
		enum sync_filter_side from = data[0] & 0x80 ? SYNC_FILTER_SERVER : SYNC_FILTER_PPPD;
		data++;
		size--;
		if (len > size)
			len = size;
		process(&filter, &accm, from, data, len);
		probe(&lcp, data, len);
		data += len;
		size -= len;
	}
	return 0;
}
