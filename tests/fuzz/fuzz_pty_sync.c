/* SPDX-License-Identifier: ISC */
/*
 * Frames from pppd on a synchronous pty, some of them begun by a partial copy, in reads that end
 * anywhere: each frame reaches the server once, whole and in order, as soon as the pty is empty, and
 * nothing is counted as bad. The input says what the frames are and where reads end. A socket pair
 * plays the pty: a message is what one read returns.
 */
#include <string.h>
#include <sys/socket.h>

#include "gateway/net_tx.h"
#include "gateway/pty_sync.h"
#include "ppp/ppp_cp.h"
#include "fuzz.h"

enum {
	STREAM_MAX = 16384,
	FRAMES_MAX = 64,
	FRAME_MAX = 1504,
	GRE_LEN = 12, /* with a sequence number */
	FILLER = 0x11,
};

struct frame {
	size_t at; /* in the stream, behind a partial copy of it */
	size_t len;
};

static struct {
	struct pty_sync pty;
	struct net_tx tx;
	struct gre_session session;
	struct pqueue queue;
	struct pptp_stats stats;
	int pppd, in, gre, server; /* the ends of both socket pairs */
	uint8_t stream[STREAM_MAX];
	size_t len;
	struct frame frames[FRAMES_MAX];
	size_t count;
	size_t arrived; /* frames at the server */
	bool last_repeats;
} r;

int setpriority(int which, unsigned who, int value);

/* In place of the C library's: nothing is paced here, and the fuzzer needs the processor. */
int setpriority(int which, unsigned who, int value)
{
	(void)which;
	(void)who;
	(void)value;
	return 0;
}

/*
 * The frames.
 */

/* Address to length, with the longest that is known here to be unambiguous: a length that ends in ff
 * could be the first byte of the whole frame behind a partial copy. */
static size_t make_header(uint8_t *frame, unsigned kind, size_t len)
{
	static const uint8_t ip[] = {0xff, 0x03, 0x00, 0x21, 0x45, 0};
	static const uint8_t ipv6[] = {0xff, 0x03, 0x00, 0x57, 0x60, 0, 0, 0};
	static const uint8_t echo[] = {0xff, 0x03, 0xc0, 0x21, 9, 0};
	size_t stated = len - 4, at = sizeof(ip);
	if (kind == 0) {
		memcpy(frame, ip, sizeof(ip));
	} else if (kind == 1) {
		memcpy(frame, ipv6, sizeof(ipv6));
		at = sizeof(ipv6);
		stated -= 40;
	} else {
		memcpy(frame, echo, sizeof(echo));
	}
	frame[at] = (uint8_t)(stated >> 8);
	frame[at + 1] = (uint8_t)stated;
	return at + 2;
}

/* Writes over the payload: own first bytes, those of another frame, or any of the input. */
static void put_pieces(struct input *in, uint8_t *frame, size_t header, size_t len)
{
	for (unsigned pieces = take(in) & 3; pieces; pieces--) {
		unsigned kind = take(in);
		size_t n = take(in) % 64;
		size_t at = header + (take(in) << 8 | take(in)) % (len - header);
		if (kind & 4 && n < len - header)
			at = len - n;
		if (n > len - at)
			n = len - at;
		if (kind % 3 == 0) {
			memmove(frame + at, frame, n);
		} else if (kind % 3 == 1) {
			memmove(frame + at, r.stream, n <= r.len ? n : r.len);
		} else {
			for (; n; n--)
				frame[at++] = (uint8_t)take(in);
		}
	}
}

/* Whether it may be a partial copy of itself and the whole frame. */
static bool repeats_itself(const uint8_t *frame, size_t len)
{
	for (size_t at = 1; 2 * at <= len; at++)
		if (memcmp(frame + at, frame, at) == 0)
			return true;
	return false;
}

/* A partial copy of `cut` bytes comes before the frame, unless it could be something else. */
static void add_frame(const uint8_t *frame, size_t len, size_t cut)
{
	bool repeats = repeats_itself(frame, len);
	if (cut < 2 || repeats || r.last_repeats || frame[len - cut] == 0xff)
		cut = 0;
	r.last_repeats = repeats;
	memcpy(r.stream + r.len, frame, cut);
	r.len += cut;
	r.frames[r.count++] = (struct frame){.at = r.len, .len = len};
	memcpy(r.stream + r.len, frame, len);
	r.len += len;
}

static void add_stating_frame(struct input *in, unsigned kind)
{
	uint8_t frame[FRAME_MAX];
	size_t len = 4 + 20 + (take(in) << 8 | take(in)) % (FRAME_MAX - 24);
	if (kind == 1 && len < 4 + 40)
		len = 4 + 40;
	if (((len - (kind == 1 ? 44 : 4)) & 0xff) == 0xff)
		len--;
	memset(frame, FILLER, len);
	size_t header = make_header(frame, kind, len);
	put_pieces(in, frame, header, len);
	size_t cut = take(in);
	cut = cut & 0x80 ? (cut << 8 | take(in)) % len : 0;
	add_frame(frame, len, cut);
}

