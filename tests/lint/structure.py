#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
The checks of structure that no compiler makes: structure.py [--keys] OBJECTS [FILE...]

- each #include and each symbol that an object of OBJECTS imports obeys tests/lint/ranks;
- includes and calls inside a directory make no circle;
- objects of the pure ranks import only mem* and str* from outside;
- tests/lint/ranks, the table in ARCHITECTURE and the files agree;
- no object has mutable data, or calls a banned function;
- files have at most 800 lines (tests 1200), functions 100, and each file starts with its licence.

FILEs are C files, relative to the current directory, which is the top of the tree; those of tests and
benchmarks are checked for size and licence only. tests/lint/known-breaks lists breaks that are not yet
mended, as --keys prints them. A line there that no longer occurs is an error, too.
"""
import collections
import os
import re
import subprocess
import sys

RANKS, KNOWN, DRAWING = "tests/lint/ranks", "tests/lint/known-breaks", "ARCHITECTURE"
PURE_RANK = 2  # the highest one
# Tables of cases make tests longer than what they test.
FILE_LINES, TEST_LINES = 800, 1200
FUNCTION_LINES = 100
ALLOWED = re.compile(r"(__)?(mem|str)[a-z]*(_chk)?$|__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$")
BANNED = {"sleep", "usleep", "nanosleep", "setjmp", "_setjmp", "__sigsetjmp", "longjmp", "siglongjmp",
          "system", "popen", "gets", "strcpy", "strcat", "sprintf", "vsprintf", "alloca",
          "atoi", "atol", "strtok", "gethostbyname", "inet_ntoa", "tmpnam", "mktemp"}
# State of a process: the log's settings; the signals that a handler has recorded.
STATEFUL = {"sys/log", "sys/loop"}

Place = collections.namedtuple("Place", "rank name modules uses")
# The key identifies a break in known-breaks; line number and details may change without notice.
Problem = collections.namedtuple("Problem", "path line text details")
problems = []


def problem(path, text, line=None, details=""):
    problems.append(Problem(path, line, text, details))


def key(p):
    return "%s: %s" % (p.path, p.text)


def shown(p):
    where = p.path + (":%d" % p.line if p.line else "")
    return "%s: %s%s" % (where, p.text, " (%s)" % p.details if p.details else "")


# ---- the table of ranks ----

def parse_rows(lines, path):
    """Places in their order, from lines "rank | place | modules | may use"."""
    places = []
    for line in lines:
        cells = [cell.split() for cell in line.split("|")]
        if line.lstrip().startswith("#") or not line.strip():
            continue
        if len(cells) != 4 or (not places and not cells[0]):
            problem(path, "not a row of ranks: " + line.strip())
            continue
        if cells[0]:
            places.append(Place(int(cells[0][0]), cells[1][0], [], []))
        places[-1].modules.extend(cells[2])
        places[-1].uses.extend(cells[3])
    return places


def full_name(place, module):
    return place.name + module if place.name.endswith("/") else module


class Modules(dict):
    """{module: Place}; a module of a directory that the table does not list belongs to that directory."""

    def __init__(self, places):
        super().__init__({full_name(place, m): place for place in places for m in place.modules})
        self._directories = {place.name: place for place in places if place.name.endswith("/")}

    def place(self, module):
        return self.get(module) or self._directories.get(os.path.dirname(module) + "/")


def read_ranks():
    with open(RANKS) as f:
        places = parse_rows(f, RANKS)
    modules = Modules(places)
    by_name = {place.name.rstrip("/"): place for place in places}
    for place in places:
        for word in place.uses:
            used = by_name.get(word) or modules.get(word)
            if word not in ("nothing", "all") and (used is None or used.rank >= place.rank):
                problem(RANKS, "%s may use %s, which is of no lower rank" % (place.name, word))
    return places, modules


def may_use(place, other, module):
    """Whether code of `place` may use `module`, which belongs to `other`."""
    if other is place:
        return True
    return other.rank < place.rank and \
        ("all" in place.uses or other.name.rstrip("/") in place.uses or module in place.uses)


def rule(place):
    return "%s may use %s" % (place.name, "lower ranks" if place.uses == ["all"] else " ".join(place.uses))


def check_drawing(places):
    try:
        with open(DRAWING) as f:
            block = f.read().split("ranks begin\n", 1)[1].split("ranks end", 1)[0]
    except (OSError, IndexError):
        problem(DRAWING, 'no table between the lines "ranks begin" and "ranks end"')
        return
    drawn = {place.name: place for place in parse_rows(block.splitlines(), DRAWING)}
    for place in places:
        other = drawn.pop(place.name, None)
        if other is None:
            problem(DRAWING, "does not show %s" % place.name)
            continue
        for what, ours, theirs in (("rank", [str(place.rank)], [str(other.rank)]),
                                   ("modules", place.modules, other.modules),
                                   ("uses", place.uses, other.uses)):
            if sorted(ours) != sorted(theirs):
                problem(DRAWING, "%s of %s: %s in %s, %s in the drawing" %
                        (what, place.name, " ".join(ours), RANKS, " ".join(theirs)))
    for name in drawn:
        problem(DRAWING, "shows %s, which is not in %s" % (name, RANKS))


def check_modules(files, modules):
    there = {os.path.splitext(path)[0] for path in files}
    for module in sorted(there - set(modules)):
        problem(module, "not in " + RANKS)
    for module in sorted(set(modules) - there):
        problem(RANKS, "names %s, which does not exist" % module)


# ---- includes and calls ----

def includes(path):
    """(line number, module) of each project header that the file includes."""
    with open(path) as f:
        for number, line in enumerate(f, 1):
            found = re.match(r'\s*#\s*include\s*"([^"]+)\.h"', line)
            if found and found.group(1) != "config":
                yield number, found.group(1)


def check_includes(path, modules, edges):
    module = os.path.splitext(path)[0]
    place = modules.place(module)
    for number, other in includes(path):
        if other == module or place is None:
            continue
        owner = modules.place(other)
        if owner is None:
            problem(path, "includes %s.h, which is not in %s" % (other, RANKS), number)
        elif not may_use(place, owner, other):
            problem(path, "includes %s.h; %s" % (other, rule(place)), number)
        elif owner is place:
            edges[module][other].add("includes %s.h" % other)


def symbols(path):
    output = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    return [line.split()[-2:] for line in output.splitlines()]


def read_objects(directory):
    """{module: [(kind, symbol)]}"""
    tables = {}
    for root, _, names in sorted(os.walk(directory)):
        for name in sorted(names):
            if name.endswith(".o"):
                path = os.path.join(root, name)
                tables[os.path.relpath(path, directory)[:-2]] = symbols(path)
    return tables


def check_calls(tables, modules, edges):
    defined_by = {symbol: module for module, table in tables.items()
                  for kind, symbol in table if kind in "TRDBCVW"}
    for module, table in tables.items():
        place = modules.place(module)
        for kind, symbol in table:
            if kind not in "Uw" or place is None:
                continue
            other = defined_by.get(symbol)
            owner = modules.place(other) if other else None
            if other is None:
                if place.rank <= PURE_RANK and not ALLOWED.match(symbol):
                    problem(module + ".c", "calls %s; %s is pure" % (symbol, place.name))
            elif owner is not None and not may_use(place, owner, other):
                problem(module + ".c", "calls %s of %s; %s" % (symbol, other, rule(place)))
            elif owner is place:
                edges[module][other].add("calls " + symbol)


def reachable(edges, start):
    found, waiting = set(), [start]
    while waiting:
        for other in edges.get(waiting.pop(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def check_circles(edges):
    for module in sorted(edges):
        for other in sorted(edges[module]):
            if module in reachable(edges, other):
                problem(module, "uses %s, and that uses it: a circle" % other,
                        details=", ".join(sorted(edges[module][other])))


# ---- each object, each file ----

def check_object(module, table):
    for kind, symbol in table:
        if kind == "U" and symbol in BANNED:
            problem(module + ".c", "calls %s, which is banned" % symbol)
        if kind in "DBC" or (kind in "db" and module not in STATEFUL):
            problem(module + ".c", "mutable data %s" % symbol)


def check_size_and_licence(path):
    with open(path) as f:
        lines = f.read().split("\n")
    if "SPDX-License-Identifier: ISC" not in lines[0]:
        problem(path, "the first line is not its licence")
    most = TEST_LINES if path.startswith("tests/") else FILE_LINES
    if len(lines) - 1 > most:
        problem(path, "has more than %d lines" % most, details=str(len(lines) - 1))
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start - 1 > FUNCTION_LINES:
                problem(path, "a function has more than %d lines" % FUNCTION_LINES, start,
                        str(number - start - 1))
            start = None


def read_known():
    if not os.path.exists(KNOWN):
        return set()
    with open(KNOWN) as f:
        return {line.rstrip("\n") for line in f if line.strip() and not line.startswith("#")}


def main():
    words = sys.argv[1:]
    keys = words[0] == "--keys"
    objects, *files = words[1:] if keys else words
    product = [path for path in files if not path.startswith(("tests/", "bench/"))]
    places, modules = read_ranks()
    edges = collections.defaultdict(lambda: collections.defaultdict(set))
    check_drawing(places)
    check_modules(product, modules)
    for path in product:
        check_includes(path, modules, edges)
    for path in files:
        check_size_and_licence(path)
    tables = read_objects(objects)
    check_calls(tables, modules, edges)
    for module, table in tables.items():
        check_object(module, table)
    check_circles(edges)
    if keys:
        print("\n".join(sorted({key(p) for p in problems})))
        return
    known = read_known()
    bad = [shown(p) for p in problems if key(p) not in known]
    bad += ["%s: no longer occurs, please delete: %s" % (KNOWN, line)
            for line in sorted(known - {key(p) for p in problems})]
    if bad:
        print("\n".join(bad))
        sys.exit(1)
    if known:
        print("%d known breaks are left in %s" % (len(known), KNOWN))


main()
