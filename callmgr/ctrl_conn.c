/* SPDX-License-Identifier: ISC */
/* Owns the TCP socket of the control connection once it is connected. */
#include "callmgr/ctrl_conn.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/msg_limits.h"

enum {
	READ_MAX =
	    512, /* bytes for one callback: a server that floods waits like everything else */
	HEX_MAX = 3 * CTRL_EVENT_BYTES_MAX + 1,
};

static void log_bytes(const struct ctrl_event *e)
{
	char hex[HEX_MAX] = "";
	for (size_t i = 0; i < e->byte_count && i < CTRL_EVENT_BYTES_MAX; i++)
		snprintf(hex + 3 * i, sizeof(hex) - 3 * i, "%02x ", e->bytes[i]);
	log_info("%s; the bytes in question: %s", ctrl_why_text(e->why), hex);
}

/* Messages that the server can send as often as it likes share the rate limit of their level. */
static bool pass_rate_limit(struct ctrl_conn *c, enum log_level level, int64_t now_us)
{
	bool debug = level == LOG_LEVEL_DEBUG;
	struct log_rate_limit *limit = debug ? &c->debug_rate_limit : &c->rate_limit;
	return log_rate_limit_pass(limit, level, now_us, "unusual messages");
}

/* Whether the server can cause any number of these; each message of ours has a reply. */
static bool count_unsolicited(struct ctrl_conn *c, const struct ctrl_event *e)
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
		c->unanswered++;
		return false;
	}
	if (c->unanswered == 0)
		return true;
	c->unanswered--;
	return false;
}

static void log_message(struct ctrl_conn *c, int64_t now_us, const struct ctrl_event *e)
{
	char name[64];
	bool echo = e->msg_type == MSG_ECHO_REQUEST || e->msg_type == MSG_ECHO_REPLY;
	enum log_level level = echo ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO;
	if (count_unsolicited(c, e) && !pass_rate_limit(c, level, now_us))
		return;
	snprintf(name, sizeof(name), "%s", msg_type_name(e->msg_type));
	if (echo) {
		log_debug("%s %s", e->type == CTRL_EV_SENT ? "Sent" : "Received", name);
	} else if (e->type == CTRL_EV_SENT) {
		log_info("Sent control packet type is %u '%s'", e->msg_type, name);
	} else {
		for (char *s = name; *s; s++)
			if (*s == '-')
				*s = ' ';
		log_info("Received %s", name);
	}
}

static void log_established(const struct ctrl_conn *c, const struct ctrl_event *e)
{
	const struct msg_start *s = &e->msg.u.start;
	log_info("Client connection established.");
	log_debug("server %s: host name '%s', vendor '%s', firmware %u", c->config.server_text,
	    s->host_name, s->vendor, s->firmware);
}

static void log_closed(const struct ctrl_event *e)
{
	if (e->why != CTRL_WHY_LOCAL)
		log_info("Closing connection (%s)", ctrl_why_text(e->why));
	if (e->byte_count)
		log_bytes(e);
}

/* Events that mean something for the log alone. */
static void log_event(struct ctrl_conn *c, int64_t now_us, const struct ctrl_event *e)
{
	switch (e->type) {
	case CTRL_EV_SENT:
	case CTRL_EV_RECEIVED:
		log_message(c, now_us, e);
		break;
	case CTRL_EV_ESTABLISHED:
		log_established(c, e);
		break;
	case CTRL_EV_CLOSED:
		log_closed(e);
		break;
	case CTRL_EV_CALL_UP:
	case CTRL_EV_CALL_ENDED:
		break;
	case CTRL_EV_LINK_INFO:
		if (pass_rate_limit(c, LOG_LEVEL_DEBUG, now_us))
			log_debug("the server's Set-Link-Info: send ACCM %08x, receive ACCM %08x",
			    e->msg.u.set_link_info.send_accm, e->msg.u.set_link_info.receive_accm);
		break;
	case CTRL_EV_WAN_ERROR:
		if (pass_rate_limit(c, LOG_LEVEL_INFO, now_us))
			log_info(
			    "the server reports errors on its line: %u CRC, %u framing, %u overruns",
			    e->msg.u.wan_error.crc_errors, e->msg.u.wan_error.framing_errors,
			    e->msg.u.wan_error.hardware_overruns);
		break;
	case CTRL_EV_IGNORED:
		if (pass_rate_limit(c, LOG_LEVEL_INFO, now_us))
			log_info("%s (type %u) ignored: %s", msg_type_name(e->msg_type),
			    e->msg_type, e->detail);
		break;
	case CTRL_EV_EXCESS:
		if (pass_rate_limit(c, LOG_LEVEL_INFO, now_us))
			log_info("%s was %zu bytes too long; they are ignored",
			    msg_type_name(e->msg_type), e->msg.excess);
		break;
	}
}

