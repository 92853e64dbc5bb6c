/* SPDX-License-Identifier: ISC */
/*
 * Between the control machine (pptp_ctrl.c) and its TCP connection: octets both ways, its deadline,
 * its events. What an event means for calls and for the process is told to the other files.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "callmgr.h"
#include "sys/privs.h"

enum {
	READ_MAX = 512, /* octets per turn: a server that floods gets its turn like all others */
	HEX_MAX = 3 * CTRL_EVENT_OCTETS + 1,
};

#define UNANSWERED_WAIT_US (300 * USEC_PER_MSEC)

static void log_octets(const struct ctrl_event *e)
{
	char hex[HEX_MAX] = "";
	for (size_t i = 0; i < e->octet_count && i < CTRL_EVENT_OCTETS; i++)
		snprintf(hex + 3 * i, sizeof(hex) - 3 * i, "%02x ", e->octets[i]);
	log_info("%s; the octets in question: %s", ctrl_why_text(e->why), hex);
}

/* Messages that the server can send at will share a budget of lines. */
static bool may_log(struct callmgr *cm, int64_t now_us)
{
	uint64_t left_out;
	if (!log_allowed(&cm->budget, now_us, &left_out))
		return false;
	if (left_out)
		log_info(
		    "%llu lines about odd messages were left out", (unsigned long long)left_out);
	return true;
}

/* Whether the server can send as many of these as it likes; an answer to each of ours is welcome. */
static bool at_will(struct callmgr *cm, const struct ctrl_event *e)
{
	switch (e->msg_type) {
	case MSG_ECHO_REQUEST:
	case MSG_ECHO_REPLY:
	case MSG_SET_LINK_INFO:
	case MSG_WAN_ERROR_NOTIFY:
	case MSG_INCOMING_CALL_REQUEST:
	case MSG_INCOMING_CALL_REPLY:
		return true;
	default:
		break;
	}
	if (e->type == CTRL_EV_SENT) {
		cm->unanswered++;
		return false;
	}
	if (cm->unanswered == 0)
		return true;
	cm->unanswered--;
	return false;
}

static void log_message(struct callmgr *cm, int64_t now_us, const struct ctrl_event *e)
{
	char name[64];
	bool echo = e->msg_type == MSG_ECHO_REQUEST || e->msg_type == MSG_ECHO_REPLY;
	if (at_will(cm, e) && !may_log(cm, now_us))
		return;
	snprintf(name, sizeof(name), "%s", msg_type_name(e->msg_type));
	if (echo) {
		log_debug("%s %s", e->type == CTRL_EV_SENT ? "Sent" : "Received", name);
	} else if (e->type == CTRL_EV_SENT) {
		log_info("Sent control packet type is %u '%s'", e->msg_type, name);
	} else {
		for (char *c = name; *c; c++)
			if (*c == '-')
				*c = ' ';
		log_info("Received %s", name);
	}
}

static void started(struct callmgr *cm, const struct ctrl_event *e)
{
	const struct msg_start *s = &e->msg.u.start;
	log_info("Client connection established.");
	log_debug("server %s: host name '%s', vendor '%s', firmware %u", cm->server_text,
	    s->host_name, s->vendor, s->firmware);
	cm->stage = STAGE_CALLS;
}

static void call_up(struct callmgr *cm, int64_t now_us, const struct ctrl_event *e)
{
	struct callmgr_client *client = client_with_call(cm, e->call_id);
	log_info("Outgoing call established (call ID %u, peer's call ID %u).", e->call_id,
	    e->msg.u.outgoing_call_reply.call_id);
	if (!cm->any_up) {
		log_info("Server in use: %s", cm->server_text);
		log_quiet_stderr();
		privs_drop(cm->route_begun && cm->options->host_route);
	}
	cm->any_up = true;
	if (client)
		client_up(client, now_us, e);
}

/* The event is why something ends here. */
static void note_end(const struct callmgr *cm, const struct ctrl_event *e, struct callmgr_end *end)
{
	end->reason = REASON_CONTROL;
	end->stage = cm->stage;
	end->code = cm->tcp_error;
	end->event = *e;
}

