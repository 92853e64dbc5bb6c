#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
What becomes of a wrong command line: the reason on stderr and in the log, in printable characters, and
the exit status; and of values that are accepted with a warning.
"""
from harness import *  # noqa: F401,F403
from harness import PPTP, SERVER, fcntl, os, subprocess, termios

CR_LF = r"the line ends in CR LF: a file edited on Windows\?"


def run(*arguments):
    return subprocess.run([PPTP] + list(arguments), capture_output=True, text=True, timeout=5,
                          stdin=subprocess.DEVNULL)


for _what, _arguments, _status, _pattern in (
        ("an unknown option", (SERVER, "--bogus"), 1, "unknown option --bogus"),
        ("a wrong value", ("--logstring", "t1", SERVER, "--timeout", "abc"), 2,
         '^t1 .*--timeout: "abc" is not valid; it takes 0.01 to 10 seconds'),
        ("a missing server", ("--debug",), 1, "no server given"),
        ("a carriage return", (SERVER, "--nolaunchpppd\r"), 1,
         r'"--nolaunchpppd\\x0d" ends in a carriage return: ' + CR_LF),
        ("an escape sequence", (SERVER, "--phone", "1", "--idle-wait", "\x1b]0;x\x07\n2"), 2,
         r'--idle-wait: "\\x1b\]0;x\\x07\\x0a2" is not valid'),
        ("pppd's option call", ("call", "office"), 1, "pppd call office")):
    @test("%s is the reason on stderr and in the log, in printable characters" % _what)
    def _(arguments=_arguments, status=_status, pattern=_pattern):
        with Log() as log:
            done = run(*arguments)
            equal((done.returncode, done.stdout), (status, ""))
            last = done.stderr.splitlines()[-1]
            match(pattern, last)
            no_match("[^ -~\n]", done.stderr)
            line = log.wait("fatal")
            equal(line.split(": ", 1)[1], last)
            no_match("[^ -~]", line)


@test("a value beyond its range and a number too long are used as far as they go, with a warning")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        call, connection = up(server, "--phone", "5" * 65, "--idle-wait", "1e9", "--nohostroute", log=log)
        equal(connection.received[1]["phone"], "5" * 64)
        for text in (log.wait("warn.*--idle-wait"), call.stderr()):
            match("first 64 characters are used; --idle-wait: \"1e9\" is out of range", text)
        call.hang_up()
        equal(call.wait(), 0)
        nothing_left()


@test("--nolaunchpppd on a terminal says what it is for, and stops")
def _():
    def own_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    with FakeServer(SERVER) as server, Log() as log:
        master, slave = os.openpty()
        done = subprocess.run([PPTP, SERVER, "--nolaunchpppd"], stdin=slave, stdout=slave, timeout=5,
                              stderr=subprocess.PIPE, text=True, start_new_session=True,
                              preexec_fn=own_terminal)
        os.close(slave)
        os.close(master)
        equal(done.returncode, 1)
        for text in (done.stderr, log.wait("fatal")):
            match('for pppd\'s option pty: pppd pty "/usr/sbin/pptp %s --nolaunchpppd"' % SERVER, text)
        equal(server.connections, [])


main()
