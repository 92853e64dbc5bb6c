#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
What else goes wrong on a host: stopped processes, signals while a call is set up, descriptors and
disk space that have run out, standard descriptors that are closed, a start that pppd repeats.
"""
from harness import *  # noqa: F401,F403
from harness import FAR, PPTP, SERVER, WAIT, contextlib, ctypes, os, re, signal, socket, subprocess
from harness import threading, time

NO_ANSWER = {"OCRQ": None}


def shell(*arguments, **kwargs):
    """The shell form; these tests do not get as far as pppd."""
    return Run([SERVER] + list(arguments), pty=False, **kwargs)


# ---- processes that are stopped ----

@test("in set-up a stopped call manager is continued to close the call, one that hangs is killed, after 10 s")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log() as log, \
            FakeServer("127.0.0.3", polite(on=NO_ANSWER)) as other:
        stopped, hanging = start(SERVER), start("127.0.0.3")
        manager = wait_manager(other, hanging)
        libc = ctypes.CDLL(None, use_errno=True)
        equal(libc.ptrace(16, manager, None, None), 0)  # PTRACE_ATTACH: only SIGKILL gets it out
        true(os.WIFSTOPPED(os.waitpid(manager, 0)[1]))
        os.kill(wait_manager(server, stopped), signal.SIGSTOP)
        # and one whose call manager is well, while the parent itself is stopped for as long
        with FakeServer("127.0.0.4", polite(on=NO_ANSWER)) as third:
            asleep = start("127.0.0.4")
            wait_manager(third, asleep)
            asleep.kill("pptp", signal.SIGSTOP)

            equal(stopped.wait(13), 1)
            between(9.5, time.monotonic() - stopped.started, 11.5, "seconds")
            match("Call manager exited with error: no sign of life for 10 s, .* before the call to 127.0.0.2 "
                  "was established", last_line(stopped))
            server.wait_ended()
            equal(server.connections[0].names(), ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"])

            equal(hanging.wait(4), 1)
            between(11.5, time.monotonic() - hanging.started, 13.5, "seconds")
            match("no sign of life for 10 s", last_line(hanging))
            status = os.waitpid(manager, 0)[1]
            equal(os.WIFSIGNALED(status) and os.WTERMSIG(status), signal.SIGKILL)
            other.wait_ended()

            asleep.kill("pptp", signal.SIGCONT)
            third.connections[0].send("OCRP", call_id=5, peer_call_id=third.connections[0].received[1]["call_id"],
                                      result=1, window=8)
            log.wait("Outgoing call established")
            equal(asleep.status()["call.1.state"], "established")
            asleep.hang_up()
            equal(asleep.wait(2), 0)
        end_everything()
        nothing_left()


def wait_manager(server, run):
    """The process id of the run's call manager, which has asked the server for its call."""
    server.wait_for("OCRQ")
    return run.pid_of("pptpcm")


# ---- signals to main while the call is set up, in the shell form ----

