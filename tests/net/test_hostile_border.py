#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A compromised engine against the real packet process: its bytes.

Messages that are none, that never end, that bring descriptors; an engine
that says nothing, hears nothing, or talks without end.  The wire is judged
as in test_hostile_engine.py.
"""

import struct
import time

import pytest
from hostile import (FAMILIES, FAST, SILENT, SPORT, Judge, check, check_wire,
                     hostile_bench, message, packed, probe)

__all__ = ["hostile_bench"]

BOTH = pytest.mark.parametrize("family", FAMILIES)
PASS, DROP, INFLECT, TURN, ANSWER, FINAL, PING = range(0x400, 0x407)
NAMES = {PASS: "PASS", DROP: "DROP", INFLECT: "INFLECT", TURN: "TURN",
         ANSWER: "ANSWER", FINAL: "FINAL", PING: "PING_ON"}
SIZES = {PASS: (8, 8), DROP: (8, 8), INFLECT: (8, 8), TURN: (9, 9),
         ANSWER: (11, 75), FINAL: (8, 8), PING: (4, 4)}
# The largest payload of either direction: a MATCH.
LARGEST = 616
BROKEN = "broken stream of messages"
LOST = 10


def two(bench, family=4):
    """Probes that nobody ever orders anything for."""
    return [probe(bench.lab, 2, family, sport=SPORT + i) for i in range(2)]


def passed(bench, steps, fault=None, **more):
    """Both probes go to the host, whatever the engine writes."""
    r = bench.run(steps, two(bench), **more)
    check(r, fault)
    check_wire(r)
    assert r.judge.count("host") == 2, str(r)
    return r


def raw(data):
    return f"raw:{data.hex()}"


@pytest.mark.parametrize("kind", NAMES, ids=NAMES.get)
def test_malformed_size(bench, kind):
    """One byte short, one long, none at all, as long as can be."""
    low, high = SIZES[kind]
    for size in sorted({0, low - 1, high + 1, LARGEST}):
        passed(bench, f"probe {raw(message(kind, bytes(size)))}",
               f"{NAMES[kind]}: {size} bytes, {low}..{high} allowed")


@pytest.mark.parametrize("kind", (
    0, 1, 0x100, 0x101, 0x102, 0x109, 0x10d, 0x10f, 0x110, 0x111, 0x200,
    0x203, 0x204, 0x300, 0x301, 0x302, 0x3ff, 0x40a, 0x500, 0x503, 0x600,
    0x605, 0x7fffffff, 0xffffffff), ids=hex)
def test_malformed_type(bench, kind):
    """Types that there are not, and those of all other borders."""
    passed(bench, f"probe {raw(message(kind, bytes(8)))}",
           rf".* \(type {kind:#x}\): not a message of this border")


@pytest.mark.parametrize("length", (
    0, 1, 15, 16 + LARGEST + 1, 0x1000, 0x10000, 0x7fffffff, 0x80000000,
    0x8000000f, 0xffffffff), ids=hex)
def test_malformed_length(bench, length):
    """A header that claims less than itself, or more than there can be."""
    passed(bench, f"probe {raw(message(PASS, bytes(8), length))}", BROKEN)


def test_malformed_behind_good(bench):
    """What came before the fault is carried out, what comes after is not."""
    good = message(PING, struct.pack("=I", 7))
    bad = message(PASS, bytes(7))
    passed(bench, f"probe {raw(good + good + bad + good * 20)}",
           "PASS: 7 bytes, 8..8 allowed")


@pytest.mark.parametrize("fill", (0x00, 0x41, 0xff))
def test_malformed_noise(bench, fill):
    """Bytes of no meaning, more than the process reads at once."""
    passed(bench, f"probe raw:{bytes([fill]).hex() * 16000} "
           f"raw:{bytes([fill]).hex() * 16000}", BROKEN)


@pytest.mark.parametrize("order", ("pass", "turn", "answer", "final"))
def test_malformed_early(bench, order):
    """Orders before a configuration is in force."""
    r = bench.run(f"slot:0 gen:1 {order}", two(bench), flags=("-n",))
    check(r, f"{order.upper()}: not in state ready")
    check_wire(r)


def test_endless_header(bench):
    """Half a header, for ever: everything else goes on."""
    r = passed(bench, f"probe {raw(message(PASS)[:9])} idle:400 stats")
    assert r.stats["unanswered"] == 2, str(r)


def test_endless_message(bench):
    """A message that would fit and is never finished."""
    part = message(ANSWER, bytes(300), 16 + LARGEST)
    r = passed(bench, f"probe {raw(part)} rss idle:400 rss stats")
    assert r.stats["unanswered"] == 2, str(r)
    before, after = r.values("rss")
    assert after - before <= 64


def test_endless_byte_by_byte(bench):
    """A good message, then a bad one, a byte every other millisecond."""
    good = message(PING, struct.pack("=I", 7))
    passed(bench, f"probe slow:2:{good.hex()} sync")
    bad = message(0x300, bytes(40))
    passed(bench, f"probe slow:2:{bad.hex()}",
           r"PROBE \(type 0x300\): not a message of this border")


@pytest.mark.parametrize("part", (1, 15, 16, 23))
def test_broken_off(bench, part):
    """The engine dies within a message: what was pending is accepted."""
    data = message(PASS, bytes(8))[:part]
    r = bench.run(f"probe {raw(data)} close", two(bench))
    assert r.code == LOST and any("engine: gone" in line for line in r.log)
    check_wire(r)
    assert r.judge.count("host") == 2


@pytest.mark.parametrize("number", (1, 2, 3))
@pytest.mark.parametrize("marked", (0, 1))
def test_descriptors(bench, number, marked):
    """None can come; a message that is marked to bring one is one like any
    other."""
    r = passed(bench, "probe fds " + f"descriptors:{number}:{marked} " * 8
               + "sync fds")
    before, after = r.values("fds")
    assert before == after


def test_end_passes_what_waits(bench):
    """A violation while probes still wait in the kernel's queue, unread:
    these, too, are the host's then, and not lost with the queue."""
    probes = [probe(bench.lab, 2, 4 + i % 2 * 2, sport=SPORT + i)
              for i in range(200)]
    # The last step before the violation: until all are there.
    steps = "probe stop idle:1 idle:300 slot:9000 pass cont"
    r = bench.run(steps, probes[:1],
                  {2: lambda: bench.send(*probes[1:])})
    check(r, "PASS: no such probe was ever handed up")
    check_wire(r)
    assert r.judge.count("host") == 200, str(r)


