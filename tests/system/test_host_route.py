#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The host route of the real program, from before the first call to after the last."""
from harness import *  # noqa: F401,F403
from harness import FAR, contextlib, os, re, signal, time


def ours():
    return sh("ip -4 route show table all proto 47").strip()


def all_routes():
    return sh("ip -4 route show table all; ip -4 rule show")


def wait_route(pattern, timeout=3.0):
    """Until the routes of ours look like that."""
    deadline = time.monotonic() + timeout
    while not re.search(pattern, ours()):
        true(time.monotonic() < deadline, "no", repr(pattern), "in", repr(ours()))


@contextlib.contextmanager
def second_uplink():
    """Another path to FAR, over "side" and 10.8.0.2."""
    sh("ip link add side type veth peer name far-side netns far && ip addr add 10.8.0.1/24 dev side && "
       "ip link set side up && ip -n far addr add 10.8.0.2/24 dev far-side && "
       "ip -n far link set far-side up")
    try:
        yield
    finally:
        sh("ip link del side")


LCP = b"\xff\x03\xc0\x21\x01\x01\x00\x04"


@test("when a server drops the call, the next address may be reached from another local address")
def _():
    def drop_call(conn, request):
        conn.send("OCRP", call_id=1000, peer_call_id=request["call_id"], result=1, window=8)
        conn.send("CDN", call_id=1000, result=3)
    with far_network(), second_uplink(), hosts("10.9.0.2 two.test\n10.8.0.2 two.test\n"), Log() as log, \
            far_server(polite(on={"OCRQ": drop_call}), "10.9.0.2"), \
            far_server(polite(first_call_id=2000), "10.8.0.2", gre=True) as second:
        run = start("two.test")
        log.wait(r"Server in use: two\.test \(10\.8\.0\.2\)")
        equal(run.status()["address"], "10.8.0.2")
        run.write_frame(LCP)
        packet = second.wait_gre()[0]
        equal((packet.source, packet.call_id), ("10.8.0.1", 2000))
        second.send_gre(second.wait_for("OCRQ")[1]["call_id"], LCP, to="10.8.0.1", seq=0)
        equal(run.read_frames(), [LCP])
        run.write_frame(LCP)
        equal([p.source for p in second.wait_gre(2)], ["10.8.0.1"] * 2)
        end(run)
        nothing_left()


def end(run):
    """Ends the call as pppd does."""
    run.hang_up()
    equal(run.wait(2), 0)
    run.wait_all(1)


@test("a host route that is there already is left alone, exactly")
def _():
    with remote_server() as server, Log() as log:
        for route in ("192.0.2.7 via 10.9.0.2 metric 5", "192.0.2.7 via 10.9.0.2 proto static mtu 1300"):
            sh("ip route add " + route)
            before = all_routes()
            run, _ = up(server, log=log, address=FAR)
            equal((ours(), all_routes()), ("", before))
            equal(run.status()["host_route"], "none")
            end(run)
            equal(all_routes(), before)
            sh("ip route del " + route)
            log.lines.clear()


@test("for a server on the same link, and on this host, no route is added")
def _():
    with far_network(), Log() as log:
        here = os.open("/proc/self/ns/net", os.O_RDONLY)
        far = os.open("/run/netns/far", os.O_RDONLY)
        enter_namespace(far)
        server = FakeServer("10.9.0.2")
        enter_namespace(here)
        os.close(here)
        os.close(far)
        with server:
            before = all_routes()
            run, _ = up(server, log=log, address="10.9.0.2")
            equal((ours(), all_routes()), ("", before))
            end(run)
            equal(all_routes(), before)