static void call_over(struct callmgr *cm, int64_t now_us, const struct ctrl_event *e)
{
	struct callmgr_client *client = client_with_call(cm, e->call_id);
	if (!client)
		return;
	if (client->end.reason == REASON_NONE) {
		if (e->why == CTRL_WHY_LOCAL && cm->end.reason != REASON_NONE)
			client->end = cm->end;
		else
			note_end(cm, e, &client->end);
	}
	client->opened = false;
	/* With no call left the connection ends as well, and the last word waits for that. */
	if (clients_wanting(cm) > 0 && ctrl_call_count(&cm->ctrl) > 0 && cm->stage == STAGE_CALLS)
		client_over(client, now_us);
	else if (cm->end.reason == REASON_NONE)
		cm->end = client->end;
}

static void control_closed(struct callmgr *cm, int64_t now_us, const struct ctrl_event *e)
{
	if (cm->end.reason == REASON_NONE)
		note_end(cm, e, &cm->end);
	if (e->why != CTRL_WHY_LOCAL)
		log_info("Closing connection (%s)", ctrl_why_text(e->why));
	if (e->octet_count)
		log_octets(e);
	cm->channel_exists = e->why == CTRL_WHY_CHANNEL_EXISTS;
	cm->stage = STAGE_CLOSE;
	if (cm->step.deadline_us == DEADLINE_NEVER)
		cm->step.deadline_us = now_us + CALLMGR_CLOSE_WAIT_US;
}

static void handle_event(struct callmgr *cm, int64_t now_us, const struct ctrl_event *e)
{
	switch (e->type) {
	case CTRL_EV_SENT:
	case CTRL_EV_RECEIVED:
		log_message(cm, now_us, e);
		break;
	case CTRL_EV_STARTED:
		started(cm, e);
		break;
	case CTRL_EV_CALL_UP:
		call_up(cm, now_us, e);
		break;
	case CTRL_EV_CALL_OVER:
		call_over(cm, now_us, e);
		break;
	case CTRL_EV_CLOSED:
		control_closed(cm, now_us, e);
		break;
	case CTRL_EV_LINK_INFO:
		if (may_log(cm, now_us))
			log_debug("the server's Set-Link-Info: send ACCM %08x, receive ACCM %08x",
			    e->msg.u.set_link_info.send_accm, e->msg.u.set_link_info.receive_accm);
		break;
	case CTRL_EV_WAN_ERROR:
		if (may_log(cm, now_us))
			log_info(
			    "the server reports errors on its line: %u CRC, %u framing, %u overruns",
			    e->msg.u.wan_error.crc_errors, e->msg.u.wan_error.framing_errors,
			    e->msg.u.wan_error.hardware_overruns);
		break;
	case CTRL_EV_IGNORED:
		if (may_log(cm, now_us))
			log_info("%s (type %u) ignored: %s", msg_type_name(e->msg_type),
			    e->msg_type, e->note ? e->note : "no place for it");
		break;
	case CTRL_EV_EXCESS:
		if (may_log(cm, now_us))
			log_info("%s was %zu octets too long; they are ignored",
			    msg_type_name(e->msg_type), e->msg.excess);
		break;
	}
}

static bool drain_events(struct callmgr *cm, int64_t now_us)
{
	struct ctrl_event event;
	bool any = false;
	while (cm->ctrl_alive && ctrl_next_event(&cm->ctrl, now_us, &event)) {
		any = true;
		handle_event(cm, now_us, &event);
	}
	return any;
}

