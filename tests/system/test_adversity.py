#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
What else goes wrong on a host: processes that somebody has stopped, signals while a call is set up,
descriptors and room that have run out, standard descriptors that are closed.
"""
from harness import *  # noqa: F401,F403
from harness import SERVER, WAIT, ctypes, os, signal, socket, threading, time
import resource

NO_ANSWER = {"OCRQ": None}


def shell(*arguments, **kwargs):
    """The shell form; these tests do not get as far as pppd."""
    return Run([SERVER] + list(arguments), pty=False, **kwargs)


# ---- a call manager that is asked to share its connection, and stopped ----

@test("a stopped call manager is given up within 2 s, and the call made without it")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        first, _ = up(server, "--share-control", log=log)
        first.kill("pptpcm", signal.SIGSTOP)
        before = time.monotonic()
        second = start(SERVER, "--share-control")
        log.wait("Outgoing call established", count=2)
        between(1.0, time.monotonic() - before, 2.0, "seconds")
        log.wait("does not answer: going on without it")
        first.kill("pptpcm", signal.SIGCONT)
        wait_gateways(2)
        equal(first.status()["calls"], "1")  # the request that nobody waits for is dropped
        for run in (first, second):
            run.hang_up()
            equal(run.wait(2), 0)
        equal([names.count("OCRQ") for names in server.names()], [1, 1])
        equal(server.mistakes(), [])
        nothing_left()


@test("calls behind a stopped call manager share the connection of the first that left it")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        first, _ = up(server, "--share-control", log=log)
        first.kill("pptpcm", signal.SIGSTOP)
        others = [start(SERVER, "--share-control") for _ in range(5)]
        log.wait("Outgoing call established", count=6)
        equal(sorted(names.count("OCRQ") for names in server.names()), [1, 5])
        first.kill("pptpcm", signal.SIGCONT)
        wait_gateways(6)
        for run in [first] + others:
            run.hang_up()
            equal(run.wait(3), 0)
        nothing_left()


@test("a call manager that waits for its server keeps those who have asked it")
def _():
    gate = threading.Event()
    with FakeServer(SERVER, polite(held={"SCCRQ": gate})) as server, \
            FakeServer("127.0.0.3") as other, Log() as log:
        stopped, _ = up(other, "--share-control", log=log, address="127.0.0.3")
        stopped.kill("pptpcm", signal.SIGSTOP)
        first = start(SERVER, "--share-control")
        server.wait_for("SCCRQ")
        second = start(SERVER, "--share-control")
        log.wait("joins the control connection")
        third = start("127.0.0.3", "--share-control")
        log.wait("does not answer: going on without it")  # as long as a silent one is waited for
        no_match("127.0.0.2 does not answer", log.text())
        gate.set()
        stopped.kill("pptpcm", signal.SIGCONT)
        log.wait("Outgoing call established", count=4)
        equal(len(server.connections), 1)
        wait_gateways(4)
        for run in (first, second, third, stopped):
            run.hang_up()
            equal(run.wait(2), 0)
        nothing_left()


# ---- a gateway whose own call manager is stopped ----

@test("in set-up a stopped call manager is woken to take leave, one that hangs is killed, after 10 s")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log() as log, \
            FakeServer("127.0.0.3", polite(on=NO_ANSWER)) as other:
        stopped, hanging = start(SERVER), start("127.0.0.3")
        manager = wait_manager(other, hanging)
        libc = ctypes.CDLL(None, use_errno=True)
        equal(libc.ptrace(16, manager, None, None), 0)  # PTRACE_ATTACH: only SIGKILL gets it out
        true(os.WIFSTOPPED(os.waitpid(manager, 0)[1]))
        os.kill(wait_manager(server, stopped), signal.SIGSTOP)
        # and one whose call manager is well, while the gateway itself stands still for as long
        with FakeServer("127.0.0.4", polite(on=NO_ANSWER)) as third:
            asleep = start("127.0.0.4")
            wait_manager(third, asleep)
            asleep.kill("pptpgw", signal.SIGSTOP)

            equal(stopped.wait(13), 1)
            between(9.5, time.monotonic() - stopped.started, 11.5, "seconds")
            match("Call manager exited with error: it was silent for 10 s", last_line(stopped))
            server.wait_ended()
            equal(server.connections[0].names(), ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"])

            equal(hanging.wait(4), 1)
            between(11.5, time.monotonic() - hanging.started, 13.5, "seconds")
            match("silent for 10 s", last_line(hanging))
            status = os.waitpid(manager, 0)[1]
            equal(os.WIFSIGNALED(status) and os.WTERMSIG(status), signal.SIGKILL)
            other.wait_ended()

            asleep.kill("pptpgw", signal.SIGCONT)
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
    @test("%s to main during set-up: the last line says so, and all is gone when main is" % _signal.name)
    def _(signo=_signal):
        with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log() as log:
            run = shell()
            server.wait_for("OCRQ")
            os.kill(run.pid, signo)
            equal(run.wait(1), 1)
            nothing_left(0.2)
            match(r"ended by signal %d \(.*\) before the call to %s stood\n$" % (signo, SERVER), run.stderr())
            equal(run.stderr().count("\n"), 1)
            match("ended by signal %d" % signo, log.last())
            server.wait_ended()
            equal(server.connections[0].names(), ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"])


@test("who asks main for statistics during set-up does not end it")
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


@test("a stopped gateway does not keep main from ending by a signal, nor the call from being taken down")
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


@test("a call that was started with a terminal's signal ignored, as by nohup or a script's &, outlives it")
def _():
    for signo in (signal.SIGHUP, signal.SIGINT):
        with FakeServer(SERVER) as server, Log() as log:
            run = start(SERVER, prefix=("env", "--ignore-signal=%s" % signo.name[3:]))
            log.wait("Outgoing call established")
            run.status()
            run.kill("pptpgw", signo)
            run.kill("pptpcm", signo)
            run.kill("pptpcm", signal.SIGTERM)
            equal(run.wait(2), 0)
            match("ended by SIGTERM", log.text())
            no_match(r"SIGHUP|SIGINT|Hangup|Interrupt", log.text())
            nothing_left()


@test("main's death by SIGKILL during set-up is told on stderr")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log():
        run = shell()
        server.wait_for("OCRQ")
        run.process.kill()
        server.wait_ended()
        run.wait_all()
        match("pptp itself was ended before the call to 127.0.0.2 stood", last_line(run))
        nothing_left()


@test("a signal to the gateway during set-up is the reason in the last line of the log")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log() as log:
        run = start(SERVER)
        server.wait_for("OCRQ")
        run.kill("pptpgw", signal.SIGTERM)
        equal(run.wait(1), 1)
        match(r"ended by signal 15 \(.*\) before the call to 127.0.0.2 stood", last_line(run))
        match("ended by signal 15", log.last())
        nothing_left()


# ---- descriptors ----

def limit_descriptors(pid, count):
    """No more than `count` from now on; the limit before."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (count, hard))
    return soft, hard


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        words = f.read().rsplit(") ", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


@test("a call manager without a free descriptor waits quietly, and takes clients when there is one")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, log=log)
        manager = run.pid_of("pptpcm")
        before = limit_descriptors(manager, max(descriptors(manager)) + 1)
        waiting = [connect(sockets()[0]) for _ in range(3)]
        log.wait("cannot take another client of the socket now: " + NO_DESCRIPTORS)
        spent = cpu_seconds(manager)
        time.sleep(1)  # what is measured is how little happens
        between(0, cpu_seconds(manager) - spent, 0.1, "seconds of CPU")
        resource.prlimit(manager, resource.RLIMIT_NOFILE, before)
        for s in waiting:
            s.send(STATUS_REQUEST)
            equal(s.recv(65536)[:2], STATUS)
            s.close()
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


