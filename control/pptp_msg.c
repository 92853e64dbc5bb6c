/* SPDX-License-Identifier: ISC */
/*
 * Codec of the control messages (RFC 2637 section 2). One table row per type holds its name, its
 * length and the two functions that take its fields apart and put them together; nothing is read
 * before the length has been held against the table. The framing of the stream is msg_decode's.
 * Knows nothing of states and connections.
 */
#include "control/pptp_msg.h"

#include <string.h>

#include "lib/wire.h"

/* Text ends at its first NUL or with its field; `size` octets on the wire, one more in `to`. */
static void get_text(struct wire_reader *r, char *to, size_t size)
{
	const uint8_t *from = wire_get(r, size);
	memset(to, 0, size + 1);
	for (size_t i = 0; from && i < size && from[i]; i++)
		to[i] = (char)from[i];
}

static void put_text(struct wire_writer *w, const char *from, size_t size)
{
	size_t len = 0;
	while (len < size && from[len])
		len++;
	wire_put_copy(w, from, len);
	wire_put_zeros(w, size - len);
}

/* A length that points behind its field is cut to it: no reader of the struct has to check again. */
static uint16_t sane_len(uint16_t len)
{
	return len < MSG_NAME_LEN ? len : MSG_NAME_LEN;
}

static void get_start(struct wire_reader *r, struct msg *m)
{
	struct msg_start *f = &m->u.start;
	bool reply = m->type == MSG_START_CONTROL_CONNECTION_REPLY;
	f->version = wire_get_be16(r);
	f->result = wire_get_u8(r);
	f->error = wire_get_u8(r);
	if (!reply) /* reserved in the request, and some servers set it */
		f->result = f->error = 0;
	f->framing = wire_get_be32(r);
	f->bearer = wire_get_be32(r);
	f->max_channels = wire_get_be16(r);
	f->firmware = wire_get_be16(r);
	get_text(r, f->host_name, MSG_NAME_LEN);
	get_text(r, f->vendor, MSG_NAME_LEN);
}

static void put_start(struct wire_writer *w, const struct msg *m)
{
	const struct msg_start *f = &m->u.start;
	bool reply = m->type == MSG_START_CONTROL_CONNECTION_REPLY;
	wire_put_be16(w, f->version);
	wire_put_u8(w, reply ? f->result : 0);
	wire_put_u8(w, reply ? f->error : 0);
	wire_put_be32(w, f->framing);
	wire_put_be32(w, f->bearer);
	wire_put_be16(w, f->max_channels);
	wire_put_be16(w, f->firmware);
	put_text(w, f->host_name, MSG_NAME_LEN);
	put_text(w, f->vendor, MSG_NAME_LEN);
}

static void get_stop_request(struct wire_reader *r, struct msg *m)
{
	m->u.stop_request.reason = wire_get_u8(r);
	wire_skip(r, 3);
}

static void put_stop_request(struct wire_writer *w, const struct msg *m)
{
	wire_put_u8(w, m->u.stop_request.reason);
	wire_put_zeros(w, 3);
}

static void get_stop_reply(struct wire_reader *r, struct msg *m)
{
	m->u.stop_reply.result = wire_get_u8(r);
	m->u.stop_reply.error = wire_get_u8(r);
	wire_skip(r, 2);
}

static void put_stop_reply(struct wire_writer *w, const struct msg *m)
{
	wire_put_u8(w, m->u.stop_reply.result);
	wire_put_u8(w, m->u.stop_reply.error);
	wire_put_zeros(w, 2);
}

static void get_echo_request(struct wire_reader *r, struct msg *m)
{
	m->u.echo.identifier = wire_get_be32(r);
}

static void put_echo_request(struct wire_writer *w, const struct msg *m)
{
	wire_put_be32(w, m->u.echo.identifier);
}

static void get_echo_reply(struct wire_reader *r, struct msg *m)
{
	m->u.echo.identifier = wire_get_be32(r);
	m->u.echo.result = wire_get_u8(r);
	m->u.echo.error = wire_get_u8(r);
	wire_skip(r, 2);
}

static void put_echo_reply(struct wire_writer *w, const struct msg *m)
{
	wire_put_be32(w, m->u.echo.identifier);
	wire_put_u8(w, m->u.echo.result);
	wire_put_u8(w, m->u.echo.error);
	wire_put_zeros(w, 2);
}

