"""What an ELF file says of its own hardening, by readelf and objdump."""

import re
import subprocess

PAGE = 4096


def _said(tool, *arguments):
    return subprocess.run([tool, *arguments], check=True, timeout=120, capture_output=True,
                          text=True, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"}).stdout


def check(file):
    """That hold on every architecture, of a stripped program as well."""
    header, dynamic = _said("readelf", "-hW", file), _said("readelf", "-dW", file)
    segments = _said("readelf", "-lW", file)
    assert re.search(r"Type: +DYN ", header) and re.search(r"FLAGS_1\).*\bPIE\b", dynamic)
    assert re.search(r"FLAGS_1\).*\bNOW\b", dynamic) and "GNU_RELRO" in segments
    assert re.search(r"GNU_STACK +(0x\w+ +){5}RW +", segments)
    assert not re.search(r"LOAD +(0x\w+ +){5}RWE", segments) and "TEXTREL" not in dynamic
    taken = {name.split("@")[0] for name in re.findall(
        r" UND (\S+)", _said("readelf", "--dyn-syms", "-W", file))}
    assert "__stack_chk_fail" in taken
    # the C library's checking twins: of copies, and of formats
    assert {"__memcpy_chk", "__snprintf_chk", "__vsnprintf_chk"} <= taken


def check_x86_64(file):
    """What is to be seen in the code."""
    assert re.search(r"x86 feature: IBT, SHSTK", _said("readelf", "-nW", file))
    landed = probed = 0
    for function in _said("objdump", "-d", "--no-show-raw-insn", "-j", ".text",
                          file).split("\n\n")[1:]:
        lines = [line.split("\t", 1)[-1].strip() for line in function.splitlines()]
        landed += any(line == "endbr64" for line in lines)
        for i, line in enumerate(lines):
            taken = re.fullmatch(r"sub +\$0x([0-9a-f]+),%rsp", line)
            if taken:  # never past a guard page without touching it
                size = int(taken[1], 16)
                if size >> 63:  # less than nothing: given back, as short code does it
                    continue
                assert size <= PAGE, function[:200]
                if size == PAGE:
                    assert re.fullmatch(r"or[qb] +\$0x0,.*\(%rsp\)", lines[i + 1]), function[:200]
                    probed += 1
    assert landed and probed, (landed, probed)
