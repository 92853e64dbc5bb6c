/* SPDX-License-Identifier: ISC */
/* The control message codec, against the vectors of all 15 messages. */
#include "unit.h"

#include <stdbool.h>
#include <string.h>

#include "control/pptp_msg.h"
#include "vectors/messages.h"

/* Padding differs between an initialiser and memset, so members are compared, type by type. */
static bool same_start(const struct msg_start *a, const struct msg_start *b)
{
	return a->version == b->version && a->result == b->result && a->error == b->error &&
	       a->framing == b->framing && a->bearer == b->bearer &&
	       a->max_channels == b->max_channels && a->firmware == b->firmware &&
	       !strcmp(a->host_name, b->host_name) && !strcmp(a->vendor, b->vendor);
}

static bool same_ocrq(
    const struct msg_outgoing_call_request *a, const struct msg_outgoing_call_request *b)
{
	return a->call_id == b->call_id && a->serial == b->serial && a->min_bps == b->min_bps &&
	       a->max_bps == b->max_bps && a->bearer == b->bearer && a->framing == b->framing &&
	       a->window == b->window && a->processing_delay == b->processing_delay &&
	       a->phone_len == b->phone_len && !strcmp(a->phone, b->phone) &&
	       !strcmp(a->subaddress, b->subaddress);
}

static bool same_ocrp(
    const struct msg_outgoing_call_reply *a, const struct msg_outgoing_call_reply *b)
{
	return a->call_id == b->call_id && a->peer_call_id == b->peer_call_id &&
	       a->result == b->result && a->error == b->error && a->cause == b->cause &&
	       a->connect_bps == b->connect_bps && a->window == b->window &&
	       a->processing_delay == b->processing_delay &&
	       a->physical_channel == b->physical_channel;
}

static bool same_icrp(
    const struct msg_incoming_call_reply *a, const struct msg_incoming_call_reply *b)
{
	return a->call_id == b->call_id && a->peer_call_id == b->peer_call_id &&
	       a->result == b->result && a->error == b->error && a->window == b->window &&
	       a->processing_delay == b->processing_delay;
}

static bool same_cdn(const struct msg_call_disconnect *a, const struct msg_call_disconnect *b)
{
	return a->call_id == b->call_id && a->result == b->result && a->error == b->error &&
	       a->cause == b->cause && !strcmp(a->statistics, b->statistics);
}

static bool same_wen(const struct msg_wan_error *a, const struct msg_wan_error *b)
{
	return a->peer_call_id == b->peer_call_id && a->crc_errors == b->crc_errors &&
	       a->framing_errors == b->framing_errors &&
	       a->hardware_overruns == b->hardware_overruns &&
	       a->buffer_overruns == b->buffer_overruns && a->time_outs == b->time_outs &&
	       a->alignment_errors == b->alignment_errors;
}

static bool same(const struct msg *a, const struct msg *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case MSG_START_CONTROL_CONNECTION_REQUEST:
	case MSG_START_CONTROL_CONNECTION_REPLY:
		return same_start(&a->u.start, &b->u.start);
	case MSG_STOP_CONTROL_CONNECTION_REQUEST:
		return a->u.stop_request.reason == b->u.stop_request.reason;
	case MSG_STOP_CONTROL_CONNECTION_REPLY:
		return a->u.stop_reply.result == b->u.stop_reply.result &&
		       a->u.stop_reply.error == b->u.stop_reply.error;
	case MSG_ECHO_REQUEST:
	case MSG_ECHO_REPLY:
		return a->u.echo.identifier == b->u.echo.identifier &&
		       a->u.echo.result == b->u.echo.result && a->u.echo.error == b->u.echo.error;
	case MSG_OUTGOING_CALL_REQUEST:
		return same_ocrq(&a->u.outgoing_call_request, &b->u.outgoing_call_request);
	case MSG_OUTGOING_CALL_REPLY:
		return same_ocrp(&a->u.outgoing_call_reply, &b->u.outgoing_call_reply);
	case MSG_INCOMING_CALL_REQUEST:
		return a->u.incoming_call_request.call_id == b->u.incoming_call_request.call_id;
	case MSG_INCOMING_CALL_REPLY:
		return same_icrp(&a->u.incoming_call_reply, &b->u.incoming_call_reply);
	case MSG_INCOMING_CALL_CONNECTED:
		return true;
	case MSG_CALL_CLEAR_REQUEST:
		return a->u.call_clear.call_id == b->u.call_clear.call_id;
	case MSG_CALL_DISCONNECT_NOTIFY:
		return same_cdn(&a->u.call_disconnect, &b->u.call_disconnect);
	case MSG_WAN_ERROR_NOTIFY:
		return same_wen(&a->u.wan_error, &b->u.wan_error);
	case MSG_SET_LINK_INFO:
		return a->u.set_link_info.peer_call_id == b->u.set_link_info.peer_call_id &&
		       a->u.set_link_info.send_accm == b->u.set_link_info.send_accm &&
		       a->u.set_link_info.receive_accm == b->u.set_link_info.receive_accm;
	}
	return false;
}