class Host:
    """The host's own counters: what it answered by itself."""

    def __init__(self, bench):
        self.bench = bench

    def unreachables(self):
        text = self.bench.lab.run("T", ["cat", "/proc/net/snmp"]).stdout
        rows = [line.split() for line in text.splitlines()
                if line.startswith("Udp:")]
        return int(dict(zip(*rows))["NoPorts"])

    def selected(self):
        """Packets that the rules gave to the queue or let past it."""
        text = self.bench.lab.run("T", ["iptables", "-t", "mangle", "-nvxL",
                                        "UTURND-PROBE"]).stdout
        return sum(int(line.split()[0]) for line in text.splitlines()
                   if "UTURND-QUEUE" in line)


def packet_of_flood(bench):
    return probe(bench.lab, 20, src=SILENT[4])


def flood(bench, n):
    """As fast as C can."""
    script = ("import socket, sys\n"
              "p = bytes.fromhex(sys.argv[1])\n"
              "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 255)\n"
              "for _ in range(int(sys.argv[2])):\n"
              "    s.sendto(p, (sys.argv[3], 0))\n")
    p = packet_of_flood(bench)
    bench.lab.run("C", ["/usr/bin/python3", "-I", "-S", "-c", script,
                        p.hex(), str(n), bench.lab.service[4]], check=True)


def delays(bench, r, ports):
    """Seconds from each of these probes to what T sent for it."""
    out = []
    client = packed(bench.lab.client[4])
    for port in ports:
        name = port.to_bytes(2, "big")
        came = [at for sent, d, at in r.frames if not sent
                and Judge.ends(4, d)[0] == client and d[20:22] == name]
        went = [at for sent, d, at in r.frames if sent
                and Judge.ends(4, d)[1] == client and d[48:50] == name]
        assert len(came) == len(went) == 1, str(r)
        out.append(went[0] - came[0])
    return out


# The kernel's queue holds all of it; after the second flood each record and
# each buffer has been used once.
LONG = FAST + "queue 33434 length 16384\npending 4096\n"
FLOOD = 6000


