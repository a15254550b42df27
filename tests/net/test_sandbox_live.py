#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The sandbox as the kernel sees it, in living processes: which of the
allowed system calls are used at all, and what each process holds."""

import ctypes
import os
import re
import signal
import socket
import stat
import sys
import time

import clients
import pytest
from daemon import EXIT_OK, TREE, UTURND, Daemon, status, user_id
from lab import FAMILIES, run

sys.path.insert(0, os.path.join(TREE, "tests", "sandbox"))

# pylint: disable=wrong-import-position,wrong-import-order
import unused  # noqa: E402

GOLDEN = os.path.join(TREE, "tests", "sandbox", "golden")
CONTROLLER, PRIV, ENGINE = "uturnd", "priv", "engine"
# By their titles; the names are those of the golden texts.
TITLES = {"uturnd: controller": CONTROLLER, "uturnd: packet process": PRIV,
          "uturnd: engine": ENGINE}
EMPTY_DIR = "/run/uturnd-empty"
CAP_NET_ADMIN = 1 << 12
CONTROLLER_NOFILE = 128

VDSO = "the vDSO tells the time, where the machine has a fast clock"
# Rules that no run needs, each with the reason why it stays.
UNUSED = {
    CONTROLLER: {"mmap(a2 & 0x4 == 0)": "malloc maps only where brk has no "
                                        "room: chance of the layout"},
    PRIV: {},
    ENGINE: {},
}
# Rules that this machine may need or not.
PERHAPS = {
    CONTROLLER: {"clock_gettime": VDSO,
                 "fstat": "one of the two, as the C library is made",
                 "newfstatat": "likewise"},
    PRIV: {"clock_gettime": VDSO},
    ENGINE: {"clock_gettime": VDSO},
}


def wait_for(condition, what, timeout=20):
    """Until the condition holds; its value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.02)