for _signal in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    @test("%s to main during set-up: the last line says so, and no process outlives main" % _signal.name)
    def _(signo=_signal):
        with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log() as log:
            run = shell()
            server.wait_for("OCRQ")
            os.kill(run.pid, signo)
            equal(run.wait(1), 1)
            nothing_left(0.2)
            match(r"ended by signal %d \(.*\) before the call to %s was established\n$" % (signo, SERVER), run.stderr())
            equal(run.stderr().count("\n"), 1)
            match("ended by signal %d" % signo, log.last())
            server.wait_ended()
            equal(server.connections[0].names(), ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"])


@test("SIGUSR1 to main during set-up does not end it")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log():
        run = shell()
        server.wait_for("OCRQ")
        os.kill(run.pid, signal.SIGUSR1)
        os.kill(run.pid, signal.SIGTERM)
        equal(run.wait(2), 1)
        match("ended by signal 15", last_line(run))


@test("a server that does not answer delays the end by a signal to main for 2 s at the most")
def _():
    with FakeServer(SERVER, polite(on={"OCRQ": None, "CCRQ": None, "StopCCRQ": None})) as server, Log():
        run = shell()
        server.wait_for("OCRQ")
        before = time.monotonic()
        os.kill(run.pid, signal.SIGTERM)
        equal(run.wait(3), 1)
        between(1.5, time.monotonic() - before, 2.1, "seconds")
        match("ended by signal 15", last_line(run))
        nothing_left(0.2)


@test("a stopped gateway delays the end by a signal to main for 2 s at the most, and not the end of the call")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log():
        run = shell()
        server.wait_for("OCRQ")
        run.kill("pptpgw", signal.SIGSTOP)
        before = time.monotonic()
        os.kill(run.pid, signal.SIGTERM)
        equal(run.wait(3), 1)
        between(1.9, time.monotonic() - before, 2.3, "seconds")
        match("ended by signal 15", last_line(run))
        server.wait_ended()
        nothing_left()


@test("a call that was started with SIGHUP or SIGINT ignored, as by nohup or a script's &, survives it")
def _():
    for signo in (signal.SIGHUP, signal.SIGINT):
        with FakeServer(SERVER) as server, Log() as log:
            run = start(SERVER, prefix=("env", "--ignore-signal=%s" % signo.name[3:]))
            log.wait("Outgoing call established")
            run.status()
            for comm in ("pptp", "pptpgw", "pptpcm"):
                run.kill(comm, signo)
            run.kill("pptpcm", signal.SIGTERM)
            equal(run.wait(2), 0)
            match("ended by SIGTERM", log.text())
            no_match(r"SIGHUP|SIGINT|Hangup|Interrupt", log.text())
            nothing_left()


@test("SIGKILL of main during set-up is reported on stderr")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log():
        run = shell()
        server.wait_for("OCRQ")
        run.process.kill()
        server.wait_ended()
        run.wait_all()
        match("pptp itself was ended before the call to 127.0.0.2 was established", last_line(run))
        nothing_left()


@test("a signal to the gateway during set-up is the reason in the last line of the log")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log() as log:
        run = start(SERVER)
        server.wait_for("OCRQ")
        run.kill("pptpgw", signal.SIGTERM)
        equal(run.wait(1), 1)
        match(r"ended by signal 15 \(.*\) before the call to 127.0.0.2 was established", last_line(run))
        match("ended by signal 15", log.last())
        nothing_left()


# ---- descriptors ----

def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(") ", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@test("a call manager without a free descriptor waits quietly, and accepts clients when there is one")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, log=log, prefix=("prlimit", "--nofile=20:20"))
        manager = run.pid_of("pptpcm")
        path, = sockets()
        full = [connect(path) for _ in range(16)]
        log.wait("cannot accept a status client at the moment: " + NO_DESCRIPTORS)
        waiting = [connect(path) for _ in range(3)]
        spent = cpu_seconds(manager)
        time.sleep(1)  # what is measured is how little happens
        between(0, cpu_seconds(manager) - spent, 0.1, "seconds of CPU")
        for s in full:
            s.close()
        for s in waiting:
            s.send(STATUS_REQUEST)
            equal(s.recv(65536)[:2], STATUS)
            s.close()
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


@test("with any number of descriptors a call is established, and holds what is its own, or ends with a reason")
def _():
    established = 0
    for count in range(4, 24):
        with FakeServer(SERVER) as server, Log() as log:
            run = start(SERVER, prefix=("prlimit", "--nofile=%d:%d" % (count, count)))
            true(server.wait(lambda: server.connections and "OCRQ" in server.connections[-1].names(), 0.3)
                 or run.process.poll() is not None or run.wait(3), count)
            manager = run.pid_of("pptpcm")
            if manager and run.process.poll() is None:
                log.wait("Outgoing call established")
                held = [d for d in descriptors(manager).values() if "ptmx" in d or "pts" in d]
                equal(held, [], "held by the call manager with %d descriptors" % count)
                established += 1
                run.hang_up()
                run.wait_all(3)
            else:
                equal(run.wait(3), 1)
                match(NO_DESCRIPTORS, run.stderr())
            nothing_left()
    true(established > 3, established)


@test("a start with SIGCHLD ignored changes nothing: the parent reaps its children")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER, prefix=("env", "--ignore-signal=CHLD"))
        log.wait("Outgoing call established")
        run.status()
        for pid in run.pids():
            with open("/proc/%d/status" % pid) as f:
                ignored = int(match(r"SigIgn:\s+(\w+)", f.read()).group(1), 16)
            equal(ignored >> (signal.SIGCHLD - 1) & 1, 0)
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


