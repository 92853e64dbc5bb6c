/* SPDX-License-Identifier: ISC */
/* Formats the status. What the values are is known to the coordinator (pptp_callmgr.c). */
#include "callmgr/status_text.h"

#include <string.h>
#include <unistd.h>

#include "lib/msg_limits.h"
#include "callmgr/text.h"

static const char *route_name(enum ipc_route route)
{
	switch (route) {
	case IPC_ROUTE_ADDED:
		return "added";
	case IPC_ROUTE_LOST:
		return "lost";
	case IPC_ROUTE_NONE:
		break;
	}
	return "none";
}

/* The entries [first, end) of the table. */
static void add_stats(struct text *t, const struct pptp_stats *stats, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		/* Unknown while no acknowledgment has told it: 0 would be taken for a short one. */
		if (stats_table[i].offset == offsetof(struct pptp_stats, round_trip_us) &&
		    !stats->round_trip_us)
			continue;
		char name[sizeof(stats_table[i].name)];
		memcpy(name, stats_table[i].name, sizeof(name));
		for (char *s = name; *s; s++)
			if (*s == ' ')
				*s = '_';
		text_add(t, "call.1.%s=%llu\n", name,
		    (unsigned long long)stats_display_value(stats, &stats_table[i]));
	}
}

void status_text_write(char *string, size_t cap, const struct status_facts *f)
{
	struct text t = text_make(string, cap);
	text_add(&t, "version=%s\npid=%ld\nsession=", PPTP_VERSION, (long)getpid());
	text_add_printable(&t, f->options->logstring, 64);
	text_add(&t, "\nserver=");
	text_add_printable(&t, f->options->server, 255);
	text_add(&t, "\naddress=");
	text_add_address(&t, f->address);
	text_add(&t, "\nlocal=");
	text_add_address(&t, f->local);
	if (f->unit >= 0)
		text_add(&t, "\ndevice=ppp%lld", (long long)f->unit);
	text_add(&t, "\nstate=%s\n", f->state);
	if (f->hanging)
		text_add(&t, "hanging=%s\n", f->hanging);
	text_add(&t, "host_route=%s\nattempts=%u\n", route_name(f->route), f->attempts);
	if (f->notice.at_us) {
		text_add(&t, "last_notice_at=%lld\nlast_notice=",
		    (long long)(f->notice.at_us / USEC_PER_SEC));
		text_add_printable(&t, f->notice.text, sizeof(f->notice.text));
		text_add(&t, "\n");
	}
	text_add(&t, "calls=1\ncall.1.id=%u\ncall.1.state=%s\n", f->call_id, f->call_state);
	if (!f->was_up)
		return;
	text_add(&t, "call.1.peer_id=%u\ncall.1.window=%d\ncall.1.peer_window=%u\n",
	    f->peer_call_id, RECEIVE_WINDOW, f->peer_window);
	text_add(&t, "call.1.since=%lld\ncall.1.seconds=%lld\n", (long long)f->since,
	    (long long)(f->up_us / USEC_PER_SEC));
	if (!f->stats)
		return;
	add_stats(&t, f->stats, STATS_COUNTERS, STATS_COUNT);
	add_stats(&t, f->stats, 0, STATS_COUNTERS);
}
