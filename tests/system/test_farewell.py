#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""What a server sends by GRE around its goodbye on TCP reaches pppd, whole and in order, before the hang-up."""
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import contextlib, os, time

COUNT = 24
TERMINATE_REQUEST = bytes.fromhex("ff03c02105090004")
TERMINATE_ACK = bytes.fromhex("ff03c02106090004")
GOODBYES = {
    "Call-Disconnect-Notify": lambda conn: conn.send("CDN", call_id=1000, result=3),
    "Stop-Control-Connection-Request": lambda conn: conn.send("StopCCRQ", reason=3),
    "end of file": lambda conn: conn.close(),
    "reset": lambda conn: conn.reset(),
}


def farewell(size=100):
    return [ppp(i, size) for i in range(COUNT)]


def read_until_hang_up(t):
    """The frames that pppd still gets, and when its pty is hung up."""
    data = t.run._read_at
    with contextlib.suppress(OSError):  # EIO
        while piece := os.read(t.run.slave, 65536):
            data += piece
    true(data == b"" or data.endswith(b"\x7e"), "cut by the hang-up:", data[-40:].hex())
    return [hdlc_decode(piece) for piece in data.split(b"\x7e") if piece]


def expect_farewell(t, frames, within):
    """pppd gets all of them and then a hang-up, and the call ends by the server."""
    said = time.monotonic()
    equal(read_until_hang_up(t), frames)
    between(0, time.monotonic() - said, within, "seconds to the hang-up")
    equal(t.run.wait(), 1)
    nothing_left()


for _name, _say in GOODBYES.items():
    @test("24 frames that come 5 ms after the server's %s all reach pppd before the hang-up" % _name)
    def _(say=_say):
        with Tunnel() as t:
            t.quiet_down()
            say(t.server.connections[0])
            time.sleep(0.005)
            for frame in farewell():
                t.down(frame)
            expect_farewell(t, farewell(), 2)


@test("frames behind a lost one that would be waited for reach pppd, too")
def _():
    with Tunnel("--timeout", "10") as t:
        t.quiet_down()
        GOODBYES["Call-Disconnect-Notify"](t.server.connections[0])
        time.sleep(0.005)
        for i, frame in enumerate(farewell()):
            t.seq += i in (0, 7, 8)  # lost
            t.down(frame)
        expect_farewell(t, farewell(), 2)


@test("frames that are still in the socket when the gateway hears of the goodbye reach pppd")
def _():
    with Tunnel("--timeout", "10") as t:
        t.quiet_down()
        with t.run.stopped("pptpgw"):
            for i, frame in enumerate(farewell()):
                t.seq += i == 3
                t.down(frame)
            GOODBYES["Call-Disconnect-Notify"](t.server.connections[0])
            t.server.wait_for("StopCCRQ")
        expect_farewell(t, farewell(), 2)


@test("a pppd that reads late gets them whole")
def _():
    with Tunnel() as t:
        t.quiet_down()
        GOODBYES["Call-Disconnect-Notify"](t.server.connections[0])
        for frame in farewell(1400):
            t.down(frame)
        time.sleep(0.1)
        expect_farewell(t, farewell(1400), 2)


@test("a pppd that reads nothing delays the end by 2 s at the most")
def _():
    with Tunnel() as t:
        t.quiet_down()
        for i in range(300):
            t.down(ppp(i, 1400))
        before = time.monotonic()
        GOODBYES["Call-Disconnect-Notify"](t.server.connections[0])
        equal(t.run.wait(), 1)
        between(0, time.monotonic() - before, 2, "seconds")
        nothing_left()


@test("pppd's answer to a Terminate-Request after the goodbye reaches the server")
def _():
    with Tunnel() as t:
        t.quiet_down()
        GOODBYES["Call-Disconnect-Notify"](t.server.connections[0])
        time.sleep(0.005)
        t.down(TERMINATE_REQUEST)
        t.expect_down([TERMINATE_REQUEST])
        t.up(TERMINATE_ACK)
        t.expect_up([TERMINATE_ACK])
        before = time.monotonic()
        t.run.hang_up()  # pppd exits
        equal(t.run.wait(), 1)
        between(0, time.monotonic() - before, 2, "seconds")
        nothing_left()


main()
