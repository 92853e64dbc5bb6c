/* SPDX-License-Identifier: ISC */
/*
 * The sentences: each names the server, the stage, the reason and, where there is something to try,
 * that. Texts that other programs match come from error_text(), the same with every C library.
 */
#include "callmgr/call_end.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lib/msg_limits.h"
#include "sys/error_text.h"
#include "callmgr/text.h"

static double seconds(int64_t us)
{
	return (double)us / (double)USEC_PER_SEC;
}

/* ---- before there is a control connection ---- */

static void add_resolve(struct text *t, const struct call_end_facts *f, int code)
{
	const char *name = f->options->server;
	text_add(t, "Could not find the server '%.255s': ", name);
	if (code == 0)
		text_add(t, "no answer from the name server within %g s; is the network up?",
		    seconds(f->options->connect_timeout_us));
	else if (code == EAI_AGAIN)
		text_add(t, "no name server gave an answer (%s); is the network up?",
		    gai_strerror(code));
	else if (code == EAI_NONAME || code == EAI_NODATA)
		text_add(t, "%s; check the spelling (PPTP needs an IPv4 address for the name)",
		    gai_strerror(code));
	else if (code == EAI_SYSTEM)
		text_add(t, "%s",
		    f->resolver_errno ? error_text(f->resolver_errno)
				      : "the process that looked it up has exited");
	else
		text_add(t, "%s", gai_strerror(code));
}

static void add_connect(struct text *t, const struct call_end_facts *f, int code)
{
	text_add(t, "Could not open control connection to ");
	text_add_address(t, f->address);
	if (strchr(f->server_text, '('))
		text_add(t, " (%.255s)", f->options->server);
	text_add(t, ": %s", error_text(code));
	switch (code) {
	case ECONNREFUSED:
		text_add(t, "; nothing answers on TCP port %d: is PPTP enabled on the server?",
		    MSG_PORT);
		break;
	case ETIMEDOUT:
		text_add(t,
		    "; no answer on TCP port %d within %g s: check the address, and the firewalls "
		    "on the path",
		    MSG_PORT, seconds(f->options->connect_timeout_us));
		break;
	case EHOSTUNREACH:
	case EHOSTDOWN:
		text_add(t, "; the server cannot be reached: check the address and the network");
		break;
	case ENETUNREACH:
	case ENETDOWN:
		text_add(t, "; there is no route to the server: is the network up?");
		break;
	case EADDRNOTAVAIL:
		if (f->options->localbind.s_addr != htonl(INADDR_ANY))
			text_add(t, "; the address given to --localbind is none of this host");
		break;
	case EINVAL: /* a route of type blackhole */
		text_add(t, "; a local route discards what goes there: see ip route get ");
		text_add_address(t, f->address);
		break;
	case EPERM:
	case EACCES:
		text_add(t,
		    "; a local firewall or route forbids it, or a right is missing (run as root, "
		    "or give the program cap_net_raw and cap_net_admin)");
		break;
	default:
		break;
	}
}

/* ---- what the server did ---- */

/* Of a code without a phrase the number is all there is to look for. */
static void add_phrase(struct text *t, const char *phrase, const char *kind, unsigned code)
{
	if (phrase[0])
		text_add(t, "%s", phrase);
	else
		text_add(t, "unknown %s code %u", kind, code);
}

static void add_result(struct text *t, enum msg_type type, unsigned result)
{
	add_phrase(t, msg_result_text(type, result), "result", result);
}

static void add_codes(struct text *t, const struct ctrl_event *e)
{
	if (e->result == MSG_RESULT_GENERAL_ERROR && e->error) {
		text_add(t, ": ");
		add_phrase(t, msg_error_text(e->error), "error", e->error);
	}
	if (e->cause && msg_cause_text(e->cause)[0])
		text_add(t, " (cause %u: %s)", e->cause, msg_cause_text(e->cause));
	else if (e->cause)
		text_add(t, " (cause %u)", e->cause);
}

static void add_call_refused(
    struct text *t, const struct call_end_facts *f, const struct ctrl_event *e)
{
	bool no_phone = f->options->phone[0] == '\0';
	text_add(t, "%s refused the call: ", f->server_text);
	add_result(t, MSG_OUTGOING_CALL_REPLY, e->result);
	add_codes(t, e);
	if (e->result == MSG_OCRP_BUSY || (e->result == MSG_RESULT_GENERAL_ERROR && e->error == 4))
		text_add(t, "; try again later");
	else if (no_phone &&
		 (e->result == MSG_OCRP_NO_DIAL_TONE || e->result == MSG_OCRP_DO_NOT_ACCEPT ||
		     (e->result == MSG_RESULT_GENERAL_ERROR && e->error == 3)))
		text_add(t, "; it may need a dialled number: try --phone");
	else if (!no_phone && e->result == MSG_OCRP_NO_CARRIER)
		text_add(t, "; check the number given to --phone");
}

