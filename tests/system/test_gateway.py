#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The gateway process: packets in both directions, counters, start and end."""
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import WAIT, Run

import contextlib
import select
import socket
import threading

CAP_KILL, CAP_NET_ADMIN = 1 << 5, 1 << 12
SIZES = [1, 2, 3, 4, 5, 40, 64, 100, 576, 1399, 1400, 1401, 1500, 2047, 2048, 2049, 4000, 8196]


@test("frames of all sizes and bytes reach the server unchanged, numbered in order")
def _():
    with Tunnel() as t:
        frames = [ppp(i, size) for i, size in enumerate(SIZES)]
        for frame in frames:
            t.up(frame)
        t.expect_up(frames)
        equal(t.server.mistakes(), [])


@test("packets of all sizes and bytes reach pppd unchanged")
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


@test("packets that the kernel drops are counted, and the session resynchronises")
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


@test("frames to the server go on while output to pppd waits")
def _():
    with Tunnel() as t:
        for i in range(1500):
            t.down(ppp(i, 1400))
        t.up(ppp(7))
        t.expect_up([ppp(7)])
        t.expect_down([ppp(i, 1400) for i in range(1000)])


@test("packets from the server wait until pppd has sent its first frame")
def _():
    with Tunnel(spoken=False) as t:
        first = lcp_request(9)
        t.down(first)
        t.up(lcp_request(1))
        t.expect_up([lcp_request(1)])
        t.expect_down([first])


@test("a pppd that stays silent gets the server's packets after ten seconds")
def _():
    with Tunnel(spoken=False) as t:
        before = time.monotonic()
        t.down(lcp_request(9))
        t.expect_down([lcp_request(9)], 15)
        between(9.5, time.monotonic() - before, 10.5)


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


@test("with --nobuffer a packet ahead is accepted at once, and late ones are dropped")
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


@test("bad frames from pppd are counted and dropped")
def _():
    with Tunnel() as t:
        good = hdlc_encode(ppp(1))
        bad = bytearray(hdlc_encode(b"\xff\x03\x00\x21" + b"A" * 60))
        bad[20] ^= 1
        for data in (bytes(bad), b"\x7eab\x7e", b"\x7eabcdef\x7d\x7e",
                       hdlc_encode(ppp(2, 8197)), good):
            write_all(t.run.slave, data)
        t.expect_up([ppp(1)])
        s = t.statistics()
        equal((s["tx bad frames"], s["tx oversize"], s["tx sent"]), (3, 1, 2))


@test("bad packets from the server are counted and dropped")
def _():
    with Tunnel() as t:
        t.server.gre.sendto(gre_header_encode(t.call_id, b"x" * 20, seq=0, length=40), (CLIENT, 0))
        t.server.gre.sendto(gre_header_encode(t.call_id, b"x" * 20, seq=1, flags=0x8000), (CLIENT, 0))
        t.server.gre.sendto(gre_header_encode(t.call_id + 1 & 0xFFFF, b"x" * 20, seq=1), (CLIENT, 0))
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
        t.log.wait("in flight = ")
        lines = [(p, text) for p, (_, text) in zip(t.log.priorities, t.log.lines) if " = " in text]
        names = [re.search(r".*\]: (.*) = \d+$", text).group(1) for _, text in lines]
        equal(names[:15], ["rx accepted", "rx lost", "rx under win", "rx over win", "rx buffered",
                           "rx OS errors", "rx truncated", "rx invalid", "rx acks", "tx sent",
                           "tx failed", "tx short", "tx acks", "tx oversize", "round trip"])
        equal({p & 7 for p, _ in lines}, {5})
        match(r"^pptp\[%d\]: anon log\[" % t.run.pid_of("pptpgw"), lines[0][1])


@test("a log that is never read delays neither packets nor the end of the call")
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


@test("a log that is read slowly delays the call by half a second, and its end by no more")
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


@test("a log that is read again gets the next lines, and the number of those it missed")
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
        match(r"^pptp\[\d+\]: anon warn\[.*\]: lines missing here, not read by the log daemon: [1-9]\d*$", line)


@test("a log daemon that was restarted gets the lines")
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


@test("in the pty form a pair of pipes works as a pty does")
def _():
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    with FakeServer(SERVER, gre=True) as server, Log():
        run = start(SERVER, pty=False, stdin=to_read, stdout=from_write)
        os.close(to_read)
        os.close(from_write)
        _, request = server.wait_for("OCRQ")
        # Before pppd and the server have said anything.
        empty = server.wait_gre(1, where=lambda p: True)[0]
        equal((empty.seq, empty.ack, empty.payload, empty.padding), (None, None, b"", b""))
        write_all(to_write, hdlc_encode(ppp(1)))
        equal(server.wait_gre(1)[0].payload, ppp(1))
        run.slave = from_read
        server.send_gre(request["call_id"], ppp(2), seq=0)
        equal(run.read_frames(1), [ppp(2)])
        os.close(to_write)
        equal(run.wait(), 0)
        run.wait_all()
        equal(server.names()[0][-2:], ["CCRQ", "StopCCRQ"])


