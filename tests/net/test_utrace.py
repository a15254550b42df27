#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""utrace decode: what traceroute prints in the lab, both ways of it."""

import json
import os
import select
import signal
import subprocess
import time

import clients
import pytest
from daemon import BUILD, Daemon
from lab import FAMILIES

UTRACE = os.environ.get("UTRACE", os.path.join(BUILD, "utrace", "utrace"))
GOLDEN = os.path.join(os.path.dirname(__file__), "..", "utrace")
BOTH = pytest.mark.parametrize("family", FAMILIES)
METHODS = pytest.mark.parametrize("method", clients.METHODS)

# A name server for one process: PTR and TXT records as JSON in argv[1].
NAME_SERVER = r"""
import json, socket, struct, sys
records = json.loads(sys.argv[1])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    q, peer = s.recvfrom(4096)
    labels, at = [], 12
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]].decode("latin-1").lower())
        at += 1 + q[at]
    kind = struct.unpack("!H", q[at + 1:at + 3])[0]
    value = records.get(".".join(labels))
    data = b""
    if value is not None and kind == 16:
        data = bytes([len(value)]) + value.encode()
    elif value is not None and kind == 12:
        data = b"".join(bytes([len(l)]) + l.encode("latin-1")
                        for l in value.split(".")) + b"\0"
    flags = 0x8180 if data else 0x8183
    answer = (b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(data)) + data
              if data else b"")
    s.sendto(q[:2] + struct.pack("!HHHHH", flags, 1, 1 if data else 0, 0, 0)
             + q[12:at + 5] + answer, peer)
"""


def shell(lab, text, timeout=60):
    """Run a pipeline at the client."""
    return lab.run("C", ["sh", "-c", text], timeout)


def decode(lab, family, options, method="udp", opts=("-n",)):
    argv = ["traceroute", f"-{family}", "-e", *opts, *clients.METHODS[method],
            lab.service[family]]
    p = shell(lab, f"{' '.join(argv)} | {UTRACE} decode {options}")
    assert p.returncode == 0, p.stderr
    assert p.stderr == ""
    return p.stdout


def addresses(hops):
    """One address a hop; all of it if there are more."""
    out = []
    for hop in hops:
        found = [a["address"] for a in hop["answers"]]
        out.append(found[0] if len(found) == 1 else found)
    return out


def filter_text(text, *options, **kw):
    """utrace decode with this input, outside of the lab."""
    return subprocess.run([UTRACE, "decode", *options], input=text,
                          capture_output=True, text=True, timeout=60,
                          check=False, **kw)


def golden(name):
    with open(os.path.join(GOLDEN, name), encoding="utf-8") as f:
        return f.read()


def assert_paths(lab, family, out, turn):
    assert out["version"] == 1
    assert out["target"]["address"] == lab.service[family]
    assert addresses(out["forward"]) == lab.forward(family)
    assert addresses([out["inflection"]]) == [turn]
    assert addresses(out["reverse"]) == lab.reverse(family)
    assert out["end"] == len(lab.forward(family) + lab.reverse(family)) + 2


def reverse_times(out):
    return [p["host_rtt_us"] for h in out["reverse"] for p in h["probes"]]


class TestOwn:
    @pytest.fixture(scope="class", autouse=True, params=(
        {}, {"hop": True}, {"prefix": True}), ids=("plain", "hop", "prefix"))
    def form(self, request, lab):
        with Daemon(lab, relay="own", **request.param):
            yield request.param

    @BOTH
    @METHODS
    @pytest.mark.parametrize("pace", ([], ["-q1"]), ids=("three", "one"))
    def test_paths(self, lab, form, family, method, pace):
        out = json.loads(decode(lab, family, "-jn", method, ["-n", *pace]))
        turn = lab.hop[family] if form.get("hop") else lab.service[family]
        if form.get("prefix"):
            turn = out["inflection"]["answers"][0]["address"]
            assert turn not in (lab.service[family], lab.forward(family)[-1])
        assert_paths(lab, family, out, turn)
        # A probe may get lost on a busy machine; a whole hop must not.
        for hop in out["reverse"]:
            assert any(isinstance(p["host_rtt_us"], int)
                       for p in hop["probes"])


