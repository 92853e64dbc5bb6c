/* SPDX-License-Identifier: ISC */
/* The event loop over pipes, real signals and the real clock. */
#include "sys/loop.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit.h"

static struct loop loop;

/* What a callback saw, and what it shall do. */
struct probe {
	struct loop_watch watch;
	struct loop_timer timer;
	int fds[2];
	int calls;
	int64_t at_us;
	short revents;
	struct probe *victim;
	bool remove_self;
	bool stop;
};

static void set_up(void)
{
	ck_assert_int_eq(loop_init(&loop), 0);
}

static void tear_down(void)
{
	loop_free(&loop);
}

static void note_ready(void *context, short revents, int64_t now_us)
{
	struct probe *p = context;
	char octet;
	p->calls++;
	p->revents = revents;
	p->at_us = now_us;
	if (revents & POLLIN)
		ck_assert_int_ge(read(p->watch.fd, &octet, 1), 0);
	if (p->victim)
		loop_remove(&loop, &p->victim->watch);
	if (p->remove_self)
		loop_remove(&loop, &p->watch);
	if (p->stop)
		loop_stop(&loop);
}

static void note_expired(void *context, int64_t now_us)
{
	struct probe *p = context;
	p->calls++;
	p->at_us = now_us;
	ck_assert(p->timer.deadline_us == DEADLINE_NEVER);
	if (p->victim)
		loop_timer_remove(&loop, &p->victim->timer);
	if (p->remove_self)
		loop_timer_remove(&loop, &p->timer);
	if (p->stop)
		loop_stop(&loop);
}

static void open_probe(struct probe *p)
{
	ck_assert_int_eq(pipe(p->fds), 0);
	p->watch = (struct loop_watch){
	    .fd = p->fds[0], .events = POLLIN, .ready = note_ready, .context = p};
	ck_assert_int_eq(loop_add(&loop, &p->watch), 0);
}

static void close_probe(struct probe *p)
{
	loop_remove(&loop, &p->watch);
	close(p->fds[0]);
	close(p->fds[1]);
}

static void poke(struct probe *p)
{
	ck_assert_int_eq(write(p->fds[1], "x", 1), 1);
}

static void arm(struct probe *p, int64_t after_us)
{
	p->timer = (struct loop_timer){
	    .deadline_us = loop_now_us() + after_us, .expired = note_expired, .context = p};
	loop_timer_add(&loop, &p->timer);
}

START_TEST(loop_calls_back_for_a_readable_descriptor)
{
	struct probe p = {.stop = true};
	open_probe(&p);
	poke(&p);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert(p.revents & POLLIN);
	close_probe(&p);
}
END_TEST

START_TEST(loop_meets_deadlines_to_the_millisecond_and_never_early)
{
	int64_t total_us = 0;
	for (int i = 0; i < 20; i++) {
		struct probe p = {.stop = true};
		arm(&p, 5 * USEC_PER_MSEC);
		int64_t due_us = p.timer.deadline_us;
		ck_assert_int_eq(loop_run(&loop), 0);
		ck_assert_int_eq(p.calls, 1);
		ck_assert(p.at_us >= due_us);
		total_us += p.at_us - due_us;
		loop_timer_remove(&loop, &p.timer);
	}
	/* A busy machine may be late once; on average it must not be. */
	ck_assert_int_lt(total_us / 20, 20 * USEC_PER_MSEC);
}
END_TEST

START_TEST(loop_runs_timers_in_any_order_of_adding_by_their_deadlines)
{
	struct probe late = {.stop = true}, early = {0}, never = {0};
	arm(&early, 2 * USEC_PER_MSEC);
	arm(&late, 8 * USEC_PER_MSEC);
	arm(&never, 0);
	never.timer.deadline_us = DEADLINE_NEVER;
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(early.calls, 1);
	ck_assert_int_eq(late.calls, 1);
	ck_assert_int_eq(never.calls, 0);
	ck_assert(early.at_us < late.at_us);
}
END_TEST

START_TEST(loop_takes_a_deadline_changed_by_a_callback)
{
	struct probe p = {.stop = true}, q = {0};
	arm(&p, 3600 * USEC_PER_SEC);
	open_probe(&q);
	q.timer.deadline_us = 0;
	poke(&q);
	p.timer.deadline_us = loop_now_us() + 3 * USEC_PER_MSEC;
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(q.calls, 1);
	close_probe(&q);
}
END_TEST

START_TEST(loop_does_not_call_a_watch_removed_earlier_in_the_same_turn)
{
	/* Whichever of the two comes first takes the other away. */
	struct probe a = {0}, b = {0}, end = {.stop = true};
	open_probe(&a);
	open_probe(&b);
	a.victim = &b;
	b.victim = &a;
	poke(&a);
	poke(&b);
	arm(&end, 5 * USEC_PER_MSEC);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(a.calls + b.calls, 1);
	close_probe(&a);
	close_probe(&b);
}
END_TEST

