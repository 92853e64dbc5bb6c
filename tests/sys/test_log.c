/* SPDX-License-Identifier: ISC */
/* Log lines on stderr, and at a log daemon's socket in a directory of the test's own. */
#include <paths.h>
#undef _PATH_LOG
#define _PATH_LOG "daemon" /* in the test's working directory */
#include "sys/log.c"

#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "unit.h"

static char directory[32];
static int saved_stderr, reader;

static void set_up(void)
{
	int fds[2];
	strcpy(directory, "/tmp/test-log-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_eq(chdir(directory), 0);
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
	unlink(_PATH_LOG);
	rmdir(directory);
}

static const char *on_stderr(void)
{
	static char text[4096];
	ssize_t n = read(reader, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static int bind_daemon(int type)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	unlink(_PATH_LOG);
	ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The next line that the daemon got; "" when there is none. */
static const char *at_daemon(int fd)
{
	static char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static unsigned count_lines(int fd)
{
	unsigned count = 0;
	while (strlen(at_daemon(fd)) > 0)
		count++;
	return count;
}

START_TEST(log_line_for_the_daemon_has_priority_and_process)
{
	char wanted[64];
	int fd = bind_daemon(SOCK_DGRAM);
	log_open("office", 1);
	log_info("a\nb");
	snprintf(wanted, sizeof(wanted), "<29>pptp[%d]: office log[", (int)getpid());
	const char *line = at_daemon(fd);
	ck_assert_ptr_eq(strstr(line, wanted), line);
	ck_assert_str_eq(strstr(line, "]: a"), "]: a\\x0ab");
	close(fd);
}
END_TEST

START_TEST(log_reaches_a_daemon_on_a_stream_socket)
{
	char text[256] = "";
	int fd = bind_daemon(SOCK_STREAM);
	ck_assert_int_eq(listen(fd, 1), 0);
	log_open("a", 1);
	log_info("x");
	int connection = accept(fd, NULL, NULL);
	ck_assert_int_ge(connection, 0);
	ssize_t n = recv(connection, text, sizeof(text), 0);
	ck_assert_int_gt(n, 0);
	ck_assert_int_eq(text[n - 1], '\0');
	ck_assert_int_eq(text[n - 2], 'x');
	close(connection);
	close(fd);
}
END_TEST

START_TEST(log_reconnects_to_a_daemon_that_has_restarted)
{
	int fd = bind_daemon(SOCK_DGRAM);
	log_open("a", 1);
	close(fd);
	fd = bind_daemon(SOCK_DGRAM);
	log_info("x");
	ck_assert_uint_eq(count_lines(fd), 1);
	close(fd);
}
END_TEST

static int64_t monotonic_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

START_TEST(log_waits_once_and_then_drops_and_counts_lines_for_a_daemon_that_does_not_read)
{
	enum {
		LINES = 2000
	};
	char missing[64];
	int fd = bind_daemon(SOCK_DGRAM);
	log_open("a", 1);
	int64_t start_us = monotonic_us();
	for (int i = 0; i < LINES; i++)
		log_info("x");
	int64_t took_us = monotonic_us() - start_us;
	ck_assert_int_ge(took_us, WAIT_MS * USEC_PER_MSEC);
	ck_assert_int_lt(took_us, 30 * WAIT_MS * USEC_PER_MSEC); /* on a busy machine */
	unsigned got = count_lines(fd);
	ck_assert_uint_lt(got, LINES);
	log_info("y");
	snprintf(missing, sizeof(missing), "lines missing here, not read by the log daemon: %u",
	    LINES - got);
	ck_assert_ptr_nonnull(strstr(at_daemon(fd), missing));
	ck_assert_ptr_nonnull(strstr(at_daemon(fd), "]: y"));
	log_info("z");
	ck_assert_ptr_nonnull(strstr(at_daemon(fd), "]: z"));
	close(fd);
}
END_TEST

START_TEST(log_waits_for_a_daemon_that_reads_soon)
{
	int fd = bind_daemon(SOCK_DGRAM);
	bool waited = false;
	log_open("a", 1);
	for (int tries = 0; tries < 20 && !waited; tries++) { /* a busy machine delays the reader */
		while (log_daemon.missing == 0)
			log_info("x");
		log_daemon.missing = 0;
		pid_t child = fork();
		if (child == 0) {
			poll(NULL, 0, 3);
			_exit(count_lines(fd) == 0);
		}
		log_info("y");
		waited = log_daemon.missing == 0;
		ck_assert_int_eq(waitpid(child, NULL, 0), child);
		count_lines(fd);
		log_daemon.missing = 0;
	}
	ck_assert(waited);
	close(fd);
}
END_TEST

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

START_TEST(log_info_and_below_stay_off_stderr)
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
	log_copy_to_stderr(true);
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
	log_copy_to_stderr(false);
}
END_TEST

START_TEST(log_escapes_control_characters)
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

/* 16 escapes and the NUL are longer than the space for the name. */
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
	log_copy_to_stderr(true);
	log_info("the name has not overwritten the level");
	ck_assert_uint_gt(strlen(on_stderr()), 0);
	log_copy_to_stderr(false);
}
END_TEST

START_TEST(log_drops_the_place_of_a_line_that_would_be_too_long)
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

START_TEST(log_preserves_errno)
{
	log_open("a", 1);
	errno = ENOBUFS;
	log_warn("%s", "x");
	ck_assert_int_eq(errno, ENOBUFS);
	close(STDERR_FILENO); /* also when it cannot write */
	log_warn("%s", "x");
	ck_assert_int_eq(errno, ENOBUFS);
}
END_TEST

START_TEST(log_quiet_stderr_silences_it_but_not_with_debug)
{
	int fd = bind_daemon(SOCK_DGRAM);
	log_open("a", 1);
	log_copy_to_stderr(true);
	log_quiet_stderr(false);
	log_warn("x");
	ck_assert_uint_gt(strlen(on_stderr()), 0);
	log_copy_to_stderr(false);
	log_quiet_stderr(true);
	log_warn("x");
	ck_assert_str_eq(on_stderr(), "");
	ck_assert_int_eq(write(STDERR_FILENO, "x", 1), 1);
	close(fd);
}
END_TEST

START_TEST(log_quiet_stderr_keeps_it_where_there_is_no_daemon_if_asked_to)
{
	log_open("a", 1);
	log_quiet_stderr(true);
	log_warn("x");
	ck_assert_uint_gt(strlen(on_stderr()), 0);
	log_quiet_stderr(false);
	log_warn("x");
	ck_assert_str_eq(on_stderr(), "");
}
END_TEST

/* Later the process may open no file. */
START_TEST(log_prepared_to_be_quiet_needs_no_further_descriptor)
{
	struct rlimit limit, none;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = STDERR_FILENO + 1;
	log_open("a", 1);
	log_prepare_quiet();
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	log_quiet_stderr(false);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	log_warn("x");
	ck_assert_str_eq(on_stderr(), "");
}
END_TEST

START_TEST(log_terminal_writes_to_a_terminal_alone)
{
	char name[64], text[256] = "";
	log_terminal("connecting to %s ...", "x");
	ck_assert_str_eq(on_stderr(), "");
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert(master >= 0 && unlockpt(master) == 0);
	ck_assert_int_eq(ptsname_r(master, name, sizeof(name)), 0);
	int slave = open(name, O_RDWR | O_NOCTTY);
	ck_assert_int_eq(dup2(slave, STDERR_FILENO), STDERR_FILENO);
	log_terminal("connecting to %s ...", "\x1b[2J");
	ck_assert_int_gt(read(master, text, sizeof(text) - 1), 0);
	ck_assert_str_eq(text, "pptp: connecting to \\x1b[2J ...\r\n");
	close(slave);
	close(master);
}
END_TEST

START_TEST(log_does_not_wait_for_a_reader_of_stderr)
{
	char lines[4096];
	memset(lines, '\n', sizeof(lines));
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK), 0);
	while (write(STDERR_FILENO, lines, sizeof(lines)) > 0)
		;
	ck_assert_int_eq(fcntl(STDERR_FILENO, F_SETFL, 0), 0); /* blocking, as inherited */
	log_open("a", 1);
	alarm(2); /* kills the test if the next line waits */
	log_warn("dropped");
	alarm(0);
	while (strlen(on_stderr()) > 0)
		;
	log_warn("written");
	ck_assert_ptr_nonnull(strstr(on_stderr(), "written"));
}
END_TEST

