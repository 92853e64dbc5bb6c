# SPDX-License-Identifier: ISC
"""What the measurements in the tests' sandbox share: on the host, boot it with the programs to
compare; in the guest, tunnels of real pppd, iperf3 and our gateway's counters."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests", "sandbox"))

import events  # noqa: E402

SERVER = "198.51.100.1"
BEHIND = {"direct": "10.9.0.2"}  # where iperf3 answers; through any tunnel TUNNELLED
TUNNELLED = "10.77.1.1"
ACCOUNT = ["user", "demo", "password", "sesame", "noauth", "nobsdcomp", "nodeflate",
           "require-mppe-128", "nodetach"]


# On the host.

def add_arguments(parser):
    parser.add_argument("--peer", default=os.environ.get("PEER", ""))
    parser.add_argument("--also", action="append", default=[], metavar="NAME=PROGRAM")
    parser.add_argument("--no-direct", action="store_true")
    # By default pppd takes 1500, and each full packet travels in two fragments.
    parser.add_argument("--mtu", type=int, default=1400, help="of pppd, both ways")
    parser.add_argument("--out", default=os.path.join(TOP, "build", "bench"))


def run(script, args, order, seconds):
    """Boots the guest, which calls `script --inside` with `order` and the programs of `args` in it;
    the guest's status, the programs' kinds and the results, one for each line of its file runs."""
    results = os.path.join(args.out, os.path.basename(script))
    shutil.rmtree(results, ignore_errors=True)
    os.makedirs(results)
    kinds = {"ours": "/mnt/bin/pptp"}
    for word in ([f"peer={args.peer}"] if args.peer else []) + args.also:
        name, _, program = word.partition("=")
        # In a directory each: the file's name is the one that its processes are looked for by.
        os.makedirs(f"{results}/{name}")
        shutil.copy(program, f"{results}/{name}/pptp")
        kinds[name] = f"/mnt/results/{name}/pptp"
    if not args.no_direct:
        kinds["direct"] = None
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    guest = subprocess.Popen(
        [f"{TOP}/tests/sandbox/boot", "-t", str(60 + seconds * len(kinds)), script, "--inside",
         json.dumps({**order, "kinds": kinds, "mtu": args.mtu})],
        env={**os.environ, "RESULTS": results})
    try:
        status = guest.wait()
    finally:
        # Where this is ended early, the guest must not go on alone.
        guest.terminate()
        guest.wait()
    with open(f"{results}/runs", encoding="ascii") as f:
        return status, kinds, [json.loads(line) for line in f]


# In the guest.

def start():
    """Network and servers; the log that syslog goes to."""
    subprocess.run(["/mnt/src/tests/sandbox/syslog.py", "/mnt/results/syslog"], check=True)
    world("up")
    # Else the path without a tunnel would carry, and netem lose, packets of 64 KB.
    for words in (["ip", "link", "set", "c0"], ["ip", "-n", "server", "link", "set", "s0"]):
        subprocess.run([*words, "gso_max_segs", "1"], check=True)
    world("poptop")
    return events.LogFile("/mnt/results/syslog")


def world(*words):
    subprocess.run(["/mnt/src/tests/sandbox/world", *words], check=True)


class Tunnel:
    """One pppd with the program under test below it; up when made, or `failed` says why not."""

    def __init__(self, program, kind, mtu):
        self.log = events.LogFile(f"/mnt/results/{kind}-pppd.log")
        self.log.skip()
        command = f"{program} {SERVER} --nolaunchpppd"
        with open(f"/mnt/results/{kind}.err", "ab") as err:
            self.pppd = subprocess.Popen(
                ["/usr/sbin/pppd", "pty", command, *ACCOUNT, "mtu", str(mtu), "mru", str(mtu),
                 "logfile", self.log.path],
                stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        up = self.log.wait(r"local  IP address", 20)
        self.failed = None if up else "no link within 20 s: " + self.log.text()[-500:]

    def end(self):
        """By force where it must be: a program in an endless loop answers to nothing else."""
        self.pppd.terminate()
        try:
            self.pppd.wait(5)
        except subprocess.TimeoutExpired:
            self.pppd.kill()
            self.pppd.wait()
        names = ("pptp", "pptpgw", "pptpcm")
        if not events.await_gone(names, 3):
            for pid in events.processes(names):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def counters(log):
    """What our gateway says on SIGUSR1 and is not 0; counts since the tunnel was made."""
    gateways = events.processes(("pptpgw",))
    if not gateways:
        return None
    log.skip()
    os.kill(next(iter(gateways)), signal.SIGUSR1)
    log.wait(r"rx buffered = (?s:.*)tx acks = \d+\n", 1)
    found = re.findall(r": (\w+x [\w ]+|round[\w ]+) = (\d+)", log.text())
    return {name: int(value) for name, value in found if value != "0"}


def iperf(kind, direction, seconds):
    """{mbit_s: ..., retransmits: ...} or {failed: ...}"""
    argv = ["iperf3", "-c", BEHIND.get(kind, TUNNELLED), "-J", "-t", str(seconds), "-O", "1",
            "--connect-timeout", "5000"] + (["-R"] if direction == "down" else [])
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=seconds + 12, check=False)
        said = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"failed": "iperf3 did not end"}
    except ValueError:
        return {"failed": "iperf3 said " + done.stdout[-200:]}
    if "error" in said:
        return {"failed": said["error"]}
    return {"mbit_s": round(said["end"]["sum_received"]["bits_per_second"] / 1e6, 3),
            "retransmits": said["end"]["sum_sent"].get("retransmits")}


def start_iperf_server():
    log = events.LogFile("/mnt/results/iperf3.log")
    subprocess.run(["pkill", "-KILL", "-x", "iperf3"], check=False)
    events.await_gone(("iperf3",), 3)
    log.skip()
    world("iperf3", log.path)
    if not log.wait("^Server listening", 5):
        sys.exit("iperf3's server does not listen: " + log.text())
