#!/bin/sh
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
# Installs what is missing of tests/packages.txt, and says nothing if nothing
# is.  With --check it only names what is missing, and then fails.

set -eu

die()
{
	echo "setup.sh: $*" >&2
	exit 1
}

list=$(dirname "$0")/packages.txt
[ -r "$list" ] || die "cannot read $list"
command -v dpkg-query >/dev/null || die "this is not Debian: install by hand" \
    "what $list names"

packages=$(sed 's/#.*//' "$list")
missing=
for package in $packages; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) ||
	    state=absent
	[ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if [ "${1:-}" = --check ]; then
	die "missing:$missing"
fi
[ "$(id -u)" -eq 0 ] || die "be root to install:$missing"

echo "installing:$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# An old package list is the usual reason for a failure: renew it, once more.
# shellcheck disable=SC2086
apt-get -qq -y --no-install-recommends install $missing >"$log" 2>&1 ||
    { apt-get -qq update >"$log" 2>&1 &&
    apt-get -qq -y --no-install-recommends install $missing >>"$log" 2>&1; } ||
    { cat "$log" >&2; die "apt-get could not install:$missing"; }
