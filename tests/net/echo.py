#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""ICMP echo clients that are not at hand here, as far as they matter.

Windows' tracert and the BSDs' `traceroute -I`: one probe after the other,
the TTL rising; a time exceeded goes on whoever sent it, an echo reply or an
unreachable ends the trace.
"""

import clients
from lab import LabError

# Bytes of IPv4 probes: tracert sends 64 bytes of data, the BSDs 12.
LENGTH = {"tracert": 92, "bsd": 40}
# Their identifiers; Windows' requests differ by sequence number alone.
IDENT = {"tracert": 1, "bsd": 2}

PROGRAM = r"""
import os, select, socket, struct, sys, time
family, ident, data, tries, wait = map(int, sys.argv[1:6])
target, most = sys.argv[6], 30
v4 = family == 4
if v4:
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    REQUEST, REPLY, UNREACH, TIMEX, HEADER = 8, 0, 3, 11, 20
else:
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    REQUEST, REPLY, UNREACH, TIMEX, HEADER = 128, 129, 1, 3, 40

def total(b):
    n = sum(struct.unpack(f"!{len(b) // 2}H", b))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n

def send(ttl, seq):
    head = struct.pack("!BBHHH", REQUEST, 0, 0, ident, seq)
    body = bytes(0x61 + i % 23 for i in range(data))
    if v4:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        check = struct.pack("!H", 0xffff - total(head + body))
        head = head[:2] + check + head[4:]
    else:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
    s.sendto(head + body, (target, 0))

def answer(seq, until):
    # (address, "" or "end" or an unreachable's code), or None
    while True:
        left = until - time.monotonic()
        if left <= 0 or not select.select([s], [], [], left)[0]:
            return None
        p, who = s.recvfrom(2048)
        if v4:
            p = p[(p[0] & 15) * 4:]
        if len(p) < 8:
            continue
        if p[0] == REPLY:
            if struct.unpack("!HH", p[4:8]) == (ident, seq) and \
                    who[0] == target:
                return who[0], "end"
        elif p[0] in (UNREACH, TIMEX):
            q = p[8:]
            n = (q[0] & 15) * 4 if v4 and q else HEADER
            if len(q) < n + 8 or q[n] != REQUEST or \
                    struct.unpack("!HH", q[n + 4:n + 8]) != (ident, seq):
                continue
            return who[0], "" if p[0] == TIMEX else f"!{p[1]}"

seq = 0
for ttl in range(1, most + 1):
    line, ended = f"{ttl:2}", False
    for _ in range(tries):
        seq += 1
        begun = time.monotonic()
        send(ttl, seq)
        a = answer(seq, begun + wait)
        if a is None:
            line += "  *"
            continue
        line += f"  {a[0]}  {(time.monotonic() - begun) * 1000:.3f} ms"
        if a[1] not in ("", "end"):
            line += " " + a[1]
        ended = ended or a[1] != ""
    print(line, flush=True)
    if ended:
        break
"""


def trace(lab, family, like="tracert", target=None, tries=1, wait=2,
          timeout=90):
    """Hops as of clients.parse; a trace without an end has 30 of them."""
    data = LENGTH[like] - 28
    p = lab.run("C", ["/usr/bin/python3", "-I", "-S", "-c", PROGRAM,
                      str(family), str(IDENT[like]), str(data), str(tries),
                      str(wait), target or lab.service[family]], timeout)
    if p.returncode != 0:
        raise LabError(f"the echo client: {p.stderr.strip()}")
    return clients.parse(p.stdout)
