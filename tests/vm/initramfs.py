#
# Copyright (c) 2026 The uturnd authors
# ISC licence, see LICENSE.
#
"""An initramfs made from files of this machine: a small Debian of its own.

Image collects paths and writes them as a cpio archive; no file of the
machine is changed, and no privilege is needed.
"""

import os
import re
import stat
import subprocess

# The interpreter's own modules that the test in the virtual machine uses.
PYTHON = "/usr/bin/python3"
PYTHON_IMPORTS = ("array, atexit, collections, dataclasses, encodings.ascii, "
                  "encodings.idna, fcntl, ipaddress, json, pwd, secrets, "
                  "select, shutil, socket, struct, tempfile, threading, "
                  "traceback, argparse, subprocess, encodings.latin_1")
# On this machine: the file of every module that these come to.
PYTHON_FILES = f"""
import sys, {PYTHON_IMPORTS}
for module in list(sys.modules.values()):
    for path in (getattr(module, "__file__", None),
                 getattr(module, "__cached__", None)):
        if path:
            print(path)
"""
LIBRARY = re.compile(r"^\s+(?:\S+ => )?(/\S+) \(0x[0-9a-f]+\)$", re.MULTILINE)


def output(argv, **kw):
    return subprocess.run(argv, check=True, capture_output=True, text=True,
                          **kw).stdout


class Image:
    """What goes into the archive: {path: (mode, mtime, content)}."""

    def __init__(self):
        self.entries = {}
        self.programs = []
        # Debian's merged /usr: these are links to the folders below it.
        for name in ("bin", "sbin", "lib", "lib64"):
            self.link("/" + name, "usr/" + name)

    def folder(self, path, mode=0o755):
        """A folder, and those above it."""
        while path not in ("", "/"):
            if path not in self.entries:
                self.entries[path] = (stat.S_IFDIR | mode, 0, b"")
            path, mode = os.path.dirname(path), 0o755

    def link(self, path, target):
        path = self.real(path)
        self.folder(os.path.dirname(path))
        self.entries[path] = (stat.S_IFLNK | 0o777, 0, target.encode())

    def text(self, path, content, mode=0o644, mtime=0):
        path = self.real(path)
        self.folder(os.path.dirname(path))
        if isinstance(content, str):
            content = content.encode()
        self.entries[path] = (stat.S_IFREG | mode, mtime, content)

    @staticmethod
    def real(path):
        """The path without the links of the merged /usr."""
        return re.sub(r"^/(bin|sbin|lib|lib64)/", r"/usr/\1/", path)

    def file(self, source, path=None, mode=None):
        """One file or link of this machine."""
        path = self.real(path or source)
        info = os.lstat(source)
        if stat.S_ISLNK(info.st_mode):
            self.link(path, os.readlink(source))
        elif stat.S_ISDIR(info.st_mode):
            self.folder(path)
        elif path not in self.entries:
            with open(source, "rb") as f:
                content = f.read()
            self.text(path, content, mode or stat.S_IMODE(info.st_mode),
                      int(info.st_mtime))

    def tree(self, source, path=None, skip=()):
        """A folder with all that is in it."""
        path = source if path is None else path
        for folder, folders, files in os.walk(source):
            folders[:] = [f for f in folders
                          if os.path.join(folder, f) not in skip]
            for name in files + folders:
                here = os.path.join(folder, name)
                self.file(here, path + here[len(source):])

    def program(self, source, path=None):
        """A program; its libraries are added at the end, all at once."""
        self.file(os.path.realpath(source), path or source, 0o755)
        self.programs.append(source)

    def python(self):
        """The interpreter, and the modules that the test needs."""
        self.program(PYTHON)
        paths = output([PYTHON, "-I", "-c", PYTHON_FILES]).split()
        for path in dict.fromkeys(paths):
            if os.path.exists(path):
                self.file(path)
        self.programs += [p for p in paths if p.endswith(".so")]

    def libraries(self):
        text = output(["ldd", *self.programs])
        for path in dict.fromkeys(LIBRARY.findall(text)):
            # By the name that is asked for, not the one behind the link.
            self.file(os.path.realpath(path), path)

    def modules(self, base, folders, names):
        """Kernel modules below the folders, those named, and what they need;
        base: where the kernel package is unpacked."""
        deps = {}
        with open(os.path.join(base, "modules.dep"), encoding="ascii") as f:
            for line in f:
                path, _, needs = line.partition(":")
                deps[path] = needs.split()
        wanted = [p for p in deps if p.startswith(tuple(folders))
                  or os.path.basename(p).split(".")[0] in names]
        while wanted:
            path = wanted.pop()
            target = self.real(f"/lib/modules/{os.path.basename(base)}/{path}")
            if target not in self.entries:
                self.file(os.path.join(base, path), target)
                wanted += deps[path]
        for name in os.listdir(base):
            if name.startswith("modules."):
                self.file(os.path.join(base, name), self.real(
                    f"/lib/modules/{os.path.basename(base)}/{name}"))

    def write(self, path):
        """The archive, in the form that the kernel unpacks (newc)."""
        with open(path, "wb") as f:
            # A folder comes before what is in it.
            for i, name in enumerate(sorted(self.entries)):
                f.write(_entry(i + 1, name[1:], *self.entries[name]))
            f.write(_entry(0, "TRAILER!!!", 0, 0, b""))


def _entry(inode, name, mode, mtime, content):
    data = name.encode() + b"\0"
    fields = (inode, mode, 0, 0, 1, mtime, len(content), 0, 0, 0, 0,
              len(data), 0)
    head = b"070701" + b"".join(b"%08x" % x for x in fields) + data
    return b"".join((head, bytes(-len(head) % 4), content,
                     bytes(-len(content) % 4)))
