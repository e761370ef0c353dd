"""Instructions in user space per review, by callgrind: two runs that differ only in how many
reviews are sent, so that start, handshake and stop cancel out. It doesn't depend on the
machine's load, so it can be compared with the figure that was last written down."""

import pathlib
import re
import subprocess

from clients import Connection
from servers import Server

FEW, MANY = 500, 2500
WRITTEN_DOWN = pathlib.Path(__file__).parent / "instructions.txt"
TOLERANCE = 0.03
LIBRARIES = ["libh2o-evloop0.13", "libssl3", "libyyjson0", "libc6"]


def _total(program, certificate, review, requests, folder):
    out = folder / f"callgrind.{requests}"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    log = folder / f"callgrind.{requests}.log"
    with Server(program, log, wrapper=valgrind) as server:
        connection = Connection(server.port(), certificate)
        for _ in range(requests):
            connection.post(review)
        connection.close()
        server.stop()
    (total,) = re.findall(r"^totals: (\d+)$", out.read_text(), re.M)
    return int(total)


def measure(program, certificate, review, folder):
    few = _total(program, certificate, review, FEW, folder)
    many = _total(program, certificate, review, MANY, folder)
    return (many - few) / (MANY - FEW)


def measure_program(command, folder):
    """Per round, of a program whose last argument is how many it makes."""
    totals = []
    for rounds in (FEW, MANY):
        out = folder / f"callgrind.{rounds}"
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        subprocess.run([*valgrind, *command, str(rounds)], check=True, capture_output=True)
        totals += map(int, re.findall(r"^totals: (\d+)$", out.read_text(), re.M))
    return (totals[1] - totals[0]) / (MANY - FEW)


def versions():
    """Of the libraries whose instructions are counted too."""
    done = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *LIBRARIES],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip().replace("\n", ", ")


def written_down():
    """(instructions, versions) as last written down, or (None, None)."""
    if not WRITTEN_DOWN.is_file():
        return None, None
    text = WRITTEN_DOWN.read_text()
    (number,) = re.findall(r"^(\d+)$", text, re.M)
    (libraries,) = re.findall(r"^# With (.*)$", text, re.M)
    return int(number), libraries


def write_down(number):
    WRITTEN_DOWN.write_text(
        "# Instructions in user space per 10 KB review over TLS, by hack/bench.sh --write-down.\n"
        f"# hack/bench.sh --quick fails when it counts over {TOLERANCE:.0%} more.\n"
        f"# With {versions()}\n"
        f"{number:.0f}\n"
    )
