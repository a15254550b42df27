#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Lines reached by corpora and unit tests together.

usage: coverage.py FOLDER HARNESS ...

FOLDER holds a build with clang's source-based coverage.  Prints every file of
the parsers, matchers and builders, and fails if a group is below 95 % or a
file below 90 %.
"""

import glob
import json
import os
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
# A group's lines, and each file's: some lines only say that a thing which
# can't be is not (an abort, a failure that was ruled out before).
LEAST = 95.0
LEAST_FILE = 90.0
GROUPS = {
    "parsers": ["engine/parse.c", "engine/reader.c", "engine/ext.c",
                "engine/ask.c", "priv/handup.c", "priv/request.c",
                "utrace/answer.c", "utrace/extension.c"],
    "matchers": ["priv/match*.c"],
    "builders": ["priv/build*.c", "priv/checksum.c", "common/wire.c",
                 "utrace/flow.c"],
    "imsg": ["common/imsg*.c", "common/ibuf*.c"],
    "messages": ["common/msg*.c"],
}


def run(argv, profiles, name):
    """Each process writes a profile of its own; %p is its number."""
    env = dict(os.environ, LLVM_PROFILE_FILE=os.path.join(
        profiles, name + "-%c%p.profraw"))
    try:
        done = subprocess.run(argv, env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=600)
    except subprocess.TimeoutExpired:
        print("note: %s: too slow, ended" % name)
        return
    if done.returncode != 0:
        # A test that counts descriptors sees the profile's.
        print("note: %s: exit code %d" % (name, done.returncode))


def tool(argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit("failed: " + argv[0])
    return done.stdout


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    os.chdir(TOP)
    folder, names = sys.argv[1], sys.argv[2:]
    profiles = os.path.join(folder, "profiles")
    shutil.rmtree(profiles, ignore_errors=True)
    os.makedirs(profiles)
    profiles = os.path.abspath(profiles)
    programs = []
    for name in names:
        program = os.path.join(folder, "tests", "fuzz", name)
        programs.append(program)
        run([program, os.path.join("tests", "fuzz", "corpus",
                                   name[len("fuzz_"):])], profiles, name)
    # A program whose source is gone is a leftover.
    for source in sorted(
            source for folder in ("common", "priv", "engine", "utrace")
            for source in glob.glob("tests/unit/%s/test_*.c" % folder)):
        program = os.path.join(folder, source[:-2])
        programs.append(program)
        run([program], profiles, source[:-2].replace("/", "-"))

    # Of children that were started without the variable.
    for path in glob.glob("default.profraw"):
        os.unlink(path)
    data = os.path.join(folder, "all.profdata")
    tool(["llvm-profdata", "merge", "-sparse", "-o", data] +
         glob.glob(os.path.join(profiles, "*.profraw")))
    argv = ["llvm-cov", "export", "-summary-only", "-instr-profile=" + data,
            programs[0]]
    for program in programs[1:]:
        argv += ["-object", program]
    report = json.loads(tool(argv))
    lines = {os.path.relpath(entry["filename"], TOP): entry["summary"]["lines"]
             for entry in report["data"][0]["files"]}
    low = []
    for group, patterns in GROUPS.items():
        covered = count = 0
        for path in sorted(p for w in patterns for p in glob.glob(w)):
            if path not in lines:
                sys.exit("no coverage of " + path)
            one = lines[path]
            print("%6.2f %%  %4d of %4d  %s" % (
                one["percent"], one["covered"], one["count"], path))
            covered += one["covered"]
            count += one["count"]
            if one["percent"] < LEAST_FILE:
                low.append(path)
        percent = 100.0 * covered / count
        print("%6.2f %%  %4d of %4d  all %s" % (
            percent, covered, count, group))
        if percent < LEAST:
            low.append(group)
    if low:
        sys.exit("too few lines reached: " + ", ".join(low))


if __name__ == "__main__":
    main()
