/* SPDX-License-Identifier: ISC */
/* What is believed of getent's output, with which rights it runs and when it ends. */
#include "getent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "getent_script.h"
#include "unit.h"

static struct getent_script script;
static struct getent_output output;

static void tear_down(void)
{
	getent_script_remove(&script);
}

static enum getent_result ask(const char *commands)
{
	enum getent_result result =
	    getent_ask(getent_script_write(&script, commands), "name.test", &output);
	ck_assert_int_eq(waitpid(-1, NULL, 0), -1); /* no child is left */
	return result;
}

/* What the commands print when they are run in getent's place. */
static const char *printed_by(const char *commands)
{
	static char text[GETENT_OUTPUT_MAX + 1];
	ck_assert_int_eq(ask(commands), GETENT_FOUND);
	memcpy(text, output.text, output.len);
	text[output.len] = '\0';
	return text;
}

static void put(const char *text, size_t len)
{
	ck_assert_uint_lt(len, sizeof(output.text));
	memcpy(output.text, text, len);
	output.len = len;
	output.at = 0;
}

START_TEST(getent_addresses_are_taken_line_by_line)
{
	static const char text[] = "192.0.2.9       STREAM vpn.example.com\n"
				   "192.0.2.9       DGRAM  \n"
				   "255.255.255.255 RAW    \n"
				   "0.0.0.0 \n";
	static const uint32_t wanted[] = {0xC0000209, 0xC0000209, 0xFFFFFFFF, 0};
	struct in_addr a;
	put(text, sizeof(text) - 1);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		ck_assert_int_eq(getent_next(&output, &a), 1);
		ck_assert_uint_eq(ntohl(a.s_addr), wanted[i]);
	}
	ck_assert_int_eq(getent_next(&output, &a), 0);
	ck_assert_int_eq(getent_next(&output, &a), 0);
	put("", 0);
	ck_assert_int_eq(getent_next(&output, &a), 0);
}
END_TEST

START_TEST(getent_lines_of_any_other_form_are_refused)
{
#define TEXT(literal) literal, sizeof(literal) - 1
	static const struct {
		const char *text;
		size_t len;
	} bad[] = {
	    {TEXT("192.0.2.1       STREAM vpn")}, /* cut */
	    {TEXT("192.0.2.1 ")},
	    {TEXT("192.0.2.1")},
	    {TEXT("192.0.2.1\n")},
	    {TEXT("192.0.2.1\nSTREAM vpn\n")},
	    {TEXT("192.0.2.1\tSTREAM\n")},
	    {TEXT("192.0.2.1\0 STREAM\n")},
	    {TEXT("192.0.2.1\0junk STREAM\n")},
	    {TEXT("\0 192.0.2.1 STREAM\n")},
	    {TEXT(" 192.0.2.1 STREAM\n")},
	    {TEXT("\n192.0.2.1 STREAM\n")},
	    {TEXT("192.0.2.256 STREAM\n")},
	    {TEXT("192.0.2 STREAM\n")},
	    {TEXT("192.0.2.1.2 STREAM\n")},
	    {TEXT("0300.0.2.1 STREAM\n")},
	    {TEXT("-1.0.2.1 STREAM\n")},
	    {TEXT("192.000000000002.1 STREAM\n")},
	    {TEXT("2001:db8::1     STREAM vpn\n")},
	    {TEXT("::ffff:192.0.2.1 STREAM vpn\n")},
	    {TEXT("::1 STREAM vpn\n")},
	    {TEXT("vpn 192.0.2.1\n")},
	    {TEXT("\n")},
	    {TEXT(" \n")},
	    {TEXT("\0")},
	};
#undef TEXT
	struct in_addr a;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char two[128] = "192.0.2.3 RAW \n";
		size_t first = strlen(two);
		put(bad[i].text, bad[i].len);
		ck_assert_msg(getent_next(&output, &a) == -EBADMSG, "case %zu", i);
		memcpy(two + first, bad[i].text, bad[i].len);
		put(two, first + bad[i].len);
		ck_assert_int_eq(getent_next(&output, &a), 1);
		ck_assert_msg(
		    getent_next(&output, &a) == -EBADMSG, "case %zu behind a good line", i);
	}
}
END_TEST

START_TEST(getent_lines_may_be_as_long_as_there_is_room)
{
	struct in_addr a;
	memset(output.text, 'x', sizeof(output.text));
	output.len = sizeof(output.text) - 1;
	output.at = 0;
	ck_assert_int_eq(getent_next(&output, &a), -EBADMSG);
	output.text[output.len - 1] = '\n';
	ck_assert_int_eq(getent_next(&output, &a), -EBADMSG);
	memset(output.text, ' ', sizeof(output.text) / 2);
	ck_assert_int_eq(getent_next(&output, &a), -EBADMSG);
	memcpy(output.text, "192.0.2.1", strlen("192.0.2.1"));
	ck_assert_int_eq(getent_next(&output, &a), 1);
	ck_assert_int_eq(getent_next(&output, &a), 0);
}
END_TEST

START_TEST(getent_gets_the_name_as_no_option)
{
	ck_assert_str_eq(printed_by("printf '<%s>' \"$@\""), "<-iA><ahostsv4><--><name.test>");
}
END_TEST

