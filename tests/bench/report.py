#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""The bench's tables and plots."""

import os
import subprocess
import time

PLOT = """
set terminal svg size 760,420 font "sans,12" background "white"
set grid
set key top left
"""
RATES = """
set output "{folder}/rates.svg"
set title "Latency by offered rate ({machine})" noenhanced font "sans,10"
set logscale xy
set xlabel "probes per second"
set ylabel "microseconds until the answer"
plot "{folder}/rates-bare.dat" using 1:3 with linespoints lw 2 \\
	title "bare, median", \\
     "" using 1:5 with linespoints dt 2 title "bare, 99 of 100", \\
     "{folder}/rates-uturnd.dat" using 1:3 with linespoints lw 2 \\
	title "uturnd, median", \\
     "" using 1:5 with linespoints dt 2 title "uturnd, 99 of 100"
"""
PAIRS = """
set output "{folder}/pairs.svg"
set title "U-turns per second at the limit, pair by pair" font "sans,10"
set style data histograms
set style fill solid 0.7
set key bottom right
set yrange [0:*]
set xlabel "pair"
plot "{folder}/pairs.dat" using 2:xtic(1) title "bare", \\
     "" using 3 title "uturnd"
"""


class Report:
    """Tables, printed as they are made, and at the end written to files."""

    def __init__(self, top, machine, pairs):
        self.top = top
        self.folder = os.path.join(top, "tests", "bench", "results")
        self.machine = machine
        self.pairs_wanted = pairs
        self.parts = []
        self.files = {}
        self.plots = []

    def table(self, title, head, rows):
        lines = [f"**{title}**", "", "| " + " | ".join(head) + " |",
                 "|" + "---|" + "---:|" * (len(head) - 1)]
        lines += ["| " + " | ".join(str(x) for x in row) + " |"
                  for row in rows]
        text = "\n".join(lines) + "\n"
        print("\n" + text, flush=True)
        self.parts.append(text)

    def rates(self, curves):
        for name, points in curves.items():
            self.files[f"rates-{name}.dat"] = "".join(
                f"{rate} {p['rate']:.0f} {p['p50']} {p['p90']} {p['p99']}\n"
                for rate, p in points)
        self.plots.append(RATES)

    def pairs(self, pairs):
        self.files["pairs.dat"] = "".join(
            f"{n} {p['bare']['full']['rate']:.0f} "
            f"{p['uturnd']['full']['rate']:.0f}\n"
            for n, p in enumerate(pairs, 1))
        self.plots.append(PAIRS)

    def write(self):
        os.makedirs(self.folder, exist_ok=True)
        for name, text in self.files.items():
            with open(os.path.join(self.folder, name), "w",
                      encoding="ascii") as f:
                f.write(text)
        text = (f"Made by `sudo make bench BENCH_PAIRS={self.pairs_wanted}`, "
                f"{time.strftime('%Y-%m-%d')}: {self.machine}medians, in "
                "brackets the least and the most of all runs.\n\n"
                + "\n".join(self.parts))
        with open(os.path.join(self.folder, "README.md"), "w",
                  encoding="ascii") as f:
            f.write("# Results of the bench\n\n" + text +
                    "\n![rates](rates.svg)\n\n![pairs](pairs.svg)\n")
        for plot in self.plots:
            subprocess.run(
                ["gnuplot"], text=True, check=True,
                input=PLOT + plot.format(
                    folder=self.folder,
                    machine=self.machine.split(",")[0]))
