/* SPDX-License-Identifier: ISC */
/*
 * What the files of the call manager share; nobody else includes it. The picture:
 *
 *   pptp_callmgr.c     the course of things: addresses, TCP, the control machine, the end
 *   callmgr_control.c  the control machine, its TCP connection, its events
 *   callmgr_clients.c  who talks to us over UNIX sockets: gateways with their calls, askers
 *   callmgr_join.c     names in the socket folder: listening, being found, joining another
 *   callmgr_cleaner.c  the process that clears up where the call manager was killed
 *   callmgr_text.c     sentences for people
 */
#ifndef PPTP_CALLMGR_INTERNAL_H
#define PPTP_CALLMGR_INTERNAL_H

#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#include "sys/ipc.h"
#include "sys/log.h"
#include "sys/loop.h"
#include "pptp_ctrl.h"
#include "pptp_options.h"
#include "callmgr/resolve.h"
#include "routing.h"

enum {
	CALLMGR_CLIENTS_MAX = CTRL_CALLS_MAX + 32, /* more wait in the listener's backlog */
	CALLMGR_PATH_MAX = 108,                    /* of a UNIX socket */
	CALLMGR_JOINS_MAX = 200,                   /* elections per address before giving up */
};

/* A client that has connected says what it wants within this time. */
#define CALLMGR_FIRST_WORD_US (2 * USEC_PER_SEC)
/* Gateways answer an IPC_STATS_REQUEST within this time, or are left out of the status. */
#define CALLMGR_STATS_WAIT_US (250 * USEC_PER_MSEC)
/* How long the listener is left alone when there is no descriptor for who has connected. */
#define CALLMGR_ACCEPT_PAUSE_US (100 * USEC_PER_MSEC)
/* All of closing; a little less than the gateway waits for our last word. */
#define CALLMGR_CLOSE_WAIT_US (CLOSE_WAIT_US - 200 * USEC_PER_MSEC)

enum callmgr_stage {
	STAGE_RESOLVE, /* name to addresses */
	STAGE_JOIN,    /* another call manager has been asked for the call */
	STAGE_CONNECT, /* TCP */
	STAGE_CONTROL, /* the control machine runs, until its connection is established ... */
	STAGE_CALLS,   /* ... and from then on */
	STAGE_CLOSE,   /* ctrl_stop has been called, or the rest of the output goes out */
	STAGE_OVER,
};

/* Why a call, or all of them, came to an end: what the sentences are made of. */
enum callmgr_reason {
	REASON_NONE,
	REASON_IPV6,       /* the server was given as an IPv6 address */
	REASON_PORT,       /* ... or with a port */
	REASON_RESOLVE,    /* code: EAI_ value; 0: no answer in time */
	REASON_CONNECT,    /* code: errno of the attempt */
	REASON_CONTROL,    /* event.why and codes; code: errno with CTRL_WHY_TCP_CLOSED, 0 = EOF */
	REASON_SIGNAL,     /* code: the signal */
	REASON_CLOSED,     /* the gateway asked for it */
	REASON_GONE,       /* the gateway is gone without a word */
	REASON_ROUTE_LOOP, /* the way to the server leads into the tunnel */
	REASON_REFUSED,    /* another call was not possible here: full, or the id is in use */
	REASON_JOIN,       /* another call manager did not answer; code: errno */
	REASON_TEXT,       /* what another call manager said: text */
	REASON_INTERNAL,   /* code: errno */
};

struct callmgr_end {
	enum callmgr_reason reason;
	enum callmgr_stage stage; /* in which it happened */
	int code;
	union {
		struct ctrl_event event; /* of REASON_CONTROL */
		char text[IPC_TEXT_MAX]; /* of REASON_TEXT */
	};
};

enum callmgr_client_kind {
	CLIENT_NEW,     /* has not said what it wants */
	CLIENT_GATEWAY, /* has a call, or waits for one */
	CLIENT_ASKER,   /* waits for the status */
};

struct callmgr;

