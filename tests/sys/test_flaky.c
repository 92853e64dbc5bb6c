/* SPDX-License-Identifier: ISC */
/*
 * The loop and local messages while system calls fail at random: nothing is lost, duplicated or
 * blocked, and no descriptor leaks. The modules are compiled in here with their system calls
 * replaced. FLAKY_SEED repeats a run.
 */
#define FLAKY_DIRECT
#include "flaky_io.c"

#define read flaky_read
#define write flaky_write
#define recvmsg flaky_recvmsg
#define sendmsg flaky_sendmsg
#define ppoll flaky_ppoll
#define accept4 flaky_accept4
#define connect flaky_connect
#include "sys/ipc.c"
#include "sys/loop.c"
#undef connect
#undef accept4

#include <stdio.h>
#include <time.h>

#include "unit.h"

enum {
	MESSAGES = 300,
	BYTES = 20000,
	ROUNDS = 25
};

static uint64_t seed_of_run;

/* One end of a socket pair that sends and receives numbered messages. */
struct talker {
	struct loop *loop;
	struct loop_watch watch;
	struct loop_timer timer;
	int sent;
	int received;
	int ticks;
	struct talker *other;
};

static void abort_run(const char *what, int number)
{
	ck_abort_msg("seed %llu: %s (%d)", (unsigned long long)seed_of_run, what, number);
}

static void send_next(struct talker *t)
{
	struct ipc_message m = {.fd = -1, .type = t->sent % 7 ? IPC_ENDED : IPC_CONNECT_REPLY};
	if (m.type == IPC_CONNECT_REPLY)
		m.fd = t->watch.fd;
	else
		snprintf(m.u.ended.text, sizeof(m.u.ended.text), "message %d", t->sent);
	int rc = ipc_send(t->watch.fd, &m);
	if (rc == 0)
		t->sent++;
	else if (!ipc_may_pass(rc))
		abort_run("send", rc);
	if (t->sent == MESSAGES)
		t->watch.events = POLLIN;
}

static void receive_next(struct talker *t)
{
	struct ipc_message m;
	char wanted[40];
	int rc = ipc_receive(t->watch.fd, &m);
	if (ipc_may_pass(rc))
		return;
	if (rc != 1)
		abort_run("receive", rc);
	snprintf(wanted, sizeof(wanted), "message %d", t->received);
	if (t->received % 7 == 0) {
		if (m.type != IPC_CONNECT_REPLY || m.fd < 0)
			abort_run("descriptor", t->received);
		close(m.fd);
	} else if (m.type != IPC_ENDED || strcmp(m.u.ended.text, wanted) != 0) {
		abort_run("order", t->received);
	}
	t->received++;
	if (t->received == MESSAGES && t->other->received == MESSAGES)
		loop_stop(t->loop);
}

static void talk(void *context, int64_t now_us)
{
	struct talker *t = context;
	(void)now_us;
	if (t->watch.revents & POLLIN)
		receive_next(t);
	if (t->watch.revents & POLLOUT && t->sent < MESSAGES)
		send_next(t);
}

static void tick(void *context, int64_t now_us)
{
	struct talker *t = context;
	t->ticks++;
	t->timer.deadline_us = now_us + USEC_PER_MSEC;
}

static int signals;

static void on_usr1(void *context, int signo, int64_t now_us)
{
	(void)context;
	(void)signo;
	(void)now_us;
	signals++;
}

static void exchange(void)
{
	struct loop l;
	int fds[2];
	static const int usr1 = SIGUSR1;
	ck_assert_int_eq(loop_init(&l, LOOP_BOOTTIME), 0);
	ck_assert_int_eq(loop_signals(&l, &usr1, 1, on_usr1, NULL), 0);
	ck_assert_int_eq(ipc_pair(fds), 0);
	struct talker t[2] = {{0}};
	for (int i = 0; i < 2; i++) {
		t[i] = (struct talker){.loop = &l, .other = &t[1 - i]};
		t[i].watch = (struct loop_watch){
		    .fd = fds[i], .events = POLLIN | POLLOUT, .ready = talk, .context = &t[i]};
		t[i].timer =
		    (struct loop_timer){.deadline_us = 0, .expired = tick, .context = &t[i]};
		ck_assert_int_eq(loop_add(&l, &t[i].watch), 0);
		loop_timer_add(&l, &t[i].timer);
	}
	signals = 0;
	kill(getpid(), SIGUSR1);
	int rc = loop_run(&l);
	if (rc != 0)
		abort_run("loop", rc);
	if (t[0].sent != MESSAGES || t[1].sent != MESSAGES || !t[0].ticks || !t[1].ticks)
		abort_run("unfinished", t[0].sent);
	if (signals != 1)
		abort_run("signal", signals);
	loop_free(&l);
	close(fds[0]);
	close(fds[1]);
}