@test("routes of all kinds are after a call what they were before it, however it ends")
def _():
    with remote_server() as server, Log() as log:
        sh("ip route add 192.0.2.0/24 via 10.9.0.2 metric 7; ip route add 192.0.2.0/25 via 10.9.0.2 table 77; "
           "ip route add unreachable 198.51.100.0/24; ip route add default via 10.9.0.2 metric 900")
        try:
            before = all_routes()
            for finish in (lambda run, conn: run.hang_up(), lambda run, conn: run.kill("pptpgw", signal.SIGKILL),
                           lambda run, conn: run.kill("pptpcm", signal.SIGKILL),
                           lambda run, conn: os.kill(run.parent(), signal.SIGTERM),
                           lambda run, conn: os.kill(run.parent(), signal.SIGHUP),
                           lambda run, conn: conn.reset(), lambda run, conn: conn.send("StopCCRQ", reason=3)):
                log.lines.clear()
                run, conn = up(server, log=log, address=FAR)
                match(r"192\.0\.2\.7 via 10\.9\.0\.2 dev near", ours())
                finish(run, conn)
                run.wait(2)
                run.wait_all(1)
                equal(all_routes(), before)
                nothing_left()
        finally:
            sh("ip route del 192.0.2.0/24; ip route flush table 77; "
               "ip route del unreachable 198.51.100.0/24; ip route del default metric 900", check=False)


@test("a route left by a parent that was killed is replaced by the next start, and removed at its end")
def _():
    with remote_server() as server, Log() as log:
        before = all_routes()
        run, _ = up(server, log=log, address=FAR)
        run.kill_parent()
        run.wait_all(2)
        match("192.0.2.7 via 10.9.0.2", ours())
        # The default route has another gateway now: the left-over leads to the old one.
        with second_uplink():
            sh("ip route replace default via 10.8.0.2")
            log.lines.clear()
            run, _ = up(server, log=log, address=FAR)
            equal(len(ours().splitlines()), 1)
            match("192.0.2.7 via 10.8.0.2 dev side", ours())
            end(run)
            sh("ip route replace default via 10.9.0.2")
        equal(all_routes(), before)
        nothing_left()


def stays(run, *changes):
    """The host route is the same after each change, and the call goes on."""
    for change in changes:
        sh(change)
        time.sleep(0.05)
        match(r"^192\.0\.2\.7 via 10\.9\.0\.2 dev near", ours())
        equal(len(ours().splitlines()), 1)
        equal(run.process.poll(), None)


@test("the host route stays while its hop works, whatever else appears")
def _():
    with remote_server() as server, Log() as log, second_uplink():
        before = all_routes()
        run, conn = up(server, "--idle-wait", "0.2", "--max-echo-wait", "5", log=log, address=FAR)
        stays(run, "ip route add 192.0.0.0/8 dev near", "ip route add 192.0.2.0/24 dev near",
              "ip link add br9 type veth peer name br8 && ip addr add 192.0.3.1/16 dev br9 && ip link set br9 up",
              "ip route add 128.0.0.0/1 via 10.8.0.2", "ip route add 192.0.2.7 via 10.8.0.2 metric 5",
              "ip route add default via 10.8.0.2 metric 600", "ip route del default via 10.9.0.2",
              "ip route replace default via 10.8.0.2", "ip -n far link set far down", "ip -n far link set far up")
        sh("ip route del 192.0.2.7 metric 5; ip route del 192.0.0.0/8; ip route del 192.0.2.0/24; "
           "ip route del 128.0.0.0/1; ip link del br9; ip route flush default; "
           "ip route add default via 10.9.0.2")
        no_match("now leaves|at the moment|loop", log.text())
        echoes = conn.names().count("EchoRQ")
        server.wait_for("EchoRQ", echoes + 1)
        end(run)
        equal(all_routes(), before)


@test("a default that flaps 20 times in a second changes nothing")
def _():
    with remote_server() as server, Log() as log:
        run, _ = up(server, log=log, address=FAR)
        stays(run, "for i in $(seq 20); do echo route del default; echo route add default via 10.9.0.2; "
                   "sleep 0.05; done | ip -batch -")
        no_match("now leaves|at the moment|loop|removed", log.text())
        end(run)
        nothing_left()


@test("a host route that is removed by hand or flushed with its device is added again, and that is logged")
def _():
    with remote_server() as server, Log() as log:
        run, conn = up(server, "--idle-wait", "0.2", "--max-echo-wait", "5", log=log, address=FAR)
        for count, command in enumerate(("ip route del 192.0.2.7", "ip route flush dev near"), 1):
            sh(command)
            log.wait("removed the host route.*it is added again", count=count)
            # A flush goes on until it finds none, and may have removed the next one too.
            true(server.wait(lambda: ours().startswith("192.0.2.7 via 10.9.0.2 dev near")), ours())
        echoes = conn.names().count("EchoRQ")
        server.wait_for("EchoRQ", echoes + 2)
        end(run)
        nothing_left()