struct callmgr_client {
	struct callmgr *cm;
	struct callmgr_client *next;
	enum callmgr_client_kind kind;
	struct loop_watch watch;
	struct loop_timer timer;
	struct ipc_call_request request; /* of a gateway */
	bool opened;                     /* the control machine knows the call */
	bool was_up;
	bool closing; /* the gateway does not want the call any more */
	bool gone;    /* struck off: freed at the end of the turn */
	int64_t up_since_us;
	uint16_t peer_call_id;
	struct callmgr_end end; /* reason NONE while the call lives */
	bool stats_known;
	struct pptp_stats stats;
};

/*
 * What stays on this host when the call manager is killed. In memory that it shares with its
 * cleaner: noted before it is there, and until it is gone.
 */
struct callmgr_traces {
	struct route_keeper route;
	char folder[CALLMGR_PATH_MAX];      /* of the sockets */
	char socket_path[CALLMGR_PATH_MAX]; /* "" = not listening */
};

struct callmgr {
	const struct pptp_options *options;
	struct loop loop;
	struct callmgr_traces *traces;
	pid_t cleaner; /* 0: there is none */
	enum callmgr_stage stage;
	enum callmgr_stage failed_stage; /* where things stood when STAGE_CLOSE began */
	int exit_status;
	char server_text[320]; /* the server for people: name and address */

	struct resolver resolver;
	struct loop_watch resolver_watch;
	struct in_addr addresses[RESOLVE_MAX];
	size_t address_count;
	size_t address_at;
	bool tried_again; /* the last one, whose server said nothing the first time */

	bool route_begun; /* traces->route is in use */
	struct log_budget route_budget;
	struct loop_watch route_watch;

	struct in_addr local; /* our end of the control connection */
	struct loop_watch tcp;
	struct loop_timer step; /* the deadline of resolving, joining, connecting, closing */
	bool ctrl_alive;
	struct loop_timer ctrl_timer;
	int tcp_error;
	struct callmgr_end end; /* why the connection is being closed */
	bool any_up;            /* a call stood on this connection */
	bool channel_exists;    /* the server has said so: look for another call manager */
	struct log_budget budget;
	/* Control messages sent, less those received: so many answers are no surprise. */
	unsigned unanswered;

	struct callmgr_client *clients;
	size_t client_count;
	struct callmgr_client *own;       /* our own gateway; NULL once it is gone ... */
	struct callmgr_client own_client; /* ... and its memory: most of us need no heap */
	struct loop_timer sweep;          /* frees struck-off clients outside their callbacks */
	struct loop_timer stats_timer;
	struct loop_timer pending_timer; /* the next word to those who wait for their call */

	dev_t socket_dev;
	ino_t socket_ino;
	struct loop_watch listener;
	bool shown; /* the listener, if any, is for askers only: see join_show */
	struct loop_timer accept_timer; /* while the listener is left alone */
	struct log_budget accept_budget;
	struct loop_watch folder_watch; /* inotify: somebody cleans up in the folder */
	struct loop_watch joined;       /* the call manager that we have asked */
	char joined_path[CALLMGR_PATH_MAX];
	char silent_path[CALLMGR_PATH_MAX]; /* of one that did not answer; "" = none */
	int64_t join_limit_us;              /* when our patience with the asked one is over */
	unsigned join_silence;              /* IPC_PENDING_US without a word from it, in a row */
	unsigned joins_silent;              /* how many were given up for that */
	unsigned joins;

	struct ctrl ctrl; /* last: large, and mostly untouched */
};

/* ---- pptp_callmgr.c ---- */

/* What the owner of a call wants is known: it is opened as soon as the control connection lets it. */
void callmgr_open_call(struct callmgr *cm, struct callmgr_client *client, int64_t now_us);
/* The gateway of the call wants it no more, or is gone. */
void callmgr_close_call(struct callmgr *cm, struct callmgr_client *client, int64_t now_us);
/* Connects to the current address itself. */
void callmgr_connect(struct callmgr *cm, int64_t now_us);
/* This address will not do: on to the next, or to the end. */
void callmgr_address_failed(struct callmgr *cm, int64_t now_us);
/* The whole process is done. */
void callmgr_finish(struct callmgr *cm);
struct in_addr callmgr_address(const struct callmgr *cm);
/* The control connection is closed, its output written or given up. */
void callmgr_connection_over(struct callmgr *cm, int64_t now_us);

