/* SPDX-License-Identifier: ISC */
/* A control connection over a socket pair: the order of what it reports, deadlines, and its end. */
#include "callmgr/ctrl_conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop_fixture.h"

enum {
	ID = 7,
	PEER_ID = 1000,
	BYTES_MAX = 4096,
};

static struct pptp_options options;
static struct ctrl_conn conn;
static int server; /* its end of the pair */
static char reported[256];
static int tcp_error;
static bool stops_on_end; /* as the coordinator does */

static void add_report(const char *what)
{
	size_t at = strlen(reported);
	snprintf(reported + at, sizeof(reported) - at, "%s%s", at ? " " : "", what);
}

static void on_event(void *context, int64_t now_us, const struct ctrl_event *e, int error)
{
	ck_assert_ptr_eq(context, &loop);
	tcp_error = error;
	add_report(e->type == CTRL_EV_ESTABLISHED  ? "established"
		   : e->type == CTRL_EV_CALL_UP    ? "up"
		   : e->type == CTRL_EV_CALL_ENDED ? "ended"
						   : "closed");
	if (e->type == CTRL_EV_CALL_ENDED && stops_on_end)
		ctrl_conn_stop(&conn, now_us, "test");
}

static void on_finished(void *context, int64_t now_us)
{
	(void)now_us;
	add_report("finished");
	ctrl_conn_end(&conn);
	loop_stop(context);
}

static void set_up(void)
{
	options = (struct pptp_options){.server = "192.0.2.7",
	    .phone = "",
	    .client_hostname = "",
	    .connect_timeout_us = 20 * USEC_PER_MSEC};
	reported[0] = '\0';
	tcp_error = 0;
	stops_on_end = true;
	ck_assert_int_eq(loop_init(&loop, LOOP_MONOTONIC), 0);
}

static void start(void)
{
	static const struct ctrl_conn_ops ops = {.event = on_event, .finished = on_finished};
	struct ctrl_conn_config config = {.options = &options,
	    .server_text = "192.0.2.7",
	    .call_id = ID,
	    .call_serial = 1,
	    .close_wait_us = 200 * USEC_PER_MSEC};
	int pair[2];
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	server = pair[1];
	ctrl_conn_init(&conn, &loop, &ops, &loop);
	ck_assert_int_eq(ctrl_conn_start(&conn, loop_now_us(&loop), pair[0], &config), 0);
}

static void tear_down(void)
{
	ctrl_conn_end(&conn);
	close(server);
	loop_free(&loop);
}

static struct msg start_reply(void)
{
	struct msg m = {.type = MSG_START_CONTROL_CONNECTION_REPLY};
	m.u.start.version = MSG_VERSION;
	m.u.start.result = MSG_RESULT_OK;
	return m;
}

static struct msg call_reply(void)
{
	struct msg m = {.type = MSG_OUTGOING_CALL_REPLY};
	m.u.outgoing_call_reply.call_id = PEER_ID;
	m.u.outgoing_call_reply.peer_call_id = ID;
	m.u.outgoing_call_reply.result = MSG_RESULT_OK;
	return m;
}

static struct msg disconnect(void)
{
	struct msg m = {.type = MSG_CALL_DISCONNECT_NOTIFY};
	m.u.call_disconnect.call_id = PEER_ID;
	m.u.call_disconnect.result = MSG_CDN_ADMIN_SHUTDOWN;
	return m;
}

/* All of them in one write. */
static void server_sends(const struct msg *messages, size_t count)
{
	uint8_t bytes[BYTES_MAX];
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += msg_encode(&messages[i], bytes + len, sizeof(bytes) - len);
	ck_assert_int_eq(send(server, bytes, len, 0), (ssize_t)len);
}

