#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Each process killed with SIGTERM and SIGKILL in each stage of a call, in both forms of use, and the
network dropped in each stage: nothing is left behind, in bounded time, and the next start succeeds.
Where the parent is killed by SIGKILL, the host route and the name of the status socket may stay; the
next start takes both over.
The seconds until the last process has exited are printed as a table.
"""
from harness import *  # noqa: F401,F403
from harness import FAR, TOP, WAIT, Failed, Run, contextlib, os, signal, socket, time

LOOKUP, CONNECTING, START, CALL, UP, CLOSING = (
    "look-up", "connecting", "SCCRP", "OCRP", "established", "closing")
STAGES = (LOOKUP, CONNECTING, START, CALL, UP, CLOSING)
HEARD = {          # by the server, where the call manager lives
    START: ["SCCRQ", "StopCCRQ"],
    CALL: ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"],
    UP: ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"],
    CLOSING: ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"],
}
ANSWERED = 0.5     # seconds: the server answers at once, or there is none to be told
UNANSWERED = 2.2   # it does not: closing is given up after 2
WAITS = 0.4        # with the network dropped: --connect-timeout, --idle-wait, --max-echo-wait
SLACK = 0.2
DROPPED = {        # one wait for an answer, or two for an echo; then closing where that makes sense
    LOOKUP: WAITS + SLACK,
    CONNECTING: WAITS + SLACK,
    START: WAITS + SLACK,
    CALL: WAITS + UNANSWERED,
    UP: 2 * WAITS + SLACK,
    CLOSING: UNANSWERED,
}
PROCESSES = {"gateway": "pptpgw", "call manager": "pptpcm"}
PARENT = "parent"
NAME = "vpn.test"
NAME_SERVER = "127.0.0.3"
PPPD_IS_UP = "/run/pppd-is-up"
PPPD = """#!/bin/sh
# In place of pppd: opens the tty, writes something, reads until the hang-up.
exec 3<>"$1"
printf '~~' >&3
echo up > %s
exec cat <&3
""" % PPPD_IS_UP

results = {}  # (row, stage) -> seconds
name_server = []  # the socket of a name server that never answers


def stalling(stage):
    """A server's script that does not answer at that stage."""
    if stage == START:
        return polite(on={"SCCRQ": None, "StopCCRQ": None})
    if stage == CALL:
        return polite(on={"OCRQ": None, "CCRQ": None, "StopCCRQ": None})
    if stage == CLOSING:
        return polite(on={"CCRQ": None, "StopCCRQ": None})
    return polite()


def drop_network():
    sh("ip netns exec far nft 'add table ip cut; add chain ip cut in { type filter hook input "
       "priority 0; policy drop; }; add chain ip cut out { type filter hook output priority 0; "
       "policy drop; }'")


def restore_network():
    sh("ip netns exec far nft delete table ip cut", check=False)


@contextlib.contextmanager
def world():
    with far_network(), hosts("127.0.0.1 localhost\n", "dns", NAME_SERVER), \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as names:
        names.bind((NAME_SERVER, 53))
        names.settimeout(WAIT)
        name_server[:] = [names]
        with open("/run/pppd", "w") as f:
            f.write(PPPD)
        os.chmod("/run/pppd", 0o755)
        if not os.path.exists("/usr/sbin/pppd"):
            fail("no /usr/sbin/pppd to put a stand-in over")
        sh("mount --bind /run/pppd /usr/sbin/pppd")
        os.mkfifo(PPPD_IS_UP)
        try:
            yield
        finally:
            restore_network()
            sh("umount /usr/sbin/pppd; rm -f " + PPPD_IS_UP)


def begin(form, stage, *arguments):
    server = NAME if stage == LOOKUP else FAR
    if form == "shell":
        return Run([server] + list(arguments), pty=False)
    return start(server, *arguments)


def wait_up(run, form, log):
    log.wait("Outgoing call established")
    run.status()
    if form == "shell":
        with open(PPPD_IS_UP) as f:  # blocks until the stand-in opens it
            equal(f.read(), "up\n")