/* A new terminal is stderr, of which that many bytes are not read. Returns its reader. */
static int stderr_to_terminal(size_t unread)
{
	int terminal = posix_openpt(O_RDWR | O_NOCTTY);
	ck_assert_int_eq(grantpt(terminal) || unlockpt(terminal), 0);
	int fd = open(ptsname(terminal), O_RDWR | O_NOCTTY);
	ck_assert_int_eq(dup2(fd, STDERR_FILENO), STDERR_FILENO);
	close(fd);
	while (unread-- > 0)
		ck_assert_int_eq(write(STDERR_FILENO, "x", 1), 1);
	return terminal;
}

START_TEST(log_does_not_wait_for_a_terminal_that_has_space_for_a_part_of_the_line)
{
	const struct pollfd stderr_poll = {.fd = STDERR_FILENO, .events = POLLOUT};
	struct pollfd p = stderr_poll;
	size_t space = 0;
	int terminal = stderr_to_terminal(0);
	for (; poll(&p, 1, 0) == 1 && p.revents == POLLOUT; space++)
		ck_assert_int_eq(write(STDERR_FILENO, "x", 1), 1);
	close(terminal);
	terminal = stderr_to_terminal(space - 1);
	log_own_terminal();
	log_open("a", 1);
	p = stderr_poll;
	ck_assert_int_eq(poll(&p, 1, 0), 1);
	alarm(2); /* kills the test if the line waits */
	log_warn("dropped, most of it");
	alarm(0);
	ck_assert_int_eq(poll(&p, 1, 0), 0);
	close(terminal);
}
END_TEST