/* The types of all messages that the server has got, as in "1 7". */
static const char *server_received(void)
{
	static char types[128];
	uint8_t bytes[BYTES_MAX];
	size_t at = 0, used;
	ssize_t len = recv(server, bytes, sizeof(bytes), MSG_DONTWAIT);
	types[0] = '\0';
	for (; (ssize_t)at < len; at += used) {
		struct msg m;
		ck_assert_uint_eq(
		    msg_decode(bytes + at, (size_t)len - at, &m, &used), MSG_COMPLETE);
		size_t end = strlen(types);
		snprintf(types + end, sizeof(types) - end, "%s%d", end ? " " : "", (int)m.type);
	}
	return types;
}

/* Log lines, from now on. */
static int log_reader, saved_stderr;

static void catch_log(void)
{
	int fds[2];
	ck_assert_int_eq(pipe2(fds, O_NONBLOCK), 0);
	saved_stderr = dup(STDERR_FILENO);
	ck_assert_int_eq(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	close(fds[1]);
	log_reader = fds[0];
	log_open("test", 2);
	log_copy_to_stderr(true);
}

static const char *logged(void)
{
	static char text[16384];
	ssize_t n = read(log_reader, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	close(log_reader);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	return text;
}

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;
	while ((text = strstr(text, part))) {
		n++;
		text++;
	}
	return n;
}

static void ck_contains(const char *text, const char *part)
{
	ck_assert_msg(strstr(text, part) != NULL, "no '%s' in '%s'", part, text);
}

/* Log readers know these lines. */
START_TEST(each_message_of_the_handshake_is_logged)
{
	const struct msg messages[] = {start_reply(), call_reply()};
	catch_log();
	start();
	server_sends(messages, 2);
	run_for(5 * USEC_PER_MSEC);
	const char *text = logged();
	ck_contains(text, "Sent control packet type is 1 'Start-Control-Connection-Request'\n");
	ck_contains(text, "Received Start Control Connection Reply\n");
	ck_contains(text, "Client connection established.\n");
	ck_contains(text, "Sent control packet type is 7 'Outgoing-Call-Request'\n");
	ck_contains(text, "Received Outgoing Call Reply\n");
	ck_assert_uint_eq(count(text, "\n"), 6); /* one is for debugging: the server's name */
}
END_TEST

START_TEST(messages_that_the_server_may_send_at_will_are_logged_ten_times)
{
	struct msg messages[20];
	const struct msg reply = start_reply();
	for (size_t i = 0; i < 20; i++)
		messages[i] =
		    (struct msg){.type = MSG_ECHO_REQUEST, .u.echo.identifier = (uint32_t)i};
	catch_log();
	start();
	server_sends(&reply, 1);
	run_for(USEC_PER_MSEC);
	server_sends(messages, 20);
	run_for(5 * USEC_PER_MSEC);
	const struct msg call = call_reply();
	server_sends(&call, 1);
	run_for(USEC_PER_MSEC);
	const char *text = logged();
	ck_assert_uint_eq(count(text, "Received Echo-Request\n"), 5);
	ck_assert_uint_eq(count(text, "Sent Echo-Reply\n"), 5);
	ck_contains(text, "Received Outgoing Call Reply\n");
}
END_TEST

START_TEST(a_reply_that_the_server_repeats_is_logged_a_few_times)
{
	struct msg messages[20];
	const struct msg reply = start_reply();
	for (size_t i = 0; i < 20; i++)
		messages[i] = call_reply();
	catch_log();
	start();
	server_sends(&reply, 1);
	run_for(USEC_PER_MSEC);
	server_sends(messages, 20);
	run_for(5 * USEC_PER_MSEC);
	const char *text = logged(); /* one is ours; ten lines of the others, of two kinds */
	ck_assert_uint_eq(count(text, "Received Outgoing Call Reply\n"), 1 + 5);
	ck_assert_uint_eq(count(text, "answered already"), 5);
}
END_TEST

START_TEST(unusual_messages_are_logged_with_what_they_say)
{
	struct msg link = {.type = MSG_SET_LINK_INFO};
	link.u.set_link_info.peer_call_id = ID;
	link.u.set_link_info.send_accm = 0x11;
	struct msg errors = {.type = MSG_WAN_ERROR_NOTIFY};
	errors.u.wan_error.peer_call_id = ID;
	errors.u.wan_error.crc_errors = 77;
	const struct msg incoming = {.type = MSG_INCOMING_CALL_CONNECTED};
	const struct msg messages[] = {start_reply(), call_reply(), link, errors, incoming};
	catch_log();
	start();
	server_sends(messages, sizeof(messages) / sizeof(messages[0]));
	run_for(5 * USEC_PER_MSEC);
	const char *text = logged();
	ck_contains(text, "send ACCM 00000011");
	ck_contains(text, "errors on its line: 77 CRC");
	ck_contains(text, "Incoming-Call-Connected (type 11) ignored: ");
	ck_assert_ptr_null(strstr(text, "left out"));
}
END_TEST

START_TEST(a_message_that_is_too_long_is_logged)
{
	const struct msg reply = start_reply();
	uint8_t bytes[MSG_LEN_MAX];
	size_t len = msg_encode(&reply, bytes, sizeof(bytes));
	memset(bytes + len, 0, 4);
	bytes[1] = (uint8_t)(len + 4);
	catch_log();
	start();
	ck_assert_int_eq(send(server, bytes, len + 4, 0), (ssize_t)(len + 4));
	run_for(5 * USEC_PER_MSEC);
	ck_contains(logged(), "Start-Control-Connection-Reply was 4 bytes too long");
}
END_TEST

START_TEST(bytes_that_are_no_pptp_are_logged)
{
	catch_log();
	start();
	ck_assert_int_eq(send(server, "SSH-2.0-test server, quite long line\r\n", 38, 0), 38);
	run_for(5 * USEC_PER_MSEC);
	const char *text = logged();
	ck_contains(text,
	    "the bytes in question: 53 53 48 2d 32 2e 30 2d 74 65 73 74 20 73 65 72 76 "
	    "65 72 2c 20 71 75 69 74 65 20 6c 6f 6e 67 20 \n");
}
END_TEST

static void read_request(struct msg *m)
{
	uint8_t bytes[MSG_LEN_MAX];
	size_t used;
	ssize_t len = recv(server, bytes, sizeof(bytes), 0);
	ck_assert_int_gt(len, 0);
	ck_assert_uint_eq(msg_decode(bytes, (size_t)len, m, &used), MSG_COMPLETE);
}

static const struct {
	bool bezeq;
	const char *name, *phone, *sent_name, *sent_phone;
} requests[] = {
    {false, "", "", "local", ""},
    {false, "host", "123", "host", "123"},
    {true, "", "", "RELAY_PPP1", "RELAY_PPP1"},
    {true, "host", "123", "host", "123"},
};

START_TEST(requests_carry_the_names_and_numbers_of_the_options)
{
	const struct msg reply = start_reply();
	struct msg m;
	options.quirks.bezeq = requests[_i].bezeq;
	options.client_hostname = requests[_i].name;
	options.phone = requests[_i].phone;
	start();
	read_request(&m);
	ck_assert_str_eq(m.u.start.host_name, requests[_i].sent_name);
	server_sends(&reply, 1);
	run_for(USEC_PER_MSEC);
	read_request(&m);
	ck_assert_str_eq(m.u.outgoing_call_request.phone, requests[_i].sent_phone);
}
END_TEST

START_TEST(one_read_with_both_replies_and_a_disconnect_is_reported_in_order)
{
	const struct msg messages[] = {start_reply(), call_reply(), disconnect()};
	start();
	server_sends(messages, 3);
	run_for(10 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "established up ended");
	ck_assert_str_eq(server_received(), "1 7 3"); /* SCCRQ, OCRQ, StopCCRQ */
}
END_TEST

START_TEST(messages_in_pieces_of_one_byte_are_reported_the_same)
{
	const struct msg messages[] = {start_reply(), call_reply(), disconnect()};
	uint8_t bytes[MSG_LEN_MAX];
	options.connect_timeout_us = 10 * USEC_PER_SEC;
	start();
	for (size_t i = 0; i < 3; i++) {
		size_t len = msg_encode(&messages[i], bytes, sizeof(bytes));
		for (size_t at = 0; at < len; at++) {
			ck_assert_int_eq(send(server, bytes + at, 1, 0), 1);
			run_for(300);
		}
	}
	ck_assert_str_eq(reported, "established up ended");
}
END_TEST

static void server_sends_bytes(const uint8_t *bytes, size_t len)
{
	ck_assert_int_eq(send(server, bytes, len, 0), (ssize_t)len);
	run_for(USEC_PER_MSEC);
}

/* The state machine has space for what is left of a message of the greatest length, not for all of the read. */
START_TEST(each_message_of_a_read_that_ends_a_long_one_is_answered)
{
	enum {
		MANY = 30,
		SHORT = 16,
		FIRST = 500,
	};
	uint8_t bytes[MSG_STREAM_LEN_MAX + MANY * SHORT] = {0};
	char wanted[2 * (MANY + 1) + 2] = "7 6";
	const struct msg reply = start_reply(), echo = {.type = MSG_ECHO_REQUEST};
	ck_assert_uint_eq(msg_encode(&echo, bytes, sizeof(bytes)), SHORT);
	bytes[0] = MSG_STREAM_LEN_MAX >> 8;
	bytes[1] = MSG_STREAM_LEN_MAX & 0xff;
	for (size_t at = MSG_STREAM_LEN_MAX; at < sizeof(bytes); at += SHORT) {
		msg_encode(&echo, bytes + at, SHORT);
		strcat(wanted, " 6");
	}
	options.connect_timeout_us = 10 * USEC_PER_SEC;
	start();
	ck_assert_str_eq(server_received(), "1");
	server_sends(&reply, 1);
	run_for(USEC_PER_MSEC);
	server_sends_bytes(bytes, FIRST);
	server_sends_bytes(bytes + FIRST, FIRST);
	server_sends_bytes(bytes + 2 * FIRST, sizeof(bytes) - 2 * FIRST);
	ck_assert_str_eq(server_received(), wanted);
}
END_TEST

START_TEST(a_message_waits_for_space_in_the_socket)
{
	const struct msg reply = start_reply();
	uint8_t bytes[BYTES_MAX] = {0};
	options.connect_timeout_us = 10 * USEC_PER_SEC;
	start();
	ck_assert_str_eq(server_received(), "1");
	while (send(conn.tcp.fd, bytes, sizeof(bytes), 0) > 0)
		;
	server_sends(&reply, 1);
	run_for(5 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "established");
	ck_assert_int_eq(conn.tcp.events, POLLIN | POLLOUT);
	while (recv(server, bytes, sizeof(bytes), 0) > 0)
		;
	run_for(5 * USEC_PER_MSEC);
	ck_assert_str_eq(server_received(), "7");
	ck_assert_int_eq(conn.tcp.events, POLLIN);
	ck_assert_str_eq(reported, "established");
}
END_TEST

START_TEST(a_pause_of_our_own_is_not_the_servers_silence)
{
	const struct msg reply = start_reply();
	start();
	server_sends(&reply, 1);
	usleep(2 * 20000); /* the deadline for SCCRP passes */
	run_for(5 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "established");
	ck_assert_str_eq(server_received(), "1 7");
}
END_TEST

START_TEST(a_read_that_finds_nothing_is_no_end)
{
	const struct msg reply = start_reply();
	start();
	conn.tcp.revents = POLLIN;
	conn.tcp.ready(conn.tcp.context, loop_now_us(&loop));
	ck_assert_str_eq(reported, "");
	server_sends(&reply, 1);
	run_for(5 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "established");
}
END_TEST

START_TEST(silence_until_the_deadline_closes_the_connection)
{
	start();
	run_for(100 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "ended closed finished");
	ck_assert_str_eq(server_received(), "1 3");
	ck_assert(!ctrl_conn_is_open(&conn));
}
END_TEST

START_TEST(the_last_messages_before_the_servers_close_are_reported_first)
{
	const struct msg messages[] = {start_reply(), call_reply(), disconnect()};
	start();
	server_sends(messages, 3);
	shutdown(server, SHUT_RDWR);
	run_for(50 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "established up ended closed finished");
}
END_TEST

START_TEST(the_servers_close_is_the_end_of_call_and_connection)
{
	const struct msg messages[] = {start_reply(), call_reply()};
	start();
	server_sends(messages, 2);
	run_for(5 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "established up");
	stops_on_end = false;
	close(server);
	server = -1;
	errno = EAGAIN; /* of before: no error is reported with the end of file */
	run_for(50 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "established up ended closed finished");
	ck_assert(!ctrl_conn_is_open(&conn));
}
END_TEST

START_TEST(a_stop_from_here_ends_the_call_and_waits_for_the_confirmation)
{
	const struct msg messages[] = {start_reply(), call_reply()};
	struct msg confirmation = {.type = MSG_STOP_CONTROL_CONNECTION_REPLY};
	confirmation.u.stop_reply.result = MSG_RESULT_OK;
	options.connect_timeout_us = 10 * USEC_PER_SEC;
	stops_on_end = false;
	start();
	server_sends(messages, 2);
	run_for(5 * USEC_PER_MSEC);
	ck_assert_str_eq(server_received(), "1 7");
	ctrl_conn_stop(&conn, loop_now_us(&loop), "test");
	ctrl_conn_serve(&conn, loop_now_us(&loop));
	ck_assert_str_eq(server_received(), "12 3"); /* CCRQ, StopCCRQ */
	ck_assert(ctrl_conn_is_open(&conn));
	server_sends(&confirmation, 1);
	run_for(50 * USEC_PER_MSEC);
	ck_assert_str_eq(reported, "established up ended closed finished");
	ck_assert(!ctrl_conn_is_open(&conn));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ctrl_conn");
	TCase *all = tcase_create("all");
	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_set_timeout(all, 30);
	tcase_add_test(all, each_message_of_the_handshake_is_logged);
	tcase_add_test(all, messages_that_the_server_may_send_at_will_are_logged_ten_times);
	tcase_add_test(all, a_reply_that_the_server_repeats_is_logged_a_few_times);
	tcase_add_test(all, unusual_messages_are_logged_with_what_they_say);
	tcase_add_test(all, a_message_that_is_too_long_is_logged);
	tcase_add_test(all, bytes_that_are_no_pptp_are_logged);
	tcase_add_loop_test(all, requests_carry_the_names_and_numbers_of_the_options, 0,
	    sizeof(requests) / sizeof(requests[0]));
	tcase_add_test(all, one_read_with_both_replies_and_a_disconnect_is_reported_in_order);
	tcase_add_test(all, messages_in_pieces_of_one_byte_are_reported_the_same);
	tcase_add_test(all, each_message_of_a_read_that_ends_a_long_one_is_answered);
	tcase_add_test(all, a_message_waits_for_space_in_the_socket);
	tcase_add_test(all, a_pause_of_our_own_is_not_the_servers_silence);
	tcase_add_test(all, a_read_that_finds_nothing_is_no_end);
	tcase_add_test(all, silence_until_the_deadline_closes_the_connection);
	tcase_add_test(all, the_last_messages_before_the_servers_close_are_reported_first);
	tcase_add_test(all, the_servers_close_is_the_end_of_call_and_connection);
	tcase_add_test(all, a_stop_from_here_ends_the_call_and_waits_for_the_confirmation);
	suite_add_tcase(suite, all);
	return unit_run(suite);
}
