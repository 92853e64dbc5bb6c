/* SPDX-License-Identifier: ISC */
/*
 * Owns no state: the call that is refused is tried each time, which costs little next to the datagrams.
 *
 * musl's own sendmmsg is a loop of sendmsg on 64-bit machines, because the kernel counts in 64 bits where
 * its struct has 32 and padding.
 */
#include "sys/batch.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* EPERM of sendmmsg may also be the packet filter's: sendmsg tells, by the same errno. */
static bool is_refused(long n)
{
	return n < 0 && (errno == ENOSYS || errno == EPERM);
}

static int one_by_one(int fd, struct mmsghdr *messages, unsigned count, bool receive)
{
	unsigned n;
	for (n = 0; n < count; n++) {
		struct msghdr *m = &messages[n].msg_hdr;
		ssize_t len = receive ? recvmsg(fd, m, MSG_DONTWAIT) : sendmsg(fd, m, MSG_DONTWAIT);
		if (len < 0)
			break;
		messages[n].msg_len = (unsigned)len;
	}
	return n > 0 ? (int)n : -1;
}

int batch_receive(int fd, struct mmsghdr *messages, unsigned count)
{
	int n = recvmmsg(fd, messages, count, MSG_DONTWAIT, NULL);
	return is_refused(n) ? one_by_one(fd, messages, count, true) : n;
}

int batch_send(int fd, struct mmsghdr *messages, unsigned count)
{
#ifdef __GLIBC__
	long n = sendmmsg(fd, messages, count, MSG_DONTWAIT);
#else
	long n = syscall(SYS_sendmmsg, fd, messages, count, MSG_DONTWAIT);
#endif
	return is_refused(n) ? one_by_one(fd, messages, count, false) : (int)n;
}
