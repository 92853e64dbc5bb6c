/* SPDX-License-Identifier: ISC */
/*
 * When to send an ACK-only packet (RFC 2637 section 4.2), which acknowledges all that is pending.
 * Acknowledgments are piggybacked on data if data is sent in time; an ACK-only is worth its packet
 * only if the server would otherwise stop sending. Receives packet counts and their time in
 * microseconds; knows neither sequence numbers nor headers.
 */
#ifndef PPTP_ACK_POLICY_H
#define PPTP_ACK_POLICY_H

#include <stdbool.h>
#include <stdint.h>

/* Embed it; its fields are private. Counts are packets with payload, times microseconds. */
struct ack_policy {
	uint32_t pending;    /* received and not yet acknowledged; 0 at the start */
	int64_t deadline_us; /* meaningful while pending > 0 */
};

/* `count` > 0 more packets are to be acknowledged. */
void ack_policy_on_receipt(struct ack_policy *a, int64_t now_us, uint32_t count);

/* A packet is sent that acknowledges all that is pending. False if nothing is. */
static inline bool ack_policy_on_ack(struct ack_policy *a)
{
	bool is_new = a->pending > 0;
	a->pending = 0;
	return is_new;
}

/* When an ACK-only is due unless data is sent before; DEADLINE_NEVER while nothing is pending. */
int64_t ack_policy_deadline(const struct ack_policy *a);

/*
 * When to wake up for that if nothing else does before: the deadline, or later where the server cannot have
 * stopped to wait for an acknowledgment, so that a next packet will come.
 */
int64_t ack_policy_wake_up(const struct ack_policy *a, int64_t now_us);

#endif
