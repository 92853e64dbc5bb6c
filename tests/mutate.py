#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
mutate.py SEED COUNT [FILE...]: COUNT small wrong changes of the sources, chosen by SEED, one at a time: a
condition negated, a comparison or a sum off by one, a call left out, a constant changed, true and false
swapped. Each is built in a tree of its own in build/mutants, and the unit tests that could notice run; those
that none fails for are listed, and the exit status tells whether there are any that tests/mutants-equivalent
does not explain. 200 take about half an hour on two processors: by hand, not in CI.
"""
import concurrent.futures
import filecmp
import glob
import hashlib
import os
import queue
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = f"{HERE}/build/mutants"
EQUIVALENT = f"{HERE}/tests/mutants-equivalent"
CORES = ["lib/*.c", "ppp/*.c", "control/*.c", "gre/*.c", "pqueue.c", "pptp_ctrl.c", "gateway/*.c", "routing.c",
         "sys/route_msg.c", "sys/rtnl.c", "callmgr/call_end.c", "callmgr/ctrl_conn.c", "callmgr/clients.c"]
# Tests that drive a file for real, besides those of its directory; in sys/, where modules share nothing, of its name.
ALSO = {"gre": ["gateway"], "pqueue.c": ["gre", "gateway"], "control": ["test_pptp_ctrl"],
        "pptp_ctrl.c": ["control"], "lib": ["gre", "control"], "sys/route_msg.c": ["test_routing"],
        "sys/rtnl.c": ["test_routing", "test_routing_tunnel"]}
TEST_SECONDS = 60
# Those that no plain test fails for have to pass with sanitizers as well, as in CI but for the longest test.
BUILDS = [("build", []), ("build/sanitized", ["SANITIZE=1"])]
NOT_SANITIZED = ["tests/gre/test_gre_session_servers"]

OPERATORS = [
    (r"\bif \((.*)\)$", lambda m: f"if (!({m[1]}))"),
    (r" < ", lambda m: " <= "), (r" <= ", lambda m: " < "), (r" > ", lambda m: " >= "), (r" >= ", lambda m: " > "),
    (r" == ", lambda m: " != "), (r" != ", lambda m: " == "), (r" && ", lambda m: " || "), (r" \|\| ", lambda m: " && "),
    (r" \+ 1\b", lambda m: ""), (r" - 1\b", lambda m: ""), (r" \+ (?=\w)", lambda m: " - "), (r" - (?=\w)", lambda m: " + "),
    (r"\+\+", lambda m: "--"), (r" \+= ", lambda m: " -= "),
    (r"(?<=[ (])([1-9]\d*)(?=[ ;,)])", lambda m: str(int(m[1]) + 1)),
    (r"\btrue\b", lambda m: "false"), (r"\bfalse\b", lambda m: "true"),
    (r"^\t+(?:\(void\))?[a-z_]+\([^;{]*\);$", lambda m: "\t;"),
]


def candidates(lines):
    """(line number, the changed line) for every operator and place but texts."""
    found = []
    for number, line in enumerate(lines):
        code = line.split("/*")[0].split("//")[0].rstrip()
        if not line.startswith("\t") or line.lstrip().startswith(("*", "/*")) or "log_" in code:
            continue
        for pattern, change in OPERATORS:
            for m in re.finditer(pattern, code):
                if code.count('"', 0, m.start()) % 2 == 0:
                    found.append((number, code[:m.start()] + change(m) + code[m.end():]))
    return found


def tests_for(name):
    wanted = []
    for key in (name, os.path.dirname(name)):
        wanted += ALSO.get(key, [])
    base = os.path.basename(name)[:-2]
    alone = not os.path.dirname(name) or name.startswith("sys/")
    own = f"{os.path.dirname(name)}/test_{base}*" if alone else os.path.dirname(name)
    paths = []
    for place in [own] + wanted:
        pattern = f"{HERE}/tests/{place}.c" if "test_" in place else f"{HERE}/tests/{place}/test_*.c"
        paths += sorted(glob.glob(pattern))
    tests = dict.fromkeys(os.path.relpath(p, HERE)[:-2] for p in paths)
    # The file's own test first: it is the likeliest to fail.
    return sorted(tests, key=lambda t: (base not in os.path.basename(t), t in NOT_SANITIZED))


def run(tree, command, seconds):
    process = subprocess.Popen(command, cwd=tree, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.terminate()  # so that Check ends the process of the test
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        return None
    finally:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.wait()


def fate(tree, tests):
    """"survives", "does not compile", or "killed" and the test that fails."""
    for build, flags in BUILDS:
        for test in tests:
            if flags and test in NOT_SANITIZED:
                continue
            make = ["make", "-s", f"{build}/{test}", f"BUILD={build}", "CFLAGS=-O1 -Werror=unused", *flags]
            if run(tree, make, 600) != 0:
                return "does not compile", test
            if run(tree, [f"{build}/{test}"], TEST_SECONDS) != 0:
                return "killed", test
    return "survives", None


def fate_of_mutant(tree, name, number, line):
    with open(f"{HERE}/{name}") as f:
        lines = f.read().splitlines()
    lines[number] = line
    with open(f"{tree}/{name}", "w") as f:
        f.write("\n".join(lines) + "\n")
    outcome, _ = fate(tree, tests_for(name))
    shutil.copy(f"{HERE}/{name}", f"{tree}/{name}")
    return outcome


def make_tree(tree):
    files = subprocess.run(["git", "ls-files", "*.[ch]", "Makefile", "tests"], cwd=HERE, capture_output=True, text=True,
                           check=True).stdout.split()
    for path in files:
        os.makedirs(os.path.dirname(f"{tree}/{path}"), exist_ok=True)
        # What has changed is newer than what was built from it, of a mutant perhaps.
        if not os.path.exists(f"{tree}/{path}") or not filecmp.cmp(f"{HERE}/{path}", f"{tree}/{path}", shallow=False):
            shutil.copy(f"{HERE}/{path}", f"{tree}/{path}")
    return tree


def main():
    os.environ["CK_TIMEOUT_MULTIPLIER"] = "3"  # the machine may be busy
    if len(sys.argv) < 3 or not (sys.argv[1] + sys.argv[2]).isdecimal():
        sys.exit("usage: tests/mutate.py SEED COUNT [FILE...]")
    seed, count, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    names = names or [os.path.relpath(p, HERE) for pattern in CORES for p in sorted(glob.glob(f"{HERE}/{pattern}"))]
    explained = open(EQUIVALENT).read().splitlines() if os.path.exists(EQUIVALENT) else []
    mutants = []
    for name in names:
        with open(f"{HERE}/{name}") as f:
            lines = f.read().splitlines()
        mutants += [(f"{name}: {lines[number].strip()} -> {line.strip()}", name, number, line)
                    for number, line in candidates(lines)]
    # So that a line that is changed later moves no other mutant into or out of the choice.
    mutants.sort(key=lambda m: hashlib.sha256(f"{seed} {m[0]}".encode()).digest())

    trees = queue.SimpleQueue()
    workers = len(os.sched_getaffinity(0))
    for worker in range(workers):
        trees.put(make_tree(f"{WORK}/{worker}"))

    def with_tree(function, *args):
        tree = trees.get()
        try:
            return function(tree, *args)
        finally:
            trees.put(tree)

    totals = {}
    unexplained = 0
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        # A test that fails anyway would kill every mutant.
        tests = dict.fromkeys(test for name in names for test in tests_for(name))
        for outcome, test in pool.map(lambda test: with_tree(fate, [test]), tests):
            if test:
                pool.shutdown(cancel_futures=True)
                return f"{test} without a mutant: {outcome}"
        chosen = mutants[:count]
        outcomes = pool.map(lambda m: with_tree(fate_of_mutant, *m[1:]), chosen)
        for (change, name, number, _), outcome in zip(chosen, outcomes):
            if outcome == "survives" and change in explained:
                outcome = "equivalent"
            if outcome == "survives":
                unexplained += 1
                print(f"survives: line {number + 1} of {change}", flush=True)
            totals[outcome] = totals.get(outcome, 0) + 1
    print(", ".join(f"{n} {what}" for what, n in sorted(totals.items())))
    return unexplained > 0


if __name__ == "__main__":
    sys.exit(main())
