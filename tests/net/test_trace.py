#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The main job: stock clients print the way there, T, and the way back."""

import ipaddress
import re

import clients
import pytest
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES, Lab

BOTH = pytest.mark.parametrize("family", FAMILIES)
METHODS = pytest.mark.parametrize("method", clients.METHODS)
PACE = pytest.mark.parametrize("pace", (clients.SINGLE, clients.PARALLEL),
                               ids=("single", "parallel"))


def names_router(text, address):
    """Do the objects that traceroute -e prints name this reverse router?

    Up to 2.1.3 in hex: class 2, role next hop with address (and, where it
    fits, name); then class 247 with the time in microseconds.
    """
    ip = ipaddress.ip_address(address)
    words = ip.packed.hex(",", -4)
    time = "247/1:[0-9a-f]{8}>"
    if ip.version == 4:
        return re.fullmatch(
            f'<(2/196:00010000,{words}|NXT:{address});{time}', text)
    return re.fullmatch(
        f'<(2/198:00020000,{words},08752d74,75726e00'
        f'|NXT:{address},"u-turn");{time}', text)


def trace(lab, family, method="udp", pace=None, **kw):
    pace = clients.SINGLE if pace is None else pace
    return clients.names(clients.traceroute(lab, family, method, pace, **kw))


def serve(**options):
    """A fixture: the daemon with these options, once for a class."""
    @pytest.fixture(scope="class")
    def daemon(self, lab):
        with Daemon(lab, **options) as d:
            yield d
    return daemon


@pytest.mark.usefixtures("daemon")
class TestRouter:
    daemon = serve(relay="router")

    @BOTH
    @METHODS
    @PACE
    def test_trace(self, lab, family, method, pace):
        assert trace(lab, family, method, pace) == lab.expected(family)

    @BOTH
    @pytest.mark.parametrize("length", (200, 1200))
    def test_long_probe(self, lab, family, length):
        assert trace(lab, family, length=length) == lab.expected(family)

    @BOTH
    def test_other_addresses_are_left_alone(self, lab, family):
        """Only the listen address turns probes."""
        for target in (lab.hop[family], lab.addr["T", "r3"][family]):
            assert trace(lab, family, target=target) == \
                lab.forward(family) + [target]


@pytest.mark.usefixtures("daemon")
class TestOwn:
    daemon = serve(relay="own")

    @BOTH
    @METHODS
    @PACE
    def test_trace(self, lab, family, method, pace):
        assert trace(lab, family, method, pace) == \
            lab.expected(family, relay="own")

    @BOTH
    @METHODS
    def test_objects(self, lab, family, method):
        hops = clients.traceroute(lab, family, method, ["-q1", "-e"])
        assert clients.names(hops) == lab.expected(family, relay="own")
        for hop, router in zip(hops[4:], lab.reverse(family)):
            assert len(hop.objects) == 1
            assert names_router(hop.objects[0], router)
        assert [h.objects for h in hops[:4]] == [[]] * 4
        assert hops[-1].objects == []


@pytest.mark.usefixtures("daemon")
class TestMirror:
    daemon = serve(turn="mirror")

    @BOTH
    @METHODS
    @PACE
    def test_trace(self, lab, family, method, pace):
        assert trace(lab, family, method, pace) == lab.expected(family)


@pytest.mark.usefixtures("daemon")
class TestSilent:
    daemon = serve(inflection="silent")

    @BOTH
    @pytest.mark.parametrize("method", ("udp", "icmp"))
    def test_trace(self, lab, family, method):
        assert trace(lab, family, method, ["-q1", "-w1"]) == \
            lab.expected(family, inflection=None)

    @BOTH
    @pytest.mark.parametrize("method", ("icmp",))
    def test_mtr(self, lab, family, method):
        """Without a hop address this is how mtr gets past the turn."""
        hops = clients.mtr(lab, family, method)
        assert clients.names(hops) == lab.expected(family, inflection=None)