/* Decodes a heap copy of exactly `len` bytes, so that a sanitizer sees a read beyond them. */
static enum msg_verdict decode(const uint8_t *bytes, size_t len, struct msg *m, size_t *used)
{
	uint8_t *copy = malloc(len ? len : 1);
	ck_assert_ptr_nonnull(copy);
	memcpy(copy, bytes, len);
	memset(m, 0xEE, sizeof(*m));
	enum msg_verdict verdict = msg_decode(copy, len, m, used);
	free(copy);
	return verdict;
}

/* A header alone, with any length, kind and type. */
static void make_header(uint8_t *to, unsigned length, unsigned kind, unsigned type)
{
	const uint8_t header[MSG_HEADER_LEN] = {(uint8_t)(length >> 8), (uint8_t)length,
	    (uint8_t)(kind >> 8), (uint8_t)kind, 0x1A, 0x2B, 0x3C, 0x4D, (uint8_t)(type >> 8),
	    (uint8_t)type, 0, 0};
	memcpy(to, header, sizeof(header));
}

START_TEST(msg_lengths_are_those_of_the_rfc)
{
	static const size_t lengths[] = {
	    0, 156, 156, 16, 16, 16, 20, 168, 32, 220, 24, 28, 16, 148, 40, 24, 0};
	for (unsigned type = 0; type < sizeof(lengths) / sizeof(lengths[0]); type++)
		ck_assert_uint_eq(msg_length(type), lengths[type]);
	ck_assert_uint_eq(msg_length(0xFFFF), 0);
	ck_assert_uint_eq(VECTOR_COUNT, 15);
}
END_TEST

