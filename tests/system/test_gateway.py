#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The gateway process: packets both ways, what it counts, how it starts and how it ends."""
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import WAIT, Run

import contextlib
import select
import socket
import threading

CAP_NET_ADMIN = 1 << 12
SIZES = [1, 2, 3, 4, 5, 40, 64, 100, 576, 1399, 1400, 1401, 1500, 2047, 2048, 2049, 4000, 8196]


@test("frames of all sizes and octets arrive at the server as they were, numbered in order")
def _():
    with Tunnel() as t:
        frames = [ppp(i, size) for i, size in enumerate(SIZES)]
        for frame in frames:
            t.up(frame)
        t.expect_up(frames)
        equal(t.server.mistakes(), [])


@test("packets of all sizes and octets arrive at pppd as they were")
def _():
    with Tunnel() as t:
        frames = [ppp(i, size) for i, size in enumerate(SIZES)]
        for frame in frames:
            t.down(frame)
        t.expect_down(frames)


@test("both directions at once lose nothing")
def _():
    with Tunnel() as t:
        down = [ppp(i, 300) for i in range(500)]
        up = [ppp(i, 200, seed=9) for i in range(500)]
        reader = Reader(t.run, len(down))
        for d, u in zip(down, up):
            t.down(d)
            t.up(u)
        t.expect_up(up)
        equal(reader.get(), down)
        s = t.statistics()
        equal((s["rx accepted"], s["tx sent"], s["rx lost"], s["tx failed"]), (500, 501, 0, 0))


@test("a burst of 1000 full packets while pppd does not read is delivered whole")
def _():
    with Tunnel() as t:
        frames = [ppp(i, 1400) for i in range(1000)]
        for frame in frames:
            t.down(frame)
        t.expect_down(frames)


@test("what the kernel drops is counted, and the stream is picked up again")
def _():
    with Tunnel() as t:
        t.quiet_down()
        t.run.kill("pptpgw", signal.SIGSTOP)
        for i in range(8000):
            t.down(ppp(i, 1400))
        t.run.kill("pptpgw", signal.SIGCONT)
        reader = Reader(t.run, 1000)
        equal(reader.get(), [ppp(i, 1400) for i in range(1000)])
        marker, markers, seen = ppp(9000), 0, b""
        while hdlc_encode(marker)[1:] not in seen:
            while not select.select([t.run.slave], [], [], 0.05)[0]:
                t.down(marker)
                markers += 1
            seen = seen[-8192:] + t.run.read_some()
        s = t.statistics()
        true(s["rx kernel drops"] > 1000, s)
        equal(s["rx accepted"] + s["rx kernel drops"] + s["rx over win"], 8001 + markers, s)


@test("pppd's side not reading stops neither frames to the server nor acknowledgments")
def _():
    with Tunnel() as t:
        for i in range(200):
            t.down(ppp(i, 1400))
        up = [ppp(i, 100, seed=3) for i in range(50)]
        for frame in up:
            t.up(frame)
        t.expect_up(up)
        t.server.wait_gre(1, WAIT, lambda p: p.ack is not None and p.ack >= 100)
        t.expect_down([ppp(i, 1400) for i in range(200)])


@test("the other direction goes on while the gateway's own output waits")
def _():
    with Tunnel() as t:
        for i in range(1500):
            t.down(ppp(i, 1400))
        t.up(ppp(7))
        t.expect_up([ppp(7)])
        t.expect_down([ppp(i, 1400) for i in range(1000)])


@test("what the server sends before pppd speaks waits for pppd")
def _():
    with Tunnel(spoken=False) as t:
        first = lcp_request(9)
        t.down(first)
        t.up(lcp_request(1))
        t.expect_up([lcp_request(1)])
        t.expect_down([first])


@test("a pppd that stays silent hears the server after a second")
def _():
    with Tunnel(spoken=False) as t:
        before = time.monotonic()
        t.down(lcp_request(9))
        t.expect_down([lcp_request(9)])
        between(0.5, time.monotonic() - before, 1.5)


