#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
Words that a reader from the field does not grep for, and the field's own in their place: words.py FILE...

Prints each use as FILE:LINE and fails where there is one. Kept uses are listed with their reason in
tests/lint/words-kept; an entry there that matches nothing is an error, too. Also searches the files' names.
"""
import collections
import re
import sys

KEPT = "tests/lint/words-kept"
INSTEAD = {
    "nudge": "tail probe",
    "stray": "out of window",
    "lateness": "reorder delay",
    "asker": "status client",
    "patience": "delayed-ACK timeout, or deadline",
    "hurry": "fast mode",
    "stands": "established",
    "stood": "established",
    "nobody": "name the subject",
    "somebody": "name the subject",
    "whoever": "name the subject",
    "budget": "rate limit",
    "keeper": "host_route",
    "traces": "cleanup record",
    "folder": "directory",
    "octet": "byte",
    "habit": "ACK behaviour",
    "on their way": "in flight",
    "on its way": "in flight",
    "rides along": "piggybacked",
    "ride along": "piggybacked",
    "told(": "event, end_local, end_by_peer",
    "look_again": "refresh",
    "survey": "route scan",
    "rig": "fixture",
}
# An underscore and a digit end a word, so that parts of identifiers are found; plurals are, too.
PATTERN = re.compile(r"(?<![a-z])(%s)" % "|".join(
    re.escape(word) + ("" if word.endswith("(") else "(?=(?:e?s)?(?![a-z]))") for word in INSTEAD), re.IGNORECASE)


def read_kept():
    """[file, part of the line, reason] of each kept use."""
    with open(KEPT) as f:
        rows = [[cell.strip() for cell in line.split("|")] for line in f
                if line.strip() and not line.startswith("#")]
    for row in rows:
        if len(row) != 3 or not all(row):
            sys.exit("%s: not FILE | PART OF THE LINE | REASON: %s" % (KEPT, " | ".join(row)))
    return rows


def main():
    kept, used = read_kept(), set()
    found, total = [], collections.Counter()
    for path in sys.argv[1:]:
        with open(path) as f:
            lines = [(path, path)] + [("%s:%d" % (path, n), line) for n, line in enumerate(f, 1)]
        for where, line in lines:
            words = [w.lower() for w in PATTERN.findall(line)]
            allowed = [i for i, (file, part, _) in enumerate(kept) if file == path and part in line]
            if words and allowed:
                used.update(allowed)
            elif words:
                total.update(words)
                found.append("%s: %s" % (where, ", ".join("%s (%s)" % (w, INSTEAD[w]) for w in words)))
    stale = ["%s: matches nothing, please delete: %s" % (KEPT, " | ".join(row))
             for i, row in enumerate(kept) if i not in used]
    if found or stale:
        print("\n".join(stale + found))
        print("%d uses: %s" % (sum(total.values()), ", ".join("%s %d" % use for use in total.most_common())))
        sys.exit(1)


main()
