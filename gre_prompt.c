/* SPDX-License-Identifier: ISC */
/*
 * Some prompt round trips in a row make a server prompt. Late ones do not end that by themselves: the
 * server may be behind, which is no reason to overrun it, keep a lone acknowledgment for a while, or
 * have it ride on an answer from far behind it.
 *
 * But the way may have become longer, by another uplink for instance, and then the limit is what each
 * round trip is allowed to carry. This matters only while the limit is reached, and is asked then:
 * with fewer packets on their way they take less time if they wait at the server, and as long as
 * before if they travel.
 */
#include "gre_prompt.h"

#include <string.h>

#include "lib/deadline.h"

/* A round trip of at most this is an acknowledgment at once; so many in a row make a server prompt. */
#define PROMPT_US (5 * USEC_PER_MSEC)
#define PROMPT_SAMPLES 8

/* The question is put to so many round trips with all packets and with fewer, ... */
#define ANSWERS 4
#define FEWER (GRE_PROMPT_LIMIT * 5 / 8)
/* ... each behind as many as are allowed, or so many less: acknowledgments stand for several packets. */
#define NEARLY_ALL 8
/* It is given up, or asked again, after this time. */
#define ASK_US (2 * USEC_PER_SEC)
/* Waiting at the server, FEWER packets take 10/16 of the time, and on a longer way all of it. Above the
 * middle it is taken for a longer way, where that is found so many times in a row. */
#define MIDDLE_16THS 13
#define LONGER_AGREED 3

void gre_prompt_init(struct gre_prompt *p)
{
	memset(p, 0, sizeof(*p));
}

static bool is_prompt(const struct gre_prompt *p)
{
	return p->samples >= PROMPT_SAMPLES;
}

uint32_t gre_prompt_limit(const struct gre_prompt *p)
{
	if (!is_prompt(p))
		return GRE_PROMPT_OPEN;
	return p->fewer ? FEWER : GRE_PROMPT_LIMIT;
}

static void ask_anew(struct gre_prompt *p, int64_t from_us)
{
	p->fewer = false;
	p->answers = 0;
	p->took_us[0] = p->took_us[1] = 0;
	p->ask_from_us = from_us;
	p->answer_until_us = from_us + ASK_US;
}

void gre_prompt_end(struct gre_prompt *p)
{
	gre_prompt_init(p);
}

static void conclude(struct gre_prompt *p, int64_t now_us)
{
	bool longer = p->took_us[1] * 16 > p->took_us[0] * MIDDLE_16THS;
	p->longer = longer ? p->longer + 1 : 0;
	ask_anew(p, longer ? now_us : now_us + ASK_US);
	if (p->longer >= LONGER_AGREED)
		gre_prompt_end(p);
}

static void take_answer(struct gre_prompt *p, int64_t now_us, int64_t sample_us)
{
	p->took_us[p->fewer] += sample_us;
	if (++p->answers < ANSWERS)
		return;
	p->answers = 0;
	if (p->fewer)
		conclude(p, now_us);
	else
		p->fewer = true;
}

void gre_prompt_sample(struct gre_prompt *p, int64_t now_us, int64_t sample_us, uint32_t ahead)
{
	if (sample_us <= PROMPT_US) {
		p->samples += is_prompt(p) ? 0 : 1;
		p->longer = 0;
		ask_anew(p, now_us);
	} else if (!is_prompt(p)) {
		p->samples = 0;
	} else if (now_us >= p->answer_until_us) {
		ask_anew(p, now_us);
	} else if (now_us >= p->ask_from_us && ahead + NEARLY_ALL >= gre_prompt_limit(p)) {
		take_answer(p, now_us, sample_us);
	}
}
