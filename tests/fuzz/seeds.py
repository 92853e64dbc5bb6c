#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
seeds.py OUT CAPTURE.pcap... TRACE...: what the fuzzers start from, one directory for each, out of sessions that
tests/run-e2e has recorded (RESULTS=DIRECTORY; one of them with tc's netem on both hosts: loss, reorder, duplicate),
and out of what the processes have sent each other in tests/system, with this program as PPTP:
    exec strace -D -f -xx -s 10000 -e trace=sendmsg,write -o "$(mktemp /tmp/trace.XXXXXX)" .../build/pptp "$@"
`fuzz_X -merge=1 tests/corpus/X OUT/X` keeps the few that differ. Route messages come from the kernel that it runs
on: unshare -n with some routes.
"""
import hashlib
import itertools
import os
import re
import socket
import struct
import sys

OUT = sys.argv[1]
CLIENT = socket.inet_aton("10.9.0.1")
RTM_GETADDR, RTM_GETROUTE, DUMP_REQUEST = 22, 26, 0x301
ETHERNET_HEADER, TCP, GRE = 14, 6, 47
PIECE = 31  # bytes of the server's in one step of fuzz_ctrl
STEPS_US = 1, 100, 3000, 20000, 50000, 600000, 5000000, 4000000000  # fuzz_gre_session's
PART = 40  # packets in one seed
BIT_SEQ, BIT_ACK = 0x10, 0x80
IPC_STATUS = 17
RESOLVER_ANSWER = "@iiNN64s"
SERVERS = "192.0.2.1", "192.0.2.1:1723", "[2001:db8::1%eth0]", "vpn.example.net", "vpn.example.net:1723"


def seed(target, data):
    os.makedirs(os.path.join(OUT, target), exist_ok=True)
    with open(os.path.join(OUT, target, hashlib.sha1(data).hexdigest()[:12]), "wb") as f:
        f.write(data)


def parts(sequence, size=PART):
    for start in range(0, len(sequence), size):
        yield sequence[start:start + size]


def datagrams(capture):
    """When, in microseconds, and what."""
    with open(capture, "rb") as f:
        data = f.read()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, held = struct.unpack_from("<3I", data, at)
        frame = data[at + 16:at + 16 + held]
        at += 16 + held
        if frame[12:14] == b"\x08\x00":
            ip = frame[ETHERNET_HEADER:]
            yield seconds * 1000000 + micros, ip[:struct.unpack(">H", ip[2:4])[0]]


class Packet:
    """One of GRE; seq and ack are None where it has none."""

    def __init__(self, when_us, ours, gre):
        self.when_us, self.ours = when_us, ours
        has_seq, has_ack = gre[0] & BIT_SEQ, gre[1] & BIT_ACK
        self.seq = struct.unpack_from(">I", gre, 8)[0] if has_seq else None
        self.ack = struct.unpack_from(">I", gre, 12 if has_seq else 8)[0] if has_ack else None
        self.frame = gre[8 + (4 if has_seq else 0) + (4 if has_ack else 0):]


# ---- the inputs of fuzzers that read no wire format: see each one's step or make_ functions ----

def gre_session(packets):
    theirs = [p.seq for p in packets if not p.ours and p.seq is not None]
    if not theirs:
        return b""
    own = next((p.seq for p in packets if p.ours and p.seq is not None), 0)
    expected = theirs[0] + 1
    steps = bytes([4, 15, theirs[0] & 0xff])
    for before, p in zip(packets, packets[1:]):
        passed = max(p.when_us - before.when_us, 0)
        for index in range(len(STEPS_US) - 1, -1, -1):
            if passed >= STEPS_US[index]:
                steps += bytes([4, min(passed // STEPS_US[index] - 1, 3) << 6 | index, 5, 0])
                break
        if p.ours and p.seq is not None:
            steps += bytes([7, 128])
        elif not p.ours and p.seq is None:
            steps += bytes([7, 64 | (p.ack - own + 5) % 64])
        elif not p.ours:
            near = min(max(p.seq - expected + 4, 0), 15)
            steps += bytes([0, 16 | near | (128 if p.ack is not None else 0), 6, 15])
            expected = max(expected, p.seq + 1)
    return steps


def pqueue(numbers):
    """In order of arrival; the lowest is taken out once it is there, or once eight wait behind it."""
    steps = [numbers[0] & 0xff]
    expected, held = min(numbers), set()
    for number in numbers:
        if number >= expected:
            steps.append((number - min(numbers)) % 64)
            held.add(number)
        if len(held) > 8:
            expected = min(held)
        while expected in held:
            held.remove(expected)
            steps.append(255)
            expected += 1
    return bytes(steps)


def pty_async_frames(frames):
    described = [bytes([3, max(len(f) - 6, 0) >> 2 & 0xff]) + f[6:12].ljust(min(6, max(len(f) - 6, 0) & ~3), b"\0")
                 for f in frames]
    return bytes([len(frames) - 1]) + b"".join(described)


def is_lcp(frame):
    return frame[2:4] == b"\xc0\x21"


def pty_async_up(frames):
    reads = bytes(len(f) >> 4 for f in frames)
    return b"\x01" + pty_async_frames(frames) + bytes(0 if is_lcp(f) else 2 for f in frames) + reads


def pty_async_down(packets):
    frames = {p.seq: p.frame for p in packets}
    rank = {seq: place for place, seq in enumerate(sorted(frames))}
    low, seen, order = 1, set(), []
    for place in (rank[p.seq] for p in packets):
        if place in seen and order:
            order[-1] |= 0x10
        elif place:
            order.append(0x40 | min(max(place - low, 0), 3))
        seen.add(place)
        while low in seen:
            low += 1
    return b"\x00" + pty_async_frames([frames[seq] for seq in sorted(frames)]) + bytes(order)


def pty_sync(frames):
    """Every third frame behind a part of it, as pppd writes where the pty was full."""
    mppe = [f for f in frames if f[2:4] == b"\x00\xfd"]
    number = struct.unpack_from(">H", mppe[0], 4)[0] & 0xfff if mppe else 0
    body = bytes([1 if mppe else 0, number >> 4, number & 15])
    for place, f in enumerate(frames):
        cut = bytes([0x80, len(f) // 2]) if place % 3 == 2 else b"\0"
        if f in mppe:
            text = f[7:22]
            body += struct.pack(">BHB", 1, len(f) - 8, len(text)) + text + cut
        elif mppe:
            body += b"\0"
        else:
            text = f[8:20]
            kind = 0 if f[2:4] == b"\x00\x21" else 1 if f[2:4] == b"\x00\x57" else 2
            body += struct.pack(">BHBBBH", kind, max(len(f) - 24, 0), 1, 2, len(text), 0) + text + cut
    where_reads_end = itertools.cycle(b"\6\0\0" * 3 + b"\1\x1f")
    return bytes(itertools.islice(where_reads_end, len(body) // 3)) + body


def pty(packets):
    for part in parts([p for p in packets if p.seq is not None and len(p.frame) > 7]):
        up = [p.frame for p in part if p.ours]
        down = [p for p in part if not p.ours]
        if up:
            seed("pty_async", pty_async_up(up))
        if up and all(f.startswith(b"\xff\3") for f in up):
            seed("pty_sync", pty_sync(up))
        if down:
            seed("pty_async", pty_async_down(down))


def session(capture):
    streams = {}  # of a connection: port and direction
    packets = []
    for when_us, ip in datagrams(capture):
        ours = ip[12:16] == CLIENT
        body = ip[(ip[0] & 15) * 4:]
        if ip[9] == TCP:
            segment = body[(body[12] >> 4) * 4:]
            key = (body[0:2] if ours else body[2:4], ours)
            streams[key] = streams.get(key, b"") + segment
        elif ip[9] == GRE:
            seed("gre_header", ip)
            packets.append(Packet(when_us, ours, body))
    for (_, ours), stream in streams.items():
        seed("msg", stream)
        if not ours:
            seed("stream", stream)
            pieces = [stream[i:i + PIECE] for i in range(0, len(stream), PIECE)]
            seed("ctrl", b"\x01" + b"".join(bytes([len(p) << 3]) + p for p in pieces))
    for part in parts(packets):
        seed("gre_session", gre_session(part))
    for part in parts([p.seq for p in packets if not p.ours and p.seq is not None]):
        seed("pqueue", pqueue(part))
    pty(packets)
    short = [p for p in packets if 0 < len(p.frame) < 128]
    for part in parts(short[:120], 12):
        seed("ppp", b"".join(bytes([(0 if p.ours else 128) | len(p.frame)]) + p.frame for p in part))
    for p in short[:40]:
        seed("hdlc", b"\x07" + p.frame)
        seed("ppp", p.frame)


def traced(text):
    return bytes.fromhex(text.replace("\\x", ""))


def trace(path):
    """What the processes have said to each other, and a call manager to a status client."""
    statuses = []
    with open(path, encoding="ascii") as f:
        for line in f:
            sent = re.search(r'sendmsg\(\d+, .*?iov_base="((?:\\x..){2})", iov_len=2}, {iov_base=(?:"((?:\\x..)*)")?', line)
            if sent:
                head, contents = traced(sent.group(1)), traced(sent.group(2) or "")
                seed("ipc", bytes(["SCM_RIGHTS" in line]) + head + contents)
                if head[1] == IPC_STATUS:
                    statuses.append(contents)
            written = re.search(r'write\(\d+, "((?:\\x..)*)", %d\)' % struct.calcsize(RESOLVER_ANSWER), line)
            if written:
                seed("resolve", traced(written.group(1)))
    for few in parts(statuses, 3):
        seed("status_format", b"\0".join(few))


def route_messages():
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as s:
        for kind in (RTM_GETROUTE, RTM_GETADDR):
            s.send(struct.pack("=IHHIIB11x", 28, kind, DUMP_REQUEST, 1, 0, socket.AF_INET))
            packets = []
            while not packets or packets[-1][4:6] != b"\x03\x00":  # NLMSG_DONE
                packets.append(s.recv(8191))
            framed = b"".join(struct.pack(">H", len(p)) + p for p in packets)
            seed("rtnl", b"\x00" + framed)
            seed("rtnl", b"\x01" + framed)
            for packet in packets if kind == RTM_GETROUTE else ():
                at = 0
                while at < len(packet):
                    size = struct.unpack_from("=I", packet, at)[0]
                    seed("route_msg", packet[at + 16:at + size])
                    at += (size + 3) & ~3


def command_lines():
    """Those of the programs that run pptp."""
    with open("tests/consumers", encoding="utf-8") as f:
        for row in f:
            fields = row.split(" | ")
            if len(fields) > 2 and "pptp" in fields[1]:
                seed("options", re.sub(r"[ ;'\"]+", "\0", fields[1].split("pptp", 1)[1].lstrip("' ")).encode())


for path in sys.argv[2:]:
    if path.endswith(".pcap"):
        session(path)
    else:
        trace(path)
for server in SERVERS:
    seed("resolve", server.encode())
route_messages()
command_lines()
