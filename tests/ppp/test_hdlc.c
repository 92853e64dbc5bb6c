/* SPDX-License-Identifier: ISC */
/*
 * The fast framing against the definition: each case covers every length, every split or every byte
 * value. HDLC_TEST_SEED repeats a run with random data.
 */
#include "ppp/hdlc.h"

#include <string.h>

#include "cases.h"
#include "fcs16_plain.h"
#include "unit.h"

enum {
	LONGEST = 2100,
	SPACE = HDLC_ENCODED_MAX(LONGEST),
	GUARD = 0xa5,
};

static fcs16_fn *fcs16; /* each test runs once for each implementation */

static void fill_random(uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(random32() >> 24);
}

/* Only bytes that framing treats specially, and their neighbours. */
static void fill_special(uint8_t *bytes, size_t len)
{
	static const uint8_t special[] = {0x7d, 0x7e, 0x5d, 0x5e, 0x00, 0x1f, 0x20, 0xff};
	for (size_t i = 0; i < len; i++)
		bytes[i] = special[random32() % sizeof(special)];
}

static uint8_t *put_plain(uint8_t *out, uint8_t byte, uint32_t accm)
{
	if (byte == 0x7d || byte == 0x7e || (byte < 0x20 && (accm & UINT32_C(1) << byte))) {
		*out++ = 0x7d;
		byte ^= 0x20;
	}
	*out++ = byte;
	return out;
}

/* The definition of RFC 1662, byte by byte. */
static size_t encode_plain(
    const uint8_t *frame, size_t len, uint32_t accm, bool open_flag, uint8_t *out)
{
	uint8_t *at = out;
	unsigned fcs = fcs16_plain(FCS16_INITIAL, frame, len) ^ 0xffffu;
	if (open_flag)
		*at++ = 0x7e;
	for (size_t i = 0; i < len; i++)
		at = put_plain(at, frame[i], accm);
	at = put_plain(at, (uint8_t)fcs, accm);
	at = put_plain(at, (uint8_t)(fcs >> 8), accm);
	*at++ = 0x7e;
	return (size_t)(at - out);
}

static void check_encode(const uint8_t *frame, size_t len, uint32_t accm, bool open_flag)
{
	static uint8_t want[SPACE], got[SPACE + 1];
	size_t want_len = encode_plain(frame, len, accm, open_flag, want);
	got[HDLC_ENCODED_MAX(len)] = GUARD;
	size_t got_len = hdlc_encode(fcs16, frame, len, accm, open_flag, got);
	ck_assert_uint_eq(got_len, want_len);
	ck_assert_mem_eq(got, want, want_len);
	ck_assert_uint_eq(got[HDLC_ENCODED_MAX(len)], GUARD);
}

/* Feeds pieces of at most `step` bytes; the last one must complete the only frame. */
static void check_decode(
    const uint8_t *in, size_t len, size_t step, size_t cap, const uint8_t *frame, size_t frame_len)
{
	static uint8_t buffer[LONGEST + 64];
	struct hdlc_decoder d;
	size_t used;
	memset(buffer, GUARD, sizeof(buffer));
	hdlc_decoder_init(&d, fcs16, buffer, cap);
	enum hdlc_event event = HDLC_MORE;
	for (size_t at = 0; at < len; at += used) {
		ck_assert_int_eq(event, HDLC_MORE);
		event = hdlc_decode(&d, in + at, len - at < step ? len - at : step, &used);
		ck_assert_uint_gt(used, 0);
	}
	ck_assert_int_eq(event, HDLC_FRAME);
	ck_assert_uint_eq(d.frame_len, frame_len);
	ck_assert_mem_eq(d.frame, frame, frame_len);
	ck_assert_uint_eq(buffer[cap], GUARD);
}

