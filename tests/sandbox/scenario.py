# SPDX-License-Identifier: ISC
"""What the end-to-end scenarios share: tunnels, captures, checks. Runs inside the sandbox.

A scenario is a file in tests/e2e; it prints TAP lines through `ok`, and ends with `done()`. Logs
and captures go to /mnt/results under the scenario's name. world (beside this file) has made the
network and the servers before.
"""
import os
import re
import signal
import struct
import subprocess
import sys
import time

import events

PPTP = "/mnt/bin/pptp"
PPPD = "/usr/sbin/pppd"
MPPE = "198.51.100.1"  # the server that insists on MPPE-128
PLAIN = "198.51.100.2"  # the server without encryption
CLIENT = "10.9.0.1"
PEER = {MPPE: "10.77.1.1", PLAIN: "10.77.2.1"}
CRYPT = {MPPE: ["require-mppe-128"], PLAIN: ["nomppe"]}
ACCOUNT = ["user", "demo", "password", "sesame", "noauth"]
USUAL = ACCOUNT + ["nobsdcomp", "nodeflate"]
OURS = ("pptp", "pptpgw", "pptpcm")
PATTERN = bytes.fromhex("5eed5eed5eed5eed5eed5eed")  # what pings are filled with
RESULTS = "/mnt/results"
NAME = os.path.basename(sys.argv[0])

SYSLOG = events.LogFile(f"{RESULTS}/syslog")
SERVER_LOG = {
    MPPE: events.LogFile(f"{RESULTS}/server-mppe.log"),
    PLAIN: events.LogFile(f"{RESULTS}/server-plain.log"),
}
for _log in (SYSLOG, *SERVER_LOG.values()):
    _log.skip()

_whole_syslog = events.LogFile(SYSLOG.path)  # of this scenario, whatever it skips
_whole_syslog.skip()

_count = 0
_failed = 0


def ok(condition, name, detail=""):
    """One TAP line; the detail is shown when it failed."""
    global _count, _failed
    _count += 1
    print(f"{'ok' if condition else 'not ok'} {_count} - {NAME}: {name}", flush=True)
    if not condition:
        _failed += 1
        for line in str(detail).splitlines()[-30:]:
            print(f"#   {line[:300]}", flush=True)
    return condition


def note(text):
    print(f"# {NAME}: {text}", flush=True)


def _ended_by_exception(kind, value, trace):
    """A scenario that ends halfway must not pass for one whose checks all held."""
    sys.__excepthook__(kind, value, trace)
    ok(False, f"ended by {kind.__name__}", value)


sys.excepthook = _ended_by_exception


# Lines that explain why a link does not work.
ALARMS = "no (GRE|answer) (came|comes) |refuses to send GRE|option sync, but|pppd has not its option sync|leads into the tunnel"


def done(alarms=False):
    """`alarms`: links of this scenario do not work all the time, so that such lines are right."""
    found = [line for line in _whole_syslog.text().splitlines() if re.search(ALARMS, line)]
    if not alarms:
        ok(not found, "no line explains a link that is healthy", "\n".join(found))
    if _failed:
        for line in SYSLOG.text().splitlines()[-60:]:
            print(f"#   [syslog] {line[:200]}")
    sys.stdout.flush()
    sys.exit(1 if _failed or not _count else 0)


