#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A taken-over process at the border of a real one, and a judge of the wire.

tests/hostile is the puppet: it starts a child of uturnd as the controller
does, stands in for that child's peer, and does what its steps say.  Bench has
the lab around it; Judge knows what may leave T, whatever the engine orders.
"""

import contextlib
import ipaddress
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

from clients import TCP_PORT
from daemon import BUILD, TREE, UTURND, Daemon, config
from lab import FAMILIES, Lab, LabError, mac, run
from wire import SENDER, Capture, l4_sum_ok, sum16

HOSTILE = os.path.join(BUILD, "tests", "hostile", "hostile")
# No step waits longer than ten seconds; more is a hang.
LIMIT = 60

# A probe that leaves C with TTL n reaches T with n - 3.
FIRST = 4
SPORT, DPORT = 45000, 33440
MARK = bytes.fromhex("7554724e")
PATTERN = bytes(0x41 + i % 26 for i in range(1400))
HDR = {4: 20, 6: 40}
TTL_AT = {4: 8, 6: 7}
PROTO = {"udp": {4: 17, 6: 17}, "icmp": {4: 1, 6: 58}, "tcp": {4: 6, 6: 6}}
TIMEX = {4: (11, 0), 6: (3, 0)}
PORT = {4: (3, 3), 6: (1, 4)}
ECHO = {4: (8, 0), 6: (128, 129)}
# A client whose packets come back to nobody: C is not that address.
SILENT = {4: "203.0.113.77", 6: "2001:db8:c::77"}
# What the kernel itself sends to keep its links going.
CHATTER = (133, 134, 135, 136, 143)

FAST = "limit client off\nlimit total off\nlimit hop off\n" \
    "settle 150ms\ntimeout 600ms\n"


# Runs at r3: for each packet that comes from T with that source, errors that
# quote it, one for each word type/code/milliseconds/source/xor of its id
# (IPv6: of its cookie).
ROUTER = r"""
import socket, struct, sys, time
def sum16(b):
    b += b"\0" * (len(b) % 2)
    t = sum(struct.unpack(f">{len(b) // 2}H", b))
    while t >> 16:
        t = (t & 0xffff) + (t >> 16)
    return 0xffff ^ t
family, service = int(sys.argv[1]), sys.argv[2]
kind = socket.AF_INET if family == 4 else socket.AF_INET6
own = socket.inet_pton(kind, service)
tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
tap.bind(("T", 0x0800 if family == 4 else 0x86dd))
out = socket.socket(kind, socket.SOCK_RAW, socket.IPPROTO_RAW)
print("ready", flush=True)
while True:
    p, at = tap.recvfrom(2048)
    if at[2] == 4 or p[12:16] != own and family == 4 or \
            p[8:24] != own and family == 6:
        continue
    for word in sys.argv[3:]:
        t, c, ms, src, xor = word.split("/")
        time.sleep(int(ms) / 1000)
        q = bytearray(p)
        q[5 if family == 4 else 54] ^= int(xor)
        b = bytes([int(t), int(c), 0, 0, 0, 0, 0, 0]) + bytes(q[:548])
        s = socket.inet_pton(kind, src)
        if family == 4:
            b = b[:2] + struct.pack(">H", sum16(b)) + b[4:]
            h = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(b), 1, 0, 64, 1,
                            0) + s + own
            h = h[:10] + struct.pack(">H", sum16(h)) + h[12:]
        else:
            v = sum16(s + own + struct.pack(">IBBBB", len(b), 0, 0, 0, 58)
                      + b)
            b = b[:2] + struct.pack(">H", v) + b[4:]
            h = struct.pack(">IHBB", 6 << 28, len(b), 58, 64) + s + own
        out.sendto(h + b, (service, 0))
