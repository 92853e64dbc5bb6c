/* SPDX-License-Identifier: ISC */
/*
 * Makes a line of text and hands it to the log daemon and stderr. What comes from the network may be
 * in it, so that nothing but printable ASCII passes: a log must not show a second line, or colours,
 * of a server's choice. Owns the process's only settings that are not passed along as a context.
 *
 * syslog(3) would wait, in both glibc and musl, for a log daemon that has stopped reading, and the
 * packets and the end of the call with it. So its datagrams are sent from here: a daemon that is
 * merely busy is given a moment, one that is stuck loses lines, which are counted.
 */
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <paths.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/deadline.h"

enum {
	SESSION_MAX = 64,
	TEXT_MAX = 1024, /* longer texts are cut */
	LINE_MAX_OCTETS = 1536,
	HEAD_MAX = 64,     /* priority and process in front of a line for the daemon */
	GAP_MAX = 256,     /* the line about lines that are missing */
	DAEMONS_TRIED = 2, /* it may have been started anew */
	MOMENTS_MAX = 16,  /* failures in passing for one line */
	/* How long a line waits for a daemon that is busy: many processes may have much to say at
	 * once; who carries packets has less time. */
	PATIENCE_MS = 500,
	HURRIED_MS = 20,
	/* And all lines of such a time together: one that takes a line now and then must not
	 * hold up the call, nor its end, with each of them. */
	SPAN_MS = 2000,
	SPAN_PATIENCE_MS = 500,
	BUDGET_LINES = 10,
};
#define BUDGET_WINDOW_US (60 * USEC_PER_SEC)

static struct {
	char session[SESSION_MAX];
	int verbosity;
	bool copy_to_stderr;
} settings = {.session = "anon", .verbosity = 1};

static struct {
	int fd;
	bool stream; /* some daemons listen at a stream socket, as syslog(3) knows */
	bool stuck;  /* it did not take the last line in time: no waiting until it takes one */
	int patience_ms;
	int64_t span_ms;   /* when the time in question began ... */
	int64_t waited_ms; /* ... and how much of it has been spent with waiting */
	uint64_t missing;  /* lines since the last one that it took */
} daemon_log = {.fd = -1, .patience_ms = PATIENCE_MS};

