/* SPDX-License-Identifier: ISC */
/*
 * The data path's turns: which descriptor to watch when, the timers, and the alternation of the two
 * directions. Neither packets nor frames are looked at here.
 */
#include "gateway/datapath.h"

#include <string.h>

/* What the server sends before pppd has set its line discipline would be lost on a plain tty, and
 * with it the server's first Configure-Request. pppd need not speak first: in the pty form it waits
 * a second for the server's words, and with `silent` for ever. The kernel announces no change of
 * discipline, so it is asked, after 2 ms, 4 ms and so on; after a second in all it is late enough. */
#define LISTEN_FIRST_US (2 * USEC_PER_MSEC)
#define LISTEN_LAST_US (512 * USEC_PER_MSEC)
/* A pty that takes nothing for so long is stuck rather than busy: go on reading the socket, into
 * the session's queue, so that acknowledgments flow in both directions. */
#define STALL_US (10 * USEC_PER_MSEC)
/* After ENOBUFS: a device queue drains within a few packet times. */
#define RETRY_US USEC_PER_MSEC
/* Without a route: routes come back by somebody's hand. */
#define NO_ROUTE_RETRY_US (20 * USEC_PER_MSEC)

/* Brings watches and timers in line with what waits where. Cheap: stores only. */
static void arrange(struct gre_path *p, int64_t now_us)
{
	short events = gre_rx_wanted(p) ? POLLIN : 0;
	if (p->tx.wait_socket)
		events |= POLLOUT;
	/* With nothing to do, errors wait too: only a read or a send clears them. */
	p->gre_watch.events = events ? events : LOOP_OFF;
	p->in_watch.events = gre_tx_pending(p) ? 0 : POLLIN;

	bool paced = p->sync.pace_us > now_us; /* --sync only */
	p->pace_timer.deadline_us = paced && gre_rx_waiting(p) ? p->sync.pace_us : DEADLINE_NEVER;
	if (gre_rx_waiting(p)) {
		p->out_watch.events = paced ? LOOP_OFF : POLLOUT;
		if (p->stall_timer.deadline_us == DEADLINE_NEVER && !p->rx.stalled)
			p->stall_timer.deadline_us = now_us + STALL_US;
	} else {
		p->out_watch.events = LOOP_OFF;
		p->stall_timer.deadline_us = DEADLINE_NEVER;
	}
	bool held = p->sync.held && !p->sync.quiet;
	int64_t retry_us = p->tx.wait_timer && p->tx.no_route ? NO_ROUTE_RETRY_US : RETRY_US;
	if ((p->tx.wait_timer || held) && p->retry_timer.deadline_us == DEADLINE_NEVER)
		p->retry_timer.deadline_us = now_us + retry_us;
	else if (!p->tx.wait_timer && !held)
		p->retry_timer.deadline_us = DEADLINE_NEVER;
	p->session_timer.deadline_us =
	    deadline_earlier(gre_session_deadline(&p->session), gre_tx_deadline(p));
	/* An acknowledgment that is due waits for the socket, too: not turn after turn. */
	if ((p->tx.wait_socket || p->tx.wait_timer) && p->session_timer.deadline_us <= now_us)
		p->session_timer.deadline_us = now_us + retry_us;
}

/* Every callback ends here. */
static void end_turn(struct gre_path *p, int64_t now_us)
{
	/* An acknowledgment from the server may have made room. */
	if (gre_tx_pending(p) && !p->tx.wait_socket && !p->tx.wait_timer)
		gre_tx_turn(p, now_us);
	gre_tx_acknowledge(p, now_us);
	if (p->tx.spoke && !p->told_speaks) {
		p->told_speaks = true;
		p->rx.open = true;
		p->listen_timer.deadline_us = DEADLINE_NEVER;
		p->events.pppd_speaks(p->events.context);
	}
	arrange(p, now_us);
	if (p->tx.hung_up && !p->told_hung_up) {
		p->told_hung_up = true;
		p->events.hung_up(p->events.context, p->tx.error);
	}
	if (p->sync.refused && !p->told_refused) {
		p->told_refused = true;
		p->events.refused(p->events.context, sync_link_trouble(&p->sync.link));
	}
}

/* The news of an ICMP error, say. Neither a read nor a send would clear it now, and poll does not
 * wait while it is there. */
static void take_error(struct gre_path *p)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(p->config.gre, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error)
		p->stats.rx_os_errors++;
}

static void on_gre(void *context, short revents, int64_t now_us)
{
	struct gre_path *p = context;

	if (revents & POLLOUT)
		p->tx.wait_socket = false;
	if ((revents & (POLLIN | POLLERR | POLLHUP)) && gre_rx_wanted(p))
		gre_rx_turn(p, now_us);
	else if (revents & POLLERR)
		take_error(p);
	end_turn(p, now_us);
}

static void on_pty_readable(void *context, short revents, int64_t now_us)
{
	struct gre_path *p = context;

	if (!gre_tx_pending(p))
		gre_tx_turn(p, now_us);
	/* A hang-up cannot wait for acknowledgments: nobody is left to hear of them. */
	if ((revents & (POLLHUP | POLLERR | POLLNVAL)) && gre_tx_pending(p) && !p->tx.hung_up)
		gre_path_hang_up(p, (revents & POLLHUP) ? 0 : EIO);
	end_turn(p, now_us);
}

