/* SPDX-License-Identifier: ISC */
/*
 * The control side of the bench (see tunnel.h): a PPTP server that accepts everything, the start
 * and end of the program under test, and what the kernel says of its processes.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tunnel.h"

enum {
	SERVER_FIRST = 2, /* last byte of SERVER_ADDRESS */
	PORT = 1723,
	MESSAGE_MAX = 256,
	ARGS_MAX = 64,
	WINDOW = 1024,
	START_WAIT_MS = 10000
};
enum {
	SCCRQ = 1,
	SCCRP,
	STOP_REQUEST,
	STOP_REPLY,
	ECHO_REQUEST,
	ECHO_REPLY,
	OCRQ,
	OCRP,
	CCRQ = 12,
	CDN
};

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* A raw GRE socket between a server's address and the program's. */
static int open_gre(const char *address)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	struct sockaddr_in to = {.sin_family = AF_INET};
	int size = 16 << 20;
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 47);

	inet_pton(AF_INET, address, &at.sin_addr);
	inet_pton(AF_INET, CLIENT_ADDRESS, &to.sin_addr);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 ||
	    connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		die("raw GRE socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	return fd;
}

void server_open(struct server *s)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	int on = 1;

	memset(s, 0, sizeof *s);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (s->listener < 0 || bind(s->listener, (struct sockaddr *)&at, sizeof at) < 0 ||
	    listen(s->listener, CONTROL_MAX) < 0)
		die("listen for control connections");
	s->gre = open_gre(SERVER_ADDRESS);
}

void server_close(struct server *s)
{
	for (size_t i = 0; i < s->control_count; i++)
		close(s->control[i]);
	close(s->listener);
	close(s->gre);
}

static void answer(int fd, unsigned type, const uint8_t *body, size_t body_len)
{
	uint8_t message[MESSAGE_MAX] = {0};
	put16(message, (unsigned)(12 + body_len));
	put16(message + 2, 1);
	memcpy(message + 4, "\x1a\x2b\x3c\x4d", 4);
	put16(message + 8, type);
	memcpy(message + 12, body, body_len);
	if (send(fd, message, 12 + body_len, MSG_NOSIGNAL) < 0 && errno != EPIPE &&
	    errno != ECONNRESET)
		die("control connection");
}

static void on_call_request(struct server *s, int fd, const uint8_t *m)
{
	uint8_t reply[20] = {0};
	struct tunnel *t = s->starting;

	if (!t)
		return;
	s->starting = NULL;
	t->exec_to_request_ms = (double)(now_ns() - t->exec_ns) / 1e6;
	t->their_call_id = (uint16_t)get16(m + 12);
	t->window = (uint16_t)get16(m + 32);
	put16(reply, t->our_call_id);
	put16(reply + 2, t->their_call_id);
	reply[4] = 1;
	memcpy(reply + 8, "\x00\x98\x96\x80", 4); /* 10 Mbit/s */
	put16(reply + 12, WINDOW);
	answer(fd, OCRP, reply, sizeof reply);
}

static void on_message(struct server *s, int fd, const uint8_t *m)
{
	uint8_t body[144] = {0};

	switch (get16(m + 8)) {
	case SCCRQ:
		put16(body, 0x0100);
		body[2] = 1;
		answer(fd, SCCRP, body, 144);
		break;
	case ECHO_REQUEST:
		memcpy(body, m + 12, 4);
		body[4] = 1;
		answer(fd, ECHO_REPLY, body, 8);
		break;
	case OCRQ:
		on_call_request(s, fd, m);
		break;
	case CCRQ:
		s->clears++;
		memcpy(body, m + 12, 2);
		body[2] = 4;
		answer(fd, CDN, body, 136);
		break;
	case STOP_REQUEST:
		s->stops++;
		body[0] = 1;
		answer(fd, STOP_REPLY, body, 4);
		break;
	default:
		break;
	}
}

/* Returns false when the connection is over. Messages come in whole on loopback: read by their
 * length. */
static bool serve_control(struct server *s, int fd)
{
	uint8_t m[MESSAGE_MAX];

	if (recv(fd, m, 2, MSG_PEEK | MSG_DONTWAIT) < 2)
		return errno == EAGAIN;
	size_t len = get16(m);
	if (len < 12 || len > sizeof m || recv(fd, m, len, MSG_WAITALL) < (ssize_t)len)
		return false;
	on_message(s, fd, m);
	return true;
}

