#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
The processes of a call as /proc shows them: who they run as, which capabilities and descriptors they
have, from the first byte on that each child reads from the network; and what is left of that where
the system forbids some of it, or where the start itself is privileged by its file.
"""
import resource
import shutil
import struct
from collections import Counter

from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import FAR, SERVER, TOP, contextlib, os, signal, socket, threading, time

USER = 65521
UNPRIVILEGED = "65534"
READERS = "/run/readers"
OWN = "/run/own-pptp"
IN_TMP = "/tmp/pptp-%d" % USER  # the directory of a user who has none in /run/user
PPPD = "/run/pppd"
TRACE = "/run/pppd-ran"
NET_ADMIN, NET_RAW, KILL = 1 << 12, 1 << 13, 1 << 5
SETS = ("CapInh", "CapPrm", "CapEff", "CapAmb")
WHEN_ROOT = ("setpriv", "--groups=4,20")
AS_USER = ("setpriv", "--reuid=%d" % USER, "--regid=%d" % USER, "--clear-groups")
IN_CONTAINER = ("setpriv", "--bounding-set=-all,+net_raw,+net_admin")


# ---- what /proc says ----

def fields(pid):
    with open("/proc/%d/status" % pid) as f:
        return {k: v.strip() for k, v in (line.split(":", 1) for line in f)}


def capabilities(pid, *sets):
    return {name: int(fields(pid)[name], 16) for name in sets}


def sockets_of(pid):
    """{inode: kind} of the sockets in the process's network namespace."""
    kinds = {}
    for kind, column in (("tcp", 9), ("udp", 9), ("raw", 9), ("netlink", 9), ("packet", 8)):
        with open("/proc/%d/net/%s" % (pid, kind)) as f:
            for line in f.readlines()[1:]:
                kinds[line.split()[column]] = kind
    with open("/proc/%d/net/unix" % pid) as f:
        for line in f.readlines()[1:]:
            words = line.split()
            name = words[7] if len(words) > 7 else ""
            kinds[words[6]] = {"0001": "stream", "0002": "datagram", "0005": "packets"}[words[4]]
            if name.startswith(("/run/", "/var/run/")) and int(words[3], 16) & 0x10000:
                kinds[words[6]] = "listener"
            for start_of, kind in (("@pptp-call-id-", "call id"), ("@pptp-route/", "route holder")):
                if name.startswith(start_of):
                    kinds[words[6]] = kind
    return kinds


def kind_of(target, inodes):
    if target.startswith("socket:"):
        return inodes.get(target[8:-1], "unknown socket")
    if target.startswith("/dev/pts/") and target != "/dev/pts/ptmx":
        return "pty slave"
    if target.endswith("ptmx"):
        return "pty master"
    return "pidfd" if "pidfd" in target else re.sub(r":\[\d+\]$", "", target)


def kinds(pid):
    """Counter of what the descriptors of a process are; the log daemon's socket is a datagram."""
    found = descriptors(pid)
    inodes = sockets_of(pid)
    return Counter(kind_of(target, inodes) for target in found.values())


def holds(pid, *wanted):
    """Exactly these descriptors, once the process has them."""
    deadline = time.monotonic() + 2
    while kinds(pid) != Counter(wanted) and time.monotonic() < deadline:
        time.sleep(0.005)
    got = kinds(pid)
    equal(sorted(got.elements()), sorted(wanted), "descriptors of " + tagged().get(pid, "?"))


NULLS = ("/dev/null", "/dev/null")
MASTERS = ("pty master", "pty master")
PAIR = "packets"  # an end of the socket pair with the parent, or with a child
LOG = "datagram"
UNTIL_UP, SINCE_UP = ("pipe",), ("/dev/null",)  # stderr
CHILD_UNTIL_UP = UNTIL_UP + SINCE_UP  # what stderr is going to be is open already
MANAGER = NULLS + ("listener", LOG, PAIR, "anon_inode:[timerfd]")
GATEWAY = (LOG, PAIR, "raw", "raw", *filter(os.path.exists, ("/proc/sys/net/netfilter/nf_conntrack_count",)))
OWNER = ("pidfd",)  # of the program that is given stderr back, where it is known
PARENT = (LOG, PAIR, PAIR, "call id")
ROUTE = ("netlink", "netlink")  # a request, and what changes


