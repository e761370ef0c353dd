"""`pullthrough serve` in a container of the chart's memory limit, under what anybody may send.

The build without sanitizers: build/release, which is built here if it isn't there. Where no memory
cgroup can be made (that takes root), the program is told the budget that it would find, and its own
peak is compared. What was measured is printed; `pytest -s` shows it.
"""

import collections
import contextlib
import pathlib
import ssl
import threading
import time

import pytest
import yaml

import memory_group
from crowd import MIB, Crowd, Pulse, large, may_open
from service import ROOT, Services

# One after the other: each has a crowd.
pytestmark = pytest.mark.xdist_group("released")
THREADS = 4
ANSWERS = {"200", "400"}  # 400: no uid was found in it
SHAPES = ("one string", "containers", "nothing but zeros", "deep")


def chart_limit():
    """Bytes: resources.limits.memory of the chart's values."""
    values = yaml.safe_load((ROOT / "charts" / "pullthrough" / "values.yaml").read_text())
    text = values["resources"]["limits"]["memory"]
    assert text.endswith("Mi"), text
    return int(text[:-2]) * MIB


class Contained:
    """A running service, and how much memory it took."""

    def __init__(self, service, group, limit):
        self.service, self.limit = service, limit
        self._group = group
        self._peak = 0
        self._enough = threading.Event()
        self._watcher = threading.Thread(target=self._watch)
        self._watcher.start()

    def _used(self):
        if self._group:
            return self._group.used()
        status = pathlib.Path(f"/proc/{self.service.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return int(fields["RssAnon"].split()[0]) * 1024

    def _watch(self):
        while not self._enough.wait(0.005):
            with contextlib.suppress(OSError, KeyError):  # it has just ended
                self._peak = max(self._peak, self._used())

    def forget_peak(self):
        if self._group:
            self._group.forget_peak()
        self._peak = 0

    def peak_mib(self):
        """As sampled, or as the kernel remembers it."""
        return max(self._peak, self._group.peak() if self._group else 0) / MIB

    def is_well(self):
        """It runs, nobody was killed, and it stayed below the limit."""
        assert self.service.process.poll() is None, "the program was killed"
        assert not self._group or self._group.kills() == 0
        assert self.peak_mib() * MIB < self.limit

    def stop_watching(self):
        self._enough.set()
        self._watcher.join()


@pytest.fixture(name="contained")
def _contained(released, certs, tmp_path):
    """Starts the program in a group of the chart's limit, or of another."""
    with contextlib.ExitStack() as stack:

        def start(limit=None, **server):
            limit = limit or chart_limit()
            group, program = None, released
            if memory_group.version():
                group = stack.enter_context(memory_group.MemoryGroup(limit))
                program = group.wrapper(tmp_path, released)
            else:
                server = {"requestMemory": "66MiB", **server}
            services = Services(program, certs, tmp_path)
            stack.callback(services.end)
            service = services.start(server={"threads": THREADS, "drain": "0s", **server},
                                     log={"level": "debug"})  # fmt: skip
            made = Contained(service, group, limit)
            stack.callback(made.stop_watching)
            return made

        yield start


@pytest.fixture(name="crowd")
def _crowd(certs):
    made = []
    context = ssl.create_default_context(cafile=certs.ca)

    def of(service):
        made.append(Crowd(service, context))
        return made[-1]

    yield of
    for each in made:
        each.close()


def tell(contained, what, pulse, heard=None):
    answered = ", ".join(f"{count} x {name}" for name, count in sorted(pulse.answered.items()))
    print(f"{what}: peak {contained.peak_mib():.0f} of {contained.limit / MIB:.0f} MiB; answered"
          f" {answered}, the slowest after {pulse.slowest_s * 1000:.0f} ms, failed {len(pulse.failed)}"
          + (f"; the crowd heard {dict(heard)}" if heard else ""))  # fmt: skip


def test_the_limit_and_the_budget_follow_from_one_another(contained):
    """The chart's limit holds a body of the largest size, every connection, and some more."""
    if not memory_group.version():
        pytest.skip("a memory cgroup takes root")
    service = contained().service
    (limits,) = service.log("limits")
    assert limits["memoryLimit"] == chart_limit()
    assert limits["maxBody"] == 8 * MIB and limits["maxConnections"] == 4096
    assert limits["requestMemory"] >= 8 * 8 * MIB
    assert not [r for r in service.log() if r["level"] == "warn"]


def test_a_small_limit_shrinks_what_is_allowed_and_says_so(contained, crowd):
    if not memory_group.version():
        pytest.skip("a memory cgroup takes root")
    made = contained(limit=128 * MIB)
    service = made.service
    (limits,) = service.log("limits")
    assert limits["maxBody"] < 8 * MIB and limits["maxConnections"] < 4096
    (body,) = service.log("server.maxBody is more than the memory allows, it is less now")
    assert (body["configured"], body["maxBody"]) == (8 * MIB, limits["maxBody"])
    (most,) = service.log("server.maxConnections is more than the memory allows, it is less now")
    assert (most["configured"], most["maxConnections"]) == (4096, limits["maxConnections"])
    with Pulse(service) as pulse, service.webhook() as client:
        # One that is announced too large is refused before it is sent.
        client.begin(bytes(2 * limits["maxBody"]), 0)
        assert b"413" in client.socket.recv(100)
        everybody = crowd(service)
        everybody.incomplete(32, size=limits["maxBody"])
        pulse.beats()
    assert everybody.heard["503"] > 16 and pulse.failed == []
    made.is_well()


def test_64_incomplete_bodies(contained, crowd):
    made = contained()
    with Pulse(made.service) as pulse:
        everybody = crowd(made.service)
        everybody.incomplete(64)
        pulse.beats()
    tell(made, "64 incomplete bodies of 8 MiB", pulse, everybody.heard)
    assert set(everybody.heard) <= {"503", "silent"} and everybody.heard["503"] >= 40
    assert pulse.failed == []
    refused = made.service.metrics().value("pullthrough_requests_refused_total")
    assert refused == everybody.heard["503"]
    made.is_well()


@pytest.mark.parametrize("shape", SHAPES)
def test_12_large_reviews_at_once(contained, crowd, shape):
    made = contained()
    body = large(8 * MIB, shape)
    with Pulse(made.service) as pulse:
        everybody = crowd(made.service)
        everybody.reviews(12, body)
        pulse.beats()
    tell(made, f"12 reviews of {len(body) / MIB:.1f} MiB, {shape}", pulse, everybody.heard)
    assert set(everybody.heard) <= ANSWERS | {"503"}
    assert sum(everybody.heard[status] for status in ANSWERS) >= 6
    assert pulse.failed == []
    made.is_well()


@pytest.mark.parametrize("size", [MIB // 4, MIB, 4 * MIB, 8 * MIB], ids=lambda n: f"{n // 1024}KiB")
def test_memory_by_shape_and_size(contained, crowd, size):
    """For the figures; the bound itself is core's."""
    made = contained()
    for shape in SHAPES:
        with Pulse(made.service) as pulse, crowd(made.service) as everybody:
            pulse.beats(1)
            made.forget_peak()
            everybody.reviews(1, large(size, shape))
            print(f"one review of {size / MIB:g} MiB, {shape}: peak {made.peak_mib():.1f} MiB")
        assert set(everybody.heard) <= ANSWERS and pulse.failed == []
    made.is_well()


def test_4096_idle_connections(contained, crowd):
    may_open(12000)
    made = contained()
    with Pulse(made.service) as pulse:
        everybody = crowd(made.service)
        everybody.idle(4096)
        pulse.beats()
    tell(made, "4,096 idle connections", pulse, everybody.heard)
    assert everybody.heard == {"connected": 4096}
    assert pulse.failed == []
    made.is_well()


def test_what_nobody_counts(contained, crowd):
    """Unfinished handshakes take two and a half times a connection's share; then the bodies come."""
    may_open(12000)
    made = contained()
    with Pulse(made.service) as pulse:
        handshakes, bodies = crowd(made.service), crowd(made.service)
        handshakes.half_handshakes(4096)
        bodies.incomplete(64)
        pulse.beats()
    tell(made, "4,096 unfinished handshakes, and 64 incomplete bodies", pulse, bodies.heard)
    assert pulse.failed == []
    made.is_well()


def test_clients_that_take_no_answer(contained, crowd):
    """What lies in their sockets is in no process's size, but in the container's (version 2)."""
    may_open(12000)
    made = contained()
    with Pulse(made.service) as pulse:
        everybody = crowd(made.service)
        everybody.untaken(1600)
        pulse.beats()
    tell(made, "1,600 clients that take no answer", pulse, everybody.heard)
    assert everybody.heard["closed"] > 400
    assert pulse.failed == []
    made.is_well()


def test_all_of_them_together(contained, crowd):
    may_open(12000)
    made = contained()
    body = large(8 * MIB, "containers")
    with Pulse(made.service) as pulse:
        crowds = [crowd(made.service) for _ in range(3)]
        crowds[0].idle(4096)
        works = [
            threading.Thread(target=crowds[0].idle, args=(1024,)),
            threading.Thread(target=crowds[1].incomplete, args=(64,)),
            threading.Thread(target=crowds[2].reviews, args=(12, body)),
        ]
        for work in works:
            work.start()
        for work in works:
            work.join()
        pulse.beats()
    heard = sum((each.heard for each in crowds), start=collections.Counter())
    tell(made, "all of them together", pulse, heard)
    assert pulse.failed == []
    made.is_well()
    began = time.monotonic()
    made.service.end()
    print(f"stopped in {time.monotonic() - began:.2f} s, with all of them connected")
