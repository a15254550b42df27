#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A second uplink of T, taken only by what has T's service address."""

import augsburg
import clients
import pytest
from daemon import NO_LIMITS, Daemon
from lab import FAMILIES, Lab
from wire import Capture

BOTH = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module", name="uplink")
def uplink_lab():
    with Lab(uplink=True) as lab:
        yield lab


@BOTH
@pytest.mark.parametrize("method", clients.METHODS)
@pytest.mark.parametrize("options", ({"relay": "router"}, {"relay": "own"},
                                     {"turn": "mirror"}),
                         ids=("router", "own", "mirror"))
def test_trace(uplink, family, method, options):
    """The way back is that of T's own answers: by r6."""
    with Daemon(uplink, **options):
        hops = clients.traceroute(uplink, family, method, ["-q1"])
    assert clients.names(hops) == uplink.expected(
        family, relay=options.get("relay", "router"))


@BOTH
@pytest.mark.parametrize("method", clients.METHODS)
def test_leaves_by_the_uplink(uplink, family, method):
    """Turned probes and answers alike: nothing leaves by the main table."""
    with Daemon(uplink), Capture(uplink, "T", "r3") as first, \
            Capture(uplink, "T", "r6") as second:
        clients.traceroute(uplink, family, method, ["-q1", "-N1"])
    assert not [p for p in first.packets() if p.sent]
    sent = [p for p in second.packets() if p.sent]
    # the inflection, an answer and a turned probe for each reverse router,
    # and the turned probe that reaches the client
    assert len(sent) >= 2 * len(uplink.reverse(family)) + 2
    assert {p.dst for p in sent} == {uplink.client[family]}


@BOTH
@pytest.mark.parametrize("proto", (augsburg.ICMP, augsburg.UDP, augsburg.TCP))
def test_requests(uplink, family, proto):
    """Probes that were asked for, and the replies, take the same way."""
    with Daemon(uplink, extra=NO_LIMITS + "augsburg yes\n"), \
            Capture(uplink, "T", "r3") as first:
        replies = augsburg.hops(uplink, family, proto, range(1, 5))
    assert [r.hop for r in replies] == \
        uplink.reverse(family) + [uplink.client[family]]
    assert not [p for p in first.packets() if p.sent]
