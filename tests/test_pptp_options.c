/* SPDX-License-Identifier: ISC */
/* The command line: each option's field, errors and their messages, and which arguments are pppd's. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pptp_options.h"
#include "unit.h"

#define SECONDS_A_DAY (86400 * USEC_PER_SEC)

/* A parsed command line, with what options_parse returned. */
struct parsed {
	struct pptp_options o;
	enum options_outcome outcome;
	char message[256];
	char *argv[64];
	char text[512];
};

/* Parses "pptp" and `line`, split at spaces; <> is an empty argument. */
static void parse(struct parsed *p, const char *line)
{
	int argc = 0;

	snprintf(p->text, sizeof(p->text), "pptp %s", line);
	for (char *at = p->text; *at; argc++) {
		p->argv[argc] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
		if (strcmp(p->argv[argc], "<>") == 0)
			p->argv[argc][0] = '\0';
	}
	p->argv[argc] = NULL;
	p->outcome = options_parse(&p->o, argc, p->argv, p->message, sizeof(p->message));
}

static struct pptp_options accepted(const char *line)
{
	static struct parsed p; /* the options point into it */

	parse(&p, line);
	ck_assert_msg(p.outcome == OPTIONS_RUN, "%s: outcome %d, %s", line, p.outcome, p.message);
	ck_assert_str_eq(p.message, "");
	return p.o;
}

/* Accepted, with a warning that holds each part. */
static struct pptp_options warned(const char *line, const char *part, const char *other)
{
	static struct parsed p;

	parse(&p, line);
	ck_assert_msg(p.outcome == OPTIONS_RUN, "%s: outcome %d, %s", line, p.outcome, p.message);
	ck_assert_msg(
	    strstr(p.message, part) && strstr(p.message, other), "%s: %s", line, p.message);
	return p.o;
}

static void refused(const char *line, enum options_outcome outcome, const char *part)
{
	struct parsed p;

	parse(&p, line);
	ck_assert_msg(p.outcome == outcome, "%s: outcome %d", line, p.outcome);
	ck_assert_msg(
	    strstr(p.message, part) != NULL, "%s: no '%s' in '%s'", line, part, p.message);
	ck_assert_ptr_null(strchr(p.message, '\n'));
}

START_TEST(options_have_the_documented_defaults)
{
	struct pptp_options o = accepted("vpn.example");

	ck_assert_str_eq(o.server, "vpn.example");
	ck_assert_str_eq(o.phone, "");
	ck_assert_str_eq(o.client_hostname, "");
	ck_assert_str_eq(o.logstring, "anon");
	ck_assert(o.launch_pppd && o.reorder && o.host_route && o.sandbox);
	ck_assert(!o.debug && !o.sync && !o.flow_control && !o.quirks.bezeq);
	ck_assert_int_eq(o.timeout_us, 0);
	ck_assert_int_eq(o.max_timeout_us, 300000);
	ck_assert_int_eq(o.idle_wait_us, 60 * USEC_PER_SEC);
	ck_assert_int_eq(o.echo_wait_us, 60 * USEC_PER_SEC);
	ck_assert_int_eq(o.connect_timeout_us, 30 * USEC_PER_SEC);
	ck_assert_uint_eq(o.localbind.s_addr, htonl(INADDR_ANY));
	ck_assert_uint_eq(o.rtmark, 0);
	ck_assert_uint_eq(o.missing_window, 300);
	ck_assert_uint_eq(o.call_id, 0);
	ck_assert_int_eq(o.loglevel, 1);
	ck_assert_int_eq(o.test_type, 0);
	ck_assert_uint_eq(o.test_rate, 100);
	ck_assert_int_eq(o.pppd_argc, 0);
}
END_TEST

