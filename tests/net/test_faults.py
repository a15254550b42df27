#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Faults of the host, one by one, each with its outcome: docs/faults.md.

The loss of processes, orderly ends, bad reloads and refused starts are in
test_process.py.
"""

import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

import clients
import pytest
from daemon import (BUILD, EXIT_HUNG, EXIT_OK, NO_LIMITS, TREE, Daemon,
                    config, status)
from lab import FAMILIES, Lab, run
from wire import Capture

FLOOD = os.path.join(BUILD, "tests", "net", "flood")
FAULTY = os.path.join(BUILD, "tests", "net", "faulty")
SINGLE = ("-q1",)
CTL_OK, CTL_REFUSED = 0, 1
# As in common/msg.h and common/imsg.h: a request without content.
IMSG_CONFIG = struct.pack("=4I", 0x501, 16, 1, 0)
# As in uturnd/control.h.
CLIENTS_OF_A_USER, IDLE = 16, 10


def trace(lab, family=4, method="udp", opts=SINGLE, length=None):
    return clients.names(clients.traceroute(lab, family, method, opts,
                                            length=length))


def await_trace(lab, wanted, family=4, seconds=15):
    """Until a trace shows what is wanted: a fault needs time to pass."""
    deadline = time.monotonic() + seconds
    while True:
        hops = trace(lab, family)
        if hops == wanted:
            return
        assert time.monotonic() < deadline, hops


@pytest.fixture(scope="module", autouse=True)
def programs():
    run(["make", "-s", "-C", TREE, "flood", "faulty",
         f"VARIANT={os.path.basename(BUILD)}"], timeout=600)


@pytest.fixture(scope="module", name="own")
def own_lab():
    """A lab whose links and addresses may come and go."""
    with Lab() as lab:
        yield lab


def packet_process(daemon):
    """The child that holds a capability."""
    return next(p for p in daemon.children()
                if int(status(p)["CapEff"], 16) != 0)


def engine(daemon):
    return next(p for p in daemon.children()
                if int(status(p)["CapEff"], 16) == 0)


@contextlib.contextmanager
def stopped(pid):
    """A process that hangs while the block runs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 5
        while status(pid)["State"][0] != "T":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def flood(lab, rate, seconds=1, kind="udp", ttls="1-12", each=12):
    """Probes from one prefix at r3; how many were sent."""
    p = lab.run("r3", [FLOOD, "-t", lab.service[4], "-s", "198.18.7.0/24",
                       "-k", kind, "-l", ttls, "-n", str(each), "-r",
                       str(rate), "-d", str(seconds)], check=True)
    return json.loads(p.stdout)["sent"]


def queued_by_rules(lab):
    p = lab.run("T", ["iptables", "-t", "mangle", "-nvxL", "UTURND-QUEUE"],
                check=True)
    return int(p.stdout.splitlines()[-1].split()[0])


def kernel_said(lab):
    """Unreachables that T's kernel has sent: probes that it answered."""
    p = lab.run("T", ["cat", "/proc/net/snmp"], check=True)
    names, values = [x.split() for x in p.stdout.splitlines()
                     if x.startswith("Icmp:")]
    return int(values[names.index("OutDestUnreachs")])


def size(pids):
    """Address space of processes, kB."""
    return [int(status(p)["VmSize"].split()[0]) for p in pids]


