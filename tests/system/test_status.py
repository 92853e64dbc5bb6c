#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Many calls to one server, what --status prints of them, and the status sockets in the run directory:
who may ask, what clients can do wrong, and what becomes of the names.
"""
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import PPTP, SERVER, contextlib, os, re, socket, subprocess, threading, time

import concurrent.futures
import json
import shutil

RUN = "/var/run/pptp"


def start_many(count, *arguments):
    return [start(SERVER, *arguments) for _ in range(count)]


def wait_up(log, server, runs):
    """The control connections of calls that are established, for their gateways too."""
    server.wait_for("OCRQ", len(runs))
    wait_gateways(len(runs))
    return [c for c in server.connections if "OCRQ" in c.names()]


def end_many(runs, timeout=5):
    before = time.monotonic()
    for run in runs:
        run.hang_up()
    for run in runs:
        equal(run.wait(timeout), 0, "exit status")
    nothing_left(timeout)
    return time.monotonic() - before


def ask(*arguments, program=PPTP, **kwargs):
    """What `pptp --status` prints."""
    return subprocess.run([program, "--status"] + list(arguments), capture_output=True, text=True, timeout=5, **kwargs)


def ask_at_once(*questions):
    """ask() for each tuple of arguments, all at the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda arguments: ask(*arguments), questions))


def answers_of(asked):
    """The answers in the output of --status, as dicts."""
    return [dict(line.split("=", 1) for line in block.splitlines()) for block in asked.stdout.split("\n\n")]


def own_path(run, local="255.255.255.255", server=SERVER):
    """The path of a run's status socket."""
    return "%s/%s:%s.%d" % (RUN, local, server, run.parent())


# ---- many calls ----

for _count in (2, 50, 100):
    @test("%d starts at once end with as many calls, each on a connection of its own" % _count)
    def _(count=_count):
        with FakeServer(SERVER) as server, Log() as log:
            runs = start_many(count)
            connections = wait_up(log, server, runs)
            equal(len(connections), count)
            requests = [m for c in connections for m in c.received if m.name == "OCRQ"]
            equal(len({m["call_id"] for m in requests}), count)
            answers = answers_of(ask())
            equal(sorted(int(a["call.1.id"]) for a in answers), sorted(m["call_id"] for m in requests))
            equal(len({a["pid"] for a in answers}), count)
            diag("ended in %.2f s" % end_many(runs, 20))
            equal(server.mistakes(), [])


# ---- the answer ----

@test("the status holds the server's address, the states, the call and its counters")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, conn = up(server, "--logstring", "t1", log=log)
        answer, = answers_of(ask())
        equal((answer["server"], answer["address"], answer["local"], answer["session"]),
              (SERVER, SERVER, "127.0.0.1", "t1"))
        equal((answer["state"], answer["calls"], answer["call.1.state"], answer["call.1.peer_id"]),
              ("established", "1", "established", "1000"))
        equal((int(answer["call.1.id"]), int(answer["pid"])),
              (conn.received[1]["call_id"], run.pid_of("pptpcm")))
        equal(answer["call.1.rx_accepted"], "0")
        equal(os.stat(RUN).st_mode & 0o7777, 0o700)
        end_many([run])


@test("--status prints one call for each call manager of the host")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = [start(SERVER, "--logstring", name) for name in ("t1", "t2")]
        wait_up(log, server, runs)
        asked = ask()
        equal((asked.returncode, asked.stderr), (0, ""))
        answers = answers_of(asked)
        equal(sorted(a["session"] for a in answers), ["t1", "t2"])
        for answer in answers:
            equal((answer["address"], answer["calls"], answer["call.1.state"]),
                  (SERVER, "1", "established"))
        end_many(runs)


@test("a socket is named after the addresses and the parent's pid, and before that after the pid alone")
def _():
    with FakeServer(SERVER) as server, Log() as log, hosts("127.0.0.2 vpn.test\n"):
        sh("umount /etc/hosts; rm -f /run/pipe; mkfifo /run/pipe; mount --bind /run/pipe /etc/hosts")
        looking_up = start("vpn.test")  # reads the pipe, which is not written to
        while not sockets():
            equal(looking_up.process.poll(), None)
        equal(sockets(), ["%s/connecting.%d" % (RUN, looking_up.parent())])
        match("(?m)^state=resolving$", ask().stdout)
        looking_up.hang_up()
        looking_up.wait_all(2)
        nothing_left()
        runs = [start(SERVER), start(SERVER, "--localbind", "127.0.0.44")]
        wait_up(log, server, runs)
        equal(sockets(), sorted([own_path(runs[0]), own_path(runs[1], "127.0.0.44")]))
        equal(sorted(c.peer[0] for c in server.connections), ["127.0.0.1", "127.0.0.44"])
        end_many(runs)


