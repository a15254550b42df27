#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""utrace HOST: both ways by request and by u-turn, its rights, its pace."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import time

import pytest
from daemon import NO_LIMITS, Daemon, status
from lab import FAMILIES, Lab
from responder import Responder, silence
from test_utrace import UTRACE, addresses
from wire import ICMP, TCP, UDP, Capture, layer3

BOTH = pytest.mark.parametrize("family", FAMILIES)
PROTOS = ("udp", "icmp", "tcp")
METHODS = pytest.mark.parametrize("proto", PROTOS)
OPTION = {"udp": "-U", "icmp": "-I", "tcp": "-T"}
REQUESTS = NO_LIMITS + "augsburg yes\n"
DONE, FAILED, USAGE, SILENT = 0, 1, 2, 3
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
RAW = [*NOBODY, "--inh-caps=+net_raw", "--ambient-caps=+net_raw"]
RAW_BIT = 1 << 13

# At a router on the way there: for each packet from the client to the host it
# sends answers that are not to be believed.  Each says what is sent for a
# packet of its kind; a line a packet.
FORGER = r"""
import ipaddress, json, socket, struct, sys
family, iface, host = int(sys.argv[1]), sys.argv[2], sys.argv[3]
v4 = family == 4
host, liar = ipaddress.ip_address(host).packed, ipaddress.ip_address(
    "192.0.2.99" if v4 else "2001:db8:bad::99").packed
at, hdr = (16, 20) if v4 else (24, 40)

def total(b, n=0):
    b += b"\0" * (len(b) % 2)
    n += sum(struct.unpack(f"!{len(b) // 2}H", b))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n

def packet(src, dst, icmp):
    pseudo = b"" if v4 else src + dst + struct.pack("!II", len(icmp), 58)
    icmp = icmp[:2] + b"\0\0" + icmp[4:]
    icmp = icmp[:2] + struct.pack("!H", 0xffff - total(pseudo + icmp)) + icmp[4:]
    if v4:
        return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1,
                           0) + src + dst + icmp
    return struct.pack("!IHBB", 6 << 28, len(icmp), 58, 64) + src + dst + icmp

def flip(data, i):
    return data[:i] + bytes([data[i] ^ 0x41]) + data[i + 1:]

def forgeries(p, client):
    timex = bytes([11 if v4 else 3, 0, 0, 0, 0, 0, 0, 0])
    # The token of UDP and ICMP, of TCP, the first port, the host quoted.
    for i in (hdr + 6, hdr + 7, hdr + 4, hdr + 5, hdr, hdr + 1, at + 3):
        yield packet(liar, client, timex + flip(p, i))
    yield packet(liar, client, timex + p[:hdr + 4])
    icmp = p[hdr:]
    if icmp[0] == (8 if v4 else 128) and icmp[1] == 1:
        hop = bytes(10) + b"\xff\xff" + liar if v4 else liar
        for i in (4, 5):
            yield packet(host, client, bytes([0 if v4 else 129, 1, 0, 0]) +
                         flip(icmp, i)[4:8] + bytes(4) + hop + bytes(8))
        yield packet(liar, client, bytes([0 if v4 else 129, 1, 0, 0]) +
                     icmp[4:8] + bytes(4) + hop + bytes(8))

s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
s.setsockopt(263, 23, 1)                # SOL_PACKET, PACKET_IGNORE_OUTGOING
s.bind((iface, 0x0800 if v4 else 0x86dd))
out = socket.socket(socket.AF_INET if v4 else socket.AF_INET6,
                    socket.SOCK_RAW, socket.IPPROTO_RAW)
print("ready", flush=True)
while True:
    p = s.recv(65535)
    if p[at:at + len(host)] != host:
        continue
    p = p[:struct.unpack("!H", p[2:4])[0]] if v4 else p[:40 + struct.unpack(
        "!H", p[4:6])[0]]
    client = p[12:16] if v4 else p[8:24]
    for f in forgeries(p, client):
        out.sendto(f, (str(ipaddress.ip_address(client)), 0))
    print("forged", flush=True)
"""


def utrace(lab, *argv, wrap=(), program=UTRACE, timeout=60):
    return lab.run("C", [*wrap, program, *argv], timeout)


