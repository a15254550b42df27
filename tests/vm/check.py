#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Runs inside the virtual machine: native nftables, the unit under systemd,
the AppArmor profile.  The machine itself is T of the lab.

A line for each test: `ok NAME` or `not ok NAME` and the reason behind `#`.
"""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
import traceback

import clients
import daemon
import lab as lab_module
from lab import FAMILIES, Lab, mac

CONF = "/etc/uturnd/uturnd.conf"
RULES = "/usr/lib/uturnd/uturnd-rules"
PROFILE = "/etc/apparmor.d/usr.sbin.uturnd"
UNIT = "uturnd.service"
CAP_NET_ADMIN = 1 << 12
PATIENCE = 60
SYN, SYN_ACK, SYN_ECE_CWR = 0x02, 0x12, 0xc2

SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
for frame in sys.argv[2:]:
    s.send(bytes.fromhex(frame))
"""


def command(*argv, stdin=None, check=True, timeout=PATIENCE):
    """A command of the machine; its output."""
    p = subprocess.run(argv, input=stdin, text=True, timeout=timeout,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       check=False)
    if check and p.returncode != 0:
        raise AssertionError(f"{' '.join(argv)}: {p.returncode}\n{p.stdout}")
    return p.stdout


def wait_for(condition, what):
    """Until the condition holds; its value."""
    deadline = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"still not: {what}")
        time.sleep(0.1)


class Host(Lab):
    """The lab, with this machine's own namespace as T."""

    def up(self):
        real = lab_module.batch

        def batch(lines, netns=None):
            real([re.sub(r"^netns add (\S+-T)$", r"netns attach \1 1", line)
                  for line in lines], netns)

        lab_module.batch = batch
        super().up()

    def down(self):
        """It ends with the machine: all of its programs are T's."""


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data[:len(data) // 2 * 2]))
    if len(data) % 2:
        total += data[-1] << 8
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total ^ 0xffff


class Packets:
    """Frames that the client sends to T through r1."""

    def __init__(self, lab):
        self.lab = lab
        self.link = bytes.fromhex((mac("r1", "C") + mac("C", "r1"))
                                  .replace(":", ""))

    def ip(self, family, proto, data, ttl=10, chain=b"", next_header=None):
        """data: its checksum, if any, at the offset that proto has."""
        af = socket.AF_INET if family == 4 else socket.AF_INET6
        src = socket.inet_pton(af, self.lab.client[family])
        dst = socket.inet_pton(af, self.lab.service[family])
        offset = {17: 6, 6: 16, 1: 2, 58: 2}[proto]
        pseudo = b"" if proto == 1 else src + dst + struct.pack(
            "!HH" if family == 4 else "!II", proto, len(data))[
                0 if family == 4 else -8:]
        if family == 6:
            pseudo = src + dst + struct.pack("!II", len(data), proto)
        value = checksum(pseudo + data)
        data = data[:offset] + struct.pack("!H", value) + data[offset + 2:]
        if family == 6:
            head = struct.pack("!IHBB", 6 << 28, len(chain + data),
                               next_header or proto, ttl) + src + dst
            return self.link + b"\x86\xdd" + head + chain + data
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(data), 7, 0, ttl,
                           proto, 0) + src + dst
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return self.link + b"\x08\x00" + head + data

    @staticmethod
    def udp(port=33434):
        return struct.pack("!HHHH", 40000, port, 40, 0) + bytes(32)

    @staticmethod
    def tcp(flags):
        return struct.pack("!HHIIBBHHH", 40000, clients.TCP_PORT, 1, 0, 0x50,
                           flags, 1024, 0, 0)

    @staticmethod
    def echo(family, code=0):
        kind = 8 if family == 4 else 128
        return struct.pack("!BBHHH", kind, code, 0, 1, 1) + bytes(32)

    def send(self, *frames):
        self.lab.run("C", ["/usr/bin/python3", "-I", "-S", "-c", SEND, "r1",
                           *[f.hex() for f in frames]], check=True,
                     timeout=PATIENCE)


def ruleset():
    """All of the machine's rules, without their counters' state."""
    return command("nft", "-s", "list", "ruleset")


def queued():
    """The firewall's own counter of what went to the queue."""
    text = command("nft", "list", "counter", "inet", "uturnd", "queued")
    return int(re.search(r"packets (\d+)", text)[1])