static enum hdlc_event decode_all(
    const uint8_t *in, size_t len, uint8_t *buffer, size_t cap, size_t *frame_len)
{
	struct hdlc_decoder d;
	size_t used;
	hdlc_decoder_init(&d, fcs16, buffer, cap);
	enum hdlc_event event = hdlc_decode(&d, in, len, &used);
	ck_assert_uint_eq(used, len);
	*frame_len = d.frame_len;
	return event;
}

START_TEST(hdlc_encode_equals_the_definition_at_every_length_and_accm)
{
	static uint8_t bytes[LONGEST + 16];
	for (size_t len = 0; len <= LONGEST; len++) {
		uint8_t *frame = bytes + len % 16;
		if (len % 3)
			fill_random(frame, len);
		else
			fill_special(frame, len);
		check_encode(frame, len, HDLC_ACCM_NONE, true);
		check_encode(frame, len, HDLC_ACCM_ALL, false);
		check_encode(frame, len, random32(), len % 2);
	}
}
END_TEST

START_TEST(hdlc_encode_fits_its_bound_with_every_byte_escaped)
{
	static uint8_t frame[LONGEST];
	for (size_t len = 0; len <= 100; len++) {
		memset(frame, HDLC_FLAG, len);
		check_encode(frame, len, HDLC_ACCM_NONE, true);
		check_encode(frame, len, HDLC_ACCM_ALL, true);
		check_encode(frame, len, 0xa0000, true);
	}
}
END_TEST

START_TEST(hdlc_escapes_exactly_the_bytes_in_the_accm)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		uint8_t frame[40];
		memset(frame, 'x', sizeof(frame));
		for (size_t at = 0; at < sizeof(frame); at++) {
			frame[at] = (uint8_t)byte;
			check_encode(frame, sizeof(frame), HDLC_ACCM_NONE, true);
			check_encode(frame, sizeof(frame), HDLC_ACCM_ALL, true);
			check_encode(frame, sizeof(frame), UINT32_C(1) << byte % 32, true);
			check_encode(frame, sizeof(frame), ~(UINT32_C(1) << byte % 32), true);
			frame[at] = 'x';
		}
	}
}
END_TEST

START_TEST(hdlc_decodes_what_it_encodes_at_every_length)
{
	static uint8_t frame[LONGEST], encoded[SPACE];
	for (size_t len = 2; len <= LONGEST; len++) {
		static const uint32_t maps[] = {HDLC_ACCM_NONE, HDLC_ACCM_ALL, 0xa0000};
		if (len % 3)
			fill_random(frame, len);
		else
			fill_special(frame, len);
		size_t n = hdlc_encode(fcs16, frame, len, maps[random32() % 3], true, encoded);
		check_decode(encoded, n, n, len + 2, frame, len);
		check_decode(encoded, n, n, len + 50, frame, len);
		check_decode(encoded, n, 1 + random32() % 64, len + 2, frame, len);
	}
}
END_TEST

START_TEST(hdlc_gives_the_same_frame_at_every_split)
{
	uint8_t frame[150], encoded[HDLC_ENCODED_MAX(150)], buffer[160];
	for (int round = 0; round < 6; round++) {
		round % 2 ? fill_random(frame, sizeof(frame)) : fill_special(frame, sizeof(frame));
		size_t n = hdlc_encode(fcs16, frame, sizeof(frame),
		    round < 3 ? HDLC_ACCM_ALL : HDLC_ACCM_NONE, true, encoded);
		for (size_t split = 0; split < n; split++) {
			struct hdlc_decoder d;
			size_t used;
			hdlc_decoder_init(&d, fcs16, buffer, sizeof(buffer));
			ck_assert_int_eq(hdlc_decode(&d, encoded, split, &used), HDLC_MORE);
			ck_assert_uint_eq(used, split);
			ck_assert_int_eq(
			    hdlc_decode(&d, encoded + split, n - split, &used), HDLC_FRAME);
			ck_assert_uint_eq(used, n - split);
			ck_assert_uint_eq(d.frame_len, sizeof(frame));
			ck_assert_mem_eq(d.frame, frame, sizeof(frame));
		}
		for (size_t step = 1; step <= n; step++)
			check_decode(encoded, n, step, sizeof(buffer), frame, sizeof(frame));
	}
}
END_TEST

