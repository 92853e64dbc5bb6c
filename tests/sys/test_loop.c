/* SPDX-License-Identifier: ISC */
/* The event loop with pipes, real signals and real clocks, one of which can be set back. */
#include "sys/loop.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "unit.h"

static struct loop loop;
static int64_t suspend_us;  /* boot time set back by this for one reading, as before a suspend */
static bool refuse_timerfd; /* as in a sandbox */
static int timerfd_settings;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, now);
	if (clock == CLOCK_BOOTTIME && suspend_us) {
		now->tv_sec -= (time_t)(suspend_us / USEC_PER_SEC);
		suspend_us = 0;
	}
	return rc;
}

int timerfd_create(clockid_t clock, int flags)
{
	if (!refuse_timerfd)
		return (int)syscall(SYS_timerfd_create, clock, flags);
	errno = EPERM;
	return -1;
}

int timerfd_settime(int fd, int flags, const struct itimerspec *at, struct itimerspec *old)
{
	timerfd_settings++;
	return (int)syscall(SYS_timerfd_settime, fd, flags, at, old);
}

/* Records what a callback saw, and says what it does. */
struct probe {
	struct loop_watch watch;
	struct loop_timer timer;
	int fds[2];
	int calls;
	int64_t at_us;
	struct probe *victim;
	bool remove_self;
	bool stop;
};

static void set_up_monotonic(void)
{
	ck_assert_int_eq(loop_init(&loop, LOOP_MONOTONIC), 0);
	ck_assert_int_eq(loop.timer_fd, -1);
}

static void set_up_boottime(void)
{
	ck_assert_int_eq(loop_init(&loop, LOOP_BOOTTIME), 0);
	ck_assert_int_ge(loop.timer_fd, 0);
}

static void set_up_boottime_without_timerfd(void)
{
	refuse_timerfd = true;
	ck_assert_int_eq(loop_init(&loop, LOOP_BOOTTIME), 0);
	ck_assert_int_eq(loop.timer_fd, -1);
}

static void tear_down(void)
{
	loop_free(&loop);
}

static void on_ready(void *context, int64_t now_us)
{
	struct probe *p = context;
	char byte;
	p->calls++;
	p->at_us = now_us;
	if (p->watch.revents & POLLIN)
		ck_assert_int_ge(read(p->watch.fd, &byte, 1), 0);
	if (p->victim)
		loop_remove(&loop, &p->victim->watch);
	if (p->remove_self)
		loop_remove(&loop, &p->watch);
	if (p->stop)
		loop_stop(&loop);
}

static void on_expired(void *context, int64_t now_us)
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
	p->watch =
	    (struct loop_watch){.fd = p->fds[0], .events = POLLIN, .ready = on_ready, .context = p};
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
	    .deadline_us = loop_now_us(&loop) + after_us, .expired = on_expired, .context = p};
	loop_timer_add(&loop, &p->timer);
}

START_TEST(loop_calls_back_for_a_readable_descriptor)
{
	struct probe p = {.stop = true};
	open_probe(&p);
	poke(&p);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert(p.watch.revents & POLLIN);
	close_probe(&p);
}
END_TEST

START_TEST(loop_calls_timers_at_their_deadline_and_never_early)
{
	int64_t least_us = INT64_MAX;
	for (int i = 0; i < 20; i++) {
		struct probe p = {.stop = true};
		arm(&p, 5 * USEC_PER_MSEC);
		int64_t due_us = p.timer.deadline_us;
		ck_assert_int_eq(loop_run(&loop), 0);
		ck_assert_int_eq(p.calls, 1);
		ck_assert(p.at_us >= due_us);
		if (p.at_us - due_us < least_us)
			least_us = p.at_us - due_us;
		loop_timer_remove(&loop, &p.timer);
	}
	/* The best of them, because a busy machine may be late. */
	ck_assert_int_lt(least_us, 20 * USEC_PER_MSEC);
}
END_TEST

START_TEST(loop_runs_timers_in_any_order_of_adding_by_their_deadlines)
{
	struct probe late = {.stop = true}, early = {0}, never = {0};
	arm(&early, 2 * USEC_PER_MSEC);
	arm(&late, 100 * USEC_PER_MSEC);
	arm(&never, 0);
	never.timer.deadline_us = DEADLINE_NEVER;
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(early.calls, 1);
	ck_assert_int_eq(late.calls, 1);
	ck_assert_int_eq(never.calls, 0);
	ck_assert(early.at_us < late.at_us);
}
END_TEST

