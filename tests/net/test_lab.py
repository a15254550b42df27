#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The lab itself, without uturnd: what the other tests rest on."""

import os
import re
import signal
import subprocess
import sys
import time

import clients
import pytest
from lab import FAMILIES, NETNS_DIR, Lab, LabError, sweep
from wire import ICMP, IP, UDP, Capture, IPv6, l4_sum_ok, layer3, send

HERE = os.path.dirname(os.path.abspath(__file__))
BOTH = pytest.mark.parametrize("family", FAMILIES)
METHODS = pytest.mark.parametrize("method", clients.METHODS)
PACE = pytest.mark.parametrize("pace", (clients.SINGLE, clients.PARALLEL),
                               ids=("single", "parallel"))


def back(lab, family, **kw):
    """The way from T to the client, by TTL-limited probes from T."""
    opts = ["-q1", "-s", lab.service[family], *kw.pop("opts", [])]
    hops = clients.traceroute(lab, family, opts=opts, node="T",
                              target=lab.client[family], **kw)
    return clients.names(hops)


def namespaces(lab_id):
    return [n for n in os.listdir(NETNS_DIR) if n.startswith(lab_id)]


@BOTH
@METHODS
@PACE
def test_forward(lab, family, method, pace):
    hops = clients.traceroute(lab, family, method, pace)
    assert clients.names(hops) == lab.plain(family)


@BOTH
@METHODS
def test_reverse(lab, family, method):
    assert back(lab, family, method=method) == \
        lab.reverse(family) + [lab.client[family]]


@BOTH
def test_ways_differ(lab, family):
    forward, reverse = lab.forward(family), lab.reverse(family)
    assert len(set(forward + reverse)) == 7
    assert reverse != list(reversed(forward))


def test_declared_hops(lab):
    """The expectations, written out once."""
    assert lab.expected(4) == [
        "203.0.113.1", "192.0.2.14", "192.0.2.22", "198.51.100.53",
        "198.51.100.1", "192.0.2.34", "192.0.2.54", "192.0.2.42",
        "198.51.100.53"]
    assert lab.expected(6) == [
        "2001:db8:c::1", "2001:db8:12::2", "2001:db8:23::3",
        "2001:db8:f::53", "2001:db8:f:1::3", "2001:db8:35::5",
        "2001:db8:54::4", "2001:db8:41::1", "2001:db8:f::53"]
    assert lab.expected(4, "hop", "own")[3:] == \
        ["198.51.100.54"] * 5 + ["198.51.100.53"]
    assert lab.expected(4, None)[3] == "*"


@BOTH
@pytest.mark.parametrize("method", clients.MTR)
def test_mtr(lab, family, method):
    hops = clients.mtr(lab, family, method)
    assert clients.names(hops) == lab.plain(family)


@pytest.mark.parametrize("opts", ([], ["-I"]), ids=("udp", "icmp"))
def test_inetutils(lab, opts):
    hops = clients.inetutils(lab, opts)
    assert clients.names(hops) == lab.plain(4)


@BOTH
@pytest.mark.parametrize("how", ("udp-paris", "icmp-paris", "udp"))
def test_scamper(lab, family, how):
    hops = clients.scamper(lab, family, how)
    assert clients.names(hops) == lab.plain(family)


def test_hop_address_is_reached(lab):
    for family in FAMILIES:
        hops = clients.traceroute(lab, family, opts=["-q1"],
                                  target=lab.hop[family])
        assert clients.names(hops) == \
            lab.forward(family) + [lab.hop[family]]


@BOTH
def test_own_source_is_forwarded(lab, family):
    """T may answer in the name of a router; even r3 and r1 pass that on."""
    for router in lab.reverse(family):
        dst = lab.client[family]
        ip = IP(src=router, dst=dst) if family == 4 else \
            IPv6(src=router, dst=dst)
        with Capture(lab, "C", "r1", "udp port 4242", count=1) as cap:
            send(lab, "T", [ip / UDP(sport=4242, dport=4242) / b"x"])
        got = cap.packets()
        assert [p.src for p in got] == [router]


def test_nat():
    with Lab(nat=True) as lab:
        assert clients.names(clients.traceroute(lab, 4)) == lab.plain(4)
        assert clients.names(clients.traceroute(lab, 6)) == lab.plain(6)
        # The gateway can't be told from the client.
        assert back(lab, 4) == lab.reverse(4) + [lab.client[4]]
        with Capture(lab, "T", "r3", "udp", count=1) as cap:
            clients.traceroute(lab, 4, opts=["-q1", "-f4", "-m4"])
        assert cap.packets()[0].src == lab.client[4] != lab.addr["C", "r1"][4]


@BOTH
@pytest.mark.parametrize("where", ("r1", "client"))
def test_firewall(family, where):
    with Lab(firewall=where) as lab:
        for method in clients.METHODS:
            hops = clients.traceroute(lab, family, method, ["-q1"])
            assert clients.names(hops) == lab.plain(family)
        hops = back(lab, family, opts=["-w0.3", "-m6"])
        assert hops == lab.reverse(family) + ["*", "*"]


@BOTH
def test_uplink(family):
    with Lab(uplink=True) as lab:
        assert clients.names(clients.traceroute(lab, family)) == \
            lab.plain(family)
        assert back(lab, family) == lab.reverse(family) + [lab.client[family]]
        assert lab.reverse(family)[0] == lab.addr["r6", "T"][family]
        # The main table points to the first uplink.
        hops = clients.traceroute(lab, family, opts=["-q1"], node="T",
                                  target=lab.client[family])
        assert hops[0].addrs == [lab.addr["r3", "T"][family]]


