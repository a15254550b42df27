#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Requests for a probe to somebody else: who may, whom, and how much of it.

The target is an address of r1's that only r3 and r2 know a way to:
T r3 r2 r1, so that its hops are no hops of a way back to C.
"""

import contextlib
import struct
import subprocess
import time

import pytest
from augsburg import (BAD_EXT, BAD_TTL, HDR, ICMP, NUMBER, OK, TCP, UDP,
                      Reply, ask, extension, packed, padding_object, request,
                      target_object)
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES
from wire import Capture, ip_header_ok, l4_sum_ok, layer3, send, sum16

BOTH = pytest.mark.parametrize("family", FAMILIES)
PROTOS = pytest.mark.parametrize("proto", (ICMP, UDP, TCP))
ON = NO_LIMITS + "augsburg yes\n"
TARGET = {4: "198.51.100.200", 6: "2001:db8:77::200"}
# Of the listed prefix; nobody is there, and no router has a way.
NOBODY = {4: "198.51.100.201", 6: "2001:db8:77::201"}
PREFIX = {4: "198.51.100.192/26", 6: "2001:db8:77::/48"}
TTL_AT, PROTO_AT = {4: 8, 6: 7}, {4: 9, 6: 6}
MARK = bytes.fromhex("7554724e")
LISTENER = r"""
import socket, sys
s = socket.socket(socket.AF_INET6)
s.setsockopt(41, 26, 0)
s.bind(("::", int(sys.argv[1])))
s.listen()
print("ready", flush=True)
sys.stdin.read()
"""


def allow(lab, *families, who=None):
    """The statement; by default for C's own addresses."""
    families = families or FAMILIES
    askers = who or [lab.client[f] for f in families]
    return (f"augsburg target {{ {' '.join(PREFIX[f] for f in families)} }} "
            f"from {{ {' '.join(askers)} }}\n")


@pytest.fixture(scope="module", name="net")
def net_with_target(lab):
    """The lab, with a target at r1 and the routes to it."""
    lines = []
    for f in FAMILIES:
        lines.append(("r1", ["addr", "%s", f"{TARGET[f]}/"
                             + ("32" if f == 4 else "128"), "dev", "lo"]))
        for node, via in (("r3", "r2"), ("r2", "r1")):
            lines.append((node, ["route", "%s", TARGET[f], "via",
                                 lab.addr[via, node][f]]))
    try:
        for node, words in lines:
            lab.run(node, ["ip", *(w.replace("%s", "add") for w in words)],
                    check=True)
        yield lab
    finally:
        for node, words in lines:
            lab.run(node, ["ip", *(w.replace("%s", "del") for w in words)])


@pytest.fixture(scope="class", name="on")
def daemon_on(net):
    with Daemon(net, extra=ON + allow(net)) as d:
        yield d


def for_target(family, ident, ttl, proto=UDP, flow=0, target=None, more=()):
    return request(family, ident, ttl, proto, flow, extension(
        target_object(target or TARGET[family]), *more))


def answered(lab, family, messages, idents, **kw):
    return [r and Reply(r, family, i)
            for r, i in zip(ask(lab, family, messages, **kw), idents)]


def one(lab, family, ident, ttl, proto=UDP, **kw):
    (reply,) = answered(lab, family,
                        [for_target(family, ident, ttl, proto, **kw)],
                        [ident])
    return reply


def way(lab, family):
    return [lab.addr["r3", "T"][family], lab.addr["r2", "r3"][family],
            TARGET[family]]


def refused(reply):
    return (reply.status, reply.value) == (BAD_EXT, 0x0500)


def settled(daemon, **want):
    deadline = time.monotonic() + 10
    while True:
        have = {name: daemon.count(name) for name in want}
        if have == want:
            return
        assert time.monotonic() < deadline, (have, want)
        time.sleep(0.05)


class Seen:
    """What T has sent and got of one family, as bytes from the IP header."""

    def __init__(self, lab, family):
        self.lab, self.family = lab, family
        self.cap = Capture(lab, "T", "r3")
        self.sent, self.received = [], []

    def __enter__(self):
        self.cap.__enter__()
        return self

    def __exit__(self, *exc):
        self.cap.__exit__(*exc)
        for p in self.cap.packets():
            if p.version != self.family:
                continue
            data = layer3(p)
            # Neighbours ask for each other, too.
            if self.family == 6 and data[6] == 58 and 133 <= data[40] <= 137:
                continue
            (self.sent if p.sent else self.received).append(data)

    def ends(self, data):
        h = HDR[self.family]
        half = 4 if self.family == 4 else 16
        return data[h - 2 * half:h - half], data[h - half:h]

    def to(self, address):
        return [d for d in self.sent if self.ends(d)[1] == packed(address)]


