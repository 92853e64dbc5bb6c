#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""From the server's name to the address in use, and the time limit of each step."""
import shutil

from harness import *  # noqa: F401,F403
from harness import (FAR, NO_ROUTE_TO_HOST, PPTP, SERVER, WAIT, Run, contextlib, os, re, signal,
                     socket, subprocess, time)

TIMEOUT = 0.3


@test("a name is looked up where nsswitch.conf says, in that order, and nowhere else")
def _():
    shared_libc()
    listed = "127.0.0.5 vpn.test\n"
    for sources, address in (("dns", "127.0.0.7"), ("files", "127.0.0.5"), ("dns files", "127.0.0.7"),
                             ("files dns", "127.0.0.5")):
        with hosts(listed, sources, "127.0.0.3"), NameServer("127.0.0.3", ["127.0.0.7"]) as names, \
                FakeServer(address) as good, Log() as log:
            run, _ = up(good, log=log, address="vpn.test")
            equal((sources, run.status()["address"]), (sources, address))
            equal(names.asked.is_set(), sources.startswith("dns"))
            run.hang_up()
            equal(run.wait(2), 0)
            nothing_left()


@test("a name that is known only where nsswitch.conf does not look is not found")
def _():
    shared_libc()
    for sources, listed, known in (("files", "", ["127.0.0.7"]), ("dns", "127.0.0.7 vpn.test\n", [])):
        with hosts(listed, sources, "127.0.0.3"), NameServer("127.0.0.3", known) as names, \
                FakeServer("127.0.0.7") as never:
            run = start("vpn.test")
            equal(run.wait(2), 1)
            match("Could not find the server 'vpn.test': .*check the spelling", last_line(run))
            equal(names.asked.is_set(), sources == "dns")
            equal(never.connections, [])
            nothing_left()


@test("a name server that never answers is given up after --connect-timeout, exact to 20 ms")
def _():
    def once():
        with Log() as log:
            run = start("vpn.test", "--connect-timeout", str(TIMEOUT))
            true(silent.asked.wait(5), "the name server was never asked")
            equal(run.wait(3), 1)
            run.wait_all(1)  # the resolver process as well
            match("Could not find the server 'vpn.test': no answer from the name server within 0.3 s",
                  last_line(run))
            nothing_left()
            return log.lines[-1][0] - run.started
    with with_names(), NameServer("127.0.0.3") as silent:
        exact(once, TIMEOUT, "from exec to giving up", slack=0.04)  # with the time to start


@test("a signal and a hang-up during the look-up end the call at once, and its resolver process too")
def _():
    for end in (lambda run: run.kill("pptpgw", signal.SIGTERM), lambda run: run.kill("pptpgw", signal.SIGKILL),
                lambda run: run.kill("pptpcm", signal.SIGTERM), lambda run: run.kill("pptpcm", signal.SIGKILL),
                lambda run: run.hang_up()):
        with with_names(), NameServer("127.0.0.3") as silent:
            run = start("vpn.test")
            true(silent.asked.wait(5), "the name server was never asked")
            while run.pid_of("pptpgw") is None or run.pid_of("pptpcm") is None:
                pass
            before = time.monotonic()
            end(run)
            true(run.wait(1) != 0, "success")
            run.wait_all(1)
            between(0, time.monotonic() - before, 0.5, "seconds")
            nothing_left()


@test("the resolver process has neither memory nor descriptors of the call")
def _():
    with with_names(), NameServer("127.0.0.3") as silent, Log():
        run = start("vpn.test")
        true(silent.asked.wait(5), "the name server was never asked")
        own = set(descriptors(run.pid_of("pptpgw")).values()) - {"/dev/null"}
        managers = [pid for pid, comm in run.pids().items() if comm == "pptpcm"]
        asking, = [pid for pid in managers if parent(pid) in managers]
        with open("/proc/%d/maps" % asking) as f:
            no_match(r"(?m)^\S+ \S{3}s .*", f.read())
        others = {d for fd, d in descriptors(asking).items() if fd > 2}
        equal(others & own, set())
        equal(len(others), 2, others)  # the pipe for the answer, the socket to the name server
        run.hang_up()
        run.wait_all(2)


