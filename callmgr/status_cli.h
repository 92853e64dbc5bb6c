/* SPDX-License-Identifier: ISC */
/*
 * `pptp --status`: asks the call managers of this host how they and their calls are, and prints what
 * they say. Takes no part in any call; the answer is status_text.c's.
 */
#ifndef PPTP_STATUS_CLI_H
#define PPTP_STATUS_CLI_H

#include "pptp_options.h"

/*
 * Prints the answers to stdout in the form that is asked for, of the server (or name) that is given or
 * of all, and what could not be asked to stderr. Takes 2 s where a call manager hangs. The exit status:
 * 0 where all have answered; EXIT_HANGING where one hangs, which is shown as such; EXIT_FAILED where
 * there is none or an answer is missing.
 */
int status_main(const struct pptp_options *o);

#endif