/* Records events, frame lengths and frames, to compare splits of one stream. */
static size_t record_stream(const uint8_t *in, size_t len, size_t step, uint8_t *record)
{
	uint8_t buffer[64];
	struct hdlc_decoder d;
	size_t used, n = 0;
	hdlc_decoder_init(&d, fcs16, buffer, 48);
	for (size_t at = 0; at < len; at += used) {
		size_t left = len - at < step ? len - at : step;
		enum hdlc_event event = hdlc_decode(&d, in + at, left, &used);
		if (event == HDLC_MORE)
			continue;
		record[n++] = (uint8_t)event;
		record[n++] = (uint8_t)d.frame_len;
		memcpy(record + n, d.frame, d.frame_len);
		n += d.frame_len;
	}
	return n;
}

START_TEST(hdlc_gives_the_same_events_of_damaged_input_at_every_split)
{
	static uint8_t in[4000], want[8000], got[8000];
	unsigned seen[HDLC_OVERSIZE + 1] = {0};
	for (int round = 0; round < 200; round++) {
		size_t len = 0;
		while (len < sizeof(in) - 200) {
			uint8_t frame[60];
			size_t n = random32() % sizeof(frame);
			random32() % 2 ? fill_random(frame, n) : fill_special(frame, n);
			len += hdlc_encode(fcs16, frame, n, random32() % 2 ? HDLC_ACCM_ALL : 0,
			    random32() % 2, in + len);
			if (random32() % 3 == 0)
				in[len - 1 - random32() % 3] =
				    random32() % 2 ? HDLC_ESCAPE : HDLC_FLAG;
		}
		size_t want_len = record_stream(in, len, len, want);
		seen[want[0]]++;
		for (size_t at = 0; at < want_len; at += 2u + want[at + 1])
			seen[want[at]]++;
		for (size_t step = 1; step < 70; step += 1 + random32() % 8) {
			ck_assert_uint_eq(record_stream(in, len, step, got), want_len);
			ck_assert_mem_eq(got, want, want_len);
		}
	}
	for (int event = HDLC_FRAME; event <= HDLC_OVERSIZE; event++)
		ck_assert_uint_gt(seen[event], 0);
}
END_TEST

START_TEST(hdlc_ignores_bytes_before_the_first_flag)
{
	uint8_t in[100] = "\x7d noise \x7d", buffer[64];
	size_t frame_len, n = 10;
	n +=
	    hdlc_encode(fcs16, (const uint8_t *)"\xff\x03\xc0\x21", 4, HDLC_ACCM_ALL, true, in + n);
	ck_assert_int_eq(decode_all(in, n, buffer, sizeof(buffer), &frame_len), HDLC_FRAME);
	ck_assert_uint_eq(frame_len, 4);
	ck_assert_mem_eq(buffer, "\xff\x03\xc0\x21", 4);
}
END_TEST

START_TEST(hdlc_reports_nothing_between_consecutive_flags)
{
	uint8_t flags[40], buffer[64];
	size_t frame_len;
	memset(flags, HDLC_FLAG, sizeof(flags));
	ck_assert_int_eq(
	    decode_all(flags, sizeof(flags), buffer, sizeof(buffer), &frame_len), HDLC_MORE);
}
END_TEST

