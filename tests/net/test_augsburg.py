#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Reverse traceroute by request: replies, probes on the wire, limits."""

import contextlib
import struct
import subprocess
import time

import augsburg
import clients
import pytest
from augsburg import (BAD_EXT, BAD_PROTO, BAD_TTL, HDR, ICMP, NUMBER, OK, TCP,
                      UDP, Reply, ask, extension, hops, packed,
                      padding_object, request, target_object)
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES
from wire import Capture, ip_header_ok, l4_sum_ok, layer3, send, sum16

BOTH = pytest.mark.parametrize("family", FAMILIES)
PROTOS = pytest.mark.parametrize("proto", (ICMP, UDP, TCP))
ON = NO_LIMITS + "augsburg yes\n"
MARK = bytes.fromhex("7554724e")
TTL_AT, PROTO_AT = {4: 8, 6: 7}, {4: 9, 6: 6}
# No reply is awaited longer where none is to come.
SILENT = 0.5

# Accepts one connection at all addresses, says "ready" when it could.
LISTENER = r"""
import socket, sys
s = socket.socket(socket.AF_INET6)
s.setsockopt(41, 26, 0)
s.bind(("::", int(sys.argv[1])))
s.listen()
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="class", name="on")
def daemon_on(lab):
    with Daemon(lab, extra=ON) as d:
        yield d


def settled(daemon, **want):
    """Waits until these figures have grown to what they are to be."""
    deadline = time.monotonic() + 10
    while True:
        have = {name: daemon.count(name) for name in want}
        if have == want:
            return
        assert time.monotonic() < deadline, (have, want)
        time.sleep(0.05)


class Wire:
    """What passed T's interface, by kind, as bytes from the IP header."""

    def __init__(self, lab, family):
        self.lab, self.family = lab, family
        self.cap = Capture(lab, "T", "r3")
        self.packets = []

    def __enter__(self):
        self.cap.__enter__()
        return self

    def __exit__(self, *exc):
        self.cap.__exit__(*exc)
        self.packets = [(p.sent, layer3(p)) for p in self.cap.packets()
                        if p.version == self.family]

    def sent(self):
        return [d for sent, d in self.packets if sent]

    def received(self):
        return [d for sent, d in self.packets if not sent]

    def l4(self, data):
        return data[HDR[self.family]:]

    def probe(self):
        """The one packet that was sent with a TTL of somebody's choice."""
        low = [d for d in self.sent() if d[TTL_AT[self.family]] < 32]
        assert len(low) == 1
        return low[0]


class TestHops:
    @BOTH
    @PROTOS
    def test_way_back(self, lab, on, family, proto):
        """Hop by hop r3 r5 r4 r1, then C, and C again beyond it."""
        client = lab.client[family]
        replies = hops(lab, family, proto, range(1, 8))
        if proto == UDP:
            # Nothing but an error answers UDP: the client's port is closed.
            assert [r.hop for r in replies[4:]] == [client] * 3
        assert [r.hop for r in replies] == lab.reverse(family) + [client] * 3
        for r in replies:
            assert r.status == OK and r.source == lab.service[family]
            assert 0 < r.rtt_ns < 2_000_000_000
            # T answers with its usual TTL; the way back has four routers.
            assert r.ttl == 64 - 4

    @BOTH
    def test_time(self, lab, on, family):
        """The time is T's own: the wire at C counts only in C's hop."""
        near, far = hops(lab, family, ICMP, (1, 5))
        assert far.rtt_ns >= 2 * lab.delay * 1e9 > near.rtt_ns

    @BOTH
    def test_default_protocol(self, lab, on, family):
        (reply,) = hops(lab, family, 0, (2,))
        assert reply.hop == lab.reverse(family)[1]

    @BOTH
    @pytest.mark.parametrize("ttl", (8, 200))
    def test_request_of_any_ttl(self, lab, on, family, ttl):
        """What the request itself has left when it arrives is no matter."""
        (reply,) = hops(lab, family, ICMP, (1,), ttl=ttl)
        assert reply.hop == lab.reverse(family)[0]

    @BOTH
    def test_sequence_is_ignored(self, lab, on, family):
        (raw,) = ask(lab, family, [request(family, 9, 1, seq=77)])
        assert Reply(raw, family, 9).hop == lab.reverse(family)[0]