@test("a terminal that the pty form was tried on by hand blocks again afterwards")
def _():
    for signo, script in ((signal.SIGTERM, None), (None, polite(ocrp={"result": 4}))):
        with FakeServer(SERVER, script) as server, Log() as log:
            master, slave = os.openpty()
            os.set_blocking(slave, True)
            run = Run([SERVER, "--nolaunchpppd"], pty=False, stdin=slave, stdout=slave)
            if signo:
                log.wait("Outgoing call established")
                run.status()
                true(not os.get_blocking(slave))
                run.kill("pptpgw", signo)
            equal(run.wait(2), 0 if signo else 1)
            true(os.get_blocking(slave))
            os.close(slave)
            os.close(master)
            nothing_left()


@test("standard descriptors that are closed at the start are no trap")
def _():
    for form, closed in [(form, closed) for form in ("pty", "shell")
                         for closed in ("<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-")]:
        with FakeServer(SERVER, polite(ocrp={"result": 4})) as server, Log() as log:
            arguments = [SERVER] + (["--nolaunchpppd"] if form == "pty" else [])
            run = Run(arguments, pty=False, prefix=("sh", "-c", 'exec "$0" "$@" ' + closed))
            equal(run.wait(3), 1, (form, closed))
            run.wait_all(2)
            log.wait("busy|before the call|pppd has exited")
            if "2" not in closed:
                match(SERVER, last_line(run))
            nothing_left()


# ---- a run directory that cannot be used ----

def log_of_a_call():
    """A call is made and ended in order; what the log says."""
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER)
        run.wait_ready()
        run.hang_up()
        equal(run.wait(2), 0)
        run.wait_all(1)
        equal(server.names(), [["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"]])
        nothing_left()
        return log.text()


@test("a /run that is read-only, and one without space, prevent the status socket and no call")
def _():
    sh("rm -rf /run/pptp; mount -o bind,ro /run /run")
    try:
        match("no socket for --status: Read-only file system", log_of_a_call())
    finally:
        sh("umount /run")
    sh("mkdir -p /run/pptp; mount -t tmpfs -o nr_inodes=1,mode=700 none /run/pptp")
    try:
        match("no socket for --status: No space", log_of_a_call())
    finally:
        sh("umount /run/pptp; rm -rf /run/pptp")


# ---- a gateway that does not read ----

# Bytes of these packets; the version and the type are two of them.
STATS_REQUEST_BYTES = 2
DRAIN_BYTES = 3


def unread(pid):
    """Bytes that lie unread in each of the process's packet sockets."""
    inodes = [d[8:-1] for d in descriptors(pid).values() if d.startswith("socket:[")]
    found = {}
    for line in sh("ss -xnaH").splitlines():
        words = line.split()
        if words[0] == "u_seq" and words[5] in inodes:
            found[words[5]] = int(words[2])
    return found


@test("a gateway that is stopped during a call is asked for statistics all the same, and sees the end")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, conn = up(server, log=log)
        gateway = run.pid_of("pptpgw")
        run.kill("pptpgw", signal.SIGSTOP)
        for _ in range(5):
            equal(status(sockets()[0])["calls"], "1")
        equal(max(unread(gateway).values()), 5 * STATS_REQUEST_BYTES)
        conn.send("CDN", call_id=1000, result=3)
        server.wait_ended()
        log.wait("Closing connection")
        run.kill("pptpgw", signal.SIGCONT)
        equal(run.wait(2), 1)
        match("ended the call: ", log.last())
        nothing_left()


