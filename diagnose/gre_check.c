/* SPDX-License-Identifier: ISC */
/* The most specific cause first; where this host cannot tell two apart, both are named. */
#include "diagnose/gre_check.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/error_text.h"
#include "sys/gre_tap.h"
#include "sys/netsock.h"
#include "diagnose/mtu_probe.h"

enum {
	ETHERNET_MTU =
	    1500, /* larger ones are of no use to pppd, whose frames have 1500 bytes at most */
};

void gre_check_open(struct gre_check *g, const struct pptp_options *o, uint16_t call_id)
{
	struct netsock_options so = {.local = o->localbind, .mark = o->rtmark};
	int mode = IP_PMTUDISC_PROBE;
	*g = (struct gre_check){.probe = {.call_id = call_id, .tap = -1}};
	g->udp = netsock_udp_open(&so);
	g->probe.gre = netsock_gre_open(call_id, &so);
	if (g->probe.gre < 0) {
		g->open_error = -g->probe.gre;
		return;
	}
	(void)setsockopt(g->probe.gre, IPPROTO_IP, IP_MTU_DISCOVER, &mode, sizeof(mode));
	(void)icmp_error_enable(g->probe.gre);
	g->probe.tap = gre_tap_open(); /* without it less is known */
}

void gre_check_close(struct gre_check *g)
{
	if (g->probe.gre >= 0)
		close(g->probe.gre);
	if (g->probe.tap >= 0)
		close(g->probe.tap);
	if (g->udp >= 0)
		close(g->udp);
	g->probe.gre = g->probe.tap = g->udp = -1;
}

/* ---- GRE ---- */

static void describe_refused(struct report_result *r, int error)
{
	text_add(&r->text, "this host refuses to send GRE (IP protocol 47): %s", error_text(error));
	if (error == EPERM || error == EACCES)
		text_add(&r->advice,
		    "let protocol 47 out: the packet filter (nft or iptables, output) drops it, or a "
		    "systemd unit's IPAddressDeny=, or the connection tracking table is full");
	else
		text_add(&r->advice, "look at the route to the server: ip route get");
}

static void describe_icmp(struct report_result *r, const struct gre_probe *p)
{
	bool by_server = p->icmp.from.s_addr == p->server.s_addr;
	text_add(&r->text, "GRE is rejected by ");
	text_add_address(&r->text, p->icmp.from);
	text_add(&r->text, "%s: %s (ICMP type %u, code %u)",
	    by_server ? ", the server" : ", a router or firewall", icmp_error_text(&p->icmp),
	    p->icmp.type, p->icmp.code);
	text_add(&r->advice, "let IP protocol 47 (GRE) through there");
}

static void describe_dropped_here(struct report_result *r)
{
	text_add(&r->text,
	    "GRE of the server arrives at this host, whose own packet filter drops it before it comes to "
	    "pptp");
	text_add(&r->advice,
	    "accept protocol 47 from the server in the input chain (nft or iptables), or give the control "
	    "connection the conntrack helper (CAVEATS in pptp(8))");
}

static void describe_other_address(struct report_result *r, const struct gre_probe *p)
{
	text_add(&r->text, "GRE for this call arrives from ");
	text_add_address(&r->text, p->other_from);
	text_add(&r->text, ", not from ");
	text_add_address(&r->text, p->server);
	text_add(&r->advice,
	    "the server must send from the address that it is called at; calling it at the other one may "
	    "do");
}

static void describe_other_call(struct report_result *r, const struct gre_probe *p)
{
	text_add(&r->text,
	    "GRE arrives from the server for call %u, ours is %u: the server, or a NAT on the path, gets "
	    "the call id wrong, or it is another tunnel's of this host",
	    p->other_call_id, p->call_id);
	text_add(&r->advice, "end other tunnels to this server and try again");
}

static void describe_ended(struct report_result *r, const struct call_check *call)
{
	char text[REPORT_TEXT_MAX];
	call_check_end_text(call, text, sizeof(text));
	text_add(&r->text, "%s, before GRE was answered", text);
	text_add(&r->advice,
	    "the server's log says why; poptop, for one, ends a call when it may not send GRE itself");
}

static void describe_nothing(struct report_result *r, const struct gre_probe *p)
{
	text_add(&r->text,
	    "no GRE came back: %u packet%s went out, and none came in; a firewall or NAT on the path "
	    "drops IP protocol 47, either what goes out or what comes back, which cannot be told apart "
	    "from here",
	    p->sent, p->sent == 1 ? "" : "s");
	text_add(&r->advice,
	    "let protocol 47 through both ways on each firewall of the path; on a NAT, switch on its help "
	    "for PPTP (pass-through)");
}

static void describe_one_way(struct report_result *r, const struct gre_probe *p)
{
	text_add(&r->text,
	    "GRE comes in (%u packet%s) but nothing of it answers ours: what goes out is dropped on the "
	    "path",
	    p->received, p->received == 1 ? "" : "s");
	text_add(&r->advice, "let IP protocol 47 (GRE) out on each firewall of the path");
}

static void describe_both_ways(struct report_result *r, const struct gre_probe *p)
{
	unsigned lost = p->echoes - p->echo_replies;
	r->state = REPORT_OK;
	text_add(&r->text, "GRE passes both ways");
	if (p->echoes == 0 || p->echo_replies == 0) {
		text_add(
		    &r->text, " (the server answers no LCP echoes, so that loss is not known)");
		return;
	}
	int64_t mean_us = p->round_trip_sum_us / p->echo_replies;
	text_add(&r->text,
	    "; of %u echoes %u %s lost, %u packets were out of order, round trip %.1f ms",
	    p->echoes, lost, lost == 1 ? "was" : "were", p->out_of_order, (double)mean_us / 1000);
	report_add_number(r, "echoes", p->echoes);
	report_add_number(r, "echoes_lost", lost);
	report_add_ms(r, "round_trip_min_ms", p->round_trip_min_us);
	report_add_ms(r, "round_trip_ms", mean_us);
	if (lost)
		r->state = REPORT_NOTE;
}

