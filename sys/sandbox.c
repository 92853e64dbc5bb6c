/* SPDX-License-Identifier: ISC */
/*
 * One table for both processes and all processors: the kernel has no uniform set of system calls, so
 * each is listed where it exists. The C libraries reach the same function by different ones, and fall
 * back to older ones; new ones are added to them over the years. tests/system/test_sandbox.py runs whole
 * calls in a build that is killed by what is denied here.
 *
 * The kernel tries the filter with each system call there is when it is set (since Linux 5.11), or with each
 * that is made: so the rows are sorted, and halved until few are left to be compared.
 */
#include "sys/sandbox.h"

#include <errno.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__) && defined(__AARCH64EL__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__) && defined(__ARM_EABI__) && defined(__ARMEL__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#endif

#ifndef ARCHITECTURE

int sandbox_enter(enum sandbox_process process)
{
	(void)process;
	return -ENOSYS;
}

#else

#include <asm/ioctls.h>
#include <asm/termbits.h>
/* Not sys/syscall.h: musl's has names of its own on 32-bit processors. */
#include <asm/unistd.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/net.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of Linux 4.14 and 4.17; the headers may be older. */
#ifndef SECCOMP_RET_KILL_PROCESS
#define SECCOMP_RET_KILL_PROCESS 0x80000000U
#endif
#ifndef SECCOMP_FILTER_FLAG_LOG
#define SECCOMP_FILTER_FLAG_LOG 2U
#endif
/* Without it kernels before 5.16 make a process with a filter slower (no speculative stores), so that code
 * which runs inside it cannot read all of its memory. No foreign code runs in ours. */
#ifndef SECCOMP_FILTER_FLAG_SPEC_ALLOW
#define SECCOMP_FILTER_FLAG_SPEC_ALLOW 4U
#endif

/* What is in no row. Tests build with another answer, to see what is missing here. */
#ifndef SANDBOX_DENIED
#define SANDBOX_DENIED (SECCOMP_RET_ERRNO | EPERM)
#endif

enum {
	GATEWAY = SANDBOX_GATEWAY,
	CALLMGR = SANDBOX_CALLMGR,
	BOTH = GATEWAY | CALLMGR,
	ROW_CODE = 5,
	FRAME_CODE = 6, /* before the rows */
	/* Rows that are compared one after the other, and the code behind them or where they are halved. */
	LEAF_ROWS = 4,
	NODE_CODE = 3,
};

enum condition {
	ALWAYS,
	EQUAL,   /* the argument is the value */
	HAS_BIT, /* ... has one of its bits */
};

/* The kernel, too, looks at no more than 32 bits of the arguments that are compared here. */
struct row {
	uint32_t call;
	uint32_t value;
	uint8_t who;
	uint8_t condition;
	uint8_t argument; /* its index */
	uint8_t kills;
};

