#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The host route and the uplink that comes and goes. The tunnel is not known here: its device is none of pppd's."""
from gre_peer import lcp_request, ppp
from harness import *  # noqa: F401,F403
from harness import FAR, Run, contextlib, os, signal, time

TUNNEL = "ppp7"  # in place of pppd's interface
OURS = "ip route show table all proto 47"
HOST_ROUTE = "192.0.2.7 via 10.9.0.2 dev near"
GUARD = "unreachable 192.0.2.7"


def up(server, *arguments, log, count=1, **kwargs):
    """The count-th call of this log, once its gateway carries packets."""
    run = start(FAR, *arguments, **kwargs)
    log.wait("Outgoing call established", count=count)
    equal(run.status()["call.1.state"], "established")
    return run, server.connections[-1]


def wait_failed(run, times):
    """Until the gateway has failed to send so often."""
    deadline = time.monotonic() + 3
    while run.status().get("call.1.tx_failed") != str(times):
        true(time.monotonic() < deadline, run.status())


def squeezed(command):
    return " ".join(sh(command).split())


def all_routes():
    return sorted(sh("ip -4 route show table all").splitlines())


@contextlib.contextmanager
def tunnel_interface():
    sh("ip tuntap add dev ppp7 mode tun && ip link set ppp7 up && "
       "ip addr add 10.99.0.2 peer 10.99.0.1 dev ppp7")
    try:
        yield
    finally:
        sh("ip link del ppp7")


def tunnel_test(name):
    """A test that needs a tunnel's interface."""
    def add(function):
        @test(name)
        def _():
            if not os.path.exists("/dev/net/tun"):
                raise Skipped("no /dev/net/tun here")
            function()
    return add


@contextlib.contextmanager
def call_below_tunnel(*arguments, server_is=None, **kwargs):
    """A call whose tunnel has become the default route: (run, server, log). All routes are as
    before at its end, or as they are with an uplink that has lost its own."""
    with remote_server(server_is, **kwargs) as server, Log() as log:
        run, _ = up(server, *arguments, log=log)
        with tunnel_interface():
            sh("ip route replace default dev ppp7")
            before = [r for r in all_routes() if "proto 47" not in r]
            try:
                yield run, server, log
                equal(all_routes(), before)
            finally:
                run.end()
        nothing_left()


def hang_up(run):
    run.hang_up()
    equal(run.wait(3), 0)
    run.wait_all(1)


@test("a host route to the server is there during the call, and gone after it")
def _():
    with remote_server() as server, Log() as log:
        before = sh("ip route show table all")
        run, _ = up(server, log=log)
        match(r"192\.0\.2\.7 via 10\.9\.0\.2", sh("ip route show proto 47"))
        run.hang_up()
        equal(run.wait(2), 0)
        run.wait_all(1)
        equal(sh("ip route show table all"), before)
        equal(server.mistakes(), [])
        nothing_left()


@test("--nohostroute adds no route; a refused call leaves none")
def _():
    with remote_server() as server, Log() as log:
        run, _ = up(server, "--nohostroute", log=log)
        equal(sh(OURS), "")
        run.hang_up()
        equal(run.wait(2), 0)
        server.script = polite(ocrp={"result": 4})
        run = start(FAR)
        equal(run.wait(2), 1)
        run.wait_all(1)
        equal(sh(OURS), "")
        nothing_left()


@test("a call outlives its uplink going down: packets wait, none is lost")
def _():
    with remote_server(gre=True) as server, Log() as log:
        run, _ = up(server, "--idle-wait", "0.2", "--max-echo-wait", "8", log=log)
        run.write_frame(lcp_request(1))
        server.wait_gre(1, where=lambda p: p.payload == lcp_request(1))
        sh("ip link set near down")
        log.wait("there is no route to 192.0.2.7 at the moment")
        equal((squeezed(OURS), run.status()["host_route"]), ("", "lost"))
        for number in range(1, 31):
            run.write_frame(ppp(number))
        sh("ip link set near mtu 1400 && ip link set near mtu 1396")  # notifications that change nothing
        wait_failed(run, 1)
        echoes = server.connections[-1].names().count("EchoRQ")
        true(not server.wait(lambda: server.connections[-1].ended, 0.3), "the call has ended")
        back = time.monotonic()
        sh("ip link set near up")
        log.wait("there is a route to 192.0.2.7 again, through near")
        equal(squeezed(OURS), HOST_ROUTE)
        server.wait_gre(31, where=lambda p: p.seq is not None)
        run.write_frame(ppp(31))
        sent = server.wait_gre(32, where=lambda p: p.seq is not None)
        equal([p.payload for p in sent[1:]], [ppp(number) for number in range(1, 32)])
        equal([p.seq for p in sent], list(range(1, 33)))
        acked = time.monotonic()
        server.send_gre(server.wait_for("OCRQ")[1]["call_id"], to="10.9.0.1", ack=32)
        server.wait_for("EchoRQ", echoes + 2)
        run.kill("pptpgw", signal.SIGUSR1)
        log.wait("rx acks = 1$")
        between(0, float(log.wait("round trip = ").rpartition("=")[2]),
                1000 * (acked - back) + 100, "milliseconds: the outage is not part of it")
        equal(run.process.poll(), None)
        equal(log.text().count("at the moment"), 1)
        equal(log.text().count("again, through"), 1)
        hang_up(run)
        nothing_left()