def output(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


def quoted(words):
    return " ".join(words)


class Tunnel:
    """One connection: started, waited for, ended. `log` is its pppd's."""

    serial = 0

    def __init__(self, argv, log=None):
        Tunnel.serial += 1
        stem = f"{RESULTS}/{NAME}-{Tunnel.serial}"
        self.errors = f"{stem}.err"
        self.log = events.LogFile(log or f"{stem}-pppd.log")
        if log is None:
            argv = argv + ["debug", "logfile", self.log.path]
        if os.path.exists(self.log.path):
            os.unlink(self.log.path)
        self.argv = argv
        self.syslog = events.LogFile(SYSLOG.path)
        self.syslog.skip()
        with open(self.errors, "wb") as err:
            self.started = time.monotonic()
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=err, stderr=err)

    @classmethod
    def shell(cls, server, pptp_options=(), pppd_options=(), **more):
        """pptp SERVER ...: pptp starts pppd."""
        return cls([PPTP, server, *pptp_options, *USUAL, *CRYPT[server], "nodetach",
                    *pppd_options], **more)

    @classmethod
    def pty(cls, server, pptp_options=(), pppd_options=(), **more):
        """pppd pty "pptp SERVER --nolaunchpppd ...": pppd starts pptp."""
        command = quoted([PPTP, server, "--nolaunchpppd", *pptp_options])
        return cls([PPPD, "pty", command, *USUAL, *CRYPT[server], "nodetach", *pppd_options],
                   **more)

    def wait_up(self, seconds=20):
        """Seconds from the start to ppp's "local IP address", or None."""
        found = self.log.wait(r"local  IP address (\S+)\n", seconds)
        took = time.monotonic() - self.started
        if not found:
            return None
        self.local = found.group(1)
        self.log.wait(r"remote IP address (\S+)\n", 1)  # is not to be taken for a later link's
        self.device = self.log.wait(r"Using interface (\S+)\n", 1).group(1)
        return took

    def pppd_pid(self):
        with open(f"/run/{self.device}.pid") as f:
            return int(f.read())

    def explain(self):
        with open(self.errors, errors="replace") as f:
            err = f.read()
        daemons = [line for line in self.syslog.text().splitlines() if re.search(r"pptpd?\[", line)]
        return "\n".join([self.log.text(), f"$ {quoted(self.argv)}", err, *daemons[:15]])

    def end(self, number=signal.SIGTERM, seconds=10):
        """Sends the signal to pppd; the exit status of what was started, or None."""
        try:
            os.kill(self.pppd_pid(), number)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has exited already; its status tells
        return self.wait_exit(seconds)

    def wait_exit(self, seconds=10):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self.ended = time.time()
        return status

    def wait_exit_usage(self, seconds):
        """(exit status, seconds of processor time) of what was started, or (None, None)."""
        if not events.await_exit(self.process.pid, seconds):
            return None, None
        _, status, usage = os.wait4(self.process.pid, 0)
        self.ended_at = time.monotonic()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode, usage.ru_utime + usage.ru_stime

    def stderr(self):
        with open(self.errors, errors="replace") as f:
            return f.read()

    def abandon(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Uplink:
    """A second path to the servers: PPP over a pty between this host, which has 10.64.0.2, and the
    servers' namespace. `options` are pppd's on this side."""

    serial = 0

    def __init__(self, *options):
        Uplink.serial += 1
        self.log = events.LogFile(f"{RESULTS}/{NAME}-uplink-{Uplink.serial}.log")
        if os.path.exists(self.log.path):
            os.unlink(self.log.path)
        usual = "noauth local nodetach nodefaultroute noipv6 nobsdcomp nodeflate nomppe"
        # The namespace shares this host's files, where the other pppd's process id must not be.
        far = f"mount -t tmpfs tmpfs /run && exec {PPPD} notty {usual} 10.64.0.1:10.64.0.2"
        self.process = subprocess.Popen(
            [PPPD, "pty", f"ip netns exec server sh -c '{far}'", *usual.split(), *options,
             "10.64.0.2:10.64.0.1", "debug", "logfile", self.log.path],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not self.log.wait("remote IP address", 10):
            raise RuntimeError(self.log.text())

    def end(self):
        """Returns once both ends have gone."""
        self.process.terminate()
        self.process.wait(10)
        until = time.monotonic() + 5
        while "10.64.0.1" in output("ip", "-n", "server", "address") and time.monotonic() < until:
            time.sleep(0.02)


class EndingServer:
    """tests/sandbox/ending_server.py in the server's namespace, on an address of its own."""

    ADDRESS = "198.51.100.3"

    def __init__(self, seconds, how):
        output("ip", "-n", "server", "address", "replace", f"{self.ADDRESS}/32", "dev", "lo")
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", "server", f"{os.path.dirname(events.__file__)}/ending_server.py",
             self.ADDRESS, str(seconds), how],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.process.stdout.readline()

    def ended(self):
        """When it has ended the next call, on the monotonic clock."""
        return float(self.process.stdout.readline().split()[1])

    def close(self):
        self.process.communicate()
        output("ip", "-n", "server", "address", "del", f"{self.ADDRESS}/32", "dev", "lo")


class Packet:
    """What the checks want to know of an IPv4 packet: gre data/ack, or TCP payload on port 1723."""

    def __init__(self, when, ip):
        self.when = when
        header = (ip[0] & 15) * 4
        total = struct.unpack_from("!H", ip, 2)[0]
        self.protocol = ip[9]
        self.source = ".".join(map(str, ip[12:16]))
        self.target = ".".join(map(str, ip[16:20]))
        body = ip[header:total]
        self.payload = b""
        self.seq = self.ack = self.key = None
        self.flags = 0
        if self.protocol == 47 and len(body) >= 8:
            flags, _, length, self.key = struct.unpack_from("!HHHH", body)
            at = 8
            if flags & 0x1000:
                self.seq = struct.unpack_from("!I", body, at)[0]
                at += 4
            if flags & 0x0080:
                self.ack = struct.unpack_from("!I", body, at)[0]
                at += 4
            self.payload = body[at:]
        elif self.protocol == 6 and len(body) >= 20:
            self.ports = struct.unpack_from("!HH", body)
            self.flags = body[13]
            self.payload = body[(body[12] >> 4) * 4:]

    def data(self):
        return self.protocol == 47 and self.seq is not None

    def messages(self):
        """Types of the control messages in a TCP segment (they do not straddle segments here)."""
        types, rest = [], self.payload if self.protocol == 6 else b""
        while len(rest) >= 12:
            length, _, cookie, kind = struct.unpack_from("!HHIH", rest)
            if cookie != 0x1A2B3C4D or length < 12:
                break
            types.append(kind)
            rest = rest[length:]
        return types


class Capture:
    """tcpdump on the client's side of the link; runs until `stop`, then `packets` is there."""

    serial = 0

    def __init__(self):
        Capture.serial += 1
        self.path = f"{RESULTS}/{NAME}-{Capture.serial}.pcap"
        # Each packet takes the length of -s in the buffer of -B: with any length that has space for 16 packets.
        self.tcpdump = subprocess.Popen(
            ["tcpdump", "-i", "c0", "-nn", "--immediate-mode", "-B", "4096", "-s", "2048", "-U", "-Z", "root",
             "-w", self.path, "proto gre or tcp port 1723"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.tcpdump.stderr:
            if "listening on" in line:
                break
        self.packets = []

    def stop(self):
        self.tcpdump.send_signal(signal.SIGINT)
        self.tcpdump.stderr.read()
        self.tcpdump.wait()
        self.packets = list(self.read())
        return self

    def read(self):
        with open(self.path, "rb") as f:
            data = f.read()
        at = 24
        while at + 16 <= len(data):
            seconds, micros, length, _ = struct.unpack_from("<IIII", data, at)
            frame = data[at + 16:at + 16 + length]
            at += 16 + length
            if frame[12:14] == b"\x08\x00":
                yield Packet(seconds + micros / 1e6, frame[14:])

    def data_from(self, source):
        return [p for p in self.packets if p.source == source and p.data()]

    def control_from(self, source):
        return [m for p in self.packets if p.source == source for m in p.messages()]


def processor_time(pid):
    """Seconds that a process has used until now, user and system time."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def servers_processes(comm):
    """Pids of the processes of this name in the server's namespace."""
    inside = set(output("ip", "netns", "pids", "server").split())
    return [pid for pid in events.processes((comm,)) if str(pid) in inside]


def host_routes(server):
    """Routes to the server alone, as `ip route` prints them."""
    return output("ip", "route", "show", server).strip()


def answered(tunnel, server, seconds=10):
    """Whether a ping through the tunnel is answered within that time: the first ones may be lost
    while an uplink has only just come back."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if ping(tunnel.device, PEER[server], 1)[0]:
            return True
    return False


def ping(device, target, count=200, interval="0.01"):
    """(received, what ping said)."""
    said = output("ping", "-q", "-n", "-c", str(count), "-i", interval, "-W", "2",
                  "-p", PATTERN[:4].hex(), "-I", device, target)
    found = re.search(r"(\d+) received", said)
    return (int(found.group(1)) if found else 0), said


def nothing_left(server, what="nothing is left"):
    exited = events.await_gone(OURS, 5)
    ok(exited, f"{what}: pptp, pptpgw and pptpcm have exited", output("ps", "axww"))
    ok(host_routes(server) == "", f"{what}: the host route is removed", host_routes(server))


def carries(tunnel, server, capture, count=200):
    """Checks of a tunnel that is up: processes, route, pings; the packets are judged later."""
    comms = set(events.processes(OURS).values())
    ok({"pptpgw", "pptpcm"} <= comms, "pptpgw and pptpcm are there by name", comms)
    ok("via 10.9.0.2" in host_routes(server), "the host route is there", output("ip", "route"))
    received, said = ping(tunnel.device, PEER[server], count)
    ok(received == count, f"{count} pings, none lost", said)


def judge(capture, server, count=200, clear_end=True):
    """Checks of a captured session with one tunnel and `count` pings."""
    ours, theirs = capture.data_from(CLIENT), capture.data_from(server)
    ok(len(ours) > count and len(theirs) > count, f"more than {count} GRE data packets each way",
       f"{len(ours)} sent, {len(theirs)} received")
    numbers = [p.seq for p in ours]
    ok(numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False,
       "our sequence numbers ascend without a gap", numbers[:50])
    clear = sum(PATTERN in p.payload for p in ours + theirs)
    if server == MPPE:
        ok(clear == 0, "no ping is readable on the wire", f"{clear} packets in clear")
    else:
        ok(clear >= 2 * count, "pings are readable on the wire, there is no encryption",
           f"{clear} packets in clear")
    sent = capture.control_from(CLIENT)
    ok(sent[:2] == [1, 7], "the session starts with SCCRQ and OCRQ", sent)
    if clear_end:
        ok(sent[-2:] == [12, 3], "the session ends with Call-Clear and Stop", sent)


def whole_session(start, server, count=200, expected_status=None, encrypted_log=True):
    """A tunnel from start to end; `start` makes the Tunnel. Returns it."""
    capture = Capture()
    tunnel = start()
    took = tunnel.wait_up()
    if not ok(took is not None, "the link comes up", tunnel.explain()):
        tunnel.abandon()
        capture.stop()
        return tunnel
    note(f"up after {took:.3f} s")
    carries(tunnel, server, capture, count)
    if server == MPPE and encrypted_log:
        ok(re.search("MPPE 128-bit stateless compression enabled", tunnel.log.text()),
           "pppd reports MPPE-128", tunnel.log.text()[-2000:])
    status = tunnel.end()
    ok(status == expected_status if expected_status is not None else status is not None,
       f"the exit status is pppd's ({status})", tunnel.explain())
    nothing_left(server)
    capture.stop()
    judge(capture, server, count)
    # FIN or RST of either side: poptop closes as soon as it has read Call-Clear.
    closed = [p.when for p in capture.packets if p.flags & 0x05]
    took = (max(closed) - tunnel.ended) if closed else None
    ok(took is not None and took < 0.2,
       "the control connection is closed within 0.2 s of pppd's end", took)
    return tunnel
