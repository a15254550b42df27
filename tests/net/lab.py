#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A lab of network namespaces in which the way there and the way back differ.

    C -W- r1 --- r2 --- r3 --- T        the way there:  r1 r2 r3 T
           \\             |    /
            r4 --- r5 ---+   /          the way back:   r3 r5 r4 r1 C
             \\               /
              r6 -----------+           a second uplink of T, if asked for:
                                        r6 r4 r1 C

W is the wire between C and r1: no hop, but a delay.
Every address is one of the documentation prefixes.  Nothing in the lab has
a route to the outside: each namespace knows only the links made here.

As a program: `lab.py` builds a lab and keeps it until Enter is pressed,
`lab.py CMD ARG...` runs a command at the client, `lab.py --sweep` removes
what runs that were killed have left behind.
"""

import argparse
import atexit
import ipaddress
import os
import pwd
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

USER = "_uturnd"
NETNS_DIR = "/run/netns"
NAME = re.compile(r"^ut(\d+)x[0-9a-f]{4}-")
TMP_PREFIX = "uturn-lab-"

# Both ends of each link, and the prefixes of the link.  An interface bears
# the name of the node at its other end.
LINKS = (
    ("C", "r1", "203.0.113.0/24", 10, 1, "2001:db8:c::/64", 0xc, 1),
    ("r1", "r2", "192.0.2.12/30", 1, 2, "2001:db8:12::/64", 1, 2),
    ("r2", "r3", "192.0.2.20/30", 1, 2, "2001:db8:23::/64", 2, 3),
    ("r3", "T", "198.51.100.0/27", 1, 2, "2001:db8:f:1::/64", 3, 0xf),
    ("r3", "r5", "192.0.2.32/30", 1, 2, "2001:db8:35::/64", 3, 5),
    ("r5", "r4", "192.0.2.52/30", 1, 2, "2001:db8:54::/64", 5, 4),
    ("r4", "r1", "192.0.2.40/30", 1, 2, "2001:db8:41::/64", 4, 1),
)
UPLINK_LINKS = (
    ("r6", "T", "198.51.100.128/27", 1, 2, "2001:db8:e:1::/64", 6, 0xf),
    ("r6", "r4", "192.0.2.60/30", 1, 2, "2001:db8:64::/64", 6, 4),
)
# What a client behind a translating gateway has instead of its own net.
NAT_LINK = ("C", "r1", "10.7.0.0/24", 10, 1, "2001:db8:c::/64", 0xc, 1)

SERVICE = {4: "198.51.100.53", 6: "2001:db8:f::53"}
HOP = {4: "198.51.100.54", 6: "2001:db8:f::54"}
HOP_PREFIX = {4: "198.51.100.64/27", 6: "2001:db8:f:5::/64"}
# All that belongs to T: its link, service and hop addresses, hop prefix.
TARGET_NET = {4: "198.51.100.0/25", 6: "2001:db8:f::/48"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
FAMILIES = (4, 6)

# node: (prefix, next node) in the order client, target
ROUTES = (
    ("C", "default", "r1"),
    ("r1", "target", "r2"),
    ("r2", "target", "r3"), ("r2", "client", "r1"),
    ("r3", "target", "T"), ("r3", "client", "r5"),
    ("r5", "client", "r4"), ("r5", "target", "r3"),
    ("r4", "client", "r1"), ("r4", "target", "r5"),
    ("T", "default", "r3"),
)
UPLINK_ROUTES = (("r6", "client", "r4"), ("r6", "target", "T"))

# `all` and `default` are set before a link exists, so each interface of the
# lab inherits them: an own-address source is accepted, nothing is filtered
# by reverse path, and an address can be used as soon as it is set.
SYSCTL = """
net.ipv4.conf.all.rp_filter=0
net.ipv4.conf.default.rp_filter=0
net.ipv4.conf.all.accept_local=1
net.ipv4.conf.default.accept_local=1
net.ipv4.conf.all.send_redirects=0
net.ipv4.conf.default.send_redirects=0
net.ipv4.icmp_ratelimit=0
net.ipv4.icmp_ratemask=0
net.ipv4.icmp_msgs_per_sec=1000000
net.ipv4.icmp_msgs_burst=100000
net.ipv6.icmp.ratelimit=0
net.ipv6.icmp.ratemask=
net.ipv6.conf.all.disable_ipv6=0
net.ipv6.conf.default.disable_ipv6=0
net.ipv6.conf.all.accept_dad=0
net.ipv6.conf.default.accept_dad=0
net.ipv6.conf.all.accept_ra=0
net.ipv6.conf.default.accept_ra=0
""".split()
ROUTER_SYSCTL = """
net.ipv4.ip_forward=1
net.ipv4.icmp_errors_use_inbound_ifaddr=1
net.ipv6.conf.all.forwarding=1
net.ipv6.conf.default.forwarding=1
""".split()


# A veth leaves the checksum of what its own node sends to a card that there
# is not; routers would quote it unfinished.  Runs at a node: ETHTOOL_STXCSUM
# (0x17) through SIOCETHTOOL (0x8946) for each interface named.
NO_OFFLOAD = """
import array, fcntl, socket, struct, sys
s = socket.socket()
for name in sys.argv[1:]:
    value = array.array("B", struct.pack("=II", 0x17, 0))
    fcntl.ioctl(s, 0x8946, struct.pack("=16sQ16x", name.encode(),
                                       value.buffer_info()[0]))
