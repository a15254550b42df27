#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A client of the request protocol, made from its description alone.

See docs/augsburg.md.  Offsets count from the ICMP header.
"""

import ipaddress
import json
import socket
import struct

from wire import sum16

ICMP, UDP, TCP = "icmp", "udp", "tcp"
# In a request; ICMP differs with the family.
NUMBER = {4: {ICMP: 1, TCP: 6, UDP: 17}, 6: {ICMP: 58, TCP: 6, UDP: 17}}
SPORT, SEQ = 1021, 0xffff
DEFAULT_FLOW = {ICMP: 0xbeaf, UDP: 53, TCP: 80}
OK, BAD_TTL, BAD_PROTO, BAD_EXT = 0, 1, 2, 4
HDR = {4: 20, 6: 40}

# Runs at a node: each line of the input is seconds to wait for the reply and
# a request in hex.  For each a line in JSON: the reply's source, hop limit
# and ICMP message, or null.
CLIENT = r"""
import json, select, socket, struct, sys, time
family, dst = int(sys.argv[1]), sys.argv[2]
v4 = family == 4
s = socket.socket(socket.AF_INET if v4 else socket.AF_INET6, socket.SOCK_RAW,
                  1 if v4 else 58)
if not v4:
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
for line in sys.stdin:
    wait, ttl, data = line.split()
    data = bytes.fromhex(data)
    if int(ttl):
        s.setsockopt(0 if v4 else 41, 2 if v4 else 16, int(ttl))
    s.sendto(data, (dst, 0))
    end, out = time.monotonic() + float(wait), None
    while out is None and time.monotonic() < end:
        if not select.select([s], [], [], max(0, end - time.monotonic()))[0]:
            break
        got, anc, _, src = s.recvmsg(65535, 1024)
        hops = got[8] if v4 else struct.unpack("i", anc[0][2])[0]
        got = got[20:] if v4 else got
        if got[0] == (0 if v4 else 129) and got[4:6] == data[4:6]:
            out = {"source": src[0], "ttl": hops, "icmp": got.hex()}
    print(json.dumps(out), flush=True)
"""


def request(family, ident, ttl, proto=0, flow=0, ext=b"", seq=0, code=1):
    """A request's ICMP message; proto by name or number."""
    number = NUMBER[family].get(proto, proto)
    kind = 8 if family == 4 else 128
    message = struct.pack("!BBHHHBBH", kind, code, 0, ident, seq, ttl, number,
                          flow) + ext
    # The kernel writes ICMPv6's.
    return resum(message) if family == 4 else message


def resum(message):
    """The same ICMP message with a right checksum."""
    bare = message[:2] + b"\0\0" + message[4:]
    return bare[:2] + struct.pack("!H", 0xffff - sum16(bare)) + bare[4:]


def target_object(address):
    """Class 5: the length is that of the address alone."""
    ip = ipaddress.ip_address(address)
    packed = ip.packed if ip.version == 6 else \
        b"\0" * 10 + b"\xff\xff" + ip.packed
    return struct.pack("!HBB", 16, 5, 0) + packed


def padding_object(length):
    """Class 6: the length is that of the whole object."""
    return struct.pack("!HBB", length, 6, 0) + b"\0" * (length - 4)


def extension(*objects):
    body = b"".join(objects)
    head = b"\x20\x00\x00\x00"
    total = 0xffff - sum16(head + body)
    return b"\x20\x00" + struct.pack("!H", total) + body


class Reply:
    """A reply, read by the description, every fixed field asserted."""

    def __init__(self, raw, family, ident):
        icmp = bytes.fromhex(raw["icmp"])
        self.source, self.ttl, self.icmp = raw["source"], raw["ttl"], icmp
        self.length = len(icmp)
        assert icmp[0] == (0 if family == 4 else 129) and icmp[1] == 1
        if family == 4:
            assert sum16(icmp) == 0xffff
        assert icmp[4:8] == struct.pack("!HH", ident, 0)
        self.status, zero, self.value = struct.unpack("!BBH", icmp[8:12])
        assert zero == 0
        if self.status != OK:
            assert self.length == 12
            return
        assert self.value == 0 and self.length == 36
        hop = ipaddress.IPv6Address(icmp[12:28])
        if family == 4:
            assert hop.ipv4_mapped is not None
            hop = hop.ipv4_mapped
        self.hop = str(hop)
        self.rtt_ns, zero = struct.unpack("!II", icmp[28:36])
        assert zero == 0


def ask(lab, family, requests, node="C", dst=None, wait=2.0, ttl=0):
    """Send ICMP messages from a node, one after the other's reply.

    Returns what came back for each: a dictionary as CLIENT prints it, None
    for nothing.  ttl: that of the requests themselves, 0: the kernel's.
    """
    lines = "".join(f"{wait} {ttl} {r.hex()}\n" for r in requests)
    p = lab.run(node, ["/usr/bin/python3", "-I", "-S", "-c", CLIENT,
                       str(family), dst or lab.service[family]],
                stdin=lines, timeout=30 + wait * len(requests), check=True)
    return [json.loads(line) for line in p.stdout.splitlines()]


def hops(lab, family, proto, ttls, flow=0, first=0x1100, **kw):
    """The reply for each TTL, read; None for silence."""
    idents = range(first, first + len(ttls))
    raw = ask(lab, family, [request(family, i, t, proto, flow)
                            for i, t in zip(idents, ttls)], **kw)
    return [r and Reply(r, family, i) for r, i in zip(raw, idents)]


def packed(address):
    return socket.inet_pton(
        socket.AF_INET6 if ":" in address else socket.AF_INET, address)
