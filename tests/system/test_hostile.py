#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What broken servers and strangers send as data, and say of themselves: nothing of it may do harm."""
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import WAIT

import contextlib
import os
import socket
import threading
import time

CLIENT = "127.0.0.1"


def ip_send(sock, payload, fragment=0, ident=0, options=b"", source=SERVER):
    """An IP datagram with GRE; `fragment` as in the header: flags and offset."""
    words = 5 + len(options) // 4
    header = struct.pack("!BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload), ident, fragment,
                         64, 47, 0, socket.inet_aton(source), socket.inet_aton(CLIENT))
    sock.sendto(header + options + payload, (CLIENT, 0))


def still_carries(t, count=40):
    """Both directions go on as if nothing had been."""
    frames = [ppp(i, 300, seed=0x33) for i in range(count)]
    for frame in frames:
        t.down(frame)
        t.up(frame)
    t.expect_down(frames)
    t.expect_up(frames)


@contextlib.contextmanager
def forger():
    """A blind sender who spoofs the server's address: forge(t, number, ...) sends three in a row."""
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        def forge(t, seq, ack=None):
            for n in range(3):
                ip_send(raw, gre_header_encode(t.call_id, b"\xff\x03\x00\x21forged", seq=seq + n, ack=ack))
        yield forge


@contextlib.contextmanager
def in_real_time(t):
    """Other load delays neither the gateway nor this thread, where the system permits it."""
    pids = (threading.get_native_id(), t.run.pid_of("pptpgw"))
    with contextlib.suppress(PermissionError):
        for pid in pids:
            os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        with contextlib.suppress(PermissionError):
            for pid in pids:
                os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


@test("data that overtakes the Outgoing-Call-Reply is delivered")
def _():
    early = [ppp(i) for i in range(3)]

    def answer(conn, m):
        for seq, frame in enumerate(early):
            conn.server.send_gre(m["call_id"], frame, seq=seq)
        conn.send("OCRP", call_id=1000, peer_call_id=m["call_id"], result=1, speed=1, window=64)
    with Tunnel(spoken=False, script=polite(on={"OCRQ": answer})) as t:
        t.up(lcp_request(1))
        t.expect_up([lcp_request(1)])
        t.expect_down(early)


@test("strangers' data with our call id is not taken, not even before the call is established")
def _():
    stranger = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)

    def answer(conn, m):
        def forge(seq):
            ip_send(stranger, gre_header_encode(m["call_id"], b"forged", seq=seq), source="127.0.0.3")
        forge(0)
        conn.server.send_gre(m["call_id"], ppp(0), seq=0)
        forge(1)
        forge(7)
        conn.server.send_gre(m["call_id"], ppp(1), seq=1)
        conn.send("OCRP", call_id=1000, peer_call_id=m["call_id"], result=1, speed=1, window=64)
    with stranger, Tunnel(spoken=False, script=polite(on={"OCRQ": answer})) as t:
        t.up(lcp_request(1))
        t.expect_up([lcp_request(1)])
        ip_send(stranger, gre_header_encode(t.call_id, b"forged", seq=2), source="127.0.0.3")
        t.expect_down([ppp(0), ppp(1)])
        t.seq = 2
        t.quiet_down()


@test("no window and no processing delay that a server announces stops the data")
def _():
    for window, delay in ((0, 0), (1, 65535), (65535, 65535)):
        for flow_control in ((), ("--flow-control",)):
            reply = polite(ocrp={"window": window, "delay": delay})
            with Tunnel(*flow_control, script=reply) as t:
                t.server.send_gre(t.call_id, ack=1)
                for number in range(5):
                    t.up(ppp(number))
                    packet, = t.expect_up([ppp(number)])
                    t.server.send_gre(t.call_id, ack=packet.seq)
                t.down(ppp(1))
                t.expect_down([ppp(1)])


@test("acknowledgments of what was never sent, or going back, stop nothing")
def _():
    for flow_control in ((), ("--flow-control",)):
        with Tunnel(*flow_control) as t:
            for ack in (1000, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0, 1, 0, 5):
                t.server.send_gre(t.call_id, ack=ack)
            still_carries(t, 20)
            for ack in (1000, 0xFFFFFFFF, 0x80000010, 3, 20, 3):
                t.server.send_gre(t.call_id, ack=ack)
            t.up(ppp(1))
            t.expect_up([ppp(1)])


