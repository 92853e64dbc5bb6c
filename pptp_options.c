/* SPDX-License-Identifier: ISC */
/*
 * Command-line parser, driven by one table: parsing, --help, error messages and the checks of the
 * manual page all read it. A new option is a field in struct pptp_options, a row here and a
 * paragraph in pptp.8.
 *
 * getopt_long is not used: its behaviour (permutation, which abbreviation is ambiguous) differs
 * between C libraries and environments, and a new option must not make an abbreviation ambiguous
 * that scripts for the old client use.
 */
#include "pptp_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/msg_limits.h"

enum option_kind {
	KIND_HELP,
	KIND_VERSION,
	KIND_STATUS,
	KIND_DIAGNOSE,
	KIND_FORMAT,  /* of --status and --diagnose: low */
	KIND_ON,      /* bool, set by the option */
	KIND_OFF,     /* bool, cleared by the option */
	KIND_SECONDS, /* int64_t in microseconds, as are low and high */
	KIND_U16,
	KIND_U32,
	KIND_MARK,    /* uint32_t; decimal, -1 and the like too, or hexadecimal with 0x */
	KIND_LEVEL,   /* int */
	KIND_CHOICE,  /* int */
	KIND_TEXT,    /* const char *; low and high limit its length */
	KIND_ADDRESS, /* struct in_addr */
	KIND_QUIRK,   /* struct pptp_quirks */
};

struct option_spec {
	struct option_row row;
	enum option_kind kind;
	size_t offset; /* into struct pptp_options */
	int64_t low;
	int64_t high;
	bool added; /* unknown to the old client, whose options win an ambiguous abbreviation */
};

#define TO(field) offsetof(struct pptp_options, field)
#define SECONDS(n) ((n)*USEC_PER_SEC)

