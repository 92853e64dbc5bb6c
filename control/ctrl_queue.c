/* SPDX-License-Identifier: ISC */
/* Two bounded queues of the control connection's state machine: output bytes and events. */
#include "control/ctrl_queue.h"

#include <string.h>

/* All events since the queue was last empty fit (see CTRL_EVENTS_MAX), so that there is no ring. */
void ctrl_queue_event(struct ctrl_queue *q, struct ctrl_queued_event event)
{
	if (q->event_count < CTRL_EVENTS_MAX)
		q->events[q->event_count++] = event;
}

bool ctrl_queue_has_event(const struct ctrl_queue *q)
{
	return q->event_count > 0;
}

bool ctrl_queue_next_event(struct ctrl_queue *q, struct ctrl_event *event)
{
	if (!ctrl_queue_has_event(q))
		return false;
	const struct ctrl_queued_event *queued = &q->events[q->event_first++];
	*event = (struct ctrl_event){
	    .type = queued->type,
	    .why = queued->why,
	    .msg_type = queued->msg_type,
	    .call_id = queued->call_id,
	    .result = queued->result,
	    .error = queued->error,
	    .cause = queued->cause,
	    .detail = queued->detail ? queued->detail : "",
	};
	if (q->event_first == q->event_count)
		q->event_first = q->event_count = 0;
	return true;
}

void ctrl_queue_send(struct ctrl_queue *q, const struct msg *m, uint16_t call_id)
{
	size_t space = sizeof(q->output) - q->output_len;
	size_t n = msg_encode(m, q->output + q->output_len, space);
	if (n == 0)
		return;
	q->output_len += n;
	ctrl_queue_event(q, (struct ctrl_queued_event){
				.type = CTRL_EV_SENT, .msg_type = m->type, .call_id = call_id});
}

void ctrl_queue_send_or_drop(struct ctrl_queue *q, const struct msg *m, uint16_t call_id)
{
	if (q->output_len + msg_length(m->type) <= CTRL_OUTPUT_MAX)
		ctrl_queue_send(q, m, call_id);
}

size_t ctrl_queue_output(const struct ctrl_queue *q, const uint8_t **bytes)
{
	*bytes = q->output;
	return q->output_len;
}

void ctrl_queue_output_done(struct ctrl_queue *q, size_t n)
{
	if (n > q->output_len)
		n = q->output_len;
	q->output_len -= n;
	memmove(q->output, q->output + n, q->output_len);
}