START_TEST(flaky_calls_keep_messages_and_signals_whole_and_in_order)
{
	int before = open_descriptors();
	for (uint64_t i = 0; i < ROUNDS; i++) {
		flaky_start(seed_of_run + i, 25);
		exchange();
	}
	flaky_start(0, 0);
	ck_assert_uint_gt(flaky_mischief(), ROUNDS * MESSAGES / 4);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

struct stream {
	struct loop *loop;
	struct loop_watch in, out;
	size_t sent, received;
};

static void write_stream(void *context, int64_t now_us)
{
	struct stream *s = context;
	uint8_t bytes[512];
	size_t n = BYTES - s->sent < sizeof(bytes) ? BYTES - s->sent : sizeof(bytes);
	(void)now_us;
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)((s->sent + i) * 7);
	ssize_t w = write(s->out.fd, bytes, n);
	if (w > 0)
		s->sent += (size_t)w;
	if (s->sent == BYTES)
		loop_remove(s->loop, &s->out);
}

static void read_stream(void *context, int64_t now_us)
{
	struct stream *s = context;
	uint8_t bytes[512];
	(void)now_us;
	ssize_t n = read(s->in.fd, bytes, sizeof(bytes));
	for (ssize_t i = 0; i < n; i++, s->received++)
		if (bytes[i] != (uint8_t)(s->received * 7))
			abort_run("byte", (int)s->received);
	if (s->received == BYTES)
		loop_stop(s->loop);
}

START_TEST(flaky_calls_keep_a_stream_whole)
{
	for (uint64_t i = 0; i < ROUNDS; i++) {
		struct loop l;
		int fds[2];
		flaky_start(seed_of_run + i, 25);
		ck_assert_int_eq(loop_init(&l, LOOP_BOOTTIME), 0);
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		struct stream s = {.loop = &l};
		s.in = (struct loop_watch){
		    .fd = fds[0], .events = POLLIN, .ready = read_stream, .context = &s};
		s.out = (struct loop_watch){
		    .fd = fds[1], .events = POLLOUT, .ready = write_stream, .context = &s};
		ck_assert_int_eq(loop_add(&l, &s.in), 0);
		ck_assert_int_eq(loop_add(&l, &s.out), 0);
		if (loop_run(&l) != 0 || s.received != BYTES)
			abort_run("stream", (int)s.received);
		loop_free(&l);
		close(fds[0]);
		close(fds[1]);
	}
}
END_TEST

START_TEST(flaky_calls_make_listen_and_connect_fail_cleanly)
{
	char directory[] = "/tmp/test-flaky-XXXXXX", path[64];
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/s", directory);
	int before = open_descriptors(), met = 0;
	flaky_start(seed_of_run, 40);
	for (int i = 0; i < 300; i++) {
		int l = ipc_listen(path);
		int c = l < 0 ? -1 : ipc_connect(path, getuid());
		int s = c < 0 ? -1 : ipc_accept(l, getuid());
		met += s >= 0;
		if (s < 0 && c >= 0 && s != -EAGAIN && s != -EMFILE)
			abort_run("accept", s);
		if (l < 0 && l != -EAGAIN && l != -ENOMEM)
			abort_run("listen", l);
		const int fds[] = {s, c, l};
		for (size_t j = 0; j < 3; j++)
			if (fds[j] >= 0)
				close(fds[j]);
	}
	flaky_start(0, 0);
	ck_assert_int_gt(met, 50);
	ck_assert_int_eq(open_descriptors(), before);
	unlink(path);
	rmdir(directory);
}
END_TEST

int main(void)
{
	const char *given = getenv("FLAKY_SEED");
	seed_of_run = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("# FLAKY_SEED=%llu\n", (unsigned long long)seed_of_run);
	fflush(stdout);
	Suite *suite = suite_create("flaky");
	TCase *tc = tcase_create("flaky");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, flaky_calls_keep_messages_and_signals_whole_and_in_order);
	tcase_add_test(tc, flaky_calls_keep_a_stream_whole);
	tcase_add_test(tc, flaky_calls_make_listen_and_connect_fail_cleanly);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
