/* SPDX-License-Identifier: ISC */
/*
 * Preloaded into linux.uml: lets it run on processors whose extended register state is larger
 * than the 2.7 KB which that kernel reserves (AMX brings it to 11 KB).
 *
 * Linux accepts PTRACE_SETREGSET of NT_X86_XSTATE only in full length, so UML's shorter write is
 * refused with EFAULT and its first process dies. Here the short state is copied onto the process's
 * own full one, which is then written back. The state beyond UML's buffer stays in the process
 * that it belongs to; guests do not use it (it needs a permission that UML never asks for).
 */
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	FULL_STATE_MAX = 65536,
	XSTATE_BV = 512, /* offset of the bitmap of states that are not in their initial form */
};

/* UML runs on one host thread and on small stacks. */
static _Alignas(64) unsigned char full[FULL_STATE_MAX];

static long raw_ptrace(long request, long pid, void *address, void *data)
{
	return syscall(SYS_ptrace, request, pid, address, data);
}

/* Bits of the components that lie entirely within the first `length` bytes stay the caller's. */
static uint64_t merged_bitmap(uint64_t ours, uint64_t theirs)
{
	const uint64_t beyond = ~(uint64_t)0 << 10;

	return (ours & ~beyond) | (theirs & beyond);
}

static long set_short_state(long pid, const struct iovec *part)
{
	struct iovec whole = {full, sizeof full};
	uint64_t ours, theirs;

	if (raw_ptrace(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &whole) < 0)
		return -1;
	if (part->iov_len < XSTATE_BV + sizeof ours || part->iov_len > whole.iov_len) {
		errno = EFAULT;
		return -1;
	}
	memcpy(&theirs, full + XSTATE_BV, sizeof theirs);
	memcpy(full, part->iov_base, part->iov_len);
	memcpy(&ours, full + XSTATE_BV, sizeof ours);
	ours = merged_bitmap(ours, theirs);
	memcpy(full + XSTATE_BV, &ours, sizeof ours);
	return raw_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &whole);
}

long ptrace(enum __ptrace_request request, ...)
{
	long word = 0, result;
	void *address, *data;
	va_list ap;
	long pid;

	va_start(ap, request);
	pid = va_arg(ap, int);
	address = va_arg(ap, void *);
	data = va_arg(ap, void *);
	va_end(ap);

	switch ((int)request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
	case PTRACE_PEEKUSER:
		result = raw_ptrace(request, pid, address, &word);
		if (result < 0)
			return result;
		errno = 0;
		return word;
	case PTRACE_SETREGSET:
		result = raw_ptrace(request, pid, address, data);
		if (result < 0 && errno == EFAULT && (uintptr_t)address == NT_X86_XSTATE)
			return set_short_state(pid, data);
		return result;
	default:
		return raw_ptrace(request, pid, address, data);
	}
}
