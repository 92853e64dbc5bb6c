/* SPDX-License-Identifier: ISC */
/*
 * Two things come out of the control machine. Messages to the server are put together here and wait
 * until TCP takes them. Events wait as short notes in a ring, each made whole when it is fetched.
 * What to say when is decided in pptp_ctrl.c.
 */
#include "control/ctrl_queue.h"

#include <string.h>

/* The place of the nth note from the ring's beginning, which is its end in memory. */
static struct ctrl_note *note_at(struct ctrl *c, size_t n)
{
	return &c->notes[CTRL_NOTES_SIZE - 1 - n % CTRL_NOTES_SIZE];
}

void ctrl_add_note(struct ctrl *c, struct ctrl_note note)
{
	if (c->note_count == CTRL_NOTES_SIZE) /* cannot be: see CTRL_NOTES_HIGH */
		return;
	*note_at(c, c->note_first + c->note_count++) = note;
}

bool ctrl_take_note(struct ctrl *c, struct ctrl_event *event)
{
	if (c->note_count == 0)
		return false;
	const struct ctrl_note *note = note_at(c, c->note_first);
	memset(event, 0, sizeof(*event));
	event->type = note->type;
	event->why = note->why;
	event->msg_type = note->msg_type;
	event->call_id = note->call_id;
	event->result = note->result;
	event->error = note->error;
	event->cause = note->cause;
	event->note = note->note ? note->note : "";
	event->msg = c->received;
	if (note->why == CTRL_WHY_LOST_SYNC || note->why == CTRL_WHY_SHORT_MESSAGE) {
		event->octet_count = c->octet_count;
		memcpy(event->octets, c->octets, c->octet_count);
	}
	c->note_first = --c->note_count ? (c->note_first + 1) % CTRL_NOTES_SIZE : 0;
	return true;
}

bool ctrl_output_has_room(const struct ctrl *c, enum msg_type type)
{
	return c->output_len - c->output_at + msg_length(type) <= CTRL_OUTPUT_MAX;
}

/* ctrl_output_done moves the start only; room is made here, where it is needed. */
static void put(struct ctrl *c, const struct msg *m, uint16_t call_id)
{
	if (c->output_at > 0 && sizeof(c->output) - c->output_len < MSG_LEN_MAX) {
		memmove(c->output, c->output + c->output_at, c->output_len - c->output_at);
		c->output_len -= c->output_at;
		c->output_at = 0;
	}
	size_t n = msg_encode(m, c->output + c->output_len, sizeof(c->output) - c->output_len);
	if (n == 0)
		return;
	c->output_len += n;
	ctrl_add_note(
	    c, (struct ctrl_note){.type = CTRL_EV_SENT, .msg_type = m->type, .call_id = call_id});
}

/* A reply that the server can provoke as often as it likes: left out when it does not read. */
static void put_reply(struct ctrl *c, const struct msg *m, uint16_t call_id)
{
	if (ctrl_output_has_room(c, m->type))
		put(c, m, call_id);
}

static void copy_text(char *to, const char *from)
{
	size_t len = from ? strnlen(from, MSG_NAME_LEN) : 0;
	memset(to, 0, MSG_NAME_LEN + 1);
	if (len)
		memcpy(to, from, len);
}

void ctrl_send_start_request(struct ctrl *c)
{
	const struct ctrl_identity *identity = &c->config.identity;
	struct msg m = {.type = MSG_START_CONTROL_CONNECTION_REQUEST};
	m.u.start.version = MSG_VERSION;
	m.u.start.framing = identity->start_framing;
	m.u.start.bearer = identity->start_bearer;
	m.u.start.max_channels = identity->max_channels;
	m.u.start.firmware = identity->firmware;
	copy_text(m.u.start.host_name, identity->host_name);
	copy_text(m.u.start.vendor, identity->vendor);
	put(c, &m, 0);
}

void ctrl_send_stop_request(struct ctrl *c, uint8_t reason)
{
	struct msg m = {.type = MSG_STOP_CONTROL_CONNECTION_REQUEST};
	m.u.stop_request.reason = reason;
	put(c, &m, 0);
}

void ctrl_send_stop_reply(struct ctrl *c)
{
	struct msg m = {.type = MSG_STOP_CONTROL_CONNECTION_REPLY};
	m.u.stop_reply.result = MSG_RESULT_OK;
	put(c, &m, 0);
}

void ctrl_send_echo_request(struct ctrl *c)
{
	struct msg m = {.type = MSG_ECHO_REQUEST};
	m.u.echo.identifier = ++c->echo_id;
	put(c, &m, 0);
}

void ctrl_send_echo_reply(struct ctrl *c, uint32_t identifier)
{
	struct msg m = {.type = MSG_ECHO_REPLY};
	m.u.echo.identifier = identifier;
	m.u.echo.result = MSG_RESULT_OK;
	put_reply(c, &m, 0);
}

void ctrl_send_call_request(struct ctrl *c, const struct ctrl_call *call)
{
	const struct ctrl_identity *identity = &c->config.identity;
	struct msg m = {.type = MSG_OUTGOING_CALL_REQUEST};
	struct msg_outgoing_call_request *f = &m.u.outgoing_call_request;
	f->call_id = call->request.call_id;
	f->serial = call->serial;
	f->min_bps = identity->min_bps;
	f->max_bps = identity->max_bps;
	f->bearer = identity->call_bearer;
	f->framing = identity->call_framing;
	f->window = call->request.window;
	f->processing_delay = call->request.processing_delay;
	copy_text(f->phone, call->request.phone);
	f->phone_len = (uint16_t)strlen(f->phone);
	put(c, &m, call->request.call_id);
}

void ctrl_send_call_clear(struct ctrl *c, const struct ctrl_call *call)
{
	struct msg m = {.type = MSG_CALL_CLEAR_REQUEST};
	m.u.call_clear.call_id = call->request.call_id;
	put(c, &m, call->request.call_id);
}

void ctrl_send_call_disconnect(struct ctrl *c, const struct ctrl_call *call)
{
	struct msg m = {.type = MSG_CALL_DISCONNECT_NOTIFY};
	m.u.call_disconnect.call_id = call->request.call_id;
	m.u.call_disconnect.result = MSG_CDN_REQUESTED;
	put_reply(c, &m, call->request.call_id);
}

void ctrl_send_call_refusal(struct ctrl *c, uint16_t peer_call_id)
{
	struct msg m = {.type = MSG_INCOMING_CALL_REPLY};
	m.u.incoming_call_reply.peer_call_id = peer_call_id;
	m.u.incoming_call_reply.result = MSG_ICRP_DO_NOT_ACCEPT;
	put_reply(c, &m, 0);
}

void ctrl_send_link_info(struct ctrl *c, const struct ctrl_call *call)
{
	struct msg m = {.type = MSG_SET_LINK_INFO};
	m.u.set_link_info.peer_call_id = call->peer_call_id;
	m.u.set_link_info.send_accm = 0xFFFFFFFF;
	m.u.set_link_info.receive_accm = 0xFFFFFFFF;
	put(c, &m, call->request.call_id);
}

size_t ctrl_output(const struct ctrl *c, const uint8_t **octets)
{
	*octets = c->output + c->output_at;
	return c->output_len - c->output_at;
}

void ctrl_output_done(struct ctrl *c, size_t n)
{
	size_t waiting = c->output_len - c->output_at;
	c->output_at += n < waiting ? n : waiting;
	if (c->output_at == c->output_len)
		c->output_at = c->output_len = 0;
}
