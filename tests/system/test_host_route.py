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
    """Another way to FAR, over "side" and 10.8.0.2."""
    sh("ip link add side type veth peer name far-side netns far && ip addr add 10.8.0.1/24 dev side && "
       "ip link set side up && ip -n far addr add 10.8.0.2/24 dev far-side && "
       "ip -n far link set far-side up")
    try:
        yield
    finally:
        sh("ip link del side")


def end(run):
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
                           lambda run, conn: run.kill("pptpcm", signal.SIGTERM),
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


@test("the death of the call manager removes the host route, wherever it has moved to")
def _():
    with remote_server() as server, Log() as log:
        before = all_routes()
        run, _ = up(server, log=log, address=FAR)
        with second_uplink():
            sh("ip route replace default via 10.8.0.2")
            wait_route("192.0.2.7 via 10.8.0.2")
            run.kill("pptpcm", signal.SIGKILL)
            run.wait_all(2)
            equal(ours(), "")
            log.wait("the call manager was killed: removed /run/pptp/.* and the host route")
            sh("ip route replace default via 10.9.0.2")
        equal(all_routes(), before)
        nothing_left()


@test("a cleaner that comes late leaves alone what the next start has taken over")
def _():
    with remote_server() as server, Log() as log:
        before = all_routes()
        first, _ = up(server, log=log, address=FAR)
        with first.stopped("pptpcl"):
            manager = first.pid_of("pptpcm")
            os.kill(manager, signal.SIGKILL)
            wait_gone([manager])
            second = start(FAR)
            log.wait("Outgoing call established", count=2)
            second.status()
        first.wait_all(2)
        match("192.0.2.7", ours())
        second.status()
        end(second)
        no_match("the call manager was killed: removed|made anew|somebody removed", log.text())
        equal(all_routes(), before)
        nothing_left()


@test("a route left by SIGKILL is taken over by the next start, and goes with it")
def _():
    with remote_server() as server, Log() as log:
        before = all_routes()
        run, _ = up(server, log=log, address=FAR)
        run.kill_manager_and_cleaner()
        run.wait_all(2)
        match("192.0.2.7 via 10.9.0.2", ours())
        # in the meantime the uplink has another gateway: what was left leads astray
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


@test("the host route moves with the default route, to another interface and another gateway")
def _():
    with remote_server() as server, Log() as log, second_uplink():
        before = all_routes()
        run, conn = up(server, "--idle-wait", "0.2", "--max-echo-wait", "5", log=log, address=FAR)
        sh("ip -n far addr add 10.8.0.3/24 dev far-side")
        for gateway, device in (("10.8.0.2", "side"), ("10.8.0.3", "side"), ("10.9.0.2", "near")):
            sh("ip route replace default via " + gateway)
            wait_route(r"^192\.0\.2\.7 via %s dev %s" % (gateway, device))
            equal(len(ours().splitlines()), 1)
            log.wait("the route to 192.0.2.7 now leaves through " + device)
            equal(run.process.poll(), None)
        end(run)
        equal(all_routes(), before)


@test("the host route follows a lease that is renewed: address and default gone and back")
def _():
    with remote_server() as server, Log() as log:
        before = all_routes()
        run, _ = up(server, log=log, address=FAR)
        sh("ip addr flush dev near")
        equal(run.process.poll(), None)
        sh("ip addr add 10.9.0.1/24 dev near; ip route replace default via 10.9.0.2")
        wait_route(r"^192\.0\.2\.7 via 10\.9\.0\.2 dev near")
        end(run)
        equal(all_routes(), before)


@test("with --rtmark the way is looked up and the route added under that mark")
def _():
    with remote_server() as server, Log() as log, second_uplink():
        sh("ip rule add fwmark 0x2a lookup 77; ip route add default via 10.8.0.2 table 77")
        try:
            before = all_routes()
            run, conn = up(server, "--rtmark", "42", log=log, address=FAR)
            match(r"^192\.0\.2\.7 via 10\.8\.0\.2 dev side table 77$", ours().replace(" proto 47", "").strip())
            equal(conn.peer[0], "10.8.0.1")  # TCP went that way, too
            end(run)
            equal(all_routes(), before)
        finally:
            sh("ip rule del fwmark 0x2a; ip route flush table 77", check=False)


@test("two calls to one server share the route, and the last one to end removes it")
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


@test("calls to one server know of each other also after the socket folder was removed")
def _():
    with remote_server() as server, Log() as log:
        before = all_routes()
        first, _ = up(server, log=log, address=FAR)
        with first.stopped("pptpcm"):
            sh("rm -rf /run/pptp")
        log.wait("made anew")
        second = start(FAR)
        log.wait("Outgoing call established", count=2)
        second.status()
        end(second)
        match("192.0.2.7", ours())
        end(first)
        no_match("somebody removed the host route", log.text())
        equal(all_routes(), before)
        nothing_left()


main()
