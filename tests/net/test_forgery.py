#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""An off-path attacker who answers probes in the place of a router.

r5 keeps silent, so a probe for reverse hop 2 stays in flight.  The attacker
sits at r2, which no turned probe passes, and sends from r5's address.  These
tests know what was turned, so that each forgery differs in one thing only.

A forgery that the kernel's filter refuses (it quotes an address that is not
ours, is a fragment, has an IPv6 extension header, is no error) is never
captured, so it raises no counter: NOTHING.
"""

import pytest
from attack import (HDR, IP_PROTO, PROTO_AT, SPORT, TTL_AT, UNREACH, Counters,
                    Sender, Tap, ends, extension6, fragments4, fragments6,
                    icmp_error, icmp_packet, is_error, packed, probe, quoted,
                    tcp_packet)
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES, Lab

FIRST = 4
HOP = 2
METHODS = ("udp", "icmp", "tcp")
BOTH = pytest.mark.parametrize("family", FAMILIES)
EACH = pytest.mark.parametrize("method", METHODS)

FORGED, UNMATCHED, DUPLICATE = "forged", "unmatched", "duplicate"
BAD, NOTHING = "capture_bad", None
# Long enough for whatever a test does while a probe is in flight.
PATIENT = NO_LIMITS + "timeout 10s\nsettle 10s\n"
COOKIE = 8 + 4 + 2		# behind the IP header: header, mark, sum
ECHO_REPLY = {4: 0, 6: 129}


@pytest.fixture(scope="module", name="lab")
def silent_lab():
    """r5 sends no error of its own (TTL 64); the client answers no echo
    request and no SYN, so that mirrored probes stay open as well."""
    with Lab(delay=0) as lab:
        lab.iptables("r5", 4, "filter",
                     "-A OUTPUT -p icmp -m ttl --ttl-eq 64 -j DROP")
        lab.iptables("r5", 6, "filter",
                     "-A OUTPUT -p ipv6-icmp -m hl --hl-eq 64 -j DROP")
        lab.iptables("C", 4, "filter", "-A OUTPUT -p icmp -m icmp "
                     "--icmp-type echo-reply -j DROP",
                     "-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -j DROP")
        lab.iptables("C", 6, "filter", "-A OUTPUT -p ipv6-icmp -m icmp6 "
                     "--icmpv6-type echo-reply -j DROP",
                     "-A OUTPUT -p tcp -m tcp --tcp-flags RST RST -j DROP")
        yield lab


@pytest.fixture(scope="module", name="nodes")
def senders(lab):
    nodes = {n: Sender(lab, n) for n in ("C", "r2", "r3", "r5")}
    yield nodes
    for s in nodes.values():
        s.close()


def flipped(at, bit=0x01):
    """A quote with one bit changed; at: an offset into the packet."""
    def change(quote):
        quote[at] ^= bit
        return quote
    return change


def put(at, value):
    def change(quote):
        quote[at:at + len(value)] = value
        return quote
    return change


def cut(length):
    return lambda quote: quote[:length]


class Trial:
    """One probe in flight, and errors for it."""

    def __init__(self, lab, nodes, family, method, ttl=FIRST + HOP, **fields):
        self.lab, self.nodes, self.family = lab, nodes, family
        self.service = lab.service[family]
        self.client = lab.client[family]
        self.router = lab.reverse(family)[HOP - 1]
        with Tap(lab, "T", "r3") as tap:
            if method != "udp":
                # Opens the gate; its answer is the first that T sends.
                nodes["C"].send(probe(lab, family, method, FIRST, **fields))
                assert tap.until(lambda: tap.sent())
            nodes["C"].send(probe(lab, family, method, ttl, seq=2, **fields))
            turned = (lambda: [d for d in tap.sent() if not is_error(d)])
            assert tap.until(turned)
            self.turned = turned()[0]
            self.probe = tap.got()[-1]

    def quote(self, change=lambda q: q):
        """What the router would quote: its TTL has come to 1."""
        q = bytearray(self.turned)
        q[TTL_AT[self.family]] = 1
        return bytes(change(q))

    def error(self, change=lambda q: q, **fields):
        return icmp_error(self.family, self.router, self.service,
                          self.quote(change), **fields)

    def true(self):
        self.nodes["r5"].send(self.error())

    def sent_ttl(self):
        return self.turned[TTL_AT[self.family]]


def fence(trial):
    """An error that is surely `unmatched`, with a key of its own."""
    q = bytearray(trial.turned)
    q[PROTO_AT[trial.family]] = 17
    q[HDR[trial.family]:HDR[trial.family] + 4] = b"\xc3\x50\xc3\x51"
    trial.nodes["r2"].send(icmp_error(trial.family, trial.router,
                                      trial.service, q))
    return (UNMATCHED, trial.family, "udp")


def outcome(trial, counters, packets):
    """What packets are counted as: the grown counters."""
    trial.nodes["r2"].send(*packets)
    key = fence(trial)
    grown = counters.take(lambda g: g.get(key))
    # What came before the fence was counted before it.
    grown[key] -= 1
    return {k: n for k, n in grown.items() if n != 0}


def expected(what, family, method):
    if what is NOTHING:
        return {}
    return {(what,): 1} if what == BAD else {(what, family, method): 1}


def other(method):
    return "udp" if method == "tcp" else "tcp"


def quotes(lab, family, method, ttl):
    """name: (change to the quote, what it counts as, of which protocol)."""
    h = HDR[family]
    src = 12 if family == 4 else 8
    wide = 4 if family == 4 else 16
    out = {
        "client": (flipped(src + 2 * wide - 1), UNMATCHED, method),
        # The attacker names another address that is ours, too.
        "other listen address": (put(src, packed(
            lab.addr["T", "r3"][family])), UNMATCHED, method),
        "foreign source": (put(src, packed(lab.client[family])), NOTHING,
                           method),
        "hop address as source": (put(src, packed(lab.hop[family])), NOTHING,
                                  method),
        "other protocol": (put(PROTO_AT[family], bytes(
            [IP_PROTO[other(method)][family]])), UNMATCHED, other(method)),
        "no protocol of ours": (put(PROTO_AT[family], b"\x2f"), BAD, method),
        "ttl one above": (put(TTL_AT[family], bytes([ttl + 1])), FORGED,
                          method),
        "ttl 255": (put(TTL_AT[family], b"\xff"), FORGED, method),
        "version": (put(0, b"\x55"), BAD, method),
    }
    if family == 4:
        out.update({
            "id": (flipped(5), FORGED, method),
            "id, high byte": (flipped(4, 0x80), FORGED, method),
            "id 0": (put(4, b"\0\0"), FORGED, method),
            "id of the probe": (put(4, b"\x12\x34"), FORGED, method),
            "id, shortest quote": (lambda q: flipped(5)(q)[:28], FORGED,
                                   method),
            "seven bytes": (cut(27), BAD, method),
            "header only": (cut(20), BAD, method),
            "quoted options": (put(0, b"\x46"), BAD, method),
            "quoted fragment": (flipped(7), BAD, method),
        })
    else:
        out.update({
            "three bytes": (cut(43), BAD, method),
            "header only": (cut(40), BAD, method),
        })
    if method == "tcp":
        out.update({
            "sequence": (flipped(h + 7), FORGED, method),
            "sequence, high bit": (flipped(h + 4, 0x80), FORGED, method),
            "sequence of the probe": (put(h + 4, b"\x01\x02\x03\x02"),
                                      FORGED, method),
        })
        if family == 6:
            out["no sequence"] = (cut(h + 4), FORGED, method)
            out["sequence cut"] = (cut(h + 7), FORGED, method)
    else:
        out.update({
            "cookie": (flipped(h + COOKIE), FORGED, method),
            "cookie, last byte": (flipped(h + COOKIE + 7), FORGED, method),
            "cookie of zeros": (put(h + COOKIE, bytes(8)), FORGED, method),
        })
        if family == 6:
            out["no cookie"] = (cut(h + 8), FORGED, method)
            out["cookie cut"] = (cut(h + COOKIE + 7), FORGED, method)
            out["cookie cut short"] = (cut(h + COOKIE + 3), FORGED, method)
    if method == "icmp":
        out.update({
            "identifier": (flipped(h + 5), UNMATCHED, method),
            "sequence": (flipped(h + 7), UNMATCHED, method),
            "request for reply": (put(h, b"\x08" if family == 4 else b"\x80"),
                                  UNMATCHED, method),
            "code": (flipped(h + 1), UNMATCHED, method),
        })
        if family == 6:
            # Without identifier and sequence there is no flow to look in.
            out["no identifier"] = (cut(h + 4), UNMATCHED, method)
    else:
        out.update({
            "source port": (flipped(h + 1), UNMATCHED, method),
            "destination port": (flipped(h + 3), UNMATCHED, method),
            "ports swapped": (lambda q: put(h, bytes(
                q[h + 2:h + 4] + q[h:h + 2]))(q), UNMATCHED, method),
        })
    if method == "udp" and family == 4:
        out["length"] = (flipped(h + 5), FORGED, method)
    return out


def envelopes(trial):
    """name: (packets, what they count as): the quote is right, or would
    match; what carries it is not."""
    family, lab = trial.family, trial.lab
    good = trial.error()
    h = HDR[family]
    flip = flipped(h + 2)(bytearray(good))
    pieces = fragments4(good, 32) if family == 4 else fragments6(good, 48)
    out = {
        "icmp checksum": ([flip], BAD),
        "icmp checksum 0": ([put(h + 2, b"\0\0")(bytearray(good))], BAD),
        "fragments": (pieces, NOTHING),
        "first fragment": (pieces[:1], NOTHING),
        "to another address of T": ([icmp_error(
            family, trial.router, lab.hop[family], trial.quote())], NOTHING),
        "no quote": ([icmp_error(family, trial.router, trial.service, b"")],
                     NOTHING),
        "parameter problem": ([trial.error(
            kind=12 if family == 4 else 4)], NOTHING),
    }
    if family == 4:
        out.update({
            "outer options": ([trial.error(options=b"\x01\x01\x01\0")], BAD),
            "source quench": ([trial.error(kind=4)], NOTHING),
            "redirect": ([trial.error(kind=5)], NOTHING),
        })
    else:
        out["destination options"] = ([extension6(good, 60)], NOTHING)
        out["informational"] = ([trial.error(kind=200)], NOTHING)
    return out


@pytest.fixture(scope="class", name="patient")
def patient_daemon(lab):
    """Two listen addresses; probes stay in flight for ten seconds."""
    extra = PATIENT + "".join(
        f"listen on {lab.addr['T', 'r3'][f]}\n" for f in FAMILIES)
    with Daemon(lab, extra=extra) as daemon:
        yield daemon


def relayed_once(trial, tap):
    """The client saw one answer: the router's, quoting the probe."""
    assert tap.until(lambda: [d for d in tap.got() if is_error(d)])
    tap.quiet()
    answers = [d for d in tap.got() if is_error(d)]
    assert len(answers) == 1
    assert ends(answers[0]) == (packed(trial.router), packed(trial.client))
    assert quoted(answers[0]) == trial.probe