@test("--status says where there is no call, and makes no directory for that")
def _():
    sh("rm -rf " + RUN)
    asked = ask()
    equal((asked.returncode, asked.stdout), (1, ""))
    equal(asked.stderr, "pptp: no call of this user is running: there is none in /var/run/pptp\n")
    true(not os.path.exists(RUN), "the question has made a directory")


@test("--status reports a stopped call manager as one that does not answer, and the others as ever")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, log=log)
        with run.stopped("pptpcm"):
            asked = ask()
            equal((asked.returncode, asked.stderr),
                  (3, "pptp: no status from %s: it does not answer; is it stopped?\n" % own_path(run)))
            equal(answers_of(asked), [{"address": SERVER, "local": "255.255.255.255", "state": "hanging",
                                       "hanging": "call manager", "parent": str(run.parent())}])
            other = start(SERVER, "--logstring", "other")
            log.wait("Outgoing call established", count=2)
            other.status()
            asked = ask()
            equal((asked.returncode, sorted(a.get("session", a["state"]) for a in answers_of(asked))),
                  (3, ["hanging", "other"]))
            match("it does not answer; is it stopped", asked.stderr)
            asked = ask("other")
            equal((asked.returncode, [a["session"] for a in answers_of(asked)]), (3, ["other"]))
        end_many([run, other])


@test("--status waits for several that hang at the same time")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = start_many(3)
        wait_up(log, server, runs)
        with runs[0].stopped("pptpcm"), runs[1].stopped("pptpcm"):
            before = time.monotonic()
            asked = ask()
            between(1.9, time.monotonic() - before, 3.5, "seconds")
            equal((asked.returncode, sorted(a["state"] for a in answers_of(asked))),
                  (3, ["established", "hanging", "hanging"]))
        end_many(runs)


@test("--status takes a name, a server or an address, and says where there is none")
def _():
    with FakeServer(SERVER) as server, Log() as log, hosts("127.0.0.2 vpn.test\n"):
        runs = [start("vpn.test", "--logstring", "one"), start(SERVER, environment={"CALL_FILE": "office"})]
        wait_up(log, server, runs)
        for wanted, names in (("one", ["one"]), ("vpn.test", ["one"]), ("office", ["office"]),
                              (SERVER, ["office", "one"])):
            equal(sorted(a["session"] for a in answers_of(ask(wanted))), names)
        for wanted, shown in (("two", "two"), ("a\x1b[31m\n", "a\\x1b[31m\\x0a")):
            asked = ask(wanted)
            equal((asked.returncode, asked.stdout, asked.stderr),
                  (1, "", "pptp: no call of this user has the name or server '%s'\n" % shown))
        end_many(runs)


@test("--status --json is JSON, as the manual page says")
def _():
    equal(json.loads(ask("--json").stdout), {"tunnels": []})
    name = 'a "quoted" \\ \n\x1b name'
    with FakeServer(SERVER) as server, Log() as log:
        run, conn = up(server, "--logstring", name, log=log)
        run.status()
        before = time.time()
        tunnel, = json.loads(ask("--json").stdout)["tunnels"]
        call = tunnel.pop("call")
        counters = call.pop("counters")
        equal(tunnel, {"version": tunnel["version"], "pid": run.pid_of("pptpcm"),
                       "name": 'a "quoted" \\ \\x0a\\x1b name', "server": SERVER, "address": SERVER,
                       "local": "127.0.0.1", "state": "established", "host_route": "none", "attempts": 1})
        between(before - 10, call["since"], before + 1, "since")
        equal(call, {"id": conn.received[1]["call_id"], "state": "established", "peer_id": 1000,
                     "window": call["window"], "peer_window": 64, "since": call["since"],
                     "seconds": call["seconds"], "reorder_depth": 0, "reorder_wait": 5,
                     "pty_queue_bytes": 0, "send_queue": 0, "in_flight": 0})
        equal((len(counters), "round_trip" in counters), (19, False))  # nothing has told the round trip
        equal({type(v) for v in counters.values()}, {int})
        with run.stopped("pptpcm"):
            asked = ask("--json")
            equal((asked.returncode, json.loads(asked.stdout)["tunnels"][0]["state"]), (3, "hanging"))
        end_many([run])


