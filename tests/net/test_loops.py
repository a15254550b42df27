#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Two hosts that run uturnd, set on each other by probes with a forged source.

A is T; B is the client C, or T's neighbour r3.  The attacker sends A a probe
that seems to come from B, from and to ports of probes, after opening both
gates.  Every packet that A and B send then is counted.

At most three packets follow one forged probe: A's turned probe, what B's
kernel says to it (B sees the mark and leaves it alone), and A's final answer.

The one exception is IPv4 UDP with a payload of less than four bytes, in which
no mark fits, between hosts whose ranges of probe ports do not meet: there the
TTL, which falls by one at each turn, is the bound.  `max ttl` - 1 turns, an
answer to each and one inflection are 2 * `max ttl` - 1 packets (63), if no
router lies between the two; each router makes it fewer, and so do the limits.
With `relay both` an answer may be two packets, so 3 * `max ttl` - 2 (94) is
never passed.
"""

import dataclasses

import pytest
from attack import TTL_AT, Counters, Sender, Tap, is_error, probe
from daemon import NO_LIMITS, Daemon, config
from lab import FAMILIES, Lab

PORT, PORT_B = 33440, 33450	# both are probe ports of both hosts
OTHER_RANGE, OTHER_PORT = "40000:40100", 40050
MAX_TTL = 32
THERE, BACK = 3, 4	# routers from C to T, and from T to C
# An inferred end is the last that is ever sent for a probe.
HASTY = NO_LIMITS + "settle 100ms\ntimeout 2s\n"
OVER = 0.35		# seconds without a packet, after which none comes
# For a long way to and fro: no end is inferred while answers are under way.
SLOW, SLOW_OVER = NO_LIMITS + "settle 1s\ntimeout 4s\n", 1.3
METHODS = ("udp", "icmp", "tcp")
FORMS = ("reply", "mirror")
BOTH = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module", name="lab")
def own_lab():
    with Lab(delay=0) as lab:
        yield lab


@pytest.fixture(scope="module", name="nodes")
def senders(lab):
    nodes = {n: Sender(lab, n) for n in ("r2", "r3")}
    yield nodes
    for s in nodes.values():
        s.close()


@dataclasses.dataclass
class Pair:
    """Both hosts: the daemons, B's node and addresses."""

    a: Daemon
    b: Daemon
    node: str
    addr: dict


def start(lab, node, addr, ports=None, extra=HASTY, **options):
    """A daemon, entered by the caller; addr: what it listens on."""
    daemon = Daemon(lab, node=node)
    text = config(lab, daemon.run_dir, extra=extra, **options)
    for family in FAMILIES:
        text = text.replace(f"listen on {lab.service[family]}",
                            f"listen on {addr[family]}")
    if ports:
        text = text.replace("33434:33689", ports)
    daemon.write(text)
    return daemon


def pair(lab, node, addr, ports=None, **options):
    """Both running, as long as the generator lives."""
    with start(lab, "T", lab.service, **options) as a, \
            start(lab, node, addr, ports, **options) as b:
        yield Pair(a, b, node, addr)
        # None of this may have ended one.
        assert a.proc.poll() is None and b.proc.poll() is None


@pytest.fixture(scope="class", params=FORMS, name="far")
def far_pair(request, lab):
    """B is C, some routers away."""
    for p in pair(lab, "C", lab.client, turn=request.param):
        yield request.param, p


class Count:
    """All that A and B send because of one forged probe."""

    def __init__(self, lab, pair_, send, over=OVER):
        with Tap(lab, "T", "r3") as at_a, \
                Tap(lab, pair_.node, "r1" if pair_.node == "C" else "T") \
                as at_b:
            send()
            assert at_a.until(at_a.got)
            at_a.quiet(over)
            at_b.quiet(0.05)
        self.a, self.b = at_a.sent(), at_b.sent()

    def __len__(self):
        return len(self.a) + len(self.b)