/* Writes what waits; true when nothing waits any more. */
static bool flush_output(struct callmgr *cm)
{
	const uint8_t *octets;
	size_t len;
	while ((len = ctrl_output(&cm->ctrl, &octets)) > 0) {
		ssize_t n = send(cm->tcp.fd, octets, len, MSG_NOSIGNAL);
		if (n > 0) {
			ctrl_output_done(&cm->ctrl, (size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM)
			return false;
		/* Reading shows the end, after what the server said last has been read. */
		cm->tcp_error = errno;
		return true;
	}
	return true;
}

/* After each thing that happened to the control machine: do what it asks for. */
void control_serve(struct callmgr *cm, int64_t now_us)
{
	bool any = true;
	while (any) {
		any = drain_events(cm, now_us);
		if (cm->stage == STAGE_CALLS && clients_wanting(cm) == 0) {
			control_stop(cm, now_us, "no call is left");
			any = true;
		}
	}
	if (!cm->ctrl_alive)
		return;
	bool written = flush_output(cm);
	if (cm->stage == STAGE_CLOSE) /* who wants to join shall look elsewhere */
		join_unlisten(cm);
	if (ctrl_state(&cm->ctrl) == CTRL_CLOSED && written) {
		callmgr_connection_over(cm, now_us);
		return;
	}
	if (ctrl_state(&cm->ctrl) == CTRL_CLOSED)
		cm->tcp.events = POLLOUT;
	else
		cm->tcp.events = (short)(POLLIN | (written ? 0 : POLLOUT));
	cm->ctrl_timer.deadline_us = ctrl_deadline(&cm->ctrl);
}

void control_due(void *context, int64_t now_us)
{
	struct callmgr *cm = context;
	if (!cm->ctrl_alive)
		return;
	ctrl_on_deadline(&cm->ctrl, now_us);
	control_serve(cm, now_us);
}

static void take_octets(struct callmgr *cm, int64_t now_us, const uint8_t *octets, size_t len)
{
	size_t at = 0;
	while (cm->ctrl_alive && at < len) {
		size_t used = ctrl_input(&cm->ctrl, now_us, octets + at, len - at);
		at += used;
		bool events = drain_events(cm, now_us);
		if (used == 0 && !events)
			break; /* closed: nothing more is read */
	}
}

static void control_ready(void *context, short revents, int64_t now_us)
{
	struct callmgr *cm = context;
	uint8_t octets[READ_MAX];
	if (revents & (POLLIN | POLLHUP | POLLERR)) {
		ssize_t n = recv(cm->tcp.fd, octets, sizeof(octets), 0);
		if (n > 0) {
			take_octets(cm, now_us, octets, (size_t)n);
		} else if (n == 0) {
			ctrl_on_tcp_closed(&cm->ctrl, now_us);
		} else if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS &&
			   errno != ENOMEM) {
			cm->tcp_error = errno;
			ctrl_on_tcp_closed(&cm->ctrl, now_us);
		}
	}
	control_serve(cm, now_us);
}

void control_stop(struct callmgr *cm, int64_t now_us, const char *why)
{
	log_info("Closing connection (%s)", why);
	/* A server that has not answered yet holds nothing that would have to be taken down. */
	cm->step.deadline_us =
	    now_us + (cm->stage == STAGE_CONTROL ? UNANSWERED_WAIT_US : CALLMGR_CLOSE_WAIT_US);
	cm->stage = STAGE_CLOSE;
	ctrl_stop(&cm->ctrl, now_us, MSG_STOP_LOCAL_SHUTDOWN);
}

static void fill_identity(struct ctrl_identity *i, const struct pptp_options *o)
{
	*i = (struct ctrl_identity){
	    .start_framing = MSG_FRAMING_ANY,
	    .start_bearer = MSG_BEARER_ANY,
	    .firmware = 1,
	    .host_name = o->client_hostname[0] ? o->client_hostname : "local",
	    .vendor = "pptp",
	    .call_framing = MSG_FRAMING_ANY,
	    .call_bearer = MSG_BEARER_ANY,
	    .min_bps = 2400,
	    .max_bps = 1000000000,
	};
	if (!o->quirks.bezeq)
		return;
	i->start_framing = MSG_FRAMING_ASYNC;
	i->start_bearer = MSG_BEARER_ANALOG;
	i->firmware = 0x6021;
	i->host_name = o->client_hostname[0] ? o->client_hostname : "RELAY_PPP1";
	i->vendor = "MS Win NT";
	i->call_bearer = MSG_BEARER_DIGITAL;
	i->send_link_info = true;
}

void control_start(struct callmgr *cm, int64_t now_us)
{
	const struct pptp_options *o = cm->options;
	struct ctrl_config config = {
	    .reply_wait_us = o->connect_timeout_us,
	    .close_wait_us = CALLMGR_CLOSE_WAIT_US,
	    .idle_wait_us = o->idle_wait_us,
	    .echo_wait_us = o->echo_wait_us,
	    .our_address = ntohl(cm->local.s_addr),
	    .server_address = ntohl(callmgr_address(cm).s_addr),
	};
	fill_identity(&config.identity, o);
	ctrl_init(&cm->ctrl, &config);
	cm->ctrl_alive = true;
	cm->stage = STAGE_CONTROL;
	cm->step.deadline_us = DEADLINE_NEVER;
	cm->tcp.ready = control_ready;
	cm->tcp.events = POLLIN;
	ctrl_start(&cm->ctrl, now_us);
	struct callmgr_client *next;
	for (struct callmgr_client *c = cm->clients; c; c = next) {
		next = c->next;
		if (c->kind == CLIENT_GATEWAY && !c->closing && !c->gone)
			callmgr_open_call(cm, c, now_us);
	}
	control_serve(cm, now_us);
	if (cm->stage == STAGE_CONTROL) /* while the server thinks about it */
		join_listen(cm);
}
