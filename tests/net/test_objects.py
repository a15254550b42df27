#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""What a reverse router attaches to its errors (RFC 4884), carried along,
and what becomes of the unreachables that one sends."""

import ipaddress
import re

import clients
import pytest
import test_traces
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES, Lab
from responder import Responder, silence
from wire import Capture, layer3, sum16

BOTH = pytest.mark.parametrize("family", FAMILIES)
EXTRA = NO_LIMITS + "probe udp port 33000:33433\n"
# The router that the responder stands in for: reverse hop 2, in the trace
# behind the three routers there and the turn.
HOP = 6


def obj(kind, ctype, body):
    return (4 + len(body)).to_bytes(2, "big") + bytes([kind, ctype]) + body


def label(number, last=True, ttl=1):
    """RFC 3032: label, class 5, bottom of the stack, TTL."""
    return (number << 12 | 5 << 9 | last << 8 | ttl).to_bytes(4, "big")


# What routers send: a label, a stack of two, an interface (incoming, by
# number; incoming, by number, address, name and MTU).
LABEL = obj(1, 1, label(24001))
STACK = obj(1, 1, label(24001, False) + label(17))
INDEX = obj(2, 0x08, (7).to_bytes(4, "big"))
INTERFACE = obj(2, 0x0f, (7).to_bytes(4, "big") + bytes([0, 1, 0, 0])
                + ipaddress.ip_address("192.0.2.34").packed
                + b"\x0cxe-0/0/1.0\0" + (9000).to_bytes(4, "big"))
INTERFACE6 = obj(2, 0x0c, (7).to_bytes(4, "big") + bytes([0, 2, 0, 0])
                 + ipaddress.ip_address("2001:db8:35::5").packed)
FOREIGN = {"LABEL": LABEL, "STACK": STACK, "INDEX": INDEX,
           "INTERFACE": INTERFACE, "INTERFACE6": INTERFACE6}


@pytest.fixture(scope="module", name="lab")
def lab_with_responder():
    with Lab() as lab:
        silence(lab, "r5")
        yield lab


def objects(family, data, router):
    """The objects of an answer, each by name; None if it has no extension.

    Ours are "address", "name" (then it is in the same object) and "time".
    """
    icmp = data[20:] if family == 4 else data[40:]
    words = icmp[5] * 4 if family == 4 else icmp[4] * 8
    if words == 0:
        return None
    assert words == 128
    x = icmp[8 + words:]
    assert x[0] == 0x20 and sum16(x) == 0xffff
    out, at = [], 4
    while at < len(x):
        size = int.from_bytes(x[at:at + 2], "big")
        one = x[at:at + size]
        at += size
        if one in FOREIGN.values():
            out += [n for n, o in FOREIGN.items() if o == one]
        elif one[2:4] == b"\xf7\x01":
            assert size == 8
            out.append("time")
        else:
            ip = ipaddress.ip_address(router).packed
            assert one[2] == 2 and one[3] in (0xc4, 0xc6)
            assert one[4:8 + len(ip)] == bytes([0, 1 if family == 4 else 2,
                                                0, 0]) + ip
            out.append("address")
            if one[3] == 0xc6:
                assert one[8 + len(ip):] == b"\x08u-turn\0"
                out.append("name")
    assert at == len(x)
    return out


def ask(lab, responder, length=None):
    """One probe that ends at the responder: the client's line of it, and
    what the client got, by source, in the order of the wire."""
    family = responder.family
    what = "icmp and icmp[0] = 11" if family == 4 else "icmp6 and ip6[40] = 3"
    with responder, Capture(lab, "C", "r1", what) as capture:
        hops = clients.traceroute(lab, family, "udp", [
            "-q1", "-e", "-f", str(HOP), "-m", str(HOP)], length=length)
    got = {}
    for p in capture.packets():
        if not p.sent:
            assert p.src not in got
            got[p.src] = layer3(p)
    return hops[0], got


def shown(names, router):
    """What traceroute -e prints of objects: as a regular expression.

    Up to 2.1.3 other classes than MPLS in hex, later in words.
    """
    labels = {"LABEL": r"MPLS:L=24001,E=5,S=1,T=1",
              "STACK": r"MPLS:L=24001,E=5,S=0,T=1/L=17,E=5,S=1,T=1"}
    ip = re.escape(ipaddress.ip_address(router).packed.hex(",", -4))
    own = {"address": rf"(2/19[68]:000[12]0000,{ip}[^;]*|NXT:[^;]*)",
           "time": "247/1:[0-9a-f]{8}"}
    parts = [labels.get(n) or own.get(n) or "(2/[0-9]+:[^;]*|INC:[^;]*)"
             for n in names if n != "name"]
    return f"<{';'.join(parts)}>" if parts else ""


# family, length of the probe, relay mode, the router's objects; then what
# the answers carry in own form and in router form.  No more than three times
# the probe's bytes, five times for `both`: IPv4 180 and 300 of the client's
# own 60 bytes; IPv6 240 and 400 of its 80.  An extension's first 4 bytes
# stand at 160 (IPv6 180); our address takes 12 (24), time and name 8 each.
SIZES = [
    # 172 with the address: 8 are left.
    (4, 60, "own", ["LABEL"], ["address", "LABEL"], None),
    (4, 60, "own", ["INDEX"], ["address", "INDEX"], None),
    (4, 60, "own", ["STACK"], ["address"], None),
    (4, 60, "own", ["LABEL", "INTERFACE"], ["address", "LABEL"], None),
    # The last is left out first, however small those before it are.
    (4, 60, "own", ["INTERFACE", "LABEL"], ["address"], None),
    (4, 64, "own", ["STACK"], ["address", "time", "STACK"], None),
    (4, 62, "own", ["STACK"], ["address", "STACK"], None),
    (4, 63, "own", ["LABEL"], ["address", "time", "LABEL"], None),
    (4, 66, "own", ["LABEL"], ["address", "name", "time", "LABEL"], None),
    (4, 100, "own", ["LABEL", "INTERFACE"],
     ["address", "name", "time", "LABEL", "INTERFACE"], None),
    # 172 or not even that.
    (4, 58, "own", ["LABEL"], ["address"], None),
    (4, 57, "own", ["LABEL"], None, None),
    # 20 are left: no object of ours.
    (4, 60, "router", ["LABEL"], None, ["LABEL"]),
    (4, 60, "router", ["STACK", "INDEX"], None, ["STACK", "INDEX"]),
    (4, 60, "router", ["STACK", "INDEX", "LABEL"], None,
     ["STACK", "INDEX"]),
    (4, 60, "router", ["INTERFACE"], None, None),
    (4, 100, "router", ["STACK", "INTERFACE"], None,
     ["STACK", "INTERFACE"]),
    # Both answers together: 88 and 172 leave 40 to own form, and router form
    # nothing.
    (4, 60, "both", ["LABEL"], ["address", "name", "time", "LABEL"], None),
    (4, 60, "both", ["STACK", "INDEX"],
     ["address", "name", "time", "STACK", "INDEX"], None),
    (4, 60, "both", ["INTERFACE"], ["address", "time", "INTERFACE"], None),
    (4, 60, "both", ["INTERFACE", "LABEL"],
     ["address", "INTERFACE", "LABEL"], None),
    (4, 60, "both", ["INTERFACE", "STACK"], ["address", "INTERFACE"], None),
    (4, 69, "both", ["LABEL"], ["address", "name", "time", "LABEL"], None),
    # 180 and 168: what is in both comes before the time.
    (4, 70, "both", ["LABEL"], ["address", "LABEL"], ["LABEL"]),
    (4, 72, "both", ["LABEL", "STACK"], ["address", "LABEL", "STACK"],
     ["LABEL"]),
    (4, 100, "both", ["LABEL", "INTERFACE"],
     ["address", "name", "time", "LABEL", "INTERFACE"],
     ["LABEL", "INTERFACE"]),
    # 204 with the address: 36 are left.
    (6, 80, "own", ["LABEL"], ["address", "name", "time", "LABEL"], None),
    (6, 80, "own", ["STACK", "INDEX"],
     ["address", "name", "time", "STACK", "INDEX"], None),
    (6, 80, "own", ["INTERFACE6"], ["address", "time", "INTERFACE6"], None),
    (6, 80, "own", ["LABEL", "INTERFACE6"],
     ["address", "LABEL", "INTERFACE6"], None),
    (6, 79, "own", ["LABEL", "INTERFACE6"], ["address", "LABEL"], None),
    (6, 100, "own", ["LABEL", "INTERFACE6"],
     ["address", "name", "time", "LABEL", "INTERFACE6"], None),
    (6, 80, "router", ["STACK", "INTERFACE6"], None,
     ["STACK", "INTERFACE6"]),
    # 128 and 204 leave 68, or 212 and 188 nothing.
    (6, 80, "both", ["LABEL"], ["address", "LABEL"], ["LABEL"]),
    (6, 80, "both", ["STACK"], ["address", "name", "time", "STACK"], None),
    (6, 80, "both", ["LABEL", "INTERFACE6"],
     ["address", "name", "time", "LABEL", "INTERFACE6"], None),
    (6, 120, "both", ["LABEL", "INTERFACE6"],
     ["address", "name", "time", "LABEL", "INTERFACE6"],
     ["LABEL", "INTERFACE6"]),
]


def serve(*relays):
    """A fixture: a daemon in each of these relay modes, once for a class."""
    @pytest.fixture(scope="class", params=relays)
    def relay(self, request, lab):
        with Daemon(lab, relay=request.param, hop=True, extra=EXTRA):
            yield request.param
    return relay


def sizes(relay):
    """The cases of this mode."""
    return pytest.mark.parametrize(
        "family, length, foreign, own, router, field",
        [pytest.param(f, n, names, own, router, field,
                      id=f"v{f}-{n}-{'-'.join(names)}{old}")
         for f, n, r, names, own, router in SIZES
         # An old router does not say how much it quotes.
         for field, old in ((None, ""), (0, "-old"))
         if r == relay and
         (field is None or names == ["LABEL"] and n != 58)])


class Sums:
    """All that the byte sums let through, in the order of DESIGN.md."""

    # pylint: disable-next=too-many-arguments
    @staticmethod
    def check(lab, relay, family, length, foreign, own, router, field,
              filtered=False):
        sent = b"".join(FOREIGN[n] for n in foreign)
        responder = Responder(lab, family, sent, length=field)
        hop, got = ask(lab, responder, length)
        wanted = {}
        if relay != "own" and not filtered:
            wanted[responder.address] = router
        if relay != "router":
            wanted[lab.hop[family]] = own
        answers = {a: objects(family, d, responder.address)
                   for a, d in got.items()}
        assert answers == wanted
        # The first answer is the one that the client shows.
        first = next(iter(got))
        assert str(hop) == first == next(iter(wanted))
        sizes = sum(len(d) for d in got.values())
        assert sizes <= length * (5 if relay == "both" else 3)
        text = "".join(hop.objects)
        assert re.fullmatch(shown(objects(family, got[first],
                                          responder.address) or [],
                                  responder.address), text), text


class TestSumsOwn(Sums):
    relay = serve("own")

    @sizes("own")
    def test_carried(self, lab, relay, family, length, foreign, own, router,
                     field):
        self.check(lab, relay, family, length, foreign, own, router, field)


class TestSumsRouter(Sums):
    relay = serve("router")

    @sizes("router")
    def test_carried(self, lab, relay, family, length, foreign, own, router,
                     field):
        self.check(lab, relay, family, length, foreign, own, router, field)


class TestSumsBoth(Sums):
    relay = serve("both")

    @sizes("both")
    def test_carried(self, lab, relay, family, length, foreign, own, router,
                     field):
        self.check(lab, relay, family, length, foreign, own, router, field)


class TestBehindFilter(Sums):
    """The first hop of the host drops what is not the host's: the client
    sees own form alone, and all that it carries."""

    @pytest.fixture(scope="class")
    def filtered(self):
        with Lab(bcp38=True) as lab:
            silence(lab, "r5")
            with Daemon(lab, relay="both", hop=True, extra=EXTRA):
                yield lab

    @sizes("both")
    def test_carried(self, filtered, family, length, foreign, own, router,
                     field):
        self.check(filtered, "both", family, length, foreign, own, router,
                   field, filtered=True)

    @BOTH
    @pytest.mark.parametrize("method", ("udp", "icmp", "tcp"))
    def test_traceroute(self, filtered, family, method):
        """As it is called by default: 60 bytes, in IPv6 80.  A SYN, 60 bytes
        in IPv4, is 20 longer there, too."""
        with Responder(filtered, family, LABEL):
            hops = clients.traceroute(filtered, family, method,
                                      ["-q1", "-N1", "-e"])
        want = filtered.expected(family, "hop", "own")
        # The filter takes the address on the link to the host for the host's.
        want[4] = filtered.reverse(family)[0]
        assert clients.names(hops) == want
        labels = ["MPLS:L=24001,E=5,S=1,T=1" in "".join(h.objects)
                  for h in hops]
        assert labels == [n == HOP - 1 for n in range(len(hops))]


@BOTH
class TestMtr:
    """mtr -e shows label stacks, and no other object."""

    relay = serve("own", "router", "both")

    @pytest.mark.parametrize("length_field", (None, 0), ids=("", "old"))
    def test_labels(self, lab, relay, family, length_field):
        """On a terminal: its reports leave them out."""
        mtr = (f"mtr -{family} -n -e -t -c 1 -i 0.2 -G 1 -u -L 40000 -s 160 "
               f"{lab.service[family]}")
        with Responder(lab, family, INDEX + STACK, length=length_field):
            p = lab.run("C", ["env", "TERM=vt100", "script", "-qec",
                              f"stty rows 50 cols 120; {mtr}", "/dev/null"])
        assert p.returncode == 0, p.stdout
        text = p.stdout
        shows = lab.hop[family] if relay == "own" else lab.reverse(family)[1]
        line = text.index(f"{HOP}. {shows}")
        labels = [text.index(f"[MPLS: Lbl {n} TC 5 S {last} TTL 1]")
                  for n, last in ((24001, 0), (17, 1))]
        assert line < labels[0] < labels[1] < text.index(f"{HOP + 1}. ")
        assert text.count("MPLS") == 2


NAMED = obj(2, 0x02, b"\x08xe-0\x1b[m")
CLAIM = obj(2, 0xc6, bytes([0, 1, 0, 0, 203, 0, 113, 66]) + b"\x08u-turn\0")
MALFORMED = {
    "wrong-sum": {"objects": LABEL, "sum": "bad"},
    "old-without-sum": {"objects": LABEL, "sum": "none", "length": 0},
    "version-1": {"objects": LABEL, "version": 1},
    "length-beyond": {"objects": LABEL, "length": 255},
    "short-quote": {"objects": LABEL, "quote": 64},
    "object-of-3": {"objects": b"\0\3\1\1" + LABEL},
    "object-of-0": {"objects": b"\0\0\1\1" + LABEL},
    "object-of-6": {"objects": b"\0\6\1\1" + label(1) + b"\0\0"},
    "object-beyond": {"objects": LABEL + b"\0\x40\1\1" + label(1)},
    "half-header": {"objects": LABEL + b"\0\x08"},
    "empty-stack": {"objects": obj(1, 1, b"")},
    "other-c-type": {"objects": obj(1, 2, label(1))},
    "other-family": {"objects": obj(2, 0x04, bytes([0, 9, 0, 0]) + bytes(4))},
    "cut-address": {"objects": obj(2, 0x04, bytes([0, 2, 0, 0]) + bytes(4))},
    "long-interface": {"objects": obj(2, 0x08, bytes(8))},
    "escape-in-name": {"objects": NAMED},
    "our-own-name": {"objects": CLAIM},
    "our-own-time": {"objects": obj(247, 1, bytes(4))},
}


@BOTH
class TestMalformed:
    """None of it reaches the client, and the hop is shown all the same."""

    relay = serve("own")

    @pytest.mark.usefixtures("relay")
    @pytest.mark.parametrize("case", MALFORMED)
    def test_left_out(self, lab, family, case):
        responder = Responder(lab, family, **MALFORMED[case])
        hop, got = ask(lab, responder, 120)
        (source, data), = got.items()
        assert str(hop) == source
        assert objects(family, data, responder.address) == \
            ["address", "name", "time"]


@BOTH
class TestSomeMalformed:
    """What is wrong in itself, or of no class that is kept."""

    relay = serve("own", "router")

    def test_others_are_kept(self, lab, relay, family):
        """It takes none with it."""
        responder = Responder(lab, family, obj(99, 7, bytes(8)) + NAMED
                              + LABEL + CLAIM + obj(3, 1, bytes(8)) + INDEX)
        _, got = ask(lab, responder, 120)
        (data,) = got.values()
        found = objects(family, data, responder.address)
        assert [n for n in found if n in FOREIGN] == ["LABEL", "INDEX"]
        if relay == "router":
            assert found == ["LABEL", "INDEX"]

    def test_without_sum(self, lab, relay, family):
        """RFC 4884 lets a router leave it out, if it says where they are."""
        responder = Responder(lab, family, LABEL, sum="none")
        _, got = ask(lab, responder, 120)
        (data,) = got.values()
        assert objects(family, data, responder.address)[-1] == "LABEL"
        assert relay != "router" or len(got) == 1


@BOTH
@pytest.mark.parametrize("relay", ("own", "router", "both"))
def test_hidden(lab, family, relay):
    """A hidden hop's objects would tell who it is: none are carried."""
    hidden = lab.reverse(family)[1]
    with Daemon(lab, relay=relay, hop=True,
                extra=EXTRA + f"hide hop {hidden}\n"):
        hop, got = ask(lab, Responder(lab, family, LABEL + INDEX), 200)
    assert list(got) == [lab.hop[family]] == [str(hop)]
    assert objects(family, got[lab.hop[family]], hidden) is None
    assert hop.objects == []
    assert ipaddress.ip_address(hidden).packed not in got[lab.hop[family]]


