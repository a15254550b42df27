#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""What an attacker sends, and what T is seen to say to it.

Sockets are opened inside a node's namespace and used from here, so that a
packet costs no process and is seen as soon as it has passed.
"""

import contextlib
import ctypes
import ipaddress
import os
import select
import socket
import time

from lab import NETNS_DIR, mac
from wire import ICMP, IP, TCP, UDP, IPv6, Raw, sum16

from scapy.layers.inet6 import ICMPv6EchoRequest

CLONE_NEWNET = 0x40000000
ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
PATIENCE = 10		# seconds that a slow machine is given
QUIET = 0.15		# seconds in which an answer too many would have come

HDR = {4: 20, 6: 40}
TTL_AT = {4: 8, 6: 7}
PROTO_AT = {4: 9, 6: 6}
ICMP_PROTO = {4: 1, 6: 58}
IP_PROTO = {"udp": {4: 17, 6: 17}, "tcp": {4: 6, 6: 6}, "icmp": ICMP_PROTO}
TIMEX = {4: 11, 6: 3}
UNREACH = {4: 3, 6: 1}
SPORT, DPORT, TCP_PORT = 45000, 33440, 80
IPID = 0x1234
PATTERN = bytes(0x41 + i % 26 for i in range(1400))


@contextlib.contextmanager
def inside(lab, node):
    """Sockets made in this block belong to the node."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    away = os.open(f"{NETNS_DIR}/{lab.ns(node)}", os.O_RDONLY)
    try:
        if libc.setns(away, CLONE_NEWNET) == -1:
            raise OSError(ctypes.get_errno(), f"setns {node}")
        yield
    finally:
        if libc.setns(home, CLONE_NEWNET) == -1:
            os._exit(1)		# nothing may go on in the wrong place
        os.close(away)
        os.close(home)


def packed(address):
    return ipaddress.ip_address(address).packed


class Sender:
    """Sends whole packets, or frames, from a node."""

    def __init__(self, lab, node):
        self.lab, self.node = lab, node
        with inside(lab, node):
            self.raw = {
                4: socket.socket(socket.AF_INET, socket.SOCK_RAW,
                                 socket.IPPROTO_RAW),
                6: socket.socket(socket.AF_INET6, socket.SOCK_RAW,
                                 socket.IPPROTO_RAW)}
            self.link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        for s in (*self.raw.values(), self.link):
            s.close()

    def send(self, *packets):
        """By the node's own routes."""
        for p in packets:
            data = bytes(p)
            if data[0] >> 4 == 4:
                dst = socket.inet_ntop(socket.AF_INET, data[16:20])
            else:
                dst = socket.inet_ntop(socket.AF_INET6, data[24:40])
            self.raw[data[0] >> 4].sendto(data, (dst, 0))

    def frame(self, peer, *packets, dst=None):
        """On the link to a peer, whatever the routes and addresses are.

        dst: the destination on the link, else the peer's own address.
        """
        for p in packets:
            data = bytes(p)
            kind = b"\x08\0" if data[0] >> 4 == 4 else b"\x86\xdd"
            head = "".join((dst or mac(peer, self.node),
                            mac(self.node, peer))).replace(":", "")
            self.link.sendto(bytes.fromhex(head) + kind + data, (peer, 0))


