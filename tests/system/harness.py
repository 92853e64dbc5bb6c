# SPDX-License-Identifier: ISC
"""
What the process tests share: a namespace of their own, TAP, the real ./pptp started as pppd starts
it, what it logs, and what it leaves behind.

    from harness import *

    @test("a refused call ends with the reason")
    def _():
        with FakeServer("127.0.0.2", polite(ocrp={"result": 4})) as server, Log() as log:
            p = start("127.0.0.2")
            equal(p.wait(), 1)
            match("busy", p.stderr())
            log.wait("busy")
            nothing_left()

A test file ends with a call of main, which starts the file again inside namespaces of its own
(network, mounts, processes), so that /run, /dev/log, the call ids and the routes are the test's
alone and no process outlives it.
Arguments of a test file are substrings: only tests whose names hold one of them are run.
PPTP in the environment names the program under test (default: ./pptp).
"""
import contextlib
import ctypes
import fcntl
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
import traceback
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.dirname(HERE))

from fake_server import *  # noqa: E402,F401,F403 -- tests write scripts with its names
from fake_server import WAIT, FakeServer  # noqa: E402

PPTP = os.path.abspath(os.environ.get("PPTP", os.path.join(TOP, "pptp")))
TAG = "PPTP_TEST_TAG"
INSIDE = "PPTP_TEST_INSIDE"
SERVER = "127.0.0.2"  # where a FakeServer listens, if nothing else is said
OUR_ROUTES = "47"  # the protocol number of the client's host routes

_tests = []


def test(name):
    def add(function):
        _tests.append((name, function))
        return function
    return add


class Failed(AssertionError):
    pass


class Skipped(Exception):
    """What the test needs is not there."""


def fail(*words):
    raise Failed(" ".join(str(w) for w in words))


def true(value, *words):
    if not value:
        fail(*(words or ("not true:", value)))


def equal(got, wanted, what=""):
    if got != wanted:
        fail(what, "got", repr(got), "instead of", repr(wanted))


def match(pattern, text):
    found = re.search(pattern, text)
    if not found:
        fail("no", repr(pattern), "in", repr(text))
    return found


NO_ROUTE_TO_HOST = "No route to host"
NETWORK_UNREACHABLE = "Network is unreachable"
NO_DESCRIPTORS = "Too many open files"


def shared_libc():
    """The program under test; the test is skipped where that is static: musl's resolver knows no
    nsswitch.conf, and a static program calls nothing that is preloaded."""
    ldd = subprocess.run(["ldd", PPTP], capture_output=True, text=True)
    if ldd.returncode or "statically linked" in ldd.stdout:
        raise Skipped(PPTP, "has no shared C library")
    return PPTP


STRUCK = "/run/struck-at"
_made = set()


def signal_in_instant(comm, signo, instant):
    """For start(): the process of that name sends itself the signal in that instant (kill_at.c)."""
    library = os.path.join(TOP, "build", "kill_at.so")
    if library not in _made:
        sh("make -s -C %s build/kill_at.so" % TOP)
        _made.add(library)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(STRUCK)
    return {"program": shared_libc(), "sandbox": False, "environment": {
        "LD_PRELOAD": library, "KILL_AT": str(instant), "KILL_AT_NAME": comm,
        "KILL_AT_SIGNAL": str(int(signo)), "KILL_AT_TELLS": STRUCK}}


def struck():
    """The instant of signal_in_instant() that has come; None where it has not."""
    with contextlib.suppress(FileNotFoundError), open(STRUCK) as f:
        return f.read()


def no_match(pattern, text):
    if re.search(pattern, text):
        fail(repr(pattern), "in", repr(text))


def between(low, value, high, what=""):
    if not low <= value <= high:
        fail(what, value, "is not within", low, "to", high)