static void get_outgoing_call_request(struct wire_reader *r, struct msg *m)
{
	struct msg_outgoing_call_request *f = &m->u.outgoing_call_request;
	f->call_id = wire_get_be16(r);
	f->serial = wire_get_be16(r);
	f->min_bps = wire_get_be32(r);
	f->max_bps = wire_get_be32(r);
	f->bearer = wire_get_be32(r);
	f->framing = wire_get_be32(r);
	f->window = wire_get_be16(r);
	f->processing_delay = wire_get_be16(r);
	f->phone_len = sane_len(wire_get_be16(r));
	wire_skip(r, 2);
	get_text(r, f->phone, MSG_NAME_LEN);
	get_text(r, f->subaddress, MSG_NAME_LEN);
}

static void put_outgoing_call_request(struct wire_writer *w, const struct msg *m)
{
	const struct msg_outgoing_call_request *f = &m->u.outgoing_call_request;
	wire_put_be16(w, f->call_id);
	wire_put_be16(w, f->serial);
	wire_put_be32(w, f->min_bps);
	wire_put_be32(w, f->max_bps);
	wire_put_be32(w, f->bearer);
	wire_put_be32(w, f->framing);
	wire_put_be16(w, f->window);
	wire_put_be16(w, f->processing_delay);
	wire_put_be16(w, sane_len(f->phone_len));
	wire_put_zeros(w, 2);
	put_text(w, f->phone, MSG_NAME_LEN);
	put_text(w, f->subaddress, MSG_NAME_LEN);
}

static void get_outgoing_call_reply(struct wire_reader *r, struct msg *m)
{
	struct msg_outgoing_call_reply *f = &m->u.outgoing_call_reply;
	f->call_id = wire_get_be16(r);
	f->peer_call_id = wire_get_be16(r);
	f->result = wire_get_u8(r);
	f->error = wire_get_u8(r);
	f->cause = wire_get_be16(r);
	f->connect_bps = wire_get_be32(r);
	f->window = wire_get_be16(r);
	f->processing_delay = wire_get_be16(r);
	f->physical_channel = wire_get_be32(r);
}

static void put_outgoing_call_reply(struct wire_writer *w, const struct msg *m)
{
	const struct msg_outgoing_call_reply *f = &m->u.outgoing_call_reply;
	wire_put_be16(w, f->call_id);
	wire_put_be16(w, f->peer_call_id);
	wire_put_u8(w, f->result);
	wire_put_u8(w, f->error);
	wire_put_be16(w, f->cause);
	wire_put_be32(w, f->connect_bps);
	wire_put_be16(w, f->window);
	wire_put_be16(w, f->processing_delay);
	wire_put_be32(w, f->physical_channel);
}

static void get_incoming_call_request(struct wire_reader *r, struct msg *m)
{
	struct msg_incoming_call_request *f = &m->u.incoming_call_request;
	f->call_id = wire_get_be16(r);
	f->serial = wire_get_be16(r);
	f->bearer = wire_get_be32(r);
	f->physical_channel = wire_get_be32(r);
	f->dialed_len = sane_len(wire_get_be16(r));
	f->dialing_len = sane_len(wire_get_be16(r));
	get_text(r, f->dialed, MSG_NAME_LEN);
	get_text(r, f->dialing, MSG_NAME_LEN);
	get_text(r, f->subaddress, MSG_NAME_LEN);
}

static void put_incoming_call_request(struct wire_writer *w, const struct msg *m)
{
	const struct msg_incoming_call_request *f = &m->u.incoming_call_request;
	wire_put_be16(w, f->call_id);
	wire_put_be16(w, f->serial);
	wire_put_be32(w, f->bearer);
	wire_put_be32(w, f->physical_channel);
	wire_put_be16(w, sane_len(f->dialed_len));
	wire_put_be16(w, sane_len(f->dialing_len));
	put_text(w, f->dialed, MSG_NAME_LEN);
	put_text(w, f->dialing, MSG_NAME_LEN);
	put_text(w, f->subaddress, MSG_NAME_LEN);
}

static void get_incoming_call_reply(struct wire_reader *r, struct msg *m)
{
	struct msg_incoming_call_reply *f = &m->u.incoming_call_reply;
	f->call_id = wire_get_be16(r);
	f->peer_call_id = wire_get_be16(r);
	f->result = wire_get_u8(r);
	f->error = wire_get_u8(r);
	f->window = wire_get_be16(r);
	f->processing_delay = wire_get_be16(r);
	wire_skip(r, 2);
}

