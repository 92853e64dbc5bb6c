/* SPDX-License-Identifier: ISC */
/* When the negotiated ACCM takes effect, and all that must reset it. */
#include "ppp/accm_snoop.h"

#include <string.h>

#include "ppp/hdlc.h"
#include "unit.h"

enum {
	REQUEST = 1,
	ACK = 2,
	NAK = 3,
	REJECT = 4,
	TERMINATE_REQUEST = 5,
	TERMINATE_ACK = 6,
	ECHO_REQUEST = 9,
	NO_ACCM = -1,
};

struct frame {
	uint8_t bytes[40];
	size_t len;
};

/* An LCP packet with an MRU option, then (unless NO_ACCM) the ACCM option, then a magic number. */
static struct frame lcp(bool full, uint8_t code, uint8_t id, int64_t accm)
{
	static const uint8_t mru[] = {1, 4, 0x05, 0xdc}, magic[] = {5, 6, 1, 2, 3, 4};
	struct frame f = {.len = 0};
	uint8_t *p = f.bytes;
	if (full) {
		*p++ = 0xff;
		*p++ = 0x03;
	}
	*p++ = 0xc0;
	*p++ = 0x21;
	uint8_t *packet = p;
	*p++ = code;
	*p++ = id;
	p += 2;
	memcpy(p, mru, sizeof(mru));
	p += sizeof(mru);
	if (accm != NO_ACCM) {
		*p++ = 2;
		*p++ = 6;
		for (int shift = 24; shift >= 0; shift -= 8)
			*p++ = (uint8_t)((uint64_t)accm >> shift);
	}
	memcpy(p, magic, sizeof(magic));
	p += sizeof(magic);
	packet[2] = 0;
	packet[3] = (uint8_t)(p - packet);
	f.len = (size_t)(p - f.bytes);
	return f;
}

static const uint8_t full_ip[] = {0xff, 0x03, 0x00, 0x21, 0x45};
static const uint8_t short_ip[] = {0x21, 0x45, 0x00};

static void from_pppd(struct accm_snoop *snoop, struct frame f)
{
	accm_snoop_from_pppd(snoop, f.bytes, f.len);
}

static uint32_t to_pppd(struct accm_snoop *snoop, struct frame f)
{
	return accm_snoop_to_pppd(snoop, f.bytes, f.len);
}

static void prove_link_is_up(struct accm_snoop *snoop)
{
	accm_snoop_from_pppd(snoop, full_ip, sizeof(full_ip));
}

static uint32_t data_accm(struct accm_snoop *snoop)
{
	return accm_snoop_to_pppd(snoop, short_ip, sizeof(short_ip));
}

/* Request 7 for `accm`, acknowledged and in use. */
static void bring_up(struct accm_snoop *snoop, bool full, int64_t accm)
{
	accm_snoop_init(snoop);
	from_pppd(snoop, lcp(full, REQUEST, 7, accm));
	to_pppd(snoop, lcp(full, ACK, 7, accm));
	prove_link_is_up(snoop);
}

START_TEST(accm_is_all_until_negotiated)
{
	struct accm_snoop snoop;
	accm_snoop_init(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
}
END_TEST

START_TEST(accm_takes_effect_once_pppd_sends_other_than_lcp)
{
	struct accm_snoop snoop;
	bool full = _i;
	accm_snoop_init(&snoop);
	from_pppd(&snoop, lcp(full, REQUEST, 7, 0));
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	to_pppd(&snoop, lcp(full, ACK, 7, 0));
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	from_pppd(&snoop, lcp(full, ACK, 1, NO_ACCM));
	from_pppd(&snoop, lcp(full, ECHO_REQUEST, 1, NO_ACCM));
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	accm_snoop_from_pppd(&snoop, full_ip, 0);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	_i ? accm_snoop_from_pppd(&snoop, short_ip, 1) : prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), 0);
}
END_TEST