static void on_pty_writable(void *context, short revents, int64_t now_us)
{
	struct gre_path *p = context;
	size_t before = p->rx.taken;

	(void)revents;
	gre_rx_turn(p, now_us);
	if (p->rx.taken != before) {
		p->rx.stalled = false;
		p->stall_timer.deadline_us = DEADLINE_NEVER;
	}
	end_turn(p, now_us);
}

/* What is missing, a packet or an acknowledgment, may wait in the socket: timers come before
 * descriptors, and where pppd is slow the socket is not read at all. */
static void look_for_missing(struct gre_path *p, int64_t now_us)
{
	bool stalled = p->rx.stalled;

	p->rx.stalled = true;
	for (int turn = 0; turn < RX_TURNS_LATE; turn++)
		if (now_us < gre_session_wait_deadline(&p->session) || !gre_rx_turn(p, now_us))
			break;
	p->rx.stalled = stalled;
}

static void on_session_deadline(void *context, int64_t now_us)
{
	struct gre_path *p = context;

	if (p->rx.open)
		look_for_missing(p, now_us);
	gre_session_on_deadline(&p->session, now_us);
	gre_tx_on_deadline(p, now_us);
	if (p->rx.open)
		gre_rx_flush(p, now_us);
	end_turn(p, now_us);
}

static void on_listen_deadline(void *context, int64_t now_us)
{
	struct gre_path *p = context;

	if (p->listen_wait_us > LISTEN_LAST_US || p->events.pppd_listens(p->events.context)) {
		p->rx.open = true;
	} else {
		p->listen_timer.deadline_us = now_us + p->listen_wait_us;
		p->listen_wait_us *= 2;
	}
	end_turn(p, now_us);
}

static void on_stall(void *context, int64_t now_us)
{
	struct gre_path *p = context;

	p->rx.stalled = gre_rx_waiting(p) > 0;
	end_turn(p, now_us);
}

static void on_retry(void *context, int64_t now_us)
{
	struct gre_path *p = context;

	p->tx.wait_timer = false;
	if (p->sync.held)
		gre_sync_release(p, now_us);
	end_turn(p, now_us);
}

static void on_pace(void *context, int64_t now_us)
{
	on_pty_writable(context, POLLOUT, now_us);
}

static void set_watch(struct loop_watch *w, int fd, short events,
    void (*ready)(void *context, short revents, int64_t now_us), struct gre_path *p)
{
	*w = (struct loop_watch){.fd = fd, .events = events, .ready = ready, .context = p};
}

static void set_timer(struct loop_timer *t, int64_t deadline_us,
    void (*expired)(void *context, int64_t now_us), struct gre_path *p)
{
	*t = (struct loop_timer){.deadline_us = deadline_us, .expired = expired, .context = p};
}

int gre_path_start(struct gre_path *p, const struct gre_path_config *config,
    const struct gre_path_events *events, struct loop *loop, int64_t now_us)
{
	p->config = *config;
	p->events = *events;
	p->loop = loop;
	pqueue_init(&p->queue, config->queue_entries, config->queue_slots, config->queue_capacity,
	    config->queue_slot_len);
	gre_session_init(&p->session, &config->session, &p->queue, &p->stats);
	lcp_accm_init(&p->accm);
	p->fcs = hdlc_fcs_fastest();
	gre_rx_init(p);
	gre_tx_init(p);
	gre_sync_init(p);
	p->listen_wait_us = LISTEN_FIRST_US;

	set_watch(&p->gre_watch, config->gre, LOOP_OFF, on_gre, p);
	set_watch(&p->in_watch, config->pty_in, POLLIN, on_pty_readable, p);
	set_watch(&p->out_watch, config->pty_out, LOOP_OFF, on_pty_writable, p);
	set_timer(&p->session_timer, DEADLINE_NEVER, on_session_deadline, p);
	set_timer(&p->listen_timer, now_us, on_listen_deadline, p);
	set_timer(&p->stall_timer, DEADLINE_NEVER, on_stall, p);
	set_timer(&p->retry_timer, DEADLINE_NEVER, on_retry, p);
	set_timer(&p->pace_timer, DEADLINE_NEVER, on_pace, p);

	int error = loop_add(loop, &p->gre_watch);
	if (!error)
		error = loop_add(loop, &p->in_watch);
	if (!error)
		error = loop_add(loop, &p->out_watch);
	loop_timer_add(loop, &p->session_timer);
	loop_timer_add(loop, &p->listen_timer);
	loop_timer_add(loop, &p->stall_timer);
	loop_timer_add(loop, &p->retry_timer);
	loop_timer_add(loop, &p->pace_timer);
	return error;
}

void gre_path_stop(struct gre_path *p)
{
	if (!p->loop)
		return;
	loop_remove(p->loop, &p->gre_watch);
	loop_remove(p->loop, &p->in_watch);
	loop_remove(p->loop, &p->out_watch);
	loop_timer_remove(p->loop, &p->session_timer);
	loop_timer_remove(p->loop, &p->listen_timer);
	loop_timer_remove(p->loop, &p->stall_timer);
	loop_timer_remove(p->loop, &p->retry_timer);
	loop_timer_remove(p->loop, &p->pace_timer);
	p->loop = NULL;
}
