#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
--diagnose: each fault, made for real in namespaces, is named by the step that meets it, with the exit
status of that step; and both forms of the report.
"""
from harness import *  # noqa: F401,F403
from harness import (FAR, PPTP, SERVER, TOP, contextlib, far_network, far_server, os, remote_server, socket,
                     struct, subprocess, threading, time)

import json
import re

NAME, ROUTE, TCP, CONTROL, CALL, GRE, MTU, FIREWALL, RIGHTS, DEVICE, MODULES, FIPS, PPPD = range(10, 23)
HERE = (RIGHTS, DEVICE, MODULES, FIPS, PPPD)  # what depends on the host that runs the test
CLIENT = "10.9.0.1"
LCP = b"\xff\x03\xc0\x21"


class Diagnosis:
    """One run: its exit status, the report, and the steps by their names (the last one of each)."""

    def __init__(self, server, *arguments, prefix=(), timeout=40):
        before = time.monotonic()
        self.run = subprocess.run([*prefix, PPTP, "--diagnose", server, *arguments, "--json"],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)
        self.took = time.monotonic() - before
        self.status = self.run.returncode
        equal(self.run.stderr, "", "stderr")
        self.report = json.loads(self.run.stdout)
        equal(self.report["status"], self.status)
        check_schema(self.report)
        self.steps = {step["step"]: step for step in self.report["steps"]}

    def says(self, step, pattern, state="problem"):
        equal(self.steps[step]["state"], state, self.steps[step])
        match(pattern, self.steps[step]["text"])
        return self.steps[step]


def schema():
    """That of the manual: two literal blocks, JSON but for the words string and number."""
    with open(os.path.join(TOP, "pptp.8")) as f:
        section = f.read().split("\n.Sh FINDING FAULTS\n")[1].split("\n.Sh ")[0]
    blocks = re.findall(r"\n\.Bd -literal[^\n]*\n(\{.*?)\n\.Ed", section, re.S)
    equal(len(blocks), 2, "blocks of the schema")
    return [json.loads(re.sub(r"\b(string|number)\b", r'"\1"', block)) for block in blocks]


def check_type(value, wanted, where):
    if isinstance(wanted, list):
        true(isinstance(value, list), where, "is no array")
        for item in value:
            check_type(item, wanted[0], where)
    else:
        kinds = {"string": str, "number": (int, float)}[wanted]
        true(isinstance(value, kinds) and not isinstance(value, bool), where, "is no", wanted)


def check_schema(report):
    whole, facts = schema()
    common = whole.pop("steps")[0]
    for name, value in report.items():
        if name != "steps":
            check_type(value, whole[name], name)
    for name in ("server", "status", "steps"):
        true(name in report, "no", name)
    for step in report["steps"]:
        allowed = dict(common, **facts[step["step"]])
        for name in ("step", "state", "text"):
            true(name in step, "no", name, "in", step)
        true(step["state"] in ("ok", "note", "problem", "unknown"), step)
        for name, value in step.items():
            true(name in allowed, step["step"], "has", name, "which the manual does not name")
            check_type(value, allowed[name], name)


class LcpPeer:
    """pppd on the server's side: opens LCP and answers echoes. What it sends goes through `send`."""

    def __init__(self, server, to=CLIENT, speaks=True, answers=True, ack=None, send=None):
        self.server, self.to, self.answers, self.speaks, self.ack = server, to, answers, speaks, ack
        self.send_gre = send or server.send_gre
        self.seq = 0
        self.closing = False
        threading.Thread(target=self._serve, daemon=True).start()

    def _send(self, payload):
        with contextlib.suppress(OSError):  # a filter may forbid it
            self.send_gre(self.call_id, payload, to=self.to, seq=self.seq, ack=self.ack)
        self.seq += 1

    def _serve(self):
        _, request = self.server.wait_for("OCRQ", timeout=30)
        self.call_id, at = request["call_id"], 0
        if self.speaks:
            self._send(LCP + b"\x01\x01\x00\x09\x03\x05\xc2\x23\x81")
        while not self.closing:
            try:
                packets = self.server.wait_gre(at + 1, timeout=30)
            except Exception:
                return
            packet, at = packets[at], at + 1
            if not self.answers or packet.payload[:4] != LCP:
                continue
            self.ack = packet.seq
            code, identifier = packet.payload[4:6]
            reply = {1: 2, 9: 10}.get(code)
            if reply:
                self._send(LCP + bytes([reply, identifier]) + packet.payload[6:])


