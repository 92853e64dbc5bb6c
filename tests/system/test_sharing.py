#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Many calls to one server: each on a connection of its own, or shared; elections, joining, status."""
from harness import *  # noqa: F401,F403
from harness import PPTP, WAIT, contextlib, fcntl, os, signal, socket, subprocess, threading, time

SERVER = "127.0.0.2"


def one_connection_only(server):
    """A script that answers result 3 while another control connection stands, as some servers do."""
    holder = []
    lock = threading.Lock()
    good = polite()

    def script(conn):
        with lock:
            mine = not any(not c.ended for c in holder)
            if mine:
                holder[:] = [conn]
        if mine:
            good(conn)
        else:
            polite(sccrp={"result": 3})(conn)
    return script


def start_many(count, *arguments):
    return [start(SERVER, *arguments) for _ in range(count)]


def up_many(log, server, runs):
    log.wait("Outgoing call established", count=len(runs), timeout=20)
    return [c for c in server.connections if "OCRQ" in c.names()]


def share(count, log, server):
    """Calls that stand on one connection, which the first of them has made."""
    runs = [start(SERVER, "--share-control")]
    up_many(log, server, runs)
    runs += start_many(count - 1, "--share-control")
    up_many(log, server, runs)
    wait_gateways(count)
    return runs


def end_many(runs, timeout=5):
    before = time.monotonic()
    for run in runs:
        run.hang_up()
    for run in runs:
        equal(run.wait(timeout), 0, "exit status")
    nothing_left(timeout)
    return time.monotonic() - before


def calls_of(connections):
    return [m["call_id"] for c in connections for m in c.received if m.name == "OCRQ"]


@test("two calls to one server have a control connection each")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = start_many(2)
        connections = up_many(log, server, runs)
        equal(len(connections), 2)
        equal(len(set(calls_of(connections))), 2)
        wait_gateways(2)
        end_many(runs)
        equal(server.mistakes(), [])


@test("50 starts at once from cold end with 50 calls, each on a connection of its own")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = start_many(50)
        connections = up_many(log, server, runs)
        equal(len(connections), 50)
        equal(len(set(calls_of(connections))), 50)
        wait_gateways(50)
        diag("ended in %.2f s" % end_many(runs, 10))
        equal(server.mistakes(), [])


@test("50 starts at once with --share-control end with 50 calls on one connection")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = start_many(50, "--share-control")
        connections = up_many(log, server, runs)
        equal(len(connections), 1)
        equal(len(set(calls_of(connections))), 50)
        serials = [m["serial"] for m in connections[0].received if m.name == "OCRQ"]
        equal(len(set(serials)), 50)
        wait_gateways(50)
        managers = [pid for pid, comm in tagged().items() if comm == "pptpcm"]
        holder = int(status(sockets()[0])["pid"])
        wait_gone([pid for pid in managers if pid != holder])
        diag("ended in %.2f s" % end_many(runs, 10))
        equal(server.mistakes(), [])
        equal(len(server.connections), 1)


@test("50 starts at once to a server that takes one control connection only end with 50 calls")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        server.script = one_connection_only(server)
        runs = start_many(50)
        connections = up_many(log, server, runs)
        equal(len(connections), 1)
        equal(len(set(calls_of(connections))), 50)
        wait_gateways(50)
        end_many(runs, 10)
        equal(server.mistakes(), [])


@test("a hundred calls to one server stand at once")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = start_many(100)
        up_many(log, server, runs)
        wait_gateways(100)
        end_many(runs, 20)
        equal(server.mistakes(), [])


@test("ten calls on one connection come and go in any order")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = share(10, log, server)
        conn = server.connections[0]
        equal(len(server.connections), 1)
        # the first, which made the connection, goes before the others, then some in the middle
        for number, index in enumerate((0, 5, 3, 9), 1):
            runs[index].hang_up()
            equal(runs[index].wait(2), 0)
            server.wait_for("CCRQ", number)
        equal(conn.ended, None)
        more = start_many(2, "--share-control")
        log.wait("Outgoing call established", count=12)
        wait_gateways(8)
        rest = [r for i, r in enumerate(runs) if i not in (0, 5, 3, 9)] + more
        end_many(rest)
        equal(len(server.connections), 1)
        equal(conn.names().count("CCRQ"), 12)
        equal(conn.names()[-1], "StopCCRQ")
        equal(server.mistakes(), [])


