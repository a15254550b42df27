#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Two equal ways back: a turned probe takes the one that T's own answer to
the same probe takes.

          r5              r3 chooses by a hash over addresses and ports; ICMP,
    r3 <      > r4        which has none, by the lowest bit of its checksum:
          r7              Linux hashes it by addresses alone, but others take
                          the first four bytes behind the IP header.

What T's kernel answers is seen by sending it the client's probes once more,
with a TTL that is above `max ttl`.
"""

import subprocess

import clients
import pytest
from daemon import Daemon
from lab import FAMILIES, TARGET_NET, Lab, batch
from wire import UDP, Capture, layer3, send

BOTH = pytest.mark.parametrize("family", FAMILIES)
WAYS = ("r5", "r7")
MARK = 7

# At T: answers what comes to the ports that probes go to.
ANSWERER = """
import select, socket, sys
family = socket.AF_INET if sys.argv[1] == "4" else socket.AF_INET6
low, high = map(int, sys.argv[3:5])
socks = []
for port in range(low, high + 1):
    s = socket.socket(family, socket.SOCK_DGRAM)
    s.bind((sys.argv[2], port))
    socks.append(s)
print("ready", flush=True)
while True:
    for s in select.select(socks, [], [])[0]:
        data, who = s.recvfrom(2048)
        s.sendto(data, who)
"""


class EcmpLab(Lab):
    """The lab with r7 beside r5, and equal routes of r3 to the client."""

    def __init__(self):
        super().__init__()
        self.links += [
            ("r3", "r7", "192.0.2.64/30", 1, 2, "2001:db8:37::/64", 3, 7),
            ("r7", "r4", "192.0.2.68/30", 1, 2, "2001:db8:74::/64", 7, 4)]
        self.nodes.append("r7")
        self.addr = self._addresses()

    def up(self):
        super().up()
        try:
            self._equal_ways()
        except BaseException:
            self.down()
            raise

    def _equal_ways(self):
        # Addresses, protocol and ports, as policy 1 has it.  But that takes
        # over what a socket of the same kernel has hashed, and T's namespace
        # is on r3's kernel, as no router's neighbour is.
        self.run("r3", ["sysctl", "-q", "-w", *[
            f"net.{ip}.fib_multipath_hash_{key}" for ip in ("ipv4", "ipv6")
            for key in ("policy=3", "fields=0x37")]], check=True)
        for f in FAMILIES:
            net = self.client_net(f)
            via = {w: f"via {self.addr[w, 'r3'][f]} dev {w}" for w in WAYS}
            batch([f"route add {net} via {self.addr['r4', 'r7'][f]}",
                   f"route add {TARGET_NET[f]} via "
                   f"{self.addr['r3', 'r7'][f]}"], self.ns("r7"))
            batch([f"route replace {net} nexthop {via['r5']} "
                   f"nexthop {via['r7']}",
                   *[f"route add {net} {via[w]} table {MARK + i}"
                     for i, w in enumerate(WAYS)]], self.ns("r3"))
            proto, at = {4: ("icmp", "0>>22&0x3C@0"),
                         6: ("ipv6-icmp", "40")}[f]
            for i, _ in enumerate(WAYS):
                self.run("r3", ["ip", f"-{f}", "rule", "add", "fwmark",
                                str(MARK + i), "lookup", str(MARK + i)],
                         check=True)
            self.iptables("r3", f, "mangle", *[
                f"-A PREROUTING -i T -p {proto} -m u32 --u32 {at}&1={i} "
                f"-j MARK --set-mark {MARK + i}" for i, _ in enumerate(WAYS)])

    def back(self, family, way):
        """The reverse hops by r5 or by r7."""
        hops = self.reverse(family)
        hops[1] = self.addr[way, "r3"][family]
        hops[2] = self.addr["r4", way][family]
        return hops


@pytest.fixture(scope="module", name="lab")
def ecmp_lab():
    with EcmpLab() as lab:
        yield lab


@pytest.fixture(scope="module", autouse=True)
def daemon(lab):
    with Daemon(lab, relay="router", hop=True) as d:
        yield d


def flow(family, packet):
    """What a hash may see of a packet from T, and what tells it apart: the
    protocol and the first four bytes behind the IP header."""
    data = layer3(packet)
    at = 20 if family == 4 else 40
    return packet.nh if family == 6 else packet.proto, data[at:at + 4]


class Ways:
    """Which way each packet of T took through r3, while the block runs.

    .taken is a list of (flow, way) in no order.
    """

    def __init__(self, lab, family, what):
        self.family = family
        expr = (f"src host {lab.service[family]} and dst host "
                f"{lab.client[family]} and ({what})")
        self.captures = {w: Capture(lab, "r4", w, expr) for w in WAYS}
        self.taken = []

    def __enter__(self):
        for c in self.captures.values():
            c.__enter__()
        return self

    def __exit__(self, *exc):
        for c in self.captures.values():
            c.__exit__(*exc)
        self.taken = [(flow(self.family, p), way)
                      for way, c in self.captures.items()
                      for p in c.packets() if not p.sent]

    def by_flow(self):
        """The way of each flow; an AssertionError if one had two."""
        out = {}
        for key, way in self.taken:
            assert out.setdefault(key, way) == way, key
        return out


def probes_of(lab, family, call):
    """What a client's call sends, and what it returns."""
    with Capture(lab, "C", "r1", f"dst host {lab.service[family]}") as c:
        hops = call()
    return [p for p in c.packets() if p.sent], hops