@pytest.mark.usefixtures("daemon")
class TestHopAddress:
    """Clients that stop at the first hop with the target's address."""

    # mtr counts its UDP ports from 33000.
    daemon = serve(hop=True,
                   extra=NO_LIMITS + "probe udp port 33000:33433\n")

    @BOTH
    @METHODS
    def test_traceroute(self, lab, family, method):
        assert trace(lab, family, method) == lab.expected(family, "hop")

    @BOTH
    @pytest.mark.parametrize("method", clients.MTR)
    def test_mtr(self, lab, family, method):
        hops = clients.mtr(lab, family, method)
        assert clients.names(hops) == lab.expected(family, "hop")

    @BOTH
    @pytest.mark.parametrize("how", ("udp-paris", "icmp-paris", "udp"))
    def test_scamper(self, lab, family, how):
        """Its UDP sockets swallow a turned probe: T ends it by `settle`."""
        hops = clients.scamper(lab, family, how)
        assert clients.names(hops) == lab.expected(family, "hop")

    def test_scamper_tcp(self, lab):
        """IPv4 only: Debian's scamper prints no TCP hops over IPv6."""
        hops = clients.scamper(lab, 4, "tcp", f"-d {clients.TCP_PORT}")
        want = lab.expected(4, "hop")
        assert clients.names(hops) == want[:-1] + [f"{want[-1]}|[closed]"]

    @pytest.mark.parametrize("opts", ([], ["-I"]), ids=("udp", "icmp"))
    def test_inetutils(self, lab, opts):
        hops = clients.inetutils(lab, opts)
        assert clients.names(hops) == lab.expected(4, "hop")


@pytest.mark.usefixtures("daemon")
class TestOwnHopAddress:
    daemon = serve(relay="own", hop=True)

    @BOTH
    @METHODS
    def test_trace(self, lab, family, method):
        hops = clients.traceroute(lab, family, method, ["-q1", "-e"])
        assert clients.names(hops) == lab.expected(family, "hop", "own")
        for hop, router in zip(hops[4:], lab.reverse(family)):
            assert hop.objects and names_router(hop.objects[0], router)

    @BOTH
    def test_mtr(self, lab, family):
        hops = clients.mtr(lab, family)
        assert clients.names(hops) == lab.expected(family, "hop", "own")


@pytest.mark.usefixtures("daemon")
class TestHopPrefix:
    daemon = serve(relay="own", prefix=True)

    @BOTH
    @METHODS
    def test_trace(self, lab, family, method):
        """One address for each reverse hop, all inside the prefix."""
        hops = trace(lab, family, method)
        net = ipaddress.ip_network(lab.hop_prefix[family])
        assert hops[:3] == lab.forward(family)
        assert hops[-1] == lab.service[family]
        back = [ipaddress.ip_address(h) for h in hops[4:-1]]
        assert len(set(back)) == len(back) == len(lab.reverse(family))
        assert all(a in net for a in back)


def one_off(**options):
    """Extra statements, for a daemon of a single test."""
    return {"extra": NO_LIMITS + options.pop("extra", ""), **options}


@BOTH
def test_hidden_hop(lab, family):
    """A hidden router's place is kept, but not its address."""
    hidden = lab.reverse(family)[1]
    with Daemon(lab, **one_off(extra=f"hide hop {hidden}\n")):
        want = lab.expected(family)
        want[5] = lab.service[family]
        assert trace(lab, family) == want


@BOTH
def test_hidden_hop_own(lab, family):
    hidden = lab.reverse(family)[1]
    with Daemon(lab, **one_off(relay="own", extra=f"hide hop {hidden}\n")):
        hops = clients.traceroute(lab, family, opts=["-q1", "-e"])
        assert clients.names(hops) == lab.expected(family, relay="own")
        assert [len(h.objects) for h in hops[4:8]] == [1, 0, 1, 1]