@test("a server that ends one of the shared calls leaves the others standing")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        first, second = share(2, log, server)
        conn = server.connections[0]
        conn.send("CDN", call_id=1000, result=3)
        equal(first.wait(2), 1)
        equal((second.process.poll(), conn.ended), (None, None))
        end_many([second])


@test("a refused call on a shared connection leaves the others standing")
def _():
    busy = []

    def answer(conn, m):
        conn.send("OCRP", call_id=conn.server.next_call_id(1), peer_call_id=m["call_id"],
                  result=4 if busy else 1, window=8)
    with FakeServer(SERVER, polite(on={"OCRQ": answer})) as server, Log() as log:
        first = start(SERVER, "--share-control")
        up_many(log, server, [first])
        wait_gateways(1)
        busy.append(True)
        second = start(SERVER, "--share-control")
        equal(second.wait(2), 1)
        match("(?i)busy", second.stderr())
        equal(first.process.poll(), None)
        first.hang_up()
        equal(first.wait(3), 0)


@test("the death of the shared call manager ends all its calls, and the next start is a new one")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = share(5, log, server)
        runs[0].kill("pptpcm", signal.SIGKILL)
        for run in runs:
            equal(run.wait(2), 1)
        nothing_left()
        again = start(SERVER, "--share-control")
        log.wait("Outgoing call established", count=6)
        wait_gateways(1)
        end_many([again])


@test("SIGTERM to the shared call manager clears every call and stops the connection")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = share(5, log, server)
        runs[0].kill("pptpcm", signal.SIGTERM)
        for run in runs:
            equal(run.wait(2), 0)
        conn = server.connections[0]
        server.wait_ended()
        equal(conn.names().count("CCRQ"), 5)
        equal(conn.names()[-1], "StopCCRQ")
        nothing_left()


@test("starts that wait for a call manager that is ended elect another one")
def _():
    gate = threading.Event()
    with FakeServer(SERVER, polite(held={"SCCRQ": gate})) as server, Log() as log:
        first = start(SERVER, "--share-control")
        server.wait_for("SCCRQ")
        others = start_many(5, "--share-control")
        log.wait("joins the control connection", count=5)
        first.kill("pptpcm", signal.SIGTERM)
        log.wait("Closing connection \\(signal\\)")
        gate.set()
        equal(first.wait(3), 1)
        log.wait("Outgoing call established", count=5)
        wait_gateways(5)
        end_many(others)


@contextlib.contextmanager
def handed_over_to_a_stopped_gateway():
    """(server, first, second): the second call has joined the first one's connection and stands, but
    its gateway, which is stopped, has not read that yet."""
    answers = threading.Event()
    answers.set()
    with FakeServer(SERVER, polite(held={"OCRQ": answers})) as server, Log() as log:
        first = start(SERVER, "--share-control")
        log.wait("Outgoing call established")
        answers.clear()
        second = start(SERVER, "--share-control")
        server.wait_for("OCRQ", count=2)
        second.kill("pptpgw", signal.SIGSTOP)
        answers.set()
        log.wait("goes on with another call manager")
        yield server, first, second


def second_call_ends_alone(server, first, second):
    """The server hears the end of the second call, and of that one only."""
    connection, cleared = server.wait_for("CCRQ")
    _, asked = server.wait_for("OCRQ", count=2)
    equal(cleared["call_id"], asked["call_id"])
    second.wait_all()
    connection.send("EchoRQ", identifier=9)
    server.wait_for("EchoRP")
    equal(connection.names().count("CCRQ"), 1)
    equal(first.process.poll(), None)
    end_many([first])


@test("a call whose pppd hangs up while it is handed over is ended there")
def _():
    with handed_over_to_a_stopped_gateway() as (server, first, second):
        second.hang_up()
        second.kill("pptpgw", signal.SIGCONT)
        second_call_ends_alone(server, first, second)


@test("a call that a signal ends while it is handed over is ended there")
def _():
    with handed_over_to_a_stopped_gateway() as (server, first, second):
        second.kill("pptpgw", signal.SIGTERM)
        second.kill("pptpgw", signal.SIGCONT)
        second_call_ends_alone(server, first, second)