@test("a gateway that is stopped during set-up is sent nothing but the end")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log() as log:
        run = start(SERVER, "--connect-timeout", "1.6")  # time for three heartbeats
        server.wait_for("OCRQ")
        gateway = run.pid_of("pptpgw")
        run.kill("pptpgw", signal.SIGSTOP)
        log.wait("Closing connection")
        server.wait_ended()
        equal(max(unread(gateway).values()), DRAIN_BYTES)
        run.kill("pptpgw", signal.SIGCONT)
        equal(run.wait(2), 1)
        match("Call manager exited with error: .*no answer to Outgoing-Call-Request", last_line(run))
        nothing_left()


# ---- what may pass: pppd does not redial at once ----

REFUSED = "Connection refused"


def wait_reason(run, reason, timeout=WAIT):
    """Until the reason is on stderr; the seconds since the start."""
    while not re.search(reason, run.stderr()):
        took = time.monotonic() - run.started
        true(took < timeout, "no", reason, "in", run.stderr())
        time.sleep(0.005)
    return time.monotonic() - run.started


def took_until_exit(run, timeout=WAIT):
    """The seconds from the start to the exit, with status 1."""
    equal(run.process.wait(timeout), 1)
    return time.monotonic() - run.started


@test("in the pty form a refused connection gives its reason at once, and exits after 3 s")
def _():
    with Log() as log:
        run = start(SERVER)
        between(0, wait_reason(run, REFUSED), 0.5, "seconds to the reason")
        match(REFUSED, log.last())
        between(3.0, took_until_exit(run), 3.3, "seconds to the exit")
        equal(run.stderr().count("\n"), 1)
        nothing_left()


@test("SIGTERM, SIGHUP, SIGINT and a hang-up of the pty end that pause at once")
def _():
    for end in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, None):
        run = start(SERVER)
        wait_reason(run, REFUSED)
        time.sleep(0.1)
        equal(run.process.poll(), None, "it has not paused")
        if end:
            os.kill(run.pid, end)
        else:
            run.hang_up()
        between(0, took_until_exit(run), 1.0, "seconds to the exit by %s" % end)
        equal(run.stderr().count("\n"), 1)
        nothing_left()


@test("a wrong option, the shell form, and a call that was in use exit without that pause")
def _():
    equal(start(SERVER, "--no-such-option").process.wait(0.5), 1)
    between(0, took_until_exit(shell()), 0.5)
    with FakeServer(SERVER, gre=True) as server, Log() as log:
        run, conn = up(server, log=log)
        frame = b"\xff\x03\xc0\x21\x01\x01\x00\x04"
        run.write_frame(frame)
        server.wait_gre()
        server.send_gre(conn.received[1]["call_id"], frame, seq=0)
        equal(run.read_frames(), [frame])
        conn.send("CDN", call_id=1000, result=3)
        between(0, took_until_exit(run), 2.0)
        nothing_left()


@test("a name server that fails for the moment is asked again in the pty form, and answers 2 s later")
def _():
    shared_libc()
    with with_names(), NameServer("127.0.0.3", "fails") as names, FakeServer(SERVER) as server, Log() as log:
        run = start("vpn.test")
        time.sleep(2)
        equal(run.process.poll(), None)
        names.addresses = [SERVER]
        log.wait("Outgoing call established")
        between(2.0, time.monotonic() - run.started, 3.5, "seconds")
        run.wait_ready()
        run.hang_up()
        equal((run.wait(2), run.stderr(), len(server.connections)), (0, "", 1))
        nothing_left()


@test("a name server that goes on failing is given up before 9 s, in the shell form at once")
def _():
    shared_libc()
    with with_names(), NameServer("127.0.0.3", "fails") as names:
        in_shell = Run(["vpn.test"], pty=False)
        between(0, took_until_exit(in_shell), 0.5)
        run, ended = start("vpn.test"), start("vpn.test")
        time.sleep(1.5)
        before = time.monotonic()
        os.kill(ended.pid, signal.SIGTERM)
        equal(ended.process.wait(1), 1)
        between(0, time.monotonic() - before, 0.3, "seconds to the end by SIGTERM")
        between(7.0, took_until_exit(run), 9.0)
        match("Could not find the server 'vpn.test': no name server gave an answer", last_line(run))
        true(max(b - a for a, b in zip(names.times, names.times[1:])) < 1.5, names.times)
        nothing_left()