static void report_gre(
    const struct gre_check *g, const struct call_check *call, struct report *report)
{
	const struct gre_probe *p = &g->probe;
	struct report_result *r = report_add(report, REPORT_GRE, REPORT_PROBLEM);
	report_add_number(r, "sent", p->sent);
	report_add_number(r, "received", p->received);
	report_add_number(r, "answers", p->answers);
	report_add_number(r, "out_of_order", p->out_of_order);
	if (p->answers) {
		describe_both_ways(r, p);
	} else if (p->sent == 0 && p->send_error) {
		describe_refused(r, p->send_error);
		report_add_string(r, "error", error_text(p->send_error));
	} else if (p->tapped && !p->received) {
		describe_dropped_here(r);
		report_add_number(r, "dropped_here", p->tapped);
	} else if (p->from_others && !p->received) {
		describe_other_address(r, p);
		report_add_address(r, "other_address", p->other_from);
	} else if (call->ended) {
		describe_ended(r, call);
	} else if (p->icmp_errors) {
		describe_icmp(r, p);
		report_add_address(r, "icmp_from", p->icmp.from);
		report_add_number(r, "icmp_type", p->icmp.type);
		report_add_number(r, "icmp_code", p->icmp.code);
	} else if (p->received) {
		describe_one_way(r, p);
	} else if (p->for_others) {
		describe_other_call(r, p);
		report_add_number(r, "other_call_id", p->other_call_id);
	} else {
		describe_nothing(r, p);
	}
}

/* Where all else is well, the user must not take that for the whole. */
static void report_ppp(const struct gre_probe *p, struct report *report)
{
	struct report_result *r = report_add(report, REPORT_PPP, REPORT_UNKNOWN);
	text_add(&r->text, "not tried: name and password");
	if (p->lcp.authentication) {
		text_add(&r->text, ", for which the server wants %s", p->lcp.authentication);
		report_add_string(r, "authentication", p->lcp.authentication);
	}
	text_add(&r->text,
	    "; encryption; and pppd's own options, such as sync without --sync: pppd's log tells");
}

/* ---- the MTU ---- */

/* The top for a search: what passes beyond what this host takes for the path's MTU goes in fragments. */
static unsigned find_top(int udp, const struct reach *reach, unsigned device_mtu)
{
	unsigned path_mtu = udp >= 0 ? netsock_path_mtu(udp, reach->server) : 0;
	return path_mtu && path_mtu < device_mtu ? path_mtu : device_mtu;
}

static void report_mtu(const struct mtu_search *s, const struct reach *reach, unsigned device_mtu,
    unsigned top, const char *how)
{
	struct report_result *r = report_add(reach->report, REPORT_MTU, REPORT_OK);
	report_add_string(r, "by", how);
	if (s->named)
		report_add_number(r, "named", s->named);
	if (!s->passed && !s->named) {
		r->state = REPORT_UNKNOWN;
		text_add(&r->text, "not known: no answer to packets that must not be divided");
		return;
	}
	unsigned mtu = s->passed ? s->passed : s->named;
	report_add_number(r, "path_mtu", mtu);
	if (mtu >= device_mtu) {
		text_add(&r->text, "packets of %u bytes pass undivided", mtu);
		return;
	}
	r->state = REPORT_PROBLEM;
	text_add(&r->text, "the path takes packets of %u bytes, the interface %u", mtu,
	    reach->device_mtu);
	if (mtu == top)
		text_add(&r->text, ": this host knows so already (ip route get)");
	else if (s->lost)
		text_add(&r->text,
		    ": larger ones disappear, and no router says so (a firewall drops its ICMP)");
	text_add(&r->advice, "give pppd the mtu and mru below");
}

void gre_check_run(struct gre_check *g, const struct call_check *call, const struct reach *reach)
{
	struct gre_probe *p = &g->probe;
	struct mtu_search udp;
	unsigned device_mtu = reach->device_mtu && reach->device_mtu < ETHERNET_MTU
	                          ? reach->device_mtu
	                          : ETHERNET_MTU;
	unsigned top = find_top(g->udp, reach, device_mtu);
	const struct mtu_search *search = &p->search;
	p->wait = reach->wait;
	p->server = reach->server;
	p->local = reach->local;
	p->peer_call_id = call->peer_call_id;
	p->ended = &call->ended;
	if (g->open_error) {
		struct report_result *r = report_add(reach->report, REPORT_GRE, REPORT_UNKNOWN);
		text_add(&r->text, "not tried: a raw socket for GRE cannot be opened: %s",
		    error_text(g->open_error));
	} else {
		/* As of the control connection, which decides where there are several. */
		(void)netsock_gre_bind(p->gre, reach->local);
		gre_probe_run(p);
		if (!p->wait->signo)
			report_gre(g, call, reach->report);
		if (p->echo_replies)
			gre_probe_search_mtu(p, top);
	}
	if (!p->search.passed && g->udp >= 0 &&
	    mtu_probe_run(&udp, reach->wait, g->udp, reach->server, top) == 0)
		search = &udp;
	if (reach->wait->signo)
		return;
	report_mtu(search, reach, device_mtu, top, search == &udp ? "udp" : "gre");
	if (p->answers)
		report_ppp(p, reach->report);
	g->path_mtu = search->passed ? search->passed : search->named;
}
