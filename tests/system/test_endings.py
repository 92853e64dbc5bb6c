#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
How calls end: for each ending the exit status, what the server hears, and the last line on stderr
and in syslog, which names the server, the stage and the reason.
"""
from harness import *  # noqa: F401,F403
from harness import SERVER, contextlib, os, signal, time


def never_established(run, server, log, words, heard, tries=1):
    """Both last lines hold `words` and the server, which has received `heard` so many times."""
    run.wait_all(2)
    for line in (last_line(run), log.last()):
        match(words, line)
        match(SERVER, line)
    server.wait_ended()
    equal((server.names(), server.mistakes()), ([heard] * tries, []))
    nothing_left()


def refused(script, words, heard, *arguments, status=1, tries=1):
    """A call that the server refuses or ends before it is established."""
    with FakeServer(SERVER, script) as server, Log() as log:
        run = start(SERVER, *arguments)
        equal(run.wait(3), status, "exit status")
        never_established(run, server, log, words, heard, tries)


def ended(action, words, heard, status=1, script=None, within=1.0):
    """A call that is established until action(run, conn): the last line in syslog, silence on stderr."""
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


@test("each error code of a refusal and of an end is reported in words")
def _():
    for code, words in ERRORS.items():
        refused(polite(sccrp=dict(result=2, error=code)), "refused the control connection: .*" + words,
                ["SCCRQ"])
        refused(polite(ocrp=dict(result=2, error=code)), "refused the call: .*" + words,
                ["SCCRQ", "OCRQ", "StopCCRQ"])
        ended(lambda run, conn, code=code: conn.send("CDN", call_id=1000, result=2, error=code),
              "ended the call: .*" + words, ["StopCCRQ"])


@test("cause codes are reported in words, unknown ones as a number")
def _():
    for code, words in CAUSES.items():
        refused(polite(ocrp=dict(result=4, cause=code)), words, ["SCCRQ", "OCRQ", "StopCCRQ"])
        ended(lambda run, conn, code=code: conn.send("CDN", call_id=1000, result=1, cause=code),
              words, ["StopCCRQ"])


@test("codes that the RFC does not define are reported as numbers")
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


@test("a server that closes the connection once instead of an answer is asked again")
def _():
    for answer in (clean, reset):
        def script(conn, answer=answer):
            first = conn is server.connections[0]
            return polite(on={"SCCRQ": answer} if first else {})(conn)
        with FakeServer(SERVER, script) as server, Log() as log:
            run, _ = up(server, log=log)
            equal(log.text().count("without an answer: trying once more"), 1)
            equal(server.names()[0], ["SCCRQ"])
            run.hang_up()
            equal((run.wait(2), run.stderr()), (0, ""))
            nothing_left()


@test("whatever a server does to an established call ends it with the reason, and is no success")
def _():
    for action, words, heard in ((stop, "ended the control connection: being shut down", ["StopCCRP"]),
                                 (clean, "has ended: connection closed by the server", []),
                                 (reset, "has ended: Connection reset by peer", []),
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


@test("a signal to the gateway is named in the last line, whether or not the call was established")
def _():
    for name, words in SIGNALS.items():
        ended(lambda run, conn, name=name: run.kill("pptpgw", getattr(signal, name)),
              "has ended: ended by " + words, ["CCRQ", "StopCCRQ"], status=0)
        early("SCCRQ", "pptpgw", name, "ended by %s .* before the call" % words, ["SCCRQ", "StopCCRQ"])
        early("OCRQ", "pptpgw", name, "ended by %s .* before the call" % words,
              ["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"])


def wait_struck(timeout=1.0):
    """Whether the instant of signal_in_instant() has come within that time."""
    deadline = time.monotonic() + timeout
    while not struck() and time.monotonic() < deadline:
        time.sleep(0.002)
    return struck()


@test("a signal to the gateway in whatever instant of its start ends the call in order")
def _():
    for instants in range(1, 100):
        with FakeServer(SERVER, polite(on={"SCCRQ": None})) as server, Log():
            master, slave = os.openpty()
            os.set_blocking(slave, True)
            run = Run([SERVER, "--nolaunchpppd"], pty=False, stdin=slave, stdout=slave,
                      **signal_in_instant("pptpgw", signal.SIGTERM, instants))
            if not wait_struck():
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
    between(2, instants, 98, "instants")  # the log is closed and opened, descriptors are closed


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
        never_established(run, server, log, words, heard)


@test("pppd's exit is named in the last line, whether or not the call was established")
def _():
    ended(lambda run, conn: run.hang_up(), "has ended: pppd may have shutdown", ["CCRQ", "StopCCRQ"],
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
                match("pppd has exited before the call to %s was established" % SERVER, line)
            server.wait_ended()
            equal(server.names(), [heard])


@test("a gateway that is killed leaves a last line that says so")
def _():
    ended(lambda run, conn: run.kill("pptpgw", signal.SIGKILL), "its gateway process has exited",
          ["CCRQ", "StopCCRQ"])


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
            line = log.wait("it exited without a final message")
            match("before the call to %s was established" % SERVER if stage else
                  "and with it the call to " + SERVER, line)
            if stage:
                match("Call manager exited with error", last_line(run))
            nothing_left()


# ---- silence ----

@contextlib.contextmanager
def pppd_stand_in(script):
    """A shell script in pppd's place, with the pty as descriptor 3."""
    pppd = "/run/pppd-stand-in"
    with open(pppd, "w") as f:
        f.write("#!/bin/sh\nexec 3<>\"$1\"\n" + script)
    os.chmod(pppd, 0o755)
    sh("mount --bind %s /usr/sbin/pppd" % pppd)
    try:
        yield
    finally:
        sh("umount -l /usr/sbin/pppd")


