/* SPDX-License-Identifier: ISC */
/*
 * State machine of the control connection and its call (RFC 2637 section 3), client (PNS) side.
 * ctrl_enter and call_enter are the only writers of a state and of its deadline. A table says in which
 * states a received message is processed; in the others it is reported and ignored. The next message
 * is processed only when no event waits, so that events are bounded.
 *
 * Layout of messages is pptp_msg's, the queues of output and events are ctrl_queue's; descriptors, the
 * clock and the log are the call manager's.
 */
#include "pptp_ctrl.h"

#include <string.h>

static int64_t after(int64_t now_us, int64_t wait_us)
{
	return wait_us > DEADLINE_NEVER - now_us ? DEADLINE_NEVER : now_us + wait_us;
}

static void ctrl_enter(struct ctrl *c, int64_t now_us, enum ctrl_state state)
{
	int64_t keepalive_us = c->echo_waiting ? c->config.echo_wait_us : c->config.idle_wait_us;
	c->state = state;
	c->deadline_us = DEADLINE_NEVER;
	if (state == CTRL_WAIT_CTL_REPLY)
		c->deadline_us = after(now_us, c->config.reply_wait_us);
	else if (state == CTRL_ESTABLISHED && keepalive_us > 0)
		c->deadline_us = after(now_us, keepalive_us);
	else if (state == CTRL_WAIT_STOP_REPLY)
		c->deadline_us = after(now_us, c->config.close_wait_us);
}

/* CTRL_CALL_WAIT_DISCONNECT ends with CTRL_WAIT_STOP_REPLY at the latest. */
static void call_enter(struct ctrl *c, int64_t now_us, enum ctrl_call_state state)
{
	c->call_state = state;
	c->call_deadline_us =
	    state == CTRL_CALL_WAIT_REPLY ? after(now_us, c->config.reply_wait_us) : DEADLINE_NEVER;
}

static void copy_text(char *to, const char *from)
{
	size_t len = from ? strnlen(from, MSG_NAME_LEN) : 0;
	if (len)
		memcpy(to, from, len);
	to[len] = '\0';
}

static void send_start_request(struct ctrl *c)
{
	const struct ctrl_identity *identity = &c->config.identity;
	struct msg m = {.type = MSG_START_CONTROL_CONNECTION_REQUEST};
	m.u.start.version = MSG_VERSION;
	m.u.start.framing = identity->start_framing;
	m.u.start.bearer = identity->start_bearer;
	m.u.start.firmware = identity->firmware;
	copy_text(m.u.start.host_name, identity->host_name);
	copy_text(m.u.start.vendor, identity->vendor);
	ctrl_queue_send(&c->queue, &m, 0);
}

static void send_call_request(struct ctrl *c)
{
	const struct ctrl_identity *identity = &c->config.identity;
	const struct ctrl_call_request *call = &c->config.call;
	struct msg m = {.type = MSG_OUTGOING_CALL_REQUEST};
	struct msg_outgoing_call_request *f = &m.u.outgoing_call_request;
	f->call_id = call->call_id;
	f->serial = call->serial;
	f->min_bps = identity->min_bps;
	f->max_bps = identity->max_bps;
	f->bearer = identity->call_bearer;
	f->framing = identity->call_framing;
	f->window = call->window;
	copy_text(f->phone, call->phone);
	f->phone_len = (uint16_t)strlen(f->phone);
	ctrl_queue_send(&c->queue, &m, call->call_id);
}

/* Only if the server may hold resources for the call; returns whether it was sent. */
static bool send_call_clear(struct ctrl *c)
{
	if (c->call_state != CTRL_CALL_WAIT_REPLY && c->call_state != CTRL_CALL_ESTABLISHED)
		return false;
	struct msg m = {.type = MSG_CALL_CLEAR_REQUEST};
	m.u.call_clear.call_id = c->config.call.call_id;
	ctrl_queue_send(&c->queue, &m, c->config.call.call_id);
	return true;
}

static void send_stop_request(struct ctrl *c, uint8_t reason)
{
	struct msg m = {.type = MSG_STOP_CONTROL_CONNECTION_REQUEST};
	m.u.stop_request.reason = reason;
	ctrl_queue_send(&c->queue, &m, 0);
}