static const struct option_spec specs[] = {
    {{"nolaunchpppd", NULL, NULL, NULL, "speak PPP on stdin and stdout, for pppd's pty option"},
	KIND_OFF, TO(launch_pppd), 0, 0, false},
    {{"phone", "NUMBER", "up to 64 characters", "none", "phone number to hand to the server"},
	KIND_TEXT, TO(phone), 0, MSG_NAME_LEN, false},
    {{"client-hostname", "NAME", "1 to 64 characters", "local", "host name to give to the server"},
	KIND_TEXT, TO(client_hostname), 1, MSG_NAME_LEN, true},
    {{"call-id", "N", "1 to 65535", "random", "our call id"}, KIND_U16, TO(call_id), 1, UINT16_MAX,
	true},
    {{"quirks", "QUIRK", "BEZEQ_ISRAEL", "none", "work around an unusual server"}, KIND_QUIRK,
	TO(quirks), 0, 0, false},
    {{"connect-timeout", "SECS", "0.1 to 3600 seconds", "30",
	 "wait for the connection and for each reply"},
	KIND_SECONDS, TO(connect_timeout_us), SECONDS(1) / 10, SECONDS(3600), true},
    {{"idle-wait", "SECS", "0 to 86400 seconds, 0 = never", "60",
	 "silence before an echo request is sent"},
	KIND_SECONDS, TO(idle_wait_us), 0, SECONDS(86400), false},
    {{"max-echo-wait", "SECS", "0 to 86400 seconds, 0 = for ever", "60",
	 "wait for the echo reply before the call is ended"},
	KIND_SECONDS, TO(echo_wait_us), 0, SECONDS(86400), false},
    {{"timeout", "SECS", "0.01 to 10 seconds", "adaptive",
	 "wait for a missing packet while later ones are held"},
	KIND_SECONDS, TO(timeout_us), SECONDS(1) / 100, SECONDS(10), false},
    {{"max-timeout", "SECS", "0.01 to 10 seconds", "0.3", "upper bound of the adaptive wait"},
	KIND_SECONDS, TO(max_timeout_us), SECONDS(1) / 100, SECONDS(10), true},
    {{"nobuffer", NULL, NULL, NULL, "do not put packets in order; --timeout has no effect"},
	KIND_OFF, TO(reorder), 0, 0, false},
    {{"missing-window", "N", "1 to 1000000 packets", "300",
	 "how far ahead a packet may be and still be accepted"},
	KIND_U32, TO(missing_window), 1, 1000000, false},
    {{"flow-control", NULL, NULL, NULL, "obey the server's receive window"}, KIND_ON,
	TO(flow_control), 0, 0, true},
    {{"sync", NULL, NULL, NULL, "synchronous HDLC; pppd must be given sync too"}, KIND_ON, TO(sync),
	0, 0, false},
    {{"localbind", "ADDR", "an IPv4 address", "any", "local address to use"}, KIND_ADDRESS,
	TO(localbind), 0, 0, false},
    {{"rtmark", "N", "0 to 4294967295, decimal or 0x hexadecimal", "0 = none",
	 "routing mark of all packets"},
	KIND_MARK, TO(rtmark), 0, UINT32_MAX, false},
    {{"nohostroute", NULL, NULL, NULL, "do not add a host route to the server"}, KIND_OFF,
	TO(host_route), 0, 0, false},
    {{"logstring", "NAME", "any text", "pppd's linkname or peers file, or anon",
	 "name of this session in the log"},
	KIND_TEXT, TO(logstring), 0, INT32_MAX, false},
    {{"loglevel", "N", "0 to 2", "1", "0 = problems only, 1 = the course of the call too, 2 = all"},
	KIND_LEVEL, TO(loglevel), 0, 2, false},
    {{"debug", NULL, NULL, NULL, "stay in the caller's session and keep logging to stderr"},
	KIND_ON, TO(debug), 0, 0, false},
    {{"nosandbox", NULL, NULL, NULL, "do not limit system calls, for debuggers and tracers"},
	KIND_OFF, TO(sandbox), 0, 0, true},
    {{"test-type", "N", "0 to 3", "0 = off", "send packets out of order, to test a server"},
	KIND_CHOICE, TO(test_type), 0, 3, false},
    {{"test-rate", "N", "1 to 1000000 packets", "100",
	 "packets sent in order between two such groups"},
	KIND_U32, TO(test_rate), 1, 1000000, false},
    {{"status", NULL, NULL, NULL, "print the state of this user's calls and exit"}, KIND_STATUS, 0,
	0, 0, true},
    {{"diagnose", NULL, NULL, NULL, "try the way to SERVER step by step, without pppd, and exit"},
	KIND_DIAGNOSE, 0, 0, 0, true},
    {{"json", NULL, NULL, NULL, "print the state, or the diagnosis, as JSON"}, KIND_FORMAT, 0,
	STATUS_JSON, 0, true},
    {{"prometheus", NULL, NULL, NULL, "print that state for Prometheus"}, KIND_FORMAT, 0,
	STATUS_PROMETHEUS, 0, true},
    {{"help", NULL, NULL, NULL, "print this and exit"}, KIND_HELP, 0, 0, 0, true},
    {{"version", NULL, NULL, NULL, "print the version and exit"}, KIND_VERSION, 0, 0, 0, false},
};

#define SPEC_COUNT (sizeof(specs) / sizeof(specs[0]))

size_t options_count(void)
{
	return SPEC_COUNT;
}

struct option_row options_row(size_t i)
{
	return specs[i].row;
}

static const char default_name[] = "anon";

static struct pptp_options defaults(char *argv[])
{
	return (struct pptp_options){
	    .phone = "",
	    .client_hostname = "",
	    .logstring = default_name,
	    .launch_pppd = true,
	    .reorder = true,
	    .host_route = true,
	    .sandbox = true,
	    .max_timeout_us = 300 * USEC_PER_MSEC,
	    .idle_wait_us = SECONDS(60),
	    .echo_wait_us = SECONDS(60),
	    .missing_window = 300,
	    .loglevel = 1,
	    .test_rate = 100,
	    .pppd_argv = argv + 1,
	};
}