def echo_reply(family, probe):
    """What the target would say to this echo request."""
    h = HDR[family]
    half = 4 if family == 4 else 16
    src, dst = probe[h - half:h], probe[h - 2 * half:h - half]
    icmp = bytes([0 if family == 4 else 129, 0, 0, 0]) + probe[h + 4:]
    pseudo = b"" if family == 4 else \
        src + dst + struct.pack("!II", len(icmp), 58)
    total = 0xffff - sum16(pseudo + icmp)
    icmp = icmp[:2] + struct.pack("!H", total) + icmp[4:]
    if family == 6:
        return struct.pack("!IHBB", 6 << 28, len(icmp), 58, 64) + src + dst \
            + icmp
    head = struct.pack("!BBHHHBBH", 0x45, 0, h + len(icmp), 1, 0, 64, 1, 0) \
        + src + dst
    return head[:10] + struct.pack("!H", 0xffff - sum16(head)) + head[12:] \
        + icmp


class TestServed:
    @BOTH
    @PROTOS
    def test_way(self, net, on, family, proto):
        """Hop by hop r3 r2, then the target, and it again beyond it."""
        messages = [for_target(family, i, t, proto)
                    for i, t in zip(range(100, 105), range(1, 6))]
        replies = answered(net, family, messages, range(100, 105))
        assert [r.hop for r in replies] == \
            way(net, family) + [TARGET[family]] * 2
        for r in replies:
            assert r.status == OK and r.source == net.service[family]
            assert 0 < r.rtt_ns < 2_000_000_000

    @BOTH
    @PROTOS
    @pytest.mark.parametrize("flow", (0, 0x8abc))
    def test_wire(self, net, on, family, proto, flow):
        """One probe, to the target as asked; one reply, to who asked."""
        with Seen(net, family) as seen:
            reply = one(net, family, 0x4321, 2, proto, flow=flow)
        assert reply.hop == way(net, family)[1]
        probe, answer = seen.sent
        assert seen.ends(probe) == (packed(net.service[family]),
                                    packed(TARGET[family]))
        assert seen.ends(answer) == (packed(net.service[family]),
                                     packed(net.client[family]))
        l4 = probe[HDR[family]:]
        assert ip_header_ok(probe) and l4_sum_ok(probe)
        assert probe[TTL_AT[family]] == 2
        assert probe[PROTO_AT[family]] == NUMBER[family][proto]
        want = flow or {ICMP: 0xbeaf, UDP: 53, TCP: 80}[proto]
        assert l4[2:4] == want.to_bytes(2, "big")
        if proto == TCP:
            assert l4[13] == 0x02 and l4[14:16] + l4[18:20] == MARK
        else:
            assert l4[8:12] == MARK
        (asked,) = [d for d in seen.received
                    if d[HDR[family] + 1] == 1
                    and d[HDR[family] + 4:HDR[family] + 6] == b"\x43\x21"]
        assert len(probe) + len(answer) <= 3 * len(asked)

    @BOTH
    def test_padding_behind(self, net, on, family):
        reply = one(net, family, 9, 2, more=(padding_object(64),))
        assert reply.hop == way(net, family)[1]

    @BOTH
    def test_connection_is_ended(self, net, on, family):
        """The target accepts: the reply, and a reset for the target."""
        port = 8082
        with contextlib.ExitStack() as stack:
            p = stack.enter_context(net.popen(
                "r1", ["/usr/bin/python3", "-I", "-S", "-c", LISTENER,
                       str(port)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True))
            assert p.stdout.readline() == "ready\n"
            # No reset of T's kernel: it sees no answer to anything of its.
            net.iptables("T", family, "raw", "-A PREROUTING -p tcp "
                         "--tcp-flags SYN,ACK SYN,ACK -j DROP")
            seen = stack.enter_context(Seen(net, family))
            try:
                reply = one(net, family, 11, 9, TCP, flow=port)
                time.sleep(1.5)
            finally:
                net.iptables("T", family, "raw", "-F PREROUTING")
                p.stdin.close()
        assert reply.hop == TARGET[family]
        syn, reset = [d[HDR[family]:] for d in seen.to(TARGET[family])]
        (back,) = [d[HDR[family]:] for d in seen.received
                   if d[PROTO_AT[family]] == NUMBER[family][TCP]]
        assert (syn[13], back[13], reset[13]) == (0x02, 0x12, 0x04)
        assert reset[:4] == syn[:4] and reset[4:8] == back[8:12]

    @BOTH
    def test_place(self, net, on, family):
        """It is the first object; and one of them."""
        target = target_object(TARGET[family])
        for ident, objects in enumerate((
                (padding_object(4), target),
                (target_object(net.client[family]), target),
                (target, target_object(NOBODY[family])),
                (target, target_object(net.client[family]))), 41):
            (raw,) = ask(net, family, [request(
                family, ident, 1, UDP, 0, extension(*objects))])
            assert refused(Reply(raw, family, ident)), objects

    @BOTH
    def test_bad_ttl_first(self, net, on, family):
        reply = one(net, family, 51, 0)
        assert (reply.status, reply.value) == (BAD_TTL, 0)


    def test_config(self, net, on):
        text = " ".join(on.ctl("show", "config").stdout.split())
        assert f"augsburg target {{ {PREFIX[4]} {PREFIX[6]} }} from " \
            f"{{ {net.client[4]}/32 {net.client[6]}/128 }} " in text


class TestRefused:
    @BOTH
    def test_targets(self, net, family):
        """Others, the host's own, and what is nobody's, listed or not."""
        wide = {4: "198.51.100.0/24 127.0.0.0/8 224.0.0.0/8",
                6: "2001:db8::/32 ff00::/16 fe80::/16"}[family]
        extra = f"augsburg target {{ {wide} }} from {net.client[family]}\n"
        never = {4: ["192.0.2.13", net.service[4], net.hop[4], "127.0.0.1",
                     "224.0.0.1", TARGET[6]],
                 6: ["2001:dc8::1", net.service[6], net.hop[6], "::1",
                     "ff02::1", "fe80::1", TARGET[4]]}[family]
        with Daemon(net, extra=ON + extra, hop=True) as d, \
                Seen(net, family) as seen:
            assert one(net, family, 20, 2).hop == way(net, family)[1]
            for ident, target in enumerate(never, 21):
                assert refused(one(net, family, ident, 1, target=target)), \
                    target
            settled(d, requests_probed=1, requests_refused=len(never),
                    pending=0)
        # One probe, and a reply to each request.
        assert len(seen.to(TARGET[family])) == 1
        assert len(seen.to(net.client[family])) == 1 + len(never)
        assert len(seen.sent) == 2 + len(never)

    @BOTH
    def test_who_asks(self, net, family):
        """Who is not listed, or of a group without that target, may not."""
        other = {4: "203.0.113.9", 6: "2001:db8:c::9"}[family]
        third = net.addr["r2", "r3"][family]
        extra = allow(net, family, who=[other]) + \
            f"augsburg target {third} from {net.client[family]}\n"
        with Daemon(net, extra=ON + extra) as d, Seen(net, family) as seen:
            assert refused(one(net, family, 31, 2))
            reply = one(net, family, 32, 2, target=third)
            assert (reply.status, reply.hop) == (OK, third)
            # A request of its own is nobody's matter.
            (raw,) = ask(net, family, [request(family, 33, 1)])
            assert Reply(raw, family, 33).hop == net.reverse(family)[0]
            settled(d, requests_refused=1, requests_answered=2)
        assert not seen.to(TARGET[family])

    @BOTH
    def test_denied(self, net, family):
        """What is denied for a while is not probed either."""
        with Daemon(net, extra=ON + allow(net)) as d:
            assert one(net, family, 61, 2).status == OK
            assert d.ctl("deny", PREFIX[family], "1h").returncode == 0
            assert refused(one(net, family, 62, 2))
            p = d.ctl("deny", "remove", PREFIX[family])
            assert p.returncode == 0
            assert one(net, family, 63, 2).status == OK


class TestReload:
    @BOTH
    def test_add_and_remove(self, net, family):
        with Daemon(net, extra=ON) as d:
            off = d.text
            assert refused(one(net, family, 71, 2))
            for ident in (72, 74):
                d.write(off + allow(net))
                assert d.ctl("reload").returncode == 0
                assert one(net, family, ident, 2).status == OK
                d.write(off)
                assert d.ctl("reload").returncode == 0
                assert refused(one(net, family, ident + 1, 2))

    @BOTH
    def test_bad_list_changes_nothing(self, net, family):
        with Daemon(net, extra=ON + allow(net)) as d:
            good = d.text
            d.write(good + "augsburg target 0.0.0.0/0 from 192.0.2.1\n")
            assert d.ctl("reload").returncode == 1
            assert one(net, family, 81, 2).status == OK

    @BOTH
    def test_pending_keeps_its_policy(self, net, family):
        """What was probed before the list went is still answered."""
        with Daemon(net, extra=ON + allow(net)) as d:
            icmp = "icmp" if family == 4 else "ipv6-icmp"
            net.iptables("r1", family, "raw", f"-A PREROUTING -p {icmp} -d "
                         f"{TARGET[family]} -j DROP")
            try:
                with Seen(net, family) as seen:
                    ask(net, family, [for_target(family, 91, 9, ICMP)],
                        wait=0.02)
                d.write(d.text.replace(allow(net), ""))
                assert d.ctl("reload").returncode == 0
                settled(d, requests_probed=1, requests_answered=0, pending=1)
                (probe,) = seen.to(TARGET[family])
                send(net, "r1", [echo_reply(family, probe)])
                settled(d, requests_answered=1, pending=0)
            finally:
                net.iptables("r1", family, "raw", "-F PREROUTING")
            assert refused(one(net, family, 92, 2))


class TestBounds:
    @BOTH
    def test_silence_frees_the_slot(self, net, family):
        with Daemon(net, extra=ON + allow(net) + "timeout 1s\n") as d:
            net.iptables("r1", family, "raw", "-A PREROUTING -p udp -d "
                         f"{TARGET[family]} -j DROP")
            try:
                messages = [for_target(family, i, 9) for i in range(5)]
                assert ask(net, family, messages, wait=0.02) == [None] * 5
                settled(d, requests_probed=5, requests_expired=5, pending=0)
            finally:
                net.iptables("r1", family, "raw", "-F PREROUTING")

    @BOTH
    def test_no_trace(self, net, family):
        """A way to somebody else is no way back to a client."""
        with Daemon(net, extra=ON + allow(net)) as d:
            one(net, family, 13, 2)
            assert d.ctl_json("show", "traces")["traces"] == []

    @BOTH
    def test_target_pays(self, net, family):
        """Many who ask have one target's limit between them."""
        second = net.addr["r2", "r3"][family]
        who = [net.client[family], second]
        limits = ("limit client 1/s burst 4\nlimit total off\n"
                  "limit hop off\naugsburg yes\nallow from any\n")
        with Daemon(net, extra=limits + allow(net, family, who=who)) as d, \
                Seen(net, family) as seen:
            ask(net, family, [for_target(family, i, 1) for i in range(12)],
                wait=0.02)
            settled(d, requests=12, pending=0)
            first = d.count("requests_probed")
            assert 4 <= first <= 6
            # Another prefix asks for the same: what is left is next to none.
            ask(net, family, [for_target(family, i, 1) for i in range(8)],
                node="r2", wait=0.02)
            settled(d, requests=20, pending=0)
            probed = d.count("requests_probed")
            assert probed - first <= 2
            assert d.count("requests_dropped") == 20 - probed
            # For itself, it has all of its own left.
            ask(net, family, [request(family, i, 1) for i in range(3)],
                node="r2", wait=0.05)
            settled(d, requests=23, pending=0, requests_probed=probed + 3)
        assert len(seen.to(TARGET[family])) == probed

    @BOTH
    def test_hop_limit(self, net, family):
        """Probes to others count among those that leave with one TTL."""
        limits = ("limit client off\nlimit total off\n"
                  "limit hop 1/s burst 4\naugsburg yes\n")
        with Daemon(net, extra=limits + allow(net, family)) as d:
            ask(net, family, [for_target(family, i, 1) for i in range(12)],
                wait=0.02)
            settled(d, requests=12)
            assert d.count("requests_probed") <= 4