START_TEST(options_given_the_default_that_help_shows_change_nothing)
{
	struct pptp_options without = accepted("vpn.example");
	unsigned numbers = 0;
	for (size_t i = 0; i < options_count(); i++) {
		struct option_row row = options_row(i);
		char line[128];
		if (!row.standard || strcspn(row.standard, "0123456789") > 0)
			continue;
		numbers++;
		snprintf(line, sizeof(line), "vpn.example --%s %.*s", row.name,
		    (int)strspn(row.standard, ".0123456789"), row.standard);
		struct pptp_options with = accepted(line);
		ck_assert_int_eq(with.connect_timeout_us, without.connect_timeout_us);
		ck_assert_int_eq(with.idle_wait_us, without.idle_wait_us);
		ck_assert_int_eq(with.echo_wait_us, without.echo_wait_us);
		ck_assert_int_eq(with.max_timeout_us, without.max_timeout_us);
		ck_assert_uint_eq(with.missing_window, without.missing_window);
		ck_assert_uint_eq(with.rtmark, without.rtmark);
		ck_assert_int_eq(with.loglevel, without.loglevel);
		ck_assert_int_eq(with.test_type, without.test_type);
		ck_assert_uint_eq(with.test_rate, without.test_rate);
	}
	ck_assert_uint_eq(numbers, 9);
}
END_TEST

START_TEST(options_each_reach_their_field)
{
	struct pptp_options o = accepted(
	    "--phone 5551234 --nolaunchpppd --quirks BEZEQ_ISRAEL --debug --sync --timeout 0.5 "
	    "--nobuffer --idle-wait 10 --max-echo-wait 20 --logstring tunnel --localbind 127.0.0.3 "
	    "--rtmark 7 --nohostroute --loglevel 2 --test-type 3 --test-rate 50 "
	    "--missing-window 6000 --client-hostname me --call-id 99 --connect-timeout 5 "
	    "--max-timeout 1 --flow-control --nosandbox vpn");

	ck_assert_str_eq(o.phone, "5551234");
	ck_assert_str_eq(o.client_hostname, "me");
	ck_assert_str_eq(o.logstring, "tunnel");
	ck_assert(!o.launch_pppd && !o.reorder && !o.host_route && !o.sandbox);
	ck_assert(o.debug && o.sync && o.flow_control && o.quirks.bezeq);
	ck_assert_int_eq(o.timeout_us, 500000);
	ck_assert_int_eq(o.max_timeout_us, USEC_PER_SEC);
	ck_assert_int_eq(o.idle_wait_us, 10 * USEC_PER_SEC);
	ck_assert_int_eq(o.echo_wait_us, 20 * USEC_PER_SEC);
	ck_assert_int_eq(o.connect_timeout_us, 5 * USEC_PER_SEC);
	ck_assert_uint_eq(o.localbind.s_addr, inet_addr("127.0.0.3"));
	ck_assert_uint_eq(o.rtmark, 7);
	ck_assert_uint_eq(o.missing_window, 6000);
	ck_assert_uint_eq(o.call_id, 99);
	ck_assert_int_eq(o.loglevel, 2);
	ck_assert_int_eq(o.test_type, 3);
	ck_assert_uint_eq(o.test_rate, 50);
	ck_assert_str_eq(o.server, "vpn");
}
END_TEST

static void check_pppd_arguments(
    const char *line, const char *server, int argc, const char *const *argv)
{
	struct parsed p;

	parse(&p, line);
	ck_assert_int_eq(p.outcome, OPTIONS_RUN);
	ck_assert_str_eq(p.o.server, server);
	ck_assert_int_eq(p.o.pppd_argc, argc);
	for (int i = 0; i < argc; i++)
		ck_assert_str_eq(p.o.pppd_argv[i], argv[i]);
}