START_TEST(loop_uses_a_deadline_changed_by_a_callback)
{
	struct probe p = {.stop = true}, q = {0};
	arm(&p, 3600 * USEC_PER_SEC);
	open_probe(&q);
	q.timer.deadline_us = 0;
	poke(&q);
	p.timer.deadline_us = loop_now_us(&loop) + 3 * USEC_PER_MSEC;
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(q.calls, 1);
	close_probe(&q);
}
END_TEST

START_TEST(loop_does_not_call_a_watch_removed_earlier_in_the_same_iteration)
{
	/* The first of the two removes the other. */
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

START_TEST(loop_does_not_call_a_watch_that_is_off_even_at_hang_up)
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
	ck_assert(p.watch.revents & POLLHUP);
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
	ck_assert_int_eq(busy.calls, 0); /* descriptors are first, and end this loop */
	close_probe(&p);
}
END_TEST

static int reads_before_timer;

static void count_reads(void *context, int64_t now_us)
{
	struct probe *p = context;
	(void)now_us;
	reads_before_timer = p->calls;
	loop_stop(&loop);
}

static void pause_for_a_while(void *context, int64_t now_us)
{
	struct probe *p = context;
	(void)now_us;
	usleep(60000);
	loop_remove(&loop, &p->watch);
}

/* How many of `unread` bytes, one a callback, are read before a timer that is due at once, or that
 * comes to be due in a pause. */
static int reads_until_timer(int unread, bool has_pause)
{
	struct probe pause = {0}, many = {0};
	open_probe(&many);
	open_probe(&pause);
	pause.watch.ready = pause_for_a_while;
	if (has_pause)
		poke(&pause);
	for (int i = 0; i < unread; i++)
		poke(&many);
	many.timer = (struct loop_timer){.deadline_us = loop_now_us(&loop) + (has_pause ? 2000 : 0),
	    .expired = count_reads,
	    .context = &many};
	loop_timer_add(&loop, &many.timer);
	ck_assert_int_eq(loop_run(&loop), 0);
	loop_timer_remove(&loop, &many.timer);
	close_probe(&many);
	close_probe(&pause);
	return reads_before_timer;
}

static int pauses, unpaused_call;

/* Pauses each time but at the call of that number, until it is told that it is no use. */
static void pause_in_vain(void *context, int64_t now_us)
{
	struct probe *p = context;
	(void)now_us;
	if (++pauses == unpaused_call)
		return;
	if (!loop_pause(&loop, &p->watch))
		loop_stop(&loop);
}

START_TEST(loop_tells_after_a_second_of_pauses_in_a_row_that_they_are_in_vain)
{
	struct probe p = {0};
	open_probe(&p);
	p.watch.ready = pause_in_vain;
	poke(&p);
	for (unpaused_call = 0; unpaused_call <= 50; unpaused_call += 50) {
		pauses = 0;
		p.watch.pauses = 0;
		ck_assert_int_eq(loop_run(&loop), 0);
		ck_assert_int_eq(pauses, 100 + unpaused_call);
	}
	close_probe(&p);
}
END_TEST

START_TEST(loop_reads_what_came_in_a_pause_before_it_judges_a_deadline)
{
	ck_assert_int_eq(reads_until_timer(20, true), 20);
}
END_TEST

START_TEST(loop_judges_a_deadline_in_bounded_time_after_a_pause_and_at_once_without)
{
	int reads = reads_until_timer(1000, true);
	ck_assert_int_gt(reads, 50);
	ck_assert_int_lt(reads, 100);
	ck_assert_int_eq(reads_until_timer(20, false), 1);
}
END_TEST

enum {
	READS_BETWEEN_PAUSES = 20,
	READS_MAX = 200,
};

/* Of a descriptor that is always ready, in a process that gets the processor in slices. */
static void read_in_slices(void *context, int64_t now_us)
{
	struct probe *p = context;
	(void)now_us;
	if (++p->calls % READS_BETWEEN_PAUSES == 0)
		usleep(60000);
	if (p->calls == READS_MAX)
		loop_stop(&loop);
}

START_TEST(loop_judges_a_deadline_in_bounded_time_when_pauses_follow_each_other)
{
	struct probe p = {0};
	open_probe(&p);
	p.watch.ready = read_in_slices;
	poke(&p);
	p.timer = (struct loop_timer){
	    .deadline_us = loop_now_us(&loop) + 2000, .expired = count_reads, .context = &p};
	loop_timer_add(&loop, &p.timer);
	reads_before_timer = READS_MAX;
	ck_assert_int_eq(loop_run(&loop), 0);
	loop_timer_remove(&loop, &p.timer);
	close_probe(&p);
	ck_assert_int_lt(reads_before_timer, 100);
}
END_TEST

