/* SPDX-License-Identifier: ISC */
/*
 * What people read: syslog (ident "pptp[pid]", facility daemon) and, until the call stands or with
 * --debug, stderr. Every line is "<session name> <level>[<function>:<file>:<line>]: text", as log
 * readers of the old client expect. Cores do not log.
 */
#ifndef PPTP_LOG_H
#define PPTP_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level {         /* by who must act */
	LOG_LEVEL_FATAL, /* we stop: stderr and syslog */
	LOG_LEVEL_WARN,  /* someone should act: stderr and syslog */
	LOG_LEVEL_INFO,  /* life of the call: syslog from --loglevel 1 on */
	LOG_LEVEL_DEBUG, /* free: syslog with --loglevel 2 */
	LOG_LEVEL_STATS, /* asked for by SIGUSR1: syslog at LOG_NOTICE, always */
};

/* Name of the session ('anon' by default) and --loglevel (0, 1, 2); both copied. Call once, early:
 * before rights are given up, since it connects to syslog. */
void log_open(const char *session, int verbosity);

/* Closes the connection to syslog, for who is about to close descriptors that are not its own. The
 * next line, or log_open, makes another. */
void log_close(void);

/* From now on this process carries packets: lines wait less. */
void log_hurry(void);

/* Whether lines for syslog go to stderr as well (--debug). */
void log_copy_to_stderr(int on);

/* Points stderr at /dev/null, once the call is up; with --debug it is left as it is. */
void log_quiet_stderr(void);

/* One line; what is not printable ASCII in the text is written as \xNN. Leaves errno alone. Nobody is
 * waited for but, up to 500 ms and after log_hurry 20 ms, a log daemon that does not read; 500 ms in
 * two seconds for all lines together. Then lines are left out without a further wait until it takes
 * one, and it is told of their number. */
void log_write(enum log_level level, const char *function, const char *file, int line,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Lines that a peer can cause at will share a budget, zeroed by its owner: 10 in a minute. True
 * where this one may still be written; the first one of a minute is told how many were left out. */
struct log_budget {
	int64_t window_us;
	unsigned used;
	uint64_t left_out;
};
int log_allowed(struct log_budget *budget, int64_t now_us, uint64_t *left_out);

#define log_fatal(...) log_write(LOG_LEVEL_FATAL, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __func__, __FILE__, __LINE__, __VA_ARGS__)
#define log_stats(...) log_write(LOG_LEVEL_STATS, __func__, __FILE__, __LINE__, __VA_ARGS__)

#endif
