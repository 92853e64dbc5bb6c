/* SPDX-License-Identifier: ISC */
/*
 * One message of each of the 15 types, byte by byte after the tables of RFC 2637 section 2. The
 * index in front of a field is its offset in the message; other bytes are zero. All values
 * differ, so that a field read from a neighbour's place or in the wrong order shows.
 */
#ifndef PPTP_TESTS_VECTORS_MESSAGES_H
#define PPTP_TESTS_VECTORS_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "control/pptp_msg.h"

/* length, message type 1, magic, control type, reserved0 */
#define HEADER(length, type) [0] = 0, (length), 0, 1, 0x1A, 0x2B, 0x3C, 0x4D, 0, (type), 0, 0

static const uint8_t vector_sccrq[156] = {
    HEADER(156, 1), [12] = 0x01, 0x00,             /* version 1.0 */
    [14] = 0x00, 0x00,                             /* reserved */
    [16] = 0x00, 0x00, 0x00, 0x03,                 /* framing: either */
    [20] = 0x00, 0x00, 0x00, 0x02,                 /* bearer: digital */
    [24] = 0x00, 0x00,                             /* maximum channels: 0 from a PNS */
    [26] = 0x12, 0x34,                             /* firmware */
    [28] = 'c', 'l', 'i', 'e', 'n', 't',           /* host name */
    [92] = 'v', 'e', 'n', 'd', 'o', 'r', ' ', 'A', /* vendor */
};

static const uint8_t vector_sccrp[156] = {
    HEADER(156, 2), [12] = 0x01, 0x00,             /* version 1.0 */
    [14] = 0x02,                                   /* result: general error */
    [15] = 0x04,                                   /* error: no resource */
    [16] = 0x00, 0x00, 0x00, 0x01,                 /* framing: asynchronous */
    [20] = 0x00, 0x00, 0x00, 0x03,                 /* bearer: either */
    [24] = 0xFE, 0xDC,                             /* maximum channels */
    [26] = 0x00, 0x05,                             /* firmware */
    [28] = 's', 'e', 'r', 'v', 'e', 'r',           /* host name */
    [92] = 'v', 'e', 'n', 'd', 'o', 'r', ' ', 'B', /* vendor */
};

static const uint8_t vector_stop_ccrq[16] = {
    HEADER(16, 3), [12] = 0x03, /* reason: local shutdown */
    [13] = 0x00, 0x00, 0x00,    /* reserved */
};

static const uint8_t vector_stop_ccrp[16] = {
    HEADER(16, 4), [12] = 0x02, /* result: general error */
    [13] = 0x06,                /* error: vendor-specific */
    [14] = 0x00, 0x00,          /* reserved */
};

static const uint8_t vector_echo_request[16] = {
    HEADER(16, 5), [12] = 0xA1, 0xB2, 0xC3, 0xD4, /* identifier */
};

static const uint8_t vector_echo_reply[20] = {
    HEADER(20, 6), [12] = 0xD4, 0xC3, 0xB2, 0xA1, /* identifier */
    [16] = 0x01,                                  /* result: OK */
    [17] = 0x00,                                  /* error */
    [18] = 0x00, 0x00,                            /* reserved */
};

static const uint8_t vector_ocrq[168] = {
    HEADER(168, 7), [12] = 0x11, 0x22,             /* call id */
    [14] = 0x33, 0x44,                             /* serial */
    [16] = 0x00, 0x00, 0x09, 0x60,                 /* minimum: 2400 bit/s */
    [20] = 0x05, 0xF5, 0xE1, 0x00,                 /* maximum: 100 000 000 bit/s */
    [24] = 0x00, 0x00, 0x00, 0x01,                 /* bearer: analog */
    [28] = 0x00, 0x00, 0x00, 0x02,                 /* framing: synchronous */
    [32] = 0x01, 0x40,                             /* receive window: 320 packets */
    [34] = 0x00, 0x07,                             /* processing delay: 0.7 s */
    [36] = 0x00, 0x08,                             /* length of the number */
    [38] = 0x00, 0x00,                             /* reserved */
    [40] = '5', '5', '5', '-', '0', '1', '2', '3', /* number */
    [104] = 's', 'u', 'b', '1',                    /* subaddress */
};

