/* SPDX-License-Identifier: ISC */
/*
 * One measurement of one program, as one line of JSON. bench.py runs these interleaved and makes
 * tables of them.
 *
 * Usage: measure SCENARIO KIND SIZE SECONDS "PROGRAM OPTIONS..." [PARAMETER]
 *   KIND is "floor" or "program". Every packet that comes out is compared byte for byte.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "tunnel.h"

enum {
	IN_FLIGHT = 64,
	WARM_PACKETS = 2000,
	TUNNELS_MAX = 200
};

struct run {
	struct server server;
	struct pool pool;
	struct tunnel *tunnels;
	size_t count;
	const char *command;
	bool is_floor;
	size_t size;
	double seconds;
	double parameter;
};

static uint64_t random_state = 88172645463325252u;

static double random_unit(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (double)(random_state >> 11) / 9007199254740992.0;
}

static void start_tunnels(struct run *r, size_t count, bool one_server)
{
	r->tunnels = calloc(count, sizeof *r->tunnels);
	if (!r->tunnels)
		die("memory");
	for (size_t i = 0; i < count; i++)
		tunnel_start(&r->tunnels[i], &r->server, r->command, r->is_floor,
		    (uint16_t)(1000 + i), &r->pool, one_server ? 0 : (unsigned)i);
	r->count = count;
}

static double stop_tunnels(struct run *r)
{
	double slowest = 0;
	for (size_t i = 0; i < r->count; i++) {
		double took = tunnel_stop(&r->tunnels[i], &r->server);
		slowest = took > slowest ? took : slowest;
	}
	free(r->tunnels);
	r->count = 0;
	return slowest;
}

/* Waits for output of either side. */
static void wait_output(struct run *r, int timeout_ms)
{
	struct pollfd fds[TUNNELS_MAX + 1] = {{.fd = r->server.gre, .events = POLLIN}};
	for (size_t i = 0; i < r->count; i++)
		fds[i + 1] = (struct pollfd){.fd = r->tunnels[i].slave, .events = POLLIN};
	poll(fds, r->count + 1, timeout_ms);
}

/* The server keeps IN_FLIGHT packets in flight to pppd until `total` are sent, pairs swapped if
 * asked. */
static void closed_loop_down(
    struct run *r, struct tunnel *t, uint64_t *sent, uint64_t total, bool swap)
{
	int64_t last_progress = now_ns();
	while (t->down.next < total) {
		uint64_t room = t->down.next + IN_FLIGHT - *sent;
		uint64_t n = total - *sent < room ? total - *sent : room;
		if (swap) {
			for (n &= ~UINT64_C(1); n; n -= 2, *sent += 2) {
				t->seq += 2;
				tunnel_send_one(t, *sent + 1, t->seq);
				tunnel_send_one(t, *sent, t->seq - 1);
			}
		} else if (n >= BATCH || *sent + n == total) {
			*sent += (uint64_t)tunnel_send_down(t, *sent, (int)n);
		}
		if (tunnel_read_down(t)) {
			last_progress = now_ns();
		} else {
			if (now_ns() - last_progress > 1000000000) /* the rest is lost */
				break;
			wait_output(r, 1);
		}
		tunnels_read_up(r->tunnels, r->count);
	}
}

static void closed_loop_up(struct run *r, struct tunnel *t, uint64_t total)
{
	int64_t last_progress = now_ns();
	while (t->up.next < total) {
		uint64_t limit = t->up.next + IN_FLIGHT;
		tunnel_write_up(t, limit < total ? limit : total);
		if (tunnels_read_up(r->tunnels, r->count)) {
			last_progress = now_ns();
		} else {
			if (now_ns() - last_progress > 1000000000)
				break;
			wait_output(r, 1);
		}
		tunnel_read_down(t);
	}
}

static void print_flow(const char *name, const struct flow *f)
{
	printf(
	    ", \"%s\": {\"delivered\": %llu, \"lost\": %llu, \"corrupt\": %llu, \"disorder\": %llu}",
	    name, (unsigned long long)f->delivered, (unsigned long long)f->lost,
	    (unsigned long long)f->corrupt, (unsigned long long)f->disorder);
}

static void print_cost(uint64_t packets, int64_t cpu_ns, int64_t wall_ns)
{
	printf("\"packets\": %llu, \"cpu_us_per_packet\": %.4f, \"packets_per_s\": %.0f",
	    (unsigned long long)packets, packets ? (double)cpu_ns / 1e3 / (double)packets : 0,
	    (double)packets / ((double)wall_ns / 1e9));
}

