/* SPDX-License-Identifier: ISC */
/* The lines that a status client gets, in the order of the manual page. */
#include "callmgr/status_text.h"

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

static struct pptp_options options;
static struct pptp_stats stats;
static struct status_facts facts;
static char string[IPC_STATUS_MAX];

static void set_up(void)
{
	options = (struct pptp_options){.server = "vpn.test", .logstring = "anon"};
	facts = (struct status_facts){.options = &options,
	    .state = "established",
	    .call_state = "established",
	    .route = IPC_ROUTE_ADDED,
	    .unit = 4,
	    .call_id = 7,
	    .peer_call_id = 1000,
	    .peer_window = 64,
	    .since = 1800000000,
	    .attempts = 2,
	    .was_up = true,
	    .up_us = 90 * USEC_PER_SEC + 1,
	    .stats = &stats};
	inet_pton(AF_INET, "192.0.2.7", &facts.address);
	inet_pton(AF_INET, "10.0.0.1", &facts.local);
}

START_TEST(status_has_all_lines_of_an_established_call)
{
	char head[1024];
	stats = (struct pptp_stats){.rx_accepted = 5,
	    .round_trip_us = 12345,
	    .reorder_depth = 3,
	    .reorder_wait_us = 7999,
	    .pty_queue_bytes = 1500,
	    .send_queue = 2,
	    .in_flight = 9};
	status_text_write(string, sizeof(string), &facts);
	snprintf(head, sizeof(head),
	    "version=" PPTP_VERSION "\npid=%ld\nsession=anon\nserver=vpn.test\naddress=192.0.2.7\n"
	    "local=10.0.0.1\ndevice=ppp4\nstate=established\nhost_route=added\nattempts=2\ncalls=1\n"
	    "call.1.id=7\n"
	    "call.1.state=established\ncall.1.peer_id=1000\ncall.1.window=1024\n"
	    "call.1.peer_window=64\ncall.1.since=1800000000\ncall.1.seconds=90\n"
	    "call.1.reorder_depth=3\ncall.1.reorder_wait=7\ncall.1.pty_queue_bytes=1500\n"
	    "call.1.send_queue=2\ncall.1.in_flight=9\n"
	    "call.1.rx_accepted=5\ncall.1.rx_lost=0\n",
	    (long)getpid());
	ck_assert_int_eq(strncmp(string, head, strlen(head)), 0);
	ck_assert_ptr_nonnull(strstr(string, "\ncall.1.round_trip=12\n")); /* in ms */
	size_t lines = 0;
	for (const char *s = string; *s; s++)
		lines += *s == '\n';
	ck_assert_uint_eq(lines, 18 + STATS_COUNT);
}
END_TEST

START_TEST(status_leaves_out_a_round_trip_that_is_not_known)
{
	stats = (struct pptp_stats){.rx_accepted = 5};
	status_text_write(string, sizeof(string), &facts);
	ck_assert_ptr_nonnull(strstr(string, "\ncall.1.tx_oversize=0\ncall.1.rx_kernel_drops=0\n"));
	stats.round_trip_us = 300;
	status_text_write(string, sizeof(string), &facts);
	ck_assert_ptr_nonnull(strstr(string, "\ncall.1.round_trip=0\n")); /* less than 1 ms */
}
END_TEST

START_TEST(status_makes_names_printable)
{
	options.logstring = "a\nstate=\x1b[1m\xc3\xa4";
	status_text_write(string, sizeof(string), &facts);
	ck_assert_ptr_nonnull(strstr(string, "\nsession=a\\x0astate=\\x1b[1m\\xc3\\xa4\nserver="));
}
END_TEST

START_TEST(status_leaves_out_what_the_gateway_did_not_answer)
{
	facts.stats = NULL;
	facts.hanging = "gateway";
	status_text_write(string, sizeof(string), &facts);
	ck_assert_ptr_nonnull(
	    strstr(string, "\nstate=established\nhanging=gateway\nhost_route=added\n"));
	const char *last = strstr(string, "call.1.seconds=");
	ck_assert_str_eq(last ? last : string, "call.1.seconds=90\n");
}
END_TEST

START_TEST(status_has_the_last_notice_in_one_printable_line)
{
	facts.notice = (struct ipc_notice){
	    .at_us = 1800000007 * USEC_PER_SEC + 5, .text = "a = b\ncalls=2\x1b"};
	status_text_write(string, sizeof(string), &facts);
	ck_assert_ptr_nonnull(strstr(string,
	    "\nattempts=2\nlast_notice_at=1800000007\nlast_notice=a = b\\x0acalls=2\\x1b\ncalls=1\n"));
}
END_TEST

/* Names and a notice of nothing but what takes four characters for each byte. */
START_TEST(status_of_the_greatest_length_is_not_cut)
{
	static char long_name[256];
	memset(long_name, '\n', sizeof(long_name) - 1);
	options.server = options.logstring = long_name;
	memset(facts.notice.text, '\n', sizeof(facts.notice.text) - 1);
	facts.notice.at_us = INT64_MAX;
	facts.hanging = "gateway";
	memset(&stats, 0xff, sizeof(stats));
	status_text_write(string, sizeof(string), &facts);
	ck_assert_uint_lt(strlen(string), sizeof(string) - 1);
	const char *last = strstr(string, "call.1.tx_blocked=");
	ck_assert_str_eq(last ? last : string, "call.1.tx_blocked=18446744073709551615\n");
}
END_TEST

START_TEST(status_of_a_call_that_is_not_established_ends_with_its_state)
{
	facts.was_up = false;
	facts.call_state = "waiting";
	status_text_write(string, sizeof(string), &facts);
	const char *last = strstr(string, "call.1.state=");
	ck_assert_str_eq(last ? last : string, "call.1.state=waiting\n");
}
END_TEST

START_TEST(status_names_the_three_states_of_the_route)
{
	static const char *const lines[] = {[IPC_ROUTE_NONE] = "\nhost_route=none\n",
	    [IPC_ROUTE_ADDED] = "\nhost_route=added\n",
	    [IPC_ROUTE_LOST] = "\nhost_route=lost\n"};
	for (int route = IPC_ROUTE_NONE; route <= IPC_ROUTE_LOST; route++) {
		facts.route = (enum ipc_route)route;
		status_text_write(string, sizeof(string), &facts);
		ck_assert_ptr_nonnull(strstr(string, lines[route]));
	}
}
END_TEST

START_TEST(status_is_cut_to_the_buffer)
{
	memset(string, 'x', sizeof(string));
	status_text_write(string, 20, &facts);
	ck_assert_uint_eq(strlen(string), 19);
	ck_assert_int_eq(string[20], 'x');
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status_text");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, NULL);
	tcase_add_test(all, status_has_all_lines_of_an_established_call);
	tcase_add_test(all, status_leaves_out_a_round_trip_that_is_not_known);
	tcase_add_test(all, status_makes_names_printable);
	tcase_add_test(all, status_leaves_out_what_the_gateway_did_not_answer);
	tcase_add_test(all, status_has_the_last_notice_in_one_printable_line);
	tcase_add_test(all, status_of_the_greatest_length_is_not_cut);
	tcase_add_test(all, status_of_a_call_that_is_not_established_ends_with_its_state);
	tcase_add_test(all, status_names_the_three_states_of_the_route);
	tcase_add_test(all, status_is_cut_to_the_buffer);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
