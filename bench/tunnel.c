/* SPDX-License-Identifier: ISC */
/* See tunnel.h. Packets and frames here; starting, stopping and the control messages in peer.c. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tunnel.h"

enum {
	FLAG = 0x7e,
	ESCAPE = 0x7d,
	ESCAPE_BIT = 0x20,
	GRE_HEADER = 12,
	INDEX_AT = 4,
	READ_MAX = 65536
};

int64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void die(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* FCS-16 from its definition (RFC 1662, appendix C), byte by byte. */
static uint16_t fcs_plain(const uint16_t *table, const uint8_t *bytes, size_t len)
{
	uint16_t fcs = 0xffff;
	for (size_t i = 0; i < len; i++)
		fcs = (uint16_t)(fcs >> 8 ^ table[(fcs ^ bytes[i]) & 0xff]);
	return fcs ^ 0xffff;
}

static void fcs_table(uint16_t *table)
{
	for (unsigned i = 0; i < 256; i++) {
		unsigned fcs = i;
		for (int bit = 0; bit < 8; bit++)
			fcs = fcs & 1 ? fcs >> 1 ^ 0x8408 : fcs >> 1;
		table[i] = (uint16_t)fcs;
	}
}

static uint8_t *put_escaped(uint8_t *out, uint8_t byte)
{
	if (byte == FLAG || byte == ESCAPE) {
		*out++ = ESCAPE;
		byte ^= ESCAPE_BIT;
	}
	*out++ = byte;
	return out;
}

void pool_make(struct pool *p, size_t size, uint64_t seed)
{
	uint16_t table[256];

	fcs_table(table);
	p->size = size;
	p->encoded_cap = 2 * size + 8;
	p->payload = malloc(POOL_PACKETS * size);
	p->encoded = malloc(POOL_PACKETS * p->encoded_cap);
	p->encoded_len = calloc(POOL_PACKETS, sizeof *p->encoded_len);
	p->fcs = calloc(POOL_PACKETS, sizeof *p->fcs);
	if (!p->payload || !p->encoded || !p->encoded_len || !p->fcs)
		die("memory");
	for (uint32_t i = 0; i < POOL_PACKETS; i++) {
		uint8_t *frame = p->payload + i * size;
		uint8_t *start = p->encoded + i * p->encoded_cap;
		uint8_t *out = start;

		for (size_t k = 0; k < size; k++)
			frame[k] = (uint8_t)(random_next(&seed) >> 32);
		memcpy(frame, "\xff\x03\x00\xfd", 4); /* compressed datagram: what MPPE sends */
		memcpy(frame + INDEX_AT, &i, sizeof i);
		p->fcs[i] = fcs_plain(table, frame, size);
		*out++ = FLAG;
		for (size_t k = 0; k < size; k++)
			out = put_escaped(out, frame[k]);
		out = put_escaped(out, (uint8_t)p->fcs[i]);
		out = put_escaped(out, (uint8_t)(p->fcs[i] >> 8));
		*out++ = FLAG;
		p->encoded_len[i] = (uint16_t)(out - start);
	}
}

void pool_free(struct pool *p)
{
	free(p->payload);
	free(p->encoded);
	free(p->encoded_len);
	free(p->fcs);
}

/* A packet came out: which one it is, whether it is intact, and how many before it did not come. */
static void check_packet(const struct pool *pool, struct flow *f, const uint8_t *frame, size_t len)
{
	uint32_t index;

	if (len != pool->size) {
		f->corrupt++;
		return;
	}
	memcpy(&index, frame + INDEX_AT, sizeof index);
	if (index >= POOL_PACKETS || memcmp(frame, pool->payload + index * pool->size, len)) {
		f->corrupt++;
		return;
	}
	uint64_t ahead = (index - f->next) % POOL_PACKETS;
	if (ahead > POOL_PACKETS - BACK_MAX) {
		f->disorder++;
		return;
	}
	f->lost += ahead;
	f->next += ahead + 1;
	f->delivered++;
}

static void end_of_frame(struct tunnel *t, int64_t when_ns)
{
	size_t len = t->frame_len;
	t->frame_len = 0;
	if (!len)
		return;
	if (len < PPP_FRAME_MIN + 2) { /* LCP and its like, from before the measurement */
		t->small_down++;
		return;
	}
	uint16_t fcs = (uint16_t)(t->frame[len - 2] | t->frame[len - 1] << 8);
	uint32_t index;
	memcpy(&index, t->frame + INDEX_AT, sizeof index);
	uint64_t before = t->down.delivered;
	if (index < POOL_PACKETS && fcs != t->pool->fcs[index])
		t->down.corrupt++;
	else
		check_packet(t->pool, &t->down, t->frame, len - 2);
	if (t->latency_ns && t->down.delivered > before && t->latency_count < t->latency_cap)
		t->latency_ns[t->latency_count++] = when_ns - t->sent_ns[index];
}

