#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
How calls end: for each ending the exit status, what the server hears, and the last line on stderr
and in syslog, which names the server, the stage and the reason.
"""
from harness import *  # noqa: F401,F403
from harness import SERVER, contextlib, os, signal, subprocess, time


def never_stood(run, server, log, words, heard, tries=1):
    """Both last lines hold `words` and the server, which has heard `heard` so many times."""
    run.wait_all(2)
    for line in (last_line(run), log.last()):
        match(words, line)
        match(SERVER, line)
    server.wait_ended()
    equal((server.names(), server.mistakes()), ([heard] * tries, []))
    nothing_left()


def refused(script, words, heard, *arguments, status=1, tries=1):
    """A call that the server, or the way to it, does not let stand."""
    with FakeServer(SERVER, script) as server, Log() as log:
        run = start(SERVER, *arguments)
        equal(run.wait(3), status, "exit status")
        never_stood(run, server, log, words, heard, tries)


def ended(action, words, heard, status=1, script=None, within=1.0):
    """A call that stands until action(run, conn): the last line in syslog, silence on stderr."""
    with FakeServer(SERVER, script) as server, Log() as log:
        run, conn = up(server, log=log)
        before = time.monotonic()
        action(run, conn)
        equal(run.wait(3), status, "exit status")
        run.wait_all(3)
        between(0, time.monotonic() - before, within, "seconds")
        match(words, log.last())
        match(SERVER, log.last())
        equal(run.stderr(), "")
        server.wait_ended()
        equal((conn.names()[2:], server.mistakes()), (heard, []))
        nothing_left()


# ---- codes in words ----

ERRORS = {0: "general error", 1: "no control connection", 2: "length or magic", 3: "out of range",
          4: "no resources", 5: "call id", 6: "vendor-specific", 7: "unknown error code 7"}
CAUSES = {17: "cause 17: busy", 28: "cause 28: number incomplete", 0x4321: "cause 17185[)]"}


@test("each error code of a refusal and of an end is told in words")
def _():
    for code, words in ERRORS.items():
        refused(polite(sccrp=dict(result=2, error=code)), "refused the control connection: .*" + words,
                ["SCCRQ"])
        refused(polite(ocrp=dict(result=2, error=code)), "refused the call: .*" + words,
                ["SCCRQ", "OCRQ", "StopCCRQ"])
        ended(lambda run, conn, code=code: conn.send("CDN", call_id=1000, result=2, error=code),
              "ended the call: .*" + words, ["StopCCRQ"])


@test("cause codes are told in words, unknown ones as a number")
def _():
    for code, words in CAUSES.items():
        refused(polite(ocrp=dict(result=4, cause=code)), words, ["SCCRQ", "OCRQ", "StopCCRQ"])
        ended(lambda run, conn, code=code: conn.send("CDN", call_id=1000, result=1, cause=code),
              words, ["StopCCRQ"])


@test("codes that the RFC does not know are told as numbers")
def _():
    refused(polite(sccrp=dict(result=99)), "unknown result code 99", ["SCCRQ"])
    refused(polite(ocrp=dict(result=0)), "unknown result code 0", ["SCCRQ", "OCRQ", "StopCCRQ"])
    ended(lambda run, conn: conn.send("CDN", call_id=1000, result=9), "unknown result code 9",
          ["StopCCRQ"])
    ended(lambda run, conn: conn.send("StopCCRQ", reason=77), "unknown reason code 77", ["StopCCRP"])


@test("a server that says success in another version of the protocol is stopped with that reason")
def _():
    reasons = []

    def note(conn, m):
        reasons.append(m["reason"])
        conn.send("StopCCRP", result=1)
    for result in (0, 1):
        refused(polite(sccrp=dict(version=0x0200, result=result), on={"StopCCRQ": note}),
                "wrong version", ["SCCRQ", "StopCCRQ"])
    equal(reasons, [2, 2])


# ---- the server's end of it, in each stage ----

def stop(conn, _):
    conn.send("StopCCRQ", reason=3)


def clean(conn, _):
    conn.close()


def reset(conn, _):
    conn.reset()


def garbage(conn, _):
    conn.send_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@test("whatever a server does instead of an answer is an end that names the stage")
def _():
    start_words = "without an answer to Start-Control-Connection-Request"
    call_words = "without an answer to Outgoing-Call-Request"
    for answer, words, more, tries in (
            (stop, "ended the control connection: being shut down", ["StopCCRP"], 1),
            (clean, "closed by the server, " + start_words, [], 2),
            (reset, "Connection reset by peer, " + start_words, [], 2),
            (garbage, "is not a PPTP server.*48 54 54 50", [], 1)):
        refused(polite(on={"SCCRQ": answer}), words, ["SCCRQ"] + more, tries=tries)
    for answer, words, more in ((stop, "ended the control connection: being shut down", ["StopCCRP"]),
                                (clean, "closed by the server, " + call_words, []),
                                (reset, "Connection reset by peer, " + call_words, []),
                                (garbage, "had to be closed: .* not PPTP .*48 54 54 50", [])):
        refused(polite(on={"OCRQ": answer}), words, ["SCCRQ", "OCRQ"] + more)


@test("a server that closes the connection once instead of an answer is asked again, by all who wait")
def _():
    for answer in (clean, reset):
        for arguments, count in ((), 1), (("--share-control",), 3):
            def script(conn, answer=answer):
                first = conn is server.connections[0]
                return polite(on={"SCCRQ": answer} if first else {})(conn)
            with FakeServer(SERVER, script) as server, Log() as log:
                runs = [start(SERVER, *arguments) for _ in range(count)]
                log.wait("Outgoing call established", count=count)
                wait_gateways(count)
                equal(log.text().count("without an answer: trying once more"), 1)
                equal(server.names()[0], ["SCCRQ"])
                for run in runs:
                    run.hang_up()
                    equal((run.wait(2), run.stderr()), (0, ""))
                nothing_left()


@test("whatever a server does to a call that stands is an end with its reason, and no success")
def _():
    for action, words, heard in ((stop, "ended the control connection: being shut down", ["StopCCRP"]),
                                 (clean, "is gone: connection closed by the server", []),
                                 (reset, "is gone: Connection reset by peer", []),
                                 (garbage, "had to be closed: .*48 54 54 50", [])):
        ended(lambda run, conn, action=action: action(conn, None), words, heard)
    ended(lambda run, conn: conn.send("CCRQ", call_id=1000), r"ended the call \(Call-Clear-Request\)",
          ["CDN", "StopCCRQ"])


@test("what a server does while we close is no failure, and ends the waiting")
def _():
    for answer in (clean, reset, stop, garbage):
        ended(lambda run, conn: run.hang_up(), "pppd may have shutdown",
              ["CCRQ", "StopCCRQ"] + (["StopCCRP"] if answer == stop else []), status=0,
              script=polite(on={"CCRQ": None, "StopCCRQ": answer}), within=0.5)


@test("a server that answers nothing while we close is waited for 2 s at the most")
def _():
    ended(lambda run, conn: run.hang_up(), "pppd may have shutdown", ["CCRQ", "StopCCRQ"], status=0,
          script=polite(on={"CCRQ": None, "StopCCRQ": None}), within=2.1)


# ---- our end of it, in each stage ----

SIGNALS = {"SIGTERM": "signal 15", "SIGINT": "signal 2", "SIGHUP": "signal 1"}


@test("a signal to the gateway is named in the last line, whether or not the call stood")
def _():
    for name, words in SIGNALS.items():
        ended(lambda run, conn, name=name: run.kill("pptpgw", getattr(signal, name)),
              "is over: ended by " + words, ["CCRQ", "StopCCRQ"], status=0)
        early("SCCRQ", "pptpgw", name, "ended by %s .* before the call" % words, ["SCCRQ", "StopCCRQ"])
        early("OCRQ", "pptpgw", name, "ended by %s .* before the call" % words,
              ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"])


@test("a signal to the gateway in whatever instant of its start is no less in order")
def _():
    for instants in range(1, 100):
        with FakeServer(SERVER, polite(on={"SCCRQ": None})) as server, Log():
            master, slave = os.openpty()
            os.set_blocking(slave, True)
            run = Run([SERVER, "--nolaunchpppd"], pty=False, stdin=slave, stdout=slave,
                      **signal_in_instant("pptpgw", signal.SIGTERM, instants))
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.process.wait(1)
            if not struck():
                break
            equal(run.wait(2), 1, "exit status " + struck())
            run.wait_all(2)
            match("ended by signal 15 .* before the call", last_line(run))
            true(os.get_blocking(slave), "the pty is not left as it was found:", struck())
            os.close(master)
            os.close(slave)
            equal(server.mistakes(), [])
            nothing_left()
    diag(instants - 1, "instants")
    between(10, instants, 98, "instants")


@test("a signal to the call manager is named in the last line, with the stage of the call")
def _():
    for name in SIGNALS:
        ended(lambda run, conn, name=name: run.kill("pptpcm", getattr(signal, name)),
              "was ended by %s$" % name, ["CCRQ", "StopCCRQ"], status=0)
        early("SCCRQ", "pptpcm", name, name + " while waiting for Start-Control-Connection-Reply",
              ["SCCRQ", "StopCCRQ"])
        early("OCRQ", "pptpcm", name, name + " while waiting for Outgoing-Call-Reply",
              ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"])


def early(stage, comm, name, words, heard):
    """A signal while `stage` is unanswered."""
    with FakeServer(SERVER, polite(on={stage: None})) as server, Log() as log:
        run = start(SERVER)
        server.wait_for(stage)
        run.kill(comm, getattr(signal, name))
        equal(run.wait(2), 1, "exit status")
        never_stood(run, server, log, words, heard)


@test("pppd's going away is named in the last line, whether or not the call stood")
def _():
    ended(lambda run, conn: run.hang_up(), "is over: pppd may have shutdown", ["CCRQ", "StopCCRQ"],
          status=0)
    for stage, heard in (("SCCRQ", ["SCCRQ", "StopCCRQ"]),
                         ("OCRQ", ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"])):
        with FakeServer(SERVER, polite(on={stage: None})) as server, Log() as log:
            run = start(SERVER)
            server.wait_for(stage)
            run.hang_up()
            equal(run.wait(2), 1)
            run.wait_all(2)
            for line in (last_line(run), log.last()):
                match("pppd has gone before the call to %s stood" % SERVER, line)
            server.wait_ended()
            equal(server.names(), [heard])


@test("a start that waits on another's connection is ended alone: its call is cleared there")
def _():
    for comm, signo in (("pptpgw", signal.SIGTERM), ("pptpgw", signal.SIGKILL),
                        ("pptpcm", signal.SIGTERM), ("pptpcm", signal.SIGKILL)):
        def answer(conn, m):
            if conn.names().count("OCRQ") == 1:
                conn.send("OCRP", call_id=1000, peer_call_id=m["call_id"], result=1, window=8)
        with FakeServer(SERVER, polite(on={"OCRQ": answer})) as server, Log() as log:
            first, conn = up(server, "--share-control", log=log)
            second = start(SERVER, "--share-control")
            _, ocrq = server.wait_for("OCRQ", 2)
            second.kill(comm, signo)
            true(second.wait(2) != 0, "success")
            second.wait_all(1)
            equal(server.wait_for("CCRQ")[1]["call_id"], ocrq["call_id"])
            equal((first.process.poll(), conn.ended, len(server.connections)), (None, None, 1))
            first.hang_up()
            equal(first.wait(3), 0)
            first.wait_all(1)
            nothing_left()


@test("a gateway that is killed leaves a last line that says so")
def _():
    ended(lambda run, conn: run.kill("pptpgw", signal.SIGKILL), "its gateway process is gone",
          ["CCRQ", "StopCCRQ"], status=-signal.SIGKILL)


@test("a call manager that is killed leaves a last line that says so")
def _():
    for stage in ("SCCRQ", "OCRQ", None):
        with FakeServer(SERVER, polite(on={stage: None} if stage else None)) as server, Log() as log:
            run = start(SERVER)
            if stage:
                server.wait_for(stage)
            else:
                log.wait("Outgoing call established")
                run.status()
            run.kill("pptpcm", signal.SIGKILL)
            equal(run.wait(2), 1)
            line = log.wait("it ended without a word")
            match("before the call to %s stood" % SERVER if stage else
                  "and with it the call to " + SERVER, line)
            if stage:
                match("Call manager exited with error", last_line(run))
            nothing_left(but=("file ",))
            sh("rm -rf /run/pptp/*")


# ---- silence ----

@test("silence ends a call within 4.2 s for pppd's other end and in the shell form alike")
def _():
    pppd = "/run/pppd-that-reads"
    with open(pppd, "w") as f:
        f.write("#!/bin/sh\nexec 3<>\"$1\"\nprintf '~~' >&3\nexec cat <&3\n")
    os.chmod(pppd, 0o755)
    sh("mount --bind %s /usr/sbin/pppd" % pppd)
    try:
        for shell in (False, True):
            with FakeServer(SERVER, polite(on={"EchoRQ": None, "CCRQ": None, "StopCCRQ": None})) as server, \
                    Log() as log:
                arguments = [SERVER, "--idle-wait", "2", "--max-echo-wait", "2"]
                run = Run(arguments, pty=False) if shell else start(*arguments)
                _, ocrq = server.wait_for("OCRQ")
                run.wait_all(6)
                took = time.monotonic() - ocrq.when
                diag("%s form: %.3f s" % ("shell" if shell else "pty", took))
                between(3.98, took, 4.2, "seconds from the last sign of life")
                match("silent", log.wait("is over"))
                server.wait_ended()
                equal(server.names(), [["SCCRQ", "OCRQ", "EchoRQ", "CCRQ", "StopCCRQ"]])
                nothing_left()
    finally:
        sh("umount /usr/sbin/pppd")


@test("silence ends all calls of a shared connection within 4.2 s")
def _():
    with FakeServer(SERVER, polite(on={"EchoRQ": None, "CCRQ": None, "StopCCRQ": None})) as server, \
            Log() as log:
        arguments = [SERVER, "--share-control", "--idle-wait", "2", "--max-echo-wait", "2"]
        runs = [start(*arguments)]
        log.wait("Outgoing call established")
        runs += [start(*arguments) for _ in range(3)]
        log.wait("Outgoing call established", count=4)
        last = server.wait_for("OCRQ", 4)[1].when
        for run in runs:
            equal(run.wait(6), 1)
        for run in runs:
            run.wait_all(1)
        took = time.monotonic() - last
        diag("%.3f s" % took)
        between(3.98, took, 4.2, "seconds from the last sign of life")
        equal(len(server.connections), 1)
        nothing_left()


@test("--max-echo-wait 0 waits for an answer for ever")
def _():
    with FakeServer(SERVER, polite(on={"EchoRQ": None})) as server, Log() as log:
        run, conn = up(server, "--idle-wait", "0.1", "--max-echo-wait", "0", log=log)
        server.wait_for("EchoRQ")
        true(not server.wait(lambda: conn.ended or conn.names().count("EchoRQ") > 1, 0.6), conn.names())
        equal(run.process.poll(), None)
        run.hang_up()
        equal(run.wait(2), 0)


@test("a call stands through a moment without route, address and link")
def _():
    with remote_server() as server, Log() as log:
        run, conn = up(server, "--idle-wait", "0.2", "--max-echo-wait", "5", log=log, address="192.0.2.7")
        frame = b"\xff\x03\xc0\x21\x01\x01\x00\x04"
        for cut, mend in (("ip route del default; ip route flush proto 47",
                           "ip route replace default via 10.9.0.2"),
                          ("ip link set near down",
                           "ip link set near up; ip route replace default via 10.9.0.2"),
                          ("ip addr del 10.9.0.1/24 dev near",
                           "ip addr add 10.9.0.1/24 dev near; ip route replace default via 10.9.0.2")):
            sh(cut)
            for _ in range(3):
                run.write_frame(frame)
            true(not server.wait(lambda: conn.ended, 0.3), cut, conn.ended)
            sh(mend)
            before = conn.names().count("EchoRQ")
            true(server.wait(lambda: conn.names().count("EchoRQ") > before, 5), "after", cut, conn.names())
            equal(run.process.poll(), None)
        run.hang_up()
        equal(run.wait(2), 0)
        run.wait_all(1)
        nothing_left()


main()
