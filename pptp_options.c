/* SPDX-License-Identifier: ISC */
/*
 * The command line. All that is known of an option stands in its row of the table: parsing, --help,
 * error messages and the checks of the manual page read it there. Where a new option goes: a field
 * in struct pptp_options, a row here, a paragraph in pptp.8.
 *
 * getopt_long is not used, because its behaviour (permutation, what counts as ambiguous) differs
 * between C libraries and environments, and because a new option must not make an abbreviation
 * ambiguous that scripts written for the old client use.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "control/pptp_msg.h"
#include "pptp_options.h"

enum option_kind {
	KIND_HELP,
	KIND_VERSION,
	KIND_STATUS,
	KIND_ON,      /* bool: sets it */
	KIND_OFF,     /* bool: clears it */
	KIND_SECONDS, /* int64_t: microseconds; low and high too */
	KIND_U16,
	KIND_U32,
	KIND_U32_HEX, /* hexadecimal with 0x as well */
	KIND_INT,
	KIND_TEXT,    /* const char *: low to high are lengths */
	KIND_ADDRESS, /* struct in_addr */
	KIND_QUIRK,   /* struct pptp_quirks */
};

struct option_spec {
	struct option_row row;
	enum option_kind kind;
	size_t offset; /* into struct pptp_options */
	int64_t low;
	int64_t high;
	bool added; /* not known to the old client: gives way where an abbreviation fits an old one
		       too */
};

#define TO(field) offsetof(struct pptp_options, field)
#define SECONDS(n) ((n)*USEC_PER_SEC)

/* Beyond every range, and small enough to be counted in microseconds. */
#define SECONDS_LIMIT INT64_C(1000000)

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
    {{"share-control", NULL, NULL, NULL,
	 "join the control connection of another call to the server"},
	KIND_ON, TO(share_control), 0, 0, true},
    {{"timeout", "SECS", "0.01 to 10 seconds", "adaptive",
	 "wait for a missing packet while later ones are held"},
	KIND_SECONDS, TO(timeout_us), SECONDS(1) / 100, SECONDS(10), false},
    {{"max-timeout", "SECS", "0.01 to 10 seconds", "0.3", "upper bound of the adaptive wait"},
	KIND_SECONDS, TO(max_timeout_us), SECONDS(1) / 100, SECONDS(10), true},
    {{"nobuffer", NULL, NULL, NULL, "do not put packets in order; --timeout has no effect"},
	KIND_OFF, TO(reorder), 0, 0, false},
    {{"missing-window", "N", "1 to 1000000 packets", "300",
	 "how far ahead a packet may be and still be put in order"},
	KIND_U32, TO(missing_window), 1, 1000000, false},
    {{"flow-control", NULL, NULL, NULL, "hold to the server's receive window"}, KIND_ON,
	TO(flow_control), 0, 0, true},
    {{"sync", NULL, NULL, NULL, "synchronous HDLC; pppd must be given sync too"}, KIND_ON, TO(sync),
	0, 0, false},
    {{"localbind", "ADDR", "an IPv4 address", "any", "local address to connect from"}, KIND_ADDRESS,
	TO(localbind), 0, 0, false},
    {{"rtmark", "N", "0 to 4294967295, decimal or 0x hexadecimal", "0 = none",
	 "routing mark of all packets"},
	KIND_U32_HEX, TO(rtmark), 0, UINT32_MAX, false},
    {{"nohostroute", NULL, NULL, NULL, "do not add a host route to the server"}, KIND_OFF,
	TO(host_route), 0, 0, false},
    {{"logstring", "NAME", "any text", "anon", "name of this session in the log"}, KIND_TEXT,
	TO(logstring), 0, INT32_MAX, false},
    {{"loglevel", "N", "0 to 2", "1", "0 = low, 1 = the life of the call, 2 = high"}, KIND_INT,
	TO(loglevel), 0, 2, false},
    {{"debug", NULL, NULL, NULL, "stay in the caller's session and keep logging on stderr"},
	KIND_ON, TO(debug), 0, 0, false},
    {{"test-type", "N", "0 to 3", "0 = off", "disorder what is sent, to test a server"}, KIND_INT,
	TO(test_type), 0, 3, false},
    {{"test-rate", "N", "1 to 1000000 packets", "100", "do so once in N packets"}, KIND_U32,
	TO(test_rate), 1, 1000000, false},
    {{"status", NULL, NULL, NULL, "print the state of this user's calls and exit"}, KIND_STATUS, 0,
	0, 0, true},
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

