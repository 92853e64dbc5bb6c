# SPDX-License-Identifier: ISC
"""
A scripted PPTP server for process tests. It knows the 15 control messages of RFC 2637 from its own
table, not from the client's code, and records all that it receives with the time of arrival.

    server = FakeServer("127.0.0.2")              # polite: accepts, answers, ends properly
    server = FakeServer("127.0.0.2", polite(ocrp={"result": 4}))
    server = FakeServer("127.0.0.2", my_script)   # my_script(conn) runs in a thread of its own
    conn, request = server.wait_for("OCRQ")       # from the test's thread, bounded
    conn.send("CDN", call_id=77, result=3)
    server.close()

A script is a function of a Connection; the connection is closed when it returns. Fields not given
are zero; "raw" data may be sent at any point.
"""
import socket
import struct
import threading
import time

PORT = 1723
MAGIC = 0x1A2B3C4D
WAIT = 10.0  # seconds that any wait of a test is bounded by

# name: (control type, [(field, struct code)]); "x" pads.
MESSAGES = {
    "SCCRQ": (1, "version:H _:H framing:I bearer:I max_channels:H firmware:H host_name:64s vendor:64s"),
    "SCCRP": (2, "version:H result:B error:B framing:I bearer:I max_channels:H firmware:H "
                 "host_name:64s vendor:64s"),
    "StopCCRQ": (3, "reason:B _:B _2:H"),
    "StopCCRP": (4, "result:B error:B _:H"),
    "EchoRQ": (5, "identifier:I"),
    "EchoRP": (6, "identifier:I result:B error:B _:H"),
    "OCRQ": (7, "call_id:H serial:H min_bps:I max_bps:I bearer:I framing:I window:H delay:H "
                "phone_len:H _:H phone:64s subaddress:64s"),
    "OCRP": (8, "call_id:H peer_call_id:H result:B error:B cause:H speed:I window:H delay:H channel:I"),
    "ICRQ": (9, "call_id:H serial:H bearer:I channel:I dialed_len:H dialing_len:H dialed:64s "
                "dialing:64s subaddress:64s"),
    "ICRP": (10, "call_id:H peer_call_id:H result:B error:B window:H delay:H _:H"),
    "ICCN": (11, "peer_call_id:H _:H speed:I window:H delay:H framing:I"),
    "CCRQ": (12, "call_id:H _:H"),
    "CDN": (13, "call_id:H result:B error:B cause:H _:H statistics:128s"),
    "WEN": (14, "peer_call_id:H _:H crc:I framing:I hardware:I buffer:I timeouts:I alignment:I"),
    "SLI": (15, "peer_call_id:H _:H send_accm:I receive_accm:I"),
}
LAYOUT = {}
NAMES = {}
for _name, (_type, _text) in MESSAGES.items():
    _pairs = [f.split(":") for f in _text.split()]
    LAYOUT[_name] = (_type, [p[0] for p in _pairs], struct.Struct("!" + "".join(p[1] for p in _pairs)))
    NAMES[_type] = _name


class Message(dict):
    """A received message: its fields as items, its name, the time of arrival, its data."""

    def __init__(self, name, fields, data, when):
        super().__init__(fields)
        self.name, self.data, self.when = name, data, when

    def __repr__(self):
        return "%s %s" % (self.name, dict(self))


def encode(name, **fields):
    """Bytes of a message; text fields as str or bytes."""
    control_type, names, layout = LAYOUT[name]
    unknown = set(fields) - set(names)
    if unknown:
        raise ValueError("%s has no field %s" % (name, unknown))
    values = []
    for field, code in zip(names, [f.split(":")[1] for f in MESSAGES[name][1].split()]):
        value = fields.get(field, b"" if code.endswith("s") else 0)
        values.append(value.encode() if isinstance(value, str) else value)
    return header(control_type, 12 + layout.size) + layout.pack(*values)


