#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""What is no probe: T answers and delivers it as if uturnd were not there.

Each packet is sent to T without the daemon first, then with it: what T sends
must be the same, byte for byte but for what the kernel makes up anew each
time (identifications, flow labels, sequence numbers, timestamps), and what
its programs receive must be the same.
"""

import collections
import socket
import struct
import threading

import pytest
from attack import (HDR, ICMP_PROTO, PATIENCE, TIMEX, Counters, Sender, Tap,
                    ends, fragments4, fragments6, inside, is_error, packed,
                    probe, quoted)
from daemon import Daemon, config
from lab import FAMILIES, Lab
from ordinary import (BGP, CLOSED, DHCP, GROUPS, HTTP, MDNS, SERVICE_PORT,
                      SMALL, SSH, WAY, Builder, gated, host_things, refused,
                      things)

TCP_OPEN = (BGP, SSH, HTTP)	# HTTP and CLOSED are ports of probes
UDP_OPEN = (SERVICE_PORT, MDNS, DHCP, 5000)
RAW_OPEN = (89, 112)		# OSPF, VRRP
GREETING = b"220 here\r\n"

BOTH = pytest.mark.parametrize("family", FAMILIES)
SERVED = ("inflections", "turned", "relayed", "ended", "dropped", "late",
          "expired", "send_failed", "capped")


@pytest.fixture(scope="module", name="lab")
def own_lab():
    with Lab(delay=0) as lab:
        yield lab


class Programs:
    """What runs at T: servers, and listeners that keep what they get."""

    def __init__(self, lab):
        self.lab = lab
        self.servers, self.keepers = [], []
        with inside(lab, "T"):
            for port in TCP_OPEN:
                self.servers.append(socket.create_server(
                    ("::", port), family=socket.AF_INET6,
                    dualstack_ipv6=True, backlog=64))
            for family in FAMILIES:
                self._listen(family)
        for s in self.servers:
            threading.Thread(target=self._greet, args=(s,),
                             daemon=True).start()

    def _listen(self, family):
        af = socket.AF_INET if family == 4 else socket.AF_INET6
        for port in UDP_OPEN:
            s = socket.socket(af, socket.SOCK_DGRAM)
            if family == 6:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            s.bind(("", port))
            self.keepers.append((port, s))
            if port == MDNS:
                self._join(family, s)
        for proto in RAW_OPEN:
            s = socket.socket(af, socket.SOCK_RAW, proto)
            self.keepers.append((proto, s))

    @staticmethod
    def _join(family, s):
        index = socket.if_nametoindex("r3")
        for group in GROUPS[family]:
            if family == 4:
                s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                             packed(group) + bytes(4)
                             + struct.pack("=i", index))
            else:
                s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
                             packed(group) + struct.pack("=i", index))

    @staticmethod
    def _greet(server):
        while True:
            try:
                s, _ = server.accept()
            except OSError:
                return
            with s:
                try:
                    s.sendall(GREETING)
                except OSError:
                    pass

    def delivered(self):
        """What has come since it was asked before."""
        out = []
        for name, s in self.keepers:
            while True:
                try:
                    data, addr = s.recvfrom(65535, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
                out.append((name, addr[0], bytes(data[-100:])))
        return sorted(out)

    def close(self):
        for s in self.servers:
            s.shutdown(socket.SHUT_RDWR)
            s.close()
        for _, s in self.keepers:
            s.close()


# What T sent, and the programs got


def normal(data):
    """Without what the kernel makes up anew each time."""
    d = bytearray(data)
    family = d[0] >> 4
    h = HDR[family]
    if family == 4:
        d[4:6] = d[10:12] = b"\0\0"
        h = (d[0] & 15) * 4
        if d[9] == 1 and d[h] == 14:		# timestamp reply
            d[h + 2:h + 4] = b"\0\0"
            d[h + 12:h + 20] = bytes(8)
        proto = d[9]
    else:
        d[1] &= 0xf0
        d[2:4] = b"\0\0"
        proto = d[6]
    if proto == 6:
        d[h + 16:h + 18] = b"\0\0"
        if d[h + 13] & 0x12 == 0x12:
            d[h + 4:h + 8] = bytes(4)
    return bytes(d)


class Watcher:
    """Sends things, and tells what T made of them."""

    def __init__(self, lab, family, nodes, programs):
        self.lab, self.family = lab, family
        self.nodes, self.programs = nodes, programs
        self.b = Builder(lab, family)
        self.count = 0

    def _sent(self, tap):
        """Not the reports of T's own memberships."""
        return [normal(d) for d in tap.sent()
                if d[0] >> 4 == self.family
                and not (self.family == 4 and d[9] == 2)]

    def _send(self, packets, link):
        if link is None:
            self.nodes["C"].send(*packets)
        else:
            self.nodes["r3"].frame("T", *packets, dst=link or None)

    def _fence(self, link):
        """An ordinary ping; how its reply is known."""
        self.count += 1
        ident = 0x7000 + self.count
        src = self.b.client if link is None else self.b.r3
        self._send([self.b.ping(64, src=src, ident=ident)],
                   None if link is None else "")
        return ident.to_bytes(2, "big")

    def look(self, thing, want=None):
        """(what T sent, what its programs got), sorted.

        want: the same from before; it is waited for, and a moment for what
        would be too much.
        """
        self.programs.delivered()
        got = []
        with Tap(self.lab, "T", "r3") as tap:
            self._send(thing.packets, thing.link)
            if want is not None:
                tap.until(lambda: len(self._sent(tap)) >= len(want[0]))
            # When the ping behind it is answered, so is all before.
            mark = self._fence(thing.link)
            assert tap.until(lambda: [d for d in self._sent(tap)
                                      if self.is_fence(d, mark)]), thing.name
            if want is not None:
                tap.until(lambda: self._more(got) >= len(want[1]))
            tap.quiet(0.05)
            sent = [d for d in self._sent(tap) if not self.is_fence(d, mark)]
        self._more(got)
        return sorted(sent), sorted(got)

    def _more(self, got):
        got += self.programs.delivered()
        return len(got)

    def is_fence(self, data, mark):
        h = HDR[self.family]
        proto = data[9] if self.family == 4 else data[6]
        return proto == ICMP_PROTO[self.family] and \
            data[h] == (0 if self.family == 4 else 129) and \
            data[h + 4:h + 6] == mark