@test("packets wait while a route discards or forbids what goes to the server")
def _():
    with remote_server(gre=True) as server, Log() as log:
        run, _ = up(server, log=log)
        run.write_frame(lcp_request(1))
        server.wait_gre(1)
        for times, kind in enumerate(("blackhole", "prohibit"), 1):
            sh("ip route prepend %s 192.0.2.7" % kind)
            log.wait("there is no route to 192.0.2.7 at the moment", count=times)
            run.write_frame(ppp(times))
            wait_failed(run, times)
            sh("ip route del %s 192.0.2.7" % kind)
            sent = server.wait_gre(times + 1, where=lambda p: p.seq is not None)
            equal([p.payload for p in sent[1:]], [ppp(number) for number in range(1, times + 1)])
        hang_up(run)
        nothing_left()


@test("packets wait while this host's own packet filter refuses them")
def _():
    with remote_server(gre=True) as server, Log() as log:
        run, _ = up(server, log=log)
        run.write_frame(lcp_request(1))
        server.wait_gre(1)
        for times in (1, 2):
            sh("nft 'add table ip cut; add chain ip cut out { type filter hook output priority 0; }; "
               "add rule ip cut out ip protocol 47 drop'")
            run.write_frame(ppp(times))
            wait_failed(run, times)
            sh("nft delete table ip cut")
            sent = server.wait_gre(times + 1, where=lambda p: p.seq is not None)
            equal([p.payload for p in sent[1:]], [ppp(number) for number in range(1, times + 1)])
        hang_up(run)
        nothing_left()


@test("packets that the uplink cuts into fragments are told once, with the mtu for pppd")
def _():
    with remote_server(gre=True) as server, Log() as log:
        sh("ip link set near mtu 600; ip -n far link set far mtu 600")
        run, _ = up(server, log=log)
        run.write_frame(lcp_request(1))
        server.wait_gre(1)
        server.send_gre(server.wait_for("OCRQ")[1]["call_id"], lcp_request(2), to="10.9.0.1", seq=0)
        equal(run.read_frames(), [lcp_request(2)])
        for number in range(3):
            run.write_frame(b"\xff\x03\x00\x21" + bytes([number]) * (1200 + number))
        server.wait_gre(4, where=lambda p: p.seq is not None)
        lines = [line for line in log.text().splitlines() if "too large" in line]
        equal(len(lines), 1, lines)
        match(r"\(its MTU is 600\), and sent in fragments: give pppd \"mtu 556 mru 556\"", lines[0])
        match("its MTU is 600", run.status()["last_notice"])
        hang_up(run)
        nothing_left()


@test("a route that is removed under the call is not taken for a path with a small MTU")
def _():
    with remote_server(gre=True) as server, Log() as log:
        # Of a protocol of its own: the kernel would share the hop with the default route, and keep it.
        sh("ip route add %s via 10.9.0.2 proto 77" % FAR)
        run, _ = up(server, log=log)
        run.write_frame(lcp_request(1))
        server.wait_gre(1)
        server.send_gre(server.wait_for("OCRQ")[1]["call_id"], lcp_request(2), to="10.9.0.1", seq=0)
        equal(run.read_frames(), [lcp_request(2)])
        server.wait_gre(1, where=lambda p: p.ack is not None)
        time.sleep(0.5)  # all that had to be sent is
        sh("ip route del %s via 10.9.0.2 proto 77" % FAR)
        time.sleep(0.5)  # a grace period of the kernel's, after which the route's device is gone
        run.write_frame(b"\xff\x03\x00\x21" + bytes(1200))
        server.wait_gre(2, where=lambda p: p.seq is not None)
        equal([line for line in log.text().splitlines() if "too large" in line], [])
        hang_up(run)
        nothing_left()