READ_PROMETHEUS = """
import json, sys
from prometheus_client.parser import text_string_to_metric_families as read
print(json.dumps([(f.name, f.type, [(s.labels, s.value) for s in f.samples]) for f in read(sys.stdin.read())]))
"""  # for Debian's Python, which has Debian's package


@test("--status --prometheus is read by Prometheus's own client, each metric once, with its labels")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = [start(SERVER, "--logstring", 'a "b" \\'), start(SERVER)]
        wait_up(log, server, runs)
        for run in runs:
            run.status()
        read = subprocess.run(["/usr/bin/python3", "-c", READ_PROMETHEUS], input=ask("--prometheus").stdout,
                              capture_output=True, text=True)
        equal(read.stderr, "")
        families = {name: (kind, samples) for name, kind, samples in json.loads(read.stdout)}
        equal(len(families), 5 + 25)
        equal(families["pptp_rx_accepted"][0], "counter")
        equal(families["pptp_pty_queue_bytes"][0], "gauge")
        equal(families.pop("pptp_round_trip_seconds")[1], [])  # nothing has told it
        equal(families.pop("pptp_last_notice_timestamp_seconds")[1], [])  # there was none
        for _, samples in families.values():
            equal(sorted(labels["name"] for labels, _ in samples), ['a "b" \\', "anon"])
            equal({labels["address"] for labels, _ in samples}, {SERVER})
        equal([value for _, value in families["pptp_up"][1]], [1, 1])
        equal([value for _, value in families["pptp_hanging"][1]], [0, 0])
        between(time.time() - 20, families["pptp_established_timestamp_seconds"][1][0][1], time.time() + 1)
        promtool = shutil.which("promtool")  # a large package that starts a daemon: where it is installed
        if promtool:
            checked = subprocess.run([promtool, "check", "metrics"], input=ask("--prometheus").stdout,
                                     capture_output=True, text=True)
            equal((checked.returncode, checked.stdout + checked.stderr), (0, ""))
        end_many(runs)


@test("--status shows a stopped gateway or parent as hanging, without old numbers, and the others as ever")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = start_many(2)
        wait_up(log, server, runs)
        for comm, name in (("pptpgw", "gateway"), ("pptp", "parent")):
            with runs[0].stopped(comm):
                asked, metrics, tunnels = ask_at_once((), ("--prometheus",), ("--json",))
                equal((asked.returncode, asked.stderr), (3, ""))
                well, hanging = sorted(answers_of(asked), key=lambda a: a.get("hanging", ""))
                equal((hanging["hanging"], hanging["state"], hanging["call.1.state"]),
                      (name, "established", "established"))
                equal([key for key in hanging if re.search("rx_|tx_|reorder|queue|flight", key)], [])
                equal((well["call.1.rx_accepted"], "hanging" in well), ("0", False))
                match(r'(?m)^pptp_hanging{.*pid="%s"} 1$' % hanging["pid"], metrics.stdout)
                match(r'(?m)^pptp_hanging{.*pid="%s"} 0$' % well["pid"], metrics.stdout)
                match('"hanging": "%s"' % name, tunnels.stdout)
            true("hanging" not in runs[0].status())
        end_many(runs)


def gauges(run):
    """What is held, may be waited for (ms), waits for pppd (bytes), waits to be sent, is not acknowledged."""
    answer = run.status()
    return tuple(int(answer["call.1." + name])
                 for name in ("reorder_depth", "reorder_wait", "pty_queue_bytes", "send_queue", "in_flight"))


def wait_gauges(run, wanted):
    deadline = time.monotonic() + WAIT
    while (got := gauges(run)) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    equal(got, wanted)


