#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A compromised engine against the real packet process: answers told ahead.

TURN says how a plain answer looks; the packet process sends it without being
asked.  That it is nothing that an ANSWER could not have sent, and nothing
where an ANSWER is to be asked for, is judged as in test_hostile_engine.py.
"""

import pytest
from hostile import (FAMILIES, FAST, HDR, SILENT, SPORT, TIMEX, Judge, check,
                     check_wire, hostile_bench, packed, probe)
from test_hostile_engine import (NEVER, OVER, TWICE, UNMATCHED, pair,
                                 violates)

__all__ = ["hostile_bench"]

BOTH = pytest.mark.parametrize("family", FAMILIES)
RELAYS = pytest.mark.parametrize("relay, forms", (
    ("own", 1), ("router", 1), ("both", 2)))
ALL = ("pass", "drop", "inflect", "turn", "turn:0x82", "answer", "final")
AHEAD_OVER = "an answer ahead that is over the sum of its probe"


def answers(r, family):
    """What left as time exceeded, but for the id, which is the kernel's."""
    return [d if family == 6 else d[:4] + b"\0\0" + d[6:10] + b"\0\0" + d[12:]
            for sent, d, _ in r.frames if sent
            and tuple(d[HDR[family]:HDR[family] + 2]) == TIMEX[family]]


def expect(r, answered, count):
    check(r)
    check_wire(r)
    (match,) = r.all("match")
    assert match["answered"] == answered, str(r)
    assert r.judge.count("answered") == count, str(r)


@BOTH
@RELAYS
@pytest.mark.parametrize("method", ("udp", "icmp", "tcp"))
def test_inv13_answered_without_an_order(bench, family, relay, forms, method):
    """Byte for byte what an ANSWER with the same flags sends."""
    for flags in (0, 2, 6):
        probes = pair(bench, family, 2, method)
        asked = bench.run(f"probe turn match answer:{flags} sync", probes,
                          relay=relay)
        if asked.code:
            check(asked, f"ANSWER: {OVER}")
            violates(bench, f"probe turn:{flags | 0x80:#x}", AHEAD_OVER,
                     "turn", probes, relay=relay)
            continue
        count = asked.judge.count("answered")
        # Both forms of a short probe's answer can be over the sum.
        assert count == forms or (relay, method) == ("both", "tcp")
        expect(asked, 0, count)
        ahead = bench.run(f"probe turn:{flags | 0x80:#x} match sync stats",
                          probes, relay=relay)
        expect(ahead, 1, count)
        assert answers(asked, family) == answers(ahead, family), str(ahead)
        assert ahead.stats["relayed"] == 1, str(ahead)


@BOTH
@RELAYS
@pytest.mark.parametrize("order", ALL)
def test_inv13_an_order_after_it(bench, family, relay, forms, order):
    """The record has ended as by an order."""
    r = violates(bench, f"probe turn:0x82 match {order}", TWICE,
                 order.split(":")[0], pair(bench, family, 2), relay=relay)
    assert r.judge.count("answered") == forms, str(r)
    assert r.judge.probes[0].fates[1:] == ["answered"] * forms, str(r)


@BOTH
def test_inv13_before_its_match(bench, family):
    """Nothing is answered that nothing was matched for."""
    r = violates(bench, "probe turn:0x82 idle:60 answer", UNMATCHED,
                 "answer", pair(bench, family, 5, src=SILENT[family]))
    assert not r.judge.count("answered"), str(r)


@BOTH
def test_inv12_first_match_wins(bench, family):
    """The same error five times: answered once, counted four times."""
    with bench.router(family, *[TIMEX[family]] * 5):
        r = bench.run("probe turn:0x82 match idle:80 stats",
                      pair(bench, family, 5, src=SILENT[family]))
    expect(r, 1, 1)
    assert r.stats["duplicate"] == 4, str(r)


@BOTH
@RELAYS
def test_asked_if_there_may_be_objects(bench, family, relay, forms):
    """A quote of 136 bytes or more: the engine must have looked at it."""
    probes = pair(bench, family, 2, size=300)
    r = bench.run("probe turn:0x82 match idle:50 sync", probes, relay=relay)
    expect(r, 0, 0)
    r = bench.run("probe turn:0x82 match answer:2:8 sync", probes,
                  relay=relay)
    expect(r, 0, forms)


@BOTH
@RELAYS
def test_asked_if_hidden(bench, family, relay, forms):
    """No matter what the engine says, the router is not shown so."""
    hidden = bench.lab.reverse(family)[1]
    extra = FAST + f"hide hop {hidden}\n"
    r = bench.run("probe turn:0x82 match idle:50 sync", pair(
        bench, family, 2), relay=relay, extra=extra)
    expect(r, 0, 0)
    # The next one is not hidden.
    r = bench.run("probe turn:0x82 match sync", pair(bench, family, 3),
                  relay=relay, extra=extra)
    expect(r, 1, forms)


