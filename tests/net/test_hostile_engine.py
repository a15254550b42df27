#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A compromised engine against the real packet process: its orders.

Queue, sockets and sandbox are real.  The numbers in the names are those of
DESIGN section 3.  After every run the wire is judged: nothing has left T
that the rules do not allow, and what was owed a verdict got it.
"""

import pytest
from hostile import (FAST, FAMILIES, HDR, PORT, SILENT, SPORT, TIMEX, Judge,
                     check, check_wire, hostile_bench, packed, packet, probe)

__all__ = ["hostile_bench"]

METHODS = ("udp", "icmp", "tcp")
ORDERS = ("pass", "drop", "inflect", "turn", "answer", "final")
VERDICTS = ORDERS[:4]
BOTH = pytest.mark.parametrize("family", FAMILIES)
EACH = pytest.mark.parametrize("method", METHODS)
# Its client comes second, is never ordered for, and has its own port.
BYSTANDER = SPORT + 1

GIVEN = "its verdict was given already"
TWICE = "a second order for a probe that is done"
NEVER = "no such probe was ever handed up"
UNMATCHED = "nothing was matched"
UNTURNED = "the probe was not turned"
NOT_THERE = "nothing says that the probe arrived"
ROUTER = "a router answered, not the client"
UNRELAYED = "what was matched is never relayed"
FIRST = "another's object would come first in own form"
OVER = "the answer is over the sum that its probe allows"
OK, LATE = "ok", "late"


def violates(bench, steps, fault, order, probes, drops=0, **options):
    """Where this machine was too slow the order was honestly late: again."""
    for _ in range(3):
        r = bench.run(steps, probes, **options)
        if r.code == 0 and r.stats["late"]:
            continue
        break
    check(r, f"{order.upper()}: .*{fault}")
    check_wire(r, drops)
    return r


def pair(bench, family, hop, method="udp", src=None, **more):
    """The probe that is played with, and a bystander."""
    return [probe(bench.lab, hop, family, method, src, **more),
            probe(bench.lab, 2, family, method, sport=BYSTANDER)]


# Every state of a record: the steps that lead there, the hop of the probe,
# does its client answer; then what comes of the six orders.
STATES = {
    "pending": ("probe", 2, True, (
        OK, OK, "no inflection: its TTL is above 1", OK, UNMATCHED,
        UNTURNED)),
    "pending-ttl1": ("probe", 0, True, (
        OK, OK, OK, "a probe with TTL 1 is never turned", UNMATCHED,
        UNTURNED)),
    "turned": ("probe turn", 5, False, (GIVEN,) * 4 + (UNMATCHED,
                                                       NOT_THERE)),
    "settled": ("probe turn settle", 5, False, (GIVEN,) * 4 + (UNMATCHED,
                                                               OK)),
    "matched": ("probe turn match", 2, True, (GIVEN,) * 4 + (OK, ROUTER)),
    "arrived": ("probe turn match", 5, True, (GIVEN,) * 4 + (UNRELAYED, OK)),
    "passed": ("probe pass", 2, True, (TWICE,) * 6),
    "dropped": ("probe drop", 2, True, (TWICE,) * 6),
    "inflected": ("probe inflect", 0, True, (TWICE,) * 6),
    "answered": ("probe turn match answer", 2, True, (TWICE,) * 6),
    "finished": ("probe turn match final", 5, True, (TWICE,) * 6),
    "inferred": ("probe turn settle final", 5, False, (TWICE,) * 6),
    "silence": ("probe idle:300", 2, True, (LATE,) * 6),
    "expired": ("probe turn timeout", 5, False, (LATE,) * 6),
    "future": ("probe gen:+1", 2, True, (NEVER,) * 6),
    "far-future": ("probe gen:0xffffffff", 2, True, (NEVER,) * 6),
    "zero": ("probe gen:0", 2, True, (NEVER,) * 6),
    "unused": ("probe slot:4000 gen:1", 2, True, (NEVER,) * 6),
    "no-slot": ("probe slot:8192 gen:1", 2, True, (NEVER,) * 6),
    "last-slot": ("probe slot:0xffffffff gen:1", 2, True, (NEVER,) * 6),
}


def play(bench, family, state, order):
    """One cell of the table."""
    steps, hop, answers, outcome = STATES[state]
    outcome = outcome[ORDERS.index(order)]
    probes = pair(bench, family, hop,
                  src=None if answers else SILENT[family])
    drops = int(state == "dropped" or
                outcome == OK and order == "drop")
    if outcome not in (OK, LATE):
        return violates(bench, f"{steps} {order}", outcome, order, probes,
                        drops)
    for _ in range(3):
        r = bench.run(f"{steps} {order} sync", probes)
        if outcome == LATE or not r.stats.get("late"):
            break
    check(r)
    check_wire(r, drops)
    assert r.stats["late"] == (1 if outcome == LATE else 0), str(r)
    return r


@BOTH
@pytest.mark.parametrize("order", VERDICTS)
@pytest.mark.parametrize("state", STATES)
def test_inv03_verdict_in_every_state(bench, family, state, order):
    """One disposition for each id, and only while one is owed."""
    play(bench, family, state, order)


@BOTH
@pytest.mark.parametrize("state", STATES)
def test_inv13_answer_in_every_state(bench, family, state):
    """One answer for each id, and only for a router that was matched."""
    r = play(bench, family, state, "answer")
    assert r.judge.count("answered") == (state in ("matched", "answered"))


@BOTH
@pytest.mark.parametrize("state", STATES)
def test_inv13_final_in_every_state(bench, family, state):
    """Only for a client that was reached, or UDP that vanished there."""
    r = play(bench, family, state, "final")
    assert r.judge.count("final") == (
        state in ("arrived", "finished", "settled", "inferred"))


@pytest.mark.parametrize("order", ORDERS)
def test_inv03_older_generation(bench, order):
    """The slot has another probe now: the order is late, and does nothing
    to that probe."""
    probes = [probe(bench.lab, 2, sport=SPORT + i) for i in range(65)]
    steps = "probe keep pass " + "probe pass " * 63 + "sync "
    # The last one when all slots are free again.
    r = bench.run(f"{steps} probe back {order} sync", probes[:64],
                  {len(steps.split()): lambda: bench.send(probes[64])},
                  extra=FAST + "pending 64\n")
    check(r)
    check_wire(r)
    ids = [(e["slot"], e["gen"]) for e in r.all("probe")]
    assert ids[0] == (0, 1) and ids[64] == (0, 2)
    assert r.stats["late"] == 1 and r.judge.count("host") == 65, str(r)


@BOTH
@EACH
def test_inv03_drop_by_protocol(bench, family, method):
    """TCP never; echo only the inflection, where that is silent."""
    for hop in (0, 2):
        for silent in (False, True):
            may = method == "udp" or method == "icmp" and hop == 0 and silent
            options = {"inflection": "silent" if silent else "answer"}
            probes = pair(bench, family, hop, method)
            if may:
                r = bench.run("probe drop sync", probes, **options)
                check(r)
                check_wire(r, 1)
                assert r.stats["dropped"] == 1, str(r)
            else:
                violates(bench, "probe drop", "dropped", "drop", probes,
                         **options)


@BOTH
@EACH
def test_inv03_inflect_only_as_the_policy_says(bench, family, method):
    probes = pair(bench, family, 0, method)
    r = bench.run("probe inflect sync", probes)
    check(r)
    check_wire(r)
    assert r.judge.count("inflected") == 1
    violates(bench, "probe inflect", "the inflection is to be silent",
             "inflect", probes, inflection="silent")
    violates(bench, "probe inflect", "no inflection.*", "inflect",
             pair(bench, family, 1, method))


@BOTH
@EACH
def test_inv04_silence(bench, family, method):
    """No order: the host answers, 250 ms late."""
    r = bench.run("idle:400 stats", pair(bench, family, 2, method))
    check(r)
    check_wire(r)
    assert r.judge.count("host") == 2
    assert r.stats["unanswered"] == 2 == r.stats["passed"], str(r)
    came = [at for sent, data, at in r.frames
            if not sent and data == r.judge.probes[0].data]
    client = packed(bench.lab.client[family])
    went = [at for sent, data, at in r.frames
            if sent and Judge.ends(family, data)[1] == client]
    assert 0.24 < went[0] - came[0] < 2


@BOTH
@EACH
@pytest.mark.parametrize("turn", ("reply", "mirror"))
@pytest.mark.parametrize("hop", (1, 4))
def test_inv06_inv07_turned(bench, family, method, turn, hop):
    """What leaves by TURN is the probe, swapped, with TTL - 1, and the judge
    finds it so; an order has no field that could say otherwise."""
    r = bench.run("probe turn match sync", pair(bench, family, hop, method),
                  turn=turn)
    check(r)
    check_wire(r)
    assert r.judge.probes[0].fates == ["turned"]
    assert len(r.judge.probes[0].turned) == len(r.judge.probes[0].data)


@BOTH
@EACH
def test_inv06_never_ttl_1(bench, family, method):
    violates(bench, "probe turn", "a probe with TTL 1 is never turned",
             "turn", pair(bench, family, 0, method))


@BOTH
@pytest.mark.parametrize("method", ("udp", "icmp"))
@pytest.mark.parametrize("size", (0, 1, 3, 4, 9, 10, 40, 1200))
def test_inv08_payload(bench, family, method, size):
    """Not one of the sender's bytes comes back; without room for a cookie
    IPv6 probes are not even handed up."""
    first = probe(bench.lab, 1, family, method,
                  size=HDR[family] + 8 + size)
    last = probe(bench.lab, 1, family, method, sport=BYSTANDER)
    r = bench.run("each:100:turn", [first, last])
    check(r)
    check_wire(r)
    seen = r.judge.probes[0]
    if family == 6 and size < 10:
        assert seen.fates == ["host"] and r.stats["no_room"] == 1, str(r)
        return
    assert seen.fates == ["turned"], str(r)
    tail = seen.turned[HDR[family] + 8:]
    if size >= 10:
        assert not any(tail[14:]) and tail[6:14] != seen.data[-size:][6:14]


def test_inv10_ids(bench):
    """However fast one client's probes are turned: no id twice, none 0."""
    probes = [probe(bench.lab, 1, sport=SPORT + i) for i in range(300)]
    r = bench.run("each:700:turn", probes)
    check(r)
    check_wire(r)
    turned = [p.turned for p in r.judge.probes if p.turned]
    ids = {t[4:6] for t in turned}
    assert len(turned) == len(ids) > 250 and b"\0\0" not in ids


