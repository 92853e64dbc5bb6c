#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
That structure.py finds what it is there for: a small clean tree, then one break of each rule in it, each of
which must be named by exactly the lines listed with it. Needs gcc and nm; writes to a temporary directory.
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LICENCE = "/* SPDX-License-Identifier: ISC */\n"
RANKS = """
0 | lib/  | sum twice | nothing
1 | core  | core      | lib
2 | app/  | one two   | lib
  |       | three     |
3 | main  | main      | all
"""


def drawing(old="", new=""):
    return "ranks begin\n" + (RANKS.replace(old, new) if old else RANKS) + "ranks end\n"


CLEAN = {
    "lib/sum.h": "int sum(int a, int b);\n",
    "lib/sum.c": '#include "lib/sum.h"\nint sum(int a, int b)\n{\n\treturn a + b;\n}\n',
    "lib/twice.h": '#include "lib/sum.h"\nstatic inline int twice(int a)\n{\n\treturn sum(a, a);\n}\n',
    "core.h": "int core(void);\n",
    "core.c": '#include "core.h"\n#include "lib/twice.h"\nint core(void)\n{\n\treturn twice(1);\n}\n',
    "app/one.h": "int one(void);\n",
    "app/one.c": '#include "app/one.h"\n#include "app/two.h"\nint one(void)\n{\n\treturn two();\n}\n',
    "app/two.h": "int two(void);\n",
    "app/two.c": '#include "app/two.h"\nint two(void)\n{\n\treturn 2;\n}\n',
    "app/three.h": '#pragma once\n#include "app/two.h"\n',
    "main.c": '#include "app/one.h"\n#include "core.h"\nint main(void)\n{\n\treturn one() + core();\n}\n',
    "tests/lint/ranks": RANKS,
    "tests/lint/known-breaks": "# none\n",
    "ARCHITECTURE": drawing(),
}
UPWARD = '#include "core.h"\nint two(void);\nint two(void)\n{\n\treturn 2;\n}\n'
UPWARD_FOUND = "app/two.c: includes core.h; app/ may use lib"

# name of the test, files that differ from CLEAN (None: deleted), lines that are expected
CASES = (
    ("a clean tree", {}, ()),
    ("an upward include", {"lib/sum.h": '#include "core.h"\nint sum(int a, int b);\n'},
     ("lib/sum.h:2: includes core.h; lib/ may use nothing",)),
    ("an include of a lower rank that the place may not use", {"app/two.c": UPWARD},
     ("app/two.c:2: includes core.h; app/ may use lib",)),
    ("an upward call through a local declaration",
     {"lib/sum.c": "int core(void);\nint sum(int a, int b);\n"
                   "int sum(int a, int b)\n{\n\treturn a + b + core();\n}\n"},
     ("lib/sum.c: calls core of core; lib/ may use nothing",)),
    ("a circle of calls inside a directory",
     {"app/two.c": "int one(void);\nint two(void);\nint two(void)\n{\n\treturn one();\n}\n"},
     ("app/one: uses app/two, and that uses it: a circle (calls two, includes app/two.h)",
      "app/two: uses app/one, and that uses it: a circle (calls one)")),
    ("a circle of includes inside a directory", {"app/two.h": '#include "app/three.h"\nint two(void);\n'},
     ("app/three: uses app/two, and that uses it: a circle (includes app/two.h)",
      "app/two: uses app/three, and that uses it: a circle (includes app/three.h)")),
    ("a pure rank that reads the clock",
     {"lib/sum.c": '#include <time.h>\n#include "lib/sum.h"\n'
                   'int sum(int a, int b)\n{\n\treturn a + b + (int)time(0);\n}\n'},
     ("lib/sum.c: calls time; lib/ is pure",)),
    ("a module that is in no rank", {"lib/new.h": ""}, ("lib/new: not in tests/lint/ranks",)),
    ("a rank that names a module which does not exist", {"app/three.h": None},
     ("tests/lint/ranks: names app/three, which does not exist",)),
    ("a rank that may use a higher one",
     {"tests/lint/ranks": RANKS.replace("nothing", "core"), "ARCHITECTURE": drawing("nothing", "core")},
     ("tests/lint/ranks: lib/ may use core, which is of no lower rank",)),
    ("a drawing without a module", {"ARCHITECTURE": drawing("three", "")},
     ("ARCHITECTURE: modules of app/: one two three in tests/lint/ranks, one two in the drawing",)),
    ("no drawing", {"ARCHITECTURE": ""},
     ('ARCHITECTURE: no table between the lines "ranks begin" and "ranks end"',)),
    ("mutable data", {"app/two.c": "int two(void);\nint two(void)\n{\n\tstatic int n;\n\treturn n++;\n}\n"},
     ("app/two.c: mutable data n.0",)),
    ("a banned function",
     {"main.c": "#include <unistd.h>\nint main(void)\n{\n\treturn (int)sleep(1);\n}\n"},
     ("main.c: calls sleep, which is banned",)),
    ("a long function",
     {"app/two.c": "int two(void);\nint two(void)\n{\n" + "\t\n" * 100 + "\treturn 2;\n}\n"},
     ("app/two.c:4: a function has more than 100 lines (101)",)),
    ("a break that is known", {"app/two.c": UPWARD, "tests/lint/known-breaks": UPWARD_FOUND + "\n"},
     ("1 known breaks are left in tests/lint/known-breaks",)),
    ("a known break that no longer occurs", {"tests/lint/known-breaks": UPWARD_FOUND + "\n"},
     ("tests/lint/known-breaks: no longer occurs, please delete: " + UPWARD_FOUND,)),
)


def write(top, files):
    for path, text in files.items():
        os.makedirs(os.path.join(top, os.path.dirname(path)), exist_ok=True)
        with open(os.path.join(top, path), "w") as f:
            f.write((LICENCE if path.endswith((".c", ".h")) else "") + text)


def compile_all(top, paths):
    for path in paths:
        output = os.path.join("objects", path[:-2] + ".o")
        os.makedirs(os.path.join(top, os.path.dirname(output)), exist_ok=True)
        subprocess.run(["gcc", "-I.", "-fno-pie", "-c", "-o", output, path], cwd=top, check=True)


def run_structure(clean, changes):
    files = {path: text for path, text in {**CLEAN, **changes}.items() if text is not None}
    with tempfile.TemporaryDirectory() as top:
        shutil.copytree(os.path.join(clean, "objects"), os.path.join(top, "objects"))
        write(top, files)
        compile_all(top, [path for path in changes if path.endswith(".c")])
        return subprocess.run([sys.executable, os.path.join(HERE, "structure.py"), "objects",
                               *[path for path in files if path.endswith((".c", ".h"))]],
                              cwd=top, capture_output=True, text=True)


def main():
    failed = False
    with tempfile.TemporaryDirectory() as clean:
        write(clean, CLEAN)
        compile_all(clean, [path for path in CLEAN if path.endswith(".c")])
        for name, changes, expected in CASES:
            run = run_structure(clean, changes)
            status = 1 if any("breaks are left" not in line for line in expected) else 0
            if sorted(run.stdout.splitlines()) != sorted(expected) or run.returncode != status:
                print("%s: status %d, %s%s\ninstead of %s" %
                      (name, run.returncode, run.stdout, run.stderr, "\n".join(expected)))
                failed = True
    sys.exit(failed)


main()
