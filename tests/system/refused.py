# SPDX-License-Identifier: ISC
"""
Calls while system calls are refused (tests/refuse.c), and what became of each: shared by
test_refused.py, and a way to see which system calls a process makes.
"""
import errno
import struct
import sys
import tempfile

from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import FAR, PPTP, SERVER, TOP, Failed, contextlib, os, re, subprocess, tagged, time

PROCESSES = ("pptp", "pptpgw", "pptpcm")
CALLS = 512
FOREVER = 0
REPORT = struct.Struct("<%dQ" % (2 + len(PROCESSES) * CALLS))
IDLE = 0.5          # seconds in which nothing flows
IDLE_REFUSED = 700  # refusals in that time: a retry each millisecond; a spin makes many thousands
IDLE_CPU = 0.05     # of one processor
LINES = 40          # of a whole call and its end; one a second would not reach it
WITHIN = 12          # seconds for a call to be established, or to end: a route is waited for 8 s


def numbers():
    """{name: number} of the system calls of this machine."""
    lines = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null"],
                           capture_output=True, text=True, check=True).stdout
    return {name: int(number) for name, number in
            re.findall(r"#define __NR_(\w+) (\d+)$", lines, re.M) if int(number) < CALLS}


NUMBERS = numbers()
BY_NUMBER = {number: name for name, number in NUMBERS.items()}


class Refusing:
    """The prefix for a Run, and what was refused so far. `calls`: names, or "all"."""

    def __init__(self, calls, error=0, comm="any", nth=FOREVER):
        sh("make -s -C %s build/refuse" % TOP)
        wanted = calls if calls == "all" else ",".join(str(NUMBERS[c]) for c in calls)
        self.report = tempfile.NamedTemporaryFile(prefix="refused", dir="/run")
        self.prefix = (os.path.join(TOP, "build", "refuse"), wanted, str(error), comm, str(nth),
                       self.report.name)

    def _read(self):
        with open(self.report.name, "rb") as f:
            return REPORT.unpack(f.read(REPORT.size).ljust(REPORT.size, b"\0"))

    def refused(self):
        return self._read()[1]

    def used(self, comm):
        """{name of call: how often} of the processes of that name."""
        at = 2 + PROCESSES.index(comm) * CALLS
        return {BY_NUMBER.get(i, str(i)): n for i, n in enumerate(self._read()[at:at + CALLS]) if n}


def cpu(pids):
    """Seconds of processor time that these processes have used."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError), open("/proc/%d/stat" % pid) as f:
            ticks += sum(map(int, f.read().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Outcome:
    """What became of a call. `faults`: words for what must never be."""

    def __init__(self):
        self.up = self.carries = self.answers = False
        self.exit_status = None
        self.refused = 0
        self.message = self.log = ""
        self.faults = []
        self.used = {}
        self.left = []  # sockets, files and routes, after the end
        self.descriptors = {}  # {name: how many}, of the established call

    def works(self):
        return self.up and self.carries and self.answers and self.exit_status == 0

    def word(self):
        """For a table: "-" works on (or was not needed), "lame" works in part, "ends" with a message."""
        if self.faults:
            return "FAULT"
        return "." if self.works() else "lame" if self.up and self.exit_status == 0 else "ends"


def frames_pass(run, server, call_id):
    """A frame in each direction."""
    try:
        run.write_frame(lcp_request(1))
        server.wait_gre(1, 1)
        here = server.gre_packets[0].source
        server.send_gre(call_id, lcp_request(2), seq=0, to=here)
        run.read_frames(1, timeout=1)
    except (Failed, ScriptError):
        return False
    return True


def _status_answers(run):
    asked = subprocess.run([PPTP, "--status"], capture_output=True, text=True)
    return "call.1.state=established" in asked.stdout


def _comm(pid):
    with contextlib.suppress(OSError), open("/proc/%d/comm" % pid) as f:
        return f.read().strip()


def _wait_up(run, server, log):
    deadline = time.monotonic() + WITHIN
    while _comm(run.pid) == "refuse":  # which has children of its own
        time.sleep(0.001)
    time.sleep(0.02)
    while run.process.poll() is None and time.monotonic() < deadline:
        if server.gre_packets or any("Server in use" in text for _, text in log.lines):
            return True
        if run.is_pausing():
            return False
        time.sleep(0.01)
    return False


def _while_idle(run, refusing, outcome):
    time.sleep(0.3)
    pids = run.pids()
    used, refused = cpu(pids), refusing.refused()
    time.sleep(IDLE)
    used, refused = cpu(pids) - used, refusing.refused() - refused
    if refused > IDLE_REFUSED:
        outcome.faults.append("spins: %d refusals in %.1f s" % (refused, IDLE))
    if used > IDLE_CPU * IDLE:
        outcome.faults.append("spins: %.0f %% of a processor" % (100 * used / IDLE))


NAMED = "vpn.test"


@contextlib.contextmanager
def _named_server():
    with hosts("%s %s\n" % (SERVER, NAMED)), FakeServer(SERVER, gre=True) as server:
        yield server


def course(refusing, error, arguments=(), address=SERVER):
    """A whole call in the pty form, while `refusing` refuses with `error`. With FAR a host route is added,
    with NAMED a name looked up."""
    outcome = Outcome()
    place = {FAR: lambda: remote_server(gre=True), NAMED: _named_server}.get(
        address, lambda: FakeServer(address, gre=True))
    with place() as server, Log() as log:
        run = start(address, *arguments, prefix=refusing.prefix)
        outcome.up = _wait_up(run, server, log)
        if outcome.up:
            outcome.carries = frames_pass(run, server, server.wait_for("OCRQ")[1]["call_id"])
            _while_idle(run, refusing, outcome)
            outcome.answers = _status_answers(run)
            for pid, comm in run.pids().items():
                with contextlib.suppress(OSError):
                    outcome.descriptors[comm] = len(os.listdir("/proc/%d/fd" % pid))
        run.hang_up()
        try:
            outcome.exit_status = run.wait(WITHIN)
        except Failed:
            outcome.faults.append("hangs, with %s" % sorted(run.pids().values()))
        else:
            try:
                wait_gone(list(tagged(run.tag, exiting=True)), 3)
            except Failed:
                outcome.faults.append("leaves processes: %s" % sorted(run.pids().values()))
        text = run.stderr() + "\n" + log.text()
        outcome.log = log.text()
        outcome.message = text if not outcome.works() else ""
        if len(log.lines) > LINES:
            outcome.faults.append("writes %d lines" % len(log.lines))
        outcome.refused = refusing.refused()
        reasons = {os.strerror(error)}
        if error == errno.EHOSTUNREACH:
            reasons.add("there is no route")
        if outcome.exit_status and error and not any(reason in text for reason in reasons):
            outcome.faults.append("ends without the reason")
        outcome.used = {comm: refusing.used(comm) for comm in PROCESSES}
        run.end()
        outcome.left = [word for word in leftovers() if not word.startswith("process")]
    end_everything()
    return outcome
