/* SPDX-License-Identifier: ISC */
/*
 * Sentences for people: each names the server, the stage, the reason and, where there is something
 * to try, that. And the lines of the status. Decides nothing but words and the exit status.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "callmgr.h"

/* Text that is put together piece by piece; what does not fit is left out. */
struct text {
	char *octets;
	size_t cap;
	size_t len;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->octets + t->len, t->cap - t->len, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n < t->cap - t->len ? (size_t)n : t->cap - t->len - 1;
}

static double seconds(int64_t us)
{
	return (double)us / (double)USEC_PER_SEC;
}

static void add_address(struct text *t, struct in_addr address)
{
	char text[INET_ADDRSTRLEN] = "";
	inet_ntop(AF_INET, &address, text, sizeof(text));
	add(t, "%s", text);
}

/* ---- before there is a control connection ---- */

static void add_ipv6(struct text *t, const char *server)
{
	add(t,
	    "'%.255s' is an IPv6 address; PPTP runs over IPv4 only: give the server's name or IPv4 "
	    "address",
	    server);
}

static void add_port(struct text *t, const char *server)
{
	add(t,
	    "'%.255s' has a port, which is always %d with PPTP and must not be given: write '%.*s'",
	    server, MSG_PORT, (int)strcspn(server, ":"), server);
}

static void add_resolve(struct text *t, const struct callmgr *cm, int code)
{
	const char *name = cm->options->server;
	add(t, "Could not find the server '%.255s': ", name);
	if (code == 0)
		add(t, "no answer from the name server within %g s; is the network up?",
		    seconds(cm->options->connect_timeout_us));
	else if (code == EAI_AGAIN)
		add(t, "no name server gave an answer (%s); is the network up?",
		    gai_strerror(code));
	else if (code == EAI_NONAME || code == EAI_NODATA)
		add(t, "%s; check the spelling (PPTP needs an IPv4 address for the name)",
		    gai_strerror(code));
	else if (code == RESOLVE_NOTHING)
		add(t,
		    "this host finds no IPv4 address for the name; check the spelling, and whether "
		    "the network is up and the name server answers");
	else if (code == EAI_SYSTEM)
		add(t, "%s",
		    cm->resolver.os_error ? strerror(cm->resolver.os_error)
					  : "the look-up was ended by somebody");
	else
		add(t, "%s", gai_strerror(code));
}

static void add_connect(struct text *t, const struct callmgr *cm, int code)
{
	add(t, "Could not open control connection to ");
	add_address(t, callmgr_address(cm));
	if (strchr(cm->server_text, '('))
		add(t, " (%.255s)", cm->options->server);
	add(t, ": %s", strerror(code));
	switch (code) {
	case ECONNREFUSED:
		add(t, "; nothing answers on TCP port %d: is PPTP enabled on the server?",
		    MSG_PORT);
		break;
	case ETIMEDOUT:
		add(t,
		    "; no answer on TCP port %d within %g s: check the address, and the firewalls "
		    "on the way",
		    MSG_PORT, seconds(cm->options->connect_timeout_us));
		break;
	case EHOSTUNREACH:
	case EHOSTDOWN:
		add(t, "; the server cannot be reached: check the address and the network");
		break;
	case ENETUNREACH:
	case ENETDOWN:
		add(t, "; there is no route to the server: is the network up?");
		break;
	case EADDRNOTAVAIL:
		if (cm->options->localbind.s_addr != htonl(INADDR_ANY))
			add(t, "; the address given to --localbind is none of this host");
		break;
	case EINVAL: /* a route of type blackhole */
		add(t, "; a local route discards what goes there: see ip route get ");
		add_address(t, callmgr_address(cm));
		break;
	case EPERM:
	case EACCES:
		add(t,
		    "; a local firewall or route forbids it, or a right is missing (run as root, "
		    "or give the program cap_net_raw and cap_net_admin)");
		break;
	default:
		break;
	}
}

/* ---- what the server did ---- */

/* Of a code without a word the number is all there is to look for. */
static void add_word(struct text *t, const char *word, const char *what, unsigned code)
{
	if (word[0])
		add(t, "%s", word);
	else
		add(t, "unknown %s code %u", what, code);
}

static void add_result(struct text *t, enum msg_type type, unsigned result)
{
	add_word(t, msg_result_text(type, result), "result", result);
}

