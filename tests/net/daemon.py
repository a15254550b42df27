#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The daemon in a lab: configuration, rules, start, control, log, stop."""

import json
import os
import re
import signal
import subprocess
import threading
import time

from clients import TCP_PORT
from lab import FAMILIES, USER, LabError, ensure_user, run

TREE = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.join(TREE, os.environ.get("UTURND_BUILD", "build/default"))
# Or what is installed, for a package's own tests.
UTURND = os.environ.get("UTURND", os.path.join(BUILD, "uturnd", "uturnd"))
UTURNCTL = os.environ.get("UTURNCTL",
                          os.path.join(BUILD, "uturnctl", "uturnctl"))

NO_LIMITS = "limit client off\nlimit total off\nlimit hop off\n"
READY_TIMEOUT = 10
# Its own exit codes (uturnd.8).
EXIT_OK, EXIT_START, EXIT_USAGE = 0, 1, 2
EXIT_CHILD, EXIT_SECCOMP, EXIT_BORDER, EXIT_HUNG = 10, 11, 12, 13


def listen(lab, family, hop=False, prefix=False, block=""):
    """One listen statement."""
    inner = block
    if hop:
        inner += f" hop address {lab.hop[family]}"
    if prefix:
        inner += f" hop prefix {lab.hop_prefix[family]}"
    text = f"listen on {lab.service[family]}"
    return text + (f" {{{inner} }}\n" if inner else "\n")


def config(lab, run_dir, relay="router", turn="reply", inflection="answer",
           hop=False, prefix=False, extra=NO_LIMITS):
    """A whole configuration; its sockets are in run_dir."""
    return "".join([
        f'socket "{run_dir}/uturnd.sock"\n',
        f'socket "{run_dir}/uturnd.rsock" restricted\n',
        "probe udp port 33434:33689\n",
        "probe icmp\n",
        f"probe tcp port {{ {TCP_PORT} }}\n",
        f"turn {turn}\nrelay {relay}\ninflection {inflection}\n",
        extra,
        *[listen(lab, f, hop, prefix) for f in FAMILIES]])


