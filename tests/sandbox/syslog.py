#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""In the place of syslogd: writes what arrives on /dev/log to a file, one line a message.

syslog.py FILE: returns (to the shell) when it listens; goes on in the background.
"""
import os
import re
import socket
import sys


def main():
    path = "/dev/log"
    if os.path.islink(path):
        path = os.path.realpath(path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(path)
    os.chmod(path, 0o666)
    out = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    if os.fork() > 0:
        return
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    while True:
        message = listener.recv(65536)
        text = re.sub(rb"^<\d+>", b"", message.rstrip(b"\n\0"))
        os.write(out, text + b"\n")


main()