@test("--status shows what a gap holds up and how long, and what the server has not acknowledged, in each form")
def _():
    with Tunnel("--timeout", "10") as t:  # seconds: the gap is there until it is filled
        t.quiet_down()
        wait_gauges(t.run, (0, 10000, 0, 0, 1))  # LCP's request
        missing = t.seq
        for number in range(3):
            t.down(ppp(number), seq=missing + 1 + number)
        t.up(ppp(7))
        wait_gauges(t.run, (3, 10000, 0, 0, 2))
        call = json.loads(ask("--json").stdout)["tunnels"][0]["call"]
        equal((call["reorder_depth"], call["reorder_wait"], call["in_flight"]), (3, 10000, 2))
        metrics = ask("--prometheus").stdout
        for metric, value in (("reorder_depth", "3"), ("reorder_wait_seconds", "10.000"), ("in_flight", "2")):
            match("(?m)^# TYPE pptp_%s gauge$" % metric, metrics)
            match("(?m)^pptp_%s{.*} %s$" % (metric, value), metrics)
        t.down(ppp(8), seq=missing, ack=2)
        t.expect_down([ppp(8)] + [ppp(number) for number in range(3)])
        wait_gauges(t.run, (0, 10000, 0, 0, 0))


@test("--status shows what waits for a pppd that does not read, and what waits for the network")
def _():
    with Tunnel() as t:
        t.quiet_down()
        frames = [ppp(number, 1400) for number in range(200)]  # more than the pty holds
        for frame in frames:
            t.down(frame)
        deadline = time.monotonic() + WAIT
        while not (gauges(t.run)[0] and gauges(t.run)[2]):
            true(time.monotonic() < deadline, gauges(t.run))
        between(1, gauges(t.run)[0], len(frames))
        between(1400, gauges(t.run)[2], 2 * 1404 * len(frames))  # an escaped byte is two
        t.expect_down(frames)
        wait_gauges(t.run, (0, 5, 0, 0, 1))
        sh("nft 'add table ip cut; add chain ip cut c { type filter hook output priority 0; }; "
           "add rule ip cut c ip saddr 127.0.0.1 ip protocol 47 drop'")
        t.up(ppp(1))
        wait_gauges(t.run, (0, 5, 0, 1, 2))
        sh("nft delete table ip cut")
        t.expect_up([ppp(1)])
        wait_gauges(t.run, (0, 5, 0, 0, 2))


@test("--status has the last warning of a call, also that of the command line, and how many connections were tried")
def _():
    with with_names(), NameServer("127.0.0.3", ["127.0.0.5", "127.0.0.6"]), \
            FakeServer("127.0.0.6") as server, Log() as log:
        before = int(time.time())
        run, _ = up(server, "--idle-wait", "100000", log=log, address="vpn.test")
        answer = run.status()
        match("--idle-wait.*100000", answer["last_notice"])
        true(answer["last_notice"] in log.text())
        between(before, int(answer["last_notice_at"]), time.time())
        equal((answer["attempts"], answer["address"]), ("2", "127.0.0.6"))
        metrics = ask("--prometheus").stdout
        match("(?m)^pptp_last_notice_timestamp_seconds{.*} %s$" % answer["last_notice_at"], metrics)
        match("(?m)^pptp_attempts{.*} 2$", metrics)
        tunnel, = json.loads(ask("--json").stdout)["tunnels"]
        equal((tunnel["last_notice"], tunnel["last_notice_at"], tunnel["attempts"]),
              (answer["last_notice"], int(answer["last_notice_at"]), 2))
        end_many([run])