@BOTH
def test_asked_if_it_is_the_client(bench, family):
    for kind in (TIMEX[family], {4: (3, 3), 6: (1, 4)}[family]):
        with bench.router(family, (*kind, 0, SILENT[family])):
            r = bench.run("probe turn:0x82 match idle:50 sync", pair(
                bench, family, 5, src=SILENT[family]))
        expect(r, 0, 0)


@BOTH
@pytest.mark.parametrize("unreachable", ("hide", "relay"))
def test_inv14_other_errors_are_asked_about(bench, family, unreachable):
    extra = FAST + f"unreachable {unreachable}\n"
    kinds = {4: ((3, 1), (3, 13), (11, 1)), 6: ((1, 0), (1, 3), (3, 1))}
    for kind in kinds[family]:
        with bench.router(family, kind):
            r = bench.run("probe turn:0x82 match idle:50 sync", pair(
                bench, family, 5, src=SILENT[family]), extra=extra)
        expect(r, 0, 0)


@BOTH
def test_asked_after_settle(bench, family):
    """FINAL is under way: late, and nothing else leaves."""
    with bench.router(family, (*TIMEX[family], 250)):
        r = bench.run("probe turn:0x82 settle match final sync stats", pair(
            bench, family, 5, src=SILENT[family]))
    expect(r, 0, 0)
    assert r.stats["late"] == 1 and not r.judge.count("final"), str(r)


@BOTH
def test_inv17_no_source_of_router_form(bench, family):
    """From an own or martian address: own form, or asked about."""
    lab = bench.lab
    for src in (lab.hop[family], {4: "127.0.0.1", 6: "fe80::9"}[family]):
        for relay, count in (("router", 1), ("both", 0)):
            with bench.router(family, (*TIMEX[family], 0, src)):
                r = bench.run("probe turn:0x80 idle:80 stats", pair(
                    bench, family, 5, src=SILENT[family]), relay=relay,
                    hop=True)
            check(r)
            if not r.all("match"):
                continue
            assert r.all("match")[0]["answered"] == count, str(r)
            out = answers(r, family)
            assert len(out) == count, str(r)
            assert {Judge.ends(family, d)[0] for d in out} <= {
                packed(lab.hop[family])}, str(r)


@BOTH
@RELAYS
def test_inv18_sums(bench, family, relay, forms):
    """Every size of probe, every content: over the sum is a violation by
    TURN, before anything has left."""
    over = within = 0
    for size in (HDR[family] + 20, 60, 68, 80, 120):
        if size < HDR[family] + 18:
            continue
        for flags in (0x80, 0x82, 0x8e):
            r = bench.run(f"probe turn:{flags:#x} match sync",
                          pair(bench, family, 2, size=size), relay=relay)
            check_wire(r)
            if r.code == 0:
                # One of two forms is left out where both are too much.
                assert 1 <= r.judge.count("answered") <= forms, str(r)
                within += 1
                continue
            check(r, f"TURN: {AHEAD_OVER}")
            assert r.judge.probes[0].fates == ["host"], str(r)
            over += 1
    assert within >= 8 and over >= (2 if relay != "both" else 0)


@pytest.mark.parametrize("flags, fault", (
    (0x01, "unknown flags"), (0x02, "flags without an answer"),
    (0x0e, "flags without an answer"), (0x10, "unknown flags"),
    (0x81, "unknown flags"), (0x83, "unknown flags"),
    (0x90, "unknown flags"), (0xff, "unknown flags"),
    (0x84, "a name without an address"),
    (0x88, "a time without an address"),
))
def test_flags(bench, flags, fault):
    r = violates(bench, f"probe turn:{flags:#x}", fault, "turn",
                 pair(bench, 4, 2, size=1000))
    assert r.judge.probes[0].fates == ["host"], str(r)


def test_never_of_another_generation(bench):
    violates(bench, "probe gen:+1 turn:0x82", NEVER, "turn",
             pair(bench, 4, 2))


def test_inv19_total(bench):
    """The caps hold for what nobody has to order, too."""
    probes = [probe(bench.lab, 1 + i % 3, sport=SPORT + i)
              for i in range(100)]
    extra = "limit client off\nlimit total 5/s\nlimit hop off\n"
    r = bench.run("each:500:turn:0x82 stats", probes, extra=extra)
    check(r)
    check_wire(r)
    times = [p.turned_at for p in r.judge.probes if p.turned]
    sent = r.judge.count("turned") + r.judge.count("answered")
    assert 5 <= sent <= 16 + 15 * (times[-1] - times[0] + 0.1), str(r)
    assert r.stats["capped"] > 50, str(r.stats)


@BOTH
@RELAYS
def test_flood(bench, family, relay, forms):
    """Turned as fast as probes come: each is answered, once."""
    probes = [probe(bench.lab, 1 + i % 3, family, sport=SPORT + i)
              for i in range(300)]
    r = bench.run("each:700:turn:0x82 stats", probes, relay=relay)
    check(r)
    check_wire(r)
    turned = r.judge.count("turned")
    assert turned + r.judge.count("host") == 300 and turned > 250, str(r)
    assert r.judge.count("answered") == forms * turned, str(r.stats)
    assert r.stats["relayed"] == turned, str(r.stats)