START_TEST(accm_is_the_requested_one)
{
	struct accm_snoop snoop;
	bring_up(&snoop, _i, 0xa0000);
	ck_assert_uint_eq(data_accm(&snoop), 0xa0000);
	ck_assert_uint_eq(accm_snoop_to_pppd(&snoop, full_ip, sizeof(full_ip)), 0xa0000);
}
END_TEST

START_TEST(accm_without_the_option_is_all)
{
	struct accm_snoop snoop;
	bring_up(&snoop, _i, NO_ACCM);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
}
END_TEST

START_TEST(accm_of_lcp_frames_is_always_all)
{
	struct accm_snoop snoop;
	bring_up(&snoop, true, 0);
	ck_assert_uint_eq(data_accm(&snoop), 0);
	ck_assert_uint_eq(to_pppd(&snoop, lcp(true, ECHO_REQUEST, 3, NO_ACCM)), HDLC_ACCM_ALL);
	ck_assert_uint_eq(to_pppd(&snoop, lcp(false, ECHO_REQUEST, 3, NO_ACCM)), HDLC_ACCM_ALL);
	ck_assert_uint_eq(
	    accm_snoop_to_pppd(&snoop, (const uint8_t *)"\xc0\x21", 2), HDLC_ACCM_ALL);
	ck_assert_uint_eq(data_accm(&snoop), 0);
}
END_TEST

START_TEST(accm_takes_effect_only_with_a_matching_ack)
{
	struct accm_snoop snoop;
	accm_snoop_init(&snoop);
	to_pppd(&snoop, lcp(true, ACK, 7, 0)); /* no request yet */
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	from_pppd(&snoop, lcp(true, REQUEST, 7, 0));
	to_pppd(&snoop, lcp(true, ACK, 6, 0)); /* of another request */
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	to_pppd(&snoop, lcp(true, ACK, 7, 0xa0000)); /* other options */
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	to_pppd(&snoop, lcp(true, ACK, 7, NO_ACCM)); /* no ACCM option */
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	to_pppd(&snoop, lcp(true, ACK, 7, 0));
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), 0);
}
END_TEST

START_TEST(accm_that_was_refused_never_takes_effect)
{
	struct accm_snoop snoop;
	accm_snoop_init(&snoop);
	from_pppd(&snoop, lcp(true, REQUEST, 7, 0));
	to_pppd(&snoop, lcp(true, _i ? NAK : REJECT, 7, 0));
	to_pppd(&snoop, lcp(true, ACK, 7, 0));
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	from_pppd(&snoop, lcp(true, REQUEST, 8, 0xff));
	to_pppd(&snoop, lcp(true, ACK, 8, 0xff));
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), 0xff);
}
END_TEST

START_TEST(accm_refusal_of_another_request_is_ignored)
{
	struct accm_snoop snoop;
	accm_snoop_init(&snoop);
	from_pppd(&snoop, lcp(true, REQUEST, 7, 0));
	to_pppd(&snoop, lcp(true, _i ? NAK : REJECT, 6, 0));
	to_pppd(&snoop, lcp(true, ACK, 7, 0));
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), 0);
}
END_TEST

START_TEST(accm_is_reset_by_a_request_from_pppd)
{
	struct accm_snoop snoop;
	bring_up(&snoop, true, 0);
	from_pppd(&snoop, lcp(true, REQUEST, 8, 0));
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	to_pppd(&snoop, lcp(true, ACK, 8, 0));
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), 0);
}
END_TEST

START_TEST(accm_is_reset_by_a_request_from_the_server)
{
	struct accm_snoop snoop;
	bring_up(&snoop, true, 0);
	ck_assert_uint_eq(to_pppd(&snoop, lcp(true, REQUEST, 1, 0)), HDLC_ACCM_ALL);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
}
END_TEST

START_TEST(accm_survives_a_request_from_the_server_after_its_ack)
{
	struct accm_snoop snoop;
	accm_snoop_init(&snoop);
	from_pppd(&snoop, lcp(true, REQUEST, 7, 0));
	to_pppd(&snoop, lcp(true, ACK, 7, 0));
	to_pppd(&snoop, lcp(true, REQUEST, 1, 0));
	from_pppd(&snoop, lcp(true, ACK, 1, 0));
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), 0);
}
END_TEST

