/* SPDX-License-Identifier: ISC */
/* PPP control packets and their options. */
#include "unit.h"

#include "ppp/ppp_cp.h"

#define PARSE(bytes) ppp_cp_parse((const uint8_t *)(bytes), sizeof(bytes) - 1)

/* Types and lengths of the options, in order. */
static size_t list_options(struct wire_reader *options, unsigned types_and_lens[8])
{
	struct ppp_cp_option o;
	size_t count = 0;
	while (count < 8 && ppp_cp_option_next(options, &o)) {
		ck_assert_uint_eq(o.bytes[0], o.type);
		ck_assert_uint_eq(o.bytes[1], o.len);
		types_and_lens[count++] = (unsigned)o.type << 8 | o.len;
	}
	return count;
}

START_TEST(ppp_cp_has_code_identifier_and_options)
{
	struct ppp_cp p = PARSE("\x02\x2a\x00\x0c\x01\x04\x05\xdc\x08\x02\x07\x02");
	unsigned options[8];

	ck_assert(p.valid);
	ck_assert_uint_eq(p.code, PPP_CONFIGURE_ACK);
	ck_assert_uint_eq(p.id, 0x2a);
	ck_assert_uint_eq(list_options(&p.options, options), 3);
	ck_assert_uint_eq(options[0], 0x0104);
	ck_assert_uint_eq(options[1], 0x0802);
	ck_assert_uint_eq(options[2], 0x0702);
	ck_assert(!p.options.failed);
}
END_TEST

START_TEST(ppp_cp_without_options_is_valid)
{
	struct ppp_cp p = PARSE("\x01\x01\x00\x04");
	unsigned options[8];

	ck_assert(p.valid);
	ck_assert_uint_eq(list_options(&p.options, options), 0);
	ck_assert(!p.options.failed);
}
END_TEST

START_TEST(ppp_cp_ends_at_its_stated_length)
{
	struct ppp_cp p = PARSE("\x01\x01\x00\x06\x08\x02\x07\x02\x00");
	unsigned options[8];

	ck_assert(p.valid);
	ck_assert_uint_eq(list_options(&p.options, options), 1);
	ck_assert_uint_eq(options[0], 0x0802);
}
END_TEST

START_TEST(ppp_cp_truncated_is_invalid_but_has_its_code)
{
	struct ppp_cp p = PARSE("\x05\x09\x00\x08\x01\x02\x03");
	ck_assert(!p.valid);
	ck_assert_uint_eq(p.code, PPP_TERMINATE_REQUEST);
	ck_assert_uint_eq(p.id, 9);

	p = PARSE("\x05\x09\x00");
	ck_assert(!p.valid);
	ck_assert_uint_eq(p.code, PPP_TERMINATE_REQUEST);
	ck_assert(!PARSE("").valid);
}
END_TEST

START_TEST(ppp_cp_with_length_below_its_header_is_invalid)
{
	ck_assert(!PARSE("\x01\x01\x00\x03").valid);
	ck_assert(!PARSE("\x01\x01\x00\x00\x08\x02").valid);
}
END_TEST

START_TEST(ppp_cp_option_with_impossible_length_fails_after_valid_ones)
{
	static const char *const bad[] = {
	    "\x08\x02\x07",         /* no length */
	    "\x08\x02\x07\x01",     /* shorter than its header */
	    "\x08\x02\x07\x00",     /* the same; a loop would never end */
	    "\x08\x02\x07\x04\x01", /* longer than what is left */
	};
	static const size_t lens[] = {3, 4, 4, 5};

	for (size_t i = 0; i < 4; i++) {
		struct wire_reader r = wire_read((const uint8_t *)bad[i], lens[i]);
		unsigned options[8];
		ck_assert_uint_eq(list_options(&r, options), 1);
		ck_assert_uint_eq(options[0], 0x0802);
		ck_assert(r.failed);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ppp_cp");
	TCase *tc = tcase_create("ppp_cp");
	tcase_add_test(tc, ppp_cp_has_code_identifier_and_options);
	tcase_add_test(tc, ppp_cp_without_options_is_valid);
	tcase_add_test(tc, ppp_cp_ends_at_its_stated_length);
	tcase_add_test(tc, ppp_cp_truncated_is_invalid_but_has_its_code);
	tcase_add_test(tc, ppp_cp_with_length_below_its_header_is_invalid);
	tcase_add_test(tc, ppp_cp_option_with_impossible_length_fails_after_valid_ones);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