@test("a local address that is replaced by another ends the call at once")
def _():
    for replace in ("ip addr add 10.9.0.3/16 dev near; ip addr del 10.9.0.1/24 dev near; "
                    "ip route replace default via 10.9.0.2",
                    "ip addr flush dev near; ip addr add 10.9.0.3/24 dev near; ip route add default via 10.9.0.2"):
        with remote_server() as server, Log() as log:
            run, _ = up(server, log=log, address=FAR)
            before = time.monotonic()
            sh(replace)
            match("The call to 192.0.2.7 was ended: the local address that it used was removed from this host",
                  log.wait("the local address"))
            between(0, time.monotonic() - before, 1, "seconds until the call ends")
            equal(run.wait(4), 1)
            run.wait_all(1)
            nothing_left()


@test("an uplink that redials and brings the same address keeps the call")
def _():
    with remote_server() as server, Log() as log:
        before = all_routes()
        run, conn = up(server, "--idle-wait", "0.2", "--max-echo-wait", "8", log=log, address=FAR)
        for count in (1, 2):
            sh("ip addr flush dev near")
            log.wait("at the moment", count=count)
            equal(run.process.poll(), None)
            sh("ip addr add 10.9.0.1/24 dev near")
            log.wait("again, through near", count=count)
            wait_route(r"^192\.0\.2\.7 via 10\.9\.0\.2 dev near")
            sh("ip route replace default via 10.9.0.2")
        echoes = conn.names().count("EchoRQ")
        server.wait_for("EchoRQ", echoes + 2)
        end(run)
        equal(all_routes(), before)


@test("an encapsulated default is not repeated: it is logged, and the call goes on")
def _():
    with remote_server() as server, Log() as log:
        sh("ip route replace default encap ip id 7 dst 10.9.0.2 "
           "via 10.9.0.2 dev near")
        run, _ = up(server, log=log, address=FAR)
        log.wait("no host route to 192.0.2.7: (Operation )?[Nn]ot supported")
        equal(ours(), "")
        no_match("loop", log.text())
        end(run)
        nothing_left()


@test("a default by nexthop object is repeated, and stays")
def _():
    with remote_server() as server, Log() as log:
        sh("ip nexthop add id 5 via 10.9.0.2 dev near; ip route replace default nhid 5")
        run, _ = up(server, log=log, address=FAR)
        stays(run, "ip route add default via 10.9.0.9 metric 9", "ip route del default metric 9",
              "sysctl -qw net.ipv4.nexthop_compat_mode=0 && ip route add default via 10.9.0.9 metric 9",
              "sysctl -qw net.ipv4.nexthop_compat_mode=1")
        end(run)
        nothing_left()
        sh("ip nexthop del id 5; ip route flush default; ip route add default via 10.9.0.2")


@test("a long list of metrics is repeated")
def _():
    metrics = ("mtu 1300 window 20000 rtt 100 rttvar 50 ssthresh 100 cwnd 20 advmss 1200 reordering 5 hoplimit 60 "
               "initcwnd 12 initrwnd 12 quickack 1 congctl reno")
    with remote_server() as server, Log() as log:
        sh("ip route replace default via 10.9.0.2 " + metrics)
        run, _ = up(server, log=log, address=FAR)
        match("mtu 1300 .*window 20000.*initrwnd 12 quickack 1", ours())
        end(run)
        nothing_left()


@test("in the pty form a route that comes late is used, and gets its host route")
def _():
    with remote_server() as server, Log() as log:
        sh("ip route del default")
        with start(FAR) as run:
            log.wait("there is no route to 192.0.2.7: waiting for one")
            sh("ip route add 198.51.100.0/24 via 10.9.0.2")  # does not lead to the server
            equal(server.connections, [])
            sh("ip route add default via 10.9.0.2")
            log.wait("Outgoing call established")
            wait_route(r"^192\.0\.2\.7 via 10\.9\.0\.2 dev near")
            equal(run.status()["host_route"], "added")
            end(run)
        sh("ip route del 198.51.100.0/24")
        nothing_left()


