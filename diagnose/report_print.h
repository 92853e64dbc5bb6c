/* SPDX-License-Identifier: ISC */
/* Prints a report for people and for programs; the form of both is documented in pptp.8. */
#ifndef PPTP_REPORT_PRINT_H
#define PPTP_REPORT_PRINT_H

#include <stdio.h>

#include "diagnose/report.h"

/* One step: a line, and one more with what to do where there is something. */
void report_print_result(FILE *out, const struct report_result *result);

/* After the last step: the mtu and the peers file, where the report has them. */
void report_print_end(FILE *out, const struct report *r);

/* One JSON object with all of it. */
void report_print_json(FILE *out, const struct report *r, const char *server, int exit_status);

#endif