"""


def packed(address):
    return ipaddress.ip_address(address).packed


def ipv4(src, dst, ttl, proto, body, ident=0x1234, frag=0, first=0x45,
         options=b""):
    head = bytearray(struct.pack(
        ">BBHHHBBH4s4s", first, 0xb8, 20 + len(options) + len(body), ident,
        frag, ttl, proto, 0, packed(src), packed(dst)))
    struct.pack_into(">H", head, 10, 0xffff ^ sum16(bytes(head) + options))
    return bytes(head) + options + body


def ipv6(src, dst, ttl, proto, body):
    return struct.pack(">IHBB", 0x6b82beef, len(body), proto, ttl) + \
        packed(src) + packed(dst) + body


def packet(family, src, dst, ttl, proto, l4, sum_at, **more):
    """A packet with a right transport checksum."""
    l4 = bytearray(l4)
    l4[sum_at:sum_at + 2] = b"\0\0"
    pseudo = packed(src) + packed(dst) + bytes([0, proto]) + \
        len(l4).to_bytes(2, "big") if proto != 1 else b""
    value = 0xffff ^ sum16(pseudo + bytes(l4))
    if value == 0 and proto == 17:
        value = 0xffff
    struct.pack_into(">H", l4, sum_at, value)
    if family == 4:
        return ipv4(src, dst, ttl, proto, bytes(l4), **more)
    return ipv6(src, dst, ttl, proto, bytes(l4))


def probe(lab, hop=1, family=4, method="udp", src=None, dst=None, size=None,
          sport=SPORT, dport=None, data=None, code=0, flags=0x02, **more):
    """A probe that reaches T with TTL hop + 1 (hop 0: the inflection)."""
    src, dst = src or lab.client[family], dst or lab.service[family]
    if data is None:
        data = PATTERN[:(size or HDR[family] + 40) - HDR[family] - 8]
    proto = PROTO[method][family]
    if method == "udp":
        l4 = struct.pack(">HHHH", sport, dport or DPORT, 8 + len(data), 0) \
            + data
        at = 6
    elif method == "tcp":
        l4 = struct.pack(">HHIIBBHHH", sport, dport or TCP_PORT, 0x01020304,
                         0, 0x50, flags, 5840, 0, 0)
        at = 16
    else:
        l4 = struct.pack(">BBHHH", ECHO[family][0], code, 0, 0x4321, sport) \
            + data
        at = 2
    return packet(family, src, dst, FIRST + hop, proto, l4, at, **more)


class Tap:
    """All that passes T's uplink, from one capture for many tests."""

    def __init__(self, lab):
        self.capture = Capture(lab, "T", "r3", count=1000000, timeout=900)
        # Room for a burst: frames of the ring are as large as the snap.
        at = self.capture.argv.index("-w")
        self.capture.argv[at:at] = ["-s", "2048", "-B", "16384"]
        self.own = bytes.fromhex(mac("T", "r3").replace(":", ""))
        self.offset = 24
        self.frames = []

    def read(self):
        """Take in what the file has got; (sent, bytes, time) each."""
        with open(self.capture.file, "rb") as f:
            f.seek(self.offset)
            data = f.read()
        at = 0
        while at + 16 <= len(data):
            sec, usec, size, _ = struct.unpack_from("<IIII", data, at)
            if at + 16 + size > len(data):
                break
            frame = data[at + 16:at + 16 + size]
            at += 16 + size
            if frame[12:14] == b"\x08\x00":
                ip = frame[14:14 + int.from_bytes(frame[16:18], "big")]
            elif frame[12:14] == b"\x86\xdd":
                ip = frame[14:54 + int.from_bytes(frame[18:20], "big")]
            else:
                continue
            self.frames.append((frame[6:12] == self.own, ip,
                                sec + usec / 1e6))
        self.offset += at