static struct ctrl_queued_event end_by_peer(
    enum ctrl_why why, const struct msg *m, uint8_t result, uint8_t error, uint16_t cause)
{
	return (struct ctrl_queued_event){
	    .why = why, .msg_type = m->type, .result = result, .error = error, .cause = cause};
}

static struct ctrl_queued_event end_local(enum ctrl_why why)
{
	return (struct ctrl_queued_event){.why = why};
}

/* A call that we have cleared ends by our own wish, with any answer of the server. */
static void end_call(struct ctrl *c, int64_t now_us, struct ctrl_queued_event end)
{
	if (c->call_state == CTRL_CALL_ENDED)
		return;
	if (c->call_state == CTRL_CALL_WAIT_DISCONNECT)
		end.why = CTRL_WHY_LOCAL;
	end.type = CTRL_EV_CALL_ENDED;
	end.call_id = c->config.call.call_id;
	ctrl_queue_event(&c->queue, end);
	call_enter(c, now_us, CTRL_CALL_ENDED);
}

static void close_connection(struct ctrl *c, int64_t now_us, struct ctrl_queued_event end)
{
	end_call(c, now_us, end);
	end.type = CTRL_EV_CLOSED;
	ctrl_queue_event(&c->queue, end);
	c->input_len = 0;
	ctrl_enter(c, now_us, CTRL_CLOSED);
}

/* Sends all that is left to send in one go; the server's answers come after. */
static void stop_connection(struct ctrl *c, int64_t now_us, uint8_t reason, enum ctrl_why why)
{
	if (send_call_clear(c))
		call_enter(c, now_us, CTRL_CALL_WAIT_DISCONNECT);
	else
		end_call(c, now_us, end_local(why));
	send_stop_request(c, reason);
	c->why = why;
	ctrl_enter(c, now_us, CTRL_WAIT_STOP_REPLY);
}

/* The server does not answer: send the end in case it still reads, and do not wait for a reply. */
static void abandon_connection(struct ctrl *c, int64_t now_us, struct ctrl_queued_event end)
{
	(void)send_call_clear(c);
	send_stop_request(c, MSG_STOP_LOCAL_SHUTDOWN);
	close_connection(c, now_us, end);
}

/* A reply that did not come in time; one that came may have been too short to be of use. */
static struct ctrl_queued_event end_without_reply(
    const struct ctrl *c, enum msg_type reply, enum ctrl_why why)
{
	if (c->short_type == reply)
		why = CTRL_WHY_SHORT_REPLY;
	return (struct ctrl_queued_event){.why = why, .msg_type = reply};
}

static void report(struct ctrl *c, enum ctrl_event_type type, const struct msg *m, uint16_t call_id)
{
	ctrl_queue_event(&c->queue,
	    (struct ctrl_queued_event){.type = type, .msg_type = m->type, .call_id = call_id});
}

static void ignore_message(struct ctrl *c, const struct msg *m, const char *why)
{
	ctrl_queue_event(
	    &c->queue, (struct ctrl_queued_event){
			   .type = CTRL_EV_IGNORED, .msg_type = m->type, .detail = why});
}

/* Section 3.1.3: of two connections the one whose originator has the higher address is kept. */
static void on_start_request(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	if (c->config.server_address > c->config.our_address)
		close_connection(c, now_us, end_local(CTRL_WHY_COLLISION));
	else
		ignore_message(c, m, "collision: our address is the higher one, so ours is kept");
}

static enum ctrl_why why_not_started(uint8_t result)
{
	if (result == MSG_SCCRP_CHANNEL_EXISTS)
		return CTRL_WHY_CHANNEL_EXISTS;
	return result == MSG_SCCRP_BAD_VERSION ? CTRL_WHY_BAD_VERSION : CTRL_WHY_START_REFUSED;
}