@test("the resolver process of a set-user-id program ends with the call manager")
def _():
    shutil.copy(PPTP, "/run/own-pptp")
    sh("chmod 4755 /run/own-pptp")
    with with_names(), NameServer("127.0.0.3") as silent, Log():
        run = Run(["vpn.test", "--nolaunchpppd"], program="/run/own-pptp",
                  environment={"RES_OPTIONS": "attempts:1"},
                  prefix=("setpriv", "--reuid=65531", "--regid=65531", "--clear-groups"))
        true(silent.asked.wait(5), "the name server was never asked")
        managers = [pid for pid, comm in run.pids().items() if comm == "pptpcm"]
        asking, = [pid for pid in managers if parent(pid) in managers]
        os.kill(parent(asking), signal.SIGKILL)
        true(run.wait(2) != 0, "success")
        wait_gone([asking], 0.5)
        nothing_left()
    os.unlink("/run/own-pptp")


@test("SIGUSR1 to all of our processes does not end the resolver process")
def _():
    with with_names(), NameServer("127.0.0.3", ["127.0.0.7"]) as names, FakeServer("127.0.0.7"), Log():
        names.may_answer.clear()
        run = start("vpn.test")
        true(names.asked.wait(5), "the name server was never asked")
        for pid in run.pids():
            os.kill(pid, signal.SIGUSR1)
        names.may_answer.set()
        run.wait_ready()  # the log may have dropped its line among the statistics
        run.status()
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


@test("of a name with several A records the first that answers is used, and logged")
def _():
    with with_names(), NameServer("127.0.0.3", ["127.0.0.5", "127.0.0.6", "127.0.0.7"]), \
            FakeServer("127.0.0.6", lambda conn: conn.drain(5)) as silent, \
            FakeServer("127.0.0.7") as good, Log() as log:
        run, _ = up(good, "--connect-timeout", str(TIMEOUT), log=log, address="vpn.test")
        log.wait(r"Server in use: vpn\.test \(127\.0\.0\.7\)")
        match("127.0.0.5: Connection refused", log.text())
        equal(run.status()["address"], "127.0.0.7")
        equal(silent.names(), [["SCCRQ", "StopCCRQ"]])
        run.hang_up()
        equal((run.wait(2), run.stderr()), (0, ""))
        nothing_left()


# ---- every way in which an address can fail ----

