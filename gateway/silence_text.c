/* SPDX-License-Identifier: ISC */
/* No word in it is one of those that programs take for the end of a call, such as "unreachable". */
#include "gateway/silence_text.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>

struct address_text {
	char text[INET_ADDRSTRLEN];
};

static struct address_text name(struct in_addr a)
{
	struct address_text t = {""};
	inet_ntop(AF_INET, &a, t.text, sizeof(t.text));
	return t;
}

/* An address that no router of the Internet knows (RFC 1918, RFC 6598). */
static bool is_private(struct in_addr a)
{
	uint32_t ip = ntohl(a.s_addr);
	return ip >> 24 == 10 || ip >> 20 == (172 << 4 | 1) || ip >> 16 == (192 << 8 | 168) ||
	       ip >> 22 == (100 << 2 | 1);
}

/* `arrives`: what the server sends does. `was_up`: it has answered before. */
static void put_unexplained(
    char *to, size_t cap, bool arrives, bool was_up, const struct silence_details *d)
{
	bool nat = is_private(d->local) && !is_private(d->server);
	snprintf(to, cap, "%s%s%s%s may drop IP protocol 47%s%s",
	    was_up ? "the server or the path to it may be down, or " : "",
	    nat ? "the NAT between our address " : "a firewall or NAT on the path",
	    nat ? name(d->local).text : "",
	    nat ? " and the server, or a firewall on the path," : "",
	    arrives ? " towards the server" : "",
	    !arrives && d->tracks_connections
		? "; so may this host's own packet filter, which tracks connections"
		: "");
}

static void put_cause(char *to, size_t cap, enum silence_cause cause, bool arrives, bool was_up,
    const struct silence_details *d)
{
	bool by_server = d->icmp.from.s_addr == d->server.s_addr;
	switch (cause) {
	case SILENCE_NONE:
	case SILENCE_REFUSED:
	case SILENCE_UNEXPLAINED:
		put_unexplained(to, cap, arrives, was_up, d);
		break;
	case SILENCE_ICMP:
		snprintf(to, cap, "%s %s answers it with ICMP %u/%u, %s",
		    by_server ? "the server itself at" : "the router", name(d->icmp.from).text,
		    d->icmp.type, d->icmp.code, icmp_error_text(&d->icmp));
		break;
	case SILENCE_OTHER_CALL:
		snprintf(to, cap,
		    "GRE arrives for call %u%s, ours is %u: the server, or a NAT on the path, "
		    "mixes up the numbers of calls, or goes on with one that has ended here",
		    d->other_call,
		    d->other_call == d->peer_call_id ? ", which is the server's own number" : "",
		    d->call_id);
		break;
	case SILENCE_OTHER_SOURCE:
		snprintf(to, cap,
		    "GRE arrives from %s, not from %s: call the server by that address, or "
		    "let it answer from the one that is called",
		    name(d->other_source).text, name(d->server).text);
		break;
	}
}

void silence_text(char text[SILENCE_TEXT_MAX], enum silence_cause cause, const struct silence *s,
    const struct silence_facts *f, const struct silence_details *d)
{
	char reason[SILENCE_TEXT_MAX / 2];
	unsigned seconds = (unsigned)(s->ticks * SILENCE_TICK_US / USEC_PER_SEC);
	if (cause == SILENCE_REFUSED) {
		snprintf(text, SILENCE_TEXT_MAX,
		    "this host refuses to send GRE (IP protocol 47) to %s (%" PRIu64
		    " sent, %" PRIu64
		    " received so far): see its packet filter (nft, iptables: output), IPAddressDeny= of "
		    "a systemd unit, and whether the connection tracking table is full",
		    name(d->server).text, f->sent, f->received);
		return;
	}
	bool arrives = f->received != s->received;
	put_cause(reason, sizeof(reason), cause, arrives, f->answers > 0, d);
	if (f->answers == 0)
		snprintf(text, SILENCE_TEXT_MAX,
		    "%s %s in %u s (%" PRIu64 " sent, %" PRIu64 " received): %s",
		    arrives ? "no answer came back from" : "no GRE came back from",
		    name(d->server).text, seconds, f->sent, f->received, reason);
	else
		snprintf(text, SILENCE_TEXT_MAX,
		    "%s %s any more: none in %u s (%" PRIu64 " sent and %" PRIu64
		    " received meanwhile, %" PRIu64 " received before): %s",
		    arrives ? "no answer comes from" : "no GRE comes from", name(d->server).text,
		    seconds, f->sent - s->sent, f->received - s->received, s->received, reason);
}
