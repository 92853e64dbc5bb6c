/* SPDX-License-Identifier: ISC */
/*
 * `pptp --diagnose SERVER`: goes the way of a call step by step, without pppd, and prints what each
 * step has found. diagnose/ has the steps; here is their order, and what is given up before the first
 * byte from the network is read.
 */
#ifndef PPTP_DIAGNOSE_H
#define PPTP_DIAGNOSE_H

#include "pptp_options.h"

/*
 * Prints the report to stdout in the form that is asked for. Returns the exit status: 0, or that of the
 * lowest step with a problem (report.h), or EXIT_FAILED where the diagnosis itself has failed. Gives
 * up all privileges of this process.
 */
int diagnose_main(const struct pptp_options *o);

#endif
