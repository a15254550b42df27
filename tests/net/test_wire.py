#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Turned probes and answers, byte by byte, as they pass T's interface.

A probe that leaves C with TTL n reaches T with n - 3: with FIRST it is at the
inflection point, with FIRST + k its turned form dies at reverse hop k.
"""

import ipaddress
import time

import clients
import pytest
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES, Lab
from wire import (ICMP, IP, TCP, UDP, Capture, IPv6, Raw, ip_header_ok,
                  l4_sum_ok, layer3, send, sum16)

from scapy.layers.inet6 import ICMPv6EchoRequest

FIRST = 4
MARK = bytes.fromhex("7554724e")
NAME = bytes.fromhex("08") + b"u-turn\0"
SPORT, DPORT = 45000, 33440
TOS, FLOW, IPID = 0xb8, 0x2beef, 0x1234
# Any piece of it is recognised in another packet.
PATTERN = bytes(0x41 + i % 26 for i in range(1400))

BOTH = pytest.mark.parametrize("family", FAMILIES)
METHODS = pytest.mark.parametrize("method", clients.METHODS)
HDR = {4: 20, 6: 40}
TTL_AT = {4: 8, 6: 7}
PROTO_AT = {4: 9, 6: 6}
TIMEX = {4: 11, 6: 3}
UNREACH_PORT = {4: (3, 3), 6: (1, 4)}
ICMP_PROTO = {4: 1, 6: 58}
L4 = {"udp": 8, "icmp": 8, "tcp": 40}

OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 0)),
           ("NOP", None), ("WScale", 2)]


def ip_layer(lab, family, ttl, src=None):
    src, dst = src or lab.client[family], lab.service[family]
    if family == 4:
        return IP(src=src, dst=dst, ttl=ttl, id=IPID, tos=TOS)
    return IPv6(src=src, dst=dst, hlim=ttl, tc=TOS, fl=FLOW)


def probe(lab, family, method, ttl, length=None, seq=1, sport=SPORT,
          **fields):
    """A probe's bytes; length is that of the whole packet."""
    ip = ip_layer(lab, family, ttl)
    length = length or HDR[family] + 40
    room = length - HDR[family] - L4[method]
    data = PATTERN[:room]
    if method == "udp":
        l4 = UDP(sport=sport, dport=DPORT, **fields)
    elif method == "tcp":
        assert room == 0
        l4 = TCP(sport=sport, dport=clients.TCP_PORT, flags="S",
                 seq=0x01020300 + seq, window=5840, options=OPTIONS,
                 **fields)
    elif family == 4:
        l4 = ICMP(type=8, id=0x4321, seq=seq, **fields)
    else:
        l4 = ICMPv6EchoRequest(id=0x4321, seq=seq, **fields)
    packet = ip / l4 / Raw(data) if data else ip / l4
    data = bytes(packet)
    assert len(data) == length
    return data


class Exchange:
    """What passed T between the probes and `wait` seconds after the last."""

    def __init__(self, lab, family, probes, wait=0.15, gap=0.05):
        self.lab, self.family = lab, family
        with Capture(lab, "T", "r3") as cap:
            send(lab, "C", probes, gap)
            time.sleep(wait)
        self.packets = [(p.sent, layer3(p), p.time) for p in cap.packets()]
        self.client = packed(lab.client[family])
        self.service = packed(lab.service[family])

    def _src(self, data):
        return data[12:16] if self.family == 4 else data[8:24]

    def _error(self, data):
        h = HDR[self.family]
        if data[PROTO_AT[self.family]] != ICMP_PROTO[self.family]:
            return False
        return data[h] in (3, 11, 12) if self.family == 4 else data[h] < 128

    def probes(self):
        return [d for sent, d, _ in self.packets
                if not sent and self._src(d) == self.client]

    def turned(self):
        """What T sent that is no error and has a low TTL."""
        return [d for sent, d, _ in self.packets
                if sent and not self._error(d)
                and d[TTL_AT[self.family]] < 32]

    def errors(self):
        """Errors that came to T."""
        return [d for sent, d, _ in self.packets
                if not sent and self._error(d)]

    def answers(self):
        """Errors that T sent."""
        return [d for sent, d, _ in self.packets if sent and self._error(d)]

    def plain(self):
        """What T sent with a TTL of its own choice, errors or not."""
        return [d for sent, d, _ in self.packets
                if sent and d[TTL_AT[self.family]] >= 32]

    def time_of(self, data):
        return next(float(t) for _, d, t in self.packets if d == data)


