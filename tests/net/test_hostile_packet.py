#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A compromised packet process against the real engine.

The engine trusts nothing that comes up either: what is out of range ends it
with the code of a violation; what is only untrusted bytes in a good message
is parsed, and at worst passed.
"""

import random
import struct

import pytest
from hostile import check, hostile_bench, message, probe

__all__ = ["hostile_bench"]

PROBE, MATCH, EXPIRED = 0x300, 0x301, 0x302
PEER = "packet process"
SETTLE, TIMEOUT = 0, 1


def up(bench, slot=0, gen=1, family=4, proto=0, ttl=2, relay=1, turn=0,
       inflection=0, unreachable=0, observe=0, length=60, headlen=None,
       head=None):
    """A PROBE; what it says of the packet may differ from the packet."""
    if head is None:
        head = bytearray(probe(bench.lab, 1, family,
                               ("udp", "icmp", "tcp")[min(proto, 2)]))
        head[8 if family == 4 else 7] = max(1, min(ttl, 255))
        head = bytes(head[:min(length, 128)])
    return message(PROBE, struct.pack(
        "=IIBBBBBBBBHH", slot, gen, {4: 0, 6: 1}.get(family, family), proto,
        ttl, relay, turn, inflection, unreachable, observe, length,
        len(head) if headlen is None else headlen) + head)


def met(slot=0, gen=1, kind=0, client=0, answered=0, icmp=(11, 0), ext=0,
        rtt=1000, data=b"", datalen=None, router=bytes((192, 0, 2, 1)) + bytes(12)):
    return message(MATCH, struct.pack("=IIBBBBBB", slot, gen, kind, client,
                                      answered, *icmp, ext) + router
                   + struct.pack("=QH", rtt, len(data) if datalen is None
                                 else datalen) + data)


def over(slot=0, gen=1, kind=TIMEOUT):
    return message(EXPIRED, struct.pack("=IIB", slot, gen, kind))


def play(bench, *data, wait=""):
    """All that, in pieces that fit a command line, then `wait`."""
    data = b"".join(data)
    raw = [f"raw:{data[i:i + 16000].hex()}"
           for i in range(0, len(data), 16000)]
    return bench.run(" ".join([*raw, wait]), flags=("-E",))


def refused(bench, fault, *data):
    check(play(bench, *data), fault, PEER)


@pytest.mark.parametrize("fields, fault", (
    ({"slot": 8192}, "no such slot"),
    ({"slot": 0xffffffff}, "no such slot"),
    ({"gen": 0}, "not a new generation"),
    ({"family": 2}, "bad family"),
    ({"proto": 3}, "bad protocol"),
    ({"ttl": 0}, "TTL out of range"),
    ({"ttl": 65}, "TTL out of range"),
    ({"relay": 3}, "bad relay mode"),
    ({"turn": 2}, "bad turn form"),
    ({"inflection": 2}, "bad inflection"),
    ({"unreachable": 2}, "bad unreachable"),
    ({"observe": 2}, "observe is not 0 or 1"),
    ({"length": 27}, "probe's length out of range"),
    ({"length": 1281}, "probe's length out of range"),
    ({"headlen": 129}, "head's length out of range"),
    ({"length": 60, "headlen": 61}, "head's length out of range"),
    ({"headlen": 59}, "payload too long"),
    ({"head": b"", "headlen": 28}, "payload too short"),
))
def test_probe_out_of_range(bench, fields, fault):
    if fields.get("family") == 2:
        fields = {**fields, "head": bytes(60)}
    refused(bench, f"PROBE: {fault}", up(bench, **fields))


@pytest.mark.parametrize("second", (1, 0x90000000))
def test_probe_not_newer(bench, second):
    refused(bench, "PROBE: not a new generation", up(bench),
            up(bench, gen=second))


@pytest.mark.parametrize("fields, fault", (
    ({"slot": 8192}, "no such slot"),
    ({"slot": 1}, "not the slot's generation"),
    ({"gen": 2}, "not the slot's generation"),
    ({"gen": 0}, "not the slot's generation"),
    ({"kind": 4}, "bad kind of match"),
    ({"client": 2}, "from_client is not 0 or 1"),
    ({"answered": 2}, "answered is not 0 or 1"),
    ({"kind": 1}, "ICMP fields without an error"),
    ({"kind": 1, "icmp": (0, 0)}, "an echo reply to no mirrored.*"),
    ({"kind": 2, "icmp": (0, 0)}, "a reset to no mirrored SYN"),
    ({"datalen": 577}, "data's length out of range"),
    ({"datalen": 1}, "payload too short"),
    ({"data": b"x", "datalen": 0}, "payload too long"),
))
def test_match_out_of_range(bench, fields, fault):
    refused(bench, f"MATCH: {fault}", up(bench), met(**fields))


@pytest.mark.parametrize("first, second, fault", (
    # What is told of a probe that was not turned, or is over.
    ({"ttl": 1}, met(), "MATCH: no turned probe that waits for a match"),
    ({"ttl": 1}, over(kind=SETTLE), "EXPIRED: no turned UDP probe.*"),
    ({"proto": 1}, over(kind=SETTLE), "EXPIRED: no turned UDP probe.*"),
    ({}, met() + met(), "MATCH: no turned probe that waits for a match"),
    ({}, met() + over(kind=SETTLE), "EXPIRED: no turned UDP probe.*"),
    ({}, over(kind=SETTLE) * 2, "EXPIRED: no turned UDP probe.*"),
    ({}, over() + met(), "MATCH: no turned probe that waits for a match"),
    ({}, over(slot=5), "EXPIRED: not the slot's generation"),
    ({}, over(slot=0x10000), "EXPIRED: no such slot"),
    ({}, over(kind=2), "EXPIRED: bad kind of expiry"),
))
def test_out_of_state(bench, first, second, fault):
    refused(bench, fault, up(bench, **first), second)


LIE = "MATCH: answered without having been told to"


@pytest.mark.parametrize("first, second, fault", (
    # Of the client's answer, of another error, of a reply.
    ({}, met(answered=1, client=1), LIE),
    ({}, met(answered=1, icmp=(11, 1)), LIE),
    ({}, met(answered=1, icmp=(3, 13)), LIE),
    ({}, met(answered=1, icmp=(3, 3), client=1), LIE),
    # Too late, twice, of what was never turned.
    ({}, over(kind=SETTLE) + met(answered=1), LIE),
    ({}, met(answered=1) * 2, "MATCH: no turned probe that waits.*"),
    ({}, met() + met(answered=1), "MATCH: no turned probe that waits.*"),
    ({}, met(answered=1) + over(kind=SETTLE), "EXPIRED: no turned UDP.*"),
    ({"ttl": 1}, met(answered=1), "MATCH: no turned probe that waits.*"),
    ({"observe": 1}, met(answered=1), "MATCH: no turned probe that waits.*"),
))
def test_answered_lies(bench, first, second, fault):
    refused(bench, fault, up(bench, **first), second)


@pytest.mark.parametrize("family", (4, 6))
@pytest.mark.parametrize("length, relay, ahead", (
    (60, 0, {4: 0x8a, 6: 0x80}), (80, 0, {4: 0x8e, 6: 0x8e}),
    (60, 2, {4: 0x8e, 6: 0x80}), (300, 1, {4: 0x8e, 6: 0x8e})))
def test_answered(bench, family, length, relay, ahead):
    """A probe of each size: what is told ahead, and no order for what was
    answered so; the next probe in that slot is served."""
    head = bytearray(probe(bench.lab, 1, family, size=length)[:128])
    head[8 if family == 4 else 7] = 2
    icmp = {4: (11, 0), 6: (3, 0)}[family]
    r = play(bench, *[up(bench, gen=g, family=family, relay=relay,
                         length=length, head=bytes(head))
                      + met(gen=g, answered=g % 2, icmp=icmp)
                      for g in (1, 2, 3)], wait="idle:200")
    check(r)
    assert [(o["kind"], o["gen"]) for o in r.all("order")] == [
        ("TURN", 1), ("TURN", 2), ("ANSWER", 2), ("TURN", 3)], str(r)
    assert {o["ahead"] for o in r.all("order") if o["kind"] == "TURN"} == {
        ahead[family]}, str(r)


@pytest.mark.parametrize("kind", (
    0, 0x100, 0x101, 0x10d, 0x10f, 0x200, 0x203, 0x305, 0x400, 0x403, 0x404,
    0x406, 0x500, 0x600, 0xffffffff), ids=hex)
def test_types_of_other_borders(bench, kind):
    refused(bench, rf".* \(type {kind:#x}\): not a message of this border",
            up(bench), message(kind, bytes(8)))


@pytest.mark.parametrize("kind, size, fault", (
    (PROBE, 19, "PROBE: 19 bytes, 20..148 allowed"),
    (PROBE, 149, "PROBE: 149 bytes, 20..148 allowed"),
    (PROBE, 616, "PROBE: 616 bytes, 20..148 allowed"),
    (MATCH, 39, "MATCH: 39 bytes, 40..616 allowed"),
    (EXPIRED, 0, "EXPIRED: 0 bytes, 9..9 allowed"),
    (EXPIRED, 10, "EXPIRED: 10 bytes, 9..9 allowed"),
))
def test_sizes(bench, kind, size, fault):
    refused(bench, fault, message(kind, bytes(size)))


@pytest.mark.parametrize("length", (0, 15, 633, 0x10000, 0x7fffffff,
                                    0xffffffff), ids=hex)
def test_lengths(bench, length):
    refused(bench, "broken stream.*", message(PROBE, bytes(40), length))


def test_early(bench):
    """Before its configuration a probe is passed, a match a violation."""
    r = bench.run(f"raw:{met().hex()}", flags=("-E", "-n"))
    check(r, "MATCH: not in state ready", PEER)
    r = bench.run(f"raw:{up(bench).hex()} order:pass", flags=("-E", "-n"))
    check(r)


@pytest.mark.parametrize("number", (1, 3))
@pytest.mark.parametrize("marked", (0, 1))
def test_descriptors(bench, number, marked):
    """None can come.  (They are tried with a PING_ON, which is no message of
    this border: so the count is looked at while the engine is stopped.)"""
    r = bench.run(f"fds stop descriptors:{number}:{marked} fds cont",
                  flags=("-E",))
    check(r, r"PING_ON \(type 0x406\): not a message of this border", PEER)
    before, after = r.values("fds")
    assert before == after


def test_untrusted_bytes(bench):
    """Good messages about packets that are none: each gets one order, and
    the engine lives."""
    rng = random.Random(3)
    data = []
    for i in range(400):
        family, proto = rng.choice((4, 6)), rng.randrange(3)
        size = rng.choice((0, 1, 19, 20, 28, 40, 60, 128))
        head = rng.randbytes(size)
        if rng.random() < 0.5 and size >= 28:
            good = probe(bench.lab, 1, family, ("udp", "icmp", "tcp")[proto])
            head = bytearray(good[:size])
            for _ in range(3):
                head[rng.randrange(len(head))] = rng.randrange(256)
        data.append(up(bench, slot=i, family=family, proto=proto,
                       ttl=rng.randrange(1, 65),
                       length=max(len(head), 28), head=bytes(head)))
    r = play(bench, *data, wait="idle:300")
    check(r)
    orders = r.all("order")
    assert len(orders) == 400
    assert {o["slot"] for o in orders} == set(range(400))
    assert r.stats["malformed"] > 100, str(r.stats)


def test_untrusted_extensions(bench):
    """Errors with any bytes for objects: at most 64 bytes go on."""
    rng = random.Random(4)
    head = bytearray(probe(bench.lab, 1, size=600)[:128])
    head[8] = 2
    data = []
    for i in range(200):
        junk = rng.randbytes(rng.randrange(0, 577))
        if rng.random() < 0.5:
            junk = bytes(128) + b"\x20\0\0\0" + rng.randbytes(
                rng.randrange(0, 200))
        data += [up(bench, slot=i, length=600, head=bytes(head)),
                 met(slot=i, ext=rng.choice((0, 32, 255)), data=junk)]
    r = play(bench, *data, wait="idle:300")
    check(r)
    assert len(r.all("order")) == 400
    assert [o["kind"] for o in r.all("order")].count("ANSWER") == 200


def test_flood(bench):
    """Matches for nothing: the first ends it."""
    refused(bench, "MATCH: not the slot's generation", *[met()] * 400)
