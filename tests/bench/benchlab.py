#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The bench's lab: a client, one router and a target, each a namespace of its
own; the two daemons that are compared; and what a run of the load costs.

    c --- r --- t      probes with TTL 3 arrive at t with 2 and leave turned
                       with 1, so that r answers every one of them.
"""

import contextlib
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "net"))
from lab import LabError, ensure_user, run  # noqa: E402

QUEUE = 33434
TARGET = {4: "203.0.113.53", 6: "2001:db8:53::53"}
CLIENT = {4: "198.19.0.1", 6: "2001:db8:c::1"}
ANYBODY = {4: "198.19.0.0/16", 6: "2001:db8:c::/64"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}
# node, interface, node, interface, the two ends' addresses in each family
LINKS = (
    ("c", "va", "r", "vc", {4: ("198.18.0.1/30", "198.18.0.2/30"),
                            6: ("2001:db8:1::1/64", "2001:db8:1::2/64")}),
    ("r", "vt", "t", "vb", {4: ("203.0.113.1/30", "203.0.113.2/30"),
                            6: ("2001:db8:2::1/64", "2001:db8:2::2/64")}),
)
SYSCTL = """
net.ipv4.conf.all.rp_filter=0
net.ipv4.conf.default.rp_filter=0
net.ipv4.conf.all.accept_local=1
net.ipv4.conf.default.accept_local=1
net.ipv4.icmp_ratelimit=0
net.ipv4.icmp_ratemask=0
net.ipv4.icmp_msgs_per_sec=10000000
net.ipv4.icmp_msgs_burst=1000000
net.ipv6.icmp.ratelimit=0
net.ipv6.icmp.ratemask=
net.ipv6.conf.all.disable_ipv6=0
net.ipv6.conf.default.disable_ipv6=0
net.ipv6.conf.all.accept_dad=0
net.ipv6.conf.default.accept_dad=0
""".split()
FIRST = """
{ echo -20 >/proc/self/autogroup; } 2>/dev/null
exec nice -n -20 "$@"
"""
FORWARD = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"]


def via(address):
    return address.split("/")[0]


class Lab:
    def __init__(self):
        # A name that tests/net/lab.py --sweep knows, should we be killed.
        self.prefix = f"ut{os.getpid()}x{os.urandom(2).hex()}-"
        self.user = ensure_user()
        self.tmp = tempfile.mkdtemp(prefix="uturn-lab-")
        os.chmod(self.tmp, 0o755)

    def ns(self, node):
        return self.prefix + node

    def argv(self, node, *argv):
        return ["ip", "netns", "exec", self.ns(node), *argv]

    def contestant(self, node, *argv):
        """A command in a session of its own, as a service manager starts it.
        All contestants alike go before whatever else the machine does."""
        return ["setsid", "sh", "-c", FIRST, "sh",
                *self.argv(node, *argv)]

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self):
        for node in "crt":
            run(["ip", "netns", "add", self.ns(node)])
            run(["ip", "-n", self.ns(node), "link", "set", "lo", "up"])
            run(self.argv(node, "sysctl", "-q", "-w", *SYSCTL))
        run(self.argv("r", "sysctl", "-q", "-w", *FORWARD))
        for a, ia, b, ib, addrs in LINKS:
            run(["ip", "link", "add", ia, "netns", self.ns(a), "type", "veth",
                 "peer", "name", ib, "netns", self.ns(b)])
            for node, name, end in ((a, ia, 0), (b, ib, 1)):
                for ends in addrs.values():
                    run(["ip", "-n", self.ns(node), "addr", "add", ends[end],
                         "dev", name])
                run(["ip", "-n", self.ns(node), "link", "set", name, "up"])
        for f in (4, 6):
            self._route("c", f, DEFAULT[f], LINKS[0][4][f][1])
            self._route("t", f, DEFAULT[f], LINKS[1][4][f][0])
            self._route("r", f, ANYBODY[f], LINKS[0][4][f][0])
            self._route("r", f, TARGET[f], LINKS[1][4][f][1])
            run(["ip", "-n", self.ns("t"), "addr", "add", TARGET[f], "dev",
                 "lo"])

    def _route(self, node, family, prefix, gateway):
        run(["ip", f"-{family}", "-n", self.ns(node), "route", "add", prefix,
             "via", via(gateway)])

    def __exit__(self, *exc):
        for node in "crt":
            subprocess.run(["ip", "netns", "del", self.ns(node)],
                           stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.tmp, ignore_errors=True)

    def rules(self, build, conf):
        """Select probes, by uturnd's own rules, for either daemon."""
        uturnd = os.path.join(build, "uturnd", "uturnd")
        for kind in ("iptables", "ip6tables"):
            rules = run([uturnd, "-R", kind, "-f", conf]).stdout
            run(self.argv("t", kind + "-restore", "-n"), stdin=rules)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(p) for p in f.read().split()]


