/* SPDX-License-Identifier: ISC */
/*
 * The host's own checks come first, because they need the privileges. The name is looked up in a child
 * without any, and until TCP is connected nothing is read here: then what needs privileges is
 * opened, and they are given up.
 */
#include "pptp_diagnose.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sys/anon_mmap.h"
#include "sys/error_text.h"
#include "sys/log.h"
#include "sys/netsock.h"
#include "sys/privs.h"
#include "diagnose/advice.h"
#include "diagnose/call_check.h"
#include "diagnose/firewall_check.h"
#include "diagnose/gre_check.h"
#include "diagnose/host_checks.h"
#include "diagnose/reach.h"
#include "diagnose/report.h"
#include "diagnose/report_print.h"
#include "diagnose/step_wait.h"

struct diagnose {
	const struct pptp_options *options;
	struct step_wait wait;
	struct report report;
	size_t printed; /* results that are */
	struct reach reach;
	struct call_check call;
	int call_id_fd; /* its being open reserves the call id */
	struct gre_check gre;
	struct firewall_check firewall;
	bool interrupted;
};

/* People see each step as it ends. */
static void print_new(struct diagnose *d)
{
	if (d->options->status_format != STATUS_TEXT)
		return;
	for (; d->printed < d->report.count; d->printed++)
		report_print_result(stdout, &d->report.results[d->printed]);
	(void)fflush(stdout);
}

static bool reserve_call_id(struct diagnose *d)
{
	struct netsock_holder holder;
	int fd = netsock_reserve_call_id(d->options->call_id, &d->call.call_id, &holder);
	if (fd >= 0) {
		d->call_id_fd = fd;
		return true;
	}
	struct report_result *result = report_add(&d->report, REPORT_CALL, REPORT_PROBLEM);
	text_add(&result->text, "no call id can be reserved: %s", error_text(-fd));
	if (holder.pid)
		text_add(&result->text, "; process %ld holds it", (long)holder.pid);
	return false;
}

static void check_call(struct diagnose *d)
{
	struct call_check *c = &d->call;
	c->options = d->options;
	c->wait = &d->wait;
	c->report = &d->report;
	c->server_text = d->reach.server_text;
	c->server = d->reach.server;
	c->local = d->reach.local;
	if (!reserve_call_id(d)) {
		close(d->reach.tcp);
		return;
	}
	firewall_check_look(&d->firewall, d->reach.tcp);
	gre_check_open(&d->gre, d->options, c->call_id);
	privs_begin();
	privs_drop_all(privs_unprivileged_ids());
	bool established = call_check_begin(c, d->reach.tcp);
	print_new(d);
	if (established) {
		gre_check_run(&d->gre, c, &d->reach);
		firewall_check_report(&d->firewall, &d->gre.probe, &d->report);
		advice_add(&d->report, d->options, d->gre.path_mtu);
	}
	print_new(d);
	d->interrupted = step_wait_finish(&d->wait) != 0;
	gre_check_close(&d->gre);
	call_check_end(c);
	close(d->call_id_fd);
}

static void run_steps(struct diagnose *d)
{
	d->reach = (struct reach){
	    .options = d->options, .wait = &d->wait, .report = &d->report, .tcp = -1};
	host_checks_run(&d->report);
	print_new(d);
	bool found = reach_find_name(&d->reach);
	print_new(d);
	bool connected = found && reach_connect(&d->reach);
	print_new(d);
	if (connected)
		check_call(d);
	d->interrupted = d->interrupted || d->wait.signo;
}

static int print_end(struct diagnose *d)
{
	int status = d->interrupted ? EXIT_FAILED : report_exit_status(&d->report);
	print_new(d);
	if (d->options->status_format == STATUS_TEXT)
		report_print_end(stdout, &d->report);
	else
		report_print_json(stdout, &d->report, d->options->server, status);
	return fflush(stdout) ? EXIT_FAILED : status;
}

int diagnose_main(const struct pptp_options *o)
{
	struct diagnose *d = anon_mmap(sizeof(*d));
	int error = d ? step_wait_init(&d->wait) : -ENOMEM;
	if (error) {
		log_fatal("cannot begin the diagnosis: %s", error_text(-error));
		return EXIT_FAILED;
	}
	d->options = o;
	run_steps(d);
	int status = print_end(d);
	munmap(d, sizeof(*d));
	return status;
}
