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

/* The value of a digit, or -1. */
static int digit(char c, int base)
{
	int v = -1;

	if (c >= '0' && c <= '9')
		v = c - '0';
	else if (c >= 'a' && c <= 'f')
		v = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		v = c - 'A' + 10;
	return v < base ? v : -1;
}

/* Above every range, in microseconds too, and small enough for one more digit. */
#define NUMBER_MAX INT64_C(1000000000000000)

/* Parses one digit or more; saturates at NUMBER_MAX. */
static bool parse_digits(const char **text, int base, int64_t *value)
{
	const char *at = *text;

	*value = 0;
	for (; digit(*at, base) >= 0; at++) {
		*value = *value * base + digit(*at, base);
		if (*value > NUMBER_MAX)
			*value = NUMBER_MAX;
	}
	bool any = at != *text;
	*text = at;
	return any;
}

static bool parse_number(const char *text, int64_t *value)
{
	text += *text == '+';
	return parse_digits(&text, 10, value) && *text == '\0';
}

/* As people write marks: all bits set is -1. */
static bool parse_mark(const char *text, int64_t *value)
{
	bool negative = *text == '-';

	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		text += 2;
		return parse_digits(&text, 16, value) && *text == '\0';
	}
	if (!parse_number(text + negative, value))
		return false;
	if (negative)
		*value = *value <= INT64_C(1) << 31 ? (int64_t)(uint32_t) - *value : NUMBER_MAX;
	return true;
}

/* Parses "e" and a signed number after it, if they are there. */
static bool parse_exponent(const char **text, int64_t *exponent)
{
	*exponent = 0;
	if (**text != 'e' && **text != 'E')
		return true;
	(*text)++;
	bool negative = **text == '-';
	*text += **text == '-' || **text == '+';
	if (!parse_digits(text, 10, exponent))
		return false;
	*exponent = negative ? -*exponent : *exponent;
	return true;
}

/* Parses "12", "0.5", ".5", "1e-1" or "60s", with a point in every locale. Rounds up to whole
 * microseconds, so that only zero means "off" and no value above a range is rounded into it. */
static bool parse_seconds(const char *text, int64_t *us)
{
	int64_t value = 0;
	int64_t exponent = 0;
	int64_t decimals = 0;
	bool any = false;
	bool point = false;
	bool rest = false;

	text += *text == '+';
	for (; digit(*text, 10) >= 0 || (*text == '.' && !point); text++) {
		if (*text == '.') {
			point = true;
			continue;
		}
		any = true;
		rest |= value >= NUMBER_MAX && *text != '0';
		decimals += value < NUMBER_MAX ? point : point - 1;
		if (value < NUMBER_MAX)
			value = value * 10 + digit(*text, 10);
	}
	if (!any || !parse_exponent(&text, &exponent))
		return false;
	for (exponent += 6 - decimals; exponent > 0 && value && value < NUMBER_MAX; exponent--)
		value *= 10;
	for (; exponent < 0 && value; exponent++) {
		rest |= value % 10 != 0;
		value /= 10;
	}
	*us = value + (rest ? 1 : 0);
	text += *text == 's';
	return *text == '\0';
}