def packed(address):
    return ipaddress.ip_address(address).packed


def exchange(lab, family, method, hop, length=None, **fields):
    """One probe for reverse hop `hop`; the gate is opened first."""
    first = [] if method == "udp" else [probe(lab, family, method, FIRST,
                                              length, seq=1)]
    return Exchange(lab, family, first + [
        probe(lab, family, method, FIRST + hop, length, seq=2, **fields)])


def ends(family, data):
    """Source and destination."""
    if family == 4:
        return data[12:16], data[16:20]
    return data[8:24], data[24:40]


def swapped(family, data):
    """The probe turned round in the plainest way: what a true answer to it
    would look like, with everything else kept."""
    h = HDR[family]
    src, dst = ends(family, data)
    out = bytearray(data)
    out[h - len(src) * 2:h] = dst + src
    proto = data[PROTO_AT[family]]
    if proto in (6, 17):
        out[h:h + 4] = data[h + 2:h + 4] + data[h:h + 2]
    else:
        out[h] = 0 if family == 4 else 129
        out[h + 2:h + 4] = b"\0\0"
        pseudo = b"" if family == 4 else bytes(out[8:40]) + bytes(
            [0, 58]) + (len(data) - h).to_bytes(2, "big")
        out[h + 2:h + 4] = (0xffff ^ sum16(pseudo + bytes(out[h:]))) \
            .to_bytes(2, "big")
    return bytes(out)


def check_header(family, sent, turned):
    """IP header of a turned probe, from the one that arrived."""
    assert len(turned) == len(sent)
    assert turned[TTL_AT[family]] == sent[TTL_AT[family]] - 1
    assert turned[PROTO_AT[family]] == sent[PROTO_AT[family]]
    assert ends(family, turned) == ends(family, sent)[::-1]
    assert ip_header_ok(turned)
    if family == 4:
        assert turned[:4] == sent[:4]		# version, TOS, length
        assert turned[4:6] != b"\0\0"
    else:
        assert turned[:6] == sent[:6]		# class, flow label, length


def sum_at(family, method):
    return HDR[family] + {"udp": 6, "icmp": 2, "tcp": 16}[method]


def check_payload(payload, sent):
    """Mark, compensation, cookie, zeros; nothing of the sender's."""
    assert len(payload) == len(sent)
    assert payload[:4] == MARK
    assert payload[6:10] != b"\0" * 4
    assert not any(payload[14:])
    assert payload[6:14] != sent[6:14]


@pytest.fixture(scope="class", name="router")
def router_daemon(lab):
    with Daemon(lab, relay="router") as daemon:
        yield daemon