static void add_start_refused(
    struct text *t, const struct call_end_facts *f, const struct ctrl_event *e)
{
	text_add(t, "%s refused the control connection: ", f->server_text);
	add_result(t, MSG_START_CONTROL_CONNECTION_REPLY, e->result);
	add_codes(t, e);
	if (e->result == MSG_SCCRP_NOT_AUTHORISED)
		text_add(t, "; ask the server's administrator, or try --client-hostname");
}

static void add_tcp_closed(
    struct text *t, const struct call_end_facts *f, const struct call_end *end)
{
	const char *how = end->code ? error_text(end->code) : "connection closed by the server";
	if (end->stage == STAGE_CONTROL)
		text_add(t,
		    "%s: %s, without an answer to Start-Control-Connection-Request; it is not a "
		    "PPTP server, or does not let this host in",
		    f->server_text, how);
	else if (f->was_up)
		text_add(t, "The control connection to %s has ended: %s", f->server_text, how);
	else
		text_add(t,
		    "%s: %s, without an answer to Outgoing-Call-Request; it may have too many "
		    "calls: try again later",
		    f->server_text, how);
}

static void add_bytes(struct text *t, const struct ctrl_event *e)
{
	text_add(t, " (bytes");
	for (size_t i = 0; i < e->byte_count && i < 16; i++)
		text_add(t, " %02x", e->bytes[i]);
	text_add(t, ")");
}

static void add_not_pptp(struct text *t, const struct call_end_facts *f, const struct call_end *end)
{
	if (end->stage == STAGE_CONTROL)
		text_add(t,
		    "%s is not a PPTP server: it answered on TCP port %d with something else",
		    f->server_text, MSG_PORT);
	else
		text_add(t, "The control connection to %s had to be closed: %s", f->server_text,
		    ctrl_why_text(end->event.why));
	add_bytes(t, &end->event);
}

/* Sentences that are the server's name and this phrase. */
static const char *const after_server[] = {
    [CTRL_WHY_CHANNEL_EXISTS] =
	(" refused the control connection: one from this host exists already; end the other client, "
	 "or wait until the server has noticed its end"),
    [CTRL_WHY_BAD_VERSION] =
	" speaks another version of PPTP than 1.0, wrong version for this client",
    [CTRL_WHY_COLLISION] = (" opens a control connection of its own at the same time, which has "
			    "precedence: try again"),
    [CTRL_WHY_CALL_CLEARED] = " ended the call (Call-Clear-Request)",
    [CTRL_WHY_ECHO_TIMEOUT] =
	" has been silent for too long (echo timed out): it or the path to it is down",
};

static void add_no_answer(
    struct text *t, const struct call_end_facts *f, const char *question, const char *advice)
{
	text_add(t, "%s %s within %g s (timed out)%s", f->server_text, question,
	    seconds(f->options->connect_timeout_us), advice);
}

static void add_control(struct text *t, const struct call_end_facts *f, const struct call_end *end)
{
	const struct ctrl_event *e = &end->event;
	switch (e->why) {
	case CTRL_WHY_CHANNEL_EXISTS:
	case CTRL_WHY_BAD_VERSION:
	case CTRL_WHY_COLLISION:
	case CTRL_WHY_CALL_CLEARED:
	case CTRL_WHY_ECHO_TIMEOUT:
		text_add(t, "%s%s", f->server_text, after_server[e->why]);
		break;
	case CTRL_WHY_START_REFUSED:
		add_start_refused(t, f, e);
		break;
	case CTRL_WHY_START_TIMEOUT:
		add_no_answer(t, f,
		    "took the connection but gave no answer to Start-Control-Connection-Request",
		    "; is it a PPTP server?");
		break;
	case CTRL_WHY_CALL_REFUSED:
		add_call_refused(t, f, e);
		break;
	case CTRL_WHY_CALL_TIMEOUT:
		add_no_answer(t, f, "gave no answer to Outgoing-Call-Request", ": try again later");
		break;
	case CTRL_WHY_CALL_DISCONNECTED:
		text_add(t, "%s ended the call: ", f->server_text);
		add_result(t, MSG_CALL_DISCONNECT_NOTIFY, e->result);
		add_codes(t, e);
		break;
	case CTRL_WHY_STOPPED:
		text_add(t, "%s ended the control connection: ", f->server_text);
		add_phrase(t, msg_stop_reason_text(e->result), "reason", e->result);
		break;
	case CTRL_WHY_LOST_SYNC:
		add_not_pptp(t, f, end);
		break;
	case CTRL_WHY_SHORT_REPLY:
		text_add(t,
		    "%s sent a %s that is too short to be understood: is it a PPTP server of "
		    "another version?",
		    f->server_text, msg_type_name(e->msg_type));
		break;
	case CTRL_WHY_OTHER_CALL:
		text_add(t,
		    "%s answered Outgoing-Call-Request for another call (id %u) than it was asked "
		    "for: the server is faulty",
		    f->server_text, e->msg.u.outgoing_call_reply.peer_call_id);
		break;
	case CTRL_WHY_TCP_CLOSED:
		add_tcp_closed(t, f, end);
		break;
	case CTRL_WHY_NONE:
	case CTRL_WHY_LOCAL:
	case CTRL_WHY_STOP_TIMEOUT:
		text_add(t, "The call to %s was ended: %s", f->server_text, ctrl_why_text(e->why));
		break;
	}
}