static bool drain_events(struct ctrl_conn *c, int64_t now_us)
{
	struct ctrl_event e;
	bool any = false;
	while (ctrl_next_event(&c->ctrl, now_us, &e)) {
		any = true;
		log_event(c, now_us, &e);
		if (e.type == CTRL_EV_ESTABLISHED || e.type == CTRL_EV_CALL_UP ||
		    e.type == CTRL_EV_CALL_ENDED || e.type == CTRL_EV_CLOSED)
			c->ops->event(c->context, now_us, &e, c->tcp_error);
	}
	return any;
}

/* Writes what is queued; true when nothing is queued any more. */
static bool flush_output(struct ctrl_conn *c, int64_t now_us)
{
	const uint8_t *bytes;
	size_t len;
	while ((len = ctrl_output(&c->ctrl, &bytes)) > 0) {
		ssize_t n = send(c->tcp.fd, bytes, len, MSG_NOSIGNAL);
		if (n > 0) {
			ctrl_output_done(&c->ctrl, (size_t)n);
			continue;
		}
		int error = errno; /* never 0 bytes */
		if (error == EINTR)
			continue;
		/* poll does not show a shortage of memory. */
		bool is_short = error == ENOBUFS || error == ENOMEM;
		if (error == EAGAIN || (is_short && loop_pause(c->loop, &c->tcp)))
			return false;
		c->tcp_error = error;
		/* Reading shows the end, after the server's last message has been read. Of anything
		 * else than the connection's end it would show nothing. */
		if (error != EPIPE && error != ECONNRESET)
			ctrl_on_tcp_closed(&c->ctrl, now_us);
		return true;
	}
	return true;
}

void ctrl_conn_serve(struct ctrl_conn *c, int64_t now_us)
{
	bool written;
	do {
		while (drain_events(c, now_us))
			;
		written = flush_output(c, now_us);
	} while (drain_events(c, now_us));
	bool closed = ctrl_state(&c->ctrl) == CTRL_CLOSED;
	if (closed && written) {
		c->ops->finished(c->context, now_us);
		return;
	}
	c->tcp.events = (short)((closed ? 0 : POLLIN) | (written ? 0 : POLLOUT));
	c->timer.deadline_us = ctrl_deadline(&c->ctrl);
}

static void process_bytes(struct ctrl_conn *c, int64_t now_us, const uint8_t *bytes, size_t len)
{
	size_t at = 0;
	while (at < len) {
		size_t used = ctrl_input(&c->ctrl, now_us, bytes + at, len - at);
		at += used;
		if (!drain_events(c, now_us) && used == 0)
			break;
	}
}