@pytest.mark.usefixtures("router")
class TestTurned:
    @BOTH
    @METHODS
    @pytest.mark.parametrize("hop", (1, 3))
    def test_header(self, lab, family, method, hop):
        x = exchange(lab, family, method, hop)
        assert len(x.turned()) == 1
        check_header(family, x.probes()[-1], x.turned()[0])
        assert l4_sum_ok(x.turned()[0])

    @BOTH
    @pytest.mark.parametrize("length", (None, 100, 101, 600, 1280))
    def test_udp(self, lab, family, length):
        x = exchange(lab, family, "udp", 2, length)
        sent, turned = x.probes()[0], x.turned()[0]
        h = HDR[family]
        check_header(family, sent, turned)
        plain = swapped(family, sent)
        # Ports, length and checksum are those of plain swapping.
        assert turned[h:h + 8] == plain[h:h + 8]
        assert l4_sum_ok(turned)
        check_payload(turned[h + 8:], sent[h + 8:])

    @BOTH
    @pytest.mark.parametrize("length", (None, 101, 600))
    def test_icmp(self, lab, family, length):
        x = exchange(lab, family, "icmp", 2, length)
        sent, turned = x.probes()[-1], x.turned()[0]
        h = HDR[family]
        check_header(family, sent, turned)
        # Type, code, checksum, id and sequence are those of the reply.
        assert turned[h:h + 8] == swapped(family, sent)[h:h + 8]
        assert l4_sum_ok(turned)
        check_payload(turned[h + 8:], sent[h + 8:])

    @BOTH
    def test_tcp(self, lab, family):
        x = exchange(lab, family, "tcp", 2)
        sent, turned = x.probes()[-1], x.turned()[0]
        h = HDR[family]
        check_header(family, sent, turned)
        assert turned[h:h + 4] == swapped(family, sent)[h:h + 4]
        seq = int.from_bytes(sent[h + 4:h + 8], "big")
        assert turned[h + 8:h + 12] == (seq + 1).to_bytes(4, "big")
        assert turned[h + 12] == sent[h + 12]	# same header length
        assert turned[h + 13] == 0x14		# RST, ACK
        assert turned[h + 20:] == b"\x01" * 20	# options as NOPs
        assert l4_sum_ok(turned)

    @BOTH
    def test_tcp_cookie_differs(self, lab, family):
        h = HDR[family]
        cookies = set()
        for _ in range(3):
            turned = exchange(lab, family, "tcp", 2).turned()
            cookies.add(turned[0][h + 4:h + 8])
        assert len(cookies) == 3

    def test_udp_without_checksum(self, lab):
        x = exchange(lab, 4, "udp", 2, chksum=0)
        turned = x.turned()[0]
        assert turned[26:28] == b"\0\0"
        check_payload(turned[28:], PATTERN[:32])

    @pytest.mark.parametrize("room", range(0, 15))
    def test_short_payload(self, lab, room):
        """IPv4 UDP: the sender's bytes never come back, however few."""
        x = exchange(lab, 4, "udp", 1, 28 + room)
        sent, turned = x.probes()[0], x.turned()[0]
        check_header(4, sent, turned)
        assert turned[20:26] == swapped(4, sent)[20:26]
        assert l4_sum_ok(turned)
        if room >= 6:
            assert turned[26:28] == sent[26:28]
        if room >= 4:
            assert turned[28:32] == MARK
            assert turned[28:] != sent[28:]
        assert len(x.answers()) == 1

    @pytest.mark.parametrize("method", ("udp", "icmp"))
    @pytest.mark.parametrize("room", (0, 9, 10))
    def test_no_room_for_a_cookie(self, lab, method, room):
        """IPv6 below ten bytes of payload: left to the kernel."""
        x = exchange(lab, 6, method, 1, 48 + room)
        assert len(x.turned()) == (1 if room == 10 else 0)
        if room < 10:
            assert x.plain()

    def test_ids(self, lab):
        """IPv4 ids: never 0, none twice for one client."""
        x = Exchange(lab, 4, [probe(lab, 4, "udp", FIRST + 1, sport=46000 + i)
                              for i in range(100)], gap=0.005)
        ids = [d[4:6] for d in x.turned()]
        assert len(ids) == 100 == len(set(ids))
        assert b"\0\0" not in ids
        steps = {(int.from_bytes(b, "big") - int.from_bytes(a, "big")) % 65536
                 for a, b in zip(ids, ids[1:])}
        assert len(steps) > 50			# no counter

    @BOTH
    def test_cookies_differ(self, lab, family):
        x = Exchange(lab, family, [
            probe(lab, family, "udp", FIRST + 1, sport=46000 + i)
            for i in range(10)])
        at = HDR[family] + 8 + 6
        assert len({d[at:at + 8] for d in x.turned()}) == 10

    @BOTH
    def test_not_ours(self, lab, family):
        """What the selection lets through but is no probe for us: the kernel
        answers, nothing is turned."""
        marked = bytes(ip_layer(lab, family, FIRST + 1)
                       / UDP(sport=SPORT, dport=DPORT)
                       / Raw(MARK + PATTERN[:28]))
        for bad in (marked, probe(lab, family, "udp", FIRST + 1, sport=53),
                    probe(lab, family, "udp", FIRST + 1, sport=1023)):
            x = Exchange(lab, family, [bad])
            assert not x.turned(), bad.hex()
            assert len(x.answers()) == 1
            h = HDR[family]
            assert tuple(x.answers()[0][h:h + 2]) == UNREACH_PORT[family]

    @BOTH
    def test_wrong_checksum(self, lab, family):
        x = exchange(lab, family, "udp", 1, chksum=0x1111)
        assert not x.turned() and not x.answers()

    def test_ipv4_options(self, lab):
        packet = ip_layer(lab, 4, FIRST + 1)
        packet.options = b"\x01\x01\x01\x00"
        x = Exchange(lab, 4, [bytes(packet / UDP(sport=SPORT, dport=DPORT)
                                    / PATTERN[:32])])
        assert x.probes() and not x.turned()

    @BOTH
    def test_ungated_echo(self, lab, family):
        """A ping that happens to arrive with a low TTL gets its reply."""
        with Lab() as fresh, Daemon(fresh):
            x = Exchange(fresh, family,
                         [probe(fresh, family, "icmp", FIRST + 5)])
        assert not x.turned() and len(x.plain()) == 1
        assert x.plain()[0][HDR[family]] == (0 if family == 4 else 129)