static int signals_seen[65];
static bool in_callback;

static void on_signal(void *context, int signo, int64_t now_us)
{
	(void)now_us;
	ck_assert_ptr_eq(context, &loop);
	ck_assert(!in_callback);
	signals_seen[signo]++;
	if (signo == SIGTERM)
		loop_stop(&loop);
}

static void raise_signals(void *context, int64_t now_us)
{
	struct probe *p = context;
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
	ck_assert_int_eq(loop_signals(&loop, used_signals, 3, on_signal, &loop), 0);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert_int_eq(signals_seen[SIGUSR1], 1);
	ck_assert_int_eq(signals_seen[SIGTERM], 1);
	close_probe(&p);
}
END_TEST

START_TEST(loop_delivers_a_signal_from_before_the_wait)
{
	ck_assert_int_eq(loop_signals(&loop, used_signals, 3, on_signal, &loop), 0);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(signals_seen[SIGTERM], 1);
}
END_TEST

static const int terminal_signals[] = {SIGHUP, SIGINT};

/* As under nohup, and after a script's "&". Other signals are not kept ignored. */
START_TEST(loop_keeps_an_ignored_terminal_signal_ignored)
{
	const int signals[] = {terminal_signals[_i], SIGTERM};
	signal(signals[0], SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	ck_assert_int_eq(loop_signals(&loop, signals, 2, on_signal, &loop), 0);
	kill(getpid(), signals[0]);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(signals_seen[signals[0]], 0);
	ck_assert_int_eq(signals_seen[SIGTERM], 1);
}
END_TEST

START_TEST(loop_delivers_a_terminal_signal_that_is_not_ignored)
{
	const int signals[] = {terminal_signals[_i], SIGTERM};
	signal(signals[0], SIG_DFL);
	ck_assert_int_eq(loop_signals(&loop, signals, 2, on_signal, &loop), 0);
	kill(getpid(), signals[0]);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(signals_seen[signals[0]], 1);
}
END_TEST

static void stay_ready(void *context, int64_t now_us)
{
	struct probe *p = context;
	if (p->calls++ == 0)
		kill(getpid(), SIGTERM);
	p->at_us = now_us;
}

START_TEST(loop_delivers_a_signal_while_a_descriptor_is_always_ready)
{
	struct probe p = {0};
	open_probe(&p);
	p.watch.ready = stay_ready;
	poke(&p);
	ck_assert_int_eq(loop_signals(&loop, used_signals, 3, on_signal, &loop), 0);
	int64_t start_us = loop_now_us(&loop);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(signals_seen[SIGTERM], 1);
	ck_assert_int_lt(loop_now_us(&loop) - start_us, USEC_PER_SEC);
	close_probe(&p);
}
END_TEST

START_TEST(loop_ignores_sigpipe)
{
	int fds[2];
	ck_assert_int_eq(loop_signals(&loop, used_signals, 3, on_signal, &loop), 0);
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

enum {
	MANY = LOOP_WATCHES_MAX
};

static void add_many(void *context, int64_t now_us)
{
	struct probe *p = context;
	(void)now_us;
	loop_remove(&loop, &p->watch);
	for (int i = 1; i <= MANY; i++) {
		open_probe(&p[i]);
		poke(&p[i]);
		p[i].remove_self = true;
	}
	ck_assert_int_eq(loop_add(&loop, &p->watch), -ENOSPC);
}

START_TEST(loop_accepts_watches_while_it_calls_back_and_up_to_its_limit)
{
	static struct probe p[MANY + 1];
	struct probe end = {.stop = true};
	open_probe(&p[0]);
	p[0].watch.ready = add_many;
	poke(&p[0]);
	arm(&end, 20 * USEC_PER_MSEC);
	ck_assert_int_eq(loop_run(&loop), 0);
	for (int i = 1; i <= MANY; i++) {
		ck_assert_int_eq(p[i].calls, 1);
		close_probe(&p[i]);
	}
	close_probe(&p[0]);
}
END_TEST

START_TEST(loop_remove_of_what_was_not_added_does_nothing)
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

/* A suspend of an hour, which the time-out of ppoll does not count. */
START_TEST(loop_of_boottime_wakes_for_a_deadline_that_passed_in_a_suspend)
{
	struct probe p = {.stop = true};
	arm(&p, 5 * USEC_PER_MSEC);
	suspend_us = 3600 * USEC_PER_SEC;
	alarm(5); /* kills the test if the wait lasts an hour */
	ck_assert_int_eq(loop_run(&loop), 0);
	alarm(0);
	ck_assert_int_eq(suspend_us, 0);
	ck_assert_int_eq(p.calls, 1);
	ck_assert(p.at_us >= loop.armed_us);
}
END_TEST

START_TEST(loop_of_boottime_sets_its_timerfd_only_when_the_earliest_deadline_changes)
{
	struct probe a = {0}, b = {0}, end = {.stop = true}, many = {0};
	open_probe(&many);
	for (int i = 0; i < 10; i++)
		poke(&many);
	arm(&a, 3600 * USEC_PER_SEC);
	arm(&b, 3 * USEC_PER_MSEC);
	arm(&end, 6 * USEC_PER_MSEC);
	ck_assert_int_eq(loop_run(&loop), 0);
	ck_assert_int_eq(many.calls, 10);
	/* Fewer on a busy host, where a deadline has passed before the loop waits for it. */
	ck_assert_int_le(timerfd_settings, 2);
	close_probe(&many);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, loop_calls_back_for_a_readable_descriptor);
	tcase_add_test(tc, loop_calls_timers_at_their_deadline_and_never_early);
	tcase_add_test(tc, loop_runs_timers_in_any_order_of_adding_by_their_deadlines);
	tcase_add_test(tc, loop_uses_a_deadline_changed_by_a_callback);
	tcase_add_test(tc, loop_does_not_call_a_watch_removed_earlier_in_the_same_iteration);
	tcase_add_test(tc, loop_lets_a_watch_remove_itself_while_others_are_pending);
	tcase_add_test(tc, loop_tells_after_a_second_of_pauses_in_a_row_that_they_are_in_vain);
	tcase_add_test(tc, loop_judges_a_deadline_in_bounded_time_when_pauses_follow_each_other);
	tcase_add_test(tc, loop_reads_what_came_in_a_pause_before_it_judges_a_deadline);
	tcase_add_test(
	    tc, loop_judges_a_deadline_in_bounded_time_after_a_pause_and_at_once_without);
	tcase_add_test(tc, loop_lets_timers_remove_themselves_and_others);
	tcase_add_test(tc, loop_does_not_call_a_watch_that_is_off_even_at_hang_up);
	tcase_add_test(tc, loop_reports_hang_up_to_a_watch_without_events);
	tcase_add_test(tc, loop_serves_descriptors_beside_a_timer_that_is_always_due);
	tcase_add_test(tc, loop_delivers_signals_between_callbacks_only);
	tcase_add_test(tc, loop_delivers_a_signal_from_before_the_wait);
	tcase_add_loop_test(tc, loop_keeps_an_ignored_terminal_signal_ignored, 0, 2);
	tcase_add_loop_test(tc, loop_delivers_a_terminal_signal_that_is_not_ignored, 0, 2);
	tcase_add_test(tc, loop_delivers_a_signal_while_a_descriptor_is_always_ready);
	tcase_add_test(tc, loop_ignores_sigpipe);
	tcase_add_test(tc, loop_sleeps_when_nothing_is_due);
	tcase_add_test(tc, loop_stopped_before_it_runs_returns_at_once_and_runs_again);
	tcase_add_test(tc, loop_accepts_watches_while_it_calls_back_and_up_to_its_limit);
	tcase_add_test(tc, loop_remove_of_what_was_not_added_does_nothing);
}

int main(void)
{
	Suite *suite = suite_create("loop");
	TCase *monotonic = tcase_create("monotonic"), *boottime = tcase_create("boottime"),
	      *refused = tcase_create("boottime without timerfd");
	tcase_add_checked_fixture(monotonic, set_up_monotonic, tear_down);
	tcase_add_checked_fixture(boottime, set_up_boottime, tear_down);
	tcase_add_checked_fixture(refused, set_up_boottime_without_timerfd, tear_down);
	add_tests(monotonic);
	add_tests(boottime);
	tcase_add_test(boottime, loop_of_boottime_wakes_for_a_deadline_that_passed_in_a_suspend);
	tcase_add_test(
	    boottime, loop_of_boottime_sets_its_timerfd_only_when_the_earliest_deadline_changes);
	add_tests(refused);
	suite_add_tcase(suite, monotonic);
	suite_add_tcase(suite, boottime);
	suite_add_tcase(suite, refused);
	return unit_run(suite);
}