# Type and code, and what traceroute writes behind the time; ports and MTU
# are never passed on.
UNREACHABLE = {4: {"host": ((3, 1), "!H"), "admin": ((3, 13), "!X")},
               6: {"host": ((1, 3), "!H"), "admin": ((1, 1), "!X")}}
NEVER = {4: {"port": (3, 3), "frag": (3, 4)},
         6: {"port": (1, 4), "reply": (1, 7)}}



class TestUnreachable:
    """A reverse router that says that it has no way to the client."""

    @pytest.fixture(scope="class", params=("own", "router", "both"))
    def relaying(self, request, lab):
        with Daemon(lab, relay=request.param, hop=True,
                    extra=EXTRA + "unreachable relay\n") as daemon:
            yield daemon, request.param

    @BOTH
    @pytest.mark.parametrize("method, kind", [
        ("udp", "host"), ("icmp", "host"), ("tcp", "host"),
        ("udp", "admin")])
    def test_relay(self, lab, relaying, family, method, kind):
        """The client shows who refused and how, and ends."""
        daemon, relay = relaying
        code, text = UNREACHABLE[family][kind]
        want = lab.expected(family, "hop", relay)[:HOP]
        want[-1] += f"|{text}"
        with Responder(lab, family, kind=code):
            hops = clients.traceroute(lab, family, method, ["-q1", "-N1"])
        assert clients.names(hops) == want
        assert daemon.count("unreachable", family, method) > 0


