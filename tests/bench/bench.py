#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""How fast uturnd is, against the barest reflector that the kernel allows.

usage: bench.py [--build DIR] [--pairs N] [--seconds N] full|short|check|soak

full: everything, in some 12 minutes, and writes results/; short: only the
comparison; check: seconds, fails where probes are lost or counters don't add
up; soak: half the saturation rate for --seconds, fails on growth.
"""

import argparse
import os
import platform
import statistics
import sys
import time

from benchlab import (Bare, Lab, Uturnd, balance, configuration, costs, load)
from report import Report

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
CALM = 1000             # probes per second, for latency
FLOOD = 1000000         # more than anybody can follow
WINDOW = 512            # probes under way when looking for the limit
RATES = (100, 300, 1000, 3000, 10000, 20000, 30000, 40000, 50000, 60000)
PENDINGS = (1024, 4096, 8192, 16384, 65536)
# What the identifications of one client (IPv4) are good for in the long run.
CLIENT_MAX = 6500
CLIENTS = (1, 10, 100, 1000, 10000)
# What `make check` still accepts: on a busy machine, anything but broken.
FLOOR = 0.5
# Growth of the resident size that a soak forgives, for each process.
SOAK_GROWTH = 256 * 1024


def median(values):
    return statistics.median(values)


def spread(values, digits=2):
    return (f"{median(values):.{digits}f} "
            f"({min(values):.{digits}f} to {max(values):.{digits}f})")


def say(text):
    print(time.strftime("%H:%M:%S ") + text, flush=True)


class Bench:
    def __init__(self, lab, build, pairs):
        self.lab, self.build, self.pairs = lab, build, pairs

    def pair(self, seconds, number=0, **options):
        """Both in turn; who goes first changes with each pair."""
        order = [Bare, Uturnd] if number % 2 == 0 else [Uturnd, Bare]
        found = {}
        for kind in order:
            with kind(self.lab, self.build, **options) as target:
                # The first packets resolve neighbours and warm caches.
                load(target, CALM, 1)
                calm = load(target, CALM, seconds)
                full = load(target, FLOOD, seconds, WINDOW)
                over = load(target, FLOOD, seconds)
                found[kind.name] = {"calm": calm, "full": full, "over": over}
        return found

    def compare(self, pairs, seconds, what="", **options):
        all_pairs = []
        for number in range(pairs):
            found = self.pair(seconds, number, **options)
            b, u = found["bare"], found["uturnd"]
            say(f"pair {number + 1} of {pairs}{what}: median "
                f"{b['calm']['p50']:.0f} and {u['calm']['p50']:.0f} us, limit "
                f"{b['full']['rate']:.0f} and {u['full']['rate']:.0f}/s, "
                f"flooded {b['over']['rate']:.0f} and "
                f"{u['over']['rate']:.0f}/s")
            all_pairs.append(found)
        return all_pairs

    def repeat(self, kind, seconds, runs, rate, window=0, clients=1000,
               **options):
        """Some runs of one load against one kind of daemon."""
        found = []
        with kind(self.lab, self.build, **options) as target:
            load(target, CALM, 1)
            for _ in range(runs):
                found.append(load(target, rate, seconds, window, clients))
            rss = {p.name: p.rss() for p in target.processes}
        return found, rss


def ratios(pairs, load_name, key):
    return [p["uturnd"][load_name][key] / p["bare"][load_name][key]
            for p in pairs]


def values(pairs, name, load_name, key):
    return [p[name][load_name][key] for p in pairs]


def compare_table(report, pairs, title):
    report.table(title, ("", "bare", "uturnd", "uturnd : bare"), [
        ("median at 1,000/s, us",
         *[spread(values(pairs, n, "calm", "p50"), 1)
           for n in ("bare", "uturnd")],
         spread(ratios(pairs, "calm", "p50"))),
        ("99 of 100 at 1,000/s, us",
         *[spread(values(pairs, n, "calm", "p99"), 0)
           for n in ("bare", "uturnd")],
         spread(ratios(pairs, "calm", "p99"))),
        (f"u-turns/s, {WINDOW} under way",
         *[spread(values(pairs, n, "full", "rate"), 0)
           for n in ("bare", "uturnd")],
         spread(ratios(pairs, "full", "rate"))),
        ("u-turns/s, flooded",
         *[spread(values(pairs, n, "over", "rate"), 0)
           for n in ("bare", "uturnd")],
         spread(ratios(pairs, "over", "rate"))),
    ])


def number(x, digits=1):
    return "-" if x is None else f"{x:.{digits}f}"


def cost_table(bench, report):
    rows = []
    for kind in (Bare, Uturnd):
        for rate, window, text in ((CALM, 0, "1,000/s"),
                                   (FLOOD, WINDOW, "limit")):
            with kind(bench.lab, bench.build) as target:
                load(target, CALM, 1)
                found = costs(target, rate, 3, window)
            for name, (cpu, switches, calls) in found.items():
                rows.append((text, name, number(calls, 2), number(switches, 2),
                             number(cpu, 2)))
            if len(found) > 1:
                calls = [f[2] for f in found.values()]
                rows.append((
                    text, "uturnd, sum",
                    number(None if None in calls else sum(calls), 2),
                    number(sum(f[1] for f in found.values()), 2),
                    number(sum(f[0] for f in found.values()), 2)))
    report.table("One u-turn costs", ("load", "process", "system calls",
                                      "context switches", "CPU us"), rows)


def memory_table(bench, report):
    rows = []
    for pending in PENDINGS:
        runs, rss = bench.repeat(Uturnd, 2, 3, FLOOD, WINDOW, pending=pending)
        rows.append((pending, f"{median([r['rate'] for r in runs]):.0f}",
                     *[f"{rss[n] / 2**20:.1f}" for n in sorted(rss)],
                     f"{sum(rss.values()) / 2**20:.1f}"))
        say(f"pending {pending}: " + ", ".join(str(x) for x in rows[-1][1:]))
    report.table("Memory, MiB resident, after a run at the limit",
                 ("pending", "u-turns/s", *sorted(rss), "sum"), rows)


def client_table(bench, report):
    rows = []
    for n in CLIENTS:
        calm, _ = bench.repeat(Uturnd, 2, 3, CALM, clients=n)
        full, _ = bench.repeat(Uturnd, 2, 3, min(FLOOD, n * CLIENT_MAX),
                               WINDOW, clients=n)
        rows.append((n, f"{median([r['p50'] for r in calm]):.0f}",
                     f"{median([r['rate'] for r in full]):.0f}"))
        say(f"clients {n}: median {rows[-1][1]} us, limit {rows[-1][2]}/s")
    report.table("Clients (IPv4; one has 65,535 identifications, each of which "
                 f"rests for 10 s: offered {CLIENT_MAX}/s each at most)",
                 ("clients", "median at 1,000/s, us", "u-turns/s"), rows)


def rate_sweep(bench, report):
    rows = []
    curves = {}
    for kind in (Bare, Uturnd):
        for rate in RATES:
            runs, _ = bench.repeat(kind, 2, 3, rate)
            point = {key: median([r[key] for r in runs])
                     for key in ("rate", "p50", "p90", "p99", "loss")}
            curves.setdefault(kind.name, []).append((rate, point))
        say(f"{kind.name}: rates up to {RATES[-1]}/s")
    for (rate, b), (_, u) in zip(curves["bare"], curves["uturnd"]):
        rows.append((rate, *[f"{p[key]:.0f}" for p in (b, u)
                             for key in ("rate", "p50", "p99")],
                     *[f"{p['loss'] * 100:.2f}" for p in (b, u)]))
    report.table("Offered rate", (
        "offered/s", "bare: answered/s", "median us", "99 %", "uturnd: "
        "answered/s", "median us", "99 %", "bare: lost %", "uturnd: lost %"),
                 rows)
    report.rates(curves)


def machine():
    model = "?"
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":")[1].strip()
                break
    return (f"{os.cpu_count()} cores ({model}), Linux "
            f"{platform.release().split('-')[0]}, load and both namespaces' "
            "kernel work included; ")


def full(bench, _args):
    report = Report(TOP, machine(), bench.pairs)
    pairs = bench.compare(bench.pairs, 3)
    compare_table(report, pairs, "IPv4, UDP, relay router")
    report.pairs(pairs)
    cost_table(bench, report)
    rate_sweep(bench, report)
    few = min(3, bench.pairs)
    compare_table(report, bench.compare(few, 2, ", IPv6", family=6),
                  "IPv6, UDP, relay router")
    compare_table(report, bench.compare(few, 2, ", relay own", relay="own"),
                  "IPv4, relay own (bare: from its own address)")
    compare_table(report, bench.compare(few, 2, ", relay both", relay="both"),
                  "IPv4, relay both: two answers (bare: one)")
    client_table(bench, report)
    memory_table(bench, report)
    report.write()


def short(bench, _args):
    report = Report(TOP, machine(), bench.pairs)
    compare_table(report, bench.compare(bench.pairs, 2),
                  "IPv4, UDP, relay router")
    cost_table(bench, report)


def check_once(bench):
    problems = []
    with Bare(bench.lab, bench.build) as bare:
        yardstick = load(bare, FLOOD, 1, WINDOW)
    with Uturnd(bench.lab, bench.build) as uturnd:
        calm = load(uturnd, 200, 2)
        seen = load(uturnd, FLOOD, 1, WINDOW)
        stats = uturnd.settled()
    handed_up, ended = balance(stats)
    ratio = seen["rate"] / max(1, yardstick["rate"])
    print(f"u-turns/s: bare {yardstick['rate']:.0f}, uturnd "
          f"{seen['rate']:.0f}: {ratio:.2f}; median at 200/s "
          f"{calm['p50']:.0f} us, {calm['answered']} of {calm['sent']} "
          f"answered; {handed_up} probes handed up, {ended} ends counted",
          flush=True)
    if calm["answered"] != calm["sent"]:
        problems.append("probes were lost at 200/s")
    if ratio < FLOOR:
        problems.append(f"uturnd : bare below {FLOOR}")
    return problems, handed_up == ended


def check(bench, _args):
    """A step of the tests: no claim about speed but that there is some."""
    # A machine that stands still for a quarter of a second loses probes; a
    # sum that is wrong once is wrong.
    for _ in range(3):
        problems, balanced = check_once(bench)
        if not balanced:
            return ["the counters don't add up"]
        if not problems:
            break
    return problems


def soak_report(uturnd, begin, part):
    sizes = {p.name: p.rss() for p in uturnd.processes}
    stats = uturnd.stats()
    say(f"{time.monotonic() - begin:.0f} s: {stats['probes']['total']} "
        f"probes, {part['answered']} of {part['sent']} answered, median "
        f"{part['p50']:.0f} us; " + ", ".join(
            f"{name} {size // 1024} KiB" for name, size in sizes.items()))
    return sizes


def soak(bench, args):
    problems = []
    with Uturnd(bench.lab, bench.build) as uturnd:
        load(uturnd, CALM, 1)
        limit = load(uturnd, FLOOD, 3, WINDOW)["rate"]
        # Full tables first: what they touch is not growth.
        load(uturnd, FLOOD, 3)
        uturnd.settled()
        rate = max(1, int(limit / 2))
        say(f"limit {limit:.0f}/s; {rate}/s for {args.seconds} s")
        begin = time.monotonic()
        first = None
        sent = answered = 0
        while time.monotonic() - begin < args.seconds:
            part = load(uturnd, rate, min(30, args.seconds))
            sent += part["sent"]
            answered += part["answered"]
            sizes = soak_report(uturnd, begin, part)
            first = first or sizes
        stats = uturnd.settled()
    handed_up, ended = balance(stats)
    print(f"{sent} probes sent, {answered} answered ({sent - answered} not); "
          f"in all {handed_up} handed up, {ended} ends counted")
    if handed_up != ended:
        problems.append("counters don't add up")
    for name, size in sizes.items():
        if size > first[name] + SOAK_GROWTH:
            problems.append(f"{name} grew from {first[name]} to {size} bytes")
    if answered < sent * 0.5:
        problems.append("more than half was lost at half the limit")
    return problems


def main():
    plans = {"full": full, "short": short, "check": check, "soak": soak}
    parser = argparse.ArgumentParser(
        description="uturnd against the barest reflector")
    parser.add_argument("--build", default=os.path.join(TOP, "build/default"))
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1800)
    parser.add_argument("plan", choices=plans)
    args = parser.parse_args()
    with Lab() as lab:
        conf = os.path.join(lab.tmp, "rules.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(configuration(lab))
        os.chmod(conf, 0o644)
        lab.rules(os.path.abspath(args.build), conf)
        problems = plans[args.plan](
            Bench(lab, os.path.abspath(args.build), args.pairs), args)
    for problem in problems or ():
        print("bench: " + problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
