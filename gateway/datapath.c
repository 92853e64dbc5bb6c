/* SPDX-License-Identifier: ISC */
/*
 * The data path in the loop. Every callback lets one part act, lets the other direction follow, and
 * ends by setting what is polled next.
 */
#include "gateway/datapath.h"

#include <errno.h>
#include <string.h>

/* What the server sends before pppd has set its line discipline would be lost on a plain tty, and
 * with it the server's first Configure-Request. pppd need not speak first: in the pty form it waits
 * a second for the server's Configure-Request, and with `silent` for ever. The kernel announces no
 * change of discipline, so the path asks every 20 ms. After ten seconds it writes in any case, for a program
 * that is not pppd. (pppd took up to 5.4 s with a half-second connect script on a machine four times as busy as it
 * has processors.) */
#define LISTEN_INTERVAL_US (20 * USEC_PER_MSEC)
#define LISTEN_MAX_US (10 * USEC_PER_SEC)
/* A pty that takes nothing for so long is stuck rather than busy: read the socket all the same, into
 * the session's queue, so that acknowledgments flow in both directions. */
#define STALL_US (10 * USEC_PER_MSEC)

/* Frames, or input that may hold some, wait for the socket or for the send window. */
static bool is_sending(const struct datapath *p)
{
	return net_tx_queued(&p->tx) || p->pty->has_input;
}

/* Sets watches and the timer after the state of both directions. Cheap: stores only. */
static void update_watches(struct datapath *p, int64_t now_us)
{
	enum net_tx_wait wait = p->tx.wait;
	int64_t write_after_us = p->pty->write_after_us;
	bool may_write = p->pty->queued && write_after_us <= now_us;
	short events = net_rx_is_wanted(&p->rx) ? POLLIN : 0;
	if (wait == NET_TX_WAIT_SOCKET)
		events |= POLLOUT;
	/* With nothing to do, errors wait too: only a read or a send clears them. */
	p->gre_watch.events = events ? events : LOOP_OFF;
	p->in_watch.events = is_sending(p) ? 0 : POLLIN;
	p->out_watch.events = may_write ? POLLOUT : LOOP_OFF;

	if (p->pty->queued == 0)
		p->stall_us = DEADLINE_NEVER;
	else if (p->stall_us == DEADLINE_NEVER && !p->rx.stalled)
		p->stall_us = now_us + STALL_US;

	int64_t at_us = deadline_earlier(p->listen_us, p->stall_us);
	at_us = deadline_earlier(at_us, p->pty->read_deadline_us);
	if (p->pty->queued && !may_write)
		at_us = deadline_earlier(at_us, write_after_us);
	at_us = deadline_earlier(at_us, net_tx_deadline(&p->tx));
	at_us = deadline_earlier(at_us, gre_session_timeout_deadline(&p->session));
	/* An acknowledgment that is due waits like the frames; and for pppd, which wakes us up or is stuck. */
	if (wait == NET_TX_READY && p->stall_us == DEADLINE_NEVER)
		at_us = deadline_earlier(at_us, gre_session_ack_wake_up(&p->session, now_us));
	p->timer.deadline_us = at_us;
}

static uint64_t asked(const struct datapath *p)
{
	return p->tx.asked + (p->stats.rx_acks ? p->stats.tx_sent : 0);
}

/* The owner may stop the path in any of them. */
static void report_events(struct datapath *p)
{
	const struct datapath_events *e = &p->events;

	if (p->pty->has_spoken && !p->reported_speaks) {
		p->reported_speaks = true;
		e->pppd_speaks(e->context);
	}
	if (p->loop && p->rx.datagrams && !p->reported_received) {
		p->reported_received = true;
		e->received(e->context);
	}
	uint64_t questions = asked(p);
	if (p->loop && questions != p->reported_asked) {
		p->reported_asked = questions;
		e->asked(e->context);
	}
	if (p->loop && p->pty->hung_up)
		e->hung_up(e->context, p->pty->error);
	if (p->loop && p->pty->refusal)
		e->refused(e->context, p->pty->refusal);
}

/* Every callback ends here. */
static void end_iteration(struct datapath *p, int64_t now_us)
{
	/* An acknowledgment from the server may have opened the send window. */
	if (is_sending(p) && p->tx.wait == NET_TX_READY)
		p->pty->ops->read(p->pty, now_us);
	net_tx_acknowledge(&p->tx, now_us);
	if (p->pty->has_spoken && p->listen_us != DEADLINE_NEVER) {
		net_rx_open(&p->rx);
		p->listen_us = DEADLINE_NEVER;
	}
	update_watches(p, now_us);
	report_events(p);
}

static void on_gre(void *context, int64_t now_us)
{
	struct datapath *p = context;
	short revents = p->gre_watch.revents;

	if (revents & POLLOUT)
		net_tx_on_writable(&p->tx, now_us);
	if ((revents & (POLLIN | POLLERR | POLLHUP)) && net_rx_is_wanted(&p->rx))
		net_rx_poll(&p->rx, now_us);
	else if (revents & POLLERR)
		net_rx_clear_error(&p->rx);
	if (net_rx_is_failing(&p->rx))
		(void)loop_pause(p->loop, &p->gre_watch);
	end_iteration(p, now_us);
}

