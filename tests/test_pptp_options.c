/* SPDX-License-Identifier: ISC */
/* The command line: what each option does, what is refused and how, where pptp's words end. */
#include <arpa/inet.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "pptp_options.h"
#include "unit.h"

/* One command line, taken apart; `outcome` and `message` as options_parse gives them. */
struct parsed {
	struct pptp_options o;
	enum options_outcome outcome;
	char message[256];
	char *argv[64];
	char words[512];
};

/* Splits `line` at spaces; the word <> stands for an empty one. "pptp" is put in front. */
static void parse(struct parsed *p, const char *line)
{
	int argc = 0;

	snprintf(p->words, sizeof(p->words), "pptp %s", line);
	for (char *at = p->words; *at; argc++) {
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
	static struct parsed p; /* the words must outlive the options */

	parse(&p, line);
	ck_assert_msg(p.outcome == OPTIONS_RUN, "%s: outcome %d, %s", line, p.outcome, p.message);
	ck_assert_str_eq(p.message, "");
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
	ck_assert(o.launch_pppd && o.reorder && o.host_route);
	ck_assert(!o.debug && !o.sync && !o.share_control && !o.flow_control && !o.quirks.bezeq);
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

START_TEST(options_each_reach_their_field)
{
	struct pptp_options o = accepted(
	    "--phone 5551234 --nolaunchpppd --quirks BEZEQ_ISRAEL --debug --sync --timeout 0.5 "
	    "--nobuffer --idle-wait 10 --max-echo-wait 20 --logstring tunnel --localbind 127.0.0.3 "
	    "--rtmark 7 --nohostroute --loglevel 2 --test-type 3 --test-rate 50 "
	    "--missing-window 6000 --client-hostname me --call-id 99 --connect-timeout 5 "
	    "--share-control --max-timeout 1 --flow-control vpn");

	ck_assert_str_eq(o.phone, "5551234");
	ck_assert_str_eq(o.client_hostname, "me");
	ck_assert_str_eq(o.logstring, "tunnel");
	ck_assert(!o.launch_pppd && !o.reorder && !o.host_route);
	ck_assert(o.debug && o.sync && o.share_control && o.flow_control && o.quirks.bezeq);
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

static void expect_pppd(const char *line, const char *server, int argc, const char *const *argv)
{
	struct parsed p;

	parse(&p, line);
	ck_assert_int_eq(p.outcome, OPTIONS_RUN);
	ck_assert_str_eq(p.o.server, server);
	ck_assert_int_eq(p.o.pppd_argc, argc);
	for (int i = 0; i < argc; i++)
		ck_assert_str_eq(p.o.pppd_argv[i], argv[i]);
}

START_TEST(options_leave_to_pppd_what_is_pppds)
{
	expect_pppd("vpn call office", "vpn", 2, (const char *const[]){"call", "office"});
	expect_pppd(
	    "vpn call --loglevel 0 office", "vpn", 2, (const char *const[]){"call", "office"});
	expect_pppd("vpn -- --timeout -detach --", "vpn", 3,
	    (const char *const[]){"--timeout", "-detach", "--"});
	expect_pppd("-- vpn lock", "vpn", 1, (const char *const[]){"lock"});
	expect_pppd("vpn - lock", "vpn", 2, (const char *const[]){"-", "lock"});
	expect_pppd("vpn user <>", "vpn", 2, (const char *const[]){"user", ""});
}
END_TEST

START_TEST(options_take_the_command_line_of_check_vpn)
{
	struct pptp_options o = accepted("--debug --timeout 10 vpn -- lock debug unit 3 noauth");

	ck_assert_str_eq(o.server, "vpn");
	ck_assert(o.debug);
	ck_assert_int_eq(o.timeout_us, 10 * USEC_PER_SEC);
	ck_assert_int_eq(o.pppd_argc, 5);
	ck_assert_str_eq(o.pppd_argv[3], "3");
}
END_TEST

START_TEST(options_take_the_command_lines_of_network_managers)
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

START_TEST(options_take_values_behind_an_equals_sign)
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

START_TEST(options_refuse_what_they_do_not_know_or_cannot_tell_apart)
{
	refused("vpn --bogus", OPTIONS_USAGE, "--bogus");
	refused("vpn --nobufferx", OPTIONS_USAGE, "--nobufferx");
	refused("vpn --m 3", OPTIONS_USAGE,
	    "ambiguous option --m: it may be --max-echo-wait or --max-timeout or --missing-window");
	refused("vpn --no", OPTIONS_USAGE,
	    "ambiguous option --no: it may be --nolaunchpppd or --nobuffer or --nohostroute");
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

/* A message names the option, the value and the range. */
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

START_TEST(options_refuse_numbers_that_are_none)
{
	static const char *const numeric[] = {"timeout", "max-timeout", "idle-wait",
	    "max-echo-wait", "connect-timeout", "rtmark", "missing-window", "call-id", "loglevel",
	    "test-type", "test-rate"};
	static const char *const bad[] = {"abc", "1x", "nan", "inf", "-1", "+1", "<>", "1e1", "1,5",
	    ".", "0x", "99999999999999999999999999", "1..2", "-", "0b1", "1_0"};

	for (size_t i = 0; i < sizeof(numeric) / sizeof(numeric[0]); i++)
		for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
			refused_value(numeric[i], bad[j], " to ");
}
END_TEST

START_TEST(options_hold_to_their_ranges)
{
	refused_value("timeout", "0", "0.01 to 10 seconds");
	refused_value("timeout", "0.009999", "0.01 to 10 seconds");
	refused_value("timeout", "10.000001", "0.01 to 10 seconds");
	refused_value("timeout", "10.0000001", "0.01 to 10 seconds");
	refused_value("idle-wait", "86400.5", "0 to 86400 seconds");
	refused_value("connect-timeout", "0.09", "0.1 to 3600 seconds");
	refused_value("connect-timeout", "3601", "0.1 to 3600 seconds");
	refused_value("rtmark", "4294967296", "0 to 4294967295");
	refused_value("rtmark", "0x100000000", "0 to 4294967295");
	refused_value("missing-window", "0", "1 to 1000000");
	refused_value("missing-window", "1000001", "1 to 1000000");
	refused_value("missing-window", "0x10", "1 to 1000000");
	refused_value("call-id", "0", "1 to 65535");
	refused_value("call-id", "65536", "1 to 65535");
	refused_value("loglevel", "3", "0 to 2");
	refused_value("test-type", "4", "0 to 3");
	refused_value("test-rate", "0", "1 to 1000000");
	refused_value("localbind", "localhost", "IPv4");
	refused_value("localbind", "127.1", "IPv4");
	refused_value("localbind", "::1", "IPv4");
	refused_value("quirks", "bezeq_israel", "BEZEQ_ISRAEL");
	refused_value("client-hostname", "<>", "1 to 64");

	ck_assert_int_eq(accepted("vpn --timeout 0.01").timeout_us, 10000);
	ck_assert_int_eq(accepted("vpn --timeout 10").timeout_us, 10 * USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --idle-wait 86400").idle_wait_us, 86400 * USEC_PER_SEC);
	ck_assert_uint_eq(accepted("vpn --call-id 65535").call_id, 65535);
	ck_assert_uint_eq(accepted("vpn --missing-window 1").missing_window, 1);
	ck_assert_int_eq(accepted("vpn --loglevel 0").loglevel, 0);
}
END_TEST

START_TEST(options_read_seconds_to_the_microsecond)
{
	ck_assert_int_eq(accepted("vpn --timeout .5").timeout_us, 500000);
	ck_assert_int_eq(accepted("vpn --timeout 5.").timeout_us, 5 * USEC_PER_SEC);
	ck_assert_int_eq(accepted("vpn --timeout 1.234567").timeout_us, 1234567);
	ck_assert_int_eq(accepted("vpn --timeout 007.5000000").timeout_us, 7500000);
	ck_assert_int_eq(accepted("vpn --idle-wait 0.0000001").idle_wait_us, 1);
}
END_TEST

START_TEST(options_read_numbers_alike_in_every_locale)
{
	static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "C"};

	for (size_t i = 0; i < sizeof(locales) / sizeof(locales[0]); i++) {
		setlocale(LC_ALL, locales[i]); /* where it is not installed, nothing changes */
		ck_assert_int_eq(accepted("vpn --timeout 0.5").timeout_us, 500000);
		refused_value("timeout", "0,5", "0.01 to 10 seconds");
	}
}
END_TEST

START_TEST(options_read_the_routing_mark_in_both_bases)
{
	ck_assert_uint_eq(accepted("vpn --rtmark 0xfF").rtmark, 255);
	ck_assert_uint_eq(accepted("vpn --rtmark 0XFFFFFFFF").rtmark, UINT32_MAX);
	ck_assert_uint_eq(accepted("vpn --rtmark 010").rtmark, 10);
	refused_value("rtmark", "0xg", "0 to 4294967295");
	refused_value("rtmark", "ff", "0 to 4294967295");
}
END_TEST

START_TEST(options_take_names_of_64_characters_and_no_more)
{
	char name[66];
	char line[128];

	memset(name, 'x', 65);
	name[65] = '\0';
	snprintf(line, sizeof(line), "vpn --phone %s", name);
	refused(line, OPTIONS_BAD_VALUE, "64 characters");
	snprintf(line, sizeof(line), "vpn --client-hostname %s", name);
	refused(line, OPTIONS_BAD_VALUE, "64 characters");
	snprintf(line, sizeof(line), "vpn --phone %s", name + 1);
	ck_assert_str_eq(accepted(line).phone, name + 1);
}
END_TEST

START_TEST(options_take_the_last_of_several)
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

START_TEST(options_gather_pppds_words_in_argv_and_change_none)
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

START_TEST(options_survive_a_message_without_room)
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

START_TEST(options_help_fits_a_terminal_and_says_where_pppds_options_begin)
{
	read_help();
	ck_assert_int_eq(
	    strncmp(help, "pptp version " PPTP_VERSION "\n", strlen(PPTP_VERSION) + 14), 0);
	ck_assert_ptr_nonnull(strstr(help, "SERVER [pptp options] [[--] pppd options]"));
	for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n"))
		ck_assert_msg(strlen(line) < 80, "too long: %s", line);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pptp_options");
	TCase *c = tcase_create("options");

	tcase_add_test(c, options_have_the_documented_defaults);
	tcase_add_test(c, options_each_reach_their_field);
	tcase_add_test(c, options_leave_to_pppd_what_is_pppds);
	tcase_add_test(c, options_take_the_command_line_of_check_vpn);
	tcase_add_test(c, options_take_the_command_lines_of_network_managers);
	tcase_add_test(c, options_take_values_behind_an_equals_sign);
	tcase_add_test(c, options_of_the_old_client_keep_their_abbreviations);
	tcase_add_test(c, options_refuse_what_they_do_not_know_or_cannot_tell_apart);
	tcase_add_test(c, options_refuse_numbers_that_are_none);
	tcase_add_test(c, options_hold_to_their_ranges);
	tcase_add_test(c, options_read_seconds_to_the_microsecond);
	tcase_add_test(c, options_read_numbers_alike_in_every_locale);
	tcase_add_test(c, options_read_the_routing_mark_in_both_bases);
	tcase_add_test(c, options_take_names_of_64_characters_and_no_more);
	tcase_add_test(c, options_take_the_last_of_several);
	tcase_add_test(c, options_help_status_and_version_need_no_server);
	tcase_add_test(c, options_gather_pppds_words_in_argv_and_change_none);
	tcase_add_test(c, options_survive_a_message_without_room);
	tcase_add_test(c, options_help_names_every_row_of_the_table);
	tcase_add_test(c, options_help_fits_a_terminal_and_says_where_pppds_options_begin);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return unit_run(suite());
}