class TestRouter:
    @pytest.fixture(scope="class", autouse=True)
    def daemon(self, lab):
        with Daemon(lab, relay="router"):
            yield

    @BOTH
    @METHODS
    def test_paths(self, lab, family, method):
        out = json.loads(decode(lab, family, "-jn", method))
        assert_paths(lab, family, out, lab.service[family])
        assert set(reverse_times(out)) == {None}

    @BOTH
    def test_table(self, lab, family):
        """Top to bottom: the way there; bottom to top: the way back."""
        lines = decode(lab, family, "-n").splitlines()
        assert max(len(line) for line in lines) <= 80
        words = [w for line in lines[1:] for w in line.split()]
        there = [w for w in words if w in lab.forward(family)]
        back = [w for w in words if w in lab.reverse(family)]
        assert there == lab.forward(family)
        assert back == lab.reverse(family)[::-1]

    @BOTH
    def test_list(self, lab, family):
        hops = clients.parse(decode(lab, family, "-ln").replace(" <- ", " !"))
        want = lab.expected(family)
        want[3] += "|!turn"
        want[-1] += "|!end"
        assert clients.names(hops) == want


@BOTH
def test_hint(lab, family):
    """The hop address and the routers' own: only the user knows."""
    with Daemon(lab, relay="router", hop=True):
        for hint in ("4", lab.hop[family]):
            out = json.loads(decode(lab, family, f"-jn -t {hint}"))
            assert_paths(lab, family, out, lab.hop[family])


@BOTH
def test_silent(lab, family):
    with Daemon(lab, relay="own", inflection="silent"):
        out = json.loads(decode(lab, family, "-jn", opts=("-n", "-w1")))
    assert addresses(out["forward"]) == lab.forward(family)
    assert out["inflection"]["answers"] == []
    assert addresses(out["reverse"]) == lab.reverse(family)


@BOTH
def test_without_daemon(lab, family):
    argv = f"traceroute -{family} -n -e {lab.service[family]}"
    p = shell(lab, f"{argv} | tee {lab.tmp}/plain | {UTRACE} decode")
    with open(f"{lab.tmp}/plain", encoding="utf-8") as f:
        assert p.stdout == f.read()
    assert p.returncode == 0
    assert p.stderr == ("utrace: no inflection seen: does "
                        f"{lab.service[family]} run uturnd?\n")


@pytest.fixture(name="mounted")
def mounted_files(lab):
    """A command in front that sees other files in /etc."""
    def wrap(**files):
        text = "mount --make-rprivate / && "
        for name, content in files.items():
            path = os.path.join(lab.tmp, name)
            with open(path, "w", encoding="utf-8") as f:
                f.write(content)
            os.chmod(path, 0o644)
            target = "/etc/" + name.replace("_", ".")
            text += f"mount --bind {path} {os.path.realpath(target)} && "
        return text
    return wrap


def with_files(lab, mounts, command):
    return lab.run("C", ["unshare", "-m", "sh", "-c", mounts + command], 60)


@BOTH
def test_names(lab, family, mounted):
    """Names out of the hosts file line the same routers up."""
    hosts = "".join(f"{a[family]} eth{peer[1:] or 0}.{node}.lab.example\n"
                    for (node, peer), a in lab.addr.items())
    mounts = mounted(hosts=hosts, nsswitch_conf="hosts: files\n")
    argv = f"traceroute -{family} -n -e {lab.service[family]}"
    with Daemon(lab, relay="own"):
        p = with_files(lab, mounts, f"{argv} | {UTRACE} decode -j")
    out = json.loads(p.stdout)
    names = [h["answers"][0]["name"] for h in out["reverse"]]
    assert [n.split(".")[1] for n in names] == ["r3", "r5", "r4", "r1"]
    assert [(x["forward"], x["reverse"], x["by"]) for x in out["pairs"]] == \
        [(1, 8, "name"), (3, 5, "name")]


