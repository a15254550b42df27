#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""What operators watch and do: metrics, clients, deny, observe, check."""

import json
import os
import re
import shutil
import subprocess
import time

import clients
import promtext
import pytest
from daemon import TREE, UTURNCTL, Daemon
from lab import FAMILIES, Lab, run

BOTH = pytest.mark.parametrize("family", FAMILIES)
IN_TURN = ["-q1", "-N1"]
PROTOCOLS = ("udp", "icmp", "tcp")
PORTS = "33434-33689"


def wait_for(what, timeout=15):
    """The first true value of what(); its last value if there is none."""
    deadline = time.monotonic() + timeout
    while True:
        value = what()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.05)


def names(lab, family, method="udp"):
    return clients.names(clients.traceroute(lab, family, method, IN_TURN))


class Metrics:
    """One reading of `show metrics', checked for its form."""

    def __init__(self, daemon, sock=None):
        p = daemon.ctl("show", "metrics", sock=sock)
        assert p.returncode == 0, p.stderr
        self.text = p.stdout
        self.samples = promtext.parse(p.stdout)

    def __call__(self, name, **labels):
        return self.samples[f"uturnd_{name}", frozenset(
            (k, str(v)) for k, v in labels.items())]


@BOTH
@pytest.mark.parametrize("method", clients.METHODS)
def test_metrics(lab, daemon, family, method):
    """After one trace the figures are exact, and those of the JSON."""
    before = time.time()
    hops = clients.traceroute(lab, family, method, IN_TURN)
    assert clients.names(hops) == lab.expected(family)
    proto = {"udp": "udp", "icmp": "icmp", "tcp": "tcp"}[method]
    # The last probe's record may live for its time-out.
    wait_for(lambda: daemon.stats()["pending"] == 0)
    m, stats = Metrics(daemon), daemon.stats()
    back = len(lab.reverse(family))
    assert m("inflections_total", family=family, proto=proto) == 1
    assert m("relayed_total", family=family, proto=proto) == back
    assert m("turned_total", family=family, proto=proto) >= back + 1
    assert m("hop_rtt_seconds_count", family=family) == back
    assert m("hop_rtt_seconds_count", family={4: 6, 6: 4}[family]) == 0
    # Each way has the wire's delay at most once; so none takes a second.
    assert m("hop_rtt_seconds_bucket", family=family, le="1") == back
    assert 0 < m("hop_rtt_seconds_sum", family=family) < back
    for name, value in stats.items():
        if isinstance(value, dict) and "total" in value:
            for f in FAMILIES:
                for p in PROTOCOLS:
                    assert m(f"{name}_total", family=f, proto=p) == \
                        value[f"v{f}"][p], name
    for reason, value in stats["refused"].items():
        assert m("refused_total", reason=reason) == value
    assert before - 1 <= m("last_probe_timestamp_seconds") <= time.time() + 1
    assert m("up") == 1 and m("paused") == 0 and m("observing") == 0
    assert m("config_generation") == 1
    assert m("pending") == 0 and m("pending_max") == 8192
    assert m("uptime_seconds") < 600
    # Nothing that grows with clients.
    assert not any(a in m.text for a in (*lab.client.values(),
                                         *lab.service.values()))


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool here")
def test_promtool(daemon):
    subprocess.run(["promtool", "check", "metrics"], check=True, text=True,
                   input=Metrics(daemon).text, capture_output=True)


def test_last_probe_of_none(daemon):
    assert Metrics(daemon)("last_probe_timestamp_seconds") == 0


def test_restricted(daemon):
    """Monitoring users see counters and processes, and no more."""
    for words in (["stats"], ["show", "metrics"], ["show", "processes"]):
        p = daemon.ctl("-n", *words, sock=daemon.rsock)
        assert p.returncode == 0, (words, p.stderr)
    for words in (["show", "clients"], ["show", "denied"], ["show", "config"],
                  ["show", "traces"], ["deny", "192.0.2.1"], ["check"],
                  ["deny", "remove", "192.0.2.1"], ["reload"], ["pause"],
                  ["resume"], ["log", "verbose"], ["monitor"]):
        p = daemon.ctl("-n", *words, sock=daemon.rsock)
        assert p.returncode == 1, words
        assert "not on a restricted socket" in p.stderr, words
    assert daemon.ctl_json("show", "denied")["denied"] == []


