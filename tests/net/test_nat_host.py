#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""`listen on ... public ...`: T behind a one-to-one NAT.

What works there depends on the NAT; uturnd.conf(5) says how far.
"""

import clients
import pytest
from daemon import Daemon
from nat_host import NatHostLab
from test_trace import names_router

METHODS = pytest.mark.parametrize("method", clients.METHODS)
RELAYS = ("own", "router", "both")


def nat(kind):
    """A fixture: the lab behind this NAT, once for a class."""
    @pytest.fixture(scope="class")
    def lab(self):
        with NatHostLab(kind) as nat_lab:
            yield nat_lab
    return lab


def serve(*relays, public=True):
    """A fixture: the daemon with a hop address, once for a class in each of
    these relay modes; public: it is told its public address."""
    @pytest.fixture(scope="class", params=relays)
    def relay(self, request, lab):
        daemon = Daemon(lab, text="")
        daemon.write(lab.config(daemon.run_dir, relay=request.param, hop=True,
                                public=public))
        with daemon:
            yield request.param
    return relay


def traceroute(lab, method, opts=()):
    return clients.traceroute(lab, 4, method, ["-q1", "-w1", *opts],
                              target=lab.public)


def mtr(lab, method):
    # See test_low_source_port of test_clients.py.
    opts = ["-L", "40000"] if method == "udp" else []
    return clients.names(clients.mtr(lab, 4, method, opts,
                                     target=lab.public))


def expected(lab, relay):
    """As if there were no NAT."""
    back = lab.reverse(4)
    if relay == "own":
        back = [lab.public_hop] * len(back)
    return lab.forward(4) + [lab.public_hop] + back + [lab.public]


class TestStateless:
    """Addresses are translated, also in quotes, and no more: all works."""

    lab = nat("stateless")
    relay = serve(*RELAYS)

    @METHODS
    def test_traceroute(self, lab, relay, method):
        hops = traceroute(lab, method, ["-e"])
        assert clients.names(hops) == expected(lab, relay)
        if relay == "own":
            for hop, router in zip(hops[4:], lab.reverse(4)):
                assert names_router(hop.objects[0], router)

    @pytest.mark.parametrize("method", clients.MTR)
    def test_mtr(self, lab, relay, method):
        assert mtr(lab, method) == expected(lab, relay)

    @pytest.mark.parametrize("opts", (["-p", "33600"], ["-I"]),
                             ids=("udp", "icmp"))
    def test_inetutils(self, lab, relay, opts):
        hops = clients.inetutils(lab, opts, target=lab.public)
        assert clients.names(hops) == expected(lab, relay)

    @pytest.mark.parametrize("how", ("udp-paris", "icmp-paris"))
    def test_scamper(self, lab, relay, how):
        want = expected(lab, relay)
        if relay == "both":
            want[4:8] = [f"{r}|{lab.public_hop}" for r in want[4:8]]
        # It takes an address that comes again for a loop.
        if relay != "router":
            want = want[:6]
        hops = clients.scamper(lab, 4, how, target=lab.public)
        assert clients.names(hops) == want


class TestQuotesLeft:
    """T matches errors that quote its public address.  What T quotes to the
    client is a packet to an address that the client never heard of."""

    lab = nat("headers")
    relay = serve("own", "router")

    @METHODS
    def test_traceroute(self, lab, relay, method):
        """It compares addresses: stars, as with any error of this host, but
        the end is there."""
        want = expected(lab, relay)
        want[3:8] = ["*"] * 5
        assert clients.names(traceroute(lab, method)) == want

    @pytest.mark.parametrize("method", ("icmp", "tcp"))
    def test_mtr(self, lab, relay, method):
        """It does not."""
        assert mtr(lab, method) == expected(lab, relay)


class TestNoPublic:
    """Without `public`, T does not know its own probes in those errors."""

    lab = nat("headers")
    relay = serve("own", "router", public=False)

    def test_mtr(self, lab, relay):
        want = expected(lab, relay)
        want[4:8] = ["*"] * 4
        assert mtr(lab, "icmp") == want


class TestTracking:
    """All that belongs to the connection comes from the public address:
    the inflection, every reverse hop, and the NAT's own error as well."""

    lab = nat("tracking")
    relay = serve(*RELAYS)

    @staticmethod
    def expected(lab):
        return lab.forward(4)[:2] + [lab.public] * 7

    @pytest.mark.parametrize("method", ("udp", "icmp"))
    def test_traceroute(self, lab, relay, method):
        """Only the objects of own form tell who the reverse hops are; the
        first answer of `both` hides that one."""
        hops = traceroute(lab, method, ["-e"])
        assert clients.names(hops) == self.expected(lab)
        back = hops[4:8]
        if relay == "own":
            for hop, router in zip(back, lab.reverse(4)):
                assert names_router(hop.objects[0], router)
        else:
            assert not [h for h in back if h.objects]

    @pytest.mark.usefixtures("relay")
    def test_tcp(self, lab):
        """The NAT forgets the connection with the first turned probe, a
        reset: no reverse hop, but the end."""
        want = self.expected(lab)
        want[4:8] = ["*"] * 4
        assert clients.names(traceroute(lab, "tcp")) == want

    @pytest.mark.usefixtures("relay")
    @pytest.mark.parametrize("method", ("udp", "icmp"))
    def test_mtr(self, lab, method):
        """It stops where the target's address first comes up."""
        assert mtr(lab, method) == self.expected(lab)[:3]