@contextlib.contextmanager
def good_server(script=None, **kwargs):
    """A server behind a router, with an LcpPeer."""
    with remote_server(script, gre=True) as server:
        LcpPeer(server, **kwargs)
        yield server
        equal(server.mistakes(), [])


@contextlib.contextmanager
def filtered(rule, hook="input", where="far"):
    """A rule of nftables in the namespace `where`; None: here."""
    inside = "ip netns exec %s " % where if where else ""
    with open("/run/cut", "w") as f:
        f.write("table ip cut {\n chain c {\n type filter hook %s priority 0;\n %s\n }\n}\n" % (hook, rule))
    sh(inside + "nft -f /run/cut")
    try:
        yield
    finally:
        sh(inside + "nft delete table ip cut", check=False)


@contextlib.contextmanager
def host(pppd=True, device=False):
    """pppd as it is installed, or not; /dev/ppp missing."""
    if not device:
        sh("umount /dev/ppp 2>/dev/null; rm -f /dev/ppp")
    if not pppd:
        sh("mount -t tmpfs none /usr/sbin")
    try:
        yield
    finally:
        if not pppd:
            sh("umount /usr/sbin")


# ---- a way that works ----

@test("a way that works is ok at each step of the network, and ends in order")
def _():
    with good_server(polite(sccrp={"host_name": "fw", "vendor": "Maker", "firmware": 7})) as server, host():
        d = Diagnosis(FAR)
        for step in ("name", "route", "tcp", "control", "call", "gre", "mtu"):
            equal(d.steps[step]["state"], "ok", d.steps[step])
        control = d.says("control", "'fw' of 'Maker', firmware 7", "ok")
        equal((control["host_name"], control["vendor"], control["firmware"]), ("fw", "Maker", 7))
        call = d.steps["call"]
        equal((call["peer_call_id"], call["window"], call["bps"]), (1000, 64, 10000000))
        gre = d.steps["gre"]
        equal((gre["echoes"], gre["echoes_lost"], gre["out_of_order"]), (10, 0, 0))
        equal((d.steps["mtu"]["path_mtu"], d.report["mtu"]), (1500, 1456))
        ppp = d.says("ppp", "not tried: name and password, for which the server wants MS-CHAPv2; encryption", "unknown")
        equal(ppp["authentication"], "MS-CHAPv2")
        equal(server.names(), [["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"]])
        true(d.status in (0, *HERE), d.status)


@test("as text each step is a line, then the mtu and a peers file follow")
def _():
    with good_server(), host():
        run = subprocess.run([PPTP, "--diagnose", FAR, "--nohostroute", "user", "DOM\\me"],
                             capture_output=True, text=True, timeout=30)
        for step in ("name", "route", "tcp", "control", "call", "gre", "mtu"):
            match(r"(?m)^%-9sok       \S" % step, run.stdout)
        match("(?m)^Give pppd: mtu 1456 mru 1456$", run.stdout)
        match(r'(?m)^pty "%s %s --nohostroute --nolaunchpppd"\nname "DOM\\\\me"\n' % (PPTP, FAR), run.stdout)
        match(r"(?m)^device   problem  .*\n {18}what to do: ", run.stdout)
        equal(run.stderr, "")


@test("what is read from the network is read without any privilege")
def _():
    seen = []

    def look(conn, message):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError), open("/proc/%s/cmdline" % pid) as f:
                if f.read().startswith(PPTP + "\0--diagnose"):
                    seen.append(open("/proc/%s/status" % pid).read())
        conn.send("SCCRP", version=0x100, result=2, error=1)
    with FakeServer(SERVER, polite(on={"SCCRQ": look})):
        equal(Diagnosis(SERVER).status, CONTROL)
    equal(len(seen), 1)
    for field in ("CapPrm", "CapEff", "CapBnd"):
        match(r"%s:\s+0+\n" % field, seen[0])
    match(r"Uid:\s+65534", seen[0])


@test("a signal ends it, and the call, in order")
def _():
    with remote_server(gre=True) as server:
        run = Run(["--diagnose", FAR], pty=False)
        server.wait_gre(1)
        os.kill(run.pid, 15)
        equal(run.wait(), 1)
        server.wait_ended()
        equal(server.names(), [["SCCRQ", "OCRQ", "CCRQ", "StopCCRQ"]])


