#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A genuine traceroute, and the host, while somebody floods T.

The flood comes from r3, T's own gateway, with sources that are forged: of
one prefix, or drawn anew for each packet.  Limits are the default ones.  The
genuine client uses an address of its own for each trace, so none finds a
gate open that an earlier one has opened.
"""

import dataclasses
import json
import os
import subprocess
import time

import clients
import pytest
from daemon import BUILD, TREE, Daemon, status
from lab import FAMILIES, Lab, run

FLOOD = os.path.join(BUILD, "tests", "net", "flood")
RATE = 50000            # or what the machine gives, but no less than
RATE_MIN = 10000
SECONDS = 5
ROUNDS = 6              # noise of a busy machine: more traces, same share
OVERLOAD = 0.01         # of the probes went past the queue
WANTED = 0.95
GAP = 0.3               # between traces: they share one prefix's limit
ADDRESSES = 60
HOP_LIMIT = 64          # limit hop 64/s, and as large a burst
ONE = {4: "198.18.7.0/24", 6: "2001:db8:bad:5600::/56"}
ANY = {4: "32.0.0.0/4", 6: "2001:db8:8000::/33"}
NET6 = "2001:db8:c:100::/56"    # of the client's further addresses
PORT = 7777


@dataclasses.dataclass
class Kind:
    """A flood: protocol, where its sources lie, and their packets' TTLs."""

    proto: str
    sources: dict
    ttls: str
    each: int = 1       # packets in a row that a source sends


JUNK = {
    "udp, one prefix, TTL 1": Kind("udp", ONE, "1"),
    "udp, one prefix, TTL 2 to 30": Kind("udp", ONE, "2-30"),
    "udp, any source, TTL 1": Kind("udp", ANY, "1"),
    "udp, any source, TTL 2 to 30": Kind("udp", ANY, "2-30"),
    "echo, one prefix, with gates": Kind("icmp", ONE, "1-12", 12),
    "echo, any source, TTL 1": Kind("icmp", ANY, "1"),
    "echo, any source, no gate": Kind("icmp", ANY, "2-30"),
    "SYN, any source, TTL 1": Kind("tcp", ANY, "1"),
    "SYN, any source, no gate": Kind("tcp", ANY, "2-30"),
    "forged errors": Kind("error", ANY, "64"),
}
# Nobody can tell these from genuine clients.
IMITATIONS = {
    "pairs": Kind("udp", ANY, "1-2", 2),
    "traces": Kind("udp", ANY, "1-12", 12),
    "traces by echo": Kind("icmp", ANY, "1-12", 12),
}

ECHO_SERVER = f"""
import socket
for family, any in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    s.bind((any, {PORT}))
    s.listen(16)
    if family == socket.AF_INET:
        first = s
print("ready", flush=True)
import select
while True:
    for ready in select.select([first, s], [], [])[0]:
        c, _ = ready.accept()
        c.settimeout(5)
        try:
            c.sendall(c.recv(64))
        except OSError:
            pass
        c.close()
"""
# Pings with the usual TTL, and one connection; runs at C.  Prints the replies.
ORDINARY = """
import os, select, socket, struct, sys, time
target, port, want = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
v6 = ":" in target
s = (socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
     if v6 else
     socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
ident, seen = os.getpid() & 0xffff, set()
def request(seq):
    head = struct.pack("!BBHHH", 128 if v6 else 8, 0, 0, ident, seq)
    total = sum(struct.unpack("!4H", head))
    total = ~((total >> 16) + (total & 0xffff)) & 0xffff
    return head[:2] + struct.pack("!H", total) + head[4:]
def collect(seconds):
    end = time.monotonic() + seconds
    while len(seen) < want and time.monotonic() < end:
        if select.select([s], [], [], max(0, end - time.monotonic()))[0]:
            data = s.recv(2048)[0 if v6 else 20:]
            kind, _, _, who, seq = struct.unpack("!BBHHH", data[:8])
            if kind == (129 if v6 else 0) and who == ident:
                seen.add(seq)
for seq in range(want):
    s.sendto(request(seq), (target, 0))
    collect(0.02)
collect(3)
c = socket.create_connection((target, port), 10)
c.settimeout(10)
c.sendall(b"hello")
print(len(seen), c.recv(64).decode())
"""
PINGS = 20