@pytest.mark.usefixtures("mirror")
class TestMirror:
    @pytest.fixture(scope="class", name="mirror")
    def mirror_daemon(self, lab):
        with Daemon(lab, turn="mirror") as daemon:
            yield daemon

    @BOTH
    @METHODS
    def test_turned(self, lab, family, method):
        """As it came: ports, type and flags are the probe's own."""
        x = exchange(lab, family, method, 1)
        sent, turned = x.probes()[-1], x.turned()[0]
        h = HDR[family]
        check_header(family, sent, turned)
        assert l4_sum_ok(turned)
        at = sum_at(family, method)
        if method == "tcp":
            assert turned[h:h + 4] == sent[h:h + 4]
            assert turned[h + 13] == 0x02
            return
        assert turned[h:h + 8] == sent[h:h + 8]
        assert turned[at:at + 2] == sent[at:at + 2]
        check_payload(turned[h + 8:], sent[h + 8:])


def check_error(family, answer, src, client, kind):
    """Addresses, type and checksum of an error that T sent."""
    h = HDR[family]
    assert ends(family, answer) == (packed(src), packed(client))
    assert tuple(answer[h:h + 2]) == kind
    assert ip_header_ok(answer) and l4_sum_ok(answer)


def check_sums(x):
    """Answers to the last probe: 3x its bytes, with the turned one 4x."""
    sent = x.probes()[-1]
    mine = [d for d in x.answers()
            if quoted(x.family, d).startswith(sent[:128])]
    answers = sum(len(d) for d in mine)
    assert 0 < answers <= 3 * len(sent)
    assert answers + sum(len(d) for d in x.turned()) <= 4 * len(sent)


def quoted(family, answer):
    return answer[HDR[family] + 8:]


@pytest.mark.usefixtures("router")
class TestRouterForm:
    @BOTH
    @METHODS
    @pytest.mark.parametrize("hop", (1, 2, 3, 4))
    def test_answer(self, lab, family, method, hop):
        x = exchange(lab, family, method, hop)
        answer = x.answers()[-1]
        check_error(family, answer, lab.reverse(family)[hop - 1],
                    lab.client[family], (TIMEX[family], 0))
        # The quote is the probe as it reached T, whole.
        assert quoted(family, answer) == x.probes()[-1]
        check_sums(x)

    @BOTH
    @METHODS
    def test_inflection(self, lab, family, method):
        x = Exchange(lab, family, [probe(lab, family, method, FIRST)])
        assert len(x.answers()) == 1 and not x.turned()
        check_error(family, x.answers()[0], lab.service[family],
                    lab.client[family], (TIMEX[family], 0))
        assert quoted(family, x.answers()[0]) == x.probes()[0]
        check_sums(x)

    @BOTH
    def test_long_quote(self, lab, family):
        """Of a long probe at least 128 bytes are quoted, all of them its."""
        x = exchange(lab, family, "udp", 2, 1200)
        quote = quoted(family, x.answers()[0])
        assert len(quote) >= 128
        assert x.probes()[0].startswith(quote)

    @BOTH
    def test_one_answer(self, lab, family):
        """And none more at `settle`, 400 ms later."""
        x = Exchange(lab, family, [probe(lab, family, "udp", FIRST + 1)],
                     wait=0.6)
        assert (len(x.turned()), len(x.errors()), len(x.answers())) == \
            (1, 1, 1)


