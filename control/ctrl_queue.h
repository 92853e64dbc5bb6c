/* SPDX-License-Identifier: ISC */
/*
 * The inside of the control machine, for pptp_ctrl.c alone: what comes out of it, messages and events.
 * The owner sees ctrl_output and ctrl_next_event of pptp_ctrl.h.
 */
#ifndef PPTP_CTRL_OUT_H
#define PPTP_CTRL_OUT_H

#include "pptp_ctrl.h"

/* Keeps an event for the owner. */
void ctrl_add_note(struct ctrl *c, struct ctrl_note note);

/* The oldest event becomes *event; false where there is none. */
bool ctrl_take_note(struct ctrl *c, struct ctrl_event *event);

/* Whether a message that can be left out may join those that wait for the server to read. */
bool ctrl_output_has_room(const struct ctrl *c, enum msg_type type);

/*
 * Each of these queues one message and the event that says so. For what we must say there is always
 * room; replies that the server can provoke as often as it likes are left out when it does not read.
 */

void ctrl_send_start_request(struct ctrl *c);
void ctrl_send_stop_request(struct ctrl *c, uint8_t reason);
void ctrl_send_stop_reply(struct ctrl *c);
void ctrl_send_echo_request(struct ctrl *c); /* with the next identifier */
void ctrl_send_echo_reply(struct ctrl *c, uint32_t identifier);
void ctrl_send_call_request(struct ctrl *c, const struct ctrl_call *call);
void ctrl_send_call_clear(struct ctrl *c, const struct ctrl_call *call);
void ctrl_send_call_disconnect(struct ctrl *c, const struct ctrl_call *call);
void ctrl_send_call_refusal(struct ctrl *c, uint16_t peer_call_id); /* Incoming-Call-Reply */
void ctrl_send_link_info(struct ctrl *c, const struct ctrl_call *call);

#endif
