/* SPDX-License-Identifier: ISC */
/*
 * What the fuzzers share: an input that is taken byte by byte, and a condition that ends the run.
 */
#ifndef PPTP_TESTS_FUZZ_H
#define PPTP_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct input {
	const uint8_t *bytes;
	size_t len;
};

/* What libFuzzer calls. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static inline void require(bool condition)
{
	if (!condition)
		abort();
}

/* The next byte; 0 behind the end. */
static inline unsigned take(struct input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->bytes++;
}

#endif