def build():
    """The flood generator; make knows whether there is anything to do."""
    run(["make", "-s", "-C", TREE, "flood",
         f"VARIANT={os.path.basename(BUILD)}"], timeout=300)


def sources(family):
    """The client's addresses, one after the other, round and round."""
    while True:
        for i in range(ADDRESSES):
            yield (f"203.0.113.{100 + i}" if family == 4
                   else f"2001:db8:c:1{i:02x}::5")


@pytest.fixture(scope="module", name="lab")
def flood_lab():
    """The lab, with ways for what T sends to forged sources: they end at r4,
    so that these packets meet r3 and r5 as those to genuine clients do."""
    build()
    with Lab() as lab:
        for family in FAMILIES:
            ip = ["ip", f"-{family}", "route", "add"]
            for node, via in (("r3", "r5"), ("r5", "r4")):
                lab.run(node, [*ip, "default", "via",
                               lab.addr[via, node][family]], check=True)
            lab.run("r4", [*ip, "blackhole", "default"], check=True)
            own = sources(family)
            for _ in range(ADDRESSES):
                lab.run("C", ["ip", "addr", "add", "dev", "r1", next(own)
                              + ("/24" if family == 4 else "/128")]
                        + (["nodad"] if family == 6 else []), check=True)
            lab.iptables("r3", family, "raw", "-A PREROUTING -i T "
                         + ("-m ttl --ttl-eq 1" if family == 4
                            else "-m hl --hl-eq 1"))
        for node, via in (("r1", "C"), ("r2", "r1"), ("r3", "r5"),
                          ("r5", "r4"), ("r4", "r1")):
            lab.run(node, ["ip", "-6", "route", "add", NET6, "via",
                           lab.addr[via, node][6]], check=True)
        server = lab.popen("T", ["/usr/bin/python3", "-c", ECHO_SERVER],
                           stdout=subprocess.PIPE, text=True)
        assert server.stdout.readline() == "ready\n"
        yield lab


def counter(lab, node, family, table, chain):
    """Packets that the last rule of a chain has counted."""
    tool = "iptables" if family == 4 else "ip6tables"
    p = lab.run(node, [tool, "-t", table, "-nvxL", chain], check=True)
    return int(p.stdout.splitlines()[-1].split()[0])


def queued_by_rules(lab):
    return sum(counter(lab, "T", f, "mangle", "UTURND-QUEUE")
               for f in FAMILIES)


class Flood:
    """A flood of a kind while the block runs; then .result, .seconds."""

    def __init__(self, lab, family, kind, rate=RATE, seconds=SECONDS):
        self.lab, self.family = lab, family
        self.argv = [FLOOD, "-t", lab.service[family], "-s",
                     kind.sources[family], "-k", kind.proto, "-l", kind.ttls,
                     "-n", str(kind.each), "-r", str(rate), "-d",
                     str(seconds)]
        self.proc = self.result = None
        self.begin = self.seconds = 0

    def __enter__(self):
        self.begin = time.monotonic()
        self.proc = self.lab.popen("r3", self.argv, stdout=subprocess.PIPE,
                                   text=True)
        return self

    def __exit__(self, *exc):
        out, _ = self.proc.communicate(timeout=120)
        self.seconds = time.monotonic() - self.begin
        if exc[0] is None:
            self.result = json.loads(out)
            self.result["rate"] = int(self.result["sent"]
                                      / self.result["seconds"])

    def runs(self):
        return self.proc.poll() is None


def memory(daemon):
    """Address space of the three processes, kB."""
    return [int(status(pid)["VmSize"].split()[0]) for pid in daemon.pids()]