/* Copies runs up to the next flag or escape; memchr makes this quick enough not to be the
 * bottleneck. */
static void process_bytes(struct tunnel *t, const uint8_t *in, size_t len, int64_t when_ns)
{
	const uint8_t *end = in + len;
	while (in < end) {
		if (*in == FLAG) {
			end_of_frame(t, when_ns);
			t->escaped = false;
			in++;
			continue;
		}
		const uint8_t *flag = memchr(in, FLAG, (size_t)(end - in));
		const uint8_t *stop = flag ? flag : end;
		while (in < stop) {
			if (t->frame_len + (size_t)(stop - in) >
			    sizeof t->frame) { /* cannot be one of ours */
				t->frame_len = 0;
				t->down.corrupt++;
			}
			if (t->escaped) {
				t->frame[t->frame_len++] = *in++ ^ ESCAPE_BIT;
				t->escaped = false;
				continue;
			}
			const uint8_t *escape = memchr(in, ESCAPE, (size_t)(stop - in));
			size_t run = (size_t)((escape ? escape : stop) - in);
			memcpy(t->frame + t->frame_len, in, run);
			t->frame_len += run;
			in += run;
			if (escape) {
				t->escaped = true;
				in++;
			}
		}
	}
}

size_t tunnel_read_down(struct tunnel *t)
{
	uint8_t buffer[READ_MAX];
	size_t total = 0;

	for (;;) {
		ssize_t n = read(t->slave, buffer, sizeof buffer);
		if (n <= 0)
			return total;
		process_bytes(t, buffer, (size_t)n, t->latency_ns ? now_ns() : 0);
		total += (size_t)n;
		if (n < 4095)
			return total;
	}
}