class TestStatus:
    @BOTH
    @pytest.mark.parametrize("ttl", (0, 33, 255))
    def test_ttl(self, lab, on, family, ttl):
        """A client's test for the protocol is a TTL of 0."""
        (raw,) = ask(lab, family, [request(family, 21, ttl)])
        reply = Reply(raw, family, 21)
        assert (reply.status, reply.value) == (BAD_TTL, 0)
        assert reply.source == lab.service[family]

    @BOTH
    def test_highest_ttl(self, lab, on, family):
        (reply,) = hops(lab, family, ICMP, (32,))
        assert reply.hop == lab.client[family]

    @BOTH
    def test_protocol(self, lab, on, family):
        other = NUMBER[10 - family][ICMP]
        raw = ask(lab, family, [request(family, i, 2, p)
                                for i, p in ((31, 132), (32, other))])
        for r, ident in zip(raw, (31, 32)):
            reply = Reply(r, family, ident)
            assert (reply.status, reply.value) == (BAD_PROTO, 0)

    @BOTH
    def test_extension(self, lab, on, family):
        third = lab.addr["r2", "r1"][family]
        other = b"\0\x08\x07\x02\0\0\0\0"
        cases = ((extension(target_object(third)), 0x0500),
                 (extension(other), 0x0702),
                 (extension(padding_object(8), other), 0x0702))
        for ident, (ext, value) in enumerate(cases, 41):
            (raw,) = ask(lab, family, [request(family, ident, 1, ext=ext)])
            reply = Reply(raw, family, ident)
            assert (reply.status, reply.value) == (BAD_EXT, value)

    @BOTH
    def test_extension_that_asks_for_nothing(self, lab, on, family):
        """Padding, and a target that is the client itself."""
        me = target_object(lab.client[family])
        for ident, ext in enumerate((
                extension(padding_object(24)), extension(me),
                extension(me, padding_object(4)),
                extension(padding_object(1000))), 51):
            (raw,) = ask(lab, family, [request(family, ident, 2, ext=ext)])
            reply = Reply(raw, family, ident)
            assert reply.hop == lab.reverse(family)[1]

    @BOTH
    @pytest.mark.parametrize("cut", range(1, 5))
    def test_truncated(self, lab, on, family, cut):
        """The kernel answers them, as it does without uturnd."""
        before = on.count("requests")
        whole = request(family, 61, 3)[:12 - cut]
        if family == 4:
            whole = augsburg.resum(whole)
        (raw,) = ask(lab, family, [whole])
        echo = bytes.fromhex(raw["icmp"])
        assert echo[1] == 1 and echo[4:] == whole[4:]
        assert on.count("requests") == before

    @BOTH
    def test_broken_extension(self, lab, on, family):
        """No request of this protocol: the kernel echoes it."""
        before = on.count("requests_passed")
        message = request(family, 62, 3, ext=b"\x10\0\0\0")
        (raw,) = ask(lab, family, [message])
        assert bytes.fromhex(raw["icmp"])[4:] == message[4:]
        assert on.count("requests_passed") == before + 1


