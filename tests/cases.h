/* SPDX-License-Identifier: ISC */
/* Generated test cases: random numbers with a printed seed, and all permutations of a few items. */
#ifndef PPTP_TESTS_CASES_H
#define PPTP_TESTS_CASES_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint32_t random_state;

static inline uint32_t random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state;
}

/* Seeds from the environment variable, else from the clock; prints how to repeat the run. */
static inline void seed_random(const char *variable)
{
	const char *given = getenv(variable);
	random_state = given ? (uint32_t)strtoul(given, NULL, 0) : (uint32_t)time(NULL);
	random_state |= 1;
	printf("# %s=%" PRIu32 "\n", variable, random_state);
	fflush(stdout);
}

#define PERMUTED_MAX 8

/* Steps through the permutations of `order` (Heap's algorithm without recursion). */
struct permutations {
	uint32_t order[PERMUTED_MAX];
	size_t n;
	size_t at;
	size_t swaps[PERMUTED_MAX];
};

/* Makes the next permutation, the first being the initial order; false after the last one. */
static inline bool next_permutation(struct permutations *p)
{
	while (p->at < p->n && p->swaps[p->at] == p->at)
		p->swaps[p->at++] = 0;
	if (p->at >= p->n)
		return false;
	size_t other = p->at % 2 ? p->swaps[p->at] : 0;
	uint32_t moved = p->order[p->at];
	p->order[p->at] = p->order[other];
	p->order[other] = moved;
	p->swaps[p->at]++;
	p->at = 0;
	return true;
}

#endif
