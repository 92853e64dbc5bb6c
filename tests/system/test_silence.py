#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""A server that is silent: what the user is told, for each cause that this host can see; and that a
healthy link is not spoken of."""
from gre_peer import *  # noqa: F401,F403
from harness import *  # noqa: F401,F403
from harness import FAR, contextlib, enter_namespace, far_server, os, re, socket, struct, time

LINE = r"no GRE |no answer |refuses to send GRE"
SAID = 8  # seconds, on a busy machine, in which the line must be there: 5 s of silence are counted
OTHER = "192.0.2.9"


@contextlib.contextmanager
def routed():
    """far_network() with a router of its own, the namespace "gate", between this host and "far"."""
    sh("ip netns add far && ip netns add gate && ip -n gate link set lo up && ip -n far link set lo up && "
       "ip link add near type veth peer name in netns gate && ip addr add 10.9.0.1/24 dev near && "
       "ip link set near up && ip -n gate addr add 10.9.0.2/24 dev in && ip -n gate link set in up && "
       "ip -n gate link add out type veth peer name far netns far && ip -n gate addr add 10.8.0.1/24 dev out && "
       "ip -n gate link set out up && ip -n far addr add 10.8.0.2/24 dev far && ip -n far link set far up && "
       "ip -n far addr add %s/32 dev lo && ip -n far addr add %s/32 dev lo && "
       "ip -n far route add default via 10.8.0.1 && ip -n gate route add 192.0.2.0/24 via 10.8.0.2 && "
       "ip netns exec gate sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward' && ip route add default via 10.9.0.2"
       % (FAR, OTHER))
    try:
        yield
    finally:
        sh("ip route del default 2>/dev/null; ip link del near; ip netns del far; ip netns del gate", check=False)
        sh("nft flush ruleset")


@contextlib.contextmanager
def call(*arguments, **kwargs):
    """(server, Run, log, our call id) of a call through the router, whose server says nothing by GRE."""
    with routed(), far_server(gre=True) as server, Log() as log:
        run, _ = up(server, *arguments, log=log, address=FAR, **kwargs)
        yield server, run, log, server.wait_for("OCRQ")[1]["call_id"]
        run.hang_up()
        run.wait()
        nothing_left()


def lines(log):
    return [text for text in log.text().splitlines() if re.search(LINE, text)]


def filtered(hook, rule, namespace=None):
    """A rule of nft in that hook, here or in another namespace."""
    where = "ip netns exec %s " % namespace if namespace else ""
    sh(where + "nft 'add table ip cut; add chain ip cut c { type filter hook %s priority 0; }; "
       "add rule ip cut c %s'" % (hook, rule))


def another_source(address):
    """A raw GRE socket of the namespace "far" that sends from that address."""
    here, far = os.open("/proc/self/ns/net", os.O_RDONLY), os.open("/run/netns/far", os.O_RDONLY)
    enter_namespace(far)
    try:
        s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
        s.bind((address, 0))
        return s
    finally:
        enter_namespace(here)
        os.close(here)
        os.close(far)


def echo(identifier):
    return struct.pack("!HHBBHI", 0xFF03, 0xC021, 9, identifier, 8, 0)


def lcp_ack(identifier):
    return struct.pack("!HHBBH", 0xFF03, 0xC021, 2, identifier, 4)


def expect_line(log, pattern, count=1, timeout=SAID):
    line = log.wait(pattern, timeout, count)
    match("warn", line)
    equal(len(lines(log)), count, lines(log))
    return line


@test("a server that is silent is told after 5 s, with what was sent, and the NAT that our address needs")
def _():
    with call() as (server, run, log, _):
        asked = time.monotonic()
        run.write_frame(lcp_request(1))
        line = expect_line(log, "no GRE")
        true(time.monotonic() - asked > 4.5, "it was told too early")
        match(r"no GRE came back from 192.0.2.7 in \d+ s \(1 sent, 0 received\): the NAT between our address "
              r"10.9.0.1 and the server, or a firewall on the path, may drop IP protocol 47$", line)
        time.sleep(2)
        equal(len(lines(log)), 1)


@test("a server that has not been asked may be silent")
def _():
    with call() as (server, run, log, _):
        time.sleep(7)
        equal(lines(log), [])


for _name, _command in (
        ("nft drops", "nft 'add table ip cut; add chain ip cut c { type filter hook output priority 0; policy drop; }; "
         "add rule ip cut c tcp dport 1723 accept'"),
        ("iptables rejects", "iptables -A OUTPUT -p 47 -j REJECT --reject-with icmp-admin-prohibited")):
    @test("GRE that this host's own packet filter refuses is told as that: %s" % _name)
    def _(command=_command):
        with call() as (server, run, log, _):
            sh(command)
            run.write_frame(lcp_request(1))
            line = expect_line(log, "GRE")
            match(r"this host refuses to send GRE \(IP protocol 47\) to 192.0.2.7 \(0 sent, 0 received so far\): "
                  r"see its packet filter \(nft, iptables: output\)", line)


@test("GRE that this host begins to refuse is told while the server still sends")
def _():
    with call() as (server, run, log, call_id):
        run.write_frame(lcp_request(1))
        server.wait_gre(1)
        filtered("output", "ip protocol 47 drop")
        run.write_frame(lcp_request(2))
        for number in range(60):
            server.send_gre(call_id, lcp_request(number), to="10.9.0.1", seq=number)
            time.sleep(0.1)
        match(r"this host refuses to send GRE .* \(1 sent, \d+ received so far\)", expect_line(log, "GRE"))


@test("a packet filter without rules for a second is not spoken of")
def _():
    with call() as (server, run, log, call_id):
        server.send_gre(call_id, lcp_request(1), to="10.9.0.1", seq=0)
        filtered("output", "ip protocol 47 drop")
        run.write_frame(lcp_request(1))
        time.sleep(1)
        sh("nft flush ruleset")
        server.wait_gre(1)
        time.sleep(2)
        equal(lines(log), [])


@test("GRE from another address than the server's is named, and never reaches pppd")
def _():
    with call() as (server, run, log, call_id), another_source(OTHER) as other:
        run.write_frame(lcp_request(1))
        server.wait_gre(1)
        other.sendto(gre_header_encode(call_id, lcp_request(1), seq=0), ("10.9.0.1", 0))
        line = expect_line(log, "no GRE")
        match(r": GRE arrives from 192.0.2.9, not from 192.0.2.7: ", line)
        server.send_gre(call_id, lcp_request(7), to="10.9.0.1", seq=1)
        equal(run.read_frames(), [lcp_request(7)])
        equal(run.status()["call.1.rx_invalid"], "1")


for _name, _ids, _words in (
        ("another call", lambda ours: ours % 65535 + 1, "ours is "),
        ("the server's own call", lambda ours: 1000, "which is the server's own number, ours is ")):
    @test("GRE for %s is named, and never reaches pppd" % _name)
    def _(ids=_ids, words=_words):
        with call("--call-id", "4711") as (server, run, log, call_id):
            run.write_frame(lcp_request(1))
            server.wait_gre(1)
            for number in range(3):
                server.send_gre(ids(call_id), lcp_request(1), to="10.9.0.1", seq=number)
            match(r": GRE arrives for call %d, %s4711: " % (ids(call_id), words), expect_line(log, "no GRE"))
            server.send_gre(call_id, lcp_request(7), to="10.9.0.1", seq=1)
            equal(run.read_frames(), [lcp_request(7)])
            equal(run.status()["call.1.rx_invalid"], "3")


@test("GRE for another call of this host with the same server is not taken for a mistake")
def _():
    with routed(), far_server(gre=True) as server, Log() as log:
        silent, _ = up(server, log=log, address=FAR)
        busy = start(FAR, "--logstring", "busy")
        server.wait_for("OCRQ", 2)
        call_id = server.connections[1].received[1]["call_id"]
        silent.write_frame(lcp_request(1))
        for number in range(60):
            server.send_gre(call_id, lcp_ack(number), to="10.9.0.1", seq=number)
            busy.write_frame(lcp_request(number))
            busy.read_frames()
            time.sleep(0.1)
        match("anon .*firewall on the path, may drop IP protocol 47", expect_line(log, "no GRE"))
        for run in (silent, busy):
            run.hang_up()
            run.wait()
        nothing_left()


for _reject, _words in (
        ("prot-unreachable", r"ICMP 3/2, protocol not supported: "),
        ("port-unreachable", r"ICMP 3/3, port not reachable: "),
        ("host-unreachable", r"ICMP 3/1, host not reachable: "),
        ("admin-prohibited", r"ICMP 3/13, administratively prohibited: ")):
    @test("GRE that a router answers with ICMP %s is told with the router" % _reject)
    def _(reject=_reject, words=_words):
        with call() as (server, run, log, _):
            filtered("forward", "ip protocol 47 reject with icmp type " + reject, "gate")
            run.write_frame(lcp_request(1))
            match(r"\(1 sent, 0 received\): the router 10.9.0.2 answers it with " + words, expect_line(log, "no GRE"))


@test("GRE that the server's system itself rejects is told as that")
def _():
    with call() as (server, run, log, _):
        filtered("input", "ip protocol 47 reject with icmp type prot-unreachable", "far")
        run.write_frame(lcp_request(1))
        match(r": the server itself at 192.0.2.7 answers it with ICMP 3/2, ", expect_line(log, "no GRE"))


@test("where this host tracks connections, its own packet filter is named as a possible cause")
def _():
    with call() as (server, run, log, call_id):
        filtered("input", "meta l4proto gre drop")
        sh("nft 'add rule ip cut c ct state established accept'")
        server.connections[0].send("EchoRQ", identifier=1)  # a connection is tracked from its next packet on
        run.write_frame(lcp_request(1))
        for number in range(3):
            server.send_gre(call_id, lcp_request(number), to="10.9.0.1", seq=number)
        match(r"; so may this host's own packet filter, which tracks connections$", expect_line(log, "no GRE"))


@test("a server that sends but does not hear us is told as that")
def _():
    with call() as (server, run, log, call_id):
        filtered("forward", "ip saddr 10.9.0.1 ip protocol 47 drop", "gate")
        run.write_frame(lcp_request(1))
        for number in range(30):
            ack = (None, 0, 0xffffffff)[number % 3]  # of what is before the first packet: of none
            server.send_gre(call_id, lcp_request(number), to="10.9.0.1", seq=number, ack=ack)
            time.sleep(0.2)
        match(r"no answer came back from 192.0.2.7 in \d+ s \(1 sent, \d+ received\): .*, may drop IP protocol 47 "
              "towards the server$", expect_line(log, "no answer"))


@test("a more certain cause that comes to be known later is told as well")
def _():
    with call() as (server, run, log, _):
        run.write_frame(lcp_request(1))
        expect_line(log, "no GRE")
        filtered("forward", "ip protocol 47 reject with icmp type admin-prohibited", "gate")
        run.write_frame(lcp_request(2))
        log.wait("administratively prohibited", SAID)
        equal(len(lines(log)), 2)


@test("a link that falls silent is told when three questions have no answer, with what it had carried")
def _():
    with call() as (server, run, log, call_id):
        run.write_frame(lcp_request(1))
        for number in range(4):
            server.send_gre(call_id, lcp_ack(number), to="10.9.0.1", seq=number)
        equal(len(run.read_frames(4)), 4)
        time.sleep(1.5)
        filtered("forward", "ip protocol 47 reject with icmp type admin-prohibited", "gate")
        for number in range(2):
            run.write_frame(echo(number))
        time.sleep(6.5)
        equal(lines(log), [], "two may have been lost")
        run.write_frame(echo(3))
        match(r"no GRE comes from 192.0.2.7 any more: none in \d+ s \(3 sent and 0 received meanwhile, 4 received "
              r"before\): the router 10.9.0.2 answers it with ICMP 3/13", expect_line(log, "no GRE"))


@test("packets that a server acknowledges by itself are questions: one that stops is told")
def _():
    with call() as (server, run, log, call_id):
        run.write_frame(ppp(1))
        server.wait_gre(1)
        server.send_gre(call_id, to="10.9.0.1", ack=1)
        time.sleep(1.5)
        for number in range(3):
            run.write_frame(ppp(number))
        expect_line(log, r"no GRE comes from 192.0.2.7 any more: none in \d+ s \(3 sent and 0 received meanwhile, "
                    r"1 received before\): the server or the path to it may be down, or ")


@test("an upload to a server that sends nothing by itself is healthy, and so is an idle link")
def _():
    with call() as (server, run, log, call_id):
        run.write_frame(lcp_request(1))
        server.send_gre(call_id, lcp_ack(1), to="10.9.0.1", seq=0)
        for number in range(70):
            run.write_frame(ppp(number))
            time.sleep(0.1)
        equal(lines(log), [])


@test("an answer that has come while the gateway was stopped is read before the server is called silent")
def _():
    with call() as (server, run, log, call_id):
        run.write_frame(lcp_request(1))
        server.wait_gre(1)
        with run.stopped("pptpgw"):
            server.send_gre(call_id, lcp_ack(1), to="10.9.0.1", seq=0)
            time.sleep(7)
        equal(run.read_frames(), [lcp_ack(1)])
        time.sleep(2)
        equal(lines(log), [])


main()
