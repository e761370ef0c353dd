"""A memory cgroup of its own for a process, of either version; what is used of it, and whether the
kernel killed for it."""

import contextlib
import os
import pathlib
import time

ROOTS = {1: pathlib.Path("/sys/fs/cgroup/memory"), 2: pathlib.Path("/sys/fs/cgroup")}
FILES = {
    1: {"limit": "memory.limit_in_bytes", "now": "memory.usage_in_bytes", "stat": "memory.stat",
        "peak": "memory.max_usage_in_bytes"},
    2: {"limit": "memory.max", "now": "memory.current", "stat": "memory.stat",
        "peak": "memory.peak"},
}  # fmt: skip


def version():
    """Of the hierarchy that has the memory controller and lets us make groups; or None."""
    if (ROOTS[1] / "memory.limit_in_bytes").exists():
        found = 1
    elif "memory" in _text(ROOTS[2] / "cgroup.controllers").split():
        found = 2
    else:
        return None
    return found if os.access(ROOTS[found], os.W_OK) else None


def _text(path):
    return path.read_text() if path.exists() else ""


class MemoryGroup:
    """Use as a context; what still runs in it at the end is the caller's."""

    def __init__(self, limit_bytes):
        self.limit, self.version = limit_bytes, version()
        self.path = ROOTS[self.version] / f"pullthrough-test-{os.getpid()}-{time.monotonic_ns()}"

    def __enter__(self):
        if self.version == 2:
            with contextlib.suppress(OSError):  # it may be on already
                (ROOTS[2] / "cgroup.subtree_control").write_text("+memory")
        self.path.mkdir()
        self._file("limit").write_text(str(self.limit))
        if self.version == 1:  # without a limit nobody counts
            (self.path / "memory.kmem.tcp.limit_in_bytes").write_text(str(64 * self.limit))
        return self

    def __exit__(self, *_):
        end = time.monotonic() + 30
        while True:  # the last process has just ended
            try:
                self.path.rmdir()
                return
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def _file(self, name):
        return self.path / FILES[self.version][name]

    def wrapper(self, folder, program):
        """A program that is `program` in this group."""
        script = folder / "pullthrough"
        script.write_text(
            f'#!/bin/sh\nset -e\necho $$ >"{self.path}/cgroup.procs"\nexec "{program}" "$@"\n'
        )
        script.chmod(0o755)
        return script

    def sockets(self):
        """Bytes in sockets, which version 1 counts by themselves."""
        if self.version == 2:
            return 0
        return int((self.path / "memory.kmem.tcp.usage_in_bytes").read_text())

    def used(self):
        """Bytes that can't be dropped: without the cache of files, and with what is in sockets."""
        stat = dict(line.split() for line in self._file("stat").read_text().splitlines())
        cache = "cache" if self.version == 1 else "file"
        return int(self._file("now").read_text()) - int(stat[cache]) + self.sockets()

    def peak(self):
        """Most bytes since forget_peak(), as used(); 0 where this kernel doesn't tell."""
        if self.version == 2:  # it can't be forgotten in most kernels, so who samples must do
            return 0
        now, used = int(self._file("now").read_text()), self.used()
        return int(self._file("peak").read_text()) - (now - used)

    def forget_peak(self):
        if self.version == 1:
            self._file("peak").write_text("0")

    def kills(self):
        """How often the kernel killed for this group."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        events = dict(line.split() for line in (self.path / name).read_text().splitlines())
        return int(events["oom_kill"])
