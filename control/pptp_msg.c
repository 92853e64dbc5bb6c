/* SPDX-License-Identifier: ISC */
/*
 * Codec of the control messages (RFC 2637 section 2). One table row for each type holds its name, its
 * length and its fields, which are decoded and encoded alike. No field is read before the declared
 * length has been compared with the table. It knows no states and no connections.
 */
#include "control/pptp_msg.h"

#include <string.h>

#include "lib/wire.h"

enum field_kind {
	FIELD_END,
	FIELD_U8,
	FIELD_U16,
	FIELD_U32,
	FIELD_TEXT,     /* NUL-padded; in the struct one byte longer, for a NUL */
	FIELD_RESERVED, /* sent as zeros; ignored when received, as what no client reads is, too */
};

/* A field of a message, in the order of the message. */
struct field {
	uint8_t kind;
	uint8_t size;    /* of FIELD_TEXT and FIELD_RESERVED: bytes */
	uint16_t offset; /* into struct msg */
};

#define FIELD(kind, size, offset)                                                                  \
	{                                                                                          \
		kind, size, offset                                                                 \
	}
#define MEMBER(kind, size, member) FIELD(kind, size, offsetof(struct msg, u.member))
#define U8(member) MEMBER(FIELD_U8, 0, member)
#define U16(member) MEMBER(FIELD_U16, 0, member)
#define U32(member) MEMBER(FIELD_U32, 0, member)
#define TEXT(member, size) MEMBER(FIELD_TEXT, size, member)
#define RESERVED(size) FIELD(FIELD_RESERVED, size, 0)
#define END FIELD(FIELD_END, 0, 0)

/* Some servers set the reserved bytes. */
static const struct field start_request[] = {U16(start.version), RESERVED(2), U32(start.framing),
    U32(start.bearer), U16(start.max_channels), U16(start.firmware),
    TEXT(start.host_name, MSG_NAME_LEN), TEXT(start.vendor, MSG_NAME_LEN), END};
static const struct field start_reply[] = {U16(start.version), U8(start.result), U8(start.error),
    U32(start.framing), U32(start.bearer), U16(start.max_channels), U16(start.firmware),
    TEXT(start.host_name, MSG_NAME_LEN), TEXT(start.vendor, MSG_NAME_LEN), END};
static const struct field stop_request[] = {U8(stop_request.reason), RESERVED(3), END};
static const struct field stop_reply[] = {
    U8(stop_reply.result), U8(stop_reply.error), RESERVED(2), END};
static const struct field echo_request[] = {U32(echo.identifier), END};
static const struct field echo_reply[] = {
    U32(echo.identifier), U8(echo.result), U8(echo.error), RESERVED(2), END};
static const struct field outgoing_call_request[] = {U16(outgoing_call_request.call_id),
    U16(outgoing_call_request.serial), U32(outgoing_call_request.min_bps),
    U32(outgoing_call_request.max_bps), U32(outgoing_call_request.bearer),
    U32(outgoing_call_request.framing), U16(outgoing_call_request.window),
    U16(outgoing_call_request.processing_delay), U16(outgoing_call_request.phone_len), RESERVED(2),
    TEXT(outgoing_call_request.phone, MSG_NAME_LEN),
    TEXT(outgoing_call_request.subaddress, MSG_NAME_LEN), END};
static const struct field outgoing_call_reply[] = {U16(outgoing_call_reply.call_id),
    U16(outgoing_call_reply.peer_call_id), U8(outgoing_call_reply.result),
    U8(outgoing_call_reply.error), U16(outgoing_call_reply.cause),
    U32(outgoing_call_reply.connect_bps), U16(outgoing_call_reply.window),
    U16(outgoing_call_reply.processing_delay), U32(outgoing_call_reply.physical_channel), END};
static const struct field incoming_call_request[] = {
    U16(incoming_call_request.call_id), RESERVED(206), END};
static const struct field incoming_call_reply[] = {U16(incoming_call_reply.call_id),
    U16(incoming_call_reply.peer_call_id), U8(incoming_call_reply.result),
    U8(incoming_call_reply.error), U16(incoming_call_reply.window),
    U16(incoming_call_reply.processing_delay), RESERVED(2), END};