class TestUnreachableHidden:
    """The same, as it is by default."""

    @pytest.fixture(scope="class", params=("own", "router", "both"))
    def hiding(self, request, lab):
        with Daemon(lab, relay=request.param, hop=True,
                    extra=EXTRA) as daemon:
            yield daemon, request.param

    @BOTH
    @pytest.mark.parametrize("method, kind", [
        ("udp", "host"), ("icmp", "admin"), ("tcp", "host")])
    def test_hide(self, lab, hiding, family, method, kind):
        """One star, and the trace goes on to its end."""
        daemon, relay = hiding
        want = lab.expected(family, "hop", relay)
        want[HOP - 1] = "*"
        with Responder(lab, family, kind=UNREACHABLE[family][kind][0]):
            hops = clients.traceroute(lab, family, method, ["-q1", "-w1"])
        assert clients.names(hops) == want
        assert daemon.count("unreachable", family, method) > 0


# One after the other: none is under way any more when the trace ends.
IN_TURN = ["-q1", "-N1", "-w1"]


@BOTH
@pytest.mark.parametrize("setting", ("hide", "relay"))
def test_unreachable_shown(lab, family, setting):
    """The operator sees who refused and how, kept back or not.  Nobody takes
    it for the end: the trace ends behind it, or where the client gave up."""
    code, text = UNREACHABLE[family]["host"]
    with Daemon(lab, relay="own", hop=True,
                extra=EXTRA + f"unreachable {setting}\n") as daemon, \
            Responder(lab, family, kind=code):
        with test_traces.Monitor(daemon) as monitor:
            clients.traceroute(lab, family, "udp", IN_TURN)
            if setting == "hide":
                trace = test_traces.ended(daemon, lab.client[family], "udp",
                                          "inferred")
                assert trace["end_hop"] == 5
                assert test_traces.addresses(trace) == lab.reverse(family)
            else:
                (trace,) = test_traces.shown(daemon, lab.client[family])
                assert trace["end"] == "open"
                assert test_traces.addresses(trace) == lab.reverse(family)[:2]
            lines = monitor.wait_line(
                rf" 2 {re.escape(lab.reverse(family)[1])} .*{text}$")
        assert [h.get("unreachable") for h in trace["hops"]][:2] == [
            None, {"type": code[0], "code": code[1], "mark": text}]
        assert not [h for h in trace["hops"][2:] if "unreachable" in h]
        assert len([s for s in lines if s.endswith(text)]) == 1
        rows = daemon.ctl("-n", "show", "traces").stdout.splitlines()
        (row,) = [r for r in rows if r.endswith(text)]
        assert lab.reverse(family)[1] in row