@test("packets that are cut, padded, empty or longer than any frame do no harm")
def _():
    with Tunnel() as t:
        t.quiet_down()

        def send(data):
            t.server.gre.sendto(data, (CLIENT, 0))
        for cut in range(17):
            send(gre_header_encode(t.call_id, b"x" * 8, seq=t.seq)[:cut])
        send(gre_header_encode(t.call_id, b"x" * 8, seq=t.seq, length=65535))
        send(gre_header_encode(t.call_id, b"x" * 8))             # a payload without a number
        send(gre_header_encode(t.call_id))                       # neither number
        send(gre_header_encode(t.call_id, ack=1))
        send(gre_header_encode(t.call_id, seq=t.seq))            # a number without a payload
        send(gre_header_encode(t.call_id, b"x" * 8, seq=t.seq + 1, length=0))
        send(gre_header_encode(t.call_id, ppp(5) + b"PAD" * 30, seq=t.seq + 2, length=len(ppp(5))))
        t.expect_down([ppp(5)])
        for number, size in enumerate((9000, 30000, 60000)):
            send(gre_header_encode(t.call_id, ppp(1, size), seq=t.seq + 3 + number))
        t.seq += 6
        t.down(ppp(6))
        t.expect_down([ppp(6)])
        s = t.statistics()
        equal((s["rx accepted"], s["rx invalid"], s["rx lost"], s["rx acks"]), (3, 1, 3, 1))
        true(s["rx truncated"] >= 4, s)  # of the cut ones, the kernel's filter drops those without a call id
        still_carries(t)