START_TEST(getent_that_is_older_is_asked_without_the_newer_option)
{
	ck_assert_str_eq(printed_by("test \"$1\" = -i || { echo wrong; exit 64; }\n"
				    "printf '<%s>' \"$@\""),
	    "<-i><ahostsv4><--><name.test>");
	ck_assert_int_eq(ask("exit 64"), GETENT_FAILED);
}
END_TEST

START_TEST(getent_of_the_host_finds_what_is_there)
{
	struct in_addr a;
#ifndef __GLIBC__
	return; /* another library's getent may know no such database */
#endif
	if (access(GETENT_PATH, X_OK) < 0)
		return;
	ck_assert_int_eq(getent_ask(GETENT_PATH, "192.0.2.77", &output), GETENT_FOUND);
	ck_assert_int_eq(getent_next(&output, &a), 1);
	ck_assert_uint_eq(ntohl(a.s_addr), 0xC000024D);
	ck_assert_int_eq(getent_ask(GETENT_PATH, "", &output), GETENT_UNKNOWN);
}
END_TEST

START_TEST(getent_tells_a_name_that_is_unknown_from_a_failure)
{
	ck_assert_int_eq(ask("exit 2"), GETENT_UNKNOWN);
	ck_assert_int_eq(ask("echo '192.0.2.1 RAW '; exit 1"), GETENT_FAILED);
	ck_assert_int_eq(ask("echo '192.0.2.1 RAW '; kill -9 $$"), GETENT_FAILED);
	ck_assert_int_eq(getent_ask("/nowhere/getent", "name.test", &output), GETENT_FAILED);
	getent_script_write(&script, "exit 0");
	ck_assert_int_eq(chmod(script.path, 0644), 0);
	ck_assert_int_eq(getent_ask(script.path, "name.test", &output), GETENT_FAILED);
}
END_TEST

START_TEST(getent_that_prints_without_end_is_ended)
{
	ck_assert_int_eq(
	    ask("while :; do echo '192.0.2.1       STREAM name.test'; done"), GETENT_FAILED);
	ck_assert_uint_le(output.len, sizeof(output.text));
}
END_TEST

START_TEST(getent_finds_of_the_environment_only_what_is_for_the_resolver)
{
	clearenv();
	ck_assert_str_eq(printed_by("tr '\\0' ' ' </proc/$$/environ"), "");
	setenv("LD_LIBRARY_PATH", "/nowhere", 1);
	setenv("RES_OPTIONS", "timeout:1", 1);
	setenv("GCONV_PATH", "/nowhere", 1);
	setenv("HOSTALIASES", "/etc/aliases", 1);
	setenv("LOCALDOMAIN_", "no", 1);
	setenv("LOCALDOMAIN", "example.com", 1);
	ck_assert_str_eq(printed_by("tr '\\0' '\\n' </proc/$$/environ | sort | tr '\\n' ' '"),
	    "HOSTALIASES=/etc/aliases LOCALDOMAIN=example.com RES_OPTIONS=timeout:1 ");
}
END_TEST

START_TEST(getent_has_no_descriptor_rights_or_ignored_signal_of_ours)
{
	int ends[2];
	ck_assert_int_eq(pipe(ends), 0);
	signal(SIGPIPE, SIG_IGN);
	ck_assert_str_eq(
	    printed_by("readlink /proc/$$/fd/0 /proc/$$/fd/2; ls /proc/self/fd | wc -l"),
	    "/dev/null\n/dev/null\n4\n"); /* the fourth is the folder's, in ls */
	ck_assert_str_eq(printed_by("awk '/^(NoNewPrivs|CapPrm|CapEff):/ {printf \"%s \", $2}' "
				    "/proc/$$/status"),
	    "0000000000000000 0000000000000000 1 ");
	ck_assert_int_eq(
	    strtol(printed_by("awk '/^SigIgn:/ {print $2}' /proc/$$/status"), NULL, 16) &
		1L << (SIGPIPE - 1),
	    0);
	close(ends[0]);
	close(ends[1]);
}
END_TEST

START_TEST(getent_ends_with_who_asked)
{
	char mark[] = "/tmp/test-getent-mark-XXXXXX", commands[128];
	int fd = mkstemp(mark), status;
	snprintf(commands, sizeof(commands), "rm %s\nwhile :; do read x </dev/zero; done", mark);
	getent_script_write(&script, commands);
	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	pid_t asker = fork();
	if (asker == 0)
		_exit((int)getent_ask(script.path, "name.test", &output));
	while (access(mark, F_OK) == 0)
		(void)poll(NULL, 0, 1);
	kill(asker, SIGKILL);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_gt(waitpid(-1, &status, 0), 0);
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
	close(fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("getent");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, NULL, tear_down);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, getent_addresses_are_taken_line_by_line);
	tcase_add_test(all, getent_lines_of_any_other_form_are_refused);
	tcase_add_test(all, getent_lines_may_be_as_long_as_there_is_room);
	tcase_add_test(all, getent_gets_the_name_as_no_option);
	tcase_add_test(all, getent_that_is_older_is_asked_without_the_newer_option);
	tcase_add_test(all, getent_of_the_host_finds_what_is_there);
	tcase_add_test(all, getent_tells_a_name_that_is_unknown_from_a_failure);
	tcase_add_test(all, getent_that_prints_without_end_is_ended);
	tcase_add_test(all, getent_finds_of_the_environment_only_what_is_for_the_resolver);
	tcase_add_test(all, getent_has_no_descriptor_rights_or_ignored_signal_of_ours);
	tcase_add_test(all, getent_ends_with_who_asked);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
