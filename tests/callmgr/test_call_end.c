/* SPDX-License-Identifier: ISC */
/* Sentences and exit statuses of representative ends; texts that other programs match, to the letter. */
#include "callmgr/call_end.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>

#include "unit.h"

static struct pptp_options options;
static struct call_end_facts facts;
static struct call_end end;
static char string[512];

static void set_up(void)
{
	options = (struct pptp_options){.server = "vpn.test",
	    .phone = "",
	    .client_hostname = "",
	    .connect_timeout_us = 15 * USEC_PER_SEC};
	facts = (struct call_end_facts){.options = &options, .server_text = "vpn.test (192.0.2.7)"};
	inet_pton(AF_INET, "192.0.2.7", &facts.address);
	end = (struct call_end){.reason = CALL_END_NONE};
}

static const char *sentence(enum call_end_reason reason, enum callmgr_stage stage, int code)
{
	end.reason = reason;
	end.stage = stage;
	end.code = code;
	call_end_text(string, sizeof(string), &end, &facts);
	return string;
}

static const char *server_sentence(enum ctrl_why why, uint8_t result, uint8_t error, uint16_t cause)
{
	end.event = (struct ctrl_event){
	    .type = CTRL_EV_CLOSED, .why = why, .result = result, .error = error, .cause = cause};
	return sentence(CALL_END_CONTROL, facts.was_up ? STAGE_CALL : STAGE_CONTROL, 0);
}

static void ck_contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no '%s' in '%s'", part, text);
}