@test("when the next address is tried, the host route to the one before is gone")
def _():
    addresses = "192.0.2.9 vpn.example\n192.0.2.7 vpn.example\n"
    with hosts(addresses), remote_server() as server, Log() as log:
        sh("ip -n far addr add 192.0.2.9/32 dev lo")
        run = start("vpn.example", "--idle-wait", "0.2")
        log.wait("Outgoing call established")
        match(r"^192\.0\.2\.7 via 10\.9\.0\.2 dev near", ours())
        equal(len(ours().splitlines()), 1)
        no_match("no right|loop", log.text())
        equal(run.status()["host_route"], "added")
        sh("ip route del 192.0.2.7")  # what is watched is the route to this address
        log.wait("removed the host route to vpn.example .192.0.2.7.: it is added again")
        end(run)
        nothing_left()


@test("with --rtmark the path is looked up and the route added under that mark")
def _():
    with remote_server() as server, Log() as log, second_uplink():
        sh("ip rule add fwmark 0x2a lookup 77; ip route add default via 10.8.0.2 table 77")
        try:
            before = all_routes()
            run, conn = up(server, "--rtmark", "42", log=log, address=FAR)
            match(r"^192\.0\.2\.7 via 10\.8\.0\.2 dev side table 77$", ours().replace(" proto 47", "").strip())
            equal(conn.peer[0], "10.8.0.1")  # TCP took that path, too
            end(run)
            equal(all_routes(), before)
        finally:
            sh("ip rule del fwmark 0x2a; ip route flush table 77", check=False)


@test("two calls to one server share the route, and the last of them removes it")
def _():
    with remote_server() as server, Log() as log:
        before = all_routes()
        runs = [start(FAR) for _ in range(3)]
        log.wait("Outgoing call established", count=3)
        for run in runs:
            run.status()
            equal(len(ours().splitlines()), 1)
        runs[1].kill("pptpcm", signal.SIGKILL)
        runs[1].wait_all(2)
        end(runs[0])
        equal(len(ours().splitlines()), 1)
        end(runs[2])
        equal(all_routes(), before)
        nothing_left()


@test("calls of root and of a user without rights to one server do not touch each other's route")
def _():
    with remote_server() as server, Log() as log, second_uplink():
        before = all_routes()
        first, _ = up(server, log=log, address=FAR)
        other = Run([FAR, "--nolaunchpppd"], prefix=["setpriv", "--bounding-set=-all,+net_raw"])
        log.wait("Outgoing call established", count=2)
        other.kill("pptpcm", signal.SIGTERM)
        other.wait_all(3)
        match("192.0.2.7 via 10.9.0.2 dev near", ours())
        other = Run([FAR, "--nolaunchpppd"], prefix=["setpriv", "--bounding-set=-all,+net_raw"])
        log.wait("Outgoing call established", count=3)
        end(first)
        match("192.0.2.7 via 10.9.0.2 dev near", ours())  # the other one still needs it
        other.kill("pptpcm", signal.SIGTERM)
        other.wait_all(3)
        match("192.0.2.7", ours())  # it has no right to remove it: the next start does
        last = start(FAR)
        log.wait("Outgoing call established", count=4)
        last.status()
        end(last)
        equal(all_routes(), before)
        nothing_left()


@test("a call from a container on this host's network shares the route, and neither removes the other's")
def _():
    container = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh"]
    for contained_first in (True, False):
        with remote_server() as server, Log() as log:
            before = all_routes()
            prefixes = [container, []] if contained_first else [[], container]
            runs = []
            for count, prefix in enumerate(prefixes, 1):
                runs.append(Run([FAR, "--nolaunchpppd"], prefix=prefix))
                log.wait("Outgoing call established", count=count)
                equal(len(ours().splitlines()), 1)
            for run in runs:
                match("192.0.2.7 via 10.9.0.2 dev near", ours())
                os.kill(run.parent(), signal.SIGTERM)
                run.wait_all(3)
            equal(all_routes(), before)
            nothing_left()


main()