# ---- name and route ----

@test("a name that does not exist")
def _():
    with hosts("127.0.0.1 localhost\n"):
        d = Diagnosis("vpn.example")
    equal(d.status, NAME)
    d.says("name", "Could not find the server 'vpn.example': .*check the spelling")


@test("a name server that is silent")
def _():
    with with_names(), NameServer("127.0.0.3"):
        d = Diagnosis("vpn.example", "--connect-timeout", "1")
    equal(d.status, NAME)
    d.says("name", "no answer from the name server within 1 s")


@test("all addresses of a name are shown, and those that fail before one that works are a note")
def _():
    with with_names(), NameServer("127.0.0.3", ["127.0.0.9", SERVER]), \
            FakeServer(SERVER, polite(sccrp={"result": 4})):
        d = Diagnosis("vpn.example")
    equal(d.steps["name"]["addresses"], ["127.0.0.9", SERVER])
    states = [(s["address"], s["state"]) for s in d.report["steps"] if s["step"] == "tcp"]
    equal(states, [("127.0.0.9", "note"), (SERVER, "ok")])
    equal(d.status, CONTROL)


for _address in ("198.51.100.77", "0.0.0.0", "224.0.0.1"):
    @test("no route to %s" % _address)
    def _(address=_address):
        d = Diagnosis(address)
        equal(d.status, ROUTE)
        d.says("route", "Network is unreachable; there is no route to the server")
        true("tcp" not in d.steps)


