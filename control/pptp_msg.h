/* SPDX-License-Identifier: ISC */
/*
 * Codec of the 15 control messages of RFC 2637 section 2: bytes to structs and back, their lengths,
 * their boundaries in the TCP stream, and texts for their codes. It keeps no state; the effect of a
 * message on a connection is pptp_ctrl's. Decoded messages are in host order.
 */
#ifndef PPTP_MSG_H
#define PPTP_MSG_H

#include <stddef.h>
#include <stdint.h>

#include "lib/msg_limits.h"

enum {
	MSG_MAGIC = 0x1A2B3C4D,    /* the "magic cookie" of section 1.4 */
	MSG_HEADER_LEN = 12,       /* length, message type, magic, control type, reserved */
	MSG_LEN_MAX = 220,         /* the longest of the 15: Incoming-Call-Request */
	MSG_STREAM_LEN_MAX = 1024, /* space for extensions; longer means lost synchronisation */
	MSG_VERSION = 0x0100,      /* protocol version 1, revision 0 */
	MSG_CDN_STATISTICS_LEN = 128,
};

enum msg_kind { /* the header's "message type" */
	MSG_KIND_CONTROL = 1,
	MSG_KIND_MANAGEMENT = 2,
};

enum msg_type { /* the header's "control message type" */
	MSG_START_CONTROL_CONNECTION_REQUEST = 1,
	MSG_START_CONTROL_CONNECTION_REPLY,
	MSG_STOP_CONTROL_CONNECTION_REQUEST,
	MSG_STOP_CONTROL_CONNECTION_REPLY,
	MSG_ECHO_REQUEST,
	MSG_ECHO_REPLY,
	MSG_OUTGOING_CALL_REQUEST,
	MSG_OUTGOING_CALL_REPLY,
	MSG_INCOMING_CALL_REQUEST,
	MSG_INCOMING_CALL_REPLY,
	MSG_INCOMING_CALL_CONNECTED,
	MSG_CALL_CLEAR_REQUEST,
	MSG_CALL_DISCONNECT_NOTIFY,
	MSG_WAN_ERROR_NOTIFY,
	MSG_SET_LINK_INFO,
};

enum {
	MSG_FRAMING_ASYNC = 1,
	MSG_FRAMING_SYNC = 2,
	MSG_FRAMING_ANY = 3
};
enum {
	MSG_BEARER_ANALOG = 1,
	MSG_BEARER_DIGITAL = 2,
	MSG_BEARER_ANY = 3
};

/* Result codes. */
enum {
	MSG_RESULT_OK = 1,
	MSG_RESULT_GENERAL_ERROR = 2, /* the general error code is in `error` */

	MSG_SCCRP_CHANNEL_EXISTS = 3,
	MSG_SCCRP_NOT_AUTHORISED = 4,
	MSG_SCCRP_BAD_VERSION = 5,

	MSG_STOP_NONE = 1,
	MSG_STOP_PROTOCOL = 2,
	MSG_STOP_LOCAL_SHUTDOWN = 3,

	MSG_OCRP_NO_CARRIER = 3,
	MSG_OCRP_BUSY = 4,
	MSG_OCRP_NO_DIAL_TONE = 5,
	MSG_OCRP_TIME_OUT = 6,
	MSG_OCRP_DO_NOT_ACCEPT = 7,

	MSG_ICRP_DO_NOT_ACCEPT = 3,

	MSG_CDN_LOST_CARRIER = 1,
	MSG_CDN_ADMIN_SHUTDOWN = 3,
	MSG_CDN_REQUESTED = 4,
};

/* Text fields are NUL-terminated here, one byte longer than in the message. */
struct msg_start { /* SCCRQ and SCCRP; result and error are the reply's only */
	uint16_t version;
	uint8_t result;
	uint8_t error;
	uint32_t framing;
	uint32_t bearer;
	uint16_t max_channels;
	uint16_t firmware;
	char host_name[MSG_NAME_LEN + 1];
	char vendor[MSG_NAME_LEN + 1];
};

struct msg_stop_request {
	uint8_t reason;
};

struct msg_stop_reply {
	uint8_t result;
	uint8_t error;
};

struct msg_echo { /* result and error are the reply's only */
	uint32_t identifier;
	uint8_t result;
	uint8_t error;
};

struct msg_outgoing_call_request {
	uint16_t call_id;
	uint16_t serial;
	uint32_t min_bps;
	uint32_t max_bps;
	uint32_t bearer;
	uint32_t framing;
	uint16_t window;           /* packets */
	uint16_t processing_delay; /* tenths of a second */
	uint16_t phone_len;        /* of a received message any number */
	char phone[MSG_NAME_LEN + 1];
	char subaddress[MSG_NAME_LEN + 1];
};

