#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Each process killed with SIGTERM and SIGKILL in each stage of a call, in both forms of use, and the
network dropped in each stage: nothing is left behind, in bounded time, and the next start succeeds.
Where the call manager is killed, its cleaner clears up; what is left where both are, the next start
must clear.
The seconds until the last process was gone are printed as a table.
"""
from harness import *  # noqa: F401,F403
from harness import FAR, TOP, Failed, contextlib, os, signal, time

CONNECTING, START, CALL, UP, CLOSING = "connecting", "SCCRP", "OCRP", "established", "closing"
STAGES = (CONNECTING, START, CALL, UP, CLOSING)
HEARD = {          # by a server whom nobody left without a word
    START: ["SCCRQ", "StopCCRQ"],
    CALL: ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"],
    UP: ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"],
    CLOSING: ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"],
}
ANSWERED = 0.5     # seconds: the server answers at once
UNANSWERED = 2.2   # it does not: closing is given up after 2
WAITS = 0.4        # with the network dropped: --connect-timeout, --idle-wait, --max-echo-wait
SLACK = 0.2
DROPPED = {        # one wait for an answer, or two for an echo; then closing where that makes sense
    CONNECTING: WAITS + SLACK,
    START: WAITS + SLACK,
    CALL: WAITS + UNANSWERED,
    UP: 2 * WAITS + SLACK,
    CLOSING: UNANSWERED,
}
PROCESSES = {"gateway": "pptpgw", "call manager": "pptpcm", "cleaner": "pptpcl"}
CLEANED = "call manager and cleaner"
PPPD_IS_UP = "/run/pppd-is-up"
PPPD = """#!/bin/sh
# Stands in for pppd: takes the tty, says something, reads until the hang-up.
exec 3<>"$1"
printf '~~' >&3
echo up > %s
exec cat <&3
""" % PPPD_IS_UP

results = {}  # (row, stage) -> seconds


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
    with far_network():
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


def begin(form, *arguments):
    if form == "shell":
        return Run([FAR] + list(arguments), pty=False)
    return start(FAR, *arguments)


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


def reach(stage, run, form, server, log):
    if stage == CONNECTING:
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


def next_start_succeeds():
    with far_server() as server, Log() as log:
        run = start(FAR)
        log.wait("Outgoing call established")
        run.status()
        run.hang_up()
        equal(run.wait(2), 0, "exit status of the next start")
        equal(server.mistakes(), [])
        nothing_left()


def strike(run, victim, signo, stage):
    """Kills it. The cleaner's death changes nothing: the call is then ended by SIGTERM."""
    if victim == "main":
        os.kill(run.pid, signo)
    elif victim == CLEANED:
        run.kill_manager_and_cleaner()
    else:
        run.kill(PROCESSES[victim], signo)
    if victim == "cleaner" and stage != CLOSING:
        os.kill(run.pid, signal.SIGTERM)


def cell(form, victim, signo, stage):
    """One cell: the seconds from the kill until everything was gone."""
    with far_server(stalling(stage)) as server, Log() as log:
        if stage == CONNECTING:
            drop_network()
        run = begin(form)
        reach(stage, run, form, server, log)
        before = time.monotonic()
        strike(run, victim, signo, stage)
        run.wait_all(UNANSWERED)
        took = time.monotonic() - before
        silenced = "call manager" in victim and signo == signal.SIGKILL
        if stage in HEARD and not silenced:
            server.wait_ended()
            equal(server.names(), [HEARD[stage]])
        nothing_left(0, but=("file ", "route ") if victim == CLEANED else ())
        between(0, took, ANSWERED if stage in (UP, CONNECTING) else UNANSWERED, "seconds")
        equal(server.mistakes(), [])
    restore_network()
    next_start_succeeds()
    return took


def dropped(form, stage):
    """The network goes at that stage: the seconds until everything was gone."""
    with far_server(stalling(stage)) as server, Log() as log:
        if stage == CONNECTING:
            drop_network()
        run = begin(form, "--connect-timeout", str(WAITS), "--idle-wait", str(WAITS),
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
    diag("seconds until the last process was gone")
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
                restore_network()
    true(not failures, "\n".join(failures))


VICTIMS = {"pty": ("gateway", "call manager", "cleaner", CLEANED),
           "shell": ("main", "gateway", "call manager", "cleaner", CLEANED)}
for _form, _victims in VICTIMS.items():
    for _victim in _victims:
        for _name in ("SIGKILL",) if _victim == CLEANED else ("SIGTERM", "SIGKILL"):
            _row = "%s form, %s, %s" % (_form, _victim, _name)
            # in the shell form main is pppd once the call stands, and gone when it closes
            _stages = STAGES[:4] if _victim == "main" else STAGES

            @test("nothing is left and the next start succeeds: " + _row)
            def _(form=_form, victim=_victim, signo=getattr(signal, _name), row=_row, stages=_stages):
                run_row(row, stages, lambda stage: cell(form, victim, signo, stage))

for _form in VICTIMS:
    _row = "%s form, network dropped" % _form

    @test("nothing is left and the next start succeeds: " + _row)
    def _(form=_form, row=_row):
        run_row(row, STAGES, lambda stage: dropped(form, stage))


def killed(comm, instant, *arguments):
    """A call whose call manager is killed in that instant of the process of that name, or, where it has
    none so late, is ended by SIGTERM: which instant it was; None where there was none."""
    with Log() as log:
        run = start(FAR, *arguments, **signal_in_instant(comm, signal.SIGKILL, instant))
        while run.process.poll() is None and not any("Server in use" in text for _, text in log.lines):
            time.sleep(0.001)
        with contextlib.suppress(Failed, ProcessLookupError):  # it may have been struck meanwhile
            run.kill("pptpcm", signal.SIGTERM)
        run.wait_all(UNANSWERED)
    try:
        nothing_left(0)
    except Failed as e:
        fail("killed", struck(), "as instant", instant, "of", comm, *arguments, e)
    return struck()


@test("in whatever instant the call manager is killed, what it has made until then goes")
def _():
    with remote_server():
        equal(killed("pptpcl", 1), "after _Fork")  # it has the cleaner's name while it forks it
        for arguments in (), ("--share-control",):
            instants = 1
            while killed("pptpcm", instants, *arguments):
                instants += 1
            true(instants > 100, instants, "instants")
            diag(instants - 1, "instants", *arguments)


@test("the kill matrix is complete")
def _():
    table()
    killed = 2 * (3 * 2 + 1) * 5 + 2 * 4  # forms, (processes, signals, both), stages; main
    equal(len(results), killed + 2 * 5, "cells")
    true(all(isinstance(took, float) for took in results.values()))


main()