/* In microseconds: above every range. */
#define SECONDS_MAX 1e15
/* What a value in whole microseconds may differ by as a double. */
#define INEXACT 1e-3

/* strtod and strtoll accept more: blanks, a sign, names. A sign has to be '+'. */
static bool begins_with(const char *text, const char *digits)
{
	text += *text == '+';
	return strspn(text, digits) > 0;
}

/* A mark as people write it, too: in hexadecimal, or negative, as all bits set is -1. */
static bool parse_integer(const char *text, bool is_mark, int64_t *value)
{
	bool negative = is_mark && text[0] == '-';
	bool hexadecimal = is_mark && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	char *end;

	*value = strtoll(text, &end, hexadecimal ? 16 : 10);
	if (*value < 0)
		*value = *value >= INT32_MIN ? (int64_t)(uint32_t)*value : INT64_MAX;
	return begins_with(text + negative, "0123456789") && *end == '\0';
}

/* Parses "12", "0.5", ".5", "1e-1" or "60s", with a point: no locale is set. Rounds up to whole
 * microseconds, so that only zero means "off" and no value above a range is rounded into it. */
static bool parse_seconds(const char *text, int64_t *us)
{
	char *end;
	errno = 0; /* ERANGE also for what is too small for a double, which is zero then */
	double value = strtod(text, &end) * (double)USEC_PER_SEC;

	if (!begins_with(text, ".0123456789") || strpbrk(text, "xX"))
		return false;
	*us = (int64_t)(value < SECONDS_MAX ? value : SECONDS_MAX);
	if (value - (double)*us > INEXACT || (*us == 0 && (value > 0 || errno == ERANGE)))
		++*us;
	end += *end == 's';
	return *end == '\0';
}

/* Whether the nearest value of the range will do for one beyond it: not for what is no quantity. */
static bool is_quantity(const struct option_spec *spec)
{
	return spec->kind == KIND_SECONDS || spec->kind == KIND_U32 || spec->kind == KIND_LEVEL;
}

static void store_number(const struct option_spec *spec, void *field, int64_t value)
{
	if (spec->kind == KIND_SECONDS)
		*(int64_t *)field = value;
	else if (spec->kind == KIND_U16)
		*(uint16_t *)field = (uint16_t)value;
	else if (spec->kind == KIND_U32 || spec->kind == KIND_MARK)
		*(uint32_t *)field = (uint32_t)value;
	else
		*(int *)field = (int)value;
}

/* The option that a name or an abbreviation matches; NULL: none, or more than one. An abbreviation that
 * the old client knew keeps its meaning. */
static const struct option_spec *match_name(const char *name, size_t len, bool *ambiguous)
{
	const struct option_spec *match = NULL, *old_match = NULL;
	size_t matches = 0, old_matches = 0;

	for (size_t i = 0; i < SPEC_COUNT; i++) {
		if (strncmp(specs[i].row.name, name, len) != 0)
			continue;
		if (specs[i].row.name[len] == '\0')
			return &specs[i];
		match = &specs[i];
		matches++;
		if (!specs[i].added) {
			old_match = &specs[i];
			old_matches++;
		}
	}
	*ambiguous = len > 0 && matches > 1 && old_matches != 1;
	if (matches == 1)
		return match;
	return old_matches == 1 ? old_match : NULL;
}

struct parser {
	struct pptp_options *o;
	char **argv;
	int argc;
	int at;
	char *message;
	size_t cap;
	bool is_status;
	bool is_diagnose;
	const char *format;     /* of the output: the option that says so */
	const char *not_status; /* an option that is of no use to it */
};

/* Adds to the warnings, which an error replaces. */
__attribute__((format(printf, 2, 3))) static void warn(struct parser *p, const char *format, ...)
{
	size_t used = strlen(p->message);
	va_list args;

	if (used > 0 && used + 2 < p->cap)
		used += (size_t)snprintf(p->message + used, p->cap - used, "; ");
	va_start(args, format);
	vsnprintf(p->message + used, p->cap - used, format, args);
	va_end(args);
}