@test("with any number of descriptors a call stands, and holds what is its own, or ends with a reason")
def _():
    stood = 0
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
                stood += 1
                run.hang_up()
                run.wait_all(3)
            else:
                equal(run.wait(3), 1)
                match(NO_DESCRIPTORS, run.stderr())
            nothing_left()
    true(stood > 5, stood)


@test("the call manager's and the gateway's children stay theirs where SIGCHLD was ignored")
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
            log.wait("busy|before the call|pppd has gone")
            if "2" not in closed:
                match(SERVER, last_line(run))
            nothing_left()


# ---- a folder for sockets that cannot be used ----

def logs_of_a_call(*arguments):
    """A call is made and ended in order; what the log says."""
    with FakeServer(SERVER) as server, Log() as log:
        run = start(SERVER, *arguments)
        log.wait("Outgoing call established")
        gateway_is_up(run)
        run.hang_up()
        equal(run.wait(2), 0)
        run.wait_all(1)
        equal(server.names(), [["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"]])
        nothing_left()
        return log.text()


def gateway_is_up(run):
    """Waits until the gateway has given up its rights, which it does with the call that stands."""
    deadline = time.monotonic() + WAIT
    while os.stat("/proc/%d" % run.pid_of("pptpgw")).st_uid == 0:
        true(time.monotonic() < deadline, "the gateway is not up")