static bool parse_value(const struct option_spec *spec, const char *text, int64_t *value)
{
	if (spec->kind == KIND_SECONDS)
		return parse_seconds(text, value);
	return spec->kind == KIND_MARK ? parse_mark(text, value) : parse_number(text, value);
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

/* The option that a name or an abbreviation matches. */
struct match {
	const struct option_spec *spec; /* NULL: no option, or more than one */
	bool ambiguous;
};

static struct match match_among(const char *name, size_t len, bool with_added)
{
	struct match m = {0};

	for (size_t i = 0; i < SPEC_COUNT; i++) {
		if ((specs[i].added && !with_added) || strncmp(specs[i].row.name, name, len) != 0)
			continue;
		if (specs[i].row.name[len] == '\0')
			return (struct match){.spec = &specs[i]};
		m.ambiguous = m.ambiguous || m.spec;
		m.spec = &specs[i];
	}
	if (m.ambiguous)
		m.spec = NULL;
	return m;
}

/* An abbreviation that the old client knew keeps its meaning. */
static struct match match_name(const char *name, size_t len)
{
	struct match all = match_among(name, len, true);

	if (len == 0)
		return (struct match){0};
	if (all.ambiguous) {
		struct match old = match_among(name, len, false);
		if (old.spec)
			return old;
	}
	return all;
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

	if (!parse_value(spec, value, &number))
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

static void format_ambiguous(struct parser *p, const char *name, size_t len)
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

/* Parses the option at p->at ("--" and at least one more character) and advances past its value. */
static enum options_outcome parse_option(struct parser *p)
{
	const char *name = p->argv[p->at++] + 2;
	if (refuse_cr(p, name - 2))
		return OPTIONS_USAGE;
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	struct match m = match_name(name, len);

	if (m.ambiguous)
		format_ambiguous(p, name, len);
	else if (!m.spec)
		snprintf(
		    p->message, p->cap, "unknown option --%.*s", len > 64 ? 64 : (int)len, name);
	if (!m.spec)
		return OPTIONS_USAGE;
	const struct option_row *row = &m.spec->row;
	if (!row->argument && value) {
		snprintf(p->message, p->cap, "option --%s takes no value", row->name);
		return OPTIONS_USAGE;
	}
	if (row->argument && !value && p->at < p->argc)
		value = p->argv[p->at++];
	if (row->argument && !value) {
		snprintf(
		    p->message, p->cap, "option --%s needs a value: %s", row->name, row->range);
		return OPTIONS_USAGE;
	}
	if (m.spec->kind == KIND_HELP)
		return OPTIONS_HELP;
	if (m.spec->kind == KIND_VERSION)
		return OPTIONS_VERSION;
	if (m.spec->kind != KIND_STATUS && m.spec->kind != KIND_FORMAT)
		p->not_status = row->name;
	if (!value)
		value = "";
	if (refuse_cr(p, value))
		return OPTIONS_BAD_VALUE;
	if (!store(p, m.spec, value)) {
		snprintf(p->message, p->cap, "--%s: \"%.80s\" is not valid; it takes %s", row->name,
		    value, row->range);
		return OPTIONS_BAD_VALUE;
	}
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
			snprintf(p->message, p->cap,
			    "unknown option %.64s (pppd options that begin with a dash go after --)",
			    argument);
			outcome = OPTIONS_USAGE;
		}
	}
	return outcome;
}

static enum options_outcome check_status(struct parser *p)
{
	if (p->not_status)
		snprintf(p->message, p->cap, "--%s has no meaning with --status", p->not_status);
	else if (p->o->pppd_argc > 0)
		snprintf(p->message, p->cap,
		    "--status takes one name or server, and \"%.64s\" is one more",
		    p->o->pppd_argv[0]);
	return p->not_status || p->o->pppd_argc > 0 ? OPTIONS_USAGE : OPTIONS_STATUS;
}

static enum options_outcome check_call(struct parser *p)
{
	const struct pptp_options *o = p->o;
	if (p->format)
		snprintf(p->message, p->cap, "--%s needs --status%s", p->format,
		    o->status_format == STATUS_JSON ? " or --diagnose" : "");
	else if (!o->server || o->server[0] == '\0')
		snprintf(p->message, p->cap, "no server given");
	else if (strcmp(o->server, "call") == 0 && o->pppd_argc > 0)
		snprintf(p->message, p->cap,
		    "call is an option of pppd: pppd call %.64s (a server of that name can be given "
		    "by its address)",
		    o->pppd_argv[0]);
	else
		return OPTIONS_RUN;
	return OPTIONS_USAGE;
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
