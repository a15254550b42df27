#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""What operators read and install is right: examples of the manuals,
completion, alerts, dashboard."""

import json
import os
import re
import shlex
import shutil
import subprocess

import promtext
import pytest
from daemon import EXIT_OK, TREE, UTURNCTL, UTURND
from lab import run

CONTRIB = os.path.join(TREE, "contrib")
UNREACHABLE = 3


def read(*path):
    with open(os.path.join(TREE, *path), encoding="utf-8") as f:
        return f.read()


def valid_words(*words):
    """What uturnctl says may stand behind these words."""
    p = run([UTURNCTL, *words], check=False)
    assert p.returncode == 2, p
    found = re.findall(r"^  (\w+) ", p.stderr, re.M)
    assert found, p.stderr
    return sorted(found)


def commands():
    """All commands, as lists of words."""
    out = []
    for word in valid_words():
        p = run([UTURNCTL, word], check=False) if word in ("show", "log") \
            else None
        if p is None:
            out.append([word])
        else:
            out += [[word, w] for w in valid_words(word)]
    return out


# The manuals


def roff(text):
    """A line of mdoc as it is printed."""
    return text.replace("\\&", "").replace("\\e", "\\").rstrip()


def blocks(page):
    """The literal blocks of a page's EXAMPLES."""
    text = page[page.index(".Sh EXAMPLES"):]
    text = text[:text.index("\n.Sh ", 1)]
    return [roff(b) for b in re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed",
                                        text, re.M | re.S)]


def shell_lines(page):
    return [roff(line) for line in re.findall(r"^\.Dl [#$] (.*)$", page, re.M)]


def test_configuration_examples(tmp_path):
    """Each block reads, and together they have each statement there is."""
    examples = blocks(read("uturnd", "uturnd.conf.5"))
    assert len(examples) >= 3
    (tmp_path / "local.conf").write_text("# nothing\n")
    seen = ""
    for text in examples:
        conf = tmp_path / "uturnd.conf"
        conf.write_text(text.replace("/etc/uturnd/", f"{tmp_path}/") + "\n")
        p = run([UTURND, "-n", "-f", conf], check=False)
        assert p.returncode == EXIT_OK, f"{text}\n{p.stderr}"
        assert "given again" not in p.stderr
        seen += text + "\n"
    # The first word of each statement, as the parser itself lists them.
    conf.write_text("lissten on 192.0.2.1\n")
    p = run([UTURND, "-n", "-f", conf], check=False)
    words = re.search(r"allowed is NAME = VALUE, (.*) or (\w+)$", p.stderr,
                      re.M)
    statements = words[1].split(", ") + [words[2]]
    assert len(statements) > 20
    missing = [s for s in statements
               if not re.search(rf"^\s*{s}\b", seen, re.M)]
    assert missing == []
    page = read("uturnd", "uturnd.conf.5")
    # Each has its place in the text, too, and the table its defaults.
    for s in statements:
        assert re.search(rf"^\.(It|It Xo\n\.)? ?Ic {s}\b", page, re.M), s


def test_defaults_are_said(tmp_path):
    """What the page calls a default is what the daemon takes."""
    conf = tmp_path / "uturnd.conf"
    conf.write_text("listen on 192.0.2.1\n")
    printed = run([UTURND, "-nv", "-f", conf]).stdout
    page = read("uturnd", "uturnd.conf.5")
    for line in printed.splitlines():
        m = re.fullmatch(r"(mode|max ttl|gate|timeout|settle|turn|relay|"
                         r"inflection|unreachable|conntrack|augsburg|"
                         r"pending) (\S+)", line)
        if m:
            entry = re.search(rf"^\.It Ic {m[1]} (.*?)Default:\n?(.*?)\n\.It",
                              page, re.M | re.S)
            assert entry, line
            assert re.search(rf"(^|\s){m[2]}\b", entry[2]), line


def test_command_examples():
    """Every command has an example, and uturnctl understands each one."""
    page = read("uturnctl", "uturnctl.8")
    used = []
    for line in shell_lines(page):
        argv = shlex.split(line.split(" | ")[0].split(" >")[0])
        assert argv[0] == "uturnctl", line
        p = run([UTURNCTL, *argv[1:], "-s", "/nonexistent/sock"],
                check=False, timeout=60)
        assert p.returncode == UNREACHABLE, f"{line}\n{p.stderr}"
        words = [w for w in argv[1:] if not w.startswith(("-", "/"))]
        used.append(words[:2])
    for command in commands():
        assert any(u[:len(command)] == command for u in used), command
    for command in commands():
        entry = ".It Cm " + " Cm ".join(command)
        assert entry in page or command[0] == "log", command


# Completion