static void put_incoming_call_reply(struct wire_writer *w, const struct msg *m)
{
	const struct msg_incoming_call_reply *f = &m->u.incoming_call_reply;
	wire_put_be16(w, f->call_id);
	wire_put_be16(w, f->peer_call_id);
	wire_put_u8(w, f->result);
	wire_put_u8(w, f->error);
	wire_put_be16(w, f->window);
	wire_put_be16(w, f->processing_delay);
	wire_put_zeros(w, 2);
}

static void get_incoming_call_connected(struct wire_reader *r, struct msg *m)
{
	struct msg_incoming_call_connected *f = &m->u.incoming_call_connected;
	f->peer_call_id = wire_get_be16(r);
	wire_skip(r, 2);
	f->connect_bps = wire_get_be32(r);
	f->window = wire_get_be16(r);
	f->processing_delay = wire_get_be16(r);
	f->framing = wire_get_be32(r);
}

static void put_incoming_call_connected(struct wire_writer *w, const struct msg *m)
{
	const struct msg_incoming_call_connected *f = &m->u.incoming_call_connected;
	wire_put_be16(w, f->peer_call_id);
	wire_put_zeros(w, 2);
	wire_put_be32(w, f->connect_bps);
	wire_put_be16(w, f->window);
	wire_put_be16(w, f->processing_delay);
	wire_put_be32(w, f->framing);
}

static void get_call_clear(struct wire_reader *r, struct msg *m)
{
	m->u.call_clear.call_id = wire_get_be16(r);
	wire_skip(r, 2);
}

static void put_call_clear(struct wire_writer *w, const struct msg *m)
{
	wire_put_be16(w, m->u.call_clear.call_id);
	wire_put_zeros(w, 2);
}

static void get_call_disconnect(struct wire_reader *r, struct msg *m)
{
	struct msg_call_disconnect *f = &m->u.call_disconnect;
	f->call_id = wire_get_be16(r);
	f->result = wire_get_u8(r);
	f->error = wire_get_u8(r);
	f->cause = wire_get_be16(r);
	wire_skip(r, 2);
	get_text(r, f->statistics, MSG_CDN_STATISTICS_LEN);
}

static void put_call_disconnect(struct wire_writer *w, const struct msg *m)
{
	const struct msg_call_disconnect *f = &m->u.call_disconnect;
	wire_put_be16(w, f->call_id);
	wire_put_u8(w, f->result);
	wire_put_u8(w, f->error);
	wire_put_be16(w, f->cause);
	wire_put_zeros(w, 2);
	put_text(w, f->statistics, MSG_CDN_STATISTICS_LEN);
}

static void get_wan_error(struct wire_reader *r, struct msg *m)
{
	struct msg_wan_error *f = &m->u.wan_error;
	f->peer_call_id = wire_get_be16(r);
	wire_skip(r, 2);
	f->crc_errors = wire_get_be32(r);
	f->framing_errors = wire_get_be32(r);
	f->hardware_overruns = wire_get_be32(r);
	f->buffer_overruns = wire_get_be32(r);
	f->time_outs = wire_get_be32(r);
	f->alignment_errors = wire_get_be32(r);
}

static void put_wan_error(struct wire_writer *w, const struct msg *m)
{
	const struct msg_wan_error *f = &m->u.wan_error;
	wire_put_be16(w, f->peer_call_id);
	wire_put_zeros(w, 2);
	wire_put_be32(w, f->crc_errors);
	wire_put_be32(w, f->framing_errors);
	wire_put_be32(w, f->hardware_overruns);
	wire_put_be32(w, f->buffer_overruns);
	wire_put_be32(w, f->time_outs);
	wire_put_be32(w, f->alignment_errors);
}

static void get_set_link_info(struct wire_reader *r, struct msg *m)
{
	struct msg_set_link_info *f = &m->u.set_link_info;
	f->peer_call_id = wire_get_be16(r);
	wire_skip(r, 2);
	f->send_accm = wire_get_be32(r);
	f->receive_accm = wire_get_be32(r);
}

static void put_set_link_info(struct wire_writer *w, const struct msg *m)
{
	const struct msg_set_link_info *f = &m->u.set_link_info;
	wire_put_be16(w, f->peer_call_id);
	wire_put_zeros(w, 2);
	wire_put_be32(w, f->send_accm);
	wire_put_be32(w, f->receive_accm);
}

struct layout {
	const char *name;
	size_t length; /* octets, header included */
	void (*get)(struct wire_reader *r, struct msg *m);
	void (*put)(struct wire_writer *w, const struct msg *m);
};

