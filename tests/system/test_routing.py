#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""The host route and the uplink that comes and goes, below a tunnel that has the default route."""
import json

from gre_peer import lcp_request, ppp
from harness import *  # noqa: F401,F403
from harness import FAR, Run, contextlib, os, signal, time

TUNNEL = "ppp7"  # stands in for pppd's interface
OURS = "ip route show table all proto 47"
HOST_ROUTE = "192.0.2.7 via 10.9.0.2 dev near"
BLOCK = "unreachable 192.0.2.7"


def up(server, *arguments, log, count=1, **kwargs):
    """The count-th call of this log, which stands for its gateway too."""
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


def sent_into_tunnel():
    sent = json.loads(sh("ip -j -s link show dev ppp7"))[0]["stats64"]["tx"]
    return sent["packets"] + sent["dropped"]


@test("a host route to the server is there while the call stands, and gone after")
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


@tunnel_test("a call outlives its uplink going down: packets wait, none goes into the tunnel, none is lost")
def _():
    with call_below_tunnel("--idle-wait", "0.2", "--max-echo-wait", "8", gre=True) as (run, server, log):
        run.write_frame(lcp_request(1))
        server.wait_gre(1, where=lambda p: p.payload == lcp_request(1))
        sh("ip link set near down")
        log.wait("there is no route to 192.0.2.7 for the moment")
        equal((squeezed(OURS), run.status()["host_route"]), (BLOCK, "lost"))
        before = sent_into_tunnel()
        for number in range(1, 31):
            run.write_frame(ppp(number))
        sh("ip link set ppp7 mtu 1400 && ip link set ppp7 mtu 1396")  # more to hear, nothing to say
        wait_failed(run, 1)
        equal(sent_into_tunnel(), before)
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
                1000 * (acked - back) + 100, "milliseconds: the wait is not part of it")
        equal(run.process.poll(), None)
        equal(log.text().count("for the moment"), 1)
        equal(log.text().count("again, through"), 1)
        hang_up(run)


@test("packets wait while a route discards or forbids what goes to the server")
def _():
    with remote_server(gre=True) as server, Log() as log:
        run, _ = up(server, log=log)
        run.write_frame(lcp_request(1))
        server.wait_gre(1)
        for times, kind in enumerate(("blackhole", "prohibit"), 1):
            sh("ip route prepend %s 192.0.2.7" % kind)
            log.wait("there is no route to 192.0.2.7 for the moment", count=times)
            run.write_frame(ppp(times))
            wait_failed(run, times)
            sh("ip route del %s 192.0.2.7" % kind)
            sent = server.wait_gre(times + 1, where=lambda p: p.seq is not None)
            equal([p.payload for p in sent[1:]], [ppp(number) for number in range(1, times + 1)])
        hang_up(run)
        nothing_left()


@tunnel_test("a call outlives its address being taken away and given again")
def _():
    with call_below_tunnel("--idle-wait", "0.2", "--max-echo-wait", "8") as (run, server, log):
        for times in (1, 2, 3):
            sh("ip addr del 10.9.0.1/24 dev near")
            log.wait("for the moment", count=times)
            equal(squeezed(OURS), BLOCK)
            sh("ip addr add 10.9.0.1/24 dev near")
            log.wait("again, through near", count=times)
            equal(squeezed(OURS), HOST_ROUTE)
        echoes = server.connections[-1].names().count("EchoRQ")
        server.wait_for("EchoRQ", echoes + 2)
        equal(run.process.poll(), None)
        hang_up(run)


@tunnel_test("while the uplink is gone the echo time-out decides, and leaves nothing to block the server")
def _():
    with remote_server() as server, Log() as log:
        run, _ = up(server, "--idle-wait", "0.3", "--max-echo-wait", "0.5", log=log)
        with tunnel_interface():
            sh("ip route replace default dev ppp7 && ip link set near down")
            log.wait("for the moment")
            equal(squeezed(OURS), BLOCK)
            equal(run.wait(4), 1)
            match("silent for too long", log.wait("is over"))
            run.wait_all(1)
            nothing_left()


@tunnel_test("another uplink that comes while the first is gone takes the host route")
def _():
    with remote_server() as server, Log() as log:
        sh("ip link add near2 type veth peer name far2 netns far && ip addr add 10.8.0.1/24 dev near2 && "
           "ip link set near2 up && ip -n far addr add 10.8.0.2/24 dev far2 && ip -n far link set far2 up")
        run, _ = up(server, log=log)
        with tunnel_interface():
            sh("ip route replace default dev ppp7 && ip link set near down")
            log.wait("for the moment")
            sh("ip route add default via 10.8.0.2 metric 100")
            log.wait("again, through near2")
            equal(squeezed(OURS), "192.0.2.7 via 10.8.0.2 dev near2")
            equal(run.process.poll(), None)
            run.hang_up()
            equal(run.wait(4), 0)
            run.wait_all(1)
            nothing_left()


