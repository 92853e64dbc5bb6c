/* SPDX-License-Identifier: ISC */
/* The three forms. The names of the counters are lib/stats.h's, so that a new one needs nothing here. */
#include "callmgr/status_format.h"

#include <stdlib.h>
#include <string.h>

#include "lib/stats.h"

static const char call_prefix[] = "call.1.";

/* A line of an answer. */
struct line {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
};

/* The first line of *text, which is moved behind it; false at its end. */
static bool next_line(const char **text, struct line *line)
{
	size_t len = strcspn(*text, "\n");
	size_t name_len = strcspn(*text, "=\n");
	if (name_len == len)
		return false;
	*line = (struct line){*text, name_len, *text + name_len + 1, len - name_len - 1};
	*text += len + ((*text)[len] == '\n');
	return true;
}

static bool is_named(const struct line *line, const char *name)
{
	return line->name_len == strlen(name) && memcmp(line->name, name, line->name_len) == 0;
}

static bool find(const char *answer, const char *name, struct line *line)
{
	while (next_line(&answer, line))
		if (is_named(line, name))
			return true;
	*line = (struct line){.name = "", .value = ""};
	return false;
}

static bool has_value(const char *answer, const char *name, const char *value)
{
	struct line line;
	return find(answer, name, &line) && line.value_len == strlen(value) &&
	       memcmp(line.value, value, line.value_len) == 0;
}

void status_format_clean(char *answer)
{
	for (char *s = answer; *s; s++)
		if (*s != '\n' && (*s < 0x20 || *s >= 0x7f))
			*s = '?';
}

bool status_format_hangs(const char *answer)
{
	struct line line;
	return find(answer, "hanging", &line);
}

bool status_format_matches(const char *answer, const char *name)
{
	return has_value(answer, "session", name) || has_value(answer, "server", name) ||
	       has_value(answer, "address", name);
}

/* In quotes; JSON and Prometheus escape the same two characters. */
static void print_string(FILE *out, const char *string, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		if (string[i] == '"' || string[i] == '\\')
			fputc('\\', out);
		fputc(string[i], out);
	}
	fputc('"', out);
}

/* ---- JSON ---- */

static bool is_counter(const char *name)
{
	return strncmp(name, "rx_", 3) == 0 || strncmp(name, "tx_", 3) == 0 ||
	       strncmp(name, "round_trip", 10) == 0;
}

static bool is_number(const struct line *line)
{
	static const char *const strings[] = {"version", "session", "server", "address", "local",
	    "device", "state", "hanging", "host_route", "last_notice", "call.1.state"};
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (is_named(line, strings[i]))
			return false;
	if (line->value_len > 1 && line->value[0] == '0')
		return false; /* no number of ours, nor of JSON's */
	return line->value_len > 0 && strspn(line->value, "0123456789") == line->value_len;
}

static void print_member(FILE *out, const struct line *line, const char *name, size_t name_len)
{
	print_string(out, name, name_len);
	fputs(": ", out);
	if (is_number(line))
		fwrite(line->value, 1, line->value_len, out);
	else
		print_string(out, line->value, line->value_len);
}

/* The lines of a call, and of its counters, are objects of their own, the last members. */
static void print_json_tunnel(FILE *out, const char *answer)
{
	struct line line;
	const char *separator = "";
	bool in_call = false;
	bool in_counters = false;
	fputs("{", out);
	while (next_line(&answer, &line)) {
		size_t prefix = sizeof(call_prefix) - 1;
		bool of_call =
		    line.name_len > prefix && strncmp(line.name, call_prefix, prefix) == 0;
		if (is_named(&line, "calls"))
			continue;
		fputs(separator, out);
		separator = ", ";
		if (!of_call) {
			bool session = is_named(&line, "session");
			print_member(out, &line, session ? "name" : line.name,
			    session ? strlen("name") : line.name_len);
			continue;
		}
		if (!in_call)
			fputs("\"call\": {", out);
		in_call = true;
		if (!in_counters && is_counter(line.name + prefix)) {
			fputs("\"counters\": {", out);
			in_counters = true;
		}
		print_member(out, &line, line.name + prefix, line.name_len - prefix);
	}
	fprintf(out, "%s%s}", in_counters ? "}" : "", in_call ? "}" : "");
}

static void print_json(FILE *out, const char *const *answers, size_t count)
{
	fputs("{\"tunnels\": [", out);
	for (size_t i = 0; i < count; i++) {
		fputs(i ? ",\n" : "\n", out);
		print_json_tunnel(out, answers[i]);
	}
	fputs("\n]}\n", out);
}

