/* SPDX-License-Identifier: ISC */
/*
 * Log lines for people: to syslog (ident "pptp[pid]", facility daemon) and, until the call is up or
 * with --debug, to stderr. Each line is "<session> <level>[<function>:<file>:<line>]: text", the
 * format that log readers of the old client parse. Cores do not log.
 */
#ifndef PPTP_LOG_H
#define PPTP_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/ipc_msg.h"

enum log_level {         /* by who must act */
	LOG_LEVEL_FATAL, /* pptp stops: stderr and syslog */
	LOG_LEVEL_WARN,  /* someone should act: stderr and syslog */
	LOG_LEVEL_INFO,  /* life cycle of the call: syslog from --loglevel 1 on */
	LOG_LEVEL_DEBUG, /* syslog with --loglevel 2 */
	LOG_LEVEL_STATS, /* requested by SIGUSR1: syslog at LOG_NOTICE, always */
};

/* Sets the session's name ('anon' by default) and --loglevel (0, 1, 2); both are copied. Connects to
 * syslog, so call it before giving up privileges. */
void log_open(const char *session, int verbosity);

/* Closes the connection to syslog, before descriptors are closed by number. The next line or
 * log_open connects again. */
void log_close(void);

/* Copies all lines to stderr as well (--debug). */
void log_copy_to_stderr(bool on);

/* Makes stderr, where that is a terminal, an open file of this process alone that does not block. */
void log_own_terminal(void);

/* Points stderr at /dev/null, unless lines are copied to it. For when the call is up. With
 * `unless_alone` not where there is no log daemon either, as in most containers. */
void log_quiet_stderr(bool unless_alone);

/* Opens /dev/null for log_quiet_stderr, in a process that may open no file by then. */
void log_prepare_quiet(void);

/* Writes a line to stderr alone, and only where that is a terminal: for those who wait there. */
void log_terminal(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes one line; bytes of the text that are not printable ASCII become \xNN. Preserves errno. Never
 * waits for a reader of stderr, and at most 30 ms for a log daemon, not again until it takes a line.
 * A line that the daemon has no space for is dropped; the next line that it takes is preceded by
 * their number. */
void log_write(enum log_level level, const char *function, const char *file, int line,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Replaces *notice by the last line that someone should act on (warn, fatal) of this process, or of those
 * that it was forked from, unless *notice is later. */
void log_merge_notice(struct ipc_notice *notice);

/* Limits lines that a peer can cause at will, those of one level: to 10 at once, and then one in 5 minutes,
 * of LOG_LEVEL_DEBUG 10 in a minute. Zeroed by its owner. */
struct log_rate_limit {
	int64_t since_us;    /* from when on the time for further lines counts */
	unsigned lines;      /* passed, less those for which time has passed */
	uint64_t suppressed; /* since the last one that passed */
};

/* True when a line of this level may be written now. Where some could not since the last one that could, a
 * line before it says how many; `what` they are about, a plural noun or one with an article. */
bool log_rate_limit_pass(
    struct log_rate_limit *limit, enum log_level level, int64_t now_us, const char *what);

#define log_fatal(...) log_write(LOG_LEVEL_FATAL, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define log_stats(...) log_write(LOG_LEVEL_STATS, __func__, __FILE__, __LINE__, __VA_ARGS__)

#endif
