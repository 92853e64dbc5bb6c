/* SPDX-License-Identifier: ISC */
/* Following LCP as a bystander: when the negotiated map counts, and all that must undo it. */
#include "ppp/accm_snoop.h"

#include <string.h>

#include "ppp/hdlc.h"
#include "tests/unit.h"

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
	uint8_t octets[40];
	size_t len;
};

/* An LCP packet with an MRU option, then (unless NO_ACCM) the ACCM option, then a magic number. */
static struct frame lcp(bool full, uint8_t code, uint8_t id, int64_t accm)
{
	static const uint8_t mru[] = {1, 4, 0x05, 0xdc}, magic[] = {5, 6, 1, 2, 3, 4};
	struct frame f = {.len = 0};
	uint8_t *p = f.octets;
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
	f.len = (size_t)(p - f.octets);
	return f;
}

static const uint8_t full_ip[] = {0xff, 0x03, 0x00, 0x21, 0x45};
static const uint8_t short_ip[] = {0x21, 0x45, 0x00};

static void from(struct lcp_accm *w, struct frame f)
{
	lcp_accm_from_pppd(w, f.octets, f.len);
}

static uint32_t to(struct lcp_accm *w, struct frame f)
{
	return lcp_accm_to_pppd(w, f.octets, f.len);
}

static void pppd_uses_link(struct lcp_accm *w)
{
	lcp_accm_from_pppd(w, full_ip, sizeof(full_ip));
}

static uint32_t data_map(struct lcp_accm *w)
{
	return lcp_accm_to_pppd(w, short_ip, sizeof(short_ip));
}

/* Request 7 for `accm`, acknowledged and proved. */
static void bring_up(struct lcp_accm *w, bool full, int64_t accm)
{
	lcp_accm_init(w);
	from(w, lcp(full, REQUEST, 7, accm));
	to(w, lcp(full, ACK, 7, accm));
	pppd_uses_link(w);
}

START_TEST(accm_is_all_until_negotiated)
{
	struct lcp_accm w;
	lcp_accm_init(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
}
END_TEST

START_TEST(accm_counts_only_once_pppd_sends_more_than_lcp)
{
	struct lcp_accm w;
	bool full = _i;
	lcp_accm_init(&w);
	from(&w, lcp(full, REQUEST, 7, 0));
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	to(&w, lcp(full, ACK, 7, 0));
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	from(&w, lcp(full, ACK, 1, NO_ACCM));
	from(&w, lcp(full, ECHO_REQUEST, 1, NO_ACCM));
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	lcp_accm_from_pppd(&w, full_ip, 0);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	_i ? lcp_accm_from_pppd(&w, short_ip, 1) : pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), 0);
}
END_TEST

START_TEST(accm_is_the_one_asked_for)
{
	struct lcp_accm w;
	bring_up(&w, _i, 0xa0000);
	ck_assert_uint_eq(data_map(&w), 0xa0000);
	ck_assert_uint_eq(lcp_accm_to_pppd(&w, full_ip, sizeof(full_ip)), 0xa0000);
}
END_TEST

START_TEST(accm_without_the_option_is_all)
{
	struct lcp_accm w;
	bring_up(&w, _i, NO_ACCM);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
}
END_TEST

START_TEST(accm_of_lcp_frames_is_always_all)
{
	struct lcp_accm w;
	bring_up(&w, true, 0);
	ck_assert_uint_eq(data_map(&w), 0);
	ck_assert_uint_eq(to(&w, lcp(true, ECHO_REQUEST, 3, NO_ACCM)), HDLC_ACCM_ALL);
	ck_assert_uint_eq(to(&w, lcp(false, ECHO_REQUEST, 3, NO_ACCM)), HDLC_ACCM_ALL);
	ck_assert_uint_eq(lcp_accm_to_pppd(&w, (const uint8_t *)"\xc0\x21", 2), HDLC_ACCM_ALL);
	ck_assert_uint_eq(data_map(&w), 0);
}
END_TEST

START_TEST(accm_waits_for_an_acknowledgment_that_matches)
{
	struct lcp_accm w;
	lcp_accm_init(&w);
	to(&w, lcp(true, ACK, 7, 0)); /* nothing asked */
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	from(&w, lcp(true, REQUEST, 7, 0));
	to(&w, lcp(true, ACK, 6, 0)); /* another request's */
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	to(&w, lcp(true, ACK, 7, 0xa0000)); /* other options */
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	to(&w, lcp(true, ACK, 7, NO_ACCM)); /* the option left out */
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	to(&w, lcp(true, ACK, 7, 0));
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), 0);
}
END_TEST

START_TEST(accm_that_was_refused_never_counts)
{
	struct lcp_accm w;
	lcp_accm_init(&w);
	from(&w, lcp(true, REQUEST, 7, 0));
	to(&w, lcp(true, _i ? NAK : REJECT, 7, 0));
	to(&w, lcp(true, ACK, 7, 0));
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	from(&w, lcp(true, REQUEST, 8, 0xff));
	to(&w, lcp(true, ACK, 8, 0xff));
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), 0xff);
}
END_TEST

