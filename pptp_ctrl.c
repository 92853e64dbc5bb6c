/* SPDX-License-Identifier: ISC */
/*
 * The control connection and its calls (RFC 2637 section 3) from the client's (PNS) side. A state
 * changes in ctrl_enter and call_enter only, and with it the one deadline that the state has. Each
 * received message is looked up in a table that says in which states it has a place; elsewhere it is
 * reported and ignored. While events wait no further message is looked at, so that there are never
 * many.
 *
 * What comes out, messages and events, is put together in ctrl_out.c. Octet layout is pptp_msg.c's;
 * descriptors, the clock and the log are the call manager's.
 */
#include "pptp_ctrl.h"

#include <string.h>

#include "control/ctrl_queue.h"

static int64_t after(int64_t now_us, int64_t wait_us)
{
	return wait_us > DEADLINE_NEVER - now_us ? DEADLINE_NEVER : now_us + wait_us;
}

/* The keepalive's figures, where 0 stands for "never". */
static int64_t after_if_set(int64_t now_us, int64_t wait_us)
{
	return wait_us > 0 ? after(now_us, wait_us) : DEADLINE_NEVER;
}

static void ctrl_enter(struct ctrl *c, int64_t now_us, enum ctrl_state state)
{
	c->state = state;
	switch (state) {
	case CTRL_WAIT_CTL_REPLY:
		c->deadline_us = after(now_us, c->config.reply_wait_us);
		break;
	case CTRL_ESTABLISHED:
		c->deadline_us = after_if_set(
		    now_us, c->echo_waiting ? c->config.echo_wait_us : c->config.idle_wait_us);
		break;
	case CTRL_WAIT_STOP_REPLY:
		c->deadline_us = after(now_us, c->config.close_wait_us);
		break;
	case CTRL_IDLE:
	case CTRL_CLOSED:
		c->deadline_us = DEADLINE_NEVER;
		break;
	}
}

static void call_enter(
    struct ctrl *c, int64_t now_us, struct ctrl_call *call, enum ctrl_call_state state)
{
	call->state = state;
	switch (state) {
	case CTRL_CALL_WAIT_REPLY:
		call->deadline_us = after(now_us, c->config.reply_wait_us);
		break;
	case CTRL_CALL_WAIT_DISCONNECT:
		call->deadline_us = after(now_us, c->config.close_wait_us);
		break;
	case CTRL_CALL_FREE:
	case CTRL_CALL_IDLE:
	case CTRL_CALL_ESTABLISHED:
		call->deadline_us = DEADLINE_NEVER;
		break;
	}
}

/* The live call with our id `call_id`, or NULL. */
static struct ctrl_call *find_call(struct ctrl *c, uint16_t call_id)
{
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++) {
		struct ctrl_call *call = &c->calls[i];
		if (call->state != CTRL_CALL_FREE && call->request.call_id == call_id)
			return call;
	}
	return NULL;
}

/* The live call to which the server has given the id `peer_call_id`, or NULL. */
static struct ctrl_call *find_peer_call(struct ctrl *c, uint16_t peer_call_id)
{
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++) {
		struct ctrl_call *call = &c->calls[i];
		if (call->state != CTRL_CALL_FREE && call->peer_known &&
		    call->peer_call_id == peer_call_id)
			return call;
	}
	return NULL;
}

/*
 * The call to which a CDN with no known id must belong: some servers put our id there, or octets
 * swapped, and before its OCRP a call that is cleared, or taken back by a CDN instead, has no other.
 * Clear is the case where the id is ours, where one cleared call alone waits, or where but one call
 * was ever asked for, so that it is no late word about another. NULL where there is none.
 */
static struct ctrl_call *find_unnamed_call(struct ctrl *c, uint16_t id)
{
	struct ctrl_call *only = NULL;
	size_t waiting = 0;
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++) {
		struct ctrl_call *call = &c->calls[i];
		bool cleared = call->state == CTRL_CALL_WAIT_DISCONNECT;
		if (!cleared && call->state != CTRL_CALL_WAIT_REPLY)
			continue;
		if (call->request.call_id == id)
			return call;
		if (!cleared && c->last_serial != 1)
			continue;
		only = call;
		waiting++;
	}
	return waiting == 1 ? only : NULL;
}