@contextlib.contextmanager
def unanswered(address):
    """An address on whose TCP port 1723 nothing ever answers: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, 1723))
        listener.listen(0)
        for _ in range(4):
            s = stack.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex((address, 1723))
        yield


def ssh(conn):
    conn.send_raw(b"SSH-2.0-OpenSSH_9.2p1\r\n")
    conn.drain(2)


FAILING = (  # what is at 127.0.0.16 and up; nothing listens at 127.0.0.15
    ("never answers a start", lambda conn: conn.drain(5)),
    ("closes at once", lambda conn: None),
    ("resets", lambda conn: conn.reset()),
    ("is not PPTP", ssh),
    ("speaks another version", polite(sccrp=dict(version=0x200))),
    ("does not authorise", polite(sccrp=dict(result=4))),
    ("has a connection already", polite(sccrp=dict(result=3))),
    ("stops instead of answering", polite(on={"SCCRQ": lambda conn, m: conn.send("StopCCRQ", reason=1)})),
    ("never answers a call", polite(on={"OCRQ": None})),
    ("stops instead of a call", polite(on={"OCRQ": lambda conn, m: conn.send("StopCCRQ", reason=3)})),
    ("is busy", polite(ocrp=dict(result=4))),
    ("does not take calls", polite(ocrp=dict(result=7))),
)


@contextlib.contextmanager
def failing():
    """The name "many.test" with addresses that all fail, each in its own way; then 127.0.0.31."""
    addresses = ["127.0.0.15", "127.0.0.14"] + ["127.0.0.%d" % (16 + i) for i in range(len(FAILING))]
    with contextlib.ExitStack() as stack:
        stack.enter_context(hosts("".join("%s many.test\n" % a for a in addresses + ["127.0.0.31"])))
        stack.enter_context(unanswered("127.0.0.14"))
        yield [stack.enter_context(FakeServer(a, script)) for a, (_, script) in zip(addresses[2:], FAILING)]


@test("addresses that refuse, never answer, are no PPTP servers or are busy are skipped")
def _():
    with failing() as servers, FakeServer("127.0.0.31") as good, Log() as log:
        run, _ = up(good, "--connect-timeout", str(TIMEOUT), log=log, address="many.test")
        log.wait(r"Server in use: many\.test \(127\.0\.0\.31\)")
        for server, (what, _) in zip(servers, FAILING):
            equal(len(server.connections), 1, what)
            equal(server.mistakes(), [], what)
        equal(good.names(), [["SCCRQ", "OCRQ"]])
        equal(run.status()["address"], "127.0.0.31")
        run.hang_up()
        equal((run.wait(2), run.stderr()), (0, ""))
        nothing_left()


@test("where all addresses fail, the last line names the last of them and its reason")
def _():
    with failing() as servers:
        run = start("many.test", "--connect-timeout", str(TIMEOUT))
        equal(run.wait(15), 1)
        match(r"Could not open control connection to 127\.0\.0\.31 \(many\.test\): Connection refused",
              last_line(run))
        equal([len(s.connections) for s in servers], [1] * len(servers))
        nothing_left()


@test("a signal ends the search among addresses at once")
def _():
    with failing() as servers, Log() as log:
        run = start("many.test", "--connect-timeout", "5")
        servers[0].wait_for("SCCRQ", timeout=8) if servers[0].connections else log.wait("127.0.0.14")
        run.kill("pptpgw", signal.SIGTERM)
        equal(run.wait(1), 1)
        run.wait_all(1)
        equal(sum(len(s.connections) for s in servers[1:]), 0)
        nothing_left()


@test("an end while a refused address is being closed is the end: no further address is called")
def _():
    def kill(victim, signo):
        return lambda run: run.kill(victim, signo)
    for end in (kill("pptpcm", signal.SIGTERM), kill("pptpgw", signal.SIGTERM), kill("pptpgw", signal.SIGKILL),
                kill("pptp", signal.SIGTERM), kill("pptp", signal.SIGKILL), lambda run: run.hang_up()):
        # It neither takes calls nor answers when it is closed, which is waited for.
        busy = polite(ocrp=dict(result=4), on={"StopCCRQ": None})
        with hosts("127.0.0.16 two.test\n127.0.0.17 two.test\n"), FakeServer("127.0.0.16", busy) as first, \
                FakeServer("127.0.0.17") as second, Log():
            run = start("two.test")
            first.wait_for("StopCCRQ")
            end(run)
            run.wait_all(2.2)
            true(run.wait(0) != 0, "success")
            equal(second.connections, [])
            next_call(second)


def next_call(server):
    """It takes over what a killed parent has left, and leaves nothing."""
    with Log() as log:
        run, _ = up(server, log=log, address=server.address)
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


@test("each kind of route that discards is the reason in the last line, at once in the shell form")
def _():
    for kind, reason in (("unreachable", NO_ROUTE_TO_HOST + "; the server cannot be reached"),
                         ("prohibit", "Permission denied; a local firewall or route forbids it"),
                         ("blackhole", "Invalid argument; a local route discards")):
        sh("ip route add %s 192.0.2.9" % kind)
        try:
            run = Run(["192.0.2.9"], pty=False)
            equal(run.wait(1), 1)
            match(r"Could not open control connection to 192\.0\.2\.9: " + reason, last_line(run))
            nothing_left()
        finally:
            sh("ip route del %s 192.0.2.9" % kind)


@test("an ICMP error of a router ends the attempt at once, with its reason")
def _():
    with remote_server():
        for kind, reason in (("host-unreachable", NO_ROUTE_TO_HOST),
                             ("admin-prohibited", NO_ROUTE_TO_HOST),
                             ("port-unreachable", "Connection refused")):
            sh("ip netns exec far nft 'add table ip cut; add chain ip cut in { type filter hook input "
               "priority 0; }; add rule ip cut in tcp dport 1723 reject with icmp type %s'" % kind)
            before = time.monotonic()
            run = start(FAR)
            equal(run.wait(2), 1)
            between(0, time.monotonic() - before, 1.0, "seconds")
            match("192.0.2.7: " + reason, last_line(run))
            run.wait_all(1)
            nothing_left()
            sh("ip netns exec far nft delete table ip cut")


# ---- status clients ----

def wait_status(run, state):
    """What `pptp --status` says of the only call, once it is in that state."""
    deadline = time.monotonic() + WAIT
    while True:
        asked = subprocess.run([PPTP, "--status"], capture_output=True, text=True, timeout=5)
        answer = dict(line.split("=", 1) for line in asked.stdout.splitlines())
        if answer.get("state") == state:
            equal(int(answer["pid"]), run.pid_of("pptpcm"))
            return answer
        true(time.monotonic() < deadline, state, "is not shown:", asked.stdout, asked.stderr)


def wait_socket(name):
    """Until the only socket has that name, which the parent gives it beside the call manager's dialling."""
    deadline = time.monotonic() + WAIT
    while [os.path.basename(s) for s in sockets()] != [name]:
        true(time.monotonic() < deadline, name, "is not among", sockets())
        time.sleep(0.001)


