#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""What the operator sees: show traces, its graph, and monitor."""

import html
import json
import os
import re
import shutil
import subprocess
import time

import clients
import pytest
from daemon import NO_LIMITS, TREE, UTURNCTL, Daemon
from lab import FAMILIES, Lab, LabError, run

BOTH = pytest.mark.parametrize("family", FAMILIES)
SINGLE = ["-q1"]
# One after the other: nothing is under way any more when the trace ends, so
# that the client's host never answers for a socket that is closed.
IN_TURN = ["-q1", "-N1"]
# Until the last probe's record has timed out, and then some.
PATIENCE = 15


def wait_for(what, timeout=PATIENCE):
    """The first true value of what(); its last value if there is none."""
    deadline = time.monotonic() + timeout
    while True:
        value = what()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.05)


def shown(daemon, client=None, protocol=None):
    """All traces, or those of one client, as JSON has them."""
    words = ["show", "traces"] + ([client] if client else [])
    return [t for t in daemon.ctl_json("-n", *words)["traces"]
            if protocol in (None, t["protocol"])]


def ended(daemon, client, protocol, end):
    """The one trace of this client, once it has ended like this."""
    def look():
        found = shown(daemon, client, protocol)
        return found[0] if [t["end"] for t in found] == [end] else None

    return wait_for(look) or pytest.fail(
        f"no such end: {shown(daemon, client)}\n{daemon.log()}")


def addresses(trace):
    return [h.get("address", "*") for h in trace["hops"]]


class Monitor:
    """uturnctl monitor; its lines, from when the engine knows of it."""

    def __init__(self, daemon, *options):
        self.daemon, self.options = daemon, options
        self.path = os.path.join(daemon.dir, f"m{time.monotonic_ns()}")

    def __enter__(self):
        d = self.daemon
        assert d.ctl("log", "verbose").returncode == 0
        before = d.log().count("events: on")
        with open(self.path, "w", encoding="utf-8") as out:
            self.proc = subprocess.Popen(
                [UTURNCTL, "-s", d.sock, *self.options, "monitor"],
                stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT)
        assert wait_for(lambda: d.log().count("events: on") > before)
        return self

    def __exit__(self, *exc):
        self.proc.terminate()
        self.proc.wait(10)

    def lines(self):
        with open(self.path, encoding="utf-8") as f:
            return [line for line in f.read().split("\n")[:-1] if line]

    def wait_line(self, pattern):
        """The lines, once one of them matches."""
        found = wait_for(lambda: [s for s in self.lines()
                                  if re.search(pattern, s)])
        assert found, f"no {pattern!r} in {self.lines()}"
        return self.lines()


@pytest.fixture(name="served")
def served_daemon(lab):
    """A daemon that knows of no trace yet."""
    with Daemon(lab) as daemon:
        yield daemon


@BOTH
@pytest.mark.parametrize("method", clients.METHODS)
def test_hops(lab, served, family, method):
    """Each reverse router with its times; the client answers nothing."""
    clients.traceroute(lab, family, method, IN_TURN)
    trace = ended(served, lab.client[family], method, "inferred")
    assert trace["listen"] == lab.service[family]
    assert addresses(trace) == lab.reverse(family)
    assert trace["end_hop"] == 5
    assert [h["hop"] for h in trace["hops"]] == [1, 2, 3, 4]
    for h in trace["hops"]:
        assert h["lost"] == 0 and h["hidden"] == 0 and h["routers"] == 1
        assert 1 <= h["answered"] == h["turned"]
        assert 0 < h["rtt_min_us"] <= h["rtt_avg_us"] <= h["rtt_max_us"]
        assert "unreachable" not in h and "labels" not in h
        assert "name" not in h
    assert trace["probes"] >= 5
    assert trace["seen_us"] <= trace["begun_us"]
    assert "changed" not in trace


@BOTH
def test_parallel(lab, served, family):
    """Late probes find a closed socket: the end is where the client is."""
    clients.traceroute(lab, family, "udp", SINGLE)
    wait_for(lambda: shown(served, lab.client[family], "udp")[0]["seen_us"] >
             4_000_000)
    trace = shown(served, lab.client[family], "udp")[0]
    assert trace["end_hop"] == 5 and trace["end"] != "open"
    assert addresses(trace) == lab.reverse(family)


