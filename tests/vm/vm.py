#!/usr/bin/python3
#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""Boots Debian's own kernel with systemd and runs tests/vm/check.py there.

The kernels of many test machines have no native `queue` of nftables, no
AppArmor, and no systemd as process 1.  This one has all three.  It is
emulated, so nothing but qemu is needed; the kernel package is downloaded to
build/vm and never installed.

usage: vm.py [--keep]      --keep: leave the image and the console's log

Prints a line for each test.  Exit code 0: all passed; 1: some failed; 77:
it can't be run here, with the reason.
"""

import glob
import os
import re
import shutil
import subprocess
import sys

from initramfs import Image, output

HERE = os.path.dirname(os.path.realpath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TREE, os.environ.get("UTURND_BUILD", "build/default"))
WORK = os.path.join(TREE, "build", "vm")
SKIPPED = 77
# Some forty seconds where nothing else runs.
LIMIT = 420
QEMU = "qemu-system-x86_64"
KERNEL = "linux-image-cloud-amd64"

PROGRAMS = """
/bin/sh /bin/cat /bin/true /bin/sleep /bin/grep /bin/sed /bin/mount
/bin/umount /bin/dmesg /bin/systemctl /bin/journalctl /bin/kmod
/lib/systemd/systemd /lib/systemd/systemd-journald
/lib/systemd/systemd-shutdown /lib/systemd/systemd-sysctl
/bin/systemd-tmpfiles /bin/systemd-sysusers /sbin/ip /sbin/sysctl
/usr/sbin/nft /usr/bin/chrt /usr/bin/env /sbin/apparmor_parser
/usr/bin/traceroute
""".split()
# Of systemd's own only what the tests need; these are wanted by sysinit.target.
WANTED = """
systemd-journald.service systemd-sysusers.service
systemd-tmpfiles-setup.service
""".split()
UNITS = WANTED + """
basic.target final.target local-fs.target multi-user.target network-pre.target
network.target nftables.service paths.target shutdown.target slices.target
sockets.target sysinit.target systemd-journald.socket
systemd-journald-dev-log.socket timers.target umount.target
""".split()
# Loaded by no program by name, but by the C library.
LIBRARIES = glob.glob("/lib/x86_64-linux-gnu/libnss_files.so.2")
MODULE_FOLDERS = ("kernel/net/netfilter/nf", "kernel/net/ipv4/netfilter/nf",
                  "kernel/net/ipv6/netfilter/nf")
MODULES = ("veth",)


class Skip(Exception):
    """It can't be run here."""


def apt(*words, cwd=None):
    """apt-get, with a new list of packages if the old one is of no use."""
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive", LC_ALL="C")
    for before in ((), ("update",)):
        for argv in (before, words) if before else (words,):
            p = subprocess.run(["apt-get", "-qq", "-y", *argv], cwd=cwd,
                               env=env, text=True, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, check=False)
        if p.returncode == 0:
            return
    raise Skip(f"apt-get {' '.join(words)}: {p.stdout.strip()[-300:]}")


def need_programs():
    """What is too big for everybody's list of packages."""
    if output(["dpkg", "--print-architecture"]).strip() != "amd64":
        raise Skip("made for amd64")
    missing = [package for package, program in (
        ("qemu-system-x86", QEMU), ("kmod", "depmod"),
        ("systemd", "systemctl"), ("apparmor", "apparmor_parser"))
        if not shutil.which(program)]
    if missing:
        if os.geteuid() != 0:
            raise Skip(f"be root to install {' '.join(missing)}")
        apt("install", "--no-install-recommends", *missing)


def kernel():
    """The unpacked kernel package: (kernel image, folder of modules)."""
    root = os.path.join(WORK, "kernel")
    if not os.path.exists(os.path.join(root, "complete")):
        shutil.rmtree(root, ignore_errors=True)
        os.makedirs(root)
        # The name changes with each update.
        m = None
        for again in (False, True):
            if again:
                apt("update")
            p = subprocess.run(["apt-cache", "depends", KERNEL], text=True,
                               capture_output=True, check=False)
            m = re.search(r"Depends: (linux-image-\S+)", p.stdout)
            if m:
                break
        if not m:
            raise Skip(f"no package {KERNEL}")
        for old in glob.glob(os.path.join(WORK, "linux-image-*.deb")):
            os.unlink(old)
        apt("download", m[1], cwd=WORK)
        package = glob.glob(os.path.join(WORK, "linux-image-*.deb"))[0]
        subprocess.run(["dpkg-deb", "-x", package, root], check=True)
        base = glob.glob(os.path.join(root, "lib/modules/*"))[0]
        # The package ships no modules.dep.
        subprocess.run(["depmod", "-b", root, os.path.basename(base)],
                       check=True)
        with open(os.path.join(root, "complete"), "w", encoding="ascii"):
            pass
    return (glob.glob(os.path.join(root, "boot/vmlinuz-*"))[0],
            glob.glob(os.path.join(root, "lib/modules/*"))[0])