@test("a call has a status during the look-up and while it connects")
def _():
    with with_names(), NameServer("127.0.0.3", ["127.0.0.14", "127.0.0.7"]) as names, \
            unanswered("127.0.0.14"), FakeServer("127.0.0.7") as server, Log() as log:
        names.may_answer.clear()
        run = start("vpn.test", "--connect-timeout", "3")
        answer = wait_status(run, "resolving")
        equal((answer["server"], answer["calls"], answer["call.1.state"]), ("vpn.test", "1", "waiting"))
        names.may_answer.set()
        equal(wait_status(run, "connecting")["address"], "127.0.0.14")
        equal(len(sockets()), 1)
        log.wait("Outgoing call established")
        equal(wait_status(run, "established")["address"], "127.0.0.7")
        equal([os.path.basename(s) for s in sockets()], ["255.255.255.255:127.0.0.7.%d" % run.pid])
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


@test("a call manager or a parent that is killed while connecting leaves nothing after the next call")
def _():
    for victim, left in (("pptpcm", 0), ("pptp", 1)):
        with unanswered(SERVER), Log():
            run = start(SERVER)
            wait_status(run, "connecting")
            wait_socket("255.255.255.255:127.0.0.2.%d" % run.pid)
            run.kill(victim, signal.SIGKILL)
            true(run.wait(2) != 0, "success")
            run.wait_all(2)
            equal(len(sockets()), left)
        with FakeServer(SERVER) as server, Log() as log:
            run, _ = up(server, log=log)
            equal([os.path.basename(s) for s in sockets()], ["255.255.255.255:127.0.0.2.%d" % run.pid])
            run.hang_up()
            equal(run.wait(2), 0)
            nothing_left()


# ---- deadlines ----