def trace(lab, family, *argv, **kw):
    """What it prints as JSON; it must be content."""
    p = utrace(lab, "-jn", *argv, lab.service[family], **kw)
    assert p.returncode == DONE, p.stderr
    assert p.stderr == ""
    return json.loads(p.stdout)


def assert_ways(lab, family, out, method, proto, turn=None):
    """Both ways, whole; turn: who inflects, "" for nobody."""
    assert out["version"] == 1
    assert (out["method"], out["protocol"]) == (method, proto)
    assert out["target"]["address"] == lab.service[family]
    assert addresses(out["forward"]) == lab.forward(family)
    want = [] if turn == "" else turn or lab.service[family]
    assert addresses([out["inflection"]]) == [want]
    back = addresses(out["reverse"])
    assert back == lab.reverse(family)
    assert out["end"] == len(lab.forward(family)) + len(back) + 2
    hops = [h["hop"] for h in [*out["forward"], out["inflection"],
                               *out["reverse"]]]
    assert hops == list(range(1, out["end"]))


def assert_times(out):
    for hop in out["reverse"]:
        times = [p["host_rtt_us"] for p in hop["probes"]]
        assert any(isinstance(t, int) and 0 < t < 2_000_000 for t in times)


class TestRequest:
    @pytest.fixture(scope="class", autouse=True, params=(
        {"relay": "own"}, {"relay": "own", "hop": True},
        {"relay": "router", "hop": True}, {"relay": "router"}),
        ids=("own", "own-hop", "router-hop", "router"))
    def form(self, request, lab):
        with Daemon(lab, extra=REQUESTS, **request.param):
            yield request.param

    @BOTH
    @METHODS
    def test_ways(self, lab, form, family, proto):
        out = trace(lab, family, OPTION[proto], "-q1")
        turn = lab.hop[family] if form.get("hop") else None
        assert_ways(lab, family, out, "request", proto, turn)
        assert_times(out)


