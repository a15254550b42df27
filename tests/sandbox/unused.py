#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Rules of a system call filter that a run under strace never needed.

The traces are those of one process, in raw numbers, one process a file:
    strace -ff -e raw=all -o TRACE uturnd ...
What counts comes after the last filter was loaded.
"""

import argparse
import dataclasses
import re

RULE = re.compile(r"^# ([a-z0-9_]+)(?:\(([^)]*)\))?: (.*)$")
CONDITION = re.compile(r"^a(\d)(?: & (0x[0-9a-f]+|\d+))? "
                       r"(==|<=)( param)? (\d+)$")
CALL = re.compile(r"^([a-z0-9_]+)\((.*?)\)? += ")
# A call that the process did not come back from.
LAST = re.compile(r"^([a-z0-9_]+)\((.*?)(?:\)| <unfinished)")
WORD = 1 << 64
# No number of 64 bits: this and more stand for a rule's parameters.
PARAM = WORD


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule of a filter, as the comments of its golden text say."""

    call: str
    conditions: tuple
    why: str

    def __str__(self):
        inner = f"({', '.join(self.conditions)})" if self.conditions else ""
        return self.call + inner

    def allows(self, call, args):
        if call != self.call:
            return False
        for condition in self.conditions:
            arg, mask, op, param, value = CONDITION.match(condition).groups()
            have = args[int(arg)]
            if param:
                value = PARAM + int(value)
            if mask:
                have &= int(mask, 0)
            if not (have == int(value) if op == "==" else have <= int(value)):
                return False
        return True


def read_rules(path):
    """The rules of a golden text."""
    rules = []
    with open(path, encoding="ascii") as f:
        for line in f:
            m = RULE.match(line)
            if m is None:
                break
            conditions = tuple(m.group(2).split(", ")) if m.group(2) else ()
            for condition in conditions:
                if not CONDITION.match(condition):
                    raise ValueError(f"{path}: {line.strip()}")
            rules.append(Rule(m.group(1), conditions, m.group(3)))
    if not rules:
        raise ValueError(f"{path}: no rules")
    return rules


def read_trace(path, params=()):
    """The calls, (name, arguments), since the last filter was loaded.

    params: the values of the filter's parameters, the children's process ids.
    """
    names = {value: PARAM + i for i, value in enumerate(params)}
    calls = []
    with open(path, encoding="ascii", errors="replace") as f:
        for line in f:
            m = CALL.match(line) or LAST.match(line)
            if m is None:
                continue
            if m.group(1) == "seccomp":
                calls = []
                continue
            args = []
            for word in m.group(2).split(", "):
                try:
                    value = int(word, 0) % WORD
                except ValueError:
                    break
                args.append(names.get(value, value))
            args += [0] * (6 - len(args))
            calls.append((m.group(1), tuple(args)))
    return calls


def unused(rules, calls):
    """The rules that none of the calls needed."""
    seen = set(calls)
    return [r for r in rules
            if not any(r.allows(call, args) for call, args in seen)]


def outside(rules, calls):
    """Calls that no rule allows: there are none, or strace lies."""
    return sorted({call for call, args in set(calls)
                   if not any(r.allows(call, args) for r in rules)})


def table(rules, calls):
    """Every rule, how often it was needed, and why it is there."""
    lines = []
    for rule in rules:
        n = sum(rule.allows(call, args) for call, args in calls)
        lines.append(f"{n:7d}  {str(rule):50s}  {rule.why}")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", help="tests/sandbox/golden/PROCESS.pfc")
    parser.add_argument("trace", nargs="+")
    parser.add_argument("-p", metavar="PID", type=int, action="append",
                        default=[], help="the engine's process id, then the "
                        "packet process's, for a trace of the controller")
    args = parser.parse_args()
    print(table(read_rules(args.golden),
                [c for path in args.trace for c in read_trace(path, args.p)]))


if __name__ == "__main__":
    main()
