#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""
A PPTP server whose data path is the Linux kernel's own driver (pptp.ko, as accel-ppp uses it); runs
until its standard input closes.

kernel_server.py ADDRESS LOCAL REMOTE MTU   accepts every call, agrees to all that the client's pppd
asks for in LCP and IPCP, and gives its end of each link the address LOCAL, with REMOTE as the peer. It
prints "ready", and "up" with the device for each link.
"""
import ctypes
import fcntl
import os
import select
import socket
import struct
import subprocess
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fake_server import FakeServer, polite  # noqa: E402

AF_PPPOX, PX_PROTO_PPTP = 24, 2
PPPIOCGCHAN, PPPIOCATTCHAN, PPPIOCCONNECT = 0x80047437, 0x40047438, 0x4004743A
PPPIOCNEWUNIT, PPPIOCSNPMODE = 0xC004743E, 0x4008744B
LCP, IPCP, IPV4 = 0xC021, 0x8021, 0x0021
REQUEST, ACK, TERMINATE, TERMINATED, ECHO, ECHOED = 1, 2, 5, 6, 9, 10

libc = ctypes.CDLL(None, use_errno=True)


def call_socket(local, local_id, remote, remote_id):
    fd = libc.socket(AF_PPPOX, socket.SOCK_STREAM, PX_PROTO_PPTP)
    for call, number, address in ((libc.bind, local_id, local), (libc.connect, remote_id, remote)):
        name = struct.pack("=HIHxx4s", AF_PPPOX, PX_PROTO_PPTP, number, socket.inet_aton(address)).ljust(30, b"\0")
        if fd < 0 or call(fd, name, len(name)) < 0:
            raise OSError(ctypes.get_errno(), "PPPoX socket")
    return fd


def number_of(fd, request, value=0):
    data = bytearray(struct.pack("=i", value))
    fcntl.ioctl(fd, request, data)
    return struct.unpack("=i", data)[0]


class Link:
    """One call's PPP: a channel, which carries LCP, and a unit, which carries the rest."""

    def __init__(self, call, local, remote, mtu):
        self.local, self.remote, self.mtu = local, remote, mtu
        self.call = call
        self.channel = os.open("/dev/ppp", os.O_RDWR)
        fcntl.ioctl(self.channel, PPPIOCATTCHAN, struct.pack("=i", number_of(call, PPPIOCGCHAN)))
        self.unit = os.open("/dev/ppp", os.O_RDWR)
        self.number = number_of(self.unit, PPPIOCNEWUNIT, -1)
        fcntl.ioctl(self.channel, PPPIOCCONNECT, struct.pack("=i", self.number))
        self.acked = set()  # our own requests

    def send(self, fd, protocol, code, identifier, body=b""):
        os.write(fd, struct.pack("!HBBH", protocol, code, identifier, 4 + len(body)) + body)

    def process(self, fd):
        frame = os.read(fd, 2048)
        protocol, code, identifier, length = struct.unpack_from("!HBBH", frame)
        body = frame[6:2 + length]
        if protocol not in (LCP, IPCP):
            return True
        if code == REQUEST:
            self.send(fd, protocol, ACK, identifier, body)
            ours = b"\x03\x06" + socket.inet_aton(self.local) if protocol == IPCP else b""
            self.send(fd, protocol, REQUEST, 1, ours)
        elif code == ECHO:
            self.send(fd, protocol, ECHOED, identifier, bytes(4) + body[4:])
        elif code == TERMINATE:
            self.send(fd, protocol, TERMINATED, identifier)
            return False
        elif code == ACK and protocol == IPCP and protocol not in self.acked:
            self.acked.add(protocol)
            self.go_up()
        return True

    def go_up(self):
        device = f"ppp{self.number}"
        fcntl.ioctl(self.unit, PPPIOCSNPMODE, struct.pack("=ii", IPV4, 0))
        for words in (f"address add {self.local} peer {self.remote} dev {device}",
                      f"link set {device} mtu {self.mtu} up"):
            subprocess.run(["ip", *words.split()], check=True)
        print("up", device, flush=True)

    def run(self):
        try:
            while all(self.process(fd) for fd in select.select([self.channel, self.unit], [], [])[0]):
                pass
        finally:
            for fd in (self.unit, self.channel, self.call):
                os.close(fd)


def main(address, local, remote, mtu):
    def call(conn, request):
        number = conn.server.next_call_id(4000)
        fd = call_socket(address, number, conn.peer[0], request["call_id"])
        threading.Thread(target=Link(fd, local, remote, mtu).run, daemon=True).start()
        conn.send("OCRP", call_id=number, peer_call_id=request["call_id"], result=1, speed=10000000, window=64)

    with FakeServer(address, polite(on={"OCRQ": call})):
        print("ready", flush=True)
        sys.stdin.read()


main(*sys.argv[1:])