/* ---- what happened on this side ---- */

static const char *by_signal(int signo)
{
	switch (signo) {
	case SIGTERM:
		return " by SIGTERM";
	case SIGINT:
		return " by SIGINT";
	case SIGHUP:
		return " by SIGHUP";
	default:
		return " by a signal";
	}
}

static const char *const stage_phrases[] = {
    [STAGE_RESOLVE] = " while its name was looked up",
    [STAGE_CONNECT] = " while connecting",
    [STAGE_CONTROL] = " while waiting for Start-Control-Connection-Reply",
    [STAGE_CALL] = " while waiting for Outgoing-Call-Reply",
    [STAGE_CLOSE] = "",
    [STAGE_CLOSED] = "",
};

static void add_ended_here(
    struct text *t, const struct call_end_facts *f, const struct call_end *end, const char *how)
{
	text_add(t, "The call to %s was ended%s%s", f->server_text, how,
	    end->stage == STAGE_CALL && f->was_up ? "" : stage_phrases[end->stage]);
}

static void add_end(struct text *t, const struct call_end_facts *f, const struct call_end *end)
{
	const char *server = f->options->server;
	switch (end->reason) {
	case CALL_END_IPV6:
		text_add(t,
		    "'%.255s' is an IPv6 address; PPTP runs over IPv4 only: give the server's name or "
		    "IPv4 address",
		    server);
		break;
	case CALL_END_PORT:
		text_add(t,
		    "'%.255s' has a port, which is always %d with PPTP and must not be given: write "
		    "'%.*s'",
		    server, MSG_PORT, (int)strcspn(server, ":"), server);
		break;
	case CALL_END_RESOLVE:
		add_resolve(t, f, end->code);
		break;
	case CALL_END_CONNECT:
		add_connect(t, f, end->code);
		break;
	case CALL_END_CONTROL:
		add_control(t, f, end);
		break;
	case CALL_END_SIGNAL:
		add_ended_here(t, f, end, by_signal(end->code));
		break;
	case CALL_END_REQUESTED:
		add_ended_here(t, f, end, " on this side");
		break;
	case CALL_END_INTERNAL:
		text_add(t, "The call to %s could not be made: %s", f->server_text,
		    error_text(end->code));
		break;
	case CALL_END_NONE:
		text_add(t, "The call to %s has ended", f->server_text);
		break;
	}
}

void call_end_text(
    char *string, size_t cap, const struct call_end *end, const struct call_end_facts *facts)
{
	struct text t = text_make(string, cap);
	if (end->reason == CALL_END_CONNECT && end->code == ELOOP)
		call_end_loop_text(string, cap, facts->server_text, facts->address);
	else
		add_end(&t, facts, end);
}

uint8_t call_end_exit_status(const struct call_end *end, bool was_up)
{
	bool on_purpose = end->reason == CALL_END_SIGNAL || end->reason == CALL_END_REQUESTED;
	return on_purpose && was_up ? 0 : EXIT_FAILED;
}

bool call_end_is_by_server(const struct call_end *end)
{
	enum ctrl_why why = end->event.why;
	return end->reason == CALL_END_CONTROL &&
	       (why == CTRL_WHY_CALL_DISCONNECTED || why == CTRL_WHY_CALL_CLEARED ||
		   why == CTRL_WHY_STOPPED || why == CTRL_WHY_TCP_CLOSED);
}

void call_end_server_text(char *string, size_t cap, const char *name, struct in_addr address)
{
	char number[INET_ADDRSTRLEN] = "";
	inet_ntop(AF_INET, &address, number, sizeof(number));
	if (strcmp(number, name) == 0)
		snprintf(string, cap, "%s", number);
	else
		snprintf(string, cap, "%.255s (%s)", name, number);
}

void call_end_loop_text(char *string, size_t cap, const char *server_text, struct in_addr address)
{
	struct text t = text_make(string, cap);
	text_add(&t,
	    "The route to %s leads into the tunnel itself, whose packets would go round in a loop; "
	    "see: ip route get ",
	    server_text);
	text_add_address(&t, address);
	text_add(&t, "; give the server a route outside the tunnel");
}
