#!/bin/sh
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
# Builds the Debian package from what is committed, checks it with lintian, and
# installs, upgrades, removes and purges it in a minimal Debian of its own.
# Needs root, dpkg-dev, debhelper, dh-apparmor, lintian, debootstrap, and
# Debian's mirror.  What happens under a running systemd is vm.py's matter.

set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d /tmp/uturnd-package-XXXXXX)
trap 'rm -rf "$work"' EXIT
root=$work/root
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=${MIRROR:-http://deb.debian.org/debian}
# What the package depends on, so that dpkg alone can install it.
depends=systemd,nftables,libbsd0,libcap-ng0,libjansson4,libmnl0
depends=$depends,libnetfilter-queue1,libseccomp2,libsodium23

die()
{
	echo "not ok $*" >&2
	exit 1
}

ok()
{
	echo "ok $*"
}

inside()
{
	PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive \
	    LC_ALL=C unshare -pf --mount-proc="$root/proc" \
	    chroot "$root" "$@" >>"$work/log" 2>&1 ||
	    { cat "$work/log" >&2; die "$*"; }
}

# All files but dpkg's own books, the user tables and caches.
files()
{
	(cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./tmp -o \
	    -path ./var/log -o -path ./var/cache \) -prune -o -print |
	    LC_ALL=C sort)
}

mkdir "$work/uturnd"
git -C "$top" archive HEAD | tar -x -C "$work/uturnd"
(cd "$work/uturnd" && DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-nocheck}" \
    dpkg-buildpackage -us -uc -b) >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; die "dpkg-buildpackage"; }
ok "the package is built"
lintian --allow-root --fail-on error,warning "$work"/uturnd_*.changes ||
    die "lintian"
ok "lintian finds nothing"

# The next version, with another default configuration.
old=$(ls "$work"/uturnd_*.deb)
dpkg-deb -R "$old" "$work/next"
sed -i 's/^Version: .*/&.1/' "$work/next/DEBIAN/control"
cp -a "$work/next" "$work/later"
sed -i 's/^Version: .*/&.2/' "$work/later/DEBIAN/control"
echo "# a new line" >>"$work/later/etc/uturnd/uturnd.conf"
for name in next later; do
	dpkg-deb --root-owner-group -b "$work/$name" "$work/$name.deb" \
	    >/dev/null
done

debootstrap --variant=minbase --include="$depends" "$suite" "$root" \
    "$mirror" >"$work/log" 2>&1 || { tail "$work/log" >&2; die debootstrap; }
cp "$old" "$work/old.deb"
cp "$work"/*.deb "$root/tmp"
conf=$root/etc/uturnd/uturnd.conf

files >"$work/before"
inside dpkg -i /tmp/old.deb
ok "installed"
inside uturnd -V
grep -q '^_uturnd:.*:/nonexistent:/usr/sbin/nologin$' "$root/etc/passwd" ||
    die "no user _uturnd"
[ "$(stat -c %U:%a "$root/run/uturnd-empty")" = root:755 ] ||
    die "/run/uturnd-empty"
inside stat -c %U /run/uturnd
[ "$(tail -n 1 "$work/log")" = _uturnd ] || die "/run/uturnd"
ok "its user and its folders are there"
link=$root/etc/systemd/system/multi-user.target.wants/uturnd.service
[ -L "$link" ] || die "the unit is not enabled"
[ -z "$(find "$root/etc/systemd" -name 'uturnd-metrics*')" ] ||
    die "the timer is enabled"
ok "the daemon's unit is enabled, the timer is not"
chroot "$root" uturnd -n 2>&1 | grep -q "listen on ADDRESS" ||
    die "the configuration as shipped does not say what it lacks"
ok "the configuration as shipped says what it lacks"

echo "listen on 192.0.2.53" >>"$conf"
cp "$conf" "$work/mine"
inside dpkg -i /tmp/next.deb
cmp -s "$conf" "$work/mine" || die "an upgrade changed the configuration"
inside dpkg --force-confdef --force-confold -i /tmp/later.deb
cmp -s "$conf" "$work/mine" || die "an upgrade changed the configuration"
[ -e "$conf.dpkg-dist" ] || die "the new default is not beside it"
inside uturnd -n
ok "upgrades keep a changed configuration"

inside dpkg -r uturnd
cmp -s "$conf" "$work/mine" || die "removal took the configuration"
[ ! -e "$root/run/uturnd" ] || die "/run/uturnd is left"
[ ! -e "$root/usr/sbin/uturnd" ] || die "the program is left"
ok "removed: the configuration is left, programs and folders are not"
inside dpkg -P uturnd
files >"$work/after"
# The tables of users have copies, the user stays.
diff "$work/before" "$work/after" | grep '^[<>]' |
    grep -vE '/etc/(passwd|group|g?shadow)-$|/\.pwd\.lock$' && die "purge left the above"
grep -q '^_uturnd:' "$root/etc/passwd" || die "purge took the user"
ok "purged: nothing is left but the user"
