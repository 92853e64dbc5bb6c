# SPDX-License-Identifier: ISC
"""Events that tests wait for: lines in logs, ends of processes. Nothing here polls."""
import ctypes
import os
import re
import select
import time

_libc = ctypes.CDLL(None, use_errno=True)
_IN_MODIFY, _IN_CREATE, _IN_MOVED_TO = 0x2, 0x100, 0x80


class LogFile:
    """A file that another process appends to; it need not exist yet. `offset` is where waiting starts."""

    def __init__(self, path):
        self.path = path
        self.offset = 0

    def text(self):
        try:
            with open(self.path, "rb") as f:
                f.seek(self.offset)
                return f.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""

    def skip(self):
        """From now on only what is appended later counts."""
        try:
            self.offset = os.path.getsize(self.path)
        except FileNotFoundError:
            self.offset = 0

    def wait(self, regex, seconds):
        """The match object, or None when that has not come in time."""
        pattern = re.compile(regex, re.M)
        watch = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            directory = os.path.dirname(self.path) or "."
            mask = _IN_MODIFY | _IN_CREATE | _IN_MOVED_TO
            if _libc.inotify_add_watch(watch, directory.encode(), mask) < 0:
                raise OSError(ctypes.get_errno(), "inotify_add_watch")
            until = time.monotonic() + seconds
            while True:
                found = pattern.search(self.text())
                left = until - time.monotonic()
                if found or left <= 0:
                    return found
                if select.select([watch], [], [], left)[0]:
                    os.read(watch, 65536)
        finally:
            os.close(watch)


def await_line(path, regex, seconds):
    return LogFile(path).wait(regex, seconds)


def processes(names):
    """{pid: comm} of the living processes that are called so; zombies do not count."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat") as f:
                stat = f.read()
        except (FileNotFoundError, ProcessLookupError):
            continue
        comm = stat[stat.index("(") + 1 : stat.rindex(")")]
        if comm in names and stat[stat.rindex(")") + 2] not in "ZX":
            found[int(entry)] = comm
    return found


def await_exit(pid, seconds):
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], max(0, seconds))[0])
    finally:
        os.close(fd)


def await_gone(names, seconds):
    """Whether no process of these names is left in time."""
    until = time.monotonic() + seconds
    while True:
        left = processes(names)
        if not left:
            return True
        for pid in left:
            if not await_exit(pid, until - time.monotonic()):
                return False
