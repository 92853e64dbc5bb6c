/* SPDX-License-Identifier: ISC */
/* The words for what pptp_ctrl.c has to tell: states and reasons. Codes of messages are pptp_msg.c's. */
#include "pptp_ctrl.h"

static const char *const state_names[] = {
    [CTRL_IDLE] = "idle",
    [CTRL_WAIT_CTL_REPLY] = "wait-ctl-reply",
    [CTRL_ESTABLISHED] = "established",
    [CTRL_WAIT_STOP_REPLY] = "wait-stop-reply",
    [CTRL_CLOSED] = "closed",
};

const char *ctrl_state_name(enum ctrl_state state)
{
	size_t i = (size_t)state;
	return i < sizeof(state_names) / sizeof(state_names[0]) ? state_names[i] : "unknown";
}

static const char *const why_texts[] = {
    [CTRL_WHY_NONE] = "no reason",
    [CTRL_WHY_LOCAL] = "ended by this side",
    [CTRL_WHY_START_REFUSED] = "the server refused the control connection",
    [CTRL_WHY_CHANNEL_EXISTS] = "the server wants one control connection per host",
    [CTRL_WHY_BAD_VERSION] = "the server speaks another version of the protocol",
    [CTRL_WHY_START_TIMEOUT] = "the server did not answer the Start-Control-Connection-Request",
    [CTRL_WHY_COLLISION] = "the server opened a control connection of its own",
    [CTRL_WHY_CALL_REFUSED] = "the server refused the call",
    [CTRL_WHY_CALL_TIMEOUT] = "the server did not answer the Outgoing-Call-Request",
    [CTRL_WHY_CALL_DISCONNECTED] = "the server disconnected the call",
    [CTRL_WHY_CALL_CLEARED] = "the server cleared the call",
    [CTRL_WHY_STOPPED] = "the server stopped the control connection",
    [CTRL_WHY_ECHO_TIMEOUT] = "the server fell silent",
    [CTRL_WHY_LOST_SYNC] = "the server sent something that is not PPTP",
    [CTRL_WHY_SHORT_MESSAGE] = "the server sent a message shorter than its type",
    [CTRL_WHY_STOP_TIMEOUT] = "the server did not answer the Stop-Control-Connection-Request",
    [CTRL_WHY_TCP_CLOSED] = "the server closed the TCP connection",
};

const char *ctrl_why_text(enum ctrl_why why)
{
	size_t i = (size_t)why;
	return i < sizeof(why_texts) / sizeof(why_texts[0]) ? why_texts[i] : "unknown reason";
}