static void on_start_reply(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	const struct msg_start *f = &m->u.start;
	/* Some ADSL modems answer 0 and mean success. */
	if (f->result != MSG_RESULT_OK && f->result != 0) {
		enum ctrl_why why = why_not_started(f->result);
		close_connection(c, now_us, end_by_peer(why, m, f->result, f->error, 0));
		return;
	}
	/* Revisions of version 1 are compatible; we have no other version. */
	if (f->version >> 8 != MSG_VERSION >> 8) {
		stop_connection(c, now_us, MSG_STOP_PROTOCOL, CTRL_WHY_BAD_VERSION);
		return;
	}
	ctrl_enter(c, now_us, CTRL_ESTABLISHED);
	report(c, CTRL_EV_ESTABLISHED, m, 0);
	send_call_request(c);
	call_enter(c, now_us, CTRL_CALL_WAIT_REPLY);
}

static void on_stop_request(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	/* If both ends stop at the same time, our reason stays. */
	enum ctrl_why why = c->state == CTRL_WAIT_STOP_REPLY ? c->why : CTRL_WHY_STOPPED;
	struct msg reply = {.type = MSG_STOP_CONTROL_CONNECTION_REPLY};
	reply.u.stop_reply.result = MSG_RESULT_OK;
	ctrl_queue_send(&c->queue, &reply, 0);
	close_connection(c, now_us, end_by_peer(why, m, m->u.stop_request.reason, 0, 0));
}

/* With any result: a server that failed to stop has no other message to end the exchange. */
static void on_stop_reply(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	const struct msg_stop_reply *f = &m->u.stop_reply;
	close_connection(c, now_us, end_by_peer(c->why, m, f->result, f->error, 0));
}

static void on_echo_request(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	struct msg reply = {.type = MSG_ECHO_REPLY};
	(void)now_us;
	reply.u.echo.identifier = m->u.echo.identifier;
	reply.u.echo.result = MSG_RESULT_OK;
	ctrl_queue_send_or_drop(&c->queue, &reply, 0);
}

/* As a sign of life it has counted already (see process_message). Ours are numbered 1 to echo_id. */
static void on_echo_reply(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	(void)now_us;
	if (m->u.echo.identifier - 1 >= c->echo_id)
		ignore_message(c, m, "no Echo-Request with that identifier was sent");
}

static void on_call_reply(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	const struct msg_outgoing_call_reply *f = &m->u.outgoing_call_reply;
	bool waiting = c->call_state == CTRL_CALL_WAIT_REPLY;
	bool other = f->peer_call_id != c->config.call.call_id;
	if ((other && !waiting) || c->call_state == CTRL_CALL_ENDED ||
	    c->call_state == CTRL_CALL_IDLE) {
		ignore_message(c, m, "no such call");
		return;
	}
	if (c->answered) {
		ignore_message(c, m, "the call has been answered already");
		return;
	}
	if (f->result != MSG_RESULT_OK) {
		end_call(c, now_us,
		    end_by_peer(CTRL_WHY_CALL_REFUSED, m, f->result, f->error, f->cause));
		return;
	}
	if (other) { /* no other will come: a connection has but one call */
		end_call(c, now_us, end_by_peer(CTRL_WHY_OTHER_CALL, m, f->result, 0, 0));
		return;
	}
	c->answered = true;
	c->peer_call_id = f->call_id;
	if (c->call_state == CTRL_CALL_WAIT_DISCONNECT) {
		ignore_message(c, m, "the call is being cleared");
		return;
	}
	call_enter(c, now_us, CTRL_CALL_ESTABLISHED);
	report(c, CTRL_EV_CALL_UP, m, c->config.call.call_id);
	if (!c->config.identity.send_link_info)
		return;
	struct msg info = {.type = MSG_SET_LINK_INFO};
	info.u.set_link_info.peer_call_id = c->peer_call_id;
	info.u.set_link_info.send_accm = 0xFFFFFFFF;
	info.u.set_link_info.receive_accm = 0xFFFFFFFF;
	ctrl_queue_send(&c->queue, &info, c->config.call.call_id);
}

static void on_incoming_call(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	struct msg reply = {.type = MSG_INCOMING_CALL_REPLY};
	(void)now_us;
	reply.u.incoming_call_reply.peer_call_id = m->u.incoming_call_request.call_id;
	reply.u.incoming_call_reply.result = MSG_ICRP_DO_NOT_ACCEPT;
	ctrl_queue_send_or_drop(&c->queue, &reply, 0);
}