"""


# Runs at W, between C and r1: a wire with a delay.  Every link of the lab
# answers within microseconds, which no network does; traceroute derives its
# patience from the fastest answer it saw, and then takes every moment in
# which this machine was busy elsewhere for a lost packet.
WIRE = """
import collections, os, select, socket, sys, time
delay = float(sys.argv[1])
try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
except OSError:
    pass
ends = []
for name in ("C", "r1"):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK)
    s.setsockopt(263, 23, 1)            # SOL_PACKET, PACKET_IGNORE_OUTGOING
    s.bind((name, 3))                   # ETH_P_ALL
    ends.append(s)
across = {ends[0]: ends[1], ends[1]: ends[0]}
under_way = collections.deque()
print("ready", flush=True)
while True:
    wait = None
    if under_way:
        wait = max(0, under_way[0][0] - time.monotonic())
    for s in select.select(ends, [], [], wait)[0]:
        due = time.monotonic() + delay
        try:
            while True:
                under_way.append((due, across[s], s.recv(65535)))
        except BlockingIOError:
            pass
    while under_way and under_way[0][0] <= time.monotonic():
        _, s, frame = under_way.popleft()
        try:
            s.send(frame)
        except OSError:
            pass
"""


class LabError(Exception):
    """The lab could not be built, or a command in it did not end."""


def run(argv, stdin=None, timeout=30, check=True):
    """Run a command of the host; its output as text."""
    try:
        p = subprocess.run(argv, input=stdin, timeout=timeout, text=True,
                           capture_output=True)
    except FileNotFoundError as e:
        raise LabError(f"{argv[0]} is not installed (tests/setup.sh)") from e
    except subprocess.TimeoutExpired as e:
        raise LabError(f"{' '.join(argv)}: no end within {timeout} s") from e
    if check and p.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {p.stderr.strip()}")
    return p


def batch(lines, netns=None):
    """One `ip -batch` in the host or in a namespace."""
    argv = ["ip"] + (["-n", netns] if netns else []) + ["-batch", "-"]
    run(argv, stdin="\n".join(lines) + "\n")


def ensure_user():
    """The daemon's system user; packaging makes it, tests make it too."""
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        run(["useradd", "--system", "--no-create-home", "--home-dir",
             "/nonexistent", "--shell", "/usr/sbin/nologin", USER])
        return pwd.getpwnam(USER)


def mac(node, peer):
    """A locally administered address that tells the interface."""
    return f"02:00:00:00:{ord(node[-1]):02x}:{ord(peer[-1]):02x}"