/* An end with the server's codes ... */
static struct ctrl_note told(
    enum ctrl_why why, unsigned msg_type, uint8_t result, uint8_t error, uint16_t cause)
{
	return (struct ctrl_note){
	    .why = why, .msg_type = msg_type, .result = result, .error = error, .cause = cause};
}

/* ... and one that needs none. */
static struct ctrl_note because(enum ctrl_why why)
{
	return (struct ctrl_note){.why = why};
}

/* Frees the slot; `end` holds why, and the codes. A call that we have cleared ended by our wish. */
static void call_over(struct ctrl *c, int64_t now_us, struct ctrl_call *call, struct ctrl_note end)
{
	end.type = CTRL_EV_CALL_OVER;
	end.call_id = call->request.call_id;
	if (call->state == CTRL_CALL_WAIT_DISCONNECT)
		end.why = CTRL_WHY_LOCAL;
	ctrl_add_note(c, end);
	memset(call, 0, sizeof(*call));
	call_enter(c, now_us, call, CTRL_CALL_FREE);
}

/* The end of everything, `end` holds why. */
static void close_all(struct ctrl *c, int64_t now_us, struct ctrl_note end)
{
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++)
		if (c->calls[i].state != CTRL_CALL_FREE)
			call_over(c, now_us, &c->calls[i], end);
	end.type = CTRL_EV_CLOSED;
	end.call_id = 0;
	ctrl_add_note(c, end);
	c->input_len = 0;
	ctrl_enter(c, now_us, CTRL_CLOSED);
}

/* Asks the server to clear a call that it may know of. */
static void clear_call(struct ctrl *c, int64_t now_us, struct ctrl_call *call)
{
	switch (call->state) {
	case CTRL_CALL_IDLE:
		call_over(c, now_us, call, because(CTRL_WHY_LOCAL));
		break;
	case CTRL_CALL_WAIT_REPLY:
	case CTRL_CALL_ESTABLISHED:
		ctrl_send_call_clear(c, call);
		call_enter(c, now_us, call, CTRL_CALL_WAIT_DISCONNECT);
		break;
	case CTRL_CALL_FREE:
	case CTRL_CALL_WAIT_DISCONNECT:
		break;
	}
}

/* Everything that we have to say at the end, in one go: the server's answers are waited for after. */
static void stop_all(struct ctrl *c, int64_t now_us, uint8_t reason, enum ctrl_why why)
{
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++) {
		struct ctrl_call *call = &c->calls[i];
		if (call->state == CTRL_CALL_IDLE)
			call_over(c, now_us, call, because(why));
		else
			clear_call(c, now_us, call);
	}
	ctrl_send_stop_request(c, reason);
	c->why = why;
	ctrl_enter(c, now_us, CTRL_WAIT_STOP_REPLY);
}

/* The server is silent: tell it, in case it reads, and go. */
static void give_up(struct ctrl *c, int64_t now_us, enum ctrl_why why)
{
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++) {
		const struct ctrl_call *call = &c->calls[i];
		if (call->state == CTRL_CALL_WAIT_REPLY || call->state == CTRL_CALL_ESTABLISHED)
			ctrl_send_call_clear(c, call);
	}
	ctrl_send_stop_request(c, MSG_STOP_LOCAL_SHUTDOWN);
	close_all(c, now_us, because(why));
}

/* 16 bits, unique among the calls that live: with them all used up, numbers come round again. */
static uint16_t next_serial(struct ctrl *c)
{
	bool taken;
	do {
		c->last_serial++;
		taken = false;
		for (size_t i = 0; i < CTRL_CALLS_MAX && !taken; i++)
			taken = c->calls[i].state != CTRL_CALL_FREE &&
			        c->calls[i].state != CTRL_CALL_IDLE &&
			        c->calls[i].serial == c->last_serial;
	} while (taken);
	return c->last_serial;
}

static void request_call(struct ctrl *c, int64_t now_us, struct ctrl_call *call)
{
	call->serial = next_serial(c);
	ctrl_send_call_request(c, call);
	call_enter(c, now_us, call, CTRL_CALL_WAIT_REPLY);
}

static void ignore(struct ctrl *c, unsigned msg_type, const char *why)
{
	ctrl_add_note(
	    c, (struct ctrl_note){.type = CTRL_EV_IGNORED, .msg_type = msg_type, .note = why});
}