def test_dns(lab, mounted):
    """Names and AS numbers from a name server; one name is hostile."""
    routers = lab.reverse(4)
    records = {}
    for n, a in enumerate(routers):
        back = ".".join(reversed(a.split(".")))
        records[back + ".in-addr.arpa"] = f"r{n}.lab.example"
        records[back + ".origin.asn.cymru.com"] = f"{64500 + n} | 192.0.2.0/24"
    evil = ".".join(reversed(routers[1].split("."))) + ".in-addr.arpa"
    records[evil] = "\033[31m.lab.example"
    mounts = mounted(resolv_conf="nameserver 127.0.0.1\n",
                     nsswitch_conf="hosts: dns\n")
    server = lab.popen("C", ["/usr/bin/python3", "-I", "-c", NAME_SERVER,
                             json.dumps(records)], stdout=subprocess.PIPE,
                       text=True)
    try:
        assert server.stdout.readline() == "ready\n"
        argv = f"traceroute -4 -n -e {lab.service[4]}"
        with Daemon(lab, relay="own"):
            p = with_files(lab, mounts, f"{argv} | {UTRACE} decode -Aj")
    finally:
        server.kill()
        server.wait()
    out = json.loads(p.stdout)
    answers = [h["answers"][0] for h in out["reverse"]]
    assert [a["asn"] for a in answers] == [64500, 64501, 64502, 64503]
    assert [a["name"] for a in answers][0::2] == ["r0.lab.example",
                                                 "r2.lab.example"]
    assert "\033" not in p.stdout and "\\u001b" not in p.stdout


def test_dead_dns(lab, mounted):
    """A name server that never answers costs some seconds, no more."""
    # Nobody listens, and an ICMP error would tell: so somebody listens.
    mute = lab.popen("C", ["/usr/bin/python3", "-I", "-c",
                           "import socket, time\n"
                           "s = socket.socket(socket.AF_INET, "
                           "socket.SOCK_DGRAM)\n"
                           "s.bind(('127.0.0.1', 53))\n"
                           "print('ready', flush=True)\n"
                           "time.sleep(600)"],
                     stdout=subprocess.PIPE, text=True)
    mounts = mounted(resolv_conf="nameserver 127.0.0.1\n",
                     nsswitch_conf="hosts: dns\n")
    try:
        assert mute.stdout.readline() == "ready\n"
        start = time.monotonic()
        p = with_files(lab, mounts, f"{UTRACE} decode < "
                       f"{os.path.realpath(GOLDEN)}/own4.in")
        took = time.monotonic() - start
    finally:
        mute.kill()
        mute.wait()
    assert p.stdout == golden("own4.table")
    assert "the DNS is slow" in p.stderr
    assert p.returncode == 0
    assert took < 20


def test_table_file(tmp_path):
    """AS numbers out of a file; and what is wrong with one."""
    path = tmp_path / "prefixes"
    path.write_text("192.0.2.0/24 64500\n192.0.2.32/30 64501\n")
    p = filter_text(golden("own4.in"), "-jn", "-a", str(path))
    out = json.loads(p.stdout)
    assert [h["answers"][0]["asn"] for h in out["reverse"]] == \
        [None, 64501, 64500, 64500]
    path.write_text("192.0.2.0/24 64500\n192.0.2.0\n")
    p = filter_text("", "-a", str(path))
    assert p.returncode == 1
    assert f"{path}: line 2: " in p.stderr
    assert filter_text("", "-a", str(tmp_path / "none")).returncode == 1


