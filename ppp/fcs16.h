/* SPDX-License-Identifier: ISC */
/*
 * FCS-16 of RFC 1662 appendix C.2, in several implementations with the same result. No state: the
 * caller keeps the function that it has chosen. Lengths are in bytes.
 */
#ifndef PPTP_FCS16_H
#define PPTP_FCS16_H

#include <stddef.h>
#include <stdint.h>

enum {
	FCS16_LEN = 2,
	FCS16_INITIAL = 0xffff,
	FCS16_GOOD = 0xf0b8, /* the FCS over a frame and its own FCS */
};

/* Continues `fcs` over more bytes; start with FCS16_INITIAL. A frame carries the complement. */
typedef uint16_t fcs16_fn(uint16_t fcs, const uint8_t *bytes, size_t len);

/* Table lookups for sixteen bytes at a time (slicing): for any machine. */
uint16_t fcs16_sliced(uint16_t fcs, const uint8_t *bytes, size_t len);

/* The fastest that this processor has. The CPUID instruction costs microseconds in a virtual
 * machine, so ask at set-up, not for each frame. */
fcs16_fn *fcs16_fastest(void);

#endif