class TestForms:
    """The same trace as a table, a list, and from its third hop on."""

    @pytest.fixture(scope="class", autouse=True)
    def daemon(self, lab):
        with Daemon(lab, relay="own", extra=REQUESTS):
            yield

    @BOTH
    def test_list(self, lab, family):
        p = utrace(lab, "-ln", lab.service[family])
        lines = p.stdout.splitlines()
        host = lab.service[family]
        assert lines[0] == (f"utrace to {host} ({host}) by UDP port 33434, "
                            "30 hops max each way")
        assert lines[-1] == "the way back by request for each hop, UDP"
        want = [*lab.forward(family), host, *lab.reverse(family),
                lab.client[family]]
        assert [line.split()[:2] for line in lines[1:-1]] == [
            [str(i), a] for i, a in enumerate(want, 1)]
        assert [line[-7:] for line in lines[4:5]] == ["<- turn"]
        assert lines[-2].endswith("<- end")
        assert (p.returncode, p.stderr) == (DONE, "")

    @BOTH
    def test_table(self, lab, family):
        p = utrace(lab, "-n", "-I", lab.service[family])
        lines = p.stdout.splitlines()
        words = [w for line in lines[2:] for w in line.split()]
        assert [w for w in words if w in lab.forward(family)] == \
            lab.forward(family)
        assert [w for w in words if w in lab.reverse(family)] == \
            lab.reverse(family)[::-1]
        assert "9 here" in lines[2]
        assert lines[-1] == "the way back by request for each hop, ICMP"

    def test_first(self, lab):
        out = trace(lab, 4, "-f3", "-q1")
        assert addresses(out["forward"]) == lab.forward(4)[2:]
        assert addresses(out["reverse"]) == lab.reverse(4)
        assert [len(h["probes"]) for h in out["reverse"]] == [1] * 4

    def test_max(self, lab):
        """The host is farther than the user looks: it still tells."""
        out = trace(lab, 4, "-m2")
        assert addresses(out["forward"]) == lab.forward(4)[:2]
        assert out["inflection"] is None
        assert addresses(out["reverse"]) == lab.reverse(4)[:2]
        assert out["end"] is None

    def test_turn_by_wish(self, lab):
        out = trace(lab, 4, "-M", "turn")
        assert_ways(lab, 4, out, "u-turn", "udp")

    def test_name(self, lab):
        """A name that the hosts file has, looked up by nobody."""
        hosts = os.path.join(lab.tmp, "hosts")
        with open(hosts, "w", encoding="utf-8") as f:
            f.write(f"{lab.service[6]} host.example\n")
        os.chmod(hosts, 0o644)
        mount = ("mount --make-rprivate / && mount --bind "
                 f"{hosts} /etc/hosts && exec \"$@\"")
        p = utrace(lab, "-jn", "host.example",
                   wrap=["unshare", "-m", "sh", "-c", mount, "sh"])
        out = json.loads(p.stdout)
        assert out["target"] == {"name": "host.example",
                                 "address": lab.service[6]}
        assert addresses(out["reverse"]) == lab.reverse(6)
        p = utrace(lab, "-4", "host.example",
                   wrap=["unshare", "-m", "sh", "-c", mount, "sh"])
        assert p.returncode == FAILED
        assert p.stderr.startswith("utrace: host.example: ")

    @BOTH
    def test_names(self, lab, family):
        """Names out of the hosts file line the same routers up."""
        hosts = "".join(f"{a[family]} eth{peer[1:] or 0}.{node}.lab.example\n"
                        for (node, peer), a in lab.addr.items())
        mount = "mount --make-rprivate / && "
        for name, text in (("hosts", hosts),
                           ("nsswitch.conf", "hosts: files\n")):
            path = os.path.join(lab.tmp, f"names-{name}")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text)
            os.chmod(path, 0o644)
            mount += f"mount --bind {path} /etc/{name} && "
        p = utrace(lab, "-j", lab.service[family],
                   wrap=["unshare", "-m", "sh", "-c", mount + 'exec "$@"',
                         "sh"])
        assert (p.returncode, p.stderr) == (DONE, "")
        out = json.loads(p.stdout)
        names = [h["answers"][0]["name"] for h in out["reverse"]]
        assert [n.split(".")[1] for n in names] == ["r3", "r5", "r4", "r1"]
        assert [(x["forward"], x["reverse"], x["by"])
                for x in out["pairs"]] == [(1, 8, "name"), (3, 5, "name")]

    @BOTH
    def test_source(self, lab, family):
        out = trace(lab, family, "-s", lab.client[family])
        assert addresses(out["reverse"]) == lab.reverse(family)
        p = utrace(lab, "-s", lab.hop[family], lab.service[family])
        assert p.returncode == FAILED
        assert "no way there from that address" in p.stderr
        p = utrace(lab, "-s", lab.client[10 - family], lab.service[family])
        assert p.returncode == FAILED

    @BOTH
    @METHODS
    def test_one_flow(self, lab, family, proto):
        """No router that spreads load by flow can tell the probes apart."""
        with Capture(lab, "C", "r1") as cap:
            trace(lab, family, OPTION[proto], "-q2")
        kind = {"udp": UDP, "tcp": TCP}.get(proto)
        at = 20 if family == 4 else 40
        flows = set()
        for p in cap.packets():
            data = layer3(p)
            if not p.sent or p.version != family:
                continue
            if kind and p.haslayer(kind) and not p.haslayer(ICMP):
                # A reset is our kernel's, and no probe.
                if kind == UDP or data[at + 13] == 2:
                    flows.add(data[at:at + 4])
            elif not kind and data[at] in (8, 128) and data[at + 1] == 0:
                flows.add(data[at:at + 6])
        assert len(flows) == 1

    def test_pace(self, lab):
        """25 packets a second, and not very many in all."""
        with Capture(lab, "C", "r1", f"dst host {lab.service[4]}") as cap:
            trace(lab, 4)
        times = [float(p.time) for p in cap.packets() if p.sent]
        assert 30 <= len(times) <= 70
        assert len(times) / (times[-1] - times[0]) < 28


@BOTH
@METHODS
@pytest.mark.parametrize("form", (
    {"relay": "own"}, {"relay": "own", "hop": True}, {"relay": "router"},
    {"relay": "router", "hop": True}, {"relay": "both"}),
    ids=("own", "own-hop", "router", "router-hop", "both"))