@BOTH
def test_max_ttl(lab, family):
    """A probe with more than `max ttl` left is the kernel's."""
    with Daemon(lab, **one_off(extra="max ttl 3\n")):
        assert trace(lab, family) == \
            lab.expected(family)[:6] + [lab.service[family]]


@BOTH
@METHODS
def test_denied(lab, family, method):
    with Daemon(lab, **one_off(extra=f"deny from {lab.client_net(family)}\n")):
        assert trace(lab, family, method) == lab.plain(family)


@BOTH
def test_default_limits(lab, family):
    """One whole default trace stays below the default limits."""
    with Daemon(lab, extra=""):
        assert trace(lab, family, pace=clients.PARALLEL) == \
            lab.expected(family)


class TestNat:
    """The gateway's own error comes from the client's address, as T sees it:
    T can't say in a router's name that it is the client, so that this hop
    has T's own address.

    But not for TCP: the turned probe is a reset, and a Linux gateway forgets
    the connection as soon as it has seen it, TTL 1 or not.  Then it neither
    translates its own error nor T's answer: a star.
    """

    @pytest.fixture(scope="class")
    def nat(self):
        with Lab(nat=True) as lab:
            yield lab

    @BOTH
    @METHODS
    @pytest.mark.parametrize("relay", ("router", "own"))
    def test_trace(self, nat, family, method, relay):
        want = nat.expected(family, relay=relay)
        if family == 4:
            gateway = "*" if method == "tcp" else nat.service[4]
            want.insert(len(want) - 1, gateway)
        with Daemon(nat, relay=relay):
            assert trace(nat, family, method, ["-q1", "-w1"]) == want


class TestFirewall:
    """A stateful firewall passes the answers, and the turned probe; for TCP
    the gateway itself is a star (see TestNat)."""

    @pytest.fixture(scope="class", params=("r1", "client"))
    def walled(self, request):
        with Lab(firewall=request.param) as lab:
            yield lab

    @BOTH
    @METHODS
    @pytest.mark.parametrize("relay", ("router", "own"))
    def test_trace(self, walled, family, method, relay):
        want = walled.expected(family, relay=relay)
        if method == "tcp" and walled.firewall == "r1":
            want[-2] = "*"
        with Daemon(walled, relay=relay):
            assert trace(walled, family, method, ["-q1", "-w1"]) == want


class TestBcp38:
    @pytest.fixture(scope="class")
    def filtered(self):
        with Lab(bcp38=True) as lab:
            yield lab

    @BOTH
    @METHODS
    def test_own_passes(self, filtered, family, method):
        with Daemon(filtered, relay="own", hop=True):
            assert trace(filtered, family, method) == \
                filtered.expected(family, "hop", "own")

    @BOTH
    def test_router_does_not(self, filtered, family):
        with Daemon(filtered, relay="router"):
            hops = trace(filtered, family, pace=["-q1", "-w1"])
        want = filtered.expected(family)
        # r3's address on the link to T is one of T's net: it may pass.
        want[5:8] = ["*"] * 3
        assert hops == want


@BOTH
@pytest.mark.parametrize("method", clients.METHODS)
def test_silent_router(family, method):
    """A router that sends no errors is a star and does not end the trace."""
    with Lab() as lab:
        kind = "-p icmp" if family == 4 else "-p ipv6-icmp"
        lab.iptables("r5", family, "filter", f"-A OUTPUT {kind} -j DROP")
        with Daemon(lab):
            want = lab.expected(family)
            want[5] = "*"
            assert trace(lab, family, method, ["-q1", "-w2"]) == want


@BOTH
def test_host_firewall_drops_untracked(family):
    """Answers to untracked probes are INVALID for the host's own rules."""
    with Lab() as lab, Daemon(lab):
        lab.iptables("T", family, "filter", "-A INPUT -m conntrack "
                     "--ctstate INVALID -j DROP")
        assert trace(lab, family) == lab.expected(family)


@BOTH
def test_service_on_link(family):
    with Lab(service="link") as lab, Daemon(lab):
        assert trace(lab, family) == lab.expected(family)