void server_service(struct server *s, int timeout_ms)
{
	struct pollfd fds[CONTROL_MAX + 1] = {{.fd = s->listener, .events = POLLIN}};

	for (size_t i = 0; i < s->control_count; i++)
		fds[i + 1] = (struct pollfd){.fd = s->control[i], .events = POLLIN};
	if (poll(fds, s->control_count + 1, timeout_ms) <= 0)
		return;
	for (size_t i = s->control_count; i-- > 0;) {
		errno = 0;
		if (fds[i + 1].revents && !serve_control(s, s->control[i])) {
			close(s->control[i]);
			s->control[i] = s->control[--s->control_count];
		}
	}
	if (fds[0].revents && s->control_count < CONTROL_MAX) {
		int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
		int on = 1;
		if (fd >= 0) {
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
			s->control[s->control_count++] = fd;
		}
	}
}

static void open_pty(struct tunnel *t)
{
	struct termios raw;

	t->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->master < 0 || grantpt(t->master) < 0 || unlockpt(t->master) < 0)
		die("pty");
	t->slave = open(ptsname(t->master), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (t->slave < 0 || tcgetattr(t->slave, &raw) < 0)
		die("pty slave");
	cfmakeraw(&raw);
	tcsetattr(t->slave, TCSANOW, &raw);
}

static void exec_program(const struct tunnel *t, const char *command)
{
	char words[1024];
	char ids[2][8];
	char server[sizeof t->address];
	char pty_form[] = "--nolaunchpppd";
	char no_route[] = "--nohostroute";
	char *argv[ARGS_MAX];
	int argc = 0;
	cpu_set_t cpus;

	/* The program on one processor, this bench on the other, where there are two. */
	CPU_ZERO(&cpus);
	CPU_SET(1, &cpus);
	sched_setaffinity(0, sizeof cpus, &cpus);
	snprintf(server, sizeof server, "%s", t->address);
	snprintf(words, sizeof words, "%s", command);
	for (char *w = strtok(words, " "); w && argc < ARGS_MAX - 4; w = strtok(NULL, " "))
		argv[argc++] = w;
	argv[argc++] = server;
	if (t->is_floor) {
		snprintf(ids[0], sizeof ids[0], "%u", t->their_call_id);
		snprintf(ids[1], sizeof ids[1], "%u", t->our_call_id);
		argv[argc++] = ids[0];
		argv[argc++] = ids[1];
	} else {
		argv[argc++] = pty_form;
		argv[argc++] = no_route;
	}
	argv[argc] = NULL;
	dup2(t->master, 0);
	dup2(t->master, 1);
	execvp(argv[0], argv);
	die(argv[0]);
}

static void wait_for(struct tunnel *t, struct server *s, const uint64_t *counter, const char *what)
{
	uint64_t before = *counter;
	int64_t end = now_ns() + (int64_t)START_WAIT_MS * 1000000;

	while (*counter == before && now_ns() < end) {
		server_service(s, 1);
		tunnel_read_down(t);
		tunnels_read_up(t, 1);
	}
	if (*counter == before) {
		errno = ETIMEDOUT;
		die(what);
	}
}

static void from_pppd(struct tunnel *t, const char *frame, size_t len)
{
	if (write(t->slave, frame, len) < 0)
		die("write to the pty");
}

static void from_server(struct tunnel *t, const char *payload, size_t len)
{
	uint8_t datagram[64] = {0x30, 0x01, 0x88, 0x0b};
	put16(datagram + 4, (unsigned)len);
	put16(datagram + 6, t->their_call_id);
	t->seq++;
	put16(datagram + 8, t->seq >> 16);
	put16(datagram + 10, t->seq & 0xffff);
	memcpy(datagram + 12, payload, len);
	if (send(t->gre, datagram, 12 + len, 0) < 0)
		die("send GRE");
}

/* LCP agrees on ACCM 0 for what pppd receives; a frame that is not LCP shows that pppd is set up.
 */
static void negotiate(struct tunnel *t, struct server *s)
{
	static const char request[] =
	    "\x7e\xff\x7d\x23\xc0\x21\x7d\x21\x7d\x21\x7d\x20\x7d\x2a\x7d\x22\x7d\x26"
	    "\x7d\x20\x7d\x20\x7d\x20\x7d\x20\x58\x7b\x7e";
	static const char network[] =
	    "\x7e\xff\x7d\x23\x80\x21\x7d\x21\x7d\x21\x7d\x20\x7d\x24\x7d\x20\xb7\x7e";
	from_pppd(t, request, sizeof request - 1);
	wait_for(t, s, &t->small_up, "no Configure-Request came through");
	from_server(t, "\xff\x03\xc0\x21\x02\x01\x00\x0a\x02\x06\x00\x00\x00\x00", 14);
	wait_for(t, s, &t->small_down, "no Configure-Ack came through");
	from_pppd(t, network, sizeof network - 1);
	wait_for(t, s, &t->small_up, "no network-layer frame came through");
}