@contextlib.contextmanager
def no_route():
    """far_network() without the route to it."""
    with far_network():
        sh("ip route del default")
        yield


@test("without a route the pty form waits for one, and calls when it comes")
def _():
    with no_route(), far_server() as server, Log() as log:
        run = start(FAR)
        log.wait("there is no route to %s: waiting for one" % FAR)
        time.sleep(2)
        equal((run.process.poll(), run.stderr()), (None, ""))
        before = time.monotonic()
        sh("ip route add default via 10.9.0.2")
        log.wait("Outgoing call established")
        between(0, time.monotonic() - before, 0.5, "seconds from the route to the call")
        run.wait_ready()
        run.hang_up()
        equal((run.wait(2), len(server.connections)), (0, 1))
        nothing_left()


@test("without a route the pty form ends after 8 s, by SIGTERM or a hang-up and in the shell form at once")
def _():
    with no_route(), Log():
        run, ended, hung_up = start(FAR), start(FAR), start(FAR)
        in_shell = Run([FAR], pty=False)
        between(0, took_until_exit(in_shell), 0.5)
        match(NETWORK_UNREACHABLE, last_line(in_shell))
        time.sleep(0.5)
        before = time.monotonic()
        os.kill(ended.pid, signal.SIGTERM)
        hung_up.hang_up()
        for stopped in (ended, hung_up):
            equal(stopped.process.wait(1), 1)
        between(0, time.monotonic() - before, 0.3, "seconds to the end by SIGTERM and hang-up")
        between(8.0, took_until_exit(run), 8.5)
        match(NETWORK_UNREACHABLE, last_line(run))
        nothing_left()


# ---- suspend ----

@test("the keepalive's deadline is on a clock that counts suspended time (CLOCK_BOOTTIME)")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, "--idle-wait", "100", log=log)
        manager = run.pid_of("pptpcm")
        timer, = [fd for fd, target in descriptors(manager).items() if "timerfd" in target]
        # Until the deadline of the status, which up() has asked for, is over.
        for _ in range(100):
            with open("/proc/%d/fdinfo/%d" % (manager, timer)) as f:
                info = f.read()
            equal(match(r"clockid: (\d+)", info).group(1), "7")
            left = match(r"it_value: \((\d+), (\d+)\)", info)
            seconds = int(left.group(1)) + int(left.group(2)) / 1e9
            if seconds > 1:
                break
            time.sleep(0.01)
        between(95, seconds, 100, "seconds to the Echo-Request")
        run.hang_up()
        equal(run.wait(2), 0)


# ---- pauses of our own ----

@test("answers that came while the call manager was stopped count, though their time-outs have passed")
def _():
    replies = threading.Event()

    def late(conn):
        conn.expect("SCCRQ")
        replies.wait(WAIT)
        conn.send("SCCRP", version=0x100, result=1, framing=3, bearer=3)
        call = conn.expect("OCRQ")["call_id"]
        conn.send("OCRP", call_id=1000, peer_call_id=call, result=1, window=8)
        conn.expect("CCRQ")
        conn.expect("StopCCRQ")
    shared_libc()
    with with_names(), NameServer("127.0.0.3", [SERVER]) as names, \
            FakeServer(SERVER, late) as server, Log() as log:
        names.may_answer.clear()
        run = start("vpn.test", "--connect-timeout", "0.4")
        true(names.asked.wait(WAIT), "the name server is not asked")
        with run.stopped("pptpcm"):
            names.may_answer.set()
            time.sleep(0.5)
        server.wait_for("SCCRQ")
        with run.stopped("pptpcm"):
            replies.set()
            time.sleep(0.5)
        log.wait("Outgoing call established")
        run.wait_ready()
        run.hang_up()
        equal(run.wait(2), 0)
        no_match("no answer|timed out", log.text())
        nothing_left()


@test("an answer to Echo-Request that came while the call manager was stopped keeps the call")
def _():
    answer = threading.Event()
    with FakeServer(SERVER, polite(held={"EchoRQ": answer})) as server, Log() as log:
        run, _ = up(server, "--idle-wait", "0.3", "--max-echo-wait", "1", log=log)
        server.wait_for("EchoRQ")
        with run.stopped("pptpcm"):
            answer.set()
            time.sleep(1.5)
        server.wait_for("EchoRQ", 2)
        equal(run.status()["call.1.state"], "established")
        run.hang_up()
        equal(run.wait(2), 0)
        no_match("silent", log.text())
        nothing_left()


