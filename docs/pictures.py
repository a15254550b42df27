#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Makes the pictures of the README from real runs in the lab: as root,

    python3 docs/pictures.py

writes docs/session.svg (a terminal: traceroute, then utrace decode) and
docs/traces.svg (uturnctl show traces -o dot, drawn by graphviz).
"""

import html
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(TREE, "tests", "net"))

from daemon import BUILD, Daemon  # noqa: E402
from lab import Lab, exit_on_signals  # noqa: E402

UTRACE = os.path.join(BUILD, "utrace", "utrace")
CHAR, LINE, EDGE = 8.4, 18, 14


def terminal(lines):
    """An SVG of a terminal; a line that begins with a prompt is bright."""
    width = EDGE * 2 + CHAR * max(len(x) for x in lines)
    height = EDGE * 2 + LINE * len(lines)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
           f'height="{height}" font-family="monospace" font-size="14">',
           '<rect width="100%" height="100%" rx="8" fill="#1c2128"/>']
    for i, line in enumerate(lines):
        colour = "#e6edf3" if line.startswith("client$") else "#9fb3c8"
        out.append(f'<text x="{EDGE}" y="{EDGE + LINE * (i + 0.75):.0f}" '
                   f'fill="{colour}" xml:space="preserve">'
                   f'{html.escape(line)}</text>')
    return "\n".join(out + ["</svg>", ""])


def session(lab):
    lines = []
    for argv in (["traceroute", "-n", "-q1", "-e", lab.service[4]],
                 ["traceroute", "-6", "-n", "-q1", "-e", lab.service[6]]):
        done = lab.run("C", argv)
        shown = subprocess.run([UTRACE, "decode", "-n"], input=done.stdout,
                               capture_output=True, text=True, check=True)
        command = "client$ " + " ".join(argv)
        if not lines:
            lines += [command, *done.stdout.splitlines(), ""]
        lines += [command + " | utrace decode -n",
                  *shown.stdout.splitlines(), ""]
    return lines[:-1]


def main():
    exit_on_signals()
    with Lab() as lab:
        with Daemon(lab, relay="own") as daemon:
            lines = session(lab)
            lab.run("C", ["traceroute", "-n", "-q1", "-I", lab.service[4]])
            dot = daemon.ctl("-n", "show", "traces", "-o", "dot").stdout
    with open(os.path.join(HERE, "session.svg"), "w") as f:
        f.write(terminal(lines))
    svg = subprocess.run(["dot", "-Tsvg"], input=dot, capture_output=True,
                         text=True, check=True).stdout
    with open(os.path.join(HERE, "traces.svg"), "w") as f:
        f.write(svg)


if __name__ == "__main__":
    main()