static const struct field incoming_call_connected[] = {RESERVED(16), END};
static const struct field call_clear[] = {U16(call_clear.call_id), RESERVED(2), END};
static const struct field call_disconnect[] = {U16(call_disconnect.call_id),
    U8(call_disconnect.result), U8(call_disconnect.error), U16(call_disconnect.cause), RESERVED(2),
    TEXT(call_disconnect.statistics, MSG_CDN_STATISTICS_LEN), END};
static const struct field wan_error[] = {U16(wan_error.peer_call_id), RESERVED(2),
    U32(wan_error.crc_errors), U32(wan_error.framing_errors), U32(wan_error.hardware_overruns),
    U32(wan_error.buffer_overruns), U32(wan_error.time_outs), U32(wan_error.alignment_errors), END};
static const struct field set_link_info[] = {U16(set_link_info.peer_call_id), RESERVED(2),
    U32(set_link_info.send_accm), U32(set_link_info.receive_accm), END};

struct layout {
	const char *name;
	size_t length; /* bytes, header included */
	const struct field *fields;
};

static const struct layout layouts[] = {
    [MSG_START_CONTROL_CONNECTION_REQUEST] = {"Start-Control-Connection-Request", 156,
	start_request},
    [MSG_START_CONTROL_CONNECTION_REPLY] = {"Start-Control-Connection-Reply", 156, start_reply},
    [MSG_STOP_CONTROL_CONNECTION_REQUEST] = {"Stop-Control-Connection-Request", 16, stop_request},
    [MSG_STOP_CONTROL_CONNECTION_REPLY] = {"Stop-Control-Connection-Reply", 16, stop_reply},
    [MSG_ECHO_REQUEST] = {"Echo-Request", 16, echo_request},
    [MSG_ECHO_REPLY] = {"Echo-Reply", 20, echo_reply},
    [MSG_OUTGOING_CALL_REQUEST] = {"Outgoing-Call-Request", 168, outgoing_call_request},
    [MSG_OUTGOING_CALL_REPLY] = {"Outgoing-Call-Reply", 32, outgoing_call_reply},
    [MSG_INCOMING_CALL_REQUEST] = {"Incoming-Call-Request", 220, incoming_call_request},
    [MSG_INCOMING_CALL_REPLY] = {"Incoming-Call-Reply", 24, incoming_call_reply},
    [MSG_INCOMING_CALL_CONNECTED] = {"Incoming-Call-Connected", 28, incoming_call_connected},
    [MSG_CALL_CLEAR_REQUEST] = {"Call-Clear-Request", 16, call_clear},
    [MSG_CALL_DISCONNECT_NOTIFY] = {"Call-Disconnect-Notify", 148, call_disconnect},
    [MSG_WAN_ERROR_NOTIFY] = {"WAN-Error-Notify", 40, wan_error},
    [MSG_SET_LINK_INFO] = {"Set-Link-Info", 24, set_link_info},
};

/* Text ends at its first NUL or with its field; the rest of `to`, which is zeroed, stays. */
static void get_text(struct wire_reader *r, char *to, size_t size)
{
	const uint8_t *from = wire_get(r, size);
	for (size_t i = 0; from && i < size && from[i]; i++)
		to[i] = (char)from[i];
}

static void get_field(struct wire_reader *r, const struct field *f, struct msg *m)
{
	void *to = (char *)m + f->offset;
	switch ((enum field_kind)f->kind) {
	case FIELD_U8:
		*(uint8_t *)to = wire_get_u8(r);
		break;
	case FIELD_U16:
		*(uint16_t *)to = wire_get_be16(r);
		break;
	case FIELD_U32:
		*(uint32_t *)to = wire_get_be32(r);
		break;
	case FIELD_TEXT:
		get_text(r, to, f->size);
		break;
	case FIELD_RESERVED:
	case FIELD_END: /* of no bytes */
		wire_skip(r, f->size);
		break;
	}
}

static void put_text(struct wire_writer *w, const char *from, size_t size)
{
	size_t len = 0;
	while (len < size && from[len])
		len++;
	wire_put_copy(w, from, len);
	wire_put_zeros(w, size - len);
}

