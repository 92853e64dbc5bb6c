/* SPDX-License-Identifier: ISC */
/* The peers file that is advised: what a shell, and pppd before it, make of each word in it. */
#include "diagnose/advice.h"

#include <arpa/inet.h>
#include <string.h>

#include "unit.h"

static struct report report;
static struct pptp_options options;

static void set_up(void)
{
	memset(&report, 0, sizeof(report));
	options = (struct pptp_options){
	    .server = "vpn.example.net", .phone = "", .client_hostname = "", .host_route = true};
}

static void expect(const char *part)
{
	ck_assert_msg(strstr(report.peers, part) != NULL, "no '%s' in '%s'", part, report.peers);
}

START_TEST(advice_is_short_for_a_start_without_options)
{
	advice_add(&report, &options, 0);
	ck_assert_int_eq(strncmp(report.peers, "pty \"/", 6), 0);
	expect(" vpn.example.net --nolaunchpppd\"\nname \"USER\"\nremotename NAME\n"
	       "file /etc/ppp/options.pptp\n");
	ck_assert_uint_eq(report.mtu, 0);
	ck_assert_ptr_null(strstr(report.peers, "mtu"));
}
END_TEST

START_TEST(advice_repeats_what_decides_whether_the_server_is_reached)
{
	char user[] = "user", name[] = "DOM\\an\"n";
	char *argv[] = {user, name};
	options.phone = "+1 2";
	options.client_hostname = "pc-1";
	options.quirks.bezeq = true;
	inet_pton(AF_INET, "192.0.2.5", &options.localbind);
	options.rtmark = 0x1f;
	options.host_route = false;
	options.pppd_argv = argv;
	options.pppd_argc = 2;
	advice_add(&report, &options, 0);
	expect(" vpn.example.net --phone '+1 2' --client-hostname pc-1 --quirks BEZEQ_ISRAEL"
	       " --localbind 192.0.2.5 --rtmark 0x1f --nohostroute --nolaunchpppd\"\n");
	expect("\nname \"DOM\\\\an\\\"n\"\n");
}
END_TEST

START_TEST(advice_quotes_for_the_shell_and_for_pppd)
{
	options.phone = "a'b\"c\\d\n$(e)";
	advice_add(&report, &options, 0);
	expect(" --phone 'a'\\\\''b\\\"c\\\\d$(e)' ");
}
END_TEST

START_TEST(advice_gives_the_mtu_that_the_path_leaves)
{
	advice_add(&report, &options, 1400);
	ck_assert_uint_eq(report.mtu, 1356);
	expect("\nmtu 1356\nmru 1356\n");
	advice_add(&report, &options, 9000);
	ck_assert_uint_eq(report.mtu, 1456);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("advice");
	TCase *tc = tcase_create("advice");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, advice_is_short_for_a_start_without_options);
	tcase_add_test(tc, advice_repeats_what_decides_whether_the_server_is_reached);
	tcase_add_test(tc, advice_quotes_for_the_shell_and_for_pppd);
	tcase_add_test(tc, advice_gives_the_mtu_that_the_path_leaves);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