class Lab:
    """The lab; a context manager that takes everything down again.

    nat       C has a private IPv4 address and r1 translates it (IPv6 is not
              translated)
    firewall  None, "r1" or "client": a stateful firewall there lets in only
              what belongs to something that the client has begun
    uplink    T has a second uplink r6, used only for what T sends from its
              service address (`ip rule from T`)
    bcp38     r3 drops what T sends from a source that is not T's
    service   "lo" or "link": where T's service address is
    delay     seconds that a packet takes between C and r1, each way; 0: none,
              and then no W
    """

    def __init__(self, nat=False, firewall=None, uplink=False, bcp38=False,
                 service="lo", delay=0.01):
        if firewall not in (None, "r1", "client"):
            raise ValueError(f"firewall {firewall}: r1 or client")
        if service not in ("lo", "link"):
            raise ValueError(f"service {service}: lo or link")
        if os.geteuid() != 0:
            raise LabError("the lab makes network namespaces: be root")
        self.nat, self.firewall, self.uplink = nat, firewall, uplink
        self.bcp38, self.delay = bcp38, delay
        self.id = f"ut{os.getpid()}x{secrets.token_hex(2)}"
        self.links = list(LINKS) + (list(UPLINK_LINKS) if uplink else [])
        if nat:
            self.links[0] = NAT_LINK
        self.nodes = ["C", "r1", "r2", "r3", "r4", "r5", "T"]
        self.nodes += ["r6"] if uplink else []
        self.nodes += ["W"] if delay else []
        self.addr = self._addresses()
        self.hop_prefix = dict(HOP_PREFIX)
        self.hop = dict(HOP)
        self.service = dict(SERVICE)
        if service == "link":
            self.service = self.addr["T", "r3"]
        self.service_on_lo = service == "lo"
        # The client's address as T sees it.
        self.client = dict(self.addr["C", "r1"])
        if nat:
            self.client[4] = self.addr["r1", "r2"][4]
        self.tmp = None
        self._children = []
        self._owner = os.getpid()
        self._up = False

    # Building and taking down

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *exc):
        self.down()

    def up(self):
        ensure_user()
        self.tmp = tempfile.mkdtemp(prefix=f"{TMP_PREFIX}{os.getpid()}-")
        # The daemon, as its own user, must reach its run folder in here.
        os.chmod(self.tmp, 0o711)
        atexit.register(self.down)
        self._up = True
        try:
            batch([f"netns add {self.ns(n)}" for n in self.nodes])
            self._sysctl()
            batch(self._link_lines())
            for node in self.nodes:
                batch(self._lines(node), self.ns(node))
            self._no_offload()
            self._rules()
            self._filters()
            self._wait_links()
            self._wire()
        except BaseException:
            self.down()
            raise

    def down(self):
        if not self._up or os.getpid() != self._owner:
            return
        self._up = False
        atexit.unregister(self.down)
        for p in self._children:
            _end(p)
        names = [self.ns(n) for n in self.nodes
                 if os.path.exists(f"{NETNS_DIR}/{self.ns(n)}")]
        _remove(names)
        shutil.rmtree(self.tmp, ignore_errors=True)

    def _addresses(self):
        addr = {}
        for a, b, net4, a4, b4, net6, a6, b6 in self.links:
            n4, n6 = ipaddress.ip_network(net4), ipaddress.ip_network(net6)
            addr[a, b] = {4: str(n4[a4]), 6: str(n6[a6])}
            addr[b, a] = {4: str(n4[b4]), 6: str(n6[b6])}
        return addr

    def _sysctl(self):
        """In all namespaces at once: each waits for its own locks."""
        jobs = []
        for node in self.nodes:
            keys = SYSCTL + (ROUTER_SYSCTL if node[0] == "r" else [])
            if node == "W":
                keys = ["net.ipv6.conf.default.disable_ipv6=1"]
            jobs.append(subprocess.Popen(
                self.command(node, ["sysctl", "-q", "-w", *keys]),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                text=True))
        for p in jobs:
            _, err = p.communicate(timeout=30)
            if p.returncode != 0:
                raise LabError(f"sysctl: {err.strip()}")

    def _link_lines(self):
        lines = []
        for a, b, *_ in self.links:
            if self.delay and "C" in (a, b):
                lines += [self._veth(a, b, "W", a), self._veth(b, a, "W", b)]
            else:
                lines.append(self._veth(a, b, b, a))
        return lines

    def _veth(self, node, name, peer, peer_name):
        """A link from one node's interface to another's."""
        return (f"link add name {name} address {mac(node, name)} "
                f"netns {self.ns(node)} type veth peer name {peer_name} "
                f"address {mac(peer, peer_name)} netns {self.ns(peer)}")

    def _lines(self, node):
        """All of a node's addresses, links and routes."""
        if node == "W":
            return ["link set C up", "link set r1 up"]
        lines = ["link set lo up"]
        for a, b, net4, _, _, net6, _, _ in self.links:
            if node not in (a, b):
                continue
            peer = b if node == a else a
            own = self.addr[node, peer]
            len4 = net4.rsplit("/", maxsplit=1)[-1]
            lines += [f"addr add {own[4]}/{len4} dev {peer}",
                      f"addr add {own[6]}/64 dev {peer} nodad",
                      f"link set {peer} up"]
            # Fixed neighbours: no first packet waits for a resolution, and
            # no capture holds any.
            lines += [f"neigh add {self.addr[peer, node][f]} lladdr "
                      f"{mac(peer, node)} dev {peer} nud permanent"
                      for f in FAMILIES]
        if node == "T":
            own = [self.hop] + ([self.service] if self.service_on_lo else [])
            for a in own:
                lines += [f"addr add {a[4]}/32 dev lo",
                          f"addr add {a[6]}/128 dev lo nodad"]
        routes = ROUTES + (UPLINK_ROUTES if self.uplink else ())
        for who, where, via in routes:
            if who == node:
                lines += [self._route(f, node, where, via)
                          for f in FAMILIES]
        if node == "T" and self.uplink:
            for f in FAMILIES:
                lines.append(self._route(f, "T", "default", "r6")
                             + " table 100")
        return lines

    def _route(self, family, node, where, via):
        net = {"default": DEFAULT[family], "target": TARGET_NET[family],
               "client": self.client_net(family)}[where]
        return f"route add {net} via {self.addr[via, node][family]}"

    def _no_offload(self):
        for node in ("C", "T"):
            peers = [k[1] for k in self.addr if k[0] == node]
            self.run(node, ["/usr/bin/python3", "-I", "-S", "-c", NO_OFFLOAD,
                            *peers], check=True)

    def _wire(self):
        if not self.delay:
            return
        p = self.popen("W", ["/usr/bin/python3", "-I", "-S", "-c", WIRE,
                             str(self.delay)], stdout=subprocess.PIPE,
                       text=True)
        if p.stdout.readline() != "ready\n":
            raise LabError("the wire between C and r1 does not start")

    def _rules(self):
        """T's source rule; `ip -batch` can't take a family for each line."""
        for f in FAMILIES if self.uplink else ():
            run(["ip", "-n", self.ns("T"), f"-{f}", "rule", "add", "from",
                 self.service[f], "lookup", "100"])

    def _filters(self):
        if self.nat:
            self.iptables("r1", 4, "nat", "-A POSTROUTING -o r2 -s "
                          f"{NAT_LINK[2]} -j MASQUERADE")
        for f in FAMILIES:
            if self.firewall == "r1":
                self.iptables("r1", f, "filter", "-A FORWARD -i C -j ACCEPT",
                              "-A FORWARD -m conntrack --ctstate "
                              "ESTABLISHED,RELATED -j ACCEPT",
                              "-A FORWARD -j DROP")
            if self.firewall == "client":
                nd = ["-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type "
                      f"{t} -j ACCEPT" for t in (135, 136)]
                self.iptables("C", f, "filter", "-A INPUT -i lo -j ACCEPT",
                              "-A INPUT -m conntrack --ctstate "
                              "ESTABLISHED,RELATED -j ACCEPT",
                              *(nd if f == 6 else []), "-A INPUT -j DROP")
            if self.bcp38:
                self.iptables("r3", f, "filter", f"-A FORWARD -i T ! -s "
                              f"{TARGET_NET[f]} -j DROP")

    def _wait_links(self):
        """A veth end has no carrier until both are up: wait for the last."""
        want = self.links[-1]
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            p = run(["ip", "-n", self.ns(want[0]), "-o", "link", "show",
                     want[1]])
            if "LOWER_UP" in p.stdout:
                return
            time.sleep(0.01)
        raise LabError("the links do not come up")

    # What is where

    def ns(self, node):
        return f"{self.id}-{node}"

    def client_net(self, family):
        """What the routers know as the way to the client."""
        if family == 4 and self.nat:
            return f"{self.client[4]}/32"
        return self.links[0][2 if family == 4 else 5]

    def forward(self, family):
        """The routers that a trace from C to T shows.

        A router answers from the interface where the probe came in: IPv4
        by icmp_errors_use_inbound_ifaddr, IPv6 by itself (Linux >= 5.5).
        """
        path = (("r1", "C"), ("r2", "r1"), ("r3", "r2"))
        return [self.addr[k][family] for k in path]

    def reverse(self, family):
        """The routers that a trace from T to C shows.

        Behind NAT the gateway translates its own error as well: for T it
        comes from the client's address, and r1 can't be told from the
        client.  So r1 is not in the list then.
        """
        path = (("r3", "T"), ("r5", "r3"), ("r4", "r5"), ("r1", "r4"))
        if self.uplink:
            path = (("r6", "T"), ("r4", "r6"), ("r1", "r4"))
        if family == 4 and self.nat:
            path = path[:-1]
        return [self.addr[k][family] for k in path]

    def expected(self, family, inflection="service", relay="router"):
        """All hops that a client prints when uturnd runs at T.

        inflection  "service", "hop" (a hop address is set) or None (silent)
        relay       "router", or "own": then every reverse hop has the
                    address of the inflection point
        """
        turn = {"service": self.service[family], "hop": self.hop[family],
                None: "*"}[inflection]
        reverse = self.reverse(family)
        if relay == "own":
            own = self.service[family] if inflection is None else turn
            reverse = [own] * len(reverse)
        return (self.forward(family) + [turn] + reverse
                + [self.service[family]])

    def plain(self, family):
        """All hops that a client prints without uturnd."""
        return self.forward(family) + [self.service[family]]

    # Working in it

    def command(self, node, argv):
        return ["ip", "netns", "exec", self.ns(node), *argv]

    def run(self, node, argv, timeout=30, check=False, stdin=None):
        """Run a command at a node; subprocess.CompletedProcess, as text."""
        return run(self.command(node, argv), stdin, timeout, check)

    def popen(self, node, argv, **kw):
        """Start a command at a node; it is ended with the lab, and not by
        an interrupt from the keyboard."""
        p = subprocess.Popen(self.command(node, argv),
                             start_new_session=True, **kw)
        self._children.append(p)
        return p

    def iptables(self, node, family, table, *rules):
        tool = "iptables-restore" if family == 4 else "ip6tables-restore"
        text = "\n".join([f"*{table}", *rules, "COMMIT", ""])
        self.run(node, [tool, "-n"], stdin=text, check=True)


