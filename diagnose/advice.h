/* SPDX-License-Identifier: ISC */
/* What follows for the user of a way that works: the mtu to give to pppd, and a peers file. */
#ifndef PPTP_ADVICE_H
#define PPTP_ADVICE_H

#include "pptp_options.h"
#include "diagnose/report.h"

/* Writes both into the report. `path_mtu` 0: not known, and pppd's own default is left alone. */
void advice_add(struct report *report, const struct pptp_options *o, unsigned path_mtu);

#endif
