#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
seeds.py OUT CAPTURE.pcap...: what the fuzzers of messages and packets start from, one directory for each, out
of sessions that tests/run-e2e has recorded (RESULTS=DIRECTORY). `fuzz_X -merge=1 tests/corpus/X OUT/X` keeps
the few that differ. Route messages come from the kernel that it runs on: unshare -n with some routes.
"""
import hashlib
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


def seed(target, data):
    os.makedirs(os.path.join(OUT, target), exist_ok=True)
    with open(os.path.join(OUT, target, hashlib.sha1(data).hexdigest()[:12]), "wb") as f:
        f.write(data)


def datagrams(capture):
    with open(capture, "rb") as f:
        data = f.read()
    at = 24
    while at + 16 <= len(data):
        held = struct.unpack_from("<4I", data, at)[2]
        frame = data[at + 16:at + 16 + held]
        at += 16 + held
        if frame[12:14] == b"\x08\x00":
            ip = frame[ETHERNET_HEADER:]
            yield ip[:struct.unpack(">H", ip[2:4])[0]]


def session(capture):
    streams = {}  # of a connection: port and direction
    frames = []
    for ip in datagrams(capture):
        ours = ip[12:16] == CLIENT
        body = ip[(ip[0] & 15) * 4:]
        if ip[9] == TCP:
            segment = body[(body[12] >> 4) * 4:]
            key = (body[0:2] if ours else body[2:4], ours)
            streams[key] = streams.get(key, b"") + segment
        elif ip[9] == GRE:
            seed("gre_header", ip)
            header = 8 + 4 * (body[0] >> 4 & 1) + 4 * (body[1] >> 7)
            if len(body) > header:
                frames.append((ours, body[header:]))
    for (_, ours), stream in streams.items():
        seed("msg", stream)
        if not ours:
            seed("stream", stream)
            pieces = [stream[i:i + PIECE] for i in range(0, len(stream), PIECE)]
            seed("ctrl", b"\x01" + b"".join(bytes([len(p) << 3]) + p for p in pieces))
    short = [(ours, f) for ours, f in frames if len(f) < 128]
    for start in range(0, min(len(short), 120), 12):
        seed("ppp", b"".join(bytes([(0 if ours else 128) | len(f)]) + f
                             for ours, f in short[start:start + 12]))
    for _, frame in short[:40]:
        seed("hdlc", b"\x07" + frame)
        seed("ppp", frame)


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
    session(path)
route_messages()
command_lines()