static void add_codes(struct text *t, const struct ctrl_event *e)
{
	if (e->result == MSG_RESULT_GENERAL_ERROR && e->error) {
		add(t, ": ");
		add_word(t, msg_error_text(e->error), "error", e->error);
	}
	if (e->cause && msg_cause_text(e->cause)[0])
		add(t, " (cause %u: %s)", e->cause, msg_cause_text(e->cause));
	else if (e->cause)
		add(t, " (cause %u)", e->cause);
}

static void add_call_refused(struct text *t, const struct callmgr *cm, const struct ctrl_event *e)
{
	bool no_phone = cm->options->phone[0] == '\0';
	add(t, "%s refused the call: ", cm->server_text);
	add_result(t, MSG_OUTGOING_CALL_REPLY, e->result);
	add_codes(t, e);
	if (e->result == MSG_OCRP_BUSY || (e->result == MSG_RESULT_GENERAL_ERROR && e->error == 4))
		add(t, "; try again later");
	else if (no_phone &&
		 (e->result == MSG_OCRP_NO_DIAL_TONE || e->result == MSG_OCRP_DO_NOT_ACCEPT ||
		     (e->result == MSG_RESULT_GENERAL_ERROR && e->error == 3)))
		add(t, "; it may need a dialled number: try --phone");
	else if (!no_phone && e->result == MSG_OCRP_NO_CARRIER)
		add(t, "; check the number given to --phone");
}

static void add_start_refused(struct text *t, const struct callmgr *cm, const struct ctrl_event *e)
{
	add(t, "%s refused the control connection: ", cm->server_text);
	add_result(t, MSG_START_CONTROL_CONNECTION_REPLY, e->result);
	add_codes(t, e);
	if (e->result == MSG_SCCRP_NOT_AUTHORISED)
		add(t, "; ask the server's administrator, or try --client-hostname");
}

static void add_tcp_closed(struct text *t, const struct callmgr *cm, const struct callmgr_end *end)
{
	const char *how = end->code ? strerror(end->code) : "connection closed by the server";
	if (end->stage == STAGE_CONTROL)
		add(t,
		    "%s: %s, without an answer to Start-Control-Connection-Request; it is not a "
		    "PPTP server, or does not let this host in",
		    cm->server_text, how);
	else if (cm->any_up)
		add(t, "The control connection to %s is gone: %s", cm->server_text, how);
	else
		add(t,
		    "%s: %s, without an answer to Outgoing-Call-Request; it may have too many "
		    "calls: try again later",
		    cm->server_text, how);
}

static void add_octets(struct text *t, const struct ctrl_event *e)
{
	add(t, " (octets");
	for (size_t i = 0; i < e->octet_count && i < 16; i++)
		add(t, " %02x", e->octets[i]);
	add(t, ")");
}

static void add_not_pptp(struct text *t, const struct callmgr *cm, const struct callmgr_end *end)
{
	if (end->stage == STAGE_CONTROL)
		add(t, "%s is not a PPTP server: it answered on TCP port %d with something else",
		    cm->server_text, MSG_PORT);
	else
		add(t, "The control connection to %s had to be closed: %s", cm->server_text,
		    ctrl_why_text(end->event.why));
	add_octets(t, &end->event);
}

/* Sentences that are the server's name and these words. */
static const char *const after_server[] = {
    [CTRL_WHY_CHANNEL_EXISTS] =
	(" refused the control connection: one from this host exists already, and no call manager "
	 "of ours holds it; end the other client, or wait until the server has noticed its end"),
    [CTRL_WHY_BAD_VERSION] =
	" speaks another version of PPTP than 1.0, wrong version for this client",
    [CTRL_WHY_COLLISION] = (" opens a control connection of its own at the same time, which has "
			    "precedence: try again"),
    [CTRL_WHY_CALL_CLEARED] = " ended the call (Call-Clear-Request)",
    [CTRL_WHY_ECHO_TIMEOUT] =
	" has been silent for too long (echo timed out): it or the way to it is down",
};

static void add_no_answer(
    struct text *t, const struct callmgr *cm, const char *question, const char *advice)
{
	add(t, "%s %s within %g s (timed out)%s", cm->server_text, question,
	    seconds(cm->options->connect_timeout_us), advice);
}

static void add_call_disconnected(
    struct text *t, const struct callmgr *cm, const struct ctrl_event *e)
{
	add(t, "%s ended the call: ", cm->server_text);
	add_result(t, MSG_CALL_DISCONNECT_NOTIFY, e->result);
	add_codes(t, e);
}

