/* SPDX-License-Identifier: ISC */
/*
 * A share of the window and a timer. A server may hold to any window up to the one that we advertised,
 * and does not say which. FreeBSD's, where it has one at all, sends 16 packets at most; poptop and
 * Linux send without a window.
 */
#include "gre/ack_policy.h"

#include "lib/deadline.h"
#include "lib/msg_limits.h"

/* Half of the smallest window that a server is known to have: the other half is in flight meanwhile. */
#define ACK_PACKETS 8
#define SMALLEST_WINDOW (2 * ACK_PACKETS)
/* So many wait for the data that answers them, and that a host hands back within this time. */
#define PIGGYBACK_US (5 * USEC_PER_MSEC)
/* Fewer wait as long as an application may take to answer. */
#define DELAYED_ACK_US (250 * USEC_PER_MSEC)

void ack_policy_on_receipt(struct ack_policy *a, int64_t now_us, uint32_t count)
{
	uint32_t before = a->pending;
	a->pending += count;
	if (before == 0)
		a->deadline_us = now_us + DELAYED_ACK_US;
	if (before < ACK_PACKETS && a->pending >= ACK_PACKETS)
		a->deadline_us = deadline_earlier(a->deadline_us, now_us + PIGGYBACK_US);
	if (a->pending >= RECEIVE_WINDOW / 2)
		a->deadline_us = deadline_earlier(a->deadline_us, now_us);
}

int64_t ack_policy_deadline(const struct ack_policy *a)
{
	return a->pending > 0 ? a->deadline_us : DEADLINE_NEVER;
}

/*
 * Less than a tick of the kernel's away (4 ms on Debian) a timer becomes the processor's next one, and is taken
 * back when the next packet comes: two exits of a virtual machine each time, 13 % of a gateway's time at
 * 2000 packets a second.
 */
int64_t ack_policy_wake_up(const struct ack_policy *a, int64_t now_us)
{
	int64_t due_us = ack_policy_deadline(a);
	int64_t later_us = now_us + PIGGYBACK_US;
	return a->pending >= SMALLEST_WINDOW || due_us > later_us ? due_us : later_us;
}