static void put_field(struct wire_writer *w, const struct field *f, const struct msg *m)
{
	const void *from = (const char *)m + f->offset;
	switch ((enum field_kind)f->kind) {
	case FIELD_U8:
		wire_put_u8(w, *(const uint8_t *)from);
		break;
	case FIELD_U16:
		wire_put_be16(w, *(const uint16_t *)from);
		break;
	case FIELD_U32:
		wire_put_be32(w, *(const uint32_t *)from);
		break;
	case FIELD_TEXT:
		put_text(w, from, f->size);
		break;
	case FIELD_RESERVED:
	case FIELD_END:
		wire_put_zeros(w, f->size);
		break;
	}
}

/* NULL beyond the 15. */
static const struct layout *layout_of(unsigned type)
{
	if (type < MSG_START_CONTROL_CONNECTION_REQUEST || type > MSG_SET_LINK_INFO)
		return NULL;
	return &layouts[type];
}

/* False as soon as one of the bytes received so far differs from the magic. */
static bool magic_matches(const uint8_t *bytes, size_t len)
{
	const size_t at = 4;
	for (size_t i = at; i < at + 4 && i < len; i++) {
		uint8_t want = (uint8_t)((uint32_t)MSG_MAGIC >> (8 * (at + 3 - i)));
		if (bytes[i] != want)
			return false;
	}
	return true;
}

enum msg_verdict msg_decode(const uint8_t *bytes, size_t len, struct msg *out, size_t *used)
{
	*used = 0;
	struct wire_reader r = wire_read(bytes, len);
	uint16_t declared = wire_get_be16(&r);
	if (r.failed)
		return MSG_INCOMPLETE;
	/* The lower bound holds for unknown types, too: skipping 0 bytes would never end. */
	if (declared < MSG_HEADER_LEN || declared > MSG_STREAM_LEN_MAX)
		return MSG_BAD_LENGTH;
	if (!magic_matches(bytes, len))
		return MSG_BAD_MAGIC;
	uint16_t kind = wire_get_be16(&r);
	wire_skip(&r, 4); /* the magic */
	uint16_t type = wire_get_be16(&r);
	wire_skip(&r, 2);
	if (r.failed)
		return MSG_INCOMPLETE;
	const struct layout *layout = kind == MSG_KIND_CONTROL ? layout_of(type) : NULL;
	if (len < declared)
		return MSG_INCOMPLETE;
	out->type = (enum msg_type)type;
	out->kind = (enum msg_kind)kind;
	*used = declared;
	if (!layout)
		return MSG_UNKNOWN;
	if (declared < layout->length)
		return MSG_TOO_SHORT;
	memset(&out->u, 0, sizeof(out->u));
	for (const struct field *f = layout->fields; f->kind != FIELD_END; f++)
		get_field(&r, f, out);
	out->excess = declared - layout->length;
	return MSG_COMPLETE;
}

size_t msg_encode(const struct msg *m, uint8_t *out, size_t cap)
{
	const struct layout *layout = layout_of(m->type);
	if (!layout || cap < layout->length)
		return 0;
	struct wire_writer w = wire_write(out, cap);
	wire_put_be16(&w, (uint16_t)layout->length);
	wire_put_be16(&w, MSG_KIND_CONTROL);
	wire_put_be32(&w, MSG_MAGIC);
	wire_put_be16(&w, (uint16_t)m->type);
	wire_put_zeros(&w, 2);
	for (const struct field *f = layout->fields; f->kind != FIELD_END; f++)
		put_field(&w, f, m);
	return w.failed ? 0 : w.at;
}

size_t msg_length(unsigned type)
{
	const struct layout *layout = layout_of(type);
	return layout ? layout->length : 0;
}

const char *msg_type_name(unsigned type)
{
	const struct layout *layout = layout_of(type);
	return layout ? layout->name : "unknown";
}

struct code_text {
	uint16_t code;
	char text[70]; /* an array, as pointers would be relocated and so private to each process */
};

static const char *find_text(const struct code_text *texts, size_t count, unsigned code)
{
	for (size_t i = 0; i < count; i++)
		if (texts[i].code == code)
			return texts[i].text;
	return "";
}