@pytest.mark.parametrize("argv", (
    [], ["-x"], ["decode", "-x"], ["decode", "host"], ["decode", "-t", "x"],
    ["decode", "-t", "0"], ["decode", "-t", "256"], ["decode", "-a"],
    ["host", "more"], ["-x", "host"], ["-4"]), ids=" ".join)
def test_usage(argv):
    p = subprocess.run([UTRACE, *argv], stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, timeout=60, check=False)
    assert p.returncode == 2
    assert p.stdout == ""
    assert "usage: utrace decode" in p.stderr or "utrace: -t" in p.stderr


def test_nothing():
    p = filter_text("")
    assert (p.returncode, p.stdout) == (1, "")
    assert p.stderr == "utrace: no line was one of traceroute's\n"


def test_full_output():
    """Output that can't be written is a failure."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        p = subprocess.run([UTRACE, "decode", "-n"], input=golden("own4.in"),
                           stdout=full, stderr=subprocess.PIPE, text=True,
                           timeout=60, check=False)
    assert p.returncode == 1
    assert "No space left" in p.stderr


def read_line(p):
    """The next line, awaited for long, but not for ever."""
    if not select.select([p.stdout], [], [], 30)[0]:
        raise AssertionError("no line comes")
    return p.stdout.readline()


def start(*options):
    # Unbuffered, so that select and readline speak of the same bytes.
    return subprocess.Popen([UTRACE, "decode", *options], bufsize=0,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def test_list_streams():
    """A line comes out as soon as it is known which way it belongs to."""
    lines = golden("own4.in").encode().splitlines(keepends=True)
    want = golden("own4.list").encode().splitlines(keepends=True)
    # What must be there after each line: the one that may be the turn waits
    # for the next one.
    known = [1, 1, 2, 3, 4, 6, 7, 8, 9, 9]
    seen = 0
    with start("-ln") as p:
        for line, count in zip(lines, known):
            p.stdin.write(line)
            while seen < count:
                assert read_line(p) == want[seen]
                seen += 1
        p.stdin.close()
        assert p.stdout.read() == b"".join(want[seen:])
        assert p.wait(30) == 0


def status(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f
                    if ":\t" in line)


def test_locked_up():
    """Two processes behind a filter, without any right of root's."""
    with start("-n") as p:
        deadline = time.monotonic() + 30
        while True:
            with open(f"/proc/{p.pid}/task/{p.pid}/children",
                      encoding="utf-8") as f:
                pids = [p.pid] + [int(c) for c in f.read().split()]
            found = [status(pid) for pid in pids]
            if len(found) == 2 and all(s["Seccomp"] == "2" for s in found):
                break
            assert time.monotonic() < deadline, found
            time.sleep(0.02)
        for s in found:
            assert s["NoNewPrivs"] == "1"
            assert int(s["CapEff"], 16) == int(s["CapPrm"], 16) == 0
            assert "0" not in s["Uid"].split() + s["Gid"].split()
        p.stdin.close()
        assert p.wait(30) == 1


def test_reader_is_lost():
    """Half of a trace is shown, but not passed off as a whole one."""
    with start("-jn") as p:
        p.stdin.write(golden("own4.in").encode())
        deadline = time.monotonic() + 30
        child = ""
        while not child:
            assert time.monotonic() < deadline
            with open(f"/proc/{p.pid}/task/{p.pid}/children",
                      encoding="utf-8") as f:
                child = f.read().strip()
        os.kill(int(child), signal.SIGKILL)
        p.stdout.read()
        assert p.wait(30) == 1
        p.stdin.close()


def test_interrupt():
    """^C ends the traceroute before it; what there is is shown."""
    with start("-n") as p:
        p.stdin.write(golden("own4.in").encode())
        # Its second process is started after signals are dealt with.
        deadline = time.monotonic() + 30
        while status(p.pid)["Seccomp"] != "2":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        p.send_signal(signal.SIGINT)
        p.stdin.close()
        assert p.stdout.read().decode() == golden("own4.table")
        assert p.wait(30) == 0