class TestErrors:
    @BOTH
    @EACH
    def test_quotes(self, lab, nodes, patient, family, method):
        """None is relayed, each is counted; then the true error is."""
        trial = Trial(lab, nodes, family, method, sport=SPORT + 1)
        counters = Counters(patient)
        table = quotes(lab, family, method, trial.sent_ttl())
        with Tap(lab, "C", "r1") as tap:
            got = {name: outcome(trial, counters, [trial.error(change)])
                   for name, (change, _, _) in table.items()}
            assert got == {name: expected(what, family, proto)
                           for name, (_, what, proto) in table.items()}
            trial.true()
            relayed_once(trial, tap)
        assert counters.take() == {("relayed", family, method): 1}

    @BOTH
    @EACH
    def test_envelopes(self, lab, nodes, patient, family, method):
        trial = Trial(lab, nodes, family, method, sport=SPORT + 2)
        counters = Counters(patient)
        table = envelopes(trial)
        with Tap(lab, "C", "r1") as tap:
            got = {name: outcome(trial, counters, packets)
                   for name, (packets, _) in table.items()}
            assert got == {name: expected(what, family, method)
                           for name, (_, what) in table.items()}
            trial.true()
            relayed_once(trial, tap)
        assert counters.take() == {("relayed", family, method): 1}

    @BOTH
    @EACH
    @pytest.mark.parametrize("code", (0, 1, 3))
    def test_unreachable(self, lab, nodes, patient, family, method, code):
        """Not even one that seems to come from the client ends a trace."""
        trial = Trial(lab, nodes, family, method, sport=SPORT + 3)
        counters = Counters(patient)
        at = 5 if family == 4 else HDR[6] + (7 if method == "tcp" else COOKIE)
        forged = icmp_error(family, trial.client, trial.service,
                            trial.quote(flipped(at)), UNREACH[family], code)
        with Tap(lab, "C", "r1") as tap:
            assert outcome(trial, counters, [forged]) == expected(
                FORGED, family, method)
            trial.true()
            relayed_once(trial, tap)

    @BOTH
    @EACH
    def test_duplicate(self, lab, nodes, patient, family, method):
        """First match wins; the same, again, is a duplicate."""
        trial = Trial(lab, nodes, family, method, sport=SPORT + 4)
        counters = Counters(patient)
        with Tap(lab, "C", "r1") as tap:
            trial.true()
            relayed_once(trial, tap)
            assert counters.take() == {("relayed", family, method): 1}
            for src in (trial.router, trial.client, lab.hop[family]):
                again = icmp_error(family, src, trial.service, trial.quote())
                assert outcome(trial, counters, [again]) == expected(
                    DUPLICATE, family, method)
            relayed_once(trial, tap)

    def test_header_checksum(self, lab, nodes, patient):
        """The capture sees it before the kernel's own check does."""
        trial = Trial(lab, nodes, 4, "udp", sport=SPORT + 5)
        counters = Counters(patient)
        bad = flipped(11)(bytearray(trial.error()))
        nodes["r3"].frame("T", bad)
        assert counters.take() == {(BAD,): 1}
        with Tap(lab, "C", "r1") as tap:
            trial.true()
            relayed_once(trial, tap)

    @BOTH
    def test_quoted_checksum(self, lab, nodes, patient, family):
        """It proves nothing, since gateways rewrite it: not looked at, so
        a router behind one is relayed."""
        trial = Trial(lab, nodes, family, "udp", sport=SPORT + 6)
        counters = Counters(patient)
        with Tap(lab, "C", "r1") as tap:
            nodes["r5"].send(trial.error(flipped(HDR[family] + 6)))
            relayed_once(trial, tap)
        assert counters.take() == {("relayed", family, "udp"): 1}

    @BOTH
    def test_reply(self, lab, nodes, patient, family):
        """In reply form nobody's reply is even looked at."""
        trial = Trial(lab, nodes, family, "icmp", sport=SPORT + 14)
        counters = Counters(patient)
        reply = icmp_packet(family, trial.client, trial.service,
                            trial.turned[HDR[family]:])
        assert outcome(trial, counters, [reply]) == {}
        with Tap(lab, "C", "r1") as tap:
            trial.true()
            relayed_once(trial, tap)

    @BOTH
    def test_one_flow(self, lab, nodes, patient, family):
        """Sixteen probes of one flow in flight: the true errors find their
        own, whatever their order."""
        trials = [Trial(lab, nodes, family, "udp", sport=SPORT + 7)
                  for _ in range(16)]
        counters = Counters(patient)
        for trial in trials[::2] + trials[1::2]:
            trial.true()
        key = ("relayed", family, "udp")
        assert counters.take(lambda g: g.get(key) == 16) == {key: 16}


