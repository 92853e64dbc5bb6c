# SPDX-License-Identifier: ISC
"""What 091-soak drives and counts with: traffic through tunnels, counters of each hop, what a process
and the system hold. Runs inside the sandbox."""
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import threading
import time

import events
from scenario import CLIENT, OURS, PPTP, SERVER_LOG, output

WORLD = f"{os.path.dirname(events.__file__)}/world"
ON_SERVER = ("ip", "netns", "exec", "server")
ECHO_PORT = 7
SIZES = (40, 1200)  # bytes of UDP payload
BURST, EVERY = 3, 0.01  # packets each way, seconds
# Of an IP packet: GRE with its empty payload has 28 bytes, a bare acknowledgment 32.
EMPTY, ACK, DATA = "28:28", "32:32", "33:65535"
LCP = r" \[(?:LCP|CHAP) "  # frames that pppd moves past its interface and that one's counters

ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", %d))
print(flush=True)
while True:
    data, source = s.recvfrom(2048)
    try:
        s.sendto(data, source)
    except OSError:
        pass
""" % ECHO_PORT


class Echo:
    """The far end of all traffic: sends each packet back."""

    def __init__(self):
        self._process = subprocess.Popen([*ON_SERVER, "python3", "-c", ECHO], stdout=subprocess.PIPE)
        self._process.stdout.readline()

    def end(self):
        self._process.kill()
        self._process.wait()


class Traffic:
    """UDP packets to `peer` and back, at a bounded rate, whether the tunnel is there or not."""

    def __init__(self, peer):
        self._target = (peer, ECHO_PORT)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._changed = threading.Condition()
        self._runs, self._ends = False, False
        self.sent = self.returned = 0
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self):
        sizes = random.Random(1)
        while not self._ends:
            for _ in range(BURST if self._runs else 0):
                try:
                    self._socket.sendto(bytes(sizes.randint(*SIZES)), self._target)
                    self.sent += 1
                except OSError:
                    pass
            self._receive()
            time.sleep(EVERY)

    def _receive(self):
        count = 0
        try:
            while True:
                self._socket.recv(2048)
                count += 1
        except OSError:
            pass
        if count:
            with self._changed:
                self.returned += count
                self._changed.notify_all()

    def run(self, runs):
        self._runs = runs

    def await_return(self, seconds):
        """Seconds until the next packet comes back, or None."""
        began = time.monotonic()
        with self._changed:
            before = self.returned
            came = self._changed.wait_for(lambda: self.returned > before, seconds)
        return time.monotonic() - began if came else None

    def end(self):
        self._ends = True
        self._thread.join()
        self._socket.close()


# ---- the server ----


def _ppids():
    return [tuple(map(int, line.split())) for line in output("ps", "-eo", "pid=,ppid=").splitlines()]


def descendants(pid):
    """The process and all below it."""
    found, parents = [pid], _ppids()
    for above in found:
        found += [child for child, parent in parents if parent == above]
    return found


def pptpd(name):
    """Pid of the server of this name (world's)."""
    return int(output("pgrep", "-f", f"^pptpd -c /tmp/world/{name}.conf").split()[0])


def take_down(name, number):
    """The server with all of its children is no more when this returns."""
    pids = descendants(pptpd(name))
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # it may have gone with one before it
            os.kill(pid, number)
    for pid in pids:
        if not events.await_exit(pid, 5):
            raise RuntimeError(f"process {pid} of the server does not exit")


# ---- counters ----


class Hops:
    """Rules of iptables that count packets: for each server what both hosts put on the link and take
    from it, by kind; and all of them (`link`)."""

    KINDS = (EMPTY, ACK, DATA)

    def __init__(self, servers):
        self._servers = servers
        for where, device in (((), "c0"), (ON_SERVER, "s0")):
            rules = ["*filter"]
            ours = where == ()
            for chain, side, way in (("OUTPUT", "-d" if ours else "-s", "-o"), ("INPUT", "-s" if ours else "-d", "-i")):
                rules += [f"-A {chain} {side} {server} -p gre -m length --length {kind}"
                          for server in servers for kind in self.KINDS]
                rules.append(f"-A {chain} {way} {device}")
            subprocess.run([*where, "iptables-legacy-restore"], input="\n".join([*rules, "COMMIT", ""]), text=True,
                           check=True)

    def _rows(self, where, chain):
        said = output(*where, "iptables-legacy", "-nvxL", chain)
        return [int(line.split()[0]) for line in said.splitlines()[2:]]

    def read(self):
        """{(where, chain): {(server, kind) or "link": packets}}"""
        keys = [(server, kind) for server in self._servers for kind in self.KINDS] + ["link"]
        return {(name, chain): dict(zip(keys, self._rows(where, chain), strict=True))
                for name, where in (("client", ()), ("server", ON_SERVER)) for chain in ("OUTPUT", "INPUT")}

    def remove(self):
        for where in ((), ON_SERVER):
            subprocess.run([*where, "iptables-legacy-restore"], input="*filter\nCOMMIT\n", text=True, check=True)


def netem_change(*args):
    """On both ends, without losing what the queues hold or have counted."""
    for tc, device in ((["tc"], "c0"), (["tc", "-n", "server"], "s0")):
        subprocess.run([*tc, "qdisc", "change", "dev", device, "root", "netem", *args], check=True)


def netem_counters():
    """{"client": (passed on, dropped), "server": ...}"""
    found = {}
    for name, tc, device in (("client", ["tc"], "c0"), ("server", ["tc", "-n", "server"], "s0")):
        qdisc = json.loads(output(*tc, "-s", "-j", "qdisc", "show", "dev", device))[0]
        found[name] = (qdisc["packets"], qdisc["drops"])
    return found


def devices(where=()):
    """{peer's address: name} of the PPP interfaces."""
    said = output(*where, "ip", "-o", "-4", "address", "show", "type", "ppp")
    return {m.group(2): m.group(1) for m in re.finditer(r"^\d+: (ppp\d+)\s.* peer ([0-9.]+)", said, re.M)}


def interface(device, where=()):
    stats = json.loads(output(*where, "ip", "-s", "-s", "-j", "link", "show", device))[0]["stats64"]
    return {f"{way} {what}": stats[way][what] for way in ("rx", "tx") for what in ("packets", "errors", "dropped")}


def status(server):
    """The tunnel to this server as --status --json has it, or None."""
    said = json.loads(output(PPTP, "--status", "--json"))
    return next((t for t in said["tunnels"] if t.get("address") == server), None)


def lcp(log, way):
    """Frames since pppd was connected: before, it talked to a pty that led nowhere."""
    return len(re.findall("^" + way + LCP, log.rpartition("Connect: ")[2], re.M))


class Session:
    """One call: what was counted before it, and what adds up at its end."""

    def __init__(self, hops, server, log):
        self._hops, self._server = hops, server
        self._log, self._server_log = events.LogFile(log), events.LogFile(SERVER_LOG[server].path)
        self._log.skip()
        self._server_log.skip()
        self._before = hops.read()

    def counters(self):
        now = self._hops.read()

        def hop(where, chain, kind):
            key = (self._server, kind)
            return now[where, chain][key] - self._before[where, chain][key]

        self.calls = hop("client", "OUTPUT", EMPTY)  # one opens the path of each
        call = status(self._server)
        c = dict(call["call"]["counters"], depth=call["call"]["reorder_depth"], send_queue=call["call"]["send_queue"])
        here, there = interface(call["device"]), interface(self._far_device(), ON_SERVER)
        ours, theirs = self._log.text(), self._server_log.text()
        accounted = [
            ("sent by the server's pppd: by its interface, LCP and CHAP = GRE out at the server",
             there["tx packets"] + lcp(theirs, "sent"), hop("server", "OUTPUT", DATA)),
            ("GRE out at the server = rx accepted + rx lost + reorder depth",
             hop("server", "OUTPUT", DATA), c["rx_accepted"] + c["rx_lost"] + c["depth"]),
            ("GRE in at the client = rx accepted + under win + over win + truncated + invalid + kernel drops + depth",
             hop("client", "INPUT", DATA),
             c["rx_accepted"] + c["rx_under_win"] + c["rx_over_win"] + c["rx_truncated"] + c["rx_invalid"]
             + c["rx_kernel_drops"] + c["depth"]),
            ("bare acknowledgments in at the client = rx acks", hop("client", "INPUT", ACK), c["rx_acks"]),
            ("rx accepted = our pppd's interface, its errors, LCP and CHAP",
             c["rx_accepted"], here["rx packets"] + here["rx errors"] + lcp(ours, "rcvd")),
            ("our pppd's interface, LCP and CHAP = tx sent + send queue",
             here["tx packets"] + lcp(ours, "sent"), c["tx_sent"] + c["send_queue"]),
            ("tx sent = GRE out at the client", c["tx_sent"], hop("client", "OUTPUT", DATA)),
            ("tx acks = bare acknowledgments out at the client", c["tx_acks"], hop("client", "OUTPUT", ACK)),
            ("one empty packet opens the path", 1, self.calls),
        ]
        return accounted, c

    def _far_device(self):
        local = output("ip", "-o", "-4", "address", "show", "dev", status(self._server)["device"])
        return devices(ON_SERVER)[re.search(r"inet ([0-9.]+)", local).group(1)]


# ---- what is held ----


def held_by(pid):
    """(bytes of memory of its own, number of descriptors)."""
    with open(f"/proc/{pid}/status") as f:
        anonymous = int(re.search(r"RssAnon:\s+(\d+) kB", f.read()).group(1)) << 10
    return anonymous, len(os.listdir(f"/proc/{pid}/fd"))


def processes_of(tunnel):
    """{comm: pid} of pppd and of ours below it."""
    living = events.processes((*OURS, "pppd"))
    return {living[pid]: pid for pid in descendants(tunnel.process.pid) if pid in living}


def system():
    """What a leak of the whole would show in, while the same tunnels are up."""
    def names(path):
        return sorted(os.listdir(path))

    with open("/proc/net/sockstat") as f:
        raw = re.search(r"RAW: inuse (\d+)", f.read()).group(1)
    return {
        "processes": sorted(output("ps", "-eo", "comm=", "--ppid", "2", "-N").split()),
        "routes": sorted(output("ip", "route").splitlines()),
        "interfaces": names("/sys/class/net"),
        "raw sockets": raw,
        "ptys": len(names("/dev/pts")),
        "run files": len(names("/run/pptp")),
        "lock files": len(names("/run/lock")),
    }
