#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Runs the measurements of bench/measure interleaved and makes tables, JSON and a plot of them.

Usage: bench.py [--quick] [--runs N] [--only SCENARIO,...] [--peer PROGRAM] [--before PROGRAM] [--out DIRECTORY]

Needs root or user namespaces: everything happens in a network and mount namespace of its own.
"peer" is any other program with the same command line, "floor" a bare bridge (floor.c), "self"
the product once more, so that one sees what noise alone can do, "before" an earlier build of it to compare
with, "musl" its build with LIBC=musl, where build/musl/pptp is there.
"""
import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
BUILD = os.path.join(TOP, "build", "bench")
SIZES = (64, 576, 1400)
RATIOS = (("ours", "floor"), ("ours", "peer"), ("ours", "self"), ("ours", "before"), ("musl", "peer"))

# scenario, sizes, parameters, seconds, programs, what to show (key, unit, smaller is better)
PLAN = [
    ("down", SIZES, (0,), 1.0, "floor ours self peer", [("cpu_us_per_packet", "CPU us/packet"),
                                                        ("packets_per_s", "packets/s"),
                                                        ("bare_acks_per_packet", "bare acks/packet")]),
    ("up", SIZES, (0,), 1.0, "floor ours self peer", [("cpu_us_per_packet", "CPU us/packet"),
                                                      ("packets_per_s", "packets/s")]),
    ("swapped", (576, 1400), (0,), 1.0, "ours", [("cpu_us_per_packet", "CPU us/packet")]),
    ("overload", SIZES, (350000,), 2.0, "floor ours self peer", [("share", "share delivered"),
                                                            ("packets_per_s", "packets/s")]),
    ("burst", (1400,), (0,), 1.0, "floor ours peer", [("share", "share delivered")]),
    ("both", SIZES, (0,), 1.0, "ours self peer", [("down_per_s", "down packets/s"),
                                                  ("up_per_s", "up packets/s")]),
    ("latency", (576,), (0,), 3.0, "floor ours self peer", [("p50_ms", "p50 ms"), ("p99_ms", "p99 ms")]),
    ("loss", (576,), (1,), 4.0, "ours peer", [("p50_ms", "p50 ms"), ("p99_ms", "p99 ms")]),
    ("late", (576,), (5, 40), 5.0, "ours peer", [("p50_ms", "p50 ms"), ("p99_ms", "p99 ms"),
                                                 ("lost_after_1s", "dropped after 1 s")]),
    ("window", (576,), (20,), 2.0, "ours peer", [("packets_per_s", "packets/s"), ("window", "window"),
                                                 ("bare_acks_per_packet", "bare acks/packet")]),
    ("setup", (64,), (0,), 1.0, "ours self peer", [("exec_to_request_ms", "exec to OCRQ ms"),
                                                   ("hangup_to_clear_ms", "hang-up to clear ms")]),
    ("tunnels", (576,), (1, 10, 100), 2.0, "ours self", [("cpu_us_per_packet", "CPU us/packet")]),
    ("idle", (64,), (0,), 5.0, "ours peer", [("wake_ups_per_s", "wake-ups/s")]),
    ("memory", (64,), (1, 10, 50), 1.0, "ours musl peer", [("pss_kib_per_tunnel", "PSS KiB/tunnel")]),
]


def enter_namespaces():
    """Starts this script again in namespaces of its own."""
    if os.environ.get("BENCH_INSIDE"):
        for command in (["ip", "link", "set", "lo", "up"],
                        # some programs want an address that is not loopback before they resolve names
                        ["ip", "addr", "add", "192.0.2.1/32", "dev", "lo"],
                        ["mount", "-t", "tmpfs", "none", "/run"]):
            subprocess.run(command, check=True)
        return
    # The processes of the program measured are found by /proc, which is to list no other ones.
    flags = ["-nmpf", "--mount-proc", "--kill-child"] + ([] if os.geteuid() == 0 else ["-Ur"])
    os.environ["BENCH_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])


def measure(scenario, kind, size, seconds, program, parameter):
    command = [os.path.join(BUILD, "measure"), scenario, "floor" if kind == "floor" else "program",
               str(size), str(seconds), program, str(parameter)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    if done.returncode:
        return {"failed": (done.stderr.strip() or f"exit {done.returncode}").splitlines()[-1]}
    return json.loads(done.stdout)


def syscalls_per_packet(scenario, kind, size, program):
    """Runs the program once under strace -c; its calls outside the measurement are few."""
    with tempfile.NamedTemporaryFile("r") as report:
        result = measure(scenario, kind, size, 0.5, f"strace -f -c -o {report.name} {program}", 0)
        if "failed" in result:
            return None
        total = re.search(r"(\d+)\s+(?:\d+\s+)?total$", report.read(), re.M)
    flow = result["down" if scenario == "down" else "up"]
    return int(total.group(1)) / max(1, flow["delivered"]) if total else None


def faults(result):
    flows = [result[k] for k in ("down", "up") if isinstance(result.get(k), dict)]
    return sum(f["corrupt"] + f["disorder"] for f in flows) + result.get("bad", 0)


def progress(text):
    if sys.stderr.isatty():
        print(f"\r{text:60}\r", end="", file=sys.stderr, flush=True)


def run_all(args, programs):
    results = []
    for scenario, sizes, parameters, seconds, kinds, _ in PLAN:
        if args.only and scenario not in args.only:
            continue
        kinds = [k for k in [*kinds.split(), "before"] if k in programs]
        for size in sizes:
            for parameter in parameters:
                for turn in range(args.runs):
                    for kind in kinds:
                        progress(f"{scenario} {size} {parameter:g} {kind} {turn + 1}/{args.runs}")
                        seconds_now = seconds / 2 if args.quick else seconds
                        r = measure(scenario, kind, size, seconds_now, programs[kind], parameter)
                        r.update(scenario=scenario, kind=kind, size=size, parameter=parameter)
                        results.append(r)
    progress("")
    return results


def cell(values):
    """Median with the spread of the runs."""
    if not values:
        return "-"
    middle = statistics.median(values)
    if len(values) == 1:
        return f"{middle:.4g}"
    return f"{middle:.4g} ({min(values):.4g}..{max(values):.4g})"


def median_of(results, key, **match):
    values = [r[key] for r in results if key in r and all(r[k] == v for k, v in match.items())]
    return statistics.median(values) if values else None


def table(results, scenario, show):
    lines = []
    rows = [r for r in results if r["scenario"] == scenario]
    for size, parameter in sorted({(r["size"], r["parameter"]) for r in rows}):
        for key, label in show:
            here = [r for r in rows if (r["size"], r["parameter"]) == (size, parameter)]
            kinds = list(dict.fromkeys(r["kind"] for r in here))
            cells = [f"{k} {cell([r[key] for r in here if r['kind'] == k and key in r])}" for k in kinds]
            for one, other in RATIOS:
                a, b = median_of(here, key, kind=one), median_of(here, key, kind=other)
                if a is not None and b:
                    cells.append(f"{one}/{other} {a / b:.2f}")
            what = f"{size}" + (f" @{parameter:g}" if parameter else "")
            lines.append(f"  {what:>9}  {label:18} " + "   ".join(cells))
        failed = [f"{r['kind']}: {r['failed']}" for r in here if "failed" in r]
        failed += [f"{r['kind']}: {faults(r)} packets corrupt or out of order" for r in here
                   if "failed" not in r and faults(r)]
        lines.extend(f"             NOT CLEAN: {f}" for f in sorted(set(failed)))
    return lines


def plot(results, path):
    """CPU for each packet as bars: an SVG without any library."""
    bars = []
    for scenario, title in (("down", "GRE to pppd"), ("up", "pppd to GRE")):
        for size in SIZES:
            for kind in ("floor", "ours", "peer"):
                value = median_of(results, "cpu_us_per_packet", scenario=scenario, size=size, kind=kind)
                if value is not None:
                    bars.append((f"{title} {size}", kind, value))
    if not bars:
        return
    top = max(v for *_, v in bars)
    colours = {"floor": "#9aa0a6", "ours": "#1a73e8", "peer": "#d93025"}
    out = []
    y = 40
    last = None
    for label, kind, value in bars:
        if label != last:
            y += 14
            out.append(f'<text x="8" y="{y + 11}">{label}</text>')
            last = label
        width = value / top * 460
        out.append(f'<rect x="150" y="{y}" width="{width:.1f}" height="13" fill="{colours[kind]}"/>')
        out.append(f'<text x="{156 + width:.1f}" y="{y + 11}">{kind} {value:.2f}</text>')
        y += 16
    with open(path, "w", encoding="ascii") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="760" height="{y + 20}" '
                'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
                '<text x="8" y="24" font-size="15">CPU microseconds for each packet, by size in data'
                '</text>' + "".join(out) + "</svg>\n")


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return f"{model}, {os.cpu_count()} processors, Linux {platform.release()}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", type=lambda s: s.split(","))
    parser.add_argument("--peer", default=os.environ.get("PEER", ""))
    parser.add_argument("--before", default=os.environ.get("BEFORE", ""))
    parser.add_argument("--out", default=os.path.join(TOP, "build", "bench"))
    args = parser.parse_args()
    enter_namespaces()
    programs = {"floor": os.path.join(BUILD, "floor"),
                "ours": os.environ.get("PPTP", os.path.join(TOP, "pptp")) + " --loglevel 0"}
    programs["self"] = programs["ours"]
    musl = os.path.join(TOP, "build", "musl", "pptp")
    if os.path.exists(musl):
        programs["musl"] = musl + " --loglevel 0"
    if args.peer:
        programs["peer"] = args.peer + " --loglevel 0"
    if args.before:
        programs["before"] = args.before + " --loglevel 0"
    results = run_all(args, programs)
    print(f"machine: {machine()}")
    print(f"command: make bench {'PEER=' + args.peer if args.peer else ''}  (runs: {args.runs}, "
          "median (least..most); ratios of medians)")
    for scenario, *_, show in PLAN:
        if not any(r["scenario"] == scenario for r in results):
            continue
        print(f"\n{scenario}")
        print("\n".join(table(results, scenario, show)))
    calls = []
    for scenario in ("down", "up"):
        if args.only and scenario not in args.only:
            continue
        for kind in ("floor", "ours", "peer"):
            if kind not in programs:
                continue
            value = syscalls_per_packet(scenario, kind, 576, programs[kind])
            calls.append({"scenario": scenario, "kind": kind, "size": 576, "syscalls_per_packet": value})
            print(f"\nsystem calls for each packet, {scenario}, 576, {kind}: "
                  + (f"{value:.2f}" if value is not None else "strace not there or refused"), end="")
    print()
    os.makedirs(args.out, exist_ok=True)
    with open(os.path.join(args.out, "results.json"), "w", encoding="ascii") as f:
        json.dump({"machine": machine(), "results": results, "syscalls": calls}, f, indent=1)
    plot(results, os.path.join(args.out, "results.svg"))
    bad = sum(faults(r) for r in results if "failed" not in r and r["kind"] == "ours")
    failed = [r for r in results if "failed" in r and r["kind"] == "ours"]
    return 1 if bad or failed else 0


if __name__ == "__main__":
    sys.exit(main())