@pytest.fixture(scope="module", name="nodes")
def senders(lab):
    nodes = {n: Sender(lab, n) for n in ("C", "r2", "r3")}
    yield nodes
    for s in nodes.values():
        s.close()


@pytest.fixture(scope="module", name="programs")
def programs_at_t(lab):
    programs = Programs(lab)
    yield programs
    programs.close()


@pytest.fixture(scope="module", name="before")
def without_daemon(lab, nodes, programs):
    """What T does with all of it by itself, and that it does as is said."""
    out = {}
    for family in FAMILIES:
        watcher = Watcher(lab, family, nodes, programs)
        for thing in things(watcher.b):
            seen = watcher.look(thing)
            assert thing.answered in (None, bool(seen[0])), thing.name
            out[family, thing.name] = seen
        # Each program that can be reached at all was.
        heard = {got[0] for key, (_, all_got) in out.items()
                 if key[0] == family for got in all_got}
        assert heard == {*UDP_OPEN, *RAW_OPEN} - ({DHCP} if family == 6
                                                  else set())
    return out


def text(lab, daemon):
    """As always, and a second TCP port of probes, where nothing listens."""
    return config(lab, daemon.run_dir, hop=True).replace(
        f"port {{ {HTTP} }}", f"port {{ {HTTP} {CLOSED} }}")


@pytest.fixture(scope="class", name="mode",
                params=("printed", "wide"))
def daemon_and_rules(request, lab, before):
    """The printed rules, or ones that queue whatever reaches T."""
    assert before
    mode = request.param
    daemon = Daemon(lab, rules=mode == "printed")
    daemon.write(text(lab, daemon))
    with daemon:
        if mode == "wide":
            for family in FAMILIES:
                lab.iptables("T", family, "mangle", "-A INPUT -i r3 -j "
                             "NFQUEUE --queue-num 33434 --queue-bypass")
        yield mode, daemon
        daemon.unload_rules()


