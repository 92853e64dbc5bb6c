/* SPDX-License-Identifier: ISC */
/*
 * The command line: one table of options (name, argument, range, unit, help), from which parsing,
 * --help and the checks of the manual page come; and the constants that are no protocol's.
 */
#ifndef PPTP_OPTIONS_H
#define PPTP_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "lib/deadline.h"

#define PPTP_VERSION "2.0.0"

/* The longest PPP frame that is carried, as with the old client. */
#define PACKET_MAX 8196
/* Receive window advertised to the server, in packets. */
#define RECEIVE_WINDOW 1024
/* Longest that closing may take against a server that does not answer. */
#define CLOSE_WAIT_US (2 * USEC_PER_SEC)
/* Upper bound of the adaptive wait for a missing packet. */
#define MAX_GAP_WAIT_US (300 * USEC_PER_MSEC)

enum {
	EXIT_BAD_USAGE = 1,
	EXIT_FAILED = 1,
	EXIT_BAD_VALUE = 2
};

/* Deviations that particular servers ask for; each is asked about where it matters. */
struct pptp_quirks {
	bool bezeq; /* BEZEQ_ISRAEL: identity of the Orckit modems' own client, Set-Link-Info after
		       OCRP */
};

struct pptp_options {
	const char *server;          /* as given: name or IPv4 address */
	const char *phone;           /* "" = none */
	const char *client_hostname; /* SCCRQ's host name; "" = default */
	const char *logstring;
	struct pptp_quirks quirks;
	bool launch_pppd;
	bool debug;
	bool sync;
	bool reorder;    /* false: --nobuffer */
	bool host_route; /* false: --nohostroute */
	bool share_control;
	bool flow_control;
	int64_t timeout_us;     /* --timeout; 0 = adaptive */
	int64_t max_timeout_us; /* --max-timeout */
	int64_t idle_wait_us;   /* 0 = no echo */
	int64_t echo_wait_us;   /* 0 = wait for ever */
	int64_t connect_timeout_us;
	struct in_addr localbind; /* INADDR_ANY = none */
	uint32_t rtmark;          /* 0 = none */
	uint32_t missing_window;  /* packets */
	uint16_t call_id;         /* 0 = a random one */
	int loglevel;
	int test_type;
	uint32_t test_rate;
	int pppd_argc;
	char **pppd_argv; /* what goes to pppd, in order; a part of argv */
};

enum options_outcome {
	OPTIONS_RUN,
	OPTIONS_HELP,      /* --help: print options_help to stdout, exit 0 */
	OPTIONS_VERSION,   /* --version: print the version to stdout, exit 0 */
	OPTIONS_STATUS,    /* --status: show what runs, see pptp_status.h */
	OPTIONS_USAGE,     /* unknown option, no server: usage, message to stderr, exit 1 */
	OPTIONS_BAD_VALUE, /* message names option, value and range: to stderr, exit 2 */
};

/*
 * Parses as getopt_long with permutation would: options before or after the server, "--name value"
 * and "--name=value", unique abbreviations (where one fits an option of the old client and new
 * ones, it is the old one), "--" before what is pppd's alone. The first word that is no option is
 * the server, further ones are pppd's, in order. `o` points into argv, where pppd's words are moved
 * to the front, behind the first. On a mistake `message` (cap octets) holds one line for stderr,
 * without its newline. Numbers are read alike in every locale.
 */
enum options_outcome options_parse(
    struct pptp_options *o, int argc, char *argv[], char *message, size_t cap);

/* The two forms of use, which go with a mistake. */
void options_usage(FILE *out, const char *program);

/* The --help text, version line first. */
void options_help(FILE *out, const char *program);

/* The table, for the test that holds it against --help and the manual page. */
struct option_row {
	const char *name;     /* without the dashes */
	const char *argument; /* as shown: "SECS"; NULL where it takes none */
	const char *range;    /* as shown: "0.01 to 10 seconds"; NULL without an argument */
	/* As shown: what holds without the option; NULL without an argument. */
	const char *standard;
	const char *help;
};
size_t options_count(void);
struct option_row options_row(size_t i);

#endif