@test("--sync carries frames without HDLC, both directions, short ones padded to keep their boundaries")
def _():
    with Tunnel("--sync", spoken=False) as t:
        os.write(t.run.slave, ppp(1))
        t.expect_up([ppp(1)])
        t.down(ppp(2))
        equal(t.run.read_some(), ppp(2).ljust(256, b"\0"))


@test("a hang-up that the parent sees before it hears of the gateway ends an established call all the same")
def _():
    go_on = threading.Event()
    with FakeServer(SERVER, polite(held={"OCRQ": go_on}), gre=True) as server, Log() as log:
        run = start(SERVER)
        server.wait_for("OCRQ")
        with run.stopped("pptpgw"):
            go_on.set()
            log.wait("Server in use")
            time.sleep(0.1)  # the parent passes it on to the gateway
            os.kill(run.pid, signal.SIGSTOP)
        run.write_frame(lcp_request(1))
        server.wait_gre(1, WAIT, lambda p: p.seq is not None)
        run.hang_up()
        os.kill(run.pid, signal.SIGCONT)
        equal(run.wait(), 0, "exit status")
        log.wait("has ended: pppd may have shutdown, see pppd log")
        nothing_left()


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


@test("a call manager that is stopped is continued by pppd's hang-up, and closes the call in order")
def _():
    with Tunnel() as t:
        t.run.kill("pptpcm", signal.SIGSTOP)
        before = time.monotonic()
        t.run.hang_up()
        equal(t.run.wait(), 0)
        t.server.wait_ended()
        between(0, t.server.connections[0].ended_at - before, 0.2)
        equal(t.server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
        nothing_left()


@test("the last frames from pppd are sent before its hang-up ends the call")
def _():
    with Tunnel() as t:
        frames = [ppp(i, 600) for i in range(3)]
        write_all(t.run.slave, b"".join(hdlc_encode(f) for f in frames))
        t.run.hang_up()
        t.expect_up(frames)
        equal(t.run.wait(), 0)


@test("a hang-up that the parent sees together with the established call loses no frame, status 0")
def _():
    answer = threading.Event()
    with FakeServer(SERVER, polite(held={"OCRQ": answer}), gre=True) as server, Log() as log:
        run = start(SERVER)
        server.wait_for("OCRQ")
        with run.stopped("pptpgw"):
            answer.set()
            log.wait("Outgoing call established")
            time.sleep(0.1)  # the parent passes it on
            os.kill(run.pid, signal.SIGSTOP)
        server.wait_gre(1, where=lambda p: True)
        run.write_frame(ppp(1))
        run.hang_up()
        server.wait_gre(1)
        os.kill(run.pid, signal.SIGCONT)
        equal(run.wait(), 0)
        server.wait_ended()
        equal(server.gre_packets[-1].payload, ppp(1))
        equal(server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
        nothing_left()


for _signal in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    @test("%s ends the call in order, status 0" % _signal.name)
    def _(signo=_signal):
        with Tunnel() as t:
            t.run.kill("pptpgw", signo)
            equal(t.run.wait(), 0)
            t.server.wait_ended()
            equal(t.server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
            nothing_left()


@test("a signal to the parent and then to its children waits for the server's confirmation, status 0")
def _():
    with FakeServer(SERVER, polite(on={"CCRQ": None, "StopCCRQ": None})) as server, Log() as log:
        run, conn = up(server, log=log)
        pids = sorted(run.pids(), key=lambda pid: pid != run.pid)
        os.kill(pids[0], signal.SIGTERM)
        server.wait_for("StopCCRQ")
        for pid in pids[1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        true(not server.wait(lambda: conn.ended, 0.3), "it was not waited for")
        conn.send("StopCCRP", result=1)
        equal(run.wait(1), 0)
        server.wait_ended()
        equal((conn.names(), conn.ended), (["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"], "eof"))
        nothing_left()


@test("a signal before the call is established ends it, status not 0, with the reason in one line")
def _():
    with FakeServer(SERVER, polite(on={"OCRQ": None})) as server, Log():
        run = start(SERVER)
        server.wait_for("OCRQ")
        run.kill("pptpgw", signal.SIGTERM)
        equal(run.wait(), 1)
        match("ended by signal 15 .* before the call to %s was established$" % SERVER, run.stderr().strip())
        server.wait_ended()
        nothing_left()


@test("a hang-up before the call is established ends it")
def _():
    with FakeServer(SERVER, polite(on={"OCRQ": None})) as server, Log():
        run = start(SERVER)
        server.wait_for("OCRQ")
        run.hang_up()
        equal(run.wait(), 1)
        server.wait_ended()
        nothing_left()


def read_until_hang_up(fd):
    with contextlib.suppress(OSError):  # EIO, where the master was closed before the read
        while os.read(fd, 4096):
            pass


@test("the gateway's death by SIGKILL ends the call in order, and hangs up on pppd within 0.5 s")
def _():
    with Tunnel() as t:
        t.quiet_down()
        t.quiet_down()  # so that the gateway has reported the first packet
        before = time.monotonic()
        t.run.kill("pptpgw", signal.SIGKILL)
        read_until_hang_up(t.run.slave)
        between(0, time.monotonic() - before, 0.5, "seconds")
        t.server.wait_ended()
        equal(t.server.names()[0][-2:], ["CCRQ", "StopCCRQ"])
        equal(t.run.wait(), 1)
        match("was ended: its gateway process has exited", t.log.last())
        nothing_left()


@test("the call manager's death by SIGKILL ends the call with that reason, and leaves nothing")
def _():
    with Tunnel() as t:
        t.run.kill("pptpcm", signal.SIGKILL)
        equal(t.run.wait(), 1)
        match("Call manager exited with error: it exited without a final message", t.log.last())
        nothing_left()


@test("a call that the server ends leaves nothing, with its reason as the log's last line")
def _():
    with Tunnel() as t:
        t.server.connections[0].send("CDN", call_id=1000, result=3)
        true(t.run.wait() != 0)
        match("127.0.0.2 ended the call", t.log.last())
        nothing_left()


@test("a refused call ends with the reason in one last line, status 1")
def _():
    with FakeServer(SERVER, polite(ocrp={"result": 4})), Log():
        run = start(SERVER)
        equal(run.wait(), 1)
        match(r"Call manager exited with error.*busy[^\n]*\n$", run.stderr())
        nothing_left()


@test("the process that pppd started has our command line and the name pptp")
def _():
    with Tunnel() as t:
        with open("/proc/%d/cmdline" % t.run.pid, "rb") as f:
            match(r"pptp 127.0.0.2 --nolaunchpppd$", f.read().rstrip(b"\0").replace(b"\0", b" ").decode())
        equal(sorted(t.run.pids().values()), ["pptp", "pptpcm", "pptpgw"])
        equal(t.run.pids()[t.run.pid], "pptp")


NETWORK = ("raw", "raw6", "tcp", "tcp6", "udp", "udp6", "packet")


def network_sockets(fds):
    """The kinds of those of {fd: target} that are sockets of a network peer, sorted."""
    kinds = {}
    for kind in NETWORK:
        with contextlib.suppress(FileNotFoundError), open("/proc/net/" + kind) as f:
            for line in f.readlines()[1:]:
                kinds["socket:[%s]" % line.split()[8 if kind == "packet" else 9]] = kind
    return sorted(kinds[target] for target in fds.values() if target in kinds)


def expect_descriptors(run, comm, pty_count, network, others):
    """How often it holds the pty, its network sockets, and how many descriptors more above 2."""
    pid = run.parent() if comm == "pptp" else run.pid_of(comm)
    fds = descriptors(pid)
    equal(sum("ptmx" in target or "/pts/" in target for target in fds.values()), pty_count, fds)
    equal(network_sockets(fds), network, fds)
    # A host that tracks connections has a counter of them.
    rest = [t for fd, t in fds.items() if fd > 2 and "ptmx" not in t and not t.endswith("/nf_conntrack_count")]
    equal(len(rest) - len(network), others, "%s %s" % (comm, fds))
    return set(fds.values()) - {"/dev/null", "/dev/pts/ptmx"}


@test("each process holds the descriptors that it needs and no other, and shares none but the pty")
def _():
    with Tunnel() as t:
        t.quiet_down()
        # call id, two children, rtnetlink, route holder, syslog; on loopback there is no route
        parent = expect_descriptors(t.run, "pptp", 2, [], 6)
        gateway = expect_descriptors(t.run, "pptpgw", 2, ["raw", "raw"], 2)  # parent, syslog
        manager = expect_descriptors(t.run, "pptpcm", 0, ["tcp"], 4)  # parent, listener, timer, syslog
        equal((parent & gateway, parent & manager, gateway & manager), (set(), set(), set()))


@test("a descriptor that the caller left open reaches no process of the call")
def _():
    to_read, to_write = os.pipe()
    os.set_inheritable(to_write, True)
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER, close_fds=False)
        os.close(to_write)
        log.wait("Outgoing call established")
        true(select.select([to_read], [], [], 1)[0], "the pipe is still open")
        equal(os.read(to_read, 1), b"")
        run.status()
        run.hang_up()
        equal(run.wait(2), 0)
    os.close(to_read)


def expect_rights(run, comm, capabilities):
    with open("/proc/%d/status" % run.pid_of(comm)) as f:
        status = f.read()
    for kept in ("CapEff", "CapPrm"):
        equal(int(match(kept + r":\s+(\w+)\n", status).group(1), 16), capabilities, comm + " " + kept)
    match(r"NoNewPrivs:\s+1\n", status)


@test("the children keep no capability, the parent CAP_KILL and, for the host route, CAP_NET_ADMIN")
def _():
    for arguments, needed in (((), CAP_NET_ADMIN), (("--nohostroute",), 0)):
        with Tunnel(*arguments) as t:
            expect_rights(t.run, "pptp", CAP_KILL | needed)
            expect_rights(t.run, "pptpgw", 0)
            expect_rights(t.run, "pptpcm", 0)


@test("no process of an established call prevents a file system from being unmounted")
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

def shell(pppd_body, *arguments, address=SERVER, **kwargs):
    """(fake pppd, Run) of `pptp SERVER ...` with that pppd found through PATH."""
    os.makedirs("/run/bin", exist_ok=True)
    pppd = FakePppd("/run/bin/pppd", pppd_body)
    if os.path.exists("/usr/sbin/pppd"):
        sh("mount --bind /run/bin/pppd /usr/sbin/pppd")
    run = Run([address] + list(arguments), pty=False,
              environment={"PATH": "/run/bin:" + os.environ["PATH"]}, **kwargs)
    return pppd, run


def unmount():
    if os.path.exists("/usr/sbin/pppd"):
        sh("umount /usr/sbin/pppd", check=False)


SPEAK = r"""exec 3<>"$1"; stty -F "$1" raw; printf '%s' >&3
read line; exit 23
""" % "".join("\\%03o" % byte for byte in hdlc_encode(lcp_request(1)))


@test("in the shell form pppd is exec'd in our process, with its options, and its status is ours")
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


@test("in the shell form pppd that exits in a second server's call ends it at once")
def _():
    def drop_call(conn, request):
        conn.send("OCRP", call_id=1000, peer_call_id=request["call_id"], result=1, window=64)
        dropping.wait_gre(1, WAIT, lambda p: p.seq is not None)  # pppd has spoken
        conn.send("CDN", call_id=1000, result=1)
    names = hosts("127.0.0.5 vpn.test\n127.0.0.6 vpn.test\n", "files")
    with names, Log() as log, FakeServer("127.0.0.6", polite(), gre=True) as second, \
            FakeServer("127.0.0.5", polite(on={"OCRQ": drop_call}), gre=True) as dropping:
        to_read, to_write = os.pipe()
        _, run = shell(SPEAK, stdin=to_read, address="vpn.test")
        try:
            os.close(to_read)
            log.wait("Server in use: vpn.test .127.0.0.6.")
            os.close(to_write)
            equal(run.wait(), 23)
            second.wait_ended(timeout=1)
            run.wait_all()
            nothing_left()
        finally:
            unmount()


@test("a password among pppd's options is hidden in the command lines of our processes")
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


@test("a password among pppd's options is not to be seen while the call is not established")
def _():
    with FakeServer(SERVER, polite(on={"OCRQ": None})) as server, Log():
        pppd, run = shell(SPEAK, "user", "password", "password", "sesame")
        try:
            server.wait_for("OCRQ")
            equal(sorted(run.pids().values()), ["pptp", "pptp", "pptpcm", "pptpgw"])
            for pid, comm in run.pids().items():
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    words = f.read().split(b"\0")
                true(b"sesame" not in words and b"??????" in words, comm, words)
                with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb") as memory:
                    for line in maps:
                        begin, end = (int(n, 16) for n in line.split()[0].split("-"))
                        if line.split()[-1] not in ("[heap]", "[stack]"):
                            continue
                        memory.seek(begin)
                        found = b"sesame" in memory.read(end - begin)
                        true(not found or pid == run.pid, "the password in the memory of", comm)
            run.process.terminate()
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


@test("a pppd that exits before it opens the pty ends the call")
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


@test("main's death before the call is established ends it")
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
