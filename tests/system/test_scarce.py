#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Calls on hosts that give little: 16 descriptors, no /proc, no further process, a umask that hides or
shows everything. Read-only and full disks, closed standard descriptors: test_adversity.py.
"""
import stat

from refused import NAMED
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import FAR, PPTP, SERVER, Run, contextlib, os, struct, subprocess

NO_PROC = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /proc && test ! -e /proc/self && exec "$0" "$@"')
CROWD = 65531  # a user whose processes are counted


def frames_both_ways(run, server):
    run.write_frame(lcp_request(1))
    packet, = server.wait_gre(1)
    server.send_gre(server.wait_for("OCRQ")[1]["call_id"], lcp_request(2), seq=0, to=packet.source)
    equal(run.read_frames(1), [lcp_request(2)])


def whole_call(run, server, log, with_status=True):
    log.wait("Outgoing call established")
    run.wait_ready()
    frames_both_ways(run, server)
    if with_status:
        equal(run.status()["call.1.state"], "established")
    run.hang_up()
    equal(run.wait(), 0, "exit status")
    equal(run.stderr(), "", "stderr")
    nothing_left()


@test("16 descriptors are enough for a lookup, a host route, status clients and a log daemon that restarts")
def _():
    limit = ("prlimit", "--nofile=16:16")
    with hosts("%s %s\n" % (SERVER, NAMED)), FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
        whole_call(start(NAMED, prefix=limit), server, log)
    with remote_server(polite(), gre=True) as server, Log() as log:
        run = start(FAR, prefix=limit)
        log.wait("Outgoing call established")
        run.wait_ready()
        log.close()
        with Log() as log, contextlib.ExitStack() as stack:
            path, = sockets()
            for _ in range(20):  # more than can be accepted
                stack.enter_context(connect(path))
            frames_both_ways(run, server)
            run.hang_up()
            equal(run.wait(), 0, "exit status")
            log.wait("has ended")
            nothing_left()


@test("without /proc a call works, with its status, its host route and its end in order")
def _():
    with FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
        whole_call(start(SERVER, prefix=NO_PROC), server, log)
    with remote_server(polite(), gre=True) as server, Log() as log:
        whole_call(start(FAR, prefix=NO_PROC), server, log)


@test("whatever the umask is, the status socket and its directory are the user's alone")
def _():
    for umask in ("0", "077", "0777"):
        with FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
            run = start(SERVER, prefix=("sh", "-c", 'umask %s; exec "$0" "$@"' % umask))
            log.wait("Outgoing call established")
            path, = sockets()
            equal(stat.S_IMODE(os.stat(path).st_mode), 0o600, "mode of the socket, umask " + umask)
            equal(stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode), 0o700,
                  "mode of the directory, umask " + umask)
            whole_call(run, server, log)
            os.rmdir(os.path.dirname(path))


@contextlib.contextmanager
def program_of_any_user():
    """A copy that any user can start, with file capabilities."""
    path = "/run/own-pptp"
    subprocess.run(["cp", PPTP, path], check=True)
    os.chmod(path, 0o755)
    os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, 1 << 12 | 1 << 13, 0, 0, 0))
    try:
        yield path
    finally:
        os.unlink(path)
        subprocess.run(["rm", "-rf", "/tmp/pptp-%d" % CROWD], check=True)


def limited(count):
    """As a user who may have that many processes."""
    return ("setpriv", "--reuid=%d" % CROWD, "--regid=%d" % CROWD, "--clear-groups",
            "prlimit", "--nproc=%d:%d" % (count, count))


@test("where no further process may be made the reason is told, and nothing is left")
def _():
    # 1: no call manager; 2: no gateway; 3: a call, but for one whose name has to be looked up.
    for count, name, reason in ((1, SERVER, "cannot fork: Resource temporarily unavailable"),
                                (2, SERVER, "cannot fork: Resource temporarily unavailable"),
                                (3, NAMED, "Resource temporarily unavailable")):
        with program_of_any_user() as program, hosts("%s %s\n" % (SERVER, NAMED)), \
                FakeServer(SERVER, polite(), gre=True), Log():
            run = Run([name, "--nolaunchpppd"], program=program, prefix=limited(count))
            equal(run.wait(), 1, "exit status with %d" % count)
            match(reason, run.stderr())
            nothing_left()
    with program_of_any_user() as program, FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
        run = Run([SERVER, "--nolaunchpppd"], program=program, prefix=limited(3))
        whole_call(run, server, log, with_status=False)


main()
