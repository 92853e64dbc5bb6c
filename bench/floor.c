/* SPDX-License-Identifier: ISC */
/*
 * The floor: a bare bridge between a raw GRE socket and the pty on fd 0 that moves bytes in
 * batches and does no work on them: no FCS, no escaping, no sequence logic, no acknowledgments.
 * Its GRE payloads are ready-made HDLC bytes; from the pty it cuts at the closing flag, because
 * packets must begin and end somewhere. What the gateway costs above this is what its work costs.
 *
 * Usage: floor SERVER CALL-ID PEER-CALL-ID
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BATCH = 32,
	TURNS = 8,
	SLOT = 4096,
	FLAG = 0x7e,
	HEADERS_IN = 20 + 12,
	HEADER_OUT = 12,
	FILL = 65536,
	PTY_READ_MAX = 4095
};

struct bridge {
	int gre;
	int pty;
	uint16_t peer_call_id;
	uint32_t seq;
	struct mmsghdr in[BATCH];
	struct iovec in_iov[BATCH];
	uint8_t in_bytes[BATCH][SLOT];
	struct mmsghdr out[BATCH];
	struct iovec out_iov[BATCH][2];
	uint8_t out_header[BATCH][HEADER_OUT];
	uint8_t to_pty[FILL];
	size_t to_pty_len;
	size_t to_pty_at;
	uint8_t from_pty[FILL];
	size_t from_pty_len;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void open_bridge(struct bridge *b, const char *server)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	int size = 4 << 20;

	b->gre = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, 47);
	if (b->gre < 0 || inet_pton(AF_INET, server, &to.sin_addr) != 1)
		die("floor: socket");
	if (setsockopt(b->gre, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(b->gre, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	if (connect(b->gre, (struct sockaddr *)&to, sizeof to) < 0)
		die("floor: connect");
	b->pty = 0;
	fcntl(b->pty, F_SETFL, O_RDWR | O_NONBLOCK);
	for (int i = 0; i < BATCH; i++) {
		b->in_iov[i] = (struct iovec){b->in_bytes[i], SLOT};
		b->in[i].msg_hdr.msg_iov = &b->in_iov[i];
		b->in[i].msg_hdr.msg_iovlen = 1;
		b->out[i].msg_hdr.msg_iov = b->out_iov[i];
		b->out[i].msg_hdr.msg_iovlen = 2;
	}
}

static int flush_pty(struct bridge *b)
{
	while (b->to_pty_at < b->to_pty_len) {
		ssize_t n = write(b->pty, b->to_pty + b->to_pty_at, b->to_pty_len - b->to_pty_at);
		if (n < 0) {
			if (errno == EAGAIN)
				return 0;
			exit(0);
		}
		b->to_pty_at += (size_t)n;
	}
	b->to_pty_at = b->to_pty_len = 0;
	return 1;
}

/* Both return whether there may be more. */
static int gre_to_pty(struct bridge *b)
{
	if (!flush_pty(b))
		return 0;
	int n = recvmmsg(b->gre, b->in, BATCH, 0, NULL);
	for (int i = 0; i < n; i++) {
		size_t len = b->in[i].msg_len;
		if (len <= HEADERS_IN)
			continue;
		memcpy(b->to_pty + b->to_pty_len, b->in_bytes[i] + HEADERS_IN, len - HEADERS_IN);
		b->to_pty_len += len - HEADERS_IN;
		if (b->to_pty_len > FILL - SLOT && !flush_pty(b))
			break;
	}
	flush_pty(b);
	return n == BATCH;
}

static void put_header(struct bridge *b, int i, size_t len)
{
	uint8_t *h = b->out_header[i];
	uint32_t seq = htonl(++b->seq);
	uint16_t n = htons((uint16_t)len);
	uint16_t id = htons(b->peer_call_id);

	memcpy(h, "\x30\x01\x88\x0b", 4);
	memcpy(h + 4, &n, 2);
	memcpy(h + 6, &id, 2);
	memcpy(h + 8, &seq, 4);
}

static void send_batch(struct bridge *b, int n)
{
	int sent = 0;
	while (sent < n) {
		int k = sendmmsg(b->gre, b->out + sent, (unsigned)(n - sent), 0);
		if (k < 0)
			return;
		sent += k;
	}
}

/* An empty frame tells the bench that packets can come. */
static void write_ready(struct bridge *b)
{
	b->out_iov[0][0] = (struct iovec){b->out_header[0], HEADER_OUT};
	b->out_iov[0][1] = (struct iovec){(uint8_t[]){FLAG}, 1};
	put_header(b, 0, 1);
	send_batch(b, 1);
}

static int pty_to_gre(struct bridge *b)
{
	ssize_t got = read(b->pty, b->from_pty + b->from_pty_len, FILL - b->from_pty_len);
	if (got <= 0) {
		if (got < 0 && errno == EAGAIN)
			return 0;
		exit(0);
	}
	b->from_pty_len += (size_t)got;

	uint8_t *at = b->from_pty;
	uint8_t *end = b->from_pty + b->from_pty_len;
	int n = 0;
	for (uint8_t *flag; at < end && (flag = memchr(at, FLAG, (size_t)(end - at)));
	     at = flag + 1) {
		if (flag == at)
			continue;
		b->out_iov[n][0] = (struct iovec){b->out_header[n], HEADER_OUT};
		b->out_iov[n][1] = (struct iovec){at, (size_t)(flag + 1 - at)};
		put_header(b, n, (size_t)(flag + 1 - at));
		if (++n == BATCH) {
			send_batch(b, n);
			n = 0;
		}
	}
	send_batch(b, n);
	b->from_pty_len = (size_t)(end - at);
	memmove(b->from_pty, at, b->from_pty_len);
	return got >= PTY_READ_MAX;
}

int main(int argc, char *argv[])
{
	static struct bridge b;

	if (argc != 4)
		return 1;
	b.peer_call_id = (uint16_t)atoi(argv[3]);
	open_bridge(&b, argv[1]);
	write_ready(&b);
	for (;;) {
		struct pollfd fds[2] = {
		    {.fd = b.gre, .events = b.to_pty_len ? 0 : POLLIN},
		    {.fd = b.pty, .events = (short)(POLLIN | (b.to_pty_len ? POLLOUT : 0))},
		};
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			die("floor: poll");
		if (fds[1].revents & POLLHUP)
			return 0;
		if ((fds[0].revents & POLLIN) || (fds[1].revents & POLLOUT))
			for (int turn = 0; turn < TURNS && gre_to_pty(&b); turn++)
				;
		if (fds[1].revents & POLLIN)
			for (int turn = 0; turn < TURNS && pty_to_gre(&b); turn++)
				;
	}
}
