/* SPDX-License-Identifier: ISC */
/* Messages between the processes: what arrives is what was sent; malformed packets do no harm. */
#include "sys/ipc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static int pair[2];
static char directory[64];
static struct ipc_message in, out;

static void set_up(void)
{
	ck_assert_int_eq(ipc_pair(pair), 0);
	memset(&in, 0xa5, sizeof(in));
	memset(&out, 0, sizeof(out));
	strcpy(directory, "/tmp/test-ipc-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void tear_down(void)
{
	char command[128];
	close(pair[0]);
	close(pair[1]);
	snprintf(command, sizeof(command), "rm -rf '%s'", directory);
	ck_assert_int_eq(system(command), 0);
}

static void pass(enum ipc_type type)
{
	out.type = type;
	ck_assert_int_eq(ipc_send(pair[0], &out), 0);
	ck_assert_int_eq(ipc_receive(pair[1], &in), 1);
	ck_assert_int_eq(in.type, type);
	if (type != IPC_CONNECT_REPLY || out.u.reply.error)
		ck_assert_int_eq(in.fd, -1);
}

START_TEST(ipc_carries_a_connect_request)
{
	out.u.connect.server.s_addr = htonl(0xcb007107);
	out.u.connect.is_last = true;
	pass(IPC_CONNECT_REQUEST);
	ck_assert_uint_eq(in.u.connect.server.s_addr, htonl(0xcb007107));
	ck_assert(in.u.connect.is_last);
}
END_TEST

START_TEST(ipc_carries_a_connect_reply_with_an_error_the_route_state_and_the_unit)
{
	out.u.reply = (struct ipc_connect_reply){.error = 113, .route = IPC_ROUTE_LOST};
	pass(IPC_CONNECT_REPLY);
	ck_assert_uint_eq(in.u.reply.error, 113);
	ck_assert_int_eq(in.u.reply.route, IPC_ROUTE_LOST);
	out.u.route = IPC_ROUTE_ADDED;
	pass(IPC_ROUTE_STATE);
	ck_assert_int_eq(in.u.route, IPC_ROUTE_ADDED);
	out.u.unit = 70000;
	pass(IPC_UNIT);
	ck_assert_uint_eq(in.u.unit, 70000);
}
END_TEST

START_TEST(ipc_carries_an_established_call)
{
	out.u.up = (struct ipc_call_up){.server.s_addr = htonl(0xcb007107),
	    .local.s_addr = htonl(0xc0000202),
	    .call_id = 1,
	    .peer_call_id = 0x8001,
	    .server_window = 3,
	    .server_delay = 7};
	pass(IPC_CALL_UP);
	ck_assert_uint_eq(in.u.up.server.s_addr, out.u.up.server.s_addr);
	ck_assert_uint_eq(in.u.up.local.s_addr, out.u.up.local.s_addr);
	ck_assert_uint_eq(in.u.up.call_id, 1);
	ck_assert_uint_eq(in.u.up.peer_call_id, 0x8001);
	ck_assert_uint_eq(in.u.up.server_window, 3);
	ck_assert_uint_eq(in.u.up.server_delay, 7);
}
END_TEST

START_TEST(ipc_carries_the_end_of_a_call_with_its_reason)
{
	out.u.ended.exit_status = 255;
	memset(out.u.ended.text, 'x', IPC_TEXT_MAX - 1);
	out.u.ended.by_server = true;
	pass(IPC_ENDED);
	ck_assert(in.u.ended.by_server);
	ck_assert_uint_eq(in.u.ended.exit_status, 255);
	ck_assert_str_eq(in.u.ended.text, out.u.ended.text);
	out.u.ended.text[0] = '\0';
	pass(IPC_ENDED);
	ck_assert_str_eq(in.u.ended.text, "");
}
END_TEST

START_TEST(ipc_carries_every_counter_and_the_longest_notice)
{
	for (size_t i = 0; i < STATS_COUNT; i++) {
		uint64_t value = UINT64_C(0x0102030405060708) * (i + 1);
		memcpy(
		    (char *)&out.u.stats.counters + stats_table[i].offset, &value, sizeof(value));
	}
	out.u.stats.notice.at_us = INT64_MAX;
	memset(out.u.stats.notice.text, 'x', IPC_TEXT_MAX - 1);
	pass(IPC_STATS);
	ck_assert_mem_eq(&in.u.stats, &out.u.stats, sizeof(in.u.stats));
	out.u.stats.notice = (struct ipc_notice){.at_us = 0};
	pass(IPC_STATS);
	ck_assert_int_eq(in.u.stats.notice.at_us, 0);
	ck_assert_str_eq(in.u.stats.notice.text, "");
}
END_TEST

START_TEST(ipc_sends_a_status_of_full_length_and_no_more)
{
	static char text[IPC_STATUS_MAX + 100];
	static char packet[sizeof(text)];
	memset(text, 's', sizeof(text) - 1);
	out = (struct ipc_message){.type = IPC_STATUS, .fd = -1, .u.status = text};
	ck_assert_int_eq(ipc_send(pair[0], &out), 0);
	ck_assert_int_eq(recv(pair[1], packet, sizeof(packet), 0), 2 + IPC_STATUS_MAX - 1);
	ck_assert_int_eq(packet[0], IPC_VERSION);
	ck_assert_int_eq(packet[1], IPC_STATUS);
	ck_assert_mem_eq(packet + 2, text, IPC_STATUS_MAX - 1);
}
END_TEST

START_TEST(ipc_receives_a_status_and_nothing_else_where_it_was_asked_for)
{
	char text[8];
	ck_assert_int_eq(ipc_receive_status(pair[1], text, sizeof(text)), -EAGAIN);
	out = (struct ipc_message){.type = IPC_STATUS, .fd = -1, .u.status = "a=1\n"};
	ck_assert_int_eq(ipc_send(pair[0], &out), 0);
	ck_assert_int_eq(ipc_receive_status(pair[1], text, sizeof(text)), 0);
	ck_assert_str_eq(text, "a=1\n");
	out.u.status = "longer than the space";
	ck_assert_int_eq(ipc_send(pair[0], &out), 0);
	ck_assert_int_eq(ipc_receive_status(pair[1], text, sizeof(text)), 0);
	ck_assert_str_eq(text, "longer ");
	out.u.status = "";
	ck_assert_int_eq(ipc_send(pair[0], &out), 0);
	ck_assert_int_eq(ipc_receive_status(pair[1], text, sizeof(text)), 0);
	ck_assert_str_eq(text, "");
	out = (struct ipc_message){.type = IPC_CLOSE, .fd = -1};
	ck_assert_int_eq(ipc_send(pair[0], &out), 0);
	ck_assert_int_eq(ipc_receive_status(pair[1], text, sizeof(text)), -EBADMSG);
	ck_assert_int_eq(send(pair[0], "\001", 1, 0), 1);
	ck_assert_int_eq(ipc_receive_status(pair[1], text, sizeof(text)), -EBADMSG);
	ck_assert_int_eq(ipc_send(pair[1], &out), 0);
	out = (struct ipc_message){.type = IPC_STATUS, .fd = -1, .u.status = "last"};
	ck_assert_int_eq(ipc_send(pair[0], &out), 0);
	close(pair[0]);
	pair[0] = -1;
	ck_assert_int_eq(ipc_receive_status(pair[1], text, sizeof(text)), 0);
	ck_assert_str_eq(text, "last");
	ck_assert_int_eq(ipc_receive_status(pair[1], text, sizeof(text)), -ECONNRESET);
}
END_TEST

static const enum ipc_type empty_types[] = {IPC_HEARTBEAT, IPC_STATS_REQUEST, IPC_READY,
    IPC_RECEIVED, IPC_CLOSE, IPC_STATS_DUMP, IPC_STATUS_REQUEST, IPC_PPPD_OPEN};
enum {
	EMPTY_TYPES = sizeof(empty_types) / sizeof(empty_types[0])
};

START_TEST(ipc_carries_messages_without_contents)
{
	for (size_t i = 0; i < EMPTY_TYPES; i++) {
		pass(empty_types[i]);
		ck_assert_int_eq(ipc_send_type(pair[0], empty_types[i]), 0);
		ck_assert_int_eq(ipc_receive(pair[1], &in), 1);
		ck_assert_int_eq(in.type, empty_types[i]);
	}
}
END_TEST

START_TEST(ipc_hands_over_a_descriptor_and_leaves_the_sender_its_own)
{
	int fds[2];
	char byte = 0;
	ck_assert_int_eq(pipe(fds), 0);
	out.fd = fds[1];
	pass(IPC_CONNECT_REPLY);
	ck_assert_int_ge(in.fd, 0);
	ck_assert_int_ne(in.fd, fds[1]);
	ck_assert(fcntl(in.fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(write(in.fd, "a", 1), 1);
	ck_assert_int_eq(read(fds[0], &byte, 1), 1);
	ck_assert_int_eq(byte, 'a');
	ck_assert_int_eq(write(fds[1], "b", 1), 1);
	close(in.fd);
	close(fds[0]);
	close(fds[1]);
	out.fd = -1;
	ck_assert_int_eq(ipc_send(pair[0], &out), -EINVAL);
}
END_TEST

START_TEST(ipc_ignores_the_descriptor_field_of_other_messages)
{
	int before = open_descriptors();
	out.fd = 0; /* a struct of zeros must not send stdin around */
	pass(IPC_CLOSE);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

/* Sends raw bytes with `count` descriptors. */
static void send_raw(const void *bytes, size_t len, int count)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(16 * sizeof(int))];
	} control = {.space = {0}};
	struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
	if (count) {
		m.msg_control = control.space;
		m.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
		for (int i = 0; i < count; i++)
			memcpy(CMSG_DATA(c) + (size_t)i * sizeof(int), &pair[0], sizeof(int));
	}
	ck_assert_int_eq(sendmsg(pair[0], &m, 0), (ssize_t)len);
}

START_TEST(ipc_refuses_packets_of_any_other_length)
{
	/* One byte less or more than the contents is refused. */
	static const struct {
		uint8_t type;
		size_t len;
	} exact[] = {{IPC_CALL_UP, sizeof(struct ipc_call_up)}, {IPC_CLOSE, 0},
	    {IPC_CONNECT_REQUEST, sizeof(struct ipc_connect_request)},
	    {IPC_ROUTE_STATE, sizeof(enum ipc_route)}, {IPC_UNIT, 4}, {IPC_DRAIN, 1},
	    {IPC_PPPD_OPEN, 0}, {IPC_STATS, 8 * STATS_COUNT + 8 + IPC_TEXT_MAX},
	    {IPC_ENDED, IPC_TEXT_MAX + 2}};
	static uint8_t packet[8 * STATS_COUNT + IPC_TEXT_MAX + 100] = {IPC_VERSION};
	for (size_t i = 0; i < sizeof(exact) / sizeof(exact[0]); i++) {
		packet[1] = exact[i].type;
		for (size_t len = 1; len < sizeof(packet); len++) {
			send_raw(packet, len, 0);
			ck_assert_int_eq(
			    ipc_receive(pair[1], &in), len == 2 + exact[i].len ? 1 : -EBADMSG);
		}
	}
}
END_TEST

START_TEST(ipc_refuses_unknown_types_and_versions)
{
	for (unsigned type = 0; type < 256; type++) {
		uint8_t packet[2] = {IPC_VERSION, (uint8_t)type};
		bool is_empty = false;
		for (size_t i = 0; i < EMPTY_TYPES; i++)
			is_empty = is_empty || type == empty_types[i];
		send_raw(packet, 2, 0);
		ck_assert_int_eq(ipc_receive(pair[1], &in), is_empty ? 1 : -EBADMSG);
	}
	uint8_t other[2] = {IPC_VERSION + 1, IPC_CLOSE};
	send_raw(other, 2, 0);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
}
END_TEST

START_TEST(ipc_refuses_a_text_without_an_end_and_a_route_state_that_is_none)
{
	uint8_t packet[2 + sizeof(struct ipc_ended)];
	memset(packet, 'x', sizeof(packet));
	packet[0] = IPC_VERSION;
	packet[1] = IPC_ENDED;
	send_raw(packet, sizeof(packet), 0);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
	packet[sizeof(packet) - 1] = '\0';
	send_raw(packet, sizeof(packet), 0);
	ck_assert_int_eq(ipc_receive(pair[1], &in), 1);
	packet[1] = IPC_ROUTE_STATE;
	send_raw(packet, 2 + sizeof(enum ipc_route), 0);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
	packet[1] = IPC_CONNECT_REPLY; /* with an error, so that no descriptor is missed */
	send_raw(packet, 2 + sizeof(struct ipc_connect_reply), 0);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
}
END_TEST

START_TEST(ipc_closes_unexpected_descriptors)
{
	int before = open_descriptors();
	const uint8_t close_call[2] = {IPC_VERSION, IPC_CLOSE};
	const uint8_t reply[2 + sizeof(struct ipc_connect_reply)] = {
	    IPC_VERSION, IPC_CONNECT_REPLY};
	const uint8_t failed[sizeof(reply)] = {IPC_VERSION, IPC_CONNECT_REPLY, 0, 0, 0, 1};
	send_raw(close_call, 2, 1);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
	send_raw(reply, sizeof(reply), 2);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
	send_raw(reply, sizeof(reply), 16);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
	send_raw(reply, sizeof(reply), 0);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
	send_raw(failed, sizeof(reply), 1);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
	send_raw("\xff\xff\xff", 3, 3);
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EBADMSG);
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

START_TEST(ipc_distinguishes_a_silent_peer_from_a_closed_one)
{
	ck_assert_int_eq(ipc_receive(pair[1], &in), -EAGAIN);
	close(pair[0]);
	ck_assert_int_eq(ipc_receive(pair[1], &in), 0);
	ck_assert_int_eq(ipc_send(pair[1], &(struct ipc_message){.type = IPC_CLOSE}), -EPIPE);
	pair[0] = dup(pair[1]);
}
END_TEST

START_TEST(ipc_peer_that_died_with_unread_messages_has_closed)
{
	out.type = IPC_CLOSE;
	ck_assert_int_eq(ipc_send(pair[1], &out), 0);
	close(pair[0]);
	ck_assert_int_eq(ipc_receive(pair[1], &in), 0);
	pair[0] = dup(pair[1]);
}
END_TEST

START_TEST(ipc_receives_the_final_message_of_a_peer_that_left_ours_unread)
{
	out.type = IPC_STATS;
	ck_assert_int_eq(ipc_send(pair[1], &out), 0);
	out = (struct ipc_message){.type = IPC_ENDED, .fd = -1, .u.ended.text = "why"};
	ck_assert_int_eq(ipc_send(pair[0], &out), 0);
	close(pair[0]);
	ck_assert_int_eq(ipc_receive(pair[1], &in), 1);
	ck_assert_str_eq(in.u.ended.text, "why");
	ck_assert_int_eq(ipc_receive(pair[1], &in), 0);
	pair[0] = dup(pair[1]);
}
END_TEST

START_TEST(ipc_leaves_space_for_messages_that_must_arrive)
{
	int received = 0;
	for (int i = 0; i < 1000; i++)
		ipc_send_optional(pair[0], IPC_HEARTBEAT);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(ipc_send_type(pair[0], IPC_READY), 0);
	while (ipc_receive(pair[1], &in) == 1)
		received++;
	ck_assert_int_ge(received, 50 + 8);
	ck_assert_int_le(received, 50 + 64);
	ipc_send_optional(pair[0], IPC_HEARTBEAT);
	ck_assert_int_eq(ipc_receive(pair[1], &in), 1);
}
END_TEST

START_TEST(ipc_knows_when_the_peer_has_read_all)
{
	ck_assert(ipc_is_read(pair[0]));
	ck_assert_int_eq(ipc_send_type(pair[0], IPC_READY), 0);
	ck_assert(!ipc_is_read(pair[0]));
	ck_assert_int_eq(ipc_receive(pair[1], &in), 1);
	ck_assert(ipc_is_read(pair[0]));
}
END_TEST

START_TEST(ipc_tells_what_passes_from_what_is_refused_for_good)
{
	static const int passing[] = {EAGAIN, ENOMEM, ENOBUFS};
	static const int of_the_receiver[] = {0, EPIPE, ECONNRESET, ECONNREFUSED, ETOOMANYREFS};
	static const int refused[] = {EPERM, EACCES, ENOSYS, EINVAL};
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
		ck_assert(ipc_may_pass(-passing[i]) && !ipc_is_refused(-passing[i]));
	for (size_t i = 0; i < sizeof(of_the_receiver) / sizeof(of_the_receiver[0]); i++)
		ck_assert(
		    !ipc_may_pass(-of_the_receiver[i]) && !ipc_is_refused(-of_the_receiver[i]));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		ck_assert(!ipc_may_pass(-refused[i]) && ipc_is_refused(-refused[i]));
}
END_TEST

START_TEST(ipc_send_to_a_peer_that_does_not_read_never_blocks)
{
	int rc = 0, sent = 0;
	out = (struct ipc_message){.type = IPC_STATUS, .fd = -1, .u.status = "s"};
	for (; rc == 0 && sent < 100000; sent++)
		rc = ipc_send(pair[0], &out);
	ck_assert_int_eq(rc, -EAGAIN);
	ck_assert_int_gt(sent, 1);
}
END_TEST

static void path_in(char *path, size_t cap, const char *name)
{
	snprintf(path, cap, "%s/%s", directory, name);
}

START_TEST(ipc_listener_and_client_meet)
{
	char path[128];
	path_in(path, sizeof(path), "s");
	int l = ipc_listen(path);
	ck_assert_int_ge(l, 0);
	ck_assert_int_eq(ipc_accept(l, getuid()), -EAGAIN);
	int c = ipc_connect(path, getuid());
	ck_assert_int_ge(c, 0);
	int s = ipc_accept(l, getuid());
	ck_assert_int_ge(s, 0);
	out.type = IPC_STATUS_REQUEST;
	ck_assert_int_eq(ipc_send(c, &out), 0);
	ck_assert_int_eq(ipc_receive(s, &in), 1);
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 077, 0);
	close(c);
	close(s);
	close(l);
}
END_TEST

START_TEST(ipc_listener_replaces_the_socket_of_a_killed_process)
{
	char path[128];
	path_in(path, sizeof(path), "s");
	int l = ipc_listen(path);
	ck_assert_int_ge(l, 0);
	close(l); /* as a killed process would: the name stays */
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(ipc_connect(path, getuid()), -ECONNREFUSED);
	l = ipc_listen(path);
	ck_assert_int_ge(l, 0);
	int c = ipc_connect(path, getuid());
	ck_assert_int_ge(c, 0);
	close(c);
	close(l);
}
END_TEST

START_TEST(ipc_listener_replaces_a_file_but_not_a_directory)
{
	char path[128];
	path_in(path, sizeof(path), "s");
	int file = creat(path, 0600);
	ck_assert_int_ge(file, 0);
	close(file);
	int l = ipc_listen(path);
	ck_assert_int_ge(l, 0);
	close(l);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_int_eq(ipc_listen(path), -EISDIR);
	ck_assert_int_eq(ipc_connect(path, getuid()), -ECONNREFUSED);
}
END_TEST

START_TEST(ipc_says_so_when_a_path_does_not_fit)
{
	char path[200];
	memset(path, 'p', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	ck_assert_int_eq(ipc_listen(path), -ENAMETOOLONG);
	ck_assert_int_eq(ipc_connect(path, getuid()), -ENAMETOOLONG);
}
END_TEST

/* In a child with another user's id; its exit status is the errno. */
static int as_another_user(const char *path)
{
	pid_t child = fork();
	if (child == 0) {
		if (setgid(65533) < 0 || setuid(65533) < 0)
			_exit(99);
		int c = ipc_connect(path, 65533);
		_exit(c < 0 ? -c : 0);
	}
	int status = 0;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return WEXITSTATUS(status);
}

START_TEST(ipc_turns_other_users_away)
{
	char path[128];
	if (getuid() != 0)
		return; /* another user cannot be played then */
	path_in(path, sizeof(path), "s");
	int l = ipc_listen(path);
	ck_assert_int_ge(l, 0);
	ck_assert_int_eq(as_another_user(path), EACCES);
	ck_assert_int_eq(chmod(directory, 0755), 0);
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(as_another_user(path), 0); /* root's listener is good enough for it ... */
	ck_assert_int_eq(ipc_accept(l, getuid()), -EACCES); /* ... but not the other way round */
	ck_assert_int_eq(ipc_accept(l, getuid()), -EAGAIN);
	close(l);
}
END_TEST

START_TEST(ipc_random_packets_are_refused_or_understood_never_more)
{
	uint32_t x = 2463534242; /* the seed: xorshift32 */
	uint8_t packet[600];
	int before = open_descriptors();
	for (int i = 0; i < 20000; i++) {
		for (size_t j = 0; j < sizeof(packet); j++) {
			x ^= x << 13;
			x ^= x >> 17;
			x ^= x << 5;
			packet[j] = (uint8_t)x;
		}
		packet[0] = IPC_VERSION;
		packet[1] = (uint8_t)((x >> 8) % (IPC_STATUS + 2));
		send_raw(packet, 1 + (x >> 16) % (sizeof(packet) - 1), 0);
		int rc = ipc_receive(pair[1], &in);
		ck_assert(rc == 1 || rc == -EBADMSG);
		if (rc == 1) {
			ck_assert_int_eq(ipc_send(pair[1], &in), 0);
			ck_assert_int_eq(ipc_receive(pair[0], &in), 1);
		}
	}
	ck_assert_int_eq(open_descriptors(), before);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ipc");
	TCase *tc = tcase_create("ipc");
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, ipc_carries_a_connect_request);
	tcase_add_test(tc, ipc_carries_a_connect_reply_with_an_error_the_route_state_and_the_unit);
	tcase_add_test(tc, ipc_carries_an_established_call);
	tcase_add_test(tc, ipc_leaves_space_for_messages_that_must_arrive);
	tcase_add_test(tc, ipc_knows_when_the_peer_has_read_all);
	tcase_add_test(tc, ipc_tells_what_passes_from_what_is_refused_for_good);
	tcase_add_test(tc, ipc_carries_the_end_of_a_call_with_its_reason);
	tcase_add_test(tc, ipc_carries_every_counter_and_the_longest_notice);
	tcase_add_test(tc, ipc_sends_a_status_of_full_length_and_no_more);
	tcase_add_test(tc, ipc_receives_a_status_and_nothing_else_where_it_was_asked_for);
	tcase_add_test(tc, ipc_carries_messages_without_contents);
	tcase_add_test(tc, ipc_hands_over_a_descriptor_and_leaves_the_sender_its_own);
	tcase_add_test(tc, ipc_ignores_the_descriptor_field_of_other_messages);
	tcase_add_test(tc, ipc_refuses_packets_of_any_other_length);
	tcase_add_test(tc, ipc_refuses_unknown_types_and_versions);
	tcase_add_test(tc, ipc_refuses_a_text_without_an_end_and_a_route_state_that_is_none);
	tcase_add_test(tc, ipc_closes_unexpected_descriptors);
	tcase_add_test(tc, ipc_distinguishes_a_silent_peer_from_a_closed_one);
	tcase_add_test(tc, ipc_peer_that_died_with_unread_messages_has_closed);
	tcase_add_test(tc, ipc_receives_the_final_message_of_a_peer_that_left_ours_unread);
	tcase_add_test(tc, ipc_send_to_a_peer_that_does_not_read_never_blocks);
	tcase_add_test(tc, ipc_listener_and_client_meet);
	tcase_add_test(tc, ipc_listener_replaces_the_socket_of_a_killed_process);
	tcase_add_test(tc, ipc_listener_replaces_a_file_but_not_a_directory);
	tcase_add_test(tc, ipc_says_so_when_a_path_does_not_fit);
	tcase_add_test(tc, ipc_turns_other_users_away);
	tcase_add_test(tc, ipc_random_packets_are_refused_or_understood_never_more);
	suite_add_tcase(suite, tc);
	return unit_run(suite);
}