@test("the waits for TCP, for the start and for the call are exact to 20 ms")
def _():
    def tcp():
        with unanswered(SERVER), Log() as log:
            run = start(SERVER, "--connect-timeout", str(TIMEOUT))
            equal(run.wait(3), 1)
            log.last()  # all are there
            times = {part: when for when, line in log.lines for part in ("Connecting", "Could not open")
                     if part in line}
            return times["Could not open"] - times["Connecting"]

    def reply(to, then):
        def once():
            with FakeServer(SERVER, polite(on={to: None})) as server:
                run = start(SERVER, "--connect-timeout", str(TIMEOUT))
                equal(run.wait(3), 1)
                server.wait_ended()
                when = {m.name: m.when for m in server.connections[0].received}
                return when[then] - when[to]
        return once
    exact(tcp, TIMEOUT, "waiting for TCP")
    exact(reply("SCCRQ", "StopCCRQ"), TIMEOUT, "waiting for Start-Control-Connection-Reply")
    exact(reply("OCRQ", "CCRQ"), TIMEOUT, "waiting for Outgoing-Call-Reply")


@test("the waits for the Echo-Request and for its answer are exact to 20 ms")
def _():
    def silence(first, then):
        def once():
            with FakeServer(SERVER, polite(on={"EchoRQ": None})) as server:
                run = start(SERVER, "--idle-wait", str(TIMEOUT), "--max-echo-wait", str(TIMEOUT))
                equal(run.wait(3), 1)
                server.wait_ended()
                when = {m.name: m.when for m in server.connections[0].received}
                return when[then] - when[first]
        return once
    exact(silence("OCRQ", "EchoRQ"), TIMEOUT, "silence before the Echo-Request")
    exact(silence("EchoRQ", "CCRQ"), TIMEOUT, "waiting for the Echo-Reply")


# ---- addresses and ids of this host ----

@test("of two connections at once that of the higher address is kept (section 3.1.3)")
def _():
    def collide(conn):
        conn.expect("SCCRQ")
        conn.send("SCCRQ", version=0x100, framing=3, bearer=3)
        conn.send("SCCRP", version=0x100, result=1, framing=3, bearer=3)
        polite()(conn)
    with FakeServer(SERVER, collide) as server, Log() as log:
        up(server, "--localbind", "127.0.0.9", log=log)
        log.wait("Start-Control-Connection-Request.*ignored: collision")
        equal(server.mistakes(), [])
    with FakeServer("127.0.0.22", collide) as server:
        run = start("127.0.0.22", "--localbind", "127.0.0.9")
        equal(run.wait(2), 1)
        match("127.0.0.22 opens a control connection of its own", last_line(run))
        equal(server.names(), [["SCCRQ"]])


@test("--localbind is the source address of TCP, and another host's address is refused")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        _, conn = up(server, "--localbind", "127.0.0.44", log=log)
        equal(conn.peer[0], "127.0.0.44")
        run = start(SERVER, "--localbind", "192.0.2.77")
        equal(run.wait(2), 1)
        match("--localbind: 192.0.2.77 is not an address of this host", last_line(run))
        equal(len(server.connections), 1)


@test("a call id of another call is refused with its holder's pid, and free again after that call")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        first, _ = up(server, "--call-id", "4711", log=log)
        second = start(SERVER, "--call-id", "4711")
        equal(second.wait(2), 1)
        match("call id 4711 is in use on this host, by process %d of user 0" % first.pid, last_line(second))
        equal(len(server.connections), 1)
        first.hang_up()
        equal(first.wait(2), 0)
        first.wait_all(1)
        third = start(SERVER, "--call-id", "4711")
        log.wait("Outgoing call established", count=2)
        equal(server.wait_for("OCRQ", 2)[1]["call_id"], 4711)
        third.status()  # its gateway has taken it up, too
        third.hang_up()
        equal(third.wait(2), 0)


@test("a number or host name of 64 characters is sent, and so much of a longer one, with a warning")
def _():
    for length in (64, 65, 300):
        with FakeServer(SERVER) as server, Log() as log:
            run, conn = up(server, "--phone", "9" * length, "--client-hostname", "h" * length, log=log)
            start_request, call_request = conn.received[:2]
            equal((call_request["phone"], call_request["phone_len"]), ("9" * 64, 64))
            equal(start_request["host_name"], "h" * 64)
            equal(len(re.findall("is too long: the first 64 characters", log.text())), 2 if length > 64 else 0)
            run.hang_up()
            equal(run.wait(2), 0)