START_TEST(options_pass_pppds_arguments_on_in_order)
{
	check_pppd_arguments("vpn call office", "vpn", 2, (const char *const[]){"call", "office"});
	check_pppd_arguments(
	    "vpn call --loglevel 0 office", "vpn", 2, (const char *const[]){"call", "office"});
	check_pppd_arguments("vpn -- --timeout -detach --", "vpn", 3,
	    (const char *const[]){"--timeout", "-detach", "--"});
	check_pppd_arguments("-- vpn lock", "vpn", 1, (const char *const[]){"lock"});
	check_pppd_arguments("vpn - lock", "vpn", 2, (const char *const[]){"-", "lock"});
	check_pppd_arguments("vpn user <>", "vpn", 2, (const char *const[]){"user", ""});
}
END_TEST

START_TEST(options_accept_the_command_line_of_check_vpn)
{
	struct pptp_options o = accepted("--debug --timeout 10 vpn -- lock debug unit 3 noauth");

	ck_assert_str_eq(o.server, "vpn");
	ck_assert(o.debug);
	ck_assert_int_eq(o.timeout_us, 10 * USEC_PER_SEC);
	ck_assert_int_eq(o.pppd_argc, 5);
	ck_assert_str_eq(o.pppd_argv[3], "3");
}
END_TEST

START_TEST(options_accept_the_command_lines_of_network_managers)
{
	struct pptp_options o =
	    accepted("10.0.0.1 --nolaunchpppd --loglevel 0 --logstring nm-pptp-service-4711");
	ck_assert(!o.launch_pppd);
	ck_assert_int_eq(o.loglevel, 0);
	ck_assert_str_eq(o.logstring, "nm-pptp-service-4711");

	o = accepted("vpn --nolaunchpppd --loglevel 2 --idle-wait 5 --max-echo-wait 6");
	ck_assert_int_eq(o.idle_wait_us, 5 * USEC_PER_SEC);

	o = accepted("--idle-wait 0 vpn --nolaunchpppd --nobuffer --sync");
	ck_assert_int_eq(o.idle_wait_us, 0);
	ck_assert_str_eq(o.server, "vpn");
	ck_assert(o.sync && !o.reorder);
}
END_TEST

START_TEST(options_accept_values_after_an_equals_sign)
{
	struct pptp_options o = accepted("--timeout=0.25 --phone==1=2 vpn --time=9.5");

	ck_assert_int_eq(o.timeout_us, 9500000);
	ck_assert_str_eq(o.phone, "=1=2");
}
END_TEST

START_TEST(options_of_the_old_client_keep_their_abbreviations)
{
	ck_assert_int_eq(accepted("vpn --max 3").echo_wait_us, 3 * USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --time 3").timeout_us, 3 * USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --idle 3").idle_wait_us, 3 * USEC_PER_SEC);
	ck_assert(accepted("vpn --sync").sync);
	ck_assert(accepted("vpn --s").sync);
	ck_assert(accepted("vpn --quirk BEZEQ_ISRAEL").quirks.bezeq);
	ck_assert_str_eq(accepted("vpn --phon 12").phone, "12");
	ck_assert_uint_eq(
	    accepted("vpn --local 127.0.0.1").localbind.s_addr, inet_addr("127.0.0.1"));
	ck_assert_uint_eq(accepted("vpn --miss 12").missing_window, 12);
	ck_assert(!accepted("vpn --nolaunch").launch_pppd);
	ck_assert(!accepted("vpn --nobuf").reorder);
	ck_assert(!accepted("vpn --nohost").host_route);
	ck_assert_uint_eq(accepted("vpn --rt 12").rtmark, 12);
	ck_assert_int_eq(accepted("vpn --max-t 1").max_timeout_us, USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --connect 1").connect_timeout_us, USEC_PER_SEC);
}
END_TEST

