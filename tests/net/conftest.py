#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Fixtures: one plain lab a session, a lab of its own where one is needed."""

import os
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

# pylint: disable=wrong-import-position
from daemon import Daemon  # noqa: E402
from lab import Lab, exit_on_signals, sweep  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes more than some seconds")
    exit_on_signals()


@pytest.fixture(scope="session", autouse=True)
def leftovers():
    """What a killed run left behind must not disturb this one."""
    sweep()


@pytest.fixture(scope="session", name="lab")
def plain_lab():
    """The lab without options; no test may change it for good."""
    with Lab() as lab:
        yield lab


@pytest.fixture(name="daemon")
def plain_daemon(lab):
    """The daemon with `relay router`, no limits, no hop address."""
    with Daemon(lab) as daemon:
        yield daemon
