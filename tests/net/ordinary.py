#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Packets that are no probes: each with what uturnd counts, if it sees it."""

import dataclasses

from attack import (HDR, PATTERN, SPORT, echo, extension6, fragments4,
                    fragments6, icmp_packet, ip_layer, packed)
from wire import IP, TCP, UDP, Raw, sum16

# What a packet has lost when it arrives at T from C.
WAY = 3
SMALL = 5		# a TTL at T that probes have
DPORT = 33440		# nothing listens there
SERVICE_PORT = 33500	# a program's, in the range of probes
BGP, SSH, HTTP, CLOSED, MDNS, DHCP = 179, 22, 80, 81, 5353, 68
GROUPS = {4: ("224.0.0.5", "224.0.0.18", "224.0.0.251"),
          6: ("ff02::5", "ff02::12", "ff02::fb")}
ALL = {4: "224.0.0.1", 6: "ff02::1"}
LIMITED, SUBNET = "255.255.255.255", "198.51.100.31"


@dataclasses.dataclass
class Thing:
    """Packets that are no probe.

    wide     counters that grow if every packet to T is queued
    picked   the printed rules select it as well, with the same counters, or
             with these
    link     sent by r3 on its link to T, to this address there, else by C
    resets   what the sender's kernel says to an answer it did not ask for
    answered T sends something, or does not; None: may do either
    """

    name: str
    packets: list
    wide: dict = dataclasses.field(default_factory=dict)
    picked: bool | dict = False
    link: str = None
    resets: int = 0
    answered: bool = None


def refused(**reasons):
    return {("refused", k): n for k, n in reasons.items()}


def gated(family, method):
    return {(n, family, method): 1 for n in ("probes", "gated", "passed")}


class Builder:
    """Packets from the client, and from r3."""

    def __init__(self, lab, family):
        self.lab, self.family = lab, family
        self.client, self.t = lab.client[family], lab.service[family]
        self.r3 = lab.addr["r3", "T"][family]
        self.t_link = lab.addr["T", "r3"][family]

    def ip(self, ttl=SMALL + WAY, src=None, dst=None, **fields):
        return ip_layer(self.family, src or self.client, dst or self.t, ttl,
                        **fields)

    def udp(self, ttl=SMALL + WAY, sport=SPORT, dport=DPORT, data=32,
            src=None, dst=None, **fields):
        if isinstance(data, int):
            data = PATTERN[:data]
        return bytes(self.ip(ttl, src, dst)
                     / UDP(sport=sport, dport=dport, **fields) / Raw(data))

    def ping(self, ttl, src=None, dst=None, **fields):
        return bytes(self.ip(ttl, src, dst) / echo(self.family, **fields))

    def syn(self, dport, ttl=SMALL + WAY, src=None, dst=None, flags="S",
            sport=SPORT, data=b""):
        packet = self.ip(ttl, src, dst) / TCP(
            sport=sport, dport=dport, flags=flags, seq=0x01020304,
            window=5840)
        return bytes(packet / Raw(data) if data else packet)

    def icmp(self, kind, body=bytes(36), ttl=SMALL + WAY, src=None,
             dst=None, code=0):
        return icmp_packet(self.family, src or self.client, dst or self.t,
                           bytes([kind, code, 0, 0]) + body, ttl)

    def other(self, proto, ttl=SMALL + WAY, src=None, dst=None):
        """Another protocol: 32 bytes behind the IP header."""
        key = {"proto": proto} if self.family == 4 else {"nh": proto}
        return bytes(self.ip(ttl, src, dst, **key) / Raw(PATTERN[:32]))