@pytest.mark.usefixtures("own")
class TestOwnForm:
    @pytest.fixture(scope="class", name="own")
    def own_daemon(self, lab):
        with Daemon(lab, relay="own", hop=True) as daemon:
            yield daemon

    @staticmethod
    def extension(family, router, got, time=True, name=True):
        """RFC 4884 section 8, RFC 5837 section 4: header and objects.

        The time to the router is what it is: it is taken from got, and must
        be sensible.
        """
        addr = packed(router)
        body = (1 if family == 4 else 2).to_bytes(2, "big") + b"\0\0" + addr
        ctype = 0xc4
        if name:
            body, ctype = body + NAME, ctype | 0x02
        obj = (4 + len(body)).to_bytes(2, "big") + bytes([2, ctype]) + body
        if time:
            assert got[-8:-4] == b"\0\x08\xf7\x01"
            assert 0 < int.from_bytes(got[-4:], "big") < 3000000
            obj += got[-8:]
        head = b"\x20\0"
        check = 0xffff ^ sum16(head + b"\0\0" + obj)
        return head + check.to_bytes(2, "big") + obj

    @BOTH
    @METHODS
    @pytest.mark.parametrize("hop", (1, 4))
    def test_answer(self, lab, family, method, hop):
        x = exchange(lab, family, method, hop)
        answer = x.answers()[-1]
        h = HDR[family]
        check_error(family, answer, lab.hop[family], lab.client[family],
                    (TIMEX[family], 0))
        # The length of the quote, in words of 32 and 64 bits.
        at, words = (5, 32) if family == 4 else (4, 16)
        assert answer[h + at] == words
        assert answer[h + 4:h + 8].count(0) == 3
        quote = quoted(family, answer)[:128]
        assert quote == x.probes()[-1].ljust(128, b"\0")
        got = quoted(family, answer)[128:]
        assert got == self.extension(
            family, lab.reverse(family)[hop - 1], got, name=family == 6)
        check_sums(x)

    @pytest.mark.parametrize("family, length, parts", (
        (4, 28, 0), (4, 57, 0), (4, 58, 1), (4, 59, 1), (4, 60, 2),
        (4, 62, 2), (4, 63, 3), (4, 200, 3),
        (6, 67, 0), (6, 68, 1), (6, 70, 1), (6, 71, 2), (6, 73, 2),
        (6, 74, 3), (6, 200, 3)))
    def test_what_fits(self, lab, family, length, parts):
        """Address, time and name are there as soon as three times the probe
        holds them, and no byte earlier."""
        x = exchange(lab, family, "udp", 2, length)
        answer, sent = x.answers()[0], x.probes()[0]
        assert len(answer) <= 3 * length
        quote = quoted(family, answer)
        if parts:
            assert quote[:128] == sent[:128].ljust(128, b"\0")
            assert quote[128:] == self.extension(
                family, lab.reverse(family)[1], quote[128:],
                parts >= 2, parts >= 3)
        else:
            assert quote == sent

    @BOTH
    def test_inflection(self, lab, family):
        """From the hop address, without an object."""
        x = Exchange(lab, family, [probe(lab, family, "udp", FIRST)])
        check_error(family, x.answers()[0], lab.hop[family],
                    lab.client[family], (TIMEX[family], 0))
        assert quoted(family, x.answers()[0]) == x.probes()[0]


# Runs at C: sends a UDP probe from a bound socket and keeps it open, so that
# the client's own kernel swallows the turned probe without a word.
SWALLOW = """
import socket, sys, time
family, dst, ttl = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
v6 = family == 6
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET,
                  socket.SOCK_DGRAM)
s.bind(("", 45000))
s.setsockopt(socket.IPPROTO_IPV6 if v6 else socket.IPPROTO_IP,
             socket.IPV6_UNICAST_HOPS if v6 else socket.IP_TTL, ttl)
s.sendto(b"x" * 32, (dst, 33440))
time.sleep(1.5)
"""


@pytest.mark.usefixtures("router")
class TestFinal:
    @BOTH
    def test_swallowed(self, lab, family):
        """Nothing matched within `settle` (400 ms): the final answer, with
        the turned probe's own TTL."""
        ttl = FIRST + 7
        with Capture(lab, "T", "r3") as cap:
            lab.run("C", ["/usr/bin/python3", "-c", SWALLOW, str(family),
                          lab.service[family], str(ttl)], check=True)
        got = cap.packets()
        assert [p.sent for p in got] == [False, True, True]
        sent, turned, final = (layer3(p) for p in got)
        check_header(family, sent, turned)
        check_error(family, final, lab.service[family], lab.client[family],
                    UNREACH_PORT[family])
        assert quoted(family, final) == sent
        assert final[TTL_AT[family]] == turned[TTL_AT[family]]
        assert 0.39 <= got[2].time - got[1].time < 0.8

    @BOTH
    def test_client_says_unreachable(self, lab, family):
        """The client's own error is the end at once: port unreachable."""
        x = exchange(lab, family, "udp", 7)
        assert len(x.errors()) == 1 and len(x.answers()) == 1
        check_error(family, x.answers()[0], lab.service[family],
                    lab.client[family], UNREACH_PORT[family])
        assert x.time_of(x.answers()[0]) - x.time_of(x.turned()[0]) < 0.2


