#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A compromised engine against the real packet process: requests.

The numbers in the names are those of priv/orders_request.c.  After every run
the wire is judged: what has left T is a probe as asked, to who asked or to the
target that he named and may name, or a reply to who asked; one of each at
most, and no more than three times the request.
"""

import pytest
from augsburg import (ICMP, NUMBER, TCP, UDP, extension, padding_object,
                      request, resum, target_object)
from hostile import (FAST, FAMILIES, HDR, SILENT, TTL_AT, check,
                     hostile_bench, packed, packet)

__all__ = ["hostile_bench"]

BOTH = pytest.mark.parametrize("family", FAMILIES)
ON = FAST + "augsburg yes\n"
TTL, FLOW, IDENT = 2, 0x8abc, 0x4321
ORDERS = ("pass", "drop", "inflect", "turn", "answer", "final",
          "request-probe", "request-answer", "request-status:1")
GIVEN = "its verdict was given already"
TWICE = "a second order for a probe that is done"
UNMATCHED = "nothing was matched"
KIND = "a probe's order for a request"
UNDESERVED = "a status that the request does not deserve"
OK, LATE = "ok", "late"


@pytest.fixture(scope="module", name="asking")
def asking_bench(bench):
    """The bench, with rules that select requests."""
    text = bench.daemon.text
    bench.daemon.write(text + "augsburg yes\n")
    bench.daemon.unload_rules()
    bench.daemon.load_rules()
    yield bench
    bench.daemon.write(text)
    bench.daemon.unload_rules()
    bench.daemon.load_rules()


def asked(bench, family, ttl=TTL, proto=UDP, ext=b""):
    lab = bench.lab
    icmp = request(family, IDENT, ttl, proto, FLOW, ext)
    return packet(family, lab.client[family], lab.service[family], 64,
                  NUMBER[family][ICMP], resum(icmp)[:2] + b"\0\0" + icmp[4:],
                  2)


def judge(bench, r, family, ttl=TTL, proto=UDP, drops=False, target=None):
    """How many probes, replies and echoes of the kernel have left T."""
    h = HDR[family]
    service, client = (packed(a[family])
                       for a in (bench.lab.service, bench.lab.client))
    half = len(service)
    probes = replies = echoes = size = 0
    requests = 0
    for sent, data, _ in r.frames:
        if data[0] >> 4 != family or (family == 6 and data[6] == 0):
            continue
        ends = data[h - 2 * half:h - half], data[h - half:h]
        l4 = data[h:]
        if not sent:
            if ends == (client, service) and l4[:2] in (b"\x08\1", b"\x80\1"):
                requests += len(data)
            continue
        if ends[0] != service:
            continue
        number = data[9] if family == 4 else data[6]
        if l4[0] in (0, 129) and l4[1] == 1 and number == \
                NUMBER[family][ICMP]:
            assert ends[1] == client, str(r)
            assert l4[4:6] == IDENT.to_bytes(2, "big"), str(r)
            if l4[8:12] == bytes([ttl, NUMBER[family].get(proto, proto),
                                  *FLOW.to_bytes(2, "big")]):
                echoes += 1
                continue
            replies += 1
        else:
            assert ends[1] == (packed(target) if target else client), str(r)
            assert number == NUMBER[family][proto], str(r)
            assert data[TTL_AT[family]] == ttl, str(r)
            assert l4[2:4] == FLOW.to_bytes(2, "big"), str(r)
            probes += 1
        size += len(data)
    assert size <= 3 * requests, str(r)
    assert probes <= 1 and replies <= 1, str(r)
    # The request had its one verdict.
    assert probes + echoes + (replies if not probes else 0) == \
        (0 if drops else 1), str(r)
    return probes, replies, echoes


STATES = {
    "pending": ("request", {"pass": OK, "drop": OK, "request-probe": OK,
                            "request-answer": UNMATCHED,
                            "request-status:1": UNDESERVED}, KIND),
    "probed": ("request request-probe sync",
               {"pass": GIVEN, "drop": GIVEN, "request-probe": GIVEN,
                "request-status:1": GIVEN, "request-answer": UNMATCHED},
               KIND),
    "matched": ("request request-probe match",
                {"pass": GIVEN, "drop": GIVEN, "request-probe": GIVEN,
                 "request-status:1": GIVEN, "request-answer": OK}, KIND),
    "answered": ("request request-probe match request-answer", {}, TWICE),
    "passed": ("request pass", {}, TWICE),
    "expired": ("request request-probe timeout", {}, LATE),
    "silence": ("request idle:300", {}, LATE),
}
# What is beyond the client meets nobody, if the client drops it.
FAR = {"probed", "expired"}


@BOTH
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("state", STATES)
def test_r2_every_order_in_every_state(asking, family, state, order):
    steps, outcomes, other = STATES[state]
    outcome = outcomes.get(order, other)
    ttl = 9 if state in FAR else TTL
    drops = state == "pending" and order == "drop"
    if state in FAR:
        asking.lab.iptables("C", family, "raw",
                            "-A PREROUTING -p udp -j DROP")
    try:
        for _ in range(3):
            r = asking.run(f"{steps} {order}"
                           + (" sync" if outcome in (OK, LATE) else ""),
                           [asked(asking, family, ttl)], extra=ON)
            if outcome == LATE or not r.stats.get("late"):
                break
    finally:
        if state in FAR:
            asking.lab.iptables("C", family, "raw", "-F PREROUTING")
    if outcome in (OK, LATE):
        check(r)
        assert r.stats["late"] == (outcome == LATE), str(r)
    else:
        check(r, f"{order.split(':')[0].upper().replace('-', '_')}: "
                 f".*{outcome}")
    probes, replies, _ = judge(asking, r, family, ttl, drops=drops)
    # Without a match there is no reply, whatever is ordered.
    assert replies == (state == "answered" or
                       state == "matched" and outcome == OK), str(r)
    assert not (replies and not probes), str(r)


@BOTH
@pytest.mark.parametrize("ttl, proto", ((0, UDP), (33, UDP), (200, TCP),
                                        (2, 132)))
def test_r1_no_probe_for_a_bad_wish(asking, family, ttl, proto):
    r = asking.run("request request-probe",
                   [asked(asking, family, ttl, proto)], extra=ON)
    check(r, "REQUEST_PROBE: a probe that the request may not ask for")
    assert judge(asking, r, family, ttl, proto) == (0, 0, 1)


@BOTH
@pytest.mark.parametrize("ttl, proto, status", (
    (0, UDP, 1), (33, ICMP, 1), (2, 132, 2)))
def test_r4_deserved(asking, family, ttl, proto, status):
    r = asking.run(f"request request-status:{status} sync",
                   [asked(asking, family, ttl, proto)], extra=ON)
    check(r)
    assert judge(asking, r, family, ttl, proto) == (0, 1, 0)


@BOTH
@pytest.mark.parametrize("status", ("2", "4", "4:0x0500"))
def test_r4_undeserved(asking, family, status):
    r = asking.run(f"request request-status:{status}",
                   [asked(asking, family, 0)], extra=ON)
    check(r, f"REQUEST_STATUS: {UNDESERVED}")
    assert judge(asking, r, family, 0) == (0, 0, 1)


@BOTH
@pytest.mark.parametrize("status", ("0", "3", "5", "1:7"))
def test_r4_no_status(asking, family, status):
    r = asking.run(f"request request-status:{status}",
                   [asked(asking, family, 0)], extra=ON)
    check(r, "REQUEST_STATUS: (unknown status|a value without an object)")
    assert judge(asking, r, family, 0) == (0, 0, 1)


@BOTH
@pytest.mark.parametrize("proto", (ICMP, UDP, TCP))
def test_r6_reset_without_an_order(asking, family, proto):
    """What the client itself says needs no order to be heard, once."""
    r = asking.run("request request-probe match request-answer sync",
                   [asked(asking, family, 9, proto)], extra=ON)
    check(r)
    assert judge(asking, r, family, 9, proto)[:2] == (1, 1)


def naming(bench, family, target, **more):
    return asked(bench, family, ext=extension(
        *more.get("before", ()), target_object(target)))


def allowing(bench, family, targets=None, who=None):
    """The client's net may be probed for the client, if nothing is said."""
    net = {4: "203.0.113.0/24", 6: "2001:db8:c::/64"}[family]
    return ON + f"augsburg target {{ {targets or net} }} from " \
        f"{who or bench.lab.client[family]}\n"


