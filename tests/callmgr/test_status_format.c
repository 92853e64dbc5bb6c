/* SPDX-License-Identifier: ISC */
/* What programs read; the answers may be those of another user's program. */
#include "callmgr/status_format.h"

#include <string.h>

#include "unit.h"

static char printed[4096];

static const char *print(enum status_format format, const char *answer)
{
	FILE *out = fmemopen(printed, sizeof(printed), "w");
	ck_assert_ptr_nonnull(out);
	status_format_print(out, format, &answer, 1);
	fclose(out);
	return printed;
}

START_TEST(json_has_no_number_that_begins_with_zero)
{
	ck_assert_str_eq(print(STATUS_JSON, "pid=007\ncall.1.id=0\ncall.1.rx_lost=00\n"),
	    "{\"tunnels\": [\n{\"pid\": \"007\", \"call\": {\"id\": 0, "
	    "\"counters\": {\"rx_lost\": \"00\"}}}\n]}\n");
}
END_TEST

START_TEST(json_escapes_quotes_and_backslashes)
{
	ck_assert_str_eq(print(STATUS_JSON, "session=a\"\\\n"),
	    "{\"tunnels\": [\n{\"name\": \"a\\\"\\\\\"}\n]}\n");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("status_format");
	TCase *tc = tcase_create("json");
	tcase_add_test(tc, json_has_no_number_that_begins_with_zero);
	tcase_add_test(tc, json_escapes_quotes_and_backslashes);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
