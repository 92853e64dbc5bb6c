#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Messages to the parent from a child that the network has taken over: it gets no more than the child
could have, and a message that the child must not send ends child and call. The test stops the child
and sends through a copy of its socket. Also what another local user can claim.
"""
import contextlib
import ctypes
import resource
import struct
import threading

from harness import *  # noqa: F401,F403
from harness import FAR, SERVER, os, signal, socket, time

PIDFD_GETFD = 438
VERSION = 4  # and the types as in lib/ipc_msg.h
CALL_UP, STATS_REQUEST, READY, RECEIVED, DRAIN, STATS_DUMP = 2, 4, 5, 6, 14, 15
ELSEWHERE = "192.0.2.8"


def packet(kind, contents=b""):
    return bytes([VERSION, kind]) + contents


def connect_request(address, is_last=0):
    return CONNECT_REQUEST + socket.inet_aton(address) + bytes([is_last, 0, 0, 0])


def socket_of(pid):
    """A copy of the one socket of a child that is connected and carries packets: to the parent."""
    pidfd = os.pidfd_open(pid)
    try:
        for fd, target in descriptors(pid).items():
            if not target.startswith("socket:"):
                continue
            copy = ctypes.CDLL(None).syscall(PIDFD_GETFD, pidfd, fd, 0)
            true(copy >= 0, "no copy of descriptor", fd)
            s = socket.socket(fileno=copy)
            with contextlib.suppress(OSError):
                s.getpeername()
                if s.family == socket.AF_UNIX and s.type == socket.SOCK_SEQPACKET:
                    s.setblocking(True)
                    return s
            s.close()
    finally:
        os.close(pidfd)
    fail("no socket to the parent in", pid)


@contextlib.contextmanager
def taken_over(run, comm):
    """The child's socket; the child itself does nothing any more."""
    pid = run.pid_of(comm)
    with socket_of(pid) as s:
        os.kill(pid, signal.SIGSTOP)
        yield s


def ends(run, log, child):
    """The call ends at once, with what the parent says of that child."""
    equal(run.wait(3), 1, "exit status")
    log.wait("the %s sent a message that it must not send: it is killed" % child)
    nothing_left()


def calling(log, server, *arguments):
    """A start whose call manager has connected and waits for an answer."""
    run = start(FAR, *arguments)
    server.wait_for("SCCRQ")
    return run


UNANSWERED = polite(on={"SCCRQ": None})


@test("a call manager that sends packets of no kind, or another process's messages, is killed")
def _():
    for bad in (packet(200), packet(CALL_UP), b"\x07\x03", packet(READY), packet(DRAIN),
                packet(STATS_DUMP), connect_request(FAR) + b"x"):
        with remote_server(UNANSWERED) as server, Log() as log:
            run = calling(log, server)
            with taken_over(run, "pptpcm") as s:
                s.send(bad)
                ends(run, log, "call manager")
                match("exited without a final message before the call to", run.stderr())


@test("a gateway that sends packets of no kind, or the call manager's messages, is killed")
def _():
    for bad in (packet(200), packet(RECEIVED) + b"x", connect_request(FAR), packet(STATS_REQUEST)):
        with remote_server() as server, Log() as log:
            run, _ = up(server, log=log, address=FAR)
            with taken_over(run, "pptpgw") as s:
                s.send(bad)
                log.wait("the gateway sent a message that it must not send: it is killed")
                log.wait("was ended: its gateway process has exited")
                equal(run.wait(5), 1, "exit status")
                nothing_left()


@test("a call manager gets no connection or route to another server than the user named by address")
def _():
    with remote_server(UNANSWERED) as server, Log() as log:
        sh("ip -n far addr add %s/32 dev lo" % ELSEWHERE)
        run = calling(log, server)
        with taken_over(run, "pptpcm") as s:
            s.send(connect_request(ELSEWHERE))
            ends(run, log, "call manager")
        no_match(ELSEWHERE, sh("ip route show table all"))


@test("a call manager gets no more connections than a name can have addresses, and one")
def _():
    with hosts("%s vpn.test\n" % FAR), remote_server(UNANSWERED) as server, Log() as log:
        run = start("vpn.test")
        server.wait_for("SCCRQ")
        with taken_over(run, "pptpcm") as s:
            for _ in range(16):
                s.send(connect_request(FAR))
                s.settimeout(5)
                _, descriptors_, _, _ = socket.recv_fds(s, 600, 4)
                equal(len(descriptors_), 1, "descriptors in the reply")
                os.close(descriptors_[0])
            s.send(connect_request(FAR))
            ends(run, log, "call manager")


@test("a connection that cannot be handed over ends the start with the reason")
def _():
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with FakeServer(SERVER), Log(), here, there:
        for _ in range(3):  # descriptors in flight count for the user
            socket.send_fds(here, [b"x"], [0] * 20)
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        run = start(SERVER, prefix=("prlimit", "--nofile=40"))
        equal(run.wait(3), 1, "exit status")
        match("Could not open control connection to %s: Too many references" % SERVER, run.stderr())
        equal(resource.getrlimit(resource.RLIMIT_NOFILE), limits)
        nothing_left()


@test("a child that is stopped before the call is established ends the start after 10 s")
def _():
    said = {"pptpgw": "The gateway does not start: no sign of life for 10 s, it is stopped or hangs, "
                      "before the call to %s was established" % SERVER,
            "pptpcm": "Call manager exited with error: no sign of life for 10 s"}
    go_on = threading.Event()
    with FakeServer(SERVER, polite(held={"OCRQ": go_on})) as server, Log():
        runs = [Run([SERVER], pty=False) for _ in said]
        server.wait_for("OCRQ", len(runs))
        for run, comm in zip(runs, said):
            run.kill(comm, signal.SIGSTOP)
        go_on.set()
        for run, comm in zip(runs, said):
            equal(run.wait(15), 1, "exit status")
            between(9.5, time.monotonic() - run.started, 13, "seconds")
            match(said[comm], last_line(run))
        equal(server.mistakes(), [])
        nothing_left()


@test("another user who claims that the uplink is a tunnel prevents no host route")
def _():
    with remote_server() as server, Log() as log, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as claim:
        number = struct.unpack("!I", socket.inet_aton(FAR))[0]
        claim.bind("\0pptp-route/%08x/1/%d/0" % (number, socket.if_nametoindex("near")))
        run, _ = up(server, log=log, address=FAR)
        match("via 10.9.0.2 dev near", sh("ip route show proto %s" % OUR_ROUTES))
        run.hang_up()
        equal(run.wait(2), 0, "exit status")
    nothing_left()


if __name__ == "__main__":
    main()