/* ---- callmgr_control.c ---- */

/* TCP stands (cm->tcp): starts the control machine and opens the calls that wait for it. */
void control_start(struct callmgr *cm, int64_t now_us);
/* Ends all calls and the connection in order; callmgr_connection_over follows. Then control_serve. */
void control_stop(struct callmgr *cm, int64_t now_us, const char *why);
/* After each thing that happened to the control machine: does what it asks for. */
void control_serve(struct callmgr *cm, int64_t now_us);
/* The control machine's deadline. */
void control_due(void *context, int64_t now_us);

/* ---- callmgr_clients.c ---- */

/* ipc_send for messages that must not be lost to a moment without memory. */
int client_send(int fd, const struct ipc_message *m);
/* A client at `fd`, which has yet to say what it wants. `c` is zeroed. 0 or a negative errno. */
int client_add(struct callmgr *cm, struct callmgr_client *c, int fd, int64_t now_us);
/* Tells a gateway that its call is over and why, and strikes it off. */
void client_over(struct callmgr_client *client, int64_t now_us);
/* Tells a gateway that its call stands. */
void client_up(struct callmgr_client *client, int64_t now_us, const struct ctrl_event *event);
void client_drop(struct callmgr_client *client);
void clients_free(struct callmgr *cm);
/* Accepts whoever connected to the listener. */
void clients_accept(void *context, short revents, int64_t now_us);
void clients_accept_due(void *context, int64_t now_us);
void clients_sweep(void *context, int64_t now_us);
void clients_stats_due(void *context, int64_t now_us);
void clients_pending_due(void *context, int64_t now_us);
struct callmgr_client *client_with_call(struct callmgr *cm, uint16_t call_id);
/* Calls whose gateway still wants them. */
size_t clients_wanting(const struct callmgr *cm);

/* ---- callmgr_join.c ---- */

enum join_search {
	JOIN_BECOME_OR_JOIN,
	JOIN_OTHERS
};

/*
 * --share-control: under the election lock joins a live call manager for the current address, or
 * starts listening as the one. JOIN_OTHERS: joins any that is live, never becomes one. 1 = joined
 * (the answer comes through callbacks), 0 = not.
 */
int join_elect(struct callmgr *cm, enum join_search search, int64_t now_us);
/* The folder of the sockets, made where it is missing; "" where there can be none. */
const char *join_folder(struct callmgr *cm);
/* Starts listening under a name of our own, where we do not yet; failure is logged only. */
void join_listen(struct callmgr *cm);
/* Before there is a connection: listens for those who ask for status. Tried once an address. */
void join_show(struct callmgr *cm);
/* Stops listening; removes the socket where it is still ours. */
void join_unlisten(struct callmgr *cm);
/* Lets go of the call manager that was asked. */
void join_leave(struct callmgr *cm);
/* The step timer in STAGE_JOIN: one that has been silent for too long is left for another, or for a
 * connection of our own. */
void join_due(struct callmgr *cm, int64_t now_us);

/* Removes the socket of a call manager that was killed. Whether there was one. */
bool join_clear_up(const struct callmgr_traces *traces);

/* ---- callmgr_cleaner.c ---- */

/* Forks the cleaner, and gives both processes their names. Without one the call goes on as well: the
 * next start would clear up. */
void cleaner_start(struct callmgr *cm);
/* Nothing is left to be cleared up. */
void cleaner_dismiss(struct callmgr *cm);

/* ---- callmgr_text.c ---- */

/* The one sentence: server, stage, reason, what to try. */
void callmgr_text(char *text, size_t cap, const struct callmgr *cm, const struct callmgr_end *end);
/* What pptp exits with after that end. */
uint8_t callmgr_exit_status(const struct callmgr_end *end, bool was_up);
/* The answer to IPC_STATUS_REQUEST: lines of name=value. */
void callmgr_status_text(char *text, size_t cap, const struct callmgr *cm, int64_t now_us);

#endif
