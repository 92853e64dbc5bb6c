/* SPDX-License-Identifier: ISC */
/* Texts of errors that other programs match in our output. */
#include "sys/error_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "unit.h"

START_TEST(error_text_is_what_other_programs_match)
{
	ck_assert_str_eq(error_text(EIO), "Input/output error");
	ck_assert_str_eq(error_text(ENETUNREACH), "Network is unreachable");
	ck_assert_str_eq(error_text(ETIMEDOUT), "Connection timed out");
	ck_assert_str_eq(error_text(ECONNREFUSED), "Connection refused");
	ck_assert_str_eq(error_text(EHOSTUNREACH), "No route to host");
}
END_TEST

#ifdef __GLIBC__
START_TEST(error_text_is_glibcs)
{
	char ours[128];
	for (int error = 0; error < 140; error++) {
		snprintf(
		    ours, sizeof(ours), "%s", error_text(error)); /* strerror frees its last text */
		ck_assert_str_eq(ours, strerror(error));
	}
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("error_text");
	TCase *tc = tcase_create("error_text");
	tcase_add_test(tc, error_text_is_what_other_programs_match);
#ifdef __GLIBC__
	tcase_add_test(tc, error_text_is_glibcs);
#endif
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
