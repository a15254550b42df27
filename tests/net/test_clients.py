#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Every client, every relay mode, every network: exact lists of hops.

A list is exact to its end: a trace that ran on in stars, or that ended
before the last reverse hop, is another list.
"""

import concurrent.futures
import dataclasses
import ipaddress
import os
import threading
import typing

import clients
import echo
import pytest
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES, TARGET_NET, Lab

# mtr counts its UDP ports from 33000, until -P says another.
EXTRA = NO_LIMITS + "probe udp port 33000:33433\n"
RELAYS = ("router", "own", "both")
# inetutils takes any unreachable that quotes the port it just used for the
# end of the trace, an inferred end of an earlier trace as well: so no other
# client here uses these ports.
INETUTILS_PORT = "33600"
MTR_RUNS = 3


@dataclasses.dataclass(frozen=True)
class Client:
    """A client, as it is called.

    run   its call; quick: it waits only a second for an answer, where a star
          is expected
    sees  what it shows of the two answers that `relay both` sends: the
          "first" (router's form), the "last" (own form), or "all"
    """

    name: str
    run: typing.Callable
    families: tuple = FAMILIES
    tcp: bool = False
    sees: str = "first"
    parallel: bool = False
    end: str = ""

    @property
    def is_scamper(self):
        return self.name.startswith("scamper")


def _traceroute(name, method, *opts):
    """Once with one probe at a time, once as it is by default."""
    def run(extra):
        def call(lab, family, quick=False):
            wait = ["-w1"] if quick else []
            return clients.traceroute(lab, family, method,
                                      [*opts, *extra, *wait])
        return call
    tcp = method == "tcp"
    return [Client(f"{name}-q1", run(clients.SINGLE), tcp=tcp),
            Client(name, run(clients.PARALLEL), tcp=tcp, parallel=True)]


def _mtr(name, method, *opts):
    if name == "mtr-u":
        # See test_low_source_port.
        opts = ("-L", "40000")

    def call(lab, family, **_):
        # Beside other clients, one run in some hundreds misses an answer, of
        # a router on the way there as well: another run, of one round again,
        # since two mtr -u that count from 33000 at once must keep in step.
        # Each takes the answers to the other's numbers for those to its own.
        for _ in range(MTR_RUNS):
            hops = clients.mtr(lab, family, method, opts)
            if not any(h.lost for h in hops):
                break
        return hops
    return Client(name, call, tcp=method == "tcp")


def _inetutils(name, *opts):
    def call(lab, _, **__):
        return clients.inetutils(lab, opts)
    return Client(name, call, (4,))


def _scamper(how, opts="", end=""):
    def call(lab, family, quick=False):
        return clients.scamper(lab, family, how,
                               f"{opts} -w 1" if quick else opts)
    return Client(f"scamper-{how}", call, tcp=how == "tcp", sees="all",
                  end=end)


def _echo(like):
    def call(lab, family, quick=False):
        return echo.trace(lab, family, like, wait=1 if quick else 3)
    return Client(like, call)


def _dublin(lab, _, **__):
    """dublin-traceroute with two flows; they must agree.

    It looks every address up before it prints it, for seconds each where
    there is no name server: it must not look.  It writes a file where it
    runs.
    """
    names = os.path.join(lab.tmp, "nsswitch.conf")
    with open(names, "w", encoding="utf-8") as f:
        f.write("hosts: files\n")
    p = lab.run("C", ["sh", "-c", f"cd {lab.tmp} && mount --bind {names} "
                      "/etc/nsswitch.conf && exec dublin-traceroute -n2 "
                      f"-T12 {lab.service[4]}"], 60, check=True)
    flows = []
    for line in p.stdout.splitlines():
        if line.startswith("== Flow"):
            flows.append([])
        elif line[:1].isdigit():
            number, address = line.split()[:2]
            flows[-1].append(clients.Hop(
                int(number), [] if address == "*" else [address],
                int(address == "*")))
    assert len(flows) == 2
    assert clients.names(flows[0]) == clients.names(flows[1])
    return flows[0]


CLIENTS = [
    *_traceroute("traceroute", "udp"),
    *_traceroute("traceroute-I", "icmp"),
    *_traceroute("traceroute-T", "tcp"),
    *_traceroute("traceroute-U", "udp", "-U", "-p", "33434"),
    _inetutils("inetutils", "-p", INETUTILS_PORT),
    _inetutils("inetutils-I", "-I"),
    _mtr("mtr", "icmp"),
    _mtr("mtr-u", "udp"),
    _mtr("mtr-u-P", "udp", "-P", "33434"),
    _mtr("mtr-T", "tcp"),
    _scamper("udp-paris"),
    _scamper("icmp-paris"),
    _scamper("tcp", f"-d {clients.TCP_PORT}", "|[closed]"),
    Client("dublin", _dublin, (4,), sees="last"),
    _echo("tracert"),
    _echo("bsd"),
]


class Runs:
    """Clients of a lab, some at once: most of their time they wait.

    Entering runs all the pairs of client and family.
    """

    AT_ONCE = 4

    def __init__(self, lab, pairs, quick=False):
        self.lab, self.pairs, self.quick = lab, pairs, quick
        self.pool = concurrent.futures.ThreadPoolExecutor(self.AT_ONCE)
        # clients.traceroute looks at all TCP probes that leave meanwhile.
        self.tcp = threading.Lock()
        self.runs = {}

    def _run(self, client, family):
        if client.tcp:
            with self.tcp:
                return client.run(self.lab, family, quick=self.quick)
        return client.run(self.lab, family, quick=self.quick)

    def __enter__(self):
        # dublin-traceroute ends when it sees the answers to others.
        for alone in (False, True):
            for c, f in self.pairs:
                if (c.name == "dublin") == alone:
                    self.runs[c.name, f] = self.pool.submit(self._run, c, f)
            concurrent.futures.wait(self.runs.values())
        return self

    def __exit__(self, *exc):
        self.pool.shutdown()

    def names(self, client, family):
        """The hops that it printed; its failure is raised here."""
        return clients.names(self.runs[client.name, family].result())


def cases(*conditions):
    """The clients for which all hold, in each of their families."""
    return [(c, f) for c in CLIENTS if all(hold(c) for hold in conditions)
            for f in c.families]


def parametrize(pairs):
    return pytest.mark.parametrize("client, family", [
        pytest.param(c, f, id=f"{c.name}-v{f}") for c, f in pairs])


def each(*conditions):
    """A parametrization with these cases."""
    return parametrize(cases(*conditions))


def modes(*relays):
    """A fixture: the relay mode, once for a class each."""
    @pytest.fixture(scope="class", params=relays)
    def mode(self, request):
        return request.param
    return mode


def steady(client):
    """Not many probes at once to one port: traceroute -U tells its probes by
    their source ports alone, and now and then one is used again while an
    answer to an earlier client's is under way.  See TestHopAddress, TestMirror.
    """
    return client.name != "traceroute-U"


def own_addresses(lab, family, hops):
    """The addresses that the inflection, reverse hop 1, 2... answer from
    with `hop prefix` or `hop address`."""
    if hops == "prefix":
        net = ipaddress.ip_network(lab.hop_prefix[family])
        return [str(net[n + 1]) for n in range(8)]
    return [lab.hop[family]] * 8


def expected(lab, client, family, relay, hops="prefix"):
    """All hops that this client prints in this lab."""
    own = own_addresses(lab, family, hops)
    net = ipaddress.ip_network(TARGET_NET[family])
    back = []
    for router, mine in zip(lab.reverse(family), own[1:]):
        forms = {"router": [router], "own": [mine],
                 "both": [router, mine]}[relay]
        # A filter beyond the reverse router r3 lets what is T's pass, and
        # r3's address on the link to T is one of those.
        if lab.bcp38 and ipaddress.ip_address(router) not in net:
            forms = [a for a in forms if a != router]
        if client.sees == "first":
            forms = forms[:1]
        elif client.sees == "last":
            forms = forms[-1:]
        back.append("|".join(forms) or "*")
    # A gateway that keeps states forgets the connection as soon as it has
    # seen the turned probe, a reset, and translates nothing more of it.
    if lab.nat and family == 4:
        # What it says comes from the client's address, as T sees it, which
        # T can't give in a router's name.
        back.append("*" if client.tcp else own[len(back) + 1])
    elif lab.firewall == "r1" and client.tcp:
        back[-1] = "*"
    return (lab.forward(family) + [own[0]] + back
            + [lab.service[family] + client.end])


class TestHopAddress:
    """One further address of the host for all that it answers."""

    mode = modes(*RELAYS)

    @pytest.fixture(scope="class")
    def runs(self, lab, mode):
        with Daemon(lab, relay=mode, hop=True, extra=EXTRA), \
                Runs(lab, cases()) as runs:
            yield runs

    @each(lambda c: not c.is_scamper)
    def test_trace(self, lab, runs, mode, client, family):
        assert runs.names(client, family) == \
            expected(lab, client, family, mode, "hop")

    @each(lambda c: c.is_scamper)
    def test_scamper(self, lab, runs, mode, client, family):
        """It takes an address that comes again for a loop, and ends: all is
        well in the routers' names, elsewhere it needs a prefix."""
        want = expected(lab, client, family, mode, "hop")
        if mode != "router":
            want = want[:6]
        assert runs.names(client, family) == want


class TestHopPrefix:
    """One address for each reverse hop, out of a prefix of the host."""

    mode = modes("own", "both")

    @pytest.fixture(scope="class")
    def runs(self, lab, mode):
        with Daemon(lab, relay=mode, prefix=True, extra=EXTRA), \
                Runs(lab, cases(steady)) as runs:
            yield runs

    @each(steady)
    def test_trace(self, lab, runs, mode, client, family):
        assert runs.names(client, family) == \
            expected(lab, client, family, mode)


class TestMirror:
    """The probe comes to the client as it left: its own host answers T, or
    it swallows it; T ends the trace."""

    mode = modes(*RELAYS)

    @pytest.fixture(scope="class")
    def runs(self, lab, mode):
        with Daemon(lab, relay=mode, turn="mirror", prefix=True,
                    extra=EXTRA), Runs(lab, cases()) as runs:
            yield runs

    @each()
    def test_trace(self, lab, runs, mode, client, family):
        assert runs.names(client, family) == \
            expected(lab, client, family, mode)


class TestSilent:
    """A host with one address: its place at the turn is a star.

    Not for TCP, which is never dropped: the host answers, and that is the
    end.
    """

    @pytest.fixture(scope="class")
    def runs(self, lab):
        with Daemon(lab, relay="router", inflection="silent", extra=EXTRA), \
                Runs(lab, cases(steady), quick=True) as runs:
            yield runs

    @each(steady, lambda c: not c.tcp)
    def test_trace(self, lab, runs, client, family):
        want = expected(lab, client, family, "router")
        want[3] = "*"
        assert runs.names(client, family) == want

    @each(lambda c: c.tcp)
    def test_tcp(self, lab, runs, client, family):
        assert runs.names(client, family) == \
            lab.forward(family) + [lab.service[family] + client.end]


def dublin_shows(hops):
    """Of stars right before the target it shows one, and nothing more."""
    target = hops.index(hops[-1])
    first = target
    while hops[first - 1] == "*":
        first -= 1
    return hops[:first + 1] if first < target else hops


class TestSilentOwn:
    """The same in own form, all of whose answers come from that address:
    complete for those that go on past it, which mtr and its like do not."""

    STOP = ("inetutils-I", "mtr", "mtr-u", "mtr-u-P", "scamper-udp-paris",
            "scamper-icmp-paris")

    @pytest.fixture(scope="class")
    def runs(self, lab):
        with Daemon(lab, relay="own", inflection="silent", extra=EXTRA), \
                Runs(lab, cases(steady, lambda c: not c.tcp),
                     quick=True) as runs:
            yield runs

    @each(steady, lambda c: not c.tcp)
    def test_trace(self, lab, runs, client, family):
        want = lab.expected(family, None, "own")
        if client.name in self.STOP:
            want = want[:5]
        if client.name == "dublin":
            want = dublin_shows(want)
        assert runs.names(client, family) == want


NETWORKS = {"nat": {"nat": True}, "gateway": {"firewall": "r1"},
            "firewall": {"firewall": "client"}, "bcp38": {"bcp38": True}}


def network_cases(name):
    """Behind the NAT only IPv4: IPv6 is not translated, so that it is the
    plain lab's."""
    return [(c, f) for c, f in cases(steady)
            if (f == 4 or name != "nat")
            # It writes its frames past the client's own connection tracking,
            # which then knows no answer: it shows nothing there at all.
            and not (name == "firewall" and c.name == "scamper-tcp")]


class Network:
    """One of these networks; a subclass says which, and in what modes."""

    network = None

    @pytest.fixture(scope="class")
    def runs(self, mode):
        with Lab(**NETWORKS[self.network]) as lab, \
                Daemon(lab, relay=mode, prefix=True, extra=EXTRA), \
                Runs(lab, network_cases(self.network), quick=True) as runs:
            yield runs

    def check(self, runs, mode, client, family):
        assert runs.names(client, family) == \
            expected(runs.lab, client, family, mode)


class TestNat(Network):
    """A gateway translates the client's address."""

    network = "nat"
    mode = modes(*RELAYS)

    @parametrize(network_cases("nat"))
    def test_trace(self, runs, mode, client, family):
        self.check(runs, mode, client, family)


class TestGateway(Network):
    """A stateful firewall before the client."""

    network = "gateway"
    mode = modes(*RELAYS)

    @parametrize(network_cases("gateway"))
    def test_trace(self, runs, mode, client, family):
        self.check(runs, mode, client, family)


class TestFirewall(Network):
    """The client's own stateful firewall."""

    network = "firewall"
    mode = modes(*RELAYS)

    @parametrize(network_cases("firewall"))
    def test_trace(self, runs, mode, client, family):
        self.check(runs, mode, client, family)


class TestBcp38(Network):
    """The first hop of T drops what is not T's: in routers' names alone
    that is a star for each of them, and still an end."""

    network = "bcp38"
    mode = modes(*RELAYS)

    @parametrize(network_cases("bcp38"))
    def test_trace(self, runs, mode, client, family):
        want = expected(runs.lab, client, family, mode)
        if client.name == "dublin" and mode == "router":
            want = dublin_shows(want)
        assert runs.names(client, family) == want


class TestSilentRouter:
    """One star, for each client, and the trace goes on to its end."""

    mode = modes(*RELAYS)

    @pytest.fixture(scope="class")
    def quiet(self, mode):
        with Lab() as lab:
            for family, kind in ((4, "icmp"), (6, "ipv6-icmp")):
                lab.iptables("r5", family, "filter",
                             f"-A OUTPUT -p {kind} -j DROP")
            with Daemon(lab, relay=mode, prefix=True, extra=EXTRA), \
                    Runs(lab, cases(steady), quick=True) as runs:
                yield lab, runs

    @each(steady)
    def test_trace(self, quiet, mode, client, family):
        lab, runs = quiet
        want = expected(lab, client, family, mode)
        want[5] = "*"
        assert runs.names(client, family) == want


@pytest.mark.parametrize("family", FAMILIES)
def test_low_source_port(lab, family):
    """A probe from a port below 1024 is the host's, not ours.  mtr's UDP
    source port is its process id, cut to 16 bits: one run in 64."""
    with Daemon(lab, relay="own", hop=True, extra=EXTRA):
        for port, want in ((1023, lab.plain(family)),
                           (1024, lab.expected(family, "hop", "own"))):
            hops = clients.traceroute(lab, family, "udp",
                                      ["-q1", "-N1", f"--sport={port}"])
            assert clients.names(hops) == want
