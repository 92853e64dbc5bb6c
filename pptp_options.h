/* SPDX-License-Identifier: ISC */
/*
 * The parsed command line, and the table of options (name, argument, range, help) that --help and
 * the checks of the manual page read. Nothing else looks at argv.
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

enum {
	EXIT_BAD_USAGE = 1,
	EXIT_FAILED = 1,
	EXIT_BAD_VALUE = 2,
	EXIT_HANGING = 3 /* of --status */
};

enum status_format {
	STATUS_TEXT,
	STATUS_JSON,
	STATUS_PROMETHEUS
};

/* Deviations that particular servers need. */
struct pptp_quirks {
	bool bezeq; /* BEZEQ_ISRAEL: host name and vendor string of Orckit's own client, and a
		       Set-Link-Info after the OCRP */
};

struct pptp_options {
	const char *server;          /* as given: name or IPv4 address; --status: NULL = all */
	const char *phone;           /* "" = none */
	const char *client_hostname; /* SCCRQ's host name; "" = default */
	const char *logstring;       /* --logstring; else, in the pty form, of pppd's environment */
	enum status_format status_format; /* of --diagnose, too: STATUS_TEXT or STATUS_JSON */
	struct pptp_quirks quirks;
	bool launch_pppd;
	bool debug;
	bool sync;
	bool reorder;    /* false: --nobuffer */
	bool host_route; /* false: --nohostroute */
	bool flow_control;
	bool sandbox;           /* false: --nosandbox */
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
	char **pppd_argv; /* pppd's arguments, in order; a part of argv */
};

enum options_outcome {
	OPTIONS_RUN,       /* message: "", or warnings, for stderr and the log */
	OPTIONS_HELP,      /* --help: print options_help to stdout, exit 0 */
	OPTIONS_VERSION,   /* --version: print the version to stdout, exit 0 */
	OPTIONS_STATUS,    /* --status: print the state of calls, see status_cli.h */
	OPTIONS_DIAGNOSE,  /* --diagnose: see pptp_diagnose.h; message as with OPTIONS_RUN */
	OPTIONS_USAGE,     /* unknown option, no server: usage, message, exit 1 */
	OPTIONS_BAD_VALUE, /* message names option, value and range; exit 2 */
};

/*
 * Parses as getopt_long with permutation would: options before or after the server, "--name value"
 * and "--name=value", unique abbreviations (one that matches a single option of the old client means
 * that option), and "--" before arguments that are pppd's only. The first non-option argument is the
 * server, the others are pppd's, in order. `o` points into argv, where pppd's arguments are moved to
 * the front, after argv[0]. `message` (cap bytes) holds one line without a newline; its bytes are to be
 * made printable. Numbers have a decimal point, as the program sets no locale; a quantity beyond its
 * range becomes the nearest of the range, with a warning. Words that end in a carriage return are
 * refused.
 */
enum options_outcome options_parse(
    struct pptp_options *o, int argc, char *argv[], char *message, size_t cap);

/* Prints the two forms of use, as after a usage error. */
void options_usage(FILE *out, const char *program);

/* Prints the --help text, version line first. */
void options_help(FILE *out, const char *program);

/* The table's rows, for the test that compares them with --help and the manual page. */
struct option_row {
	const char *name;     /* without the dashes */
	const char *argument; /* as shown: "SECS"; NULL where it takes none */
	const char *range;    /* as shown: "0.01 to 10 seconds"; NULL without an argument */
	const char *standard; /* as shown: the default; NULL without an argument */
	const char *help;
};
size_t options_count(void);
struct option_row options_row(size_t i);

#endif
