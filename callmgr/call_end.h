/* SPDX-License-Identifier: ISC */
/*
 * Why a call ended: the reason as data, and as the sentence and exit status that the user gets. The
 * coordinator (pptp_callmgr.c) decides that it has ended.
 */
#ifndef PPTP_CALL_END_H
#define PPTP_CALL_END_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pptp_ctrl.h"
#include "pptp_options.h"

/* What the call manager is waiting for. */
enum callmgr_stage {
	STAGE_RESOLVE, /* the name's addresses */
	STAGE_CONNECT, /* the parent's reply, then TCP */
	STAGE_CONTROL, /* Start-Control-Connection-Reply */
	STAGE_CALL,    /* Outgoing-Call-Reply, and then the end of the call */
	STAGE_CLOSE,   /* the server's confirmation that the connection is closed */
	STAGE_CLOSED,  /* nothing any more */
};

enum call_end_reason {
	CALL_END_NONE,
	CALL_END_IPV6,      /* the server was given as an IPv6 address */
	CALL_END_PORT,      /* ... or with a port */
	CALL_END_RESOLVE,   /* code: EAI_ value; 0: no answer in time */
	CALL_END_CONNECT,   /* code: errno of the attempt; ELOOP: see call_end_loop_text */
	CALL_END_CONTROL,   /* event.why and codes; code: errno with CTRL_WHY_TCP_CLOSED, 0 = EOF */
	CALL_END_SIGNAL,    /* code: the signal */
	CALL_END_REQUESTED, /* the parent asked for it, and knows why */
	CALL_END_INTERNAL,  /* code: errno */
};

struct call_end {
	enum call_end_reason reason;
	enum callmgr_stage stage; /* in which it happened */
	int code;
	struct ctrl_event event; /* of CALL_END_CONTROL */
};

/* What the sentence names besides the reason. */
struct call_end_facts {
	const struct pptp_options *options;
	const char *server_text; /* the server for the user: name and address */
	struct in_addr address;  /* the one in use or tried last */
	int resolver_errno;      /* with EAI_SYSTEM; 0: the resolver process has exited */
	bool was_up;             /* the call was established */
};

/* Writes one sentence: server, stage, reason, what to try. */
void call_end_text(
    char *string, size_t cap, const struct call_end *end, const struct call_end_facts *facts);

/* What pptp exits with: 0 where an established call was ended on purpose on this side. */
uint8_t call_end_exit_status(const struct call_end *end, bool was_up);

/* Whether the server ended the call or the connection, rather than fell silent. */
bool call_end_is_by_server(const struct call_end *end);

/* The server for the user: "name (address)", or the address alone where that was given. */
void call_end_server_text(char *string, size_t cap, const char *name, struct in_addr address);

/* The sentence for a route to the server that leads into its own tunnel. */
void call_end_loop_text(char *string, size_t cap, const char *server_text, struct in_addr address);

#endif