START_TEST(loop_lets_a_watch_remove_itself_while_others_are_pending)
{
	struct probe p[20] = {0}, end = {.stop = true};
	for (int i = 0; i < 20; i++) {
		open_probe(&p[i]);
		p[i].remove_self = true;
		poke(&p[i]);
		poke(&p[i]);
	}
	arm(&end, 5 * USEC_PER_MSEC);
	ck_assert_int_eq(loop_run(&loop), 0);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(p[i].calls, 1);
		close_probe(&p[i]);
	}
}
END_TEST

START_TEST(loop_lets_timers_remove_themselves_and_others)
{
	struct probe a = {.remove_self = true}, b = {0}, c = {0}, end = {.stop = true};
	arm(&end, 5 * USEC_PER_MSEC);
	arm(&b, 0);
	arm(&a, 0); /* in front of b */
	arm(&c, 0); /* in front of both */
	c.victim = &a;
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(a.calls, 0);
	ck_assert_int_eq(b.calls, 1);
	ck_assert_int_eq(c.calls, 1);
}
END_TEST

START_TEST(loop_leaves_a_watch_that_is_off_alone_even_at_hang_up)
{
	struct probe off = {0}, end = {.stop = true};
	open_probe(&off);
	off.watch.events = LOOP_OFF;
	poke(&off);
	close(off.fds[1]);
	off.fds[1] = -1;
	arm(&end, 3 * USEC_PER_MSEC);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(off.calls, 0);
	close_probe(&off);
}
END_TEST

START_TEST(loop_reports_hang_up_to_a_watch_without_events)
{
	struct probe p = {.stop = true};
	open_probe(&p);
	p.watch.events = 0;
	close(p.fds[1]);
	p.fds[1] = -1;
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert(p.revents & POLLHUP);
	close_probe(&p);
}
END_TEST

static void rearm_in_the_past(void *context, int64_t now_us)
{
	struct probe *p = context;
	p->calls++;
	p->timer.deadline_us = now_us - USEC_PER_SEC;
}

START_TEST(loop_serves_descriptors_beside_a_timer_that_is_always_due)
{
	struct probe p = {.stop = true}, busy = {0};
	open_probe(&p);
	busy.timer =
	    (struct loop_timer){.deadline_us = 0, .expired = rearm_in_the_past, .context = &busy};
	loop_timer_add(&loop, &busy.timer);
	poke(&p);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(busy.calls, 1);
	close_probe(&p);
}
END_TEST

static int signals_seen[65];
static bool in_callback;

static void note_signal_event(void *context, int signo, int64_t now_us)
{
	(void)now_us;
	ck_assert_ptr_eq(context, &loop);
	ck_assert(!in_callback);
	signals_seen[signo]++;
	if (signo == SIGTERM)
		loop_stop(&loop);
}

static void raise_signals(void *context, short revents, int64_t now_us)
{
	struct probe *p = context;
	(void)revents;
	(void)now_us;
	in_callback = true;
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGTERM);
	p->calls++;
	loop_remove(&loop, &p->watch);
	in_callback = false;
}

static const int used_signals[] = {SIGTERM, SIGUSR1, SIGCHLD};

START_TEST(loop_delivers_signals_between_callbacks_only)
{
	struct probe p = {0};
	open_probe(&p);
	p.watch.ready = raise_signals;
	poke(&p);
	ck_assert_int_eq(loop_signals(&loop, used_signals, 3, note_signal_event, &loop), 0);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(signals_seen[SIGUSR1], 1);
	ck_assert_int_eq(signals_seen[SIGTERM], 1);
	close_probe(&p);
}
END_TEST

START_TEST(loop_notices_a_signal_that_came_before_it_waited)
{
	ck_assert_int_eq(loop_signals(&loop, used_signals, 3, note_signal_event, &loop), 0);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(signals_seen[SIGTERM], 1);
}
END_TEST

static const int of_a_terminal[] = {SIGHUP, SIGINT};