static void on_pty_readable(void *context, int64_t now_us)
{
	struct datapath *p = context;
	short revents = p->in_watch.revents;

	/* pppd that redials opens the pty again within 0.1 ms, and then a read finds no hang-up. */
	if (revents & POLLHUP)
		p->pty->was_closed = true;
	if (!is_sending(p))
		p->pty->ops->read(p->pty, now_us);
	/* With frames still to be read, a hang-up is noticed by the read after the last one. But it
	 * does not wait for the send window. */
	if ((revents & (POLLHUP | POLLERR | POLLNVAL)) && is_sending(p) && !p->pty->hung_up)
		pty_hang_up(p->pty, (revents & POLLHUP) ? 0 : EIO);
	end_iteration(p, now_us);
}

static void write_to_pty(struct datapath *p, int64_t now_us)
{
	if (net_rx_on_pty_writable(&p->rx, now_us))
		p->stall_us = DEADLINE_NEVER;
}

static void on_pty_writable(void *context, int64_t now_us)
{
	struct datapath *p = context;

	write_to_pty(p, now_us);
	end_iteration(p, now_us);
}

static void ask_whether_pppd_listens(struct datapath *p, int64_t now_us)
{
	bool is_last = now_us >= p->listen_end_us;
	if (p->events.ask_pppd(p->events.context, is_last) || is_last) {
		net_rx_open(&p->rx);
		p->listen_us = DEADLINE_NEVER;
	} else {
		p->listen_us = now_us + LISTEN_INTERVAL_US;
	}
}

static void on_timer(void *context, int64_t now_us)
{
	struct datapath *p = context;

	if (now_us >= p->listen_us)
		ask_whether_pppd_listens(p, now_us);
	if (now_us >= p->stall_us) {
		net_rx_on_pty_stalled(&p->rx);
		p->stall_us = DEADLINE_NEVER;
	}
	if (now_us >= gre_session_timeout_deadline(&p->session)) {
		net_rx_poll_overdue(&p->rx, now_us);
		gre_session_on_deadline(&p->session, now_us);
		net_rx_flush(&p->rx);
	}
	net_tx_on_deadline(&p->tx, now_us);
	if (now_us >= p->pty->read_deadline_us)
		p->pty->ops->on_read_deadline(p->pty, now_us);
	/* Without a pause between two writes POLLOUT says when. */
	if (p->pty->queued && p->out_watch.events == LOOP_OFF && now_us >= p->pty->write_after_us)
		write_to_pty(p, now_us);
	end_iteration(p, now_us);
}

static void init_parts(struct datapath *p, const struct datapath_config *config)
{
	const struct net_rx_config rx = {.fd = config->net.fd, .server = config->net.server};

	gre_session_init(&p->session, &config->session, config->queue, &p->stats);
	net_tx_init(&p->tx, &config->net, &p->session, &p->stats);
	if (config->sync) {
		pty_sync_init(&p->ptys.sync, &config->pty, &p->tx, &p->stats);
		p->pty = &p->ptys.sync.pty;
	} else {
		pty_async_init(&p->ptys.async, &config->pty, &p->tx, &p->stats);
		p->pty = &p->ptys.async.pty;
	}
	net_rx_init(&p->rx, &rx, &p->session, config->queue, p->pty, &p->stats);
}

int datapath_start(struct datapath *p, const struct datapath_config *config,
    const struct datapath_events *events, struct loop *loop, int64_t now_us)
{
	memset(p, 0, offsetof(struct datapath, session));
	p->events = *events;
	p->loop = loop;
	p->listen_end_us = now_us + LISTEN_MAX_US;
	p->stall_us = DEADLINE_NEVER;
	init_parts(p, config);
	ask_whether_pppd_listens(p, now_us);

	loop_timer_start(loop, &p->timer, DEADLINE_NEVER, on_timer, p);
	int error = loop_watch_fd(loop, &p->gre_watch, config->net.fd, LOOP_OFF, on_gre, p);
	if (!error)
		error =
		    loop_watch_fd(loop, &p->in_watch, config->pty.in, POLLIN, on_pty_readable, p);
	if (!error)
		error = loop_watch_fd(
		    loop, &p->out_watch, config->pty.out, LOOP_OFF, on_pty_writable, p);
	if (error)
		return error;
	net_tx_send_empty(&p->tx, config->session.peer_call_id);
	update_watches(p, now_us);
	return 0;
}

void datapath_on_connected(struct datapath *p)
{
	net_tx_on_connected(&p->tx);
}

void datapath_count_facts(const struct datapath *p, struct silence_facts *f)
{
	f->asked = asked(p);
	f->sent = p->stats.tx_sent;
	f->received = p->rx.datagrams;
	f->answers = p->rx.answers;
	f->refusal = p->tx.refusal;
}

void datapath_update_gauges(struct datapath *p)
{
	if (!p->loop)
		return;
	gre_session_update_gauges(&p->session);
	p->stats.pty_queue_bytes = p->pty->queued;
	p->stats.send_queue = net_tx_queued(&p->tx);
}

void datapath_stop(struct datapath *p)
{
	if (!p->loop)
		return;
	loop_remove(p->loop, &p->gre_watch);
	loop_remove(p->loop, &p->in_watch);
	loop_remove(p->loop, &p->out_watch);
	loop_timer_remove(p->loop, &p->timer);
	p->loop = NULL;
}

void datapath_drain(struct datapath *p, int64_t now_us)
{
	if (!p->loop)
		return;
	p->listen_us = DEADLINE_NEVER;
	net_rx_drain(&p->rx, now_us);
	update_watches(p, now_us);
}
