#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Compares the option table, as --help shows it, with the manual page, README and ARCHITECTURE; the table of
statistics and the texts of messages with the manual page; the table of consumers with the tests; and checks
the exit statuses and streams of the command line.
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
    section = re.split(r"\n\.Sh OPTIONS\n|\nThe options are:\n", page, maxsplit=1)[1].split("\n.Sh ", 1)[0]
    options = {}
    for block in section.split("\n.It Fl Fl ")[1:]:
        head, _, rest = block.partition("\n")
        words = head.replace("Ar ", "").split()
        note = re.search(r"\(([^()]*; default [^()]*)\)", " ".join(rest.split()))
        options[words[0]] = (words[1] if len(words) > 1 else None, note.group(1) if note else None)
    return options


def stats_names():
    return re.findall(r'^ +(?:COUNTER\(|\{)"([^"]+)", ', read("lib/stats.c"), re.M)


def manual_stats(page):
    section = page.split("\n.Sh SIGNALS AND STATISTICS\n", 1)[1].split("\n.Sh ", 1)[0]
    return re.findall(r"^\.It (.*)$", section, re.M)


def unknown_options(name, known):
    # Each long option in these texts is pptp's own, but for the commands of Debian's package tools.
    text = re.sub(r"^ +.*(apt install|dpkg-divert) .*$", "", read(name), flags=re.M)
    named = set(re.findall(r"(?<![\w-])--([a-z][a-z-]*[a-z])", text))
    return ["%s names --%s" % (name, option) for option in sorted(named - set(known))]


def sources(endings=(".c", ".h")):
    """The C files of the tree, relative to its top. Without git, for the tests run from an archive, too."""
    for directory, below, names in os.walk(TOP):
        below[:] = [name for name in below if not name.startswith(".") and
                    (directory != TOP or name not in ("build", "debian"))]
        for name in names:
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(directory, name), TOP)


def message_fragments(page):
    """The constant parts of pptp's messages in DIAGNOSTICS, between numbers and arguments."""
    section = page.split("\n.Sh DIAGNOSTICS\n", 1)[1].split("\n.Ss Messages of pppd\n", 1)[0]
    for line in re.findall(r"^\.It (.*)$", section, re.M):
        line = line.replace("Fl Fl ", "--").replace("\\&", "")
        if line.startswith("Received "):  # a message's name follows, logged with spaces in place of dashes
            line = line.removeprefix("Received ").replace(" ", "-")
        for part in re.split(r" ?Ar \S+ ?| ?\bNo | ?-?\d+ ?|: | ?[:,] ", line):
            part = part.strip(" :,.()")
            if len(part) > 3:
                yield part


def unknown_messages(page):
    literals = " ".join(" ".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r'"\s*\n\s*"', "", read(name))))
                        for name in sources() if not name.startswith(("tests/", "bench/")))
    return ["no message has \"%s\"" % part for part in message_fragments(page) if part not in literals]


def bare_programs():
    """pty "pptp ..." where a user may copy it: it fails where PATH lacks the directory, as under cron."""
    names = ["README", "pptp.8", "pptpsetup", "pptpsetup.8", "options.pptp", "debian/README.Debian"]
    names += [name for name in sources((".c",)) if not name.startswith(("tests/", "bench/"))]
    return ["%s has: pty \"%s" % (name, word) for name in names
            for word in re.findall(r'\bpty \\?"(\w\S*)', read(name))]


def architecture_problems():
    text = read("ARCHITECTURE")
    there = list(sources())
    problems = ["it does not name " + name for name in sorted(there)
                if name.endswith(".c") and not name.startswith(("tests/", "bench/")) and
                not re.search(r"\b%s\b" % os.path.basename(name)[:-2], text)]
    named = set(re.findall(r"(?<![\w*/])[\w/]+\.(?:c|h|py|sh)\b", text))
    return problems + ["it names %s, which does not exist" % name for name in sorted(named)
                       if not any(os.path.exists(os.path.join(TOP, directory, name))
                                  for directory in ("", "tests"))
                       and not any(path.endswith("/" + name) for path in there)]


