#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The unit and its script for the rules, as far as this machine can tell:
tests/vm runs both under systemd.  What the unit says is read from the unit."""

import functools
import os
import re
import shutil
import subprocess

import pytest
from daemon import TREE, UTURND, Daemon
from lab import FAMILIES, run

UNIT = os.path.join(TREE, "uturnd", "uturnd.service")
SCRIPT = os.path.join(TREE, "contrib", "uturnd-rules")
GOLDEN = os.path.join(TREE, "tests", "sandbox", "golden")
# Worst score that is accepted, in tenths.
EXPOSURE = 28
# What the way to those filters needs besides.
START = """
bind capget capset chdir chroot clone3 close_range connect dup2 execve
fcntl flock getsockopt landlock_add_rule landlock_create_ruleset
landlock_restrict_self listen mkdir openat pipe2 prctl prlimit64
sched_getattr sched_setattr seccomp
setgroups setresgid setresuid setsockopt socket socketpair umask unlink
""".split()

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None,
    reason="the unit is not judged: no systemd-analyze (package systemd)")


def settings(name):
    with open(UNIT, encoding="ascii") as f:
        return re.findall(rf"^{name}=(.*)$", f.read(), re.MULTILINE)


@functools.cache
def members(group):
    """All system calls of one of systemd's sets."""
    found = set()
    text = run(["systemd-analyze", "syscall-filter", group]).stdout
    for word in re.findall(r"^    (@?\w[\w-]*)$", text, re.MULTILINE):
        found |= {word}
    for word in re.findall(r"^    (@[\w-]+)$", text, re.MULTILINE):
        found |= members(word)
    return found


def allowed():
    """The unit's filter: what each line adds or takes away."""
    calls = set(members("@default"))
    for line in settings("SystemCallFilter"):
        named = set()
        for word in line.lstrip("~").split():
            named |= members(word) if word[0] == "@" else {word}
        calls = calls - named if line[0] == "~" else calls | named
    return calls


@needs_analyze
class TestUnit:
    """Wide enough for the daemon, and no wider than promised."""

    @pytest.mark.parametrize("name", ("uturnd", "priv", "engine"))
    def test_filter_holds_ours(self, name):
        with open(os.path.join(GOLDEN, f"{name}.pfc"), encoding="ascii") as f:
            ours = set(re.findall(r"^# (\w+)(?:\(.*\))?: ", f.read(),
                                  re.MULTILINE))
        assert ours
        assert ours - allowed() == set()

    def test_filter_holds_the_start(self):
        assert set(START) - allowed() == set()

    def test_filter_is_narrow(self):
        """It does take away: not a filter that lets everything."""
        assert not allowed() & {"mount", "ptrace", "bpf", "init_module",
                                "reboot", "kexec_load", "swapon",
                                "perf_event_open"}

    def test_exposure(self):
        p = subprocess.run(
            ["systemd-analyze", "security", "--offline=yes",
             f"--threshold={EXPOSURE}", "--no-pager", UNIT],
            capture_output=True, text=True, timeout=60, check=False)
        assert p.returncode == 0, p.stdout[-200:] + p.stderr


class Script:
    """uturnd-rules at T, for iptables."""

    def __init__(self, lab, daemon):
        self.lab, self.conf = lab, daemon.conf

    def __call__(self, *words, form="iptables"):
        tools = os.path.dirname(os.path.abspath(UTURND))
        with open(SCRIPT, encoding="ascii") as f:
            text = f.read()
        # The script has a path of its own, for what is installed.
        text = re.sub(r"^PATH=", f"PATH={tools}:", text, flags=re.MULTILINE)
        return self.lab.run("T", ["env", f"UTURND_RULES={form}",
                                  f"UTURND_CONF={self.conf}", "sh", "-c",
                                  text, "uturnd-rules", *words])

    def loaded(self):
        """All rules at T, but for comments and counters."""
        return [line for f in FAMILIES for table in ("raw", "mangle")
                for line in self.lab.run(
                    "T", [f"ip{'' if f == 4 else '6'}tables", "-t", table,
                          "-S"], check=True).stdout.splitlines()]


@pytest.fixture(name="script")
def rules_script(lab):
    daemon = Daemon(lab, rules=False)
    script = Script(lab, daemon)
    yield script
    daemon.unload_rules()


class TestRules:
    """The script that the unit runs before the start and after the stop."""

    def test_load_and_unload(self, script):
        before = script.loaded()
        p = script("load")
        assert p.returncode == 0, p.stderr
        once = script.loaded()
        assert any("NFQUEUE" in line for line in once)
        assert script("load").returncode == 0
        assert script.loaded() == once
        for _ in range(2):
            assert script("unload").returncode == 0
            assert script.loaded() == before

    def test_leaves_the_hosts_own(self, lab, script):
        for f in FAMILIES:
            lab.iptables("T", f, "mangle",
                         "-A INPUT -s 192.0.2.9 -j ACCEPT" if f == 4 else
                         "-A INPUT -s 2001:db8:9::9 -j ACCEPT")
        before = script.loaded()
        assert script("load").returncode == 0
        assert script("unload").returncode == 0
        assert script.loaded() == before

    def test_faulty_configuration(self, script):
        """What is loaded stays, and the script says what is wrong."""
        assert script("load").returncode == 0
        once = script.loaded()
        with open(script.conf, "a", encoding="ascii") as f:
            f.write("max ttl 999\n")
        p = script("load")
        assert p.returncode != 0 and "max ttl" in p.stderr
        assert script.loaded() == once

    def test_usage(self, script):
        before = script.loaded()
        assert script("load", form="none").returncode == 0
        assert script("unload", form="none").returncode == 0
        p = script("load", form="ebtables")
        assert p.returncode == 2 and "nftables, iptables" in p.stderr
        p = script("restart")
        assert p.returncode == 2 and p.stderr.startswith("usage:")
        assert script.loaded() == before
