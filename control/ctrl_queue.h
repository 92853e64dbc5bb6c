/* SPDX-License-Identifier: ISC */
/*
 * Output of the control connection's state machine: bytes for the server wait here until TCP accepts
 * them, and events until the owner fetches them. Both queues are bounded, so that a server that writes
 * and never reads makes nothing grow. pptp_ctrl decides which message or event is due.
 */
#ifndef PPTP_CTRL_QUEUE_H
#define PPTP_CTRL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/ctrl_event.h"
#include "control/pptp_msg.h"

enum {
	/*
	 * With so many bytes waiting, replies are dropped. MSG_STREAM_LEN_MAX bytes of Echo-Requests
	 * (16 bytes each) lead to as many Echo-Replies (20 bytes each), so a server that reads gets
	 * all replies if the owner writes after each such piece of input.
	 */
	CTRL_OUTPUT_MAX = MSG_STREAM_LEN_MAX / 16 * 20,
	/* Plus space for the messages that are sent at most once and never dropped: SCCRQ, OCRQ,
	 * SLI, CCRQ, CDN, StopCCRQ and StopCCRP. */
	CTRL_OUTPUT_SIZE = CTRL_OUTPUT_MAX + 156 + 168 + 24 + 16 + 148 + 16 + 16,
	/*
	 * The next message is processed only when no event waits. A message that does not close the
	 * connection leads to four events at most, and the steps possible before the next one
	 * (Echo-Request, Call-Clear-Request, end of the call, Stop-Control-Connection-Request, end of
	 * the connection) to five.
	 */
	CTRL_EVENTS_MAX = 4 + 5,
};

/* An event while it waits: struct ctrl_event without the message and the bytes. */
struct ctrl_queued_event {
	enum ctrl_event_type type;
	enum ctrl_why why;
	unsigned msg_type;
	uint16_t call_id;
	uint16_t cause;
	uint8_t result;
	uint8_t error;
	const char *detail; /* NULL = "" */
};

/* Embedded in struct ctrl; zeroed memory is an empty queue. Fields are private. */
struct ctrl_queue {
	size_t event_first; /* the oldest; with event_count 0 whenever no event waits */
	size_t event_count; /* one more than the latest */
	struct ctrl_queued_event events[CTRL_EVENTS_MAX];
	size_t output_len;
	uint8_t output[CTRL_OUTPUT_SIZE];
};

/* Adds an event. */
void ctrl_queue_event(struct ctrl_queue *q, struct ctrl_queued_event event);

bool ctrl_queue_has_event(const struct ctrl_queue *q);

/* Moves the oldest event to *event, with msg and bytes left zero; false if there is none. */
bool ctrl_queue_next_event(struct ctrl_queue *q, struct ctrl_event *event);

/* Adds a message to the output, and its CTRL_EV_SENT. call_id is the event's. */
void ctrl_queue_send(struct ctrl_queue *q, const struct msg *m, uint16_t call_id);

/* The same for a message that may be sent any number of times: with CTRL_OUTPUT_MAX bytes waiting it
 * is dropped. */
void ctrl_queue_send_or_drop(struct ctrl_queue *q, const struct msg *m, uint16_t call_id);

/* *bytes points at the output, until the next call; returns its length. */
size_t ctrl_queue_output(const struct ctrl_queue *q, const uint8_t **bytes);
/* Removes the first n bytes of the output, or all if it holds fewer. */
void ctrl_queue_output_done(struct ctrl_queue *q, size_t n);

#endif