def exact(measure, wanted, what="", slack=0.02, tries=5):
    """measure() gives `wanted` seconds, `slack` more or less, on one of the tries: a machine that is
    busy elsewhere makes either end of what is measured late, but not each time."""
    for attempt in range(tries):
        took = measure()
        if abs(took - wanted) <= slack:
            return
        diag("try %d: %s took %.3f s instead of %.3f" % (attempt + 1, what, took, wanted))
    fail(what, "took", took, "instead of", wanted, "each time")


def diag(*words):
    """A TAP comment."""
    for line in " ".join(str(w) for w in words).splitlines():
        print("# " + line, flush=True)


def main():
    # Or, under nohup or behind a script's "&", the program would leave them alone.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not os.environ.get(INSIDE):
        _enter_namespaces()
    _reap_orphans()
    _set_up_namespaces()
    wanted = sys.argv[1:]
    chosen = [t for t in _tests if not wanted or any(w in t[0] for w in wanted)]
    if not chosen:
        print("1..1\nnot ok 1 - no test has %s in its name" % " or ".join(wanted), flush=True)
        os._exit(1)
    print("1..%d" % len(chosen), flush=True)
    failures = 0
    for number, (name, function) in enumerate(chosen, 1):
        before = time.monotonic()
        try:
            function()
            verdict = "ok"
        except Skipped as e:
            verdict = "ok"
            name += " # SKIP %s" % e
        except BaseException as e:
            verdict = "not ok"
            failures += 1
            diag(str(e) if isinstance(e, Failed) else traceback.format_exc())
            if isinstance(e, Failed):
                where = [f for f in traceback.extract_tb(e.__traceback__) if f.filename != __file__]
                diag("at line", where[-1].lineno if where else "?")
            if isinstance(e, KeyboardInterrupt):
                break
        finally:
            end_everything()
        print("%s %d - %s # %.2f s" % (verdict, number, name, time.monotonic() - before), flush=True)
    sys.stdout.flush()
    os._exit(1 if failures else 0)  # daemon threads hold nothing worth waiting for


# ---- the namespaces ----

def _enter_namespaces():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root for namespaces and raw sockets")
        sys.exit(0)
    environment = dict(os.environ, **{INSIDE: "1"})
    os.execvpe("unshare", ["unshare", "-n", "-m", "-p", "-i", "-u", "--fork", "--kill-child",
                           "--mount-proc", sys.executable] + sys.argv, environment)


def _reap_orphans():
    """The first process of a namespace inherits orphans: it does nothing but wait for them."""
    if os.getpid() != 1:
        return
    child = os.fork()
    if child == 0:
        return
    while True:
        pid, status = os.wait()
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 255)


_SET_UP = r"""
set -e
ip link set lo up
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/lock
d=$(mktemp -d /run/dev.XXXXXX)
mount -t tmpfs -o mode=755 none $d
for n in null zero full random urandom tty; do touch $d/$n; mount --bind /dev/$n $d/$n; done
mkdir $d/pts $d/shm $d/net
mount -t devpts -o newinstance,ptmxmode=0666,mode=600 none $d/pts
ln -s pts/ptmx $d/ptmx
ln -s /proc/self/fd $d/fd
[ -c /dev/net/tun ] && { touch $d/net/tun; mount --bind /dev/net/tun $d/net/tun; }
[ -c /dev/ppp ] && { touch $d/ppp; mount --bind /dev/ppp $d/ppp; }
mount --move $d /dev
"""


def _set_up_namespaces():
    done = subprocess.run(["/bin/sh", "-c", _SET_UP], capture_output=True, text=True)
    if done.returncode and "mount --move" not in done.stderr:
        if not os.path.exists("/dev/ptmx"):
            diag("setting up the namespaces:", done.stderr)
            sys.exit(1)
    with open("/etc/passwd") as f:
        without = [line for line in f if not line.startswith("pptp:")]
    put_over("/etc/passwd", "".join(without))


def sh(command, check=True):
    """Runs a shell command in the namespace; its output."""
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True)
    if check and done.returncode:
        fail(command, "failed:", done.stderr)
    return done.stdout


