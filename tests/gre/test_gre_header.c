/* SPDX-License-Identifier: ISC */
/* The enhanced GRE header: each combination of flags, each truncation, each wrong bit. */
#include "gre/gre_header.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"

enum {
	IP_LEN = 20,
	DATAGRAM_MAX = 200,
};

static const uint8_t ip_header[IP_LEN] = {
    0x45, 0, 0, 0,           /* version 4, five words; type of service; total length */
    0, 0, 0x40, 0,           /* identification; do not fragment */
    64, 47, 0, 0,            /* time to live; GRE; checksum */
    10, 0, 0, 1, 10, 0, 0, 2 /* addresses */
};

struct vector {
	const char *name;
	size_t len;
	uint8_t gre[24];
	struct gre_header header;
};

static const struct vector vectors[] = {
    {"key alone", 8,
	{0x20, 0x01, 0x88, 0x0b, /* K, version 1, PPP */
	    0, 0, 0x12, 0x34},   /* no payload, call 1234 */
	{.call_id = 0x1234}},
    {"acknowledgment alone", 12,
	{0x20, 0x81, 0x88, 0x0b, 0, 0, 0xff, 0xfe, /* K, A; call fffe */
	    0xde, 0xad, 0xbe, 0xef},               /* acknowledgment */
	{.call_id = 0xfffe, .has_ack = true, .ack = 0xdeadbeef}},
    {"payload", 15,
	{0x30, 0x01, 0x88, 0x0b, 0, 3, 0, 1, /* K, S; three bytes; call 1 */
	    0x80, 0, 0, 1,                   /* sequence number */
	    'a', 'b', 'c'},
	{.call_id = 1, .payload_len = 3, .has_seq = true, .seq = 0x80000001}},
    {"payload and acknowledgment", 20,
	{0x30, 0x81, 0x88, 0x0b, 0, 4, 0x80, 0, /* K, S, A; four bytes; call 8000 */
	    0xff, 0xff, 0xff, 0xff,             /* sequence number comes first */
	    0, 0, 0, 7,                         /* then the acknowledgment */
	    0xff, 0x03, 0xc0, 0x21},
	{.call_id = 0x8000,
	    .payload_len = 4,
	    .has_seq = true,
	    .has_ack = true,
	    .seq = 0xffffffff,
	    .ack = 7}},
    {"sequence number without payload", 12, {0x30, 0x01, 0x88, 0x0b, 0, 0, 0, 9, 0, 0, 0, 5},
	{.call_id = 9, .has_seq = true, .seq = 5}},
};

enum {
	VECTORS = sizeof(vectors) / sizeof(vectors[0]),
};

/* Copies into an exact allocation, so that a sanitizer sees any byte read beyond the end. */
static enum gre_verdict decode_exact(
    const uint8_t *bytes, size_t len, struct gre_header *h, size_t *payload_at)
{
	uint8_t *copy = malloc(len + !len);
	const uint8_t *payload;
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, len);
	enum gre_verdict verdict = gre_header_decode(copy, len, h, &payload);
	*payload_at = payload ? (size_t)(payload - copy) : 0;
	free(copy);
	return verdict;
}

static size_t datagram(const struct vector *v, size_t ip_len, uint8_t *out)
{
	memset(out, 1, ip_len); /* IP options that do nothing */
	memcpy(out, ip_header, IP_LEN);
	out[0] = (uint8_t)(0x40 | ip_len / 4);
	memcpy(out + ip_len, v->gre, v->len);
	return ip_len + v->len;
}

static void check_header(const struct gre_header *got, const struct gre_header *want)
{
	ck_assert_uint_eq(got->call_id, want->call_id);
	ck_assert_uint_eq(got->payload_len, want->payload_len);
	ck_assert_int_eq(got->has_seq, want->has_seq);
	ck_assert_int_eq(got->has_ack, want->has_ack);
	ck_assert_uint_eq(got->seq, want->seq);
	ck_assert_uint_eq(got->ack, want->ack);
}

START_TEST(gre_decode_reads_each_combination_of_flags)
{
	const struct vector *v = &vectors[_i];
	uint8_t bytes[DATAGRAM_MAX];
	struct gre_header h;
	size_t at, len = datagram(v, IP_LEN, bytes);
	ck_assert_int_eq(decode_exact(bytes, len, &h, &at), GRE_OK);
	check_header(&h, &v->header);
	ck_assert_uint_eq(at, v->header.payload_len ? len - v->header.payload_len : 0);
}
END_TEST

START_TEST(gre_encode_inverts_decode)
{
	const struct vector *v = &vectors[_i];
	uint8_t out[GRE_HEADER_MAX + 1];
	memset(out, 0xa5, sizeof(out));
	size_t len = gre_header_encode(&v->header, out);
	ck_assert_uint_eq(len, gre_header_len(&v->header));
	ck_assert_uint_eq(len + v->header.payload_len, v->len);
	ck_assert_mem_eq(out, v->gre, len);
	ck_assert_uint_eq(out[len], 0xa5);
}
END_TEST

