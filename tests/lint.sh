#!/bin/sh
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
# tests/lint.sh NAME: one check of the sources; silent and 0 if they are clean.
#   format    clang-format, as .clang-format says
#   cppcheck  static analysis
#   manuals   mandoc's lint
#   borders   engine/ and priv/ share nothing but common/
#   size      no file over 800 lines, no function over 80
#   shell     every script parses

set -eu
cd "$(dirname "$0")/.."

sources()
{
	find common engine priv uturnd uturnctl utrace tests -name '*.[ch]' |
	    LC_ALL=C sort
}

case "${1:-}" in
format)
	# shellcheck disable=SC2046
	clang-format --dry-run -Werror $(sources)
	;;
cppcheck)
	cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr \
	    --enable=warning,performance,portability -I. -Ibuild/default \
	    -I/usr/include/bsd -D_GNU_SOURCE -DLIBBSD_OVERLAY \
	    --suppress=missingIncludeSystem -j 2 \
	    common engine priv uturnd uturnctl utrace
	;;
manuals)
	find uturnd uturnctl utrace -name '*.[158]' -print |
	while read -r page; do
		out=$(mandoc -Tlint -Wwarning "$page" 2>&1) || true
		[ -z "$out" ] || { echo "$out"; exit 1; }
	done
	;;
borders)
	if grep -n '#include "priv/' engine/*.[ch] ||
	    grep -n '#include "engine/' priv/*.[ch] ||
	    grep -nE '#include "(engine|priv|uturnd|uturnctl)/' common/*.[ch]
	then
		exit 1
	fi
	;;
size)
	# A function begins with its name in the first column and ends with
	# a brace there.
	sources | while read -r f; do
		awk -v file="$f" '
		    /^[a-z_0-9]+\(/ { start = FNR; name = $0 }
		    /^}/ && start {
			if (FNR - start > 80) {
				printf "%s:%d: %s: %d lines\n", file, start,
				    name, FNR - start; bad = 1
			}
			start = 0
		    }
		    END {
			if (FNR > 800) {
				printf "%s: %d lines\n", file, FNR; bad = 1
			}
			exit bad
		    }' "$f"
	done
	;;
shell)
	find . -name '*.sh' -not -path './build/*' -exec sh -n {} \;
	;;
*)
	echo "usage: lint.sh format|cppcheck|manuals|borders|size|shell" >&2
	exit 2
	;;
esac