START_TEST(hdlc_decodes_frames_that_share_a_flag)
{
	uint8_t in[100], buffer[64];
	struct hdlc_decoder d;
	size_t used, first = hdlc_encode(fcs16, (const uint8_t *)"one", 3, 0, true, in);
	size_t n = first + hdlc_encode(fcs16, (const uint8_t *)"three", 5, 0, false, in + first);
	hdlc_decoder_init(&d, fcs16, buffer, sizeof(buffer));
	ck_assert_int_eq(hdlc_decode(&d, in, n, &used), HDLC_FRAME);
	ck_assert_uint_eq(used, first);
	ck_assert_uint_eq(d.frame_len, 3);
	hdlc_decoder_set_buffer(&d, buffer + 32, 32);
	ck_assert_int_eq(hdlc_decode(&d, in + first, n - first, &used), HDLC_FRAME);
	ck_assert_uint_eq(used, n - first);
	ck_assert_mem_eq(buffer, "one", 3);
	ck_assert_uint_eq(d.frame_len, 5);
	ck_assert_mem_eq(buffer + 32, "three", 5);
}
END_TEST

START_TEST(hdlc_drops_frame_with_bad_fcs)
{
	uint8_t frame[60], in[HDLC_ENCODED_MAX(60)], buffer[64];
	memset(frame, 'x', sizeof(frame));
	size_t frame_len, n = hdlc_encode(fcs16, frame, sizeof(frame), 0, true, in);
	for (size_t bit = 8; bit < 8 * (sizeof(frame) + 1); bit++) {
		in[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(
		    decode_all(in, n, buffer, sizeof(buffer), &frame_len), HDLC_BAD_FCS);
		ck_assert_uint_eq(frame_len, 0);
		in[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_int_eq(decode_all(in, n, buffer, sizeof(buffer), &frame_len), HDLC_FRAME);
}
END_TEST

START_TEST(hdlc_reports_frames_below_four_bytes_as_short)
{
	uint8_t in[HDLC_ENCODED_MAX(2)], buffer[64];
	size_t frame_len;
	for (size_t len = 0; len < 2; len++) {
		size_t n = hdlc_encode(fcs16, (const uint8_t *)"ab", len, 0, true, in);
		ck_assert_int_eq(decode_all(in, n, buffer, sizeof(buffer), &frame_len), HDLC_SHORT);
	}
	size_t n = hdlc_encode(fcs16, (const uint8_t *)"ab", 2, 0, true, in);
	ck_assert_int_eq(decode_all(in, n, buffer, sizeof(buffer), &frame_len), HDLC_FRAME);
}
END_TEST

START_TEST(hdlc_aborts_a_frame_at_escape_and_flag_and_decodes_the_next)
{
	uint8_t in[100] = "~abcdefgh}~", buffer[64];
	struct hdlc_decoder d;
	size_t used, n = 11 + hdlc_encode(fcs16, (const uint8_t *)"good", 4, 0, false, in + 11);
	hdlc_decoder_init(&d, fcs16, buffer, sizeof(buffer));
	ck_assert_int_eq(hdlc_decode(&d, in, n, &used), HDLC_ABORTED);
	ck_assert_uint_eq(used, 11);
	ck_assert_int_eq(hdlc_decode(&d, in + 11, n - 11, &used), HDLC_FRAME);
	ck_assert_mem_eq(d.frame, "good", 4);
	ck_assert_int_eq(
	    decode_all((const uint8_t *)"~}~", 3, buffer, sizeof(buffer), &n), HDLC_ABORTED);
}
END_TEST

START_TEST(hdlc_reports_an_oversize_frame_once_and_skips_all_of_it)
{
	static uint8_t frame[300], in[1000], buffer[128];
	fill_random(frame, sizeof(frame));
	for (size_t len = 99; len < sizeof(frame); len++) {
		struct hdlc_decoder d;
		size_t used, n = hdlc_encode(fcs16, frame, len, HDLC_ACCM_ALL, true, in);
		size_t next = n + hdlc_encode(fcs16, (const uint8_t *)"good", 4, 0, false, in + n);
		memset(buffer, GUARD, sizeof(buffer));
		hdlc_decoder_init(&d, fcs16, buffer, 100);
		ck_assert_int_eq(hdlc_decode(&d, in, next, &used), HDLC_OVERSIZE);
		ck_assert_uint_eq(used, n);
		ck_assert_int_eq(hdlc_decode(&d, in + n, next - n, &used), HDLC_FRAME);
		ck_assert_mem_eq(d.frame, "good", 4);
		ck_assert_uint_eq(buffer[100], GUARD);
	}
}
END_TEST

START_TEST(hdlc_accepts_unescaped_control_bytes)
{
	uint8_t frame[64], in[HDLC_ENCODED_MAX(64)];
	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = (uint8_t)(i % 32);
	size_t n = hdlc_encode(fcs16, frame, sizeof(frame), HDLC_ACCM_NONE, true, in);
	check_decode(in, n, n, 66, frame, sizeof(frame));
}
END_TEST

START_TEST(hdlc_accepts_any_byte_escaped)
{
	uint8_t frame[256], in[2 * 256 + 10], buffer[258];
	size_t frame_len, n = 0;
	in[n++] = HDLC_FLAG;
	for (size_t i = 0; i < sizeof(frame); i++) {
		frame[i] = (uint8_t)i;
		if ((i ^ 0x20) == HDLC_FLAG) { /* 7d 7e would be an abort */
			in[n++] = (uint8_t)i;
			continue;
		}
		in[n++] = HDLC_ESCAPE;
		in[n++] = (uint8_t)(i ^ 0x20);
	}
	unsigned fcs = fcs16_plain(FCS16_INITIAL, frame, sizeof(frame)) ^ 0xffffu;
	uint8_t *end = put_plain(in + n, (uint8_t)fcs, HDLC_ACCM_ALL);
	end = put_plain(end, (uint8_t)(fcs >> 8), HDLC_ACCM_ALL);
	*end++ = HDLC_FLAG;
	n = (size_t)(end - in);
	ck_assert_int_eq(decode_all(in, n, buffer, sizeof(buffer), &frame_len), HDLC_FRAME);
	ck_assert_uint_eq(frame_len, sizeof(frame));
	ck_assert_mem_eq(buffer, frame, sizeof(frame));
}
END_TEST

static void use_sliced(void)
{
	fcs16 = fcs16_sliced;
}

/* The same as use_sliced on a processor without PCLMULQDQ. */
static void use_fastest(void)
{
	fcs16 = fcs16_fastest();
}

static TCase *all_tests(const char *name, void (*set_up)(void))
{
	TCase *tc = tcase_create(name);
	tcase_set_tags(tc, name);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, hdlc_encode_equals_the_definition_at_every_length_and_accm);
	tcase_add_test(tc, hdlc_encode_fits_its_bound_with_every_byte_escaped);
	tcase_add_test(tc, hdlc_escapes_exactly_the_bytes_in_the_accm);
	tcase_add_test(tc, hdlc_decodes_what_it_encodes_at_every_length);
	tcase_add_test(tc, hdlc_gives_the_same_frame_at_every_split);
	tcase_add_test(tc, hdlc_gives_the_same_events_of_damaged_input_at_every_split);
	tcase_add_test(tc, hdlc_ignores_bytes_before_the_first_flag);
	tcase_add_test(tc, hdlc_reports_nothing_between_consecutive_flags);
	tcase_add_test(tc, hdlc_decodes_frames_that_share_a_flag);
	tcase_add_test(tc, hdlc_drops_frame_with_bad_fcs);
	tcase_add_test(tc, hdlc_reports_frames_below_four_bytes_as_short);
	tcase_add_test(tc, hdlc_aborts_a_frame_at_escape_and_flag_and_decodes_the_next);
	tcase_add_test(tc, hdlc_reports_an_oversize_frame_once_and_skips_all_of_it);
	tcase_add_test(tc, hdlc_accepts_unescaped_control_bytes);
	tcase_add_test(tc, hdlc_accepts_any_byte_escaped);
	return tc;
}

int main(void)
{
	seed_random("HDLC_TEST_SEED");
	Suite *suite = suite_create("hdlc");
	suite_add_tcase(suite, all_tests("sliced", use_sliced));
	suite_add_tcase(suite, all_tests("fastest", use_fastest));
	return unit_run(suite);
}