START_TEST(gre_decode_reports_a_packet_cut_at_any_byte_as_truncated)
{
	const struct vector *v = &vectors[_i];
	uint8_t bytes[DATAGRAM_MAX];
	struct gre_header h;
	for (size_t ip_len = IP_LEN; ip_len <= GRE_IPV4_HEADER_MAX; ip_len += 4) {
		size_t at, len = datagram(v, ip_len, bytes);
		for (size_t cut = 0; cut < len; cut++) {
			ck_assert_int_eq(decode_exact(bytes, cut, &h, &at), GRE_TRUNCATED);
			ck_assert_uint_eq(at, 0);
		}
	}
}
END_TEST

START_TEST(gre_decode_skips_ip_options)
{
	const struct vector *v = &vectors[_i];
	uint8_t bytes[DATAGRAM_MAX];
	struct gre_header h;
	for (size_t ip_len = IP_LEN; ip_len <= GRE_IPV4_HEADER_MAX; ip_len += 4) {
		size_t at, len = datagram(v, ip_len, bytes);
		ck_assert_int_eq(decode_exact(bytes, len, &h, &at), GRE_OK);
		check_header(&h, &v->header);
		ck_assert_mem_eq(h.source, ip_header + 12, GRE_ADDRESS_LEN);
	}
}
END_TEST

START_TEST(gre_decode_ignores_padding_behind_the_payload)
{
	const struct vector *v = &vectors[_i];
	uint8_t bytes[DATAGRAM_MAX] = {0};
	struct gre_header h;
	size_t at, len = datagram(v, IP_LEN, bytes);
	for (size_t padding = 1; padding <= 46; padding++) {
		ck_assert_int_eq(decode_exact(bytes, len + padding, &h, &at), GRE_OK);
		check_header(&h, &v->header);
	}
}
END_TEST

START_TEST(gre_decode_refuses_each_wrong_bit_of_flags_version_and_protocol)
{
	uint8_t bytes[DATAGRAM_MAX];
	struct gre_header h;
	size_t at, len = datagram(&vectors[3], IP_LEN, bytes);
	for (unsigned bit = 0; bit < 32; bit++) {
		uint8_t *byte = &bytes[IP_LEN + bit / 8];
		uint8_t mask = (uint8_t)(0x80u >> bit % 8);
		if (bit == 3 || bit == 8) /* S and A may be set */
			continue;
		*byte ^= mask;
		ck_assert_int_eq(decode_exact(bytes, len, &h, &at), GRE_INVALID);
		*byte ^= mask;
	}
	ck_assert_int_eq(decode_exact(bytes, len, &h, &at), GRE_OK);
}
END_TEST

START_TEST(gre_decode_refuses_a_payload_without_sequence_number)
{
	uint8_t bytes[DATAGRAM_MAX];
	struct gre_header h;
	size_t at, len = datagram(&vectors[2], IP_LEN, bytes);
	bytes[IP_LEN] = 0x20;
	ck_assert_int_eq(decode_exact(bytes, len, &h, &at), GRE_INVALID);
}
END_TEST

START_TEST(gre_decode_refuses_anything_but_ipv4)
{
	uint8_t bytes[DATAGRAM_MAX];
	struct gre_header h;
	size_t at, len = datagram(&vectors[2], IP_LEN, bytes);
	for (unsigned first = 0; first < 256; first++) {
		bytes[0] = (uint8_t)first;
		if (first >> 4 != 4 || (first & 15) < 5)
			ck_assert_int_eq(decode_exact(bytes, len, &h, &at), GRE_INVALID);
	}
}
END_TEST

/* The old client checked against a length that included the IP header, and delivered stale stack. */
START_TEST(gre_decode_delivers_nothing_of_a_packet_that_claims_a_payload_and_has_none)
{
	uint8_t bytes[DATAGRAM_MAX];
	struct gre_header h;
	size_t at;
	datagram(&vectors[2], IP_LEN, bytes);
	bytes[IP_LEN + 5] = 20;
	ck_assert_int_eq(decode_exact(bytes, IP_LEN + 12, &h, &at), GRE_TRUNCATED);
	ck_assert_uint_eq(at, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("gre_header");
	TCase *tc = tcase_create("gre_header");
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, gre_decode_reads_each_combination_of_flags, 0, VECTORS);
	tcase_add_loop_test(tc, gre_encode_inverts_decode, 0, VECTORS);
	tcase_add_loop_test(
	    tc, gre_decode_reports_a_packet_cut_at_any_byte_as_truncated, 0, VECTORS);
	tcase_add_loop_test(tc, gre_decode_skips_ip_options, 0, VECTORS);
	tcase_add_loop_test(tc, gre_decode_ignores_padding_behind_the_payload, 0, VECTORS);
	tcase_add_test(tc, gre_decode_refuses_each_wrong_bit_of_flags_version_and_protocol);
	tcase_add_test(tc, gre_decode_refuses_a_payload_without_sequence_number);
	tcase_add_test(tc, gre_decode_refuses_anything_but_ipv4);
	tcase_add_test(
	    tc, gre_decode_delivers_nothing_of_a_packet_that_claims_a_payload_and_has_none);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