class TestLate:
    @pytest.fixture(scope="class", name="hasty")
    def hasty_daemon(self, lab):
        with Daemon(lab, extra=NO_LIMITS + "timeout 500ms\n"
                    "settle 200ms\n") as daemon:
            yield daemon

    @BOTH
    @pytest.mark.parametrize("method", ("icmp", "tcp"))
    def test_expired(self, lab, nodes, hasty, family, method):
        """Past `timeout` the probe is forgotten."""
        counters = Counters(hasty)
        with Tap(lab, "C", "r1") as tap:
            trial = Trial(lab, nodes, family, method, sport=SPORT + 8)
            key = ("expired", family, method)
            assert counters.take(lambda g: g.get(key))[key] == 1
            tap.quiet()
            before = len(tap.got())
            assert outcome(trial, counters, [trial.error()]) == expected(
                UNMATCHED, family, method)
            tap.quiet()
            assert len(tap.got()) == before

    @BOTH
    def test_settled(self, lab, nodes, hasty, family):
        """UDP: the end was inferred, and sent; what comes then is late."""
        counters = Counters(hasty)
        with Tap(lab, "C", "r1") as tap:
            trial = Trial(lab, nodes, family, "udp", sport=SPORT + 9)
            key = ("ended", family, "udp")
            assert counters.take(lambda g: g.get(key))[key] == 1
            assert outcome(trial, counters, [trial.error()]) == expected(
                DUPLICATE, family, "udp")
            tap.quiet()
            # The inferred end had the turned probe's TTL, and died at r5.
            assert not tap.got()