def host_things(b):
    """From the client, to the service address."""
    f = b.family
    request = 8 if f == 4 else 128
    out = [
        Thing("ping", [b.ping(64)], refused(ttl=1), answered=True),
        Thing("udp, ordinary ttl", [b.udp(64)], refused(ttl=1),
              answered=True),
        Thing("udp above max ttl", [b.udp(33 + WAY)], refused(ttl=1),
              answered=True),
        Thing("udp above the range", [b.udp(dport=33690)], refused(port=1),
              answered=True),
        Thing("udp below the range", [b.udp(dport=33433)], refused(port=1),
              answered=True),
        Thing("udp far off", [b.udp(dport=40000)], refused(port=1),
              answered=True),
        Thing("dns query", [b.udp(dport=53)], refused(port=1),
              answered=True),
        Thing("dns answer", [b.udp(sport=53)], refused(port=1), True,
              answered=True),
        Thing("ntp answer", [b.udp(sport=123)], refused(port=1), True,
              answered=True),
        Thing("port 1023", [b.udp(sport=1023)], refused(port=1), True,
              answered=True),
        Thing("bad checksum", [b.udp(chksum=0x1111)], refused(checksum=1),
              True, answered=False),
        Thing("turned elsewhere", [b.udp(data=b"uTrN" + PATTERN[:28])],
              refused(loop=1), True, answered=True),
        Thing("too long", [b.udp(data=1281 - HDR[f] - 8)],
              refused(length=1), True, answered=True),
        Thing("udp service, ordinary ttl", [b.udp(64, dport=SERVICE_PORT)],
              refused(ttl=1)),
        Thing("udp service, small ttl", [b.udp(dport=5000)],
              refused(port=1)),
        Thing("echo code 1", [b.icmp(request, code=1)],
              refused(protocol=1)),
        Thing("unasked reply", [b.icmp(0 if f == 4 else 129)],
              refused(protocol=1), answered=False),
        Thing("informational", [b.icmp(15 if f == 4 else 139)],
              refused(protocol=1)),
        Thing("syn, no gate", [b.syn(CLOSED)], gated(f, "tcp"), True,
              answered=True),
        Thing("syn, no gate, service", [b.syn(HTTP)],
              gated(f, "tcp"), True,
              resets=1, answered=True),
        Thing("syn, ordinary ttl", [b.syn(CLOSED, 64)], refused(ttl=1),
              answered=True),
        Thing("syn to ssh", [b.syn(SSH, sport=SPORT + 1)], refused(port=1),
              resets=1, answered=True),
        Thing("syn to ssh, ordinary ttl",
              [b.syn(SSH, 64, sport=SPORT + 2)], refused(ttl=1),
              resets=1, answered=True),
        Thing("syn with data", [b.syn(CLOSED, data=PATTERN[:8])],
              refused(length=1), True, answered=True),
        Thing("syn, ecn", [b.syn(CLOSED, flags="SEC")],
              refused(protocol=1), True, answered=True),
    ]
    out += [Thing(f"ping, ttl {ttl}", [b.ping(ttl + WAY)], gated(f, "icmp"),
                  True, answered=True) for ttl in (2, 3, SMALL, 31, 32)]
    out.append(Thing("ping, ttl 33", [b.ping(33 + WAY)], refused(ttl=1),
                     answered=True))
    out += [Thing(f"tcp {flags or 'null'}", [b.syn(CLOSED, flags=flags)],
                  refused(protocol=1)) for flags in
            ("SA", "A", "F", "FA", "R", "RA", "PA", "SF", "SR", "", "FPU")]
    out += [Thing(f"protocol {n}", [b.other(n)],
                  refused(**{"protocol" if f == 4 else "header": 1}))
            for n in (4, 47, 50, 89, 112, 132, 136, 253)]
    if f == 4:
        out += [
            Thing("options", [bytes(b.ip(options=b"\x01\x01\x01\0")
                                    / UDP(sport=SPORT, dport=DPORT)
                                    / PATTERN[:32])],
                  refused(header=1), True, answered=True),
            Thing("record route", [bytes(b.ip(
                options=b"\x07\x07\x04\0\0\0\0\0") / echo(4))],
                refused(header=1), True, answered=True),
            Thing("fragments, not to the range", fragments4(
                b.udp(dport=40000, data=400), 200),
                  refused(port=1), answered=True),
            Thing("timestamp request", [b.icmp(13, bytes(16))],
                  refused(protocol=1)),
        ]
    else:
        out += [
            Thing("fragments", fragments6(b.udp(data=400), 200),
                  refused(header=2), refused(header=1), answered=True),
            Thing("too short for a cookie", [b.udp(data=9)],
                  refused(no_room=1), True, answered=True),
            Thing("no checksum", [b.udp(chksum=0)], refused(checksum=1),
                  True, answered=False),
        ]
        for name, header in (("hop-by-hop", 0), ("destination", 60)):
            out += [Thing(f"{name} options, {what}",
                          [extension6(data, header)], refused(header=1),
                          True, answered=True)
                    for what, data in (("udp", b.udp()),
                                       ("icmp", b.ping(SMALL + WAY)),
                                       ("tcp", b.syn(CLOSED)))]
    return out