@test("a late packet of a server that dropped the call is none of the next server's")
def _():
    def drop_call(conn, request):
        conn.send("OCRP", call_id=1000, peer_call_id=request["call_id"], result=1, window=64)
        conn.send("CDN", call_id=1000, result=1)

    def refuse_late(conn, request):
        dropping.send_gre(request["call_id"], b"\xff\x03\xc0\x21late", seq=0)
        time.sleep(0.1)  # for the gateway and the parent
        conn.send("OCRP", peer_call_id=request["call_id"], result=4)
    with with_names(), NameServer("127.0.0.3", ["127.0.0.5", "127.0.0.6"]), Log() as log, \
            FakeServer("127.0.0.5", polite(on={"OCRQ": drop_call}), gre=True) as dropping, \
            FakeServer("127.0.0.6", polite(on={"OCRQ": refuse_late}), gre=True) as refusing:
        run = start("vpn.test")
        run.write_frame(b"\xff\x03\xc0\x21")  # pppd speaks, and so is told what comes
        log.wait("trying the next address")
        equal(run.wait(pause=True), 1)
        between(2.9, time.monotonic() - run.started, 4, "seconds until pppd may redial")
        match("127.0.0.6", last_line(run) + log.last())
        nothing_left()


@test("after a late packet of a server that dropped the call the next server's packets come and go")
def _():
    def drop_call(conn, request):
        conn.send("OCRP", call_id=1000, peer_call_id=request["call_id"], result=1, window=64)
        conn.send("CDN", call_id=1000, result=1)

    def accept_late(conn, request):
        dropping.send_gre(request["call_id"], b"\xff\x03\xc0\x21late", seq=0)
        time.sleep(0.1)  # for the gateway, which then has connected its socket
        conn.send("OCRP", call_id=2000, peer_call_id=request["call_id"], result=1, window=64)
    with with_names(), NameServer("127.0.0.3", ["127.0.0.5", "127.0.0.6"]), Log() as log, \
            FakeServer("127.0.0.5", polite(on={"OCRQ": drop_call}), gre=True) as dropping, \
            FakeServer("127.0.0.6", polite(on={"OCRQ": accept_late}), gre=True) as second:
        run = start("vpn.test")
        run.write_frame(b"\xff\x03\xc0\x21")  # pppd speaks, and so is told what comes
        log.wait("Server in use: vpn.test .127.0.0.6.")
        equal(run.status()["address"], "127.0.0.6")
        run.write_frame(b"\xff\x03\xc0\x21two")
        true(second.wait(lambda: any(p.payload == b"\xff\x03\xc0\x21two" for p in second.gre_packets)),
             "nothing reaches the second server")
        second.send_gre(second.wait_for("OCRQ")[1]["call_id"], b"\xff\x03\xc0\x21three", seq=0)
        true(b"\xff\x03\xc0\x21three" in run.read_frames(2), "nothing comes from the second server")
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


@test("a start that this host keeps from its call ends at once with the reason, but no sooner than 3 s")
def _():
    with Log() as log, FakeServer(SERVER) as server:
        first, _ = up(server, "--call-id", "77", log=log)
        for option, reason in (("--localbind=192.0.2.77", "not an address of this host"),
                               ("--call-id=77", "call id 77 is in use")):
            run = start(SERVER, option)
            log.wait(reason)
            true(time.monotonic() - run.started < 1, "the reason is late")
            equal(run.wait(4, pause=True), 1)
            between(2.9, time.monotonic() - run.started, 4, "seconds until pppd may redial")
            match(reason, last_line(run))
        first.hang_up()
        equal(first.wait(2), 0)
        nothing_left()


main()