@test("a /run that is read-only, and one without room, keep nobody from calling")
def _():
    for arguments in ((), ("--share-control",)):
        sh("rm -rf /run/pptp /tmp/pptp-0; mount -o bind,ro /run /run")
        try:
            no_match("no socket", logs_of_a_call(*arguments))
            true(os.path.isdir("/tmp/pptp-0"))
        finally:
            sh("umount /run; rm -rf /tmp/pptp-0")
        sh("mkdir -p /run/pptp; mount -t tmpfs -o nr_inodes=1,mode=700 none /run/pptp")
        try:
            match("no socket for status and further calls: No space", logs_of_a_call(*arguments))
        finally:
            sh("umount /run/pptp; rm -rf /run/pptp")


# ---- readers that do not read ----

def unread(pid):
    """Octets that lie unread in each of the process's packet sockets."""
    inodes = [d[8:-1] for d in descriptors(pid).values() if d.startswith("socket:[")]
    found = {}
    for line in sh("ss -xnaH").splitlines():
        words = line.split()
        if words[0] == "u_seq" and words[5] in inodes:
            found[words[5]] = int(words[2])
    return found


@test("a gateway that is stopped while a call stands is sent one question, and then its call's end")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, conn = up(server, log=log)
        run.kill("pptpgw", signal.SIGSTOP)
        for _ in range(5):
            equal(status(sockets()[0])["calls"], "1")
        equal(max(unread(run.pid).values()), 2)
        conn.send("CDN", call_id=1000, result=3)
        server.wait_ended()
        run.kill("pptpgw", signal.SIGCONT)
        equal(run.wait(2), 1)
        match("ended the call: ", log.last())
        nothing_left()


@test("a gateway that is stopped during set-up is sent one sign of life, and then the call's end")
def _():
    with FakeServer(SERVER, polite(on=NO_ANSWER)) as server, Log() as log:
        run = start(SERVER, "--connect-timeout", "1.6")  # time for three of them
        server.wait_for("OCRQ")
        run.kill("pptpgw", signal.SIGSTOP)
        text = match("is over: (.*)", log.wait("is over")).group(1)
        server.wait_ended()
        equal(max(unread(run.pid).values()), 2 + 4 + len(text))
        run.kill("pptpgw", signal.SIGCONT)
        equal(run.wait(2), 1)
        match("Call manager exited with error: .*no answer to Outgoing-Call-Request", last_line(run))
        nothing_left()


main()