static const struct layout layouts[] = {
    [MSG_START_CONTROL_CONNECTION_REQUEST] = {"Start-Control-Connection-Request", 156, get_start,
	put_start},
    [MSG_START_CONTROL_CONNECTION_REPLY] = {"Start-Control-Connection-Reply", 156, get_start,
	put_start},
    [MSG_STOP_CONTROL_CONNECTION_REQUEST] = {"Stop-Control-Connection-Request", 16,
	get_stop_request, put_stop_request},
    [MSG_STOP_CONTROL_CONNECTION_REPLY] = {"Stop-Control-Connection-Reply", 16, get_stop_reply,
	put_stop_reply},
    [MSG_ECHO_REQUEST] = {"Echo-Request", 16, get_echo_request, put_echo_request},
    [MSG_ECHO_REPLY] = {"Echo-Reply", 20, get_echo_reply, put_echo_reply},
    [MSG_OUTGOING_CALL_REQUEST] = {"Outgoing-Call-Request", 168, get_outgoing_call_request,
	put_outgoing_call_request},
    [MSG_OUTGOING_CALL_REPLY] = {"Outgoing-Call-Reply", 32, get_outgoing_call_reply,
	put_outgoing_call_reply},
    [MSG_INCOMING_CALL_REQUEST] = {"Incoming-Call-Request", 220, get_incoming_call_request,
	put_incoming_call_request},
    [MSG_INCOMING_CALL_REPLY] = {"Incoming-Call-Reply", 24, get_incoming_call_reply,
	put_incoming_call_reply},
    [MSG_INCOMING_CALL_CONNECTED] = {"Incoming-Call-Connected", 28, get_incoming_call_connected,
	put_incoming_call_connected},
    [MSG_CALL_CLEAR_REQUEST] = {"Call-Clear-Request", 16, get_call_clear, put_call_clear},
    [MSG_CALL_DISCONNECT_NOTIFY] = {"Call-Disconnect-Notify", 148, get_call_disconnect,
	put_call_disconnect},
    [MSG_WAN_ERROR_NOTIFY] = {"WAN-Error-Notify", 40, get_wan_error, put_wan_error},
    [MSG_SET_LINK_INFO] = {"Set-Link-Info", 24, get_set_link_info, put_set_link_info},
};

/* NULL beyond the 15. */
static const struct layout *layout_of(unsigned type)
{
	if (type < MSG_START_CONTROL_CONNECTION_REQUEST || type > MSG_SET_LINK_INFO)
		return NULL;
	return &layouts[type];
}

/* False as soon as one of the octets that are there cannot be the magic's. */
static bool magic_fits(const uint8_t *octets, size_t len)
{
	const size_t at = 4;
	for (size_t i = at; i < at + 4 && i < len; i++) {
		uint8_t want = (uint8_t)((uint32_t)MSG_MAGIC >> (8 * (at + 3 - i)));
		if (octets[i] != want)
			return false;
	}
	return true;
}