def link_mac(family, dst):
    """The link address of a multicast or broadcast address."""
    data = packed(dst)
    if family == 6:
        return "33:33:" + ":".join(f"{x:02x}" for x in data[-4:])
    if data[0] < 224 or data[0] >= 240:
        return "ff:ff:ff:ff:ff:ff"
    return f"01:00:5e:{data[1] & 0x7f:02x}:{data[2]:02x}:{data[3]:02x}"


def group_thing(b, name, dst, packet, seen=True, **kw):
    """To a group; seen: T is a member, so that it comes as far as INPUT."""
    reason = "header" if b.family == 6 and packet[6] not in (6, 17, 58) \
        else "destination"
    return Thing(name, [packet], refused(**{reason: 1}) if seen else {},
                 link=link_mac(b.family, dst), **kw)


def link_things(b):
    """From the neighbour: what only links see."""
    f = b.family
    groups, near = GROUPS[f], {"src": b.r3}
    peer = ""
    out = [
        Thing("bgp, ttl 1", [b.syn(BGP, 1, **near)], refused(port=1),
              link=peer, resets=1, answered=True),
        Thing("bgp, ttl 255", [b.syn(BGP, 255, sport=SPORT + 1, **near)],
              refused(ttl=1), link=peer, resets=1, answered=True),
        Thing("bgp to the link's address",
              [b.syn(BGP, 1, dst=b.t_link, sport=SPORT + 2, **near)],
              refused(destination=2), link=peer, answered=True),
        group_thing(b, "ospf hello", groups[0],
                    b.other(89, 1, dst=groups[0], **near)),
        group_thing(b, "vrrp", groups[1],
                    b.other(112, 255, dst=groups[1], **near)),
        group_thing(b, "vrrp, ttl 1", groups[1],
                    b.other(112, 1, dst=groups[1], **near)),
    ]
    for ttl in (1, 255):
        out.append(group_thing(b, f"mdns, ttl {ttl}", groups[2], b.udp(
            ttl, MDNS, MDNS, dst=groups[2], **near)))
    for port in (DPORT, SERVICE_PORT, MDNS):
        out.append(group_thing(
            b, f"multicast to port {port}", ALL[f],
            b.udp(SMALL, dport=port, dst=ALL[f], **near), answered=False))
    out.append(group_thing(b, "multicast ping", ALL[f],
                           b.ping(1, dst=ALL[f], **near)))
    # T tells itself that the port is closed: an error that is captured.
    own = {("unmatched", f, "udp"): 1}
    out += [
        Thing("from the service address", [b.udp(SMALL, src=b.t)],
              {**refused(source=1), **own}, own, link=peer, answered=False),
        Thing("from the hop address", [b.udp(SMALL, src=b.lab.hop[f])],
              refused(source=1), link=peer, answered=False),
        # It stands in no configuration: the rules' matter alone.
        Thing("from the link's address", [b.udp(SMALL, src=b.t_link)],
              None, link=peer, answered=False),
    ]
    out += link_things4(b) if f == 4 else link_things6(b)
    return out


