#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The living processes: their rights, their end, control and reload."""

import os
import re
import signal
import time

import clients
import pytest
from daemon import (EXIT_CHILD, EXIT_HUNG, EXIT_OK, EXIT_SECCOMP, EXIT_START,
                    NO_LIMITS, Daemon, config, status, user_id)
from lab import FAMILIES, LabError

CAP_NET_ADMIN = 1 << 12
COUNTERS = ("probes", "inflections", "turned", "relayed", "ended", "expired",
            "passed", "limited", "late", "forged", "unmatched", "duplicate")
# uturnctl's exit codes
CTL_OK, CTL_REFUSED, CTL_USAGE, CTL_UNREACHABLE = 0, 1, 2, 3


def trace(lab, family=4, method="udp", opts=("-q1",)):
    return clients.names(clients.traceroute(lab, family, method, opts))


def gone(pids, timeout=2):
    """All of them have ended within the time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not any(status(p).get("State", "Z")[0] not in "ZX" for p in pids):
            return True
        time.sleep(0.02)
    return False


def slice_ns(pid):
    """How long the scheduler lets it run at a time; None: it does not say."""
    try:
        with open(f"/proc/{pid}/sched", encoding="ascii") as f:
            found = re.search(r"^se\.slice +: +(\d+)$", f.read(),
                              re.MULTILINE)
    except FileNotFoundError:
        return None
    return int(found[1]) if found else None


class TestRights:
    @pytest.fixture(scope="class")
    def states(self, lab):
        with Daemon(lab) as daemon:
            # After traffic: the steady state, not the start.
            trace(lab)
            states = {pid: status(pid) for pid in daemon.pids()}
            states["roots"] = [os.readlink(f"/proc/{p}/root")
                               for p in daemon.pids()]
            states["net"] = [os.readlink(f"/proc/{p}/ns/net")
                             for p in daemon.pids()]
            states["owner"] = [os.stat(f"/proc/{p}/status").st_uid
                               for p in daemon.pids()]
            states["slice"] = {status(p)["Name"]: slice_ns(p)
                               for p in daemon.pids()}
            return states

    @staticmethod
    def processes(states):
        return [s for pid, s in states.items() if isinstance(pid, int)]

    def test_three(self, states):
        assert len(self.processes(states)) == 3

    def test_user(self, states):
        """Real, effective, saved and file-system user: never root."""
        for s in self.processes(states):
            assert s["Uid"].split() == [str(user_id())] * 4
            assert "0" not in s["Gid"].split()
            assert s["Groups"].strip() in ("", s["Gid"].split()[0])

    @pytest.mark.skipif(
        [int(n) for n in os.uname().release.split(".")[:2]] < [6, 12] or
        slice_ns("self") is None,
        reason="this kernel grants no slices, or does not say")
    def test_engine_goes_first(self, states):
        """It runs when it is woken, and so is done before it is waited for."""
        slices = states["slice"]
        engine = slices.pop("uturnd-engine")
        assert len(slices) == 2
        assert all(engine < other for other in slices.values())

    def test_capabilities(self, states):
        """One holds CAP_NET_ADMIN alone, the others nothing."""
        held = sorted(int(s["CapEff"], 16) for s in self.processes(states))
        assert held == [0, 0, CAP_NET_ADMIN]
        for s in self.processes(states):
            own = int(s["CapEff"], 16)
            assert int(s["CapPrm"], 16) == own
            assert int(s["CapInh"], 16) == 0 == int(s["CapAmb"], 16)
            assert int(s["CapBnd"], 16) & ~own == 0

    def test_no_new_privileges_and_seccomp(self, states):
        for s in self.processes(states):
            assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2"

    def test_one_thread(self, states):
        assert {s["Threads"] for s in self.processes(states)} == {"1"}

    def test_roots(self, states):
        """Both children are in a root of their own."""
        assert states["roots"][0] == "/"
        assert all(r != "/" for r in states["roots"][1:])

    def test_not_dumpable(self, states):
        """/proc/PID belongs to root as soon as a process is not dumpable."""
        assert set(states["owner"]) == {0}


class TestEnd:
    """Whatever happens to a process: the daemon ends with a code that tells
    why, and the host answers as if it were not there."""

    @staticmethod
    def check_host(lab):
        for family in FAMILIES:
            for method in clients.METHODS:
                assert trace(lab, family, method) == lab.plain(family)

    def test_orderly(self, lab):
        with Daemon(lab) as daemon:
            assert trace(lab) == lab.expected(4)
            pids = daemon.pids()
            assert daemon.stop(2) == EXIT_OK
            assert gone(pids, 0.5)
            assert not os.path.exists(daemon.sock)
            self.check_host(lab)

    def test_interrupt(self, lab):
        with Daemon(lab, rules=False) as daemon:
            daemon.proc.send_signal(signal.SIGINT)
            assert daemon.wait(2) == EXIT_OK

    @pytest.mark.parametrize("signo, code", ((signal.SIGKILL, EXIT_CHILD),
                                             (signal.SIGSEGV, EXIT_CHILD),
                                             (signal.SIGSYS, EXIT_SECCOMP)))
    @pytest.mark.parametrize("child", (0, 1))
    def test_child_killed(self, lab, child, signo, code):
        with Daemon(lab) as daemon:
            children = daemon.children()
            assert len(children) == 2
            os.kill(children[child], signo)
            assert daemon.wait(2) == code
            assert gone(children)
            self.check_host(lab)

    def test_controller_killed(self, lab):
        with Daemon(lab) as daemon:
            children = daemon.children()
            os.kill(daemon.proc.pid, signal.SIGKILL)
            assert daemon.wait(2) == -signal.SIGKILL
            assert gone(children)
            self.check_host(lab)

    @pytest.mark.parametrize("child", (0, 1))
    @pytest.mark.slow
    def test_child_hung(self, lab, child):
        """A stopped child is noticed; until then the host's kernel answers,
        250 ms late at most (engine), or by fail-open (packet process)."""
        with Daemon(lab) as daemon:
            children = daemon.children()
            os.kill(children[child], signal.SIGSTOP)
            assert daemon.wait(40) == EXIT_HUNG
            assert gone(children)
            self.check_host(lab)

    def test_start_after_a_kill(self, lab):
        """A socket that a dead daemon left is no obstacle."""
        with Daemon(lab) as daemon:
            children = daemon.children()
            os.kill(daemon.proc.pid, signal.SIGKILL)
            daemon.wait(2)
            assert gone(children)	# or they still hold the queue
            assert os.path.exists(daemon.sock)
            daemon.start()
            daemon.wait_ready()
            assert trace(lab) == lab.expected(4)


class TestRefusedStart:
    @staticmethod
    def refused(daemon, pattern):
        daemon.start()
        assert daemon.wait(5) == EXIT_START
        daemon.wait_log(pattern, 0)

    def test_second_on_the_socket(self, lab):
        with Daemon(lab) as first:
            text = first.text + "queue 33435 length 64\n"
            second = Daemon(lab, text=text, rules=False)
            self.refused(second, r"(?i)uturnd\.sock.*(use|running|already)")
            assert trace(lab) == lab.expected(4)

    def test_second_on_the_queue(self, lab):
        with Daemon(lab):
            second = Daemon(lab, rules=False)
            self.refused(second, r"(?i)queue 33434.*another program")
            assert not os.path.exists(second.sock) or \
                second.ctl("stats").returncode == CTL_UNREACHABLE
            assert trace(lab) == lab.expected(4)

    @pytest.mark.parametrize("cap", ("net_admin", "net_raw", "setuid",
                                     "setgid", "sys_chroot"))
    def test_missing_capability(self, lab, cap):
        daemon = Daemon(lab, rules=False, wrap=(
            "setpriv", f"--bounding-set=-{cap}", f"--inh-caps=-{cap}", "--"))
        self.refused(daemon, f"(?i)cap_{cap}")

    def test_missing_user(self, lab):
        daemon = Daemon(lab, rules=False,
                        extra=NO_LIMITS + 'user "_nosuchuser"\n')
        self.refused(daemon, "_nosuchuser")

    def test_bad_configuration(self, lab):
        """Every error in one run, with file and line."""
        daemon = Daemon(lab, rules=False, text="max ttl 999\n\nrelay lost\n")
        self.refused(daemon, rf"{daemon.conf}:1:.*")
        daemon.wait_log(rf"{daemon.conf}:3:.*", 0)

    def test_writable_configuration(self, lab):
        daemon = Daemon(lab, rules=False)
        os.chmod(daemon.conf, 0o666)
        self.refused(daemon, r"uturnd\.conf")


class TestReload:
    def test_changes(self, lab):
        with Daemon(lab) as daemon:
            assert trace(lab) == lab.expected(4)
            daemon.write(config(lab, daemon.run_dir, relay="own", hop=True))
            p = daemon.ctl("reload")
            assert p.returncode == CTL_OK, p.stdout + p.stderr
            assert trace(lab) == lab.expected(4, "hop", "own")

    def test_hangup(self, lab):
        with Daemon(lab) as daemon:
            daemon.write(config(lab, daemon.run_dir, hop=True))
            daemon.proc.send_signal(signal.SIGHUP)
            deadline = time.monotonic() + 3
            while trace(lab) != lab.expected(4, "hop"):
                assert time.monotonic() < deadline
            assert daemon.proc.poll() is None

    @pytest.mark.parametrize("by", ("uturnctl", "signal"))
    def test_bad_changes_nothing(self, lab, by):
        with Daemon(lab) as daemon:
            before = daemon.ctl("show", "config").stdout
            assert str(lab.service[4]) in before
            daemon.write(daemon.text + "relay own\nmax ttl 999\n")
            line = len(daemon.text.splitlines())
            if by == "signal":
                daemon.proc.send_signal(signal.SIGHUP)
                daemon.wait_log(rf"uturnd\.conf:{line}:")
            else:
                p = daemon.ctl("reload")
                assert p.returncode == CTL_REFUSED
                assert f"uturnd.conf:{line}:" in \
                    p.stdout + p.stderr + daemon.log()
            assert daemon.ctl("show", "config").stdout == before
            assert trace(lab) == lab.expected(4)

    @pytest.mark.parametrize("statement", (
        "queue 33435 length 1024", "mark 0x76000000/0xff000000",
        "pending 4096", 'socket "{run}/other.sock"', 'user "nobody"'))
    def test_needs_a_restart(self, lab, statement):
        """It says so, and the rest of the file is not applied either."""
        with Daemon(lab) as daemon:
            text = daemon.text.replace("relay router", "relay own")
            daemon.write(text + statement.format(run=daemon.run_dir) + "\n")
            p = daemon.ctl("reload")
            assert p.returncode == CTL_REFUSED
            assert "restart" in p.stdout + p.stderr + daemon.log()
            assert trace(lab) == lab.expected(4)

    def test_many(self, lab):
        """Reloads between and during traces lose nothing."""
        with Daemon(lab) as daemon:
            for _ in range(20):
                assert daemon.ctl("reload").returncode == CTL_OK
                assert trace(lab) == lab.expected(4)


class TestControl:
    @pytest.fixture(scope="class", name="daemon")
    def class_daemon(self, lab):
        with Daemon(lab) as daemon:
            yield daemon

    def test_stats_shape(self, daemon):
        stats = daemon.stats()
        assert stats["version"] == 1
        for name in COUNTERS:
            counter = stats[name]
            assert set(counter) == {"total", "v4", "v6"}
            parts = []
            for family in ("v4", "v6"):
                assert set(counter[family]) == {"udp", "icmp", "tcp"}
                parts += counter[family].values()
            assert all(type(n) is int and n >= 0 for n in parts)
            assert counter["total"] == sum(parts)
        for name in ("queue_dropped", "pending"):
            assert type(stats[name]) is int and stats[name] >= 0

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("method", clients.METHODS)
    def test_stats_count(self, lab, daemon, family, method):
        """One probe at a time: one inflection, five turned, four relayed."""
        def figures():
            stats = daemon.stats()
            return {n: {(f, p): stats[n][f][p] for f in ("v4", "v6")
                        for p in clients.METHODS} for n in COUNTERS}

        before = figures()
        hops = trace(lab, family, method, ("-q1", "-N1"))
        assert hops == lab.expected(family)
        time.sleep(0.6)		# the last one is open until `settle`
        after = figures()
        key = (f"v{family}", method)
        grown = {n: after[n][key] - before[n][key] for n in COUNTERS}
        assert grown["probes"] == 6 and grown["inflections"] == 1
        assert grown["turned"] == 5 and grown["relayed"] == 4
        assert not any(grown[n] for n in ("passed", "limited", "late",
                                          "forged", "unmatched",
                                          "duplicate"))
        # Probes of an earlier trace may run out meanwhile.
        others = {k for n in set(COUNTERS) - {"expired", "ended"}
                  for k in after[n]
                  if k != key and after[n][k] != before[n][k]}
        assert not others

    def test_pause_and_resume(self, lab, daemon):
        assert daemon.ctl("pause").returncode == CTL_OK
        for family in FAMILIES:
            assert trace(lab, family) == lab.plain(family)
        assert daemon.ctl("resume").returncode == CTL_OK
        for family in FAMILIES:
            assert trace(lab, family) == lab.expected(family)

    def test_log(self, daemon):
        for level in ("verbose", "brief"):
            assert daemon.ctl("log", level).returncode == CTL_OK

    def test_show_processes(self, daemon):
        p = daemon.ctl("show", "processes")
        assert p.returncode == CTL_OK
        words = p.stdout.split()
        assert all(str(pid) in words for pid in daemon.pids())

    def test_show_config(self, lab, daemon):
        text = daemon.ctl("show", "config").stdout
        assert lab.service[4] in text and lab.service[6] in text

    def test_restricted_socket(self, lab, daemon):
        assert daemon.ctl("stats", sock=daemon.rsock).returncode == CTL_OK
        for words in (("pause",), ("reload",), ("show", "config"),
                      ("log", "verbose")):
            p = daemon.ctl(*words, sock=daemon.rsock)
            assert p.returncode == CTL_REFUSED, words
        assert trace(lab) == lab.expected(4)

    def test_exit_codes(self, lab, daemon):
        assert daemon.ctl("nonsense").returncode == CTL_USAGE
        nobody = os.path.join(lab.tmp, "nobody.sock")
        assert daemon.ctl("stats", sock=nobody).returncode == \
            CTL_UNREACHABLE

    def test_garbage(self, lab, daemon):
        """A client that talks nonsense loses its connection, no more."""
        script = ("import socket, sys\n"
                  "s = socket.socket(socket.AF_UNIX)\n"
                  "s.settimeout(3)\n"
                  "s.connect(sys.argv[1])\n"
                  "s.send(b'\\xff' * 512)\n"
                  "print(len(s.recv(16)))\n")
        for sock in (daemon.sock, daemon.rsock):
            p = lab.run("T", ["/usr/bin/python3", "-c", script, sock])
            assert p.stdout.strip() == "0" or "Reset" in p.stderr
        assert daemon.proc.poll() is None
        assert trace(lab) == lab.expected(4)


def test_rules_twice(lab):
    """Loading the rules again leaves the own chains as they were.  (The jump
    to them is there twice then, without effect: iptables-restore can't ask
    whether it is there.)"""
    def rules():
        saved = lab.run("T", ["iptables-save"]).stdout.splitlines()
        return [line for line in saved if line.startswith("-A UTURND")]

    with Daemon(lab) as daemon:
        before = rules()
        daemon.load_rules()
        assert before and rules() == before
        assert trace(lab) == lab.expected(4)
    assert not rules()


def test_not_ready_is_a_fault(lab):
    """The tests' own helper: a daemon that does not start is an error."""
    daemon = Daemon(lab, text="listen on nonsense\n", rules=False)
    daemon.start()
    with pytest.raises(LabError, match="ended with 1"):
        daemon.wait_ready()