/* Section 3.1.3: of two connections the one whose originator has the higher address stays. */
static void on_start_request(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	if (c->config.server_address > c->config.our_address)
		close_all(c, now_us, because(CTRL_WHY_COLLISION));
	else
		ignore(c, m->type, "collision: the connection with the higher address stays, ours");
}

static enum ctrl_why why_not_started(uint8_t result)
{
	switch (result) {
	case MSG_SCCRP_CHANNEL_EXISTS:
		return CTRL_WHY_CHANNEL_EXISTS;
	case MSG_SCCRP_BAD_VERSION:
		return CTRL_WHY_BAD_VERSION;
	default:
		return CTRL_WHY_START_REFUSED;
	}
}

static void on_start_reply(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	const struct msg_start *f = &m->u.start;
	/* Some ADSL modems answer 0 and mean success. */
	if (f->result != MSG_RESULT_OK && f->result != 0) {
		close_all(
		    c, now_us, told(why_not_started(f->result), m->type, f->result, f->error, 0));
		return;
	}
	/* Revisions of version 1 understand each other; other versions are not spoken here. */
	if (f->version >> 8 != MSG_VERSION >> 8) {
		stop_all(c, now_us, MSG_STOP_PROTOCOL, CTRL_WHY_BAD_VERSION);
		return;
	}
	ctrl_enter(c, now_us, CTRL_ESTABLISHED);
	ctrl_add_note(c, (struct ctrl_note){.type = CTRL_EV_STARTED, .msg_type = m->type});
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++)
		if (c->calls[i].state == CTRL_CALL_IDLE)
			request_call(c, now_us, &c->calls[i]);
}

static void on_stop_request(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	ctrl_send_stop_reply(c);
	/* Where both ends had enough, we said so first. */
	enum ctrl_why why = c->state == CTRL_WAIT_STOP_REPLY ? c->why : CTRL_WHY_STOPPED;
	close_all(c, now_us, told(why, m->type, m->u.stop_request.reason, 0, 0));
}

/* Whatever the result: a server that could not stop has no other way to say that it is done. */
static void on_stop_reply(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	close_all(
	    c, now_us, told(c->why, m->type, m->u.stop_reply.result, m->u.stop_reply.error, 0));
}

static void on_echo_request(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	(void)now_us;
	ctrl_send_echo_reply(c, m->u.echo.identifier);
}

/* That it came is life enough (see take_message); ours are numbered 1 to echo_id. */
static void on_echo_reply(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	(void)now_us;
	if (m->u.echo.identifier - 1 >= c->echo_id)
		ignore(c, m->type, "no Echo-Request with that identifier was sent");
}

static void on_call_reply(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	const struct msg_outgoing_call_reply *f = &m->u.outgoing_call_reply;
	struct ctrl_call *call = find_call(c, f->peer_call_id);
	if (!call || call->state == CTRL_CALL_IDLE) {
		ignore(c, m->type, "no such call");
		return;
	}
	if (call->peer_known) {
		ignore(c, m->type, "the call has been answered already");
		return;
	}
	if (f->result != MSG_RESULT_OK) {
		call_over(c, now_us, call,
		    told(CTRL_WHY_CALL_REFUSED, m->type, f->result, f->error, f->cause));
		return;
	}
	call->peer_known = true;
	call->peer_call_id = f->call_id;
	if (call->state == CTRL_CALL_WAIT_DISCONNECT) {
		ignore(c, m->type, "the call is being cleared");
		return;
	}
	call_enter(c, now_us, call, CTRL_CALL_ESTABLISHED);
	ctrl_add_note(
	    c, (struct ctrl_note){
		   .type = CTRL_EV_CALL_UP, .msg_type = m->type, .call_id = call->request.call_id});
	if (c->config.identity.send_link_info)
		ctrl_send_link_info(c, call);
}

static void on_incoming_call(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	(void)now_us;
	ctrl_send_call_refusal(c, m->u.incoming_call_request.call_id);
}

/* Against the letter of the RFC (only a PNS clears), but servers do, under their own id. */
static void on_call_clear(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	struct ctrl_call *call = find_peer_call(c, m->u.call_clear.call_id);
	if (!call) {
		ignore(c, m->type, "no such call");
		return;
	}
	ctrl_send_call_disconnect(c, call);
	call_over(c, now_us, call, told(CTRL_WHY_CALL_CLEARED, m->type, 0, 0, 0));
}