void tunnel_start(struct tunnel *t, struct server *s, const char *command, bool is_floor,
    uint16_t our_call_id, const struct pool *pool, unsigned server_number)
{
	memset(t, 0, sizeof *t);
	t->is_floor = is_floor;
	t->our_call_id = our_call_id;
	t->their_call_id = 77;
	t->pool = pool;
	snprintf(t->address, sizeof t->address, "127.0.0.%u", SERVER_FIRST + server_number);
	t->gre = server_number ? open_gre(t->address) : s->gre;
	t->window = UINT16_MAX;
	open_pty(t);
	s->starting = is_floor ? NULL : t;
	t->exec_ns = now_ns();
	t->pid = fork();
	if (t->pid < 0)
		die("fork");
	if (t->pid == 0)
		exec_program(t, command);
	close(t->master);
	t->master = -1;
	int64_t end = now_ns() + (int64_t)START_WAIT_MS * 1000000;
	while (s->starting && now_ns() < end)
		server_service(s, 100);
	if (s->starting) {
		errno = ETIMEDOUT;
		die("no Outgoing-Call-Request came");
	}
	if (is_floor)
		wait_for(t, s, &t->small_up, "the floor did not start");
	else
		negotiate(t, s);
}

double tunnel_stop(struct tunnel *t, struct server *s)
{
	uint64_t before = s->stops + s->clears;
	int64_t start = now_ns();
	int64_t end = start + INT64_C(5000000000);

	close(t->slave);
	if (t->gre != s->gre)
		close(t->gre);
	if (!t->is_floor)
		while (s->stops + s->clears == before && now_ns() < end)
			server_service(s, 10);
	double took = (double)(now_ns() - start) / 1e6;
	while (waitpid(t->pid, NULL, WNOHANG) == 0 && now_ns() < end)
		server_service(s, 1);
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	return s->stops + s->clears == before ? -1 : took;
}

static bool same_program(pid_t pid, const char *exe)
{
	char path[64];
	char link[512];

	snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
	ssize_t n = readlink(path, link, sizeof link - 1);
	if (n < 0)
		return false;
	link[n] = '\0';
	return !strcmp(link, exe);
}

static long long number_after(const char *path, const char *key)
{
	char line[256];
	long long value = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof line, f)) {
		if (!key || !strncmp(line, key, strlen(key))) {
			value = strtoll(line + (key ? strlen(key) : 0), NULL, 10);
			break;
		}
	}
	fclose(f);
	return value;
}

/* Calls back for every process that runs the same executable as the first tunnel's program. */
static void each_process(
    const struct tunnel *t, void (*visit)(pid_t pid, long long *sum), long long *sum)
{
	char path[64];
	char exe[512];
	DIR *proc = opendir("/proc");

	snprintf(path, sizeof path, "/proc/%d/exe", (int)t->pid);
	ssize_t n = readlink(path, exe, sizeof exe - 1);
	if (n < 0 || !proc)
		die("look for the program's processes");
	exe[n] = '\0';
	for (struct dirent *e; (e = readdir(proc));) {
		pid_t pid = (pid_t)atoi(e->d_name);
		if (pid > 0 && same_program(pid, exe))
			visit(pid, sum);
	}
	closedir(proc);
}

static void add_cpu(pid_t pid, long long *sum)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
	sum[0] += number_after(path, NULL);
}

static void add_pss(pid_t pid, long long *sum)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
	sum[0] += number_after(path, "Pss:");
	sum[1]++;
}

static void add_wake_ups(pid_t pid, long long *sum)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	sum[0] += number_after(path, "voluntary_ctxt_switches:");
}

long program_wake_ups(const struct tunnel *t)
{
	long long sum[2] = {0};
	each_process(t, add_wake_ups, sum);
	return (long)sum[0];
}

int64_t program_cpu_ns(const struct tunnel *t)
{
	long long sum[2] = {0};
	each_process(t, add_cpu, sum);
	return sum[0];
}

long program_pss_kib(const struct tunnel *t, int *processes)
{
	long long sum[2] = {0};
	each_process(t, add_pss, sum);
	*processes = (int)sum[1];
	return (long)sum[0];
}
