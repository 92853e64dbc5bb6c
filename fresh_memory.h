/* SPDX-License-Identifier: ISC */
/*
 * Contexts and pools, apart from the heap: zeroed memory whose pages cost nothing until they are
 * written.
 */
#ifndef PPTP_FRESH_MEMORY_H
#define PPTP_FRESH_MEMORY_H

#include <stddef.h>
#include <sys/mman.h>

/* A forked child has a copy. NULL where there is none; ends with munmap or the process. */
static inline void *fresh_memory(size_t octets)
{
	void *p = mmap(NULL, octets, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* The same, but shared with children. */
static inline void *shared_memory(size_t octets)
{
	void *p = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

#endif