@BOTH
def test_inv11_forged_error(bench, family):
    """Another id (IPv6: cookie) is no match, and an engine that answers all
    the same is found out."""
    with bench.router(family, (*TIMEX[family], 0, None, 0x5a)):
        r = violates(bench, "probe turn idle:80 stats answer", UNMATCHED,
                     "answer", pair(bench, family, 5, src=SILENT[family]))
    assert not r.all("match") and r.stats["forged"] == 1, str(r)


@BOTH
def test_inv12_first_match_wins(bench, family):
    """The same error five times: handed up once, counted four times."""
    with bench.router(family, *[TIMEX[family]] * 5):
        r = bench.run("probe turn match idle:50 answer idle:20 stats",
                      pair(bench, family, 5, src=SILENT[family]))
    check(r)
    check_wire(r)
    assert len(r.all("match")) == 1 and r.stats["duplicate"] == 4, str(r)
    assert r.judge.count("answered") == 1


@BOTH
@pytest.mark.parametrize("relay, forms", (("own", 1), ("router", 1),
                                          ("both", 2)))
def test_inv13_forms(bench, family, relay, forms):
    r = violates(bench, "probe turn match answer:2 answer:2", TWICE,
                 "answer", pair(bench, family, 2, size=300), relay=relay)
    assert r.judge.count("answered") == forms