# ---- a server in a namespace behind a router, so that there is a route to it ----

FAR = "192.0.2.7"


def enter_namespace(fd):
    """Moves this thread into a network namespace; what it opens from then on is there."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, 0x40000000):
        raise OSError(ctypes.get_errno(), "setns")


def far_server(script=None, address=FAR, **kwargs):
    """A FakeServer at that address of the namespace "far"; needs far_network()."""
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    far = os.open("/run/netns/far", os.O_RDONLY)
    enter_namespace(far)
    try:
        return FakeServer(address, script, **kwargs)
    finally:
        enter_namespace(here)
        os.close(here)
        os.close(far)


@contextlib.contextmanager
def far_network():
    """The namespace "far" with the address FAR, reached by a default route through its router."""
    sh("ip netns add far && ip link add near type veth peer name far netns far && "
       "ip addr add 10.9.0.1/24 dev near && ip link set near up && "
       "ip -n far addr add 10.9.0.2/24 dev far && ip -n far link set far up && "
       "ip -n far link set lo up && ip -n far addr add 192.0.2.7/32 dev lo && "
       "ip route add default via 10.9.0.2")
    try:
        yield
    finally:
        sh("ip route del default 2>/dev/null; ip link del near; ip netns del far", check=False)


@contextlib.contextmanager
def remote_server(script=None, **kwargs):
    """far_network() with a far_server() in it."""
    with far_network(), far_server(script, **kwargs) as server:
        yield server


# ---- names ----

def put_over(path, text):
    """A file of our own under that name, in our mount namespace; where there is none, nothing."""
    own = "/run/own" + path.replace("/", "-")
    with open(own, "w") as f:
        f.write(text)
    if os.path.exists(path):
        sh("mount --bind %s %s" % (own, path))


@contextlib.contextmanager
def hosts(text, sources="files", name_server=None):
    """A hosts file of our own, and where names are looked up."""
    files = {"/etc/hosts": text, "/etc/nsswitch.conf": "hosts: %s\n" % sources,
             "/etc/resolv.conf": "nameserver %s\n" % (name_server or "127.0.0.1")}
    for path, content in files.items():
        put_over(path, content)
    try:
        yield
    finally:
        for path in files:
            sh("umount %s 2>/dev/null" % path, check=False)


class NameServer:
    """Answers questions for IPv4 addresses with `addresses`, in that order; with None, never; with
    "fails", that the lookup failed."""

    def __init__(self, address, addresses=None):
        self.addresses = addresses
        self.asked = threading.Event()
        self.times = []  # when it was asked
        self.may_answer = threading.Event()
        self.may_answer.set()
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _serve(self):
        while True:
            try:
                question, peer = self._sock.recvfrom(1500)
            except OSError:
                return
            if not question:
                return
            self.times.append(time.monotonic())
            self.asked.set()
            addresses = self.addresses
            if addresses is None:
                continue
            self.may_answer.wait(WAIT)
            end = question.index(b"\0", 12) + 5  # after the name, its type and class
            records = []
            failed = addresses == "fails"
            if struct.unpack_from("!H", question, end - 4)[0] == 1 and not failed:
                records = [b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(a)
                           for a in addresses]
            head = question[:2] + struct.pack("!HHHHH", 0x8182 if failed else 0x8180, 1, len(records), 0, 0)
            with contextlib.suppress(OSError):  # it may have been closed meanwhile
                self._sock.sendto(head + question[12:end] + b"".join(records), peer)


def with_names():
    """Names that are not in the hosts file are asked of a NameServer at 127.0.0.3."""
    return hosts("127.0.0.1 localhost\n", sources="files dns", name_server="127.0.0.3")


# ---- what the program logs ----

MARK_LEN = 16  # shorter than any line of the program's


class Log:
    """Takes the place of syslogd: keeps what is sent to /dev/log."""

    def __init__(self):
        self.lines = []  # (time, text), the text without the priority
        self.priorities = []
        self._marks = set()  # MARK_LEN bytes each, by which the reader is known to have come so far
        self.changed = threading.Condition()
        with contextlib.suppress(FileNotFoundError):
            os.unlink("/dev/log")
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._sock.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        self._ending = False
        self._reading = threading.Event()
        self._reading.set()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def pause(self):
        """Takes at most one line more, as a daemon that is stuck."""
        self._reading.clear()

    def resume(self):
        self._reading.set()

    def close(self):
        if not self._ending:
            self._ending = True
            self.resume()
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._thread.join(WAIT)
            self._sock.close()
            with contextlib.suppress(FileNotFoundError):
                os.unlink("/dev/log")

    def text(self):
        """The lines that were written before this call."""
        self._catch_up()
        with self.changed:
            return "\n".join(t for _, t in self.lines)

    def wait(self, pattern, timeout=WAIT, count=1):
        """The count-th line that holds `pattern`, once it is there."""
        found = []

        def look():
            found[:] = [t for _, t in self.lines if re.search(pattern, t)]
            return len(found) >= count
        with self.changed:
            if not self.changed.wait_for(look, timeout):
                fail("no", repr(pattern), "in the log within", timeout, "s:\n" +
                     "\n".join(t for _, t in self.lines[-40:]))
        return found[count - 1]

    def last(self):
        """The last line that was written before this call."""
        return self.text().splitlines()[-1]

    def _catch_up(self):
        if self._ending or not self._reading.is_set():
            return
        mark = os.urandom(MARK_LEN)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(mark, "/dev/log")
        with self.changed:
            if not self.changed.wait_for(lambda: mark in self._marks, WAIT):
                fail("the log is not read")

    def _read(self):
        while True:
            try:
                data = self._sock.recv(65536)
            except OSError:
                return
            if not data:
                return
            self._reading.wait()
            if len(data) == MARK_LEN:
                with self.changed:
                    self._marks.add(data)
                    self.changed.notify_all()
                continue
            text = data.decode("utf-8", "replace").rstrip("\n\0")
            found = re.match(r"<(\d+)>(?:\w{3} [ \d]\d [\d:]{8} )?(.*)", text, re.S)
            with self.changed:
                self.priorities.append(int(found.group(1)) if found else None)
                self.lines.append((time.monotonic(), found.group(2) if found else text))
                self.changed.notify_all()


# ---- the program under test ----

_running = []
_tag_number = [0]


class Run:
    """
    ./pptp as pppd's pty option runs it: stdin and stdout are the master of a pty, and `slave` (raw,
    as pppd sets it) is kept here. With pty=False they are /dev/null. sandbox=False: what is preloaded
    makes system calls that the program itself never makes.
    """

    def __init__(self, arguments, pty=True, program=None, environment=None, stdin=None, stdout=None,
                 prefix=(), close_fds=True, sandbox=True):
        arguments = list(arguments) if sandbox else ["--nosandbox"] + list(arguments)
        _tag_number[0] += 1
        self.tag = "%d.%d" % (os.getpid(), _tag_number[0])
        self.slave = None
        master = None
        if pty:
            master, self.slave = os.openpty()
            tty.setraw(self.slave, termios.TCSANOW)
            stdin = stdout = master
        self._read_at = b""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            list(prefix) + [program or PPTP] + list(arguments),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=subprocess.PIPE if stdout is None else stdout, stderr=subprocess.PIPE,
            env=dict(os.environ, **dict(environment or {}, **{TAG: self.tag})),
            start_new_session=True, close_fds=close_fds)
        if master is not None:
            os.close(master)
        self.pid = self.process.pid
        self._stderr = b""
        self._pty_form = "--nolaunchpppd" in arguments
        self._had_children = False
        self._reader = threading.Thread(target=self._read_stderr, daemon=True)
        self._reader.start()
        _running.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()

    def _read_stderr(self):
        while True:
            data = self.process.stderr.read1(65536)
            if not data:
                return
            self._stderr += data

    def stderr(self):
        """All of stderr; call it after wait() to have it whole."""
        if self.process.poll() is not None:
            self._reader.join(2)
        return self._stderr.decode("utf-8", "replace")

    def stdout(self):
        return self.process.stdout.read().decode("utf-8", "replace")

    def wait(self, timeout=WAIT, pause=False):
        """The exit status (negative: the signal), within `timeout`. In the pty form a call that failed
        keeps pppd from redialling for 3 s after the start: with `pause` that time is waited for too,
        else it is ended by SIGTERM, once the children have exited and the reason is printed."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                return self.process.wait(0.002 if not pause else timeout)
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    fail("pptp still runs after", timeout, "s; processes", self.pids(), "stderr",
                         self.stderr())
            if not pause and self.is_pausing():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.pid, signal.SIGTERM)

    def is_pausing(self):
        """Whether both children have exited, or were never made, and only the parent is left."""
        there = bool(children(self.pid))
        self._had_children = self._had_children or there
        return not there and (self._had_children or self._is_in_poll())

    def _is_in_poll(self):
        with contextlib.suppress(OSError), open("/proc/%d/wchan" % self.pid) as f:
            return "poll" in f.read()
        return False

    def pids(self):
        """{pid: comm} of all processes that come from this start and are no zombies."""
        found = tagged(self.tag)
        self._had_children = self._had_children or "pptpcm" in found.values()
        return found

    def pid_of(self, comm):
        """The pid of the process with that name ("pptp", "pptpgw", "pptpcm"); None where none is."""
        for pid, name in self.pids().items():
            if name == comm:
                return pid
        return None

    def kill(self, comm, signo):
        """Signals the process of that name, which a child has soon after its fork."""
        deadline = time.monotonic() + 2
        pid = self.pid_of(comm)
        while pid is None and time.monotonic() < deadline:
            pid = self.pid_of(comm)
        if pid is None:
            fail("no process", comm, "among", self.pids())
        os.kill(pid, signo)

    @contextlib.contextmanager
    def stopped(self, comm):
        """That process does nothing meanwhile."""
        self.kill(comm, signal.SIGSTOP)
        try:
            yield
        finally:
            self.kill(comm, signal.SIGCONT)

    def parent(self):
        """The pid of the parent process: this start's own in the pty form, else its child."""
        if self._pty_form:
            return self.pid
        return next((pid for pid, name in self.pids().items() if name == "pptp" and pid != self.pid),
                    self.pid)

    def kill_parent(self):
        """By SIGKILL: the route and the name of its socket stay."""
        os.kill(self.parent(), signal.SIGKILL)

    def status(self):
        """The status from this start's own call manager: of an established call once its gateway, which
        has then taken it over, answers for its counters."""
        manager = self.pid_of("pptpcm")
        own = ".%d" % self.parent()
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            for answer in filter(None, (status(path) for path in sockets() if path.endswith(own))):
                if int(answer["pid"]) == manager and ("call.1.rx_accepted" in answer or
                                                      answer.get("call.1.state") != "established"):
                    return answer
        fail("no status from", manager, "in", sockets())

    def wait_ready(self):
        """Until the parent knows that the gateway carries packets, also where there is no status: its
        stderr is closed then."""
        deadline = time.monotonic() + WAIT
        while os.readlink("/proc/%d/fd/2" % self.parent()) != "/dev/null":
            if time.monotonic() > deadline:
                fail("the call is not established", self.stderr())
            time.sleep(0.001)

    def hang_up(self):
        """Closes the slave, as pppd does when it ends."""
        if self.slave is not None:
            os.close(self.slave)
            self.slave = None

    def wait_all(self, timeout=WAIT):
        """Waits until every process of this start is gone; the seconds it took."""
        before = time.monotonic()
        self.wait(timeout)
        wait_gone(list(tagged(self.tag, exiting=True)), max(0, timeout - (time.monotonic() - before)))
        return time.monotonic() - before

    def end(self):
        """Ends what is left of it, by force."""
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.hang_up()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self in _running:
            _running.remove(self)

    # -- the PPP side --

    def write_frame(self, frame, escape=True):
        """Hands a PPP frame to the program as pppd would (asynchronous HDLC, all below 20 escaped)."""
        write_all(self.slave, hdlc_encode(frame))

    def read_frames(self, count=1, timeout=WAIT):
        """The next `count` PPP frames that the program hands to pppd, FCS checked and removed."""
        frames = []
        deadline = time.monotonic() + timeout
        while len(frames) < count:
            head, flag, rest = self._read_at.partition(b"\x7e")
            if flag:
                self._read_at = rest
                if head:
                    frames.append(hdlc_decode(head))
                continue
            self._read_at = head + self.read_some(deadline - time.monotonic())
        return frames

    def read_some(self, timeout=WAIT):
        """Bytes from the slave; raises after `timeout`."""
        if not select.select([self.slave], [], [], max(0, timeout))[0]:
            fail("nothing more from the program; so far", self._read_at.hex())
        data = os.read(self.slave, 65536)
        if not data:
            fail("the program has hung up; before that", self._read_at.hex())
        return data