/* By RFC 2637 section 2.12 only a PNS sends it, but servers do, with their own id. */
static void on_call_clear(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	if (c->call_state == CTRL_CALL_ENDED || !c->answered ||
	    m->u.call_clear.call_id != c->peer_call_id) {
		ignore_message(c, m, "no such call");
		return;
	}
	struct msg reply = {.type = MSG_CALL_DISCONNECT_NOTIFY};
	reply.u.call_disconnect.call_id = c->config.call.call_id;
	reply.u.call_disconnect.result = MSG_CDN_REQUESTED;
	ctrl_queue_send(&c->queue, &reply, c->config.call.call_id);
	end_call(c, now_us, end_by_peer(CTRL_WHY_CALL_CLEARED, m, 0, 0, 0));
}

/*
 * Whether a CDN with that call id ends the call. By RFC 2637 section 2.13 the id is the server's;
 * accel-ppp sends ours, with its bytes swapped until August 2026. Before the OCRP we do not know the
 * server's id, and after our Call-Clear-Request some servers send it with its bytes swapped: then any
 * id is accepted, as a connection has but one call.
 */
static bool disconnect_names_call(const struct ctrl *c, uint16_t call_id)
{
	uint16_t ours = c->config.call.call_id;
	uint16_t swapped = (uint16_t)(ours << 8 | ours >> 8);
	if (c->call_state == CTRL_CALL_ESTABLISHED)
		return call_id == c->peer_call_id || call_id == ours || call_id == swapped;
	return c->call_state == CTRL_CALL_WAIT_REPLY || c->call_state == CTRL_CALL_WAIT_DISCONNECT;
}

static void on_call_disconnect(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	const struct msg_call_disconnect *f = &m->u.call_disconnect;
	if (disconnect_names_call(c, f->call_id))
		end_call(c, now_us,
		    end_by_peer(CTRL_WHY_CALL_DISCONNECTED, m, f->result, f->error, f->cause));
	else
		ignore_message(c, m, "no such call");
}

/* Set-Link-Info and WAN-Error-Notify carry our call id. */
static void report_to_call(
    struct ctrl *c, const struct msg *m, uint16_t call_id, enum ctrl_event_type type)
{
	if (c->call_state == CTRL_CALL_ESTABLISHED && call_id == c->config.call.call_id)
		report(c, type, m, call_id);
	else
		ignore_message(c, m, "no such call");
}

static void on_wan_error(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	(void)now_us;
	report_to_call(c, m, m->u.wan_error.peer_call_id, CTRL_EV_WAN_ERROR);
}

static void on_link_info(struct ctrl *c, int64_t now_us, const struct msg *m)
{
	(void)now_us;
	report_to_call(c, m, m->u.set_link_info.peer_call_id, CTRL_EV_LINK_INFO);
}

enum {
	STARTING = 1 << CTRL_WAIT_CTL_REPLY,
	UP = 1 << CTRL_ESTABLISHED,
	STOPPING = 1 << CTRL_WAIT_STOP_REPLY,
};

/* The states in which a message is processed, by which function, and why it is ignored in others. */
struct rule {
	unsigned states;
	void (*process)(struct ctrl *c, int64_t now_us, const struct msg *m);
	const char *otherwise;
};

static const struct rule rules[] = {
    [MSG_START_CONTROL_CONNECTION_REQUEST] = {STARTING, on_start_request,
	"the connection is started already"},
    [MSG_START_CONTROL_CONNECTION_REPLY] = {STARTING, on_start_reply,
	"the connection is started already"},
    [MSG_STOP_CONTROL_CONNECTION_REQUEST] = {STARTING | UP | STOPPING, on_stop_request, ""},
    [MSG_STOP_CONTROL_CONNECTION_REPLY] = {STOPPING, on_stop_reply, "no stop was requested"},
    [MSG_ECHO_REQUEST] = {STARTING | UP | STOPPING, on_echo_request, ""},
    [MSG_ECHO_REPLY] = {UP | STOPPING, on_echo_reply, "no Echo-Request was sent"},
    [MSG_OUTGOING_CALL_REQUEST] = {0, NULL, "a client accepts no outgoing calls"},
    [MSG_OUTGOING_CALL_REPLY] = {UP | STOPPING, on_call_reply, "no call was requested"},
    [MSG_INCOMING_CALL_REQUEST] = {UP, on_incoming_call, "the connection is not established"},
    [MSG_INCOMING_CALL_REPLY] = {0, NULL, "a client offers no incoming calls"},
    [MSG_INCOMING_CALL_CONNECTED] = {0, NULL, "no incoming call was accepted"},
    [MSG_CALL_CLEAR_REQUEST] = {UP | STOPPING, on_call_clear, "no call was requested"},
    [MSG_CALL_DISCONNECT_NOTIFY] = {UP | STOPPING, on_call_disconnect, "no call was requested"},
    [MSG_WAN_ERROR_NOTIFY] = {UP | STOPPING, on_wan_error, "no call was requested"},
    [MSG_SET_LINK_INFO] = {UP | STOPPING, on_link_info, "no call was requested"},
};