class TestWire:
    @BOTH
    @PROTOS
    @pytest.mark.parametrize("flow", (0, 0x8abc))
    def test_probe(self, lab, on, family, proto, flow):
        h = HDR[family]
        with Wire(lab, family) as w:
            (reply,) = hops(lab, family, proto, (3,), flow, first=0x4321)
        assert reply.hop == lab.reverse(family)[2]
        data = w.probe()
        l4 = w.l4(data)
        assert ip_header_ok(data) and l4_sum_ok(data)
        assert data[TTL_AT[family]] == 3
        assert data[PROTO_AT[family]] == NUMBER[family][proto]
        service, client = (packed(a[family])
                           for a in (lab.service, lab.client))
        at = h - 2 * len(service)
        assert data[at:h] == service + client
        want = (flow or augsburg.DEFAULT_FLOW[proto]).to_bytes(2, "big")
        if proto == ICMP:
            assert l4[:2] == bytes([8 if family == 4 else 128, 0])
            assert l4[2:4] == want
            assert l4[4:8] == b"\x43\x21\xff\xff"
        else:
            assert l4[:4] == augsburg.SPORT.to_bytes(2, "big") + want
        if proto == TCP:
            assert len(l4) == 20 and l4[12] == 0x50 and l4[13] == 0x02
            assert l4[14:16] + l4[18:20] == MARK
        else:
            assert l4[8:12] == MARK
        # Request, probe and reply: the sum that may leave.
        (asked,) = [d for d in w.received()
                    if w.l4(d)[1] == 1 and w.l4(d)[4:6] == b"\x43\x21"]
        (answer,) = [d for d in w.sent() if d != data]
        assert len(data) + len(answer) <= 3 * len(asked)

    @BOTH
    def test_payload_is_no_choice(self, lab, on, family):
        """Two equal requests have different probes."""
        seen = set()
        for _ in range(2):
            with Wire(lab, family) as w:
                hops(lab, family, UDP, (2,), 0x8abc)
            seen.add(w.l4(w.probe())[8:])
        assert len(seen) == 2

    @BOTH
    def test_one_of_each(self, lab, on, family):
        """One probe and one reply for a request, whatever comes back."""
        with Wire(lab, family) as w:
            for _ in range(3):
                hops(lab, family, UDP, (1,))
        sent = w.sent()
        assert len(sent) == 6

    @BOTH
    def test_connection_is_ended(self, lab, on, family):
        """A port that accepts: the reply, and a reset that ends it."""
        port = 8081
        with contextlib.ExitStack() as stack:
            p = stack.enter_context(lab.popen(
                "C", ["/usr/bin/python3", "-I", "-S", "-c", LISTENER,
                      str(port)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True))
            assert p.stdout.readline() == "ready\n"
            w = stack.enter_context(Wire(lab, family))
            # No reset of T's kernel: it sees no answer to anything of its.
            lab.iptables("T", family, "raw", "-A PREROUTING -p tcp "
                         "--tcp-flags SYN,ACK SYN,ACK -j DROP")
            try:
                (reply,) = hops(lab, family, TCP, (9,), port)
                time.sleep(1.5)
            finally:
                lab.iptables("T", family, "raw", "-F PREROUTING")
                p.stdin.close()
        assert reply.hop == lab.client[family]
        tcp = [w.l4(d) for d in w.sent()
               if d[PROTO_AT[family]] == NUMBER[family][TCP]]
        back = [w.l4(d) for d in w.received()
                if d[PROTO_AT[family]] == NUMBER[family][TCP]]
        syn, reset = tcp
        assert syn[13] == 0x02 and reset[13] == 0x04
        # It is accepted: nothing is repeated.
        assert len(back) == 1 and back[0][13] == 0x12
        assert reset[4:8] == back[0][8:12]
        assert reset[:4] == syn[:4]


class TestLeftAlone:
    @BOTH
    def test_off(self, lab, family):
        """Without `augsburg yes` all is the kernel's."""
        with Daemon(lab, extra=NO_LIMITS) as d:
            message = request(family, 71, 2)
            (raw,) = ask(lab, family, [message])
            assert bytes.fromhex(raw["icmp"])[4:] == message[4:]
            assert d.count("requests") == 0
            assert d.count("probes") == 0

    @BOTH
    def test_rules_without_leave(self, lab, family):
        """Rules that still select, a policy that does not serve."""
        with Daemon(lab, extra=ON) as d:
            d.write(d.text.replace("augsburg yes", "augsburg no"))
            assert d.ctl("reload").returncode == 0
            message = request(family, 72, 2)
            (raw,) = ask(lab, family, [message])
            assert bytes.fromhex(raw["icmp"])[4:] == message[4:]
            assert d.count("requests") == 0

    @BOTH
    def test_denied(self, lab, family):
        net = {4: "203.0.113.0/24", 6: "2001:db8:c::/64"}[family]
        with Daemon(lab, extra=ON + f"deny from {net}\n") as d:
            message = request(family, 73, 2)
            (raw,) = ask(lab, family, [message])
            assert bytes.fromhex(raw["icmp"])[4:] == message[4:]
            assert d.count("denied", family, "icmp") == 1


class TestBeside:
    @BOTH
    def test_ping_beside_it(self, lab, on, family):
        """An echo request with another code is none of it."""
        before = on.count("requests")
        for code in (0, 2):
            message = request(family, 63, 3, UDP, code=code)
            (raw,) = ask(lab, family, [message])
            assert bytes.fromhex(raw["icmp"])[4:] == message[4:]
        assert on.count("requests") == before

    @BOTH
    def test_trace_works_too(self, lab, on, family):
        assert clients.names(clients.traceroute(
            lab, family, "icmp", clients.SINGLE)) == lab.expected(family)

    @BOTH
    def test_own_pings_are_no_answers(self, lab, on, family):
        """T's own echo replies come in beside; nothing is made of them."""
        before = on.count("unmatched"), on.count("forged")
        client = lab.client[family]
        (raw,) = ask(lab, family, [request(family, 64, 3, code=0)], node="T",
                     dst=client)
        assert raw["source"] == client
        assert (on.count("unmatched"), on.count("forged")) == before


def error(family, lab, quote):
    """Time exceeded of a router about a packet of T's."""
    src = packed(lab.addr["r5", "r3"][family])
    dst = packed(lab.service[family])
    icmp = bytes([11 if family == 4 else 3, 0]) + bytes(6) + quote
    size = HDR[family] + len(icmp)
    pseudo = b""
    if family == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, size, 1, 0, 64, 1, 0)
        head += src + dst
        head = head[:10] + struct.pack(
            "!H", 0xffff - sum16(head)) + head[12:]
    else:
        head = struct.pack("!IHBB", 6 << 28, len(icmp), 58, 64) + src + dst
        pseudo = src + dst + struct.pack("!II", len(icmp), 58)
    total = 0xffff - sum16(pseudo + icmp)
    return head + icmp[:2] + struct.pack("!H", total) + icmp[4:]