def differences(want, got):
    """What is not as it was, in words."""
    out = []
    for name, w in want.items():
        for what, a, b in zip(("sent", "delivered", "counted"), w, got[name]):
            if what == "sent":
                a, b = [d.hex() for d in a], [d.hex() for d in b]
            if a != b:
                out.append(f"{name}: {what}: {b}, not {a}")
    return out


class TestUnchanged:
    @BOTH
    def test_all(self, lab, nodes, programs, before, mode, family):
        """The same answers, the same delivered; nothing is served."""
        form, daemon = mode
        watcher = Watcher(lab, family, nodes, programs)
        counters = Counters(daemon)
        start = Counters(daemon)
        want, got = {}, {}
        for thing in things(watcher.b):
            if form == "wide" and thing.wide is None:
                continue
            expect = before[family, thing.name]
            growth = self.growth(thing, form)
            want[thing.name] = (*expect, growth)
            seen = watcher.look(thing, expect)
            # A reset may come after the fence.
            grown = counters.take(lambda g, w=growth: g == w, timeout=2)
            got[thing.name] = (*seen, grown)
        assert not differences(want, got)
        served = {k: n for k, n in start.peek().items() if k[0] in SERVED}
        assert not served

    @staticmethod
    def growth(thing, form):
        """The counters that this should change."""
        if form == "printed":
            return thing.wide if thing.picked is True else \
                thing.picked or {}
        out = collections.Counter(thing.wide)
        out["refused", "ttl"] += thing.resets + 1	# and the fence
        return dict(out)


@pytest.fixture(scope="class", name="daemon")
def daemon_at_t(lab):
    daemon = Daemon(lab)
    daemon.write(text(lab, daemon))
    with daemon:
        yield daemon


def call(lab, family, port, ttl, node="C"):
    """Connect from a node; what the server says."""
    src = lab.addr[node, "r1" if node == "C" else "T"][family]
    with inside(lab, node):
        s = socket.socket(socket.AF_INET if family == 4
                          else socket.AF_INET6, socket.SOCK_STREAM)
    with s:
        if family == 4:
            s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        else:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
        s.settimeout(PATIENCE)
        s.bind((src, 0))
        s.connect((lab.service[family], port))
        out = b""
        while (data := s.recv(100)):
            out += data
        return out


class TestConnections:
    """Real ones, to what listens at T."""

    @BOTH
    @pytest.mark.parametrize("port", (SSH, HTTP, BGP))
    @pytest.mark.parametrize("ttl", (64, SMALL + WAY, 2 + WAY))
    def test_open(self, lab, programs, daemon, family, port, ttl):
        """HTTP is a port of probes as well; no gate is open."""
        assert programs
        counters = Counters(daemon)
        assert call(lab, family, port, ttl) == GREETING
        picked = port == HTTP and ttl < 33 + WAY
        want = gated(family, "tcp") if picked else {}
        assert counters.take(lambda g: g == want) == want

    @BOTH
    @pytest.mark.parametrize("ttl", (1, 255))
    def test_bgp(self, lab, programs, daemon, family, ttl):
        """From the neighbour, with the TTL of eBGP, or of RFC 5082."""
        assert programs
        counters = Counters(daemon)
        assert call(lab, family, BGP, ttl, "r3") == GREETING
        assert not counters.peek()