/* Any message is a sign of life, also one that is ignored. */
static void restart_keepalive(struct ctrl *c, int64_t now_us)
{
	c->echo_waiting = false;
	if (c->state == CTRL_ESTABLISHED)
		ctrl_enter(c, now_us, CTRL_ESTABLISHED);
}

static void process_message(struct ctrl *c, int64_t now_us)
{
	const struct msg *m = &c->received;
	const struct rule *rule = &rules[m->type];
	restart_keepalive(c, now_us);
	report(c, CTRL_EV_RECEIVED, m, 0);
	if (m->excess)
		report(c, CTRL_EV_EXCESS, m, 0);
	if (rule->states & 1u << c->state)
		rule->process(c, now_us, m);
	else
		ignore_message(c, m, rule->otherwise);
}

/* Processes the first message of the input; false if it is incomplete. */
static bool process_next(struct ctrl *c, int64_t now_us)
{
	size_t used;
	switch (msg_decode(c->input, c->input_len, &c->received, &used)) {
	case MSG_INCOMPLETE:
		return false;
	case MSG_BAD_MAGIC:
	case MSG_BAD_LENGTH:
		/* Closes at once, as sections 1.4 and 3 ask; the bytes stay there for the event. */
		c->bad_count = c->input_len;
		close_connection(c, now_us, end_local(CTRL_WHY_LOST_SYNC));
		return true;
	case MSG_TOO_SHORT: /* the old client survived them, so servers may send them */
		restart_keepalive(c, now_us);
		c->short_type = c->received.type;
		ignore_message(c, &c->received, "it is shorter than its type");
		break;
	case MSG_UNKNOWN:
		restart_keepalive(c, now_us);
		ignore_message(c, &c->received,
		    c->received.kind == MSG_KIND_CONTROL ? "unknown control message type"
							 : "not a control message");
		break;
	case MSG_COMPLETE:
		process_message(c, now_us);
		break;
	}
	if (c->input_len) { /* else the message has closed the connection */
		c->input_len -= used;
		memmove(c->input, c->input + used, c->input_len);
	}
	return true;
}

static void process_input(struct ctrl *c, int64_t now_us)
{
	while (!ctrl_queue_has_event(&c->queue) && c->input_len && process_next(c, now_us))
		;
}

void ctrl_init(struct ctrl *c, const struct ctrl_config *config)
{
	memset(c, 0, sizeof(*c));
	c->config = *config;
	ctrl_enter(c, 0, CTRL_IDLE);
	call_enter(c, 0, CTRL_CALL_IDLE);
}

void ctrl_start(struct ctrl *c, int64_t now_us)
{
	if (c->state != CTRL_IDLE)
		return;
	send_start_request(c);
	ctrl_enter(c, now_us, CTRL_WAIT_CTL_REPLY);
}

void ctrl_stop(struct ctrl *c, int64_t now_us, uint8_t reason)
{
	if (c->state == CTRL_IDLE)
		close_connection(c, now_us, end_local(CTRL_WHY_LOCAL));
	else if (c->state == CTRL_WAIT_CTL_REPLY || c->state == CTRL_ESTABLISHED)
		stop_connection(c, now_us, reason, CTRL_WHY_LOCAL);
}