class TestForged:
    """r5 is silent, so that a probe to hop 2 stays open for a forger."""

    @pytest.fixture(scope="class", params=FAMILIES)
    def silent(self, request):
        family = request.param
        with Lab() as lab:
            kind = "-p icmp" if family == 4 else "-p ipv6-icmp"
            lab.iptables("r5", family, "filter", f"-A OUTPUT {kind} -j DROP")
            with Daemon(lab, extra=NO_LIMITS + "settle 3s\n") as daemon:
                yield lab, daemon, family

    @staticmethod
    def error(lab, family, quote, code=0):
        """A time exceeded from r2 that quotes this."""
        h = bytes([TIMEX[family], code, 0, 0, 0, 0, 0, 0]) + quote
        if family == 4:
            ip = IP(src=lab.addr["r2", "r1"][4], dst=lab.service[4], ttl=60,
                    proto=1)
        else:
            ip = IPv6(src=lab.addr["r2", "r1"][6], dst=lab.service[6],
                      hlim=60, nh=58)
        data = bytearray(bytes(ip / Raw(h)))
        at = HDR[family]
        pseudo = b"" if family == 4 else bytes(data[8:40]) + bytes(
            [0, 58]) + len(h).to_bytes(2, "big")
        check = 0xffff ^ sum16(pseudo + bytes(data[at:]))
        data[at + 2:at + 4] = check.to_bytes(2, "big")
        return bytes(data)

    @staticmethod
    def wait(daemon, name, before):
        """The counter's growth, given a moment."""
        for _ in range(50):
            if daemon.count(name) > before:
                break
            time.sleep(0.01)
        return daemon.count(name) - before

    def attempt(self, silent, sport, change):
        """Turn a probe, answer it with a changed quote; counters' growth and
        the answers that T sent then."""
        lab, daemon, family = silent
        names = ("relayed", "forged", "unmatched", "duplicate")
        before = {n: daemon.count(n) for n in names}
        x = Exchange(lab, family, [probe(lab, family, "udp", FIRST + 2,
                                         sport=sport)], wait=0.1)
        turned = bytearray(x.turned()[0])
        turned[TTL_AT[family]] = 1
        forged = [self.error(lab, family, bytes(q)) for q in change(turned)]
        with Capture(lab, "T", "r3") as cap:
            send(lab, "r2", forged, gap=0.05)
            time.sleep(0.2)
        answers = [layer3(p) for p in cap.packets() if p.sent]
        grown = {n: daemon.count(n) - before[n] for n in names}
        return grown, answers

    def test_true(self, silent):
        """The control: an unchanged quote is relayed, another is not."""
        grown, answers = self.attempt(silent, 47001, lambda t: [t, t])
        assert len(answers) == 1
        assert grown == {"relayed": 1, "forged": 0, "unmatched": 0,
                         "duplicate": 1}

    def test_wrong_secret(self, silent):
        """IPv4: another id; IPv6: another cookie."""
        def change(turned):
            at = 5 if silent[2] == 4 else HDR[6] + 8 + 7
            turned[at] ^= 0x5a
            return [turned]

        grown, answers = self.attempt(silent, 47002, change)
        assert not answers
        assert grown == {"relayed": 0, "forged": 1, "unmatched": 0,
                         "duplicate": 0}

    def test_other_port(self, silent):
        def change(turned):
            turned[HDR[silent[2]] + 3] ^= 0x01
            return [turned]

        grown, answers = self.attempt(silent, 47004, change)
        assert not answers and grown["relayed"] == 0
        assert grown["unmatched"] + grown["forged"] == 1

    def test_ttl_above_what_was_sent(self, silent):
        def change(turned):
            turned[TTL_AT[silent[2]]] = 200
            return [turned]

        grown, answers = self.attempt(silent, 47006, change)
        assert not answers and grown["relayed"] == 0

    def test_bad_checksum(self, silent):
        lab, daemon, family = silent
        before = daemon.count("relayed")
        x = Exchange(lab, family, [probe(lab, family, "udp", FIRST + 2,
                                         sport=47008)], wait=0.1)
        bad = bytearray(self.error(lab, family, x.turned()[0]))
        bad[HDR[family] + 2] ^= 0xff
        with Capture(lab, "T", "r3") as cap:
            send(lab, "r2", [bytes(bad)])
            time.sleep(0.2)
        assert not [p for p in cap.packets() if p.sent]
        assert daemon.count("relayed") == before