def _end(p):
    """End a process that this library started."""
    if p.poll() is not None:
        return
    p.terminate()
    try:
        p.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()


def _remove(names):
    """Delete namespaces, and what still runs in them."""
    for name in names:
        for pid in run(["ip", "netns", "pids", name],
                       check=False).stdout.split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
    if names:
        run(["ip", "-force", "-batch", "-"], check=False,
            stdin="".join(f"netns del {n}\n" for n in names))


def sweep():
    """Remove what dead runs have left; the names of what was removed."""
    gone = []
    for name in sorted(os.listdir(NETNS_DIR)
                       if os.path.isdir(NETNS_DIR) else []):
        m = NAME.match(name)
        if m and not os.path.exists(f"/proc/{m.group(1)}"):
            gone.append(name)
    _remove(gone)
    base = tempfile.gettempdir()
    for name in sorted(os.listdir(base)):
        m = re.match(rf"^{TMP_PREFIX}(\d+)-", name)
        if m and not os.path.exists(f"/proc/{m.group(1)}"):
            shutil.rmtree(os.path.join(base, name), ignore_errors=True)
            gone.append(name)
    return gone


def exit_on_signals():
    """Make SIGTERM and SIGHUP unwind the stack, so labs are taken down."""
    def leave(signo, _frame):
        sys.exit(128 + signo)

    for s in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, leave)


