# SPDX-License-Identifier: ISC
"""
The two ends of the gateway's data path, for its tests: what pppd does on its side of the pty, and
what a server does with GRE, both with every byte checked.
"""
import contextlib
import os
import re
import select
import signal
import stat
import struct
import threading
import time

from harness import *  # noqa: F401,F403
from harness import WAIT, fail, hdlc_decode, hdlc_encode, start

SERVER = "127.0.0.2"


class Tunnel:
    """
    An established call: fake server with GRE, log, and the program in the pty form. `spoken` says
    whether pppd's side has sent a first frame already (number 0 of the server's count).
    """

    def __init__(self, *arguments, spoken=True, script=None, **kwargs):
        self.server = FakeServer(SERVER, script or polite(), gre=True)
        self.log = Log()
        self.run = start(SERVER, *arguments, **kwargs)
        _, request = self.server.wait_for("OCRQ")
        self.call_id = request["call_id"]
        self.request = request
        self.seq = 0
        self.seen = 0
        if spoken:
            self.up(lcp_request(1))
            self.expect_up([lcp_request(1)])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None and self.run.process.poll() is None:
            self.run.hang_up()  # in order, so that nothing is left for the next test to find
            self.run.wait_all()
        self.run.end()
        self.server.close()
        self.log.close()

    def down(self, payload, seq=None, **fields):
        """The server sends a packet; without `seq` the next in order."""
        if seq is None:
            seq = self.seq
            self.seq += 1
        else:
            self.seq = max(self.seq, seq + 1)
        self.server.send_gre(self.call_id, payload, seq=seq, **fields)

    def up(self, payload):
        """pppd sends a frame."""
        self.run.write_frame(payload)

    def expect_down(self, payloads, timeout=WAIT):
        """pppd's side gets exactly these, in this order."""
        got = self.run.read_frames(len(payloads), timeout)
        for number, (is_, should) in enumerate(zip(got, payloads)):
            if is_ != should:
                fail("packet", number, "to pppd is", is_[:40].hex(), "instead of", should[:40].hex())

    def quiet_down(self, marker=b"\xff\x03\x80\x21marker"):
        """Nothing else is in flight to pppd: a marker sent now is the next that comes."""
        self.down(marker)
        self.expect_down([marker])

    def packets(self, count, timeout=WAIT):
        """The next `count` packets with payload that the server gets."""
        got = self.server.wait_gre(self.seen + count, timeout, lambda p: p.seq is not None)
        got = got[self.seen:self.seen + count]
        self.seen += count
        return got

    def expect_up(self, payloads, timeout=WAIT):
        """The server gets exactly these, numbered in order and addressed to its call."""
        got = self.packets(len(payloads), timeout)
        for number, (packet, should) in enumerate(zip(got, payloads)):
            if packet.payload != should:
                fail("packet", number, "to the server is", packet, "instead of", should.hex())
            if packet.call_id != 1000:
                fail("wrong call id", packet)
            if packet.protocol != 0x880B or packet.flags & ~0x0080 != 0x3001:
                fail("wrong header", packet)
        for before, after in zip(got, got[1:]):
            if after.seq != before.seq + 1:
                fail("sequence numbers", before.seq, after.seq)
        return got

    def statistics(self):
        """{name: value} from SIGUSR1, once the dump is complete."""
        at = len(self.log.lines)
        self.run.kill("pptpgw", signal.SIGUSR1)
        self.log.wait("in flight = ", count=1 + sum("in flight = " in t for _, t in self.log.lines[:at]))
        found = {}
        for _, text in self.log.lines[at:]:
            m = re.search(r"\]: ([a-zA-Z ]+) = (\d+)$", text)
            if m:
                found[m.group(1)] = int(m.group(2))
        return found


def lcp_request(identifier, options=b""):
    return struct.pack("!HHBBH", 0xFF03, 0xC021, 1, identifier, 4 + len(options)) + options


def ppp(number, size=100, seed=0x5A):
    """A PPP frame (IPv4) that is like no other: its number and bytes of all values."""
    head = struct.pack("!HHI", 0xFF03, 0x0021, number)
    first = (seed + number * 7) * 163 & 0xFF
    return head + (CYCLE * (2 + size // 256))[first:first + max(0, size - len(head))]


CYCLE = bytes(i * 11 & 0xFF for i in range(256))


class FakePppd:
    """
    A pppd for the shell form: a script that notes how it was started, and does with the tty what
    `body` says ($1 is the tty). Put its directory first in PATH and build no /usr/sbin/pppd in.
    """

    def __init__(self, path, body):
        self.path = path
        self.notes = path + ".notes"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.notes)
        with open(path, "w") as f:
            f.write("#!/bin/sh\n{ echo pid $$; echo \"$@\"; ls -l /proc/$$/fd; } >%s.new\n"
                    "mv %s.new %s\n%s\n" % (self.notes, self.notes, self.notes, body))
        os.chmod(path, stat.S_IRWXU)

    def started(self):
        return os.path.exists(self.notes)

    def text(self):
        with open(self.notes) as f:
            return f.read()


class Reader(threading.Thread):
    """Takes frames from pppd's side in the background, as many as are asked for."""

    def __init__(self, run, count, timeout=WAIT):
        super().__init__(daemon=True)
        self.run_, self.count, self.timeout = run, count, timeout
        self.frames, self.error = [], None
        self.start()

    def run(self):
        try:
            self.frames = self.run_.read_frames(self.count, self.timeout)
        except BaseException as e:
            self.error = e

    def get(self):
        self.join(self.timeout + 1)
        if self.error:
            raise self.error
        return self.frames