/* RFC 2637 section 2.13: the id is the server's, of one call; all that is not clearly about one that
 * we have is about none, and no reason to end what stands: on a shared connection others pay for it. */
static void on_call_disconnect(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	const struct msg_call_disconnect *f = &m->u.call_disconnect;
	struct ctrl_call *call = find_peer_call(c, f->call_id);
	if (!call)
		call = find_unnamed_call(c, f->call_id);
	if (!call) {
		ignore(c, m->type, "no such call");
		return;
	}
	call_over(c, now_us, call,
	    told(CTRL_WHY_CALL_DISCONNECTED, m->type, f->result, f->error, f->cause));
}

/* Set-Link-Info and WAN-Error-Notify: to whom it may concern, under our id. */
static void pass_on(
    struct ctrl *c, const struct msg *m, uint16_t call_id, enum ctrl_event_type type)
{
	const struct ctrl_call *call = find_call(c, call_id);
	if (call && call->state == CTRL_CALL_ESTABLISHED)
		ctrl_add_note(
		    c, (struct ctrl_note){.type = type, .msg_type = m->type, .call_id = call_id});
	else
		ignore(c, m->type, "no such call");
}

static void on_wan_error(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	(void)now_us;
	pass_on(c, m, m->u.wan_error.peer_call_id, CTRL_EV_WAN_ERROR);
}

static void on_link_info(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	(void)now_us;
	pass_on(c, m, m->u.set_link_info.peer_call_id, CTRL_EV_LINK_INFO);
}

enum {
	STARTING = 1 << CTRL_WAIT_CTL_REPLY,
	UP = 1 << CTRL_ESTABLISHED,
	STOPPING = 1 << CTRL_WAIT_STOP_REPLY,
};

/* Where a message has a place, what it does there, and why it is ignored elsewhere. */
struct rule {
	unsigned states;
	void (*take)(struct ctrl *c, int64_t now_us, const struct msg *m);
	const char *otherwise;
};

static const struct rule rules[] = {
    [MSG_START_CONTROL_CONNECTION_REQUEST] = {STARTING, on_start_request,
	"the connection is started already"},
    [MSG_START_CONTROL_CONNECTION_REPLY] = {STARTING, on_start_reply,
	"the connection is started already"},
    [MSG_STOP_CONTROL_CONNECTION_REQUEST] = {STARTING | UP | STOPPING, on_stop_request, ""},
    [MSG_STOP_CONTROL_CONNECTION_REPLY] = {STOPPING, on_stop_reply, "no stop was asked for"},
    [MSG_ECHO_REQUEST] = {STARTING | UP | STOPPING, on_echo_request, ""},
    [MSG_ECHO_REPLY] = {UP | STOPPING, on_echo_reply, "no Echo-Request was sent"},
    [MSG_OUTGOING_CALL_REQUEST] = {0, NULL, "a client takes no outgoing calls"},
    [MSG_OUTGOING_CALL_REPLY] = {UP | STOPPING, on_call_reply, "no call was asked for"},
    [MSG_INCOMING_CALL_REQUEST] = {UP, on_incoming_call, "the connection is not established"},
    [MSG_INCOMING_CALL_REPLY] = {0, NULL, "a client offers no incoming calls"},
    [MSG_INCOMING_CALL_CONNECTED] = {0, NULL, "no incoming call was accepted"},
    [MSG_CALL_CLEAR_REQUEST] = {UP | STOPPING, on_call_clear, "no call was asked for"},
    [MSG_CALL_DISCONNECT_NOTIFY] = {UP | STOPPING, on_call_disconnect, "no call was asked for"},
    [MSG_WAN_ERROR_NOTIFY] = {UP | STOPPING, on_wan_error, "no call was asked for"},
    [MSG_SET_LINK_INFO] = {UP | STOPPING, on_link_info, "no call was asked for"},
};

/* Any message is a sign of life, also one that is skipped. */
static void note_life(struct ctrl *c, int64_t now_us)
{
	c->echo_waiting = false;
	if (c->state == CTRL_ESTABLISHED)
		ctrl_enter(c, now_us, CTRL_ESTABLISHED);
}