@BOTH
@pytest.mark.parametrize("turn, relay", [
    ("reply", "own"), ("reply", "router"), ("reply", "both"),
    ("mirror", "own"), ("mirror", "router")])
def test_labels_shown(lab, family, turn, relay):
    """The operator sees the labels, too; the client does in either form of
    the turned probe."""
    with Daemon(lab, relay=relay, turn=turn, hop=True,
                extra=EXTRA) as daemon, Responder(lab, family, STACK):
        hops = clients.traceroute(lab, family, "udp", [*IN_TURN, "-e"],
                                  length=120)
        assert clients.names(hops) == lab.expected(
            family, "hop", "own" if relay == "own" else "router")
        assert "MPLS:L=24001,E=5,S=0,T=1/L=17,E=5,S=1,T=1" in \
            "".join(hops[HOP - 1].objects)
        trace = test_traces.ended(
            daemon, lab.client[family], "udp",
            "inferred" if turn == "reply" else "answered")
        text = daemon.ctl("-n", "show", "traces").stdout
    assert trace["end_hop"] == 5
    assert test_traces.addresses(trace) == lab.reverse(family)
    assert [h.get("labels") for h in trace["hops"]] == [None, [
        {"label": 24001, "exp": 5, "bottom": 0, "ttl": 1},
        {"label": 17, "exp": 5, "bottom": 1, "ttl": 1}], None, None]
    assert f"  {lab.reverse(family)[1]} [MPLS 24001,17]\n" in text
    assert text.count("MPLS") == 1


@BOTH
@pytest.mark.parametrize("setting", ("hide", "relay"))
def test_never_relayed(lab, family, setting):
    """A port unreachable would be the end, of a router that is no end."""
    want = lab.expected(family, "hop", "own")
    want[HOP - 1] = "*"
    with Daemon(lab, relay="own", hop=True,
                extra=EXTRA + f"unreachable {setting}\n"):
        for kind in NEVER[family].values():
            with Responder(lab, family, kind=kind):
                hops = clients.traceroute(lab, family, "udp",
                                          ["-q1", "-w1"])
            assert clients.names(hops) == want, kind


@BOTH
def test_unreachable_with_labels(lab, family):
    """What a relayed unreachable carries is carried on, too."""
    with Daemon(lab, relay="own", hop=True,
                extra=EXTRA + "unreachable relay\n"), \
            Responder(lab, family, LABEL, UNREACHABLE[family]["host"][0]):
        hops = clients.traceroute(lab, family, "udp",
                                  ["-q1", "-N1", "-e"], length=200)
    assert "MPLS:L=24001,E=5,S=1,T=1" in hops[-1].objects[0]
    assert hops[-1].flags == ["!H"]