class Daemon:
    """uturnd at T, with a folder, sockets and rules of its own.

    text: the whole configuration (overrides options); options: those of
    config(); argv: further options of uturnd; wrap: a command that runs it.
    Entering the block starts it and waits until it answers.
    """

    def __init__(self, lab, text=None, rules=True, argv=(), wrap=(),
                 node="T", **options):
        self.lab, self.rules, self.node = lab, rules, node
        self.argv = [*wrap, UTURND, "-d", *argv]
        self.dir = os.path.join(lab.tmp, f"d{time.monotonic_ns()}")
        self.run_dir = os.path.join(self.dir, "run")
        self.conf = os.path.join(self.dir, "etc", "uturnd.conf")
        self.sock = os.path.join(self.run_dir, "uturnd.sock")
        self.rsock = os.path.join(self.run_dir, "uturnd.rsock")
        self.proc = None
        # A test has waited for its end: how it ended is the test's matter.
        self._ended = False
        self._log = []
        self._reader = None
        for path in (UTURND, UTURNCTL):
            if not os.access(path, os.X_OK):
                raise LabError(f"{path} is missing: run make first")
        user = ensure_user()
        for path in (self.dir, os.path.dirname(self.conf), self.run_dir):
            os.mkdir(path)
            os.chmod(path, 0o755)
        os.chown(self.run_dir, user.pw_uid, user.pw_gid)
        self.write(text if text is not None
                   else config(lab, self.run_dir, **options))

    @property
    def text(self):
        """The configuration file as it is now."""
        with open(self.conf, encoding="utf-8") as f:
            return f.read()

    def __enter__(self):
        self.start()
        self.wait_ready()
        if self.rules:
            self.load_rules()
        return self

    def __exit__(self, *exc):
        expected = self._ended
        died = not expected and self.proc.poll() is not None
        code = self.stop()
        if self.rules:
            self.unload_rules()
        if died or (not expected and code != EXIT_OK):
            raise LabError(f"uturnd ended by itself with {code}:\n"
                           f"{self.log()}")

    def write(self, text):
        """Write the configuration file as an editor would: a new file."""
        new = self.conf + ".new"
        with open(new, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(new, 0o644)
        os.rename(new, self.conf)

    def start(self):
        self._ended = False
        self.proc = self.lab.popen(
            self.node, [*self.argv, "-f", self.conf],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace")
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def _drain(self):
        for line in self.proc.stdout:
            self._log.append(line)

    def wait_ready(self, timeout=READY_TIMEOUT):
        """Until the control socket answers; LabError, with the log, if not."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self.proc.poll() is not None:
                self._reader.join(2)
                raise LabError(f"uturnd ended with {self.proc.returncode}:\n"
                               f"{self.log()}")
            if os.path.exists(self.sock) and self.ctl("stats").returncode == 0:
                return
            time.sleep(0.02)
        raise LabError(f"uturnd is not ready after {timeout} s:\n"
                       f"{self.log()}")

    def stop(self, timeout=5):
        """End it in order; its exit code."""
        if self.proc is None:
            return None
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
        return self.wait(timeout)

    def wait(self, timeout):
        """Wait for its end; its exit code, a LabError if it does not end."""
        self._ended = True
        try:
            self.proc.wait(timeout)
        except subprocess.TimeoutExpired as e:
            children = self.children()
            self.proc.kill()
            for pid in children:
                _kill(pid)
            self.proc.wait()
            raise LabError(f"uturnd does not end within {timeout} s:\n"
                           f"{self.log()}") from e
        self._reader.join(2)
        return self.proc.returncode

    def log(self):
        return "".join(self._log)

    def wait_log(self, pattern, timeout=5):
        """Until a line of the log matches; the match, or LabError."""
        deadline = time.monotonic() + timeout
        while True:
            m = re.search(pattern, self.log(), re.MULTILINE)
            if m:
                return m
            if time.monotonic() > deadline:
                raise LabError(f"no {pattern!r} in the log:\n{self.log()}")
            time.sleep(0.02)

    def children(self):
        """Pids of its child processes."""
        out = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and status(entry).get("PPid") == \
                    str(self.proc.pid):
                out.append(int(entry))
        return sorted(out)

    def pids(self):
        """The main process, then its children."""
        return [self.proc.pid] + self.children()

    # Rules

    def rule_text(self, form):
        """What `uturnd -R form` prints: no root, no running daemon needed."""
        return run([UTURND, "-R", form, "-f", self.conf]).stdout

    def load_rules(self):
        for form in ("iptables", "ip6tables"):
            self.lab.run(self.node, [f"{form}-restore", "-n"],
                         stdin=self.rule_text(form), check=True)

    def unload_rules(self):
        """Empty the tables where its rules are; the lab has none there."""
        for form in ("iptables", "ip6tables"):
            self.lab.run(self.node, [f"{form}-restore"], check=True,
                         stdin="*raw\nCOMMIT\n*mangle\nCOMMIT\n")

    # Control

    def ctl(self, *words, sock=None, timeout=10):
        """uturnctl; subprocess.CompletedProcess."""
        return run([UTURNCTL, "-s", sock or self.sock, *words],
                   timeout=timeout, check=False)

    def ctl_json(self, *words, sock=None):
        p = run([UTURNCTL, "-j", "-s", sock or self.sock, *words])
        return json.loads(p.stdout)

    def stats(self):
        return self.ctl_json("stats")

    def count(self, name, family=None, proto=None):
        """One figure of the statistics."""
        value = self.stats()[name]
        if isinstance(value, int):
            return value
        return value[f"v{family}"][proto] if family else value["total"]


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def status(pid):
    """/proc/PID/status as a dictionary of texts; empty if it is gone."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f
                        if ":\t" in line)
    except (FileNotFoundError, ProcessLookupError):
        return {}


def user_id():
    return ensure_user().pw_uid


__all__ = ["Daemon", "config", "listen", "status", "user_id", "USER",
           "UTURND", "UTURNCTL", "NO_LIMITS", "EXIT_OK", "EXIT_START",
           "EXIT_USAGE", "EXIT_CHILD", "EXIT_SECCOMP", "EXIT_BORDER",
           "EXIT_HUNG"]