def start(*arguments, **kwargs):
    """The pty form: `pptp ARGUMENTS --nolaunchpppd`."""
    return Run(list(arguments) + ["--nolaunchpppd"], **kwargs)


def last_line(run):
    lines = run.stderr().strip().splitlines()
    return lines[-1] if lines else ""


def up(server, *arguments, log, address=SERVER, **kwargs):
    """A call that is established, for the gateway too: the Run and the server's connection."""
    run = start(address, *arguments, **kwargs)
    log.wait("Outgoing call established")
    equal(run.status()["call.1.state"], "established")
    return run, server.connections[-1]


def fails(script, *arguments, status=1, within=3.0, server=SERVER):
    """A call that the server's script makes fail: its last line on stderr, and the server."""
    with FakeServer(SERVER, script) as s:
        run = start(server, *arguments)
        equal(run.wait(within), status, "exit status")
        equal(s.mistakes(), [])
        nothing_left()
        return last_line(run), s


def end_everything():
    """Ends all that the tests started, by force, and clears their sockets away."""
    for run in list(_running):
        run.end()
    for path in sockets():
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


SOCKETS = "/var/run/pptp"


def sockets():
    """Paths of the call managers' sockets."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(os.path.join(SOCKETS, name) for name in os.listdir(SOCKETS))
    return []


# How packets there begin: version and type, as in lib/ipc_msg.h.
CONNECT_REQUEST, CLOSE, STATUS_REQUEST, STATUS = (bytes([4, kind]) for kind in (1, 13, 16, 17))


def connect(path):
    """A client of the call manager at that socket."""
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(WAIT)
    try:
        s.connect(path)
    except OSError:
        s.close()
        raise
    return s


def status(path):
    """What the call manager at that socket says of itself, as a dict; None where there is no answer."""
    try:
        with connect(path) as s:
            s.send(STATUS_REQUEST)
            data = s.recv(65536)
    except (ConnectionError, FileNotFoundError):
        return None
    if data[:2] != STATUS:
        return None
    return dict(line.split("=", 1) for line in data[2:].decode().splitlines())


def wait_gateways(count):
    """Until the gateways of `count` calls have taken them over (they answer for their counters)."""
    deadline = time.monotonic() + WAIT
    while True:
        answers = [a for a in map(status, sockets()) if a]
        ready = sum(1 for a in answers for k in a if k.endswith(".rx_accepted"))
        left_out = sum(int(a.get("calls_left_out", 0)) for a in answers)
        if ready + left_out >= count:
            return answers
        if time.monotonic() > deadline:
            fail("only", ready, "gateways of", count, "are up:", answers)


def tagged(tag=None, exiting=False):
    """{pid: comm} of live processes started by these tests (by that start, where a tag is given).
    `exiting`: also of ours that have begun to exit, whose environment is gone before their files."""
    found = {}
    needle = ("%s=%s" % (TAG, tag or "")).encode()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        variables = [b""]
        with contextlib.suppress(OSError):  # newer kernels say so where the environment is gone
            with open("/proc/%s/environ" % entry, "rb") as f:
                variables = f.read().split(b"\0")
        try:
            with open("/proc/%s/stat" % entry, "rb") as f:
                stat = f.read()
        except OSError:
            continue
        comm = stat[stat.index(b"(") + 1:stat.rindex(b")")].decode()
        ours = any(v == needle if tag else v.startswith(needle) for v in variables)
        if not ours and not (exiting and variables == [b""] and comm.startswith("pptp")):
            continue
        if stat[stat.rindex(b")") + 2:].split()[0] not in (b"Z", b"X"):
            found[int(entry)] = comm
    return found


def wait_gone(pids, timeout=WAIT):
    """Waits until none of `pids` runs any more."""
    deadline = time.monotonic() + timeout
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([fd], [], [], max(0, deadline - time.monotonic()))[0]:
                fail("process", pid, "still there after", timeout, "s:", tagged())
        finally:
            os.close(fd)


def leftovers():
    """What the program has left in the namespace, as a list of words; empty where all is clean."""
    left = ["process %d %s" % p for p in tagged().items()]
    with open("/proc/net/unix") as f:
        for line in f.readlines()[1:]:
            words = line.split()
            if len(words) > 7 and "pptp" in words[7]:
                left.append("socket " + words[7])
    left += ["file " + path for path in sockets()]
    for line in sh("ip -4 route show table all proto %s" % OUR_ROUTES).splitlines():
        left.append("route " + line.strip())
    return left


def nothing_left(timeout=2.0, but=()):
    """Fails where a process, socket, file or route of the program is left; waits for the processes."""
    wait_gone(list(tagged(exiting=True)), timeout)
    left = [word for word in leftovers() if not any(b in word for b in but)]
    if left:
        fail("left behind:", left)


def children(pid):
    """The pids of a process's children."""
    with contextlib.suppress(OSError), open("/proc/%d/task/%d/children" % (pid, pid)) as f:
        return [int(word) for word in f.read().split()]
    return []