def end_normally(run, form):
    if form == "shell":
        os.kill(run.pid, signal.SIGTERM)
    else:
        run.hang_up()


def wait_started(run):
    """Until both children have their names."""
    deadline = time.monotonic() + WAIT
    while not set(PROCESSES.values()) <= set(run.pids().values()):
        true(time.monotonic() < deadline, run.pids())


def reach(stage, run, form, server, log):
    if stage == LOOKUP:
        name_server[0].recv(1500)
    elif stage == CONNECTING:
        log.wait("Connecting to")
    elif stage == START:
        server.wait_for("SCCRQ")
    elif stage == CALL:
        server.wait_for("OCRQ")
    else:
        wait_up(run, form, log)
    if stage == CLOSING:
        end_normally(run, form)
        server.wait_for("StopCCRQ")
    else:
        wait_started(run)


def next_start_succeeds():
    """And cleans up what a killed parent has left."""
    with far_server() as server, Log() as log:
        run = start(FAR)
        log.wait("Outgoing call established")
        run.status()
        equal(len(sockets()), 1, "sockets during the next call")
        run.hang_up()
        equal(run.wait(2), 0, "exit status of the next start")
        equal(server.mistakes(), [])
        nothing_left()


def strike(run, victim, signo):
    if victim == "main":
        os.kill(run.pid, signo)
    elif victim == PARENT:
        os.kill(run.parent(), signo)
    else:
        run.kill(PROCESSES[victim], signo)


def bound(victim, signo, stage):
    """Seconds within which all has ended: where the server answers, or nothing can be sent to it."""
    silenced = victim == "call manager" and signo == signal.SIGKILL
    return ANSWERED if stage in (LOOKUP, CONNECTING, START, UP) or silenced else UNANSWERED


def cell(form, victim, signo, stage):
    """One cell: the seconds from the kill until everything has ended."""
    with far_server(stalling(stage)) as server, Log() as log:
        if stage == CONNECTING:
            drop_network()
        run = begin(form, stage)
        reach(stage, run, form, server, log)
        before = time.monotonic()
        strike(run, victim, signo)
        run.wait_all(UNANSWERED)
        took = time.monotonic() - before
        silenced = victim == "call manager" and signo == signal.SIGKILL
        if stage in HEARD and not silenced:
            server.wait_ended()
            equal(server.names(), [HEARD[stage]])
        killed = victim == PARENT and signo == signal.SIGKILL
        nothing_left(0, but=("file ", "socket ", "route ") if killed else ())
        between(0, took, bound(victim, signo, stage), "seconds")
        equal(server.mistakes(), [])
    restore_network()
    next_start_succeeds()
    return took


def dropped(form, stage):
    """The network goes at that stage: the seconds until everything has ended."""
    with far_server(stalling(stage)) as server, Log() as log:
        if stage == CONNECTING:
            drop_network()
        run = begin(form, stage, "--connect-timeout", str(WAITS), "--idle-wait", str(WAITS),
                    "--max-echo-wait", str(WAITS))
        reach(stage, run, form, server, log)
        if stage != CONNECTING:
            drop_network()
        before = time.monotonic()
        run.wait_all(1.0 + UNANSWERED)
        took = time.monotonic() - before
        between(0, took, DROPPED[stage], "seconds")
        nothing_left(0)
        equal(server.mistakes(), [])
    restore_network()
    next_start_succeeds()
    return took


def table():
    rows = list(dict.fromkeys(row for row, _ in results))
    width = max(map(len, rows))
    diag("seconds until the last process has exited")
    diag(" " * width + "".join("%13s" % s for s in STAGES))
    for row in rows:
        cells = []
        for stage in STAGES:
            took = results.get((row, stage))
            cells.append("%13s" % ("-" if took is None else took if isinstance(took, str) else "%.3f" % took))
        diag(row.ljust(width) + "".join(cells))


