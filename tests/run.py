#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Runs every test and says at the end: N passed, N failed.

usage: run.py [STEP ...]      all steps without an argument

Steps: build, lint, unit, san, fuzz, bench, net, vm.  Each test of a unit test
program, each fuzzing harness (its corpus replayed), each pytest case and each
test in the virtual machine counts one by one; each build and each lint counts
as one test.
"""

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JOBS = str(os.cpu_count() or 2)
# So many network tests at most are tried once more.
SECOND_TRIES = 8
LINTS = ["format", "cppcheck", "manuals", "borders", "size", "shell"]


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.names = []

    def add(self, name, passed=0, failed=0, skipped=0, seconds=0.0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        if failed:
            self.names.append(name)
        print("%-8s %-44s %4d passed %3d failed %3d skipped %6.1f s"
              % ("FAILED" if failed else "ok", name, passed, failed, skipped,
                 seconds), flush=True)


def run(argv, limit=1800):
    """Runs argv; returns exit code, output and seconds."""
    start = time.monotonic()
    try:
        done = subprocess.run(argv, cwd=TOP, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=limit)
        code, out = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, out = -1, (late.stdout or b"") + b"\ntoo slow: ended\n"
    return code, out.decode(errors="replace"), time.monotonic() - start


def one(tally, name, argv):
    """A command that is one test: exit code 0 is a pass."""
    code, out, seconds = run(argv)
    tally.add(name, int(code == 0), int(code != 0), 0, seconds)
    if code != 0:
        print(out, flush=True)
    return code == 0


def build(tally):
    for variant in ("default", "clang"):
        one(tally, "build " + variant,
            ["make", "-j" + JOBS, "VARIANT=" + variant, "all"])


def lint(tally):
    for name in LINTS:
        one(tally, "lint " + name, ["sh", "tests/lint.sh", name])


def cmocka(tally, variant):
    if not one(tally, "build unit tests, " + variant,
               ["make", "-j" + JOBS, "VARIANT=" + variant, "unit-programs"]):
        return
    base = os.path.join("build", variant, "tests")
    found = [entry for kind in ("unit", "sandbox") for entry
             in sorted(os.walk(os.path.join(TOP, base, kind)))]
    for folder, _, files in found:
        for name in sorted(files):
            path = os.path.join(folder, name)
            source = os.path.join(TOP, os.path.relpath(
                path, os.path.join(TOP, "build", variant))) + ".c"
            # A program whose source is gone is a leftover, not a test.
            if "." in name or not os.path.exists(source):
                continue
            code, out, seconds = run([path], 300)
            good = len(re.findall(r"^\[ +OK \]", out, re.M))
            skip = len(re.findall(r"^\[  SKIPPED \] [a-z0-9_]+$", out, re.M))
            bad = len(re.findall(r"^\[  FAILED  \] [a-z0-9_]+$", out, re.M))
            # cmocka names each of these twice: where it is, and at the end.
            bad -= bad // 2
            skip -= skip // 2
            # One that can't run in this build says so, and nothing else.
            if code == 0 and good + skip + bad == 0 and \
                    out.startswith("SKIPPED: "):
                skip = 1
            # Died on the way, or ran nothing: that is a failure, too.
            if code != 0 or good + skip == 0:
                bad = max(bad, 1)
            label = os.path.relpath(path, os.path.join(TOP, base))
            tally.add("%s %s" % (variant, label), good, bad, skip, seconds)
            if bad:
                print(out, flush=True)


def fuzz(tally):
    """The corpora through every harness, without a fuzzer."""
    code, out, seconds = run(["make", "-j" + JOBS, "fuzz-replay"])
    good = len(re.findall(r"^ok fuzz_", out, re.M))
    bad = len(re.findall(r"^FAILED fuzz_", out, re.M))
    # It did not build, or ran nothing: that is a failure, too.
    if code != 0 or good == 0:
        bad = max(bad, 1)
    tally.add("fuzz corpora", good, bad, 0, seconds)
    if bad:
        print(out, flush=True)


def bench(tally):
    """A short load: nothing lost, and the counters add up."""
    code, out, seconds = run(["make", "-j" + JOBS, "bench-check"], 300)
    tally.add("bench", int(code == 0), int(code != 0), 0, seconds)
    print("\n".join(out.splitlines()[-1:]) if code == 0 else out, flush=True)


def pytest(report, *argv, limit=3000):
    """Runs the network tests; returns counts, exit code, output, seconds."""
    if os.path.exists(report):
        os.unlink(report)
    code, out, seconds = run(
        ["/usr/bin/python3", "-m", "pytest", "-q",
         "--junitxml=" + report, *argv, "tests/net"], limit)
    count = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    if os.path.exists(report):
        root = ElementTree.parse(report).getroot()
        suite = root if root.tag == "testsuite" else root.find("testsuite")
        count = {key: int(suite.get(key, 0)) for key in count}
    bad = count["failures"] + count["errors"]
    # It ended otherwise than its report says, or reports nothing.
    if (code != 0 and bad == 0) or count["tests"] == 0:
        bad += 1
    return count["tests"], bad, count["skipped"], out, seconds


def net(tally):
    """The network tests are about time, on machines that others load, too:
    a few that fail get a second try by themselves.  What fails then has
    failed, and what passes then is named."""
    report = os.path.join(TOP, "build", "net.xml")
    tests, bad, skipped, out, seconds = pytest(report)
    if 0 < bad <= SECOND_TRIES < tests:
        print(out, flush=True)
        again, still, _, out, more = pytest(report, "--last-failed")
        seconds += more
        if again == bad and still < bad:
            print("at the second try %d of %d passed" % (bad - still, bad))
            bad = still
    tally.add("net", tests - bad - skipped, bad, skipped, seconds)
    if bad or skipped:
        print(out, flush=True)


def vm(tally):
    """In Debian's own kernel; where that can't be had, skipped, and why."""
    code, out, seconds = run(["make", "-s", "check-vm"], 900)
    good = len(re.findall(r"^ok ", out, re.M))
    bad = len(re.findall(r"^not ok ", out, re.M))
    skip = len(re.findall(r"^SKIPPED", out, re.M))
    if (code != 0 and skip == 0) or good + skip == 0:
        bad = max(bad, 1)
    tally.add("vm", good, bad, skip, seconds)
    if bad or skip:
        print(out, flush=True)


def main():
    steps = {"build": build, "lint": lint,
             "unit": lambda t: cmocka(t, "default"),
             "san": lambda t: cmocka(t, "san"), "fuzz": fuzz,
             "bench": bench, "net": net, "vm": vm}
    wanted = sys.argv[1:] or list(steps)
    for step in wanted:
        if step not in steps:
            sys.exit(__doc__)
    tally = Tally()
    for step in wanted:
        steps[step](tally)
    if tally.names:
        print("failed: " + ", ".join(tally.names))
    line = "%d passed, %d failed" % (tally.passed, tally.failed)
    if tally.skipped:
        line += ", %d skipped" % tally.skipped
    print(line)
    sys.exit(1 if tally.failed or not tally.passed else 0)


if __name__ == "__main__":
    main()
