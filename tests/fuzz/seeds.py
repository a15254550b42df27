#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Writes the seeds of all corpora: seed-* below tests/fuzz/corpus/.

Packets are scapy's, which knows nothing of uturnd's code; nothing is sent.
All other files there were found by short runs and kept by -merge=1.
"""

import glob
import logging
import os
import struct
import sys

logging.getLogger("scapy").setLevel(logging.ERROR)

from scapy.all import (  # noqa: E402
    ICMP, IP, TCP, UDP, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
    ICMPv6TimeExceeded, IPv6, Raw)

CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
CLIENT = {4: "198.51.100.9", 6: "2001:db8:9::9"}
HOST = {4: "192.0.2.53", 6: "2001:db8:1::53"}
ROUTER = {4: "203.0.113.1", 6: "2001:db8:113::1"}
COOKIE = bytes.fromhex("a1b2c3d4e5f60718")
MARK = b"uTrN"
SYN_OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (1, 0)),
               ("NOP", None), ("WScale", 2)]
PASS, DROP, INFLECT, TURN, ANSWER, FINAL = range(6)
# Flags of an answer; what TURN says ahead.
HIDE, ADDR, NAME, RTT, AHEAD = 1, 2, 4, 8, 0x80


def save(harness, name, data):
    folder = os.path.join(CORPUS, harness)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "seed-" + name), "wb") as f:
        f.write(bytes(data))


def ip(v, src, dst, ttl, **more):
    if v == 4:
        return IP(src=src, dst=dst, ttl=ttl, **more)
    return IPv6(src=src, dst=dst, hlim=ttl, **more)


def probe(v, proto, ttl, room, options=()):
    head = ip(v, CLIENT[v], HOST[v], ttl)
    data = Raw(bytes(0x40 + i % 64 for i in range(room)))
    if proto == "udp":
        return head / UDP(sport=40001, dport=33436) / data
    if proto == "tcp":
        return head / TCP(sport=40002, dport=80, seq=0x01020304, flags="S",
                          options=list(options))
    if v == 4:
        return head / ICMP(type=8, id=0xbeef, seq=7) / data
    return head / ICMPv6EchoRequest(id=0xbeef, seq=7) / data


def handup():
    for v in (4, 6):
        for proto in ("udp", "icmp", "tcp"):
            for ttl in (1, 2, 32, 33):
                save("handup%d" % v, "%s-ttl%d" % (proto, ttl),
                     b"\x00\x03" + bytes(probe(v, proto, ttl, 32)))
            for room in (0, 3, 4, 5, 6, 9, 10, 13, 14, 100, 500, 1200):
                for choice in (0x11, 0x4c):
                    save("handup%d" % v, "%s-%d-%x" % (proto, room, choice),
                         bytes([choice, 3]) + bytes(probe(
                             v, proto, 5, room,
                             SYN_OPTIONS if room % 2 else ())))
        save("handup%d" % v, "marked", b"\x00\x03" + bytes(
            probe(v, "udp", 5, 0) / Raw(MARK + bytes(28))))
    # Too short for a mark, from a port that turned probes come from.
    for room in (0, 3, 4):
        save("handup4", "back-%d" % room, b"\x00\x03" + bytes(
            IP(src=CLIENT[4], dst=HOST[4], ttl=5) /
            UDP(sport=33500, dport=33436) / Raw(bytes(room))))
    save("handup4", "fragment", b"\x00\x02" + bytes(
        IP(src=CLIENT[4], dst=HOST[4], ttl=5, flags="MF") /
        UDP(sport=40001, dport=33436) / Raw(bytes(16))))


def payload():
    return Raw(MARK + b"\0\0" + COOKIE + bytes(18))


def turned(v, proto, mirror):
    """As matching.c turns its probes; only the compensation is left out."""
    more = {"id": 0x5a5a} if v == 4 else {}
    head = ip(v, HOST[v], CLIENT[v], 4, **more)
    port = 40002 if mirror else 40001
    if proto == "icmp":
        if v == 4:
            return head / ICMP(type=8 if mirror else 0, id=port,
                               seq=33436) / payload()
        kind = ICMPv6EchoRequest if mirror else ICMPv6EchoReply
        return head / kind(id=port, seq=33436) / payload()
    there = 80 if proto == "tcp" else 33436
    sport, dport = (port, there) if mirror else (there, port)
    if proto == "udp":
        return head / UDP(sport=sport, dport=dport) / payload()
    return head / TCP(sport=sport, dport=dport, seq=0xa1b2c3d4,
                      flags="S" if mirror else "RA")


def error(v, quote, kind=0, source=None):
    head = ip(v, source or ROUTER[v], HOST[v], 60)
    if v == 4:
        return head / ICMP(type=(11, 3, 3)[kind], code=(0, 3, 1)[kind]) / Raw(
            quote)
    if kind == 0:
        return head / ICMPv6TimeExceeded() / Raw(quote)
    return head / ICMPv6DestUnreach(code=(0, 4, 1)[kind]) / Raw(quote)


def match():
    protos = ("udp", "icmp", "tcp")
    for v in (4, 6):
        name = "match%d" % v
        for i, (mirror, proto) in enumerate(
                (m, p) for m in (0, 1) for p in protos):
            quote = bytes(turned(v, proto, mirror))
            for kind in range(3):
                save(name, "%s-%d-%d" % (proto, mirror, kind),
                     b"\x03" + bytes(error(v, quote, kind)))
            save(name, "%s-%d-short" % (proto, mirror),
                 b"\x03" + bytes(error(v, quote[:28 if v == 4 else 44])))
            # The harness puts in what it sent itself.
            save(name, "%s-%d-sent" % (proto, mirror),
                 bytes([3 | (i + 1) << 2]) + bytes(error(v, bytes(len(
                     quote)))))
        more = ip(v, CLIENT[v], HOST[v], 60)
        reply = (ICMP(type=0, id=40002, seq=33436) if v == 4 else
                 ICMPv6EchoReply(id=40002, seq=33436))
        save(name, "reply", b"\x03" + bytes(more / reply / payload()))
        save(name, "reset", b"\x03" + bytes(more / TCP(
            sport=80, dport=40002, ack=0xa1b2c3d5, flags="RA")))


def parse():
    for v in (4, 6):
        for proto in ("udp", "icmp", "tcp"):
            for ttl in (1, 64):
                data = bytes(probe(v, proto, ttl, 32, SYN_OPTIONS))
                head = data[:128]
                kind = {"udp": 0, "icmp": 1, "tcp": 2}[proto]
                how = 0x80 | (v == 6) | kind << 1
                save("probe", "%s%d-%d" % (proto, v, ttl), bytes(
                    [how, ttl]) + struct.pack("!HB", len(data), len(head))
                    + head)


def requests():
    """Two bytes: policy, what is mended; then the packet."""
    target = {4: bytes(10) + b"\xff\xff" + bytes([203, 0, 113, 9]),
              6: b"\x20\x01\x0d\xb8\0\x07" + bytes(9) + b"\x09"}
    me = {4: bytes(10) + b"\xff\xff" + bytes([198, 51, 100, 9]),
          6: b"\x20\x01\x0d\xb8\0\x09" + bytes(9) + b"\x09"}
    header = b"\x20\0\0\0"
    exts = {"none": b"", "empty": header, "cut": header[:3],
            "me": header + b"\0\x10\5\0", "other": header + b"\0\x10\5\0"
            + bytes(16), "target": header + b"\0\x10\5\0",
            "padded": header + b"\0\x10\5\0",
            "pad": header + b"\0\x08\6\0" + bytes(4),
            "strange": header + b"\0\x08\7\2" + bytes(4),
            "long": header + b"\2\0\6\0" + bytes(508)}
    for v in (4, 6):
        for proto in (0, 1, 6, 17, 58, 132):
            for ttl in (0, 1, 32, 33):
                save("request", "%d-%d-%d" % (v, proto, ttl), b"\0\3" + bytes(
                    request(v, ttl, proto, 0 if ttl == 1 else 0x8abc, b"")))
        for name, ext in exts.items():
            if name == "me":
                ext += me[v]
            if name in ("target", "padded"):
                ext += target[v]
            if name == "padded":
                ext += b"\0\x08\6\0" + bytes(4)
            save("request", "%d-ext-%s" % (v, name), b"\4\3" + bytes(
                request(v, 5, 17, 0, ext)))
            # The same where some may have others probed.
            save("request", "%d-list-%s" % (v, name), b"\x0c\3" + bytes(
                request(v, 5, 6 if name == "padded" else 17, 0, ext)))


def request(v, ttl, proto, flow, ext):
    head = ip(v, CLIENT[v], HOST[v], 60)
    data = Raw(struct.pack("!BBH", ttl, proto, flow) + ext)
    if v == 4:
        return head / ICMP(type=8, code=1, id=0x4321, seq=0) / data
    return head / ICMPv6EchoRequest(code=1, id=0x4321, seq=0) / data


def objects():
    label = struct.pack("!HBBI", 8, 1, 1, 0x000111ff)
    stack = struct.pack("!HBBII", 12, 1, 1, 0x000110ff, 0x000111fe)
    name4 = struct.pack("!HBBIHH", 28, 2, 0xce, 7, 1, 0) + bytes(
        [203, 0, 113, 9]) + b"\x0ceth0/0/0\0\0\0"
    name4 = struct.pack("!H", len(name4)) + name4[2:]
    addr6 = struct.pack("!HBBHH", 24, 2, 0x04, 2, 0) + bytes(16)
    mtu = struct.pack("!HBBI", 8, 2, 0x41, 1500)
    claim = struct.pack("!HBBHH", 20, 2, 0xc6, 1, 0) + bytes(
        4) + b"\x08u-turn\0"
    other = struct.pack("!HBBI", 8, 3, 1, 0)
    return {"label": label, "stack": stack, "name": name4, "addr6": addr6,
            "mtu": mtu, "claim": claim, "other": other,
            "all": label + name4 + other + mtu + label,
            "many": label * 9, "broken": label + label[:6],
            "none": b""}


def extensions():
    for name, obj in objects().items():
        data = bytes(128) + b"\x20\0\0\0" + obj
        for how in (0x10, 0x13, 0x14, 0x1a):
            for length in (0, 16 if how & 1 else 32):
                save("ext", "%s-%x-%d" % (name, how, length),
                     bytes([how, length, 1, 0]) + data)


def answers():
    """Two bytes: flow, what is mended; then the packet, see fuzz_answer.c."""
    for v in (4, 6):
        length = 32 if v == 4 else 16
        for proto in range(3):
            how = v // 6 | proto << 1
            for name, obj in objects().items():
                ext = b"\x20\0\0\0" + obj
                total = sum(struct.unpack("!%dH" % (len(ext) // 2), ext))
                while total >> 16:
                    total = (total & 0xffff) + (total >> 16)
                ext = ext[:2] + struct.pack("!H", 0xffff - total) + ext[4:]
                save("answer", "%d-%d-%s" % (v, proto, name),
                     bytes([how, 3]) + answer_error(v, length, ext))
            save("answer", "%d-%d-asked" % (v, proto),
                 bytes([how, 7]) + answer_error(v, 0, b""))
            save("answer", "%d-%d-unreach" % (v, proto),
                 bytes([how, 3]) + answer_error(v, 0, b"", True))
            save("answer", "%d-%d-direct" % (v, proto), bytes([how, 1]) +
                 answer_direct(v, proto))
            hop = bytes(10) + b"\xff\xff" + bytes([203, 0, 113, 1]) + bytes(8)
            for status, rest in ((0, hop), (1, b""), (0, b"")):
                save("answer", "%d-%d-reply-%d-%d" % (v, proto, status,
                                                      len(rest)),
                     bytes([how, 1]) + answer_reply(v, status, rest))


def answer_error(v, length, ext, unreach=False):
    head = ip(v, ROUTER[v], CLIENT[v], 60)
    body = Raw(bytes(128) + ext)
    if v == 4:
        kind = 3 if unreach else 11
        return bytes(head / ICMP(type=kind, code=0, reserved=0,
                                 length=length) / body)
    kind = 1 if unreach else 3
    head.nh = 58
    return bytes(head / Raw(bytes([kind, 0, 0, 0, length, 0, 0, 0]) +
                            bytes(body)))


def answer_direct(v, proto):
    head = ip(v, HOST[v], CLIENT[v], 60)
    if proto == 0:
        return bytes(head / UDP(sport=33434, dport=40001) / Raw(
            b"\x47\x11\0\0"))
    if proto == 2:
        return bytes(head / TCP(sport=80, dport=40001, flags="SA",
                                ack=0xbeef4712))
    if v == 4:
        return bytes(head / ICMP(type=0, id=0xbeef, seq=0x4711))
    return bytes(head / ICMPv6EchoReply(id=0xbeef, seq=0x4711))


def answer_reply(v, status, rest):
    head = ip(v, HOST[v], CLIENT[v], 60)
    data = Raw(bytes([status, 0, 0, 0]) + rest)
    if v == 4:
        return bytes(head / ICMP(type=0, code=1, id=0x4711, seq=0) / data)
    return bytes(head / ICMPv6EchoReply(code=1, id=0x4711, seq=0) / data)


def message(kind, data=b"", mark=0):
    return struct.pack("=IIII", kind, 16 + len(data) | mark, 1, 2) + data


def pieces(stream, sizes, op=0x0e):
    out = b""
    for size in sizes:
        out += bytes([op, len(stream[:size])]) + stream[:size]
        stream = stream[size:]
    return out


def streams():
    stream = message(1) + message(2, b"abcd") + message(3, bytes(100))
    for how in (0, 1, 2, 3):
        head = bytes([how, 128])
        save("imsg", "whole-%d" % how, head + pieces(stream, [255]))
        save("imsg", "cut-%d" % how, head + pieces(
            stream, [15, 2, 30, 80, 200]))
        save("imsg", "long-%d" % how, head + pieces(
            message(1, bytes(200)), [255]))
        save("imsg", "fd-%d" % how, head + pieces(
            message(7, b"fd", 0x80000000), [255], 0x0f) + pieces(
                message(8, b"fd", 0x80000000), [8, 40], 0x0f))
        # Two descriptors at once, and three.
        for op in (0x2f, 0x4f):
            save("imsg", "fds-%d-%x" % (how, op), head + pieces(
                message(7, b"fd", 0x80000000), [255], op) + pieces(
                    message(1), [255]))
    save("imsg", "short", b"\x00\x80" + pieces(
        struct.pack("=IIII", 1, 15, 0, 0), [16]))


def probe_op(listen, proto, client, ttl, room, v6=0, more=0):
    """The four bytes of a probe, see bench_net.c."""
    return bytes([listen | v6 << 7 | more, proto + 3 * client, ttl - 1, room])


def order(kind, which=0, flags=0, own=None, router=0):
    how = kind | (flags & 15) << 3 | flags & AHEAD
    if kind != ANSWER or own is None:
        return bytes([1, how, which])
    return (bytes([1, how | 0x80, which, own // 4, router // 4])
            + bytes(max(own, router)))


def orders():
    met = bytes([3, 0, 2, 0, 0])  # the last probe, a router, time exceeded
    by_client = bytes([3, 0, 0, 1, 0])
    replied = bytes([3, 0x80, 0, 0])
    sent = bytes([5, 0])
    wait = bytes([0x80 | 10 << 3 | 4])  # 500 ms
    for v6 in (0, 1):
        for listen in range(6):
            for proto in range(3):
                name = "%d-%d-%d" % (v6, listen, proto)
                op = b"\0" + probe_op(listen, proto, 1, 9, 16, v6)
                save("orders", "answer-" + name, op + order(TURN) + sent +
                     met + order(ANSWER, 0, 0x0e, 8, 4) + sent)
                for ahead in (0, ADDR, ADDR | RTT, ADDR | RTT | NAME):
                    save("orders", "ahead-%s-%x" % (name, ahead), op +
                         order(TURN, 0, AHEAD | ahead) + sent + met + sent +
                         order(ANSWER))
                save("orders", "final-" + name, op + order(TURN) + sent +
                     by_client + order(FINAL) + sent)
                save("orders", "reply-" + name, op + order(TURN) + sent +
                     replied + order(FINAL) + sent)
                save("pair", "trace-" + name, b"".join(
                    b"\x80" + probe_op(listen, proto, 1, t, 16, v6) +
                    b"\x06\0" + (b"" if t == 1 else
                                 bytes([0x82, 0, 2, 0, 0]))
                    for t in range(1, 6)))
            op = b"\0" + probe_op(listen, 0, 1, 9, 16, v6)
            save("orders", "settle-%d-%d" % (v6, listen), op + order(TURN) +
                 sent + wait + order(FINAL) + sent + met)
            one = b"\0" + probe_op(listen, 0, 1, 1, 16, v6)
            save("orders", "inflect-%d-%d" % (v6, listen), one +
                 order(INFLECT) + sent + one + order(DROP) + one +
                 order(PASS) + order(PASS))
    turn = b"\0" + probe_op(2, 0, 1, 9, 16) + order(TURN)
    save("orders", "failed", turn + bytes([5, 0xff]) + order(ANSWER))
    ahead = b"\0" + probe_op(2, 0, 1, 9, 16) + order(
        TURN, 0, AHEAD | ADDR | RTT)
    # From the client, hidden, own, martian, with objects, another error.
    for who, name in enumerate(("client", "own", "router", "other", "martian",
                                "hidden", "group")):
        save("orders", "ahead-" + name, ahead + sent + bytes(
            [3, 0, who, 0, 0]) + order(ANSWER))
    save("orders", "ahead-objects", ahead + sent + bytes(
        [3, 0, 2, 0, 2, 12]) + b"\x20\0\0\0\0\x08\x01\x01\0\1\x11\xff" +
         order(ANSWER))
    save("orders", "ahead-unreachable", ahead + sent + bytes(
        [3, 0, 2, 2, 0]) + order(ANSWER))
    save("orders", "ahead-settled", ahead + sent + wait + bytes(
        [3, 0, 2, 0, 0]) + order(FINAL))
    save("orders", "ahead-twice", ahead + sent + met + order(FINAL) +
         order(ANSWER) + order(TURN))
    save("orders", "ahead-again", ahead + sent + met + bytes(
        [31 << 3 & 0x78 | 7]) * 12 + order(ANSWER, 200) + met)
    save("orders", "ahead-capped", bytes([0x8f]) + ahead * 4 + sent +
         b"".join(bytes([3, n, 2, 0, 0]) for n in range(4)))
    save("orders", "ahead-over", b"\0" + probe_op(0, 2, 1, 9, 0) + order(
        TURN, 0, AHEAD | ADDR | RTT | NAME))
    save("orders", "twice", turn + sent + met + order(ANSWER) +
         order(ANSWER) + sent + order(FINAL) + order(TURN))
    save("orders", "late", b"\0" + probe_op(0, 0, 1, 9, 0) + wait +
         order(TURN) + order(PASS))
    save("orders", "again", bytes([31 << 3 & 0x78 | 7]) * 12 + turn + sent +
         met + order(ANSWER, 3) + order(ANSWER, 0))
    save("orders", "made-up", bytes([1, TURN, 0xf0, 70, 1, 1, TURN, 0xf3, 0,
                                     0, 1, TURN, 0xf1, 3, 0]))
    save("orders", "capped", bytes([0x8f]) + turn * 20 + sent)
    for kind in range(6):
        save("orders", "observe-%d" % kind, bytes([0x97]) + b"\0" +
             probe_op(2, 0, 1, 9, 16) + order(kind) + sent)
    save("orders", "raw", bytes([6, 3, 8]) + bytes(8) + bytes([6, 4, 12]) +
         bytes(12))
    both = b"\x80" + probe_op(2, 0, 1, 9, 16)
    save("pair", "settled", both + b"\x06\0" + wait[:0] + bytes(
        [0x80 | 10 << 3 | 3]) + bytes([0x82, 0, 2, 0, 0]))
    save("pair", "slow", b"\0" + probe_op(2, 0, 1, 9, 16) + bytes(
        [0x80 | 6 << 3 | 3, 0x0c, 0x0d]))
    save("pair", "waits", bytes([0x0f, 0x1f]) + b"".join(
        b"\x80" + probe_op(0, 0, c % 8, 1 + c // 8, 16) for c in range(24)))
    save("pair", "observe", bytes([0x27, 0x37]) + both + bytes(
        [0x82, 0, 2, 0, 0]) + both)
    save("pair", "reload", both + b"\x1f\x0f" + both + bytes(
        [0x82, 1, 2, 0, 0]) + both)


def engine():
    for v6 in (0, 1):
        for proto in range(3):
            up = b"".join(b"\0" + probe_op(1, proto, 1, t, 16, v6)
                          for t in (1, 5))
            name = "%d-%d" % (v6, proto)
            for kind in range(4):
                save("engine_msgs", "answered-%s-%d" % (name, kind), up +
                     bytes([3 | kind << 4, 0, 0, 203, 0, 113, 1, 0]))
                for client in (0, 0x40):
                    save("engine_msgs", "match-%s-%d-%x" % (
                        name, kind, client), up + bytes(
                            [2 | kind << 4 | client, 0, 0, 203, 0, 113, 1,
                             0]))
            save("engine_msgs", "labels-" + name, up + bytes(
                [2, 0, 16 if v6 else 32, 203, 0, 113, 1, 12]) +
                b"\x20\0\0\0\0\x08\x01\x01\0\1\x11\xff")
            save("engine_msgs", "answered-settled-" + name, up + bytes(
                [4, 0, 3, 0, 0, 203, 0, 113, 1, 0]))
            save("engine_msgs", "settle-" + name, up + bytes([4, 0, 2, 0, 0,
                                                              1, 2, 3, 4, 0]))
            save("engine_msgs", "mirror-" + name, b"\0" + probe_op(
                4, proto, 1, 1, 16, v6) + b"\0" + probe_op(
                    4, proto, 1, 5, 16, v6) + bytes(
                        [0x4a, 0, proto, 0, 0, 0, 0, 0]))
    trace = b"".join(b"\0" + probe_op(0, 0, 1, t, 16) + bytes(
        [2, 0, 0, 203, 0, 113, t, 0]) for t in range(1, 9))
    ask = bytes([6, 16, 26 - 4]) + struct.pack("=IBB16s", 0, 0, 0, b"")
    # The engine's controller: MONITOR, then a trace, then TRACES.
    save("engine_msgs", "traces", bytes([6, 17, 1, 1]) + trace + ask)
    deny = struct.pack("=BBB16sQ", 0, 0, 24, bytes([198, 51, 100]), 60000)
    save("engine_msgs", "deny", bytes([6, 19, len(deny)]) + deny + trace[
        :13] + bytes([6, 18, 5, 1, 0, 0, 0, 0, 6, 18, 5]) + bytes(5))
    for v in (4, 6):
        for may in (0, 1):
            ask = bytes(request(v, 5, 17, 0, b"\x20\0\0\0\0\x10\5\0" + {
                4: bytes(10) + b"\xff\xff" + bytes([203, 0, 113, 9]),
                6: b"\x20\x01\x0d\xb8" + bytes(11) + b"\x09"}[v]))
            ask = struct.pack("=IIBBBBBHB", 3, 1, v == 6, 32, 0, 0, may,
                              len(ask), len(ask)) + ask
            save("engine_msgs", "target-%d-%d" % (v, may), bytes(
                [0x0e, 4, len(ask)]) + ask)
    # Tight limits: first probes wait, and the next one wakes them.
    save("engine_msgs", "waits", bytes([15]) + b"".join(
        b"\0" + probe_op(0, 0, c % 8, 1, 16) for c in range(12)) + b"".join(
            b"\0" + probe_op(0, 0, c % 8, 2, 16) for c in range(8)))
    save("engine_msgs", "ping", bytes([6, 14, 4, 1, 2, 3, 4, 6, 13, 0]))


def coded(kind, data):
    """One message of fuzz_policy_msgs.c."""
    which = (kind >> 8) - 1 << 5 | kind & 0x1f
    if len(data) >= 255:
        return bytes([which, 255]) + struct.pack("!H", len(data)) + data
    return bytes([which, len(data)]) + data


def coders():
    def number(kind, value):
        return coded(kind, struct.pack("=I", value))

    def small(name, data):
        save("policy_msgs", name, b"\0" + data)
        save("policy_msgs", name + "-small", b"\1" + data)

    common = struct.pack("=BBBBQQQIIIIIIIQ", 1, 0, 0, 32, 10**10, 3 * 10**9,
                         4 * 10**8, 32, 96, 2048, 0, 64, 0, 256, 6 * 10**11)
    listen4 = struct.pack("=B16s16s16s16sBBBBB", 0, bytes([192, 0, 2, 53]),
                          b"", b"", bytes([192, 0, 2, 128]), 28, 2, 0, 0, 1)
    listen6 = struct.pack("=B16s16s16s16sBBBBB", 1, b"\x20\x01\x0d\xb8" +
                          bytes(11) + b"\x01", b"", b"", b"", 0, 0, 1, 1, 0)
    ports = struct.pack("=BHHB", 0, 33434, 33689, 0)
    rule = struct.pack("=BBB16sB", 1, 0, 0, bytes([10]), 8)
    anyone = struct.pack("=BBB16sB", 0, 1, 0, b"", 0)
    small("policy", number(0x102, 7) + coded(0x103, common) +
         coded(0x104, listen4) + coded(0x104, listen6) + coded(0x105, ports) +
         coded(0x106, anyone) + coded(0x106, rule) + coded(0x107, rule) +
         number(0x108, 7) + number(0x109, 7))
    small("many", number(0x102, 7) + coded(0x103, common) +
         b"\xed" + coded(0x104, listen4))
    small("ports", number(0x102, 7) + coded(0x103, common) +
         b"\xec" + coded(0x105, ports) + number(0x108, 7))
    for kind in (0x106, 0x107):
        small("rules-%x" % kind, number(0x102, 7) + coded(0x103, common) +
              b"\xff" + coded(kind, rule) + number(0x108, 7))
    full = number(0x102, 7) + coded(0x103, common)
    for part in (listen4, listen6):
        full += b"\xec" + coded(0x104, part)
    small("full", full + number(0x108, 7))
    small("order", number(0x102, 7) + coded(0x103, common) +
         coded(0x107, rule) + coded(0x106, rule))
    target = struct.pack("=BBB16sB", 0, 0, 0, bytes([203, 0, 113]), 24)
    asker = struct.pack("=BBB16sB", 0, 1, 1, b"\x20\x01\x0d\xb8", 32)
    small("targets", number(0x102, 7) + coded(0x103, common) +
         coded(0x107, rule) + coded(0x114, target) + coded(0x114, asker) +
         coded(0x114, b"\1" + target[1:]) + coded(0x114, b"\1" + asker[1:]) +
         number(0x108, 7))
    small("targets-many", number(0x102, 7) + coded(0x103, common) +
         b"\xff" + coded(0x114, target) + number(0x108, 7))
    ident = struct.pack("=II", 3, 4)
    ask = bytes(request(4, 5, 17, 0, b""))
    small("request", coded(0x304, ident + struct.pack(
        "=BBBBBHB", 0, 32, 0, 0, 1, len(ask), len(ask)) + ask) +
        coded(0x407, ident) + coded(0x409, ident) +
        coded(0x408, ident + struct.pack("=BH", 4, 0x500)))
    head = bytes(probe(4, "udp", 5, 32))
    small("probe", coded(0x300, ident + struct.pack(
        "=BBBBBBBBHH", 0, 0, 5, 0, 0, 0, 0, 0, len(head), len(head)) + head))
    long = bytes(probe(4, "udp", 5, 260))
    small("probe-long", coded(0x300, ident + struct.pack(
        "=BBBBBBBBHH", 0, 0, 5, 0, 0, 0, 0, 0, len(long), 200) + long[:200]))
    small("match", coded(0x301, ident + struct.pack(
        "=BBBBB16sQH", 0, 0, 11, 0, 32, bytes([203, 0, 113, 1]), 1000, 8) +
        bytes(8)))
    small("expired", coded(0x302, ident + b"\0") +
         coded(0x302, ident + b"\x02"))
    small("orders", b"".join(
        coded(0x400 + i, ident) for i in (0, 1, 2, 5)))
    small("turn", b"".join(
        coded(0x403, ident + bytes([ahead])) for ahead in (
            0, AHEAD, AHEAD | ADDR, AHEAD | ADDR | NAME | RTT, AHEAD | HIDE,
            ADDR, AHEAD | NAME)))
    small("answer", coded(0x404, ident + struct.pack(
        "=BH", 6, 8) + bytes(8)) + coded(0x404, ident + struct.pack(
            "=BH", 1, 0)))
    small("texts", coded(0x203, b"\x06a line\0") + coded(
        0x602, b"\x06\x1b[31mred\0") + coded(0x605, b"\x01no\0") + coded(
            0x603, struct.pack("=I", 77) + b"engine\0"))
    small("small", coded(0x10b, b"\1") + coded(0x10c, b"\0") +
         coded(0x10f, b"") + coded(0x506, b"\1") + number(0x10e, 9))
    small("info", coded(0x601, struct.pack(
        "=BBIIQ", 0, 0, 1, 8192, 10**9)))
    small("lists", coded(0x112, struct.pack("=BI", 0, 7)) + coded(
        0x113, struct.pack("=BBB16sQ", 0, 0, 24, bytes([198, 51, 100]),
                           60000)) + coded(
        0x113, struct.pack("=BBB16sQ", 1, 0, 24, bytes([198, 51, 100]), 0)))
    small("init", coded(0x100, struct.pack(
        "=IIBHIIIII", 99, 99, 0, 33434, 1024, 0x75000000, 0xff000000, 8192,
        256)))


def confs():
    here = os.path.join(os.path.dirname(CORPUS), "..", "conf")
    for path in glob.glob(os.path.join(here, "**", "*.conf"),
                          recursive=True):
        if os.path.getsize(path) > 4096:
            continue
        with open(path, "rb") as f:
            save("conf", os.path.basename(path)[:-5], f.read())
    for path in glob.glob(os.path.join(here, "*.ok")):
        with open(path, "rb") as f:
            save("conf", "printed-" + os.path.basename(path)[:-3], f.read())


def control():
    for i in range(8):
        ask = bytes([1 | i << 5])
        both = bytes([0x84, 0x8c])  # both children answer what they were told
        save("ctl", "ask-%d" % i, ask + both * 3 + b"\x06" + ask + both)
        save("ctl", "restricted-%d" % i, b"\x80" + ask + both + b"\x06")
    save("ctl", "raw", b"\0\x03\x10" + message(0x500)[:16] + b"\x06\x03\x08" +
         bytes(8) + b"\x07\x06")
    save("ctl", "idle", b"\0" + bytes([0x7d]) * 4 + b"\x06\x01")
    save("ctl", "liar", b"\x01\x04\x04\x00\x00\x04\x06\x01\x01\x00")


def replies():
    line = b"\x02\x0b\x06listen on\0"
    for action in range(8):
        save("reply", "lines-%d" % action, bytes([action]) + line * 3 +
             b"\x04\0" + b"\x05\x05\x00done"[:6] + b"\0")
        save("reply", "end-%d" % action, bytes([action]) + line + b"\x04\0")
    info = struct.pack("=BBIIQ", 1, 0, 3, 8192, 10**15)
    save("reply", "stats", b"\0\x01" + bytes([len(info)]) + info +
         b"\0\x04\1\2\3\4" + b"\x04\0")
    proc = struct.pack("=I", 77) + b"engine\0"
    save("reply", "processes", b"\2" + (b"\x03" + bytes([len(proc)]) +
                                        proc) * 3 + b"\x04\0")
    save("reply", "refused", b"\3\x05\x08\x01no \x1b[m\0")


def main():
    for old in glob.glob(os.path.join(CORPUS, "*", "seed-*")):
        os.unlink(old)
    for part in (handup, match, parse, requests, extensions, answers, streams,
                 orders, engine, coders, confs, control, replies):
        part()
    return 0


if __name__ == "__main__":
    sys.exit(main())