def test_turn(lab, family, proto, form):
    """A host that serves no requests turns probes."""
    with Daemon(lab, **form):
        out = trace(lab, family, OPTION[proto], "-q1")
    turn = lab.hop[family] if form.get("hop") else None
    assert_ways(lab, family, out, "u-turn", proto, turn)
    if form["relay"] == "own":
        assert_times(out)


@BOTH
def test_turn_prefix(lab, family):
    with Daemon(lab, relay="own", prefix=True):
        out = trace(lab, family)
    turn = out["inflection"]["answers"][0]["address"]
    assert turn not in (lab.service[family], lab.forward(family)[-1])
    assert_ways(lab, family, out, "u-turn", "udp", turn)


@BOTH
@pytest.mark.parametrize("extra", (NO_LIMITS, REQUESTS),
                         ids=("turn", "request"))
@pytest.mark.parametrize("relay", ("own", "router"))
def test_silent_inflection(lab, family, extra, relay):
    with Daemon(lab, relay=relay, inflection="silent", extra=extra):
        out = trace(lab, family, "-w1")
    method = "request" if extra == REQUESTS else "u-turn"
    assert_ways(lab, family, out, method, "udp", "")


@BOTH
@METHODS
def test_plain_host(lab, family, proto):
    """Neither: the way there, and a sentence."""
    p = utrace(lab, "-jn", OPTION[proto], lab.service[family])
    out = json.loads(p.stdout)
    assert addresses(out["forward"]) == lab.plain(family)
    assert out["method"] is None
    assert out["inflection"] is None and out["reverse"] == []
    assert p.returncode == DONE
    assert p.stderr == (f"utrace: {lab.service[family]} shows no way back: it "
                        "neither serves requests nor turns probes round\n")
    p = utrace(lab, "-ln", OPTION[proto], lab.service[family])
    assert [line.split()[1] for line in p.stdout.splitlines()[1:]] == \
        lab.plain(family)


def test_plain_host_by_request(lab):
    p = utrace(lab, "-n", "-M", "request", lab.service[4])
    assert p.returncode == DONE
    assert p.stderr.endswith("shows no way back: it serves no requests\n")


@BOTH
def test_unreachable(lab, family):
    """Nobody there: the way to the last router, a code of its own."""
    host = {4: "198.51.100.99", 6: "2001:db8:f::99"}[family]
    p = utrace(lab, "-jn", "-q1", "-w0.5", host)
    assert p.returncode == SILENT
    assert p.stderr == f"utrace: {host} did not answer\n"
    out = json.loads(p.stdout)
    assert addresses(out["forward"])[:3] == lab.forward(family)
    assert addresses(out["forward"])[3:] == [[]] * 6


@BOTH
def test_no_route(lab, family):
    """A router says that there is no way."""
    p = utrace(lab, "-jn", lab.addr["r5", "r4"][family])
    assert p.returncode == SILENT
    out = json.loads(p.stdout)
    assert addresses(out["forward"]) == lab.forward(family)[:1]
    assert out["forward"][0]["probes"][0]["mark"] == "!N"


def test_no_way(lab):
    """Our own kernel says so."""
    p = lab.run("r5", [UTRACE, "192.88.99.1"])
    assert p.returncode == FAILED
    assert p.stderr == "utrace: no way to the host: Network is unreachable\n"


@BOTH
@pytest.mark.parametrize("extra", (NO_LIMITS, REQUESTS),
                         ids=("turn", "request"))
def test_silent_reverse_hop(lab, family, extra):
    silence(lab, "r5")
    try:
        with Daemon(lab, relay="own", extra=extra):
            p = utrace(lab, "-jn", "-q1", "-w4", lab.service[family])
    finally:
        for f in FAMILIES:
            lab.iptables("r5", f, "filter", "-F OUTPUT")
    out = json.loads(p.stdout)
    want = lab.reverse(family)
    want[1] = []
    assert addresses(out["reverse"]) == want
    assert out["end"] == 9


@BOTH
def test_hidden(lab, family):
    """The host names no router that it hides."""
    extra = REQUESTS + f"hide hop {lab.reverse(family)[0]}\n"
    with Daemon(lab, relay="own", extra=extra):
        out = trace(lab, family, "-q1", "-w1")
    assert addresses(out["reverse"]) == [[], *lab.reverse(family)[1:]]