def _describe(lab):
    print(f"namespaces {lab.id}-{{{','.join(lab.nodes)}}}")
    print(f"temporary folder {lab.tmp}")
    for f in FAMILIES:
        print(f"IPv{f}: client {lab.client[f]}, service {lab.service[f]}, "
              f"hop address {lab.hop[f]}, hop prefix {lab.hop_prefix[f]}")
        print(f"  there    {' '.join(lab.forward(f))}")
        print(f"  back     {' '.join(lab.reverse(f))}")


def main():
    p = argparse.ArgumentParser(description="the lab of uturnd's tests")
    p.add_argument("--sweep", action="store_true",
                   help="remove leftovers of dead runs and end")
    p.add_argument("--nat", action="store_true")
    p.add_argument("--firewall", choices=("r1", "client"))
    p.add_argument("--uplink", action="store_true")
    p.add_argument("--bcp38", action="store_true")
    p.add_argument("--service", choices=("lo", "link"), default="lo")
    p.add_argument("--node", default="C", help="where the command runs")
    p.add_argument("command", nargs=argparse.REMAINDER)
    o = p.parse_args()
    if o.sweep:
        for name in sweep():
            print(f"removed {name}")
        return 0
    exit_on_signals()
    with Lab(o.nat, o.firewall, o.uplink, o.bcp38, o.service) as lab:
        if o.command:
            return subprocess.call(lab.command(o.node, o.command))
        _describe(lab)
        input("Enter ends the lab. ")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, EOFError):
        sys.exit(130)
    except LabError as e:
        sys.exit(f"lab.py: {e}")
