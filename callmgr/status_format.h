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

/* Prints `count` answers. Their bytes are printable, but for the ends of lines. */
void status_format_print(
    FILE *out, enum status_format format, const char *const *answers, size_t count);

/* Whether the answer names a process that hangs. */
bool status_format_hangs(const char *answer);

/* Whether the answer is of a tunnel with that name, server or address. */
bool status_format_matches(const char *answer, const char *name);

#endif