def link_things4(b):
    near = {"src": b.r3}
    report = b"\x22\0\xdd\xfb\0\0\0\1\4\0\0\0\xe0\0\0\x6b"
    report = report[:2] + (0xffff ^ sum16(
        report[:2] + b"\0\0" + report[4:])).to_bytes(2, "big") + report[4:]
    out = [
        Thing("igmp report", [bytes(IP(
            src=b.r3, dst="224.0.0.1", ttl=1, proto=2,
            options=b"\x94\4\0\0") / report)], refused(header=1),
            link=link_mac(4, "224.0.0.1"), answered=False),
        Thing("igmp unicast", [bytes(IP(src=b.r3, dst=b.t, ttl=1, proto=2)
                                     / report)], refused(protocol=1),
              link=""),
        Thing("ping to a broadcast", [b.ping(2, dst=SUBNET, **near)],
              refused(destination=1), link=link_mac(4, SUBNET),
              answered=False),
        Thing("dhcp offer", [b.udp(64, 67, DHCP, dst=LIMITED, **near)],
              refused(destination=1), link=link_mac(4, LIMITED)),
        Thing("dhcp offer, unicast", [b.udp(1, 67, DHCP, dst=b.t_link,
                                            **near)],
              refused(destination=1), link=""),
        Thing("dhcp discover", [b.udp(64, DHCP, 67, src="0.0.0.0",
                                      dst=LIMITED)],
              refused(destination=1), link=link_mac(4, LIMITED),
              answered=False),
        # The queue does not tell how a packet was addressed on the link:
        # the rules' matter alone.
        Thing("unicast in a broadcast frame", [b.udp(SMALL)], None,
              link="ff:ff:ff:ff:ff:ff", answered=False),
        Thing("unicast in a multicast frame", [b.udp(SMALL)], None,
              link="01:00:5e:00:00:01", answered=False),
        Thing("reserved source", [b.udp(SMALL, src="240.0.0.1")],
              refused(source=1), True, link=""),
        Thing("link-local source", [b.udp(SMALL, src="169.254.1.1")],
              refused(source=1), True, link=""),
    ]
    for dst in (LIMITED, SUBNET):
        for port in (DPORT, SERVICE_PORT):
            out.append(Thing(
                f"broadcast {dst} to port {port}",
                [b.udp(SMALL, dport=port, dst=dst, **near)],
                refused(destination=1), link=link_mac(4, dst),
                answered=False))
    # The kernel itself drops these before they are input.
    out += [Thing(f"source {src}", [b.udp(SMALL, src=src)], link="",
                  answered=False)
            for src in ("127.0.0.1", "224.0.0.1", LIMITED)]
    # Only the host knows that this is a broadcast address of a link of its.
    out.append(Thing("source a broadcast", [b.udp(SMALL, src=SUBNET)], None,
                     link=""))
    out.append(Thing("source 0.0.0.0", [b.udp(SMALL, src="0.0.0.0")], None,
                     link="", answered=False))
    return out


def link_things6(b):
    target = packed(b.t_link)
    lladdr = b"\1\1\2\0\0\0\x33\x54"
    solicited = "ff02::1:ff00:f"

    def nd(kind, body, dst, ttl=255):
        return b.icmp(kind, body, ttl, b.r3, dst)

    out = [
        group_thing(b, "neighbour solicitation", solicited,
                    nd(135, bytes(4) + target + lladdr, solicited),
                    answered=True),
        Thing("neighbour probe", [nd(135, bytes(4) + target + lladdr,
                                     b.t_link)],
              refused(destination=1), link="", answered=True),
        Thing("solicitation for the service", [nd(
            135, bytes(4) + packed(b.t) + lladdr, b.t)], refused(ttl=1),
            link=""),
        # RFC 4861, 7.1.1: not 255, so from elsewhere.
        Thing("solicitation from afar", [nd(
            135, bytes(4) + target + lladdr, b.t, SMALL)],
            refused(protocol=1), link="", answered=False),
        group_thing(b, "advertisement", ALL[6],
                    nd(136, b"\x20\0\0\0" + packed(b.r3) + b"\2"
                       + lladdr[1:], ALL[6]), answered=False),
        group_thing(b, "router solicitation", ALL[6],
                    nd(133, bytes(4) + lladdr, ALL[6]), answered=False),
        group_thing(b, "router advertisement", ALL[6],
                    nd(134, bytes(12) + lladdr, ALL[6]), answered=False),
    ]
    # ::1 and multicast sources do not come as far as INPUT.
    out += [Thing(f"source {src}", [b.udp(SMALL, src=src)],
                  refused(source=1) if seen else {}, link="",
                  answered=answered)
            for src, seen, answered in (
                ("::1", False, False), ("ff02::1", False, False),
                ("::", True, False), ("::ffff:192.0.2.9", True, True))]
    return out


def things(b):
    return host_things(b) + link_things(b)