static const uint8_t vector_ocrp[32] = {
    HEADER(32, 8), [12] = 0x80, 0x01, /* call id: the server's */
    [14] = 0x11, 0x22,                /* peer's call id: ours */
    [16] = 0x04,                      /* result: busy */
    [17] = 0x05,                      /* error */
    [18] = 0x01, 0x11,                /* cause */
    [20] = 0x01, 0x02, 0x03, 0x04,    /* connect speed */
    [24] = 0x00, 0x10,                /* receive window: 16 packets */
    [26] = 0x00, 0x20,                /* processing delay */
    [28] = 0x0A, 0x0B, 0x0C, 0x0D,    /* physical channel */
};

/* What follows the call id is not read. */
static const uint8_t vector_icrq[220] = {
    HEADER(220, 9), [12] = 0x90, 0x02, /* call id */
};

static const uint8_t vector_icrp[24] = {
    HEADER(24, 10), [12] = 0x21, 0x22, /* call id */
    [14] = 0x90, 0x02,                 /* peer's call id */
    [16] = 0x03,                       /* result: do not accept */
    [17] = 0x01,                       /* error */
    [18] = 0x00, 0x30,                 /* receive window */
    [20] = 0x00, 0x09,                 /* processing delay */
    [22] = 0x00, 0x00,                 /* reserved */
};

/* Nor is anything of this one. */
static const uint8_t vector_iccn[28] = {HEADER(28, 11)};

static const uint8_t vector_ccrq[16] = {
    HEADER(16, 12), [12] = 0x11, 0x22, /* call id */
    [14] = 0x00, 0x00,                 /* reserved */
};

static const uint8_t vector_cdn[148] = {
    HEADER(148, 13), [12] = 0x80, 0x01,            /* call id: the sender's */
    [14] = 0x02,                                   /* result: general error */
    [15] = 0x03,                                   /* error: bad value */
    [16] = 0x00, 0x11,                             /* cause: 17, busy */
    [18] = 0x00, 0x00,                             /* reserved */
    [20] = 's', 't', 'a', 't', 's', ':', ' ', '7', /* statistics */
};

static const uint8_t vector_wen[40] = {
    HEADER(40, 14), [12] = 0x11, 0x22, /* peer's call id */
    [14] = 0x00, 0x00,                 /* reserved */
    [16] = 0x00, 0x00, 0x01, 0x01,     /* CRC errors */
    [20] = 0x00, 0x00, 0x02, 0x02,     /* framing errors */
    [24] = 0x00, 0x00, 0x03, 0x03,     /* hardware overruns */
    [28] = 0x00, 0x00, 0x04, 0x04,     /* buffer overruns */
    [32] = 0x00, 0x00, 0x05, 0x05,     /* time-outs */
    [36] = 0x00, 0x00, 0x06, 0x06,     /* alignment errors */
};

static const uint8_t vector_sli[24] = {
    HEADER(24, 15), [12] = 0x11, 0x22, /* peer's call id */
    [14] = 0x00, 0x00,                 /* reserved */
    [16] = 0x00, 0x0A, 0x00, 0x00,     /* send ACCM */
    [20] = 0xFF, 0xFF, 0xFF, 0xFE,     /* receive ACCM */
};

#undef HEADER