@test("a call whose gateway is killed while it is handed over is ended there")
def _():
    with handed_over_to_a_stopped_gateway() as (server, first, second):
        second.kill("pptpgw", signal.SIGKILL)
        second_call_ends_alone(server, first, second)


@test("a call whose new call manager dies while it is handed over is over")
def _():
    with handed_over_to_a_stopped_gateway() as (server, first, second):
        first.kill("pptpcm", signal.SIGKILL)
        second.kill("pptpgw", signal.SIGCONT)
        equal(second.wait(), 1)
        equal(first.wait(), 1)
        second.wait_all()
        sh("rm -rf /run/pptp/*")  # the killed one's socket


@test("without a live call manager a server's result 3 is said in words")
def _():
    with FakeServer(SERVER, polite(sccrp={"result": 3})):
        run = start(SERVER)
        equal(run.wait(2), 1)
        match("exists already", run.stderr())
        nothing_left()


@test("who asks a call manager on its way out is sent away to find another one")
def _():
    with FakeServer(SERVER, polite(on={"StopCCRQ": None})) as server, Log() as log:
        run = start(SERVER)
        up_many(log, server, [run])
        run.status()
        late = connect(sockets()[0])
        run.hang_up()
        server.wait_for("StopCCRQ")
        with contextlib.suppress(BrokenPipeError):
            late.send(CALL_REQUEST + (4711).to_bytes(2, "big") + (64).to_bytes(2, "big"))
        equal(late.recv(64), b"")
        equal(run.wait(3), 0)


@test("200 calls that come and go on one connection leave nothing in the call manager")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        first = start(SERVER, "--share-control")
        up_many(log, server, [first])
        wait_gateways(1)
        manager = first.pid_of("pptpcm")

        def held():
            while first.status()["calls"] != "1":
                pass
            with open("/proc/%d/statm" % manager) as f:
                return len(descriptors(manager)), int(f.read().split()[1])
        before = None
        for number in range(200):
            run = start(SERVER, "--share-control")
            log.wait("Outgoing call established", count=number + 2)
            run.kill("pptpgw", signal.SIGKILL if number % 3 else signal.SIGTERM)
            run.wait_all(2)
            server.wait_for("CCRQ", number + 1)
            if number == 20:
                before = held()
        after = held()
        between(0, after[0] - before[0] + 1, 2, "descriptors more, one of which may be our question's,")
        true(after[1] - before[1] <= 8, after[1] - before[1], "pages more")  # fewer: what was freed
        equal(len(server.connections), 1)
        equal(first.process.poll(), None)
        end_many([first])
        equal(server.mistakes(), [])


# ---- the socket ----

@test("status tells the server's address, the state, the calls and their counters")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER, "--logstring", "t1")
        up_many(log, server, [run])
        answer, = wait_gateways(1)
        equal((answer["server"], answer["address"], answer["local"], answer["session"]),
              (SERVER, SERVER, "127.0.0.1", "t1"))
        equal((answer["calls"], answer["call.1.state"], answer["call.1.peer_id"]),
              ("1", "established", "1000"))
        equal(answer["call.1.rx_accepted"], "0")
        equal(os.path.basename(sockets()[0]), "255.255.255.255:127.0.0.2")
        equal(os.stat("/run/pptp").st_mode & 0o7777, 0o700)


def ask(program=PPTP, **kwargs):
    """What `pptp --status` says."""
    return subprocess.run([program, "--status"], capture_output=True, text=True, timeout=5, **kwargs)


@test("--status prints what every call manager of the host says")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = [start(SERVER, "--logstring", name) for name in ("t1", "t2")]
        up_many(log, server, runs)
        for run in runs:
            run.status()
        asked = ask()
        equal((asked.returncode, asked.stderr), (0, ""))
        answers = [dict(line.split("=", 1) for line in block.splitlines())
                   for block in asked.stdout.split("\n\n")]
        equal(sorted(a["session"] for a in answers), ["t1", "t2"])
        for answer in answers:
            equal((answer["address"], answer["calls"], answer["call.1.state"]),
                  (SERVER, "1", "established"))


