"""A network of its own for a test, and a kernel without IPv6 for a program."""

import contextlib
import ctypes
import os
import pathlib
import subprocess

import pytest

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)

# socket(2) says EAFNOSUPPORT to AF_INET6, as it does after ipv6.disable=1 on the kernel's command
# line: a filter for seccomp(2), each instruction code, jumps if true and if false, operand.
NO_IPV6 = """\
#!/usr/bin/python3 -IS
import ctypes, errno, os, platform, socket, struct, sys
number = {"x86_64": 41, "aarch64": 198}[platform.machine()]
code = [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16), (0x15, 0, 1, socket.AF_INET6),
        (0x06, 0, 0, 0x00050000 | errno.EAFNOSUPPORT), (0x06, 0, 0, 0x7FFF0000)]
filter = b"".join(struct.pack("HBBI", *each) for each in code)
class Program(ctypes.Structure):
    _fields_ = [("count", ctypes.c_ushort), ("filter", ctypes.c_char_p)]
prctl = ctypes.CDLL(None, use_errno=True).prctl
if prctl(38, 1, 0, 0, 0) or prctl(22, 2, ctypes.byref(Program(len(code), filter))):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execv("PROGRAM", ["PROGRAM", *sys.argv[1:]])
"""


def without_ipv6(program, folder):
    """The program, on a kernel that knows no IPv6."""
    wrapper = folder / "without-ipv6"
    wrapper.write_text(NO_IPV6.replace("PROGRAM", str(program)))
    wrapper.chmod(0o755)
    return wrapper


def _call(function, *arguments):
    if function(*arguments):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _ip(*lines):
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def add_address(address):
    """To the network that the thread is in."""
    _ip(f"address add {address} dev lo")


@contextlib.contextmanager
def network(*addresses, sysctls=()):
    """The thread that enters it, and what it starts, are in a network namespace whose loopback
    interface has these addresses, and no other: ::1, or fd00:ec2::23 just as well."""
    with open("/proc/thread-self/ns/net", "rb") as outside:
        try:
            _call(_libc.unshare, CLONE_NEWNET)
        except PermissionError:
            pytest.skip("needs root, to make a network namespace")
        try:
            for name, value in sysctls:
                pathlib.Path("/proc/sys/net", name).write_text(value)
            _ip("link set lo up", "address flush dev lo")
            for address in addresses:
                add_address(address)
            yield
        finally:
            _call(_libc.setns, outside.fileno(), CLONE_NEWNET)