START_TEST(log_own_terminal_leaves_the_terminals_of_others_and_files_as_they_are)
{
	char text[8] = "";
	int terminal = stderr_to_terminal(0);
	int other = dup(STDERR_FILENO);
	log_own_terminal();
	ck_assert_int_eq(
	    fcntl(STDERR_FILENO, F_GETFL) & (O_NONBLOCK | O_ACCMODE), O_NONBLOCK | O_WRONLY);
	ck_assert_int_eq(fcntl(other, F_GETFL) & O_NONBLOCK, 0);
	ck_assert_int_eq(write(STDERR_FILENO, "to it", 5), 5);
	ck_assert_int_eq(read(terminal, text, sizeof(text)), 5);
	ck_assert_str_eq(text, "to it");
	close(other);
	close(terminal);
	int file = open("file", O_RDWR | O_CREAT, 0600);
	ck_assert_int_eq(unlink("file") | dup2(file, STDERR_FILENO), STDERR_FILENO);
	ck_assert_int_eq(write(STDERR_FILENO, "one ", 4), 4);
	log_own_terminal();
	ck_assert_int_eq(write(STDERR_FILENO, "two", 3), 3);
	ck_assert_int_eq(pread(file, text, sizeof(text), 0), 7);
	ck_assert_mem_eq(text, "one two", 7);
	close(file);
}
END_TEST

/* Not time(), which is late by up to a tick. */
static int64_t wall_clock_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}

START_TEST(log_merge_notice_keeps_the_later_of_two_warnings)
{
	struct ipc_notice notice = {.at_us = 0};
	log_info("of no interest");
	log_merge_notice(&notice);
	ck_assert_int_eq(notice.at_us, 0);
	int64_t before_us = wall_clock_us();
	log_warn("the uplink %s", "is\ngone");
	log_info("of no interest");
	log_merge_notice(&notice);
	ck_assert_int_ge(notice.at_us, before_us);
	ck_assert_int_le(notice.at_us, wall_clock_us());
	ck_assert_str_eq(notice.text, "the uplink is\\x0agone");
	struct ipc_notice later = {.at_us = notice.at_us + 1, .text = "later"};
	log_merge_notice(&later);
	ck_assert_str_eq(later.text, "later");
	struct ipc_notice earlier = {.at_us = notice.at_us - 1, .text = "earlier"};
	log_merge_notice(&earlier);
	ck_assert_str_eq(earlier.text, "the uplink is\\x0agone");
}
END_TEST

START_TEST(log_rate_limit_passes_ten_lines_at_once_and_counts_the_rest)
{
	struct log_rate_limit limit = {0};
	uint64_t suppressed = 99;
	int64_t now_us = 5 * USEC_PER_SEC;
	int written = 0;
	for (int i = 0; i < 1000; i++) {
		written += count_line(&limit, LOG_LEVEL_INFO, now_us + i, &suppressed);
		ck_assert_uint_eq(suppressed, 0);
	}
	ck_assert_int_eq(written, 10);
	now_us += 300 * USEC_PER_SEC;
	ck_assert(count_line(&limit, LOG_LEVEL_INFO, now_us, &suppressed));
	ck_assert_uint_eq(suppressed, 990);
	ck_assert(!count_line(&limit, LOG_LEVEL_INFO, now_us, &suppressed));
	now_us += 24 * 3600 * USEC_PER_SEC;
	for (int i = 0; i < 10; i++) {
		ck_assert(count_line(&limit, LOG_LEVEL_INFO, now_us, &suppressed));
		ck_assert_uint_eq(suppressed, i == 0);
	}
	ck_assert(!count_line(&limit, LOG_LEVEL_INFO, now_us, &suppressed));
}
END_TEST