def is_unprivileged(pid, uid=UNPRIVILEGED, bounding=0, gid=None):
    status = fields(pid)
    equal(status["Uid"].split(), [uid] * 4, "uid of " + status["Name"])
    equal(status["Gid"].split(), [gid or uid] * 4, "gid of " + status["Name"])
    equal(status["Groups"], "", "groups of " + status["Name"])
    has_no_rights(pid)
    equal(capabilities(pid, "CapBnd")["CapBnd"], bounding, "bounding set of " + status["Name"])
    # The files of a process that is not dumpable are root's.
    equal(os.stat("/proc/%d/fd" % pid).st_uid, 0, "dumpable: owner of the files of " + status["Name"])


def is_sandboxed(pid):
    status = fields(pid)
    equal(status["Seccomp"], "2", "seccomp mode of " + status["Name"])


def has_no_rights(pid):
    status = fields(pid)
    equal(capabilities(pid, *SETS), dict.fromkeys(SETS, 0), status["Name"])
    equal(status["NoNewPrivs"], "1", "no_new_privs of " + status["Name"])
    with open("/proc/%d/limits" % pid) as f:
        match(r"(?m)^Max core file size +0 +0 ", f.read())


def is_parent(pid, allowed, uid="0"):
    """As the process that was started, with these capabilities and no others."""
    status = fields(pid)
    equal(status["Uid"].split()[0], uid, "uid of the parent")
    equal(capabilities(pid, *SETS),
          {"CapInh": 0, "CapAmb": 0, "CapPrm": allowed, "CapEff": allowed}, "parent")
    equal(status["NoNewPrivs"], "1", "no_new_privs of the parent")
    no_peer(pid)


def no_peer(pid):
    for kind in kinds(pid):
        true(kind not in ("tcp", "udp", "raw", "packet", "unknown socket"),
             "the parent holds", kind)


# ---- stopped before the first byte ----