def bash(*words):
    script = ("source \"$1\"; shift; COMP_WORDS=(\"$@\");"
              " COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _uturnctl;"
              " printf '%s\\n' \"${COMPREPLY[@]}\"")
    p = run(["bash", "-c", script, "bash",
             os.path.join(CONTRIB, "completion", "uturnctl"),
             "uturnctl", *words])
    return sorted(p.stdout.split())


def test_bash_completion():
    """It knows the words that uturnctl knows, wherever the options are."""
    assert bash("") == valid_words()
    assert bash("show", "") == valid_words("show")
    assert bash("-s", "/run/x", "show", "-n", "") == valid_words("show")
    assert bash("log", "") == valid_words("log")
    assert bash("deny", "") == ["remove"]
    assert bash("re") == ["reload", "resume"]
    assert bash("show", "traces", "") == []
    assert bash("show", "traces", "-o", "") == ["dot"]
    assert bash("-") == ["-j", "-n", "-o", "-s"]


def test_zsh_completion():
    """The same words; and zsh reads it, where it is."""
    text = read("contrib", "completion", "_uturnctl")
    said = re.findall(r"^\t\t'(\w+):", text, re.M)
    known = valid_words() + valid_words("show") + valid_words("log")
    assert sorted(said) == sorted(known)
    for name in ("_uturnctl", "_uturnd"):
        assert read("contrib", "completion", name).startswith("#compdef ")
        if shutil.which("zsh"):
            run(["zsh", "-n", os.path.join(CONTRIB, "completion", name)])


# Prometheus and Grafana


@pytest.fixture(name="metrics", scope="module")
def metric_names(lab):
    """Name and labels of all that `show metrics' prints."""
    # pylint: disable=import-outside-toplevel
    from daemon import Daemon
    with Daemon(lab, rules=False) as daemon:
        samples = promtext.parse(daemon.ctl("show", "metrics").stdout)
    out = {}
    for name, labels in samples:
        out.setdefault(name, set()).update(k for k, _ in labels)
    return out


def used(text):
    return set(re.findall(r"\buturnd_\w+", text))


def labels_fit(expr, metrics):
    """by (...) names labels that the metrics have."""
    have = set().union(*(metrics[n] for n in used(expr))) | {"instance"}
    for by in re.findall(r"by \(([^)]*)\)", expr):
        assert {b.strip() for b in by.split(",")} <= have, expr


def test_alert_rules(metrics):
    text = read("contrib", "prometheus", "uturnd.rules.yml")
    names = used(text)
    assert names and names <= set(metrics), names - set(metrics)
    alerts = re.findall(r"- alert: (\w+)", text)
    assert {"UturndQueueDrops", "UturndForgedErrors", "UturndLimitsHit",
            "UturndRestarted", "UturndQueueNotServing", "UturndDown",
            "UturndRequestsDropped", "UturndRequestsExpire"} <= set(alerts)
    for block in text.split("- alert: ")[1:]:
        labels_fit(block, metrics)
        assert "summary:" in block and "severity:" in block
    if shutil.which("promtool"):
        subprocess.run(
            ["promtool", "check", "rules",
             os.path.join(CONTRIB, "prometheus", "uturnd.rules.yml")],
            check=True, capture_output=True)


def test_dashboard(metrics):
    board = json.loads(read("contrib", "grafana", "uturnd.json"))
    ids = [p["id"] for p in board["panels"]]
    assert len(set(ids)) == len(ids) > 5
    names = set()
    for panel in board["panels"]:
        assert panel["title"] and panel["targets"]
        for target in panel["targets"]:
            names |= used(target["expr"])
            labels_fit(target["expr"], metrics)
    assert names <= set(metrics), names - set(metrics)
    # Each way in which probes and requests end, and no panel on another.
    assert {n for n in metrics if n.startswith("uturnd_requests")} <= names
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]]
    assert len(set(places)) == len(places)
    for v in board["templating"]["list"]:
        assert used(str(v["query"])) <= set(metrics)


def test_units():
    """The timer's service runs what the Makefile installs."""
    service = read("contrib", "uturnd-metrics.service")
    makefile = read("Makefile")
    assert "ExecStart=/usr/lib/uturnd/uturnd-metrics " in service
    for name in ("uturnd-metrics", "uturnd-metrics.service",
                 "uturnd-metrics.timer", "completion/uturnctl",
                 "completion/_uturnctl", "grafana/uturnd.json",
                 "prometheus/uturnd.rules.yml"):
        assert f"contrib/{name}" in makefile
    if shutil.which("systemd-analyze"):
        p = run(["systemd-analyze", "verify", "--man=no",
                 os.path.join(CONTRIB, "uturnd-metrics.timer")], check=False)
        lines = [line for line in p.stderr.splitlines()
                 if "uturnd-metrics" in line
                 and "is not executable" not in line]
        assert lines == []