static struct pptp_options defaults(char *argv[])
{
	return (struct pptp_options){
	    .phone = "",
	    .client_hostname = "",
	    .logstring = "anon",
	    .launch_pppd = true,
	    .reorder = true,
	    .host_route = true,
	    .max_timeout_us = MAX_GAP_WAIT_US,
	    .idle_wait_us = SECONDS(60),
	    .echo_wait_us = SECONDS(60),
	    .connect_timeout_us = SECONDS(30),
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

/* Reads digits, at least one; anything above 2^40 counts as 2^40, which no range reaches. */
static bool parse_digits(const char **text, int base, int64_t *value)
{
	const int64_t limit = INT64_C(1) << 40;
	const char *at = *text;

	*value = 0;
	for (; digit(*at, base) >= 0; at++) {
		*value = *value * base + digit(*at, base);
		if (*value > limit)
			*value = limit;
	}
	bool any = at != *text;
	*text = at;
	return any;
}

static bool parse_number(const char *text, bool hex, int64_t *value)
{
	if (hex && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		text += 2;
		return parse_digits(&text, 16, value) && *text == '\0';
	}
	return parse_digits(&text, 10, value) && *text == '\0';
}

/* "12", "0.5", ".5": a point in every locale. What is below a microsecond is rounded up, so that
 * nothing but zero becomes "off" and nothing slips past the upper end of a range. */
static bool parse_seconds(const char *text, int64_t *us)
{
	int64_t whole = 0;
	bool any = parse_digits(&text, 10, &whole);
	int64_t fraction = 0;
	int64_t unit = USEC_PER_SEC;
	bool rest = false;

	if (*text == '.') {
		for (text++; digit(*text, 10) >= 0; text++, any = true) {
			unit /= 10;
			fraction += digit(*text, 10) * unit;
			rest |= unit == 0 && *text != '0';
		}
	}
	if (whole > SECONDS_LIMIT)
		whole = SECONDS_LIMIT;
	*us = SECONDS(whole) + fraction + (rest ? 1 : 0);
	return any && *text == '\0';
}

static bool store_number(const struct option_spec *spec, void *field, int64_t value)
{
	if (value < spec->low || value > spec->high)
		return false;
	switch (spec->kind) {
	case KIND_SECONDS:
		*(int64_t *)field = value;
		return true;
	case KIND_U16:
		*(uint16_t *)field = (uint16_t)value;
		return true;
	case KIND_U32:
	case KIND_U32_HEX:
		*(uint32_t *)field = (uint32_t)value;
		return true;
	case KIND_INT:
		*(int *)field = (int)value;
		return true;
	case KIND_HELP:
	case KIND_VERSION:
	case KIND_STATUS:
	case KIND_ON:
	case KIND_OFF:
	case KIND_TEXT:
	case KIND_ADDRESS:
	case KIND_QUIRK:
		break;
	}
	return false;
}

static bool store_text(const struct option_spec *spec, void *field, const char *value)
{
	int64_t len = (int64_t)strlen(value);

	if (len < spec->low || len > spec->high)
		return false;
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

/* Puts a value where it belongs; false where it is not in range. */
static bool store(const struct option_spec *spec, struct pptp_options *o, const char *value)
{
	void *field = (char *)o + spec->offset;
	int64_t number = 0;

	switch (spec->kind) {
	case KIND_ON:
		*(bool *)field = true;
		return true;
	case KIND_OFF:
		*(bool *)field = false;
		return true;
	case KIND_SECONDS:
		return parse_seconds(value, &number) && store_number(spec, field, number);
	case KIND_U16:
	case KIND_U32:
	case KIND_INT:
		return parse_number(value, false, &number) && store_number(spec, field, number);
	case KIND_U32_HEX:
		return parse_number(value, true, &number) && store_number(spec, field, number);
	case KIND_TEXT:
		return store_text(spec, field, value);
	case KIND_ADDRESS:
		return inet_pton(AF_INET, value, field) == 1;
	case KIND_QUIRK:
		return store_quirk(field, value);
	case KIND_HELP:
	case KIND_VERSION:
	case KIND_STATUS:
		return true;
	}
	return false;
}

/* How a name on the command line was understood. */
struct match {
	const struct option_spec *spec; /* NULL: none, or more than one */
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

/* An abbreviation means what it meant to the old client; only what meant nothing there is new. */
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

/* The state of one pass over argv. */
struct pass {
	struct pptp_options *o;
	char **argv;
	int argc;
	int at;
	char *message;
	size_t cap;
};

static void say_ambiguous(struct pass *p, const char *name, size_t len)
{
	int used = snprintf(p->message, p->cap, "ambiguous option --%.*s:", (int)len, name);
	const char *before = " it may be";

	for (size_t i = 0; i < SPEC_COUNT && used >= 0 && (size_t)used < p->cap; i++) {
		if (strncmp(specs[i].row.name, name, len) != 0)
			continue;
		used += snprintf(
		    p->message + used, p->cap - (size_t)used, "%s --%s", before, specs[i].row.name);
		before = " or";
	}
}

/* The words of pppd take the places of what has been read: the server stands before them. */
static void take_word(struct pass *p, char *word)
{
	if (!p->o->server)
		p->o->server = word;
	else
		p->o->pppd_argv[p->o->pppd_argc++] = word;
}

/* Takes in the option at p->at, which begins with "--" and more; steps over it and its value. */
static enum options_outcome take_option(struct pass *p)
{
	const char *name = p->argv[p->at++] + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	struct match m = match_name(name, len);

	if (m.ambiguous)
		say_ambiguous(p, name, len);
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
		    p->message, p->cap, "option --%s wants a value: %s", row->name, row->range);
		return OPTIONS_USAGE;
	}
	if (m.spec->kind == KIND_HELP)
		return OPTIONS_HELP;
	if (m.spec->kind == KIND_VERSION)
		return OPTIONS_VERSION;
	if (m.spec->kind == KIND_STATUS)
		return OPTIONS_STATUS;
	if (!value)
		value = "";
	if (!store(m.spec, p->o, value)) {
		snprintf(p->message, p->cap, "--%s: \"%.80s\" is not valid; it takes %s", row->name,
		    value, row->range);
		return OPTIONS_BAD_VALUE;
	}
	return OPTIONS_RUN;
}

static enum options_outcome take_all(struct pass *p)
{
	while (p->at < p->argc) {
		char *word = p->argv[p->at];

		if (strcmp(word, "--") == 0) {
			for (p->at++; p->at < p->argc; p->at++)
				take_word(p, p->argv[p->at]);
		} else if (strncmp(word, "--", 2) == 0) {
			enum options_outcome outcome = take_option(p);
			if (outcome != OPTIONS_RUN)
				return outcome;
		} else if (word[0] == '-' && word[1] != '\0') {
			snprintf(p->message, p->cap,
			    "unknown option %.64s (what is pppd's and begins with a dash goes behind --)",
			    word);
			return OPTIONS_USAGE;
		} else {
			take_word(p, word);
			p->at++;
		}
	}
	return OPTIONS_RUN;
}

enum options_outcome options_parse(
    struct pptp_options *o, int argc, char *argv[], char *message, size_t cap)
{
	struct pass p = {
	    .o = o, .argv = argv, .argc = argc, .at = 1, .message = message, .cap = cap};

	*o = defaults(argv);
	snprintf(message, cap, "%s", "");
	enum options_outcome outcome = take_all(&p);
	if (outcome == OPTIONS_RUN && (!o->server || o->server[0] == '\0')) {
		snprintf(message, cap, "no server given");
		return OPTIONS_USAGE;
	}
	return outcome;
}

enum {
	HELP_COLUMN = 28,
	HELP_WIDTH = 79
};

/* Writes words from column HELP_COLUMN on, broken before HELP_WIDTH. */
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
	    "  pppd pty \"%s SERVER --nolaunchpppd [pptp options]\" [pppd options]\n",
	    program, program);
}

void options_help(FILE *out, const char *program)
{
	fputs("pptp version " PPTP_VERSION "\n\n", out);
	options_usage(out, program);
	fputs("\n"
	      "pptp's options begin with -- and may stand before or behind SERVER. They end\n"
	      "at a word that is just --: all that follows is pppd's. So are the words before\n"
	      "it, behind SERVER, that do not begin with a dash.\n"
	      "\n"
	      "pptp's options:\n",
	    out);
	for (size_t i = 0; i < SPEC_COUNT; i++)
		print_row(out, &specs[i].row);
}