def parent(pid):
    with open("/proc/%d/stat" % pid) as f:
        return int(f.read().rpartition(")")[2].split()[1])


def descriptors(pid):
    """{fd: target} of a process."""
    found = {}
    for fd in os.listdir("/proc/%d/fd" % pid):
        with contextlib.suppress(OSError):
            found[int(fd)] = os.readlink("/proc/%d/fd/%s" % (pid, fd))
    return found


# ---- RFC 1662 framing, byte by byte ----

def fcs(data):
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8408 if value & 1 else 0)
    return value ^ 0xFFFF


def hdlc_encode(frame, escape_below=0x20):
    body = frame + struct.pack("<H", fcs(frame))
    out = b""
    for byte in body:
        out += bytes([0x7D, byte ^ 0x20]) if byte < escape_below or byte in (0x7D, 0x7E) \
            else bytes([byte])
    return b"\x7e" + out + b"\x7e"


def hdlc_decode(stuffed):
    """What is between two flags -> the frame; raises on a bad FCS."""
    body = bytearray()
    data = iter(stuffed)
    for byte in data:
        body.append(next(data) ^ 0x20 if byte == 0x7D else byte)
    if len(body) < 4 or fcs(body[:-2]) != struct.unpack("<H", body[-2:])[0]:
        fail("bad frame from the program:", bytes(stuffed).hex())
    return bytes(body[:-2])


def write_all(fd, data, timeout=WAIT):
    deadline = time.monotonic() + timeout
    while data:
        if not select.select([], [fd], [], max(0, deadline - time.monotonic()))[1]:
            fail("the program does not read")
        data = data[os.write(fd, data):]