class TestHung:
    def test_packet_process(self, lab):
        """The queue keeps what fits, all else passes at once; what it kept
        is served afterwards, and the figures tell how much went past."""
        length = 64
        text = f"queue 33434 length {length}\n"
        with Daemon(lab, extra=NO_LIMITS + text) as daemon:
            said = kernel_said(lab)
            with stopped(packet_process(daemon)):
                sent = flood(lab, 1000, ttls="1")
                deadline = time.monotonic() + 3
                while kernel_said(lab) - said < sent - length:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                assert kernel_said(lab) - said == sent - length
            assert queued_by_rules(lab) == sent
            assert daemon.count("queue_seq") == length
            assert trace(lab) == lab.expected(4)

    def test_end_of_a_hung_packet_process(self, lab):
        """The watchdog ends the daemon, and with it the queue."""
        with Daemon(lab) as daemon:
            pid = packet_process(daemon)
            os.kill(pid, signal.SIGSTOP)
            flood(lab, 100, ttls="1")
            assert daemon.wait(40) == EXIT_HUNG
            daemon.wait_log("packet process.*hangs", 0)
            assert trace(lab) == lab.plain(4)

    def test_engine(self, lab):
        """The packet process passes what has no order after 250 ms."""
        with Daemon(lab) as daemon:
            with stopped(engine(daemon)):
                begin = time.monotonic()
                assert trace(lab) == lab.plain(4)
                assert time.monotonic() - begin < 5
            deadline = time.monotonic() + 5
            while daemon.count("late") == 0:
                assert time.monotonic() < deadline
            # An order that comes late is counted, and nothing else.
            assert daemon.count("unanswered") > 0
            assert trace(lab) == lab.expected(4)

    def test_full_pipe_to_the_engine(self, lab):
        """When the pipe and its buffers are full, probes pass at once."""
        text = "queue 33434 length 16384\n"
        with Daemon(lab, extra=NO_LIMITS + text) as daemon:
            said = kernel_said(lab)
            with stopped(engine(daemon)):
                sent = flood(lab, 15000, ttls="1")
                deadline = time.monotonic() + 4
                while kernel_said(lab) - said < sent:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            assert daemon.count("passed_busy") > 0
            await_trace(lab, lab.expected(4))

    def test_full_pipe_from_the_engine(self, lab):
        """The engine waits with its orders; no process is lost to it."""
        with Daemon(lab) as daemon:
            pid = packet_process(daemon)
            deadline = time.monotonic() + 3
            while time.monotonic() < deadline:
                # Between a hand-up and its order, again and again.
                with stopped(pid):
                    flood(lab, 20000, ttls="1", seconds=1)
            await_trace(lab, lab.expected(4))

    def test_controller(self, lab):
        """Traces go on without it; the control socket waits."""
        with Daemon(lab) as daemon:
            with stopped(daemon.proc.pid):
                for family in FAMILIES:
                    assert trace(lab, family) == lab.expected(family)
                waiting = subprocess.Popen(
                    [daemon.argv[0].replace("uturnd/uturnd",
                                            "uturnctl/uturnctl"),
                     "-s", daemon.sock, "stats"], stdout=subprocess.PIPE)
            out, _ = waiting.communicate(timeout=20)
            assert waiting.returncode == CTL_OK and out


class TestQueue:
    def test_lost(self, lab):
        """A queue longer than its socket's buffer: the kernel lets pass what
        the buffer does not take, and nobody dies of it."""
        text = "queue 33434 length 65535\n"
        with Daemon(lab, extra=NO_LIMITS + text) as daemon:
            with stopped(packet_process(daemon)):
                said = kernel_said(lab)
                flood(lab, 60000, 2, ttls="1")
                deadline = time.monotonic() + 3
                while kernel_said(lab) == said:
                    assert time.monotonic() < deadline
            await_trace(lab, lab.expected(4))

    def test_told(self, lab):
        """Where a read says that packets were lost, the next one goes on;
        and no clock but the monotonic one is ever read."""
        daemon = Daemon(lab)
        daemon.argv[0] = FAULTY
        with daemon:
            for family in FAMILIES:
                for method in clients.METHODS:
                    assert trace(lab, family, method) == lab.expected(family)
            assert daemon.count("queue_overflows") > 0
            daemon.ctl("reload")
            daemon.ctl("show", "traces")
            assert daemon.stop() == EXIT_OK


