#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A router of the lab whose ICMP errors are made here, not by its kernel.

For what Linux never sends: RFC 4884 objects, malformed ones, and an
unreachable for a packet that has a route.
"""

import dataclasses
import json
import select
import subprocess

from lab import FAMILIES, LabError

# The responder's own packets, which the router's filter lets through.
MARK = 1
TIMEX = {4: (11, 0), 6: (3, 0)}

PROGRAM = r"""
import ipaddress, json, socket, struct, sys
spec = json.loads(sys.argv[1])
family, quote = spec["family"], spec["quote"]
v4 = family == 4
own = ipaddress.ip_address(spec["address"]).packed
objects = bytes.fromhex(spec["objects"])
SO_MARK = 36

def total(b, n=0):
    b += b"\0" * (len(b) % 2)
    n += sum(struct.unpack(f"!{len(b) // 2}H", b))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n

def extension():
    x = bytes([spec["version"] << 4, 0, 0, 0]) + objects
    if spec["sum"] == "none":
        return x
    n = 0xffff - total(x)
    return x[:2] + struct.pack("!H", n ^ (spec["sum"] == "bad")) + x[4:]

def error(packet):
    if spec["objects"]:
        length = spec["length"]
        if length is None:
            length = quote // (4 if v4 else 8)
        rest = bytes([0, length, 0, 0] if v4 else [length, 0, 0, 0])
        body = packet[:quote].ljust(quote, b"\0") + extension()
    else:
        rest, body = bytes(4), packet[:500]
    client = packet[12:16] if v4 else packet[8:24]
    icmp = bytes([spec["type"], spec["code"], 0, 0]) + rest + body
    n = 0
    if not v4:
        n = total(own + client + struct.pack("!II", len(icmp), 58))
    icmp = icmp[:2] + struct.pack("!H", 0xffff - total(icmp, n)) + icmp[4:]
    if v4:
        ip = struct.pack("!BBHHHBBH", 0x45, 0xc0, 20 + len(icmp), 0, 0, 64, 1,
                         0) + own + client
        return ip + icmp, socket.inet_ntop(socket.AF_INET, client)
    ip = struct.pack("!IHBB", 6 << 28, len(icmp), 58, 64) + own + client
    return ip + icmp, socket.inet_ntop(socket.AF_INET6, client)

s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
s.setsockopt(263, 23, 1)                # SOL_PACKET, PACKET_IGNORE_OUTGOING
s.bind((spec["iface"], 0x0800 if v4 else 0x86dd))
out = socket.socket(socket.AF_INET if v4 else socket.AF_INET6,
                    socket.SOCK_RAW, socket.IPPROTO_RAW)
out.setsockopt(socket.SOL_SOCKET, SO_MARK, spec["mark"])
print("ready", flush=True)
while True:
    packet = s.recv(65535)
    # Only what ends here by its TTL.
    if len(packet) < 28 or packet[8 if v4 else 7] != 1:
        continue
    if v4:
        packet = packet[:struct.unpack("!H", packet[2:4])[0]]
    else:
        packet = packet[:40 + struct.unpack("!H", packet[4:6])[0]]
    data, to = error(packet)
    out.sendto(data, (to, 0))
"""


def silence(lab, node):
    """The kernel there sends no ICMP errors any more."""
    for family, proto, kinds in ((4, "icmp", ("11", "3")),
                                 (6, "ipv6-icmp", ("3", "1"))):
        option = "--icmp-type" if family == 4 else "--icmpv6-type"
        lab.iptables(node, family, "filter", *[
            f"-A OUTPUT -p {proto} {option} {kind} "
            f"-m mark ! --mark {MARK} -j DROP" for kind in kinds])


@dataclasses.dataclass
class Responder:
    """Answers at a node, from entering to leaving the block, each packet
    from its neighbour whose TTL ends there.

    objects  the objects as bytes, one behind the other; b"": no extension
    kind     type and code; None: time exceeded
    length   the RFC 4884 length field; None: what is true
    sum      "good", "bad" or "none": that of the extension
    quote    bytes that are quoted before the extension
    """

    lab: object
    family: int
    objects: bytes = b""
    kind: tuple = None
    length: int = None
    sum: str = "good"
    version: int = 2
    quote: int = 128
    node: str = "r5"
    neighbour: str = "r3"
    proc: object = None

    def __post_init__(self):
        assert self.family in FAMILIES

    @property
    def address(self):
        return self.lab.addr[self.node, self.neighbour][self.family]

    def __enter__(self):
        kind = self.kind or TIMEX[self.family]
        spec = {"family": self.family, "iface": self.neighbour,
                "address": self.address, "objects": self.objects.hex(),
                "type": kind[0], "code": kind[1], "length": self.length,
                "sum": self.sum, "version": self.version,
                "quote": self.quote, "mark": MARK}
        self.proc = self.lab.popen(
            self.node, ["/usr/bin/python3", "-I", "-S", "-c", PROGRAM,
                        json.dumps(spec)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.proc.stdout], [], [], 10)
        if not ready or self.proc.stdout.readline() != "ready\n":
            self.proc.kill()
            raise LabError("the responder does not start: "
                           f"{self.proc.stderr.read().strip()}")
        return self

    def __exit__(self, *exc):
        died = self.proc.poll() is not None
        self.proc.terminate()
        _, err = self.proc.communicate(timeout=5)
        if died:
            raise LabError(f"the responder ended: {err.strip()}")