@BOTH
def test_answered(lab, family):
    """Mirror form: the client's own host answers what reaches it."""
    with Daemon(lab, turn="mirror", hop=True, extra=NO_LIMITS +
                "probe udp port 33000:33433\n") as daemon:
        clients.mtr(lab, family, "udp", count=3)
        trace = ended(daemon, lab.client[family], "udp", "answered")
        assert addresses(trace) == lab.reverse(family)
        assert trace["end_hop"] == 5
        # The way to the client has the wire's delay, twice.
        assert trace["answer"]["rtt_min_us"] >= 10000
        assert trace["hops"][0]["answered"] == 3


@BOTH
def test_text(lab, served, family):
    clients.traceroute(lab, family, "udp", IN_TURN)
    ended(served, lab.client[family], "udp", "inferred")
    p = served.ctl("show", "traces", lab.client[family], "-n")
    assert p.returncode == 0, p.stderr
    blocks = [b for b in p.stdout.split("\n\n") if ", udp, " in b]
    lines = blocks[0].split("\n")
    assert re.fullmatch(
        rf"{lab.client[family]} to {lab.service[family]}, udp, "
        r"\d\d:\d\d:\d\d ago, \d+ probes, ended at hop 5, inferred", lines[0])
    for line, router, hop in zip(lines[2:], lab.reverse(family), "1234"):
        assert re.fullmatch(rf" +{hop} +0%( +\d+\.\d\d\d){{3}}  {router}",
                            line)
    p = served.ctl("-n", "show", "traces", "192.0.2.200")
    assert p.stdout == "no traces\n"


def test_refused_on_the_restricted_socket(served):
    for words in (["show", "traces"], ["monitor"]):
        p = served.ctl("-n", *words, sock=served.rsock)
        assert p.returncode == 1 and "restricted" in p.stderr


@BOTH
def test_names(lab, served, family):
    """As the host's name service says, escaped; here it is a file."""
    clients.traceroute(lab, family, "udp", IN_TURN)
    ended(served, lab.client[family], "udp", "inferred")
    hosts = os.path.join(served.dir, "hosts")
    nss = os.path.join(served.dir, "nsswitch.conf")
    with open(hosts, "w", encoding="utf-8") as f:
        for i, a in enumerate(lab.reverse(family)[:3]):
            f.write(f"{a} back{i}.example\n")
    with open(nss, "w", encoding="utf-8") as f:
        f.write("passwd: files\nhosts: files\n")
    script = (f"mount --bind {hosts} /etc/hosts && "
              f"mount --bind {nss} /etc/nsswitch.conf && "
              f'exec "$@"')
    p = lab.run("T", ["unshare", "-m", "sh", "-c", script, "sh", UTURNCTL,
                      "-j", "-s", served.sock, "show", "traces",
                      lab.client[family]])
    assert p.returncode == 0, p.stderr
    trace = [t for t in json.loads(p.stdout)["traces"]
             if t["protocol"] == "udp"][0]
    assert [h.get("name") for h in trace["hops"]] == \
        ["back0.example", "back1.example", "back2.example", None]


def test_dot(lab, served):
    for f in FAMILIES:
        clients.traceroute(lab, f, "udp", IN_TURN)
        ended(served, lab.client[f], "udp", "inferred")
    p = served.ctl("show", "traces", "-n", "-o", "dot")
    assert p.returncode == 0, p.stderr
    for f in FAMILIES:
        path = [lab.service[f], *lab.reverse(f), lab.client[f]]
        for a, b in zip(path, path[1:]):
            assert f'"{a}" -> "{b}" [' in p.stdout
    if shutil.which("dot"):
        svg = run(["dot", "-Tsvg"], stdin=p.stdout)
        assert "<svg" in svg.stdout and svg.stderr == ""


@BOTH
def test_picture(lab, served, family):
    """The README's picture is this graph of this lab."""
    clients.traceroute(lab, family, "udp", IN_TURN)
    ended(served, lab.client[family], "udp", "inferred")
    with open(os.path.join(TREE, "README.md"), encoding="utf-8") as f:
        (name,) = re.findall(r"!\[[^]]*as a graph\]\(([^)]*)\)", f.read())
    with open(os.path.join(TREE, name), encoding="utf-8") as f:
        svg = html.unescape(f.read())
    p = served.ctl("show", "traces", "-n", "-o", "dot")
    edges = re.findall(r'"(\S+)" -> "(\S+)" \[', p.stdout)
    assert len(edges) == len(lab.reverse(family)) + 1
    for a, b in edges:
        assert f"<title>{a}->{b}</title>" in svg