@BOTH
def test_r1_allowed_target(asking, family):
    r = asking.run("request request-probe sync",
                   [naming(asking, family, SILENT[family])],
                   extra=allowing(asking, family))
    check(r)
    assert judge(asking, r, family, target=SILENT[family]) == (1, 0, 0)


@BOTH
@pytest.mark.parametrize("steps", (
    "request request-probe sync request-probe",
    "request request-probe match request-answer request-answer",
    "request request-probe match request-answer request-probe"))
def test_r2_one_probe_and_reply_for_a_target(asking, family, steps):
    r = asking.run(steps, [naming(asking, family, SILENT[family])],
                   extra=allowing(asking, family))
    check(r, f"REQUEST_[A-Z]*: ({GIVEN}|{TWICE})")
    assert judge(asking, r, family, target=SILENT[family]) == \
        (1, int("answer" in steps), 0)


NOT_ALLOWED = "REQUEST_PROBE: a target that the request may not ask for"
# Own, nobody's, not listed, of the other family; and one that is listed for
# somebody else only.
NEVER = {
    4: ("198.51.100.53", "127.0.0.1", "224.0.0.1", "255.255.255.255",
        "192.0.2.13", "2001:db8:c::77"),
    6: ("2001:db8:f::53", "::1", "ff02::1", "fe80::1", "2001:db8:23::2",
        "203.0.113.77"),
}
WIDE = {4: "198.51.100.0/24 127.0.0.0/8 224.0.0.0/8 255.0.0.0/8",
        6: "2001:db8:f::/48 ff00::/16 fe80::/16"}


@BOTH
@pytest.mark.parametrize("which", range(6))
def test_r1_target_that_is_never_allowed(asking, family, which):
    r = asking.run("request request-probe",
                   [naming(asking, family, NEVER[family][which])],
                   extra=allowing(asking, family, WIDE[family]))
    check(r, NOT_ALLOWED)
    assert judge(asking, r, family) == (0, 0, 1)


@BOTH
@pytest.mark.parametrize("text", ("off", "who"))
def test_r1_target_for_somebody_else(asking, family, text):
    """No list; or one for another who asks."""
    other = {4: "203.0.113.9", 6: "2001:db8:c::9"}[family]
    extra = ON if text == "off" else allowing(asking, family, who=other)
    r = asking.run("request request-probe",
                   [naming(asking, family, SILENT[family])], extra=extra)
    check(r, NOT_ALLOWED)
    assert judge(asking, r, family) == (0, 0, 1)


@BOTH
def test_r1_target_elsewhere_is_none(asking, family):
    """Behind another object it is not looked for: the client is probed."""
    r = asking.run("request request-probe match request-answer",
                   [naming(asking, family, SILENT[family],
                           before=(padding_object(4),))],
                   extra=allowing(asking, family))
    check(r)
    assert judge(asking, r, family)[:2] == (1, 1)
