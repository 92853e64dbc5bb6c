/* SPDX-License-Identifier: ISC */
/* Both forms print the same results; neither knows what a step means. */
#include "diagnose/report_print.h"

#include <string.h>

enum {
	TEXT_COLUMN = 18,
};

/* The words of a server are printable already, those of the command line may be anything. */
static void print_printable(FILE *out, const char *string)
{
	for (; *string; string++) {
		unsigned char c = (unsigned char)*string;
		fprintf(out, c >= 0x20 && c < 0x7f ? "%c" : "\\x%02x", c);
	}
}

void report_print_result(FILE *out, const struct report_result *result)
{
	fprintf(out, "%-9s%-9s", report_step_name(result->step), report_state_name(result->state));
	print_printable(out, result->text.string);
	fputc('\n', out);
	if (result->advice.len)
		fprintf(out, "%*swhat to do: %s\n", TEXT_COLUMN, "", result->advice.string);
}

void report_print_end(FILE *out, const struct report *r)
{
	if (r->mtu)
		fprintf(out, "\nGive pppd: mtu %u mru %u\n", r->mtu, r->mtu);
	if (r->peers[0])
		fprintf(out, "\nA peers file, /etc/ppp/peers/NAME:\n\n%s", r->peers);
}

/* The members are printable ASCII but for the ends of lines. */
static void print_string(FILE *out, const char *string, size_t len)
{
	fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)string[i];
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void print_member(FILE *out, const char *name, const char *string)
{
	fprintf(out, ", \"%s\": ", name);
	print_string(out, string, strlen(string));
}

static void print_list(FILE *out, const char *words)
{
	fputc('[', out);
	for (const char *at = words; *at;) {
		size_t len = strcspn(at, " ");
		fputs(at == words ? "" : ", ", out);
		print_string(out, at, len);
		at += len + (at[len] == ' ');
	}
	fputc(']', out);
}

static void print_fact(FILE *out, const struct report_fact *fact)
{
	switch (fact->kind) {
	case REPORT_NUMBER:
		fprintf(out, ", \"%s\": %lld", fact->name, (long long)fact->number);
		break;
	case REPORT_MILLISECONDS:
		fprintf(out, ", \"%s\": %.3f", fact->name, (double)fact->number / 1000);
		break;
	case REPORT_STRING:
		print_member(out, fact->name, fact->string);
		break;
	case REPORT_LIST:
		fprintf(out, ", \"%s\": ", fact->name);
		print_list(out, fact->string);
		break;
	}
}

static void print_json_result(FILE *out, const struct report_result *result)
{
	fprintf(out, "{\"step\": \"%s\", \"state\": \"%s\"", report_step_name(result->step),
	    report_state_name(result->state));
	print_member(out, "text", result->text.string);
	if (result->advice.len)
		print_member(out, "advice", result->advice.string);
	for (size_t i = 0; i < result->fact_count; i++)
		print_fact(out, &result->facts[i]);
	fputc('}', out);
}

void report_print_json(FILE *out, const struct report *r, const char *server, int exit_status)
{
	fputs("{\"server\": ", out);
	print_string(out, server, strlen(server));
	fprintf(out, ", \"status\": %d, \"steps\": [", exit_status);
	for (size_t i = 0; i < r->count; i++) {
		fputs(i ? ",\n" : "\n", out);
		print_json_result(out, &r->results[i]);
	}
	fputs("\n]", out);
	if (r->mtu)
		fprintf(out, ", \"mtu\": %u", r->mtu);
	if (r->peers[0])
		print_member(out, "peers", r->peers);
	fputs("}\n", out);
}