#define ALLOW(who, name) {__NR_##name, 0, who, ALWAYS, 0, 0},
#define ALLOW_IF(who, name, argument, value)                                                       \
	{__NR_##name, (uint32_t)(value), who, EQUAL, argument, 0},
#define KILL(name) {__NR_##name, 0, BOTH, ALWAYS, 0, 1},
#define KILL_IF_BIT(who, name, argument, bit)                                                      \
	{__NR_##name, (uint32_t)(bit), who, HAS_BIT, argument, 1},

/* clang-format off */
static const struct row rows[] = {
    /* For each packet. */
    ALLOW(BOTH, ppoll)
#ifdef __NR_ppoll_time64
    ALLOW(BOTH, ppoll_time64)
#endif
    ALLOW(GATEWAY, recvmmsg)
#ifdef __NR_recvmmsg_time64
    ALLOW(GATEWAY, recvmmsg_time64)
#endif
    ALLOW(BOTH, write)
    ALLOW(BOTH, read)
    ALLOW(GATEWAY, sendmmsg)
    /* It connects a TCP socket whose connection has ended, to anyone. */
    KILL_IF_BIT(CALLMGR, sendto, 3, MSG_FASTOPEN)
    KILL_IF_BIT(CALLMGR, sendmsg, 2, MSG_FASTOPEN)
    ALLOW(BOTH, sendto)
#ifdef __NR_send
    ALLOW(BOTH, send)
#endif
    ALLOW(BOTH, rt_sigprocmask)
    /* --sync: to let pppd read; its own. */
    ALLOW(GATEWAY, sched_yield)
    KILL_IF_BIT(GATEWAY, setpriority, 0, ~PRIO_PROCESS)
    ALLOW_IF(GATEWAY, setpriority, 1, 0)
    /* Where the clock cannot be read without a system call. */
    ALLOW(BOTH, clock_gettime)
#ifdef __NR_clock_gettime64
    ALLOW(BOTH, clock_gettime64)
#endif
    ALLOW(BOTH, gettimeofday)
#ifdef __NR_time
    ALLOW(BOTH, time)
#endif
    /* The sockets and ptys that the process has. */
    ALLOW(BOTH, sendmsg)
    ALLOW(BOTH, recvmsg)
    ALLOW(BOTH, recvfrom)
#ifdef __NR_recv
    ALLOW(BOTH, recv)
#endif
    ALLOW(BOTH, writev)
    ALLOW_IF(BOTH, ioctl, 1, SIOCOUTQ)
    ALLOW_IF(GATEWAY, ioctl, 1, TIOCGPTPEER)
    ALLOW_IF(GATEWAY, ioctl, 1, TIOCGETD)
    /* isatty() */
    ALLOW_IF(BOTH, ioctl, 1, TCGETS)
    ALLOW_IF(BOTH, ioctl, 1, TCGETS2)
    ALLOW(BOTH, getsockopt)
    ALLOW_IF(GATEWAY, setsockopt, 2, SO_SNDBUF)
    ALLOW(BOTH, getsockname)
    ALLOW(BOTH, getpeername)
    ALLOW(GATEWAY, bind)
#ifdef __NR_accept
    ALLOW(CALLMGR, accept)
#endif
    ALLOW(CALLMGR, accept4)
#ifdef __NR_fcntl
    ALLOW_IF(CALLMGR, fcntl, 1, F_SETFD)
    ALLOW_IF(CALLMGR, fcntl, 1, F_SETFL)
#endif
#ifdef __NR_fcntl64
    ALLOW_IF(CALLMGR, fcntl64, 1, F_SETFD)
    ALLOW_IF(CALLMGR, fcntl64, 1, F_SETFL)
#endif
    ALLOW(CALLMGR, timerfd_settime)
#ifdef __NR_timerfd_settime64
    ALLOW(CALLMGR, timerfd_settime64)
#endif
    ALLOW(BOTH, close)
    /* Whether a call ID is in use on this host. */
    ALLOW_IF(GATEWAY, socket, 0, AF_UNIX)
    /* The raw socket, to the server that has answered. The call manager could connect its TCP socket anew. */
    ALLOW(GATEWAY, connect)
#ifdef __NR_poll
    ALLOW(BOTH, poll)
#endif
    ALLOW(BOTH, getpid)
    /* stderr becomes /dev/null. */
#ifdef __NR_dup2
    ALLOW(BOTH, dup2)
#endif
    ALLOW(BOTH, dup3)
    /* One call for all of the above: glibc's on i386, and the fallback of musl. Its further
     * arguments are out of sight. */
#ifdef __NR_socketcall
    ALLOW_IF(BOTH, socketcall, 0, SYS_SENDMSG)
    ALLOW_IF(BOTH, socketcall, 0, SYS_RECVMSG)
    ALLOW_IF(GATEWAY, socketcall, 0, SYS_SENDMMSG)
    ALLOW_IF(GATEWAY, socketcall, 0, SYS_RECVMMSG)
    ALLOW_IF(BOTH, socketcall, 0, SYS_SEND)
    ALLOW_IF(BOTH, socketcall, 0, SYS_SENDTO)
    ALLOW_IF(BOTH, socketcall, 0, SYS_RECV)
    ALLOW_IF(BOTH, socketcall, 0, SYS_RECVFROM)
    ALLOW_IF(BOTH, socketcall, 0, SYS_GETSOCKOPT)
    ALLOW_IF(GATEWAY, socketcall, 0, SYS_SETSOCKOPT)
    ALLOW_IF(BOTH, socketcall, 0, SYS_GETSOCKNAME)
    ALLOW_IF(BOTH, socketcall, 0, SYS_GETPEERNAME)
    ALLOW_IF(GATEWAY, socketcall, 0, SYS_BIND)
    ALLOW_IF(CALLMGR, socketcall, 0, SYS_ACCEPT)
    ALLOW_IF(CALLMGR, socketcall, 0, SYS_ACCEPT4)
    ALLOW_IF(GATEWAY, socketcall, 0, SYS_CONNECT)
#endif
    /* Of the C library: memory, signals, the end. */
#if defined(__NR_mmap) && !defined(__i386__) /* where its arguments are out of sight, and mmap2 is used */
    KILL_IF_BIT(BOTH, mmap, 2, PROT_EXEC)
    ALLOW(BOTH, mmap)
#endif
#ifdef __NR_mmap2
    KILL_IF_BIT(BOTH, mmap2, 2, PROT_EXEC)
    ALLOW(BOTH, mmap2)
#endif
    KILL_IF_BIT(BOTH, mprotect, 2, PROT_EXEC)
    ALLOW(BOTH, mprotect)
    ALLOW(BOTH, munmap)
    ALLOW(BOTH, madvise)
    ALLOW(BOTH, brk)
    ALLOW(BOTH, getrandom)
    ALLOW(BOTH, rt_sigreturn)
#ifdef __NR_sigreturn
    ALLOW(BOTH, sigreturn)
#endif
    ALLOW(BOTH, restart_syscall)
    ALLOW(BOTH, exit_group)
    ALLOW(BOTH, exit)
    /* Of an exploit. */
    KILL(execve)
    KILL(execveat)
    KILL(ptrace)
    KILL(process_vm_readv)
    KILL(process_vm_writev)
#ifdef __NR_pkey_mprotect
    KILL(pkey_mprotect)
#endif
    KILL(bpf)
    KILL(kexec_load)
#ifdef __NR_kexec_file_load
    KILL(kexec_file_load)
#endif
    KILL(init_module)
    KILL(finit_module)
    KILL(delete_module)
    KILL(mount)
    KILL(setns)
    KILL(unshare)
    KILL(keyctl)
    KILL(perf_event_open)
#ifdef __NR_userfaultfd
    KILL(userfaultfd)
#endif
#ifdef __NR_io_uring_setup
    KILL(io_uring_setup)
#endif
};
/* clang-format on */

enum {
	ROWS = sizeof(rows) / sizeof(rows[0]),
};

struct code {
	struct sock_filter at[FRAME_CODE + (ROW_CODE + NODE_CODE) * ROWS];
	unsigned short count;
};

static void put(
    struct code *c, uint16_t operation, uint32_t value, uint8_t if_true, uint8_t if_false)
{
	c->at[c->count++] = (struct sock_filter){operation, if_true, if_false, value};
}

static void put_load(struct code *c, size_t offset)
{
	put(c, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void put_return(struct code *c, uint32_t action)
{
	put(c, BPF_RET | BPF_K, action, 0, 0);
}

/* Afterwards the number of the call is loaded, as before. */
static void put_row(struct code *c, const struct row *row)
{
	uint32_t action = row->kills ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW;
	bool tests_argument = row->condition != ALWAYS;
	put(c, BPF_JMP | BPF_JEQ | BPF_K, row->call, 0, tests_argument ? 4 : 1);
	if (tests_argument) {
		uint16_t test = row->condition == EQUAL ? BPF_JEQ : BPF_JSET;
		put_load(c, offsetof(struct seccomp_data, args) + row->argument * sizeof(uint64_t));
		put(c, BPF_JMP | test | BPF_K, row->value, 0, 1);
	}
	put_return(c, action);
	if (tests_argument)
		put_load(c, offsetof(struct seccomp_data, nr));
}

/* `count` rows that are sorted by the call; what is none of them is denied. */
static void put_rows(struct code *c, const struct row *const *sorted, size_t count)
{
	size_t half = count / 2;
	while (half && sorted[half - 1]->call == sorted[half]->call)
		half--; /* rows of the same call stay together, in their order */
	if (count <= LEAF_ROWS || half == 0) {
		for (size_t i = 0; i < count; i++)
			put_row(c, sorted[i]);
		put_return(c, SANDBOX_DENIED);
		return;
	}
	put(c, BPF_JMP | BPF_JGE | BPF_K, sorted[half]->call, 0, 1);
	struct sock_filter *jump = &c->at[c->count];
	put(c, BPF_JMP | BPF_JA, 0, 0, 0);
	put_rows(c, sorted, half);
	jump->k = (uint32_t)(&c->at[c->count] - jump - 1);
	put_rows(c, sorted + half, count - half);
}

/* Pointers to the process's rows, by the call. The count. */
static size_t sort_rows(enum sandbox_process process, const struct row *sorted[ROWS])
{
	size_t count = 0;
	for (size_t i = 0; i < ROWS; i++) {
		if (!(rows[i].who & (unsigned)process))
			continue;
		size_t at = count++;
		for (; at > 0 && sorted[at - 1]->call > rows[i].call; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = &rows[i];
	}
	return count;
}

/* The most that this kernel knows of the flags. */
static int install(const struct sock_fprog *program)
{
	static const unsigned flags[] = {
	    SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW, SECCOMP_FILTER_FLAG_LOG, 0};
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags[i], program) == 0)
			return 0;
		if (errno != EINVAL)
			break;
	}
	if (errno != ENOSYS)
		return -errno;
	/* Before Linux 3.17. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) < 0 ? -errno : 0;
}

int sandbox_enter(enum sandbox_process process)
{
	struct code c = {.count = 0};
	put_load(&c, offsetof(struct seccomp_data, arch));
	put(&c, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	put_return(&c, SECCOMP_RET_KILL_PROCESS);
	put_load(&c, offsetof(struct seccomp_data, nr));
#ifdef __X32_SYSCALL_BIT
	put(&c, BPF_JMP | BPF_JGE | BPF_K, __X32_SYSCALL_BIT, 0, 1);
	put_return(&c, SECCOMP_RET_KILL_PROCESS);
#endif
	const struct row *sorted[ROWS];
	put_rows(&c, sorted, sort_rows(process, sorted));
	return install(&(struct sock_fprog){.len = c.count, .filter = c.at});
}

#endif