def test_inv05_engine_that_never_reads(bench):
    """The pipe is full: ACCEPT at once.  The host answers every packet of
    the flood itself, a client's probe does not wait, memory stays."""
    host = Host(bench)
    before = host.selected(), host.unreachables()
    ports = range(SPORT, SPORT + 5)

    def clients():
        time.sleep(0.5)         # what was handed up has passed by itself
        for port in ports:
            bench.send(probe(bench.lab, 2, sport=port))

    def more():
        flood(bench, FLOOD)

    r = bench.run("deaf:500 deaf:500 rss deaf:500 rss deaf:1000 stats", (),
                  {0: more, 1: more, 3: more, 5: clients},
                  flooded=packet_of_flood(bench), extra=LONG)
    check(r)
    check_wire(r)
    selected, answered = (b - a for a, b in zip(
        before, (host.selected(), host.unreachables())))
    assert selected == answered >= FLOOD
    assert r.stats["passed_busy"] > 1000, str(r.stats)
    first, second = r.values("rss")
    assert second - first <= 256
    # Far below the 250 ms that a probe waits for an order.
    assert min(delays(bench, r, ports)) < 0.1


def test_inv05_flood_both_ways(bench):
    """Late orders as fast as they are taken, none read, and a flood from the
    network at the same time: all is counted, probes pass by timeout."""
    host = Host(bench)
    ports = range(SPORT + 1, SPORT + 6)
    before = []

    def floods():
        before.extend((host.selected(), host.unreachables()))
        for port in ports:
            bench.send(probe(bench.lab, 2, sport=port))
        flood(bench, 2000)

    r = bench.run("probe idle:300 rss flood:1000:pass sync rss "
                  "flood:2000:pass sync rss stats", [probe(bench.lab, 2)], {6: floods},
                  flooded=packet_of_flood(bench))
    check(r)
    check_wire(r)
    selected, answered = (b - a for a, b in zip(
        before, (host.selected(), host.unreachables())))
    assert selected == answered > len(ports)
    assert r.stats["late"] == sum(r.values("flood")) > 1000, str(r.stats)
    _, first, second = r.values("rss")
    assert second - first <= 8192       # records that had never been used
    assert max(delays(bench, r, ports)) < 2


def test_flood_of_pings(bench):
    """Answers to the controller are bounded, too: it simply gets fewer."""
    r = passed(bench, "probe flood:1000:ping rss flood:1000:ping rss sync")
    assert sum(r.values("flood")) > 1000
    first, second = r.values("rss")
    assert second - first <= 64


def test_flood_of_violations(bench):
    """The first is the last: one line, one end."""
    r = passed(bench, "probe gen:77 flood:500:turn",
               "TURN: no such probe was ever handed up")
    assert len(r.log) == 1, str(r)


@BOTH
def test_flood_of_turns(bench, family):
    """Turned as fast as probes come: each once, each answered once."""
    probes = [probe(bench.lab, 1 + i % 3, family, sport=SPORT + i)
              for i in range(300)]
    r = bench.run("each:700:turn", probes)
    check(r)
    check_wire(r)
    assert r.judge.count("turned") + r.judge.count("host") == 300


@BOTH
def test_verdicts_at_once(bench, family):
    """Some verdicts in one write, for all but the first and the fourth probe:
    what the kernel is told of them in one go is not told of those two."""
    probes = [probe(bench.lab, 2, family, sport=SPORT + i) for i in range(7)]
    for order, drops in ((DROP, 5), (PASS, 0)):
        said = b"".join(message(order, struct.pack("=II", slot, 1))
                        for slot in (1, 2, 4, 5, 6))
        r = bench.run(f"{'probe ' * 7}{raw(said)} sync idle:400 stats",
                      probes)
        check(r)
        check_wire(r, drops)
        # Nobody ordered anything for the two: they are passed in time.
        assert r.judge.count("host") == 7 - drops, str(r)
        assert r.stats["unanswered"] == 2, str(r)


@BOTH
def test_verdicts_of_all(bench, family):
    """Nobody is left out where all are decided in one write."""
    probes = [probe(bench.lab, 2, family, sport=SPORT + i) for i in range(7)]
    said = b"".join(message(DROP, struct.pack("=II", slot, 1))
                    for slot in range(7))
    r = bench.run(f"{'probe ' * 7}{raw(said)} sync stats", probes)
    check(r)
    check_wire(r, 7)
    assert r.judge.count("host") == 0, str(r)