/* How many packets fit the time, judged by the warm-up. */
static uint64_t packets_for(double seconds, uint64_t warm, int64_t warm_ns)
{
	return (uint64_t)((double)warm * seconds * 1e9 / (double)warm_ns);
}

static void cost_down(struct run *r, bool swap)
{
	start_tunnels(r, 1, true);
	struct tunnel *t = &r->tunnels[0];
	uint64_t sent = 0;
	int64_t start = now_ns();
	closed_loop_down(r, t, &sent, WARM_PACKETS, swap);
	uint64_t n = packets_for(r->seconds, WARM_PACKETS, now_ns() - start) & ~UINT64_C(1);
	uint64_t before = t->down.delivered;
	uint64_t acks = t->bare_acks;
	int64_t cpu = program_cpu_ns(t);
	start = now_ns();
	closed_loop_down(r, t, &sent, WARM_PACKETS + n, swap);
	int64_t wall = now_ns() - start;
	print_cost(t->down.delivered - before, program_cpu_ns(t) - cpu, wall);
	printf(", \"bare_acks_per_packet\": %.4f",
	    (double)(t->bare_acks - acks) / (double)(n ? n : 1));
	print_flow("down", &t->down);
	stop_tunnels(r);
}

static void down(struct run *r)
{
	cost_down(r, false);
}

static void swapped(struct run *r)
{
	cost_down(r, true);
}

static void up(struct run *r)
{
	start_tunnels(r, 1, true);
	struct tunnel *t = &r->tunnels[0];
	int64_t start = now_ns();
	closed_loop_up(r, t, WARM_PACKETS);
	uint64_t n = packets_for(r->seconds, WARM_PACKETS, now_ns() - start);
	uint64_t before = t->up.delivered;
	int64_t cpu = program_cpu_ns(t);
	start = now_ns();
	closed_loop_up(r, t, WARM_PACKETS + n);
	int64_t wall = now_ns() - start;
	print_cost(t->up.delivered - before, program_cpu_ns(t) - cpu, wall);
	print_flow("up", &t->up);
	stop_tunnels(r);
}

struct writer {
	struct run *run;
	atomic_bool stop;
};

/* pppd's sending half and the server's receiving half, which need not wait for the other two. */
static void *carry_up(void *context)
{
	struct writer *writer = context;
	struct tunnel *t = &writer->run->tunnels[0];

	while (!atomic_load(&writer->stop)) {
		tunnel_write_up(t, t->up.next + IN_FLIGHT);
		struct pollfd fd = {.fd = t->gre, .events = POLLIN};
		if (!tunnels_read_up(t, 1))
			poll(&fd, 1, 1);
	}
	return NULL;
}

/* Both directions, each as fast as it goes. */
static void both(struct run *r)
{
	start_tunnels(r, 1, true);
	struct tunnel *t = &r->tunnels[0];
	struct writer writer = {.run = r};
	pthread_t thread;
	uint64_t sent = 0;
	if ((errno = pthread_create(&thread, NULL, carry_up, &writer)))
		die("thread");
	int64_t start = now_ns();
	int64_t end = start + (int64_t)(r->seconds * 1e9);
	while (now_ns() < end) {
		if (t->down.next + IN_FLIGHT - sent >= BATCH && sent < t->down.next + IN_FLIGHT)
			sent += (uint64_t)tunnel_send_down(t, sent, BATCH);
		struct pollfd fd = {.fd = t->slave, .events = POLLIN};
		if (!tunnel_read_down(t))
			poll(&fd, 1, 1);
	}
	double wall = (double)(now_ns() - start) / 1e9;
	atomic_store(&writer.stop, true);
	pthread_join(thread, NULL);
	printf("\"down_per_s\": %.0f, \"up_per_s\": %.0f, \"bare_acks\": %llu",
	    (double)t->down.delivered / wall, (double)t->up.delivered / wall,
	    (unsigned long long)t->bare_acks);
	print_flow("down", &t->down);
	print_flow("up", &t->up);
	stop_tunnels(r);
}

static void drain(struct run *r, struct tunnel *t, int quiet_ms)
{
	int64_t last = now_ns();
	while (now_ns() - last < (int64_t)quiet_ms * 1000000) {
		wait_output(r, 1);
		if (tunnel_read_down(t))
			last = now_ns();
		tunnels_read_up(r->tunnels, r->count);
	}
}