def consumer_problems():
    """Rows of tests/consumers whose test does not have what the row says."""
    rows = [line for line in read("tests/consumers").splitlines() if line and line[0] != "#"]
    for line in rows:
        row = re.fullmatch(r"(.+?) \| .+ \| (tests/\S+) \| (.+)", line)
        if not row:
            yield "not WHO | WHAT | TEST | PART: %s" % line
        elif not os.path.exists(os.path.join(TOP, row[2])):
            yield "no test %s for %s" % (row[2], row[1])
        elif row[3] not in read(row[2]):
            yield "%s, for %s, has no: %s" % (row[2], row[1], row[3])
    if len(rows) < 30:
        yield "only %d rows" % len(rows)


def test_names():
    """Of the process tests and the unit tests."""
    names = set()
    for path in sources((".c", ".py")):
        if path.startswith("tests/"):
            names |= set(re.findall(r'^@test\("(.*)"\)$|^START_TEST\((\w+)\)', read(path), re.M))
    return {name for pair in names for name in pair if name}


def unproven_claims():
    problems, there = [], test_names()
    for claim in re.split(r"\n(?=- )", read("SECURITY"))[1:]:
        tests = re.findall(r"^    Test: (.*)$", claim, re.M)
        problems += ["no test for: " + claim.split("\n")[0]] * (not tests)
        problems += ["there is no test \"%s\"" % name for name in tests if name not in there]
    return problems


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
    said = subprocess.run([os.path.join(TOP, "pptpsetup"), "--help"], capture_output=True, text=True).stdout
    setup = {found[1]: found[2] for found in re.finditer(r"^  --([a-z-]+)(?: ([A-Z]+))?  ", said, re.M)}
    check("pptpsetup's manual page has the options of its --help",
          [] if setup and {"help": None, **setup} ==
          {name: argument for name, (argument, _) in manual_options(read("pptpsetup.8")).items()}
          else [said])
    check("README names no other options", unknown_options("README", {**shown, **setup}))
    check("ARCHITECTURE names no other options", unknown_options("ARCHITECTURE", shown))
    check("ARCHITECTURE names each source file, and none that does not exist",
          architecture_problems())
    check("no pty command looks for pptp in PATH", bare_programs())
    check("each claim in SECURITY has a test that exists", unproven_claims())
    names = stats_names()
    check("the manual page defines the statistics in their order",
          [] if len(names) >= 25 and names == manual_stats(page)
          else ["%s in stats.c" % names, "%s in pptp.8" % manual_stats(page)])
    fragments = list(message_fragments(page))
    check("each message in the manual page is one of the program's",
          unknown_messages(page) if len(fragments) > 40 else ["only %s" % fragments])
    check("each consumer has its test", list(consumer_problems()))
    version = re.search(r'PPTP_VERSION "([^"]+)"', read("pptp_options.h")).group(1)
    expect("--version prints one line and is a success", pptp("--version"), 0,
           stdout="^pptp version %s\n$" % re.escape(version), stderr="")
    for mistake, said, words in (("no server", "no server given", ()),
                                 ("an unknown option", "[^\n]*--bogus", ("--bogus", "127.0.0.1")),
                                 ("a single dash", "[^\n]*-detach", ("127.0.0.1", "-detach"))):
        expect(mistake + ": usage, then the reason, on standard error, status 1", pptp(*words), 1,
               stdout="", stderr=r"(?s)^Usage:.*\nanon fatal[^\n]*: %s[^\n]*--help\n$" % said)
    expect("a wrong value: option, value and range on one line, status 2",
           pptp("127.0.0.1", "--timeout", "abc"), 2, stdout="",
           stderr=r"^anon fatal[^\n]*: --timeout[^\n]*abc[^\n]*0\.01 to 10 seconds[^\n]*\n$")
    print("1..%d" % len(results))
    sys.exit(0 if all(results) else 1)


main()
