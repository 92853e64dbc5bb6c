/* SPDX-License-Identifier: ISC */
/*
 * What --diagnose has found: one result for each step, with a sentence for people and facts for
 * programs. The steps write it, report_print prints it.
 */
#ifndef PPTP_REPORT_H
#define PPTP_REPORT_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "callmgr/text.h"

/* What the exit status tells: REPORT_EXIT_BASE and the lowest of those that have a problem. */
enum report_step {
	REPORT_NAME,
	REPORT_ROUTE,
	REPORT_TCP,
	REPORT_CONTROL,
	REPORT_CALL,
	REPORT_GRE,
	REPORT_MTU,
	REPORT_FIREWALL,
	REPORT_RIGHTS,
	REPORT_DEVICE,
	REPORT_MODULES,
	REPORT_FIPS,
	REPORT_PPPD,
	REPORT_PPP,
	REPORT_STEPS,
};

enum report_state {
	REPORT_OK,
	REPORT_NOTE,    /* worth knowing; it does not keep a tunnel from working */
	REPORT_PROBLEM, /* it does */
	REPORT_UNKNOWN, /* could not be found out */
};

enum {
	REPORT_EXIT_BASE = 10,
	REPORT_RESULTS_MAX =
	    64, /* a route and a TCP connection for each of 16 addresses, and the others */
	REPORT_TEXT_MAX = 640,
	REPORT_FACTS_MAX = 16,
	REPORT_STRING_MAX = 288, /* 16 addresses, or a name of 64 bytes with each as \xNN */
	REPORT_PEERS_MAX = 1024,
};

enum report_fact_kind {
	REPORT_NUMBER,
	REPORT_MILLISECONDS, /* the number is microseconds */
	REPORT_STRING,
	REPORT_LIST, /* the string is words with spaces between them */
};

struct report_fact {
	const char *name; /* static */
	enum report_fact_kind kind;
	int64_t number;
	char string[REPORT_STRING_MAX];
};

struct report_result {
	enum report_step step;
	enum report_state state;
	struct text text;
	struct text advice; /* what to do; "" = nothing, or the text says so */
	char text_buffer[REPORT_TEXT_MAX];
	char advice_buffer[REPORT_TEXT_MAX];
	struct report_fact facts[REPORT_FACTS_MAX];
	size_t fact_count;
};

/* About 400 KiB; zeroed memory is an empty report. Not to be copied or moved. */
struct report {
	struct report_result results[REPORT_RESULTS_MAX];
	size_t count;
	unsigned mtu; /* to give to pppd; 0 = not known */
	char peers[REPORT_PEERS_MAX];
};

/* Adds a result, without text and facts; one too many replaces the last. */
struct report_result *report_add(struct report *r, enum report_step step, enum report_state state);

/* What is beyond REPORT_FACTS_MAX is left out. Strings are copied, what is not printable ASCII as \xNN. */
void report_add_number(struct report_result *r, const char *name, int64_t number);
void report_add_ms(struct report_result *r, const char *name, int64_t us);
void report_add_string(struct report_result *r, const char *name, const char *string);
void report_add_address(struct report_result *r, const char *name, struct in_addr address);
void report_add_addresses(
    struct report_result *r, const char *name, const struct in_addr *addresses, size_t count);

/* 0, or that of the lowest step with a problem. */
int report_exit_status(const struct report *r);

const char *report_step_name(enum report_step step);
const char *report_state_name(enum report_state state);

#endif