@BOTH
def test_monitor(lab, served, family):
    """One line a hop, and how it ended."""
    with Monitor(served) as monitor:
        clients.traceroute(lab, family, "icmp", IN_TURN)
        lines = monitor.wait_line(r"ended at hop 5, inferred")
    mine = [s.split(" ", 1)[1] for s in lines
            if f" {lab.client[family]} icmp " in s]
    seen = [re.search(rf"icmp +(\d+) (\S+) \d+\.\d\d\d ms$", s) for s in mine]
    hops = sorted((int(m.group(1)), m.group(2)) for m in seen if m)
    assert hops == list(enumerate(lab.reverse(family), 1))
    # Only the time of day differs.
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d\d\d ", s) for s in lines)


@BOTH
def test_monitor_json(lab, served, family):
    with Monitor(served, "-j") as monitor:
        clients.traceroute(lab, family, "tcp", IN_TURN)
        lines = monitor.wait_line('"event":"ended"')
    events = [json.loads(s) for s in lines]
    assert all(e["version"] == 1 and e["listen"] == lab.service[family] and
               e["client"] == lab.client[family] for e in events)
    answered = {e["hop"]: e["address"] for e in events
                if e["event"] == "answered"}
    assert answered == dict(enumerate(lab.reverse(family), 1))


def test_two_monitors_and_one_that_leaves(lab, served):
    with Monitor(served) as stays:
        with open(os.path.join(served.dir, "second"), "wb") as out:
            second = subprocess.Popen([UTURNCTL, "-s", served.sock, "monitor"],
                                      stdout=out)
        second.kill()
        second.wait(10)
        clients.traceroute(lab, 4, "udp", IN_TURN)
        stays.wait_line("ended at hop 5")
    served.wait_log("events: off")


@pytest.mark.slow
def test_changed():
    """The way back changes while the client is silent for 30 s."""
    with Lab() as lab, Daemon(lab) as daemon:
        for f in FAMILIES:
            clients.traceroute(lab, f, "udp", IN_TURN)
            before = ended(daemon, lab.client[f], "udp", "inferred")
            assert addresses(before) == lab.reverse(f)
            # r3 sends what is for the client to r2 from now on, not to r5.
            run(["ip", "-n", lab.ns("r3"), f"-{f}", "route", "replace",
                 lab.client_net(f), "via", lab.addr["r2", "r3"][f]])
        assert wait_for(lambda: min(t["seen_us"] for t in shown(daemon)) >
                        30_500_000, 60)
        with Monitor(daemon) as monitor:
            for f in FAMILIES:
                clients.traceroute(lab, f, "udp", IN_TURN)
                monitor.wait_line(
                    rf"{lab.client[f]} udp the way back changed at hop 2: "
                    rf"{lab.addr['r2', 'r3'][f]}, "
                    rf"before {lab.reverse(f)[1]}$")
        for f in FAMILIES:
            after = ended(daemon, lab.client[f], "udp", "inferred")
            assert addresses(after) == [
                lab.addr[k][f] for k in (("r3", "T"), ("r2", "r3"),
                                         ("r1", "r2"))]
            # Where the ways part, not where they meet again.
            assert after["changed"]["hop"] == 2
            assert after["changed"]["from"] == lab.reverse(f)[1]
            assert after["changed"]["to"] == lab.addr["r2", "r3"][f]
        text = daemon.ctl("-n", "show", "traces").stdout
        assert text.count("the way back changed 00:00:") == 2


@BOTH
@pytest.mark.parametrize("unreachable", ("hide", "relay"))
def test_unreachable(family, unreachable):
    """A router that refuses the way back is shown in both modes."""
    with Lab() as lab:
        # r4 has no way to the client: it says so.
        run(["ip", "-n", lab.ns("r4"), f"-{family}", "route", "replace",
             "unreachable", lab.client_net(family)])
        with Daemon(lab, extra=NO_LIMITS +
                    f"unreachable {unreachable}\n") as daemon:
            clients.traceroute(lab, family, "udp",
                               ["-q1", "-w1", "-m", "9"])
            trace = wait_for(lambda: [
                t for t in shown(daemon) if len(t["hops"]) >= 3])[0]
            assert addresses(trace)[:2] == lab.reverse(family)[:2]
            refused = [h for h in trace["hops"] if "unreachable" in h]
            assert refused and refused[0]["hop"] in (3, 4)
            mark = refused[0]["unreachable"]
            assert (mark["type"], mark["mark"]) in ((3, "!H"), (1, "!N"),
                                                    (1, "!H"))
            assert trace["end"] != "answered"
            assert "!" in daemon.ctl("-n", "show", "traces").stdout