@test("--status says so where nobody runs, and who does not answer")
def _():
    sh("rm -rf /run/pptp")
    asked = ask()
    equal((asked.returncode, asked.stdout), (1, ""))
    equal(asked.stderr, "pptp: no call of this user is running\n")
    true(not os.path.exists("/run/pptp"), "the question has made a folder")
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER)
        up_many(log, server, [run])
        run.status()
        run.kill("pptpcm", signal.SIGSTOP)
        asked = ask()
        run.kill("pptpcm", signal.SIGCONT)
        equal((asked.returncode, asked.stdout), (1, ""))
        match("pptp: no status from /run/pptp/.*: it does not answer; is it stopped\\?\n", asked.stderr)


@contextlib.contextmanager
def runtime_of(uid):
    """A runtime folder of that user, and the program where he can start it."""
    runtime, program = "/run/user-%d" % uid, "/run/pptp-of-all"
    os.mkdir(runtime, 0o700)
    os.chown(runtime, uid, uid)
    sh("install -m 755 '%s' %s" % (PPTP, program))
    try:
        yield runtime, program
    finally:
        sh("rm -rf %s %s" % (runtime, program))


@test("--status tells an ordinary user whose calls he sees, and makes no folder for it")
def _():
    seen = "pptp: only calls of user 65531 are shown here; calls of root are shown to root\n"
    with FakeServer(SERVER) as server, Log() as log, runtime_of(65531) as (runtime, program):
        as_user = {"user": 65531, "group": 65531, "env": dict(os.environ, XDG_RUNTIME_DIR=runtime)}
        up_many(log, server, [start(SERVER)])
        asked = ask(program, **as_user)
        equal((asked.returncode, asked.stdout), (1, ""))
        equal(asked.stderr, "pptp: no call of this user is running\n" + seen)
        equal(os.listdir(runtime), [])
        equal(os.path.exists("/tmp/pptp-65531"), False)

        own = start(SERVER, "--logstring", "mine", "--nohostroute", program=program,
                    environment={"XDG_RUNTIME_DIR": runtime},
                    prefix=("setpriv", "--reuid=65531", "--regid=65531", "--clear-groups",
                            "--inh-caps=+net_raw", "--ambient-caps=+net_raw"))
        log.wait("Outgoing call established", count=2)
        log.wait("mine log.*Server in use")
        asked = ask(program, **as_user)
        equal((asked.returncode, asked.stderr), (0, seen))
        match("(?m)^session=mine$", asked.stdout)
        no_match("(?m)^session=anon$", asked.stdout)
        own.hang_up()
        equal(own.wait(2), 0)


@test("--status says nothing of a call manager that ends while it is asked")
def _():
    sh("mkdir -p -m 700 /run/pptp")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as ending:
        ending.bind("/run/pptp/ending")
        ending.listen()
        for read_first in (False, True):
            def end(read_first=read_first):
                with ending.accept()[0] as asker:
                    if read_first:
                        asker.recv(100)
            ender = threading.Thread(target=end)
            ender.start()
            asked = ask()
            ender.join()
            equal((asked.returncode, asked.stdout), (1, ""))
            equal(asked.stderr, "pptp: no call is running: nobody answers in /run/pptp\n")
    os.unlink("/run/pptp/ending")


@test("a bound call's socket is named after its local address")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER, "--localbind", "127.0.0.44")
        up_many(log, server, [run])
        run.status()
        equal(os.path.basename(sockets()[0]), "127.0.0.44:127.0.0.2")
        equal(server.connections[0].peer[0], "127.0.0.44")


@test("garbage, silence and slow readers at the socket disturb nobody")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER)
        up_many(log, server, [run])
        run.status()
        path = sockets()[0]
        silent = []
        for octets in (b"\0", b"\1", b"\1\1", b"\1\2" + b"x" * 20, b"\xff" * 9000, b"\1\7\0", b"\1\6",
                       b"\1\1\0\0\0\5", b"\1\1\0\0\0\5" + b"9" * 200):
            s = connect(path)
            with contextlib.suppress(OSError):
                s.send(octets)
            before = time.monotonic()
            drop = s.recv(65536)
            if drop:
                equal(drop[:2], CALL_OVER)  # a refusal in words
            between(0, time.monotonic() - before, 0.5)
            s.close()
        before = time.monotonic()
        silent = [connect(path) for _ in range(40)]
        equal(run.status()["calls"], "1")
        for s in silent:
            equal(s.recv(1), b"")
            s.close()
        between(1.9, time.monotonic() - before, 2.3, "seconds until the silent are dropped")
        equal(run.status()["calls"], "1")
        equal(run.process.poll(), None)
        end_many([run])