#define TEXT_OF(texts, code) find_text(texts, sizeof(texts) / sizeof((texts)[0]), code)

static const struct code_text start_results[] = {
    {MSG_RESULT_OK, "success"},
    {MSG_RESULT_GENERAL_ERROR, "general error"},
    {MSG_SCCRP_CHANNEL_EXISTS, "the server already has a control connection from this host"},
    {MSG_SCCRP_NOT_AUTHORISED, "this host is not authorised to connect"},
    {MSG_SCCRP_BAD_VERSION, "the server does not support this protocol version"},
};

static const struct code_text outgoing_call_results[] = {
    {MSG_RESULT_OK, "connected"},
    {MSG_RESULT_GENERAL_ERROR, "general error"},
    {MSG_OCRP_NO_CARRIER, "no carrier"},
    {MSG_OCRP_BUSY, "busy"},
    {MSG_OCRP_NO_DIAL_TONE, "no dial tone"},
    {MSG_OCRP_TIME_OUT, "the server's own call timed out"},
    {MSG_OCRP_DO_NOT_ACCEPT, "the server does not accept calls (not authorised, or too many)"},
};

static const struct code_text disconnect_results[] = {
    {MSG_CDN_LOST_CARRIER, "lost carrier"},
    {MSG_RESULT_GENERAL_ERROR, "general error"},
    {MSG_CDN_ADMIN_SHUTDOWN, "shut down by the server's administrator"},
    {MSG_CDN_REQUESTED, "ended as requested"},
};

const char *msg_result_text(enum msg_type type, unsigned result)
{
	if (type == MSG_START_CONTROL_CONNECTION_REPLY)
		return TEXT_OF(start_results, result);
	if (type == MSG_OUTGOING_CALL_REPLY)
		return TEXT_OF(outgoing_call_results, result);
	return type == MSG_CALL_DISCONNECT_NOTIFY ? TEXT_OF(disconnect_results, result) : "";
}

static const struct code_text general_errors[] = {
    {0, "no further reason given"},
    {1, "no control connection exists yet"},
    {2, "the server found a length or magic number wrong"},
    {3, "the server found a value out of range"},
    {4, "the server has no resources left (too many calls?)"},
    {5, "the server does not know the call id"},
    {6, "a vendor-specific error in the server"},
};

const char *msg_error_text(unsigned error)
{
	return TEXT_OF(general_errors, error);
}

static const struct code_text stop_reasons[] = {
    {0, "it gave no reason"}, /* accel-ppp */
    {MSG_STOP_NONE, "general request to close"},
    {MSG_STOP_PROTOCOL, "protocol version not supported"},
    {MSG_STOP_LOCAL_SHUTDOWN, "being shut down"},
};

const char *msg_stop_reason_text(unsigned reason)
{
	return TEXT_OF(stop_reasons, reason);
}

static const struct code_text causes[] = {
    {1, "number not assigned"},
    {2, "no route to the transit network"},
    {3, "no route to the destination"},
    {6, "channel unacceptable"},
    {16, "normal end of the call"},
    {17, "busy"},
    {18, "no user responding"},
    {19, "no answer from the user"},
    {20, "subscriber absent"},
    {21, "call rejected"},
    {22, "number changed"},
    {27, "destination out of order"},
    {28, "number incomplete or not valid"},
    {29, "facility rejected"},
    {31, "normal, unspecified"},
    {34, "no channel available"},
    {38, "network out of order"},
    {41, "temporary failure"},
    {42, "switching equipment congested"},
    {44, "requested channel not available"},
    {47, "no resources available"},
    {50, "facility not subscribed"},
    {57, "bearer capability not authorised"},
    {58, "bearer capability not available now"},
    {63, "service not available"},
    {65, "bearer capability not implemented"},
    {69, "facility not implemented"},
    {79, "service not implemented"},
    {81, "call reference not valid"},
    {88, "incompatible destination"},
    {96, "mandatory information missing"},
    {97, "message type not known"},
    {100, "information not valid"},
    {101, "message does not fit the call's state"},
    {102, "timer expired"},
    {111, "protocol error"},
    {127, "interworking, unspecified"},
};

const char *msg_cause_text(unsigned cause)
{
	return TEXT_OF(causes, cause);
}