@test("packets out of order come out in order, duplicates once")
def _():
    with Tunnel() as t:
        frames = [ppp(i) for i in range(8)]
        t.quiet_down()
        base = t.seq
        for i in (0, 2, 2, 1, 1, 5, 4, 3, 0, 7, 6):
            t.down(frames[i], seq=base + i)
        t.expect_down(frames)
        t.quiet_down()
        s = t.statistics()
        equal(s["rx under win"], 3)
        equal(s["rx lost"], 0)


@test("a lost packet is waited for as long as --timeout says")
def _():
    with Tunnel("--timeout", "0.4") as t:
        t.quiet_down()
        t.down(ppp(1), seq=t.seq + 1)
        before = time.monotonic()
        t.expect_down([ppp(1)])
        between(0.38, time.monotonic() - before, 0.6)
        equal(t.statistics()["rx lost"], 1)


@test("with --nobuffer a packet ahead is accepted at once, and what it passed is dropped")
def _():
    with Tunnel("--nobuffer") as t:
        t.quiet_down()
        base = t.seq
        t.down(ppp(2), seq=base + 2)
        t.expect_down([ppp(2)])
        t.down(ppp(1), seq=base + 1)
        t.quiet_down()
        s = t.statistics()
        equal((s["rx under win"], s["rx buffered"]), (1, 1))


@test("sequence numbers may wrap")
def _():
    with Tunnel() as t:
        start_ = 0xFFFFFFFC
        frames = [ppp(i) for i in range(8)]
        for i, frame in enumerate(frames):
            t.server.send_gre(t.call_id, frame, seq=(start_ + i) & 0xFFFFFFFF)
        t.expect_down(frames)


@test("bad frames from pppd are counted and go nowhere")
def _():
    with Tunnel() as t:
        good = hdlc_encode(ppp(1))
        bad = bytearray(hdlc_encode(b"\xff\x03\x00\x21" + b"A" * 60))
        bad[20] ^= 1
        for octets in (bytes(bad), b"\x7eab\x7e", b"\x7eabcdef\x7d\x7e",
                       hdlc_encode(ppp(2, 8197)), good):
            write_all(t.run.slave, octets)
        t.expect_up([ppp(1)])
        s = t.statistics()
        equal((s["tx bad frames"], s["tx oversize"], s["tx sent"]), (3, 1, 2))


@test("bad packets from the server are counted and go nowhere")
def _():
    with Tunnel() as t:
        t.server.gre.sendto(gre_encode(t.call_id, b"x" * 20, seq=0, length=40), (CLIENT, 0))
        t.server.gre.sendto(gre_encode(t.call_id, b"x" * 20, seq=1, flags=0x8000), (CLIENT, 0))
        t.server.gre.sendto(gre_encode(t.call_id + 1 & 0xFFFF, b"x" * 20, seq=1), (CLIENT, 0))
        t.quiet_down()
        s = t.statistics()
        equal((s["rx truncated"], s["rx invalid"], s["rx accepted"]), (1, 1, 1))


@test("an acknowledgment without payload is counted")
def _():
    with Tunnel() as t:
        t.server.send_gre(t.call_id, ack=0)
        t.quiet_down()
        equal(t.statistics()["rx acks"], 1)


@test("packets are acknowledged when nothing is sent back")
def _():
    with Tunnel() as t:
        for i in range(10):
            t.down(ppp(i))
        t.server.wait_gre(1, WAIT, lambda p: p.seq is None and p.ack == 9)
        true(t.statistics()["tx acks"] >= 1)


@test("SIGUSR1 writes all statistics in the manual page's order at LOG_NOTICE")
def _():
    with Tunnel() as t:
        t.run.kill("pptpgw", signal.SIGUSR1)
        t.log.wait("tx blocked = ")
        lines = [(p, text) for p, (_, text) in zip(t.log.priorities, t.log.lines) if " = " in text]
        names = [re.search(r".*\]: (.*) = \d+$", text).group(1) for _, text in lines]
        equal(names[:15], ["rx accepted", "rx lost", "rx under win", "rx over win", "rx buffered",
                           "rx OS errors", "rx truncated", "rx invalid", "rx acks", "tx sent",
                           "tx failed", "tx short", "tx acks", "tx oversize", "round trip"])
        equal({p & 7 for p, _ in lines}, {5})
        match(r"^pptp\[%d\]: anon log\[" % t.run.pid_of("pptpgw"), lines[0][1])


