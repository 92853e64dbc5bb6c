/* SPDX-License-Identifier: ISC */
/* What the state machine reports is kept here until the step goes on. */
#include "diagnose/call_check.h"

#include "sys/netsock.h"

#define CLOSING_US USEC_PER_SEC

static void on_event(void *context, int64_t now_us, const struct ctrl_event *e, int tcp_error)
{
	struct call_check *c = context;
	if (e->type == CTRL_EV_ESTABLISHED) {
		c->established_us = now_us;
		c->start = e->msg.u.start;
		return;
	}
	if (e->type == CTRL_EV_CALL_UP) {
		c->up_us = now_us;
		c->reply = e->msg.u.outgoing_call_reply;
		c->peer_call_id = c->reply.call_id;
	} else if (!c->ended) {
		c->ended = true;
		c->end = (struct call_end){.reason = CALL_END_CONTROL,
		    .stage = c->established_us ? STAGE_CALL : STAGE_CONTROL,
		    .code = tcp_error,
		    .event = *e};
	}
	loop_stop(&c->wait->loop);
}

static void on_finished(void *context, int64_t now_us)
{
	struct call_check *c = context;
	(void)now_us;
	c->finished = true;
	loop_stop(&c->wait->loop);
}

void call_check_end_text(const struct call_check *c, char *string, size_t cap)
{
	struct call_end_facts facts = {.options = c->options,
	    .server_text = c->server_text,
	    .address = c->server,
	    .was_up = c->up_us != 0};
	call_end_text(string, cap, &c->end, &facts);
}

static void add_failure(struct call_check *c, struct report_result *result)
{
	result->state = REPORT_PROBLEM;
	call_check_end_text(c, result->text_buffer, sizeof(result->text_buffer));
	if (c->end.event.result)
		report_add_number(result, "result", c->end.event.result);
	if (c->end.event.error)
		report_add_number(result, "error", c->end.event.error);
	if (c->end.event.cause)
		report_add_number(result, "cause", c->end.event.cause);
}

static bool report_control(struct call_check *c)
{
	struct report_result *result = report_add(c->report, REPORT_CONTROL, REPORT_OK);
	if (!c->established_us) {
		add_failure(c, result);
		return false;
	}
	int64_t took_us = c->established_us - c->begun_us;
	text_add(&result->text, "the server is '");
	text_add_printable(&result->text, c->start.host_name, sizeof(c->start.host_name));
	text_add(&result->text, "' of '");
	text_add_printable(&result->text, c->start.vendor, sizeof(c->start.vendor));
	text_add(&result->text, "', firmware %u, PPTP %u.%u; it answered in %.1f ms",
	    c->start.firmware, c->start.version >> 8, c->start.version & 0xff,
	    (double)took_us / 1000);
	report_add_string(result, "host_name", c->start.host_name);
	report_add_string(result, "vendor", c->start.vendor);
	report_add_number(result, "firmware", c->start.firmware);
	report_add_number(result, "version", c->start.version);
	report_add_ms(result, "ms", took_us);
	return true;
}

static bool report_call(struct call_check *c)
{
	struct report_result *result = report_add(c->report, REPORT_CALL, REPORT_OK);
	if (!c->up_us) {
		add_failure(c, result);
		return false;
	}
	int64_t took_us = c->up_us - c->established_us;
	text_add(&result->text,
	    "the server takes the call: its id is %u, ours %u; window %u packets, %u bit/s; it "
	    "answered in %.1f ms",
	    c->reply.call_id, c->call_id, c->reply.window, c->reply.connect_bps,
	    (double)took_us / 1000);
	report_add_number(result, "call_id", c->call_id);
	report_add_number(result, "peer_call_id", c->reply.call_id);
	report_add_number(result, "window", c->reply.window);
	report_add_number(result, "bps", c->reply.connect_bps);
	report_add_ms(result, "ms", took_us);
	return true;
}

static const struct ctrl_conn_ops ops = {.event = on_event, .finished = on_finished};

bool call_check_begin(struct call_check *c, int tcp)
{
	struct ctrl_conn_config config = {.options = c->options,
	    .server_text = c->server_text,
	    .server = c->server,
	    .local = c->local,
	    .call_id = c->call_id,
	    .call_serial = netsock_random_u16(),
	    .close_wait_us = CLOSING_US};
	c->begun_us = step_wait_now_us(c->wait);
	ctrl_conn_init(&c->conn, &c->wait->loop, &ops, c);
	int error = ctrl_conn_start(&c->conn, c->begun_us, tcp, &config);
	if (error) {
		c->ended = true;
		c->end = (struct call_end){.reason = CALL_END_INTERNAL, .code = -error};
	}
	/* The state machine has the deadlines. */
	while (!c->ended && !c->up_us && !c->wait->signo)
		(void)step_wait_until(c->wait, DEADLINE_NEVER);
	if (c->wait->signo)
		return false;
	return report_control(c) && report_call(c);
}

void call_check_end(struct call_check *c)
{
	int64_t until_us = step_wait_now_us(c->wait) + CLOSING_US;
	if (ctrl_conn_is_open(&c->conn) && !c->finished) {
		ctrl_conn_stop(&c->conn, step_wait_now_us(c->wait), "the diagnosis is complete");
		ctrl_conn_serve(&c->conn, step_wait_now_us(c->wait));
	}
	while (ctrl_conn_is_open(&c->conn) && !c->finished && step_wait_until(c->wait, until_us))
		;
	ctrl_conn_end(&c->conn);
	loop_timer_remove(&c->wait->loop, &c->conn.timer);
}
