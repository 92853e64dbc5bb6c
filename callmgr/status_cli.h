/* SPDX-License-Identifier: ISC */
/*
 * `pptp --status`: asks the call managers of this host how they and their calls are, and prints what
 * they say. Takes no part in any call; what stands in an answer is callmgr_text.c's.
 */
#ifndef PPTP_STATUS_H
#define PPTP_STATUS_H

/*
 * Prints the answers to stdout as lines of name=value, an empty line between two, and what could not
 * be asked to stderr. The exit status: 0 where there was an answer, else EXIT_FAILED.
 */
int status_main(void);

#endif