def hits(lab, family, method, source, opts=("-q1",)):
    """Hops of one cold trace that are as they should be, and all hops."""
    wanted = lab.expected(family, relay="own")
    hops = clients.names(clients.traceroute(
        lab, family, method, [*opts, "-s", source]))
    return (sum(a == b for a, b in zip(hops, wanted)),
            max(len(wanted), len(hops)) if hops[-1:] == wanted[-1:]
            else len(wanted))


def host_lives(lab, family):
    """The host's own traffic passes, to another address of T and to the
    listen address: pings of the usual TTL and a connection."""
    for target in (lab.addr["T", "r3"][family], lab.service[family]):
        p = lab.run("C", ["/usr/bin/python3", "-I", "-S", "-c", ORDINARY,
                          target, str(PORT), str(PINGS)], timeout=60)
        assert p.returncode == 0, p.stderr
        replies, text = p.stdout.split()
        assert int(replies) >= 0.95 * PINGS and text == "hello"


def under_flood(lab, family, kind, wanted):
    """All that holds under a flood; the share of hops that traces got."""
    got = total = 0
    source = sources(family)
    with Daemon(lab, relay="own", extra="") as daemon:
        assert "limit" not in daemon.text       # the default ones
        # Whatever is allocated late has been allocated.
        hits(lab, family, "udp", next(source))
        daemon.stats()
        before = memory(daemon)
        rate, rules, past = RATE, queued_by_rules(lab), 0
        for turn in range(ROUNDS):
            ttl1 = counter(lab, "r3", family, "raw", "PREROUTING")
            with Flood(lab, family, kind, rate) as flood:
                time.sleep(0.5)
                if turn == 0:
                    host_lives(lab, family)
                method = 0
                while flood.runs():
                    a, b = hits(lab, family, ("udp", "icmp")[method % 2],
                                next(source))
                    # One that the flood did not outlast proves nothing.
                    if flood.runs():
                        got, total = got + a, total + b
                    method += 1
                    time.sleep(GAP)
            ttl1 = counter(lab, "r3", family, "raw", "PREROUTING") - ttl1
            assert ttl1 <= HOP_LIMIT * (flood.seconds + 1)
            # Past the queue goes what its id sequence does not know: the
            # kernel answers it, and a genuine trace ends there.
            now = queued_by_rules(lab)
            queued, rules = now - rules, now
            bypassed = rules - daemon.count("queue_seq") - past
            past += bypassed
            assert 0 <= bypassed <= queued
            print(f"IPv{family}: {flood.result['rate']} packets/s, hops "
                  f"{got}/{total}, TTL 1 at r3 {ttl1 / flood.seconds:.0f}/s, "
                  f"{queued} for the queue, {bypassed} past it")
            if total and got >= wanted * total:
                break
            if bypassed > OVERLOAD * queued and rate > RATE_MIN:
                # This machine does not give that much.
                got = total = 0
                rate = max(RATE_MIN, rate * 2 // 3)
        assert memory(daemon) == before
    return got, total


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", JUNK)
def test_junk(lab, name, family):
    got, total = under_flood(lab, family, JUNK[name], WANTED)
    assert total > 0
    assert got >= WANTED * total, f"{got} of {total} hops"


@pytest.mark.slow
@pytest.mark.parametrize("name", IMITATIONS)
def test_imitation(lab, name):
    """The service can be denied, the host can't: all but the hops holds."""
    under_flood(lab, 4, IMITATIONS[name], 0)


def test_served_again(lab):
    """As soon as an imitation ends, all is as before."""
    source = sources(4)
    with Daemon(lab, relay="own", extra="") as daemon:
        with Flood(lab, 4, IMITATIONS["traces"], seconds=2):
            pass
        deadline = time.monotonic() + 10
        while True:
            got, total = hits(lab, 4, "udp", next(source))
            if got == total:
                break
            assert time.monotonic() < deadline
        assert daemon.count("limited") > 0