/* As under nohup, and behind a script's "&": the others still arrive. */
START_TEST(loop_leaves_a_signal_of_the_terminal_that_is_ignored_alone)
{
	const int signals[] = {of_a_terminal[_i], SIGTERM};
	signal(signals[0], SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	ck_assert_int_eq(loop_signals(&loop, signals, 2, note_signal_event, &loop), 0);
	kill(getpid(), signals[0]);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(signals_seen[signals[0]], 0);
	ck_assert_int_eq(signals_seen[SIGTERM], 1);
}
END_TEST

START_TEST(loop_hears_a_signal_of_the_terminal_that_is_not_ignored)
{
	const int signals[] = {of_a_terminal[_i], SIGTERM};
	signal(signals[0], SIG_DFL);
	ck_assert_int_eq(loop_signals(&loop, signals, 2, note_signal_event, &loop), 0);
	kill(getpid(), signals[0]);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(signals_seen[signals[0]], 1);
}
END_TEST

static void stay_ready(void *context, short revents, int64_t now_us)
{
	struct probe *p = context;
	(void)revents;
	if (p->calls++ == 0)
		kill(getpid(), SIGTERM);
	p->at_us = now_us;
}

START_TEST(loop_hears_a_signal_although_a_descriptor_is_always_ready)
{
	struct probe p = {0};
	open_probe(&p);
	p.watch.ready = stay_ready;
	poke(&p);
	ck_assert_int_eq(loop_signals(&loop, used_signals, 3, note_signal_event, &loop), 0);
	int64_t start_us = loop_now_us();
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(signals_seen[SIGTERM], 1);
	ck_assert_int_lt(loop_now_us() - start_us, USEC_PER_SEC);
	close_probe(&p);
}
END_TEST

START_TEST(loop_ignores_sigpipe)
{
	int fds[2];
	ck_assert_int_eq(loop_signals(&loop, used_signals, 3, note_signal_event, &loop), 0);
	ck_assert_int_eq(pipe(fds), 0);
	close(fds[0]);
	ck_assert_int_eq(write(fds[1], "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	close(fds[1]);
}
END_TEST

START_TEST(loop_sleeps_when_nothing_is_due)
{
	struct probe end = {.stop = true}, idle = {0};
	struct rusage before, after;
	open_probe(&idle);
	arm(&end, 300 * USEC_PER_MSEC);
	getrusage(RUSAGE_SELF, &before);
	ck_assert_int_eq(loop_run(&loop), 0);
	getrusage(RUSAGE_SELF, &after);
	ck_assert_int_le(after.ru_nvcsw - before.ru_nvcsw, 2);
	close_probe(&idle);
}
END_TEST

START_TEST(loop_stopped_before_it_runs_returns_at_once_and_runs_again)
{
	struct probe p = {.stop = true};
	loop_stop(&loop);
	ck_assert_int_eq(loop_run(&loop), 0);
	arm(&p, USEC_PER_MSEC);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(p.calls, 1);
}
END_TEST

static void add_many(void *context, short revents, int64_t now_us)
{
	struct probe *p = context;
	(void)revents;
	(void)now_us;
	loop_remove(&loop, &p->watch);
	for (int i = 1; i < 100; i++) {
		open_probe(&p[i]);
		poke(&p[i]);
		p[i].remove_self = true;
	}
}

START_TEST(loop_grows_while_it_calls_back)
{
	struct probe p[100] = {0}, end = {.stop = true};
	open_probe(&p[0]);
	p[0].watch.ready = add_many;
	poke(&p[0]);
	arm(&end, 20 * USEC_PER_MSEC);
	ck_assert_int_eq(loop_run(&loop), 0);
	for (int i = 1; i < 100; i++) {
		ck_assert_int_eq(p[i].calls, 1);
		close_probe(&p[i]);
	}
	close_probe(&p[0]);
}
END_TEST

START_TEST(loop_remove_of_what_is_not_there_does_nothing)
{
	struct probe p = {0};
	loop_remove(&loop, &p.watch);
	loop_timer_remove(&loop, &p.timer);
	open_probe(&p);
	close_probe(&p);
	loop_remove(&loop, &p.watch);
	ck_assert_ptr_null(loop.watches);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tc = tcase_create("loop");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, loop_calls_back_for_a_readable_descriptor);
	tcase_add_test(tc, loop_meets_deadlines_to_the_millisecond_and_never_early);
	tcase_add_test(tc, loop_runs_timers_in_any_order_of_adding_by_their_deadlines);
	tcase_add_test(tc, loop_takes_a_deadline_changed_by_a_callback);
	tcase_add_test(tc, loop_does_not_call_a_watch_removed_earlier_in_the_same_turn);
	tcase_add_test(tc, loop_lets_a_watch_remove_itself_while_others_are_pending);
	tcase_add_test(tc, loop_lets_timers_remove_themselves_and_others);
	tcase_add_test(tc, loop_leaves_a_watch_that_is_off_alone_even_at_hang_up);
	tcase_add_test(tc, loop_reports_hang_up_to_a_watch_without_events);
	tcase_add_test(tc, loop_serves_descriptors_beside_a_timer_that_is_always_due);
	tcase_add_test(tc, loop_delivers_signals_between_callbacks_only);
	tcase_add_test(tc, loop_notices_a_signal_that_came_before_it_waited);
	tcase_add_loop_test(tc, loop_leaves_a_signal_of_the_terminal_that_is_ignored_alone, 0, 2);
	tcase_add_loop_test(tc, loop_hears_a_signal_of_the_terminal_that_is_not_ignored, 0, 2);
	tcase_add_test(tc, loop_hears_a_signal_although_a_descriptor_is_always_ready);
	tcase_add_test(tc, loop_ignores_sigpipe);
	tcase_add_test(tc, loop_sleeps_when_nothing_is_due);
	tcase_add_test(tc, loop_stopped_before_it_runs_returns_at_once_and_runs_again);
	tcase_add_test(tc, loop_grows_while_it_calls_back);
	tcase_add_test(tc, loop_remove_of_what_is_not_there_does_nothing);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
