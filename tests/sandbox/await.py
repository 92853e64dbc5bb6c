#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Waits for what is to happen, without polling.

await.py FILE REGEX SECONDS   a line of FILE matches (inotify)
await.py --gone COMM...       no process of these names is left, within 10 s (pidfd)
Exit status 1 when it did not happen in time.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import events  # noqa: E402


def main(args):
    if args[0] == "--gone":
        return 0 if events.await_gone(args[1:], 10) else 1
    path, regex, seconds = args
    return 0 if events.await_line(path, regex, float(seconds)) else 1


sys.exit(main(sys.argv[1:]))
