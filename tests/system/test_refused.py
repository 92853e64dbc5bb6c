#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
System calls that are refused, for ever or once, as by an old kernel, a container's seccomp profile or a
shortage: the call works all the same, or ends in order with the reason; nothing hangs or spins, and the
log is not flooded. A sample of the cells is tested. REFUSED=0/1 in the environment tests all of them, which
takes half an hour, and prints the table of refusals.txt; REFUSED=0/6 to 5/6 do so in six parts, which can
run at once.
"""
import errno
import textwrap

from refused import *  # noqa: F401,F403
from refused import FOREVER, NAMED, PROCESSES, Outcome, Refusing, course
from harness import *  # noqa: F401,F403
from harness import FAR, PPTP, SERVER, Failed, diag, os, re, subprocess

NEWER = ("recvmmsg", "sendmmsg", "accept4", "getrandom", "timerfd_create", "timerfd_settime",
         "close_range", "prctl", "madvise")
# Linux's close always closes; one that did not would keep those waiting who wait for its end. Its brk
# returns no errno, which glibc would take for an address. The others never fail.
NEVER = ("close", "brk", "exit_group", "rt_sigreturn", "getpid", "getppid", "getuid", "geteuid")
# The errors that each call is given; the others are given ENOSYS, EPERM and ENOMEM alone.
COMMON = (errno.ENOSYS, errno.EPERM, errno.ENOMEM)
OWN = {
    ("accept", "accept4"): (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.ENOBUFS),
    ("bind",): (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES),
    ("chdir", "fstat", "newfstatat", "statx", "getdents64"): (errno.EACCES, errno.EIO),
    ("clone", "fork", "mmap"): (errno.EAGAIN,),
    ("connect",): (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EAGAIN),
    ("dup2", "fcntl", "pipe2", "socketpair"): (errno.EMFILE, errno.ENFILE),
    ("ioctl",): (errno.EIO, errno.ENOTTY, errno.EBUSY),
    ("mkdir", "mkdirat", "rename", "renameat", "unlink", "unlinkat", "fchmod", "chown", "fchown"):
        (errno.EACCES, errno.EROFS, errno.ENOSPC, errno.ENOENT),
    ("openat",): (errno.EACCES, errno.ENOENT, errno.EMFILE, errno.ENFILE, errno.EIO),
    ("poll", "ppoll"): (errno.EINTR, errno.EINVAL),
    ("read", "write"): (errno.EINTR, errno.EIO, errno.EAGAIN),
    ("recvfrom", "recvmsg", "recvmmsg"): (errno.EINTR, errno.EAGAIN, errno.ECONNREFUSED, errno.ENOBUFS),
    ("sendmsg",): (errno.EINTR, errno.EAGAIN, errno.ENOBUFS),  # to a process that is there
    ("sendto", "sendmmsg"): (errno.EINTR, errno.EAGAIN, errno.ENOBUFS, errno.ECONNREFUSED,
                             errno.ENETUNREACH, errno.EMSGSIZE),
    ("socket",): (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EAFNOSUPPORT),
    ("setsockopt", "getsockopt"): (errno.ENOPROTOOPT, errno.ENOBUFS),
    ("timerfd_create", "pidfd_open"): (errno.EMFILE, errno.ENFILE, errno.EINVAL),
    ("wait4",): (errno.EINTR, errno.ECHILD),
}
# No kernel gives these for ever: a signal comes and goes, and what poll reports ready is so.
PASSING = {errno.EINTR: (), errno.EAGAIN: ("sendmsg", "clone", "mmap", "connect")}
ONCE_MAX = 12  # of the occurrences of a call each of so many fails once
# Of the table's some hundred cells those that are tried each time.
SAMPLE = (("pptp", "socketpair", errno.ENOMEM, 1), ("pptp", "setsockopt", errno.ENOMEM, 3),
          ("pptp", "recvmsg", errno.ENOMEM, 3), ("pptp", "sendmsg", errno.EPERM, FOREVER),
          ("pptp", "sendmsg", errno.ENOMEM, FOREVER), ("pptp", "listen", errno.ENOMEM, 2),
          ("pptpgw", "recvmsg", errno.ENOMEM, FOREVER), ("pptp", "clone", errno.ENOMEM, 1), ("pptp", "ioctl", errno.ENOMEM, 2),
          ("pptpgw", "recvmmsg", errno.ENOMEM, FOREVER), ("pptpgw", "mmap", errno.ENOMEM, 1),
          ("pptpgw", "read", errno.EPERM, FOREVER), ("pptpgw", "write", errno.EPERM, FOREVER),
          ("pptpgw", "sendto", errno.ENOMEM, FOREVER),
          ("pptpgw", "sendmsg", errno.EPERM, 1), ("pptpcm", "sendto", errno.EPERM, FOREVER),
          ("pptpcm", "recvmsg", errno.ENOMEM, 2), ("pptpcm", "ppoll", errno.ENOMEM, 3))


def column_name(error, nth):
    return "%s %s" % (errno.errorcode[error], "ever" if nth == FOREVER else nth)


# With each address a call makes other system calls: none, a host route, a lookup.
ADDRESSES = (SERVER, FAR, NAMED)


def rows():
    """[(process, call, address, how often)] for all that whole calls make."""
    found = {}
    for address in ADDRESSES:
        outcome = course(Refusing("all"), 0, address=address)
        true(outcome.works() and not outcome.left, outcome.__dict__)
        for comm in PROCESSES:
            for call, count in outcome.used[comm].items():
                if call not in NEVER and ((comm, call) not in found or count > found[comm, call][1]):
                    found[comm, call] = (address, count)
    return [(comm, call) + found[comm, call] for comm, call in
            sorted(found, key=lambda key: (PROCESSES.index(key[0]), key[1]))]


def columns(call, count):
    """[(error, nth)]: once at each occurrence, for ever with all errors that the call may give."""
    errors = COMMON + tuple(e for calls, own in OWN.items() if call in calls for e in own)
    for error in errors:
        if call in PASSING.get(error, (call,)):
            yield error, FOREVER
    for nth in range(1, min(count, ONCE_MAX) + 1):
        yield errno.ENOMEM, nth
    for error in errors:
        if error not in COMMON:
            for nth in range(1, min(count, 3) + 1):
                yield error, nth


# What is left where it cannot be removed is no leak; nor is a route where it cannot be asked (connect) who
# else needs it.
REMOVING = ("unlink", "unlinkat", "rename", "renameat", "openat", "sendto", "sendmsg", "socket", "bind",
            "connect", "newfstatat", "fstat", "ppoll")


def cell(comm, call, error, nth, address=SERVER):
    try:
        outcome = course(Refusing((call,), error, comm, nth), error, address=address)
    except Failed as e:
        outcome = Outcome()
        outcome.faults.append(str(e))
        return outcome
    # What the C library says of a lookup names no error.
    if address == NAMED and "Could not find the server" in outcome.message:
        outcome.faults = [f for f in outcome.faults if f != "ends without the reason"]
    excused = comm == "pptp" and (call in ("connect", "unlink") or (nth == FOREVER and call in REMOVING))
    if outcome.left and not excused:
        outcome.faults.append("leaves %s" % outcome.left)
    return outcome


def no_faults(comm, call, error, nth, outcome):
    if outcome.faults:
        fail(call, "of", comm, column_name(error, nth), outcome.faults, "\n" + outcome.message)


@test("a call works where one of the newer system calls is refused")
def _():
    for call in NEWER:
        for error in (errno.ENOSYS, errno.EPERM):
            refusing = Refusing((call,), error)
            outcome = course(refusing, error)
            true(outcome.works() and not outcome.faults, call, errno.errorcode[error],
                 outcome.faults, "\n" + outcome.message)
            true(refusing.refused() > 0, call, "was not refused")


@test("a call works where all newer system calls are refused")
def _():
    for error in (errno.ENOSYS, errno.EPERM):
        outcome = course(Refusing(NEWER, error), error)
        true(outcome.works() and not outcome.faults, outcome.faults, "\n" + outcome.message)


@test("the status command says what it is refused, and not that no call is running")
def _():
    with FakeServer(SERVER), Log() as log:
        run = start(SERVER)
        log.wait("Outgoing call established")
        run.status()
        for call in ("openat", "getdents64", "socket", "connect", "sendmsg", "recvmsg"):
            for error in (errno.ENOSYS, errno.EPERM):
                asked = subprocess.run(Refusing((call,), error).prefix + (PPTP, "--status"),
                                       capture_output=True, text=True)
                equal(asked.returncode, 1, "exit status")
                match(os.strerror(error), asked.stderr)
                no_match("no call of this user", asked.stderr)
        run.hang_up()
        equal(run.wait(), 0, "exit status")


@test("whatever system call is refused, once or for ever: the call works or ends with the reason")
def _():
    for which in SAMPLE:
        outcome = cell(*which)
        true(outcome.refused, *which, "was not refused")
        no_faults(*which, outcome)


def ranges(numbers):
    """[1, 2, 3, 5] -> "1-3 5"; 0 is "ever"."""
    out = []
    for n in numbers:
        if n == FOREVER:
            out.append("ever")
        elif out and out[-1] != "ever" and int(out[-1].rpartition("-")[2]) == n - 1:
            out[-1] = "%s-%d" % (out[-1].partition("-")[0], n)
        else:
            out.append(str(n))
    return " ".join(out)


def row_text(comm, call, cells):
    """`cells`: {word: {name of errno: [nth]}}"""
    outcomes = ["%s: %s" % (word, ", ".join("%s %s" % (name, ranges(nths)) for name, nths in
                                           cells[word].items())) for word in sorted(cells)]
    return textwrap.fill("; ".join(outcomes), 109, initial_indent="%-7s %-15s " % (comm, call),
                         subsequent_indent=" " * 24)


def table(part, parts):
    """Each row: process, system call, and what became of the call: "." works, "lame" works in part, "ends"
    with a message that names the error, by errno, and whether it failed for ever or which time."""
    faults = []
    for number, (comm, call, address, count) in enumerate(rows()):
        if number % parts != part:
            continue
        words = {}
        for error, nth in columns(call, count):
            outcome = cell(comm, call, error, nth, address)
            if nth != FOREVER and not outcome.refused and outcome.works():
                continue
            words.setdefault(outcome.word(), {}).setdefault(errno.errorcode[error], []).append(nth)
            if outcome.faults:
                faults.append((comm, call, address, column_name(error, nth), outcome.faults))
                diag(*faults[-1], "\n" + outcome.message)
        print(row_text(comm, call, words), flush=True)
    true(not faults, "\n".join(map(str, faults)))


if os.environ.get("REFUSED"):
    @test("the table, part " + os.environ["REFUSED"])
    def _():
        table(*map(int, os.environ["REFUSED"].split("/")))


main()
