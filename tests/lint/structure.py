#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
What no compiler checks: structure.py OBJECTS [FILE...]

- #include goes down the layers of tests/lint/layers, and every module stands there;
- the objects of cores (OBJECTS/NAME.o) import only mem*, str* and what cores below them define;
- no object has mutable data, or calls what this program does without;
- files have at most 800 lines (tests 1200), functions 100, and each file opens with its licence.

FILEs are the C files to look at; those of subfolders are checked for size and licence only.
"""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# Tables of cases make tests longer than what they test.
FILE_LINES, TEST_LINES = 800, 1200
FUNCTION_LINES = 100
ALLOWED = re.compile(r"(__)?(mem|str)[a-z]*(_chk)?$|__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$")
BANNED = {"sleep", "usleep", "nanosleep", "setjmp", "_setjmp", "__sigsetjmp", "longjmp", "siglongjmp",
          "system", "popen", "gets", "strcpy", "strcat", "sprintf", "vsprintf", "alloca",
          "atoi", "atol", "strtok", "gethostbyname", "inet_ntoa", "tmpnam", "mktemp"}
# State of a process: the log's settings; the signals that have arrived, which a handler notes.
STATEFUL = {"log", "loop"}

problems = []


def problem(*words):
    problems.append(" ".join(str(w) for w in words))


def read_layers():
    """{file: (row, whether it is a core, its module)}"""
    rows = {}
    with open(os.path.join(HERE, "layers")) as f:
        lines = [line.split() for line in f if line.strip() and not line.startswith("#")]
    for row, words in enumerate(lines):
        for module in words[1:]:
            for part in module.split("+"):
                rows[part] = (row, words[0] == "core", module)
    return rows


def below(other, module):
    return other[0] < module[0] or other[2] == module[2]


def check_includes(path, rows):
    module = os.path.splitext(os.path.basename(path))[0]
    if module not in rows:
        problem(path + ": not in tests/lint/layers")
        return
    with open(path) as f:
        for number, line in enumerate(f, 1):
            found = re.match(r'#\s*include "([^"]+)\.h"', line)
            if not found or os.path.basename(found.group(1)) in (module, "config"):
                continue
            other = os.path.basename(found.group(1))
            if other not in rows:
                problem("%s:%d: %s.h is not in tests/lint/layers" % (path, number, other))
            elif not below(rows[other], rows[module]):
                problem("%s:%d: %s.h does not stand below %s" % (path, number, other, module))


def check_size_and_licence(path):
    with open(path) as f:
        lines = f.read().split("\n")
    if "SPDX-License-Identifier: ISC" not in lines[0]:
        problem(path + ": the first line is not its licence")
    if len(lines) - 1 > (TEST_LINES if path.startswith("tests/") else FILE_LINES):
        problem("%s: %d lines" % (path, len(lines) - 1))
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start:
            if number - start - 1 > FUNCTION_LINES:
                problem("%s:%d: a function of %d lines" % (path, start, number - start - 1))
            start = None


def symbols(path):
    output = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    return [line.split()[-2:] for line in output.splitlines()]


def check_objects(folder, rows):
    tables = {}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".o"):
            tables[name[:-2]] = symbols(os.path.join(folder, name))
    defined_by = {symbol: module for module, table in tables.items()
                  for kind, symbol in table if kind in "TRDBC"}
    for module, table in tables.items():
        own = rows.get(module, (0, False, module))
        for kind, symbol in table:
            if kind == "U" and symbol in BANNED:
                problem("%s.c: calls %s" % (module, symbol))
            if kind in "DBC" or (kind in "db" and module not in STATEFUL):
                problem("%s.c: mutable data %s" % (module, symbol))
            if kind != "U" or not own[1] or ALLOWED.match(symbol):
                continue
            owner = defined_by.get(symbol)
            if owner is None or not rows[owner][1] or not below(rows[owner], own):
                problem("%s.c: a core that imports %s" % (module, symbol))


def main():
    objects, files = sys.argv[1], sys.argv[2:]
    rows = read_layers()
    for path in files:
        if path.split("/")[0] not in ("tests", "bench"):
            check_includes(path, rows)
        check_size_and_licence(path)
    check_objects(objects, rows)
    for p in problems:
        print(p)
    sys.exit(1 if problems else 0)


main()
