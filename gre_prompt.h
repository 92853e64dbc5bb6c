/* SPDX-License-Identifier: ISC */
/*
 * How many packets may be on their way to a server that acknowledges at once. It is told of round
 * trips; does not know sequence numbers.
 */
#ifndef PPTP_GRE_PROMPT_H
#define PPTP_GRE_PROMPT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A user-space server reads from a socket buffer that holds about 90 full packets; a burst beyond that
 * is lost, where a wait of some microseconds would have saved it.
 */
#define GRE_PROMPT_LIMIT 64

/* Where nothing limits. */
#define GRE_PROMPT_OPEN UINT32_MAX

struct gre_prompt {
	unsigned samples; /* in a row that were prompt, up to what makes the server so */

	/* The question whether the limit fits the way. */
	bool fewer;              /* its second half, with fewer packets on their way */
	unsigned answers;        /* in this half */
	int64_t took_us[2];      /* all answers of the first and the second half */
	unsigned longer;         /* times in a row that the answer was "the way is longer" */
	int64_t ask_from_us;     /* not before */
	int64_t answer_until_us; /* or it is given up */
};

/* GRE_PROMPT_OPEN at first. */
void gre_prompt_init(struct gre_prompt *p);

/* Packets that may be on their way now. */
uint32_t gre_prompt_limit(const struct gre_prompt *p);

/* A packet was acknowledged `sample_us` after it had gone out behind `ahead` others that were not. */
void gre_prompt_sample(struct gre_prompt *p, int64_t now_us, int64_t sample_us, uint32_t ahead);

/* It acknowledges at once no more. */
void gre_prompt_end(struct gre_prompt *p);

#endif