/* ---- Prometheus ---- */

static void print_labels(FILE *out, const char *answer)
{
	static const struct {
		const char *label;
		const char *name;
	} labels[] = {
	    {"name", "session"}, {"server", "server"}, {"address", "address"}, {"pid", "pid"}};
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		struct line line;
		/* No two tunnels may have the same labels. A call manager that hangs does not tell its pid. */
		if (!find(answer, labels[i].name, &line) && strcmp(labels[i].name, "pid") == 0)
			find(answer, "parent", &line);
		fprintf(out, "%c%s=", i ? ',' : '{', labels[i].label);
		print_string(out, line.value, line.value_len);
	}
	fputs("} ", out);
}

static void print_head(FILE *out, const char *metric, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric, type);
}

static bool is_up(const char *answer)
{
	return has_value(answer, "call.1.state", "established");
}

/* One metric of all tunnels: the answer to a question. */
static void print_flag(FILE *out, const char *const *answers, size_t count, const char *metric,
    const char *help, bool (*question)(const char *answer))
{
	print_head(out, metric, "gauge", help);
	for (size_t i = 0; i < count; i++) {
		fputs(metric, out);
		print_labels(out, answers[i]);
		fprintf(out, "%d\n", question(answers[i]));
	}
}

/* One metric of all tunnels that have that line: its number, divided by `units`. */
static void print_values(FILE *out, const char *const *answers, size_t count, const char *metric,
    const char *name, unsigned units)
{
	for (size_t i = 0; i < count; i++) {
		struct line line;
		if (!find(answers[i], name, &line))
			continue;
		unsigned long long value = strtoull(line.value, NULL, 10);
		fputs(metric, out);
		print_labels(out, answers[i]);
		if (units == 1)
			fprintf(out, "%llu\n", value);
		else
			fprintf(out, "%llu.%03llu\n", value / units, value % units);
	}
}

/* One metric of all tunnels, from a line that is not of the gateway. */
static void print_gauge(FILE *out, const char *const *answers, size_t count, const char *metric,
    const char *help, const char *name)
{
	print_head(out, metric, "gauge", help);
	print_values(out, answers, count, metric, name, 1);
}

static void print_stats_entry(
    FILE *out, const char *const *answers, size_t count, const struct stats_entry *entry)
{
	char name[sizeof(call_prefix) + sizeof(entry->name)];
	char metric[sizeof(entry->name) + 32];
	bool is_time = entry->units_per_one != 1; /* shown in milliseconds */
	bool is_gauge = is_time || entry >= stats_table + STATS_COUNTERS;
	snprintf(name, sizeof(name), "%s%.*s", call_prefix, (int)sizeof(entry->name), entry->name);
	for (char *s = name; *s; s++)
		if (*s == ' ')
			*s = '_';
	snprintf(metric, sizeof(metric), "pptp_%.20s%s", name + sizeof(call_prefix) - 1,
	    is_time    ? "_seconds"
	    : is_gauge ? ""
		       : "_total");
	for (char *s = metric; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
	print_head(
	    out, metric, is_gauge ? "gauge" : "counter", "see SIGNALS AND STATISTICS in pptp(8)");
	print_values(out, answers, count, metric, name, is_time ? 1000 : 1);
}

static void print_prometheus(FILE *out, const char *const *answers, size_t count)
{
	print_flag(out, answers, count, "pptp_up", "whether the call is established", is_up);
	print_flag(out, answers, count, "pptp_hanging", "whether a process of it does not answer",
	    status_format_hangs);
	print_gauge(out, answers, count, "pptp_established_timestamp_seconds",
	    "since when the call is established", "call.1.since");
	print_gauge(out, answers, count, "pptp_attempts",
	    "connections tried by this start of the program", "attempts");
	print_gauge(out, answers, count, "pptp_last_notice_timestamp_seconds",
	    "when it logged its last warning", "last_notice_at");
	for (size_t i = 0; i < STATS_COUNT; i++)
		print_stats_entry(out, answers, count, &stats_table[i]);
}

void status_format_print(
    FILE *out, enum status_format format, const char *const *answers, size_t count)
{
	switch (format) {
	case STATUS_TEXT:
		for (size_t i = 0; i < count; i++)
			fprintf(out, "%s%s", i ? "\n" : "", answers[i]);
		break;
	case STATUS_JSON:
		print_json(out, answers, count);
		break;
	case STATUS_PROMETHEUS:
		print_prometheus(out, answers, count);
		break;
	}
}