NOT_RELAYED = {4: ((3, 3), (3, 4), (11, 1), (12, 0), (4, 0), (5, 1)),
               6: ((1, 4), (2, 0), (3, 1), (4, 0))}
IF_ALLOWED = {4: ((3, 0), (3, 1), (3, 13)), 6: ((1, 0), (1, 1), (1, 3))}


@BOTH
@pytest.mark.parametrize("unreachable", ("hide", "relay"))
def test_inv14_kinds_never_relayed(bench, family, unreachable):
    """Whatever the router said: fragmentation needed, packet too big, port
    unreachable and the like never leave as an ANSWER."""
    for kind in NOT_RELAYED[family]:
        with bench.router(family, kind):
            r = violates(bench, "probe turn idle:60 answer:2", "matched.*",
                         "answer", pair(bench, family, 5,
                                        src=SILENT[family], size=300),
                         extra=FAST + f"unreachable {unreachable}\n")
        assert r.judge.probes[0].fates == ["turned"], str(r)


@BOTH
def test_inv14_unreachable_where_the_policy_says_so(bench, family):
    for kind in IF_ALLOWED[family]:
        for way in ("hide", "relay"):
            probes = pair(bench, family, 5, src=SILENT[family], size=300)
            extra = FAST + f"unreachable {way}\n"
            with bench.router(family, kind):
                if way == "hide":
                    violates(bench, "probe turn match answer", UNRELAYED,
                             "answer", probes, extra=extra)
                    continue
                r = bench.run("probe turn match answer sync", probes,
                              extra=extra)
            check(r)
            check_wire(r)
            assert r.judge.count("answered") == 1, str(r)