class Tap:
    """What passes a node's interface, from entering to leaving the block."""

    def __init__(self, lab, node, iface):
        self.lab, self.node, self.iface = lab, node, iface
        self.socket = None
        self.seen = []		# (sent by the node, packet)

    def __enter__(self):
        with inside(self.lab, self.node):
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 4 << 20)
        self.socket.bind((self.iface, ETH_P_ALL))
        return self

    def __exit__(self, *exc):
        self.pull()
        self.socket.close()

    def pull(self, wait=0.0):
        """Take what is there; False if nothing came within `wait`."""
        if not select.select([self.socket], [], [], wait)[0]:
            return False
        while select.select([self.socket], [], [], 0)[0]:
            frame, addr = self.socket.recvfrom(65535)
            kind, data = frame[12:14], frame[14:]
            if kind == b"\x08\0":
                data = data[:int.from_bytes(data[2:4], "big")]
            elif kind == b"\x86\xdd" and data[6] != 0:
                data = data[:40 + int.from_bytes(data[4:6], "big")]
            else:
                # The kernel's own multicast reports (hop-by-hop) among them.
                continue
            self.seen.append((addr[2] == PACKET_OUTGOING, data))
        return True

    def sent(self):
        return [data for out, data in self.seen if out]

    def got(self):
        return [data for out, data in self.seen if not out]

    def until(self, done, timeout=PATIENCE):
        """Take packets until done() says so; what it said at last."""
        deadline = time.monotonic() + timeout
        while not done() and time.monotonic() < deadline:
            self.pull(0.05)
        return done()

    def quiet(self, idle=QUIET, timeout=PATIENCE):
        """Until nothing passes for a moment."""
        deadline = time.monotonic() + timeout
        while self.pull(idle) and time.monotonic() < deadline:
            pass


def await_true(what, timeout=PATIENCE):
    """Call until it is true; what it was at last."""
    deadline = time.monotonic() + timeout
    while True:
        value = what()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.005)


# Packets


def ip_layer(family, src, dst, ttl, **fields):
    if family == 4:
        return IP(src=src, dst=dst, ttl=ttl, **{"id": IPID, **fields})
    return IPv6(src=src, dst=dst, hlim=ttl, **fields)


def echo(family, ident=0x4321, seq=1, data=PATTERN[:32], **fields):
    if family == 4:
        return ICMP(type=8, id=ident, seq=seq, **fields) / Raw(data)
    return ICMPv6EchoRequest(id=ident, seq=seq, data=data, **fields)


def l4_layer(family, method, seq=1, sport=SPORT, dport=None, room=32):
    """A probe behind its IP header; room: bytes of payload."""
    if method == "udp":
        return UDP(sport=sport, dport=dport or DPORT) / Raw(PATTERN[:room])
    if method == "tcp":
        return TCP(sport=sport, dport=dport or TCP_PORT, flags="S",
                   seq=0x01020300 + seq, window=5840,
                   options=[("MSS", 1460), ("SAckOK", b""),
                            ("Timestamp", (7, 0)), ("NOP", None),
                            ("WScale", 2)])
    return echo(family, sport, seq, PATTERN[:room])


def probe(lab, family, method, ttl, src=None, dst=None, **fields):
    """A probe's bytes, by default from the client to the service."""
    return bytes(ip_layer(family, src or lab.client[family],
                          dst or lab.service[family], ttl)
                 / l4_layer(family, method, **fields))


def icmp_error(family, src, dst, quote, kind=None, code=0, ttl=60,
               options=b""):
    """An ICMP error, its checksums right; kind: time exceeded if None.

    options: of the IPv4 header, a multiple of four bytes.
    """
    kind = TIMEX[family] if kind is None else kind
    return icmp_packet(family, src, dst,
                       bytes([kind, code]) + bytes(6) + bytes(quote), ttl,
                       options)