struct reader {
	struct tunnel *tunnel;
	atomic_bool stop;
};

/* Plays pppd on whichever processor is free, so that the sender does not have to wait for it. */
static void *read_all(void *context)
{
	struct reader *reader = context;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof cpus, &cpus);
	int64_t last = now_ns();
	while (!atomic_load(&reader->stop) || now_ns() - last < 500000000) {
		struct pollfd fd = {.fd = reader->tunnel->slave, .events = POLLIN};
		poll(&fd, 1, 10);
		if (tunnel_read_down(reader->tunnel))
			last = now_ns();
	}
	return NULL;
}

/* `parameter` packets a second, more than can be taken: what share gets through? */
static void overload(struct run *r)
{
	start_tunnels(r, 1, true);
	struct tunnel *t = &r->tunnels[0];
	struct reader reader = {.tunnel = t};
	pthread_t thread;
	uint64_t sent = 0;
	int64_t cpu = program_cpu_ns(t);
	if ((errno = pthread_create(&thread, NULL, read_all, &reader)))
		die("thread");
	int64_t start = now_ns();
	int64_t end = start + (int64_t)(r->seconds * 1e9);
	for (int64_t now = start; now < end; now = now_ns())
		if ((double)sent < (double)(now - start) / 1e9 * r->parameter)
			sent += (uint64_t)tunnel_send_down(t, sent, BATCH);
	atomic_store(&reader.stop, true);
	pthread_join(thread, NULL);
	print_cost(t->down.delivered, program_cpu_ns(t) - cpu, end - start);
	printf(", \"sent\": %llu, \"share\": %.4f", (unsigned long long)sent,
	    (double)t->down.delivered / (double)(sent ? sent : 1));
	print_flow("down", &t->down);
	stop_tunnels(r);
}

/* 1000 packets arrive while pppd reads nothing for 100 ms. */
static void burst(struct run *r)
{
	enum {
		BURST = 1000,
		STALL_MS = 100
	};
	start_tunnels(r, 1, true);
	struct tunnel *t = &r->tunnels[0];
	int64_t start = now_ns();
	uint64_t sent = 0;
	while (sent < BURST)
		sent += (uint64_t)tunnel_send_down(t, sent, (int)(BURST - sent));
	while (now_ns() - start < (int64_t)STALL_MS * 1000000)
		poll(NULL, 0, 1);
	drain(r, t, 500);
	printf("\"sent\": %d, \"share\": %.4f", BURST, (double)t->down.delivered / BURST);
	print_flow("down", &t->down);
	stop_tunnels(r);
}

struct send_event {
	int64_t at_ns;
	uint64_t number;
};

