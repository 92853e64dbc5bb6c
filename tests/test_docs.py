#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
The option table, as --help shows it, against what the manual page, README and ARCHITECTURE say; the
table of statistics against the manual page; and the exit statuses and streams of the command line.
"""
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PPTP = os.environ.get("PPTP", os.path.join(TOP, "pptp"))

results = []


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8") as f:
        return f.read()


def pptp(*words):
    return subprocess.run([PPTP, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=10)


def check(name, problems):
    for p in problems:
        print("# " + p)
    print("%s %d - %s" % ("not ok" if problems else "ok", len(results) + 1, name))
    results.append(not problems)


def expect(name, run, status, **streams):
    """streams: stdout/stderr = a regular expression, "" = nothing may be there"""
    problems = []
    if run.returncode != status:
        problems.append("exit status %d instead of %d" % (run.returncode, status))
    for stream, pattern in streams.items():
        text = getattr(run, stream)
        if (text != "") if pattern == "" else not re.search(pattern, text):
            problems.append("%s is %r" % (stream, text[:200]))
    check(name, problems)


def help_options(text):
    """{name: (argument or None, range and default or None)}"""
    options = {}
    body = text.split("pptp's options:\n", 1)[1]
    for block in re.split(r"\n(?=  --)", "\n" + body)[1:]:
        words = " ".join(block.split())
        found = re.match(r"--([a-z-]+)(?: ([A-Z]+))? (.*)", words)
        note = re.search(r"\(([^()]*; default [^()]*)\)$", words)
        options[found.group(1)] = (found.group(2), note.group(1) if note else None)
    return options


def manual_options(page):
    section = page.split("\n.Sh OPTIONS\n", 1)[1].split("\n.Sh ", 1)[0]
    options = {}
    for block in section.split("\n.It Fl Fl ")[1:]:
        head, _, rest = block.partition("\n")
        words = head.replace("Ar ", "").split()
        note = re.search(r"\(([^()]*; default [^()]*)\)", " ".join(rest.split()))
        options[words[0]] = (words[1] if len(words) > 1 else None, note.group(1) if note else None)
    return options


def stats_names():
    return re.findall(r'^\s*\{?\.?[^"\n]*"((?:rx|tx) [^"]+|round trip)"', read("lib/stats.c"), re.M)


def manual_stats(page):
    section = page.split("\n.Sh SIGNALS AND STATISTICS\n", 1)[1].split("\n.Sh ", 1)[0]
    return re.findall(r"^\.It ((?:rx|tx) .*|round trip)$", section, re.M)


def unknown_options(name, known):
    # pptp's own only: git, make and others have long options too, and are not spoken of here.
    named = set(re.findall(r"(?<![\w-])--([a-z][a-z-]*[a-z])", read(name)))
    return ["%s speaks of --%s" % (name, option) for option in sorted(named - set(known))]


def architecture_problems():
    text = read("ARCHITECTURE")
    there = os.listdir(TOP)
    problems = ["it does not speak of " + name for name in sorted(there)
                if name.endswith(".c") and not re.search(r"\b%s\b" % name[:-2], text)]
    named = set(re.findall(r"(?<![\w*/])[\w/]+\.(?:c|h|py|sh)\b", text))
    return problems + ["it speaks of %s, which is not there" % name for name in sorted(named)
                       if not any(os.path.exists(os.path.join(TOP, folder, name))
                                  for folder in ("", "tests"))]


def main():
    page = read("pptp.8")
    run = pptp("--help")
    expect("--help goes to standard output and is a success", run, 0, stdout="^pptp version ",
           stderr="")
    shown, written = help_options(run.stdout), manual_options(page)
    check("the manual page has the options of --help and no others",
          ["--%s is only in one of them" % o for o in sorted(set(shown) ^ set(written))])
    check("the manual page gives their arguments, ranges and defaults",
          ["--%s: %s in --help, %s in pptp.8" % (o, shown[o], written[o])
           for o in sorted(set(shown) & set(written)) if shown[o] != written[o]])
    check("--help gives a range and a default for each value",
          ["--" + o for o, (argument, note) in shown.items() if bool(argument) != bool(note)])
    check("README and ARCHITECTURE speak of no other options",
          unknown_options("README", shown) + unknown_options("ARCHITECTURE", shown))
    check("ARCHITECTURE names each source file, and none that is not there",
          architecture_problems())
    names = stats_names()
    check("the manual page defines the statistics in their order",
          [] if len(names) >= 15 and names == manual_stats(page)
          else ["%s in stats.c" % names, "%s in pptp.8" % manual_stats(page)])
    version = re.search(r'PPTP_VERSION "([^"]+)"', read("pptp_options.h")).group(1)
    expect("--version prints one line and is a success", pptp("--version"), 0,
           stdout="^pptp version %s\n$" % re.escape(version), stderr="")
    for mistake, said, words in (("no server", "no server given", ()),
                                 ("an unknown option", "[^\n]*--bogus", ("--bogus", "127.0.0.1")),
                                 ("a single dash", "[^\n]*-detach", ("127.0.0.1", "-detach"))):
        expect(mistake + ": usage, then the reason, on standard error, status 1", pptp(*words), 1,
               stdout="", stderr=r"(?s)^Usage:.*\npptp: %s[^\n]*--help\n$" % said)
    expect("a wrong value: option, value and range on one line, status 2",
           pptp("127.0.0.1", "--timeout", "11"), 2, stdout="",
           stderr=r"^pptp: --timeout[^\n]*11[^\n]*0\.01 to 10 seconds[^\n]*\n$")
    print("1..%d" % len(results))
    sys.exit(0 if all(results) else 1)


main()