def run_row(row, stages, one):
    failures = []
    with world():
        for stage in stages:
            results[row, stage] = "FAILED"
            try:
                results[row, stage] = one(stage)
            except Exception as e:
                failures.append("%s: %s" % (stage, e))
                end_everything()
                sh("ip route flush proto %s" % OUR_ROUTES, check=False)
                restore_network()
    true(not failures, "\n".join(failures))


VICTIMS = {"pty": (PARENT, "gateway", "call manager"),
           "shell": ("main", PARENT, "gateway", "call manager")}
for _form, _victims in VICTIMS.items():
    for _victim in _victims:
        for _name in ("SIGTERM", "SIGKILL"):
            _row = "%s form, %s, %s" % (_form, _victim, _name)
            # main is pppd once the call is established; it and the gateway have exited when it closes
            _stages = STAGES[:5] if _victim in ("main", "gateway") else STAGES

            @test("nothing is left and the next start succeeds: " + _row)
            def _(form=_form, victim=_victim, signo=getattr(signal, _name), row=_row, stages=_stages):
                run_row(row, stages, lambda stage: cell(form, victim, signo, stage))

for _form in VICTIMS:
    _row = "%s form, network dropped" % _form

    @test("nothing is left and the next start succeeds: " + _row)
    def _(form=_form, row=_row):
        run_row(row, STAGES, lambda stage: dropped(form, stage))


def killed_at(instant, signo, but):
    """A call whose parent gets the signal in that instant, or, where it has none so late, is ended by
    SIGTERM: which instant it was; None where there was none."""
    with Log() as log:
        run = start(FAR, **signal_in_instant("pptp", signo, instant))
        while run.process.poll() is None and not any("Server in use" in text for _, text in log.lines):
            time.sleep(0.001)
        with contextlib.suppress(ProcessLookupError):  # it may have been struck meanwhile
            os.kill(run.pid, signal.SIGTERM)
        run.wait_all(UNANSWERED)
    try:
        nothing_left(0, but)
        true(all(path.endswith(".%d" % run.pid) for path in sockets()), sockets())
    except Failed as e:
        fail(signal.Signals(signo).name, struck(), "as instant", instant, e)
    return struck()


@test("in whatever instant the parent gets SIGTERM, it leaves nothing")
def _():
    with remote_server():
        instants = 1
        while killed_at(instants, signal.SIGTERM, ()):
            instants += 1
        diag(instants - 1, "instants")
        true(instants > 30, instants, "instants")


@test("in whatever instant the parent is killed, only route and socket are left, and the next start cleans up")
def _():
    with remote_server():
        instants = 1
        while killed_at(instants, signal.SIGKILL, ("file ", "socket ", "route ")):
            killed_at(1 << 30, 0, ())  # a whole call
            instants += 1
        diag(instants - 1, "instants")
        true(instants > 30, instants, "instants")


@test("a second signal to main ends its waiting, and nothing is left by the parent, which goes on")
def _():
    with world(), far_server(stalling(CALL)) as server, Log() as log:
        run = begin("shell", CALL)
        reach(CALL, run, "shell", server, log)
        os.kill(run.pid, signal.SIGINT)
        server.wait_for("StopCCRQ")
        before = time.monotonic()
        os.kill(run.pid, signal.SIGINT)
        equal(run.wait(ANSWERED), 1)
        between(0, time.monotonic() - before, ANSWERED, "seconds until the user has the terminal back")
        run.wait_all(UNANSWERED)
        server.wait_ended()
        equal(server.names(), [HEARD[CALL]])
        nothing_left(0)
        match("ended by signal 2 ", last_line(run))


@test("the kill matrix is complete")
def _():
    table()
    killed = 2 * (2 * 2 * 6 + 2 * 5) + 2 * 5  # forms, (processes, signals, stages; gateway); main
    equal(len(results), killed + 2 * 6, "cells")
    true(all(isinstance(took, float) for took in results.values()))


main()