def title(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().split(b"\0")[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processes(controller):
    """{name: pid} of a controller and its children."""
    pids = [controller] + [int(e) for e in os.listdir("/proc") if e.isdigit()
                           and status(e).get("PPid") == str(controller)]
    return {TITLES[title(p)]: p for p in pids if title(p) in TITLES}


def trace(lab, family, method):
    return clients.names(clients.traceroute(lab, family, method, ("-q1",)))


class Traced:
    """Daemons under strace, and all calls that each process made."""

    def __init__(self, lab):
        self.lab = lab
        self.calls = {CONTROLLER: [], PRIV: [], ENGINE: []}
        self.runs = 0

    def wrap(self):
        """strace stands aside (-D), so the daemon is our own child."""
        self.runs += 1
        return ["strace", "-D", "-ff", "-e", "raw=all", "-o", self.base()]

    def base(self):
        return os.path.join(self.lab.tmp, f"strace{self.runs}")

    def collect(self, pids):
        """What a run has left behind, once strace has written it down."""
        for name, pid in pids.items():
            path = f"{self.base()}.{pid}"

            def ended(path=path):
                with open(path, encoding="ascii", errors="replace") as f:
                    return re.search(r"^\+\+\+ (exited|killed)", f.read(),
                                     re.MULTILINE)

            wait_for(ended, f"the end of {path}")
            # The order is that of enum child_id.
            self.calls[name] += unused.read_trace(
                path, (pids[ENGINE], pids[PRIV]) if name == CONTROLLER else ())


def use_everything(lab, daemon):
    """Traces of every method and family, and every request."""
    for family in FAMILIES:
        for method in clients.METHODS:
            # A hop may be late under strace; relayed it must be.
            for _ in range(3):
                trace(lab, family, method)
                if daemon.count("relayed", family, method):
                    break
            else:
                pytest.fail(f"IPv{family} {method}: nothing is relayed")
    for words in (("show", "processes"), ("show", "config"),
                  ("log", "verbose"), ("log", "brief"), ("pause",),
                  ("resume",), ("stats",)):
        assert daemon.ctl(*words).returncode == 0, words
    # Stopped and continued while they wait.
    pids = daemon.pids()
    for signo, state in ((signal.SIGSTOP, "T"), (signal.SIGCONT, "S")):
        for pid in pids:
            os.kill(pid, signo)
        # Under strace a stopped process shows as traced.
        wait_for(lambda s=state: all(status(p)["State"][0].upper() == s
                                     for p in pids), f"all in {state}")
    # A file that is the daemon user's own, and too big for a small block.
    daemon.write(daemon.text + "# filler\n" * 60000)
    os.chown(daemon.conf, user_id(), -1)
    assert daemon.ctl("reload").returncode == 0
    daemon.write(daemon.text + "max ttl 999\n")
    assert daemon.ctl("reload").returncode == 1


def run_foreground(traced):
    with Daemon(traced.lab, wrap=traced.wrap()) as daemon:
        pids = processes(daemon.proc.pid)
        use_everything(traced.lab, daemon)
        assert daemon.stop(20) == EXIT_OK
    traced.collect(pids)


class Syslog:
    """A log socket that can be restarted."""

    def __init__(self, path):
        self.path, self.sock = path, None
        self.text = b""
        self.start()

    def start(self):
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.setblocking(False)
        os.chmod(self.path, 0o666)

    def stop(self):
        self.sock.close()

    def has(self, text):
        while True:
            try:
                self.text += self.sock.recv(4096) + b"\n"
            except BlockingIOError:
                return text.encode() in self.text


# A /dev of its own, with nothing but what the daemon opens, and our log.
DEV = """
mount -t tmpfs -o mode=755 none /dev &&
mknod -m 666 /dev/null c 1 3 &&
ln -s "$1" /dev/log && shift && exec "$@"
"""


def run_background(traced):
    """In the background, with syslog, and with children that do not end."""
    lab = traced.lab
    log = Syslog(os.path.join(lab.tmp, "log"))
    wrap = ["unshare", "-m", "sh", "-c", DEV, "sh", log.path]
    daemon = Daemon(lab, rules=False)
    daemon.argv = [*wrap, *traced.wrap(), UTURND]
    daemon.start()
    wait_for(lambda: os.path.exists(daemon.sock)
             and daemon.ctl("stats").returncode == 0, "ready")
    shown = daemon.ctl("show", "processes").stdout
    main = int(re.search(r"^ *(\d+) controller", shown, re.MULTILINE)[1])
    pids = processes(main)
    try:
        assert set(pids) == {CONTROLLER, PRIV, ENGINE}
        # Detached: nothing of the terminal is left.
        for fd in range(3):
            assert os.readlink(f"/proc/{main}/fd/{fd}") == "/dev/null"
        wait_for(lambda: log.has("ready"), "a line in the log")
        log.stop()
        log.start()
        assert daemon.ctl("pause").returncode == 0
        wait_for(lambda: log.has("paused"), "a line in the new log")
        for name in (PRIV, ENGINE):
            os.kill(pids[name], signal.SIGSTOP)
        os.kill(main, signal.SIGTERM)
        wait_for(lambda: not any(title(p) for p in pids.values()),
                 "the end of all three")
        assert log.has("killing it")
    finally:
        log.stop()
        for pid in pids.values():
            if title(pid) in TITLES:
                os.kill(pid, signal.SIGKILL)
    # It reported a good start to whoever started it.
    assert daemon.proc.wait(20) == EXIT_OK
    traced.collect(pids)


@pytest.fixture(scope="module", name="traced")
def traced_runs(lab):
    traced = Traced(lab)
    run_foreground(traced)
    run_background(traced)
    return traced


@pytest.mark.parametrize("name", (CONTROLLER, PRIV, ENGINE))
class TestUsed:
    """Every allowed call is needed, or there is a reason for it here."""

    @staticmethod
    def rules(name):
        return unused.read_rules(os.path.join(GOLDEN, f"{name}.pfc"))

    def test_nothing_outside(self, traced, name):
        """The trace and the golden text speak of the same filter."""
        assert traced.calls[name]
        assert unused.outside(self.rules(name), traced.calls[name]) == []

    def test_unused(self, traced, name):
        rules = self.rules(name)
        calls = traced.calls[name]
        print(unused.table(rules, calls))
        idle = {str(r) for r in unused.unused(rules, calls)}
        assert idle - set(PERHAPS[name]) == set(UNUSED[name])
        if name == CONTROLLER:
            assert not {"fstat", "newfstatat"} <= idle
        # No reason without a rule.
        known = {str(r) for r in rules}
        assert set(UNUSED[name]) | set(PERHAPS[name]) <= known


def socket_kinds(pid):
    """{inode: kind} of all sockets in the network namespace of a process."""
    kinds = {}
    columns = {  # file: (column of the inode, kind from the columns)
        "unix": (6, lambda c: "unix listening" if c[3] == "00010000"
                 else f"unix {c[4]}"),
        "netlink": (9, lambda c: f"netlink {c[1]}"),
        "raw": (9, lambda c: f"raw {int(c[1].split(':')[1], 16)}"),
        "raw6": (9, lambda c: f"raw6 {int(c[1].split(':')[1], 16)}"),
        "packet": (8, lambda c: f"packet {c[2]} {c[3]}"),
        "udp": (9, lambda c: "udp"), "udp6": (9, lambda c: "udp6"),
        "tcp": (9, lambda c: "tcp"), "tcp6": (9, lambda c: "tcp6"),
    }
    for name, (column, kind) in columns.items():
        with open(f"/proc/{pid}/net/{name}", encoding="ascii") as f:
            for line in f.read().splitlines()[1:]:
                words = line.split()
                kinds[words[column]] = kind(words)
    return kinds


def descriptors(pid, kinds):
    """{number: kind} of the descriptors of a process."""
    out = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        link = os.readlink(f"/proc/{pid}/fd/{fd}")
        m = re.fullmatch(r"socket:\[(\d+)\]", link)
        if m:
            link = kinds.get(m[1], "unknown socket")
        elif link.startswith("pipe:"):
            link = "pipe"
        elif link.endswith("/net/netfilter/nfnetlink_queue"):
            link = "queue figures"
        out[int(fd)] = link
    return out


UNIX_STREAM = "unix 0001"
LINUX_SLL_IP, LINUX_SLL_IP6 = "0800", "86dd"
CHILD_FDS = {0: "/dev/null", 1: "/dev/null", 2: "pipe",
             3: UNIX_STREAM, 4: "pipe", 5: "pipe"}


class TestHeld:
    """What each process holds in the steady state, after traffic."""

    @pytest.fixture(scope="class", name="pids")
    def living(self, lab):
        with Daemon(lab) as daemon:
            for family in FAMILIES:
                assert trace(lab, family, "udp") == lab.expected(family)
            pids = processes(daemon.proc.pid)
            assert set(pids) == {CONTROLLER, PRIV, ENGINE}
            yield pids

    def test_rights(self, pids):
        """What test_process does not say of each by its name."""
        for name, pid in pids.items():
            s = status(pid)
            held = CAP_NET_ADMIN if name == PRIV else 0
            assert int(s["CapPrm"], 16) == int(s["CapEff"], 16) == held
            for empty in ("CapInh", "CapAmb", "CapBnd"):
                assert int(s[empty], 16) == 0, (name, empty)
            gid = s["Gid"].split()[0]
            assert s["Gid"].split() == [gid] * 4 and gid != "0"
            assert s["Groups"].strip() == ""
            assert s["Seccomp_filters"].strip() == "1"
            assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2"

    def test_no_handlers(self, pids):
        """So the filters of the children need no return from a signal."""
        for name in (PRIV, ENGINE):
            s = status(pids[name])
            assert int(s["SigCgt"], 16) == 0
            assert int(s["SigBlk"], 16) == 0

    def test_descriptors_controller(self, pids):
        have = descriptors(pids[CONTROLLER], socket_kinds(pids[CONTROLLER]))
        assert {fd: have.pop(fd) for fd in range(3)} == \
            {0: "/dev/null", 1: "pipe", 2: "pipe"}
        # Two children; two sockets of the configuration.
        assert sorted(have.values()) == \
            [UNIX_STREAM] * 2 + ["unix listening"] * 2

    def test_descriptors_priv(self, pids):
        have = descriptors(pids[PRIV], socket_kinds(pids[CONTROLLER]))
        assert have == CHILD_FDS | {
            6: "netlink 12", 7: "raw 255", 8: "raw6 255",
            9: f"packet 2 {LINUX_SLL_IP}", 10: f"packet 2 {LINUX_SLL_IP6}",
            11: "queue figures"}

    def test_descriptors_engine(self, pids):
        have = descriptors(pids[ENGINE], socket_kinds(pids[CONTROLLER]))
        assert have == CHILD_FDS

    def test_pipes_between(self, pids):
        """Each of the two is read by one process and written by the other,
        and nobody else has an end of it."""
        def ends(name):
            out = {}
            for fd in (4, 5):
                with open(f"/proc/{pids[name]}/fdinfo/{fd}",
                          encoding="ascii") as f:
                    flags = int(re.search(r"flags:\s+(\d+)", f.read())[1], 8)
                out[fd] = (os.readlink(f"/proc/{pids[name]}/fd/{fd}"),
                           flags & os.O_ACCMODE)
            return out

        priv, engine = ends(PRIV), ends(ENGINE)
        assert [e[1] for e in (priv[4], priv[5], engine[4], engine[5])] == \
            [os.O_RDONLY, os.O_WRONLY] * 2
        assert priv[4][0] == engine[5][0] != priv[5][0] == engine[4][0]
        mine = {priv[4][0], priv[5][0]}
        assert not mine & {
            os.readlink(f"/proc/{pids[CONTROLLER]}/fd/{fd}")
            for fd in os.listdir(f"/proc/{pids[CONTROLLER]}/fd")}

    def test_roots(self, pids):
        for link in ("root", "cwd"):
            for name in (PRIV, ENGINE):
                path = f"/proc/{pids[name]}/{link}"
                assert os.readlink(path) == EMPTY_DIR
                assert os.listdir(path) == []
        st = os.stat(EMPTY_DIR)
        assert (st.st_uid, stat.S_IMODE(st.st_mode)) == (0, 0o755)
        assert os.readlink(f"/proc/{pids[CONTROLLER]}/root") == "/"

    def test_namespaces(self, lab, pids):
        """The engine is in a network of its own, where nothing is."""
        nets = {n: os.readlink(f"/proc/{p}/ns/net") for n, p in pids.items()}
        assert nets[CONTROLLER] == nets[PRIV]
        assert nets[ENGINE] not in (nets[PRIV],
                                    os.readlink("/proc/self/ns/net"))
        inode = os.stat(f"/run/netns/{lab.ns('T')}").st_ino
        assert nets[PRIV] == f"net:[{inode}]"
        with open(f"/proc/{pids[ENGINE]}/net/dev", encoding="ascii") as f:
            links = [line.split(":")[0].strip() for line in f if ":" in line]
        assert links == ["lo"]
        with open(f"/proc/{pids[ENGINE]}/net/route", encoding="ascii") as f:
            assert len(f.readlines()) <= 1

    def test_limits(self, pids):
        unlimited = "unlimited"
        files = {CONTROLLER: CONTROLLER_NOFILE, PRIV: 12, ENGINE: 6}
        for name, pid in pids.items():
            with open(f"/proc/{pid}/limits", encoding="ascii") as f:
                limits = {m[1]: (m[2], m[3]) for m in re.finditer(
                    r"^Max ([a-z ]+?)  +(\w+) +(\w+)", f.read(),
                    re.MULTILINE)}
            size = unlimited if name == CONTROLLER else "0"
            assert limits["file size"] == (size, size)
            assert limits["processes"] == ("0", "0")
            assert limits["core file size"] == ("0", "0")
            assert limits["open files"] == (str(files[name]),) * 2

    def test_memory(self, pids):
        """Nothing is both writable and executable; what can be run is the
        program, its libraries, and the kernel's own page."""
        for pid in pids.values():
            with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
                maps = [line.split(maxsplit=5) for line in f]
            assert maps
            for words in maps:
                rights = words[1]
                path = words[5].strip() if len(words) > 5 else ""
                assert not {"w", "x"} <= set(rights), words
                if "x" in rights:
                    assert path == UTURND or re.search(r"\.so[.0-9]*$", path) \
                        or path in ("[vdso]", "[vsyscall]"), words

    def test_closed_to_each_other(self, pids):
        """The three share a user, and still can't look into each other:
        they are not dumpable, so only root can."""
        reader = ("import sys\n"
                  "for name in ('mem', 'maps', 'environ', 'fd/3'):\n"
                  "    try:\n"
                  "        open(f'/proc/{sys.argv[1]}/{name}').close()\n"
                  "    except PermissionError:\n"
                  "        continue\n"
                  "    sys.exit(name)\n")
        for pid in pids.values():
            gid = status(pid)["Gid"].split()[0]
            p = run(["setpriv", f"--reuid={user_id()}", f"--regid={gid}",
                     "--clear-groups", "/usr/bin/python3", "-I", "-S", "-c",
                     reader, str(pid)], check=False)
            assert p.returncode == 0, p.stderr

    def test_dies_with_the_controller(self, pids):
        """Both children's parent is the controller; test_process kills it."""
        for name in (PRIV, ENGINE):
            assert status(pids[name])["PPid"] == str(pids[CONTROLLER])


def landlock_abi():
    """The kernel's version of Landlock; less than 1 if it has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(444, None, 0, 1)


class TestLandlock:
    """There is no trace of it in /proc: so by what the controller can read
    in a reload, which the filter lets it open."""

    @pytest.mark.skipif(landlock_abi() < 1, reason="a kernel without it")
    def test_outside(self, lab):
        with Daemon(lab, rules=False) as daemon:
            outside = os.path.join(daemon.dir, "outside.conf")
            inside = os.path.join(os.path.dirname(daemon.conf), "more.conf")
            with open(outside, "w", encoding="ascii") as f:
                f.write("max ttl 20\n")
            os.chmod(outside, 0o644)
            os.symlink(outside, inside)
            daemon.write(daemon.text + f'include "{inside}"\n')
            # Everybody else may read it.
            p = run(["setpriv", f"--reuid={user_id()}", "--clear-groups",
                     UTURND, "-n", "-f", daemon.conf], check=False)
            assert p.returncode == EXIT_OK, p.stderr
            p = daemon.ctl("reload")
            assert p.returncode == 1
            assert "Permission denied" in p.stdout + p.stderr + daemon.log()
            # The same words inside are read.
            os.unlink(inside)
            os.rename(outside, inside)
            assert daemon.ctl("reload").returncode == 0


# Probes that would be turned, one by one and no more than count.
SENDER = """
import socket, sys, time
address, count = sys.argv[1], int(sys.argv[2])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 6)
for i in range(count):
    s.sendto(bytes(32), (address, 33434 + i % 200))
    time.sleep(0.0005)
"""


def queue(pid):
    """Packets that wait for a verdict, and how many there were in all."""
    with open(f"/proc/{pid}/net/netfilter/nfnetlink_queue",
              encoding="ascii") as f:
        words = f.read().split()
    return int(words[2]), int(words[7])


class TestVerdicts:
    """After the drop a verdict takes effect: nothing stays in the queue."""

    def test_queue_empties(self, lab):
        with Daemon(lab) as daemon:
            for family in FAMILIES:
                for method in ("udp", "icmp"):
                    assert trace(lab, family, method) == lab.expected(family)
                # A client that takes an old port again may see an old reset.
                trace(lab, family, "tcp")
            traces = len(FAMILIES) * 2
            # One inflection and five turned probes each, at the least.
            assert queue(daemon.proc.pid)[1] >= 6 * traces
            assert daemon.count("turned") >= 5 * traces
            wait_for(lambda: queue(daemon.proc.pid)[0] == 0,
                     "an empty queue", 5)
            assert daemon.count("queue_dropped") == 0

    def test_start_among_probes(self, lab):
        """The proof at start gets along with packets that are there."""
        with Daemon(lab) as daemon:
            sender = lab.popen("C", ["/usr/bin/python3", "-I", "-c", SENDER,
                                     lab.service[4], "200000"])
            try:
                for _ in range(5):
                    assert daemon.stop(5) == EXIT_OK
                    daemon.start()
                    daemon.wait_ready()
                    wait_for(lambda: daemon.count("turned"), "turned probes")
                    assert sender.poll() is None
            finally:
                sender.kill()
                sender.wait()
            wait_for(lambda: queue(daemon.proc.pid)[0] == 0,
                     "an empty queue", 5)
            assert trace(lab, 4, "udp") == lab.expected(4)