static bool store_parsed(
    struct parser *p, const struct option_spec *spec, void *field, const char *value)
{
	int64_t number = 0;
	bool parsed = spec->kind == KIND_SECONDS
	                  ? parse_seconds(value, &number)
	                  : parse_integer(value, spec->kind == KIND_MARK, &number);

	if (!parsed)
		return false;
	if (number >= spec->low && number <= spec->high) {
		store_number(spec, field, number);
		return true;
	}
	if (!is_quantity(spec))
		return false;
	store_number(spec, field, number < spec->low ? spec->low : spec->high);
	warn(p, "--%s: \"%.80s\" is out of range (%s): the %s value is used", spec->row.name, value,
	    spec->row.range, number < spec->low ? "lowest" : "highest");
	return true;
}

/* Those who use the text cut it. */
static bool store_text(
    struct parser *p, const struct option_spec *spec, void *field, const char *value)
{
	int64_t len = (int64_t)strlen(value);

	if (len < spec->low)
		return false;
	if (len > spec->high)
		warn(p, "--%s: \"%.80s\" is too long: the first %d characters are used",
		    spec->row.name, value, (int)spec->high);
	*(const char **)field = value;
	return true;
}

static bool store_quirk(struct pptp_quirks *quirks, const char *value)
{
	if (strcmp(value, "BEZEQ_ISRAEL") != 0)
		return false;
	quirks->bezeq = true;
	return true;
}

/* Stores the value in the option's field; false when it has no meaning there. */
static bool store(struct parser *p, const struct option_spec *spec, const char *value)
{
	void *field = (char *)p->o + spec->offset;

	switch (spec->kind) {
	case KIND_ON:
		*(bool *)field = true;
		return true;
	case KIND_OFF:
		*(bool *)field = false;
		return true;
	case KIND_SECONDS:
	case KIND_U16:
	case KIND_U32:
	case KIND_MARK:
	case KIND_LEVEL:
	case KIND_CHOICE:
		return store_parsed(p, spec, field, value);
	case KIND_TEXT:
		return store_text(p, spec, field, value);
	case KIND_ADDRESS:
		return inet_pton(AF_INET, value, field) == 1;
	case KIND_QUIRK:
		return store_quirk(field, value);
	case KIND_FORMAT:
		p->o->status_format = (enum status_format)spec->low;
		p->format = spec->row.name;
		return true;
	case KIND_STATUS:
		p->is_status = true;
		return true;
	case KIND_DIAGNOSE:
		p->is_diagnose = true;
		return true;
	case KIND_HELP:
	case KIND_VERSION:
		return true;
	}
	return false;
}

static enum options_outcome refuse_ambiguous(struct parser *p, const char *name, size_t len)
{
	int used = snprintf(p->message, p->cap, "ambiguous option --%.*s:", (int)len, name);
	const char *separator = " it may be";

	for (size_t i = 0; i < SPEC_COUNT && used >= 0 && (size_t)used < p->cap; i++) {
		if (strncmp(specs[i].row.name, name, len) != 0)
			continue;
		used += snprintf(p->message + used, p->cap - (size_t)used, "%s --%s", separator,
		    specs[i].row.name);
		separator = " or";
	}
	return OPTIONS_USAGE;
}

static const char from_windows[] =
    "ends in a carriage return: the line ends in CR LF: a file edited on Windows?";

static bool ends_in_cr(const char *word)
{
	size_t len = strlen(word);
	return len > 0 && word[len - 1] == '\r';
}

static bool refuse_cr(struct parser *p, const char *word)
{
	if (ends_in_cr(word))
		snprintf(p->message, p->cap, "\"%.80s\" %s", word, from_windows);
	return ends_in_cr(word);
}

