#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
A path that reorders and has one outage after the other: pppd gets packets again as soon as some have come
that belong together. test_gre_session_outages.c has many more paths, in simulated time.
"""
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import WAIT, os, re, select, threading, time

LONGER = 0.003  # the second of two links that are used in turn, in seconds


class Watcher(threading.Thread):
    """When pppd gets the first packet that was sent after each outage."""

    def __init__(self, run, outages):
        super().__init__(daemon=True)
        self.run_, self.outages, self.times = run, outages, {}
        self.start()

    def run(self):
        seen = b""
        while self.outages not in self.times and select.select([self.run_.slave], [], [], WAIT)[0]:
            seen = seen[-64:] + os.read(self.run_.slave, 65536)
            for number in set(re.findall(rb"after (\d\d\d)", seen)):
                self.times.setdefault(int(number), time.monotonic())


def send(t, rate, flow, outage, outages):
    """Packets at this rate over two links in turn, an outage after each `flow` seconds. Returns when the first
    after each outage was sent, and how many packets were."""
    count = int(rate * flow)
    arrivals = sorted((i / rate + LONGER * (i % 2), i) for i in range(count))
    first, seq = {}, t.seq
    for number in range(outages + 1):
        begin = time.monotonic()
        first[number] = begin
        for at, i in arrivals:
            if (delay := begin + at - time.monotonic()) > 0:
                time.sleep(delay)
            t.down(b"\xff\x03\x00\x21after %03d" % number, seq=seq + i)
        seq += count + int(rate * outage)
        time.sleep(outage)
    return first, count * (outages + 1)


for _rate, _flow, _outage, _outages in ((100, 0.5, 3.5, 3), (10000, 0.2, 0.3, 12)):
    @test("after each of %d outages a path that reorders carries packets again, at %d packets/s" % (_outages, _rate))
    def _(rate=_rate, flow=_flow, outage=_outage, outages=_outages):
        with Tunnel() as t:
            t.quiet_down()
            watcher = Watcher(t.run, outages)
            first, sent = send(t, rate, flow, outage, outages)
            watcher.join(WAIT)
            equal(sorted(watcher.times), list(range(outages + 1)), "outages after which pppd gets packets")
            took = [1000 * (watcher.times[number] - first[number]) for number in range(1, outages + 1)]
            s = t.statistics()
            diag("%d packets/s: back after %.1f ms, at most %.1f; %d sent, %d accepted" % (
                rate, sorted(took)[outages // 2], max(took), sent, s["rx accepted"]))
            between(0, max(took), 1000, "ms from the first packet after an outage to pppd")
            true(s["rx resyncs"] >= outages, s)
            between(sent / 2, s["rx accepted"], sent + 1, "accepted")


main()
