/* SPDX-License-Identifier: ISC */
/* LCP that is opened without an option of ours, and its echoes. */
#include "unit.h"

#include <string.h>

#include "ppp/lcp_probe.h"

static uint8_t reply[LCP_PROBE_FRAME_MAX];

static struct lcp_probe_answer receive(struct lcp_probe *p, const char *frame, size_t len)
{
	memset(reply, 0xee, sizeof(reply));
	return lcp_probe_receive(p, (const uint8_t *)frame, len, reply, sizeof(reply));
}

#define RECEIVE(p, bytes) receive(p, bytes, sizeof(bytes) - 1)
#define EQUAL(got, len, bytes)                                                                     \
	do {                                                                                       \
		ck_assert_uint_eq(len, sizeof(bytes) - 1);                                         \
		ck_assert_mem_eq(got, bytes, sizeof(bytes) - 1);                                   \
	} while (0)

START_TEST(lcp_probe_request_is_empty_and_the_same_each_time)
{
	uint8_t frame[16];

	for (int i = 0; i < 2; i++) {
		size_t len = lcp_probe_request(frame, sizeof(frame));
		EQUAL(frame, len, "\xff\x03\xc0\x21\x01\x01\x00\x04");
	}
	ck_assert_uint_eq(lcp_probe_request(frame, 7), 0);
}
END_TEST

START_TEST(lcp_probe_is_open_once_both_sides_have_accepted)
{
	struct lcp_probe p = {0};

	struct lcp_probe_answer a = RECEIVE(&p, "\xff\x03\xc0\x21\x02\x01\x00\x04");
	ck_assert_int_eq(a.verdict, LCP_PROBE_ACCEPTED);
	ck_assert(!lcp_probe_is_open(&p));
	a = RECEIVE(&p, "\xff\x03\xc0\x21\x01\x07\x00\x0a\x05\x06\x01\x02\x03\x04");
	ck_assert_int_eq(a.verdict, LCP_PROBE_REQUEST);
	EQUAL(reply, a.reply_len, "\xff\x03\xc0\x21\x02\x07\x00\x0a\x05\x06\x01\x02\x03\x04");
	ck_assert(lcp_probe_is_open(&p));
}
END_TEST

START_TEST(lcp_probe_knows_the_authentication_that_the_peer_asks_for)
{
	static const struct {
		const char *request, *name;
	} wanted[] = {{"\x05\xc2\x23\x81", "MS-CHAPv2"}, {"\x05\xc2\x23\x80", "MS-CHAP"},
	    {"\x05\xc2\x23\x05", "CHAP"}, {"\x04\xc0\x23", "PAP"}, {"\x04\xc2\x27", "EAP"},
	    {"\x05\xc2\x23\x77", NULL}, {"\x04\xc2\x23", NULL}, {"\x02", NULL},
	    {"\x07\xc2\x23\x81", NULL}};
	struct lcp_probe p = {0};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		char frame[] = "\xff\x03\xc0\x21\x01\x07\x00\x0d\x01\x04\x05\xdc\x03\0\0\0\0";
		size_t len = strlen(wanted[i].request);
		memcpy(frame + 13, wanted[i].request, len);
		frame[7] = (char)(9 + len);
		RECEIVE(&p, "\xff\x03\xc0\x21\x01\x06\x00\x09\x03\x05\xc2\x23\x81");
		receive(&p, frame, 13 + len);
		ck_assert_pstr_eq(p.authentication, wanted[i].name);
	}
}
END_TEST

START_TEST(lcp_probe_takes_frames_without_address_and_control)
{
	struct lcp_probe p = {0};

	ck_assert_int_eq(RECEIVE(&p, "\xc0\x21\x02\x01\x00\x04").verdict, LCP_PROBE_ACCEPTED);
}
END_TEST

START_TEST(lcp_probe_refusal_is_an_answer_that_opens_nothing)
{
	struct lcp_probe p = {0};

	struct lcp_probe_answer a = RECEIVE(&p, "\xff\x03\xc0\x21\x03\x01\x00\x08\x01\x04\x05\xdc");
	ck_assert_int_eq(a.verdict, LCP_PROBE_REFUSED);
	ck_assert_uint_eq(a.reply_len, 0);
	ck_assert(!p.ours_accepted);
}
END_TEST

START_TEST(lcp_probe_ignores_acknowledgments_of_other_requests)
{
	struct lcp_probe p = {0};

	ck_assert_int_eq(RECEIVE(&p, "\xff\x03\xc0\x21\x02\x09\x00\x04").verdict, LCP_PROBE_OTHER);
	ck_assert(!p.ours_accepted);
}
END_TEST

START_TEST(lcp_probe_echo_has_the_length_that_is_asked_for)
{
	uint8_t frame[LCP_PROBE_FRAME_MAX];

	size_t len = lcp_probe_echo(0x2a, LCP_PROBE_FRAME_MIN, frame, sizeof(frame));
	EQUAL(frame, len, "\xff\x03\xc0\x21\x09\x2a\x00\x08\x00\x00\x00\x00");
	len = lcp_probe_echo(1, LCP_PROBE_FRAME_MAX, frame, sizeof(frame));
	ck_assert_uint_eq(len, LCP_PROBE_FRAME_MAX);
	ck_assert_uint_eq((unsigned)frame[6] << 8 | frame[7], LCP_PROBE_FRAME_MAX - 4);
	ck_assert_uint_eq(lcp_probe_echo(1, LCP_PROBE_FRAME_MIN - 1, frame, sizeof(frame)), 0);
	ck_assert_uint_eq(lcp_probe_echo(1, LCP_PROBE_FRAME_MAX + 1, frame, sizeof(frame)), 0);
	ck_assert_uint_eq(lcp_probe_echo(1, 100, frame, 99), 0);
}
END_TEST