class TestSend:
    @pytest.fixture(scope="class", name="faulty")
    def faulty_daemon(self, lab):
        daemon = Daemon(lab)
        daemon.argv[0] = FAULTY
        with daemon:
            yield daemon

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("length, error", (
        (101, "ENOBUFS"), (102, "EMSGSIZE"), (103, "EPERM"),
        (104, "EAGAIN"), (105, "ENETUNREACH"), (106, "ENOMEM")))
    def test_refused(self, lab, faulty, family, length, error):
        """A turned probe that the kernel refuses is left to the kernel: the
        trace ends behind the turn, as if the way back began there."""
        failed = faulty.count("send_failed")
        hops = trace(lab, family, length=length)
        assert hops == lab.forward(family) + [lab.service[family]] * 2, error
        assert faulty.count("send_failed") > failed
        assert trace(lab, family) == lab.expected(family)

    @pytest.mark.parametrize("family", FAMILIES)
    def test_firewall(self, own, family):
        """The host's own filter says EPERM to all that we send."""
        rule = "-A OUTPUT -m mark --mark 0x75000000/0xff000000 -j DROP"
        with Daemon(own) as daemon:
            own.iptables("T", family, "filter", rule)
            assert trace(own, family) == own.plain(family)
            assert daemon.count("send_failed") > 0
            own.iptables("T", family, "filter", rule.replace("-A", "-D", 1))
            assert trace(own, family) == own.expected(family)

    def test_small_mtu(self, own):
        """A turned probe with DF that its link can't take: EMSGSIZE."""
        large, opts = 1200, ("-q1", "-F")
        with Daemon(own) as daemon:
            assert trace(own, 4, "udp", opts, large) == own.expected(4)
            failed = daemon.count("send_failed")
            route = ["ip", "route", "change", "default", "via",
                     own.addr["r3", "T"][4]]
            own.run("T", [*route, "mtu", "lock", "700"], check=True)
            try:
                hops = trace(own, 4, "udp", opts, large)
                # Left to the kernel, which ends the trace behind the turn.
                assert hops == own.forward(4) + [own.service[4]] * 2
                assert daemon.count("send_failed") > failed
                assert trace(own) == own.expected(4)
            finally:
                own.run("T", route, check=True)
            assert trace(own, 4, "udp", opts, large) == own.expected(4)

    def test_full_interface(self, own):
        """What the interface's queue drops is lost on the way: stars."""
        shape = ["tc", "qdisc", "replace", "dev", "r3", "root", "tbf",
                 "rate", "8kbit", "burst", "200", "limit", "200"]
        with Daemon(own) as daemon:
            own.run("T", shape, check=True)
            try:
                hops = trace(own)
                assert hops[:3] == own.forward(4)
                assert "*" in hops
            finally:
                own.run("T", ["tc", "qdisc", "del", "dev", "r3", "root"],
                        check=True)
            assert daemon.proc.poll() is None
            await_trace(own, own.expected(4))


class TestControl:
    @staticmethod
    def connect(path):
        s = socket.socket(socket.AF_UNIX)
        s.connect(path)         # waits for a place in the backlog
        s.setblocking(False)
        return s

    def test_no_descriptors(self, lab):
        """It pauses, says so, and takes the waiting client afterwards."""
        daemon = Daemon(lab)
        daemon.argv[0] = FAULTY
        with daemon:
            for _ in range(20):
                assert daemon.ctl("stats").returncode == CTL_OK
            daemon.wait_log("accept: Too many open files", 0)
            assert trace(lab) == lab.expected(4)

    def test_never_reads(self, lab):
        """It is served one answer, read no further, and closed when idle;
        nobody else notices."""
        with Daemon(lab) as daemon:
            before = size(daemon.pids())
            s = self.connect(daemon.sock)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            sent = 0
            deadline = time.monotonic() + IDLE + 20
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while time.monotonic() < deadline:
                    try:
                        sent += s.send(IMSG_CONFIG * 64)
                    except BlockingIOError:
                        assert daemon.ctl("stats").returncode == CTL_OK
                        time.sleep(0.2)
                pytest.fail(f"not closed, {sent} bytes of requests taken")
            s.close()
            after = size(daemon.pids())
            assert after[1:] == before[1:]
            assert after[0] - before[0] < 1024
            assert trace(lab) == lab.expected(4)

    def test_two_hundred(self, lab):
        """One user holds a few places, the others are closed at once."""
        with Daemon(lab) as daemon:
            before = size(daemon.pids())
            self.crowd(lab, daemon)
            after = size(daemon.pids())
            assert after[1:] == before[1:]
            # Buffers of those that were served; the next crowd finds them.
            assert after[0] - before[0] < 2048
            self.crowd(lab, daemon)
            assert size(daemon.pids()) == after

    def crowd(self, lab, daemon):
        many = [self.connect(daemon.rsock) for _ in range(200)]
        served, deadline = many, time.monotonic() + IDLE - 1
        while len(served) > CLIENTS_OF_A_USER:
            assert time.monotonic() < deadline, len(served)
            served = [s for s in served if not self.closed(s)]
        # The other grade is another house.
        assert daemon.ctl("stats").returncode == CTL_OK
        assert trace(lab) == lab.expected(4)
        if time.monotonic() < deadline:
            assert len([s for s in served if not self.closed(s)]) == \
                CLIENTS_OF_A_USER
        for s in many:
            s.close()
        deadline = time.monotonic() + 5
        while daemon.ctl("stats", sock=daemon.rsock).returncode:
            assert time.monotonic() < deadline

    @staticmethod
    def closed(s):
        """The daemon has closed its end."""
        try:
            return s.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True