static const struct vector {
	const uint8_t *bytes;
	size_t len;
	struct msg decoded;
} vectors[] = {
    {vector_sccrq, sizeof(vector_sccrq),
	{.type = MSG_START_CONTROL_CONNECTION_REQUEST,
	    .u.start = {.version = 0x0100,
		.framing = 3,
		.bearer = 2,
		.firmware = 0x1234,
		.host_name = "client",
		.vendor = "vendor A"}}},
    {vector_sccrp, sizeof(vector_sccrp),
	{.type = MSG_START_CONTROL_CONNECTION_REPLY,
	    .u.start = {.version = 0x0100,
		.result = 2,
		.error = 4,
		.framing = 1,
		.bearer = 3,
		.max_channels = 0xFEDC,
		.firmware = 5,
		.host_name = "server",
		.vendor = "vendor B"}}},
    {vector_stop_ccrq, sizeof(vector_stop_ccrq),
	{.type = MSG_STOP_CONTROL_CONNECTION_REQUEST, .u.stop_request = {.reason = 3}}},
    {vector_stop_ccrp, sizeof(vector_stop_ccrp),
	{.type = MSG_STOP_CONTROL_CONNECTION_REPLY, .u.stop_reply = {.result = 2, .error = 6}}},
    {vector_echo_request, sizeof(vector_echo_request),
	{.type = MSG_ECHO_REQUEST, .u.echo = {.identifier = 0xA1B2C3D4}}},
    {vector_echo_reply, sizeof(vector_echo_reply),
	{.type = MSG_ECHO_REPLY, .u.echo = {.identifier = 0xD4C3B2A1, .result = 1}}},
    {vector_ocrq, sizeof(vector_ocrq),
	{.type = MSG_OUTGOING_CALL_REQUEST,
	    .u.outgoing_call_request = {.call_id = 0x1122,
		.serial = 0x3344,
		.min_bps = 2400,
		.max_bps = 100000000,
		.bearer = 1,
		.framing = 2,
		.window = 320,
		.processing_delay = 7,
		.phone_len = 8,
		.phone = "555-0123",
		.subaddress = "sub1"}}},
    {vector_ocrp, sizeof(vector_ocrp),
	{.type = MSG_OUTGOING_CALL_REPLY,
	    .u.outgoing_call_reply = {.call_id = 0x8001,
		.peer_call_id = 0x1122,
		.result = 4,
		.error = 5,
		.cause = 0x0111,
		.connect_bps = 0x01020304,
		.window = 16,
		.processing_delay = 32,
		.physical_channel = 0x0A0B0C0D}}},
    {vector_icrq, sizeof(vector_icrq),
	{.type = MSG_INCOMING_CALL_REQUEST, .u.incoming_call_request = {.call_id = 0x9002}}},
    {vector_icrp, sizeof(vector_icrp),
	{.type = MSG_INCOMING_CALL_REPLY,
	    .u.incoming_call_reply = {.call_id = 0x2122,
		.peer_call_id = 0x9002,
		.result = 3,
		.error = 1,
		.window = 48,
		.processing_delay = 9}}},
    {vector_iccn, sizeof(vector_iccn), {.type = MSG_INCOMING_CALL_CONNECTED}},
    {vector_ccrq, sizeof(vector_ccrq),
	{.type = MSG_CALL_CLEAR_REQUEST, .u.call_clear = {.call_id = 0x1122}}},
    {vector_cdn, sizeof(vector_cdn),
	{.type = MSG_CALL_DISCONNECT_NOTIFY,
	    .u.call_disconnect = {.call_id = 0x8001,
		.result = 2,
		.error = 3,
		.cause = 17,
		.statistics = "stats: 7"}}},
    {vector_wen, sizeof(vector_wen),
	{.type = MSG_WAN_ERROR_NOTIFY,
	    .u.wan_error = {.peer_call_id = 0x1122,
		.crc_errors = 0x0101,
		.framing_errors = 0x0202,
		.hardware_overruns = 0x0303,
		.buffer_overruns = 0x0404,
		.time_outs = 0x0505,
		.alignment_errors = 0x0606}}},
    {vector_sli, sizeof(vector_sli),
	{.type = MSG_SET_LINK_INFO,
	    .u.set_link_info = {.peer_call_id = 0x1122,
		.send_accm = 0x000A0000,
		.receive_accm = 0xFFFFFFFE}}},
};

enum {
	VECTOR_COUNT = sizeof(vectors) / sizeof(vectors[0])
};

#endif
