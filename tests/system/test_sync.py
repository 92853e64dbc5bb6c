#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""--sync: frames without HDLC, told apart by what is in them, and links that it cannot keep."""
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import WAIT

import struct
import time

LCP, CCP, IPCP = 0xC021, 0x80FD, 0x8021
REQUEST, ACK, REJECT = 1, 2, 4
STATELESS = bytes.fromhex("120601000040")
STATEFUL = bytes.fromhex("120600000040")


def control(protocol, code, options=b"", identifier=7):
    return struct.pack("!HHBBH", 0xFF03, protocol, code, identifier, 4 + len(options)) + options


def mppe(count, size=300):
    head = struct.pack("!HHH", 0xFF03, 0x00FD, 0x9000 | count & 0xFFF)
    return head + bytes((count * 7 + i * 163) & 0xFF for i in range(size - len(head)))


def ip(number, size=100):
    head = struct.pack("!HHBBHHH", 0xFF03, 0x0021, 0x45, 0, size, number, 0)
    return head + bytes((number + i) & 0xFF for i in range(size - 8))


def sync(*arguments, **kwargs):
    return Tunnel("--sync", *arguments, spoken=False, **kwargs)


def say(t, data):
    write_all(t.run.slave, data)


def refused(t, words):
    equal(t.run.wait(), 1)
    t.log.wait(words)
    t.run.wait_all()
    equal(t.server.names()[0][-2:], ["CCRQ", "StopCCRQ"])


@test("MPPE frames that come in one piece are sent one by one")
def _():
    with sync() as t:
        frames = [mppe(0xFF0 + i, 40 + i) for i in range(30)]
        say(t, b"".join(frames))
        t.expect_up(frames)


@test("a control packet between MPPE frames is sent on its own")
def _():
    with sync() as t:
        frames = [mppe(1), control(LCP, 9, b"\0\0\0\0"), mppe(2), mppe(3)]
        say(t, b"".join(frames))
        t.expect_up(frames)


@test("IP packets and control packets that come in one piece are sent one by one")
def _():
    with sync() as t:
        frames = [control(LCP, REQUEST, b"\x01\x04\x05\xdc"), ip(1), ip(2, 1400), ip(3, 20), ip(3, 20)]
        say(t, b"".join(frames))
        t.expect_up(frames)


@test("more than the pty holds at once is sent frame by frame, nothing cut")
def _():
    for make, count in ((mppe, 7), (ip, 60)):
        with sync() as t:
            frames = [make(i, 1000) for i in range(count)]
            for frame in frames:  # the kernel cuts a long write, as it does not with pppd's frames
                say(t, frame)
            t.expect_up(frames)
            equal(t.statistics()["tx bad frames"], 0)


@test("a frame that the pty took in part and then whole is sent once")
def _():
    for make, cuts in ((mppe, (0, 136, 0, 5, 264, 3, 0)), (ip, (0, 136, 2, 5, 264, 1, 0))):
        with sync() as t:
            frames = [make(i, 600) for i in range(1, 8)]
            for frame, cut in zip(frames, cuts):  # the kernel cuts writes of more than 2048 bytes
                say(t, frame[:cut] + frame)
            t.expect_up(frames)


@test("a packet that ends as it begins is sent, alone in a read, at its end and cut by it, each time it is resent")
def _():
    with sync() as t:
        size = 1000
        packet = ip(1, size)[:-6] + ip(1, size)[:6]
        within = ip(2, size)[:400] + ip(2, size)[:6] + ip(2, size)[406:]
        for frames in ([packet], [ip(3), packet], [packet, packet], [packet, ip(4), within, packet]):
            say(t, b"".join(frames))
            t.expect_up(frames)
        frames = [packet, within] * 4
        with t.run.stopped("pptpgw"):  # reads then end where they are full
            for frame in frames:
                say(t, frame)
        t.expect_up(frames)
        equal(t.statistics()["tx bad frames"], 0)


@test("what is no frame is counted and goes nowhere")
def _():
    with sync() as t:
        say(t, b"the rest of a frame" * 4)
        deadline = time.monotonic() + WAIT
        while t.statistics()["tx bad frames"] != 1:
            true(time.monotonic() < deadline, "never counted")
        say(t, b"once more" + mppe(1))
        t.expect_up([mppe(1)])


@test("short packets reach pppd padded, each on its own where they are apart")
def _():
    with sync() as t:
        say(t, ip(1))
        t.expect_up([ip(1)])
        for number, size in ((1, 40), (2, 256), (3, 1400)):
            t.down(ip(number, size))
            equal(t.run.read_some(), ip(number, size).ljust(256, b"\0"))


@test("a packet too long for a synchronous pty is counted and dropped")
def _():
    with sync() as t:
        say(t, ip(1))
        t.expect_up([ip(1)])
        t.down(ip(1, 1793))
        t.down(ip(2, 300))
        equal(t.run.read_some(), ip(2, 300))
        equal(t.statistics()["rx pty cut"], 1)


@test("short headers that the server asks for are rejected in pppd's name")
def _():
    with sync() as t:
        say(t, ip(1))
        t.expect_up([ip(1)])
        t.down(control(LCP, REQUEST, b"\x01\x04\x05\xdc\x07\x02\x08\x02"))
        t.expect_up([control(LCP, REJECT, b"\x07\x02\x08\x02")])
        t.down(control(LCP, REQUEST, b"\x01\x04\x05\xdc"))
        equal(t.run.read_some(), control(LCP, REQUEST, b"\x01\x04\x05\xdc").ljust(256, b"\0"))


@test("compression that pppd asks for is rejected in the server's name")
def _():
    for protocol, option in ((CCP, b"\x1a\x04\x78\x00"), (IPCP, b"\x02\x06\x00\x2d\x0f\x01")):
        with sync() as t:
            say(t, control(protocol, REQUEST, option))
            equal(t.run.read_some(), control(protocol, REJECT, option).ljust(256, b"\0"))


@test("MPPE with short headers ends the call with the reason before any data")
def _():
    with sync() as t:
        say(t, control(LCP, ACK, b"\x07\x02\x08\x02") + control(CCP, ACK, STATELESS))
        refused(t, 'give pppd "noaccomp nopcomp", or leave out its option "sync" and --sync')


@test("stateful MPPE ends the call with the reason, on either side")
def _():
    with sync() as t:
        say(t, control(CCP, ACK, STATEFUL))
        refused(t, "cannot carry stateful MPPE")
    with sync() as t:
        say(t, ip(1))
        t.expect_up([ip(1)])
        t.down(control(CCP, ACK, STATEFUL))
        refused(t, "cannot carry stateful MPPE")


@test("stateless MPPE with full headers is carried")
def _():
    with sync() as t:
        frames = [control(LCP, ACK, b"\x01\x04\x05\xdc"), control(CCP, ACK, STATELESS), mppe(0), mppe(1)]
        say(t, b"".join(frames))
        t.expect_up(frames)


@test("pppd with sync and pptp without --sync is told at its first bytes, and ends the call")
def _():
    with Tunnel(spoken=False) as t:
        write_all(t.run.slave, lcp_request(1))
        equal(t.run.wait(), 1)
        match(r"pppd has its option sync, but --sync was not given .*ff 03", t.log.last())


@test("pptp with --sync and pppd without sync is told at its first byte, and ends the call")
def _():
    with Tunnel("--sync", spoken=False) as t:
        t.run.write_frame(lcp_request(1))
        equal(t.run.wait(), 1)
        match(r"--sync was given, but pppd has not its option sync .*7e", t.log.last())


main()