/* With --loglevel 2 each message of the echo is a line: request and reply, here each half minute. */
START_TEST(log_rate_limit_tells_how_many_lines_were_left_out)
{
	struct log_rate_limit limit = {0};
	log_open("a", 1);
	for (int i = 0; i < 15; i++)
		ck_assert_int_eq(
		    log_rate_limit_pass(&limit, LOG_LEVEL_WARN, 0, "the route"), i < 10);
	ck_assert_str_eq(on_stderr(), "");
	ck_assert(log_rate_limit_pass(&limit, LOG_LEVEL_WARN, 3600 * USEC_PER_SEC, "the route"));
	ck_assert_ptr_nonnull(strstr(on_stderr(), "5 lines about the route were left out\n"));
}
END_TEST

START_TEST(log_rate_limit_lets_the_echo_pass_at_debug)
{
	struct log_rate_limit limit = {0};
	uint64_t suppressed;
	for (int64_t s = 1; s < 3600; s += 30)
		for (int line = 0; line < 2; line++) {
			ck_assert(
			    count_line(&limit, LOG_LEVEL_DEBUG, s * USEC_PER_SEC, &suppressed));
			ck_assert_uint_eq(suppressed, 0);
		}
}
END_TEST

enum {
	DAY_S = 24 * 3600,
	MEBIBYTE = 1 << 20,
};

/* Whatever the intervals are at which a peer causes lines, each of them as long as one can be. */
START_TEST(log_rate_limit_lets_less_than_a_mebibyte_pass_in_a_day)
{
	for (int step_s = 1; step_s <= 600; step_s++) {
		struct log_rate_limit limit = {0};
		size_t lines = 0;
		for (int64_t s = 1; s <= DAY_S; s += step_s) {
			uint64_t suppressed;
			if (count_line(&limit, LOG_LEVEL_INFO, s * USEC_PER_SEC, &suppressed))
				lines += suppressed ? 2 : 1;
		}
		ck_assert_uint_gt(lines, 0);
		ck_assert_uint_lt(lines * (HEAD_MAX + LINE_MAX_BYTES), MEBIBYTE);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, log_line_for_the_daemon_has_priority_and_process);
	tcase_add_test(tc, log_reaches_a_daemon_on_a_stream_socket);
	tcase_add_test(tc, log_reconnects_to_a_daemon_that_has_restarted);
	tcase_add_test(
	    tc, log_waits_once_and_then_drops_and_counts_lines_for_a_daemon_that_does_not_read);
	tcase_add_test(tc, log_waits_for_a_daemon_that_reads_soon);
	tcase_add_test(tc, log_line_has_session_level_and_place);
	tcase_add_test(tc, log_info_and_below_stay_off_stderr);
	tcase_add_test(tc, log_level_chooses_what_is_written);
	tcase_add_test(tc, log_escapes_control_characters);
	tcase_add_test(tc, log_cuts_a_session_name_before_an_escape_that_does_not_fit);
	tcase_add_test(tc, log_drops_the_place_of_a_line_that_would_be_too_long);
	tcase_add_test(tc, log_cuts_long_texts_and_still_ends_the_line);
	tcase_add_test(tc, log_preserves_errno);
	tcase_add_test(tc, log_quiet_stderr_silences_it_but_not_with_debug);
	tcase_add_test(tc, log_quiet_stderr_keeps_it_where_there_is_no_daemon_if_asked_to);
	tcase_add_test(tc, log_prepared_to_be_quiet_needs_no_further_descriptor);
	tcase_add_test(tc, log_terminal_writes_to_a_terminal_alone);
	tcase_add_test(tc, log_does_not_wait_for_a_reader_of_stderr);
	tcase_add_test(tc, log_does_not_wait_for_a_terminal_that_has_space_for_a_part_of_the_line);
	tcase_add_test(tc, log_own_terminal_leaves_the_terminals_of_others_and_files_as_they_are);
	tcase_add_test(tc, log_merge_notice_keeps_the_later_of_two_warnings);
	tcase_add_test(tc, log_rate_limit_passes_ten_lines_at_once_and_counts_the_rest);
	tcase_add_test(tc, log_rate_limit_tells_how_many_lines_were_left_out);
	tcase_add_test(tc, log_rate_limit_lets_the_echo_pass_at_debug);
	tcase_add_test(tc, log_rate_limit_lets_less_than_a_mebibyte_pass_in_a_day);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