START_TEST(call_end_keeps_the_phrases_that_log_readers_match)
{
	static const struct {
		int error;
		const char *text;
	} rows[] = {
	    {ECONNREFUSED, "Connection refused"},
	    {EHOSTUNREACH, "No route to host"},
	    {ENETUNREACH, "Network is unreachable"},
	    {ETIMEDOUT, "Connection timed out"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char wanted[128];
		snprintf(wanted, sizeof(wanted),
		    "Could not open control connection to 192.0.2.7 (vpn.test): %s; ",
		    rows[i].text);
		ck_contains(sentence(CALL_END_CONNECT, STAGE_CONNECT, rows[i].error), wanted);
		ck_assert_ptr_eq(strstr(string, wanted), string);
	}
	facts.server_text = "192.0.2.7"; /* given as an address */
	ck_contains(sentence(CALL_END_CONNECT, STAGE_CONNECT, ECONNREFUSED),
	    "Could not open control connection to 192.0.2.7: Connection refused");
}
END_TEST

START_TEST(call_end_says_what_is_wrong_with_the_server_argument)
{
	options.server = "2001:db8::1";
	ck_contains(sentence(CALL_END_IPV6, STAGE_RESOLVE, 0), "'2001:db8::1' is an IPv6 address");
	options.server = "vpn.test:1723";
	ck_contains(sentence(CALL_END_PORT, STAGE_RESOLVE, 0), ": write 'vpn.test'");
}
END_TEST

START_TEST(call_end_says_why_a_name_was_not_found)
{
	ck_contains(sentence(CALL_END_RESOLVE, STAGE_RESOLVE, 0),
	    "Could not find the server 'vpn.test': no answer from the name server within 15 s");
	ck_contains(sentence(CALL_END_RESOLVE, STAGE_RESOLVE, EAI_NONAME), "check the spelling");
	ck_contains(sentence(CALL_END_RESOLVE, STAGE_RESOLVE, EAI_AGAIN), "is the network up?");
	ck_contains(sentence(CALL_END_RESOLVE, STAGE_RESOLVE, EAI_SYSTEM),
	    "the process that looked it up has exited");
	facts.resolver_errno = EMFILE;
	ck_contains(sentence(CALL_END_RESOLVE, STAGE_RESOLVE, EAI_SYSTEM), "Too many open files");
}
END_TEST

START_TEST(call_end_names_a_route_into_the_tunnel_and_the_command_that_shows_it)
{
	ck_contains(sentence(CALL_END_CONNECT, STAGE_CONNECT, ELOOP),
	    "The route to vpn.test (192.0.2.7) leads into the tunnel itself");
	ck_contains(string, "see: ip route get 192.0.2.7;");
}
END_TEST

START_TEST(call_end_says_what_is_wrong_with_an_answer)
{
	facts.was_up = false;
	server_sentence(CTRL_WHY_OTHER_CALL, MSG_RESULT_OK, 0, 0);
	end.event.msg.u.outgoing_call_reply.peer_call_id = 4712;
	ck_contains(sentence(CALL_END_CONTROL, STAGE_CALL, 0),
	    "vpn.test (192.0.2.7) answered Outgoing-Call-Request for another call (id 4712)");
	end.event = (struct ctrl_event){
	    .why = CTRL_WHY_SHORT_REPLY, .msg_type = MSG_START_CONTROL_CONNECTION_REPLY};
	ck_contains(sentence(CALL_END_CONTROL, STAGE_CONTROL, 0),
	    "sent a Start-Control-Connection-Reply that is too short to be understood");
	ck_contains(server_sentence(CTRL_WHY_STOPPED, 0, 0, 0),
	    "ended the control connection: it gave no reason");
}
END_TEST

START_TEST(call_end_says_what_a_refusing_server_answered)
{
	ck_contains(server_sentence(CTRL_WHY_START_REFUSED, MSG_SCCRP_NOT_AUTHORISED, 0, 0),
	    "refused the control connection: ");
	ck_contains(string, "--client-hostname");
	ck_contains(server_sentence(CTRL_WHY_START_REFUSED, 99, 0, 0), "unknown result code 99");
	ck_contains(
	    server_sentence(CTRL_WHY_CALL_REFUSED, MSG_OCRP_BUSY, 0, 17), "try again later");
	ck_contains(string, "(cause 17: ");
	ck_contains(server_sentence(CTRL_WHY_CALL_REFUSED, MSG_RESULT_GENERAL_ERROR, 99, 0),
	    "unknown error code 99");
	ck_contains(
	    server_sentence(CTRL_WHY_CALL_REFUSED, MSG_OCRP_DO_NOT_ACCEPT, 0, 0), "try --phone");
	ck_contains(server_sentence(CTRL_WHY_CALL_REFUSED, MSG_OCRP_NO_CARRIER, 0, 0x1100),
	    "no carrier (cause 4352)"); /* without a text */
	ck_contains(server_sentence(CTRL_WHY_CALL_REFUSED, MSG_RESULT_GENERAL_ERROR, 3, 0),
	    "try --phone"); /* a value is out of range */
	ck_contains(server_sentence(CTRL_WHY_CALL_REFUSED, MSG_RESULT_GENERAL_ERROR, 4, 0),
	    "try again later"); /* no resources */
	server_sentence(CTRL_WHY_CALL_REFUSED, MSG_RESULT_GENERAL_ERROR, 5, 0);
	ck_assert_ptr_null(strstr(string, "try"));
	options.phone = "123";
	server_sentence(CTRL_WHY_CALL_REFUSED, MSG_OCRP_DO_NOT_ACCEPT, 0, 0);
	ck_assert_ptr_null(strstr(string, "try --phone"));
}
END_TEST

START_TEST(call_end_distinguishes_no_pptp_server_from_a_lost_connection)
{
	static const uint8_t ssh[] = {'S', 'S', 'H'};
	ck_contains(server_sentence(CTRL_WHY_TCP_CLOSED, 0, 0, 0), "it is not a PPTP server");
	end.event = (struct ctrl_event){.why = CTRL_WHY_LOST_SYNC, .byte_count = sizeof(ssh)};
	memcpy(end.event.bytes, ssh, sizeof(ssh));
	ck_contains(sentence(CALL_END_CONTROL, STAGE_CONTROL, 0), "(bytes 53 53 48)");
	ck_contains(string, "is not a PPTP server");
	end.event.byte_count = CTRL_EVENT_BYTES_MAX;
	ck_contains(sentence(CALL_END_CONTROL, STAGE_CONTROL, 0),
	    "(bytes 53 53 48 00 00 00 00 00 00 00 00 00 00 00 00 00)"); /* the first 16 */
	facts.was_up = true;
	ck_contains(
	    server_sentence(CTRL_WHY_TCP_CLOSED, 0, 0, 0), "connection closed by the server");
	ck_assert_ptr_null(strstr(string, "not a PPTP server"));
	end.event.why = CTRL_WHY_TCP_CLOSED;
	ck_contains(sentence(CALL_END_CONTROL, STAGE_CALL, ECONNRESET), "Connection reset by peer");
	ck_contains(server_sentence(CTRL_WHY_ECHO_TIMEOUT, 0, 0, 0), "echo timed out");
}
END_TEST

START_TEST(call_end_names_the_stage_in_which_a_signal_came)
{
	ck_assert_str_eq(sentence(CALL_END_SIGNAL, STAGE_RESOLVE, SIGTERM),
	    "The call to vpn.test (192.0.2.7) was ended by SIGTERM while its name was looked up");
	ck_contains(sentence(CALL_END_SIGNAL, STAGE_CONNECT, SIGINT), "SIGINT while connecting");
	ck_contains(
	    sentence(CALL_END_SIGNAL, STAGE_CALL, SIGHUP), "waiting for Outgoing-Call-Reply");
	facts.was_up = true;
	ck_assert_str_eq(sentence(CALL_END_SIGNAL, STAGE_CALL, SIGTERM),
	    "The call to vpn.test (192.0.2.7) was ended by SIGTERM");
}
END_TEST

/* All reasons of the state machine, with each code: a sentence that names the server and is cut at the
 * end of the buffer. */
START_TEST(call_end_has_a_sentence_for_every_reason_and_code)
{
	for (int why = CTRL_WHY_NONE; why <= CTRL_WHY_TCP_CLOSED; why++)
		for (unsigned code = 0; code < 256; code++) {
			facts.was_up = code % 2;
			server_sentence((enum ctrl_why)why, (uint8_t)code, (uint8_t)code, 300);
			ck_contains(string, "192.0.2.7");
			ck_assert_ptr_null(strchr(string, '\n'));
		}
	char shorter[8];
	memset(shorter, 'x', sizeof(shorter));
	call_end_text(shorter, sizeof(shorter) - 1, &end, &facts);
	ck_assert_uint_eq(strlen(shorter), sizeof(shorter) - 2);
	ck_assert_int_eq(shorter[7], 'x');
}
END_TEST

START_TEST(call_end_is_a_success_only_where_an_established_call_was_ended_here)
{
	for (int reason = CALL_END_NONE; reason <= CALL_END_INTERNAL; reason++) {
		bool on_purpose = reason == CALL_END_SIGNAL || reason == CALL_END_REQUESTED;
		end.reason = (enum call_end_reason)reason;
		ck_assert_uint_eq(call_end_exit_status(&end, false), 1);
		ck_assert_uint_eq(call_end_exit_status(&end, true), on_purpose ? 0 : 1);
	}
}
END_TEST

START_TEST(call_end_server_text_names_the_address_once)
{
	call_end_server_text(string, sizeof(string), "vpn.test", facts.address);
	ck_assert_str_eq(string, "vpn.test (192.0.2.7)");
	call_end_server_text(string, sizeof(string), "192.0.2.7", facts.address);
	ck_assert_str_eq(string, "192.0.2.7");
}
END_TEST

START_TEST(call_end_is_by_the_server_where_it_said_so_or_closed)
{
	static const enum ctrl_why by_server[] = {CTRL_WHY_CALL_DISCONNECTED, CTRL_WHY_CALL_CLEARED,
	    CTRL_WHY_STOPPED, CTRL_WHY_TCP_CLOSED};
	for (size_t i = 0; i < sizeof(by_server) / sizeof(by_server[0]); i++) {
		(void)server_sentence(by_server[i], 0, 0, 0);
		ck_assert(call_end_is_by_server(&end));
	}
	(void)server_sentence(CTRL_WHY_ECHO_TIMEOUT, 0, 0, 0);
	ck_assert(!call_end_is_by_server(&end));
	end.reason = CALL_END_NONE;
	end.event.why = CTRL_WHY_STOPPED;
	ck_assert(!call_end_is_by_server(&end));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("call_end");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, NULL);
	tcase_add_test(all, call_end_keeps_the_phrases_that_log_readers_match);
	tcase_add_test(all, call_end_says_what_is_wrong_with_the_server_argument);
	tcase_add_test(all, call_end_says_why_a_name_was_not_found);
	tcase_add_test(all, call_end_names_a_route_into_the_tunnel_and_the_command_that_shows_it);
	tcase_add_test(all, call_end_says_what_is_wrong_with_an_answer);
	tcase_add_test(all, call_end_says_what_a_refusing_server_answered);
	tcase_add_test(all, call_end_distinguishes_no_pptp_server_from_a_lost_connection);
	tcase_add_test(all, call_end_names_the_stage_in_which_a_signal_came);
	tcase_add_test(all, call_end_has_a_sentence_for_every_reason_and_code);
	tcase_add_test(all, call_end_is_a_success_only_where_an_established_call_was_ended_here);
	tcase_add_test(all, call_end_server_text_names_the_address_once);
	tcase_add_test(all, call_end_is_by_the_server_where_it_said_so_or_closed);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