@test("a signal to the parent while it waits for pppd, which has closed the pty, ends pppd too")
def _():
    # As with persist: it redials on what was its pty.
    with pppd_stand_in("trap : HUP\nprintf '~~' >&3\nsleep 0.2\nexec 3>&-\nwhile :; do sleep 0.1; done\n"), \
            FakeServer(SERVER), Log() as log:
        run = Run([SERVER], pty=False)
        log.wait("has ended: pppd may have shutdown")
        os.kill(run.parent(), signal.SIGTERM)
        equal(run.wait(2, pause=True), -signal.SIGTERM)
        run.wait_all(2)
        nothing_left()


@test("signals for statistics that a stopped gateway does not see do not keep the call from it")
def _():
    held = threading.Event()
    with FakeServer(SERVER, polite(held={"OCRQ": held})) as server, Log() as log:
        run = start(SERVER)
        server.wait_for("OCRQ")
        with run.stopped("pptpgw"):
            for _ in range(600):
                os.kill(run.pid, signal.SIGUSR1)
                time.sleep(0.0005)  # one pending signal is all that the kernel keeps
            held.set()
            log.wait("Outgoing call established")
        equal(run.status()["call.1.state"], "established")
        run.hang_up()
        equal(run.wait(2), 0)
        nothing_left()


@test("silence ends a call within 4.2 s in the pty form and in the shell form alike")
def _():
    with pppd_stand_in("printf '~~' >&3\nexec cat <&3\n"):
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
                match("silent for too long", log.wait("log_end"))
                server.wait_ended()
                equal(server.names(), [["SCCRQ", "OCRQ", "EchoRQ", "CCRQ", "StopCCRQ"]])
                nothing_left()


@test("--max-echo-wait 0 asks on, and waits for an answer for ever")
def _():
    with FakeServer(SERVER, polite(on={"EchoRQ": None})) as server, Log() as log:
        run, conn = up(server, "--idle-wait", "0.1", "--max-echo-wait", "0", log=log)
        true(server.wait(lambda: conn.names().count("EchoRQ") == 5, WAIT), conn.names())
        equal((conn.ended, run.process.poll()), (None, None))
        run.hang_up()
        equal(run.wait(2), 0)


# ---- a server that takes the call and drops it ----

MANY = "127.0.0.2 many.test\n127.0.0.3 many.test\n"
OTHER = "127.0.0.3"
LCP = b"\xff\x03\xc0\x21\x01\x01\x00\x04"  # a Configure-Request without options
DROPPED = "trying the next address"
ENDED = "ended the call: .*administrat"


def dropping(after=0.0, gre=False):
    """Takes the call and ends it `after` seconds later; with `gre` it answers a packet before that."""
    def answer(conn, m):
        conn.send("OCRP", call_id=1000, peer_call_id=m["call_id"], result=1, window=8)
        if gre:
            conn.server.wait_gre()
            conn.server.send_gre(m["call_id"], LCP, seq=0)
            time.sleep(0.2)
        time.sleep(after)
        conn.send("CDN", call_id=1000, result=3)
    return polite(on={"OCRQ": answer})


@test("a server that ends the call before any packet counts as one that refused: the next is tried")
def _():
    for after in (0, 0.002, 0.05, 0.3):
        with hosts(MANY), FakeServer(SERVER, dropping(after)) as first, Log() as log, \
                FakeServer(OTHER, polite(first_call_id=2000), gre=True) as second:
            run = start("many.test")
            log.wait(r"Server in use: many\.test \(127\.0\.0\.3\)")
            equal(run.status()["address"], OTHER)
            run.write_frame(LCP)
            equal([p.call_id for p in second.wait_gre()], [2000])
            second.send_gre(second.wait_for("OCRQ")[1]["call_id"], LCP, seq=0)
            equal(run.read_frames(), [LCP])
            log.wait(DROPPED)
            first.wait_ended()
            equal((first.names(), first.mistakes()), ([["SCCRQ", "OCRQ", "StopCCRQ"]], []))
            run.hang_up()
            equal((run.wait(2), run.stderr()), (0, ""))
            nothing_left()