def with_ttl(packet, ttl):
    data = bytearray(layer3(packet))
    if data[0] >> 4 == 4:
        data[8] = ttl
        data[10:12] = b"\0\0"           # the sender's kernel fills it in
    else:
        data[7] = ttl
    return bytes(data)


# What T sends back: the turned probes and its own answers, no ICMP errors.
ANSWERS = {(4, "udp"): "udp", (6, "udp"): "udp",
           (4, "tcp"): "tcp", (6, "tcp"): "tcp",
           (4, "icmp"): "icmp[0] = 0", (6, "icmp"): "icmp6 and ip6[40] = 129"}


def compare(lab, family, proto, call):
    """The ways of the probes that T turned and of its own answers to the
    same probes, by flow; and what the client printed."""
    what = ANSWERS[family, proto]
    with Ways(lab, family, what) as turned:
        sent, hops = probes_of(lab, family, call)
    again = [with_ttl(p, 64) for p in sent]
    assert again
    ports = {p[UDP].dport for p in sent if UDP in p}
    server = None
    if ports:
        server = lab.popen("T", ["/usr/bin/python3", "-I", "-S", "-c",
                                 ANSWERER, str(family), lab.service[family],
                                 str(min(ports)), str(max(ports))],
                           stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "ready\n"
    try:
        with Ways(lab, family, what) as own:
            send(lab, "C", again, 0.005)
            # The wire to the client has a delay.
            lab.run("C", ["sleep", "0.3"])
    finally:
        if server:
            server.kill()
            server.communicate(timeout=5)
    assert turned.taken and own.taken
    return turned, own, hops


def check_same(turned, own):
    """Each flow that was turned took the way of T's own answer to it."""
    answers = own.by_flow()
    for key, way in turned.by_flow().items():
        assert answers[key] == way, key


@BOTH
@pytest.mark.parametrize("how", ("udp-paris", "icmp-paris"))
def test_scamper(lab, family, how):
    """One flow: one way for every probe, however many flows are tried, and
    the hops that it prints are that way's.  Both ways are seen."""
    proto = how.split("-", maxsplit=1)[0]
    seen = set()
    for n in range(24):
        # Of ICMP, -d says the checksum.
        opts = f"-{'s' if proto == 'udp' else 'd'} {40000 + n * 7}"
        turned, own, hops = compare(
            lab, family, proto,
            lambda opts=opts: clients.scamper(lab, family, how, opts))
        check_same(turned, own)
        (way,) = {w for _, w in turned.taken}
        assert len({key for key, _ in turned.taken}) == 1
        want = lab.expected(family, "hop")
        want[4:8] = lab.back(family, way)
        assert clients.names(hops) == want
        seen.add(way)
        if len(seen) == 2:
            return
    raise AssertionError(f"24 flows, and all of them by {seen}")


@BOTH
def test_one_port(lab, family):
    """traceroute -T with a source port of its user's choice, one probe after
    the other: one flow, and so one way.  Both are seen."""
    seen = set()
    for n in range(24):
        turned, own, hops = compare(
            lab, family, "tcp",
            lambda n=n: clients.traceroute_port(lab, family, 40000 + n * 7))
        check_same(turned, own)
        (way,) = {w for _, w in turned.taken}
        assert len({key for key, _ in turned.taken}) == 1
        want = lab.expected(family, "hop")
        want[4:8] = lab.back(family, way)
        assert clients.names(hops) == want
        seen.add(way)
        if len(seen) == 2:
            return
    raise AssertionError(f"24 flows, and all of them by {seen}")


@BOTH
@pytest.mark.parametrize("method", clients.METHODS)
def test_traceroute(lab, family, method):
    """Not one flow, but many: traceroute -T has a new source port for each
    probe, UDP a new destination port, ICMP a new checksum.  So its probes
    take either way, each that of T's own answer to it."""
    for _ in range(5):
        turned, own, hops = compare(
            lab, family, method,
            lambda: clients.traceroute(lab, family, method, []))
        check_same(turned, own)
        names = clients.names(hops)
        assert names[:5] == lab.expected(family, "hop")[:5]
        both = {lab.addr[w, "r3"][family] for w in WAYS}
        assert set(hops[5].addrs) <= both and not hops[5].lost
        assert names[7:] == lab.expected(family, "hop")[7:]
        if len({w for _, w in turned.taken}) == 2:
            return
    raise AssertionError("all probes of five traces by one way")
