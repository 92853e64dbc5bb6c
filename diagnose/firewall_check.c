/* SPDX-License-Identifier: ISC */
/* Rules are not read: whether packets pass is tried, and the connection says whether it has the helper. */
#include "diagnose/firewall_check.h"

#include <errno.h>
#include <string.h>

#include "sys/error_text.h"

void firewall_check_look(struct firewall_check *f, int tcp)
{
	f->error = conntrack_find_entry(tcp, &f->entry);
}

static void report_unseen(const struct firewall_check *f, struct report_result *r)
{
	if (!conntrack_is_possible()) {
		text_add(&r->text, "this host has no connection tracking");
		return;
	}
	r->state = REPORT_UNKNOWN;
	text_add(&r->text,
	    "this host can track connections, but how it treats this one cannot be seen: %s",
	    error_text(-f->error));
	text_add(&r->advice,
	    f->error == -EPERM ? "run it as root" : "modprobe nf_conntrack_netlink, and try again");
}

void firewall_check_report(
    const struct firewall_check *f, const struct gre_probe *probe, struct report *report)
{
	struct report_result *r = report_add(report, REPORT_FIREWALL, REPORT_OK);
	if (f->error) {
		report_unseen(f, r);
		return;
	}
	report_add_number(r, "tracked", f->entry.tracked);
	if (f->entry.helper[0])
		report_add_string(r, "helper", f->entry.helper);
	if (!f->entry.tracked) {
		text_add(&r->text, "this host does not track the control connection");
		return;
	}
	if (strcmp(f->entry.helper, "pptp") == 0) {
		text_add(
		    &r->text, "this host tracks the control connection, with the helper for PPTP");
		return;
	}
	text_add(&r->text,
	    "this host tracks the control connection without the helper for PPTP: to its packet filter the "
	    "server's GRE belongs to no known connection");
	if (probe->received) {
		text_add(&r->text, ", and passes all the same");
		return;
	}
	r->state = probe->tapped ? REPORT_PROBLEM : REPORT_NOTE;
	text_add(&r->advice,
	    "accept protocol 47 from the server (input), or give the connection the helper, by a rule in the "
	    "output hook (CAVEATS in pptp(8))");
}