@test("--status does not report a call manager that exits while it is asked")
def _():
    sh("mkdir -p -m 700 " + RUN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as ending:
        ending.bind(RUN + "/ending")
        ending.listen()
        for read_first in (False, True):
            def end(read_first=read_first):
                with ending.accept()[0] as client:
                    if read_first:
                        client.recv(100)
            ender = threading.Thread(target=end)
            ender.start()
            asked = ask()
            ender.join()
            equal((asked.returncode, asked.stdout), (1, ""))
            match("^pptp: no call of this user is running: .* in /var/run/pptp\n$", asked.stderr)
    os.unlink(RUN + "/ending")


# ---- users ----

USER = 65531
AS_USER = ("setpriv", "--reuid=%d" % USER, "--regid=%d" % USER, "--clear-groups")


@contextlib.contextmanager
def runtime_of(uid):
    """A runtime directory of that user, and the program where this user can start it."""
    runtime, program = "/run/user-%d" % uid, "/run/pptp-of-all"
    os.mkdir(runtime, 0o700)
    os.chown(runtime, uid, uid)
    sh("install -m 755 '%s' %s" % (PPTP, program))
    try:
        yield runtime, program
    finally:
        sh("rm -rf %s %s" % (runtime, program))


@test("an ordinary user's --status shows this user's calls, and makes no directory")
def _():
    seen = "pptp: only calls of user %d are shown here; calls of root are shown to root\n" % USER
    with FakeServer(SERVER) as server, Log() as log, runtime_of(USER) as (runtime, program):
        as_user = {"user": USER, "group": USER, "env": dict(os.environ, XDG_RUNTIME_DIR=runtime)}
        sh("rm -rf /tmp/pptp-%d" % USER)
        roots, _ = up(server, log=log)
        asked = ask(program=program, **as_user)
        equal((asked.returncode, asked.stdout), (1, ""))
        equal(asked.stderr, "pptp: no call of this user is running: there is none in %s/pptp\n" % runtime +
              seen)
        equal(os.listdir(runtime), [])
        true(not os.path.exists("/tmp/pptp-%d" % USER))

        own = start(SERVER, "--logstring", "mine", "--nohostroute", program=program,
                    environment={"XDG_RUNTIME_DIR": runtime},
                    prefix=AS_USER + ("--inh-caps=+net_raw", "--ambient-caps=+net_raw"))
        log.wait("Outgoing call established", count=2)
        log.wait("mine log.*Server in use")
        name = "255.255.255.255:%s.%d" % (SERVER, own.parent())
        equal(os.listdir(runtime + "/pptp"), [name])
        asked = ask(program=program, **as_user)
        equal((asked.returncode, asked.stderr), (0, seen))
        equal([a["session"] for a in answers_of(asked)], ["mine"])
        equal([a["session"] for a in answers_of(ask())], ["anon"])
        own.hang_up()
        equal(own.wait(2), 0)
        own.wait_all(2)
        equal(os.listdir(runtime + "/pptp"), [])
        end_many([roots])


@test("another user's client is turned away, where it gets to the socket at all")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, log=log)
        path, = sockets()
        client = ("import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
                  "s.connect('%s'); s.send(%r); print(s.recv(65536))" % (path, STATUS_REQUEST))

        def other_user():
            return subprocess.run(AS_USER + ("/usr/bin/python3", "-c", client), capture_output=True,
                                  text=True, timeout=5)
        match("PermissionError", other_user().stderr)
        os.chmod(RUN, 0o755)
        os.chmod(path, 0o777)
        asked = other_user()
        true("BrokenPipeError" in asked.stderr or "ConnectionReset" in asked.stderr or
             asked.stdout == "b''\n", asked.stdout, asked.stderr)
        log.wait("refused a status client of another user")
        equal(run.status()["calls"], "1")
        os.chmod(RUN, 0o700)
        end_many([run])


# ---- clients ----

@test("garbage, silence and slow readers at the socket change nothing for others")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, log=log)
        path, = sockets()
        for data in (b"\0", b"\2", STATUS_REQUEST[:1] + b"\1", STATUS_REQUEST[:1] + b"\2" + b"x" * 20,
                       b"\xff" * 9000, CLOSE, CONNECT_REQUEST + b"\0" * 8, b"\1" + STATUS_REQUEST[1:],
                       STATUS_REQUEST + b"\0"):
            with connect(path) as s:
                with contextlib.suppress(OSError):
                    s.send(data)
                before = time.monotonic()
                with contextlib.suppress(ConnectionResetError):
                    equal(s.recv(65536), b"", data[:8])
                between(0, time.monotonic() - before, 0.5)
        equal(run.process.poll(), None)
        slow = [connect(path) for _ in range(8)]  # never read
        for s in slow:
            s.send(STATUS_REQUEST)
        before = time.monotonic()
        silent = [connect(path) for _ in range(20)]
        equal(run.status()["calls"], "1")
        for s in silent:
            equal(s.recv(1), b"")
            s.close()
        between(1.9, time.monotonic() - before, 4.5, "seconds until the silent are dropped")
        for s in slow:
            equal(s.recv(65536)[:2], STATUS)
            s.close()
        equal(run.status()["calls"], "1")
        end_many([run])


@test("more clients than are accepted at once wait until one has been answered")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, log=log)
        path, = sockets()
        crowd = [connect(path) for _ in range(120)]
        equal(run.process.poll(), None)
        for s in crowd[16:]:
            s.send(STATUS_REQUEST)
        for s in crowd[:16]:
            s.close()
        for s in crowd[16:]:
            equal(s.recv(65536)[:2], STATUS)
            s.close()
        equal(run.status()["calls"], "1")
        end_many([run])