class TestMatching:
    @BOTH
    def test_forged_and_duplicate(self, lab, family):
        """Only what quotes the probe that was sent is an answer, once."""
        with Daemon(lab, extra=ON) as d:
            lab.iptables("C", family, "raw", "-A PREROUTING -p udp -j DROP")
            try:
                with Wire(lab, family) as w:
                    ask(lab, family, [request(family, 7, 9, UDP)], wait=0.02)
                sent = w.probe()
                # IPv4: another identification; IPv6: another cookie.
                at = 5 if family == 4 else HDR[6] + 15
                bad = bytearray(sent)
                bad[at] ^= 1
                send(lab, "C", [error(family, lab, bytes(bad))])
                settled(d, forged=1, requests_answered=0)
                send(lab, "C", [error(family, lab, sent)] * 2)
                settled(d, forged=1, requests_answered=1, duplicate=1,
                        pending=0)
                send(lab, "C", [error(family, lab, sent)])
                settled(d, requests_answered=1, duplicate=2)
            finally:
                lab.iptables("C", family, "raw", "-F PREROUTING")

    @BOTH
    def test_observe(self, lab, family):
        """Mode observe: nothing leaves but the kernel's echo."""
        with Daemon(lab, extra=ON + "mode observe\n") as d, \
                Wire(lab, family) as w:
            message = request(family, 74, 2)
            (raw,) = ask(lab, family, [message])
            assert bytes.fromhex(raw["icmp"])[4:] == message[4:]
            settled(d, requests=1, requests_passed=1, observed=1, pending=0)
        assert len(w.sent()) == 1


