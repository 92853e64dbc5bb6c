/* SPDX-License-Identifier: ISC */
/*
 * Formats a line and sends it to the log daemon and to stderr. The text may hold bytes from the
 * network, so only printable ASCII passes: a peer must not be able to add lines or terminal
 * escapes to a log. Owns the only process-wide settings.
 *
 * syslog(3) of both glibc and musl blocks while the daemon does not read, and would stop packets and
 * the end of the call. So this file sends the datagrams itself: it waits a moment for a busy daemon,
 * once until the daemon takes a line again, and else drops and counts lines.
 */
#include "sys/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <paths.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "lib/deadline.h"

enum {
	SESSION_MAX = 64,
	TEXT_MAX = 1024, /* longer texts are cut */
	LINE_MAX_BYTES = 1536,
	HEAD_MAX = 64,     /* priority and process, before a line for the daemon */
	MISSING_MAX = 256, /* the line about missing lines */
	SEND_TRIES = 16,   /* per line, for errors that pass */
	/* A line waits this long for the daemon: far longer than a running daemon takes to read its
	 * queue, shorter than a gap in the packets that users notice. */
	WAIT_MS = 30,
	LIMITED_LINES = 10, /* of a rate limit, at once */
};
/* Then one in this time. In a day that makes 10 + 288 lines, of which 288 tell before how many were
 * suppressed: 586, of HEAD_MAX + LINE_MAX_BYTES each, are less than 1 MiB. */
#define LIMITED_LINE_US (300 * USEC_PER_SEC)
/* At the level of debug our own echo takes two lines in a minute. */
#define LIMITED_DEBUG_LINE_US (6 * USEC_PER_SEC)

static struct {
	char session[SESSION_MAX];
	int verbosity;
	bool copy_to_stderr;
	bool is_quiet; /* stderr is /dev/null */
	int null_fd;   /* of log_prepare_quiet; -1: none */
} settings = {.session = "anon", .verbosity = 1, .null_fd = -1};

static struct {
	int fd;
	bool stream;      /* some daemons listen on a stream socket; syslog(3) supports both */
	bool connected;   /* to the daemon that was there when the socket was made */
	bool reached;     /* there was one the last time */
	int wait_flags;   /* of send, to wait for WAIT_MS at most */
	uint64_t missing; /* lines dropped since the last one that was sent */
} log_daemon = {.fd = -1};

static const struct sockaddr_un daemon_address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};

static struct ipc_notice last_notice;

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

/* Bytes that `c` takes in a log. */
static size_t width(char c)
{
	return c >= 0x20 && c < 0x7f ? 1 : 4;
}

/* Replaces all but printable ASCII by \xNN and cuts the result to `cap` bytes. In place, so from the
 * last byte to the first. Returns the length. */
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
	if (log_daemon.fd >= 0)
		close(log_daemon.fd);
	log_daemon.fd = -1;
}

static void connect_daemon(int type)
{
	const struct timeval wait = {.tv_usec = WAIT_MS * USEC_PER_MSEC};
	log_daemon.fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	log_daemon.stream = type == SOCK_STREAM;
	if (log_daemon.fd < 0)
		return;
	bool waits = setsockopt(log_daemon.fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) == 0;
	log_daemon.wait_flags = waits ? 0 : MSG_DONTWAIT;
	log_daemon.connected =
	    waits && connect(log_daemon.fd, (const struct sockaddr *)&daemon_address,
			 sizeof(daemon_address)) == 0;
	log_daemon.reached = log_daemon.connected;
}

static void open_daemon(void)
{
	errno = 0;
	connect_daemon(SOCK_DGRAM);
	if (log_daemon.connected || errno != EPROTOTYPE)
		return;
	log_close();
	connect_daemon(SOCK_STREAM);
	if (!log_daemon.connected)
		log_close();
}

/*
 * The daemon to which the socket is connected may have been restarted. Datagrams reach the next one by
 * its name, for which a sandbox (sys/sandbox.c) need not let us make or connect sockets.
 */
static ssize_t send_line(const char *line, size_t len, int flags)
{
	flags |= MSG_NOSIGNAL;
	if (log_daemon.stream) {
		ssize_t n =
		    send(log_daemon.fd, line, len + 1, flags); /* NUL ends a line in a stream */
		return n == (ssize_t)len + 1 ? n - 1 : n;
	}
	if (log_daemon.connected) {
		ssize_t n = send(log_daemon.fd, line, len, flags);
		if (n >= 0 || (errno != ECONNREFUSED && errno != ENOTCONN && errno != ECONNRESET))
			return n;
		log_daemon.connected = false;
	}
	return sendto(log_daemon.fd, line, len, flags, (const struct sockaddr *)&daemon_address,
	    sizeof(daemon_address));
}

static bool send_to_daemon(const char *line, size_t len)
{
	int flags = log_daemon.missing ? MSG_DONTWAIT : log_daemon.wait_flags;
	for (int tries = 0; tries < SEND_TRIES; tries++) {
		if (log_daemon.fd < 0)
			open_daemon();
		if (log_daemon.fd < 0)
			break;
		ssize_t n = send_line(line, len, flags);
		if (n == (ssize_t)len) {
			log_daemon.reached = true;
			return true;
		}
		if (n < 0 && (errno == EINTR || errno == ENOMEM || errno == ENOBUFS))
			continue;
		if (n < 0 && errno == EAGAIN)
			return false;
		if (!log_daemon.stream && errno != EPROTOTYPE)
			break; /* there is no daemon */
		log_close();   /* it has restarted, or a stream holds half a line */
	}
	log_daemon.reached = false;
	return false;
}

