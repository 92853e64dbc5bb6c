/* SPDX-License-Identifier: ISC */
/* For the Check suites: runs a suite with TAP output, and counts descriptors to find leaks. */
#ifndef PPTP_TESTS_UNIT_H
#define PPTP_TESTS_UNIT_H

#include <check.h>
#include <dirent.h>
#include <stdlib.h>

static inline int open_descriptors(void)
{
	int n = 0;
	DIR *d = opendir("/proc/self/fd");
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

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
