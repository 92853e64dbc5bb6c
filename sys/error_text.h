/* SPDX-License-Identifier: ISC */
#ifndef PPTP_ERROR_TEXT_H
#define PPTP_ERROR_TEXT_H

/* strerror() with glibc's texts whatever the C library: programs match them in our output. The
 * string is constant for errors in the table, else as long-lived as strerror's. */
const char *error_text(int error);

#endif