def icmp_packet(family, src, dst, icmp, ttl=60, options=b""):
    """An ICMP message behind an IP header, its checksum made right."""
    icmp = bytearray(icmp)
    icmp[2:4] = b"\0\0"
    pseudo = b""
    if family == 6:
        pseudo = packed(src) + packed(dst) + bytes([0, 58]) \
            + len(icmp).to_bytes(2, "big")
    icmp[2:4] = (0xffff ^ sum16(pseudo + bytes(icmp))).to_bytes(2, "big")
    if family == 6:
        return bytes(IPv6(src=src, dst=dst, hlim=ttl, nh=58))[:4] \
            + len(icmp).to_bytes(2, "big") + bytes([58, ttl]) \
            + packed(src) + packed(dst) + bytes(icmp)
    total = 20 + len(options) + len(icmp)
    head = bytearray(bytes([0x45 + len(options) // 4, 0])
                     + total.to_bytes(2, "big") + b"\x77\x77\0\0"
                     + bytes([ttl, 1, 0, 0]) + packed(src) + packed(dst)
                     + options)
    head[10:12] = (0xffff ^ sum16(bytes(head))).to_bytes(2, "big")
    return bytes(head) + bytes(icmp)


def tcp_packet(family, src, dst, ttl=60, **fields):
    return bytes(ip_layer(family, src, dst, ttl) / TCP(**fields))


def fragments4(data, cut):
    """An IPv4 packet in two fragments, cut (a multiple of 8) behind the
    header; the kernel makes the header checksums right."""
    head, body = data[:20], data[20:]
    out = []
    for part, word in ((body[:cut], 0x2000), (body[cut:], cut // 8)):
        h = bytearray(head)
        h[2:4] = (20 + len(part)).to_bytes(2, "big")
        h[6:8] = word.to_bytes(2, "big")
        h[10:12] = b"\0\0"
        h[10:12] = (0xffff ^ sum16(bytes(h))).to_bytes(2, "big")
        out.append(bytes(h) + part)
    return out


def fragments6(data, cut, ident=0x01020304):
    """An IPv6 packet in two fragments (RFC 8200 section 4.5)."""
    head, body = data[:40], data[40:]
    out = []
    for part, word in ((body[:cut], 1), (body[cut:], cut)):
        h = bytearray(head)
        h[4:6] = (8 + len(part)).to_bytes(2, "big")
        h[6] = 44
        out.append(bytes(h) + bytes([head[6], 0]) + word.to_bytes(2, "big")
                   + ident.to_bytes(4, "big") + part)
    return out


def extension6(data, header):
    """An IPv6 packet with eight bytes of options (all padding) between its
    header and what follows; header: 0 hop-by-hop, 60 destination."""
    h = bytearray(data[:40])
    h[4:6] = (8 + len(data) - 40).to_bytes(2, "big")
    nh, h[6] = h[6], header
    return bytes(h) + bytes([nh, 0, 1, 4, 0, 0, 0, 0]) + data[40:]


# What was seen


def ends(data):
    """Source and destination."""
    if data[0] >> 4 == 4:
        return data[12:16], data[16:20]
    return data[8:24], data[24:40]


def is_error(data):
    family = data[0] >> 4
    if data[PROTO_AT[family]] != ICMP_PROTO[family]:
        return False
    kind = data[HDR[family]]
    return kind in (3, 4, 5, 11, 12) if family == 4 else kind < 128


def quoted(data):
    """What an ICMP error quotes."""
    return data[HDR[data[0] >> 4] + 8:]


def flat(stats):
    """Counters by (name, family, protocol), and the plain ones by name."""
    out = {}
    for name, value in stats.items():
        if isinstance(value, int):
            out[name,] = value
        elif name == "refused":
            out.update({("refused", k): v for k, v in value.items()})
        else:
            out.update({(name, int(f[1]), p): n
                        for f in ("v4", "v6") for p, n in value[f].items()})
    return out


# They change by themselves, or are gauges.
UNSTEADY = ("uptime_s", "pending", "queue_seq", "generation")


class Counters:
    """The growth of the daemon's counters since it was made, or asked."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.last = flat(daemon.stats())

    def peek(self):
        now = flat(self.daemon.stats())
        return {k: n - self.last[k] for k, n in now.items()
                if n != self.last[k] and k[0] not in UNSTEADY}

    def take(self, done=bool, timeout=PATIENCE):
        """The growth as soon as done(growth), or when time is up."""
        deadline = time.monotonic() + timeout
        while True:
            now = flat(self.daemon.stats())
            grown = {k: n - self.last[k] for k, n in now.items()
                     if n != self.last[k] and k[0] not in UNSTEADY}
            if done(grown) or time.monotonic() > deadline:
                self.last = now
                return grown
            time.sleep(0.005)