class TestRecycled:
    SLOTS = 64

    @pytest.fixture(scope="class", name="small")
    def small_daemon(self, lab):
        with Daemon(lab, extra=PATIENT + f"pending {self.SLOTS}\n") as daemon:
            yield daemon

    @BOTH
    @EACH
    def test_slot(self, lab, nodes, small, family, method):
        """An error for a probe whose slot another one has taken."""
        old = Trial(lab, nodes, family, method, sport=SPORT + 10)
        counters = Counters(small)
        old.true()
        relayed = ("relayed", family, "udp")
        counters.take(lambda g: g.get(("relayed", family, method)))
        assert outcome(old, counters, [old.error()]) == expected(
            DUPLICATE, family, method)
        # Each slot is used once more; r3, the first hop, does answer.
        for i in range(self.SLOTS - 8):
            nodes["C"].send(probe(lab, family, "udp", FIRST + 1,
                                  sport=SPORT + 100 + i))
            counters.take(lambda g: g.get(relayed))
        # The last eight are the old one's flow, in flight: one of them has
        # its slot.
        new = [Trial(lab, nodes, family, method, sport=SPORT + 10)
               for _ in range(9)]
        counters.take()
        assert outcome(old, counters, [old.error()]) == expected(
            FORGED, family, method)
        with Tap(lab, "C", "r1") as tap:
            new[-1].true()
            relayed_once(new[-1], tap)
        for trial in new[:-1]:
            trial.true()
        key = ("relayed", family, method)
        assert counters.take(lambda g: g.get(key) == 9) == {key: 9}

    @BOTH
    @EACH
    def test_gone(self, lab, nodes, small, family, method):
        """The same with nothing of that flow in flight."""
        old = Trial(lab, nodes, family, method, sport=SPORT + 11)
        counters = Counters(small)
        old.true()
        counters.take(lambda g: g.get(("relayed", family, method)))
        relayed = ("relayed", family, "udp")
        for i in range(self.SLOTS):
            nodes["C"].send(probe(lab, family, "udp", FIRST + 1,
                                  sport=SPORT + 200 + i))
            counters.take(lambda g: g.get(relayed))
        assert outcome(old, counters, [old.error()]) == expected(
            UNMATCHED, family, method)