enum msg_verdict msg_decode(const uint8_t *octets, size_t len, struct msg *out, size_t *used)
{
	*used = 0;
	struct wire_reader r = wire_read(octets, len);
	uint16_t declared = wire_get_be16(&r);
	if (r.failed)
		return MSG_INCOMPLETE;
	/* The lower bound holds for every type, known or not: a length of 0 would never be skipped. */
	if (declared < MSG_HEADER_LEN || declared > MSG_STREAM_LEN_MAX)
		return MSG_BAD_LENGTH;
	if (!magic_fits(octets, len))
		return MSG_BAD_MAGIC;
	uint16_t kind = wire_get_be16(&r);
	wire_skip(&r, 4); /* the magic */
	uint16_t type = wire_get_be16(&r);
	wire_skip(&r, 2);
	if (r.failed)
		return MSG_INCOMPLETE;
	const struct layout *layout = kind == MSG_KIND_CONTROL ? layout_of(type) : NULL;
	bool too_short = layout && declared < layout->length;
	if (!too_short && len < declared)
		return MSG_INCOMPLETE;
	out->type = (enum msg_type)type;
	out->kind = (enum msg_kind)kind;
	if (too_short)
		return MSG_TOO_SHORT;
	*used = declared;
	if (!layout)
		return MSG_UNKNOWN;
	memset(&out->u, 0, sizeof(out->u));
	layout->get(&r, out);
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
	layout->put(&w, m);
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

/* A code and its words; the tables are short and looked through from the top. */
struct text {
	uint16_t code;
	char words[70]; /* no pointer: see stats_entry */
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *look_up(
    const struct text *texts, size_t count, unsigned code, const char *otherwise)
{
	for (size_t i = 0; i < count; i++)
		if (texts[i].code == code)
			return texts[i].words;
	return otherwise;
}

static const struct text start_results[] = {
    {MSG_RESULT_OK, "success"},
    {MSG_RESULT_GENERAL_ERROR, "general error"},
    {MSG_SCCRP_CHANNEL_EXISTS, "the server already has a control connection from this host"},
    {MSG_SCCRP_NOT_AUTHORISED, "this host is not authorised to connect"},
    {MSG_SCCRP_BAD_VERSION, "the server does not support this protocol version"},
};

static const struct text accept_results[] = {
    {MSG_RESULT_OK, "success"},
    {MSG_RESULT_GENERAL_ERROR, "general error"},
};

static const struct text outgoing_call_results[] = {
    {MSG_RESULT_OK, "connected"},
    {MSG_RESULT_GENERAL_ERROR, "general error"},
    {MSG_OCRP_NO_CARRIER, "no carrier"},
    {MSG_OCRP_BUSY, "busy"},
    {MSG_OCRP_NO_DIAL_TONE, "no dial tone"},
    {MSG_OCRP_TIME_OUT, "the server's own call timed out"},
    {MSG_OCRP_DO_NOT_ACCEPT, "the server does not accept calls (not authorised, or too many)"},
};

static const struct text incoming_call_results[] = {
    {MSG_RESULT_OK, "connected"},
    {MSG_RESULT_GENERAL_ERROR, "general error"},
    {MSG_ICRP_DO_NOT_ACCEPT, "calls are not accepted"},
};

static const struct text disconnect_results[] = {
    {MSG_CDN_LOST_CARRIER, "lost carrier"},
    {MSG_RESULT_GENERAL_ERROR, "general error"},
    {MSG_CDN_ADMIN_SHUTDOWN, "shut down by the server's administrator"},
    {MSG_CDN_REQUESTED, "ended as requested"},
};

const char *msg_result_text(enum msg_type type, unsigned result)
{
	const char *otherwise = "";
	switch (type) {
	case MSG_START_CONTROL_CONNECTION_REPLY:
		return look_up(start_results, COUNT(start_results), result, otherwise);
	case MSG_STOP_CONTROL_CONNECTION_REPLY:
	case MSG_ECHO_REPLY:
		return look_up(accept_results, COUNT(accept_results), result, otherwise);
	case MSG_OUTGOING_CALL_REPLY:
		return look_up(
		    outgoing_call_results, COUNT(outgoing_call_results), result, otherwise);
	case MSG_INCOMING_CALL_REPLY:
		return look_up(
		    incoming_call_results, COUNT(incoming_call_results), result, otherwise);
	case MSG_CALL_DISCONNECT_NOTIFY:
		return look_up(disconnect_results, COUNT(disconnect_results), result, otherwise);
	case MSG_START_CONTROL_CONNECTION_REQUEST:
	case MSG_STOP_CONTROL_CONNECTION_REQUEST:
	case MSG_ECHO_REQUEST:
	case MSG_OUTGOING_CALL_REQUEST:
	case MSG_INCOMING_CALL_REQUEST:
	case MSG_INCOMING_CALL_CONNECTED:
	case MSG_CALL_CLEAR_REQUEST:
	case MSG_WAN_ERROR_NOTIFY:
	case MSG_SET_LINK_INFO:
		break;
	}
	return otherwise;
}

static const struct text general_errors[] = {
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
	return look_up(general_errors, COUNT(general_errors), error, "");
}

static const struct text stop_reasons[] = {
    {MSG_STOP_NONE, "general request to close"},
    {MSG_STOP_PROTOCOL, "protocol version not supported"},
    {MSG_STOP_LOCAL_SHUTDOWN, "being shut down"},
};

const char *msg_stop_reason_text(unsigned reason)
{
	return look_up(stop_reasons, COUNT(stop_reasons), reason, "");
}

static const struct text causes[] = {
    {1, "number not assigned"},
    {2, "no route to the transit network"},
    {3, "no route to the destination"},
    {6, "channel unacceptable"},
    {16, "normal end of the call"},
    {17, "busy"},
    {18, "nobody responds"},
    {19, "nobody answers"},
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
	return look_up(causes, COUNT(causes), cause, "");
}
