/* SPDX-License-Identifier: ISC */
/*
 * Any answer of a call manager, which may be another user's, in all forms: the JSON is JSON, each line of
 * Prometheus' text a comment or a metric with its labels and a number.
 */
#include <stdlib.h>
#include <string.h>

#include "callmgr/status_format.h"
#include "fuzz.h"

enum {
	ANSWERS_MAX = 3,
	DEPTH_MAX = 6
};

static const char *skip_space(const char *s)
{
	return s + strspn(s, " \n");
}

static const char *check_string(const char *s)
{
	require(*s++ == '"');
	for (; *s != '"'; s++) {
		require((unsigned char)*s >= ' ');
		if (*s == '\\')
			require(*++s == '"' || *s == '\\');
	}
	return s + 1;
}

/* RFC 8259, without what this program never prints. */
static const char *check_value(const char *s, int depth)
{
	s = skip_space(s);
	require(depth < DEPTH_MAX);
	if (*s == '"')
		return check_string(s);
	if (*s != '{' && *s != '[') {
		size_t digits = strspn(s, "0123456789");
		require(digits == 1 || (digits > 1 && *s != '0'));
		return s + digits;
	}
	char end = *s == '{' ? '}' : ']';
	s = skip_space(s + 1);
	while (*s != end) {
		if (end == '}') {
			s = skip_space(check_string(s));
			require(*s++ == ':');
		}
		s = skip_space(check_value(s, depth + 1));
		if (*s == ',') {
			s = skip_space(s + 1);
			require(*s != end);
		} else {
			require(*s == end);
		}
	}
	return s + 1;
}

static void check_metric(const char *s)
{
	size_t name = strspn(s, "abcdefghijklmnopqrstuvwxyz_0123456789");
	require(name > 0 && s[name] == '{');
	s += name;
	do {
		s++;
		s += strspn(s, "abcdefghijklmnopqrstuvwxyz");
		require(*s++ == '=');
		s = check_string(s);
	} while (*s == ',');
	require(*s++ == '}' && *s++ == ' ');
	require(*s && s[strspn(s, "0123456789.")] == '\0');
}

static char *print(enum status_format format, const char *const *answers, size_t count)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	if (!out)
		abort();
	status_format_print(out, format, answers, count);
	fclose(out);
	return text;
}

/* Answers end at a NUL; what the client makes printable before is made so here. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char *answers[ANSWERS_MAX];
	size_t count = 0;
	for (size_t at = 0; at < len && count < ANSWERS_MAX; count++) {
		size_t n = strnlen((const char *)bytes + at, len - at);
		answers[count] = strndup((const char *)bytes + at, n);
		for (char *s = answers[count]; *s; s++)
			if (*s != '\n' && ((unsigned char)*s < ' ' || (unsigned char)*s > '~'))
				*s = '?';
		at += n + 1;
	}
	const char *const *given = (const char *const *)answers;
	free(print(STATUS_TEXT, given, count));
	char *json = print(STATUS_JSON, given, count);
	require(*skip_space(check_value(json, 0)) == '\0');
	free(json);
	char *metrics = print(STATUS_PROMETHEUS, given, count), *next = metrics;
	for (char *line; (line = strsep(&next, "\n")) && next;)
		if (line[0] != '#')
			check_metric(line);
	free(metrics);
	for (size_t i = 0; i < count; i++)
		free(answers[i]);
	return 0;
}