class TestReload:
    def test_thousand(self, lab):
        """Nothing grows, and it still works."""
        with Daemon(lab) as daemon:
            for _ in range(20):
                assert daemon.ctl("reload").returncode == CTL_OK
            before = size(daemon.pids())
            for _ in range(1000):
                assert daemon.ctl("reload").returncode == CTL_OK
            assert size(daemon.pids()) == before
            assert trace(lab) == lab.expected(4)

    def test_under_load(self, lab):
        """`router` to `own` and back while answers are in flight: each goes
        by the policy of its probe, and no order becomes a violation."""
        forms = {"router": set(lab.reverse(4)),
                 "own": {lab.service[4]}}
        with Daemon(lab) as daemon:
            load = lab.popen("r3", [
                FLOOD, "-t", lab.service[4], "-s", "203.0.113.0/24", "-k",
                "udp", "-l", "1-6", "-n", "6", "-r", "2000", "-d", "8"],
                stdout=subprocess.DEVNULL)
            turn = 0
            with Capture(lab, "T", "r3", "icmp[0] = 11 and dst net "
                         "203.0.113.0/24", count=5000) as capture:
                while load.poll() is None:
                    turn += 1
                    relay = "own" if turn % 2 else "router"
                    daemon.write(config(lab, daemon.run_dir, relay=relay))
                    assert daemon.ctl("reload").returncode == CTL_OK
            assert daemon.proc.poll() is None, daemon.log()
            assert turn >= 10
            sources = {p.src for p in capture.packets() if p.sent}
            assert sources <= forms["router"] | forms["own"]
            assert sources > forms["own"]
            await_trace(lab, lab.expected(
                4, relay="own" if turn % 2 else "router"))

    def test_bad_file_under_load(self, lab):
        """It is refused as often as it is offered; the old one serves on."""
        with Daemon(lab) as daemon:
            good = daemon.text
            load = lab.popen("r3", [
                FLOOD, "-t", lab.service[4], "-s", "198.18.7.0/24", "-l",
                "1-6", "-n", "6", "-r", "500", "-d", "3"],
                stdout=subprocess.DEVNULL)
            daemon.write(good + "max ttl 999\n")
            while load.poll() is None:
                assert daemon.ctl("reload").returncode == CTL_REFUSED
            assert trace(lab) == lab.expected(4)


class TestNetwork:
    @staticmethod
    def restore(lab):
        """What T's kernel forgets with an interface."""
        lines = "\n".join(lab._lines("T")) + "\n"
        lab.run("T", ["ip", "-force", "-batch", "-"], stdin=lines)

    def test_interface(self, own):
        """Down and up again: uturnd holds nothing of it."""
        with Daemon(own) as daemon:
            assert trace(own) == own.expected(4)
            own.run("T", ["ip", "link", "set", "r3", "down"], check=True)
            opts = ("-q1", "-w1", "-m6")
            assert trace(own, 4, "udp", opts)[:3] == own.forward(4)
            self.restore(own)
            for family in FAMILIES:
                await_trace(own, own.expected(family), family)
            assert daemon.proc.poll() is None

    @pytest.mark.parametrize("family", FAMILIES)
    def test_address(self, own, family):
        """A listen address goes and comes back (VRRP): no reload needed."""
        address = f"{own.service[family]}/{32 if family == 4 else 128}"
        extra = ["nodad"] if family == 6 else []
        with Daemon(own) as daemon:
            assert trace(own, family) == own.expected(family)
            own.run("T", ["ip", "addr", "del", address, "dev", "lo"],
                    check=True)
            opts = ("-q1", "-w1", "-m6")
            assert own.service[family] not in trace(own, family, "udp", opts)
            own.run("T", ["ip", "addr", "add", address, "dev", "lo", *extra],
                    check=True)
            await_trace(own, own.expected(family), family)
            assert daemon.proc.poll() is None

    def test_no_route_back(self, own):
        """T does not know the way to the client for a while."""
        route = ["ip", "route", "replace", "default", "via",
                 own.addr["r3", "T"][4]]
        with Daemon(own) as daemon:
            own.run("T", ["ip", "route", "del", "default"], check=True)
            opts = ("-q1", "-w1", "-m6")
            assert trace(own, 4, "udp", opts)[:3] == own.forward(4)
            assert daemon.count("send_failed") > 0
            own.run("T", route, check=True)
            await_trace(own, own.expected(4))


def test_names():
    """Each row of the table of faults names a test that there is."""
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(TREE, "docs", "faults.md"), encoding="utf-8") as f:
        rows = [x for x in f if x.startswith("| ")][1:]
    assert len(rows) > 20
    for row in rows:
        named = re.findall(r"`(test_\w+)(?:::(\w+))?`", row.split("|")[-2])
        assert named, row
        for module, name in named:
            if name:
                with open(os.path.join(folder, f"{module}.py"),
                          encoding="utf-8") as f:
                    assert re.search(rf"(def|class) {name}\b", f.read()), row