def test_textfile(daemon, tmp_path):
    """The collector's file: whole, readable, and there without a daemon."""
    script = os.path.join(TREE, "contrib", "uturnd-metrics")
    out = tmp_path / "uturnd.prom"
    env = {**os.environ, "UTURND_SOCKET": daemon.rsock, "UTURNCTL": UTURNCTL}
    subprocess.run([script, tmp_path], check=True, env=env, timeout=60)
    assert out.stat().st_mode & 0o777 == 0o644
    assert promtext.parse(out.read_text())["uturnd_up", frozenset()] == 1
    inode = out.stat().st_ino
    env["UTURND_SOCKET"] = daemon.rsock + ".none"
    subprocess.run([script, tmp_path], check=True, env=env, timeout=60,
                   stderr=subprocess.DEVNULL)
    samples = promtext.parse(out.read_text())
    assert samples == {("uturnd_up", frozenset()): 0}
    # By rename, and nothing is left behind.
    assert out.stat().st_ino != inode
    assert os.listdir(tmp_path) == ["uturnd.prom"]


@BOTH
def test_clients(lab, daemon, family):
    assert daemon.ctl_json("-n", "show", "clients")["clients"] == []
    assert names(lab, family, "icmp") == lab.expected(family)
    rows = daemon.ctl_json("-n", "show", "clients")["clients"]
    assert len(rows) == 1, rows
    row = rows[0]
    # An IPv6 source counts by its /64.
    assert row["protocol"] == "icmp" and "port" not in row
    client = lab.client[family]
    assert row["client"] == client if family == 4 \
        else row["client"].endswith("::/64")
    back = len(lab.reverse(family))
    assert row["probes"] >= back + 2 and row["limited"] == 0
    assert 0 < row["left_us"] <= 10_000_000
    assert 0 < row["opened_us"] < 60_000_000
    p = daemon.ctl("-n", "show", "clients")
    assert re.search(rf"^{re.escape(row['client'])} +icmp ", p.stdout, re.M)


@BOTH
def test_deny(lab, daemon, family):
    """A denied source meets the host's own kernel, for as long as that."""
    prefix = lab.client[family] + ("/32" if family == 4 else "/128")
    assert names(lab, family) == lab.expected(family)
    p = daemon.ctl("deny", prefix, "1h")
    assert p.returncode == 0 and p.stdout == f"denied: {prefix}\n"
    rows = daemon.ctl_json("show", "denied")["denied"]
    assert [r["prefix"] for r in rows] == [prefix]
    assert 3_590_000 < rows[0]["left_ms"] <= 3_600_000
    before = daemon.count("denied")
    assert names(lab, family) == lab.plain(family)
    assert daemon.count("denied") > before
    # Through a reload, too.
    assert daemon.ctl("reload").returncode == 0
    assert names(lab, family) == lab.plain(family)
    p = daemon.ctl("deny", "remove", prefix)
    assert p.returncode == 0 and p.stdout == f"no longer denied: {prefix}\n"
    assert names(lab, family) == lab.expected(family)
    p = daemon.ctl("deny", "remove", prefix)
    assert p.returncode == 1 and "is not denied" in p.stderr


def test_deny_expires(lab, daemon):
    assert daemon.ctl("deny", "203.0.113.0/24", "3s").returncode == 0
    assert daemon.ctl("deny", "2001:db8::/32", "1h").returncode == 0
    rows = daemon.ctl_json("show", "denied")["denied"]
    assert len(rows) == 2
    assert wait_for(lambda: len(
        daemon.ctl_json("show", "denied")["denied"]) == 1)
    assert names(lab, 4) == lab.expected(4)
    p = daemon.ctl("show", "denied")
    assert re.fullmatch(r"2001:db8::/32 +0[01]:\d\d:\d\d left\n", p.stdout)