/* Ciphertext that does not look like a header. */
static void add_mppe(struct input *in, unsigned number)
{
	uint8_t frame[FRAME_MAX] = {
	    0xff, 0x03, 0x00, 0xfd, (uint8_t)(0x90 | (number >> 8 & 0x0f)), (uint8_t)number};
	size_t len = 8 + (take(in) << 8 | take(in)) % (FRAME_MAX - 8);
	memset(frame + 6, FILLER, len - 6);
	for (size_t at = 7, n = take(in) % 16; n && at < len; at++, n--) {
		frame[at] = (uint8_t)take(in);
		if (frame[at] == 0xff)
			frame[at] = 0xfe;
	}
	size_t cut = take(in);
	cut = cut & 0x80 ? (cut << 8 | take(in)) % len : 0;
	/* Fewer than three bytes may belong to the frame before. */
	add_frame(frame, len, cut > 2 ? cut : 0);
}

static void make_stream(struct input *in)
{
	unsigned mode = take(in);
	unsigned number = take(in) << 4 | take(in);
	r.len = r.count = r.arrived = 0;
	r.last_repeats = false;
	while (in->len && r.count < FRAMES_MAX && r.len + 2 * FRAME_MAX <= STREAM_MAX) {
		unsigned kind = take(in) & 3;
		if (!(mode & 1)) {
			add_stating_frame(in, kind % 3);
		} else if (kind) {
			add_mppe(in, number++);
		} else {
			uint8_t echo[64] = {0};
			add_frame(echo, make_header(echo, 2, 12) + 4, 0);
		}
	}
}

/*
 * The reads.
 */

static void check_arrivals(void)
{
	uint8_t packet[GRE_LEN + PACKET_MAX];
	ssize_t n;
	while ((n = recv(r.server, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		require(r.arrived < r.count);
		const struct frame *f = &r.frames[r.arrived++];
		require((size_t)n == GRE_LEN + f->len);
		require(memcmp(packet + GRE_LEN, r.stream + f->at, f->len) == 0);
	}
}

static void read_once(bool deadline)
{
	struct pty *p = &r.pty.pty;
	(deadline ? p->ops->on_read_deadline : p->ops->read)(p, 0);
	while (p->has_input || net_tx_queued(&r.tx)) {
		check_arrivals();
		net_tx_on_writable(&r.tx, 0);
		p->ops->read(p, 0);
	}
	check_arrivals();
}

static void read_all(void)
{
	uint8_t byte;
	while (recv(r.in, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0)
		read_once(false);
}

/* Reads end where the input says. Where a frame ends the pty may also be empty; within a frame only
 * for a moment, and once it may have been full. */
static void send_stream(struct input *in)
{
	size_t frame = 0, within = 0;
	for (size_t at = 0; at < r.len;) {
		unsigned how = take(in);
		size_t n = take(in);
		n = how & 1 ? 1 + n % 32 : PTY_READ_CAP - (n << 8 | take(in)) % PTY_READ_CAP;
		while (frame < r.count && r.frames[frame].at + r.frames[frame].len <= at)
			frame++;
		size_t end = r.frames[frame].at + r.frames[frame].len;
		if (how & 2 && end - at <= PTY_READ_CAP)
			n = end - at;
		if (n > r.len - at)
			n = r.len - at;
		while (send(r.pppd, r.stream + at, n, MSG_DONTWAIT) < 0)
			read_once(false); /* the queue of messages is full */
		at += n;
		while (frame < r.count && r.frames[frame].at + r.frames[frame].len < at)
			frame++;
		within = at == r.frames[frame].at + r.frames[frame].len ? 0 : within + n;
		if (at < r.len && (!(how & 4) || (within && within < PTY_READ_CAP)))
			continue;
		read_all();
		if (within)
			continue;
		if (r.pty.pty.read_deadline_us != DEADLINE_NEVER)
			read_once(true);
		require(r.arrived == frame + 1);
	}
}

static void open_pairs(void)
{
	int fds[2];
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == 0);
	r.pppd = fds[0];
	r.in = fds[1];
	require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, fds) == 0);
	r.gre = fds[0];
	r.server = fds[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct input in = {.bytes = bytes, .len = len};
	struct input cuts = {.bytes = bytes, .len = len};
	if (!r.in)
		open_pairs();
	memset(&r.stats, 0, sizeof(r.stats));
	const struct gre_session_config session = {.server_window = 8};
	const struct net_tx_config tx = {.fd = r.gre};
	const struct pty_config pty = {.in = r.in, .out = -1};
	gre_session_init(&r.session, &session, &r.queue, &r.stats);
	net_tx_init(&r.tx, &tx, &r.session, &r.stats);
	pty_sync_init(&r.pty, &pty, &r.tx, &r.stats);
	/* The first quarter says where reads end. */
	cuts.len = len / 4;
	in.bytes += cuts.len;
	in.len -= cuts.len;
	make_stream(&in);
	send_stream(&cuts);
	require(r.arrived == r.count);
	require(r.stats.tx_bad_frames == 0 && r.stats.tx_oversize == 0 && r.stats.tx_failed == 0);
	require(r.stats.tx_sent == r.count);
	return 0;
}
