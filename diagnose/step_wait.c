/* SPDX-License-Identifier: ISC */
/* One timer for all waits, because there is one at a time. */
#include "diagnose/step_wait.h"

static void on_expired(void *context, int64_t now_us)
{
	struct step_wait *w = context;
	(void)now_us;
	w->expired = true;
	loop_stop(&w->loop);
}

static void on_signal(void *context, int signo, int64_t now_us)
{
	struct step_wait *w = context;
	(void)now_us;
	w->signo = signo;
	loop_stop(&w->loop);
}

int step_wait_init(struct step_wait *w)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	*w = (struct step_wait){.signo = 0};
	int error = loop_init(&w->loop, LOOP_MONOTONIC);
	if (!error)
		error = loop_signals(
		    &w->loop, signals, sizeof(signals) / sizeof(signals[0]), on_signal, w);
	w->timer =
	    (struct loop_timer){.deadline_us = DEADLINE_NEVER, .expired = on_expired, .context = w};
	if (!error)
		loop_timer_add(&w->loop, &w->timer);
	return error;
}

bool step_wait_until(struct step_wait *w, int64_t deadline_us)
{
	if (w->signo)
		return false;
	w->expired = false;
	w->timer.deadline_us = deadline_us;
	int error = loop_run(&w->loop);
	w->timer.deadline_us = DEADLINE_NEVER;
	return !error && !w->expired && !w->signo;
}

int step_wait_finish(struct step_wait *w)
{
	int signo = w->signo;
	w->signo = 0;
	return signo;
}

int64_t step_wait_now_us(const struct step_wait *w)
{
	return loop_now_us(&w->loop);
}