/*
 * Writes what precedes a line for the daemon. No time: daemons add it when it is missing (RFC 3164,
 * section 4.3.2), and each process of a call would have to load the time zone.
 */
static size_t put_head(char *to, size_t cap, int priority)
{
	int n = snprintf(to, cap, "<%d>pptp[%ld]: ", LOG_DAEMON | priority, (long)getpid());
	return n > 0 && (size_t)n < cap ? (size_t)n : 0;
}

static bool send_missing(void)
{
	char out[HEAD_MAX + MISSING_MAX];
	size_t at = put_head(out, sizeof(out), LOG_WARNING);
	int n = snprintf(out + at, sizeof(out) - at,
	    "%s warn[%s:log.c:%d]: lines missing here, not read by the log daemon: %" PRIu64,
	    settings.session, __func__, __LINE__, log_daemon.missing);
	if (n < 0 || (size_t)n >= sizeof(out) - at || !send_to_daemon(out, at + (size_t)n))
		return false;
	log_daemon.missing = 0;
	return true;
}

void log_open(const char *session, int verbosity)
{
	snprintf(settings.session, sizeof(settings.session), "%s", session);
	make_printable(settings.session, sizeof(settings.session));
	settings.verbosity = verbosity;
	/* Connect now: later there may be no right to open the daemon's socket. */
	log_close();
	open_daemon();
}

void log_copy_to_stderr(bool on)
{
	settings.copy_to_stderr = on;
}

void log_own_terminal(void)
{
	if (!isatty(STDERR_FILENO))
		return;
	int fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return; /* no /proc: then it is polled only */
	dup2(fd, STDERR_FILENO);
	close(fd);
}

void log_prepare_quiet(void)
{
	if (!settings.copy_to_stderr)
		settings.null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
}

void log_quiet_stderr(bool unless_alone)
{
	if (settings.copy_to_stderr || settings.is_quiet)
		return;
	if (unless_alone && !log_daemon.reached)
		return;
	int fd = settings.null_fd;
	settings.null_fd = -1;
	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	settings.is_quiet = true;
	if (fd != STDERR_FILENO) {
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
}

/*
 * Drops what cannot be written without blocking. Stderr is polled rather than made non-blocking,
 * because the open file description is shared with the program that started us. A writable pipe has
 * space for PIPE_BUF bytes, which is more than a line; a terminal may have it for one byte, and sleep
 * for the rest: see log_own_terminal.
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
	if (row->verbosity > settings.verbosity)
		return;
	int saved = errno; /* callers may read it afterwards */
	const char *name = strrchr(file, '/');
	char out[HEAD_MAX + LINE_MAX_BYTES];
	size_t start = put_head(out, HEAD_MAX, row->priority);
	int head = snprintf(out + start, LINE_MAX_BYTES, "%s %s[%s:%s:%d]: ", settings.session,
	    row->name, function, name ? name + 1 : file, line);
	size_t at = start;
	if (head > 0 && head < LINE_MAX_BYTES - TEXT_MAX)
		at += (size_t)head;
	va_list args;
	va_start(args, format);
	if (vsnprintf(out + at, TEXT_MAX, format, args) < 0)
		out[at] = '\0';
	va_end(args);
	const char *text = out + at;
	at += make_printable(out + at, start + LINE_MAX_BYTES - at - 1);
	if (row->to_stderr) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		last_notice.at_us = now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
		snprintf(
		    last_notice.text, sizeof(last_notice.text), "%.*s", IPC_TEXT_MAX - 1, text);
	}
	if ((log_daemon.missing && !send_missing()) || !send_to_daemon(out, at))
		log_daemon.missing++;
	if (row->to_stderr || settings.copy_to_stderr) {
		out[at++] = '\n';
		write_stderr(out + start, at - start);
	}
	errno = saved;
}

void log_merge_notice(struct ipc_notice *notice)
{
	if (last_notice.at_us > notice->at_us)
		*notice = last_notice;
}

void log_terminal(const char *format, ...)
{
	char out[LINE_MAX_BYTES] = "pptp: ";
	size_t start = strlen(out);
	va_list args;
	if (!isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	int n = vsnprintf(out + start, TEXT_MAX, format, args);
	va_end(args);
	if (n < 0)
		return;
	size_t len = start + make_printable(out + start, sizeof(out) - start - 1);
	out[len++] = '\n';
	write_stderr(out, len);
}

/* Whether a line may be written; *suppressed: how many were not since the last one that was. */
static bool count_line(
    struct log_rate_limit *limit, enum log_level level, int64_t now_us, uint64_t *suppressed)
{
	int64_t line_us = level == LOG_LEVEL_DEBUG ? LIMITED_DEBUG_LINE_US : LIMITED_LINE_US;
	int64_t earned = (now_us - limit->since_us) / line_us;
	*suppressed = 0;
	if (earned >= limit->lines) {
		limit->lines = 0;
		limit->since_us = now_us;
	} else {
		limit->lines -= (unsigned)earned;
		limit->since_us += earned * line_us;
	}
	if (limit->lines >= LIMITED_LINES) {
		limit->suppressed++;
		return false;
	}
	limit->lines++;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}

bool log_rate_limit_pass(
    struct log_rate_limit *limit, enum log_level level, int64_t now_us, const char *what)
{
	uint64_t suppressed;
	if (!count_line(limit, level, now_us, &suppressed))
		return false;
	if (suppressed)
		log_write(level, __func__, __FILE__, __LINE__, "%llu lines about %s were left out",
		    (unsigned long long)suppressed, what);
	return true;
}
