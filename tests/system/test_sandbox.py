#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
The system calls that gateway and call manager are left: what an intruder who runs code inside them can
do (tests/break_out.c), that a whole call makes no other ones, and that a call works where the filter is
forbidden.
"""
import errno
import struct

from refused import Refusing, course
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import PPTP, SERVER, TOP, Run, Skipped, contextlib, os, re, signal, subprocess, time

ORDERS = "/run/orders"
ORDER = struct.Struct("ii")
NO_ANSWER = 1
CHILDREN = ("pptpgw", "pptpcm")  # in the order of struct orders
# As in the table of break_out.c.
DENIED = ("open /etc/shadow", "open /etc/passwd", "an IPv4 socket", "an IPv6 socket", "a netlink socket",
          "fork", "signal the parent", "be dumpable", "type into a terminal", "list a directory")
KILLED = ("execve", "ptrace", "map code", "make code", "read another's memory", "load BPF")
# What only one of them has, or may do to itself.
UNIX, TCP, RENICE = "a UNIX socket", "disconnect its TCP socket", "renice others"
DENIED_OF = {"pptpgw": (), "pptpcm": (UNIX, TCP, RENICE)}
KILLED_OF = {"pptpgw": (RENICE,), "pptpcm": ()}
ATTEMPTS = DENIED + KILLED + (UNIX, TCP, RENICE)
if os.uname().machine == "x86_64":  # others have no instruction for it
    KILLED += ("a call of another architecture",)
    ATTEMPTS += KILLED[-1:]


class Inside:
    """An established call in whose children attempts can be made."""

    def __init__(self, server, log, *arguments):
        sh("make -s -C %s build/break_out.so" % TOP)
        shared_libc()
        with open(ORDERS, "wb") as f:
            f.write(bytes(4096))
        self.run, _ = up(server, *arguments, log=log, environment={
            "LD_PRELOAD": os.path.join(TOP, "build", "break_out.so"), "BREAK_OUT": ORDERS})
        self.run.wait_ready()

    @staticmethod
    def _wake(comm, pid):
        with contextlib.suppress(OSError):  # it may have woken up by itself, for the last time
            if comm == "pptpgw":
                os.kill(pid, signal.SIGUSR1)
            else:
                for path in sockets():
                    status(path)

    def attempt(self, comm, what):
        """0 or the errno; None where the process did not survive it."""
        at = CHILDREN.index(comm) * ORDER.size
        pid = self.run.pid_of(comm)
        with open(ORDERS, "r+b") as f:
            f.seek(at)
            f.write(ORDER.pack(ATTEMPTS.index(what) + 1, NO_ANSWER))
        self._wake(comm, pid)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            with open(ORDERS, "rb") as f:
                f.seek(at)
                answer = ORDER.unpack(f.read(ORDER.size))[1]
            if answer != NO_ANSWER:
                return -answer
            if pid not in self.run.pids():
                return None
            time.sleep(0.002)
        fail(comm, "does not answer to:", what)


def no_call_left(run, log):
    run.wait_all()
    nothing_left()
    return log.text()


@test("from inside either process no file, network socket, process or setting can be reached")
def _():
    for comm in CHILDREN:
        with FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
            inside = Inside(server, log)
            for what in DENIED + DENIED_OF[comm]:
                equal(inside.attempt(comm, what), errno.EPERM, comm + ": " + what)
            inside.run.hang_up()
            equal(inside.run.wait(), 0, "exit status")


@test("a process that asks for what only an exploit asks for is killed, and the call ends in order")
def _():
    for comm, end in zip(CHILDREN, ("its gateway process has exited", "Call manager exited with error")):
        for what in KILLED + KILLED_OF[comm]:
            with FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
                inside = Inside(server, log)
                equal(inside.attempt(comm, what), None, comm + ": " + what)
                match(end, no_call_left(inside.run, log))


@test("--nosandbox: the attempts are as the user's rights have it, so it is the filter that denies them")
def _():
    for comm in CHILDREN:
        with FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
            inside = Inside(server, log, "--nosandbox")
            for what in ("open /etc/passwd", "an IPv4 socket", "a netlink socket", "fork", "be dumpable",
                         "map code", "make code"):
                equal(inside.attempt(comm, what), 0, comm + ": " + what)
            equal(inside.attempt(comm, "open /etc/shadow"), errno.EACCES, comm)
            equal(inside.attempt(comm, "execve"), errno.ENOENT, comm)
            inside.run.end()
    end_everything()


def filters(pid):
    with open("/proc/%d/status" % pid) as f:
        return {k: int(v) for k, v in re.findall(r"(?m)^(Seccomp\w*):\s+(\d+)$", f.read())}


@test("--nosandbox sets no filter, and says nothing about it")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, "--nosandbox", log=log)
        for comm in CHILDREN:
            equal(filters(run.pid_of(comm))["Seccomp"], 0, comm)
        run.hang_up()
        equal(run.wait(), 0, "exit status")
        no_match("seccomp", log.text())


@test("where the filter is forbidden that is one line in the log, and the call works")
def _():
    for calls, error in ((("seccomp",), errno.EPERM), (("seccomp",), errno.EACCES),
                         (("seccomp", "prctl"), errno.ENOSYS), (("seccomp", "prctl"), errno.EPERM)):
        outcome = course(Refusing(calls, error), error)
        true(outcome.works() and not outcome.faults, calls, errno.errorcode[error], outcome.faults,
             outcome.message)
        equal(len(re.findall(r"cannot limit system calls \(seccomp\): ", outcome.log)), 1,
              "lines about the filter in\n" + outcome.log)


@test("before Linux 3.17 the filter is set by prctl")
def _():
    with FakeServer(SERVER) as server, Log() as log:
        run, _ = up(server, log=log, prefix=Refusing(("seccomp",), errno.ENOSYS).prefix)
        for comm in CHILDREN:
            equal(filters(run.pid_of(comm)).get("Seccomp_filters", 2), 2, "filters of " + comm)
        run.hang_up()
        equal(run.wait(), 0, "exit status")
        no_match("seccomp", log.text())


# ---- a build that is killed by what is denied ----

STRICT = "CPPFLAGS=-DSANDBOX_DENIED=SECCOMP_RET_KILL_PROCESS"
INCLUDES_32 = "-isystem /usr/include/x86_64-linux-gnu"


def strict(name, *settings):
    """A build of that name; the test is skipped where the compiler for it is not there."""
    out = os.path.join("build", "strict", name)
    made = subprocess.run(["make", "-s", "-C", TOP, "OUT=" + out, STRICT, out + "/pptp"] + list(settings),
                          capture_output=True, text=True)
    if made.returncode:
        fail("make", *settings, made.stderr)
    return os.path.join(TOP, out, "pptp")


def call_within(program, *arguments, lookup=False):
    """A whole call, its status, statistics, a log daemon that is replaced, a hang-up."""
    with FakeServer(SERVER, polite(), gre=True) as server, contextlib.ExitStack() as stack:
        log = Log()
        run = Run(["vpn.test" if lookup else SERVER, "--nolaunchpppd", "--loglevel", "2"] +
                  list(arguments), program=program)
        log.wait("Outgoing call established")
        run.wait_ready()
        call_id = server.wait_for("OCRQ")[1]["call_id"]
        server.send_gre(call_id, lcp_request(2), seq=0)
        if "--sync" in arguments:
            os.write(run.slave, lcp_request(1))
            run.read_some()
        else:
            run.write_frame(lcp_request(1))
            run.read_frames(1)
        server.wait_gre(1, 1)
        run.status()
        run.kill("pptpgw", signal.SIGUSR1)
        log.wait("rx accepted")
        log.close()
        log = stack.enter_context(Log())
        run.kill("pptpgw", signal.SIGUSR1)
        log.wait("rx accepted")  # by a socket that was opened in the sandbox
        for comm in CHILDREN:
            equal(filters(run.pid_of(comm))["Seccomp"], 2, comm)
        run.hang_up()
        equal(run.wait(), 0, "exit status")
        equal(run.stderr(), "", "stderr")
        nothing_left()


def whole_calls(program):
    call_within(program)
    call_within(program, "--sync")
    with hosts("%s vpn.test\n" % SERVER):
        call_within(program, lookup=True)


@test("a whole call makes no system call that is denied")
def _():
    whole_calls(strict("system"))


@test("nor does it with musl")
def _():
    if subprocess.run(["sh", "-c", "command -v musl-gcc"], capture_output=True).returncode:
        raise Skipped("needs musl-gcc (Debian: musl-tools)")
    whole_calls(strict("musl", "LIBC=musl"))


@test("nor does it with 32 bits")
def _():
    compiler = "gcc -m32 " + INCLUDES_32
    if subprocess.run("echo 'int main(void) { return 0; }' | %s -xc -o /run/m32 - && /run/m32" % compiler,
                      shell=True, capture_output=True).returncode:
        raise Skipped("needs a 32-bit C library and a kernel that runs it (Debian: gcc-12-multilib)")
    whole_calls(strict("32", "CC=" + compiler))


main()
