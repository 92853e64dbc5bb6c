/* SPDX-License-Identifier: ISC */
/* The report: which problem the exit status tells, and what is printed of it. */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "diagnose/report.h"
#include "diagnose/report_print.h"

static struct report report;

static void begin(void)
{
	memset(&report, 0, sizeof(report));
}

static char *json(const char *server)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	ck_assert_ptr_nonnull(out);
	report_print_json(out, &report, server, report_exit_status(&report));
	fclose(out);
	return text;
}

START_TEST(report_exit_status_is_of_the_lowest_step_with_a_problem)
{
	begin();
	ck_assert_int_eq(report_exit_status(&report), 0);
	report_add(&report, REPORT_DEVICE, REPORT_NOTE);
	report_add(&report, REPORT_MODULES, REPORT_UNKNOWN);
	ck_assert_int_eq(report_exit_status(&report), 0);
	report_add(&report, REPORT_PPPD, REPORT_PROBLEM);
	ck_assert_int_eq(report_exit_status(&report), 22);
	report_add(&report, REPORT_TCP, REPORT_PROBLEM);
	report_add(&report, REPORT_GRE, REPORT_PROBLEM);
	ck_assert_int_eq(report_exit_status(&report), 12);
}
END_TEST

START_TEST(report_keeps_the_last_of_too_many_results)
{
	begin();
	for (int i = 0; i < 2 * REPORT_RESULTS_MAX; i++) {
		struct report_result *r = report_add(&report, REPORT_NAME, REPORT_OK);
		for (int fact = 0; fact < 2 * REPORT_FACTS_MAX; fact++)
			report_add_number(r, "n", i);
	}
	ck_assert_uint_eq(report.count, REPORT_RESULTS_MAX);
	ck_assert_uint_eq(report.results[0].fact_count, REPORT_FACTS_MAX);
}
END_TEST

START_TEST(report_json_holds_each_kind_of_fact)
{
	begin();
	struct in_addr addresses[2] = {{htonl(0xc0000201)}, {htonl(0xc0000202)}};
	struct report_result *r = report_add(&report, REPORT_NAME, REPORT_NOTE);
	text_add(&r->text, "two");
	report_add_addresses(r, "addresses", addresses, 2);
	report_add_address(r, "address", addresses[0]);
	report_add_number(r, "number", -5);
	report_add_ms(r, "ms", 12345);
	report_add_string(r, "string", "a");
	char *text = json("vpn");
	ck_assert_str_eq(text,
	    "{\"server\": \"vpn\", \"status\": 0, \"steps\": [\n"
	    "{\"step\": \"name\", \"state\": \"note\", \"text\": \"two\", "
	    "\"addresses\": [\"192.0.2.1\", \"192.0.2.2\"], \"address\": \"192.0.2.1\", "
	    "\"number\": -5, \"ms\": 12.345, \"string\": \"a\"}\n]}\n");
	free(text);
}
END_TEST

START_TEST(report_json_escapes_what_a_server_can_send)
{
	begin();
	struct report_result *r = report_add(&report, REPORT_CONTROL, REPORT_OK);
	report_add_string(r, "host_name", "a\"b\\c\n\x80");
	snprintf(report.peers, sizeof(report.peers), "one\ntwo\n");
	char *text = json("a\x1b\"");
	ck_assert_ptr_nonnull(strstr(text, "\"server\": \"a\\u001b\\\"\""));
	ck_assert_ptr_nonnull(strstr(text, "\"host_name\": \"a\\\"b\\\\c\\\\x0a\\\\x80\""));
	ck_assert_ptr_nonnull(strstr(text, "\"peers\": \"one\\u000atwo\\u000a\""));
	free(text);
}
END_TEST

START_TEST(report_of_a_step_is_a_line_and_one_for_the_advice)
{
	char buffer[256] = "";
	FILE *out = fmemopen(buffer, sizeof(buffer), "w");
	begin();
	struct report_result *r = report_add(&report, REPORT_TCP, REPORT_PROBLEM);
	text_add(&r->text, "closed \x1b[31m\n\xff\x7f~");
	text_add(&r->advice, "open it");
	report_print_result(out, r);
	fclose(out);
	ck_assert_str_eq(buffer, "tcp      problem  closed \\x1b[31m\\x0a\\xff\\x7f~\n"
				 "                  what to do: open it\n");
}
END_TEST

START_TEST(report_ends_with_what_it_has_of_mtu_and_peers_file)
{
	char buffer[256] = "";
	FILE *out = fmemopen(buffer, sizeof(buffer), "w");
	begin();
	report_print_end(out, &report);
	fflush(out);
	ck_assert_str_eq(buffer, "");
	report.mtu = 1400;
	snprintf(report.peers, sizeof(report.peers), "pty \"pptp\"\n");
	report_print_end(out, &report);
	fclose(out);
	ck_assert_str_eq(buffer, "\nGive pppd: mtu 1400 mru 1400\n\n"
				 "A peers file, /etc/ppp/peers/NAME:\n\npty \"pptp\"\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("report");
	TCase *tests = tcase_create("report");
	tcase_add_test(tests, report_exit_status_is_of_the_lowest_step_with_a_problem);
	tcase_add_test(tests, report_keeps_the_last_of_too_many_results);
	tcase_add_test(tests, report_json_holds_each_kind_of_fact);
	tcase_add_test(tests, report_json_escapes_what_a_server_can_send);
	tcase_add_test(tests, report_of_a_step_is_a_line_and_one_for_the_advice);
	tcase_add_test(tests, report_ends_with_what_it_has_of_mtu_and_peers_file);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