class TestTraces:
    @BOTH
    def test_shown(self, lab, family):
        """`show traces` has what requests met, like u-turns' hops."""
        with Daemon(lab, extra=ON) as d:
            hops(lab, family, ICMP, range(1, 6))
            (trace,) = d.ctl_json("show", "traces")["traces"]
            assert trace["client"] == lab.client[family]
            assert [h["address"] for h in trace["hops"]] == \
                lab.reverse(family)
            assert "answer" in trace


class TestBounds:
    @BOTH
    def test_client_limit(self, lab, family):
        """Over the limit there is silence: no probe, no reply, no echo."""
        limits = ("limit client 1/s burst 3\nlimit total off\n"
                  "limit hop off\naugsburg yes\n")
        with Daemon(lab, extra=limits) as d, Wire(lab, family) as w:
            asked = [request(family, 80 + i, 1) for i in range(40)]
            raw = ask(lab, family, asked, wait=0.02)
            settled(d, requests=40, pending=0)
            answered = d.count("requests_answered")
            assert 3 <= answered <= 10
            assert d.count("requests_dropped") == 40 - answered
            assert d.count("limited") == 40 - answered
        assert len(w.sent()) == 2 * answered
        assert sum(r is not None for r in raw) <= answered

    @BOTH
    def test_hop_limit(self, lab, family):
        """As many probes leave with one TTL as turned probes may."""
        limits = ("limit client off\nlimit total off\n"
                  "limit hop 1/s burst 4\naugsburg yes\n")
        with Daemon(lab, extra=limits) as d:
            ask(lab, family, [request(family, 90 + i, 1) for i in range(12)],
                wait=0.02)
            settled(d, requests=12)
            assert d.count("requests_probed") <= 4
            (reply,) = hops(lab, family, ICMP, (3,))
            assert reply.hop == lab.reverse(family)[2]

    @BOTH
    def test_silence_frees_the_slot(self, lab, family):
        """What meets nobody who answers is forgotten after `timeout`."""
        with Daemon(lab, extra=ON + "timeout 1s\n") as d:
            lab.iptables("C", family, "raw", "-A PREROUTING -p udp -j DROP")
            try:
                asked = [request(family, 100 + i, 9, UDP) for i in range(5)]
                assert ask(lab, family, asked, wait=0.02) == [None] * 5
                settled(d, requests_expired=5, pending=0)
                assert d.count("requests_probed") == 5
            finally:
                lab.iptables("C", family, "raw", "-F PREROUTING")

    @BOTH
    def test_hidden_hop(self, lab, family):
        hidden = lab.reverse(family)[1]
        with Daemon(lab, extra=ON + f"hide hop {hidden}\ntimeout 1s\n") as d:
            one, two, three = hops(lab, family, ICMP, (1, 2, 3), wait=1.5)
            assert two is None
            assert [one.hop, three.hop] == [lab.reverse(family)[0],
                                            lab.reverse(family)[2]]
            assert d.count("hidden") == 1
            settled(d, requests_expired=1, pending=0)

    def test_figures(self, lab):
        """Every request ends as exactly one figure."""
        with Daemon(lab, extra=ON) as d:
            for family in FAMILIES:
                hops(lab, family, UDP, (1, 2))
                ask(lab, family, [request(family, 5, 0, TCP)])
                ask(lab, family, [request(family, 6, 1, ext=b"\x10\0")])
            settled(d, requests=8, requests_probed=4, requests_answered=4,
                    requests_refused=2, requests_passed=2,
                    requests_dropped=0, requests_expired=0, pending=0,
                    probes=0, turned=0, passed=0)
            assert d.count("requests", 4, "udp") == 2
            assert d.count("requests_refused", 6, "tcp") == 1