class Puppet:
    """One run of the puppet: what it said, line by line."""

    def __init__(self, proc, on_line):
        self.proc, self.on_line, self.events = proc, on_line, []

    def follow(self):
        timer = threading.Timer(LIMIT, self.proc.kill)
        timer.start()
        try:
            for line in self.proc.stdout:
                event = json.loads(line)
                self.events.append(event)
                self.on_line(event)
            self.err = self.proc.stderr.read()
            self.proc.wait(LIMIT)
        finally:
            timer.cancel()
            self.proc.kill()
            self.proc.wait()


class Result:
    """How the process under test fared, and what passed the wire."""

    def __init__(self, puppet, frames, judge):
        self.events, self.frames, self.judge = puppet.events, frames, judge
        self.trouble = puppet.err
        self.code = None
        for e in self.events:
            if e["event"] == "end":
                self.code = e["code"]

    def all(self, event):
        return [e for e in self.events if e["event"] == event]

    def values(self, event):
        return [e["value"] for e in self.all(event)]

    @property
    def stats(self):
        """The last counters; empty if it died."""
        return (self.all("stats") or [{}])[-1]

    @property
    def log(self):
        return [e["line"] for e in self.all("log")]

    def __str__(self):
        lines = [json.dumps(e) for e in self.events]
        lines += [("T> " if sent else "T< ") + data.hex()
                  for sent, data, _ in self.frames[:20]]
        lines += [str(self.judge.forbidden[:3])]
        return "\n".join(["", *lines, self.trouble])