class Process:
    """What the kernel says of one process."""

    def __init__(self, name, pid):
        self.name, self.pid = name, pid

    def cpu_ns(self):
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])

    def status(self, *keys):
        found = dict.fromkeys(keys, 0)
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            for line in f:
                key, _, value = line.partition(":")
                if key in found:
                    found[key] = int(value.split()[0])
        return [found[key] for key in keys]

    def switches(self):
        return sum(self.status("voluntary_ctxt_switches",
                               "nonvoluntary_ctxt_switches"))

    def rss(self):
        return self.status("VmRSS")[0] * 1024


class Target:
    """A daemon at t, running within the block."""

    def __init__(self, lab, build, family):
        self.lab, self.build, self.family = lab, build, family
        self.proc = None
        self.processes = []

    def __exit__(self, *exc):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        try:
            self.proc.wait(10)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        # Packets that a closed queue held are gone; so is their backlog.
        time.sleep(0.2)


class Bare(Target):
    name = "bare"

    def __init__(self, lab, build, family=4, relay="router", pending=None):
        super().__init__(lab, build, family)
        self.relay = relay

    def __enter__(self):
        argv = [os.path.join(self.build, "tests", "bench", "bare"),
                f"-{self.family}", "-q", str(QUEUE)]
        if self.relay == "own":
            argv.append("-o")
        self.proc = subprocess.Popen(
            self.lab.contestant("t", *argv), text=True,
            stdout=subprocess.PIPE)
        if self.proc.stdout.readline() != "ready\n":
            raise LabError("the bare reflector does not start")
        self.processes = [Process("bare", self.proc.pid)]
        return self


def configuration(lab, relay="router", pending=8192):
    return "".join([
        f'socket "{lab.tmp}/uturnd.sock"\n',
        f"queue {QUEUE}\n",
        f"pending {pending}\n" if pending else "",
        "limit client off\nlimit total off\nlimit hop off\nmax ttl 32\n",
        *[f"listen on {TARGET[f]} {{ relay {relay} }}\n" for f in (4, 6)]])


