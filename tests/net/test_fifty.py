#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Fifty runs in a row without a miss.

The daemon and the client run before what else the machine is busy with: a
client gives up an answer that is later than three times the one before.
"""

import time

import clients
import pytest
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES

RUNS = 50
BOTH = pytest.mark.parametrize("family", FAMILIES)
PACE = pytest.mark.parametrize("pace", (clients.SINGLE, clients.PARALLEL),
                               ids=("single", "parallel"))

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def run(lab, family, method, opts):
    return clients.names(clients.traceroute(lab, family, method, opts))


@pytest.mark.usefixtures("daemon")
class TestFifty:
    @pytest.fixture(scope="class", name="daemon")
    def router_daemon(self, lab):
        with Daemon(lab, relay="router", wrap=clients.prompt()) as daemon:
            yield daemon

    @BOTH
    @pytest.mark.parametrize("method", clients.METHODS)
    @PACE
    def test_fifty(self, lab, family, method, pace):
        for i in range(RUNS):
            hops = run(lab, family, method, pace)
            assert hops == lab.expected(family), f"run {i + 1} of {RUNS}"


class TestSourcePort:
    """A source port inside the probe range is no sign of a loop."""

    @pytest.fixture(scope="class", name="daemon")
    def quick_daemon(self, lab):
        """A short `settle`, so that the runs follow each other soon."""
        with Daemon(lab, extra=NO_LIMITS + "settle 100ms\n",
                    wrap=clients.prompt()) as daemon:
            yield daemon

    @BOTH
    @pytest.mark.parametrize("port", (33434, 33500, 33689))
    def test_fifty(self, lab, daemon, family, port):
        """The client's own socket swallows the last turned probe, so T sends
        its final answer at `settle`.  A next run with the same ports on both
        ends must not begin before, or it may be refused by that answer."""
        for i in range(RUNS):
            hops = run(lab, family, "udp", ["-q1", f"--sport={port}"])
            assert hops == lab.expected(family), f"run {i + 1} of {RUNS}"
            while daemon.count("pending") > 0:
                time.sleep(0.02)