def trace(lab, family, method):
    argv = ["traceroute", f"-{family}", "-n", "-q1", "-N1", "-w", "5,0,0",
            *clients.METHODS[method], lab.service[family]]
    p = lab.run("C", argv, timeout=PATIENCE, check=True)
    return clients.names(clients.parse(p.stdout))


def prop(name, unit=UNIT):
    return command("systemctl", "show", "-P", name, unit).strip()


def active():
    """The unit runs, and is ready."""
    if prop("ActiveState") != "active":
        raise AssertionError(why())
    return int(prop("MainPID"))


def why():
    command("journalctl", "--sync")
    return command("journalctl", "-b", "-n", "40", "--no-pager", "-u", UNIT)


def processes():
    """{name: pid} of the daemon's three processes."""
    text = command("uturnctl", "show", "processes")
    return {m[2]: int(m[1]) for m in
            re.finditer(r"^ *(\d+) (controller|engine|packet process)\b",
                        text, re.MULTILINE)}


def denials():
    """What AppArmor refused, and what any system call filter killed."""
    return [line for line in command("dmesg").splitlines()
            if 'apparmor="DENIED"' in line or
            (" type=1326 " in line and " sig=31 " in line)]


class Checks:
    """The tests, in the order in which they run."""

    def __init__(self):
        self.lab = Host(delay=0)
        self.lab.up()
        self.text = daemon.config(self.lab, "/run/uturnd", hop=True)
        self.text = re.sub(r"^socket .*\n", "", self.text, flags=re.MULTILINE)
        self.write(self.text)
        self.before = None
        # Without a daemon nothing that follows tells anything.
        self.hopeless = False

    @staticmethod
    def write(text):
        with open(CONF, "w", encoding="ascii") as f:
            f.write(text)

    def plain(self):
        for family in FAMILIES:
            for method in clients.METHODS:
                found = trace(self.lab, family, method)
                assert found == self.lab.plain(family), (family, method, found)

    # The rules by themselves

    def rules_load(self):
        """the printed rules load, with the kernel's own queue expression"""
        assert ruleset() == ""
        command(RULES, "load")
        assert re.search(r"queue flags bypass to 33434", ruleset()), ruleset()

    def rules_twice(self):
        """loaded twice, by pipe and by script, is the same as once"""
        self.before = ruleset()
        rules = command("uturnd", "-R", "nftables")
        for _ in range(2):
            command("nft", "-f", "-", stdin=rules)
            assert ruleset() == self.before
        command(RULES, "load")
        assert ruleset() == self.before

    def rules_select(self):
        """probes are selected: UDP, echo, SYN; IPv4 and IPv6"""
        p = Packets(self.lab)
        frames = [p.ip(f, proto, data) for f, icmp in ((4, 1), (6, 58))
                  for proto, data in ((17, p.udp()), (icmp, p.echo(f)),
                                      (6, p.tcp(SYN)))]
        for i, frame in enumerate(frames):
            start = queued()
            p.send(frame)
            wait_for(lambda n=start: queued() == n + 1, f"frame {i} counted")

    def rules_leave(self):
        """left alone: extension headers, SYN with ECE and CWR, other codes"""
        p = Packets(self.lab)
        options = bytes((17, 0, 1, 4, 0, 0, 0, 0))
        frames = [
            p.ip(6, 17, p.udp(), chain=options, next_header=60),
            p.ip(6, 17, p.udp(), chain=options, next_header=0),
            p.ip(6, 58, p.echo(6, code=1)), p.ip(4, 1, p.echo(4, code=1)),
            p.ip(6, 17, p.udp(33690)), p.ip(4, 17, p.udp(33433)),
            p.ip(4, 17, p.udp(), ttl=36), p.ip(6, 17, p.udp(), ttl=36),
            *[p.ip(f, 6, p.tcp(flags)) for f in FAMILIES
              for flags in (SYN_ECE_CWR, SYN_ACK, SYN | 0x40, SYN | 0x80)]]
        start = queued()
        # One that is a probe comes last: by then the others are through.
        p.send(*frames, p.ip(4, 17, p.udp()))
        wait_for(lambda: queued() > start, "the last frame counted")
        assert queued() == start + 1

    def rules_bypass(self):
        """rules without a daemon change nothing for a trace"""
        self.plain()

    def rules_unload(self):
        """unloaded, nothing is left, and that twice"""
        for _ in range(2):
            command(RULES, "unload")
            assert ruleset() == "", ruleset()
        self.plain()

    # The unit

    def profile_load(self):
        """the AppArmor profile loads in enforce mode"""
        command("apparmor_parser", "-r", "-K", PROFILE)
        with open("/sys/kernel/security/apparmor/profiles",
                  encoding="ascii") as f:
            assert "uturnd (enforce)\n" in f.readlines()

    def unit_no_listen(self):
        """without a listen address the unit is skipped, not failed"""
        with open("/test/uturnd.conf", encoding="ascii") as f:
            self.write(f.read())
        try:
            command("systemctl", "start", UNIT)
            assert prop("ActiveState") == "inactive", why()
            assert "no listen address" in why()
            assert ruleset() == ""
        finally:
            self.write(self.text)

    def unit_start(self):
        """the unit starts under its restrictions and loads the rules"""
        command("systemctl", "start", "nftables")
        self.hopeless = True
        command("systemctl", "start", UNIT, check=False)
        active()
        self.hopeless = False
        assert self.before in ruleset(), ruleset()

    def unit_locked(self):
        """its processes bear what the unit asks for, and their own locks"""
        pids = processes()
        assert len(pids) == 3, pids
        for name, pid in pids.items():
            s = daemon.status(pid)
            caps = CAP_NET_ADMIN if name == "packet process" else 0
            assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2", (name, s)
            assert int(s["CapEff"], 16) == int(s["CapPrm"], 16) == caps, s
            assert int(s["CapBnd"], 16) == 0, s
            assert set(s["Uid"].split()) == {str(daemon.user_id())}, s
            # systemd's filters and ours.
            assert int(s["Seccomp_filters"]) > 5, s
            assert os.stat(f"/proc/{pid}/ns/mnt").st_ino != \
                os.stat("/proc/1/ns/mnt").st_ino

    def unit_profile(self):
        """all three run under the profile, in enforce mode"""
        for pid in processes().values():
            with open(f"/proc/{pid}/attr/current", encoding="ascii") as f:
                assert f.read().strip() == "uturnd (enforce)"

    def trace_one(self, family, method):
        # A clock that stood still for a moment must not spoil it.
        want = self.lab.expected(family, inflection="hop")
        for _ in range(3):
            found = trace(self.lab, family, method)
            if found == want:
                return
        raise AssertionError(f"{found}, not {want}\n"
                             + command("uturnctl", "stats"))

    def unit_counts(self):
        """the firewall's counter and the daemon's statistics agree"""
        start = queued(), self.probes()
        self.trace_one(4, "udp")
        self.trace_one(6, "icmp")
        assert queued() - start[0] == self.probes() - start[1] > 0
        text = command("uturnctl", "stats")
        assert re.search(r"relayed +[1-9]", text), text

    @staticmethod
    def probes():
        return json.loads(command("uturnctl", "-j", "stats"))[
            "probes"]["total"]

    def unit_reload(self):
        """systemctl reload takes a new configuration and new rules"""
        pid = active()
        self.write(self.text + "max ttl 20\n")
        command("systemctl", "reload", UNIT)
        assert "ttl 1-20" in ruleset(), ruleset()
        assert "max ttl 20" in command("uturnctl", "show", "config")
        self.write(self.text)
        command("systemctl", "reload", UNIT)
        assert self.before in ruleset(), ruleset()
        assert active() == pid

    def unit_firewall_reload(self):
        """a reload of the host's firewall, which flushes all, is survived"""
        pid = active()
        command("systemctl", "reload", "nftables")
        wait_for(lambda: self.before in ruleset(), "our rules are back")
        assert "table inet filter" in ruleset(), ruleset()
        assert active() == pid
        self.trace_one(4, "udp")

    def unit_firewall_restart(self):
        """so is its restart"""
        command("systemctl", "restart", "nftables")
        wait_for(lambda: prop("ActiveState") == "active", "active again")
        assert self.before in ruleset(), ruleset()
        self.trace_one(6, "udp")

    @staticmethod
    def drop_in(text):
        path = f"/run/systemd/system/{UNIT}.d/check.conf"
        if text is None:
            os.unlink(path)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="ascii") as f:
                f.write(text)
        command("systemctl", "daemon-reload")

    def unit_restart(self):
        """a lost engine: started again, with the rules"""
        pid = active()
        os.kill(processes()["engine"], signal.SIGKILL)
        wait_for(lambda: prop("MainPID") not in ("0", str(pid))
                 and prop("ActiveState") == "active", "started again")
        assert self.before in ruleset(), ruleset()
        self.trace_one(4, "icmp")

    def unit_watchdog(self):
        """a controller that hangs: ended by systemd, and started again"""
        self.drop_in("[Service]\nWatchdogSec=12\n")
        command("systemctl", "restart", UNIT)
        pid = active()
        # Pings feed it: longer than it would live without them.
        time.sleep(14)
        assert active() == pid
        os.kill(pid, signal.SIGSTOP)
        wait_for(lambda: prop("MainPID") not in ("0", str(pid))
                 and prop("ActiveState") == "active", "started again")
        assert "Watchdog timeout" in command("dmesg")
        self.drop_in(None)

    def unit_seccomp(self):
        """killed as by seccomp: not started again, and the rules are gone"""
        active()
        os.kill(processes()["engine"], signal.SIGSYS)
        wait_for(lambda: prop("ActiveState") == "failed", "failed")
        assert prop("ExecMainStatus") == str(daemon.EXIT_SECCOMP)
        assert "inet uturnd" not in ruleset(), ruleset()
        command("systemctl", "reset-failed", UNIT)

    def unit_stop(self):
        """stopped: no rule is left, and the host answers as before"""
        command("systemctl", "start", UNIT)
        self.trace_one(4, "tcp")
        command("systemctl", "stop", UNIT)
        assert prop("Result") == "success", why()
        assert "inet uturnd" not in ruleset(), ruleset()
        assert not os.path.exists("/run/uturnd/uturnd.sock")
        self.plain()

    def by_hand(self):
        """by hand under the profile, as root without the unit"""
        command(RULES, "load")
        with subprocess.Popen([daemon.UTURND, "-d"],
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as p:
            try:
                wait_for(lambda: p.poll() is not None or os.path.exists(
                    "/run/uturnd/uturnd.sock"), "the control socket")
                if p.poll() is not None:
                    raise AssertionError(p.stdout.read())
                self.trace_one(4, "udp")
                self.trace_one(6, "udp")
            finally:
                p.terminate()
                assert p.wait(PATIENCE) == daemon.EXIT_OK
        command(RULES, "unload")

    def no_denials(self):
        """neither AppArmor nor the unit's filter had to refuse anything"""
        assert denials() == [], "\n".join(denials())

    def list(self):
        yield from ((f.__doc__, f) for f in (
            self.rules_load, self.rules_twice, self.rules_select,
            self.rules_leave, self.rules_bypass, self.rules_unload,
            self.profile_load, self.unit_no_listen, self.unit_start,
            self.unit_locked, self.unit_profile))
        for family in FAMILIES:
            for method in clients.METHODS:
                yield (f"exact hops, IPv{family} {method}",
                       lambda f=family, m=method: self.trace_one(f, m))
        yield from ((f.__doc__, f) for f in (
            self.unit_counts, self.unit_reload, self.unit_firewall_reload,
            self.unit_firewall_restart, self.unit_restart,
            self.unit_watchdog, self.unit_seccomp,
            self.unit_stop, self.by_hand, self.no_denials))


def main():
    start = time.monotonic()
    try:
        checks = Checks()
        for name, test in checks.list():
            if checks.hopeless and test != checks.no_denials:
                print(f"not ok {name}\n# not run: it does not start")
                continue
            try:
                test()
                print(f"ok {name}", flush=True)
            except Exception:  # pylint: disable=broad-except
                print(f"not ok {name}")
                for line in traceback.format_exc().splitlines():
                    print(f"# {line}", flush=True)
    except Exception:  # pylint: disable=broad-except
        print("not ok the lab is built")
        for line in traceback.format_exc().splitlines():
            print(f"# {line}")
    print(f"# {time.monotonic() - start:.1f} s in the machine")
    print("done", flush=True)
    # Nothing of the lab is taken down: the machine ends.
    os._exit(0)


main()