@BOTH
def test_requests_in_vain(lab, family):
    """The host serves requests, but its replies for hops get lost: it turns
    probes as well.  Status replies are shorter."""
    size = {4: 56, 6: 76}[family]
    proto = {4: "icmp", 6: "ipv6-icmp"}[family]
    silent = f"-A OUTPUT -p {proto} -m length --length {size} -j DROP"
    lab.iptables("T", family, "filter", silent)
    try:
        with Daemon(lab, relay="own", extra=REQUESTS):
            out = trace(lab, family, "-q1", "-w1")
            p = utrace(lab, "-jn", "-q1", "-w1", "-M", "request",
                       lab.service[family])
    finally:
        lab.iptables("T", family, "filter", "-F OUTPUT")
    assert_ways(lab, family, out, "u-turn", "udp")
    assert p.returncode == DONE
    assert p.stderr == (f"utrace: {lab.service[family]} serves requests, but "
                        "none for a hop was answered\n")
    out = json.loads(p.stdout)
    assert (out["method"], out["reverse"]) == (None, [])


@BOTH
@METHODS
@pytest.mark.parametrize("extra", (NO_LIMITS, REQUESTS),
                         ids=("turn", "request"))
def test_forged(lab, family, proto, extra):
    """Answers with another token, port, quote or sender change nothing.

    r3 itself is silent, so that only a forged answer could fill its hops.
    """
    silence(lab, "r3")
    p = lab.popen("r2", ["/usr/bin/python3", "-I", "-S", "-c", FORGER,
                         str(family), "r1", lab.service[family]],
                  stdout=subprocess.PIPE, text=True)
    try:
        assert p.stdout.readline() == "ready\n"
        with Daemon(lab, relay="own", extra=extra):
            out = trace(lab, family, OPTION[proto], "-q1", "-w1")
    finally:
        p.terminate()
        forged = p.communicate(timeout=5)[0]
        for f in FAMILIES:
            lab.iptables("r3", f, "filter", "-F OUTPUT")
    assert forged.count("forged") > 12
    assert addresses(out["forward"]) == [*lab.forward(family)[:2], []]
    assert addresses([out["inflection"]]) == [lab.service[family]]
    assert addresses(out["reverse"]) == [[], *lab.reverse(family)[1:]]


@BOTH
@pytest.mark.parametrize("form", ("-jn", "-ln", "-n"))
def test_hostile_objects(lab, family, form):
    """A router's objects hold what would act on a terminal."""
    name = b"\x14\x1b[31m\x07\x9b1m\r\n\"<>\\\0\0\0\0\0"
    name = name[:20].ljust(20, b"\0")
    objects = bytes([0, 4 + len(name), 2, 2]) + name
    objects += bytes([0, 8, 99, 7]) + b"\x1b[1m"
    silence(lab, "r2")
    try:
        with Responder(lab, family, objects, node="r2", neighbour="r1"):
            p = utrace(lab, form, lab.service[family])
    finally:
        for f in FAMILIES:
            lab.iptables("r2", f, "filter", "-F OUTPUT")
    for text in (p.stdout, p.stderr):
        assert all(c == "\n" or " " <= c <= "~" for c in text)
    if form == "-jn":
        (answer,) = json.loads(p.stdout)["forward"][1]["answers"]
        assert answer["objects"] == \
            'INC:"\\x1b[31m\\x07\\x9b1m\\x0d\\x0a"<>\\\\";99/7:1b5b316d'