static void read_tcp(struct ctrl_conn *c, int64_t now_us)
{
	uint8_t bytes[READ_MAX];
	ssize_t n = recv(c->tcp.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	int error = n < 0 ? errno : 0;
	if (error == EAGAIN || error == EINTR)
		return;
	if ((error == ENOBUFS || error == ENOMEM) && loop_pause(c->loop, &c->tcp))
		return;
	if (n > 0) {
		process_bytes(c, now_us, bytes, (size_t)n);
		return;
	}
	c->tcp_error = error;
	ctrl_on_tcp_closed(&c->ctrl, now_us);
}

static void on_tcp(void *context, int64_t now_us)
{
	struct ctrl_conn *c = context;
	if (c->tcp.revents & (POLLIN | POLLHUP | POLLERR))
		read_tcp(c, now_us);
	ctrl_conn_serve(c, now_us);
}

static void on_deadline(void *context, int64_t now_us)
{
	struct ctrl_conn *c = context;
	ctrl_on_deadline(&c->ctrl, now_us);
	ctrl_conn_serve(c, now_us);
}

static struct ctrl_identity identity_of(const struct pptp_options *o)
{
	bool bezeq = o->quirks.bezeq;
	const char *host_name = bezeq ? "RELAY_PPP1" : "local";
	return (struct ctrl_identity){
	    .start_framing = bezeq ? MSG_FRAMING_ASYNC : MSG_FRAMING_ANY,
	    .start_bearer = bezeq ? MSG_BEARER_ANALOG : MSG_BEARER_ANY,
	    .firmware = bezeq ? 0x6021 : 1,
	    .host_name = o->client_hostname[0] ? o->client_hostname : host_name,
	    .vendor = bezeq ? "MS Win NT" : "pptp",
	    .call_framing = MSG_FRAMING_ANY,
	    .call_bearer = bezeq ? MSG_BEARER_DIGITAL : MSG_BEARER_ANY,
	    .min_bps = 2400,
	    .max_bps = 1000000000,
	    .send_link_info = bezeq,
	};
}

void ctrl_conn_init(
    struct ctrl_conn *c, struct loop *loop, const struct ctrl_conn_ops *ops, void *context)
{
	*c = (struct ctrl_conn){.loop = loop, .ops = ops, .context = context, .tcp.fd = -1};
	loop_timer_start(loop, &c->timer, DEADLINE_NEVER, on_deadline, c);
}

int ctrl_conn_start(
    struct ctrl_conn *c, int64_t now_us, int fd, const struct ctrl_conn_config *config)
{
	const struct pptp_options *o = config->options;
	c->config = *config;
	c->tcp_error = 0;
	c->unanswered = 0;
	int error = loop_watch_fd(c->loop, &c->tcp, fd, POLLIN, on_tcp, c);
	if (error) {
		ctrl_conn_end(c);
		return error;
	}
	struct ctrl_config cc = {
	    .reply_wait_us = o->connect_timeout_us,
	    .close_wait_us = config->close_wait_us,
	    .idle_wait_us = o->idle_wait_us,
	    .echo_wait_us = o->echo_wait_us,
	    .our_address = ntohl(config->local.s_addr),
	    .server_address = ntohl(config->server.s_addr),
	    .identity = identity_of(o),
	    .call = {.call_id = config->call_id,
		.serial = config->call_serial,
		.window = RECEIVE_WINDOW},
	};
	snprintf(cc.call.phone, sizeof(cc.call.phone), "%s",
	    o->phone[0] == '\0' && o->quirks.bezeq ? "RELAY_PPP1" : o->phone);
	ctrl_init(&c->ctrl, &cc);
	ctrl_start(&c->ctrl, now_us);
	ctrl_conn_serve(c, now_us);
	return 0;
}

void ctrl_conn_stop(struct ctrl_conn *c, int64_t now_us, const char *why)
{
	log_info("Closing connection (%s)", why);
	ctrl_stop(&c->ctrl, now_us, MSG_STOP_LOCAL_SHUTDOWN);
}

void ctrl_conn_end(struct ctrl_conn *c)
{
	c->timer.deadline_us = DEADLINE_NEVER;
	loop_close(c->loop, &c->tcp);
}

bool ctrl_conn_is_open(const struct ctrl_conn *c)
{
	return c->tcp.fd >= 0;
}

const char *ctrl_conn_state_name(const struct ctrl_conn *c)
{
	return ctrl_state_name(ctrl_state(&c->ctrl));
}
