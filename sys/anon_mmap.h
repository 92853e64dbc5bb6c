/* SPDX-License-Identifier: ISC */
/* Memory for large structs and pools: zeroed, and without cost for pages that are never written. */
#ifndef PPTP_ANON_MMAP_H
#define PPTP_ANON_MMAP_H

#include <stddef.h>
#include <sys/mman.h>

/* Private to the process; a forked child has a copy. NULL and errno on failure. Freed by munmap or exit. */
static inline void *anon_mmap(size_t size)
{
	void *p = mmap(
	    NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

#endif