START_TEST(options_refuse_unknown_and_ambiguous_names)
{
	refused("vpn --bogus", OPTIONS_USAGE, "--bogus");
	refused("vpn --nobufferx", OPTIONS_USAGE, "--nobufferx");
	refused("vpn --m 3", OPTIONS_USAGE,
	    "ambiguous option --m: it may be --max-echo-wait or --max-timeout or --missing-window");
	refused("vpn --no", OPTIONS_USAGE,
	    "ambiguous option --no: it may be --nolaunchpppd or --nobuffer or --nohostroute or --nosandbox");
	refused("vpn --t=1", OPTIONS_USAGE,
	    "ambiguous option --t: it may be --timeout or --test-type or --test-rate");
	refused("vpn --=1", OPTIONS_USAGE, "unknown");
	refused("vpn --SYNC", OPTIONS_USAGE, "--SYNC");
	refused("vpn -x", OPTIONS_USAGE, "-x");
	refused("vpn -detach", OPTIONS_USAGE, "--");
	refused("vpn --sync=1", OPTIONS_USAGE, "--sync takes no value");
	refused("vpn --timeout", OPTIONS_USAGE, "0.01 to 10 seconds");
	refused("--timeout 1", OPTIONS_USAGE, "server");
	refused("", OPTIONS_USAGE, "server");
	refused("<>", OPTIONS_USAGE, "server");
	refused("--", OPTIONS_USAGE, "server");
}
END_TEST

/* The message names the option, the value and the range. */
static void refused_value(const char *name, const char *value, const char *range)
{
	char line[128];
	char quoted[64];

	snprintf(line, sizeof(line), "vpn --%s %s", name, value);
	snprintf(quoted, sizeof(quoted), "\"%s\"", strcmp(value, "<>") == 0 ? "" : value);
	refused(line, OPTIONS_BAD_VALUE, name);
	refused(line, OPTIONS_BAD_VALUE, quoted);
	refused(line, OPTIONS_BAD_VALUE, range);
}

START_TEST(options_refuse_malformed_numbers)
{
	static const char *const numeric[] = {"timeout", "max-timeout", "idle-wait",
	    "max-echo-wait", "connect-timeout", "rtmark", "missing-window", "call-id", "loglevel",
	    "test-type", "test-rate"};
	static const char *const bad[] = {"abc", "1x", "nan", "inf", "-", "<>", "1,5", ".", "0x",
	    "1..2", "0b1", "1_0", "e1", "1e", "1e-", "s", "1ss", "-1s", "++1", "-0x1", "1e1.5",
	    "\t1", "+", "+-1", "-+1", "+0x1", "infinity"};
	static const char *const not_seconds[] = {"1s", "1e1", "1.5"};
	static const char *const hexadecimal[] = {"0x10", "0X1p3", "0x1s"};

	for (size_t i = 0; i < sizeof(numeric) / sizeof(numeric[0]); i++)
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
			refused_value(numeric[i], bad[j], " to ");
	for (size_t i = 0; i < sizeof(numeric) / sizeof(numeric[0]); i++)
		if (strcmp(numeric[i], "rtmark") != 0)
			refused_value(numeric[i], "-1", " to ");
	for (size_t i = 5; i < sizeof(numeric) / sizeof(numeric[0]); i++)
		for (size_t j = 0; j < sizeof(not_seconds) / sizeof(not_seconds[0]); j++)
			refused_value(numeric[i], not_seconds[j], " to ");
	for (size_t j = 0; j < sizeof(hexadecimal) / sizeof(hexadecimal[0]); j++)
		refused_value("timeout", hexadecimal[j], " to ");
}
END_TEST

/* What is no quantity has no nearest value. */
START_TEST(options_refuse_values_that_have_no_meaning)
{
	refused_value("rtmark", "4294967296", "0 to 4294967295");
	refused_value("rtmark", "0x100000000", "0 to 4294967295");
	refused_value("rtmark", "-2147483649", "0 to 4294967295");
	refused_value("missing-window", "0x10", "1 to 1000000");
	refused_value("call-id", "0", "1 to 65535");
	refused_value("call-id", "65536", "1 to 65535");
	refused_value("test-type", "4", "0 to 3");
	refused_value("localbind", "localhost", "IPv4");
	refused_value("localbind", "127.1", "IPv4");
	refused_value("localbind", "::1", "IPv4");
	refused_value("quirks", "bezeq_israel", "BEZEQ_ISRAEL");
	refused_value("client-hostname", "<>", "1 to 64");
}
END_TEST

