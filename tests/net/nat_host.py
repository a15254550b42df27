#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The lab with T behind a one-to-one NAT, as hosts in clouds are (IPv4)."""

import subprocess

from daemon import NO_LIMITS, config
from lab import HOP, SERVICE, Lab, LabError

PRIVATE_NET = "10.0.0.0/24"
PRIVATE_SERVICE = "10.0.0.53"
PRIVATE_HOP = "10.0.0.54"

# Runs at N, between r3 and T: a wire that translates and keeps no state.
# Arguments: whether quotes of ICMP errors are translated (RFC 5508), then
# pairs of public and private address.
TRANSLATOR = """
import select, socket, struct, sys
quotes = sys.argv[1] == "quotes"
inwards = {socket.inet_aton(a): socket.inet_aton(b)
           for a, b in zip(sys.argv[2::2], sys.argv[3::2])}
outwards = {b: a for a, b in inwards.items()}
SUM_AT = {6: 16, 17: 6}

def total(b):
    b = bytes(b) + bytes(len(b) % 2)
    n = sum(struct.unpack(f"!{len(b) // 2}H", b))
    while n >> 16:
        n = (n & 0xffff) + (n >> 16)
    return n

def put_sum(b, at):
    b[at:at + 2] = bytes(2)
    b[at:at + 2] = struct.pack("!H", 0xffff - total(b))

def address(p, at, table):
    # An IPv4 header's address; whether it was translated.
    new = table.get(bytes(p[at:at + 4]))
    if new is None:
        return False
    old = bytes(p[at:at + 4])
    p[at:at + 4] = new
    n = (p[0] & 15) * 4
    head = p[:n]
    put_sum(head, 10)
    p[:n] = head
    where = SUM_AT.get(p[9])
    if where is None or len(p) < n + where + 2:
        return True
    i = n + where
    was = struct.unpack("!H", p[i:i + 2])[0]
    if was or p[9] == 6:
        # RFC 1624, equation 3
        minus = bytes(255 - b for b in old)
        p[i:i + 2] = struct.pack("!H", 0xffff - total(
            struct.pack("!H", 0xffff - was) + minus + new))
    return True

def translate(frame, own_at, other_at, table):
    if frame[12:14] != b"\\x08\\0":
        return frame
    p = bytearray(frame[14:])
    address(p, own_at, table)
    n = (p[0] & 15) * 4
    if quotes and p[9] == 1 and p[n] in (3, 11, 12):
        end = struct.unpack("!H", p[2:4])[0]
        inner = p[n + 8:end]
        if address(inner, other_at, table):
            p[n + 8:end] = inner
            icmp = p[n:end]
            put_sum(icmp, 2)
            p[n:end] = icmp
    return frame[:14] + bytes(p)

ends = {}
for name in ("r3", "T"):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.setsockopt(263, 23, 1)            # SOL_PACKET, PACKET_IGNORE_OUTGOING
    s.bind((name, 3))                   # ETH_P_ALL
    ends[name] = s
print("ready", flush=True)
while True:
    for s in select.select(list(ends.values()), [], [])[0]:
        frame = s.recv(65535)
        if s is ends["r3"]:
            ends["T"].send(translate(frame, 16, 12, inwards))
        else:
            ends["r3"].send(translate(frame, 12, 16, outwards))
"""


class NatHostLab(Lab):
    """T's service and hop address are private; what the client knows is
    .public and .public_hop.

    kind  "tracking"   r3 translates, by Linux' connection tracking
          "stateless"  N, between r3 and T, translates addresses, also those
                       that ICMP errors quote (RFC 5508)
          "headers"    the same, but quotes are left as they are
    """

    def __init__(self, kind):
        super().__init__()
        self.kind = kind
        self.service[4], self.hop[4] = PRIVATE_SERVICE, PRIVATE_HOP
        self.public, self.public_hop = SERVICE[4], HOP[4]
        self.pairs = ((self.public, PRIVATE_SERVICE),
                      (self.public_hop, PRIVATE_HOP))
        if kind != "tracking":
            self.nodes.append("N")

    def _link_lines(self):
        lines = super()._link_lines()
        if self.kind == "tracking":
            return lines
        direct = [self._veth("r3", "T", "T", "r3")]
        assert all(line in lines for line in direct)
        return [line for line in lines if line not in direct] + [
            self._veth("r3", "T", "N", "r3"), self._veth("T", "r3", "N", "T")]

    def _lines(self, node):
        if node == "N":
            return ["link set r3 up", "link set T up"]
        lines = super()._lines(node)
        if node == "r3" and self.kind == "tracking":
            lines.append(f"route add {PRIVATE_NET} via "
                         f"{self.addr['T', 'r3'][4]}")
        return lines

    def up(self):
        super().up()
        try:
            self._translate()
        except BaseException:
            self.down()
            raise

    def _translate(self):
        if self.kind == "tracking":
            self.iptables("r3", 4, "nat", *[
                rule for public, private in self.pairs for rule in (
                    f"-A PREROUTING -d {public} -j DNAT --to {private}",
                    f"-A POSTROUTING -s {private} -j SNAT --to {public}")])
            return
        how = "quotes" if self.kind == "stateless" else "headers"
        p = self.popen("N", ["/usr/bin/python3", "-I", "-S", "-c",
                             TRANSLATOR, how,
                             *[a for pair in self.pairs for a in pair]],
                       stdout=subprocess.PIPE, text=True)
        if p.stdout.readline() != "ready\n":
            raise LabError("the translator does not start")

    def config(self, run_dir, public=True, **options):
        """The configuration of a host there."""
        text = config(self, run_dir, extra=NO_LIMITS + "probe udp port "
                      "33000:33433\n", **options)
        listen = f"listen on {self.service[4]}"
        assert text.count(listen) == 1
        return text.replace(listen, f"{listen} public {self.public}"
                            if public else listen)