@test("in the shell form, too, the next address is tried, and the same pppd talks to it")
def _():
    speaks = "".join("\\%03o" % byte for byte in hdlc_encode(LCP))
    for after in (0, 0.05, 0.5):
        with hosts(MANY), FakeServer(SERVER, dropping(after)) as first, Log() as log, \
                FakeServer(OTHER, polite(first_call_id=2000), gre=True) as second, pppd_stand_in(
                    "echo $$ >> /run/pppd-pids\nwhile printf '%s' >&3; do sleep 0.05; done\n" % speaks):
            run = Run(["many.test"], pty=False)
            equal({p.call_id for p in second.wait_gre(3)}, {2000})
            log.wait(DROPPED)
            equal(run.pid_of("pppd"), run.pid)
            equal(sh("cat /run/pppd-pids; rm /run/pppd-pids"), "%d\n" % run.pid)
            first.wait_ended()
            equal(first.mistakes(), [])
            os.kill(run.pid, signal.SIGTERM)
            run.wait(2)
            run.wait_all(2)
            second.wait_ended()
            equal(second.names(), [["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"]])
            nothing_left()


@test("a server that ends the call after a packet of it ends it for good, with the reason")
def _():
    with hosts(MANY), FakeServer(SERVER, dropping(gre=True), gre=True) as first, Log() as log, \
            FakeServer(OTHER) as second:
        run = start("many.test")
        run.wait_ready()
        run.write_frame(LCP)
        equal(run.read_frames(), [LCP])
        equal(run.wait(2), 1)
        match(ENDED, log.last())
        no_match(DROPPED, log.text())
        equal((len(first.connections), second.connections), (1, []))
        nothing_left()


@test("a refusal after a server that dropped the call is told in the words that log readers match")
def _():
    with hosts(MANY), FakeServer(SERVER, dropping(0.05)), Log() as log:
        run = start("many.test")
        equal(run.wait(2), 1)
        match(r"pptp_callmgr.*Call manager exited with error: .*Could not open control connection to " + OTHER,
              log.last())
        nothing_left()


@test("a server without a further address that ends the call at once ends it with the reason, status 1")
def _():
    for after in (0, 0.05):
        refused_late(after, SERVER)
        with hosts("127.0.0.2 one.test\n"):
            refused_late(after, "one.test")


def refused_late(after, name):
    with FakeServer(SERVER, dropping(after)) as server, Log() as log:
        run = start(name)
        equal(run.wait(2), 1)
        match(ENDED, log.last())
        match(SERVER, log.last())
        equal(server.names(), [["SCCRQ", "OCRQ", "StopCCRQ"]])
        nothing_left()


@test("a Call-Disconnect-Notify with our own call id ends an established call with its reason")
def _():
    ended(lambda run, conn: conn.send("CDN", call_id=conn.received[1]["call_id"], result=3), ENDED,
          ["StopCCRQ"])


# ---- what the calls of one host look like ----

@test("the first packet to the server is an empty one of 8 bytes, before pppd has sent anything")
def _():
    with FakeServer(SERVER, gre=True) as server, Log() as log:
        run, _ = up(server, log=log)
        first, = server.wait_gre(where=lambda packet: True)
        equal((first.flags, first.protocol, first.payload_len, first.call_id, first.seq, first.ack),
              (0x2001, 0x880B, 0, 1000, None, None))
        equal((first.payload, first.padding), (b"", b""))
        run.write_frame(LCP)
        equal([(p.seq, p.payload) for p in server.wait_gre()], [(1, LCP)])
        run.hang_up()
        equal(run.wait(2), 0)


@test("calls from one address have different call serial numbers")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        runs = [start(SERVER) for _ in range(4)]
        log.wait("Outgoing call established", count=4)
        serials = {m["serial"] for c in server.connections for m in c.received if m.name == "OCRQ"}
        true(len(serials) >= 3, serials)  # they begin at random: two may be the same by chance
        for run in runs:
            run.wait_ready()
            run.hang_up()
            equal(run.wait(2), 0)
    with hosts(MANY), FakeServer(SERVER, dropping()) as first, FakeServer(OTHER) as second, Log() as log:
        start("many.test")
        log.wait("Outgoing call established", count=2)
        serials = [s.connections[0].received[1]["serial"] for s in (first, second)]
        equal((serials[1] - serials[0]) & 0xFFFF, 1)


@test("a --call-id that is in use is refused at once, with the pid and the user of its holder")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        holder, _ = up(server, "--call-id", "4711", log=log)
        for arguments in (["--nolaunchpppd"], []):
            run = Run([SERVER, "--call-id", "4711"] + arguments, pty=bool(arguments))
            equal(run.wait(2), 1)
            match("call id 4711 is in use on this host, by process %d of user 0$" % holder.parent(),
                  last_line(run))
        equal(len(server.connections), 1)
        holder.hang_up()
        equal(holder.wait(2), 0)
        again = start(SERVER, "--call-id", "4711")
        again.wait_ready()
        again.hang_up()
        equal(again.wait(2), 0)
        nothing_left()


# ---- the network ----

@test("a call survives a moment without route, address and link")
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
