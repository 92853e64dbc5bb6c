/* SPDX-License-Identifier: ISC */
/* Lines as people and their tools read them. syslog's side is caught through stderr's copy. */
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/deadline.h"
#include "tests/unit.h"

static int saved_stderr, reader;

static void set_up(void)
{
	int fds[2];
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	reader = fds[0];
}

static void tear_down(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(reader);
}

static const char *on_stderr(void)
{
	static char text[4096];
	ssize_t n = read(reader, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(log_line_has_session_level_and_place)
{
	char wanted[200];
	log_open("office", 1);
	log_warn("no answer from %s", "192.0.2.1");
	snprintf(wanted, sizeof(wanted),
	    "office warn[%s:test_log.c:%d]: no answer from 192.0.2.1\n", __func__, __LINE__ - 2);
	ck_assert_str_eq(on_stderr(), wanted);
	log_fatal("x");
	ck_assert_ptr_nonnull(strstr(on_stderr(), "office fatal["));
}
END_TEST

START_TEST(log_of_the_calls_life_stays_off_stderr)
{
	log_open("a", 2);
	log_info("established");
	log_debug("detail");
	log_stats("rx accepted 1");
	ck_assert_str_eq(on_stderr(), "");
}
END_TEST

START_TEST(log_level_chooses_what_is_written)
{
	static const struct {
		int verbosity;
		bool info, debug;
	} rows[] = {{0, false, false}, {1, true, false}, {2, true, true}};
	log_copy_to_stderr(1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		log_open("a", rows[i].verbosity);
		log_info("info");
		ck_assert_int_eq(strlen(on_stderr()) > 0, rows[i].info);
		log_debug("debug");
		ck_assert_int_eq(strlen(on_stderr()) > 0, rows[i].debug);
		log_warn("warn");
		ck_assert_uint_gt(strlen(on_stderr()), 0);
		log_stats("stats");
		ck_assert_ptr_nonnull(strstr(on_stderr(), " log["));
	}
	log_copy_to_stderr(0);
}
END_TEST

START_TEST(log_shows_no_control_characters_of_others)
{
	log_open("na\nme", 1);
	log_warn("host '%s'", "evil\r\nfatal[x]: all is lost\x1b[2J\x9b\x7f\t");
	const char *line = on_stderr();
	ck_assert_ptr_eq(strchr(line, '\n'), line + strlen(line) - 1);
	for (const char *c = line; *c && *c != '\n'; c++)
		ck_assert(*c >= 0x20 && *c < 0x7f);
	ck_assert_ptr_eq(strstr(line, "na\\x0ame warn["), line);
	ck_assert_ptr_nonnull(
	    strstr(line, "'evil\\x0d\\x0afatal[x]: all is lost\\x1b[2J\\x9b\\x7f\\x09'"));
	log_warn("\x1f \x7e");
	ck_assert_ptr_nonnull(strstr(on_stderr(), ": \\x1f ~\n"));
}
END_TEST

/* 16 escapes would be as long as the room for all of it, the NUL at its end included. */
START_TEST(log_cuts_a_session_name_before_an_escape_that_does_not_fit)
{
	char wanted[80] = "";
	for (int i = 0; i < 15; i++)
		strcat(wanted, "\\x01");
	strcat(wanted, " warn[");
	log_open("\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1", 1);
	log_warn("x");
	const char *line = on_stderr();
	ck_assert_ptr_eq(strstr(line, wanted), line);
	log_copy_to_stderr(1);
	log_info("what lies behind the name is still the level");
	ck_assert_uint_gt(strlen(on_stderr()), 0);
	log_copy_to_stderr(0);
}
END_TEST

START_TEST(log_shows_the_text_where_there_is_no_room_for_the_place_as_well)
{
	char name[600], text[1000];
	memset(name, 'f', sizeof(name));
	memset(text, '\1', sizeof(text));
	name[sizeof(name) - 1] = text[sizeof(text) - 1] = '\0';
	log_open("a", 1);
	log_write(LOG_LEVEL_WARN, name, "file.c", 1, "said: %s", text);
	const char *line = on_stderr();
	ck_assert_ptr_eq(strstr(line, "said: \\x01"), line);
	ck_assert_int_eq(line[strlen(line) - 1], '\n');
}
END_TEST

START_TEST(log_cuts_long_texts_and_still_ends_the_line)
{
	char text[5000];
	log_open("a", 1);
	for (int c = 'y'; c >= 1; c -= 'y' - 1) { /* printable, then all escaped */
		memset(text, c, sizeof(text) - 1);
		text[sizeof(text) - 1] = '\0';
		log_warn("%s", text);
		const char *line = on_stderr();
		ck_assert_uint_gt(strlen(line), 1000);
		ck_assert_uint_lt(strlen(line), 2000);
		ck_assert_int_eq(line[strlen(line) - 1], '\n');
	}
}
END_TEST

START_TEST(log_leaves_errno_alone)
{
	log_open("a", 1);
	errno = ENOBUFS;
	log_warn("%s", "x");
	ck_assert_int_eq(errno, ENOBUFS);
	close(STDERR_FILENO); /* also where it cannot be written */
	log_warn("%s", "x");
	ck_assert_int_eq(errno, ENOBUFS);
}
END_TEST

START_TEST(log_is_quiet_on_stderr_after_the_call_is_up_but_not_with_debug)
{
	log_open("a", 1);
	log_copy_to_stderr(1);
	log_quiet_stderr();
	log_warn("x");
	ck_assert_uint_gt(strlen(on_stderr()), 0);
	log_copy_to_stderr(0);
	log_quiet_stderr();
	log_warn("x");
	ck_assert_str_eq(on_stderr(), "");
	ck_assert_int_eq(write(STDERR_FILENO, "x", 1), 1);
}
END_TEST

START_TEST(log_does_not_wait_for_a_reader_of_stderr)
{
	char lines[4096];
	memset(lines, '\n', sizeof(lines));
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
	while (write(STDERR_FILENO, lines, sizeof(lines)) > 0)
		;
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, 0), 0); /* as one finds it */
	log_open("a", 1);
	alarm(2); /* ends the test, should this line wait */
	log_warn("nobody reads this");
	alarm(0);
	while (strlen(on_stderr()) > 0)
		;
	log_warn("but this");
	ck_assert_ptr_nonnull(strstr(on_stderr(), "but this"));
}
END_TEST