START_TEST(options_limit_quantities_to_their_ranges_with_a_warning)
{
	static const struct {
		const char *value;
		int64_t us;
	} timeouts[] = {{"0", 10000}, {"0.009999", 10000}, {"10.000001", 10 * USEC_PER_SEC},
	    {"10.0000001", 10 * USEC_PER_SEC}, {"1e3", 10 * USEC_PER_SEC},
	    {"1e999999999999999999", 10 * USEC_PER_SEC}, {"1e-99999999999999999", 10000},
	    {"99999999999999999999999999999", 10 * USEC_PER_SEC}};
	char line[64];

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		snprintf(line, sizeof(line), "vpn --timeout %s", timeouts[i].value);
		ck_assert_int_eq(
		    warned(line, "--timeout", "0.01 to 10 seconds").timeout_us, timeouts[i].us);
	}
	ck_assert_int_eq(
	    warned("vpn --idle-wait 100000", "\"100000\"", "highest").idle_wait_us, SECONDS_A_DAY);
	ck_assert_int_eq(
	    warned("vpn --connect-timeout 0.09", "0.1 to", "lowest").connect_timeout_us,
	    USEC_PER_SEC / 10);
	ck_assert_uint_eq(warned("vpn --missing-window 0", "1 to", "lowest").missing_window, 1);
	ck_assert_uint_eq(
	    warned("vpn --missing-window 100000000", "1 to", "highest").missing_window, 1000000);
	ck_assert_int_eq(warned("vpn --loglevel 3", "0 to 2", "highest").loglevel, 2);
	ck_assert_uint_eq(warned("vpn --test-rate 0", "1 to", "lowest").test_rate, 1);
	warned("vpn --loglevel 7 --idle-wait 1e9", "--loglevel", "; --idle-wait");

	ck_assert_int_eq(accepted("vpn --timeout 0.01").timeout_us, 10000);
	ck_assert_int_eq(accepted("vpn --timeout 10").timeout_us, 10 * USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --idle-wait 86400").idle_wait_us, SECONDS_A_DAY);
	ck_assert_uint_eq(accepted("vpn --call-id 65535").call_id, 65535);
	ck_assert_uint_eq(accepted("vpn --missing-window 1").missing_window, 1);
	ck_assert_int_eq(accepted("vpn --loglevel 0").loglevel, 0);
}
END_TEST

START_TEST(options_accept_seconds_as_the_old_client_did)
{
	ck_assert_int_eq(accepted("vpn --idle-wait 60s").idle_wait_us, 60 * USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --idle-wait +60").idle_wait_us, 60 * USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --timeout 0.5s").timeout_us, 500000);
	ck_assert_int_eq(accepted("vpn --timeout 1e-1").timeout_us, 100000);
	ck_assert_int_eq(accepted("vpn --timeout 0.05E+1s").timeout_us, 500000);
	ck_assert_int_eq(accepted("vpn --timeout 25e-2").timeout_us, 250000);
	ck_assert_int_eq(accepted("vpn --idle-wait 0e9").idle_wait_us, 0);
}
END_TEST