@tunnel_test("a call outlives its address being taken away and given again")
def _():
    with call_below_tunnel("--idle-wait", "0.2", "--max-echo-wait", "8") as (run, server, log):
        for times in (1, 2, 3):
            sh("ip addr del 10.9.0.1/24 dev near")
            log.wait("at the moment", count=times)
            equal(squeezed(OURS), "")
            sh("ip addr add 10.9.0.1/24 dev near")
            log.wait("again, through near", count=times)
            equal(squeezed(OURS), HOST_ROUTE)
        echoes = server.connections[-1].names().count("EchoRQ")
        server.wait_for("EchoRQ", echoes + 2)
        equal(run.process.poll(), None)
        hang_up(run)


@test("while the uplink is gone the echo time-out decides, and leaves nothing to block the server")
def _():
    with remote_server() as server, Log() as log:
        run, _ = up(server, "--idle-wait", "0.3", "--max-echo-wait", "0.5", log=log)
        sh("ip link set near down")
        log.wait("at the moment")
        equal(run.wait(4), 1)
        log.wait("192.0.2.7 has been silent for too long")
        run.wait_all(1)
        nothing_left()


@test("another uplink that comes while the first is gone is used, and the first one again when it is back")
def _():
    with remote_server() as server, Log() as log:
        sh("ip link add near2 type veth peer name far2 netns far && ip addr add 10.8.0.1/24 dev near2 && "
           "ip link set near2 up && ip -n far addr add 10.8.0.2/24 dev far2 && ip -n far link set far2 up")
        run, _ = up(server, log=log)
        sh("ip link set near down")
        log.wait("at the moment")
        sh("ip route add default via 10.8.0.2 metric 100")
        log.wait("again, through near2")
        equal(squeezed(OURS), "")  # the tunnel is not known, so the host route does not move
        sh("ip link set near up")
        log.wait("now leaves through near$")
        equal(squeezed(OURS), HOST_ROUTE)
        equal(run.process.poll(), None)
        hang_up(run)
        nothing_left()
        sh("ip route flush default; ip link del near2")


@test("an unreachable route that a killed parent left does not keep the next start from the server")
def _():
    with remote_server() as server, Log() as log:
        sh("ip route add %s proto 47" % GUARD)
        run, _ = up(server, log=log)
        equal(squeezed(OURS), HOST_ROUTE)
        hang_up(run)
        nothing_left()


@test("a host route that another program removes again and again is left alone in the end")
def _():
    with remote_server() as server, Log() as log:
        run, _ = up(server, log=log)
        for times in range(1, 10):
            sh("ip route del 192.0.2.7")
            log.wait("removed the host route", count=times)
        sh("ip route del 192.0.2.7")
        log.wait("again and again")
        match("another program removes the host route", run.status()["last_notice"])
        equal(squeezed(OURS), HOST_ROUTE)
        sh("ip route del 192.0.2.7")
        time.sleep(0.1)
        equal(squeezed(OURS), "")
        equal(run.process.poll(), None)
        hang_up(run)


@tunnel_test("a host route that another program replaces is added in front again")
def _():
    with call_below_tunnel() as (run, server, log):
        sh("ip route replace 192.0.2.7/32 dev ppp7")
        log.wait("removed the host route to 192.0.2.7: it is added again, through near")
        match("dev near", sh("ip route get 192.0.2.7"))
        sh("ip route del 192.0.2.7/32 dev ppp7")
        hang_up(run)


@tunnel_test("while the tunnel is not known, no point-to-point device is taken for it")
def _():
    with remote_server(), Log() as log, tunnel_interface():
        sh("ip route replace default dev ppp7")
        for pty in (True, False):
            run = Run([FAR, "--connect-timeout", "0.3"] + ["--nolaunchpppd"] * pty, pty=pty)
            equal(run.wait(2), 1)
            match("no answer on TCP port 1723", last_line(run))
        no_match("into the tunnel", log.text())
        nothing_left()
        sh("ip route replace default via 10.9.0.2")


main()