static void add_stopped(struct text *t, const struct callmgr *cm, const struct ctrl_event *e)
{
	add(t, "%s ended the control connection: ", cm->server_text);
	add_word(t, msg_stop_reason_text(e->result), "reason", e->result);
}

static void add_control(struct text *t, const struct callmgr *cm, const struct callmgr_end *end)
{
	const struct ctrl_event *e = &end->event;
	switch (e->why) {
	case CTRL_WHY_CHANNEL_EXISTS:
	case CTRL_WHY_BAD_VERSION:
	case CTRL_WHY_COLLISION:
	case CTRL_WHY_CALL_CLEARED:
	case CTRL_WHY_ECHO_TIMEOUT:
		add(t, "%s%s", cm->server_text, after_server[e->why]);
		break;
	case CTRL_WHY_START_REFUSED:
		add_start_refused(t, cm, e);
		break;
	case CTRL_WHY_START_TIMEOUT:
		add_no_answer(t, cm,
		    "took the connection but gave no answer to Start-Control-Connection-Request",
		    "; is it a PPTP server?");
		break;
	case CTRL_WHY_CALL_REFUSED:
		add_call_refused(t, cm, e);
		break;
	case CTRL_WHY_CALL_TIMEOUT:
		add_no_answer(
		    t, cm, "gave no answer to Outgoing-Call-Request", ": try again later");
		break;
	case CTRL_WHY_CALL_DISCONNECTED:
		add_call_disconnected(t, cm, e);
		break;
	case CTRL_WHY_STOPPED:
		add_stopped(t, cm, e);
		break;
	case CTRL_WHY_LOST_SYNC:
	case CTRL_WHY_SHORT_MESSAGE:
		add_not_pptp(t, cm, end);
		break;
	case CTRL_WHY_TCP_CLOSED:
		add_tcp_closed(t, cm, end);
		break;
	case CTRL_WHY_NONE:
	case CTRL_WHY_LOCAL:
	case CTRL_WHY_STOP_TIMEOUT:
		add(t, "The call to %s was ended: %s", cm->server_text, ctrl_why_text(e->why));
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

static const char *stage_phrase(enum callmgr_stage stage, bool any_up)
{
	switch (stage) {
	case STAGE_RESOLVE:
		return " while its name was looked up";
	case STAGE_JOIN:
		return " while another call manager was asked for it";
	case STAGE_CONNECT:
		return " while connecting";
	case STAGE_CONTROL:
		return " while waiting for Start-Control-Connection-Reply";
	case STAGE_CALLS:
		return any_up ? "" : " while waiting for Outgoing-Call-Reply";
	case STAGE_CLOSE:
	case STAGE_OVER:
		break;
	}
	return "";
}

static void add_route_loop(struct text *t, const struct callmgr *cm)
{
	add(t,
	    "The route to %s leads into the tunnel itself, whose packets would go round in a loop; "
	    "see: ip route get ",
	    cm->server_text);
	add_address(t, callmgr_address(cm));
	add(t, "; give the server a route outside the tunnel");
}

static void add_ended_here(
    struct text *t, const struct callmgr *cm, const struct callmgr_end *end, const char *how)
{
	add(t, "The call to %s was ended%s%s", cm->server_text, how,
	    stage_phrase(end->stage, cm->any_up));
}

static void add_end(struct text *t, const struct callmgr *cm, const struct callmgr_end *end)
{
	switch (end->reason) {
	case REASON_IPV6:
		add_ipv6(t, cm->options->server);
		break;
	case REASON_PORT:
		add_port(t, cm->options->server);
		break;
	case REASON_RESOLVE:
		add_resolve(t, cm, end->code);
		break;
	case REASON_CONNECT:
		add_connect(t, cm, end->code);
		break;
	case REASON_CONTROL:
		add_control(t, cm, end);
		break;
	case REASON_SIGNAL:
		add_ended_here(t, cm, end, by_signal(end->code));
		break;
	case REASON_CLOSED:
		add_ended_here(t, cm, end, " on this side");
		break;
	case REASON_GONE:
		add_ended_here(t, cm, end, ": its gateway process is gone");
		break;
	case REASON_ROUTE_LOOP:
		add_route_loop(t, cm);
		break;
	case REASON_REFUSED:
		add(t, "The shared control connection to %s takes no further call: %s",
		    cm->server_text, "too many calls, or the call id is in use");
		break;
	case REASON_JOIN:
		add(t, "The call manager that holds the connection to %s does not answer: %s",
		    cm->server_text, strerror(end->code));
		break;
	case REASON_TEXT:
		add(t, "%s", end->text);
		break;
	case REASON_INTERNAL:
		add(t, "The call to %s could not be made: %s", cm->server_text,
		    strerror(end->code));
		break;
	case REASON_NONE:
		add(t, "The call to %s is over", cm->server_text);
		break;
	}
}

void callmgr_text(char *text, size_t cap, const struct callmgr *cm, const struct callmgr_end *end)
{
	struct text t = {.octets = text, .cap = cap};
	text[0] = '\0';
	add_end(&t, cm, end);
}

uint8_t callmgr_exit_status(const struct callmgr_end *end, bool was_up)
{
	bool wanted = end->reason == REASON_SIGNAL || end->reason == REASON_CLOSED ||
	              end->reason == REASON_GONE;
	return wanted && was_up ? 0 : EXIT_FAILED;
}

/* ---- status ---- */

static const char *stage_name(const struct callmgr *cm)
{
	switch (cm->stage) {
	case STAGE_RESOLVE:
		return "resolving";
	case STAGE_JOIN:
		return "joining";
	case STAGE_CONNECT:
		return "connecting";
	case STAGE_CONTROL:
	case STAGE_CALLS:
		return ctrl_state_name(ctrl_state(&cm->ctrl));
	case STAGE_CLOSE:
	case STAGE_OVER:
		break;
	}
	return "closing";
}

static const char *call_state_name(const struct callmgr_client *c)
{
	if (c->closing)
		return "closing";
	return c->was_up ? "established" : "waiting";
}

static void add_call(
    struct text *t, const struct callmgr_client *c, unsigned number, int64_t now_us)
{
	add(t, "call.%u.id=%u\ncall.%u.state=%s\n", number, c->request.call_id, number,
	    call_state_name(c));
	if (!c->was_up)
		return;
	add(t, "call.%u.peer_id=%u\ncall.%u.seconds=%lld\n", number, c->peer_call_id, number,
	    (long long)((now_us - c->up_since_us) / USEC_PER_SEC));
	if (!c->stats_known)
		return;
	for (size_t i = 0; i < STATS_COUNT; i++) {
		char name[sizeof(stats_table[i].name)];
		memcpy(name, stats_table[i].name, sizeof(name));
		for (char *s = name; *s; s++)
			if (*s == ' ')
				*s = '_';
		add(t, "call.%u.%s=%llu\n", number, name,
		    (unsigned long long)stats_shown(&c->stats, &stats_table[i]));
	}
}

static const char *host_route_word(const struct callmgr *cm)
{
	const struct route_keeper *k = &cm->traces->route;
	if (!cm->route_begun || !(k->added || k->blocked))
		return "none";
	return k->state == ROUTE_STATE_GOOD ? "added" : "lost";
}

void callmgr_status_text(char *text, size_t cap, const struct callmgr *cm, int64_t now_us)
{
	enum {
		CALL_LINES_MAX = 1024, /* what add_call writes at the most */
	};
	struct text t = {.octets = text, .cap = cap};
	unsigned calls = 0;
	unsigned shown = 0;
	add(&t, "version=%s\npid=%ld\nsession=%.64s\nserver=%.255s\naddress=", PPTP_VERSION,
	    (long)getpid(), cm->options->logstring, cm->options->server);
	add_address(&t, callmgr_address(cm));
	add(&t, "\nlocal=");
	add_address(&t, cm->local);
	add(&t, "\nstate=%s\nhost_route=%s\n", stage_name(cm), host_route_word(cm));
	for (const struct callmgr_client *c = cm->clients; c; c = c->next)
		calls += c->kind == CLIENT_GATEWAY && !c->gone;
	add(&t, "calls=%u\n", calls);
	for (const struct callmgr_client *c = cm->clients; c; c = c->next) {
		if (c->kind != CLIENT_GATEWAY || c->gone || t.cap - t.len < CALL_LINES_MAX)
			continue;
		add_call(&t, c, ++shown, now_us);
	}
	if (shown < calls)
		add(&t, "calls_left_out=%u\n", calls - shown);
}