@test("a log that nobody reads holds up neither packets nor the end of the call")
def _():
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    try:
        stuck = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        stuck.connect("/dev/log")
        stuck.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                stuck.send(b"<14>full")
        with FakeServer(SERVER, gre=True) as server:
            run = start(SERVER, "--loglevel", "2")
            _, request = server.wait_for("OCRQ")
            run.write_frame(lcp_request(1))
            server.wait_gre(1)
            run.kill("pptpgw", signal.SIGUSR1)
            before = time.monotonic()
            for number in range(20):
                server.send_gre(request["call_id"], ppp(number), seq=number)
            equal(run.read_frames(20), [ppp(number) for number in range(20)])
            between(0, time.monotonic() - before, 0.2)
            before = time.monotonic()
            run.hang_up()
            equal(run.wait(), 0)
            server.wait_ended()
            between(0, server.connections[0].ended_at - before, 0.2)
            equal(server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
            run.wait_all()
            nothing_left()
    finally:
        log.close()
        os.unlink("/dev/log")


@test("a log that is read slowly holds up the call by half a second, and its end by no more")
def _():
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind("/dev/log")
    full, ended = threading.Event(), threading.Event()

    def read():
        while not ended.wait(0.4):  # seconds between two lines
            log.recv(65536)

    def fill(others):
        while True:
            with contextlib.suppress(BlockingIOError):
                while True:
                    others.send(b"<14>of others")
            full.set()
            if ended.wait(0.01):
                return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as others, FakeServer(SERVER) as server:
            others.connect("/dev/log")
            others.setblocking(False)
            threads = [threading.Thread(target=read), threading.Thread(target=fill, args=(others,))]
            for t in threads:
                t.start()
            full.wait()
            run = start(SERVER)
            _, asked = server.wait_for("OCRQ")
            between(0, asked.when - run.started, 0.8, "seconds to Outgoing-Call-Request")
            wait_gateways(1)
            before = time.monotonic()
            run.hang_up()
            equal(run.wait(), 0)
            server.wait_ended()
            between(0, server.connections[0].ended_at - before, 0.8, "seconds to the end")
            ended.set()
            for t in threads:
                t.join()
            run.wait_all()
            nothing_left()
    finally:
        ended.set()
        log.close()
        os.unlink("/dev/log")


@test("a log that is read again gets the next lines, and is told how many it missed")
def _():
    with Tunnel() as t:
        t.quiet_down()
        t.log.pause()
        for _ in range(3):
            t.run.kill("pptpgw", signal.SIGUSR1)
            t.quiet_down()
        t.log.resume()
        wait_until(lambda: t.quiet_down() or t.run.kill("pptpgw", signal.SIGUSR1) or
                   "lines missing here" in t.log.text())
        line = t.log.wait("lines missing here")
        match(r"^pptp\[\d+\]: anon warn\[.*\]: lines missing here, as nobody took them: [1-9]\d*$", line)


@test("a log daemon that was started anew gets the lines")
def _():
    with Tunnel() as t:
        t.statistics()
        t.log.close()
        t.log = Log()
        true(t.statistics()["tx sent"] >= 1)


@test("a packet that the system refuses is counted and the call goes on")
def _():
    with Tunnel() as t:
        sh("ip route add blackhole 127.0.0.2 table 7; ip rule add ipproto 47 table 7 pref 1; "
           "ip rule add table local pref 2; ip rule del pref 0; ip route flush cache")
        try:
            t.up(ppp(1))
            t.up(ppp(2))
            wait_until(lambda: t.statistics()["tx failed"] >= 1)
        finally:
            sh("ip rule add table local pref 0; ip rule del pref 1; ip rule del pref 2; "
               "ip route flush cache")
        t.up(ppp(3))
        t.server.wait_gre(1, WAIT, lambda p: p.payload == ppp(3))


for _type, _order in ((1, [0, 1, 2, 3, 5, 4]), (2, [0, 1, 2, 3, 15, *range(4, 15), 16]),
                      (3, [0, 1, 2, 3, *range(15, 3, -1), 16])):
    @test("--test-type %d sends in the manual page's order" % _type)
    def _(type_=_type, order=_order):
        with Tunnel("--test-type", str(type_), "--test-rate", "4", spoken=False) as t:
            frames = [ppp(i) for i in range(len(order))]
            for frame in frames:
                t.up(frame)
            got = t.packets(len(order))
            equal([frames.index(p.payload) for p in got], order)
            equal([p.seq - min(q.seq for q in got) for p in got], order)


@test("in the pty form a pair of pipes does as well as a pty")
def _():
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    with FakeServer(SERVER, gre=True) as server, Log():
        run = start(SERVER, pty=False, stdin=to_read, stdout=from_write)
        os.close(to_read)
        os.close(from_write)
        _, request = server.wait_for("OCRQ")
        write_all(to_write, hdlc_encode(ppp(1)))
        equal(server.wait_gre(1)[0].payload, ppp(1))
        run.slave = from_read
        server.send_gre(request["call_id"], ppp(2), seq=0)
        equal(run.read_frames(1), [ppp(2)])
        os.close(to_write)
        equal(run.wait(), 0)
        run.wait_all()
        equal(server.names()[0][-2:], ["CCRQ", "StopCCRQ"])


@test("--sync carries frames without HDLC, both ways, short ones padded so that they stay apart")
def _():
    with Tunnel("--sync", spoken=False) as t:
        os.write(t.run.slave, ppp(1))
        t.expect_up([ppp(1)])
        t.down(ppp(2))
        equal(t.run.read_some(), ppp(2).ljust(256, b"\0"))


@test("after pppd's hang-up the control connection is closed in order within 0.2 s, status 0")
def _():
    with Tunnel() as t:
        before = time.monotonic()
        t.run.hang_up()
        equal(t.run.wait(), 0)
        t.server.wait_ended()
        between(0, t.server.connections[0].ended_at - before, 0.2)
        equal(t.server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
        t.log.wait("pppd may have shutdown, see pppd log")
        equal(t.run.stderr(), "")
        nothing_left()


@test("what pppd wrote last is sent before the hang-up is seen")
def _():
    with Tunnel() as t:
        frames = [ppp(i, 600) for i in range(3)]
        write_all(t.run.slave, b"".join(hdlc_encode(f) for f in frames))
        t.run.hang_up()
        t.expect_up(frames)
        equal(t.run.wait(), 0)


for _signal in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    @test("%s ends the call in order, status 0" % _signal.name)
    def _(signo=_signal):
        with Tunnel() as t:
            t.run.kill("pptpgw", signo)
            equal(t.run.wait(), 0)
            t.server.wait_ended()
            equal(t.server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
            nothing_left()


@test("a signal before the call stands ends it, status not 0, with one line why")
def _():
    with FakeServer(SERVER, polite(on={"OCRQ": None})) as server, Log():
        run = start(SERVER)
        server.wait_for("OCRQ")
        run.kill("pptpgw", signal.SIGTERM)
        equal(run.wait(), 1)
        match("ended by signal 15 .* before the call to %s stood$" % SERVER, run.stderr().strip())
        server.wait_ended()
        nothing_left()


@test("a hang-up before the call stands ends it")
def _():
    with FakeServer(SERVER, polite(on={"OCRQ": None})) as server, Log():
        run = start(SERVER)
        server.wait_for("OCRQ")
        run.hang_up()
        equal(run.wait(), 1)
        server.wait_ended()
        nothing_left()


@test("the gateway's death by SIGKILL hangs up on pppd and ends the call in order")
def _():
    with Tunnel() as t:
        t.run.kill("pptpgw", signal.SIGKILL)
        t.server.wait_ended()
        equal(t.server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
        equal(os.read(t.run.slave, 1), b"")
        nothing_left()


@test("the call manager's death by SIGKILL ends the gateway, which says so")
def _():
    with Tunnel() as t:
        t.run.kill("pptpcm", signal.SIGKILL)
        equal(t.run.wait(), 1)
        t.log.wait("Call manager exited with error")
        t.run.wait_all()
        sh("rm -rf /run/pptp/*")  # the killed one's socket


@test("the server's end of the call ends the gateway with the reason in the log")
def _():
    with Tunnel() as t:
        t.server.connections[0].send("CDN", call_id=1000, result=3)
        true(t.run.wait() != 0)
        nothing_left()


@test("a refused call ends with one last line that says why, status 1")
def _():
    with FakeServer(SERVER, polite(ocrp={"result": 4})), Log():
        run = start(SERVER)
        equal(run.wait(), 1)
        match(r"Call manager exited with error.*busy[^\n]*\n$", run.stderr())
        nothing_left()


@test("the process under pppd is found by its command line, and by its name")
def _():
    with Tunnel() as t:
        with open("/proc/%d/cmdline" % t.run.pid, "rb") as f:
            match(r"pptp 127.0.0.2 --nolaunchpppd$", f.read().rstrip(b"\0").replace(b"\0", b" ").decode())
        equal(sorted(t.run.pids().values()), ["pptpcl", "pptpcm", "pptpgw"])
        equal(t.run.pids()[t.run.pid], "pptpgw")


@test("no process holds a descriptor that is not its own")
def _():
    with Tunnel() as t:
        gateway = descriptors(t.run.pid_of("pptpgw"))
        manager = descriptors(t.run.pid_of("pptpcm"))
        true(not [d for d in manager.values() if "ptmx" in d or "pts" in d], manager)
        inodes = [d for d in gateway.values() if "socket" in d]
        shared = [d for d in manager.values() if d in inodes]
        true(len(shared) <= 1, "shared", shared, gateway, manager)  # syslog's
        cleaner = descriptors(t.run.pid_of("pptpcl"))
        equal(sorted(cleaner), [0, 1, 2])
        equal(set(cleaner.values()), {"/dev/null"})


@test("GRE that never comes back is warned of once, and says what to look at")
def _():
    with Tunnel() as t:
        line = t.log.wait("no GRE came back", 12)
        match(r"no GRE came back from 127.0.0.2 in 10 s.*protocol 47", line)
        match("warn", line)


def expect_rights(run, comm, capabilities):
    with open("/proc/%d/status" % run.pid_of(comm)) as f:
        status = f.read()
    for kept in ("CapEff", "CapPrm"):
        equal(int(match(kept + r":\s+(\w+)\n", status).group(1), 16), capabilities, comm + " " + kept)
    match(r"NoNewPrivs:\s+1\n", status)


@test("the gateway keeps no capabilities, the call manager and its cleaner that for the host route only")
def _():
    for arguments, needed in (((), CAP_NET_ADMIN), (("--nohostroute",), 0)):
        with Tunnel(*arguments) as t:
            expect_rights(t.run, "pptpgw", 0)
            expect_rights(t.run, "pptpcm", needed)
            expect_rights(t.run, "pptpcl", needed)


@test("no process of a call that stands keeps a file system from being unmounted")
def _():
    sh("mkdir -p /run/stick && mount -t tmpfs none /run/stick")
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER, prefix=("env", "-C", "/run/stick"))
        log.wait("Outgoing call established")
        run.status()
        sh("umount /run/stick")
        run.hang_up()
        equal(run.wait(2), 0)


# ---- the shell form ----

def shell(pppd_body, *arguments, **kwargs):
    """(fake pppd, Run) of `pptp SERVER ...` with that pppd found through PATH."""
    os.makedirs("/run/bin", exist_ok=True)
    pppd = FakePppd("/run/bin/pppd", pppd_body)
    if os.path.exists("/usr/sbin/pppd"):
        sh("mount --bind /run/bin/pppd /usr/sbin/pppd")
    run = Run([SERVER] + list(arguments), pty=False,
              environment={"PATH": "/run/bin:" + os.environ["PATH"]}, **kwargs)
    return pppd, run


def unmount():
    if os.path.exists("/usr/sbin/pppd"):
        sh("umount /usr/sbin/pppd", check=False)


SPEAK = r"""exec 3<>"$1"; stty -F "$1" raw; printf '%s' >&3
read line; exit 23
""" % "".join("\\%03o" % octet for octet in hdlc_encode(lcp_request(1)))


@test("in the shell form pppd takes our place, its status is ours, and it gets its options")
def _():
    with FakeServer(SERVER, gre=True) as server, Log():
        to_read, to_write = os.pipe()
        pppd, run = shell(SPEAK, "--loglevel", "2", "unit", "7", "noauth", stdin=to_read)
        try:
            os.close(to_read)
            server.wait_gre(1, WAIT, lambda p: p.seq is not None)
            match(r"^pid %d\n/dev/pts/\d+ unit 7 noauth\n" % run.pid, pppd.text())
            os.close(to_write)
            equal(run.wait(), 23)
            server.wait_ended()
            equal(server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
            run.wait_all()
            nothing_left()
        finally:
            unmount()


@test("a password among pppd's options is for pppd alone to be seen")
def _():
    with FakeServer(SERVER, gre=True) as server, Log():
        to_read, to_write = os.pipe()
        pppd, run = shell(SPEAK, "user", "password", "password", "sesame", stdin=to_read)
        try:
            os.close(to_read)
            server.wait_gre(1, WAIT, lambda p: p.seq is not None)
            match(r"user password password sesame\n", pppd.text())
            for pid, comm in run.pids().items():
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    words = f.read().split(b"\0")
                if comm.startswith("pptp"):
                    true(b"sesame" not in words and b"??????" in words, comm, words)
            os.close(to_write)
            run.wait_all()
        finally:
            unmount()


@test("a refused call never starts pppd, and its status is not 0")
def _():
    with FakeServer(SERVER, polite(ocrp={"result": 4})), Log():
        pppd, run = shell("exit 0")
        try:
            equal(run.wait(), 1)
            true(not pppd.started(), "pppd was started")
            match(r"busy[^\n]*\n$", run.stderr())
            equal(run.stderr().count("\n"), run.stderr().rstrip("\n").count("\n") + 1)
            nothing_left()
        finally:
            unmount()


@test("a pppd that ends before it opens the pty ends the call")
def _():
    with FakeServer(SERVER, gre=True) as server, Log() as log:
        pppd, run = shell("exit 5")
        try:
            equal(run.wait(), 5)
            server.wait_ended()
            equal(server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
            log.wait("pppd ended without using the pty")
            run.wait_all()
            nothing_left()
        finally:
            unmount()


@test("pppd's death by SIGKILL ends the call in order")
def _():
    with FakeServer(SERVER, gre=True) as server, Log():
        to_read, to_write = os.pipe()
        pppd, run = shell(SPEAK, stdin=to_read)
        try:
            os.close(to_read)
            server.wait_gre(1, WAIT, lambda p: p.seq is not None)
            before = time.monotonic()
            run.process.kill()
            server.wait_ended()
            between(0, server.connections[0].ended_at - before, 0.2)
            equal(server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
            nothing_left()
        finally:
            os.close(to_write)
            unmount()


@test("main's death before the call stands ends the call")
def _():
    with FakeServer(SERVER, polite(on={"OCRQ": None})) as server, Log():
        pppd, run = shell("exit 0")
        try:
            server.wait_for("OCRQ")
            run.process.kill()
            server.wait_ended()
            nothing_left()
            true(not pppd.started(), "pppd was started")
        finally:
            unmount()


@test("pppd in the shell form inherits one descriptor besides the standard ones")
def _():
    with FakeServer(SERVER, gre=True) as server, Log():
        pppd, run = shell("exit 0")
        try:
            equal(run.wait(), 0)
            links = [w for w in pppd.text().splitlines() if "->" in w]
            extra = [w for w in links if not re.search(r" ([012]|1\d) ->", w)]  # but the shell's own
            true(len(extra) <= 1 and all("socket:" in w for w in extra), extra)
            server.wait_ended()
        finally:
            unmount()


def wait_until(question, timeout=WAIT):
    deadline = time.monotonic() + timeout
    while not question():
        if time.monotonic() > deadline:
            fail("did not come about within", timeout, "s")


CLIENT = "127.0.0.1"

if __name__ == "__main__":
    main()