static int by_time(const void *a, const void *b)
{
	const struct send_event *x = a;
	const struct send_event *y = b;
	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* 2000 packets a second; some lost (late_ms < 0) or late. Latency from the time of sending. */
static void paced(struct run *r, double share, double late_ms)
{
	enum {
		RATE = 2000
	};
	start_tunnels(r, 1, true);
	struct tunnel *t = &r->tunnels[0];
	size_t n = (size_t)(r->seconds * RATE);
	size_t events = 0;
	struct send_event *plan = calloc(n, sizeof *plan);
	t->sent_ns = calloc(POOL_PACKETS, sizeof *t->sent_ns);
	t->latency_ns = calloc(n, sizeof *t->latency_ns);
	t->latency_cap = n;
	if (!plan || !t->sent_ns || !t->latency_ns)
		die("memory");
	int64_t start = now_ns() + 10000000;
	for (size_t i = 0; i < n; i++) {
		int64_t at = start + (int64_t)i * 1000000000 / RATE;
		bool odd = i > 0 && i + RATE / 10 < n && random_unit() < share;
		if (odd && late_ms < 0)
			continue;
		plan[events++] = (struct send_event){odd ? at + (int64_t)(late_ms * 1e6) : at, i};
	}
	qsort(plan, events, sizeof *plan, by_time);
	uint32_t base = t->seq + 1;
	uint64_t learned_lost = 0;
	bool learned = false;
	int64_t cpu = program_cpu_ns(t);
	for (size_t i = 0; i < events;) {
		int64_t now = now_ns();
		if (now >= plan[i].at_ns) {
			tunnel_send_one(t, plan[i].number, base + (uint32_t)plan[i].number);
			i++;
		} else {
			wait_output(r, plan[i].at_ns - now > 2000000 ? 1 : 0);
		}
		tunnel_read_down(t);
		tunnels_read_up(r->tunnels, 1);
		if (!learned && now - start > 1000000000) {
			learned = true;
			learned_lost = t->down.lost;
		}
	}
	drain(r, t, 500);
	cpu = program_cpu_ns(t) - cpu;
	qsort(t->latency_ns, t->latency_count, sizeof *t->latency_ns, by_value);
	size_t c = t->latency_count ? t->latency_count : 1;
	printf(
	    "\"sent\": %zu, \"not_sent\": %zu, \"cpu_us_per_packet\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f, "
	    "\"max_ms\": %.3f, \"lost_after_1s\": %llu",
	    events, n - events, (double)cpu / 1e3 / (double)c, (double)t->latency_ns[c / 2] / 1e6,
	    (double)t->latency_ns[c * 99 / 100] / 1e6, (double)t->latency_ns[c - 1] / 1e6,
	    (unsigned long long)(t->down.lost - learned_lost));
	print_flow("down", &t->down);
	free(plan);
	free(t->sent_ns);
	free(t->latency_ns);
	stop_tunnels(r);
}

static void latency(struct run *r)
{
	paced(r, 0, -1);
}

static void loss(struct run *r)
{
	paced(r, r->parameter / 100, -1);
}

static void late(struct run *r)
{
	paced(r, 0.01, r->parameter);
}

/* A server that holds the program to the window that it advertised, RTT milliseconds away. */
static void window(struct run *r)
{
	enum {
		HISTORY = 65536
	};
	struct {
		int64_t at_ns;
		uint32_t ack;
	} *acks = calloc(HISTORY, sizeof *acks);
	size_t head = 0;
	size_t tail = 0;
	start_tunnels(r, 1, true);
	struct tunnel *t = &r->tunnels[0];
	int64_t rtt = (int64_t)(r->parameter * 1e6);
	uint32_t base = t->seq;
	uint32_t acked = base;
	uint32_t last_queued = base;
	uint64_t sent = 0;
	if (!acks)
		die("memory");
	int64_t start = now_ns();
	int64_t end = start + (int64_t)(r->seconds * 1e9);
	for (int64_t now = start; now < end; now = now_ns()) {
		while (tail != head && acks[tail].at_ns <= now) {
			acked = acks[tail].ack;
			tail = (tail + 1) % HISTORY;
		}
		uint32_t room = t->window - (t->seq - acked);
		uint64_t pty_room = t->down.next + IN_FLIGHT - sent;
		int n = (int)(room < pty_room ? room : pty_room);
		if (n > 0)
			sent += (uint64_t)tunnel_send_down(t, sent, n);
		size_t moved = tunnel_read_down(t);
		moved += (size_t)tunnels_read_up(r->tunnels, 1);
		if ((int32_t)(t->last_ack_seen - last_queued) > 0) {
			last_queued = t->last_ack_seen;
			acks[head].at_ns = now + rtt;
			acks[head].ack = last_queued;
			head = (head + 1) % HISTORY;
		}
		if (!moved)
			wait_output(r, 1);
	}
	printf("\"window\": %u, \"packets_per_s\": %.0f, \"bare_acks_per_packet\": %.4f", t->window,
	    (double)t->down.delivered / r->seconds,
	    (double)t->bare_acks / (double)(t->down.delivered ? t->down.delivered : 1));
	print_flow("down", &t->down);
	free(acks);
	stop_tunnels(r);
}

static void setup(struct run *r)
{
	start_tunnels(r, 1, true);
	printf("\"exec_to_request_ms\": %.3f", r->tunnels[0].exec_to_request_ms);
	printf(", \"hangup_to_clear_ms\": %.3f", stop_tunnels(r));
}

/* One packet at a time, so that all packets cost a wake-up, however many tunnels there are. */
static uint64_t lone_packets(struct run *r, struct tunnel *t, uint64_t *sent, int n)
{
	uint64_t before = t->down.delivered;
	for (int i = 0; i < n; i++) {
		int64_t give_up = now_ns() + 1000000000;
		*sent += (uint64_t)tunnel_send_down(t, *sent, 1);
		while (t->down.next < *sent && now_ns() < give_up)
			if (!tunnel_read_down(t))
				wait_output(r, 1);
	}
	tunnels_read_up(r->tunnels, r->count);
	return t->down.delivered - before;
}

/* `parameter` tunnels to one server at once, the load spread over them. */
static void tunnels(struct run *r)
{
	enum {
		VISIT = 64
	};
	size_t count = (size_t)r->parameter;
	start_tunnels(r, count, true);
	uint64_t *sent = calloc(count, sizeof *sent);
	if (!sent)
		die("memory");
	for (size_t i = 0; i < count; i++) /* warm-up */
		lone_packets(r, &r->tunnels[i], &sent[i], VISIT);
	int64_t cpu = program_cpu_ns(&r->tunnels[0]);
	int64_t start = now_ns();
	int64_t end = start + (int64_t)(r->seconds * 1e9);
	uint64_t packets = 0;
	for (size_t i = 0; now_ns() < end; i = (i + 1) % count)
		packets += lone_packets(r, &r->tunnels[i], &sent[i], VISIT);
	int64_t wall = now_ns() - start;
	print_cost(packets, program_cpu_ns(&r->tunnels[0]) - cpu, wall);
	printf(", \"tunnels\": %zu", count);
	uint64_t bad = 0;
	for (size_t i = 0; i < count; i++)
		bad += r->tunnels[i].down.lost + r->tunnels[i].down.corrupt +
		       r->tunnels[i].down.disorder;
	printf(", \"bad\": %llu", (unsigned long long)bad);
	free(sent);
	stop_tunnels(r);
}

/* `parameter` tunnels, each to a server of its own; what they hold in memory once LCP is done. */
static void memory(struct run *r)
{
	size_t count = (size_t)r->parameter;
	int processes = 0;
	start_tunnels(r, count, false);
	drain(r, &r->tunnels[0], (int)(r->seconds * 1000));
	long pss = program_pss_kib(&r->tunnels[0], &processes);
	printf("\"tunnels\": %zu, \"processes\": %d, \"pss_kib_per_tunnel\": %.1f", count,
	    processes, (double)pss / (double)count);
	stop_tunnels(r);
}

/* Nothing happens: how often does the program wake up all the same? */
static void idle(struct run *r)
{
	enum {
		SETTLE_MS = 2000
	};
	start_tunnels(r, 1, true);
	drain(r, &r->tunnels[0], SETTLE_MS);
	long before = program_wake_ups(&r->tunnels[0]);
	drain(r, &r->tunnels[0], (int)(r->seconds * 1000));
	printf("\"wake_ups_per_s\": %.2f",
	    (double)(program_wake_ups(&r->tunnels[0]) - before) / r->seconds);
	stop_tunnels(r);
}

static const struct {
	const char *name;
	void (*run)(struct run *r);
} scenarios[] = {
    {"down", down},
    {"up", up},
    {"swapped", swapped},
    {"both", both},
    {"overload", overload},
    {"burst", burst},
    {"latency", latency},
    {"loss", loss},
    {"late", late},
    {"window", window},
    {"setup", setup},
    {"tunnels", tunnels},
    {"memory", memory},
    {"idle", idle},
};

int main(int argc, char *argv[])
{
	struct run r = {0};
	cpu_set_t cpus;

	if (argc < 6) {
		fprintf(stderr,
		    "usage: measure SCENARIO floor|program SIZE SECONDS \"PROGRAM\" [PARAMETER]\n");
		return 1;
	}
	r.is_floor = !strcmp(argv[2], "floor");
	r.size = (size_t)atoi(argv[3]);
	r.seconds = atof(argv[4]);
	r.command = argv[5];
	r.parameter = argc > 6 ? atof(argv[6]) : 0;
	if (r.size < PPP_FRAME_MIN || r.size > PPP_FRAME_MAX || r.seconds <= 0)
		return 1;
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	sched_setaffinity(0, sizeof cpus, &cpus);
	prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
	pool_make(&r.pool, r.size, 42);
	server_open(&r.server);
	for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
		if (strcmp(scenarios[i].name, argv[1]) != 0)
			continue;
		printf(
		    "{\"scenario\": \"%s\", \"kind\": \"%s\", \"size\": %zu, \"parameter\": %g, ",
		    argv[1], argv[2], r.size, r.parameter);
		scenarios[i].run(&r);
		printf("}\n");
		server_close(&r.server);
		pool_free(&r.pool);
		return 0;
	}
	fprintf(stderr, "measure: no scenario '%s'\n", argv[1]);
	return 1;
}