/* Moves pppd's arguments to the front of argv, over the server and what was parsed before. */
static enum options_outcome process_argument(struct parser *p, char *argument)
{
	if (!p->o->server) {
		p->o->server = argument;
		return refuse_cr(p, argument) ? OPTIONS_USAGE : OPTIONS_RUN;
	}
	if (ends_in_cr(argument)) /* a password may */
		warn(p, "pppd's argument %d %s", p->o->pppd_argc + 1, from_windows);
	p->o->pppd_argv[p->o->pppd_argc++] = argument;
	return OPTIONS_RUN;
}

/* The error replaces warnings. */
__attribute__((format(printf, 3, 4))) static enum options_outcome refuse(
    struct parser *p, enum options_outcome outcome, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->message, p->cap, format, args);
	va_end(args);
	return outcome;
}

/* Parses the option at p->at ("--" and at least one more character) and advances past its value. */
static enum options_outcome parse_option(struct parser *p)
{
	const char *name = p->argv[p->at++] + 2;
	if (refuse_cr(p, name - 2))
		return OPTIONS_USAGE;
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	bool ambiguous = false;
	const struct option_spec *spec = match_name(name, len, &ambiguous);

	if (ambiguous)
		return refuse_ambiguous(p, name, len);
	if (!spec)
		return refuse(
		    p, OPTIONS_USAGE, "unknown option --%.*s", len > 64 ? 64 : (int)len, name);
	const struct option_row *row = &spec->row;
	if (!row->argument && value)
		return refuse(p, OPTIONS_USAGE, "option --%s takes no value", row->name);
	if (row->argument && !value && p->at < p->argc)
		value = p->argv[p->at++];
	if (row->argument && !value)
		return refuse(
		    p, OPTIONS_USAGE, "option --%s needs a value: %s", row->name, row->range);
	if (spec->kind == KIND_HELP)
		return OPTIONS_HELP;
	if (spec->kind == KIND_VERSION)
		return OPTIONS_VERSION;
	if (spec->kind != KIND_STATUS && spec->kind != KIND_FORMAT)
		p->not_status = row->name;
	if (!value)
		value = "";
	if (refuse_cr(p, value))
		return OPTIONS_BAD_VALUE;
	if (!store(p, spec, value))
		return refuse(p, OPTIONS_BAD_VALUE, "--%s: \"%.80s\" is not valid; it takes %s",
		    row->name, value, row->range);
	return OPTIONS_RUN;
}

static enum options_outcome parse_arguments(struct parser *p)
{
	enum options_outcome outcome = OPTIONS_RUN;
	bool all_pppds = false;

	while (p->at < p->argc && outcome == OPTIONS_RUN) {
		char *argument = p->argv[p->at];

		if (all_pppds || argument[0] != '-' || argument[1] == '\0') {
			outcome = process_argument(p, argument);
			p->at++;
		} else if (strcmp(argument, "--") == 0) {
			all_pppds = true;
			p->at++;
		} else if (argument[1] == '-') {
			outcome = parse_option(p);
		} else {
			outcome = refuse(p, OPTIONS_USAGE,
			    "unknown option %.64s (pppd options that begin with a dash go after --)",
			    argument);
		}
	}
	return outcome;
}

static enum options_outcome check_status(struct parser *p)
{
	if (p->not_status)
		return refuse(p, OPTIONS_USAGE, "--%s has no meaning with --status", p->not_status);
	if (p->o->pppd_argc > 0)
		return refuse(p, OPTIONS_USAGE,
		    "--status takes one name or server, and \"%.64s\" is one more",
		    p->o->pppd_argv[0]);
	return OPTIONS_STATUS;
}

static enum options_outcome check_call(struct parser *p)
{
	const struct pptp_options *o = p->o;

	if (p->format)
		return refuse(p, OPTIONS_USAGE, "--%s needs --status%s", p->format,
		    o->status_format == STATUS_JSON ? " or --diagnose" : "");
	if (!o->server || o->server[0] == '\0')
		return refuse(p, OPTIONS_USAGE, "no server given");
	if (strcmp(o->server, "call") == 0 && o->pppd_argc > 0)
		return refuse(p, OPTIONS_USAGE,
		    "call is an option of pppd: type \"pppd call %.64s\" (a server of that name can be "
		    "given by its address)",
		    o->pppd_argv[0]);
	return OPTIONS_RUN;
}

