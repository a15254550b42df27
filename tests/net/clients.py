#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Stock clients: how they are called, and their output as hops."""

import dataclasses
import functools
import ipaddress
import json
import re

from lab import run

# A TCP probe goes to a port where nothing listens.
TCP_PORT = 80
METHODS = {"udp": [], "icmp": ["-I"], "tcp": ["-T", "-p", str(TCP_PORT)]}
MTR = {"udp": ["-u"], "icmp": [], "tcp": ["-T", "-P", str(TCP_PORT)]}
TCP_TRIES = 3
SINGLE = ["-q1"]
PARALLEL = []		# traceroute's default: three a hop, sixteen at once

HOP_LINE = re.compile(r"^\s*(\d+)\s+(.*\S)\s*$")


@dataclasses.dataclass
class Hop:
    """One line of a trace."""

    ttl: int
    addrs: list = dataclasses.field(default_factory=list)
    lost: int = 0
    times: list = dataclasses.field(default_factory=list)
    objects: list = dataclasses.field(default_factory=list)
    flags: list = dataclasses.field(default_factory=list)

    def __str__(self):
        """The address; "*" if lost; anything mixed can't equal either."""
        names = self.addrs + (["*"] if self.lost else [])
        return "|".join(names + self.flags)


def _is_address(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def parse(text):
    """Hops of traceroute, inetutils-traceroute or scamper (text output)."""
    hops = []
    for line in text.splitlines():
        m = HOP_LINE.match(line)
        if not m:
            continue
        hop = Hop(int(m.group(1)))
        for word in m.group(2).replace("ms", " ").split():
            if word == "*":
                hop.lost += 1
            elif word[0] == "<":
                hop.objects.append(word)
            elif word[0] == "!":
                hop.flags.append(word)
            elif _is_address(word):
                if word not in hop.addrs:
                    hop.addrs.append(word)
            elif re.fullmatch(r"\d+\.\d+", word):
                hop.times.append(float(word))
            else:
                hop.flags.append(word)
        hops.append(hop)
    return hops


def parse_mtr(text):
    """Hops of `mtr --report --json`."""
    hops = []
    for hub in json.loads(text)["report"]["hubs"]:
        hop = Hop(int(hub["count"]))
        if hub["host"] == "???":
            hop.lost = 1
        else:
            hop.addrs.append(hub["host"])
            hop.lost = 1 if hub["Loss%"] > 0 else 0
            hop.times.append(hub["Avg"])
        hops.append(hop)
    return hops


def names(hops):
    """Hops as a list of strings, to be compared with Lab.expected."""
    return [str(h) for h in hops]


def _hops(p, parser):
    """Parse a finished client; what it complained of is no result."""
    if p.returncode != 0:
        raise AssertionError(f"{p.args}: {p.stderr.strip()}")
    return parser(p.stdout)


@functools.cache
def prompt():
    """A command that lets another run at once whatever else the machine is
    busy with: traceroute takes answers that it reads too late for lost."""
    argv = ["chrt", "--fifo", "1"]
    p = run([*argv, "true"], check=False)
    return argv if p.returncode == 0 else []


def traceroute(lab, family, method="udp", opts=(), target=None, node="C",
               length=None, timeout=60):
    """Debian's traceroute; length is that of the whole probe."""
    argv = [*prompt(), "traceroute", f"-{family}", "-n", *METHODS[method],
            *opts, target or lab.service[family], *([str(length)] if length else [])]
    if method == "tcp":
        return _traceroute_tcp(lab, node, argv, timeout)
    return _hops(lab.run(node, argv, timeout), parse)


def _traceroute_tcp(lab, node, argv, timeout):
    """traceroute -T, but never a run that used a source port twice.

    It tells its TCP probes by their source ports alone, which it has the
    kernel choose and gives back as soon as a probe is answered.  In one run
    of about two hundred two probes get the same, and then the answer to the
    later may be taken for one to the earlier.  Such a run, proved by its
    packets, is repeated.  For the same reason the capture ends a moment
    later than the run: the next must not get the answers to this one's
    farther probes.
    """
    from wire import TCP, Capture

    iface = next(peer for n, peer in lab.addr if n == node)
    for _ in range(TCP_TRIES):
        with Capture(lab, node, iface,
                     f"tcp and dst port {TCP_PORT}") as capture:
            p = lab.run(node, argv, timeout)
        ports = [x[TCP].sport for x in capture.packets() if x.sent]
        if len(ports) == len(set(ports)):
            return _hops(p, parse)
    raise AssertionError(f"{argv}: source ports used twice, {TCP_TRIES} times")


def traceroute_port(lab, family, port):
    """traceroute -T from one source port: one probe after the other, of one
    flow."""
    return _hops(lab.run("C", [
        *prompt(), "traceroute", f"-{family}", "-n", "-q1", *METHODS["tcp"],
        f"--sport={port}", lab.service[family]], 60), parse)


def mtr(lab, family, method="icmp", opts=(), target=None, count=1,
        timeout=60):
    """mtr's report.

    One run of mtr -T in about a hundred misses an answer, as often one of a
    router on the way there, which we have nothing to do with.  So it gets
    three rounds, and a hop that answered in any of them is there.
    """
    if method == "tcp":
        count = max(count, TCP_TRIES)
    argv = ["mtr", f"-{family}", "-n", "--json", "-c", str(count), "-i",
            "0.2", "-G", "1", *MTR[method], *opts, target or lab.service[family]]
    hops = _hops(lab.run("C", argv, timeout), parse_mtr)
    if method == "tcp":
        for hop in hops:
            hop.lost = 0 if hop.addrs else 1
    return hops


def inetutils(lab, opts=(), target=None, timeout=60):
    """GNU inetutils; IPv4 only."""
    argv = ["inetutils-traceroute", "-q1", "-w1", *opts,
            target or lab.service[4]]
    return _hops(lab.run("C", argv, timeout), parse)


def scamper(lab, family, how="udp-paris", opts="", target=None, timeout=60):
    target = target or lab.service[family]
    argv = ["scamper", "-p", "100", "-I",
            f"trace -P {how} -w 2 -q 1 {opts} {target}"]
    return _hops(lab.run("C", argv, timeout), parse)