class TestGate:
    """An attacker at r2 opens the client's gates, and keeps them open."""

    @pytest.fixture(params=FAMILIES, name="gate")
    def open_gate(self, request, lab, nodes, daemon):
        family = request.param
        counters = Counters(daemon)
        with Tap(lab, "T", "r3") as tap:
            # From r2 it is two hops to T.
            for method in ("icmp", "tcp"):
                nodes["r2"].send(probe(lab, family, method, 2))
            assert tap.until(lambda: len(tap.sent()) == 2)
        want = {("probes", family, m): 1 for m in ("icmp", "tcp")}
        want.update({("inflections", *k[1:]): 1 for k in want})
        assert counters.take(lambda g: g == want) == want
        return family, counters

    def test_ping(self, lab, nodes, programs, before, gate):
        """The client's ordinary pings are above `max ttl`."""
        family, counters = gate
        watcher = Watcher(lab, family, nodes, programs)
        for thing in host_things(watcher.b):
            if thing.name in ("ping", "ping, ttl 33", "syn, ordinary ttl",
                              "echo code 1", "syn, ecn",
                              "syn to ssh, ordinary ttl", "syn to ssh",
                              "tcp A", "tcp SA", "tcp R"):
                seen = before[family, thing.name]
                assert watcher.look(thing, seen) == seen, thing.name
        assert counters.peek() == refused(protocol=1)

    def test_connections(self, lab, programs, gate):
        assert programs
        family, counters = gate
        for port in (HTTP, SSH, BGP):
            assert call(lab, family, port, 64) == GREETING
        assert call(lab, family, SSH, SMALL + WAY) == GREETING
        assert not counters.peek()

    def test_others(self, lab, nodes, programs, before, gate):
        """Nobody else's gate is open: r3's small pings are answered (IPv6
        gates hold for a /64, which is not r3's)."""
        assert programs and before
        family, counters = gate
        b = Builder(lab, family)
        with Tap(lab, "T", "r3") as tap:
            nodes["r3"].frame("T", b.ping(SMALL, src=b.r3))
            assert tap.until(tap.sent)
            tap.quiet()
        assert [d[HDR[family]] for d in tap.sent()] == \
            [0 if family == 4 else 129]
        want = gated(family, "icmp")
        assert counters.take(lambda g: g == want) == want


class TestFragments:
    def test_probe4(self, lab, nodes, daemon):
        """At INPUT an IPv4 probe is whole again: it is served as it was."""
        whole = probe(lab, 4, "udp", SMALL + WAY, room=400)
        counters = Counters(daemon)
        with Tap(lab, "C", "r1") as tap:
            nodes["C"].send(*fragments4(whole, 200))
            assert tap.until(tap.got)
            tap.quiet()
        # One answer: the third reverse hop's, with the whole's header.
        answer, = tap.got()
        assert ends(answer) == (packed(lab.reverse(4)[3]),
                                packed(lab.client[4]))
        assert quoted(answer)[:2] == b"\x45\0"
        assert quoted(answer)[20:28] == whole[20:28]
        want = {(n, 4, "udp"): 1 for n in ("probes", "turned", "relayed")}
        assert counters.take(lambda g: g == want) == want


class TestIncomplete:
    @BOTH
    def test_one_fragment(self, lab, nodes, family):
        """What never becomes whole: the kernel's own error in the end."""
        whole = probe(lab, family, "udp", SMALL + WAY, room=400)
        key = "net.ipv4.ipfrag_time" if family == 4 \
            else "net.ipv6.ip6frag_time"
        if family == 4:
            lonely = fragments4(b"".join((whole[:4], b"\x33\x44",
                                          whole[6:])), 200)[:1]
        else:
            lonely = fragments6(whole, 200, 0x0a0b0c0d)[:1]
        old = lab.run("T", ["sysctl", "-n", key], check=True).stdout.strip()
        seen = []
        try:
            lab.run("T", ["sysctl", "-qw", f"{key}=1"], check=True)
            seen.append(self.error(lab, nodes, lonely))
            with Daemon(lab) as daemon:
                counters = Counters(daemon)
                seen.append(self.error(lab, nodes, lonely))
                want = {} if family == 4 else refused(header=1)
                assert counters.take(lambda g: g == want) == want
        finally:
            lab.run("T", ["sysctl", "-qw", f"{key}={old}"], check=True)
        assert seen[0] == seen[1]
        h = HDR[family]
        assert tuple(seen[0][0][h:h + 2]) == (TIMEX[family], 1)

    @staticmethod
    def error(lab, nodes, packets):
        with Tap(lab, "T", "r3") as tap:
            nodes["C"].send(*packets)
            assert tap.until(lambda: [d for d in tap.sent() if is_error(d)])
            tap.quiet()
            return [normal(d) for d in tap.sent() if is_error(d)]
