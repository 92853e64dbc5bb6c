/* SPDX-License-Identifier: ISC */
#include "unit.h"

#include "control/ctrl_event.h"

START_TEST(ctrl_every_reason_has_a_phrase)
{
	for (int why = CTRL_WHY_NONE; why <= CTRL_WHY_TCP_CLOSED; why++) {
		ck_assert_ptr_nonnull(ctrl_why_text((enum ctrl_why)why));
		ck_assert_str_ne(ctrl_why_text((enum ctrl_why)why), "unknown reason");
	}
	ck_assert_str_eq(ctrl_why_text((enum ctrl_why)(CTRL_WHY_TCP_CLOSED + 1)), "unknown reason");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctrl_event");
	TCase *all = tcase_create("all");
	tcase_add_test(all, ctrl_every_reason_has_a_phrase);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