class TestMirror:
    """The client's own answers, forged: a mirrored probe reached it."""

    @pytest.fixture(scope="class", name="mirror")
    def mirror_daemon(self, lab):
        with Daemon(lab, turn="mirror", extra=PATIENT) as daemon:
            yield daemon

    @BOTH
    def test_echo(self, lab, nodes, mirror, family):
        trial = Trial(lab, nodes, family, "icmp", ttl=FIRST + 7,
                      sport=SPORT + 12)
        counters = Counters(mirror)
        good = bytearray(trial.turned[HDR[family]:])
        good[0] = ECHO_REPLY[family]

        def reply(change, src=trial.client):
            return icmp_packet(family, src, trial.service,
                               change(bytearray(good)))

        right = reply(lambda d: d)
        pieces = fragments4(right, 16) if family == 4 \
            else fragments6(right, 16)
        table = {
            "cookie": ([reply(flipped(COOKIE))], FORGED),
            "cookie, last byte": ([reply(flipped(COOKIE + 7))], FORGED),
            "no cookie": ([reply(cut(8))], FORGED),
            "cookie cut": ([reply(cut(COOKIE + 7))], FORGED),
            "payload of the probe": ([reply(put(
                8, trial.probe[HDR[family] + 8:]))], FORGED),
            "checksum": ([flipped(HDR[family] + 2)(bytearray(right))], BAD),
            # Replies to the host's own pings are no forgeries.
            "sequence": ([reply(flipped(7))], NOTHING),
            "identifier": ([reply(flipped(5))], NOTHING),
            "other source": ([reply(lambda d: d, trial.router)], NOTHING),
            "fragments": (pieces, NOTHING),
        }
        with Tap(lab, "C", "r1") as tap:
            got = {n: outcome(trial, counters, p) for n, (p, _) in
                   table.items()}
            assert got == {n: expected(what, family, "icmp")
                           for n, (_, what) in table.items()}
            assert not tap.got()
            nodes["r2"].send(right)
            assert tap.until(tap.got)
            tap.quiet()
        assert [d[HDR[family]] for d in tap.got()] == [ECHO_REPLY[family]]
        assert counters.take() == {("ended", family, "icmp"): 1}

    @BOTH
    def test_reset(self, lab, nodes, mirror, family):
        trial = Trial(lab, nodes, family, "tcp", ttl=FIRST + 7,
                      sport=SPORT + 13)
        counters = Counters(mirror)
        h = HDR[family]
        sport, dport, seq = (int.from_bytes(trial.turned[h + a:h + b], "big")
                             for a, b in ((0, 2), (2, 4), (4, 8)))

        def reset(src=trial.client, **fields):
            return tcp_packet(family, src, trial.service, **{
                "sport": dport, "dport": sport, "flags": "RA", "seq": 0,
                "ack": (seq + 1) % (1 << 32), **fields})

        right = reset()
        table = {
            "one off": ([reset(ack=(seq + 2) % (1 << 32))], FORGED),
            "no offset": ([reset(ack=seq)], FORGED),
            "zero": ([reset(ack=0)], FORGED),
            "of the probe": ([reset(ack=0x01020303)], FORGED),
            "no acknowledgement": ([reset(flags="R")], BAD),
            "reset of all": ([reset(flags="SRA")], BAD),
            "checksum": ([flipped(h + 16)(bytearray(right))], BAD),
            "other port": ([reset(dport=sport ^ 1)], NOTHING),
            "other source": ([reset(trial.router)], NOTHING),
        }
        with Tap(lab, "C", "r1") as tap:
            got = {n: outcome(trial, counters, p) for n, (p, _) in
                   table.items()}
            assert got == {n: expected(what, family, "tcp")
                           for n, (_, what) in table.items()}
            assert not tap.got()
            nodes["r2"].send(right)
            assert tap.until(tap.got)
            tap.quiet()
        assert [d[h + 13] for d in tap.got()] == [0x14]
        assert counters.take() == {("ended", family, "tcp"): 1}