START_TEST(options_name_a_carriage_return_at_the_end_of_a_word)
{
	static const char *const lines[] = {
	    "vpn --nolaunchpppd\r", "vpn\r", "vpn --bogus\r", "vpn --timeout=1\r", "--\r"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refused(lines[i], OPTIONS_USAGE, "CR LF: a file edited on Windows?");
	refused("vpn --timeout 1\r", OPTIONS_BAD_VALUE, "CR LF: a file edited on Windows?");
	refused("vpn --logstring a\r", OPTIONS_BAD_VALUE, "CR LF: a file edited on Windows?");
	warned("vpn user me updetach\r", "argument 3", "CR LF: a file edited on Windows?");
}
END_TEST

START_TEST(options_say_that_call_is_pppds)
{
	refused("call office", OPTIONS_USAGE, "pppd call office");
	refused("--nolaunchpppd call office updetach", OPTIONS_USAGE, "pppd call office");
	ck_assert_str_eq(accepted("call").server, "call");
	ck_assert_str_eq(accepted("vpn call office").server, "vpn");
}
END_TEST

START_TEST(options_parse_seconds_to_the_microsecond)
{
	ck_assert_int_eq(accepted("vpn --timeout .5").timeout_us, 500000);
	ck_assert_int_eq(accepted("vpn --timeout 5.").timeout_us, 5 * USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --timeout 1.234567").timeout_us, 1234567);
	ck_assert_int_eq(accepted("vpn --timeout 007.5000000").timeout_us, 7500000);
	ck_assert_int_eq(accepted("vpn --idle-wait 0.0000001").idle_wait_us, 1);
	ck_assert_int_eq(accepted("vpn --idle-wait 1e-300").idle_wait_us, 1);
	ck_assert_int_eq(accepted("vpn --idle-wait 1e-400").idle_wait_us, 1);
	ck_assert_int_eq(accepted("vpn --idle-wait 0e-400").idle_wait_us, 0);
	for (int us = 10000; us < 1000000; us += 997) {
		char line[64];
		snprintf(line, sizeof(line), "vpn --timeout 9.%06d", us);
		ck_assert_int_eq(accepted(line).timeout_us, 9 * USEC_PER_SEC + us);
	}
}
END_TEST

START_TEST(options_parse_the_routing_mark_in_both_bases)
{
	ck_assert_uint_eq(accepted("vpn --rtmark 0xfF").rtmark, 255);
	ck_assert_uint_eq(accepted("vpn --rtmark 0XFFFFFFFF").rtmark, UINT32_MAX);
	ck_assert_uint_eq(accepted("vpn --rtmark 010").rtmark, 10);
	ck_assert_uint_eq(accepted("vpn --rtmark -1").rtmark, UINT32_MAX);
	ck_assert_uint_eq(accepted("vpn --rtmark -2147483648").rtmark, 0x80000000);
	refused_value("rtmark", "0xg", "0 to 4294967295");
	refused_value("rtmark", "ff", "0 to 4294967295");
}
END_TEST

START_TEST(options_warn_of_names_of_more_than_64_characters)
{
	char name[66];
	char line[128];

	memset(name, 'x', 65);
	name[65] = '\0';
	snprintf(line, sizeof(line), "vpn --phone %s", name);
	warned(line, "--phone", "first 64 characters");
	snprintf(line, sizeof(line), "vpn --client-hostname %s", name);
	warned(line, "--client-hostname", "first 64 characters");
	snprintf(line, sizeof(line), "vpn --phone %s", name + 1);
	ck_assert_str_eq(accepted(line).phone, name + 1);
}
END_TEST

START_TEST(options_use_the_last_of_several_values)
{
	ck_assert_int_eq(accepted("--loglevel 0 vpn --loglevel 2").loglevel, 2);
}
END_TEST

START_TEST(options_help_status_and_version_need_no_server)
{
	struct parsed p;

	parse(&p, "--help");
	ck_assert_int_eq(p.outcome, OPTIONS_HELP);
	parse(&p, "--version");
	ck_assert_int_eq(p.outcome, OPTIONS_VERSION);
	parse(&p, "--status");
	ck_assert_int_eq(p.outcome, OPTIONS_STATUS);
	parse(&p, "vpn --timeout 1 --version --bogus");
	ck_assert_int_eq(p.outcome, OPTIONS_VERSION);
	parse(&p, "vpn -- --help");
	ck_assert_int_eq(p.outcome, OPTIONS_RUN);
}
END_TEST

START_TEST(options_of_the_status_are_its_own)
{
	struct parsed p;

	parse(&p, "--status --json office");
	ck_assert_int_eq(p.outcome, OPTIONS_STATUS);
	ck_assert_str_eq(p.o.server, "office");
	ck_assert_int_eq(p.o.status_format, STATUS_JSON);
	parse(&p, "--prom --status");
	ck_assert_int_eq(p.outcome, OPTIONS_STATUS);
	ck_assert_ptr_null(p.o.server);
	ck_assert_int_eq(p.o.status_format, STATUS_PROMETHEUS);
	refused(
	    "--status a b", OPTIONS_USAGE, "--status takes one name or server, and \"b\" is one");
	refused("--status --debug", OPTIONS_USAGE, "--debug has no meaning with --status");
	refused("vpn --json", OPTIONS_USAGE, "--json needs --status");
	refused("--status --bogus", OPTIONS_USAGE, "--bogus");
}
END_TEST

START_TEST(options_name_the_session_after_pppds_link_in_the_pty_form)
{
	setenv("CALL_FILE", "office", 1);
	ck_assert_str_eq(accepted("vpn --nolaunchpppd").logstring, "office");
	setenv("LINKNAME", "link", 1);
	ck_assert_str_eq(accepted("vpn --nolaunchpppd").logstring, "link");
	ck_assert_str_eq(accepted("vpn --nolaunchpppd --logstring anon").logstring, "anon");
	ck_assert_str_eq(accepted("vpn").logstring, "anon");
	setenv("LINKNAME", "", 1);
	setenv("CALL_FILE", "", 1);
	ck_assert_str_eq(accepted("vpn --nolaunchpppd").logstring, "anon");
}
END_TEST

START_TEST(options_collect_pppds_arguments_in_argv_unchanged)
{
	struct parsed p;

	parse(&p, "a --timeout 1 --phone=2 b -- --c");
	ck_assert_ptr_eq(p.o.pppd_argv, p.argv + 1);
	ck_assert_int_eq(p.o.pppd_argc, 2);
	ck_assert_str_eq(p.argv[0], "pptp");
	ck_assert_str_eq(p.argv[1], "b");
	ck_assert_str_eq(p.argv[2], "--c");
	ck_assert_str_eq(p.argv[4], "--phone=2");
	ck_assert_str_eq(p.o.server, "a");
	ck_assert_str_eq(p.o.phone, "2");
}
END_TEST

START_TEST(options_truncate_a_message_that_does_not_fit)
{
	struct parsed p;
	char tiny[4] = "xyz";

	parse(&p, "vpn --timeout abc");
	ck_assert_int_eq(options_parse(&p.o, 4, p.argv, tiny, sizeof(tiny)), OPTIONS_BAD_VALUE);
	ck_assert_int_eq(tiny[3], '\0');
}
END_TEST

static char help[16384];

static void read_help(void)
{
	FILE *out = fmemopen(help, sizeof(help), "w");

	options_help(out, "pptp");
	fclose(out);
}

START_TEST(options_help_names_every_row_of_the_table)
{
	read_help();
	ck_assert_uint_gt(options_count(), 20);
	for (size_t i = 0; i < options_count(); i++) {
		struct option_row row = options_row(i);
		char shown[64];

		snprintf(shown, sizeof(shown), "\n  --%s%s%s ", row.name, row.argument ? " " : "",
		    row.argument ? row.argument : "");
		ck_assert_msg(strstr(help, shown) != NULL, "no%s", shown);
		ck_assert(!row.argument == !row.range && !row.argument == !row.standard);
	}
}
END_TEST

START_TEST(options_help_fits_80_columns_and_shows_where_pppds_options_go)
{
	read_help();
	ck_assert_int_eq(
	    strncmp(help, "pptp version " PPTP_VERSION "\n", strlen(PPTP_VERSION) + 14), 0);
	ck_assert_ptr_nonnull(strstr(help, "SERVER [pptp options] [[--] pppd options]"));
	for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) < 80, "too long: %s", line);
}
END_TEST

