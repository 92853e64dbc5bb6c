#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
mutate.py SEED COUNT [FILE...]: COUNT small wrong changes of the sources, chosen by SEED, one at a time: a
condition negated, a comparison or a sum off by one, a call left out, a constant changed, true and false
swapped. Each is built in build/mutants and the unit tests that could notice run; those that none fails for are
listed, and the exit status tells whether there are any that tests/mutants-equivalent does not explain.
"""
import glob
import os
import random
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WORK = f"{HERE}/build/mutants"
EQUIVALENT = f"{HERE}/tests/mutants-equivalent"
CORES = ["lib/*.c", "ppp/*.c", "control/*.c", "gre/*.c", "pqueue.c", "pptp_ctrl.c", "gateway/*.c", "routing.c",
         "sys/route_msg.c", "sys/rtnl.c", "callmgr/call_end.c", "callmgr/ctrl_conn.c", "callmgr/clients.c"]
# Tests of other directories that drive a file for real.
ALSO = {"gre": ["gateway"], "pqueue.c": ["gre", "gateway"], "control": ["test_pptp_ctrl"],
        "pptp_ctrl.c": ["control"], "lib": ["gre", "control"], "sys/route_msg.c": ["test_routing"],
        "sys/rtnl.c": ["test_routing", "test_routing_tunnel"]}
TEST_SECONDS = 60

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


def candidates(source):
    """(line number, the changed line) for every operator and place."""
    found = []
    with open(source) as f:
        for number, line in enumerate(f.read().splitlines()):
            code = line.split("/*")[0].split("//")[0]
            if not line.startswith("\t") or line.lstrip().startswith(("*", "/*")) or "log_" in code:
                continue
            for pattern, change in OPERATORS:
                for m in re.finditer(pattern, code.rstrip()):
                    changed = code[:m.start()] + change(m) + code.rstrip()[m.end():]
                    found.append((number, changed))
    return found


def tests_for(name):
    wanted = []
    for key in (name, os.path.dirname(name)):
        wanted += ALSO.get(key, [])
    base = os.path.basename(name)[:-2]
    own = [os.path.dirname(name)] if os.path.dirname(name) else [f"test_{base}*"]
    paths = []
    for place in own + wanted:
        pattern = f"{HERE}/tests/{place}.c" if place.startswith("test_") else f"{HERE}/tests/{place}/test_*.c"
        paths += sorted(glob.glob(pattern))
    # The file's own test first: it is the likeliest to fail.
    paths.sort(key=lambda p: base not in os.path.basename(p))
    return [os.path.relpath(p, HERE)[:-2] for p in dict.fromkeys(paths)]


def run(command, seconds):
    process = subprocess.Popen(command, cwd=WORK, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        try:
            os.killpg(process.pid, 9)
        except ProcessLookupError:
            pass
        process.wait()


def fate(name):
    """"killed", "survives", or "does not compile"."""
    tests = tests_for(name)
    build = run(["make", "-s", *(f"build/{t}" for t in tests), "CFLAGS=-O1 -Werror=unused"], 600)
    if build != 0:
        return "does not compile"
    for test in tests:
        if run([f"build/{test}"], TEST_SECONDS) != 0:
            return "killed"
    return "survives"


def main():
    seed, count, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    chosen = random.Random(seed)
    names = names or [os.path.relpath(p, HERE) for pattern in CORES for p in sorted(glob.glob(f"{HERE}/{pattern}"))]
    explained = open(EQUIVALENT).read() if os.path.exists(EQUIVALENT) else ""
    everything = [(name, number, line) for name in names for number, line in candidates(f"{HERE}/{name}")]
    files = subprocess.run(["git", "ls-files", "*.[ch]", "Makefile", "tests"], cwd=HERE, capture_output=True, text=True,
                           check=True).stdout.split()
    for path in files:
        os.makedirs(os.path.dirname(f"{WORK}/{path}"), exist_ok=True)
        shutil.copy2(f"{HERE}/{path}", f"{WORK}/{path}")
    totals = {}
    unexplained = 0
    for name, number, line in chosen.sample(everything, min(count, len(everything))):
        with open(f"{HERE}/{name}") as f:
            lines = f.read().splitlines()
        was = lines[number]
        lines[number] = line
        with open(f"{WORK}/{name}", "w") as f:
            f.write("\n".join(lines) + "\n")
        outcome = fate(name)
        shutil.copy(f"{HERE}/{name}", f"{WORK}/{name}")
        if outcome == "survives":
            change = f"{name}: {was.strip()} -> {line.strip()}"
            outcome = "equivalent" if change in explained else "survives"
            unexplained += outcome == "survives"
            print(f"{outcome}: {name}:{number + 1}: {was.strip()} -> {line.strip()}", flush=True)
        totals[outcome] = totals.get(outcome, 0) + 1
    print(", ".join(f"{n} {what}" for what, n in sorted(totals.items())))
    return unexplained > 0


if __name__ == "__main__":
    sys.exit(main())