START_TEST(lcp_probe_echo_reply_names_its_request_and_length)
{
	struct lcp_probe p = {0};

	struct lcp_probe_answer a =
	    RECEIVE(&p, "\xff\x03\xc0\x21\x0a\x2a\x00\x0a\x01\x02\x03\x04\x00\x00");
	ck_assert_int_eq(a.verdict, LCP_PROBE_ECHO_REPLY);
	ck_assert_uint_eq(a.echo_id, 0x2a);
	ck_assert_uint_eq(a.echo_len, 14);
	ck_assert_uint_eq(a.reply_len, 0);
}
END_TEST

START_TEST(lcp_probe_answers_the_peers_echoes_without_its_magic_number)
{
	struct lcp_probe p = {0};

	struct lcp_probe_answer a =
	    RECEIVE(&p, "\xff\x03\xc0\x21\x09\x05\x00\x0a\x01\x02\x03\x04\xaa\xbb");
	ck_assert_int_eq(a.verdict, LCP_PROBE_ECHO_REQUEST);
	EQUAL(reply, a.reply_len, "\xff\x03\xc0\x21\x0a\x05\x00\x0a\x00\x00\x00\x00\xaa\xbb");
	a = RECEIVE(&p, "\xff\x03\xc0\x21\x09\x05\x00\x06\x01\x02");
	ck_assert_uint_eq(a.reply_len, 0);
}
END_TEST

START_TEST(lcp_probe_agrees_to_an_end)
{
	struct lcp_probe p = {0};

	struct lcp_probe_answer a = RECEIVE(&p, "\xff\x03\xc0\x21\x05\x08\x00\x06hi");
	ck_assert_int_eq(a.verdict, LCP_PROBE_TERMINATED);
	EQUAL(reply, a.reply_len, "\xff\x03\xc0\x21\x06\x08\x00\x04");
}
END_TEST

START_TEST(lcp_probe_ignores_what_is_no_lcp_or_is_cut)
{
	struct lcp_probe p = {0};
	static const char request[] = "\xff\x03\xc0\x21\x01\x07\x00\x0a\x05\x06\x01\x02\x03\x04";

	ck_assert_int_eq(RECEIVE(&p, "\xff\x03\x80\x21\x01\x01\x00\x04").verdict, LCP_PROBE_OTHER);
	ck_assert_int_eq(RECEIVE(&p, "\xff\x03\xc0\x21\x08\x01\x00\x04").verdict, LCP_PROBE_OTHER);
	for (size_t len = 0; len < sizeof(request) - 1; len++)
		ck_assert_int_eq(receive(&p, request, len).verdict, LCP_PROBE_OTHER);
	ck_assert(!p.theirs_accepted);
}
END_TEST

START_TEST(lcp_probe_accepts_no_request_whose_acknowledgment_does_not_fit)
{
	static const uint8_t request[] = {0xff, 0x03, 0xc0, 0x21, 1, 7, 0, 8, 5, 4, 1, 2};
	struct lcp_probe p = {.ours_accepted = true};

	struct lcp_probe_answer a =
	    lcp_probe_receive(&p, request, sizeof(request), reply, sizeof(request) - 1);
	ck_assert_uint_eq(a.reply_len, 0);
	ck_assert(!lcp_probe_is_open(&p));
	a = lcp_probe_receive(&p, request, sizeof(request), reply, sizeof(request));
	ck_assert_uint_eq(a.reply_len, sizeof(request));
	ck_assert(lcp_probe_is_open(&p));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lcp_probe");
	TCase *tests = tcase_create("lcp_probe");
	tcase_add_test(tests, lcp_probe_request_is_empty_and_the_same_each_time);
	tcase_add_test(tests, lcp_probe_is_open_once_both_sides_have_accepted);
	tcase_add_test(tests, lcp_probe_knows_the_authentication_that_the_peer_asks_for);
	tcase_add_test(tests, lcp_probe_takes_frames_without_address_and_control);
	tcase_add_test(tests, lcp_probe_refusal_is_an_answer_that_opens_nothing);
	tcase_add_test(tests, lcp_probe_ignores_acknowledgments_of_other_requests);
	tcase_add_test(tests, lcp_probe_echo_has_the_length_that_is_asked_for);
	tcase_add_test(tests, lcp_probe_echo_reply_names_its_request_and_length);
	tcase_add_test(tests, lcp_probe_answers_the_peers_echoes_without_its_magic_number);
	tcase_add_test(tests, lcp_probe_agrees_to_an_end);
	tcase_add_test(tests, lcp_probe_ignores_what_is_no_lcp_or_is_cut);
	tcase_add_test(tests, lcp_probe_accepts_no_request_whose_acknowledgment_does_not_fit);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