@test("a route into the tunnel of a call to the server")
def _():
    with far_network(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
        index = socket.if_nametoindex("near")
        number = struct.unpack("!I", socket.inet_aton(FAR))[0]
        held.bind("\0pptp-route/%08x/1/%d/0" % (number, index))
        d = Diagnosis(FAR)
    equal(d.status, ROUTE)
    d.says("route", "leads into the tunnel itself")


# ---- TCP ----

@test("TCP is refused")
def _():
    with far_network():
        d = Diagnosis(FAR)
    equal(d.status, TCP)
    equal(d.says("tcp", "nothing answers on TCP port 1723")["error"], "Connection refused")


@test("TCP is filtered")
def _():
    with remote_server(), filtered("tcp dport 1723 drop"):
        d = Diagnosis(FAR, "--connect-timeout", "1.5")
        equal(d.status, TCP)
        d.says("tcp", "no answer on TCP port 1723 within 1.5 s: .*firewalls")


# ---- control connection and call ----

@test("something that is no PPTP server")
def _():
    with FakeServer(SERVER, lambda conn: (conn.send_raw(b"SSH-2.0-OpenSSH_9.2\r\n"), conn.drain(2))):
        d = Diagnosis(SERVER)
    equal(d.status, CONTROL)
    d.says("control", "is not a PPTP server: it answered on TCP port 1723 with something else")


for _silent, _status, _step in (("SCCRQ", CONTROL, "control"), ("OCRQ", CALL, "call")):
    @test("a server that gives no answer to %s" % _silent)
    def _(silent=_silent, status=_status, step=_step):
        with FakeServer(SERVER, polite(on={silent: None})):
            d = Diagnosis(SERVER, "--connect-timeout", "0.5")
        equal(d.status, status)
        d.says(step, "gave no answer to .*-Request within 0.5 s")


for _result, _phrase in ((2, "refused the control connection"), (3, "one from this host exists already"),
                         (4, "refused the control connection.*--client-hostname"), (5, "another version")):
    @test("a Start-Control-Connection-Reply with result %d" % _result)
    def _(result=_result, phrase=_phrase):
        with FakeServer(SERVER, polite(sccrp={"result": result})):
            d = Diagnosis(SERVER)
        equal(d.status, CONTROL)
        equal(d.says("control", phrase)["result"], result)
        true("call" not in d.steps)


for _result, _phrase in ((2, "refused the call"), (3, "[Nn]o carrier"), (4, "[Bb]usy.*try again later"),
                         (5, "[Nn]o dial tone.*--phone"), (6, "refused the call"), (7, "--phone")):
    @test("an Outgoing-Call-Reply with result %d" % _result)
    def _(result=_result, phrase=_phrase):
        with FakeServer(SERVER, polite(ocrp={"result": result})) as server:
            d = Diagnosis(SERVER)
            equal(server.names(), [["SCCRQ", "OCRQ", "StopCCRQ"]])
        equal((d.status, d.steps["control"]["state"]), (CALL, "ok"))
        equal(d.says("call", phrase)["result"], result)


# ---- GRE ----

@test("GRE that this host's own filter keeps from going out")
def _():
    with good_server(speaks=False), filtered("ip protocol 47 drop", "output", None):
        d = Diagnosis(FAR)
        equal(d.status, GRE)
        d.says("gre", "this host refuses to send GRE .*Operation not permitted")


@test("GRE that this host's own filter drops when it arrives")
def _():
    with good_server(), filtered("ip protocol 47 drop", "input", None):
        d = Diagnosis(FAR)
        equal(d.status, GRE)
        d.says("gre", "arrives at this host, whose own packet filter drops it")


@test("GRE that is dropped on the way out, while the server's comes in")
def _():
    for ack in (0xffffffff, 0):  # of what is before the first packet: of none
        with good_server(answers=False, ack=ack), filtered("ip protocol 47 drop"):
            d = Diagnosis(FAR)
            equal(d.status, GRE)
            d.says("gre", r"GRE comes in \(1 packet\) but nothing of it answers ours")


@test("GRE that is dropped on the way in: both directions are named")
def _():
    with good_server(), filtered("ip protocol 47 drop", "output"):
        d = Diagnosis(FAR)
        equal(d.status, GRE)
        d.says("gre", "no GRE came back: 5 packets went out.*cannot be told apart")
        true(d.took < 12, "took", d.took)


for _kind, _code in (("prot-unreachable", 2), ("port-unreachable", 3), ("admin-prohibited", 13)):
    @test("GRE that is rejected by ICMP %s" % _kind)
    def _(kind=_kind, code=_code):
        with good_server(speaks=False), filtered("ip protocol 47 reject with icmp type %s" % kind):
            d = Diagnosis(FAR)
        equal(d.status, GRE)
        step = d.says("gre", "GRE is rejected by %s, the server: .* code %d" % (FAR, code))
        equal((step["icmp_from"], step["icmp_code"]), (FAR, code))


@test("GRE that comes from another address")
def _():
    with remote_server(gre=True) as server:
        sh("ip -n far addr add 192.0.2.8/32 dev lo")
        with far_server(address="192.0.2.8", gre=True) as other:
            LcpPeer(server, send=other.send_gre)
            d = Diagnosis(FAR)
    equal(d.status, GRE)
    equal(d.says("gre", "arrives from 192.0.2.8, not from %s" % FAR)["other_address"], "192.0.2.8")


@test("GRE leaves from the address of the control connection")
def _():
    with far_network():
        sh("ip addr add 10.9.0.77/24 dev near")
        with far_server(gre=True) as server:
            LcpPeer(server, to="10.9.0.77")
            d = Diagnosis(FAR, "--localbind", "10.9.0.77")
            equal({p.source for p in server.gre_packets}, {"10.9.0.77"})
    equal((d.steps["gre"]["state"], d.steps["tcp"]["local"]), ("ok", "10.9.0.77"))
    match("--localbind 10.9.0.77 ", d.report["peers"])


@test("a server that ends the call at once")
def _():
    def hang_up(conn, message):
        conn.send("OCRP", call_id=5, peer_call_id=message["call_id"], result=1, window=64)
        conn.send("CDN", call_id=5, result=3)
    with FakeServer(SERVER, polite(on={"OCRQ": hang_up})):
        d = Diagnosis(SERVER)
    equal(d.status, GRE)
    d.says("gre", "ended the call: .*administrat.*, before GRE was answered")


# ---- connection tracking ----

STATEFUL = "policy drop; ct state established,related accept; iif lo accept"


@test("connection tracking without the helper, and a filter that relies on it")
def _():
    with good_server(), filtered(STATEFUL, "input", None):
        d = Diagnosis(FAR)
    equal(d.status, GRE)
    d.says("gre", "whose own packet filter drops it")
    step = d.says("firewall", "tracks the control connection without the helper for PPTP")
    equal(step["tracked"], 1)
    true("helper" not in step)
    match("helper, by a rule in the output hook", step["advice"])


@test("connection tracking without the helper, and a filter that accepts the server's protocol 47")
def _():
    with good_server(), filtered(STATEFUL + "; ip protocol 47 ip saddr %s accept" % FAR, "input", None):
        d = Diagnosis(FAR)
    equal(d.steps["gre"]["state"], "ok", d.steps["gre"])
    d.says("firewall", "without the helper for PPTP.*, and passes all the same", "ok")


@test("connection tracking with the helper, and the same filter")
def _():
    with open("/run/helper", "w") as f:
        f.write('table ip help {\n ct helper pptp { type "pptp" protocol tcp; }\n chain c {\n'
                ' type filter hook output priority 0;\n tcp dport 1723 ct helper set "pptp"\n }\n}\n')
    with good_server(), filtered(STATEFUL, "input", None):
        sh("nft -f /run/helper")
        try:
            d = Diagnosis(FAR)
        finally:
            sh("nft delete table ip help")
    equal(d.says("firewall", "with the helper for PPTP", "ok")["helper"], "pptp")
    equal(d.steps["gre"]["state"], "ok", d.steps["gre"])


@test("without CAP_NET_ADMIN it is said that connection tracking cannot be seen")
def _():
    with good_server(), filtered(STATEFUL, "input", None):
        d = Diagnosis(FAR, prefix=("setpriv", "--bounding-set=-all,+net_raw,+setuid,+setgid,+setpcap",
                                   "--inh-caps=-all", "--"))
    d.says("firewall", "cannot be seen: Operation not permitted", "unknown")
    d.says("rights", "CAP_NET_ADMIN is missing", "note")
    d.says("gre", "whose own packet filter drops it")


# ---- the MTU of the path ----

@contextlib.contextmanager
def narrow_network(mtu, icmp=True):
    """Like far_network(), with another router behind it and a link of that MTU between the two."""
    sh("ip netns add far; ip netns add mid; "
       "ip link add near type veth peer name mid0 netns mid; ip -n mid link add mid1 type veth peer name far netns far; "
       "ip addr add 10.9.0.1/24 dev near; ip link set near up; ip route add default via 10.9.0.2; "
       "ip -n mid addr add 10.9.0.2/24 dev mid0; ip -n mid link set mid0 up; ip -n mid link set lo up; "
       "ip -n mid addr add 10.9.1.1/24 dev mid1; ip -n mid link set mid1 mtu %d up; "
       "ip netns exec mid sysctl -qw net.ipv4.ip_forward=1; ip -n mid route add 192.0.2.0/24 via 10.9.1.2; "
       "ip -n far addr add 10.9.1.2/24 dev far; ip -n far link set far mtu %d up; ip -n far link set lo up; "
       "ip -n far addr add 192.0.2.7/32 dev lo; ip -n far route add default via 10.9.1.1" % (mtu, mtu))
    try:
        if icmp:
            yield
        else:
            with filtered("ip protocol icmp drop", "output", "mid"):
                yield
    finally:
        sh("ip route del default; ip link del near; ip netns del mid; ip netns del far", check=False)


@test("GRE that a router rejects")
def _():
    with narrow_network(1500), filtered("ip protocol 47 reject with icmp type admin-prohibited", "forward", "mid"), \
            far_server(gre=True) as server:
        LcpPeer(server)
        d = Diagnosis(FAR)
    equal(d.status, GRE)
    d.says("gre", "GRE is rejected by 10.9.0.2, a router or firewall: administratively prohibited")


for _mtu, _icmp in ((1420, True), (1420, False), (1280, False), (600, True)):
    @test("a hop of %d bytes behind the interface's 1500, %s ICMP" % (_mtu, "with" if _icmp else "without"))
    def _(mtu=_mtu, icmp=_icmp):
        with narrow_network(mtu, icmp), far_server(gre=True) as server:
            LcpPeer(server)
            d = Diagnosis(FAR)
        equal(d.status, MTU)
        step = d.says("mtu", r"^the path takes packets of \d+ bytes, the interface 1500" +
                      ("$" if icmp else ": larger ones disappear"))
        equal(step["by"], "gre")
        between(mtu - 4, step["path_mtu"], mtu)
        equal(d.report["mtu"], step["path_mtu"] - 44)


@test("an MTU that this host's route has is the path's: what is larger would be divided here")
def _():
    with good_server():
        sh("ip route add %s via 10.9.0.2 mtu 1000" % FAR)
        d = Diagnosis(FAR)
    equal((d.status, d.steps["mtu"]["path_mtu"], d.report["mtu"]), (MTU, 1000, 956))
    d.says("mtu", "the path takes packets of 1000 bytes, the interface 1500: this host knows so already")


@test("a hop with a smaller MTU is found without GRE, too")
def _():
    with narrow_network(1420), far_server():
        d = Diagnosis(FAR)
        equal((d.status, d.steps["mtu"]["by"], d.steps["mtu"]["path_mtu"]), (GRE, "udp", 1420))


# ---- this host ----

@test("no capability: the steps that need none are made")
def _():
    with FakeServer(SERVER):
        d = Diagnosis(SERVER, prefix=("setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups",
                                      "--bounding-set=-all", "--inh-caps=-all", "--"))
    equal(d.status, RIGHTS)
    d.says("rights", "CAP_NET_RAW is missing")
    match("run it as root", d.steps["rights"]["advice"])
    d.says("gre", "raw socket for GRE cannot be opened: Operation not permitted", "unknown")
    for step in ("name", "route", "tcp", "control", "call", "mtu"):
        equal(d.steps[step]["state"], "ok", d.steps[step])


@test("/dev/ppp is missing")
def _():
    with good_server(), host():
        d = Diagnosis(FAR)
        equal(d.status, DEVICE)
        d.says("device", "/dev/ppp is missing")
        match("modprobe ppp_generic", d.steps["device"]["advice"])


@test("pppd is missing")
def _():
    with good_server(), host(pppd=False):
        d = Diagnosis(FAR)
    equal(d.says("pppd", "pppd is not installed")["error"], "No such file or directory")
    equal(d.status, DEVICE)


@contextlib.contextmanager
def modules(builtin, loadable):
    """Lists of the running kernel's modules, with these; none of them is loaded."""
    release = os.uname().release
    sh("mount -t tmpfs none /lib/modules 2>/dev/null || { mkdir -p /lib/modules; mount -t tmpfs none /lib/modules; }; "
       "mount -t tmpfs none /sys/module; mkdir /lib/modules/" + release)
    for name, there in (("builtin", builtin), ("dep", loadable)):
        with open("/lib/modules/%s/modules.%s" % (release, name), "w") as f:
            f.write("".join("kernel/drivers/net/ppp/%s.ko%s\n" %
                            (m, ".xz: kernel/drivers/net/ppp/ppp_other.ko" if name == "dep" else "") for m in there))
    try:
        yield
    finally:
        sh("umount /lib/modules /sys/module")


@test("the modules are looked for among those that are built in and those that can be loaded")
def _():
    with modules(["ppp_generic"], ["ppp_async", "ppp_mppe"]):
        d = Diagnosis("198.51.100.77")
    step = d.says("modules", "", "ok")
    equal([step[m] for m in ("ppp_generic", "ppp_async", "ppp_mppe")],
          ["there", "loaded when needed", "loaded when needed"])


@test("without ppp_mppe there is no encryption, without ppp_async no tunnel")
def _():
    with modules(["ppp_generic", "ppp_async"], []):
        d = Diagnosis("198.51.100.77")
    d.says("modules", "ppp_mppe missing", "note")
    match("no encryption", d.steps["modules"]["advice"])
    with modules(["ppp_generic"], []):
        d = Diagnosis("198.51.100.77")
    d.says("modules", "ppp_async missing, ppp_mppe missing")


@test("FIPS mode is on")
def _():
    sh("mount -t tmpfs none /proc/sys && mkdir /proc/sys/crypto && echo 1 >/proc/sys/crypto/fips_enabled")
    try:
        d = Diagnosis("198.51.100.77")
    finally:
        sh("umount /proc/sys")
    equal(d.says("fips", "FIPS mode is on")["enabled"], 1)


# ---- the command line ----

for _words, _pattern in ((("--diagnose",), "no server given"),
                         (("--diagnose", SERVER, "--prometheus"), "--prometheus needs --status"),
                         (("--diagnose", "--status", SERVER), "--diagnose has no meaning with --status")):
    @test("wrong: %s" % " ".join(_words))
    def _(words=_words, pattern=_pattern):
        run = subprocess.run([PPTP, *words], capture_output=True, text=True, timeout=5)
        equal((run.returncode, run.stdout), (1, ""))
        match(pattern, run.stderr)


main()