def forged(lab, pair_, family, method, ttl, room=32):
    """What the attacker at r2 sends: it arrives at A with this TTL."""
    sport = 0x4321 if method == "icmp" else PORT_B
    return probe(lab, family, method, ttl + 1, src=pair_.addr[family],
                 sport=sport, room=room,
                 dport=PORT if method == "udp" else None)


def open_gates(lab, nodes, pair_, family, method):
    """At both ends, each for the other: with TTL 1, from r2."""
    if method == "udp":
        return
    before = Counters(pair_.a), Counters(pair_.b)
    nodes["r2"].send(
        forged(lab, pair_, family, method, 1),
        probe(lab, family, method, 2, src=lab.service[family],
              dst=pair_.addr[family]))
    key = ("inflections", family, method)
    for c in before:
        assert c.take(lambda g: g.get(key)).get(key) == 1


# What is sent by A, and by B.
EXPECTED = {
    # A's turned probe and its final answer; B's kernel: port unreachable.
    ("reply", "udp"): (2, 1),
    # A reply, and a reset: nobody answers these.
    ("reply", "icmp"): (1, 0),
    ("reply", "tcp"): (1, 0),
    # A request, a SYN, which B's kernel answers, and the final answer.
    ("mirror", "udp"): (2, 1),
    ("mirror", "icmp"): (2, 1),
    ("mirror", "tcp"): (2, 1),
}


class TestFar:
    @BOTH
    @pytest.mark.parametrize("method", METHODS)
    def test_one_probe(self, lab, nodes, far, family, method):
        form, hosts = far
        open_gates(lab, nodes, hosts, family, method)
        loops = Counters(hosts.b)
        n = Count(lab, hosts, lambda: nodes["r2"].send(
            forged(lab, hosts, family, method, MAX_TTL)))
        assert (len(n.a), len(n.b)) == EXPECTED[form, method]
        turned = n.a[0]
        assert turned[TTL_AT[family]] == MAX_TTL - 1
        # B left it alone because of the mark; a reply is no probe at all.
        grown = loops.peek()
        assert grown.get(("refused", "loop"), 0) == \
            (form == "mirror" or method == "udp")
        assert ("probes", family, method) not in grown

    @BOTH
    @pytest.mark.parametrize("room", (0, 3, 4, 9))
    def test_short(self, lab, nodes, far, family, room):
        """No room for a mark: its source port is one of probes, so A leaves
        it to its kernel; IPv6 does so without room for a cookie."""
        _, hosts = far
        n = Count(lab, hosts, lambda: nodes["r2"].send(
            forged(lab, hosts, family, "udp", MAX_TTL, room)))
        if room < 4 or family == 6:
            assert (len(n.a), len(n.b)) == (1, 0)
        else:
            assert (len(n.a), len(n.b)) == (2, 1)

    @BOTH
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("ttl", (2, BACK + 1))
    def test_dies_on_the_way(self, lab, nodes, far, family, method, ttl):
        """The turned probe, and the answer to B, who says nothing to it."""
        _, hosts = far
        open_gates(lab, nodes, hosts, family, method)
        n = Count(lab, hosts, lambda: nodes["r2"].send(
            forged(lab, hosts, family, method, ttl)))
        assert (len(n.a), len(n.b)) == (2, 0)
        assert [is_error(d) for d in n.a] == [False, True]

    @BOTH
    @pytest.mark.parametrize("method", METHODS)
    def test_inflection(self, lab, nodes, far, family, method):
        _, hosts = far
        n = Count(lab, hosts, lambda: nodes["r2"].send(
            forged(lab, hosts, family, method, 1)))
        assert (len(n.a), len(n.b)) == (1, 0)

    @BOTH
    def test_both_at_once(self, lab, nodes, far, family):
        """Ten forged probes to each, all in flight together: three packets
        for each of the twenty."""
        _, hosts = far

        def send():
            for i in range(10):
                nodes["r2"].send(
                    probe(lab, family, "udp", MAX_TTL,
                          src=hosts.addr[family], sport=PORT_B + i,
                          dport=PORT + i),
                    probe(lab, family, "udp", MAX_TTL,
                          src=lab.service[family], dst=hosts.addr[family],
                          sport=PORT + 100 + i, dport=PORT_B + 100 + i))

        n = Count(lab, hosts, send)
        assert (len(n.a), len(n.b)) == (30, 30)