def test_deny_is_bounded(daemon):
    """The table has its size, and says so."""
    for i in range(64):
        assert daemon.ctl("deny", f"10.0.{i}.0/24").returncode == 0
    p = daemon.ctl("deny", "10.1.0.0/24")
    assert p.returncode == 1 and "64 prefixes are denied already" in p.stderr
    # Renewed, it is no other one.
    assert daemon.ctl("deny", "10.0.5.0/24", "2h").returncode == 0
    assert len(daemon.ctl_json("show", "denied")["denied"]) == 64


def marked(lab):
    """Packets that left T with our mark, by all that sends them."""
    total = 0
    for tool in ("iptables-save", "ip6tables-save"):
        text = lab.run("T", [tool, "-c", "-t", "raw"], check=True).stdout
        total += sum(int(n) for n in re.findall(
            r"^\[(\d+):\d+\] -A UTURND-OUT .*--notrack", text, re.M))
    return total


def test_observe(lab):
    """Counted and passed: on the wire the host is as if alone."""
    with Daemon(lab) as daemon:
        serve = daemon.text
        daemon.write("mode observe\n" + serve)
        p = daemon.ctl("reload")
        assert p.returncode == 0, p.stderr
        for family in FAMILIES:
            for method in clients.METHODS:
                assert names(lab, family, method) == lab.plain(family), method
        stats = daemon.stats()
        for kind in ("inflections", "turned", "relayed", "ended", "dropped",
                     "expired", "send_failed", "unanswered", "late"):
            assert stats[kind]["total"] == 0, kind
        assert stats["probes"]["total"] > 0
        assert stats["passed"]["total"] == stats["probes"]["total"]
        assert 0 < stats["observed"] <= stats["probes"]["total"]
        assert stats["pending"] == 0 and stats["observing"] == 1
        assert Metrics(daemon)("observing") == 1
        assert daemon.ctl("stats").stdout.startswith("observing, ")
        assert daemon.ctl_json("-n", "show", "traces")["traces"] == []
        assert len(daemon.ctl_json("-n", "show", "clients")["clients"]) > 0
        assert marked(lab) == 0
        # And now for real.
        daemon.write(serve)
        assert daemon.ctl("reload").returncode == 0
        for family in FAMILIES:
            assert names(lab, family) == lab.expected(family)
        assert marked(lab) > 0
        assert daemon.stats()["observed"] == stats["observed"]


class Checked:
    """One run of `uturnctl check' at T, where the firewall is."""

    def __init__(self, lab, daemon):
        p = run(lab.command("T", [UTURNCTL, "-j", "-s", daemon.sock, "check"]),
                timeout=60, check=False)
        assert p.stdout, p.stderr
        self.code = p.returncode
        self.answer = json.loads(p.stdout)

    def found(self):
        return sorted((f["check"], f["severity"])
                      for f in self.answer["findings"])

    def text(self, check):
        return " ".join(f["text"] for f in self.answer["findings"]
                        if f["check"] == check)


def sysctl(lab, *settings):
    lab.run("T", ["sysctl", "-q", "-w", *settings], check=True)


@pytest.fixture(name="own_lab", scope="module")
def lab_for_check():
    """Its host is changed for good."""
    with Lab() as lab:
        yield lab


def test_check(own_lab):
    """Planted faults are found, each alone, and gone with their remedy."""
    lab = own_lab
    reserved = "net.ipv4.ip_local_reserved_ports="
    with Daemon(lab, relay="own") as daemon:
        sysctl(lab, reserved)
        c = Checked(lab, daemon)
        assert c.found() == [("reserved_ports", "warning")], c.answer
        assert c.code == 1 and c.answer["fine"] == 0
        assert PORTS in c.text("reserved_ports")
        sysctl(lab, reserved + PORTS)
        c = Checked(lab, daemon)
        assert c.found() == [], c.answer
        assert c.code == 0 and c.answer["fine"] == 1
        assert len(c.answer["ok"]) == 11
        p = run(lab.command("T", [UTURNCTL, "-s", daemon.sock, "check"]),
                timeout=60)
        assert p.stdout.startswith("ok       rules\n")

        uplink = lab.run("T", ["ip", "-o", "route", "get",
                               lab.client[4]]).stdout.split(" dev ")[1]
        strict = f"net.ipv4.conf.{uplink.split()[0]}.rp_filter="
        sysctl(lab, strict + "1")
        c = Checked(lab, daemon)
        # A note: good to know, and no failure.
        assert c.found() == [("rp_filter", "note")] and c.code == 0
        assert uplink.split()[0] in c.text("rp_filter")
        sysctl(lab, strict + "0")

        daemon.unload_rules()
        c = Checked(lab, daemon)
        assert c.found() == [("rules", "fault")] * 2 and c.code == 1
        assert "IPv4" in c.text("rules") and "IPv6" in c.text("rules")
        daemon.load_rules()
        daemon.load_rules()
        c = Checked(lab, daemon)
        assert c.found() == [("rules", "warning")] * 2, c.answer
        assert "2 jumps" in c.text("rules")
        daemon.unload_rules()
        daemon.load_rules()
        assert Checked(lab, daemon).found() == []