static void take_message(struct ctrl *c, int64_t now_us)
{
	const struct msg *m = &c->received;
	const struct rule *rule = &rules[m->type];
	note_life(c, now_us);
	ctrl_add_note(c, (struct ctrl_note){.type = CTRL_EV_RECEIVED, .msg_type = m->type});
	if (m->excess)
		ctrl_add_note(c, (struct ctrl_note){.type = CTRL_EV_EXCESS, .msg_type = m->type});
	if (rule->states & 1u << c->state)
		rule->take(c, now_us, m);
	else
		ignore(c, m->type, rule->otherwise);
}

/* Closes at once (sections 1.4 and 3), and keeps the octets for the log. */
static void lose(struct ctrl *c, int64_t now_us, enum ctrl_why why, unsigned msg_type)
{
	c->octet_count = c->input_len < sizeof(c->octets) ? c->input_len : sizeof(c->octets);
	memcpy(c->octets, c->input, c->octet_count);
	close_all(c, now_us, (struct ctrl_note){.why = why, .msg_type = msg_type});
}

/* Acts upon the next message in the input; false where there is none. */
static bool take_next(struct ctrl *c, int64_t now_us)
{
	size_t used;
	switch (msg_decode(c->input, c->input_len, &c->received, &used)) {
	case MSG_INCOMPLETE:
		return false;
	case MSG_BAD_MAGIC:
	case MSG_BAD_LENGTH:
		lose(c, now_us, CTRL_WHY_LOST_SYNC, 0);
		return true;
	case MSG_TOO_SHORT:
		lose(c, now_us, CTRL_WHY_SHORT_MESSAGE, c->received.type);
		return true;
	case MSG_UNKNOWN:
		note_life(c, now_us);
		ignore(c, c->received.type,
		    c->received.kind == MSG_KIND_CONTROL ? "unknown control message type"
							 : "not a control message");
		break;
	case MSG_COMPLETE:
		take_message(c, now_us);
		break;
	}
	if (c->input_len) { /* else the message has closed the connection */
		c->input_len -= used;
		memmove(c->input, c->input + used, c->input_len);
	}
	return true;
}

static void take_messages(struct ctrl *c, int64_t now_us)
{
	while (c->note_count == 0 && c->input_len && take_next(c, now_us))
		;
}

void ctrl_init(struct ctrl *c, const struct ctrl_config *config)
{
	memset(c, 0, offsetof(struct ctrl, calls));
	c->config = *config;
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++)
		if (c->calls[i].state != CTRL_CALL_FREE)
			memset(&c->calls[i], 0, sizeof(c->calls[i]));
	ctrl_enter(c, 0, CTRL_IDLE);
}

void ctrl_start(struct ctrl *c, int64_t now_us)
{
	if (c->state != CTRL_IDLE)
		return;
	ctrl_send_start_request(c);
	ctrl_enter(c, now_us, CTRL_WAIT_CTL_REPLY);
}

/* A slot for another call, NULL where nothing more may be taken on. */
static struct ctrl_call *free_slot(struct ctrl *c)
{
	if (c->note_count > CTRL_NOTES_HIGH || !ctrl_output_has_room(c, MSG_OUTGOING_CALL_REQUEST))
		return NULL;
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++)
		if (c->calls[i].state == CTRL_CALL_FREE)
			return &c->calls[i];
	return NULL;
}

bool ctrl_call_open(struct ctrl *c, int64_t now_us, const struct ctrl_call_request *request)
{
	if (c->state == CTRL_WAIT_STOP_REPLY || c->state == CTRL_CLOSED)
		return false;
	if (request->call_id == 0 || find_call(c, request->call_id))
		return false;
	struct ctrl_call *call = free_slot(c);
	if (!call)
		return false;
	*call = (struct ctrl_call){.request = *request};
	call_enter(c, now_us, call, CTRL_CALL_IDLE);
	if (c->state == CTRL_ESTABLISHED)
		request_call(c, now_us, call);
	return true;
}

void ctrl_call_close(struct ctrl *c, int64_t now_us, uint16_t call_id)
{
	struct ctrl_call *call = find_call(c, call_id);
	if (call)
		clear_call(c, now_us, call);
}