@test("--status prints printable ASCII only, whatever a call manager that was taken over answers")
def _():
    sh("mkdir -p -m 700 " + RUN)
    path = RUN + "/connecting.1"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.bind(path)
        s.listen(3)

        def answer_all():
            for _ in range(3):
                client, _ = s.accept()
                with client:
                    client.recv(16)
                    client.send(STATUS + b"pid=1\nsession=a\x1b[31m\xff\tb\r\nstate=up\a\n")
        thread = threading.Thread(target=answer_all)
        thread.start()
        for form in ("--json", "--prometheus"):
            asked = ask(form)
            equal((asked.returncode, asked.stderr), (0, ""))
            match(r'"a\?\[31m\?\?b\?"', asked.stdout)
            true(all(c == "\n" or " " <= c <= "~" for c in asked.stdout), repr(asked.stdout))
        equal(ask().stdout, "pid=1\nsession=a?[31m??b?\nstate=up?\n")
        thread.join()
    os.unlink(path)


# ---- names ----

@test("rm -rf of the run directory changes neither the call nor its end")
def _():
    for what in (RUN + "/*", RUN):
        with FakeServer(SERVER) as server, Log() as log:
            run, _ = up(server, log=log)
            sh("rm -rf " + what)
            asked = ask()
            equal((asked.returncode, asked.stdout), (1, ""))
            equal(run.process.poll(), None)
            other = start(SERVER)
            log.wait("Outgoing call established", count=2)
            other.status()
            equal(len(answers_of(ask())), 1)
            end_many([run, other])
            equal(server.mistakes(), [])


@test("a socket left by SIGKILL of the parent is removed by the next start, and no other")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = start_many(4)
        wait_up(log, server, runs)
        kept = runs.pop()
        for run in runs:
            run.kill_parent()
        for run in runs:
            run.wait_all(3)
        equal(len(sockets()), 4)
        equal(len(answers_of(ask())), 1)
        sh("touch %s/notes %s/a:b.c" % (RUN, RUN))
        again = start(SERVER)
        log.wait("Outgoing call established", count=5)
        again.status()
        equal([os.path.basename(s) for s in sockets()],
              sorted(["notes", "a:b.c"] + [os.path.basename(own_path(r)) for r in (kept, again)]))
        sh("rm %s/notes %s/a:b.c" % (RUN, RUN))
        end_many([kept, again])


def start_with(make):
    """A start with what `make` (sh) makes: $p and $q are what its socket is called, first and last."""
    script = 'p=%s/connecting.$$; q=%s/255.255.255.255:%s.$$; %s; exec "$0" "$@"' % (RUN, RUN, SERVER, make)
    return start(SERVER, prefix=("sh", "-c", script))


@test("what is in a socket's place is replaced, or prevents the status or its last name, and no call")
def _():
    sh("mkdir -p -m 700 " + RUN)
    for make, name in (("touch $p", "$q"), ("touch $q", "$q"), ("ln -s /nowhere $q", "$q"),
                       ("mkdir $q", "$p"), ("mkdir $p", None), ("mkdir -p $p/x", None),
                       ("ln -s /nowhere $p", "$q")):
        with FakeServer(SERVER), Log() as log:
            run = start_with(make)
            run.wait_ready()
            names = {"$q": own_path(run), "$p": "%s/connecting.%d" % (RUN, run.pid)}
            asked = ask()
            if name:
                equal([a["calls"] for a in answers_of(asked)], ["1"], make)
                true(names[name] in sockets(), make, sockets())
            else:
                match("no socket for --status: ", log.text())
                equal((asked.returncode, asked.stdout), (1, ""), make)
            run.hang_up()
            equal(run.wait(2), 0)
            left = sockets()
            equal(left, [] if name == "$q" else [names["$q" if name else "$p"]], make)
            for path in left:
                sh("rm -rf " + path)
            nothing_left()


@test("a directory that cannot be made, or is another user's, prevents the status and no call")
def _():
    for make in ("touch " + RUN, "ln -s /nowhere " + RUN, "mkdir %s; chown %d %s" % (RUN, USER, RUN)):
        sh("rm -rf %s; %s" % (RUN, make))
        try:
            with FakeServer(SERVER), Log() as log:
                run = start(SERVER)
                run.wait_ready()
                match("no socket for --status: ", log.text())
                equal(ask().returncode, 1)
                run.hang_up()
                equal(run.wait(2), 0)
        finally:
            sh("rm -rf " + RUN)


main()
