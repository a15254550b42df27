#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""A strict reader of Prometheus' text format, version 0.0.4.

parse(text) returns {(name, frozenset of labels): value}; whatever the format
forbids, and what `promtool check metrics' would complain of, is a ValueError.
"""

import re

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"')
_SAMPLE = re.compile(rf"({_NAME})(?:\{{(.*)\}})? (\S+)")
_TYPES = ("counter", "gauge", "histogram")
_VALUE = re.compile(r"\+Inf|-Inf|NaN|[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def _labels(text):
    out, at = {}, 0
    while at < len(text):
        m = _LABEL.match(text, at)
        if not m or m[1] in out or m[1].startswith("__"):
            raise ValueError(f"labels {text}")
        out[m[1]] = m[2]
        at = m.end()
        if at < len(text):
            if text[at] != ",":
                raise ValueError(f"labels {text}")
            at += 1
    return out


def _number(text):
    if not _VALUE.fullmatch(text):
        raise ValueError(f"value {text}")
    return float(text.replace("Inf", "inf"))


def _family(name, types):
    """The metric that a sample belongs to."""
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and types.get(base) == "histogram":
            return base
    return name


def _histogram(name, samples):
    """Cumulative buckets, one of them +Inf, which is the count."""
    rows = {}
    for (sample, labels), value in samples.items():
        if _family(sample, {name: "histogram"}) != name or sample == name:
            continue
        labels = dict(labels)
        le = labels.pop("le", None)
        if (le is not None) != sample.endswith("_bucket"):
            raise ValueError(f"{sample}: le={le}")
        row = rows.setdefault(frozenset(labels.items()), {})
        row[_number(le) if le else sample] = value
    if not rows:
        raise ValueError(f"{name}: no samples")
    for row in rows.values():
        bounds = [b for b in row if isinstance(b, float)]
        counts = [row[b] for b in bounds]
        if bounds != sorted(bounds) or counts != sorted(counts) or \
                bounds[-1] != float("inf") or \
                counts[-1] != row[f"{name}_count"] or \
                f"{name}_sum" not in row:
            raise ValueError(f"{name}: {row}")


def parse(text):
    types, helps, samples, closed = {}, set(), {}, []
    if not text.endswith("\n"):
        raise ValueError("no line feed at the end")
    for line in text[:-1].split("\n"):
        m = re.fullmatch(rf"# HELP ({_NAME}) (\S.*)", line)
        if m:
            if m[1] in helps or not m[2].endswith("."):
                raise ValueError(line)
            helps.add(m[1])
            continue
        m = re.fullmatch(rf"# TYPE ({_NAME}) (\w+)", line)
        if m:
            if m[1] in types or m[2] not in _TYPES or m[1] not in helps:
                raise ValueError(line)
            if (m[2] == "counter") != m[1].endswith("_total"):
                raise ValueError(f"{line}: _total is for counters")
            types[m[1]] = m[2]
            closed.append(m[1])
            continue
        m = _SAMPLE.fullmatch(line)
        if not m:
            raise ValueError(line)
        # All samples of a metric stand together, behind its type.
        if _family(m[1], types) != closed[-1]:
            raise ValueError(f"{line}: not below its type")
        key = m[1], frozenset(_labels(m[2] or "").items())
        if key in samples:
            raise ValueError(f"{line}: twice")
        samples[key] = _number(m[3])
        if types[closed[-1]] == "counter" and not samples[key] >= 0:
            raise ValueError(line)
    if set(types) != helps:
        raise ValueError(f"without a type: {helps - set(types)}")
    for name, kind in types.items():
        if kind == "histogram":
            _histogram(name, samples)
        elif not any(sample == name for sample, _ in samples):
            raise ValueError(f"{name}: no sample")
    return samples