@BOTH
def test_inv14_final_needs_the_client(bench, family):
    """A router's port unreachable does not end a trace."""
    with bench.router(family, PORT[family]):
        violates(bench, "probe turn match final", ROUTER, "final",
                 pair(bench, family, 5, src=SILENT[family]))


@BOTH
def test_inv14_final_after_a_late_router(bench, family):
    """Ordered at settle, and a router was quicker: late, nothing leaves."""
    with bench.router(family, (*TIMEX[family], 250)):
        r = bench.run("probe turn settle match final sync",
                      pair(bench, family, 5, src=SILENT[family]))
    check(r)
    check_wire(r)
    assert r.stats["late"] == 1 and not r.judge.count("final"), str(r)


@BOTH
@pytest.mark.parametrize("method", ("icmp", "tcp"))
def test_inv14_final_is_inferred_for_udp_alone(bench, family, method):
    violates(bench, "probe turn idle:250 final", NOT_THERE, "final",
             pair(bench, family, 5, method, SILENT[family]))


@BOTH
@EACH
@pytest.mark.parametrize("relay", ("own", "router", "both"))
def test_inv15_quote(bench, family, method, relay):
    """Objects of the engine's choice stand behind the quote of the probe's
    own bytes, never in it."""
    size = {"size": 600} if method != "tcp" else {}
    answer = "answer:6:64" if method != "tcp" else "answer"
    r = bench.run(f"probe turn match {answer} sync",
                  pair(bench, family, 2, method, **size), relay=relay)
    check(r)
    check_wire(r)
    assert r.judge.count("answered") == (2 if relay == "both" else 1)
    foreign = b"\xa5" * 64
    for sent, data, _ in r.frames:
        if sent and foreign in data:
            assert data.index(foreign) >= HDR[family] + 8 + 128


