#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The main job, shown in a lab: `make demo`.

Stock clients at C trace T, where uturnd runs.  With --check, also fail if
what they print is not the lab's own path.
"""

import argparse
import ipaddress
import re
import sys
import textwrap

import clients
from daemon import Daemon
from lab import FAMILIES, Lab, LabError, exit_on_signals

PICTURE = """
    C --- r1 --- r2 --- r3 --- T     the way there:  C r1 r2 r3 T
           \\             |            the way back:   T r3 r5 r4 r1 C
            r4 --- r5 ---+
"""


class Demo:
    def __init__(self, lab):
        self.lab = lab
        self.faults = 0
        self.names = {}
        for (node, _), addr in lab.addr.items():
            for f in FAMILIES:
                self.names[addr[f]] = node
        for f in FAMILIES:
            self.names[lab.service[f]] = "T"
            self.names[lab.hop[f]] = "T, its hop address"

    @staticmethod
    def heading(text):
        print(f"\n== {text}\n", flush=True)

    def show(self, argv):
        """Run a client at C and print what it prints."""
        print(f"client$ {' '.join(argv)}", flush=True)
        p = self.lab.run("C", argv)
        sys.stdout.write(p.stdout + p.stderr)
        return p.stdout

    def judge(self, got, want):
        """A line for the reader; a fault if the path is not the lab's."""
        if got == want:
            print("-> the way there, T, the way back, T: as the lab has it")
        else:
            self.faults += 1
            print(f"-> NOT as the lab has it, which is {' '.join(want)}")

    def legend(self, hops):
        """Which router each line is."""
        where = [self.names.get(str(h), "nobody answered") for h in hops]
        print(textwrap.fill("hops: " + "  ".join(
            f"{h.ttl} {w}" for h, w in zip(hops, where)), 76,
            subsequent_indent="      "))

    def objects(self, hops):
        """The routers' addresses, out of the extension objects."""
        for hop in hops:
            for text in hop.objects:
                addr = address_in(text)
                if addr:
                    print(f"hop {hop.ttl} names the reverse router {addr} "
                          f"({self.names.get(addr, '?')})")

    def traceroute(self, family, *opts, relay="router", inflection="service"):
        argv = ["traceroute", f"-{family}", "-n", "-q1", *opts,
                self.lab.service[family]]
        hops = clients.parse(self.show(argv))
        self.legend(hops)
        self.objects(hops)
        self.judge(clients.names(hops),
                   self.lab.expected(family, inflection, relay))

    def mtr(self, family, *opts):
        argv = ["mtr", f"-{family}", "-n", "--report", "-c", "2", "-G", "1", "-i",
                "0.2", *opts, self.lab.service[family]]
        out = self.show(argv)
        got = re.findall(r"^\s*\d+\.\|-- (\S+)", out, re.MULTILINE)
        self.judge(["*" if h == "???" else h for h in got],
                   self.lab.expected(family, "hop"))


def address_in(text):
    """The address in an interface object, as traceroute -e prints it.

    From 2.1.4 on in words, before that in hex; None if there is none.
    """
    m = re.match(r'<NXT:([^,>]+)', text)
    if m:
        return m.group(1)
    m = re.match(r"<2/\d+:000([12])0000((?:,[0-9a-f]{8})+)", text)
    if not m:
        return None
    words = m.group(2)[1:].split(",")[:1 if m.group(1) == "1" else 4]
    return str(ipaddress.ip_address(bytes.fromhex("".join(words))))


def run(demo):
    lab = demo.lab
    demo.heading("The lab")
    print(PICTURE)
    for f in FAMILIES:
        print(f"IPv{f}: C {lab.client[f]}, T {lab.service[f]}")

    demo.heading("Without uturnd: the trace ends at T")
    demo.show(["traceroute", "-n", "-q1", lab.service[4]])

    with Daemon(lab, relay="router"):
        demo.heading("relay router: each reverse router in its own name")
        for family, opts in ((4, ()), (4, ("-I",)), (4, ("-T", "-p", "80")),
                             (6, ())):
            demo.traceroute(family, *opts)
            print()

    with Daemon(lab, relay="own"):
        demo.heading("relay own: nothing spoofed, the router is in an "
                     "RFC 5837 object")
        for family in FAMILIES:
            demo.traceroute(family, "-e", relay="own")
            print()

    with Daemon(lab, relay="router", hop=True) as daemon:
        demo.heading("mtr, which needs a hop address to get past T")
        for family in FAMILIES:
            demo.mtr(family)
            print()
        demo.heading("uturnctl stats")
        sys.stdout.write(daemon.ctl("stats").stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--check", action="store_true",
                   help="fail if a path is not the lab's")
    o = p.parse_args()
    exit_on_signals()
    with Lab() as lab:
        demo = Demo(lab)
        run(demo)
    print()
    return 1 if o.check and demo.faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except LabError as e:
        sys.exit(f"demo: {e}")
