/* SPDX-License-Identifier: ISC */
/* PPP's control packets and their options. */
#include "tests/unit.h"

#include "ppp/ppp_cp.h"

#define READ(octets) ppp_read_packet((const uint8_t *)(octets), sizeof(octets) - 1)

/* Types and lengths of the options, in order. */
static size_t list(struct wire_reader *options, unsigned types_and_lens[8])
{
	struct ppp_option o;
	size_t count = 0;
	while (count < 8 && ppp_next_option(options, &o)) {
		ck_assert_uint_eq(o.octets[0], o.type);
		ck_assert_uint_eq(o.octets[1], o.len);
		types_and_lens[count++] = (unsigned)o.type << 8 | o.len;
	}
	return count;
}

START_TEST(ppp_packet_holds_code_identifier_and_options)
{
	struct ppp_packet p = READ("\x02\x2a\x00\x0c\x01\x04\x05\xdc\x08\x02\x07\x02");
	unsigned options[8];

	ck_assert(p.sound);
	ck_assert_uint_eq(p.code, PPP_CONFIGURE_ACK);
	ck_assert_uint_eq(p.id, 0x2a);
	ck_assert_uint_eq(list(&p.options, options), 3);
	ck_assert_uint_eq(options[0], 0x0104);
	ck_assert_uint_eq(options[1], 0x0802);
	ck_assert_uint_eq(options[2], 0x0702);
	ck_assert(!p.options.failed);
}
END_TEST

START_TEST(ppp_packet_without_options_is_sound)
{
	struct ppp_packet p = READ("\x01\x01\x00\x04");
	unsigned options[8];

	ck_assert(p.sound);
	ck_assert_uint_eq(list(&p.options, options), 0);
	ck_assert(!p.options.failed);
}
END_TEST

START_TEST(ppp_packet_ends_where_its_length_says)
{
	struct ppp_packet p = READ("\x01\x01\x00\x06\x08\x02\x07\x02\x00");
	unsigned options[8];

	ck_assert(p.sound);
	ck_assert_uint_eq(list(&p.options, options), 1);
	ck_assert_uint_eq(options[0], 0x0802);
}
END_TEST

START_TEST(ppp_packet_cut_short_is_not_sound_but_has_its_code)
{
	struct ppp_packet p = READ("\x05\x09\x00\x08\x01\x02\x03");
	ck_assert(!p.sound);
	ck_assert_uint_eq(p.code, PPP_TERMINATE_REQUEST);
	ck_assert_uint_eq(p.id, 9);

	p = READ("\x05\x09\x00");
	ck_assert(!p.sound);
	ck_assert_uint_eq(p.code, PPP_TERMINATE_REQUEST);
	ck_assert(!READ("").sound);
}
END_TEST

START_TEST(ppp_packet_shorter_than_its_header_is_not_sound)
{
	ck_assert(!READ("\x01\x01\x00\x03").sound);
	ck_assert(!READ("\x01\x01\x00\x00\x08\x02").sound);
}
END_TEST

START_TEST(ppp_options_that_do_not_add_up_fail_behind_those_that_do)
{
	static const char *const bad[] = {
	    "\x08\x02\x07",         /* no length */
	    "\x08\x02\x07\x01",     /* shorter than its header */
	    "\x08\x02\x07\x00",     /* the same, would never end */
	    "\x08\x02\x07\x04\x01", /* longer than what is left */
	};
	static const size_t lens[] = {3, 4, 4, 5};

	for (size_t i = 0; i < 4; i++) {
		struct wire_reader r = wire_read((const uint8_t *)bad[i], lens[i]);
		unsigned options[8];
		ck_assert_uint_eq(list(&r, options), 1);
		ck_assert_uint_eq(options[0], 0x0802);
		ck_assert(r.failed);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ppp_packet");
	TCase *tc = tcase_create("ppp_packet");
	tcase_add_test(tc, ppp_packet_holds_code_identifier_and_options);
	tcase_add_test(tc, ppp_packet_without_options_is_sound);
	tcase_add_test(tc, ppp_packet_ends_where_its_length_says);
	tcase_add_test(tc, ppp_packet_cut_short_is_not_sound_but_has_its_code);
	tcase_add_test(tc, ppp_packet_shorter_than_its_header_is_not_sound);
	tcase_add_test(tc, ppp_options_that_do_not_add_up_fail_behind_those_that_do);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