@BOTH
def test_inv16_first_object_is_ours(bench, family):
    """Own form with foreign objects and without our own: a violation, in
    whatever mode."""
    for relay in ("own", "router", "both"):
        for flags in (2, 6):
            r = bench.run(f"probe turn match answer:{flags}:16 sync",
                          pair(bench, family, 2, size=300), relay=relay)
            check(r)
            check_wire(r)
            assert r.judge.count("answered") == 1 + (relay == "both"), str(r)
        r = violates(bench, "probe turn match answer:0:16", FIRST, "answer",
                     pair(bench, family, 2, size=300), relay=relay)
        assert not r.judge.count("answered"), str(r)


@BOTH
def test_inv16_hidden_shows_nothing(bench, family):
    r = bench.run("probe turn match answer:1 sync",
                  pair(bench, family, 2, size=300))
    check(r)
    check_wire(r)
    (answer,) = [d for sent, d, _ in r.frames if sent
                 and tuple(d[HDR[family]:HDR[family] + 2]) == TIMEX[family]]
    source, _ = Judge.ends(family, answer)
    assert source == packed(bench.lab.service[family])
    assert packed(bench.lab.reverse(family)[1]) not in answer


BAD_SOURCES = {4: ("127.0.0.1", "169.254.9.9", "0.1.2.3"),
               6: ("::1", "fe80::9", "::ffff:192.0.2.1")}


@BOTH
@pytest.mark.parametrize("relay", ("router", "both"))
def test_inv17_source_of_router_form(bench, family, relay):
    """An error from an own, martian or the client's address: no answer
    bears it as its source; own form at most."""
    lab = bench.lab
    for src in (*BAD_SOURCES[family], lab.service[family], lab.hop[family],
                SILENT[family]):
        with bench.router(family, (*TIMEX[family], 0, src)):
            r = bench.run("probe turn idle:80 stats", pair(
                bench, family, 5, src=SILENT[family], size=300),
                relay=relay, hop=True)
            check(r)
            if not r.all("match"):
                continue
            r = bench.run("probe turn match answer sync", pair(
                bench, family, 5, src=SILENT[family], size=300),
                relay=relay, hop=True)
        check(r)
        sources = {Judge.ends(family, d)[0] for sent, d, _ in r.frames
                   if sent and tuple(d[HDR[family]:HDR[family] + 2])
                   == TIMEX[family]}
        assert sources == {packed(lab.hop[family])}, str(r)


@BOTH
@pytest.mark.parametrize("relay", ("own", "router", "both"))
def test_inv18_sums(bench, family, relay):
    """Every size of probe with every size of answer: over the sum is a
    violation, and what does leave is within it (the judge adds up).  Where
    each form is, and not both, own form goes out alone."""
    over = within = 0
    for size in (HDR[family] + 20, 80, 120, 128, 1280):
        for flags in (0, 2, 14):
            for objects in (0, 64):
                own = objects if flags else 0
                r = bench.run(
                    f"probe turn match answer:{flags}:{own}:{objects} sync",
                    pair(bench, family, 2, size=size), relay=relay)
                check_wire(r)
                if r.code == 0:
                    check(r)
                    within += r.judge.count("answered")
                else:
                    check(r, f"ANSWER: {OVER}")
                    assert not r.judge.count("answered"), str(r)
                    over += 1
    # With `relay both` the sum has room for almost everything.
    assert over >= (5 if relay != "both" else 0) and within >= 15