START_TEST(accm_refusal_of_another_request_is_ignored)
{
	struct lcp_accm w;
	lcp_accm_init(&w);
	from(&w, lcp(true, REQUEST, 7, 0));
	to(&w, lcp(true, _i ? NAK : REJECT, 6, 0));
	to(&w, lcp(true, ACK, 7, 0));
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), 0);
}
END_TEST

START_TEST(accm_starts_anew_with_a_request_from_pppd)
{
	struct lcp_accm w;
	bring_up(&w, true, 0);
	from(&w, lcp(true, REQUEST, 8, 0));
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	to(&w, lcp(true, ACK, 8, 0));
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), 0);
}
END_TEST

START_TEST(accm_goes_back_to_all_with_a_request_from_the_server)
{
	struct lcp_accm w;
	bring_up(&w, true, 0);
	ck_assert_uint_eq(to(&w, lcp(true, REQUEST, 1, 0)), HDLC_ACCM_ALL);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
}
END_TEST

START_TEST(accm_survives_the_server_asking_after_it_acknowledged)
{
	struct lcp_accm w;
	lcp_accm_init(&w);
	from(&w, lcp(true, REQUEST, 7, 0));
	to(&w, lcp(true, ACK, 7, 0));
	to(&w, lcp(true, REQUEST, 1, 0));
	from(&w, lcp(true, ACK, 1, 0));
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), 0);
}
END_TEST

START_TEST(accm_goes_back_to_all_when_the_link_is_terminated)
{
	struct lcp_accm w;
	uint8_t code = _i & 1 ? TERMINATE_REQUEST : TERMINATE_ACK;
	bring_up(&w, true, 0);
	if (_i & 2)
		from(&w, lcp(true, code, 9, NO_ACCM));
	else
		to(&w, lcp(true, code, 9, NO_ACCM));
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
}
END_TEST

START_TEST(accm_of_a_packet_cut_at_any_octet_does_not_count)
{
	struct frame request = lcp(true, REQUEST, 7, 0), ack = lcp(true, ACK, 7, 0);
	for (size_t cut = 0; cut < request.len; cut++) {
		struct lcp_accm w;
		lcp_accm_init(&w);
		lcp_accm_from_pppd(&w, request.octets, cut);
		to(&w, ack);
		pppd_uses_link(&w);
		ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
		lcp_accm_init(&w);
		from(&w, request);
		lcp_accm_to_pppd(&w, ack.octets, cut);
		pppd_uses_link(&w);
		ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	}
}
END_TEST

START_TEST(accm_of_malformed_options_does_not_count)
{
	static const uint8_t lengths[] = {0, 1, 2, 5, 7, 13, 255}; /* of the ACCM option, 6 */
	for (size_t i = 0; i < sizeof(lengths); i++) {
		struct frame f = lcp(true, REQUEST, 7, 0);
		struct lcp_accm w;
		f.octets[13] = lengths[i];
		bring_up(&w, true, 0);
		from(&w, f);
		ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
		f.octets[4] = ACK;
		to(&w, f);
		pppd_uses_link(&w);
		ck_assert_uint_eq(data_map(&w), HDLC_ACCM_ALL);
	}
}
END_TEST

START_TEST(accm_leaves_padding_behind_the_packet_alone)
{
	struct frame f = lcp(true, REQUEST, 7, 0);
	struct lcp_accm w;
	lcp_accm_init(&w);
	memset(f.octets + f.len, 0, 5);
	f.len += 5;
	from(&w, f);
	f.octets[4] = ACK;
	to(&w, f);
	pppd_uses_link(&w);
	ck_assert_uint_eq(data_map(&w), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lcp_accm");
	TCase *tc = tcase_create("lcp_accm");
	tcase_add_test(tc, accm_is_all_until_negotiated);
	tcase_add_loop_test(tc, accm_counts_only_once_pppd_sends_more_than_lcp, 0, 2);
	tcase_add_loop_test(tc, accm_is_the_one_asked_for, 0, 2);
	tcase_add_loop_test(tc, accm_without_the_option_is_all, 0, 2);
	tcase_add_test(tc, accm_of_lcp_frames_is_always_all);
	tcase_add_test(tc, accm_waits_for_an_acknowledgment_that_matches);
	tcase_add_loop_test(tc, accm_that_was_refused_never_counts, 0, 2);
	tcase_add_loop_test(tc, accm_refusal_of_another_request_is_ignored, 0, 2);
	tcase_add_test(tc, accm_starts_anew_with_a_request_from_pppd);
	tcase_add_test(tc, accm_goes_back_to_all_with_a_request_from_the_server);
	tcase_add_test(tc, accm_survives_the_server_asking_after_it_acknowledged);
	tcase_add_loop_test(tc, accm_goes_back_to_all_when_the_link_is_terminated, 0, 4);
	tcase_add_test(tc, accm_of_a_packet_cut_at_any_octet_does_not_count);
	tcase_add_test(tc, accm_of_malformed_options_does_not_count);
	tcase_add_test(tc, accm_leaves_padding_behind_the_packet_alone);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
