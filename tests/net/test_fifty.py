#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Fifty runs in a row without a miss."""

import clients
import pytest
from daemon import Daemon
from lab import FAMILIES

RUNS = 50
BOTH = pytest.mark.parametrize("family", FAMILIES)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300),
              pytest.mark.usefixtures("router")]


@pytest.fixture(scope="module", name="router")
def router_daemon(lab):
    with Daemon(lab, relay="router") as daemon:
        yield daemon


def fifty(lab, family, method, opts):
    want = lab.expected(family)
    for i in range(RUNS):
        hops = clients.traceroute(lab, family, method, opts)
        assert clients.names(hops) == want, f"run {i + 1} of {RUNS}"


@BOTH
@pytest.mark.parametrize("method", clients.METHODS)
@pytest.mark.parametrize("pace", (clients.SINGLE, clients.PARALLEL),
                         ids=("single", "parallel"))
def test_fifty(lab, family, method, pace):
    fifty(lab, family, method, pace)


@BOTH
@pytest.mark.parametrize("port", (33434, 33500, 33689))
def test_fifty_with_source_port(lab, family, port):
    """A source port inside the probe range is no sign of a loop."""
    fifty(lab, family, "udp", ["-q1", f"--sport={port}"])