class Stopping:
    """A start whose processes stop before each one's first read from the network."""

    def __init__(self, arguments, **kwargs):
        sh("make -s -C %s build/stop_at_read.so" % TOP)
        shared_libc()
        with open(READERS, "w"):
            os.chmod(READERS, 0o666)
        self.run = Run(arguments, prefix=WHEN_ROOT, environment={
            "LD_PRELOAD": os.path.join(TOP, "build", "stop_at_read.so"), "STOP_AT_READ": READERS},
            sandbox=False, **kwargs)

    def readers(self):
        with open(READERS) as f:
            return [(comm, int(pid)) for comm, pid in map(str.split, f)]

    def wait(self, comm):
        """The pid of the process of that name, once it is stopped."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            for name, pid in self.readers():
                if name == comm and fields(pid)["State"].startswith("T"):
                    return pid
            time.sleep(0.005)
        fail("no", comm, "among those who read from the network:", self.readers())


def check_first_reads(s, server, manager, gateway, parent):
    """Each child at its first read, and the parent as it is then."""
    pid = s.wait("pptpcm")
    is_unprivileged(pid)
    holds(pid, *manager + CHILD_UNTIL_UP + ("tcp",))
    is_parent(s.run.parent(), NET_ADMIN | KILL)
    holds(s.run.parent(), *parent + UNTIL_UP)
    os.kill(pid, signal.SIGCONT)
    _, request = server.wait_for("OCRQ")
    server.send_gre(request["call_id"], lcp_request(1), seq=0)
    pid = s.wait("pptpgw")
    is_unprivileged(pid)
    holds(pid, *gateway)
    os.kill(pid, signal.SIGCONT)
    equal(sorted(comm for comm, _ in s.readers()), ["pptpcm", "pptpgw"], "readers of the network")


def check_established(run, manager, gateway, parent):
    for comm in ("pptpcm", "pptpgw"):
        is_unprivileged(run.pid_of(comm))
    holds(run.pid_of("pptpcm"), *manager + ("tcp",))
    holds(run.pid_of("pptpgw"), *gateway)
    holds(run.parent(), *parent)
    is_parent(run.parent(), NET_ADMIN | KILL)


@test("pty form: from the first byte on no child has a privilege, or a descriptor that it does not need")
def _():
    gateway, parent = MASTERS + GATEWAY + SINCE_UP, MASTERS + PARENT + ROUTE
    with FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
        s = Stopping([SERVER, "--nolaunchpppd"])
        check_first_reads(s, server, MANAGER, gateway, parent)
        log.wait("Outgoing call established")
        s.run.status()
        check_established(s.run, MANAGER + SINCE_UP, gateway, parent + SINCE_UP)
        s.run.hang_up()
        equal(s.run.wait(), 0, "exit status")
        nothing_left()


@test("where there is a user pptp, it is the children's")
def _():
    with open("/etc/passwd") as f:
        others = f.read()
    for user, uid, gid in (("pptp:x:4321:4322::/:/bin/false", "4321", "4322"),
                           ("pptp2:x:4321:4322::/:/bin/false", UNPRIVILEGED, UNPRIVILEGED),
                           ("pptp:x:0:4322::/:/bin/false", UNPRIVILEGED, UNPRIVILEGED)):
        put_over("/etc/passwd", others + user + "\n")
        with FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
            run, _ = up(server, log=log)
            for comm in ("pptpcm", "pptpgw"):
                is_unprivileged(run.pid_of(comm), uid, gid=gid)
                is_sandboxed(run.pid_of(comm))
            run.hang_up()
            equal(run.wait(), 0, "exit status")
            nothing_left()
        sh("umount /etc/passwd")


@contextlib.contextmanager
def pppd_script(body):
    with open(PPPD, "w") as f:
        f.write("#!/bin/sh\n" + body)
    os.chmod(PPPD, 0o755)
    sh("mount --bind %s /usr/sbin/pppd" % PPPD)
    try:
        yield
    finally:
        end_everything()  # or it is busy
        sh("umount /usr/sbin/pppd")


@test("shell form: from the first byte on no child has a privilege, or a descriptor that it does not need")
def _():
    os.mkfifo("/run/speak")
    slow = "exec 3<>$1; read -r line </run/speak; printf '~~' >&3; exec cat <&3 >/dev/null\n"
    manager = MANAGER + OWNER
    gateway = NULLS + GATEWAY + OWNER + ("pty master",) + CHILD_UNTIL_UP
    asking = gateway + ("pty slave",)  # whether pppd listens
    parent = NULLS + PARENT + ROUTE + OWNER + ("pty master", PAIR, "pidfd")
    with pppd_script(slow), FakeServer(SERVER, polite(), gre=True) as server, Log() as log:
        s = Stopping([SERVER], pty=False)
        check_first_reads(s, server, manager, asking, parent + ("pty slave",))
        log.wait("Outgoing call established")
        s.run.status()
        holds(s.run.parent(), *parent + UNTIL_UP + ("pty slave",))
        with open("/run/speak", "w") as f:
            f.write("speak\n")
        check_established(s.run, manager + CHILD_UNTIL_UP, gateway, parent + UNTIL_UP)
        s.run.process.terminate()
        s.run.wait_all()
        nothing_left()
    os.unlink("/run/speak")


@test("while a name is looked up neither the call manager nor its resolver has a privilege")
def _():
    with hosts("", "dns", "127.0.0.3"), Log(), \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.3", 53))
        silent.settimeout(5)
        run = Run(["vpn.test", "--nolaunchpppd"], prefix=WHEN_ROOT)
        silent.recv(512)
        managers = [pid for pid, comm in run.pids().items() if comm == "pptpcm"]
        resolver, = [pid for pid in managers if parent(pid) in managers]
        is_unprivileged(resolver)
        holds(resolver, *NULLS + UNTIL_UP + ("pipe", "udp"))
        is_unprivileged(parent(resolver))
        holds(parent(resolver), *MANAGER + CHILD_UNTIL_UP + ("pipe",))
        is_unprivileged(run.pid_of("pptpgw"))
        is_sandboxed(run.pid_of("pptpgw"))
        holds(run.pid_of("pptpgw"), *MASTERS + GATEWAY + CHILD_UNTIL_UP)
        is_parent(run.pid, NET_ADMIN | KILL)
        holds(run.pid, *MASTERS + PARENT + UNTIL_UP)
        run.hang_up()
        run.wait_all()
        nothing_left()


@test("while the call manager connects it has the connection, and the parent has not")
def _():
    sh("ip link add silent type veth peer name deaf && ip link set silent arp off up && "
       "ip link set deaf up && ip addr add 10.7.0.1/24 dev silent")
    with Log() as log:
        run = Run(["10.7.0.2", "--nolaunchpppd"], prefix=WHEN_ROOT)
        log.wait("Connecting to")
        holds(run.pid_of("pptpcm"), *MANAGER + CHILD_UNTIL_UP + ("tcp",))
        is_unprivileged(run.pid_of("pptpcm"))
        is_sandboxed(run.pid_of("pptpcm"))
        is_parent(run.pid, NET_ADMIN | KILL)
        holds(run.pid, *MASTERS + PARENT + ROUTE + UNTIL_UP)
        run.hang_up()
        run.wait_all()
        nothing_left()
    sh("ip link del silent")


@test("the parent keeps CAP_NET_ADMIN for the host route and for marked sockets alone")
def _():
    for arguments, allowed in (((), NET_ADMIN | KILL), (("--nohostroute",), KILL),
                               (("--nohostroute", "--rtmark", "7"), NET_ADMIN | KILL)):
        with remote_server() as server, Log() as log:
            run, _ = up(server, *arguments, log=log, address=FAR)
            is_parent(run.pid, allowed)
            run.hang_up()
            equal(run.wait(), 0, "exit status")
            nothing_left()


# ---- where the system forbids a step, or the file gives privileges ----

def call_works(run, log, check):
    """Establishes it, checks its processes, ends it in order; nothing is on stderr."""
    log.wait("Outgoing call established")
    deadline = time.monotonic() + 5
    while not (pid := run.pid_of("pptpgw")) or os.readlink("/proc/%d/fd/2" % pid) != "/dev/null":
        true(time.monotonic() < deadline, "the gateway does not carry packets")
        time.sleep(0.005)
    check(run)
    for comm in ("pptpcm", "pptpgw"):
        is_sandboxed(run.pid_of(comm))
    run.hang_up()
    equal(run.wait(), 0, "exit status")
    equal(run.stderr(), "", "stderr")
    nothing_left()


@test("in a container each step that is forbidden is a line in the log, and the others are done")
def _():
    def check(run):
        for comm in ("pptpcm", "pptpgw"):
            has_no_rights(run.pid_of(comm))
        is_parent(run.pid, NET_ADMIN)
    with FakeServer(SERVER) as server, Log() as log:
        run = Run([SERVER, "--nolaunchpppd"],
                  prefix=("setpriv", "--groups=4,20") + IN_CONTAINER)
        call_works(run, log, check)
        for step in ("the bounding set", "supplementary groups", "the group id", "the user id"):
            equal(len(re.findall("cannot drop %s: Operation not permitted" % step, log.text())),
                  1 if step == "the bounding set" else 2, "lines about " + step)
        equal(len(re.findall("cannot drop", log.text())), 7, "lines about steps")
        equal(server.mistakes(), [])


@contextlib.contextmanager
def own_program(mode=0o755, capabilities=0, effective=True):
    """A copy of the program whose file gives privileges."""
    shutil.copy(PPTP, OWN)
    os.chmod(OWN, mode)
    if capabilities:
        os.setxattr(OWN, "security.capability", struct.pack(
            "<5I", 0x02000000 | effective, capabilities, 0, 0, 0))
    try:
        yield
    finally:
        os.unlink(OWN)
        shutil.rmtree(IN_TMP, ignore_errors=True)


@contextlib.contextmanager
def runtime_directory():
    """/run/user/UID of USER."""
    path = "/run/user/%d" % USER
    os.makedirs(path)
    os.chown(path, USER, USER)
    os.chmod(path, 0o700)
    try:
        yield path
    finally:
        shutil.rmtree("/run/user")


def start_as_user(*arguments, **kwargs):
    return Run([SERVER, "--nolaunchpppd"] + list(arguments), program=OWN, prefix=AS_USER, **kwargs)


def status_as(uid):
    run = Run(["--status"], program=OWN, pty=False,
              prefix=("setpriv", "--reuid=%d" % uid, "--regid=%d" % uid, "--clear-groups"))
    run.process.wait(10)
    return run.stdout(), run.stderr()


@test("file capabilities, effective or only permitted: the call works, and no child has one")
def _():
    def check(run):
        for comm in ("pptpcm", "pptpgw"):
            pid = run.pid_of(comm)
            is_unprivileged(pid, str(USER), bounding=capabilities(os.getpid(), "CapBnd")["CapBnd"])
        is_parent(run.pid, NET_ADMIN, str(USER))
    for effective in (True, False):
        with own_program(capabilities=NET_ADMIN | NET_RAW, effective=effective), \
                FakeServer(SERVER) as server, Log() as log:
            call_works(start_as_user(), log, check)
            equal(len(re.findall("cannot drop the bounding set", log.text())), 1)
            equal(len(re.findall("cannot drop", log.text())), 1, "lines about steps")
            equal(server.mistakes(), [])
            equal(os.listdir(IN_TMP), [], "sockets left behind")


@test("set-user-id root: the children are the user who started, without a privilege")
def _():
    def check(run):
        for comm in ("pptpcm", "pptpgw"):
            is_unprivileged(run.pid_of(comm), str(USER))
        is_parent(run.pid, NET_ADMIN | KILL, str(USER))
    with own_program(mode=0o4755), FakeServer(SERVER) as server, Log() as log:
        call_works(start_as_user(), log, check)
        no_match("cannot drop", log.text())
        equal(server.mistakes(), [])
        equal(os.listdir(IN_TMP), [], "sockets left behind")


@test("pppd is never looked for in the PATH of a start that its file makes privileged")
def _():
    os.makedirs("/run/bin")
    with open("/run/bin/pppd", "w") as f:
        f.write("#!/bin/sh\necho ran >>%s\n" % TRACE)
    os.chmod("/run/bin/pppd", 0o755)

    def ran(prefix, **file):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(TRACE)
        os.chmod("/run", 0o777)  # any user can record that it was run
        with own_program(**file), FakeServer(SERVER), Log() as log:
            run = Run([SERVER], program=OWN, pty=False, prefix=prefix,
                      environment={"PATH": "/run/bin:/bin:/usr/bin"})
            run.process.wait(10)
            log.wait("Outgoing call established")
            run.wait_all()
        return os.path.exists(TRACE), run.stderr()

    sh("mount -t tmpfs none /usr/sbin")
    try:
        true(ran(())[0], "it is not looked for in the PATH at all")
        for file in ({"mode": 0o4755}, {"capabilities": NET_ADMIN | NET_RAW}):
            found, text = ran(AS_USER, **file)
            true(not found, "another's pppd was run with", file)
            match("cannot start pppd: No such file or directory; is it installed", text)
    finally:
        sh("umount /usr/sbin")
        os.chmod("/run", 0o755)
        shutil.rmtree("/run/bin")


def make_of_another_user(path):
    os.makedirs(path)
    os.chown(path, USER + 1, USER + 1)


@test("the status of a file-capability user is theirs alone, in their own directory")
def _():
    with own_program(capabilities=NET_ADMIN | NET_RAW), FakeServer(SERVER), Log() as log, \
            runtime_directory() as runtime:
        make_of_another_user(IN_TMP)  # in vain
        run = start_as_user()
        log.wait("Outgoing call established")
        equal(len(os.listdir(runtime + "/pptp")), 1, "sockets of the user")
        equal(os.listdir(IN_TMP), [], "sockets of another user")
        match("call.1.state=established", status_as(USER)[0])
        match("no call of this user", status_as(USER + 1)[1])
        run.hang_up()
        equal(run.wait(), 0, "exit status")
        equal(os.listdir(runtime + "/pptp"), [])
        nothing_left()


@test("another user who makes a file-capability user's directory first prevents the status alone")
def _():
    with own_program(capabilities=NET_ADMIN | NET_RAW), FakeServer(SERVER), Log() as log:
        make_of_another_user(IN_TMP)
        run = start_as_user()
        log.wait("Outgoing call established")
        log.wait("no socket for --status")
        equal(os.listdir(IN_TMP), [])
        match(re.escape(IN_TMP) + " belongs to another user", status_as(USER)[1])
        run.hang_up()
        equal(run.wait(), 0, "exit status")
        nothing_left()


@test("set-user-id root: a link in the place of the user's directory leads to no file of root's")
def _():
    roots = "/run/roots"
    with own_program(mode=0o4755), runtime_directory() as runtime, FakeServer(SERVER), Log() as log:
        run = start_as_user()
        log.wait("Outgoing call established")
        name, = os.listdir(runtime + "/pptp")
        match("^255.255.255.255:%s.%d$" % (SERVER, run.pid), name)
        os.makedirs(roots)
        os.chmod(roots, 0o700)
        with open(os.path.join(roots, name), "w"):
            pass
        os.rename(runtime + "/pptp", runtime + "/moved")
        os.symlink(roots, runtime + "/pptp")
        no_match(re.escape(name), "".join(status_as(USER)))
        run.hang_up()
        equal(run.wait(), 0, "exit status")
        equal(os.listdir(roots), [name], "root's files")
    shutil.rmtree(roots)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    main()