/* pppd's arguments and --nolaunchpppd are of no use to it, but are in the command line that fails. */
static enum options_outcome check_diagnose(struct parser *p)
{
	if (p->o->status_format == STATUS_JSON)
		p->format = NULL;
	enum options_outcome outcome = check_call(p);
	return outcome == OPTIONS_RUN ? OPTIONS_DIAGNOSE : outcome;
}

/* pppd gives the process of its pty option the names of its link and of the peers file. */
static const char *name_of_link(void)
{
	const char *name = getenv("LINKNAME");
	if (!name || !name[0])
		name = getenv("CALL_FILE");
	return name && name[0] ? name : default_name;
}

enum options_outcome options_parse(
    struct pptp_options *o, int argc, char *argv[], char *message, size_t cap)
{
	struct parser p = {
	    .o = o, .argv = argv, .argc = argc, .at = 1, .message = message, .cap = cap};

	*o = defaults(argv);
	snprintf(message, cap, "%s", "");
	enum options_outcome outcome = parse_arguments(&p);
	if (o->logstring == default_name && !o->launch_pppd)
		o->logstring = name_of_link();
	if (o->connect_timeout_us == 0)
		o->connect_timeout_us = p.is_diagnose ? SECONDS(5) : SECONDS(30);
	if (outcome != OPTIONS_RUN)
		return outcome;
	if (p.is_status)
		return check_status(&p);
	return p.is_diagnose ? check_diagnose(&p) : check_call(&p);
}

enum {
	HELP_COLUMN = 28,
	HELP_WIDTH = 79
};

/* Prints the text from column HELP_COLUMN on, wrapped at HELP_WIDTH. */
static void print_wrapped(FILE *out, const char *text)
{
	int column = HELP_COLUMN;

	while (*text) {
		int len = (int)strcspn(text, " ");

		if (column > HELP_COLUMN && column + 1 + len > HELP_WIDTH) {
			fprintf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		}
		column += fprintf(out, "%s%.*s", column > HELP_COLUMN ? " " : "", len, text);
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_row(FILE *out, const struct option_row *row)
{
	char text[256];

	int column = fprintf(out, "  --%s%s%s", row->name, row->argument ? " " : "",
	    row->argument ? row->argument : "");
	fprintf(out, "%*s", column < HELP_COLUMN ? HELP_COLUMN - column : 1, "");
	if (row->argument)
		snprintf(text, sizeof(text), "%s (%s; default %s)", row->help, row->range,
		    row->standard);
	else
		snprintf(text, sizeof(text), "%s", row->help);
	print_wrapped(out, text);
}

void options_usage(FILE *out, const char *program)
{
	fprintf(out,
	    "Usage:\n"
	    "  %s SERVER [pptp options] [[--] pppd options]\n"
	    "  pppd pty \"%s SERVER --nolaunchpppd [pptp options]\" [pppd options]\n"
	    "  %s --diagnose SERVER [pptp options] [--json]\n"
	    "  %s --status [NAME | SERVER] [--json | --prometheus]\n"
	    "  %s --help | --version\n",
	    program, program, program, program, program);
}

void options_help(FILE *out, const char *program)
{
	fputs("pptp version " PPTP_VERSION "\n\n", out);
	options_usage(out, program);
	fputs("\n"
	      "pptp's options begin with -- and may come before or after SERVER. They end at\n"
	      "an argument that is just --: all arguments after it are pppd's. So are those\n"
	      "between SERVER and it that do not begin with a dash.\n"
	      "\n"
	      "pptp's options:\n",
	    out);
	for (size_t i = 0; i < SPEC_COUNT; i++)
		print_row(out, &specs[i].row);
}