struct msg_outgoing_call_reply {
	uint16_t call_id;      /* the sender's (the server's) */
	uint16_t peer_call_id; /* the receiver's (ours) */
	uint8_t result;
	uint8_t error;
	uint16_t cause;
	uint32_t connect_bps;
	uint16_t window;           /* packets */
	uint16_t processing_delay; /* tenths of a second */
	uint32_t physical_channel;
};

struct msg_incoming_call_request { /* as far as a client needs it to refuse the call */
	uint16_t call_id;
};

struct msg_incoming_call_reply {
	uint16_t call_id;
	uint16_t peer_call_id;
	uint8_t result;
	uint8_t error;
	uint16_t window;
	uint16_t processing_delay;
};

struct msg_call_clear {
	uint16_t call_id; /* the sender's own */
};

struct msg_call_disconnect {
	uint16_t call_id; /* the sender's own */
	uint8_t result;
	uint8_t error;
	uint16_t cause;
	char statistics[MSG_CDN_STATISTICS_LEN + 1];
};

struct msg_wan_error {
	uint16_t peer_call_id;
	uint32_t crc_errors;
	uint32_t framing_errors;
	uint32_t hardware_overruns;
	uint32_t buffer_overruns;
	uint32_t time_outs;
	uint32_t alignment_errors;
};

struct msg_set_link_info {
	uint16_t peer_call_id;
	uint32_t send_accm;
	uint32_t receive_accm;
};

struct msg {
	enum msg_type type;
	enum msg_kind kind; /* decoding: MSG_KIND_CONTROL unless MSG_UNKNOWN; encoding: unused */
	/* Decoding: bytes beyond the type's length, which were ignored. Encoding: unused. */
	size_t excess;
	union {
		struct msg_start start;
		struct msg_stop_request stop_request;
		struct msg_stop_reply stop_reply;
		struct msg_echo echo;
		struct msg_outgoing_call_request outgoing_call_request;
		struct msg_outgoing_call_reply outgoing_call_reply;
		struct msg_incoming_call_request incoming_call_request;
		struct msg_incoming_call_reply incoming_call_reply;
		struct msg_call_clear call_clear;
		struct msg_call_disconnect call_disconnect;
		struct msg_wan_error wan_error;
		struct msg_set_link_info set_link_info;
	} u;
};

enum msg_verdict {
	MSG_COMPLETE,   /* *used bytes were one message; *out holds it */
	MSG_INCOMPLETE, /* more bytes are needed; *used is 0 */
	MSG_UNKNOWN,    /* *used bytes were a management message or an unknown type: skip them */
	MSG_BAD_MAGIC, /* synchronisation is lost (section 1.4): close the connection; *used is 0 */
	MSG_BAD_LENGTH, /* ... likewise: declared length impossible (< 12 or > MSG_STREAM_LEN_MAX) */
	MSG_TOO_SHORT,  /* *used bytes were a message with fields missing: skip them */
};

/*
 * Decodes the first message of a stream of `len` bytes. A bad length or magic is reported as soon as
 * its bytes are there. *out is written only with MSG_COMPLETE; with MSG_TOO_SHORT and MSG_UNKNOWN its
 * type and kind alone. Text ends at its first NUL and may hold any other byte: it is not printable
 * without filtering.
 */
enum msg_verdict msg_decode(const uint8_t *bytes, size_t len, struct msg *out, size_t *used);

/* Encodes `m` with its header; reserved fields and the rest of a text field are zeros. Returns its
 * length, or 0 if `cap` is too small or the type unknown. */
size_t msg_encode(const struct msg *m, uint8_t *out, size_t cap);

/* The length of a message of that type, header included; 0 for an unknown type. */
size_t msg_length(unsigned type);

/* As in "Start-Control-Connection-Request"; "unknown" for other types; never NULL. */
const char *msg_type_name(unsigned type);
/* Texts for users; "" for an unknown code, never NULL.
 * Result code of SCCRP, OCRP or CDN. */
const char *msg_result_text(enum msg_type type, unsigned result);
/* General error code (section 2.16). */
const char *msg_error_text(unsigned error);
/* Reason of a Stop-Control-Connection-Request. */
const char *msg_stop_reason_text(unsigned reason);
/* Cause code of OCRP and CDN, by Q.931. */
const char *msg_cause_text(unsigned cause);

#endif
