/* SPDX-License-Identifier: ISC */
/*
 * System calls in a bad mood: wrappers that now and then return less than asked for, EINTR, EAGAIN
 * or ENOMEM, as a kernel may. For the linker's --wrap (FLAKY_WRAP defined: __wrap_read and so on)
 * or, built as a shared object, for LD_PRELOAD before any program:
 *
 *	cc -D_GNU_SOURCE -shared -fPIC -o flaky_io.so tests/flaky_io.c -ldl
 *	FLAKY_SEED=1 FLAKY_PERCENT=20 LD_PRELOAD=./flaky_io.so program
 *
 * FLAKY_SEED starts the sequence (0 or none: no mischief), FLAKY_PERCENT is how often something goes
 * wrong. What is invented can really happen: no short counts on sockets that keep messages whole,
 * no EAGAIN on descriptors that block, and a call that fails has had no effect.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#if defined(FLAKY_DIRECT)
#define NAME(call) flaky_##call
#define REAL(call) call
#define DECLARE(result, call, ...) result flaky_##call(__VA_ARGS__);
#elif defined(FLAKY_WRAP)
#define NAME(call) __wrap_##call
#define REAL(call) __real_##call
#define DECLARE(result, call, ...)                                                                 \
	result __real_##call(__VA_ARGS__);                                                         \
	result __wrap_##call(__VA_ARGS__);
#else
/* dlsym's way with functions, and glibc's with socket addresses, are not ISO C's. */
#pragma GCC diagnostic ignored "-Wpedantic"
#define NAME(call) call
#define REAL(call) ((__typeof__(&call))flaky_find(#call))
#define DECLARE(result, call, ...)
static void *flaky_find(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}
#endif

DECLARE(ssize_t, read, int, void *, size_t)
DECLARE(ssize_t, write, int, const void *, size_t)
DECLARE(ssize_t, recv, int, void *, size_t, int)
DECLARE(ssize_t, recvmsg, int, struct msghdr *, int)
DECLARE(int, recvmmsg, int, struct mmsghdr *, unsigned, int, struct timespec *)
DECLARE(ssize_t, send, int, const void *, size_t, int)
DECLARE(ssize_t, sendmsg, int, const struct msghdr *, int)
DECLARE(int, sendmmsg, int, struct mmsghdr *, unsigned, int)
DECLARE(int, ppoll, struct pollfd *, nfds_t, const struct timespec *, const sigset_t *)
DECLARE(int, accept4, int, struct sockaddr *, socklen_t *, int)
DECLARE(int, connect, int, const struct sockaddr *, socklen_t)

static uint64_t flaky_state;
static unsigned flaky_percent = 10;
static bool flaky_started;

void flaky_start(uint64_t seed, unsigned how_often);
uint64_t flaky_mischief(void);

/* For tests that are linked with this: a seed of 0 ends the mischief. */
void flaky_start(uint64_t seed, unsigned how_often)
{
	flaky_started = true;
	flaky_state = seed;
	flaky_percent = how_often;
}

static uint64_t mishaps;

/* How often something went wrong so far: for the test that wants to be sure of having been tested. */
uint64_t flaky_mischief(void)
{
	return mishaps;
}

static uint64_t draw(uint64_t below)
{
	flaky_state ^= flaky_state << 13; /* xorshift64 */
	flaky_state ^= flaky_state >> 7;
	flaky_state ^= flaky_state << 17;
	return (flaky_state * UINT64_C(0x2545F4914F6CDD1D) >> 33) % below;
}

static bool mishap(void)
{
	if (!flaky_started) {
		const char *seed = getenv("FLAKY_SEED"), *often = getenv("FLAKY_PERCENT");
		flaky_start(seed ? strtoull(seed, NULL, 0) : 0,
		    often ? (unsigned)strtoul(often, NULL, 0) : 10);
	}
	if (flaky_state == 0 || draw(100) >= flaky_percent)
		return false;
	mishaps++;
	return true;
}

static bool would_block(int fd, int flags)
{
	int mode = fcntl(fd, F_GETFL);
	return (flags & MSG_DONTWAIT) || (mode >= 0 && (mode & O_NONBLOCK));
}

