/* SPDX-License-Identifier: ISC */
/* What programs read; the answers may be those of another user's program. */
#include "callmgr/status_format.h"

#include <string.h>

#include "unit.h"

static char printed[16384];

static const char *print(enum status_format format, const char *answer)
{
	FILE *out = fmemopen(printed, sizeof(printed), "w");
	ck_assert_ptr_nonnull(out);
	status_format_print(out, format, &answer, 1);
	fclose(out);
	return printed;
}

START_TEST(json_has_no_number_that_begins_with_zero)
{
	ck_assert_str_eq(print(STATUS_JSON, "pid=007\ncall.1.id=0\ncall.1.rx_lost=00\n"),
	    "{\"tunnels\": [\n{\"pid\": \"007\", \"call\": {\"id\": 0, "
	    "\"counters\": {\"rx_lost\": \"00\"}}}\n]}\n");
}
END_TEST

START_TEST(json_escapes_quotes_and_backslashes)
{
	ck_assert_str_eq(print(STATUS_JSON, "session=a\"\\\n"),
	    "{\"tunnels\": [\n{\"name\": \"a\\\"\\\\\"}\n]}\n");
}
END_TEST

START_TEST(json_has_the_gauges_beside_the_counters_and_a_notice_that_is_a_string)
{
	ck_assert_str_eq(
	    print(STATUS_JSON, "attempts=1\nlast_notice_at=5\nlast_notice=17\ncalls=1\n"
			       "call.1.in_flight=2\ncall.1.rx_lost=0\n"),
	    "{\"tunnels\": [\n{\"attempts\": 1, \"last_notice_at\": 5, \"last_notice\": \"17\", "
	    "\"call\": {\"in_flight\": 2, \"counters\": {\"rx_lost\": 0}}}\n]}\n");
}
END_TEST

START_TEST(an_answer_is_made_printable_before_it_is_printed)
{
	char answer[] = "session=a\x1b[31m\xff\tb\r\x7f~\nstate=up\a\n";
	status_format_clean(answer);
	ck_assert_str_eq(answer, "session=a?[31m??b??~\nstate=up?\n");
}
END_TEST

START_TEST(an_answer_is_asked_for_by_name_server_or_address)
{
	static const char answer[] = "session=office\nserver=vpn.test\naddress=192.0.2.7\n";
	ck_assert(status_format_matches(answer, "office"));
	ck_assert(status_format_matches(answer, "vpn.test"));
	ck_assert(status_format_matches(answer, "192.0.2.7"));
	ck_assert(!status_format_matches(answer, "192.0.2"));
	ck_assert(!status_format_matches(answer, "offices"));
	ck_assert(!status_format_matches("state=office\n", "office"));
}
END_TEST

static void expect_metric(const char *type, const char *line)
{
	ck_assert_msg(strstr(printed, type) != NULL, "no %s in %s", type, printed);
	ck_assert_msg(strstr(printed, line) != NULL, "no %s in %s", line, printed);
}

#define LABELS "{name=\"\",server=\"\",address=\"\",pid=\"7\"} "

START_TEST(prometheus_has_gauges_and_counters_as_what_they_are)
{
	print(STATUS_PROMETHEUS,
	    "pid=7\nattempts=3\nlast_notice_at=1800000007\nlast_notice=no\n"
	    "call.1.reorder_wait=1007\ncall.1.in_flight=2\ncall.1.tx_sent=4\n");
	expect_metric("# TYPE pptp_attempts gauge\n", "\npptp_attempts" LABELS "3\n");
	expect_metric("# TYPE pptp_last_notice_timestamp_seconds gauge\n",
	    "\npptp_last_notice_timestamp_seconds" LABELS "1800000007\n");
	expect_metric("# TYPE pptp_reorder_wait_seconds gauge\n",
	    "\npptp_reorder_wait_seconds" LABELS "1.007\n");
	expect_metric("# TYPE pptp_in_flight gauge\n", "\npptp_in_flight" LABELS "2\n");
	expect_metric("# TYPE pptp_tx_sent_total counter\n", "\npptp_tx_sent_total" LABELS "4\n");
	expect_metric("# TYPE pptp_hanging gauge\n", "\npptp_hanging" LABELS "0\n");
	print(STATUS_PROMETHEUS, "pid=7\nstate=established\nhanging=parent\n");
	expect_metric("# TYPE pptp_hanging gauge\n", "\npptp_hanging" LABELS "1\n");
}
END_TEST

START_TEST(prometheus_tells_tunnels_whose_call_managers_hang_apart)
{
	print(STATUS_PROMETHEUS, "parent=8\nstate=hanging\nhanging=call manager\n");
	expect_metric("# TYPE pptp_hanging gauge\n",
	    "\npptp_hanging{name=\"\",server=\"\",address=\"\",pid=\"8\"} 1\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status_format");
	TCase *tc = tcase_create("json");
	tcase_add_test(tc, json_has_no_number_that_begins_with_zero);
	tcase_add_test(tc, json_escapes_quotes_and_backslashes);
	tcase_add_test(tc, json_has_the_gauges_beside_the_counters_and_a_notice_that_is_a_string);
	tcase_add_test(tc, an_answer_is_made_printable_before_it_is_printed);
	tcase_add_test(tc, an_answer_is_asked_for_by_name_server_or_address);
	suite_add_tcase(suite, tc);
	tc = tcase_create("prometheus");
	tcase_add_test(tc, prometheus_has_gauges_and_counters_as_what_they_are);
	tcase_add_test(tc, prometheus_tells_tunnels_whose_call_managers_hang_apart);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
