/* SPDX-License-Identifier: ISC */
/* Any octets as what pppd and the server say of the link, frame by frame, as the gateway looks at it:
 * frames are found that lie within what is there, answers are whole Configure-Rejects. */
#include "ppp/accm_snoop.h"
#include "ppp/ppp_framing.h"
#include "ppp/ppp_cp.h"
#include "ppp/sync_filter.h"

#include <stdlib.h>
#include <string.h>

static void check_answer(const struct sync_link *link)
{
	const uint8_t *a = link->answer;
	if (link->answer_len <= 8 || link->answer_len > SYNC_ANSWER_MAX)
		abort();
	if (a[4] != PPP_CONFIGURE_REJECT || (size_t)(a[6] << 8 | a[7]) + 4 != link->answer_len)
		abort();
}

static void see(struct sync_link *link, struct lcp_accm *accm, enum sync_side from,
    const uint8_t *octets, size_t len)
{
	uint8_t *frame = malloc(len + !len); /* of exactly its length */
	memcpy(frame, octets, len);
	if (from == SYNC_PPPD)
		lcp_accm_from_pppd(accm, frame, len);
	else
		(void)lcp_accm_to_pppd(accm, frame, len);
	switch (sync_link_see(link, from, frame, len)) {
	case SYNC_PASS:
		break;
	case SYNC_ANSWER:
		check_answer(link);
		break;
	case SYNC_REFUSE:
		if (sync_link_trouble(link)[0] == '\0')
			abort();
		break;
	}
	free(frame);
}

/* As the gateway cuts what it reads from a synchronous pty. */
static void cut(const uint8_t *octets, size_t len)
{
	while (len > 0) {
		size_t junk = ppp_next_start(octets, len);
		if (junk > len)
			abort();
		octets += junk;
		len -= junk;
		size_t first = 0;
		if (len == 0)
			break;
		enum ppp_end end = ppp_first_frame(octets, len, &first);
		if (first == 0 || first > len)
			abort();
		if ((end == PPP_OPEN || end == PPP_CUT) && first != len)
			abort();
		octets += first;
		len -= first;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sync_link link;
	struct lcp_accm accm;
	sync_link_init(&link);
	lcp_accm_init(&accm);
	cut(data, size);
	/* Frames, each behind one octet: the side that sends it, and its length. */
	while (size > 0) {
		size_t len = data[0] & 0x7f;
		enum sync_side from = data[0] & 0x80 ? SYNC_SERVER : SYNC_PPPD;
		data++;
		size--;
		if (len > size)
			len = size;
		see(&link, &accm, from, data, len);
		data += len;
		size -= len;
	}
	return 0;
}