@BOTH
def test_hidden(lab, family):
    hidden = lab.reverse(family)[1]
    with Daemon(lab, extra=NO_LIMITS + f"hide hop {hidden}\n") as daemon:
        clients.traceroute(lab, family, "udp", IN_TURN)
        trace = ended(daemon, lab.client[family], "udp", "inferred")
        assert addresses(trace) == lab.reverse(family)
        assert [h["hidden"] for h in trace["hops"]] == [0, 1, 0, 0]


@BOTH
def test_silent_router(family):
    """It is a star, and not taken for the end."""
    with Lab() as lab:
        kind = "-p icmp" if family == 4 else "-p ipv6-icmp"
        lab.iptables("r5", family, "filter", f"-A OUTPUT {kind} -j DROP")
        with Daemon(lab) as daemon:
            clients.traceroute(lab, family, "udp", ["-q1", "-N1", "-w1"])
            trace = ended(daemon, lab.client[family], "udp", "inferred")
            want = lab.reverse(family)
            want[1] = "*"
            assert wait_for(lambda: addresses(
                shown(daemon)[0]) == want), shown(daemon)
            assert trace["end_hop"] == 5
            assert shown(daemon)[0]["hops"][1]["lost"] > 0


def test_off_and_reload(lab):
    """off forgets at once; a larger table needs a restart."""
    with Daemon(lab, extra=NO_LIMITS + "traces 8\n") as daemon:
        clients.traceroute(lab, 4, "udp", IN_TURN)
        ended(daemon, lab.client[4], "udp", "inferred")
        text = daemon.text
        daemon.write(text.replace("traces 8", "traces off"))
        assert daemon.ctl("reload").returncode == 0
        p = daemon.ctl("-n", "show", "traces")
        assert p.returncode == 1 and "traces are off" in p.stderr
        p = daemon.ctl("monitor")
        assert p.returncode == 1 and "traces are off" in p.stderr
        assert clients.names(clients.traceroute(lab, 4, "udp", IN_TURN)) == \
            lab.expected(4)
        daemon.write(text.replace("traces 8", "traces 9"))
        p = daemon.ctl("reload")
        assert p.returncode == 1 and "traces: a larger table" in p.stderr
        # Back to what there is room for: what was forgotten stays so.
        daemon.write(text)
        assert daemon.ctl("reload").returncode == 0
        assert shown(daemon) == []
        clients.traceroute(lab, 4, "udp", IN_TURN)
        ended(daemon, lab.client[4], "udp", "inferred")


def test_off_from_the_start(lab):
    with Daemon(lab, extra=NO_LIMITS + "traces off\n") as daemon:
        assert clients.names(clients.traceroute(lab, 4, "udp", IN_TURN)) == \
            lab.expected(4)
        assert daemon.ctl("-n", "show", "traces").returncode == 1


def test_full_table(lab):
    """The table holds so many, the oldest go; many readers at once."""
    flood = """
import socket, sys
for i in range(120):
    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    s.bind((f"2001:db8:c::{0x1000 + i:x}", 40000))
    for ttl in (4, 5, 6, 7):
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, ttl)
        s.sendto(bytes(60), (sys.argv[1], 33440))
"""
    with Lab() as lab:
        run(["ip", "-n", lab.ns("C"), "-batch", "-"], stdin="".join(
            f"addr add 2001:db8:c::{0x1000 + i:x}/64 dev r1 nodad\n"
            for i in range(120)))
        with Daemon(lab, extra=NO_LIMITS + "traces 96\n") as daemon:
            lab.run("C", ["/usr/bin/python3", "-I", "-c", flood,
                          lab.service[6]], check=True)
            assert wait_for(lambda: len(shown(daemon)) == 96)
            readers = [subprocess.Popen(
                [UTURNCTL, "-jn", "-s", daemon.sock, "show", "traces"],
                stdout=subprocess.PIPE) for _ in range(8)]
            for p in readers:
                out, _ = p.communicate(timeout=30)
                assert p.returncode == 0
                assert len(json.loads(out)["traces"]) == 96
            assert [t["client"] for t in shown(
                daemon, "2001:db8:c::1077")] == ["2001:db8:c::1077"]


def test_engine_stays_small(lab):
    """The default table costs little, whatever is in it."""
    with Daemon(lab) as daemon:
        clients.traceroute(lab, 4, "udp", IN_TURN)
        sizes = {p["name"]: p["rss_kb"]
                 for p in daemon.ctl_json("show", "processes")["processes"]}
        assert sizes["engine"] < 16 * 1024, sizes
    with pytest.raises(LabError):
        # More than the grammar allows.
        with Daemon(lab, extra=NO_LIMITS + "traces 4097\n"):
            pass


