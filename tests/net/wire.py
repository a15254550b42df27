#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Packets of the lab: sent as bytes, captured by tcpdump, read by scapy."""

import os
import select
import subprocess
import time

from lab import LabError, mac

from scapy.config import conf

conf.ipv6_enabled = True
# pylint: disable=wrong-import-position
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import IPv6  # noqa: E402
from scapy.packet import Raw  # noqa: E402
from scapy.utils import rdpcap  # noqa: E402

__all__ = ["Capture", "send", "sum16", "l4_sum_ok", "ip_header_ok", "layer3",
           "IP", "IPv6", "ICMP", "TCP", "UDP", "Raw"]

# Runs at a node: one packet a line, as family, destination and hex.
SENDER = r"""
import socket, sys, time
s = {"4": socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
     "6": socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)}
gap = float(sys.argv[1])
for line in sys.stdin:
    family, dst, data = line.split()
    s[family].sendto(bytes.fromhex(data), (dst, 0))
    if gap > 0:
        time.sleep(gap)
"""


class Capture:
    """What passes a node's interface, from entering to leaving the block.

    The interface is named after the node at its other end.  At most `count`
    packets are taken, for at most `timeout` seconds.
    """

    def __init__(self, lab, node, iface, expr="", count=500, timeout=30):
        self.file = os.path.join(
            lab.tmp, f"{node}-{iface}-{time.monotonic_ns()}.pcap")
        # The kernel's own multicast listener reports are no part of it.
        expr = "not ip6[6] = 0" + (f" and ({expr})" if expr else "")
        self.argv = ["timeout", str(timeout), "tcpdump", "-n", "-i", iface,
                     "-c", str(count), "-U", "--immediate-mode", "-Z",
                     "root", "-w", self.file, expr]
        self.lab, self.node, self.iface = lab, node, iface
        self.proc = None

    def __enter__(self):
        self.proc = self.lab.popen(self.node, self.argv,
                                   stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.proc.stderr], [], [], 5)
        line = self.proc.stderr.readline() if ready else "no answer"
        if "listening" not in line:
            self.proc.kill()
            raise LabError(f"tcpdump: {line.strip()}")
        return self

    def __exit__(self, *exc):
        # Even in immediate mode the last packet takes a moment to the file.
        time.sleep(0.1)
        self.proc.terminate()
        self.proc.communicate(timeout=5)

    def packets(self):
        """All packets as scapy's IP or IPv6, in the order of the wire.

        Each holds the time in seconds, .sent for what left the node, and
        its bytes as they were on the wire in .original.
        """
        out = []
        for frame in rdpcap(self.file):
            if frame.type not in (0x0800, 0x86dd):
                continue
            p = frame.payload
            p.time = frame.time
            p.sent = frame.src == mac(self.node, self.iface)
            out.append(p)
        return out


def layer3(packet):
    """A packet's own bytes, link padding cut off."""
    data = bytes(packet.original)
    if packet.version == 4:
        return data[:int.from_bytes(data[2:4], "big")]
    return data[:40 + int.from_bytes(data[4:6], "big")]


def send(lab, node, packets, gap=0.0):
    """Send scapy packets, or bytes, from a node as they are."""
    lines = []
    for p in packets:
        data = bytes(p)
        if data[0] >> 4 == 4:
            dst = ".".join(str(b) for b in data[16:20])
        else:
            dst = ":".join(data[i:i + 2].hex() for i in range(24, 40, 2))
        lines.append(f"{data[0] >> 4} {dst} {data.hex()}\n")
    lab.run(node, ["/usr/bin/python3", "-I", "-S", "-c", SENDER, str(gap)],
            stdin="".join(lines), check=True)


def sum16(data):
    """The one's complement sum of RFC 1071, folded, not inverted."""
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[i:i + 2], "big")
                for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def l4_sum_ok(data):
    """The transport checksum of an IP packet without options is right."""
    if data[0] >> 4 == 4:
        proto, l4 = data[9], data[20:]
        pseudo = data[12:20]
    else:
        proto, l4 = data[6], data[40:]
        pseudo = data[8:40]
    if proto != 1:
        pseudo += bytes([0, proto]) + len(l4).to_bytes(2, "big")
    else:
        pseudo = b""
    return sum16(pseudo + l4) == 0xffff


def ip_header_ok(data):
    """An IPv4 header's own checksum is right (IPv6 has none)."""
    return data[0] >> 4 == 6 or sum16(data[:20]) == 0xffff
