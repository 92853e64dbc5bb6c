/* SPDX-License-Identifier: ISC */
/* Facts and timer; the verdict is that of gre/silence.c, the words are those of silence_text.c. */
#include "gateway/silence_watch.h"

#include "sys/conntrack.h"
#include "sys/gre_watch.h"
#include "sys/log.h"
#include "sys/netsock.h"

/* Of one tick: other calls of this host with the same server may be busy. */
enum {
	EVENTS_MAX = 64,
};

static void note_cause(struct silence_watch *w, enum silence_cause cause)
{
	if (cause > w->facts.seen)
		w->facts.seen = cause;
}

static void process_event(struct silence_watch *w, const struct gre_watch_event *e)
{
	if (e->kind == GRE_WATCH_ICMP && e->call_id == w->details.peer_call_id) {
		note_cause(w, SILENCE_ICMP);
		w->details.icmp = e->icmp;
	}
	if (e->kind == GRE_WATCH_CALL && !netsock_call_id_may_be_in_use(e->call_id)) {
		datapath_count_invalid(w->path);
		note_cause(w, SILENCE_OTHER_CALL);
		w->details.other_call = e->call_id;
	}
}

static void collect_facts(struct silence_watch *w)
{
	struct gre_watch_event event;
	struct silence_facts *f = &w->facts;
	struct silence_facts before = *f;

	datapath_count_facts(w->path, f);
	if (f->answers != before.answers ||
	    (f->received && !before.received && f->seen == SILENCE_OTHER_SOURCE))
		f->seen = SILENCE_NONE;
	for (int i = 0; i < EVENTS_MAX && w->is_watching && gre_watch_read(w->fd, &event); i++)
		process_event(w, &event);
	w->details.other_source = datapath_other_source(w->path);
	if (f->received == 0 && w->details.other_source.s_addr != htonl(INADDR_ANY))
		note_cause(w, SILENCE_OTHER_SOURCE);
}

/* Each packet that the kernel copies for the watch costs the data path some time. */
static void set_watching(struct silence_watch *w, bool on)
{
	if (on == w->is_watching)
		return;
	w->is_watching = on;
	if (on)
		(void)gre_watch_start(w->fd, w->details.server);
	else
		gre_watch_park(w->fd, w->details.local);
}

/* The file can be read once. */
static void look_for_conntrack(struct silence_watch *w)
{
	if (*w->conntrack < 0)
		return;
	w->details.tracks_connections = conntrack_read(*w->conntrack);
	*w->conntrack = -1;
}

static void on_tick(void *context, int64_t now_us)
{
	struct silence_watch *w = context;
	char text[SILENCE_TEXT_MAX];

	collect_facts(w);
	enum silence_cause cause = silence_tick(&w->silence, &w->facts, now_us);
	if (cause) {
		look_for_conntrack(w);
		silence_text(text, cause, &w->silence, &w->facts, &w->details);
		log_warn("%s", text);
	}
	bool pending = silence_is_pending(&w->silence, &w->facts);
	set_watching(w, pending || w->facts.answers == 0);
	w->timer.deadline_us = pending ? now_us + SILENCE_TICK_US : DEADLINE_NEVER;
}

void silence_watch_start(struct silence_watch *w)
{
	silence_init(&w->silence);
	w->facts = (struct silence_facts){0};
	loop_timer_start(w->loop, &w->timer, DEADLINE_NEVER, on_tick, w);
	w->is_watching = false;
	set_watching(w, true);
}

void silence_watch_on_asked(struct silence_watch *w)
{
	if (w->timer.deadline_us == DEADLINE_NEVER)
		w->timer.deadline_us = loop_now_us(w->loop) + SILENCE_TICK_US;
}

void silence_watch_stop(struct silence_watch *w)
{
	if (!w->loop)
		return;
	loop_timer_remove(w->loop, &w->timer);
	w->loop = NULL;
}