void ctrl_stop(struct ctrl *c, int64_t now_us, uint8_t reason)
{
	switch (c->state) {
	case CTRL_IDLE:
		close_all(c, now_us, because(CTRL_WHY_LOCAL));
		break;
	case CTRL_WAIT_CTL_REPLY:
	case CTRL_ESTABLISHED:
		stop_all(c, now_us, reason, CTRL_WHY_LOCAL);
		break;
	case CTRL_WAIT_STOP_REPLY:
	case CTRL_CLOSED:
		break;
	}
}

size_t ctrl_input(struct ctrl *c, int64_t now_us, const uint8_t *octets, size_t len)
{
	if (c->state == CTRL_IDLE || c->state == CTRL_CLOSED)
		return len;
	size_t room = sizeof(c->input) - c->input_len;
	size_t taken = len < room ? len : room;
	if (taken)
		memcpy(c->input + c->input_len, octets, taken);
	c->input_len += taken;
	take_messages(c, now_us);
	return taken;
}

void ctrl_on_tcp_closed(struct ctrl *c, int64_t now_us)
{
	enum ctrl_why why = c->state == CTRL_WAIT_STOP_REPLY ? c->why : CTRL_WHY_TCP_CLOSED;
	c->output_at = c->output_len = 0;
	if (c->state != CTRL_CLOSED)
		close_all(c, now_us, because(why));
}

bool ctrl_next_event(struct ctrl *c, int64_t now_us, struct ctrl_event *event)
{
	take_messages(c, now_us);
	return ctrl_take_note(c, event);
}

static int64_t call_deadline(const struct ctrl_call *call)
{
	/* A free slot may be untouched memory. */
	return call->state == CTRL_CALL_FREE ? DEADLINE_NEVER : call->deadline_us;
}

int64_t ctrl_deadline(const struct ctrl *c)
{
	int64_t deadline_us = c->deadline_us;
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++)
		deadline_us = deadline_earlier(deadline_us, call_deadline(&c->calls[i]));
	return deadline_us;
}

/* The connection's own deadline has come. */
static void on_own_deadline(struct ctrl *c, int64_t now_us)
{
	switch (c->state) {
	case CTRL_WAIT_CTL_REPLY:
		give_up(c, now_us, CTRL_WHY_START_TIMEOUT);
		break;
	case CTRL_ESTABLISHED:
		if (c->echo_waiting) {
			give_up(c, now_us, CTRL_WHY_ECHO_TIMEOUT);
			break;
		}
		ctrl_send_echo_request(c);
		c->echo_waiting = true;
		ctrl_enter(c, now_us, CTRL_ESTABLISHED);
		break;
	case CTRL_WAIT_STOP_REPLY:
		close_all(c, now_us,
		    (struct ctrl_note){
			.why = c->why == CTRL_WHY_LOCAL ? CTRL_WHY_STOP_TIMEOUT : c->why});
		break;
	case CTRL_IDLE:
	case CTRL_CLOSED:
		break;
	}
}

static void on_call_deadline(struct ctrl *c, int64_t now_us, struct ctrl_call *call)
{
	/* The server may yet accept: let it know that nobody waits any more. */
	if (call->state == CTRL_CALL_WAIT_REPLY)
		ctrl_send_call_clear(c, call);
	call_over(c, now_us, call, because(CTRL_WHY_CALL_TIMEOUT));
}

void ctrl_on_deadline(struct ctrl *c, int64_t now_us)
{
	if (now_us >= c->deadline_us)
		on_own_deadline(c, now_us);
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++)
		if (now_us >= call_deadline(&c->calls[i]))
			on_call_deadline(c, now_us, &c->calls[i]);
}

enum ctrl_state ctrl_state(const struct ctrl *c)
{
	return c->state;
}

size_t ctrl_call_count(const struct ctrl *c)
{
	size_t count = 0;
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++)
		count += c->calls[i].state != CTRL_CALL_FREE;
	return count;
}

enum ctrl_call_state ctrl_call_state(const struct ctrl *c, uint16_t call_id)
{
	for (size_t i = 0; i < CTRL_CALLS_MAX; i++)
		if (c->calls[i].state != CTRL_CALL_FREE && c->calls[i].request.call_id == call_id)
			return c->calls[i].state;
	return CTRL_CALL_FREE;
}