START_TEST(options_of_a_diagnosis_are_those_of_the_call_that_fails)
{
	struct parsed p;

	parse(&p, "--diagnose vpn --json --rtmark 7 --nolaunchpppd user me");
	ck_assert_int_eq(p.outcome, OPTIONS_DIAGNOSE);
	ck_assert_str_eq(p.o.server, "vpn");
	ck_assert_int_eq(p.o.status_format, STATUS_JSON);
	ck_assert_uint_eq(p.o.rtmark, 7);
	ck_assert_int_eq(p.o.pppd_argc, 2);
	ck_assert_int_eq(p.o.connect_timeout_us, 5 * USEC_PER_SEC);
	parse(&p, "vpn --connect-timeout 30 --diag");
	ck_assert_int_eq(p.outcome, OPTIONS_DIAGNOSE);
	ck_assert_int_eq(p.o.connect_timeout_us, 30 * USEC_PER_SEC);
	ck_assert_int_eq(p.o.status_format, STATUS_TEXT);
}
END_TEST

START_TEST(options_of_a_diagnosis_without_meaning_are_refused)
{
	refused("--diagnose", OPTIONS_USAGE, "no server given");
	refused("--diagnose vpn --prometheus", OPTIONS_USAGE, "--prometheus needs --status");
	refused("--diagnose --status vpn", OPTIONS_USAGE, "--diagnose has no meaning with");
	refused("vpn --json", OPTIONS_USAGE, "--json needs --status or --diagnose");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pptp_options");
	TCase *c = tcase_create("options");

	tcase_add_test(c, options_have_the_documented_defaults);
	tcase_add_test(c, options_given_the_default_that_help_shows_change_nothing);
	tcase_add_test(c, options_each_reach_their_field);
	tcase_add_test(c, options_pass_pppds_arguments_on_in_order);
	tcase_add_test(c, options_accept_the_command_line_of_check_vpn);
	tcase_add_test(c, options_accept_the_command_lines_of_network_managers);
	tcase_add_test(c, options_accept_values_after_an_equals_sign);
	tcase_add_test(c, options_of_the_old_client_keep_their_abbreviations);
	tcase_add_test(c, options_refuse_unknown_and_ambiguous_names);
	tcase_add_test(c, options_refuse_malformed_numbers);
	tcase_add_test(c, options_refuse_values_that_have_no_meaning);
	tcase_add_test(c, options_limit_quantities_to_their_ranges_with_a_warning);
	tcase_add_test(c, options_accept_seconds_as_the_old_client_did);
	tcase_add_test(c, options_name_a_carriage_return_at_the_end_of_a_word);
	tcase_add_test(c, options_say_that_call_is_pppds);
	tcase_add_test(c, options_parse_seconds_to_the_microsecond);
	tcase_add_test(c, options_parse_the_routing_mark_in_both_bases);
	tcase_add_test(c, options_warn_of_names_of_more_than_64_characters);
	tcase_add_test(c, options_use_the_last_of_several_values);
	tcase_add_test(c, options_help_status_and_version_need_no_server);
	tcase_add_test(c, options_of_the_status_are_its_own);
	tcase_add_test(c, options_name_the_session_after_pppds_link_in_the_pty_form);
	tcase_add_test(c, options_collect_pppds_arguments_in_argv_unchanged);
	tcase_add_test(c, options_truncate_a_message_that_does_not_fit);
	tcase_add_test(c, options_help_names_every_row_of_the_table);
	tcase_add_test(c, options_help_fits_80_columns_and_shows_where_pppds_options_go);
	tcase_add_test(c, options_of_a_diagnosis_are_those_of_the_call_that_fails);
	tcase_add_test(c, options_of_a_diagnosis_without_meaning_are_refused);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
