#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""From the server's name to the address in use, and how long each step may take."""
import shutil

from harness import *  # noqa: F401,F403
from harness import FAR, PPTP, SERVER, WAIT, contextlib, os, subprocess, socket, signal, struct, threading, time

TIMEOUT = 0.3


# ---- the name server ----

class NameServer:
    """Answers questions for IPv4 addresses with `addresses`, in that order; with None, nothing at all."""

    def __init__(self, address, addresses=None):
        self.asked = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._addresses = addresses
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _serve(self):
        while True:
            try:
                question, peer = self._sock.recvfrom(1500)
            except OSError:
                return
            if not question:
                return
            self.asked.set()
            if self._addresses is None:
                continue
            self.may_answer.wait(WAIT)
            end = question.index(b"\0", 12) + 5  # behind the name: its type and class
            records = []
            if struct.unpack_from("!H", question, end - 4)[0] == 1:
                records = [b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(a)
                           for a in self._addresses]
            head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, len(records), 0, 0)
            with contextlib.suppress(OSError):  # it may have been closed meanwhile
                self._sock.sendto(head + question[12:end] + b"".join(records), peer)


def with_names():
    return hosts("127.0.0.1 localhost\n", sources="files dns", name_server="127.0.0.3")


def getents():
    """The processes of getent among ours, which hand it no variable to know it by."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open("/proc/%s/cmdline" % pid, "rb") as f:
            if f.read().startswith(b"getent\0") and \
                    os.stat("/proc/%s/ns/mnt" % pid).st_ino == os.stat("/proc/self/ns/mnt").st_ino:
                found.append(int(pid))
    return found


@test("a name is looked up where nsswitch.conf says, in that order, and nowhere else")
def _():
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
    for sources, listed, known in (("files", "", ["127.0.0.7"]), ("dns", "127.0.0.7 vpn.test\n", [])):
        with hosts(listed, sources, "127.0.0.3"), NameServer("127.0.0.3", known) as names, \
                FakeServer("127.0.0.7") as never:
            run = start("vpn.test")
            equal(run.wait(2), 1)
            match("Could not find the server 'vpn.test': .*check the spelling", last_line(run))
            equal(names.asked.is_set(), sources == "dns")
            equal(never.connections, [])
            nothing_left()


@test("a host whose getent cannot be run, or fails, finds names all the same")
def _():
    for mode, commands in ((0o644, ""), (0o755, "#!/bin/sh\nexit 1\n"), (0o755, "#!/nowhere\n")):
        with open("/run/own-getent", "w") as f:
            f.write(commands)
        os.chmod("/run/own-getent", mode)
        sh("mount --bind /run/own-getent /usr/bin/getent")
        try:
            with with_names(), NameServer("127.0.0.3", ["127.0.0.7"]), FakeServer("127.0.0.7") as good, \
                    Log() as log:
                run, _ = up(good, log=log, address="vpn.test")
                run.hang_up()
                equal(run.wait(2), 0)
                nothing_left()
        finally:
            sh("umount /usr/bin/getent")


@test("a name server that never answers is given up after --connect-timeout, exact to 20 ms")
def _():
    def once():
        with Log() as log:
            run = start("vpn.test", "--connect-timeout", str(TIMEOUT))
            true(silent.asked.wait(5), "the name server was never asked")
            equal(run.wait(3), 1)
            run.wait_all(1)  # the process that asks as well
            match("Could not find the server 'vpn.test': no answer from the name server within 0.3 s",
                  last_line(run))
            nothing_left()
            return log.lines[-1][0] - run.started
    with with_names(), NameServer("127.0.0.3") as silent:
        exact(once, TIMEOUT, "from exec to giving up", slack=0.04)  # with the time to start


@test("a signal and a hang-up while the name is looked up end at once, and leave no process asking")
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
            wait_gone(getents(), 0.4)
            between(0, time.monotonic() - before, 0.5, "seconds")
            nothing_left()


@test("the process that looks the name up has neither memory nor descriptors of the call's")
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
        equal(len(others), 2, others)  # the pipe for the answer, the socket to the name server or a pipe
        for getent in getents():
            there = descriptors(getent)
            equal(set(there.values()) & own, set())
            equal((there[0], there[2], len(there)), ("/dev/null", "/dev/null", 4), there)
        run.hang_up()
        run.wait_all(2)


@test("of a set-user-id program's rights what looks the name up has none, and it ends with the program")
def _():
    shutil.copy(PPTP, "/run/own-pptp")
    sh("chmod 4755 /run/own-pptp")
    with with_names(), NameServer("127.0.0.3") as silent, Log():
        run = Run(["vpn.test", "--nolaunchpppd"], program="/run/own-pptp",
                  environment={"RES_OPTIONS": "attempts:1"},
                  prefix=("setpriv", "--reuid=65531", "--regid=65531", "--clear-groups"))
        true(silent.asked.wait(5), "the name server was never asked")
        asking = getents()
        for getent in asking:
            with open("/proc/%d/status" % getent) as status, open("/proc/%d/environ" % getent) as environ:
                text = status.read()
                match(r"(?m)^Uid:(\s65531){4}$", text)
                match(r"(?m)^Gid:(\s65531){4}$", text)
                match(r"(?m)^CapPrm:\s0+$", text)
                equal(environ.read(), "")
        managers = [pid for pid, comm in run.pids().items() if comm == "pptpcm"]
        os.kill(*[parent(pid) for pid in managers if parent(pid) in managers], signal.SIGKILL)
        true(run.wait(2) != 0, "success")
        wait_gone(asking, 0.5)
        nothing_left()
    os.unlink("/run/own-pptp")


def ignores(pid, signo):
    with open("/proc/%d/status" % pid) as f:
        return int(match(r"SigIgn:\s+(\w+)", f.read()).group(1), 16) >> (signo - 1) & 1 == 1


@test("who asks all of us for statistics does not end what looks the name up")
def _():
    with with_names(), NameServer("127.0.0.3", ["127.0.0.7"]) as names, FakeServer("127.0.0.7"), Log() as log:
        names.may_answer.clear()
        run = start("vpn.test")
        true(names.asked.wait(5), "the name server was never asked")
        for pid in getents():
            true(ignores(pid, signal.SIGUSR1), "getent does not ignore SIGUSR1")
        for pid in run.pids():
            os.kill(pid, signal.SIGUSR1)
        names.may_answer.set()
        log.wait("Outgoing call established")
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


@test("addresses that refuse, never answer, are no PPTP servers or full are passed over")
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


@test("each way in which there is no way to the server is said in words, at once")
def _():
    for kind, words in (("unreachable", NO_ROUTE_TO_HOST + "; the server cannot be reached"),
                        ("prohibit", "Permission denied; a local firewall or route forbids it"),
                        ("blackhole", "Invalid argument; a local route discards")):
        sh("ip route add %s 192.0.2.9" % kind)
        try:
            run = start("192.0.2.9")
            equal(run.wait(1), 1)
            match(r"Could not open control connection to 192\.0\.2\.9: " + words, last_line(run))
            nothing_left()
        finally:
            sh("ip route del %s 192.0.2.9" % kind)


@test("a router's word that it cannot deliver ends the attempt at once, in words")
def _():
    with remote_server():
        for kind, words in (("host-unreachable", NO_ROUTE_TO_HOST),
                            ("admin-prohibited", NO_ROUTE_TO_HOST),
                            ("port-unreachable", "Connection refused")):
            sh("ip netns exec far nft 'add table ip cut; add chain ip cut in { type filter hook input "
               "priority 0; }; add rule ip cut in tcp dport 1723 reject with icmp type %s'" % kind)
            before = time.monotonic()
            run = start(FAR)
            equal(run.wait(2), 1)
            between(0, time.monotonic() - before, 1.0, "seconds")
            match("192.0.2.7: " + words, last_line(run))
            run.wait_all(1)
            nothing_left()
            sh("ip netns exec far nft delete table ip cut")


# ---- who asks meanwhile ----

def wait_status(run, state):
    """What `pptp --status` says of the one call there is, once it is in that state."""
    deadline = time.monotonic() + WAIT
    while True:
        asked = subprocess.run([PPTP, "--status"], capture_output=True, text=True, timeout=5)
        answer = dict(line.split("=", 1) for line in asked.stdout.splitlines())
        if answer.get("state") == state:
            equal(int(answer["pid"]), run.pid_of("pptpcm"))
            return answer
        true(time.monotonic() < deadline, state, "is not shown:", asked.stdout, asked.stderr)


@test("a call whose server's name is looked up, or whose connection is not there yet, has a status")
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
        equal([os.path.basename(s) for s in sockets()], ["255.255.255.255:127.0.0.7"])
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


def wait_sockets(wanted):
    """Until there are as many as wanted, with such names up to the first dot."""
    deadline = time.monotonic() + WAIT
    while [os.path.basename(s).split(".")[0] for s in sockets()] != wanted:
        true(time.monotonic() < deadline, sockets())


@test("calls whose name took long to look up are found, and shared, as others are")
def _():
    for arguments, connections in ((), 2), (("--share-control",), 1):
        with with_names(), NameServer("127.0.0.3", ["127.0.0.7"]) as names, \
                FakeServer("127.0.0.7") as server, Log() as log:
            names.may_answer.clear()
            runs = [start("vpn.test", *arguments) for _ in range(2)]
            wait_sockets(["connecting"] * 2)
            names.may_answer.set()
            log.wait("Outgoing call established", count=2)
            wait_gateways(2)
            wait_sockets(["255"] * connections)
            equal(len(server.connections), connections)
            for run in runs:
                run.hang_up()
            for run in runs:
                equal(run.wait(2), 0)
                run.wait_all(2)
            nothing_left()


@test("who wants to share a connection does not wait for one that is not there yet")
def _():
    with unanswered(SERVER), Log() as log:
        first = start(SERVER)
        wait_status(first, "connecting")
        second = start(SERVER, "--share-control", "--connect-timeout", str(TIMEOUT))
        equal(second.wait(2), 1)
        match("no answer on TCP port 1723", last_line(second))
        no_match("Joining|joins", log.text())
        first.kill("pptpgw", signal.SIGTERM)
        equal(first.wait(2), 1)
        nothing_left()


@test("a call manager that is killed before there is a connection leaves nothing to be seen")
def _():
    with unanswered(SERVER), Log():
        for end in (("pptpcm",), ("pptpcl", "pptpcm")):
            run = start(SERVER)
            wait_status(run, "connecting")
            for name in end:
                run.kill(name, signal.SIGKILL)
            equal(run.wait(2), 1)
            run.wait_all(2)
            equal(len(sockets()), len(end) - 1)
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, log=log)
        equal([os.path.basename(s) for s in sockets()], ["255.255.255.255:127.0.0.2"])
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
            times = {word: when for when, line in log.lines for word in ("Connecting", "is over: Could not")
                     if word in line}
            return times["is over: Could not"] - times["Connecting"]

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


# ---- who is who ----

@test("of two connections at once that of the higher address stays (section 3.1.3)")
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


@test("--localbind is where TCP and GRE come from, and says so where it cannot be")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        _, conn = up(server, "--localbind", "127.0.0.44", log=log)
        equal(conn.peer[0], "127.0.0.44")
        run = start(SERVER, "--localbind", "192.0.2.77")
        equal(run.wait(2), 1)
        match("--localbind: not an address of this host", last_line(run))
        equal(len(server.connections), 1)


@test("a call id that another call has is refused by name, and free again after that call")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        first, _ = up(server, "--call-id", "4711", log=log)
        second = start(SERVER, "--call-id", "4711")
        equal(second.wait(2), 1)
        match("call id 4711 is in use by another call of this host", last_line(second))
        equal(len(server.connections), 1)
        first.hang_up()
        equal(first.wait(2), 0)
        first.wait_all(1)
        third = start(SERVER, "--call-id", "4711")
        log.wait("Outgoing call established", count=2)
        equal(server.wait_for("OCRQ", 2)[1]["call_id"], 4711)
        third.status()  # its gateway knows, too
        third.hang_up()
        equal(third.wait(2), 0)


@test("a number of 64 characters is sent, one of 65 is an error before anything else")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        _, conn = up(server, "--phone", "9" * 64, log=log)
        equal((conn.received[1]["phone"], conn.received[1]["phone_len"]), ("9" * 64, 64))
        for option in ("--phone", "--client-hostname"):
            run = start(SERVER, option, "9" * 65)
            equal(run.wait(2), 2)
            match(option[2:] + ".*64", last_line(run))
        equal(len(server.connections), 1)


main()