size_t ctrl_input(struct ctrl *c, int64_t now_us, const uint8_t *bytes, size_t len)
{
	if (c->state == CTRL_IDLE || c->state == CTRL_CLOSED)
		return len;
	size_t space = sizeof(c->input) - c->input_len;
	size_t taken = len < space ? len : space;
	if (taken)
		memcpy(c->input + c->input_len, bytes, taken);
	c->input_len += taken;
	process_input(c, now_us);
	return taken;
}

void ctrl_on_tcp_closed(struct ctrl *c, int64_t now_us)
{
	enum ctrl_why why = c->state == CTRL_WAIT_STOP_REPLY ? c->why : CTRL_WHY_TCP_CLOSED;
	ctrl_queue_output_done(&c->queue, sizeof(c->queue.output));
	if (c->state != CTRL_CLOSED)
		close_connection(c, now_us, end_local(why));
}

bool ctrl_next_event(struct ctrl *c, int64_t now_us, struct ctrl_event *event)
{
	process_input(c, now_us);
	if (!ctrl_queue_next_event(&c->queue, event))
		return false;
	event->msg = c->received;
	if (event->why == CTRL_WHY_LOST_SYNC) {
		event->byte_count =
		    c->bad_count < sizeof(event->bytes) ? c->bad_count : sizeof(event->bytes);
		memcpy(event->bytes, c->input, event->byte_count);
	}
	return true;
}

size_t ctrl_output(const struct ctrl *c, const uint8_t **bytes)
{
	return ctrl_queue_output(&c->queue, bytes);
}

void ctrl_output_done(struct ctrl *c, size_t n)
{
	ctrl_queue_output_done(&c->queue, n);
}

int64_t ctrl_deadline(const struct ctrl *c)
{
	return deadline_earlier(c->deadline_us, c->call_deadline_us);
}

static void send_echo_request(struct ctrl *c, int64_t now_us)
{
	struct msg m = {.type = MSG_ECHO_REQUEST};
	m.u.echo.identifier = ++c->echo_id;
	ctrl_queue_send_or_drop(&c->queue, &m, 0);
	c->echo_waiting = c->config.echo_wait_us > 0;
	ctrl_enter(c, now_us, CTRL_ESTABLISHED);
}

static void on_connection_deadline(struct ctrl *c, int64_t now_us)
{
	if (c->state == CTRL_WAIT_CTL_REPLY)
		abandon_connection(c, now_us,
		    end_without_reply(
			c, MSG_START_CONTROL_CONNECTION_REPLY, CTRL_WHY_START_TIMEOUT));
	else if (c->state == CTRL_ESTABLISHED && c->echo_waiting)
		abandon_connection(c, now_us, end_local(CTRL_WHY_ECHO_TIMEOUT));
	else if (c->state == CTRL_ESTABLISHED)
		send_echo_request(c, now_us);
	else if (c->state == CTRL_WAIT_STOP_REPLY)
		close_connection(c, now_us,
		    end_local(c->why == CTRL_WHY_LOCAL ? CTRL_WHY_STOP_TIMEOUT : c->why));
}

void ctrl_on_deadline(struct ctrl *c, int64_t now_us)
{
	if (now_us >= c->deadline_us)
		on_connection_deadline(c, now_us);
	if (now_us >= c->call_deadline_us) {
		/* The server may accept it yet: cancel the call there, too. */
		(void)send_call_clear(c);
		end_call(c, now_us,
		    end_without_reply(c, MSG_OUTGOING_CALL_REPLY, CTRL_WHY_CALL_TIMEOUT));
	}
}

enum ctrl_state ctrl_state(const struct ctrl *c)
{
	return c->state;
}

static const char *const state_names[] = {
    [CTRL_IDLE] = "idle",
    [CTRL_WAIT_CTL_REPLY] = "wait-ctl-reply",
    [CTRL_ESTABLISHED] = "established",
    [CTRL_WAIT_STOP_REPLY] = "wait-stop-reply",
    [CTRL_CLOSED] = "closed",
};

const char *ctrl_state_name(enum ctrl_state state)
{
	size_t i = (size_t)state;
	return i < sizeof(state_names) / sizeof(state_names[0]) ? state_names[i] : "unknown";
}
