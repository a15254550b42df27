#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The whole daemon with one of its processes taken over.

The process is stopped, and this test, as root, takes a copy of its end of a
pipe (pidfd_getfd) and writes there what a compromised process could.
"""

import contextlib
import ctypes
import os
import signal
import struct

import clients
import pytest
from daemon import EXIT_BORDER, Daemon
from hostile import message
from lab import FAMILIES

PIDFD_GETFD = 438               # on every architecture
CONTROLLER, PEER = 3, 5         # what the children write to
NAMES = {"engine": "uturnd-engine", "packet process": "uturnd-packet"}


@contextlib.contextmanager
def taken_over(daemon, name, end):
    """The end of a pipe of a child that does nothing itself any more."""
    for pid in daemon.children():
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            if f.read().strip() == NAMES[name]:
                break
    else:
        raise AssertionError(f"no {name}")
    os.kill(pid, signal.SIGSTOP)
    pidfd = os.pidfd_open(pid)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.syscall(PIDFD_GETFD, pidfd, end, 0)
        assert fd >= 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(pidfd)
    try:
        yield fd
    finally:
        os.close(fd)


def ident(slot, gen):
    return struct.pack("=II", slot, gen)


def cases(table):
    return pytest.mark.parametrize("data, fault", table, ids=[
        fault.split(":")[0].replace(" ", "-") for _, fault in table])


TO_PACKET_PROCESS = (
    (message(0x404, ident(4000, 1) + b"\2\0\0"),
     "ANSWER: no such probe was ever handed up"),
    (message(0x403, ident(0, 1) + b"\0"),
     "TURN: a second order for a probe that is done"),
    (message(0x405, ident(0x10000, 1)),
     "FINAL: no such probe was ever handed up"),
    (message(0x400, bytes(9)), "PASS: 9 bytes, 8..8 allowed"),
    (message(0x300, bytes(40)), "PROBE .*: not a message of this border"),
    (message(0x400, b"", 0xffff), "broken stream of messages"),
)
TO_ENGINE = (
    (message(0x300, bytes(18)), "PROBE: 18 bytes, 20..148 allowed"),
    (message(0x301, ident(7, 7) + bytes(32)), "MATCH: .*generation"),
    (message(0x302, ident(7, 7) + b"\5"), "EXPIRED: bad kind of expiry"),
    (message(0x403, bytes(9)), "TURN .*: not a message of this border"),
    (message(0x300, b"", 0xffff), "broken stream.*"),
)
TO_CONTROLLER = (
    (message(0x200), "LOCKED: .*"),
    (message(0x201, struct.pack("=I", 9)), "STAGED: .*"),
    (message(0x203, b"\6"), "LOG: 1 bytes, .* allowed"),
    (message(0x203, b"\6no end"), "LOG: .*"),
    (message(0x204, bytes(8)), "STATS_DATA: 8 bytes, .* allowed"),
    (message(0x100, bytes(27)), "INIT .*: not a message of this border"),
    (message(0x500), "CTL_STATS .*: not a message of this border"),
    (message(0x200, b"", 3), "header: .*"),
)


def ends(lab, name, end, data, fault):
    """Exit code 12, a line of peer, type and fault; the host answers."""
    with Daemon(lab) as daemon:
        # Some probes that are done: their ids were really used.
        assert clients.names(clients.traceroute(
            lab, 4, "udp", ["-q1"])) == lab.expected(4)
        with taken_over(daemon, name, end) as fd:
            assert os.write(fd, data) == len(data)
            assert daemon.wait(20) == EXIT_BORDER, daemon.log()
        daemon.wait_log(f"{name}: {fault}$", 0)
        for family in FAMILIES:
            assert clients.names(clients.traceroute(
                lab, family, "udp", ["-q1"])) == lab.plain(family)


@cases(TO_PACKET_PROCESS)
def test_engine_against_packet_process(lab, data, fault):
    ends(lab, "engine", PEER, data, fault)


@cases(TO_ENGINE)
def test_packet_process_against_engine(lab, data, fault):
    ends(lab, "packet process", PEER, data, fault)


@pytest.mark.parametrize("name", NAMES)
@cases(TO_CONTROLLER)
def test_children_against_controller(lab, name, data, fault):
    ends(lab, name, CONTROLLER, data, fault)