START_TEST(log_budget_lets_ten_lines_a_minute_through_and_counts_the_rest)
{
	struct log_budget budget = {0};
	uint64_t left_out = 99;
	int64_t now_us = 5 * USEC_PER_SEC;
	int written = 0;
	for (int i = 0; i < 1000; i++) {
		written += log_allowed(&budget, now_us + i, &left_out);
		ck_assert_uint_eq(left_out, 0);
	}
	ck_assert_int_eq(written, 10);
	ck_assert(log_allowed(&budget, now_us + 60 * USEC_PER_SEC, &left_out));
	ck_assert_uint_eq(left_out, 990);
	ck_assert(log_allowed(&budget, now_us + 60 * USEC_PER_SEC, &left_out));
	ck_assert_uint_eq(left_out, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, log_line_has_session_level_and_place);
	tcase_add_test(tc, log_of_the_calls_life_stays_off_stderr);
	tcase_add_test(tc, log_level_chooses_what_is_written);
	tcase_add_test(tc, log_shows_no_control_characters_of_others);
	tcase_add_test(tc, log_cuts_a_session_name_before_an_escape_that_does_not_fit);
	tcase_add_test(tc, log_shows_the_text_where_there_is_no_room_for_the_place_as_well);
	tcase_add_test(tc, log_cuts_long_texts_and_still_ends_the_line);
	tcase_add_test(tc, log_leaves_errno_alone);
	tcase_add_test(tc, log_is_quiet_on_stderr_after_the_call_is_up_but_not_with_debug);
	tcase_add_test(tc, log_does_not_wait_for_a_reader_of_stderr);
	tcase_add_test(tc, log_budget_lets_ten_lines_a_minute_through_and_counts_the_rest);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