@pytest.mark.parametrize("objects, fault", (
    ("answer:2:1", "bad length of objects"),
    ("answer:2:2", "bad length of objects"),
    ("answer:2:63", "bad length of objects"),
    ("answer:2:65", "76 bytes, 11..75 allowed"),
    ("answer:2:68", "79 bytes, 11..75 allowed"),
    ("answer:2:68:68:64", "bad length of objects"),
    ("answer:2:0xfc:0xfc:64", "bad length of objects"),
    ("answer:2:8:63:64", "bad length of objects"),
    ("answer:2:8:68:64", "bad length of objects"),
    ("answer:2:63:8:64", "bad length of objects"),
    ("answer:2:68:8:64", "bad length of objects"),
    ("answer:2:8:8:4", "payload too short"),
    ("answer:2:8:4:4", "payload too short"),
    ("answer:2:4:8:4", "payload too short"),
    ("answer:2:4:4:8", "payload too long"),
    ("answer:2:0:0:4", "payload too long"),
    ("answer:0:4:8", FIRST),
    ("answer:2:576", "587 bytes, 11..75 allowed"),
    ("answer:0x10", "unknown flags"),
    ("answer:0x80", "unknown flags"),
    ("answer:0xff", "unknown flags"),
    ("answer:4", "a name without an address"),
    ("answer:8", "a time without an address"),
    ("answer:3", "a hidden answer with more to show"),
    ("answer:1:4", "a hidden answer with more to show"),
))
def test_inv18_objects(bench, objects, fault):
    """Too long, not of whole words, not as long as they claim, flags that
    there are not."""
    r = violates(bench, f"probe turn match {objects}", fault, "answer",
                 pair(bench, 4, 2, size=1000))
    assert not r.judge.count("answered")


def test_inv19_hop(bench):
    """`limit hop` binds the engine, too: what leaves with one TTL."""
    probes = [probe(bench.lab, 1 + i % 2, sport=SPORT + i)
              for i in range(100)]
    extra = "limit client off\nlimit total off\nlimit hop 10/s\n"
    r = bench.run("each:500:turn stats", probes, extra=extra)
    check(r)
    check_wire(r)
    ttls = [p.ttl for p in r.judge.probes if "turned" in p.fates]
    for ttl in (2, 3):
        times = [p.turned_at for p in r.judge.probes
                 if p.turned and p.ttl == ttl]
        assert 1 <= ttls.count(ttl) <= 11 + 10 * (times[-1] - times[0])
    assert r.stats["capped"] + len(ttls) == r.stats["probes"], str(r)
    assert r.judge.count("host") == 100 - len(ttls)


def test_inv19_total(bench):
    """Three packets for each of `limit total`: turned probes and answers."""
    probes = [probe(bench.lab, 1 + i % 4, sport=SPORT + i)
              for i in range(100)]
    extra = "limit client off\nlimit total 5/s\nlimit hop off\n"
    r = bench.run("each:500:turn", probes, extra=extra)
    check(r)
    check_wire(r)
    times = [p.turned_at for p in r.judge.probes if p.turned]
    assert 5 <= len(times) <= 16 + 15 * (times[-1] - times[0]), str(r)