static void put_be(uint8_t *out, uint32_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		out[i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
}

static void gre_header(const struct tunnel *t, uint8_t *h, size_t payload, uint32_t seq)
{
	put_be(h, 0x3001880b, 4);
	put_be(h + 4, (uint32_t)payload, 2);
	put_be(h + 6, t->their_call_id, 2);
	put_be(h + 8, seq, 4);
}

static void packet_of(const struct tunnel *t, uint64_t number, struct iovec *out)
{
	size_t i = number % POOL_PACKETS;
	if (t->is_floor)
		*out = (struct iovec){
		    t->pool->encoded + i * t->pool->encoded_cap, t->pool->encoded_len[i]};
	else
		*out = (struct iovec){t->pool->payload + i * t->pool->size, t->pool->size};
}

static int send_batch(struct tunnel *t, uint64_t first, int n)
{
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH][2];
	uint8_t headers[BATCH][GRE_HEADER];
	int64_t when = t->sent_ns ? now_ns() : 0;

	memset(messages, 0, sizeof messages);
	for (int i = 0; i < n; i++) {
		packet_of(t, first + (uint64_t)i, &iov[i][1]);
		iov[i][0] = (struct iovec){headers[i], GRE_HEADER};
		gre_header(t, headers[i], iov[i][1].iov_len, t->seq + (uint32_t)i + 1);
		messages[i].msg_hdr.msg_iov = iov[i];
		messages[i].msg_hdr.msg_iovlen = 2;
		if (t->sent_ns)
			t->sent_ns[(first + (uint64_t)i) % POOL_PACKETS] = when;
	}
	int sent = sendmmsg(t->gre, messages, (unsigned)n, MSG_DONTWAIT);
	if (sent < 0) {
		if (errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
			die("sendmmsg");
		sent = 0;
	}
	t->seq += (uint32_t)sent;
	return sent;
}

int tunnel_send_down(struct tunnel *t, uint64_t first, int n)
{
	int sent = 0;
	while (sent < n) {
		int want = n - sent < BATCH ? n - sent : BATCH;
		int got = send_batch(t, first + (uint64_t)sent, want);
		sent += got;
		if (got < want)
			break;
	}
	return sent;
}

void tunnel_send_one(struct tunnel *t, uint64_t number, uint32_t seq)
{
	uint32_t kept = t->seq;
	t->seq = seq - 1;
	while (send_batch(t, number, 1) == 0)
		;
	t->seq = kept;
}

size_t tunnel_write_up(struct tunnel *t, uint64_t limit)
{
	size_t total = 0;

	while (t->up_sent < limit) {
		uint8_t buffer[8192];
		size_t len = 0;
		size_t skip = t->up_at;
		for (uint64_t k = t->up_sent; k < limit; k++) {
			size_t i = k % POOL_PACKETS;
			size_t n = t->pool->encoded_len[i] - skip;
			if (len + n > sizeof buffer)
				break;
			memcpy(buffer + len, t->pool->encoded + i * t->pool->encoded_cap + skip, n);
			len += n;
			skip = 0;
		}
		ssize_t put = write(t->slave, buffer, len);
		if (put <= 0)
			return total;
		total += (size_t)put;
		for (size_t left = (size_t)put; left;) {
			size_t rest = t->pool->encoded_len[t->up_sent % POOL_PACKETS] - t->up_at;
			if (left < rest) {
				t->up_at += left;
				break;
			}
			left -= rest;
			t->up_at = 0;
			t->up_sent++;
		}
		if ((size_t)put < len)
			return total;
	}
	return total;
}

static uint32_t get_be(const uint8_t *in, int bytes)
{
	uint32_t value = 0;
	for (int i = 0; i < bytes; i++)
		value = value << 8 | in[i];
	return value;
}

static struct tunnel *tunnel_of(struct tunnel *tunnels, size_t count, uint32_t call_id)
{
	for (size_t i = 0; i < count; i++)
		if (tunnels[i].our_call_id == call_id)
			return &tunnels[i];
	return NULL;
}

static void floor_payload(struct tunnel *t, const uint8_t *bytes, size_t len)
{
	/* The floor passes HDLC bytes: from after a flag to the closing one. */
	size_t i = t->up.next % POOL_PACKETS;
	const uint8_t *expected = t->pool->encoded + i * t->pool->encoded_cap + 1;
	if (len == t->pool->encoded_len[i] - 1u && !memcmp(bytes, expected, len))
		t->up.delivered++;
	else
		t->up.corrupt++;
	t->up.next++;
}

static void process_gre(struct tunnel *tunnels, size_t count, const uint8_t *d, size_t len)
{
	size_t ip = (size_t)(d[0] & 15) * 4;
	if (len < ip + 8)
		return;
	const uint8_t *h = d + ip;
	struct tunnel *t = tunnel_of(tunnels, count, get_be(h + 6, 2));
	if (!t)
		return;
	bool has_seq = h[0] & 0x10;
	bool has_ack = h[1] & 0x80;
	size_t at = 8 + (has_seq ? 4u : 0u) + (has_ack ? 4u : 0u);
	if (has_ack)
		t->last_ack_seen = get_be(h + at - 4, 4);
	if (!has_seq) {
		t->bare_acks++;
		return;
	}
	uint32_t seq = get_be(h + 8, 4);
	if (t->any_seq_seen && (int32_t)(seq - t->last_seq_seen) <= 0)
		t->up.disorder++;
	t->any_seq_seen = true;
	t->last_seq_seen = seq;
	size_t payload = get_be(h + 4, 2);
	if (ip + at + payload > len)
		t->up.corrupt++;
	else if (payload < PPP_FRAME_MIN)
		t->small_up++;
	else if (t->is_floor)
		floor_payload(t, h + at, payload);
	else
		check_packet(t->pool, &t->up, h + at, payload);
}

int tunnels_read_up(struct tunnel *tunnels, size_t count)
{
	static uint8_t bytes[BATCH][4096];
	struct iovec iov[BATCH];
	struct mmsghdr messages[BATCH];
	int total = 0;

	for (;;) {
		memset(messages, 0, sizeof messages);
		for (int i = 0; i < BATCH; i++) {
			iov[i] = (struct iovec){bytes[i], sizeof bytes[i]};
			messages[i].msg_hdr.msg_iov = &iov[i];
			messages[i].msg_hdr.msg_iovlen = 1;
		}
		int n = recvmmsg(tunnels[0].gre, messages, BATCH, MSG_DONTWAIT, NULL);
		for (int i = 0; i < n; i++)
			process_gre(tunnels, count, bytes[i], messages[i].msg_len);
		total += n > 0 ? n : 0;
		if (n < BATCH)
			return total;
	}
}
