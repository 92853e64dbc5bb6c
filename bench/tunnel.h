/* SPDX-License-Identifier: ISC */
/*
 * Both sides of a tunnel around the program under test: the PPTP server (TCP 1723 and raw GRE on
 * SERVER_ADDRESS) and pppd (the pty's slave). Makes packets, carries them through, checks every
 * byte that comes out. Independent of the product's own codecs on purpose.
 */
#ifndef BENCH_TUNNEL_H
#define BENCH_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SERVER_ADDRESS "127.0.0.2"
#define CLIENT_ADDRESS "127.0.0.1"

enum {
	POOL_PACKETS = 32768, /* distinct packets ... */
	BACK_MAX = 1024,      /* ... so that all but so many may be lost in a row */
	BATCH = 32,
	PPP_FRAME_MIN = 16,
	PPP_FRAME_MAX = 2048,
	ENCODED_MAX = 2 * PPP_FRAME_MAX + 8,
};

/* Packets with random payload, as MPPE makes it, and the bytes that they are as HDLC frames. */
struct pool {
	size_t size;
	uint8_t *payload; /* POOL_PACKETS * size */
	size_t encoded_cap;
	uint8_t *encoded; /* POOL_PACKETS * encoded_cap, escaped as for ACCM 0, with both flags */
	uint16_t *encoded_len;
	uint16_t *fcs;
};

void pool_make(struct pool *p, size_t size, uint64_t seed);
void pool_free(struct pool *p);

struct flow { /* one direction, as its receiver sees it */
	uint64_t delivered;
	uint64_t lost;    /* left out in the order of delivery */
	uint64_t corrupt; /* not an byte-for-byte copy */
	uint64_t disorder;
	uint64_t next; /* number of the packet expected next */
};

struct tunnel {
	bool is_floor;
	pid_t pid;
	int slave;              /* pppd's end */
	int master;             /* -1 once the program has it */
	int gre;                /* the server's: shared by the tunnels to one address */
	char address[16];       /* of the server */
	uint16_t our_call_id;   /* the server's */
	uint16_t their_call_id; /* the program's */
	uint16_t window;        /* as the program advertises it */
	uint32_t seq;           /* last sequence number that the server sent */
	uint32_t last_seq_seen; /* ... received */
	uint32_t last_ack_seen;
	bool any_seq_seen;
	uint64_t bare_acks; /* received by the server */
	const struct pool *pool;
	struct flow down; /* server to pppd */
	struct flow up;   /* pppd to server */
	uint64_t up_sent; /* frames written to the pty whole */
	size_t up_at;     /* bytes of the frame after them that are written too */
	int64_t *sent_ns; /* with latency: POOL_PACKETS times of sending, by number modulo */
	int64_t *latency_ns;
	size_t latency_count;
	size_t latency_cap;
	uint8_t frame[ENCODED_MAX]; /* of the frame being read from the pty */
	size_t frame_len;
	bool escaped;
	uint64_t small_down;       /* LCP and its like seen at pppd's end */
	uint64_t small_up;         /* ... at the server's */
	int64_t exec_ns;           /* when the program was started */
	double exec_to_request_ms; /* from there to its Outgoing-Call-Request */
};

enum {
	CONTROL_MAX = 256
};

struct server {
	int listener;
	int gre;
	int control[CONTROL_MAX];
	size_t control_count;
	struct tunnel *starting; /* whose Outgoing-Call-Request is waited for */
	uint64_t stops;          /* Stop-Control-Connection-Requests seen */
	uint64_t clears;         /* Call-Clear-Requests seen */
};

/* A listening TCP socket on all addresses, a raw GRE socket on SERVER_ADDRESS. */
void server_open(struct server *s);
void server_close(struct server *s);

/* Waits up to timeout_ms for control messages and answers them. */
void server_service(struct server *s, int timeout_ms);

/* Starts `command` (split at blanks; the server's address and --nolaunchpppd are added, or for the
 * floor its own arguments) in the pty form, and plays the server until the call is established and LCP has
 * agreed on ACCM 0. `server_number` 0 is the server at SERVER_ADDRESS, others have addresses behind it. */
void tunnel_start(struct tunnel *t, struct server *s, const char *command, bool is_floor,
    uint16_t our_call_id, const struct pool *pool, unsigned server_number);

/* Hangs up the pty; milliseconds until Stop-Control-Connection-Request or Call-Clear-Request came
 * (-1: neither within 5 s). Reaps the program. */
double tunnel_stop(struct tunnel *t, struct server *s);

/* Server to pppd: sends `n` packets, numbers first .. first + n - 1, advancing the sequence number
 * for each; returns how many the socket took. */
int tunnel_send_down(struct tunnel *t, uint64_t first, int n);

/* ... one packet with a sequence number of the caller's choice. */
void tunnel_send_one(struct tunnel *t, uint64_t number, uint32_t seq);

/* Reads what has come out at pppd's end without blocking; checks and counts it. Returns bytes
 * read. */
size_t tunnel_read_down(struct tunnel *t);

/* pppd to server: writes frames while `t->up_sent < limit` and the pty takes them. Returns bytes.
 */
size_t tunnel_write_up(struct tunnel *t, uint64_t limit);

/* Reads what has come out at the server's GRE socket, for these tunnels. Returns datagrams. */
int tunnels_read_up(struct tunnel *tunnels, size_t count);

int64_t now_ns(void);
void die(const char *what);

/* CPU time in nanoseconds that all processes of this tunnel's program have used so far. */
int64_t program_cpu_ns(const struct tunnel *t);
/* Their proportional set size in KiB, and number. */
long program_pss_kib(const struct tunnel *t, int *processes);
/* How often they have been woken up so far (voluntary context switches). */
long program_wake_ups(const struct tunnel *t);

#endif
