#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
A slow uplink: what pppd sends faster than it takes waits in front of it, where nothing is dropped,
and not in its queue, where it delays everybody. The queue is the kernel's own, behind tbf.
"""
from harness import *  # noqa: F401,F403
from harness import FAR, WAIT, Log, Skipped, contextlib, equal, hdlc_encode, os, re, remote_server, \
    select, sh, start, subprocess, test, threading, time, true

FULL = 1400  # what pppd sends with an MTU that leaves space for the headers
DEVICE = "near"


@contextlib.contextmanager
def shaped_uplink(rate, queue):
    """A server behind an uplink of `rate` with that queue; the Run, its server and its log."""
    with remote_server(gre=True) as server, Log() as log:
        sh("ip link set %s gso_max_segs 1" % DEVICE)
        shape = "tc qdisc add dev %s root handle 1: tbf rate %s burst 3200 limit 4000000" % (DEVICE, rate)
        if subprocess.run(shape.split(), capture_output=True).returncode:
            raise Skipped("this kernel has no tbf")
        sh("tc qdisc add dev %s parent 1:1 handle 2: %s" % (DEVICE, queue))
        run = start(FAR)
        server.wait_for("OCRQ")
        log.wait("Outgoing call established")
        yield run, server, log
        run.hang_up()
        run.wait_all()


def dropped():
    return [int(n) for n in re.findall(r"dropped (\d+)", sh("tc -s qdisc show dev %s" % DEVICE))]


def backlog():
    """Packets in the queue behind tbf."""
    return int(re.findall(r"backlog \w+ (\d+)p", sh("tc -s qdisc show dev %s" % DEVICE))[-1])


def frame(size):
    return (b"\xff\x03\x00\x21" + b"~x}y" * (size // 4))[:size]


class Flood(threading.Thread):
    """Frames of pppd's, as fast as the program takes them; `sent` counts those that it took whole."""

    def __init__(self, slave, size, seconds):
        super().__init__(daemon=True)
        self.slave, self.size, self.seconds, self.sent = slave, size, seconds, 0
        self.start()

    def run(self):
        encoded = hdlc_encode(frame(self.size))
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            data = encoded
            while data:
                select.select([], [self.slave], [], WAIT)
                data = data[os.write(self.slave, data):]
            self.sent += 1


def device_packets(direction, command):
    return int(re.search(direction + r":.*\n\s+\d+\s+(\d+)", sh(command)).group(1))


def all_arrived(server, flood):
    """Every frame has become a packet, and each came out of the far end of the uplink: judged by the
    devices, because the server's raw socket now and then misses one of so many."""
    server.wait_gre(where=lambda p: p.seq is not None and p.seq >= flood.sent)  # the first has number 1
    packets = [p for p in server.gre_packets if p.seq is not None]
    equal(max(p.seq for p in packets), flood.sent, "the last number")
    equal(device_packets("RX", "ip -n far -s link show far"), device_packets("TX", "ip -s link show " + DEVICE))
    equal(set(dropped()), {0}, "dropped in our own queue")
    true({p.payload for p in packets} == {frame(flood.size)}, "another payload")
    equal({p.tos & 3 for p in packets}, {0}, "ECN bits")


def flooded(rate, queue, size, longest):
    with shaped_uplink(rate, queue) as (run, server, log):
        flood = Flood(run.slave, size, 1.5)
        lengths = []
        while flood.is_alive():
            lengths.append(backlog())
            flood.join(0.03)
        all_arrived(server, flood)
        true(0 < max(lengths) <= longest, "packets in the queue:", lengths)
        true(flood.sent > 500, "only", flood.sent, "frames")


for _queue in ("pfifo limit 1000", "pfifo limit 100"):
    @test("a flood at 10 Mbit/s: no packet is lost, and few wait in the uplink's queue (%s)" % _queue)
    def _(queue=_queue):
        flooded("10mbit", queue, FULL, 20)  # nine; more when we are woken late


@test("a flood of small frames at 10 Mbit/s never fills a queue of 100")
def _():
    flooded("10mbit", "pfifo limit 100", 60, 50)


@test("frames that travel in more fragments than the smallest send buffer takes arrive whole")
def _():
    with shaped_uplink("10mbit", "pfifo limit 1000") as (run, server, log):
        flood = Flood(run.slave, 8190, 0.5)
        flood.join(WAIT)
        all_arrived(server, flood)


@test("a frame is sent at once when an uplink that was busy has become idle")
def _():
    with shaped_uplink("1mbit", "pfifo limit 1000") as (run, server, log):
        flood = Flood(run.slave, FULL, 0.5)
        flood.join(WAIT)
        all_arrived(server, flood)
        before = time.monotonic()
        run.write_frame(frame(60))
        server.wait_gre(where=lambda p: p.payload == frame(60))
        true(time.monotonic() - before < 0.5)


main()