def header(control_type, length, kind=1, magic=MAGIC):
    return struct.pack("!HHIHH", length, kind, magic, control_type, 0)


def decode(data):
    """One whole message; raises ValueError where the client sent what RFC 2637 does not allow."""
    length, kind, magic, control_type, reserved = struct.unpack_from("!HHIHH", data)
    if kind != 1 or magic != MAGIC or reserved != 0 or control_type not in NAMES:
        raise ValueError("bad header " + data[:12].hex())
    name = NAMES[control_type]
    _, names, layout = LAYOUT[name]
    if length != 12 + layout.size or length != len(data):
        raise ValueError("%s with length %d" % (name, length))
    fields = dict(zip(names, layout.unpack_from(data, 12)))
    for field in [f for f in fields if f.startswith("_")]:
        if fields.pop(field):
            raise ValueError("%s with a reserved field set: %s" % (name, data.hex()))
    for field, value in fields.items():
        if isinstance(value, bytes):
            fields[field] = value.rstrip(b"\0").decode("latin-1")
    return Message(name, fields, data, time.monotonic())


class Connection:
    """One control connection, the server's end."""

    def __init__(self, server, sock, peer):
        self.server, self.sock, self.peer = server, sock, peer
        self.address = sock.getsockname()[0]
        self.started = time.monotonic()
        self.received = []  # Messages, in order
        self.mistakes = []  # what the client must not have sent
        self.ended = None   # "eof", "reset" or "closed" (by us)
        self.ended_at = None
        self._buffer = b""
        self._was_reset = False
        self._send_lock = threading.Lock()

    def names(self):
        return [m.name for m in self.received]

    def recv(self, timeout=WAIT):
        """The next message, or None at the end of the connection or after `timeout`."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._take()
            if message:
                return message
            left = deadline - time.monotonic()
            if left <= 0 or self.ended:
                return None
            try:
                self.sock.settimeout(left)
                data = self.sock.recv(65536)
            except socket.timeout:
                return None
            except OSError as e:
                self._end("reset" if isinstance(e, ConnectionResetError) else "closed")
                return None
            if not data:
                self._end("eof")
                return None
            self._buffer += data

    def expect(self, name, timeout=WAIT):
        """The next message that is no Echo-Request; raises where it is not `name`."""
        while True:
            message = self.recv(timeout)
            if message is not None and message.name == "EchoRQ" and name != "EchoRQ":
                self.send("EchoRP", identifier=message["identifier"], result=1)
                continue
            if message is None or message.name != name:
                raise ScriptError("expected %s, got %s (%s)" % (name, message, self.ended))
            return message

    def drain(self, timeout=WAIT):
        """Reads, without answering, until the client closes."""
        deadline = time.monotonic() + timeout
        while not self.ended and time.monotonic() < deadline:
            self.recv(deadline - time.monotonic())

    def send(self, name, **fields):
        self.send_raw(encode(name, **fields))

    def send_raw(self, data):
        with self._send_lock:
            try:
                self.sock.settimeout(WAIT)
                self.sock.sendall(data)
                return True
            except OSError:
                return False

    def close(self):
        """Closes: the client reads end-of-file (or a reset, where its data were left unread)."""
        if not self.ended:
            self._end("closed")
        if not self._was_reset:  # else the script, just woken, would say goodbye first
            try:
                self.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.sock.close()

    def reset(self):
        """Closes with a TCP reset."""
        self._was_reset = True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if not self.ended:
            self._end("closed")
        try:
            self.sock.shutdown(socket.SHUT_RD)  # wakes the script, which may be reading
        except OSError:
            pass
        self.sock.close()

    def _end(self, how):
        with self.server.changed:
            if not self.ended:
                self.ended, self.ended_at = how, time.monotonic()
            self.server.changed.notify_all()

    def _take(self):
        if len(self._buffer) < 12:
            return None
        length = struct.unpack_from("!H", self._buffer)[0]
        if len(self._buffer) < max(length, 12):
            return None
        data, self._buffer = self._buffer[:length], self._buffer[length:]
        try:
            message = decode(data)
        except ValueError as e:
            message = None
            self.mistakes.append(str(e))
            self._buffer = b""
        with self.server.changed:
            if message:
                self.received.append(message)
            self.server.changed.notify_all()
        return message


class ScriptError(Exception):
    pass


def polite(sccrp=None, ocrp=None, on=None, held=None, first_call_id=1000):
    """
    A script that answers as a good server does. `sccrp` and `ocrp` change fields of the two
    replies; `on` maps a message's name to a function (conn, message) called instead of the
    standard answer (None: no answer); `held` maps one to an Event, and it is answered once that is
    set. The server's call ids count from first_call_id, globally.
    """
    def script(conn):
        calls = {}  # the client's call id -> ours
        answers = on or {}
        while True:
            m = conn.recv(timeout=600)
            if m is None:
                return
            if held and m.name in held:
                held[m.name].wait(WAIT)
            if m.name in answers:
                if answers[m.name]:
                    answers[m.name](conn, m)
            elif m.name == "SCCRQ":
                fields = dict(version=0x100, result=1, framing=3, bearer=3, max_channels=1,
                              firmware=1, host_name="fake", vendor="tests")
                conn.send("SCCRP", **dict(fields, **(sccrp or {})))
            elif m.name == "OCRQ":
                calls[m["call_id"]] = conn.server.next_call_id(first_call_id)
                fields = dict(call_id=calls[m["call_id"]], peer_call_id=m["call_id"], result=1,
                              speed=10000000, window=64, delay=0)
                conn.send("OCRP", **dict(fields, **(ocrp or {})))
            elif m.name == "EchoRQ":
                conn.send("EchoRP", identifier=m["identifier"], result=1)
            elif m.name == "CCRQ":
                if m["call_id"] in calls:
                    conn.send("CDN", call_id=calls.pop(m["call_id"]), result=4)
            elif m.name == "StopCCRQ":
                conn.send("StopCCRP", result=1)
                conn.drain(2)  # the client closes first, and does so at once
                return
    return script


class GrePacket:
    """What arrived on the raw socket: enhanced GRE header (RFC 2637 section 4.1) and payload."""

    def __init__(self, datagram, source):
        self.when, self.source, self.tos = time.monotonic(), source, datagram[1]
        ip_len = (datagram[0] & 15) * 4
        gre = datagram[ip_len:]
        flags, self.protocol, self.payload_len, self.call_id = struct.unpack_from("!HHHH", gre)
        at = 8
        self.seq = self.ack = None
        if flags & 0x1000:
            self.seq = struct.unpack_from("!I", gre, at)[0]
            at += 4
        if flags & 0x0080:
            self.ack = struct.unpack_from("!I", gre, at)[0]
            at += 4
        self.flags = flags
        self.payload = gre[at:at + self.payload_len]
        self.padding = gre[at + self.payload_len:]

    def __repr__(self):
        return "GRE(call %d seq %s ack %s %s)" % (self.call_id, self.seq, self.ack, self.payload.hex())


def gre_header_encode(call_id, payload=b"", seq=None, ack=None, flags=0, protocol=0x880B, length=None):
    flags |= 0x2001 | (0x1000 if seq is not None else 0) | (0x0080 if ack is not None else 0)
    data = struct.pack("!HHHH", flags, protocol, len(payload) if length is None else length, call_id)
    for number in (seq, ack):
        if number is not None:
            data += struct.pack("!I", number & 0xFFFFFFFF)
    return data + payload


class FakeServer:
    """Listens on `address`:1723, runs `script` for each connection; gre=True: with a raw socket too."""

    def __init__(self, address="127.0.0.2", script=None, gre=False, port=PORT, backlog=256):
        self.address = address
        self.script = script or polite()
        self.connections = []
        self.errors = []       # what scripts raised
        self.gre_packets = []
        self.changed = threading.Condition()
        self._last_call_id = None
        self._closing = False
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen(backlog)
        threading.Thread(target=self._accept, daemon=True).start()
        self.gre = None
        if gre:
            self.gre = socket.socket(socket.AF_INET, socket.SOCK_RAW, 47)
            self.gre.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            self.gre.bind((address, 0))
            self._gre_reader = threading.Thread(target=self._read_gre, daemon=True)
            self._gre_reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def next_call_id(self, first):
        with self.changed:
            self._last_call_id = first if self._last_call_id is None else self._last_call_id + 1
            return self._last_call_id & 0xFFFF

    def wait(self, predicate, timeout=WAIT):
        """Waits until predicate() holds; it is asked again after each thing that happens here."""
        with self.changed:
            return self.changed.wait_for(predicate, timeout)

    def wait_for(self, name, count=1, timeout=WAIT):
        """(connection, message) of the count-th message `name` over all connections; raises if none."""
        found = []

        def look():
            found[:] = sorted(((c, m) for c in self.connections for m in c.received if m.name == name),
                              key=lambda pair: pair[1].when)
            return len(found) >= count
        if not self.wait(look, timeout):
            raise ScriptError("no %s (%d) within %.1f s; %s" % (name, count, timeout, self.summary()))
        return found[count - 1]

    def wait_ended(self, count=1, timeout=WAIT):
        """Waits until `count` connections have ended."""
        if not self.wait(lambda: sum(1 for c in self.connections if c.ended) >= count, timeout):
            raise ScriptError("connections still open; " + self.summary())

    def wait_gre(self, count=1, timeout=WAIT, where=lambda p: p.payload):
        """The packets for which where(p) holds, once there are `count` of them; raises if too few."""
        found = []

        def look():
            found[:] = [p for p in self.gre_packets if where(p)]
            return len(found) >= count
        if not self.wait(look, timeout):
            raise ScriptError("%d GRE packets instead of %d: %s" % (len(found), count, found[-5:]))
        return found

    def send_gre(self, call_id, payload=b"", to="127.0.0.1", **fields):
        """One packet to the client; call_id is the client's."""
        self.gre.sendto(gre_header_encode(call_id, payload, **fields), (to, 0))

    def names(self):
        return [c.names() for c in self.connections]

    def mistakes(self):
        """Everything that the client did against the protocol, and what scripts raised."""
        return [m for c in self.connections for m in c.mistakes] + self.errors

    def summary(self):
        return "%s received %s, mistakes %s" % (self.address, self.names(), self.mistakes())

    def close(self):
        self._closing = True
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        if self.gre:
            try:
                self.gre.shutdown(socket.SHUT_RDWR)  # ENOTCONN, but it wakes the reader
            except OSError:
                pass
            self._gre_reader.join(WAIT)  # or it would read from the next socket of that number
            self.gre.close()
        for conn in self.connections:
            conn.close()

    def stop_listening(self):
        """Later connections are refused; those that stand go on."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self):
        while not self._closing:
            try:
                sock, peer = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            conn = Connection(self, sock, peer)
            with self.changed:
                self.connections.append(conn)
                self.changed.notify_all()
            threading.Thread(target=self._run, args=(conn,), daemon=True).start()

    def _run(self, conn):
        try:
            self.script(conn)
        except ScriptError as e:
            self.errors.append(str(e))
        except OSError as e:
            if not self._closing and not conn.ended:
                self.errors.append(repr(e))
        except Exception as e:  # a mistake in a script must fail the test, not vanish in a thread
            self.errors.append(repr(e))
        conn.close()
        with self.changed:
            self.changed.notify_all()

    def _read_gre(self):
        while not self._closing:
            try:
                datagram, source = self.gre.recvfrom(65536)
            except OSError:
                return
            if len(datagram) < 28:
                continue
            with self.changed:
                self.gre_packets.append(GrePacket(datagram, source[0]))
                self.changed.notify_all()
