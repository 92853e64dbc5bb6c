/* SPDX-License-Identifier: ISC */
/* The top first, because it mostly passes; then the floor, to know that answers come at all; then halves. */
#include "diagnose/mtu_search.h"

enum {
	STEP = 4, /* sizes nearer to each other than this are the same to us */
};

static void choose_size(struct mtu_search *s)
{
	s->tries = 0;
	if (s->too_large <= MTU_SEARCH_FLOOR)
		s->size = 0;
	else if (!s->passed)
		s->size = MTU_SEARCH_FLOOR;
	else if (s->too_large - s->passed <= STEP)
		s->size = 0;
	else
		s->size = s->passed + (s->too_large - s->passed) / 2;
}

void mtu_search_begin(struct mtu_search *s, unsigned top)
{
	*s = (struct mtu_search){.size = top, .too_large = top + 1};
}

void mtu_search_on_answer(struct mtu_search *s, unsigned size)
{
	if (s->size == 0 || size <= s->passed || size >= s->too_large)
		return;
	s->passed = size;
	/* A limit that was named, and the top, are exact. */
	if (s->passed + 1 == s->too_large)
		s->size = 0;
	else if (s->size <= size)
		choose_size(s);
}

void mtu_search_on_limit(struct mtu_search *s, unsigned limit)
{
	if (s->size == 0)
		return;
	if (limit >= s->too_large - 1 || limit < s->passed || limit < MTU_SEARCH_FLOOR) {
		mtu_search_on_silence(s);
		return;
	}
	s->named = limit;
	s->too_large = limit + 1;
	s->tries = 0;
	s->size = limit > s->passed ? limit : 0;
}

void mtu_search_on_silence(struct mtu_search *s)
{
	if (s->size == 0 || ++s->tries < MTU_SEARCH_TRIES)
		return;
	s->lost = true;
	s->too_large = s->size;
	choose_size(s);
}