class Bench:
    """T with rules, a puppet to be put there, and an eye on the wire."""

    def __init__(self):
        self.lab = Lab(delay=0)
        self.tap = self.sender = self.daemon = None

    def __enter__(self):
        run(["make", "-s", "-C", TREE, "all", "hostile",
             f"VARIANT={os.path.basename(BUILD)}"], timeout=600)
        self.lab.up()
        try:
            for f in FAMILIES:
                self.lab.run("r1", ["ip", "neigh", "add", SILENT[f],
                                    "lladdr", mac("C", "r1"), "dev", "C",
                                    "nud", "permanent"], check=True)
            self.daemon = Daemon(self.lab, rules=False, extra=FAST)
            self.daemon.load_rules()
            self.tap = Tap(self.lab)
            self.tap.capture.__enter__()
            self.sender = self.lab.popen(
                "C", ["/usr/bin/python3", "-I", "-S", "-c", SENDER, "0"],
                stdin=subprocess.PIPE, text=True)
        except BaseException:
            self.lab.down()
            raise
        return self

    def __exit__(self, *exc):
        self.sender.stdin.close()
        self.tap.capture.__exit__()
        self.lab.down()

    def send(self, *packets):
        """From C, as they are and at once."""
        for p in packets:
            if p[0] >> 4 == 4:
                dst = socket.inet_ntop(socket.AF_INET, p[16:20])
            else:
                dst = socket.inet_ntop(socket.AF_INET6, p[24:40])
            self.sender.stdin.write(f"{p[0] >> 4} {dst} {p.hex()}\n")
        self.sender.stdin.flush()

    def fence(self):
        """Until all that T has sent is in the capture; its place there."""
        token = os.urandom(16)
        self.send(packet(4, self.lab.client[4], self.lab.addr["T", "r3"][4],
                         64, 1, bytes(8) + token, 2))
        deadline = time.monotonic() + 10
        at = len(self.tap.frames)
        while True:
            self.tap.read()
            for i in range(at, len(self.tap.frames)):
                if self.tap.frames[i][1].endswith(token):
                    return i
            at = len(self.tap.frames)
            if time.monotonic() > deadline:
                raise LabError("the capture is lost")
            time.sleep(0.002)

    @contextlib.contextmanager
    def router(self, family, *errors):
        """What r3 says to all that T sends from its service address: pairs
        of type and code; or with milliseconds before, source, xor too."""
        words = []
        for e in errors:
            kind, code, ms, src, xor = (*e, *(0, None, 0)[len(e) - 2:])
            src = src or self.lab.addr["r3", "T"][family]
            words.append(f"{kind}/{code}/{ms}/{src}/{xor}")
        p = self.lab.popen(
            "r3", ["/usr/bin/python3", "-I", "-S", "-c", ROUTER, str(family),
                   self.lab.service[family], *words],
            stdout=subprocess.PIPE, text=True)
        try:
            if p.stdout.readline() != "ready\n":
                raise LabError("the router does not start")
            yield
        finally:
            p.kill()
            p.wait()

    def run(self, steps, probes=(), when=None, flags=(), flooded=None,
            **options):
        """The puppet's steps, split at blanks; probes are sent when it is
        ready, when[i] is called when step i has begun.  flooded: the packet
        that a flood is made of, whose answers are judged all alike."""
        options.setdefault("extra", FAST)
        judge = Judge(self.lab, options, flooded)
        self.daemon.write(config(self.lab, self.daemon.run_dir, **options))
        steps = steps.split()
        first = self.fence()
        proc = self.lab.popen(
            "T", [HOSTILE, *flags, "-f", self.daemon.conf, "-u", UTURND,
                  *steps],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        index = iter(range(len(steps)))

        def on_line(event):
            if event["event"] == "ready":
                self.send(*probes)
            elif event["event"] == "step" and event["outcome"] == "begun":
                i = next(index)
                if when and i in when:
                    when[i]()

        puppet = Puppet(proc, on_line)
        puppet.follow()
        frames = self.tap.frames[first + 1:self.fence()]
        judge.read(frames)
        return Result(puppet, frames, judge)


class Seen:
    """A probe that came to T, and all that became of it."""

    def __init__(self, data, family, method, at):
        self.data, self.family, self.method, self.at = data, family, method, at
        self.ttl = data[TTL_AT[family]]
        self.fates = []
        self.turned = None      # bytes of the turned probe
        self.turned_at = None
        self.errors = []        # (type and code, source) of what it met
        self.answered = 0       # bytes

    def __repr__(self):
        return f"{self.method}{self.family} ttl {self.ttl} {self.fates}"


class Judge:
    """What T sends, against what it may send (DESIGN section 3)."""

    def __init__(self, lab, options, flooded=None):
        self.lab, self.flooded = lab, flooded
        self.floods = 0
        self.relay = options.get("relay", "router")
        self.turn = options.get("turn", "reply")
        self.settle = 0.15
        self.unreachable = "unreachable relay" in options["extra"]
        self.probes, self.forbidden = [], []

    def read(self, frames):
        for sent, data, at in frames:
            family = data[0] >> 4
            if family == 6 and data[6] == 0:
                continue
            if self.flooded and self.flood(sent, data):
                continue
            if sent:
                fault = self.leaves(data, family, at)
                if fault:
                    self.forbidden.append((fault, data.hex()))
            else:
                self.arrives(data, family, at)

    def flood(self, sent, data):
        """A packet of the flood, or the host's own word on it; IPv4 UDP."""
        if data[20:] == self.flooded[20:] and not sent:
            self.floods += 1
            return True
        return sent and data[48:] == self.flooded[20:] and \
            tuple(data[20:22]) == PORT[4] and data[8] == 64 and \
            self.ends(4, data) == self.ends(4, self.flooded)[::-1]

    @staticmethod
    def ends(family, data):
        """Source and destination."""
        h = HDR[family]
        half = (h - (12 if family == 4 else 8)) // 2
        return data[h - 2 * half:h - half], data[h - half:h]

    @staticmethod
    def proto(family, data):
        return data[9 if family == 4 else 6]

    def is_error(self, family, data):
        if self.proto(family, data) != PROTO["icmp"][family]:
            return False
        kind = data[HDR[family]]
        return kind in (3, 11, 12) if family == 4 else kind < 128

    def arrives(self, data, family, at):
        h = HDR[family]
        if self.is_error(family, data):
            quote = data[h + 8:]
            for p in self.probes:
                if p.turned and self.quotes(p, quote, family):
                    p.errors.append((tuple(data[h:h + 2]),
                                     self.ends(family, data)[0]))
            return
        proto = self.proto(family, data)
        for method, numbers in PROTO.items():
            if proto == numbers[family] and (
                    method != "icmp" or data[h] == ECHO[family][0]):
                self.probes.append(Seen(data, family, method, at))

    @staticmethod
    def quotes(p, quote, family):
        """The quote is of this turned probe."""
        h = HDR[family]
        t = p.turned
        if family == 4 and quote[4:6] != t[4:6]:
            return False
        return quote[h - 8:h] == t[h - 8:h] and quote[h:h + 4] == t[h:h + 4] \
            and (family == 4 or quote[h + 8:h + 20] == t[h + 8:h + 20])

    def leaves(self, data, family, at):
        """None, or what is wrong with it."""
        if family == 6 and self.proto(6, data) == 58 and data[40] in CHATTER:
            return None
        if not l4_sum_ok(data) and not (
                self.proto(family, data) == 17 and data[26:28] == b"\0\0"):
            return "bad checksum"
        if self.is_error(family, data):
            return self.error(data, family, at)
        for p in self.probes:
            if self.is_turned(p, data):
                p.turned, p.turned_at = data, at
                return self.fate(p, "turned")
        for p in self.probes:
            if self.is_reply(p, data):
                return self.fate(p, "final" if p.turned else "host")
        return "belongs to no probe"

    def fate(self, p, fate):
        p.fates.append(fate)
        first = [f for f in p.fates if f in ("turned", "host", "inflected")]
        if len(first) > 1:
            return f"two dispositions: {p.fates}"
        last = [f for f in p.fates if f in ("answered", "final")]
        if len(last) > (2 if self.relay == "both" else 1):
            return f"two answers: {p.fates}"
        return None

    def is_turned(self, p, data):
        """Swapped, one hop less, and nothing of the sender's payload."""
        f = p.family
        if p.turned or data[0] >> 4 != f or len(data) != len(p.data) or \
                self.ends(f, data) != self.ends(f, p.data)[::-1] or \
                data[TTL_AT[f]] != p.ttl - 1 or \
                self.proto(f, data) != self.proto(f, p.data):
            return False
        h, d = HDR[f], p.data
        if p.method == "icmp":
            kind = ECHO[f][0] if self.turn == "mirror" else \
                (0 if f == 4 else 129)
            if data[h] != kind or data[h + 4:h + 8] != d[h + 4:h + 8]:
                return False
        else:
            ports = d[h:h + 4]
            if self.turn == "reply":
                ports = ports[2:] + ports[:2]
            if data[h:h + 4] != ports:
                return False
        if p.method == "tcp":
            return data[h + 13] == (0x02 if self.turn == "mirror" else 0x14)
        return len(d) < h + 12 or data[h + 8:h + 12] == MARK

    def is_reply(self, p, data):
        """An echo reply or reset from the service address, with a whole
        TTL: the kernel's own, or a final answer."""
        f, h = p.family, HDR[p.family]
        if data[0] >> 4 != f or data[TTL_AT[f]] != 64 or \
                self.ends(f, data) != self.ends(f, p.data)[::-1] or \
                self.proto(f, data) != self.proto(f, p.data) or \
                any(x in p.fates for x in ("host", "final")):
            return False
        if p.method == "icmp":
            return data[h] == (0 if f == 4 else 129) and \
                data[h + 4:h + 8] == p.data[h + 4:h + 8]
        if p.method == "tcp":
            return data[h + 13] == 0x14 and data[h:h + 4] == \
                p.data[h + 2:h + 4] + p.data[h:h + 2]
        return False

    def error(self, data, family, at):
        h = HDR[family]
        kind, quote = tuple(data[h:h + 2]), data[h + 8:]
        src, dst = self.ends(family, data)
        ext = data[h + (5 if family == 4 else 4)]
        own = [packed(self.lab.service[family])]
        for p in self.probes:
            head = p.data[:min(len(p.data), 128)]
            if p.family != family or quote[:len(head)] != head:
                continue
            if dst != self.ends(family, p.data)[0]:
                return "an answer to somebody else"
            if kind == PORT[family]:
                return self.port(p, data, src, at)
            if p.ttl == 1:
                if kind != TIMEX[family] or src not in own:
                    return "no inflection"
                return self.fate(p, "inflected")
            p.answered += len(data)
            if p.answered > (5 if self.relay == "both" else 3) * len(p.data):
                return "over the sum"
            return self.relayed(p, kind, src, ext, quote) or \
                self.fate(p, "answered")
        return "quotes no probe"

    def port(self, p, data, src, at):
        """Port unreachable: the kernel's, or a final answer."""
        if src != packed(self.lab.service[p.family]):
            return "port unreachable from elsewhere"
        if p.method != "udp":
            return "port unreachable for no UDP probe"
        if not p.turned:
            return self.fate(p, "host")
        client = self.ends(p.family, p.data)[0]
        if any(who == client for _, who in p.errors):
            return self.fate(p, "final")
        # Inferred: it dies where the turned probe died.
        if at - p.turned_at < self.settle * 0.9:
            return "final before settle"
        if data[TTL_AT[p.family]] != p.ttl - 1:
            return "inferred final with another TTL"
        return self.fate(p, "final")

    def relayed(self, p, kind, src, ext, quote):
        """An error for a router that this probe met."""
        f = p.family
        unreachable = (3, 1)[f == 6]
        met = [who for k, who in p.errors
               if k == kind or (k[0] == kind[0] == unreachable)]
        if kind != TIMEX[f]:
            if kind[0] != unreachable or not self.unreachable or \
                    kind in (PORT[f], (3, 4)):
                return "a forbidden kind of error"
        if not met:
            return "nothing was met"
        if src != packed(self.lab.service[f]):
            if self.relay == "own":
                return "not from T"
            if src not in met or src == self.ends(f, p.data)[0] or \
                    src in (packed(self.lab.hop[f]),):
                return "from no router that was met"
            return None
        if ext and quote[132 + 2:132 + 4] and self.relay == "own" and \
                quote[132 + 2] == 2:
            if quote[132 + 8:132 + 8 + len(src)] not in met:
                return "an object with another router"
        return None

    def left(self):
        """Probes that nothing was sent for."""
        return [p for p in self.probes if not p.fates]

    def count(self, fate):
        return sum(p.fates.count(fate) for p in self.probes)


VIOLATION = 12


def check_wire(r, drops=0):
    """Nothing forbidden left, and no probe was lost by the way."""
    assert not r.judge.forbidden, str(r)
    assert len(r.judge.left()) == drops, str(r)


def check(r, fault=None, peer="engine"):
    """How the process under test ended, and what it said.

    fault None: it lives, and stops when it is told to.  Else it has stopped
    with the code of a violation and one line that ends with peer, type and
    fault, a regular expression.
    """
    assert not r.trouble, str(r)
    if fault is None:
        assert r.code == 0, str(r)
        assert not any("violation" in line for line in r.log), str(r)
        return
    assert r.code == VIOLATION, str(r)
    said = [line for line in r.log if f"{peer}: " in line]
    assert len(said) == 1, str(r)
    assert re.search(f": {peer}: {fault}$", said[0]), str(r)


@pytest.fixture(scope="module", name="bench")
def hostile_bench():
    with Bench() as bench:
        yield bench


def message(kind, payload=b"", length=None):
    """A message's bytes; length: what its header claims."""
    if length is None:
        length = 16 + len(payload)
    return struct.pack("=IIII", kind, length, 0, 1) + payload