struct level_row {
	char name[8];
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

/* Octets that stand for `c` in a log. */
static size_t width(char c)
{
	return c >= 0x20 && c < 0x7f ? 1 : 4;
}

/* Leaves printable ASCII as it is, makes \xNN of everything else, and cuts what then has no room in
 * `cap` octets. In place, the last octet first. Returns the length. */
static size_t make_printable(char *text, size_t cap)
{
	static const char digits[] = "0123456789abcdef";
	size_t from = 0, to = 0;
	while (text[from] && to + width(text[from]) < cap)
		to += width(text[from++]);
	size_t len = to;
	text[len] = '\0';
	while (from-- > 0) {
		char c = text[from];
		to -= width(c);
		if (width(c) == 1) {
			text[to] = c;
			continue;
		}
		text[to] = '\\';
		text[to + 1] = 'x';
		text[to + 2] = digits[(unsigned char)c >> 4];
		text[to + 3] = digits[c & 15];
	}
	return len;
}

void log_close(void)
{
	if (daemon_log.fd >= 0)
		close(daemon_log.fd);
	daemon_log.fd = -1;
}

static bool connect_daemon(int type)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
	daemon_log.fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	daemon_log.stream = type == SOCK_STREAM;
	if (daemon_log.fd < 0)
		return false;
	if (connect(daemon_log.fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return true;
	int error = errno;
	log_close();
	errno = error;
	return false;
}

static bool open_daemon(void)
{
	return connect_daemon(SOCK_DGRAM) || (errno == EPROTOTYPE && connect_daemon(SOCK_STREAM));
}

static int64_t monotonic_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* How long a line may wait from now on. */
static int64_t patience_ms(int64_t now_ms)
{
	if (now_ms - daemon_log.span_ms >= SPAN_MS) {
		daemon_log.span_ms = now_ms;
		daemon_log.waited_ms = 0;
	}
	int64_t left_ms = SPAN_PATIENCE_MS - daemon_log.waited_ms;
	return left_ms < daemon_log.patience_ms ? left_ms : daemon_log.patience_ms;
}

/* Waits for room at the daemon; after a wait in vain no more, until it takes a line. */
static bool daemon_has_room(int64_t until_ms)
{
	struct pollfd p = {.fd = daemon_log.fd, .events = POLLOUT};
	int64_t now_ms = monotonic_ms();
	if (daemon_log.stuck)
		return false;
	daemon_log.stuck = until_ms <= now_ms || poll(&p, 1, (int)(until_ms - now_ms)) <= 0;
	daemon_log.waited_ms += monotonic_ms() - now_ms;
	return !daemon_log.stuck;
}

/* A moment of the kernel's, which says nothing about the daemon. */
static bool passing(int error)
{
	return error == EINTR || error == ENOMEM || error == ENOBUFS;
}

/* In a stream NUL ends a line. */
static bool send_to_daemon(const char *line, size_t len)
{
	int64_t now_ms = monotonic_ms();
	int64_t until_ms = now_ms + patience_ms(now_ms);
	int moments = 0;
	for (int daemons = 0; daemons < DAEMONS_TRIED;) {
		if (daemon_log.fd < 0 && !open_daemon()) {
			if (passing(errno) && moments++ < MOMENTS_MAX)
				continue;
			return false;
		}
		size_t octets = daemon_log.stream ? len + 1 : len;
		ssize_t n = send(daemon_log.fd, line, octets, MSG_NOSIGNAL);
		if (n == (ssize_t)octets) {
			daemon_log.stuck = false;
			return true;
		}
		if (n < 0 && passing(errno) && moments++ < MOMENTS_MAX)
			continue;
		if (n >= 0 || errno != EAGAIN) { /* that one is gone: is there another? */
			log_close();
			daemons++;
		} else if (!daemon_has_room(until_ms)) { /* others may be quicker to take it */
			return false;
		}
	}
	return false;
}

/*
 * What stands in front of a line for the daemon. Not the time: daemons put in theirs where there is
 * none (RFC 3164, section 4.3.2), and the zone's file is not to be read by each process of a call.
 */
static size_t put_head(char *to, size_t cap, int priority)
{
	int n = snprintf(to, cap, "<%d>pptp[%ld]: ", LOG_DAEMON | priority, (long)getpid());
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

/* Lets the daemon know of the lines that it did not take; false where it does not take this one. */
static bool tell_missing(void)
{
	char out[HEAD_MAX + GAP_MAX];
	size_t at = put_head(out, sizeof(out), LOG_WARNING);
	int n = snprintf(out + at, sizeof(out) - at,
	    "%s warn[%s:log.c:%d]: lines missing here, as nobody took them: %" PRIu64,
	    settings.session, __func__, __LINE__, daemon_log.missing);
	if (n < 0 || (size_t)n >= sizeof(out) - at || !send_to_daemon(out, at + (size_t)n))
		return false;
	daemon_log.missing = 0;
	return true;
}

static void write_daemon(const char *line, size_t len)
{
	if ((daemon_log.missing && !tell_missing()) || !send_to_daemon(line, len))
		daemon_log.missing++;
}

void log_open(const char *session, int verbosity)
{
	snprintf(settings.session, sizeof(settings.session), "%s", session);
	make_printable(settings.session, sizeof(settings.session));
	settings.verbosity = verbosity;
	/* Opened now: later there may be no right to open files. */
	log_close();
	(void)open_daemon();
}

void log_hurry(void)
{
	daemon_log.patience_ms = HURRIED_MS;
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
	const char *name = strrchr(file, '/');
	char out[HEAD_MAX + LINE_MAX_OCTETS];
	size_t start = put_head(out, HEAD_MAX, row->priority);
	int head = snprintf(out + start, LINE_MAX_OCTETS, "%s %s[%s:%s:%d]: ", settings.session,
	    row->name, function, name ? name + 1 : file, line);
	size_t at = start;
	if (head > 0 && head < LINE_MAX_OCTETS - TEXT_MAX)
		at += (size_t)head;
	va_list args;
	va_start(args, format);
	if (vsnprintf(out + at, TEXT_MAX, format, args) < 0)
		out[at] = '\0';
	va_end(args);
	at += make_printable(out + at, start + LINE_MAX_OCTETS - at - 1);
	write_daemon(out, at);
	if (row->to_stderr || settings.copy_to_stderr) {
		out[at++] = '\n';
		write_stderr(out + start, at - start);
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
