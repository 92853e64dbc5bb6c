/* SPDX-License-Identifier: ISC */
/*
 * Prints the answers of call managers, lines of name=value (see status_text.h), for people and for
 * programs. Whom to ask, and what becomes of those that hang, is status_cli.c's.
 */
#ifndef PPTP_STATUS_FORMAT_H
#define PPTP_STATUS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "pptp_options.h"

/* Replaces all but printable ASCII and the ends of lines by '?', in place: a call manager that the server
 * has taken over must not be able to write to a terminal what it likes, nor what is no UTF-8. */
void status_format_clean(char *answer);

/* Prints `count` answers, which are clean. */
void status_format_print(
    FILE *out, enum status_format format, const char *const *answers, size_t count);

/* Whether the answer names a process that hangs. */
bool status_format_hangs(const char *answer);

/* Whether the answer is of a tunnel with that name, server or address. */
bool status_format_matches(const char *answer, const char *name);

#endif
