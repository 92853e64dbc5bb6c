/* SPDX-License-Identifier: ISC */
/* What every Check suite here shares: a main that prints TAP, one line per behaviour. */
#ifndef PPTP_TESTS_UNIT_H
#define PPTP_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

static inline int unit_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