@contextlib.contextmanager
def running(lab, wrap=()):
    """A trace to nobody: it takes seconds."""
    p = lab.popen("C", [*wrap, UTRACE, "-ln", "198.51.100.99"],
                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert select.select([p.stdout], [], [], 30)[0]
        yield p
    finally:
        p.kill()
        p.communicate(timeout=5)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as f:
        return [int(c) for c in f.read().split()]


class TestRights:
    @pytest.mark.parametrize("wrap", ([], RAW), ids=("root", "ambient"))
    def test_locked_up(self, lab, wrap):
        """Once it traces, no process has a right that could be taken over."""
        with running(lab, wrap) as p:
            deadline = time.monotonic() + 5
            while status(p.pid)["Seccomp"] != "2":
                assert time.monotonic() < deadline
                time.sleep(0.02)
            pids = [p.pid, *children(p.pid)]
            assert len(pids) == 2
            for s in map(status, pids):
                assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2"
                for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                    assert int(s[name], 16) == 0, name
                assert "0" not in s["Uid"].split() + s["Gid"].split()
            prober = pids[1]
            fds = sorted(os.readlink(f"/proc/{prober}/fd/{n}").split(":")[0]
                         for n in os.listdir(f"/proc/{prober}/fd"))
            assert fds == ["pipe"] * 2 + ["socket"] * 4

    @METHODS
    def test_capability_only(self, lab, proto):
        with Daemon(lab, relay="own", extra=REQUESTS):
            for family in FAMILIES:
                out = trace(lab, family, OPTION[proto], wrap=RAW)
                assert_ways(lab, family, out, "request", proto)

    def test_file_capability(self, lab):
        """As the manual says."""
        path = os.path.join(lab.tmp, "utrace")
        shutil.copy(UTRACE, path)
        os.chmod(path, 0o755)
        # What setcap(8) writes: version 2, effective, CAP_NET_RAW.
        os.setxattr(path, "security.capability", bytes(
            [1, 0, 0, 2]) + RAW_BIT.to_bytes(4, "little") + bytes(12))
        with Daemon(lab, relay="own", extra=REQUESTS):
            out = trace(lab, 4, wrap=NOBODY, program=path)
        assert_ways(lab, 4, out, "request", "udp")

    def test_without(self, lab):
        p = utrace(lab, lab.service[4], wrap=NOBODY)
        assert p.returncode == FAILED
        assert p.stdout == ""
        assert p.stderr == (
            "utrace: tracing a host takes the capability CAP_NET_RAW: run it "
            "as root, or let everybody trace:\n"
            f"        setcap cap_net_raw+ep {os.path.realpath(UTRACE)}\n")

    def test_interrupt(self, lab):
        """^C ends the prober; what was found is shown."""
        with running(lab) as p:
            (prober,) = children(p.pid)
            os.kill(p.pid, signal.SIGINT)
            for _ in range(2):
                line = p.stdout.readline()
            assert line.split()[1] == lab.forward(4)[0]
            os.kill(prober, signal.SIGINT)
            _, err = p.communicate(timeout=10)
            assert p.returncode == FAILED
        assert err == "utrace: the prober ended early\n"


class TestNat:
    """Behind a gateway that translates: it stands for us at the end."""

    @pytest.fixture(scope="class", name="nat")
    def nat_lab(self):
        with Lab(nat=True) as lab:
            yield lab

    @METHODS
    def test_turn(self, nat, proto):
        with Daemon(nat, relay="own"):
            out = trace(nat, 4, OPTION[proto])
        assert out["method"] == "u-turn"
        assert addresses(out["forward"]) == nat.forward(4)
        assert addresses(out["reverse"])[:3] == nat.reverse(4)

    def test_request(self, nat):
        with Daemon(nat, relay="own", extra=REQUESTS):
            out = trace(nat, 4, "-I", "-q1", "-w1")
        assert out["method"] == "request"
        assert addresses(out["forward"]) == nat.forward(4)
        assert addresses(out["reverse"])[:3] == nat.reverse(4)
        assert nat.client[4] not in addresses(out["reverse"])


@pytest.mark.parametrize("argv", (
    ["-q0"], ["-q11"], ["-m0"], ["-m256"], ["-f0"], ["-f9", "-m8"], ["-p0"],
    ["-p65536"], ["-w0"], ["-w11"], ["-wnan"], ["-w1x"], ["-s", "x"],
    ["-Mx"], ["-t", "0"], ["-q", "3x"]), ids=" ".join)
def test_usage(argv):
    p = subprocess.run([UTRACE, *argv, "192.0.2.1"], capture_output=True,
                       text=True, timeout=60, check=False)
    assert p.returncode == USAGE
    assert p.stdout == ""
    assert p.stderr.startswith("utrace: -")
