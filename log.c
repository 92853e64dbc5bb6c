/* SPDX-License-Identifier: ISC */
/*
 * Makes a line of text and hands it to syslog(3) and stderr. What comes from the network may be in
 * it, so that nothing but printable ASCII passes: a log must not show a second line, or colours, of
 * a server's choice. Owns the process's only settings that are not passed along as a context.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"

enum {
	SESSION_MAX = 64,
	TEXT_MAX = 1024, /* longer texts are cut */
	LINE_MAX_OCTETS = 1536,
	BUDGET_LINES = 10,
};
#define BUDGET_WINDOW_US (60 * USEC_PER_SEC)

static struct {
	char session[SESSION_MAX];
	int verbosity;
	bool copy_to_stderr;
} settings = {.session = "anon", .verbosity = 1};

struct level_row {
	const char *name;
	int priority;
	int verbosity; /* written from this --loglevel on */
	bool to_stderr;
};

static const struct level_row levels[] = {
    [LOG_LEVEL_FATAL] = {"fatal", LOG_CRIT, 0, true},
    [LOG_LEVEL_WARN] = {"warn", LOG_WARNING, 0, true},
    [LOG_LEVEL_INFO] = {"log", LOG_NOTICE, 1, false},
    [LOG_LEVEL_DEBUG] = {"log", LOG_DEBUG, 2, false},
    [LOG_LEVEL_STATS] = {"log", LOG_NOTICE, 0, false},
};

/* Copies printable ASCII, writes everything else as \xNN; `to` ends in NUL. Returns the length. */
static size_t copy_printable(char *to, size_t cap, const char *from)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = 0;
	for (; *from && n + 5 <= cap; from++) {
		unsigned char c = (unsigned char)*from;
		if (c >= 0x20 && c < 0x7f) {
			to[n++] = (char)c;
			continue;
		}
		to[n++] = '\\';
		to[n++] = 'x';
		to[n++] = digits[c >> 4];
		to[n++] = digits[c & 15];
	}
	to[n] = '\0';
	return n;
}

void log_open(const char *session, int verbosity)
{
	copy_printable(settings.session, sizeof(settings.session), session);
	settings.verbosity = verbosity;
	/* Opened, and the time zone read, now: later there may be no right to open files. */
	tzset();
	openlog("pptp", LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void log_copy_to_stderr(int on)
{
	settings.copy_to_stderr = on != 0;
}

void log_quiet_stderr(void)
{
	if (settings.copy_to_stderr)
		return;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fd != STDERR_FILENO) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

/*
 * A line that cannot be written now is given up: nobody waits for a reader of stderr. The open file
 * is shared with whoever started us, so that it is asked rather than made non-blocking; a pipe that
 * says yes has room for a page, which is more than a line.
 */
static void write_stderr(const char *line, size_t len)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	while (len > 0) {
		if (poll(&p, 1, 0) <= 0 || !(p.revents & POLLOUT))
			return;
		ssize_t n = write(STDERR_FILENO, line, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		line += n;
		len -= (size_t)n;
	}
}

void log_write(
    enum log_level level, const char *function, const char *file, int line, const char *format, ...)
{
	const struct level_row *row = &levels[level];
	bool wanted = row->verbosity <= settings.verbosity;
	if (!wanted)
		return;
	int saved = errno; /* callers may look at it afterwards */
	char text[TEXT_MAX];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len < 0)
		text[0] = '\0';
	const char *name = strrchr(file, '/');
	char out[LINE_MAX_OCTETS];
	int head = snprintf(out, sizeof(out), "%s %s[%s:%s:%d]: ", settings.session, row->name,
	    function, name ? name + 1 : file, line);
	size_t at = head > 0 ? (size_t)head : 0;
	if (at >= sizeof(out) - 8)
		at = 0;
	at += copy_printable(out + at, sizeof(out) - at - 1, text);
	syslog(row->priority, "%s", out);
	if (row->to_stderr || settings.copy_to_stderr) {
		out[at++] = '\n';
		write_stderr(out, at);
	}
	errno = saved;
}

int log_allowed(struct log_budget *budget, int64_t now_us, uint64_t *left_out)
{
	*left_out = 0;
	if (budget->used == 0 || now_us - budget->window_us >= BUDGET_WINDOW_US) {
		*left_out = budget->left_out;
		budget->window_us = now_us;
		budget->used = 0;
		budget->left_out = 0;
	}
	if (budget->used >= BUDGET_LINES) {
		budget->left_out++;
		return 0;
	}
	budget->used++;
	return 1;
}
