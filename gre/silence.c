/* SPDX-License-Identifier: ISC */
/* Counts ticks of silence rather than elapsed time: a pause of this process is no fault of the server's. */
#include "gre/silence.h"

#include <errno.h>
#include <string.h>

enum {
	/* Also longer than a packet filter is without its rules while they are loaded anew. */
	SILENT_TICKS = 5 * USEC_PER_SEC / SILENCE_TICK_US,
	/* Questions without an answer on a link that has carried packets: where 2 % are lost each way, it
	 * takes five days of an LCP echo each 30 s until three in a row are. */
	ASKED_MIN = 3,
};
#define INTERVAL_US (60 * USEC_PER_SEC)

void silence_init(struct silence *s)
{
	memset(s, 0, sizeof(*s));
}

bool silence_is_pending(const struct silence *s, const struct silence_facts *f)
{
	return f->asked != s->asked;
}

static void restart(struct silence *s, const struct silence_facts *f)
{
	s->asked = f->asked;
	s->sent = f->sent;
	s->received = f->received;
	s->answers = f->answers;
	s->ticks = 0;
}

enum silence_cause silence_tick(struct silence *s, const struct silence_facts *f, int64_t now_us)
{
	bool refused = f->refusal == EPERM;
	bool no_route = f->refusal && !refused;
	if (refused && !s->refused)
		s->ticks = 0; /* of a silence that has other causes */
	s->refused = refused;
	/* What is refused gets no answer, whatever else the server sends. */
	if ((f->answers != s->answers && !refused) || f->asked == s->asked || no_route)
		restart(s, f);
	else
		s->ticks++;
	uint64_t asked_min = f->answers && !refused ? ASKED_MIN : 1;
	if (s->ticks < SILENT_TICKS || f->asked - s->asked < asked_min)
		return SILENCE_NONE;
	enum silence_cause cause = f->seen ? f->seen : SILENCE_UNEXPLAINED;
	if (refused)
		cause = SILENCE_REFUSED;
	if (s->reported && now_us - s->reported_us < INTERVAL_US && cause <= s->reported)
		return SILENCE_NONE;
	s->reported = cause;
	s->reported_us = now_us;
	return cause;
}