START_TEST(msg_decodes_each_vector_field_by_field)
{
	const struct vector *v = &vectors[_i];
	struct msg m;
	size_t used;
	ck_assert_uint_eq(decode(v->bytes, v->len, &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(used, v->len);
	ck_assert_uint_eq(m.excess, 0);
	ck_assert_uint_eq(m.kind, MSG_KIND_CONTROL);
	ck_assert(same(&m, &v->decoded));
}
END_TEST

START_TEST(msg_encode_of_decode_gives_the_same_bytes)
{
	const struct vector *v = &vectors[_i];
	uint8_t made[MSG_LEN_MAX];
	struct msg m;
	size_t used;
	ck_assert_uint_eq(decode(v->bytes, v->len, &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(msg_encode(&m, made, sizeof(made)), v->len);
	ck_assert_mem_eq(made, v->bytes, v->len);
	memset(made, 0xEE, sizeof(made));
	ck_assert_uint_eq(msg_encode(&v->decoded, made, v->len), v->len);
	ck_assert_mem_eq(made, v->bytes, v->len);
	ck_assert_uint_eq(msg_encode(&v->decoded, made, v->len - 1), 0);
}
END_TEST

START_TEST(msg_cut_at_any_byte_is_incomplete)
{
	const struct vector *v = &vectors[_i];
	struct msg m, untouched;
	size_t used;
	memset(&untouched, 0xEE, sizeof(untouched));
	for (size_t len = 0; len < v->len; len++) {
		used = 99;
		ck_assert_uint_eq(decode(v->bytes, len, &m, &used), MSG_INCOMPLETE);
		ck_assert_uint_eq(used, 0);
		ck_assert_mem_eq(&m, &untouched, sizeof(m));
	}
}
END_TEST

START_TEST(msg_decodes_adjacent_messages_one_by_one)
{
	uint8_t stream[VECTOR_COUNT * MSG_LEN_MAX];
	size_t len = 0, at = 0, used;
	struct msg m;
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		memcpy(stream + len, vectors[i].bytes, vectors[i].len);
		len += vectors[i].len;
	}
	for (size_t i = 0; i < VECTOR_COUNT; i++) {
		ck_assert_uint_eq(decode(stream + at, len - at, &m, &used), MSG_COMPLETE);
		ck_assert_uint_eq(used, vectors[i].len);
		ck_assert(same(&m, &vectors[i].decoded));
		at += used;
	}
	ck_assert_uint_eq(at, len);
}
END_TEST

START_TEST(msg_longer_than_its_type_is_accepted_and_the_excess_counted)
{
	const struct vector *v = &vectors[_i];
	uint8_t longer[MSG_LEN_MAX + 5];
	memcpy(longer, v->bytes, v->len);
	memset(longer + v->len, 0xAB, 5);
	longer[0] = (uint8_t)((v->len + 5) >> 8);
	longer[1] = (uint8_t)(v->len + 5);
	struct msg m;
	size_t used;
	ck_assert_uint_eq(decode(longer, v->len + 4, &m, &used), MSG_INCOMPLETE);
	ck_assert_uint_eq(decode(longer, v->len + 5, &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(used, v->len + 5);
	ck_assert_uint_eq(m.excess, 5);
	ck_assert(same(&m, &v->decoded));
}
END_TEST

START_TEST(msg_shorter_than_its_type_is_skipped_whole)
{
	const struct vector *v = &vectors[_i];
	uint8_t bytes[MSG_LEN_MAX];
	struct msg m;
	size_t used;
	memcpy(bytes, v->bytes, v->len);
	for (size_t declared = MSG_HEADER_LEN; declared < v->len; declared++) {
		bytes[0] = (uint8_t)(declared >> 8);
		bytes[1] = (uint8_t)declared;
		ck_assert_uint_eq(decode(bytes, declared - 1, &m, &used), MSG_INCOMPLETE);
		ck_assert_uint_eq(used, 0);
		ck_assert_uint_eq(decode(bytes, v->len, &m, &used), MSG_TOO_SHORT);
		ck_assert_uint_eq(used, declared);
		ck_assert_uint_eq(m.type, v->decoded.type);
	}
}
END_TEST

/* Reserved bytes are zero in the vectors; a receiver ignores their value. */
START_TEST(msg_ignores_reserved_fields)
{
	static const struct {
		size_t vector, at, count;
	} reserved[] = {{0, 10, 2}, {0, 14, 2}, {2, 13, 3}, {3, 14, 2}, {5, 18, 2}, {6, 38, 2},
	    {9, 22, 2}, {10, 14, 2}, {11, 14, 2}, {12, 18, 2}, {13, 14, 2}, {14, 14, 2}};
	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
		const struct vector *v = &vectors[reserved[i].vector];
		uint8_t bytes[MSG_LEN_MAX], made[MSG_LEN_MAX];
		struct msg m;
		size_t used;
		memcpy(bytes, v->bytes, v->len);
		memset(bytes + reserved[i].at, 0xFF, reserved[i].count);
		ck_assert_uint_eq(decode(bytes, v->len, &m, &used), MSG_COMPLETE);
		ck_assert(same(&m, &v->decoded));
		ck_assert_uint_eq(msg_encode(&m, made, sizeof(made)), v->len);
		ck_assert_mem_eq(made, v->bytes, v->len);
	}
}
END_TEST

START_TEST(msg_start_request_never_sends_result_and_error)
{
	struct msg m = vectors[0].decoded;
	uint8_t made[MSG_LEN_MAX];
	m.u.start.result = 7;
	m.u.start.error = 8;
	ck_assert_uint_eq(msg_encode(&m, made, sizeof(made)), vectors[0].len);
	ck_assert_mem_eq(made, vectors[0].bytes, vectors[0].len);
}
END_TEST

START_TEST(msg_text_that_fills_its_field_is_terminated)
{
	uint8_t bytes[156], made[156];
	struct msg m;
	size_t used;
	memcpy(bytes, vector_sccrp, sizeof(bytes));
	memset(bytes + 28, 'h', 64);
	memset(bytes + 92, 'v', 64);
	ck_assert_uint_eq(decode(bytes, sizeof(bytes), &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(strlen(m.u.start.host_name), 64);
	ck_assert_uint_eq(strspn(m.u.start.host_name, "h"), 64);
	ck_assert_uint_eq(strlen(m.u.start.vendor), 64);
	ck_assert_uint_eq(msg_encode(&m, made, sizeof(made)), sizeof(bytes));
	ck_assert_mem_eq(made, bytes, sizeof(bytes));
}
END_TEST

START_TEST(msg_text_ends_at_its_first_nul_and_the_rest_is_not_kept)
{
	uint8_t bytes[148], made[148];
	struct msg m;
	size_t used;
	memcpy(bytes, vector_cdn, sizeof(bytes));
	memset(bytes + 40, 'x', 108);
	ck_assert_uint_eq(decode(bytes, sizeof(bytes), &m, &used), MSG_COMPLETE);
	ck_assert_str_eq(m.u.call_disconnect.statistics, "stats: 7");
	ck_assert_int_eq(m.u.call_disconnect.statistics[20], 0);
	memset(m.u.call_disconnect.statistics + 9, 'y', 50);
	ck_assert_uint_eq(msg_encode(&m, made, sizeof(made)), sizeof(made));
	ck_assert_mem_eq(made, vector_cdn, sizeof(made));
}
END_TEST

START_TEST(msg_with_wrong_magic_is_refused_at_its_first_wrong_byte)
{
	for (size_t at = 4; at < 8; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			uint8_t bytes[16];
			struct msg m;
			size_t used;
			memcpy(bytes, vector_echo_request, sizeof(bytes));
			bytes[at] = (uint8_t)(bytes[at] ^ 1u << bit);
			ck_assert_uint_eq(decode(bytes, at, &m, &used), MSG_INCOMPLETE);
			ck_assert_uint_eq(decode(bytes, at + 1, &m, &used), MSG_BAD_MAGIC);
			ck_assert_uint_eq(used, 0);
			ck_assert_uint_eq(decode(bytes, 16, &m, &used), MSG_BAD_MAGIC);
		}
	}
}
END_TEST

START_TEST(msg_with_impossible_length_is_refused_for_every_type)
{
	static const unsigned types[] = {0, 1, 5, 9, 15, 16, 0x0100, 0xFFFF};
	static const unsigned lengths[] = {0, 1, 2, 11, MSG_STREAM_LEN_MAX + 1, 0x1000, 0xFFFF};
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			uint8_t bytes[MSG_HEADER_LEN];
			struct msg m;
			size_t used;
			make_header(bytes, lengths[l], 1 + (t & 1), types[t]);
			ck_assert_uint_eq(decode(bytes, 1, &m, &used), MSG_INCOMPLETE);
			ck_assert_uint_eq(decode(bytes, 2, &m, &used), MSG_BAD_LENGTH);
			ck_assert_uint_eq(decode(bytes, 12, &m, &used), MSG_BAD_LENGTH);
			ck_assert_uint_eq(used, 0);
		}
	}
}
END_TEST

/* accel-ppp skips such a message by 0 bytes, again and again. */
START_TEST(msg_of_unknown_type_and_length_0_does_not_wedge_the_stream)
{
	uint8_t bytes[MSG_HEADER_LEN];
	struct msg m;
	size_t used;
	make_header(bytes, 0, MSG_KIND_CONTROL, 77);
	ck_assert_uint_eq(decode(bytes, sizeof(bytes), &m, &used), MSG_BAD_LENGTH);
}
END_TEST

START_TEST(msg_of_unknown_type_or_kind_is_skipped_by_its_length)
{
	static const struct {
		unsigned kind, type;
	} unknown[] = {{1, 0}, {1, 16}, {1, 0x0100}, {1, 0x0101}, {1, 0xFFFF}, {2, 1}, {2, 7},
	    {0, 1}, {3, 5}, {0x0100, 1}};
	static const size_t lengths[] = {12, 13, 100, 220, MSG_STREAM_LEN_MAX};
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		for (size_t l = 0; l < sizeof(lengths) / sizeof(lengths[0]); l++) {
			uint8_t bytes[MSG_STREAM_LEN_MAX] = {0};
			struct msg m;
			size_t used;
			make_header(bytes, (unsigned)lengths[l], unknown[i].kind, unknown[i].type);
			ck_assert_uint_eq(decode(bytes, lengths[l] - 1, &m, &used), MSG_INCOMPLETE);
			ck_assert_uint_eq(decode(bytes, lengths[l], &m, &used), MSG_UNKNOWN);
			ck_assert_uint_eq(used, lengths[l]);
			ck_assert_uint_eq(m.type, unknown[i].type);
			ck_assert_uint_eq(m.kind, unknown[i].kind);
		}
	}
}
END_TEST

/* The old client looks for the next magic and executes what it finds there. */
START_TEST(msg_inside_another_is_never_decoded)
{
	uint8_t bytes[148 + 16];
	struct msg m;
	size_t used;
	memcpy(bytes, vector_cdn, 148);
	memcpy(bytes + 20, vector_stop_ccrq, 16);
	memcpy(bytes + 148, vector_echo_request, 16);
	ck_assert_uint_eq(decode(bytes, sizeof(bytes), &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(m.type, MSG_CALL_DISCONNECT_NOTIFY);
	ck_assert_uint_eq(decode(bytes + used, sizeof(bytes) - used, &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(m.type, MSG_ECHO_REQUEST);
	bytes[4] = 0;
	ck_assert_uint_eq(decode(bytes, sizeof(bytes), &m, &used), MSG_BAD_MAGIC);
}
END_TEST

START_TEST(msg_cause_code_is_in_host_order)
{
	struct msg m;
	size_t used;
	ck_assert_uint_eq(decode(vector_cdn, sizeof(vector_cdn), &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(m.u.call_disconnect.cause, 17);
	ck_assert_str_eq(msg_cause_text(m.u.call_disconnect.cause), "busy");
	ck_assert_uint_eq(decode(vector_ocrp, sizeof(vector_ocrp), &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(m.u.outgoing_call_reply.cause, 0x0111);
}
END_TEST

START_TEST(msg_connect_speed_keeps_all_32_bits)
{
	struct msg m = {.type = MSG_OUTGOING_CALL_REPLY};
	uint8_t made[32];
	size_t used;
	m.u.outgoing_call_reply.connect_bps = 100000000;
	ck_assert_uint_eq(msg_encode(&m, made, sizeof(made)), sizeof(made));
	static const uint8_t wire[] = {0x05, 0xF5, 0xE1, 0x00};
	ck_assert_mem_eq(made + 20, wire, 4);
	ck_assert_uint_eq(decode(made, sizeof(made), &m, &used), MSG_COMPLETE);
	ck_assert_uint_eq(m.u.outgoing_call_reply.connect_bps, 100000000);
}
END_TEST

START_TEST(msg_of_unknown_type_is_not_encoded)
{
	uint8_t made[MSG_LEN_MAX];
	struct msg m = {.type = (enum msg_type)0};
	ck_assert_uint_eq(msg_encode(&m, made, sizeof(made)), 0);
	m.type = (enum msg_type)16;
	ck_assert_uint_eq(msg_encode(&m, made, sizeof(made)), 0);
}
END_TEST

START_TEST(msg_types_have_the_names_of_the_rfc)
{
	ck_assert_str_eq(msg_type_name(1), "Start-Control-Connection-Request");
	ck_assert_str_eq(msg_type_name(4), "Stop-Control-Connection-Reply");
	ck_assert_str_eq(msg_type_name(8), "Outgoing-Call-Reply");
	ck_assert_str_eq(msg_type_name(13), "Call-Disconnect-Notify");
	ck_assert_str_eq(msg_type_name(15), "Set-Link-Info");
	ck_assert_str_eq(msg_type_name(0), "unknown");
	ck_assert_str_eq(msg_type_name(16), "unknown");
	ck_assert_str_eq(msg_type_name(0xFFFF), "unknown");
}
END_TEST

START_TEST(msg_codes_have_texts)
{
	static const struct {
		enum msg_type type;
		unsigned last; /* result codes 1 to this one are defined */
	} replies[] = {{MSG_START_CONTROL_CONNECTION_REPLY, 5}, {MSG_OUTGOING_CALL_REPLY, 7},
	    {MSG_CALL_DISCONNECT_NOTIFY, 4}};
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		for (unsigned code = 1; code <= replies[i].last; code++)
			ck_assert_str_ne(msg_result_text(replies[i].type, code), "");
		ck_assert_str_eq(msg_result_text(replies[i].type, replies[i].last + 1), "");
	}
	ck_assert_str_eq(msg_result_text(MSG_OUTGOING_CALL_REPLY, 3), "no carrier");
	ck_assert_str_eq(msg_result_text(MSG_OUTGOING_CALL_REPLY, 4), "busy");
	ck_assert_ptr_nonnull(
	    strstr(msg_result_text(MSG_START_CONTROL_CONNECTION_REPLY, 4), "not authorised"));
	ck_assert_str_eq(msg_result_text(MSG_ECHO_REQUEST, 1), "");
	for (unsigned code = 0; code <= 6; code++)
		ck_assert_str_ne(msg_error_text(code), "");
	ck_assert_str_eq(msg_error_text(7), "");
	for (unsigned code = 1; code <= 3; code++)
		ck_assert_str_ne(msg_stop_reason_text(code), "");
	ck_assert_str_eq(msg_stop_reason_text(0), "it gave no reason");
	ck_assert_str_eq(msg_cause_text(0), "");
	ck_assert_str_eq(msg_cause_text(0x1100), "");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pptp_msg");
	TCase *each = tcase_create("each");
	tcase_add_loop_test(each, msg_decodes_each_vector_field_by_field, 0, VECTOR_COUNT);
	tcase_add_loop_test(each, msg_encode_of_decode_gives_the_same_bytes, 0, VECTOR_COUNT);
	tcase_add_loop_test(each, msg_cut_at_any_byte_is_incomplete, 0, VECTOR_COUNT);
	tcase_add_loop_test(
	    each, msg_longer_than_its_type_is_accepted_and_the_excess_counted, 0, VECTOR_COUNT);
	tcase_add_loop_test(each, msg_shorter_than_its_type_is_skipped_whole, 0, VECTOR_COUNT);
	suite_add_tcase(suite, each);
	TCase *all = tcase_create("all");
	tcase_add_test(all, msg_lengths_are_those_of_the_rfc);
	tcase_add_test(all, msg_decodes_adjacent_messages_one_by_one);
	tcase_add_test(all, msg_ignores_reserved_fields);
	tcase_add_test(all, msg_start_request_never_sends_result_and_error);
	tcase_add_test(all, msg_text_that_fills_its_field_is_terminated);
	tcase_add_test(all, msg_text_ends_at_its_first_nul_and_the_rest_is_not_kept);
	tcase_add_test(all, msg_with_wrong_magic_is_refused_at_its_first_wrong_byte);
	tcase_add_test(all, msg_with_impossible_length_is_refused_for_every_type);
	tcase_add_test(all, msg_of_unknown_type_and_length_0_does_not_wedge_the_stream);
	tcase_add_test(all, msg_of_unknown_type_or_kind_is_skipped_by_its_length);
	tcase_add_test(all, msg_inside_another_is_never_decoded);
	tcase_add_test(all, msg_cause_code_is_in_host_order);
	tcase_add_test(all, msg_connect_speed_keeps_all_32_bits);
	tcase_add_test(all, msg_of_unknown_type_is_not_encoded);
	tcase_add_test(all, msg_types_have_the_names_of_the_rfc);
	tcase_add_test(all, msg_codes_have_texts);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