/* -1 with an errno, or 0: go on, but with fewer bytes or messages. */
static int trouble(int fd, int flags)
{
	switch (draw(4)) {
	case 0:
		errno = EINTR;
		return -1;
	case 1:
		errno = ENOMEM;
		return -1;
	case 2:
		if (!would_block(fd, flags))
			return 0;
		errno = EAGAIN;
		return -1;
	default:
		return 0;
	}
}

static size_t fewer(size_t n)
{
	return n > 1 ? 1 + (size_t)draw(n - 1) : n;
}

/* Packets are whole or not there; only streams, ptys and pipes are cut short. */
static bool cuttable(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0)
		return type == SOCK_STREAM;
	errno = 0;
	return true;
}

ssize_t NAME(read)(int fd, void *buffer, size_t n)
{
	if (mishap()) {
		if (trouble(fd, 0) < 0)
			return -1;
		n = cuttable(fd) ? fewer(n) : n;
	}
	return REAL(read)(fd, buffer, n);
}

ssize_t NAME(write)(int fd, const void *buffer, size_t n)
{
	if (mishap()) {
		if (trouble(fd, 0) < 0)
			return -1;
		n = cuttable(fd) ? fewer(n) : n;
	}
	return REAL(write)(fd, buffer, n);
}

ssize_t NAME(recv)(int fd, void *buffer, size_t n, int flags)
{
	if (mishap()) {
		if (trouble(fd, flags) < 0)
			return -1;
		n = cuttable(fd) ? fewer(n) : n;
	}
	return REAL(recv)(fd, buffer, n, flags);
}

ssize_t NAME(send)(int fd, const void *buffer, size_t n, int flags)
{
	if (mishap()) {
		if (trouble(fd, flags) < 0)
			return -1;
		n = cuttable(fd) ? fewer(n) : n;
	}
	return REAL(send)(fd, buffer, n, flags);
}

ssize_t NAME(recvmsg)(int fd, struct msghdr *m, int flags)
{
	if (mishap() && trouble(fd, flags) < 0)
		return -1;
	return REAL(recvmsg)(fd, m, flags);
}

ssize_t NAME(sendmsg)(int fd, const struct msghdr *m, int flags)
{
	if (mishap() && trouble(fd, flags) < 0)
		return -1;
	return REAL(sendmsg)(fd, m, flags);
}

int NAME(recvmmsg)(int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *timeout)
{
	if (mishap()) {
		if (trouble(fd, flags) < 0)
			return -1;
		n = (unsigned)fewer(n);
	}
	return REAL(recvmmsg)(fd, m, n, flags, timeout);
}

int NAME(sendmmsg)(int fd, struct mmsghdr *m, unsigned n, int flags)
{
	if (mishap()) {
		if (trouble(fd, flags) < 0)
			return -1;
		n = (unsigned)fewer(n);
	}
	return REAL(sendmmsg)(fd, m, n, flags);
}

/* Also wakes up for nothing: no events, although the time is not over. */
int NAME(ppoll)(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (mishap()) {
		static const int errors[] = {EINTR, ENOMEM, EAGAIN};
		uint64_t which = draw(4);
		if (which < 3) {
			errno = errors[which];
			return -1;
		}
		for (nfds_t i = 0; i < n; i++)
			fds[i].revents = 0;
		return 0;
	}
	return REAL(ppoll)(fds, n, timeout, mask);
}

int NAME(accept4)(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	if (mishap()) {
		static const int errors[] = {EINTR, ENOMEM, ECONNABORTED, EMFILE};
		errno = errors[draw(4)];
		return -1;
	}
	return REAL(accept4)(fd, address, len, flags);
}

/* An interrupted connect goes on in the kernel, so that only what precedes it can be invented. */
int NAME(connect)(int fd, const struct sockaddr *address, socklen_t len)
{
	if (mishap() && address->sa_family == AF_UNIX) {
		errno = draw(2) ? EINTR : ENOMEM;
		return -1;
	}
	return REAL(connect)(fd, address, len);
}