# ---- who is told what, and where ----

@test("without a log daemon the reason of a call's end is on stderr in the pty form, and nothing else is")
def _():
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/dev/log")
    with FakeServer(SERVER) as server:
        failing, ending = start(SERVER), start(SERVER)
        server.wait_for("OCRQ", 2)
        for run in (failing, ending):
            equal(run.status()["call.1.state"], "established")
        connection = next(c for c in server.connections
                          if c.received[1]["call_id"] == int(failing.status()["call.1.id"]))
        equal(failing.stderr() + ending.stderr(), "")
        connection.send("CDN", call_id=connection.received[1]["call_id"], result=1)
        equal(failing.wait(3), 1)
        match("^[^\n]*fatal[^\n]*ended the call: lost carrier\n$", failing.stderr())
        ending.hang_up()
        equal((ending.wait(2), ending.stderr()), (0, ""))
        nothing_left()


@test("without a log daemon a server's silence is on stderr in the pty form, and that it ends the call")
def _():
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/dev/log")
    with FakeServer(SERVER, polite(on={"EchoRQ": None, "CCRQ": None, "StopCCRQ": None})) as server:
        run = start(SERVER, "--idle-wait", "4", "--max-echo-wait", "3")
        server.wait_for("OCRQ")
        run.write_frame(b"\xff\x03\xc0\x21\x01\x01\x00\x04")  # LCP's Configure-Request
        equal(run.wait(15), 1)
        match(r"^[^\n]*warn[^\n]*no GRE came back from 127.0.0.2 in \d+ s [^\n]*\n"
              r"[^\n]*fatal[^\n]*silent for too long[^\n]*\n$", run.stderr())
        nothing_left()


class OnTerminal:
    """A start whose standard error is a terminal."""

    def __init__(self, *arguments):
        self._master, slave = os.openpty()
        self._process = subprocess.Popen([PPTP] + list(arguments), stdin=subprocess.DEVNULL,
                                         stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)

    def shown(self):
        """All of what it has shown, once it has failed."""
        equal(self._process.wait(8), 1)
        text = b""
        with contextlib.suppress(OSError):  # its end
            while True:
                text += os.read(self._master, 4096)
        os.close(self._master)
        return text.decode()


@test("in the shell form a user at a terminal is told each stage that takes longer than a second; in pppd's log none is")
def _():
    sh("nft 'add table ip cut; add chain ip cut c { type filter hook input priority 0; }; "
       "add rule ip cut c ip daddr 127.0.0.5 tcp dport 1723 drop'")
    stages = {"vpn.test": "looking up vpn.test",
              "127.0.0.5": "connecting to 127.0.0.5",
              "127.0.0.6": "127.0.0.6 is connected, waiting for its answer",
              "127.0.0.7": "127.0.0.7 is connected, waiting for its answer"}
    with with_names(), NameServer("127.0.0.3"), FakeServer("127.0.0.6", polite(on={"SCCRQ": None})), \
            FakeServer("127.0.0.7", polite(on={"OCRQ": None})), \
            FakeServer("127.0.0.8", polite(sccrp={"result": 4})), Log():
        in_shell = {server: OnTerminal(server, "--connect-timeout", "2") for server in stages}
        by_pppd = [OnTerminal(server, "--connect-timeout", "2", "--nolaunchpppd") for server in stages]
        quick = OnTerminal("127.0.0.8")
        for server, run in in_shell.items():
            match(r"^pptp: %s \.\.\.\r\n[^\n]*fatal[^\n]*\n$" % re.escape(stages[server]), run.shown())
        for run in by_pppd:
            match(r"^[^\n]*fatal[^\n]*\n$", run.shown())
        match(r"^[^\n]*fatal[^\n]*refused[^\n]*\n$", quick.shown())
        nothing_left()
    sh("nft delete table ip cut")


main()