@contextlib.contextmanager
def call_without_uplink(server, log):
    """A call whose uplink is gone, so that only what blocks the server keeps it out of the tunnel."""
    run, _ = up(server, log=log)
    with tunnel_interface():
        sh("ip route replace default dev ppp7 && ip link set near down")
        log.wait("for the moment")
        equal(squeezed(OURS), BLOCK)
        yield run
    sh("ip link set near up && ip route add default via 10.9.0.2")


@tunnel_test("what a killed call manager left to block the server does not keep the next start away")
def _():
    with remote_server() as server, Log() as log:
        with call_without_uplink(server, log) as run:
            run.kill_manager_and_cleaner()
            run.wait_all(4)
            equal(squeezed(OURS), BLOCK)
        end_everything()
        run, _ = up(server, log=log, count=2)
        equal(squeezed(OURS), HOST_ROUTE)
        run.hang_up()
        equal(run.wait(3), 0)
        run.wait_all(1)
        nothing_left()


@tunnel_test("what blocks the server while the uplink is gone goes with a killed call manager")
def _():
    with remote_server() as server, Log() as log:
        with call_without_uplink(server, log) as run:
            run.kill("pptpcm", signal.SIGKILL)
            run.wait_all(4)
            equal(squeezed(OURS), "")
        nothing_left()


@tunnel_test("a host route that somebody replaces is put in front again")
def _():
    with call_below_tunnel() as (run, server, log):
        sh("ip route replace 192.0.2.7/32 dev ppp7")
        log.wait("removed the host route to 192.0.2.7: it is there again, through near")
        match("dev near", sh("ip route get 192.0.2.7"))
        sh("ip route del 192.0.2.7/32 dev ppp7")
        hang_up(run)


@tunnel_test("a host route that somebody removes again and again is a loop in the end, with how to see it")
def _():
    with call_below_tunnel() as (run, server, log):
        for times in range(1, 10):
            sh("ip route del 192.0.2.7")
            log.wait("removed the host route", count=times)
        sh("ip route del 192.0.2.7")
        log.wait("again and again")
        before = time.monotonic()
        sh("ip route del 192.0.2.7")
        log.wait("leads into the tunnel itself.*ip route get 192.0.2.7")
        between(0, time.monotonic() - before, 0.2, "seconds until it is said")
        equal(run.wait(4), 1)
        match("ip route get 192.0.2.7", log.wait("is over"))
        run.wait_all(1)


@contextlib.contextmanager
def interface_of(name, pid):
    """A point-to-point interface, with the file in which pppd says that it is its own."""
    sh("ip tuntap add dev %s mode tun && ip link set %s up" % (name, name))
    with open("/run/%s.pid" % name, "w") as f:
        f.write("%d\n" % pid)
    try:
        yield
    finally:
        os.unlink("/run/%s.pid" % name)
        sh("ip link del " + name)


@tunnel_test("of two calls to one server none takes the other's tunnel for an uplink")
def _():
    with remote_server() as server, Log() as log, interface_of("ppp7", 111), interface_of("ppp8", 222):
        runs = [up(server, log=log, count=n)[0] for n in (1, 2)]
        sh("ip route replace default dev ppp8")
        sh("ip link set near down")
        log.wait("for the moment", count=2)
        equal(squeezed(OURS), BLOCK)
        sh("ip link set near up")
        log.wait("again, through near", count=2)
        equal(squeezed(OURS), HOST_ROUTE)
        no_match("through ppp|somebody", log.text())
        for run in runs:
            hang_up(run)
        nothing_left()


@tunnel_test("an uplink by ppp is no tunnel where its own pppd starts the call, by a script such as ip-up")
def _():
    """Scripts have the process id of the pppd that runs them in their environment, and so do we."""
    with remote_server(), Log() as log, interface_of("ppp7", 111):
        sh("ip route replace default dev ppp7")
        for run in (start(FAR, "--connect-timeout", "0.3", environment={"PPPD_PID": "111"}),
                    Run([FAR, "--connect-timeout", "0.3"], pty=False, environment={"PPPD_PID": "111"})):
            equal(run.wait(2), 1)
            match("no answer on TCP port 1723", last_line(run))
        no_match("into the tunnel", log.text())


@tunnel_test("with --nohostroute a route into the tunnel is warned of each time, and the call goes on")
def _():
    with call_below_tunnel("--nohostroute") as (run, server, log):
        log.wait("ip route get 192.0.2.7")
        sh("ip link set ppp7 mtu 1400")
        equal(run.process.poll(), None)
        sh("ip route add 192.0.2.7 via 10.9.0.2")
        log.wait("again, through near")
        equal(log.text().count("ip route get 192.0.2.7"), 1)
        sh("ip route del 192.0.2.7")
        log.wait("ip route get 192.0.2.7", count=2)
        equal(sh(OURS), "")
        equal(run.process.poll(), None)
        hang_up(run)


main()