@test("more clients than are taken at once wait their turn")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER)
        up_many(log, server, [run])
        run.status()
        crowd = [connect(sockets()[0]) for _ in range(220)]
        equal(run.process.poll(), None)
        for s in crowd:
            s.close()
        equal(run.status()["calls"], "1")
        end_many([run])


@test("rm -rf of the socket folder's content hurts neither the call nor the status")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER, "--share-control")
        up_many(log, server, [run])
        run.status()
        sh("rm -rf /run/pptp/*")
        log.wait("made anew")
        equal(run.status()["calls"], "1")
        joined = start(SERVER, "--share-control")
        log.wait("Outgoing call established", count=2)
        wait_gateways(2)
        equal(len(server.connections), 1)
        end_many([run, joined])


@test("rm -rf of the socket folder itself hurts neither the call nor the status")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER)
        up_many(log, server, [run])
        run.status()
        with run.stopped("pptpcm"):  # or rm meets what is made anew
            sh("rm -rf /run/pptp")
        log.wait("made anew")
        equal(run.status()["calls"], "1")
        end_many([run])


@test("the cleaner removes nothing behind the back of one who holds the folder's lock")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER)
        up_many(log, server, [run])
        run.status()
        folder = os.open("/run/pptp", os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
        run.kill("pptpcm", signal.SIGKILL)
        run.wait_all(2)
        equal(len(sockets()), 1)
        os.close(folder)
        again = start(SERVER)
        log.wait("Outgoing call established", count=2)
        wait_gateways(1)
        end_many([again])


@test("a stale socket left by SIGKILL is no obstacle and is cleared away")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = start_many(3)
        up_many(log, server, runs)
        wait_gateways(3)
        for run in runs:
            run.kill_manager_and_cleaner()
        for run in runs:
            run.wait_all(2)
        equal(len(sockets()), 3)
        again = start(SERVER)
        log.wait("Outgoing call established", count=4)
        wait_gateways(1)
        equal([os.path.basename(s) for s in sockets()], ["255.255.255.255:127.0.0.2"])
        end_many([again])


@test("a folder or file in the socket's place is said or replaced, and hinders neither status nor sharing")
def _():
    in_place = "/run/pptp/255.255.255.255:127.0.0.2"
    for make, words in (("mkdir %s %s/x", 1), ("touch %s %s", 0)):
        sh("mkdir -p -m 700 /run/pptp; " + make % (in_place, in_place))
        with FakeServer(SERVER) as server, Log() as log:
            first = start(SERVER, "--share-control")
            up_many(log, server, [first])
            equal(first.status()["calls"], "1")
            match("(?m)^calls=1$", ask().stdout)
            second = start(SERVER, "--share-control")
            log.wait("Outgoing call established", count=2)
            wait_gateways(2)
            equal(len(server.connections), 1)
            for run in (first, second):
                run.hang_up()
                equal(run.wait(2), 0)
            equal(log.text().count(in_place + " is a folder, where a socket should be: rm -r it"), words)
            sh("rm -rf " + in_place)
            nothing_left()


@test("a folder that cannot be made keeps nobody from calling")
def _():
    with open("/run/pptp-was", "w"):
        pass
    sh("rm -rf /run/pptp; mv /run/pptp-was /run/pptp")
    try:
        with FakeServer(SERVER) as server, Log() as log:
            run = start(SERVER, environment={"XDG_RUNTIME_DIR": "/nowhere"})
            up_many(log, server, [run])
            server.wait_for("OCRQ")
            run.kill("pptpcm", signal.SIGTERM)
            equal(run.wait(2), 0)
    finally:
        sh("rm -f /run/pptp; rm -rf /tmp/pptp-0")


main()