def journey(ttl, back=BACK, there=THERE):
    """How often an unmarked probe is turned until its TTL is used up."""
    turns, ways = 0, [back, there]
    while ttl > 1:
        turns += 1
        ttl -= 1 + ways[0]
        ways.reverse()
    return turns


class TestOtherRange:
    """B's range of ports is not A's, and the payload is too short for a
    mark: they turn it until its TTL is used up, and then answer each other
    for each turn, once."""

    @staticmethod
    def short(lab, hosts, ttl, room):
        return probe(lab, 4, "udp", ttl, src=hosts.addr[4], sport=OTHER_PORT,
                     dport=PORT, room=room)

    @pytest.fixture(scope="class", params=("own", "router", "both"),
                    name="other")
    def other_pair(self, request, lab):
        for p in pair(lab, "C", lab.client, OTHER_RANGE,
                      relay=request.param, extra=SLOW):
            yield request.param, p

    @pytest.mark.parametrize("room", (0, 3))
    def test_far(self, lab, nodes, other, room):
        """Seven turns with the lab's routers between, seven answers."""
        relay, hosts = other
        n = Count(lab, hosts, lambda: nodes["r2"].send(
            self.short(lab, hosts, MAX_TTL + 1, room)), SLOW_OVER)
        assert journey(MAX_TTL) == 7
        assert len(n) == (3 if relay == "both" else 2) * journey(MAX_TTL)

    @BOTH
    def test_marked(self, lab, nodes, other, family):
        """With room for a mark the ranges do not matter."""
        _, hosts = other
        n = Count(lab, hosts, lambda: nodes["r2"].send(
            probe(lab, family, "udp", MAX_TTL + 1, src=hosts.addr[family],
                  sport=OTHER_PORT, dport=PORT, room=10)), SLOW_OVER)
        assert (len(n.a), len(n.b)) == (2, 1)


class TestNeighbours:
    """The worst case: such a probe, and no router between the two."""

    @pytest.mark.parametrize("relay", ("own", "router", "both"))
    @pytest.mark.parametrize("room", (0, 3))
    def test_bound(self, lab, nodes, relay, room):
        """Each TTL down to 2 is turned once, TTL 1 is the inflection, and
        each turn is answered; by the other host, so in one form."""
        addr = lab.addr["r3", "T"]
        for hosts in pair(lab, "r3", addr, OTHER_RANGE, relay=relay):
            n = Count(lab, hosts, lambda h=hosts: nodes["r3"].frame(
                "T", TestOtherRange.short(lab, h, MAX_TTL, room)))
            # The probe itself was sent by r3, from B's address.
            assert len(n) - 1 == 2 * MAX_TTL - 1
            turned = [d[TTL_AT[4]] for d in n.a + n.b[1:] if not is_error(d)]
            assert sorted(turned) == list(range(1, MAX_TTL))
            assert max(len(d) for d in n.a + n.b) <= 3 * (28 + room)

    @BOTH
    @pytest.mark.parametrize("method", METHODS)
    @pytest.mark.parametrize("form", FORMS)
    def test_marked(self, lab, nodes, family, method, form):
        addr = lab.addr["r3", "T"]
        for hosts in pair(lab, "r3", addr, turn=form):
            if method != "udp":
                before = Counters(hosts.a)
                nodes["r3"].frame("T", forged(lab, hosts, family, method, 0))
                key = ("inflections", family, method)
                assert before.take(lambda g: g.get(key)).get(key) == 1
            n = Count(lab, hosts, lambda h=hosts: nodes["r3"].frame(
                "T", forged(lab, h, family, method, MAX_TTL - 1)))
            a, b = EXPECTED[form, method]
            assert (len(n.a), len(n.b) - 1) == (a, b)