class Uturnd(Target):
    name = "uturnd"

    def __init__(self, lab, build, family=4, relay="router", pending=8192):
        super().__init__(lab, build, family)
        self.text = configuration(lab, relay, pending)
        self.log = None

    def __enter__(self):
        conf = os.path.join(self.lab.tmp, "uturnd.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(self.text)
        os.chmod(conf, 0o644)
        os.chown(self.lab.tmp, self.lab.user.pw_uid, self.lab.user.pw_gid)
        self.log = os.path.join(self.lab.tmp, "log")
        with open(self.log, "w", encoding="ascii") as log:
            self.proc = subprocess.Popen(self.lab.contestant(
                "t", os.path.join(self.build, "uturnd", "uturnd"), "-d", "-f",
                conf), stderr=log)
        end = time.monotonic() + 20
        while not self._running():
            if self.proc.poll() is not None or time.monotonic() > end:
                with open(self.log, encoding="ascii") as f:
                    raise LabError("uturnd does not start:\n" + f.read())
            time.sleep(0.05)
        names = {"uturnd": "controller", "uturnd-packet": "packet process",
                 "uturnd-engine": "engine"}
        for pid in [self.proc.pid, *children(self.proc.pid)]:
            with open(f"/proc/{pid}/status", encoding="ascii") as f:
                comm = f.readline().split()[1]
            self.processes.append(Process(names.get(comm, comm), pid))
        return self

    def __exit__(self, *exc):
        super().__exit__(*exc)
        if self.proc.returncode != 0 and exc[0] is None:
            with open(self.log, encoding="ascii") as f:
                raise LabError(f"uturnd ended with {self.proc.returncode}:\n"
                               + f.read())

    def _ctl(self, *argv):
        return subprocess.run(
            [os.path.join(self.build, "uturnctl", "uturnctl"), "-j", "-s",
             f"{self.lab.tmp}/uturnd.sock", *argv], capture_output=True,
            text=True, check=False)

    def _running(self):
        return self._ctl("stats").returncode == 0

    def stats(self):
        done = self._ctl("stats")
        if done.returncode != 0:
            raise LabError("uturnctl stats: " + done.stderr)
        return json.loads(done.stdout)

    def settled(self):
        """The statistics when no probe is in flight any more."""
        end = time.monotonic() + 20
        while True:
            stats = self.stats()
            if stats["pending"] == 0:
                return stats
            if time.monotonic() > end:
                raise LabError(f"{stats['pending']} probes never end")
            time.sleep(0.2)


# How a probe that was handed up can end, each exactly once.
ENDS = ("passed", "dropped", "inflections", "relayed", "ended", "expired")


def balance(stats):
    """Probes handed up, and the sum of how they ended."""
    return (stats["probes"]["total"],
            sum(stats[end]["total"] for end in ENDS))


def load(target, rate, seconds, window=0, clients=1000):
    """One run of the load against a target; what it printed, as numbers."""
    argv = [os.path.join(target.build, "tests", "bench", "load"),
            f"-{target.family}", "-t", TARGET[target.family], "-s",
            CLIENT[target.family], "-c", str(clients), "-r", str(rate), "-d",
            str(seconds)]
    if window:
        argv += ["-w", str(window)]
    done = run(target.lab.contestant("c", *argv), timeout=seconds + 30)
    out = json.loads(done.stdout)
    out["rate"] = out["in_time"] / out["seconds"]
    out["loss"] = 1 - out["answered"] / out["sent"] if out["sent"] else 0
    return out


@contextlib.contextmanager
def syscalls_counted(target, counts):
    """Counts system calls within the block: name of the process: number."""
    perf = shutil.which("perf")
    if perf is None or not glob.glob("/sys/kernel/tracing/events/raw_syscalls"):
        yield
        return
    running = []
    for p in target.processes:
        path = os.path.join(target.lab.tmp, f"perf.{p.pid}")
        running.append((p, path, subprocess.Popen(
            [perf, "stat", "-x,", "-o", path, "-e", "raw_syscalls:sys_enter",
             "-p", str(p.pid)])))
    time.sleep(0.5)
    try:
        yield
    finally:
        for p, path, proc in running:
            proc.send_signal(signal.SIGINT)
            proc.wait()
            with open(path, encoding="ascii") as f:
                for line in f:
                    if "sys_enter" in line:
                        counts[p.name] = int(line.split(",")[0])


def costs(target, rate, seconds, window=0):
    """What one u-turn costs: {process: (cpu us, switches, system calls)}."""
    before = [(p.cpu_ns(), p.switches()) for p in target.processes]
    done = load(target, rate, seconds, window)["answered"] or 1
    after = [(p.cpu_ns(), p.switches()) for p in target.processes]
    counts = {}
    # Counting has a price of its own: in another run, with the same load.
    with syscalls_counted(target, counts):
        counted = load(target, rate, seconds, window)["answered"] or 1
    found = {}
    for p, (cpu, switches), (cpu2, switches2) in zip(
            target.processes, before, after):
        calls = counts.get(p.name)
        found[p.name] = ((cpu2 - cpu) / 1000 / done,
                         (switches2 - switches) / done,
                         None if calls is None else calls / counted)
    return found
