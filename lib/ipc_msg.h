/* SPDX-License-Identifier: ISC */
/*
 * The messages between the parent, its two children (gateway and call manager), and status clients.
 * sys/ipc moves them; what they lead to is decided by the process that receives them.
 *
 * The parent is the hub: each child has one socket, to the parent, which reads every message,
 * checks that this child may send it in this state, and passes on what is for the other child.
 */
#ifndef PPTP_IPC_MSG_H
#define PPTP_IPC_MSG_H

#include <netinet/in.h>
#include <stdint.h>

#include "lib/deadline.h"
#include "lib/stats.h"

enum {
	/* In every packet: a call may outlive an upgrade of the program, whose status client then
	 * asks a call manager of the version before. Raised with every change to the number of a
	 * type. */
	IPC_VERSION = 4,
	IPC_TEXT_MAX = 512,     /* bytes with the NUL: one sentence for the user */
	IPC_STATUS_MAX = 8192,  /* bytes with the NUL */
	IPC_ADDRESSES_MAX = 16, /* addresses of one server that are tried */
};

/* Heartbeats of the call manager until the call is established. */
#define IPC_HEARTBEAT_US (500 * USEC_PER_MSEC)

enum ipc_type {
	/* From the call manager to the parent. */
	IPC_CONNECT_REQUEST = 1, /* u.connect: a TCP connection to this address, please */
	IPC_CALL_UP,             /* u.up: the call is established; goes on to the gateway */
	IPC_HEARTBEAT,           /* each IPC_HEARTBEAT_US until then */
	IPC_STATS_REQUEST,       /* goes on to the gateway */
	/* From the gateway to the parent. */
	IPC_READY,     /* the data path carries packets */
	IPC_RECEIVED,  /* the first packet of this call has come; goes on to the call manager */
	IPC_PPPD_OPEN, /* pppd has opened the pty */
	IPC_STATS,     /* u.stats; goes on to the call manager */
	/* From either child: it ends the call, and why. Sent once. */
	IPC_ENDED, /* u.ended */
	/* From the parent to the call manager. */
	IPC_CONNECT_REPLY, /* u.reply, with the socket where there is no error */
	IPC_ROUTE_STATE,   /* u.route: a change after the reply */
	IPC_UNIT,          /* u.unit: pppd's has become known */
	IPC_CLOSE,         /* end call and connection in order, then exit */
	/* From the parent to the gateway. */
	IPC_DRAIN, /* u.linger: the call has ended: hand pppd what the server sent last, then exit */
	IPC_STATS_DUMP, /* write the statistics to the log */
	/* Between a status client and the call manager. */
	IPC_STATUS_REQUEST,
	IPC_STATUS, /* u.status */
};

/* What --status says of the host route to the server. */
enum ipc_route {
	IPC_ROUTE_NONE,  /* there is none of ours: not needed, not wanted, or no right */
	IPC_ROUTE_ADDED, /* it is in place */
	IPC_ROUTE_LOST,  /* there is no path to the server at the moment */
};

/* Truth values are bytes: of a process that an attacker has taken over they may be any number. */
struct ipc_connect_request {
	struct in_addr server;
	uint8_t
	    is_last; /* no further address: where there is no route it is worth waiting for one */
};

struct ipc_connect_reply {
	uint32_t error; /* errno; 0: the socket comes along, and its connection is on the way up */
	enum ipc_route route;
};

struct ipc_call_up {
	struct in_addr server; /* the address in use */
	struct in_addr local;  /* our end of the control connection */
	uint16_t call_id;
	uint16_t peer_call_id;
	uint16_t server_window; /* packets */
	uint16_t server_delay;  /* tenths of a second */
};

struct ipc_ended {
	uint8_t exit_status;     /* what pptp should exit with */
	uint8_t by_server;       /* which may have sent pppd its reason just before or after */
	char text[IPC_TEXT_MAX]; /* a sentence: server, stage, reason, what to try */
};

/* A warning in the log. */
struct ipc_notice {
	int64_t at_us;           /* since 1970; 0 = there was none */
	char text[IPC_TEXT_MAX]; /* without the session's name and the place in the program */
};

struct ipc_stats {
	struct pptp_stats counters;
	struct ipc_notice
	    notice; /* the last one of the gateway; the parent puts a later one of its own */
};

struct ipc_message {
	enum ipc_type type;
	int fd; /* a descriptor that comes along (IPC_CONNECT_REPLY), else -1 */
	union {
		struct ipc_connect_request connect;
		struct ipc_connect_reply reply;
		enum ipc_route route;
		uint32_t unit; /* the tunnel's interface is ppp<unit>, unless it has been renamed */
		struct ipc_call_up up;
		struct ipc_ended ended;
		uint8_t linger;
		struct ipc_stats stats;
		const char *status; /* the sender's; up to IPC_STATUS_MAX - 1 bytes of it */
	} u;
};

#endif