def test_check_current(own_lab):
    """Rules of another configuration, and what went past the queue."""
    lab = own_lab
    sysctl(lab, f"net.ipv4.ip_local_reserved_ports={PORTS}")
    with Daemon(lab, relay="own") as daemon:
        daemon.write(daemon.text + "max ttl 20\n")
        assert daemon.ctl("reload").returncode == 0
        c = Checked(lab, daemon)
        assert c.found() == [("rules", "warning")] * 2, c.answer
        assert "not those of the configuration" in c.text("rules")
        daemon.unload_rules()
        daemon.load_rules()
        assert Checked(lab, daemon).found() == []
        # While no daemon runs the kernel lets every probe pass.
        daemon.stop()
        assert names(lab, 4) == lab.plain(4)
        daemon.start()
        daemon.wait_ready()
        c = Checked(lab, daemon)
        assert c.found() == [("queue", "note")] and c.code == 0, c.answer
        assert "went past the queue" in c.text("queue")


def test_check_addresses_and_firewall(own_lab):
    lab = own_lab
    sysctl(lab, f"net.ipv4.ip_local_reserved_ports={PORTS}")
    drop = ["-t", "filter", "-A", "OUTPUT", "-p", "icmp", "-j", "DROP"]
    with Daemon(lab, relay="both") as daemon:
        c = Checked(lab, daemon)
        assert c.found() == [("spoofing", "note")] * 2 and c.code == 0
        daemon.write(daemon.text + "listen on 10.1.2.3\n")
        assert daemon.ctl("reload").returncode == 0
        daemon.unload_rules()
        daemon.load_rules()
        lab.run("T", ["iptables", *drop], check=True)
        try:
            c = Checked(lab, daemon)
        finally:
            undo = ["-D" if w == "-A" else w for w in drop]
            lab.run("T", ["iptables", *undo], check=True)
        assert c.code == 1
        assert c.found() == [("addresses", "warning"), ("firewall", "warning"),
                             ("nat", "warning")] + [("spoofing", "note")] * 3
        assert "10.1.2.3" in c.text("addresses")
        assert "OUTPUT drops ICMP" in c.text("firewall")


def test_check_without_rights(lab, daemon):
    """What can't be looked at is not fine, and is said."""
    setpriv = shutil.which("setpriv")
    os.chmod(daemon.sock, 0o666)
    p = run(lab.command("T", [
        setpriv, "--reuid=65534", "--regid=65534", "--clear-groups",
        UTURNCTL, "-s", daemon.sock, "check"]), timeout=60, check=False)
    assert p.returncode == 1, p.stderr
    assert re.search(r"^unknown  rules: .*\n +-> run as root$", p.stdout, re.M)
    assert re.search(r"^unknown  firewall: .*\n +-> run as root$", p.stdout,
                     re.M)


def test_observe_from_the_start(lab):
    """The log says it, and so does the configuration."""
    with Daemon(lab) as daemon:
        daemon.stop()
        daemon.write("mode observe\n" + daemon.text)
        daemon.start()
        daemon.wait_ready()
        daemon.wait_log("ready: .*observes only: every probe is passed")
        p = daemon.ctl("show", "config")
        assert "\nmode observe\n" in p.stdout
        assert names(lab, 4) == lab.plain(4)