@BOTH
def test_bcp38(family):
    with Lab(bcp38=True) as lab:
        make = IP if family == 4 else IPv6
        foreign = lab.reverse(family)[1]
        probes = [make(src=s, dst=lab.client[family])
                  / UDP(sport=4242, dport=4242) / b"x"
                  for s in (foreign, lab.hop[family], lab.service[family])]
        with Capture(lab, "C", "r1", "udp port 4242", count=3) as cap:
            send(lab, "T", probes)
        assert [p.src for p in cap.packets()] == [lab.hop[family],
                                                  lab.service[family]]


@BOTH
def test_service_on_link(family):
    with Lab(service="link") as lab:
        assert clients.names(clients.traceroute(lab, family)) == \
            lab.plain(family)


@BOTH
def test_capture_is_exact(lab, family):
    """A packet arrives as it was sent, but for its TTL; sums are right."""
    src, dst = lab.client[family], lab.service[family]
    if family == 4:
        ip = IP(src=src, dst=dst, ttl=9, id=0x1234, tos=0xb8, flags="DF")
    else:
        ip = IPv6(src=src, dst=dst, hlim=9, tc=0xb8, fl=0x12345)
    sent = bytes(ip / UDP(sport=40000, dport=40001) / b"0123456789ab")
    with Capture(lab, "T", "r3") as cap:
        send(lab, "C", [sent])
    got = cap.packets()
    assert [p.sent for p in got] == [False, True]	# and T's own answer
    data = layer3(got[0])
    ttl = 8 if family == 4 else 7
    assert data[ttl] == 6
    assert l4_sum_ok(data) and l4_sum_ok(layer3(got[1]))
    if family == 4:
        assert data[12:] == sent[12:] and data[:8] == sent[:8]
        assert got[1][ICMP].type == 3 and got[1][ICMP].code == 3
    else:
        assert data[8:] == sent[8:] and data[:7] == sent[:7]


def test_delay(lab):
    """Both ways take their time between C and r1; without W they do not."""
    hops = clients.traceroute(lab, 4, opts=["-q1"])
    assert all(20 <= h.times[0] < 200 for h in hops)
    with Lab(delay=0) as direct:
        hops = clients.traceroute(direct, 4, opts=["-q1"])
        assert clients.names(hops) == direct.plain(4)
        assert min(h.times[0] for h in hops) < 20


def test_two_labs():
    with Lab() as a, Lab(uplink=True) as b:
        assert a.id != b.id
        for lab in (a, b):
            assert clients.names(clients.traceroute(lab, 4)) == lab.plain(4)
        assert len(namespaces(a.id)) == 8 and len(namespaces(b.id)) == 9


def test_nothing_stays():
    with Lab() as lab:
        sleeper = lab.popen("r2", ["sleep", "60"])
        tmp = lab.tmp
        assert os.path.isdir(tmp)
    assert namespaces(lab.id) == [] and not os.path.exists(tmp)
    assert sleeper.poll() is not None


def test_nothing_stays_after_a_fault(monkeypatch):
    monkeypatch.setattr(Lab, "_filters", lambda self: 1 / 0)
    lab = Lab()
    with pytest.raises(ZeroDivisionError):
        lab.up()
    assert namespaces(lab.id) == [] and not os.path.exists(lab.tmp)


def test_quick():
    start = time.monotonic()
    with Lab(uplink=True):
        up = time.monotonic()
    down = time.monotonic()
    assert up - start < 2 and down - up < 1


def _start_lab():
    p = subprocess.Popen([sys.executable, os.path.join(HERE, "lab.py")],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                         text=True)
    m = re.match(r"namespaces (ut\d+x[0-9a-f]+)-", p.stdout.readline())
    assert m and len(namespaces(m.group(1))) == 8
    return p, m.group(1)


@pytest.mark.parametrize("signo", (signal.SIGINT, signal.SIGTERM,
                                   signal.SIGHUP))
def test_signal_takes_down(signo):
    p, lab_id = _start_lab()
    p.send_signal(signo)
    p.communicate(timeout=5)
    assert p.returncode == 128 + signo
    assert namespaces(lab_id) == []


def test_sweep():
    """A killed run leaves its lab; a sweep takes that, and no living one."""
    p, dead = _start_lab()
    p.kill()
    p.communicate(timeout=5)
    assert len(namespaces(dead)) == 8
    with Lab() as lab:
        gone = sweep()
        assert len([n for n in gone if n.startswith(f"{dead}-")]) == 8
        assert namespaces(dead) == [] and len(namespaces(lab.id)) == 8
        assert os.path.isdir(lab.tmp)


def test_timeout_is_a_fault(lab):
    with pytest.raises(LabError, match="no end within"):
        lab.run("C", ["sleep", "5"], timeout=0.2)


def test_parse_traceroute():
    text = """traceroute to 198.51.100.53 (198.51.100.53), 30 hops max
 1  203.0.113.1  2.858 ms  0.011 ms  0.007 ms
 2  192.0.2.14  2.503 ms *  1.0 ms
 3  * * *
 4  198.51.100.54 <2/198:00010000,c6336401>  1.9 ms 198.51.100.1  2.0 ms !H
"""
    hops = clients.parse(text)
    assert clients.names(hops) == [
        "203.0.113.1", "192.0.2.14|*", "*",
        "198.51.100.54|198.51.100.1|!H"]
    assert hops[0].times == [2.858, 0.011, 0.007] and hops[2].lost == 3
    assert hops[3].objects == ["<2/198:00010000,c6336401>"]
