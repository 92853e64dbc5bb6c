/* SPDX-License-Identifier: ISC */
/* Phrases for the reasons of an end. Those for the codes of messages are pptp_msg's. */
#include "control/ctrl_event.h"

static const char *const why_texts[] = {
    [CTRL_WHY_NONE] = "no reason",
    [CTRL_WHY_LOCAL] = "ended by this side",
    [CTRL_WHY_START_REFUSED] = "the server refused the control connection",
    [CTRL_WHY_CHANNEL_EXISTS] = "the server has a control connection from this host already",
    [CTRL_WHY_BAD_VERSION] = "the server speaks another version of the protocol",
    [CTRL_WHY_START_TIMEOUT] = "the server did not answer the Start-Control-Connection-Request",
    [CTRL_WHY_COLLISION] = "the server opened a control connection of its own",
    [CTRL_WHY_CALL_REFUSED] = "the server refused the call",
    [CTRL_WHY_CALL_TIMEOUT] = "the server did not answer the Outgoing-Call-Request",
    [CTRL_WHY_CALL_DISCONNECTED] = "the server disconnected the call",
    [CTRL_WHY_CALL_CLEARED] = "the server cleared the call",
    [CTRL_WHY_STOPPED] = "the server stopped the control connection",
    [CTRL_WHY_ECHO_TIMEOUT] = "the server did not answer the Echo-Request",
    [CTRL_WHY_LOST_SYNC] = "the server sent something that is not PPTP",
    [CTRL_WHY_SHORT_REPLY] = "the server's answer was shorter than its type",
    [CTRL_WHY_OTHER_CALL] = "the server answered with the id of another call",
    [CTRL_WHY_STOP_TIMEOUT] = "the server did not answer the Stop-Control-Connection-Request",
    [CTRL_WHY_TCP_CLOSED] = "the server closed the TCP connection",
};

const char *ctrl_why_text(enum ctrl_why why)
{
	size_t i = (size_t)why;
	return i < sizeof(why_texts) / sizeof(why_texts[0]) ? why_texts[i] : "unknown reason";
}