@test("IP options and fragments, also out of order, are taken")
def _():
    with Tunnel() as t, socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as ip:
        t.quiet_down()
        frames = [ppp(i, 1000) for i in range(4)]
        packets = [gre_header_encode(t.call_id, frame, seq=t.seq + i) for i, frame in enumerate(frames)]
        t.seq += len(frames)
        more = 0x2000
        ip_send(ip, packets[0], options=b"\x01\x01\x01\x00")
        ip_send(ip, packets[1], options=b"\x94\x04\x00\x00" * 10)
        ip_send(ip, packets[2][512:], fragment=512 // 8, ident=5)
        ip_send(ip, packets[2][:512], fragment=more, ident=5)
        ip_send(ip, packets[3][:8], fragment=more, ident=6)
        ip_send(ip, packets[3][8:], fragment=1, ident=6)
        t.expect_down(frames)
        still_carries(t)


@test("a flood of junk, of all numbers and flags, writes no line and stops nothing")
def _():
    with Tunnel("--loglevel", "2") as t:
        t.run.wait_ready()
        t.quiet_down()
        before = len(t.log.lines)
        for i in range(5000):
            number = i * 2654435761 & 0xFFFFFFFF
            if i % 20:
                t.server.send_gre(t.call_id, b"\xff\x03\x00\x21junk", seq=number | 0x40000000)
            else:
                data = gre_header_encode(t.call_id, CYCLE[:number % 40], seq=number, flags=number >> 16)
                t.server.gre.sendto(data, (CLIENT, 0))
        t.quiet_down()
        equal(len(t.log.lines), before, [line for _, line in t.log.lines[before:]])
        still_carries(t)


@test("forged packets far ahead, between those of the stream, change nothing")
def _():
    with Tunnel() as t:
        t.quiet_down()
        frames = [ppp(i) for i in range(200)]
        for number, frame in enumerate(frames):
            t.down(frame)
            t.server.send_gre(t.call_id, b"forged", seq=100000 + number)
        t.expect_down(frames)
        s = t.statistics()
        equal((s["rx lost"], s["rx over win"], s["rx resyncs"]), (0, 200, 0))


SENT, NEVER_SENT = 1, 0x12345678  # numbers that the server may acknowledge, and may not


@test("three consecutive forged packets in a flowing stream never reach pppd, and the stream loses nothing")
def _():
    for ack in (None, SENT, NEVER_SENT):
        with forger() as forge, Tunnel() as t, in_real_time(t):
            t.quiet_down()
            sent = 0
            for interval, count in ((0.001, 100), (0.01, 40), (0.04, 20)):
                frames = [ppp(sent + i) for i in range(count)]
                for i, frame in enumerate(frames):
                    t.down(frame)
                    time.sleep(interval)
                    if i % 10 == 5:
                        for distance in (400, 5000, 100000, 1 << 20, 1 << 30):
                            forge(t, t.seq + distance, ack)
                t.expect_down(frames)
                sent += count
            s = t.statistics()
            equal((s["rx accepted"], s["rx lost"], s["rx resyncs"]), (1 + sent, 0, 0))
            still_carries(t)


@test("forged packets that the server cannot have sent never reach pppd on an idle link, nor move the stream")
def _():
    with forger() as forge, Tunnel() as t:
        t.quiet_down()
        t.quiet_down()
        for second in range(3):
            time.sleep(1)
            for ack in (NEVER_SENT, SENT + 1, SENT - 2000):
                forge(t, t.seq + 5000, ack)
            for ack in (None, SENT):
                forge(t, t.seq + (1 << 30), ack)  # more than any link carries in that time
                forge(t, t.seq - 5000, ack)
                for n in range(4):
                    forge(t, t.seq + 5000 + n * 100000, NEVER_SENT)
        frames = [ppp(i) for i in range(100)]
        for frame in frames:
            t.down(frame)
        t.expect_down(frames)
        s = t.statistics()
        equal((s["rx accepted"], s["rx lost"], s["rx resyncs"]), (2 + len(frames), 0, 0))
        still_carries(t)


@test("the stream goes on at once after packets that were forged while it was idle")
def _():
    for ack in (None, SENT):
        with forger() as forge, Tunnel() as t:
            t.quiet_down()
            t.quiet_down()
            time.sleep(2)
            for n in range(0, 9, 3):
                forge(t, t.seq + 5000 + n, ack)
            t.expect_down([b"\xff\x03\x00\x21forged"] * 9)  # nothing tells them from a stream that has moved
            frames = [ppp(i) for i in range(100)]
            for frame in frames:
                t.down(frame)
            t.expect_down(frames)
            s = t.statistics()
            equal((s["rx accepted"], s["rx lost"]), (2 + 9 + len(frames), 0))
            still_carries(t)


@test("a stream that reorders all the time is accepted again within 50 ms after an outage")
def _():
    for interval, lost in ((0.001, 600), (0.01, 400)):
        with Tunnel() as t:
            t.quiet_down()
            for i in range(50):
                t.down(ppp(i))
                time.sleep(interval)
            t.expect_down([ppp(i) for i in range(50)])
            time.sleep(lost * interval)
            t.seq += lost
            first = t.seq
            begin = time.monotonic()
            for i in (0, 2, 4):  # the packets of each pair are swapped
                t.down(ppp(i + 1), seq=first + i + 1)
                t.down(ppp(i), seq=first + i)
                time.sleep(2 * interval)
            t.expect_down([ppp(i) for i in range(6)])
            true(time.monotonic() - begin < 0.05 + 6 * interval)
            still_carries(t)


@test("what a server says of itself reaches log and standard error as printable ASCII, in one line")
def _():
    evil = "a\r\n<0>fatal[x]: \x1b[2J%s%n\x9b\x7f"
    names = polite(sccrp={"host_name": evil * 3, "vendor": evil * 3})
    for debug in ((), ("--debug",)):
        with FakeServer(SERVER, names) as server, Log() as log:
            run = start(SERVER, "--loglevel", "2", *debug)
            log.wait("Outgoing call established")
            server.connections[0].send("CDN", call_id=1000, result=200, error=99, cause=65535)
            true(run.wait() != 0)
            run.wait_all()
            match(r"host name 'a\\x0d\\x0a<0>fatal\[x\]: \\x1b\[2J%s%n", log.wait("host name"))
            for line in [text for _, text in log.lines] + run.stderr().splitlines():
                true(all(0x20 <= ord(c) < 0x7F for c in line), repr(line))


if __name__ == "__main__":
    main()
