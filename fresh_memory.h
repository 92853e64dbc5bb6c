/* SPDX-License-Identifier: ISC */
/*
 * Large contexts and pools, apart from the heap: zeroed memory whose pages cost nothing until they
 * are written, and which a child does not share.
 */
#ifndef PPTP_FRESH_MEMORY_H
#define PPTP_FRESH_MEMORY_H

#include <stddef.h>
#include <sys/mman.h>

/* NULL where there is none; ends with munmap or the process. */
static inline void *fresh_memory(size_t octets)
{
	void *p = mmap(NULL, octets, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

#endif
