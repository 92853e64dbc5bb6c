/* SPDX-License-Identifier: ISC */
/* Each sentence, and that none has a word by which programs know the end of a call. */
#include "gateway/silence_text.h"

#include <arpa/inet.h>
#include <string.h>

#include "unit.h"

static struct silence silence;
static struct silence_facts facts;
static struct silence_details details;
static char text[SILENCE_TEXT_MAX];

static struct in_addr address(const char *a)
{
	struct in_addr in;
	ck_assert_int_eq(inet_pton(AF_INET, a, &in), 1);
	return in;
}

static void set_up(void)
{
	silence = (struct silence){.ticks = 20};
	facts = (struct silence_facts){.sent = 2};
	details = (struct silence_details){.local = address("198.51.100.7"),
	    .server = address("192.0.2.1"),
	    .call_id = 4711,
	    .peer_call_id = 9};
}

static const char *say(enum silence_cause cause)
{
	static const char *const kept[] = {"Connection refused", "No route to host",
	    "Network is unreachable", "timed out", "Timeout", "authentication failed",
	    "Modem hangup"};
	silence_text(text, cause, &silence, &facts, &details);
	ck_assert_uint_lt(strlen(text), SILENCE_TEXT_MAX - 1);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		ck_assert_ptr_null(strstr(text, kept[i]));
	return text;
}

#define STEM "no GRE came back from 192.0.2.1 in 5 s (2 sent, 0 received): "

START_TEST(unexplained_silence_names_what_may_drop_GRE)
{
	ck_assert_str_eq(
	    say(SILENCE_UNEXPLAINED), STEM "a firewall or NAT on the path may drop IP protocol 47");
	details.tracks_connections = true;
	ck_assert_str_eq(say(SILENCE_UNEXPLAINED), STEM
	    "a firewall or NAT on the path may drop IP protocol 47; so may this host's own packet "
	    "filter, which tracks connections");
}
END_TEST

START_TEST(NAT_is_certain_where_our_address_is_private_and_the_servers_is_not)
{
	static const struct {
		const char *local, *server;
		bool nat;
	} rows[] = {
	    {"10.0.0.1", "192.0.2.1", true},
	    {"172.16.0.1", "192.0.2.1", true},
	    {"172.31.255.1", "192.0.2.1", true},
	    {"172.32.0.1", "192.0.2.1", false},
	    {"192.168.1.2", "192.0.2.1", true},
	    {"100.64.0.1", "192.0.2.1", true},
	    {"100.128.0.1", "192.0.2.1", false},
	    {"10.0.0.1", "10.0.0.2", false},
	    {"127.0.0.1", "127.0.0.2", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		details.local = address(rows[i].local);
		details.server = address(rows[i].server);
		ck_assert_int_eq(
		    strstr(say(SILENCE_UNEXPLAINED), "the NAT between") != NULL, rows[i].nat);
	}
}
END_TEST

START_TEST(ICMP_is_told_with_its_source_and_meaning)
{
	details.icmp = (struct icmp_error){
	    .from_network = true, .from = address("203.0.113.9"), .type = 3, .code = 13};
	ck_assert_str_eq(say(SILENCE_ICMP),
	    STEM "the router 203.0.113.9 answers it with ICMP 3/13, administratively prohibited: a "
		 "packet filter there rejects GRE (IP protocol 47)");
	details.icmp.from = details.server;
	details.icmp.code = 2;
	ck_assert_str_eq(say(SILENCE_ICMP), STEM
	    "the server itself at 192.0.2.1 answers it with ICMP 3/2, protocol not supported: GRE (IP protocol "
	    "47) is rejected or not known there");
	for (unsigned type = 0; type < 16; type++)
		for (unsigned code = 0; code < 20; code++) {
			details.icmp.type = (uint8_t)type;
			details.icmp.code = (uint8_t)code;
			say(SILENCE_ICMP);
		}
}
END_TEST

START_TEST(GRE_for_others_is_told_with_both_numbers_or_addresses)
{
	details.other_call = 4712;
	ck_assert_str_eq(say(SILENCE_OTHER_CALL), STEM
	    "GRE arrives for call 4712, ours is 4711: the server, or a NAT on the path, mixes up "
	    "the numbers of calls, or goes on with one that has ended here");
	details.other_call = 9;
	ck_assert_ptr_nonnull(strstr(
	    say(SILENCE_OTHER_CALL), "call 9, which is the server's own number, ours is 4711"));
	details.other_source = address("192.0.2.9");
	ck_assert_str_eq(say(SILENCE_OTHER_SOURCE), STEM
	    "GRE arrives from 192.0.2.9, not from 192.0.2.1: call the server by that address, or "
	    "let it answer from the one that is called");
}
END_TEST

START_TEST(silence_of_a_link_that_has_carried_packets_is_told_with_what_came_before)
{
	silence = (struct silence){.ticks = 260, .sent = 1000, .received = 2000};
	facts = (struct silence_facts){.sent = 1003, .received = 2000, .answers = 1};
	ck_assert_str_eq(say(SILENCE_UNEXPLAINED),
	    "no GRE comes from 192.0.2.1 any more: none in 65 s (3 sent and 0 received meanwhile, 2000 "
	    "received before): the server or the path to it may be down, or a firewall or NAT on the path "
	    "may drop IP protocol 47");
	ck_assert_ptr_eq(
	    strstr(say(SILENCE_REFUSED),
		"this host refuses to send GRE (IP protocol 47) to 192.0.2.1 (1003 sent, "
		"2000 received so far): see its packet filter"),
	    text);
}
END_TEST

START_TEST(server_that_sends_without_an_answer_may_not_hear_us)
{
	details.tracks_connections = true; /* which lets in what comes */
	facts.received = 3;
	ck_assert_str_eq(say(SILENCE_UNEXPLAINED),
	    "no answer came back from 192.0.2.1 in 5 s (2 sent, 3 received): a firewall or NAT on the "
	    "path may drop IP protocol 47 towards the server");
	silence.received = 1;
	facts.answers = 1;
	ck_assert_str_eq(say(SILENCE_UNEXPLAINED),
	    "no answer comes from 192.0.2.1 any more: none in 5 s (2 sent and 2 received meanwhile, 1 "
	    "received before): the server or the path to it may be down, or a firewall or NAT on the path "
	    "may drop IP protocol 47 towards the server");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("silence_text");
	TCase *tc = tcase_create("silence_text");
	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, unexplained_silence_names_what_may_drop_GRE);
	tcase_add_test(tc, NAT_is_certain_where_our_address_is_private_and_the_servers_is_not);
	tcase_add_test(tc, ICMP_is_told_with_its_source_and_meaning);
	tcase_add_test(tc, GRE_for_others_is_told_with_both_numbers_or_addresses);
	tcase_add_test(
	    tc, silence_of_a_link_that_has_carried_packets_is_told_with_what_came_before);
	tcase_add_test(tc, server_that_sends_without_an_answer_may_not_hear_us);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
