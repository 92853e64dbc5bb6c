#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Every result code and reason that a server may give: what it ends, and the sentence that says so."""
from harness import *  # noqa: F401,F403
from harness import SERVER

START_RESULTS = {2: "refused", 3: "exists already", 4: "not authorised", 5: "version", 9: "refused"}
CALL_RESULTS = {2: "refused", 3: "(?i)carrier", 4: "(?i)busy", 5: "(?i)dial.?tone", 6: "(?i)time",
                7: "(?i)accept", 77: "refused"}

for _code, _phrase in START_RESULTS.items():
    @test("Start-Control-Connection-Reply with result %d ends with a sentence about it" % _code)
    def _(code=_code, phrase=_phrase):
        line, server = fails(polite(sccrp={"result": code}))
        match(phrase, line)
        match(SERVER, line)
        equal(server.names()[0][:1], ["SCCRQ"])

for _code, _phrase in CALL_RESULTS.items():
    @test("Outgoing-Call-Reply with result %d ends with a sentence about it" % _code)
    def _(code=_code, phrase=_phrase):
        line, server = fails(polite(ocrp={"result": code}))
        match("Call manager exited with error", line)
        match(phrase, line)
        match(SERVER, line)
        equal(server.names(), [["SCCRQ", "OCRQ", "StopCCRQ"]])

for _code in range(0, 8):
    @test("Outgoing-Call-Reply with general error %d ends with a sentence about it" % _code)
    def _(code=_code):
        line, _ = fails(polite(ocrp={"result": 2, "error": code, "cause": 0x11}))
        match("refused the call: .{8}", line)
        if code == 4:
            match("too many calls", line)
        if code == 3:
            match("--phone", line)


@test("a refused call without --phone says that a number may be needed")
def _():
    line, _ = fails(polite(ocrp={"result": 5}))
    match("dialled number.*--phone", line)


@test("Start-Control-Connection-Reply with result 0 counts as success")
def _():
    with FakeServer(SERVER, polite(sccrp={"result": 0})) as server, Log() as log:
        up(server, log=log)


@test("a server of another protocol version is refused with a sentence about it")
def _():
    line, _ = fails(polite(sccrp={"version": 0x0200, "result": 5}))
    match("wrong version", line)


for _code, _phrase in {1: "(?i)carrier", 2: "ended the call", 3: "(?i)administrat", 4: "ended the call"}.items():
    @test("Call-Disconnect-Notify with result %d ends the call with a sentence about it" % _code)
    def _(code=_code, phrase=_phrase):
        with FakeServer(SERVER) as server, Log() as log:
            run, conn = up(server, log=log)
            conn.send("CDN", call_id=1000, result=code, error=1 if code == 2 else 0)
            equal(run.wait(2), 1)
            server.wait_ended()
            equal(conn.names(), ["SCCRQ", "OCRQ", "StopCCRQ"])
            match(phrase, log.wait("log_end"))
            nothing_left()


@test("a Call-Disconnect-Notify instead of the Outgoing-Call-Reply ends the attempt with a sentence about it")
def _():
    line, server = fails(polite(on={"OCRQ": lambda conn, m: conn.send("CDN", call_id=77, result=3)}))
    match("127.0.0.2 ended the call.*(?i:administrat)", line)
    equal(server.connections[0].names(), ["SCCRQ", "OCRQ", "StopCCRQ"])


for _code, _phrase in {1: "ended the control connection", 2: "(?i)protocol", 3: "(?i)shut"}.items():
    @test("Stop-Control-Connection-Request with reason %d is answered and ends the call" % _code)
    def _(code=_code, phrase=_phrase):
        with FakeServer(SERVER) as server, Log() as log:
            run, conn = up(server, log=log)
            conn.send("StopCCRQ", reason=code)
            equal(run.wait(2), 1)
            server.wait_ended()
            equal(conn.names(), ["SCCRQ", "OCRQ", "StopCCRP"])
            equal(conn.received[2]["result"], 1)
            match(phrase, log.wait("log_end"))
            nothing_left()


main()