def image(path, base):
    """The whole system that is booted."""
    i = Image()
    for name in ("/dev", "/proc", "/sys", "/run", "/tmp", "/root", "/var/log",
                 "/var/tmp"):
        i.folder(name, 0o1777 if name.endswith("tmp") else 0o755)
    for program in PROGRAMS:
        i.program(program)
    for library in LIBRARIES:
        i.file(os.path.realpath(library), library)
    for name in ("modprobe", "lsmod"):
        i.link(f"/sbin/{name}", "/bin/kmod")
    i.link("/init", "usr/lib/systemd/systemd")
    i.python()
    for folder in ("abi", "abstractions", "tunables"):
        i.tree(f"/etc/apparmor.d/{folder}")
    for name in UNITS:
        i.file(f"/lib/systemd/system/{name}")
    for name in WANTED:
        i.link(f"/lib/systemd/system/sysinit.target.wants/{name}",
               f"../{name}")
    for name in ("/etc/nftables.conf", "/etc/protocols", "/etc/services"):
        if os.path.exists(name):
            i.file(name)
    i.modules(base, MODULE_FOLDERS, MODULES)
    i.tree(os.path.join(HERE, "root"), "")
    ours(i)
    i.libraries()
    i.write(path)


def ours(i):
    """What the Debian package installs, by the same paths; and the tests."""
    for name, path in (("uturnd/uturnd", "/usr/sbin/uturnd"),
                       ("uturnctl/uturnctl", "/usr/sbin/uturnctl")):
        i.program(os.path.join(BUILD, name), path)
    for name, path, mode in (
            ("uturnd/uturnd.service", "/lib/systemd/system", 0o644),
            ("contrib/uturnd-rules", "/usr/lib/uturnd", 0o755),
            ("contrib/uturnd.conf", "/etc/uturnd", 0o644),
            ("contrib/apparmor/usr.sbin.uturnd", "/etc/apparmor.d", 0o644),
            ("debian/uturnd.sysusers", "/usr/lib/sysusers.d/uturnd.conf",
             0o644),
            ("debian/uturnd.tmpfiles", "/usr/lib/tmpfiles.d/uturnd.conf",
             0o644)):
        if not path.endswith(".conf"):
            path = os.path.join(path, os.path.basename(name))
        i.file(os.path.join(TREE, name), path, mode)
    for name in ("lab.py", "daemon.py", "clients.py"):
        i.file(os.path.join(TREE, "tests/net", name), f"/test/{name}", 0o644)
    i.file(os.path.join(TREE, "contrib/uturnd.conf"), "/test/uturnd.conf",
           0o644)
    i.file(os.path.join(HERE, "check.py"), "/test/check.py", 0o644)


def boot(vmlinuz, initrd):
    """Runs the machine to its end; what the test wrote to the second port."""
    console = os.path.join(WORK, "console.log")
    results = os.path.join(WORK, "results.log")
    for path in (console, results):
        with open(path, "wb"):
            pass
    # One processor: on two, the kernel may mark a client's raw socket with an
    # error just after traceroute has read that error, and traceroute then
    # waits for another and never reads its answers (seen on IPv6 echo).
    # The kernel's exit code tells nothing: panic=-1 ends the machine.
    argv = ["timeout", "-k", "5", str(LIMIT), QEMU, "-accel", "tcg", "-cpu",
            "max", "-m", "768", "-smp", "1", "-nodefaults", "-display",
            "none", "-no-reboot", "-serial", f"file:{console}",
            "-serial", f"file:{results}", "-kernel", vmlinuz, "-initrd",
            initrd, "-append",
            "console=ttyS0 quiet panic=-1 systemd.show_status=0 "
            "systemd.log_target=kmsg systemd.log_level=warning "
            "printk.devkmsg=on"]
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       check=False)
    with open(results, encoding="utf-8", errors="replace") as f:
        text = f.read().replace("\r", "")
    ended = re.search(r"^done$", text, re.MULTILINE) is not None
    if not ended:
        text += "not ok the machine came to its end\n"
        text += f"# qemu: {p.returncode} {p.stdout.strip()}\n"
    if re.search(r"^not ok ", text, re.MULTILINE):
        with open(console, encoding="utf-8", errors="replace") as f:
            for line in f.read().replace("\r", "").splitlines()[-60:]:
                text += f"# console: {line}\n"
    return text


def main():
    keep = sys.argv[1:] == ["--keep"]
    if sys.argv[1:] and not keep:
        print(__doc__, file=sys.stderr)
        return 2
    initrd = os.path.join(WORK, "initrd.cpio")
    try:
        os.makedirs(WORK, exist_ok=True)
        need_programs()
        vmlinuz, base = kernel()
    except Skip as why:
        print(f"SKIPPED: native nftables, AppArmor and the unit are not "
              f"tried: {why}")
        return SKIPPED
    image(initrd, base)
    text = boot(vmlinuz, initrd)
    print(text, end="")
    if not keep:
        os.unlink(initrd)
    return 1 if re.search(r"^not ok ", text, re.MULTILINE) else 0


if __name__ == "__main__":
    sys.exit(main())