class TestHandUp:
    """The engine turns all that it sees; the rules in force are far too
    wide, so that the packet process alone decides what it sees."""

    @pytest.fixture(scope="class", autouse=True)
    def wide(self, bench):
        for family in FAMILIES:
            bench.lab.iptables("T", family, "mangle", *[
                f"-I INPUT -i r3 -p {p} -j NFQUEUE --queue-num 33434 "
                "--queue-bypass" for p in (
                    "udp", "tcp", "icmp" if family == 4 else "ipv6-icmp")])
        yield
        for family in FAMILIES:
            bench.lab.iptables("T", family, "mangle", "-F INPUT",
                               "-A INPUT -j UTURND")

    @staticmethod
    def unseen(bench, family, bad, turned=0, **options):
        """None of these is handed up; a good one behind them is."""
        good = probe(bench.lab, 1, family, sport=BYSTANDER)
        r = bench.run("each:120:turn", [*bad, good], **options)
        check(r)
        assert [e["len"] for e in r.all("probe")] == [len(good)], str(r)
        left = [d for sent, d, _ in r.frames if sent
                and d[8 if family == 4 else 7] < 32]
        assert len(left) == 1, str(r)
        return r

    def test_inv01_v4(self, bench):
        lab = bench.lab
        self.unseen(bench, 4, [
            probe(lab, 1, options=b"\x01\x01\x01\x00", first=0x46),
            probe(lab, 1, size=1281),
            probe(lab, 1, size=1400),
            probe(lab, 1, ident=7, frag=0x2000),
            probe(lab, 1, ident=8, frag=0x0001),
        ])

    def test_inv01_v6(self, bench):
        lab = bench.lab
        plain = probe(lab, 1, 6)
        # Destination options, and a fragment header, before UDP.
        for head, kind in ((bytes([17, 0, 1, 4, 0, 0, 0, 0]), 60),
                           (bytes([17, 0, 0, 0, 0, 0, 0, 9]), 44)):
            data = plain[:4] + (len(plain) - 40 + 8).to_bytes(2, "big") + \
                bytes([kind]) + plain[7:40] + head + plain[40:]
            self.unseen(bench, 6, [data, probe(lab, 1, 6, size=1281)])

    @BOTH
    def test_inv02_addresses(self, bench, family):
        """To another of T's addresses; from its own, a martian, a group."""
        lab = bench.lab
        martian, group = {4: ("169.254.1.1", "224.0.0.9"),
                          6: ("::ffff:192.0.2.1", "ff0e::9")}[family]
        self.unseen(bench, family, [
            probe(lab, 1, family, dst=lab.addr["T", "r3"][family]),
            probe(lab, 1, family, dst=lab.hop[family]),
            probe(lab, 1, family, src=lab.service[family]),
            probe(lab, 1, family, src=lab.hop[family]),
            probe(lab, 1, family, src=martian),
            probe(lab, 1, family, src=group),
        ], hop=True)

    @BOTH
    def test_inv02_ttl(self, bench, family):
        good = probe(bench.lab, 31, family, src=SILENT[family])
        r = bench.run("each:100:turn", [
            good, probe(bench.lab, 32, family), probe(bench.lab, 60, family)])
        check(r)
        assert [e["ttl"] for e in r.all("probe")] == [32], str(r)

    @BOTH
    def test_inv02_ports_and_flags(self, bench, family):
        lab = bench.lab
        self.unseen(bench, family, [
            probe(lab, 1, family, dport=33433),
            probe(lab, 1, family, dport=33690),
            probe(lab, 1, family, sport=53),
            probe(lab, 1, family, sport=1023),
            probe(lab, 1, family, "icmp", code=1),
            probe(lab, 1, family, "tcp", dport=81),
            *[probe(lab, 1, family, "tcp", flags=flags)
              for flags in (0, 0x01, 0x10, 0x12, 0x04, 0x03, 0x42, 0xc2)],
        ])

    @BOTH
    def test_inv02_checksum(self, bench, family):
        bad = bytearray(probe(bench.lab, 1, family))
        bad[-1] ^= 0xff
        self.unseen(bench, family, [bytes(bad)])

    @BOTH
    @pytest.mark.parametrize("method", ("udp", "icmp"))
    def test_inv09_marked(self, bench, family, method):
        """Another uturnd's turned probe: no loop, whatever is ordered."""
        data = bytes.fromhex("7554724e") + bytes(28)
        self.unseen(bench, family, [
            probe(bench.lab, 1, family, method, data=data)])

    def test_inv09_too_short_for_a_mark(self, bench):
        self.unseen(bench, 4, [
            probe(bench.lab, 1, data=b"abc", sport=33440),
            probe(bench.lab, 1, data=b"", sport=33689)])

    @BOTH
    def test_not_ours(self, bench, family):
        """A plain error, and ICMP that is no echo, are none of ours."""
        lab = bench.lab
        kinds = (3, 5, 11, 13) if family == 4 else (1, 2, 3, 129)
        self.unseen(bench, family, [
            packet(family, lab.client[family], lab.service[family], 5,
                   1 if family == 4 else 58, bytes([k, 0]) + bytes(40), 2)
            for k in kinds])
