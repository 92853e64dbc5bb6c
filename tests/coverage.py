#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""coverage.py GCOV CORE...: judges what gcov says; see tests/coverage."""
import json
import re
import sys

REASONS = "tests/untested"  # FILE | FUNCTION..., all, or text of a line | why


def read(path):
    """Counts of lines and functions by file; a header's are those of all that include it."""
    lines, functions = {}, {}
    with open(path, encoding="utf-8") as f:
        for unit in f:
            for file in json.loads(unit)["files"]:
                name = file["file"]
                for line in file["lines"]:
                    key = name, line["line_number"]
                    lines[key] = lines.get(key, 0) + line["count"]
                for function in file["functions"]:
                    key = name, function["name"]
                    functions[key] = functions.get(key, 0) + function["execution_count"]
    return lines, functions


def reasons(cores):
    known = {}
    with open(REASONS, encoding="utf-8") as f:
        for line in f:
            if line.strip() and line[0] != "#":
                name, what, why = re.split(r" *\| *", line.strip())
                known.update({(name, one): why for one in ([what] if name in cores else what.split())})
    return known


lines, functions = read(sys.argv[1])
cores = sys.argv[2:]
known = reasons(cores)
bad = []
used = set()
for (name, number), count in sorted(lines.items()):
    if name not in cores or count:
        continue
    with open(name, encoding="utf-8") as source:
        key = name, source.read().splitlines()[number - 1].strip()
    used.add(key)
    if key not in known:
        bad.append(f"{name}:{number}: no unit test gets here")
total = sum(name in cores for name, _ in lines)
functions = {key: count for key, count in functions.items() if not key[0].startswith(("tests/", "/"))}
entered = {name for (name, _), count in functions.items() if count}
missing = sorted(key for key, count in functions.items() if key[0] not in cores and not count)
for name, function in missing:
    key = (name, function if name in entered else "all")
    used.add(key)
    if key not in known:
        bad.append(f"{name}: {function}: no unit test enters it, and {REASONS} has no reason")
bad += [f"{REASONS}: {name}: {function}: unit tests enter it, or some of it" for name, function in sorted(set(known) - used)]
print(*bad, *(f"as {REASONS} explains: {' | '.join(key)} | {known[key]}" for key in sorted(known)), sep="\n")
print(f"cores: {total} lines; of {len(functions)} functions elsewhere and there "
      f"unit tests leave {len(missing)} to the tests of the processes")
sys.exit(bool(bad))