START_TEST(accm_is_reset_when_the_link_is_terminated)
{
	struct accm_snoop snoop;
	uint8_t code = _i & 1 ? TERMINATE_REQUEST : TERMINATE_ACK;
	bring_up(&snoop, true, 0);
	if (_i & 2)
		from_pppd(&snoop, lcp(true, code, 9, NO_ACCM));
	else
		to_pppd(&snoop, lcp(true, code, 9, NO_ACCM));
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
}
END_TEST

START_TEST(accm_of_a_truncated_packet_is_ignored)
{
	struct frame request = lcp(true, REQUEST, 7, 0), ack = lcp(true, ACK, 7, 0);
	for (size_t cut = 0; cut < request.len; cut++) {
		struct accm_snoop snoop;
		accm_snoop_init(&snoop);
		accm_snoop_from_pppd(&snoop, request.bytes, cut);
		to_pppd(&snoop, ack);
		prove_link_is_up(&snoop);
		ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
		accm_snoop_init(&snoop);
		from_pppd(&snoop, request);
		accm_snoop_to_pppd(&snoop, ack.bytes, cut);
		prove_link_is_up(&snoop);
		ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	}
}
END_TEST

START_TEST(accm_of_malformed_options_is_ignored)
{
	static const uint8_t lengths[] = {
	    0, 1, 2, 5, 7, 13, 255}; /* of the ACCM option; 6 is right */
	for (size_t i = 0; i < sizeof(lengths); i++) {
		struct frame f = lcp(true, REQUEST, 7, 0);
		struct accm_snoop snoop;
		f.bytes[13] = lengths[i];
		bring_up(&snoop, true, 0);
		from_pppd(&snoop, f);
		ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
		f.bytes[4] = ACK;
		to_pppd(&snoop, f);
		prove_link_is_up(&snoop);
		ck_assert_uint_eq(data_accm(&snoop), HDLC_ACCM_ALL);
	}
}
END_TEST

START_TEST(accm_ignores_padding_after_the_packet)
{
	struct frame f = lcp(true, REQUEST, 7, 0);
	struct accm_snoop snoop;
	accm_snoop_init(&snoop);
	memset(f.bytes + f.len, 0, 5);
	f.len += 5;
	from_pppd(&snoop, f);
	f.bytes[4] = ACK;
	to_pppd(&snoop, f);
	prove_link_is_up(&snoop);
	ck_assert_uint_eq(data_accm(&snoop), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("accm_snoop");
	TCase *tc = tcase_create("accm_snoop");
	tcase_add_test(tc, accm_is_all_until_negotiated);
	tcase_add_loop_test(tc, accm_takes_effect_once_pppd_sends_other_than_lcp, 0, 2);
	tcase_add_loop_test(tc, accm_is_the_requested_one, 0, 2);
	tcase_add_loop_test(tc, accm_without_the_option_is_all, 0, 2);
	tcase_add_test(tc, accm_of_lcp_frames_is_always_all);
	tcase_add_test(tc, accm_takes_effect_only_with_a_matching_ack);
	tcase_add_loop_test(tc, accm_that_was_refused_never_takes_effect, 0, 2);
	tcase_add_loop_test(tc, accm_refusal_of_another_request_is_ignored, 0, 2);
	tcase_add_test(tc, accm_is_reset_by_a_request_from_pppd);
	tcase_add_test(tc, accm_is_reset_by_a_request_from_the_server);
	tcase_add_test(tc, accm_survives_a_request_from_the_server_after_its_ack);
	tcase_add_loop_test(tc, accm_is_reset_when_the_link_is_terminated, 0, 4);
	tcase_add_test(tc, accm_of_a_truncated_packet_is_ignored);
	tcase_add_test(tc, accm_of_malformed_options_is_ignored);
	tcase_add_test(tc, accm_ignores_padding_after_the_packet);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
