#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Runs the harnesses.

usage: run.py libfuzzer|afl SECONDS HARNESS ...
       run.py replay FOLDER HARNESS ...

A fuzzer works on a copy of the corpus below build/, two harnesses at a time;
what it finds stays below build/fuzz/found/ or in AFL++'s folder of crashes.
"""

import concurrent.futures
import glob
import os
import shutil
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
HERE = os.path.join("tests", "fuzz")
AT_ONCE = 2
MEMORY_MB = 1024
INPUT_SECONDS = 10
INPUT_BYTES = 2048


def corpus(name):
    return os.path.join(HERE, "corpus", name[len("fuzz_"):])


def dictionary(name):
    """The harness's own, or the one that several share."""
    path = os.path.join(HERE, name[len("fuzz_"):] + ".dict")
    if os.path.exists(path):
        return path
    path = os.path.join(HERE, name[len("fuzz_"):].rstrip("46") + ".dict")
    return path if os.path.exists(path) else None


def scratch(kind, name):
    """A fresh copy of the corpus to work on."""
    path = os.path.join("build", kind, "scratch", name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(os.path.join(path, "corpus"))
    for seed in glob.glob(os.path.join(corpus(name), "*")):
        shutil.copy(seed, os.path.join(path, "corpus"))
    return path


def tail(path, lines=40):
    with open(path, errors="replace") as log:
        return "".join(log.readlines()[-lines:])


def libfuzzer(name, seconds):
    work = scratch("fuzz", name)
    found = os.path.join("build", "fuzz", "found", name)
    os.makedirs(found, exist_ok=True)
    argv = [os.path.join("build", "fuzz", "tests", "fuzz", name),
            "-max_total_time=%d" % seconds, "-max_len=%d" % INPUT_BYTES,
            "-rss_limit_mb=%d" % MEMORY_MB, "-timeout=%d" % INPUT_SECONDS,
            "-artifact_prefix=%s/" % found, "-print_final_stats=1"]
    if dictionary(name):
        argv.append("-dict=" + dictionary(name))
    argv.append(os.path.join(work, "corpus"))
    start = time.time()
    log = os.path.join(work, "log")
    with open(log, "wb") as out:
        code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT).returncode
    if code == 0:
        runs = [line.split()[-1] for line in open(log, errors="replace")
                if "number_of_executed_units" in line]
        return True, "%s inputs" % (runs[0] if runs else "?")
    new = [f for f in glob.glob(os.path.join(found, "*"))
           if os.path.getmtime(f) >= start - 1]
    return False, "reproducer: %s\n%s" % (
        ", ".join(new) or "none was written (exit code %d)" % code, tail(log))


def afl(name, seconds):
    work = scratch("afl", name)
    env = dict(os.environ, AFL_NO_UI="1", AFL_SKIP_CPUFREQ="1",
               AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1", AFL_NO_AFFINITY="1",
               AFL_TESTCACHE_SIZE="20", AFL_IGNORE_SEED_PROBLEMS="1",
               ASAN_OPTIONS="abort_on_error=1:symbolize=0:detect_leaks=0",
               UBSAN_OPTIONS="abort_on_error=1:symbolize=0:halt_on_error=1")
    argv = ["afl-fuzz", "-V", str(seconds), "-i",
            os.path.join(work, "corpus"), "-o", os.path.join(work, "out"),
            "-m", "none", "-t", "%d" % (INPUT_SECONDS * 1000), "-G",
            str(INPUT_BYTES)]
    if dictionary(name):
        argv += ["-x", dictionary(name)]
    argv += ["--", os.path.join("build", "afl", "tests", "fuzz", name)]
    log = os.path.join(work, "log")
    with open(log, "wb") as out:
        code = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=out,
                              stderr=subprocess.STDOUT, env=env).returncode
    new = [f for kind in ("crashes", "hangs")
           for f in glob.glob(os.path.join(work, "out", "default", kind,
                                           "id*"))]
    if code == 0 and not new:
        stats = os.path.join(work, "out", "default", "fuzzer_stats")
        runs = [line.split(":")[1].strip() for line in open(stats)
                if line.startswith("execs_done")]
        return True, "%s inputs" % runs[0]
    return False, "reproducer: %s\n%s" % (
        ", ".join(new) or "none (exit code %d)" % code, tail(log))


def replay(name, folder):
    done = subprocess.run(
        [os.path.join(folder, "tests", "fuzz", name), corpus(name)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=600)
    return done.returncode == 0, done.stdout.decode(errors="replace").strip()


def main():
    kinds = {"libfuzzer": libfuzzer, "afl": afl, "replay": replay}
    if len(sys.argv) < 4 or sys.argv[1] not in kinds:
        sys.exit(__doc__)
    os.chdir(TOP)
    kind, how, names = sys.argv[1], sys.argv[2], sys.argv[3:]
    if kind != "replay":
        how = int(how)
    bad = []
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [(name, pool.submit(kinds[kind], name, how))
                for name in names]
        for name, job in jobs:
            good, text = job.result()
            print("%s %s: %s" % ("ok" if good else "FAILED", name, text),
                  flush=True)
            if not good:
                bad.append(name)
    if bad:
        sys.exit("%s: found something in %s" % (kind, ", ".join(bad)))


if __name__ == "__main__":
    main()
